/* Values as text: str(), repr() and json.dumps() of Python. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/jinja_priv.h"
#include "text/utf8.h"

/* The shortest digits that read back as the same number; 1e16 and 1e-05 as Python writes them. */
void fr_jv_print_f64(double f, char out[40])
{
    char digits[40];
    if (isnan(f) || isinf(f)) {
        snprintf(out, 40, "%s", isnan(f) ? "nan" : f > 0 ? "inf" : "-inf");
        return;
    }
    for (int precision = 0; precision < 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*e", precision, f);
        if (strtod(digits, NULL) == f)
            break;
    }
    /* d.ddde±xx */
    char *e = strchr(digits, 'e');
    int exponent = atoi(e + 1);
    if (exponent < -4 || exponent >= 16) {
        *e = '\0';
        snprintf(out, 40, "%.25se%c%02d", digits, exponent < 0 ? '-' : '+', abs(exponent) % 1000);
        return;
    }
    int places = (int)(e - digits) - (digits[0] == '-' ? 1 : 0);
    places = places > 2 ? places - 2 : 0; /* digits behind the point */
    places = FR_MAX(places - exponent, 1);
    snprintf(out, 40, "%.*f", places, f);
}

static void put_f(fr_jr *r, fr_jb *b, const char *form, unsigned value)
{
    char text[16];
    snprintf(text, sizeof(text), form, value);
    fr_jb_put_s(r, b, text);
}

static void repr_text(fr_jr *r, fr_jb *b, fr_str s)
{
    bool single = s.n != 0 && memchr(s.at, '\'', s.n) != NULL;
    bool both = single && memchr(s.at, '"', s.n) != NULL;
    char quote = single && !both ? '"' : '\'';
    fr_jb_put(r, b, (fr_str){ &quote, 1 });
    for (size_t i = 0, step = 0; i < s.n && r->code == 0; i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ s.at + i, s.n - i }, &c);
        if (c == '\\' || (c == (uint32_t)quote)) {
            char escaped[2] = { '\\', (char)c };
            fr_jb_put(r, b, (fr_str){ escaped, 2 });
        } else if (c == '\n' || c == '\r' || c == '\t') {
            fr_jb_put_s(r, b, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        } else if (c != ' ' && !fr_jt_printable(c)) {
            put_f(r, b, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        } else {
            fr_jb_put(r, b, (fr_str){ s.at + i, step });
        }
    }
    fr_jb_put(r, b, (fr_str){ &quote, 1 });
}

static void repr_items(fr_jr *r, fr_jb *b, const fr_jv_list *l)
{
    for (size_t i = 0; i < l->n && r->code == 0; i++) {
        fr_jb_put_s(r, b, i != 0 ? ", " : "");
        fr_jv_repr(r, b, l->at[i]);
    }
}

static void repr_dict(fr_jr *r, fr_jb *b, const fr_jv_dict *d)
{
    fr_jb_put_s(r, b, "{");
    for (size_t i = 0; i < d->n && r->code == 0; i++) {
        fr_jb_put_s(r, b, i != 0 ? ", " : "");
        fr_jv_repr(r, b, d->keys[i]);
        fr_jb_put_s(r, b, ": ");
        fr_jv_repr(r, b, d->values[i]);
    }
    fr_jb_put_s(r, b, "}");
}

static void repr_view(fr_jr *r, fr_jb *b, fr_jv v)
{
    fr_jb_put_s(r, b, fr_jv_type(v));
    fr_jb_put_s(r, b, "([");
    for (size_t i = 0; i < v.dict->n && r->code == 0; i++) {
        fr_jb_put_s(r, b, i != 0 ? ", " : "");
        if (v.part == FR_JV_ITEMS)
            fr_jb_put_s(r, b, "(");
        if (v.part != FR_JV_VALUES)
            fr_jv_repr(r, b, v.dict->keys[i]);
        if (v.part == FR_JV_ITEMS)
            fr_jb_put_s(r, b, ", ");
        if (v.part != FR_JV_KEYS)
            fr_jv_repr(r, b, v.dict->values[i]);
        if (v.part == FR_JV_ITEMS)
            fr_jb_put_s(r, b, ")");
    }
    fr_jb_put_s(r, b, "])");
}

