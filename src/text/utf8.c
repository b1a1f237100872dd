/* UTF-8, by table 3-7 of the Unicode Standard ("Well-Formed UTF-8 Byte Sequences"):
 *
 *     first    second   third    fourth
 *     00..7F
 *     C2..DF   80..BF
 *     E0       A0..BF   80..BF            (no overlongs)
 *     E1..EC   80..BF   80..BF
 *     ED       80..9F   80..BF            (no surrogates)
 *     EE..EF   80..BF   80..BF
 *     F0       90..BF   80..BF   80..BF   (no overlongs)
 *     F1..F3   80..BF   80..BF   80..BF
 *     F4       80..8F   80..BF   80..BF   (nothing above U+10FFFF)
 */
#include <utf8proc.h>

#include "text/utf8.h"

/* What may follow a first byte: how long the character is, and the range of the second byte. */
typedef struct {
    size_t bytes; /* 0: no character begins so */
    unsigned char low, high;
} lead;

static lead lead_of(unsigned char first)
{
    if (first < 0x80)
        return (lead){ 1, 0, 0 };
    if (first < 0xC2 || first > 0xF4)
        return (lead){ 0, 0, 0 };
    if (first < 0xE0)
        return (lead){ 2, 0x80, 0xBF };
    if (first < 0xF0)
        return (lead){ 3, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF };
    return (lead){ 4, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF };
}

/* How many bytes of text are the beginning of a well-formed character, at most lead.bytes. */
static size_t well_formed(fr_str text, lead l)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t i = 1;
    if (i < l.bytes && i < text.n && (at[i] < l.low || at[i] > l.high))
        return i;
    while (i < l.bytes && i < text.n && (at[i] & 0xC0) == 0x80)
        i++;
    return i;
}

size_t fr_utf8_next(fr_str text, uint32_t *c)
{
    static const unsigned char FIRST_BITS[5] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
    if (text.n == 0) {
        *c = 0xFFFD;
        return 1;
    }
    const unsigned char *at = (const unsigned char *)text.at;
    lead l = lead_of(at[0]);
    if (l.bytes == 0 || well_formed(text, l) < l.bytes) {
        *c = 0xFFFD;
        return 1;
    }
    uint32_t value = at[0] & FIRST_BITS[l.bytes];
    for (size_t i = 1; i < l.bytes; i++)
        value = value << 6 | (at[i] & 0x3F);
    *c = value;
    return l.bytes;
}

size_t fr_utf8_put(uint32_t c, char out[4])
{
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        c = 0xFFFD;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t bytes = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = bytes - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((0xF00 >> bytes & 0xFF) | c);
    return bytes;
}

bool fr_utf8_valid(fr_str text)
{
    return fr_utf8_valid_prefix(text) == text.n;
}

size_t fr_utf8_valid_prefix(fr_str text)
{
    size_t i = 0;
    while (i < text.n) {
        lead l = lead_of((unsigned char)text.at[i]);
        if (l.bytes == 0 || well_formed((fr_str){ text.at + i, text.n - i }, l) < l.bytes)
            break;
        i += l.bytes;
    }
    return i;
}

size_t fr_utf8_incomplete_tail(fr_str text)
{
    for (size_t back = 1; back <= 3 && back <= text.n; back++) {
        fr_str tail = { text.at + text.n - back, back };
        unsigned char first = (unsigned char)tail.at[0];
        if ((first & 0xC0) == 0x80)
            continue; /* inside a character: look further back for its first byte */
        lead l = lead_of(first);
        return l.bytes > back && well_formed(tail, l) == back ? back : 0;
    }
    return 0;
}

void fr_utf8_fold(fr_str text, fr_buf *out)
{
    size_t step = 0;
    for (size_t i = 0; i < text.n; i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
        bool invalid = c == 0xFFFD && step == 1;
        bool hangul = c >= 0xAC00 && c <= 0xD7A3; /* whole syllables match better than letters */
        if (invalid || hangul) {
            fr_buf_put(out, text.at + i, step);
            continue;
        }
        if (c < 0x80) {
            fr_buf_put_c(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
            continue;
        }
        utf8proc_int32_t parts[32];
        int class = 0;
        utf8proc_ssize_t n = utf8proc_decompose_char(
            (utf8proc_int32_t)c, parts, 32,
            UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD, &class);
        if (n < 0 || n > 32) {
            fr_buf_put(out, text.at + i, step);
            continue;
        }
        for (utf8proc_ssize_t p = 0; p < n; p++) {
            if (parts[p] >= 0x0300 && parts[p] <= 0x036F)
                continue; /* accents; marks of Indic and other scripts carry sound and stay */
            char bytes[4];
            fr_buf_put(out, bytes, fr_utf8_put((uint32_t)parts[p], bytes));
        }
    }
}
