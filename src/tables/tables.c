#include "tables/tables.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"
#include "tables/sheet.h"
#include "tables/tables_priv.h"

#define TABLES_MOST         16
#define OVERRIDE_MOST_BYTES (16u << 20)

/* A compiled table under the user's rows. */
struct fr_table {
    fr_sheet user;        /* as written */
    size_t *user_column;  /* [data->n_columns]: column of user, or SIZE_MAX; NULL: no override */
    size_t *kept, n_kept; /* compiled rows that no user row replaces; NULL: all */
};

/* Written by fr_tables_load_overrides() alone, before threads; read-only after. */
static fr_table tables[TABLES_MOST];

static const fr_table_data *data_of(const fr_table *t)
{
    return &fr_tables_data[t - tables];
}

const fr_table *fr_table_find(const char *name)
{
    assert(fr_tables_data_n <= TABLES_MOST);
    for (size_t i = 0; i < fr_tables_data_n; i++) {
        if (strcmp(fr_tables_data[i].name, name) == 0)
            return &tables[i];
    }
    return NULL;
}

size_t fr_table_n_rows(const fr_table *t)
{
    return t->user.n_rows + (t->kept != NULL ? t->n_kept : data_of(t)->n_rows);
}

size_t fr_table_n_columns(const fr_table *t)
{
    return data_of(t)->n_columns;
}

const char *fr_table_column_name(const fr_table *t, size_t column)
{
    return data_of(t)->columns[column];
}

static bool find_column(const fr_table_data *data, const char *name, size_t *column)
{
    for (size_t c = 0; c < data->n_columns; c++) {
        if (strcmp(data->columns[c], name) == 0) {
            *column = c;
            return true;
        }
    }
    return false;
}

size_t fr_table_column(const fr_table *t, const char *name)
{
    size_t column = 0;
    bool found = find_column(data_of(t), name, &column);
    assert(found);
    (void)found;
    return column;
}

static const char *compiled_text(const fr_table_data *data, size_t row, size_t column)
{
    return fr_tables_pool + data->cells[row * data->n_columns + column];
}

const char *fr_table_text(const fr_table *t, size_t row, size_t column)
{
    assert(row < fr_table_n_rows(t) && column < data_of(t)->n_columns);
    if (row < t->user.n_rows) {
        size_t c = t->user_column[column];
        return c == SIZE_MAX ? "" : fr_sheet_cell(&t->user, row, c);
    }
    row -= t->user.n_rows;
    return compiled_text(data_of(t), t->kept != NULL ? t->kept[row] : row, column);
}

bool fr_table_f64(const fr_table *t, size_t row, size_t column, double *out)
{
    return fr_str_to_f64(fr_str_of(fr_table_text(t, row, column)), out);
}

bool fr_table_lookup(const fr_table *t, const char *column, const char *text, size_t *row)
{
    size_t c = fr_table_column(t, column), n = fr_table_n_rows(t);
    for (size_t r = 0; r < n; r++) {
        if (strcasecmp(fr_table_text(t, r, c), text) == 0) {
            *row = r;
            return true;
        }
    }
    return false;
}

bool fr_table_is_override(const fr_table *t, size_t row)
{
    return row < t->user.n_rows;
}

fr_constant fr_constant_of(const char *name)
{
    const fr_table *t = fr_table_find("constants");
    fr_constant out = { 0 };
    size_t row = 0;
    bool found = fr_table_lookup(t, "name", name, &row) &&
                 fr_table_f64(t, row, fr_table_column(t, "low"), &out.low) &&
                 fr_table_f64(t, row, fr_table_column(t, "mid"), &out.mid) &&
                 fr_table_f64(t, row, fr_table_column(t, "high"), &out.high);
    assert(found);
    (void)found;
    out.source = fr_table_text(t, row, fr_table_column(t, "source"));
    return out;
}

/* ---- the user's rows --------------------------------------------------------------------- */

static size_t key_columns(const fr_table_data *data)
{
    bool two = strcmp(data->name, "regions") == 0 || strcmp(data->name, "instances") == 0;
    return two ? 2 : 1;
}

/* A column of ours whose every filled cell is a number takes numbers only, and none below 0 where
 * ours are not. */
