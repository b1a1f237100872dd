/* Signals: answers of the shapes that the providers document, from a server on this machine. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "carbon/signal.h"
#include "carbon/signal_priv.h"
#include "fixture.h"
#include "support/tiny_server.h"

#define S ((int64_t)1000000000)
#define T0                                                                                         \
    ((int64_t)1761350400 * S) /* 2025-10-25T00:00:00Z, the day before Europe's clocks go back */

static fr_signal_spec spec_of(const char *text)
{
    fr_signal_spec spec;
    fr_err err = { 0 };
    if (fr_signal_spec_parse(text, &spec, &err) != 0)
        fail_msg("%s", err.what);
    spec.cache = "";
    return spec;
}

static int parse(const char *text, const char *body, fr_signal *out, fr_err *err)
{
    fr_signal_spec spec = spec_of(text);
    return fr_signal_parse(&spec, fr_str_of(body), out, err);
}

static int with_keys(void **state)
{
    (void)state;
    setenv("ELECTRICITY_MAPS_TOKEN", "maps-key", 1);
    setenv("WATTTIME_USER", "ada", 1);
    setenv("WATTTIME_PASSWORD", "lovelace", 1);
    return 0;
}

static void a_time_is_an_instant(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t unix_s; /* 0: none */
    } CASES[] = {
        { "2025-10-25T00:00Z", 1761350400 },
        { "2025-10-25T00:00:00Z", 1761350400 },
        { "2025-10-25 00:00:00", 1761350400 },
        { "2025-10-25", 1761350400 },
        { "2025-10-25T02:00:00.000+02:00", 1761350400 },
        { "2025-10-24T17:00:00-0700", 1761350400 },
        { "2025-10-26T02:30+02:00", 1761438600 }, /* this half past two comes twice: */
        { "2025-10-26T02:30+01:00", 1761442200 }, /* an hour later */
        { "2025-13-01", 0 },
        { "2025-10-25T25:00Z", 0 },
        { "25.10.2025", 0 },
        { "2025-10-25T00:00Zulu", 0 },
        { "2025-10-25T00:00+", 0 },
        { "", 0 },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        int64_t at = 0;
        bool ok = fr_signal_instant(CASES[i].text, &at);
        if (ok != (CASES[i].unix_s != 0) || at != CASES[i].unix_s * S)
            fail_msg("'%s' gives %d, %lld", CASES[i].text, ok, (long long)(at / S));
    }
}

static void uk_half_hours_take_the_actual_figure_and_mark_a_forecast(void **state)
{
    (void)state;
    FR_AUTO(fr_signal) s = { 0 };
    assert_int_equal(
        parse("uk",
              "{\"data\":[{\"from\":\"2025-10-25T00:30Z\",\"to\":\"2025-10-25T01:00Z\","
              "\"intensity\":{\"forecast\":81,\"actual\":null,\"index\":\"low\"}},"
              "{\"from\":\"2025-10-25T00:00Z\",\"to\":\"2025-10-25T00:30Z\",\"intensity\":"
              "{\"forecast\":70,\"actual\":63,\"index\":\"low\"}},"
              "{\"from\":\"2025-10-25T01:00Z\",\"to\":\"2025-10-25T01:30Z\",\"intensity\":"
              "{\"forecast\":null,\"actual\":null,\"index\":null}}]}",
              &s, NULL),
        0);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.kind, FR_SIGNAL_AVERAGE);
    assert_true(s.at[0].g_per_kwh == 63 && !s.at[0].estimated);
    assert_true(s.at[1].g_per_kwh == 81 && s.at[1].estimated);
    assert_true(isnan(s.at[2].g_per_kwh)); /* null is unknown, not 0 */
    assert_true(s.at[0].start_unix_ns == T0 && s.at[0].end_unix_ns == T0 + 1800 * S);
}

