/* The ledger's page: the account, what was used of what was there, business numbers, changes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/effect.h"
#include "report/report_priv.h"
#include "report/series.h"

#define ROWS_MOST 31

/* Sums over the runs that count, of those that have the line. */
typedef struct {
    size_t n, n_account;
    double location_g, embodied_g, market_g, water_l, scope2_g, scope3_g;
    double cpu_weight_s, cpu_s, gpu_weight_s, gpu_s, memory_bytes, ram_bytes;
    double hourly_g, hourly_yearly_g, marginal_g;
} account;

static double value_of(const fr_note *notes, size_t n, const char *kind, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(notes[i].kind, kind) == 0 && strcmp(notes[i].name, name) == 0)
            return notes[i].value;
    return NAN;
}

static double known(double v)
{
    return isfinite(v) ? v : 0;
}

static void add_run(account *a, const fr_run_record *r, const fr_note *notes, size_t n)
{
    double market_g = value_of(notes, n, "account", "market_g");
    double hourly_g = value_of(notes, n, "account", "hourly_g");
    double cpu = value_of(notes, n, "used", "cpu_ratio");
    double gpu = value_of(notes, n, "used", "gpu_ratio");
    bool cloud = value_of(notes, n, "factor", "cloud") > 0;
    a->n++;
    if (isfinite(cpu) && isfinite(r->duration_s)) {
        a->cpu_s += cpu * r->duration_s;
        a->cpu_weight_s += r->duration_s;
    }
    if (isfinite(gpu) && isfinite(r->duration_s)) {
        a->gpu_s += gpu * r->duration_s;
        a->gpu_weight_s += r->duration_s;
    }
    a->memory_bytes = fmax(a->memory_bytes, known(value_of(notes, n, "used", "memory_peak_bytes")));
    a->ram_bytes = fmax(a->ram_bytes, known(value_of(notes, n, "host", "ram_bytes")));
    if (isfinite(hourly_g)) {
        a->hourly_g += hourly_g;
        a->hourly_yearly_g += known(r->operational_g);
    }
    a->marginal_g += known(value_of(notes, n, "account", "marginal_g"));
    if (!isfinite(market_g) || !isfinite(r->operational_g))
        return;
    a->n_account++;
    a->location_g += r->operational_g;
    a->embodied_g += known(r->embodied_g);
    a->market_g += market_g;
    a->water_l += known(value_of(notes, n, "account", "water_grid_l")) +
                  known(value_of(notes, n, "account", "water_site_l"));
    a->scope2_g += cloud ? 0 : r->operational_g;
    a->scope3_g += known(r->embodied_g) + (cloud ? r->operational_g : 0);
}

static int gather(fr_ledger *l, account *a, fr_err *err)
{
    FR_AUTO(fr_run_list) runs = { 0 };
    FR_TRY(fr_ledger_list(l, &(fr_ledger_query){ 0 }, &runs, err));
    for (size_t i = 0; i < runs.n; i++) {
        fr_note *notes = NULL;
        size_t n = 0;
        if (runs.at[i].phase || !runs.at[i].leaf)
            continue;
        FR_TRY(fr_ledger_notes(l, runs.at[i].id, &notes, &n, err));
        add_run(a, &runs.at[i], notes, n);
        fr_notes_free(notes, n);
    }
    return 0;
}

/* ---- account and use ---- */

static void put_fact(fr_buf *out, const char *name, const char *value, const char *small)
{
    fr_buf_put_f(out, "<div><dt>%s</dt><dd>%s<small>%s</small></dd></div>\n", name, value, small);
}

static void word_l(double litres, char out[FR_WORD])
{
    if (litres >= 1)
        snprintf(out, FR_WORD, "%.3g l", litres);
    else if (litres >= 1e-3)
        snprintf(out, FR_WORD, "%.3g ml", litres * 1e3);
    else
        snprintf(out, FR_WORD, "%.3g \xc2\xb5l", litres * 1e6);
}

