/* States of a grammar, found when they are first reached and kept with what follows from them. */
#include "text/grammar_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define UNKNOWN     (-2)
#define DEAD        (-1)
#define STATES_KEPT 2048 /* then all but the current one are found again */
#define CONFIGS_MAX 4096 /* of one state: a grammar that is more ambiguous than that ends there */
#define FRAMES_MAX  1000000 /* nesting, over all texts tried */

/* Where to go on when a rule returns. Equal frames are one; frame 0 is the bottom. */
typedef struct {
    uint32_t back, below;
} frame;

typedef struct {
    uint32_t node, frame;
} config;

typedef struct {
    config *at; /* owned; byte nodes only, in the order they were reached */
    size_t n;
    bool accepts;
    int32_t next[256];
    uint64_t *allowed; /* owned; NULL: not asked for yet */
    size_t n_allowed;
} grammar_state;

struct fr_matcher {
    const fr_grammar *g;
    frame *frames;
    size_t n_frames, frames_cap;
    uint32_t *frame_table; /* [frame_slots], 0: empty */
    size_t frame_slots;
    grammar_state *states;
    size_t n_states, states_cap;
    int32_t *state_table; /* [state_slots], -1: empty */
    size_t state_slots;
    int32_t now;
    /* one closure's room */
    config *seen, *open, *found;
    size_t n_seen, seen_cap, n_open, open_cap, n_found, found_cap;
    bool accepts;
};

/* ---- frames ---- */

static size_t frame_slot(const fr_matcher *m, frame f)
{
    size_t at = fr_hash64(&f, sizeof(f), 0) & (m->frame_slots - 1);
    while (m->frame_table[at] != 0 && memcmp(&m->frames[m->frame_table[at]], &f, sizeof(f)) != 0)
        at = (at + 1) & (m->frame_slots - 1);
    return at;
}

static void grow_frames(fr_matcher *m)
{
    m->frame_slots *= 2;
    free(m->frame_table);
    m->frame_table = FR_NEW_N(uint32_t, m->frame_slots);
    for (uint32_t i = 1; i < m->n_frames; i++)
        m->frame_table[frame_slot(m, m->frames[i])] = i;
}

/* 0 when there are too many. */
static uint32_t frame_of(fr_matcher *m, uint32_t back, uint32_t below)
{
    frame f = { back, below };
    size_t at = frame_slot(m, f);
    if (m->frame_table[at] != 0)
        return m->frame_table[at];
    if (m->n_frames >= FRAMES_MAX)
        return 0;
    FR_GROW(m->frames, m->n_frames, m->frames_cap);
    m->frames[m->n_frames] = f;
    m->frame_table[at] = (uint32_t)m->n_frames++;
    uint32_t made = (uint32_t)m->n_frames - 1;
    if (m->n_frames * 2 > m->frame_slots)
        grow_frames(m);
    return made;
}

/* ---- closure: all byte nodes that can be reached without reading ---- */

static void push(fr_matcher *m, uint32_t node, uint32_t frame_id)
{
    for (size_t i = 0; i < m->n_seen; i++) {
        if (m->seen[i].node == node && m->seen[i].frame == frame_id)
            return;
    }
    if (m->n_seen == CONFIGS_MAX)
        return;
    FR_GROW(m->seen, m->n_seen, m->seen_cap);
    m->seen[m->n_seen++] = (config){ node, frame_id };
    FR_GROW(m->open, m->n_open, m->open_cap);
    m->open[m->n_open++] = (config){ node, frame_id };
}

static void call(fr_matcher *m, const grammar_node *node, uint32_t frame_id)
{
    /* a call at the very end of a rule returns for it: no stack grows in `list ::= item list` */
    if (m->g->nodes[node->b].kind == GRAMMAR_RETURN) {
        push(m, node->a, frame_id);
        return;
    }
    uint32_t inner = frame_of(m, node->b, frame_id);
    if (inner != 0)
        push(m, node->a, inner);
}

static void close_over(fr_matcher *m)
{
    while (m->n_open > 0) {
        config c = m->open[--m->n_open];
        const grammar_node *node = &m->g->nodes[c.node];
        switch ((grammar_kind)node->kind) {
        case GRAMMAR_BYTE:
            FR_GROW(m->found, m->n_found, m->found_cap);
            m->found[m->n_found++] = c;
            break;
        case GRAMMAR_PART:
            push(m, node->b, c.frame);
            push(m, node->a, c.frame);
            break;
        case GRAMMAR_CALL:
            call(m, node, c.frame);
            break;
        case GRAMMAR_RETURN:
            if (c.frame == 0)
                m->accepts = true;
            else
                push(m, m->frames[c.frame].back, m->frames[c.frame].below);
            break;
        }
    }
}

