#include "cli/monitor_import.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "ledger/ledger.h"
#include "meter/past.h"

#define FILE_MOST_BYTES ((size_t)512 << 20)
#define PERIOD_S        300
#define LIST_MOST       32
#define J_PER_KWH       3.6e6

typedef struct {
    fr_place place;
    fr_ledger *ledger; /* NULL: not recorded */
    json_t *runs, *findings;
    fr_energy energy;
    double grams;
    size_t n_new, n_known;
} import;

/* ---- findings ---- */

static void find(import *m, const char *device, const char *kind, double saving_j, const char *fmt,
                 ...) FR_PRINTF(5, 6);
static void find(import *m, const char *device, const char *kind, double saving_j, const char *fmt,
                 ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_array_append_new(m->findings,
                          json_pack("{s:s, s:s, s:s, s:o}", "device", device, "finding", kind,
                                    "evidence", text, "saving_j", fr_json_f64(saving_j)));
}

/* What stands out, with its evidence; a saving only where the record itself bounds it. */
static void judge(import *m, const fr_past_device *d, const fr_past_verdict *v)
{
    char idle[FR_TIME_TEXT], gap[FR_TIME_TEXT], p0[FR_TIME_TEXT], joules[32];
    fr_duration_text(v->idle_s, idle);
    fr_duration_text(v->gap_s, gap);
    fr_duration_text(v->idle_at_p0_s, p0);
    fr_text_j(v->idle_time_j, joules);
    if (v->idle_s >= 0.2 * v->covered_s)
        find(m, d->name, "idle", v->idle_time_j,
             "below 5%% for %s of the time (%.0f%%), drawing %s: end it, share it or let it sleep",
             idle, 100 * v->idle_s / v->covered_s, joules);
    if (v->utilization_mean < 0.3 && v->utilization_p95 < 0.7)
        find(m, d->name, "low-utilization", NAN,
             "mean %.0f%%, 95th percentile %.0f%%: a smaller device, or more work on this one",
             100 * v->utilization_mean, 100 * v->utilization_p95);
    if (v->memory_most < 0.5)
        find(m, d->name, "memory-over-provisioned", NAN,
             "never more than %.0f%% of the memory in use", 100 * v->memory_most);
    if (v->idle_at_p0_s >= 0.5 * v->idle_s && v->idle_at_p0_s >= 60)
        find(m, d->name, "idle-at-full-clock", NAN,
             "idle for %s in the highest performance state: something keeps the clocks up", p0);
    if (v->gap_s > 0.05 * (v->covered_s + v->gap_s))
        find(m, d->name, "gap", NAN, "no samples for %s: what was drawn then is not in the figures",
             gap);
}

/* ---- into the ledger ---- */

static int64_t whole_uj(double joules)
{
    return llround(joules * 1e6);
}

static int add_buckets(import *m, const char *run, const fr_past_device *d,
                       const fr_past_verdict *v, int64_t *sum_uj, fr_err *err)
{
    fr_bucket *rows = FR_NEW_N(fr_bucket, 2 * v->n_buckets);
    size_t n = 0;
    *sum_uj = 0;
    for (size_t i = 0; i < v->n_buckets; i++) {
        const fr_past_bucket *b = &v->buckets[i];
        for (int idle = 0; idle <= 1; idle++) {
            fr_bucket row = { .device = d->name,
                              .kind = fr_device_kind_name(d->kind),
                              .part = idle ? "idle" : "active",
                              .start_unix_ns = b->start_unix_ns,
                              .end_unix_ns = b->end_unix_ns,
                              .energy_uj = whole_uj(idle ? b->idle_j : b->work_j),
                              .low_uj = whole_uj(idle ? b->idle_low_j : b->work_low_j),
                              .high_uj = whole_uj(idle ? b->idle_high_j : b->work_high_j),
                              .method = v->energy.method,
                              .source = v->energy.source };
            row.low_uj = FR_MIN(row.low_uj, row.energy_uj);
            row.high_uj = FR_MAX(row.high_uj, row.energy_uj);
            *sum_uj += row.energy_uj;
            rows[n++] = row;
        }
    }
    int rc = fr_ledger_add(m->ledger, run, rows, n, err);
    free(rows);
    return rc;
}

