/**
 * rag/retriever.h: one door to stores of passages, here or shared by many.
 *
 *     FR_TRY(fr_retriever_open("opensearch+https://search.example.org/handbook", NULL, &r, err));
 *     FR_TRY(fr_retriever_add(r, passages, n, NULL, err));
 *     FR_TRY(fr_retriever_search(r, &(fr_question){ .text = FR_STR("who built it?"), .k = 3 },
 *                                &hits, err));
 *
 * | address | what stands there | add | by meaning |
 * | --- | --- | --- | --- |
 * | `FILE` | an index that frugal built | no | beside it: rag/vectors.h |
 * | `postgresql://HOST/DB?table=NAME` | PostgreSQL: BM25 over its full text | yes | yes, by
 * pgvector where it is installed | | `opensearch+https://HOST/INDEX` | OpenSearch or Elasticsearch:
 * _bulk, _search | yes | yes | | `kendra:REGION/INDEX_ID` | Amazon Kendra: Retrieve | no | its own
 * |
 *
 * Keys come from the environment and are in no error: OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD,
 * AWS_… where the host is Amazon's (signed requests), PostgreSQL's own. FRUGAL_OFFLINE=1 refuses
 * all but files and socket files. One thread at a time a retriever.
 */
#ifndef FR_RAG_RETRIEVER_H
#define FR_RAG_RETRIEVER_H

#include "rag/rag.h"

typedef struct fr_retriever fr_retriever;

typedef struct {
    double timeout_s;     /* of one exchange; 0: 30 */
    int retries;          /* of what passes: throttling, lost connections; 0: 4, below 0: none */
    double backoff_s;     /* before the first of them, doubled each time; 0: 0.5 */
    const char *language; /* PostgreSQL's configuration ("english", "simple"…) when a table is made;
                             NULL: "simple" */
    const char *model_hash; /* of vectors that will be added or asked with: pinned; NULL: none */
    const char *model;      /* its name, for errors */
} fr_retriever_options;

/** Does it name a store, and not a file? */
bool fr_retriever_is_store(const char *url);
/** Errors: FR_E_USAGE an address that is none; FR_E_UNSUPPORTED a store built with another model,
 * both named; those of the store. */
int fr_retriever_open(const char *url, const fr_retriever_options *options, fr_retriever **out,
                      fr_err *err);
void fr_retriever_close(fr_retriever *r);
static inline void fr_retriever_free(fr_retriever *r)
{
    fr_retriever_close(r);
}
FR_AUTOPTR_DEFINE(fr_retriever);
/** "file", "postgresql", "opensearch", "kendra". Static. */
const char *fr_retriever_kind(const fr_retriever *r);
/** The address without secrets. Borrowed. */
const char *fr_retriever_name(const fr_retriever *r);

/** Borrowed for the call. */
typedef struct {
    fr_str id;                  /* of the passage; one that is there already is replaced */
    fr_str source, title, text; /* the document's id, its title, the passage */
    size_t start, end;          /* bytes of the document */
    const float *vector;        /* [dim]; NULL: none */
    size_t dim;
} fr_passage;
/**
 * Adds all or tells which are missing: after an error those that were taken stay, and adding all
 * again is harmless.
 *
 * Errors  FR_E_UNSUPPORTED the store takes none; FR_E_FAILED names the first passage that was
 *         refused, why, and how many were; those of the network.
 */
int fr_retriever_add(fr_retriever *r, const fr_passage *passages, size_t n,
                     const fr_progress *progress, fr_err *err);
/** Takes passages away; those that are not there are no error. */
int fr_retriever_remove(fr_retriever *r, const fr_str *ids, size_t n, fr_err *err);

typedef struct {
    fr_str text;         /* by words; empty: by meaning alone */
    const float *vector; /* by meaning; NULL: by words alone. Both: fused by rank */
    size_t dim;
    size_t k;
    fr_str source; /* only passages of this document; empty: of all */
} fr_question;
/** At most k, best first; scores are the store's own. No hit is not an error. */
int fr_retriever_search(fr_retriever *r, const fr_question *question, fr_hits *out, fr_err *err);

#endif