static void put_account(const account *a, fr_buf *out)
{
    char location[FR_WORD], market[FR_WORD], embodied[FR_WORD], water[FR_WORD], two[FR_WORD];
    char three[FR_WORD], of[96];
    if (a->n_account == 0)
        return;
    fr_word_g(a->location_g, location);
    fr_word_g(a->market_g, market);
    fr_word_g(a->embodied_g, embodied);
    fr_word_g(a->scope2_g, two);
    fr_word_g(a->scope3_g, three);
    word_l(a->water_l, water);
    snprintf(of, sizeof of, "of %zu of the %zu runs", a->n_account, a->n);
    fr_buf_put_f(
        out,
        "<div class=\"block\"><h3>The account</h3><p class=\"why\">The same energy by each "
        "factor, %s. Location-based is what everything else here is made of; the other "
        "lines stand beside it and change nothing.</p><dl class=\"facts three\">\n",
        of);
    put_fact(out, "Electricity, location-based", location, "the grid's yearly average, with PUE");
    put_fact(out, "Electricity, market-based", market,
             "contract or provider's claim, else the grid");
    put_fact(out, "Making the machines", embodied, "by reserved time and share");
    put_fact(out, "Water", water, "of the grid, and of the site where it is known");
    put_fact(out, "Scope 2", two, "electricity of own machines, location-based");
    put_fact(out, "Scope 3", three, "making, and all of a cloud's");
    fr_buf_put_s(out, "</dl>\n");
    if (a->hourly_g > 0) {
        char hourly[FR_WORD], yearly[FR_WORD];
        fr_word_g(a->hourly_g, hourly);
        fr_word_g(a->hourly_yearly_g, yearly);
        fr_buf_put_f(out,
                     "<p class=\"why\">By the grid of the hours of use, where it was asked for: %s "
                     "instead of %s.</p>\n",
                     hourly, yearly);
    }
    if (a->marginal_g > 0) {
        char marginal[FR_WORD];
        fr_word_g(a->marginal_g, marginal);
        fr_buf_put_f(out,
                     "<p class=\"why\">Marginal, on a scale of its own and never added to the "
                     "others: %s.</p>\n",
                     marginal);
    }
    fr_buf_put_s(out, "</div>\n");
}

static void put_use(const account *a, fr_buf *out)
{
    char value[FR_WORD], small[96];
    if (!(a->cpu_weight_s > 0) && !(a->gpu_weight_s > 0) && !(a->memory_bytes > 0))
        return;
    fr_buf_put_s(out, "<div class=\"block\"><h3>Used of what was provisioned</h3><p class=\"why\">"
                      "While runs were open, whoever worked.</p><dl class=\"facts fit\">\n");
    if (a->cpu_weight_s > 0) {
        snprintf(value, sizeof value, "%.0f %%", 100 * a->cpu_s / a->cpu_weight_s);
        put_fact(out, "Processor", value, "of its threads, weighted by time");
    }
    if (a->gpu_weight_s > 0) {
        snprintf(value, sizeof value, "%.0f %%", 100 * a->gpu_s / a->gpu_weight_s);
        put_fact(out, "Accelerator", value, "busy, weighted by time");
    }
    if (a->memory_bytes > 0 && a->ram_bytes > 0) {
        snprintf(value, sizeof value, "%.2g %%", 100 * a->memory_bytes / a->ram_bytes);
        snprintf(small, sizeof small, "%.3g GB at most in one process, of %.3g GB",
                 a->memory_bytes / 1e9, a->ram_bytes / 1e9);
        put_fact(out, "Memory", value, small);
    }
    fr_buf_put_s(out, "</dl></div>\n");
}

/* ---- business numbers ---- */

static void put_cell(fr_buf *out, const char *label, const char *value)
{
    fr_buf_put_f(out, "<td data-label=\"%s\"><span>%s</span></td>", label, value);
}

