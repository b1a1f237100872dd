/*
 * Making and changing an index. One SQLite file:
 *
 *   header (key, value)                        what made it; checked before anything is read
 *   document (id, source, origin, metadata)    in the order of coming
 *   meta (key, value, document)                metadata to filter by
 *   chunk (id, document, number, start_bytes, end_bytes, title, text)
 *   segment (id, first, n, lengths)            a run of chunk numbers that were written together,
 *                                              with the words of each: u32, little-endian
 *   posting (segment, term, n, data)           rag_priv.h says what data holds
 *   removed (chunk)                            whose postings are still in a segment
 *
 * Words gather in memory and become a segment at each commit, or when they are too many. Segments
 * of one size are merged eight at a time, so that a document is written anew a few times at most
 * and a search looks into a few dozen segments at most. A removed document's chunks go at once, its
 * postings with the next merge. All counts that BM25 needs are kept as of the documents that are
 * there: an index that grew and one that was built at once give the same scores, bit by bit.
 *
 * A new index is built without a journal under a temporary name. One that is there is changed in
 * transactions of the write-ahead log: readers go on, and what was committed outlives a kill.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "rag/rag_priv.h"

#define CHUNK_CHARS    1200
#define OVERLAP_CHARS  80
#define K1             0.9
#define B              0.4
#define MEMORY_BYTES   ((size_t)160 << 20) /* of postings before they become a segment */
#define MERGE_SEGMENTS 8
#define SAMPLE_BYTES   ((size_t)64 << 10) /* by which a language is guessed */
#define METADATA_LIMIT 256                /* keys of a document */

static const char SCHEMA[] =
    "CREATE TABLE header (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE document (id INTEGER PRIMARY KEY, source TEXT NOT NULL UNIQUE, origin TEXT,"
    " metadata TEXT);"
    "CREATE TABLE meta (key TEXT NOT NULL, value TEXT NOT NULL, document INTEGER NOT NULL,"
    " PRIMARY KEY (key, value, document)) WITHOUT ROWID;"
    "CREATE TABLE chunk (id INTEGER PRIMARY KEY, document INTEGER NOT NULL, number INTEGER NOT "
    "NULL, start_bytes INTEGER NOT NULL, end_bytes INTEGER NOT NULL, title TEXT NOT NULL,"
    " text TEXT NOT NULL);"
    "CREATE INDEX chunk_of ON chunk (document);"
    "CREATE TABLE segment (id INTEGER PRIMARY KEY, first INTEGER NOT NULL, n INTEGER NOT NULL,"
    " lengths BLOB NOT NULL);"
    "CREATE TABLE posting (segment INTEGER NOT NULL, term TEXT NOT NULL, n INTEGER NOT NULL,"
    " data BLOB NOT NULL, PRIMARY KEY (segment, term)) WITHOUT ROWID;"
    "CREATE TABLE removed (chunk INTEGER PRIMARY KEY);";

enum {
    SQL_FIND,
    SQL_DOCUMENT,
    SQL_META,
    SQL_CHUNK,
    SQL_CHUNKS_OF,
    SQL_REMOVED,
    SQL_DROP_CHUNKS,
    SQL_DROP_META,
    SQL_DROP_DOCUMENT,
    SQL_SEGMENT,
    SQL_POSTING,
    N_SQL
};
static const char *const SQL[N_SQL] = {
    [SQL_FIND] = "SELECT id, origin FROM document WHERE source = ?",
    [SQL_DOCUMENT] = "INSERT INTO document VALUES (?, ?, ?, ?)",
    [SQL_META] = "INSERT OR IGNORE INTO meta VALUES (?, ?, ?)",
    [SQL_CHUNK] = "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?)",
    [SQL_CHUNKS_OF] = "SELECT id FROM chunk WHERE document = ?",
    [SQL_REMOVED] = "INSERT INTO removed VALUES (?)",
    [SQL_DROP_CHUNKS] = "DELETE FROM chunk WHERE document = ?",
    [SQL_DROP_META] = "DELETE FROM meta WHERE document = ?",
    [SQL_DROP_DOCUMENT] = "DELETE FROM document WHERE id = ?",
    [SQL_SEGMENT] = "INSERT INTO segment VALUES (?, ?, ?, ?)",
    [SQL_POSTING] = "INSERT INTO posting VALUES (?, ?, ?, ?)",
};

struct fr_index_writer {
    char *path, *part; /* part NULL: the index is there */
    fr_store *store;
    fr_query *sql[N_SQL];
    fr_index_options options;
    char analyzer_name[8], tokenizer[128];
    chunk_rule rule;
    analyzer *analyzer;
    postings *postings;
    fr_buf lengths; /* u32 of the chunks in postings */
    cuts cuts;
    bool begun, finished;
    /* of the store, as of this transaction */
    size_t next_chunk, next_document, n_documents, n_chunks, n_words, next_segment;
    bool in_order;
    fr_buf last_id;
    /* what this writer put */
    size_t put_documents, put_chunks;
    int64_t document; /* open for more pieces */
    size_t number;
};

