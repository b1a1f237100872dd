/*
 * Energy counters through perf_event (perf_event_open(2)): the same registers as powercap's, where
 * that is for root alone and profiling is not. The kernel shows them as
 *
 *     bus/event_source/devices/power/type                 number of the unit
 *     bus/event_source/devices/power/cpumask              "0,24": one processor of each package
 *     …/events/energy-pkg                                 "event=0x02"
 *     …/events/energy-pkg.scale                           joules of one count: "2.3283064365e-10"
 *     …/events/energy-pkg.unit                            "Joules"
 *
 * Counts are 64 bits wide and do not wrap. energy-pkg and energy-ram are added up, energy-cores and
 * energy-gpu lie inside the package, energy-psys is the whole platform and stands apart. Used only
 * where powercap counted no package.
 *
 * In a recorded tree a count is a file: …/power/recorded/energy-pkg.0 (event, processor).
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "meter/meter_priv.h"
#include "tables/tables.h"

#define FOLDER          "bus/event_source/devices/power"
#define COUNTS          16
#define CPUS_MOST       16
#define MOVES_WITHIN_NS 5000000
#define SCALE_MOST      1.0 /* [J] a count that is coarser is no energy counter that we know */

typedef struct {
    const char *event, *name; /* the channel's: name-0 */
    fr_device_kind kind;
    bool is_apart;
} row;

static const row ROWS[] = {
    { "energy-pkg", "package", FR_DEVICE_CPU, false },
    { "energy-ram", "dram", FR_DEVICE_DRAM, false },
    { "energy-psys", "psys", FR_DEVICE_OTHER, true },
};

typedef struct {
    int fd;              /* of the event; -1: a recorded file */
    fr_sysfile recorded; /* its file */
    double joules;       /* of one count */
    uint64_t last;
} count;

typedef struct {
    count at[COUNTS];
    size_t n;
    int error; /* of the first event that could not be opened */
} counts;

static int read_now(count *c, uint64_t *out)
{
    if (c->fd >= 0)
        return read(c->fd, out, sizeof *out) == sizeof *out ? 0 : errno;
    int64_t value = 0;
    int error = fr_sysfile_read(&c->recorded, &value);
    *out = (uint64_t)value;
    return error != 0 ? error : value < 0 ? EPROTO : 0;
}

static int open_count(const fr_bench *bench, const row *r, int type, unsigned long config, int cpu,
                      count *c)
{
    struct perf_event_attr attr = { .size = sizeof attr, .type = (unsigned)type, .config = config };
    c->fd = -1;
    if (bench->is_moved) {
        int error = fr_sysfile_open(&c->recorded, true, "%.256s/" FOLDER "/recorded/%s.%d",
                                    bench->sysfs, r->event, cpu);
        return error != 0 ? error : read_now(c, &c->last);
    }
    uint64_t first;
    c->fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    int error = c->fd < 0 ? errno : read_now(c, &first);
    if (error != 0)
        return error;
    /* The registers move each millisecond. A virtual machine may show some that never do. */
    fr_sleep_ns(MOVES_WITHIN_NS);
    error = read_now(c, &c->last);
    return error != 0 ? error : c->last == first ? ENODATA : 0;
}

/* The event's number and scale; false: it is not there, or not in joules. */
static bool read_event(const char *sysfs, const row *r, unsigned long *config, double *scale)
{
    char text[64], unit[16];
    if (!fr_sysfile_text(text, sizeof text, "%.256s/" FOLDER "/events/%s", sysfs, r->event) ||
        strncmp(text, "event=", 6) != 0)
        return false;
    *config = strtoul(text + 6, NULL, 0);
    fr_sysfile_text(unit, sizeof unit, "%.256s/" FOLDER "/events/%s.unit", sysfs, r->event);
    fr_sysfile_text(text, sizeof text, "%.256s/" FOLDER "/events/%s.scale", sysfs, r->event);
    return strcmp(unit, "Joules") == 0 && fr_str_to_f64(fr_str_of(text), scale) && *scale > 0 &&
           *scale <= SCALE_MOST;
}

/* "0,24" or "0-1"; how many. */
static size_t read_cpus(const char *sysfs, int cpus[CPUS_MOST])
{
    char text[256];
    size_t n = 0;
    fr_sysfile_text(text, sizeof text, "%.256s/" FOLDER "/cpumask", sysfs);
    for (char *at = text; *at >= '0' && *at <= '9' && n < CPUS_MOST;) {
        long first = strtol(at, &at, 10), last = first;
        if (*at == '-')
            last = strtol(at + 1, &at, 10);
        for (long cpu = first; cpu <= last && n < CPUS_MOST; cpu++)
            cpus[n++] = (int)cpu;
        at += *at == ',';
    }
    return n;
}

