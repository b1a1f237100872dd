/**
 * kernels/similar.h: the arithmetic of vector search, as a table of rows: one row a processor kind.
 *
 *     const fr_similar *k = fr_similar_best();
 *     k->dot(scores, query, rows, dim, NULL, n, dim);
 *
 * **One arithmetic, whatever the processor.** Row 0 in similar.c is the specification and every
 * other row gives its bits (FR_SIMILAR_BOUND is zero): float sums run over sixteen lanes (lane j
 * takes the indices i with i mod 16 = j, in rising order, each step one fused multiply-add; the
 * tail is padded with zeros), then lanes are added as a tree (j and j+8, j+4, j+2, j+1); the rest
 * is whole numbers. So what is found does not depend on processor, batch or threads.
 *
 * Nothing here starts a thread, allocates or waits. Threads: any number, on distinct outputs.
 */
#ifndef FR_KERNELS_SIMILAR_H
#define FR_KERNELS_SIMILAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FR_SIMILAR_BOUND 0.0f /* largest difference of any row from row 0 */
enum {
    FR_SIMILAR_BLOCK = 64,   /* vectors in a block of sign codes */
    FR_SIMILAR_GROUP = 4,    /* signs that are looked up together */
    FR_SIMILAR_HIGHEST = 63, /* of a table entry: four of them are summed in a byte */
    FR_SIMILAR_DIM_MAX = 4096
};

typedef struct fr_similar {
    const char *name; /* "scalar", "avx2", "avx512" */
    bool (*usable)(void);

    /**
     * out[i] = q · row, row = rows + (pick ? pick[i] : i) · stride; i < n.
     *
     * q  [dim] f32.   rows  f32, stride ≥ dim.
     */
    void (*dot)(float *out, const float *q, const float *rows, size_t stride, const uint32_t *pick,
                size_t n, size_t dim);
    /** out[i] = |q − row|², likewise. */
    void (*distance)(float *out, const float *q, const float *rows, size_t stride,
                     const uint32_t *pick, size_t n, size_t dim);
    /** out[i] = q · row in whole numbers; |q| and |row| ≤ 127 each. dim a multiple of 32. */
    void (*dot_i8)(int32_t *out, const int16_t *q, const int8_t *rows, size_t stride,
                   const uint32_t *pick, size_t n, size_t dim);
    /**
     * sums[v] = sum over groups g of tables[g][code of vector v in group g].
     *
     * blocks  [n_blocks][n_groups / 2][64]: byte v has the code of group 2p in its low half and of
     *         2p + 1 in its high half. n_groups a multiple of 4, at most 1024.
     * tables  [n_groups][16], entries ≤ FR_SIMILAR_HIGHEST.
     * sums    [n_blocks · 64].
     */
    void (*sum_codes)(uint16_t *sums, const uint8_t *blocks, const uint8_t *tables, size_t n_blocks,
                      size_t n_groups);
    /**
     * Which may be worth a closer look: i with f·(step·sum + bias) + g + slack·e > threshold (each
     * product fused with its sum), for i < n, in rising order. Returns how many; picked [n + 16].
     */
    size_t (*above)(uint32_t *picked, const uint16_t *sums, const float *f, const float *g,
                    const float *e, size_t n, float step, float bias, float slack, float threshold);
} fr_similar;

/** The fastest row for this processor; FRUGAL_KERNELS=scalar|avx2|avx512 overrules. Static. */
const fr_similar *fr_similar_best(void);
/** Row i, usable here or not; row 0 is the specification; NULL after the last. Static. */
const fr_similar *fr_similar_at(size_t i);

#endif
