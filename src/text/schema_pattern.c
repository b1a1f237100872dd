/*
 * `pattern`: a regular expression (the subset of ECMA-262 that is one) as grammar of the inside of
 * a JSON string.
 *
 *   ways     sequence | sequence …
 *   sequence item item …            ^ and $ only at the ends of the pattern's own ways
 *   item     one * + ? {m} {m,} {m,n}, each maybe followed by ? (lazy: the same texts)
 *   one      a character, . \d \D \w \W \s \S \t \n \r \f \v \xHH \uHHHH \u{H…}, another escaped
 *            sign, [class], (group), (?:group)
 *
 * A character that JSON escapes is written escaped; control characters without a short escape are
 * left out. Where length limits stand beside the pattern, its only open repetition (of single
 * characters, beside parts of fixed length) takes them over; else they must be met anyway.
 */
#include "text/schema_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/utf8.h"

enum { DEEP = 64, REPEAT_MAX = 10000 };
#define LAST_CHARACTER 0x10FFFF

typedef struct {
    uint32_t first, last;
} span;

typedef struct {
    span *at; /* owned */
    size_t n, cap;
} spans;

/* Something written, and how many characters it is. */
typedef struct {
    fr_buf text; /* owned */
    size_t least, most;
    /* when it is one repetition of something of a single character, that is kept apart */
    fr_buf single; /* owned; empty: it is not */
    size_t from, to;
} piece;

typedef struct {
    schema_work *w;
    fr_str text;
    size_t at;
} reader;

static void piece_fini(piece *p)
{
    fr_buf_fini(&p->text);
    fr_buf_fini(&p->single);
}

static int refuse(reader *r, const char *what)
{
    return fr_schema_fail(r->w, FR_E_FORMAT,
                          "A pattern has literals, classes, groups, | * + ? {m,n}, and ^ and $ at "
                          "its ends.",
                          "pattern, character %zu: %s", r->at + 1, what);
}

static int peek(const reader *r)
{
    return r->at < r->text.n ? (unsigned char)r->text.at[r->at] : -1;
}

