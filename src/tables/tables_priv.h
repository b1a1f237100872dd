/** tables_priv.h: how the compiled tables lie in memory; the table compiler writes this form. */
#ifndef FR_TABLES_TABLES_PRIV_H
#define FR_TABLES_TABLES_PRIV_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;
    const char *const *columns;
    size_t n_columns, n_rows;
    const uint32_t *cells; /* [n_rows][n_columns]: where each text begins in the pool */
} fr_table_data;

/** All texts of all tables, each once, each ended by a NUL. Offset 0 is the empty text. */
extern const char fr_tables_pool[];
extern const fr_table_data fr_tables_data[];
extern const size_t fr_tables_data_n;

#endif
