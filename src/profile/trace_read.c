/*
 * Traces of others, told apart by how they begin:
 *
 *     { or [             Chrome trace (PyTorch's profiler, and whatever writes "traceEvents"):
 * events
 *                        {"ph":"X","ts":us,"dur":us,"name":…,"cat":…,"pid":…,"tid":…}, and pairs of
 *                        "B" and "E"; "baseTimeNanoseconds" where PyTorch says what ts counts from
 *     SQLite format 3    nsys export --type sqlite: CUPTI_ACTIVITY_KIND_KERNEL, _MEMCPY, _MEMSET
 *     Start (ns),…       nsys stats -r cuda_gpu_trace --format csv
 *     a line feed and    Perfetto's own format (perfetto_read.c), as Neuron's profiler writes it
 *     what is no text
 *
 * Neuron's profiler also writes JSON: {"trace_events": [{…} or {"Neuron_Runtime_API_Event": {…}}]}
 * with "name", "timestamp" and "duration" in ns, "group" (nrt-nc-000: a NeuronCore's), "thread_id".
 *
 * Chrome traces are read a token at a time: memory goes by events, not by bytes of the file.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "profile/profile.h"
#include "profile/pull.h"
#include "profile/trace_priv.h"
#include "store/store.h"

#define OPEN_MOST      4096
#define CSV_MOST_BYTES ((size_t)1 << 30)
#define TIME_MOST_US   9e15

/* ---- Chrome ---- */

typedef struct {
    char phase, category[24], pid[24], tid[24];
    char name[FR_PULL_TEXT + 1], label[64];
    double ts_us, dur_us;
    int64_t ts_ns;
    bool has_ts, has_dur;
} chrome_event;

typedef struct {
    fr_trace *trace;
    fr_pull pull;
    chrome_event event; /* the one being read */
    struct {
        uint32_t track, event;
    } open[OPEN_MOST]; /* of "B", without their "E" so far */
    size_t n_open;
    int64_t last_ns;
    double base_ns;
    bool has_base, is_late;
} chrome;

/* "1695732012345678.901" microseconds to nanoseconds, exactly where there is no exponent. */
static int64_t ns_of(const fr_pull *p)
{
    char *end;
    errno = 0;
    long long whole = strtoll(p->text, &end, 10);
    if (errno != 0 || (*end != '\0' && *end != '.') || whole > TIME_MOST_US || p->text[0] == '-')
        return (int64_t)(p->number * 1e3);
    int64_t ns = whole * 1000, scale = 100;
    for (const char *c = *end == '.' ? end + 1 : end; *c != '\0' && scale > 0; c++, scale /= 10)
        ns += (*c - '0') * scale;
    return ns;
}

static void copy(char *out, size_t cap, const fr_pull *p)
{
    snprintf(out, cap, "%.*s", (int)FR_MIN(p->text_n, cap - 1), p->text);
}

/* {"name": "stream 7"} of a metadata event. */
static int read_args(chrome *c, fr_err *err)
{
    fr_pull *p = &c->pull;
    if (p->kind != FR_PULL_OBJECT)
        return fr_pull_skip(p, err);
    for (;;) {
        FR_TRY(fr_pull_next(p, err));
        if (p->kind == FR_PULL_OBJECT_END)
            return 0;
        bool is_name = strcmp(p->text, "name") == 0;
        FR_TRY(fr_pull_next(p, err));
        if (is_name && p->kind == FR_PULL_STRING)
            copy(c->event.label, sizeof c->event.label, p);
        FR_TRY(fr_pull_skip(p, err));
    }
}

