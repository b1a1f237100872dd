/*
 * DOCX (ECMA-376): a zip archive whose word/document.xml holds paragraphs <w:p>; text is what
 * stands in <w:t>. Headings are told by their style (Heading 1…6, Title) or outline level and
 * become lines with #, numbered paragraphs list items.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "rag/documents_priv.h"
#include "text/utf8.h"

#define FILE_MOST_BYTES ((size_t)256 << 20)

/* One element or text of an XML file. No entity is ever defined, so none can grow. */
typedef struct {
    fr_str rest;
    fr_str name, attributes, text; /* of the tag, or the text before the next */
    bool tag, closes, empty;
} xml;

static bool xml_next(xml *x)
{
    if (x->rest.n == 0)
        return false;
    if (x->rest.at[0] != '<') {
        const char *end = memchr(x->rest.at, '<', x->rest.n);
        size_t n = end != NULL ? (size_t)(end - x->rest.at) : x->rest.n;
        x->tag = false;
        x->text = (fr_str){ x->rest.at, n };
        x->rest = (fr_str){ x->rest.at + n, x->rest.n - n };
        return true;
    }
    const char *end = memchr(x->rest.at, '>', x->rest.n);
    size_t n = end != NULL ? (size_t)(end - x->rest.at) : x->rest.n - 1;
    fr_str inside = { x->rest.at + 1, n > 0 ? n - 1 : 0 };
    x->tag = true;
    x->closes = inside.n > 0 && inside.at[0] == '/';
    x->empty = inside.n > 0 && inside.at[inside.n - 1] == '/';
    if (x->closes)
        inside = (fr_str){ inside.at + 1, inside.n - 1 };
    size_t name = 0;
    while (name < inside.n && !isspace((unsigned char)inside.at[name]) && inside.at[name] != '/')
        name++;
    x->name = (fr_str){ inside.at, name };
    x->attributes = (fr_str){ inside.at + name, inside.n - name };
    x->rest = (fr_str){ x->rest.at + n + 1, x->rest.n - n - 1 };
    return true;
}

static bool attribute(const xml *x, const char *name, fr_str *out)
{
    size_t at;
    char key[32];
    snprintf(key, sizeof(key), "%s=\"", name);
    if (!fr_str_find(x->attributes, fr_str_of(key), &at))
        return false;
    at += strlen(key);
    const char *end = memchr(x->attributes.at + at, '"', x->attributes.n - at);
    *out =
        (fr_str){ x->attributes.at + at, end != NULL ? (size_t)(end - x->attributes.at) - at : 0 };
    return true;
}

static void put_unescaped(fr_str text, fr_buf *out)
{
    static const char *const NAMES[][2] = {
        { "&lt;", "<" }, { "&gt;", ">" }, { "&amp;", "&" }, { "&quot;", "\"" }, { "&apos;", "'" }
    };
    for (size_t i = 0; i < text.n;) {
        fr_str rest = { text.at + i, text.n - i };
        size_t n = 0;
        for (size_t e = 0; e < FR_COUNT_OF(NAMES) && rest.at[0] == '&' && n == 0; e++) {
            if (fr_str_starts(rest, fr_str_of(NAMES[e][0]))) {
                fr_buf_put_s(out, NAMES[e][1]);
                n = strlen(NAMES[e][0]);
            }
        }
        if (n == 0 && fr_str_starts(rest, FR_STR("&#"))) {
            char digits[12] = { 0 }, bytes[4], *end;
            bool hex = rest.n > 2 && rest.at[2] == 'x';
            memcpy(digits, rest.at + 2 + hex, FR_MIN(rest.n - 2 - hex, sizeof(digits) - 1));
            unsigned long c = strtoul(digits, &end, hex ? 16 : 10);
            if (end != digits && *end == ';') {
                c = c == 0 || c > 0x10FFFF ? 0xFFFD : c;
                fr_buf_put(out, bytes, fr_utf8_put((uint32_t)c, bytes));
                n = (size_t)(end - digits) + 3 + hex;
            }
        }
        if (n == 0) {
            fr_buf_put_c(out, text.at[i]);
            n = 1;
        }
        i += n;
    }
}

typedef struct {
    fr_buf paragraph;
    size_t heading;
    bool item, in_text;
} docx;

