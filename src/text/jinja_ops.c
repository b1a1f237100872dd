/* Operators, comparisons, attributes, subscripts: what Python does with two values. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text/jinja_priv.h"
#include "text/utf8.h"

/* Anything but printing, testing and looping over an undefined value. */
static fr_jv use_undefined(fr_jr *r, fr_jv v)
{
    return fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
}

static bool strict(fr_jr *r, fr_jv v)
{
    if (!fr_jr_strict(r, v))
        return false;
    use_undefined(r, v);
    return true;
}

double fr_jv_number(fr_jv v)
{
    return v.kind == FR_JV_FLOAT ? v.f : v.kind == FR_JV_INT ? (double)v.i : v.truth ? 1 : 0;
}

static int64_t whole(fr_jv v)
{
    return v.kind == FR_JV_INT ? v.i : v.truth ? 1 : 0;
}

int64_t fr_jv_length(fr_jv v)
{
    switch ((fr_jv_kind)v.kind) {
    case FR_JV_STR:
        return (int64_t)fr_jt_length(fr_jv_bytes(v));
    case FR_JV_LIST:
    case FR_JV_TUPLE:
        return (int64_t)v.list->n;
    case FR_JV_DICT:
    case FR_JV_VIEW:
        return (int64_t)v.dict->n;
    case FR_JV_RANGE:
        return (int64_t)v.range->n;
    case FR_JV_UNDEFINED:
        return 0;
    default:
        return -1;
    }
}

bool fr_jv_truth(fr_jr *r, fr_jv v)
{
    if (strict(r, v))
        return false;
    switch ((fr_jv_kind)v.kind) {
    case FR_JV_UNDEFINED:
    case FR_JV_NONE:
    case FR_JV_MISSING:
        return false;
    case FR_JV_BOOL:
        return v.truth;
    case FR_JV_INT:
        return v.i != 0;
    case FR_JV_FLOAT:
        return v.f != 0;
    case FR_JV_STR:
        return v.n != 0;
    case FR_JV_LIST:
    case FR_JV_TUPLE:
    case FR_JV_DICT:
    case FR_JV_VIEW:
    case FR_JV_RANGE:
        return fr_jv_length(v) != 0;
    case FR_JV_LOOP: {
        fr_jv length = fr_jr_loop_attribute(r, v, FR_STR("length"));
        return length.kind == FR_JV_INT && length.i != 0;
    }
    default:
        return true;
    }
}

static int order_numbers(fr_jv a, fr_jv b)
{
    if (a.kind != FR_JV_FLOAT && b.kind != FR_JV_FLOAT)
        return whole(a) < whole(b) ? -1 : whole(a) > whole(b);
    double x = fr_jv_number(a), y = fr_jv_number(b);
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2; /* 2: not a number */
}

static bool equal_lists(fr_jr *r, const fr_jv_list *a, const fr_jv_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n && r->code == 0; i++)
        if (!fr_jv_equal(r, a->at[i], b->at[i]))
            return false;
    return true;
}

static bool equal_dicts(fr_jr *r, const fr_jv_dict *a, const fr_jv_dict *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n && r->code == 0; i++) {
        const fr_jv *other = fr_jv_find(r, b, a->keys[i]);
        if (other == NULL || !fr_jv_equal(r, a->values[i], *other))
            return false;
    }
    return true;
}

static bool equal_inside(fr_jr *r, fr_jv a, fr_jv b)
{
    switch ((fr_jv_kind)a.kind) {
    case FR_JV_UNDEFINED:
    case FR_JV_NONE:
    case FR_JV_MISSING:
        return true;
    case FR_JV_STR:
        fr_jr_step(r, a.n / 64);
        return fr_str_equal(fr_jv_bytes(a), fr_jv_bytes(b));
    case FR_JV_LIST:
    case FR_JV_TUPLE:
        return equal_lists(r, a.list, b.list);
    case FR_JV_DICT:
        return equal_dicts(r, a.dict, b.dict);
    case FR_JV_VIEW:
        return a.part == b.part && a.part != FR_JV_VALUES && equal_dicts(r, a.dict, b.dict);
    case FR_JV_RANGE:
        return a.range->n == b.range->n &&
               (a.range->n == 0 || (a.range->start == b.range->start &&
                                    (a.range->n == 1 || a.range->step == b.range->step)));
    case FR_JV_METHOD:
        return a.method == b.method;
    default:
        return a.at == b.at; /* the same object */
    }
}

