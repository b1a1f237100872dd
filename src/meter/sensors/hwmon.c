/*
 * Energy and power that drivers show as hwmon devices (Documentation/hwmon/sysfs-interface.rst):
 *
 *     class/hwmon/hwmonN/name                   the driver: a row of the table below
 *     class/hwmon/hwmonN/energyK_input          microjoules, counts up
 *     class/hwmon/hwmonN/powerK_average|_input  microwatts
 *     class/hwmon/hwmonN/inK_input, currK_input millivolts and milliamperes of one rail
 *     class/hwmon/hwmonN/…K_label               what it is: the row says which labels count
 *     class/hwmon/hwmonN/device/                has all that, the name too, where a driver
 * registers the old way (power_meter up to Linux 6.15)
 *
 *     class/kfd/kfd/proc/PID/                   who computes on AMD GPUs
 *
 * A row is a driver with the labels that it uses. What holds others' draw as well (a whole module,
 * the platform) stands apart. Processors' rows are passed over where another counter has them. A
 * GPU that is there and does not answer is modelled until it does; one that sleeps draws nothing.
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
#define NUMBERS_MOST    2048 /* K of one device: amd_energy has one a core, then its sockets */
#define POWER_PERIOD_S  0.1
#define SHARE_EVERY_S   1.0
#define IMPOSSIBLE_W    20000.0 /* of one device: refused */
#define IMPOSSIBLE_STEP 1e12    /* [uJ] more at once is no energy but a counter set back */

#define TEGRA_MOST_W 30.0 /* of the GPU in a module: what stands in while it is silent */

typedef enum { ENERGY, POWER, RAIL } form;
enum { HOLDS_CPU = 1, HOLDS_DRAM = 2 }; /* what a row of another kind holds, too */

typedef struct {
    const char *driver, *label; /* label: pattern of …K_label; NULL: there is none to ask */
    const char *label_file;     /* where the label is, if not in …K_label: with %d for K */
    form what;
    fr_device_kind kind;
    bool is_apart;
    const char *name; /* of the channel, before its number */
    unsigned holds;
    double most_w;       /* of a GPU, where the driver tells none; 0: nobody knows */
    bool is_second_best; /* counts only where the device has no better line */
} row;

#define ROW(d, l, w, k, n) .driver = d, .label = l, .what = w, .kind = FR_DEVICE_##k, .name = n
#define OEM_INFO           .label_file = "power%d_oem_info"
static const row ROWS[] = {
    { ROW("amd_energy", "Esocket*", ENERGY, CPU, "package") },
    { ROW("zenpower", "SVI2_P_Core", POWER, CPU, "package cores") },
    { ROW("zenpower", "SVI2_P_SoC", POWER, CPU, "package soc") },
    { ROW("fam15h_power", NULL, POWER, CPU, "package") },
    { ROW("amdgpu", NULL, POWER, GPU, "gpu amd") },
    { ROW("i915", NULL, ENERGY, GPU, "gpu intel") },
    { ROW("xe", "card", ENERGY, GPU, "gpu intel") },
    { ROW("xe", "pkg", ENERGY, GPU, "gpu intel"), .is_second_best = true }, /* is in the card's */
    { ROW("xe", "", ENERGY, GPU, "gpu intel"), .is_second_best = true },    /* before Linux 6.10 */
    { ROW("ina3221", "VDD_IN", RAIL, OTHER, "module"), .is_apart = true },
    { ROW("ina3221", "*CPU_GPU_CV*", RAIL, ACCELERATOR, "cpu+gpu+cv"), .holds = HOLDS_CPU,
      .most_w = TEGRA_MOST_W },
    { ROW("ina3221", "*CPU*", RAIL, CPU, "package") },
    { ROW("ina3221", "*GPU*", RAIL, GPU, "gpu tegra"), .most_w = TEGRA_MOST_W },
    { ROW("ina3221", "CV", RAIL, ACCELERATOR, "cv"), .most_w = TEGRA_MOST_W },
    { ROW("ina3221", "*SOC*", RAIL, OTHER, "soc") },
    { ROW("ina3221", "*DDR*", RAIL, DRAM, "dram") },
    { ROW("ina3221", "SYS5V", RAIL, OTHER, "sys 5v") },
    /* AGX Orin: VDDQ_VDD2_1V8AO, the memory's rail, is fed by this one and is not added */
    { ROW("ina3221", "VIN_SYS_5V0", RAIL, OTHER, "sys 5v"), .holds = HOLDS_DRAM },
    /* Grace: the socket's figure holds the processor's and the rest of it */
    { ROW("power_meter", "CPU Power*", POWER, CPU, "package"), OEM_INFO },
    { ROW("power_meter", "SysIO Power*", POWER, OTHER, "io"), OEM_INFO },
    { ROW("power_meter", "Grace Power*", POWER, OTHER, "grace"), OEM_INFO, .is_apart = true },
    { ROW("power_meter", "Module Power*", POWER, OTHER, "module"), OEM_INFO, .is_apart = true },
    { ROW("power_meter", NULL, POWER, OTHER, "platform"), .is_apart = true },
};
/* An AMD processor with graphics tells the whole package's watts through amdgpu. */
static const row AMD_APU = { ROW("amdgpu", NULL, POWER, OTHER, "apu"), .is_apart = true };