static int run(fr_query *q, fr_err *err)
{
    int rc = fr_query_step(q, err);
    fr_query_reset(q);
    return rc < 0 ? rc : 0;
}

void fr_index_writer_free(fr_index_writer *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < N_SQL; i++)
        fr_query_free(w->sql[i]);
    if (w->store != NULL && w->begun)
        fr_store_rollback(w->store);
    if (w->store != NULL && w->part == NULL && w->path != NULL)
        /* Back to one file, if nobody else reads: a copy forgets nothing, and a folder may be
         * read-only. Not waited for. */
        (void)(fr_store_exec(w->store, "PRAGMA busy_timeout = 0", NULL) == 0 &&
               fr_store_exec(w->store, "PRAGMA journal_mode = DELETE", NULL) == 0);
    fr_store_free(w->store);
    if (w->part != NULL && !w->finished)
        unlink(w->part);
    postings_free(w->postings);
    analyzer_free(w->analyzer);
    cuts_fini(&w->cuts);
    fr_buf_fini(&w->lengths);
    fr_buf_fini(&w->last_id);
    free(w->path);
    free(w->part);
    free(w);
}

/* --- header ---------------------------------------------------------------------------------- */

int header_put(fr_store *store, const char *key, const char *value, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(store, "INSERT OR REPLACE INTO header VALUES (?, ?)", &q, err));
    fr_query_bind_text(q, 1, key);
    fr_query_bind_text(q, 2, value);
    return run(q, err);
}

int header_put_number(fr_store *store, const char *key, size_t value, fr_err *err)
{
    char text[32];
    snprintf(text, sizeof(text), "%zu", value);
    return header_put(store, key, text, err);
}

static int put_numbers(fr_index_writer *w, fr_err *err)
{
    FR_TRY(header_put_number(w->store, "documents", w->n_documents, err));
    FR_TRY(header_put_number(w->store, "chunks", w->n_chunks, err));
    FR_TRY(header_put_number(w->store, "words", w->n_words, err));
    FR_TRY(header_put_number(w->store, "next_chunk", w->next_chunk, err));
    FR_TRY(header_put_number(w->store, "next_document", w->next_document, err));
    FR_TRY(header_put_number(w->store, "next_segment", w->next_segment, err));
    FR_TRY(header_put_number(w->store, "in_order", w->in_order, err));
    return header_put(w->store, "last_id", fr_buf_text(&w->last_id), err);
}

static int put_made_with(fr_index_writer *w, fr_err *err)
{
    char number[32];
    const fr_index_options *o = &w->options;
    FR_TRY(header_put(w->store, "format", INDEX_FORMAT, err));
    FR_TRY(header_put_number(w->store, "version", INDEX_VERSION, err));
    FR_TRY(header_put(w->store, "analyzer", analyzer_mark(w->analyzer), err));
    FR_TRY(header_put(w->store, "chunker", CHUNKER, err));
    FR_TRY(header_put(w->store, "tokenizer", w->tokenizer, err));
    FR_TRY(header_put_number(w->store, "chunk_chars", o->chunk_chars, err));
    FR_TRY(header_put_number(w->store, "overlap_chars", o->overlap_chars, err));
    FR_TRY(header_put_number(w->store, "chunk_tokens", o->chunk_tokens, err));
    FR_TRY(header_put_number(w->store, "overlap_tokens", o->overlap_tokens, err));
    snprintf(number, sizeof(number), "%.17g", o->k1);
    FR_TRY(header_put(w->store, "k1", number, err));
    snprintf(number, sizeof(number), "%.17g", o->b);
    return header_put(w->store, "b", number, err);
}

static int read_numbers(fr_index_writer *w, fr_err *err)
{
    size_t in_order = 0;
    char last[512];
    FR_TRY(header_number(w->store, "documents", &w->n_documents, err));
    FR_TRY(header_number(w->store, "chunks", &w->n_chunks, err));
    FR_TRY(header_number(w->store, "words", &w->n_words, err));
    FR_TRY(header_number(w->store, "next_chunk", &w->next_chunk, err));
    FR_TRY(header_number(w->store, "next_document", &w->next_document, err));
    FR_TRY(header_number(w->store, "next_segment", &w->next_segment, err));
    FR_TRY(header_number(w->store, "in_order", &in_order, err));
    FR_TRY(header_text(w->store, "last_id", last, sizeof(last), err));
    w->in_order = in_order != 0 && strlen(last) + 1 < sizeof(last);
    fr_buf_clear(&w->last_id);
    fr_buf_put_s(&w->last_id, last);
    return 0;
}

