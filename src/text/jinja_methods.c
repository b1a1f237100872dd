/* The methods of Python's str, list, tuple and dict that a template may call: those that change
 * nothing (the sandbox refuses the others). */
#include <string.h>

#include "text/jinja_priv.h"
#include "text/utf8.h"

#define METHOD(name) static fr_jv name(fr_jr *r, fr_jv self, const fr_jv *arg, const fr_jargs *args)
#define UNUSED       (void)r, (void)self, (void)arg, (void)args

/* Changing the case and the like keeps Markup. */
static fr_jv like(fr_jv self, fr_jv out)
{
    out.markup = self.markup;
    return out;
}

static fr_str own(fr_jv self)
{
    return fr_jv_bytes(self);
}

/* ---- case and classes
 * ------------------------------------------------------------------------------ */

#define RECASE(name, how)                                                                          \
    METHOD(name)                                                                                   \
    {                                                                                              \
        UNUSED;                                                                                    \
        return like(self, fr_jt_recase(r, own(self), how));                                        \
    }
RECASE(str_upper, FR_JT_UPPER)
RECASE(str_lower, FR_JT_LOWER)
RECASE(str_title, FR_JT_TITLE)
RECASE(str_capitalize, FR_JT_CAPITAL)
RECASE(str_swapcase, FR_JT_SWAP)

METHOD(str_casefold)
{
    UNUSED;
    return like(self, fr_jt_casefold(r, own(self)));
}

#define CLASS(name, class)                                                                         \
    METHOD(name)                                                                                   \
    {                                                                                              \
        UNUSED;                                                                                    \
        return fr_jv_bool(fr_jt_is(own(self), class));                                             \
    }
CLASS(str_isalpha, FR_JT_ALPHA)
CLASS(str_isalnum, FR_JT_ALNUM)
CLASS(str_isdecimal, FR_JT_DECIMAL)
CLASS(str_isdigit, FR_JT_DIGIT)
CLASS(str_isnumeric, FR_JT_NUMERIC)
CLASS(str_isspace, FR_JT_IS_SPACE)
CLASS(str_islower, FR_JT_IS_LOWER)
CLASS(str_isupper, FR_JT_IS_UPPER)
CLASS(str_istitle, FR_JT_IS_TITLE)
CLASS(str_isidentifier, FR_JT_IDENTIFIER)
CLASS(str_isprintable, FR_JT_IS_PRINTABLE)
CLASS(str_isascii, FR_JT_ASCII)

/* ---- stripping, padding
 * ------------------------------------------------------------------------------- */

static fr_jv strip(fr_jr *r, fr_jv self, fr_jv chars, bool left, bool right)
{
    fr_str of = { NULL, 0 };
    if (fr_jarg_some(chars))
        of = fr_jarg_text(r, chars, "strip()");
    fr_jr_step(r, self.n / 16 + of.n / 16 * (self.n / 16));
    return like(self, fr_jv_str(fr_jt_strip(own(self), of, left, right)));
}

METHOD(str_strip)
{
    UNUSED;
    return strip(r, self, arg[0], true, true);
}

METHOD(str_lstrip)
{
    UNUSED;
    return strip(r, self, arg[0], true, false);
}

METHOD(str_rstrip)
{
    UNUSED;
    return strip(r, self, arg[0], false, true);
}

static fr_jv pad(fr_jr *r, fr_jv self, const fr_jv *arg, bool left, bool right)
{
    fr_str fill = fr_jarg_given(arg[1]) ? fr_jarg_text(r, arg[1], "fillchar") : FR_STR(" ");
    int64_t width = fr_jarg_i64(r, arg[0], 0), n = fr_jv_length(self);
    if (fr_jt_length(fill) != 1)
        return fr_jr_fail(r, "The fill character must be exactly one character long");
    if (width <= n)
        return self;
    int64_t missing = width - n, before = left ? missing : 0;
    if (left && right)
        before = missing / 2 + (missing & width & 1);
    fr_jb b = { 0 };
    for (int64_t i = 0; i < before && fr_jr_step(r, 1); i++)
        fr_jb_put(r, &b, fill);
    fr_jb_put(r, &b, own(self));
    for (int64_t i = before; i < missing && fr_jr_step(r, 1); i++)
        fr_jb_put(r, &b, fill);
    return like(self, fr_jb_str(&b));
}

