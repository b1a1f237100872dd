/**
 * run/hours.h: a recorded run's energy by the grid of the hours in which it was used.
 *
 *     FR_TRY(fr_run_hours(ledger, id, &spec, &hours, err));
 *     if (hours.covered_ratio > 0) …hours.operational_g…
 *
 * Average figures make the line "hourly", marginal ones the line "marginal"; neither replaces the
 * yearly location-based figure, and they are never added or compared with each other. Each figure
 * of the grid that was used is recorded with the run, so that verify makes the same sum.
 */
#ifndef FR_RUN_HOURS_H
#define FR_RUN_HOURS_H

#include "carbon/signal.h"
#include "ledger/ledger.h"

typedef struct {
    fr_signal_kind kind;
    char provider[32], zone[64];
    /** average: of all energy, what no hour covers by the yearly figure; marginal: of the covered
     * part alone, as no yearly marginal figure stands in. With PUE. NAN: nothing is covered. */
    double operational_g;
    double g_per_kwh; /* of the covered part, weighted by energy */
    double covered_ratio, estimated_ratio;
    size_t n_points;
    bool stale;
    char note[256];
} fr_hours;

/** Takes the place of what the same kind of signal had said of that run. */
int fr_run_hours(fr_ledger *l, const char *run_id, const fr_signal_spec *spec, fr_hours *out,
                 fr_err *err);
/** What was recorded; false: nothing of that kind. */
bool fr_hours_of_notes(const fr_note *notes, size_t n, fr_signal_kind kind, fr_hours *out);

#endif
