/* classic_priv.h: shared between the files of src/classic only. */
#ifndef FR_CLASSIC_PRIV_H
#define FR_CLASSIC_PRIV_H

#include <stdbool.h>

#include "base/file.h"
#include "classic/classic.h"

/* --- features: words and runs of characters ------------------------------------------------- */

typedef struct {
    int words_max;            /* words of 1…words_max */
    int chars_min, chars_max; /* characters of min…max inside " word "; max 0: none */
} gram_shape;

/** Told of each gram of a text: 'w' or 'c' in front, so that the two kinds never meet. */
typedef void (*gram_fn)(void *user, fr_str gram);
void grams_each(gram_shape shape, fr_str text, gram_fn fn, void *user);

/* --- vocabulary: strings with numbers ------------------------------------------------------- */

#define VOCABULARY_NONE UINT32_MAX
typedef struct {
    fr_buf text;     /* all grams, one after the other */
    uint32_t *begin; /* [n + 1] into text */
    uint32_t *slots; /* open addressing: number + 1, 0 is free */
    size_t n, cap, n_slots;
} vocabulary;
uint32_t vocabulary_find(const vocabulary *v, fr_str gram);
uint32_t vocabulary_add(vocabulary *v, fr_str gram);
fr_str vocabulary_at(const vocabulary *v, uint32_t i);
void vocabulary_fini(vocabulary *v);

/* --- rows ----------------------------------------------------------------------------------- */

typedef struct {
    uint32_t feature;
    float value;
} feature_value;
typedef struct {
    feature_value *at;
    size_t n, cap;
} feature_row;

/**
 * Counts (by number, any order, repeated) to a row: sublinear tf times idf, each kind of gram to
 * unit length, in the order of the features. counts is sorted in place.
 */
void row_weigh(feature_row *row, uint32_t *counts, size_t n, const float *idf,
               const uint8_t *is_char);

/* --- the classifier ------------------------------------------------------------------------- */

#define LABELS_MAX   65535
#define LABEL_LANES  8 /* a weight row is padded to whole vectors of labels */
#define FEATURES_MAX ((size_t)1 << 28)

struct fr_classifier {
    double l2;
    gram_shape shape;
    size_t n_labels, stride;
    char **labels;
    vocabulary features;
    uint8_t *is_char;     /* [features.n] */
    float *idf;           /* [features.n] */
    float *bias;          /* [stride], 0 in the padding */
    const float *weights; /* [features.n][stride]; owned, or inside map */
    float *weights_owned;
    fr_map map;
};

void classifier_row(const fr_classifier *c, fr_str text, feature_row *row);

/* --- arithmetic over labels (elementwise: the same on every processor) ----------------------- */

typedef struct {
    /** z[k] = bias[k] + sum over the row of value * weights[feature][k] */
    void (*scores)(float *z, const float *bias, const float *weights, size_t stride,
                   const feature_row *row);
    /** weights[feature][k] += value * d[k] */
    void (*add)(float *weights, size_t stride, const feature_row *row, const float *d);
    /** p becomes the best of this row's distributions, the others held; see dual_ascent.c */
    void (*best)(float *p, const float *z, float c, size_t n, size_t stride, float *work);
} label_math;
const label_math *label_math_here(void);
extern const label_math LABEL_MATH_PORTABLE;
#if defined(__x86_64__)
extern const label_math LABEL_MATH_AVX2;
#endif

/* --- training -------------------------------------------------------------------------------- */

typedef struct {
    const feature_row *rows;
    const uint32_t *labels;
    size_t n;
    size_t n_features, n_labels, stride;
} dual_problem;
typedef struct {
    float *weights; /* [n_features][stride] */
    float *bias;    /* [stride] */
    float *p;       /* [n][stride] distributions of the rows: the dual variables */
    double l2;      /* that weights belong to; 0: not begun */
    size_t epochs;  /* done, in all */
} dual_state;
/** Brings the state to the optimum for l2 (warm when it was at another). */
int dual_ascent(const dual_problem *problem, double l2, uint64_t seed, dual_state *state,
                const fr_progress *progress, fr_err *err);

#endif
