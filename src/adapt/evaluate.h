/**
 * adapt/evaluate.h: how well a rung answers the eval rows, and what one answer costs: the same for
 * all rungs. The rows are read once; their outputs never reach the rung.
 */
#ifndef FR_ADAPT_EVALUATE_H
#define FR_ADAPT_EVALUATE_H

#include "adapt/outcome.h"

#define FR_EVALUATE_S 2.0 /* a request's figure covers at least so much of the rung's own work */

/**
 * Opens the rung (its "load" line), answers each eval input (as single requests, or gathered when
 * the hosting is batch), scores the answers, and answers again, unscored, until the figure of one
 * request covers 2 s. Between repetitions the rung forgets, so that no answer is served from what
 * the same question left behind. Fills quality, load, evaluate and request of out. Predictions are
 * left in the rung's folder (predictions.jsonl).
 */
int fr_evaluate(fr_run *run, fr_rung *r, const fr_data *eval, uint64_t seed, fr_outcome *out,
                fr_err *err);

#endif
