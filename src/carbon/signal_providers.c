/* Those who publish intensities: a row each. Shapes are those of the providers' public
 * documentation; what is not there or null is unknown, what is of another type is an error. */
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/mem.h"
#include "carbon/signal_priv.h"
#include "net/http.h"

#define LB_PER_MWH_AS_G_PER_KWH 0.45359237 /* the international pound, exact */
#define DAYS                    86400.0

/* ---- reading ---- */

static int bad(const fr_signal_spec *spec, fr_err *err, const char *what)
{
    return fr_fail(err, FR_E_FORMAT, "It may be another version of the service, or not it at all.",
                   "the answer of %s is not as agreed: %s", spec->name, what);
}

static int load(const fr_signal_spec *spec, fr_str body, json_t **out, fr_err *err)
{
    json_error_t why;
    char text[224];
    *out = json_loadb(body.at, body.n, 0, &why);
    if (*out != NULL)
        return 0;
    snprintf(text, sizeof text, "not JSON, line %d: %s", why.line, why.text);
    return bad(spec, err, text);
}

static int instant(const fr_signal_spec *spec, const json_t *o, const char *key, int64_t *out,
                   fr_err *err)
{
    const char *text = json_string_value(json_object_get(o, key));
    char what[96];
    if (text != NULL && fr_signal_instant(text, out))
        return 0;
    snprintf(what, sizeof what, "'%s' is not a time", key);
    return bad(spec, err, what);
}

/* A number, or null (unknown); anything else is an error. */
static int number(const fr_signal_spec *spec, const json_t *o, const char *key, double *out,
                  fr_err *err)
{
    const json_t *v = json_object_get(o, key);
    char what[96];
    *out = json_is_number(v) ? json_number_value(v) : NAN;
    if (v == NULL || json_is_null(v) || json_is_number(v))
        return 0;
    snprintf(what, sizeof what, "'%s' is not a number", key);
    return bad(spec, err, what);
}

/* {"data":[{"from":…,"to":…,"intensity":{"forecast":266,"actual":263,"index":"moderate"}}]} */
static int read_uk(const fr_signal_spec *spec, const json_t *root, fr_signal *out, fr_err *err)
{
    const json_t *data = json_object_get(root, "data");
    for (size_t i = 0; i < json_array_size(data); i++) {
        const json_t *row = json_array_get(data, i), *v = json_object_get(row, "intensity");
        int64_t from, to;
        double actual, forecast;
        FR_TRY(instant(spec, row, "from", &from, err));
        FR_TRY(instant(spec, row, "to", &to, err));
        FR_TRY(number(spec, v, "actual", &actual, err));
        FR_TRY(number(spec, v, "forecast", &forecast, err));
        FR_TRY(fr_signal_add(out, from, (double)(to - from) * 1e-9,
                             isnan(actual) ? forecast : actual, isnan(actual), err));
    }
    return json_is_array(data) ? 0 : bad(spec, err, "no list 'data'");
}

/* {"zone":"FR","data":[{"carbonIntensity":33,"datetime":…,"isEstimated":false}]}; the endpoint of
 * the last day calls its list "history". */
static int read_maps(const fr_signal_spec *spec, const json_t *root, fr_signal *out, fr_err *err)
{
    const json_t *data = json_object_get(root, "data");
    if (data == NULL)
        data = json_object_get(root, "history");
    for (size_t i = 0; i < json_array_size(data); i++) {
        const json_t *row = json_array_get(data, i);
        int64_t from;
        double g;
        FR_TRY(instant(spec, row, "datetime", &from, err));
        FR_TRY(number(spec, row, "carbonIntensity", &g, err));
        FR_TRY(
            fr_signal_add(out, from, 0, g, json_is_true(json_object_get(row, "isEstimated")), err));
    }
    return json_is_array(data) ? 0 : bad(spec, err, "no list 'data'");
}

/* {"data":[{"point_time":…,"value":870}],"meta":{"units":"lbs_co2_per_mwh",
 * "data_point_period_seconds":300,"signal_type":"co2_moer"}} */
