/**
 * tables/csv.h: comma-separated values in memory (RFC 4180), for the reference tables and their
 * overrides. Depends on the C library alone: the build's table compiler uses it too.
 *
 *     fr_csv csv = { 0 };
 *     char problem[FR_CSV_PROBLEM];
 *     if (fr_csv_parse(text, n, &csv, problem) != 0)
 *         puts(problem);                          "line 7: 5 cells, but the heading has 6"
 *     fr_csv_cell(&csv, 0, 2);                    row 0 is the first below the heading
 *     fr_csv_fini(&csv);
 *
 *     record = cell *( "," cell ) ( LF / CRLF )   cells of a record: as many as the heading has
 *     cell   = bare / DQUOTE *( any / 2DQUOTE ) DQUOTE
 *     Empty lines and lines that begin with "#" are passed over. No NUL bytes. UTF-8 mark allowed.
 */
#ifndef FR_TABLES_CSV_H
#define FR_TABLES_CSV_H

#include <stddef.h>

#define FR_CSV_PROBLEM      160
#define FR_CSV_COLUMNS_MOST 64
#define FR_CSV_ROWS_MOST    1000000

/** Zero-initialized is empty. columns and cells point into text, which is a copy: owned. */
typedef struct {
    char *text;
    const char *columns[FR_CSV_COLUMNS_MOST];
    size_t n_columns;
    const char **cells; /* [n_rows][n_columns] */
    int *lines;         /* [n_rows] where each record begins, from 1 */
    size_t n_rows;
} fr_csv;

/** 0; or -1 with the reason, its line number first. Nothing is left in out then. */
int fr_csv_parse(const char *text, size_t n, fr_csv *out, char problem[FR_CSV_PROBLEM]);
static inline const char *fr_csv_cell(const fr_csv *csv, size_t row, size_t column)
{
    return csv->cells[row * csv->n_columns + column];
}
void fr_csv_fini(fr_csv *csv);

#endif