METHOD(str_center)
{
    UNUSED;
    return pad(r, self, arg, true, true);
}

METHOD(str_ljust)
{
    UNUSED;
    return pad(r, self, arg, false, true);
}

METHOD(str_rjust)
{
    UNUSED;
    return pad(r, self, arg, true, false);
}

METHOD(str_zfill)
{
    UNUSED;
    int64_t width = fr_jarg_i64(r, arg[0], 0), n = fr_jv_length(self);
    bool sign = self.n != 0 && (self.at[0] == '-' || self.at[0] == '+');
    fr_jb b = { 0 };
    if (sign)
        fr_jb_put(r, &b, (fr_str){ self.at, 1 });
    for (int64_t i = n; i < width && fr_jr_step(r, 1); i++)
        fr_jb_put_s(r, &b, "0");
    fr_jb_put(r, &b, (fr_str){ self.at + (sign ? 1 : 0), self.n - (sign ? 1 : 0) });
    return fr_jb_str(&b);
}

METHOD(str_expandtabs)
{
    UNUSED;
    int64_t size = fr_jarg_i64(r, arg[0], 8), column = 0;
    fr_jb b = { 0 };
    for (size_t i = 0, step = 0; i < self.n && fr_jr_step(r, 1); i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ self.at + i, self.n - i }, &c);
        if (c != '\t') {
            fr_jb_put(r, &b, (fr_str){ self.at + i, step });
            column = c == '\n' || c == '\r' ? 0 : column + 1;
            continue;
        }
        for (int64_t k = size > 0 ? size - column % size : 0; k > 0 && fr_jr_step(r, 1);
             k--, column++)
            fr_jb_put_s(r, &b, " ");
    }
    return fr_jb_str(&b);
}

METHOD(str_removeprefix)
{
    UNUSED;
    fr_str head = fr_jarg_text(r, arg[0], "removeprefix()"), s = own(self);
    if (fr_str_starts(s, head))
        s = (fr_str){ s.at + head.n, s.n - head.n };
    return like(self, fr_jv_str(s));
}

METHOD(str_removesuffix)
{
    UNUSED;
    fr_str tail = fr_jarg_text(r, arg[0], "removesuffix()"), s = own(self);
    if (fr_str_ends(s, tail))
        s.n -= tail.n;
    return like(self, fr_jv_str(s));
}

/* ---- finding
 * ------------------------------------------------------------------------------------------ */

/* The part that start and end (code points, as in a slice) leave; *from: where it begins. False:
 * start lies behind the end. */
static bool window(fr_jr *r, fr_jv self, fr_jv start, fr_jv end, fr_str *part, int64_t *from)
{
    int64_t n = fr_jv_length(self), a = fr_jarg_i64(r, start, 0), b = fr_jarg_i64(r, end, n);
    a = a < 0 ? FR_MAX(a + n, (int64_t)0) : a;
    b = b < 0 ? FR_MAX(b + n, (int64_t)0) : FR_MIN(b, n);
    *from = a;
    fr_jr_step(r, self.n / 64);
    if (a > b)
        return false;
    size_t first = fr_jt_offset(own(self), (size_t)a), last = fr_jt_offset(own(self), (size_t)b);
    *part = (fr_str){ self.at + first, last - first };
    return true;
}

