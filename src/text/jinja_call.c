/* Calls: arguments to parameters, and what can be called. */
#include <string.h>

#include "text/jinja_priv.h"

const fr_jinja_row *fr_jinja_row_find(const fr_jinja_row *rows, size_t n, fr_str name)
{
    for (size_t i = 0; i < n; i++)
        if (fr_str_is(name, rows[i].name))
            return &rows[i];
    return NULL;
}

/* The place of a parameter in "a b c"; -1: none of that name. */
static int place_of(const char *params, fr_str name)
{
    fr_str rest = fr_str_of(params), param = { 0 };
    for (int i = 0; rest.n != 0 && fr_str_next(&rest, ' ', &param); i++)
        if (fr_str_equal(param, name))
            return i;
    return -1;
}

static size_t n_params(const char *params)
{
    size_t n = *params != '\0' ? 1 : 0;
    for (const char *c = params; *c != '\0'; c++)
        n += *c == ' ';
    return n;
}

fr_jv fr_jinja_run_row(fr_jr *r, const fr_jinja_row *row, fr_jv self, const fr_jargs *args)
{
    fr_jv arg[FR_JINJA_PARAMS];
    fr_jr_step(r, 1);
    for (size_t i = 0; i < FR_JINJA_PARAMS; i++)
        arg[i] = FR_JV_ABSENT;
    if (r->code != 0)
        return FR_JV_NOTHING;
    if (row->params[0] == '*')
        return row->run(r, self, arg, args);
    size_t most = n_params(row->params);
    if (args->n > most)
        return fr_jr_fail(r, "%s() takes at most %zu argument(s) (%zu given)", row->name, most,
                          args->n);
    for (size_t i = 0; i < args->n; i++)
        arg[i] = args->at[i];
    for (size_t i = 0; i < args->n_named; i++) {
        int place = place_of(row->params, args->names[i]);
        if (place < 0)
            return fr_jr_fail(r, "%s() got an unexpected keyword argument '%.*s'", row->name,
                              FR_STR_F(args->names[i]));
        if (arg[place].kind != FR_JV_MISSING)
            return fr_jr_fail(r, "%s() got multiple values for argument '%.*s'", row->name,
                              FR_STR_F(args->names[i]));
        arg[place] = args->named[i];
    }
    for (size_t i = 0; i < row->n_required; i++)
        if (arg[i].kind == FR_JV_MISSING)
            return fr_jr_fail(r, "%s() missing a required argument", row->name);
    return row->run(r, self, arg, args);
}

int64_t fr_jarg_i64(fr_jr *r, fr_jv arg, int64_t otherwise)
{
    int64_t value = otherwise;
    if (fr_jarg_some(arg))
        fr_jv_to_i64(r, arg, &value);
    return value;
}

bool fr_jarg_bool(fr_jr *r, fr_jv arg, bool otherwise)
{
    return fr_jarg_given(arg) ? fr_jv_truth(r, arg) : otherwise;
}

fr_str fr_jarg_text(fr_jr *r, fr_jv arg, const char *whose)
{
    if (arg.kind == FR_JV_STR)
        return fr_jv_bytes(arg);
    if (arg.kind == FR_JV_UNDEFINED)
        fr_jr_fail(r, "%.*s", FR_STR_F(arg.undefined->message));
    else
        fr_jr_fail(r, "%s: expected a string, not %s", whose, fr_jv_type(arg));
    return FR_STR("");
}

fr_jv fr_jv_call(fr_jr *r, fr_jv callee, const fr_jargs *args)
{
    switch ((fr_jv_kind)callee.kind) {
    case FR_JV_UNDEFINED:
        return fr_jr_fail(r, "%.*s", FR_STR_F(callee.undefined->message));
    case FR_JV_MACRO:
        return fr_jr_call_macro(r, callee.macro, args);
    case FR_JV_FUNCTION:
        return fr_jinja_run_row(r, callee.row, FR_JV_ABSENT, args);
    case FR_JV_METHOD:
        return fr_jinja_run_row(r, callee.method->row, callee.method->object, args);
    case FR_JV_LOOP:
        if (args->n != 1)
            return fr_jr_fail(r, "loop() takes one argument");
        return fr_jr_recurse(r, callee.loop, args->at[0]);
    case FR_JV_JOINER:
        if (callee.ring->at++ == 0)
            return fr_jv_str(FR_STR(""));
        return callee.ring->items.at[0];
    default:
        return fr_jr_fail(r, "'%s' object is not callable", fr_jv_type(callee));
    }
}
