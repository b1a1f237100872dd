/* dense.c: the vectors of an index's chunks: made, kept up to date, asked. */
#include "rag/dense_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

enum { TEXTS_AT_ONCE = 64, COMMIT_EVERY = 512 };

char *fr_dense_path(const char *index_path)
{
    return fr_dup_f("%s.vectors", index_path);
}

/* The chunk's number above 31 bits of its text's digest: equal scores are ordered by number. */
static int64_t id_of(uint32_t chunk, fr_str title, fr_str text)
{
    uint64_t digest = fr_hash64(text.at, text.n, fr_hash64(title.at, title.n, 72));
    return (int64_t)((uint64_t)chunk << 31 | digest >> 33);
}

static uint32_t chunk_of(int64_t id)
{
    return (uint32_t)((uint64_t)id >> 31);
}

/* What the model reads: the headings that a chunk stands below belong to its meaning. */
static void put_text(fr_buf *out, const char *prefix, fr_str title, fr_str text)
{
    fr_buf_put_s(out, prefix != NULL ? prefix : "");
    fr_buf_put_str(out, title);
    if (title.n > 0)
        fr_buf_put_s(out, "\n");
    fr_buf_put_str(out, text);
}

/* --- update ------------------------------------------------------------------------------------
 */

typedef struct {
    int64_t *at; /* rising by chunk, not by id */
    size_t n, cap;
} ids;

typedef struct {
    fr_vectors *vectors; /* NULL until the dimension is known */
    char *path;
    fr_vectors_spec spec;
    fr_endpoint *embedder;
    fr_pool *pool;
    const fr_progress *progress;
    fr_dense_counts *counts;
    ids all;        /* of the index, now */
    size_t n_total; /* chunks of the index */
    fr_buf texts[TEXTS_AT_ONCE];
    int64_t waiting[TEXTS_AT_ONCE];
    size_t n_waiting, n_uncommitted;
} update;

static int open_vectors(update *u, size_t dim, fr_err *err)
{
    u->spec.dim = dim;
    return fr_vectors_open(u->path, &u->spec, FR_VECTORS_WRITE, &u->vectors, err);
}

static int embed_waiting(update *u, fr_err *err)
{
    if (u->n_waiting == 0)
        return 0;
    FR_AUTO(fr_embeddings) got = { 0 };
    fr_str texts[TEXTS_AT_ONCE];
    for (size_t i = 0; i < u->n_waiting; i++)
        texts[i] = fr_buf_str(&u->texts[i]);
    FR_TRY(fr_endpoint_embed(u->embedder, texts, u->n_waiting, &got, u->progress, err));
    if (u->vectors == NULL)
        FR_TRY(open_vectors(u, got.dim, err));
    if (got.dim != fr_vectors_built_with(u->vectors).dim)
        return fr_fail(err, FR_E_UNSUPPORTED, "Use the model it was built with.",
                       "'%s' has vectors of %zu numbers, '%s' makes %zu", u->path,
                       fr_vectors_built_with(u->vectors).dim, fr_endpoint_name(u->embedder),
                       got.dim);
    FR_TRY(fr_vectors_add(u->vectors, u->waiting, got.at, u->n_waiting, err));
    u->counts->n_embedded += u->n_waiting;
    u->counts->tokens += got.tokens;
    u->n_uncommitted += u->n_waiting;
    u->n_waiting = 0;
    fr_progress_step(u->progress, "embed", (double)(u->counts->n_embedded + u->counts->n_kept),
                     (double)u->n_total, "chunks", NULL);
    if (u->n_uncommitted < COMMIT_EVERY)
        return 0;
    u->n_uncommitted = 0;
    return fr_vectors_commit(u->vectors, u->pool, err);
}

static int look_at_chunk(void *user, uint32_t chunk, fr_str title, fr_str text, fr_err *err)
{
    update *u = user;
    int64_t id = id_of(chunk, title, text);
    FR_GROW(u->all.at, u->all.n, u->all.cap);
    u->all.at[u->all.n++] = id;
    if (u->vectors != NULL && fr_vectors_has(u->vectors, id)) {
        u->counts->n_kept++;
        return 0;
    }
    fr_buf *into = &u->texts[u->n_waiting];
    fr_buf_clear(into);
    put_text(into, u->spec.prefix, title, text);
    u->waiting[u->n_waiting++] = id;
    return u->n_waiting == TEXTS_AT_ONCE ? embed_waiting(u, err) : 0;
}

