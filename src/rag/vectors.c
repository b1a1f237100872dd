/* vectors.c: a set of vectors from open to commit. */
#include "rag/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "rag/vectors_priv.h"

/* The file is written anew when more than this share of it is in the journal or dead. */
enum { ANEW_SHARE = 8, ANEW_FROM = 256, BULK_FROM = 64 };

static const char *const CODES[] = { [FR_CODES_NONE] = "",
                                     [FR_CODES_AUTO] = "auto",
                                     [FR_CODES_F32] = "f32",
                                     [FR_CODES_INT8] = "int8",
                                     [FR_CODES_BINARY] = "binary" };

fr_codes fr_codes_find(fr_str name)
{
    for (int c = FR_CODES_AUTO; c < FR_CODES_COUNT; c++) {
        if (fr_str_is(name, CODES[c]))
            return (fr_codes)c;
    }
    return FR_CODES_NONE;
}

const char *fr_codes_name(fr_codes codes)
{
    return codes < FR_CODES_COUNT ? CODES[codes] : "";
}

const char *fr_metric_kind_name(fr_metric_kind metric)
{
    static const char *const NAMES[] = { "", "cosine", "dot", "l2" };
    return (size_t)metric < FR_COUNT_OF(NAMES) ? NAMES[metric] : "";
}

/* --- making and opening ------------------------------------------------------------------------
 */

static int put_text(char *to, const char *text, const char *what, fr_err *err)
{
    text = text != NULL ? text : "";
    if (strlen(text) >= TEXT_BYTES)
        return fr_fail(err, FR_E_USAGE, NULL, "the %s has more than %d bytes", what,
                       TEXT_BYTES - 1);
    memset(to, 0, TEXT_BYTES);
    memcpy(to, text, strlen(text));
    return 0;
}

static void read_spec(fr_vectors *v)
{
    image_head *h = &v->head;
    v->spec = (fr_vectors_spec){ .dim = h->dim,
                                 .metric = (fr_metric_kind)h->metric,
                                 .codes = (fr_codes)h->codes,
                                 .model = h->model,
                                 .model_hash = h->model_hash,
                                 .pooling = h->pooling,
                                 .normalization = h->normalization,
                                 .prefix = h->prefix,
                                 .query_prefix = h->query_prefix };
}

int fr_vectors_new(const fr_vectors_spec *spec, fr_vectors **out, fr_err *err)
{
    *out = NULL;
    if (spec->dim == 0 || spec->dim > FR_VECTORS_DIM_MAX)
        return fr_fail(err, FR_E_USAGE, NULL, "vectors of %zu numbers cannot be searched (1 to %d)",
                       spec->dim, FR_VECTORS_DIM_MAX);
    if (spec->metric <= FR_METRIC_NONE || spec->metric > FR_METRIC_L2)
        return fr_fail(err, FR_E_USAGE, NULL, "vectors need a metric: cosine, dot or l2");
    FR_AUTOPTR(fr_vectors) v = FR_NEW(fr_vectors);
    v->lock = -1;
    fr_codes codes = spec->codes != FR_CODES_NONE ? spec->codes : FR_CODES_AUTO;
    v->head = (image_head){ .dim = (uint32_t)spec->dim,
                            .turned = (uint32_t)turned_dim(spec->dim),
                            .metric = spec->metric,
                            .codes = codes };
    FR_TRY(put_text(v->head.model, spec->model, "model's name", err));
    FR_TRY(put_text(v->head.model_hash, spec->model_hash, "model's hash", err));
    FR_TRY(put_text(v->head.pooling, spec->pooling, "pooling's name", err));
    FR_TRY(put_text(v->head.normalization, spec->normalization, "normalization's name", err));
    FR_TRY(put_text(v->head.prefix, spec->prefix, "prefix", err));
    FR_TRY(put_text(v->head.query_prefix, spec->query_prefix, "questions' prefix", err));
    read_spec(v);
    *out = v;
    v = NULL;
    return 0;
}

