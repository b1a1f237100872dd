/* frugal meter: runs any program and tells what it drew. */
#include "cli/cli.h"

#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/child.h"
#include "cli/meter_plan.h"

#define EXIT_FRUGAL_FAILED 125

static const fr_option OPTIONS[] = {
    { "report", 'o', FR_OPTION_TEXT, "FILE", "write the report there instead of to stderr" },
    { "unit", 'u', FR_OPTION_TEXT, "NAME=N", "units of work done, for carbon per unit (SCI)" },
    { "pid", 0, FR_OPTION_LIST, "PID", "meter a process that runs, with all below it" },
    { "cgroup", 0, FR_OPTION_LIST, "PATH", "meter a control group" },
    { "container", 0, FR_OPTION_LIST, "NAME", "meter a container, by id or name" },
    { "pod", 0, FR_OPTION_LIST, "NAME", "meter a pod of Kubernetes, by name or uid" },
    { "slurm-job", 0, FR_OPTION_LIST, "ID", "meter a job of Slurm on this node" },
    { "service", 0, FR_OPTION_LIST, "UNIT", "meter a service or scope of systemd" },
    { "for", 0, FR_OPTION_TEXT, "TIME", "with these: so long, as 30s or 5m (default: to its end)" },
    { "period", 0, FR_OPTION_F64, "SECONDS",
      "time between samples (default: what the sensors need)" },
    FR_OPTIONS_PLACE,
    { "market", 0, FR_OPTION_F64, "G", "market-based intensity [gCO2e/kWh] of your contract" },
    { "signal", 0, FR_OPTION_TEXT, "NAME", "hourly grid: uk, electricity-maps:FR, csv:FILE…" },
    { "sci-ai", 0, FR_OPTION_TEXT, "WHO", "SCI for AI by --unit, of the consumer or the provider" },
    { "sysfs", 0, FR_OPTION_TEXT, "DIR", "read sensors there instead of /sys (recorded trees)" },
    { "procfs", 0, FR_OPTION_TEXT, "DIR", "and processes there instead of /proc" },
    { "cgroupfs", 0, FR_OPTION_TEXT, "DIR", "and control groups there, not in /sys/fs/cgroup" },
    { "var", 0, FR_OPTION_TEXT, "DIR", "and names of containers there, not in /var" },
    { "nvml", 0, FR_OPTION_TEXT, "FILE", "NVIDIA management library to load; none: do not look" },
    FR_OPTIONS_END,
};

/* After the program ended: what it took, told where the user wants it. */
static int tell(fr_cli *cli, const fr_meter_plan *p, const fr_meter_report *head,
                const fr_child_end *end, const fr_used *used, fr_err *err)
{
    fr_meter_report r = *head;
    r.argv = p->argv;
    r.exit_code = end->exit_code;
    r.used = used;
    fr_sci_ai score;
    FR_TRY(fr_meter_plan_score(p, &r, &score, err));
    FR_AUTO(fr_buf) text = { 0 };
    json_t *report = fr_cli_json(cli) ? fr_meter_report_json(&r) : NULL;
    if (report == NULL)
        fr_meter_report_text(&r, &text);
    return fr_meter_plan_write(cli, p, report, &text, stderr, err);
}

/* What the one thread does while the program runs: samples, flushes, and hears of marks. */
typedef struct {
    fr_run *run;
    fr_marks *marks; /* NULL: none can be told */
} company;

static int64_t beat(void *user)
{
    const company *c = user;
    return fr_run_beat(c->run);
}

static void called(void *user)
{
    const company *c = user;
    if (c->marks != NULL)
        fr_marks_serve(c->marks);
}

/* It finds the run and the socket for its marks in its environment. Without a socket it runs, too.
 */
static int start(fr_child *child, company *with, fr_child_end *end, fr_err *err)
{
    char in_run[64], socket[160];
    const char *env[3] = { NULL };
    size_t n = 0;
    fr_err why = { 0 };
    snprintf(in_run, sizeof in_run, "FRUGAL_RUN=%s", fr_run_id(with->run));
    if (fr_run_ledger(with->run) != NULL)
        env[n++] = in_run;
    if (fr_marks_open_quiet(with->run, SIGURG, &with->marks, &why) == 0) {
        snprintf(socket, sizeof socket, "FRUGAL_SOCKET=%s", fr_marks_path(with->marks));
        env[n++] = socket;
    } else {
        fr_log(FR_LOG_WARN, "phases cannot be marked: %s", why.what);
    }
    FR_TRY(fr_child_start(child, env, &end->exit_code, err));
    fr_meter_adopt(fr_run_meter(with->run), child->pid);
    return 0;
}