/* 1 lb is 0.45359237 kg, so that 1000 lb/MWh are 453.59237 g/kWh. */
static void watttime_pounds_become_grams_and_stay_marginal(void **state)
{
    (void)state;
    FR_AUTO(fr_signal) s = { 0 };
    fr_err err = { 0 };
    assert_int_equal(
        parse("watttime:CAISO_NORTH",
              "{\"data\":[{\"point_time\":\"2025-10-25T00:00:00+00:00\",\"value\":1000.0},"
              "{\"point_time\":\"2025-10-25T00:05:00+00:00\",\"value\":null}],\"meta\":{"
              "\"data_point_period_seconds\":300,\"region\":\"CAISO_NORTH\",\"signal_type\":"
              "\"co2_moer\",\"units\":\"lbs_co2_per_mwh\"}}",
              &s, NULL),
        0);
    assert_int_equal(s.kind, FR_SIGNAL_MARGINAL);
    assert_true(fabs(s.at[0].g_per_kwh - 453.59237) < 1e-9);
    assert_true(s.at[0].end_unix_ns - s.at[0].start_unix_ns == 300 * S);
    assert_true(isnan(s.at[1].g_per_kwh));
    assert_int_equal(parse("watttime:CAISO_NORTH",
                           "{\"data\":[],\"meta\":{\"signal_type\":\"co2_aoer\",\"units\":"
                           "\"lbs_co2_per_mwh\"}}",
                           &s, &err),
                     FR_E_FORMAT); /* an average must not pass as a marginal figure */
    assert_non_null(strstr(err.what, "marginal"));
    assert_int_equal(parse("watttime:X",
                           "{\"data\":[],\"meta\":{\"signal_type\":\"co2_moer\",\"units\":\"kg\"}}",
                           &s, &err),
                     FR_E_FORMAT);
}

static void other_shapes_are_read(void **state)
{
    (void)state;
    FR_AUTO(fr_signal) s = { 0 };
    assert_int_equal(
        parse("electricity-maps:FR",
              "{\"zone\":\"FR\",\"temporalGranularity\":\"hourly\",\"data\":[{\"zone\":\"FR\","
              "\"carbonIntensity\":24,\"datetime\":\"2025-10-25T00:00:00.000Z\",\"updatedAt\":"
              "\"2025-10-27T00:00:00.000Z\",\"emissionFactorType\":\"lifecycle\",\"isEstimated\":"
              "false,\"estimationMethod\":null},{\"carbonIntensity\":null,\"datetime\":"
              "\"2025-10-25T01:00:00.000Z\",\"isEstimated\":true}]}",
              &s, NULL),
        0);
    assert_int_equal(s.n, 2);
    assert_true(s.at[0].g_per_kwh == 24 && isnan(s.at[1].g_per_kwh));
    assert_true(s.at[1].end_unix_ns == T0 + 7200 * S);
    assert_int_equal(
        parse("carbon-aware-average:eastus@http://localhost:1",
              "[{\"location\":\"eastus\",\"time\":\"2025-10-25T00:00:00+00:00\",\"rating\":412.5,"
              "\"duration\":\"00:05:00\"},{\"location\":\"eastus\",\"time\":"
              "\"2025-10-25T08:00:00+00:00\",\"rating\":380,\"duration\":\"1.00:00:00\"}]",
              &s, NULL),
        0);
    assert_true(s.at[0].end_unix_ns == T0 + 300 * S && s.at[0].g_per_kwh == 412.5);
    assert_true(s.at[1].end_unix_ns == T0 + (8 * 3600 + 86400) * S);
}

