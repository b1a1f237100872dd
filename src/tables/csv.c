#include "tables/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the parser stands: reads at `at`, writes the unquoted cell at `to`, which never overtakes.
 */
typedef struct {
    char *at, *end, *to;
    int line;
    char *problem;
} reader;

static int fail(const reader *r, int line, const char *why)
{
    snprintf(r->problem, FR_CSV_PROBLEM, "line %d: %s", line, why);
    return -1;
}

static int read_quoted(reader *r)
{
    int began = r->line;
    for (r->at++; r->at < r->end; r->at++) {
        if (*r->at == '\n')
            r->line++;
        if (*r->at != '"') {
            *r->to++ = *r->at;
        } else if (r->at + 1 < r->end && r->at[1] == '"') {
            *r->to++ = '"';
            r->at++;
        } else {
            r->at++;
            if (r->at < r->end && strchr(",\r\n", *r->at) == NULL)
                return fail(r, r->line, "text follows a closing quotation mark");
            return 0;
        }
    }
    return fail(r, began, "a quotation mark is never closed");
}

/* Reads one cell; *last tells whether it ends its record. */
static int read_cell(reader *r, const char **cell, int *last)
{
    *cell = r->to;
    if (r->at < r->end && *r->at == '"') {
        if (read_quoted(r) != 0)
            return -1;
    } else {
        for (; r->at < r->end && *r->at != ',' && *r->at != '\n'; r->at++) {
            if (*r->at == '"')
                return fail(r, r->line, "a quotation mark inside a bare cell");
            *r->to++ = *r->at;
        }
        if (r->to > *cell && r->to[-1] == '\r' && (r->at == r->end || *r->at == '\n'))
            r->to--;
    }
    if (r->at < r->end && *r->at == '\r')
        r->at++;
    *last = r->at == r->end || *r->at == '\n';
    if (!*last && *r->at != ',')
        return fail(r, r->line, "a carriage return in the middle of a line");
    if (*last)
        r->line++;
    if (r->at < r->end)
        r->at++;
    *r->to++ = '\0'; /* in place of the comma or line end just passed, or in the spare byte */
    return 0;
}

static void skip_idle_lines(reader *r)
{
    while (r->at < r->end) {
        char *line_end = memchr(r->at, '\n', (size_t)(r->end - r->at));
        char *stop = line_end != NULL ? line_end : r->end;
        int empty = stop == r->at || (stop == r->at + 1 && *r->at == '\r');
        if (!empty && *r->at != '#')
            return;
        r->at = line_end != NULL ? line_end + 1 : r->end;
        r->line++;
    }
}

static int read_heading(reader *r, fr_csv *csv)
{
    skip_idle_lines(r);
    if (r->at == r->end)
        return fail(r, r->line, "no heading: the first line names the columns");
    for (int last = 0; !last; csv->n_columns++) {
        if (csv->n_columns == FR_CSV_COLUMNS_MOST)
            return fail(r, r->line, "more than 64 columns");
        if (read_cell(r, &csv->columns[csv->n_columns], &last) != 0)
            return -1;
    }
    return 0;
}

static int grow(reader *r, fr_csv *csv, size_t *cap)
{
    if (csv->n_rows < *cap)
        return 0;
    if (csv->n_rows >= FR_CSV_ROWS_MOST)
        return fail(r, r->line, "more than a million rows");
    size_t wanted = *cap != 0 ? *cap * 2 : 64;
    const char **cells = realloc(csv->cells, wanted * csv->n_columns * sizeof *cells);
    if (cells != NULL)
        csv->cells = cells;
    int *lines = realloc(csv->lines, wanted * sizeof *lines);
    if (lines != NULL)
        csv->lines = lines;
    if (cells == NULL || lines == NULL)
        return fail(r, r->line, "not enough memory");
    *cap = wanted;
    return 0;
}

static int read_rows(reader *r, fr_csv *csv)
{
    size_t cap = 0;
    for (skip_idle_lines(r); r->at < r->end; skip_idle_lines(r)) {
        if (grow(r, csv, &cap) != 0)
            return -1;
        int began = r->line, last = 0;
        size_t n = 0;
        while (!last) {
            const char *cell;
            if (read_cell(r, &cell, &last) != 0)
                return -1;
            if (n < csv->n_columns)
                csv->cells[csv->n_rows * csv->n_columns + n] = cell;
            n++;
        }
        if (n != csv->n_columns) {
            snprintf(r->problem, FR_CSV_PROBLEM, "line %d: %zu cells, but the heading has %zu",
                     began, n, csv->n_columns);
            return -1;
        }
        csv->lines[csv->n_rows++] = began;
    }
    return 0;
}

int fr_csv_parse(const char *text, size_t n, fr_csv *out, char problem[FR_CSV_PROBLEM])
{
    memset(out, 0, sizeof *out);
    problem[0] = '\0';
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        n -= 3;
    }
    reader r = { .line = 1, .problem = problem };
    if (memchr(text, '\0', n) != NULL)
        return fail(&r, 1, "the file has NUL bytes, so it is not text");
    out->text = malloc(n + 1);
    if (out->text == NULL)
        return fail(&r, 1, "not enough memory");
    memcpy(out->text, text, n);
    out->text[n] = '\0';
    r.at = r.to = out->text;
    r.end = out->text + n;
    if (read_heading(&r, out) != 0 || read_rows(&r, out) != 0) {
        fr_csv_fini(out);
        return -1;
    }
    return 0;
}

void fr_csv_fini(fr_csv *csv)
{
    free(csv->text);
    free(csv->cells);
    free(csv->lines);
    memset(csv, 0, sizeof *csv);
}
