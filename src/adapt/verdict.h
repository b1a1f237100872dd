/**
 * adapt/verdict.h: outcomes, target and horizon become the verdict: which rung, at what cost, until
 * how many requests. A function of its arguments, so that it can be made again without climbing.
 */
#ifndef FR_ADAPT_VERDICT_H
#define FR_ADAPT_VERDICT_H

#include "adapt/climb.h"
#include "adapt/outcome.h"
#include "plan/horizon.h"

/** One rung as the climb ended with it. All borrowed. */
typedef struct {
    const fr_rung *rung;
    const fr_outcome *outcome;
    fr_rung_forecast forecast;
    fr_forecast horizon; /* predicted */
    double run_s, run_j; /* predicted for the climb itself: build, load, answering eval */
} fr_verdict_rung;

typedef struct {
    const fr_task *task;
    const fr_place *place;
    const char *run_id; /* "" when nothing is recorded */
    fr_horizon horizon;
    double requests; /* over the horizon */
    const fr_verdict_rung *rungs;
    size_t n;
    bool never_stop, demonstration;
    fr_energy total, overhead, remainder,
        earlier; /* of this run; of rungs kept from earlier ones */
    fr_embodied host;
    const char *out_dir;
    double others_ratio;    /* share of the machine's processors that others worked on meanwhile */
    const char *meter_note; /* why something is modelled and what would mend it; may be "" */
} fr_verdict_parts;

/** Cost of an outcome for the horizon: value, low or high ends of its figures (end -1, 0, 1). */
fr_option_cost fr_outcome_cost(const fr_outcome *o, int end);
/** Forecast of the horizon out of a rung's parts. */
fr_forecast fr_horizon_forecast(const fr_horizon *h, const fr_rung_forecast *f, double requests);
/** What the target says to an outcome. */
fr_target fr_outcome_target(const fr_task *task, const fr_outcome *o);
/** One rung's object, graded against itself: for events while climbing. Owned, json_decref(). */
json_t *fr_verdict_rung_json(const fr_verdict_parts *parts, size_t i);
/** Owned, json_decref(). */
json_t *fr_verdict_make(const fr_verdict_parts *parts);

#endif
