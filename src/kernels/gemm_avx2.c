#if defined(__x86_64__)
#include "kernels/gemm_priv.h"

#include <immintrin.h>

/* 6 rows × 16 columns: 12 accumulators, 2 registers of B, 1 broadcast of A = 15 of 16. */
#define MR 6

static inline __attribute__((always_inline)) void tile(size_t k, const float *a, size_t a_row,
                                                       size_t a_col, const float *b, float *c,
                                                       size_t ldc, const size_t m, size_t n,
                                                       const float *plus)
{
    __m256 acc[MR][2];
    float edge[MR][16] FR_ALIGNED(32) = { { 0 } };
    float *to = c;
    const float *from = plus;
    size_t stride = ldc;
    if (n < 16) { /* a narrow tile is worked on in a copy */
        for (size_t i = 0; plus != NULL && i < m; i++)
            for (size_t j = 0; j < n; j++)
                edge[i][j] = plus[i * ldc + j];
        to = edge[0];
        from = plus != NULL ? edge[0] : NULL;
        stride = 16;
    }
#pragma GCC unroll 6
    for (size_t i = 0; i < m; i++) {
        acc[i][0] = plus != NULL ? _mm256_loadu_ps(from + i * stride) : _mm256_setzero_ps();
        acc[i][1] = plus != NULL ? _mm256_loadu_ps(from + i * stride + 8) : _mm256_setzero_ps();
    }
    for (size_t p = 0; p < k; p++) {
        const __m256 b0 = _mm256_load_ps(b), b1 = _mm256_load_ps(b + 8);
        b += 16;
#pragma GCC unroll 6
        for (size_t i = 0; i < m; i++) {
            const __m256 ai = _mm256_broadcast_ss(a + i * a_row);
            acc[i][0] = _mm256_fmadd_ps(ai, b0, acc[i][0]);
            acc[i][1] = _mm256_fmadd_ps(ai, b1, acc[i][1]);
        }
        a += a_col;
    }
#pragma GCC unroll 6
    for (size_t i = 0; i < m; i++) {
        _mm256_storeu_ps(to + i * stride, acc[i][0]);
        _mm256_storeu_ps(to + i * stride + 8, acc[i][1]);
    }
    if (n < 16)
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++)
                c[i * ldc + j] = edge[i][j];
}

void fr_gemm_tile_avx2(size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                       float *c, size_t ldc, size_t m, size_t n, const float *plus)
{
#define CASE(rows)                                                                                 \
    case rows:                                                                                     \
        tile(k, a, a_row, a_col, b, c, ldc, rows, n, plus);                                        \
        break
    switch (m) {
        CASE(6);
        CASE(5);
        CASE(4);
        CASE(3);
        CASE(2);
        CASE(1);
    default:
        break;
    }
}
#endif
