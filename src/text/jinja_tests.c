/* The tests of Jinja2: `x is NAME(…)`. */
#include "text/jinja_priv.h"

#define TEST(name) static fr_jv name(fr_jr *r, fr_jv v, const fr_jv *arg, const fr_jargs *args)
#define UNUSED     (void)r, (void)v, (void)arg, (void)args

static bool divides(fr_jr *r, fr_jv v, fr_jv by, int64_t rest)
{
    fr_jv left = fr_jv_arith(r, FR_JO_MOD, v, by);
    return r->code == 0 && fr_jv_equal(r, left, fr_jv_int(rest));
}

TEST(is_odd)
{
    UNUSED;
    return fr_jv_bool(divides(r, v, fr_jv_int(2), 1));
}

TEST(is_even)
{
    UNUSED;
    return fr_jv_bool(divides(r, v, fr_jv_int(2), 0));
}

TEST(is_divisible)
{
    UNUSED;
    return fr_jv_bool(divides(r, v, arg[0], 0));
}

TEST(is_defined)
{
    UNUSED;
    return fr_jv_bool(v.kind != FR_JV_UNDEFINED);
}

TEST(is_undefined)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_UNDEFINED);
}

TEST(is_filter)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_STR && fr_jinja_filter(fr_jv_bytes(v)) != NULL);
}

TEST(is_test)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_STR && fr_jinja_test(fr_jv_bytes(v)) != NULL);
}

TEST(is_none)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_NONE);
}

TEST(is_boolean)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_BOOL);
}

TEST(is_true)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_BOOL && v.truth);
}

TEST(is_false)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_BOOL && !v.truth);
}

TEST(is_integer)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_INT);
}

TEST(is_float)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_FLOAT);
}

TEST(is_number)
{
    UNUSED;
    return fr_jv_bool(fr_jv_is_number(v));
}

TEST(is_string)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_STR);
}

TEST(is_mapping)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_DICT);
}

/* Undefined has no __getitem__ that tells anything: it has a length and counts as one. */
TEST(is_sequence)
{
    UNUSED;
    return fr_jv_bool((v.kind >= FR_JV_STR && v.kind <= FR_JV_RANGE) ||
                      (v.kind == FR_JV_UNDEFINED && !fr_jr_strict(r, v)));
}

TEST(is_iterable)
{
    UNUSED;
    return fr_jv_bool(fr_jv_walkable(v) || v.kind == FR_JV_LOOP);
}

TEST(is_callable)
{
    UNUSED;
    return fr_jv_bool(v.kind == FR_JV_MACRO || v.kind == FR_JV_FUNCTION || v.kind == FR_JV_METHOD ||
                      v.kind == FR_JV_JOINER || v.kind == FR_JV_LOOP || v.kind == FR_JV_UNDEFINED);
}

TEST(is_lower)
{
    UNUSED;
    return fr_jv_bool(fr_jt_is(fr_jv_text(r, v), FR_JT_IS_LOWER));
}

TEST(is_upper)
{
    UNUSED;
    return fr_jv_bool(fr_jt_is(fr_jv_text(r, v), FR_JT_IS_UPPER));
}

TEST(is_escaped)
{
    UNUSED;
    return fr_jv_bool(v.markup);
}

TEST(is_same)
{
    UNUSED;
    if (v.kind != arg[0].kind)
        return fr_jv_bool(false);
    switch ((fr_jv_kind)v.kind) {
    case FR_JV_LIST:
    case FR_JV_TUPLE:
    case FR_JV_DICT:
    case FR_JV_NAMESPACE:
        return fr_jv_bool(v.at == arg[0].at);
    default:
        return fr_jv_bool(fr_jv_equal(r, v, arg[0]));
    }
}

TEST(is_in)
{
    UNUSED;
    return fr_jv_bool(fr_jv_contains(r, arg[0], v));
}

TEST(is_eq)
{
    UNUSED;
    return fr_jv_bool(fr_jv_compare(r, FR_JC_EQ, v, arg[0]));
}

TEST(is_ne)
{
    UNUSED;
    return fr_jv_bool(fr_jv_compare(r, FR_JC_NE, v, arg[0]));
}

TEST(is_gt)
{
    UNUSED;
    return fr_jv_bool(fr_jv_compare(r, FR_JC_GT, v, arg[0]));
}

TEST(is_ge)
{
    UNUSED;
    return fr_jv_bool(fr_jv_compare(r, FR_JC_GE, v, arg[0]));
}

TEST(is_lt)
{
    UNUSED;
    return fr_jv_bool(fr_jv_compare(r, FR_JC_LT, v, arg[0]));
}

TEST(is_le)
{
    UNUSED;
    return fr_jv_bool(fr_jv_compare(r, FR_JC_LE, v, arg[0]));
}

static const fr_jinja_row TESTS[] = {
    { "odd", is_odd, "", 0 },
    { "even", is_even, "", 0 },
    { "divisibleby", is_divisible, "num", 1 },
    { "defined", is_defined, "", 0 },
    { "undefined", is_undefined, "", 0 },
    { "filter", is_filter, "", 0 },
    { "test", is_test, "", 0 },
    { "none", is_none, "", 0 },
    { "boolean", is_boolean, "", 0 },
    { "true", is_true, "", 0 },
    { "false", is_false, "", 0 },
    { "integer", is_integer, "", 0 },
    { "float", is_float, "", 0 },
    { "number", is_number, "", 0 },
    { "string", is_string, "", 0 },
    { "mapping", is_mapping, "", 0 },
    { "sequence", is_sequence, "", 0 },
    { "iterable", is_iterable, "", 0 },
    { "callable", is_callable, "", 0 },
    { "lower", is_lower, "", 0 },
    { "upper", is_upper, "", 0 },
    { "escaped", is_escaped, "", 0 },
    { "sameas", is_same, "other", 1 },
    { "in", is_in, "seq", 1 },
    { "==", is_eq, "other", 1 },
    { "eq", is_eq, "other", 1 },
    { "equalto", is_eq, "other", 1 },
    { "!=", is_ne, "other", 1 },
    { "ne", is_ne, "other", 1 },
    { ">", is_gt, "other", 1 },
    { "gt", is_gt, "other", 1 },
    { "greaterthan", is_gt, "other", 1 },
    { ">=", is_ge, "other", 1 },
    { "ge", is_ge, "other", 1 },
    { "<", is_lt, "other", 1 },
    { "lt", is_lt, "other", 1 },
    { "lessthan", is_lt, "other", 1 },
    { "<=", is_le, "other", 1 },
    { "le", is_le, "other", 1 },
};

const fr_jinja_row *fr_jinja_test(fr_str name)
{
    return fr_jinja_row_find(TESTS, FR_COUNT_OF(TESTS), name);
}
