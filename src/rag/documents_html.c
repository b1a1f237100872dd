/*
 * HTML as Markdown: headings become lines with #, list items lines with -, blocks paragraphs. What
 * a reader does not see (script, style, comments, the head but for its title) is left out. The page
 * is read once, byte by byte, and never nested: what is broken in it cannot cost more than its
 * size.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "rag/documents_priv.h"
#include "text/utf8.h"

#define PAGE_MOST_BYTES ((size_t)64 << 20)
#define NAME_BYTES      16

typedef struct {
    fr_str page;
    size_t at, source;
    traced *out;
    fr_buf *title;
    size_t heading;   /* 1…6 inside one */
    size_t preserved; /* depth of <pre> and <textarea> */
    bool in_title, item;
    bool gap;   /* white space came: one space before the next letter */
    bool block; /* a block ended: an empty line before the next letter */
    bool line;  /* a line ended */
} html;

static const struct {
    char name[9];
    uint32_t c;
} ENTITIES[] = {
    { "amp", '&' },       { "lt", '<' },        { "gt", '>' },        { "quot", '"' },
    { "apos", '\'' },     { "nbsp", 0xA0 },     { "iexcl", 0xA1 },    { "cent", 0xA2 },
    { "pound", 0xA3 },    { "yen", 0xA5 },      { "sect", 0xA7 },     { "copy", 0xA9 },
    { "ordf", 0xAA },     { "laquo", 0xAB },    { "shy", 0xAD },      { "reg", 0xAE },
    { "deg", 0xB0 },      { "plusmn", 0xB1 },   { "sup2", 0xB2 },     { "sup3", 0xB3 },
    { "micro", 0xB5 },    { "para", 0xB6 },     { "middot", 0xB7 },   { "ordm", 0xBA },
    { "raquo", 0xBB },    { "frac14", 0xBC },   { "frac12", 0xBD },   { "frac34", 0xBE },
    { "iquest", 0xBF },   { "Agrave", 0xC0 },   { "Aacute", 0xC1 },   { "Acirc", 0xC2 },
    { "Atilde", 0xC3 },   { "Auml", 0xC4 },     { "Aring", 0xC5 },    { "AElig", 0xC6 },
    { "Ccedil", 0xC7 },   { "Egrave", 0xC8 },   { "Eacute", 0xC9 },   { "Ecirc", 0xCA },
    { "Euml", 0xCB },     { "Igrave", 0xCC },   { "Iacute", 0xCD },   { "Icirc", 0xCE },
    { "Iuml", 0xCF },     { "ETH", 0xD0 },      { "Ntilde", 0xD1 },   { "Ograve", 0xD2 },
    { "Oacute", 0xD3 },   { "Ocirc", 0xD4 },    { "Otilde", 0xD5 },   { "Ouml", 0xD6 },
    { "times", 0xD7 },    { "Oslash", 0xD8 },   { "Ugrave", 0xD9 },   { "Uacute", 0xDA },
    { "Ucirc", 0xDB },    { "Uuml", 0xDC },     { "Yacute", 0xDD },   { "THORN", 0xDE },
    { "szlig", 0xDF },    { "agrave", 0xE0 },   { "aacute", 0xE1 },   { "acirc", 0xE2 },
    { "atilde", 0xE3 },   { "auml", 0xE4 },     { "aring", 0xE5 },    { "aelig", 0xE6 },
    { "ccedil", 0xE7 },   { "egrave", 0xE8 },   { "eacute", 0xE9 },   { "ecirc", 0xEA },
    { "euml", 0xEB },     { "igrave", 0xEC },   { "iacute", 0xED },   { "icirc", 0xEE },
    { "iuml", 0xEF },     { "eth", 0xF0 },      { "ntilde", 0xF1 },   { "ograve", 0xF2 },
    { "oacute", 0xF3 },   { "ocirc", 0xF4 },    { "otilde", 0xF5 },   { "ouml", 0xF6 },
    { "divide", 0xF7 },   { "oslash", 0xF8 },   { "ugrave", 0xF9 },   { "uacute", 0xFA },
    { "ucirc", 0xFB },    { "uuml", 0xFC },     { "yacute", 0xFD },   { "thorn", 0xFE },
    { "yuml", 0xFF },     { "OElig", 0x152 },   { "oelig", 0x153 },   { "Scaron", 0x160 },
    { "scaron", 0x161 },  { "alpha", 0x3B1 },   { "beta", 0x3B2 },    { "gamma", 0x3B3 },
    { "delta", 0x3B4 },   { "pi", 0x3C0 },      { "sigma", 0x3C3 },   { "mu", 0x3BC },
    { "omega", 0x3C9 },   { "Omega", 0x3A9 },   { "Delta", 0x394 },   { "ensp", 0x2002 },
    { "emsp", 0x2003 },   { "thinsp", 0x2009 }, { "zwnj", 0x200C },   { "zwj", 0x200D },
    { "ndash", 0x2013 },  { "mdash", 0x2014 },  { "lsquo", 0x2018 },  { "rsquo", 0x2019 },
    { "sbquo", 0x201A },  { "ldquo", 0x201C },  { "rdquo", 0x201D },  { "bdquo", 0x201E },
    { "bull", 0x2022 },   { "hellip", 0x2026 }, { "permil", 0x2030 }, { "prime", 0x2032 },
    { "lsaquo", 0x2039 }, { "rsaquo", 0x203A }, { "euro", 0x20AC },   { "trade", 0x2122 },
    { "larr", 0x2190 },   { "uarr", 0x2191 },   { "rarr", 0x2192 },   { "darr", 0x2193 },
    { "minus", 0x2212 },  { "infin", 0x221E },  { "asymp", 0x2248 },  { "ne", 0x2260 },
    { "le", 0x2264 },     { "ge", 0x2265 },
};