/* --- opening --------------------------------------------------------------------------------- */

static void fill_rule(fr_index_writer *w)
{
    const fr_index_options *o = &w->options;
    w->rule = o->chunk_tokens > 0
                  ? (chunk_rule){ .most = o->chunk_tokens,
                                  .overlap = o->overlap_tokens,
                                  .measure = o->measure,
                                  .measure_user = o->measure_user }
                  : (chunk_rule){ .most = o->chunk_chars, .overlap = o->overlap_chars };
}

static int prepare(fr_index_writer *w, fr_err *err)
{
    for (size_t i = 0; i < N_SQL; i++)
        FR_TRY(fr_store_prepare(w->store, SQL[i], &w->sql[i], err));
    return 0;
}

static int check_sizes(fr_index_options *o, fr_err *err)
{
    o->chunk_chars = o->chunk_chars != 0 ? o->chunk_chars : CHUNK_CHARS;
    o->overlap_chars = o->overlap_chars != 0 ? o->overlap_chars : OVERLAP_CHARS;
    o->k1 = o->k1 > 0 ? o->k1 : K1;
    o->b = o->b > 0 ? o->b : o->b < 0 ? 0 : B;
    if (o->chunk_tokens > 0 && o->measure == NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "chunks of tokens need a tokenizer");
    if (o->chunk_tokens > 0 ? o->chunk_tokens < 8 || o->overlap_tokens >= o->chunk_tokens
                            : o->chunk_chars < 16 || o->overlap_chars >= o->chunk_chars)
        return fr_fail(err, FR_E_USAGE, NULL, "chunks of %zu %s with %zu of overlap cannot be made",
                       o->chunk_tokens > 0 ? o->chunk_tokens : o->chunk_chars,
                       o->chunk_tokens > 0 ? "tokens" : "characters",
                       o->chunk_tokens > 0 ? o->overlap_tokens : o->overlap_chars);
    return 0;
}

int fr_index_create(const char *path, const fr_index_options *options, fr_index_writer **out,
                    fr_err *err)
{
    *out = NULL;
    FR_AUTOPTR(fr_index_writer) w = FR_NEW(fr_index_writer);
    w->options = options != NULL ? *options : (fr_index_options){ 0 };
    FR_TRY(check_sizes(&w->options, err));
    if (w->options.analyzer != NULL && strcmp(w->options.analyzer, "auto") != 0)
        FR_TRY(analyzer_new(w->options.analyzer, &w->analyzer, err));
    snprintf(w->tokenizer, sizeof(w->tokenizer), "%s",
             w->options.chunk_tokens > 0 && w->options.tokenizer != NULL ? w->options.tokenizer
                                                                         : "");
    fill_rule(w);
    w->path = fr_dup(path);
    w->part = fr_dup_f("%s.%d.part", path, (int)getpid());
    unlink(w->part); /* left by a program that was killed */
    FR_TRY(fr_store_open(w->part, &w->store, err));
    FR_TRY(fr_store_exec(w->store, "PRAGMA journal_mode = DELETE", err));
    FR_TRY(fr_store_exec(w->store, "PRAGMA journal_mode = OFF", err));
    FR_TRY(fr_store_exec(w->store, "PRAGMA synchronous = OFF", err));
    FR_TRY(fr_store_begin(w->store, err));
    w->begun = true;
    FR_TRY(fr_store_exec(w->store, SCHEMA, err));
    FR_TRY(prepare(w, err));
    w->in_order = true;
    w->next_document = w->next_segment = 1;
    *out = w;
    w = NULL;
    return 0;
}

/* What the caller expects against what stands in the header. */
static int check_expected(const fr_index_writer *w, const char *path, const fr_index_options *o,
                          fr_err *err)
{
    const fr_index_options *is = &w->options;
    static const char HINT[] = "Leave the option out, or build the index anew.";
    if (o->analyzer != NULL && strcmp(o->analyzer, "auto") != 0 &&
        strcmp(o->analyzer, w->analyzer_name) != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, HINT, "'%s' was built with analyzer %s, not %s", path,
                       w->analyzer_name, o->analyzer);
    if ((o->chunk_chars != 0 && (o->chunk_chars != is->chunk_chars || is->chunk_tokens != 0)) ||
        (o->chunk_tokens != 0 && o->chunk_tokens != is->chunk_tokens))
        return fr_fail(err, FR_E_UNSUPPORTED, HINT,
                       "'%s' was built with chunks of %zu %s, not %zu %s", path,
                       is->chunk_tokens != 0 ? is->chunk_tokens : is->chunk_chars,
                       is->chunk_tokens != 0 ? "tokens" : "characters",
                       o->chunk_tokens != 0 ? o->chunk_tokens : o->chunk_chars,
                       o->chunk_tokens != 0 ? "tokens" : "characters");
    if (is->chunk_tokens == 0)
        return 0;
    const char *tokenizer = o->tokenizer != NULL ? o->tokenizer : "none";
    if (o->measure == NULL || strcmp(tokenizer, w->tokenizer) != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Name the same tokenizer, or build the index anew.",
                       "'%s' was cut by tokens of %s, not of %s", path, w->tokenizer, tokenizer);
    return 0;
}