/* "Heading2", "heading 2", "berschrift2" of a German Word, "Title". */
static size_t level_of_style(fr_str style)
{
    static const char *const STEMS[] = { "heading", "berschrift", "titre", "ttulo",
                                         "titolo",  "rubrik",     "kop" };
    char name[40];
    size_t n = 0;
    for (size_t i = 0; i < style.n && n + 1 < sizeof(name); i++) {
        if ((unsigned char)style.at[i] < 0x80 && style.at[i] != ' ')
            name[n++] = (char)tolower((unsigned char)style.at[i]);
    }
    name[n] = '\0';
    if (strcmp(name, "title") == 0)
        return 1;
    for (size_t i = 0; i < FR_COUNT_OF(STEMS); i++) {
        const char *at = strstr(name, STEMS[i]);
        char digit = at != NULL ? at[strlen(STEMS[i])] : '\0';
        if (digit >= '1' && digit <= '6')
            return (size_t)(digit - '0');
    }
    return 0;
}

static void end_paragraph(docx *d, fr_buf *out, fr_buf *title)
{
    fr_str text = fr_str_trim(fr_buf_str(&d->paragraph));
    if (text.n > 0) {
        if (out->n > 0)
            fr_buf_put_s(out, d->item ? "\n" : "\n\n");
        for (size_t i = 0; i < d->heading; i++)
            fr_buf_put_c(out, '#');
        if (d->heading > 0)
            fr_buf_put_c(out, ' ');
        else if (d->item)
            fr_buf_put_s(out, "- ");
        else if (text.at[0] == '#')
            fr_buf_put_c(out, ' ');
        fr_buf_put_str(out, text);
        if (d->heading > 0 && title->n == 0)
            fr_buf_put_str(title, text);
    }
    fr_buf_clear(&d->paragraph);
    d->heading = 0;
    d->item = false;
}

static void take(docx *d, const xml *x, fr_buf *out, fr_buf *title)
{
    fr_str value;
    if (!x->tag) {
        if (d->in_text)
            put_unescaped(x->text, &d->paragraph);
        return;
    }
    if (fr_str_is(x->name, "w:t"))
        d->in_text = !x->closes && !x->empty;
    else if (fr_str_is(x->name, "w:p") && (x->closes || x->empty))
        end_paragraph(d, out, title);
    else if (fr_str_is(x->name, "w:tab") && !x->closes)
        fr_buf_put_c(&d->paragraph, ' ');
    else if ((fr_str_is(x->name, "w:br") || fr_str_is(x->name, "w:cr")) && !x->closes)
        fr_buf_put_c(&d->paragraph, '\n');
    else if (fr_str_is(x->name, "w:pStyle") && attribute(x, "w:val", &value))
        d->heading = level_of_style(value);
    else if (fr_str_is(x->name, "w:outlineLvl") && attribute(x, "w:val", &value))
        d->heading = value.n == 1 && value.at[0] >= '0' && value.at[0] <= '5'
                         ? (size_t)(value.at[0] - '0') + 1
                         : d->heading;
    else if (fr_str_is(x->name, "w:numPr") && !x->closes)
        d->item = true;
}

int docx_text(fr_str bytes, const char *name, fr_buf *out, fr_buf *title, fr_err *err)
{
    FR_AUTO(fr_buf) document = { 0 };
    int rc = zip_read(bytes, "word/document.xml", name, &document, err);
    if (rc == FR_E_NOT_FOUND)
        return fr_fail(err, FR_E_FORMAT, NULL, "'%s' is a zip archive, but no DOCX", name);
    FR_TRY(rc);
    docx d = { 0 };
    xml x = { .rest = fr_buf_str(&document) };
    while (xml_next(&x))
        take(&d, &x, out, title);
    end_paragraph(&d, out, title);
    fr_buf_fini(&d.paragraph);
    return 0;
}

int read_docx(document_flow *f, const char *path, const char *id, fr_err *err)
{
    FR_AUTO(fr_map) map = { 0 };
    FR_AUTO(fr_buf) raw = { 0 };
    FR_AUTO(fr_buf) title = { 0 };
    FR_AUTO(traced) text = { 0 };
    FR_TRY(fr_map_open(path, &map, err));
    if (map.size_bytes > FILE_MOST_BYTES)
        return fr_fail(err, FR_E_LIMIT, NULL, "'%s' is larger than %zu bytes", path,
                       FILE_MOST_BYTES);
    fr_str bytes = { (const char *)map.at, map.size_bytes };
    if (fr_str_starts(bytes, FR_STR("\xd0\xcf\x11\xe0")))
        return fr_fail(err, FR_E_UNSUPPORTED, "Save a copy as .docx without a password.",
                       "'%s' is encrypted, or a .doc of before 2007", path);
    FR_TRY(docx_text(bytes, path, &raw, &title, err));
    traced_decode(&text, fr_buf_str(&raw), ENCODING_UTF8, 0);
    fr_document d = { .id = fr_str_of(id),
                      .text = fr_buf_str(&text.text),
                      .title = fr_buf_str(&title),
                      .origin = path,
                      .markdown = true };
    return flow_put(f, &d, 0, true, err);
}
