/* Energy by time: a log of watts, or the buckets of a run in the ledger. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "profile/profile.h"

#define LOG_MOST_BYTES ((size_t)256 << 20)
#define UNIX_S_LEAST   1e8

void fr_power_fini(fr_power *p)
{
    free(p->windows);
    *p = (fr_power){ 0 };
}

void fr_power_add(fr_power *p, int64_t start_ns, int64_t end_ns, double joules)
{
    if (end_ns <= start_ns)
        return;
    FR_GROW(p->windows, p->n, p->cap);
    p->windows[p->n++] = (fr_power_window){ start_ns, end_ns, joules };
}

/* "2026/11/22 22:10:11.123" as nvidia-smi has it (in UTC here), or ISO 8601; the fraction by hand.
 */
static bool read_date(fr_str text, int64_t *ns)
{
    char iso[40], *dot;
    if (text.n < 19 || text.n >= sizeof iso)
        return false;
    snprintf(iso, sizeof iso, "%.*s", FR_STR_F(text));
    double fraction = 0;
    dot = strchr(iso, '.');
    if (dot != NULL) {
        fraction = strtod(dot, NULL);
        *dot = '\0';
    }
    iso[4] = iso[7] = '-';
    iso[10] = 'T';
    if (strlen(iso) == 19)
        strcat(iso, "Z");
    if (!fr_time_parse(iso, ns))
        return false;
    *ns += (int64_t)(fraction * 1e9);
    return true;
}

static bool read_time(fr_str text, int64_t *ns, bool *is_unix)
{
    double seconds;
    text = fr_str_trim(text);
    if (fr_str_to_f64(text, &seconds)) {
        *is_unix = seconds >= UNIX_S_LEAST;
        *ns = (int64_t)(seconds * 1e9);
        return seconds >= 0 && seconds < 9e9;
    }
    *is_unix = true;
    return read_date(text, ns);
}

static bool read_watts(fr_str text, double *watts)
{
    char number[32], *end;
    text = fr_str_trim(text);
    snprintf(number, sizeof number, "%.*s", (int)FR_MIN(text.n, sizeof number - 1), text.at);
    *watts = strtod(number, &end);
    while (*end == ' ')
        end++;
    bool is_unit = *end == '\0' || strcmp(end, "W") == 0;
    return end != number && is_unit && *watts >= 0 && *watts < 1e7;
}

int fr_power_read_csv(const char *path, fr_power *out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = LOG_MOST_BYTES };
    FR_AUTO(fr_csv) csv = { 0 };
    const fr_str *fields;
    int64_t last_ns = 0;
    double last_w = 0;
    size_t n, n_rows = 0;
    FR_TRY(fr_file_read(path, LOG_MOST_BYTES, &text, err));
    fr_csv_init(&csv, fr_buf_str(&text), path);
    for (bool is_first = true;; is_first = false) {
        int64_t ns;
        double watts;
        bool is_unix;
        FR_TRY(fr_csv_next(&csv, &fields, &n, err));
        if (n == 0)
            break;
        bool ok = n >= 2 && read_time(fields[0], &ns, &is_unix) && read_watts(fields[1], &watts);
        if (!ok && is_first)
            continue; /* the header */
        if (!ok)
            return fr_fail(err, FR_E_FORMAT,
                           "As 1764000000.5,212.4: seconds (or a date) and watts.",
                           "%s:%zu: no time and power", path, csv.line);
        if (n_rows > 0 && ns < last_ns)
            return fr_fail(err, FR_E_FORMAT, "Sort it by time.", "%s:%zu: time goes back", path,
                           csv.line);
        if (n_rows > 0 && is_unix != out->is_unix)
            return fr_fail(err, FR_E_FORMAT, NULL, "%s:%zu: a time of another kind", path,
                           csv.line);
        if (n_rows > 0)
            fr_power_add(out, last_ns, ns, (last_w + watts) / 2 * (double)(ns - last_ns) * 1e-9);
        out->is_unix = is_unix;
        last_ns = ns;
        last_w = watts;
        n_rows++;
    }
    out->method = FR_METHOD_MEASURED;
    snprintf(out->source, sizeof out->source, "power log");
    if (out->n == 0)
        return fr_fail(err, FR_E_FORMAT, "Lines are TIME,WATTS; two at least.",
                       "'%s' has no power by time", path);
    return 0;
}

/* ---- a run ---- */

static int by_start(const void *a, const void *b)
{
    const fr_bucket *x = a, *y = b;
    return x->start_unix_ns < y->start_unix_ns ? -1 : x->start_unix_ns > y->start_unix_ns;
}

static void take_buckets(const fr_bucket *buckets, size_t n, const char *kind, bool with_idle,
                         fr_power *out)
{
    for (size_t i = 0; i < n; i++) {
        const fr_bucket *b = &buckets[i];
        bool wanted = (kind == NULL || strcmp(b->kind, kind) == 0) &&
                      (with_idle || strcmp(b->part, "active") == 0);
        if (!wanted || b->end_unix_ns <= b->start_unix_ns)
            continue;
        double joules = (double)b->energy_uj * 1e-6;
        out->method =
            out->method == FR_METHOD_NONE || out->method == b->method ? b->method : FR_METHOD_MIXED;
        fr_power_window *last = out->n > 0 ? &out->windows[out->n - 1] : NULL;
        if (last != NULL && last->start_ns == b->start_unix_ns && last->end_ns == b->end_unix_ns)
            last->joules += joules; /* another device, or the idle part */
        else
            fr_power_add(out, b->start_unix_ns, b->end_unix_ns, joules);
    }
}

/* The buckets of a run and of its phases: each moment is in one of them. */
static int collect(fr_ledger *l, const char *id, fr_bucket **all, size_t *n, size_t *cap, int depth,
                   fr_err *err)
{
    fr_bucket *own;
    size_t n_own;
    FR_TRY(fr_ledger_buckets(l, id, &own, &n_own, err));
    for (size_t i = 0; i < n_own; i++) {
        FR_GROW(*all, *n, *cap);
        (*all)[(*n)++] = own[i]; /* its texts go over to us */
        own[i] = (fr_bucket){ 0 };
    }
    fr_buckets_free(own, n_own);
    fr_run_list children = { 0 };
    int rc = depth < 32 ? fr_ledger_list(l, &(fr_ledger_query){ .parent = id }, &children, err) : 0;
    for (size_t i = 0; i < children.n && rc == 0; i++) {
        if (children.at[i].phase)
            rc = collect(l, children.at[i].id, all, n, cap, depth + 1, err);
    }
    fr_run_list_fini(&children);
    return rc;
}

int fr_power_of_run(fr_ledger *l, const char *run_id, const char *kind, bool with_idle,
                    fr_power *out, fr_err *err)
{
    fr_bucket *all = NULL;
    size_t n = 0, cap = 0;
    int rc = collect(l, run_id, &all, &n, &cap, 0, err);
    fr_sort(all, n, sizeof all[0], by_start);
    if (rc == 0)
        take_buckets(all, n, kind, with_idle, out);
    fr_buckets_free(all, n);
    out->is_unix = true;
    snprintf(out->source, sizeof out->source, "run %.26s", run_id);
    if (rc == 0 && out->n == 0)
        return fr_fail(err, FR_E_NOT_FOUND, "`frugal ledger show` tells what it has.",
                       "run %s has no energy of %s by time", run_id,
                       kind != NULL ? kind : "any kind");
    return rc;
}
