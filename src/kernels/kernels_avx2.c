/* kernels_avx2.c: sixteen lanes as two 256-bit registers (AVX2, FMA, F16C). */
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

#define ROW         fr_kernels_avx2
#define ROW_NAME    "avx2"
#define TILE_ROWS   3
#define TILE_OUTS   2
#define ONE_OUTS    4
#define GATHER_WIDE 1
#define BURN_CHAINS 6
#define V           static inline __attribute__((always_inline))

typedef uint8_t b16 FR_VECTOR(16);

typedef struct {
    __m256 low, high;
} v16;

#define BOTH(call)  ((v16){ call(a.low), call(a.high) })
#define BOTH2(call) ((v16){ call(a.low, b.low), call(a.high, b.high) })

V v16 v16_set(float f)
{
    return (v16){ _mm256_set1_ps(f), _mm256_set1_ps(f) };
}

V v16 v16_zero(void)
{
    return (v16){ _mm256_setzero_ps(), _mm256_setzero_ps() };
}

V v16 v16_set_f16(uint16_t h)
{
    return v16_set(_cvtsh_ss(h));
}

V v16 v16_load(const float *at)
{
    return (v16){ _mm256_loadu_ps(at), _mm256_loadu_ps(at + 8) };
}

V v16 v16_load_part(const float *at, size_t n)
{
    float padded[16];
    if (n == 16)
        return v16_load(at);
    memset(padded, 0, sizeof(padded));
    memcpy(padded, at, n * sizeof(float));
    return v16_load(padded);
}

V v16 v16_load_f16(const uint8_t *at)
{
    return (v16){ _mm256_cvtph_ps(_mm_loadu_si128((const void *)at)),
                  _mm256_cvtph_ps(_mm_loadu_si128((const void *)(at + 16))) };
}

V __m256 widen_bf16(__m128i h)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}

V v16 v16_load_bf16(const uint8_t *at)
{
    return (v16){ widen_bf16(_mm_loadu_si128((const void *)at)),
                  widen_bf16(_mm_loadu_si128((const void *)(at + 16))) };
}

V v16 v16_load_f16_part(const uint8_t *at, size_t n)
{
    uint8_t padded[32] = { 0 };
    memcpy(padded, at, n * 2);
    return v16_load_f16(padded);
}

V v16 v16_load_bf16_part(const uint8_t *at, size_t n)
{
    uint8_t padded[32] = { 0 };
    memcpy(padded, at, n * 2);
    return v16_load_bf16(padded);
}

V v16 v16_of_i8(b16 b)
{
    const __m128i q = (__m128i)b;
    return (v16){ _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)),
                  _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(q, 8))) };
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
    _mm256_storeu_ps(at, a.low);
    _mm256_storeu_ps(at + 8, a.high);
}

V void v16_store_part(float *at, v16 a, size_t n)
{
    float padded[16];
    if (n == 16) {
        v16_store(at, a);
        return;
    }
    v16_store(padded, a);
    memcpy(at, padded, n * sizeof(float));
}

V void v16_store_f16(uint8_t *at, v16 a)
{
    enum { nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };
    _mm_storeu_si128((void *)at, _mm256_cvtps_ph(a.low, nearest));
    _mm_storeu_si128((void *)(at + 16), _mm256_cvtps_ph(a.high, nearest));
}

V v16 v16_fma(v16 a, v16 b, v16 c)
{
    return (v16){ _mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high) };
}

V v16 v16_mul(v16 a, v16 b)
{
    return BOTH2(_mm256_mul_ps);
}

V v16 v16_div(v16 a, v16 b)
{
    return BOTH2(_mm256_div_ps);
}

V v16 v16_add(v16 a, v16 b)
{
    return BOTH2(_mm256_add_ps);
}

V v16 v16_sub(v16 a, v16 b)
{
    return BOTH2(_mm256_sub_ps);
}

V v16 v16_negative(v16 a)
{
    v16 b = v16_set(-0.0f);
    return BOTH2(_mm256_xor_ps);
}

/* a > b ? a : b and a < b ? a : b: the second where either is not a number. */
V v16 v16_max(v16 a, v16 b)
{
    return BOTH2(_mm256_max_ps);
}

V v16 v16_min(v16 a, v16 b)
{
    return BOTH2(_mm256_min_ps);
}

V __m256 power_of_two(__m256 rounded)
{
    __m256i n = _mm256_slli_epi32(_mm256_castps_si256(rounded), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(n, _mm256_set1_epi32(0x3f800000)));
}

V v16 v16_power_of_two(v16 a)
{
    return BOTH(power_of_two);
}

V v16 v16_zero_below(v16 x, float low, v16 a)
{
    __m256 bound = _mm256_set1_ps(low);
    return (v16){ _mm256_andnot_ps(_mm256_cmp_ps(x.low, bound, _CMP_LT_OQ), a.low),
                  _mm256_andnot_ps(_mm256_cmp_ps(x.high, bound, _CMP_LT_OQ), a.high) };
}

V __m128 quarter(v16 a)
{
    __m256 half = _mm256_add_ps(a.low, a.high);
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

V float v16_sum(v16 a)
{
    __m128 four = quarter(a), two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/* The sums of four at once: the same additions, four side by side. */
V void v16_sum4(float *to, v16 a, v16 b, v16 c, v16 d)
{
    __m128 qa = quarter(a), qb = quarter(b), qc = quarter(c), qd = quarter(d);
    __m128 ab = _mm_add_ps(_mm_unpacklo_ps(qa, qb), _mm_unpackhi_ps(qa, qb));
    __m128 cd = _mm_add_ps(_mm_unpacklo_ps(qc, qd), _mm_unpackhi_ps(qc, qd));
    _mm_storeu_ps(to, _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab)));
}

/* Not every compiler lets __builtin_cpu_supports() ask for F16C. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

#include "kernels/vector16_body.h"
#else
typedef int fr_no_avx2_here;
#endif
