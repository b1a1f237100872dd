/* A document as chunks: whole paragraphs while they fit, else whole sentences, else words. */
#include <stdlib.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "rag/rag_priv.h"
#include "text/utf8.h"

/* A piece that is not cut if that can be helped: a sentence, or a part of one that is too long. */
typedef struct {
    size_t start, end; /* bytes */
    size_t chars;
    bool paragraph; /* the first of its paragraph */
} unit;
typedef struct {
    unit *at;
    size_t n, cap;
} units;

static bool is_space_at(fr_str text, size_t i)
{
    unsigned char c = (unsigned char)text.at[i];
    return c == ' ' || (c >= 0x09 && c <= 0x0D);
}

static void put_unit(units *u, fr_str text, size_t start, size_t end, bool paragraph)
{
    while (start < end && is_space_at(text, start))
        start++;
    while (end > start && is_space_at(text, end - 1))
        end--;
    if (start == end)
        return;
    size_t n_chars = 0;
    for (size_t i = start; i < end; i++)
        n_chars += ((unsigned char)text.at[i] & 0xC0) != 0x80;
    FR_GROW(u->at, u->n, u->cap);
    u->at[u->n++] = (unit){ start, end, n_chars, paragraph };
}

/* Where a piece of at most `limit` characters ends: after a space if there is one in its second
 * half, else after a character. */
static size_t cut_at(fr_str text, size_t start, size_t end, size_t limit)
{
    size_t i = start, space = 0, n_chars = 0;
    while (i < end && n_chars < limit) {
        uint32_t c = 0;
        i += fr_utf8_next((fr_str){ text.at + i, end - i }, &c);
        n_chars++;
        if (i < end && is_space_at(text, i) && n_chars > limit / 2)
            space = i;
    }
    return i < end && space != 0 ? space : i;
}

static void put_sentence(units *u, fr_str text, size_t start, size_t end, size_t limit,
                         bool paragraph)
{
    size_t at = start;
    while (at < end) {
        size_t stop = cut_at(text, at, end, limit);
        put_unit(u, text, at, stop, paragraph && at == start);
        at = stop;
    }
}

/* A sentence ends after . ! ? and what closes after it, when white space and no small letter
 * follow; or after the full stops of scripts without spaces. */
static bool ends_sentence(fr_str text, size_t i, size_t end, size_t *after)
{
    uint32_t c = 0;
    size_t at = i + fr_utf8_next((fr_str){ text.at + i, end - i }, &c);
    if (c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0x0964) {
        *after = at;
        return true;
    }
    if (c != '.' && c != '!' && c != '?')
        return false;
    while (at < end) {
        size_t step = fr_utf8_next((fr_str){ text.at + at, end - at }, &c);
        if (c != '"' && c != '\'' && c != ')' && c != ']' && c != 0x201D && c != 0x2019 &&
            c != 0xBB && c != '.' && c != '!' && c != '?')
            break;
        at += step;
    }
    *after = at;
    if (at < end && !is_space_at(text, at))
        return false;
    while (at < end && is_space_at(text, at))
        at++;
    if (at == end)
        return true;
    fr_utf8_next((fr_str){ text.at + at, end - at }, &c);
    return utf8proc_category((utf8proc_int32_t)c) != UTF8PROC_CATEGORY_LL;
}

static void put_paragraph(units *u, fr_str text, size_t start, size_t end, size_t limit)
{
    size_t first = start;
    bool fresh = true;
    for (size_t i = start; i < end;) {
        size_t after;
        if (!ends_sentence(text, i, end, &after)) {
            i++;
            while (i < end && ((unsigned char)text.at[i] & 0xC0) == 0x80)
                i++;
            continue;
        }
        put_sentence(u, text, first, after, limit, fresh);
        fresh = false;
        i = first = after;
    }
    put_sentence(u, text, first, end, limit, fresh);
}

/* Paragraphs end at a line that holds nothing. */
static void put_paragraphs(units *u, fr_str text, size_t limit)
{
    size_t start = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] != '\n')
            continue;
        size_t next = i + 1;
        while (next < text.n && text.at[next] != '\n' && is_space_at(text, next))
            next++;
        if (next < text.n && text.at[next] != '\n')
            continue;
        put_paragraph(u, text, start, i, limit);
        start = next;
        i = next;
    }
    put_paragraph(u, text, FR_MIN(start, text.n), text.n, limit);
}

/* Characters from unit `first` through the end of the paragraph that begins at `at`. */
static size_t paragraph_chars(const units *u, size_t at)
{
    size_t sum = u->at[at].chars;
    for (size_t i = at + 1; i < u->n && !u->at[i].paragraph; i++)
        sum += u->at[i].chars + 1;
    return sum;
}

/* The unit after the chunk that begins at `first`. */
static size_t chunk_end(const units *u, size_t first, size_t limit)
{
    size_t used = u->at[first].chars, i = first + 1;
    for (; i < u->n && used + 1 + u->at[i].chars <= limit; i++) {
        /* rather a short chunk than a cut paragraph */
        if (u->at[i].paragraph && used > limit / 3 && used + 1 + paragraph_chars(u, i) > limit)
            break;
        used += u->at[i].chars + 1;
    }
    return i;
}

void chunks_of(fr_str text, size_t chunk_chars, size_t overlap_chars, chunks *out)
{
    units u = { 0 };
    put_paragraphs(&u, text, chunk_chars);
    for (size_t first = 0; first < u.n;) {
        size_t end = chunk_end(&u, first, chunk_chars);
        FR_GROW(out->at, out->n, out->cap);
        out->at[out->n++] = (chunk){ u.at[first].start, u.at[end - 1].end };
        /* inside a paragraph, whole sentences are said again */
        size_t next = end, used = 0;
        while (end < u.n && !u.at[end].paragraph && next > first + 1 && !u.at[next].paragraph &&
               used + u.at[next - 1].chars <= overlap_chars)
            used += u.at[--next].chars + 1;
        first = next;
    }
    free(u.at);
}
