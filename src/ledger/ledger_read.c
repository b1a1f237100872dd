/* Reading runs, buckets and notes back, and the sums over them. */
#include "ledger/ledger_priv.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define RUN_COLUMNS                                                                                \
    "seq, id, parent, phase, leaf, kind, name, command, model_hash, strategy, zone, basis, "       \
    "grid_source, grid_year, intensity_g_per_kwh, pue, embodied_g, start_unix_ns, end_unix_ns, "   \
    "status, exit_code, cpu_s, gpu_s, duration_s, energy_uj, energy_low_uj, energy_high_uj, "      \
    "method, energy_source, operational_g, carbon_g, host, boot_id, pid, pid_start_ticks, seal, "  \
    "coalesce((SELECT max(end_unix_ns) FROM bucket WHERE bucket.run = run.seq), start_unix_ns)"

static void copy_id(char out[FR_ULID_TEXT], const char *text)
{
    snprintf(out, FR_ULID_TEXT, "%s", text != NULL ? text : "");
}

/* A step of the list: columns in the order of RUN_COLUMNS. */
static void read_run(fr_query *q, fr_run_record *r)
{
    int at = 0;
    r->seq = fr_query_i64(q, at++);
    copy_id(r->id, fr_query_text(q, at++));
    copy_id(r->parent, fr_query_text(q, at++));
    r->phase = fr_query_i64(q, at++) != 0;
    r->leaf = fr_query_i64(q, at++) != 0;
    r->kind = fr_dup(fr_query_text(q, at++));
    r->name = fr_dup(fr_query_text(q, at++));
    r->command = fr_dup(fr_query_text(q, at++));
    r->model_hash = fr_dup(fr_query_text(q, at++));
    r->strategy = fr_dup(fr_query_text(q, at++));
    r->zone = fr_dup(fr_query_text(q, at++));
    r->basis = fr_dup(fr_query_text(q, at++));
    r->grid_source = fr_dup(fr_query_text(q, at++));
    r->grid_year = (int)fr_query_i64(q, at++);
    r->intensity_g_per_kwh = fr_query_f64(q, at++);
    r->pue = fr_query_f64(q, at++);
    r->embodied_g = fr_query_f64(q, at++);
    r->start_unix_ns = fr_query_i64(q, at++);
    r->end_unix_ns = fr_query_i64(q, at++);
    r->status = fr_dup(fr_query_text(q, at++));
    r->exit_code = (int)fr_query_i64(q, at++);
    r->cpu_s = fr_query_f64(q, at++);
    r->gpu_s = fr_query_f64(q, at++);
    r->duration_s = fr_query_f64(q, at++);
    r->energy.value_j = fr_query_f64(q, at++) * 1e-6;
    r->energy.low_j = fr_query_f64(q, at++) * 1e-6;
    r->energy.high_j = fr_query_f64(q, at++) * 1e-6;
    const char *method = fr_query_text(q, at++);
    r->energy.method = fr_method_parse(method != NULL ? method : "");
    r->energy.source = fr_dup(fr_query_text(q, at++));
    r->operational_g = fr_query_f64(q, at++);
    r->carbon_g = fr_query_f64(q, at++);
    r->host = fr_dup(fr_query_text(q, at++));
    r->boot_id = fr_dup(fr_query_text(q, at++));
    r->pid = fr_query_i64(q, at++);
    r->pid_start_ticks = fr_query_i64(q, at++);
    r->seal = fr_dup(fr_query_text(q, at++));
    r->seen_unix_ns = fr_query_i64(q, at++);
}

static void free_text(const char *text)
{
    free((char *)text);
}

void fr_run_list_fini(fr_run_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        fr_run_record *r = &list->at[i];
        const char *texts[] = { r->kind,   r->name,  r->command,       r->model_hash,
                                r->zone,   r->basis, r->grid_source,   r->strategy,
                                r->status, r->host,  r->energy.source, r->boot_id,
                                r->seal };
        for (size_t t = 0; t < FR_COUNT_OF(texts); t++)
            free_text(texts[t]);
    }
    free(list->at);
    *list = (fr_run_list){ 0 };
}

