/*
 * Words on their way into an index: each different word is analyzed once and remembered, each term
 * keeps the list of its chunks in the very bytes in which it will stand in the file.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "rag/rag_priv.h"

#define CACHE_MOST_BYTES ((size_t)48 << 20) /* of words as they stand in texts */
#define NO_CHUNK         UINT32_MAX

typedef struct {
    uint32_t name_at, name_n; /* of names */
    uint32_t last, once;      /* the chunk being counted, and its count */
    uint32_t written;         /* number of the last chunk in bytes */
    uint32_t n;               /* chunks */
    uint8_t *bytes;
    uint32_t n_bytes, cap_bytes;
} term;

typedef struct {
    uint64_t hash;
    uint32_t word_at, word_n; /* of words */
    uint32_t first, n_terms;  /* of ids; first < 2^31 */
} seen_word;

struct postings {
    analyzer *analyzer; /* borrowed */
    term *terms;
    size_t n, cap;
    uint32_t *term_slots; /* index + 1 into terms */
    size_t n_term_slots;
    fr_buf names;
    seen_word *word_slots;
    size_t n_word_slots, n_words;
    fr_buf words;
    uint32_t *ids; /* term << 1 | quiet */
    size_t n_ids, cap_ids;
    size_t list_bytes, n_chunks;
    word_terms scratch;
};

static void put_varint(uint8_t **to, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *(*to)++ = (uint8_t)(v | 0x80);
    *(*to)++ = (uint8_t)v;
}

static bool get_varint(posting_reader *r, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        uint8_t byte = *r->at++;
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out = v;
            return true;
        }
    }
    return false;
}

bool posting_next(posting_reader *r, uint64_t *chunk, uint32_t *count)
{
    uint64_t gap, n = 1;
    if (r->at == r->end || !get_varint(r, &gap))
        return false;
    if ((gap & 1) == 0 && (!get_varint(r, &n) || n > UINT32_MAX))
        return false;
    r->last += gap >> 1;
    *chunk = r->last;
    *count = (uint32_t)n;
    return true;
}

void posting_put(fr_buf *out, uint64_t gap, uint32_t count)
{
    uint8_t bytes[20], *end = bytes;
    put_varint(&end, gap << 1 | (count == 1));
    if (count != 1)
        put_varint(&end, count);
    fr_buf_put(out, bytes, (size_t)(end - bytes));
}

postings *postings_new(analyzer *a)
{
    postings *p = FR_NEW(postings);
    p->analyzer = a;
    p->n_term_slots = p->n_word_slots = 1 << 12;
    p->term_slots = FR_NEW_N(uint32_t, p->n_term_slots);
    p->word_slots = FR_NEW_N(seen_word, p->n_word_slots);
    p->names.limit_bytes = p->words.limit_bytes = UINT32_MAX;
    return p;
}

static void forget_words(postings *p)
{
    memset(p->word_slots, 0, p->n_word_slots * sizeof(*p->word_slots));
    fr_buf_clear(&p->words);
    p->n_words = p->n_ids = 0;
}

static void forget_terms(postings *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->terms[i].bytes);
    memset(p->term_slots, 0, p->n_term_slots * sizeof(*p->term_slots));
    fr_buf_clear(&p->names);
    p->n = p->list_bytes = p->n_chunks = 0;
}

void postings_free(postings *p)
{
    if (p == NULL)
        return;
    forget_terms(p);
    free(p->terms);
    free(p->term_slots);
    free(p->word_slots);
    free(p->ids);
    fr_buf_fini(&p->names);
    fr_buf_fini(&p->words);
    word_terms_fini(&p->scratch);
    free(p);
}

size_t postings_bytes(const postings *p)
{
    return p->list_bytes + p->cap * sizeof(*p->terms) + p->names.cap + p->words.cap +
           p->n_word_slots * sizeof(*p->word_slots) + p->n_term_slots * sizeof(*p->term_slots) +
           p->cap_ids * sizeof(*p->ids);
}

