/**
 * rag/rag.h: an index over documents: chunks by structure, words by language, BM25.
 *
 *     FR_TRY(fr_documents_load("docs/", &documents, err));
 *     FR_TRY(fr_index_build("index.db", documents.at, documents.n, NULL, err));
 *     FR_TRY(fr_index_open("index.db", &index, err));
 *     FR_TRY(fr_index_search(index, FR_STR("where does it rain?"), 3, &hits, err));
 *     for (size_t i = 0; i < hits.n; i++)
 *         printf("%s (%.2f)\n%s\n", hits.at[i].id, hits.at[i].score, hits.at[i].text);
 *
 * What is found depends on documents, options and query alone: not on the order in which documents
 * came, nor on whether they came at once. One thread at a time an index, any number of indexes;
 * several processes may read one file while one writes. Other doors: fusion.h (ranked lists),
 * documents.h (files of many formats), judge.h (evaluation).
 */
#ifndef FR_RAG_RAG_H
#define FR_RAG_RAG_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/progress.h"
#include "rag/fusion.h"

typedef struct fr_index fr_index;

/** From byte `text` of a document's text on, bytes are those of the original from `source` on. */
typedef struct {
    size_t text, source;
} fr_offset;
typedef struct {
    fr_str id, text;    /* id: path below the folder, or the row's, or its line's number */
    fr_str title;       /* searched with each chunk; may be empty */
    fr_str metadata;    /* a JSON object of texts, numbers and truths to filter by; may be empty */
    const char *origin; /* file, or file:line, for errors; may be NULL */
    bool markdown;      /* lines that begin with # are headings */
    const fr_offset *offsets; /* rising; none: text and original are the same bytes */
    size_t n_offsets;
} fr_document;
typedef struct {
    fr_document *at; /* sorted by id; owned by the list */
    size_t n;
    char *memory;
} fr_documents;
/**
 * A folder's documents (below it too; names that begin with a dot are passed over), one file, or
 * the rows of a .jsonl. What is read and how is said in documents.h.
 *
 * Errors  FR_E_NOT_FOUND; FR_E_FORMAT naming file and line; FR_E_USAGE when there is no document;
 *         FR_E_LIMIT over 1 GiB in all.
 */
int fr_documents_load(const char *path, fr_documents *out, fr_err *err);
void fr_documents_fini(fr_documents *d);
FR_AUTO_DEFINE(fr_documents);

/** How large a piece of text is, in tokens; never 0 for one that is not empty. */
typedef size_t (*fr_measure_fn)(void *user, fr_str text);

