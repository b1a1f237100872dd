/* The threshold of a cascade, against all thresholds that there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fixture.h"

#include <math.h>

#include "base/random.h"
#include "choose/cascade_rule.h"

enum { ROWS = 24 };

typedef struct {
    double sure[ROWS], small[ROWS], large[ROWS];
} rows;

static void cascade_at(const rows *x, double threshold, double *sum, size_t *n_escalated)
{
    *sum = 0;
    *n_escalated = 0;
    for (size_t i = 0; i < ROWS; i++) {
        bool up = fr_cascade_escalates(x->sure[i], threshold);
        *sum += up ? x->large[i] : x->small[i];
        *n_escalated += up;
    }
}

static void drawn(uint64_t seed, rows *x)
{
    for (size_t i = 0; i < ROWS; i++) {
        double u[4];
        for (size_t k = 0; k < 4; k++)
            u[k] = fr_random_f64(seed, FR_RANDOM_TEST, i, k);
        x->sure[i] = u[3] < 0.05 ? NAN : floor(u[0] * 12) / 12; /* with draws */
        x->small[i] = u[1] < x->sure[i];
        x->large[i] = seed % 2 != 0 ? u[2] < 0.8 : floor(u[2] * 4) / 4;
    }
}

/* No threshold that escalates fewer rows scores as well as the large model alone. */
static void the_threshold_is_the_least_that_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        rows x;
        double sum = 0, all = 0;
        size_t n = 0;
        drawn(seed, &x);
        for (size_t i = 0; i < ROWS; i++)
            all += x.large[i];
        fr_cascade_rule rule = fr_cascade_rule_of(x.sure, x.small, x.large, ROWS);
        cascade_at(&x, rule.threshold, &sum, &n);
        assert_int_equal(n, rule.n_escalated);
        assert_float_equal(sum / ROWS, rule.value, 1e-12);
        assert_true(sum >= all - 1e-9);
        for (size_t k = 0; k <= 13; k++) {
            double other = (double)k / 12, s = 0;
            size_t m = 0;
            cascade_at(&x, other, &s, &m);
            if (m < n && s >= all - 1e-9)
                fail_msg("seed %u: %g escalates %zu, not %zu", (unsigned)seed, other, m, n);
        }
    }
}

static void a_small_model_that_is_as_good_never_escalates(void **state)
{
    (void)state;
    double sure[3] = { 0.1, 0.5, 0.9 }, score[3] = { 1, 0, 1 };
    fr_cascade_rule rule = fr_cascade_rule_of(sure, score, score, 3);
    assert_true(rule.threshold == 0 && rule.n_escalated == 0);
}

static void one_that_is_always_wrong_always_does(void **state)
{
    (void)state;
    double sure[2] = { 1, 1 }, small[2] = { 0, 0 }, large[2] = { 1, 1 };
    fr_cascade_rule rule = fr_cascade_rule_of(sure, small, large, 2);
    assert_true(isinf(rule.threshold) && rule.n_escalated == 2 && rule.value == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_threshold_is_the_least_that_loses_nothing),
        cmocka_unit_test(a_small_model_that_is_as_good_never_escalates),
        cmocka_unit_test(one_that_is_always_wrong_always_does),
    };
    return cmocka_run_group_tests_name("cascade_rule", tests, NULL, NULL);
}
