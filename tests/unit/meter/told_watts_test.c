#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "meter/told_watts.h"

/* The last figure that a text tells; NAN: none. */
static double bmc(const char *text)
{
    fr_bmc_text b = { 0 };
    fr_str rest = fr_str_of(text), line;
    double last = NAN;
    while (fr_str_next(&rest, '\n', &line)) {
        double w = fr_bmc_take_line(&b, line);
        last = isnan(w) ? last : w;
    }
    fr_bmc_text_fini(&b);
    return last;
}

static void dcmi_and_freeipmi_tell_watts(void **state)
{
    (void)state;
    assert_true(bmc("\n    Instantaneous power reading:                   220 Watts\n"
                    "    Minimum during sampling period:                 18 Watts\n"
                    "    Average power reading over sample period:      100 Watts\n"
                    "    Power reading state is:                   activated\n") == 220);
    assert_true(bmc("Current Power                        : 164 Watts\n"
                    "Minimum Power over sampling duration : 157 watts\n") == 164);
}

/* A controller whose power reading is off says 0; a machine that runs draws more. */
static void a_reading_that_is_off_is_no_zero(void **state)
{
    (void)state;
    assert_true(isnan(bmc("    Instantaneous power reading:                     0 Watts\n"
                          "    Power reading state is:                   deactivated\n")));
    assert_true(isnan(fr_told_watts(fr_str_of("0"))));
    assert_true(isnan(fr_told_watts(fr_str_of("W: -5"))));
    assert_true(isnan(fr_told_watts(fr_str_of("1e99"))));
    assert_true(fr_told_watts(fr_str_of("drawn: 12.5 W of 2000")) == 12.5);
}

static void redfish_tells_in_three_resources(void **state)
{
    (void)state;
    assert_true(
        bmc("{\"PowerControl\":[{\"PowerConsumedWatts\":344,\"PowerCapacityWatts\":800}]}") == 344);
    assert_true(bmc("{\"PowerWatts\":{\"Reading\":374.5,\"DataSourceUri\":\"/a/9\"}}") == 374.5);
    assert_true(bmc("{\"ReadingType\":\"Power\",\"Reading\":120,\"ReadingUnits\":\"W\"}") == 120);
    assert_true(isnan(bmc("{\"Reading\":45,\"ReadingUnits\":\"Cel\"}")));
}

/* The capacity behind a null is not what is drawn; parts behind the chassis are parts of it. */
static void redfish_is_read_as_json_and_not_by_its_words(void **state)
{
    (void)state;
    assert_true(isnan(
        bmc("{\"PowerControl\":[{\"PowerConsumedWatts\":null,\"PowerCapacityWatts\":800}]}")));
    assert_true(
        bmc("{\"PowerControl\":[{\"Name\":\"a \\\"}\\\" [\",\n\"PowerConsumedWatts\":300},\n"
            "{\"Name\":\"CPU\",\n\"PowerConsumedWatts\":120}]}\n") == 300);
    assert_true(isnan(bmc("{\"error\":{\"code\":\"Base.1.0.GeneralError 401\"}}")));
    assert_true(isnan(bmc("{\"PowerControl\":[{\"PowerConsumedWatts\":344,")));
    assert_true(isnan(bmc("{\"PowerControl\":{\"PowerConsumedWatts\":\"344\"}}")));
    assert_true(isnan(bmc("]]]]}}}")));
}

/* A document that was cut does not swallow the next one. */
static void a_cut_document_is_forgotten(void **state)
{
    (void)state;
    fr_bmc_text b = { 0 };
    assert_true(isnan(fr_bmc_take_line(&b, fr_str_of("{\"PowerControl\":[{\"a\":\""))));
    fr_bmc_text_break(&b);
    assert_true(fr_bmc_take_line(&b, fr_str_of("{\"PowerConsumedWatts\":90}")) == 90);
    fr_bmc_text_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dcmi_and_freeipmi_tell_watts),
        cmocka_unit_test(a_reading_that_is_off_is_no_zero),
        cmocka_unit_test(redfish_tells_in_three_resources),
        cmocka_unit_test(redfish_is_read_as_json_and_not_by_its_words),
        cmocka_unit_test(a_cut_document_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
