/* Texts to labels: features are counted, weighed and given to the solver; the best of a few
 * penalties is kept. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "classic/classic_priv.h"

#define CHARS_MIN     3
#define MANY_ROWS     2000
#define C_WITHOUT_DEV 8.0
static const double C_TRIED[] = { 1.0, 4.0, 16.0, 64.0 };

/* --- rows ----------------------------------------------------------------------------------- */

static int number_order(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

void row_weigh(feature_row *row, uint32_t *counts, size_t n, const float *idf,
               const uint8_t *is_char)
{
    double square[2] = { 0.0, 0.0 };
    row->n = 0;
    if (n > 1)
        fr_sort(counts, n, sizeof(*counts), number_order);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && counts[j] == counts[i]; j++) {
        }
        float value = (1.0f + logf((float)(j - i))) * idf[counts[i]];
        FR_GROW(row->at, row->n, row->cap);
        row->at[row->n++] = (feature_value){ counts[i], value };
        square[is_char[counts[i]]] += (double)value * value;
    }
    for (size_t i = 0; i < row->n; i++)
        row->at[i].value /= (float)sqrt(square[is_char[row->at[i].feature]]);
}

typedef struct {
    const vocabulary *known;
    uint32_t *at;
    size_t n, cap;
} known_grams;

static void note_known(void *user, fr_str gram)
{
    known_grams *g = user;
    uint32_t i = vocabulary_find(g->known, gram);
    if (i == VOCABULARY_NONE)
        return;
    FR_GROW(g->at, g->n, g->cap);
    g->at[g->n++] = i;
}

void classifier_row(const fr_classifier *c, fr_str text, feature_row *row)
{
    known_grams g = { .known = &c->features };
    grams_each(c->shape, text, note_known, &g);
    row_weigh(row, g.at, g.n, c->idf, c->is_char);
    free(g.at);
}

/* --- counting the training rows -------------------------------------------------------------- */

typedef struct {
    vocabulary all;
    uint32_t *n_rows;   /* [all.cap]: rows that hold it */
    uint32_t *last_row; /* [all.cap]: row + 1 that held it last */
    size_t cap;
    uint32_t *grams; /* of all rows, one after the other */
    size_t n, grams_cap;
    uint32_t row;
} counter;

static void count_gram(void *user, fr_str gram)
{
    counter *k = user;
    uint32_t i = vocabulary_add(&k->all, gram);
    if (i >= k->cap) {
        size_t cap = k->all.cap;
        k->n_rows = fr_array_resize(k->n_rows, cap, sizeof(*k->n_rows));
        k->last_row = fr_array_resize(k->last_row, cap, sizeof(*k->last_row));
        memset(k->n_rows + k->cap, 0, (cap - k->cap) * sizeof(*k->n_rows));
        memset(k->last_row + k->cap, 0, (cap - k->cap) * sizeof(*k->last_row));
        k->cap = cap;
    }
    if (k->last_row[i] != k->row + 1) {
        k->last_row[i] = k->row + 1;
        k->n_rows[i]++;
    }
    FR_GROW(k->grams, k->n, k->grams_cap);
    k->grams[k->n++] = i;
}

static void counter_fini(counter *k)
{
    vocabulary_fini(&k->all);
    free(k->n_rows);
    free(k->last_row);
    free(k->grams);
}

/* Features that stand in enough rows get numbers and weights; the old numbers become the new. */
static void keep_features(fr_classifier *c, counter *k, size_t n, size_t min_rows)
{
    uint32_t *new_of = FR_NEW_N(uint32_t, k->all.n);
    for (uint32_t i = 0; i < k->all.n; i++)
        new_of[i] = k->n_rows[i] >= min_rows
                        ? vocabulary_add(&c->features, vocabulary_at(&k->all, i))
                        : VOCABULARY_NONE;
    c->idf = FR_NEW_N(float, c->features.n);
    c->is_char = FR_NEW_N(uint8_t, c->features.n);
    for (uint32_t i = 0; i < k->all.n; i++) {
        if (new_of[i] == VOCABULARY_NONE)
            continue;
        c->idf[new_of[i]] = (float)(log((1.0 + (double)n) / (1.0 + k->n_rows[i])) + 1.0);
        c->is_char[new_of[i]] = vocabulary_at(&k->all, i).at[0] == 'c';
    }
    for (size_t g = 0; g < k->n; g++)
        k->grams[g] = new_of[k->grams[g]];
    free(new_of);
}

