/* frugal probe: short trials of A and B in turns, and what they differ in. */
#include "cli/cli.h"

#include <math.h>
#include <signal.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/random.h"
#include "cli/knobs.h"
#include "quality/quality.h"

#define TRIALS_DEFAULT 8
#define TRIALS_LEAST   3
#define TRIALS_MOST    500
#define WINDOW_S       5.0

static const fr_option OPTIONS[] = {
    { "a", 'a', FR_OPTION_TEXT, "CMD", "shell command of A; with --pid: what sets A" },
    { "b", 'b', FR_OPTION_TEXT, "CMD", "shell command of B; with --pid: what sets B" },
    { "threads", 0, FR_OPTION_TEXT, "A,B", "processors and OMP_NUM_THREADS for -- CMD" },
    { "power-cap", 0, FR_OPTION_TEXT, "A,B", "watts of each package while -- CMD runs, or --pid" },
    { "pid", 0, FR_OPTION_I64, "PID", "a job that runs: windows of it are the trials" },
    { "window", 0, FR_OPTION_TEXT, "TIME", "with --pid: length of a trial (default 5s)" },
    { "settle", 0, FR_OPTION_TEXT, "TIME", "with --pid: wait after a change (default 1s)" },
    { "work", 0, FR_OPTION_TEXT, "CMD", "with --pid: prints work done so far, as a number" },
    { "trials", 'n', FR_OPTION_I64, "N", "trials of each (default 8)" },
    { "seed", 0, FR_OPTION_I64, "N", "of the order of trials" },
    { "timeout", 0, FR_OPTION_TEXT, "TIME", "longest trial of a command" },
    FR_OPTIONS_PLACE,
    { "sysfs", 0, FR_OPTION_TEXT, "DIR", "power limits and sensors there instead of /sys" },
    FR_OPTIONS_END,
};

/* What a trial came to. */
typedef struct {
    double energy_j, active_j, cpu_s, duration_s, work;
} trial;

typedef struct {
    const char *shell[2];
    char **argv;
    fr_knob knob;
    pid_t pid;
    const char *work;
    double window_s, settle_s, timeout_s;
    size_t n_trials;
    uint64_t seed;
    fr_method method;
    trial *trials[2];
} probe;

/* ---- what is asked for ---- */

static int read_time(fr_cli *cli, const char *name, double *out, fr_err *err)
{
    const char *text = fr_arg_text(cli, name, NULL);
    if (text != NULL && !fr_duration_parse(text, out))
        return fr_fail(err, FR_E_USAGE, "As 5s, 500ms or 2m.", "--%s takes a time, not '%s'", name,
                       text);
    return 0;
}

static int read_knob(fr_cli *cli, probe *p, fr_err *err)
{
    const char *threads = fr_arg_text(cli, "threads", NULL);
    const char *cap = fr_arg_text(cli, "power-cap", NULL);
    if (threads != NULL && cap != NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "one knob at a time: --threads or --power-cap");
    if (threads != NULL && p->pid != 0)
        return fr_fail(err, FR_E_USAGE, "--a and --b can call taskset -ap.",
                       "--threads is for a command, not for a job that runs");
    if (threads != NULL)
        return fr_knob_open(&p->knob, FR_KNOB_THREADS, threads, NULL, err);
    if (cap != NULL)
        return fr_knob_open(&p->knob, FR_KNOB_POWER_CAP, cap, fr_arg_text(cli, "sysfs", NULL), err);
    return 0;
}

