/* Opening, the schema, and what is written. Reading is in ledger_read.c. */
#include "ledger/ledger_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * Step i takes version i to i + 1. A step that was released is never edited.
 *
 * run.seq is the order in this file and what buckets and notes point to (a ULID in each of them
 * would be most of the file). What repeats in buckets stands once in `device`.
 */
static const char *const STEPS[] = {
    "CREATE TABLE run (\n"
    "  seq INTEGER PRIMARY KEY,\n"
    "  id TEXT NOT NULL UNIQUE,\n"
    "  parent TEXT,\n"
    "  phase INTEGER NOT NULL,\n"
    "  leaf INTEGER NOT NULL,\n"
    "  kind TEXT NOT NULL,\n"
    "  name TEXT, command TEXT, model_hash TEXT, strategy TEXT,\n"
    "  zone TEXT, basis TEXT, grid_source TEXT, grid_year INTEGER,\n"
    "  intensity_g_per_kwh REAL, pue REAL, embodied_g REAL,\n"
    "  start_unix_ns INTEGER NOT NULL,\n"
    "  end_unix_ns INTEGER NOT NULL,\n"
    "  status TEXT NOT NULL,\n"
    "  exit_code INTEGER,\n"
    "  cpu_s REAL, gpu_s REAL, duration_s REAL,\n"
    "  host TEXT, machine TEXT, boot_id TEXT, pid_space TEXT, pid INTEGER, pid_start_ticks "
    "INTEGER,\n"
    "  energy_uj INTEGER, energy_low_uj INTEGER, energy_high_uj INTEGER,\n"
    "  method TEXT, energy_source TEXT,\n"
    "  operational_g REAL, carbon_g REAL,\n"
    "  seal TEXT);\n"
    "CREATE INDEX run_parent ON run(parent) WHERE parent IS NOT NULL;\n"
    "CREATE INDEX run_open ON run(seq) WHERE status = 'running';\n"
    "CREATE INDEX run_kind ON run(kind, start_unix_ns);\n"
    "CREATE TABLE device (\n"
    "  number INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, part TEXT NOT NULL,\n"
    "  method TEXT NOT NULL, source TEXT NOT NULL,\n"
    "  UNIQUE (device, kind, part, method, source));\n"
    "CREATE TABLE bucket (\n"
    "  run INTEGER NOT NULL REFERENCES run(seq) ON DELETE CASCADE,\n"
    "  start_unix_ns INTEGER NOT NULL,\n"
    "  device INTEGER NOT NULL REFERENCES device(number),\n"
    "  end_unix_ns INTEGER NOT NULL,\n"
    "  energy_uj INTEGER NOT NULL, low_uj INTEGER NOT NULL, high_uj INTEGER NOT NULL,\n"
    "  PRIMARY KEY (run, start_unix_ns, device)) WITHOUT ROWID;\n"
    "CREATE TABLE note (\n"
    "  number INTEGER PRIMARY KEY,\n"
    "  run INTEGER NOT NULL REFERENCES run(seq) ON DELETE CASCADE,\n"
    "  kind TEXT NOT NULL, name TEXT NOT NULL, value REAL, text TEXT);\n"
    "CREATE INDEX note_run ON note(run);\n",
    /* Version 2: what people add. run is "" when the unit belongs to a time. */
    "CREATE TABLE unit (\n"
    "  number INTEGER PRIMARY KEY, name TEXT NOT NULL, value REAL NOT NULL,\n"
    "  start_unix_ns INTEGER NOT NULL, end_unix_ns INTEGER NOT NULL,\n"
    "  run TEXT NOT NULL DEFAULT '', source TEXT, told_unix_ns INTEGER NOT NULL,\n"
    "  UNIQUE (name, start_unix_ns, end_unix_ns, run));\n"
    "CREATE TABLE change (\n"
    "  number INTEGER PRIMARY KEY, at_unix_ns INTEGER NOT NULL, text TEXT NOT NULL,\n"
    "  told_unix_ns INTEGER NOT NULL);\n",
};

