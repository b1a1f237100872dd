#include "meter/meter.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "meter/meter_priv.h"

#define PERIOD_MOST_S   1.25 /* who reads once a second spares the sampler its samples */
#define PERIOD_LEAST_S  0.01
#define PERIOD_VANISH_S 0.1
#define FORGET_PER_CPU  0.1  /* [s] counters that disagree for long are believed as they are */
#define KEPT_MOST       16   /* samples that wait to be worked out together… */
#define KEPT_S          0.95 /* …for so long */

#define UNSEEN "the processes cannot be seen, so all of the machine is charged"

/* Counted devices first: the models cover what those left. */
static const fr_sensor *const SENSORS[] = {
    &fr_sensor_powercap,  &fr_sensor_perf_event, &fr_sensor_hwmon,         &fr_sensor_nvml,
    &fr_sensor_neuron,    &fr_sensor_battery,    &fr_sensor_bmc,           &fr_sensor_wall,
    &fr_sensor_model_cpu, &fr_sensor_model_dram, &fr_sensor_model_storage, &fr_sensor_model_network,
};
#define N_SENSORS FR_COUNT_OF(SENSORS)

struct fr_meter {
    fr_meter_options options;
    char sysfs[256], procfs[256], nvml[256];
    fr_host host;
    fr_bench bench;
    fr_channel channels[FR_METER_DEVICES];
    void *states[N_SENSORS];
    size_t first[N_SENSORS], count[N_SENSORS]; /* channels of each sensor */
    fr_tree *tree;
    sem_t close; /* the thread waits for it, or for its next sample */
    /* guarded by lock, as the channels' sums are */
    pthread_mutex_t lock;
    int64_t opened_ns, sampled_ns;
    int64_t looked_ns;       /* when the last sample was taken, by our own clock */
    double busy_s, tree_s;   /* at the last sample */
    double debt_s;           /* busy time lent in advance, where the tree's clock ran ahead */
    double machine_s, gpu_s; /* since open */
    bool has_gpu_share;
    uint64_t samples, missed;
    fr_window kept[KEPT_MOST]; /* taken, and not yet in the sums */
    fr_delta *kept_deltas;     /* [KEPT_MOST][channels]: what was read then */
    size_t n_kept;
    double kept_s;
    double readers_cpu_s;  /* what samples took that others asked for */
    bool has_beat;         /* one thread does the sampling, and its CPU time is ours… */
    clockid_t beat_clock;  /* …by this clock… */
    double beat_from_s;    /* …from here on */
    pthread_t beat_thread; /* which one */
    pthread_t thread;
    bool has_thread;
};

fr_channel *fr_bench_add(fr_bench *bench, fr_device_kind kind, const char *fmt, ...)
{
    if (bench->n_channels == FR_METER_DEVICES)
        return NULL;
    fr_channel *c = &bench->channels[bench->n_channels++];
    memset(c, 0, sizeof *c);
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->name, sizeof c->name, fmt, args);
    va_end(args);
    c->kind = kind;
    c->floor_w = INFINITY;
    c->reserved_ratio = bench->host->quota_threads / bench->host->n_threads;
    return c;
}

void fr_bench_need(fr_bench *bench, double period_s)
{
    bench->period_s = FR_MIN(bench->period_s, period_s);
}

void fr_bench_note(fr_bench *bench, const char *fmt, ...)
{
    size_t n = strlen(bench->note);
    if (n != 0 && n + 3 < sizeof bench->note)
        n += (size_t)snprintf(bench->note + n, sizeof bench->note - n, "; ");
    va_list args;
    va_start(args, fmt);
    if (n < sizeof bench->note)
        vsnprintf(bench->note + n, sizeof bench->note - n, fmt, args);
    va_end(args);
}

static double thread_cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int64_t now_ns(const fr_meter *m)
{
    return m->options.now_ns != NULL ? m->options.now_ns(m->options.user) : fr_now_monotonic_ns();
}

/*
 * How long the window was and who worked in it. The machine's time comes in ticks, the tree's to
 * the nanosecond, so in a short window the tree may seem to have worked more than everybody: what
 * is lent to the machine then is taken back in the next windows.
 */