static int put_series(fr_ledger *l, fr_buf *out, fr_err *err)
{
    FR_AUTO(fr_series) s = { 0 };
    FR_TRY(fr_series_of(l, NULL, &s, err));
    if (s.n == 0)
        return 0;
    fr_buf_put_s(out,
                 "<div class=\"block\"><h3>Per unit of work</h3><p class=\"why\">With the totals "
                 "beside: less per unit and more in all are both true at times.</p><table "
                 "class=\"cards\"><thead><tr><th>Unit</th><th>When</th><th>Units</th><th>Energy"
                 "</th><th>CO\xe2\x82\x82"
                 "e in all</th><th>Per unit</th></tr></thead><tbody>\n");
    for (size_t i = s.n > ROWS_MOST ? s.n - ROWS_MOST : 0; i < s.n; i++) {
        const fr_series_row *r = &s.at[i];
        char from[FR_TIME_TEXT], units[FR_WORD], joules[FR_WORD], grams[FR_WORD], each[FR_WORD];
        fr_time_text(r->start_unix_ns, from);
        fr_word_count(r->units, units);
        fr_word_j(r->n_runs > 0 ? r->energy_j : NAN, joules);
        fr_word_g(r->n_runs > 0 ? r->carbon_g : NAN, grams);
        fr_word_g(r->g_per_unit, each);
        fr_buf_put_s(out, "<tr><td data-label=\"Unit\"><span>");
        fr_put_escaped(out, r->name);
        fr_buf_put_s(out, "</span></td>");
        fr_buf_put_f(out, "<td data-label=\"When\"><span>%.10s</span></td>", from);
        put_cell(out, "Units", units);
        put_cell(out, "Energy", joules);
        put_cell(out,
                 "CO\xe2\x82\x82"
                 "e in all",
                 grams);
        put_cell(out, "Per unit", each);
        fr_buf_put_s(out, "</tr>\n");
    }
    fr_buf_put_s(out, "</tbody></table></div>\n");
    return 0;
}

/* ---- changes ---- */

static void put_effect(const fr_effect *e, fr_buf *out)
{
    char at[FR_TIME_TEXT], runs[FR_WORD], change[FR_WORD], range[FR_WORD] = "one run a side";
    fr_time_text(e->at_unix_ns, at);
    snprintf(runs, sizeof runs, "%zu and %zu", e->n_before, e->n_after);
    snprintf(change, sizeof change, "%+.1f %%", 100 * e->c.by.value);
    if (isfinite(e->c.by.low))
        snprintf(range, sizeof range, "%+.1f to %+.1f %%", 100 * e->c.by.low, 100 * e->c.by.high);
    fr_buf_put_s(out, "<tr><td data-label=\"Change\"><span>");
    fr_put_escaped(out, e->text);
    fr_buf_put_f(out, "<small>%.10s</small></span></td><td data-label=\"Runs\"><span>", at);
    fr_put_escaped(out, e->name);
    fr_buf_put_f(out, "<small>%s</small></span></td>", runs);
    fr_buf_put_f(out,
                 "<td data-label=\"After against before\"><span>%s<small>%s</small></span></td>",
                 isnan(e->c.by.value) ? "\xe2\x80\x93" : change, range);
    fr_buf_put_f(out,
                 "<td data-label=\"Judged\"><span>%s, grade %s<small>%s</small></span></td></tr>\n",
                 e->c.judged, fr_grade_name(e->c.grade),
                 e->c.tie            ? e->c.why
                 : e->c.by.value < 0 ? "less"
                                     : "more");
}

static int put_changes(fr_ledger *l, fr_buf *out, fr_err *err)
{
    FR_AUTO(fr_effects) effects = { 0 };
    FR_TRY(fr_effects_of(l, &effects, err));
    if (effects.n == 0)
        return 0;
    fr_buf_put_s(out,
                 "<div class=\"block\"><h3>Before and after</h3><p class=\"why\">Runs of one name "
                 "on both sides of a dated change, up to the next one, with a 95% interval over "
                 "the runs. That it came after does not show that it came of it.</p><table "
                 "class=\"cards\"><thead><tr><th>Change</th><th>Runs before and after</th>"
                 "<th>After against before</th><th>Judged</th></tr></thead><tbody>\n");
    for (size_t i = effects.n > ROWS_MOST ? effects.n - ROWS_MOST : 0; i < effects.n; i++)
        put_effect(&effects.at[i], out);
    fr_buf_put_s(out, "</tbody></table></div>\n");
    return 0;
}

int fr_put_account(fr_ledger *l, fr_buf *out, fr_err *err)
{
    account a = { 0 };
    FR_TRY(gather(l, &a, err));
    put_account(&a, out);
    FR_TRY(put_series(l, out, err));
    FR_TRY(put_changes(l, out, err));
    put_use(&a, out);
    return 0;
}
