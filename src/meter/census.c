/*
 * Who is there and what each worked, from /proc (proc(5)): one system call without text for each
 * process at rest, and a file for each that worked.
 *
 * A process's clock (clock_getcpuclockid) stands still while it sleeps. Where it did, nothing in
 * its stat file can have moved: to wait for a child takes time, too. So only those are read whose
 * clock went on. Control groups are read at first sight and again at every 16th take in which the
 * process worked.
 */
#include "meter/census.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "meter/census_priv.h"
#include "meter/meter_priv.h"

#define PROCESSES_MOST 100000
#define TEXT_BYTES     32768
#define LOOK_AGAIN     16
#define FORGET_PER_CPU 0.1 /* [s] as in meter.c: clocks that disagree for long are believed */
#define TICKS_OFF      4   /* user and system time of child and parent are cut to ticks */

struct listed { /* what getdents64 fills in, by its manual page */
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* ---- files ---- */

static ssize_t read_text(fr_census *c, pid_t pid, const char *file)
{
    char name[48];
    snprintf(name, sizeof name, "%d/%s", (int)pid, file);
    int fd = openat(c->dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, c->text, TEXT_BYTES - 1);
    close(fd);
    if (n > 0)
        c->text[n] = '\0';
    return n;
}

static void copy_name(char out[32], const char *from, const char *end)
{
    size_t n = 0;
    for (; from < end && n < 31; from++) {
        unsigned char byte = (unsigned char)*from;
        out[n++] = byte < ' ' || byte >= 127 ? '?' : (char)byte;
    }
    out[n] = '\0';
}

/* "PID (name) state ppid …": fields 4, 14 to 17, 22 and 24. The name may hold anything. */
static bool read_stat(fr_census *c, fr_person *p)
{
    if (read_text(c, p->pid, "stat") <= 0)
        return false;
    const char *open = strchr(c->text, '('), *close = strrchr(c->text, ')');
    unsigned long long user, system, start;
    long long waited_user, waited_system, pages;
    int parent;
    if (open == NULL || close == NULL || close < open ||
        sscanf(close + 1,
               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld %*d %*d %*d %*d "
               "%llu %*u %lld",
               &parent, &user, &system, &waited_user, &waited_system, &start, &pages) != 7)
        return false;
    copy_name(p->name, open + 1, close);
    p->parent = parent;
    p->start_ticks = start;
    p->own_s = (double)(user + system) * c->tick_s;
    p->waited_s = (double)(waited_user + waited_system) * c->tick_s;
    p->ram_bytes = (double)pages * c->page_bytes;
    return true;
}

static bool read_clock(pid_t pid, double *own_s)
{
    clockid_t clock;
    struct timespec now;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &now) != 0)
        return false;
    *own_s = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    return true;
}

