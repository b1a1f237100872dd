/* Learning a byte-level BPE vocabulary.
 *
 * The texts become a dictionary of words with their counts. Each word is a row of token ids; each
 * adjacent pair has a count and a list of the words it may stand in. A merge touches only those
 * words, and changes only the counts of the pairs beside it. A heap holds every pair with a count
 * that is never below the true one: a popped pair whose count has fallen goes back with the true
 * one, so the first that is right is the most frequent.
 *
 * Ties go to the pair of smaller ids, so the result depends on the counts alone. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "text/text_priv.h"
#include "text/utf8.h"

typedef struct {
    fr_str text; /* borrowed from the texts, at its first place */
    uint64_t count;
    uint32_t at, n; /* its ids in training.ids */
} word;

typedef struct {
    int32_t left, right;
    int64_t count;
    uint32_t *words; /* owned: where it may stand; a word may be named twice */
    uint32_t words_n, words_cap;
    bool dropped;
} pair;

typedef struct {
    int64_t count;
    int32_t left, right;
    uint32_t pair;
} candidate;

typedef struct {
    word *words;
    size_t words_n, words_cap;
    uint32_t *word_slots; /* index + 1; 0 empty */
    size_t word_mask;

    int32_t *ids;

    pair *pairs;
    size_t pairs_n, pairs_cap;
    uint32_t *pair_slots; /* index + 1; 0 empty */
    size_t pair_mask;

    candidate *heap;
    size_t heap_n, heap_cap;

    fr_str *tokens; /* [tokens_n] their bytes; owned each, but for the special ones */
    size_t tokens_n, n_special;
    uint32_t *token_slots;
    size_t token_mask;
} training;

/* ---- words ----------------------------------------------------------------------------------- */

static void grow_word_slots(training *t)
{
    size_t slots = t->word_mask == 0 ? 1u << 16 : (t->word_mask + 1) * 2;
    free(t->word_slots);
    t->word_slots = FR_NEW_N(uint32_t, slots);
    t->word_mask = slots - 1;
    for (size_t w = 0; w < t->words_n; w++) {
        size_t i = fr_hash64(t->words[w].text.at, t->words[w].text.n, 0) & t->word_mask;
        while (t->word_slots[i] != 0)
            i = (i + 1) & t->word_mask;
        t->word_slots[i] = (uint32_t)w + 1;
    }
}

static void count_word(void *user, fr_str text)
{
    training *t = user;
    if (t->words_n * 2 >= t->word_mask)
        grow_word_slots(t);
    size_t i = fr_hash64(text.at, text.n, 0) & t->word_mask;
    for (; t->word_slots[i] != 0; i = (i + 1) & t->word_mask) {
        word *w = &t->words[t->word_slots[i] - 1];
        if (fr_str_equal(w->text, text)) {
            w->count++;
            return;
        }
    }
    FR_GROW(t->words, t->words_n, t->words_cap);
    t->words[t->words_n++] = (word){ .text = text, .count = 1 };
    t->word_slots[i] = (uint32_t)t->words_n;
}

static int count_words(training *t, const fr_str *texts, size_t n_texts, fr_err *err)
{
    fr_pretokens *pre = NULL;
    FR_TRY(fr_pretokens_new(&(fr_vocab){ .pre = "gpt-2" }, &pre, err));
    int rc = 0;
    for (size_t i = 0; i < n_texts && rc == 0; i++)
        rc = fr_pretokens_split(pre, texts[i], count_word, t, err);
    fr_pretokens_free(pre);
    FR_TRY(rc);
    size_t bytes = 0;
    for (size_t i = 0; i < t->words_n; i++)
        bytes += t->words[i].text.n;
    if (bytes > UINT32_MAX || t->words_n >= UINT32_MAX)
        return fr_fail(err, FR_E_LIMIT, "Train the vocabulary on a sample of the text.",
                       "the text has %zu different words of %zu bytes together", t->words_n, bytes);
    return 0;
}

