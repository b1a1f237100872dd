/* Reading an index: its header, what a search needs of it, chunks by number, filters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "rag/rag_priv.h"

#define NUMBERS_MOST ((size_t)1 << 31)

/* --- header ---------------------------------------------------------------------------------- */

int header_text(fr_store *store, const char *key, char *out, size_t size, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(store, "SELECT value FROM header WHERE key = ?", &q, err));
    fr_query_bind_text(q, 1, key);
    int rc = fr_query_step(q, err);
    const char *value = rc == FR_ROW ? fr_query_text(q, 0) : NULL;
    snprintf(out, size, "%s", value != NULL ? value : "");
    return rc < 0 ? rc : 0;
}

int header_number(fr_store *store, const char *key, size_t *out, fr_err *err)
{
    char text[32];
    long long value;
    FR_TRY(header_text(store, key, text, sizeof(text), err));
    if (!fr_str_to_i64(fr_str_of(text), &value) || value < 0)
        return fr_fail(err, FR_E_FORMAT, "Build the index again.",
                       "the index's header has no number '%s'", key);
    *out = (size_t)value;
    return 0;
}

static int header_real(fr_store *store, const char *key, double *out, fr_err *err)
{
    char text[40];
    FR_TRY(header_text(store, key, text, sizeof(text), err));
    if (!fr_str_to_f64(fr_str_of(text), out) || !(*out >= 0 && *out < 1e6))
        return fr_fail(err, FR_E_FORMAT, "Build the index again.",
                       "the index's header has no number '%s'", key);
    return 0;
}

static int check_analyzer(fr_store *store, const char *path, analyzer **out, fr_err *err)
{
    char mark[40], name[40];
    FR_TRY(header_text(store, "analyzer", mark, sizeof(mark), err));
    snprintf(name, sizeof(name), "%s", mark);
    name[strcspn(name, "-")] = '\0';
    fr_err why = { 0 };
    int rc = analyzer_new(name, out, &why);
    if (rc != 0 && rc != FR_E_USAGE)
        return fr_fail(err, rc, why.hint, "'%s' was built with analyzer %s: %s", path, mark,
                       why.what);
    const char *ours = rc == 0 ? analyzer_mark(*out) : "no such analyzer";
    if (strcmp(mark, ours) == 0)
        return 0;
    rc = fr_fail(err, FR_E_UNSUPPORTED, "Build the index again with this frugal.",
                 "'%s' was built with analyzer %s, this frugal has %s", path, mark, ours);
    analyzer_free(*out);
    *out = NULL;
    return rc;
}

int header_check(fr_store *store, const char *path, fr_index_options *options, analyzer **out,
                 fr_err *err)
{
    char format[32], version[32], chunker[32], ours[32];
    if (header_text(store, "format", format, sizeof(format), NULL) != 0 ||
        strcmp(format, INDEX_FORMAT) != 0)
        return fr_fail(err, FR_E_FORMAT, "Name an index that frugal built.",
                       "'%s' is a database, but not an index of documents", path);
    FR_TRY(header_text(store, "version", version, sizeof(version), err));
    snprintf(ours, sizeof(ours), "%d", INDEX_VERSION);
    if (strcmp(version, ours) != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Build the index again with this frugal.",
                       "'%s' has index version %s, this frugal reads version %s", path, version,
                       ours);
    FR_TRY(header_text(store, "chunker", chunker, sizeof(chunker), err));
    if (strcmp(chunker, CHUNKER) != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Build the index again with this frugal.",
                       "'%s' was cut by chunker %s, this frugal has %s", path, chunker, CHUNKER);
    FR_TRY(header_number(store, "chunk_chars", &options->chunk_chars, err));
    FR_TRY(header_number(store, "overlap_chars", &options->overlap_chars, err));
    FR_TRY(header_number(store, "chunk_tokens", &options->chunk_tokens, err));
    FR_TRY(header_number(store, "overlap_tokens", &options->overlap_tokens, err));
    FR_TRY(header_real(store, "k1", &options->k1, err));
    FR_TRY(header_real(store, "b", &options->b, err));
    return check_analyzer(store, path, out, err);
}