/* Tags that begin and end a block of their own. */
static const char *const BLOCKS[] = {
    "p",       "div",     "section", "article", "aside",  "header",     "footer", "main",
    "nav",     "ul",      "ol",      "dl",      "table",  "blockquote", "figure", "form",
    "address", "hr",      "pre",     "h1",      "h2",     "h3",         "h4",     "h5",
    "h6",      "details", "body",    "caption", "legend", "fieldset",   NULL
};
/* Tags that begin and end a line. */
static const char *const LINES[] = { "br",     "li",         "tr",      "dt",     "dd",
                                     "option", "figcaption", "summary", "button", NULL };
/* Their content is not text. */
static const char *const HIDDEN[] = { "script", "style",  "template", "noscript", "svg",
                                      "math",   "iframe", "object",   "select",   NULL };

static bool is_among(const char *const *names, const char *name)
{
    for (; *names != NULL; names++) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0D);
}

/* Ends of blocks, of lines and blanks that came before go out now that text comes. */
static void before_text(html *h, char first)
{
    fr_buf *text = &h->out->text;
    bool begins = text->n == 0 || h->block || h->line;
    if (text->n > 0 && h->block)
        fr_buf_put_s(text, "\n\n");
    else if (text->n > 0 && h->line)
        fr_buf_put_c(text, '\n');
    else if (text->n > 0 && h->gap)
        fr_buf_put_c(text, ' ');
    if (begins && h->heading > 0) {
        for (size_t i = 0; i < h->heading; i++)
            fr_buf_put_c(text, '#');
        fr_buf_put_c(text, ' ');
    } else if (h->item) {
        fr_buf_put_s(text, "- ");
    } else if (begins && (first == '#' || first == '`' || first == '~')) {
        fr_buf_put_c(text, ' '); /* a sign of the page's, not one of ours */
    }
    h->item = h->gap = h->block = h->line = false;
}

static void put(html *h, fr_str bytes, size_t at)
{
    if (h->in_title) {
        if (h->gap && h->title->n > 0)
            fr_buf_put_c(h->title, ' ');
        h->gap = false;
        fr_buf_put_str(h->title, bytes);
        return;
    }
    before_text(h, bytes.at[0]);
    traced_put(h->out, bytes, h->source + at);
}

