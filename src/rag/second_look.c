/*
 * A second look at the chunks that came first: groups of four letters of their words against those
 * of the query's. Inflected forms and parts of compounds that stems did not bring together meet
 * here, and only a few dozen texts are read for it, where an index of such groups would be some
 * times as large as the one of words (docs/decisions/0069).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "rag/rag_priv.h"
#include "text/utf8.h"

#define GRAM_CHARS  4
#define GRAM_SHARE  0.3
#define GRAM_K1     0.9
#define GRAM_B      0.4
#define QUERY_GRAMS 1024
#define TEXT_BYTES  ((size_t)64 << 10) /* of a chunk that are looked at */

typedef void (*gram_fn)(void *user, uint64_t gram);

/* Groups of letters of "^word$"; a shorter word is one group. */
static void each_gram(fr_str word, gram_fn fn, void *user)
{
    char text[WORD_BYTES * 4 + 2];
    size_t starts[WORD_BYTES * 4 + 3], n_chars = 0, n = 0;
    if (word.n > sizeof(text) - 2)
        return;
    text[n++] = '^';
    memcpy(text + n, word.at, word.n);
    n += word.n;
    text[n++] = '$';
    for (size_t i = 0; i < n; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80)
            starts[n_chars++] = i;
    }
    starts[n_chars] = n;
    size_t chars = FR_MIN(n_chars, (size_t)GRAM_CHARS);
    for (size_t i = 0; i + chars <= n_chars; i++)
        fn(user, fr_hash64(text + starts[i], starts[i + chars] - starts[i], 4));
}

typedef struct {
    uint64_t gram;
    uint32_t in;    /* candidates that have it */
    uint32_t count; /* in the candidate that is read */
} query_gram;
typedef struct {
    query_gram at[QUERY_GRAMS * 2]; /* gram 0: free */
    size_t n, total;
} grams;

static query_gram *place_of(grams *g, uint64_t gram)
{
    size_t i = (size_t)gram & (FR_COUNT_OF(g->at) - 1);
    while (g->at[i].gram != 0 && g->at[i].gram != gram)
        i = (i + 1) & (FR_COUNT_OF(g->at) - 1);
    return &g->at[i];
}

static void ask_for(void *user, uint64_t gram)
{
    grams *g = user;
    query_gram *place = place_of(g, gram);
    if (place->gram == 0 && g->n < QUERY_GRAMS && gram != 0) {
        place->gram = gram;
        g->n++;
    }
}

static void count(void *user, uint64_t gram)
{
    grams *g = user;
    query_gram *place = place_of(g, gram);
    g->total++;
    place->count += place->gram != 0;
}

static void each_word_gram(const analyzer *quiet, fr_str text, gram_fn fn, void *user)
{
    word_scan scan = { .text = { text.at, FR_MIN(text.n, TEXT_BYTES) } };
    FR_AUTO(fr_buf) folded = { 0 };
    fr_str word;
    run_kind kind;
    while (word_next(&scan, &word, &kind)) {
        if (kind != RUN_WORD)
            continue; /* pairs are groups already */
        fr_buf_clear(&folded);
        word_strip(word, &folded);
        if (quiet == NULL || !analyzer_is_quiet(quiet, fr_buf_str(&folded)))
            each_gram(fr_buf_str(&folded), fn, user);
    }
}

/* A chunk's title and text, borrowed until the next. */
static int chunk_text(fr_index *index, uint32_t chunk, fr_str *title, fr_str *text, fr_err *err)
{
    fr_query *q = index->read;
    fr_query_reset(q);
    fr_query_bind_i64(q, 1, chunk);
    int rc = fr_query_step(q, err);
    if (rc == 0)
        return fr_fail(err, FR_E_FORMAT, "Build the index again.",
                       "the index names a chunk %u that it does not have", chunk);
    *title = rc == FR_ROW ? fr_query_blob(q, 4) : (fr_str){ 0 };
    *text = rc == FR_ROW ? fr_query_blob(q, 5) : (fr_str){ 0 };
    return rc < 0 ? rc : 0;
}

static double gram_score(const grams *g, const uint32_t *counts, const uint32_t *in, size_t n,
                         double length_ratio)
{
    double score = 0;
    for (size_t i = 0; i < g->n; i++) {
        double tf = counts[i],
               idf = log(1.0 + ((double)n - (double)in[i] + 0.5) / ((double)in[i] + 0.5));
        if (tf > 0)
            score += idf * tf * (GRAM_K1 + 1.0) /
                     (tf + GRAM_K1 * (1.0 - GRAM_B + GRAM_B * length_ratio));
    }
    return score;
}

