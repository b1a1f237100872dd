/* What people add to what was metered: units of business work with their dates, and changes. */
#include "ledger/ledger_priv.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"

#define CSV_MOST_BYTES ((size_t)64 << 20)
#define DAY_NS         86400000000000

/* ---- units ---- */

int fr_unit_check(const fr_unit *unit, fr_err *err)
{
    if (unit->name == NULL || unit->name[0] == '\0' || strlen(unit->name) > 63)
        return fr_fail(err, FR_E_USAGE, "As orders=1200.", "a unit of work needs a name");
    if (!(unit->value > 0) || isinf(unit->value))
        return fr_fail(err, FR_E_USAGE,
                       "Carbon per unit needs a number above 0; leave a day without work out.",
                       "%g %s cannot be counted", unit->value, unit->name);
    if (unit->end_unix_ns <= unit->start_unix_ns)
        return fr_fail(err, FR_E_USAGE, NULL, "the time of %s ends before it begins", unit->name);
    return 0;
}

static int unit_locked(fr_ledger *l, const fr_unit *unit, fr_err *err)
{
    FR_AUTOPTR(fr_query) q = NULL;
    FR_TRY(fr_unit_check(unit, err));
    FR_TRY(fr_store_prepare(l->store,
                            "INSERT INTO unit (name, value, start_unix_ns, end_unix_ns, run, "
                            "source, told_unix_ns) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE "
                            "SET value = excluded.value, source = excluded.source, "
                            "told_unix_ns = excluded.told_unix_ns",
                            &q, err));
    fr_query_bind_text(q, 1, unit->name);
    fr_query_bind_f64(q, 2, unit->value);
    fr_query_bind_i64(q, 3, unit->start_unix_ns);
    fr_query_bind_i64(q, 4, unit->end_unix_ns);
    fr_query_bind_text(q, 5, unit->run != NULL ? unit->run : "");
    fr_query_bind_text(q, 6, unit->source);
    fr_query_bind_i64(q, 7, fr_now_unix_ns());
    return fr_query_step(q, err);
}

int fr_ledger_units_add(fr_ledger *l, const fr_unit *units, size_t n, fr_err *err)
{
    pthread_mutex_lock(&l->lock);
    int rc = fr_store_begin(l->store, err);
    if (rc == 0) {
        for (size_t i = 0; i < n && rc == 0; i++)
            rc = unit_locked(l, &units[i], err);
        if (rc == 0)
            rc = fr_store_commit(l->store, err);
        else
            fr_store_rollback(l->store);
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

int fr_ledger_units(fr_ledger *l, const char *name, fr_unit **out, size_t *n, fr_err *err)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    pthread_mutex_lock(&l->lock);
    fr_query *q = NULL;
    int rc = fr_store_prepare(l->store,
                              "SELECT name, value, start_unix_ns, end_unix_ns, run, source FROM "
                              "unit WHERE ?1 IS NULL OR name = ?1 ORDER BY name, start_unix_ns, "
                              "number",
                              &q, err);
    if (rc == 0)
        fr_query_bind_text(q, 1, name);
    while (rc == 0 && (rc = fr_query_step(q, err)) == FR_ROW) {
        const char *run = fr_query_text(q, 4);
        FR_GROW(*out, *n, cap);
        (*out)[(*n)++] = (fr_unit){ .name = fr_dup(fr_query_text(q, 0)),
                                    .value = fr_query_f64(q, 1),
                                    .start_unix_ns = fr_query_i64(q, 2),
                                    .end_unix_ns = fr_query_i64(q, 3),
                                    .run = run != NULL && run[0] != '\0' ? fr_dup(run) : NULL,
                                    .source = fr_dup(fr_query_text(q, 5)) };
        rc = 0;
    }
    fr_query_free(q);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

void fr_units_free(fr_unit *units, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((char *)units[i].name);
        free((char *)units[i].run);
        free((char *)units[i].source);
    }
    free(units);
}

/* ---- units from a file ---- */

static bool is_date_heading(fr_str name)
{
    return fr_str_is(name, "date") || fr_str_is(name, "day") || fr_str_is(name, "time");
}

static int cell_fail(const char *path, const fr_csv *csv, fr_str cell, const char *why, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT,
                   "A row is a date and a number for each unit: "
                   "2026-11-22,1200. Nothing was recorded.",
                   "'%s', line %zu: '%.*s' %s", path, csv->line, (int)FR_MIN(cell.n, (size_t)40),
                   cell.at, why);
}

static int read_row(const char *path, const fr_csv *csv, const fr_str *fields, size_t n,
                    char *const *names, size_t n_names, fr_unit **out, size_t *count, size_t *cap,
                    fr_err *err)
{
    int64_t start;
    fr_str first = fr_str_trim(fields[0]);
    char *date = fr_str_dup(first);
    bool ok = fr_time_parse(date, &start);
    free(date);
    if (!ok)
        return cell_fail(path, csv, first, "is not a date", err);
    if (n != n_names)
        return fr_fail(err, FR_E_FORMAT, "Nothing was recorded.",
                       "'%s', line %zu: %zu fields, the heading has %zu", path, csv->line, n,
                       n_names);
    for (size_t i = 1; i < n; i++) {
        double value;
        fr_str cell = fr_str_trim(fields[i]);
        if (cell.n == 0)
            continue; /* nobody counted that day */
        if (!fr_str_to_f64(cell, &value) || !isfinite(value))
            return cell_fail(path, csv, cell, "is not a number", err);
        if (value == 0)
            continue; /* a day without work has its absolute total, and no figure per unit */
        if (value < 0)
            return cell_fail(path, csv, cell, "is below 0", err);
        FR_GROW(*out, *count, *cap);
        (*out)[(*count)++] = (fr_unit){ .name = fr_dup(names[i]),
                                        .value = value,
                                        .start_unix_ns = start,
                                        .end_unix_ns = start + DAY_NS,
                                        .source = fr_dup(path) };
    }
    return 0;
}

