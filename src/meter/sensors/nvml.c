/*
 * NVIDIA GPUs through libnvidia-ml.so.1, loaded when a meter opens and not needed otherwise
 * (NVML API Reference, docs.nvidia.com/deploy/nvml-api).
 *
 * Energy is the driver's own counter [mJ] where the GPU has one (Volta and later), else power [mW]
 * integrated by the trapezoid rule. Whose work it is comes, once a second, from the per-process
 * utilization; else from the list of processes: all ours, none ours, or a range. A GPU that is
 * partitioned (MIG) tells the whole board's power, which is never charged to a slice.
 */
#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "meter/meter_priv.h"
#include "tables/tables.h"

#define SHARE_EVERY_S   1.0
#define POWER_PERIOD_S  0.1
#define COMPARE_S       30.0
#define COMPARE_LEAST_J 100.0
#define COMPARE_MOST    0.25    /* power is sampled and may be an average of a second */
#define IMPOSSIBLE_W    20000.0 /* of one GPU: a sentinel */
#define SAMPLES_MOST    256
#define USERS_MOST      256
#define MJ_PER_J        1e3
#define MW_PER_W        1e3

/* The parts of NVML's interface that are used, as its reference states them. */
typedef struct nvml_device *nvml_device;
typedef struct {
    unsigned gpu, memory; /* percent of the last sample period */
} nvml_utilization;
typedef struct {
    unsigned pid;
    unsigned long long time_us;
    unsigned sm, memory, encoder, decoder; /* percent */
} nvml_process_sample;
typedef struct {
    unsigned pid;
    unsigned long long memory_bytes;
    unsigned gpu_instance, compute_instance;
} nvml_process;

typedef struct {
    void *library;
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *);
    int (*handle)(unsigned, nvml_device *);
    int (*name)(nvml_device, char *, unsigned);
    int (*energy_mj)(nvml_device, unsigned long long *);
    int (*power_mw)(nvml_device, unsigned *);
    int (*limit_mw)(nvml_device, unsigned *);
    int (*utilization)(nvml_device, nvml_utilization *);
    int (*process_utilization)(nvml_device, nvml_process_sample *, unsigned *, unsigned long long);
    int (*processes)(nvml_device, unsigned *, nvml_process *);
    int (*graphics)(nvml_device, unsigned *, nvml_process *);
    int (*mig_mode)(nvml_device, unsigned *, unsigned *);
} nvml_calls;

/* A process on a GPU: its part of the work that everybody does there, and its time so far. */
typedef struct {
    pid_t pid;
    double share, busy_s;
} user;

typedef struct {
    nvml_device handle;
    bool has_counter, is_partitioned;
    unsigned long long last_mj;
    double last_w, since_s; /* power at, and time since, the last good reading */
    /* beside the counter: power integrated over the same time, and whether it was told */
    double beside_w, beside_since_s, beside_j, beside_counted_j, beside_s;
    bool disagrees;
    double share_age_s;
    unsigned long long seen_us;
    fr_range share;
    double utilization_ratio;
    user users[USERS_MOST];
    size_t n_users;
} gpu;

typedef struct {
    nvml_calls nvml;
    gpu *gpus;
    size_t n;
    fr_bench *bench;
} gpus;

/* Without the driver (of Linux, WSL, Tegra) its library has nothing to tell, and to look for one
 * that is not there is a hundred system calls. */
static bool has_driver(void)
{
    static const char *const TRACES[] = { "/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg",
                                          "/dev/nvmap", "/dev/nvhost-ctrl" };
    for (size_t i = 0; i < FR_COUNT_OF(TRACES); i++) {
        if (access(TRACES[i], F_OK) == 0)
            return true;
    }
    return false;
}

