/*
 * A line of the exposition format (prometheus.io/docs/instrumenting/exposition_formats):
 *
 *     name{label="value",label="value",} 12.5 1395066363000
 *     name 12.5 # {trace_id="x"} 0.5           OpenMetrics: an exemplar behind
 *     # HELP …, # TYPE …, # EOF                passed over
 *
 * name: [a-zA-Z_:][a-zA-Z0-9_:]*; label: without the colon; in values \\, \" and \n are escaped.
 * value: a number, NaN, +Inf or -Inf.
 */
#include "meter/prometheus_text.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

static bool is_name(char c, bool first)
{
    return isalpha((unsigned char)c) || c == '_' || c == ':' ||
           (!first && isdigit((unsigned char)c));
}

static size_t name_length(fr_str s)
{
    size_t n = 0;
    while (n < s.n && is_name(s.at[n], n == 0))
        n++;
    return n;
}

static void skip(fr_str *s, size_t n)
{
    s->at += n;
    s->n -= n;
}

static void skip_blanks(fr_str *s)
{
    while (s->n > 0 && (*s->at == ' ' || *s->at == '\t'))
        skip(s, 1);
}

/* One label="value", off the front; false at anything else. raw: the value with its escapes. */
static bool next_label(fr_str *s, fr_str *name, fr_str *raw)
{
    skip_blanks(s);
    size_t n = name_length(*s);
    *name = (fr_str){ s->at, n };
    skip(s, n);
    skip_blanks(s);
    if (n == 0 || s->n < 2 || s->at[0] != '=')
        return false;
    skip(s, 1);
    skip_blanks(s);
    if (s->n == 0 || s->at[0] != '"')
        return false;
    skip(s, 1);
    size_t end = 0;
    while (end < s->n && s->at[end] != '"')
        end += s->at[end] == '\\' ? 2 : 1;
    if (end >= s->n)
        return false;
    *raw = (fr_str){ s->at, end };
    skip(s, end + 1);
    skip_blanks(s);
    if (s->n > 0 && *s->at == ',')
        skip(s, 1);
    return true;
}

/* The length of what stands in the braces; false: they are not closed. */
static bool labels_end(fr_str s, size_t *n)
{
    fr_str rest = s, name, raw;
    for (;;) {
        skip_blanks(&rest);
        if (rest.n == 0)
            return false;
        if (*rest.at == '}') {
            *n = (size_t)(rest.at - s.at);
            return true;
        }
        if (!next_label(&rest, &name, &raw))
            return false;
    }
}

static bool is_word(fr_str s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.at, word, s.n) == 0;
}

static bool value_of(fr_str s, double *out)
{
    static const struct {
        const char *word;
        double value;
    } WORDS[] = {
        { "nan", NAN }, { "+inf", INFINITY }, { "inf", INFINITY }, { "-inf", -INFINITY }
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (is_word(s, WORDS[i].word)) {
            *out = WORDS[i].value;
            return true;
        }
    }
    return fr_str_to_f64(s, out);
}

static bool parse_line(fr_str line, fr_prometheus_sample *out)
{
    size_t n = name_length(line);
    if (n == 0)
        return false;
    *out = (fr_prometheus_sample){ .name = { line.at, n } };
    skip(&line, n);
    skip_blanks(&line);
    if (line.n > 0 && *line.at == '{') {
        skip(&line, 1);
        if (!labels_end(line, &n))
            return false;
        out->labels = (fr_str){ line.at, n };
        skip(&line, n + 1);
        skip_blanks(&line);
    }
    n = 0;
    while (n < line.n && line.at[n] != ' ' && line.at[n] != '\t')
        n++;
    return n > 0 && value_of((fr_str){ line.at, n }, &out->value);
}

bool fr_prometheus_next(fr_prometheus_text *in, fr_prometheus_sample *out)
{
    fr_str line;
    while (fr_str_next(&in->rest, '\n', &line)) {
        line = fr_str_trim(line);
        if (line.n == 0 || *line.at == '#')
            continue;
        if (parse_line(line, out))
            return true;
        in->n_wrong++;
    }
    return false;
}

static void unescape(fr_str raw, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < raw.n && n + 1 < size; i++) {
        char c = raw.at[i];
        if (c == '\\' && i + 1 < raw.n) {
            c = raw.at[++i];
            c = c == 'n' ? '\n' : c;
        }
        out[n++] = c;
    }
    out[n] = '\0';
}

bool fr_prometheus_label(fr_str labels, const char *name, char *out, size_t size)
{
    fr_str key, raw;
    while (labels.n > 0 && next_label(&labels, &key, &raw)) {
        if (fr_str_is(key, name)) {
            unescape(raw, out, size);
            return true;
        }
    }
    return false;
}
