/*
 * Energy and power that drivers show as hwmon devices (Documentation/hwmon/sysfs-interface.rst):
 *
 *     class/hwmon/hwmonN/name                   the driver: a row of the table below
 *     class/hwmon/hwmonN/energyK_input          microjoules, counts up
 *     class/hwmon/hwmonN/powerK_average|_input  microwatts
 *     class/hwmon/hwmonN/inK_input, currK_input millivolts and milliamperes of one rail
 *     class/hwmon/hwmonN/…K_label               what it is: the row says which labels count
 *
 * A row is a driver with the labels that it uses. What holds others' draw as well (a whole module,
 * the platform) stands apart. Processors' rows are passed over where another counter has them.
 */
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "meter/meter_priv.h"
#include "tables/tables.h"

#define LINES_MOST      32
#define CHANNELS_MOST   16 /* of one device: energy1 to energy16 */
#define POWER_PERIOD_S  0.1
#define IMPOSSIBLE_W    20000.0 /* of one device: refused */
#define IMPOSSIBLE_STEP 1e12    /* [uJ] more at once is no energy but a counter set back */

typedef enum { ENERGY, POWER, RAIL } form;

typedef struct {
    const char *driver, *label; /* label: pattern of …K_label; NULL: there is none to ask */
    const char *label_file;     /* where the label is, if not in …K_label: with %d for K */
    form what;
    fr_device_kind kind;
    bool is_apart;
    const char *name; /* of the channel, before its number */
} row;

static const row ROWS[] = {
    { "amd_energy", "Esocket*", NULL, ENERGY, FR_DEVICE_CPU, false, "package" },
    { "zenpower", "SVI2_P_Core", NULL, POWER, FR_DEVICE_CPU, false, "package cores" },
    { "zenpower", "SVI2_P_SoC", NULL, POWER, FR_DEVICE_CPU, false, "package soc" },
    { "fam15h_power", NULL, NULL, POWER, FR_DEVICE_CPU, false, "package" },
    { "amdgpu", NULL, NULL, POWER, FR_DEVICE_GPU, false, "gpu amd" },
    { "i915", NULL, NULL, ENERGY, FR_DEVICE_GPU, false, "gpu intel" },
    { "xe", "card", NULL, ENERGY, FR_DEVICE_GPU, false, "gpu intel" },
    { "ina3221", "VDD_IN", NULL, RAIL, FR_DEVICE_OTHER, true, "module" },
    { "ina3221", "*CPU_GPU_CV*", NULL, RAIL, FR_DEVICE_ACCELERATOR, false, "cpu+gpu+cv" },
    { "ina3221", "*CPU*", NULL, RAIL, FR_DEVICE_CPU, false, "package" },
    { "ina3221", "*GPU*", NULL, RAIL, FR_DEVICE_GPU, false, "gpu tegra" },
    { "ina3221", "*SOC*", NULL, RAIL, FR_DEVICE_OTHER, false, "soc" },
    { "ina3221", "*DDR*", NULL, RAIL, FR_DEVICE_DRAM, false, "dram" },
    /* Grace: the socket's figure holds the processor's and the rest of it */
    { "power_meter", "CPU Power*", "device/power%d_oem_info", POWER, FR_DEVICE_CPU, false,
      "package" },
    { "power_meter", "SysIO Power*", "device/power%d_oem_info", POWER, FR_DEVICE_OTHER, false,
      "io" },
    { "power_meter", "Grace Power*", "device/power%d_oem_info", POWER, FR_DEVICE_OTHER, true,
      "grace" },
    { "power_meter", "Module Power*", "device/power%d_oem_info", POWER, FR_DEVICE_OTHER, true,
      "module" },
    { "power_meter", NULL, NULL, POWER, FR_DEVICE_OTHER, true, "platform" },
};

typedef struct {
    const row *r;
    fr_sysfile value, amperes, busy; /* amperes: of a rail; busy: percent, path "" where not told */
    int64_t last_uj;
    double last_w, since_s, limit_w;
    char device[40]; /* "hwmon3 power1" */
    double busy_s;
} line;

typedef struct {
    line at[LINES_MOST];
    size_t n;
    int refused; /* errno of one that is there and cannot be read */
    int n_refused;
} lines;

static bool is_cpu_taken(const fr_bench *bench, const row *r)
{
    return (r->kind == FR_DEVICE_CPU && bench->packages_counted > 0) ||
           (r->kind == FR_DEVICE_DRAM && bench->dram_counted);
}