static bool load(const char *name, nvml_calls *out, const char **why)
{
    memset(out, 0, sizeof *out);
    *why = "not looked for";
    if (name[0] == '\0')
        return false;
    *why = "no NVIDIA driver";
    if (strcmp(name, FR_NVML_LIBRARY) == 0 && !has_driver())
        return false;
    out->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    *why = "no NVIDIA driver library";
    if (out->library == NULL)
        return false;
    struct {
        void *to;
        const char *name;
        bool needed;
    } calls[] = {
        { &out->init, "nvmlInit_v2", true },
        { &out->shutdown, "nvmlShutdown", true },
        { &out->count, "nvmlDeviceGetCount_v2", true },
        { &out->handle, "nvmlDeviceGetHandleByIndex_v2", true },
        { &out->name, "nvmlDeviceGetName", true },
        { &out->power_mw, "nvmlDeviceGetPowerUsage", true },
        { &out->energy_mj, "nvmlDeviceGetTotalEnergyConsumption", false },
        { &out->limit_mw, "nvmlDeviceGetEnforcedPowerLimit", false },
        { &out->utilization, "nvmlDeviceGetUtilizationRates", false },
        { &out->process_utilization, "nvmlDeviceGetProcessUtilization", false },
        { &out->processes, "nvmlDeviceGetComputeRunningProcesses_v3", false },
        { &out->graphics, "nvmlDeviceGetGraphicsRunningProcesses_v3", false },
        { &out->mig_mode, "nvmlDeviceGetMigMode", false },
    };
    for (size_t i = 0; i < FR_COUNT_OF(calls); i++) {
        void *symbol = dlsym(out->library, calls[i].name);
        memcpy(calls[i].to, &symbol, sizeof symbol);
        *why = calls[i].name;
        if (symbol == NULL && calls[i].needed) {
            dlclose(out->library);
            return false;
        }
    }
    *why = "the driver does not answer";
    if (out->init() == 0)
        return true;
    dlclose(out->library);
    return false;
}

static void unload(nvml_calls *nvml)
{
    nvml->shutdown();
    dlclose(nvml->library);
}

/* NAN: not told, or no watts of a GPU. */
static double power_of(const nvml_calls *nvml, nvml_device handle)
{
    unsigned mw = 0;
    double w = nvml->power_mw(handle, &mw) == 0 ? mw / MW_PER_W : NAN;
    return w <= IMPOSSIBLE_W ? w : NAN;
}

/* Rest and full draw of a GPU, for the split and for when it falls silent. */
static void curve_of(const nvml_calls *nvml, nvml_device handle, fr_curve *out)
{
    unsigned limit_mw = 0;
    double most_w = 0;
    if (nvml->limit_mw != NULL && nvml->limit_mw(handle, &limit_mw) == 0 && limit_mw > 0)
        most_w = limit_mw / MW_PER_W;
    fr_model_gpu_curve(most_w, out);
}

static void add_gpu(gpus *all, unsigned index)
{
    const nvml_calls *nvml = &all->nvml;
    gpu g = { 0 };
    char name[96] = "GPU";
    unsigned pending, mode = 0;
    if (nvml->handle(index, &g.handle) != 0) {
        fr_bench_note(all->bench, "gpu-%u does not answer", index);
        return;
    }
    nvml->name(g.handle, name, sizeof name);
    g.has_counter = nvml->energy_mj != NULL && nvml->energy_mj(g.handle, &g.last_mj) == 0;
    g.last_w = g.beside_w = power_of(nvml, g.handle);
    if (!g.has_counter && isnan(g.last_w)) {
        fr_bench_note(all->bench, "gpu-%u %.40s has no readable power", index, name);
        return;
    }
    g.is_partitioned =
        nvml->mig_mode != NULL && nvml->mig_mode(g.handle, &mode, &pending) == 0 && mode == 1;
    if (g.is_partitioned)
        fr_bench_note(all->bench, "gpu-%u is partitioned (MIG): the board's draw is not charged",
                      index);
    fr_channel *c = fr_bench_add(all->bench, FR_DEVICE_GPU, "gpu-%u %.36s", index, name);
    if (c == NULL)
        return;
    c->is_counted = true;
    c->error_ratio = fr_constant_of("nvml_power_error_ratio").high;
    c->source = fr_source_f("nvml %s gpu-%u", g.has_counter ? "energy counter" : "power", index);
    if (g.is_partitioned)
        c->reserved_ratio = 0;
    if (!g.has_counter)
        fr_bench_need(all->bench, POWER_PERIOD_S);
    curve_of(nvml, g.handle, &c->curve);
    g.share_age_s = INFINITY;
    all->gpus[all->n++] = g;
}

static void nvml_open(fr_bench *bench, void **state)
{
    const char *why;
    unsigned n = 0;
    gpus *all = FR_NEW(gpus);
    *state = NULL;
    if (!load(bench->nvml, &all->nvml, &why)) {
        free(all);
        return;
    }
    all->bench = bench;
    if (all->nvml.count(&n) != 0 || n > FR_METER_DEVICES)
        n = n > FR_METER_DEVICES ? FR_METER_DEVICES : 0;
    all->gpus = FR_NEW_N(gpu, n);
    for (unsigned i = 0; i < n; i++)
        add_gpu(all, i);
    if (all->n == 0) {
        unload(&all->nvml);
        free(all->gpus);
        free(all);
        return;
    }
    *state = all;
}

