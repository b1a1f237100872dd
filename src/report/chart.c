/* Axes, ticks, and labels that keep out of each other's way, as SVG. Colours and type are the
 * page's (page_style.c), so that a chart follows light, dark and print by itself. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report_priv.h"

#define CHARACTER_W 6.6 /* of the label's type, on the wide side */
#define LINE_H      14.0

static double along(double v, double low, double high, bool log_scale)
{
    double ratio =
        log_scale ? (log10(v) - log10(low)) / (log10(high) - log10(low)) : (v - low) / (high - low);
    return isfinite(ratio) ? FR_MIN(FR_MAX(ratio, -0.05), 1.05) : 0;
}

double fr_axes_x(const fr_axes *a, double v)
{
    return a->left + along(v, a->x_low, a->x_high, a->x_log) * (a->right - a->left);
}

double fr_axes_y(const fr_axes *a, double v)
{
    return a->bottom - along(v, a->y_low, a->y_high, a->y_log) * (a->bottom - a->top);
}

void fr_log_range(double *low, double *high)
{
    double from = floor(log10(*low) + 1e-9), to = ceil(log10(*high) - 1e-9);
    if (to - from < 1)
        to = from + 1;
    *low = pow(10, from);
    *high = pow(10, to);
}

void fr_chart_open(fr_buf *out, const char *kind, double width, double height, const char *title)
{
    fr_buf_put_f(out, "<svg class=\"%s\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" ",
                 kind, width, height, width, height);
    fr_buf_put_s(out, "role=\"img\" aria-label=\"");
    fr_put_escaped(out, title);
    fr_buf_put_s(out, "\">\n");
}

void fr_chart_close(fr_buf *out)
{
    fr_buf_put_s(out, "</svg>\n");
}

void fr_chart_text(fr_buf *out, const char *kind, double x, double y, const char *anchor,
                   const char *text)
{
    fr_buf_put_f(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", kind, x, y,
                 anchor);
    fr_put_escaped(out, text);
    fr_buf_put_s(out, "</text>\n");
}

/* Up to `most` values in the axis' own unit: decades (every 2nd, 3rd… of many; 1-2-5 of few), or
 * even steps on a linear one. */
static size_t tick_values(double low, double high, bool log_scale, int most, double out[64])
{
    size_t n = 0;
    if (log_scale) {
        double decades = log10(high) - log10(low);
        int step = (int)ceil(decades / most);
        static const double FEW[] = { 1, 2, 5 };
        bool few = decades <= 1.01 && most >= 4;
        for (int e = (int)floor(log10(low) + 1e-9); e <= (int)ceil(log10(high) - 1e-9); e++)
            for (int k = 0; k < (few ? 3 : 1); k++) {
                double v = FEW[k] * pow(10, e);
                bool on_step = few || step <= 1 || (e - (int)floor(log10(low) + 1e-9)) % step == 0;
                if (v >= low * 0.999 && v <= high * 1.001 && on_step && n < 64)
                    out[n++] = v;
            }
        return n;
    }
    double rough = (high - low) / most;
    double unit = pow(10, floor(log10(rough)));
    double step = rough / unit <= 1   ? unit
                  : rough / unit <= 2 ? 2 * unit
                  : rough / unit <= 5 ? 5 * unit
                                      : 10 * unit;
    if (!(step > 0))
        return 0;
    for (double v = ceil(low / step - 1e-9) * step; v <= high + step * 1e-6 && n < 64; v += step)
        out[n++] = fabs(v) < step * 1e-6 ? 0 : v;
    return n;
}

