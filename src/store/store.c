#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define BUSY_MS 10000

struct fr_store {
    sqlite3 *db;
    char *where;
    sqlite3_stmt *begin, *commit; /* kept; NULL: not prepared yet */
};

struct fr_query {
    fr_store *store; /* borrowed */
    sqlite3_stmt *statement;
    int bind_rc; /* the first binding that failed; told by the next step */
};

/* SQLite's code as ours, with the file's name and the way out. */
static int store_fail(fr_store *s, int rc, const char *doing, fr_err *err)
{
    const char *said = s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return fr_fail(err, FR_E_IO,
                       "Free some space there, or choose another place with --ledger.",
                       "'%s': the disk is full (%s)", s->where, doing);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fr_fail(err, FR_E_BUSY,
                       "Another program holds it for long: wait for it to end (`fuser FILE` names "
                       "it), then run this again.",
                       "'%s' is locked by another program (%s)", s->where, doing);
    case SQLITE_NOTADB:
        return fr_fail(err, FR_E_FORMAT, "Move the file away or name another one.",
                       "'%s' is not a database (%s)", s->where, doing);
    case SQLITE_CORRUPT:
        return fr_fail(err, FR_E_FORMAT,
                       "Keep a copy; `sqlite3 FILE .recover` saves what can be read.",
                       "'%s' is damaged (%s: %s)", s->where, doing, said);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return fr_fail(err, FR_E_PERMISSION,
                       "The file and its folder must be writable by you: `ls -ld` shows whose they "
                       "are.",
                       "'%s' cannot be written (%s)", s->where, doing);
    case SQLITE_NOMEM:
        return fr_fail(err, FR_E_NO_MEMORY, NULL, "'%s': not enough memory (%s)", s->where, doing);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return fr_fail(err, FR_E_IO, "Check the folder, its permissions and the disk.",
                       "'%s': %s (%s)", s->where, said, doing);
    default:
        return fr_fail(err, FR_E_FAILED, NULL, "'%s': %s (%s)", s->where, said, doing);
    }
}

static int exec_quiet(fr_store *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

/* One text or number of a pragma; "" when there is none. */
static int pragma_text(fr_store *s, const char *sql, char *out, size_t size)
{
    sqlite3_stmt *statement = NULL;
    out[0] = '\0';
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
        rc = SQLITE_OK;
    } else if (rc == SQLITE_DONE) {
        rc = SQLITE_OK;
    }
    int final_rc = sqlite3_finalize(statement);
    return rc != SQLITE_OK ? rc : final_rc;
}

/*
 * The write-ahead log lets readers go on while one writes. Turning it on takes the whole file for
 * a moment, and SQLite does not call its busy handler for that: two programs opening a fresh store
 * at once would fail, so we wait here. A store that we may only read, or a file system without
 * shared memory, keeps the journal that it has.
 */
static int use_wal(fr_store *s)
{
    char mode[32];
    int64_t until_ns = fr_now_monotonic_ns() + (int64_t)BUSY_MS * 1000000;
    for (;;) {
        int rc = pragma_text(s, "PRAGMA journal_mode", mode, sizeof(mode));
        if (rc == SQLITE_OK) {
            if (strcmp(mode, "wal") == 0 || strcmp(mode, "memory") == 0 ||
                sqlite3_db_readonly(s->db, "main") == 1)
                return SQLITE_OK;
            rc = pragma_text(s, "PRAGMA journal_mode = WAL", mode, sizeof(mode));
        }
        if ((rc & 0xff) != SQLITE_BUSY || fr_now_monotonic_ns() > until_ns)
            return rc;
        fr_sleep_ns(5000000);
    }
}

