/** gemm_priv.h: the kernels that gemm.c chooses from. */
#ifndef FR_KERNELS_GEMM_PRIV_H
#define FR_KERNELS_GEMM_PRIV_H

#include "kernels/gemm.h"

/**
 * One tile: C[m][n] (+)= A[m][k] · B[k][n], m <= mr, n <= nr.
 *
 * a   element (i, p) is a[i * a_row + p * a_col].
 * b   packed: [k][nr], zero beyond n.
 */
typedef void (*fr_gemm_tile)(size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                             float *c, size_t ldc, size_t m, size_t n, bool add);

typedef struct {
    const char *name;
    bool (*runs_here)(void);
    size_t mr, nr;
    fr_gemm_tile tile;
} fr_gemm_row;

#define FR_GEMM_MAX_MR 16
#define FR_GEMM_MAX_NR 64

void fr_gemm_tile_avx512(size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                         float *c, size_t ldc, size_t m, size_t n, bool add);
void fr_gemm_tile_avx2(size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                       float *c, size_t ldc, size_t m, size_t n, bool add);

#endif
