/* Texts by their prefixes: all tokens that begin at a place of a text are found in one walk over
 * its bytes. Children of a node lie side by side, by rising byte. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/text_priv.h"

typedef struct {
    uint32_t first; /* child */
    int32_t id;     /* of the text that ends here; -1: none */
    uint16_t n;     /* children */
    uint8_t byte;
} node;

struct fr_trie {
    node *nodes; /* [0] is the root, which is nobody's child */
    size_t n, cap;
    uint32_t root[256]; /* the root's children by their byte; 0: none */
};

/* Which of the sorted texts a node is the prefix of, and how long it is. */
typedef struct {
    size_t from, to, depth;
} range;

static int by_bytes(const void *a, const void *b)
{
    const fr_trie_text *ta = a, *tb = b;
    size_t n = FR_MIN(ta->text.n, tb->text.n);
    int order = n > 0 ? memcmp(ta->text.at, tb->text.at, n) : 0;
    if (order != 0)
        return order;
    if (ta->text.n != tb->text.n)
        return ta->text.n < tb->text.n ? -1 : 1;
    return ta->id < tb->id ? -1 : ta->id > tb->id;
}

static unsigned char byte_at(const fr_trie_text *t, size_t depth)
{
    return (unsigned char)t->text.at[depth];
}

fr_trie *fr_trie_new(fr_trie_text *texts, size_t n)
{
    fr_trie *t = FR_NEW(fr_trie);
    range *ranges = FR_NEW(range); /* of each node */
    size_t ranges_cap = 1;
    if (n > 0)
        qsort(texts, n, sizeof(*texts), by_bytes);
    FR_GROW(t->nodes, t->n, t->cap);
    ranges[0] = (range){ 0, n, 0 };
    t->nodes[t->n++] = (node){ .id = -1 };
    for (size_t at = 0; at < t->n; at++) {
        range r = ranges[at];
        if (r.from < r.to && texts[r.from].text.n == r.depth) /* of equal texts the smallest id */
            t->nodes[at].id = texts[r.from].id;
        while (r.from < r.to && texts[r.from].text.n == r.depth)
            r.from++;
        t->nodes[at].first = (uint32_t)t->n;
        while (r.from < r.to) {
            size_t end = r.from;
            unsigned char byte = byte_at(&texts[r.from], r.depth);
            while (end < r.to && byte_at(&texts[end], r.depth) == byte)
                end++;
            FR_GROW(t->nodes, t->n, t->cap);
            FR_GROW(ranges, t->n, ranges_cap);
            ranges[t->n] = (range){ r.from, end, r.depth + 1 };
            t->nodes[at].n++;
            if (at == 0)
                t->root[byte] = (uint32_t)t->n;
            t->nodes[t->n++] = (node){ .id = -1, .byte = byte };
            r.from = end;
        }
    }
    free(ranges);
    return t;
}

void fr_trie_free(fr_trie *t)
{
    if (t == NULL)
        return;
    free(t->nodes);
    free(t);
}

uint32_t fr_trie_step(const fr_trie *t, uint32_t at, char byte, int32_t *id)
{
    const unsigned char wanted = (unsigned char)byte;
    if (at == 0) {
        at = t->root[wanted];
    } else {
        size_t low = t->nodes[at].first, high = low + t->nodes[at].n;
        const size_t end = high;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (t->nodes[middle].byte < wanted)
                low = middle + 1;
            else
                high = middle;
        }
        at = low < end && t->nodes[low].byte == wanted ? (uint32_t)low : 0;
    }
    *id = at != 0 ? t->nodes[at].id : -1;
    return at;
}
