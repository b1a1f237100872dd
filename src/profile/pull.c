#include "profile/pull.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MOST 64

void fr_pull_init(fr_pull *p, const char *name, FILE *in, fr_str bytes)
{
    memset(p, 0, sizeof *p);
    p->name = name;
    p->in = in;
    p->bytes = bytes;
    p->line = 1;
}

int fr_pull_fail(const fr_pull *p, fr_err *err, const char *what)
{
    return fr_fail(err, FR_E_FORMAT,
                   "The file is no JSON, or was cut short while it was written or copied.",
                   "%s:%llu: %s (byte %llu)", p->name, (unsigned long long)p->line, what,
                   (unsigned long long)p->offset);
}

static int peek(fr_pull *p)
{
    if (p->at == p->n) {
        p->at = 0;
        if (p->in != NULL) {
            p->n = fread(p->buffer, 1, sizeof p->buffer, p->in);
        } else {
            p->n = FR_MIN(p->bytes.n, sizeof p->buffer);
            if (p->n > 0)
                memcpy(p->buffer, p->bytes.at, p->n);
            p->bytes.at += p->n;
            p->bytes.n -= p->n;
        }
    }
    return p->at < p->n ? p->buffer[p->at] : -1;
}

static int take(fr_pull *p)
{
    int c = peek(p);
    if (c >= 0) {
        p->at++;
        p->offset++;
        p->line += c == '\n';
    }
    return c;
}

static int past_blanks(fr_pull *p)
{
    int c = peek(p);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        take(p);
        c = peek(p);
    }
    return c;
}

static void keep(fr_pull *p, int c)
{
    if (p->text_n < FR_PULL_TEXT)
        p->text[p->text_n++] = (char)c;
}

static void keep_utf8(fr_pull *p, unsigned c)
{
    if (c < 0x80) {
        keep(p, (int)c);
    } else if (c < 0x800) {
        keep(p, (int)(0xC0 | c >> 6));
        keep(p, (int)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        keep(p, (int)(0xE0 | c >> 12));
        keep(p, (int)(0x80 | (c >> 6 & 0x3F)));
        keep(p, (int)(0x80 | (c & 0x3F)));
    } else {
        keep(p, (int)(0xF0 | c >> 18));
        keep(p, (int)(0x80 | (c >> 12 & 0x3F)));
        keep(p, (int)(0x80 | (c >> 6 & 0x3F)));
        keep(p, (int)(0x80 | (c & 0x3F)));
    }
}

static int hex4(fr_pull *p, unsigned *out, fr_err *err)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int c = take(p);
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return fr_pull_fail(p, err, "\\u needs four hexadecimal digits");
        *out = *out * 16 + (unsigned)digit;
    }
    return 0;
}

