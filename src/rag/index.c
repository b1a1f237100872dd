/*
 * An index is one SQLite file:
 *
 *   header (key, value)                        what made it; checked before anything is read
 *   document (id, source)                      in the order of their names
 *   chunk (id, document, number, start, end, text)
 *   words                                      FTS5, contentless: title and text as terms; its
 *                                              rowid is the chunk's id
 *
 * Chunks are numbered in the order of document and place, so a tie in score is broken by rowid.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "rag/rag_priv.h"
#include "store/store.h"

#define FORMAT        "frugal-index"
#define VERSION       1
#define CHUNK_CHARS   1200
#define OVERLAP_CHARS 80
#define TITLE_WEIGHT  1.0

static const char SCHEMA[] =
    "CREATE TABLE header (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE document (id INTEGER PRIMARY KEY, source TEXT NOT NULL UNIQUE);"
    "CREATE TABLE chunk (id INTEGER PRIMARY KEY, document INTEGER NOT NULL, number INTEGER NOT "
    "NULL,"
    " start_bytes INTEGER NOT NULL, end_bytes INTEGER NOT NULL, text TEXT NOT NULL);"
    "CREATE VIRTUAL TABLE words USING fts5(title, body, content='',"
    " tokenize=\"unicode61 remove_diacritics 2 categories 'L* M* N*'\");";

struct fr_index {
    fr_store *store;
    fr_query *search, *count, *read;
    fr_index_options options;
    size_t n_chunks, n_documents;
};

/* --- building ----------------------------------------------------------------------------------
 */

typedef struct {
    fr_store *store;
    fr_query *document, *chunk, *words;
    fr_index_options options;
    size_t n_chunks;
    fr_buf title, body;
    chunks cuts;
} builder;

static void builder_fini(builder *b)
{
    fr_query_free(b->document);
    fr_query_free(b->chunk);
    fr_query_free(b->words);
    fr_store_free(b->store);
    fr_buf_fini(&b->title);
    fr_buf_fini(&b->body);
    free(b->cuts.at);
}

/* Runs a statement that gives no row, and makes it ready for the next. */
static int run(fr_query *q, fr_err *err)
{
    int rc = fr_query_step(q, err);
    fr_query_reset(q);
    return rc < 0 ? rc : 0;
}

static int put_chunk(builder *b, const fr_document *d, size_t document, size_t number, chunk cut,
                     fr_err *err)
{
    fr_str text = { d->text.at + cut.start, cut.end - cut.start };
    int64_t id = (int64_t)++b->n_chunks;
    fr_query_bind_i64(b->chunk, 1, id);
    fr_query_bind_i64(b->chunk, 2, (int64_t)document);
    fr_query_bind_i64(b->chunk, 3, (int64_t)number);
    fr_query_bind_i64(b->chunk, 4, (int64_t)cut.start);
    fr_query_bind_i64(b->chunk, 5, (int64_t)cut.end);
    fr_query_bind_str(b->chunk, 6, text);
    FR_TRY(run(b->chunk, err));
    fr_buf_clear(&b->body);
    terms_put(text, &b->body);
    fr_query_bind_i64(b->words, 1, id);
    fr_query_bind_str(b->words, 2, fr_buf_str(&b->title));
    fr_query_bind_str(b->words, 3, fr_buf_str(&b->body));
    return run(b->words, err);
}

static int put_document(builder *b, const fr_document *d, size_t number, fr_err *err)
{
    fr_query_bind_i64(b->document, 1, (int64_t)number);
    fr_query_bind_str(b->document, 2, d->id);
    FR_TRY(run(b->document, err));
    fr_buf_clear(&b->title);
    terms_put(d->title, &b->title);
    b->cuts.n = 0;
    chunks_of(d->text, b->options.chunk_chars, b->options.overlap_chars, &b->cuts);
    for (size_t i = 0; i < b->cuts.n; i++)
        FR_TRY(put_chunk(b, d, number, i, b->cuts.at[i], err));
    return 0;
}