int fr_index_update(const char *path, const fr_index_options *options, fr_index_writer **out,
                    fr_err *err)
{
    *out = NULL;
    if (!fr_file_exists(path))
        return fr_fail(err, FR_E_NOT_FOUND, "`frugal rag index` builds one.",
                       "there is no index '%s'", path);
    FR_AUTOPTR(fr_index_writer) w = FR_NEW(fr_index_writer);
    fr_index_options expected = options != NULL ? *options : (fr_index_options){ 0 };
    FR_TRY(index_store_open(path, &w->store, err));
    FR_TRY(header_check(w->store, path, &w->options, &w->analyzer, err));
    FR_TRY(header_text(w->store, "tokenizer", w->tokenizer, sizeof(w->tokenizer), err));
    fr_store_free(w->store);
    w->store = NULL;
    snprintf(w->analyzer_name, sizeof(w->analyzer_name), "%s", analyzer_name(w->analyzer));
    FR_TRY(check_expected(w, path, &expected, err));
    w->options.measure = expected.measure;
    w->options.measure_user = expected.measure_user;
    fill_rule(w);
    w->path = fr_dup(path);
    FR_TRY(fr_store_open(path, &w->store, err));
    FR_TRY(prepare(w, err));
    w->postings = postings_new(w->analyzer);
    *out = w;
    w = NULL;
    return 0;
}

static int begin(fr_index_writer *w, fr_err *err)
{
    if (w->begun)
        return 0;
    FR_TRY(fr_store_begin(w->store, err));
    w->begun = true;
    return read_numbers(w, err);
}

/* --- segments -------------------------------------------------------------------------------- */

typedef struct {
    fr_index_writer *w;
    size_t segment;
} posting_target;

static int put_posting(void *user, fr_str term, size_t n, fr_str data, fr_err *err)
{
    posting_target *t = user;
    fr_query *q = t->w->sql[SQL_POSTING];
    fr_query_bind_i64(q, 1, (int64_t)t->segment);
    fr_query_bind_str(q, 2, term);
    fr_query_bind_i64(q, 3, (int64_t)n);
    fr_query_bind_blob(q, 4, data);
    return run(q, err);
}

static int put_segment(fr_index_writer *w, size_t id, size_t first, size_t n, fr_str lengths,
                       fr_err *err)
{
    fr_query *q = w->sql[SQL_SEGMENT];
    fr_query_bind_i64(q, 1, (int64_t)id);
    fr_query_bind_i64(q, 2, (int64_t)first);
    fr_query_bind_i64(q, 3, (int64_t)n);
    fr_query_bind_blob(q, 4, lengths);
    return run(q, err);
}

static int flush(fr_index_writer *w, fr_err *err)
{
    size_t n = w->lengths.n / sizeof(uint32_t);
    if (n == 0)
        return 0;
    size_t id = w->next_segment++, first = w->next_chunk - n;
    posting_target target = { w, id };
    FR_TRY(postings_flush(w->postings, (uint32_t)first, put_posting, &target, err));
    FR_TRY(put_segment(w, id, first, n, fr_buf_str(&w->lengths), err));
    fr_buf_clear(&w->lengths);
    return 0;
}

/* One of the segments that are merged, at a term. */
typedef struct {
    fr_query *q;
    fr_str term, data; /* borrowed until the next step */
    uint32_t first;
    bool more;
} source;

static int source_step(source *s, fr_err *err)
{
    int rc = fr_query_step(s->q, err);
    s->more = rc == FR_ROW;
    if (s->more) {
        s->term = fr_query_blob(s->q, 0);
        s->data = fr_query_blob(s->q, 1);
    }
    return rc < 0 ? rc : 0;
}

static int order_of(fr_str a, fr_str b)
{
    int order = memcmp(a.at, b.at, FR_MIN(a.n, b.n));
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static const source *least(const source *sources, size_t n)
{
    const source *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if (sources[i].more && (best == NULL || order_of(sources[i].term, best->term) < 0))
            best = &sources[i];
    }
    return best;
}

