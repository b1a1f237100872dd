/*
 * A text's words, as they stand in it, and what they are folded to. Scripts that are written
 * without spaces give overlapping pairs of characters (a character with the marks that follow it).
 */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "rag/rag_priv.h"
#include "text/utf8.h"

static bool stands_alone(uint32_t c)
{
    if (c < 0x0E00)
        return false;
    return c <= 0x0EFF || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x17FF) ||
           (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFF66 && c <= 0xFF9F) ||
           (c >= 0x20000 && c <= 0x3FFFF);
}

static bool is_term(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return c != 0xFFFD && category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
}

/* Belongs to the character before it. */
static bool is_mark(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME) || c == 0xFF9E ||
           c == 0xFF9F || c == 0x0E33 || c == 0x0EB3;
}

static bool is_ascii_term(unsigned char c)
{
    return (unsigned)(c - '0') < 10 || (unsigned)((c | 0x20) - 'a') < 26;
}

/* The kind of the character at i, and its bytes. */
static run_kind kind_at(fr_str text, size_t i, size_t *step, uint32_t *c)
{
    unsigned char first = (unsigned char)text.at[i];
    if (first < 0x80) {
        *step = 1;
        *c = first;
        return is_ascii_term(first) ? RUN_WORD : RUN_NONE;
    }
    *step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, c);
    return !is_term(*c) ? RUN_NONE : stands_alone(*c) ? RUN_PAIRS : RUN_WORD;
}

/* The end of the character at i together with its marks. */
static size_t cluster_end(fr_str text, size_t i)
{
    size_t step;
    uint32_t c;
    kind_at(text, i, &step, &c);
    i += step;
    while (i < text.n && (unsigned char)text.at[i] >= 0x80) {
        kind_at(text, i, &step, &c);
        if (!is_mark(c))
            break;
        i += step;
    }
    return i;
}

/* A pair that begins at the scan's place; the last character of a run alone only if it is all. */
static bool next_pair(word_scan *s, fr_str *word)
{
    size_t end = cluster_end(s->text, s->at), step;
    uint32_t c;
    bool goes_on = end < s->text.n && kind_at(s->text, end, &step, &c) == RUN_PAIRS;
    *word = (fr_str){ s->text.at + s->at, end - s->at };
    if (goes_on)
        word->n = cluster_end(s->text, end) - s->at;
    bool alone = !s->inside && !goes_on;
    s->at = end;
    s->inside = goes_on;
    return goes_on || alone;
}

bool word_next(word_scan *s, fr_str *word, run_kind *kind)
{
    fr_str text = s->text;
    while (s->at < text.n) {
        size_t step;
        uint32_t c;
        run_kind now = kind_at(text, s->at, &step, &c);
        if (now == RUN_PAIRS) {
            *kind = RUN_PAIRS;
            if (next_pair(s, word))
                return true;
            continue;
        }
        s->inside = false;
        if (now == RUN_NONE) {
            s->at += step;
            continue;
        }
        size_t first = s->at;
        while (s->at < text.n && kind_at(text, s->at, &step, &c) == RUN_WORD)
            s->at += step;
        *word = (fr_str){ text.at + first, FR_MIN(s->at - first, (size_t)WORD_BYTES) };
        while (word->n > 0 && word->n == WORD_BYTES && first + word->n < text.n &&
               ((unsigned char)text.at[first + word->n] & 0xC0) == 0x80)
            word->n--; /* a very long word is cut, not inside a character */
        *kind = RUN_WORD;
        return true;
    }
    return false;
}

/* Letters that no decomposition brings to a plain one. */
static const char *plain_letter(uint32_t c)
{
    switch (c) {
    case 0x00E6:
        return "ae";
    case 0x00F0:
    case 0x0111:
        return "d";
    case 0x00F8:
        return "o";
    case 0x00FE:
        return "th";
    case 0x0131:
        return "i";
    case 0x0142:
        return "l";
    case 0x0153:
        return "oe";
    default:
        return NULL;
    }
}

/* Marks that are written or left out as one likes: vowel points of Hebrew and Arabic, the dot below
 * of Indic letters, the stretcher. */
static bool is_optional(uint32_t c)
{
    return (c >= 0x0591 && c <= 0x05C7) || c == 0x0640 || (c >= 0x064B && c <= 0x065F) ||
           c == 0x0670 || c == 0x093C || c == 0x09BC || c == 0x0A3C;
}

void word_strip(fr_str word, fr_buf *out)
{
    FR_AUTO(fr_buf) folded = { 0 };
    fr_utf8_fold(word, &folded);
    fr_str text = fr_buf_str(&folded);
    for (size_t i = 0, step; i < text.n; i += step) {
        uint32_t c;
        step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
        const char *plain = c < 0x80 ? NULL : plain_letter(c);
        if (plain != NULL)
            fr_buf_put_s(out, plain);
        else if (c < 0x80 || !is_optional(c))
            fr_buf_put(out, text.at + i, step);
    }
}

void word_lower(fr_str word, fr_buf *out)
{
    utf8proc_uint8_t *lower = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)word.at, (utf8proc_ssize_t)word.n, &lower,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
    if (n >= 0)
        fr_buf_put(out, lower, (size_t)n);
    else
        fr_buf_put_str(out, word);
    free(lower);
}
