/* The filters of Jinja2 that are about web pages and addresses, and wordwrap. */
#include <stdio.h>
#include <string.h>

#include "text/jinja_priv.h"

#define FILTER(name) static fr_jv name(fr_jr *r, fr_jv v, const fr_jv *arg, const fr_jargs *args)
#define UNUSED       (void)r, (void)v, (void)arg, (void)args

FILTER(do_escape)
{
    UNUSED;
    return v.markup ? v : fr_jt_escape_html(r, fr_jv_text(r, v));
}

FILTER(do_forceescape)
{
    UNUSED;
    return fr_jt_escape_html(r, fr_jv_text(r, v));
}

FILTER(do_safe)
{
    UNUSED;
    fr_jv safe = fr_jv_str(fr_jv_text(r, v));
    safe.markup = true;
    return safe;
}

static void quote(fr_jr *r, fr_jb *b, fr_str s, bool in_query)
{
    for (size_t i = 0; i < s.n && r->code == 0; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     (c != '\0' && strchr("_.-~", c) != NULL) || (c == '/' && !in_query);
        char coded[4];
        snprintf(coded, sizeof(coded), "%%%02X", c);
        if (plain)
            fr_jb_put(r, b, (fr_str){ s.at + i, 1 });
        else
            fr_jb_put_s(r, b, in_query && c == ' ' ? "+" : coded);
    }
}

FILTER(do_urlencode)
{
    UNUSED;
    fr_jb b = { 0 };
    fr_jv item;
    if (v.kind == FR_JV_STR || !fr_jv_walkable(v)) {
        quote(r, &b, fr_jv_text(r, v), false);
        return fr_jb_str(&b);
    }
    if (v.kind == FR_JV_DICT)
        v = (fr_jv){ .kind = FR_JV_VIEW, .part = FR_JV_ITEMS, .dict = v.dict };
    fr_jv_iter *it = fr_jv_walk(r, v);
    for (size_t i = 0; it != NULL && fr_ji_next(r, it, &item); i++) {
        fr_jv pair = fr_jv_listed(r, item);
        if (r->code == 0 && pair.list->n != 2)
            return fr_jr_fail(r, "not enough values to unpack (expected 2, got %zu)", pair.list->n);
        if (r->code != 0)
            break;
        fr_jb_put_s(r, &b, i != 0 ? "&" : "");
        quote(r, &b, fr_jv_text(r, pair.list->at[0]), true);
        fr_jb_put_s(r, &b, "=");
        quote(r, &b, fr_jv_text(r, pair.list->at[1]), true);
    }
    return fr_jb_str(&b);
}

FILTER(do_xmlattr)
{
    UNUSED;
    fr_jb b = { 0 };
    bool space = fr_jarg_bool(r, arg[0], true);
    if (v.kind == FR_JV_UNDEFINED)
        return fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
    if (v.kind != FR_JV_DICT)
        return fr_jr_fail(r, "'%s' object has no attribute 'items'", fr_jv_type(v));
    for (size_t i = 0; i < v.dict->n && r->code == 0; i++) {
        fr_jv value = v.dict->values[i];
        if (value.kind == FR_JV_NONE || value.kind == FR_JV_UNDEFINED)
            continue;
        fr_str key = fr_jarg_text(r, v.dict->keys[i], "xmlattr");
        for (size_t k = 0; k < key.n; k++)
            if (key.at[k] == '\0' || strchr(" \t\n\r\f\v/>=", key.at[k]) != NULL)
                return fr_jr_fail(r, "Invalid character in attribute name: '%.*s'", FR_STR_F(key));
        if (b.n != 0 || space)
            fr_jb_put_s(r, &b, " ");
        fr_jb_put(r, &b, fr_jv_bytes(fr_jt_escape_html(r, key)));
        fr_jb_put_s(r, &b, "=\"");
        fr_jb_put(r, &b,
                  fr_jv_bytes(value.markup ? value : fr_jt_escape_html(r, fr_jv_text(r, value))));
        fr_jb_put_s(r, &b, "\"");
    }
    return fr_jb_str(&b);
}

/* Cuts "<!--…-->" and "<…>" out, white space becomes single spaces, the five entities characters.
 */
FILTER(do_striptags)
{
    UNUSED;
    fr_str s = fr_jv_text(r, v);
    fr_jb cut = { 0 }, b = { 0 };
    static const struct {
        const char *begin, *end;
    } TAGS[] = { { "<!--", "-->" }, { "<", ">" } };
    for (size_t k = 0; k < FR_COUNT_OF(TAGS); k++) {
        size_t from = 0, at = 0, end = 0;
        cut = (fr_jb){ 0 };
        fr_str begins = fr_str_of(TAGS[k].begin), ends = fr_str_of(TAGS[k].end);
        while (fr_str_find((fr_str){ s.at + from, s.n - from }, begins, &at) && fr_jr_step(r, 1)) {
            if (!fr_str_find((fr_str){ s.at + from + at, s.n - from - at }, ends, &end))
                break;
            fr_jb_put(r, &cut, (fr_str){ s.at + from, at });
            from += at + end + ends.n;
        }
        fr_jb_put(r, &cut, (fr_str){ s.at + from, s.n - from });
        s = fr_jb_bytes(&cut);
    }
    fr_jv words = fr_jinja_run_row(r, fr_jinja_method(fr_jv_str(s), FR_STR("split")), fr_jv_str(s),
                                   &(fr_jargs){ 0 });
    for (size_t i = 0; r->code == 0 && i < words.list->n; i++) {
        fr_jb_put_s(r, &b, i != 0 ? " " : "");
        fr_jb_put(r, &b, fr_jv_bytes(words.list->at[i]));
    }
    static const char *const ENTITIES[][2] = { { "&lt;", "<" },   { "&gt;", ">" },
                                               { "&#34;", "\"" }, { "&quot;", "\"" },
                                               { "&#39;", "'" },  { "&amp;", "&" } };
    fr_jv text = fr_jb_str(&b);
    for (size_t i = 0; i < FR_COUNT_OF(ENTITIES); i++)
        text = fr_jt_replace(r, fr_jv_bytes(text), fr_str_of(ENTITIES[i][0]),
                             fr_str_of(ENTITIES[i][1]), -1);
    return text;
}