static int merge_terms(fr_index_writer *w, source *sources, size_t n, const shelf *s, size_t first,
                       size_t id, fr_err *err)
{
    FR_AUTO(fr_buf) term = { 0 };
    FR_AUTO(fr_buf) list = { 0 };
    posting_target target = { w, id };
    for (const source *next; (next = least(sources, n)) != NULL;) {
        size_t n_chunks = 0;
        uint64_t last = first;
        fr_buf_clear(&term);
        fr_buf_clear(&list);
        fr_buf_put_str(&term, next->term);
        for (size_t i = 0; i < n; i++) {
            if (!sources[i].more || !fr_str_equal(sources[i].term, fr_buf_str(&term)))
                continue;
            posting_reader r = { (const uint8_t *)sources[i].data.at,
                                 (const uint8_t *)sources[i].data.at + sources[i].data.n,
                                 sources[i].first };
            uint64_t chunk;
            uint32_t count;
            while (posting_next(&r, &chunk, &count)) {
                if (chunk >= s->n_slots || s->lengths[chunk] == LENGTH_GONE)
                    continue;
                posting_put(&list, chunk - last, count);
                last = chunk;
                n_chunks++;
            }
            FR_TRY(source_step(&sources[i], err));
        }
        if (n_chunks > 0)
            FR_TRY(put_posting(&target, fr_buf_str(&term), n_chunks, fr_buf_str(&list), err));
    }
    return 0;
}

static int drop_merged(fr_index_writer *w, const segment *from, size_t n, size_t first, size_t end,
                       fr_err *err)
{
    char sql[160];
    for (size_t i = 0; i < n; i++) {
        snprintf(sql, sizeof(sql),
                 "DELETE FROM posting WHERE segment = %lld; DELETE FROM segment WHERE id = %lld",
                 (long long)from[i].id, (long long)from[i].id);
        FR_TRY(fr_store_exec(w->store, sql, err));
    }
    snprintf(sql, sizeof(sql), "DELETE FROM removed WHERE chunk >= %zu AND chunk < %zu", first,
             end);
    return fr_store_exec(w->store, sql, err);
}

/* The last n segments become one. */
static int merge(fr_index_writer *w, const shelf *s, size_t n, fr_err *err)
{
    const segment *from = &s->segments[s->n_segments - n];
    size_t first = from[0].first, end = from[n - 1].first + from[n - 1].n, id = w->next_segment++;
    source *sources = FR_NEW_N(source, n);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        sources[i].first = from[i].first;
        rc = fr_store_prepare(w->store,
                              "SELECT term, data FROM posting WHERE segment = ? ORDER BY term",
                              &sources[i].q, err);
        if (rc == 0) {
            fr_query_bind_i64(sources[i].q, 1, from[i].id);
            rc = source_step(&sources[i], err);
        }
    }
    if (rc == 0)
        rc = merge_terms(w, sources, n, s, first, id, err);
    for (size_t i = 0; i < n; i++)
        fr_query_free(sources[i].q);
    free(sources);
    FR_TRY(rc);
    FR_TRY(drop_merged(w, from, n, first, end, err));
    return put_segment(
        w, id, first, end - first,
        (fr_str){ (const char *)(s->lengths + first), (end - first) * sizeof(uint32_t) }, err);
}

static int tier_of(size_t n)
{
    int tier = 0;
    for (; n >= MERGE_SEGMENTS; n /= MERGE_SEGMENTS)
        tier++;
    return tier;
}

/* How many of the last segments are worth making one; 0: none. */
static size_t worth_merging(const shelf *s)
{
    if (s->n_removed > 1000 && s->n_removed * 4 > s->n_chunks)
        return s->n_segments; /* too much in the postings is of nobody */
    size_t run = 0;
    int tier = s->n_segments > 0 ? tier_of(s->segments[s->n_segments - 1].n) : 0;
    while (run < s->n_segments && tier_of(s->segments[s->n_segments - 1 - run].n) <= tier)
        run++;
    return run >= MERGE_SEGMENTS ? run : 0;
}

static int tidy(fr_index_writer *w, fr_err *err)
{
    for (;;) {
        FR_AUTO(shelf) s = { 0 };
        FR_TRY(shelf_read(w->store, &s, err));
        size_t n = worth_merging(&s);
        if (n == 0)
            return 0;
        FR_TRY(merge(w, &s, n, err));
    }
}

/* --- documents ------------------------------------------------------------------------------- */

