/*
 * retriever_postgres.c: passages in a PostgreSQL table.
 *
 *   NAME         id, source, title, body, start_bytes, end_bytes, words (tsvector), n_words,
 *                embedding (real[])
 *   NAME_header  key, value: format, version, language, and of vectors: model, model_hash, dim
 *
 * By words: BM25 in SQL. Document frequencies come from the GIN index; the NEAR best by
 * PostgreSQL's own rank are scored. By meaning: pgvector with an HNSW index over the same column
 * where the extension is there, else every cosine in SQL.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rag/retriever_priv.h"
#include "store/postgres.h"

#define FORMAT       "frugal-passages"
#define VERSION      "1"
#define TABLE        "frugal_passages"
#define AT_ONCE      500
#define HNSW_DIM_MAX 2000

typedef struct {
    fr_retriever base;
    fr_postgres *pg;
    char *table, *header, *index, *vector_index; /* quoted */
    char *language;                              /* NULL: there is no table yet */
    char *model, *model_hash;
    size_t dim; /* of the vectors; 0: none yet */
    bool has_pgvector;
} pg_retriever;

/* sql with %T, %H, %I, %V for the quoted names and %D for the dimension. Owned. */
static char *sql_of(const pg_retriever *r, const char *form)
{
    fr_buf sql = { 0 };
    for (const char *at = form; *at != '\0'; at++) {
        if (at[0] != '%') {
            fr_buf_put_c(&sql, *at);
            continue;
        }
        switch (*++at) {
        case 'T':
            fr_buf_put_s(&sql, r->table);
            break;
        case 'H':
            fr_buf_put_s(&sql, r->header);
            break;
        case 'I':
            fr_buf_put_s(&sql, r->index);
            break;
        case 'V':
            fr_buf_put_s(&sql, r->vector_index);
            break;
        default:
            fr_buf_put_f(&sql, "%zu", r->dim);
        }
    }
    return fr_buf_take(&sql);
}

static int query(pg_retriever *r, const char *form, const char *const *values, size_t n,
                 fr_rows **rows, fr_err *err)
{
    char *sql = sql_of(r, form);
    int rc = fr_postgres_query(r->pg, sql, values, n, rows, err);
    free(sql);
    return rc;
}

static int put_header(pg_retriever *r, const char *key, const char *value, fr_err *err)
{
    const char *values[] = { key, value };
    return query(r, "INSERT INTO %H VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2",
                 values, 2, NULL, err);
}

static void set(char **to, const char *text)
{
    free(*to);
    *to = fr_dup(text);
}

/* Fills language and what is known of vectors; leaves them empty when there is no table. */
static int read_header(pg_retriever *r, fr_err *err)
{
    FR_AUTOPTR(fr_rows) there = NULL;
    FR_AUTOPTR(fr_rows) rows = NULL;
    const char *names[] = { r->header };
    FR_TRY(query(r, "SELECT to_regclass($1)", names, 1, &there, err));
    if (fr_rows_text(there, 0, 0) == NULL)
        return 0;
    FR_TRY(query(r, "SELECT key, value FROM %H", NULL, 0, &rows, err));
    const char *format = "", *version = "";
    for (size_t i = 0; i < fr_rows_n(rows); i++) {
        fr_str key = fr_str_of(fr_rows_text(rows, i, 0));
        const char *value = fr_rows_text(rows, i, 1);
        long long dim;
        if (fr_str_is(key, "format"))
            format = value;
        else if (fr_str_is(key, "version"))
            version = value;
        else if (fr_str_is(key, "language"))
            set(&r->language, value);
        else if (fr_str_is(key, "model"))
            set(&r->model, value);
        else if (fr_str_is(key, "model_hash"))
            set(&r->model_hash, value);
        else if (fr_str_is(key, "dim") && fr_str_to_i64(fr_str_of(value), &dim) && dim > 0)
            r->dim = (size_t)dim;
    }
    if (strcmp(format, FORMAT) != 0 || r->language == NULL)
        return fr_fail(err, FR_E_FORMAT, "Name another: postgresql://…?table=NAME.",
                       "%s is a table, but not one of passages", r->base.name);
    if (strcmp(version, VERSION) != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Make it again with this frugal.",
                       "%s has version %s of our tables, this frugal reads version " VERSION,
                       r->base.name, version);
    return 0;
}