/* ---- wordwrap
 * --------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool letter_at(fr_str s, size_t i)
{
    if (i >= s.n)
        return false;
    fr_str rest = { s.at + i, s.n - i };
    fr_str c = { rest.at, fr_jt_offset(rest, 1) };
    return fr_jt_is(c, FR_JT_ALPHA) || s.at[i] == '_';
}

static bool letter_before(fr_str s, size_t i)
{
    while (i > 0 && ((unsigned char)s.at[--i] & 0xC0) == 0x80) {
    }
    return letter_at(s, i);
}

/* The next piece that is not parted: white space, or a word up to behind a hyphen between letters.
 */
static fr_str chunk(fr_str s, bool hyphens)
{
    size_t i = 0;
    if (is_blank(s.at[0])) {
        while (i < s.n && is_blank(s.at[i]))
            i++;
        return (fr_str){ s.at, i };
    }
    while (i < s.n && !is_blank(s.at[i])) {
        bool cut = hyphens && s.at[i] == '-' && i >= 2 && letter_before(s, i) &&
                   letter_at(s, i + 1) && (letter_at(s, i + 2) || letter_at(s, i + 2));
        i++;
        if (cut)
            break;
    }
    return (fr_str){ s.at, i };
}

static void wrap_line(fr_jr *r, fr_jb *b, fr_str line, int64_t width, bool break_long, bool hyphens,
                      fr_str with)
{
    int64_t used = 0;
    bool any = false; /* a line was written before */
    fr_jb now = { 0 };
    size_t blanks = 0; /* bytes of white space at the end of now */
    while (line.n != 0 && fr_jr_step(r, 1)) {
        fr_str piece = chunk(line, hyphens);
        int64_t wide = (int64_t)fr_jt_length(piece);
        bool blank = is_blank(piece.at[0]);
        if (used == 0 && blank && any) { /* white space that a line would begin with */
            line = (fr_str){ line.at + piece.n, line.n - piece.n };
            continue;
        }
        if (used + wide <= width) {
            fr_jb_put(r, &now, piece);
            used += wide;
            blanks = blank ? piece.n : 0;
            line = (fr_str){ line.at + piece.n, line.n - piece.n };
            continue;
        }
        if (wide > width && (break_long || used == 0)) { /* fits on no line */
            int64_t room = FR_MAX(width - used, (int64_t)(used == 0));
            size_t n = break_long ? fr_jt_offset(piece, (size_t)room) : piece.n;
            fr_jb_put(r, &now, (fr_str){ piece.at, n });
            blanks = blank ? n : n != 0 ? 0 : blanks;
            line = (fr_str){ line.at + n, line.n - n };
        }
        now.n -= FR_MIN(blanks, now.n);
        if (now.n != 0) {
            if (any)
                fr_jb_put(r, b, with);
            fr_jb_put(r, b, fr_jb_bytes(&now));
            any = true;
        }
        now = (fr_jb){ 0 };
        used = 0;
        blanks = 0;
    }
    now.n -= FR_MIN(blanks, now.n);
    if (now.n != 0) {
        if (any)
            fr_jb_put(r, b, with);
        fr_jb_put(r, b, fr_jb_bytes(&now));
    }
}

FILTER(do_wordwrap)
{
    UNUSED;
    fr_str rest = fr_jarg_text(r, v, "wordwrap"), line = { 0 }, end = { 0 };
    int64_t width = fr_jarg_i64(r, arg[0], 79);
    bool break_long = fr_jarg_bool(r, arg[1], true), hyphens = fr_jarg_bool(r, arg[3], true);
    fr_str with = fr_jarg_some(arg[2]) ? fr_jarg_text(r, arg[2], "wordwrap") : FR_STR("\n");
    fr_jb b = { 0 };
    if (r->code == 0 && width <= 0)
        return fr_jr_fail(r, "invalid width %lld (must be > 0)", (long long)width);
    for (size_t i = 0; r->code == 0 && fr_jt_line(&rest, &line, &end); i++) {
        if (i != 0)
            fr_jb_put(r, &b, with);
        wrap_line(r, &b, line, width, break_long, hyphens, with);
    }
    return fr_jb_str(&b);
}

const fr_jinja_row FR_JINJA_HTML_FILTERS[] = {
    { "e", do_escape, "", 0 },
    { "escape", do_escape, "", 0 },
    { "forceescape", do_forceescape, "", 0 },
    { "safe", do_safe, "", 0 },
    { "striptags", do_striptags, "", 0 },
    { "urlencode", do_urlencode, "", 0 },
    { "wordwrap", do_wordwrap, "width break_long_words wrapstring break_on_hyphens", 0 },
    { "xmlattr", do_xmlattr, "autospace", 0 },
};
const size_t FR_JINJA_N_HTML_FILTERS = FR_COUNT_OF(FR_JINJA_HTML_FILTERS);
