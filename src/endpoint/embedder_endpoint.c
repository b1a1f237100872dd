/* Our own engine as it makes embeddings, and scores pairs by a classification head. */
#include <stdlib.h>

#include "base/mem.h"
#include "endpoint/endpoint_priv.h"

#define TEXTS_AT_ONCE 32 /* between two looks at whether to stop */

typedef struct {
    fr_endpoint base;
    fr_embedder *embedder;
} embedder_endpoint;

static int embed(fr_endpoint *base, const fr_str *texts, size_t n, fr_embeddings *out,
                 const fr_progress *progress, fr_err *err)
{
    fr_embedder *e = ((embedder_endpoint *)base)->embedder;
    uint64_t before = fr_embedder_n_tokens(e);
    void *room;
    out->dim = fr_embedder_dim(e);
    FR_TRY(fr_try_array(n, out->dim * sizeof(float), "embeddings", &room, err));
    out->at = room;
    for (size_t first = 0; first < n; first += TEXTS_AT_ONCE) {
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu texts", first, n);
        FR_TRY(fr_embedder_embed(e, texts + first, FR_MIN(n - first, (size_t)TEXTS_AT_ONCE),
                                 out->at + first * out->dim, err));
    }
    out->tokens = (size_t)(fr_embedder_n_tokens(e) - before);
    return 0;
}

static int rank(fr_endpoint *base, fr_str query, const fr_str *passages, size_t n, double *scores,
                const fr_progress *progress, fr_err *err)
{
    fr_embedder *e = ((embedder_endpoint *)base)->embedder;
    size_t n_labels = fr_embedder_n_labels(e);
    if (n_labels == 0)
        return fr_fail(err, FR_E_UNSUPPORTED,
                       "Name a cross-encoder, as the files of rerankers are.",
                       "'%s' has no classification head", base->name);
    fr_str first[TEXTS_AT_ONCE];
    float *logits = FR_NEW_N(float, TEXTS_AT_ONCE *n_labels);
    int rc = 0;
    for (size_t i = 0; i < TEXTS_AT_ONCE; i++)
        first[i] = query;
    for (size_t at = 0; at < n && rc == 0; at += TEXTS_AT_ONCE) {
        size_t these = FR_MIN(n - at, (size_t)TEXTS_AT_ONCE);
        if (fr_progress_stopped(progress))
            rc = fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu passages", at, n);
        else
            rc = fr_embedder_classify(e, first, passages + at, these, logits, err);
        for (size_t i = 0; i < these && rc == 0; i++) /* of two labels the second says yes */
            scores[at + i] = (double)logits[i * n_labels + n_labels - 1] -
                             (n_labels > 1 ? (double)logits[i * n_labels] : 0.0);
    }
    free(logits);
    return rc;
}

static int mark(fr_endpoint *base, fr_buf *out, fr_err *err)
{
    const char *hex;
    FR_TRY(fr_model_hash(fr_embedder_model(((embedder_endpoint *)base)->embedder), &hex, err));
    fr_buf_put_s(out, hex);
    return 0;
}

static size_t context(const fr_endpoint *base)
{
    return fr_embedder_context(((const embedder_endpoint *)base)->embedder);
}

static void free_nothing(fr_endpoint *base)
{
    (void)base;
}

int fr_endpoint_embedder(fr_embedder *embedder, fr_endpoint **out, fr_err *err)
{
    static const endpoint_kind EMBEDS = {
        .local = true, .embed = embed, .context = context, .mark = mark, .free = free_nothing
    };
    static const endpoint_kind RANKS = {
        .local = true, .rank = rank, .context = context, .mark = mark, .free = free_nothing
    };
    (void)err;
    embedder_endpoint *e = FR_NEW(embedder_endpoint);
    e->base.kind = fr_embedder_n_labels(embedder) > 0 ? &RANKS : &EMBEDS;
    e->base.name = fr_dup(fr_model_name(fr_embedder_model(embedder)));
    e->embedder = embedder;
    *out = &e->base;
    return 0;
}
