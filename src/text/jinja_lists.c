/* The filters of Jinja2 that take or give sequences. */
#include <string.h>

#include "text/jinja_priv.h"

#define FILTER(name) static fr_jv name(fr_jr *r, fr_jv v, const fr_jv *arg, const fr_jargs *args)
#define UNUSED       (void)r, (void)v, (void)arg, (void)args

FILTER(do_list)
{
    UNUSED;
    return fr_jv_listed(r, v);
}

FILTER(do_first)
{
    UNUSED;
    fr_jv item;
    fr_jv_iter *it = fr_jv_walk(r, v);
    if (it != NULL && fr_ji_next(r, it, &item))
        return item;
    return fr_jv_undefined_of(r, "No first item, sequence was empty.");
}

/* What reversed() gives. */
static fr_jv backwards(fr_jr *r, fr_jv v)
{
    fr_jv from = v;
    if (v.kind == FR_JV_STR)
        from = fr_jv_listed(r, v);
    if (r->code != 0)
        return v;
    fr_jv_iter *it = fr_ji_new(r, FR_JI_INDEXED, from);
    it->backwards = true;
    it->type = "list_reverseiterator";
    return fr_ji_value(it);
}

FILTER(do_last)
{
    UNUSED;
    fr_jv item;
    if (fr_jr_strict(r, v))
        return fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
    if (fr_jv_length(v) < 0)
        return fr_jr_fail(r, "'%s' object is not reversible", fr_jv_type(v));
    if (v.kind != FR_JV_UNDEFINED && fr_ji_next(r, backwards(r, v).iter, &item))
        return item;
    return fr_jv_undefined_of(r, "No last item, sequence was empty.");
}

FILTER(do_reverse)
{
    UNUSED;
    if (v.kind == FR_JV_STR) {
        fr_jv step = fr_jv_int(-1);
        const fr_jv open = FR_JV_NOTHING;
        return fr_jv_slice(r, v, open, open, step);
    }
    if (!fr_jv_walkable(v))
        return fr_jr_fail(r, "argument must be iterable");
    if (v.kind == FR_JV_ITER || v.kind == FR_JV_UNDEFINED)
        v = fr_jv_listed(r, v);
    return backwards(r, v);
}

FILTER(do_items)
{
    UNUSED;
    fr_jv_iter *it = fr_ji_new(r, FR_JI_INDEXED, v);
    if (v.kind == FR_JV_DICT)
        it->of = (fr_jv){ .kind = FR_JV_VIEW, .part = FR_JV_ITEMS, .dict = v.dict };
    else if (v.kind != FR_JV_UNDEFINED)
        return fr_jr_fail(r, "Can only get item pairs from a mapping.");
    return fr_ji_value(it);
}

FILTER(do_join)
{
    UNUSED;
    fr_jb b = { 0 };
    fr_jv item;
    fr_str by = fr_jarg_given(arg[0]) ? fr_jv_text(r, arg[0]) : FR_STR("");
    fr_jv_iter *it = fr_jv_walk(r, v);
    for (size_t i = 0; it != NULL && fr_ji_next(r, it, &item); i++) {
        if (i != 0)
            fr_jb_put(r, &b, by);
        fr_jv_print(r, &b, fr_jv_path(r, item, arg[1], FR_JV_ABSENT));
    }
    return fr_jb_str(&b);
}

/* ---- sorting and grouping
 * --------------------------------------------------------------------------- */

static fr_jv sort_key(fr_jr *r, fr_jv item, fr_jv attribute, bool fold, fr_jv otherwise)
{
    fr_jv key = fr_jv_path(r, item, attribute, otherwise);
    return fold ? fr_jv_ignore_case(r, key) : key;
}

FILTER(do_sort)
{
    UNUSED;
    bool reverse = fr_jarg_bool(r, arg[0], false), fold = !fr_jarg_bool(r, arg[1], false);
    fr_jv items = fr_jv_listed(r, v), keys = fr_jv_list_new(r, FR_JV_LIST);
    for (size_t i = 0; i < items.list->n && fr_jr_step(r, 1); i++) {
        fr_jv key = fr_jv_list_new(r, FR_JV_LIST); /* "a,b": one key after the other */
        if (arg[2].kind == FR_JV_STR) {
            fr_str rest = fr_jv_bytes(arg[2]), part = { 0 };
            while (fr_str_next(&rest, ',', &part))
                fr_jv_push(r, key,
                           sort_key(r, items.list->at[i], fr_jv_str(part), fold, FR_JV_ABSENT));
        } else {
            fr_jv_push(r, key, sort_key(r, items.list->at[i], arg[2], fold, FR_JV_ABSENT));
        }
        fr_jv_push(r, keys, key);
    }
    if (r->code == 0)
        fr_jv_sort(r, items.list->at, keys.list->at, items.list->n, reverse);
    return items;
}

