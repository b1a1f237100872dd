#include "report/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SEED         20261122
#define SHORT_WORK_S 0.05 /* starting a program alone varies by milliseconds */
#define SINGLE_NOISE_RATIO                                                                         \
    0.05 /* between single runs of one program on a machine that others use */

void fr_sample_fini(fr_sample *s)
{
    free(s->energy_j);
    free(s->work_s);
    free(s->carbon_g);
    free(s->duration_s);
    free(s->low_j);
    free(s->high_j);
    *s = (fr_sample){ 0 };
}

/* ---- who is in it ---- */

static int units_of(fr_ledger *l, const fr_run_record *r, const char *unit, double *out,
                    fr_err *err)
{
    fr_note *notes = NULL;
    size_t n = 0;
    *out = unit == NULL ? 1 : 0;
    if (unit == NULL)
        return 0;
    FR_TRY(fr_ledger_notes(l, r->id, &notes, &n, err));
    for (size_t i = 0; i < n; i++)
        if (strcmp(notes[i].kind, "work") == 0 && strcmp(notes[i].name, unit) == 0 &&
            notes[i].value > 0)
            *out += notes[i].value;
    fr_notes_free(notes, n);
    return 0;
}

static void room_for(fr_sample *s)
{
    if (s->n < s->cap)
        return;
    s->cap = s->cap != 0 ? 2 * s->cap : 16;
    double **columns[] = { &s->energy_j,   &s->work_s, &s->carbon_g,
                           &s->duration_s, &s->low_j,  &s->high_j };
    for (size_t i = 0; i < FR_COUNT_OF(columns); i++)
        *columns[i] = fr_array_resize(*columns[i], s->cap, sizeof(double));
}

static double or_zero(double v)
{
    return isfinite(v) ? v : 0;
}

int fr_sample_add(fr_sample *s, fr_ledger *l, const fr_run_record *r, const char *unit, fr_err *err)
{
    double units;
    bool ended = strcmp(r->status, "running") != 0 && strcmp(r->status, "interrupted") != 0 &&
                 strcmp(r->status, "failed") != 0;
    FR_TRY(units_of(l, r, unit, &units, err));
    if (!ended || !isfinite(r->energy.value_j) || !(units > 0)) {
        s->n_left_out++;
        return 0;
    }
    room_for(s);
    const char *host = r->host != NULL ? r->host : "";
    if (s->n == 0) {
        s->method = r->energy.method;
        s->one_host = true;
        snprintf(s->host, sizeof s->host, "%s", host);
        snprintf(s->source, sizeof s->source, "%s",
                 r->energy.source != NULL ? r->energy.source : "");
    }
    s->one_host = s->one_host && strncmp(s->host, host, sizeof s->host - 1) == 0;
    s->method = s->method == r->energy.method ? s->method : FR_METHOD_MIXED;
    s->energy_j[s->n] = r->energy.value_j / units;
    s->low_j[s->n] = r->energy.low_j / units;
    s->high_j[s->n] = r->energy.high_j / units;
    s->work_s[s->n] = (or_zero(r->cpu_s) + or_zero(r->gpu_s)) / units;
    s->carbon_g[s->n] = r->carbon_g / units;
    s->duration_s[s->n] = r->duration_s / units;
    s->n++;
    return 0;
}

static int add_named(fr_ledger *l, const char *name, const char *unit, fr_sample *out, fr_err *err)
{
    FR_AUTO(fr_run_list) runs = { 0 };
    FR_TRY(fr_ledger_list(l, &(fr_ledger_query){ .name = name }, &runs, err));
    if (runs.n == 0)
        FR_TRY(fr_ledger_find(l, name, &runs, err));
    for (size_t i = runs.n; i-- > 0;)
        FR_TRY(fr_sample_add(out, l, &runs.at[i], unit, err));
    return 0;
}

