/*
 * frugal meter --pid, --cgroup, --container, --pod, --slurm-job, --service: what runs already. Each
 * target is a run of its own with a line of its own; all see the same machine.
 */
#include "cli/meter_plan.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"
#include "meter/group.h"

#define TARGETS_MOST 16
#define LOOK_MS      1000 /* for groups, whose end no descriptor tells */
#define NAMES_MOST   4096

static const struct {
    const char *option;
    fr_group_kind kind;
} GROUPS[] = {
    { "cgroup", FR_GROUP_NONE },  { "container", FR_GROUP_CONTAINER },
    { "pod", FR_GROUP_POD },      { "slurm-job", FR_GROUP_SLURM_JOB },
    { "service", FR_GROUP_UNIT },
};

typedef struct {
    const char *option, *what;
    char label[160];
    pid_t pid;
    int pid_fd; /* -1: none */
    bool is_group, has_ended;
    fr_group group;
    fr_group_usage begin, end;
    fr_run *run;
    char id[FR_ULID_TEXT];
    bool is_recorded;
    fr_place place;
    fr_factors factors;
    fr_embodied embodied;
    fr_used used;
} target;

typedef struct {
    target at[TARGETS_MOST];
    size_t n;
    const char *procfs;
    char *outer; /* FRUGAL_RUN before us */
} targets;

bool fr_meter_is_attach(const fr_cli *cli)
{
    for (size_t i = 0; i < FR_COUNT_OF(GROUPS); i++) {
        if (fr_arg_given(cli, GROUPS[i].option))
            return true;
    }
    return fr_arg_given(cli, "pid");
}

/* ---- who is meant ---- */

static bool read_name(const char *procfs, const char *pid, char out[64])
{
    FR_AUTO(fr_buf) text = { .limit_bytes = 4096 };
    char *path = fr_dup_f("%s/%s/comm", procfs, pid);
    bool ok = fr_file_read(path, 4096, &text, NULL) == 0;
    free(path);
    fr_str name = fr_str_trim(fr_buf_str(&text));
    snprintf(out, 64, "%.*s", (int)FR_MIN(name.n, 63), ok ? name.at : "");
    for (char *c = out; *c != '\0'; c++)
        *c = (unsigned char)*c < ' ' || (unsigned char)*c >= 127 ? '?' : *c;
    return ok;
}

/* Somebody gave a name: which processes are called so, or nearly? */
static int name_fails(const char *procfs, const char *what, fr_err *err)
{
    char **entries = NULL, found[200] = "";
    size_t n = 0, n_names = 0, n_text = 0;
    char(*names)[64] = fr_array(NAMES_MOST, sizeof *names);
    const char **valid = FR_NEW_N(const char *, NAMES_MOST + 1);
    if (fr_dir_list(procfs, &entries, &n, NULL) == 0) {
        for (size_t i = 0; i < n && n_names < NAMES_MOST; i++) {
            if (entries[i][0] < '1' || entries[i][0] > '9' ||
                !read_name(procfs, entries[i], names[n_names]))
                continue;
            if (strstr(names[n_names], what) != NULL && n_text < 120)
                n_text += (size_t)snprintf(found + n_text, sizeof found - n_text, "%s%s (%s)",
                                           n_text > 0 ? ", " : "", entries[i], names[n_names]);
            valid[n_names] = names[n_names];
            n_names++;
        }
        fr_names_free(entries, n);
    }
    const char *near = fr_nearest(what, valid);
    if (n_text > 0)
        fr_fail(err, FR_E_USAGE, NULL, "--pid takes a number, not '%.60s'; called so: %s", what,
                found);
    else if (near != NULL)
        fr_fail(err, FR_E_USAGE, NULL,
                "--pid takes a number, and no process is called '%.60s'; did you mean '%s'?", what,
                near);
    else
        fr_fail(err, FR_E_USAGE, "`ps` and `frugal top` tell the numbers.",
                "--pid takes the number of a process, not '%.60s'", what);
    free(names);
    free(valid);
    return FR_E_USAGE;
}

