/* What the ledger knows of a climb: power over time by device, energy by phase, earlier runs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/report_priv.h"

#define BINS   160
#define SERIES 6

/* Stacked from the bottom: what is drawn at rest first. */
static const struct {
    const char *name, *fill;
} LAYERS[SERIES] = { { "at rest", "fidle" },  { "memory", "f4" },  { "processor", "f0" },
                     { "accelerator", "f1" }, { "storage", "f2" }, { "other", "f7" } };

typedef struct {
    fr_run_record run; /* borrowed texts, of the list */
    double j[SERIES];
    double start_s, end_s;
} phase_sum;

typedef struct {
    fr_ledger *ledger;
    int64_t start_unix_ns;
    double length_s;
    double j[BINS][SERIES];
    phase_sum *phases; /* of the first level */
    size_t n_phases;
    phase_sum rest;
    json_t *devices; /* "device\npart\nmethod\nsource": joules */
} timeline;

static int layer_of(const fr_bucket *b)
{
    if (strcmp(b->part, "idle") == 0)
        return 0;
    if (strcmp(b->kind, "dram") == 0)
        return 1;
    if (strcmp(b->kind, "cpu") == 0)
        return 2;
    if (strcmp(b->kind, "gpu") == 0 || strcmp(b->kind, "accelerator") == 0)
        return 3;
    return strcmp(b->kind, "storage") == 0 ? 4 : 5;
}

/* A bucket's energy is spread evenly over its span. */
static void add_bucket(timeline *t, const fr_bucket *b, phase_sum *phase)
{
    int layer = layer_of(b);
    double joules = (double)b->energy_uj * 1e-6;
    double from = (double)(b->start_unix_ns - t->start_unix_ns) * 1e-9 / t->length_s * BINS;
    double to = (double)(b->end_unix_ns - t->start_unix_ns) * 1e-9 / t->length_s * BINS;
    phase->j[layer] += joules;
    from = FR_MIN(FR_MAX(from, 0), BINS - 1e-6);
    to = FR_MIN(FR_MAX(to, from + 1e-6), BINS);
    for (int bin = (int)from; bin < BINS && bin < to; bin++) {
        double overlap = FR_MIN(to, bin + 1.0) - FR_MAX(from, (double)bin);
        t->j[bin][layer] += joules * overlap / (to - from);
    }
    char *key =
        fr_dup_f("%s\n%s\n%s\n%s", b->device, b->part, fr_method_name(b->method), b->source);
    double before = json_number_value(json_object_get(t->devices, key));
    json_object_set_new(t->devices, key, json_real(before + joules));
    free(key);
}

static int add_run(timeline *t, const char *id, phase_sum *phase, int depth, fr_err *err)
{
    fr_bucket *buckets = NULL;
    size_t n = 0;
    FR_TRY(fr_ledger_buckets(t->ledger, id, &buckets, &n, err));
    for (size_t i = 0; i < n; i++)
        add_bucket(t, &buckets[i], phase);
    fr_buckets_free(buckets, n);
    FR_AUTO(fr_run_list) inside = { 0 };
    if (depth > 0 && depth < 32)
        FR_TRY(fr_ledger_list(t->ledger, &(fr_ledger_query){ .parent = id }, &inside, err));
    for (size_t i = 0; i < inside.n; i++)
        if (inside.at[i].phase)
            FR_TRY(add_run(t, inside.at[i].id, phase, depth + 1, err));
    return 0;
}

static double total_of(const double j[SERIES])
{
    double sum = 0;
    for (int k = 0; k < SERIES; k++)
        sum += j[k];
    return sum;
}

static void word_w(double v, char out[FR_WORD])
{
    snprintf(out, FR_WORD, "%.3g W", v);
}

static void word_clock(double s, char out[FR_WORD])
{
    if (s < 120)
        snprintf(out, FR_WORD, "%.3g s", s);
    else if (s < 7200)
        snprintf(out, FR_WORD, "%.3g min", s / 60);
    else
        snprintf(out, FR_WORD, "%.3g h", s / 3600);
}

