#include "cli/op_profile.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "profile/profile.h"

#define THREADS_MOST 256
#define OPS_FIRST    65536   /* of a thread; then twice as many, a few times */
#define OPS_MOST     4000000 /* of a thread */
#define SAMPLE_NS    100000000

typedef struct {
    fr_op_event *at;
    size_t n, cap, n_dropped;
} ops;

typedef struct {
    int64_t ns;
    double active_j;
} sample;

struct fr_op_profile {
    char *path;
    fr_work_sink to;
    ops threads[THREADS_MOST]; /* each its own thread's alone */
    double steps_s;            /* of the stepping thread alone */
    fr_run *run;
    pthread_t sampler;
    bool has_sampler;
    pthread_mutex_t lock; /* guards stop */
    pthread_cond_t wake;
    bool stop;
    sample *samples; /* of the sampler alone while it runs */
    size_t n_samples, samples_cap;
    fr_method method;
};

int fr_op_profile_open(fr_cli *cli, fr_op_profile **out, fr_err *err)
{
    const char *path = fr_arg_text(cli, "profile", NULL);
    *out = NULL;
    if (path == NULL)
        return 0;
    char *folder = fr_path_dir(path);
    bool writable = access(folder, W_OK) == 0 && !fr_dir_exists(path);
    free(folder);
    if (!writable)
        return fr_fail(err, FR_E_IO, "Name a file in a folder that exists and may be written.",
                       "the profile cannot be written to '%s'", path);
    fr_op_profile *p = FR_NEW(fr_op_profile);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&p->lock, NULL);
    p->path = fr_dup(path);
    *out = p;
    return 0;
}

static void take_work(void *user, const fr_work_event *event)
{
    fr_op_profile *p = user;
    if (event->kind != FR_WORK_LOAD && event->kind != FR_WORK_SAVE)
        p->steps_s += (double)(event->end_ns - event->start_ns) * 1e-9;
    if (p->to.fn != NULL)
        p->to.fn(p->to.user, event);
}

/* Each thread writes its own list, so nobody waits. */
static void take_op(void *user, const fr_op_event *event)
{
    fr_op_profile *p = user;
    if (event->thread < 0 || event->thread >= THREADS_MOST)
        return;
    ops *o = &p->threads[event->thread];
    if (o->n == OPS_MOST) {
        o->n_dropped++;
        return;
    }
    if (o->n == o->cap) {
        o->cap = o->cap != 0 ? FR_MIN(o->cap * 2, OPS_MOST) : OPS_FIRST;
        o->at = fr_array_resize(o->at, o->cap, sizeof o->at[0]);
    }
    o->at[o->n++] = *event;
}

fr_work_sink fr_op_profile_sink(fr_op_profile *p, fr_work_sink to)
{
    if (p == NULL)
        return to;
    p->to = to;
    return (fr_work_sink){ take_work, p, take_op };
}

/* ---- joules by time ---- */

static void take_sample(fr_op_profile *p, fr_reading *room)
{
    if (fr_meter_read(fr_run_meter(p->run), room, NULL) != 0)
        return;
    fr_energy active = fr_reading_active(room, FR_DEVICE_NONE);
    p->method = active.method;
    FR_GROW(p->samples, p->n_samples, p->samples_cap);
    p->samples[p->n_samples++] = (sample){ room->monotonic_ns, active.value_j };
}

static void *sample_always(void *user)
{
    fr_op_profile *p = user;
    fr_reading *room = FR_NEW(fr_reading);
    pthread_mutex_lock(&p->lock);
    for (;;) {
        take_sample(p, room);
        if (p->stop)
            break;
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ns = (int64_t)until.tv_nsec + SAMPLE_NS;
        until.tv_sec += (time_t)(ns / 1000000000);
        until.tv_nsec = (long)(ns % 1000000000);
        pthread_cond_timedwait(&p->wake, &p->lock, &until);
    }
    pthread_mutex_unlock(&p->lock);
    free(room);
    return NULL;
}

void fr_op_profile_begin(fr_op_profile *p, fr_run *run)
{
    if (p == NULL)
        return;
    p->run = run;
    p->has_sampler = pthread_create(&p->sampler, NULL, sample_always, p) == 0;
}

static void stop_sampler(fr_op_profile *p)
{
    if (!p->has_sampler)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->sampler, NULL);
    p->has_sampler = false;
}

/* ---- the trace ---- */

