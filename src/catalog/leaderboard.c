/* A leaderboard's rows: columns are known by their names, the rest of the numbers are scores. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "catalog/card.h"

#define BOARD_MOST_BYTES ((size_t)64 << 20)
#define ROWS_MOST        20000
#define SCORES_MOST      200 /* of a row */

typedef enum {
    COLUMN_NONE,
    COLUMN_MODEL,
    COLUMN_PARAMS,
    COLUMN_LICENSE,
    COLUMN_DATE,
    COLUMN_CONTEXT,
    COLUMN_ARCHITECTURE,
    COLUMN_BASE,
    COLUMN_LANGUAGES,
    COLUMN_OTHER, /* known, and no score */
} column_kind;

/* Names as plain() leaves them. The first of a kind that a board has is taken. */
static const struct {
    const char *name;
    column_kind kind;
} COLUMNS[] = {
    { "model", COLUMN_MODEL },
    { "modelname", COLUMN_MODEL },
    { "fullname", COLUMN_MODEL },
    { "name", COLUMN_MODEL },
    { "params", COLUMN_PARAMS },
    { "paramsb", COLUMN_PARAMS },
    { "paramsm", COLUMN_PARAMS },
    { "parameters", COLUMN_PARAMS },
    { "parametersb", COLUMN_PARAMS },
    { "nparams", COLUMN_PARAMS },
    { "numparams", COLUMN_PARAMS },
    { "size", COLUMN_PARAMS },
    { "sizeb", COLUMN_PARAMS },
    { "modelsize", COLUMN_PARAMS },
    { "license", COLUMN_LICENSE },
    { "licence", COLUMN_LICENSE },
    { "hublicense", COLUMN_LICENSE },
    { "date", COLUMN_DATE },
    { "submissiondate", COLUMN_DATE },
    { "evaluationdate", COLUMN_DATE },
    { "lastupdated", COLUMN_DATE },
    { "uploadtohubdate", COLUMN_DATE },
    { "context", COLUMN_CONTEXT },
    { "contextlength", COLUMN_CONTEXT },
    { "contextwindow", COLUMN_CONTEXT },
    { "maxtokens", COLUMN_CONTEXT },
    { "architecture", COLUMN_ARCHITECTURE },
    { "basemodel", COLUMN_BASE },
    { "language", COLUMN_LANGUAGES },
    { "languages", COLUMN_LANGUAGES },
    { "rank", COLUMN_OTHER },
    { "index", COLUMN_OTHER },
    { "id", COLUMN_OTHER },
    { "votes", COLUMN_OTHER },
    { "hub", COLUMN_OTHER },
    { "likes", COLUMN_OTHER },
    { "generation", COLUMN_OTHER },
};

/* Letters and digits, lower case: "#Params (B)" is "paramsb". */
static void plain(fr_str name, char out[64])
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n + 1 < 64; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (c < 0x80 && isalnum(c))
            out[n++] = (char)tolower(c);
    }
    out[n] = '\0';
}

static column_kind kind_of(fr_str name)
{
    char word[64];
    plain(name, word);
    for (size_t i = 0; i < FR_COUNT_OF(COLUMNS); i++) {
        if (strcmp(word, COLUMNS[i].name) == 0)
            return COLUMNS[i].kind;
    }
    return COLUMN_NONE;
}

/* What a link shows: <a href="…">org/name</a> or [org/name](…). */
static fr_str without_link(fr_str cell)
{
    size_t from = 0, to = 0;
    cell = fr_str_trim(cell);
    if (fr_str_starts(cell, FR_STR("<")) && fr_str_find(cell, FR_STR(">"), &from)) {
        fr_str rest = { cell.at + from + 1, cell.n - from - 1 };
        if (fr_str_find(rest, FR_STR("<"), &to))
            return fr_str_trim((fr_str){ rest.at, to });
    }
    if (fr_str_starts(cell, FR_STR("[")) && fr_str_find(cell, FR_STR("]("), &to))
        return fr_str_trim((fr_str){ cell.at + 1, to - 1 });
    return cell;
}

