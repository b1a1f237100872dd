/* Slots: the sequences of the KV cache. A free slot keeps what it computed; a new request takes
 * over the longest common prefix with any slot, in place when nothing of value is lost by it, else
 * by a copy into the slot that was not used for longest. */
#include <stdlib.h>

#include "base/mem.h"
#include "infer/infer_priv.h"

enum { WORTH_WAITING_TOKENS = 16 };

static size_t common(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b)
{
    size_t n = FR_MIN(n_a, n_b), i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

/* How many of its tokens a request could take from elsewhere: not those whose logits it needs. */
static size_t reusable_tokens(const fr_asked *a)
{
    return a->score_from > 0 ? a->score_from - 1 : a->n_prompt - 1;
}

static int longest_prefix(const fr_engine *e, const fr_asked *a, size_t *tokens)
{
    int best = -1;
    *tokens = 0;
    for (size_t i = 0; i < e->n_slots && !e->no_prefix_cache; i++) {
        const fr_slot *s = &e->slots[i];
        if (s->adapter != a->adapter)
            continue;
        size_t n = common(s->tokens, s->n, a->ids, reusable_tokens(a));
        if (n > *tokens) {
            *tokens = n;
            best = (int)i;
        }
    }
    return best;
}

static bool worth_waiting(const fr_engine *e, const fr_asked *a, size_t tokens)
{
    for (size_t i = 0; i < e->n_slots && !e->no_prefix_cache; i++) {
        const fr_asked *other = e->slots[i].asked;
        if (other == NULL || other->adapter != a->adapter)
            continue;
        size_t n = common(other->ids, other->n_prompt, a->ids, reusable_tokens(a));
        if (n >= tokens + WORTH_WAITING_TOKENS && n > e->slots[i].n)
            return true;
    }
    return false;
}

/* Free slots that hold nothing come first, then the one not used for longest. */
static int oldest_free(const fr_engine *e)
{
    int best = -1;
    for (size_t i = 0; i < e->n_slots; i++) {
        const fr_slot *s = &e->slots[i];
        if (s->asked != NULL)
            continue;
        if (best < 0)
            best = (int)i;
        const fr_slot *b = &e->slots[best];
        if ((s->n == 0) != (b->n == 0) ? s->n == 0 : s->used_at < b->used_at)
            best = (int)i;
    }
    return best;
}

bool fr_slots_admit(fr_engine *e, fr_asked *a)
{
    int to = oldest_free(e);
    if (to < 0)
        return false;
    size_t cached = 0;
    int from = longest_prefix(e, a, &cached);
    if (worth_waiting(e, a, cached))
        return false;
    if (from >= 0) {
        fr_slot *source = &e->slots[from];
        source->used_at = ++e->clock;
        if (source->asked == NULL && (source->n == cached || from == to))
            to = from; /* goes on where it ended, or nobody else is free */
        else if (from != to) {
            fr_kv_truncate(e->kv, (size_t)to, 0);
            fr_kv_copy(e->kv, (size_t)from, (size_t)to, cached);
        }
    }
    fr_slot *s = &e->slots[to];
    fr_kv_truncate(e->kv, (size_t)to, cached);
    if (s->cap < a->n_prompt) {
        s->cap = a->n_prompt;
        s->tokens = fr_array_resize(s->tokens, s->cap, sizeof(*s->tokens));
    }
    for (size_t i = 0; i < cached; i++)
        s->tokens[i] = a->ids[i];
    s->n = cached;
    s->adapter = a->adapter;
    s->asked = a;
    s->used_at = ++e->clock;
    a->slot = to;
    a->state = FR_REQUEST_RUNNING;
    a->done.cached_tokens = cached;
    return true;
}

/* An adapter may be gone after its last request, and another may get its address. */
static void forget_adapter(fr_engine *e, const fr_adapter *adapter)
{
    for (const fr_asked *a = e->first; a != NULL; a = a->next) {
        if (a->adapter == adapter && a->state != FR_REQUEST_DONE)
            return;
    }
    for (size_t i = 0; i < e->n_slots; i++) {
        if (e->slots[i].adapter != adapter)
            continue;
        fr_kv_truncate(e->kv, i, 0);
        e->slots[i].n = 0;
        e->slots[i].adapter = NULL;
    }
}

void fr_slots_leave(fr_engine *e, fr_asked *a)
{
    if (a->slot >= 0)
        e->slots[a->slot].asked = NULL;
    a->slot = -1;
    if (a->adapter != NULL)
        forget_adapter(e, a->adapter);
}
