#include "tables/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/mem.h"

/* Cells are kept as offsets until all text is there, since the buffer moves while it grows. */
typedef struct {
    fr_csv csv;
    const char *name;
    fr_buf text;
    size_t *at; /* offsets of all cells, the heading's first */
    size_t n, cap;
    int *lines;
    size_t n_rows, lines_cap;
} reader;

static int fail_row(const reader *r, fr_err *err, const char *what)
{
    return fr_fail(err, FR_E_FORMAT, "Mend the line, or move the file away.", "%s:%zu: %s", r->name,
                   r->csv.line, what);
}

static void take_cells(reader *r, const fr_str *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        FR_GROW(r->at, r->n, r->cap);
        r->at[r->n++] = r->text.n;
        fr_buf_put_str(&r->text, fields[i]);
        fr_buf_put_c(&r->text, '\0');
    }
}

/* All rows; *n_columns is the heading's. */
static int read_rows(reader *r, size_t *n_columns, fr_err *err)
{
    *n_columns = 0;
    for (;;) {
        const fr_str *fields;
        size_t n;
        FR_TRY(fr_csv_next(&r->csv, &fields, &n, err));
        if (n == 0)
            return *n_columns != 0 ? 0 : fail_row(r, err, "there is no heading");
        if (fr_str_starts(fields[0], FR_STR("#")))
            continue;
        if (*n_columns == 0) {
            if (n > FR_SHEET_COLUMNS_MOST)
                return fail_row(r, err, "more than 64 columns");
            *n_columns = n;
        } else if (n != *n_columns) {
            char what[96];
            snprintf(what, sizeof(what), "%zu cells, but the heading has %zu", n, *n_columns);
            return fail_row(r, err, what);
        } else {
            if (r->n_rows == FR_SHEET_ROWS_MOST)
                return fail_row(r, err, "more than 1,000,000 rows");
            FR_GROW(r->lines, r->n_rows, r->lines_cap);
            r->lines[r->n_rows++] = (int)r->csv.line;
        }
        take_cells(r, fields, n);
        if (r->text.full)
            return fail_row(r, err, "more than 1 GiB of text");
    }
}

int fr_sheet_parse(fr_str bytes, const char *name, fr_sheet *out, fr_err *err)
{
    if (bytes.n != 0 && memchr(bytes.at, '\0', bytes.n) != NULL)
        return fr_fail(err, FR_E_FORMAT, "Write it as UTF-8 text.", "%s: it holds a NUL byte",
                       name);
    reader r = { .name = name };
    fr_csv_init(&r.csv, bytes, name);
    size_t n_columns = 0;
    int rc = read_rows(&r, &n_columns, err);
    if (rc == 0) {
        *out = (fr_sheet){ .n_columns = n_columns, .n_rows = r.n_rows, .lines = r.lines };
        out->text = fr_buf_take(&r.text);
        for (size_t c = 0; c < n_columns; c++)
            out->columns[c] = out->text + r.at[c];
        out->cells = FR_NEW_N(const char *, r.n);
        for (size_t i = n_columns; i < r.n; i++)
            out->cells[i - n_columns] = out->text + r.at[i];
    } else {
        free(r.lines);
    }
    free(r.at);
    fr_buf_fini(&r.text);
    fr_csv_fini(&r.csv);
    return rc;
}

void fr_sheet_fini(fr_sheet *sheet)
{
    free(sheet->text);
    free(sheet->cells);
    free(sheet->lines);
    *sheet = (fr_sheet){ 0 };
}
