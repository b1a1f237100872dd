/* The verdict for a terminal: a table that fits 80 columns, and a plot made of characters. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "report/report_priv.h"

#define BOLD  "\033[1m"
#define GREEN "\033[32m"
#define DIM   "\033[2m"
#define PLAIN "\033[0m"

static bool is_utf8(void)
{
    static const char *const NAMES[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        const char *value = getenv(NAMES[i]);
        if (value != NULL && value[0] != '\0')
            return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
    return false;
}

/* Length of the character that begins here; a broken one counts for itself. */
static size_t character(const char *at)
{
    unsigned char c = (unsigned char)*at;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)at[i] & 0xc0) != 0x80)
            return i;
    return n;
}

/* Printable on any terminal: control characters go; without UTF-8 so does what is beyond ASCII. */
static void put_character(fr_buf *out, const char *at, size_t n, bool utf8)
{
    if (fr_unprintable(at) > 0) {
        fr_buf_put_c(out, ' ');
    } else if (n == 1) {
        fr_buf_put_c(out, *at);
    } else if (n == 3 && memcmp(at, "\xe2\x80\xaf", 3) == 0) {
        fr_buf_put_c(out, ' '); /* the thin space: few terminals' fonts have it */
    } else if (utf8) {
        fr_buf_put(out, at, n);
    } else {
        fr_buf_put_c(out, n == 2 && memcmp(at, "\xc2\xb5", 2) == 0       ? 'u'
                          : n == 3 && memcmp(at, "\xe2\x80\x93", 3) == 0 ? '-'
                                                                         : '?');
    }
}

/* width < 0: to the right. A text that is too long ends in an ellipsis. */
static void put_cell(fr_buf *out, const char *text, int width, bool utf8)
{
    int room = abs(width), n = (int)fr_characters(text);
    for (int i = n; width < 0 && i < room; i++)
        fr_buf_put_c(out, ' ');
    int shown = 0;
    for (const char *c = text; *c != '\0' && shown < room; shown++) {
        size_t size = character(c);
        if (n > room && shown == room - 1) {
            fr_buf_put_s(out, utf8 ? "\xe2\x80\xa6" : ".");
            break;
        }
        put_character(out, c, size, utf8);
        c += size;
    }
    for (int i = n; width > 0 && i < room; i++)
        fr_buf_put_c(out, ' ');
}

static void word_cpu(double s, char out[FR_WORD])
{
    if (!isfinite(s))
        snprintf(out, FR_WORD, "\xe2\x80\x93");
    else if (s < 1e-3)
        snprintf(out, FR_WORD, "%.3g \xc2\xb5s", s * 1e6);
    else if (s < 1)
        snprintf(out, FR_WORD, "%.3g ms", s * 1e3);
    else if (s < 9999)
        snprintf(out, FR_WORD, "%.3g s", s);
    else
        snprintf(out, FR_WORD, "%.3g h", s / 3600);
}

typedef struct {
    int name, standing;
} widths;

static const char *short_standing(const fr_view_rung *r)
{
    const char *standing = r->chosen ? "chosen" : fr_view_standing(r);
    return strcmp(standing, "below target") == 0  ? "below"
           : strcmp(standing, "not certain") == 0 ? "unsure"
           : strcmp(standing, "undecided") == 0   ? "open"
                                                  : standing;
}

static void put_row(const fr_view_rung *r, widths w, bool colour, bool utf8, fr_buf *out)
{
    char text[FR_WORD], interval[2 * FR_WORD];
    const char *paint = !colour ? "" : r->chosen ? BOLD GREEN : r->met == FR_MET_YES ? "" : DIM;
    fr_buf_put_s(out, paint);
    fr_buf_put_s(out, !r->chosen ? "  " : utf8 ? "\xe2\x96\xb8 " : "> ");
    put_cell(out, r->name, w.name, utf8);
    fr_word_score(r->quality, text);
    put_cell(out, text, -6, utf8);
    interval[0] = '\0';
    if (isfinite(r->ci_low) && isfinite(r->ci_high))
        snprintf(interval, sizeof(interval), "%.*f-%.*f", fabs(r->ci_high) < 10 ? 2 : 0, r->ci_low,
                 fabs(r->ci_high) < 10 ? 2 : 0, r->ci_high);
    put_cell(out, interval, -10, utf8);
    fr_word_j(r->build_j, text);
    put_cell(out, text, -8, utf8);
    fr_word_j(r->request_j, text);
    put_cell(out, text, -8, utf8);
    word_cpu(r->cpu_s_request, text);
    put_cell(out, text, -8, utf8);
    fr_word_wh(r->horizon_j, text);
    put_cell(out, text, -9, utf8);
    fr_word_g(r->carbon_horizon_g, text);
    put_cell(out, text, -8, utf8);
    fr_buf_put_c(out, ' ');
    put_cell(out, short_standing(r), w.standing, utf8);
    while (out->n > 0 && out->at[out->n - 1] == ' ')
        out->at[--out->n] = '\0';
    fr_buf_put_s(out, paint[0] != '\0' ? PLAIN : "");
    fr_buf_put_c(out, '\n');
}

