/** cli/account_lines.h: the account of a run for people and programs: market, water, scopes,
 * boundary. */
#ifndef FR_CLI_ACCOUNT_LINES_H
#define FR_CLI_ACCOUNT_LINES_H

#include "carbon/statement.h"
#include "cli/cli.h"

typedef struct {
    const fr_place *place;
    const fr_factors *factors;
    const fr_embodied *embodied; /* NULL: unknown */
    double reserved_s;
    fr_statement lines;
    double embodied_g;
} fr_account_view;

/** {location, market, water, embodied, scope_g}: owned. */
json_t *fr_account_json(const fr_account_view *v);
/** A few lines in the form of the meter's report, from "  market" on. */
void fr_account_text(const fr_account_view *v, fr_buf *out);
void fr_text_l(double litres, char out[32]);

/** The account of a recorded run, from its notes; false: it has none (recorded before there was).
 */
bool fr_account_of_run(const fr_run_record *r, const fr_note *notes, size_t n, fr_factors *factors,
                       fr_embodied *embodied, fr_account_view *out);

#endif