/* A rail's watts, or a power file's; NAN: no reading, or one that cannot be. */
static double read_w(line *l)
{
    int64_t value, milliamperes;
    if (fr_sysfile_read(&l->value, &value) != 0)
        return NAN;
    double watts = (double)value * 1e-6;
    if (l->r->what == RAIL) {
        if (fr_sysfile_read(&l->amperes, &milliamperes) != 0)
            return NAN;
        watts = (double)value * (double)milliamperes * 1e-6;
    }
    return watts >= 0 && watts <= IMPOSSIBLE_W ? watts : NAN;
}

static int open_values(const fr_bench *bench, const char *folder, int k, line *l)
{
    int64_t most;
    int error;
    fr_sysfile limit = { .fd = -1 };
    l->value.fd = l->amperes.fd = l->busy.fd = -1;
    switch (l->r->what) {
    case ENERGY:
        error = fr_sysfile_open(&l->value, bench->is_moved, "%.340s/energy%d_input", folder, k);
        return error != 0 ? error : fr_sysfile_read(&l->value, &l->last_uj);
    case POWER:
        error = fr_sysfile_open(&l->value, bench->is_moved, "%.340s/power%d_average", folder, k);
        if (error != 0)
            error = fr_sysfile_open(&l->value, bench->is_moved, "%.340s/power%d_input", folder, k);
        if (fr_sysfile_open(&limit, true, "%.340s/power%d_cap", folder, k) == 0 &&
            fr_sysfile_read(&limit, &most) == 0)
            l->limit_w = (double)most * 1e-6;
        break;
    case RAIL:
        error = fr_sysfile_open(&l->value, bench->is_moved, "%.340s/in%d_input", folder, k);
        if (error == 0)
            error = fr_sysfile_open(&l->amperes, bench->is_moved, "%.340s/curr%d_input", folder, k);
        break;
    default:
        return ENOENT;
    }
    l->last_w = error == 0 ? read_w(l) : NAN;
    return error;
}

static void close_line(line *l)
{
    fr_sysfile_close(&l->value);
    fr_sysfile_close(&l->amperes);
    fr_sysfile_close(&l->busy);
}

/* The first row that fits driver and label. */
static const row *find_row(const char *folder, const char *driver, int k)
{
    static const char *const LABELS[] = { "energy%d_label", "power%d_label", "in%d_label" };
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        const row *r = &ROWS[i];
        char file[64], label[64];
        if (strcmp(r->driver, driver) != 0)
            continue;
        if (r->label == NULL)
            return r;
        snprintf(file, sizeof file, r->label_file != NULL ? r->label_file : LABELS[r->what], k);
        if (fr_sysfile_text(label, sizeof label, "%.340s/%s", folder, file) &&
            fnmatch(r->label, label, 0) == 0)
            return r;
    }
    return NULL;
}

static void find_in(const fr_bench *bench, const char *name, lines *all)
{
    char folder[352], driver[32];
    snprintf(folder, sizeof folder, "%.256s/class/hwmon/%.64s", bench->sysfs, name);
    if (!fr_sysfile_text(driver, sizeof driver, "%s/name", folder))
        return;
    for (int k = 1; k <= CHANNELS_MOST && all->n < LINES_MOST; k++) {
        line *l = &all->at[all->n];
        *l = (line){ .r = find_row(folder, driver, k), .since_s = 0 };
        if (l->r == NULL || is_cpu_taken(bench, l->r))
            continue;
        int error = open_values(bench, folder, k, l);
        if (error != 0 && error != ENOENT) {
            all->refused = error;
            all->n_refused++;
        }
        if (error != 0) {
            close_line(l);
            continue;
        }
        snprintf(l->device, sizeof l->device, "%.16s %.15s", name, strrchr(l->value.path, '/') + 1);
        if (l->r->kind == FR_DEVICE_GPU)
            fr_sysfile_open(&l->busy, bench->is_moved, "%.340s/device/gpu_busy_percent", folder);
        all->n++;
    }
}

static void find(const fr_bench *bench, lines *all)
{
    char root[320];
    char **names = NULL;
    size_t n = 0;
    snprintf(root, sizeof root, "%.256s/class/hwmon", bench->sysfs);
    if (fr_dir_list(root, &names, &n, NULL) != 0)
        return;
    for (size_t i = 0; i < n; i++)
        find_in(bench, names[i], all);
    fr_names_free(names, n);
}

