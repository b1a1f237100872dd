#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "carbon/carbon.h"
#include "tables/tables.h"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))

static fr_place place_of(fr_place_options options)
{
    fr_place place;
    assert_int_equal(fr_place_resolve(&options, &place, NULL), 0);
    return place;
}

static void a_region_brings_its_zone_and_its_pue(void **state)
{
    (void)state;
    fr_place p = place_of((fr_place_options){ .region = "AWS:eu-north-1" });
    assert_string_equal(p.zone, "SE");
    assert_string_equal(p.country, "SE");
    assert_string_equal(p.basis, "consumption");
    assert_int_equal(p.year, 2025);
    close_to(p.intensity_g_per_kwh, 21, 1e-9);
    close_to(p.pue, 1.10, 1e-9);
    assert_true(p.intensity_low < 21 && p.intensity_high > 21);
    assert_false(p.assumed);
    assert_string_equal(place_of((fr_place_options){ .region = "eu-north-1" }).provider, "aws");
}

static void an_unpublished_pue_is_assumed_and_said(void **state)
{
    (void)state;
    fr_place p = place_of((fr_place_options){ .region = "aws:eu-west-3" });
    close_to(p.pue, 1.2, 1e-9);
    assert_non_null(strstr(p.pue_source, "Uptime"));
}

static void nobody_said_where_is_the_world_labelled_assumed(void **state)
{
    (void)state;
    fr_place p = place_of((fr_place_options){ 0 });
    assert_true(p.assumed);
    assert_string_equal(p.zone, "world");
    close_to(p.intensity_g_per_kwh, 472.94, 1e-9);
    assert_true(p.intensity_low <= 30 && p.intensity_high >= 700);
    assert_string_equal(p.basis, "generation");
    close_to(p.pue, 1, 1e-9);
}

static void a_stated_figure_wins_and_has_no_range(void **state)
{
    (void)state;
    fr_place p = place_of((fr_place_options){ .intensity_g_per_kwh = 56, .pue = 1.3 });
    close_to(p.intensity_g_per_kwh, 56, 0);
    close_to(p.intensity_low, 56, 0);
    close_to(p.intensity_high, 56, 0);
    assert_string_equal(p.basis, "stated");
    close_to(p.pue, 1.3, 0);
    p = place_of((fr_place_options){ .region = "aws:eu-north-1", .intensity_g_per_kwh = 56 });
    close_to(p.intensity_g_per_kwh, 56, 0);
    close_to(p.pue, 1.10, 0); /* the region still gives the rest */
}

