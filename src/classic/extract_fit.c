/*
 * What answer extraction learns from examples of one task. The general weights know what an answer
 * looks like in any text; a task has its own ways of asking, and they are few: which words of a
 * question go with which shape of an answer, which words in it, and which words around it.
 *
 * Training is on p(span) ~ exp(score) among the spans of a question; the target is spread over the
 * spans by how much of the answer they hold (F1 of words, without articles, to the sixth power), as
 * in bench/fit_extraction.py.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "classic/extract_priv.h"

#define EPOCHS       6
#define RATE_WEIGHTS 0.03
#define RATE_PAIRS   0.15
#define PENALTY      0.02 /* on the distance from where they began, a question */
#define EXAMPLES_MAX 2000 /* more teach little more and cost as much */
#define FEW_WRONG    3    /* of three wrong spans one is looked at */
#define ASKED_MAX    5
#define AROUND       2 /* words before and after a span */

/* ---- pairs ------------------------------------------------------------------------------------
 */

typedef enum { WITH_SHAPE = 1, WITH_INSIDE, WITH_BEFORE, WITH_AFTER } pair_kind;

static uint32_t bucket(uint64_t asked, uint64_t other, pair_kind kind)
{
    uint64_t h = (asked * 0x9e3779b97f4a7c15u) ^ (other * 0xc2b2ae3d27d4eb4fu) ^ kind;
    h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)(h >> 33) % EXTRACT_BUCKETS;
}

/* Words that ask: small letters or the question's first; names of what is asked about are not. */
static size_t asked_words(const question *q, uint64_t out[ASKED_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < q->p.n_words && n < ASKED_MAX; i++) {
        unsigned kinds = q->p.words[i].kinds;
        if (i == 0 || (!(kinds & (WORD_CAPITAL | WORD_STOP)) && q->weight[i] > 0.0))
            out[n++] = q->p.words[i].hash;
    }
    return n;
}

/* Names, numbers, dates and small words, one, two or more of them. */
static uint64_t shape_of(const extract_place *at)
{
    unsigned any = 0, all = ~0u;
    for (size_t i = at->first; i < at->end; i++) {
        any |= at->p->words[i].kinds;
        all &= at->p->words[i].kinds | ((at->p->words[i].kinds & WORD_STOP) ? WORD_CAPITAL : 0);
    }
    uint64_t words = FR_MIN(at->end - at->first, (size_t)3);
    return words | ((any & (WORD_CAPITAL | WORD_NUMBER | WORD_DATE | WORD_MONEY)) << 2) |
           ((all & (WORD_CAPITAL | WORD_NUMBER | WORD_DATE)) << 8) |
           ((at->p->words[at->first].kinds & WORD_ARTICLE) << 12);
}

size_t extract_pairs(const extract_place *at, uint32_t buckets[EXTRACT_PAIRS_MAX])
{
    uint64_t asked[ASKED_MAX];
    size_t n_asked = asked_words(at->q, asked), n = 0;
    const size_t from = at->first - FR_MIN(at->first - at->s.first, (size_t)AROUND);
    const size_t to = at->end + FR_MIN(at->s.end - at->end, (size_t)AROUND);
    for (size_t i = from; i < to; i++) {
        bool inside = i >= at->first && i < at->end;
        if (inside && (at->p->words[i].kinds & (WORD_CAPITAL | WORD_NUMBER | WORD_STOP)))
            continue;
        const uint64_t word = at->p->words[i].hash;
        pair_kind kind = inside ? WITH_INSIDE : i < at->first ? WITH_BEFORE : WITH_AFTER;
        for (size_t a = 0; a < n_asked && n < EXTRACT_PAIRS_MAX; a++)
            buckets[n++] = bucket(asked[a], word, kind);
    }
    uint64_t shape = shape_of(at);
    for (size_t a = 0; a < n_asked && n < EXTRACT_PAIRS_MAX; a++)
        buckets[n++] = bucket(asked[a], shape, WITH_SHAPE);
    return n;
}

float extract_score(const fr_extractor *e, const extract_place *at, const float features[EXTRACT_N])
{
    const float *weights = e != NULL ? e->weights : EXTRACT_WEIGHTS;
    float score = 0.0f;
    for (size_t i = 0; i < EXTRACT_N; i++)
        score += weights[i] * features[i];
    if (e == NULL)
        return score;
    uint32_t buckets[EXTRACT_PAIRS_MAX];
    size_t n = extract_pairs(at, buckets);
    for (size_t i = 0; i < n; i++)
        score += e->pairs[buckets[i]];
    return score;
}

/* ---- fitting ----------------------------------------------------------------------------------
 */

typedef struct {
    float features[EXTRACT_N];
    uint32_t buckets[EXTRACT_PAIRS_MAX];
    size_t n_buckets;
    double score, target, weight; /* weight: of how many spans it stands for */
} seen_span;

typedef struct {
    fr_extractor *e;
    passage answer;
    seen_span *spans;
    size_t n, cap, passed;
    double *gradient;  /* [EXTRACT_N + EXTRACT_BUCKETS] of one question */
    double *squares;   /* the same, of all before */
    uint32_t *touched; /* buckets with a gradient */
    size_t n_touched, touched_cap;
} fitting;

