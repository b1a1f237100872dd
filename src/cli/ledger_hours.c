/* frugal ledger signal: a recorded run by the grid of the hours in which it was used. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/ledger_words.h"
#include "run/hours.h"

static json_t *hours_json(const fr_hours *h)
{
    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:b,s:s}", "provider", h->provider, "zone",
                     h->zone, "kind", fr_signal_kind_name(h->kind), "operational_g",
                     fr_json_f64(h->operational_g), "intensity_g_per_kwh",
                     fr_json_f64(h->g_per_kwh), "covered_ratio", fr_json_f64(h->covered_ratio),
                     "estimated_ratio", fr_json_f64(h->estimated_ratio), "stale", h->stale, "note",
                     h->note);
}

json_t *fr_hours_json(const fr_note *notes, size_t n, fr_signal_kind kind)
{
    fr_hours h;
    return fr_hours_of_notes(notes, n, kind, &h) ? hours_json(&h) : json_null();
}

static void put_hours(const fr_hours *h, fr_buf *out)
{
    char grams[32];
    fr_text_g(h->operational_g, grams);
    bool average = h->kind == FR_SIGNAL_AVERAGE;
    fr_buf_put_f(out, "  %-8s  %10s   ", average ? "hourly" : "marginal",
                 isnan(h->operational_g) ? "-" : grams);
    if (!(h->covered_ratio > 0))
        fr_buf_put_f(out, "%s %s tells nothing of those hours%s", h->provider, h->zone,
                     average ? ": the yearly figure above stands" : "");
    else
        fr_buf_put_f(out, "%.4g g/kWh by %s %s over %.3g%% of the energy%s", h->g_per_kwh,
                     h->provider, h->zone, 100 * h->covered_ratio,
                     h->covered_ratio >= 0.9995 ? ""
                     : average                  ? ", the rest by the yearly figure"
                                                : ", the rest not at all");
    if (h->estimated_ratio > 0)
        fr_buf_put_f(out, "; %.3g%% estimated", 100 * h->estimated_ratio);
    if (h->stale)
        fr_buf_put_s(out, "; stale");
    if (h->note[0] != '\0')
        fr_buf_put_f(out, " (%s)", h->note);
    fr_buf_put_s(out, average ? "\n" : "; never added to averages\n");
}

void fr_hours_text(const fr_note *notes, size_t n, fr_buf *out)
{
    static const fr_signal_kind KINDS[] = { FR_SIGNAL_AVERAGE, FR_SIGNAL_MARGINAL };
    for (size_t i = 0; i < FR_COUNT_OF(KINDS); i++) {
        fr_hours h;
        if (fr_hours_of_notes(notes, n, KINDS[i], &h))
            put_hours(&h, out);
    }
}

int fr_ledger_word_signal(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    const char *id = NULL, *name = NULL;
    fr_signal_spec spec;
    fr_hours hours;
    FR_AUTO(fr_run_list) one = { 0 };
    FR_TRY(fr_arg_need(cli, 1, "the run's ID (or last)", &id, err));
    FR_TRY(fr_arg_need(cli, 2, "the signal, as uk or electricity-maps:FR", &name, err));
    FR_TRY(fr_signal_spec_parse(name, &spec, err));
    if (l == NULL)
        return fr_ledger_none(err);
    FR_TRY(fr_ledger_find(l, id, &one, err));
    FR_TRY(fr_run_hours(l, one.at[0].id, &spec, &hours, err));
    if (fr_cli_json(cli))
        return fr_cli_put_json(
            cli, json_pack("{s:s,s:o}", "run", one.at[0].id, "hours", hours_json(&hours)));
    FR_AUTO(fr_buf) text = { 0 };
    put_hours(&hours, &text);
    fputs(fr_buf_text(&text), stdout);
    return 0;
}