static size_t source_byte(const fr_document *d, size_t at)
{
    size_t low = 0, high = d->n_offsets;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (d->offsets[middle].text <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? at : d->offsets[low - 1].source + (at - d->offsets[low - 1].text);
}

static int put_chunk(fr_index_writer *w, const fr_document *d, size_t base, const cut *c,
                     fr_err *err)
{
    fr_str text = { d->text.at + c->start, c->end - c->start };
    fr_str path = { 0 };
    if (c->title_n > 0)
        path = (fr_str){ w->cuts.titles.at + c->title, c->title_n };
    FR_AUTO(fr_buf) title = { 0 };
    if (w->next_chunk >= UINT32_MAX - 1)
        return fr_fail(err, FR_E_LIMIT, "Split the collection.", "more than four billion chunks");
    fr_buf_put_str(&title, d->title);
    if (d->title.n == 0 || !fr_str_starts(path, d->title)) {
        if (title.n > 0 && path.n > 0)
            fr_buf_put_s(&title, " > ");
        fr_buf_put_str(&title, path);
    } else {
        fr_buf_clear(&title);
        fr_buf_put_str(&title, path);
    }
    fr_query *q = w->sql[SQL_CHUNK];
    fr_query_bind_i64(q, 1, (int64_t)w->next_chunk);
    fr_query_bind_i64(q, 2, w->document);
    fr_query_bind_i64(q, 3, (int64_t)w->number++);
    fr_query_bind_i64(q, 4, (int64_t)(base + source_byte(d, c->start)));
    fr_query_bind_i64(q, 5, (int64_t)(base + source_byte(d, c->end - 1) + 1));
    fr_query_bind_str(q, 6, fr_buf_str(&title));
    fr_query_bind_str(q, 7, text);
    FR_TRY(run(q, err));
    uint32_t words = postings_add(w->postings, (uint32_t)w->next_chunk, fr_buf_str(&title), text);
    fr_buf_put(&w->lengths, &words, sizeof(words));
    w->next_chunk++;
    w->n_chunks++;
    w->put_chunks++;
    w->n_words += words;
    return postings_bytes(w->postings) > MEMORY_BYTES ? flush(w, err) : 0;
}

static int put_meta(fr_index_writer *w, const char *key, const json_t *value, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    if (json_is_string(value)) {
        fr_buf_put(&text, json_string_value(value), json_string_length(value));
    } else if (json_is_number(value) || json_is_boolean(value)) {
        char *dumped = json_dumps(value, JSON_ENCODE_ANY);
        fr_buf_put_s(&text, dumped);
        free(dumped);
    } else if (json_is_array(value)) { /* any of them */
        size_t i;
        const json_t *one;
        json_array_foreach(value, i, one)
        {
            if (!json_is_array(one))
                FR_TRY(put_meta(w, key, one, err));
        }
        return 0;
    } else {
        return 0;
    }
    fr_query *q = w->sql[SQL_META];
    fr_query_bind_text(q, 1, key);
    fr_query_bind_str(q, 2, fr_buf_str(&text));
    fr_query_bind_i64(q, 3, w->document);
    return run(q, err);
}

static int put_metadata(fr_index_writer *w, const fr_document *d, fr_err *err)
{
    if (d->metadata.n == 0)
        return 0;
    json_t *all = json_loadb(d->metadata.at, d->metadata.n, 0, NULL);
    int rc = 0;
    const char *key;
    json_t *value;
    if (!json_is_object(all))
        rc = fr_fail(err, FR_E_FORMAT, "Metadata is one JSON object.",
                     "the metadata of '%.*s' cannot be read", FR_STR_F(d->id));
    else if (json_object_size(all) > METADATA_LIMIT)
        rc = fr_fail(err, FR_E_LIMIT, NULL, "'%.*s' has more than %d keys of metadata",
                     FR_STR_F(d->id), METADATA_LIMIT);
    else
        json_object_foreach(all, key, value)
        {
            if (rc == 0)
                rc = put_meta(w, key, value, err);
        }
    json_decref(all);
    return rc;
}

static int find(fr_index_writer *w, fr_str id, int64_t *document, char origin[128], fr_err *err)
{
    fr_query *q = w->sql[SQL_FIND];
    fr_query_bind_str(q, 1, id);
    int rc = fr_query_step(q, err);
    *document = rc == FR_ROW ? fr_query_i64(q, 0) : 0;
    const char *said = rc == FR_ROW ? fr_query_text(q, 1) : NULL;
    snprintf(origin, 128, "%s", said != NULL ? said : "");
    fr_query_reset(q);
    return rc < 0 ? rc : 0;
}

/* Words of a chunk that goes: from the segments' lengths, or from those not yet written. */
static int length_of(fr_index_writer *w, size_t chunk, uint32_t *out, fr_err *err)
{
    size_t pending = w->lengths.n / sizeof(uint32_t);
    if (chunk + pending >= w->next_chunk) {
        memcpy(out, w->lengths.at + (chunk + pending - w->next_chunk) * sizeof(*out), sizeof(*out));
        return 0;
    }
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(w->store,
                            "SELECT substr(lengths, (?1 - first) * 4 + 1, 4) FROM segment WHERE "
                            "first <= ?1 AND first + n > ?1",
                            &q, err));
    fr_query_bind_i64(q, 1, (int64_t)chunk);
    int rc = fr_query_step(q, err);
    fr_str bytes = rc == FR_ROW ? fr_query_blob(q, 0) : (fr_str){ 0 };
    if (rc < 0)
        return rc;
    if (bytes.n != sizeof(*out))
        return fr_fail(err, FR_E_FORMAT, "Build the index again.",
                       "the index has no length of chunk %zu", chunk);
    memcpy(out, bytes.at, sizeof(*out));
    return 0;
}