static int64_t find(fr_jr *r, fr_jv self, const fr_jv *arg, bool backwards)
{
    fr_str what = fr_jarg_text(r, arg[0], "find()"), part = { 0 };
    int64_t from = 0;
    size_t at = 0;
    if (!window(r, self, arg[1], arg[2], &part, &from))
        return -1;
    if (!backwards && what.n == 0)
        return from;
    if (!backwards)
        return fr_str_find(part, what, &at) ? from + (int64_t)fr_jt_length((fr_str){ part.at, at })
                                            : -1;
    fr_jr_step(r, part.n / 16 + what.n / 16);
    for (at = part.n + 1; at-- > 0;)
        if (part.n - at >= what.n && memcmp(part.at + at, what.at, what.n) == 0)
            return from + (int64_t)fr_jt_length((fr_str){ part.at, at });
    return -1;
}

METHOD(str_find)
{
    UNUSED;
    return fr_jv_int(find(r, self, arg, false));
}

METHOD(str_rfind)
{
    UNUSED;
    return fr_jv_int(find(r, self, arg, true));
}

METHOD(str_index)
{
    UNUSED;
    int64_t at = find(r, self, arg, false);
    return at >= 0 ? fr_jv_int(at) : fr_jr_fail(r, "substring not found");
}

METHOD(str_rindex)
{
    UNUSED;
    int64_t at = find(r, self, arg, true);
    return at >= 0 ? fr_jv_int(at) : fr_jr_fail(r, "substring not found");
}

METHOD(str_count)
{
    UNUSED;
    fr_str what = fr_jarg_text(r, arg[0], "count()"), part = { 0 };
    int64_t from = 0, n = 0;
    size_t at = 0;
    if (!window(r, self, arg[1], arg[2], &part, &from))
        return fr_jv_int(0);
    if (what.n == 0)
        return fr_jv_int((int64_t)fr_jt_length(part) + 1);
    for (; fr_str_find(part, what, &at) && fr_jr_step(r, 1); n++)
        part = (fr_str){ part.at + at + what.n, part.n - at - what.n };
    return fr_jv_int(n);
}

static fr_jv touches(fr_jr *r, fr_jv self, const fr_jv *arg, bool ends)
{
    fr_str part = { 0 };
    int64_t from = 0;
    const char *name = ends ? "endswith" : "startswith";
    if (arg[0].kind != FR_JV_STR && arg[0].kind != FR_JV_TUPLE)
        return fr_jr_fail(r, "%s first arg must be str or a tuple of str, not %s", name,
                          fr_jv_type(arg[0]));
    if (!window(r, self, arg[1], arg[2], &part, &from))
        return fr_jv_bool(false);
    size_t n = arg[0].kind == FR_JV_STR ? 1 : arg[0].list->n;
    for (size_t i = 0; i < n && r->code == 0; i++) {
        fr_str what = fr_jarg_text(r, arg[0].kind == FR_JV_STR ? arg[0] : arg[0].list->at[i], name);
        if (r->code == 0 && (ends ? fr_str_ends(part, what) : fr_str_starts(part, what)))
            return fr_jv_bool(true);
    }
    return fr_jv_bool(false);
}

METHOD(str_startswith)
{
    UNUSED;
    return touches(r, self, arg, false);
}

METHOD(str_endswith)
{
    UNUSED;
    return touches(r, self, arg, true);
}

/* ---- pieces
 * --------------------------------------------------------------------------------------------- */

METHOD(str_replace)
{
    UNUSED;
    fr_str old = fr_jarg_text(r, arg[0], "replace()"), with = fr_jarg_text(r, arg[1], "replace()");
    int64_t count = fr_jarg_i64(r, arg[2], -1);
    return r->code == 0 ? like(self, fr_jt_replace(r, own(self), old, with, count)) : self;
}

/* By white space: words, and at most `most` cuts. */
static void split_words(fr_jr *r, fr_jv list, fr_str s, int64_t most)
{
    fr_str none = { NULL, 0 };
    s = fr_jt_strip(s, none, true, false);
    while (s.n != 0 && fr_jr_step(r, 1)) {
        size_t i = 0, step = 0;
        uint32_t c = 0;
        for (; i < s.n; i += step) {
            step = fr_utf8_next((fr_str){ s.at + i, s.n - i }, &c);
            if (fr_jt_space(c))
                break;
        }
        if (most-- == 0) {
            fr_jv_push(r, list, fr_jv_str(s));
            return;
        }
        fr_jv_push(r, list, fr_jv_str((fr_str){ s.at, i }));
        s = fr_jt_strip((fr_str){ s.at + i, s.n - i }, none, true, false);
    }
}