static void put_i64(fr_jr *r, fr_jb *b, int64_t i)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, i);
    fr_jb_put_s(r, b, text);
}

/* All but the common kinds. */
static void repr_rare(fr_jr *r, fr_jb *b, fr_jv v)
{
    switch ((fr_jv_kind)v.kind) {
    case FR_JV_RANGE:
        fr_jb_put_s(r, b, "range(");
        put_i64(r, b, v.range->start);
        fr_jb_put_s(r, b, ", ");
        put_i64(r, b, v.range->stop);
        if (v.range->step != 1) {
            fr_jb_put_s(r, b, ", ");
            put_i64(r, b, v.range->step);
        }
        fr_jb_put_s(r, b, ")");
        break;
    case FR_JV_VIEW:
        repr_view(r, b, v);
        break;
    case FR_JV_NAMESPACE:
        fr_jb_put_s(r, b, "<Namespace ");
        repr_dict(r, b, v.dict);
        fr_jb_put_s(r, b, ">");
        break;
    case FR_JV_MACRO:
        fr_jb_put_s(r, b, "<Macro ");
        repr_text(r, b, v.macro->name);
        fr_jb_put_s(r, b, ">");
        break;
    case FR_JV_METHOD:
        fr_jb_put_s(r, b, "<built-in method ");
        fr_jb_put_s(r, b, v.method->row->name);
        fr_jb_put_s(r, b, " of ");
        fr_jb_put_s(r, b, fr_jv_type(v.method->object));
        fr_jb_put_s(r, b, " object>");
        break;
    default: /* Python prints an address as well, which nobody can mean */
        fr_jb_put_s(r, b, "<");
        fr_jb_put_s(r, b, fr_jv_type(v));
        fr_jb_put_s(r, b, " object>");
        break;
    }
}

void fr_jv_repr(fr_jr *r, fr_jb *b, fr_jv v)
{
    if (!fr_jr_enter(r) || !fr_jr_step(r, 1)) {
        fr_jr_leave(r);
        return;
    }
    switch ((fr_jv_kind)v.kind) {
    case FR_JV_UNDEFINED:
        fr_jb_put_s(r, b, "Undefined");
        break;
    case FR_JV_NONE:
        fr_jb_put_s(r, b, "None");
        break;
    case FR_JV_BOOL:
        fr_jb_put_s(r, b, v.truth ? "True" : "False");
        break;
    case FR_JV_INT:
        put_i64(r, b, v.i);
        break;
    case FR_JV_FLOAT: {
        char text[40];
        fr_jv_print_f64(v.f, text);
        fr_jb_put_s(r, b, text);
        break;
    }
    case FR_JV_STR:
        if (v.markup)
            fr_jb_put_s(r, b, "Markup(");
        repr_text(r, b, fr_jv_bytes(v));
        if (v.markup)
            fr_jb_put_s(r, b, ")");
        break;
    case FR_JV_LIST:
        fr_jb_put_s(r, b, "[");
        repr_items(r, b, v.list);
        fr_jb_put_s(r, b, "]");
        break;
    case FR_JV_TUPLE:
        fr_jb_put_s(r, b, "(");
        repr_items(r, b, v.list);
        fr_jb_put_s(r, b, v.list->n == 1 ? ",)" : ")");
        break;
    case FR_JV_DICT:
        repr_dict(r, b, v.dict);
        break;
    default:
        repr_rare(r, b, v);
        break;
    }
    fr_jr_leave(r);
}

