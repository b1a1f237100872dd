/* Python's two ways to format, "%5.2f" % x and "{:>5}".format(x), and round(). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/jinja_priv.h"
#include "text/utf8.h"

#define MOST_WIDTH 100000

/* What stands behind the % or the colon. */
typedef struct {
    fr_str fill; /* one character */
    char align;  /* < > ^ =; 0: as the type has it */
    char sign;   /* + - space */
    bool alternate, zero;
    char group;               /* , or _ */
    int64_t width, precision; /* precision -1: none */
    char type;
} spec;

static void put_padded(fr_jr *r, fr_jb *b, const spec *s, fr_str head, fr_str body, char otherwise)
{
    int64_t n = (int64_t)(fr_jt_length(head) + fr_jt_length(body)), missing = s->width - n;
    char align = s->align != 0 ? s->align : otherwise;
    int64_t before = align == '<' || align == '=' ? 0 : align == '^' ? missing / 2 : missing;
    for (int64_t i = 0; i < before && fr_jr_step(r, 1); i++)
        fr_jb_put(r, b, s->fill);
    fr_jb_put(r, b, head);
    for (int64_t i = 0; align == '=' && i < missing && fr_jr_step(r, 1); i++)
        fr_jb_put(r, b, s->fill);
    fr_jb_put(r, b, body);
    for (int64_t i = before; align != '=' && i < missing && fr_jr_step(r, 1); i++)
        fr_jb_put(r, b, s->fill);
}

/* Thousands: digits before the point in groups of three (of four for x, o, b). */
static void grouped(const char *digits, char by, int each, char *out, size_t size)
{
    size_t whole = strspn(digits, "0123456789abcdefABCDEF"), n = 0;
    if (strchr(digits, '.') != NULL || by == 0)
        whole = strcspn(digits, ".e");
    for (size_t i = 0; digits[i] != '\0' && n + 2 < size; i++) {
        if (by != 0 && i != 0 && i < whole && (whole - i) % (size_t)each == 0)
            out[n++] = by;
        out[n++] = digits[i];
    }
    out[n] = '\0';
}

static void put_number(fr_jr *r, fr_jb *b, const spec *s, bool negative, const char *prefix,
                       const char *digits, int each)
{
    char head[8], body[800];
    snprintf(head, sizeof(head), "%s%s",
             negative         ? "-"
             : s->sign == '+' ? "+"
             : s->sign == ' ' ? " "
                              : "",
             prefix);
    grouped(digits, s->group, each, body, sizeof(body));
    spec padded = *s;
    if (s->zero && s->align == 0) {
        padded.align = '=';
        padded.fill = FR_STR("0");
    }
    put_padded(r, b, &padded, fr_str_of(head), fr_str_of(body), '>');
}

static void put_integer(fr_jr *r, fr_jb *b, const spec *s, int64_t value)
{
    char digits[72];
    size_t n = sizeof(digits) - 1;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    unsigned base = s->type == 'x' || s->type == 'X' ? 16
                    : s->type == 'o'                 ? 8
                    : s->type == 'b'                 ? 2
                                                     : 10;
    const char *set = s->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    digits[n] = '\0';
    do {
        digits[--n] = set[left % base];
        left /= base;
    } while (left != 0);
    char text[160];
    int64_t zeros = s->precision - (int64_t)(sizeof(digits) - 1 - n);
    zeros = FR_MIN(FR_MAX(zeros, (int64_t)0), (int64_t)64); /* "%.5d" */
    snprintf(text, sizeof(text), "%.*s%s", (int)zeros,
             "0000000000000000000000000000000000000000000000000000000000000000", digits + n);
    const char *prefix = !s->alternate || base == 10 ? ""
                         : s->type == 'x'            ? "0x"
                         : s->type == 'X'            ? "0X"
                         : base == 8                 ? "0o"
                                                     : "0b";
    put_number(r, b, s, value < 0, prefix, text, base == 10 ? 3 : 4);
}

