/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>

#include "base/random.h"
#include "fixture.h"
#include "quality/quality.h"

#define BOOTSTRAP_BOUND                                                                            \
    0.004 /* two bootstraps of other random numbers differ by about this much                      \
           */

static double *scores_of(const json_t *row, size_t n, bool zero_one)
{
    double *x = FR_NEW_N(double, n);
    long long step = json_integer_value(json_object_get(row, "step"));
    size_t hits = (size_t)json_integer_value(json_object_get(row, "hits"));
    for (size_t i = 0; i < n; i++)
        x[i] = zero_one ? (double)(i < hits) : (double)((long long)i * step % 101) / 101.0;
    return x;
}

static void intervals_agree_with_scipy(void **state)
{
    (void)state;
    char *path = fixture_path("quality/intervals.jsonl");
    FR_AUTO(fr_buf) file = { 0 };
    assert_int_equal(fr_file_read(path, 1 << 20, &file, NULL), 0);
    free(path);
    fr_str rest = fr_buf_str(&file);
    for (json_t *row; (row = next_row(&rest)) != NULL; json_decref(row)) {
        bool wilson = fr_str_is(text_in(row, "kind"), "wilson");
        size_t n = (size_t)json_integer_value(json_object_get(row, "n"));
        double *x = scores_of(row, n, wilson);
        fr_interval ci = fr_interval_of(x, n, 7);
        double bound = wilson ? 1e-12 : BOOTSTRAP_BOUND;
        assert_true(fabs(ci.low - json_number_value(json_object_get(row, "low"))) < bound);
        assert_true(fabs(ci.high - json_number_value(json_object_get(row, "high"))) < bound);
        assert_int_equal(ci.n, n);
        free(x);
    }
}

static void an_interval_depends_on_rows_and_seed_alone(void **state)
{
    (void)state;
    double x[50];
    for (size_t i = 0; i < 50; i++)
        x[i] = fr_random_f64(1, FR_RANDOM_TEST, 0, i);
    fr_interval a = fr_interval_of(x, 50, 3), b = fr_interval_of(x, 50, 3);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_true(a.low < a.value && a.value < a.high);
    assert_true(fr_interval_of(x, 50, 4).low != a.low);
}

/* Coverage: of 300 samples with a known mean, about 95% of the intervals hold it. */
static void intervals_hold_the_true_mean_about_nineteen_times_in_twenty(void **state)
{
    (void)state;
    int held_graded = 0, held_shares = 0;
    for (uint64_t s = 0; s < 300; s++) {
        double graded[60], shares[60];
        for (size_t i = 0; i < 60; i++) {
            graded[i] = fr_random_f64(s, FR_RANDOM_TEST, 1, i);
            shares[i] = fr_random_f64(s, FR_RANDOM_TEST, 2, i) < 0.8;
        }
        fr_interval g = fr_interval_of(graded, 60, s), h = fr_interval_of(shares, 60, s);
        held_graded += g.low <= 0.5 && 0.5 <= g.high;
        held_shares += h.low <= 0.8 && 0.8 <= h.high;
    }
    assert_in_range(held_graded, 270, 297);
    assert_in_range(held_shares, 270, 297);
}

static void rows_that_differ_together_show_a_small_difference(void **state)
{
    (void)state;
    double a[200], b[200];
    for (size_t i = 0; i < 200; i++) {
        b[i] = fr_random_f64(9, FR_RANDOM_TEST, 0, i);
        a[i] = b[i] + 0.01 + 0.02 * (fr_random_f64(9, FR_RANDOM_TEST, 1, i) - 0.5);
    }
    fr_interval d = fr_interval_paired(a, b, 200, 1);
    assert_false(fr_interval_is_tie(d));
    assert_true(d.low > 0.005 && d.high < 0.015);
    assert_true(fr_interval_is_tie(fr_interval_paired(a, a, 200, 1)));
    assert_true(fr_interval_is_tie(fr_interval_paired(a, b, 0, 1)));
}

static void a_target_is_met_by_the_end_of_the_interval_not_by_the_mean(void **state)
{
    (void)state;
    fr_interval ci = { .value = 0.85, .low = 0.80, .high = 0.90, .n = 100 };
    assert_int_equal(fr_target_of(ci, FR_BETTER_HIGHER, 0.80), FR_TARGET_MET);
    assert_int_equal(fr_target_of(ci, FR_BETTER_HIGHER, 0.81), FR_TARGET_MISSED);
    fr_interval perplexity = { .value = 11, .low = 10, .high = 12, .n = 100 };
    assert_int_equal(fr_target_of(perplexity, FR_BETTER_LOWER, 12), FR_TARGET_MET);
    assert_int_equal(fr_target_of(perplexity, FR_BETTER_LOWER, 11), FR_TARGET_MISSED);
    ci.n = 29;
    assert_int_equal(fr_target_of(ci, FR_BETTER_HIGHER, 0.1), FR_TARGET_UNDECIDED);
    assert_int_equal(fr_target_of(fr_interval_of(NULL, 0, 0), FR_BETTER_HIGHER, 0.1),
                     FR_TARGET_UNDECIDED);
    assert_string_equal(fr_target_name(FR_TARGET_UNDECIDED), "undecided");
}

/* Wilson's interval of 147 of 180 ends below 0.80; that of 0.8167 of the rows told does not. */
static void the_rows_that_would_decide_are_told(void **state)
{
    (void)state;
    static double scores[20000];
    for (size_t i = 0; i < 180; i++)
        scores[i] = i < 147;
    fr_interval ci = fr_interval_of(scores, 180, 1);
    size_t rows = fr_target_rows(ci, FR_BETTER_HIGHER, 0.80);
    assert_in_range(rows, 2000, 3000);
    for (size_t i = 0; i < rows * 2; i++)
        scores[i] = i % 180 < 147;
    assert_int_equal(fr_target_of(fr_interval_of(scores, rows * 2, 1), FR_BETTER_HIGHER, 0.80),
                     FR_TARGET_MET);
    assert_int_equal(fr_target_of(fr_interval_of(scores, rows / 2, 1), FR_BETTER_HIGHER, 0.80),
                     FR_TARGET_MISSED);
    assert_int_equal(fr_target_rows(ci, FR_BETTER_HIGHER, 0.82), 0);
    assert_int_equal(fr_target_rows(fr_interval_of(NULL, 0, 0), FR_BETTER_HIGHER, 0.1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_agree_with_scipy),
        cmocka_unit_test(an_interval_depends_on_rows_and_seed_alone),
        cmocka_unit_test(intervals_hold_the_true_mean_about_nineteen_times_in_twenty),
        cmocka_unit_test(rows_that_differ_together_show_a_small_difference),
        cmocka_unit_test(a_target_is_met_by_the_end_of_the_interval_not_by_the_mean),
        cmocka_unit_test(the_rows_that_would_decide_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