typedef struct {
    const row *r;
    fr_sysfile value, amperes, busy; /* amperes: of a rail; busy: percent, path "" where not told */
    char folder[320];
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
    const row *refused_row;
    const fr_bench *bench;
    bool has_amd;
    fr_range amd_share; /* of AMD's GPUs: the tree's part of who computes there */
    double share_age_s;
} lines;

/* A GPU whose processes nobody tells of: all of its work may be the run's, or none. */
static const fr_range NOBODY_KNOWS = { 0, 1, 1 };

static bool counts_cpu(const row *r)
{
    return r->kind == FR_DEVICE_CPU || (r->holds & HOLDS_CPU) != 0;
}

static bool counts_dram(const row *r)
{
    return r->kind == FR_DEVICE_DRAM || (r->holds & HOLDS_DRAM) != 0;
}

/* By a sensor before this one, or by another driver here (zenpower beside amd_energy). */
static bool is_taken(const fr_bench *bench, const lines *all, const row *r)
{
    if ((counts_cpu(r) && bench->packages_counted > 0) ||
        (r->kind == FR_DEVICE_DRAM && bench->dram_counted))
        return true;
    for (size_t i = 0; i < all->n; i++) {
        const row *other = all->at[i].r;
        if (strcmp(other->driver, r->driver) != 0 && counts_cpu(other) && counts_cpu(r))
            return true;
    }
    return false;
}

/* Put to sleep by the kernel's power management: the driver then refuses to tell. */
static bool sleeps(const line *l)
{
    char status[16];
    return l->r->kind == FR_DEVICE_GPU &&
           fr_sysfile_text(status, sizeof status, "%s/device/power/runtime_status", l->folder) &&
           strcmp(status, "suspended") == 0;
}

/* A rail's watts, or a power file's; NAN: no reading, or one that cannot be. */
static double read_w(line *l)
{
    int64_t value, milliamperes;
    if (fr_sysfile_read(&l->value, &value) != 0)
        return sleeps(l) ? 0 : NAN;
    double watts = (double)value * 1e-6;
    if (l->r->what == RAIL) {
        if (fr_sysfile_read(&l->amperes, &milliamperes) != 0)
            return NAN;
        watts = (double)value * (double)milliamperes * 1e-6;
    }
    return watts >= 0 && watts <= IMPOSSIBLE_W ? watts : NAN;
}

/* In the hwmon folder, else in its device's; the error is of the last place but for ENOENT. */
static int open_file(const fr_bench *bench, const char *folder, const char *file, int k,
                     fr_sysfile *out)
{
    char name[32];
    snprintf(name, sizeof name, file, k);
    int error = fr_sysfile_open(out, bench->is_moved, "%.300s/%s", folder, name);
    if (error == ENOENT)
        error = fr_sysfile_open(out, bench->is_moved, "%.300s/device/%s", folder, name);
    return error;
}