bool fr_jv_equal(fr_jr *r, fr_jv a, fr_jv b)
{
    if (strict(r, a) || strict(r, b))
        return false;
    if (fr_jv_is_number(a) && fr_jv_is_number(b))
        return order_numbers(a, b) == 0;
    if (a.kind != b.kind)
        return false;
    bool equal = fr_jr_enter(r) && fr_jr_step(r, 1) && equal_inside(r, a, b);
    fr_jr_leave(r);
    return equal;
}

static int order_texts(fr_jv a, fr_jv b)
{
    /* the bytes of UTF-8 have the order of the characters */
    int c = memcmp(a.at, b.at, FR_MIN(a.n, b.n));
    return c != 0 ? (c < 0 ? -1 : 1) : a.n < b.n ? -1 : a.n > b.n;
}

int fr_jv_order(fr_jr *r, fr_jv a, fr_jv b, const char *op)
{
    fr_jr_step(r, 1);
    if (fr_jv_is_number(a) && fr_jv_is_number(b))
        return order_numbers(a, b);
    if (a.kind == FR_JV_STR && b.kind == FR_JV_STR)
        return order_texts(a, b);
    bool lists = a.kind == b.kind && (a.kind == FR_JV_LIST || a.kind == FR_JV_TUPLE);
    if (lists && fr_jr_enter(r)) {
        size_t i = 0;
        while (i < a.list->n && i < b.list->n && fr_jv_equal(r, a.list->at[i], b.list->at[i]))
            i++;
        int order = a.list->n < b.list->n ? -1 : a.list->n > b.list->n;
        if (i < a.list->n && i < b.list->n)
            order = fr_jv_order(r, a.list->at[i], b.list->at[i], op);
        fr_jr_leave(r);
        return order;
    }
    if (a.kind == FR_JV_UNDEFINED || b.kind == FR_JV_UNDEFINED)
        use_undefined(r, a.kind == FR_JV_UNDEFINED ? a : b);
    else
        fr_jr_fail(r, "'%s' not supported between instances of '%s' and '%s'", op, fr_jv_type(a),
                   fr_jv_type(b));
    return 0;
}

bool fr_jv_contains(fr_jr *r, fr_jv in, fr_jv what)
{
    if (strict(r, in))
        return false;
    if (in.kind == FR_JV_STR) {
        size_t at = 0;
        if (what.kind != FR_JV_STR) {
            fr_jr_fail(r, "'in <string>' requires string as left operand, not %s",
                       fr_jv_type(what));
            return false;
        }
        fr_jr_step(r, in.n / 64);
        return what.n == 0 || fr_str_find(fr_jv_bytes(in), fr_jv_bytes(what), &at);
    }
    if (in.kind == FR_JV_DICT || (in.kind == FR_JV_VIEW && in.part == FR_JV_KEYS)) {
        if (!fr_jv_hashable(what))
            fr_jr_fail(r, "unhashable type: '%s'", fr_jv_type(what));
        return fr_jv_find(r, in.dict, what) != NULL;
    }
    fr_jv_iter *it = fr_jv_walkable(in) ? fr_jv_walk(r, in) : NULL;
    if (it == NULL) {
        fr_jr_fail(r, "argument of type '%s' is not iterable", fr_jv_type(in));
        return false;
    }
    for (fr_jv item; fr_ji_next(r, it, &item);)
        if (fr_jv_equal(r, item, what))
            return true;
    return false;
}

