/**
 * quality/quality.h: metrics with direction, intervals, significance.
 *
 *     const fr_metric *m = fr_metric_find("token-f1");
 *     double score = m->score(prediction, reference);
 *     fr_interval ci = fr_bootstrap_mean(scores, n, 0.95, seed);
 */
#ifndef FR_QUALITY_QUALITY_H
#define FR_QUALITY_QUALITY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

typedef enum { FR_BETTER_NONE, FR_BETTER_HIGHER, FR_BETTER_LOWER } fr_better;

typedef struct {
    const char *name; /* "accuracy", "exact-match", "token-f1", "rouge-l" */
    fr_better better;
    /** One row in 0…1, after the normalization the metric's source defines. */
    double (*score)(fr_str prediction, fr_str reference);
    const char *source;
} fr_metric;

const fr_metric *fr_metric_find(const char *name); /* NULL: none */
const fr_metric *fr_metric_at(size_t i);           /* NULL after the last */

typedef struct {
    double value, low, high;
    size_t n;
} fr_interval;
/** Mean with a 95% interval: Wilson's for 0/1 scores, percentile bootstrap (2,000) otherwise. */
fr_interval fr_interval_of(const double *scores, size_t n, uint64_t seed);
/** Paired difference a - b by bootstrap; a tie when the interval holds 0. */
fr_interval fr_interval_paired(const double *a, const double *b, size_t n, uint64_t seed);

typedef enum { FR_TARGET_NONE, FR_TARGET_MET, FR_TARGET_MISSED, FR_TARGET_UNDECIDED } fr_target;
/** Met when the low end (high end for lower-is-better) reaches it; under 30 rows: undecided. */
fr_target fr_target_of(fr_interval quality, fr_better better, double target);

#endif
