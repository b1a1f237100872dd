/**
 * profile/profile.h: joules of operations: a trace, a power series, and one laid over the other.
 *
 *     FR_AUTO(fr_trace) trace = { 0 };
 *     FR_AUTO(fr_power) power = { 0 };
 *     FR_TRY(fr_trace_read("trace.json", FR_TRACE_ANY, &trace, err));
 *     FR_TRY(fr_power_read_csv("power.csv", &power, err));
 *     FR_TRY(fr_overlay(&trace, &power, trace.base_ns, &sums, err));
 *     for (size_t i = 0; i < trace.n_events; i++)
 *         … trace.events[i].joules …
 *     FR_TRY(fr_trace_write(&trace, &power, trace.base_ns, "annotated.json", err));
 *
 * The room allocates only while reading; adding an event to a trace that has room does not.
 */
#ifndef FR_PROFILE_PROFILE_H
#define FR_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "ledger/ledger.h"

#define FR_TRACE_EVENTS_MOST 8000000
#define FR_TRACE_NAMES_MOST  200000

/** One operation, once. */
typedef struct {
    int64_t start_ns, end_ns;
    uint32_t name, track;  /* indices */
    float flops, bytes;    /* 0: not told */
    double self_s, joules; /* by fr_overlay(): without operations inside */
} fr_trace_event;

/** A thread or stream. */
typedef struct {
    char pid[24], tid[24];
    char label[64]; /* of metadata events; "" for none */
    bool is_gpu;
} fr_track;

typedef struct {
    char *text; /* owned */
    char category[24];
} fr_trace_name;

typedef struct {
    fr_trace_event *events;
    size_t n_events, events_cap;
    fr_track *tracks;
    size_t n_tracks, tracks_cap;
    fr_trace_name *names;
    size_t n_names, names_cap;
    size_t *slots; /* hash of names */
    size_t n_slots;
    int64_t base_ns; /* times of events are relative to it; unix time where is_unix */
    bool is_unix;
    size_t n_skipped; /* events that are no operations */
    const char
        *form; /* "Chrome", "Perfetto", "Neuron JSON", "Nsight CSV", "Nsight SQLite"; static */
} fr_trace;
void fr_trace_fini(fr_trace *t);
FR_AUTO_DEFINE(fr_trace);
/** Index of a name or track, made when it is new; SIZE_MAX beyond the limit. */
size_t fr_trace_name_of(fr_trace *t, fr_str text, const char *category);
size_t fr_trace_track_of(fr_trace *t, const char *pid, const char *tid, bool is_gpu);
/** Without allocating while there is room; false beyond FR_TRACE_EVENTS_MOST. */
bool fr_trace_add(fr_trace *t, const fr_trace_event *event);

typedef enum { FR_TRACE_ANY, FR_TRACE_CPU, FR_TRACE_GPU } fr_trace_side;
/**
 * side     which events are operations: GPU kernels and copies, or what processors did. ANY: the
 * GPU's when there are any, else the processors'.
 * Errors   FR_E_FORMAT with file, line and offset; FR_E_LIMIT for too many events or names.
 */
int fr_trace_read(const char *path, fr_trace_side side, fr_trace *out, fr_err *err);
/** Energy by time. Windows do not overlap and rise. */
typedef struct {
    int64_t start_ns, end_ns;
    double joules;
} fr_power_window;
typedef struct {
    fr_power_window *windows;
    size_t n, cap;
    bool is_unix; /* else from the log's own start */
    fr_method method;
    char source[64];
} fr_power;
void fr_power_fini(fr_power *p);
FR_AUTO_DEFINE(fr_power);
void fr_power_add(fr_power *p, int64_t start_ns, int64_t end_ns, double joules);
/**
 * "time,watts" lines: time as unix seconds, ISO 8601, nvidia-smi's 2026/11/22 22:10:11.123, or
 * seconds from the start (below 1e8); watts as a number, units behind it are fine. A header is
 * skipped. FR_E_FORMAT names the line. power is integrated by the trapezoid rule.
 */
int fr_power_read_csv(const char *path, fr_power *out, fr_err *err);
/** Buckets of a run: `kind` "gpu", "cpu" or NULL for all; active alone, or with idle. */
int fr_power_of_run(fr_ledger *l, const char *run_id, const char *kind, bool with_idle,
                    fr_power *out, fr_err *err);

/** What the windows hold within the trace, and where it went. */
typedef struct {
    double total_j, events_j, gap_j; /* gap: nothing ran */
    double span_s, events_s, gap_s;  /* events_s: self times of all tracks together */
    double outside_j;                /* in windows before and after the trace: nobody's */
    double uncovered_s;              /* of the trace, that no window covers */
} fr_overlay_sums;
/**
 * Fills self_s and joules of all events. shift_ns is added to the trace's times.
 * FR_E_NOT_FOUND when trace and power do not overlap in time.
 */
int fr_overlay(fr_trace *t, const fr_power *p, int64_t shift_ns, fr_overlay_sums *out, fr_err *err);

/** Chrome trace with joules and watts in `args`, and power (NULL: none) as a counter. shift_ns as
 * for the overlay. */
int fr_trace_write(const fr_trace *t, const fr_power *power, int64_t shift_ns, const char *path,
                   fr_err *err);

#endif