static int escape(fr_pull *p, fr_err *err)
{
    static const char FROM[] = "\"\\/bfnrt", TO[] = "\"\\/\b\f\n\r\t";
    int c = take(p);
    const char *at = c > 0 ? strchr(FROM, c) : NULL;
    if (at != NULL) {
        keep(p, TO[at - FROM]);
        return 0;
    }
    if (c != 'u')
        return fr_pull_fail(p, err, "an unknown escape in a string");
    unsigned code, low;
    FR_TRY(hex4(p, &code, err));
    if (code >= 0xD800 && code < 0xDC00 && peek(p) == '\\') {
        take(p);
        if (take(p) != 'u')
            return fr_pull_fail(p, err, "half of a surrogate pair");
        FR_TRY(hex4(p, &low, err));
        if (low >= 0xDC00 && low < 0xE000)
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    keep_utf8(p, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    return 0;
}

static int string(fr_pull *p, fr_err *err)
{
    take(p); /* the quote */
    for (;;) {
        int c = take(p);
        if (c == '"')
            return 0;
        if (c < 0)
            return fr_pull_fail(p, err, "the file ends inside a string");
        if (c == '\\')
            FR_TRY(escape(p, err));
        else if (c < ' ')
            return fr_pull_fail(p, err, "a control character in a string");
        else
            keep(p, c);
    }
}

static int number(fr_pull *p, fr_err *err)
{
    for (int c = peek(p); c >= 0 && strchr("+-.0123456789eE", c) != NULL; c = peek(p)) {
        if (p->text_n == NUMBER_MOST)
            return fr_pull_fail(p, err, "a number of too many digits");
        keep(p, take(p));
    }
    p->text[p->text_n] = '\0';
    if (!fr_str_to_f64((fr_str){ p->text, p->text_n }, &p->number) || !isfinite(p->number))
        return fr_pull_fail(p, err, "not a number");
    return 0;
}

/* true, false, null; and NaN and Infinity, which Python's writer lets out. */
static int word(fr_pull *p, fr_err *err)
{
    static const char *const WORDS[] = { "true", "false", "null", "NaN", "Infinity" };
    for (int c = peek(p); (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); c = peek(p)) {
        if (p->text_n == 16)
            break;
        keep(p, take(p));
    }
    for (size_t i = 0; i < FR_COUNT_OF(WORDS); i++) {
        if (fr_str_is((fr_str){ p->text, p->text_n }, WORDS[i]))
            return 0;
    }
    return fr_pull_fail(p, err, "expected a value");
}

static int close(fr_pull *p, int c, fr_err *err)
{
    char open = c == '}' ? '{' : '[';
    if (p->depth == 0 || p->stack[p->depth - 1] != open || p->after_comma || p->after_key)
        return fr_pull_fail(p, err, c == '}' ? "'}' out of place" : "']' out of place");
    take(p);
    p->depth--;
    p->kind = c == '}' ? FR_PULL_OBJECT_END : FR_PULL_ARRAY_END;
    p->has_value = true;
    return 0;
}

static int value(fr_pull *p, int c, fr_err *err)
{
    p->after_key = p->after_comma = false;
    p->has_value = true;
    if (c == '{' || c == '[') {
        if (p->depth == FR_PULL_DEPTH)
            return fr_pull_fail(p, err, "nested too deeply");
        take(p);
        p->stack[p->depth++] = (char)c;
        p->has_value = false;
        p->kind = c == '{' ? FR_PULL_OBJECT : FR_PULL_ARRAY;
        return 0;
    }
    if (c == '"') {
        p->kind = FR_PULL_STRING;
        return string(p, err);
    }
    p->kind = c == '-' || (c >= '0' && c <= '9') ? FR_PULL_NUMBER : FR_PULL_WORD;
    if (p->kind == FR_PULL_NUMBER)
        return number(p, err);
    return word(p, err);
}

static int key(fr_pull *p, int c, fr_err *err)
{
    if (c != '"')
        return fr_pull_fail(p, err, "expected a key");
    FR_TRY(string(p, err));
    if (past_blanks(p) != ':')
        return fr_pull_fail(p, err, "expected ':'");
    take(p);
    p->kind = FR_PULL_KEY;
    p->after_key = true;
    p->after_comma = false;
    return 0;
}

int fr_pull_next(fr_pull *p, fr_err *err)
{
    p->text_n = 0;
    int c = past_blanks(p), rc = 0;
    if (p->depth == 0 && p->has_value) {
        p->kind = FR_PULL_END;
        return c < 0 ? 0 : fr_pull_fail(p, err, "something stands behind the end");
    }
    if (c < 0)
        return fr_pull_fail(p, err,
                            p->depth == 0 && p->offset == 0 ? "the file is empty"
                                                            : "the file ends too early");
    if (!p->after_key && (c == '}' || c == ']'))
        return close(p, c, err);
    if (p->depth > 0 && p->has_value && !p->after_key) {
        if (c != ',')
            return fr_pull_fail(p, err, "expected ',' or the end of the list");
        take(p);
        c = past_blanks(p);
        p->has_value = false;
        p->after_comma = true;
        if (c < 0)
            return fr_pull_fail(p, err, "the file ends too early");
        if (c == '}' || c == ']')
            return close(p, c, err);
    }
    if (p->depth > 0 && p->stack[p->depth - 1] == '{' && !p->after_key)
        rc = key(p, c, err);
    else
        rc = value(p, c, err);
    p->text[p->text_n] = '\0';
    return rc;
}

int fr_pull_skip(fr_pull *p, fr_err *err)
{
    if (p->kind != FR_PULL_OBJECT && p->kind != FR_PULL_ARRAY)
        return 0;
    size_t depth = p->depth - 1;
    while (p->depth > depth)
        FR_TRY(fr_pull_next(p, err));
    return 0;
}