static int same_model(const pg_retriever *r, const char *model, const char *hash, fr_err *err)
{
    if (hash == NULL || hash[0] == '\0' || r->model_hash == NULL ||
        strcmp(hash, r->model_hash) == 0)
        return 0;
    return fr_fail(err, FR_E_UNSUPPORTED, "Use the model it was built with, or another table.",
                   "%s was built with the model '%s' (%.12s), not with '%s' (%.12s)", r->base.name,
                   r->model != NULL ? r->model : "", r->model_hash, model != NULL ? model : "",
                   hash);
}

static int same_dim(const pg_retriever *r, size_t dim, fr_err *err)
{
    return dim == r->dim
               ? 0
               : fr_fail(err, FR_E_UNSUPPORTED, "Use the model it was built with.",
                         "%s has vectors of %zu numbers, not of %zu", r->base.name, r->dim, dim);
}

static int make_tables(pg_retriever *r, fr_err *err)
{
    const char *language = r->base.options.language != NULL ? r->base.options.language : "simple";
    FR_AUTOPTR(fr_rows) known = NULL;
    FR_TRY(query(r, "SELECT 1 FROM pg_ts_config WHERE cfgname = $1", &language, 1, &known, err));
    if (fr_rows_n(known) == 0)
        return fr_fail(err, FR_E_USAGE, "`\\dF` in psql lists them: simple, english, german…",
                       "PostgreSQL has no text search configuration '%s'", language);
    char *sql = sql_of(
        r, "CREATE TABLE IF NOT EXISTS %T (id text PRIMARY KEY, source text NOT NULL, title text "
           "NOT NULL, body text NOT NULL, start_bytes bigint NOT NULL, end_bytes bigint NOT NULL, "
           "words tsvector NOT NULL, n_words integer NOT NULL, embedding real[]);"
           "CREATE INDEX IF NOT EXISTS %I ON %T USING gin (words);"
           "CREATE TABLE IF NOT EXISTS %H (key text PRIMARY KEY, value text NOT NULL)");
    int rc = fr_postgres_exec(r->pg, sql, err);
    free(sql);
    FR_TRY(rc);
    FR_TRY(put_header(r, "format", FORMAT, err));
    FR_TRY(put_header(r, "version", VERSION, err));
    FR_TRY(put_header(r, "language", language, err));
    r->language = fr_dup(language);
    return 0;
}

static int pin_vectors(pg_retriever *r, size_t dim, fr_err *err)
{
    char text[24];
    snprintf(text, sizeof(text), "%zu", dim);
    r->dim = dim;
    FR_TRY(put_header(r, "dim", text, err));
    if (r->base.options.model_hash != NULL) {
        set(&r->model_hash, r->base.options.model_hash);
        set(&r->model, r->base.options.model != NULL ? r->base.options.model : "");
        FR_TRY(put_header(r, "model_hash", r->model_hash, err));
        FR_TRY(put_header(r, "model", r->model, err));
    }
    if (!r->has_pgvector || dim > HNSW_DIM_MAX)
        return 0;
    return query(r,
                 "CREATE INDEX IF NOT EXISTS %V ON %T USING hnsw ((embedding::vector(%D)) "
                 "vector_cosine_ops)",
                 NULL, 0, NULL, err);
}

static void look_for_pgvector(pg_retriever *r)
{
    static const char there[] = "SELECT 1 FROM pg_extension WHERE extname = 'vector'";
    FR_AUTOPTR(fr_rows) rows = NULL;
    if (query(r, there, NULL, 0, &rows, NULL) == 0 && fr_rows_n(rows) > 0)
        r->has_pgvector = true;
}

/* --- adding ------------------------------------------------------------------------------------
 */

static json_t *json_of(const fr_passage *p, size_t number)
{
    json_t *row = json_object(), *vector = json_null();
    json_object_set_new(row, "id", json_text(p->id));
    json_object_set_new(row, "source", json_text(p->source));
    json_object_set_new(row, "title", json_text(p->title));
    json_object_set_new(row, "body", json_text(p->text));
    json_object_set_new(row, "start_bytes", json_integer((json_int_t)p->start));
    json_object_set_new(row, "end_bytes", json_integer((json_int_t)p->end));
    json_object_set_new(row, "number", json_integer((json_int_t)number));
    if (p->vector != NULL) {
        vector = json_array();
        for (size_t d = 0; d < p->dim; d++)
            json_array_append_new(vector, json_real((double)p->vector[d]));
    }
    json_object_set_new(row, "embedding", vector);
    return row;
}