static int read_rows(const char *path, fr_str bytes, fr_unit **out, size_t *n, fr_err *err)
{
    FR_AUTO(fr_csv) csv = { 0 };
    const fr_str *fields;
    size_t n_fields, cap = 0, n_names = 0;
    fr_csv_init(&csv, bytes, path);
    FR_TRY(fr_csv_next(&csv, &fields, &n_fields, err));
    if (n_fields < 2 || !is_date_heading(fr_str_trim(fields[0])))
        return fr_fail(err, FR_E_FORMAT, "As a first line: date,orders,answers.",
                       "'%s': the heading is not a date and names of units", path);
    char **names = FR_NEW_N(char *, n_fields);
    for (; n_names < n_fields; n_names++)
        names[n_names] = fr_str_dup(fr_str_trim(fields[n_names]));
    int rc = 0;
    for (size_t i = 1; i < n_names && rc == 0; i++)
        if (names[i][0] == '\0' || strlen(names[i]) > 63)
            rc = fr_fail(err, FR_E_FORMAT, NULL, "'%s': column %zu has no name", path, i + 1);
    while (rc == 0) {
        rc = fr_csv_next(&csv, &fields, &n_fields, err);
        if (rc != 0 || n_fields == 0)
            break;
        rc = read_row(path, &csv, fields, n_fields, names, n_names, out, n, &cap, err);
    }
    for (size_t i = 0; i < n_names; i++)
        free(names[i]);
    free(names);
    return rc;
}

static int by_name_and_start(const void *a, const void *b)
{
    const fr_unit *x = *(const fr_unit *const *)a, *y = *(const fr_unit *const *)b;
    int c = strcmp(x->name, y->name);
    return c != 0 ? c
                  : (x->start_unix_ns > y->start_unix_ns) - (x->start_unix_ns < y->start_unix_ns);
}

/* Of two rows of one day the later one would stand, and the other's work be lost. */
static int refuse_twins(const char *path, const fr_unit *units, size_t n, fr_err *err)
{
    const fr_unit **sorted = FR_NEW_N(const fr_unit *, n);
    int rc = 0;
    for (size_t i = 0; i < n; i++)
        sorted[i] = &units[i];
    fr_sort(sorted, n, sizeof *sorted, by_name_and_start);
    for (size_t i = 1; i < n && rc == 0; i++) {
        char day[FR_TIME_TEXT];
        if (by_name_and_start(&sorted[i - 1], &sorted[i]) != 0)
            continue;
        fr_time_text(sorted[i]->start_unix_ns, day);
        rc = fr_fail(err, FR_E_FORMAT, "Add them up in one row. Nothing was recorded.",
                     "'%s': %.10s has two rows of %s", path, day, sorted[i]->name);
    }
    free(sorted);
    return rc;
}

int fr_units_parse(const char *name, fr_str bytes, fr_unit **out, size_t *n, fr_err *err)
{
    *out = NULL;
    *n = 0;
    int rc = read_rows(name, bytes, out, n, err);
    if (rc == 0)
        rc = refuse_twins(name, *out, *n, err);
    if (rc != 0) {
        fr_units_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return rc;
}

int fr_units_load(const char *path, fr_unit **out, size_t *n, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    *out = NULL;
    *n = 0;
    FR_TRY(fr_file_read(path, CSV_MOST_BYTES, &text, err));
    return fr_units_parse(path, fr_buf_str(&text), out, n, err);
}

/* ---- changes ---- */

int fr_ledger_change(fr_ledger *l, int64_t at_unix_ns, const char *text, fr_err *err)
{
    pthread_mutex_lock(&l->lock);
    fr_query *q = NULL;
    int rc = fr_store_prepare(
        l->store, "INSERT INTO change (at_unix_ns, text, told_unix_ns) VALUES (?,?,?)", &q, err);
    if (rc == 0) {
        fr_query_bind_i64(q, 1, at_unix_ns);
        fr_query_bind_text(q, 2, text);
        fr_query_bind_i64(q, 3, fr_now_unix_ns());
        rc = fr_query_step(q, err);
    }
    fr_query_free(q);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

int fr_ledger_changes(fr_ledger *l, fr_change **out, size_t *n, fr_err *err)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    pthread_mutex_lock(&l->lock);
    fr_query *q = NULL;
    int rc = fr_store_prepare(
        l->store, "SELECT at_unix_ns, text FROM change ORDER BY at_unix_ns, number", &q, err);
    while (rc == 0 && (rc = fr_query_step(q, err)) == FR_ROW) {
        FR_GROW(*out, *n, cap);
        (*out)[(*n)++] = (fr_change){ fr_query_i64(q, 0), fr_dup(fr_query_text(q, 1)) };
        rc = 0;
    }
    fr_query_free(q);
    pthread_mutex_unlock(&l->lock);
    return rc;
}

void fr_changes_free(fr_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(changes[i].text);
    free(changes);
}