int fr_ledger_sum_locked(fr_ledger *l, int64_t seq, int64_t uj[3], fr_method *method,
                         fr_buf *source, int64_t *seen_unix_ns, size_t *n_buckets, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(
        l->store,
        "WITH RECURSIVE part(seq, id) AS (SELECT seq, id FROM run WHERE seq = ? "
        "UNION SELECT run.seq, run.id FROM run JOIN part ON run.parent = part.id "
        "WHERE run.phase = 1) "
        "SELECT device.method, device.source, sum(energy_uj), sum(low_uj), sum(high_uj), "
        "max(end_unix_ns), count(*) FROM part JOIN bucket ON bucket.run = part.seq "
        "JOIN device ON device.number = bucket.device GROUP BY 1, 2 ORDER BY 3 DESC",
        &q, err));
    fr_query_bind_i64(q, 1, seq);
    uj[0] = uj[1] = uj[2] = 0;
    *method = FR_METHOD_NONE;
    *n_buckets = 0;
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW) {
        fr_method one = fr_method_parse(fr_query_text(q, 0));
        *method = *method == FR_METHOD_NONE || *method == one ? one : FR_METHOD_MIXED;
        if (source->n > 0)
            fr_buf_put_s(source, " + ");
        if (source->n < 200)
            fr_buf_put_s(source, fr_query_text(q, 1));
        for (int i = 0; i < 3; i++)
            uj[i] += fr_query_i64(q, 2 + i);
        *seen_unix_ns = FR_MAX(*seen_unix_ns, fr_query_i64(q, 5));
        *n_buckets += (size_t)fr_query_i64(q, 6);
    }
    return rc;
}

/* A run that is open has no figure of its own yet: what its buckets hold so far. */
static int fill_open(fr_ledger *l, fr_run_record *r, fr_err *err)
{
    int64_t uj[3];
    size_t n = 0;
    FR_AUTO(fr_buf) source = { 0 };
    fr_method method;
    FR_TRY(fr_ledger_sum_locked(l, r->seq, uj, &method, &source, &r->seen_unix_ns, &n, err));
    if (n == 0) {
        free_text(r->energy.source);
        r->energy = fr_energy_unknown();
        return 0;
    }
    free_text(r->energy.source);
    r->energy = (fr_energy){ .value_j = (double)uj[0] * 1e-6,
                             .low_j = (double)uj[1] * 1e-6,
                             .high_j = (double)uj[2] * 1e-6,
                             .method = method,
                             .source = fr_buf_take(&source) };
    r->operational_g = r->energy.value_j / 3.6e6 * r->pue * r->intensity_g_per_kwh;
    r->carbon_g = r->operational_g;
    return 0;
}

int fr_ledger_list_locked(fr_ledger *l, const fr_ledger_query *query, fr_run_list *out, fr_err *err)
{
    *out = (fr_run_list){ 0 };
    size_t cap = 0;
    FR_AUTOPTR(fr_query) q = NULL;
    /* '~' is above every letter and digit: the range of all ids with a prefix. */
    FR_TRY(fr_store_prepare(
        l->store,
        "SELECT " RUN_COLUMNS " FROM run WHERE (?1 IS NULL OR (id >= ?1 AND id < ?1 || '~')) "
        "AND (?2 IS NULL OR parent = ?2) AND (?3 IS NULL OR kind = ?3) "
        "AND (?4 IS NULL OR status = ?4) AND start_unix_ns >= ?5 AND (?6 IS NULL OR name = ?6) "
        "AND (?7 = 0 OR parent IS NULL OR parent NOT IN (SELECT id FROM run)) "
        "ORDER BY seq DESC LIMIT ?8",
        &q, err));
    char *prefix = fr_dup(query->id);
    for (char *c = prefix; c != NULL && *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    fr_query_bind_text(q, 1, prefix);
    free(prefix);
    fr_query_bind_text(q, 2, query->parent);
    fr_query_bind_text(q, 3, query->kind);
    fr_query_bind_text(q, 4, query->status);
    fr_query_bind_i64(q, 5, query->since_unix_ns != 0 ? query->since_unix_ns : INT64_MIN);
    fr_query_bind_text(q, 6, query->name);
    fr_query_bind_i64(q, 7, query->top_only);
    fr_query_bind_i64(q, 8, query->limit != 0 ? (int64_t)query->limit : -1);
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW) {
        FR_GROW(out->at, out->n, cap);
        out->at[out->n] = (fr_run_record){ 0 };
        read_run(q, &out->at[out->n++]);
    }
    for (size_t i = 0; i < out->n && rc == 0; i++)
        if (strcmp(out->at[i].status, "running") == 0)
            rc = fill_open(l, &out->at[i], err);
    if (rc != 0)
        fr_run_list_fini(out);
    return rc;
}