static int read_field(chrome *c, const char *key, fr_err *err)
{
    fr_pull *p = &c->pull;
    chrome_event *e = &c->event;
    FR_TRY(fr_pull_next(p, err));
    bool is_text = p->kind == FR_PULL_STRING, is_number = p->kind == FR_PULL_NUMBER;
    if (strcmp(key, "args") == 0)
        return read_args(c, err);
    if (strcmp(key, "ph") == 0 && is_text)
        e->phase = p->text_n == 1 ? p->text[0] : '?';
    else if (strcmp(key, "name") == 0 && is_text)
        copy(e->name, sizeof e->name, p);
    else if (strcmp(key, "cat") == 0 && is_text)
        copy(e->category, sizeof e->category, p);
    else if (strcmp(key, "pid") == 0 && (is_text || is_number))
        copy(e->pid, sizeof e->pid, p);
    else if (strcmp(key, "tid") == 0 && (is_text || is_number))
        copy(e->tid, sizeof e->tid, p);
    else if (strcmp(key, "ts") == 0 && is_number)
        e->has_ts = true, e->ts_us = p->number, e->ts_ns = ns_of(p);
    else if (strcmp(key, "dur") == 0 && is_number)
        e->has_dur = true, e->dur_us = p->number;
    return fr_pull_skip(p, err);
}

static bool is_of_gpu(const char *category)
{
    return strcmp(category, "kernel") == 0 || strcmp(category, "gpu_memcpy") == 0 ||
           strcmp(category, "gpu_memset") == 0;
}

/* Frames around everything, and what repeats others on lines of their own. */
static bool is_no_operation(const chrome_event *e)
{
    static const char *const NONE[] = { "Trace", "overhead", "gpu_user_annotation", "ac2g" };
    for (size_t i = 0; i < FR_COUNT_OF(NONE); i++) {
        if (strcmp(e->category, NONE[i]) == 0)
            return true;
    }
    return false;
}

static int too_many(const fr_trace *t, const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_LIMIT, "Profile a shorter stretch: a few steps tell as much.",
                   "the trace has more than %zu %s", what[0] == 'e' ? t->n_events : t->n_names,
                   what);
}

static int open_event(chrome *c, bool is_begin, fr_err *err)
{
    chrome_event *e = &c->event;
    bool is_gpu = is_of_gpu(e->category);
    size_t track = fr_trace_track_of(c->trace, e->pid, e->tid, is_gpu);
    size_t name = fr_trace_name_of(c->trace, fr_str_of(e->name), e->category);
    if (track == SIZE_MAX || name == SIZE_MAX)
        return too_many(c->trace, "names", err);
    int64_t end_ns = e->ts_ns + (is_begin ? 0 : (int64_t)(e->dur_us * 1e3 + 0.5));
    fr_trace_event event = {
        .start_ns = e->ts_ns, .end_ns = end_ns, .name = (uint32_t)name, .track = (uint32_t)track
    };
    if (!fr_trace_add(c->trace, &event))
        return too_many(c->trace, "events", err);
    c->last_ns = FR_MAX(c->last_ns, end_ns);
    if (!is_begin)
        return 0;
    if (c->n_open == OPEN_MOST)
        return fr_pull_fail(&c->pull, err, "too many events begin and do not end");
    c->open[c->n_open].track = (uint32_t)track;
    c->open[c->n_open++].event = (uint32_t)(c->trace->n_events - 1);
    return 0;
}

static void close_event(chrome *c)
{
    size_t track = fr_trace_track_of(c->trace, c->event.pid, c->event.tid, false);
    for (size_t i = c->n_open; i-- > 0;) {
        if (c->open[i].track != track)
            continue;
        fr_trace_event *e = &c->trace->events[c->open[i].event];
        e->end_ns = FR_MAX(c->event.ts_ns, e->start_ns);
        c->last_ns = FR_MAX(c->last_ns, e->end_ns);
        memmove(&c->open[i], &c->open[i + 1], (--c->n_open - i) * sizeof c->open[0]);
        return;
    }
    c->trace->n_skipped++;
}

