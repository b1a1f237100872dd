/* A template's tokens, by the rules of jinja2/lexer.py:
 *
 *     data {% … %} data {{ … }} data {# … #} {% raw %} … {% endraw %}
 *
 *     - beside a delimiter takes white space away up to the next token, + keeps it. Without a sign
 *     trim_blocks takes one line end behind %} and #}, lstrip_blocks the blanks before {% and {#
 *     that begin a line. Line ends become \n; one at the very end is dropped. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/jinja_priv.h"
#include "text/utf8.h"

typedef struct {
    fr_jinja *t;
    const char *s;
    size_t n, at;
    bool trim;       /* trim_blocks and lstrip_blocks */
    bool line_start; /* what was read last ended with \n */
    fr_jk_list *out;
    fr_err *err;
} lexer;

static fr_jk *put(lexer *x, fr_jk_kind kind, size_t at)
{
    FR_GROW(x->out->at, x->out->n, x->out->cap);
    fr_jk *token = &x->out->at[x->out->n++];
    *token = (fr_jk){ .kind = kind, .at = (uint32_t)at };
    return token;
}

static int fail(lexer *x, size_t at, const char *what)
{
    return fr_jinja_fail_at(x->t, at, x->err, FR_E_FORMAT, NULL, "%s", what);
}

static bool looking_at(const lexer *x, size_t at, const char *what)
{
    size_t n = strlen(what);
    return at <= x->n && x->n - at >= n && memcmp(x->s + at, what, n) == 0;
}

static size_t skip_space(const lexer *x, size_t at)
{
    while (at < x->n) {
        uint32_t c = 0;
        size_t step = fr_utf8_next((fr_str){ x->s + at, x->n - at }, &c);
        if (!fr_jt_space(c))
            break;
        at += step;
    }
    return at;
}

static void advance(lexer *x, size_t to)
{
    if (to > x->at)
        x->line_start = x->s[to - 1] == '\n';
    x->at = to;
}

/* Text before a tag that begins with `sign`; is_block: lstrip_blocks counts. */
static void put_data(lexer *x, size_t from, size_t to, char sign, bool is_block)
{
    fr_str text = { x->s + from, to - from };
    if (sign == '-') {
        text = fr_jt_strip(text, (fr_str){ NULL, 0 }, false, true);
    } else if (sign != '+' && x->trim && is_block) {
        size_t line = text.n;
        while (line > 0 && text.at[line - 1] != '\n')
            line--;
        if ((line > 0 || x->line_start) && line < text.n &&
            fr_jt_strip((fr_str){ text.at + line, text.n - line }, (fr_str){ NULL, 0 }, true, true)
                    .n == 0)
            text.n = line;
    }
    if (text.n != 0)
        put(x, FR_JK_DATA, from)->text = text;
}

/* The end of a tag at `at` ("%}" or "#}" with its sign): where reading goes on, or 0. */
static size_t tag_end(const lexer *x, size_t at, const char *end)
{
    if (looking_at(x, at, "+") && looking_at(x, at + 1, end))
        return at + 3;
    if (looking_at(x, at, "-") && looking_at(x, at + 1, end))
        return skip_space(x, at + 3);
    if (!looking_at(x, at, end))
        return 0;
    return at + 2 + (x->trim && looking_at(x, at + 2, "\n") ? 1 : 0);
}

static char sign_at(const lexer *x, size_t at)
{
    return at < x->n && (x->s[at] == '-' || x->s[at] == '+') ? x->s[at] : '\0';
}

/* Behind "{% raw %}" that begins at `at`; 0 when it is none. */
static size_t raw_begin(const lexer *x, size_t at)
{
    if (!looking_at(x, at, "{%"))
        return 0;
    size_t i = skip_space(x, at + 2 + (sign_at(x, at + 2) != '\0' ? 1 : 0));
    if (!looking_at(x, i, "raw"))
        return 0;
    i = skip_space(x, i + 3);
    if (looking_at(x, i, "-%}"))
        return skip_space(x, i + 3);
    return looking_at(x, i, "%}") ? i + 2 : 0;
}

static int lex_raw(lexer *x, size_t begin)
{
    for (size_t i = x->at; i < x->n; i++) {
        if (!looking_at(x, i, "{%"))
            continue;
        char sign = sign_at(x, i + 2);
        size_t j = skip_space(x, i + 2 + (sign != '\0' ? 1 : 0));
        if (!looking_at(x, j, "endraw"))
            continue;
        size_t end = tag_end(x, skip_space(x, j + 6), "%}");
        if (end == 0)
            continue;
        put_data(x, x->at, i, sign, true);
        advance(x, end);
        return 0;
    }
    if (x->at == x->n)
        return 0;
    return fail(x, begin, "missing end of raw directive");
}

