#include "prompt/shots.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "text/utf8.h"

#define DIVERSE_MOST 32  /* examples of which the order is worked out */
#define DIVERSE_ROWS 600 /* of a long list, so many drawn by seed are looked at */

typedef struct {
    uint64_t term;
    uint32_t row;
    float weight;
} posting;

struct fr_shots {
    const fr_shot *rows;
    size_t n;
    uint64_t seed;
    posting *postings; /* by term, then row */
    size_t n_postings;
    uint32_t *drawn; /* [n] the order of random */
    uint32_t *diverse;
    size_t n_diverse;
    bool diverse_known;
    float *likeness; /* [n] of the input at hand */
};

static const char *const NAMES[] = { "none", "random", "similar", "diverse" };

fr_shot_choice fr_shot_choice_of(const char *name)
{
    for (size_t i = 1; i < FR_COUNT_OF(NAMES); i++) {
        if (strcmp(NAMES[i], name) == 0)
            return (fr_shot_choice)i;
    }
    return FR_SHOTS_NONE;
}

const char *fr_shot_choice_name(fr_shot_choice c)
{
    return (size_t)c < FR_COUNT_OF(NAMES) ? NAMES[c] : NAMES[0];
}

/* ---- vectors ------------------------------------------------------------------------------ */

static int by_term(const void *a, const void *b)
{
    const posting *x = a, *y = b;
    if (x->term != y->term)
        return x->term < y->term ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static bool in_word(unsigned char c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

static void put_term(uint64_t term, uint32_t row, posting **at, size_t *n, size_t *cap)
{
    FR_GROW(*at, *n, *cap);
    (*at)[(*n)++] = (posting){ term, row, 1 };
}

/* Words, as hashes; of scripts that are written without spaces a word is long, so their pairs of
 * characters count as well. */
static void put_terms(fr_str text, uint32_t row, posting **at, size_t *n, size_t *cap)
{
    FR_AUTO(fr_buf) folded = { 0 };
    fr_utf8_fold(text, &folded);
    const char *s = fr_buf_text(&folded);
    for (size_t i = 0; i < folded.n;) {
        size_t from = i;
        while (i < folded.n && in_word((unsigned char)s[i]))
            i++;
        if (i > from)
            put_term(fr_hash64(s + from, i - from, 1), row, at, n, cap);
        size_t before = from, step = 0;
        for (size_t k = from; k < i; k += step) {
            uint32_t c = 0;
            step = fr_utf8_next((fr_str){ s + k, i - k }, &c);
            if (c >= 0x0E00 && k > before)
                put_term(fr_hash64(s + before, k + step - before, 2), row, at, n, cap);
            before = k;
        }
        i = FR_MAX(i, from + 1);
    }
}

/* Equal terms of a row become one with its count; returns how many are left. */
static size_t merge_terms(posting *at, size_t n)
{
    size_t kept = 0;
    fr_sort(at, n, sizeof(*at), by_term);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && at[kept - 1].term == at[i].term && at[kept - 1].row == at[i].row)
            at[kept - 1].weight += 1;
        else
            at[kept++] = at[i];
    }
    return kept;
}

static void weigh(fr_shots *s)
{
    double *norm = FR_NEW_N(double, s->n);
    for (size_t i = 0, end; i < s->n_postings; i = end) {
        for (end = i; end < s->n_postings && s->postings[end].term == s->postings[i].term;)
            end++;
        double idf = log((1.0 + (double)s->n) / (1.0 + (double)(end - i))) + 1;
        for (size_t k = i; k < end; k++) {
            posting *p = &s->postings[k];
            p->weight = (float)((1 + log(p->weight)) * idf);
            norm[p->row] += (double)p->weight * p->weight;
        }
    }
    for (size_t i = 0; i < s->n_postings; i++)
        s->postings[i].weight /= (float)sqrt(norm[s->postings[i].row]);
    free(norm);
}

static size_t first_of(const fr_shots *s, uint64_t term)
{
    size_t low = 0, high = s->n_postings;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->postings[mid].term < term)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Cosine of a text with every row, but for the text's own length (it orders the same). */
static void liken(fr_shots *s, fr_str text)
{
    posting *words = NULL;
    size_t n = 0, cap = 0;
    put_terms(text, 0, &words, &n, &cap);
    n = merge_terms(words, n);
    memset(s->likeness, 0, s->n * sizeof(*s->likeness));
    for (size_t i = 0; i < n; i++) {
        size_t from = first_of(s, words[i].term), end = from;
        while (end < s->n_postings && s->postings[end].term == words[i].term)
            end++;
        double idf = log((1.0 + (double)s->n) / (1.0 + (double)(end - from))) + 1;
        float weight = (float)((1 + log(words[i].weight)) * idf);
        for (size_t k = from; k < end; k++)
            s->likeness[s->postings[k].row] += weight * s->postings[k].weight;
    }
    free(words);
}

/* ---- orders ------------------------------------------------------------------------------- */

