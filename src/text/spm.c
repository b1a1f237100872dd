/* SentencePiece BPE (Kudo and Richardson 2018, arXiv:1808.06226): spaces become U+2581, the text
 * is cut into characters, and the adjacent pair whose joined piece has the highest score is joined,
 * the leftmost first. A vocabulary from tokenizer.json may rank its pairs itself: then only those
 * are joined, the best rank first. Characters that are no piece are written as their bytes, or as
 * one unknown token a run where the vocabulary has no byte tokens.
 *
 * Control, unknown and byte tokens are never made from text. */
#include <stdlib.h>

#include "base/mem.h"
#include "text/text_priv.h"
#include "text/utf8.h"

typedef struct {
    uint32_t at, bytes;     /* where in the escaped text; bytes 0: joined to the one before */
    int32_t previous, next; /* -1: none */
    int32_t node;           /* how it was made, where the vocabulary has unused pieces */
    int32_t id;             /* where the vocabulary ranks its pairs; -1: no piece */
} symbol;

typedef struct {
    float score;
    int32_t left, right, id;
    uint32_t bytes; /* of both when it was found: tells whether it still holds */
} candidate;

/* A piece and the two it was joined from (-1: a character). */
typedef struct {
    int32_t id, left, right;
    uint32_t at, bytes;
} node;

typedef struct {
    const fr_tokenizer *t;
    fr_ids *ids;
    const char *text;
    symbol *symbols;
    candidate *heap;
    size_t heap_n, heap_cap;
    node *nodes;
    size_t nodes_n, nodes_cap;
    bool after_unknown;
} encoding;

static int32_t find_piece(const fr_tokenizer *t, fr_str raw)
{
    int32_t id = fr_tokenizer_find(t, raw);
    if (id < 0)
        return -1;
    uint8_t type = t->types[id];
    return type == FR_TOKEN_CONTROL || type == FR_TOKEN_UNKNOWN || type == FR_TOKEN_BYTE ? -1 : id;
}

static bool better(candidate a, candidate b)
{
    return a.score != b.score ? a.score > b.score : a.left < b.left;
}

#include "text/merge_heap_body.h"

static void propose(encoding *e, int32_t left, int32_t right)
{
    if (left < 0 || right < 0)
        return;
    uint32_t bytes = e->symbols[left].bytes + e->symbols[right].bytes;
    int32_t id = -1;
    float score = 0;
    if (e->t->merges != NULL) {
        const fr_merge *m = fr_merge_find(e->t, e->symbols[left].id, e->symbols[right].id);
        id = m != NULL ? m->id : -1;
        score = m != NULL ? -(float)m->rank : 0;
    } else {
        id = find_piece(e->t, (fr_str){ e->text + e->symbols[left].at, bytes });
        score = id >= 0 ? e->t->scores[id] : 0;
    }
    if (id < 0)
        return;
    heap_put(e, (candidate){ score, left, right, id, bytes });
}

/* U+2581 for each space, and one before the text if asked for. */
static void escape(fr_str text, bool space_prefix, fr_buf *out)
{
    if (space_prefix)
        fr_buf_put_s(out, "\xE2\x96\x81");
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == ' ')
            fr_buf_put_s(out, "\xE2\x96\x81");
        else
            fr_buf_put_c(out, text.at[i]);
    }
}

static int32_t cut_into_characters(encoding *e, fr_str text)
{
    size_t n = 0, step = 0;
    for (size_t i = 0; i < text.n; i += step, n++) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
    }
    e->symbols = FR_NEW_N(symbol, n);
    int32_t at = 0;
    for (size_t i = 0; i < text.n; i += step, at++) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
        e->symbols[at] = (symbol){ .at = (uint32_t)i,
                                   .bytes = (uint32_t)step,
                                   .previous = at - 1,
                                   .next = (size_t)at + 1 < n ? at + 1 : -1,
                                   .node = -1,
                                   .id = -1 };
        if (e->t->merges != NULL)
            e->symbols[at].id = find_piece(e->t, (fr_str){ text.at + i, step });
    }
    return at;
}

