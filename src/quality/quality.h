/**
 * quality/quality.h: metrics with direction, intervals, significance, the rule of the target.
 *
 *     const fr_metric *m = fr_metric_find("token-f1");
 *     for (size_t i = 0; i < n; i++)
 *         scores[i] = m->score(predictions[i], references[i]);
 *     fr_interval quality = fr_interval_of(scores, n, seed);
 *     if (fr_target_of(quality, m->better, 0.8) == FR_TARGET_MET) …
 *
 * Everything here is a function of its arguments: the same seed gives the same interval anywhere.
 */
#ifndef FR_QUALITY_QUALITY_H
#define FR_QUALITY_QUALITY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/progress.h"

typedef enum { FR_BETTER_NONE, FR_BETTER_HIGHER, FR_BETTER_LOWER } fr_better;

/**
 * accuracy     1 when the label is the same but for case and white space
 * exact-match  1 when the normalized answers are the same
 * token-f1     harmonic mean of precision and recall of the normalized answers' words
 * rouge-l      F-measure of the longest common subsequence of words
 * perplexity   of a text, by the engine (fr_engine_nll): has a direction, but no score of a row
 *
 * Normalized (exact-match, token-f1): lower case, no punctuation, no English articles, white space
 * collapsed, as SQuAD has it; punctuation is Unicode's (as MLQA has it), and a character of a
 * script written without spaces (Han, kana, Thai…) counts as a word.
 */
typedef struct {
    const char *name;
    fr_better better;
    /** One row in 0…1. NULL for perplexity. */
    double (*score)(fr_str prediction, fr_str reference);
    const char *source;
} fr_metric;

const fr_metric *fr_metric_find(const char *name); /* NULL: none */
const fr_metric *fr_metric_at(size_t i);           /* NULL after the last */

/** SQuAD's normalization as above, words parted by one space. Appended to out. */
void fr_answer_normalize(fr_str text, fr_buf *out);

/**
 * The user's own metric: a shell line that reads one JSON object a row on stdin, {"input",
 * "prediction", "reference"}, and writes one a row, {"score": number} or a bare number, in order.
 * scores [n]. Errors name the line that is rubbish (FR_E_CHILD) and the time limit (FR_E_LIMIT).
 * inputs may be NULL. timeout_s 0: none.
 */
int fr_metric_command(const char *shell, const char *cwd, double timeout_s, const fr_str *inputs,
                      const fr_str *predictions, const fr_str *references, size_t n, double *scores,
                      const fr_progress *progress, fr_err *err);

typedef struct {
    double value, low, high; /* NAN when n is 0 */
    size_t n;
} fr_interval;
/**
 * Mean with a 95% interval: Wilson's score interval when every score is 0 or 1, else the percentile
 * bootstrap of 2,000 resamples, whose row i of resample b is a function of (seed, b, i).
 */
fr_interval fr_interval_of(const double *scores, size_t n, uint64_t seed);
/**
 * Paired difference a - b by the bootstrap of the rows' differences; a tie when the interval holds
 * 0. a, b [n] are the scores of two systems on the same rows.
 */
fr_interval fr_interval_paired(const double *a, const double *b, size_t n, uint64_t seed);
/**
 * mean(b) / mean(a) - 1 of two samples that are not paired, with a 95% interval over the repeats.
 *
 * From 10 values a side on, up to 1,000 in all, the percentile bootstrap of both sides; below,
 * where it would be too narrow, and above, where it would only be slow, Welch's t on the logarithm
 * of each mean (delta method, Welch-Satterthwaite degrees of freedom). One value on a side has no
 * spread: low and high are then NAN. The values are above 0; value is NAN when a mean is not. n is
 * the smaller side's.
 */
fr_interval fr_interval_ratio(const double *a, size_t n_a, const double *b, size_t n_b,
                              uint64_t seed);
/**
 * McNemar's exact test (McNemar 1947): the probability, if both systems were as good as each other,
 * of counts at least as unlike as these of rows where one is right and the other wrong. Two-sided;
 * 1 when they never differ. a, b [n] are 0 or 1.
 */
double fr_mcnemar(const double *a, const double *b, size_t n);
/** The interval holds 0 (or there is nothing to tell). */
bool fr_interval_is_tie(fr_interval difference);

#define FR_TARGET_ROWS 30
typedef enum { FR_TARGET_NONE, FR_TARGET_MET, FR_TARGET_MISSED, FR_TARGET_UNDECIDED } fr_target;
/** Met when the low end (high end for lower-is-better) reaches it; under 30 rows: undecided. */
fr_target fr_target_of(fr_interval quality, fr_better better, double target);
/**
 * How many rows would decide it if the value stayed as it is: the interval narrows with the root of
 * the rows. 0 where the value itself does not reach the target, or on it (no number would do).
 */
size_t fr_target_rows(fr_interval quality, fr_better better, double target);
/** "met", "missed", "undecided"; "none". Static. */
const char *fr_target_name(fr_target t);

#endif
