/**
 * tables/tables.h: the reference tables of data/, compiled in, each row with year and source.
 *
 * A user's own rows of the same columns in $XDG_CONFIG_HOME/frugal/tables/NAME.csv come first.
 *
 *     const fr_table *t = fr_table_find("regions");
 *     for (size_t r = 0; r < fr_table_n_rows(t); r++)
 *         puts(fr_table_text(t, r, fr_table_column(t, "code")));
 */
#ifndef FR_TABLES_TABLES_H
#define FR_TABLES_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

typedef struct fr_table fr_table;

/** "regions", "grid", "cpus", "accelerators", "instances", "models", "constants". NULL: none. */
const fr_table *fr_table_find(const char *name);
size_t fr_table_n_rows(const fr_table *t);
/** Index of a column; asserts that it exists: names are ours. */
size_t fr_table_column(const fr_table *t, const char *name);
/** "" when empty. Static. */
const char *fr_table_text(const fr_table *t, size_t row, size_t column);
/** false when empty or not a number. */
bool fr_table_f64(const fr_table *t, size_t row, size_t column, double *out);
/** Row whose column equals text (ASCII case ignored); false: none. */
bool fr_table_lookup(const fr_table *t, const char *column, const char *text, size_t *row);
/** Reads the user's overrides once, at program start; a bad row is named by file and line. */
int fr_tables_load_overrides(const char *dir, fr_err *err);

#endif
