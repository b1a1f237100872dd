/**
 * store/postgres.h: statements to a PostgreSQL server, by libpq, loaded at first use.
 *
 *     FR_TRY(fr_postgres_open("postgresql:///facts", 10.0, &pg, err));
 *     const char *values[] = { "oak" };
 *     FR_TRY(fr_postgres_query(pg, "SELECT id FROM tree WHERE kind = $1", values, 1, &rows, err));
 *     for (size_t i = 0; i < fr_rows_n(rows); i++)
 *         puts(fr_rows_text(rows, i, 0));
 *
 * Values never become part of a statement's text. Errors name host and database, never the
 * password. One thread at a time a connection.
 */
#ifndef FR_STORE_POSTGRES_H
#define FR_STORE_POSTGRES_H

#include <stdbool.h>
#include "base/buf.h"

typedef struct fr_postgres fr_postgres;
typedef struct fr_rows fr_rows;

/** postgresql:// or postgres://, as libpq reads it (environment and .pgpass too). */
bool fr_postgres_is_url(const char *where);
/** Is it reached without a network: a socket file of this machine? False when it is no URL. */
bool fr_postgres_is_local(const char *url);
/**
 * timeout_s  of connecting and of each statement; 0: 60.
 * Errors     FR_E_UNSUPPORTED no libpq; FR_E_USAGE a URL that libpq does not read; FR_E_NETWORK.
 */
int fr_postgres_open(const char *url, double timeout_s, fr_postgres **out, fr_err *err);
void fr_postgres_free(fr_postgres *pg);
FR_AUTOPTR_DEFINE(fr_postgres);

/**
 * One statement; values [n] are texts, NULL is NULL. rows may be NULL.
 *
 * Errors  FR_E_LIMIT it took longer than the time; FR_E_PERMISSION; FR_E_NETWORK the connection is
 *         lost; else FR_E_FAILED; in the server's own words.
 */
int fr_postgres_query(fr_postgres *pg, const char *sql, const char *const *values, size_t n,
                      fr_rows **rows, fr_err *err);
/** Several statements without values. */
int fr_postgres_exec(fr_postgres *pg, const char *sql, fr_err *err);
/** A name in quotes, as a statement wants it. Appended to out. */
void fr_postgres_put_name(fr_buf *out, fr_str name);

size_t fr_rows_n(const fr_rows *rows);
/** Borrowed until free; NULL is NULL. */
const char *fr_rows_text(const fr_rows *rows, size_t row, int column);
double fr_rows_f64(const fr_rows *rows, size_t row, int column); /* NULL: NAN */
void fr_rows_free(fr_rows *rows);
FR_AUTOPTR_DEFINE(fr_rows);

#endif