bool fr_jv_compare(fr_jr *r, fr_jcmp op, fr_jv a, fr_jv b)
{
    static const char *const NAMES[] = { "==", "!=", "<", "<=", ">", ">=" };
    int order = 0;
    switch (op) {
    case FR_JC_EQ:
        return fr_jv_equal(r, a, b);
    case FR_JC_NE:
        return !fr_jv_equal(r, a, b);
    case FR_JC_IN:
        return fr_jv_contains(r, b, a);
    case FR_JC_NOT_IN:
        return !fr_jv_contains(r, b, a);
    default:
        break;
    }
    order = fr_jv_order(r, a, b, NAMES[op]);
    if (order == 2)
        return false;
    return op == FR_JC_LT   ? order < 0
           : op == FR_JC_LE ? order <= 0
           : op == FR_JC_GT ? order > 0
                            : order >= 0;
}

/* ---- arithmetic
 * ---------------------------------------------------------------------------------------- */

static fr_jv too_large(fr_jr *r)
{
    return fr_jr_limit(r, "an integer of more than 64 bits");
}

static fr_jv int_pow(fr_jr *r, int64_t a, int64_t b)
{
    int64_t result = 1;
    if (b < 0)
        return a == 0 ? fr_jr_fail(r, "0.0 cannot be raised to a negative power")
                      : fr_jv_f64(pow((double)a, (double)b));
    while (b > 0) {
        if ((b & 1) != 0 && __builtin_mul_overflow(result, a, &result))
            return too_large(r);
        b >>= 1;
        if (b > 0 && __builtin_mul_overflow(a, a, &a))
            return too_large(r);
    }
    return fr_jv_int(result);
}

static fr_jv int_arith(fr_jr *r, fr_jop op, int64_t a, int64_t b)
{
    int64_t c = 0;
    switch (op) {
    case FR_JO_ADD:
        return __builtin_add_overflow(a, b, &c) ? too_large(r) : fr_jv_int(c);
    case FR_JO_SUB:
        return __builtin_sub_overflow(a, b, &c) ? too_large(r) : fr_jv_int(c);
    case FR_JO_MUL:
        return __builtin_mul_overflow(a, b, &c) ? too_large(r) : fr_jv_int(c);
    case FR_JO_POW:
        return int_pow(r, a, b);
    default:
        break;
    }
    if (b == 0)
        return fr_jr_fail(r, op == FR_JO_DIV     ? "division by zero"
                             : op == FR_JO_FLOOR ? "integer division or modulo by zero"
                                                 : "integer modulo by zero");
    if (op == FR_JO_DIV)
        return fr_jv_f64((double)((long double)a / (long double)b));
    if (b == -1)
        return op == FR_JO_MOD ? fr_jv_int(0) : int_arith(r, FR_JO_SUB, 0, a);
    bool low = (a % b != 0) && ((a < 0) != (b < 0)); /* Python rounds down, C towards zero */
    return fr_jv_int(op == FR_JO_FLOOR ? a / b - (low ? 1 : 0) : a % b + (low ? b : 0));
}

static fr_jv real_arith(fr_jr *r, fr_jop op, double a, double b)
{
    double c = 0;
    switch (op) {
    case FR_JO_ADD:
        return fr_jv_f64(a + b);
    case FR_JO_SUB:
        return fr_jv_f64(a - b);
    case FR_JO_MUL:
        return fr_jv_f64(a * b);
    case FR_JO_POW:
        if (a == 0 && b < 0)
            return fr_jr_fail(r, "0.0 cannot be raised to a negative power");
        c = pow(a, b);
        if (isnan(c) && !isnan(a) && !isnan(b))
            return fr_jr_fail(r, "a power that is a complex number");
        if (isinf(c) && !isinf(a) && !isinf(b))
            return fr_jr_fail(r, "numerical result out of range");
        return fr_jv_f64(c);
    default:
        break;
    }
    if (b == 0)
        return fr_jr_fail(r, op == FR_JO_DIV     ? "float division by zero"
                             : op == FR_JO_FLOOR ? "float floor division by zero"
                                                 : "float modulo");
    if (op == FR_JO_DIV)
        return fr_jv_f64(a / b);
    /* as CPython's float_divmod */
    double mod = fmod(a, b), div = (a - mod) / b;
    if (mod != 0) {
        if ((b < 0) != (mod < 0)) {
            mod += b;
            div -= 1;
        }
    } else {
        mod = copysign(0.0, b);
    }
    if (op == FR_JO_MOD)
        return fr_jv_f64(mod);
    if (div == 0)
        return fr_jv_f64(copysign(0.0, a / b));
    double floored = floor(div);
    return fr_jv_f64(div - floored > 0.5 ? floored + 1 : floored);
}

