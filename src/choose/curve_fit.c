/* The line through a curve's points, and its picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "choose/curve.h"

enum { TERMS = 3 };

/* Solves the terms that are in use by Gauss's way; false: they cannot be told apart. */
static bool solve(double a[TERMS][TERMS + 1], const bool use[TERMS], double x[TERMS])
{
    double m[TERMS][TERMS + 1];
    memcpy(m, a, sizeof(m));
    for (size_t i = 0; i < TERMS; i++) {
        for (size_t k = 0; k <= TERMS; k++) {
            if (!use[i] || (k < TERMS && !use[k]))
                m[i][k] = k == i ? 1 : 0;
        }
    }
    for (size_t i = 0; i < TERMS; i++) {
        size_t best = i;
        for (size_t r = i + 1; r < TERMS; r++)
            best = fabs(m[r][i]) > fabs(m[best][i]) ? r : best;
        for (size_t k = 0; k <= TERMS; k++) {
            double t = m[i][k];
            m[i][k] = m[best][k];
            m[best][k] = t;
        }
        if (fabs(m[i][i]) < 1e-12)
            return false;
        for (size_t r = 0; r < TERMS; r++) {
            double f = r != i ? m[r][i] / m[i][i] : 0;
            for (size_t k = 0; k <= TERMS; k++)
                m[r][k] -= f * m[i][k];
        }
    }
    for (size_t i = 0; i < TERMS; i++)
        x[i] = use[i] ? m[i][TERMS] / m[i][i] : 0;
    return true;
}

/* Bytes are counted in megabytes here, so that the numbers are of one size. */
static void terms_of(const fr_curve_point *p, double x[TERMS])
{
    x[0] = 1;
    x[1] = p->weight_bytes * 1e-6;
    x[2] = p->kv_bytes * 1e-6;
}

fr_curve_fit fr_curve_fit_of(const fr_curve *c)
{
    fr_curve_fit none = { NAN, NAN, NAN, NAN, NAN };
    double a[TERMS][TERMS + 1] = { { 0 } }, x[TERMS], w[TERMS] = { 0 }, joules = 0, seconds = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        double y = c->at[i].write_cpu_s;
        if (!(y > 0))
            continue;
        terms_of(&c->at[i], x);
        for (size_t r = 0; r < TERMS; r++) { /* each row divided by y: errors are relative */
            for (size_t k = 0; k < TERMS; k++)
                a[r][k] += x[r] * x[k] / (y * y);
            a[r][TERMS] += x[r] / y;
        }
        joules += c->at[i].write_j;
        seconds += y;
        n++;
    }
    bool use[TERMS] = { true, true, true };
    if (n < 3)
        return none;
    for (size_t tries = 0; tries < TERMS; tries++) { /* a term below zero is left out */
        if (!solve(a, use, w))
            return none;
        size_t worst = TERMS;
        for (size_t i = 0; i < TERMS; i++) {
            if (w[i] < 0 && (worst == TERMS || w[i] < w[worst]))
                worst = i;
        }
        if (worst == TERMS)
            break;
        use[worst] = false;
        w[worst] = 0;
    }
    fr_curve_fit f = { fmax(w[0], 0), fmax(w[1], 0) * 1e-6, fmax(w[2], 0) * 1e-6, joules / seconds,
                       0 };
    for (size_t i = 0; i < c->n; i++) {
        const fr_curve_point *p = &c->at[i];
        if (p->write_cpu_s > 0)
            f.worst_ratio =
                fmax(f.worst_ratio,
                     fabs(fr_curve_cpu_s(&f, p->weight_bytes, p->kv_bytes) / p->write_cpu_s - 1));
    }
    return f;
}

double fr_curve_cpu_s(const fr_curve_fit *f, double weight_bytes, double kv_bytes)
{
    return f->fixed_s + f->weight_s_per_byte * weight_bytes + f->kv_s_per_byte * kv_bytes;
}

/* ---- the picture -------------------------------------------------------------------------- */