static int find_process(const targets *all, target *t, fr_err *err)
{
    long long pid;
    char name[64], *folder;
    if (!fr_str_to_i64(fr_str_of(t->what), &pid))
        return name_fails(all->procfs, t->what, err);
    if (pid <= 0 || pid > 4194304)
        return fr_fail(err, FR_E_USAGE, NULL, "%lld is not the number of a process", pid);
    folder = fr_dup_f("%s/%lld", all->procfs, pid);
    bool is_there = fr_dir_exists(folder);
    free(folder);
    if (!is_there)
        return fr_fail(err, FR_E_NOT_FOUND,
                       "It has ended, or another process namespace hides it. `frugal top` shows "
                       "who is there.",
                       "no process %lld", pid);
    t->pid = (pid_t)pid;
    read_name(all->procfs, t->what, name);
    snprintf(t->label, sizeof t->label, "%s (process %lld)", name[0] != '\0' ? name : "?", pid);
    if (strcmp(all->procfs, "/proc") == 0)
        t->pid_fd = (int)syscall(SYS_pidfd_open, t->pid, 0); /* -1 before Linux 5.3 */
    return 0;
}

static int find_group(fr_cli *cli, target *t, fr_group_kind kind, fr_err *err)
{
    const fr_group_roots roots = { .procfs = fr_arg_text(cli, "procfs", NULL),
                                   .cgroupfs = fr_arg_text(cli, "cgroupfs", NULL),
                                   .var = fr_arg_text(cli, "var", NULL) };
    FR_TRY(fr_group_find(&roots, kind, t->what, &t->group, err));
    const fr_group_name *name = &t->group.name;
    t->is_group = true;
    if (kind == FR_GROUP_NONE)
        snprintf(t->label, sizeof t->label, "%.120s (control group)", t->group.path);
    else if (strncmp(t->what, name->id, strlen(t->what)) == 0)
        snprintf(t->label, sizeof t->label, "%s %.*s", fr_group_kind_name(kind),
                 kind == FR_GROUP_CONTAINER ? 12 : 64, name->id);
    else
        snprintf(t->label, sizeof t->label, "%s %.60s (%.12s)", fr_group_kind_name(kind), t->what,
                 kind == FR_GROUP_POD ? name->pod : name->id);
    return fr_group_read(t->group.folder, &t->begin, err);
}

static int add_target(targets *all, const char *option, const char *what, target **out, fr_err *err)
{
    if (all->n == TARGETS_MOST)
        return fr_fail(err, FR_E_USAGE, "`frugal top` shows everybody at once.",
                       "%d targets at once are the most", TARGETS_MOST);
    *out = &all->at[all->n++];
    **out = (target){ .option = option, .what = what, .pid_fd = -1 };
    return 0;
}

static int find_all(fr_cli *cli, targets *all, fr_err *err)
{
    const char *what;
    target *t = NULL;
    for (size_t i = 0; (what = fr_arg_list(cli, "pid", i)) != NULL; i++) {
        FR_TRY(add_target(all, "pid", what, &t, err));
        FR_TRY(find_process(all, t, err));
    }
    for (size_t k = 0; k < FR_COUNT_OF(GROUPS); k++) {
        for (size_t i = 0; (what = fr_arg_list(cli, GROUPS[k].option, i)) != NULL; i++) {
            FR_TRY(add_target(all, GROUPS[k].option, what, &t, err));
            FR_TRY(find_group(cli, t, GROUPS[k].kind, err));
        }
    }
    return 0;
}

/* ---- metering ---- */