/* --- shelf ----------------------------------------------------------------------------------- */

void shelf_fini(shelf *s)
{
    free(s->segments);
    free(s->lengths);
    *s = (shelf){ 0 };
}

static int damaged(const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "Build the index again.", "the index is damaged: %s", what);
}

static int read_segments(fr_store *store, shelf *out, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    size_t cap = 0;
    FR_TRY(fr_store_prepare(store, "SELECT id, first, n, lengths FROM segment ORDER BY first", &q,
                            err));
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW) {
        int64_t first = fr_query_i64(q, 1), n = fr_query_i64(q, 2);
        fr_str lengths = fr_query_blob(q, 3);
        if (n < 1 || first != (int64_t)out->n_slots || (size_t)n > NUMBERS_MOST ||
            out->n_slots + (size_t)n > NUMBERS_MOST || lengths.n != (size_t)n * sizeof(uint32_t))
            return damaged("segments do not follow one another", err);
        out->lengths =
            fr_array_resize(out->lengths, out->n_slots + (size_t)n, sizeof(*out->lengths));
        memcpy(out->lengths + out->n_slots, lengths.at, lengths.n);
        out->n_slots += (size_t)n;
        FR_GROW(out->segments, out->n_segments, cap);
        out->segments[out->n_segments++] =
            (segment){ fr_query_i64(q, 0), (uint32_t)first, (uint32_t)n };
    }
    return rc;
}

static int read_removed(fr_store *store, shelf *out, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(store, "SELECT chunk FROM removed", &q, err));
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW) {
        int64_t chunk = fr_query_i64(q, 0);
        if (chunk < 0 || (size_t)chunk >= out->n_slots)
            return damaged("a chunk was removed that never was", err);
        out->lengths[chunk] = LENGTH_GONE;
        out->n_removed++;
    }
    return rc;
}

int shelf_read(fr_store *store, shelf *out, fr_err *err)
{
    size_t in_order = 0;
    *out = (shelf){ 0 };
    int rc = read_segments(store, out, err);
    if (rc == 0)
        rc = read_removed(store, out, err);
    if (rc == 0)
        rc = header_number(store, "documents", &out->n_documents, err);
    if (rc == 0)
        rc = header_number(store, "chunks", &out->n_chunks, err);
    if (rc == 0)
        rc = header_number(store, "words", &out->n_words, err);
    if (rc == 0)
        rc = header_number(store, "in_order", &in_order, err);
    out->in_order = in_order != 0;
    if (rc == 0 && out->n_chunks > out->n_slots)
        rc = damaged("it counts more chunks than it has", err);
    if (rc != 0)
        shelf_fini(out);
    return rc;
}

static int data_version(fr_index *index, int64_t *out, fr_err *err)
{
    int rc = fr_query_step(index->version, err);
    *out = rc == FR_ROW ? fr_query_i64(index->version, 0) : -1;
    fr_query_reset(index->version);
    return rc < 0 ? rc : 0;
}

int index_refresh(fr_index *index, fr_err *err)
{
    int64_t now = 0;
    FR_TRY(data_version(index, &now, err));
    if (index->norms != NULL && now == index->seen)
        return 0;
    shelf fresh = { 0 };
    FR_TRY(shelf_read(index->store, &fresh, err));
    shelf_fini(&index->shelf);
    index->shelf = fresh;
    index->seen = now;
    free(index->scores);
    free(index->norms);
    index->scores = FR_NEW_N(double, fresh.n_slots);
    index->norms = FR_NEW_N(double, fresh.n_slots);
    double k1 = index->options.k1, b = index->options.b,
           mean = fresh.n_chunks > 0 ? (double)fresh.n_words / (double)fresh.n_chunks : 1.0;
    for (size_t i = 0; i < fresh.n_slots; i++)
        index->norms[i] = k1 * (1.0 - b + b * (double)fresh.lengths[i] / mean);
    return 0;
}