static void put_real(fr_jr *r, fr_jb *b, const spec *s, double f)
{
    char digits[400], form[16];
    char type = s->type == 0 || s->type == 'n' ? 'g' : s->type;
    int precision = s->precision < 0 ? 6 : (int)FR_MIN(s->precision, (int64_t)60);
    bool percent = type == '%';
    if (fabs(f) > 1e300 && strchr("fF%", type) != NULL && !isinf(f)) {
        fr_jr_fail(r, "a number of more than 300 digits");
        return;
    }
    snprintf(form, sizeof(form), "%%%s.*%c", s->alternate ? "#" : "", percent ? 'f' : type);
    if (isnan(f) || isinf(f)) {
        bool upper = type == 'F' || type == 'E' || type == 'G';
        snprintf(digits, sizeof(digits), "%s%s",
                 isnan(f) ? (upper ? "NAN" : "nan")
                 : upper  ? "INF"
                          : "inf",
                 percent ? "%" : "");
    } else if (s->type == 0 && s->precision < 0) {
        char text[40];
        fr_jv_print_f64(fabs(f), text);
        snprintf(digits, sizeof(digits), "%s", text);
    } else {
        snprintf(digits, sizeof(digits), form, precision, fabs(percent ? f * 100 : f));
        if (s->type == 0 && strcspn(digits, ".e") == strlen(digits))
            snprintf(digits + strlen(digits), 4,
                     ".0"); /* {:.3} of a float keeps looking like one */
        if (percent)
            snprintf(digits + strlen(digits), 4, "%%");
    }
    put_number(r, b, s, signbit(f) && !isnan(f), "", digits, 3);
}

static void put_text(fr_jr *r, fr_jb *b, const spec *s, fr_str text, char otherwise)
{
    if (s->precision >= 0)
        text.n = fr_jt_offset(text, (size_t)s->precision);
    put_padded(r, b, s, (fr_str){ "", 0 }, text, otherwise);
}

static bool digits_of(fr_str *s, int64_t *out)
{
    int64_t value = 0;
    bool any = false;
    while (s->n != 0 && s->at[0] >= '0' && s->at[0] <= '9') {
        value = FR_MIN(value * 10 + (s->at[0] - '0'), (int64_t)MOST_WIDTH + 1);
        *s = (fr_str){ s->at + 1, s->n - 1 };
        any = true;
    }
    if (any)
        *out = value;
    return any;
}

/* ---- "%s" % values
 * ------------------------------------------------------------------------------------- */

typedef struct {
    fr_jv values;
    size_t used;
    bool named;
} percent_values;

static fr_jv next_value(fr_jr *r, percent_values *p)
{
    if (p->values.kind == FR_JV_TUPLE) {
        if (p->used < p->values.list->n)
            return p->values.list->at[p->used++];
    } else if (p->used++ == 0) {
        return p->values;
    }
    return fr_jr_fail(r, "not enough arguments for format string");
}

static void put_percent(fr_jr *r, fr_jb *b, spec *s, fr_jv v)
{
    fr_jb text = { 0 };
    if (s->zero && strchr("sra", s->type) != NULL)
        s->zero = false;
    switch (s->type) {
    case 's':
        put_text(r, b, s, fr_jv_text(r, v), '>');
        break;
    case 'r':
    case 'a':
        fr_jv_repr(r, &text, v);
        put_text(r, b, s, fr_jb_bytes(&text), '>');
        break;
    case 'c':
        if (v.kind == FR_JV_INT && v.i >= 0 && v.i < 0x110000)
            fr_jb_put_char(r, &text, (uint32_t)v.i);
        else if (v.kind == FR_JV_STR && fr_jt_length(fr_jv_bytes(v)) == 1)
            fr_jb_put(r, &text, fr_jv_bytes(v));
        else
            fr_jr_fail(r, "%%c requires int or char");
        s->precision = -1;
        put_text(r, b, s, fr_jb_bytes(&text), '>');
        break;
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        if (!fr_jv_is_number(v) || (v.kind == FR_JV_FLOAT && strchr("xXo", s->type) != NULL) ||
            (v.kind == FR_JV_FLOAT && !(fabs(v.f) < 9e18))) {
            fr_jr_fail(r, "%%%c format: a real number is required, not %s", s->type, fr_jv_type(v));
            return;
        }
        put_integer(r, b, s,
                    v.kind == FR_JV_FLOAT ? (int64_t)v.f
                    : v.kind == FR_JV_INT ? v.i
                                          : v.truth);
        break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        if (!fr_jv_is_number(v))
            fr_jr_fail(r, "must be real number, not %s", fr_jv_type(v));
        else
            put_real(r, b, s, fr_jv_number(v));
        break;
    default:
        fr_jr_fail(r, "unsupported format character '%c'", s->type);
        break;
    }
}

