#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "tables/sheet.h"
#include "tables/tables.h"

static const char *const NAMES[] = { "regions",      "grid",      "cpus",     "cpu_families",
                                     "accelerators", "instances", "constants" };

static void every_row_has_a_source_and_says_what_data_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        const fr_table *t = fr_table_find(NAMES[i]);
        char *path = fr_dup_f("%s/data/%s.csv", FR_SOURCE_DIR, NAMES[i]);
        FR_AUTO(fr_buf) text = { 0 };
        FR_AUTO(fr_sheet) sheet = { 0 };
        assert_non_null(t);
        assert_int_equal(fr_file_read(path, 1 << 24, &text, NULL), 0);
        assert_int_equal(fr_sheet_parse(fr_buf_str(&text), path, &sheet, NULL), 0);
        assert_int_equal(fr_table_n_rows(t), sheet.n_rows);
        assert_int_equal(fr_table_n_columns(t), sheet.n_columns);
        size_t source = fr_table_column(t, "source");
        for (size_t r = 0; r < sheet.n_rows; r++) {
            assert_string_not_equal(fr_table_text(t, r, source), "");
            for (size_t c = 0; c < sheet.n_columns; c++)
                assert_string_equal(fr_table_text(t, r, c), fr_sheet_cell(&sheet, r, c));
        }
        free(path);
    }
    assert_null(fr_table_find("no-such-table"));
}

static void constants_are_ordered_and_sourced(void **state)
{
    (void)state;
    const fr_table *t = fr_table_find("constants");
    for (size_t r = 0; r < fr_table_n_rows(t); r++) {
        fr_constant c = fr_constant_of(fr_table_text(t, r, fr_table_column(t, "name")));
        bool rising = c.low <= c.mid && c.mid <= c.high;
        bool falling = c.low >= c.mid && c.mid >= c.high; /* years: a long life is the low figure */
        bool is_error = c.mid == 0;                       /* plus or minus */
        assert_true(rising || falling || is_error);
        assert_string_not_equal(c.source, "");
    }
}

/* ---- overrides ----------------------------------------------------------------------------- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/frugal-tables-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    char *line = fr_dup_f("rm -rf '%s'", folder);
    int rc = system(line);
    free(line);
    return rc == 0 && fr_tables_load_overrides("/nowhere", NULL) == 0 ? 0 : -1;
}

static int load(const char *name, const char *text, fr_err *err)
{
    char *path = fr_path_join(folder, name);
    assert_int_equal(fr_file_write(path, fr_str_of(text), NULL), 0);
    free(path);
    return fr_tables_load_overrides(folder, err);
}

static void a_users_row_replaces_ours_and_comes_first(void **state)
{
    (void)state;
    const fr_table *t = fr_table_find("grid");
    size_t before = fr_table_n_rows(t), row;
    double g;
    assert_int_equal(load("grid.csv",
                          "source,zone,intensity_g_per_kwh,basis,year\n\"mine, measured\",fr,33.5,"
                          "consumption,2025\nmine,XX-HOME,5,consumption,2025\n",
                          NULL),
                     0);
    assert_int_equal(fr_table_n_rows(t), before + 1); /* one replaced, one new */
    assert_true(fr_table_lookup(t, "zone", "FR", &row));
    assert_true(fr_table_is_override(t, row));
    assert_true(fr_table_f64(t, row, fr_table_column(t, "intensity_g_per_kwh"), &g) && g == 33.5);
    assert_string_equal(fr_table_text(t, row, fr_table_column(t, "source")), "mine, measured");
    assert_string_equal(fr_table_text(t, row, fr_table_column(t, "name")), ""); /* not given */
    assert_true(fr_table_lookup(t, "zone", "SE", &row));
    assert_false(fr_table_is_override(t, row));
}