void fr_jv_print(fr_jr *r, fr_jb *b, fr_jv v)
{
    if (v.kind == FR_JV_STR)
        fr_jb_put(r, b, fr_jv_bytes(v));
    else if (v.kind != FR_JV_UNDEFINED)
        fr_jv_repr(r, b, v);
    else if (fr_jr_strict(r, v))
        fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
}

fr_str fr_jv_text(fr_jr *r, fr_jv v)
{
    if (v.kind == FR_JV_STR)
        return fr_jv_bytes(v);
    fr_jb b = { 0 };
    fr_jv_print(r, &b, v);
    return fr_jb_bytes(&b);
}

/* ---- JSON
 * -------------------------------------------------------------------------------------------- */

typedef struct {
    fr_jr *r;
    fr_jb b;
    bool ascii, sort, pretty;
    fr_str indent, between, colon;
} dump;

static void dump_text(dump *d, fr_str s)
{
    fr_jb_put_s(d->r, &d->b, "\"");
    size_t from = 0;
    for (size_t i = 0, step = 0; i < s.n && d->r->code == 0; i += step) {
        uint32_t c = (unsigned char)s.at[i];
        step = 1;
        if (c >= 0x80)
            step = fr_utf8_next((fr_str){ s.at + i, s.n - i }, &c);
        static const char FROM[] = "\"\\\n\r\t\f\b", TO[] = "\"\\nrtfb";
        const char *simple = c != 0 && c < 0x80 ? strchr(FROM, (int)c) : NULL;
        if (simple == NULL && c >= 0x20 && !(d->ascii && c >= 0x80))
            continue;
        fr_jb_put(d->r, &d->b, (fr_str){ s.at + from, i - from });
        from = i + step;
        if (simple != NULL) {
            char escaped[2] = { '\\', TO[simple - FROM] };
            fr_jb_put(d->r, &d->b, (fr_str){ escaped, 2 });
        } else if (c >= 0x10000) {
            put_f(d->r, &d->b, "\\u%04x", 0xD800 + ((c - 0x10000) >> 10));
            put_f(d->r, &d->b, "\\u%04x", 0xDC00 + ((c - 0x10000) & 0x3FF));
        } else {
            put_f(d->r, &d->b, "\\u%04x", c);
        }
    }
    fr_jb_put(d->r, &d->b, (fr_str){ s.at + from, s.n - from });
    fr_jb_put_s(d->r, &d->b, "\"");
}

static void dump_line(dump *d, int depth)
{
    if (!d->pretty)
        return;
    fr_jb_put_s(d->r, &d->b, "\n");
    for (int i = 0; i < depth; i++)
        fr_jb_put(d->r, &d->b, d->indent);
}

static void dump_scalar(dump *d, fr_jv v)
{
    if (v.kind == FR_JV_NONE)
        fr_jb_put_s(d->r, &d->b, "null");
    else if (v.kind == FR_JV_BOOL)
        fr_jb_put_s(d->r, &d->b, v.truth ? "true" : "false");
    else if (v.kind == FR_JV_FLOAT && (isnan(v.f) || isinf(v.f)))
        fr_jb_put_s(d->r, &d->b, isnan(v.f) ? "NaN" : v.f > 0 ? "Infinity" : "-Infinity");
    else
        fr_jv_repr(d->r, &d->b, v);
}

static void dump_key(dump *d, fr_jv key)
{
    if (key.kind == FR_JV_STR) {
        dump_text(d, fr_jv_bytes(key));
    } else if (fr_jv_is_number(key) || key.kind == FR_JV_NONE) {
        fr_jb_put_s(d->r, &d->b, "\"");
        dump_scalar(d, key);
        fr_jb_put_s(d->r, &d->b, "\"");
    } else {
        fr_jr_fail(d->r, "keys must be str, int, float, bool or None, not %s", fr_jv_type(key));
    }
}