/*
 * The counter and the power that the same driver tells should agree. After half a minute with some
 * joules in it, one note says when they are further apart than both their errors.
 */
static void compare(gpus *all, size_t index, double dt_s, const fr_delta *counted)
{
    gpu *g = &all->gpus[index];
    fr_delta by_power = { 0 };
    double now_w = power_of(&all->nvml, g->handle);
    fr_delta_by_power(&g->beside_w, &g->beside_since_s, now_w, dt_s, &by_power);
    if (!counted->ok || !by_power.ok || g->disagrees) { /* unlike windows are not compared */
        g->beside_j = g->beside_counted_j = g->beside_s = 0;
        return;
    }
    g->beside_j += by_power.counted_j;
    g->beside_counted_j += counted->counted_j;
    g->beside_s += dt_s;
    if (g->beside_s < COMPARE_S || g->beside_j < COMPARE_LEAST_J)
        return;
    double ratio = g->beside_counted_j / g->beside_j;
    if (fabs(ratio - 1) > COMPARE_MOST) {
        g->disagrees = true;
        fr_bench_note(all->bench, "gpu-%zu: its energy counter says %.2f times what its power does",
                      index, ratio);
    }
    g->beside_j = g->beside_counted_j = g->beside_s = 0;
}

/* Joules since the last good reading. */
static void count(const nvml_calls *nvml, gpu *g, double dt_s, fr_delta *delta)
{
    if (!g->has_counter) {
        fr_delta_by_power(&g->last_w, &g->since_s, power_of(nvml, g->handle), dt_s, delta);
        return;
    }
    unsigned long long now_mj;
    g->since_s += dt_s;
    if (nvml->energy_mj(g->handle, &now_mj) != 0 || now_mj == ULLONG_MAX)
        return;
    double joules = (double)(now_mj - g->last_mj) / MJ_PER_J;
    /* set back: the driver was loaded anew; or further on than any GPU draws */
    delta->gap = now_mj < g->last_mj || joules > IMPOSSIBLE_W * (g->since_s + 1);
    delta->ok = !delta->gap;
    delta->counted_j = joules;
    g->last_mj = now_mj;
    g->since_s = 0;
}

/* When the table is full, one that is at rest makes room; else nobody is told of. */
static user *user_of(gpu *g, pid_t pid)
{
    size_t at = 0;
    while (at < g->n_users && g->users[at].pid != pid)
        at++;
    if (at < g->n_users)
        return &g->users[at];
    if (at == USERS_MOST) {
        for (at = 0; at < USERS_MOST && g->users[at].share > 0; at++)
            continue;
        if (at == USERS_MOST)
            return NULL;
    } else {
        g->n_users++;
    }
    g->users[at] = (user){ .pid = pid };
    return &g->users[at];
}

static void give_share(gpu *g, unsigned pid, double share)
{
    user *u = user_of(g, (pid_t)pid);
    if (u != NULL)
        u->share += share;
}

static void let_users_work(gpu *g, double busy_s)
{
    for (size_t i = 0; i < g->n_users; i++)
        g->users[i].busy_s += g->users[i].share * busy_s;
}

static bool is_visible(const fr_bench *bench, unsigned pid)
{
    char path[320];
    snprintf(path, sizeof path, "%s/%u", bench->procfs, pid);
    return access(path, F_OK) == 0;
}

/*
 * By time on the processors of the GPU; false where the driver does not tell. In a container the
 * driver's process numbers are not ours: who cannot be seen here may be of the run, or not.
 */
static bool share_by_time(gpus *all, gpu *g)
{
    nvml_process_sample samples[SAMPLES_MOST];
    unsigned n = SAMPLES_MOST;
    if (all->nvml.process_utilization == NULL ||
        all->nvml.process_utilization(g->handle, samples, &n, g->seen_us) != 0)
        return false;
    double ours = 0, unseen = 0, everybodys = 0;
    for (unsigned i = 0; i < n && i < SAMPLES_MOST; i++) {
        if (samples[i].sm > 100)
            continue; /* a sentinel */
        everybodys += samples[i].sm;
        if (all->bench->in_tree(all->bench->tree, (pid_t)samples[i].pid))
            ours += samples[i].sm;
        else if (!is_visible(all->bench, samples[i].pid))
            unseen += samples[i].sm;
        if (samples[i].time_us > g->seen_us)
            g->seen_us = samples[i].time_us;
    }
    if (everybodys <= 0)
        return false;
    for (unsigned i = 0; i < n && i < SAMPLES_MOST; i++) {
        if (samples[i].sm <= 100)
            give_share(g, samples[i].pid, samples[i].sm / everybodys);
    }
    double share = ours / everybodys;
    g->share = (fr_range){ share, unseen >= everybodys ? 1 : share, (ours + unseen) / everybodys };
    return true;
}

