/* hybrid.c: words and meaning together, the best read again, some variety. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rag/dense_priv.h"

enum { DEPTH = 100, RERANK = 20 };

static const char *const MODES[] = { "", "lexical", "dense", "hybrid" };

fr_mode fr_mode_find(fr_str name)
{
    for (int m = FR_MODE_LEXICAL; m <= FR_MODE_HYBRID; m++) {
        if (fr_str_is(name, MODES[m]))
            return (fr_mode)m;
    }
    return FR_MODE_NONE;
}

const char *fr_mode_name(fr_mode mode)
{
    return (size_t)mode < FR_COUNT_OF(MODES) ? MODES[mode] : "";
}

typedef struct {
    fr_index *index;
    fr_dense *dense;
    fr_str query;
    const fr_retrieve_options *o;
    fr_retrieve_spent *spent;
    size_t wanted; /* before the last step */
} retrieval;

static int by_words(const retrieval *r, size_t k, fr_ranked *out, fr_err *err)
{
    double begin_s = fr_cpu_self_s();
    fr_search_options o = { .filters = r->o->filters,
                            .n_filters = r->o->n_filters,
                            .variety = r->dense == NULL ? r->o->variety : 0.0 };
    int rc = fr_index_rank(r->index, r->query, k, &o, out, err);
    r->spent->search_cpu_s += fr_cpu_self_s() - begin_s;
    return rc;
}

static int by_meaning(const retrieval *r, size_t k, fr_ranked *out, fr_err *err)
{
    double begin_s = fr_cpu_self_s();
    int rc = fr_dense_rank(r->dense, r->query, k, r->o->filters, r->o->n_filters, out,
                           &r->spent->embed_tokens, err);
    /* the model's work is by far the most of it */
    r->spent->embed_cpu_s += fr_cpu_self_s() - begin_s;
    return rc;
}

static int candidates(const retrieval *r, fr_mode mode, fr_ranked *out, fr_err *err)
{
    if (mode == FR_MODE_LEXICAL)
        return by_words(r, r->wanted, out, err);
    if (mode == FR_MODE_DENSE)
        return by_meaning(r, r->wanted, out, err);
    size_t depth = r->o->depth != 0 ? r->o->depth : FR_MAX((size_t)DEPTH, 4 * r->wanted);
    fr_ranked lists[2] = { { 0 } };
    double weights[2] = { 1.0, r->o->dense_weight > 0.0 ? r->o->dense_weight : 1.0 };
    int rc = by_words(r, depth, &lists[0], err);
    if (rc == 0)
        rc = by_meaning(r, depth, &lists[1], err);
    if (rc == 0)
        fr_ranked_fuse(lists, weights, 2, 0.0, r->wanted, out);
    fr_ranked_fini(&lists[0]);
    fr_ranked_fini(&lists[1]);
    return rc;
}

/* The best in the order of a cross-encoder; the others stay behind them as they were. */
static int rerank(const retrieval *r, fr_ranked *list, fr_err *err)
{
    size_t n = FR_MIN(list->n, r->o->rerank_n != 0 ? r->o->rerank_n : (size_t)RERANK);
    fr_ranked best = { .at = list->at, .n = n }, sorted = { 0 };
    FR_AUTO(fr_hits) read = { 0 };
    double begin_s = fr_cpu_self_s();
    FR_TRY(fr_index_read(r->index, &best, &read, err));
    fr_str *texts = FR_NEW_N(fr_str, n);
    double *scores = FR_NEW_N(double, n);
    for (size_t i = 0; i < read.n; i++)
        texts[i] = fr_str_of(read.at[i].text);
    int rc = fr_endpoint_rank(r->o->reranker, r->query, texts, read.n, scores, r->o->progress, err);
    for (size_t i = 0; i < read.n && rc == 0; i++)
        fr_ranked_offer(&sorted, n, read.at[i].chunk, scores[i]);
    if (rc == 0) {
        fr_ranked_sort(&sorted);
        memcpy(list->at, sorted.at, sorted.n * sizeof(*sorted.at));
        /* those behind get scores below, so that the list still falls */
        double least = sorted.n > 0 ? sorted.at[sorted.n - 1].score : 0.0;
        for (size_t i = sorted.n; i < list->n; i++)
            list->at[i].score = least - (double)(i - sorted.n + 1);
        r->spent->n_reranked += sorted.n;
    }
    r->spent->rerank_cpu_s += fr_cpu_self_s() - begin_s;
    fr_ranked_fini(&sorted);
    free(texts);
    free(scores);
    return rc;
}