static int begin(const targets *all, target *t, const fr_meter_plan *p, fr_err *err)
{
    fr_run_options options = p->run;
    options.name = t->label;
    options.parent = all->outer != NULL ? all->outer : ""; /* not each other's */
    options.meter.adopts = false;
    options.meter.pid = t->pid;
    options.meter.group = t->is_group ? t->group.folder : NULL;
    FR_TRY(fr_run_begin(&options, &t->run, err));
    snprintf(t->id, sizeof t->id, "%s", fr_run_id(t->run));
    t->is_recorded = fr_run_ledger(t->run) != NULL;
    t->place = *fr_run_place(t->run);
    t->factors = *fr_run_factors(t->run);
    t->embodied = *fr_run_embodied(t->run);
    return fr_run_note(t->run, "tag", t->option, NAN, t->is_group ? t->group.path : t->what, err);
}

static int end(target *t, const fr_meter_plan *p, const char *status, fr_err *err)
{
    if (t->run == NULL)
        return 0;
    int rc = fr_meter_plan_note_unit(t->run, p, err);
    if (!t->is_group || fr_group_read(t->group.folder, &t->end, NULL) != 0)
        t->end = (fr_group_usage){ .memory_bytes = NAN,
                                   .memory_peak_bytes = NAN,
                                   .cpu_s = NAN,
                                   .io_read_bytes = NAN,
                                   .io_written_bytes = NAN,
                                   .throttled_s = NAN };
    int end_rc = fr_run_end(t->run, status, 0, &t->used, NULL, rc == 0 ? err : NULL);
    t->run = NULL;
    t->has_ended = true;
    return rc != 0 ? rc : end_rc;
}

static bool is_over(const targets *all, const target *t)
{
    if (t->is_group) {
        fr_group_usage now;
        return fr_group_read(t->group.folder, &now, NULL) != 0 || now.n_processes == 0;
    }
    if (t->pid_fd >= 0) {
        struct pollfd fd = { .fd = t->pid_fd, .events = POLLIN };
        return poll(&fd, 1, 0) > 0;
    }
    char *folder = fr_dup_f("%s/%d", all->procfs, (int)t->pid);
    bool is_there = fr_dir_exists(folder);
    free(folder);
    return !is_there;
}

/* Waits for an end of somebody, a second at most where a descriptor does not tell. */
static void wait_a_while(const targets *all, double left_s, bool is_live)
{
    struct pollfd fds[TARGETS_MOST];
    nfds_t n = 0;
    bool must_look = is_live;
    for (size_t i = 0; i < all->n; i++) {
        const target *t = &all->at[i];
        if (!t->has_ended && t->pid_fd >= 0)
            fds[n++] = (struct pollfd){ .fd = t->pid_fd, .events = POLLIN };
        else if (!t->has_ended)
            must_look = true;
    }
    double wait_ms = fmin(left_s * 1e3 + 1, must_look ? LOOK_MS : 3600e3);
    poll(fds, n, (int)fmax(wait_ms, 0));
}

static int watch(fr_cli *cli, targets *all, const fr_meter_plan *p, double for_s, fr_err *err)
{
    const fr_progress *progress = fr_cli_progress(cli, all->n == 1 ? all->at[0].run : NULL);
    int64_t began_ns = fr_now_monotonic_ns();
    size_t n_left = all->n;
    int rc = 0;
    while (n_left > 0 && !fr_cli_stopped(cli)) {
        double passed_s = (double)(fr_now_monotonic_ns() - began_ns) * 1e-9;
        if (passed_s >= for_s)
            break;
        if (progress->step != NULL)
            progress->step(progress->user, "metering", passed_s, isfinite(for_s) ? for_s : 0, "s",
                           NULL);
        wait_a_while(all, for_s - passed_s, progress->step != NULL);
        for (size_t i = 0; i < all->n; i++) {
            target *t = &all->at[i];
            if (t->has_ended || !is_over(all, t))
                continue;
            if (all->n == 1)
                fr_cli_progress(cli, NULL);
            int end_rc = end(t, p, "done", rc == 0 ? err : NULL);
            rc = rc != 0 ? rc : end_rc;
            n_left--;
        }
    }
    fr_cli_progress(cli, NULL);
    return rc;
}

