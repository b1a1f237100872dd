/**
 * adapt/outcome.h: what one rung came to: its status, quality and figures, kept in the rung's
 * folder (result.json) so that an interrupted climb goes on behind it. Nothing in it depends on
 * other rungs, the target or the horizon: those are applied when the verdict is made.
 */
#ifndef FR_ADAPT_OUTCOME_H
#define FR_ADAPT_OUTCOME_H

#include <jansson.h>
#include "adapt/rung.h"
#include "run/run.h"

/** A window or a sum of windows. */
typedef struct {
    fr_energy active, total; /* by own work; with the idle of that time */
    double carbon_g, cpu_s, gpu_s, duration_s;
} fr_spent;
fr_spent fr_spent_none(void);
fr_spent fr_spent_of(const fr_used *used);
fr_spent fr_spent_add(fr_spent a, fr_spent b);
fr_spent fr_spent_scale(fr_spent a, double ratio);

typedef struct {
    char status[16]; /* done, budget, unfit, skipped, failed, interrupted; "": not tried */
    char reason[800];
    bool reused; /* from an earlier, interrupted or finished, climb */
    bool energy_inside;
    bool has_quality;
    fr_interval quality;
    fr_spent build, load, evaluate, request; /* evaluate: all answering, also that for the meter */
    fr_rung_forecast forecast;               /* as it was before the rung was tried */
    size_t n_measured;                       /* requests that `request` is the mean of */
    double measured_s;
    bool has_artifact;
    json_t *chosen, *training, *notes; /* owned; NULL: none */
    json_t *files;                     /* owned: fr_rung_files() when it ended; NULL: not known */
    json_t *origin;                    /* owned: what it was read from; keeps source texts alive */
} fr_outcome;
void fr_outcome_fini(fr_outcome *o);
/** A result worth keeping: the rung was tried to its end. */
bool fr_outcome_is_final(const fr_outcome *o);

json_t *fr_outcome_json(const fr_outcome *o, const char *key);
/** false: there is none, or it belongs to other settings (another key). */
bool fr_outcome_read(const char *dir, const char *key, fr_outcome *out);
int fr_outcome_write(const char *dir, const fr_outcome *o, const char *key, fr_err *err);

/** What an interrupted build of the same key had taken, so that its joules are not lost when it
 * goes on (partial.json). Nothing there: nothing spent. */
fr_spent fr_partial_read(const char *dir);
int fr_partial_write(const char *dir, const fr_spent *spent, fr_err *err);

/**
 * The name of a rung's result: a hash of all that it depends on: version, strategy, settings,
 * model, data, metric, seed. Not of the target, horizon or place, which only the verdict needs.
 */
int fr_rung_key(const fr_rung *r, const char *model_hash, const char *data_hash, char out[65],
                fr_err *err);
/** Identity of the task's rows: train, dev and eval. */
int fr_task_data_hash(const fr_task *task, char out[65], fr_err *err);
/** Writes a JSON document, whole or not at all. */
int fr_json_write(const char *dir, const char *name, const json_t *object, fr_err *err);
/** NAN becomes null. */
json_t *fr_json_number(double v);

#endif