static int take_event(chrome *c, fr_err *err)
{
    chrome_event *e = &c->event;
    if (e->phase == 'M') {
        if (strcmp(e->name, "thread_name") == 0 && e->label[0] != '\0') {
            for (int gpu = 0; gpu < 2; gpu++) {
                size_t at = fr_trace_track_of(c->trace, e->pid, e->tid, gpu == 1);
                if (at != SIZE_MAX)
                    memcpy(c->trace->tracks[at].label, e->label, sizeof e->label);
            }
        }
        return 0;
    }
    bool is_time = e->has_ts && fabs(e->ts_us) < TIME_MOST_US;
    if (e->phase == 'E' && is_time) {
        close_event(c);
        return 0;
    }
    bool is_whole = e->phase == 'X' && e->has_dur && e->dur_us >= 0 && e->dur_us < TIME_MOST_US;
    if (!is_time || !(is_whole || e->phase == 'B') || is_no_operation(e)) {
        c->trace->n_skipped++;
        return 0;
    }
    c->is_late |= e->ts_ns >= FR_TRACE_UNIX_LEAST_NS;
    return open_event(c, e->phase == 'B', err);
}

static int read_events(chrome *c, fr_err *err)
{
    fr_pull *p = &c->pull;
    for (;;) {
        FR_TRY(fr_pull_next(p, err));
        if (p->kind == FR_PULL_ARRAY_END)
            return 0;
        if (p->kind != FR_PULL_OBJECT) {
            FR_TRY(fr_pull_skip(p, err));
            continue;
        }
        memset(&c->event, 0, sizeof c->event);
        for (;;) {
            char key[16];
            FR_TRY(fr_pull_next(p, err));
            if (p->kind == FR_PULL_OBJECT_END)
                break;
            copy(key, sizeof key, p);
            FR_TRY(read_field(c, key, err));
        }
        FR_TRY(take_event(c, err));
    }
}

/* One event of Neuron's JSON, from behind its brace; it may stand inside an object of its kind. */
static int read_neuron_event(chrome *c, const char *kind, fr_err *err)
{
    fr_pull *p = &c->pull;
    char group[24] = "", name[FR_PULL_TEXT + 1] = "", thread[24] = "", process[24] = "";
    double start_ns = -1, length_ns = -1;
    long long exact_ns = 0;
    for (;;) {
        char key[32];
        FR_TRY(fr_pull_next(p, err));
        if (p->kind == FR_PULL_OBJECT_END)
            break;
        copy(key, sizeof key, p);
        FR_TRY(fr_pull_next(p, err));
        if (p->kind == FR_PULL_OBJECT && kind == NULL) {
            FR_TRY(read_neuron_event(c, key, err));
            continue;
        }
        const bool is_number = p->kind == FR_PULL_NUMBER, is_text = p->kind == FR_PULL_STRING;
        if (strcmp(key, "timestamp") == 0 && is_number)
            start_ns = p->number, exact_ns = strtoll(p->text, NULL, 10);
        else if (strcmp(key, "duration") == 0 && is_number)
            length_ns = p->number;
        else if (strcmp(key, "name") == 0 && is_text)
            copy(name, sizeof name, p);
        else if (strcmp(key, "group") == 0 && is_text)
            copy(group, sizeof group, p);
        else if (strcmp(key, "thread_id") == 0 && (is_text || is_number))
            copy(thread, sizeof thread, p);
        else if (strcmp(key, "process_id") == 0 && (is_text || is_number))
            copy(process, sizeof process, p);
        FR_TRY(fr_pull_skip(p, err));
    }
    if (start_ns < 0 || length_ns < 0 || start_ns > 4e18 || length_ns > 4e18) {
        c->trace->n_skipped += start_ns >= 0 || length_ns >= 0;
        return 0;
    }
    char category[24];
    snprintf(category, sizeof category, "%.23s", kind != NULL ? kind : "");
    const bool is_core = strncmp(group, "nrt-nc-", 7) == 0;
    const size_t track = fr_trace_track_of(c->trace, process, group[0] != 0 ? group : thread,
                                           is_core && strcmp(name, "nrt_execute") == 0);
    const size_t at = fr_trace_name_of(c->trace, fr_str_of(name), category);
    if (track == SIZE_MAX || at == SIZE_MAX)
        return too_many(c->trace, "names", err);
    if (c->trace->tracks[track].label[0] == 0)
        memcpy(c->trace->tracks[track].label, group, sizeof group);
    const fr_trace_event event = { .start_ns = exact_ns,
                                   .end_ns = exact_ns + (int64_t)length_ns,
                                   .name = (uint32_t)at,
                                   .track = (uint32_t)track };
    c->is_late |= exact_ns >= FR_TRACE_UNIX_LEAST_NS;
    c->trace->form = "Neuron JSON";
    return fr_trace_add(c->trace, &event) ? 0 : too_many(c->trace, "events", err);
}