static fr_window take_window(fr_meter *m, int64_t now, bool thoroughly)
{
    double busy_s, tree_s;
    m->missed += (uint64_t)fr_tree_sample(m->tree, thoroughly, &busy_s, &tree_s);
    fr_window w = { .dt_s = (double)(now - m->sampled_ns) * 1e-9, .tree_s = tree_s - m->tree_s };
    w.capacity_s = w.dt_s * m->host.n_threads;
    w.is_border = thoroughly;
    w.is_whole = fr_tree_is_unseen(m->tree);
    double counted_s = isnan(busy_s) || isnan(m->busy_s) ? w.tree_s : busy_s - m->busy_s;
    counted_s = FR_MAX(counted_s, 0);
    w.busy_s = FR_MAX(counted_s - m->debt_s, w.tree_s);
    m->debt_s = FR_MIN(w.busy_s - (counted_s - m->debt_s), FORGET_PER_CPU * m->host.n_threads);
    m->busy_s = busy_s;
    m->tree_s = tree_s;
    m->sampled_ns = now;
    return w;
}

/* What there is to read now. What has no moment of its own is asked when the sums are made. */
static void read_sensors(fr_meter *m, const fr_window *window, fr_delta *deltas)
{
    memset(deltas, 0, m->bench.n_channels * sizeof deltas[0]);
    for (size_t i = 0; i < N_SENSORS; i++) {
        if (m->states[i] != NULL && !SENSORS[i]->has_no_moment)
            SENSORS[i]->sample(m->states[i], window, &deltas[m->first[i]]);
    }
}

static void add_window(fr_meter *m, const fr_window *window, fr_delta *deltas)
{
    for (size_t i = 0; i < N_SENSORS; i++) {
        if (m->states[i] != NULL && SENSORS[i]->has_no_moment)
            SENSORS[i]->sample(m->states[i], window, &deltas[m->first[i]]);
    }
    for (size_t i = 0; i < m->bench.n_channels; i++) {
        m->missed += !deltas[i].ok && m->channels[i].is_counted && !m->channels[i].is_apart;
        fr_channel_integrate(&m->channels[i], &deltas[i], window);
        if (deltas[i].has_share && m->channels[i].kind == FR_DEVICE_GPU) {
            m->gpu_s += deltas[i].busy_s * deltas[i].share.mid;
            m->has_gpu_share = true;
        }
    }
    m->machine_s += window->busy_s;
}

/* The sums, up to the latest sample: each window by itself, as if it had been done at once. */
static void add_kept(fr_meter *m)
{
    for (size_t i = 0; i < m->n_kept; i++)
        add_window(m, &m->kept[i], &m->kept_deltas[i * m->bench.n_channels]);
    m->n_kept = 0;
    m->kept_s = 0;
}

/*
 * A sample reads and keeps; what was read is worked out a second at a time. Whoever wakes up finds
 * his code and data out of the caches, and to bring in that of every channel costs more than to run
 * it (docs/decisions/0075). The lock is held.
 */
static void sample(fr_meter *m, bool thoroughly)
{
    fr_window *window = &m->kept[m->n_kept];
    *window = take_window(m, now_ns(m), thoroughly);
    read_sensors(m, window, &m->kept_deltas[m->n_kept * m->bench.n_channels]);
    m->n_kept++;
    m->kept_s += window->dt_s;
    m->samples++;
    m->looked_ns = fr_now_monotonic_ns();
    if (m->n_kept == KEPT_MOST || m->kept_s >= KEPT_S)
        add_kept(m);
}

/* A sample if it is time; when the next one is. The lock is held. */
static int64_t beat(fr_meter *m)
{
    int64_t period_ns = (int64_t)(m->options.period_s * 1e9);
    if (fr_now_monotonic_ns() >= m->looked_ns + period_ns) /* whoever reads moves it on */
        sample(m, false);
    return m->looked_ns + period_ns;
}

/* From now on all that this thread does is metering. */
static void begin_beat(fr_meter *m)
{
    m->beat_thread = pthread_self();
    m->beat_from_s = thread_cpu_s();
    m->has_beat = pthread_getcpuclockid(m->beat_thread, &m->beat_clock) == 0;
}

static void *sampler(void *user)
{
    fr_meter *m = user;
    struct timespec due;
    pthread_mutex_lock(&m->lock);
    begin_beat(m);
    m->beat_from_s = 0;
    pthread_mutex_unlock(&m->lock);
    do {
        pthread_mutex_lock(&m->lock);
        int64_t due_ns = beat(m);
        pthread_mutex_unlock(&m->lock);
        due = (struct timespec){ due_ns / 1000000000, due_ns % 1000000000 };
    } while (sem_clockwait(&m->close, CLOCK_MONOTONIC, &due) != 0);
    return NULL;
}

int64_t fr_meter_beat(fr_meter *m)
{
    pthread_mutex_lock(&m->lock);
    if (!m->has_beat)
        begin_beat(m);
    int64_t due_ns = beat(m);
    pthread_mutex_unlock(&m->lock);
    return due_ns;
}

static void copy_root(char out[256], const char *from, const char *otherwise)
{
    snprintf(out, 256, "%s", from != NULL ? from : otherwise);
}

