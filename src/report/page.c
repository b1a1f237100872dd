/* The page: for each verdict what was found, how sure, and on what grounds. One file, no request
 * to anywhere, no script. Every text that somebody else wrote goes through fr_put_escaped(). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "report/report_priv.h"

static void put_count(fr_buf *out, double n)
{
    char text[FR_WORD];
    fr_word_count(n, text);
    fr_buf_put_s(out, text);
}

static const char *about(const char *method)
{
    return strcmp(method, "measured") == 0 ? "" : "\xe2\x89\x88\xe2\x80\xaf"; /* ≈ */
}

/* ---- the verdict in words ---- */

static const fr_view_rung *nearest_to_target(const fr_view *v)
{
    const fr_view_rung *best = NULL;
    for (size_t i = 0; i < v->n; i++) {
        const fr_view_rung *r = &v->rungs[i];
        if (!fr_view_has_score(r))
            continue;
        if (best == NULL ||
            (v->lower_is_better ? r->quality < best->quality : r->quality > best->quality))
            best = r;
    }
    return best;
}

static void put_score(fr_buf *out, const fr_view_rung *r)
{
    char value[FR_WORD], low[FR_WORD], high[FR_WORD];
    fr_word_score(r->quality, value);
    fr_word_score(r->ci_low, low);
    fr_word_score(r->ci_high, high);
    fr_buf_put_f(out, "%s", value);
    if (isfinite(r->ci_low) && isfinite(r->ci_high))
        fr_buf_put_f(out, " (95%% interval %s to %s", low, high);
    if (isfinite(r->ci_low) && isfinite(r->ci_high)) {
        if (isfinite(r->n))
            fr_buf_put_f(out, ", %.0f rows", r->n);
        fr_buf_put_s(out, ")");
    }
}

static void put_headline(fr_buf *out, const fr_view *v)
{
    const fr_view_rung *near = nearest_to_target(v);
    fr_buf_put_s(out, "<h2 class=\"say\">");
    if (v->winner != NULL) {
        fr_buf_put_s(out, "<em>");
        fr_put_escaped(out, v->winner->name);
        fr_buf_put_s(out, "</em> is enough.");
    } else if (!isfinite(v->target)) {
        fr_buf_put_s(out, "The ladder, for comparison: no target was stated.");
    } else if (near == NULL) {
        fr_buf_put_s(out, "No rung has been scored.");
    } else {
        fr_buf_put_s(out, "No rung met the target.");
    }
    fr_buf_put_s(out, "</h2>\n<p class=\"lead-in\">");
    const fr_view_rung *r = v->winner != NULL ? v->winner : near;
    if (r != NULL) {
        fr_buf_put_s(out, v->winner != NULL ? "It reaches " : "The nearest is ");
        if (v->winner == NULL) {
            fr_put_escaped(out, r->name);
            fr_buf_put_s(out, " with ");
        }
        fr_put_escaped(out, v->metric);
        fr_buf_put_s(out, " ");
        put_score(out, r);
        if (isfinite(v->target))
            fr_buf_put_f(out, "; the target is %.3g", v->target);
        if (isfinite(v->target) && v->winner == NULL && r->reaches)
            fr_buf_put_f(out, ", and the %s end of the interval must reach it",
                         v->lower_is_better ? "upper" : "lower");
        fr_buf_put_s(out, ".");
    }
    if (v->winner != NULL && isfinite(r->horizon_j)) {
        char energy[FR_WORD], carbon[FR_WORD], cpu[FR_WORD];
        fr_word_wh(r->horizon_j, energy);
        fr_word_g(r->carbon_horizon_g, carbon);
        fr_word_s(r->cpu_s_horizon, cpu);
        fr_buf_put_s(out, " Over ");
        put_count(out, v->requests);
        fr_buf_put_f(out, " requests it takes %s%s", about(r->method), energy);
        if (isfinite(r->carbon_horizon_g))
            fr_buf_put_f(out,
                         " and %s%s of CO\xe2\x82\x82"
                         "e",
                         about(r->method), carbon);
        fr_buf_put_s(out, ", its making included.");
        if (strcmp(r->method, "measured") != 0 && isfinite(r->cpu_s_horizon))
            fr_buf_put_f(out,
                         " These joules are %s, not counted: they stand for %s of processor "
                         "time.",
                         strcmp(r->method, "mixed") == 0 ? "partly modelled" : "modelled", cpu);
    }
    fr_buf_put_s(out, "</p>\n");
}