/* The night in which the clocks go back has 25 hours; with offsets none is lost or doubled. */
static void a_csv_in_local_time_keeps_the_hour_that_comes_twice(void **state)
{
    (void)state;
    FR_AUTO(fr_signal) s = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    fr_buf_put_s(&text, "Datetime,Country,Carbon intensity gCO2eq/kWh (direct)\r\n");
    for (int hour = 0; hour < 25; hour++)
        fr_buf_put_f(&text, "2025-10-26T%02d:00%s,France,%d\r\n", hour <= 2 ? hour : hour - 1,
                     hour <= 2 ? "+02:00" : "+01:00", 10 + hour);
    assert_int_equal(parse("csv:day.csv", fr_buf_text(&text), &s, NULL), 0);
    assert_int_equal(s.n, 25);
    for (size_t i = 0; i < s.n; i++) {
        assert_true(s.at[i].g_per_kwh == 10 + (double)i);
        assert_true(s.at[i].end_unix_ns - s.at[i].start_unix_ns == 3600 * S);
    }
}

/* What Electricity Maps' portal gives for download has both; the yearly figures are life cycle. */
static void a_csv_that_tells_the_life_cycle_is_read_for_it(void **state)
{
    (void)state;
    FR_AUTO(fr_signal) s = { 0 };
    assert_int_equal(
        parse("csv:FR.csv",
              "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO\xe2\x82\x82"
              "eq/kWh (direct),Carbon intensity gCO\xe2\x82\x82"
              "eq/kWh (Life cycle),Data estimated\n"
              "2025-10-25 00:00:00,France,France,FR,12.5,31.25,false\n",
              &s, NULL),
        0);
    assert_true(s.n == 1 && s.at[0].g_per_kwh == 31.25 && s.at[0].start_unix_ns == T0);
}

static void what_does_not_parse_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *signal, *body, *named;
    } CASES[] = {
        { "csv:a.csv", "time,intensity\n2025-10-25,10\n2025-10-26,x\n", "'a.csv', line 3: 'x'" },
        { "csv:a.csv", "time,intensity\nsoon,10\n", "'a.csv', line 2: 'soon'" },
        { "csv:a.csv", "time,intensity\n2025-02-29T10:00Z,10\n", "line 2: '2025-02-29T10:00Z'" },
        { "csv:a.csv", "time,intensity\n2025-10-25,-4\n", "'a.csv', line 2: -4 g/kWh" },
        { "csv:a.csv", "time,intensity\n2025-10-25,nan\n", "line 2: 'nan'" },
        { "csv:a.csv", "day,g\n", "no column of times" },
        { "csv:a.csv", "", "no column" },
        { "uk", "{\"data\":[{\"from\":\"2025-10-25T00:00Z\"", "not JSON" },
        { "uk", "[]", "no list 'data'" },
        { "uk", "{\"data\":[{}]}", "'from' is not a time" },
        { "uk",
          "{\"data\":[{\"from\":\"2025-10-25T00:00Z\",\"to\":\"2025-10-25T00:30Z\",\"intensity\":"
          "{\"actual\":\"63\"}}]}",
          "'actual' is not a number" },
        { "uk",
          "{\"data\":[{\"from\":\"2025-10-25T00:30Z\",\"to\":\"2025-10-25T00:00Z\",\"intensity\":"
          "{\"actual\":63}}]}",
          "lasts -1800 s" },
        { "electricity-maps:FR", "{\"error\":\"x\"}", "no list" },
        { "electricity-maps:FR",
          "{\"data\":[{\"datetime\":\"2025-10-25T00:00Z\",\"carbonIntensity\":1e300}]}",
          "not possible" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        FR_AUTO(fr_signal) s = { 0 };
        fr_err err = { 0 };
        assert_int_equal(parse(CASES[i].signal, CASES[i].body, &s, &err), FR_E_FORMAT);
        if (strstr(err.what, CASES[i].named) == NULL)
            fail_msg("'%s' does not say '%s'", err.what, CASES[i].named);
        assert_int_equal(s.n, 0);
    }
}