FILTER(do_dictsort)
{
    UNUSED;
    bool fold = !fr_jarg_bool(r, arg[0], false), reverse = fr_jarg_bool(r, arg[2], false);
    fr_str by = fr_jarg_given(arg[1]) ? fr_jarg_text(r, arg[1], "dictsort") : FR_STR("key");
    if (r->code == 0 && !fr_str_is(by, "key") && !fr_str_is(by, "value"))
        return fr_jr_fail(r, "You can only sort by either \"key\" or \"value\"");
    if (v.kind != FR_JV_DICT)
        return v.kind == FR_JV_UNDEFINED
                   ? fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message))
                   : fr_jr_fail(r, "'%s' object has no attribute 'items'", fr_jv_type(v));
    fr_jv items = fr_jv_list_new(r, FR_JV_LIST), keys = fr_jv_list_new(r, FR_JV_LIST);
    for (size_t i = 0; i < v.dict->n && fr_jr_step(r, 1); i++) {
        fr_jv key = fr_str_is(by, "key") ? v.dict->keys[i] : v.dict->values[i];
        fr_jv_push(r, items, fr_jv_pair(r, v.dict->keys[i], v.dict->values[i]));
        fr_jv_push(r, keys, fold ? fr_jv_ignore_case(r, key) : key);
    }
    if (r->code == 0)
        fr_jv_sort(r, items.list->at, keys.list->at, items.list->n, reverse);
    return items;
}

FILTER(do_groupby)
{
    UNUSED;
    bool fold = !fr_jarg_bool(r, arg[2], false);
    fr_jv items = fr_jv_listed(r, v), keys = fr_jv_list_new(r, FR_JV_LIST);
    fr_jv groups = fr_jv_list_new(r, FR_JV_LIST);
    for (size_t i = 0; i < items.list->n && fr_jr_step(r, 1); i++)
        fr_jv_push(r, keys, sort_key(r, items.list->at[i], arg[0], fold, arg[1]));
    if (r->code == 0)
        fr_jv_sort(r, items.list->at, keys.list->at, items.list->n, false);
    fr_jv group = FR_JV_NOTHING;
    for (size_t i = 0; i < items.list->n && r->code == 0; i++) {
        if (i == 0 || !fr_jv_equal(r, keys.list->at[i - 1], keys.list->at[i])) {
            fr_jv key = fold ? fr_jv_path(r, items.list->at[i], arg[0], arg[1]) : keys.list->at[i];
            group = fr_jv_list_new(r, FR_JV_LIST);
            fr_jv pair = fr_jv_pair(r, key, group);
            pair.part = 1; /* has .grouper and .list */
            fr_jv_push(r, groups, pair);
        }
        fr_jv_push(r, group, items.list->at[i]);
    }
    return groups;
}

static fr_jv extreme(fr_jr *r, fr_jv v, const fr_jv *arg, bool most)
{
    fr_jv best = FR_JV_ABSENT, best_key = FR_JV_ABSENT, item;
    bool fold = !fr_jarg_bool(r, arg[0], false);
    fr_jv_iter *it = fr_jv_walk(r, v);
    while (it != NULL && fr_ji_next(r, it, &item)) {
        fr_jv key = sort_key(r, item, arg[1], fold, FR_JV_ABSENT);
        bool better = best.kind == FR_JV_MISSING;
        if (!better && r->code == 0)
            better = most ? fr_jv_compare(r, FR_JC_GT, key, best_key)
                          : fr_jv_compare(r, FR_JC_LT, key, best_key);
        if (better) {
            best = item;
            best_key = key;
        }
    }
    return best.kind != FR_JV_MISSING
               ? best
               : fr_jv_undefined_of(r, "No aggregated item, sequence was empty.");
}

FILTER(do_min)
{
    UNUSED;
    return extreme(r, v, arg, false);
}

FILTER(do_max)
{
    UNUSED;
    return extreme(r, v, arg, true);
}

FILTER(do_sum)
{
    UNUSED;
    fr_jv sum = fr_jarg_given(arg[1]) ? arg[1] : fr_jv_int(0), item;
    fr_jv_iter *it = fr_jv_walk(r, v);
    if (sum.kind == FR_JV_STR)
        return fr_jr_fail(r, "sum() can't sum strings [use ''.join(seq) instead]");
    while (it != NULL && fr_ji_next(r, it, &item))
        sum = fr_jv_arith(r, FR_JO_ADD, sum, fr_jv_path(r, item, arg[0], FR_JV_ABSENT));
    return sum;
}

/* ---- generators
 * ----------------------------------------------------------------------------------------- */

FILTER(do_unique)
{
    UNUSED;
    fr_jv_iter *it = fr_ji_new(r, FR_JI_UNIQUE, v);
    it->fold = !fr_jarg_bool(r, arg[0], false);
    it->attribute = arg[1];
    it->seen = fr_jv_dict_new(r).dict;
    return fr_ji_value(it);
}