static bool add_channel(fr_bench *bench, const line *l, size_t number)
{
    const row *r = l->r;
    const char *model;
    fr_channel *c = fr_bench_add(bench, r->kind, "%s-%zu", r->name, number);
    if (c == NULL)
        return false;
    c->is_counted = true;
    c->is_apart = r->is_apart;
    c->error_ratio = fr_constant_of("hwmon_error_ratio").high;
    c->source = fr_source_f("hwmon %s %s", r->driver, l->device);
    if (r->kind == FR_DEVICE_CPU)
        fr_model_cpu_curve(bench->host, 1.0 / bench->host->n_sockets, &c->curve, &model);
    else if (r->kind == FR_DEVICE_DRAM)
        fr_model_dram_curve(bench->host, 1, &c->curve, &model);
    else if (r->kind == FR_DEVICE_GPU || r->kind == FR_DEVICE_ACCELERATOR)
        fr_model_gpu_curve(l->limit_w, &c->curve);
    if (r->what != ENERGY)
        fr_bench_need(bench, POWER_PERIOD_S);
    return true;
}

static void hwmon_open(fr_bench *bench, void **state)
{
    lines *all = FR_NEW(lines);
    bool counts_cpu = false, counts_dram = false;
    *state = NULL;
    find(bench, all);
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) {
        size_t number = 0;
        for (size_t k = 0; k < n; k++)
            number += strcmp(all->at[k].r->name, all->at[i].r->name) == 0;
        if (!add_channel(bench, &all->at[i], number)) {
            close_line(&all->at[i]);
            continue;
        }
        counts_cpu |= all->at[i].r->kind == FR_DEVICE_CPU;
        counts_dram |= all->at[i].r->kind == FR_DEVICE_DRAM;
        all->at[n++] = all->at[i];
    }
    all->n = n;
    if (counts_cpu) { /* a driver shows all packages or none */
        bench->packages_seen = FR_MAX(bench->packages_seen, bench->host->n_sockets);
        bench->packages_counted = bench->packages_seen;
    }
    bench->dram_counted |= counts_dram;
    if (n == 0) {
        free(all);
        return;
    }
    *state = all;
}

/* A GPU whose processes nobody tells of: all of its work may be the run's, or none. */
static void share_gpu(line *l, double dt_s, fr_delta *delta)
{
    int64_t percent;
    static const fr_range NOBODY_KNOWS = { 0, 1, 1 };
    delta->has_share = true;
    delta->share = NOBODY_KNOWS;
    delta->capacity_s = dt_s;
    if (l->busy.path[0] != '\0' && fr_sysfile_read(&l->busy, &percent) == 0 && percent >= 0 &&
        percent <= 100)
        delta->busy_s = (double)percent / 100 * dt_s;
}

static void hwmon_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    lines *all = state;
    for (size_t i = 0; i < all->n; i++) {
        line *l = &all->at[i];
        int64_t now_uj;
        if (l->r->what != ENERGY) {
            fr_delta_by_power(&l->last_w, &l->since_s, read_w(l), window->dt_s, &deltas[i]);
        } else if (fr_sysfile_read(&l->value, &now_uj) == 0 && now_uj >= 0) {
            int64_t step_uj = now_uj - l->last_uj; /* 64 bits: it does not wrap */
            deltas[i].gap = step_uj < 0 || (double)step_uj > IMPOSSIBLE_STEP;
            deltas[i].ok = !deltas[i].gap;
            deltas[i].counted_j = (double)step_uj * 1e-6;
            l->last_uj = now_uj;
        }
        if (l->r->kind == FR_DEVICE_GPU)
            share_gpu(l, window->dt_s, &deltas[i]);
    }
}

static void hwmon_close(void *state)
{
    lines *all = state;
    for (size_t i = 0; i < all->n; i++)
        close_line(&all->at[i]);
    free(all);
}

static void hwmon_survey(fr_bench *bench, fr_sensor_state *out)
{
    lines *all = FR_NEW(lines);
    find(bench, all);
    out->usable = all->n > 0;
    size_t at = 0;
    for (size_t i = 0; i < all->n && at + 1 < sizeof out->found; i++)
        at += (size_t)snprintf(out->found + at, sizeof out->found - at, "%s%s (%s%s)",
                               i == 0 ? "" : ", ", all->at[i].r->name, all->at[i].r->driver,
                               all->at[i].r->is_apart ? ", apart" : "");
    if (all->n == 0)
        snprintf(out->found, sizeof out->found, "%s",
                 all->n_refused > 0 ? strerror(all->refused) : "no driver that tells watts");
    if (all->n_refused > 0 && (all->refused == EACCES || all->refused == EPERM))
        snprintf(out->grant, sizeof out->grant,
                 "sudo chmod a+r /sys/class/hwmon/hwmon*/{energy,power}*_{input,average}");
    for (size_t i = 0; i < all->n; i++)
        close_line(&all->at[i]);
    free(all);
}

const fr_sensor fr_sensor_hwmon = { .name = "hwmon",
                                    .open = hwmon_open,
                                    .sample = hwmon_sample,
                                    .close = hwmon_close,
                                    .survey = hwmon_survey };
