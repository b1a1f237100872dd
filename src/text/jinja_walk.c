/* Walking over values, one by one: lists and the like, and the generators that filters give. */
#include <string.h>

#include "text/jinja_priv.h"
#include "text/utf8.h"

bool fr_jv_walkable(fr_jv v)
{
    return (v.kind >= FR_JV_STR && v.kind <= FR_JV_ITER) || v.kind == FR_JV_UNDEFINED;
}

static fr_jv_iter *iter_new(fr_jr *r, fr_ji_kind kind, const char *type)
{
    fr_jv_iter *it = fr_jm_alloc(&r->mem, sizeof(*it));
    it->kind = kind;
    it->type = type;
    return it;
}

fr_jv_iter *fr_jv_walk(fr_jr *r, fr_jv v)
{
    if (v.kind == FR_JV_ITER)
        return v.iter;
    if (fr_jr_strict(r, v))
        fr_jr_fail(r, "%.*s", FR_STR_F(v.undefined->message));
    if (!fr_jv_walkable(v)) {
        fr_jr_fail(r, "'%s' object is not iterable", fr_jv_type(v));
        return NULL;
    }
    fr_jv_iter *it = iter_new(r, FR_JI_INDEXED, "iterator");
    it->of = v;
    return it;
}

fr_jv_iter *fr_ji_new(fr_jr *r, fr_ji_kind kind, fr_jv over)
{
    fr_jv_iter *it = iter_new(r, kind, "generator");
    it->of = over;
    it->attribute = FR_JV_ABSENT;
    it->otherwise = FR_JV_ABSENT;
    return it;
}

fr_jv fr_ji_value(fr_jv_iter *it)
{
    return (fr_jv){ .kind = FR_JV_ITER, .iter = it };
}

static fr_jv view_item(fr_jr *r, fr_jv v, size_t i)
{
    if (v.kind == FR_JV_DICT || v.part == FR_JV_KEYS)
        return v.dict->keys[i];
    return v.part == FR_JV_VALUES ? v.dict->values[i]
                                  : fr_jv_pair(r, v.dict->keys[i], v.dict->values[i]);
}

static bool next_indexed(fr_jr *r, fr_jv_iter *it, fr_jv *out)
{
    fr_jv of = it->of;
    if (of.kind == FR_JV_STR) { /* `at` counts bytes */
        if (it->at >= of.n)
            return false;
        uint32_t c = 0;
        size_t step = fr_utf8_next((fr_str){ of.at + it->at, of.n - it->at }, &c);
        *out = fr_jv_str((fr_str){ of.at + it->at, step });
        it->at += step;
        return true;
    }
    size_t n = (size_t)fr_jv_length(of);
    if (it->at >= n)
        return false;
    size_t i = it->backwards ? n - 1 - it->at : it->at;
    it->at++;
    if (of.kind == FR_JV_LIST || of.kind == FR_JV_TUPLE)
        *out = of.list->at[i];
    else if (of.kind == FR_JV_RANGE)
        *out = fr_jv_int(fr_jv_range_at(of.range, (int64_t)i));
    else
        *out = view_item(r, of, i);
    return true;
}

/* The part of a path between dots: a number counts as one. */
static fr_jv path_part(fr_str part)
{
    long long i = 0;
    bool digits = part.n != 0;
    for (size_t k = 0; k < part.n; k++)
        digits = digits && part.at[k] >= '0' && part.at[k] <= '9';
    return digits && fr_str_to_i64(part, &i) ? fr_jv_int(i) : fr_jv_str(part);
}

fr_jv fr_jv_path(fr_jr *r, fr_jv of, fr_jv path, fr_jv otherwise)
{
    if (path.kind == FR_JV_MISSING || path.kind == FR_JV_NONE)
        return of;
    bool parted = path.kind == FR_JV_STR, first = true;
    fr_str rest = parted ? fr_jv_bytes(path) : (fr_str){ NULL, 0 }, part = { 0 };
    if (parted && rest.n == 0)
        return fr_jv_item(r, of, path);
    while (r->code == 0 && (parted ? fr_str_next(&rest, '.', &part) : first)) {
        first = false;
        of = fr_jv_item(r, of, parted ? path_part(part) : path);
        if (of.kind == FR_JV_UNDEFINED && otherwise.kind != FR_JV_MISSING &&
            otherwise.kind != FR_JV_NONE)
            of = otherwise;
    }
    return of;
}

fr_jv fr_jv_ignore_case(fr_jr *r, fr_jv v)
{
    return v.kind == FR_JV_STR ? fr_jt_recase(r, fr_jv_bytes(v), FR_JT_LOWER) : v;
}

