/* kernels_avx512.c: sixteen lanes as one 512-bit register (AVX-512 F, BW, VL, DQ). */
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define ROW         fr_kernels_avx512
#define ROW_NAME    "avx512"
#define TILE_ROWS   6
#define TILE_OUTS   4
#define ONE_OUTS    8
#define GATHER_WIDE 2
#define BURN_CHAINS 12
#define V           static inline __attribute__((always_inline))

typedef uint8_t b16 FR_VECTOR(16);

typedef __m512 v16;

V __mmask16 first_lanes(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

V v16 v16_zero(void)
{
    return _mm512_setzero_ps();
}

V v16 v16_set(float f)
{
    return _mm512_set1_ps(f);
}

V v16 v16_set_f16(uint16_t h)
{
    return _mm512_cvtph_ps(_mm256_set1_epi16((short)h));
}

V v16 v16_load(const float *at)
{
    return _mm512_loadu_ps(at);
}

V v16 v16_load_part(const float *at, size_t n)
{
    return _mm512_maskz_loadu_ps(first_lanes(n), at);
}

V v16 v16_load_f16(const uint8_t *at)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)at));
}

V v16 v16_load_f16_part(const uint8_t *at, size_t n)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), at));
}

V v16 widen_bf16(__m256i h)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}

V v16 v16_load_bf16(const uint8_t *at)
{
    return widen_bf16(_mm256_loadu_si256((const void *)at));
}

V v16 v16_load_bf16_part(const uint8_t *at, size_t n)
{
    return widen_bf16(_mm256_maskz_loadu_epi16(first_lanes(n), at));
}

V v16 v16_of_i8(b16 b)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32((__m128i)b));
}

V v16 v16_load_i8(const uint8_t *at)
{
    return v16_of_i8((b16)_mm_loadu_si128((const void *)at));
}

/* table[index] of each byte; indices 0…15. */
V b16 b16_look_up(b16 table, b16 index)
{
    return (b16)_mm_shuffle_epi8((__m128i)table, (__m128i)index);
}

V void v16_store(float *at, v16 a)
{
    _mm512_storeu_ps(at, a);
}

V void v16_store_part(float *at, v16 a, size_t n)
{
    _mm512_mask_storeu_ps(at, first_lanes(n), a);
}

V void v16_store_f16(uint8_t *at, v16 a)
{
    _mm256_storeu_si256((void *)at,
                        _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

V v16 v16_fma(v16 a, v16 b, v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

V v16 v16_mul(v16 a, v16 b)
{
    return _mm512_mul_ps(a, b);
}

V v16 v16_div(v16 a, v16 b)
{
    return _mm512_div_ps(a, b);
}

V v16 v16_add(v16 a, v16 b)
{
    return _mm512_add_ps(a, b);
}

V v16 v16_sub(v16 a, v16 b)
{
    return _mm512_sub_ps(a, b);
}

V v16 v16_negative(v16 a)
{
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}

/* a > b ? a : b and a < b ? a : b: the second where either is not a number. */
V v16 v16_max(v16 a, v16 b)
{
    return _mm512_max_ps(a, b);
}

V v16 v16_min(v16 a, v16 b)
{
    return _mm512_min_ps(a, b);
}

V v16 v16_power_of_two(v16 rounded)
{
    __m512i n = _mm512_slli_epi32(_mm512_castps_si512(rounded), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(n, _mm512_set1_epi32(0x3f800000)));
}

V v16 v16_zero_below(v16 x, float low, v16 a)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(low), _CMP_NLT_UQ), a);
}

V __m128 quarter(v16 a)
{
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

V float v16_sum(v16 a)
{
    __m128 four = quarter(a), two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/* The sums of four at once: the same additions, side by side in one register. */
V void v16_sum4(float *to, v16 a, v16 b, v16 c, v16 d)
{
    v16 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    v16 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    /* four lanes left of each: a, b, c, d */
    v16 four =
        _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    v16 two = _mm512_add_ps(four, _mm512_permute_ps(four, 0x4e));
    v16 one = _mm512_add_ps(two, _mm512_permute_ps(two, 0xb1));
    _mm_storeu_ps(to, _mm512_castps512_ps128(_mm512_permutexvar_ps(
                          _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 8, 4, 0), one)));
}

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("fma");
}

#include "kernels/vector16_body.h"
#else
typedef int fr_no_avx512_here;
#endif
