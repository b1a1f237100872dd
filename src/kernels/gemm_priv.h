/** gemm_priv.h: the kernels that gemm.c chooses from. */
#ifndef FR_KERNELS_GEMM_PRIV_H
#define FR_KERNELS_GEMM_PRIV_H

#include "kernels/gemm.h"

/**
 * One tile: C[m][n] = plus[m][n] + A[m][k] · B[k][n], m <= mr, n <= nr.
 *
 * a   element (i, p) is a[i * a_row + p * a_col].
 * b   packed: [k][nr], zero beyond n.
 * plus  rows ldc apart, may be c; NULL: zeros.
 */
typedef void (*fr_gemm_tile)(size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                             float *c, size_t ldc, size_t m, size_t n, const float *plus);

typedef struct {
    const char *name;
    bool (*runs_here)(void);
    size_t mr, nr;
    fr_gemm_tile tile;
} fr_gemm_row;

#define FR_GEMM_MAX_MR 16
#define FR_GEMM_MAX_NR 64

void fr_gemm_tile_avx512(size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                         float *c, size_t ldc, size_t m, size_t n, const float *plus);
void fr_gemm_tile_avx2(size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                       float *c, size_t ldc, size_t m, size_t n, const float *plus);

/** For attention, which multiplies small tiles of its own. */
const fr_gemm_row *fr_gemm_row_of(const fr_gemm *g);
/** B[k][n] into panels of nr columns, [ceil(n / nr)][k][nr], zero beyond n. */
void fr_gemm_pack(const fr_gemm_row *row, float *to, fr_mat b, size_t k, size_t n);
/** C[m][n] = plus + A[m][k] · packed B, whose panels lie panel_rows × nr floats apart (>= k × nr).
 */
void fr_gemm_panels(const fr_gemm_row *row, const float *a, size_t a_row, size_t a_col,
                    const float *packed, size_t panel_rows, float *c, size_t ldc, size_t m,
                    size_t n, size_t k, const float *plus);

#endif
