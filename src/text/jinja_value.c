/* Values of a render and the memory they live in: an arena that is let go of as a whole. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/jinja_priv.h"

#define CHUNK_BYTES      (64u << 10)
#define ALWAYS_BYTES     4096u /* so much is given even past the limit: the run is ending anyway */
#define SMALL_DICT_ITEMS 8u

struct fr_jm_chunk {
    fr_jm_chunk *next;
    _Alignas(16) char bytes[];
};

void *fr_jm_alloc(fr_jm *m, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if (n > m->left) {
        if (n > ALWAYS_BYTES && (n > m->limit || m->used > m->limit - n))
            return NULL;
        size_t bytes = n > CHUNK_BYTES / 4 ? n + CHUNK_BYTES : CHUNK_BYTES;
        fr_jm_chunk *chunk = fr_array(1, sizeof(*chunk) + bytes);
        chunk->next = m->chunks;
        m->chunks = chunk;
        m->at = chunk->bytes;
        m->left = bytes;
    }
    void *at = m->at;
    m->at += n;
    m->left -= n;
    m->used += n;
    return at;
}

void fr_jm_fini(fr_jm *m)
{
    for (fr_jm_chunk *c = m->chunks, *next = NULL; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    *m = (fr_jm){ 0 };
}

/* Memory of a run: paid for in steps too, and the run fails when there is none. */
static void *take(fr_jr *r, size_t n)
{
    fr_jr_step(r, n / 64);
    void *at = fr_jm_alloc(&r->mem, n);
    if (at == NULL || r->mem.used > r->mem.limit)
        fr_jr_limit(r, "rendering needs more than %zu MiB of memory",
                    r->t->options.memory_bytes >> 20);
    return at;
}

/* ---- strings ------------------------------------------------------------------------------------
 */

static bool make_room(fr_jr *r, fr_jb *b, size_t n)
{
    if (n <= b->cap - b->n)
        return true;
    size_t cap = FR_MAX(b->cap * 2, b->n + n);
    cap = FR_MAX(cap, (size_t)48);
    if (cap > r->t->options.memory_bytes) {
        fr_jr_limit(r, "rendering needs more than %zu MiB of memory",
                    r->t->options.memory_bytes >> 20);
        return false;
    }
    char *at = take(r, cap);
    if (at == NULL)
        return false;
    if (b->n != 0)
        memcpy(at, b->at, b->n);
    b->at = at;
    b->cap = cap;
    return true;
}

void fr_jb_put(fr_jr *r, fr_jb *b, fr_str s)
{
    if (s.n == 0 || r->code != 0 || !make_room(r, b, s.n))
        return;
    memcpy(b->at + b->n, s.at, s.n);
    b->n += s.n;
}

void fr_jb_put_s(fr_jr *r, fr_jb *b, const char *s)
{
    fr_jb_put(r, b, fr_str_of(s));
}

/* ---- undefined
 * ------------------------------------------------------------------------------------ */

fr_jv fr_jv_undefined_of(fr_jr *r, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    size_t length = FR_MIN((size_t)FR_MAX(n, 0), sizeof(text) - 1);
    fr_jb b = { 0 };
    fr_jb_put(r, &b, (fr_str){ text, length });
    fr_jv_undefined *u = take(r, sizeof(*u));
    u->message = fr_jb_bytes(&b);
    return (fr_jv){ .kind = FR_JV_UNDEFINED, .undefined = u };
}

/* ---- lists
 * ------------------------------------------------------------------------------------------ */

fr_jv fr_jv_list_new(fr_jr *r, fr_jv_kind kind)
{
    return (fr_jv){ .kind = (uint8_t)kind, .list = take(r, sizeof(fr_jv_list)) };
}

void fr_jv_push(fr_jr *r, fr_jv list, fr_jv item)
{
    fr_jv_list *l = list.list;
    if (l->n == l->cap) {
        size_t cap = l->cap != 0 ? l->cap * 2 : 4;
        fr_jv *at = take(r, cap * sizeof(*at));
        if (at == NULL)
            return;
        if (l->n != 0)
            memcpy(at, l->at, l->n * sizeof(*at));
        l->at = at;
        l->cap = cap;
    }
    l->at[l->n++] = item;
}

fr_jv fr_jv_pair(fr_jr *r, fr_jv a, fr_jv b)
{
    fr_jv pair = fr_jv_list_new(r, FR_JV_TUPLE);
    fr_jv_push(r, pair, a);
    fr_jv_push(r, pair, b);
    return pair;
}

/* ---- dicts
 * ------------------------------------------------------------------------------------------ */

bool fr_jv_hashable(fr_jv v)
{
    if (v.kind == FR_JV_TUPLE) {
        for (size_t i = 0; i < v.list->n; i++)
            if (!fr_jv_hashable(v.list->at[i]))
                return false;
        return true;
    }
    return v.kind != FR_JV_LIST && v.kind != FR_JV_DICT && v.kind != FR_JV_VIEW;
}

/* Equal values have equal hashes: 1, 1.0 and true too. */
static uint64_t hash(fr_jv v)
{
    uint64_t h = 1469598103934665603u;
    if (v.kind == FR_JV_STR) {
        for (size_t i = 0; i < v.n; i++)
            h = (h ^ (unsigned char)v.at[i]) * 1099511628211u;
    } else if (fr_jv_is_number(v)) {
        double f = fr_jv_number(v) + 0.0; /* -0.0 is 0.0 */
        memcpy(&h, &f, sizeof(h));
        h *= 0x9E3779B97F4A7C15u;
    } else if (v.kind == FR_JV_TUPLE) {
        for (size_t i = 0; i < v.list->n; i++)
            h = (h ^ hash(v.list->at[i])) * 1099511628211u;
    }
    return h ^ h >> 29;
}

fr_jv fr_jv_dict_new(fr_jr *r)
{
    return (fr_jv){ .kind = FR_JV_DICT, .dict = take(r, sizeof(fr_jv_dict)) };
}

static size_t place_of(fr_jr *r, const fr_jv_dict *d, fr_jv key)
{
    if (d->slots == NULL) {
        for (size_t i = 0; i < d->n; i++)
            if (fr_jv_equal(r, d->keys[i], key))
                return i;
        return SIZE_MAX;
    }
    for (size_t s = hash(key) & (d->n_slots - 1); d->slots[s] != 0;
         s = (s + 1) & (d->n_slots - 1)) {
        fr_jr_step(r, 1);
        if (fr_jv_equal(r, d->keys[d->slots[s] - 1], key))
            return d->slots[s] - 1;
    }
    return SIZE_MAX;
}

static void index_again(fr_jr *r, fr_jv_dict *d)
{
    size_t n_slots = 32;
    while (n_slots < d->cap * 2)
        n_slots *= 2;
    uint32_t *slots = take(r, n_slots * sizeof(*slots));
    if (slots == NULL)
        return;
    d->slots = slots;
    d->n_slots = n_slots;
    for (size_t i = 0; i < d->n; i++) {
        size_t s = hash(d->keys[i]) & (n_slots - 1);
        while (slots[s] != 0)
            s = (s + 1) & (n_slots - 1);
        slots[s] = (uint32_t)i + 1;
    }
}

void fr_jv_put(fr_jr *r, fr_jv_dict *d, fr_jv key, fr_jv value)
{
    if (!fr_jv_hashable(key)) {
        fr_jr_fail(r, "unhashable type: '%s'", fr_jv_type(key));
        return;
    }
    size_t i = place_of(r, d, key);
    if (i != SIZE_MAX) {
        d->values[i] = value;
        return;
    }
    if (d->n == d->cap) {
        size_t cap = d->cap != 0 ? d->cap * 2 : 4;
        fr_jv *at = take(r, 2 * cap * sizeof(*at));
        if (at == NULL)
            return;
        if (d->n != 0) {
            memcpy(at, d->keys, d->n * sizeof(*at));
            memcpy(at + cap, d->values, d->n * sizeof(*at));
        }
        d->keys = at;
        d->values = at + cap;
        d->cap = cap;
        if (d->cap > SMALL_DICT_ITEMS)
            index_again(r, d);
    }
    d->keys[d->n] = key;
    d->values[d->n++] = value;
    if (d->slots != NULL) {
        size_t s = hash(key) & (d->n_slots - 1);
        while (d->slots[s] != 0)
            s = (s + 1) & (d->n_slots - 1);
        d->slots[s] = (uint32_t)d->n;
    }
}

const fr_jv *fr_jv_find(fr_jr *r, const fr_jv_dict *d, fr_jv key)
{
    size_t i = place_of(r, d, key);
    return i != SIZE_MAX ? &d->values[i] : NULL;
}

const fr_jv *fr_jv_find_text(const fr_jv_dict *d, fr_str key)
{
    if (d->slots == NULL) {
        for (size_t i = 0; i < d->n; i++)
            if (d->keys[i].kind == FR_JV_STR && fr_str_equal(fr_jv_bytes(d->keys[i]), key))
                return &d->values[i];
        return NULL;
    }
    for (size_t s = hash(fr_jv_str(key)) & (d->n_slots - 1); d->slots[s] != 0;
         s = (s + 1) & (d->n_slots - 1)) {
        fr_jv k = d->keys[d->slots[s] - 1];
        if (k.kind == FR_JV_STR && fr_str_equal(fr_jv_bytes(k), key))
            return &d->values[d->slots[s] - 1];
    }
    return NULL;
}

/* ---- from JSON
 * ---------------------------------------------------------------------------------------- */

fr_jv fr_jv_of_json(fr_jr *r, const json_t *json, int depth)
{
    fr_jr_step(r, 1);
    if (depth > 200)
        return fr_jr_limit(r, "a variable is nested more than 200 deep");
    if (r->code != 0 || json == NULL)
        return FR_JV_NOTHING;
    switch (json_typeof(json)) {
    case JSON_OBJECT: {
        fr_jv dict = fr_jv_dict_new(r);
        const char *key = NULL;
        json_t *value = NULL;
        json_object_foreach((json_t *)(uintptr_t)json, key, value)
        {
            /* the keys are borrowed: vars outlive the run */
            fr_jv_put(r, dict.dict, fr_jv_str(fr_str_of(key)), fr_jv_of_json(r, value, depth + 1));
        }
        return dict;
    }
    case JSON_ARRAY: {
        fr_jv list = fr_jv_list_new(r, FR_JV_LIST);
        for (size_t i = 0; i < json_array_size(json); i++)
            fr_jv_push(r, list, fr_jv_of_json(r, json_array_get(json, i), depth + 1));
        return list;
    }
    case JSON_STRING:
        return fr_jv_str((fr_str){ json_string_value(json), json_string_length(json) });
    case JSON_INTEGER:
        return fr_jv_int(json_integer_value(json));
    case JSON_REAL:
        return fr_jv_f64(json_real_value(json));
    case JSON_TRUE:
    case JSON_FALSE:
        return fr_jv_bool(json_is_true(json));
    case JSON_NULL:
        break;
    }
    return FR_JV_NOTHING;
}

const char *fr_jv_type(fr_jv v)
{
    switch ((fr_jv_kind)v.kind) {
    case FR_JV_UNDEFINED:
        return "Undefined";
    case FR_JV_NONE:
        return "NoneType";
    case FR_JV_BOOL:
        return "bool";
    case FR_JV_INT:
        return "int";
    case FR_JV_FLOAT:
        return "float";
    case FR_JV_STR:
        return v.markup ? "Markup" : "str";
    case FR_JV_LIST:
        return "list";
    case FR_JV_TUPLE:
        return "tuple";
    case FR_JV_DICT:
        return "dict";
    case FR_JV_RANGE:
        return "range";
    case FR_JV_VIEW:
        return v.part == FR_JV_KEYS     ? "dict_keys"
               : v.part == FR_JV_VALUES ? "dict_values"
                                        : "dict_items";
    case FR_JV_ITER:
        return v.iter->type;
    case FR_JV_NAMESPACE:
        return "TemplateNamespace";
    case FR_JV_LOOP:
        return "LoopContext";
    case FR_JV_MACRO:
        return "Macro";
    case FR_JV_FUNCTION:
        return "function";
    case FR_JV_METHOD:
        return "builtin_function_or_method";
    case FR_JV_CYCLER:
        return "Cycler";
    case FR_JV_JOINER:
        return "Joiner";
    case FR_JV_MISSING:
        break;
    }
    return "missing";
}

/* a + b. Text that is put together piece by piece grows where it lies: only the newest such string
 * has room behind it. */
fr_jv fr_jv_join(fr_jr *r, fr_str a, fr_str b)
{
    size_t n = a.n + b.n;
    if (r->tip == NULL || a.at + a.n != r->tip || r->tip_left < b.n) {
        char *at = n <= r->t->options.memory_bytes / 2 ? take(r, n * 2 + 16) : NULL;
        if (at == NULL)
            return fr_jr_limit(r, "rendering needs more than %zu MiB of memory",
                               r->t->options.memory_bytes >> 20);
        if (a.n != 0)
            memcpy(at, a.at, a.n);
        r->tip = at + a.n;
        r->tip_left = n * 2 + 16 - a.n;
        a.at = at;
    }
    fr_jr_step(r, b.n / 64);
    if (b.n != 0)
        memcpy(r->tip, b.at, b.n);
    r->tip += b.n;
    r->tip_left -= b.n;
    return fr_jv_str((fr_str){ a.at, n });
}