static int by_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* What is in the file and no more in the index. */
static void remove_gone(update *u)
{
    size_t n, gone = 0;
    int64_t *have = fr_vectors_ids(u->vectors, &n);
    fr_sort(u->all.at, u->all.n, sizeof(*u->all.at), by_i64);
    for (size_t i = 0, a = 0; i < n; i++) {
        while (a < u->all.n && u->all.at[a] < have[i])
            a++;
        if (a == u->all.n || u->all.at[a] != have[i])
            have[gone++] = have[i];
    }
    u->counts->n_removed = fr_vectors_remove(u->vectors, have, gone);
    free(have);
}

static int update_all(update *u, fr_index *index, fr_err *err)
{
    if (fr_file_exists(u->path))
        FR_TRY(open_vectors(u, 0, err));
    FR_TRY(fr_index_each(index, 0, look_at_chunk, u, err));
    FR_TRY(embed_waiting(u, err));
    if (u->vectors == NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "an index without chunks has nothing to embed");
    remove_gone(u);
    return fr_vectors_commit(u->vectors, u->pool, err);
}

static fr_vectors_spec spec_of(const fr_dense_options *o, const char *mark)
{
    return (fr_vectors_spec){ .metric = FR_METRIC_COSINE,
                              .codes = o->codes,
                              .model = fr_endpoint_name(o->embedder),
                              .model_hash = mark,
                              .pooling = o->pooling,
                              .normalization = "l2",
                              .prefix = o->prefix,
                              .query_prefix = o->query_prefix };
}

int fr_dense_update(const char *index_path, fr_index *index, const fr_dense_options *o,
                    fr_pool *pool, const fr_progress *progress, fr_dense_counts *counts,
                    fr_err *err)
{
    *counts = (fr_dense_counts){ 0 };
    FR_AUTO(fr_buf) mark = { 0 };
    FR_TRY(fr_endpoint_mark(o->embedder, &mark, err));
    update *u = FR_NEW(update);
    u->path = fr_dense_path(index_path);
    u->spec = spec_of(o, fr_buf_text(&mark));
    u->embedder = o->embedder;
    u->pool = pool;
    u->progress = progress;
    u->counts = counts;
    u->n_total = fr_index_n_chunks(index);
    int rc = update_all(u, index, err);
    if (rc == FR_E_INTERRUPTED && u->vectors != NULL)
        fr_vectors_commit(u->vectors, pool, NULL); /* what was embedded is kept */
    fr_vectors_free(u->vectors);
    for (size_t i = 0; i < TEXTS_AT_ONCE; i++)
        fr_buf_fini(&u->texts[i]);
    free(u->all.at);
    free(u->path);
    free(u);
    return rc;
}

/* --- asking ------------------------------------------------------------------------------------
 */

struct fr_dense {
    fr_vectors *vectors;
    fr_index *index;       /* borrowed */
    fr_endpoint *embedder; /* borrowed */
    char *path;
};

int fr_dense_open(const char *index_path, fr_index *index, const fr_dense_options *o,
                  fr_dense **out, fr_err *err)
{
    *out = NULL;
    FR_AUTO(fr_buf) mark = { 0 };
    FR_TRY(fr_endpoint_mark(o->embedder, &mark, err));
    fr_vectors_spec spec = spec_of(o, fr_buf_text(&mark));
    spec.codes = FR_CODES_NONE; /* whatever it was built with */
    FR_AUTOPTR(fr_dense) d = FR_NEW(fr_dense);
    d->path = fr_dense_path(index_path);
    if (!fr_file_exists(d->path))
        return fr_fail(err, FR_E_NOT_FOUND, "`frugal rag index … --embed MODEL` makes them.",
                       "'%s' has no vectors of its chunks", index_path);
    FR_TRY(fr_vectors_open(d->path, &spec, FR_VECTORS_READ, &d->vectors, err));
    d->index = index;
    d->embedder = o->embedder;
    *out = d;
    d = NULL;
    return 0;
}