/* A group carries the rest of what it has reserved, whatever we have (docs/decisions/0005). */
void fr_meter_host(const fr_meter_options *options, fr_host *out)
{
    fr_host_read(options->procfs, options->sysfs, out);
    if (options->group == NULL)
        return;
    out->quota_threads = out->n_threads;
    out->quota_ram_bytes = out->ram_bytes > 0 ? out->ram_bytes : INFINITY;
    fr_host_limits(options->group, &out->quota_threads, &out->quota_ram_bytes);
    if (isinf(out->quota_ram_bytes))
        out->quota_ram_bytes = 0;
}

static void take_options(fr_meter *m, const fr_meter_options *options)
{
    if (options != NULL)
        m->options = *options;
    copy_root(m->sysfs, m->options.sysfs, "/sys");
    copy_root(m->procfs, m->options.procfs, "/proc");
    copy_root(m->nvml, m->options.nvml, FR_NVML_LIBRARY);
    if (m->options.host != NULL)
        m->host = *m->options.host;
    else
        fr_meter_host(&m->options, &m->host);
    m->options.host = NULL; /* was borrowed for the opening */
    m->bench = (fr_bench){
        .sysfs = m->sysfs,
        .procfs = m->procfs,
        .nvml = m->nvml,
        .wall = m->options.wall,
        .is_moved = m->options.sysfs != NULL || m->options.procfs != NULL,
        .host = &m->host,
        .channels = m->channels,
        .period_s = PERIOD_MOST_S,
    };
}

static int start_thread(fr_meter *m, fr_err *err)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    int rc = pthread_create(&m->thread, &attributes, sampler, m);
    pthread_attr_destroy(&attributes);
    m->has_thread = rc == 0;
    errno = rc;
    return rc == 0 ? 0 : fr_fail_errno(err, NULL, "the sampling thread cannot start");
}

static bool is_own_tree(const fr_meter *m)
{
    return m->options.pid == 0 || m->options.pid == getpid();
}

int fr_meter_open(const fr_meter_options *options, fr_meter **out, fr_err *err)
{
    fr_meter *m = FR_NEW(fr_meter);
    pthread_mutex_init(&m->lock, NULL);
    sem_init(&m->close, 0, 0);
    take_options(m, options);
    bool is_moved = m->options.procfs != NULL;
    pid_t root = m->options.awaits ? 0 : m->options.pid != 0 ? m->options.pid : getpid();
    m->tree = m->options.group != NULL ? fr_tree_open_group(m->procfs, is_moved, m->options.group)
                                       : fr_tree_open(m->procfs, is_moved, root, m->options.adopts);
    if (fr_tree_is_unseen(m->tree))
        fr_bench_note(&m->bench, UNSEEN);
    m->bench.in_tree = fr_tree_has;
    m->bench.tree = m->tree;
    for (size_t i = 0; i < N_SENSORS; i++) {
        m->first[i] = m->bench.n_channels;
        SENSORS[i]->open(&m->bench, &m->states[i]);
        m->count[i] = m->bench.n_channels - m->first[i];
    }
    /* A stranger's process or group goes and its count with it, whoever waits for it. */
    if (m->options.group != NULL || (!m->options.adopts && !is_own_tree(m)))
        fr_bench_need(&m->bench, PERIOD_VANISH_S);
    if (!(m->options.period_s > 0))
        m->options.period_s = m->bench.period_s;
    m->options.period_s = FR_MAX(m->options.period_s, PERIOD_LEAST_S);
    m->kept_deltas = FR_NEW_N(fr_delta, KEPT_MOST * (m->bench.n_channels + 1));
    m->opened_ns = m->sampled_ns = now_ns(m);
    m->missed = (uint64_t)fr_tree_sample(m->tree, true, &m->busy_s, &m->tree_s);
    m->looked_ns = fr_now_monotonic_ns();
    int rc = m->options.no_thread ? 0 : start_thread(m, err);
    if (rc != 0) {
        fr_meter_close(m);
        return rc;
    }
    *out = m;
    return 0;
}

/* CPU time of the thread that samples. */
static double beat_cpu_s(const fr_meter *m)
{
    struct timespec now;
    if (!m->has_beat || clock_gettime(m->beat_clock, &now) != 0)
        return 0;
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9 - m->beat_from_s;
}

/* A sample for somebody who asks: his time in here is ours, unless all of it is. */
static void sample_now(fr_meter *m, bool thoroughly)
{
    bool is_beat = m->has_beat && pthread_equal(m->beat_thread, pthread_self());
    double cpu_before_s = is_beat ? 0 : thread_cpu_s();
    sample(m, thoroughly);
    add_kept(m);
    if (!is_beat)
        m->readers_cpu_s += thread_cpu_s() - cpu_before_s;
}

