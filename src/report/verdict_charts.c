/* The charts of a verdict: the ladder, where the answer would change, predicted beside measured. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/report_priv.h"

static double energy_of(const fr_view_rung *r, bool horizon)
{
    return horizon ? r->horizon_j : r->request_j;
}

static bool is_plotted(const fr_view_rung *r, bool horizon)
{
    return fr_view_has_score(r) && energy_of(r, horizon) > 0;
}

bool fr_view_has_points(const fr_view *v, bool horizon)
{
    for (size_t i = 0; i < v->n; i++)
        if (is_plotted(&v->rungs[i], horizon))
            return true;
    return false;
}

static void widen(double v, double *low, double *high)
{
    if (!isfinite(v))
        return;
    *low = fmin(*low, v);
    *high = fmax(*high, v);
}

/* Scores between 0 and 1 keep the whole scale; others get theirs with room at both ends. */
static void score_range(const fr_view *v, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < v->n; i++) {
        widen(v->rungs[i].quality, low, high);
        widen(v->rungs[i].ci_low, low, high);
        widen(v->rungs[i].ci_high, low, high);
    }
    widen(v->target, low, high);
    if (*low >= 0 && *high <= 1) {
        *low = 0;
        *high = 1;
        return;
    }
    double room = (*high - *low) * 0.08;
    if (!(room > 0))
        room = fabs(*high) > 0 ? fabs(*high) * 0.1 : 1;
    *low -= room;
    *high += room;
}

static void energy_range(const fr_view *v, bool horizon, double *low, double *high)
{
    *low = INFINITY;
    *high = 0;
    for (size_t i = 0; i < v->n; i++) {
        const fr_view_rung *r = &v->rungs[i];
        if (!is_plotted(r, horizon))
            continue;
        double ends[] = { energy_of(r, horizon), horizon ? r->horizon_low_j : r->request_low_j,
                          horizon ? r->horizon_high_j : r->request_high_j };
        for (int k = 0; k < 3; k++)
            if (ends[k] > 0)
                widen(ends[k], low, high);
    }
}

static const char *point_kind(const fr_view_rung *r)
{
    if (r->chosen)
        return "point chosen";
    return r->met == FR_MET_YES ? "point met" : "point";
}

static void put_title(fr_buf *out, const fr_view *v, const fr_view_rung *r)
{
    char score[FR_WORD], request[FR_WORD], horizon[FR_WORD];
    fr_word_score(r->quality, score);
    fr_word_j(r->request_j, request);
    fr_word_wh(r->horizon_j, horizon);
    fr_buf_put_s(out, "<title>");
    fr_put_escaped(out, r->name);
    fr_buf_put_s(out, ": ");
    fr_put_escaped(out, v->metric);
    fr_buf_put_f(out, " %s, %s a request, %s over the horizon</title>", score, request, horizon);
}

/* Interval bars of quality, range bars of energy, the point; and what labels must keep off. */
static void put_point(fr_buf *out, fr_boxes *boxes, const fr_axes *a, const fr_view *v,
                      const fr_view_rung *r, bool horizon)
{
    double x = fr_axes_x(a, energy_of(r, horizon)), y = fr_axes_y(a, r->quality);
    double low_j = horizon ? r->horizon_low_j : r->request_low_j;
    double high_j = horizon ? r->horizon_high_j : r->request_high_j;
    fr_buf_put_s(out, "<g>");
    put_title(out, v, r);
    if (isfinite(r->ci_low) && isfinite(r->ci_high)) {
        double y0 = fr_axes_y(a, r->ci_high), y1 = fr_axes_y(a, r->ci_low);
        fr_buf_put_f(out, "<path class=\"%s\" d=\"M%.1f %.1fV%.1fM%.1f %.1fh6M%.1f %.1fh6\"/>",
                     r->chosen ? "bar chosen" : "bar", x, y0, y1, x - 3, y0, x - 3, y1);
        fr_boxes_add(boxes, x - 2, FR_MIN(y0, y1), x + 2, FR_MAX(y0, y1));
    }
    if (low_j > 0 && high_j > 0) {
        double x0 = fr_axes_x(a, low_j), x1 = fr_axes_x(a, high_j);
        fr_buf_put_f(out, "<path class=\"%s\" d=\"M%.1f %.1fH%.1f\"/>",
                     r->chosen ? "bar chosen" : "bar", x0, y, x1);
        fr_boxes_add(boxes, x0, y - 1.5, x1, y + 1.5);
    }
    fr_buf_put_f(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"/></g>\n",
                 point_kind(r), x, y, r->chosen ? "6" : "4.5");
    fr_boxes_add(boxes, x - 6, y - 6, x + 6, y + 6);
}