static void put_layer(const timeline *t, const fr_axes *a, int layer, fr_buf *out)
{
    double bin_s = t->length_s / BINS, some = 0;
    for (int bin = 0; bin < BINS; bin++)
        some += t->j[bin][layer];
    if (!(some > 0))
        return;
    fr_buf_put_f(out, "<path class=\"%s\" d=\"", LAYERS[layer].fill);
    for (int back = 0; back <= 1; back++) /* along the top, back along the bottom */
        for (int i = 0; i < BINS; i++) {
            int bin = back ? BINS - 1 - i : i;
            double w = 0;
            for (int k = 0; k < layer + (back ? 0 : 1); k++)
                w += t->j[bin][k] / bin_s;
            double y = fr_axes_y(a, w);
            double x0 = a->left + (a->right - a->left) * bin / BINS;
            double x1 = a->left + (a->right - a->left) * (bin + 1) / BINS;
            fr_buf_put_f(out, "%s%.1f %.1fH%.1f", i == 0 && !back ? "M" : "L", back ? x1 : x0, y,
                         back ? x0 : x1);
        }
    fr_buf_put_f(out, "Z\"><title>%s</title></path>\n", LAYERS[layer].name);
}

static void put_power(const timeline *t, fr_chart_size size, fr_buf *out)
{
    double most_w = 0, bin_s = t->length_s / BINS;
    for (int bin = 0; bin < BINS; bin++)
        most_w = fmax(most_w, total_of(t->j[bin]) / bin_s);
    fr_axes a = { .left = 48,
                  .top = 10,
                  .right = size.width - 10,
                  .bottom = size.height - 62,
                  .x_low = 0,
                  .x_high = t->length_s,
                  .y_low = 0,
                  .y_high = most_w > 0 ? most_w * 1.08 : 1 };
    double unit_s = t->length_s < 120 ? 1 : t->length_s < 7200 ? 60 : 3600;
    fr_chart_open(out, size.narrow ? "chart narrow" : "chart wide", size.width, size.height,
                  "mean power by device over the time of the climb");
    fr_chart_y_ticks(out, &a, 1, word_w, 4);
    for (int layer = 0; layer < SERIES; layer++)
        put_layer(t, &a, layer, out);
    for (size_t i = 0; i < t->n_phases; i++) { /* which rung that was */
        const phase_sum *p = &t->phases[i];
        double x0 = fr_axes_x(&a, p->start_s), x1 = fr_axes_x(&a, p->end_s);
        const char *name = p->run.name != NULL ? p->run.name : p->run.kind;
        fr_buf_put_f(out,
                     "<g><rect class=\"strip%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                     "height=\"18\"/><title>",
                     i % 2 == 1 ? " odd" : "", x0, a.bottom + 4, FR_MAX(x1 - x0, 1));
        fr_put_escaped(out, name);
        fr_buf_put_s(out, "</title>");
        if ((double)fr_characters(name) * 6.4 + 6 < x1 - x0)
            fr_chart_text(out, "tick", (x0 + x1) / 2, a.bottom + 17, "middle", name);
        fr_buf_put_s(out, "</g>\n");
    }
    a.bottom += 24;
    a.top = a.bottom - 2;
    fr_chart_x_ticks(out, &a, unit_s, word_clock, size.narrow ? 4 : 8);
    fr_chart_close(out);
}

static void put_bar(const char *name, const double j[SERIES], double most_j, fr_buf *out)
{
    char joules[FR_WORD];
    fr_word_j(total_of(j), joules);
    fr_buf_put_s(out, "<div class=\"row\"><span>");
    fr_put_escaped(out, name);
    fr_buf_put_f(out, "</span><b>%s</b><span class=\"track\">", joules);
    for (int k = SERIES - 1; k >= 0; k--) /* own work first, then what is drawn at rest */
        if (j[k] > 0)
            fr_buf_put_f(out, "<i class=\"%s\" style=\"width:%.2f%%\"></i>", LAYERS[k].fill,
                         100 * j[k] / most_j);
    fr_buf_put_s(out, "</span></div>\n");
}

