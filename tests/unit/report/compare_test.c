/* Differences between sets of runs, and figures per unit of work. */
#include "ledger/ledger_place.h"

#include <math.h>
#include <string.h>

#include "report/compare.h"
#include "report/effect.h"
#include "report/series.h"

#define S   ((int64_t)1000000000)
#define DAY ((int64_t)1761350400 * S)

static void assert_near(double value, double wanted, double within)
{
    if (!(fabs(value - wanted) <= within))
        fail_msg("%.9g is not %.9g", value, wanted);
}

/* The numbers are scipy 1.17.1's: tests/fixtures/report/ratio_scipy.py. */
static void few_repeats_have_welchs_interval(void **state)
{
    (void)state;
    static const double A[] = { 10.0, 10.4, 9.8, 10.1 }, B[] = { 8.9, 9.3, 9.0 };
    fr_interval i = fr_interval_ratio(A, 4, B, 3, 1);
    assert_near(i.value, -0.1000827130, 1e-9);
    assert_near(i.low, -0.1420236868, 1e-9);
    assert_near(i.high, -0.0560915132, 1e-9);
    assert_int_equal(i.n, 3);
    i = fr_interval_ratio(A, 1, B, 3, 1);
    assert_true(isnan(i.low) && isnan(i.high)); /* one run has no spread */
    assert_near(i.value, 9.0666667 / 10 - 1, 1e-7);
    assert_true(isnan(fr_interval_ratio(A, 0, B, 3, 1).value));
}

static void many_repeats_have_a_bootstrap_that_holds_the_truth(void **state)
{
    (void)state;
    double a[40], b[40];
    for (int i = 0; i < 40; i++) {
        a[i] = 100 + (i * 37 % 41 - 20) * 0.5;
        b[i] = 80 + (i * 23 % 41 - 20) * 0.5;
    }
    fr_interval i = fr_interval_ratio(a, 40, b, 40, 7);
    assert_near(i.value, -0.2, 0.01);
    assert_true(i.low < -0.2 && i.high > -0.2 && i.high - i.low < 0.06);
    fr_interval same = fr_interval_ratio(a, 40, a, 40, 7);
    assert_true(fr_interval_is_tie(same));
}

static void record(fr_ledger *l, const char *name, int64_t start, double joules, double cpu_s,
                   fr_method method, double answers)
{
    fr_err err = { 0 };
    fr_run_record run = { .kind = "meter",
                          .name = name,
                          .zone = "FR",
                          .intensity_g_per_kwh = 36,
                          .pue = 1,
                          .start_unix_ns = start };
    int64_t uj = (int64_t)(joules * 1e6);
    fr_bucket b = { "cpu", "cpu",       "active",     start,  start + 10 * S,
                    uj,    uj * 9 / 10, uj * 11 / 10, method, "counter" };
    assert_int_equal(fr_ledger_begin(l, &run, &err), 0);
    assert_int_equal(fr_ledger_add(l, run.id, &b, 1, &err), 0);
    if (answers > 0)
        fr_ledger_note(l, run.id, "work", "answers", answers, NULL, &err);
    run.status = "done";
    run.end_unix_ns = start + 10 * S;
    run.duration_s = 10;
    run.cpu_s = cpu_s;
    assert_int_equal(fr_ledger_end(l, &run, &err), 0);
}

static fr_comparison compared(fr_ledger *l, const char *a, const char *b, const char *unit)
{
    FR_AUTO(fr_sample) left = { 0 };
    FR_AUTO(fr_sample) right = { 0 };
    fr_err err = { 0 };
    if (fr_sample_of(l, a, unit, &left, &err) != 0 || fr_sample_of(l, b, unit, &right, &err) != 0)
        fail_msg("%s", err.what);
    return fr_compare(&left, &right);
}

static void measured_repeats_are_judged_by_energy(void **state)
{
    fr_ledger *l = ledger_at(*state);
    for (int i = 0; i < 5; i++) {
        record(l, "old", DAY + i * 60 * S, 1000 + 10 * i, 5, FR_METHOD_MEASURED, 0);
        record(l, "new", DAY + i * 60 * S, 800 + 10 * i, 6, FR_METHOD_MEASURED, 0);
        record(l, "same", DAY + i * 60 * S, 1005 + 10 * (4 - i), 5, FR_METHOD_MEASURED, 0);
    }
    fr_comparison c = compared(l, "old", "new", NULL);
    assert_int_equal(c.grade, FR_GRADE_A);
    assert_string_equal(c.judged, "energy");
    assert_false(c.tie);
    assert_near(c.by.value, -200.0 / 1020, 1e-9);
    assert_true(c.by.high < 0);
    c = compared(l, "old", "same", NULL);
    assert_true(c.tie);
    assert_non_null(strstr(c.why, "holds 0"));
    fr_ledger_close(l);
}

static void modelled_runs_are_judged_by_processor_time(void **state)
{
    fr_ledger *l = ledger_at(*state);
    for (int i = 0; i < 3; i++) {
        record(l, "old", DAY + i * 60 * S, 1000, 5 + 0.01 * i, FR_METHOD_MODELLED, 0);
        record(l, "new", DAY + i * 60 * S, 500, 5.2 + 0.01 * i, FR_METHOD_MEASURED, 0);
        record(l, "short", DAY + i * 60 * S, 5, 0.002 * (i + 1), FR_METHOD_MODELLED, 0);
        record(l, "tiny", DAY + i * 60 * S, 5, 0.009, FR_METHOD_MODELLED, 0);
    }
    fr_comparison c = compared(l, "old", "new", NULL);
    assert_int_equal(c.grade, FR_GRADE_B);
    assert_string_equal(c.judged, "processor time");
    assert_false(c.tie); /* half the energy, by the model, says nothing; 4% more work does */
    assert_near(c.by.value, 0.2 / 5.01, 1e-9);
    assert_true(compared(l, "short", "tiny", NULL).tie);
    fr_ledger_close(l);
}