static void split_words_back(fr_jr *r, fr_jv list, fr_str s, int64_t most)
{
    fr_str none = { NULL, 0 };
    s = fr_jt_strip(s, none, false, true);
    while (s.n != 0 && fr_jr_step(r, 1)) {
        size_t word = s.n, step = 0;
        uint32_t c = 0;
        while (word > 0) {
            size_t i = word;
            do {
                i--;
            } while (i > 0 && ((unsigned char)s.at[i] & 0xC0) == 0x80);
            step = fr_utf8_next((fr_str){ s.at + i, s.n - i }, &c);
            if (fr_jt_space(c))
                break;
            word = i;
        }
        (void)step;
        if (most-- == 0) {
            fr_jv_push(r, list, fr_jv_str(s));
            return;
        }
        fr_jv_push(r, list, fr_jv_str((fr_str){ s.at + word, s.n - word }));
        s = fr_jt_strip((fr_str){ s.at, word }, none, false, true);
    }
}

static void turn_round(fr_jv list)
{
    fr_jv_list *l = list.list;
    for (size_t i = 0; i < l->n / 2; i++) {
        fr_jv other = l->at[i];
        l->at[i] = l->at[l->n - 1 - i];
        l->at[l->n - 1 - i] = other;
    }
}

static bool find_back(fr_str s, fr_str what, size_t *at)
{
    if (what.n > s.n)
        return false;
    for (size_t i = s.n - what.n + 1; i-- > 0;)
        if (s.at[i] == what.at[0] && memcmp(s.at + i, what.at, what.n) == 0) {
            *at = i;
            return true;
        }
    return false;
}

static fr_jv split(fr_jr *r, fr_jv self, const fr_jv *arg, bool backwards)
{
    fr_jv list = fr_jv_list_new(r, FR_JV_LIST);
    fr_str s = own(self);
    int64_t most = fr_jarg_i64(r, arg[1], -1);
    size_t at = 0;
    fr_jr_step(r, s.n / 16);
    if (!fr_jarg_some(arg[0])) {
        (backwards ? split_words_back : split_words)(r, list, s, most);
    } else {
        fr_str by = fr_jarg_text(r, arg[0], "split()");
        if (r->code == 0 && by.n == 0)
            return fr_jr_fail(r, "empty separator");
        while (r->code == 0 && most-- != 0 &&
               (backwards ? find_back(s, by, &at) : fr_str_find(s, by, &at))) {
            fr_str tail = { s.at + at + by.n, s.n - at - by.n }, head = { s.at, at };
            fr_jv_push(r, list, fr_jv_str(backwards ? tail : head));
            s = backwards ? head : tail;
            fr_jr_step(r, 1);
        }
        fr_jv_push(r, list, fr_jv_str(s));
    }
    if (backwards)
        turn_round(list);
    return list;
}

METHOD(str_split)
{
    UNUSED;
    return split(r, self, arg, false);
}

METHOD(str_rsplit)
{
    UNUSED;
    return split(r, self, arg, true);
}

METHOD(str_splitlines)
{
    UNUSED;
    bool keep = fr_jarg_bool(r, arg[0], false);
    fr_jv list = fr_jv_list_new(r, FR_JV_LIST);
    fr_str rest = own(self), line = { 0 }, end = { 0 };
    while (fr_jt_line(&rest, &line, &end) && fr_jr_step(r, 1 + line.n / 16))
        fr_jv_push(r, list, fr_jv_str((fr_str){ line.at, line.n + (keep ? end.n : 0) }));
    return list;
}

