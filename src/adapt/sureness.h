/**
 * adapt/sureness.h: how sure a model is of the answers that it gave, by its own probabilities.
 *
 * Of labels: the softmax of their log-likelihoods after the prompt. Of text: the probability of the
 * whole answer with the line end behind it.
 */
#ifndef FR_ADAPT_SURENESS_H
#define FR_ADAPT_SURENESS_H

#include <stddef.h>

/** Each [n] or NULL: not wanted. NAN: the model said nothing. */
typedef struct {
    double *confidence; /* probability of the answer that was given */
    double *margin;     /* of labels: above the second best; of text: as confidence */
    double *labels;     /* [n][n_labels]; of text left alone */
    size_t n_labels;
} fr_sureness;

/** Row `at` of a label task, from log-likelihoods [n_labels]. */
void fr_sureness_put_labels(fr_sureness *s, size_t at, const double *loglik, size_t n_labels);
/** Row `at` of a text; NAN: unknown. */
void fr_sureness_put_text(fr_sureness *s, size_t at, double loglik);

#endif
