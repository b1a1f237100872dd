/* What people tell a ledger: units, changes, hours of the grid; and ledgers of an earlier version.
 */
#include "ledger/ledger_place.h"

#include <math.h>
#include <string.h>

#include "fixture.h"
#include "store/store.h"

#define S   ((int64_t)1000000000)
#define DAY ((int64_t)1761350400 * S) /* 2025-10-25 */

static void a_ledger_of_version_1_is_brought_up_and_still_verifies(void **state)
{
    const ledger_place *p = *state;
    char *path = fixture_path("ledger/version-1.db");
    char *command = fr_dup_f("cp '%s' '%s'", path, p->file);
    assert_int_equal(system(command), 0);
    free(command);
    free(path);
    fr_ledger *l = ledger_at(p);
    size_t checked = 0, wrong = 0, n = 0;
    fr_err err = { 0 };
    assert_int_equal(fr_ledger_verify(l, stderr, &checked, &wrong, &err), 0);
    assert_int_equal(checked, 3);
    assert_int_equal(wrong, 0);
    FR_AUTO(fr_run_list) runs = { 0 };
    assert_int_equal(fr_ledger_list(l, &(fr_ledger_query){ .top_only = true }, &runs, &err), 0);
    assert_int_equal(runs.n, 2);
    assert_string_equal(runs.at[0].status, "failed");
    assert_string_equal(runs.at[1].zone, "SE");
    assert_int_equal(fr_ledger_change(l, DAY, "a change", &err), 0); /* what version 2 brought */
    fr_unit *units = NULL;
    assert_int_equal(fr_ledger_units(l, NULL, &units, &n, &err), 0);
    assert_int_equal(n, 0);
    fr_units_free(units, n);
    fr_ledger_close(l);
    l = ledger_at(p); /* and again, as a version 2 */
    fr_change *changes = NULL;
    assert_int_equal(fr_ledger_changes(l, &changes, &n, &err), 0);
    assert_int_equal(n, 1);
    fr_changes_free(changes, n);
    fr_ledger_close(l);
}

static void a_unit_told_twice_counts_once(void **state)
{
    fr_ledger *l = ledger_at(*state);
    fr_err err = { 0 };
    fr_unit one = { "orders", 1200, DAY, DAY + 86400 * S, NULL, "by hand" };
    fr_unit *units = NULL;
    size_t n = 0;
    assert_int_equal(fr_ledger_units_add(l, &one, 1, &err), 0);
    one.value = 1250;
    assert_int_equal(fr_ledger_units_add(l, &one, 1, &err), 0);
    assert_int_equal(fr_ledger_units(l, "orders", &units, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_true(units[0].value == 1250 && units[0].run == NULL);
    fr_units_free(units, n);
    static const double NONE[] = { 0, -1, NAN, INFINITY };
    for (size_t i = 0; i < 4; i++) {
        fr_unit pair[2] = { { "answers", 5, DAY, DAY + S, NULL, NULL },
                            { "answers", NONE[i], DAY + S, DAY + 2 * S, NULL, NULL } };
        assert_int_equal(fr_ledger_units_add(l, pair, 2, &err), FR_E_USAGE);
    }
    assert_int_equal(fr_ledger_units(l, "answers", &units, &n, &err), 0);
    assert_int_equal(n, 0); /* all or none */
    fr_units_free(units, n);
    fr_ledger_close(l);
}

static void a_csv_of_units_names_the_line_that_does_not_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text, *named;
        size_t n;
    } CASES[] = {
        { "date,orders,answers\n2026-11-01,1200,50\n2026-11-02,,60\n2026-11-03,0,61\n", NULL, 4 },
        { "date,orders\r\n2026-11-01,1200\r\n", NULL, 1 },
        { "date,orders\n2026-11-01,1200\n02.11.2026,5\n", "line 3: '02.11.2026' is not a date", 0 },
        { "date,orders\n2026-02-30,5\n", "line 2: '2026-02-30' is not a date", 0 },
        { "date,orders\n2026-11-05,5\n2026-11-04,1\n2026-11-05,6\n",
          "2026-11-05 has two rows of orders", 0 },
        { "date,orders\n6026-11-01,1\n", "line 2: '6026-11-01' is not a date", 0 },
        { "date,orders\n2026-11-01,many\n", "line 2: 'many' is not a number", 0 },
        { "date,orders\n2026-11-01,nan\n", "line 2: 'nan' is not a number", 0 },
        { "date,orders\n2026-11-01,-3\n", "line 2: '-3' is below 0", 0 },
        { "date,orders\n2026-11-01,1,2\n", "line 2: 3 fields, the heading has 2", 0 },
        { "date,\n2026-11-01,1\n", "column 2 has no name", 0 },
        { "orders\n5\n", "the heading", 0 },
        { "", "the heading", 0 },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        fr_unit *units = NULL;
        size_t n = 0;
        fr_err err = { 0 };
        int rc = fr_units_parse("m.csv", fr_str_of(CASES[i].text), &units, &n, &err);
        assert_int_equal(rc, CASES[i].named != NULL ? FR_E_FORMAT : 0);
        if (CASES[i].named != NULL && strstr(err.what, CASES[i].named) == NULL)
            fail_msg("'%s' does not say '%s'", err.what, CASES[i].named);
        assert_int_equal(n, CASES[i].n);
        fr_units_free(units, n);
    }
}