void fr_chart_ladder(const fr_view *v, bool horizon, fr_chart_size size, fr_buf *out)
{
    fr_axes a = {
        .left = 44, .top = 26, .right = size.width - 20, .bottom = size.height - 40, .x_log = true
    };
    energy_range(v, horizon, &a.x_low, &a.x_high);
    a.x_low *= 0.8;
    a.x_high *= 1.25;
    if (horizon) {
        a.x_low /= 3600;
        a.x_high /= 3600;
    }
    fr_log_range(&a.x_low, &a.x_high);
    if (horizon) {
        a.x_low *= 3600;
        a.x_high *= 3600;
    }
    score_range(v, &a.y_low, &a.y_high);
    const char *kind = size.narrow ? "chart narrow" : "chart wide";
    FR_AUTO(fr_buf) title = { 0 };
    fr_buf_put_f(&title, "%s of each rung against its energy %s", v->metric,
                 horizon ? "over the horizon" : "per request");
    fr_chart_open(out, kind, size.width, size.height, fr_buf_text(&title));
    fr_chart_x_ticks(out, &a, horizon ? 3600 : 1, horizon ? fr_tick_wh : fr_tick_j,
                     size.narrow ? 4 : 6);
    fr_chart_y_ticks(out, &a, 1, fr_word_short, 5);
    fr_boxes boxes = { 0 };
    FR_AUTO(fr_buf) y_name = { 0 };
    fr_buf_put_f(&y_name, "%s%s", v->metric, v->lower_is_better ? " (lower is better)" : "");
    fr_chart_text(out, "axis", 2, 13, "start", fr_buf_text(&y_name));
    fr_chart_text(out, "axis", a.right, size.height - 6, "end",
                  horizon ? "energy over the horizon, log scale" : "energy per request, log scale");
    if (isfinite(v->target)) {
        double y = fr_axes_y(&a, v->target);
        char text[FR_WORD + 16], score[FR_WORD];
        snprintf(score, sizeof(score), "%.3g", v->target);
        snprintf(text, sizeof(text), "target %s", score);
        fr_buf_put_f(out, "<path class=\"target\" d=\"M%.1f %.1fH%.1f\"/>", a.left, y, a.right);
        fr_chart_text(out, "target-text", a.right, y - 5, "end", text);
        fr_boxes_add(&boxes, a.left, y - 1, a.right, y + 1);
        fr_boxes_add(&boxes, a.right - 70, y - 17, a.right + 4, y);
    }
    for (int chosen = 0; chosen <= 1; chosen++) /* the chosen one lies on top */
        for (size_t i = 0; i < v->n; i++)
            if (is_plotted(&v->rungs[i], horizon) && v->rungs[i].chosen == (chosen == 1))
                put_point(out, &boxes, &a, v, &v->rungs[i], horizon);
    for (int other = 0; other <= 1; other++) /* and gets the best place for its name */
        for (size_t i = 0; i < v->n; i++) {
            const fr_view_rung *r = &v->rungs[i];
            if (!is_plotted(r, horizon) || r->chosen != (other == 0))
                continue;
            fr_buf name = { 0 };
            size_t n = 0;
            for (const char *c = r->name; *c != '\0' && (n < 20 || (*c & 0xc0) == 0x80); c++) {
                n += (*c & 0xc0) != 0x80;
                fr_buf_put_c(&name, *c);
            }
            fr_chart_label(out, &boxes, &a, fr_axes_x(&a, energy_of(r, horizon)),
                           fr_axes_y(&a, r->quality), r->chosen ? "label chosen" : "label",
                           fr_buf_text(&name));
            fr_buf_fini(&name);
        }
    fr_chart_close(out);
}