void fr_dense_free(fr_dense *d)
{
    if (d == NULL)
        return;
    fr_vectors_free(d->vectors);
    free(d->path);
    free(d);
}

const fr_vectors *fr_dense_vectors(const fr_dense *d)
{
    return d->vectors;
}

bool dense_vector_of(const fr_dense *d, const fr_hit *hit, float *to)
{
    return fr_vectors_get(d->vectors,
                          id_of(hit->chunk, fr_str_of(hit->title), fr_str_of(hit->text)), to);
}

size_t fr_dense_n_missing(const fr_dense *d)
{
    size_t chunks = fr_index_n_chunks(d->index), have = fr_vectors_n(d->vectors);
    return chunks > have ? chunks - have : 0;
}

typedef struct {
    const uint8_t *bits;
    size_t n;
} allowed;

static bool is_allowed(void *user, int64_t id)
{
    const allowed *a = user;
    uint32_t chunk = chunk_of(id);
    return chunk < a->n && (a->bits[chunk / 8] >> (chunk % 8) & 1) != 0;
}

/* Do the vectors that were found stand for these texts? */
static int check_found(const fr_dense *d, const fr_vector_hit *hits, const fr_ranked *list,
                       fr_err *err)
{
    FR_AUTO(fr_hits) read = { 0 };
    FR_TRY(fr_index_read(d->index, list, &read, err));
    for (size_t i = 0; i < read.n; i++) {
        const fr_hit *h = &read.at[i];
        if (id_of(h->chunk, fr_str_of(h->title), fr_str_of(h->text)) != hits[i].id)
            return fr_fail(err, FR_E_UNSUPPORTED,
                           "Bring them up to date: `frugal rag index … --embed MODEL`.",
                           "'%s' is of another state of the index", d->path);
    }
    return 0;
}

static int search(const fr_dense *d, const float *question, size_t k,
                  const fr_vectors_options *options, fr_ranked *out, fr_err *err)
{
    fr_vector_hit *hits = FR_NEW_N(fr_vector_hit, k);
    size_t found;
    int rc = fr_vectors_search(d->vectors, question, 1, k, options, NULL, hits, &found, err);
    for (size_t i = 0; i < found && rc == 0; i++) {
        FR_GROW(out->at, out->n, out->cap);
        out->at[out->n++] = (fr_rank){ chunk_of(hits[i].id), (double)hits[i].score };
    }
    if (rc == 0)
        rc = check_found(d, hits, out, err);
    free(hits);
    return rc;
}

int fr_dense_rank(fr_dense *d, fr_str query, size_t k, const fr_filter *filters, size_t n_filters,
                  fr_ranked *out, size_t *tokens, fr_err *err)
{
    fr_vectors_spec spec = fr_vectors_built_with(d->vectors);
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTO(fr_embeddings) question = { 0 };
    put_text(&text, spec.query_prefix, (fr_str){ 0 }, query);
    k = FR_MIN(k, fr_vectors_n(d->vectors));
    if (k == 0 || fr_str_trim(query).n == 0)
        return 0;
    fr_str one = fr_buf_str(&text);
    FR_TRY(fr_endpoint_embed(d->embedder, &one, 1, &question, NULL, err));
    if (tokens != NULL)
        *tokens += question.tokens;
    if (question.dim != spec.dim)
        return fr_fail(err, FR_E_UNSUPPORTED, "Use the model it was built with.",
                       "'%s' has vectors of %zu numbers, '%s' makes %zu", d->path, spec.dim,
                       fr_endpoint_name(d->embedder), question.dim);
    fr_vectors_options options = { 0 };
    allowed keep = { 0 };
    uint8_t *bits = NULL;
    /* chunks that are gone may still have vectors: then, too, only those of the index are asked */
    if (n_filters > 0 || fr_vectors_n(d->vectors) != fr_index_n_chunks(d->index)) {
        FR_TRY(fr_index_allowed(d->index, filters, n_filters, &bits, &keep.n, err));
        keep.bits = bits;
        options = (fr_vectors_options){ .keep = is_allowed, .user = &keep };
    }
    int rc = search(d, question.at, k, &options, out, err);
    free(bits);
    return rc;
}
