/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <string.h>

#include "prompt/calculator.h"

static void expressions_have_the_value_that_arithmetic_gives_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } CASES[] = {
        { "1+2*3", 7 },
        { "(1+2)*3", 9 },
        { "2^3^2", 512 },
        { "-2^2", -4 },
        { "2**-1", 0.5 },
        { " 1,234.5 + 1,000,000 ", 1001234.5 },
        { "max(1, 2.5, -3) - min(4, 2)", 0.5 },
        { "sqrt(16) + abs(-3) + floor(2.9) + ceil(2.1) + round(2.5)", 15 },
        { "7 % 4", 3 },
        { "log(1000) + ln(e)", 4 },
        { "$1,200 \xc3\xb7 4 \xc3\x97 2", 600 },
        { "5 \xe2\x88\x92 3", 2 },
        { "1e3 + .5", 1000.5 },
        { "cos(0)", NAN },
        { "2*pi", 6.283185307179586 },
        { "max(1,2)", 2 },
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        double value = NAN;
        fr_err err = { 0 };
        int rc = fr_calculate(fr_str_of(CASES[i].text), &value, &err);
        if (isnan(CASES[i].value))
            assert_int_equal(rc, FR_E_FORMAT);
        else if (rc != 0 || fabs(value - CASES[i].value) > 1e-9)
            fail_msg("%s gives %.17g (%s)", CASES[i].text, value, err.what);
    }
}

static void what_is_no_arithmetic_is_told_with_its_place(void **state)
{
    (void)state;
    static const char *const BAD[] = { "",     "1 +",      "(1",        "1)",    "import os",
                                       "1 2",  "sqrt 4",   "sqrt(1,2)", "..",    "1/0",
                                       "0/0",  "sqrt(-1)", "10^1000",   "x = 3", "max()",
                                       "1+*2", "__",       "\xff\xfe",  "1e",    "1,23" };
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        double value = 42;
        fr_err err = { 0 };
        if (fr_calculate(fr_str_of(BAD[i]), &value, &err) == 0)
            fail_msg("'%s' gave %g", BAD[i], value);
        assert_true(value == 42 && err.what[0] != '\0');
    }
    fr_err err = { 0 };
    double value = 0;
    assert_int_equal(fr_calculate(FR_STR("1 + x"), &value, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "place 5"));
}

static void depth_and_length_are_bounded(void **state)
{
    (void)state;
    char deep[900], lengthy[2000];
    double value = 0;
    memset(deep, '(', sizeof(deep));
    assert_int_equal(fr_calculate((fr_str){ deep, sizeof(deep) }, &value, NULL), FR_E_LIMIT);
    memset(deep, '-', sizeof(deep));
    assert_int_equal(fr_calculate((fr_str){ deep, sizeof(deep) }, &value, NULL), FR_E_LIMIT);
    memset(lengthy, '1', sizeof(lengthy));
    assert_int_equal(fr_calculate((fr_str){ lengthy, sizeof(lengthy) }, &value, NULL), FR_E_LIMIT);
}

static void values_are_written_as_people_do(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } CASES[] = { { 3, "3" },        { 0.1 + 0.2, "0.3" },         { -0.0, "0" },
                  { 1e15, "1e+15" }, { 1234567.25, "1234567.25" }, { 100, "100" } };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char text[32];
        fr_number_text(CASES[i].value, text);
        assert_string_equal(text, CASES[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_have_the_value_that_arithmetic_gives_them),
        cmocka_unit_test(what_is_no_arithmetic_is_told_with_its_place),
        cmocka_unit_test(depth_and_length_are_bounded),
        cmocka_unit_test(values_are_written_as_people_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