enum { WIDTH = 640, HEIGHT = 400, LEFT = 70, RIGHT = 170, TOP = 30, BOTTOM = 50 };

typedef struct {
    double low_x, high_x, low_y, high_y; /* logarithms */
} frame;

static double x_of(const frame *f, double v)
{
    double span = fmax(f->high_x - f->low_x, 1e-9);
    return LEFT + (log10(v) - f->low_x) / span * (WIDTH - LEFT - RIGHT);
}

static double y_of(const frame *f, double v)
{
    double span = fmax(f->high_y - f->low_y, 1e-9);
    return HEIGHT - BOTTOM - (log10(v) - f->low_y) / span * (HEIGHT - TOP - BOTTOM);
}

static void put_text(fr_buf *out, double x, double y, const char *anchor, const char *text)
{
    fr_buf_put_f(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    for (; *text != '\0'; text++)
        fr_buf_put_html(out, *text);
    fr_buf_put_s(out, "</text>\n");
}

static void put_line(const fr_curve *c, size_t first, const frame *f, size_t number, fr_buf *out)
{
    static const char *const COLOURS[] = { "#0b6e4f", "#c8553d", "#3d5a80", "#8a6d00", "#6a4c93" };
    const char *colour = COLOURS[number % FR_COUNT_OF(COLOURS)];
    const fr_curve_point *p = &c->at[first];
    double x = 0, y = 0;
    fr_buf_put_f(out, "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"%s\" points=\"", colour);
    for (size_t i = first; i < c->n; i++) {
        if (strcmp(c->at[i].model, p->model) != 0 || !(c->at[i].write_cpu_s > 0))
            continue;
        x = x_of(f, c->at[i].length);
        y = y_of(f, c->at[i].write_cpu_s);
        fr_buf_put_f(out, "%.1f,%.1f ", x, y);
    }
    fr_buf_put_s(out, "\"/>\n");
    put_text(out, x + 6, y + 4, "start", p->model);
}

void fr_curve_svg(const fr_curve *c, fr_buf *out)
{
    frame f = { INFINITY, -INFINITY, INFINITY, -INFINITY };
    for (size_t i = 0; i < c->n; i++) {
        if (!(c->at[i].write_cpu_s > 0))
            continue;
        f.low_x = fmin(f.low_x, log10(c->at[i].length));
        f.high_x = fmax(f.high_x, log10(c->at[i].length));
        f.low_y = fmin(f.low_y, floor(log10(c->at[i].write_cpu_s)));
        f.high_y = fmax(f.high_y, ceil(log10(c->at[i].write_cpu_s)));
    }
    fr_buf_put_f(out,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
                 "font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"%d\" height=\"%d\" "
                 "fill=\"#fff\"/>\n",
                 WIDTH, HEIGHT, WIDTH, HEIGHT);
    put_text(out, LEFT, TOP - 12, "start", "CPU-seconds of a written token");
    put_text(out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12, "middle", "tokens before it");
    for (double e = f.low_y; e <= f.high_y; e++) {
        char label[16];
        snprintf(label, sizeof(label), "1e%.0f", e);
        fr_buf_put_f(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n",
                     LEFT, WIDTH - RIGHT, y_of(&f, pow(10, e)), y_of(&f, pow(10, e)));
        put_text(out, LEFT - 6, y_of(&f, pow(10, e)) + 4, "end", label);
    }
    for (size_t i = 0, number = 0; i < c->n; i++) {
        char label[24];
        bool seen_model = false, seen_length = false;
        for (size_t k = 0; k < i; k++) {
            seen_model = seen_model || strcmp(c->at[k].model, c->at[i].model) == 0;
            seen_length = seen_length || c->at[k].length == c->at[i].length;
        }
        if (!seen_length) {
            snprintf(label, sizeof(label), "%.0f", c->at[i].length);
            put_text(out, x_of(&f, c->at[i].length), HEIGHT - BOTTOM + 16, "middle", label);
        }
        if (!seen_model)
            put_line(c, i, &f, number++, out);
    }
    fr_buf_put_s(out, "</svg>\n");
}