/* Builds the vocabulary and the rows; rows [n], each at owned. */
static void count_rows(fr_classifier *c, const fr_labelled *texts, size_t n, size_t min_rows,
                       feature_row *rows)
{
    counter k = { 0 };
    size_t *end = FR_NEW_N(size_t, n);
    for (size_t i = 0; i < n; i++) {
        k.row = (uint32_t)i;
        grams_each(c->shape, texts[i].text, count_gram, &k);
        end[i] = k.n;
    }
    keep_features(c, &k, n, min_rows);
    for (size_t i = 0; i < n; i++) {
        uint32_t *first = k.grams + (i > 0 ? end[i - 1] : 0);
        size_t held = 0;
        for (uint32_t *g = first; g < k.grams + end[i]; g++) {
            if (*g != VOCABULARY_NONE)
                first[held++] = *g;
        }
        row_weigh(&rows[i], first, held, c->idf, c->is_char);
    }
    free(end);
    counter_fini(&k);
}

/* --- labels ---------------------------------------------------------------------------------- */

/* Numbers the labels in the order of their first appearance. */
static int number_labels(fr_classifier *c, const fr_labelled *rows, size_t n, uint32_t *labels,
                         fr_err *err)
{
    vocabulary seen = { 0 };
    for (size_t i = 0; i < n; i++)
        labels[i] = vocabulary_add(&seen, fr_str_trim(rows[i].label));
    c->n_labels = seen.n;
    c->stride = (seen.n + LABEL_LANES - 1) / LABEL_LANES * LABEL_LANES;
    c->labels = FR_NEW_N(char *, seen.n);
    for (uint32_t i = 0; i < seen.n; i++)
        c->labels[i] = fr_str_dup(vocabulary_at(&seen, i));
    vocabulary_fini(&seen);
    if (c->n_labels < 2)
        return fr_fail(err, FR_E_USAGE, "Add rows of at least one other label.",
                       "all %zu training rows have the same label, '%s'", n, c->labels[0]);
    if (c->n_labels > LABELS_MAX)
        return fr_fail(err, FR_E_USAGE,
                       "Labels are classes; is this a task of kind answer or text?",
                       "the training rows have %zu different labels", c->n_labels);
    return 0;
}

/* --- choosing the penalty -------------------------------------------------------------------- */

typedef struct {
    feature_row *rows;
    uint32_t *labels; /* UINT32_MAX: none of ours */
    size_t n;
} dev_set;

static void dev_set_fini(dev_set *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->rows[i].at);
    free(d->rows);
    free(d->labels);
}

static void dev_set_init(dev_set *d, const fr_classifier *c, const fr_classifier_options *o)
{
    d->n = o->n_dev;
    d->rows = FR_NEW_N(feature_row, d->n);
    d->labels = FR_NEW_N(uint32_t, d->n);
    for (size_t i = 0; i < d->n; i++) {
        classifier_row(c, o->dev[i].text, &d->rows[i]);
        d->labels[i] = UINT32_MAX;
        for (size_t k = 0; k < c->n_labels; k++) {
            if (fr_str_is(fr_str_trim(o->dev[i].label), c->labels[k]))
                d->labels[i] = (uint32_t)k;
        }
    }
}

static size_t best_of(const float *z, size_t n)
{
    size_t best = 0;
    for (size_t k = 1; k < n; k++)
        best = z[k] > z[best] ? k : best;
    return best;
}

/* -ln of the label's share when the scores are multiplied by `scale`. */
static double loss_of(const float *z, size_t n, size_t label, double scale)
{
    double most = z[best_of(z, n)], sum = 0.0;
    for (size_t k = 0; k < n; k++)
        sum += exp(scale * (z[k] - most));
    return log(fmax(sum, 1.0)) - scale * (z[label] - most); /* the largest adds 1 */
}