static double f1_of(const extract_place *at, const passage *answer)
{
    uint64_t used = 0; /* words of the answer that were met; a span is shorter than 64 */
    size_t common = 0, both = 0;
    for (size_t j = 0; j < answer->n_words; j++)
        both += !(answer->words[j].kinds & WORD_ARTICLE);
    for (size_t i = at->first; i < at->end; i++) {
        if (at->p->words[i].kinds & WORD_ARTICLE)
            continue;
        both++;
        for (size_t j = 0; j < FR_MIN(answer->n_words, (size_t)64); j++)
            if (!(used >> j & 1) && fr_str_equal(passage_fold(at->p, i), passage_fold(answer, j))) {
                used |= (uint64_t)1 << j;
                common++;
                break;
            }
    }
    return both > 0 ? 2.0 * (double)common / (double)both : 0.0;
}

static void keep_span(void *user, fr_str span, const extract_place *at,
                      const float features[EXTRACT_N])
{
    fitting *f = user;
    (void)span;
    const double f1 = f1_of(at, &f->answer);
    if (f1 <= 0.0 && f->passed++ % FEW_WRONG != 0)
        return;
    FR_GROW(f->spans, f->n, f->cap);
    seen_span *s = &f->spans[f->n++];
    memcpy(s->features, features, sizeof(s->features));
    s->n_buckets = extract_pairs(at, s->buckets);
    s->score = (double)extract_score(f->e, at, features);
    s->target = pow(f1, 6.0);
    s->weight = f1 > 0.0 ? 1.0 : (double)FEW_WRONG;
}

static void take_gradient(fitting *f)
{
    double most = -INFINITY, sum = 0.0, targets = 0.0;
    for (size_t i = 0; i < f->n; i++) {
        most = fmax(most, f->spans[i].score);
        targets += f->spans[i].target;
    }
    for (size_t i = 0; i < f->n; i++)
        sum += f->spans[i].weight * exp(f->spans[i].score - most);
    memset(f->gradient, 0, EXTRACT_N * sizeof(double));
    f->n_touched = 0;
    for (size_t i = 0; i < f->n; i++) {
        const seen_span *s = &f->spans[i];
        const double by = s->weight * exp(s->score - most) / sum - s->target / targets;
        for (size_t k = 0; k < EXTRACT_N; k++)
            f->gradient[k] += by * (double)s->features[k];
        for (size_t k = 0; k < s->n_buckets; k++) {
            double *g = &f->gradient[EXTRACT_N + s->buckets[k]];
            if (*g == 0.0) {
                FR_GROW(f->touched, f->n_touched, f->touched_cap);
                f->touched[f->n_touched++] = s->buckets[k];
            }
            *g += by;
        }
    }
}

static float stepped(fitting *f, size_t at, float value, double start, double rate)
{
    const double g = f->gradient[at] + PENALTY * ((double)value - start);
    f->squares[at] += g * g;
    return value - (float)(rate * g / sqrt(f->squares[at] + 1e-6));
}

static void take_step(fitting *f)
{
    for (size_t k = 0; k < EXTRACT_N; k++)
        f->e->weights[k] =
            stepped(f, k, f->e->weights[k], (double)EXTRACT_WEIGHTS[k], RATE_WEIGHTS);
    for (size_t t = 0; t < f->n_touched; t++) {
        const uint32_t b = f->touched[t];
        if (f->gradient[EXTRACT_N + b] == 0.0) /* it came twice, or cancelled */
            continue;
        f->e->pairs[b] = stepped(f, EXTRACT_N + b, f->e->pairs[b], 0.0, RATE_PAIRS);
        f->gradient[EXTRACT_N + b] = 0.0;
    }
}

static int learn(fitting *f, const fr_extract_example *examples, size_t n, fr_idf_fn idf,
                 void *user, uint64_t seed, const fr_progress *progress, fr_err *err)
{
    const size_t used = FR_MIN(n, (size_t)EXAMPLES_MAX);
    uint32_t *order = FR_NEW_N(uint32_t, n + 1);
    int rc = 0;
    for (size_t epoch = 0; epoch < EPOCHS && rc == 0; epoch++) {
        /* the first `used` of one order, so that all epochs see the same examples */
        fr_random_permutation(order, n, seed, FR_RANDOM_SHUFFLE, 0);
        for (size_t i = 0; i < used && rc == 0; i++) {
            const fr_extract_example *x = &examples[order[(i + epoch * used / EPOCHS) % used]];
            f->n = f->passed = 0;
            f->answer = (passage){ 0 };
            passage_read(&f->answer, x->answer);
            extract_spans(x->question, x->passages, x->n_passages, idf, user, keep_span, f);
            passage_fini(&f->answer);
            double targets = 0.0;
            for (size_t k = 0; k < f->n; k++)
                targets += f->spans[k].target;
            if (targets > 0.05) {
                take_gradient(f);
                take_step(f);
            }
            if (i % 16 == 0)
                fr_progress_step(progress, "learn", (double)(epoch * used + i),
                                 (double)(EPOCHS * used), "examples", NULL);
            if (fr_progress_stopped(progress))
                rc = fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu examples", i,
                             used);
        }
    }
    free(order);
    return rc;
}