/* Where the answer changes; without a counter on both sides never worded as less energy. */
static void put_break_even(fr_buf *out, const fr_view *v)
{
    const json_t *crossings = json_object_get(v->json, "break_even");
    if (v->winner == NULL)
        return;
    fr_buf_put_s(out, "<p class=\"lead-in\">");
    if (json_array_size(crossings) > 0) {
        fr_buf_put_s(out, "The answer would change at ");
        for (size_t i = 0; i < json_array_size(crossings) && i < 6; i++) {
            const json_t *one = json_array_get(crossings, i);
            fr_buf_put_s(out, i > 0 ? ", and at <b>" : "<b>");
            put_count(out, fr_json_number_at(one, "requests"));
            fr_buf_put_s(out, "</b> requests (from ");
            fr_put_escaped(out, fr_json_text_at(one, "from"));
            fr_buf_put_s(out, " to ");
            fr_put_escaped(out, fr_json_text_at(one, "to"));
            fr_buf_put_s(out, ")");
        }
        fr_buf_put_s(out, ".");
    } else if (isfinite(v->break_even_requests)) {
        fr_buf_put_s(out, "The answer would change at <b>");
        put_count(out, v->break_even_requests);
        fr_buf_put_s(out, "</b> requests.");
    } else {
        fr_buf_put_s(out, "Among the rungs that met the target the answer is the same at every "
                          "number of requests.");
    }
    const json_t *ties = json_object_get(v->json, "ties");
    if (json_array_size(ties) > 0) {
        fr_buf_put_s(out, " It is a tie with ");
        for (size_t i = 0; i < json_array_size(ties); i++) {
            const char *name = json_string_value(json_array_get(ties, i));
            fr_buf_put_s(out, i > 0 ? ", " : "");
            fr_put_escaped(out, name != NULL ? name : "");
        }
        fr_buf_put_s(out, ": the ranges of their energy overlap.");
    }
    fr_buf_put_s(out, "</p>\n");
}

static void put_fact(fr_buf *out, const char *what, const char *value, const char *below)
{
    fr_buf_put_f(out, "<div><dt>%s</dt><dd>%s<small>", what, value);
    fr_put_escaped(out, below);
    fr_buf_put_s(out, "</small></dd></div>\n");
}

static void range_text(double low, double high, void (*word)(double, char[FR_WORD]),
                       const char *method, char *out, size_t size)
{
    char a[FR_WORD], b[FR_WORD];
    word(low, a);
    word(high, b);
    if (isfinite(low) && isfinite(high))
        snprintf(out, size, "%s to %s, %s", a, b, method);
    else
        snprintf(out, size, "%s", method);
}

static void put_facts(fr_buf *out, const fr_view *v)
{
    const fr_view_rung *r = v->winner != NULL ? v->winner : nearest_to_target(v);
    if (r == NULL)
        return;
    char value[FR_WORD], marked[FR_WORD + 8], below[200], count[FR_WORD];
    fr_buf_put_s(out, "<dl class=\"facts\">\n");
    fr_word_score(r->quality, value);
    range_text(r->ci_low, r->ci_high, fr_word_score, "95% interval", below, sizeof(below));
    FR_AUTO(fr_buf) name = { 0 };
    fr_put_escaped(&name, v->metric);
    put_fact(out, fr_buf_text(&name), value, below);
    fr_word_j(r->request_j, value);
    snprintf(marked, sizeof(marked), "%s%s", isfinite(r->request_j) ? about(r->method) : "", value);
    range_text(r->request_low_j, r->request_high_j, fr_word_j, r->method, below, sizeof(below));
    put_fact(out, "Energy per request", marked, below);
    fr_word_wh(r->horizon_j, value);
    snprintf(marked, sizeof(marked), "%s%s", isfinite(r->horizon_j) ? about(r->method) : "", value);
    range_text(r->horizon_low_j, r->horizon_high_j, fr_word_wh, r->method, below, sizeof(below));
    fr_word_count(v->requests, count);
    put_fact(out, "Energy over the horizon", marked, below);
    fr_word_g(r->carbon_horizon_g, value);
    snprintf(marked, sizeof(marked), "%s%s", isfinite(r->carbon_horizon_g) ? about(r->method) : "",
             value);
    const char *zone = fr_json_text_at(v->json, "grid.zone");
    snprintf(below, sizeof(below), "%.40s grid, embodied share included",
             zone[0] != '\0' ? zone : "unknown");
    put_fact(out,
             "CO\xe2\x82\x82"
             "e over the horizon",
             marked, below);
    fr_buf_put_s(out, "</dl>\n");
}