static fr_jv partition(fr_jr *r, fr_jv self, fr_jv by_v, bool backwards)
{
    fr_str by = fr_jarg_text(r, by_v, "partition()"), s = own(self);
    fr_jv parts = fr_jv_list_new(r, FR_JV_TUPLE), empty = fr_jv_str(FR_STR(""));
    size_t at = 0;
    fr_jr_step(r, s.n / 16);
    if (r->code == 0 && by.n == 0)
        return fr_jr_fail(r, "empty separator");
    if (r->code != 0)
        return parts;
    if (backwards ? find_back(s, by, &at) : fr_str_find(s, by, &at)) {
        fr_jv_push(r, parts, fr_jv_str((fr_str){ s.at, at }));
        fr_jv_push(r, parts, fr_jv_str((fr_str){ s.at + at, by.n }));
        fr_jv_push(r, parts, fr_jv_str((fr_str){ s.at + at + by.n, s.n - at - by.n }));
        return parts;
    }
    fr_jv_push(r, parts, backwards ? empty : self);
    fr_jv_push(r, parts, empty);
    fr_jv_push(r, parts, backwards ? self : empty);
    return parts;
}

METHOD(str_partition)
{
    UNUSED;
    return partition(r, self, arg[0], false);
}

METHOD(str_rpartition)
{
    UNUSED;
    return partition(r, self, arg[0], true);
}

METHOD(str_join)
{
    UNUSED;
    fr_jb b = { 0 };
    fr_jv item;
    fr_jv_iter *it = fr_jv_walk(r, arg[0]);
    for (size_t i = 0; it != NULL && fr_ji_next(r, it, &item); i++) {
        if (item.kind != FR_JV_STR)
            return fr_jr_fail(r, "sequence item %zu: expected str instance, %s found", i,
                              fr_jv_type(item));
        if (i != 0)
            fr_jb_put(r, &b, own(self));
        fr_jb_put(r, &b, fr_jv_bytes(item));
    }
    return fr_jb_str(&b);
}

METHOD(str_format)
{
    UNUSED;
    return fr_jv_format(r, own(self), args);
}

METHOD(str_format_map)
{
    UNUSED;
    fr_jargs named = { 0 };
    if (args->n != 1 || args->at[0].kind != FR_JV_DICT)
        return fr_jr_fail(r, "format_map() takes a mapping");
    const fr_jv_dict *d = args->at[0].dict;
    fr_str *names = fr_jm_alloc(&r->mem, (d->n + 1) * sizeof(*names));
    if (names == NULL)
        return fr_jr_limit(r, "too many arguments");
    for (size_t i = 0; i < d->n; i++)
        names[i] = d->keys[i].kind == FR_JV_STR ? fr_jv_bytes(d->keys[i]) : FR_STR("");
    named = (fr_jargs){ .names = names, .named = d->values, .n_named = d->n };
    return fr_jv_format(r, own(self), &named);
}

