#include "cli/meter_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "run/hours.h"

static int parse_unit(const char *text, fr_meter_plan *p, fr_err *err)
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

static int parse_persona(fr_cli *cli, fr_meter_plan *p, fr_err *err)
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

static int parse_market(fr_cli *cli, fr_meter_plan *p, fr_err *err)
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
int fr_meter_plan_make(fr_cli *cli, fr_meter_plan *p, fr_err *err)
{
    size_t n = 0;
    fr_place place;
    *p =
        (fr_meter_plan){ .argv = fr_arg_rest(cli, &n), .report = fr_arg_text(cli, "report", NULL) };
    if (n == 0 && !fr_meter_is_attach(cli))
        return fr_fail(err, FR_E_USAGE,
                       "As frugal meter -- ./job --its-own options, or frugal meter --pid 4711.",
                       "no program to run is named");
    if (n > 0 && fr_meter_is_attach(cli))
        return fr_fail(err, FR_E_USAGE, "Leave one of both out.",
                       "either '%s' is run, or what runs already is metered", p->argv[0]);
    FR_TRY(parse_unit(fr_arg_text(cli, "unit", NULL), p, err));
    p->run = (fr_run_options){
        .kind = "meter",
        .name = n > 0 ? p->argv[0] : NULL,
        .argv = fr_cli_argv(cli),
        .place = fr_cli_place(cli),
        .ledger = fr_cli_ledger(cli),
        .meter = { .sysfs = fr_arg_text(cli, "sysfs", NULL),
                   .procfs = fr_arg_text(cli, "procfs", NULL),
                   .nvml = fr_arg_text(cli, "nvml", NULL),
                   .period_s = fr_arg_f64(cli, "period", 0),
                   .adopts = true,
                   .awaits = n > 0,
                   .no_thread = n > 0 },
    };
    if (fr_arg_given(cli, "period") &&
        !(p->run.meter.period_s >= 0.01 && p->run.meter.period_s <= 60))
        return fr_fail(err, FR_E_USAGE, "As --period 0.1, for ten samples a second.",
                       "--period takes 0.01 to 60 seconds, not %g", p->run.meter.period_s);
    FR_TRY(parse_market(cli, p, err));
    FR_TRY(parse_persona(cli, p, err));
    p->has_signal = fr_arg_given(cli, "signal");
    if (p->has_signal)
        FR_TRY(fr_signal_spec_parse(fr_arg_text(cli, "signal", ""), &p->signal, err));
    if (p->run.meter.nvml != NULL && strcmp(p->run.meter.nvml, "none") == 0)
        p->run.meter.nvml = "";
    FR_TRY(fr_cli_check_roots(cli, err));
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

int fr_meter_plan_note_unit(fr_run *run, const fr_meter_plan *p, fr_err *err)
{
    return strcmp(p->unit, "run") != 0
               ? fr_run_note_last(run, "work", p->unit, p->n_units, NULL, err)
               : 0;
}

void fr_meter_plan_hours(const fr_meter_plan *p, const char *ledger_path, fr_meter_report *r)
{
    fr_err err = { 0 };
    fr_ledger *l = NULL;
    fr_hours hours;
    if (!p->has_signal)
        return;
    int rc = r->run != NULL ? fr_ledger_open(ledger_path, &l, &err)
                            : fr_fail(&err, FR_E_NOT_FOUND, NULL, "the run was not recorded");
    if (rc == 0)
        rc = fr_run_hours(l, r->run, &p->signal, &hours, &err);
    if (rc == 0)
        rc = fr_ledger_notes(l, r->run, &r->notes, &r->n_notes, &err);
    if (rc != 0)
        fr_log(FR_LOG_WARN, "no hourly grid: %s", err.what);
    fr_ledger_close(l);
}

int fr_meter_plan_score(const fr_meter_plan *p, fr_meter_report *r, fr_sci_ai *score, fr_err *err)
{
    r->unit = p->unit;
    r->n_units = p->n_units;
    FR_TRY(fr_sci(&r->used->carbon, p->n_units, &r->sci_g, err));
    if (p->persona == FR_SCI_AI_NONE)
        return 0;
    FR_TRY(fr_sci_for_ai(&r->used->carbon, p->persona, p->unit, p->n_units, score, err));
    r->sci_ai = score;
    return 0;
}

int fr_meter_plan_write(fr_cli *cli, const fr_meter_plan *p, json_t *report, fr_buf *text,
                        FILE *otherwise, fr_err *err)
{
    if (report != NULL) {
        json_t *whole = json_pack("{s:i}", "schema", 1);
        json_object_update(whole, report);
        json_decref(report);
        char *dumped = json_dumps(whole, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
        json_decref(whole);
        fr_buf_put_f(text, "%s\n", dumped != NULL ? dumped : "{}");
        free(dumped);
    }
    if (p->report != NULL)
        return fr_file_write(p->report, fr_buf_str(text), err);
    if (fr_arg_flag(cli, "quiet") && report == NULL)
        return 0;
    bool ok = fputs(fr_buf_text(text), otherwise) >= 0 && fflush(otherwise) == 0;
    return ok ? 0 : fr_fail_errno(err, NULL, "the report cannot be written");
}
