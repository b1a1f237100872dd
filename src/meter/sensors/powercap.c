/*
 * Running average power limit counters, as the kernel's powercap class shows them
 * (Documentation/power/powercap/powercap.rst):
 *
 *     class/powercap/intel-rapl:P/            name "package-P" or "package-P-die-D"; or "psys"
 *     class/powercap/intel-rapl:P:S/          name "dram", "core", "uncore"
 *     class/powercap/intel-rapl-mmio:P/       the same package through another door
 *         energy_uj                           counts up, wraps
 *         max_energy_range_uj                 the largest value; one counter unit more is the
 * modulus
 *
 * package and dram are added up. A dram zone lies under its package in the tree, but its energy is
 * not inside the package's; core and uncore are inside; psys is the whole platform: it would count
 * the packages twice and stands apart. A package that two doors show is counted once, and so is a
 * die that mirrors another one's counter.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "meter/meter_priv.h"
#include "tables/tables.h"

#define COUNTER_UNITS       4294967295.0     /* the hardware counter has 32 bits */
#define REFUSED_UJ          (UINT64_MAX / 2) /* all ones and the like are no reading */
#define MOVES_WITHIN_NS     5000000
#define STILL_MOST_S        2.0     /* a domain that is on draws more than a unit of its counter */
#define MIRROR_UJ           1000000 /* a counter goes on by so much at most between two reads of it */
#define LEAST_FULL_W        100.0   /* of a domain at full draw, whatever its model says */
#define IMPOSSIBLE_SOCKET_W 5000.0 /* a step back that would mean more is a reset, not a wrap */

typedef struct {
    char path[384]; /* of energy_uj */
    char name[48];  /* "package-0", "dram-0" */
    fr_device_kind kind;
    int fd; /* kept open; -1: opened for each reading */
    bool is_moved;
    int error;         /* errno of the first reading; 0: readable */
    uint64_t range_uj; /* 0: unknown */
    uint64_t last_uj;
    bool has_last;
    double since_s;      /* since last_uj */
    double still_s;      /* since it last moved */
    bool may_mirror;     /* began as another die's counter stood; told apart when they differ */
    fr_channel *channel; /* the meter's */
} zone;

typedef struct {
    zone *at;
    size_t n, cap;
    int psys, twins;
    int masked; /* listed, and without a name: what container runtimes leave of them */
} zones;

static bool read_line(const char *dir, const char *entry, const char *file, char *out, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s/%s", dir, entry, file);
    FR_AUTO(fr_buf) text = { .limit_bytes = 4096 };
    if (fr_file_read(path, 4095, &text, NULL) != 0)
        return false;
    fr_str line = fr_str_trim(fr_buf_str(&text));
    snprintf(out, size, "%.*s", FR_STR_F(line));
    return line.n > 0;
}

/* 0, or the errno of the failure. Refuses what is not a plain count. */
static int read_count(zone *z, uint64_t *out)
{
    char text[32];
    int fd = z->fd >= 0 ? z->fd : open(z->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    int error = n < 0 ? errno : 0;
    if (z->fd < 0 && !z->is_moved && error == 0)
        z->fd = fd;
    else if (z->fd < 0)
        close(fd);
    if (n < 0)
        return error;
    text[n] = '\0';
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool plain = n > 0 && text[0] >= '0' && text[0] <= '9' && (*end == '\n' || *end == '\0');
    if (!plain || errno != 0 || value >= REFUSED_UJ || (z->range_uj != 0 && value > z->range_uj))
        return EPROTO;
    *out = value;
    return 0;
}

static bool has_name(const zones *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->at[i].name, name) == 0)
            return true;
    }
    return false;
}

/* The counter moves each millisecond, so two reads of one may differ by the draw of one. */
static bool is_close(uint64_t a_uj, uint64_t b_uj)
{
    return (a_uj > b_uj ? a_uj - b_uj : b_uj - a_uj) <= MIRROR_UJ;
}

