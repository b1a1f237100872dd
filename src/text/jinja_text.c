/* Strings as Python has them: code points, its white space, its cases. */
#include <string.h>
#include <utf8proc.h>

#include "text/jinja_priv.h"
#include "text/utf8.h"

/* str.isspace(), and \s of a regular expression */
bool fr_jt_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

bool fr_jt_printable(uint32_t c)
{
    if (c < 0x80)
        return c >= 0x20 && c < 0x7F;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
        return false;
    default:
        return true;
    }
}

size_t fr_jt_length(fr_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.at[i] & 0xC0) != 0x80;
    return n;
}

size_t fr_jt_offset(fr_str s, size_t i)
{
    size_t at = 0;
    while (at < s.n && (i > 0 || ((unsigned char)s.at[at] & 0xC0) == 0x80)) {
        if (((unsigned char)s.at[at] & 0xC0) != 0x80)
            i--;
        at++;
        while (at < s.n && ((unsigned char)s.at[at] & 0xC0) == 0x80)
            at++;
    }
    return at;
}

static uint32_t char_at(fr_str s, size_t at, size_t *step)
{
    uint32_t c = 0;
    *step = fr_utf8_next((fr_str){ s.at + at, s.n - at }, &c);
    return c;
}

/* Where the character that ends at `end` begins. */
static size_t before(fr_str s, size_t end)
{
    do {
        end--;
    } while (end > 0 && ((unsigned char)s.at[end] & 0xC0) == 0x80);
    return end;
}

static bool strips(fr_str chars, uint32_t c)
{
    if (chars.at == NULL)
        return fr_jt_space(c);
    for (size_t i = 0, step = 0; i < chars.n; i += step)
        if (char_at(chars, i, &step) == c)
            return true;
    return false;
}

fr_str fr_jt_strip(fr_str s, fr_str chars, bool left, bool right)
{
    size_t step = 0, from = 0, to = s.n;
    while (left && from < to && strips(chars, char_at(s, from, &step)))
        from += step;
    while (right && to > from) {
        size_t last = before(s, to);
        if (!strips(chars, char_at(s, last, &step)))
            break;
        to = last;
    }
    return (fr_str){ s.at + from, to - from };
}

/* ---- case
 * ---------------------------------------------------------------------------------------- */

static const struct {
    uint32_t c, upper[3], title[3];
} SPECIAL[] = {
#define ROW(c, u1, u2, u3, t1, t2, t3) { c, { u1, u2, u3 }, { t1, t2, t3 } },
#include "text/special_case.def"
#undef ROW
};

void fr_jb_put_char(fr_jr *r, fr_jb *b, uint32_t c)
{
    char bytes[4];
    fr_jb_put(r, b, (fr_str){ bytes, fr_utf8_put(c, bytes) });
}

static void put_upper(fr_jr *r, fr_jb *b, uint32_t c, bool title)
{
    for (size_t i = 0; c >= 0x80 && i < FR_COUNT_OF(SPECIAL); i++) {
        if (SPECIAL[i].c != c)
            continue;
        const uint32_t *to = title ? SPECIAL[i].title : SPECIAL[i].upper;
        for (size_t k = 0; k < 3 && to[k] != 0; k++)
            fr_jb_put_char(r, b, to[k]);
        return;
    }
    fr_jb_put_char(r, b,
                   (uint32_t)(title ? utf8proc_totitle((utf8proc_int32_t)c)
                                    : utf8proc_toupper((utf8proc_int32_t)c)));
}

static bool is_cased(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT;
}

static bool is_ignorable(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_ME || k == UTF8PROC_CATEGORY_CF ||
           k == UTF8PROC_CATEGORY_LM || k == UTF8PROC_CATEGORY_SK || c == '\'' || c == '.' ||
           c == ':' || c == 0xB7 || c == 0x2019 || c == 0x2018 || c == 0x2024 || c == 0x2027;
}

/* A sigma that ends a word (Unicode, chapter 3.13, Final_Sigma). */
static bool is_final(fr_str s, size_t at)
{
    size_t step = 0, i = at;
    uint32_t c = 0;
    while (i > 0) {
        i = before(s, i);
        c = char_at(s, i, &step);
        if (!is_ignorable(c))
            break;
        c = 0;
    }
    if (c == 0 || !is_cased(c))
        return false;
    for (i = at + 2; i < s.n; i += step) {
        c = char_at(s, i, &step);
        if (!is_ignorable(c))
            return !is_cased(c);
    }
    return true;
}