size_t postings_n_chunks(const postings *p)
{
    return p->n_chunks;
}

static fr_str name_of(const postings *p, const term *t)
{
    return (fr_str){ p->names.at + t->name_at, t->name_n };
}

static uint32_t *term_slot(const postings *p, fr_str name)
{
    size_t i = (size_t)fr_hash64(name.at, name.n, 1) & (p->n_term_slots - 1);
    while (p->term_slots[i] != 0 &&
           !fr_str_equal(name_of(p, &p->terms[p->term_slots[i] - 1]), name))
        i = (i + 1) & (p->n_term_slots - 1);
    return &p->term_slots[i];
}

static void more_term_slots(postings *p)
{
    free(p->term_slots);
    p->n_term_slots *= 2;
    p->term_slots = FR_NEW_N(uint32_t, p->n_term_slots);
    for (size_t i = 0; i < p->n; i++)
        *term_slot(p, name_of(p, &p->terms[i])) = (uint32_t)i + 1;
}

static uint32_t term_of(postings *p, fr_str name)
{
    uint32_t *slot = term_slot(p, name);
    if (*slot != 0)
        return *slot - 1;
    FR_GROW(p->terms, p->n, p->cap);
    p->terms[p->n] =
        (term){ .name_at = (uint32_t)p->names.n, .name_n = (uint32_t)name.n, .last = NO_CHUNK };
    fr_buf_put_str(&p->names, name);
    *slot = (uint32_t)++p->n;
    if (p->n * 2 > p->n_term_slots)
        more_term_slots(p);
    return (uint32_t)p->n - 1;
}

static void more_word_slots(postings *p)
{
    seen_word *old = p->word_slots;
    size_t n = p->n_word_slots;
    p->n_word_slots *= 2;
    p->word_slots = FR_NEW_N(seen_word, p->n_word_slots);
    for (size_t i = 0; i < n; i++) {
        if (old[i].word_n == 0)
            continue;
        size_t at = (size_t)old[i].hash & (p->n_word_slots - 1);
        while (p->word_slots[at].word_n != 0)
            at = (at + 1) & (p->n_word_slots - 1);
        p->word_slots[at] = old[i];
    }
    free(old);
}

/* The word as the cache knows it: ASCII small, but camelCase as it is. */
static fr_str key_of(fr_str word, char key[WORD_BYTES])
{
    if (word_has_parts(word))
        return word;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.at[i];
        key[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return (fr_str){ key, word.n };
}

/* Eight bytes a step; only for this table. */
static uint64_t hash_key(fr_str key)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ key.n;
    size_t i = 0;
    for (; i + 8 <= key.n; i += 8) {
        uint64_t v;
        memcpy(&v, key.at + i, 8);
        h = (h ^ v) * 0xFF51AFD7ED558CCDu;
        h ^= h >> 32;
    }
    uint64_t v = 0;
    memcpy(&v, key.at + i, key.n - i);
    h = (h ^ v) * 0xFF51AFD7ED558CCDu;
    return h ^ h >> 32;
}

static const seen_word *word_seen(postings *p, fr_str word, run_kind kind)
{
    char room[WORD_BYTES];
    fr_str key = word.n <= WORD_BYTES ? key_of(word, room) : word;
    uint64_t hash = hash_key(key);
    size_t i = (size_t)hash & (p->n_word_slots - 1);
    for (; p->word_slots[i].word_n != 0; i = (i + 1) & (p->n_word_slots - 1)) {
        const seen_word *w = &p->word_slots[i];
        if (w->hash == hash && w->word_n == key.n &&
            memcmp(p->words.at + w->word_at, key.at, key.n) == 0)
            return w;
    }
    seen_word *w = &p->word_slots[i];
    *w = (seen_word){ hash, (uint32_t)p->words.n, (uint32_t)key.n, (uint32_t)p->n_ids, 0 };
    fr_buf_put_str(&p->words, key);
    analyzer_word(p->analyzer, word, kind, &p->scratch);
    for (size_t t = 0; t < p->scratch.n; t++) {
        const word_term *found = &p->scratch.at[t];
        uint32_t id = term_of(p, (fr_str){ p->scratch.text.at + found->at, found->n });
        FR_GROW(p->ids, p->n_ids, p->cap_ids);
        p->ids[p->n_ids++] = id << 1 | found->quiet;
    }
    w->n_terms = (uint32_t)p->scratch.n;
    if (++p->n_words * 2 > p->n_word_slots) {
        more_word_slots(p);
        return word_seen(p, word, kind);
    }
    return w;
}