static void cut_words_into_bytes(training *t)
{
    size_t bytes = 0;
    for (size_t i = 0; i < t->words_n; i++)
        bytes += t->words[i].text.n;
    t->ids = FR_NEW_N(int32_t, bytes);
    size_t at = 0;
    for (size_t i = 0; i < t->words_n; i++) {
        word *w = &t->words[i];
        w->at = (uint32_t)at;
        w->n = (uint32_t)w->text.n;
        for (size_t b = 0; b < w->text.n; b++)
            t->ids[at++] = (int32_t)(t->n_special + (uint8_t)w->text.at[b]);
    }
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static size_t pair_hash(int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key *= 0x9E3779B97F4A7C15u;
    return (size_t)(key ^ key >> 29);
}

static void grow_pair_slots(training *t)
{
    size_t slots = t->pair_mask == 0 ? 1u << 16 : (t->pair_mask + 1) * 2;
    free(t->pair_slots);
    t->pair_slots = FR_NEW_N(uint32_t, slots);
    t->pair_mask = slots - 1;
    for (size_t p = 0; p < t->pairs_n; p++) {
        size_t i = pair_hash(t->pairs[p].left, t->pairs[p].right) & t->pair_mask;
        while (t->pair_slots[i] != 0)
            i = (i + 1) & t->pair_mask;
        t->pair_slots[i] = (uint32_t)p + 1;
    }
}

static uint32_t pair_at(training *t, int32_t left, int32_t right)
{
    if (t->pairs_n * 2 >= t->pair_mask)
        grow_pair_slots(t);
    size_t i = pair_hash(left, right) & t->pair_mask;
    for (; t->pair_slots[i] != 0; i = (i + 1) & t->pair_mask) {
        const pair *p = &t->pairs[t->pair_slots[i] - 1];
        if (p->left == left && p->right == right)
            return t->pair_slots[i] - 1;
    }
    FR_GROW(t->pairs, t->pairs_n, t->pairs_cap);
    t->pairs[t->pairs_n++] = (pair){ .left = left, .right = right };
    t->pair_slots[i] = (uint32_t)t->pairs_n;
    return (uint32_t)t->pairs_n - 1;
}

/* True the first time that the pair gets this word (words come one after the other). */
static void pair_add(training *t, uint32_t at, uint32_t word_at, uint64_t count)
{
    pair *p = &t->pairs[at];
    p->count += (int64_t)count;
    if (p->words_n > 0 && p->words[p->words_n - 1] == word_at)
        return;
    FR_GROW(p->words, p->words_n, p->words_cap);
    p->words[p->words_n++] = word_at;
}

static bool better(candidate a, candidate b)
{
    if (a.count != b.count)
        return a.count > b.count;
    return a.left != b.left ? a.left < b.left : a.right < b.right;
}

static void heap_push(training *t, uint32_t at)
{
    const pair *p = &t->pairs[at];
    if (p->count < 2 || p->dropped)
        return;
    FR_GROW(t->heap, t->heap_n, t->heap_cap);
    candidate c = { p->count, p->left, p->right, at };
    size_t i = t->heap_n++;
    for (; i > 0 && better(c, t->heap[(i - 1) / 2]); i = (i - 1) / 2)
        t->heap[i] = t->heap[(i - 1) / 2];
    t->heap[i] = c;
}

static candidate heap_pop(training *t)
{
    candidate top = t->heap[0], last = t->heap[--t->heap_n];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= t->heap_n)
            break;
        if (child + 1 < t->heap_n && better(t->heap[child + 1], t->heap[child]))
            child++;
        if (!better(t->heap[child], last))
            break;
        t->heap[i] = t->heap[child];
        i = child;
    }
    if (t->heap_n > 0)
        t->heap[i] = last;
    return top;
}

static void count_pairs(training *t)
{
    for (uint32_t w = 0; w < t->words_n; w++) {
        const int32_t *ids = t->ids + t->words[w].at;
        for (uint32_t i = 0; i + 1 < t->words[w].n; i++)
            pair_add(t, pair_at(t, ids[i], ids[i + 1]), w, t->words[w].count);
    }
    for (uint32_t p = 0; p < t->pairs_n; p++)
        heap_push(t, p);
}