typedef struct {
    size_t n_right;
    double loss, scale; /* at the scale (inverse temperature) where the loss is least */
} dev_result;

static double dev_loss(const dev_set *d, const float *z, const fr_classifier *c, double scale)
{
    double loss = 0.0;
    for (size_t i = 0; i < d->n; i++) {
        if (d->labels[i] != UINT32_MAX)
            loss += loss_of(z + i * c->stride, c->n_labels, d->labels[i], scale);
    }
    return loss;
}

/* The scale where the loss is least: it is convex in it, so a search by thirds finds it. */
static double fit_scale(const dev_set *d, const float *z, const fr_classifier *c)
{
    double low = log(0.05), high = log(20.0);
    for (int i = 0; i < 24; i++) {
        double a = low + (high - low) / 3.0, b = high - (high - low) / 3.0;
        if (dev_loss(d, z, c, exp(a)) <= dev_loss(d, z, c, exp(b)))
            high = b;
        else
            low = a;
    }
    return exp((low + high) / 2.0);
}

static dev_result try_on_dev(const dev_set *d, const fr_classifier *c, const dual_state *s)
{
    dev_result r = { .scale = 1.0 };
    float *z = FR_NEW_N(float, d->n * c->stride);
    for (size_t i = 0; i < d->n; i++) {
        label_math_here()->scores(z + i * c->stride, s->bias, s->weights, c->stride, &d->rows[i]);
        r.n_right += best_of(z + i * c->stride, c->n_labels) == d->labels[i];
    }
    r.scale = fit_scale(d, z, c);
    r.loss = dev_loss(d, z, c, r.scale);
    free(z);
    return r;
}

static void take_weights(fr_classifier *c, const dual_state *s, double scale)
{
    size_t n = c->features.n * c->stride;
    for (size_t i = 0; i < n; i++)
        c->weights_owned[i] = s->weights[i] * (float)scale;
    for (size_t k = 0; k < c->stride; k++)
        c->bias[k] = s->bias[k] * (float)scale;
    c->l2 = s->l2;
}

/* Climbs from the strongest penalty to the weakest, each from where the last ended, and stops when
 * a weaker one did no better twice. */
static int choose_penalty(fr_classifier *c, const dual_problem *d, dual_state *s,
                          const fr_classifier_options *o, fr_err *err)
{
    dev_set dev = { 0 };
    dev_set_init(&dev, c, o);
    dev_result kept = { 0 };
    int rc = 0, no_better = 0;
    for (size_t i = 0; i < FR_COUNT_OF(C_TRIED) && rc == 0 && no_better < 2; i++) {
        rc = dual_ascent(d, 1.0 / (C_TRIED[i] * (double)d->n), o->seed, s, o->progress, err);
        if (rc != 0)
            break;
        dev_result r = try_on_dev(&dev, c, s);
        fr_progress_step(o->progress, "classifier", (double)(i + 1), FR_COUNT_OF(C_TRIED),
                         "penalties", NULL);
        if (i == 0 || r.n_right > kept.n_right ||
            (r.n_right == kept.n_right && r.loss < kept.loss)) {
            kept = r;
            take_weights(c, s, r.scale);
            no_better = 0;
        } else {
            no_better++;
        }
    }
    dev_set_fini(&dev);
    return rc;
}

static int fit(fr_classifier *c, const dual_problem *d, const fr_classifier_options *o, fr_err *err)
{
    size_t n_weights = c->features.n * c->stride;
    dual_state s = { .bias = FR_NEW_N(float, c->stride) };
    void *at = NULL;
    int rc = fr_try_array(n_weights, sizeof(float), "the classifier's weights", &at, err);
    s.weights = at;
    at = NULL;
    if (rc == 0)
        rc = fr_try_array(d->n * c->stride, sizeof(float), "the rows' distributions", &at, err);
    s.p = at;
    if (rc == 0 && o->l2 == 0.0 && o->n_dev > 0) {
        at = NULL;
        rc = fr_try_array(n_weights, sizeof(float), "the classifier's weights", &at, err);
        c->weights_owned = at;
        if (rc == 0)
            rc = choose_penalty(c, d, &s, o, err);
    } else if (rc == 0) {
        double l2 = o->l2 != 0.0 ? o->l2 : 1.0 / (C_WITHOUT_DEV * (double)d->n);
        c->weights_owned = s.weights;
        rc = dual_ascent(d, l2, o->seed, &s, o->progress, err);
        if (rc == 0)
            take_weights(c, &s, 1.0);
        s.weights = NULL;
    }
    c->weights = c->weights_owned;
    free(s.weights);
    free(s.bias);
    free(s.p);
    return rc;
}

