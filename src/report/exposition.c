/*
 * Prometheus text format 0.0.4 and OpenMetrics 1.0
 * (prometheus.io/docs/instrumenting/exposition_formats,
 * prometheus.io/docs/specs/om/open_metrics_spec):
 *
 *     # HELP name text          one family after the other, each with all its points
 *     # TYPE name gauge         OpenMetrics: a counter's family has its name without _total
 *     # UNIT name joules        OpenMetrics only, where the name ends in it
 *     name{label="value"} 1.5
 *     # EOF                     OpenMetrics only
 *
 * In label values \, " and line feed are escaped; in help \ and line feed, and " in OpenMetrics.
 * A NUL or a byte that is no UTF-8 does not occur: labels are texts of ours and of checked inputs.
 */
#include <ctype.h>
#include <string.h>

#include "report/board.h"

static void put_name(fr_buf *out, const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool fits = isalpha((unsigned char)c) || c == '_' || c == ':' ||
                    (i > 0 && isdigit((unsigned char)c));
        fr_buf_put_c(out, fits ? c : '_');
    }
}

static void put_escaped(fr_buf *out, const char *text, bool quotes_too)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n')
            fr_buf_put_s(out, "\\n");
        else if (*c == '\\' || (*c == '"' && quotes_too))
            fr_buf_put_f(out, "\\%c", *c);
        else
            fr_buf_put_c(out, *c);
    }
}

static const char *const UNIT_WORDS[] = { NULL,    NULL,    NULL,      "joules", "watts",
                                          "grams", "bytes", "seconds", "hertz",  "celsius" };

static void put_head(fr_buf *out, const fr_series *s, fr_exposition form)
{
    size_t n = strlen(s->name);
    bool counts = s->kind == FR_SERIES_COUNTER;
    if (counts && form == FR_OPENMETRICS)
        n -= strlen("_total");
    fr_buf_put_s(out, "# HELP ");
    put_name(out, s->name, n);
    fr_buf_put_c(out, ' ');
    put_escaped(out, s->help, form == FR_OPENMETRICS);
    fr_buf_put_s(out, "\n# TYPE ");
    put_name(out, s->name, n);
    fr_buf_put_s(out, counts ? " counter\n" : " gauge\n");
    const char *unit = UNIT_WORDS[s->unit];
    fr_str name = { s->name, n };
    if (form != FR_OPENMETRICS || unit == NULL || !fr_str_ends(name, fr_str_of(unit)))
        return;
    fr_buf_put_s(out, "# UNIT ");
    put_name(out, s->name, n);
    fr_buf_put_f(out, " %s\n", unit);
}

static void put_point(fr_buf *out, const fr_point *p)
{
    put_name(out, p->series->name, strlen(p->series->name));
    for (size_t i = 0; i < p->n_labels; i++) {
        fr_buf_put_c(out, i == 0 ? '{' : ',');
        put_name(out, p->labels[i].key, strlen(p->labels[i].key));
        fr_buf_put_s(out, "=\"");
        put_escaped(out, p->labels[i].value, true);
        fr_buf_put_c(out, '"');
    }
    fr_buf_put_f(out, "%s %.10g\n", p->n_labels > 0 ? "}" : "", p->value);
}

void fr_exposition_put(const fr_board *b, fr_exposition form, fr_buf *out)
{
    size_t n_series, n;
    const fr_series *all = fr_series_all(&n_series);
    fr_board_lock(b);
    const fr_point *points = fr_board_points(b, &n);
    for (size_t s = 0; s < n_series; s++) {
        bool is_first = true;
        for (size_t i = 0; i < n; i++) {
            if (points[i].series != &all[s])
                continue;
            if (is_first)
                put_head(out, &all[s], form);
            is_first = false;
            put_point(out, &points[i]);
        }
    }
    fr_board_unlock(b);
    if (form == FR_OPENMETRICS)
        fr_buf_put_s(out, "# EOF\n");
}