int fr_extractor_fit(const fr_extract_example *examples, size_t n, fr_idf_fn idf, void *user,
                     uint64_t seed, const fr_progress *progress, fr_extractor **out, fr_err *err)
{
    *out = NULL;
    FR_AUTOPTR(fr_extractor) e = FR_NEW(fr_extractor);
    memcpy(e->weights, EXTRACT_WEIGHTS, sizeof(e->weights));
    fitting f = { .e = e,
                  .gradient = FR_NEW_N(double, EXTRACT_N + EXTRACT_BUCKETS),
                  .squares = FR_NEW_N(double, EXTRACT_N + EXTRACT_BUCKETS) };
    int rc = learn(&f, examples, n, idf, user, seed, progress, err);
    free(f.spans);
    free(f.gradient);
    free(f.squares);
    free(f.touched);
    FR_TRY(rc);
    *out = e;
    e = NULL;
    return 0;
}

void fr_extractor_free(fr_extractor *e)
{
    free(e);
}

/* ---- its file: a line that says what follows, sizes, the weights, the pairs that are not zero ---
 */

static const char HEAD[] = "frugal extractor 1\n";

typedef struct {
    uint32_t weights, buckets, pairs;
} sizes;
typedef struct {
    uint32_t bucket;
    float weight;
} stored_pair;

int fr_extractor_save(const fr_extractor *e, const char *path, fr_err *err)
{
    FR_AUTO(fr_file_out) out = { 0 };
    FR_AUTO(fr_buf) pairs = { 0 };
    for (uint32_t b = 0; b < EXTRACT_BUCKETS; b++)
        if (e->pairs[b] != 0.0f)
            fr_buf_put(&pairs, &(stored_pair){ b, e->pairs[b] }, sizeof(stored_pair));
    const sizes head = { EXTRACT_N, EXTRACT_BUCKETS, (uint32_t)(pairs.n / sizeof(stored_pair)) };
    FR_TRY(fr_file_out_open(&out, path, err));
    FR_TRY(fr_file_out_put(&out, HEAD, sizeof(HEAD) - 1, err));
    FR_TRY(fr_file_out_put(&out, &head, sizeof(head), err));
    FR_TRY(fr_file_out_put(&out, e->weights, sizeof(e->weights), err));
    FR_TRY(fr_file_out_put(&out, fr_buf_text(&pairs), pairs.n, err));
    return fr_file_out_commit(&out, err);
}

static int broken(const char *path, const char *why, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "Climb again with `--fresh`.",
                   "'%s' is not what answer extraction learned: %s", path, why);
}

static int read_pairs(fr_extractor *e, fr_str bytes, const char *path, fr_err *err)
{
    stored_pair pair;
    uint32_t next = 0;
    for (size_t i = 0; i < bytes.n / sizeof(pair); i++) {
        memcpy(&pair, bytes.at + i * sizeof(pair), sizeof(pair));
        if (pair.bucket < next || pair.bucket >= EXTRACT_BUCKETS)
            return broken(path, "pairs do not rise", err);
        if (!isfinite(pair.weight))
            return broken(path, "a pair's weight is no number", err);
        next = pair.bucket + 1;
        e->pairs[pair.bucket] = pair.weight;
    }
    return 0;
}

int fr_extractor_load(const char *path, fr_extractor **out, fr_err *err)
{
    *out = NULL;
    FR_AUTO(fr_buf) bytes = { 0 };
    FR_AUTOPTR(fr_extractor) e = FR_NEW(fr_extractor);
    sizes head;
    const size_t weights = sizeof(HEAD) - 1 + sizeof(head), pairs = weights + sizeof(e->weights);
    FR_TRY(fr_file_read(path, pairs + EXTRACT_BUCKETS * sizeof(stored_pair), &bytes, err));
    if (bytes.n < pairs || memcmp(bytes.at, HEAD, sizeof(HEAD) - 1) != 0)
        return broken(path, "it begins otherwise, or is cut", err);
    memcpy(&head, bytes.at + sizeof(HEAD) - 1, sizeof(head));
    if (head.weights != EXTRACT_N || head.buckets != EXTRACT_BUCKETS)
        return broken(path, "another version of frugal wrote it", err);
    if (bytes.n != pairs + head.pairs * sizeof(stored_pair))
        return broken(path, "its size is not what it says", err);
    memcpy(e->weights, bytes.at + weights, sizeof(e->weights));
    for (size_t i = 0; i < EXTRACT_N; i++)
        if (!isfinite(e->weights[i]))
            return broken(path, "a weight is no number", err);
    FR_TRY(read_pairs(e, (fr_str){ bytes.at + pairs, bytes.n - pairs }, path, err));
    *out = e;
    e = NULL;
    return 0;
}