static const fr_jinja_row STR_METHODS[] = {
    { "upper", str_upper, "", 0 },
    { "lower", str_lower, "", 0 },
    { "title", str_title, "", 0 },
    { "capitalize", str_capitalize, "", 0 },
    { "swapcase", str_swapcase, "", 0 },
    { "casefold", str_casefold, "", 0 },
    { "isalpha", str_isalpha, "", 0 },
    { "isalnum", str_isalnum, "", 0 },
    { "isdecimal", str_isdecimal, "", 0 },
    { "isdigit", str_isdigit, "", 0 },
    { "isnumeric", str_isnumeric, "", 0 },
    { "isspace", str_isspace, "", 0 },
    { "islower", str_islower, "", 0 },
    { "isupper", str_isupper, "", 0 },
    { "istitle", str_istitle, "", 0 },
    { "isidentifier", str_isidentifier, "", 0 },
    { "isprintable", str_isprintable, "", 0 },
    { "isascii", str_isascii, "", 0 },
    { "strip", str_strip, "chars", 0 },
    { "lstrip", str_lstrip, "chars", 0 },
    { "rstrip", str_rstrip, "chars", 0 },
    { "center", str_center, "width fillchar", 1 },
    { "ljust", str_ljust, "width fillchar", 1 },
    { "rjust", str_rjust, "width fillchar", 1 },
    { "zfill", str_zfill, "width", 1 },
    { "expandtabs", str_expandtabs, "tabsize", 0 },
    { "removeprefix", str_removeprefix, "prefix", 1 },
    { "removesuffix", str_removesuffix, "suffix", 1 },
    { "find", str_find, "sub start end", 1 },
    { "rfind", str_rfind, "sub start end", 1 },
    { "index", str_index, "sub start end", 1 },
    { "rindex", str_rindex, "sub start end", 1 },
    { "count", str_count, "sub start end", 1 },
    { "startswith", str_startswith, "prefix start end", 1 },
    { "endswith", str_endswith, "suffix start end", 1 },
    { "replace", str_replace, "old new count", 2 },
    { "split", str_split, "sep maxsplit", 0 },
    { "rsplit", str_rsplit, "sep maxsplit", 0 },
    { "splitlines", str_splitlines, "keepends", 0 },
    { "partition", str_partition, "sep", 1 },
    { "rpartition", str_rpartition, "sep", 1 },
    { "join", str_join, "iterable", 1 },
    { "format", str_format, "*", 0 },
    { "format_map", str_format_map, "*", 0 },
};

/* ---- lists and tuples
 * ---------------------------------------------------------------------------------- */

METHOD(list_count)
{
    UNUSED;
    int64_t n = 0;
    for (size_t i = 0; i < self.list->n && r->code == 0; i++)
        n += fr_jv_equal(r, self.list->at[i], arg[0]);
    return fr_jv_int(n);
}

METHOD(list_index)
{
    UNUSED;
    int64_t n = (int64_t)self.list->n, from = fr_jarg_i64(r, arg[1], 0),
            to = fr_jarg_i64(r, arg[2], n);
    from = from < 0 ? FR_MAX(from + n, (int64_t)0) : from;
    to = to < 0 ? to + n : FR_MIN(to, n);
    for (int64_t i = from; i < to && r->code == 0; i++)
        if (fr_jv_equal(r, self.list->at[i], arg[0]))
            return fr_jv_int(i);
    return fr_jr_fail(r, "the item is not in the list");
}

METHOD(list_copy)
{
    UNUSED;
    return fr_jv_listed(r, self);
}

static const fr_jinja_row LIST_METHODS[] = {
    { "count", list_count, "value", 1 },
    { "index", list_index, "value start stop", 1 },
    { "copy", list_copy, "", 0 }, /* not of tuples: the last row */
};

/* ---- dicts
 * -------------------------------------------------------------------------------------------------
 */

METHOD(dict_get)
{
    UNUSED;
    if (!fr_jv_hashable(arg[0]))
        return fr_jr_fail(r, "unhashable type: '%s'", fr_jv_type(arg[0]));
    const fr_jv *value = fr_jv_find(r, self.dict, arg[0]);
    return value != NULL ? *value : fr_jarg_given(arg[1]) ? arg[1] : FR_JV_NOTHING;
}

static fr_jv view(fr_jv self, fr_jv_part part)
{
    return (fr_jv){ .kind = FR_JV_VIEW, .part = (uint8_t)part, .dict = self.dict };
}

METHOD(dict_keys)
{
    UNUSED;
    return view(self, FR_JV_KEYS);
}

METHOD(dict_values)
{
    UNUSED;
    return view(self, FR_JV_VALUES);
}

METHOD(dict_items)
{
    UNUSED;
    return view(self, FR_JV_ITEMS);
}

METHOD(dict_copy)
{
    UNUSED;
    fr_jv dict = fr_jv_dict_new(r);
    for (size_t i = 0; i < self.dict->n && fr_jr_step(r, 1); i++)
        fr_jv_put(r, dict.dict, self.dict->keys[i], self.dict->values[i]);
    return dict;
}

