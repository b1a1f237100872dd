/*
 * CPU time of the machine and of a process tree, from /proc (proc(5)).
 *
 *     stat              "cpu  user nice system idle iowait irq softirq steal …" in clock ticks,
 *                       "processes N": forks since boot
 *     PID/stat          "PID (name) state ppid … utime stime cutime cstime …" fields 4, 14 to 17
 *
 * The tree's time is what its living members took, what they waited for (cutime, cstime: children
 * that came and went between two samples are in it), and what members had when they vanished
 * without anybody of the tree waiting for them.
 *
 * It is cheap because it looks only where something can have changed: own time of a known member
 * comes from its CPU clock, a system call without text; /proc is listed, and the stat files are
 * read, only when the count of forks moved and a member worked, or one vanished. On a machine where
 * that is always so, the next look waits 4,000 times as long as the last one took (5 s at most): a
 * 40th of a percent of one processor. Only a living process that came and began to work since is
 * late then.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "meter/meter_priv.h"

#define SCAN_SHARE       4000 /* a scan may take one part in so many of the time */
#define SCAN_WAIT_MOST_S 5.0
#define STAT_TEXT        1024
#define LISTING_BYTES    32768
#define LEFT_OUT_MOST    4
#define CPU_FIELDS       7 /* user nice system idle iowait irq softirq */
#define LINES_FROM_END   8 /* processes, procs_running, procs_blocked, softirq */

typedef struct {
    pid_t pid, parent;
    double own_s, waited_s; /* user and system time; of children that it waited for */
    bool is_present;        /* in this sample */
    bool has_clock;         /* its CPU clock is known… */
    clockid_t clock;        /* …and this one */
    double vanished_s;      /* of descendants that went since its waited_s was read */
} member;

struct fr_tree {
    int dir_fd, stat_fd;
    bool is_moved; /* a recorded tree: no CPU clocks, files may be replaced */
    pid_t root;
    bool is_self, was_seen;
    bool is_new;   /* until the first scan: the root has no children, so nobody is asked for his
                      parent */
    pid_t adopter; /* 0: none */
    pid_t left_out[LEFT_OUT_MOST];
    size_t n_left_out;
    double tick_s;
    member *members; /* by pid */
    size_t n_members, cap;
    pid_t *known; /* seen, and not of the tree; in order */
    size_t n_known, known_cap;
    pid_t *listed; /* while scanning: what will be known */
    size_t n_listed, listed_cap;
    double orphaned_s, at_open_s, so_far_s;
    uint64_t forks, forks_scanned, forks_read; /* read: when every stat file was */
    bool has_forks;
    bool has_worked; /* a member did since the last scan began, so it may have forked */
    int64_t next_scan_ns;
    int missed;
    fr_group_clock *group; /* NULL: a process tree */
    double group_s;
    char *text; /* [LISTING_BYTES] */
};

