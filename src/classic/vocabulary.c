/* Strings numbered in the order of their first appearance. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "classic/classic_priv.h"

fr_str vocabulary_at(const vocabulary *v, uint32_t i)
{
    return (fr_str){ v->text.at + v->begin[i], v->begin[i + 1] - v->begin[i] };
}

/* The slot that holds the gram, or the free one where it belongs. */
static size_t slot_of(const vocabulary *v, fr_str gram)
{
    size_t slot = (size_t)fr_hash64(gram.at, gram.n, 0) & (v->n_slots - 1);
    while (v->slots[slot] != 0 && !fr_str_equal(vocabulary_at(v, v->slots[slot] - 1), gram))
        slot = (slot + 1) & (v->n_slots - 1);
    return slot;
}

uint32_t vocabulary_find(const vocabulary *v, fr_str gram)
{
    if (v->n_slots == 0)
        return VOCABULARY_NONE;
    uint32_t held = v->slots[slot_of(v, gram)];
    return held != 0 ? held - 1 : VOCABULARY_NONE;
}

static void grow(vocabulary *v)
{
    v->cap = v->cap != 0 ? v->cap * 2 : 1024;
    v->begin = fr_array_resize(v->begin, v->cap + 1, sizeof(*v->begin));
    v->begin[0] = 0;
    free(v->slots);
    v->n_slots = v->cap * 2;
    v->slots = FR_NEW_N(uint32_t, v->n_slots);
    for (uint32_t i = 0; i < v->n; i++)
        v->slots[slot_of(v, vocabulary_at(v, i))] = i + 1;
}

uint32_t vocabulary_add(vocabulary *v, fr_str gram)
{
    if (v->n == v->cap)
        grow(v);
    size_t slot = slot_of(v, gram);
    if (v->slots[slot] != 0)
        return v->slots[slot] - 1;
    fr_buf_put_str(&v->text, gram);
    v->begin[v->n + 1] = (uint32_t)v->text.n;
    v->slots[slot] = (uint32_t)++v->n;
    return (uint32_t)v->n - 1;
}

void vocabulary_fini(vocabulary *v)
{
    fr_buf_fini(&v->text);
    free(v->begin);
    free(v->slots);
    memset(v, 0, sizeof(*v));
}