static bool draw(fr_jr *r, fr_jv_iter *it, fr_jv *out)
{
    if (it->from == NULL && it->of.kind != FR_JV_MISSING) {
        /* a generator looks at what it was given when it is first asked */
        fr_jv of = it->of;
        it->of = FR_JV_ABSENT;
        bool asks = it->kind == FR_JI_MAP || it->kind == FR_JI_SELECT;
        if (asks && !fr_jv_truth(r, of))
            return false;
        it->from = fr_jv_walk(r, of);
    }
    return it->from != NULL && fr_ji_next(r, it->from, out);
}

static bool selected(fr_jr *r, fr_jv_iter *it, fr_jv item)
{
    fr_jv seen = it->by_attribute ? fr_jv_path(r, item, it->attribute, FR_JV_ABSENT) : item;
    bool truth = it->plain ? fr_jv_truth(r, seen)
                           : fr_jv_truth(r, fr_jinja_run_row(r, it->row, seen, &it->args));
    return truth != it->reject;
}

static bool next_batch(fr_jr *r, fr_jv_iter *it, fr_jv *out)
{
    fr_jv list = fr_jv_list_new(r, FR_JV_LIST), item;
    while ((int64_t)list.list->n < FR_MAX(it->count, (int64_t)1) && draw(r, it, &item))
        fr_jv_push(r, list, item);
    if (list.list->n == 0 || r->code != 0)
        return false;
    while (fr_jarg_some(it->otherwise) && (int64_t)list.list->n < it->count && fr_jr_step(r, 1))
        fr_jv_push(r, list, it->otherwise);
    *out = list;
    return true;
}

static bool next_slice(fr_jr *r, fr_jv_iter *it, fr_jv *out)
{
    if (it->of.kind != FR_JV_LIST)
        it->of = fr_jv_listed(r, it->of);
    if (r->code != 0)
        return false;
    int64_t n = (int64_t)it->of.list->n, i = (int64_t)it->at++;
    if (i >= it->count)
        return false;
    int64_t each = n / it->count, more = n % it->count, start = it->offset + i * each;
    if (i < more)
        it->offset++;
    int64_t end = it->offset + (i + 1) * each;
    fr_jv list = fr_jv_list_new(r, FR_JV_LIST);
    for (int64_t k = start; k < end && k < n && fr_jr_step(r, 1); k++)
        fr_jv_push(r, list, it->of.list->at[k]);
    if (fr_jarg_some(it->otherwise) && i >= more)
        fr_jv_push(r, list, it->otherwise);
    *out = list;
    return true;
}

static bool next_inside(fr_jr *r, fr_jv_iter *it, fr_jv *out)
{
    switch (it->kind) {
    case FR_JI_INDEXED:
        return next_indexed(r, it, out);
    case FR_JI_BATCH:
        return next_batch(r, it, out);
    case FR_JI_SLICE:
        return next_slice(r, it, out);
    default:
        break;
    }
    for (fr_jv item; draw(r, it, &item);) {
        *out = item;
        if (it->kind == FR_JI_MAP) {
            *out = it->by_attribute ? fr_jv_path(r, item, it->attribute, it->otherwise)
                                    : fr_jinja_run_row(r, it->row, item, &it->args);
            return r->code == 0;
        }
        if (it->kind == FR_JI_SELECT && selected(r, it, item))
            return r->code == 0;
        if (it->kind == FR_JI_LOOP_IF && fr_jr_loop_if(r, it->node, it->scope, item))
            return r->code == 0;
        if (it->kind == FR_JI_UNIQUE) {
            fr_jv key = fr_jv_path(r, item, it->attribute, FR_JV_ABSENT);
            if (it->fold)
                key = fr_jv_ignore_case(r, key);
            size_t n = it->seen->n;
            fr_jv_put(r, it->seen, key, FR_JV_NOTHING);
            if (it->seen->n > n)
                return r->code == 0;
        }
    }
    return false;
}

bool fr_ji_next(fr_jr *r, fr_jv_iter *it, fr_jv *out)
{
    *out = FR_JV_NOTHING;
    bool there = fr_jr_enter(r) && fr_jr_step(r, 1) && next_inside(r, it, out);
    fr_jr_leave(r);
    return there && r->code == 0;
}

fr_jv fr_jv_listed(fr_jr *r, fr_jv v)
{
    fr_jv list = fr_jv_list_new(r, FR_JV_LIST), item;
    fr_jv_iter *it = fr_jv_walk(r, v);
    while (it != NULL && fr_ji_next(r, it, &item))
        fr_jv_push(r, list, item);
    return list;
}