static int put_header(builder *b, const char *key, const char *value, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(b->store, "INSERT INTO header VALUES (?, ?)", &q, err));
    fr_query_bind_text(q, 1, key);
    fr_query_bind_text(q, 2, value);
    return run(q, err);
}

static int put_number(builder *b, const char *key, size_t value, fr_err *err)
{
    char text[32];
    snprintf(text, sizeof(text), "%zu", value);
    return put_header(b, key, text, err);
}

static int by_id(const void *left, const void *right)
{
    const fr_document *a = *(const fr_document *const *)left,
                      *b = *(const fr_document *const *)right;
    int order = memcmp(a->id.at, b->id.at, FR_MIN(a->id.n, b->id.n));
    return order != 0 ? order : (a->id.n > b->id.n) - (a->id.n < b->id.n);
}

/* The documents in the order of their ids; FR_E_USAGE when two have the same. */
static int in_order(const fr_document *documents, size_t n, const fr_document **order, fr_err *err)
{
    for (size_t i = 0; i < n; i++)
        order[i] = &documents[i];
    if (n > 1)
        fr_sort(order, n, sizeof(*order), by_id);
    for (size_t i = 1; i < n; i++) {
        if (fr_str_equal(order[i - 1]->id, order[i]->id))
            return fr_fail(err, FR_E_USAGE, "Give each document an id of its own.",
                           "two documents have the id '%.*s'", FR_STR_F(order[i]->id));
    }
    return 0;
}