/* ---- charts ---- */

static void put_ladder(fr_buf *out, const fr_view *v)
{
    if (!fr_view_has_points(v, false) && !fr_view_has_points(v, true))
        return;
    fr_buf_put_s(out, "<div class=\"two\">\n");
    for (int horizon = 0; horizon <= 1; horizon++) {
        if (!fr_view_has_points(v, horizon == 1))
            continue;
        fr_buf_put_f(out, "<figure><h3>%s</h3><figcaption>%s</figcaption>\n",
                     horizon ? "Quality against energy over the horizon"
                             : "Quality against energy per request",
                     horizon ? "The making of the rung, all its requests and the idle of the "
                               "hosting."
                             : "Filled: the target is met. Bars: 95% interval of quality, range "
                               "of energy.");
        fr_chart_ladder(v, horizon == 1, (fr_chart_size){ 476, 380, false }, out);
        fr_chart_ladder(v, horizon == 1, (fr_chart_size){ 328, 330, true }, out);
        fr_buf_put_s(out, "</figure>\n");
    }
    fr_buf_put_s(out, "</div>\n");
}

static bool has_lines(const fr_view *v)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += v->rungs[i].request_j > 0;
    return n > 0;
}

static void put_charts(fr_buf *out, const fr_view *v)
{
    put_ladder(out, v);
    if (has_lines(v)) {
        fr_buf_put_s(out,
                     "<figure><h3>Where the answer would change</h3><figcaption>Energy of making a "
                     "rung once and of n requests, with the idle of the stated hosting. Dashed "
                     "rungs did not meet the target; circles mark where another rung takes over."
                     "</figcaption>\n");
        fr_chart_break_even(v, (fr_chart_size){ 984, 400, false }, out);
        fr_chart_break_even(v, (fr_chart_size){ 328, 380, true }, out);
        fr_buf_put_s(out, "</figure>\n");
    }
}

static void put_predicted(fr_buf *out, const fr_view *v)
{
    if (!fr_view_has_predictions(v))
        return;
    fr_buf_put_s(out,
                 "<figure><h3>Predicted beside measured</h3><figcaption>Shaded: what was expected "
                 "over the horizon before the rung ran, with its range. Point: what its run then "
                 "gave.</figcaption>\n");
    fr_chart_predicted(v, (fr_chart_size){ 984, 0, false }, out);
    fr_chart_predicted(v, (fr_chart_size){ 328, 0, true }, out);
    fr_buf_put_s(out, "</figure>\n");
}

/* ---- the table ---- */

static void put_cell(fr_buf *out, const char *label, const char *value, const char *below)
{
    fr_buf_put_f(out, "<td data-label=\"%s\"><span>", label);
    fr_put_escaped(out, value);
    if (below[0] != '\0') {
        fr_buf_put_s(out, "<small>");
        fr_put_escaped(out, below);
        fr_buf_put_s(out, "</small>");
    }
    fr_buf_put_s(out, "</span></td>");
}

static const char *standing_said(const fr_view_rung *r)
{
    const char *standing = fr_view_standing(r);
    if (strcmp(standing, "budget") == 0)
        return "stopped at its budget";
    return strcmp(standing, "unfit") == 0 ? "does not fit" : standing;
}

