/**
 * classic/classic.h: the traditional methods that a generative model must beat: TF-IDF with
 * multinomial logistic regression for labels, best-sentence extraction for questions.
 *
 *     FR_TRY(fr_classifier_train(rows, n, &(fr_classifier_options){ .seed = 1 }, &c, err));
 *     puts(fr_classifier_label(c, fr_classifier_predict(c, text, probabilities)));
 */
#ifndef FR_CLASSIC_CLASSIC_H
#define FR_CLASSIC_CLASSIC_H

#include <stdint.h>
#include "base/buf.h"
#include "base/progress.h"

typedef struct fr_classifier fr_classifier;

typedef struct {
    fr_str text, label;
} fr_labelled;
typedef struct {
    double l2; /* 0: chosen on the dev rows among a few, else 1e-4 */
    const fr_labelled *dev;
    size_t n_dev;
    int word_ngrams; /* 0: 2 */
    int char_ngrams; /* 0: 3 to 5 within words; -1: off */
    uint64_t seed;
    const fr_progress *progress;
} fr_classifier_options;

/** FR_E_USAGE for no rows or one class, naming it. */
int fr_classifier_train(const fr_labelled *rows, size_t n, const fr_classifier_options *options,
                        fr_classifier **out, fr_err *err);
void fr_classifier_free(fr_classifier *c);
FR_AUTOPTR_DEFINE(fr_classifier);
size_t fr_classifier_n_labels(const fr_classifier *c);
const char *fr_classifier_label(const fr_classifier *c, size_t label);
/** probabilities [n_labels] or NULL. Returns the best label. Thread-safe. */
size_t fr_classifier_predict(const fr_classifier *c, fr_str text, double *probabilities);
int fr_classifier_save(const fr_classifier *c, const char *path, fr_err *err);
int fr_classifier_load(const char *path, fr_classifier **out, fr_err *err);

/**
 * The best answer span for a question inside passages: the sentence that shares the most
 * (idf-weighted) words with it, then the part of the sentence the question does not already say.
 * Appended to out; nothing when the passages are empty.
 */
typedef double (*fr_idf_fn)(void *user, fr_str term);
void fr_extract_answer(fr_str question, const fr_str *passages, size_t n, fr_idf_fn idf, void *user,
                       fr_buf *out);

#endif