int fr_ledger_list(fr_ledger *l, const fr_ledger_query *query, fr_run_list *out, fr_err *err)
{
    *out = (fr_run_list){ 0 };
    pthread_mutex_lock(&l->lock);
    int rc = fr_ledger_sweep_locked(l, err);
    if (rc == 0)
        rc = fr_ledger_list_locked(l, query, out, err);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

int fr_ledger_find(fr_ledger *l, const char *id, fr_run_list *out, fr_err *err)
{
    bool last = strcmp(id, "last") == 0;
    fr_ledger_query query = { .id = last ? NULL : id, .top_only = last, .limit = last ? 1 : 3 };
    FR_TRY(fr_ledger_list(l, &query, out, err));
    if (out->n == 1)
        return 0;
    int rc;
    if (out->n == 0)
        rc = last ? fr_fail(err, FR_E_NOT_FOUND, "Try `frugal meter -- true`.",
                            "'%s' holds no run yet", l->path)
                  : fr_fail(err, FR_E_NOT_FOUND, "`frugal ledger list` shows what there is.",
                            "no run whose id begins with '%s' in '%s'", id, l->path);
    else
        rc = fr_fail(err, FR_E_USAGE, "Give more letters of the id.",
                     "'%s' begins more than one run's id: %s, %s%s", id, out->at[0].id,
                     out->at[1].id, out->n > 2 ? ", …" : "");
    fr_run_list_fini(out);
    return rc;
}

#define BUCKET_COLUMNS                                                                             \
    "device.device, device.kind, part, device.method, source, bucket.start_unix_ns, "              \
    "bucket.end_unix_ns, bucket.energy_uj, low_uj, high_uj"

static int read_buckets(fr_ledger *l, const char *sql, int64_t seq, fr_bucket **out, size_t *n,
                        fr_err *err)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(l->store, sql, &q, err));
    fr_query_bind_i64(q, 1, seq);
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW) {
        FR_GROW(*out, *n, cap);
        (*out)[(*n)++] = (fr_bucket){
            .device = fr_dup(fr_query_text(q, 0)),
            .kind = fr_dup(fr_query_text(q, 1)),
            .part = fr_dup(fr_query_text(q, 2)),
            .method = fr_method_parse(fr_query_text(q, 3)),
            .source = fr_dup(fr_query_text(q, 4)),
            .start_unix_ns = fr_query_i64(q, 5),
            .end_unix_ns = fr_query_i64(q, 6),
            .energy_uj = fr_query_i64(q, 7),
            .low_uj = fr_query_i64(q, 8),
            .high_uj = fr_query_i64(q, 9),
        };
    }
    return rc;
}

int fr_ledger_buckets_locked(fr_ledger *l, int64_t seq, fr_bucket **out, size_t *n, fr_err *err)
{
    return read_buckets(l,
                        "SELECT " BUCKET_COLUMNS " FROM bucket JOIN device ON device.number = "
                        "bucket.device WHERE bucket.run = ? ORDER BY start_unix_ns, bucket.device",
                        seq, out, n, err);
}

int fr_ledger_tree_buckets_locked(fr_ledger *l, int64_t seq, fr_bucket **out, size_t *n,
                                  fr_err *err)
{
    return read_buckets(
        l,
        "WITH RECURSIVE part(seq, id) AS (SELECT seq, id FROM run WHERE seq = ? "
        "UNION SELECT run.seq, run.id FROM run JOIN part ON run.parent = part.id "
        "WHERE run.phase = 1) SELECT " BUCKET_COLUMNS
        " FROM part JOIN bucket ON bucket.run = part.seq JOIN device ON device.number = "
        "bucket.device ORDER BY bucket.start_unix_ns, bucket.device",
        seq, out, n, err);
}

