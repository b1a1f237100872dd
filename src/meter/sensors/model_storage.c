/*
 * "storage 1": disks. Each draws by its size, whoever works, and more while it works:
 *
 *     P = W/TB x size + active W x busy share      ssd and rotating disks apart
 *
 * Busy time is /proc/diskstats' tenth number after the name (milliseconds with a request open;
 * Documentation/admin-guide/iostats.rst); size and kind are block/NAME/size and queue/rotational of
 * sysfs. Whose requests they are nobody tells: by CPU time, and from none to all as the range.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "meter/meter_priv.h"
#include "tables/tables.h"

#define DISKS_MOST   64
#define TEXT_BYTES   16384 /* of some hundred interfaces */
#define LOOK_EVERY_S 10.0  /* these counts lose nothing by waiting */
#define SECTOR_BYTES 512.0
#define BYTES_PER_TB 1e12

typedef struct {
    char name[32];
    double tb;
    bool rotates;
    unsigned long long busy_ms;
} disk;

typedef struct {
    fr_sysfile stats; /* diskstats */
    char text[TEXT_BYTES];
    double since_s, tree_s, busy_s; /* since the last look */
    disk at[DISKS_MOST];
    size_t n;
} disks;

/* Busy time of every disk that is known; how many lines fitted. */
static size_t read_busy(disks *all, double *worked_s)
{
    size_t seen = 0;
    *worked_s = 0;
    long n = fr_sysfile_block(&all->stats, all->text, sizeof all->text);
    if (n <= 0)
        return 0;
    fr_str rest = { all->text, (size_t)n }, line;
    while (fr_str_next(&rest, '\n', &line)) {
        char copy[256], name[32];
        unsigned long long busy_ms;
        snprintf(copy, sizeof copy, "%.*s", (int)FR_MIN(line.n, sizeof copy - 1), line.at);
        if (sscanf(copy, "%*u %*u %31s %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", name, &busy_ms) !=
            2)
            continue;
        for (size_t i = 0; i < all->n; i++) {
            disk *d = &all->at[i];
            if (strcmp(d->name, name) != 0)
                continue;
            seen++;
            if (busy_ms > d->busy_ms)
                *worked_s += (double)(busy_ms - d->busy_ms) * 1e-3;
            d->busy_ms = busy_ms;
        }
    }
    return seen;
}

/* One path of several to a disk that is listed by its own name (NVMe), or a drive for CDs. */
static bool is_passed_over(const char *root, const char *name)
{
    char text[32];
    fr_sysfile_text(text, sizeof text, "%s/%.31s/hidden", root, name);
    return text[0] == '1' || strncmp(name, "sr", 2) == 0;
}

/* Disks, not what is made of them (loop, dm, md, zram have no device of their own). */
static void find(const fr_bench *bench, disks *all)
{
    char root[300], text[32];
    char **names = NULL;
    size_t n = 0;
    double worked_s;
    all->stats = (fr_sysfile){ .fd = -1, .is_moved = bench->is_moved };
    snprintf(all->stats.path, sizeof all->stats.path, "%.256s/diskstats", bench->procfs);
    snprintf(root, sizeof root, "%.256s/block", bench->sysfs);
    if (!fr_file_exists(all->stats.path) || fr_dir_list(root, &names, &n, NULL) != 0)
        return;
    for (size_t i = 0; i < n && all->n < DISKS_MOST; i++) {
        disk *d = &all->at[all->n];
        char device[400];
        snprintf(device, sizeof device, "%s/%.31s/device", root, names[i]);
        snprintf(d->name, sizeof d->name, "%.31s", names[i]);
        if (!fr_dir_exists(device) || is_passed_over(root, names[i]) ||
            !fr_sysfile_text(text, sizeof text, "%s/%.31s/size", root, names[i]))
            continue;
        d->tb = strtod(text, NULL) * SECTOR_BYTES / BYTES_PER_TB;
        fr_sysfile_text(text, sizeof text, "%s/%.31s/queue/rotational", root, names[i]);
        d->rotates = text[0] == '1';
        all->n += d->tb > 0;
    }
    fr_names_free(names, n);
    read_busy(all, &worked_s);
}

