/**
 * rag/dense.h: an index's chunks by meaning: their vectors beside it, in INDEX.vectors.
 *
 *     fr_dense_options o = { .embedder = endpoint };
 *     FR_TRY(fr_dense_update("index.db", index, &o, pool, progress, &did, err));
 *     FR_TRY(fr_dense_open("index.db", index, &o, &dense, err));
 *     FR_TRY(fr_retrieve(index, dense, FR_STR("who built it?"), &(fr_retrieve_options){ .k = 5 },
 *                        &hits, &spent, err));
 *
 * A vector's id holds its chunk's number and a digest of its text, so that vectors of another state
 * of the index are known for what they are. One thread at a time.
 */
#ifndef FR_RAG_DENSE_H
#define FR_RAG_DENSE_H

#include "endpoint/endpoint.h"
#include "rag/rag.h"
#include "rag/vectors.h"

typedef struct fr_dense fr_dense;

typedef struct {
    fr_endpoint *embedder; /* borrowed; must stay as long as the dense side is open */
    fr_codes codes;        /* when it is built */
    const char *pooling;   /* pinned with the model; NULL: not stated */
    const char *prefix,
        *query_prefix; /* before each chunk, each question; NULL: as built, or none */
} fr_dense_options;

typedef struct {
    size_t n_embedded, n_kept, n_removed, tokens;
} fr_dense_counts;

/** INDEX.vectors; owned, free(). */
char *fr_dense_path(const char *index_path);
/**
 * Embeds what has no vector yet and takes away what is gone; what was embedded is committed every
 * few hundred chunks, so that a run that is killed goes on where it stopped.
 *
 * Errors  FR_E_UNSUPPORTED: vectors of another model are there, both named; those of the endpoint.
 */
int fr_dense_update(const char *index_path, fr_index *index, const fr_dense_options *options,
                    fr_pool *pool, const fr_progress *progress, fr_dense_counts *counts,
                    fr_err *err);
/** FR_E_NOT_FOUND: it has no vectors yet; FR_E_UNSUPPORTED: they are another model's. */
int fr_dense_open(const char *index_path, fr_index *index, const fr_dense_options *options,
                  fr_dense **out, fr_err *err);
void fr_dense_free(fr_dense *d);
FR_AUTOPTR_DEFINE(fr_dense);
const fr_vectors *fr_dense_vectors(const fr_dense *d);
/** Chunks of the index that have no vector. */
size_t fr_dense_n_missing(const fr_dense *d);
/**
 * Cosines of a question with the chunks; k whenever so many chunks pass the filters.
 *
 * tokens  computed for the question; may be NULL.
 * Errors  FR_E_UNSUPPORTED: the vectors are of another state of the index.
 */
int fr_dense_rank(fr_dense *d, fr_str query, size_t k, const fr_filter *filters, size_t n_filters,
                  fr_ranked *out, size_t *tokens, fr_err *err);

typedef enum { FR_MODE_NONE, FR_MODE_LEXICAL, FR_MODE_DENSE, FR_MODE_HYBRID } fr_mode;
/** "lexical", "dense", "hybrid"; NONE when it is none of them. */
fr_mode fr_mode_find(fr_str name);
const char *fr_mode_name(fr_mode mode);

typedef struct {
    fr_mode mode; /* NONE: hybrid with a dense side, else lexical */
    size_t k;
    size_t depth;          /* of each list before they are fused; 0: 100 or 4 k */
    double dense_weight;   /* in the fusion, beside 1 for words; 0: 1 */
    fr_endpoint *reranker; /* borrowed; NULL: none */
    size_t rerank_n;       /* of the best; 0: 20 */
    double variety;        /* 0…1, as in fr_search_options; by cosine where there are vectors */
    const fr_filter *filters;
    size_t n_filters;
    const fr_progress *progress;
} fr_retrieve_options;
/** What a question cost, by part. */
typedef struct {
    double embed_cpu_s, search_cpu_s, rerank_cpu_s;
    size_t embed_tokens, n_reranked;
} fr_retrieve_spent;
/**
 * Words, meaning or both (reciprocal rank fusion); the best again through a cross-encoder; variety;
 * the chunks' texts. Scores are those of the last of these steps.
 *
 * dense  NULL: by words alone.    spent  added to; may be NULL.
 */
int fr_retrieve(fr_index *index, fr_dense *dense, fr_str query, const fr_retrieve_options *options,
                fr_hits *out, fr_retrieve_spent *spent, fr_err *err);

#endif