static size_t entity_at(fr_str page, size_t at, uint32_t *c)
{
    size_t end = at + 1;
    while (end < page.n && end - at < 12 &&
           (isalnum((unsigned char)page.at[end]) || page.at[end] == '#'))
        end++;
    fr_str name = { page.at + at + 1, end - at - 1 };
    size_t all = end - at + (end < page.n && page.at[end] == ';');
    if (name.n >= 2 && name.at[0] == '#') {
        bool hex = name.at[1] == 'x' || name.at[1] == 'X';
        char digits[16];
        size_t skip = hex ? 2 : 1;
        memcpy(digits, name.at + skip, name.n - skip);
        digits[name.n - skip] = '\0';
        char *rest = digits;
        unsigned long v = strtoul(digits, &rest, hex ? 16 : 10);
        if (rest == digits)
            return 0;
        *c = v == 0 || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000) ? 0xFFFD : (uint32_t)v;
        return all - (size_t)(digits + strlen(digits) - rest);
    }
    for (size_t i = 0; i < FR_COUNT_OF(ENTITIES); i++) {
        if (fr_str_is(name, ENTITIES[i].name)) {
            *c = ENTITIES[i].c;
            return all;
        }
    }
    return 0;
}

static void take_entity(html *h)
{
    uint32_t c = 0;
    char bytes[4];
    size_t n = entity_at(h->page, h->at, &c);
    if (n == 0) {
        put(h, (fr_str){ h->page.at + h->at, 1 }, h->at);
        h->at++;
        return;
    }
    if (c == 0xA0 || (c < 0x80 && is_blank((char)c)))
        h->gap = true;
    else if (c != 0xAD) /* a place where a word may be parted */
        put(h, (fr_str){ bytes, fr_utf8_put(c, bytes) }, h->at);
    h->at += n;
}

static bool find_ahead(fr_str page, size_t at, const char *what, size_t *found)
{
    size_t n = strlen(what);
    for (; at + n <= page.n; at++) {
        const char *next = memchr(page.at + at, what[0], page.n - at - n + 1);
        if (next == NULL)
            return false;
        at = (size_t)(next - page.at);
        if (strncasecmp(next, what, n) == 0) {
            *found = at;
            return true;
        }
    }
    return false;
}

/* After the tag's name: past its attributes. Quotes may hold a >. */
static size_t tag_end(fr_str page, size_t at)
{
    char quote = 0;
    for (; at < page.n; at++) {
        char c = page.at[at];
        if (quote != 0)
            quote = c == quote ? 0 : quote;
        else if (c == '>')
            return at + 1;
        else if ((c == '"' || c == '\'') && page.at[at - 1] == '=')
            quote = c;
    }
    return page.n;
}

static void open_or_close(html *h, const char *name, bool closes)
{
    size_t level = name[0] == 'h' && name[1] >= '1' && name[1] <= '6' && name[2] == '\0'
                       ? (size_t)(name[1] - '0')
                       : 0;
    bool block = is_among(BLOCKS, name);
    h->block |= block;
    h->line |= is_among(LINES, name);
    h->gap |= strcmp(name, "td") == 0 || strcmp(name, "th") == 0;
    if (level > 0 || (block && h->heading > 0))
        h->heading = closes ? 0 : level;
    if (strcmp(name, "li") == 0)
        h->item = !closes;
    if (strcmp(name, "title") == 0)
        h->in_title = !closes;
    if (strcmp(name, "pre") == 0 || strcmp(name, "textarea") == 0)
        h->preserved = !closes;
}

/* At "<": a comment, a tag, or the sign itself. */
static void take_tag(html *h)
{
    fr_str page = h->page;
    size_t at = h->at, end;
    char name[NAME_BYTES];
    if (fr_str_starts((fr_str){ page.at + at, page.n - at }, FR_STR("<!--"))) {
        h->at = find_ahead(page, at + 4, "-->", &end) ? end + 3 : page.n;
        return;
    }
    bool closes = at + 1 < page.n && page.at[at + 1] == '/';
    size_t first = at + 1 + closes, n = 0;
    if (first < page.n && (page.at[first] == '!' || page.at[first] == '?')) {
        h->at = tag_end(page, first);
        return;
    }
    if (first >= page.n || !isalpha((unsigned char)page.at[first])) {
        put(h, (fr_str){ page.at + at, 1 }, at);
        h->at++;
        return;
    }
    while (first + n < page.n && isalnum((unsigned char)page.at[first + n]) &&
           n + 1 < sizeof(name)) {
        name[n] = (char)tolower((unsigned char)page.at[first + n]);
        n++;
    }
    name[n] = '\0';
    end = tag_end(page, first + n);
    bool empty = end >= 2 && page.at[end - 2] == '/';
    if (!closes && !empty && is_among(HIDDEN, name)) {
        char stop[NAME_BYTES + 2] = "</";
        strcat(stop, name);
        size_t found;
        h->at = find_ahead(page, end, stop, &found) ? tag_end(page, found) : page.n;
        return;
    }
    open_or_close(h, name, closes);
    h->at = end;
}

