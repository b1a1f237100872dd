/*
 * Processors, memory and disk of the machine, by proc(5):
 *
 *     stat      "cpu  user nice system idle iowait irq softirq steal guest guest_nice", ticks
 *     meminfo   "MemTotal: N kB", MemAvailable, SwapTotal, SwapFree
 *
 * guest time is in user, and guest_nice in nice, already. Stolen time is nobody's of this machine:
 * it counts as neither busy nor there. Disk is the space used of the root file system, as SageMaker
 * and the CloudWatch agent mean it; a recorded tree has none.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "meter/gauges_priv.h"

#define TEXT_BYTES 4096

enum { USER, NICE, SYSTEM, IDLE, IO_WAIT, IRQ, SOFT_IRQ, N_USAGES };
static const char *const USAGES[N_USAGES] = { "user",    "nice", "system",  "idle",
                                              "io_wait", "irq",  "soft_irq" };

typedef struct {
    char procfs[256];
    bool is_moved;
    double ticks[N_USAGES]; /* at the last read */
} host;

static bool read_text(const host *h, const char *name, char text[TEXT_BYTES])
{
    char path[320];
    snprintf(path, sizeof path, "%s/%s", h->procfs, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, TEXT_BYTES - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static bool read_ticks(const host *h, double out[N_USAGES])
{
    char text[TEXT_BYTES];
    return read_text(h, "stat", text) &&
           sscanf(text, "cpu %lf %lf %lf %lf %lf %lf %lf", &out[USER], &out[NICE], &out[SYSTEM],
                  &out[IDLE], &out[IO_WAIT], &out[IRQ], &out[SOFT_IRQ]) == N_USAGES;
}

static void *host_open(const fr_gauges_options *options)
{
    host *h = FR_NEW(host);
    snprintf(h->procfs, sizeof h->procfs, "%s",
             options->procfs != NULL ? options->procfs : "/proc");
    h->is_moved = options->procfs != NULL;
    if (!read_ticks(h, h->ticks))
        memset(h->ticks, 0, sizeof h->ticks);
    return h;
}

static void put_processors(host *h, fr_gauge_list *out)
{
    double now[N_USAGES], delta[N_USAGES], all = 0;
    if (!read_ticks(h, now))
        return;
    for (size_t i = 0; i < N_USAGES; i++) {
        delta[i] = fmax(now[i] - h->ticks[i], 0); /* idle may step back by a tick */
        all += delta[i];
    }
    if (all <= 0)
        return; /* no tick has passed: nothing is known, and the next read covers it */
    memcpy(h->ticks, now, sizeof now);
    fr_gauge_put(out, 100 * (1 - (delta[IDLE] + delta[IO_WAIT]) / all), "CPUUtilization", NULL,
                 "%s", "");
    for (size_t i = 0; i < N_USAGES; i++)
        fr_gauge_put(out, 100 * delta[i] / all, "vcpu_usage", "usage", "%s", USAGES[i]);
}

static double kb_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    double kb;
    return at != NULL && sscanf(at + strlen(name), " %lf kB", &kb) == 1 ? kb : NAN;
}

static void put_memory(const host *h, fr_gauge_list *out)
{
    char text[TEXT_BYTES];
    if (!read_text(h, "meminfo", text))
        return;
    double total = kb_of(text, "MemTotal:"), free_kb = kb_of(text, "MemAvailable:");
    double swap = kb_of(text, "SwapTotal:"), swap_free = kb_of(text, "SwapFree:");
    if (total > 0)
        fr_gauge_put(out, 100 * (1 - free_kb / total), "MemoryUtilization", NULL, "%s", "");
    fr_gauge_put(out, 1024 * total, "memory_info", "memory", "total");
    fr_gauge_put(out, 1024 * (total - free_kb), "memory_info", "memory", "used");
    fr_gauge_put(out, 1024 * swap, "memory_info", "memory", "swap_total");
    fr_gauge_put(out, 1024 * (swap - swap_free), "memory_info", "memory", "swap_used");
}

/* As df counts: what only root may still write is neither used nor there. */
static void put_disk(fr_gauge_list *out)
{
    struct statvfs fs;
    if (statvfs("/", &fs) != 0)
        return;
    double used = (double)fs.f_blocks - (double)fs.f_bfree;
    double there = used + (double)fs.f_bavail;
    if (there > 0)
        fr_gauge_put(out, 100 * used / there, "DiskUtilization", "path", "/");
}

static void host_read(void *state, fr_gauge_list *out)
{
    host *h = state;
    put_processors(h, out);
    put_memory(h, out);
    if (!h->is_moved)
        put_disk(out);
}

const fr_gauge_source fr_gauges_of_host = { host_open, host_read, free };