static int fill(builder *b, const fr_document *const *documents, size_t n, fr_err *err)
{
    FR_TRY(fr_store_exec(b->store, SCHEMA, err));
    FR_TRY(fr_store_prepare(b->store, "INSERT INTO document VALUES (?, ?)", &b->document, err));
    FR_TRY(
        fr_store_prepare(b->store, "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?)", &b->chunk, err));
    FR_TRY(fr_store_prepare(b->store, "INSERT INTO words (rowid, title, body) VALUES (?, ?, ?)",
                            &b->words, err));
    for (size_t i = 0; i < n; i++) {
        if (fr_progress_stopped(b->options.progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "the index was not finished");
        FR_TRY(put_document(b, documents[i], i + 1, err));
        fr_progress_step(b->options.progress, "index", (double)(i + 1), (double)n, "documents",
                         NULL);
    }
    FR_TRY(put_header(b, "format", FORMAT, err));
    FR_TRY(put_number(b, "version", VERSION, err));
    FR_TRY(put_header(b, "analyzer", ANALYZER, err));
    FR_TRY(put_number(b, "chunk_chars", b->options.chunk_chars, err));
    FR_TRY(put_number(b, "overlap_chars", b->options.overlap_chars, err));
    FR_TRY(put_number(b, "documents", n, err));
    FR_TRY(put_number(b, "chunks", b->n_chunks, err));
    return fr_store_exec(b->store, "INSERT INTO words (words) VALUES ('optimize')", err);
}

static int build_part(const char *part, const fr_document *const *documents, size_t n,
                      fr_index_options options, fr_err *err)
{
    builder b = { .options = options };
    int rc = fr_store_open(part, &b.store, err);
    /* One file in the end: nothing beside it that a copy could forget. */
    if (rc == 0)
        rc = fr_store_exec(b.store, "PRAGMA journal_mode = DELETE", err);
    if (rc == 0)
        rc = fr_store_begin(b.store, err);
    if (rc == 0) {
        rc = fill(&b, documents, n, err);
        if (rc == 0)
            rc = fr_store_commit(b.store, err);
        else
            fr_store_rollback(b.store);
    }
    builder_fini(&b);
    return rc;
}

int fr_index_build(const char *path, const fr_document *documents, size_t n,
                   const fr_index_options *options, fr_err *err)
{
    fr_index_options o = options != NULL ? *options : (fr_index_options){ 0 };
    o.chunk_chars = o.chunk_chars != 0 ? o.chunk_chars : CHUNK_CHARS;
    o.overlap_chars = o.overlap_chars != 0 ? o.overlap_chars : OVERLAP_CHARS;
    if (n == 0)
        return fr_fail(err, FR_E_USAGE, "Name a folder of .txt or .md files, or a .jsonl file.",
                       "there are no documents to index");
    if (o.chunk_chars < 16 || o.overlap_chars >= o.chunk_chars)
        return fr_fail(err, FR_E_USAGE, NULL,
                       "chunks of %zu characters with %zu of overlap cannot be made", o.chunk_chars,
                       o.overlap_chars);
    const fr_document **order = FR_NEW_N(const fr_document *, n);
    char *part = fr_dup_f("%s.%d.part", path, (int)getpid());
    unlink(part); /* left by a program that was killed */
    int rc = in_order(documents, n, order, err);
    if (rc == 0)
        rc = build_part(part, order, n, o, err);
    if (rc == 0 && rename(part, path) != 0)
        rc = fr_fail_errno(err, NULL, "cannot write '%s'", path);
    if (rc != 0)
        unlink(part);
    free(part);
    free(order);
    return rc;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static int header_text(fr_index *index, const char *key, char *out, size_t size, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(index->store, "SELECT value FROM header WHERE key = ?", &q, err));
    fr_query_bind_text(q, 1, key);
    int rc = fr_query_step(q, err);
    const char *value = rc == FR_ROW ? fr_query_text(q, 0) : NULL;
    snprintf(out, size, "%s", value != NULL ? value : "");
    return rc < 0 ? rc : 0;
}

static int header_number(fr_index *index, const char *key, size_t *out, fr_err *err)
{
    char text[32];
    long long value;
    FR_TRY(header_text(index, key, text, sizeof(text), err));
    if (!fr_str_to_i64(fr_str_of(text), &value) || value < 0)
        return fr_fail(err, FR_E_FORMAT, "Build the index again.",
                       "the index's header has no number '%s'", key);
    *out = (size_t)value;
    return 0;
}

static int check_header(fr_index *index, const char *path, fr_err *err)
{
    char format[32], version[32], analyzer[32];
    if (header_text(index, "format", format, sizeof(format), NULL) != 0 ||
        strcmp(format, FORMAT) != 0)
        return fr_fail(err, FR_E_FORMAT, "Name an index that frugal built.",
                       "'%s' is a database, but not an index of documents", path);
    FR_TRY(header_text(index, "version", version, sizeof(version), err));
    FR_TRY(header_text(index, "analyzer", analyzer, sizeof(analyzer), err));
    char ours[32];
    snprintf(ours, sizeof(ours), "%d", VERSION);
    if (strcmp(version, ours) != 0 || strcmp(analyzer, ANALYZER) != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Build the index again with this frugal.",
                       "'%s' was built with index version %s and analyzer %s, this frugal reads "
                       "version %s and analyzer %s",
                       path, version, analyzer, ours, ANALYZER);
    FR_TRY(header_number(index, "chunk_chars", &index->options.chunk_chars, err));
    FR_TRY(header_number(index, "overlap_chars", &index->options.overlap_chars, err));
    FR_TRY(header_number(index, "documents", &index->n_documents, err));
    return header_number(index, "chunks", &index->n_chunks, err);
}

int fr_index_open(const char *path, fr_index **out, fr_err *err)
{
    *out = NULL;
    FR_AUTOPTR(fr_index) index = FR_NEW(fr_index);
    FR_TRY(fr_store_open_read(path, &index->store, err));
    FR_TRY(check_header(index, path, err));
    FR_TRY(
        fr_store_prepare(index->store,
                         "SELECT rowid, bm25(words, ?, 1.0) AS score FROM words WHERE words MATCH ?"
                         " ORDER BY score, rowid LIMIT ?",
                         &index->search, err));
    FR_TRY(
        fr_store_prepare(index->store,
                         "SELECT document.source, number, start_bytes, end_bytes, text FROM chunk"
                         " JOIN document ON document.id = chunk.document WHERE chunk.id = ?",
                         &index->read, err));
    FR_TRY(fr_store_prepare(index->store, "SELECT count(*) FROM words WHERE words MATCH ?",
                            &index->count, err));
    *out = index;
    index = NULL;
    return 0;
}

void fr_index_free(fr_index *index)
{
    if (index == NULL)
        return;
    fr_query_free(index->search);
    fr_query_free(index->read);
    fr_query_free(index->count);
    fr_store_free(index->store);
    free(index);
}

size_t fr_index_n_chunks(const fr_index *index)
{
    return index->n_chunks;
}

size_t fr_index_n_documents(const fr_index *index)
{
    return index->n_documents;
}

fr_index_options fr_index_built_with(const fr_index *index)
{
    return index->options;
}

static int read_hit(fr_index *index, int64_t id, double score, fr_hits *out, fr_err *err)
{
    fr_query *q = index->read;
    fr_query_reset(q);
    fr_query_bind_i64(q, 1, id);
    int rc = fr_query_step(q, err);
    if (rc < 0)
        return rc;
    if (rc != FR_ROW)
        return fr_fail(err, FR_E_FORMAT, "Build the index again.",
                       "the index names a chunk %lld that it does not have", (long long)id);
    const char *source = fr_query_text(q, 0), *text = fr_query_text(q, 4);
    out->at[out->n++] = (fr_hit){ .id = fr_dup_f("%s#%lld", source != NULL ? source : "",
                                                 (long long)fr_query_i64(q, 1)),
                                  .source = fr_dup(source != NULL ? source : ""),
                                  .text = fr_dup(text != NULL ? text : ""),
                                  .score = score,
                                  .start = (size_t)fr_query_i64(q, 2),
                                  .end = (size_t)fr_query_i64(q, 3) };
    return 0;
}

int fr_index_search(fr_index *index, fr_str query, size_t k, fr_hits *out, fr_err *err)
{
    *out = (fr_hits){ 0 };
    FR_AUTO(fr_buf) terms = { 0 };
    terms_query(query, &terms);
    k = FR_MIN(k, index->n_chunks);
    if (terms.n == 0 || k == 0)
        return 0;
    out->at = FR_NEW_N(fr_hit, k);
    fr_query *q = index->search;
    fr_query_bind_f64(q, 1, TITLE_WEIGHT);
    fr_query_bind_str(q, 2, fr_buf_str(&terms));
    fr_query_bind_i64(q, 3, (int64_t)k);
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW && out->n < k) {
        rc = read_hit(index, fr_query_i64(q, 0), -fr_query_f64(q, 1), out, err);
        if (rc != 0)
            break;
    }
    fr_query_reset(q);
    fr_query_reset(index->read);
    if (rc < 0) {
        fr_hits_fini(out);
        return rc;
    }
    return 0;
}

void fr_hits_fini(fr_hits *hits)
{
    for (size_t i = 0; i < hits->n; i++) {
        free(hits->at[i].id);
        free(hits->at[i].source);
        free(hits->at[i].text);
    }
    free(hits->at);
    *hits = (fr_hits){ 0 };
}

double fr_index_idf(void *user, fr_str term)
{
    fr_index *index = user;
    FR_AUTO(fr_buf) terms = { 0 };
    terms_query(term, &terms);
    double n = 0.0, all = (double)index->n_chunks;
    if (terms.n > 0) {
        fr_query_bind_str(index->count, 1, fr_buf_str(&terms));
        if (fr_query_step(index->count, NULL) == FR_ROW)
            n = (double)fr_query_i64(index->count, 0);
        fr_query_reset(index->count);
    }
    return log(1.0 + (all - n + 0.5) / (n + 0.5));
}
