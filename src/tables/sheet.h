/**
 * tables/sheet.h: a whole table out of CSV bytes: a heading, then rows of as many cells. For the
 * reference tables and their overrides; the build's table compiler uses it too.
 *
 *     FR_AUTO(fr_sheet) sheet = { 0 };
 *     FR_TRY(fr_sheet_parse(bytes, "grid.csv", &sheet, err));    errors name file and line
 *     fr_sheet_cell(&sheet, 0, 2);                               row 0 is the first below the
 * heading
 *
 * Lines that begin with "#" are passed over. No NUL bytes.
 */
#ifndef FR_TABLES_SHEET_H
#define FR_TABLES_SHEET_H

#include "base/buf.h"

#define FR_SHEET_COLUMNS_MOST 64
#define FR_SHEET_ROWS_MOST    1000000

/** Zero-initialized is empty. columns and cells point into text: owned. */
typedef struct {
    char *text;
    const char *columns[FR_SHEET_COLUMNS_MOST];
    size_t n_columns;
    const char **cells; /* [n_rows][n_columns] */
    int *lines;         /* [n_rows] where each row begins, from 1 */
    size_t n_rows;
} fr_sheet;

/** FR_E_FORMAT: "grid.csv:7: 5 cells, but the heading has 6". Nothing is left in out then. */
int fr_sheet_parse(fr_str bytes, const char *name, fr_sheet *out, fr_err *err);
static inline const char *fr_sheet_cell(const fr_sheet *sheet, size_t row, size_t column)
{
    return sheet->cells[row * sheet->n_columns + column];
}
void fr_sheet_fini(fr_sheet *sheet);
FR_AUTO_DEFINE(fr_sheet);

#endif