static fr_jv repeat(fr_jr *r, fr_jv what, int64_t times)
{
    times = FR_MAX(times, (int64_t)0);
    if (what.kind == FR_JV_STR) {
        fr_jb b = { 0 };
        if (what.n != 0 && (uint64_t)times > r->t->options.memory_bytes / what.n)
            return fr_jr_limit(r, "a string of more than %zu MiB",
                               r->t->options.memory_bytes >> 20);
        for (int64_t i = 0; what.n != 0 && i < times && fr_jr_step(r, 1); i++)
            fr_jb_put(r, &b, fr_jv_bytes(what));
        fr_jv out = fr_jb_str(&b);
        out.markup = what.markup;
        return out;
    }
    fr_jv list = fr_jv_list_new(r, what.kind);
    for (int64_t i = 0; what.list->n != 0 && i < times && r->code == 0; i++)
        for (size_t k = 0; k < what.list->n && fr_jr_step(r, 1); k++)
            fr_jv_push(r, list, what.list->at[k]);
    return list;
}

static fr_jv add(fr_jr *r, fr_jv a, fr_jv b)
{
    if (a.markup || b.markup) { /* Markup: the other side is escaped */
        fr_jv x = a.markup ? a : fr_jt_escape_html(r, fr_jv_bytes(a));
        fr_jv y = b.markup ? b : fr_jt_escape_html(r, fr_jv_bytes(b));
        fr_jv joined = fr_jv_join(r, fr_jv_bytes(x), fr_jv_bytes(y));
        joined.markup = true;
        return joined;
    }
    return fr_jv_join(r, fr_jv_bytes(a), fr_jv_bytes(b));
}

static bool is_sequence(fr_jv v)
{
    return v.kind == FR_JV_STR || v.kind == FR_JV_LIST || v.kind == FR_JV_TUPLE;
}

fr_jv fr_jv_arith(fr_jr *r, fr_jop op, fr_jv a, fr_jv b)
{
    static const char *const NAMES[] = { "+", "-", "*", "/", "//", "%", "** or pow()" };
    if (op == FR_JO_MOD && a.kind == FR_JV_STR)
        return fr_jv_percent(r, a, b);
    if (a.kind == FR_JV_UNDEFINED || b.kind == FR_JV_UNDEFINED) {
        /* 'a' + undefined: str knows no undefined, which then says what it is */
        return use_undefined(r, a.kind == FR_JV_UNDEFINED ? a : b);
    }
    bool whole_numbers = a.kind != FR_JV_FLOAT && b.kind != FR_JV_FLOAT;
    if (fr_jv_is_number(a) && fr_jv_is_number(b))
        return whole_numbers ? int_arith(r, op, whole(a), whole(b))
                             : real_arith(r, op, fr_jv_number(a), fr_jv_number(b));
    if (op == FR_JO_ADD && a.kind == FR_JV_STR && b.kind == FR_JV_STR)
        return add(r, a, b);
    if (op == FR_JO_ADD && a.kind == b.kind && is_sequence(a)) {
        fr_jv list = fr_jv_list_new(r, a.kind);
        for (size_t i = 0; i < a.list->n && fr_jr_step(r, 1); i++)
            fr_jv_push(r, list, a.list->at[i]);
        for (size_t i = 0; i < b.list->n && fr_jr_step(r, 1); i++)
            fr_jv_push(r, list, b.list->at[i]);
        return list;
    }
    if (op == FR_JO_MUL && is_sequence(a) && fr_jv_is_number(b) && b.kind != FR_JV_FLOAT)
        return repeat(r, a, whole(b));
    if (op == FR_JO_MUL && is_sequence(b) && fr_jv_is_number(a) && a.kind != FR_JV_FLOAT)
        return repeat(r, b, whole(a));
    if (op == FR_JO_ADD && is_sequence(a))
        return fr_jr_fail(r, "can only concatenate %s (not \"%s\") to %s", fr_jv_type(a),
                          fr_jv_type(b), fr_jv_type(a));
    return fr_jr_fail(r, "unsupported operand type(s) for %s: '%s' and '%s'", NAMES[op],
                      fr_jv_type(a), fr_jv_type(b));
}