/* The chunk that was counted goes into the bytes. */
static void write_last(postings *p, term *t)
{
    if (t->n_bytes + 16 > t->cap_bytes) {
        uint32_t cap = t->cap_bytes == 0 ? 24 : t->cap_bytes + t->cap_bytes / 2;
        t->bytes = fr_array_resize(t->bytes, cap, 1);
        p->list_bytes += cap - t->cap_bytes + (t->cap_bytes == 0 ? 8 : 0);
        t->cap_bytes = cap;
    }
    uint8_t *end = t->bytes + t->n_bytes;
    put_varint(&end, (uint64_t)(t->last - t->written) << 1 | (t->once == 1));
    if (t->once != 1)
        put_varint(&end, t->once);
    t->n_bytes = (uint32_t)(end - t->bytes);
    t->written = t->last;
    t->n++;
}

static uint32_t add_text(postings *p, uint32_t number, fr_str text)
{
    word_scan scan = { .text = text };
    fr_str word;
    run_kind kind;
    uint32_t n = 0;
    while (word_next(&scan, &word, &kind)) {
        const seen_word *w = word_seen(p, word, kind);
        for (uint32_t i = 0; i < w->n_terms; i++) {
            uint32_t id = p->ids[w->first + i];
            term *t = &p->terms[id >> 1];
            n += (id & 1) == 0;
            if (t->last == number) {
                t->once++;
                continue;
            }
            if (t->last != NO_CHUNK)
                write_last(p, t);
            t->last = number;
            t->once = 1;
        }
    }
    return n;
}

uint32_t postings_add(postings *p, uint32_t number, fr_str title, fr_str text)
{
    if (p->words.n > CACHE_MOST_BYTES)
        forget_words(p);
    p->n_chunks++;
    uint32_t n = add_text(p, number, title);
    return n + add_text(p, number, text);
}

typedef struct {
    fr_str name;
    uint32_t at;
} named;

static int by_name(const void *left, const void *right)
{
    const named *a = left, *b = right;
    int order = memcmp(a->name.at, b->name.at, FR_MIN(a->name.n, b->name.n));
    return order != 0 ? order : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

/* The first gap was counted from 0; in the file it is counted from the segment's first chunk. */
static int put_list(const term *t, uint32_t first, fr_str name, fr_buf *list, posting_fn put,
                    void *user, fr_err *err)
{
    posting_reader r = { t->bytes, t->bytes + t->n_bytes, 0 };
    uint64_t chunk;
    uint32_t count;
    fr_buf_clear(list);
    if (posting_next(&r, &chunk, &count))
        posting_put(list, chunk - first, count);
    fr_buf_put(list, r.at, (size_t)(r.end - r.at));
    return put(user, name, t->n, fr_buf_str(list), err);
}

int postings_flush(postings *p, uint32_t first, posting_fn put, void *user, fr_err *err)
{
    named *order = FR_NEW_N(named, p->n);
    FR_AUTO(fr_buf) list = { 0 };
    int rc = 0;
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        term *t = &p->terms[i];
        if (t->last != NO_CHUNK)
            write_last(p, t);
        if (t->n > 0)
            order[n++] = (named){ name_of(p, t), (uint32_t)i };
    }
    fr_sort(order, n, sizeof(*order), by_name);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = put_list(&p->terms[order[i].at], first, order[i].name, &list, put, user, err);
    free(order);
    forget_terms(p);
    forget_words(p);
    return rc;
}
