/**
 * tables/tables.h: the reference tables of data/, compiled in, each row with year and source.
 *
 * A user's own rows in $XDG_CONFIG_HOME/frugal/tables/NAME.csv come first and replace ours with
 * the same key (the first column; for regions and instances the first two). They name any of our
 * columns, in any order; `source` must be filled: a figure without a source is no figure.
 *
 *     const fr_table *t = fr_table_find("regions");
 *     for (size_t r = 0; r < fr_table_n_rows(t); r++)
 *         puts(fr_table_text(t, r, fr_table_column(t, "code")));
 *
 * Threads: any number of readers, after fr_tables_load_overrides().
 */
#ifndef FR_TABLES_TABLES_H
#define FR_TABLES_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

typedef struct fr_table fr_table;

/** "regions", "grid", "cpus", "cpu_families", "accelerators", "instances", "constants",
 * "water", "practices", "models". NULL: none.
 */
const fr_table *fr_table_find(const char *name);
size_t fr_table_n_rows(const fr_table *t);
size_t fr_table_n_columns(const fr_table *t);
const char *fr_table_column_name(const fr_table *t, size_t column);
/** Index of a column; asserts that it exists: names are ours. */
size_t fr_table_column(const fr_table *t, const char *name);
/** "" when empty. Static. */
const char *fr_table_text(const fr_table *t, size_t row, size_t column);
/** false when empty or not a number. */
bool fr_table_f64(const fr_table *t, size_t row, size_t column, double *out);
/** Row whose column equals text (ASCII case ignored); false: none. */
bool fr_table_lookup(const fr_table *t, const char *column, const char *text, size_t *row);
/** true: the row is the user's. */
bool fr_table_is_override(const fr_table *t, size_t row);

/** A row of "constants". Asserts that it exists. source is static. */
typedef struct {
    double low, mid, high;
    const char *source;
} fr_constant;
fr_constant fr_constant_of(const char *name);

/**
 * Reads the user's overrides once, at program start, before threads.
 *
 * dir      NULL: $XDG_CONFIG_HOME/frugal/tables. A folder or file that is not there is fine.
 * Returns  0; FR_E_FORMAT names file, line and column of a row that does not parse; then no
 *          override of any file is in force.
 */
int fr_tables_load_overrides(const char *dir, fr_err *err);

#endif