fr_jv fr_jv_negate(fr_jr *r, fr_jv a, bool minus)
{
    if (a.kind == FR_JV_UNDEFINED)
        return use_undefined(r, a);
    if (!fr_jv_is_number(a))
        return fr_jr_fail(r, "bad operand type for unary %c: '%s'", minus ? '-' : '+',
                          fr_jv_type(a));
    if (a.kind == FR_JV_FLOAT)
        return fr_jv_f64(minus ? -a.f : a.f);
    return minus ? int_arith(r, FR_JO_SUB, 0, whole(a)) : fr_jv_int(whole(a));
}

bool fr_jv_to_i64(fr_jr *r, fr_jv v, int64_t *out)
{
    if (v.kind == FR_JV_UNDEFINED) {
        use_undefined(r, v);
        return false;
    }
    if (v.kind != FR_JV_INT && v.kind != FR_JV_BOOL) {
        fr_jr_fail(r, "'%s' object cannot be interpreted as an integer", fr_jv_type(v));
        return false;
    }
    *out = whole(v);
    return true;
}

/* ---- attributes and subscripts
 * -------------------------------------------------------------------------- */

/* How Jinja2 speaks of an object. */
static const char *object_name(fr_jv v, char out[80])
{
    snprintf(out, 80, v.kind == FR_JV_NONE ? "None" : "%s object", fr_jv_type(v));
    return out;
}

static fr_jv no_attribute(fr_jr *r, fr_jv of, fr_str name)
{
    char object[80];
    return fr_jv_undefined_of(r, "'%s' has no attribute '%.*s'", object_name(of, object),
                              FR_STR_F(name));
}

/* A real attribute of the object (not an item): FR_JV_MISSING when there is none. */
static fr_jv own_attribute(fr_jr *r, fr_jv of, fr_str name)
{
    if (of.kind == FR_JV_NAMESPACE) {
        const fr_jv *value = fr_jv_find_text(of.dict, name);
        return value != NULL ? *value : FR_JV_ABSENT;
    }
    if (of.kind == FR_JV_LOOP) {
        fr_jv value = fr_jr_loop_attribute(r, of, name);
        if (value.kind != FR_JV_MISSING)
            return value;
    }
    if (of.kind == FR_JV_CYCLER && fr_str_is(name, "current"))
        return of.ring->items.at[of.ring->at];
    if (of.kind == FR_JV_MACRO && fr_str_is(name, "name"))
        return fr_jv_str(of.macro->name);
    if (of.kind == FR_JV_TUPLE && of.part != 0 && of.list->n == 2) { /* of groupby */
        if (fr_str_is(name, "grouper"))
            return of.list->at[0];
        if (fr_str_is(name, "list"))
            return of.list->at[1];
    }
    const fr_jinja_row *row = fr_jinja_method(of, name);
    if (row != NULL) {
        fr_jv_method *m = fr_jm_alloc(&r->mem, sizeof(*m));
        *m = (fr_jv_method){ .row = row, .object = of };
        return (fr_jv){ .kind = FR_JV_METHOD, .method = m };
    }
    if (fr_jinja_unsafe(of, name))
        return fr_jv_undefined_of(r, "access to attribute '%.*s' of '%s' object is unsafe.",
                                  FR_STR_F(name), fr_jv_type(of));
    return FR_JV_ABSENT;
}