/* The most frequent pair; false when none stands twice. */
static bool best_pair(training *t, uint32_t *out)
{
    while (t->heap_n > 0) {
        candidate c = heap_pop(t);
        const pair *p = &t->pairs[c.pair];
        if (p->dropped || p->count < 2)
            continue;
        if (p->count < c.count) {
            heap_push(t, c.pair);
            continue;
        }
        *out = c.pair;
        return true;
    }
    return false;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static uint32_t *token_slot(training *t, fr_str bytes)
{
    size_t i = fr_hash64(bytes.at, bytes.n, 0) & t->token_mask;
    while (t->token_slots[i] != 0 && !fr_str_equal(t->tokens[t->token_slots[i] - 1], bytes))
        i = (i + 1) & t->token_mask;
    return &t->token_slots[i];
}

static void start_tokens(training *t, const char *const *special, size_t n_special, size_t n_vocab)
{
    size_t slots = 1024;
    while (slots < n_vocab * 2)
        slots *= 2;
    t->token_slots = FR_NEW_N(uint32_t, slots);
    t->token_mask = slots - 1;
    t->tokens = FR_NEW_N(fr_str, n_vocab);
    t->n_special = n_special;
    for (size_t i = 0; i < n_special; i++)
        t->tokens[t->tokens_n++] = fr_str_of(special[i]);
    for (int byte = 0; byte < 256; byte++) {
        char c = (char)byte;
        t->tokens[t->tokens_n] = (fr_str){ fr_dup_n(&c, 1), 1 };
        t->tokens_n++;
    }
    for (size_t i = 0; i < t->tokens_n; i++) {
        uint32_t *slot = token_slot(t, t->tokens[i]);
        *slot = *slot != 0 ? *slot : (uint32_t)i + 1;
    }
}

/* The id of the token that a pair makes: a new one, or the one that has its text already (then
 * reached by two ways of merging). -1: its text is a control token's, which text never makes. */
static int32_t token_of_pair(training *t, const pair *p)
{
    fr_str left = t->tokens[p->left], right = t->tokens[p->right];
    char *bytes = FR_NEW_N(char, left.n + right.n + 1);
    memcpy(bytes, left.at, left.n);
    memcpy(bytes + left.n, right.at, right.n);
    fr_str joined = { bytes, left.n + right.n };
    uint32_t *slot = token_slot(t, joined);
    if (*slot != 0) {
        free(bytes);
        return *slot - 1 < t->n_special ? -1 : (int32_t)*slot - 1;
    }
    t->tokens[t->tokens_n++] = joined;
    *slot = (uint32_t)t->tokens_n;
    return (int32_t)t->tokens_n - 1;
}

/* ---- merging --------------------------------------------------------------------------------- */

/* Joins left right in one word from left to right. Counts fall for the pairs that go and rise for
 * those that come; the pairs that rose are noted in risen. */
static void merge_in_word(training *t, uint32_t w, int32_t left, int32_t right, int32_t id,
                          fr_ids *risen)
{
    word *in = &t->words[w];
    int32_t *ids = t->ids + in->at;
    uint32_t i = 0;
    while (i + 1 < in->n && !(ids[i] == left && ids[i + 1] == right))
        i++;
    if (i + 1 >= in->n)
        return; /* named twice, or joined otherwise meanwhile */
    for (uint32_t p = 0; p + 1 < in->n; p++)
        t->pairs[pair_at(t, ids[p], ids[p + 1])].count -= (int64_t)in->count;
    uint32_t n = 0;
    for (i = 0; i < in->n; i++, n++) {
        bool here = i + 1 < in->n && ids[i] == left && ids[i + 1] == right;
        ids[n] = here ? id : ids[i];
        i += here;
    }
    in->n = n;
    for (uint32_t p = 0; p + 1 < n; p++) {
        uint32_t at = pair_at(t, ids[p], ids[p + 1]);
        bool came = ids[p] == id || ids[p + 1] == id;
        if (!came) {
            t->pairs[at].count += (int64_t)in->count; /* it stood here before */
            continue;
        }
        pair_add(t, at, w, in->count);
        if (risen->n == 0 || risen->at[risen->n - 1] != (int32_t)at)
            fr_ids_put(risen, (int32_t)at);
    }
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void merge_pair(training *t, uint32_t at, int32_t id, fr_ids *risen)
{
    int32_t left = t->pairs[at].left, right = t->pairs[at].right;
    uint32_t *words = t->pairs[at].words, n = t->pairs[at].words_n;
    t->pairs[at].words = NULL;
    t->pairs[at].words_n = t->pairs[at].words_cap = 0;
    fr_ids_clear(risen);
    for (uint32_t i = 0; i < n; i++)
        merge_in_word(t, words[i], left, right, id, risen);
    free(words);
    fr_sort(risen->at, risen->n, sizeof(*risen->at), by_number);
    for (size_t i = 0; i < risen->n; i++) {
        if (i == 0 || risen->at[i] != risen->at[i - 1])
            heap_push(t, (uint32_t)risen->at[i]);
    }
}

static void learn(training *t, size_t n_vocab, fr_ids *merges)
{
    fr_ids risen = { 0 };
    uint32_t at = 0;
    while (t->tokens_n < n_vocab && best_pair(t, &at)) {
        int32_t id = token_of_pair(t, &t->pairs[at]);
        if (id < 0) {
            t->pairs[at].dropped = true;
            continue;
        }
        fr_ids_put(merges, t->pairs[at].left);
        fr_ids_put(merges, t->pairs[at].right);
        merge_pair(t, at, id, &risen);
    }
    fr_ids_fini(&risen);
}

/* ---- the result ------------------------------------------------------------------------------ */

static void put_raw(fr_buf *out, fr_str bytes)
{
    for (size_t i = 0; i < bytes.n; i++) {
        char c[4];
        fr_buf_put(out, c, fr_utf8_put(fr_byte_char((uint8_t)bytes.at[i]), c));
    }
}

/* Writes all strings into one block; slices get their places once it no longer moves. */
static void give_out(const training *t, const fr_ids *merges, fr_bpe *out)
{
    *out = (fr_bpe){ .n = t->tokens_n, .n_merges = merges->n / 2 };
    out->tokens = FR_NEW_N(fr_str, out->n);
    out->merges = FR_NEW_N(fr_str, out->n_merges);
    out->types = FR_NEW_N(uint8_t, out->n);
    FR_AUTO(fr_buf) text = { 0 };
    for (size_t i = 0; i < out->n; i++) {
        size_t from = text.n;
        if (i < t->n_special)
            fr_buf_put_str(&text, t->tokens[i]);
        else
            put_raw(&text, t->tokens[i]);
        out->tokens[i].n = text.n - from;
        out->types[i] = i < t->n_special ? FR_TOKEN_CONTROL : FR_TOKEN_NORMAL;
    }
    for (size_t i = 0; i < out->n_merges; i++) {
        size_t from = text.n;
        put_raw(&text, t->tokens[merges->at[2 * i]]);
        fr_buf_put_c(&text, ' ');
        put_raw(&text, t->tokens[merges->at[2 * i + 1]]);
        out->merges[i].n = text.n - from;
    }
    char *at = out->memory = fr_buf_take(&text);
    for (size_t i = 0; i < out->n; at += out->tokens[i++].n)
        out->tokens[i].at = at;
    for (size_t i = 0; i < out->n_merges; at += out->merges[i++].n)
        out->merges[i].at = at;
}

static void training_fini(training *t)
{
    for (size_t i = 0; i < t->pairs_n; i++)
        free(t->pairs[i].words);
    for (size_t i = t->n_special; i < t->tokens_n; i++)
        free((char *)t->tokens[i].at);
    free(t->words);
    free(t->word_slots);
    free(t->ids);
    free(t->pairs);
    free(t->pair_slots);
    free(t->heap);
    free(t->tokens);
    free(t->token_slots);
}

int fr_bpe_train(const fr_str *texts, size_t n_texts, const char *const *special, size_t n_special,
                 size_t n_vocab, fr_bpe *out, fr_err *err)
{
    if (n_vocab < n_special + 256 || n_vocab > 1u << 24)
        return fr_fail(err, FR_E_USAGE, "The 256 bytes and the control tokens need a place each.",
                       "a vocabulary of %zu tokens cannot hold 256 bytes and %zu control tokens",
                       n_vocab, n_special);
    training t = { 0 };
    fr_ids merges = { 0 };
    int rc = count_words(&t, texts, n_texts, err);
    if (rc == 0) {
        start_tokens(&t, special, n_special, n_vocab);
        cut_words_into_bytes(&t);
        count_pairs(&t);
        learn(&t, n_vocab, &merges);
        give_out(&t, &merges, out);
    }
    fr_ids_fini(&merges);
    training_fini(&t);
    return rc;
}

void fr_bpe_fini(fr_bpe *b)
{
    free(b->tokens);
    free(b->merges);
    free(b->types);
    free(b->memory);
    *b = (fr_bpe){ 0 };
}
