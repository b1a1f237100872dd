/** cli/meter_plan.h: what `frugal meter` was asked for, checked before anything starts. */
#ifndef FR_CLI_METER_PLAN_H
#define FR_CLI_METER_PLAN_H

#include "carbon/signal.h"
#include "cli/meter_report.h"

typedef struct {
    char **argv; /* the program; NULL: none is named */
    const char *report;
    char unit[64];
    double n_units;
    fr_sci_ai_persona persona;
    bool has_signal; /* hours of the grid were asked for */
    fr_signal_spec signal;
    fr_run_options run;
} fr_meter_plan;

int fr_meter_plan_make(fr_cli *cli, fr_meter_plan *p, fr_err *err);
/** The number of units, as a note of the run. */
int fr_meter_plan_note_unit(fr_run *run, const fr_meter_plan *p, fr_err *err);
/** A closed run's hours by the grid, for its report (notes: owned, fr_notes_free()). What cannot be
 * had is a warning; the report is not lost by it. */
void fr_meter_plan_hours(const fr_meter_plan *p, const char *ledger_path, fr_meter_report *r);
/** Fills unit, SCI and, with `score` to keep it in, SCI for AI of a report that has `used`. */
int fr_meter_plan_score(const fr_meter_plan *p, fr_meter_report *r, fr_sci_ai *score, fr_err *err);
/** JSON (taken; "schema" is put in front) or text, to --report, else to where it is said. */
int fr_meter_plan_write(fr_cli *cli, const fr_meter_plan *p, json_t *report, fr_buf *text,
                        FILE *otherwise, fr_err *err);

/** Meters what runs already, by --pid, --cgroup, --container, --pod, --slurm-job. */
bool fr_meter_is_attach(const fr_cli *cli);
int fr_meter_attach(fr_cli *cli, fr_meter_plan *p, fr_err *err);

#endif