static int read_neuron_events(chrome *c, fr_err *err)
{
    for (;;) {
        FR_TRY(fr_pull_next(&c->pull, err));
        if (c->pull.kind == FR_PULL_ARRAY_END)
            return 0;
        if (c->pull.kind == FR_PULL_OBJECT)
            FR_TRY(read_neuron_event(c, NULL, err));
        else
            FR_TRY(fr_pull_skip(&c->pull, err));
    }
}

static int read_chrome_document(chrome *c, fr_err *err)
{
    fr_pull *p = &c->pull;
    bool has_events = false;
    FR_TRY(fr_pull_next(p, err));
    if (p->kind == FR_PULL_ARRAY)
        return read_events(c, err);
    if (p->kind != FR_PULL_OBJECT)
        return fr_pull_fail(p, err, "a trace begins with '{' or '['");
    for (;;) {
        FR_TRY(fr_pull_next(p, err));
        if (p->kind == FR_PULL_OBJECT_END)
            break;
        bool is_events = strcmp(p->text, "traceEvents") == 0;
        bool is_neuron = strcmp(p->text, "trace_events") == 0;
        bool is_base = strcmp(p->text, "baseTimeNanoseconds") == 0;
        FR_TRY(fr_pull_next(p, err));
        if (is_events && p->kind == FR_PULL_ARRAY) {
            FR_TRY(read_events(c, err));
            has_events = true;
            continue;
        }
        if (is_neuron && p->kind == FR_PULL_ARRAY) {
            FR_TRY(read_neuron_events(c, err));
            has_events = true;
            continue;
        }
        if (is_base && p->kind == FR_PULL_NUMBER && p->number >= 0 && p->number < 9e18) {
            c->has_base = true;
            c->trace->base_ns = strtoll(p->text, NULL, 10);
        }
        FR_TRY(fr_pull_skip(p, err));
    }
    if (!has_events)
        return fr_pull_fail(p, err, "no \"traceEvents\" in it: this is no trace");
    FR_TRY(fr_pull_next(p, err)); /* nothing stands behind it */
    return 0;
}

static int read_chrome(const char *path, FILE *in, fr_trace *out, fr_err *err)
{
    chrome *c = FR_NEW(chrome);
    c->trace = out;
    c->last_ns = INT64_MIN;
    out->form = "Chrome";
    fr_pull_init(&c->pull, path, in, (fr_str){ 0 });
    int rc = read_chrome_document(c, err);
    for (size_t i = 0; i < c->n_open; i++) /* begun, and the profiler stopped first */
        out->events[c->open[i].event].end_ns =
            FR_MAX(c->last_ns, out->events[c->open[i].event].start_ns);
    out->is_unix = c->has_base || c->is_late;
    free(c);
    return rc;
}

/* ---- Nsight ---- */