static void a_name_that_is_none_gets_the_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what, *hint;
    } CASES[] = {
        { "ukk", "no signal is called 'ukk'", "'uk'" },
        { "electricity-map:FR", "no signal", "'electricity-maps'" },
        { "electricity-maps", "needs a zone", "" },
        { "electricity-maps:F/R", "not a zone's name", "" },
        { "carbon-aware-average:eastus", "needs the URL", "" },
        { "csv", "needs a file", "" },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        fr_signal_spec spec;
        fr_err err = { 0 };
        assert_int_equal(fr_signal_spec_parse(CASES[i].text, &spec, &err), FR_E_USAGE);
        assert_non_null(strstr(err.what, CASES[i].what));
        assert_non_null(strstr(err.hint, CASES[i].hint));
    }
    unsetenv("WATTTIME_PASSWORD");
    fr_signal_spec spec;
    fr_err err = { 0 };
    assert_int_equal(fr_signal_spec_parse("watttime:CAISO_NORTH", &spec, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "WATTTIME_PASSWORD"));
    with_keys(NULL);
}

/* By hand: 100 J over two hours of 40 and 60 g/kWh in equal parts, 300 J in the second alone, and
 * 100 J where nothing is known: (50 x 40 + 350 x 60) / 400 over 80% of the energy. */
static void energy_is_weighted_by_the_hour_of_its_use(void **state)
{
    (void)state;
    FR_AUTO(fr_signal) s = { 0 };
    assert_int_equal(parse("csv:x.csv",
                           "time,intensity\n2025-10-25T00:00Z,40\n2025-10-25T01:00Z,60\n"
                           "2025-10-25T02:00Z,\n",
                           &s, NULL),
                     0);
    fr_signal_use uses[] = { { T0, T0 + 7200 * S, 100 },
                             { T0 + 3600 * S, T0 + 3700 * S, 300 },
                             { T0 + 7200 * S, T0 + 7300 * S, 60 },
                             { T0 - 3600 * S, T0, 40 } };
    fr_signal_mean m = fr_signal_apply(&s, uses, 4);
    assert_true(fabs(m.g_per_kwh - (50 * 40 + 350 * 60) / 400.0) < 1e-9);
    assert_true(fabs(m.covered_ratio - 0.8) < 1e-12);
    assert_true(isnan(fr_signal_apply(&s, uses + 2, 2).g_per_kwh));
    assert_true(fr_signal_apply(&s, NULL, 0).covered_ratio == 0);
}

/* ---- a server ---- */

typedef struct {
    tiny_server server;
    char cache[64], spec[128];
    int status; /* 0: as it should be; -1: the connection is dropped */
    char seen[8192];
} provider;

static void answer(void *user, const tiny_request *r, fr_buf *out)
{
    provider *p = user;
    snprintf(p->seen, sizeof p->seen, "%s", r->head);
    if (p->status < 0)
        return;
    if (p->status > 0) {
        tiny_answer(out, p->status, "", p->status == 204 ? "" : "{}");
    } else if (strstr(r->head, "/emissions/bylocation") != NULL) {
        tiny_answer(out, 200, "",
                    "[{\"location\":\"eastus\",\"time\":\"2025-10-25T00:00:00+00:00\","
                    "\"rating\":75.5,\"duration\":\"01:00:00\"}]");
    } else if (strstr(r->head, "/login") != NULL) {
        tiny_answer(out, strstr(r->head, "Basic YWRhOmxvdmVsYWNl") != NULL ? 200 : 401, "",
                    "{\"token\":\"t0ken\"}");
    } else if (strstr(r->head, "/v3/historical") != NULL) {
        tiny_answer(out, strstr(r->head, "Bearer t0ken") != NULL ? 200 : 401, "",
                    "{\"data\":[{\"point_time\":\"2025-10-25T00:00:00+00:00\",\"value\":500}],"
                    "\"meta\":{\"data_point_period_seconds\":3600,\"signal_type\":\"co2_moer\","
                    "\"units\":\"lbs_co2_per_mwh\"}}");
    } else {
        tiny_answer(out, 200, "",
                    "{\"data\":[{\"from\":\"2025-10-25T00:00Z\",\"to\":\"2025-10-25T00:30Z\","
                    "\"intensity\":{\"forecast\":70,\"actual\":63}}]}");
    }
}

