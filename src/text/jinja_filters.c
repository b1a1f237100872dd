/* The filters of Jinja2 that make text and numbers, and the table of all. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/jinja_priv.h"

#define FILTER(name) static fr_jv name(fr_jr *r, fr_jv v, const fr_jv *arg, const fr_jargs *args)
#define UNUSED       (void)r, (void)v, (void)arg, (void)args

static fr_jv method(fr_jr *r, fr_jv text, const char *name, const fr_jv *arg, size_t n)
{
    const fr_jinja_row *row = fr_jinja_method(text, fr_str_of(name));
    fr_jargs args = { .at = arg, .n = n };
    return fr_jinja_run_row(r, row, text, &args);
}

static fr_jv soft(fr_jr *r, fr_jv v)
{
    return v.kind == FR_JV_STR ? v : fr_jv_str(fr_jv_text(r, v));
}

FILTER(do_upper)
{
    UNUSED;
    return method(r, soft(r, v), "upper", NULL, 0);
}

FILTER(do_lower)
{
    UNUSED;
    return method(r, soft(r, v), "lower", NULL, 0);
}

FILTER(do_capitalize)
{
    UNUSED;
    return method(r, soft(r, v), "capitalize", NULL, 0);
}

/* A word begins behind any of "-({[<" and white space; the rest of it is lower case. */
FILTER(do_title)
{
    UNUSED;
    fr_jb b = { 0 };
    fr_str s = fr_jv_text(r, v);
    for (size_t i = 0, from = 0; i <= s.n && fr_jr_step(r, 1); i++) {
        bool cut = i == s.n || strchr("-({[<", s.at[i]) != NULL;
        size_t wide = 1;
        if (i < s.n && !cut) {
            fr_str rest = { s.at + i, s.n - i };
            wide = fr_jt_offset(rest, 1);
            cut = fr_jt_is((fr_str){ rest.at, wide }, FR_JT_IS_SPACE);
        }
        if (cut) {
            fr_str word = { s.at + from, i - from };
            size_t first = fr_jt_offset(word, 1);
            fr_jv head = fr_jt_recase(r, (fr_str){ word.at, first }, FR_JT_UPPER);
            fr_jv tail = fr_jt_recase(r, (fr_str){ word.at + first, word.n - first }, FR_JT_LOWER);
            fr_jb_put(r, &b, fr_jv_bytes(head));
            fr_jb_put(r, &b, fr_jv_bytes(tail));
            if (i < s.n)
                fr_jb_put(r, &b, (fr_str){ s.at + i, wide });
            from = i + wide;
        }
        i += wide - 1;
    }
    return fr_jb_str(&b);
}

FILTER(do_trim)
{
    UNUSED;
    return method(r, soft(r, v), "strip", arg, fr_jarg_given(arg[0]) ? 1 : 0);
}

FILTER(do_center)
{
    UNUSED;
    fr_jv width = fr_jarg_given(arg[0]) ? arg[0] : fr_jv_int(80);
    return method(r, soft(r, v), "center", &width, 1);
}

FILTER(do_replace)
{
    UNUSED;
    int64_t count = fr_jarg_i64(r, arg[2], -1);
    fr_str s = fr_jv_text(r, v), old = fr_jv_text(r, arg[0]), with = fr_jv_text(r, arg[1]);
    return r->code == 0 ? fr_jt_replace(r, s, old, with, count) : v;
}

FILTER(do_string)
{
    UNUSED;
    return soft(r, v);
}

FILTER(do_default)
{
    UNUSED;
    bool missing = v.kind == FR_JV_UNDEFINED;
    if (!missing && fr_jarg_bool(r, arg[1], false))
        missing = !fr_jv_truth(r, v);
    return !missing ? v : fr_jarg_given(arg[0]) ? arg[0] : fr_jv_str(FR_STR(""));
}

FILTER(do_length)
{
    UNUSED;
    int64_t n =
        v.kind == FR_JV_LOOP ? fr_jr_loop_attribute(r, v, FR_STR("length")).i : fr_jv_length(v);
    if (fr_jr_strict(r, v))
        return fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
    if (n < 0)
        return fr_jr_fail(r, "object of type '%s' has no len()", fr_jv_type(v));
    return fr_jv_int(n);
}

FILTER(do_tojson)
{
    UNUSED;
    return fr_jv_to_json(r, v, arg);
}

