/* What the ledger holds, without a verdict: totals, a trend per kind of run by day, latest runs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/report_priv.h"

#define DAY_NS     86400000000000
#define DAYS       30
#define KINDS_MOST 16
#define ROWS_MOST  40

typedef struct {
    const char *name; /* borrowed from the list */
    size_t n, n_interrupted;
    double j, g, cpu_s, tokens;
    double day_j[DAYS];
} kind_sum;

typedef struct {
    kind_sum kinds[KINDS_MOST];
    size_t n;
    kind_sum all;
    int64_t first_day;
    fr_method method;
} overview;

static kind_sum *kind_of(overview *o, const char *name)
{
    for (size_t i = 0; i < o->n; i++)
        if (strcmp(o->kinds[i].name, name) == 0)
            return &o->kinds[i];
    if (o->n == KINDS_MOST)
        return NULL;
    o->kinds[o->n].name = name;
    return &o->kinds[o->n++];
}

static void add_to(kind_sum *k, const fr_run_record *r, int64_t first_day, double tokens)
{
    int64_t day = r->start_unix_ns / DAY_NS - first_day;
    k->n++;
    k->n_interrupted += strcmp(r->status, "interrupted") == 0;
    k->tokens += tokens;
    if (isfinite(r->cpu_s))
        k->cpu_s += r->cpu_s;
    if (isfinite(r->carbon_g))
        k->g += r->carbon_g;
    if (!isfinite(r->energy.value_j))
        return;
    k->j += r->energy.value_j;
    if (day >= 0 && day < DAYS)
        k->day_j[day] += r->energy.value_j;
}

static int tokens_of(fr_ledger *l, const fr_run_record *r, double *tokens, fr_err *err)
{
    fr_note *notes = NULL;
    size_t n = 0;
    FR_TRY(fr_ledger_notes(l, r->id, &notes, &n, err));
    *tokens = 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(notes[i].kind, "work") == 0 && strcmp(notes[i].name, "tokens") == 0 &&
            isfinite(notes[i].value))
            *tokens += notes[i].value;
    fr_notes_free(notes, n);
    return 0;
}

static void put_day_bars(const kind_sum *k, int64_t first_day, fr_chart_size size, fr_buf *out)
{
    double most_j = 0, step = (size.width - 56) / DAYS;
    for (int d = 0; d < DAYS; d++)
        most_j = fmax(most_j, k->day_j[d]);
    fr_axes a = { .left = 50,
                  .top = 8,
                  .right = size.width - 6,
                  .bottom = size.height - 24,
                  .x_high = DAYS,
                  .y_high = most_j > 0 ? most_j : 1 };
    fr_chart_open(out, size.narrow ? "chart narrow" : "chart wide", size.width, size.height,
                  "energy by day");
    fr_chart_y_ticks(out, &a, 1, fr_tick_j, 2);
    for (int d = 0; d < DAYS; d++) {
        char day[FR_TIME_TEXT], joules[FR_WORD];
        double y = fr_axes_y(&a, k->day_j[d]);
        fr_time_text((first_day + d) * DAY_NS, day);
        fr_word_j(k->day_j[d], joules);
        if (k->day_j[d] > 0)
            fr_buf_put_f(out,
                         "<g><rect class=\"f0\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                         "height=\"%.1f\" rx=\"1\"/><title>%.10s: %s</title></g>",
                         a.left + step * d + 1, y, FR_MAX(step - 2, 1), FR_MAX(a.bottom - y, 1),
                         day, joules);
        if (d % 7 == DAYS % 7 - 1 + 0 || d == DAYS - 1) {
            char text[8];
            snprintf(text, sizeof(text), "%.5s", day + 5);
            if (d == DAYS - 1 || d < DAYS - 4)
                fr_chart_text(out, "tick", a.left + step * (d + 0.5), size.height - 8,
                              d == DAYS - 1 ? "end" : "middle", text);
        }
    }
    fr_chart_close(out);
}

static void put_kinds(const overview *o, fr_buf *out)
{
    fr_buf_put_s(out, "<div class=\"block\"><h3>By kind of run</h3><table class=\"cards\"><thead>"
                      "<tr><th>Kind</th><th>Runs</th><th>Energy</th><th>Per run</th><th>Per 1000 "
                      "tokens</th><th>CO\xe2\x82\x82"
                      "e</th><th>CPU time</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < o->n; i++) {
        const kind_sum *k = &o->kinds[i];
        char joules[FR_WORD], each[FR_WORD], token[FR_WORD], grams[FR_WORD], cpu[FR_WORD];
        fr_word_j(k->j, joules);
        fr_word_j(k->j / (double)k->n, each);
        fr_word_j(k->tokens > 0 ? 1000 * k->j / k->tokens : NAN, token);
        fr_word_g(k->g, grams);
        fr_word_s(k->cpu_s, cpu);
        fr_buf_put_s(out, "<tr><td data-label=\"Kind\"><span>");
        fr_put_escaped(out, k->name);
        fr_buf_put_f(out, "</span></td><td data-label=\"Runs\"><span>%zu", k->n);
        if (k->n_interrupted > 0)
            fr_buf_put_f(out, "<small>%zu interrupted</small>", k->n_interrupted);
        fr_buf_put_f(out,
                     "</span></td><td data-label=\"Energy\"><span>%s</span></td>"
                     "<td data-label=\"Per run\"><span>%s</span></td>"
                     "<td data-label=\"Per 1000 tokens\"><span>%s</span></td>"
                     "<td data-label=\"CO\xe2\x82\x82"
                     "e\"><span>%s</span></td>"
                     "<td data-label=\"CPU time\"><span>%s</span></td></tr>\n",
                     joules, each, token, grams, cpu);
    }
    fr_buf_put_s(out, "</tbody></table></div>\n");
}

