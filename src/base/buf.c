#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DEFAULT_LIMIT_BYTES ((size_t)1 << 30)

fr_str fr_str_of(const char *text)
{
    return (fr_str){ text, text != NULL ? strlen(text) : 0 };
}

bool fr_str_equal(fr_str a, fr_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

bool fr_str_is(fr_str a, const char *text)
{
    return fr_str_equal(a, fr_str_of(text));
}

bool fr_str_starts(fr_str a, fr_str head)
{
    return a.n >= head.n && fr_str_equal((fr_str){ a.at, head.n }, head);
}

bool fr_str_ends(fr_str a, fr_str tail)
{
    return a.n >= tail.n && fr_str_equal((fr_str){ a.at + (a.n - tail.n), tail.n }, tail);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

fr_str fr_str_trim(fr_str a)
{
    while (a.n != 0 && is_space(a.at[0]))
        a.at++, a.n--;
    while (a.n != 0 && is_space(a.at[a.n - 1]))
        a.n--;
    return a;
}

bool fr_str_next(fr_str *rest, char by, fr_str *piece)
{
    if (rest->at == NULL)
        return false;
    const char *end = rest->n != 0 ? memchr(rest->at, by, rest->n) : NULL;
    if (end == NULL) {
        *piece = *rest;
        *rest = (fr_str){ NULL, 0 };
        return true;
    }
    *piece = (fr_str){ rest->at, (size_t)(end - rest->at) };
    rest->n -= piece->n + 1;
    rest->at = end + 1;
    return true;
}

bool fr_str_find(fr_str in, fr_str what, size_t *at)
{
    if (what.n == 0 || in.n < what.n)
        return false;
    const char *found = memmem(in.at, in.n, what.at, what.n);
    if (found == NULL)
        return false;
    *at = (size_t)(found - in.at);
    return true;
}

bool fr_str_to_i64(fr_str a, long long *out)
{
    char text[32];
    if (a.n == 0 || a.n >= sizeof(text) || is_space(a.at[0]))
        return false;
    memcpy(text, a.at, a.n);
    text[a.n] = '\0';
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end != text + a.n)
        return false;
    *out = value;
    return true;
}

bool fr_str_to_f64(fr_str a, double *out)
{
    char text[64];
    if (a.n == 0 || a.n >= sizeof(text) || is_space(a.at[0]))
        return false;
    memcpy(text, a.at, a.n);
    text[a.n] = '\0';
    char *end = NULL;
    double value = strtod(text, &end);
    if (end != text + a.n)
        return false;
    *out = value;
    return true;
}

char *fr_str_dup(fr_str a)
{
    return fr_dup_n(a.at, a.n);
}

static bool make_room(fr_buf *b, size_t n)
{
    size_t limit = b->limit_bytes != 0 ? b->limit_bytes : DEFAULT_LIMIT_BYTES;
    if (b->full || n > limit || b->n > limit - n) {
        b->full = true;
        return false;
    }
    if (b->n + n + 1 > b->cap) {
        size_t cap = FR_MAX(b->cap * 2, (size_t)64);
        b->cap = FR_MAX(cap, b->n + n + 1);
        b->at = fr_array_resize(b->at, b->cap, 1);
    }
    return true;
}

void fr_buf_put(fr_buf *b, const void *bytes, size_t n)
{
    if (!make_room(b, n))
        return;
    if (n != 0)
        memcpy(b->at + b->n, bytes, n);
    b->n += n;
    b->at[b->n] = '\0';
}

void fr_buf_put_s(fr_buf *b, const char *text)
{
    fr_buf_put(b, text, strlen(text));
}

void fr_buf_put_str(fr_buf *b, fr_str text)
{
    fr_buf_put(b, text.at, text.n);
}

void fr_buf_put_c(fr_buf *b, char c)
{
    fr_buf_put(b, &c, 1);
}

void fr_buf_put_html(fr_buf *b, char c)
{
    switch (c) {
    case '<':
        fr_buf_put_s(b, "&lt;");
        break;
    case '>':
        fr_buf_put_s(b, "&gt;");
        break;
    case '&':
        fr_buf_put_s(b, "&amp;");
        break;
    case '"':
        fr_buf_put_s(b, "&quot;");
        break;
    case '\'':
        fr_buf_put_s(b, "&#39;");
        break;
    default:
        fr_buf_put_c(b, c);
    }
}

void fr_buf_put_f(fr_buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n > 0 && make_room(b, (size_t)n)) {
        vsnprintf(b->at + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

fr_str fr_buf_str(const fr_buf *b)
{
    return (fr_str){ fr_buf_text(b), b->n };
}

const char *fr_buf_text(const fr_buf *b)
{
    return b->at != NULL ? b->at : "";
}

void fr_buf_clear(fr_buf *b)
{
    b->n = 0;
    b->full = false;
    if (b->at != NULL)
        b->at[0] = '\0';
}

char *fr_buf_take(fr_buf *b)
{
    char *text = b->at != NULL ? b->at : fr_dup("");
    *b = (fr_buf){ .limit_bytes = b->limit_bytes };
    return text;
}

void fr_buf_fini(fr_buf *b)
{
    free(b->at);
    *b = (fr_buf){ .limit_bytes = b->limit_bytes };
}
