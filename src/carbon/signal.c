/* Specs, points, the cache by day, and what hours of use make of them. */
#include "carbon/signal.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "carbon/signal_priv.h"
#include "net/http.h"

#define S_NS              1000000000
#define DAY_NS            (86400 * (int64_t)S_NS)
#define HOUR_S            3600.0
#define G_PER_KWH_MOST    5000
#define FRESH_NS          (30 * 60 * (int64_t)S_NS) /* of a day that may still change */
#define SETTLED_NS        (2 * DAY_NS)              /* after its end a day changes no more */
#define FILE_MOST_BYTES   ((size_t)64 << 20)
#define ANSWER_MOST_BYTES ((size_t)16 << 20)
#define DAYS_MOST         400

const char *fr_signal_kind_name(fr_signal_kind kind)
{
    return kind == FR_SIGNAL_AVERAGE ? "average" : kind == FR_SIGNAL_MARGINAL ? "marginal" : "none";
}

const char *fr_signal_name_at(size_t i, fr_signal_kind *kind, const char **how)
{
    if (i >= fr_signal_providers_n)
        return NULL;
    *kind = fr_signal_providers[i].kind;
    *how = fr_signal_providers[i].how;
    return fr_signal_providers[i].name;
}

void fr_signal_fini(fr_signal *s)
{
    free(s->at);
    *s = (fr_signal){ 0 };
}

/* ---- what is asked for ---- */

static int unknown_name(fr_str name, fr_err *err)
{
    const char *valid[16] = { 0 };
    char word[64], hint[192] = "There are uk, electricity-maps, watttime, carbon-aware-average, "
                               "carbon-aware-marginal, csv and csv-marginal.";
    for (size_t i = 0; i < fr_signal_providers_n && i < 15; i++)
        valid[i] = fr_signal_providers[i].name;
    snprintf(word, sizeof word, "%.*s", (int)FR_MIN(name.n, (size_t)63), name.at);
    const char *near = fr_nearest(word, valid);
    if (near != NULL)
        snprintf(hint, sizeof hint, "Did you mean '%s'?", near);
    return fr_fail(err, FR_E_USAGE, hint, "no signal is called '%s'", word);
}

/* It becomes a part of a URL and of a file's name. */
static bool is_zone(const char *zone)
{
    return strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
           strlen(zone);
}

int fr_signal_spec_parse(const char *text, fr_signal_spec *out, fr_err *err)
{
    *out = (fr_signal_spec){ 0 };
    fr_str rest = fr_str_of(text), name = { 0 };
    size_t n = strcspn(text, ":@");
    name = (fr_str){ rest.at, n };
    for (size_t i = 0; i < fr_signal_providers_n && out->provider == NULL; i++)
        if (fr_str_is(name, fr_signal_providers[i].name))
            out->provider = &fr_signal_providers[i];
    const fr_signal_provider *p = out->provider;
    if (p == NULL)
        return unknown_name(name, err);
    out->name = p->name;
    out->kind = p->kind;
    bool file = p->url != NULL && p->url[0] == '\0';
    const char *zone = text[n] == ':' ? text + n + 1 : "", *url = NULL;
    size_t zone_n = strlen(zone);
    if (!file && strchr(text, '@') != NULL) {
        url = strchr(text, '@') + 1;
        zone_n = strcspn(zone, "@");
    }
    if (zone_n == 0 && p->zone == NULL)
        return fr_fail(err, FR_E_USAGE, p->how, "the signal %s needs %s", p->name,
                       file ? "a file" : "a zone");
    snprintf(out->zone, sizeof out->zone, "%.*s", zone_n > 0 ? (int)zone_n : 63,
             zone_n > 0 ? zone : p->zone);
    const char *place = file ? zone : url != NULL ? url : p->url;
    if (place == NULL)
        return fr_fail(err, FR_E_USAGE, p->how, "the signal %s needs the URL of its server",
                       p->name);
    if (strlen(place) >= sizeof out->place || (!file && zone_n >= sizeof out->zone))
        return fr_fail(err, FR_E_USAGE, NULL, "the signal '%.60s…' is too long", text);
    snprintf(out->place, sizeof out->place, "%s", place);
    for (size_t end = strlen(out->place); !file && end > 0 && out->place[end - 1] == '/'; end--)
        out->place[end - 1] = '\0';
    if (file) {
        const char *slash = strrchr(zone, '/');
        snprintf(out->zone, sizeof out->zone, "%.63s", slash != NULL ? slash + 1 : zone);
    } else if (!is_zone(out->zone)) {
        return fr_fail(err, FR_E_USAGE, "Zones have letters, digits, - and _.",
                       "'%s' is not a zone's name", out->zone);
    }
    for (size_t i = 0; i < 2 && p->keys[i] != NULL; i++) {
        const char *key = getenv(p->keys[i]);
        if (key == NULL || key[0] == '\0' || strpbrk(key, "\r\n") != NULL)
            return fr_fail(err, FR_E_USAGE, "It is the key that the provider gave you.",
                           "the signal %s needs %s in the environment", p->name, p->keys[i]);
    }
    return 0;
}