static int add_some(pg_retriever *r, const fr_passage *passages, size_t n, fr_err *err)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(rows, json_of(&passages[i], i));
    char *text = json_dumps(rows, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(rows);
    const char *values[] = { text, r->language };
    /* of two with one id the later one counts */
    int rc = query(
        r,
        "INSERT INTO %T SELECT DISTINCT ON (id) id, source, title, body, start_bytes, end_bytes, "
        "w, (SELECT coalesce(sum(coalesce(array_length(u.positions, 1), 1)), 0) FROM unnest(w) "
        "u), embedding FROM json_to_recordset($1::json) AS x(id text, source text, title text, "
        "body text, start_bytes bigint, end_bytes bigint, number int, embedding real[]), LATERAL "
        "(SELECT to_tsvector($2::regconfig, title) || to_tsvector($2::regconfig, body) AS w) l "
        "ORDER BY id, number DESC ON CONFLICT (id) DO UPDATE SET source = excluded.source, title "
        "= excluded.title, body = excluded.body, start_bytes = excluded.start_bytes, end_bytes = "
        "excluded.end_bytes, words = excluded.words, n_words = excluded.n_words, embedding = "
        "excluded.embedding",
        values, 2, NULL, err);
    free(text);
    return rc;
}

static int add_all(pg_retriever *r, const fr_passage *passages, size_t n,
                   const fr_progress *progress, fr_err *err)
{
    if (r->language == NULL)
        FR_TRY(make_tables(r, err));
    for (size_t i = 0; i < n; i++) {
        if (passages[i].vector == NULL)
            continue;
        FR_TRY(r->dim == 0 ? pin_vectors(r, passages[i].dim, err)
                           : same_dim(r, passages[i].dim, err));
    }
    for (size_t first = 0; first < n; first += AT_ONCE) {
        size_t these = FR_MIN(n - first, (size_t)AT_ONCE);
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "nothing was added");
        FR_TRY(add_some(r, passages + first, these, err));
        fr_progress_step(progress, "store", (double)(first + these), (double)n, "passages", NULL);
    }
    return 0;
}

static int pg_add(fr_retriever *base, const fr_passage *passages, size_t n,
                  const fr_progress *progress, fr_err *err)
{
    pg_retriever *r = (pg_retriever *)base;
    if (!r->has_pgvector && r->dim == 0 && passages[0].vector != NULL) {
        /* it may be on the server without being in this database; not everyone may put it there */
        query(r, "CREATE EXTENSION IF NOT EXISTS vector", NULL, 0, NULL, NULL);
        look_for_pgvector(r);
    }
    FR_TRY(same_model(r, base->options.model, base->options.model_hash, err));
    bool new = r->language == NULL;
    size_t dim = r->dim;
    FR_TRY(fr_postgres_exec(r->pg, "BEGIN", err));
    int rc = add_all(r, passages, n, progress, err);
    if (rc == 0)
        rc = fr_postgres_exec(r->pg, "COMMIT", err);
    if (rc == 0)
        return 0;
    fr_postgres_exec(r->pg, "ROLLBACK", NULL);
    r->dim = dim;
    if (new) {
        free(r->language);
        r->language = NULL;
    }
    return rc;
}

static int pg_remove(fr_retriever *base, const fr_str *ids, size_t n, fr_err *err)
{
    pg_retriever *r = (pg_retriever *)base;
    if (r->language == NULL)
        return 0;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_text(ids[i]));
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    const char *values[] = { text };
    int rc = query(r, "DELETE FROM %T WHERE id IN (SELECT json_array_elements_text($1::json))",
                   values, 1, NULL, err);
    free(text);
    return rc;
}

/* --- searching ---------------------------------------------------------------------------------
 */

static const char BY_WORDS[] =
    "WITH asked AS (SELECT lexeme, ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') "
    "|| '''') AS quoted FROM unnest(to_tsvector($1::regconfig, $2))), "
    "one AS (SELECT string_agg(quoted, ' | ')::tsquery AS q FROM asked), "
    "size AS (SELECT count(*)::float8 AS n, greatest(avg(n_words), 1)::float8 AS mean FROM %T), "
    "frequency AS (SELECT lexeme, (SELECT count(*) FROM %T WHERE words @@ quoted::tsquery)::float8 "
    "AS df FROM asked), "
    "near AS (SELECT id, n_words, words FROM %T, one WHERE words @@ q AND ($4 = '' OR source = $4) "
    "ORDER BY ts_rank(words, q) DESC, id LIMIT 2000), "
    "scored AS (SELECT near.id, sum(ln(1 + (n - df + 0.5) / (df + 0.5)) * tf * 2.2 / (tf + 1.2 * "
    "(0.25 + 0.75 * n_words / mean))) AS score FROM near CROSS JOIN size CROSS JOIN LATERAL "
    "unnest(near.words) AS w(lexeme, positions, weights) JOIN frequency ON frequency.lexeme = "
    "w.lexeme CROSS JOIN LATERAL (SELECT coalesce(array_length(w.positions, 1), 1)::float8 AS tf) "
    "AS t GROUP BY near.id) "
    "SELECT id, source, body, start_bytes, end_bytes, score, title FROM scored JOIN %T USING (id) "
    "ORDER "
    "BY score DESC, id COLLATE \"C\" LIMIT $3";