static void put_phases(const timeline *t, fr_buf *out)
{
    double most_j = total_of(t->rest.j);
    for (size_t i = 0; i < t->n_phases; i++)
        most_j = fmax(most_j, total_of(t->phases[i].j));
    if (!(most_j > 0))
        return;
    fr_buf_put_s(out, "<div class=\"block\"><h3>Energy by phase</h3><p class=\"why\">Own work and "
                      "what is drawn at rest meanwhile; nothing is scaled to fit.</p>"
                      "<div class=\"bars\">\n");
    for (size_t i = 0; i < t->n_phases; i++) {
        const fr_run_record *r = &t->phases[i].run;
        put_bar(r->name != NULL ? r->name : r->kind, t->phases[i].j, most_j, out);
    }
    put_bar("in no phase", t->rest.j, most_j, out);
    fr_buf_put_s(out, "</div></div>\n");
}

static void put_devices(const timeline *t, fr_buf *out)
{
    const char *key;
    json_t *sum;
    fr_buf_put_s(out, "<div class=\"block\"><h3>Energy by device</h3><table class=\"cards\"><thead>"
                      "<tr><th>Device</th><th>Part</th><th>Energy</th><th>Method</th><th>Source"
                      "</th></tr></thead><tbody>\n");
    json_object_foreach(t->devices, key, sum)
    {
        static const char *const LABELS[] = { "Device", "Part", "Method", "Source" };
        fr_str rest = fr_str_of(key), piece;
        char joules[FR_WORD];
        fr_word_j(json_number_value(sum), joules);
        fr_buf_put_s(out, "<tr>");
        for (int i = 0; i < 4; i++) {
            if (i < 3)
                fr_str_next(&rest, '\n', &piece);
            else
                piece = rest;
            char *text = fr_str_dup(piece);
            fr_buf_put_f(out, "<td data-label=\"%s\"><span>", LABELS[i]);
            fr_put_escaped(out, strcmp(text, "idle") == 0 ? "at rest" : text);
            fr_buf_put_s(out, "</span></td>");
            if (i == 1)
                fr_buf_put_f(out, "<td data-label=\"Energy\"><span>%s</span></td>", joules);
            free(text);
        }
        fr_buf_put_s(out, "</tr>\n");
    }
    fr_buf_put_s(out, "</tbody></table></div>\n");
}

static void put_all(const timeline *t, fr_buf *out)
{
    fr_buf_put_s(out, "<figure><h3>Power over the climb</h3><figcaption>Mean power by device; the "
                      "strip below names the rung that ran.</figcaption><div class=\"key\">");
    for (int layer = SERIES - 1; layer >= 0; layer--) {
        double sum = 0;
        for (int bin = 0; bin < BINS; bin++)
            sum += t->j[bin][layer];
        if (sum > 0)
            fr_buf_put_f(out, "<span><i class=\"%s\"></i>%s</span>", LAYERS[layer].fill,
                         LAYERS[layer].name);
    }
    fr_buf_put_s(out, "</div>\n");
    put_power(t, (fr_chart_size){ 984, 260, false }, out);
    put_power(t, (fr_chart_size){ 328, 240, true }, out);
    fr_buf_put_s(out, "</figure>\n");
    put_phases(t, out);
    put_devices(t, out);
}

