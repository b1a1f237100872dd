/**
 * rag/rag.h: an index over documents: chunks, BM25 on SQLite FTS5, user text always quoted.
 *
 *     FR_TRY(fr_documents_load("docs/", &documents, err));
 *     FR_TRY(fr_index_build("index.db", documents.at, documents.n, NULL, err));
 *     FR_TRY(fr_index_open("index.db", &index, err));
 *     FR_TRY(fr_index_search(index, FR_STR("where does it rain?"), 3, &hits, err));
 *     for (size_t i = 0; i < hits.n; i++)
 *         printf("%s (%.2f)\n%s\n", hits.at[i].id, hits.at[i].score, hits.at[i].text);
 *
 * What is found depends on documents, options and query alone. One thread at a time an index, any
 * number of indexes; several processes may read one file.
 */
#ifndef FR_RAG_RAG_H
#define FR_RAG_RAG_H

#include "base/buf.h"
#include "base/progress.h"

typedef struct fr_index fr_index;

typedef struct {
    fr_str id, text; /* id: path below the folder, or the row's, or its line's number */
    fr_str title;    /* searched with each chunk; may be empty */
} fr_document;
typedef struct {
    fr_document *at; /* sorted by id; owned by the list */
    size_t n;
    char *memory;
} fr_documents;
/**
 * A folder's .txt and .md files (below it too; names that begin with a dot are passed over), one
 * such file, or a .jsonl of {"id" or "_id"?, "title"?, "text"}. A .md file's title is its first
 * heading. Bytes that are not UTF-8 become U+FFFD, so that every text is text.
 *
 * Errors  FR_E_NOT_FOUND; FR_E_FORMAT naming file and line; FR_E_USAGE when there is no document;
 *         FR_E_LIMIT over 1 GiB in all.
 */
int fr_documents_load(const char *path, fr_documents *out, fr_err *err);
void fr_documents_fini(fr_documents *d);
FR_AUTO_DEFINE(fr_documents);

typedef struct {
    size_t chunk_chars;   /* 0: 1200; cut at paragraph, else sentence, else word ends */
    size_t overlap_chars; /* 0: 80; whole sentences repeated where a paragraph is cut */
    const fr_progress *progress;
} fr_index_options;

/** Whole or not at all: built under a temporary name. FR_E_USAGE for two documents of one id. */
int fr_index_build(const char *path, const fr_document *documents, size_t n,
                   const fr_index_options *options, fr_err *err);
/** FR_E_FORMAT: no index; FR_E_UNSUPPORTED: made by a frugal that cuts or reads words otherwise. */
int fr_index_open(const char *path, fr_index **out, fr_err *err);
void fr_index_free(fr_index *index);
FR_AUTOPTR_DEFINE(fr_index);
size_t fr_index_n_chunks(const fr_index *index);
size_t fr_index_n_documents(const fr_index *index);
/** What the index was built with. */
fr_index_options fr_index_built_with(const fr_index *index);

typedef struct {
    char *id, *source, *text; /* owned by the list; id "doc#2", numbered from 0 */
    double score;             /* BM25; higher is better */
    size_t start, end;        /* bytes of the document */
} fr_hit;
typedef struct {
    fr_hit *at;
    size_t n;
} fr_hits;
/** At most k, best first; ties by document id and place. No hit is not an error. */
int fr_index_search(fr_index *index, fr_str query, size_t k, fr_hits *out, fr_err *err);
void fr_hits_fini(fr_hits *hits);
FR_AUTO_DEFINE(fr_hits);
/** Inverse document frequency of a term among the chunks (ln(1 + (N - n + 0.5) / (n + 0.5))), for
 * the answer extraction: an fr_idf_fn whose user is the index. */
double fr_index_idf(void *index, fr_str term);

#endif