static void put_lower(fr_jr *r, fr_jb *b, fr_str s, size_t at, uint32_t c)
{
    if (c == 0x130) {
        fr_jb_put_char(r, b, 'i');
        fr_jb_put_char(r, b, 0x307);
    } else if (c == 0x3A3) {
        fr_jb_put_char(r, b, is_final(s, at) ? 0x3C2 : 0x3C3);
    } else {
        fr_jb_put_char(r, b, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
    }
}

fr_jv fr_jt_recase(fr_jr *r, fr_str s, fr_jt_case how)
{
    fr_jb b = { 0 };
    bool inside = false; /* a word, for title() */
    for (size_t i = 0, step = 0; i < s.n && r->code == 0; i += step) {
        uint32_t c = char_at(s, i, &step);
        bool upper = how == FR_JT_UPPER || (how == FR_JT_CAPITAL && i == 0) ||
                     (how == FR_JT_TITLE && !inside);
        bool title = how == FR_JT_CAPITAL || how == FR_JT_TITLE;
        if (how == FR_JT_SWAP) {
            utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
            upper = k == UTF8PROC_CATEGORY_LL;
            if (!upper && k != UTF8PROC_CATEGORY_LU) {
                fr_jb_put_char(r, &b, c);
                continue;
            }
        }
        if (upper)
            put_upper(r, &b, c, title);
        else
            put_lower(r, &b, s, i, c);
        inside = is_cased(c);
    }
    return fr_jb_str(&b);
}

fr_jv fr_jt_casefold(fr_jr *r, fr_str s)
{
    fr_jb b = { 0 };
    for (size_t i = 0, step = 0; i < s.n; i += step) {
        utf8proc_int32_t to[8];
        int class = 0;
        utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)char_at(s, i, &step), to, 8,
                                                     UTF8PROC_CASEFOLD, &class);
        for (utf8proc_ssize_t k = 0; k < n && k < 8; k++)
            fr_jb_put_char(r, &b, (uint32_t)to[k]);
    }
    return fr_jb_str(&b);
}

/* ---- pieces
 * ---------------------------------------------------------------------------------------- */

fr_jv fr_jt_replace(fr_jr *r, fr_str s, fr_str old, fr_str with, int64_t count)
{
    fr_jb b = { 0 };
    size_t at = 0, found = 0;
    uint64_t left = count < 0 ? UINT64_MAX : (uint64_t)count;
    fr_jr_step(r, s.n / 64);
    if (old.n == 0) { /* between all characters, and at both ends */
        for (size_t step = 0; left > 0 && r->code == 0; left--, at += step) {
            fr_jb_put(r, &b, with);
            if (at >= s.n)
                return fr_jb_str(&b);
            char_at(s, at, &step);
            fr_jb_put(r, &b, (fr_str){ s.at + at, step });
        }
    }
    while (old.n != 0 && left > 0 && r->code == 0 &&
           fr_str_find((fr_str){ s.at + at, s.n - at }, old, &found)) {
        fr_jb_put(r, &b, (fr_str){ s.at + at, found });
        fr_jb_put(r, &b, with);
        at += found + old.n;
        left--;
    }
    if (at == 0 && b.n == 0)
        return fr_jv_str(s);
    fr_jb_put(r, &b, (fr_str){ s.at + at, s.n - at });
    return fr_jb_str(&b);
}