static int start_provider(void **state)
{
    provider *p = FR_NEW(provider);
    with_keys(NULL);
    snprintf(p->cache, sizeof p->cache, "/tmp/frugal-signal-XXXXXX");
    assert_non_null(mkdtemp(p->cache));
    assert_int_equal(tiny_server_start(&p->server, answer, p), 0);
    *state = p;
    return 0;
}

static int stop_provider(void **state)
{
    provider *p = *state;
    char command[128];
    tiny_server_stop(&p->server);
    snprintf(command, sizeof command, "rm -rf '%s'", p->cache);
    int rc = system(command);
    free(p);
    return rc;
}

static fr_signal_spec spec_at(const provider *p, const char *name)
{
    char text[192];
    snprintf(text, sizeof text, "%s@%s", name, p->server.url);
    fr_signal_spec spec = spec_of(text);
    spec.cache = p->cache;
    return spec;
}

static void what_was_fetched_is_kept_and_a_settled_day_is_not_asked_again(void **state)
{
    provider *p = *state;
    fr_signal_spec spec = spec_at(p, "uk");
    for (int round = 0; round < 3; round++) {
        FR_AUTO(fr_signal) s = { 0 };
        assert_int_equal(fr_signal_get(&spec, T0, T0 + 60 * S, &s, NULL), 0);
        assert_int_equal(s.n, 1);
        assert_true(s.at[0].g_per_kwh == 63 && !s.stale);
        assert_int_equal(p->server.n_requests, 1);
    }
    assert_non_null(strstr(p->seen, "GET /intensity/2025-10-25T00:01Z/2025-10-26T00:00Z "));
}

static void without_network_what_is_there_is_used_and_marked(void **state)
{
    provider *p = *state;
    fr_signal_spec spec = spec_at(p, "uk");
    int64_t today = fr_now_unix_ns();
    FR_AUTO(fr_signal) s = { 0 };
    assert_int_equal(fr_signal_get(&spec, T0, T0 + 60 * S, &s, NULL), 0);
    /* make the kept day an unsettled one that is old */
    char command[256];
    snprintf(command, sizeof command,
             "sed -i 's/\"fetched_s\":[0-9]*/\"fetched_s\":1761400000/' %s/uk/GB/*.json", p->cache);
    assert_int_equal(system(command), 0);
    p->status = 503;
    assert_int_equal(fr_signal_get(&spec, T0, T0 + 60 * S, &s, NULL), 0);
    assert_true(s.n == 1 && s.stale && s.fetched_unix_ns == 1761400000 * S);
    assert_non_null(strstr(s.note, "HTTP 503"));
    p->status = -1;
    assert_int_equal(fr_signal_get(&spec, today, today + S, &s, NULL), 0);
    assert_int_equal(s.n, 0); /* nothing: the caller takes the yearly figure */
    assert_true(s.note[0] != '\0');
    setenv("FRUGAL_OFFLINE", "1", 1);
    int before = p->server.n_connections;
    assert_int_equal(fr_signal_get(&spec, today, today + S, &s, NULL), 0);
    assert_int_equal(p->server.n_connections, before);
    unsetenv("FRUGAL_OFFLINE");
}

static void a_refusal_is_an_error_and_not_a_gap(void **state)
{
    provider *p = *state;
    fr_signal_spec spec = spec_at(p, "electricity-maps:FR");
    FR_AUTO(fr_signal) s = { 0 };
    fr_err err = { 0 };
    p->status = 401;
    assert_int_equal(fr_signal_get(&spec, T0, T0 + S, &s, &err), FR_E_PERMISSION);
    assert_null(strstr(err.what, "maps-key"));
    assert_non_null(strstr(p->seen, "auth-token: maps-key"));
    p->status = 404;
    assert_int_equal(fr_signal_get(&spec, T0, T0 + S, &s, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "'FR'"));
}

