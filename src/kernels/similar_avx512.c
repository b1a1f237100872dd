/* similar_avx512.c: sixteen lanes as one register. similar.c says what each function must give. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "base/compiler.h"
#include "kernels/similar_rows.h"

#define V static inline __attribute__((always_inline))

V float sum_lanes(__m512 a)
{
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

V __m512 step(__m512 sum, __m512 q, __m512 x, bool apart)
{
    if (!apart)
        return _mm512_fmadd_ps(q, x, sum);
    __m512 d = _mm512_sub_ps(q, x);
    return _mm512_fmadd_ps(d, d, sum);
}

/* out[r] of the rows x[r]. */
V void four(float *out, const float *q, const float *const *x, size_t dim, bool apart)
{
    __m512 sum[4] = { _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                      _mm512_setzero_ps() };
    size_t d = 0;
    for (; d + 16 <= dim; d += 16) {
        __m512 a = _mm512_loadu_ps(q + d);
        for (size_t r = 0; r < 4; r++)
            sum[r] = step(sum[r], a, _mm512_loadu_ps(x[r] + d), apart);
    }
    if (d < dim) {
        __mmask16 part = (__mmask16)((1u << (dim - d)) - 1);
        __m512 a = _mm512_maskz_loadu_ps(part, q + d);
        for (size_t r = 0; r < 4; r++)
            sum[r] = step(sum[r], a, _mm512_maskz_loadu_ps(part, x[r] + d), apart);
    }
    for (size_t r = 0; r < 4; r++)
        out[r] = sum_lanes(sum[r]);
}

#include "kernels/similar_body.h"

static void dot_i8(int32_t *out, const int16_t *q, const int8_t *rows, size_t stride,
                   const uint32_t *pick, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i++) {
        const int8_t *x = rows + (pick != NULL ? pick[i] : i) * stride;
        if (pick != NULL && i + AHEAD < n)
            ask_for(rows + pick[i + AHEAD] * stride, dim);
        __m512i sum[2] = { _mm512_setzero_si512(), _mm512_setzero_si512() };
        for (size_t d = 0, turn = 0; d < dim; d += 32, turn ^= 1) {
            __m512i wide = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)(x + d)));
            sum[turn] = _mm512_add_epi32(
                sum[turn], _mm512_madd_epi16(wide, _mm512_loadu_si512((const void *)(q + d))));
        }
        out[i] = _mm512_reduce_add_epi32(_mm512_add_epi32(sum[0], sum[1]));
    }
}

V __m512i look_up(const uint8_t *table, __m512i codes)
{
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table)), codes);
}

/* Bytes of even places add up in `even` together with 256 times the odd ones, which `odd` knows. */
static void sum_codes(uint16_t *sums, const uint8_t *blocks, const uint8_t *tables, size_t n_blocks,
                      size_t n_groups)
{
    const __m512i low = _mm512_set1_epi8(15);
    for (size_t b = 0; b < n_blocks; b++, sums += FR_SIMILAR_BLOCK) {
        __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
        for (size_t g = 0; g < n_groups; g += 4, blocks += 2 * FR_SIMILAR_BLOCK) {
            __m512i a = _mm512_loadu_si512((const void *)blocks),
                    c = _mm512_loadu_si512((const void *)(blocks + FR_SIMILAR_BLOCK));
            const uint8_t *t = tables + g * 16;
            __m512i ab =
                _mm512_add_epi8(look_up(t, _mm512_and_si512(a, low)),
                                look_up(t + 16, _mm512_and_si512(_mm512_srli_epi16(a, 4), low)));
            __m512i cd =
                _mm512_add_epi8(look_up(t + 32, _mm512_and_si512(c, low)),
                                look_up(t + 48, _mm512_and_si512(_mm512_srli_epi16(c, 4), low)));
            __m512i four_of = _mm512_add_epi8(ab, cd);
            even = _mm512_add_epi16(even, four_of);
            odd = _mm512_add_epi16(odd, _mm512_srli_epi16(four_of, 8));
        }
        even = _mm512_sub_epi16(even, _mm512_slli_epi16(odd, 8));
        /* within each quarter: places 0 2 4 … and 1 3 5 … become 0 1 2 … */
        __m512i first = _mm512_unpacklo_epi16(even, odd), second = _mm512_unpackhi_epi16(even, odd);
        for (size_t quarter = 0; quarter < 4; quarter++) {
            __m128i *to = (void *)(sums + 16 * quarter);
            __m128i a, c;
            switch (quarter) {
            case 0:
                a = _mm512_extracti32x4_epi32(first, 0), c = _mm512_extracti32x4_epi32(second, 0);
                break;
            case 1:
                a = _mm512_extracti32x4_epi32(first, 1), c = _mm512_extracti32x4_epi32(second, 1);
                break;
            case 2:
                a = _mm512_extracti32x4_epi32(first, 2), c = _mm512_extracti32x4_epi32(second, 2);
                break;
            default:
                a = _mm512_extracti32x4_epi32(first, 3), c = _mm512_extracti32x4_epi32(second, 3);
            }
            _mm_storeu_si128(to, a);
            _mm_storeu_si128(to + 1, c);
        }
    }
}

static size_t above(uint32_t *picked, const uint16_t *sums, const float *f, const float *g,
                    const float *e, size_t n, float step_of, float bias, float slack,
                    float threshold)
{
    const __m512 each = _mm512_set1_ps(step_of), from = _mm512_set1_ps(bias),
                 wide = _mm512_set1_ps(slack), least = _mm512_set1_ps(threshold);
    __m512i index = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    size_t kept = 0;
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 here = n - i >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << (n - i)) - 1);
        __m512 sum =
            _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(here, sums + i)));
        __m512 score =
            _mm512_fmadd_ps(_mm512_maskz_loadu_ps(here, f + i), _mm512_fmadd_ps(each, sum, from),
                            _mm512_maskz_loadu_ps(here, g + i));
        score = _mm512_fmadd_ps(wide, _mm512_maskz_loadu_ps(here, e + i), score);
        __mmask16 kept_here = _mm512_mask_cmp_ps_mask(here, score, least, _CMP_GT_OQ);
        _mm512_storeu_si512((void *)(picked + kept), _mm512_maskz_compress_epi32(kept_here, index));
        kept += (size_t)__builtin_popcount(kept_here);
        index = _mm512_add_epi32(index, _mm512_set1_epi32(16));
    }
    return kept;
}

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("fma");
}

const fr_similar fr_similar_avx512 = { "avx512", usable, dot, distance, dot_i8, sum_codes, above };
#else
typedef int fr_no_similar_avx512_here;
#endif