static bool take(reader *r, char c)
{
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

static uint32_t take_character(reader *r)
{
    uint32_t c = 0;
    r->at += fr_utf8_next((fr_str){ r->text.at + r->at, r->text.n - r->at }, &c);
    return c;
}

/* ---- sets of characters ---------------------------------------------------------------------- */

static void add(spans *s, uint32_t first, uint32_t last)
{
    FR_GROW(s->at, s->n, s->cap);
    s->at[s->n++] = (span){ first, last };
}

static int by_first(const void *a, const void *b)
{
    const span *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static void settle(spans *s)
{
    size_t kept = 0;
    if (s->n > 1)
        fr_sort(s->at, s->n, sizeof(*s->at), by_first);
    for (size_t i = 0; i < s->n; i++) {
        if (kept > 0 && s->at[i].first <= s->at[kept - 1].last + 1)
            s->at[kept - 1].last = FR_MAX(s->at[kept - 1].last, s->at[i].last);
        else
            s->at[kept++] = s->at[i];
    }
    s->n = kept;
}

static void negate(spans *s)
{
    spans all = { 0 };
    uint32_t next = 0;
    settle(s);
    for (size_t i = 0; i < s->n; i++) {
        if (s->at[i].first > next)
            add(&all, next, s->at[i].first - 1);
        next = s->at[i].last + 1;
    }
    if (next <= LAST_CHARACTER)
        add(&all, next, LAST_CHARACTER);
    free(s->at);
    *s = all;
}

static void join(spans *to, spans *from, bool negated)
{
    if (negated)
        negate(from);
    for (size_t i = 0; i < from->n; i++)
        add(to, from->at[i].first, from->at[i].last);
    free(from->at);
    *from = (spans){ 0 };
}

/* \d \w \s and their opposites; false: another letter. Other languages than ECMA's count letters
 * and digits of all scripts, so their opposites are kept to ASCII: valid under both. */
static bool add_named(spans *to, char name)
{
    static const span SPACES[] = { { 9, 13 },          { ' ', ' ' },       { 0xA0, 0xA0 },
                                   { 0x1680, 0x1680 }, { 0x2000, 0x200A }, { 0x2028, 0x2029 },
                                   { 0x202F, 0x202F }, { 0x205F, 0x205F }, { 0x3000, 0x3000 },
                                   { 0xFEFF, 0xFEFF } };
    spans s = { 0 };
    switch (name | 0x20) {
    case 'd':
        add(&s, '0', '9');
        break;
    case 'w':
        add(&s, '0', '9');
        add(&s, 'A', 'Z');
        add(&s, 'a', 'z');
        add(&s, '_', '_');
        break;
    case 's':
        for (size_t i = 0; i < FR_COUNT_OF(SPACES); i++)
            add(&s, SPACES[i].first, SPACES[i].last);
        break;
    default:
        return false;
    }
    if (name == 'D' || name == 'W')
        add(&s, 0x80, LAST_CHARACTER);
    join(to, &s, name < 'a');
    return true;
}

static int take_hex(reader *r, size_t digits, uint32_t *out)
{
    char text[9] = "";
    char *end = NULL;
    bool braces = digits == 4 && take(r, '{');
    size_t n = 0;
    while (n < (braces ? 6 : digits) && peek(r) >= 0 && strchr("0123456789abcdefABCDEF", peek(r)))
        text[n++] = r->text.at[r->at++];
    *out = (uint32_t)strtoul(text, &end, 16);
    if (n == 0 || (!braces && n != digits) || (braces && !take(r, '}')) || *out > LAST_CHARACTER)
        return refuse(r, "an escape without its hexadecimal digits");
    return 0;
}

/* Behind a backslash: a single character, or a named set (*single false). */
static int take_escape(reader *r, bool in_class, spans *set, uint32_t *c, bool *single)
{
    static const char LETTERS[] = "tnrfv", CODES[] = "\t\n\r\f\v";
    int letter = peek(r);
    if (letter < 0)
        return refuse(r, "it ends behind a backslash");
    *single = !add_named(set, (char)letter);
    if (!*single) {
        r->at++;
        return 0;
    }
    if (letter == 'x' || letter == 'u') {
        r->at++;
        return take_hex(r, letter == 'x' ? 2 : 4, c);
    }
    const char *known = strchr(LETTERS, letter);
    bool word =
        (letter >= '0' && letter <= '9') || ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z');
    if (known != NULL) {
        *c = (uint32_t)CODES[known - LETTERS];
        r->at++;
    } else if (letter == 'b' && in_class) {
        *c = '\b';
        r->at++;
    } else if (word) {
        return refuse(r, letter >= '1' && letter <= '9'   ? "references back are not supported"
                         : letter == 'b' || letter == 'B' ? "word borders are not supported"
                                                          : "this escape is not supported");
    } else {
        *c = take_character(r);
    }
    return 0;
}

static int take_class(reader *r, spans *out)
{
    bool negated = take(r, '^'), named = false;
    spans set = { 0 };
    int rc = 0;
    while (rc == 0 && peek(r) != ']') {
        uint32_t first = 0, last = 0;
        bool single = true;
        if (peek(r) < 0) {
            rc = refuse(r, "it ends inside a class");
        } else if (take(r, '\\')) {
            named |= peek(r) == 'd' || peek(r) == 'w';
            rc = take_escape(r, true, &set, &first, &single);
        } else {
            first = take_character(r);
        }
        if (rc != 0 || !single)
            continue;
        last = first;
        if (peek(r) == '-' && r->at + 1 < r->text.n && r->text.at[r->at + 1] != ']') {
            r->at++;
            if (take(r, '\\'))
                rc = take_escape(r, true, &set, &last, &single);
            else
                last = take_character(r);
            if (rc == 0 && (!single || last < first))
                rc = refuse(r, "a range of a class runs backwards");
        }
        add(&set, first, last);
    }
    r->at += rc == 0;
    if (negated && named)
        add(&set, 0x80, LAST_CHARACTER); /* as \W and \D */
    join(out, &set, negated && rc == 0);
    return rc;
}

/* ---- a set, as the inside of a JSON string --------------------------------------------------- */

static bool holds(const spans *s, uint32_t c)
{
    for (size_t i = 0; i < s->n; i++) {
        if (c >= s->at[i].first && c <= s->at[i].last)
            return true;
    }
    return false;
}

static void put_plain(fr_buf *out, uint32_t first, uint32_t last)
{
    if (first <= last)
        fr_buf_put_f(out, "\\U%08X-\\U%08X", first, last);
}

/* Without what JSON must escape. */
static void put_span(fr_buf *out, uint32_t first, uint32_t last)
{
    static const uint32_t LEFT_OUT[] = { '"', '\\' };
    first = FR_MAX(first, (uint32_t)0x20);
    for (size_t i = 0; i < FR_COUNT_OF(LEFT_OUT); i++) {
        if (first <= LEFT_OUT[i] && LEFT_OUT[i] <= last) {
            put_plain(out, first, LEFT_OUT[i] - 1);
            first = LEFT_OUT[i] + 1;
        }
    }
    put_plain(out, first, last);
}

static int put_set(reader *r, spans *set, fr_buf *out)
{
    static const struct {
        uint32_t c;
        const char *escape;
    } ESCAPES[] = { { '"', "\\\\\\\"" }, { '\\', "\\\\\\\\" }, { '\n', "\\\\n" }, { '\t', "\\\\t" },
                    { '\r', "\\\\r" },   { '\b', "\\\\b" },    { '\f', "\\\\f" } };
    FR_AUTO(fr_buf) plain = { 0 };
    bool any = false;
    settle(set);
    for (size_t i = 0; i < set->n; i++)
        put_span(&plain, set->at[i].first, set->at[i].last);
    fr_buf_put_c(out, '(');
    if (plain.n > 0)
        fr_buf_put_f(out, "[%s]", fr_buf_text(&plain));
    any = plain.n > 0;
    for (size_t i = 0; i < FR_COUNT_OF(ESCAPES); i++) {
        if (!holds(set, ESCAPES[i].c))
            continue;
        fr_buf_put_f(out, "%s\"%s\"", any ? " | " : "", ESCAPES[i].escape);
        any = true;
    }
    fr_buf_put_c(out, ')');
    return any ? 0 : refuse(r, "a class that no JSON string can hold");
}

/* ---- items, sequences, ways ------------------------------------------------------------------ */

static size_t times(size_t a, size_t b)
{
    return a == 0 || b == 0                                     ? 0
           : a == SIZE_MAX || b == SIZE_MAX || a > SIZE_MAX / b ? SIZE_MAX
                                                                : a * b;
}

static size_t plus(size_t a, size_t b)
{
    return a == SIZE_MAX || b == SIZE_MAX || a + b < a ? SIZE_MAX : a + b;
}

static int take_ways(reader *r, size_t depth, piece *out);

static int take_group(reader *r, size_t depth, piece *out)
{
    if (take(r, '?') && !take(r, ':'))
        return refuse(r, "looking ahead or behind, names and flags are not supported");
    fr_buf_put_c(&out->text, '(');
    FR_TRY(take_ways(r, depth + 1, out));
    fr_buf_put_c(&out->text, ')');
    return take(r, ')') ? 0 : refuse(r, "a group does not end");
}

static int take_one(reader *r, size_t depth, piece *out, bool *single)
{
    spans set = { 0 };
    int rc = 0, c = peek(r);
    bool one = true;
    uint32_t code = 0;
    *single = c != '(';
    if (take(r, '('))
        return take_group(r, depth, out);
    if (take(r, '[')) {
        rc = take_class(r, &set);
    } else if (take(r, '.')) {
        static const span ENDS[] = { { '\n', '\n' }, { '\r', '\r' }, { 0x2028, 0x2029 } };
        for (size_t i = 0; i < FR_COUNT_OF(ENDS); i++)
            add(&set, ENDS[i].first, ENDS[i].last);
        negate(&set);
    } else if (take(r, '\\')) {
        rc = take_escape(r, false, &set, &code, &one);
        if (rc == 0 && one)
            add(&set, code, code);
    } else if (c == '^' || c == '$') {
        rc = refuse(r, "^ and $ stand only at the ends of a pattern");
    } else if (strchr("*+?{}", c) != NULL) {
        rc = refuse(r, "a repetition of nothing (or a brace without a backslash)");
    } else {
        code = take_character(r);
        add(&set, code, code);
    }
    if (rc == 0)
        rc = put_set(r, &set, &out->text);
    out->least = out->most = 1;
    free(set.at);
    return rc;
}

static int take_count(reader *r, size_t *out)
{
    if (peek(r) < '0' || peek(r) > '9')
        return refuse(r, "expected a number of repetitions");
    for (*out = 0; peek(r) >= '0' && peek(r) <= '9'; r->at++) {
        *out = *out * 10 + (size_t)(peek(r) - '0');
        if (*out > REPEAT_MAX)
            return refuse(r, "more than 10,000 repetitions");
    }
    return 0;
}

static int take_counts(reader *r, size_t *from, size_t *to)
{
    *from = *to = 1;
    if (take(r, '*') || take(r, '+')) {
        *from = r->text.at[r->at - 1] == '+';
        *to = SIZE_MAX;
    } else if (take(r, '?')) {
        *from = 0;
    } else if (take(r, '{')) {
        FR_TRY(take_count(r, from));
        *to = *from;
        if (take(r, ',')) {
            *to = SIZE_MAX;
            if (peek(r) != '}')
                FR_TRY(take_count(r, to));
        }
        if (!take(r, '}') || *to < *from)
            return refuse(r, "a repetition is {m}, {m,} or {m,n}");
    } else {
        return 0;
    }
    take(r, '?');
    return peek(r) >= 0 && strchr("*+?{", peek(r)) != NULL
               ? refuse(r, "a repetition of a repetition")
               : 0;
}

static void put_counts(fr_buf *out, size_t from, size_t to)
{
    if (to == SIZE_MAX)
        fr_buf_put_f(out, "{%zu,}", from);
    else if (from != 1 || to != 1)
        fr_buf_put_f(out, "{%zu,%zu}", from, to);
}

static int take_item(reader *r, size_t depth, piece *out)
{
    bool single = false;
    FR_TRY(take_one(r, depth, out, &single));
    FR_TRY(take_counts(r, &out->from, &out->to));
    if (single)
        fr_buf_put_str(&out->single, fr_buf_str(&out->text));
    put_counts(&out->text, out->from, out->to);
    out->least = times(out->least, out->from);
    out->most = times(out->most, out->to);
    return 0;
}

static int take_sequence(reader *r, size_t depth, piece *out)
{
    *out = (piece){ .text = out->text };
    while (peek(r) >= 0 && peek(r) != '|' && peek(r) != ')' &&
           !(depth == 0 && peek(r) == '$' &&
             (r->at + 1 == r->text.n || r->text.at[r->at + 1] == '|'))) {
        piece p = { 0 };
        int rc = take_item(r, depth, &p);
        fr_buf_put_f(&out->text, " %s", fr_buf_text(&p.text));
        out->least = plus(out->least, p.least);
        out->most = plus(out->most, p.most);
        piece_fini(&p);
        FR_TRY(rc);
    }
    return 0;
}

static int take_ways(reader *r, size_t depth, piece *out)
{
    size_t least = SIZE_MAX, most = 0;
    if (depth > DEEP)
        return refuse(r, "groups are more than 64 deep");
    do {
        piece way = { .text = out->text };
        int rc = take_sequence(r, depth, &way);
        out->text = way.text;
        FR_TRY(rc);
        least = FR_MIN(least, way.least);
        most = FR_MAX(most, way.most);
        if (peek(r) == '|')
            fr_buf_put_s(&out->text, " |");
    } while (take(r, '|'));
    out->least = least;
    out->most = most;
    return 0;
}

/* ---- the pattern as a whole ------------------------------------------------------------------ */

/* Items of one way at the top, so that limits of length can move into one of them. */
static int take_way(reader *r, size_t least, size_t most, fr_buf *out)
{
    piece *items = NULL;
    size_t n = 0, cap = 0, open = 0, n_loose = 0, fixed = 0, at_least = 0, at_most = 0;
    bool from_start = take(r, '^'), to_end = false;
    int rc = 0;
    if (!from_start) {
        FR_GROW(items, n, cap);
        items[n] = (piece){ .from = 0, .to = SIZE_MAX, .most = SIZE_MAX };
        fr_buf_put_s(&items[n].single, "char");
        fr_buf_put_s(&items[n++].text, "char*");
    }
    while (rc == 0 && peek(r) >= 0 && peek(r) != '|' && !to_end) {
        if (peek(r) == '$' && (r->at + 1 == r->text.n || r->text.at[r->at + 1] == '|')) {
            r->at++;
            to_end = true;
            break;
        }
        FR_GROW(items, n, cap);
        items[n] = (piece){ 0 };
        rc = peek(r) == ')' ? refuse(r, ") without (") : take_item(r, 0, &items[n]);
        n++;
    }
    if (!to_end) {
        FR_GROW(items, n, cap);
        items[n] = (piece){ .from = 0, .to = SIZE_MAX, .most = SIZE_MAX };
        fr_buf_put_s(&items[n].single, "char");
        fr_buf_put_s(&items[n++].text, "char*");
    }
    for (size_t i = 0; i < n; i++) {
        at_least = plus(at_least, items[i].least);
        at_most = plus(at_most, items[i].most);
        if (items[i].least != items[i].most) {
            n_loose++;
            open = i;
        } else {
            fixed += items[i].least;
        }
    }
    if (rc == 0 && (at_least < least || at_most > most)) {
        piece *p = n_loose == 1 ? &items[open] : NULL;
        size_t room = most == SIZE_MAX ? SIZE_MAX : most >= fixed ? most - fixed : 0;
        size_t need = least > fixed ? least - fixed : 0;
        if (p == NULL || p->single.n == 0 || most < fixed ||
            FR_MAX(p->from, need) > FR_MIN(p->to, room)) {
            rc = fr_schema_fail(r->w, FR_E_FORMAT,
                                "Say the length inside the pattern, as ^[a-z]{1,20}$.",
                                "pattern with minLength or maxLength that it does not keep by "
                                "itself");
        } else {
            fr_buf_clear(&p->text);
            fr_buf_put_str(&p->text, fr_buf_str(&p->single));
            p->from = FR_MAX(p->from, need);
            p->to = FR_MIN(p->to, room);
            if (p->from == 1 && p->to == 1)
                fr_buf_put_c(&p->text, ' ');
            put_counts(&p->text, p->from, p->to);
        }
    }
    for (size_t i = 0; i < n; i++) {
        fr_buf_put_f(out, " %s", fr_buf_text(&items[i].text));
        piece_fini(&items[i]);
    }
    free(items);
    return rc;
}

int fr_schema_put_pattern(schema_work *w, const char *regex, size_t least, size_t most, fr_buf *out)
{
    reader r = { .w = w, .text = fr_str_of(regex) };
    fr_buf_put_c(out, '(');
    do {
        if (r.at > 0)
            fr_buf_put_s(out, " |");
        FR_TRY(take_way(&r, least, most, out));
    } while (take(&r, '|'));
    fr_buf_put_c(out, ')');
    return 0;
}