static int lex_comment(lexer *x, size_t begin)
{
    for (size_t i = x->at; i < x->n; i++) {
        size_t end = tag_end(x, i, "#}");
        if (end != 0) {
            advance(x, end);
            return 0;
        }
    }
    if (x->at == x->n)
        return 0;
    return fail(x, begin, "missing end of comment tag");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with single _ between them: how many bytes. */
static size_t digits(const lexer *x, size_t at, int base)
{
    size_t i = at;
    for (;;) {
        size_t d = i;
        if (d < x->n && x->s[d] == '_' && d > at)
            d++;
        char c = d < x->n ? (char)(x->s[d] | 0x20) : '\0';
        bool fits = is_digit(c) ? c - '0' < base : base == 16 && c >= 'a' && c <= 'f';
        if (d >= x->n || !fits)
            return i - at;
        i = d + 1;
    }
}

/* Without the underscores; false when longer than any number that makes sense. */
static bool plain_number(fr_str text, char out[400])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == '_')
            continue;
        if (n + 1 >= 400)
            return false;
        out[n++] = text.at[i];
    }
    out[n] = '\0';
    return true;
}

static int put_integer(lexer *x, size_t n, int base)
{
    char text[400];
    long long value = 0;
    size_t skip = base == 10 ? 0 : 2;
    bool ok = plain_number((fr_str){ x->s + x->at + skip, n - skip }, text);
    for (size_t i = 0; ok && text[i] != '\0'; i++) {
        int digit = is_digit(text[i]) ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10;
        ok = !__builtin_mul_overflow(value, base, &value) &&
             !__builtin_add_overflow(value, digit, &value);
    }
    if (!ok)
        return fr_jinja_fail_at(x->t, x->at, x->err, FR_E_UNSUPPORTED, NULL,
                                "an integer of more than 64 bits");
    put(x, FR_JK_INTEGER, x->at)->i = value;
    return 0;
}

static int lex_number(lexer *x)
{
    size_t at = x->at, whole = digits(x, at, 10), end = at + whole;
    bool real = false;
    if (at == 0 || x->s[at - 1] != '.') {
        if (end < x->n && x->s[end] == '.' && end + 1 < x->n && is_digit(x->s[end + 1])) {
            end += 1 + digits(x, end + 1, 10);
            real = true;
        }
        size_t e = end;
        if (e < x->n && (x->s[e] | 0x20) == 'e') {
            e++;
            if (e < x->n && (x->s[e] == '+' || x->s[e] == '-'))
                e++;
            if (e < x->n && is_digit(x->s[e])) {
                end = e + digits(x, e, 10);
                real = true;
            }
        }
    }
    if (real) {
        char text[400];
        if (!plain_number((fr_str){ x->s + at, end - at }, text))
            return fail(x, at, "a number of more than 400 digits");
        put(x, FR_JK_FLOAT, at)->f = strtod(text, NULL);
        advance(x, end);
        return 0;
    }
    static const struct {
        char letter;
        int base;
    } BASES[] = { { 'b', 2 }, { 'o', 8 }, { 'x', 16 } };
    for (size_t b = 0; b < FR_COUNT_OF(BASES) && x->s[at] == '0' && at + 1 < x->n; b++) {
        if ((x->s[at + 1] | 0x20) != BASES[b].letter)
            continue;
        size_t from = at + 2 + (looking_at(x, at + 2, "_") ? 1 : 0);
        size_t n = digits(x, from, BASES[b].base);
        if (n == 0)
            break;
        FR_TRY(put_integer(x, from + n - at, BASES[b].base));
        advance(x, from + n);
        return 0;
    }
    size_t n = whole;
    if (x->s[at] == '0')
        for (n = 1; at + n < x->n; n++) { /* 0, 00, 0_0: nothing but zeros */
            size_t d = at + n + (x->s[at + n] == '_' ? 1 : 0);
            if (d >= x->n || x->s[d] != '0')
                break;
            n = d - at;
        }
    FR_TRY(put_integer(x, n, 10));
    advance(x, at + n);
    return 0;
}