void fr_report_table(const json_t *verdict, int columns, bool colour, fr_buf *out)
{
    FR_AUTO(fr_view) v = { 0 };
    fr_view_init(&v, verdict);
    bool utf8 = is_utf8();
    columns = FR_MAX(columns, 78);
    /* fixed: mark 2, score 6, interval 10, four energies 8 8 8 9, carbon 8, a space: 60 */
    widths w = { .standing = columns >= 96 ? 13 : 7 };
    size_t longest = 8;
    for (size_t i = 0; i < v.n; i++)
        longest = FR_MAX(longest, fr_characters(v.rungs[i].name));
    w.name = (int)FR_MIN(longest, (size_t)FR_MAX(columns - 60 - w.standing, 8));
    fr_buf_put_s(out, colour ? DIM : "");
    fr_buf_put_s(out, "  ");
    put_cell(out, "rung", w.name, utf8);
    static const char *const HEADS[] = { "score",   "95%",     "build", "request",
                                         "CPU/req", "horizon", "CO2e" };
    static const int WIDTHS[] = { -6, -10, -8, -8, -8, -9, -8 };
    for (size_t i = 0; i < FR_COUNT_OF(HEADS); i++)
        put_cell(out, HEADS[i], WIDTHS[i], utf8);
    fr_buf_put_s(out, colour ? PLAIN "\n" : "\n");
    for (size_t i = 0; i < v.n; i++)
        put_row(&v.rungs[i], w, colour, utf8, out);
}

/* ---- plot ---- */

typedef struct {
    const char *text; /* of one character; NULL: empty */
    size_t n;
} cell;

typedef struct {
    int columns, rows, left;
    cell *at; /* [rows][columns] */
} canvas;

static cell *at_cell(canvas *c, int column, int row)
{
    if (column < 0 || row < 0 || column >= c->columns || row >= c->rows)
        return NULL;
    return &c->at[row * c->columns + column];
}

static void put_at(canvas *c, int column, int row, const char *text)
{
    cell *one = at_cell(c, column, row);
    if (one != NULL)
        *one = (cell){ text, character(text) };
}

static bool is_free(canvas *c, int column, int row, int n)
{
    for (int i = 0; i < n; i++) {
        cell *one = at_cell(c, column + i, row);
        if (one == NULL || (one->text != NULL && one->text[0] != '-' &&
                            strncmp(one->text, "\xe2\x94\x84", 3) != 0))
            return false;
    }
    return true;
}

static void write_at(canvas *c, int column, int row, const char *text)
{
    for (; *text != '\0'; text += character(text))
        put_at(c, column++, row, text);
}

/* Right of the point, left of it, above, below: the first place that is free. */
static void put_name(canvas *c, int column, int row, const char *name)
{
    int n = (int)fr_characters(name);
    const int PLACES[][2] = { { column + 2, row },         { column - n - 1, row },
                              { column + 1, row - 1 },     { column + 1, row + 1 },
                              { column - n, row - 1 },     { column - n, row + 1 },
                              { column - n / 2, row - 2 }, { column - n / 2, row + 2 } };
    for (size_t i = 0; i < FR_COUNT_OF(PLACES); i++)
        if (PLACES[i][0] > 0 && is_free(c, PLACES[i][0], PLACES[i][1], n)) {
            write_at(c, PLACES[i][0], PLACES[i][1], name);
            return;
        }
}

static void plot_range(const fr_view *v, double *low_j, double *high_j, double *low, double *high)
{
    *low_j = INFINITY;
    *high_j = 0;
    *low = isfinite(v->target) ? v->target : INFINITY;
    *high = isfinite(v->target) ? v->target : -INFINITY;
    for (size_t i = 0; i < v->n; i++) {
        const fr_view_rung *r = &v->rungs[i];
        if (!fr_view_has_score(r) || !(r->request_j > 0))
            continue;
        *low_j = fmin(*low_j, r->request_j);
        *high_j = fmax(*high_j, r->request_j);
        *low = fmin(*low, r->quality);
        *high = fmax(*high, r->quality);
    }
    if (*low >= 0 && *high <= 1) {
        *low = 0;
        *high = 1;
    } else if (!(*high > *low)) {
        *high = *low + 1;
    }
}