int fr_ledger_tree_buckets(fr_ledger *l, const char *run_id, fr_bucket **out, size_t *n,
                           fr_err *err)
{
    *out = NULL;
    *n = 0;
    pthread_mutex_lock(&l->lock);
    int64_t seq = 0;
    int rc = fr_ledger_seq_of(l, run_id, &seq, err);
    if (rc == 0)
        rc = fr_ledger_tree_buckets_locked(l, seq, out, n, err);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

int fr_ledger_buckets(fr_ledger *l, const char *run_id, fr_bucket **out, size_t *n, fr_err *err)
{
    *out = NULL;
    *n = 0;
    pthread_mutex_lock(&l->lock);
    int64_t seq = 0;
    int rc = fr_ledger_seq_of(l, run_id, &seq, err);
    if (rc == 0)
        rc = fr_ledger_buckets_locked(l, seq, out, n, err);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

void fr_buckets_free(fr_bucket *buckets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free_text(buckets[i].device);
        free_text(buckets[i].kind);
        free_text(buckets[i].part);
        free_text(buckets[i].source);
    }
    free(buckets);
}

int fr_ledger_notes_locked(fr_ledger *l, int64_t seq, fr_note **out, size_t *n, fr_err *err)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(
        l->store, "SELECT kind, name, value, text FROM note WHERE run = ? ORDER BY number", &q,
        err));
    fr_query_bind_i64(q, 1, seq);
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW) {
        FR_GROW(*out, *n, cap);
        (*out)[(*n)++] = (fr_note){ .kind = fr_dup(fr_query_text(q, 0)),
                                    .name = fr_dup(fr_query_text(q, 1)),
                                    .value = fr_query_f64(q, 2),
                                    .text = fr_dup(fr_query_text(q, 3)) };
    }
    return rc;
}

int fr_ledger_notes(fr_ledger *l, const char *run_id, fr_note **out, size_t *n, fr_err *err)
{
    *out = NULL;
    *n = 0;
    pthread_mutex_lock(&l->lock);
    int64_t seq = 0;
    int rc = fr_ledger_seq_of(l, run_id, &seq, err);
    if (rc == 0)
        rc = fr_ledger_notes_locked(l, seq, out, n, err);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

void fr_notes_free(fr_note *notes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(notes[i].kind);
        free(notes[i].name);
        free(notes[i].text);
    }
    free(notes);
}

/* ---- the checksum ---- */

/*
 * Every column with its length before it, so that no two rows read the same. types has a letter a
 * column: 't' text or whole number, 'f' a real, taken by its bits: SQLite's versions print reals
 * in different ways.
 */
static int seal_rows(fr_ledger *l, int64_t seq, const char *sql, const char *types, uint64_t *hash,
                     fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(l->store, sql, &q, err));
    fr_query_bind_i64(q, 1, seq);
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW)
        for (int c = 0; types[c] != '\0'; c++) {
            bool null = fr_query_is_null(q, c);
            double real = types[c] == 'f' && !null ? fr_query_f64(q, c) : 0;
            const char *text = types[c] == 't' ? fr_query_text(q, c) : NULL;
            uint64_t n = null ? UINT64_MAX : text != NULL ? strlen(text) : sizeof(real);
            *hash = fr_hash64(&n, sizeof(n), *hash);
            if (!null)
                *hash = fr_hash64(text != NULL ? text : (const char *)&real, n, *hash);
        }
    return rc;
}

int fr_ledger_seal_locked(fr_ledger *l, int64_t seq, char out[17], fr_err *err)
{
    uint64_t hash = 0;
    FR_TRY(seal_rows(l, seq,
                     "SELECT id, parent, phase, leaf, kind, name, command, model_hash, strategy, "
                     "zone, basis, grid_source, grid_year, start_unix_ns, end_unix_ns, status, "
                     "exit_code, host, machine, boot_id, pid_space, pid, pid_start_ticks, "
                     "energy_uj, energy_low_uj, energy_high_uj, method, energy_source, "
                     "intensity_g_per_kwh, pue, embodied_g, cpu_s, gpu_s, duration_s, "
                     "operational_g, carbon_g FROM run WHERE seq = ?",
                     "tttttttttttttttttttttttttttt"
                     "ffffffff",
                     &hash, err));
    FR_TRY(seal_rows(l, seq,
                     "SELECT device.device, kind, part, method, source, start_unix_ns, "
                     "end_unix_ns, energy_uj, low_uj, high_uj FROM bucket JOIN device ON "
                     "device.number = bucket.device WHERE bucket.run = ? "
                     "ORDER BY start_unix_ns, bucket.device",
                     "tttttttttt", &hash, err));
    FR_TRY(seal_rows(l, seq,
                     "SELECT kind, name, text, value FROM note WHERE run = ? ORDER BY number",
                     "tttf", &hash, err));
    snprintf(out, 17, "%016" PRIx64, hash);
    return 0;
}