/* The die of the same package whose counter this one shows; NULL: none. */
static zone *find_mirrored(const zones *all, const zone *z)
{
    size_t stem = strcspn(z->name, "d"); /* "package-0-" of "package-0-die-1" */
    for (size_t i = 0; i < all->n && strstr(z->name, "-die-") != NULL; i++) {
        zone *other = &all->at[i];
        if (other->kind == z->kind && other->has_last && z->has_last &&
            is_close(other->last_uj, z->last_uj) && strncmp(other->name, z->name, stem) == 0)
            return other;
    }
    return NULL;
}

/* dram of "package-0-die-1" is "dram-0-die-1". */
static void name_zone(const char *root, const char *entry, const char *name, zone *z)
{
    const char *sub = strchr(strchr(entry, ':') + 1, ':');
    char parent[128], package[64] = "";
    if (sub == NULL) {
        snprintf(z->name, sizeof z->name, "%.47s", name);
        return;
    }
    snprintf(parent, sizeof parent, "%.*s", (int)(sub - entry), entry);
    if (!read_line(root, parent, "name", package, sizeof package))
        snprintf(package, sizeof package, "package-%.32s", strchr(parent, ':') + 1);
    const char *number = strncmp(package, "package-", 8) == 0 ? package + 8 : package;
    snprintf(z->name, sizeof z->name, "%.16s-%.30s", name, number);
}

static void take_zone(const char *root, const char *entry, bool is_moved, zones *all)
{
    char name[64], range[32];
    zone z = { .fd = -1, .is_moved = is_moved };
    if (!read_line(root, entry, "name", name, sizeof name)) {
        all->masked += strchr(strchr(entry, ':') + 1, ':') == NULL;
        return;
    }
    if (strcmp(name, "psys") == 0)
        all->psys++;
    if (strncmp(name, "package-", 8) == 0)
        z.kind = FR_DEVICE_CPU;
    else if (strcmp(name, "dram") == 0)
        z.kind = FR_DEVICE_DRAM;
    else if (strcmp(name, "psys") == 0)
        z.kind = FR_DEVICE_OTHER;
    else
        return;
    name_zone(root, entry, name, &z);
    snprintf(z.path, sizeof z.path, "%s/%s/energy_uj", root, entry);
    if (read_line(root, entry, "max_energy_range_uj", range, sizeof range))
        z.range_uj = strtoull(range, NULL, 10);
    z.error = read_count(&z, &z.last_uj);
    if (z.error == 0 && z.last_uj == 0 && !is_moved)
        z.error = EPROTO; /* since the machine began, not one: nothing is counted */
    z.has_last = z.error == 0;
    /* The two doors to one package: the first that answers is taken. */
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->at[i].name, z.name) == 0 && all->at[i].error != 0 && z.error == 0) {
            all->at[i] = z;
            all->twins++;
            return;
        }
    }
    if (has_name(all, z.name)) {
        all->twins++;
        if (z.fd >= 0)
            close(z.fd);
        return;
    }
    FR_GROW(all->at, all->n, all->cap);
    z.may_mirror = find_mirrored(all, &z) != NULL;
    all->at[all->n++] = z;
}

static void find_zones(const fr_bench *bench, zones *all)
{
    char root[320];
    snprintf(root, sizeof root, "%.300s/class/powercap", bench->sysfs);
    char **names = NULL;
    size_t n = 0;
    if (fr_dir_list(root, &names, &n, NULL) != 0)
        return;
    /* Sorted names put "intel-rapl-mmio:" before "intel-rapl:"; the MSR door goes first. */
    for (int mmio = 0; mmio < 2; mmio++) {
        for (size_t i = 0; i < n; i++) {
            bool is_mmio = strstr(names[i], "-mmio:") != NULL;
            if (strchr(names[i], ':') != NULL && is_mmio == (mmio == 1))
                take_zone(root, names[i], bench->is_moved, all);
        }
    }
    fr_names_free(names, n);
}