static void draw(fr_shots *s)
{
    uint32_t *order = FR_NEW_N(uint32_t, s->n);
    bool *taken = FR_NEW_N(bool, s->n);
    size_t n = 0;
    fr_random_permutation(order, s->n, s->seed, FR_RANDOM_SHOTS, 0);
    while (n < s->n) { /* rounds: each output once, as far as there are any left */
        size_t round = n;
        for (size_t i = 0; i < s->n && n - round < 64; i++) {
            bool shown = taken[i];
            for (size_t k = round; k < n && !shown; k++)
                shown = fr_str_equal(s->rows[s->drawn[k]].output, s->rows[order[i]].output);
            if (!shown) {
                taken[i] = true;
                s->drawn[n++] = order[i];
            }
        }
        if (n >= 256 || n == round) { /* further than anybody looks: as they come */
            for (size_t i = 0; i < s->n; i++) {
                if (!taken[i])
                    s->drawn[n++] = order[i];
            }
        }
    }
    free(order);
    free(taken);
}

/* Each next example is the one that adds most to how well every row has something like it. */
static void spread(fr_shots *s)
{
    size_t n = FR_MIN(s->n, (size_t)DIVERSE_ROWS);
    float *alike = FR_NEW_N(float, n *n), *covered = FR_NEW_N(float, n);
    bool *taken = FR_NEW_N(bool, n);
    uint32_t *looked = FR_NEW_N(uint32_t, s->n);
    fr_random_permutation(looked, s->n, s->seed, FR_RANDOM_SHOTS, 1);
    for (size_t i = 0; i < n; i++) {
        liken(s, s->rows[looked[i]].input);
        double own = s->likeness[looked[i]];
        for (size_t k = 0; k < n; k++)
            alike[i * n + k] = own > 0 ? (float)(s->likeness[looked[k]] / own) : 0;
    }
    s->diverse = FR_NEW_N(uint32_t, DIVERSE_MOST);
    while (s->n_diverse < FR_MIN(n, (size_t)DIVERSE_MOST)) {
        size_t best = n;
        double best_gain = -1;
        for (size_t i = 0; i < n; i++) {
            double gain = 0;
            for (size_t k = 0; k < n && !taken[i]; k++)
                gain += fmax(0, (double)alike[k * n + i] - covered[k]);
            if (!taken[i] && gain > best_gain) {
                best_gain = gain;
                best = i;
            }
        }
        taken[best] = true;
        s->diverse[s->n_diverse++] = looked[best];
        for (size_t k = 0; k < n; k++)
            covered[k] = FR_MAX(covered[k], alike[k * n + best]);
    }
    free(alike);
    free(covered);
    free(taken);
    free(looked);
    s->diverse_known = true;
}

/* ---- the door ----------------------------------------------------------------------------- */

int fr_shots_new(const fr_shot *rows, size_t n, uint64_t seed, fr_shots **out, fr_err *err)
{
    *out = NULL;
    if (n >= UINT32_MAX)
        return fr_fail(err, FR_E_LIMIT, NULL, "too many rows to choose examples from");
    fr_shots *s = FR_NEW(fr_shots);
    size_t cap = 0;
    *s = (fr_shots){ .rows = rows, .n = n, .seed = seed };
    s->drawn = FR_NEW_N(uint32_t, n);
    s->likeness = FR_NEW_N(float, n);
    for (size_t i = 0; i < n; i++)
        put_terms(rows[i].input, (uint32_t)i, &s->postings, &s->n_postings, &cap);
    s->n_postings = merge_terms(s->postings, s->n_postings);
    weigh(s);
    draw(s);
    *out = s;
    return 0;
}

void fr_shots_free(fr_shots *s)
{
    if (s == NULL)
        return;
    free(s->postings);
    free(s->drawn);
    free(s->diverse);
    free(s->likeness);
    free(s);
}

const fr_shot *fr_shots_at(const fr_shots *s, size_t i)
{
    return &s->rows[i];
}

size_t fr_shots_n(const fr_shots *s)
{
    return s->n;
}

static size_t pick_listed(const fr_shots *s, const uint32_t *list, size_t n_list, fr_str input,
                          size_t k, uint32_t *at)
{
    size_t n = 0;
    for (size_t i = 0; i < n_list && n < k; i++) {
        if (!fr_str_equal(s->rows[list[i]].input, input))
            at[n++] = list[i];
    }
    return n;
}

static size_t pick_similar(fr_shots *s, fr_str input, size_t k, uint32_t *at)
{
    size_t n = 0;
    liken(s, input);
    for (size_t i = 0; i < s->n; i++) { /* the k likest, best first */
        if (fr_str_equal(s->rows[i].input, input))
            continue;
        size_t place = n;
        while (place > 0 && s->likeness[at[place - 1]] < s->likeness[i])
            place--;
        if (place >= k)
            continue;
        n = FR_MIN(n + 1, k);
        for (size_t m = n - 1; m > place; m--)
            at[m] = at[m - 1];
        at[place] = (uint32_t)i;
    }
    for (size_t i = 0; i < n / 2; i++) { /* the likest last */
        uint32_t other = at[i];
        at[i] = at[n - 1 - i];
        at[n - 1 - i] = other;
    }
    return n;
}

size_t fr_shots_pick(fr_shots *s, fr_shot_choice choice, fr_str input, size_t k, uint32_t *at)
{
    if (choice == FR_SHOTS_SIMILAR)
        return pick_similar(s, input, k, at);
    if (choice == FR_SHOTS_DIVERSE && !s->diverse_known && s->n != 0)
        spread(s);
    return choice == FR_SHOTS_DIVERSE ? pick_listed(s, s->diverse, s->n_diverse, input, k, at)
                                      : pick_listed(s, s->drawn, s->n, input, k, at);
}