/* ---- points ---- */

static bool digits(const char **at, int n, int *out)
{
    *out = 0;
    for (int i = 0; i < n; i++) {
        if (!isdigit((unsigned char)(*at)[i]))
            return false;
        *out = *out * 10 + ((*at)[i] - '0');
    }
    *at += n;
    return true;
}

static bool passes(const char **at, const char *any)
{
    if (**at == '\0' || strchr(any, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

bool fr_signal_instant(const char *text, int64_t *unix_ns)
{
    const char *at = text;
    int year, month, day, hour = 0, minute = 0, second = 0, offset_h = 0, offset_m = 0, sign = 0;
    if (!digits(&at, 4, &year) || !passes(&at, "-") || !digits(&at, 2, &month) ||
        !passes(&at, "-") || !digits(&at, 2, &day))
        return false;
    if (passes(&at, "T ")) {
        if (!digits(&at, 2, &hour) || !passes(&at, ":") || !digits(&at, 2, &minute))
            return false;
        if (passes(&at, ":") && !digits(&at, 2, &second))
            return false;
        if (passes(&at, "."))
            at += strspn(at, "0123456789"); /* parts of a second are below what a grid tells */
        if (*at == '+' || *at == '-') {
            sign = *at++ == '-' ? -1 : 1;
            if (!digits(&at, 2, &offset_h))
                return false;
            passes(&at, ":");
            if (*at != '\0' && !digits(&at, 2, &offset_m))
                return false;
        } else {
            passes(&at, "Z");
        }
    }
    if (*at != '\0' || year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 ||
        day > 31 || hour > 24 || minute > 59 || second > 60 || offset_h > 15 || offset_m > 59)
        return false;
    struct tm parts = { .tm_year = year - 1900,
                        .tm_mon = month - 1,
                        .tm_mday = day,
                        .tm_hour = hour,
                        .tm_min = minute,
                        .tm_sec = second };
    int64_t seconds = timegm(&parts);
    if (hour < 24 && second < 60 && parts.tm_mday != day)
        return false; /* the 31st of February */
    *unix_ns = (seconds - sign * (offset_h * 3600 + offset_m * 60)) * S_NS;
    return true;
}

int fr_signal_add(fr_signal *s, int64_t start_unix_ns, double period_s, double g_per_kwh,
                  bool estimated, fr_err *err)
{
    char when[FR_TIME_TEXT];
    fr_time_text(start_unix_ns, when);
    if (!isnan(g_per_kwh) && !(g_per_kwh >= 0 && g_per_kwh <= G_PER_KWH_MOST))
        return fr_fail(err, FR_E_FORMAT, "It is grams of CO2e per kilowatt-hour, 0 to 5000.",
                       "%g g/kWh at %s is not possible", g_per_kwh, when);
    if (!(period_s >= 0 && period_s <= 31 * 86400.0))
        return fr_fail(err, FR_E_FORMAT, NULL, "the point at %s lasts %g s", when, period_s);
    if (s->n >= FR_SIGNAL_POINTS_MOST)
        return fr_fail(err, FR_E_LIMIT, "Ask for a shorter time.", "more than %d points",
                       FR_SIGNAL_POINTS_MOST);
    FR_GROW(s->at, s->n, s->cap);
    s->at[s->n++] = (fr_signal_point){ .start_unix_ns = start_unix_ns,
                                       .end_unix_ns = start_unix_ns + (int64_t)(period_s * S_NS),
                                       .g_per_kwh = g_per_kwh,
                                       .estimated = estimated };
    return 0;
}

/* By time; of two at one time the one that came later stands last. Merge sort keeps that order. */
static void sort_points(fr_signal_point *at, size_t n, fr_signal_point *scratch)
{
    if (n < 2)
        return;
    size_t half = n / 2, a = 0, b = half, k = 0;
    sort_points(at, half, scratch);
    sort_points(at + half, n - half, scratch);
    while (k < n)
        scratch[k++] =
            b >= n || (a < half && at[a].start_unix_ns <= at[b].start_unix_ns) ? at[a++] : at[b++];
    memcpy(at, scratch, n * sizeof *at);
}

/* Where the provider does not say how long a figure holds: the shortest step there is, an hour when
 * there is one point only. A hole between points stays a hole. */
void fr_signal_settle(fr_signal *s)
{
    fr_signal_point *scratch = FR_NEW_N(fr_signal_point, s->n);
    sort_points(s->at, s->n, scratch);
    free(scratch);
    size_t kept = 0;
    int64_t step_ns = INT64_MAX;
    for (size_t i = 0; i < s->n; i++) {
        if (kept > 0 && s->at[kept - 1].start_unix_ns == s->at[i].start_unix_ns)
            kept--;
        s->at[kept++] = s->at[i];
        if (kept > 1)
            step_ns =
                FR_MIN(step_ns, s->at[kept - 1].start_unix_ns - s->at[kept - 2].start_unix_ns);
    }
    s->n = kept;
    step_ns = FR_MIN(step_ns, (int64_t)(HOUR_S * S_NS));
    for (size_t i = 0; i < s->n; i++) {
        fr_signal_point *p = &s->at[i];
        if (p->end_unix_ns <= p->start_unix_ns)
            p->end_unix_ns = p->start_unix_ns + step_ns;
        if (i + 1 < s->n)
            p->end_unix_ns = FR_MIN(p->end_unix_ns, s->at[i + 1].start_unix_ns);
    }
}

static void name_signal(const fr_signal_spec *spec, fr_signal *out)
{
    out->name = spec->name;
    out->kind = spec->kind;
    snprintf(out->zone, sizeof out->zone, "%s", spec->zone);
}

int fr_signal_parse(const fr_signal_spec *spec, fr_str body, fr_signal *out, fr_err *err)
{
    fr_signal_fini(out);
    name_signal(spec, out);
    int rc = spec->provider->read(spec, body, out, err);
    if (rc == 0)
        fr_signal_settle(out);
    else
        fr_signal_fini(out);
    return rc;
}

/* ---- the cache: a file a UTC day ---- */

static char *cache_path(const fr_signal_spec *spec, int64_t day)
{
    char date[FR_TIME_TEXT];
    fr_time_text(day * DAY_NS, date);
    char *folder = NULL, *path;
    if (spec->cache == NULL) {
        char *root = fr_path_cache();
        folder = fr_path_join(root, "signals");
        free(root);
    } else {
        folder = fr_dup(spec->cache);
    }
    path = fr_dup_f("%s/%s/%s/%.10s.json", folder, spec->name, spec->zone, date);
    free(folder);
    return path;
}

static void cache_write(const fr_signal_spec *spec, int64_t day, const fr_signal *s)
{
    if (spec->cache != NULL && spec->cache[0] == '\0')
        return;
    json_t *points = json_array();
    for (size_t i = 0; i < s->n; i++) {
        const fr_signal_point *p = &s->at[i];
        if (p->start_unix_ns < day * DAY_NS || p->start_unix_ns >= (day + 1) * DAY_NS)
            continue;
        json_array_append_new(points,
                              json_pack("[I,I,o,b]", (json_int_t)(p->start_unix_ns / S_NS),
                                        (json_int_t)(p->end_unix_ns / S_NS),
                                        isnan(p->g_per_kwh) ? json_null() : json_real(p->g_per_kwh),
                                        p->estimated));
    }
    /* The URL is kept, so that what a server of one's own said is never taken for the public one's
     */
    json_t *root = json_pack("{s:i,s:s,s:I,s:o}", "schema", 1, "from", spec->place, "fetched_s",
                             (json_int_t)(fr_now_unix_ns() / S_NS), "points", points);
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(15));
    char *path = cache_path(spec, day), *folder = fr_path_dir(path);
    fr_err err = { 0 };
    int rc = fr_dir_exists(folder) ? 0 : fr_dir_make(folder, &err);
    if (rc == 0)
        rc = fr_file_write(path, fr_str_of(text), &err);
    if (rc != 0)
        fr_log(FR_LOG_INFO, "the grid's figures are not kept: %s", err.what);
    free(folder);
    free(path);
    free(text);
    json_decref(root);
}

static bool cache_points(const json_t *points, int64_t day, fr_signal *out)
{
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *row = json_array_get(points, i), *g = json_array_get(row, 2);
        int64_t start_s = json_integer_value(json_array_get(row, 0));
        int64_t end_s = json_integer_value(json_array_get(row, 1));
        if (start_s < day * (DAY_NS / S_NS) || start_s >= (day + 1) * (DAY_NS / S_NS) ||
            end_s <= start_s || end_s - start_s > 31 * 86400 ||
            fr_signal_add(out, start_s * S_NS, (double)(end_s - start_s),
                          json_is_number(g) ? json_number_value(g) : NAN,
                          json_is_true(json_array_get(row, 3)), NULL) != 0)
            return false;
    }
    return json_is_array(points);
}

/* A file that is damaged is as good as none: it is fetched again. */
static bool cache_read(const fr_signal_spec *spec, int64_t day, fr_signal *out,
                       int64_t *fetched_unix_ns)
{
    FR_AUTO(fr_buf) text = { 0 };
    if (spec->cache != NULL && spec->cache[0] == '\0')
        return false;
    char *path = cache_path(spec, day);
    int rc = fr_file_exists(path) ? fr_file_read(path, ANSWER_MOST_BYTES, &text, NULL) : -1;
    free(path);
    json_t *root = rc == 0 ? json_loadb(fr_buf_text(&text), text.n, 0, NULL) : NULL;
    const char *from = json_string_value(json_object_get(root, "from"));
    size_t before = out->n;
    bool ok = from != NULL && strcmp(from, spec->place) == 0 &&
              cache_points(json_object_get(root, "points"), day, out);
    *fetched_unix_ns = json_integer_value(json_object_get(root, "fetched_s")) * S_NS;
    if (!ok)
        out->n = before;
    json_decref(root);
    return ok;
}

/* ---- fetching ---- */

static int fetch(const fr_signal_spec *spec, int64_t from, int64_t to, fr_signal *out, fr_err *err)
{
    fr_signal_request request = { 0 };
    FR_AUTO(fr_http_response) got = { 0 };
    int rc = spec->provider->ask(spec, from, to, &request, err);
    if (rc == 0)
        rc = fr_http(&(fr_http_request){ .url = fr_buf_text(&request.url),
                                         .headers = (const char *const *)request.headers,
                                         .timeout_s = 10,
                                         .retries = 1,
                                         .limit_bytes = ANSWER_MOST_BYTES },
                     &got, err);
    fr_buf_fini(&request.url);
    for (size_t i = 0; i < request.n_headers; i++)
        free(request.headers[i]);
    FR_TRY(rc);
    if (got.status == 401 || got.status == 403)
        return fr_fail(err, FR_E_PERMISSION, "Look at the key, and at the zones that it opens.",
                       "%s refuses the key for '%s' (HTTP %d)", spec->name, spec->zone, got.status);
    if (got.status >= 500 || got.status == 429)
        return fr_fail(err, FR_E_NETWORK, NULL, "%s answers with HTTP %d", spec->name, got.status);
    if (got.status == 204) { /* the Carbon Aware SDK's way to say that it has none for that time */
        fr_signal_fini(out);
        name_signal(spec, out);
        return 0;
    }
    if (got.status != 200)
        return fr_fail(err, FR_E_USAGE, "Look at the zone's name in the provider's list.",
                       "%s knows nothing of '%s' (HTTP %d)", spec->name, spec->zone, got.status);
    return fr_signal_parse(spec, fr_buf_str(&got.body), out, err);
}

static void take_points(fr_signal *into, const fr_signal *from)
{
    for (size_t i = 0; i < from->n; i++) {
        FR_GROW(into->at, into->n, into->cap);
        into->at[into->n++] = from->at[i];
    }
}

/* Days [first, last] anew; what a server gives is kept. Its silence is a note. */
static int refresh(const fr_signal_spec *spec, int64_t first, int64_t last, fr_signal *out,
                   bool *answered, fr_err *err)
{
    int64_t most_days = (int64_t)(spec->provider->most_s * S_NS) / DAY_NS;
    *answered = true;
    for (int64_t day = first; day <= last; day += most_days) {
        int64_t end = FR_MIN(day + most_days - 1, last);
        FR_AUTO(fr_signal) part = { 0 };
        fr_err why = { 0 };
        int rc = fetch(spec, day * DAY_NS, (end + 1) * DAY_NS, &part, &why);
        if (rc == FR_E_NETWORK || rc == FR_E_LIMIT || rc == FR_E_UNSUPPORTED) {
            snprintf(out->note, sizeof out->note, "%.*s", (int)sizeof out->note - 1, why.what);
            *answered = false;
            return 0;
        }
        if (rc != 0)
            return fr_fail(err, rc, why.hint, "%s", why.what);
        for (int64_t d = day; d <= end; d++)
            cache_write(spec, d, &part);
        take_points(out, &part);
    }
    return 0;
}

static bool is_fresh(int64_t day, int64_t fetched_unix_ns, int64_t now)
{
    return fetched_unix_ns >= (day + 1) * DAY_NS + SETTLED_NS || now - fetched_unix_ns < FRESH_NS;
}

static int get_days(const fr_signal_spec *spec, int64_t first, int64_t last, fr_signal *out,
                    fr_err *err)
{
    int64_t now = fr_now_unix_ns();
    for (int64_t day = first; day <= last;) {
        int64_t fetched = 0, until = day;
        FR_AUTO(fr_signal) kept = { 0 };
        if (cache_read(spec, day, &kept, &fetched) && is_fresh(day, fetched, now)) {
            take_points(out, &kept);
            out->fetched_unix_ns =
                out->fetched_unix_ns == 0 ? fetched : FR_MIN(out->fetched_unix_ns, fetched);
            day++;
            continue;
        }
        while (until < last) { /* all that follow and are not fresh, in one request */
            FR_AUTO(fr_signal) next = { 0 };
            if (cache_read(spec, until + 1, &next, &fetched) && is_fresh(until + 1, fetched, now))
                break;
            until++;
        }
        bool answered;
        FR_TRY(refresh(spec, day, until, out, &answered, err));
        if (answered && out->fetched_unix_ns == 0)
            out->fetched_unix_ns = now;
        for (; !answered && day <= until; day++) {
            fr_signal old = { 0 };
            if (cache_read(spec, day, &old, &fetched)) {
                take_points(out, &old);
                out->stale = true;
                out->fetched_unix_ns =
                    out->fetched_unix_ns == 0 ? fetched : FR_MIN(out->fetched_unix_ns, fetched);
            }
            fr_signal_fini(&old);
        }
        day = until + 1;
    }
    return 0;
}

static void keep_span(fr_signal *s, int64_t from, int64_t to)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->at[i].end_unix_ns > from && s->at[i].start_unix_ns < to)
            s->at[kept++] = s->at[i];
    s->n = kept;
}

