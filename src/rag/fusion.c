/* Ranked lists: the best k of a stream, fusion by rank, and variety. */
#include "rag/fusion.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

#define RANK_OFFSET 60.0

void fr_ranked_fini(fr_ranked *list)
{
    free(list->at);
    *list = (fr_ranked){ 0 };
}

static bool better(fr_rank a, fr_rank b)
{
    return a.score > b.score || (a.score == b.score && a.chunk < b.chunk);
}

static void swap(fr_rank *a, fr_rank *b)
{
    fr_rank kept = *a;
    *a = *b;
    *b = kept;
}

/* The heap's root is the worst: a parent is never better than its children. */
static void sink(fr_ranked *list, size_t i)
{
    for (;;) {
        size_t worst = i, left = 2 * i + 1;
        if (left < list->n && better(list->at[worst], list->at[left]))
            worst = left;
        if (left + 1 < list->n && better(list->at[worst], list->at[left + 1]))
            worst = left + 1;
        if (worst == i)
            return;
        swap(&list->at[i], &list->at[worst]);
        i = worst;
    }
}

void fr_ranked_offer(fr_ranked *list, size_t k, uint32_t chunk, double score)
{
    fr_rank offered = { chunk, score };
    if (k == 0 || isnan(score))
        return;
    if (list->n == k) {
        if (better(offered, list->at[0])) {
            list->at[0] = offered;
            sink(list, 0);
        }
        return;
    }
    FR_GROW(list->at, list->n, list->cap);
    size_t i = list->n++;
    list->at[i] = offered;
    while (i > 0 && better(list->at[(i - 1) / 2], list->at[i])) {
        swap(&list->at[i], &list->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static int best_first(const void *left, const void *right)
{
    const fr_rank *a = left, *b = right;
    return better(*a, *b) ? -1 : better(*b, *a) ? 1 : 0;
}

void fr_ranked_sort(fr_ranked *list)
{
    fr_sort(list->at, list->n, sizeof(*list->at), best_first);
}

static int by_chunk(const void *left, const void *right)
{
    const fr_rank *a = left, *b = right;
    if (a->chunk != b->chunk)
        return a->chunk < b->chunk ? -1 : 1;
    return (a->score < b->score) -
           (a->score > b->score); /* sums in one order, whatever the lists' */
}

void fr_ranked_fuse(const fr_ranked *lists, const double *weights, size_t n, double k0, size_t k,
                    fr_ranked *out)
{
    fr_ranked all = { 0 };
    k0 = k0 > 0 ? k0 : RANK_OFFSET;
    for (size_t l = 0; l < n; l++) {
        double weight = weights != NULL ? weights[l] : 1.0;
        for (size_t i = 0; i < lists[l].n && weight != 0; i++) {
            FR_GROW(all.at, all.n, all.cap);
            all.at[all.n++] = (fr_rank){ lists[l].at[i].chunk, weight / (k0 + (double)(i + 1)) };
        }
    }
    fr_sort(all.at, all.n, sizeof(*all.at), by_chunk);
    for (size_t i = 0, next; i < all.n; i = next) {
        double sum = 0;
        for (next = i; next < all.n && all.at[next].chunk == all.at[i].chunk; next++)
            sum += all.at[next].score;
        fr_ranked_offer(out, k, all.at[i].chunk, sum);
    }
    fr_ranked_sort(out);
    fr_ranked_fini(&all);
}

void fr_ranked_spread(const fr_ranked *candidates, double lambda, size_t k, fr_alike_fn alike,
                      void *user, fr_ranked *out)
{
    size_t n = candidates->n;
    double *nearest = FR_NEW_N(double, n), low = INFINITY, high = -INFINITY;
    bool *taken = FR_NEW_N(bool, n);
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, candidates->at[i].score);
        high = fmax(high, candidates->at[i].score);
    }
    for (size_t round = 0; round < FR_MIN(k, n); round++) {
        size_t best = n;
        double best_value = 0;
        for (size_t i = 0; i < n; i++) {
            if (taken[i])
                continue;
            double relevance = 1.0;
            if (low > 0)
                relevance = candidates->at[i].score / high;
            else if (high > low)
                relevance = (candidates->at[i].score - low) / (high - low);
            double value = lambda * relevance - (1.0 - lambda) * nearest[i];
            if (best == n || value > best_value) {
                best = i;
                best_value = value;
            }
        }
        taken[best] = true;
        FR_GROW(out->at, out->n, out->cap);
        out->at[out->n++] = candidates->at[best];
        for (size_t i = 0; i < n && round + 1 < k; i++) {
            if (!taken[i])
                nearest[i] = fmax(nearest[i],
                                  alike(user, candidates->at[i].chunk, candidates->at[best].chunk));
        }
    }
    free(nearest);
    free(taken);
}