struct listed { /* what getdents64 fills in, by its manual page */
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static double thread_cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The first member whose pid is not below. */
static size_t place_of(const fr_tree *t, pid_t pid)
{
    size_t low = 0, high = t->n_members;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->members[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static member *find_member(const fr_tree *t, pid_t pid)
{
    size_t at = place_of(t, pid);
    return at < t->n_members && t->members[at].pid == pid ? &t->members[at] : NULL;
}

static int by_pid(const void *a, const void *b)
{
    pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
    return (x > y) - (x < y);
}

static bool is_known(const fr_tree *t, pid_t pid)
{
    return t->n_known > 0 &&
           bsearch(&pid, t->known, t->n_known, sizeof t->known[0], by_pid) != NULL;
}

/* Parses PID/stat; the name may hold blanks and parentheses, so from its last one on. */
static bool parse_stat(const char *text, double tick_s, member *out)
{
    const char *at = strrchr(text, ')');
    unsigned long long user, system;
    long long waited_user, waited_system;
    int parent;
    if (at == NULL ||
        sscanf(at + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld", &parent,
               &user, &system, &waited_user, &waited_system) != 5)
        return false;
    out->parent = parent;
    out->own_s = (double)(user + system) * tick_s;
    out->waited_s = (double)(waited_user + waited_system) * tick_s;
    return true;
}

static bool read_stat(const fr_tree *t, pid_t pid, member *out)
{
    char name[32], text[STAT_TEXT];
    snprintf(name, sizeof name, "%d/stat", (int)pid);
    int fd = openat(t->dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return parse_stat(text, t->tick_s, out);
}

/* The CPU clock of a process: to the nanosecond, all its threads, no file. */
static bool read_clock(member *m)
{
    struct timespec now;
    m->has_clock = m->has_clock || clock_getcpuclockid(m->pid, &m->clock) == 0;
    if (!m->has_clock || clock_gettime(m->clock, &now) != 0)
        return false;
    m->own_s = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    return true;
}

static double seconds_of(struct timeval tv)
{
    return (double)tv.tv_sec + (double)tv.tv_usec * 1e-6;
}

static bool read_member(fr_tree *t, member *m)
{
    if (!read_stat(t, m->pid, m))
        return false;
    if (t->is_moved)
        return true;
    if (!read_clock(m))
        return true;
    if (t->is_self && m->pid == t->root) { /* to the microsecond */
        struct rusage waited;
        if (getrusage(RUSAGE_CHILDREN, &waited) == 0)
            m->waited_s = seconds_of(waited.ru_utime) + seconds_of(waited.ru_stime);
    }
    return true;
}

/* Takes m in, if its parent is a member; so is a child whose parent joined before it. */
static bool try_join(fr_tree *t, member *m)
{
    bool adopted = t->adopter != 0 && m->parent == t->adopter;
    for (size_t i = 0; i < t->n_left_out; i++) {
        if (t->left_out[i] == m->pid)
            return false;
    }
    if (m->pid != t->root && !adopted && find_member(t, m->parent) == NULL)
        return false;
    if (!t->is_moved)
        read_clock(m);
    m->is_present = true;
    FR_GROW(t->members, t->n_members, t->cap);
    size_t at = place_of(t, m->pid);
    memmove(&t->members[at + 1], &t->members[at], (t->n_members++ - at) * sizeof t->members[0]);
    t->members[at] = *m;
    return true;
}

/* The pids there are, in t->listed. */
static bool list(fr_tree *t)
{
    int fd = openat(t->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool in_order = true;
    t->n_listed = 0;
    for (long n; (n = syscall(SYS_getdents64, fd, t->text, LISTING_BYTES)) > 0;) {
        for (long at = 0; at < n;) {
            const struct listed *entry = (const void *)(t->text + at);
            at += entry->length;
            if (entry->name[0] < '1' || entry->name[0] > '9')
                continue;
            pid_t pid = 0;
            for (const char *digit = entry->name; *digit >= '0' && *digit <= '9'; digit++)
                pid = pid > INT_MAX / 10 - 1 ? pid : pid * 10 + (*digit - '0');
            FR_GROW(t->listed, t->n_listed, t->listed_cap);
            in_order &= t->n_listed == 0 || t->listed[t->n_listed - 1] < pid;
            t->listed[t->n_listed++] = pid;
        }
    }
    close(fd);
    if (!in_order) /* the kernel lists in order; a recorded tree need not */
        fr_sort(t->listed, t->n_listed, sizeof t->listed[0], by_pid);
    return true;
}

/* Asks whoever is new for his parent. Those that are not of the tree are known from here on. */
static void scan(fr_tree *t)
{
    member *strangers = NULL;
    size_t n_strangers = 0, cap = 0, n_kept = 0;
    if (!list(t))
        return;
    for (size_t i = 0; i < t->n_listed && !t->is_new; i++) {
        member m = { .pid = t->listed[i] };
        if (is_known(t, m.pid) || find_member(t, m.pid) != NULL)
            continue;
        if (!read_stat(t, m.pid, &m)) {
            t->listed[i] = 0; /* gone already: its time is in whoever waited for it */
            continue;
        }
        if (try_join(t, &m))
            continue;
        FR_GROW(strangers, n_strangers, cap);
        strangers[n_strangers++] = m;
    }
    /* A child may be listed before its parent: until nobody joins any more. */
    for (bool joined = n_strangers > 0; joined;) {
        joined = false;
        for (size_t i = 0; i < n_strangers; i++)
            joined |= find_member(t, strangers[i].pid) == NULL && try_join(t, &strangers[i]);
    }
    free(strangers);
    t->is_new = false;
    for (size_t i = 0; i < t->n_listed; i++) {
        if (t->listed[i] != 0 && find_member(t, t->listed[i]) == NULL)
            t->listed[n_kept++] = t->listed[i];
    }
    pid_t *spare = t->known;
    size_t spare_cap = t->known_cap;
    t->known = t->listed;
    t->known_cap = t->listed_cap;
    t->n_known = n_kept;
    t->listed = spare;
    t->listed_cap = spare_cap;
}

/*
 * Something may have come or gone, and the last look has been paid for. To fork takes time: whose
 * clocks all stood still have no new children, whatever others did.
 */
static bool is_due(const fr_tree *t)
{
    bool changed = ((!t->has_forks || t->forks != t->forks_scanned) && t->has_worked) ||
                   (t->n_members == 0 && t->root != 0); /* without a root nobody is missed */
    return changed && (t->is_moved || fr_now_monotonic_ns() >= t->next_scan_ns);
}

/* began_s: when the looking began, in CPU time of this thread. */
static void pay(fr_tree *t, double began_s)
{
    double wait_s = fmin((thread_cpu_s() - began_s) * SCAN_SHARE, SCAN_WAIT_MOST_S);
    t->next_scan_ns = fr_now_monotonic_ns() + (int64_t)(wait_s * 1e9);
    t->forks_scanned = t->forks;
}

/* A member is gone. Who waited for it has its time now; the nearest living ancestor will tell. */
static void bury(fr_tree *t, const member *gone)
{
    double total_s = gone->own_s + gone->waited_s;
    const member *at = gone;
    for (size_t depth = 0; depth < t->n_members; depth++) {
        member *parent = find_member(t, at->parent);
        if (parent == NULL || parent->pid == at->pid)
            break;
        if (parent->is_present) {
            parent->vanished_s += total_s;
            return;
        }
        at = parent;
    }
    t->orphaned_s += total_s; /* nobody of the tree waits for it */
}

/* What a parent's waiting should have brought and did not is kept: those had no waiter. */
static void settle(fr_tree *t, member *m, double waited_before_s)
{
    double missing_s = m->vanished_s - (m->waited_s - waited_before_s);
    if (m->vanished_s > 0 && missing_s > 4 * t->tick_s)
        t->orphaned_s += missing_s;
    m->vanished_s = 0;
}

static void drop_absent(fr_tree *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_members; i++) {
        if (t->members[i].is_present)
            t->members[n++] = t->members[i];
    }
    t->n_members = n;
}

/* Whoever is still there, by its clock. True when somebody went. */
static bool read_clocks(fr_tree *t)
{
    bool vanished = false;
    for (size_t i = 0; i < t->n_members; i++) {
        member *m = &t->members[i], now = *m;
        m->is_present = t->is_moved ? read_member(t, &now) : read_clock(&now);
        if (now.own_s + t->tick_s < m->own_s)
            m->is_present = false; /* time ran back: the number is another process's now */
        t->has_worked |= !m->is_present || now.own_s != m->own_s || t->is_moved;
        vanished |= !m->is_present;
        if (m->is_present && !t->is_moved) {
            m->own_s = now.own_s;
            m->clock = now.clock;
            m->has_clock = now.has_clock;
        }
    }
    return vanished;
}

/* The stat files of members whose children may have come or gone. */
static void read_stats(fr_tree *t, bool vanished)
{
    for (size_t i = 0; i < t->n_members && vanished; i++) {
        if (!t->members[i].is_present)
            bury(t, &t->members[i]);
    }
    for (size_t i = 0; i < t->n_members; i++) {
        member *m = &t->members[i];
        double before_s = m->waited_s;
        if (m->is_present && read_member(t, m))
            settle(t, m, before_s);
    }
    if (vanished)
        drop_absent(t);
}

/* Whole numbers, blanks between; how many there were. */
static int numbers(const char *at, uint64_t *out, int most)
{
    int n = 0;
    for (; n < most; n++) {
        while (*at == ' ')
            at++;
        if (*at < '0' || *at > '9')
            break;
        uint64_t value = 0;
        while (*at >= '0' && *at <= '9')
            value = value * 10 + (uint64_t)(*at++ - '0');
        out[n] = value;
    }
    return n;
}

static int read_machine(fr_tree *t, double *busy_s)
{
    *busy_s = NAN;
    if (t->stat_fd < 0 || t->is_moved) {
        if (t->stat_fd >= 0)
            close(t->stat_fd);
        t->stat_fd = openat(t->dir_fd, "stat", O_RDONLY | O_CLOEXEC);
    }
    ssize_t n = t->stat_fd >= 0 ? pread(t->stat_fd, t->text, LISTING_BYTES - 1, 0) : -1;
    if (n <= 0)
        return 1;
    t->text[n] = '\0';
    uint64_t ticks[CPU_FIELDS] = { 0 };
    if (n < 4 || memcmp(t->text, "cpu ", 4) != 0 || numbers(t->text + 4, ticks, CPU_FIELDS) < 4)
        return 1;
    *busy_s = (double)(ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * t->tick_s;
    /* On a machine of many processors the line lies beyond the text: then every sample scans,
     * as often as its cost allows. It is the third line from the end. */
    const char *at = t->text + n;
    t->has_forks = false;
    for (int line = 0; line < LINES_FROM_END && !t->has_forks; line++) {
        while (at > t->text && at[-1] != '\n')
            at--;
        t->has_forks = memcmp(at, "processes ", FR_MIN((size_t)(t->text + n - at), 10)) == 0 &&
                       t->text + n - at > 10 && numbers(at + 10, &t->forks, 1) == 1;
        if (at == t->text)
            break;
        at--;
    }
    return 0;
}

int fr_tree_sample(fr_tree *t, bool thoroughly, double *busy_s, double *tree_s)
{
    int missed = read_machine(t, busy_s);
    if (t->group != NULL) {
        missed += !fr_group_clock_read(t->group, &t->group_s);
        t->so_far_s = fmax(t->so_far_s, t->group_s - t->at_open_s);
        *tree_s = t->so_far_s;
        return missed;
    }
    bool vanished = read_clocks(t), due = is_due(t);
    double began_s = due ? thread_cpu_s() : 0;
    /* Nobody waits for a child that was not born, or that we would not see vanish. */
    bool may_have_waited = t->is_moved || !t->has_forks || t->forks_read != t->forks;
    if (vanished || due || t->is_moved || (thoroughly && may_have_waited))
        read_stats(t, vanished);
    if (thoroughly && t->forks_scanned == t->forks)
        t->forks_read = t->forks;
    if (due) {
        size_t n_before = t->n_members;
        t->has_worked = false;
        scan(t);
        pay(t, began_s);
        t->has_worked |= t->n_members != n_before; /* it may have forked while we listed */
    }
    double sum_s = t->orphaned_s;
    for (size_t i = 0; i < t->n_members; i++)
        sum_s += t->members[i].own_s + t->members[i].waited_s;
    /* A child that is waited for between two reads is missing once or there twice for a moment:
     * time never runs back. */
    t->so_far_s = FR_MAX(t->so_far_s, sum_s - t->at_open_s);
    *tree_s = t->so_far_s;
    return missed;
}

fr_tree *fr_tree_open(const char *procfs, bool is_moved, pid_t root, bool adopts)
{
    fr_tree *t = FR_NEW(fr_tree);
    t->dir_fd = open(procfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    t->stat_fd = -1;
    t->is_moved = is_moved;
    t->root = root;
    t->is_self = root == getpid();
    t->adopter = adopts ? getpid() : 0;
    t->is_new = adopts && !is_moved;
    t->tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    t->text = fr_array(LISTING_BYTES, 1);
    member m = { .pid = root };
    t->was_seen = root == 0 || (read_stat(t, root, &m) && try_join(t, &m));
    t->has_worked = true;
    double busy_s, tree_s;
    fr_tree_sample(t, true, &busy_s, &tree_s);
    t->next_scan_ns = 0; /* the first scan read everything; those after it read what is new */
    t->at_open_s = t->orphaned_s;
    for (size_t i = 0; i < t->n_members; i++)
        t->at_open_s += t->members[i].own_s + t->members[i].waited_s;
    t->so_far_s = 0;
    return t;
}

void fr_tree_adopt(fr_tree *t, pid_t root)
{
    member m = { .pid = root };
    t->root = root;
    t->is_self = root == getpid();
    t->was_seen = read_stat(t, root, &m) && try_join(t, &m);
    t->has_worked = true;
}

fr_tree *fr_tree_open_group(const char *procfs, bool is_moved, const char *folder)
{
    fr_tree *t = FR_NEW(fr_tree);
    t->dir_fd = open(procfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    t->stat_fd = -1;
    t->is_moved = is_moved;
    t->tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    t->text = fr_array(LISTING_BYTES, 1);
    t->group = fr_group_clock_open(folder, is_moved);
    t->was_seen = fr_group_clock_read(t->group, &t->group_s);
    t->at_open_s = t->group_s;
    return t;
}

bool fr_tree_is_unseen(const fr_tree *t)
{
    return !t->was_seen;
}

void fr_tree_leave_out(fr_tree *t, pid_t pid)
{
    if (t->n_left_out < LEFT_OUT_MOST)
        t->left_out[t->n_left_out++] = pid;
}

void fr_tree_tell(fr_tree *t, double tree_s)
{
    t->so_far_s = fmax(t->so_far_s, tree_s);
}

bool fr_tree_has(void *tree, pid_t pid)
{
    const fr_tree *t = tree;
    return t->group != NULL ? fr_group_clock_has(t->group, pid) : find_member(t, pid) != NULL;
}

size_t fr_tree_n_members(const fr_tree *t)
{
    return t->n_members;
}

void fr_tree_close(fr_tree *t)
{
    if (t == NULL)
        return;
    if (t->dir_fd >= 0)
        close(t->dir_fd);
    if (t->stat_fd >= 0)
        close(t->stat_fd);
    fr_group_clock_close(t->group);
    free(t->members);
    free(t->known);
    free(t->listed);
    free(t->text);
    free(t);
}