static bool is_numeric(const fr_table_data *data, size_t column, double *least)
{
    size_t filled = 0;
    *least = INFINITY;
    for (size_t r = 0; r < data->n_rows; r++) {
        const char *text = compiled_text(data, r, column);
        double number;
        if (*text == '\0')
            continue;
        if (!fr_str_to_f64(fr_str_of(text), &number))
            return false;
        *least = FR_MIN(*least, number);
        filled++;
    }
    return filled > 0;
}

static int check_cells(const fr_table *t, const char *path, fr_err *err)
{
    size_t n_keys = key_columns(data_of(t)), source = SIZE_MAX; /* practices have none */
    find_column(data_of(t), "source", &source);
    for (size_t c = 0; c < data_of(t)->n_columns; c++) {
        const char *name = data_of(t)->columns[c];
        bool needed = c < n_keys || c == source;
        if (t->user_column[c] == SIZE_MAX && needed)
            return fr_fail(err, FR_E_FORMAT, "Add the column and fill it in each row.",
                           "'%s': the column '%s' is missing", path, name);
        if (t->user_column[c] == SIZE_MAX)
            continue;
        double least;
        bool numeric = is_numeric(data_of(t), c, &least);
        for (size_t r = 0; r < t->user.n_rows; r++) {
            const char *text = fr_sheet_cell(&t->user, r, t->user_column[c]);
            double number;
            if (*text == '\0' && needed)
                return fr_fail(err, FR_E_FORMAT, "Fill it in; a figure needs a name and a source.",
                               "'%s', row %zu (line %d): '%s' is empty", path, r + 1,
                               t->user.lines[r], name);
            if (*text != '\0' && numeric &&
                (!fr_str_to_f64(fr_str_of(text), &number) || !isfinite(number) ||
                 (least >= 0 && number < 0)))
                return fr_fail(err, FR_E_FORMAT, "Write a plain number, as 56 or 0.12.",
                               "'%s', row %zu (line %d): '%s' is not a number for '%s'", path,
                               r + 1, t->user.lines[r], text, name);
        }
    }
    return 0;
}

static double cell_f64(const fr_table *t, size_t row, const char *column)
{
    size_t c = SIZE_MAX;
    double number = NAN;
    if (find_column(data_of(t), column, &c) && t->user_column[c] != SIZE_MAX)
        fr_str_to_f64(fr_str_of(fr_sheet_cell(&t->user, row, t->user_column[c])), &number);
    return number;
}

/*
 * A constant has a name that somebody asks for and three figures in order; where ours are above 0,
 * so must these be: they are divided by. A calibrated curve undoes the range of the design power,
 * so its order says nothing.
 */
static int check_constants(const fr_table *t, const char *path, fr_err *err)
{
    static const char *const FIGURES[] = { "low", "mid", "high" };
    const fr_table_data *data = data_of(t);
    for (size_t r = 0; r < t->user.n_rows; r++) {
        const char *name = fr_sheet_cell(&t->user, r, t->user_column[0]);
        const char **valid = FR_NEW_N(const char *, data->n_rows + 1);
        char hint[128] = "data/constants.csv has those that there are.";
        double ours = NAN, value[3];
        size_t known = SIZE_MAX;
        for (size_t k = 0; k < data->n_rows; k++) {
            valid[k] = compiled_text(data, k, 0);
            known = strcasecmp(valid[k], name) == 0 ? k : known;
        }
        const char *near = known == SIZE_MAX ? fr_nearest(name, valid) : NULL;
        if (near != NULL)
            snprintf(hint, sizeof hint, "Did you mean '%s'?", near);
        free(valid);
        if (known == SIZE_MAX)
            return fr_fail(err, FR_E_FORMAT, hint, "'%s', row %zu (line %d): no constant is '%s'",
                           path, r + 1, t->user.lines[r], name);
        for (size_t i = 0; i < 3; i++) {
            size_t c = 0;
            value[i] = cell_f64(t, r, FIGURES[i]);
            find_column(data, FIGURES[i], &c);
            fr_str_to_f64(fr_str_of(compiled_text(data, known, c)), &ours);
            if (!(value[i] >= 0) || (ours > 0 && value[i] == 0))
                return fr_fail(err, FR_E_FORMAT, "low, mid and high are three plain numbers.",
                               "'%s', row %zu (line %d): '%s' has no '%s' that can be", path, r + 1,
                               t->user.lines[r], name, FIGURES[i]);
        }
        bool is_curve = strncmp(name, "cpu_curve_", 10) == 0;
        if (!is_curve && !(value[0] <= value[1] && value[1] <= value[2]))
            return fr_fail(err, FR_E_FORMAT, "The middle figure lies between the others.",
                           "'%s', row %zu (line %d): '%s' is not in order: low, mid, high", path,
                           r + 1, t->user.lines[r], name);
    }
    return 0;
}