static int open_values(const fr_bench *bench, int k, line *l)
{
    int64_t most;
    int error;
    fr_sysfile limit = { .fd = -1 };
    l->value.fd = l->amperes.fd = l->busy.fd = -1;
    switch (l->r->what) {
    case ENERGY:
        error = open_file(bench, l->folder, "energy%d_input", k, &l->value);
        return error != 0 ? error : fr_sysfile_read(&l->value, &l->last_uj);
    case POWER:
        error = open_file(bench, l->folder, "power%d_average", k, &l->value);
        if (error != 0) {
            fr_sysfile other = { .fd = -1 };
            int second = open_file(bench, l->folder, "power%d_input", k, &other);
            if (second == 0 || error == ENOENT) {
                l->value = other;
                error = second;
            }
        }
        if (open_file(bench, l->folder, "power%d_cap", k, &limit) == 0 &&
            fr_sysfile_read(&limit, &most) == 0)
            l->limit_w = (double)most * 1e-6;
        fr_sysfile_close(&limit);
        break;
    case RAIL:
        error = open_file(bench, l->folder, "in%d_input", k, &l->value);
        if (error == 0)
            error = open_file(bench, l->folder, "curr%d_input", k, &l->amperes);
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

static bool read_label(const char *folder, const char *file, int k, char *out, size_t size)
{
    char name[32];
    snprintf(name, sizeof name, file, k);
    return fr_sysfile_text(out, size, "%.300s/%s", folder, name) ||
           fr_sysfile_text(out, size, "%.300s/device/%s", folder, name);
}

/* By the head of gpu_metrics (kgd_pp_interface.h): size, two bytes, then the format, which is 2 or
 * 3 for processors with graphics. */
static bool is_apu(const char *folder)
{
    char path[400];
    unsigned char head[4] = { 0 };
    snprintf(path, sizeof path, "%.300s/device/gpu_metrics", folder);
    FILE *file = fopen(path, "rbe");
    size_t n = file != NULL ? fread(head, 1, sizeof head, file) : 0;
    if (file != NULL)
        fclose(file);
    return n == sizeof head && (head[2] == 2 || head[2] == 3);
}

/* The first row that fits driver and label. An empty label's row is for lines without. */
static const row *find_row(const char *folder, const char *driver, int k)
{
    static const char *const LABELS[] = { "energy%d_label", "power%d_label", "in%d_label" };
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        const row *r = &ROWS[i];
        char label[64] = "";
        if (strcmp(r->driver, driver) != 0)
            continue;
        if (strcmp(driver, AMD_APU.driver) == 0 && is_apu(folder))
            return &AMD_APU;
        if (r->label == NULL)
            return r;
        const char *file = r->label_file != NULL ? r->label_file : LABELS[r->what];
        bool has_label = read_label(folder, file, k, label, sizeof label);
        if (has_label == (r->label[0] != '\0') && fnmatch(r->label, label, 0) == 0)
            return r;
    }
    return NULL;
}

static void add_line(const fr_bench *bench, const char *folder, const char *driver, int k,
                     lines *all)
{
    line *l = &all->at[all->n];
    *l = (line){ .r = find_row(folder, driver, k), .since_s = 0 };
    if (l->r == NULL || is_taken(bench, all, l->r))
        return;
    snprintf(l->folder, sizeof l->folder, "%.319s", folder);
    int error = open_values(bench, k, l);
    bool is_refused = error != 0 && error != ENOENT;
    if (is_refused && !sleeps(l)) {
        all->refused = error;
        all->refused_row = l->r;
        all->n_refused++;
    }
    if (error != 0 && !(is_refused && l->r->kind == FR_DEVICE_GPU)) {
        close_line(l);
        return;
    }
    l->last_w = error == 0 ? l->last_w : NAN;
    l->last_uj = error == 0 ? l->last_uj : -1;
    snprintf(l->device, sizeof l->device, "%.16s %.15s", strrchr(folder, '/') + 1,
             strrchr(l->value.path, '/') + 1);
    if (l->r->kind == FR_DEVICE_GPU)
        fr_sysfile_open(&l->busy, bench->is_moved, "%.300s/device/gpu_busy_percent", folder);
    all->n++;
}

/* Where a device has a line that holds it, the second best goes. */
static void drop_second_best(lines *all, size_t first)
{
    bool has_best = false;
    size_t n = first;
    for (size_t i = first; i < all->n; i++)
        has_best |= !all->at[i].r->is_second_best;
    for (size_t i = first; i < all->n; i++) {
        if (all->at[i].r->is_second_best && (has_best || n > first))
            close_line(&all->at[i]);
        else
            all->at[n++] = all->at[i];
    }
    all->n = n;
}

/* Marks the K of "energyK_input", "powerK_average", "inK_label"… */
static void find_numbers(const char *folder, bool has[NUMBERS_MOST])
{
    static const char *const STEMS[] = { "energy", "power", "in" };
    char **names = NULL;
    size_t n = 0;
    if (fr_dir_list(folder, &names, &n, NULL) != 0)
        return;
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; s < FR_COUNT_OF(STEMS); s++) {
            size_t stem = strlen(STEMS[s]);
            if (strncmp(names[i], STEMS[s], stem) != 0)
                continue;
            char *end;
            long k = strtol(names[i] + stem, &end, 10);
            if (end != names[i] + stem && *end == '_' && k >= 0 && k < NUMBERS_MOST)
                has[k] = true;
        }
    }
    fr_names_free(names, n);
}