static void dump_value(dump *d, fr_jv v, int depth)
{
    fr_jr *r = d->r;
    if (!fr_jr_enter(r) || !fr_jr_step(r, 1)) {
        fr_jr_leave(r);
        return;
    }
    if (v.kind == FR_JV_STR) {
        dump_text(d, fr_jv_bytes(v));
    } else if (v.kind == FR_JV_NONE || fr_jv_is_number(v)) {
        dump_scalar(d, v);
    } else if (v.kind == FR_JV_LIST || v.kind == FR_JV_TUPLE) {
        fr_jb_put_s(r, &d->b, "[");
        for (size_t i = 0; i < v.list->n && r->code == 0; i++) {
            if (i != 0)
                fr_jb_put(r, &d->b, d->between);
            dump_line(d, depth + 1);
            dump_value(d, v.list->at[i], depth + 1);
        }
        if (v.list->n != 0)
            dump_line(d, depth);
        fr_jb_put_s(r, &d->b, "]");
    } else if (v.kind == FR_JV_DICT) {
        fr_jv keys = fr_jv_list_new(r, FR_JV_LIST), places = fr_jv_list_new(r, FR_JV_LIST);
        for (size_t i = 0; i < v.dict->n; i++) {
            fr_jv_push(r, keys, v.dict->keys[i]);
            fr_jv_push(r, places, fr_jv_int((int64_t)i));
        }
        if (d->sort && r->code == 0)
            fr_jv_sort(r, places.list->at, keys.list->at, keys.list->n, false);
        fr_jb_put_s(r, &d->b, "{");
        for (size_t i = 0; i < v.dict->n && r->code == 0; i++) {
            size_t place = (size_t)places.list->at[i].i;
            if (i != 0)
                fr_jb_put(r, &d->b, d->between);
            dump_line(d, depth + 1);
            dump_key(d, v.dict->keys[place]);
            fr_jb_put(r, &d->b, d->colon);
            dump_value(d, v.dict->values[place], depth + 1);
        }
        if (v.dict->n != 0)
            dump_line(d, depth);
        fr_jb_put_s(r, &d->b, "}");
    } else if (fr_jr_strict(r, v)) {
        fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
    } else {
        fr_jr_fail(r, "Object of type %s is not JSON serializable", fr_jv_type(v));
    }
    fr_jr_leave(r);
}

/* arg: ensure_ascii, indent, separators, sort_keys */
fr_jv fr_jv_to_json(fr_jr *r, fr_jv v, const fr_jv *arg)
{
    dump d = { .r = r, .between = FR_STR(", "), .colon = FR_STR(": ") };
    d.ascii = fr_jarg_bool(r, arg[0], false);
    d.sort = fr_jarg_bool(r, arg[3], false);
    if (fr_jarg_some(arg[1])) {
        d.pretty = true;
        d.between = FR_STR(",");
        if (arg[1].kind == FR_JV_STR) {
            d.indent = fr_jv_bytes(arg[1]);
        } else {
            fr_jb spaces = { 0 };
            for (int64_t i = fr_jarg_i64(r, arg[1], 0); i > 0 && r->code == 0; i--) {
                fr_jr_step(r, 1);
                fr_jb_put_s(r, &spaces, " ");
            }
            d.indent = fr_jb_bytes(&spaces);
        }
    }
    if (fr_jarg_some(arg[2])) {
        fr_jv pair = fr_jv_listed(r, arg[2]);
        if (r->code == 0 && (pair.list->n != 2 || pair.list->at[0].kind != FR_JV_STR ||
                             pair.list->at[1].kind != FR_JV_STR))
            return fr_jr_fail(r, "separators must be two strings");
        if (r->code == 0) {
            d.between = fr_jv_bytes(pair.list->at[0]);
            d.colon = fr_jv_bytes(pair.list->at[1]);
        }
    }
    dump_value(&d, v, 0);
    return fr_jb_str(&d.b);
}
