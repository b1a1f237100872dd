/* The account against numbers that others published or computed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "carbon/statement.h"
#include "fixture.h"
#include "tables/tables.h"

#define J_PER_KWH 3.6e6

static void assert_near(double value, double wanted)
{
    if (!(fabs(value - wanted) <= 1e-12 * fabs(wanted)))
        fail_msg("%.17g is not %.17g", value, wanted);
}

static fr_place place_of(fr_place_options options)
{
    fr_place place;
    assert_int_equal(fr_place_resolve(&options, &place, NULL), 0);
    return place;
}

static fr_carbon carbon_of_kwh(double kwh, double g_per_kwh, double pue, double embodied_g)
{
    fr_place p = place_of((fr_place_options){ .intensity_g_per_kwh = g_per_kwh, .pue = pue });
    fr_energy e = { kwh * J_PER_KWH, 0, 0, FR_METHOD_MODELLED, "golden" };
    return fr_carbon_of(e, &p, embodied_g);
}

/*
 * Green Software Foundation, Impact Framework 0.5.0, manifests/outputs/pipelines/sci.yaml (the
 * output it published for its example): energy, 800 g/kWh, 1533.12 g over 3 years for a quarter of
 * the device, one component.
 */
static void sci_equals_what_the_impact_framework_published(void **state)
{
    (void)state;
    static const struct {
        double duration_s, kwh, embodied_g, operational_g, sci_g;
    } ROWS[] = {
        { 1, 0.000006208333333333333, 0.000004051243023845763, 0.004966666666666666,
          0.004970717909690512 },
        { 5, 0.00001584375, 0.000020256215119228814, 0.012674999999999999, 0.012695256215119228 },
        { 7, 0.000019168402777777778, 0.00002835870116692034, 0.015334722222222222,
          0.015363080923389142 },
        { 30, 0.00007886458333333333, 0.0001215372907153729, 0.06309166666666667,
          0.06321320395738204 },
    };
    fr_embodied device = { .total_kg = 1.53312, .lifetime_s = 94608000, .share_ratio = 2.0 / 8 };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        double embodied_g = fr_embodied_g(&device, ROWS[i].duration_s), sci_g;
        fr_carbon c = carbon_of_kwh(ROWS[i].kwh, 800, 1, embodied_g);
        assert_near(embodied_g, ROWS[i].embodied_g);
        assert_near(c.operational_g, ROWS[i].operational_g);
        assert_int_equal(fr_sci(&c, 1, &sci_g, NULL), 0);
        assert_near(sci_g, ROWS[i].sci_g);
    }
}

/* The four worked examples of the GSF's guidance for practitioners (sci-ai, case-study-guide). */
static void sci_equals_the_foundations_worked_examples(void **state)
{
    (void)state;
    static const struct {
        double kwh, g_per_kwh, embodied_g, units, sci_g;
    } ROWS[] = {
        { 450, 250, 800, 100000, 1.133 },     /* E x I + M: a web server, per request */
        { 8.5e3, 1, 1200, 25000, 0.388 },     /* O + M: a database, per query */
        { 15.2e3, 1, 0, 50000, 0.304 },       /* C: a third party's service, per call */
        { 3200e3 / 800, 800, 0, 40e6, 0.08 }, /* SCI for AI, 9.2: images, per inference */
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        double sci_g;
        fr_carbon c = carbon_of_kwh(ROWS[i].kwh, ROWS[i].g_per_kwh, 1, ROWS[i].embodied_g);
        assert_int_equal(fr_sci(&c, ROWS[i].units, &sci_g, NULL), 0);
        assert_near(sci_g, ROWS[i].sci_g);
    }
}

/*
 * SCI for AI, specification of 2025, section 9. Three of its four printed quotients slip by a
 * thousand (6,500 kg / 50e9 tokens is 130 g, not 0.13 g, per million tokens; 4e-18 kg per FLOP is
 * 4 kg, not 4 g, per 1e18; 75,000 kg / 2.5e9 is 30 t, not 30 kg, per billion parameters). What is
 * held here is its division; the fourth quotient stands in the test above.
 */
static void sci_for_ai_equals_the_specifications_examples(void **state)
{
    (void)state;
    fr_carbon consumer = { .operational_g = 5000e3, .embodied_g = 1500e3, .total_g = 6500e3 };
    fr_carbon provider = { .operational_g = 180000e3, .embodied_g = 20000e3, .total_g = 200000e3 };
    fr_carbon vision = { .total_g = 75000e3 };
    fr_sci_ai s;
    assert_int_equal(fr_sci_for_ai(&consumer, FR_SCI_AI_CONSUMER, "tokens", 50e9, &s, NULL), 0);
    assert_near(s.g_per_unit, 6500e3 / 50e9);
    assert_near(s.g_per, 130);
    assert_int_equal(fr_sci_for_ai(&provider, FR_SCI_AI_PROVIDER, "FLOP", 5e22, &s, NULL), 0);
    assert_near(s.g_per_unit, 4e-15); /* 4e-18 kg */
    assert_int_equal(fr_sci_for_ai(&vision, FR_SCI_AI_PROVIDER, "parameters", 2.5e9, &s, NULL), 0);
    assert_near(s.g_per, 30e6);
}

