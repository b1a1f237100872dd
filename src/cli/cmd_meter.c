/* frugal meter: runs any program and tells what it drew. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/child.h"
#include "cli/meter_report.h"

#define EXIT_FRUGAL_FAILED 125

static const fr_option OPTIONS[] = {
    { "report", 'o', FR_OPTION_TEXT, "FILE", "write the report there instead of to stderr" },
    { "unit", 'u', FR_OPTION_TEXT, "NAME=N", "units of work done, for carbon per unit (SCI)" },
    FR_OPTIONS_PLACE,
    { "market", 0, FR_OPTION_F64, "G", "market-based intensity [gCO2e/kWh] of your contract" },
    { "sci-ai", 0, FR_OPTION_TEXT, "WHO", "SCI for AI by --unit, of the consumer or the provider" },
    { "sysfs", 0, FR_OPTION_TEXT, "DIR", "read sensors there instead of /sys (recorded trees)" },
    { "procfs", 0, FR_OPTION_TEXT, "DIR", "and processes there instead of /proc" },
    { "nvml", 0, FR_OPTION_TEXT, "FILE", "NVIDIA management library to load; none: do not look" },
    FR_OPTIONS_END,
};

typedef struct {
    char **argv;
    const char *report;
    char unit[64];
    double n_units;
    fr_sci_ai_persona persona;
    fr_run_options run;
} plan;

static int parse_unit(const char *text, plan *p, fr_err *err)
{
    snprintf(p->unit, sizeof p->unit, "run");
    p->n_units = 1;
    if (text == NULL)
        return 0;
    fr_str rest = fr_str_of(text), name;
    bool ok = fr_str_next(&rest, '=', &name) && fr_str_trim(name).n > 0 &&
              fr_str_to_f64(fr_str_trim(rest), &p->n_units);
    if (!ok)
        return fr_fail(err, FR_E_USAGE, "As --unit answers=120.", "--unit takes NAME=N, not '%s'",
                       text);
    if (!(p->n_units > 0) || isinf(p->n_units))
        return fr_fail(err, FR_E_USAGE, "Count at least one unit of work.",
                       "carbon per unit needs a number of units above 0, not %g", p->n_units);
    name = fr_str_trim(name);
    snprintf(p->unit, sizeof p->unit, "%.*s", (int)FR_MIN(name.n, sizeof p->unit - 1), name.at);
    return 0;
}

static int parse_persona(fr_cli *cli, plan *p, fr_err *err)
{
    const char *who = fr_arg_text(cli, "sci-ai", NULL);
    fr_sci_ai score;
    if (who == NULL)
        return 0;
    p->persona = fr_sci_ai_parse(who);
    if (p->persona == FR_SCI_AI_NONE)
        return fr_fail(err, FR_E_USAGE, "As --sci-ai consumer --unit tokens=5000.",
                       "--sci-ai is consumer or provider, not '%s'", who);
    return fr_sci_for_ai(&(fr_carbon){ 0 }, p->persona, p->unit, p->n_units, &score, err);
}

static int parse_market(fr_cli *cli, plan *p, fr_err *err)
{
    p->run.market_stated = fr_arg_given(cli, "market");
    p->run.market_g_per_kwh = fr_arg_f64(cli, "market", NAN);
    if (p->run.market_stated && !(p->run.market_g_per_kwh >= 0 && p->run.market_g_per_kwh <= 5000))
        return fr_fail(err, FR_E_USAGE, "It is grams of CO2e per kilowatt-hour, 0 to 5000.",
                       "the market-based intensity %g g/kWh is not possible",
                       p->run.market_g_per_kwh);
    return 0;
}

/* Everything that can be wrong is found before the program starts. */
static int make_plan(fr_cli *cli, plan *p, fr_err *err)
{
    size_t n = 0;
    fr_place place;
    *p = (plan){ .argv = fr_arg_rest(cli, &n), .report = fr_arg_text(cli, "report", NULL) };
    if (n == 0)
        return fr_fail(err, FR_E_USAGE, "As frugal meter -- ./job --its-own options.",
                       "no program to run is named");
    FR_TRY(parse_unit(fr_arg_text(cli, "unit", NULL), p, err));
    p->run = (fr_run_options){
        .kind = "meter",
        .name = p->argv[0],
        .argv = fr_cli_argv(cli),
        .place = fr_cli_place(cli),
        .ledger = fr_cli_ledger(cli),
        .meter = { .sysfs = fr_arg_text(cli, "sysfs", NULL),
                   .procfs = fr_arg_text(cli, "procfs", NULL),
                   .nvml = fr_arg_text(cli, "nvml", NULL),
                   .adopts = true },
    };
    FR_TRY(parse_market(cli, p, err));
    FR_TRY(parse_persona(cli, p, err));
    if (p->run.meter.nvml != NULL && strcmp(p->run.meter.nvml, "none") == 0)
        p->run.meter.nvml = "";
    const char *roots[] = { p->run.meter.sysfs, p->run.meter.procfs };
    for (size_t i = 0; i < 2; i++) {
        if (roots[i] != NULL && !fr_dir_exists(roots[i]))
            return fr_fail(err, FR_E_NOT_FOUND, NULL, "no folder '%s'", roots[i]);
    }
    FR_TRY(fr_place_resolve(&p->run.place, &place, err));
    if (p->report == NULL)
        return 0;
    char *folder = fr_path_dir(p->report);
    bool writable = access(folder, W_OK) == 0 && !fr_dir_exists(p->report);
    if (!writable)
        fr_fail(err, FR_E_IO, "Name a file in a folder that exists and may be written.",
                "the report cannot be written to '%s'", p->report);
    free(folder);
    return writable ? 0 : FR_E_IO;
}