static int gather(timeline *t, const fr_run_record *top, const fr_run_list *inside, fr_err *err)
{
    t->phases = FR_NEW_N(phase_sum, inside->n);
    FR_TRY(add_run(t, top->id, &t->rest, 0, err));
    for (size_t i = inside->n; i-- > 0;) { /* oldest first */
        const fr_run_record *r = &inside->at[i];
        if (!r->phase)
            continue;
        phase_sum *p = &t->phases[t->n_phases++];
        p->run = *r;
        p->start_s = (double)(r->start_unix_ns - t->start_unix_ns) * 1e-9;
        p->end_s = (double)(FR_MAX(r->end_unix_ns, r->seen_unix_ns) - t->start_unix_ns) * 1e-9;
        FR_TRY(add_run(t, r->id, p, 1, err));
    }
    return 0;
}

int fr_put_timeline(fr_ledger *l, const char *run_id, fr_buf *out, fr_err *err)
{
    FR_AUTO(fr_run_list) one = { 0 };
    FR_AUTO(fr_run_list) inside = { 0 };
    FR_TRY(fr_ledger_list(l, &(fr_ledger_query){ .id = run_id, .limit = 1 }, &one, err));
    if (one.n == 0)
        return 0; /* a verdict from another machine */
    const fr_run_record *top = &one.at[0];
    FR_TRY(fr_ledger_list(l, &(fr_ledger_query){ .parent = top->id }, &inside, err));
    int64_t end_unix_ns = FR_MAX(top->end_unix_ns, top->seen_unix_ns);
    timeline *t = FR_NEW(timeline);
    t->ledger = l;
    t->start_unix_ns = top->start_unix_ns;
    t->length_s = FR_MAX((double)(end_unix_ns - top->start_unix_ns) * 1e-9, 1e-3);
    t->devices = json_object();
    int rc = gather(t, top, &inside, err);
    if (rc == 0 && json_object_size(t->devices) > 0)
        put_all(t, out);
    json_decref(t->devices);
    free(t->phases);
    free(t);
    return rc;
}

int fr_put_past_runs(fr_ledger *l, const char *task, const char *run_id, fr_buf *out, fr_err *err)
{
    FR_AUTO(fr_run_list) runs = { 0 };
    fr_ledger_query query = { .kind = "adapt", .name = task, .limit = 21 };
    FR_TRY(fr_ledger_list(l, &query, &runs, err));
    size_t others = 0;
    for (size_t i = 0; i < runs.n; i++)
        others += strcmp(runs.at[i].id, run_id) != 0;
    if (others == 0)
        return 0;
    fr_buf_put_s(out,
                 "<div class=\"block\"><h3>Earlier climbs of this task</h3><table "
                 "class=\"cards\"><thead><tr><th>Began (UTC)</th><th>Status</th><th>Energy</th>"
                 "<th>CO\xe2\x82\x82"
                 "e</th><th>CPU time</th><th>Method</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < runs.n; i++) {
        const fr_run_record *r = &runs.at[i];
        char began[FR_TIME_TEXT], joules[FR_WORD], grams[FR_WORD], cpu[FR_WORD];
        if (strcmp(r->id, run_id) == 0)
            continue;
        fr_time_text(r->start_unix_ns, began);
        fr_word_j(r->energy.value_j, joules);
        fr_word_g(r->carbon_g, grams);
        fr_word_s(r->cpu_s, cpu);
        fr_buf_put_f(out,
                     "<tr><td data-label=\"Began\"><span>%.10s %.5s</span></td>"
                     "<td data-label=\"Status\"><span>",
                     began, began + 11);
        fr_put_escaped(out, r->status);
        fr_buf_put_f(out,
                     "</span></td><td data-label=\"Energy\"><span>%s</span></td>"
                     "<td data-label=\"CO\xe2\x82\x82"
                     "e\"><span>%s</span></td>"
                     "<td data-label=\"CPU time\"><span>%s</span></td>"
                     "<td data-label=\"Method\"><span>%s</span></td></tr>\n",
                     joules, grams, cpu, fr_method_name(r->energy.method));
    }
    fr_buf_put_s(out, "</tbody></table></div>\n");
    return 0;
}