char *fr_ledger_where(const char *where)
{
    if (where == NULL || where[0] == '\0')
        where = getenv("FRUGAL_LEDGER");
    if (where != NULL && where[0] != '\0')
        return fr_dup(where);
    char *data = fr_path_data();
    char *path = fr_path_join(data, "ledger.db");
    free(data);
    return path;
}

static int make_folder_of(const char *path, fr_err *err)
{
    if (strcmp(path, ":memory:") == 0)
        return 0;
    char *dir = fr_path_dir(path);
    int rc = fr_dir_exists(dir) ? 0 : fr_dir_make(dir, err);
    free(dir);
    return rc;
}

static int open_store(fr_ledger *l, bool make_folder, fr_err *err)
{
    if (strstr(l->path, "://") != NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, "Name a file; PostgreSQL comes later.",
                       "ledger '%.*s…' is not a file", (int)(strstr(l->path, "://") - l->path),
                       l->path);
    if (make_folder)
        FR_TRY(make_folder_of(l->path, err));
    FR_TRY(fr_store_open(l->path, &l->store, err));
    FR_TRY(fr_store_migrate(l->store, "ledger", STEPS, FR_COUNT_OF(STEPS), err));
    FR_TRY(fr_store_prepare(l->store, "SELECT seq FROM run WHERE id = ?", &l->q_seq, err));
    FR_TRY(fr_store_prepare(l->store, "SELECT seal IS NOT NULL FROM run WHERE seq = ?",
                            &l->q_sealed, err));
    FR_TRY(fr_store_prepare(l->store,
                            "SELECT number FROM device WHERE device = ? AND kind = ? AND part = ? "
                            "AND method = ? AND source = ?",
                            &l->q_device, err));
    FR_TRY(fr_store_prepare(l->store,
                            "INSERT INTO device (device, kind, part, method, source) "
                            "VALUES (?, ?, ?, ?, ?) RETURNING number",
                            &l->q_device_add, err));
    FR_TRY(fr_store_prepare(l->store,
                            "INSERT INTO bucket (run, start_unix_ns, device, end_unix_ns, "
                            "energy_uj, low_uj, high_uj) VALUES (?, ?, ?, ?, ?, ?, ?) "
                            "ON CONFLICT DO UPDATE SET end_unix_ns = excluded.end_unix_ns, "
                            "energy_uj = excluded.energy_uj, low_uj = excluded.low_uj, "
                            "high_uj = excluded.high_uj",
                            &l->q_bucket, err));
    return 0;
}

int fr_ledger_open(const char *where, fr_ledger **out, fr_err *err)
{
    *out = NULL;
    fr_ledger *l = FR_NEW(fr_ledger);
    pthread_mutex_init(&l->lock, NULL);
    l->path = fr_ledger_where(where);
    fr_identity_of_self(&l->self);
    /* A folder that the user named must be there; our own is made. */
    bool named = where != NULL && where[0] != '\0';
    int rc = open_store(l, !named, err);
    if (rc != 0) {
        fr_ledger_close(l);
        return rc;
    }
    *out = l;
    return 0;
}

static void forget_devices(fr_ledger *l)
{
    for (size_t i = 0; i < l->n_devices; i++) {
        free(l->devices[i].device);
        free(l->devices[i].kind);
        free(l->devices[i].part);
        free(l->devices[i].source);
    }
    l->n_devices = 0;
}

void fr_ledger_close(fr_ledger *l)
{
    if (l == NULL)
        return;
    forget_devices(l);
    free(l->devices);
    fr_query_free(l->q_seq);
    fr_query_free(l->q_sealed);
    fr_query_free(l->q_device);
    fr_query_free(l->q_device_add);
    fr_query_free(l->q_bucket);
    fr_store_free(l->store);
    pthread_mutex_destroy(&l->lock);
    free(l->path);
    free(l);
}