/* ---- where the answer would change ---- */

#define LINES_MOST 24

typedef struct {
    const fr_view_rung *rung;
    double end_y, label_y;
} end_label;

static int by_end(const void *a, const void *b)
{
    double x = ((const end_label *)a)->end_y, y = ((const end_label *)b)->end_y;
    return (x > y) - (x < y);
}

/* Names at the ends of lines, pushed apart from the top, then back up from the bottom. */
static void spread(end_label *labels, size_t n, double top, double bottom)
{
    const double LEAST = 14;
    fr_sort(labels, n, sizeof(*labels), by_end);
    for (size_t i = 0; i < n; i++) {
        double above = i > 0 ? labels[i - 1].label_y + LEAST : top;
        labels[i].label_y = FR_MAX(labels[i].end_y, above);
    }
    for (size_t i = n; i-- > 0;) {
        double below = i + 1 < n ? labels[i + 1].label_y - LEAST : bottom;
        labels[i].label_y = FR_MIN(labels[i].label_y, below);
    }
}

static double most_requests(const fr_view *v)
{
    double most = fmax(isfinite(v->requests) ? v->requests : 1e5, 1e3);
    const json_t *crossings = json_object_get(v->json, "break_even");
    for (size_t i = 0; i < json_array_size(crossings); i++) {
        double at = fr_json_number_at(json_array_get(crossings, i), "requests");
        if (at < v->requests * 1e4)
            most = fmax(most, at);
    }
    if (v->break_even_requests < v->requests * 1e4)
        most = fmax(most, v->break_even_requests);
    return pow(10, ceil(log10(FR_MIN(most, 1e12) * 4)));
}

static const fr_view_rung *rung_named(const fr_view *v, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->rungs[i].name, name) == 0)
            return &v->rungs[i];
    return NULL;
}

static void put_crossing(const fr_view *v, const fr_axes *a, fr_boxes *boxes, double requests,
                         const char *to, fr_buf *out)
{
    const fr_view_rung *r = rung_named(v, to);
    if (r == NULL || !(requests >= a->x_low) || requests > a->x_high)
        return;
    char count[FR_WORD], text[FR_WORD + 64];
    fr_word_short(requests, count);
    snprintf(text, sizeof(text), "at %s", count);
    double x = fr_axes_x(a, requests), y = fr_axes_y(a, fr_view_horizon_j(v, r, requests));
    fr_buf_put_f(out, "<circle class=\"cross\" cx=\"%.1f\" cy=\"%.1f\" r=\"5.5\"/>", x, y);
    fr_boxes_add(boxes, x - 7, y - 7, x + 7, y + 7);
    fr_chart_label(out, boxes, a, x, y, "label", text);
}

static size_t lines_of(const fr_view *v, end_label labels[LINES_MOST])
{
    size_t n = 0;
    for (size_t i = 0; i < v->n && n < LINES_MOST; i++)
        if (fr_view_horizon_j(v, &v->rungs[i], 1) > 0 && v->rungs[i].request_j > 0)
            labels[n++].rung = &v->rungs[i];
    return n;
}