static bool is_known(const char *driver)
{
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        if (strcmp(ROWS[i].driver, driver) == 0)
            return true;
    }
    return false;
}

static void find_in(const fr_bench *bench, const char *name, lines *all)
{
    char folder[320], device[340], driver[32];
    bool has[NUMBERS_MOST] = { false };
    size_t first = all->n;
    snprintf(folder, sizeof folder, "%.230s/class/hwmon/%.64s", bench->sysfs, name);
    snprintf(device, sizeof device, "%s/device", folder);
    if ((!fr_sysfile_text(driver, sizeof driver, "%s/name", folder) &&
         !fr_sysfile_text(driver, sizeof driver, "%s/name", device)) ||
        !is_known(driver))
        return;
    find_numbers(folder, has);
    find_numbers(device, has);
    for (int k = 0; k < NUMBERS_MOST && all->n < LINES_MOST; k++) {
        if (has[k])
            add_line(bench, folder, driver, k, all);
    }
    drop_second_best(all, first);
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
        fr_model_gpu_curve(l->limit_w > 0 ? l->limit_w : r->most_w, &c->curve);
    if (r->what != ENERGY)
        fr_bench_need(bench, POWER_PERIOD_S);
    return true;
}

static const char *why(int error)
{
    return error == EACCES || error == EPERM ? "only root may read it"
           : error == EPROTO                 ? "what it says is no count"
                                             : strerror(error);
}

/* Processors are modelled by their own model, which tells why; the rest is told here. */
static void tell_refused(fr_bench *bench, const lines *all)
{
    const row *r = all->refused_row;
    if (counts_cpu(r) && bench->uncounted[0] == '\0')
        snprintf(bench->uncounted, sizeof bench->uncounted,
                 "processors are modelled: %s is there, but %s", r->driver, why(all->refused));
    else if (r->kind == FR_DEVICE_GPU)
        fr_bench_note(bench, "%s is modelled until it answers: %s", r->name, why(all->refused));
    else if (!counts_cpu(r))
        fr_bench_note(bench, "%s of %s is not counted: %s", r->name, r->driver, why(all->refused));
}