void fr_meter_adopt(fr_meter *m, pid_t pid)
{
    pthread_mutex_lock(&m->lock);
    fr_tree_adopt(m->tree, pid);
    if (fr_tree_is_unseen(m->tree))
        fr_bench_note(&m->bench, UNSEEN);
    pthread_mutex_unlock(&m->lock);
}

static void read_sums(fr_meter *m, bool thoroughly, fr_reading *out)
{
    pthread_mutex_lock(&m->lock);
    sample_now(m, thoroughly);
    out->monotonic_ns = m->sampled_ns;
    out->unix_ns = fr_now_unix_ns();
    out->duration_s = (double)(m->sampled_ns - m->opened_ns) * 1e-9;
    out->cpu_s = m->tree_s;
    out->machine_cpu_s = m->machine_s;
    out->gpu_s = m->has_gpu_share ? m->gpu_s : NAN;
    out->meter_cpu_s = m->readers_cpu_s + beat_cpu_s(m);
    out->samples = m->samples;
    out->missed = m->missed;
    out->n_devices = out->n_wholes = 0;
    memcpy(out->note, m->bench.note, sizeof out->note);
    for (size_t i = 0; i < m->bench.n_channels; i++) {
        if (m->channels[i].is_apart && out->n_wholes < FR_METER_WHOLES)
            fr_channel_read_whole(&m->channels[i], &out->wholes[out->n_wholes++]);
        else if (!m->channels[i].is_apart && !m->channels[i].is_hidden)
            fr_channel_read(&m->channels[i], &out->devices[out->n_devices++]);
    }
    if (out->n_wholes < FR_METER_WHOLES)
        fr_whole_model(&m->host, out->devices, out->n_devices, out->duration_s,
                       &out->wholes[out->n_wholes++]);
    pthread_mutex_unlock(&m->lock);
}

int fr_meter_read(fr_meter *m, fr_reading *out, fr_err *err)
{
    (void)err;
    read_sums(m, true, out);
    return 0;
}

int fr_meter_peek(fr_meter *m, fr_reading *out, fr_err *err)
{
    (void)err;
    read_sums(m, false, out);
    return 0;
}

double fr_meter_period_s(const fr_meter *m)
{
    return m->options.period_s;
}

void fr_meter_tell_cpu(fr_meter *m, double tree_cpu_s)
{
    pthread_mutex_lock(&m->lock);
    fr_tree_tell(m->tree, tree_cpu_s);
    pthread_mutex_unlock(&m->lock);
}

size_t fr_meter_device_users(fr_meter *m, fr_device_user *out, size_t cap)
{
    size_t n = 0;
    size_t *channel = FR_NEW_N(size_t, cap);
    pthread_mutex_lock(&m->lock);
    add_kept(m);
    for (size_t i = 0; i < N_SENSORS; i++) {
        if (m->states[i] == NULL || SENSORS[i]->users == NULL)
            continue;
        size_t more = SENSORS[i]->users(m->states[i], out + n, channel, cap - n);
        for (size_t k = 0; k < more; k++) {
            const fr_channel *c = &m->channels[m->first[i] + channel[k]];
            memcpy(out[n + k].device, c->name, sizeof out[n + k].device);
            out[n + k].device_busy_s = c->sums.busy_s + c->standin.busy_s;
        }
        n += more;
    }
    pthread_mutex_unlock(&m->lock);
    free(channel);
    return n;
}

void fr_meter_close(fr_meter *m)
{
    if (m == NULL)
        return;
    if (m->has_thread) {
        sem_post(&m->close);
        pthread_join(m->thread, NULL);
    }
    for (size_t i = 0; i < N_SENSORS; i++) {
        if (m->states[i] != NULL)
            SENSORS[i]->close(m->states[i]);
    }
    fr_tree_close(m->tree);
    sem_destroy(&m->close);
    pthread_mutex_destroy(&m->lock);
    free(m->kept_deltas);
    free(m);
}

int fr_meter_survey(const fr_meter_options *options, fr_sensor_state *out, size_t cap, size_t *n,
                    fr_err *err)
{
    (void)err;
    fr_meter *m = FR_NEW(fr_meter);
    take_options(m, options);
    *n = 0;
    for (size_t i = 0; i < N_SENSORS && *n < cap; i++) {
        fr_sensor_state *state = &out[(*n)++];
        memset(state, 0, sizeof *state);
        state->sensor = SENSORS[i]->name;
        SENSORS[i]->survey(&m->bench, state);
    }
    free(m);
    return 0;
}