bool fr_jt_line(fr_str *rest, fr_str *line, fr_str *end)
{
    if (rest->n == 0)
        return false;
    for (size_t i = 0, step = 0; i < rest->n; i += step) {
        uint32_t c = char_at(*rest, i, &step);
        bool breaks = (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 ||
                      c == 0x2028 || c == 0x2029;
        if (!breaks)
            continue;
        if (c == '\r' && i + 1 < rest->n && rest->at[i + 1] == '\n')
            step = 2;
        *line = (fr_str){ rest->at, i };
        *end = (fr_str){ rest->at + i, step };
        *rest = (fr_str){ rest->at + i + step, rest->n - i - step };
        return true;
    }
    *line = *rest;
    *end = (fr_str){ rest->at + rest->n, 0 };
    *rest = *end;
    return true;
}

/* ---- classes
 * ------------------------------------------------------------------------------------------ */

static bool is_alpha(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

static bool is_decimal(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_ND;
}

/* Superscripts, subscripts and circled digits are digits without being decimal. */
static bool is_digit(uint32_t c)
{
    return is_decimal(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 ||
           (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) ||
           (c >= 0x2460 && c <= 0x2468) || (c >= 0x2474 && c <= 0x247C) ||
           (c >= 0x2488 && c <= 0x2490) || c == 0x24EA || (c >= 0x24F5 && c <= 0x24FD) ||
           c == 0x24FF || (c >= 0x2776 && c <= 0x277E) || (c >= 0x2780 && c <= 0x2788) ||
           (c >= 0x278A && c <= 0x2792);
}

static bool is_numeric(uint32_t c)
{
    static const uint32_t HAN[] = { 0x3007, 0x4E00, 0x4E8C, 0x4E09, 0x56DB, 0x4E94, 0x516D,
                                    0x4E03, 0x516B, 0x4E5D, 0x5341, 0x767E, 0x5343, 0x842C };
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    for (size_t i = 0; i < FR_COUNT_OF(HAN); i++)
        if (c == HAN[i])
            return true;
    return k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_NO;
}

bool fr_jt_word(uint32_t c)
{
    if (c < 0x80)
        return c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return is_alpha(c) || is_numeric(c) ||
           utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_MN ||
           utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_MC;
}

static bool has_case_class(fr_str s, fr_jt_class class)
{
    bool any = false, inside = false;
    for (size_t i = 0, step = 0; i < s.n; i += step) {
        uint32_t c = char_at(s, i, &step);
        utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
        bool upper = k == UTF8PROC_CATEGORY_LU, lower = k == UTF8PROC_CATEGORY_LL;
        bool title = k == UTF8PROC_CATEGORY_LT;
        if (class == FR_JT_IS_LOWER && (upper || title))
            return false;
        if (class == FR_JT_IS_UPPER && (lower || title))
            return false;
        if (class == FR_JT_IS_TITLE && ((inside && (upper || title)) || (!inside && lower)))
            return false;
        any = any || (class == FR_JT_IS_LOWER   ? lower
                      : class == FR_JT_IS_UPPER ? upper
                                                : upper || lower || title);
        inside = upper || lower || title;
    }
    return any;
}

bool fr_jt_is(fr_str s, fr_jt_class class)
{
    if (class == FR_JT_IS_LOWER || class == FR_JT_IS_UPPER || class == FR_JT_IS_TITLE)
        return has_case_class(s, class);
    if (s.n == 0)
        return class == FR_JT_IS_PRINTABLE || class == FR_JT_ASCII;
    for (size_t i = 0, step = 0; i < s.n; i += step) {
        uint32_t c = char_at(s, i, &step);
        bool ok = true;
        switch (class) {
        case FR_JT_ALPHA:
            ok = is_alpha(c);
            break;
        case FR_JT_ALNUM:
            ok = is_alpha(c) || is_digit(c) || is_numeric(c);
            break;
        case FR_JT_DECIMAL:
            ok = is_decimal(c);
            break;
        case FR_JT_DIGIT:
            ok = is_digit(c);
            break;
        case FR_JT_NUMERIC:
            ok = is_numeric(c);
            break;
        case FR_JT_IS_SPACE:
            ok = fr_jt_space(c);
            break;
        case FR_JT_IDENTIFIER:
            ok = fr_jt_word(c) && (i != 0 || !is_decimal(c));
            break;
        case FR_JT_IS_PRINTABLE:
            ok = fr_jt_printable(c) || c == ' ';
            break;
        case FR_JT_ASCII:
            ok = c < 0x80;
            break;
        default:
            break;
        }
        if (!ok)
            return false;
    }
    return true;
}

fr_jv fr_jt_escape_html(fr_jr *r, fr_str s)
{
    static const struct {
        char c;
        const char *to;
    } ESCAPES[] = {
        { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&#34;" }, { '\'', "&#39;" }
    };
    fr_jb b = { 0 };
    for (size_t i = 0; i < s.n; i++) {
        const char *to = NULL;
        for (size_t e = 0; e < FR_COUNT_OF(ESCAPES); e++)
            if (s.at[i] == ESCAPES[e].c)
                to = ESCAPES[e].to;
        if (to != NULL)
            fr_jb_put_s(r, &b, to);
        else
            fr_jb_put(r, &b, (fr_str){ s.at + i, 1 });
    }
    fr_jv escaped = fr_jb_str(&b);
    escaped.markup = true;
    return escaped;
}