static int put_gpu(fr_trace *t, fr_str name, const char *category, const char *stream,
                   int64_t start_ns, int64_t end_ns, fr_err *err)
{
    size_t track = fr_trace_track_of(t, "GPU", stream, true);
    size_t at = fr_trace_name_of(t, name, category);
    if (track == SIZE_MAX || at == SIZE_MAX)
        return too_many(t, "names", err);
    fr_trace_event event = { .start_ns = start_ns,
                             .end_ns = FR_MAX(end_ns, start_ns),
                             .name = (uint32_t)at,
                             .track = (uint32_t)track };
    return fr_trace_add(t, &event) ? 0 : too_many(t, "events", err);
}

static size_t column(const fr_str *fields, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (fr_str_is(fr_str_trim(fields[i]), name))
            return i;
    }
    return SIZE_MAX;
}

static int read_nsight_csv(const char *path, fr_trace *out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = CSV_MOST_BYTES };
    FR_AUTO(fr_csv) csv = { 0 };
    const fr_str *fields;
    size_t n, start_at = SIZE_MAX, length_at = 0, name_at = 0, stream_at = 0;
    out->form = "Nsight CSV";
    FR_TRY(fr_file_read(path, CSV_MOST_BYTES, &text, err));
    fr_csv_init(&csv, fr_buf_str(&text), path);
    for (;;) {
        FR_TRY(fr_csv_next(&csv, &fields, &n, err));
        if (n == 0)
            break;
        if (start_at == SIZE_MAX) { /* what nsys says before the table is passed over */
            start_at = column(fields, n, "Start (ns)");
            length_at = column(fields, n, "Duration (ns)");
            name_at = column(fields, n, "Name");
            stream_at = column(fields, n, "Strm");
            if (start_at != SIZE_MAX && (length_at == SIZE_MAX || name_at == SIZE_MAX))
                start_at = SIZE_MAX;
            continue;
        }
        long long start_ns, length_ns;
        if (n <= FR_MAX(FR_MAX(start_at, length_at), name_at) ||
            !fr_str_to_i64(fr_str_trim(fields[start_at]), &start_ns) ||
            !fr_str_to_i64(fr_str_trim(fields[length_at]), &length_ns) || length_ns < 0 ||
            start_ns < 0 || start_ns > INT64_MAX / 2 || length_ns > INT64_MAX / 2)
            return fr_fail(err, FR_E_FORMAT, NULL, "%s:%zu: start and duration are no numbers",
                           path, csv.line);
        char stream[24] = "";
        if (stream_at < n)
            snprintf(stream, sizeof stream, "%.*s", (int)FR_MIN(fields[stream_at].n, 23u),
                     fields[stream_at].at);
        bool is_copy = fr_str_starts(fields[name_at], FR_STR("[CUDA mem"));
        FR_TRY(put_gpu(out, fields[name_at], is_copy ? "gpu_memcpy" : "kernel", stream, start_ns,
                       start_ns + length_ns, err));
    }
    if (start_at == SIZE_MAX)
        return fr_fail(
            err, FR_E_FORMAT,
            "Known are Chrome, Perfetto and Neuron traces, nsys's SQLite export, and the "
            "CSV of `nsys stats -r cuda_gpu_trace --format csv`.",
            "'%s' is no trace that is known", path);
    return 0;
}