/* A filter is applied before the order, so that k are found whenever k are there. */
static const char BY_COSINE[] =
    "SELECT id, source, body, start_bytes, end_bytes, (SELECT sum(a::float8 * b) / "
    "nullif(sqrt(sum(a::float8 * a) * sum(b::float8 * b)), 0) FROM unnest(embedding, $1::real[]) "
    "AS u(a, b)) AS score, title FROM %T WHERE embedding IS NOT NULL AND ($3 = '' OR source = $3) "
    "ORDER "
    "BY score DESC NULLS LAST, id COLLATE \"C\" LIMIT $2";
static const char BY_PGVECTOR[] =
    "SELECT id, source, body, start_bytes, end_bytes, 1 - (embedding::vector(%D) <=> "
    "$1::real[]::vector(%D)) AS score, title FROM %T WHERE embedding IS NOT NULL AND $3 = '' ORDER "
    "BY "
    "embedding::vector(%D) <=> $1::real[]::vector(%D) LIMIT $2";

static fr_hit hit_of(const fr_rows *rows, size_t i)
{
    const char *text = fr_rows_text(rows, i, 2), *source = fr_rows_text(rows, i, 1),
               *title = fr_rows_text(rows, i, 6);
    return (fr_hit){ .id = fr_dup(fr_rows_text(rows, i, 0)),
                     .source = fr_dup(source != NULL ? source : ""),
                     .text = fr_dup(text != NULL ? text : ""),
                     .start = (size_t)fr_rows_f64(rows, i, 3),
                     .end = (size_t)fr_rows_f64(rows, i, 4),
                     .title = fr_dup(title != NULL ? title : ""),
                     .score = fr_rows_f64(rows, i, 5) };
}

static int hits_by(pg_retriever *r, const char *form, const char *const *values, size_t n,
                   fr_hits *out, fr_err *err)
{
    FR_AUTOPTR(fr_rows) rows = NULL;
    FR_TRY(query(r, form, values, n, &rows, err));
    *out = (fr_hits){ .at = FR_NEW_N(fr_hit, fr_rows_n(rows)) };
    for (size_t i = 0; i < fr_rows_n(rows); i++)
        out->at[out->n++] = hit_of(rows, i);
    return 0;
}

static int by_words(pg_retriever *r, const fr_question *q, const char *k, const char *source,
                    fr_hits *out, fr_err *err)
{
    json_t *fine = json_text(q->text);
    const char *values[] = { r->language, json_string_value(fine), k, source };
    int rc = hits_by(r, BY_WORDS, values, 4, out, err);
    json_decref(fine);
    return rc;
}

static int by_meaning(pg_retriever *r, const fr_question *q, const char *k, const char *source,
                      fr_hits *out, fr_err *err)
{
    if (r->dim == 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Ask it by words, or add its passages with vectors.",
                       "%s has no vectors of its passages", r->base.name);
    FR_TRY(same_model(r, r->base.options.model, r->base.options.model_hash, err));
    FR_TRY(same_dim(r, q->dim, err));
    FR_AUTO(fr_buf) vector = { 0 };
    for (size_t d = 0; d < q->dim; d++)
        fr_buf_put_f(&vector, "%c%.9g", d == 0 ? '{' : ',', (double)q->vector[d]);
    fr_buf_put_c(&vector, '}');
    const char *values[] = { fr_buf_text(&vector), k, source };
    bool indexed = r->has_pgvector && q->source.n == 0;
    if (indexed) {
        char wide[24];
        snprintf(wide, sizeof(wide), "%zu", FR_MIN(FR_MAX(q->k * 4, (size_t)100), (size_t)1000));
        const char *setting[] = { wide };
        FR_TRY(query(r, "SELECT set_config('hnsw.ef_search', $1, false)", setting, 1, NULL, err));
    }
    return hits_by(r, indexed ? BY_PGVECTOR : BY_COSINE, values, 3, out, err);
}