static void put_line(const fr_view *v, const fr_axes *a, const fr_view_rung *r, size_t colour,
                     fr_boxes *boxes, fr_buf *out)
{
    enum { STEPS = 48 };
    fr_buf_put_f(out, "<path class=\"line c%zu%s%s\" d=\"", colour % 8, r->chosen ? " chosen" : "",
                 r->met == FR_MET_YES ? "" : " short");
    for (int i = 0; i <= STEPS; i++) {
        double requests = a->x_low * pow(a->x_high / a->x_low, (double)i / STEPS);
        double x = fr_axes_x(a, requests), y = fr_axes_y(a, fr_view_horizon_j(v, r, requests));
        fr_buf_put_f(out, "%s%.1f %.1f", i == 0 ? "M" : "L", x, y);
        if (i % 2 == 0)
            fr_boxes_add(boxes, x - 2, y - 2, x + 2, y + 2);
    }
    fr_buf_put_s(out, "\"><title>");
    fr_put_escaped(out, r->name);
    fr_buf_put_s(out, "</title></path>\n");
}

void fr_chart_break_even(const fr_view *v, fr_chart_size size, fr_buf *out)
{
    end_label labels[LINES_MOST];
    size_t n = lines_of(v, labels);
    double margin = size.narrow ? 96 : 150;
    fr_axes a = { .left = 58,
                  .top = 26,
                  .right = size.width - margin,
                  .bottom = size.height - 40,
                  .x_log = true,
                  .y_log = true,
                  .x_low = 1,
                  .x_high = most_requests(v),
                  .y_low = INFINITY,
                  .y_high = 0 };
    for (size_t i = 0; i < n; i++) {
        widen(fr_view_horizon_j(v, labels[i].rung, a.x_low) / 3600, &a.y_low, &a.y_high);
        widen(fr_view_horizon_j(v, labels[i].rung, a.x_high) / 3600, &a.y_low, &a.y_high);
    }
    fr_log_range(&a.y_low, &a.y_high);
    a.y_low *= 3600;
    a.y_high *= 3600;
    fr_chart_open(out, size.narrow ? "chart narrow" : "chart wide", size.width, size.height,
                  "energy over the horizon of each rung against the number of requests");
    fr_chart_x_ticks(out, &a, 1, fr_word_short, size.narrow ? 4 : 10);
    fr_chart_y_ticks(out, &a, 3600, fr_tick_wh, 8);
    fr_chart_text(out, "axis", 2, 13, "start", "build and requests together");
    fr_chart_text(out, "axis", a.right, size.height - 6, "end", "requests over the horizon");
    fr_boxes *boxes = FR_NEW(fr_boxes);
    if (v->requests >= a.x_low && v->requests <= a.x_high) {
        double x = fr_axes_x(&a, v->requests);
        fr_buf_put_f(out, "<path class=\"target\" d=\"M%.1f %.1fV%.1f\"/>", x, a.top, a.bottom);
        char count[FR_WORD], text[FR_WORD + 32];
        fr_word_short(v->requests, count);
        snprintf(text, sizeof(text), "stated: %s", count);
        fr_chart_text(out, "target-text", x - 6, a.top + 12, "end", text);
        fr_boxes_add(boxes, x - 80, a.top, x + 2, a.top + 16);
    }
    for (size_t i = 0; i < n; i++) {
        put_line(v, &a, labels[i].rung, (size_t)(labels[i].rung - v->rungs), boxes, out);
        labels[i].end_y = fr_axes_y(&a, fr_view_horizon_j(v, labels[i].rung, a.x_high));
    }
    const json_t *crossings = json_object_get(v->json, "break_even");
    for (size_t i = 0; i < json_array_size(crossings); i++) {
        const json_t *one = json_array_get(crossings, i);
        put_crossing(v, &a, boxes, fr_json_number_at(one, "requests"), fr_json_text_at(one, "to"),
                     out);
    }
    if (json_array_size(crossings) == 0 && v->break_even_requests > 0)
        put_crossing(v, &a, boxes, v->break_even_requests, v->chosen, out);
    spread(labels, n, a.top + 6, a.bottom);
    for (size_t i = 0; i < n; i++) {
        char kind[64];
        fr_buf name = { 0 };
        snprintf(kind, sizeof(kind), "end c%zu%s%s", (size_t)(labels[i].rung - v->rungs) % 8,
                 labels[i].rung->chosen ? " chosen" : "",
                 labels[i].rung->met == FR_MET_YES ? "" : " short");
        fr_buf_put_f(out, "<path class=\"lead\" d=\"M%.1f %.1fL%.1f %.1f\"/>", a.right,
                     labels[i].end_y, a.right + 10, labels[i].label_y);
        fr_buf_put_f(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", kind, a.right + 13,
                     labels[i].label_y + 4);
        fr_put_escaped_n(out, labels[i].rung->name, size.narrow ? 11 : 20);
        fr_buf_put_s(out, "</text>\n");
        fr_buf_fini(&name);
    }
    free(boxes);
    fr_chart_close(out);
}