typedef struct {
    size_t chunk_chars;   /* 0: 1200; cut at headings, paragraphs, else sentences, else words */
    size_t overlap_chars; /* 0: 80; whole sentences repeated where a paragraph is cut */
    const char *analyzer; /* "plain", "en", "de", …; NULL or "auto": by the first texts' words */
    size_t chunk_tokens;  /* > 0: sizes are counted by `measure` instead */
    size_t overlap_tokens;
    fr_measure_fn measure;
    void *measure_user;
    const char *tokenizer; /* what measure counts with (name, hash): pinned in the header */
    double k1, b;          /* 0: 0.9 and 0.4; a b below 0 stands for 0 */
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
/** What the index was built with; texts are borrowed. */
fr_index_options fr_index_built_with(const fr_index *index);
/** Analyzer with version and fingerprint, as pinned. Borrowed. */
const char *fr_index_analyzer_mark(const fr_index *index);

typedef struct {
    char *id, *source, *text; /* owned by the list; id "doc#2", numbered from 0 */
    char *title;              /* the headings it stands below, "A > B"; "" */
    double score;             /* BM25 (and what the second look added); higher is better */
    size_t start, end;        /* bytes of the original document */
    uint32_t chunk;           /* its number: fusion.h */
} fr_hit;
typedef struct {
    fr_hit *at;
    size_t n;
} fr_hits;
/** At most k, best first, after a second look; ties by document id and place. No hit is not an
 * error. */
int fr_index_search(fr_index *index, fr_str query, size_t k, fr_hits *out, fr_err *err);
void fr_hits_fini(fr_hits *hits);
FR_AUTO_DEFINE(fr_hits);
/** Inverse document frequency of a term among the chunks (ln(1 + (N - n + 0.5) / (n + 0.5))), for
 * the answer extraction: an fr_idf_fn whose user is the index. */
double fr_index_idf(void *index, fr_str term);

/* --- step by step ------------------------------------------------------------------------- */

/** A document counts when, for each key, one of its filters holds. "source" is the id. */
typedef struct {
    fr_str key, value;
} fr_filter;
typedef struct {
    const fr_filter *filters;
    size_t n_filters;
    int second_look; /* 0: 50 chunks; n: that many; below 0: plain BM25 */
    double variety;  /* 0…1: lambda = 1 - variety of fr_ranked_spread() by common words; 0: off */
    /** As the user's filters: chunks that may be found. NULL: all. */
    bool (*keep)(void *user, uint32_t chunk);
    void *keep_user;
} fr_search_options;
/**
 * BM25 over the chunks: sum over the query's terms of idf tf (k1 + 1) / (tf + k1 (1 - b + b
 * length / mean length)), idf as above. Words that say nothing (of, the) are asked for only when
 * there is no other. The second look scores the best chunks' groups of four letters, which also
 * bridges inflection and compounds (0.3 of their BM25 among those chunks is added).
 *
 * out     empty; k whenever so many chunks have a term and pass the filters.
 * Source  Robertson and Zaragoza 2009, doi:10.1561/1500000019; idf as in Apache Lucene.
 */
int fr_index_rank(fr_index *index, fr_str query, size_t k, const fr_search_options *options,
                  fr_ranked *out, fr_err *err);
/** The chunks of a list, in its order, with its scores. */
int fr_index_read(fr_index *index, const fr_ranked *list, fr_hits *out, fr_err *err);
/** Which chunks pass filters: a bit a number, owned, free(); *n_numbers one more than the greatest
 * number. Removed chunks never pass. */
int fr_index_allowed(fr_index *index, const fr_filter *filters, size_t n, uint8_t **bits,
                     size_t *n_numbers, fr_err *err);
/** Every chunk that is there, in the order of their numbers; stops when fn returns an error. */
typedef int (*fr_chunk_fn)(void *user, uint32_t chunk, fr_str title, fr_str text, fr_err *err);
int fr_index_each(fr_index *index, uint32_t from, fr_chunk_fn fn, void *user, fr_err *err);

/**
 * Changing an index. A writer of a new index (fr_index_create) shows nothing until
 * fr_index_finish(); one of an index that is there (fr_index_update) shows what was committed, and
 * what was committed outlives a kill. One writer at a time; others wait ten seconds, then
 * FR_E_BUSY.
 */
typedef struct fr_index_writer fr_index_writer;
int fr_index_create(const char *path, const fr_index_options *options, fr_index_writer **out,
                    fr_err *err);
/** options: NULL, or what it is expected to have been built with: sizes, analyzer and tokenizer
 * that are stated and differ are refused (FR_E_UNSUPPORTED, both named). measure is needed where
 * the index counts in tokens. */
int fr_index_update(const char *path, const fr_index_options *options, fr_index_writer **out,
                    fr_err *err);
void fr_index_writer_free(fr_index_writer *w); /* what was not committed is gone */
FR_AUTOPTR_DEFINE(fr_index_writer);
typedef enum {
    FR_PUT_NONE,   /* an id that is there is an error that names both origins: FR_E_USAGE */
    FR_PUT_REPLACE /* the new one takes the place */
} fr_put_kind;
/** *replaced (may be NULL): there was one. */
int fr_index_put(fr_index_writer *w, const fr_document *d, fr_put_kind how, bool *replaced,
                 fr_err *err);
/** A document whose text comes in pieces (whole characters): the first with its head, as
 * fr_index_put(); then the others. offset: where the piece begins in the original. */
int fr_index_put_piece(fr_index_writer *w, const fr_document *d, size_t offset, bool first,
                       fr_put_kind how, bool *replaced, fr_err *err);
int fr_index_remove(fr_index_writer *w, fr_str id, bool *found, fr_err *err);
int fr_index_commit(fr_index_writer *w, fr_err *err);
/** Commits; a new index gets its name. */
int fr_index_finish(fr_index_writer *w, fr_err *err);
size_t fr_index_writer_n_documents(const fr_index_writer *w); /* put by it */
size_t fr_index_writer_n_chunks(const fr_index_writer *w);

/** A measure that needs no model: words, and every other sign (or character of a script without
 * spaces) by itself; FR_MEASURE_WORDS is its name. */
size_t fr_measure_words(void *unused, fr_str text);
#define FR_MEASURE_WORDS "words-1"

/** The analyzer that suits a text best, by its small words: "en", …, or "plain". Static. */
const char *fr_language_guess(fr_str text);

#endif
