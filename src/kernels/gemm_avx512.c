#if defined(__x86_64__)
#include "kernels/gemm_priv.h"

#include <immintrin.h>

/*
 * 14 rows × 32 columns: 28 accumulators, 2 registers of B, 1 broadcast of A = 31 of 32. Each step
 * of k loads 2 vectors and 14 scalars for 28 multiply-adds, so the two FMA ports are the limit.
 * A tile of at most 16 columns (the low-rank products of LoRA) leaves the other half alone.
 */
#define MR 14

static inline __attribute__((always_inline)) void tile(size_t k, const float *a, size_t a_row,
                                                       size_t a_col, const float *b, float *c,
                                                       size_t ldc, const size_t m, size_t n,
                                                       const float *plus, const bool wide)
{
    __m512 acc[MR][2];
    const __mmask16 low = n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
    const __mmask16 high = n >= 32 ? 0xffff : n > 16 ? (__mmask16)((1u << (n - 16)) - 1) : 0;
#pragma GCC unroll 14
    for (size_t i = 0; i < m; i++) {
        acc[i][0] = plus != NULL ? _mm512_maskz_loadu_ps(low, plus + i * ldc) : _mm512_setzero_ps();
        if (wide)
            acc[i][1] = plus != NULL ? _mm512_maskz_loadu_ps(high, plus + i * ldc + 16)
                                     : _mm512_setzero_ps();
    }
    for (size_t p = 0; p < k; p++) {
        const __m512 b0 = _mm512_load_ps(b);
        const __m512 b1 = wide ? _mm512_load_ps(b + 16) : _mm512_setzero_ps();
        b += 32;
#pragma GCC unroll 14
        for (size_t i = 0; i < m; i++) {
            const __m512 ai = _mm512_set1_ps(a[i * a_row]);
            acc[i][0] = _mm512_fmadd_ps(ai, b0, acc[i][0]);
            if (wide)
                acc[i][1] = _mm512_fmadd_ps(ai, b1, acc[i][1]);
        }
        a += a_col;
    }
#pragma GCC unroll 14
    for (size_t i = 0; i < m; i++) {
        _mm512_mask_storeu_ps(c + i * ldc, low, acc[i][0]);
        if (wide)
            _mm512_mask_storeu_ps(c + i * ldc + 16, high, acc[i][1]);
    }
}

void fr_gemm_tile_avx512(size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                         float *c, size_t ldc, size_t m, size_t n, const float *plus)
{
#define CASE(rows)                                                                                 \
    case rows:                                                                                     \
        if (n > 16)                                                                                \
            tile(k, a, a_row, a_col, b, c, ldc, rows, n, plus, true);                              \
        else                                                                                       \
            tile(k, a, a_row, a_col, b, c, ldc, rows, n, plus, false);                             \
        break
    switch (m) {
        CASE(14);
        CASE(13);
        CASE(12);
        CASE(11);
        CASE(10);
        CASE(9);
        CASE(8);
        CASE(7);
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
