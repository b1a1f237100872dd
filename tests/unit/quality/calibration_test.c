/* Calibration, against scikit-learn and SciPy on 200 rows (make_calibration_golden.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fixture.h"

#include <math.h>
#include <stdio.h>

#include "quality/calibration.h"
#include "quality/quality.h"

enum { ROWS = 200, CLASSES = 3 };

static void figures_are_those_of_scikit_learn(void **state)
{
    (void)state;
    double want[6], p[ROWS * CLASSES], sure[ROWS], correct[ROWS];
    size_t truth[ROWS];
    FILE *f = fopen(FR_SOURCE_DIR "/tests/fixtures/quality/calibration.txt", "r");
    assert_non_null(f);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(fscanf(f, "%lf", &want[i]), 1);
    for (size_t i = 0; i < ROWS; i++) {
        double *row = &p[i * CLASSES];
        assert_int_equal(fscanf(f, "%lf %lf %lf %zu", &row[0], &row[1], &row[2], &truth[i]), 4);
        size_t best = 0;
        for (size_t k = 1; k < CLASSES; k++)
            best = row[k] > row[best] ? k : best;
        sure[i] = row[best];
        correct[i] = best == truth[i];
    }
    fclose(f);
    fr_calibration c = fr_calibration_of(sure, correct, ROWS, FR_CALIBRATION_BINS);
    fr_interval accuracy = fr_interval_of(correct, ROWS, 1);
    assert_float_equal(c.ece, want[0], 1e-9);
    assert_float_equal(c.brier, want[1], 1e-9);
    assert_float_equal(fr_brier_of_classes(p, truth, ROWS, CLASSES), want[2], 1e-9);
    assert_float_equal(accuracy.value, want[3], 1e-12);
    assert_float_equal(accuracy.low, want[4], 1e-9);
    assert_float_equal(accuracy.high, want[5], 1e-9);
}

static void one_who_is_right_as_often_as_he_says_has_no_error(void **state)
{
    (void)state;
    double sure[4] = { 0.75, 0.75, 0.75, 0.75 }, correct[4] = { 1, 0, 1, 1 };
    fr_calibration c = fr_calibration_of(sure, correct, 4, 10);
    assert_float_equal(c.ece, 0, 1e-15);
    assert_float_equal(c.brier, (3 * 0.0625 + 0.5625) / 4, 1e-15);
    assert_int_equal(c.bins[7].n, 4); /* (0.7, 0.8] */
}

static void rows_without_a_confidence_are_passed_over(void **state)
{
    (void)state;
    double sure[3] = { NAN, 1, 0 }, correct[3] = { 1, 1, 1 };
    fr_calibration c = fr_calibration_of(sure, correct, 3, 15);
    assert_int_equal(c.n, 2);
    assert_float_equal(c.ece, 0.5, 1e-15);
    c = fr_calibration_of(sure, correct, 1, 15);
    assert_true(isnan(c.ece) && isnan(c.brier) && c.n == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_scikit_learn),
        cmocka_unit_test(one_who_is_right_as_often_as_he_says_has_no_error),
        cmocka_unit_test(rows_without_a_confidence_are_passed_over),
    };
    return cmocka_run_group_tests_name("calibration", tests, NULL, NULL);
}