/* ---- the report ---- */

static json_t *target_json(const target *t)
{
    json_t *o = json_object();
    json_object_set_new(o, "kind", json_string(t->option));
    json_object_set_new(o, "asked_for", json_string(t->what));
    if (!t->is_group) {
        json_object_set_new(o, "pid", json_integer(t->pid));
        return o;
    }
    const fr_group_name *name = &t->group.name;
    json_object_set_new(o, "cgroup", json_string(t->group.path));
    json_object_set_new(o, "id", name->id[0] != '\0' ? json_string(name->id) : json_null());
    json_object_set_new(o, "pod", name->pod[0] != '\0' ? json_string(name->pod) : json_null());
    json_object_set_new(o, "runtime",
                        name->runtime[0] != '\0' ? json_string(name->runtime) : json_null());
    json_object_set_new(o, "memory_bytes", fr_json_f64(t->end.memory_bytes));
    json_object_set_new(o, "memory_peak_bytes", fr_json_f64(t->end.memory_peak_bytes));
    json_object_set_new(o, "read_bytes",
                        fr_json_f64(t->end.io_read_bytes - t->begin.io_read_bytes));
    json_object_set_new(o, "written_bytes",
                        fr_json_f64(t->end.io_written_bytes - t->begin.io_written_bytes));
    json_object_set_new(o, "throttled_s", fr_json_f64(t->end.throttled_s - t->begin.throttled_s));
    return o;
}

static int fill(const targets *all, target *t, const fr_meter_plan *p, char *argv[2],
                fr_meter_report *r, fr_sci_ai *score, fr_err *err)
{
    argv[0] = t->label;
    argv[1] = NULL;
    *r = (fr_meter_report){ .run = t->is_recorded ? t->id : NULL,
                            .parent = all->outer,
                            .argv = argv,
                            .is_attached = true,
                            .used = &t->used,
                            .place = &t->place,
                            .factors = &t->factors,
                            .embodied = &t->embodied };
    FR_TRY(fr_meter_plan_score(p, r, score, err));
    fr_meter_plan_hours(p, p->run.ledger, r);
    return 0;
}

static json_t *all_json(targets *all, const fr_meter_plan *p, fr_err *err)
{
    json_t *list = json_array(), *whole = json_object();
    for (size_t i = 0; i < all->n; i++) {
        target *t = &all->at[i];
        char *argv[2];
        fr_meter_report r;
        fr_sci_ai score;
        if (fill(all, t, p, argv, &r, &score, err) != 0) {
            json_decref(list);
            json_decref(whole);
            return NULL;
        }
        json_t *one = fr_meter_report_json(&r);
        fr_notes_free(r.notes, r.n_notes);
        json_object_set_new(one, "target", target_json(t));
        if (all->n == 1)
            json_object_update(whole, one);
        json_array_append_new(list, one);
    }
    json_object_set_new(whole, "targets", list);
    return whole;
}

static void put_row(fr_buf *out, const char *name, fr_energy e, const char *rest)
{
    char text[48];
    fr_text_energy(e, text);
    fr_buf_put_f(out, "  %-40.40s %10s   %s\n", name, text, rest);
}

/* Several at once: a line each, at work; the machine and its rest once. */
static void put_table(const targets *all, fr_buf *out)
{
    char took[FR_TIME_TEXT];
    const fr_used *longest = &all->at[0].used;
    for (size_t i = 1; i < all->n; i++) {
        if (all->at[i].used.duration_s > longest->duration_s)
            longest = &all->at[i].used;
    }
    fr_duration_text(longest->duration_s, took);
    fr_buf_put_f(out, "\nfrugal: %zu targets, %s\n", all->n, took);
    for (size_t i = 0; i < all->n; i++) {
        const target *t = &all->at[i];
        char rest[128], for_text[FR_TIME_TEXT];
        fr_duration_text(t->used.duration_s, for_text);
        int n =
            snprintf(rest, sizeof rest, "at work: %.3g CPU-seconds in %s", t->used.cpu_s, for_text);
        if (!isnan(t->used.gpu_s))
            snprintf(rest + n, sizeof rest - (size_t)n, ", %.3g GPU-seconds", t->used.gpu_s);
        put_row(out, t->label, t->used.active, rest);
    }
    put_row(out, "idle", longest->idle, "drawn at rest meanwhile, whoever works");
    put_row(out, "the machine", fr_reading_machine(&longest->reading),
            longest->reading.note[0] != '\0' ? longest->reading.note : "with all others");
}