static void sci_for_ai_keeps_the_two_sides_apart(void **state)
{
    (void)state;
    fr_carbon c = { .total_g = 1 };
    fr_sci_ai s;
    fr_err err = { 0 };
    assert_int_equal(fr_sci_for_ai(&c, FR_SCI_AI_CONSUMER, "flop", 1, &s, &err), FR_E_USAGE);
    assert_non_null(strstr(err.hint, "tokens"));
    assert_int_equal(fr_sci_for_ai(&c, FR_SCI_AI_PROVIDER, "token", 1, &s, &err), FR_E_USAGE);
    assert_non_null(strstr(err.hint, "training-tokens"));
    assert_int_equal(fr_sci_for_ai(&c, FR_SCI_AI_CONSUMER, "token", 0, &s, &err), FR_E_USAGE);
    assert_int_equal(fr_sci_for_ai(&c, FR_SCI_AI_CONSUMER, "token", NAN, &s, &err), FR_E_USAGE);
    assert_int_equal(fr_sci_ai_of_kind("train"), FR_SCI_AI_PROVIDER);
    assert_int_equal(fr_sci_ai_of_kind("generate"), FR_SCI_AI_CONSUMER);
    assert_int_equal(fr_sci_ai_of_kind("meter"), FR_SCI_AI_NONE); /* nobody knows what it was */
}

/*
 * Cloud Carbon Footprint, packages/core, the expectations of its own estimators' tests: kWh of a
 * vCPU-hour at 1% between 0.71 and 3.46 W, PUE 1.135, af-south-1 at 928 g/kWh; the same with two
 * replicas in us-east-1; and a 96th of a server of 1.7957 t for 24 of 35,040 hours.
 */
static void carbon_equals_what_cloud_carbon_footprint_expects(void **state)
{
    (void)state;
    double vcpu_kwh = (0.71 + 0.01 * (3.46 - 0.71)) / 1000;
    fr_carbon south = carbon_of_kwh(vcpu_kwh, 928, 1.135, 0);
    assert_near(south.operational_g, 7.76794e-7 * 1e6);
    fr_carbon east = carbon_of_kwh(2 * vcpu_kwh, 415.755, 1.135, 0);
    assert_near(east.operational_g, 6.960258393749999e-7 * 1e6);
    fr_embodied server = { .total_kg = 1795.7,
                           .lifetime_s = 35040 * 3600.0,
                           .share_ratio = 1.0 / 96 };
    assert_near(fr_embodied_g(&server, 24 * 3600), 0.000012811786529680366 * 1e6);
}

/* Its coefficients: SSD 1.2 and HDD 0.65 Wh per TB-hour, networks 0.001 kWh/GB, memory 0.000392
 * kWh/GB-hour (our high end: its newer successors lie below). */
static void coefficients_are_cloud_carbon_footprints(void **state)
{
    (void)state;
    assert_near(fr_constant_of("storage_ssd_w_per_tb").mid, 1.2);
    assert_near(fr_constant_of("storage_hdd_w_per_tb").mid, 0.65);
    assert_near(fr_constant_of("network_kwh_per_gb").mid, 0.001);
    assert_near(fr_constant_of("dram_w_per_gb").high, 0.392);
}

/* EcoLogits 0.11.3, run by make-ecologits.py: electricity, water and embodied share are our sums.
 */
static void carbon_and_water_equal_what_ecologits_computes(void **state)
{
    (void)state;
    char *path = fixture_path("carbon/ecologits.jsonl");
    FR_AUTO(fr_buf) text = { 0 };
    assert_int_equal(fr_file_read(path, 1 << 20, &text, NULL), 0);
    free(path);
    fr_str rest = fr_buf_str(&text);
    size_t n = 0;
    for (json_t *row; (row = next_row(&rest)) != NULL; n++) {
#define AT(key) json_number_value(json_object_get(row, key))
        fr_embodied e = { .total_kg = AT("embodied_total_kg"),
                          .lifetime_s = AT("lifetime_s"),
                          .share_ratio = AT("share_ratio") };
        double embodied_g = fr_embodied_g(&e, AT("reserved_s"));
        fr_factors f = { .pue = AT("pue"),
                         .location_g_per_kwh = AT("intensity_g_per_kwh"),
                         .site_water_l_per_kwh = AT("site_water_l_per_kwh"),
                         .grid_water_l_per_kwh = AT("grid_water_l_per_kwh") };
        fr_statement s = fr_statement_of(AT("it_kwh") * J_PER_KWH, embodied_g, &f);
        assert_near(s.location_g, AT("usage_kg") * 1000);
        assert_near(s.water_l, AT("water_l"));
        assert_near(embodied_g, AT("embodied_kg") * 1000);
        json_decref(row);
    }
    assert_int_equal(n, 3);
}