static void begin_closure(fr_matcher *m)
{
    m->n_seen = m->n_open = m->n_found = 0;
    m->accepts = false;
}

/* ---- states ---- */

static int by_config(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(config));
}

static size_t state_slot(const fr_matcher *m, const config *at, size_t n, bool accepts)
{
    size_t slot = fr_hash64(at, n * sizeof(*at), accepts) & (m->state_slots - 1);
    for (; m->state_table[slot] >= 0; slot = (slot + 1) & (m->state_slots - 1)) {
        const grammar_state *s = &m->states[m->state_table[slot]];
        if (s->n == n && s->accepts == accepts &&
            (n == 0 || memcmp(s->at, at, n * sizeof(*at)) == 0))
            break;
    }
    return slot;
}

static void make_state_table(fr_matcher *m, size_t slots)
{
    free(m->state_table);
    m->state_slots = slots;
    m->state_table = FR_NEW_N(int32_t, slots);
    memset(m->state_table, 0xff, slots * sizeof(*m->state_table));
    for (size_t i = 0; i < m->n_states; i++) {
        const grammar_state *s = &m->states[i];
        m->state_table[state_slot(m, s->at, s->n, s->accepts)] = (int32_t)i;
    }
}

/* What the closure found, as a state; DEAD when it is nothing. */
static int32_t intern_found(fr_matcher *m)
{
    if (m->n_found == 0 && !m->accepts)
        return DEAD;
    if (m->n_found > 1)
        fr_sort(m->found, m->n_found, sizeof(*m->found), by_config);
    size_t slot = state_slot(m, m->found, m->n_found, m->accepts);
    if (m->state_table[slot] >= 0)
        return m->state_table[slot];
    FR_GROW(m->states, m->n_states, m->states_cap);
    grammar_state *s = &m->states[m->n_states];
    *s = (grammar_state){ .n = m->n_found, .accepts = m->accepts };
    s->at = FR_NEW_N(config, m->n_found);
    if (m->n_found > 0)
        memcpy(s->at, m->found, m->n_found * sizeof(*s->at));
    for (size_t i = 0; i < 256; i++)
        s->next[i] = UNKNOWN;
    int32_t id = (int32_t)m->n_states++;
    m->state_table[slot] = id;
    if (m->n_states * 2 > m->state_slots)
        make_state_table(m, m->state_slots * 2);
    return id;
}

static int32_t step(fr_matcher *m, int32_t from, uint8_t byte)
{
    int32_t known = m->states[from].next[byte];
    if (known != UNKNOWN)
        return known;
    begin_closure(m);
    for (size_t i = 0; i < m->states[from].n; i++) {
        config c = m->states[from].at[i];
        const grammar_node *node = &m->g->nodes[c.node];
        if (byte >= node->lo && byte <= node->hi)
            push(m, node->a, c.frame);
    }
    close_over(m);
    int32_t to = intern_found(m); /* may move the states */
    m->states[from].next[byte] = to;
    return to;
}

static void drop_states(fr_matcher *m)
{
    for (size_t i = 0; i < m->n_states; i++) {
        free(m->states[i].at);
        free(m->states[i].allowed);
    }
    m->n_states = 0;
}

/* Keeps memory bounded over a long text: everything can be found again from the current state. */
static void tidy(fr_matcher *m)
{
    if (m->n_states <= STATES_KEPT || m->now == DEAD)
        return;
    const grammar_state *now = &m->states[m->now];
    begin_closure(m);
    m->accepts = now->accepts;
    for (size_t i = 0; i < now->n; i++) {
        FR_GROW(m->found, m->n_found, m->found_cap);
        m->found[m->n_found++] = now->at[i];
    }
    drop_states(m);
    make_state_table(m, 64);
    m->now = intern_found(m);
}

/* ---- the door ---- */

fr_matcher *fr_matcher_new(const fr_grammar *g)
{
    fr_matcher *m = FR_NEW(fr_matcher);
    m->g = g;
    m->frame_slots = 64;
    m->frame_table = FR_NEW_N(uint32_t, m->frame_slots);
    FR_GROW(m->frames, m->n_frames, m->frames_cap);
    m->frames[0] = (frame){ 0, 0 };
    m->n_frames = 1; /* the bottom */
    make_state_table(m, 64);
    begin_closure(m);
    push(m, g->root, 0);
    close_over(m);
    m->now = intern_found(m);
    return m;
}