static const fr_jinja_row DICT_METHODS[] = {
    { "get", dict_get, "key default", 1 }, { "keys", dict_keys, "", 0 },
    { "values", dict_values, "", 0 },      { "items", dict_items, "", 0 },
    { "copy", dict_copy, "", 0 },
};

/* ---- loop and cycler
 * --------------------------------------------------------------------------------------- */

METHOD(loop_cycle)
{
    UNUSED;
    if (args->n == 0)
        return fr_jr_fail(r, "no items for cycling given");
    return args->at[(size_t)self.loop->index0 % args->n];
}

METHOD(loop_changed)
{
    UNUSED;
    fr_jv now = fr_jv_list_new(r, FR_JV_TUPLE);
    for (size_t i = 0; i < args->n; i++)
        fr_jv_push(r, now, args->at[i]);
    bool same = self.loop->changed.kind == FR_JV_TUPLE && fr_jv_equal(r, self.loop->changed, now);
    self.loop->changed = now;
    return fr_jv_bool(!same);
}

METHOD(cycler_next)
{
    UNUSED;
    fr_jv item = self.ring->items.at[self.ring->at];
    self.ring->at = (self.ring->at + 1) % self.ring->items.n;
    return item;
}

METHOD(cycler_reset)
{
    UNUSED;
    self.ring->at = 0;
    return FR_JV_NOTHING;
}

static const fr_jinja_row LOOP_METHODS[] = {
    { "cycle", loop_cycle, "*", 0 },
    { "changed", loop_changed, "*", 0 },
};
static const fr_jinja_row CYCLER_METHODS[] = {
    { "next", cycler_next, "", 0 },
    { "reset", cycler_reset, "", 0 },
};

const fr_jinja_row *fr_jinja_method(fr_jv of, fr_str name)
{
    switch ((fr_jv_kind)of.kind) {
    case FR_JV_STR:
        return fr_jinja_row_find(STR_METHODS, FR_COUNT_OF(STR_METHODS), name);
    case FR_JV_LIST:
        return fr_jinja_row_find(LIST_METHODS, FR_COUNT_OF(LIST_METHODS), name);
    case FR_JV_TUPLE:
        return fr_jinja_row_find(LIST_METHODS, FR_COUNT_OF(LIST_METHODS) - 1, name);
    case FR_JV_DICT:
        return fr_jinja_row_find(DICT_METHODS, FR_COUNT_OF(DICT_METHODS), name);
    case FR_JV_LOOP:
        return fr_jinja_row_find(LOOP_METHODS, FR_COUNT_OF(LOOP_METHODS), name);
    case FR_JV_CYCLER:
        return fr_jinja_row_find(CYCLER_METHODS, FR_COUNT_OF(CYCLER_METHODS), name);
    default:
        return NULL;
    }
}

bool fr_jinja_unsafe(fr_jv of, fr_str name)
{
    static const char *const LIST[] = { "append", "clear", "pop",    "reverse",
                                        "insert", "sort",  "extend", "remove" };
    static const char *const DICT[] = { "clear", "pop", "popitem", "setdefault", "update" };
    static const char *const ANY[] = { "__class__",        "__doc__",  "__init__", "__dict__",
                                       "__eq__",           "__len__",  "__repr__", "__str__",
                                       "__getattribute__", "__hash__", "__dir__",  "__reduce__",
                                       "__new__" };
    for (size_t i = 0; of.kind == FR_JV_LIST && i < FR_COUNT_OF(LIST); i++)
        if (fr_str_is(name, LIST[i]))
            return true;
    for (size_t i = 0; of.kind == FR_JV_DICT && i < FR_COUNT_OF(DICT); i++)
        if (fr_str_is(name, DICT[i]))
            return true;
    for (size_t i = 0; of.kind != FR_JV_NAMESPACE && i < FR_COUNT_OF(ANY); i++)
        if (fr_str_is(name, ANY[i]))
            return true;
    return false;
}