int fr_sample_of(fr_ledger *l, const char *what, const char *unit, fr_sample *out, fr_err *err)
{
    fr_sample_fini(out);
    snprintf(out->label, sizeof out->label, "%s", what);
    fr_str rest = fr_str_of(what), piece;
    while (fr_str_next(&rest, ',', &piece)) {
        char *name = fr_str_dup(fr_str_trim(piece));
        int rc = add_named(l, name, unit, out, err);
        free(name);
        if (rc != 0) {
            fr_sample_fini(out);
            return rc;
        }
    }
    if (out->n > 0)
        return 0;
    size_t left_out = out->n_left_out;
    fr_sample_fini(out);
    return fr_fail(err, FR_E_NOT_FOUND,
                   unit != NULL
                       ? "Record it with `frugal meter --unit NAME=N`, or leave --unit out."
                       : "`frugal ledger list --all` shows what there is.",
                   "none of the %zu runs of '%.80s' ended well with a figure%s%s", left_out, what,
                   unit != NULL ? " per " : "", unit != NULL ? unit : "");
}

/* ---- the difference ---- */

static double sum_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

/* The ranges of the means touch: figures got in different ways, or in one way once. */
static bool ranges_touch(const fr_sample *a, const fr_sample *b)
{
    return sum_of(a->low_j, a->n) / (double)a->n <= sum_of(b->high_j, b->n) / (double)b->n &&
           sum_of(b->low_j, b->n) / (double)b->n <= sum_of(a->high_j, a->n) / (double)a->n;
}

static bool same_meter(const fr_sample *a, const fr_sample *b)
{
    return a->one_host && b->one_host && strcmp(a->host, b->host) == 0 &&
           strcmp(a->source, b->source) == 0;
}

static const char *why_tie(const fr_sample *a, const fr_sample *b, const fr_comparison *c)
{
    if (isnan(c->by.value))
        return "a side has no such figure";
    if (c->grade != FR_GRADE_A && sum_of(a->work_s, a->n) / (double)a->n < SHORT_WORK_S &&
        sum_of(b->work_s, b->n) / (double)b->n < SHORT_WORK_S)
        return "less than 0.05 s of processor time a run is too short to tell";
    if (c->by.n < 2 && fabs(c->by.value) < SINGLE_NOISE_RATIO)
        return "one run a side, and less than 5% between them";
    if (c->by.n < 2 && c->grade == FR_GRADE_A && ranges_touch(a, b))
        return "one run a side, and their ranges touch";
    if (c->by.n >= 2 && fr_interval_is_tie(c->by))
        return "the interval over the repeats holds 0";
    /* The error of one counter is the same on both sides; that of two is not. */
    if (c->grade == FR_GRADE_A && !same_meter(a, b) && ranges_touch(a, b))
        return "measured by different counters whose ranges touch";
    if (c->grade != FR_GRADE_A && !(a->one_host && b->one_host && strcmp(a->host, b->host) == 0))
        return "processor time of different machines tells nothing";
    return NULL;
}

fr_comparison fr_compare(const fr_sample *a, const fr_sample *b)
{
    fr_comparison c = {
        .energy = fr_interval_ratio(a->energy_j, a->n, b->energy_j, b->n, SEED),
        .work = fr_interval_ratio(a->work_s, a->n, b->work_s, b->n, SEED),
        .carbon = fr_interval_ratio(a->carbon_g, a->n, b->carbon_g, b->n, SEED),
        .duration = fr_interval_ratio(a->duration_s, a->n, b->duration_s, b->n, SEED),
    };
    bool measured = a->method == FR_METHOD_MEASURED && b->method == FR_METHOD_MEASURED;
    c.grade = measured ? FR_GRADE_A : FR_GRADE_B;
    c.judged = measured ? "energy" : "processor time";
    c.by = measured ? c.energy : c.work;
    c.why = why_tie(a, b, &c);
    c.tie = c.why != NULL;
    return c;
}