/* --- opening --------------------------------------------------------------------------------- */

int index_store_open(const char *path, fr_store **out, fr_err *err)
{
    *out = NULL;
    if (fr_dir_exists(path))
        return fr_fail(err, FR_E_FORMAT, "`frugal rag index` makes an index of it.",
                       "'%s' is a folder, not an index", path);
    int rc = fr_store_open_read(path, out, err);
    if (rc != FR_E_PERMISSION)
        return rc;
    /* A writer was killed: its log must be taken in first, and who only reads may not do that. */
    char *log = fr_dup_f("%s-wal", path), *journal = fr_dup_f("%s-journal", path);
    bool left = fr_file_exists(log) || fr_file_exists(journal);
    free(log);
    free(journal);
    return left ? fr_store_open(path, out, err) : rc;
}

int fr_index_open(const char *path, fr_index **out, fr_err *err)
{
    *out = NULL;
    FR_AUTOPTR(fr_index) index = FR_NEW(fr_index);
    FR_TRY(index_store_open(path, &index->store, err));
    FR_TRY(header_check(index->store, path, &index->options, &index->analyzer, err));
    FR_TRY(header_text(index->store, "tokenizer", index->tokenizer, sizeof(index->tokenizer), err));
    index->options.analyzer = analyzer_name(index->analyzer);
    index->options.tokenizer = index->tokenizer;
    FR_TRY(fr_store_prepare(index->store,
                            "SELECT n, data FROM posting WHERE segment = ? AND term = ?",
                            &index->postings, err));
    FR_TRY(fr_store_prepare(index->store, "SELECT n FROM posting WHERE segment = ? AND term = ?",
                            &index->count, err));
    FR_TRY(fr_store_prepare(
        index->store,
        "SELECT document.source, number, start_bytes, end_bytes, chunk.title, text"
        " FROM chunk JOIN document ON document.id = chunk.document WHERE chunk.id = ?",
        &index->read, err));
    FR_TRY(fr_store_prepare(index->store, "PRAGMA data_version", &index->version, err));
    FR_TRY(fr_store_exec(index->store, "BEGIN", err));
    int rc = index_refresh(index, err);
    fr_store_rollback(index->store);
    FR_TRY(rc);
    *out = index;
    index = NULL;
    return 0;
}

void fr_index_free(fr_index *index)
{
    if (index == NULL)
        return;
    fr_query_free(index->postings);
    fr_query_free(index->read);
    fr_query_free(index->count);
    fr_query_free(index->version);
    fr_store_free(index->store);
    analyzer_free(index->analyzer);
    shelf_fini(&index->shelf);
    free(index->scores);
    free(index->norms);
    free(index);
}

size_t fr_index_n_chunks(const fr_index *index)
{
    return index->shelf.n_chunks;
}

size_t fr_index_n_documents(const fr_index *index)
{
    return index->shelf.n_documents;
}

fr_index_options fr_index_built_with(const fr_index *index)
{
    return index->options;
}

const char *fr_index_analyzer_mark(const fr_index *index)
{
    return analyzer_mark(index->analyzer);
}

/* --- chunks ---------------------------------------------------------------------------------- */

static char *dup_column(fr_query *q, int column)
{
    return fr_str_dup(fr_query_blob(q, column));
}

static int read_hit(fr_index *index, fr_rank rank, fr_hits *out, fr_err *err)
{
    fr_query *q = index->read;
    fr_query_bind_i64(q, 1, rank.chunk);
    int rc = fr_query_step(q, err);
    if (rc == FR_ROW) {
        char *source = dup_column(q, 0);
        out->at[out->n++] =
            (fr_hit){ .id = fr_dup_f("%s#%lld", source, (long long)fr_query_i64(q, 1)),
                      .source = source,
                      .title = dup_column(q, 4),
                      .text = dup_column(q, 5),
                      .score = rank.score,
                      .start = (size_t)fr_query_i64(q, 2),
                      .end = (size_t)fr_query_i64(q, 3),
                      .chunk = rank.chunk };
    }
    fr_query_reset(q);
    if (rc == 0)
        return fr_fail(err, FR_E_FORMAT, "Build the index again.",
                       "the index names a chunk %u that it does not have", rank.chunk);
    return rc < 0 ? rc : 0;
}

