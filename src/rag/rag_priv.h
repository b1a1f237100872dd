/* rag_priv.h: shared between the files of src/rag only. */
#ifndef FR_RAG_PRIV_H
#define FR_RAG_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "rag/fusion.h"
#include "rag/rag.h"
#include "store/store.h"

/* --- the container --------------------------------------------------------------------------
 *
 * An index is one SQLite file. What every way of search relies on:
 *
 *   header (key, value)             everything that made it; whoever adds a way of search adds keys
 *   document (id, source, …)        source is the user's id, unique
 *   chunk (id, document, number, start_bytes, end_bytes, text, …)
 *
 * chunk.id is the chunk's number everywhere (fusion.h, postings, vectors): 0, 1, … in the order of
 * coming. It stays the chunk's as long as that lives; a removed chunk's number is not given again,
 * so numbers may have gaps and `next_chunk` of the header is one more than the greatest ever given.
 * Vectors and the like stand in tables of their own, keyed by that number. The words' own tables
 * are drawn at the top of index_write.c.
 */

#define INDEX_FORMAT  "frugal-index"
#define INDEX_VERSION 2
#define CHUNKER       "structure-1" /* bumped whenever chunks_of gives something else */

/* --- chunks ---------------------------------------------------------------------------------- */

typedef struct {
    size_t start, end;     /* bytes of the text; white space at both ends left out */
    size_t title, title_n; /* its place in cuts.titles */
} cut;
typedef struct {
    cut *at;
    size_t n, cap;
    fr_buf titles;     /* headings that the chunks stand below, "A > B" */
    char *headings[6]; /* open at the end: a text that comes in pieces goes on below them */
} cuts;
void cuts_fini(cuts *c);

typedef struct {
    size_t most, overlap;  /* in the measure's unit */
    fr_measure_fn measure; /* NULL: characters */
    void *measure_user;
    bool markdown; /* # headings cut and become title paths */
} chunk_rule;
/** Cuts a text. Appended; a chunk is never empty, none ends inside a character. */
void chunks_of(fr_str text, const chunk_rule *rule, cuts *out);

/* --- terms ----------------------------------------------------------------------------------- */

enum { WORD_BYTES = 64, WORD_TERMS = 8 };
typedef enum { RUN_NONE, RUN_WORD, RUN_PAIRS } run_kind;
/** Walks through a text's words. Begin with .text filled, the rest zero. */
typedef struct {
    fr_str text;
    size_t at;
    bool inside; /* a run of pairs */
} word_scan;
/** The next word as it stands there (not folded), borrowed from the text; of a run without spaces
 * the next pair of characters. */
bool word_next(word_scan *s, fr_str *word, run_kind *kind);
/** In small letters, composed, compatible forms resolved; accents stay. Appended. */
void word_lower(fr_str word, fr_buf *out);
/** For matching: small, without accents and marks that are written as one likes. Appended. */
void word_strip(fr_str word, fr_buf *out);
/** A name such as getUserName. */
bool word_has_parts(fr_str word);

typedef struct analyzer analyzer;
/** FR_E_USAGE: no such name; FR_E_UNSUPPORTED: libstemmer is missing. */
int analyzer_new(const char *name, analyzer **out, fr_err *err);
void analyzer_free(analyzer *a);
FR_AUTOPTR_DEFINE(analyzer);
const char *analyzer_name(const analyzer *a);
/** Name, version and a fingerprint of its stems: what an index pins. */
const char *analyzer_mark(const analyzer *a);
/** The analyzer for a text, by its small words: a language's, or "plain". Static. */
const char *analyzer_guess(fr_str text);

typedef struct {
    size_t at, n; /* of text */
    bool quiet;   /* says nothing by itself: indexed, but asked for only when nothing else is */
} word_term;
typedef struct {
    word_term at[WORD_TERMS];
    size_t n;
    fr_buf text;
} word_terms;
void word_terms_fini(word_terms *t);
FR_AUTO_DEFINE(word_terms);
/** What a word is in the index: mostly one term. Replaces what is in out. */
void analyzer_word(analyzer *a, fr_str word, run_kind kind, word_terms *out);