static void put_canvas(const canvas *c, double low, double high, bool utf8, fr_buf *out)
{
    for (int row = 0; row < c->rows; row++) {
        char label[16] = "";
        if (row == 0 || row == c->rows - 1 || row == (c->rows - 1) / 2)
            snprintf(label, sizeof(label), "%.3g",
                     high - (high - low) * row / (double)(c->rows - 1));
        put_cell(out, label, -c->left, utf8);
        fr_buf_put_s(out, utf8 ? " \xe2\x94\x82" : " |");
        size_t line = out->n;
        for (int column = 0; column < c->columns; column++) {
            const cell *one = &c->at[row * c->columns + column];
            if (one->text != NULL)
                put_character(out, one->text, one->n, utf8);
            else
                fr_buf_put_c(out, ' ');
        }
        while (out->n > line && out->at[out->n - 1] == ' ')
            out->at[--out->n] = '\0';
        fr_buf_put_c(out, '\n');
    }
}

void fr_report_plot(const json_t *verdict, int columns, int rows, fr_buf *out)
{
    FR_AUTO(fr_view) v = { 0 };
    fr_view_init(&v, verdict);
    if (!fr_view_has_points(&v, false))
        return;
    bool utf8 = is_utf8();
    double low_j, high_j, low, high;
    plot_range(&v, &low_j, &high_j, &low, &high);
    low_j /= 1.6;
    high_j *= 1.6;
    canvas c = { .left = 6, .rows = FR_MIN(FR_MAX(rows, 6), 60) };
    c.columns = FR_MIN(FR_MAX(columns, 40), 400) - c.left - 3;
    c.at = FR_NEW_N(cell, (size_t)c.columns * (size_t)c.rows);
    if (isfinite(v.target)) {
        int row = (int)lround((high - v.target) / (high - low) * (c.rows - 1));
        for (int i = 0; i < c.columns; i++)
            put_at(&c, i, row, utf8 ? "\xe2\x94\x84" : "-");
        write_at(&c, c.columns - 7, row, " target");
    }
    int *where = FR_NEW_N(int, 2 * v.n);
    for (size_t i = 0; i < v.n; i++) {
        const fr_view_rung *r = &v.rungs[i];
        where[2 * i] = -1;
        if (!fr_view_has_score(r) || !(r->request_j > 0))
            continue;
        double x = (log(r->request_j) - log(low_j)) / (log(high_j) - log(low_j));
        where[2 * i] = (int)lround(x * (c.columns - 1));
        where[2 * i + 1] = (int)lround((high - r->quality) / (high - low) * (c.rows - 1));
        const char *mark = r->chosen              ? (utf8 ? "\xe2\x97\x86" : "#")
                           : r->met == FR_MET_YES ? (utf8 ? "\xe2\x97\x8f" : "*")
                                                  : (utf8 ? "\xe2\x97\x8b" : "o");
        put_at(&c, where[2 * i], where[2 * i + 1], mark);
    }
    for (size_t i = 0; i < v.n; i++)
        if (where[2 * i] >= 0)
            put_name(&c, where[2 * i], where[2 * i + 1], v.rungs[i].name);
    fr_buf_put_f(out, "%*s", c.left - 4, "");
    put_cell(out, v.metric, 24, utf8);
    fr_buf_put_c(out, '\n');
    put_canvas(&c, low, high, utf8, out);
    fr_buf_put_f(out, "%*s%s", c.left + 1, "", utf8 ? "\xe2\x94\x94" : "+");
    for (int i = 0; i < c.columns; i++)
        fr_buf_put_s(out, utf8 ? "\xe2\x94\x80" : "-");
    char a[FR_WORD], b[FR_WORD];
    fr_word_j(low_j, a);
    fr_word_j(high_j, b);
    fr_buf_put_f(out, "\n%*s", c.left + 2, "");
    put_cell(out, a, 12, utf8);
    put_cell(out, "energy per request, log scale", c.columns - 24, utf8);
    put_cell(out, b, -12, utf8);
    fr_buf_put_s(out, "\n");
    free(where);
    free(c.at);
}
