#include "run/hours.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* Names of the notes: ledger/verify.c reads them, too. */
static const char *line_of(fr_signal_kind kind)
{
    return kind == FR_SIGNAL_MARGINAL ? "marginal_g" : "hourly_g";
}

static fr_signal_use *uses_of(const fr_bucket *b, size_t n, int64_t *from, int64_t *to)
{
    fr_signal_use *uses = FR_NEW_N(fr_signal_use, n);
    *from = INT64_MAX;
    *to = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        uses[i] =
            (fr_signal_use){ b[i].start_unix_ns, b[i].end_unix_ns, (double)b[i].energy_uj * 1e-6 };
        *from = FR_MIN(*from, b[i].start_unix_ns);
        *to = FR_MAX(*to, b[i].end_unix_ns);
    }
    return uses;
}

static void fill(const fr_run_record *r, const fr_signal *s, fr_signal_mean m, fr_hours *out)
{
    double kwh = r->energy.value_j / 3.6e6 * r->pue, covered = m.covered_ratio;
    *out = (fr_hours){ .kind = s->kind,
                       .g_per_kwh = m.g_per_kwh,
                       .covered_ratio = covered,
                       .estimated_ratio = m.estimated_ratio,
                       .n_points = s->n,
                       .stale = s->stale,
                       .operational_g = NAN };
    snprintf(out->provider, sizeof out->provider, "%s", s->name);
    snprintf(out->zone, sizeof out->zone, "%s", s->zone);
    snprintf(out->note, sizeof out->note, "%s", s->note);
    if (covered > 0 && s->kind == FR_SIGNAL_MARGINAL)
        out->operational_g = kwh * covered * m.g_per_kwh;
    else if (covered > 0)
        out->operational_g = kwh * (covered * m.g_per_kwh + (1 - covered) * r->intensity_g_per_kwh);
}

static int note_points(fr_ledger *l, const char *id, const fr_signal *s, fr_err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        const fr_signal_point *p = &s->at[i];
        char when[FR_TIME_TEXT], text[64];
        fr_time_text(p->start_unix_ns, when);
        char *name = fr_dup_f("%s %s %lld", fr_signal_kind_name(s->kind), when,
                              (long long)((p->end_unix_ns - p->start_unix_ns) / 1000000000));
        snprintf(text, sizeof text, "%s%s", s->name, p->estimated ? ", estimated" : "");
        int rc =
            isnan(p->g_per_kwh) ? 0 : fr_ledger_note(l, id, "hour", name, p->g_per_kwh, text, err);
        free(name);
        FR_TRY(rc);
    }
    return 0;
}

static int record(fr_ledger *l, const char *id, const fr_signal *s, const fr_hours *h, fr_err *err)
{
    char head[16];
    snprintf(head, sizeof head, "%s ", fr_signal_kind_name(s->kind));
    FR_TRY(fr_ledger_forget(l, id, "hour", head, err));
    FR_TRY(fr_ledger_forget(l, id, "account", line_of(s->kind), err));
    FR_TRY(note_points(l, id, s, err));
    char *text = fr_dup_f("%s %s, %s, %.6g g/kWh over %.4g%% of the energy, %.3g%% estimated%s%s%s",
                          h->provider, h->zone, fr_signal_kind_name(h->kind), h->g_per_kwh,
                          100 * h->covered_ratio, 100 * h->estimated_ratio,
                          h->stale ? ", stale" : "", h->note[0] != '\0' ? "; " : "", h->note);
    int rc = fr_ledger_note(l, id, "account", line_of(s->kind), h->operational_g, text, err);
    free(text);
    return rc;
}

int fr_run_hours(fr_ledger *l, const char *run_id, const fr_signal_spec *spec, fr_hours *out,
                 fr_err *err)
{
    FR_AUTO(fr_run_list) one = { 0 };
    FR_AUTO(fr_signal) signal = { 0 };
    fr_bucket *buckets = NULL;
    size_t n = 0;
    int64_t from, to;
    FR_TRY(fr_ledger_find(l, run_id, &one, err));
    const fr_run_record *r = &one.at[0];
    if (isnan(r->energy.value_j))
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "the run %s has no energy recorded", r->id);
    FR_TRY(fr_ledger_tree_buckets(l, r->id, &buckets, &n, err));
    fr_signal_use *uses = uses_of(buckets, n, &from, &to);
    fr_buckets_free(buckets, n);
    int rc = n > 0 ? fr_signal_get(spec, from, to, &signal, err)
                   : fr_fail(err, FR_E_NOT_FOUND, "It was shorter than a sample.",
                             "the run %s has no energy by time", r->id);
    if (rc == 0) {
        fill(r, &signal, fr_signal_apply(&signal, uses, n), out);
        rc = record(l, r->id, &signal, out, err);
    }
    free(uses);
    return rc;
}

bool fr_hours_of_notes(const fr_note *notes, size_t n, fr_signal_kind kind, fr_hours *out)
{
    bool found = false;
    size_t n_points = 0;
    char head[16];
    snprintf(head, sizeof head, "%s ", fr_signal_kind_name(kind));
    for (size_t i = 0; i < n; i++) {
        const fr_note *note = &notes[i];
        if (strcmp(note->kind, "hour") == 0 && strncmp(note->name, head, strlen(head)) == 0)
            n_points++;
        if (strcmp(note->kind, "account") != 0 || strcmp(note->name, line_of(kind)) != 0 ||
            note->text == NULL)
            continue;
        *out = (fr_hours){ .kind = kind, .operational_g = note->value, .g_per_kwh = NAN };
        double covered = 0, estimated = 0;
        char g[32] = "";
        sscanf(note->text, "%31s %63[^,], %*[^,], %31s g/kWh over %lf%% of the energy, %lf%%",
               out->provider, out->zone, g, &covered, &estimated);
        fr_str_to_f64(fr_str_of(g), &out->g_per_kwh);
        out->covered_ratio = covered / 100;
        out->estimated_ratio = estimated / 100;
        out->stale = strstr(note->text, ", stale") != NULL;
        const char *why = strstr(note->text, "; ");
        snprintf(out->note, sizeof out->note, "%s", why != NULL ? why + 2 : "");
        found = true;
    }
    out->n_points = found ? n_points : 0;
    return found;
}