/* ---- predicted beside measured ---- */

bool fr_view_has_predictions(const fr_view *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->rungs[i].predicted_j > 0)
            return true;
    return false;
}

void fr_chart_predicted(const fr_view *v, fr_chart_size size, fr_buf *out)
{
    const double ROW = 26;
    fr_axes a = { .left = size.narrow ? 108 : 170,
                  .top = 8,
                  .right = size.width - 22,
                  .x_log = true,
                  .x_low = INFINITY,
                  .y_low = 0,
                  .y_high = 1 };
    size_t rows = 0;
    for (size_t i = 0; i < v->n; i++) {
        const fr_view_rung *r = &v->rungs[i];
        const double ends[] = { r->predicted_j, r->predicted_low_j, r->predicted_high_j,
                                r->horizon_j,   r->horizon_low_j,   r->horizon_high_j };
        for (size_t k = 0; k < FR_COUNT_OF(ends); k++)
            if (ends[k] > 0)
                widen(ends[k] / 3600, &a.x_low, &a.x_high);
        rows += r->predicted_j > 0 || r->horizon_j > 0;
    }
    a.bottom = a.top + ROW * (double)rows;
    fr_log_range(&a.x_low, &a.x_high);
    a.x_low *= 3600;
    a.x_high *= 3600;
    fr_chart_open(out, size.narrow ? "chart narrow" : "chart wide", size.width, a.bottom + 40,
                  "predicted and measured energy over the horizon of each rung");
    fr_chart_x_ticks(out, &a, 3600, fr_tick_wh, size.narrow ? 3 : 8);
    fr_chart_text(out, "axis", a.right, a.bottom + 34, "end", "energy over the horizon, log scale");
    double y = a.top + ROW / 2;
    for (size_t i = 0; i < v->n; i++) {
        const fr_view_rung *r = &v->rungs[i];
        if (!(r->predicted_j > 0 || r->horizon_j > 0))
            continue;
        fr_buf_put_f(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
                     r->chosen ? "label chosen" : "label", a.left - 12, y + 4);
        fr_put_escaped_n(out, r->name, size.narrow ? 14 : 22);
        fr_buf_put_s(out, "</text>");
        if (r->predicted_low_j > 0 && r->predicted_high_j > 0) {
            double x0 = fr_axes_x(&a, r->predicted_low_j), x1 = fr_axes_x(&a, r->predicted_high_j);
            fr_buf_put_f(out,
                         "<rect class=\"foreseen\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                         "height=\"10\" rx=\"5\"/>",
                         FR_MIN(x0, x1), y - 5, FR_MAX(fabs(x1 - x0), 10));
        }
        if (r->predicted_j > 0)
            fr_buf_put_f(out, "<path class=\"guess\" d=\"M%.1f %.1fv14\"/>",
                         fr_axes_x(&a, r->predicted_j), y - 7);
        if (r->horizon_low_j > 0 && r->horizon_high_j > 0)
            fr_buf_put_f(out, "<path class=\"%s\" d=\"M%.1f %.1fH%.1f\"/>",
                         r->chosen ? "bar chosen" : "bar", fr_axes_x(&a, r->horizon_low_j), y,
                         fr_axes_x(&a, r->horizon_high_j));
        if (r->horizon_j > 0)
            fr_buf_put_f(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>\n",
                         point_kind(r), fr_axes_x(&a, r->horizon_j), y);
        y += ROW;
    }
    fr_chart_close(out);
}