/* "7B", "135 M", or a number whose column says the unit; a bare small number says nothing. */
static double params_of(fr_str cell, fr_str column)
{
    char word[64];
    double v = NAN, factor = 0;
    plain(column, word);
    size_t n = strlen(word);
    cell = fr_str_trim(cell);
    if (n > 4 && word[n - 1] == 'b' && strcmp(word + n - 3, "umb") != 0)
        factor = 1e9;
    if (n > 4 && word[n - 1] == 'm')
        factor = 1e6;
    if (cell.n > 1 && strchr("BbMm", cell.at[cell.n - 1]) != NULL) {
        factor = tolower((unsigned char)cell.at[cell.n - 1]) == 'b' ? 1e9 : 1e6;
        cell = fr_str_trim((fr_str){ cell.at, cell.n - 1 });
    }
    if (!fr_str_to_f64(cell, &v) || !(v > 0))
        return NAN;
    if (factor == 0)
        factor = v >= 1e5 ? 1 : NAN;
    return v * factor;
}

static void put_text(char **to, fr_str cell)
{
    cell = fr_str_trim(cell);
    if (*to == NULL && cell.n != 0 && cell.n < 4096)
        *to = fr_str_dup(cell);
}

static void take_languages(fr_str cell, fr_words *out)
{
    fr_str piece;
    while (fr_str_next(&cell, ',', &piece)) {
        fr_str one;
        while (fr_str_next(&piece, ';', &one))
            fr_words_put(out, one);
    }
}

/* One row as columns and cells. true: it named a model. */
static bool take_row(const fr_str *columns, const fr_str *cells, size_t n, const char *source,
                     fr_catalog *c)
{
    fr_catalog_entry e;
    fr_catalog_entry_init(&e, NULL);
    char *date = NULL;
    double v = NAN;
    for (size_t i = 0; i < n; i++) {
        switch (kind_of(columns[i])) {
        case COLUMN_MODEL:
            put_text(&e.name, without_link(cells[i]));
            break;
        case COLUMN_PARAMS:
            if (isnan(e.params))
                e.params = params_of(cells[i], columns[i]);
            break;
        case COLUMN_LICENSE:
            put_text(&e.license, cells[i]);
            break;
        case COLUMN_DATE:
            put_text(&date, cells[i]);
            break;
        case COLUMN_CONTEXT:
            if (isnan(e.context) && fr_str_to_f64(fr_str_trim(cells[i]), &v) && v > 0)
                e.context = v;
            break;
        case COLUMN_ARCHITECTURE:
            put_text(&e.architecture, cells[i]);
            break;
        case COLUMN_BASE:
            put_text(&e.base_model, without_link(cells[i]));
            break;
        case COLUMN_LANGUAGES:
            take_languages(cells[i], &e.languages);
            break;
        case COLUMN_NONE:
        case COLUMN_OTHER:
            break;
        }
    }
    for (size_t i = 0; i < n && e.n_scores < SCORES_MOST; i++) {
        if (kind_of(columns[i]) != COLUMN_NONE || columns[i].n == 0 || columns[i].n > 200 ||
            !fr_str_to_f64(fr_str_trim(cells[i]), &v) || !isfinite(v))
            continue;
        char *benchmark = fr_str_dup(fr_str_trim(columns[i]));
        fr_catalog_entry_put_score(&e, benchmark, NULL, v, date, source);
        free(benchmark);
    }
    free(date);
    bool named = e.name != NULL;
    if (named) {
        e.source = fr_dup(source);
        fr_catalog_put(c, &e);
    }
    fr_catalog_entry_fini(&e);
    return named;
}

static int no_model_column(const char *name, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT,
                   "A leaderboard has a column called model, name or fullname; others are taken "
                   "by their names.",
                   "%s: no column names the model", name);
}