static int hex_digits(fr_str s, size_t n, uint32_t *out)
{
    if (s.n < n)
        return -1;
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s.at[i];
        int d = is_digit(c)                              ? c - '0'
                : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                         : -1;
        if (d < 0)
            return -1;
        *out = *out << 4 | (uint32_t)d;
    }
    return 0;
}

/* What Python's unicode-escape makes of the text between the quotes. */
static int unescape(lexer *x, size_t at, fr_str s, fr_str *out)
{
    if (memchr(s.at, '\\', s.n) == NULL) {
        *out = s;
        return 0;
    }
    char *to = fr_jm_alloc(&x->t->mem, s.n * 2 + 16);
    if (to == NULL)
        return fail(x, at, "this template needs too much memory");
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.at[i] != '\\' || i + 1 >= s.n) {
            to[n++] = s.at[i];
            continue;
        }
        static const char FROM[] = "\\'\"abfnrtv";
        static const char TO[] = "\\'\"\a\b\f\n\r\t\v";
        char c = s.at[++i];
        const char *simple = c != '\0' ? strchr(FROM, c) : NULL;
        fr_str rest = { s.at + i + 1, s.n - i - 1 };
        uint32_t code = 0;
        size_t wide = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (simple != NULL) {
            to[n++] = TO[simple - FROM];
        } else if (c == '\n') {
            continue;
        } else if (c >= '0' && c <= '7') {
            for (size_t d = 0; d < 3 && i < s.n && s.at[i] >= '0' && s.at[i] <= '7'; d++)
                code = code * 8 + (uint32_t)(s.at[i++] - '0');
            i--;
            n += fr_utf8_put(code, to + n);
        } else if (wide != 0) {
            if (hex_digits(rest, wide, &code) != 0)
                return fail(x, at, "truncated \\ escape in a string");
            if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
                return fail(x, at, "illegal Unicode character in a string's escape");
            n += fr_utf8_put(code, to + n);
            i += wide;
        } else if (c == 'N') {
            return fr_jinja_fail_at(x->t, at, x->err, FR_E_UNSUPPORTED, "Write \\uXXXX instead.",
                                    "\\N{…} in a string");
        } else if ((unsigned char)c >= 0x80) {
            /* jinja2 writes such a character as \xe9 first: the backslash before it then escapes
             * that one, and the rest is left over as text */
            uint32_t wide_char = 0;
            size_t step = fr_utf8_next((fr_str){ s.at + i, s.n - i }, &wide_char);
            const char *form = wide_char < 0x100     ? "\\x%02x"
                               : wide_char < 0x10000 ? "\\u%04x"
                                                     : "\\U%08x";
            char text[16];
            int length = snprintf(text, sizeof(text), form, (unsigned)wide_char);
            memcpy(to + n, text, (size_t)length);
            n += (size_t)length;
            i += step - 1;
        } else {
            to[n++] = '\\';
            to[n++] = c;
        }
    }
    *out = (fr_str){ to, n };
    return 0;
}

static int lex_string(lexer *x)
{
    size_t begin = x->at;
    char quote = x->s[begin];
    for (size_t i = begin + 1; i < x->n; i++) {
        if (x->s[i] == '\\') {
            i++;
            continue;
        }
        if (x->s[i] != quote)
            continue;
        fr_str text = { 0 };
        FR_TRY(unescape(x, begin, (fr_str){ x->s + begin + 1, i - begin - 1 }, &text));
        put(x, FR_JK_STRING, begin)->text = text;
        advance(x, i + 1);
        return 0;
    }
    return fail(x, begin, "a string without its closing quote");
}