static int read_watttime(const fr_signal_spec *spec, const json_t *root, fr_signal *out,
                         fr_err *err)
{
    const json_t *data = json_object_get(root, "data"), *meta = json_object_get(root, "meta");
    const char *units = json_string_value(json_object_get(meta, "units"));
    const char *type = json_string_value(json_object_get(meta, "signal_type"));
    double period_s;
    if (units == NULL || strcmp(units, "lbs_co2_per_mwh") != 0)
        return bad(spec, err, "its units are not lbs_co2_per_mwh");
    if (type == NULL || strcmp(type, "co2_moer") != 0)
        return bad(spec, err, "its signal is not the marginal co2_moer");
    FR_TRY(number(spec, meta, "data_point_period_seconds", &period_s, err));
    for (size_t i = 0; i < json_array_size(data); i++) {
        const json_t *row = json_array_get(data, i);
        int64_t from;
        double lb_per_mwh;
        FR_TRY(instant(spec, row, "point_time", &from, err));
        FR_TRY(number(spec, row, "value", &lb_per_mwh, err));
        FR_TRY(fr_signal_add(out, from, isnan(period_s) ? 0 : period_s,
                             lb_per_mwh * LB_PER_MWH_AS_G_PER_KWH, false, err));
    }
    return json_is_array(data) ? 0 : bad(spec, err, "no list 'data'");
}

/* [{"location":"eastus","time":…,"rating":75.0,"duration":"00:05:00"}]; a day is "1.00:00:00". */
static int read_carbon_aware(const fr_signal_spec *spec, const json_t *root, fr_signal *out,
                             fr_err *err)
{
    for (size_t i = 0; i < json_array_size(root); i++) {
        const json_t *row = json_array_get(root, i);
        const char *duration = json_string_value(json_object_get(row, "duration"));
        unsigned days = 0, hours = 0, minutes = 0, seconds = 0;
        int64_t from;
        double g;
        FR_TRY(instant(spec, row, "time", &from, err));
        FR_TRY(number(spec, row, "rating", &g, err));
        if (duration != NULL && strchr(duration, '.') != NULL &&
            strchr(duration, '.') < strchr(duration, ':'))
            sscanf(duration, "%3u.%2u:%2u:%2u", &days, &hours, &minutes, &seconds);
        else if (duration != NULL)
            sscanf(duration, "%2u:%2u:%2u", &hours, &minutes, &seconds);
        FR_TRY(fr_signal_add(out, from, days * DAYS + hours * 3600.0 + minutes * 60.0 + seconds, g,
                             false, err));
    }
    return json_is_array(root) ? 0 : bad(spec, err, "not a list");
}

#define JSON_READER(name)                                                                          \
    static int name##_body(const fr_signal_spec *spec, fr_str body, fr_signal *out, fr_err *err)   \
    {                                                                                              \
        json_t *root = NULL;                                                                       \
        FR_TRY(load(spec, body, &root, err));                                                      \
        int rc = name(spec, root, out, err);                                                       \
        json_decref(root);                                                                         \
        return rc;                                                                                 \
    }
JSON_READER(read_uk)
JSON_READER(read_maps)
JSON_READER(read_watttime)
JSON_READER(read_carbon_aware)

static bool has_word(fr_str field, const char *word)
{
    char text[64];
    size_t n = 0;
    for (; n < field.n && n + 1 < sizeof text; n++)
        text[n] = (char)tolower((unsigned char)field.at[n]);
    text[n] = '\0';
    return strstr(text, word) != NULL;
}

/* Electricity Maps' files tell what burns alone ("direct") and the life cycle, which the yearly
 * figures are of: that one, where both are there. */
static int csv_columns(const fr_signal_spec *spec, const fr_str *fields, size_t n, size_t *time,
                       size_t *value, fr_err *err)
{
    bool is_whole = false;
    *time = *value = SIZE_MAX;
    for (size_t i = n; i-- > 0;) { /* the first of each stands */
        bool whole = has_word(fields[i], "life cycle") || has_word(fields[i], "lifecycle");
        if (has_word(fields[i], "time"))
            *time = i;
        else if ((has_word(fields[i], "intensity") || has_word(fields[i], "per_kwh")) &&
                 (whole || !is_whole)) {
            *value = i;
            is_whole |= whole;
        }
    }
    if (*time != SIZE_MAX && *value != SIZE_MAX)
        return 0;
    return fr_fail(err, FR_E_FORMAT, "As a first line: datetime,intensity_g_per_kwh.",
                   "'%s': the heading names no column of %s", spec->place,
                   *time == SIZE_MAX ? "times" : "intensities");
}