/* Vectors of the candidates, by which their likeness is told. */
typedef struct {
    const fr_ranked *list;
    float *vectors; /* [list->n][dim]; zeros where there is none */
    size_t dim;
} likeness;

static const float *vector_of(const likeness *l, uint32_t chunk)
{
    for (size_t i = 0; i < l->list->n; i++) {
        if (l->list->at[i].chunk == chunk)
            return l->vectors + i * l->dim;
    }
    return NULL;
}

static double alike(void *user, uint32_t a, uint32_t b)
{
    const likeness *l = user;
    const float *x = vector_of(l, a), *y = vector_of(l, b);
    double dot = 0.0;
    for (size_t d = 0; x != NULL && y != NULL && d < l->dim; d++)
        dot += (double)x[d] * (double)y[d];
    return fmax(dot, 0.0);
}

static int vary(const retrieval *r, const fr_ranked *list, fr_ranked *out, fr_err *err)
{
    FR_AUTO(fr_hits) read = { 0 };
    FR_TRY(fr_index_read(r->index, list, &read, err));
    likeness l = { .list = list, .dim = fr_vectors_built_with(fr_dense_vectors(r->dense)).dim };
    l.vectors = FR_NEW_N(float, list->n *l.dim);
    for (size_t i = 0; i < read.n; i++)
        dense_vector_of(r->dense, &read.at[i], l.vectors + i * l.dim);
    fr_ranked_spread(list, 1.0 - r->o->variety, r->o->k, alike, &l, out);
    free(l.vectors);
    return 0;
}

static int last_steps(const retrieval *r, fr_ranked *list, fr_hits *out, fr_err *err)
{
    if (r->o->reranker != NULL && list->n > 0)
        FR_TRY(rerank(r, list, err));
    FR_AUTO(fr_ranked) varied = { 0 };
    if (r->o->variety > 0.0 && r->dense != NULL && list->n > 1)
        FR_TRY(vary(r, list, &varied, err));
    fr_ranked best = varied.n > 0 ? varied : *list;
    best.n = FR_MIN(best.n, r->o->k);
    return fr_index_read(r->index, &best, out, err);
}

int fr_retrieve(fr_index *index, fr_dense *dense, fr_str query, const fr_retrieve_options *o,
                fr_hits *out, fr_retrieve_spent *spent, fr_err *err)
{
    fr_retrieve_spent nowhere = { 0 };
    *out = (fr_hits){ 0 };
    fr_mode mode = o->mode != FR_MODE_NONE ? o->mode
                   : dense != NULL         ? FR_MODE_HYBRID
                                           : FR_MODE_LEXICAL;
    if (mode != FR_MODE_LEXICAL && dense == NULL)
        return fr_fail(err, FR_E_USAGE, "Name the model that made its vectors: --embed MODEL.",
                       "a search by meaning needs the model of the vectors");
    retrieval r = { .index = index,
                    .dense = dense,
                    .query = query,
                    .o = o,
                    .spent = spent != NULL ? spent : &nowhere };
    size_t rerank_n = o->rerank_n != 0 ? o->rerank_n : (size_t)RERANK;
    r.wanted = FR_MAX(o->k, o->reranker != NULL ? rerank_n : 0);
    if (o->variety > 0.0)
        r.wanted = FR_MAX(r.wanted, 4 * o->k);
    FR_AUTO(fr_ranked) list = { 0 };
    FR_TRY(candidates(&r, mode, &list, err));
    return list.n > 0 ? last_steps(&r, &list, out, err) : 0;
}