static int map_columns(fr_table *t, const char *path, fr_err *err)
{
    size_t n = data_of(t)->n_columns;
    t->user_column = FR_NEW_N(size_t, n);
    for (size_t c = 0; c < n; c++)
        t->user_column[c] = SIZE_MAX;
    for (size_t u = 0; u < t->user.n_columns; u++) {
        size_t column;
        if (!find_column(data_of(t), t->user.columns[u], &column)) {
            const char *valid[FR_SHEET_COLUMNS_MOST + 1] = { 0 };
            for (size_t c = 0; c < n && c < FR_SHEET_COLUMNS_MOST; c++)
                valid[c] = data_of(t)->columns[c];
            const char *near = fr_nearest(t->user.columns[u], valid);
            char hint[128] = "See the heading of the project's data folder for the columns.";
            if (near != NULL)
                snprintf(hint, sizeof hint, "Did you mean '%s'?", near);
            return fr_fail(err, FR_E_FORMAT, hint, "'%s': no column is called '%s'", path,
                           t->user.columns[u]);
        }
        if (t->user_column[column] != SIZE_MAX)
            return fr_fail(err, FR_E_FORMAT, NULL, "'%s': the column '%s' comes twice", path,
                           t->user.columns[u]);
        t->user_column[column] = u;
    }
    return 0;
}

static bool is_replaced(const fr_table *t, size_t compiled_row)
{
    for (size_t r = 0; r < t->user.n_rows; r++) {
        bool same = true;
        for (size_t c = 0; c < key_columns(data_of(t)) && same; c++)
            same = strcasecmp(fr_sheet_cell(&t->user, r, t->user_column[c]),
                              compiled_text(data_of(t), compiled_row, c)) == 0;
        if (same)
            return true;
    }
    return false;
}

static void drop_override(fr_table *t)
{
    fr_sheet_fini(&t->user);
    free(t->user_column);
    free(t->kept);
    t->user_column = t->kept = NULL;
    t->n_kept = 0;
}

static int load_one(fr_table *t, const char *path, fr_err *err)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = OVERRIDE_MOST_BYTES };
    FR_TRY(fr_file_read(path, OVERRIDE_MOST_BYTES, &text, err));
    FR_TRY(fr_sheet_parse(fr_buf_str(&text), path, &t->user, err));
    FR_TRY(map_columns(t, path, err));
    FR_TRY(check_cells(t, path, err));
    if (strcmp(data_of(t)->name, "constants") == 0)
        FR_TRY(check_constants(t, path, err));
    t->kept = FR_NEW_N(size_t, data_of(t)->n_rows);
    for (size_t r = 0; r < data_of(t)->n_rows; r++) {
        if (!is_replaced(t, r))
            t->kept[t->n_kept++] = r;
    }
    return 0;
}

int fr_tables_load_overrides(const char *dir, fr_err *err)
{
    char *config = dir == NULL ? fr_path_config() : NULL;
    char *root = dir == NULL ? fr_path_join(config, "tables") : fr_dup(dir);
    int rc = 0;
    for (size_t i = 0; i < fr_tables_data_n && rc == 0; i++) {
        fr_table *t = &tables[i];
        drop_override(t);
        char *name = fr_dup_f("%s.csv", data_of(t)->name);
        char *path = fr_path_join(root, name);
        if (fr_file_exists(path))
            rc = load_one(t, path, err);
        free(name);
        free(path);
    }
    for (size_t i = 0; i < fr_tables_data_n && rc != 0; i++)
        drop_override(&tables[i]);
    free(root);
    free(config);
    return rc;
}