static void put_rung(fr_buf *out, const fr_view_rung *r)
{
    char value[FR_WORD], low[FR_WORD], high[FR_WORD], below[200];
    fr_buf_put_s(out, r->chosen ? "<tr class=\"chosen\">" : "<tr>");
    const char *slash = strrchr(r->model, '/');
    bool is_url = strstr(r->model, "://") != NULL;
    put_cell(out, "Rung", r->name, slash != NULL && !is_url ? slash + 1 : r->model);
    fr_buf_put_f(out, "<td data-label=\"Standing\"><span%s>",
                 r->met == FR_MET_YES ? " class=\"met\"" : "");
    fr_put_escaped(out, r->chosen ? "chosen" : standing_said(r));
    if (r->reason[0] != '\0' || r->reused) {
        fr_buf_put_s(out, "<small>");
        fr_put_escaped(out, r->reason[0] != '\0' ? r->reason : "from an earlier climb");
        fr_buf_put_s(out, "</small>");
    }
    fr_buf_put_s(out, "</span></td>");
    fr_word_score(r->quality, value);
    fr_word_score(r->ci_low, low);
    fr_word_score(r->ci_high, high);
    snprintf(below, sizeof(below), "%s to %s", low, high);
    put_cell(out, "Quality, 95%", value, isfinite(r->ci_low) ? below : "");
    fr_word_j(r->build_j, value);
    put_cell(out, "Build", value, "");
    fr_word_j(r->request_j, value);
    fr_word_j(r->request_low_j, low);
    fr_word_j(r->request_high_j, high);
    snprintf(below, sizeof(below), "%s to %s", low, high);
    put_cell(out, "Per request", value, isfinite(r->request_low_j) ? below : "");
    fr_word_wh(r->horizon_j, value);
    fr_word_wh(r->horizon_low_j, low);
    fr_word_wh(r->horizon_high_j, high);
    snprintf(below, sizeof(below), "%s to %s", low, high);
    put_cell(out, "Horizon", value, isfinite(r->horizon_low_j) ? below : "");
    fr_word_g(r->carbon_horizon_g, value);
    put_cell(out,
             "CO\xe2\x82\x82"
             "e, horizon",
             value, "");
    fr_word_s(r->cpu_s_request, value);
    fr_word_s(r->cpu_s, low);
    snprintf(below, sizeof(below), "%s to build and score", low);
    put_cell(out, "CPU per request", value, isfinite(r->cpu_s) ? below : "");
    snprintf(below, sizeof(below), "grade %.8s", r->grade);
    put_cell(out, "Method", r->method[0] != '\0' ? r->method : "\xe2\x80\x93",
             r->grade[0] != '\0' && r->grade[0] != '-' ? below : "");
    fr_buf_put_s(out, "</tr>\n");
}

static void put_table(fr_buf *out, const fr_view *v)
{
    fr_buf_put_s(out, "<div class=\"block\"><h3>All rungs</h3><p class=\"why\">The target is "
                      "met when the whole 95% interval reaches it.</p>\n"
                      "<table class=\"cards\"><thead><tr><th>Rung</th><th>Standing</th>"
                      "<th>Quality, 95%</th><th>Build</th><th>Per request</th><th>Horizon</th>"
                      "<th>CO\xe2\x82\x82"
                      "e, horizon</th><th>CPU per request</th><th>Method</th></tr>"
                      "</thead><tbody>\n");
    for (size_t i = 0; i < v->n; i++)
        put_rung(out, &v->rungs[i]);
    fr_buf_put_s(out, "</tbody></table></div>\n");
}

/* ---- grounds ---- */

static void put_ground(fr_buf *out, const char *what, const char *text)
{
    if (text[0] == '\0')
        return;
    fr_buf_put_f(out, "<dt>%s</dt><dd>", what);
    fr_put_escaped(out, text);
    fr_buf_put_s(out, "</dd>\n");
}