static size_t name_of(fr_trace *t, const fr_op_event *e)
{
    char name[96], layer[24] = "";
    snprintf(name, sizeof name, "%s%s%s", e->op, e->part != NULL ? " " : "",
             e->part != NULL ? e->part : "");
    if (e->layer >= 0)
        snprintf(layer, sizeof layer, "layer %d", (int)e->layer);
    return fr_trace_name_of(t, fr_str_of(name), layer);
}

static void put_thread(fr_trace *t, const ops *o, size_t thread, int64_t from_ns)
{
    char tid[24];
    snprintf(tid, sizeof tid, "%zu", thread);
    size_t track = fr_trace_track_of(t, "frugal", tid, false);
    for (size_t i = 0; i < o->n; i++) {
        const fr_op_event *e = &o->at[i];
        fr_trace_event event = { .start_ns = e->start_ns - from_ns,
                                 .end_ns = e->end_ns - from_ns,
                                 .name = (uint32_t)name_of(t, e),
                                 .track = (uint32_t)track,
                                 .flops = (float)e->flops,
                                 .bytes = (float)e->bytes };
        fr_trace_add(t, &event);
    }
}

static void fill_power(const fr_op_profile *p, fr_power *out)
{
    for (size_t i = 1; i < p->n_samples; i++)
        fr_power_add(out, p->samples[i - 1].ns, p->samples[i].ns,
                     p->samples[i].active_j - p->samples[i - 1].active_j);
    out->method = p->method;
    snprintf(out->source, sizeof out->source, "the run's meter, without rest");
}

int fr_op_profile_end(fr_op_profile *p, fr_op_profile_summary *out, fr_err *err)
{
    FR_AUTO(fr_trace) trace = { 0 };
    FR_AUTO(fr_power) power = { 0 };
    fr_overlay_sums sums = { 0 };
    int64_t from_ns = INT64_MAX;
    *out = (fr_op_profile_summary){ 0 };
    if (p == NULL)
        return 0;
    stop_sampler(p);
    for (size_t i = 0; i < THREADS_MOST; i++) {
        if (p->threads[i].n > 0)
            from_ns = FR_MIN(from_ns, p->threads[i].at[0].start_ns);
    }
    for (size_t i = 0; i < THREADS_MOST; i++) {
        const ops *o = &p->threads[i];
        if (o->n > 0)
            put_thread(&trace, o, i, from_ns);
        out->n_operations += o->n;
        out->n_dropped += o->n_dropped;
    }
    fill_power(p, &power);
    if (trace.n_events > 0 && power.n > 0) {
        fr_err none = { 0 };
        if (fr_overlay(&trace, &power, from_ns, &sums, &none) != 0)
            sums = (fr_overlay_sums){ 0 };
    }
    for (size_t i = 0; i < p->threads[0].n; i++)
        out->operations_s +=
            (double)(p->threads[0].at[i].end_ns - p->threads[0].at[i].start_ns) * 1e-9;
    out->steps_s = p->steps_s;
    out->operations_j = sums.events_j;
    out->gaps_j = sums.gap_j;
    out->total_j = sums.total_j;
    return fr_trace_write(&trace, &power, from_ns, p->path, err);
}

void fr_op_profile_free(fr_op_profile *p)
{
    if (p == NULL)
        return;
    stop_sampler(p);
    for (size_t i = 0; i < THREADS_MOST; i++)
        free(p->threads[i].at);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->samples);
    free(p->path);
    free(p);
}

static double coverage_of(const fr_op_profile_summary *s)
{
    return s->steps_s > 0 ? s->operations_s / s->steps_s : NAN;
}

void fr_op_profile_json(const fr_op_profile *p, const fr_op_profile_summary *s, json_t *object)
{
    if (p == NULL)
        return;
    json_object_set_new(object, "profile",
                        json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "path", p->path,
                                  "operations", (json_int_t)s->n_operations, "dropped",
                                  (json_int_t)s->n_dropped, "operations_s",
                                  fr_json_f64(s->operations_s), "steps_s", fr_json_f64(s->steps_s),
                                  "coverage_ratio", fr_json_f64(coverage_of(s)), "operations_j",
                                  fr_json_f64(s->operations_j), "gaps_j", fr_json_f64(s->gaps_j)));
}

void fr_op_profile_tell(fr_cli *cli, const fr_op_profile *p, const fr_op_profile_summary *s)
{
    if (p == NULL)
        return;
    fr_cli_tell(cli,
                "profile: %s, %zu operations, %.1f%% of the steps' time; open it in "
                "https://ui.perfetto.dev",
                p->path, s->n_operations, 100 * coverage_of(s));
}
