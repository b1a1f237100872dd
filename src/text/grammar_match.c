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
    int32_t like;                  /* UNKNOWN: not asked for yet */
    uint64_t *near_ones, *allowed; /* owned; NULL: not asked for yet; short pieces, and all */
    size_t n_near, n_allowed;
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
    *s = (grammar_state){ .n = m->n_found, .accepts = m->accepts, .like = UNKNOWN };
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
        free(m->states[i].near_ones);
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

/*
 * Pieces as a tree of their beginnings, its nodes in the order of a walk down. Where a node's byte
 * cannot come, the walk goes on at `skip`, behind all that begin so. Short pieces and long ones
 * have trees of their own: what short ones may come is the same in all states that GRAMMAR_NEAR
 * bytes cannot tell apart (in a string of at most 200 characters, say), and found once for them.
 */
typedef struct {
    uint32_t skip;
    uint32_t first;  /* of the pieces that end here, in order[] */
    uint16_t depth;  /* bytes so far, without this one */
    uint16_t n_ends; /* that end here, 65,535 at most */
    uint8_t byte;
} tree_node;

typedef struct {
    uint32_t *order; /* owned; ids by bytes */
    size_t n_order;
    tree_node *nodes; /* owned */
    size_t n, cap, deepest;
} piece_tree;

struct fr_pieces {
    size_t n;
    piece_tree near, far; /* up to GRAMMAR_NEAR bytes, and longer */
};

static int by_bytes(const void *a, const void *b, void *user)
{
    const fr_str *pieces = user;
    fr_str x = pieces[*(const uint32_t *)a], y = pieces[*(const uint32_t *)b];
    int order = memcmp(x.at, y.at, FR_MIN(x.n, y.n));
    return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

static void close_nodes(piece_tree *t, uint32_t *open, size_t *n_open, size_t depth)
{
    while (*n_open > depth)
        t->nodes[open[--*n_open]].skip = (uint32_t)t->n;
}

static void plant(piece_tree *t, const fr_str *pieces)
{
    uint32_t *open = NULL; /* nodes of the last piece, by depth */
    size_t n_open = 0, open_cap = 0;
    fr_str last = { 0 };
    if (t->n_order > 1)
        qsort_r(t->order, t->n_order, sizeof(*t->order), by_bytes, (void *)(uintptr_t)pieces);
    for (size_t i = 0; i < t->n_order; i++) {
        fr_str piece = pieces[t->order[i]];
        size_t shared = 0;
        while (shared < piece.n && shared < last.n && piece.at[shared] == last.at[shared])
            shared++;
        close_nodes(t, open, &n_open, shared);
        for (size_t k = shared; k < piece.n; k++) {
            FR_GROW(open, n_open, open_cap);
            open[n_open++] = (uint32_t)t->n;
            FR_GROW(t->nodes, t->n, t->cap);
            t->nodes[t->n++] = (tree_node){ .depth = (uint16_t)k,
                                            .byte = (uint8_t)piece.at[k],
                                            .first = (uint32_t)i };
        }
        tree_node *end = &t->nodes[open[n_open - 1]];
        if (end->n_ends == 0)
            end->first = (uint32_t)i;
        end->n_ends += end->n_ends < UINT16_MAX;
        t->deepest = FR_MAX(t->deepest, piece.n);
        last = piece;
    }
    close_nodes(t, open, &n_open, 0);
    free(open);
}

fr_pieces *fr_pieces_new(const fr_str *pieces, size_t n)
{
    fr_pieces *p = FR_NEW(fr_pieces);
    p->n = n;
    p->near.order = FR_NEW_N(uint32_t, n);
    p->far.order = FR_NEW_N(uint32_t, n);
    for (size_t i = 0; i < n; i++) {
        piece_tree *t = pieces[i].n <= GRAMMAR_NEAR ? &p->near : &p->far;
        if (pieces[i].n > 0 && pieces[i].n <= UINT16_MAX)
            t->order[t->n_order++] = (uint32_t)i;
    }
    plant(&p->near, pieces);
    plant(&p->far, pieces);
    return p;
}

void fr_pieces_free(fr_pieces *p)
{
    if (p == NULL)
        return;
    free(p->near.order);
    free(p->near.nodes);
    free(p->far.order);
    free(p->far.nodes);
    free(p);
}

/* Sets the bits of those that may come in a state; how many. May move the states. */
static size_t walk(fr_matcher *m, const piece_tree *t, int32_t from, uint64_t *allowed)
{
    int32_t *path = FR_NEW_N(int32_t, t->deepest + 1); /* state after so many bytes */
    size_t n_allowed = 0;
    path[0] = from;
    for (size_t i = 0; i < t->n;) {
        const tree_node *node = &t->nodes[i];
        int32_t to = step(m, path[node->depth], node->byte);
        if (to == DEAD) {
            i = node->skip;
            continue;
        }
        path[node->depth + 1] = to;
        for (size_t k = 0; k < node->n_ends; k++) {
            uint32_t id = t->order[node->first + k];
            allowed[id / 64] |= (uint64_t)1 << (id % 64);
        }
        n_allowed += node->n_ends;
        i++;
    }
    free(path);
    return n_allowed;
}

/* Frames far below stay as they are: then fewer states are found alike, and no more. */
static uint32_t frame_like(fr_matcher *m, uint32_t f, size_t depth)
{
    if (f == 0 || depth == GRAMMAR_NEAR)
        return f;
    uint32_t back = m->g->like[m->frames[f].back],
             below = frame_like(m, m->frames[f].below, depth + 1);
    if (back == m->frames[f].back && below == m->frames[f].below)
        return f;
    uint32_t like = frame_of(m, back, below);
    return like != 0 ? like : f;
}

/* The state that stands for all that are like it for GRAMMAR_NEAR bytes. */
static int32_t state_like(fr_matcher *m, int32_t s)
{
    if (m->states[s].like != UNKNOWN)
        return m->states[s].like;
    begin_closure(m);
    for (size_t i = 0; m->g->like != NULL && i < m->states[s].n; i++) {
        config c = m->states[s].at[i];
        config like = { m->g->like[c.node], frame_like(m, c.frame, 0) };
        bool seen = false;
        for (size_t k = 0; k < m->n_found; k++)
            seen |= memcmp(&m->found[k], &like, sizeof(like)) == 0;
        if (seen)
            continue;
        FR_GROW(m->found, m->n_found, m->found_cap);
        m->found[m->n_found++] = like;
    }
    m->accepts = m->states[s].accepts;
    int32_t like = m->n_found > 0 ? intern_found(m) : s; /* may move the states */
    m->states[s].like = like;
    return like;
}

const uint64_t *fr_matcher_allowed(fr_matcher *m, const fr_pieces *p, size_t *n_allowed)
{
    size_t words = (p->n + 63) / 64;
    tidy(m);
    if (m->states[m->now].allowed == NULL) {
        int32_t like = state_like(m, m->now);
        if (m->states[like].near_ones == NULL) {
            uint64_t *near = FR_NEW_N(uint64_t, words);
            size_t n = walk(m, &p->near, like, near);
            m->states[like].near_ones = near;
            m->states[like].n_near = n;
        }
        uint64_t *allowed = FR_NEW_N(uint64_t, words);
        memcpy(allowed, m->states[like].near_ones, words * sizeof(*allowed));
        size_t n = m->states[like].n_near + walk(m, &p->far, m->now, allowed);
        m->states[m->now].allowed = allowed;
        m->states[m->now].n_allowed = n;
    }
    *n_allowed = m->states[m->now].n_allowed;
    return m->states[m->now].allowed;
}