const char *fr_ledger_path(const fr_ledger *l)
{
    return l->path;
}

int fr_ledger_seq_of(fr_ledger *l, const char *run_id, int64_t *seq, fr_err *err)
{
    fr_query_reset(l->q_seq);
    fr_query_bind_text(l->q_seq, 1, run_id);
    int rc = fr_query_step(l->q_seq, err);
    if (rc == FR_ROW)
        *seq = fr_query_i64(l->q_seq, 0);
    fr_query_reset(l->q_seq);
    if (rc == 0)
        return fr_fail(err, FR_E_NOT_FOUND, "`frugal ledger list` shows what there is.",
                       "no run %s in '%s'", run_id, l->path);
    return rc < 0 ? rc : 0;
}

/* ---- transactions: one for each call, or one for all that a holder does ---- */

static int begin_write(fr_ledger *l, fr_err *err)
{
    return l->is_held ? 0 : fr_store_begin(l->store, err);
}

/* rc: what came of it. */
static int end_write(fr_ledger *l, int rc, fr_err *err)
{
    if (l->is_held) {
        l->is_spoiled |= rc != 0;
        return rc;
    }
    if (rc == 0)
        rc = fr_store_commit(l->store, err);
    if (rc == 0)
        return 0;
    fr_store_rollback(l->store);
    forget_devices(l); /* some may have been new in there */
    return rc;
}

int fr_ledger_hold(fr_ledger *l, fr_err *err)
{
    pthread_mutex_lock(&l->lock);
    int rc = fr_store_begin(l->store, err);
    l->is_held = rc == 0;
    l->is_spoiled = false;
    pthread_mutex_unlock(&l->lock);
    return rc;
}

