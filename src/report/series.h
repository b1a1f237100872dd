/**
 * report/series.h: energy and carbon per unit of business work, by the time it was done, with the
 * absolute totals beside: a falling figure per order and a rising sum are both told.
 *
 *     FR_TRY(fr_series_of(ledger, "orders", &s, err));
 *     for (size_t i = 0; i < s.n; i++)
 *         printf("%.10s %.3g g each, %.3g g in all\n", …, s.at[i].g_per_unit, s.at[i].carbon_g);
 *
 * A unit of a time belongs to all runs of that time (a run that reaches over its border by the
 * share of its buckets); a unit of a run to that run. Where nobody told units of that name, runs
 * that counted it themselves (`frugal meter --unit`) make a row a day, of those runs alone.
 */
#ifndef FR_REPORT_SERIES_H
#define FR_REPORT_SERIES_H

#include "ledger/ledger.h"

typedef struct {
    char name[64];
    int64_t start_unix_ns, end_unix_ns;
    char run[FR_ULID_TEXT]; /* "": of a time */
    double units;
    size_t n_runs;
    double energy_j, carbon_g, cpu_s;
    double j_per_unit, g_per_unit; /* NAN when no run was recorded in that time */
    fr_method method;
    bool counted; /* by the runs themselves */
} fr_series_row;
typedef struct {
    fr_series_row *at;
    size_t n, cap;
} fr_series;
/** name NULL: all that was told. By name and time. */
int fr_series_of(fr_ledger *l, const char *name, fr_series *out, fr_err *err);
void fr_series_fini(fr_series *s);
FR_AUTO_DEFINE(fr_series);

#endif