static void put_place(fr_buf *out, const json_t *verdict)
{
    FR_AUTO(fr_buf) text = { 0 };
    const char *zone = fr_json_text_at(verdict, "grid.zone");
    const char *basis = fr_json_text_at(verdict, "grid.basis");
    const char *source = fr_json_text_at(verdict, "grid.source");
    double intensity = fr_json_number_at(verdict, "grid.intensity_g_per_kwh");
    double year = fr_json_number_at(verdict, "grid.year");
    double pue = fr_json_number_at(verdict, "pue");
    if (zone[0] == '\0' && !isfinite(intensity))
        return;
    fr_buf_put_f(&text, "%s", zone[0] != '\0' ? zone : "stated");
    if (json_is_true(json_object_get(json_object_get(verdict, "grid"), "assumed")))
        fr_buf_put_s(&text, " (assumed: nobody said where)");
    if (isfinite(intensity))
        fr_buf_put_f(&text, ", %.4g gCO2e/kWh", intensity);
    if (basis[0] != '\0')
        fr_buf_put_f(&text, ", %s-based", basis);
    if (isfinite(year))
        fr_buf_put_f(&text, ", %.0f", year);
    if (source[0] != '\0')
        fr_buf_put_f(&text, "; %s", source);
    put_ground(out, "Place", fr_buf_text(&text));
    fr_buf_clear(&text);
    if (isfinite(pue))
        fr_buf_put_f(&text, "%.3g", pue);
    put_ground(out, "PUE", fr_buf_text(&text));
}

static void put_energy_of_climb(fr_buf *out, const json_t *verdict)
{
    static const struct {
        const char *path, *what;
    } PARTS[] = { { "energy_j.earlier", "in earlier, interrupted climbs" },
                  { "energy_j.remainder", "outside any rung" },
                  { "energy_j.overhead", "for probing and bookkeeping" } };
    double total = fr_json_number_at(verdict, "energy_j.total");
    FR_AUTO(fr_buf) text = { 0 };
    char joules[FR_WORD];
    if (!isfinite(total))
        return;
    fr_word_j(total, joules);
    fr_buf_put_f(&text, "%s in all", joules);
    for (size_t i = 0; i < FR_COUNT_OF(PARTS); i++) {
        double part = fr_json_number_at(verdict, PARTS[i].path);
        if (!isfinite(part) || part == 0)
            continue;
        fr_word_j(part, joules);
        fr_buf_put_f(&text, "; %s %s", joules, PARTS[i].what);
    }
    put_ground(out, "This climb took", fr_buf_text(&text));
}

static void put_grounds(fr_buf *out, const fr_view *v)
{
    const json_t *o = v->json;
    FR_AUTO(fr_buf) text = { 0 };
    char count[FR_WORD], per_day[FR_WORD];
    fr_buf_put_s(out, "<div class=\"block\"><h3>On what grounds</h3>\n<dl class=\"basis\">\n");
    fr_word_count(v->requests, count);
    fr_word_count(v->requests_per_day, per_day);
    if (isfinite(v->requests)) {
        fr_buf_put_f(&text, "%s requests", count);
        if (isfinite(v->days) && isfinite(v->requests_per_day))
            fr_buf_put_f(&text, " (%s a day for %.0f days)", per_day, v->days);
        if (v->hosting[0] != '\0')
            fr_buf_put_f(&text, ", hosting: %s", v->hosting);
        const char *wake = fr_json_text_at(o, "horizon.wake");
        if (wake[0] != '\0')
            fr_buf_put_f(&text, "; %s", wake);
    }
    put_ground(out, "Horizon", fr_buf_text(&text));
    put_place(out, o);
    fr_buf_clear(&text);
    const json_t *boundary = json_object_get(o, "boundary");
    for (size_t i = 0; i < json_array_size(boundary); i++) {
        const char *one = json_string_value(json_array_get(boundary, i));
        fr_buf_put_f(&text, "%s%s", i > 0 ? ", " : "", one != NULL ? one : "");
    }
    put_ground(out, "Boundary", fr_buf_text(&text));
    put_energy_of_climb(out, o);
    put_ground(out, "Run in the ledger", v->run);
    put_ground(out, "Files", fr_json_text_at(o, "out"));
    fr_buf_put_s(out, "<dt>Grades</dt><dd>A: counters on both sides of a comparison. B: a side is "
                      "modelled; read the processor time beside it. C: against a baseline that "
                      "somebody named.</dd>\n</dl>\n");
    const json_t *notes = json_object_get(o, "notes");
    if (json_array_size(notes) > 0) {
        fr_buf_put_s(out, "<ul class=\"notes\">\n");
        for (size_t i = 0; i < json_array_size(notes); i++) {
            const char *note = json_string_value(json_array_get(notes, i));
            fr_buf_put_s(out, "<li>");
            fr_put_escaped(out, note != NULL ? note : "");
            fr_buf_put_s(out, "</li>\n");
        }
        fr_buf_put_s(out, "</ul>\n");
    }
    fr_buf_put_s(out, "</div>\n");
}