int fr_ledger_let_go(fr_ledger *l, int rc, fr_err *err)
{
    pthread_mutex_lock(&l->lock);
    if (rc == 0 && l->is_spoiled)
        rc = fr_fail(err, FR_E_FAILED, NULL, "'%s': a part could not be written", l->path);
    l->is_held = false;
    rc = end_write(l, rc, err);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

void fr_ledger_wait_for_others(fr_ledger *l, bool waits)
{
    pthread_mutex_lock(&l->lock);
    fr_store_wait_for_others(l->store, waits);
    pthread_mutex_unlock(&l->lock);
}

/* ---- begin ---- */

/*
 * A run inside another (through FRUGAL_RUN) knows the outer run's id; what it is part of is the
 * phase that is open there now. Whether the outer meter sees it: same host, same boot, still open.
 */
static int resolve_parent(fr_ledger *l, fr_run_record *run, bool *leaf, fr_err *err)
{
    *leaf = true;
    if (run->parent[0] == '\0')
        return 0;
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(l->store,
                            "SELECT leaf, status = 'running' AND host IS ?2 AND boot_id IS ?3 "
                            "FROM run WHERE id = ?1",
                            &q, err));
    fr_query_bind_text(q, 1, run->parent);
    fr_query_bind_text(q, 2, l->self.host);
    fr_query_bind_text(q, 3, l->self.boot_id);
    int rc = fr_query_step(q, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return 0; /* of another ledger: here it stands alone */
    if (run->phase) {
        *leaf = fr_query_i64(q, 0) != 0;
        return 0;
    }
    if (fr_query_i64(q, 1) == 0)
        return 0;
    *leaf = false;
    FR_AUTOPTR(fr_query) inner = NULL;
    FR_TRY(fr_store_prepare(l->store,
                            "SELECT id FROM run WHERE parent = ? AND phase = 1 AND status = "
                            "'running' ORDER BY seq DESC LIMIT 1",
                            &inner, err));
    do {
        fr_query_reset(inner);
        fr_query_bind_text(inner, 1, run->parent);
        rc = fr_query_step(inner, err);
        if (rc == FR_ROW)
            snprintf(run->parent, sizeof(run->parent), "%s", fr_query_text(inner, 0));
    } while (rc == FR_ROW);
    return rc;
}

static int insert_run(fr_ledger *l, fr_run_record *run, bool leaf, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(
        l->store,
        "INSERT INTO run (id, parent, phase, leaf, kind, name, command, model_hash, strategy, "
        "zone, basis, grid_source, grid_year, intensity_g_per_kwh, pue, embodied_g, "
        "start_unix_ns, end_unix_ns, status, host, machine, boot_id, pid_space, pid, "
        "pid_start_ticks) VALUES "
        "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,'running',?,?,?,?,?,?)",
        &q, err));
    int at = 1;
    fr_query_bind_text(q, at++, run->id);
    fr_query_bind_text(q, at++, run->parent[0] != '\0' ? run->parent : NULL);
    fr_query_bind_i64(q, at++, run->phase);
    fr_query_bind_i64(q, at++, leaf);
    fr_query_bind_text(q, at++, run->kind != NULL ? run->kind : "run");
    fr_query_bind_text(q, at++, run->name);
    fr_query_bind_text(q, at++, run->command);
    fr_query_bind_text(q, at++, run->model_hash);
    fr_query_bind_text(q, at++, run->strategy);
    fr_query_bind_text(q, at++, run->zone);
    fr_query_bind_text(q, at++, run->basis);
    fr_query_bind_text(q, at++, run->grid_source);
    if (run->grid_year != 0)
        fr_query_bind_i64(q, at, run->grid_year);
    at++;
    fr_query_bind_f64(q, at++, run->zone != NULL ? run->intensity_g_per_kwh : NAN);
    fr_query_bind_f64(q, at++, run->zone != NULL ? run->pue : NAN);
    fr_query_bind_f64(q, at++, run->embodied_g);
    fr_query_bind_i64(q, at++, run->start_unix_ns);
    fr_query_bind_text(q, at++, l->self.host);
    fr_query_bind_text(q, at++, l->self.machine);
    fr_query_bind_text(q, at++, l->self.boot_id);
    fr_query_bind_text(q, at++, l->self.pid_space);
    fr_query_bind_i64(q, at++, l->self.pid);
    fr_query_bind_i64(q, at++, l->self.start_ticks);
    return fr_query_step(q, err);
}