static void add_channel(fr_bench *bench, const row *r, size_t package)
{
    fr_channel *c = fr_bench_add(bench, r->kind, "%s-%zu", r->name, package);
    if (c == NULL)
        return;
    const char *model;
    double part = 1.0 / bench->host->n_sockets;
    c->is_counted = true;
    c->is_apart = r->is_apart;
    c->error_ratio = fr_constant_of("rapl_error_ratio").high;
    c->source = fr_source_f("perf_event %s %zu", r->event, package);
    if (r->kind == FR_DEVICE_CPU)
        fr_model_cpu_curve(bench->host, part, &c->curve, &model);
    else if (r->kind == FR_DEVICE_DRAM)
        fr_model_dram_curve(bench->host, part, &c->curve, &model);
}

static void close_counts(counts *all)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->at[i].fd >= 0)
            close(all->at[i].fd);
    }
    free(all);
}

/* How many packages there are; into all those that could be opened. */
static size_t find(fr_bench *bench, counts *all, bool add)
{
    int cpus[CPUS_MOST], type;
    char text[32];
    if (!fr_sysfile_text(text, sizeof text, "%.256s/" FOLDER "/type", bench->sysfs))
        return 0;
    type = (int)strtol(text, NULL, 10);
    size_t n = read_cpus(bench->sysfs, cpus);
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        unsigned long config;
        double scale;
        if (!read_event(bench->sysfs, &ROWS[i], &config, &scale))
            continue;
        for (size_t k = 0; k < n && all->n < COUNTS; k++) {
            count *c = &all->at[all->n];
            *c = (count){ .joules = scale };
            int error = open_count(bench, &ROWS[i], type, config, cpus[k], c);
            if (error != 0) {
                all->error = all->error != 0 ? all->error : error;
                if (c->fd >= 0)
                    close(c->fd);
                continue;
            }
            size_t before = bench->n_channels;
            if (add)
                add_channel(bench, &ROWS[i], k);
            if (add && bench->n_channels == before) { /* no room */
                if (c->fd >= 0)
                    close(c->fd);
                return n;
            }
            bench->packages_counted += add && ROWS[i].kind == FR_DEVICE_CPU;
            bench->dram_counted |= add && ROWS[i].kind == FR_DEVICE_DRAM;
            all->n++;
        }
    }
    return n;
}

static void perf_open(fr_bench *bench, void **state)
{
    *state = NULL;
    if (bench->packages_counted > 0)
        return;
    counts *all = FR_NEW(counts);
    size_t n = find(bench, all, true);
    bench->packages_seen = FR_MAX(bench->packages_seen, (int)n);
    if (all->n == 0) {
        close_counts(all);
        return;
    }
    *state = all;
}

static void perf_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    counts *all = state;
    (void)window;
    for (size_t i = 0; i < all->n; i++) {
        uint64_t now;
        count *c = &all->at[i];
        if (read_now(c, &now) != 0)
            continue;
        deltas[i].gap = now < c->last; /* 64 bits do not wrap: it was set back */
        deltas[i].ok = !deltas[i].gap;
        deltas[i].counted_j = (double)(now - c->last) * c->joules;
        c->last = now;
    }
}

static void perf_close(void *state)
{
    close_counts(state);
}

static bool is_refused(int error)
{
    return error == EACCES || error == EPERM;
}

static void perf_survey(fr_bench *bench, fr_sensor_state *out)
{
    counts *all = FR_NEW(counts);
    size_t n = find(bench, all, false);
    out->usable = all->n > 0;
    if (n == 0)
        snprintf(out->found, sizeof out->found, "no energy events");
    else if (all->n > 0)
        snprintf(out->found, sizeof out->found,
                 "%zu counters of %zu packages (used where powercap is not)", all->n, n);
    else
        snprintf(out->found, sizeof out->found, "%zu packages, but %s", n,
                 is_refused(all->error)  ? "profiling of the machine is refused"
                 : all->error == ENODATA ? "their counts stand still, as in virtual machines"
                                         : strerror(all->error));
    if (n > 0 && all->n == 0 && is_refused(all->error))
        snprintf(out->grant, sizeof out->grant, "sudo sysctl kernel.perf_event_paranoid=0");
    close_counts(all);
}

const fr_sensor fr_sensor_perf_event = { .name = "perf_event",
                                         .open = perf_open,
                                         .sample = perf_sample,
                                         .close = perf_close,
                                         .survey = perf_survey };