static int read_machine(fr_census *c, double *busy_s, double *irq_s, fr_err *err)
{
    int fd = openat(c->dir_fd, "stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, c->text, TEXT_BYTES - 1) : -1;
    if (fd >= 0)
        close(fd);
    unsigned long long user, nice, system, idle, iowait, irq = 0, softirq = 0;
    c->text[n > 0 ? n : 0] = '\0';
    if (sscanf(c->text, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
               &iowait, &irq, &softirq) < 4)
        return fr_fail(err, FR_E_SENSOR, "Is /proc mounted?",
                       "the CPU time of the machine cannot be read from stat");
    *busy_s = (double)(user + nice + system + irq + softirq) * c->tick_s;
    *irq_s = (double)(irq + softirq) * c->tick_s;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return x < y ? -1 : x > y;
}

static void list_pids(fr_census *c)
{
    bool is_sorted = true;
    c->n_pids = c->n_over = 0;
    int fd = openat(c->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    for (long n; (n = syscall(SYS_getdents64, fd, c->text, TEXT_BYTES)) > 0;) {
        for (long at = 0; at < n;) {
            const struct listed *entry = (const void *)(c->text + at);
            at += entry->length;
            if (entry->name[0] < '1' || entry->name[0] > '9')
                continue;
            pid_t pid = (pid_t)strtol(entry->name, NULL, 10);
            if (c->n_pids >= c->most) {
                c->n_over++;
                continue;
            }
            is_sorted = is_sorted && (c->n_pids == 0 || c->pids[c->n_pids - 1] < pid);
            FR_GROW(c->pids, c->n_pids, c->pids_cap);
            c->pids[c->n_pids++] = pid;
        }
    }
    close(fd);
    if (!is_sorted) /* the kernel lists by number; other file systems do not */
        fr_sort(c->pids, c->n_pids, sizeof c->pids[0], by_number);
}

/* ---- groups ---- */

static size_t hash_of(fr_str text)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.at[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static void fill_slots(fr_census *c)
{
    memset(c->slots, 0, c->n_slots * sizeof c->slots[0]);
    for (size_t i = 0; i < c->n_groups; i++) {
        size_t at = hash_of(fr_str_of(c->groups[i].path));
        while (c->slots[at % c->n_slots] != 0)
            at++;
        c->slots[at % c->n_slots] = i + 1;
    }
}

size_t fr_census_group_of(fr_census *c, const char *path)
{
    fr_group_name name;
    fr_group_describe(path, &name);
    fr_str key = { path, name.depth_bytes > 0 ? name.depth_bytes : strlen(path) };
    if (2 * (c->n_groups + 1) > c->n_slots) {
        c->n_slots = c->n_slots > 0 ? c->n_slots * 2 : 64;
        c->slots = fr_array_resize(c->slots, c->n_slots, sizeof c->slots[0]);
        fill_slots(c);
    }
    size_t at = hash_of(key);
    for (size_t i; (i = c->slots[at % c->n_slots]) != 0; at++) {
        if (fr_str_is(key, c->groups[i - 1].path))
            return i - 1;
    }
    FR_GROW(c->groups, c->n_groups, c->groups_cap);
    c->groups[c->n_groups] = (fr_known_group){ .path = fr_dup_n(key.at, key.n), .name = name };
    c->slots[at % c->n_slots] = ++c->n_groups;
    return c->n_groups - 1;
}

static size_t read_group(fr_census *c, pid_t pid)
{
    char path[1024] = "/";
    if (read_text(c, pid, "cgroup") > 0)
        fr_group_of_text(c->text, path);
    return fr_census_group_of(c, path);
}

/* Groups that nobody is in any more go when they are the most. */
static void tidy_groups(fr_census *c)
{
    size_t n = 0, n_used = 0;
    for (size_t i = 0; i < c->n_groups; i++)
        c->groups[i].n_processes = 0;
    for (size_t i = 0; i < c->n_now; i++)
        n_used += c->groups[c->now[i].group].n_processes++ == 0;
    if (c->n_groups < 64 || 2 * n_used > c->n_groups)
        return;
    size_t *moved = FR_NEW_N(size_t, c->n_groups);
    for (size_t i = 0; i < c->n_groups; i++) {
        if (c->groups[i].n_processes > 0) {
            moved[i] = n;
            c->groups[n++] = c->groups[i];
        } else {
            free(c->groups[i].path);
        }
    }
    c->n_groups = n;
    for (size_t i = 0; i < c->n_now; i++)
        c->now[i].group = moved[c->now[i].group];
    free(moved);
    fill_slots(c);
}

/* ---- people ---- */

fr_person *fr_person_find(fr_person *list, size_t n, pid_t pid)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (list[mid].pid < pid)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && list[low].pid == pid ? &list[low] : NULL;
}

static void bury(fr_census *c, const fr_person *p)
{
    FR_GROW(c->gone, c->n_gone, c->gone_cap);
    c->gone[c->n_gone++] = *p;
}

static void welcome(fr_census *c, pid_t pid)
{
    fr_person p = { .pid = pid, .is_fresh = true };
    if (!read_stat(c, &p))
        return; /* gone already: its time is in whoever waited for it */
    if (!c->is_moved)
        read_clock(pid, &p.own_s);
    p.group = read_group(c, pid);
    p.cpu_s = p.own_s;
    p.ended_s = p.waited_s;
    FR_GROW(c->now, c->n_now, c->now_cap);
    c->now[c->n_now++] = p;
}

/* Somebody of the last take whose number is still there. */
static void meet_again(fr_census *c, const fr_person *was)
{
    fr_person p = *was;
    double clock_s = 0;
    p.cpu_s = p.ended_s = 0;
    p.is_fresh = false;
    if (!c->is_moved) {
        bool is_there = read_clock(p.pid, &clock_s);
        if (is_there && clock_s == was->own_s) {
            FR_GROW(c->now, c->n_now, c->now_cap);
            c->now[c->n_now++] = p;
            return;
        }
    }
    if (!read_stat(c, &p)) {
        bury(c, was);
        return;
    }
    if (!c->is_moved && clock_s > 0)
        p.own_s = clock_s;
    if (p.start_ticks != was->start_ticks) { /* the number is another process's now */
        bury(c, was);
        welcome(c, p.pid);
        return;
    }
    p.cpu_s = fmax(p.own_s - was->own_s, 0);
    p.ended_s = fmax(p.waited_s - was->waited_s, 0);
    p.is_fresh = p.cpu_s > 0 || p.ended_s > 0;
    if (p.is_fresh && ++p.age % LOOK_AGAIN == 0)
        p.group = read_group(c, p.pid);
    FR_GROW(c->now, c->n_now, c->now_cap);
    c->now[c->n_now++] = p;
}

static void count_everybody(fr_census *c)
{
    fr_person *list = c->before;
    size_t cap = c->before_cap, at = 0;
    c->before = c->now, c->before_cap = c->now_cap, c->n_before = c->n_now;
    c->now = list, c->now_cap = cap, c->n_now = 0;
    c->n_gone = 0;
    list_pids(c);
    for (size_t i = 0; i < c->n_pids; i++) {
        for (; at < c->n_before && c->before[at].pid < c->pids[i]; at++)
            bury(c, &c->before[at]);
        if (at < c->n_before && c->before[at].pid == c->pids[i])
            meet_again(c, &c->before[at++]);
        else
            welcome(c, c->pids[i]);
    }
    for (; at < c->n_before; at++)
        bury(c, &c->before[at]);
}

/* The nearest living ancestor: who waited for it, or for who waited for it. */
static fr_person *heir_of(fr_census *c, const fr_person *gone)
{
    const fr_person *at = gone;
    for (int depth = 0; depth < 64 && at != NULL; depth++) {
        fr_person *alive = fr_person_find(c->now, c->n_now, at->parent);
        if (alive != NULL)
            return alive;
        at = fr_person_find(c->before, c->n_before, at->parent);
    }
    return fr_person_find(c->now, c->n_now, 1);
}

static fr_person *who_waited_most(fr_census *c, double least_s)
{
    fr_person *best = NULL;
    for (size_t i = 0; i < c->n_now; i++) {
        if (c->now[i].ended_s >= least_s && (best == NULL || c->now[i].ended_s > best->ended_s))
            best = &c->now[i];
    }
    return best;
}

/*
 * Whoever vanished was counted until the last take; now who waited for it has all of its time. What
 * was counted before is taken off there. It may have been given to another parent meanwhile: then
 * whoever waited for as much had it.
 */
static void settle_the_gone(fr_census *c)
{
    for (size_t i = 0; i < c->n_gone; i++) {
        fr_person *heir = heir_of(c, &c->gone[i]);
        if (heir != NULL)
            heir->debt_s += c->gone[i].own_s + c->gone[i].waited_s;
    }
    for (size_t i = 0; i < c->n_now; i++) {
        fr_person *p = &c->now[i];
        if (!(p->debt_s > 0))
            continue;
        double paid_s = fmin(p->debt_s, p->ended_s);
        p->ended_s -= paid_s;
        p->debt_s -= paid_s;
        if (p->debt_s <= TICKS_OFF * c->tick_s)
            continue; /* cut ticks: the next one it waits for brings them */
        fr_person *other = who_waited_most(c, p->debt_s - TICKS_OFF * c->tick_s);
        if (other != NULL && other != p)
            other->ended_s = fmax(other->ended_s - p->debt_s, 0);
        p->debt_s = 0; /* nobody waited for it: what it did last is unseen */
    }
}

static double bounded(double s)
{
    return fmin(s, FORGET_PER_CPU * (double)sysconf(_SC_NPROCESSORS_ONLN));
}

/* Everybody's time in the window, as in meter.c: what finer clocks ran ahead is settled later. */
static void close_window(fr_census *c, double machine_s, double irq_s)
{
    double counted_s = fmax(machine_s - c->machine_s, 0), seen_s = 0;
    c->interrupts_s = fmax(irq_s - c->irq_s, 0);
    for (size_t i = 0; i < c->n_now; i++)
        seen_s += c->now[i].cpu_s + c->now[i].ended_s;
    c->busy_s = fmax(counted_s - c->debt_s, seen_s + c->interrupts_s);
    c->debt_s = bounded(c->busy_s - (counted_s - c->debt_s));
    c->machine_s = machine_s;
    c->irq_s = irq_s;
}

static double thread_cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int fr_census_take(fr_census *c, fr_meter *meter, const fr_reading *window, fr_census_view *out,
                   fr_err *err)
{
    double began_s = thread_cpu_s(), machine_s, irq_s;
    FR_TRY(read_machine(c, &machine_s, &irq_s, err));
    count_everybody(c);
    settle_the_gone(c);
    tidy_groups(c);
    close_window(c, machine_s, irq_s);
    fr_census_share(c, meter, window, out);
    out->census_cpu_s = thread_cpu_s() - began_s;
    return 0;
}

int fr_census_open(const fr_census_options *options, fr_census **out, fr_err *err)
{
    static const fr_census_options ALL_DEFAULTS = { 0 };
    const fr_census_options *o = options != NULL ? options : &ALL_DEFAULTS;
    const char *procfs = o->roots.procfs != NULL ? o->roots.procfs : "/proc";
    fr_census *c = FR_NEW(fr_census);
    c->dir_fd = open(procfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    c->is_moved = o->roots.procfs != NULL;
    c->most = o->processes_most != 0 ? o->processes_most : PROCESSES_MOST;
    c->tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    c->page_bytes = (double)sysconf(_SC_PAGESIZE);
    c->text = fr_array(TEXT_BYTES, 1);
    int rc = 0;
    if (c->dir_fd < 0)
        rc = fr_fail_errno(err, NULL, "'%s' cannot be read", procfs);
    if (rc == 0)
        rc = read_machine(c, &c->machine_s, &c->irq_s, err);
    if (rc != 0) {
        fr_census_close(c);
        return rc;
    }
    count_everybody(c);
    *out = c;
    return 0;
}

void fr_census_close(fr_census *c)
{
    if (c == NULL)
        return;
    if (c->dir_fd >= 0)
        close(c->dir_fd);
    for (size_t i = 0; i < c->n_groups; i++)
        free(c->groups[i].path);
    free(c->pids);
    free(c->now);
    free(c->before);
    free(c->gone);
    free(c->groups);
    free(c->slots);
    free(c->users);
    free(c->rows);
    free(c->group_rows);
    free(c->text);
    free(c);
}