static int drop_document(fr_index_writer *w, int64_t document, fr_err *err)
{
    fr_query *q = w->sql[SQL_CHUNKS_OF];
    fr_query_bind_i64(q, 1, document);
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW) {
        uint32_t words = 0;
        int64_t chunk = fr_query_i64(q, 0);
        rc = length_of(w, (size_t)chunk, &words, err);
        if (rc == 0) {
            fr_query_bind_i64(w->sql[SQL_REMOVED], 1, chunk);
            rc = run(w->sql[SQL_REMOVED], err);
        }
        if (rc != 0)
            break;
        w->n_chunks--;
        w->n_words -= words;
    }
    fr_query_reset(q);
    FR_TRY(rc);
    static const int DROPS[] = { SQL_DROP_CHUNKS, SQL_DROP_META, SQL_DROP_DOCUMENT };
    for (size_t i = 0; i < FR_COUNT_OF(DROPS); i++) {
        fr_query_bind_i64(w->sql[DROPS[i]], 1, document);
        FR_TRY(run(w->sql[DROPS[i]], err));
    }
    w->n_documents--;
    return 0;
}

static int choose_analyzer(fr_index_writer *w, fr_str sample, fr_err *err)
{
    if (w->analyzer == NULL)
        FR_TRY(analyzer_new(analyzer_guess((fr_str){ sample.at, FR_MIN(sample.n, SAMPLE_BYTES) }),
                            &w->analyzer, err));
    if (w->postings == NULL)
        w->postings = postings_new(w->analyzer);
    return 0;
}

static int put_head(fr_index_writer *w, const fr_document *d, fr_put_kind how, bool *replaced,
                    fr_err *err)
{
    int64_t there = 0;
    char origin[128];
    FR_TRY(choose_analyzer(w, d->text, err));
    FR_TRY(begin(w, err));
    if (d->id.n == 0)
        return fr_fail(err, FR_E_USAGE, NULL, "a document has no id (%s)",
                       d->origin != NULL ? d->origin : "nor an origin");
    FR_TRY(find(w, d->id, &there, origin, err));
    if (there != 0 && how != FR_PUT_REPLACE)
        return fr_fail(err, FR_E_USAGE, "Give each document an id of its own.",
                       "two documents have the id '%.*s'%s%s%s%s%s", FR_STR_F(d->id),
                       origin[0] != '\0' ? " (" : "", origin, origin[0] != '\0' ? " and " : "",
                       origin[0] != '\0' && d->origin != NULL ? d->origin : "",
                       origin[0] != '\0' ? ")" : "");
    if (there != 0)
        FR_TRY(drop_document(w, there, err));
    *replaced = there != 0;
    w->document = (int64_t)w->next_document++;
    w->number = 0;
    fr_query *q = w->sql[SQL_DOCUMENT];
    fr_query_bind_i64(q, 1, w->document);
    fr_query_bind_str(q, 2, d->id);
    fr_query_bind_text(q, 3, d->origin);
    fr_query_bind_str(q, 4, d->metadata);
    FR_TRY(run(q, err));
    FR_TRY(put_metadata(w, d, err));
    w->n_documents++;
    w->put_documents++;
    if (w->next_document > 2 && order_of(fr_buf_str(&w->last_id), d->id) >= 0)
        w->in_order = false;
    fr_buf_clear(&w->last_id);
    fr_buf_put_str(&w->last_id, d->id);
    return 0;
}

static int put_text(fr_index_writer *w, const fr_document *d, size_t offset, fr_err *err)
{
    w->rule.markdown = d->markdown;
    w->cuts.n = 0;
    fr_buf_clear(&w->cuts.titles);
    chunks_of(d->text, &w->rule, &w->cuts);
    for (size_t i = 0; i < w->cuts.n; i++)
        FR_TRY(put_chunk(w, d, offset, &w->cuts.at[i], err));
    return 0;
}