int fr_index_read(fr_index *index, const fr_ranked *list, fr_hits *out, fr_err *err)
{
    *out = (fr_hits){ 0 };
    out->at = FR_NEW_N(fr_hit, list->n);
    for (size_t i = 0; i < list->n; i++) {
        int rc = read_hit(index, list->at[i], out, err);
        if (rc != 0) {
            fr_hits_fini(out);
            return rc;
        }
    }
    return 0;
}

void fr_hits_fini(fr_hits *hits)
{
    for (size_t i = 0; i < hits->n; i++) {
        free(hits->at[i].id);
        free(hits->at[i].source);
        free(hits->at[i].text);
        free(hits->at[i].title);
    }
    free(hits->at);
    *hits = (fr_hits){ 0 };
}

int fr_index_each(fr_index *index, uint32_t from, fr_chunk_fn fn, void *user, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(
        index->store, "SELECT id, title, text FROM chunk WHERE id >= ? ORDER BY id", &q, err));
    fr_query_bind_i64(q, 1, from);
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW)
        FR_TRY(
            fn(user, (uint32_t)fr_query_i64(q, 0), fr_query_blob(q, 1), fr_query_blob(q, 2), err));
    return rc;
}

/* --- filters --------------------------------------------------------------------------------- */

/* One key's filters: any of them. Sets the bits of chunks for which it holds. */
static int allow_key(fr_index *index, const fr_filter *filters, size_t n, fr_str key, uint8_t *bits,
                     fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    bool source = fr_str_is(key, "source");
    FR_TRY(fr_store_prepare(
        index->store,
        source ? "SELECT chunk.id FROM document JOIN chunk ON chunk.document = document.id"
                 " WHERE source = ?1"
               : "SELECT chunk.id FROM meta JOIN chunk ON chunk.document = meta.document"
                 " WHERE value = ?1 AND key = ?2",
        &q, err));
    for (size_t i = 0; i < n; i++) {
        if (!fr_str_equal(filters[i].key, key))
            continue;
        fr_query_reset(q);
        fr_query_bind_str(q, 1, filters[i].value);
        if (!source)
            fr_query_bind_str(q, 2, key);
        int rc;
        while ((rc = fr_query_step(q, err)) == FR_ROW) {
            size_t chunk = (size_t)fr_query_i64(q, 0);
            if (chunk < index->shelf.n_slots)
                bits[chunk / 8] |= (uint8_t)(1u << chunk % 8);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

int fr_index_allowed(fr_index *index, const fr_filter *filters, size_t n, uint8_t **bits,
                     size_t *n_numbers, fr_err *err)
{
    size_t slots = index->shelf.n_slots, bytes = slots / 8 + 1;
    uint8_t *all = FR_NEW_N(uint8_t, bytes), *some = FR_NEW_N(uint8_t, bytes);
    int rc = 0;
    for (size_t i = 0; i < slots; i++) {
        if (index->shelf.lengths[i] != LENGTH_GONE)
            all[i / 8] |= (uint8_t)(1u << i % 8);
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        bool before = false;
        for (size_t j = 0; j < i; j++)
            before |= fr_str_equal(filters[j].key, filters[i].key);
        if (before)
            continue;
        memset(some, 0, bytes);
        rc = allow_key(index, filters, n, filters[i].key, some, err);
        for (size_t b = 0; b < bytes; b++)
            all[b] &= some[b];
    }
    free(some);
    if (rc != 0) {
        free(all);
        return rc;
    }
    *bits = all;
    *n_numbers = slots;
    return 0;
}