/* --- the door --------------------------------------------------------------------------------- */

int fr_classifier_train(const fr_labelled *rows, size_t n, const fr_classifier_options *options,
                        fr_classifier **out, fr_err *err)
{
    static const fr_classifier_options DEFAULT = { 0 };
    const fr_classifier_options *o = options != NULL ? options : &DEFAULT;
    *out = NULL;
    if (n == 0)
        return fr_fail(err, FR_E_USAGE, "Add labelled rows to the training data.",
                       "there are no rows to train a classifier on");
    if (n >= UINT32_MAX || o->word_ngrams < 0 || o->l2 < 0.0)
        return fr_fail(err, FR_E_USAGE, NULL, "the classifier's options or rows are out of range");
    fr_classifier *c = FR_NEW(fr_classifier);
    c->shape = (gram_shape){ .words_max = o->word_ngrams != 0 ? FR_MIN(o->word_ngrams, 8) : 2,
                             .chars_min = CHARS_MIN,
                             .chars_max = o->char_ngrams < 0    ? 0
                                          : o->char_ngrams == 0 ? 5
                                                                : FR_MIN(o->char_ngrams, 16) };
    uint32_t *labels = FR_NEW_N(uint32_t, n);
    feature_row *found = FR_NEW_N(feature_row, n);
    int rc = number_labels(c, rows, n, labels, err);
    if (rc == 0) {
        c->bias = FR_NEW_N(float, c->stride);
        count_rows(c, rows, n, o->min_rows != 0 ? o->min_rows : n >= MANY_ROWS ? 2 : 1, found);
        dual_problem d = { found, labels, n, c->features.n, c->n_labels, c->stride };
        rc = fit(c, &d, o, err);
    }
    for (size_t i = 0; i < n; i++)
        free(found[i].at);
    free(found);
    free(labels);
    if (rc != 0) {
        fr_classifier_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void fr_classifier_free(fr_classifier *c)
{
    if (c == NULL)
        return;
    for (size_t k = 0; c->labels != NULL && k < c->n_labels; k++)
        free(c->labels[k]);
    free(c->labels);
    vocabulary_fini(&c->features);
    free(c->is_char);
    free(c->idf);
    free(c->bias);
    free(c->weights_owned);
    fr_map_fini(&c->map);
    free(c);
}

size_t fr_classifier_n_labels(const fr_classifier *c)
{
    return c->n_labels;
}

const char *fr_classifier_label(const fr_classifier *c, size_t label)
{
    return label < c->n_labels ? c->labels[label] : NULL;
}

size_t fr_classifier_n_features(const fr_classifier *c)
{
    return c->features.n;
}

double fr_classifier_l2(const fr_classifier *c)
{
    return c->l2;
}

size_t fr_classifier_predict(const fr_classifier *c, fr_str text, double *probabilities)
{
    feature_row row = { 0 };
    float *z = FR_NEW_N(float, c->stride);
    classifier_row(c, text, &row);
    label_math_here()->scores(z, c->bias, c->weights, c->stride, &row);
    size_t best = best_of(z, c->n_labels);
    double sum = 0.0;
    for (size_t k = 0; probabilities != NULL && k < c->n_labels; k++)
        sum += probabilities[k] = exp((double)z[k] - z[best]);
    for (size_t k = 0; probabilities != NULL && k < c->n_labels; k++)
        probabilities[k] /= sum;
    free(z);
    free(row.at);
    return best;
}
