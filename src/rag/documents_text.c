/* Plain text and Markdown of any encoding and length, in windows. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "rag/documents_priv.h"
#include "text/utf8.h"

#define WINDOW_BYTES ((size_t)1 << 20)

void traced_clear(traced *t)
{
    fr_buf_clear(&t->text);
    t->n = 0;
}

void traced_fini(traced *t)
{
    fr_buf_fini(&t->text);
    free(t->offsets);
    *t = (traced){ 0 };
}

void traced_put(traced *t, fr_str bytes, size_t source)
{
    if (bytes.n == 0)
        return;
    const fr_offset *last = t->n > 0 ? &t->offsets[t->n - 1] : NULL;
    if (last == NULL || last->source + (t->text.n - last->text) != source) {
        FR_GROW(t->offsets, t->n, t->cap);
        t->offsets[t->n++] = (fr_offset){ t->text.n, source };
    }
    fr_buf_put_str(&t->text, bytes);
}

/* Well-formed characters as they are; what is none, and NUL, becomes U+FFFD. */
static void decode_utf8(traced *t, fr_str bytes, size_t source)
{
    while (bytes.n > 0) {
        size_t fine = fr_utf8_valid_prefix(bytes);
        const char *nul = memchr(bytes.at, '\0', fine);
        if (nul != NULL)
            fine = (size_t)(nul - bytes.at);
        traced_put(t, (fr_str){ bytes.at, fine }, source);
        if (fine < bytes.n)
            traced_put(t, FR_STR("\xef\xbf\xbd"), source + fine);
        fine = FR_MIN(fine + 1, bytes.n);
        bytes.at += fine;
        bytes.n -= fine;
        source += fine;
    }
}

static void put_character(traced *t, uint32_t c, size_t source)
{
    char bytes[4];
    traced_put(t, (fr_str){ bytes, fr_utf8_put(c == 0 ? 0xFFFD : c, bytes) }, source);
}

static void decode_utf16(traced *t, fr_str bytes, bool big, size_t source)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    for (size_t i = 0; i + 2 <= bytes.n;) {
        uint32_t c = big ? (uint32_t)at[i] << 8 | at[i + 1] : (uint32_t)at[i + 1] << 8 | at[i];
        size_t step = 2;
        if (c >= 0xD800 && c < 0xDC00 && i + 4 <= bytes.n) {
            uint32_t low =
                big ? (uint32_t)at[i + 2] << 8 | at[i + 3] : (uint32_t)at[i + 3] << 8 | at[i + 2];
            if (low >= 0xDC00 && low < 0xE000) {
                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                step = 4;
            }
        }
        put_character(t, c, source + i);
        i += step;
    }
}

/* Windows-1252 is Latin-1 with letters and signs at 0x80…0x9F (WHATWG Encoding). */
static void decode_1252(traced *t, fr_str bytes, size_t source)
{
    static const uint16_t HIGH[32] = { 0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020,
                                       0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,
                                       0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D,
                                       0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
                                       0x0153, 0x9D,   0x017E, 0x0178 };
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.at[i];
        if (c < 0x80 && c != 0)
            traced_put(t, (fr_str){ bytes.at + i, 1 }, source + i);
        else
            put_character(t, c >= 0x80 && c < 0xA0 ? HIGH[c - 0x80] : c, source + i);
    }
}

void traced_decode(traced *t, fr_str bytes, encoding e, size_t source)
{
    if (e == ENCODING_UTF16LE || e == ENCODING_UTF16BE)
        decode_utf16(t, bytes, e == ENCODING_UTF16BE, source);
    else if (e == ENCODING_1252)
        decode_1252(t, bytes, source);
    else
        decode_utf8(t, bytes, source);
}

encoding encoding_of(fr_str bytes, size_t *mark)
{
    *mark = 0;
    if (fr_str_starts(bytes, FR_STR("\xef\xbb\xbf"))) {
        *mark = 3;
        return ENCODING_UTF8;
    }
    if (fr_str_starts(bytes, FR_STR("\xff\xfe")) || fr_str_starts(bytes, FR_STR("\xfe\xff"))) {
        *mark = 2;
        return bytes.at[0] == '\xff' ? ENCODING_UTF16LE : ENCODING_UTF16BE;
    }
    size_t whole = 0, broken = 0; /* characters of several bytes; bytes that are none */
    for (size_t i = 0; i < bytes.n;) {
        fr_str rest = { bytes.at + i, bytes.n - i };
        uint32_t c = 0;
        size_t step = fr_utf8_next(rest, &c);
        whole += step > 1;
        broken += step == 1 && (unsigned char)bytes.at[i] >= 0x80 &&
                  fr_utf8_incomplete_tail(rest) != rest.n;
        i += step;
    }
    return broken > whole ? ENCODING_1252 : whole > 0 ? ENCODING_UTF8 : ENCODING_NONE;
}