static int csv_row(const fr_signal_spec *spec, const fr_csv *csv, const fr_str *fields, size_t n,
                   size_t c_time, size_t c_value, fr_signal *out, fr_err *err)
{
    char text[64];
    int64_t from;
    double g = NAN;
    fr_str time = c_time < n ? fr_str_trim(fields[c_time]) : fr_str_of(NULL);
    fr_str value = c_value < n ? fr_str_trim(fields[c_value]) : fr_str_of(NULL);
    snprintf(text, sizeof text, "%.*s", (int)FR_MIN(time.n, (size_t)63), time.at);
    if (!fr_signal_instant(text, &from))
        return fr_fail(err, FR_E_FORMAT, "Write it as 2026-11-22T18:00Z or with an offset.",
                       "'%s', line %zu: '%s' is not a time", spec->place, csv->line, text);
    if (value.n > 0 && !fr_str_is(value, "null") && !(fr_str_to_f64(value, &g) && isfinite(g)))
        return fr_fail(err, FR_E_FORMAT, "Write a plain number, or nothing where none is known.",
                       "'%s', line %zu: '%.*s' is not an intensity", spec->place, csv->line,
                       (int)FR_MIN(value.n, (size_t)40), value.at);
    if (fr_signal_add(out, from, 0, g, false, err) != 0)
        return fr_err_within(err, "'%s', line %zu", spec->place, csv->line);
    return 0;
}

static int read_csv(const fr_signal_spec *spec, fr_str body, fr_signal *out, fr_err *err)
{
    FR_AUTO(fr_csv) csv = { 0 };
    const fr_str *fields;
    size_t n, c_time, c_value;
    fr_csv_init(&csv, body, spec->place);
    FR_TRY(fr_csv_next(&csv, &fields, &n, err));
    FR_TRY(csv_columns(spec, fields, n, &c_time, &c_value, err));
    for (;;) {
        FR_TRY(fr_csv_next(&csv, &fields, &n, err));
        if (n == 0)
            return 0;
        FR_TRY(csv_row(spec, &csv, fields, n, c_time, c_value, out, err));
    }
}

/* ---- asking ---- */

static void minute_text(int64_t unix_ns, char out[FR_TIME_TEXT])
{
    fr_time_text(unix_ns, out);
    memcpy(out + 16, "Z", 2); /* 2026-11-22T18:55Z */
}

static int ask_uk(const fr_signal_spec *spec, int64_t from, int64_t to, fr_signal_request *out,
                  fr_err *err)
{
    (void)err;
    char a[FR_TIME_TEXT], b[FR_TIME_TEXT];
    /* Its spans end at or before `to`, and the one that holds `from` is told when it is inside. */
    minute_text(from + 60000000000, a);
    minute_text(to, b);
    fr_buf_put_f(&out->url, "%s/intensity/%s/%s", spec->place, a, b);
    return 0;
}

static int ask_maps(const fr_signal_spec *spec, int64_t from, int64_t to, fr_signal_request *out,
                    fr_err *err)
{
    (void)err;
    char a[FR_TIME_TEXT], b[FR_TIME_TEXT];
    fr_time_text(from, a);
    fr_time_text(to, b);
    fr_buf_put_f(&out->url, "%s/v3/carbon-intensity/past-range?zone=%s&start=%s&end=%s",
                 spec->place, spec->zone, a, b);
    out->headers[out->n_headers++] = fr_dup_f("auth-token: %s", getenv("ELECTRICITY_MAPS_TOKEN"));
    return 0;
}