static int read_plan(fr_cli *cli, probe *p, fr_err *err)
{
    size_t n = 0;
    char **rest = fr_arg_rest(cli, &n);
    long long trials = fr_arg_i64(cli, "trials", TRIALS_DEFAULT), pid = fr_arg_i64(cli, "pid", 0);
    p->argv = n > 0 ? rest : NULL;
    p->shell[0] = fr_arg_text(cli, "a", NULL);
    p->shell[1] = fr_arg_text(cli, "b", NULL);
    p->work = fr_arg_text(cli, "work", NULL);
    p->seed = (uint64_t)fr_arg_i64(cli, "seed", 1);
    p->window_s = WINDOW_S;
    p->settle_s = 1;
    FR_TRY(read_time(cli, "window", &p->window_s, err));
    FR_TRY(read_time(cli, "settle", &p->settle_s, err));
    FR_TRY(read_time(cli, "timeout", &p->timeout_s, err));
    if (trials < TRIALS_LEAST || trials > TRIALS_MOST)
        return fr_fail(err, FR_E_USAGE, NULL, "--trials takes %d to %d, not %lld", TRIALS_LEAST,
                       TRIALS_MOST, trials);
    p->n_trials = (size_t)trials;
    if (fr_arg_given(cli, "pid") && (pid <= 0 || kill((pid_t)pid, 0) != 0))
        return fr_fail(err, FR_E_NOT_FOUND, "`frugal top` shows who is there.", "no process %lld",
                       pid);
    p->pid = (pid_t)pid;
    if (p->pid != 0 && !(p->window_s > 0))
        return fr_fail(err, FR_E_USAGE, NULL, "--window is above 0");
    if ((p->shell[0] == NULL) != (p->shell[1] == NULL))
        return fr_fail(err, FR_E_USAGE, "As frugal probe --a './job -t 1' --b './job -t 2'.",
                       "--%s is missing: A and B are compared", p->shell[0] == NULL ? "a" : "b");
    FR_TRY(read_knob(cli, p, err));
    bool has_knob = p->knob.kind != FR_KNOB_NONE, has_shell = p->shell[0] != NULL;
    if (has_knob == has_shell)
        return fr_fail(err, FR_E_USAGE,
                       "As frugal probe --a CMD --b CMD, or frugal probe --threads 1,2 -- CMD.",
                       has_knob ? "either --a and --b differ, or a knob does"
                                : "nothing says what A and B are");
    if (p->pid == 0 && has_knob && p->argv == NULL)
        return fr_fail(err, FR_E_USAGE, "As frugal probe --threads 1,2 -- ./job.",
                       "no command is named, nor a job by --pid");
    if (p->argv != NULL && (has_shell || p->pid != 0))
        return fr_fail(err, FR_E_USAGE, NULL, "'%s' is one thing too many to try", p->argv[0]);
    return 0;
}

/* ---- trials ---- */

static int run_shell(fr_cli *cli, const probe *p, const char *shell, const char *const *argv,
                     fr_buf *said, double *cpu_s, fr_err *err)
{
    fr_proc_result done = { 0 };
    const fr_progress *progress = fr_cli_progress(cli, NULL);
    fr_proc_options options = { .shell = shell,
                                .argv = argv,
                                .env = p->knob.env_list[0] != NULL ? p->knob.env_list : NULL,
                                .timeout_s = p->timeout_s,
                                .progress = progress };
    int rc = fr_proc_run(&options, &done, err);
    const char *name = shell != NULL ? shell : argv[0];
    if (rc == 0 && (done.exit_code != 0 || done.signal != 0))
        rc = fr_fail(err, FR_E_CHILD, "Trials are repeated: the command must work each time.",
                     "'%.80s' ended with %s %d: %.120s", name,
                     done.signal != 0 ? "signal" : "status",
                     done.signal != 0 ? done.signal : done.exit_code, fr_buf_text(&done.err_tail));
    if (rc == 0 && said != NULL)
        fr_buf_put_str(said, fr_buf_str(&done.out));
    if (cpu_s != NULL)
        *cpu_s = done.cpu_s;
    fr_proc_result_fini(&done);
    return rc;
}

static int read_work(fr_cli *cli, const probe *p, double *out, fr_err *err)
{
    FR_AUTO(fr_buf) said = { .limit_bytes = 65536 };
    *out = NAN;
    if (p->work == NULL)
        return 0;
    FR_TRY(run_shell(cli, p, p->work, NULL, &said, NULL, err));
    if (!fr_str_to_f64(fr_str_trim(fr_buf_str(&said)), out) || !isfinite(*out))
        return fr_fail(err, FR_E_FORMAT, "It prints one number: the work done so far.",
                       "--work printed '%.60s'", fr_buf_text(&said));
    return 0;
}

static int wait_for(fr_cli *cli, double seconds, fr_err *err)
{
    int64_t until_ns = fr_now_monotonic_ns() + (int64_t)(seconds * 1e9);
    for (int64_t left_ns; (left_ns = until_ns - fr_now_monotonic_ns()) > 0;) {
        if (fr_cli_stopped(cli))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped");
        poll(NULL, 0, (int)FR_MIN(left_ns / 1000000 + 1, 3600000));
    }
    return 0;
}