static void put_usage(const target *t, fr_buf *out)
{
    const fr_group_usage *u = &t->end;
    double read_bytes = u->io_read_bytes - t->begin.io_read_bytes;
    double written_bytes = u->io_written_bytes - t->begin.io_written_bytes;
    double throttled_s = u->throttled_s - t->begin.throttled_s;
    if (!isnan(u->memory_bytes))
        fr_buf_put_f(out, "  memory    %10.4g   MiB at the end\n", u->memory_bytes / 1048576);
    if (!isnan(read_bytes))
        fr_buf_put_f(out, "  disk      %10.4g   MiB read, %.4g MiB written\n", read_bytes / 1048576,
                     written_bytes / 1048576);
    if (throttled_s > 0)
        fr_buf_put_f(out, "  throttled %10.4g   s: its CPU limit held it back\n", throttled_s);
}

static int tell(fr_cli *cli, targets *all, const fr_meter_plan *p, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    json_t *report = NULL;
    if (fr_cli_json(cli)) {
        report = all_json(all, p, err);
        if (report == NULL)
            return err != NULL ? err->code : FR_E_FAILED;
    } else if (all->n > 1) {
        put_table(all, &text);
    } else {
        char *argv[2];
        fr_meter_report r;
        fr_sci_ai score;
        FR_TRY(fill(all, &all->at[0], p, argv, &r, &score, err));
        fr_meter_report_text(&r, &text);
        fr_notes_free(r.notes, r.n_notes);
        if (all->at[0].is_group)
            put_usage(&all->at[0], &text);
    }
    return fr_meter_plan_write(cli, p, report, &text, report != NULL ? stdout : stderr, err);
}

static int attach(fr_cli *cli, targets *all, fr_meter_plan *p, fr_err *err)
{
    double for_s = INFINITY;
    const char *text = fr_arg_text(cli, "for", NULL);
    if (text != NULL && (!fr_duration_parse(text, &for_s) || !(for_s > 0)))
        return fr_fail(err, FR_E_USAGE, "As --for 30s, 5m or 2h.",
                       "--for takes a time above 0, not '%s'", text);
    FR_TRY(find_all(cli, all, err));
    if (all->n > 1 && strcmp(p->unit, "run") != 0)
        return fr_fail(err, FR_E_USAGE, "Meter one at a time.",
                       "whose work --unit counts is not clear with %zu targets", all->n);
    int rc = 0;
    for (size_t i = 0; i < all->n && rc == 0; i++)
        rc = begin(all, &all->at[i], p, err);
    if (rc == 0)
        rc = watch(cli, all, p, for_s, err);
    for (size_t i = all->n; i-- > 0;) {
        int end_rc = end(&all->at[i], p, rc == 0 ? "done" : "failed", rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : end_rc;
    }
    return rc != 0 ? rc : tell(cli, all, p, err);
}

int fr_meter_attach(fr_cli *cli, fr_meter_plan *p, fr_err *err)
{
    targets *all = FR_NEW(targets);
    all->procfs = fr_arg_text(cli, "procfs", "/proc");
    all->outer = fr_dup(getenv("FRUGAL_RUN"));
    int rc = attach(cli, all, p, err);
    for (size_t i = 0; i < all->n; i++) {
        if (all->at[i].pid_fd >= 0)
            close(all->at[i].pid_fd);
    }
    free(all->outer);
    free(all);
    return rc;
}