/* The same device over the same time is the same record: read twice, it is kept once. */
static int is_known(import *m, const fr_past_device *d, const fr_past_verdict *v,
                    char id[FR_ULID_TEXT], fr_err *err)
{
    FR_AUTO(fr_run_list) runs = { 0 };
    fr_ledger_query query = { .kind = "import", .name = d->name };
    FR_TRY(fr_ledger_list(m->ledger, &query, &runs, err));
    id[0] = '\0';
    for (size_t i = 0; i < runs.n; i++) {
        const fr_run_record *r = &runs.at[i];
        if (r->start_unix_ns == v->start_unix_ns && r->end_unix_ns == v->end_unix_ns)
            memcpy(id, r->id, FR_ULID_TEXT);
    }
    return 0;
}

static int note_verdict(import *m, const char *id, const fr_past_verdict *v,
                        const fr_past_device *d, fr_err *err)
{
    const struct {
        const char *name;
        double value;
    } NOTES[] = { { "utilization_mean_ratio", v->utilization_mean },
                  { "utilization_p95_ratio", v->utilization_p95 },
                  { "memory_most_ratio", v->memory_most },
                  { "idle_s", v->idle_s },
                  { "gap_s", v->gap_s },
                  { "devices", d->count } };
    for (size_t i = 0; i < FR_COUNT_OF(NOTES); i++) {
        if (isfinite(NOTES[i].value))
            FR_TRY(
                fr_ledger_note(m->ledger, id, "import", NOTES[i].name, NOTES[i].value, NULL, err));
    }
    return 0;
}

static int record(fr_cli *cli, import *m, const fr_past_device *d, const fr_past_verdict *v,
                  char id[FR_ULID_TEXT], fr_err *err)
{
    FR_TRY(is_known(m, d, v, id, err));
    if (id[0] != '\0') {
        m->n_known++;
        return 0;
    }
    FR_AUTO(fr_buf) command = { 0 };
    fr_ledger_redact(fr_cli_argv(cli), &command);
    const fr_place *p = &m->place;
    fr_run_record r = { .kind = "import",
                        .name = d->name,
                        .command = fr_buf_text(&command),
                        .zone = p->zone != NULL     ? p->zone
                                : p->region != NULL ? p->region
                                                    : "stated",
                        .basis = p->basis,
                        .grid_source = p->source,
                        .grid_year = p->year,
                        .intensity_g_per_kwh = p->intensity_g_per_kwh,
                        .pue = p->pue,
                        .embodied_g = NAN,
                        .start_unix_ns = v->start_unix_ns,
                        .cpu_s = NAN,
                        .gpu_s = NAN };
    int64_t sum_uj = 0;
    FR_TRY(fr_ledger_begin(m->ledger, &r, err));
    int rc = add_buckets(m, r.id, d, v, &sum_uj, err);
    if (rc == 0)
        rc = note_verdict(m, r.id, v, d, err);
    r.status = rc == 0 ? "done" : "failed";
    r.end_unix_ns = v->end_unix_ns;
    r.duration_s = (double)(v->end_unix_ns - v->start_unix_ns) * 1e-9;
    r.embodied_g = NAN;
    r.energy = v->energy;
    r.energy.value_j = (double)sum_uj * 1e-6;
    r.energy.low_j = FR_MIN(r.energy.low_j, r.energy.value_j);
    r.energy.high_j = FR_MAX(r.energy.high_j, r.energy.value_j);
    int end_rc = fr_ledger_end(m->ledger, &r, rc == 0 ? err : NULL);
    memcpy(id, r.id, FR_ULID_TEXT);
    m->n_new++;
    return rc != 0 ? rc : end_rc;
}

/* ---- telling ---- */

static json_t *run_json(const char *id, const fr_past_device *d, const fr_past_verdict *v,
                        double grams)
{
    char from[FR_TIME_TEXT], to[FR_TIME_TEXT];
    json_t *o = json_object(), *shares = json_array();
    fr_time_text(v->start_unix_ns, from);
    fr_time_text(v->end_unix_ns, to);
    for (size_t i = 0; i < FR_PAST_SHARES; i++)
        json_array_append_new(shares, fr_json_f64(v->share[i]));
    json_object_set_new(o, "run", id[0] != '\0' ? json_string(id) : json_null());
    json_object_set_new(o, "device", json_string(d->name));
    json_object_set_new(o, "model", json_string(d->model));
    json_object_set_new(o, "from", json_string(from));
    json_object_set_new(o, "to", json_string(to));
    json_object_set_new(o, "samples", json_integer((json_int_t)d->n));
    json_object_set_new(o, "covered_s", fr_json_f64(v->covered_s));
    json_object_set_new(o, "gap_s", fr_json_f64(v->gap_s));
    json_object_set_new(o, "energy_j", fr_json_f64(v->energy.value_j));
    json_object_set_new(o, "energy_low_j", fr_json_f64(v->energy.low_j));
    json_object_set_new(o, "energy_high_j", fr_json_f64(v->energy.high_j));
    json_object_set_new(o, "method", json_string(fr_method_name(v->energy.method)));
    json_object_set_new(o, "source", json_string(v->energy.source));
    json_object_set_new(o, "carbon_g", fr_json_f64(grams));
    json_object_set_new(o, "idle_w", fr_json_f64(v->idle_w));
    json_object_set_new(o, "idle_s", fr_json_f64(v->idle_s));
    json_object_set_new(o, "idle_time_j", fr_json_f64(v->idle_time_j));
    json_object_set_new(o, "utilization_mean_ratio", fr_json_f64(v->utilization_mean));
    json_object_set_new(o, "utilization_p95_ratio", fr_json_f64(v->utilization_p95));
    json_object_set_new(o, "utilization_share", shares);
    json_object_set_new(o, "memory_most_ratio", fr_json_f64(v->memory_most));
    return o;
}

