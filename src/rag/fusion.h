/**
 * rag/fusion.h: ranked lists of chunks, and what makes one list of several.
 *
 *     fr_ranked both[2] = { by_words, by_meaning };
 *     fr_ranked_fuse(both, NULL, 2, 0, 10, &fused);            reciprocal rank fusion
 *     fr_ranked_spread(&fused, 0.7, 5, alike, user, &varied);  maximal marginal relevance
 *
 * A chunk's number is its id in the index's table `chunk`: 0, 1, … in the order of their coming; a
 * number is never given twice, so those of removed chunks stay free. Equal scores are ordered by
 * number. Nothing here knows where a list came from. Thread-safe: there is no state.
 */
#ifndef FR_RAG_FUSION_H
#define FR_RAG_FUSION_H

#include <stdint.h>
#include "base/buf.h"

typedef struct {
    uint32_t chunk;
    double score; /* higher is better; what it means is the list's maker's */
} fr_rank;
/** Best first. Zero-initialized is empty; owned by the list. */
typedef struct {
    fr_rank *at;
    size_t n, cap;
} fr_ranked;
void fr_ranked_fini(fr_ranked *list);
FR_AUTO_DEFINE(fr_ranked);

/**
 * Offers one chunk to a list that keeps the best k; each chunk once. The list is a heap (the worst
 * kept one at 0) until fr_ranked_sort(). NAN is passed over.
 */
void fr_ranked_offer(fr_ranked *list, size_t k, uint32_t chunk, double score);
/** Best first; equal scores by number. */
void fr_ranked_sort(fr_ranked *list);

/**
 * Reciprocal rank fusion: a chunk's score is the sum over lists of weight / (k0 + rank), rank from
 * 1; lists in which it does not stand add nothing.
 *
 * weights  [n] or NULL: 1 each. A list of weight 0 counts for nothing.
 * k0       0: 60, as in the paper. Smaller trusts the first places more.
 * k        at most so many in out, which must be empty.
 * Source   Cormack, Clarke and Büttcher 2009, SIGIR, doi:10.1145/1571941.1572114.
 */
void fr_ranked_fuse(const fr_ranked *lists, const double *weights, size_t n, double k0, size_t k,
                    fr_ranked *out);

/** How alike two chunks are: 0 nothing in common, 1 the same. */
typedef double (*fr_alike_fn)(void *user, uint32_t a, uint32_t b);
/**
 * Maximal marginal relevance: takes one after the other the chunk with the greatest
 * lambda * relevance - (1 - lambda) * (likeness to the most alike that was taken), where relevance
 * is the score as a share of the greatest (where some are not positive: 0…1 from least to
 * greatest). Scores in out stay the candidates' own, so they need not fall.
 *
 * lambda  0…1; 1 keeps the order.
 * alike   called n k times at most.
 * out     empty; min(k, n) of the candidates, in the order taken.
 * Source  Carbonell and Goldstein 1998, SIGIR, doi:10.1145/290941.291025.
 */
void fr_ranked_spread(const fr_ranked *candidates, double lambda, size_t k, fr_alike_fn alike,
                      void *user, fr_ranked *out);

#endif
