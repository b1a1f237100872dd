#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/csv.h"

/* All rows as text: fields in brackets, a row a line. */
static char *shown(const char *text, fr_err *err)
{
    FR_AUTO(fr_csv) csv = { 0 };
    fr_csv_init(&csv, fr_str_of(text), "t.csv");
    fr_buf out = { 0 };
    const fr_str *fields = NULL;
    for (size_t n = 1; n != 0;) {
        if (fr_csv_next(&csv, &fields, &n, err) != 0) {
            fr_buf_fini(&out);
            return NULL;
        }
        for (size_t i = 0; i < n; i++)
            fr_buf_put_f(&out, "[%.*s]", FR_STR_F(fields[i]));
        if (n != 0)
            fr_buf_put_f(&out, "@%zu\n", csv.line);
    }
    return fr_buf_take(&out);
}

static void assert_shown(const char *text, const char *expected)
{
    fr_err err = { 0 };
    char *got = shown(text, &err);
    assert_non_null(got);
    assert_string_equal(got, expected);
    free(got);
}

static void quoted_fields_hold_commas_quotes_and_line_ends(void **state)
{
    (void)state;
    assert_shown("a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n3,4\n",
                 "[a][b]@1\n[1][x, \"y\"\nz]@2\n[3][4]@4\n");
}

static void blank_lines_and_a_byte_order_mark_are_passed_over(void **state)
{
    (void)state;
    assert_shown("\xEF\xBB\xBF"
                 "a\n\n\nb",
                 "[a]@1\n[b]@4\n");
    assert_shown("", "");
    assert_shown(",\n", "[][]@1\n");
    assert_shown("a,", "[a][]@1\n");
}

static void an_open_quote_is_named_by_its_line(void **state)
{
    (void)state;
    fr_err err = { 0 };
    assert_null(shown("a,b\n1,\"x\n2,y\n", &err));
    assert_int_equal(err.code, FR_E_FORMAT);
    assert_string_equal(err.what, "t.csv:2: the quote that opens here is never closed");
    assert_null(shown("a\n\"x\"y\n", &err));
    assert_string_equal(err.what, "t.csv:2: text stands behind a closing quote");
}

static void what_is_put_reads_back_the_same(void **state)
{
    (void)state;
    const char *fields[] = { "plain", "", "a,b", "say \"hi\"", "two\nlines", "cr\r\nlf" };
    FR_AUTO(fr_buf) out = { 0 };
    for (size_t i = 0; i < FR_COUNT_OF(fields); i++) {
        if (i != 0)
            fr_buf_put_c(&out, ',');
        fr_csv_put(&out, fr_str_of(fields[i]));
    }
    FR_AUTO(fr_csv) csv = { 0 };
    fr_csv_init(&csv, fr_buf_str(&out), "t.csv");
    const fr_str *got = NULL;
    size_t n = 0;
    assert_int_equal(fr_csv_next(&csv, &got, &n, NULL), 0);
    assert_int_equal(n, FR_COUNT_OF(fields));
    for (size_t i = 0; i < n; i++)
        assert_true(fr_str_is(got[i], fields[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quoted_fields_hold_commas_quotes_and_line_ends),
        cmocka_unit_test(blank_lines_and_a_byte_order_mark_are_passed_over),
        cmocka_unit_test(an_open_quote_is_named_by_its_line),
        cmocka_unit_test(what_is_put_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