static void watttime_logs_in_first(void **state)
{
    provider *p = *state;
    fr_signal_spec spec = spec_at(p, "watttime:CAISO_NORTH");
    FR_AUTO(fr_signal) s = { 0 };
    assert_int_equal(fr_signal_get(&spec, T0, T0 + 60 * S, &s, NULL), 0);
    assert_int_equal(s.n, 1);
    assert_true(fabs(s.at[0].g_per_kwh - 500 * 0.45359237) < 1e-9);
    assert_int_equal(p->server.n_requests, 2);
    assert_non_null(strstr(p->seen, "region=CAISO_NORTH&signal_type=co2_moer"));
}

/* Its endpoint takes time and toTime, and ignores what it does not know; 204 is no data. */
static void the_carbon_aware_sdk_is_asked_in_its_own_words(void **state)
{
    provider *p = *state;
    fr_signal_spec spec = spec_at(p, "carbon-aware-marginal:eastus");
    FR_AUTO(fr_signal) s = { 0 };
    p->status = 204;
    assert_int_equal(fr_signal_get(&spec, T0 - 86400 * S, T0 - 86340 * S, &s, NULL), 0);
    assert_int_equal(s.n, 0);
    assert_non_null(strstr(s.note, "has no figure for that time"));
    p->status = 0;
    assert_int_equal(fr_signal_get(&spec, T0, T0 + 60 * S, &s, NULL), 0);
    assert_true(s.n == 1 && s.at[0].g_per_kwh == 75.5);
    assert_non_null(strstr(p->seen, "GET /emissions/bylocation?location=eastus&"
                                    "time=2025-10-25T00:00:00Z&toTime=2025-10-26T00:00:00Z "));
}

static void a_damaged_cache_is_fetched_again(void **state)
{
    provider *p = *state;
    fr_signal_spec spec = spec_at(p, "uk");
    FR_AUTO(fr_signal) s = { 0 };
    assert_int_equal(fr_signal_get(&spec, T0, T0 + 60 * S, &s, NULL), 0);
    char command[256];
    snprintf(command, sizeof command, "for f in %s/uk/GB/*; do echo '{\"points\":[[' > $f; done",
             p->cache);
    assert_int_equal(system(command), 0);
    assert_int_equal(fr_signal_get(&spec, T0, T0 + 60 * S, &s, NULL), 0);
    assert_int_equal(s.n, 1);
    assert_int_equal(p->server.n_requests, 2);
}

#define WITH_PROVIDER(test) cmocka_unit_test_setup_teardown(test, start_provider, stop_provider)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_an_instant),
        cmocka_unit_test(uk_half_hours_take_the_actual_figure_and_mark_a_forecast),
        cmocka_unit_test(watttime_pounds_become_grams_and_stay_marginal),
        cmocka_unit_test(other_shapes_are_read),
        cmocka_unit_test(a_csv_in_local_time_keeps_the_hour_that_comes_twice),
        cmocka_unit_test(a_csv_that_tells_the_life_cycle_is_read_for_it),
        cmocka_unit_test(what_does_not_parse_is_named),
        cmocka_unit_test(a_name_that_is_none_gets_the_nearest),
        cmocka_unit_test(energy_is_weighted_by_the_hour_of_its_use),
        WITH_PROVIDER(what_was_fetched_is_kept_and_a_settled_day_is_not_asked_again),
        WITH_PROVIDER(without_network_what_is_there_is_used_and_marked),
        WITH_PROVIDER(a_refusal_is_an_error_and_not_a_gap),
        WITH_PROVIDER(watttime_logs_in_first),
        WITH_PROVIDER(the_carbon_aware_sdk_is_asked_in_its_own_words),
        WITH_PROVIDER(a_damaged_cache_is_fetched_again),
    };
    return cmocka_run_group_tests(tests, with_keys, NULL);
}