/* unit: how much of the axis' value one of the labels' units is (3600 for Wh of J). */
void fr_chart_x_ticks(fr_buf *out, const fr_axes *a, double unit, fr_word_fn word, int most)
{
    double ticks[64];
    size_t n = tick_values(a->x_low / unit, a->x_high / unit, a->x_log, most, ticks);
    for (size_t i = 0; i < n; i++) {
        char text[FR_WORD];
        double x = fr_axes_x(a, ticks[i] * unit);
        word(ticks[i] * unit, text);
        fr_buf_put_f(out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", x, a->top, a->bottom);
        fr_chart_text(out, "tick", x, a->bottom + 16, "middle", text);
    }
}

void fr_chart_y_ticks(fr_buf *out, const fr_axes *a, double unit, fr_word_fn word, int most)
{
    double ticks[64];
    size_t n = tick_values(a->y_low / unit, a->y_high / unit, a->y_log, most, ticks);
    for (size_t i = 0; i < n; i++) {
        char text[FR_WORD];
        double y = fr_axes_y(a, ticks[i] * unit);
        word(ticks[i] * unit, text);
        fr_buf_put_f(out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>", a->left, y, a->right);
        fr_chart_text(out, "tick", a->left - 7, y + 4, "end", text);
    }
}

void fr_boxes_add(fr_boxes *boxes, double x0, double y0, double x1, double y1)
{
    if (boxes->n < FR_COUNT_OF(boxes->at))
        boxes->at[boxes->n++] = (fr_box){ x0, y0, x1, y1 };
}

static double covered(const fr_boxes *boxes, fr_box b)
{
    double sum = 0;
    for (size_t i = 0; i < boxes->n; i++) {
        const fr_box *o = &boxes->at[i];
        double w = FR_MIN(b.x1, o->x1) - FR_MAX(b.x0, o->x0);
        double h = FR_MIN(b.y1, o->y1) - FR_MAX(b.y0, o->y0);
        if (w > 0 && h > 0)
            sum += w * h;
    }
    return sum;
}

/* Tries places in rings around the point; the first that covers nothing, else the least covering.
 */
void fr_chart_label(fr_buf *out, fr_boxes *boxes, const fr_axes *a, double x, double y,
                    const char *kind, const char *text)
{
    static const double SIDES[][2] = { { 1, 0 }, { -1, 0 }, { 1, -1 }, { -1, -1 },
                                       { 1, 1 }, { -1, 1 }, { 0, -1 }, { 0, 1 } };
    double width = (double)fr_characters(text) * CHARACTER_W, best_cost = INFINITY;
    fr_box best = { 0 };
    int best_ring = 0;
    for (int ring = 0; ring < 8 && best_cost > 0.5; ring++)
        for (size_t s = 0; s < FR_COUNT_OF(SIDES); s++) {
            double reach_x = 9 + 4.0 * ring, reach_y = (SIDES[s][0] == 0 ? 9 : 5) + LINE_H * ring;
            double cx = x + SIDES[s][0] * reach_x + (SIDES[s][0] - 1) * width / 2;
            double cy = y + SIDES[s][1] * (reach_y + LINE_H / 2) - LINE_H / 2;
            fr_box b = { cx, cy, cx + width, cy + LINE_H };
            bool inside = b.x0 >= a->left + 1 && b.x1 <= a->right + 6 && b.y0 >= a->top - 8 &&
                          b.y1 <= a->bottom - 1;
            double cost = covered(boxes, b) + (inside ? 0 : 5000) + ring * 0.4;
            if (cost < best_cost - 0.01) {
                best_cost = cost;
                best = b;
                best_ring = ring;
            }
        }
    if (best_ring > 0) { /* too far to be read as belonging to it: a line says so */
        double to_x = FR_MIN(FR_MAX(x, best.x0), best.x1);
        double to_y = FR_MIN(FR_MAX(y, best.y0 + 2), best.y1 - 2);
        fr_buf_put_f(out, "<path class=\"lead\" d=\"M%.1f %.1fL%.1f %.1f\"/>", x, y, to_x, to_y);
    }
    fr_boxes_add(boxes, best.x0, best.y0, best.x1, best.y1);
    fr_chart_text(out, kind, best.x0, best.y1 - 3, "start", text);
}