static void take_text(html *h)
{
    size_t first = h->at, at = first;
    fr_str page = h->page;
    while (at < page.n && page.at[at] != '<' && page.at[at] != '&' && !is_blank(page.at[at]))
        at++;
    if (at > first) {
        put(h, (fr_str){ page.at + first, at - first }, first);
        h->at = at;
        return;
    }
    if (h->preserved > 0 && page.at[at] == '\n')
        h->line = true;
    else
        h->gap = true;
    h->at++;
}

void html_text(fr_str page, size_t source, traced *out, fr_buf *title)
{
    html h = { .page = page, .source = source, .out = out, .title = title };
    while (h.at < page.n) {
        if (page.at[h.at] == '<')
            take_tag(&h);
        else if (page.at[h.at] == '&')
            take_entity(&h);
        else
            take_text(&h);
    }
}

/* The encoding that the page states near its beginning: latin-1 and its kin, or UTF-8. */
static encoding stated_in(fr_str page)
{
    fr_str head = { page.at, FR_MIN(page.n, (size_t)2048) };
    size_t at;
    if (!find_ahead(head, 0, "charset=", &at))
        return ENCODING_NONE;
    fr_str name = { head.at + at + 8, head.n - at - 8 };
    if (name.n > 0 && (name.at[0] == '"' || name.at[0] == '\''))
        name = (fr_str){ name.at + 1, name.n - 1 };
    static const char *const KIN[] = { "iso-8859-1", "iso8859-1",   "windows-1252",
                                       "latin1",     "iso-8859-15", "us-ascii" };
    for (size_t i = 0; i < FR_COUNT_OF(KIN); i++) {
        if (name.n >= strlen(KIN[i]) && strncasecmp(name.at, KIN[i], strlen(KIN[i])) == 0)
            return ENCODING_1252;
    }
    return ENCODING_NONE;
}

/* Offsets into decoded bytes lead on to those of the file. */
static void lead_back(traced *text, const traced *decoded)
{
    for (size_t i = 0; i < text->n; i++) {
        size_t low = 0, high = decoded->n, at = text->offsets[i].source;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (decoded->offsets[middle].text <= at)
                low = middle + 1;
            else
                high = middle;
        }
        if (low > 0)
            text->offsets[i].source =
                decoded->offsets[low - 1].source + (at - decoded->offsets[low - 1].text);
    }
}

int read_html(document_flow *f, const char *path, const char *id, fr_err *err)
{
    FR_AUTO(fr_map) map = { 0 };
    FR_AUTO(traced) decoded = { 0 };
    FR_AUTO(traced) text = { 0 };
    FR_AUTO(fr_buf) title = { 0 };
    FR_TRY(fr_map_open(path, &map, err));
    if (map.size_bytes > PAGE_MOST_BYTES)
        return fr_fail(err, FR_E_LIMIT, "Split it.", "'%s' is larger than %zu bytes of HTML", path,
                       PAGE_MOST_BYTES);
    fr_str bytes = { (const char *)map.at, map.size_bytes };
    size_t mark = 0;
    encoding e = encoding_of(bytes, &mark), stated = stated_in(bytes);
    if (e == ENCODING_1252 && stated != ENCODING_1252)
        flow_tell(f, FR_NOTICE_ENCODING, path, "is not UTF-8: read as Windows-1252");
    traced_decode(&decoded, (fr_str){ bytes.at + mark, bytes.n - mark }, e, mark);
    html_text(fr_buf_str(&decoded.text), 0, &text, &title);
    lead_back(&text, &decoded);
    fr_str heading = markdown_title(fr_buf_str(&text.text));
    fr_document d = { .id = fr_str_of(id),
                      .text = fr_buf_str(&text.text),
                      .title = title.n > 0 ? fr_buf_str(&title) : heading,
                      .origin = path,
                      .markdown = true,
                      .offsets = text.offsets,
                      .n_offsets = text.n };
    return flow_put(f, &d, 0, true, err);
}