static fr_str percent_one(fr_jr *r, fr_jb *b, percent_values *p, fr_str rest)
{
    spec s = { .fill = FR_STR(" "), .precision = -1 };
    fr_jv value = FR_JV_ABSENT;
    if (rest.n != 0 && rest.at[0] == '(') {
        const char *end = memchr(rest.at, ')', rest.n);
        if (end == NULL || p->values.kind != FR_JV_DICT) {
            fr_jr_fail(r, end == NULL ? "incomplete format key" : "format requires a mapping");
            return rest;
        }
        fr_str key = { rest.at + 1, (size_t)(end - rest.at) - 1 };
        const fr_jv *found = fr_jv_find_text(p->values.dict, key);
        p->named = true;
        if (found == NULL)
            fr_jr_fail(r, "'%.*s'", FR_STR_F(key));
        else
            value = *found;
        rest = (fr_str){ end + 1, rest.n - key.n - 2 };
    }
    for (; rest.n != 0 && strchr("-+ #0", rest.at[0]) != NULL && rest.at[0] != '\0';
         rest = (fr_str){ rest.at + 1, rest.n - 1 }) {
        char flag = rest.at[0];
        s.zero |= flag == '0';
        s.alternate |= flag == '#';
        if (flag == '-')
            s.align = '<';
        if (flag == '+' || (flag == ' ' && s.sign != '+'))
            s.sign = flag;
    }
    if (rest.n != 0 && rest.at[0] == '*') {
        fr_jv width = next_value(r, p);
        s.width = fr_jarg_i64(r, width, 0);
        if (s.width < 0) {
            s.align = '<';
            s.width = -s.width;
        }
        rest = (fr_str){ rest.at + 1, rest.n - 1 };
    } else {
        digits_of(&rest, &s.width);
    }
    if (rest.n != 0 && rest.at[0] == '.') {
        rest = (fr_str){ rest.at + 1, rest.n - 1 };
        s.precision = 0;
        if (rest.n != 0 && rest.at[0] == '*') {
            fr_jv precision = next_value(r, p);
            s.precision = FR_MAX(fr_jarg_i64(r, precision, 0), (int64_t)0);
            rest = (fr_str){ rest.at + 1, rest.n - 1 };
        } else {
            digits_of(&rest, &s.precision);
        }
    }
    while (rest.n != 0 && strchr("hlL", rest.at[0]) != NULL && rest.at[0] != '\0')
        rest = (fr_str){ rest.at + 1, rest.n - 1 };
    if (rest.n == 0) {
        fr_jr_fail(r, "incomplete format");
        return rest;
    }
    s.type = rest.at[0];
    if (s.width > MOST_WIDTH || s.precision > MOST_WIDTH)
        fr_jr_limit(r, "a width of more than %d", MOST_WIDTH);
    if (s.type == '%')
        fr_jb_put_s(r, b, "%");
    else if (r->code == 0)
        put_percent(r, b, &s, value.kind != FR_JV_MISSING ? value : next_value(r, p));
    return (fr_str){ rest.at + 1, rest.n - 1 };
}

fr_jv fr_jv_percent(fr_jr *r, fr_jv format, fr_jv values)
{
    fr_jb b = { 0 };
    percent_values p = { .values = values };
    fr_str rest = fr_jv_bytes(format);
    while (rest.n != 0 && fr_jr_step(r, 1)) {
        const char *at = memchr(rest.at, '%', rest.n);
        size_t n = at != NULL ? (size_t)(at - rest.at) : rest.n;
        fr_jb_put(r, &b, (fr_str){ rest.at, n });
        rest = (fr_str){ rest.at + n, rest.n - n };
        if (at != NULL)
            rest = percent_one(r, &b, &p, (fr_str){ rest.at + 1, rest.n - 1 });
    }
    size_t most = values.kind == FR_JV_TUPLE ? values.list->n : 1;
    /* what has items may leave some unused */
    bool mapping = values.kind == FR_JV_DICT || values.kind == FR_JV_LIST ||
                   values.kind == FR_JV_RANGE || values.kind == FR_JV_UNDEFINED || p.named;
    if (r->code == 0 && p.used < most && !mapping)
        return fr_jr_fail(r, "not all arguments converted during string formatting");
    fr_jv out = fr_jb_str(&b);
    out.markup = format.markup;
    return out;
}