void fr_matcher_free(fr_matcher *m)
{
    if (m == NULL)
        return;
    drop_states(m);
    free(m->states);
    free(m->state_table);
    free(m->frames);
    free(m->frame_table);
    free(m->seen);
    free(m->open);
    free(m->found);
    free(m);
}

bool fr_matcher_take(fr_matcher *m, fr_str bytes)
{
    tidy(m);
    int32_t at = m->now;
    for (size_t i = 0; i < bytes.n && at != DEAD; i++)
        at = step(m, at, (uint8_t)bytes.at[i]);
    if (at == DEAD)
        return false;
    m->now = at;
    return true;
}

bool fr_matcher_is_complete(const fr_matcher *m)
{
    return m->now != DEAD && m->states[m->now].accepts;
}

/* ---- which pieces may come ---- */

struct fr_pieces {
    const fr_str *pieces;
    size_t n;
    uint32_t *order;  /* ids by bytes; the empty ones are left out */
    uint16_t *shared; /* bytes that each has in common with the one before */
    size_t n_order, longest;
};

static int by_bytes(const void *a, const void *b, void *user)
{
    const fr_str *pieces = user;
    fr_str x = pieces[*(const uint32_t *)a], y = pieces[*(const uint32_t *)b];
    int order = memcmp(x.at, y.at, FR_MIN(x.n, y.n));
    return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

fr_pieces *fr_pieces_new(const fr_str *pieces, size_t n)
{
    fr_pieces *p = FR_NEW(fr_pieces);
    *p = (fr_pieces){ .pieces = pieces, .n = n };
    p->order = FR_NEW_N(uint32_t, n);
    p->shared = FR_NEW_N(uint16_t, n);
    for (size_t i = 0; i < n; i++) {
        if (pieces[i].n == 0 || pieces[i].n > UINT16_MAX)
            continue;
        p->order[p->n_order++] = (uint32_t)i;
        p->longest = FR_MAX(p->longest, pieces[i].n);
    }
    if (p->n_order > 1)
        qsort_r(p->order, p->n_order, sizeof(*p->order), by_bytes, (void *)(uintptr_t)pieces);
    for (size_t i = 1; i < p->n_order; i++) {
        fr_str a = pieces[p->order[i - 1]], b = pieces[p->order[i]];
        size_t k = 0;
        while (k < a.n && k < b.n && a.at[k] == b.at[k])
            k++;
        p->shared[i] = (uint16_t)k;
    }
    return p;
}

void fr_pieces_free(fr_pieces *p)
{
    if (p == NULL)
        return;
    free(p->order);
    free(p->shared);
    free(p);
}

/* Walks the pieces as the tree of their beginnings: where one cannot go on, none that shares the
 * bytes so far is looked at. */
static size_t walk(fr_matcher *m, const fr_pieces *p, uint64_t *allowed)
{
    int32_t *path = FR_NEW_N(int32_t, p->longest + 1); /* state after so many bytes */
    size_t n_allowed = 0, alive = 0; /* how many bytes of the last piece went well */
    path[0] = m->now;
    for (size_t i = 0; i < p->n_order; i++) {
        fr_str piece = p->pieces[p->order[i]];
        size_t at = FR_MIN((size_t)p->shared[i], alive);
        bool stuck = i > 0 && alive < p->shared[i]; /* the byte it failed on is in this one, too */
        alive = at;
        while (!stuck && alive < piece.n) {
            int32_t to = step(m, path[alive], (uint8_t)piece.at[alive]);
            if (to == DEAD)
                break;
            path[++alive] = to;
        }
        if (alive == piece.n) {
            allowed[p->order[i] / 64] |= (uint64_t)1 << (p->order[i] % 64);
            n_allowed++;
        }
    }
    free(path);
    return n_allowed;
}

const uint64_t *fr_matcher_allowed(fr_matcher *m, const fr_pieces *p, size_t *n_allowed)
{
    tidy(m);
    if (m->states[m->now].allowed == NULL) {
        uint64_t *allowed = FR_NEW_N(uint64_t, (p->n + 63) / 64);
        size_t n = walk(m, p, allowed); /* may move the states */
        m->states[m->now].allowed = allowed;
        m->states[m->now].n_allowed = n;
    }
    *n_allowed = m->states[m->now].n_allowed;
    return m->states[m->now].allowed;
}