static void market_based_is_a_line_of_its_own(void **state)
{
    (void)state;
    fr_place ireland = place_of((fr_place_options){ .region = "aws:eu-west-1" });
    fr_factors claimed = fr_factors_of(&ireland, NAN), stated = fr_factors_of(&ireland, 120);
    assert_string_equal(claimed.market_how, "provider's claim");
    assert_true(claimed.market_year >= 2022);
    fr_statement s = fr_statement_of(J_PER_KWH, 5, &claimed);
    assert_near(s.market_g, 0);
    assert_near(s.location_g,
                ireland.pue * ireland.intensity_g_per_kwh); /* the claim moves nothing */
    assert_near(fr_statement_of(J_PER_KWH, 5, &stated).market_g, ireland.pue * 120);
    fr_place france = place_of((fr_place_options){ .zone = "FR" });
    fr_factors none = fr_factors_of(&france, NAN);
    assert_string_equal(none.market_how, "location");
    assert_near(fr_statement_of(J_PER_KWH, 0, &none).market_g, france.intensity_g_per_kwh);
    assert_near(fr_statement_of(J_PER_KWH, 0, &(fr_factors){ .pue = 1 }).market_g, 0);
    fr_factors green =
        fr_factors_of(&france, 0); /* a contract of zero was stated: not "nobody said" */
    assert_string_equal(green.market_how, "stated");
    assert_near(green.market_g_per_kwh, 0);
}

static void electricity_is_scope_2_of_who_owns_the_machine(void **state)
{
    (void)state;
    fr_factors own = { .pue = 1, .location_g_per_kwh = 100, .market_g_per_kwh = 40 };
    fr_statement s = fr_statement_of(J_PER_KWH, 7, &own);
    assert_near(s.scope2_location_g, 100);
    assert_near(s.scope2_market_g, 40);
    assert_near(s.scope3_location_g, 7);
    assert_near(s.scope3_market_g, 7);
    own.cloud = true;
    s = fr_statement_of(J_PER_KWH, 7, &own);
    assert_near(s.scope2_location_g, 0);
    assert_near(s.scope3_location_g, 107);
    assert_near(s.scope3_market_g, 47);
}

static void water_takes_pue_once_and_unknown_is_not_zero(void **state)
{
    (void)state;
    fr_factors f = { .pue = 1.5, .site_water_l_per_kwh = 0.2, .grid_water_l_per_kwh = 3 };
    fr_statement s = fr_statement_of(J_PER_KWH, 0, &f);
    assert_near(s.water_site_l, 0.2); /* WUE is per kWh of the computers: no PUE */
    assert_near(s.water_grid_l, 4.5);
    assert_near(s.water_l, 4.7);
    f.site_water_l_per_kwh = NAN;
    s = fr_statement_of(J_PER_KWH, 0, &f);
    assert_true(isnan(s.water_site_l));
    assert_near(s.water_l, 4.5);
    fr_place nowhere = place_of((fr_place_options){ 0 });
    fr_factors world = fr_factors_of(&nowhere, NAN);
    assert_true(world.water_assumed);
    assert_near(world.grid_water_l_per_kwh, 3.908);
    fr_place sweden = place_of((fr_place_options){ .zone = "SE" });
    assert_false(fr_factors_of(&sweden, NAN).water_assumed);
    assert_true(isnan(fr_statement_of(NAN, 0, &f).location_g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sci_equals_what_the_impact_framework_published),
        cmocka_unit_test(sci_equals_the_foundations_worked_examples),
        cmocka_unit_test(sci_for_ai_equals_the_specifications_examples),
        cmocka_unit_test(sci_for_ai_keeps_the_two_sides_apart),
        cmocka_unit_test(carbon_equals_what_cloud_carbon_footprint_expects),
        cmocka_unit_test(coefficients_are_cloud_carbon_footprints),
        cmocka_unit_test(carbon_and_water_equal_what_ecologits_computes),
        cmocka_unit_test(market_based_is_a_line_of_its_own),
        cmocka_unit_test(electricity_is_scope_2_of_who_owns_the_machine),
        cmocka_unit_test(water_takes_pue_once_and_unknown_is_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