static int other(const char *what, const char *theirs, const char *ours, const char *path,
                 fr_err *err)
{
    return fr_fail(err, FR_E_UNSUPPORTED,
                   "Use the model it was built with, or build the index again.",
                   "'%s' was built with %s '%s', not '%s'", path, what, theirs, ours);
}

/* Text that is stated must be the file's. */
static int same_text(const char *what, const char *theirs, const char *ours, const char *path,
                     fr_err *err)
{
    return ours == NULL || ours[0] == '\0' || strcmp(theirs, ours) == 0
               ? 0
               : other(what, theirs, ours, path, err);
}

static int same_spec(const fr_vectors *v, const fr_vectors_spec *want, const char *path,
                     fr_err *err)
{
    const fr_vectors_spec *have = &v->spec;
    if (want == NULL)
        return 0;
    if (want->model_hash != NULL && want->model_hash[0] != '\0' &&
        strcmp(have->model_hash, want->model_hash) != 0)
        return fr_fail(
            err, FR_E_UNSUPPORTED, "Use the model it was built with, or build the index again.",
            "'%s' was built with the model '%s' (%.12s), not with '%s' (%.12s)", path, have->model,
            have->model_hash, want->model != NULL ? want->model : "", want->model_hash);
    if (want->model_hash == NULL || want->model_hash[0] == '\0')
        FR_TRY(same_text("the model", have->model, want->model, path, err));
    char theirs[24], ours[24];
    snprintf(theirs, sizeof(theirs), "%zu", have->dim);
    snprintf(ours, sizeof(ours), "%zu", want->dim);
    if (want->dim != 0)
        FR_TRY(same_text("vectors of dimension", theirs, ours, path, err));
    FR_TRY(same_text("the metric", fr_metric_kind_name(have->metric),
                     fr_metric_kind_name(want->metric), path, err));
    FR_TRY(same_text("codes", fr_codes_name(have->codes), fr_codes_name(want->codes), path, err));
    FR_TRY(same_text("pooling", have->pooling, want->pooling, path, err));
    FR_TRY(same_text("normalization", have->normalization, want->normalization, path, err));
    FR_TRY(same_text("the prefix", have->prefix, want->prefix, path, err));
    return same_text("the questions' prefix", have->query_prefix, want->query_prefix, path, err);
}

/* The file, locked: again when it was replaced while we waited for nothing. */
static int lock_file(const char *path, int *out, fr_err *err)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return fr_fail_errno(err, NULL, "cannot write '%s'", path);
        struct stat ours, there;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            close(fd);
            return fr_fail(err, FR_E_BUSY, "Wait until it is done.",
                           "another program is changing '%s'", path);
        }
        if (fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
            ours.st_dev == there.st_dev) {
            *out = fd;
            return 0;
        }
        close(fd);
    }
}

/* What stands behind the image. Copied, since a writer may cut off what another left half done. */
static int read_from(const char *path, off_t at, int fd, fr_buf *out, fr_err *err)
{
    int own = fd < 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 && own < 0)
        return fr_fail_errno(err, NULL, "cannot read '%s'", path);
    char block[16384];
    ssize_t n;
    while ((n = pread(fd < 0 ? own : fd, block, sizeof(block), at)) > 0) {
        fr_buf_put(out, block, (size_t)n);
        at += n;
    }
    int rc = n < 0 ? fr_fail_errno(err, NULL, "cannot read '%s'", path) : 0;
    if (own >= 0)
        close(own);
    return rc;
}

