/**
 * store/store.h: one door to SQLite (and later PostgreSQL): connect, migrate, bind, step,
 * transaction.
 *
 *     FR_TRY(fr_store_open("ledger.db", &store, err));
 *     FR_TRY(fr_store_migrate(store, "ledger", STEPS, FR_COUNT_OF(STEPS), err));
 *     FR_TRY(fr_store_prepare(store, "SELECT id FROM run WHERE kind = ?", &q, err));
 *     fr_query_bind_text(q, 1, "adapt");
 *     while ((rc = fr_query_step(q, err)) == FR_ROW)
 *         puts(fr_query_text(q, 0));
 *     fr_query_free(q);
 *
 * Several processes may hold one store: writers wait (WAL, busy timeout 10 s), readers do not.
 */
#ifndef FR_STORE_STORE_H
#define FR_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

typedef struct fr_store fr_store;
typedef struct fr_query fr_query;

/** ":memory:" too. Files are made with mode 0600. */
int fr_store_open(const char *where, fr_store **out, fr_err *err);
/** An existing file, only to be read; nothing beside it is made, so its folder may be read-only. */
int fr_store_open_read(const char *where, fr_store **out, fr_err *err);
void fr_store_free(fr_store *s);
FR_AUTOPTR_DEFINE(fr_store);
/**
 * Brings a schema up: step i takes version i to i + 1, each in a transaction of its own. A store of
 * a newer version than ours is refused, naming both.
 */
int fr_store_migrate(fr_store *s, const char *schema, const char *const *steps, size_t n,
                     fr_err *err);
int fr_store_exec(fr_store *s, const char *sql, fr_err *err);
int fr_store_begin(fr_store *s, fr_err *err); /* immediate: takes the write lock */
int fr_store_commit(fr_store *s, fr_err *err);
void fr_store_rollback(fr_store *s);
/** false: FR_E_BUSY at once when another program writes; true (as opened): waits up to 10 s. */
void fr_store_wait_for_others(fr_store *s, bool waits);

#define FR_ROW 1
int fr_store_prepare(fr_store *s, const char *sql, fr_query **out, fr_err *err);
void fr_query_free(fr_query *q);
FR_AUTOPTR_DEFINE(fr_query);
void fr_query_reset(fr_query *q);
/** Parameters from 1. Text is copied. */
void fr_query_bind_i64(fr_query *q, int at, int64_t v);
void fr_query_bind_f64(fr_query *q, int at, double v);       /* NAN binds NULL */
void fr_query_bind_text(fr_query *q, int at, const char *v); /* NULL binds NULL */
void fr_query_bind_str(fr_query *q, int at, fr_str v);
void fr_query_bind_blob(fr_query *q, int at, fr_str bytes); /* copied; empty, never NULL */
/** FR_ROW, 0 at the end, or an error. */
int fr_query_step(fr_query *q, fr_err *err);
/** Columns from 0. Text is borrowed until the next step. */
int64_t fr_query_i64(fr_query *q, int column);
double fr_query_f64(fr_query *q, int column);       /* NULL gives NAN */
const char *fr_query_text(fr_query *q, int column); /* NULL gives NULL */
fr_str fr_query_blob(fr_query *q, int column);      /* a text's bytes too; borrowed likewise */
bool fr_query_is_null(fr_query *q, int column);

#endif
