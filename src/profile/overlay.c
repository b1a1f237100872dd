/*
 * Joules of operations: in each window of energy, time in which nothing ran is the gap's, and the
 * rest is shared by the time that each operation had in it. On one track only the innermost has the
 * time; tracks that work at once share by duration.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/profile.h"

#define DEPTH_MOST 512

/* A stretch in which one event was the innermost of its track. */
typedef struct {
    int64_t start_ns, end_ns;
    uint32_t event;
} stretch;

typedef struct {
    stretch *at;
    size_t n, cap;
} stretches;

typedef struct {
    double worked_s;  /* of all operations in it */
    double covered_s; /* at least one ran */
} load;

/* An event, with what it is sorted by. */
typedef struct {
    int64_t start_ns, end_ns;
    uint32_t track, event;
} entry;

static int by_track_and_time(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->track != y->track)
        return x->track < y->track ? -1 : 1;
    if (x->start_ns != y->start_ns)
        return x->start_ns < y->start_ns ? -1 : 1;
    if (x->end_ns != y->end_ns)
        return x->end_ns > y->end_ns ? -1 : 1; /* the outer one first */
    return x->event < y->event ? -1 : 1;
}

static int by_start(const void *a, const void *b)
{
    const stretch *x = a, *y = b;
    return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

static void put(stretches *s, int64_t start_ns, int64_t end_ns, uint32_t event)
{
    if (end_ns <= start_ns)
        return;
    FR_GROW(s->at, s->n, s->cap);
    s->at[s->n++] = (stretch){ start_ns, end_ns, event };
}

/* The innermost has the time. An event that outlasts the one around it (clocks of a profiler are
 * not exact) is cut off where that one ends. */
static stretches innermost(const fr_trace *t)
{
    stretches out = { 0 };
    entry *order = FR_NEW_N(entry, t->n_events), stack[DEPTH_MOST] = { 0 };
    for (size_t i = 0; i < t->n_events; i++)
        order[i] =
            (entry){ t->events[i].start_ns, t->events[i].end_ns, t->events[i].track, (uint32_t)i };
    fr_sort(order, t->n_events, sizeof order[0], by_track_and_time);
    size_t depth = 0;
    int64_t at_ns = 0; /* up to here the track's time is given */
    for (size_t i = 0; i <= t->n_events; i++) {
        bool is_end = i == t->n_events;
        while (depth > 0 && (is_end || order[i].track != stack[depth - 1].track ||
                             order[i].start_ns >= stack[depth - 1].end_ns)) {
            put(&out, at_ns, stack[depth - 1].end_ns, stack[depth - 1].event);
            at_ns = FR_MAX(at_ns, stack[depth - 1].end_ns);
            depth--;
        }
        if (is_end)
            break;
        entry now = order[i];
        if (depth > 0) {
            put(&out, at_ns, now.start_ns, stack[depth - 1].event);
            now.end_ns = FR_MIN(now.end_ns, stack[depth - 1].end_ns);
        }
        at_ns = now.start_ns;
        if (depth < DEPTH_MOST)
            stack[depth++] = now;
    }
    free(order);
    fr_sort(out.at, out.n, sizeof out.at[0], by_start);
    return out;
}

static double overlap_s(int64_t a_start, int64_t a_end, int64_t b_start, int64_t b_end)
{
    int64_t start = FR_MAX(a_start, b_start), end = FR_MIN(a_end, b_end);
    return end > start ? (double)(end - start) * 1e-9 : 0;
}

/* First window that ends after a time; they rise. */
static size_t window_at(const fr_power *p, int64_t ns)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (p->windows[mid].end_ns <= ns)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* How much of each window was worked, and covered by at least one. */
static void weigh(const stretches *s, const fr_power *p, int64_t shift_ns, load *loads)
{
    int64_t covered_ns = INT64_MIN;
    for (size_t i = 0; i < s->n; i++) {
        int64_t start = s->at[i].start_ns + shift_ns, end = s->at[i].end_ns + shift_ns;
        int64_t fresh = FR_MAX(start, covered_ns);
        for (size_t w = window_at(p, start); w < p->n && p->windows[w].start_ns < end; w++) {
            const fr_power_window *win = &p->windows[w];
            loads[w].worked_s += overlap_s(start, end, win->start_ns, win->end_ns);
            loads[w].covered_s += overlap_s(fresh, end, win->start_ns, win->end_ns);
        }
        covered_ns = FR_MAX(covered_ns, end);
    }
}

static void give(fr_trace *t, const stretches *s, const fr_power *p, int64_t shift_ns,
                 const load *loads, fr_overlay_sums *out)
{
    for (size_t i = 0; i < s->n; i++) {
        fr_trace_event *e = &t->events[s->at[i].event];
        int64_t start = s->at[i].start_ns + shift_ns, end = s->at[i].end_ns + shift_ns;
        double self_s = (double)(end - start) * 1e-9;
        e->self_s += self_s;
        out->events_s += self_s;
        for (size_t w = window_at(p, start); w < p->n && p->windows[w].start_ns < end; w++) {
            const fr_power_window *win = &p->windows[w];
            double window_s = (double)(win->end_ns - win->start_ns) * 1e-9;
            double part_s = overlap_s(start, end, win->start_ns, win->end_ns);
            if (loads[w].worked_s > 0)
                e->joules +=
                    win->joules * (loads[w].covered_s / window_s) * part_s / loads[w].worked_s;
        }
    }
}

int fr_overlay(fr_trace *t, const fr_power *p, int64_t shift_ns, fr_overlay_sums *out, fr_err *err)
{
    *out = (fr_overlay_sums){ 0 };
    if (t->n_events == 0)
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "the trace has no operations");
    int64_t first_ns = INT64_MAX, last_ns = INT64_MIN;
    for (size_t i = 0; i < t->n_events; i++) {
        t->events[i].self_s = t->events[i].joules = 0;
        first_ns = FR_MIN(first_ns, t->events[i].start_ns);
        last_ns = FR_MAX(last_ns, t->events[i].end_ns);
    }
    first_ns += shift_ns;
    last_ns += shift_ns;
    if (p->n == 0 || p->windows[p->n - 1].end_ns <= first_ns || p->windows[0].start_ns >= last_ns)
        return fr_fail(err, FR_E_NOT_FOUND,
                       "Were both taken at the same time? --align start lays the beginnings on "
                       "each other, --offset SECONDS moves the trace.",
                       "the trace and the power do not overlap in time");
    stretches s = innermost(t);
    load *loads = FR_NEW_N(load, p->n);
    weigh(&s, p, shift_ns, loads);
    give(t, &s, p, shift_ns, loads, out);
    double in_windows_s = 0, covered_s = 0;
    for (size_t w = 0; w < p->n; w++) {
        const fr_power_window *win = &p->windows[w];
        double window_s = (double)(win->end_ns - win->start_ns) * 1e-9;
        double within_s = overlap_s(first_ns, last_ns, win->start_ns, win->end_ns);
        out->total_j += win->joules * within_s / window_s;
        out->outside_j += win->joules * (1 - within_s / window_s);
        out->gap_j += win->joules * (within_s - loads[w].covered_s) / window_s;
        in_windows_s += within_s;
        covered_s += loads[w].covered_s;
    }
    for (size_t i = 0; i < t->n_events; i++)
        out->events_j += t->events[i].joules;
    out->span_s = (double)(last_ns - first_ns) * 1e-9;
    out->gap_s = in_windows_s - covered_s;
    out->uncovered_s = out->span_s - in_windows_s;
    free(loads);
    free(s.at);
    return 0;
}