static int pg_search(fr_retriever *base, const fr_question *q, fr_hits *out, fr_err *err)
{
    pg_retriever *r = (pg_retriever *)base;
    if (r->language == NULL)
        return fr_fail(err, FR_E_NOT_FOUND, "Add passages to it first, or name ?table=NAME.",
                       "%s does not exist", base->name);
    bool both = fr_str_trim(q->text).n > 0 && q->vector != NULL;
    char k[24], *source = fr_dup_n(q->source.n > 0 ? q->source.at : "", q->source.n);
    snprintf(k, sizeof(k), "%zu", both ? FR_MAX(q->k * 4, (size_t)50) : q->k);
    fr_hits words = { 0 }, meaning = { 0 };
    int rc = 0;
    if (fr_str_trim(q->text).n > 0)
        rc = by_words(r, q, k, source, &words, err);
    if (rc == 0 && q->vector != NULL)
        rc = by_meaning(r, q, k, source, &meaning, err);
    free(source);
    if (rc == 0 && both) {
        hits_fuse(&words, &meaning, q->k, out);
    } else {
        *out = q->vector != NULL && !both ? meaning : words;
        fr_hits_fini(q->vector != NULL && !both ? &words : &meaning);
    }
    return rc;
}

static void pg_close(fr_retriever *base)
{
    pg_retriever *r = (pg_retriever *)base;
    fr_postgres_free(r->pg);
    char *owned[] = { r->table,    r->header, r->index,     r->vector_index,
                      r->language, r->model,  r->model_hash };
    for (size_t i = 0; i < FR_COUNT_OF(owned); i++)
        free(owned[i]);
    free(r);
}

/* --- opening -----------------------------------------------------------------------------------
 */

/* Takes table=NAME out of the address, which libpq would not understand. */
static char *without_table(const char *url, fr_str *table)
{
    fr_buf out = { 0 };
    const char *question = strchr(url, '?');
    *table = FR_STR(TABLE);
    if (question == NULL)
        return fr_dup(url);
    fr_buf_put(&out, url, (size_t)(question - url));
    fr_str rest = fr_str_of(question + 1), piece;
    char by = '?';
    while (fr_str_next(&rest, '&', &piece)) {
        if (fr_str_starts(piece, FR_STR("table="))) {
            *table = (fr_str){ piece.at + 6, piece.n - 6 };
            continue;
        }
        fr_buf_put_c(&out, by);
        fr_buf_put_str(&out, piece);
        by = '&';
    }
    return fr_buf_take(&out);
}

static char *quoted(fr_str table, const char *end)
{
    FR_AUTO(fr_buf) whole = { 0 };
    fr_buf out = { 0 };
    fr_buf_put_str(&whole, table);
    fr_buf_put_s(&whole, end);
    fr_postgres_put_name(&out, fr_buf_str(&whole));
    return fr_buf_take(&out);
}

static int connect_to(pg_retriever *r, const char *url, const fr_retriever_options *o, fr_str table,
                      fr_err *err)
{
    if (fr_net_is_offline() && !fr_postgres_is_local(url))
        return fr_fail(err, FR_E_NETWORK, "Unset FRUGAL_OFFLINE to let frugal use the network.",
                       "PostgreSQL was not asked: FRUGAL_OFFLINE is set");
    if (table.n == 0 || table.n > 40)
        return fr_fail(err, FR_E_USAGE, "Give it 1 to 40 letters.",
                       "'%.*s' cannot be the name of a table", FR_STR_F(table));
    FR_TRY(fr_postgres_open(url, o->timeout_s, &r->pg, err));
    r->base.name = fr_dup_f("table %.*s of PostgreSQL", FR_STR_F(table));
    r->table = quoted(table, "");
    r->header = quoted(table, "_header");
    r->index = quoted(table, "_words");
    r->vector_index = quoted(table, "_vectors");
    look_for_pgvector(r);
    FR_TRY(read_header(r, err));
    return same_model(r, o->model, o->model_hash, err);
}

int retriever_open_postgres(const char *url, const fr_retriever_options *o, fr_retriever **out,
                            fr_err *err)
{
    static const retriever_kind KIND = { .name = "postgresql",
                                         .add = pg_add,
                                         .remove = pg_remove,
                                         .search = pg_search,
                                         .close = pg_close };
    pg_retriever *r = FR_NEW(pg_retriever);
    r->base = (fr_retriever){ .kind = &KIND };
    fr_str table;
    char *plain = without_table(url, &table);
    int rc = connect_to(r, plain, o, table, err);
    explicit_bzero(plain, strlen(plain));
    free(plain);
    if (rc != 0) {
        free(r->base.name);
        pg_close(&r->base);
        return rc;
    }
    *out = &r->base;
    return 0;
}
