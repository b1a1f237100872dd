/*
 * CPU time of a control group: all that its processes took, those that came and went included.
 *
 *     cpu.stat          "usage_usec N" and more lines              (version 2)
 *     cpuacct.usage     nanoseconds                                (version 1)
 *     cgroup.procs      a process a line; folders below have theirs
 *     io.stat           "8:0 rbytes=N wbytes=N …", a line a device
 */
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
#include "meter/group.h"
#include "meter/meter_priv.h"

#define TEXT_BYTES       4096
#define FILE_MOST_BYTES  (4 << 20)
#define MEMBERS_FRESH_NS 1000000000
#define DEPTH_MOST       16
#define RAM_NO_LIMIT     1e18 /* [bytes] what version 1 says where there is none */

struct fr_group_clock {
    char folder[1280];
    bool is_moved, is_v2;
    int fd;
    pid_t *pids;
    size_t n_pids, cap;
    int64_t listed_ns;
};

static bool number_after(const char *text, const char *key, double *out)
{
    const char *at = strstr(text, key);
    return at != NULL && (at == text || at[-1] == '\n') &&
           sscanf(at + strlen(key), "%lf", out) == 1;
}

static int open_usage(fr_group_clock *g)
{
    char path[1400];
    snprintf(path, sizeof path, "%s/cpu.stat", g->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[TEXT_BYTES];
    ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    g->is_v2 = strstr(text, "usage_usec") != NULL;
    if (g->is_v2)
        return fd;
    if (fd >= 0)
        close(fd);
    snprintf(path, sizeof path, "%s/cpuacct.usage", g->folder);
    return open(path, O_RDONLY | O_CLOEXEC);
}

fr_group_clock *fr_group_clock_open(const char *folder, bool is_moved)
{
    fr_group_clock *g = FR_NEW(fr_group_clock);
    snprintf(g->folder, sizeof g->folder, "%s", folder);
    g->is_moved = is_moved;
    g->listed_ns = -MEMBERS_FRESH_NS;
    g->fd = open_usage(g);
    return g;
}

bool fr_group_clock_read(fr_group_clock *g, double *cpu_s)
{
    char text[TEXT_BYTES];
    if (g->is_moved) { /* files may be replaced */
        if (g->fd >= 0)
            close(g->fd);
        g->fd = open_usage(g);
    }
    ssize_t n = g->fd >= 0 ? pread(g->fd, text, sizeof text - 1, 0) : -1;
    if (n <= 0)
        return false;
    text[n] = '\0';
    double used;
    if (!(g->is_v2 ? number_after(text, "usage_usec ", &used) : sscanf(text, "%lf", &used) == 1))
        return false;
    *cpu_s = used * (g->is_v2 ? 1e-6 : 1e-9);
    return true;
}

/* ---- who is in it ---- */

typedef void (*pid_fn)(void *user, pid_t pid);

static void each_member(const char *folder, int depth, pid_fn fn, void *user)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = FILE_MOST_BYTES };
    char *path = fr_path_join(folder, "cgroup.procs"), **names = NULL;
    size_t n = 0;
    if (fr_file_read(path, FILE_MOST_BYTES, &text, NULL) == 0) {
        fr_str rest = fr_buf_str(&text), line;
        long long pid;
        while (rest.at != NULL && fr_str_next(&rest, '\n', &line)) {
            if (fr_str_to_i64(line, &pid))
                fn(user, (pid_t)pid);
        }
    }
    free(path);
    if (depth >= DEPTH_MOST || fr_dir_list(folder, &names, &n, NULL) != 0)
        return;
    for (size_t i = 0; i < n; i++) {
        path = fr_path_join(folder, names[i]);
        if (strchr(names[i], '.') == NULL || fr_dir_exists(path))
            each_member(path, depth + 1, fn, user);
        free(path);
    }
    fr_names_free(names, n);
}

static void keep_pid(void *user, pid_t pid)
{
    fr_group_clock *g = user;
    FR_GROW(g->pids, g->n_pids, g->cap);
    g->pids[g->n_pids++] = pid;
}

bool fr_group_clock_has(fr_group_clock *g, pid_t pid)
{
    int64_t now_ns = fr_now_monotonic_ns();
    if (g->is_moved || now_ns - g->listed_ns >= MEMBERS_FRESH_NS) {
        g->n_pids = 0;
        each_member(g->folder, 0, keep_pid, g);
        g->listed_ns = now_ns;
    }
    for (size_t i = 0; i < g->n_pids; i++) {
        if (g->pids[i] == pid)
            return true;
    }
    return false;
}

void fr_group_clock_close(fr_group_clock *g)
{
    if (g == NULL)
        return;
    if (g->fd >= 0)
        close(g->fd);
    free(g->pids);
    free(g);
}

/* ---- what it has taken ---- */

static const char *read_file(const char *folder, const char *name, fr_buf *text)
{
    char *path = fr_path_join(folder, name);
    fr_buf_clear(text);
    fr_file_read(path, FILE_MOST_BYTES, text, NULL);
    free(path);
    return fr_buf_text(text);
}

static double read_number(const char *folder, const char *name, fr_buf *text)
{
    double number;
    return sscanf(read_file(folder, name, text), "%lf", &number) == 1 ? number : NAN;
}

static void read_io(const char *folder, fr_group_usage *out, fr_buf *text)
{
    const char *at = read_file(folder, "io.stat", text);
    double bytes;
    char *path = fr_path_join(folder, "io.stat");
    bool tells = fr_file_exists(path);
    free(path);
    out->io_read_bytes = out->io_written_bytes = tells ? 0 : NAN;
    for (; (at = strstr(at, "bytes=")) != NULL; at += 6) {
        if (at == fr_buf_text(text) || sscanf(at + 6, "%lf", &bytes) != 1)
            continue;
        if (at[-1] == 'r')
            out->io_read_bytes += bytes;
        else if (at[-1] == 'w')
            out->io_written_bytes += bytes;
    }
}

static void count_member(void *user, pid_t pid)
{
    (void)pid;
    (*(size_t *)user)++;
}

int fr_group_read(const char *folder, fr_group_usage *out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = FILE_MOST_BYTES };
    *out = (fr_group_usage){ .cpu_s = NAN, .throttled_s = NAN };
    fr_group_clock *clock = fr_group_clock_open(folder, false);
    bool is_there = fr_group_clock_read(clock, &out->cpu_s);
    fr_group_clock_close(clock);
    if (!is_there)
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "the control group '%s' is gone", folder);
    if (number_after(read_file(folder, "cpu.stat", &text), "throttled_usec ", &out->throttled_s))
        out->throttled_s *= 1e-6;
    out->memory_bytes = read_number(folder, "memory.current", &text);
    out->memory_peak_bytes = read_number(folder, "memory.peak", &text);
    read_io(folder, out, &text);
    out->quota_threads = out->quota_ram_bytes = INFINITY;
    fr_host_limits(folder, &out->quota_threads, &out->quota_ram_bytes);
    if (isinf(out->quota_threads))
        out->quota_threads = NAN;
    if (out->quota_ram_bytes > RAM_NO_LIMIT)
        out->quota_ram_bytes = NAN;
    each_member(folder, 0, count_member, &out->n_processes);
    return 0;
}
