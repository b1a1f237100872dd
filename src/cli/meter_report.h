/** cli/meter_report.h: a metered run as JSON (stable keys) and as a few lines for people. */
#ifndef FR_CLI_METER_REPORT_H
#define FR_CLI_METER_REPORT_H

#include "cli/account_lines.h"
#include "cli/cli.h"

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
} fr_meter_report;

json_t *fr_meter_report_json(const fr_meter_report *r); /* owned */
void fr_meter_report_text(const fr_meter_report *r, fr_buf *out);

#endif