/* The registers move each millisecond; those that some hypervisors show never do. */
static void refuse_still(const fr_bench *bench, zones *all)
{
    bool any = false;
    for (size_t i = 0; i < all->n; i++)
        any |= all->at[i].error == 0;
    if (bench->is_moved || !any)
        return;
    fr_sleep_ns(MOVES_WITHIN_NS);
    for (size_t i = 0; i < all->n; i++) {
        zone *z = &all->at[i];
        uint64_t now_uj;
        if (z->error == 0 && z->kind != FR_DEVICE_OTHER && read_count(z, &now_uj) == 0 &&
            now_uj == z->last_uj)
            z->error = ENODATA;
    }
}

static void free_zones(zones *all)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->at[i].fd >= 0)
            close(all->at[i].fd);
    }
    free(all->at);
    free(all);
}

static void add_channel(fr_bench *bench, zone *z)
{
    fr_channel *c = fr_bench_add(bench, z->kind, "%s", z->name);
    if (c == NULL)
        return;
    const char *model;
    z->channel = c;
    c->is_hidden = z->may_mirror;
    c->is_counted = true;
    c->is_apart = z->kind == FR_DEVICE_OTHER;
    c->error_ratio = fr_constant_of("rapl_error_ratio").high;
    c->source = fr_source_f("powercap %s", z->name);
    if (z->kind == FR_DEVICE_CPU)
        fr_model_cpu_curve(bench->host, 1.0 / bench->host->n_sockets, &c->curve, &model);
    else if (z->kind == FR_DEVICE_DRAM)
        fr_model_dram_curve(bench->host, 1.0 / bench->host->n_sockets, &c->curve, &model);
    /* Two wraps between two reads would look like one or none. */
    double most_w = fmax(c->curve.at_w[FR_CURVE_POINTS - 1].high, LEAST_FULL_W);
    if (z->range_uj > 0)
        fr_bench_need(bench, (double)z->range_uj * 1e-6 / most_w / 2);
}

static const char *why(int error)
{
    return error == EACCES || error == EPERM ? "only root may read it"
           : error == EPROTO                 ? "what it says is no count"
           : error == ENODATA                ? "it stands still, as in some virtual machines"
                                             : strerror(error);
}

static void powercap_open(fr_bench *bench, void **state)
{
    zones *all = FR_NEW(zones);
    find_zones(bench, all);
    refuse_still(bench, all);
    size_t n_open = 0, n_channels = bench->n_channels;
    for (size_t i = 0; i < all->n; i++) {
        zone *z = &all->at[i];
        bench->packages_seen += z->kind == FR_DEVICE_CPU;
        if (z->error != 0) {
            if (bench->uncounted[0] == '\0' && z->kind != FR_DEVICE_OTHER)
                snprintf(bench->uncounted, sizeof bench->uncounted,
                         "%s is modelled: powercap's counter is there, but %s", z->name,
                         why(z->error));
            if (z->fd >= 0)
                close(z->fd);
            continue;
        }
        if (z->range_uj == 0)
            fr_bench_note(bench, "%s has no readable range: a wrap of its counter would be a gap",
                          z->name);
        bench->packages_counted += z->kind == FR_DEVICE_CPU;
        bench->dram_counted |= z->kind == FR_DEVICE_DRAM;
        add_channel(bench, z);
        all->at[n_open++] = *z;
    }
    if (all->n == 0 && all->masked > 0)
        snprintf(bench->uncounted, sizeof bench->uncounted,
                 "processors are modelled: powercap's counters are masked in this container");
    all->n = n_open < bench->n_channels - n_channels ? n_open : bench->n_channels - n_channels;
    if (all->n == 0) {
        free_zones(all);
        all = NULL;
    }
    *state = all;
}