static void a_bad_row_is_named_and_refuses_all(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what, *hint;
    } CASES[] = {
        { "zone,intensity_g_per_kwh,source\nFR,1,mine\nSE,much,mine\n", "row 2 (line 3)",
          "number" },
        { "zone,intensity_g_per_kwh,source\nFR,1,\n", "'source' is empty", "" },
        { "zone,intensity_g_per_kwh\nFR,1\n", "'source' is missing", "" },
        { "zone,intensity_per_kwh,source\nFR,1,mine\n", "no column is called",
          "intensity_g_per_kwh" },
        { "zone,zone,source\nFR,FR,mine\n", "comes twice", "" },
        { "zone,source\nFR\n", ":2: 1 cells", "" },
        { "zone,source\nFR,\"mine\n", ":", "" },
        { "", "heading", "" },
    };
    size_t row;
    const fr_table *t = fr_table_find("grid");
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        fr_err err = { 0 };
        assert_int_equal(load("cpus.csv", "model,tdp_w,source\nMine,7,mine\n", NULL), 0);
        assert_int_equal(load("grid.csv", CASES[i].text, &err), FR_E_FORMAT);
        assert_non_null(strstr(err.what, "grid.csv"));
        assert_non_null(strstr(err.what, CASES[i].what));
        assert_non_null(strstr(err.hint, CASES[i].hint));
        assert_true(fr_table_lookup(t, "zone", "FR", &row) && !fr_table_is_override(t, row));
        assert_false(fr_table_lookup(fr_table_find("cpus"), "model", "Mine", &row));
        char *path = fr_path_join(folder, "grid.csv");
        remove(path);
        free(path);
    }
}

/* A constant that nobody asks for, or that cannot be, would change nothing, or everything. */
static void a_constant_must_be_one_and_possible(void **state)
{
    (void)state;
#define HEAD "name,low,mid,high,unit,year,source\n"
    static const struct {
        const char *text, *what, *hint;
    } CASES[] = {
        { HEAD "psu_eficiency_ratio,0.8,0.9,1,ratio,2026,me\n", "no constant is 'psu_eficiency",
          "Did you mean 'psu_efficiency_ratio'" },
        { HEAD "psu_efficiency_ratio,1,0.9,0.8,ratio,2026,me\n", "not in order", "" },
        { HEAD "psu_efficiency_ratio,0.8,,1,ratio,2026,me\n", "no 'mid' that can be", "" },
        { "name,mid,source\npsu_efficiency_ratio,0.9,me\n", "no 'low' that can be", "" },
        { HEAD "psu_efficiency_ratio,0,0,0,ratio,2026,me\n", "no 'low' that can be", "" },
        { HEAD "psu_efficiency_ratio,0.8,nan,1,ratio,2026,me\n", "'nan' is not a number", "" },
        { HEAD "psu_efficiency_ratio,-1,0.9,1,ratio,2026,me\n", "'-1' is not a number", "" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        fr_err err = { 0 };
        assert_int_equal(load("constants.csv", CASES[i].text, &err), FR_E_FORMAT);
        if (strstr(err.what, CASES[i].what) == NULL)
            fail_msg("'%s' does not say '%s'", err.what, CASES[i].what);
        assert_non_null(strstr(err.hint, CASES[i].hint));
    }
    assert_int_equal(
        load("constants.csv", HEAD "cpu_curve_0_ratio,0.3,0.2,0.1,of TDP,2026,me\n", NULL), 0);
    char *path = fr_path_join(folder, "constants.csv");
    remove(path);
    free(path);
}

static void no_folder_is_no_override(void **state)
{
    (void)state;
    assert_int_equal(fr_tables_load_overrides("/no/such/folder", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_a_source_and_says_what_data_says),
        cmocka_unit_test(constants_are_ordered_and_sourced),
        cmocka_unit_test_setup_teardown(a_users_row_replaces_ours_and_comes_first, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(a_bad_row_is_named_and_refuses_all, make_folder,
                                        drop_folder),
        cmocka_unit_test_setup_teardown(a_constant_must_be_one_and_possible, make_folder,
                                        drop_folder),
        cmocka_unit_test(no_folder_is_no_override),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