int fr_ledger_begin(fr_ledger *l, fr_run_record *run, fr_err *err)
{
    if (run->id[0] == '\0')
        fr_ulid(run->id);
    if (run->start_unix_ns == 0)
        run->start_unix_ns = fr_now_unix_ns();
    pthread_mutex_lock(&l->lock);
    int rc = begin_write(l, err);
    if (rc == 0) {
        bool leaf = true;
        rc = resolve_parent(l, run, &leaf, err);
        if (rc == 0)
            rc = insert_run(l, run, leaf, err);
        rc = end_write(l, rc, err);
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

/* ---- buckets and notes ---- */

static const char *or_else(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

static int64_t known_number(const fr_ledger *l, const fr_bucket *b)
{
    for (size_t i = 0; i < l->n_devices; i++) {
        const fr_known_device *k = &l->devices[i];
        if (k->method == b->method && strcmp(k->device, or_else(b->device, "")) == 0 &&
            strcmp(k->part, or_else(b->part, "active")) == 0 &&
            strcmp(k->kind, or_else(b->kind, "other")) == 0 &&
            strcmp(k->source, or_else(b->source, "")) == 0)
            return k->number;
    }
    return 0;
}

static void know_device(fr_ledger *l, const fr_bucket *b, int64_t number)
{
    FR_GROW(l->devices, l->n_devices, l->devices_cap);
    l->devices[l->n_devices++] = (fr_known_device){
        .device = fr_dup(or_else(b->device, "")),
        .kind = fr_dup(or_else(b->kind, "other")),
        .part = fr_dup(or_else(b->part, "active")),
        .source = fr_dup(or_else(b->source, "")),
        .method = b->method,
        .number = number,
    };
}

static int device_number(fr_ledger *l, const fr_bucket *b, int64_t *number, fr_err *err)
{
    *number = known_number(l, b);
    if (*number != 0)
        return 0;
    fr_query *queries[] = { l->q_device, l->q_device_add };
    for (int i = 0; i < 2; i++) {
        fr_query *q = queries[i];
        fr_query_reset(q);
        fr_query_bind_text(q, 1, or_else(b->device, ""));
        fr_query_bind_text(q, 2, or_else(b->kind, "other"));
        fr_query_bind_text(q, 3, or_else(b->part, "active"));
        fr_query_bind_text(q, 4, fr_method_name(b->method));
        fr_query_bind_text(q, 5, or_else(b->source, ""));
        int rc = fr_query_step(q, err);
        if (rc == FR_ROW)
            *number = fr_query_i64(q, 0);
        /* RETURNING inserts at the first step; the statement must run to its end all the same. */
        int end_rc = rc == FR_ROW ? fr_query_step(q, err) : 0;
        fr_query_reset(q);
        if (rc < 0 || end_rc < 0)
            return rc < 0 ? rc : end_rc;
        if (rc == FR_ROW) {
            know_device(l, b, *number);
            return 0;
        }
    }
    return fr_fail(err, FR_E_FAILED, NULL, "'%s': a device could not be recorded", l->path);
}

static int add_one(fr_ledger *l, int64_t seq, const fr_bucket *b, fr_err *err)
{
    int64_t number = 0;
    FR_TRY(device_number(l, b, &number, err));
    fr_query *q = l->q_bucket;
    fr_query_reset(q);
    fr_query_bind_i64(q, 1, seq);
    fr_query_bind_i64(q, 2, b->start_unix_ns);
    fr_query_bind_i64(q, 3, number);
    fr_query_bind_i64(q, 4, b->end_unix_ns);
    fr_query_bind_i64(q, 5, b->energy_uj);
    fr_query_bind_i64(q, 6, b->low_uj);
    fr_query_bind_i64(q, 7, b->high_uj);
    int rc = fr_query_step(q, err);
    fr_query_reset(q);
    return rc;
}

int fr_ledger_add(fr_ledger *l, const char *run_id, const fr_bucket *buckets, size_t n, fr_err *err)
{
    if (n == 0)
        return 0;
    pthread_mutex_lock(&l->lock);
    int rc = begin_write(l, err);
    if (rc == 0) {
        int64_t seq = 0;
        rc = fr_ledger_seq_of(l, run_id, &seq, err);
        for (size_t i = 0; i < n && rc == 0; i++)
            rc = add_one(l, seq, &buckets[i], err);
        rc = end_write(l, rc, err);
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

static int seal(fr_ledger *l, int64_t seq, fr_err *err)
{
    char hash[17];
    FR_TRY(fr_ledger_seal_locked(l, seq, hash, err));
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(l->store, "UPDATE run SET seal = ?2 WHERE seq = ?1", &q, err));
    fr_query_bind_i64(q, 1, seq);
    fr_query_bind_text(q, 2, hash);
    return fr_query_step(q, err);
}

/* What is added to a run that is closed already (a score that came later) is sealed anew. To seal
 * is to read all that the run has, so an open run, which is written often, is left alone. */
static int seal_again(fr_ledger *l, int64_t seq, fr_err *err)
{
    fr_query_reset(l->q_sealed);
    fr_query_bind_i64(l->q_sealed, 1, seq);
    const int rc = fr_query_step(l->q_sealed, err);
    const bool sealed = rc == FR_ROW && fr_query_i64(l->q_sealed, 0) != 0;
    fr_query_reset(l->q_sealed);
    FR_TRY(rc == FR_ROW ? 0 : rc);
    return sealed ? seal(l, seq, err) : 0;
}

static int notes_locked(fr_ledger *l, const char *run_id, const fr_noted *notes, size_t n,
                        bool empty_too, fr_err *err)
{
    int64_t seq = 0;
    FR_TRY(fr_ledger_seq_of(l, run_id, &seq, err));
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(
        l->store, "INSERT INTO note (run, kind, name, value, text) VALUES (?,?,?,?,?)", &q, err));
    for (size_t i = 0; i < n; i++) {
        if (!empty_too && isnan(notes[i].value) && notes[i].text == NULL)
            continue;
        fr_query_reset(q);
        fr_query_bind_i64(q, 1, seq);
        fr_query_bind_text(q, 2, notes[i].kind);
        fr_query_bind_text(q, 3, notes[i].name);
        fr_query_bind_f64(q, 4, notes[i].value);
        fr_query_bind_text(q, 5, notes[i].text);
        FR_TRY(fr_query_step(q, err));
    }
    return seal_again(l, seq, err);
}

/* Notes of a kind whose names begin so. */
static int forget_locked(fr_ledger *l, const char *run_id, const char *kind, const char *head,
                         fr_err *err)
{
    int64_t seq = 0;
    FR_TRY(fr_ledger_seq_of(l, run_id, &seq, err));
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(l->store,
                            "DELETE FROM note WHERE run = ?1 AND kind = ?2 AND "
                            "substr(name, 1, length(?3)) = ?3",
                            &q, err));
    fr_query_bind_i64(q, 1, seq);
    fr_query_bind_text(q, 2, kind);
    fr_query_bind_text(q, 3, head);
    FR_TRY(fr_query_step(q, err));
    return seal_again(l, seq, err);
}

int fr_ledger_forget(fr_ledger *l, const char *run_id, const char *kind, const char *head,
                     fr_err *err)
{
    pthread_mutex_lock(&l->lock);
    int rc = begin_write(l, err);
    if (rc == 0) {
        rc = forget_locked(l, run_id, kind, head, err);
        rc = end_write(l, rc, err);
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

static int note(fr_ledger *l, const char *run_id, const fr_noted *notes, size_t n, bool empty_too,
                fr_err *err)
{
    pthread_mutex_lock(&l->lock);
    int rc = begin_write(l, err);
    if (rc == 0) {
        rc = notes_locked(l, run_id, notes, n, empty_too, err);
        rc = end_write(l, rc, err);
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

int fr_ledger_note_all(fr_ledger *l, const char *run_id, const fr_noted *notes, size_t n,
                       fr_err *err)
{
    return note(l, run_id, notes, n, false, err);
}

int fr_ledger_note(fr_ledger *l, const char *run_id, const char *kind, const char *name,
                   double value, const char *text, fr_err *err)
{
    return note(l, run_id, &(fr_noted){ kind, name, value, text }, 1, true, err);
}

/* ---- end ---- */

typedef struct {
    int64_t seq, end_unix_ns, seen_unix_ns;
    const char *status;
    int64_t uj[3]; /* value, low, high */
    fr_method method;
    const char *source;
    double cpu_s, gpu_s, duration_s, embodied_g;
    int64_t exit_code;
    const char *model_hash, *strategy, *name;
} closing;

/* Carbon is made here from the row's own factors, so that verify finds the same product. */
static int write_end(fr_ledger *l, const closing *c, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(
        l->store,
        "UPDATE run SET end_unix_ns = ?2, status = ?3, exit_code = ?4, cpu_s = ?5, gpu_s = ?6, "
        "duration_s = ?7, embodied_g = ?8, energy_uj = ?9, energy_low_uj = ?10, "
        "energy_high_uj = ?11, method = ?12, energy_source = ?13, "
        "model_hash = coalesce(?14, model_hash), strategy = coalesce(?15, strategy), "
        "name = coalesce(?16, name), "
        "operational_g = ?9 / 3.6e12 * pue * intensity_g_per_kwh, "
        "carbon_g = ?9 / 3.6e12 * pue * intensity_g_per_kwh + coalesce(?8, 0) "
        "WHERE seq = ?1",
        &q, err));
    fr_query_bind_i64(q, 1, c->seq);
    fr_query_bind_i64(q, 2, c->end_unix_ns);
    fr_query_bind_text(q, 3, c->status);
    fr_query_bind_i64(q, 4, c->exit_code);
    fr_query_bind_f64(q, 5, c->cpu_s);
    fr_query_bind_f64(q, 6, c->gpu_s);
    fr_query_bind_f64(q, 7, c->duration_s);
    fr_query_bind_f64(q, 8, c->embodied_g);
    for (int i = 0; i < 3; i++)
        if (c->method != FR_METHOD_NONE)
            fr_query_bind_i64(q, 9 + i, c->uj[i]);
    fr_query_bind_text(q, 12, fr_method_name(c->method));
    fr_query_bind_text(q, 13, c->source);
    fr_query_bind_text(q, 14, c->model_hash);
    fr_query_bind_text(q, 15, c->strategy);
    fr_query_bind_text(q, 16, c->name);
    FR_TRY(fr_query_step(q, err));
    return seal(l, c->seq, err);
}

static int end_locked(fr_ledger *l, const fr_run_record *run, fr_err *err)
{
    closing c = {
        .end_unix_ns = run->end_unix_ns != 0 ? run->end_unix_ns : fr_now_unix_ns(),
        .status = run->status != NULL ? run->status : "done",
        .cpu_s = run->cpu_s,
        .gpu_s = run->gpu_s,
        .duration_s = run->duration_s,
        .embodied_g = run->embodied_g,
        .exit_code = run->exit_code,
        .model_hash = run->model_hash,
        .strategy = run->strategy,
        .name = run->name,
    };
    FR_AUTO(fr_buf) source = { 0 };
    FR_TRY(fr_ledger_seq_of(l, run->id, &c.seq, err));
    if (run->energy.method != FR_METHOD_NONE && isfinite(run->energy.value_j)) {
        c.uj[0] = llround(run->energy.value_j * 1e6);
        c.uj[1] = llround(run->energy.low_j * 1e6);
        c.uj[2] = llround(run->energy.high_j * 1e6);
        c.method = run->energy.method;
        c.source = run->energy.source;
    } else {
        size_t n = 0;
        FR_TRY(fr_ledger_sum_locked(l, c.seq, c.uj, &c.method, &source, &c.seen_unix_ns, &n, err));
        c.source = fr_buf_text(&source);
    }
    return write_end(l, &c, err);
}

int fr_ledger_end(fr_ledger *l, const fr_run_record *run, fr_err *err)
{
    pthread_mutex_lock(&l->lock);
    int rc = begin_write(l, err);
    if (rc == 0) {
        rc = end_locked(l, run, err);
        rc = end_write(l, rc, err);
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

/* ---- those that nobody will end ---- */

typedef struct {
    int64_t seq, start_unix_ns;
} open_run;

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "");
}

static int gone_runs(fr_ledger *l, open_run **out, size_t *n, fr_err *err)
{
    size_t cap = 0;
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(l->store,
                            "SELECT seq, start_unix_ns, host, machine, boot_id, pid_space, pid, "
                            "pid_start_ticks FROM run WHERE status = 'running'",
                            &q, err));
    int rc;
    while ((rc = fr_query_step(q, err)) == FR_ROW) {
        fr_identity who = { .pid = fr_query_i64(q, 6), .start_ticks = fr_query_i64(q, 7) };
        copy_text(who.host, sizeof(who.host), fr_query_text(q, 2));
        copy_text(who.machine, sizeof(who.machine), fr_query_text(q, 3));
        copy_text(who.boot_id, sizeof(who.boot_id), fr_query_text(q, 4));
        copy_text(who.pid_space, sizeof(who.pid_space), fr_query_text(q, 5));
        if (fr_identity_life(&who, &l->self) != FR_LIFE_GONE)
            continue;
        FR_GROW(*out, *n, cap);
        (*out)[(*n)++] = (open_run){ fr_query_i64(q, 0), fr_query_i64(q, 1) };
    }
    return rc;
}

static int mark_interrupted(fr_ledger *l, const open_run *run, fr_err *err)
{
    closing c = { .seq = run->seq,
                  .status = "interrupted",
                  .cpu_s = NAN,
                  .gpu_s = NAN,
                  .embodied_g = NAN,
                  .exit_code = -1 };
    FR_AUTO(fr_buf) source = { 0 };
    size_t n = 0;
    FR_TRY(fr_ledger_sum_locked(l, c.seq, c.uj, &c.method, &source, &c.seen_unix_ns, &n, err));
    c.source = fr_buf_text(&source);
    c.end_unix_ns = FR_MAX(c.seen_unix_ns, run->start_unix_ns);
    c.duration_s = (double)(c.end_unix_ns - run->start_unix_ns) * 1e-9;
    return write_end(l, &c, err);
}

int fr_ledger_sweep_locked(fr_ledger *l, fr_err *err)
{
    open_run *gone = NULL;
    size_t n = 0;
    int rc = gone_runs(l, &gone, &n, err);
    if (rc == 0 && n > 0)
        rc = fr_store_begin(l->store, err);
    if (rc == 0 && n > 0) {
        free(gone); /* again inside the transaction: another program may have been faster */
        gone = NULL;
        n = 0;
        rc = gone_runs(l, &gone, &n, err);
        for (size_t i = 0; i < n && rc == 0; i++)
            rc = mark_interrupted(l, &gone[i], err);
        if (rc == 0)
            rc = fr_store_commit(l->store, err);
        else
            fr_store_rollback(l->store);
    }
    free(gone);
    if (rc == FR_E_PERMISSION || rc == FR_E_BUSY) {
        fr_log(FR_LOG_INFO, "'%s' cannot be written: ended runs stay marked as running", l->path);
        return 0;
    }
    return rc;
}

/* ---- prune ---- */

int fr_ledger_prune(fr_ledger *l, int64_t before_unix_ns, size_t *removed, fr_err *err)
{
    static const char SQL[] =
        "WITH RECURSIVE tree(top, seq, id) AS ("
        "  SELECT seq, seq, id FROM run"
        "    WHERE parent IS NULL OR parent NOT IN (SELECT id FROM run)"
        "  UNION ALL SELECT tree.top, run.seq, run.id FROM run JOIN tree ON run.parent = tree.id) "
        "DELETE FROM run WHERE seq IN (SELECT seq FROM tree WHERE top NOT IN ("
        "  SELECT tree.top FROM tree JOIN run ON run.seq = tree.seq"
        "    WHERE run.status = 'running' OR run.end_unix_ns >= ?)) RETURNING 1";
    *removed = 0;
    pthread_mutex_lock(&l->lock);
    int rc = fr_ledger_sweep_locked(l, err);
    if (rc == 0)
        rc = fr_store_begin(l->store, err);
    if (rc == 0) {
        fr_query *q = NULL;
        rc = fr_store_prepare(l->store, SQL, &q, err);
        if (rc == 0) {
            fr_query_bind_i64(q, 1, before_unix_ns);
            while ((rc = fr_query_step(q, err)) == FR_ROW)
                (*removed)++;
        }
        fr_query_free(q);
        if (rc == 0)
            rc = fr_store_commit(l->store, err);
        else
            fr_store_rollback(l->store);
    }
    /* The space is given back when nobody else is at it; else with the next prune. */
    if (rc == 0 && *removed > 0)
        fr_store_exec(l->store, "VACUUM", NULL);
    if (rc != 0)
        *removed = 0;
    pthread_mutex_unlock(&l->lock);
    return rc;
}
