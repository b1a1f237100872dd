/**
 * rag/rag.h: an index over documents: chunks, BM25 on SQLite FTS5, user text always quoted.
 *
 *     FR_TRY(fr_index_build("index.db", documents, n, &(fr_index_options){ 0 }, err));
 *     FR_TRY(fr_index_open("index.db", &index, err));
 *     FR_TRY(fr_index_search(index, FR_STR("where does it rain?"), 3, &hits, err));
 */
#ifndef FR_RAG_RAG_H
#define FR_RAG_RAG_H

#include "base/buf.h"
#include "base/progress.h"

typedef struct fr_index fr_index;

typedef struct {
    fr_str id, text; /* id: path below the folder, or the row's */
} fr_document;
typedef struct {
    fr_document *at; /* owned by the list */
    size_t n;
    char *memory;
} fr_documents;
/** A folder of .txt and .md (below it too), or a .jsonl of {"id"?, "title"?, "text"}. */
int fr_documents_load(const char *path, fr_documents *out, fr_err *err);
void fr_documents_fini(fr_documents *d);

typedef struct {
    size_t chunk_chars;   /* 0: 600; cut at sentence or paragraph ends */
    size_t overlap_chars; /* 0: 80 */
    const fr_progress *progress;
} fr_index_options;

/** Whole or not at all: built under a temporary name. */
int fr_index_build(const char *path, const fr_document *documents, size_t n,
                   const fr_index_options *options, fr_err *err);
int fr_index_open(const char *path, fr_index **out, fr_err *err);
void fr_index_free(fr_index *index);
FR_AUTOPTR_DEFINE(fr_index);
size_t fr_index_n_chunks(const fr_index *index);

typedef struct {
    char *id, *source, *text; /* owned by the list; id "doc#2" */
    double score;             /* higher is better */
    size_t start, end;        /* bytes of the document */
} fr_hit;
typedef struct {
    fr_hit *at;
    size_t n;
} fr_hits;
/** At most k, best first; ties by id. No hit is not an error. */
int fr_index_search(fr_index *index, fr_str query, size_t k, fr_hits *out, fr_err *err);
void fr_hits_fini(fr_hits *hits);
/** Inverse document frequency of a term among the chunks, for the answer extraction. */
double fr_index_idf(void *index, fr_str term);

#endif