/* ---- "{}".format()
 * ----------------------------------------------------------------------------------------- */

typedef struct {
    const fr_jargs *args;
    size_t next;
    bool by_number, counted;
    fr_jn *here; /* tells errors where the field stands; NULL: inside a template */
} fields;

static fr_jv field_value(fr_jr *r, fields *f, fr_str name)
{
    fr_str first = name;
    first.n = 0;
    while (first.n < name.n && name.at[first.n] != '.' && name.at[first.n] != '[')
        first.n++;
    fr_str rest = { name.at + first.n, name.n - first.n };
    fr_jv value = FR_JV_ABSENT;
    long long i = 0;
    bool number =
        first.n != 0 && first.at[0] >= '0' && first.at[0] <= '9' && fr_str_to_i64(first, &i);
    if (first.n == 0 || number) {
        f->counted |= first.n == 0;
        f->by_number |= number;
        if (f->counted && f->by_number)
            return fr_jr_fail(r, "cannot switch between manual field specification and automatic "
                                 "field numbering");
        size_t place = number ? (size_t)i : f->next++;
        if (place >= f->args->n)
            return fr_jr_fail(r, "Replacement index %zu out of range for positional args tuple",
                              place);
        value = f->args->at[place];
    }
    for (size_t k = 0; value.kind == FR_JV_MISSING && k < f->args->n_named; k++)
        if (fr_str_equal(f->args->names[k], first))
            value = f->args->named[k];
    if (value.kind == FR_JV_MISSING)
        return fr_jr_fail(r, "there is no value for '{%.*s}'", FR_STR_F(first));
    while (rest.n != 0 && r->code == 0) {
        size_t n = 1;
        if (rest.at[0] == '.') {
            while (n < rest.n && rest.at[n] != '.' && rest.at[n] != '[')
                n++;
            value = fr_jv_attribute(r, value, (fr_str){ rest.at + 1, n - 1 });
        } else {
            const char *end = memchr(rest.at, ']', rest.n);
            if (rest.at[0] != '[' || end == NULL)
                return fr_jr_fail(r, "expected '}' before end of string");
            n = (size_t)(end - rest.at) + 1;
            fr_str key = { rest.at + 1, n - 2 };
            bool index =
                key.n != 0 && key.at[0] >= '0' && key.at[0] <= '9' && fr_str_to_i64(key, &i);
            value = fr_jv_item(r, value, index ? fr_jv_int(i) : fr_jv_str(key));
        }
        rest = (fr_str){ rest.at + n, rest.n - n };
    }
    return value;
}

static bool parse_spec(fr_jr *r, fr_str text, spec *s)
{
    *s = (spec){ .fill = FR_STR(" "), .precision = -1 };
    size_t first = fr_jt_offset(text, 1);
    if (text.n > first && strchr("<>^=", text.at[first]) != NULL && text.at[first] != '\0') {
        s->fill = (fr_str){ text.at, first };
        s->align = text.at[first];
        text = (fr_str){ text.at + first + 1, text.n - first - 1 };
    } else if (text.n != 0 && strchr("<>^=", text.at[0]) != NULL && text.at[0] != '\0') {
        s->align = text.at[0];
        text = (fr_str){ text.at + 1, text.n - 1 };
    }
    for (; text.n != 0 && strchr("+- #", text.at[0]) != NULL && text.at[0] != '\0';
         text = (fr_str){ text.at + 1, text.n - 1 }) {
        if (text.at[0] == '#')
            s->alternate = true;
        else
            s->sign = text.at[0];
    }
    if (text.n != 0 && text.at[0] == '0') {
        s->zero = true;
        text = (fr_str){ text.at + 1, text.n - 1 };
    }
    digits_of(&text, &s->width);
    if (text.n != 0 && (text.at[0] == ',' || text.at[0] == '_')) {
        s->group = text.at[0];
        text = (fr_str){ text.at + 1, text.n - 1 };
    }
    if (text.n != 0 && text.at[0] == '.') {
        text = (fr_str){ text.at + 1, text.n - 1 };
        if (!digits_of(&text, &s->precision)) {
            fr_jr_fail(r, "Format specifier missing precision");
            return false;
        }
    }
    if (text.n > 1) {
        fr_jr_fail(r, "Invalid format specifier");
        return false;
    }
    s->type = text.n != 0 ? text.at[0] : '\0';
    if (s->width > MOST_WIDTH || s->precision > MOST_WIDTH)
        fr_jr_limit(r, "a width of more than %d", MOST_WIDTH);
    return r->code == 0;
}