/*
 * By who is there. Where nobody is that can be seen, as in a container, the whole device counts as
 * the run's, from nothing to all; a GPU at which nobody computes shows pictures, or is at rest.
 */
static void share_by_presence(gpus *all, gpu *g)
{
    static const fr_range NOBODY_KNOWS = { 0, 1, 1 };
    const nvml_calls *nvml = &all->nvml;
    nvml_process processes[SAMPLES_MOST];
    unsigned n = SAMPLES_MOST, ours = 0, visible = 0;
    g->share = NOBODY_KNOWS;
    if (nvml->processes == NULL || nvml->processes(g->handle, &n, processes) != 0)
        return;
    if (n == 0 && nvml->graphics != NULL) {
        n = SAMPLES_MOST;
        if (nvml->graphics(g->handle, &n, processes) != 0)
            n = 0;
    }
    for (unsigned i = 0; i < n && i < SAMPLES_MOST; i++) {
        ours += all->bench->in_tree(all->bench->tree, (pid_t)processes[i].pid);
        visible += is_visible(all->bench, processes[i].pid);
    }
    if (visible == 0 && (n > 0 || g->utilization_ratio > 0))
        return;
    if (n == 1)
        give_share(g, processes[0].pid, 1);
    g->share = ours == 0   ? (fr_range){ 0, 0, 0 }
               : ours == n ? (fr_range){ 1, 1, 1 }
                           : (fr_range){ 0, (double)ours / n, 1 };
}

static void nvml_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    gpus *all = state;
    for (size_t i = 0; i < all->n; i++) {
        gpu *g = &all->gpus[i];
        nvml_utilization utilization;
        count(&all->nvml, g, window->dt_s, &deltas[i]);
        if (g->has_counter)
            compare(all, i, window->dt_s, &deltas[i]);
        if (all->nvml.utilization != NULL && all->nvml.utilization(g->handle, &utilization) == 0 &&
            utilization.gpu <= 100)
            g->utilization_ratio = utilization.gpu / 100.0;
        g->share_age_s += window->dt_s;
        if (g->share_age_s >= SHARE_EVERY_S) {
            g->share_age_s = 0;
            for (size_t k = 0; k < g->n_users; k++)
                g->users[k].share = 0;
            if (g->is_partitioned)
                g->share = (fr_range){ 0 };
            else if (!share_by_time(all, g))
                share_by_presence(all, g);
        }
        deltas[i].has_share = true;
        deltas[i].share = g->share;
        deltas[i].busy_s = g->utilization_ratio * window->dt_s;
        deltas[i].capacity_s = window->dt_s;
        let_users_work(g, deltas[i].busy_s);
    }
}

static size_t nvml_users(void *state, fr_device_user *out, size_t *channel, size_t cap)
{
    gpus *all = state;
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) {
        for (size_t k = 0; k < all->gpus[i].n_users && n < cap; k++, n++) {
            out[n] = (fr_device_user){ .pid = all->gpus[i].users[k].pid,
                                       .busy_s = all->gpus[i].users[k].busy_s };
            channel[n] = i;
        }
    }
    return n;
}

static void nvml_close(void *state)
{
    gpus *all = state;
    unload(&all->nvml);
    free(all->gpus);
    free(all);
}

static void nvml_survey(fr_bench *bench, fr_sensor_state *out)
{
    nvml_calls nvml;
    const char *why;
    unsigned n = 0;
    if (!load(bench->nvml, &nvml, &why)) {
        snprintf(out->found, sizeof out->found, "%s", why);
        return;
    }
    nvml.count(&n);
    nvml_device first;
    char name[96] = "";
    if (n > 0 && nvml.handle(0, &first) == 0)
        nvml.name(first, name, sizeof name);
    out->usable = n > 0;
    snprintf(out->found, sizeof out->found, "%u GPU%s %.90s", n, n == 1 ? "" : "s", name);
    unload(&nvml);
}

const fr_sensor fr_sensor_nvml = { .name = "nvml",
                                   .open = nvml_open,
                                   .sample = nvml_sample,
                                   .close = nvml_close,
                                   .survey = nvml_survey,
                                   .users = nvml_users };