/* The lines of s without their ends, as (s + "\n").splitlines() gives them. */
FILTER(do_indent)
{
    UNUSED;
    fr_jb spaces = { 0 }, b = { 0 };
    fr_str width = { 0 }, line = { 0 }, end = { 0 };
    if (v.kind != FR_JV_STR)
        return fr_jv_arith(r, FR_JO_ADD, v, fr_jv_str(FR_STR("\n")));
    if (arg[0].kind == FR_JV_STR) {
        width = fr_jv_bytes(arg[0]);
    } else {
        for (int64_t i = fr_jarg_i64(r, arg[0], 4); i > 0 && fr_jr_step(r, 1); i--)
            fr_jb_put_s(r, &spaces, " ");
        width = fr_jb_bytes(&spaces);
    }
    bool first = fr_jarg_bool(r, arg[1], false), blank = fr_jarg_bool(r, arg[2], false);
    fr_jv whole = fr_jv_join(r, fr_jv_bytes(v), FR_STR("\n"));
    fr_str rest = fr_jv_bytes(whole);
    if (first)
        fr_jb_put(r, &b, width);
    for (size_t i = 0; r->code == 0 && fr_jt_line(&rest, &line, &end) && fr_jr_step(r, 1); i++) {
        if (i != 0)
            fr_jb_put_s(r, &b, "\n");
        if (i != 0 && (blank || line.n != 0))
            fr_jb_put(r, &b, width);
        fr_jb_put(r, &b, line);
    }
    return fr_jb_str(&b);
}

FILTER(do_truncate)
{
    UNUSED;
    fr_str end = fr_jarg_given(arg[2]) ? fr_jarg_text(r, arg[2], "truncate") : FR_STR("...");
    int64_t length = fr_jarg_i64(r, arg[0], 255), leeway = fr_jarg_i64(r, arg[3], 5);
    bool kill = fr_jarg_bool(r, arg[1], false);
    int64_t n_end = (int64_t)fr_jt_length(end), n = fr_jv_length(v);
    if (r->code == 0 && length < n_end)
        return fr_jr_fail(r, "expected length >= %lld, got %lld", (long long)n_end,
                          (long long)length);
    if (r->code == 0 && leeway < 0)
        return fr_jr_fail(r, "expected leeway >= 0, got %lld", (long long)leeway);
    if (n < 0)
        return fr_jr_fail(r, "object of type '%s' has no len()", fr_jv_type(v));
    if (n <= length + leeway || r->code != 0)
        return v;
    if (v.kind != FR_JV_STR)
        return fr_jr_fail(r, "truncate: expected a string, not %s", fr_jv_type(v));
    size_t cut = fr_jt_offset(fr_jv_bytes(v), (size_t)(length - n_end));
    for (size_t i = cut; !kill && i-- > 0;)
        if (v.at[i] == ' ') {
            cut = i;
            break;
        }
    return fr_jv_join(r, (fr_str){ v.at, cut }, end);
}

FILTER(do_wordcount)
{
    UNUSED;
    fr_str s = fr_jv_text(r, v);
    int64_t n = 0;
    bool inside = false;
    for (size_t i = 0, step = 0; i < s.n && fr_jr_step(r, 1); i += step) {
        fr_str rest = { s.at + i, s.n - i };
        step = fr_jt_offset(rest, 1);
        bool word = fr_jt_is((fr_str){ rest.at, step }, FR_JT_ALNUM) || s.at[i] == '_';
        n += word && !inside;
        inside = word;
    }
    return fr_jv_int(n);
}

/* ---- numbers
 * ---------------------------------------------------------------------------------------- */

/* Python's int(text, base): white space around, a sign, a prefix that fits, single underscores. */
static bool text_to_int(fr_str s, int64_t base, int64_t *out)
{
    s = fr_jt_strip(s, (fr_str){ NULL, 0 }, true, true);
    bool minus = s.n != 0 && s.at[0] == '-';
    if (s.n != 0 && (s.at[0] == '-' || s.at[0] == '+'))
        s = (fr_str){ s.at + 1, s.n - 1 };
    char letter = s.n > 1 && s.at[0] == '0' ? (char)(s.at[1] | 0x20) : '\0';
    int64_t of_letter = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    bool leading = base == 0;
    if (of_letter != 0 && (base == 0 || base == of_letter)) {
        base = of_letter;
        leading = false;
        s = (fr_str){ s.at + 2, s.n - 2 };
        if (s.n > 1 && s.at[0] == '_')
            s = (fr_str){ s.at + 1, s.n - 1 };
    } else if (base == 0) {
        base = 10;
    }
    int64_t value = 0;
    bool digit_before = false, zero = leading && s.n > 1 && s.at[0] == '0';
    for (size_t i = 0; i < s.n; i++) {
        char c = s.at[i];
        if (c == '_' && digit_before && i + 1 < s.n) {
            digit_before = false;
            continue;
        }
        int d = c >= '0' && c <= '9'                     ? c - '0'
                : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
                                                         : 99;
        if (d >= base || (zero && d != 0) || __builtin_mul_overflow(value, base, &value) ||
            __builtin_sub_overflow(value, d,
                                   &value)) /* below 0: the smallest one has no opposite */
            return false;
        digit_before = true;
    }
    if (!digit_before || (!minus && value == INT64_MIN))
        return false;
    *out = minus ? value : -value;
    return true;
}

