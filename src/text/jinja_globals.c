/* The functions that every template can call, as transformers gives them. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "text/jinja_priv.h"

#define MOST_RANGE 100000 /* jinja2.sandbox.MAX_RANGE */

static fr_jv global_range(fr_jr *r, fr_jv self, const fr_jv *arg, const fr_jargs *args)
{
    int64_t start = 0, stop = 0, step = 1;
    (void)self, (void)args;
    if (!fr_jv_to_i64(r, arg[0], &start))
        return FR_JV_NOTHING;
    if (fr_jarg_given(arg[1])) {
        if (!fr_jv_to_i64(r, arg[1], &stop) ||
            (fr_jarg_given(arg[2]) && !fr_jv_to_i64(r, arg[2], &step)))
            return FR_JV_NOTHING;
    } else {
        stop = start;
        start = 0;
    }
    if (step == 0)
        return fr_jr_fail(r, "range() arg 3 must not be zero");
    __int128 far = step > 0 ? (__int128)stop - start : (__int128)start - stop;
    __int128 by = step > 0 ? (__int128)step : -(__int128)step;
    __int128 n = far > 0 ? (far + by - 1) / by : 0;
    if (n > MOST_RANGE)
        return fr_jr_fail(r, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).",
                          MOST_RANGE);
    fr_jv_range *range = fr_jm_alloc(&r->mem, sizeof(*range));
    *range = (fr_jv_range){ .start = start, .stop = stop, .step = step, .n = (size_t)n };
    return (fr_jv){ .kind = FR_JV_RANGE, .range = range };
}

/* dict(mapping or pairs, name=value…) */
static fr_jv global_dict(fr_jr *r, fr_jv self, const fr_jv *arg, const fr_jargs *args)
{
    (void)self, (void)arg;
    fr_jv dict = fr_jv_dict_new(r), item;
    if (args->n > 1)
        return fr_jr_fail(r, "dict expected at most 1 argument, got %zu", args->n);
    if (args->n == 1 && args->at[0].kind == FR_JV_DICT) {
        const fr_jv_dict *from = args->at[0].dict;
        for (size_t i = 0; i < from->n && fr_jr_step(r, 1); i++)
            fr_jv_put(r, dict.dict, from->keys[i], from->values[i]);
    } else if (args->n == 1) {
        fr_jv_iter *it = fr_jv_walk(r, args->at[0]);
        while (it != NULL && fr_ji_next(r, it, &item)) {
            fr_jv pair = fr_jv_listed(r, item);
            if (r->code != 0)
                break;
            if (pair.list->n != 2)
                return fr_jr_fail(r,
                                  "dictionary update sequence element has length %zu; 2 is "
                                  "required",
                                  pair.list->n);
            fr_jv_put(r, dict.dict, pair.list->at[0], pair.list->at[1]);
        }
    }
    for (size_t i = 0; i < args->n_named; i++)
        fr_jv_put(r, dict.dict, fr_jv_str(args->names[i]), args->named[i]);
    return dict;
}

static fr_jv global_namespace(fr_jr *r, fr_jv self, const fr_jv *arg, const fr_jargs *args)
{
    fr_jv ns = global_dict(r, self, arg, args);
    for (size_t i = 0; r->code == 0 && i < ns.dict->n; i++)
        if (ns.dict->keys[i].kind == FR_JV_STR && ns.dict->keys[i].n != 0 &&
            ns.dict->keys[i].at[0] == '_')
            return fr_jr_fail(r,
                              "Chat templates cannot store underscore-prefixed attributes on a "
                              "namespace, but got '%.*s'. Please rename the attribute.",
                              FR_STR_F(fr_jv_bytes(ns.dict->keys[i])));
    ns.kind = FR_JV_NAMESPACE;
    return ns;
}

static fr_jv ring(fr_jr *r, fr_jv_kind kind, const fr_jv *items, size_t n)
{
    fr_jv_ring *ring = fr_jm_alloc(&r->mem, sizeof(*ring));
    fr_jv list = fr_jv_list_new(r, FR_JV_LIST);
    for (size_t i = 0; i < n; i++)
        fr_jv_push(r, list, items[i]);
    ring->items = *list.list;
    return (fr_jv){ .kind = (uint8_t)kind, .ring = ring };
}

static fr_jv global_cycler(fr_jr *r, fr_jv self, const fr_jv *arg, const fr_jargs *args)
{
    (void)self, (void)arg;
    if (args->n == 0)
        return fr_jr_fail(r, "at least one item has to be provided");
    return ring(r, FR_JV_CYCLER, args->at, args->n);
}

static fr_jv global_joiner(fr_jr *r, fr_jv self, const fr_jv *arg, const fr_jargs *args)
{
    (void)self, (void)args;
    fr_jv comma = fr_jv_str(FR_STR(", "));
    return ring(r, FR_JV_JOINER, fr_jarg_given(arg[0]) ? &arg[0] : &comma, 1);
}

static fr_jv global_raise(fr_jr *r, fr_jv self, const fr_jv *arg, const fr_jargs *args)
{
    (void)self, (void)args;
    fr_str message = fr_jv_text(r, arg[0]);
    return fr_jr_fail(r, "%.*s", FR_STR_F(message));
}

static fr_jv global_strftime_now(fr_jr *r, fr_jv self, const fr_jv *arg, const fr_jargs *args)
{
    (void)self, (void)args;
    fr_str format = fr_jarg_text(r, arg[0], "strftime_now()");
    time_t now = r->t->options.now_s != 0 ? (time_t)r->t->options.now_s : time(NULL);
    struct tm local = { 0 };
    char form[512], text[1024];
    size_t n = 0;
    localtime_r(&now, &local);
    if (format.n == 0)
        return fr_jv_str(FR_STR(""));
    for (size_t i = 0; i < format.n; i++) {
        if (n + 8 >= sizeof(form))
            return fr_jr_fail(r, "a time format of more than %zu bytes", sizeof(form) - 8);
        /* a datetime without a zone prints %z and %Z as nothing; %f are microseconds */
        char c = format.at[i] == '%' && i + 1 < format.n ? format.at[i + 1] : '\0';
        if (c == 'z' || c == 'Z' || c == 'f') {
            n += (size_t)snprintf(form + n, sizeof(form) - n, "%s", c == 'f' ? "000000" : "");
            i++;
        } else {
            form[n++] = format.at[i];
            if (c != '\0')
                form[n++] = format.at[++i];
        }
    }
    form[n] = '\0';
    size_t length = strftime(text, sizeof(text), form, &local);
    fr_jb b = { 0 };
    fr_jb_put(r, &b, (fr_str){ text, length });
    return fr_jb_str(&b);
}

static const fr_jinja_row GLOBALS[] = {
    { "range", global_range, "start stop step", 1 },
    { "dict", global_dict, "*", 0 },
    { "namespace", global_namespace, "*", 0 },
    { "cycler", global_cycler, "*", 0 },
    { "joiner", global_joiner, "sep", 0 },
    { "raise_exception", global_raise, "message", 1 },
    { "strftime_now", global_strftime_now, "format", 1 },
};

const fr_jinja_row *fr_jinja_global(fr_str name)
{
    return fr_jinja_row_find(GLOBALS, FR_COUNT_OF(GLOBALS), name);
}