/* A window of a job that runs, or a run of the command. */
static int work_once(fr_cli *cli, const probe *p, int which, trial *out, fr_err *err)
{
    double before = NAN, after = NAN;
    if (p->pid == 0)
        return run_shell(cli, p, p->argv == NULL ? p->shell[which] : NULL,
                         (const char *const *)p->argv, NULL, &out->cpu_s, err);
    if (kill(p->pid, 0) != 0)
        return fr_fail(err, FR_E_NOT_FOUND, "Fewer or shorter trials may fit into its life.",
                       "process %d has ended before the trials had", (int)p->pid);
    FR_TRY(read_work(cli, p, &before, err));
    FR_TRY(wait_for(cli, p->window_s, err));
    FR_TRY(read_work(cli, p, &after, err));
    out->work = after - before;
    if (p->work != NULL && !(out->work > 0))
        return fr_fail(err, FR_E_FAILED, "Is the job at work? A longer --window may help.",
                       "no work was done in a window: %g", out->work);
    return 0;
}

static int try_one(fr_cli *cli, probe *p, fr_run *run, int which, trial *out, fr_err *err)
{
    fr_phase *phase = NULL;
    if (p->knob.kind != FR_KNOB_NONE)
        FR_TRY(fr_knob_turn(&p->knob, which, err));
    else if (p->pid != 0)
        FR_TRY(run_shell(cli, p, p->shell[which], NULL, NULL, NULL, err));
    if (p->pid != 0)
        FR_TRY(wait_for(cli, p->settle_s, err));
    fr_used *used = FR_NEW(fr_used);
    *out = (trial){ .work = NAN };
    int rc = fr_phase_begin(run, "trial", which == 0 ? "A" : "B", &phase, err);
    if (rc == 0) {
        rc = work_once(cli, p, which, out, err);
        int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", used, rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : end_rc;
    }
    out->energy_j = used->total.value_j;
    out->active_j = used->active.value_j;
    out->duration_s = used->duration_s;
    if (p->pid != 0)
        out->cpu_s = used->cpu_s;
    p->method = p->method == FR_METHOD_NONE || p->method == used->total.method ? used->total.method
                                                                               : FR_METHOD_MIXED;
    free(used);
    return rc;
}

/* Blocks of ABBA or BAAB, by lot: what drifts slowly falls on both alike. */
static int which_of(const probe *p, size_t i)
{
    uint64_t lot = fr_random_u64(p->seed, FR_RANDOM_TRIAL, 0, i / 4) & 1;
    bool is_b = i % 4 == 1 || i % 4 == 2;
    return (int)(is_b ^ (lot != 0));
}

static int try_all(fr_cli *cli, probe *p, fr_run *run, fr_err *err)
{
    size_t n[2] = { 0 }, total = 2 * p->n_trials;
    const fr_progress *progress = fr_cli_progress(cli, run);
    trial warm;
    if (p->pid == 0) /* caches and files are not one side's */
        FR_TRY(try_one(cli, p, run, which_of(p, 0), &warm, err));
    p->method = FR_METHOD_NONE;
    for (size_t i = 0; n[0] + n[1] < total; i++) {
        int which = which_of(p, i);
        if (n[which] == p->n_trials)
            continue;
        if (fr_cli_stopped(cli))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu trials", n[0] + n[1]);
        fr_progress_step(progress, "probe", (double)(n[0] + n[1]), (double)total, "trials",
                         which == 0 ? "A" : "B");
        FR_TRY(try_one(cli, p, run, which, &p->trials[which][n[which]++], err));
    }
    return 0;
}

/* ---- what they differ in ---- */

typedef enum { ENERGY, ACTIVE, CPU, TIME, PER_WORK, RATE, N_FIGURES } figure;
static const char *const FIGURES[] = { "energy", "at work",       "CPU time",
                                       "time",   "energy / work", "work / s" };
static const char *const KEYS[] = { "energy_j",   "active_j",          "cpu_s",
                                    "duration_s", "energy_j_per_work", "work_per_s" };

static double figure_of(const trial *t, figure which)
{
    switch (which) {
    case ENERGY:
        return t->energy_j;
    case ACTIVE:
        return t->active_j;
    case CPU:
        return t->cpu_s;
    case TIME:
        return t->duration_s;
    case PER_WORK:
        return t->energy_j / t->work;
    case RATE:
        return t->work / t->duration_s;
    case N_FIGURES:
        break;
    }
    return NAN;
}