/* Python's float(text). */
static bool text_to_f64(fr_str s, double *out)
{
    char text[400];
    size_t n = 0;
    s = fr_jt_strip(s, (fr_str){ NULL, 0 }, true, true);
    if (s.n == 0 || s.n >= sizeof(text))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool digit = i > 0 && s.at[i - 1] >= '0' && s.at[i - 1] <= '9';
        if (s.at[i] == '_' && digit && i + 1 < s.n && s.at[i + 1] >= '0' && s.at[i + 1] <= '9')
            continue;
        if (strchr("xXpP_(", s.at[i]) != NULL) /* C reads hexadecimal numbers too */
            return false;
        text[n++] = s.at[i];
    }
    text[n] = '\0';
    char *end = NULL;
    *out = strtod(text, &end);
    return end == text + n;
}

static fr_jv f64_to_int(fr_jv otherwise, double f)
{
    if (isnan(f) || isinf(f) || f >= 9223372036854775808.0 || f < -9223372036854775808.0)
        return otherwise;
    return fr_jv_int((int64_t)f);
}

FILTER(do_int)
{
    UNUSED;
    fr_jv otherwise = fr_jarg_given(arg[0]) ? arg[0] : fr_jv_int(0);
    int64_t base = fr_jarg_i64(r, arg[1], 10), i = 0;
    double f = 0;
    switch ((fr_jv_kind)v.kind) {
    case FR_JV_BOOL:
    case FR_JV_INT:
        return fr_jv_int(v.kind == FR_JV_INT ? v.i : v.truth);
    case FR_JV_FLOAT:
        if (isinf(v.f))
            return fr_jr_fail(r, "cannot convert float infinity to integer");
        return f64_to_int(otherwise, v.f);
    case FR_JV_STR:
        if (text_to_int(fr_jv_bytes(v), base, &i))
            return fr_jv_int(i);
        return text_to_f64(fr_jv_bytes(v), &f) ? f64_to_int(otherwise, f) : otherwise;
    case FR_JV_UNDEFINED:
        return fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
    default:
        return otherwise;
    }
}

FILTER(do_float)
{
    UNUSED;
    double f = 0;
    if (fr_jv_is_number(v))
        return fr_jv_f64(fr_jv_number(v));
    if (v.kind == FR_JV_STR && text_to_f64(fr_jv_bytes(v), &f))
        return fr_jv_f64(f);
    if (v.kind == FR_JV_UNDEFINED)
        return fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
    return fr_jarg_given(arg[0]) ? arg[0] : fr_jv_f64(0);
}

FILTER(do_abs)
{
    UNUSED;
    if (v.kind == FR_JV_FLOAT)
        return fr_jv_f64(fabs(v.f));
    if (!fr_jv_is_number(v))
        return v.kind == FR_JV_UNDEFINED
                   ? fr_jr_fail(r, "bad operand type for abs(): 'Undefined'")
                   : fr_jr_fail(r, "bad operand type for abs(): '%s'", fr_jv_type(v));
    return fr_jv_number(v) < 0 ? fr_jv_negate(r, v, true) : fr_jv_negate(r, v, false);
}

FILTER(do_round)
{
    UNUSED;
    fr_str how = fr_jarg_given(arg[1]) ? fr_jarg_text(r, arg[1], "round") : FR_STR("common");
    int64_t digits = fr_jarg_i64(r, arg[0], 0);
    bool ceil_up = fr_str_is(how, "ceil"), common = fr_str_is(how, "common");
    if (!ceil_up && !common && !fr_str_is(how, "floor"))
        return fr_jr_fail(r, "method must be common, ceil or floor");
    if (v.kind == FR_JV_UNDEFINED)
        return fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
    if (!fr_jv_is_number(v))
        return fr_jr_fail(r, "type %s doesn't define __round__ method", fr_jv_type(v));
    if (common)
        return fr_jv_round(r, v, digits);
    fr_jv scale = fr_jv_arith(r, FR_JO_POW, fr_jv_int(10), fr_jv_int(digits));
    fr_jv scaled = fr_jv_arith(r, FR_JO_MUL, v, scale);
    if (r->code != 0)
        return v;
    double f = ceil_up ? ceil(fr_jv_number(scaled)) : floor(fr_jv_number(scaled));
    return fr_jv_f64(f / fr_jv_number(scale));
}