/* --- postings -------------------------------------------------------------------------------- */

/*
 * The chunks that a term stands in, rising: for each a varint of (gap << 1 | once), the gap being
 * its number less the one before (the first: less the segment's first) and, unless once, a varint
 * of the count. Varints have 7 bits a byte, low first, the top bit set on all but the last.
 */
typedef struct {
    const uint8_t *at, *end;
    uint64_t last;
} posting_reader;
/** False at the end, or where the bytes are damaged. */
bool posting_next(posting_reader *r, uint64_t *chunk, uint32_t *count);
void posting_put(fr_buf *out, uint64_t gap, uint32_t count);

/** Postings of the chunks that came since the last flush, in memory. */
typedef struct postings postings;
postings *postings_new(analyzer *a);
void postings_free(postings *p);
/** Adds a chunk's words (title and text) under its number; numbers rise. Returns how many words
 * count for its length. */
uint32_t postings_add(postings *p, uint32_t number, fr_str title, fr_str text);
size_t postings_bytes(const postings *p); /* memory held */
size_t postings_n_chunks(const postings *p);
typedef int (*posting_fn)(void *user, fr_str term, size_t n, fr_str data, fr_err *err);
/** Each term in byte order, gaps counted from `first`; then empties. */
int postings_flush(postings *p, uint32_t first, posting_fn put, void *user, fr_err *err);

/* --- reading --------------------------------------------------------------------------------- */

typedef struct {
    int64_t id;
    uint32_t first, n; /* chunk numbers */
} segment;
#define LENGTH_GONE UINT32_MAX
/** What a search needs besides postings; read whole, again when the file has changed. */
typedef struct {
    segment *segments;
    size_t n_segments;
    uint32_t *lengths; /* [n_slots] words of each chunk; LENGTH_GONE: removed */
    size_t n_slots;
    size_t n_chunks, n_documents, n_words;
    size_t n_removed; /* chunks whose postings are still there */
    bool in_order;    /* numbers rise with document ids */
} shelf;
/** An existing index, to be read; whole also after a writer was killed. */
int index_store_open(const char *path, fr_store **out, fr_err *err);
int shelf_read(fr_store *store, shelf *out, fr_err *err);
void shelf_fini(shelf *s);
FR_AUTO_DEFINE(shelf);
/** Header values. FR_E_FORMAT for a number that is none. */
int header_text(fr_store *store, const char *key, char *out, size_t size, fr_err *err);
int header_number(fr_store *store, const char *key, size_t *out, fr_err *err);
int header_put(fr_store *store, const char *key, const char *value, fr_err *err);
int header_put_number(fr_store *store, const char *key, size_t value, fr_err *err);
/** Refuses what is no index or was made otherwise; opens its analyzer. */
int header_check(fr_store *store, const char *path, fr_index_options *options, analyzer **out,
                 fr_err *err);

struct fr_index {
    fr_store *store;
    fr_query *postings, *count, *read, *version;
    analyzer *analyzer;
    char tokenizer[128];
    fr_index_options options;
    shelf shelf;
    int64_t seen;   /* the store's data version that shelf is of */
    double *scores; /* [n_slots], zero between searches */
    double *norms;  /* [n_slots] k1 (1 - b + b length / mean) */
};
/** Brings the shelf up to date; inside a read transaction. */
int index_refresh(fr_index *index, fr_err *err);

/* --- second look ----------------------------------------------------------------------------- */

/** Adds to the first n of a list what their groups of letters have in common with the query, and
 * puts those n in order. */
int second_look(fr_index *index, fr_str query, size_t n, fr_ranked *list, fr_err *err);
/** The k of a list that are best and unlike each other. */
int spread_by_words(fr_index *index, double variety, size_t k, fr_ranked *list, fr_err *err);
/** Whether a folded word says nothing by itself. */
bool analyzer_is_quiet(const analyzer *a, fr_str stripped);

#endif