static fr_run_record closed_run(fr_ledger *l)
{
    fr_err err = { 0 };
    fr_run_record run = { .kind = "meter",
                          .name = "job",
                          .zone = "FR",
                          .intensity_g_per_kwh = 50,
                          .pue = 1.2,
                          .start_unix_ns = DAY };
    fr_bucket b[2] = { { "cpu", "cpu", "active", DAY, DAY + 1800 * S, 3600000000, 3600000000,
                         3600000000, FR_METHOD_MEASURED, "counter" },
                       { "cpu", "cpu", "active", DAY + 1800 * S, DAY + 3600 * S, 7200000000,
                         7200000000, 7200000000, FR_METHOD_MEASURED, "counter" } };
    assert_int_equal(fr_ledger_begin(l, &run, &err), 0);
    assert_int_equal(fr_ledger_add(l, run.id, b, 2, &err), 0);
    run.status = "done";
    run.end_unix_ns = DAY + 3600 * S;
    run.duration_s = 3600;
    assert_int_equal(fr_ledger_end(l, &run, &err), 0);
    return run;
}

static size_t n_wrong(fr_ledger *l)
{
    size_t checked = 0, wrong = 0;
    assert_int_equal(fr_ledger_verify(l, NULL, &checked, &wrong, NULL), 0);
    return wrong;
}

/* 1 Wh in the first half-hour at 100 g/kWh, 2 Wh in the second, which nobody covers: at 50. */
static void verify_makes_the_sum_over_the_hours_again(void **state)
{
    fr_ledger *l = ledger_at(*state);
    fr_run_record run = closed_run(l);
    double hourly_g = 1.2 * (1e-3 * 100 + 2e-3 * 50), marginal_g = 1.2 * 1e-3 * 700;
    fr_ledger_note(l, run.id, "hour", "average 2025-10-25T00:00:00Z 1800", 100, "x", NULL);
    fr_ledger_note(l, run.id, "account", "hourly_g", hourly_g, "x", NULL);
    fr_ledger_note(l, run.id, "hour", "marginal 2025-10-25T00:00:00Z 1800", 700, "x", NULL);
    fr_ledger_note(l, run.id, "account", "marginal_g", marginal_g, "x", NULL);
    assert_int_equal(n_wrong(l), 0);
    fr_ledger_note(l, run.id, "hour", "average 2025-10-25T00:30:00Z 1800", 60, "x", NULL);
    assert_int_equal(n_wrong(l), 1); /* another hour, and the line is another */
    assert_int_equal(fr_ledger_forget(l, run.id, "hour", "average ", NULL), 0);
    assert_int_equal(fr_ledger_forget(l, run.id, "account", "hourly_g", NULL), 0);
    assert_int_equal(n_wrong(l), 0);
    fr_ledger_close(l);
}

static void verify_makes_market_and_water_again(void **state)
{
    fr_ledger *l = ledger_at(*state);
    fr_run_record run = closed_run(l); /* 3 Wh, PUE 1.2 */
    fr_ledger_note(l, run.id, "factor", "market_g_per_kwh", 20, "stated", NULL);
    fr_ledger_note(l, run.id, "factor", "grid_water_l_per_kwh", 3, NULL, NULL);
    fr_ledger_note(l, run.id, "factor", "site_water_l_per_kwh", 0.5, NULL, NULL);
    fr_ledger_note(l, run.id, "account", "market_g", 3e-3 * 1.2 * 20, NULL, NULL);
    fr_ledger_note(l, run.id, "account", "water_grid_l", 3e-3 * 1.2 * 3, NULL, NULL);
    fr_ledger_note(l, run.id, "account", "water_site_l", 3e-3 * 0.5, NULL, NULL);
    assert_int_equal(n_wrong(l), 0);
    fr_ledger_forget(l, run.id, "account", "water_site_l", NULL);
    fr_ledger_note(l, run.id, "account", "water_site_l", 3e-3 * 1.2 * 0.5, NULL, NULL);
    assert_int_equal(n_wrong(l), 1); /* PUE on the site's own water */
    fr_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_ledger_of_version_1_is_brought_up_and_still_verifies),
        WITH_PLACE(a_unit_told_twice_counts_once),
        cmocka_unit_test(a_csv_of_units_names_the_line_that_does_not_parse),
        WITH_PLACE(verify_makes_the_sum_over_the_hours_again),
        WITH_PLACE(verify_makes_market_and_water_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
