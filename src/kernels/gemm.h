/**
 * kernels/gemm.h: dense FP32 matrix products for training.
 *
 *     FR_AUTOPTR(fr_gemm) gemm = NULL;
 *     FR_TRY(fr_gemm_new(pool, NULL, &gemm, err));
 *     fr_gemm_run(gemm, (fr_mat){ x, dim }, (fr_mat){ w, dim, true }, y, n, rows, n, dim, NULL);
 *
 * Why our own and not a library: docs/decisions/0003-training-gemm.md.
 */
#ifndef FR_KERNELS_GEMM_H
#define FR_KERNELS_GEMM_H

#include <stdbool.h>
#include "base/pool.h"

/** A matrix as it lies in memory: `stride` floats from row to row; transposed: read as columns. */
typedef struct {
    const float *at;
    size_t stride;
    bool transposed;
} fr_mat;

/** Packing buffers of each thread of a pool. */
typedef struct fr_gemm fr_gemm;

/** pool: borrowed, may be NULL. kernel: a row's name, for tests; NULL: the best of this processor.
 */
int fr_gemm_new(fr_pool *pool, const char *kernel, fr_gemm **out, fr_err *err);
void fr_gemm_free(fr_gemm *g);
FR_AUTOPTR_DEFINE(fr_gemm);
/** "avx512", "avx2", "scalar". Static. */
const char *fr_gemm_kernel(const fr_gemm *g);

/**
 * C[m][n] = plus[m][n] + A[m][k] · B[k][n].
 *
 * c        [m] rows of n, `ldc` floats apart; overlaps neither a nor b.
 * plus     rows ldc apart, like c; c itself to add to it; NULL for zeros.
 * Each element is one chain of fused multiply-adds over k in rising order, in blocks of
 * FR_GEMM_K_BLOCK: its bits depend on neither m, n, the pool nor its place in C. (The scalar row
 * rounds after the product too.)
 * Error bound against exact arithmetic: FR_GEMM_BOUND(k) × sum over k of |a||b|.
 */
void fr_gemm_run(fr_gemm *g, fr_mat a, fr_mat b, float *c, size_t ldc, size_t m, size_t n, size_t k,
                 const float *plus);

#define FR_GEMM_K_BLOCK  256
#define FR_GEMM_BOUND(k) (((double)(k) + 4) * 5.97e-8)

#endif
