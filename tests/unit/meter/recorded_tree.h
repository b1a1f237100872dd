/* recorded_tree.h: a machine as files, in a folder of its own, whose counters a test moves. */
#ifndef RECORDED_TREE_H
#define RECORDED_TREE_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "meter/meter.h"

#define RANGE_UJ 262143328850 /* 2^32 - 1 units of 61.035 uJ, as many processors have it */
#define ROOT_PID 100

typedef struct {
    char root[64], sysfs[96], procfs[96];
    int64_t now_ns;
    int threads, sockets;
    unsigned long long busy_ticks, idle_ticks, forks;
} recorded_tree;

static inline void tree_write(const recorded_tree *t, const char *name, const char *fmt, ...)
{
    char *path = fr_path_join(t->root, name), *folder = fr_path_dir(path), text[8192];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fr_dir_make(folder, NULL);
    FILE *out = fopen(path, "w");
    if (out == NULL || fwrite(text, 1, (size_t)n, out) != (size_t)n || fclose(out) != 0)
        abort();
    free(path);
    free(folder);
}

static inline void tree_remove(const recorded_tree *t, const char *name)
{
    char *command = fr_dup_f("rm -rf '%s/%s'", t->root, name);
    if (system(command) != 0)
        abort();
    free(command);
}

static inline void tree_stat(const recorded_tree *t)
{
    tree_write(t, "proc/stat", "cpu  %llu 0 0 %llu 0 0 0 0 0 0\nintr 1\nprocesses %llu\n",
               t->busy_ticks, t->idle_ticks, t->forks);
}

static inline void tree_process(const recorded_tree *t, int pid, int parent, unsigned own_ticks,
                                unsigned waited_ticks)
{
    char name[64];
    snprintf(name, sizeof name, "proc/%d/stat", pid);
    tree_write(t, name, "%d (a job) S) S %d 1 1 0 -1 4194304 1 0 0 0 %u 0 %u 0 20 0 1 0 5 0 0\n",
               pid, parent, own_ticks, waited_ticks);
}

static inline void tree_zone(const recorded_tree *t, const char *zone, const char *name,
                             uint64_t uj)
{
    char path[128];
    snprintf(path, sizeof path, "sys/class/powercap/%s/name", zone);
    tree_write(t, path, "%s\n", name);
    snprintf(path, sizeof path, "sys/class/powercap/%s/max_energy_range_uj", zone);
    tree_write(t, path, "%llu\n", (unsigned long long)RANGE_UJ);
    snprintf(path, sizeof path, "sys/class/powercap/%s/energy_uj", zone);
    tree_write(t, path, "%llu\n", (unsigned long long)uj);
}

static inline void tree_energy(const recorded_tree *t, const char *zone, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "sys/class/powercap/%s/energy_uj", zone);
    tree_write(t, path, "%s\n", text);
}

/* A server of one socket or more, Xeon Gold 6230: 125 W, 20 cores each; 64 GB. Nothing counted. */
static inline recorded_tree tree_new(int sockets, int threads)
{
    recorded_tree t = { .threads = threads, .sockets = sockets, .now_ns = 1000000000, .forks = 1 };
    snprintf(t.root, sizeof t.root, "/tmp/frugal-meter-XXXXXX");
    if (mkdtemp(t.root) == NULL)
        abort();
    snprintf(t.sysfs, sizeof t.sysfs, "%s/sys", t.root);
    snprintf(t.procfs, sizeof t.procfs, "%s/proc", t.root);
    char cpuinfo[4096] = "";
    size_t n = 0;
    for (int i = 0; i < threads; i++)
        n += (size_t)snprintf(cpuinfo + n, sizeof cpuinfo - n,
                              "processor\t: %d\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n"
                              "model\t\t: 85\nmodel name\t: Intel(R) Xeon(R) Gold 6230 CPU @ "
                              "2.10GHz\nphysical id\t: %d\n\n",
                              i, i % sockets);
    tree_write(&t, "proc/cpuinfo", "%s", cpuinfo);
    tree_write(&t, "proc/meminfo", "MemTotal:       62500000 kB\n");
    tree_write(&t, "sys/class/.keep", "\n");
    tree_stat(&t);
    tree_process(&t, ROOT_PID, 1, 0, 0);
    return t;
}

static inline void tree_free(recorded_tree *t)
{
    tree_remove(t, "");
}

static inline int64_t tree_clock(void *user)
{
    return ((recorded_tree *)user)->now_ns;
}

/* Time goes on; of all processors' time so much is worked. */
static inline void tree_pass(recorded_tree *t, double seconds, double busy_s)
{
    t->now_ns += (int64_t)(seconds * 1e9);
    t->busy_ticks += (unsigned long long)(busy_s * 100 + 0.5);
    t->idle_ticks += (unsigned long long)((seconds * t->threads - busy_s) * 100 + 0.5);
    tree_stat(t);
}

static inline fr_meter *tree_meter(recorded_tree *t, pid_t pid, const char *nvml)
{
    fr_meter *m = NULL;
    fr_meter_options options = { .sysfs = t->sysfs,
                                 .procfs = t->procfs,
                                 .nvml = nvml,
                                 .pid = pid,
                                 .no_thread = true,
                                 .now_ns = tree_clock,
                                 .user = t };
    if (fr_meter_open(&options, &m, NULL) != 0)
        abort();
    return m;
}

static inline fr_reading tree_read(fr_meter *m)
{
    fr_reading r;
    if (fr_meter_read(m, &r, NULL) != 0)
        abort();
    return r;
}

static inline const fr_device_reading *device(const fr_reading *r, const char *name)
{
    for (size_t i = 0; i < r->n_devices; i++) {
        if (strcmp(r->devices[i].name, name) == 0)
            return &r->devices[i];
    }
    return NULL;
}

#endif