FILTER(do_batch)
{
    UNUSED;
    fr_jv_iter *it = fr_ji_new(r, FR_JI_BATCH, v);
    it->count = fr_jarg_i64(r, arg[0], 1);
    it->otherwise = arg[1];
    return fr_ji_value(it);
}

FILTER(do_slice)
{
    UNUSED;
    fr_jv_iter *it = fr_ji_new(r, FR_JI_SLICE, v);
    it->count = fr_jarg_i64(r, arg[0], 1);
    it->otherwise = arg[1];
    if (it->count == 0)
        return fr_jr_fail(r, "integer division or modulo by zero");
    return fr_ji_value(it);
}

FILTER(do_map)
{
    UNUSED;
    fr_jv_iter *it = fr_ji_new(r, FR_JI_MAP, v);
    bool by_attribute = false;
    for (size_t i = 0; i < args->n_named; i++)
        by_attribute |= args->n == 0 && fr_str_is(args->names[i], "attribute");
    for (size_t i = 0; by_attribute && i < args->n_named; i++) {
        if (fr_str_is(args->names[i], "attribute")) {
            it->by_attribute = true;
            it->attribute = args->named[i];
        } else if (fr_str_is(args->names[i], "default")) {
            it->otherwise = args->named[i];
        } else {
            return fr_jr_fail(r, "Unexpected keyword argument '%.*s'", FR_STR_F(args->names[i]));
        }
    }
    if (it->by_attribute && r->code == 0)
        return fr_ji_value(it);
    if (args->n == 0)
        return fr_jr_fail(r, "map requires a filter argument");
    fr_str name = fr_jarg_text(r, args->at[0], "map");
    it->row = fr_jinja_filter(name);
    if (it->row == NULL && r->code == 0)
        return fr_jr_fail(r, "No filter named '%.*s'.", FR_STR_F(name));
    it->args = *args;
    it->args.at++;
    it->args.n--;
    return fr_ji_value(it);
}

static fr_jv select_items(fr_jr *r, fr_jv v, const fr_jargs *args, bool by_attribute, bool reject)
{
    fr_jv_iter *it = fr_ji_new(r, FR_JI_SELECT, v);
    size_t skip = by_attribute ? 1 : 0;
    it->by_attribute = by_attribute;
    it->reject = reject;
    if (args->n < skip)
        return fr_jr_fail(r, "Missing parameter for attribute name");
    if (by_attribute)
        it->attribute = args->at[0];
    it->plain = args->n == skip;
    if (it->plain)
        return fr_ji_value(it);
    fr_str name = fr_jarg_text(r, args->at[skip], "select");
    it->row = fr_jinja_test(name);
    if (it->row == NULL && r->code == 0)
        return fr_jr_fail(r, "No test named '%.*s'.", FR_STR_F(name));
    it->args = *args;
    it->args.at += skip + 1;
    it->args.n -= skip + 1;
    return fr_ji_value(it);
}

FILTER(do_select)
{
    UNUSED;
    return select_items(r, v, args, false, false);
}

FILTER(do_reject)
{
    UNUSED;
    return select_items(r, v, args, false, true);
}

FILTER(do_selectattr)
{
    UNUSED;
    return select_items(r, v, args, true, false);
}

FILTER(do_rejectattr)
{
    UNUSED;
    return select_items(r, v, args, true, true);
}

const fr_jinja_row FR_JINJA_LIST_FILTERS[] = {
    { "batch", do_batch, "linecount fill_with", 1 },
    { "dictsort", do_dictsort, "case_sensitive by reverse", 0 },
    { "first", do_first, "", 0 },
    { "groupby", do_groupby, "attribute default case_sensitive", 1 },
    { "items", do_items, "", 0 },
    { "join", do_join, "d attribute", 0 },
    { "last", do_last, "", 0 },
    { "list", do_list, "", 0 },
    { "map", do_map, "*", 0 },
    { "max", do_max, "case_sensitive attribute", 0 },
    { "min", do_min, "case_sensitive attribute", 0 },
    { "reject", do_reject, "*", 0 },
    { "rejectattr", do_rejectattr, "*", 0 },
    { "reverse", do_reverse, "", 0 },
    { "select", do_select, "*", 0 },
    { "selectattr", do_selectattr, "*", 0 },
    { "slice", do_slice, "slices fill_with", 1 },
    { "sort", do_sort, "reverse case_sensitive attribute", 0 },
    { "sum", do_sum, "attribute start", 0 },
    { "unique", do_unique, "case_sensitive attribute", 0 },
};
const size_t FR_JINJA_N_LIST_FILTERS = FR_COUNT_OF(FR_JINJA_LIST_FILTERS);