static void put_latest(const fr_run_list *runs, fr_buf *out)
{
    fr_buf_put_s(out, "<div class=\"block\"><h3>Latest runs</h3><table class=\"cards\"><thead><tr>"
                      "<th>Run</th><th>Began (UTC)</th><th>Status</th><th>Energy</th>"
                      "<th>CO\xe2\x82\x82"
                      "e</th><th>Method</th></tr></thead><tbody>\n");
    size_t shown = 0;
    for (size_t i = 0; i < runs->n && shown < ROWS_MOST; i++) {
        const fr_run_record *r = &runs->at[i];
        char began[FR_TIME_TEXT], joules[FR_WORD], grams[FR_WORD];
        if (r->phase)
            continue;
        fr_time_text(r->start_unix_ns, began);
        fr_word_j(r->energy.value_j, joules);
        fr_word_g(r->carbon_g, grams);
        fr_buf_put_s(out, "<tr><td data-label=\"Run\"><span>");
        fr_put_escaped(out, r->kind);
        fr_buf_put_s(out, " ");
        fr_put_escaped(out, r->name != NULL ? r->name : "");
        fr_buf_put_f(out, "<small><code>%.14s</code></small>", r->id);
        fr_buf_put_f(out,
                     "</span></td><td data-label=\"Began\"><span>%.10s %.5s</span></td>"
                     "<td data-label=\"Status\"><span>",
                     began, began + 11);
        fr_put_escaped(out, r->status);
        fr_buf_put_f(out,
                     "</span></td><td data-label=\"Energy\"><span>%s</span></td>"
                     "<td data-label=\"CO\xe2\x82\x82"
                     "e\"><span>%s</span></td>"
                     "<td data-label=\"Method\"><span>%s</span></td></tr>\n",
                     joules, grams, fr_method_name(r->energy.method));
        shown++;
    }
    fr_buf_put_s(out, "</tbody></table></div>\n");
}

static void put_totals(const overview *o, size_t n_inside, fr_buf *out)
{
    char joules[FR_WORD], grams[FR_WORD], cpu[FR_WORD], count[FR_WORD];
    fr_word_wh(o->all.j, joules);
    fr_word_g(o->all.g, grams);
    fr_word_s(o->all.cpu_s, cpu);
    fr_word_count((double)o->all.n, count);
    fr_buf_put_f(out, "<section class=\"verdict\"><h2 class=\"say\">%s%s in %s run%s.</h2>\n",
                 o->method == FR_METHOD_MEASURED ? "" : "\xe2\x89\x88\xe2\x80\xaf", joules, count,
                 o->all.n == 1 ? "" : "s");
    fr_buf_put_f(out,
                 "<p class=\"lead-in\">That is %s of CO\xe2\x82\x82"
                 "e, embodied share "
                 "included, and %s of processor time. The energy is %s.",
                 grams, cpu, fr_method_name(o->method));
    if (n_inside > 0)
        fr_buf_put_f(out,
                     " %zu runs inside others are seen by the outer one's meter and not added "
                     "again.",
                     n_inside);
    fr_buf_put_s(out, "</p>\n");
}

int fr_put_overview(fr_ledger *l, fr_buf *out, fr_err *err)
{
    FR_AUTO(fr_run_list) runs = { 0 };
    if (l != NULL)
        FR_TRY(fr_ledger_list(l, &(fr_ledger_query){ 0 }, &runs, err));
    overview *o = FR_NEW(overview);
    size_t n_inside = 0;
    int rc = 0;
    o->first_day = fr_now_unix_ns() / DAY_NS - DAYS + 1;
    for (size_t i = 0; i < runs.n && rc == 0; i++) {
        const fr_run_record *r = &runs.at[i];
        double tokens = 0;
        n_inside += !r->leaf && !r->phase;
        if (r->phase || !r->leaf)
            continue;
        rc = tokens_of(l, r, &tokens, err);
        kind_sum *kind = kind_of(o, r->kind);
        if (kind != NULL)
            add_to(kind, r, o->first_day, tokens);
        add_to(&o->all, r, o->first_day, tokens);
        if (r->energy.method != FR_METHOD_NONE)
            o->method = o->method == FR_METHOD_NONE || o->method == r->energy.method
                            ? r->energy.method
                            : FR_METHOD_MIXED;
    }
    if (rc == 0 && o->all.n == 0)
        fr_buf_put_s(out, "<section class=\"verdict\"><h2 class=\"say\">The ledger is empty.</h2>"
                          "<p class=\"lead-in\"><code>frugal meter -- COMMAND</code> records the "
                          "first run.</p></section>\n");
    if (rc == 0 && o->all.n > 0) {
        put_totals(o, n_inside, out);
        put_kinds(o, out);
        rc = fr_put_account(l, out, err);
        fr_buf_put_s(out, "<div class=\"two\">\n");
        for (size_t i = 0; i < o->n; i++) {
            fr_buf_put_s(out, "<figure><h3>");
            fr_put_escaped(out, o->kinds[i].name);
            fr_buf_put_s(out, "</h3><figcaption>Energy by day, the last 30 days.</figcaption>\n");
            put_day_bars(&o->kinds[i], o->first_day, (fr_chart_size){ 476, 150, false }, out);
            put_day_bars(&o->kinds[i], o->first_day, (fr_chart_size){ 328, 140, true }, out);
            fr_buf_put_s(out, "</figure>\n");
        }
        fr_buf_put_s(out, "</div>\n");
        put_latest(&runs, out);
        fr_buf_put_s(out, "</section>\n");
    }
    free(o);
    return rc;
}
