/** cli/meter_report.h: a metered run as JSON (stable keys) and as a few lines for people. */
#ifndef FR_CLI_METER_REPORT_H
#define FR_CLI_METER_REPORT_H

#include "cli/account_lines.h"
#include "cli/cli.h"
#include "run/marks.h"

typedef struct {
    const char *run, *parent; /* NULL: not recorded; not nested */
    char **argv;
    bool is_attached; /* it ran before us: no exit status */
    int exit_code;
    const fr_used *used;
    const fr_place *place;
    const char *unit; /* of work; "run" when none was stated */
    double n_units, sci_g;
    const fr_factors *factors;
    const fr_embodied *embodied;
    const fr_sci_ai *sci_ai; /* NULL: not asked for */
    fr_note *notes;          /* of the run, when its hours were asked for */
    size_t n_notes;
    const fr_mark_summary *phases; /* told by the program; NULL: none */
} fr_meter_report;

json_t *fr_meter_report_json(const fr_meter_report *r); /* owned */
/** Phases that the program told of, with their work and quality; and what was lost. */
json_t *fr_meter_phases_json(const fr_mark_summary *s); /* owned */
void fr_meter_phases_text(const fr_mark_summary *s, const fr_used *whole, fr_buf *out);
void fr_meter_report_text(const fr_meter_report *r, fr_buf *out);

#endif