static int open_there(const char *path, const fr_vectors_spec *spec, int how, fr_vectors **out,
                      fr_err *err)
{
    FR_AUTOPTR(fr_vectors) v = FR_NEW(fr_vectors);
    v->lock = -1;
    if (how == FR_VECTORS_WRITE)
        FR_TRY(lock_file(path, &v->lock, err));
    FR_TRY(fr_map_open(path, &v->map, err));
    FR_TRY(image_read(v->map.at, v->map.size_bytes, path, &v->base, err));
    v->head = *v->base.head;
    read_spec(v);
    FR_TRY(same_spec(v, spec, path, err));
    v->path = fr_dup(path);
    FR_AUTO(fr_buf) journal = { .limit_bytes = SIZE_MAX / 2 };
    FR_TRY(read_from(path, (off_t)v->head.bytes, v->lock, &journal, err));
    v->journal_bytes = journal_read(v, (const uint8_t *)fr_buf_text(&journal), journal.n);
    *out = v;
    v = NULL;
    return 0;
}

int fr_vectors_open(const char *path, const fr_vectors_spec *spec, int how, fr_vectors **out,
                    fr_err *err)
{
    *out = NULL;
    if (how == FR_VECTORS_WRITE && spec != NULL && !fr_file_exists(path)) {
        FR_AUTOPTR(fr_vectors) empty = NULL;
        FR_TRY(fr_vectors_new(spec, &empty, err));
        FR_TRY(fr_vectors_save(empty, path, NULL, err));
    }
    return open_there(path, spec, how, out, err);
}

static void forget_base(fr_vectors *v)
{
    fr_map_fini(&v->map);
    v->map = (fr_map){ 0 };
    free(v->built);
    free(v->dead);
    v->built = NULL;
    v->dead = NULL;
    v->n_dead = 0;
    v->base = (image){ 0 };
    free(v->tail.ids);
    free(v->tail.rows);
    v->tail = (tail){ 0 };
    fr_buf_clear(&v->journal);
    v->journal_bytes = 0;
}

void fr_vectors_free(fr_vectors *v)
{
    if (v == NULL)
        return;
    forget_base(v);
    fr_buf_fini(&v->journal);
    if (v->lock >= 0)
        close(v->lock);
    free(v->path);
    free(v);
}

/* --- what is in it -----------------------------------------------------------------------------
 */

fr_vectors_spec fr_vectors_built_with(const fr_vectors *v)
{
    return v->spec;
}

size_t fr_vectors_n(const fr_vectors *v)
{
    return base_n(v) - v->n_dead + v->tail.n;
}

size_t fr_vectors_n_lists(const fr_vectors *v)
{
    return v->base.head != NULL && v->base.head->n_lists > 1 ? (size_t)v->base.head->n_lists : 0;
}