/* The program runs; *end has its exit status, also when FR_E_CHILD says that it could not. */
static int meter_child(fr_cli *cli, fr_meter_plan *p, fr_child_end *end, fr_err *err)
{
    fr_child child;
    company with = { NULL, NULL };
    const char *outer = getenv("FRUGAL_RUN");
    char *parent = fr_dup(outer), id[FR_ULID_TEXT];
    fr_child_prepare(&child, p->argv);
    int rc = fr_run_begin(&p->run, &with.run, err);
    if (rc != 0) {
        fr_child_abandon(&child);
        free(parent);
        return rc;
    }
    fr_run *run = with.run;
    snprintf(id, sizeof id, "%s", fr_run_id(run));
    bool recorded = fr_run_ledger(run) != NULL;
    char *ledger_path = recorded ? fr_dup(fr_ledger_path(fr_run_ledger(run))) : NULL;
    fr_place place = *fr_run_place(run);
    fr_factors factors = *fr_run_factors(run);
    fr_embodied embodied = *fr_run_embodied(run);
    fr_used *used = FR_NEW(fr_used);
    fr_mark_summary phases = { 0 };
    rc = start(&child, &with, end, err);
    if (rc != 0) {
        fr_marks_close(with.marks, NULL);
        fr_run_end(run, "failed", end->exit_code, NULL, NULL, NULL);
    } else {
        fr_child_wait(&child, &(fr_child_meanwhile){ beat, called, &with }, end);
        fr_meter_tell_cpu(fr_run_meter(run), end->cpu_s);
        fr_marks_close(with.marks, &phases);
        rc = fr_meter_plan_note_unit(run, p, err);
        if (rc == 0 && end->memory_peak_bytes > 0)
            rc = fr_run_note_last(run, "used", "memory_peak_bytes", end->memory_peak_bytes,
                                  "largest process", err);
        int end_rc = fr_run_end(run, end->exit_code == 0 ? "done" : "failed", end->exit_code, used,
                                NULL, rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : end_rc;
        fr_meter_report head = { .run = recorded ? id : NULL,
                                 .parent = parent,
                                 .place = &place,
                                 .factors = &factors,
                                 .embodied = &embodied,
                                 .phases = &phases };
        fr_meter_plan_hours(p, ledger_path, &head);
        int tell_rc = tell(cli, p, &head, end, used, rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : tell_rc;
        fr_notes_free(head.notes, head.n_notes);
    }
    free(ledger_path);
    fr_mark_summary_fini(&phases);
    free(used);
    free(parent);
    return rc;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    fr_meter_plan p;
    fr_child_end end = { 0 };
    int rc = fr_meter_plan_make(cli, &p, &err);
    if (rc == 0 && fr_meter_is_attach(cli))
        return fr_cli_fail(cli, fr_meter_attach(cli, &p, &err), &err);
    if (rc == 0)
        rc = meter_child(cli, &p, &end, &err);
    if (rc == 0)
        return end.exit_code;
    int status = fr_cli_fail(cli, rc, &err);
    if (end.exit_code != 0)
        return end.exit_code; /* the program's own, or 126 or 127 */
    return rc == FR_E_USAGE ? status : EXIT_FRUGAL_FAILED;
}

const fr_command FR_COMMAND_meter = {
    .name = "meter",
    .run = run,
    .options = OPTIONS,
    .arguments = "-- CMD [ARG…] | --pid PID | --container NAME…",
    .summary = "run any program, or watch what runs, and tell what it drew",
    .examples =
        "frugal meter -- python train.py  # joules, gCO2e, by device, with the range\n"
        "frugal meter --region aws:eu-north-1 --unit answers=120 -- ./answer  # per answer\n"
        "frugal meter --json --report used.json -- make  # for a program\n"
        "frugal meter --pid 4711 --for 60s  # what runs already, a minute of it\n"
        "frugal meter --container web --pod trainer-0  # several at once, until they end",
    .more =
        "The program's input, output, terminal, signals and exit status are its own; the report, "
        "with --json too, goes "
        "to --report FILE, else to stderr. Exit status: the program's (128 + n when signal n ended "
        "it); 2 usage, 125 frugal failed, 126 the program cannot be run, 127 it was not found.\n\n"
        "With --pid, --cgroup, --container, --pod, --slurm-job or --service nothing is started: "
        "what "
        "runs is metered until all of it ended, for --for TIME, or until Ctrl-C. A control group's "
        "energy is by the CPU time that the kernel counts for it, over everybody's. --json then "
        "goes "
        "to stdout, which is nobody else's.\n\n"
        "FRUGAL_WALL=cmd:LINE or file:PATH tells watts of a meter at the wall, FRUGAL_BMC those of "
        "the board's controller (ipmitool, ipmi-dcmi or a resource of Redfish, as curl fetches "
        "it). "
        "They hold the whole machine, so they stand apart and are in no sum. "
        "`frugal doctor` tells which sensors there are.",
    .rest_is_theirs = true,
    .failed_status = EXIT_FRUGAL_FAILED,
};