typedef struct {
    double mean[2];
    fr_interval change; /* B / A - 1 */
    bool is_told;
} comparison;

static comparison compare(const probe *p, figure which)
{
    comparison c = { .is_told = true };
    double *values[2];
    for (int side = 0; side < 2; side++) {
        values[side] = FR_NEW_N(double, p->n_trials);
        for (size_t i = 0; i < p->n_trials; i++) {
            values[side][i] = figure_of(&p->trials[side][i], which);
            c.is_told = c.is_told && values[side][i] > 0 && isfinite(values[side][i]);
            c.mean[side] += values[side][i] / (double)p->n_trials;
        }
    }
    if (c.is_told)
        c.change = fr_interval_ratio(values[0], p->n_trials, values[1], p->n_trials, p->seed);
    for (int side = 0; side < 2; side++)
        free(values[side]);
    return c;
}

/* What decides: joules where counters say them; else CPU time. By work where that is known. */
static figure decider(const probe *p)
{
    bool is_counted = p->method == FR_METHOD_MEASURED;
    if (is_counted)
        return p->work != NULL ? PER_WORK : ENERGY;
    return CPU;
}

static void put_verdict(const probe *p, const comparison *c, fr_buf *out)
{
    figure by = decider(p);
    fr_interval d = c[by].change;
    const char *what = by == CPU ? "CPU time" : "energy";
    if (!c[by].is_told) {
        fr_buf_put_f(out, "no verdict: %s of a trial is unknown or nothing", what);
        return;
    }
    if (fr_interval_is_tie(d)) {
        fr_buf_put_f(out, "a tie: the difference in %s is inside the uncertainty", what);
        return;
    }
    fr_buf_put_f(out, "B takes %.1f%% %s %s than A (%.1f%% to %.1f%%)", 100 * fabs(d.value),
                 d.value < 0 ? "less" : "more", what, 100 * d.low, 100 * d.high);
    fr_interval t = c[TIME].change;
    if (p->pid == 0 && c[TIME].is_told && !fr_interval_is_tie(t))
        fr_buf_put_f(out, ", and %.1f%% %s time", 100 * fabs(t.value),
                     t.value < 0 ? "less" : "more");
    else if (p->pid == 0)
        fr_buf_put_s(out, ", in the same time");
}

static json_t *result_json(const probe *p, const comparison *c, const char *run,
                           const char *verdict)
{
    json_t *figures = json_object(), *trials = json_object();
    for (int f = 0; f < N_FIGURES; f++) {
        if (!c[f].is_told)
            continue;
        json_object_set_new(
            figures, KEYS[f],
            json_pack("{s:o, s:o, s:{s:o, s:o, s:o}, s:b}", "a", fr_json_f64(c[f].mean[0]), "b",
                      fr_json_f64(c[f].mean[1]), "change_ratio", "value",
                      fr_json_f64(c[f].change.value), "low", fr_json_f64(c[f].change.low), "high",
                      fr_json_f64(c[f].change.high), "tie", (int)fr_interval_is_tie(c[f].change)));
    }
    for (int side = 0; side < 2; side++) {
        json_t *list = json_array();
        for (size_t i = 0; i < p->n_trials; i++) {
            const trial *t = &p->trials[side][i];
            json_array_append_new(
                list, json_pack("{s:o, s:o, s:o, s:o}", "energy_j", fr_json_f64(t->energy_j),
                                "cpu_s", fr_json_f64(t->cpu_s), "duration_s",
                                fr_json_f64(t->duration_s), "work", fr_json_f64(t->work)));
        }
        json_object_set_new(trials, side == 0 ? "a" : "b", list);
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:o}", "run", run, "method",
                     fr_method_name(p->method), "grade",
                     p->method == FR_METHOD_MEASURED ? "A" : "B", "decided_by", KEYS[decider(p)],
                     "verdict", verdict, "trials_each", (json_int_t)p->n_trials, "figures", figures,
                     "trials", trials);
}