static void hwmon_open(fr_bench *bench, void **state)
{
    lines *all = FR_NEW(lines);
    bool has_cpu = false, has_dram = false;
    *state = NULL;
    all->bench = bench;
    all->amd_share = NOBODY_KNOWS;
    all->share_age_s = INFINITY;
    find(bench, all);
    if (all->n_refused > 0)
        tell_refused(bench, all);
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) {
        size_t number = 0;
        for (size_t k = 0; k < n; k++)
            number += strcmp(all->at[k].r->name, all->at[i].r->name) == 0;
        if (!add_channel(bench, &all->at[i], number)) {
            close_line(&all->at[i]);
            continue;
        }
        all->has_amd |= all->at[i].r->kind == FR_DEVICE_GPU &&
                        strcmp(all->at[i].r->driver, AMD_APU.driver) == 0;
        has_cpu |= counts_cpu(all->at[i].r);
        has_dram |= counts_dram(all->at[i].r);
        all->at[n++] = all->at[i];
    }
    all->n = n;
    if (has_cpu) { /* a driver shows all packages or none */
        bench->packages_seen = FR_MAX(bench->packages_seen, bench->host->n_sockets);
        bench->packages_counted = bench->packages_seen;
    }
    bench->dram_counted |= has_dram;
    if (n == 0) {
        free(all);
        return;
    }
    *state = all;
}

/*
 * By who is there; what draws pictures is not told, so a share of none may be one, and all may be
 * less. In a container the numbers are not ours.
 */
static fr_range share_of_amd(const fr_bench *bench)
{
    char path[320];
    char **names = NULL;
    size_t n = 0, ours = 0, seen = 0, all = 0;
    snprintf(path, sizeof path, "%.256s/class/kfd/kfd/proc", bench->sysfs);
    if (bench->in_tree == NULL || fr_dir_list(path, &names, &n, NULL) != 0)
        return NOBODY_KNOWS;
    for (size_t i = 0; i < n; i++) {
        char *end;
        long pid = strtol(names[i], &end, 10);
        if (*end != '\0' || pid <= 0)
            continue;
        snprintf(path, sizeof path, "%.256s/%ld", bench->procfs, pid);
        ours += bench->in_tree(bench->tree, (pid_t)pid);
        seen += fr_dir_exists(path);
        all++;
    }
    fr_names_free(names, n);
    if (all == 0 || seen == 0)
        return NOBODY_KNOWS;
    return (fr_range){ 0, (double)ours / (double)all, 1 };
}

static void share_gpu(const lines *all, line *l, double dt_s, fr_delta *delta)
{
    int64_t percent;
    delta->has_share = true;
    delta->share = strcmp(l->r->driver, AMD_APU.driver) == 0 ? all->amd_share : NOBODY_KNOWS;
    delta->capacity_s = dt_s;
    if (l->busy.path[0] != '\0' && fr_sysfile_read(&l->busy, &percent) == 0 && percent >= 0 &&
        percent <= 100)
        delta->busy_s = (double)percent / 100 * dt_s;
}

/* What a counter tells; the first that one tells who was silent so far ends a gap. */
static void step(line *l, fr_delta *delta)
{
    int64_t now_uj;
    if (fr_sysfile_read(&l->value, &now_uj) != 0 || now_uj < 0)
        return;
    int64_t step_uj = now_uj - l->last_uj; /* 64 bits: it does not wrap */
    delta->gap = l->last_uj < 0 || step_uj < 0 || (double)step_uj > IMPOSSIBLE_STEP;
    delta->ok = !delta->gap;
    delta->counted_j = (double)step_uj * 1e-6;
    l->last_uj = now_uj;
}

static void hwmon_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    lines *all = state;
    all->share_age_s += window->dt_s;
    if (all->has_amd && all->share_age_s >= SHARE_EVERY_S) {
        all->amd_share = share_of_amd(all->bench);
        all->share_age_s = 0;
    }
    for (size_t i = 0; i < all->n; i++) {
        line *l = &all->at[i];
        if (l->r->what != ENERGY)
            fr_delta_by_power(&l->last_w, &l->since_s, read_w(l), window->dt_s, &deltas[i]);
        else
            step(l, &deltas[i]);
        if (l->r->kind == FR_DEVICE_GPU)
            share_gpu(all, l, window->dt_s, &deltas[i]);
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