static int get_file(const fr_signal_spec *spec, fr_signal *out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    FR_TRY(fr_file_read(spec->place, FILE_MOST_BYTES, &text, err));
    FR_TRY(fr_signal_parse(spec, fr_buf_str(&text), out, err));
    out->fetched_unix_ns = fr_now_unix_ns();
    return 0;
}

int fr_signal_get(const fr_signal_spec *spec, int64_t from_unix_ns, int64_t to_unix_ns,
                  fr_signal *out, fr_err *err)
{
    fr_signal_fini(out);
    name_signal(spec, out);
    int64_t first = from_unix_ns / DAY_NS, last = FR_MAX(to_unix_ns - 1, from_unix_ns) / DAY_NS;
    if (last - first >= DAYS_MOST)
        return fr_fail(err, FR_E_LIMIT, "Take the run's phases one by one.",
                       "more than %d days of the grid are asked for", DAYS_MOST);
    int rc = spec->provider->ask == NULL ? get_file(spec, out, err)
                                         : get_days(spec, first, last, out, err);
    if (rc != 0) {
        fr_signal_fini(out);
        return rc;
    }
    fr_signal_settle(out);
    keep_span(out, from_unix_ns, to_unix_ns);
    if (out->n == 0 && out->note[0] == '\0')
        snprintf(out->note, sizeof out->note, "%s has no figure for that time", spec->name);
    return 0;
}