static char *base64(const char *text)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text);
    char *out = fr_array(n * 4 / 3 + 5, 1), *to = out;
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (i + k < n ? (unsigned char)text[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            *to++ = i + k <= n ? DIGITS[v >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

/* A token is good for half an hour; one is asked for each time, as a day of figures is one call. */
static int ask_watttime(const fr_signal_spec *spec, int64_t from, int64_t to,
                        fr_signal_request *out, fr_err *err)
{
    char a[FR_TIME_TEXT], b[FR_TIME_TEXT];
    char *pair = fr_dup_f("%s:%s", getenv("WATTTIME_USER"), getenv("WATTTIME_PASSWORD"));
    char *coded = base64(pair), *header = fr_dup_f("Authorization: Basic %s", coded);
    char *url = fr_dup_f("%s/login", spec->place);
    FR_AUTO(fr_http_response) got = { 0 };
    int rc = fr_http(&(fr_http_request){ .url = url,
                                         .headers = (const char *const[]){ header, NULL },
                                         .timeout_s = 10 },
                     &got, err);
    free(pair);
    free(coded);
    free(header);
    free(url);
    FR_TRY(rc);
    if (got.status == 401 || got.status == 403)
        return fr_fail(err, FR_E_PERMISSION, "Look at WATTTIME_USER and WATTTIME_PASSWORD.",
                       "watttime refuses the login (HTTP %d)", got.status);
    json_t *root = NULL;
    FR_TRY(load(spec, fr_buf_str(&got.body), &root, err));
    const char *token = json_string_value(json_object_get(root, "token"));
    if (token == NULL || strpbrk(token, "\r\n") != NULL)
        rc = bad(spec, err, "the login gives no token");
    else
        out->headers[out->n_headers++] = fr_dup_f("Authorization: Bearer %s", token);
    json_decref(root);
    FR_TRY(rc);
    fr_time_text(from, a);
    fr_time_text(to, b);
    fr_buf_put_f(&out->url, "%s/v3/historical?region=%s&signal_type=co2_moer&start=%s&end=%s",
                 spec->place, spec->zone, a, b);
    return 0;
}

static int ask_carbon_aware(const fr_signal_spec *spec, int64_t from, int64_t to,
                            fr_signal_request *out, fr_err *err)
{
    (void)err;
    char a[FR_TIME_TEXT], b[FR_TIME_TEXT];
    fr_time_text(from, a);
    fr_time_text(to, b);
    fr_buf_put_f(&out->url, "%s/emissions/bylocation?location=%s&time=%s&toTime=%s", spec->place,
                 spec->zone, a, b);
    return 0;
}

/* ---- the table ---- */

const fr_signal_provider fr_signal_providers[] = {
    { "uk",
      FR_SIGNAL_AVERAGE,
      "GB",
      "https://api.carbonintensity.org.uk",
      { NULL },
      13 * DAYS,
      "Great Britain by the half-hour; no key",
      ask_uk,
      read_uk_body },
    { "electricity-maps",
      FR_SIGNAL_AVERAGE,
      NULL,
      "https://api.electricitymap.org",
      { "ELECTRICITY_MAPS_TOKEN" },
      9 * DAYS,
      "electricity-maps:ZONE; ELECTRICITY_MAPS_TOKEN",
      ask_maps,
      read_maps_body },
    { "watttime",
      FR_SIGNAL_MARGINAL,
      NULL,
      "https://api.watttime.org",
      { "WATTTIME_USER", "WATTTIME_PASSWORD" },
      31 * DAYS,
      "watttime:REGION; WATTTIME_USER and WATTTIME_PASSWORD",
      ask_watttime,
      read_watttime_body },
    { "carbon-aware-average",
      FR_SIGNAL_AVERAGE,
      NULL,
      NULL,
      { NULL },
      9 * DAYS,
      "carbon-aware-average:LOCATION@URL of a Carbon Aware SDK fed with averages",
      ask_carbon_aware,
      read_carbon_aware_body },
    { "carbon-aware-marginal",
      FR_SIGNAL_MARGINAL,
      NULL,
      NULL,
      { NULL },
      9 * DAYS,
      "carbon-aware-marginal:LOCATION@URL of one fed with marginal figures",
      ask_carbon_aware,
      read_carbon_aware_body },
    { "csv",
      FR_SIGNAL_AVERAGE,
      NULL,
      "",
      { NULL },
      0,
      "csv:FILE with a time and an intensity",
      NULL,
      read_csv },
    { "csv-marginal",
      FR_SIGNAL_MARGINAL,
      NULL,
      "",
      { NULL },
      0,
      "csv-marginal:FILE of marginal figures",
      NULL,
      read_csv },
};
const size_t fr_signal_providers_n = FR_COUNT_OF(fr_signal_providers);