/* obj[key]: FR_JV_MISSING when Python raises LookupError or TypeError. */
static fr_jv own_item(fr_jr *r, fr_jv of, fr_jv key)
{
    if (of.kind == FR_JV_DICT) {
        if (!fr_jv_hashable(key))
            return FR_JV_ABSENT;
        const fr_jv *value = fr_jv_find(r, of.dict, key);
        return value != NULL ? *value : FR_JV_ABSENT;
    }
    bool indexed = is_sequence(of) || of.kind == FR_JV_RANGE;
    if (!indexed || (key.kind != FR_JV_INT && key.kind != FR_JV_BOOL))
        return FR_JV_ABSENT;
    int64_t n = fr_jv_length(of), i = whole(key);
    if (i < 0)
        i += n;
    if (i < 0 || i >= n)
        return FR_JV_ABSENT;
    if (of.kind == FR_JV_RANGE)
        return fr_jv_int(fr_jv_range_at(of.range, i));
    if (of.kind != FR_JV_STR)
        return of.list->at[i];
    fr_jr_step(r, of.n / 64);
    size_t at = fr_jt_offset(fr_jv_bytes(of), (size_t)i);
    fr_str rest = { of.at + at, of.n - at };
    return fr_jv_str((fr_str){ rest.at, fr_jt_offset(rest, 1) });
}

fr_jv fr_jv_attribute(fr_jr *r, fr_jv of, fr_str name)
{
    if (of.kind == FR_JV_UNDEFINED)
        return use_undefined(r, of);
    fr_jv value = own_attribute(r, of, name);
    if (value.kind == FR_JV_MISSING)
        value = own_item(r, of, fr_jv_str(name));
    return value.kind != FR_JV_MISSING ? value : no_attribute(r, of, name);
}

fr_jv fr_jv_item(fr_jr *r, fr_jv of, fr_jv key)
{
    if (of.kind == FR_JV_UNDEFINED)
        return use_undefined(r, of);
    fr_jv value = own_item(r, of, key);
    if (value.kind == FR_JV_MISSING && key.kind == FR_JV_STR) {
        value = own_attribute(r, of, fr_jv_bytes(key));
        if (value.kind == FR_JV_MISSING)
            return no_attribute(r, of, fr_jv_bytes(key));
    }
    if (value.kind != FR_JV_MISSING)
        return value;
    char object[80];
    fr_jb b = { 0 };
    fr_jv_repr(r, &b, key);
    return fr_jv_undefined_of(r, "%s has no element %.*s", object_name(of, object),
                              FR_STR_F(fr_jb_bytes(&b)));
}

/* Where a slice begins or ends, as Python's slice.indices(). */
static int64_t slice_end(fr_jr *r, fr_jv v, int64_t otherwise, int64_t n, int64_t step)
{
    int64_t i = 0;
    if (v.kind == FR_JV_NONE)
        return otherwise;
    if (!fr_jv_to_i64(r, v, &i))
        return 0;
    if (i < 0) {
        i += n;
        if (i < 0)
            i = step < 0 ? -1 : 0;
    } else if (i >= n) {
        i = step < 0 ? n - 1 : n;
    }
    return i;
}

