/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "prompt/halving.h"

/* A scripted scorer: arm `planted` is right with probability 0.80, each other one with less. A
 * row's difficulty is shared by all arms, as it is with real rows. */
typedef struct {
    uint64_t seed;
    size_t planted, n_asked;
    double best, most; /* of the planted one, of the best of the others */
    bool graded;
    unsigned char *seen; /* [arms * rows] */
    size_t n_rows;
} script;

static double right(const script *s, size_t arm, uint32_t row)
{
    double p = arm == s->planted
                   ? s->best
                   : s->most * (0.6 + 0.4 * fr_random_f64(s->seed, FR_RANDOM_TEST, 1, arm));
    double hard = fr_random_f64(s->seed, FR_RANDOM_TEST, 2, row);
    double luck = fr_random_f64(s->seed, FR_RANDOM_TEST, 3 + arm, row);
    double mixed = 0.5 * hard + 0.5 * luck; /* triangular on [0, 1]: its quantile is asked */
    double at = p < 0.5 ? sqrt(p / 2) : 1 - sqrt((1 - p) / 2);
    return mixed < at ? 1 : 0;
}

static int score(void *user, size_t arm, const uint32_t *rows, size_t n, double *scores,
                 fr_err *err)
{
    script *s = user;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(s->seen[arm * s->n_rows + rows[i]], 0);
        s->seen[arm * s->n_rows + rows[i]] = 1;
        scores[i] = right(s, arm, rows[i]) * (s->graded ? 0.9 : 1);
        s->n_asked++;
    }
    return 0;
}

static fr_halving_result run(script *s, size_t n_arms, size_t n_rows, fr_better better)
{
    fr_halving h = { .n_arms = n_arms,
                     .n_rows = n_rows,
                     .better = better,
                     .seed = s->seed,
                     .score = score,
                     .user = s };
    fr_halving_result r;
    s->seen = fr_array(n_arms, n_rows);
    s->n_rows = n_rows;
    assert_int_equal(fr_halving_run(&h, &r, NULL), 0);
    assert_int_equal(r.n_scored, s->n_asked);
    free(s->seen);
    return r;
}

/* The figure that docs/performance.md states: 95 of 100 at a third of the cost. */
static void the_planted_best_of_32_is_found_at_a_third_of_the_cost(void **state)
{
    (void)state;
    size_t found = 0, most = 0, all = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        script s = { .seed = seed, .planted = (size_t)(seed * 7 % 32), .best = 0.80, .most = 0.60 };
        fr_halving_result r = run(&s, 32, 96, FR_BETTER_HIGHER);
        found += r.best == s.planted;
        most = FR_MAX(most, r.n_scored);
        all += r.n_scored;
        fr_halving_result_fini(&r);
    }
    print_message("%zu of 100 found; %.3f of the full cost in the mean, at most %.3f\n", found,
                  (double)all / (100 * 32 * 96), (double)most / (32 * 96));
    assert_true(found >= 95);
    assert_true(most * 3 <= 32 * 96);
}

static void a_result_tells_who_left_when_and_in_which_order_they_stand(void **state)
{
    (void)state;
    script s = { .seed = 5, .planted = 3, .best = 0.9, .most = 0.5 };
    fr_halving_result r = run(&s, 16, 64, FR_BETTER_HIGHER);
    assert_int_equal(r.best, 3);
    assert_int_equal(r.order[0], 3);
    assert_int_equal(r.arms[3].left_in_round, 0);
    bool there[16] = { false };
    for (size_t i = 0; i < 16; i++) {
        assert_true(r.order[i] < 16 && !there[r.order[i]]);
        there[r.order[i]] = true;
        if (i > 0 && r.arms[r.order[i]].left_in_round != 0)
            assert_true(r.arms[r.order[i]].n_rows <= r.arms[r.order[i - 1]].n_rows);
    }
    double p = 0;
    fr_interval lead = fr_lead_of(r.arms[3].scores, r.arms[r.order[15]].scores,
                                  r.arms[r.order[15]].n_rows, FR_BETTER_HIGHER, 1, &p);
    assert_true(lead.value > 0);
    fr_halving_result_fini(&r);
}

static void lower_can_be_better_and_scores_need_not_be_0_or_1(void **state)
{
    (void)state;
    script s = { .seed = 8, .planted = 2, .best = 0.1, .most = 0.9, .graded = true };
    fr_halving_result r = run(&s, 8, 80, FR_BETTER_LOWER);
    assert_int_equal(r.best, 2);
    fr_halving_result_fini(&r);
}

static void one_arm_or_few_rows_are_fine_and_none_is_an_error(void **state)
{
    (void)state;
    script s = { .seed = 1, .planted = 0, .best = 0.9, .most = 0.1 };
    fr_halving_result r = run(&s, 1, 3, FR_BETTER_HIGHER);
    assert_int_equal(r.best, 0);
    assert_int_equal(r.n_scored, 3);
    fr_halving_result_fini(&r);
    fr_err err = { 0 };
    fr_halving h = { .n_rows = 3 };
    assert_int_equal(fr_halving_run(&h, &r, &err), FR_E_USAGE);
}

static double dear(void *user, size_t arm)
{
    (void)user;
    return arm == 1 ? 10 : 20;
}

static int all_right(void *user, size_t arm, const uint32_t *rows, size_t n, double *scores,
                     fr_err *err)
{
    (void)user;
    (void)arm;
    (void)rows;
    (void)err;
    for (size_t i = 0; i < n; i++)
        scores[i] = 1;
    return 0;
}

static void of_equals_the_cheaper_one_wins(void **state)
{
    (void)state;
    fr_halving h = { .n_arms = 3, .n_rows = 20, .score = all_right, .cost = dear };
    fr_halving_result r;
    assert_int_equal(fr_halving_run(&h, &r, NULL), 0);
    assert_int_equal(r.best, 1);
    fr_halving_result_fini(&r);
}

/* The two-sided value of few discordant pairs is a sum of binomial coefficients that can be written
 * down. */
static void mcnemar_is_exact(void **state)
{
    (void)state;
    double a[10] = { 1, 1, 1, 1, 1, 1, 0, 1, 0, 1 }, b[10] = { 0, 0, 0, 0, 0, 0, 1, 1, 0, 1 };
    /* 6 against 1 of 7: 2 * (1 + 7) / 128 */
    assert_true(fabs(fr_mcnemar(a, b, 10) - 0.125) < 1e-12);
    assert_true(fabs(fr_mcnemar(b, a, 10) - 0.125) < 1e-12);
    assert_true(fr_mcnemar(a, a, 10) == 1);
    /* 5 against 0: 2 / 32 */
    assert_true(fabs(fr_mcnemar(a, b, 5) - 0.0625) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_planted_best_of_32_is_found_at_a_third_of_the_cost),
        cmocka_unit_test(a_result_tells_who_left_when_and_in_which_order_they_stand),
        cmocka_unit_test(lower_can_be_better_and_scores_need_not_be_0_or_1),
        cmocka_unit_test(one_arm_or_few_rows_are_fine_and_none_is_an_error),
        cmocka_unit_test(of_equals_the_cheaper_one_wins),
        cmocka_unit_test(mcnemar_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