static int write_report(fr_cli *cli, const plan *p, const fr_meter_report *r, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    if (fr_cli_json(cli)) {
        json_t *whole = json_pack("{s:i}", "schema", 1), *report = fr_meter_report_json(r);
        json_object_update(whole, report);
        json_decref(report);
        char *dumped = json_dumps(whole, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
        json_decref(whole);
        fr_buf_put_f(&text, "%s\n", dumped != NULL ? dumped : "{}");
        free(dumped);
    } else {
        fr_meter_report_text(r, &text);
    }
    if (p->report != NULL)
        return fr_file_write(p->report, fr_buf_str(&text), err);
    if (fr_arg_flag(cli, "quiet") && !fr_cli_json(cli))
        return 0;
    fputs(fr_buf_text(&text), stderr);
    return fflush(stderr) == 0 ? 0 : fr_fail(err, FR_E_IO, NULL, "stderr cannot be written");
}

/* After the program ended: what it took, told where the user wants it. */
static int tell(fr_cli *cli, const plan *p, const fr_meter_report *head, const fr_child_end *end,
                const fr_used *used, fr_err *err)
{
    fr_meter_report r = *head;
    r.argv = p->argv;
    r.exit_code = end->exit_code;
    r.used = used;
    r.unit = p->unit;
    r.n_units = p->n_units;
    fr_sci_ai score;
    FR_TRY(fr_sci(&used->carbon, p->n_units, &r.sci_g, err));
    if (p->persona != FR_SCI_AI_NONE) {
        FR_TRY(fr_sci_for_ai(&used->carbon, p->persona, p->unit, p->n_units, &score, err));
        r.sci_ai = &score;
    }
    return write_report(cli, p, &r, err);
}

static int note_unit(fr_run *run, const plan *p, fr_err *err)
{
    return strcmp(p->unit, "run") != 0 ? fr_run_note(run, "work", p->unit, p->n_units, NULL, err)
                                       : 0;
}

/* The program runs; *end has its exit status, also when FR_E_CHILD says that it could not. */
static int meter_child(fr_cli *cli, plan *p, fr_child_end *end, fr_err *err)
{
    fr_child child;
    fr_run *run = NULL;
    const char *outer = getenv("FRUGAL_RUN");
    char *parent = fr_dup(outer), id[FR_ULID_TEXT];
    int rc = fr_child_start(p->argv, &child, err);
    if (rc == 0) {
        p->run.meter.pid = child.pid;
        rc = fr_run_begin(&p->run, &run, err);
        if (rc != 0)
            fr_child_abandon(&child);
    }
    if (rc != 0) {
        free(parent);
        return rc;
    }
    snprintf(id, sizeof id, "%s", fr_run_id(run));
    bool recorded = fr_run_ledger(run) != NULL;
    fr_place place = *fr_run_place(run);
    fr_factors factors = *fr_run_factors(run);
    fr_embodied embodied = *fr_run_embodied(run);
    fr_used *used = FR_NEW(fr_used);
    rc = fr_child_go(&child, "FRUGAL_RUN", recorded ? id : NULL, &end->exit_code, err);
    if (rc != 0) {
        fr_run_end(run, "failed", end->exit_code, NULL, NULL, NULL);
    } else {
        fr_child_wait(&child, end);
        fr_meter_tell_cpu(fr_run_meter(run), end->cpu_s);
        rc = note_unit(run, p, err);
        int end_rc = fr_run_end(run, end->exit_code == 0 ? "done" : "failed", end->exit_code, used,
                                NULL, rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : end_rc;
        fr_meter_report head = { .run = recorded ? id : NULL,
                                 .parent = parent,
                                 .place = &place,
                                 .factors = &factors,
                                 .embodied = &embodied };
        int tell_rc = tell(cli, p, &head, end, used, rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : tell_rc;
    }
    free(used);
    free(parent);
    return rc;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    plan p;
    fr_child_end end = { 0 };
    int rc = make_plan(cli, &p, &err);
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
    .arguments = "-- CMD [ARG…]",
    .summary = "run any program and tell what it drew",
    .examples =
        "frugal meter -- python train.py  # joules, gCO2e, by device, with the range\n"
        "frugal meter --region aws:eu-north-1 --unit answers=120 -- ./answer  # per answer\n"
        "frugal meter --json --report used.json -- make  # for a program",
    .more =
        "The program's input, output, terminal, signals and exit status are its own; the report "
        "goes "
        "to --report FILE, else to stderr. Exit status: the program's (128 + n when signal n ended "
        "it); 2 usage, 125 frugal failed, 126 the program cannot be run, 127 it was not found.",
    .rest_is_theirs = true,
};
