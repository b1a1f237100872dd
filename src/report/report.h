/**
 * report/report.h: what was found, shown: one self-contained HTML file (SVG inside, no scripts from
 * elsewhere), and the table for the terminal. Input is the verdict as JSON with the stable keys of
 * `frugal adapt --json`, so that a report can be made again from a saved verdict.
 */
#ifndef FR_REPORT_REPORT_H
#define FR_REPORT_REPORT_H

#include <jansson.h>
#include "base/buf.h"
#include "ledger/ledger.h"

/**
 * verdict  borrowed; as written by adapt. Several may stand in one report (the demo's two).
 * ledger   for energy over time by device and phase, and past runs; NULL: left out.
 */
int fr_report_html(const json_t *const *verdicts, size_t n, fr_ledger *ledger, fr_buf *out,
                   fr_err *err);
/** Table of rungs for a terminal of `columns` characters; colour: ANSI sequences allowed. */
void fr_report_table(const json_t *verdict, int columns, bool colour, fr_buf *out);
/** A small plot of quality against joules per request, in characters. */
void fr_report_plot(const json_t *verdict, int columns, int rows, fr_buf *out);

/**
 * An experiment (the stable keys of `frugal prompt run --json`) as a page: quality against tokens
 * and against joules a row, the table of arms, how far the chosen one leads. Tolerant of what is
 * not there.
 */
void fr_report_trials_html(const json_t *result, fr_buf *out);
/** The same as a table for a terminal of `columns` characters. */
void fr_report_trials_table(const json_t *result, int columns, fr_buf *out);

#endif