static void put_value(fr_jr *r, fr_jb *b, fr_jv v, fr_str text)
{
    spec s;
    if (text.n == 0) {
        fr_jv_print(r, b, v);
        return;
    }
    if (!parse_spec(r, text, &s))
        return;
    bool whole = v.kind == FR_JV_INT || v.kind == FR_JV_BOOL;
    if (v.kind == FR_JV_STR && (s.type == '\0' || s.type == 's')) {
        if (s.align == '=') {
            fr_jr_fail(r, "'=' alignment not allowed in string format specifier");
            return;
        }
        if (s.zero && s.align == 0)
            s.fill = FR_STR("0");
        put_text(r, b, &s, fr_jv_bytes(v), '<');
    } else if (whole && (s.type == '\0' || strchr("dxXobn", s.type) != NULL)) {
        s.precision = -1;
        put_integer(r, b, &s, v.kind == FR_JV_INT ? v.i : v.truth);
    } else if (whole && s.type == 'c') {
        fr_jb one = { 0 };
        fr_jb_put_char(r, &one, (uint32_t)v.i);
        put_text(r, b, &s, fr_jb_bytes(&one), '<');
    } else if (fr_jv_is_number(v) && (s.type == '\0' || strchr("eEfFgGn%", s.type) != NULL)) {
        put_real(r, b, &s, fr_jv_number(v));
    } else if (v.kind == FR_JV_STR || fr_jv_is_number(v)) {
        fr_jr_fail(r, "Unknown format code '%c' for object of type '%s'", s.type, fr_jv_type(v));
    } else {
        fr_jr_fail(r, "unsupported format string passed to %s.__format__", fr_jv_type(v));
    }
}

static void format_into(fr_jr *r, fr_jb *b, fr_str format, fields *f, int depth);

/* What stands between { and }, which are not part of it. */
static void put_field(fr_jr *r, fr_jb *b, fr_str field, fields *f, int depth)
{
    size_t name = 0;
    for (bool inside = false; name < field.n; name++) {
        inside = field.at[name] == '[' || (inside && field.at[name] != ']');
        if (!inside && (field.at[name] == '!' || field.at[name] == ':'))
            break;
    }
    fr_jv value = field_value(r, f, (fr_str){ field.at, name });
    fr_str rest = { field.at + name, field.n - name };
    if (r->code == 0 && rest.n > 1 && rest.at[0] == '!') {
        fr_jb text = { 0 };
        if (rest.at[1] == 'r' || rest.at[1] == 'a')
            fr_jv_repr(r, &text, value);
        else
            fr_jv_print(r, &text, value);
        value = fr_jb_str(&text);
        rest = (fr_str){ rest.at + 2, rest.n - 2 };
    }
    fr_jb spec_text = { 0 };
    if (rest.n != 0 && r->code == 0)
        format_into(r, &spec_text, (fr_str){ rest.at + 1, rest.n - 1 }, f, depth + 1);
    if (r->code == 0)
        put_value(r, b, value, fr_jb_bytes(&spec_text));
}