static void print_result(const probe *p, const comparison *c, const char *verdict)
{
    printf("%-14s %12s %12s   %s\n", "mean of a trial", "A", "B", "B against A (95%)");
    for (int f = 0; f < N_FIGURES; f++) {
        char text[2][32], change[64] = "a tie";
        if (!c[f].is_told || (f == TIME && p->pid != 0))
            continue;
        for (int side = 0; side < 2; side++) {
            if (f == ENERGY || f == ACTIVE || f == PER_WORK)
                fr_text_j(c[f].mean[side], text[side]);
            else if (f == RATE)
                snprintf(text[side], sizeof text[side], "%.4g", c[f].mean[side]);
            else
                fr_duration_text(c[f].mean[side], text[side]);
        }
        if (!fr_interval_is_tie(c[f].change))
            snprintf(change, sizeof change, "%+.1f%% (%+.1f%% to %+.1f%%)", 100 * c[f].change.value,
                     100 * c[f].change.low, 100 * c[f].change.high);
        printf("%-14s %12s %12s   %s\n", FIGURES[f], text[0], text[1], change);
    }
    printf("%s.\n%s\n", verdict,
           p->method == FR_METHOD_MEASURED
               ? "Grade A: counters on both sides."
               : "Grade B: energy is modelled or partly so; CPU time decides.");
}

static int report(fr_cli *cli, const probe *p, const char *run, fr_err *err)
{
    comparison c[N_FIGURES];
    FR_AUTO(fr_buf) verdict = { 0 };
    for (int f = 0; f < N_FIGURES; f++)
        c[f] = compare(p, (figure)f);
    put_verdict(p, c, &verdict);
    if (!fr_cli_json(cli)) {
        print_result(p, c, fr_buf_text(&verdict));
        return 0;
    }
    return fr_cli_put_json(cli, result_json(p, c, run, fr_buf_text(&verdict))) == 0
               ? 0
               : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
}

static int probe_all(fr_cli *cli, probe *p, fr_err *err)
{
    fr_run *run = NULL;
    char id[FR_ULID_TEXT];
    fr_run_options options = { .kind = "probe",
                               .argv = fr_cli_argv(cli),
                               .place = fr_cli_place(cli),
                               .ledger = fr_cli_ledger(cli),
                               .meter = { .pid = p->pid,
                                          .sysfs = fr_arg_text(cli, "sysfs", NULL) } };
    FR_TRY(fr_cli_check_roots(cli, err));
    FR_TRY(read_plan(cli, p, err));
    options.meter.pid = p->pid;
    FR_TRY(fr_run_begin(&options, &run, err));
    snprintf(id, sizeof id, "%s", fr_run_id(run));
    for (int side = 0; side < 2; side++)
        p->trials[side] = FR_NEW_N(trial, p->n_trials);
    int rc = try_all(cli, p, run, err);
    int restore_rc = fr_knob_restore(&p->knob, rc == 0 ? err : NULL);
    fr_cli_progress(cli, NULL);
    int end_rc = fr_run_end(run,
                            rc == 0                  ? "done"
                            : rc == FR_E_INTERRUPTED ? "interrupted"
                                                     : "failed",
                            rc == 0 ? 0 : 1, NULL, NULL, rc == 0 && restore_rc == 0 ? err : NULL);
    rc = rc != 0 ? rc : restore_rc != 0 ? restore_rc : end_rc;
    return rc != 0 ? rc : report(cli, p, id, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    probe *p = FR_NEW(probe);
    int rc = probe_all(cli, p, &err);
    fr_knob_restore(&p->knob, NULL);
    free(p->trials[0]);
    free(p->trials[1]);
    free(p);
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_COMMAND_probe = {
    .name = "probe",
    .run = run,
    .options = OPTIONS,
    .arguments = "[-- CMD [ARG…]]",
    .summary = "try A and B in turns and tell what they differ in",
    .examples =
        "frugal probe --a './answer -t 1' --b './answer -t 2'  # two commands, 8 trials each\n"
        "frugal probe --threads 1,2 -- python infer.py  # one command, two thread counts\n"
        "frugal probe --power-cap 200,150 --pid 4711 --work 'cat tokens'  # a job that runs, as "
        "root",
    .more =
        "Trials come in blocks of ABBA or BAAB, by lot, so that what drifts slowly falls on both "
        "alike; one trial before them is not counted. The change is B / A - 1 with a 95% interval "
        "over the trials; one that holds 0 is a tie. With energy counters joules decide (grade A), "
        "else CPU time does (grade B). Power limits and processors are set back however it ends, "
        "but "
        "for kill -9. With --pid and commands of yours, the last one that ran stays in force.",
    .rest_is_theirs = true,
};
