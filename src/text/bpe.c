/* Byte-level BPE: in each word, the adjacent pair whose merge has the best rank is joined, the
 * leftmost first, until no pair has one.
 *
 * Short words scan an array of ranks; long ones (a line of a thousand letters) use a linked list
 * and a heap, so that time grows with n log n. Both give the same tokens. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "text/text_priv.h"
#include "text/utf8.h"

enum { SCAN_AT_MOST = 32 };

static size_t pair_hash(int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key *= 0x9E3779B97F4A7C15u;
    return (size_t)(key ^ key >> 29);
}

const fr_merge *fr_merge_find(const fr_tokenizer *t, int32_t left, int32_t right)
{
    if (left < 0 || right < 0)
        return NULL;
    for (size_t i = pair_hash(left, right) & t->merge_mask;; i = (i + 1) & t->merge_mask) {
        const fr_merge *m = &t->merges[i];
        if (m->left < 0)
            return NULL;
        if (m->left == left && m->right == right)
            return m;
    }
}

static void put_merge(fr_tokenizer *t, fr_merge merge)
{
    size_t i = pair_hash(merge.left, merge.right) & t->merge_mask;
    for (; t->merges[i].left >= 0; i = (i + 1) & t->merge_mask) {
        if (t->merges[i].left == merge.left && t->merges[i].right == merge.right)
            return; /* the better rank came first */
    }
    t->merges[i] = merge;
}

/* "left right": the first space parts them, but one at the very start belongs to left. */
static int read_merge(const fr_tokenizer *t, fr_str line, size_t rank, fr_buf *joined, fr_err *err)
{
    static const char *const HINT = "The model file's tokenizer is damaged.";
    size_t at = 0;
    if (line.n < 3 || !fr_str_find((fr_str){ line.at + 1, line.n - 1 }, FR_STR(" "), &at))
        return fr_fail(err, FR_E_FORMAT, HINT, "merge %zu of the vocabulary is not two tokens",
                       rank);
    at++;
    fr_str left = { line.at, at }, right = { line.at + at + 1, line.n - at - 1 };
    fr_buf_clear(joined);
    fr_buf_put_str(joined, left);
    fr_buf_put_str(joined, right);
    fr_merge merge = { .left = fr_tokenizer_find(t, left),
                       .right = fr_tokenizer_find(t, right),
                       .rank = (int32_t)rank,
                       .id = fr_tokenizer_find(t, fr_buf_str(joined)) };
    if (merge.left < 0 || merge.right < 0 || merge.id < 0)
        return fr_fail(err, FR_E_FORMAT, HINT,
                       "merge %zu joins or makes a token that is not in the vocabulary", rank);
    put_merge((fr_tokenizer *)t, merge);
    return 0;
}

int fr_merges_prepare(fr_tokenizer *t, const fr_vocab *vocab, fr_err *err)
{
    if (vocab->n_merges > INT32_MAX / 4)
        return fr_fail(err, FR_E_FORMAT, NULL, "the vocabulary has %zu merges", vocab->n_merges);
    size_t slots = 16;
    while (slots < vocab->n_merges * 2)
        slots *= 2;
    t->merges = FR_NEW_N(fr_merge, slots);
    t->merge_mask = slots - 1;
    for (size_t i = 0; i < slots; i++)
        t->merges[i].left = -1;
    FR_AUTO(fr_buf) joined = { 0 };
    for (size_t i = 0; i < vocab->n_merges; i++)
        FR_TRY(read_merge(t, vocab->merges[i], i, &joined, err));
    return 0;
}

int fr_bpe_prepare(fr_tokenizer *t, const fr_vocab *vocab, fr_err *err)
{
    FR_TRY(fr_merges_prepare(t, vocab, err));
    return fr_pretokens_new(vocab, &t->pre, err);
}

/* ---- one word -------------------------------------------------------------------------------- */

typedef struct {
    int32_t id; /* -1: joined to the one before */
    int32_t previous, next;
} symbol;

typedef struct {
    int32_t rank, at; /* position of the left symbol */
    const fr_merge *merge;
} candidate;

typedef struct {
    const fr_tokenizer *t;
    fr_ids *ids;
    fr_buf raw;
    symbol *symbols;
    size_t symbols_cap;
    candidate *heap;
    size_t heap_n, heap_cap;
} encoding;

static void put_id(encoding *e, int32_t id)
{
    if (id >= 0)
        fr_ids_put(e->ids, id);
    else if (e->t->unk >= 0)
        fr_ids_put(e->ids, e->t->unk);
}