static void curve_of(const disks *all, fr_curve *out)
{
    static const double AT[FR_CURVE_POINTS] = { 0, 0.1, 0.5, 1 };
    fr_range rest_w = { 0 }, active_w = { 0 };
    for (size_t i = 0; i < all->n; i++) {
        bool rotates = all->at[i].rotates;
        fr_constant size =
            fr_constant_of(rotates ? "storage_hdd_w_per_tb" : "storage_ssd_w_per_tb");
        fr_constant active =
            fr_constant_of(rotates ? "storage_hdd_active_w" : "storage_ssd_active_w");
        double tb = all->at[i].tb;
        rest_w = fr_range_add(rest_w, (fr_range){ size.low * tb, size.mid * tb, size.high * tb });
        active_w = fr_range_add(active_w, (fr_range){ active.low, active.mid, active.high });
    }
    for (size_t i = 0; i < FR_CURVE_POINTS; i++)
        out->at_w[i] = fr_range_add(rest_w, fr_range_scale(active_w, AT[i]));
}

static double size_of(const disks *all)
{
    double tb = 0;
    for (size_t i = 0; i < all->n; i++)
        tb += all->at[i].tb;
    return tb;
}

static void storage_close(void *state)
{
    disks *all = state;
    fr_sysfile_close(&all->stats);
    free(all);
}

static void storage_open(fr_bench *bench, void **state)
{
    disks *all = FR_NEW(disks);
    *state = NULL;
    find(bench, all);
    fr_channel *c = all->n > 0 ? fr_bench_add(bench, FR_DEVICE_STORAGE, "storage") : NULL;
    if (c == NULL) {
        storage_close(all);
        return;
    }
    curve_of(all, &c->curve);
    c->source = fr_source_f("model storage 1 (%zu disk%s, %.3g TB)", all->n, all->n == 1 ? "" : "s",
                            size_of(all));
    *state = all;
}

static void storage_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    disks *all = state;
    double worked_s;
    all->since_s += window->dt_s;
    all->tree_s += window->tree_s;
    all->busy_s += window->busy_s;
    deltas[0] = (fr_delta){ .has_share = true, .capacity_s = all->since_s * (double)all->n };
    if (!window->is_border && all->since_s < LOOK_EVERY_S)
        return; /* at rest, until the next look finds all that was done */
    double mid = window->is_whole ? 1 : all->busy_s > 0 ? FR_MIN(all->tree_s / all->busy_s, 1) : 0;
    read_busy(all, &worked_s);
    deltas[0].ok = true;
    deltas[0].share = (fr_range){ window->is_whole ? 1 : 0, mid, 1 };
    deltas[0].busy_s = FR_MIN(worked_s, deltas[0].capacity_s);
    all->since_s = all->tree_s = all->busy_s = 0;
}

static void storage_survey(fr_bench *bench, fr_sensor_state *out)
{
    disks *all = FR_NEW(disks);
    fr_curve curve;
    find(bench, all);
    curve_of(all, &curve);
    out->usable = all->n > 0;
    snprintf(out->found, sizeof out->found, "%zu disk%s of %.3g TB: %.3g to %.3g W", all->n,
             all->n == 1 ? "" : "s", size_of(all), curve.at_w[0].mid,
             curve.at_w[FR_CURVE_POINTS - 1].mid);
    storage_close(all);
}

const fr_sensor fr_sensor_model_storage = { .name = "model storage",
                                            .open = storage_open,
                                            .sample = storage_sample,
                                            .close = storage_close,
                                            .survey = storage_survey,
                                            .has_no_moment = true };