static int32_t node_of(encoding *e, int32_t symbol_at)
{
    symbol *s = &e->symbols[symbol_at];
    if (s->node >= 0)
        return s->node;
    FR_GROW(e->nodes, e->nodes_n, e->nodes_cap);
    int32_t id = find_piece(e->t, (fr_str){ e->text + s->at, s->bytes });
    e->nodes[e->nodes_n] = (node){ id, -1, -1, s->at, s->bytes };
    return s->node = (int32_t)e->nodes_n++;
}

/* Remembers of what a piece was joined: an unused one is given out as its parts. */
static void remember(encoding *e, candidate c)
{
    int32_t left = node_of(e, c.left), right = node_of(e, c.right);
    FR_GROW(e->nodes, e->nodes_n, e->nodes_cap);
    e->nodes[e->nodes_n] = (node){ c.id, left, right, e->symbols[c.left].at, c.bytes };
    e->symbols[c.left].node = (int32_t)e->nodes_n++;
}

static void join_all(encoding *e)
{
    symbol *s = e->symbols;
    while (e->heap_n > 0) {
        candidate c = heap_pop(e);
        if (s[c.left].bytes == 0 || s[c.right].bytes == 0 ||
            s[c.left].bytes + s[c.right].bytes != c.bytes)
            continue;
        if (e->t->has_unused)
            remember(e, c);
        s[c.left].bytes = c.bytes;
        s[c.left].id = c.id;
        s[c.right].bytes = 0;
        s[c.left].next = s[c.right].next;
        if (s[c.left].next >= 0)
            s[s[c.left].next].previous = c.left;
        propose(e, s[c.left].previous, c.left);
        propose(e, c.left, s[c.left].next);
    }
}

static void put_piece(encoding *e, int32_t id, fr_str raw)
{
    if (id >= 0) {
        fr_ids_put(e->ids, id);
        e->after_unknown = false;
        return;
    }
    if (e->t->byte_ids[(uint8_t)raw.at[0]] >= 0) {
        for (size_t i = 0; i < raw.n; i++) {
            int32_t byte = e->t->byte_ids[(uint8_t)raw.at[i]];
            if (byte >= 0)
                fr_ids_put(e->ids, byte);
        }
        e->after_unknown = false;
        return;
    }
    if (e->t->unk >= 0 && !e->after_unknown)
        fr_ids_put(e->ids, e->t->unk);
    e->after_unknown = true;
}

/* Gives out a piece, or its parts while it is an unused one. Deep trees are walked by a stack. */
static void put_parts(encoding *e, int32_t root)
{
    fr_ids stack = { 0 };
    fr_ids_put(&stack, root);
    while (stack.n > 0) {
        node at = e->nodes[stack.at[--stack.n]];
        if (at.id >= 0 && at.left >= 0 && e->t->types[at.id] == FR_TOKEN_UNUSED) {
            fr_ids_put(&stack, at.right);
            fr_ids_put(&stack, at.left);
        } else {
            put_piece(e, at.id, (fr_str){ e->text + at.at, at.bytes });
        }
    }
    fr_ids_fini(&stack);
}

int fr_spm_encode(const fr_tokenizer *t, fr_str text, bool space_prefix, fr_ids *ids, fr_err *err)
{
    FR_AUTO(fr_buf) escaped = { .limit_bytes = (size_t)3 << 30 };
    escape(text, space_prefix, &escaped);
    if (escaped.full || escaped.n > INT32_MAX)
        return fr_fail(err, FR_E_LIMIT, "Break it into smaller files.",
                       "the text has more than 2 GiB once its spaces are escaped");
    encoding e = { .t = t, .ids = ids, .text = escaped.at };
    int32_t n = cut_into_characters(&e, fr_buf_str(&escaped));
    for (int32_t i = 0; i + 1 < n; i++)
        propose(&e, i, i + 1);
    join_all(&e);
    for (int32_t i = n > 0 ? 0 : -1; i >= 0; i = e.symbols[i].next) {
        if (t->has_unused) {
            put_parts(&e, node_of(&e, i));
            continue;
        }
        fr_str raw = { e.text + e.symbols[i].at, e.symbols[i].bytes };
        put_piece(&e, find_piece(t, raw), raw);
    }
    free(e.symbols);
    free(e.heap);
    free(e.nodes);
    return 0;
}