int fr_store_open(const char *where, fr_store **out, fr_err *err)
{
    *out = NULL;
    fr_store *s = FR_NEW(fr_store);
    s->where = fr_dup(where);
    bool file = strcmp(where, ":memory:") != 0;
    if (file) { /* made by us with the narrow mode; SQLite gives -wal and -shm the same */
        int fd = open(where, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EACCES && errno != EROFS) {
            int rc = fr_fail_errno(err, "Name a file in a folder that exists.", "cannot open '%s'",
                                   where);
            fr_store_free(s);
            return rc;
        }
        if (fd >= 0)
            close(fd);
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX;
    int rc = sqlite3_open_v2(where, &s->db, flags, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_extended_result_codes(s->db, 0);
        sqlite3_busy_timeout(s->db, BUSY_MS);
        rc = use_wal(s);
    }
    /* NORMAL: a killed program loses nothing; a power cut may lose the last moments, never the
     * file. One flush to disk per checkpoint instead of one per commit. */
    if (rc == SQLITE_OK)
        rc = exec_quiet(s, "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;");
    if (rc != SQLITE_OK) {
        int code = store_fail(s, rc, "opening", err);
        fr_store_free(s);
        return code;
    }
    *out = s;
    return 0;
}

int fr_store_open_read(const char *where, fr_store **out, fr_err *err)
{
    *out = NULL;
    fr_store *s = FR_NEW(fr_store);
    s->where = fr_dup(where);
    int rc = 0;
    if (access(where, R_OK) != 0)
        rc = fr_fail_errno(err, NULL, "cannot open '%s'", where);
    if (rc == 0) {
        int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX;
        int sqlite_rc = sqlite3_open_v2(where, &s->db, flags, NULL);
        if (sqlite_rc == SQLITE_OK) {
            sqlite3_busy_timeout(s->db, BUSY_MS);
            sqlite_rc = exec_quiet(s, "PRAGMA schema_version"); /* reads the first page */
        }
        if (sqlite_rc != SQLITE_OK)
            rc = store_fail(s, sqlite_rc, "opening", err);
    }
    if (rc != 0) {
        fr_store_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void fr_store_free(fr_store *s)
{
    if (s == NULL)
        return;
    sqlite3_finalize(s->begin);
    sqlite3_finalize(s->commit);
    sqlite3_close_v2(s->db);
    free(s->where);
    free(s);
}

int fr_store_exec(fr_store *s, const char *sql, fr_err *err)
{
    int rc = exec_quiet(s, sql);
    if (rc == SQLITE_OK)
        return 0;
    char doing[64];
    snprintf(doing, sizeof(doing), "%.40s", sql);
    doing[strcspn(doing, "\n(")] = '\0';
    return store_fail(s, rc, doing, err);
}

/* What is said often is not parsed each time. */
static int say(fr_store *s, sqlite3_stmt **kept, const char *sql, fr_err *err)
{
    int rc = SQLITE_OK;
    if (*kept == NULL)
        rc = sqlite3_prepare_v2(s->db, sql, -1, kept, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_step(*kept);
        rc = sqlite3_reset(*kept);
    }
    return rc == SQLITE_OK ? 0 : store_fail(s, rc, sql, err);
}

int fr_store_begin(fr_store *s, fr_err *err)
{
    return say(s, &s->begin, "BEGIN IMMEDIATE", err);
}

int fr_store_commit(fr_store *s, fr_err *err)
{
    int rc = say(s, &s->commit, "COMMIT", err);
    if (rc != 0)
        fr_store_rollback(s);
    return rc;
}

void fr_store_rollback(fr_store *s)
{
    if (sqlite3_get_autocommit(s->db) == 0)
        exec_quiet(s, "ROLLBACK");
}

void fr_store_wait_for_others(fr_store *s, bool waits)
{
    sqlite3_busy_timeout(s->db, waits ? BUSY_MS : 0);
}

static int schema_version(fr_store *s, const char *schema, int64_t *version, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(s, "SELECT version FROM schema_version WHERE name = ?", &q, err));
    fr_query_bind_text(q, 1, schema);
    int rc = fr_query_step(q, err);
    *version = rc == FR_ROW ? fr_query_i64(q, 0) : 0;
    return rc < 0 ? rc : 0;
}

static int schema_set(fr_store *s, const char *schema, int64_t version, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_store_prepare(s, "INSERT OR REPLACE INTO schema_version VALUES (?, ?)", &q, err));
    fr_query_bind_text(q, 1, schema);
    fr_query_bind_i64(q, 2, version);
    return fr_query_step(q, err);
}

static int refuse_newer(fr_store *s, const char *schema, int64_t version, size_t n, fr_err *err)
{
    if (version <= (int64_t)n)
        return 0;
    return fr_fail(err, FR_E_UNSUPPORTED,
                   "A newer frugal wrote it: use that one, or name another file.",
                   "'%s' has %s schema version %lld, this frugal knows up to %zu", s->where, schema,
                   (long long)version, n);
}

/* The version is read again inside the transaction: another program may have been faster. */
static int migrate_one(fr_store *s, const char *schema, const char *const *steps, size_t n,
                       bool *done, fr_err *err)
{
    FR_TRY(fr_store_begin(s, err));
    int64_t version = 0;
    int rc = schema_version(s, schema, &version, err);
    if (rc == 0)
        rc = refuse_newer(s, schema, version, n, err);
    *done = rc == 0 && version == (int64_t)n;
    if (rc == 0 && !*done) {
        rc = fr_store_exec(s, steps[version], err);
        if (rc == 0)
            rc = schema_set(s, schema, version + 1, err);
    }
    if (rc != 0) {
        fr_store_rollback(s);
        return rc;
    }
    return fr_store_commit(s, err);
}

int fr_store_migrate(fr_store *s, const char *schema, const char *const *steps, size_t n,
                     fr_err *err)
{
    char found[8];
    int sql_rc = pragma_text(
        s, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'", found,
        sizeof(found));
    if (sql_rc != SQLITE_OK)
        return store_fail(s, sql_rc, "reading the schema", err);
    if (found[0] == '\0')
        FR_TRY(fr_store_exec(s,
                             "CREATE TABLE IF NOT EXISTS schema_version"
                             "(name TEXT PRIMARY KEY, version INTEGER NOT NULL)",
                             err));
    int64_t version = 0;
    FR_TRY(schema_version(s, schema, &version, err));
    FR_TRY(refuse_newer(s, schema, version, n, err));
    bool done = version == (int64_t)n; /* the usual case takes no write lock */
    while (!done)
        FR_TRY(migrate_one(s, schema, steps, n, &done, err));
    return 0;
}

int fr_store_prepare(fr_store *s, const char *sql, fr_query **out, fr_err *err)
{
    *out = NULL;
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK)
        return store_fail(s, rc, "preparing a query", err);
    fr_query *q = FR_NEW(fr_query);
    q->store = s;
    q->statement = statement;
    *out = q;
    return 0;
}