fr_jv fr_jv_slice(fr_jr *r, fr_jv of, fr_jv start_v, fr_jv stop_v, fr_jv step_v)
{
    if (of.kind == FR_JV_UNDEFINED)
        return use_undefined(r, of);
    if (of.kind == FR_JV_DICT)
        return fr_jr_fail(r, "unhashable type: 'slice'");
    if (!is_sequence(of) && of.kind != FR_JV_RANGE)
        return fr_jr_fail(r, "'%s' object is not subscriptable", fr_jv_type(of));
    int64_t n = fr_jv_length(of), step = 1;
    if (step_v.kind != FR_JV_NONE && !fr_jv_to_i64(r, step_v, &step))
        return FR_JV_NOTHING;
    if (step == 0)
        return fr_jr_fail(r, "slice step cannot be zero");
    int64_t start = slice_end(r, start_v, step < 0 ? n - 1 : 0, n, step);
    int64_t stop = slice_end(r, stop_v, step < 0 ? -1 : n, n, step);
    if (r->code != 0)
        return FR_JV_NOTHING;
    if (of.kind == FR_JV_STR && step == 1) {
        fr_jr_step(r, of.n / 64);
        fr_str s = fr_jv_bytes(of);
        size_t from = fr_jt_offset(s, (size_t)start);
        fr_str rest = { s.at + from, s.n - from };
        fr_jv part = fr_jv_str(
            (fr_str){ rest.at, fr_jt_offset(rest, (size_t)FR_MAX(stop - start, (int64_t)0)) });
        part.markup = of.markup;
        return part;
    }
    if (of.kind == FR_JV_RANGE) {
        step = FR_MAX(FR_MIN(step, n + 1), -n - 1); /* a longer one takes the first item as well */
        int64_t far = step > 0 ? stop - start : start - stop, by = step > 0 ? step : -step;
        fr_jv_range *part = fr_jm_alloc(&r->mem, sizeof(*part));
        *part = (fr_jv_range){ .start = fr_jv_range_at(of.range, start),
                               .stop = fr_jv_range_at(of.range, stop),
                               .step = (int64_t)((uint64_t)of.range->step * (uint64_t)step),
                               .n = far > 0 ? (size_t)((far - 1) / by + 1) : 0 };
        return (fr_jv){ .kind = FR_JV_RANGE, .range = part };
    }
    fr_jb b = { 0 };
    fr_jv from = of, list = FR_JV_NOTHING;
    if (of.kind == FR_JV_STR)
        from = fr_jv_listed(r, of);
    if (of.kind != FR_JV_STR)
        list = fr_jv_list_new(r, of.kind);
    for (int64_t i = start; (step < 0 ? i > stop : i < stop) && fr_jr_step(r, 1);) {
        if (of.kind == FR_JV_STR)
            fr_jb_put(r, &b, fr_jv_bytes(from.list->at[i]));
        else
            fr_jv_push(r, list, from.list->at[i]);
        if (__builtin_add_overflow(i, step, &i))
            break;
    }
    return of.kind == FR_JV_STR ? fr_jb_str(&b) : list;
}

/* ---- sorting
 * ------------------------------------------------------------------------------------------------
 */

/* Merge sort: stable, and n log n whatever a template does. */
void fr_jv_sort(fr_jr *r, fr_jv *items, fr_jv *keys, size_t n, bool reverse)
{
    if (n < 2)
        return;
    fr_jv *spare = fr_jm_alloc(&r->mem, 2 * n * sizeof(*spare));
    if (spare == NULL) {
        fr_jr_limit(r, "rendering needs more than %zu MiB of memory",
                    r->t->options.memory_bytes >> 20);
        return;
    }
    fr_jv *spare_keys = spare + n;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t from = 0; from < n && fr_jr_step(r, 1); from += 2 * width) {
            size_t middle = FR_MIN(from + width, n), end = FR_MIN(from + 2 * width, n);
            size_t a = from, b = middle;
            for (size_t to = from; to < end; to++) {
                bool left = b >= end;
                if (!left && a < middle)
                    left = reverse ? !(fr_jv_order(r, keys[a], keys[b], "<") == -1)
                                   : !(fr_jv_order(r, keys[b], keys[a], "<") == -1);
                size_t take = left ? a++ : b++;
                spare[to] = items[take];
                spare_keys[to] = keys[take];
            }
        }
        if (r->code != 0)
            return;
        memcpy(items, spare, n * sizeof(*items));
        memcpy(keys, spare_keys, n * sizeof(*keys));
    }
}
