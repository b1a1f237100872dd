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
    /** Penalty on the weights, in units of the mean loss: l2 = 1 / (C n) for scikit-learn's C.
     * 0: chosen on the dev rows among C = 1, 4, 16, 64, else C = 8. */
    double l2;
    const fr_labelled *dev;
    size_t n_dev;
    int word_ngrams; /* 0: 2 */
    int char_ngrams; /* 0: 3 to 5 within words; n: 3 to n; -1: off */
    size_t min_rows; /* a feature must stand in so many rows; 0: 1, or 2 from 2,000 rows on */
    uint64_t seed;   /* of the order in which rows are visited */
    const fr_progress *progress;
} fr_classifier_options;

/**
 * TF-IDF of words and of characters (each kind to unit length), multinomial logistic regression
 * with l2 penalty by exact dual coordinate ascent. With dev rows, probabilities are also calibrated
 * by a temperature. The same rows, options and seed give the same bits on any processor.
 *
 * rows, dev  borrowed for the call; dev labels that are not in rows count as wrong.
 * Errors     FR_E_USAGE for no rows or one class, naming it; FR_E_INTERRUPTED; FR_E_NO_MEMORY when
 *            features x labels do not fit.
 */
int fr_classifier_train(const fr_labelled *rows, size_t n, const fr_classifier_options *options,
                        fr_classifier **out, fr_err *err);
void fr_classifier_free(fr_classifier *c);
FR_AUTOPTR_DEFINE(fr_classifier);
size_t fr_classifier_n_labels(const fr_classifier *c);
const char *fr_classifier_label(const fr_classifier *c, size_t label);
size_t fr_classifier_n_features(const fr_classifier *c);
double fr_classifier_l2(const fr_classifier *c); /* the one that was chosen */
/** probabilities [n_labels] or NULL. Returns the best label. Thread-safe. */
size_t fr_classifier_predict(const fr_classifier *c, fr_str text, double *probabilities);
/** One file, whole or not at all; its layout is in classic/model_file.c. */
int fr_classifier_save(const fr_classifier *c, const char *path, fr_err *err);
/** Mapped: weights are read from the file as they are needed. FR_E_FORMAT for any other file. */
int fr_classifier_load(const char *path, fr_classifier **out, fr_err *err);

/**
 * The best answer span for a question inside passages, by a log-linear model over every short span
 * of every sentence. Appended to out; nothing when the passages are empty.
 *
 * learned  what examples of one's own taught; NULL: the general weights alone.
 */
typedef struct fr_extractor fr_extractor;
typedef double (*fr_idf_fn)(void *user, fr_str term);
void fr_extract_answer(const fr_extractor *learned, fr_str question, const fr_str *passages,
                       size_t n, fr_idf_fn idf, void *user, fr_buf *out);

/** A question, its answer, and passages of which one should hold it. */
typedef struct {
    fr_str question, answer;
    const fr_str *passages;
    size_t n_passages;
} fr_extract_example;

/**
 * Fits the model to examples: the general weights, and what goes with which word of a question,
 * by AdaGrad (Duchi et al. 2011, jmlr.org/papers/v12/duchi11a.html) with a penalty on leaving
 * where they began. Examples whose answer is no span are passed over. The same examples and seed
 * give the same bits. FR_E_INTERRUPTED.
 */
int fr_extractor_fit(const fr_extract_example *examples, size_t n, fr_idf_fn idf, void *user,
                     uint64_t seed, const fr_progress *progress, fr_extractor **out, fr_err *err);
void fr_extractor_free(fr_extractor *e);
FR_AUTOPTR_DEFINE(fr_extractor);
int fr_extractor_save(const fr_extractor *e, const char *path, fr_err *err);
/** FR_E_FORMAT for any other file. */
int fr_extractor_load(const char *path, fr_extractor **out, fr_err *err);

#endif