static void format_into(fr_jr *r, fr_jb *b, fr_str format, fields *f, int depth)
{
    if (depth > 2) {
        fr_jr_fail(r, "Max string recursion exceeded");
        return;
    }
    for (size_t i = 0; i < format.n && fr_jr_step(r, 1); i++) {
        char c = format.at[i];
        bool twice = i + 1 < format.n && format.at[i + 1] == c;
        if (f->here != NULL && depth == 0)
            f->here->at = (uint32_t)i;
        if (c == '}' || (c == '{' && twice)) {
            if (!twice) {
                fr_jr_fail(r, "Single '}' encountered in format string");
                return;
            }
            fr_jb_put(r, b, (fr_str){ &c, 1 });
            i++;
        } else if (c == '{') {
            size_t end = i + 1;
            for (int open = 1; end < format.n; end++) {
                open += format.at[end] == '{' ? 1 : format.at[end] == '}' ? -1 : 0;
                if (open == 0)
                    break;
            }
            if (end >= format.n) {
                fr_jr_fail(r, i + 1 < format.n ? "expected '}' before end of string"
                                               : "Single '{' encountered in format string");
                return;
            }
            put_field(r, b, (fr_str){ format.at + i + 1, end - i - 1 }, f, depth);
            i = end;
        } else {
            size_t n = i;
            while (n < format.n && format.at[n] != '{' && format.at[n] != '}')
                n++;
            fr_jb_put(r, b, (fr_str){ format.at + i, n - i });
            i = n - 1;
        }
    }
}

fr_jv fr_jv_format(fr_jr *r, fr_str format, const fr_jargs *args)
{
    fr_jb b = { 0 };
    fields f = { .args = args };
    format_into(r, &b, format, &f, 0);
    return fr_jb_str(&b);
}

int fr_jinja_format(fr_str template, const char *name, const json_t *vars, fr_buf *out, fr_err *err)
{
    fr_jn here = { 0 };
    fr_jinja t = { .source = template,
                   .options = { .name = name,
                                .depth = 500,
                                .steps = 20000000,
                                .memory_bytes = (size_t)256 << 20 } };
    fr_jr r = { .t = &t,
                .err = err,
                .steps_left = t.options.steps,
                .node = &here,
                .mem = { .limit = t.options.memory_bytes } };
    if (template.n > UINT32_MAX)
        return fr_fail(err, FR_E_LIMIT, NULL, "%s: a prompt of %zu bytes", name, template.n);
    if (!fr_utf8_valid(template))
        return fr_jinja_fail_at(&t, fr_utf8_valid_prefix(template), err, FR_E_FORMAT,
                                "Save the prompt as UTF-8.", "a byte that is not UTF-8");
    fr_jv all = fr_jv_of_json(&r, vars, 0);
    fr_jb b = { 0 };
    fr_jargs args = { 0 };
    if (r.code == 0 && all.kind == FR_JV_DICT) {
        fr_str *names = fr_jm_alloc(&r.mem, (all.dict->n + 1) * sizeof(*names));
        for (size_t i = 0; names != NULL && i < all.dict->n; i++)
            names[i] = fr_jv_bytes(all.dict->keys[i]);
        args = (fr_jargs){ .names = names,
                           .named = all.dict->values,
                           .n_named = names != NULL ? all.dict->n : 0 };
    }
    fields f = { .args = &args, .here = &here };
    format_into(&r, &b, template, &f, 0);
    if (r.code == 0)
        fr_buf_put_str(out, fr_jb_bytes(&b));
    fr_jm_fini(&r.mem);
    return r.code;
}

/* ---- round()
 * ---------------------------------------------------------------------------------------------------
 */

fr_jv fr_jv_round(fr_jr *r, fr_jv v, int64_t digits)
{
    if (v.kind != FR_JV_FLOAT) {
        int64_t i = v.kind == FR_JV_INT ? v.i : v.truth, unit = 1;
        if (digits >= 0)
            return fr_jv_int(i);
        for (int64_t k = digits; k < 0; k++)
            if (__builtin_mul_overflow(unit, 10, &unit))
                return fr_jv_int(0);
        int64_t down = i % unit, half = unit / 2;
        if (down < 0)
            down += unit;
        int64_t low = i - down;
        bool up = down > half || (down == half && (low / unit) % 2 != 0);
        return fr_jv_int(up ? low + unit : low);
    }
    if (isnan(v.f) || isinf(v.f))
        return v;
    if (digits > 300)
        return v;
    if (digits < -308)
        return fr_jv_f64(copysign(0.0, v.f));
    if (digits < 0) {
        double unit = pow(10, (double)-digits);
        return fr_jv_f64(nearbyint(v.f / unit) * unit);
    }
    char text[800]; /* correctly rounded, half to even, as C's printf does on exact digits */
    snprintf(text, sizeof(text), "%.*f", (int)digits, v.f);
    (void)r;
    return fr_jv_f64(strtod(text, NULL));
}