static const char *percent(double ratio, char out[16])
{
    if (isnan(ratio))
        return "-";
    snprintf(out, 16, "%.0f%%", 100 * ratio);
    return out;
}

static void print_run(const fr_past_device *d, const fr_past_verdict *v, double grams)
{
    char energy[48], carbon[32], covered[FR_TIME_TEXT], mean[16], p95[16], idle[16];
    fr_text_energy(v->energy, energy);
    fr_text_g(grams, carbon);
    fr_duration_text(v->covered_s, covered);
    printf("%-24.24s %11s %13s  %-12s %5s %5s %5s  %-8s %s\n", d->name, energy, carbon, covered,
           percent(v->utilization_mean, mean), percent(v->utilization_p95, p95),
           percent(v->idle_s / v->covered_s, idle), fr_method_name(v->energy.method),
           v->energy.source);
}

static int take_device(fr_cli *cli, import *m, fr_past_device *d, fr_err *err)
{
    FR_AUTO(fr_past_verdict) v = { 0 };
    char id[FR_ULID_TEXT] = "";
    FR_TRY(fr_past_judge(d, &v, err));
    if (m->ledger != NULL)
        FR_TRY(record(cli, m, d, &v, id, err));
    double grams = fr_carbon_of(v.energy, &m->place, 0).operational_g;
    bool first = json_array_size(m->runs) == 0;
    m->energy = first ? v.energy : fr_energy_add(m->energy, v.energy);
    m->grams += grams;
    judge(m, d, &v);
    json_array_append_new(m->runs, run_json(id, d, &v, grams));
    if (fr_cli_json(cli))
        return 0;
    if (first)
        printf("%-24s %11s %13s  %-12s %5s %5s %5s  %-8s %s\n", "device", "energy", "carbon",
               "recorded", "mean", "p95", "idle", "method", "source");
    print_run(d, &v, grams);
    return 0;
}

static int take_past(fr_cli *cli, import *m, fr_past *past, const char *name, fr_err *err)
{
    size_t used = 0;
    fr_err why = { 0 };
    for (size_t i = 0; i < past->n_wrong && i < FR_PAST_WRONG_SHOWN; i++)
        fr_cli_tell(cli, "passed over: %s", past->wrong[i]);
    if (past->n_wrong > FR_PAST_WRONG_SHOWN)
        fr_cli_tell(cli, "passed over: %zu more", past->n_wrong - FR_PAST_WRONG_SHOWN);
    if (past->n == 0)
        return fr_fail(err, FR_E_FORMAT,
                       "Do metrics, dimensions and times fit? --metric names others.",
                       "'%s' has no samples of a device", name);
    for (size_t i = 0; i < past->n; i++) {
        int rc = take_device(cli, m, &past->devices[i], &why);
        if (rc != 0 && rc != FR_E_FORMAT)
            return fr_fail(err, rc, why.hint, "%s", why.what);
        if (rc != 0) /* one device without figures does not take the others along */
            fr_cli_tell(cli, "passed over: %s", why.what);
        used += rc == 0;
    }
    return used > 0 ? 0 : fr_fail(err, FR_E_FORMAT, why.hint, "%s", why.what);
}

/* ---- what is asked for ---- */

static int set_zone(const char *zone, fr_err *err)
{
    char path[512];
    if (zone == NULL)
        return 0;
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", zone);
    bool utc = strcmp(zone, "UTC") == 0;
    if (!utc && (strstr(zone, "..") != NULL || zone[0] == '\0' || !fr_file_exists(path)))
        return fr_fail(err, FR_E_USAGE, "As UTC, Europe/Paris or America/New_York.",
                       "--tz '%s' is no time zone of this machine", zone);
    setenv("TZ", utc ? "UTC0" : zone, 1); /* before there is any thread */
    tzset();
    return 0;
}