/* Where a window may end: after a paragraph, else a line, else a word, else a character. */
static size_t window_end(fr_str bytes, size_t at, bool wide)
{
    if (bytes.n - at <= WINDOW_BYTES)
        return bytes.n;
    size_t end = at + WINDOW_BYTES, half = at + WINDOW_BYTES / 2, line = 0, space = 0;
    if (wide)
        return end; /* windows and marks are even; a pair that is cut becomes U+FFFD */
    for (size_t i = end; i > half; i--) {
        if (bytes.at[i - 1] == '\n' && bytes.at[i - 2] == '\n')
            return i;
        line = line == 0 && bytes.at[i - 1] == '\n' ? i : line;
        space = space == 0 && bytes.at[i - 1] == ' ' ? i : space;
    }
    if (line != 0 || space != 0)
        return line != 0 ? line : space;
    while (end > half && ((unsigned char)bytes.at[end] & 0xC0) == 0x80)
        end--;
    return end;
}

/* What was read is given back: a text of gigabytes takes a window of memory. */
static void let_go(const fr_map *map, size_t from, size_t to)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), first = (from + page - 1) / page * page,
           end = to / page * page;
    if (end > first)
        madvise((void *)(map->at + first), end - first, MADV_DONTNEED);
}

fr_str markdown_title(fr_str text)
{
    fr_str line;
    while (fr_str_next(&text, '\n', &line)) {
        size_t signs = 0;
        while (signs < line.n && line.at[signs] == '#')
            signs++;
        if (signs > 0 && signs <= 6 && signs < line.n && line.at[signs] == ' ')
            return fr_str_trim((fr_str){ line.at + signs, line.n - signs });
    }
    return (fr_str){ 0 };
}

static int read_windows(document_flow *f, const char *path, const char *id, bool markdown,
                        fr_err *err)
{
    FR_AUTO(fr_map) map = { 0 };
    FR_AUTO(traced) text = { 0 };
    FR_AUTO(fr_buf) title = { 0 };
    FR_TRY(fr_map_open(path, &map, err));
    fr_str bytes = { (const char *)map.at, map.size_bytes };
    encoding e = ENCODING_NONE;
    size_t mark = 0, at = 0;
    bool first = true, marked = false;
    do {
        bool wide = e == ENCODING_UTF16LE || e == ENCODING_UTF16BE;
        size_t end = bytes.n > 0 ? window_end(bytes, at, wide) : 0;
        if (e == ENCODING_NONE && bytes.n > 0) {
            e = encoding_of((fr_str){ bytes.at + at, end - at }, &mark);
            marked = first && mark > 0;
            if (first && (e == ENCODING_UTF16LE || e == ENCODING_UTF16BE))
                end = window_end(bytes, at, true);
            if (e == ENCODING_1252)
                flow_tell(f, FR_NOTICE_ENCODING, path, "is not UTF-8: read as Windows-1252");
        }
        size_t skip = first && marked ? mark : 0;
        traced_clear(&text);
        if (end > at + skip)
            traced_decode(&text, (fr_str){ bytes.at + at + skip, end - at - skip }, e, skip);
        if (first && markdown)
            fr_buf_put_str(&title, markdown_title(fr_buf_str(&text.text)));
        fr_document d = { .id = fr_str_of(id),
                          .text = fr_buf_str(&text.text),
                          .title = fr_buf_str(&title),
                          .origin = path,
                          .markdown = markdown,
                          .offsets = text.offsets,
                          .n_offsets = text.n };
        FR_TRY(flow_put(f, &d, at, first, err));
        let_go(&map, at, end);
        first = false;
        at = end;
    } while (at < bytes.n);
    return 0;
}

int read_text(document_flow *f, const char *path, const char *id, fr_err *err)
{
    return read_windows(f, path, id, false, err);
}

int read_markdown(document_flow *f, const char *path, const char *id, fr_err *err)
{
    return read_windows(f, path, id, true, err);
}