static void one_run_a_side_has_no_interval(void **state)
{
    fr_ledger *l = ledger_at(*state);
    record(l, "a", DAY, 1000, 5, FR_METHOD_MEASURED, 10);
    record(l, "b", DAY, 1150, 5, FR_METHOD_MEASURED, 20);
    record(l, "c", DAY, 2000, 5, FR_METHOD_MEASURED, 0);
    fr_comparison c = compared(l, "a", "b", NULL);
    assert_true(c.tie); /* 900 to 1100 and 1035 to 1265 touch */
    assert_non_null(strstr(c.why, "touch"));
    assert_false(compared(l, "a", "c", NULL).tie);
    c = compared(l, "a", "b", "answers"); /* 100 against 57.5 J an answer */
    assert_near(c.by.value, 57.5 / 100 - 1, 1e-9);
    FR_AUTO(fr_sample) none = { 0 };
    fr_err err = { 0 };
    assert_int_equal(fr_sample_of(l, "c", "answers", &none, &err), FR_E_NOT_FOUND);
    assert_non_null(strstr(err.what, "per answers"));
    assert_int_equal(fr_sample_of(l, "nobody", NULL, &none, &err), FR_E_NOT_FOUND);
    fr_ledger_close(l);
}

/* 36 g/kWh: a kJ is 0.01 g. A run of 10 s that begins 4 s before midnight lies in two days. */
static void a_series_has_totals_beside_the_figure_per_unit(void **state)
{
    fr_ledger *l = ledger_at(*state);
    fr_err err = { 0 };
    record(l, "a", DAY + 3600 * S, 1000, 5, FR_METHOD_MEASURED, 0);
    record(l, "b", DAY + 7200 * S, 3000, 5, FR_METHOD_MODELLED, 8);
    record(l, "c", DAY + (86400 - 4) * S, 1000, 5, FR_METHOD_MEASURED, 4);
    fr_unit units[] = { { "orders", 200, DAY, DAY + 86400 * S, NULL, NULL },
                        { "orders", 100, DAY + 86400 * S, DAY + 2 * 86400 * S, NULL, NULL },
                        { "orders", 7, DAY + 5 * 86400 * S, DAY + 6 * 86400 * S, NULL, NULL } };
    assert_int_equal(fr_ledger_units_add(l, units, 3, &err), 0);
    FR_AUTO(fr_series) s = { 0 };
    assert_int_equal(fr_series_of(l, "orders", &s, &err), 0);
    assert_int_equal(s.n, 3);
    assert_near(s.at[0].energy_j, 4400, 1e-6);
    assert_near(s.at[0].carbon_g, 0.044, 1e-9);
    assert_near(s.at[0].g_per_unit, 0.044 / 200, 1e-12);
    assert_int_equal(s.at[0].method, FR_METHOD_MIXED);
    assert_near(s.at[1].energy_j, 600, 1e-6);
    assert_true(s.at[2].n_runs == 0 && isnan(s.at[2].g_per_unit)); /* no run: unknown, not 0 */
    FR_AUTO(fr_series) counted = { 0 };
    assert_int_equal(fr_series_of(l, "answers", &counted, &err), 0);
    assert_int_equal(counted.n, 1);
    assert_true(counted.at[0].counted && counted.at[0].units == 12);
    assert_near(counted.at[0].j_per_unit, 4000.0 / 12, 1e-9); /* of the two that counted */
    fr_ledger_close(l);
}

static void a_change_is_told_by_its_own_time(void **state)
{
    fr_ledger *l = ledger_at(*state);
    for (int i = 0; i < 3; i++) {
        record(l, "job", DAY + i * 60 * S, 1000 + i, 5, FR_METHOD_MEASURED, 0);
        record(l, "job", DAY + (1000 + i * 60) * S, 800 + i, 5, FR_METHOD_MEASURED, 0);
        record(l, "job", DAY + (2000 + i * 60) * S, 400 + i, 5, FR_METHOD_MEASURED, 0);
        record(l, "new", DAY + (2000 + i * 60) * S, 7, 5, FR_METHOD_MEASURED, 0);
    }
    assert_int_equal(fr_ledger_change(l, DAY + 1900 * S, "second", NULL), 0);
    assert_int_equal(fr_ledger_change(l, DAY + 900 * S, "first", NULL), 0);
    assert_int_equal(fr_ledger_change(l, DAY + 9000 * S, "nothing since", NULL), 0);
    FR_AUTO(fr_effects) e = { 0 };
    assert_int_equal(fr_effects_of(l, &e, NULL), 0);
    assert_int_equal(e.n, 2); /* "new" has no before */
    assert_string_equal(e.at[0].text, "first");
    assert_true(e.at[0].n_before == 3 && e.at[0].n_after == 3);
    assert_near(e.at[0].c.by.value, -200.0 / 1001, 1e-9);
    assert_string_equal(e.at[1].text, "second");
    assert_near(e.at[1].c.by.value, -400.0 / 801, 1e-9); /* not against all before it */
    assert_false(e.at[1].c.tie);
    fr_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_repeats_have_welchs_interval),
        cmocka_unit_test(many_repeats_have_a_bootstrap_that_holds_the_truth),
        WITH_PLACE(measured_repeats_are_judged_by_energy),
        WITH_PLACE(modelled_runs_are_judged_by_processor_time),
        WITH_PLACE(one_run_a_side_has_no_interval),
        WITH_PLACE(a_change_is_told_by_its_own_time),
        WITH_PLACE(a_series_has_totals_beside_the_figure_per_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