static int date(fr_cli *cli, const char *name, int64_t otherwise, int64_t *out, fr_err *err)
{
    const char *text = fr_arg_text(cli, name, NULL);
    *out = otherwise;
    if (text == NULL || fr_time_parse(text, out))
        return 0;
    return fr_fail(err, FR_E_USAGE, "Write it as 2026-11-22 or 2026-11-22T18:55:06Z (UTC).",
                   "--%s '%s' is not a date", name, text);
}

static int model_of(fr_cli *cli, fr_past_query *q, fr_err *err)
{
    const char *accelerator = fr_arg_text(cli, "accelerator", NULL);
    const char *instance = fr_arg_text(cli, "instance", NULL);
    size_t row;
    if (accelerator != NULL && !fr_past_accelerator(accelerator, &row))
        return fr_fail(err, FR_E_USAGE, "data/accelerators.csv has those that are known.",
                       "no accelerator '%s' is known", accelerator);
    q->model = accelerator != NULL ? accelerator : instance;
    q->count = fr_arg_f64(cli, "count", 1);
    if (!(q->count > 0))
        return fr_fail(err, FR_E_USAGE, NULL, "--count takes a number above 0, not %g", q->count);
    return 0;
}

static int import_file(fr_cli *cli, import *m, const char *path, fr_err *err)
{
    FR_AUTO(fr_buf) bytes = { .limit_bytes = FILE_MOST_BYTES };
    FR_AUTO(fr_past) past = { 0 };
    FR_TRY(fr_file_read(path, FILE_MOST_BYTES, &bytes, err));
    fr_str text = fr_str_trim(fr_buf_str(&bytes));
    if (text.n > 0 && *text.at == '{') {
        char *next = NULL;
        fr_past_query q = { .period_s = (int)fr_arg_i64(cli, "period", PERIOD_S) };
        FR_TRY(model_of(cli, &q, err));
        int rc = fr_past_read_metric_data(text, &q, path, &past, &next, err);
        if (rc == 0 && next != NULL)
            fr_cli_tell(cli, "%s is one page of several: it has a NextToken", path);
        free(next);
        FR_TRY(rc);
    } else {
        fr_past_options options = { .name = path,
                                    .columns = fr_arg_text(cli, "columns", NULL),
                                    .every_s = fr_arg_f64(cli, "every", 0) };
        FR_TRY(date(cli, "from", 0, &options.from_unix_ns, err));
        if (options.every_s > 0 && options.from_unix_ns == 0)
            return fr_fail(err, FR_E_USAGE, "As --from 2026-11-22T18:00:00Z.",
                           "--every needs --from: when the first row was");
        FR_TRY(fr_past_read_smi(fr_buf_str(&bytes), &options, &past, err));
        const char *stated = fr_arg_text(cli, "accelerator", NULL);
        for (size_t i = 0; i < past.n && stated != NULL; i++)
            snprintf(past.devices[i].model, sizeof past.devices[i].model, "%s", stated);
    }
    return take_past(cli, m, &past, path, err);
}

static size_t list_of(const fr_cli *cli, const char *name, const char *out[LIST_MOST + 1])
{
    size_t n = 0;
    while (n < LIST_MOST && (out[n] = fr_arg_list(cli, name, n)) != NULL)
        n++;
    out[n] = NULL;
    return n;
}