FILTER(do_filesizeformat)
{
    UNUSED;
    static const char *const DECIMAL[] = { "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB" };
    static const char *const BINARY[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB" };
    double f = 0;
    char text[48];
    bool binary = fr_jarg_bool(r, arg[0], false);
    if (v.kind == FR_JV_UNDEFINED)
        return fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
    if (fr_jv_is_number(v))
        f = fr_jv_number(v);
    else if (v.kind != FR_JV_STR || !text_to_f64(fr_jv_bytes(v), &f))
        return fr_jr_fail(r, "could not convert to float: '%s'", fr_jv_type(v));
    double base = binary ? 1024 : 1000, unit = base;
    if (f == 1) {
        snprintf(text, sizeof(text), "1 Byte");
    } else if (f < base) {
        snprintf(text, sizeof(text), "%lld Bytes", (long long)f);
    } else {
        size_t i = 0;
        for (unit = base * base; i < 7 && f >= unit; i++)
            unit *= base;
        snprintf(text, sizeof(text), "%.1f %s", base * f / unit, (binary ? BINARY : DECIMAL)[i]);
    }
    fr_jb b = { 0 };
    fr_jb_put_s(r, &b, text);
    return fr_jb_str(&b);
}

FILTER(do_format)
{
    UNUSED;
    fr_jv values = FR_JV_NOTHING;
    if (args->n != 0 && args->n_named != 0)
        return fr_jr_fail(r, "can't handle positional and keyword arguments at the same time");
    if (args->n_named != 0) {
        values = fr_jv_dict_new(r);
        for (size_t i = 0; i < args->n_named; i++)
            fr_jv_put(r, values.dict, fr_jv_str(args->names[i]), args->named[i]);
    } else {
        values = fr_jv_list_new(r, FR_JV_TUPLE);
        for (size_t i = 0; i < args->n; i++)
            fr_jv_push(r, values, args->at[i]);
    }
    return fr_jv_percent(r, soft(r, v), values);
}

FILTER(do_attr)
{
    UNUSED;
    fr_str name = fr_jarg_text(r, arg[0], "attr");
    /* an item of a dict is no attribute of it */
    if (v.kind == FR_JV_DICT && fr_jinja_method(v, name) == NULL && !fr_jinja_unsafe(v, name))
        return fr_jv_undefined_of(r, "'dict object' has no attribute '%.*s'", FR_STR_F(name));
    return r->code == 0 ? fr_jv_attribute(r, v, name) : v;
}

static const fr_jinja_row TEXT_FILTERS[] = {
    { "abs", do_abs, "", 0 },
    { "attr", do_attr, "name", 1 },
    { "capitalize", do_capitalize, "", 0 },
    { "center", do_center, "width", 0 },
    { "count", do_length, "", 0 },
    { "d", do_default, "default_value boolean", 0 },
    { "default", do_default, "default_value boolean", 0 },
    { "filesizeformat", do_filesizeformat, "binary", 0 },
    { "float", do_float, "default", 0 },
    { "format", do_format, "*", 0 },
    { "indent", do_indent, "width first blank", 0 },
    { "int", do_int, "default base", 0 },
    { "length", do_length, "", 0 },
    { "lower", do_lower, "", 0 },
    { "replace", do_replace, "old new count", 2 },
    { "round", do_round, "precision method", 0 },
    { "string", do_string, "", 0 },
    { "title", do_title, "", 0 },
    { "tojson", do_tojson, "ensure_ascii indent separators sort_keys", 0 },
    { "trim", do_trim, "chars", 0 },
    { "truncate", do_truncate, "length killwords end leeway", 0 },
    { "upper", do_upper, "", 0 },
    { "wordcount", do_wordcount, "", 0 },
};

const fr_jinja_row *fr_jinja_filter(fr_str name)
{
    const fr_jinja_row *row = fr_jinja_row_find(TEXT_FILTERS, FR_COUNT_OF(TEXT_FILTERS), name);
    if (row == NULL)
        row = fr_jinja_row_find(FR_JINJA_LIST_FILTERS, FR_JINJA_N_LIST_FILTERS, name);
    if (row == NULL)
        row = fr_jinja_row_find(FR_JINJA_HTML_FILTERS, FR_JINJA_N_HTML_FILTERS, name);
    return row;
}
