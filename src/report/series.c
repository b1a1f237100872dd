#include "report/series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DAY_NS 86400000000000

void fr_series_fini(fr_series *s)
{
    free(s->at);
    *s = (fr_series){ 0 };
}

static fr_series_row *add_row(fr_series *s, const char *name, int64_t start, int64_t end)
{
    FR_GROW(s->at, s->n, s->cap);
    fr_series_row *row = &s->at[s->n++];
    *row = (fr_series_row){ .start_unix_ns = start, .end_unix_ns = end };
    snprintf(row->name, sizeof row->name, "%s", name);
    return row;
}

/* The part of a run's energy that fell into a time, by its buckets. */
static int share_in(fr_ledger *l, const fr_run_record *r, int64_t from, int64_t to, double *share,
                    fr_err *err)
{
    int64_t end = r->end_unix_ns != 0 ? r->end_unix_ns : r->seen_unix_ns;
    *share = 1;
    if (r->start_unix_ns >= from && end <= to)
        return 0;
    fr_bucket *b = NULL;
    size_t n = 0;
    double inside = 0, all = 0;
    FR_TRY(fr_ledger_tree_buckets(l, r->id, &b, &n, err));
    for (size_t i = 0; i < n; i++) {
        double span = (double)(b[i].end_unix_ns - b[i].start_unix_ns);
        int64_t a = FR_MAX(b[i].start_unix_ns, from), z = FR_MIN(b[i].end_unix_ns, to);
        all += (double)b[i].energy_uj;
        if (z > a && span > 0)
            inside += (double)b[i].energy_uj * ((double)(z - a) / span);
    }
    fr_buckets_free(b, n);
    *share = all > 0 ? inside / all : 0;
    return 0;
}

static void add_run(fr_series_row *row, const fr_run_record *r, double share)
{
    if (!isfinite(r->energy.value_j))
        return;
    row->n_runs++;
    row->energy_j += share * r->energy.value_j;
    row->carbon_g += isfinite(r->carbon_g) ? share * r->carbon_g : 0;
    row->cpu_s += isfinite(r->cpu_s) ? share * r->cpu_s : 0;
    row->method = row->method == FR_METHOD_NONE || row->method == r->energy.method
                      ? r->energy.method
                      : FR_METHOD_MIXED;
}

static void finish(fr_series_row *row)
{
    bool known = row->n_runs > 0 && row->units > 0;
    row->j_per_unit = known ? row->energy_j / row->units : NAN;
    row->g_per_unit = known ? row->carbon_g / row->units : NAN;
}

static int of_unit(fr_ledger *l, const fr_unit *unit, const fr_run_list *runs, fr_series *out,
                   fr_err *err)
{
    fr_series_row *row = add_row(out, unit->name, unit->start_unix_ns, unit->end_unix_ns);
    row->units = unit->value;
    if (unit->run != NULL)
        snprintf(row->run, sizeof row->run, "%s", unit->run);
    for (size_t i = 0; i < runs->n; i++) {
        const fr_run_record *r = &runs->at[i];
        int64_t end = r->end_unix_ns != 0 ? r->end_unix_ns : r->seen_unix_ns;
        double share = 1;
        if (unit->run != NULL) {
            if (strcmp(r->id, unit->run) != 0)
                continue;
        } else if (r->phase || !r->leaf || r->start_unix_ns >= unit->end_unix_ns ||
                   end < unit->start_unix_ns) {
            continue;
        } else {
            FR_TRY(share_in(l, r, unit->start_unix_ns, unit->end_unix_ns, &share, err));
        }
        if (share > 0)
            add_run(row, r, share);
    }
    finish(row);
    return 0;
}

/* Runs that counted the unit themselves, by the day of their beginning. */
static int of_notes(fr_ledger *l, const char *name, const fr_run_list *runs, fr_series *out,
                    fr_err *err)
{
    fr_series_row *row = NULL;
    for (size_t i = runs->n; i-- > 0;) {
        const fr_run_record *r = &runs->at[i];
        fr_note *notes = NULL;
        size_t n = 0;
        double units = 0;
        if (r->phase || !r->leaf)
            continue;
        FR_TRY(fr_ledger_notes(l, r->id, &notes, &n, err));
        for (size_t k = 0; k < n; k++)
            if (strcmp(notes[k].kind, "work") == 0 && strcmp(notes[k].name, name) == 0 &&
                notes[k].value > 0)
                units += notes[k].value;
        fr_notes_free(notes, n);
        int64_t day = r->start_unix_ns / DAY_NS * DAY_NS;
        if (!(units > 0) || !isfinite(r->energy.value_j))
            continue;
        if (row == NULL || row->start_unix_ns != day) {
            row = add_row(out, name, day, day + DAY_NS);
            row->counted = true;
        }
        row->units += units;
        add_run(row, r, 1);
    }
    for (size_t i = 0; i < out->n; i++)
        finish(&out->at[i]);
    return 0;
}

int fr_series_of(fr_ledger *l, const char *name, fr_series *out, fr_err *err)
{
    FR_AUTO(fr_run_list) runs = { 0 };
    fr_unit *units = NULL;
    size_t n = 0;
    fr_series_fini(out);
    FR_TRY(fr_ledger_list(l, &(fr_ledger_query){ 0 }, &runs, err));
    FR_TRY(fr_ledger_units(l, name, &units, &n, err));
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = of_unit(l, &units[i], &runs, out, err);
    if (rc == 0 && n == 0 && name != NULL)
        rc = of_notes(l, name, &runs, out, err);
    fr_units_free(units, n);
    if (rc != 0)
        fr_series_fini(out);
    return rc;
}