int fr_index_put_piece(fr_index_writer *w, const fr_document *d, size_t offset, bool first,
                       fr_put_kind how, bool *replaced, fr_err *err)
{
    if (first) {
        bool was = false;
        cuts_fini(&w->cuts); /* no heading is open */
        FR_TRY(put_head(w, d, how, &was, err));
        if (replaced != NULL)
            *replaced = was;
    }
    return put_text(w, d, offset, err);
}

int fr_index_put(fr_index_writer *w, const fr_document *d, fr_put_kind how, bool *replaced,
                 fr_err *err)
{
    return fr_index_put_piece(w, d, 0, true, how, replaced, err);
}

int fr_index_remove(fr_index_writer *w, fr_str id, bool *found, fr_err *err)
{
    int64_t document = 0;
    char origin[128];
    FR_TRY(begin(w, err));
    FR_TRY(find(w, id, &document, origin, err));
    *found = document != 0;
    return document != 0 ? drop_document(w, document, err) : 0;
}

int fr_index_commit(fr_index_writer *w, fr_err *err)
{
    if (!w->begun || w->part != NULL)
        return 0;
    FR_TRY(flush(w, err));
    FR_TRY(put_numbers(w, err));
    FR_TRY(tidy(w, err));
    FR_TRY(header_put_number(w->store, "next_segment", w->next_segment, err));
    FR_TRY(fr_store_commit(w->store, err));
    w->begun = false;
    return 0;
}

/* On the disk before it gets its name. */
static int sync_part(const char *part, fr_err *err)
{
    int fd = open(part, O_RDONLY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : fr_fail_errno(err, NULL, "cannot write '%s'", part);
    if (fd >= 0)
        close(fd);
    return rc;
}

int fr_index_finish(fr_index_writer *w, fr_err *err)
{
    if (w->part == NULL)
        return fr_index_commit(w, err);
    if (w->n_documents == 0)
        return fr_fail(err, FR_E_USAGE, "Name a folder of .txt or .md files, or a .jsonl file.",
                       "there are no documents to index");
    FR_TRY(flush(w, err));
    FR_TRY(put_made_with(w, err));
    FR_TRY(put_numbers(w, err));
    FR_TRY(fr_store_commit(w->store, err));
    w->begun = false;
    FR_TRY(sync_part(w->part, err));
    if (rename(w->part, w->path) != 0)
        return fr_fail_errno(err, NULL, "cannot write '%s'", w->path);
    w->finished = true;
    return 0;
}

size_t fr_index_writer_n_documents(const fr_index_writer *w)
{
    return w->put_documents;
}

size_t fr_index_writer_n_chunks(const fr_index_writer *w)
{
    return w->put_chunks;
}

/* --- all at once ----------------------------------------------------------------------------- */

static int by_id(const void *left, const void *right)
{
    const fr_document *a = *(const fr_document *const *)left,
                      *b = *(const fr_document *const *)right;
    return order_of(a->id, b->id);
}

/* A little of many documents. */
static void sample_of(const fr_document *const *order, size_t n, fr_buf *out)
{
    size_t step = FR_MAX(n / 64, (size_t)1);
    for (size_t i = 0; i < n && out->n < SAMPLE_BYTES; i += step) {
        fr_buf_put(out, order[i]->text.at, FR_MIN(order[i]->text.n, (size_t)2048));
        fr_buf_put_c(out, ' ');
    }
}

static int put_all(fr_index_writer *w, const fr_document *const *order, size_t n, fr_err *err)
{
    FR_AUTO(fr_buf) sample = { 0 };
    sample_of(order, n, &sample);
    FR_TRY(choose_analyzer(w, fr_buf_str(&sample), err));
    for (size_t i = 0; i < n; i++) {
        if (fr_progress_stopped(w->options.progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "the index was not finished");
        FR_TRY(fr_index_put(w, order[i], FR_PUT_NONE, NULL, err));
        fr_progress_step(w->options.progress, "index", (double)(i + 1), (double)n, "documents",
                         NULL);
    }
    return fr_index_finish(w, err);
}

int fr_index_build(const char *path, const fr_document *documents, size_t n,
                   const fr_index_options *options, fr_err *err)
{
    FR_AUTOPTR(fr_index_writer) w = NULL;
    if (n == 0)
        return fr_fail(err, FR_E_USAGE, "Name a folder of .txt or .md files, or a .jsonl file.",
                       "there are no documents to index");
    FR_TRY(fr_index_create(path, options, &w, err));
    const fr_document **order = FR_NEW_N(const fr_document *, n);
    for (size_t i = 0; i < n; i++)
        order[i] = &documents[i];
    fr_sort(order, n, sizeof(*order), by_id);
    int rc = put_all(w, order, n, err);
    free(order);
    return rc;
}

const char *fr_language_guess(fr_str text)
{
    return analyzer_guess((fr_str){ text.at, FR_MIN(text.n, SAMPLE_BYTES) });
}