static int lex_operator(lexer *x, char *closing, size_t *n_open)
{
    static const char *const LONG[] = { "//", "**", "==", "!=", ">=", "<=" };
    size_t n = 0;
    for (size_t i = 0; i < FR_COUNT_OF(LONG) && n == 0; i++)
        n = looking_at(x, x->at, LONG[i]) ? 2 : 0;
    char c = x->s[x->at];
    if (n == 0 && (c == '\0' || strchr("+-/*%~[](){}><=.:|,;", c) == NULL)) {
        uint32_t code = 0;
        size_t step = fr_utf8_next((fr_str){ x->s + x->at, x->n - x->at }, &code);
        return fr_jinja_fail_at(x->t, x->at, x->err, FR_E_FORMAT, NULL, "unexpected char '%.*s'",
                                (int)step, x->s + x->at);
    }
    const char *opening = n == 0 ? strchr("([{", c) : NULL;
    if (opening != NULL) {
        if (*n_open == 200)
            return fr_jinja_fail_at(x->t, x->at, x->err, FR_E_LIMIT, NULL,
                                    "brackets are nested more than 200 deep");
        closing[(*n_open)++] = ")]}"[opening - "([{"];
    } else if (n == 0 && strchr(")]}", c) != NULL) {
        if (*n_open == 0)
            return fr_jinja_fail_at(x->t, x->at, x->err, FR_E_FORMAT, NULL, "unexpected '%c'", c);
        if (closing[--*n_open] != c)
            return fr_jinja_fail_at(x->t, x->at, x->err, FR_E_FORMAT, NULL,
                                    "unexpected '%c', expected '%c'", c, closing[*n_open]);
    }
    n = n == 0 ? 1 : n;
    put(x, FR_JK_OPERATOR, x->at)->text = (fr_str){ x->s + x->at, n };
    advance(x, x->at + n);
    return 0;
}

/* Inside {% … %} or {{ … }}. */
static int lex_tag(lexer *x, bool is_block)
{
    char closing[200];
    size_t n_open = 0;
    while (x->at < x->n) {
        if (n_open == 0) {
            size_t end = 0;
            if (is_block)
                end = tag_end(x, x->at, "%}");
            else if (looking_at(x, x->at, "-}}"))
                end = skip_space(x, x->at + 3);
            else if (looking_at(x, x->at, "}}"))
                end = x->at + 2;
            if (end != 0) {
                put(x, is_block ? FR_JK_BLOCK_END : FR_JK_VARIABLE_END, x->at);
                advance(x, end);
                return 0;
            }
        }
        uint32_t c = 0;
        size_t step = fr_utf8_next((fr_str){ x->s + x->at, x->n - x->at }, &c);
        if (fr_jt_space(c)) {
            advance(x, x->at + step);
        } else if (c < 0x80 && is_digit((char)c)) {
            FR_TRY(lex_number(x));
        } else if (fr_jt_word(c)) {
            size_t from = x->at, to = from;
            while (to < x->n) {
                step = fr_utf8_next((fr_str){ x->s + to, x->n - to }, &c);
                if (!fr_jt_word(c))
                    break;
                to += step;
            }
            fr_str name = { x->s + from, to - from };
            if (!fr_jt_is(name, FR_JT_IDENTIFIER))
                return fail(x, from, "invalid character in identifier");
            put(x, FR_JK_NAME, from)->text = name;
            advance(x, to);
        } else if (c == '"' || c == '\'') {
            FR_TRY(lex_string(x));
        } else {
            FR_TRY(lex_operator(x, closing, &n_open));
        }
    }
    return 0;
}

static int lex_root(lexer *x)
{
    while (x->at < x->n) {
        const char *brace = memchr(x->s + x->at, '{', x->n - x->at);
        size_t i = brace != NULL ? (size_t)(brace - x->s) : x->n;
        while (i < x->n && !looking_at(x, i, "{%") && !looking_at(x, i, "{{") &&
               !looking_at(x, i, "{#"))
            i++;
        if (i >= x->n) {
            put(x, FR_JK_DATA, x->at)->text = (fr_str){ x->s + x->at, x->n - x->at };
            break;
        }
        char sign = sign_at(x, i + 2);
        size_t raw = raw_begin(x, i), inside = i + 2 + (sign != '\0' ? 1 : 0);
        put_data(x, x->at, i, sign, x->s[i + 1] != '{');
        if (raw != 0) {
            advance(x, raw);
            FR_TRY(lex_raw(x, i));
        } else if (x->s[i + 1] == '#') {
            advance(x, inside);
            FR_TRY(lex_comment(x, i));
        } else {
            bool is_block = x->s[i + 1] == '%';
            put(x, is_block ? FR_JK_BLOCK_BEGIN : FR_JK_VARIABLE_BEGIN, i);
            advance(x, inside);
            FR_TRY(lex_tag(x, is_block));
        }
    }
    put(x, FR_JK_EOF, x->n);
    return 0;
}

int fr_jinja_lex(fr_jinja *t, fr_jk_list *out, fr_err *err)
{
    lexer x = { .t = t,
                .s = t->source.at,
                .n = t->source.n,
                .trim = !t->options.keep_newlines,
                .line_start = true,
                .out = out,
                .err = err };
    return lex_root(&x);
}