/* Each candidate's counts of the query's groups: counts [n][g->n], totals [n], in [g->n]. */
static int count_all(fr_index *index, grams *g, const fr_ranked *list, size_t n, uint32_t *counts,
                     size_t *totals, uint32_t *in, fr_err *err)
{
    for (size_t i = 0; i < n; i++) {
        fr_str title, text;
        FR_TRY(chunk_text(index, list->at[i].chunk, &title, &text, err));
        g->total = 0;
        each_word_gram(NULL, title, count, g);
        each_word_gram(NULL, text, count, g);
        totals[i] = g->total;
        for (size_t s = 0, at = 0; s < FR_COUNT_OF(g->at); s++) {
            if (g->at[s].gram == 0)
                continue;
            counts[i * g->n + at] = g->at[s].count;
            in[at++] += g->at[s].count > 0;
            g->at[s].count = 0;
        }
    }
    return 0;
}

int second_look(fr_index *index, fr_str query, size_t n, fr_ranked *list, fr_err *err)
{
    n = FR_MIN(n, list->n);
    grams *g = FR_NEW(grams);
    each_word_gram(index->analyzer, query, ask_for, g);
    if (g->n == 0) {
        free(g);
        return 0;
    }
    uint32_t *counts = FR_NEW_N(uint32_t, n * g->n), *in = FR_NEW_N(uint32_t, g->n);
    size_t *totals = FR_NEW_N(size_t, n);
    int rc = count_all(index, g, list, n, counts, totals, in, err);
    fr_query_reset(index->read);
    if (rc == 0) {
        double mean = 0;
        for (size_t i = 0; i < n; i++)
            mean += (double)totals[i] / (double)n;
        for (size_t i = 0; i < n; i++)
            list->at[i].score += GRAM_SHARE * gram_score(g, counts + i * g->n, in, n,
                                                         mean > 0 ? (double)totals[i] / mean : 1);
        /* a stable sort: what was equal keeps its order */
        for (size_t i = 1; i < n; i++) {
            fr_rank moved = list->at[i];
            size_t j = i;
            for (; j > 0 && list->at[j - 1].score < moved.score; j--)
                list->at[j] = list->at[j - 1];
            list->at[j] = moved;
        }
    }
    free(counts);
    free(in);
    free(totals);
    free(g);
    return rc;
}

/* --- variety --------------------------------------------------------------------------------- */

typedef struct {
    uint32_t chunk;
    uint64_t *words; /* hashes, rising */
    size_t n;
} word_bag;
typedef struct {
    word_bag *at;
    size_t n;
} bags;

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void bag_of(const analyzer *a, fr_str text, word_bag *out)
{
    word_scan scan = { .text = { text.at, FR_MIN(text.n, TEXT_BYTES) } };
    FR_AUTO(fr_buf) folded = { 0 };
    fr_str word;
    run_kind kind;
    size_t cap = 0, kept = 0;
    while (word_next(&scan, &word, &kind)) {
        fr_buf_clear(&folded);
        word_strip(word, &folded);
        if (analyzer_is_quiet(a, fr_buf_str(&folded)))
            continue;
        FR_GROW(out->words, out->n, cap);
        out->words[out->n++] = fr_hash64(folded.at, folded.n, 0);
    }
    fr_sort(out->words, out->n, sizeof(*out->words), by_value);
    for (size_t i = 0; i < out->n; i++) {
        if (i == 0 || out->words[i] != out->words[i - 1])
            out->words[kept++] = out->words[i];
    }
    out->n = kept;
}

static const word_bag *bag_find(const bags *all, uint32_t chunk)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->at[i].chunk == chunk)
            return &all->at[i];
    }
    return NULL;
}

/* Words in common among all words of both (Jaccard). */
static double alike(void *user, uint32_t left, uint32_t right)
{
    const word_bag *a = bag_find(user, left), *b = bag_find(user, right);
    size_t common = 0;
    for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
        uint64_t x = a->words[i], y = b->words[j];
        common += x == y;
        i += x <= y;
        j += y <= x;
    }
    size_t all = a->n + b->n - common;
    return all > 0 ? (double)common / (double)all : 1.0;
}

int spread_by_words(fr_index *index, double variety, size_t k, fr_ranked *list, fr_err *err)
{
    bags all = { FR_NEW_N(word_bag, list->n), list->n };
    int rc = 0;
    for (size_t i = 0; i < list->n && rc == 0; i++) {
        fr_str title, text;
        all.at[i].chunk = list->at[i].chunk;
        rc = chunk_text(index, list->at[i].chunk, &title, &text, err);
        if (rc == 0)
            bag_of(index->analyzer, text, &all.at[i]);
    }
    fr_query_reset(index->read);
    if (rc == 0) {
        fr_ranked varied = { 0 };
        fr_ranked_spread(list, 1.0 - FR_MIN(variety, 1.0), k, alike, &all, &varied);
        fr_ranked_fini(list);
        *list = varied;
    }
    for (size_t i = 0; i < all.n; i++)
        free(all.at[i].words);
    free(all.at);
    return rc;
}