/* ---- the page ---- */

static int put_verdict(fr_buf *out, const json_t *verdict, size_t number, fr_ledger *ledger,
                       fr_err *err)
{
    FR_AUTO(fr_view) v = { 0 };
    fr_view_init(&v, verdict);
    fr_buf_put_f(out, "<section class=\"verdict\" id=\"v%zu\">\n<p class=\"task\">Task <b>",
                 number);
    fr_put_escaped(out, v.task);
    fr_buf_put_s(out, "</b>, scored by ");
    fr_put_escaped(out, v.metric);
    fr_buf_put_s(out, "</p>\n");
    put_headline(out, &v);
    put_break_even(out, &v);
    if (v.demonstration)
        fr_buf_put_s(out,
                     "<p class=\"note\">Demonstration model: the order of rungs holds for this "
                     "model only.</p>\n");
    put_facts(out, &v);
    put_charts(out, &v);
    put_table(out, &v);
    put_predicted(out, &v);
    if (ledger != NULL && v.run[0] != '\0')
        FR_TRY(fr_put_timeline(ledger, v.run, out, err));
    put_grounds(out, &v);
    if (ledger != NULL)
        FR_TRY(fr_put_past_runs(ledger, v.task, v.run, out, err));
    fr_buf_put_s(out, "</section>\n");
    return 0;
}

static void put_top(fr_buf *out, const json_t *const *verdicts, size_t n)
{
    char now[FR_TIME_TEXT];
    fr_time_text(fr_now_unix_ns(), now);
    fr_buf_put_s(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"generator\" content=\"frugal " FR_VERSION "\">\n"
                      "<link rel=\"icon\" href=\"data:,\">\n<title>frugal: ");
    for (size_t i = 0; i < n; i++) {
        fr_buf_put_s(out, i > 0 ? ", " : "");
        const char *task = fr_json_text_at(verdicts[i], "task");
        fr_put_escaped(out, task[0] != '\0' ? task : "unnamed task");
    }
    fr_buf_put_s(out, n == 0 ? "ledger" : "");
    fr_buf_put_s(out, "</title>\n<style>\n");
    fr_buf_put_s(out, FR_PAGE_STYLE);
    fr_buf_put_f(out,
                 "</style>\n</head>\n<body>\n<header class=\"top\"><b>frugal</b><span>%s, "
                 "%.10s</span>",
                 n == 0 ? "what the ledger holds" : "report", now);
    if (n > 1) {
        fr_buf_put_s(out, "<nav>");
        for (size_t i = 0; i < n; i++) {
            fr_buf_put_f(out, "<a href=\"#v%zu\">", i + 1);
            const char *task = fr_json_text_at(verdicts[i], "task");
            fr_put_escaped(out, task[0] != '\0' ? task : "unnamed task");
            fr_buf_put_s(out, "</a>");
        }
        fr_buf_put_s(out, "</nav>");
    }
    fr_buf_put_s(out, "</header>\n<main>\n");
}

int fr_report_html(const json_t *const *verdicts, size_t n, fr_ledger *ledger, fr_buf *out,
                   fr_err *err)
{
    put_top(out, verdicts, n);
    for (size_t i = 0; i < n; i++)
        FR_TRY(put_verdict(out, verdicts[i], i + 1, ledger, err));
    if (n == 0)
        FR_TRY(fr_put_overview(ledger, out, err));
    fr_buf_put_s(out, "</main>\n<footer>Made by frugal " FR_VERSION ". This file is complete: it "
                      "loads nothing from anywhere.</footer>\n</body>\n</html>\n");
    if (out->full)
        return fr_fail(err, FR_E_LIMIT, NULL, "the report is larger than %zu bytes",
                       out->limit_bytes);
    return 0;
}
