/* The rule of the climb, held against trying everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fixture.h"

#include <math.h>

#include "adapt/climb.h"
#include "base/random.h"

#define RUNGS 7

/* What would be found if a rung were tried. */
typedef struct {
    bool meets;
    double horizon_j;
} truth;

static size_t climb(fr_step *steps, const truth *truths, size_t n, bool never_stop, size_t *tried)
{
    *tried = 0;
    for (;;) {
        size_t next = fr_climb_next(steps, n, never_stop);
        if (next == FR_CLIMB_NONE)
            return fr_climb_chosen(steps, n);
        assert_int_equal(steps[next].state, FR_STEP_NONE);
        steps[next].state = truths[next].meets ? FR_STEP_MET : FR_STEP_MISSED;
        steps[next].horizon_j = truths[next].horizon_j;
        ++*tried;
    }
}

static size_t best_of_all(const fr_step *steps, const truth *truths, size_t n)
{
    size_t best = FR_CLIMB_NONE;
    for (size_t i = 0; i < n; i++) {
        if (steps[i].state != FR_STEP_UNFIT && truths[i].meets &&
            (best == FR_CLIMB_NONE || truths[i].horizon_j < truths[best].horizon_j))
            best = i;
    }
    return best;
}

static void with_true_lower_bounds_the_chosen_rung_is_that_of_trying_all(void **state)
{
    (void)state;
    size_t saved = 0;
    for (uint64_t trial = 0; trial < 20000; trial++) {
        fr_step steps[RUNGS] = { 0 };
        truth truths[RUNGS];
        size_t n = 1 + (size_t)fr_random_below(RUNGS, 7, FR_RANDOM_TEST, trial, 100), fit = 0;
        for (size_t i = 0; i < n; i++) { /* given: bounds that hold, predictions that may be off */
            double u[4];
            for (size_t k = 0; k < 4; k++)
                u[k] = fr_random_f64(7, FR_RANDOM_TEST, trial, i * 4 + k);
            truths[i] = (truth){ u[0] < 0.5, exp(6 * u[1]) };
            steps[i] = (fr_step){ .state = u[2] < 0.1 ? FR_STEP_UNFIT : FR_STEP_NONE,
                                  .low_j = truths[i].horizon_j * u[2],
                                  .predicted_j = truths[i].horizon_j * exp(4 * u[3] - 2),
                                  .horizon_j = NAN };
            fit += steps[i].state == FR_STEP_NONE;
        }
        size_t expected = best_of_all(steps, truths, n), tried = 0;
        size_t chosen = climb(steps, truths, n, false, &tried); /* when */
        assert_int_equal(chosen, expected);                     /* then */
        saved += fit - tried;
    }
    assert_true(saved > 20000); /* and not by trying them all */
}

static void never_stop_tries_every_rung_that_fits(void **state)
{
    (void)state;
    fr_step steps[3] = { { .predicted_j = 3, .low_j = 1, .horizon_j = NAN },
                         { .predicted_j = 1, .low_j = 1, .horizon_j = NAN },
                         { .state = FR_STEP_UNFIT, .predicted_j = 2, .horizon_j = NAN } };
    const truth truths[3] = { { true, 5 }, { true, 0.5 }, { true, 0.1 } };
    size_t tried = 0;
    assert_int_equal(climb(steps, truths, 3, true, &tried), 1);
    assert_int_equal(tried, 2);
}

static void rungs_are_tried_by_predicted_energy_and_the_unknown_ones_last(void **state)
{
    (void)state;
    fr_step steps[4] = { { .predicted_j = NAN, .horizon_j = NAN },
                         { .predicted_j = 30, .horizon_j = NAN },
                         { .predicted_j = 10, .horizon_j = NAN },
                         { .predicted_j = NAN, .horizon_j = NAN } };
    static const size_t ORDER[] = { 2, 1, 0, 3 };
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(fr_climb_next(steps, 4, false), ORDER[k]);
        steps[ORDER[k]].state = FR_STEP_MISSED;
    }
    assert_int_equal(fr_climb_next(steps, 4, false), FR_CLIMB_NONE);
    assert_int_equal(fr_climb_chosen(steps, 4), FR_CLIMB_NONE);
}

static void a_rung_of_unknown_energy_is_chosen_only_when_no_other_met(void **state)
{
    (void)state;
    fr_step steps[2] = { { .state = FR_STEP_MET, .horizon_j = NAN },
                         { .state = FR_STEP_MET, .horizon_j = 1e9 } };
    assert_int_equal(fr_climb_chosen(steps, 2), 1);
    assert_int_equal(fr_climb_chosen(steps, 1), 0);
}

static void a_rung_that_could_still_be_cheaper_is_tried_after_one_that_met(void **state)
{
    (void)state;
    fr_step steps[2] = { { .state = FR_STEP_MET, .predicted_j = 10, .horizon_j = 50 },
                         { .predicted_j = 60, .low_j = 49, .horizon_j = NAN } };
    assert_int_equal(fr_climb_next(steps, 2, false), 1);
    steps[1].low_j = 50; /* no cheaper than what is there */
    assert_int_equal(fr_climb_next(steps, 2, false), FR_CLIMB_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_true_lower_bounds_the_chosen_rung_is_that_of_trying_all),
        cmocka_unit_test(never_stop_tries_every_rung_that_fits),
        cmocka_unit_test(rungs_are_tried_by_predicted_energy_and_the_unknown_ones_last),
        cmocka_unit_test(a_rung_of_unknown_energy_is_chosen_only_when_no_other_met),
        cmocka_unit_test(a_rung_that_could_still_be_cheaper_is_tried_after_one_that_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