static void merge_short(encoding *e, fr_str word)
{
    const fr_merge *merges[SCAN_AT_MOST];
    int32_t ids[SCAN_AT_MOST];
    size_t n = word.n;
    for (size_t i = 0; i < n; i++)
        ids[i] = e->t->byte_ids[(uint8_t)word.at[i]];
    for (size_t i = 0; i + 1 < n; i++)
        merges[i] = fr_merge_find(e->t, ids[i], ids[i + 1]);
    for (;;) {
        size_t best = n;
        int32_t rank = INT32_MAX;
        for (size_t i = 0; i + 1 < n; i++) {
            if (merges[i] != NULL && merges[i]->rank < rank) {
                best = i;
                rank = merges[i]->rank;
            }
        }
        if (best == n)
            break;
        ids[best] = merges[best]->id;
        n--;
        memmove(&ids[best + 1], &ids[best + 2], (n - best - 1) * sizeof(*ids));
        memmove(&merges[best], &merges[best + 1], (n - best) * sizeof(*merges));
        if (best + 1 < n)
            merges[best] = fr_merge_find(e->t, ids[best], ids[best + 1]);
        if (best > 0)
            merges[best - 1] = fr_merge_find(e->t, ids[best - 1], ids[best]);
    }
    for (size_t i = 0; i < n; i++)
        put_id(e, ids[i]);
}

static bool better(candidate a, candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

#include "text/merge_heap_body.h"

static void propose(encoding *e, int32_t at)
{
    int32_t next = e->symbols[at].next;
    if (next < 0)
        return;
    const fr_merge *merge = fr_merge_find(e->t, e->symbols[at].id, e->symbols[next].id);
    if (merge == NULL)
        return;
    heap_put(e, (candidate){ merge->rank, at, merge });
}

static void merge_long(encoding *e, fr_str word)
{
    if (e->symbols_cap < word.n) {
        e->symbols_cap = word.n;
        e->symbols = fr_array_resize(e->symbols, word.n, sizeof(*e->symbols));
    }
    symbol *s = e->symbols;
    int32_t n = (int32_t)word.n;
    for (int32_t i = 0; i < n; i++)
        s[i] = (symbol){ e->t->byte_ids[(uint8_t)word.at[i]], i - 1, i + 1 < n ? i + 1 : -1 };
    /* A byte without a token is a symbol that nothing joins; dead ones are told by INT32_MIN. */
    e->heap_n = 0;
    for (int32_t i = 0; i < n; i++)
        propose(e, i);
    while (e->heap_n > 0) {
        candidate c = heap_pop(e);
        int32_t next = s[c.at].next;
        if (next < 0 || s[c.at].id != c.merge->left || s[next].id != c.merge->right)
            continue; /* one of the two was joined to something else meanwhile */
        s[c.at].id = c.merge->id;
        s[c.at].next = s[next].next;
        s[next].id = INT32_MIN;
        if (s[c.at].next >= 0)
            s[s[c.at].next].previous = c.at;
        propose(e, c.at);
        if (s[c.at].previous >= 0)
            propose(e, s[c.at].previous);
    }
    for (int32_t i = 0; i >= 0; i = s[i].next)
        put_id(e, s[i].id);
}

/* The id of a word that is a token as it stands; -1: it is none. */
static int32_t whole_word(encoding *e, fr_str word)
{
    fr_buf_clear(&e->raw);
    for (size_t i = 0; i < word.n; i++) {
        char c[4];
        fr_buf_put(&e->raw, c, fr_utf8_put(fr_byte_char((uint8_t)word.at[i]), c));
    }
    return fr_tokenizer_find(e->t, fr_buf_str(&e->raw));
}

static void encode_word(void *user, fr_str word)
{
    encoding *e = user;
    if (fr_pretokens_whole_words(e->t->pre)) {
        int32_t id = whole_word(e, word);
        if (id >= 0 && e->t->types[id] == FR_TOKEN_NORMAL) {
            fr_ids_put(e->ids, id);
            return;
        }
    }
    if (word.n <= SCAN_AT_MOST)
        merge_short(e, word);
    else
        merge_long(e, word);
}

int fr_bpe_encode(const fr_tokenizer *t, fr_str text, fr_ids *ids, fr_err *err)
{
    encoding e = { .t = t, .ids = ids };
    int rc = fr_pretokens_split(t->pre, text, encode_word, &e, err);
    fr_buf_fini(&e.raw);
    free(e.symbols);
    free(e.heap);
    return rc;
}