size_t base_row(const fr_vectors *v, int64_t id)
{
    size_t n = base_n(v);
    for (size_t low = 0, high = n; low < high;) {
        size_t middle = low + (high - low) / 2, row = v->base.order[middle];
        if (row >= n)
            return SIZE_MAX;
        if (v->base.ids[row] == id)
            return row_is_dead(v, row) ? SIZE_MAX : row;
        if (v->base.ids[row] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

static size_t tail_row(const fr_vectors *v, int64_t id)
{
    for (size_t i = 0; i < v->tail.n; i++) {
        if (v->tail.ids[i] == id)
            return i;
    }
    return SIZE_MAX;
}

bool fr_vectors_get(const fr_vectors *v, int64_t id, float *to)
{
    size_t dim = v->spec.dim, row = base_row(v, id);
    const float *from = row != SIZE_MAX ? v->base.floats + row * dim : NULL;
    if (from == NULL && (row = tail_row(v, id)) != SIZE_MAX)
        from = v->tail.rows + row * dim;
    if (from != NULL && to != NULL)
        memcpy(to, from, dim * sizeof(float));
    return from != NULL;
}

bool fr_vectors_has(const fr_vectors *v, int64_t id)
{
    return fr_vectors_get(v, id, NULL);
}

static int by_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t *fr_vectors_ids(const fr_vectors *v, size_t *n)
{
    int64_t *ids = FR_NEW_N(int64_t, fr_vectors_n(v));
    *n = 0;
    for (size_t row = 0; row < base_n(v); row++) {
        if (!row_is_dead(v, row))
            ids[(*n)++] = v->base.ids[row];
    }
    for (size_t i = 0; i < v->tail.n; i++)
        ids[(*n)++] = v->tail.ids[i];
    fr_sort(ids, *n, sizeof(*ids), by_i64);
    return ids;
}

/* --- changes -----------------------------------------------------------------------------------
 */

const char *make_fit(float *row, size_t dim, fr_metric_kind metric)
{
    double square = 0.0;
    for (size_t d = 0; d < dim; d++) {
        if (!isfinite(row[d]))
            return isnan(row[d]) ? "has a NaN" : "has an infinity";
        square += (double)row[d] * (double)row[d];
    }
    if (metric != FR_METRIC_COSINE)
        return square <= (double)1e36f ? NULL : "has numbers too large to be multiplied";
    if (square == 0.0)
        return "has only zeros, and no direction";
    double length = sqrt(square);
    for (size_t d = 0; d < dim; d++)
        row[d] = (float)((double)row[d] / length);
    return NULL;
}

static void tail_put(fr_vectors *v, int64_t id, const float *row)
{
    tail *t = &v->tail;
    size_t dim = v->spec.dim;
    if (t->n == t->cap) {
        t->cap = t->cap != 0 ? t->cap * 2 : 64;
        t->ids = fr_array_resize(t->ids, t->cap, sizeof(*t->ids));
        t->rows = fr_array_resize(t->rows, t->cap, dim * sizeof(*t->rows));
    }
    t->ids[t->n] = id;
    memcpy(t->rows + t->n * dim, row, dim * sizeof(float));
    t->n++;
}

bool drop_row(fr_vectors *v, int64_t id)
{
    size_t dim = v->spec.dim, row = base_row(v, id);
    if (row != SIZE_MAX) {
        if (v->dead == NULL)
            v->dead = FR_NEW_N(uint64_t, base_n(v) / 64 + 1);
        v->dead[row / 64] |= (uint64_t)1 << (row % 64);
        v->n_dead++;
        return true;
    }
    tail *t = &v->tail;
    if ((row = tail_row(v, id)) == SIZE_MAX)
        return false;
    t->n--; /* the last takes its place */
    t->ids[row] = t->ids[t->n];
    memmove(t->rows + row * dim, t->rows + t->n * dim, dim * sizeof(float));
    return true;
}

void put_row(fr_vectors *v, int64_t id, const float *row)
{
    drop_row(v, id);
    tail_put(v, id, row);
}

/* All that is in a large addition is told from what is there by sorting, not row by row. */
static bool all_new(const fr_vectors *v, const int64_t *ids, size_t n)
{
    size_t have_n;
    int64_t *have = fr_vectors_ids(v, &have_n);
    int64_t *want = FR_NEW_N(int64_t, n);
    memcpy(want, ids, n * sizeof(*ids));
    fr_sort(want, n, sizeof(*want), by_i64);
    bool new = true;
    for (size_t i = 0, h = 0; i < n && new; i++) {
        while (h < have_n && have[h] < want[i])
            h++;
        new = (i == 0 || want[i] != want[i - 1]) && (h == have_n || have[h] != want[i]);
    }
    free(have);
    free(want);
    return new;
}

int fr_vectors_add(fr_vectors *v, const int64_t *ids, const float *rows, size_t n, fr_err *err)
{
    size_t dim = v->spec.dim;
    float *fit = FR_NEW_N(float, dim);
    for (size_t i = 0; i < n; i++) {
        memcpy(fit, rows + i * dim, dim * sizeof(float));
        const char *why = make_fit(fit, dim, v->spec.metric);
        if (why != NULL) {
            free(fit);
            return fr_fail(err, FR_E_USAGE, "Leave it out, or look at what made it.",
                           "the vector of id %lld %s", (long long)ids[i], why);
        }
    }
    bool new = n >= BULK_FROM &&all_new(v, ids, n);
    for (size_t i = 0; i < n; i++) {
        memcpy(fit, rows + i * dim, dim * sizeof(float));
        make_fit(fit, dim, v->spec.metric);
        if (new)
            tail_put(v, ids[i], fit);
        else
            put_row(v, ids[i], fit);
        if (v->path != NULL)
            journal_put_add(&v->journal, ids[i], fit, dim);
    }
    free(fit);
    return 0;
}

size_t fr_vectors_remove(fr_vectors *v, const int64_t *ids, size_t n)
{
    size_t removed = 0;
    for (size_t i = 0; i < n; i++) {
        if (!drop_row(v, ids[i]))
            continue;
        removed++;
        if (v->path != NULL)
            journal_put_drop(&v->journal, ids[i]);
    }
    return removed;
}

/* --- to the disk -------------------------------------------------------------------------------
 */

int fr_vectors_build(fr_vectors *v, fr_pool *pool, fr_err *err)
{
    if (v->base.head != NULL && v->n_dead == 0 && v->tail.n == 0)
        return 0;
    uint8_t *built;
    FR_TRY(image_build(v, pool, &built, err));
    forget_base(v);
    v->built = built;
    v->base = image_of(built);
    v->head = *v->base.head;
    read_spec(v);
    return 0;
}

static int write_image(const char *path, const uint8_t *at, size_t n, fr_err *err)
{
    FR_AUTO(fr_file_out) out = { 0 };
    FR_TRY(fr_file_out_open(&out, path, err));
    FR_TRY(fr_file_out_put(&out, at, n, err));
    return fr_file_out_commit(&out, err);
}

int fr_vectors_save(fr_vectors *v, const char *path, fr_pool *pool, fr_err *err)
{
    uint8_t *built;
    FR_TRY(image_build(v, pool, &built, err));
    int rc = write_image(path, built, (size_t)((const image_head *)built)->bytes, err);
    free(built);
    return rc;
}

/* The whole file anew; the lock goes over to the new one before the old one is let go. */
static int write_anew(fr_vectors *v, fr_pool *pool, fr_err *err)
{
    FR_TRY(fr_vectors_save(v, v->path, pool, err));
    FR_AUTOPTR(fr_vectors) fresh = NULL;
    FR_TRY(open_there(v->path, NULL, FR_VECTORS_WRITE, &fresh, err));
    fr_vectors old = *v;
    *v = *fresh;
    read_spec(v);
    *fresh = old;
    return 0;
}

static int append(fr_vectors *v, fr_err *err)
{
    off_t end = (off_t)(v->head.bytes + v->journal_bytes);
    /* what a killed program left behind the last whole record */
    if (ftruncate(v->lock, end) != 0)
        return fr_fail_errno(err, NULL, "cannot write '%s'", v->path);
    for (size_t done = 0; done < v->journal.n;) {
        ssize_t n = pwrite(v->lock, v->journal.at + done, v->journal.n - done, end + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fr_fail_errno(err, NULL, "cannot write '%s'", v->path);
        done += (size_t)n;
    }
    if (fdatasync(v->lock) != 0)
        return fr_fail_errno(err, NULL, "cannot write '%s'", v->path);
    v->journal_bytes += v->journal.n;
    fr_buf_clear(&v->journal);
    return 0;
}

int fr_vectors_commit(fr_vectors *v, fr_pool *pool, fr_err *err)
{
    if (v->path == NULL)
        return fr_vectors_build(v, pool, err);
    if (v->lock < 0)
        return fr_fail(err, FR_E_USAGE, NULL, "'%s' was opened only to be read", v->path);
    size_t changed = v->tail.n + v->n_dead;
    if (v->journal.full || (changed > ANEW_FROM && changed > base_n(v) / ANEW_SHARE))
        return write_anew(v, pool, err);
    return v->journal.n > 0 ? append(v, err) : 0;
}