/* ---- hours of use ---- */

fr_signal_mean fr_signal_apply(const fr_signal *s, const fr_signal_use *uses, size_t n)
{
    double all_j = 0, covered_j = 0, estimated_j = 0, sum = 0;
    for (size_t u = 0; u < n; u++) {
        const fr_signal_use *use = &uses[u];
        double span_ns = (double)(use->end_unix_ns - use->start_unix_ns);
        all_j += use->energy_j;
        for (size_t i = 0; i < s->n && span_ns > 0; i++) {
            const fr_signal_point *p = &s->at[i];
            int64_t from = FR_MAX(p->start_unix_ns, use->start_unix_ns);
            int64_t to = FR_MIN(p->end_unix_ns, use->end_unix_ns);
            if (to <= from || isnan(p->g_per_kwh))
                continue;
            double joules = use->energy_j * ((double)(to - from) / span_ns);
            covered_j += joules;
            estimated_j += p->estimated ? joules : 0;
            sum += joules * p->g_per_kwh;
        }
    }
    return (fr_signal_mean){ .g_per_kwh = covered_j > 0 ? sum / covered_j : NAN,
                             .covered_ratio = all_j > 0 ? fmin(1, covered_j / all_j) : 0,
                             .estimated_ratio = covered_j > 0 ? estimated_j / covered_j : 0 };
}