static int import_cloudwatch(fr_cli *cli, import *m, const char *name_space, fr_err *err)
{
    static const char *const USUAL[] = { "CPUUtilization", "GPUUtilization", "GPUMemoryUtilization",
                                         "MemoryUtilization", NULL };
    const char *metrics[LIST_MOST + 1], *dimensions[LIST_MOST + 1];
    size_t n_metrics = list_of(cli, "metric", metrics);
    list_of(cli, "dimension", dimensions);
    fr_past_query q = { .name_space = name_space,
                        .metrics = n_metrics > 0 ? metrics : USUAL,
                        .dimensions = dimensions,
                        .period_s = (int)fr_arg_i64(cli, "period", PERIOD_S) };
    FR_TRY(fr_aws_from_environment("monitoring", &q.who, err));
    FR_TRY(date(cli, "from", 0, &q.from_unix_ns, err));
    FR_TRY(date(cli, "to", fr_now_unix_ns(), &q.to_unix_ns, err));
    FR_TRY(model_of(cli, &q, err));
    if (q.from_unix_ns == 0 || q.from_unix_ns >= q.to_unix_ns)
        return fr_fail(err, FR_E_USAGE, "As --from 2026-11-01 --to 2026-11-08.",
                       "import --cloudwatch needs --from, before --to");
    if (q.period_s < 1 || (q.period_s > 30 && q.period_s % 60 != 0))
        return fr_fail(err, FR_E_USAGE, "1, 5, 10, 30 or whole minutes, as CloudWatch has it.",
                       "--period %d is no period of CloudWatch", q.period_s);
    for (size_t i = 0; dimensions[i] != NULL; i++) {
        if (strchr(dimensions[i], '=') == NULL)
            return fr_fail(err, FR_E_USAGE, "As --dimension InstanceId=i-0123456789abcdef0.",
                           "--dimension takes NAME=VALUE, not '%s'", dimensions[i]);
    }
    const char *const variables[] = { "AWS_ENDPOINT_URL_CLOUDWATCH", "AWS_ENDPOINT_URL" };
    for (size_t i = 0; i < FR_COUNT_OF(variables) && q.endpoint == NULL; i++)
        q.endpoint = getenv(variables[i]);
    FR_AUTO(fr_past) past = { 0 };
    FR_TRY(fr_past_ask_cloudwatch(&q, &past, err));
    return take_past(cli, m, &past, name_space, err);
}

static int put_end(fr_cli *cli, import *m, fr_err *err)
{
    if (fr_cli_json(cli)) {
        json_t *out = json_object();
        json_object_set(out, "runs", m->runs);
        json_object_set(out, "findings", m->findings);
        json_object_set_new(out, "energy_j", fr_json_f64(m->energy.value_j));
        json_object_set_new(out, "method", json_string(fr_method_name(m->energy.method)));
        json_object_set_new(out, "carbon_g", fr_json_f64(m->grams));
        json_object_set_new(out, "recorded", json_integer((json_int_t)m->n_new));
        json_object_set_new(out, "known_already", json_integer((json_int_t)m->n_known));
        return fr_cli_put_json(cli, out) == 0 ? 0 : fr_fail(err, FR_E_IO, NULL, "stdout is closed");
    }
    size_t i;
    json_t *finding;
    json_array_foreach(m->findings, i, finding) printf(
        "%s%s: %s: %s\n", i == 0 ? "\n" : "", json_string_value(json_object_get(finding, "device")),
        json_string_value(json_object_get(finding, "finding")),
        json_string_value(json_object_get(finding, "evidence")));
    char grams[32];
    fr_text_g(m->grams, grams);
    const char *about = m->energy.method == FR_METHOD_MEASURED ? "" : "~";
    printf("\nall: %s%.3f kWh, %s (%s, %.0f gCO2e/kWh%s)", about, m->energy.value_j / J_PER_KWH,
           grams, m->place.zone != NULL ? m->place.zone : "stated", m->place.intensity_g_per_kwh,
           m->place.assumed ? ", assumed" : "");
    if (m->ledger != NULL)
        printf("; %zu run%s recorded", m->n_new, m->n_new == 1 ? "" : "s");
    if (m->n_known > 0)
        printf(", %zu known already", m->n_known);
    printf("\n");
    return 0;
}

static int import_all(fr_cli *cli, import *m, fr_err *err)
{
    size_t n;
    char **files = fr_arg_rest(cli, &n); /* the first is "import" */
    const char *name_space = fr_arg_text(cli, "cloudwatch", NULL), *ledger = fr_cli_ledger(cli);
    fr_place_options place = fr_cli_place(cli);
    if (n < 2 && name_space == NULL)
        return fr_fail(err, FR_E_USAGE,
                       "As frugal monitor import gpus.csv, or import --cloudwatch AWS/EC2.",
                       "import needs a file or --cloudwatch NAMESPACE");
    FR_TRY(fr_place_resolve(&place, &m->place, err));
    FR_TRY(model_of(cli, &(fr_past_query){ 0 }, err));
    FR_TRY(set_zone(fr_arg_text(cli, "tz", NULL), err));
    if (ledger == NULL || ledger[0] != '\0')
        FR_TRY(fr_ledger_open(ledger, &m->ledger, err));
    if (name_space != NULL)
        FR_TRY(import_cloudwatch(cli, m, name_space, err));
    for (size_t i = 1; i < n; i++)
        FR_TRY(import_file(cli, m, files[i], err));
    return put_end(cli, m, err);
}

int fr_monitor_import(fr_cli *cli, fr_err *err)
{
import m = {.runs = json_array(), .findings = json_array() };
    int rc = import_all(cli, &m, err);
    json_decref(m.runs);
    json_decref(m.findings);
    fr_ledger_close(m.ledger);
    return rc;
}
