/**
 * random.h: counter-based random numbers: Philox 4x32-10.
 *
 * A number is a function of (seed, purpose, index) alone. Nothing is shared, nothing advances, so
 * results do not depend on the order of work, on threads, or on what else drew numbers.
 *
 *     uint64_t u = fr_random_u64(seed, FR_RANDOM_SHUFFLE, epoch, i);
 *
 * Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11.
 */
#ifndef FR_BASE_RANDOM_H
#define FR_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/** One stream a purpose; numbers are pinned, since files and results depend on them. */
typedef enum fr_random_purpose {
    FR_RANDOM_NONE = 0,
    FR_RANDOM_INIT = 1,        /* initial weights */
    FR_RANDOM_SHUFFLE = 2,     /* order of training rows */
    FR_RANDOM_SAMPLE = 3,      /* token sampling */
    FR_RANDOM_SPLIT = 4,       /* dev split */
    FR_RANDOM_SHOTS = 5,       /* choice of few-shot examples */
    FR_RANDOM_BOOTSTRAP = 6,   /* confidence intervals */
    FR_RANDOM_MIX = 7,         /* which corpus comes next */
    FR_RANDOM_TRIAL = 8,       /* order of trials */
    FR_RANDOM_PERTURB = 20,    /* where a text is changed without its meaning */
    FR_RANDOM_PROBE_ITEM = 21, /* what a capability probe asks */
    FR_RANDOM_TEST = 99
} fr_random_purpose;

/** The block function: four words out of four of counter and two of key. */
void fr_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

uint64_t fr_random_u64(uint64_t seed, fr_random_purpose purpose, uint64_t stream, uint64_t index);
/** In [0, 1), 53 bits. */
double fr_random_f64(uint64_t seed, fr_random_purpose purpose, uint64_t stream, uint64_t index);
/** In 0…n-1 without bias worth naming (n < 2^32). */
uint64_t fr_random_below(uint64_t n, uint64_t seed, fr_random_purpose purpose, uint64_t stream,
                         uint64_t index);
/** Normal, mean 0, variance 1 (Box–Muller). */
double fr_random_normal(uint64_t seed, fr_random_purpose purpose, uint64_t stream, uint64_t index);
/** A permutation of 0…n-1 into order (Fisher–Yates). */
void fr_random_permutation(uint32_t *order, size_t n, uint64_t seed, fr_random_purpose purpose,
                           uint64_t stream);

#endif
