/* similar_avx2.c: sixteen lanes as two registers. similar.c says what each function must give. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "base/compiler.h"
#include "kernels/similar_rows.h"

#define V static inline __attribute__((always_inline))

V float sum_lanes(__m256 low, __m256 high)
{
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

V __m256 step(__m256 sum, __m256 q, __m256 x, bool apart)
{
    if (!apart)
        return _mm256_fmadd_ps(q, x, sum);
    __m256 d = _mm256_sub_ps(q, x);
    return _mm256_fmadd_ps(d, d, sum);
}

/* out[r] of the rows x[r]. */
V void four(float *out, const float *q, const float *const *x, size_t dim, bool apart)
{
    __m256 low[4], high[4];
    for (size_t r = 0; r < 4; r++)
        low[r] = high[r] = _mm256_setzero_ps();
    size_t d = 0;
    for (; d + 16 <= dim; d += 16) {
        __m256 a = _mm256_loadu_ps(q + d), b = _mm256_loadu_ps(q + d + 8);
        for (size_t r = 0; r < 4; r++) {
            low[r] = step(low[r], a, _mm256_loadu_ps(x[r] + d), apart);
            high[r] = step(high[r], b, _mm256_loadu_ps(x[r] + d + 8), apart);
        }
    }
    if (d < dim) {
        float a[16] = { 0 }, b[16] = { 0 };
        memcpy(a, q + d, (dim - d) * sizeof(float));
        for (size_t r = 0; r < 4; r++) {
            memcpy(b, x[r] + d, (dim - d) * sizeof(float));
            low[r] = step(low[r], _mm256_loadu_ps(a), _mm256_loadu_ps(b), apart);
            high[r] = step(high[r], _mm256_loadu_ps(a + 8), _mm256_loadu_ps(b + 8), apart);
        }
    }
    for (size_t r = 0; r < 4; r++)
        out[r] = sum_lanes(low[r], high[r]);
}

#include "kernels/similar_body.h"

static void dot_i8(int32_t *out, const int16_t *q, const int8_t *rows, size_t stride,
                   const uint32_t *pick, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i++) {
        const int8_t *x = rows + (pick != NULL ? pick[i] : i) * stride;
        if (pick != NULL && i + AHEAD < n)
            ask_for(rows + pick[i + AHEAD] * stride, dim);
        __m256i sum[2] = { _mm256_setzero_si256(), _mm256_setzero_si256() };
        for (size_t d = 0, turn = 0; d < dim; d += 16, turn ^= 1) {
            __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(x + d)));
            sum[turn] = _mm256_add_epi32(
                sum[turn], _mm256_madd_epi16(wide, _mm256_loadu_si256((const void *)(q + d))));
        }
        __m256i eight = _mm256_add_epi32(sum[0], sum[1]);
        __m128i a =
            _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
        a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4e));
        out[i] = _mm_cvtsi128_si32(_mm_add_epi32(a, _mm_shuffle_epi32(a, 0xb1)));
    }
}

V __m256i look_up(const uint8_t *table, __m256i codes)
{
    __m256i wide = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table));
    return _mm256_shuffle_epi8(wide, codes);
}

/* Two groups of one load. */
V __m256i look_up_both(const uint8_t *tables, const uint8_t *block)
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i a = _mm256_loadu_si256((const void *)block);
    return _mm256_add_epi8(look_up(tables, _mm256_and_si256(a, low)),
                           look_up(tables + 16, _mm256_and_si256(_mm256_srli_epi16(a, 4), low)));
}

/* Bytes of even places add up in `even` together with 256 times the odd ones, which `odd` knows. */
V void half_block(uint16_t *sums, const uint8_t *blocks, const uint8_t *tables, size_t n_groups)
{
    __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
    for (size_t g = 0; g < n_groups; g += 4, blocks += 2 * FR_SIMILAR_BLOCK) {
        const uint8_t *t = tables + g * 16;
        __m256i four_of = _mm256_add_epi8(look_up_both(t, blocks),
                                          look_up_both(t + 32, blocks + FR_SIMILAR_BLOCK));
        even = _mm256_add_epi16(even, four_of);
        odd = _mm256_add_epi16(odd, _mm256_srli_epi16(four_of, 8));
    }
    even = _mm256_sub_epi16(even, _mm256_slli_epi16(odd, 8));
    __m256i first = _mm256_unpacklo_epi16(even, odd), second = _mm256_unpackhi_epi16(even, odd);
    _mm_storeu_si128((void *)sums, _mm256_castsi256_si128(first));
    _mm_storeu_si128((void *)(sums + 8), _mm256_castsi256_si128(second));
    _mm_storeu_si128((void *)(sums + 16), _mm256_extracti128_si256(first, 1));
    _mm_storeu_si128((void *)(sums + 24), _mm256_extracti128_si256(second, 1));
}

static void sum_codes(uint16_t *sums, const uint8_t *blocks, const uint8_t *tables, size_t n_blocks,
                      size_t n_groups)
{
    for (size_t b = 0; b < n_blocks; b++, sums += FR_SIMILAR_BLOCK) {
        half_block(sums, blocks, tables, n_groups);
        half_block(sums + 32, blocks + 32, tables, n_groups);
        blocks += n_groups / 2 * FR_SIMILAR_BLOCK;
    }
}

static size_t above(uint32_t *picked, const uint16_t *sums, const float *f, const float *g,
                    const float *e, size_t n, float step_of, float bias, float slack,
                    float threshold)
{
    const __m256 each = _mm256_set1_ps(step_of), from = _mm256_set1_ps(bias),
                 wide = _mm256_set1_ps(slack), least = _mm256_set1_ps(threshold);
    size_t kept = 0, i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 sum =
            _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(sums + i))));
        __m256 score = _mm256_fmadd_ps(_mm256_loadu_ps(f + i), _mm256_fmadd_ps(each, sum, from),
                                       _mm256_loadu_ps(g + i));
        score = _mm256_fmadd_ps(wide, _mm256_loadu_ps(e + i), score);
        unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(score, least, _CMP_GT_OQ));
        for (; mask != 0; mask &= mask - 1)
            picked[kept++] = (uint32_t)i + (uint32_t)__builtin_ctz(mask);
    }
    for (; i < n; i++) {
        float score = __builtin_fmaf(f[i], __builtin_fmaf(step_of, (float)sums[i], bias), g[i]);
        picked[kept] = (uint32_t)i;
        kept += __builtin_fmaf(slack, e[i], score) > threshold;
    }
    return kept;
}

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const fr_similar fr_similar_avx2 = { "avx2", usable, dot, distance, dot_i8, sum_codes, above };
#else
typedef int fr_no_similar_avx2_here;
#endif