void fr_query_free(fr_query *q)
{
    if (q == NULL)
        return;
    sqlite3_finalize(q->statement);
    free(q);
}

void fr_query_reset(fr_query *q)
{
    sqlite3_reset(q->statement);
    sqlite3_clear_bindings(q->statement);
    q->bind_rc = SQLITE_OK;
}

static void bound(fr_query *q, int rc)
{
    if (q->bind_rc == SQLITE_OK)
        q->bind_rc = rc;
}

void fr_query_bind_i64(fr_query *q, int at, int64_t v)
{
    bound(q, sqlite3_bind_int64(q->statement, at, v));
}

void fr_query_bind_f64(fr_query *q, int at, double v)
{
    bound(q, isnan(v) ? sqlite3_bind_null(q->statement, at)
                      : sqlite3_bind_double(q->statement, at, v));
}

void fr_query_bind_text(fr_query *q, int at, const char *v)
{
    bound(q, sqlite3_bind_text(q->statement, at, v, -1, SQLITE_TRANSIENT)); /* NULL: null */
}

void fr_query_bind_str(fr_query *q, int at, fr_str v)
{
    bound(q, sqlite3_bind_text64(q->statement, at, v.at != NULL ? v.at : "", v.n, SQLITE_TRANSIENT,
                                 SQLITE_UTF8));
}

void fr_query_bind_blob(fr_query *q, int at, fr_str bytes)
{
    bound(q, sqlite3_bind_blob64(q->statement, at, bytes.at != NULL ? bytes.at : "", bytes.n,
                                 SQLITE_TRANSIENT));
}

int fr_query_step(fr_query *q, fr_err *err)
{
    int rc = q->bind_rc != SQLITE_OK ? q->bind_rc : sqlite3_step(q->statement);
    if (rc == SQLITE_ROW)
        return FR_ROW;
    if (rc == SQLITE_DONE)
        return 0;
    int code = store_fail(q->store, rc, "running a query", err);
    sqlite3_reset(q->statement);
    return code;
}

int64_t fr_query_i64(fr_query *q, int column)
{
    return sqlite3_column_int64(q->statement, column);
}

double fr_query_f64(fr_query *q, int column)
{
    return fr_query_is_null(q, column) ? NAN : sqlite3_column_double(q->statement, column);
}

const char *fr_query_text(fr_query *q, int column)
{
    return (const char *)sqlite3_column_text(q->statement, column);
}

fr_str fr_query_blob(fr_query *q, int column)
{
    const char *at = sqlite3_column_blob(q->statement, column);
    return (fr_str){ at, at != NULL ? (size_t)sqlite3_column_bytes(q->statement, column) : 0 };
}

bool fr_query_is_null(fr_query *q, int column)
{
    return sqlite3_column_type(q->statement, column) == SQLITE_NULL;
}