static int parse_csv(fr_str bytes, const char *name, fr_catalog *c, size_t *n_models, fr_err *err)
{
    FR_AUTO(fr_csv) csv = { 0 };
    const fr_str *fields;
    size_t n = 0, n_columns = 0;
    fr_csv_init(&csv, bytes, name);
    FR_TRY(fr_csv_next(&csv, &fields, &n, err));
    FR_AUTO(fr_buf) heading = { 0 };
    for (size_t i = 0; i < n; i++)
        fr_buf_put_str(&heading, fields[i]);
    fr_str *columns = FR_NEW_N(fr_str, n);
    n_columns = n;
    bool has_model = false;
    for (size_t i = 0, at = 0; i < n; at += fields[i].n, i++) {
        columns[i] = (fr_str){ heading.at + at, fields[i].n };
        has_model = has_model || kind_of(columns[i]) == COLUMN_MODEL;
    }
    int rc = has_model ? 0 : no_model_column(name, err);
    for (size_t rows = 0; rc == 0 && rows <= ROWS_MOST; rows++) {
        rc = fr_csv_next(&csv, &fields, &n, err);
        if (rc != 0 || n == 0)
            break;
        if (n != n_columns)
            rc = fr_fail(err, FR_E_FORMAT, NULL, "%s:%zu: %zu cells, but the heading has %zu", name,
                         csv.line, n, n_columns);
        else if (rows == ROWS_MOST)
            rc = fr_fail(err, FR_E_LIMIT, NULL, "%s: more than %d rows", name, ROWS_MOST);
        else
            *n_models += take_row(columns, fields, n, name, c);
    }
    free(columns);
    return rc;
}

/* Scalars of a row as cells; texts are kept in *text until the row is done. */
static bool take_object(const json_t *row, const char *source, fr_catalog *c)
{
    const json_t *inner = json_object_get(row, "row");
    if (json_is_object(inner))
        row = inner;
    size_t n = json_object_size(row), at = 0;
    fr_str *columns = FR_NEW_N(fr_str, n), *cells = FR_NEW_N(fr_str, n);
    char **made = FR_NEW_N(char *, n);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)row, key, value)
    {
        if (json_is_number(value))
            made[at] = fr_dup_f("%.17g", json_number_value(value));
        else if (json_is_string(value))
            made[at] = fr_dup(json_string_value(value));
        else
            continue;
        columns[at] = fr_str_of(key);
        cells[at] = fr_str_of(made[at]);
        at++;
    }
    bool named = take_row(columns, cells, at, source, c);
    for (size_t i = 0; i < at; i++)
        free(made[i]);
    free(made);
    free(columns);
    free(cells);
    return named;
}

static int parse_json(fr_str bytes, const char *name, fr_catalog *c, size_t *n_models, fr_err *err)
{
    static const char *const KEYS[] = { "rows", "models", "data", "results" };
    json_error_t error;
    json_t *root = json_loadb(bytes.at, bytes.n, 0, &error);
    if (root == NULL)
        return fr_fail(err, FR_E_FORMAT, NULL, "%s:%d:%d: %s", name, error.line, error.column,
                       error.text);
    const json_t *rows = json_is_array(root) ? root : NULL;
    for (size_t i = 0; i < FR_COUNT_OF(KEYS) && rows == NULL; i++) {
        const json_t *list = json_object_get(root, KEYS[i]);
        rows = json_is_array(list) ? list : NULL;
    }
    int rc = 0;
    if (rows == NULL)
        rc = fr_fail(err, FR_E_FORMAT,
                     "It is a list of objects, or has one under rows, models, data or results.",
                     "%s: no list of rows", name);
    for (size_t i = 0; rc == 0 && i < json_array_size(rows); i++)
        *n_models += take_object(json_array_get(rows, i), name, c);
    json_decref(root);
    if (rc == 0 && *n_models == 0)
        rc = no_model_column(name, err);
    return rc;
}

int fr_leaderboard_parse(fr_str bytes, const char *name, fr_catalog *c, size_t *n_models,
                         fr_err *err)
{
    FR_AUTO(fr_catalog) found = { 0 };
    fr_str text = fr_str_trim(bytes);
    bool is_json = text.n != 0 && (text.at[0] == '[' || text.at[0] == '{');
    *n_models = 0;
    if (bytes.n > BOARD_MOST_BYTES)
        return fr_fail(err, FR_E_LIMIT, NULL, "'%s' is larger than %zu bytes", name,
                       BOARD_MOST_BYTES);
    FR_TRY(is_json ? parse_json(text, name, &found, n_models, err)
                   : parse_csv(bytes, name, &found, n_models, err));
    for (size_t i = 0; i < found.n; i++)
        fr_catalog_put(c, &found.at[i]);
    found.n = 0;
    return 0;
}

int fr_leaderboard_load(const char *path, fr_catalog *c, size_t *n_models, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    FR_TRY(fr_file_read(path, BOARD_MOST_BYTES, &text, err));
    return fr_leaderboard_parse(fr_buf_str(&text), path, c, n_models, err);
}