static int read_nsight_sqlite(const char *path, fr_trace *out, fr_err *err)
{
    static const struct {
        const char *category, *sql;
    } TABLES[] = {
        { "kernel", "SELECT k.start, k.\"end\", s.value, k.deviceId, k.streamId FROM "
                    "CUPTI_ACTIVITY_KIND_KERNEL k JOIN StringIds s ON s.id = k.demangledName" },
        { "gpu_memcpy",
          "SELECT start, \"end\", 'memcpy kind ' || copyKind, deviceId, streamId FROM "
          "CUPTI_ACTIVITY_KIND_MEMCPY" },
        { "gpu_memset",
          "SELECT start, \"end\", 'memset', deviceId, streamId FROM CUPTI_ACTIVITY_KIND_MEMSET" },
    };
    FR_AUTOPTR(fr_store) store = NULL;
    size_t n_tables = 0;
    out->form = "Nsight SQLite";
    FR_TRY(fr_store_open_read(path, &store, err));
    for (size_t i = 0; i < FR_COUNT_OF(TABLES); i++) {
        FR_AUTOPTR(fr_query) query = NULL;
        if (fr_store_prepare(store, TABLES[i].sql, &query, NULL) != 0)
            continue; /* nsys leaves out tables without rows */
        n_tables++;
        int rc;
        while ((rc = fr_query_step(query, err)) == FR_ROW) {
            char stream[24];
            snprintf(stream, sizeof stream, "%lld/%lld", (long long)fr_query_i64(query, 3) % 10000,
                     (long long)fr_query_i64(query, 4) % 1000000000);
            int64_t start_ns = fr_query_i64(query, 0), end_ns = fr_query_i64(query, 1);
            if (start_ns < 0 || end_ns < start_ns || end_ns > INT64_MAX / 2)
                return fr_fail(err, FR_E_FORMAT, NULL,
                               "'%s' has an event that ends before it begins", path);
            FR_TRY(put_gpu(out, fr_str_of(fr_query_text(query, 2)), TABLES[i].category, stream,
                           start_ns, end_ns, err));
        }
        FR_TRY(rc);
    }
    if (n_tables == 0)
        return fr_fail(err, FR_E_FORMAT,
                       "Make it with `nsys export --type sqlite report.nsys-rep`.",
                       "'%s' has no table of GPU work that is known", path);
    return 0;
}

/* ---- all ---- */

static void keep_side(fr_trace *t, fr_trace_side side)
{
    size_t n = 0, n_gpu = 0;
    for (size_t i = 0; i < t->n_events; i++)
        n_gpu += t->tracks[t->events[i].track].is_gpu;
    bool wants_gpu = side == FR_TRACE_GPU || (side == FR_TRACE_ANY && n_gpu > 0);
    for (size_t i = 0; i < t->n_events; i++) {
        if (t->tracks[t->events[i].track].is_gpu == wants_gpu)
            t->events[n++] = t->events[i];
    }
    t->n_skipped += t->n_events - n;
    t->n_events = n;
}

/* Packets hold numbers and lengths within their first bytes, which no text has. */
static bool is_packets(const char *head, size_t n)
{
    bool is_text = true;
    for (size_t i = 1; i < n; i++) {
        const unsigned char c = (unsigned char)head[i];
        is_text &= c >= ' ' || c == '\n' || c == '\r' || c == '\t';
    }
    return n > 2 && head[0] == '\n' && !is_text;
}

int fr_trace_read(const char *path, fr_trace_side side, fr_trace *out, fr_err *err)
{
    char head[16] = "";
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return fr_fail_errno(err, NULL, "'%s' cannot be read", path);
    size_t n = fread(head, 1, sizeof head - 1, in), at = 0;
    rewind(in);
    while (at < n && strchr(" \t\r\n", head[at]) != NULL)
        at++;
    int rc;
    if (strncmp(head, "SQLite format 3", 15) == 0)
        rc = read_nsight_sqlite(path, out, err);
    else if (is_packets(head, n))
        rc = fr_trace_read_perfetto(path, out, err);
    else if (n == 0 || head[at] == '{' || head[at] == '[')
        rc = read_chrome(path, in, out, err);
    else if (strncmp(head, "\x1f\x8b", 2) == 0)
        rc = fr_fail(err, FR_E_UNSUPPORTED, "Unpack it first: gunzip FILE.", "'%s' is compressed",
                     path);
    else
        rc = read_nsight_csv(path, out, err);
    fclose(in);
    if (rc != 0) {
        fr_trace_fini(out);
        return rc;
    }
    keep_side(out, side);
    return 0;
}