static void step(zone *z, double dt_s, fr_delta *delta)
{
    uint64_t now_uj;
    z->since_s += dt_s;
    if (read_count(z, &now_uj) != 0)
        return; /* not a wrap: the next good reading covers this window too */
    z->still_s = now_uj == z->last_uj ? z->still_s + dt_s : 0;
    if (z->still_s >= STILL_MOST_S)
        return; /* dead, not zero: modelled until it moves again, and then all of it is counted */
    uint64_t delta_uj = now_uj - z->last_uj;
    if (now_uj < z->last_uj) {
        uint64_t unit_uj = (uint64_t)((double)z->range_uj / COUNTER_UNITS + 0.5);
        delta_uj = z->range_uj - z->last_uj + now_uj + unit_uj;
        bool possible =
            z->is_moved || (double)delta_uj * 1e-6 <= IMPOSSIBLE_SOCKET_W * (z->since_s + 1);
        delta->gap = z->range_uj == 0 || !possible;
    }
    z->last_uj = now_uj;
    z->since_s = 0;
    delta->ok = !delta->gap;
    delta->counted_j = (double)delta_uj * 1e-6;
}

/* Before its own step: the other die has made its, or could not be read, and then nothing is
 * known. Alike still: nothing of its own yet. */
static bool still_mirrors(zones *all, zone *z)
{
    uint64_t now_uj;
    if (read_count(z, &now_uj) != 0)
        return true;
    for (zone *other = all->at; other < z; other++) {
        bool same_package = strncmp(other->name, z->name, strcspn(z->name, "d")) == 0;
        if (same_package && other->kind == z->kind &&
            (other->since_s > 0 || is_close(other->last_uj, now_uj)))
            return true;
    }
    return false;
}

static void powercap_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    zones *all = state;
    for (size_t i = 0; i < all->n; i++) {
        zone *z = &all->at[i];
        if (z->may_mirror && still_mirrors(all, z)) {
            deltas[i].ok = true;
            continue;
        }
        if (z->may_mirror)
            z->may_mirror = z->channel->is_hidden =
                false; /* a counter of its own, from the start */
        step(z, window->dt_s, &deltas[i]);
    }
}

static void powercap_close(void *state)
{
    free_zones(state);
}

static void powercap_survey(fr_bench *bench, fr_sensor_state *out)
{
    zones *all = FR_NEW(zones);
    find_zones(bench, all);
    refuse_still(bench, all);
    int packages = 0, drams = 0, refused = 0, error = 0;
    for (size_t i = 0; i < all->n; i++) {
        const zone *z = &all->at[i];
        if (z->error != 0) {
            refused++;
            error = z->error;
            continue;
        }
        packages += z->kind == FR_DEVICE_CPU;
        drams += z->kind == FR_DEVICE_DRAM;
    }
    out->usable = packages + drams > 0;
    if (all->n == 0 && all->masked > 0)
        snprintf(out->found, sizeof out->found, "%d package%s, masked: container runtimes do that",
                 all->masked, all->masked == 1 ? "" : "s");
    else if (all->n == 0)
        snprintf(
            out->found, sizeof out->found, "%s",
            bench->host->is_virtual
                ? "no counters: a virtual machine is not shown the host's"
                : "no counters under class/powercap: `modprobe intel_rapl_msr` may bring them");
    else
        snprintf(out->found, sizeof out->found, "%d package%s, %d dram%s%s%s", packages,
                 packages == 1 ? "" : "s", drams, all->psys > 0 ? ", psys (not added)" : "",
                 refused > 0 ? "; unreadable: " : "", refused > 0 ? why(error) : "");
    if (all->n == 0 && all->masked > 0)
        snprintf(out->grant, sizeof out->grant,
                 "docker run --security-opt systempaths=unconfined …, or frugal outside of it with "
                 "--container NAME");
    if (refused > 0 && (error == EACCES || error == EPERM))
        snprintf(out->grant, sizeof out->grant,
                 "sudo chmod a+r /sys/class/powercap/intel-rapl*/energy_uj");
    free_zones(all);
}

const fr_sensor fr_sensor_powercap = { "powercap", powercap_open, powercap_sample, powercap_close,
                                       powercap_survey };