static void unknown_names_get_the_nearest_and_never_a_default(void **state)
{
    (void)state;
    static const struct {
        fr_place_options options;
        const char *hint;
    } CASES[] = {
        { { .region = "aws:eu-nort-1" }, "eu-north-1" },
        { { .region = "nosuch:eu-north-1" }, "" },
        { { .zone = "US-CAL-CIS" }, "US-CAL-CISO" },
        { { .zone = "France" }, "'FR'" },
        { { .zone = "" }, "" },
        { { .intensity_g_per_kwh = -1 }, "" },
        { { .intensity_g_per_kwh = NAN }, "" },
        { { .intensity_g_per_kwh = 1e9 }, "" },
        { { .zone = "FR", .pue = 0.5 }, "1.0 or more" },
        { { .zone = "FR", .pue = NAN }, "" },
        { { .zone = "FR", .region = "aws:eu-west-3" }, "" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        fr_err err = { 0 };
        fr_place place = { .year = 1234 };
        assert_int_equal(fr_place_resolve(&CASES[i].options, &place, &err), FR_E_USAGE);
        assert_non_null(strstr(err.hint, CASES[i].hint));
        assert_int_equal(place.year, 1234); /* untouched */
    }
}

static void zones_are_codes_of_two_bases(void **state)
{
    (void)state;
    close_to(place_of((fr_place_options){ .zone = "fr" }).intensity_g_per_kwh, 31, 1e-9);
    close_to(place_of((fr_place_options){ .zone = "FRA" }).intensity_g_per_kwh, 44.18, 1e-9);
    assert_string_equal(place_of((fr_place_options){ .zone = "FRA" }).basis, "generation");
    assert_false(place_of((fr_place_options){ .zone = "world" }).assumed); /* somebody said so */
}

/* By hand: 3.6 MJ is one kWh; at 100 g/kWh and PUE 1.5 that is 150 g. */
static void carbon_is_energy_by_pue_by_intensity(void **state)
{
    (void)state;
    fr_place p = place_of((fr_place_options){ .intensity_g_per_kwh = 100, .pue = 1.5 });
    fr_energy e = { 3.6e6, 1.8e6, 7.2e6, FR_METHOD_MODELLED, "by hand" };
    fr_carbon c = fr_carbon_of(e, &p, 7);
    close_to(c.operational_g, 150, 1e-9);
    close_to(c.operational_low_g, 75, 1e-9);
    close_to(c.operational_high_g, 300, 1e-9);
    close_to(c.total_g, 157, 1e-9);
    assert_true(isnan(fr_carbon_of(fr_energy_unknown(), &p, 0).operational_g));
}

/* The formula of the SCI specification: ((E x I) + M) / R. */
static void sci_is_carbon_per_unit_and_refuses_none(void **state)
{
    (void)state;
    fr_carbon c = { .operational_g = 150, .embodied_g = 50, .total_g = 200 };
    double g;
    assert_int_equal(fr_sci(&c, 40, &g, NULL), 0);
    close_to(g, 5, 1e-12);
    assert_int_equal(fr_sci(&c, 0, &g, NULL), FR_E_USAGE);
    assert_int_equal(fr_sci(&c, -3, &g, NULL), FR_E_USAGE);
    assert_int_equal(fr_sci(&c, NAN, &g, NULL), FR_E_USAGE);
    assert_int_equal(fr_sci(&c, INFINITY, &g, NULL), FR_E_USAGE);
}

/* By hand: 1,000 kg over 4 years, a quarter of the machine for 10 days. */
static void embodied_is_by_reserved_time_and_share(void **state)
{
    (void)state;
    fr_embodied e = { .total_kg = 1000,
                      .total_low_kg = 500,
                      .total_high_kg = 1500,
                      .lifetime_s = 4 * 365.25 * 86400,
                      .lifetime_low_s = 3 * 365.25 * 86400,
                      .lifetime_high_s = 6 * 365.25 * 86400,
                      .share_ratio = 0.25 };
    double low_g, high_g;
    close_to(fr_embodied_g(&e, 10 * 86400), 1e6 * 10 / 1461 / 4, 1e-6);
    fr_embodied_range_g(&e, 10 * 86400, &low_g, &high_g);
    close_to(low_g, 5e5 * 10 / 2191.5 / 4, 1e-6);
    close_to(high_g, 1.5e6 * 10 / 1095.75 / 4, 1e-6);
}

/* Two of 96 threads of an Emerald Rapids host of one socket, and 24 GB of memory of its own. */
static void a_virtual_machine_carries_its_threads_of_the_host(void **state)
{
    (void)state;
    fr_host host = { .vendor = "GenuineIntel",
                     .family = 6,
                     .model = 207,
                     .n_threads = 2,
                     .n_sockets = 1,
                     .ram_bytes = 24e9,
                     .is_virtual = true,
                     .quota_threads = 2,
                     .quota_ram_bytes = 24e9 };
    fr_embodied e = fr_embodied_of_host(&host);
    close_to(e.share_ratio, 2.0 / 96, 1e-12);
    close_to(e.total_kg * e.share_ratio, 1000 * 2.0 / 96 + 1.39 * 24, 1e-6);
    assert_true(e.total_low_kg < e.total_kg && e.total_kg < e.total_high_kg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_brings_its_zone_and_its_pue),
        cmocka_unit_test(an_unpublished_pue_is_assumed_and_said),
        cmocka_unit_test(nobody_said_where_is_the_world_labelled_assumed),
        cmocka_unit_test(a_stated_figure_wins_and_has_no_range),
        cmocka_unit_test(unknown_names_get_the_nearest_and_never_a_default),
        cmocka_unit_test(zones_are_codes_of_two_bases),
        cmocka_unit_test(carbon_is_energy_by_pue_by_intensity),
        cmocka_unit_test(sci_is_carbon_per_unit_and_refuses_none),
        cmocka_unit_test(embodied_is_by_reserved_time_and_share),
        cmocka_unit_test(a_virtual_machine_carries_its_threads_of_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
