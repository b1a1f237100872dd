/* format.c: number formats, one row each, and what is known of the formats that are not ours. */
#include <math.h>
#include <string.h>
#include <strings.h>
#include "base/compiler.h"
#include "kernels/packed_write.h"

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof(u));
    return u;
}

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof(f));
    return f;
}

/* IEEE 754 binary16: sign 1, exponent 5 (bias 15), fraction 10. */
float fr_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 0x3ff;
    if (exponent == 31)
        return float_of(sign | 0x7f800000 | fraction << 13 | (fraction != 0 ? 0x400000 : 0));
    if (exponent == 0) { /* a subnormal is fraction * 2^-24, exact in f32 */
        float magnitude = (float)fraction * 0x1p-24f;
        return float_of(bits_of(magnitude) | sign);
    }
    return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t fr_f32_to_f16(float f)
{
    uint32_t u = bits_of(f), sign = (u >> 16) & 0x8000, magnitude = u & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | ((magnitude >> 13) & 0x3ff)); /* NaN stays one, quiet */
    if (magnitude >= 0x477ff000) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000) { /* below 2^-14: the adder rounds to multiples of 2^-24 for us */
        uint32_t shifted = bits_of(float_of(magnitude) + 0.5f);
        return (uint16_t)(sign | (shifted - 0x3f000000));
    }
    uint32_t odd = (magnitude >> 13) & 1;
    return (uint16_t)(sign | ((magnitude - 0x38000000 + 0xfff + odd) >> 13));
}

float fr_bf16_to_f32(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

uint16_t fr_f32_to_bf16(float f)
{
    uint32_t u = bits_of(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 64); /* NaN stays one, quiet */
    return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void f32_copy(const void *from, float *to, size_t n)
{
    memcpy(to, from, n * sizeof(float));
}

static void f32_put(const float *from, void *to, size_t n)
{
    memcpy(to, from, n * sizeof(float));
}

static uint16_t u16_at(const void *at, size_t i)
{
    uint16_t h;
    memcpy(&h, (const uint8_t *)at + 2 * i, sizeof(h));
    return h;
}

static void u16_put(void *at, size_t i, uint16_t h)
{
    memcpy((uint8_t *)at + 2 * i, &h, sizeof(h));
}

static void f16_to(const void *from, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = fr_f16_to_f32(u16_at(from, i));
}

static void f16_from(const float *from, void *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        u16_put(to, i, fr_f32_to_f16(from[i]));
}

static void bf16_to(const void *from, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = fr_bf16_to_f32(u16_at(from, i));
}

static void bf16_from(const float *from, void *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        u16_put(to, i, fr_f32_to_bf16(from[i]));
}

enum { Q8_0_VALUES = 32, Q8_0_BYTES = 34 };

/* Q8_0: scale d as f16 (2 bytes), then 32 signed bytes q; value = d * q. */
static void q8_0_to(const void *from, float *to, size_t n)
{
    const uint8_t *block = from;
    for (size_t b = 0; b < n / Q8_0_VALUES; b++, block += Q8_0_BYTES) {
        float d = fr_f16_to_f32(u16_at(block, 0));
        for (size_t i = 0; i < Q8_0_VALUES; i++)
            to[b * Q8_0_VALUES + i] = d * (float)(int8_t)block[2 + i];
    }
}

/* d = largest magnitude / 127; q = value / d, rounded half away from zero; both in f32. */
static void q8_0_from(const float *from, void *to, size_t n)
{
    uint8_t *block = to;
    for (size_t b = 0; b < n / Q8_0_VALUES; b++, block += Q8_0_BYTES) {
        const float *x = from + b * Q8_0_VALUES;
        float largest = 0;
        for (size_t i = 0; i < Q8_0_VALUES; i++)
            largest = fmaxf(largest, fabsf(x[i]));
        float d = largest / 127, inverse = d != 0 ? 1 / d : 0;
        u16_put(block, 0, fr_f32_to_f16(d));
        for (size_t i = 0; i < Q8_0_VALUES; i++) {
            float q = roundf(x[i] * inverse);
            block[2 + i] = (uint8_t)(int8_t)(q >= -127 && q <= 127 ? q : 0); /* NaN, inf: 0 */
        }
    }
}

/* What a row needs of a packed format: reading, writing by search, writing by the rule. */
#define PACKED(name, to_name, fit_name)                                                            \
    static void to_name(const void *from, float *to, size_t n)                                     \
    {                                                                                              \
        fr_packed_to_f32(fr_packing_of(FR_FORMAT_##name), from, to, n);                            \
    }                                                                                              \
    static void fit_name(const float *from, const float *weights, void *to, size_t n)              \
    {                                                                                              \
        fr_packed_fit(fr_packing_of(FR_FORMAT_##name), from, weights, to, n);                      \
    }
#define BY_RULE(name, to_name, fit_name, from_name)                                                \
    PACKED(name, to_name, fit_name)                                                                \
    static void from_name(const float *from, void *to, size_t n)                                   \
    {                                                                                              \
        fr_packed_rule(fr_packing_of(FR_FORMAT_##name), from, to, n);                              \
    }
#define BY_SEARCH(name, to_name, fit_name, from_name)                                              \
    PACKED(name, to_name, fit_name)                                                                \
    static void from_name(const float *from, void *to, size_t n)                                   \
    {                                                                                              \
        fit_name(from, NULL, to, n);                                                               \
    }

BY_RULE(Q4_0, q4_0_to, q4_0_fit, q4_0_from)
BY_RULE(Q4_1, q4_1_to, q4_1_fit, q4_1_from)
BY_RULE(Q5_0, q5_0_to, q5_0_fit, q5_0_from)
BY_RULE(Q5_1, q5_1_to, q5_1_fit, q5_1_from)
BY_SEARCH(IQ4_NL, iq4_nl_to, iq4_nl_fit, iq4_nl_from)
BY_SEARCH(IQ4_XS, iq4_xs_to, iq4_xs_fit, iq4_xs_from)
BY_SEARCH(Q2_K, q2_k_to, q2_k_fit, q2_k_from)
BY_SEARCH(Q3_K, q3_k_to, q3_k_fit, q3_k_from)
BY_SEARCH(Q4_K, q4_k_to, q4_k_fit, q4_k_from)
BY_SEARCH(Q5_K, q5_k_to, q5_k_fit, q5_k_from)
BY_SEARCH(Q6_K, q6_k_to, q6_k_fit, q6_k_from)

#define FORMAT(name) FR_FORMAT_##name, #name
static const fr_format_row ROWS[] = {
    { FORMAT(F32), 1, 4, 0, FR_FORMAT_NONE, f32_copy, f32_put, NULL },
    { FORMAT(F16), 1, 2, 1, FR_FORMAT_NONE, f16_to, f16_from, NULL },
    { FORMAT(BF16), 1, 2, 32, FR_FORMAT_NONE, bf16_to, bf16_from, NULL },
    { FORMAT(Q8_0), Q8_0_VALUES, Q8_0_BYTES, 7, FR_FORMAT_F16, q8_0_to, q8_0_from, NULL },
    { FORMAT(Q4_0), 32, 18, 2, FR_FORMAT_F16, q4_0_to, q4_0_from, q4_0_fit },
    { FORMAT(Q4_1), 32, 20, 3, FR_FORMAT_F16, q4_1_to, q4_1_from, q4_1_fit },
    { FORMAT(Q5_0), 32, 22, 8, FR_FORMAT_F16, q5_0_to, q5_0_from, q5_0_fit },
    { FORMAT(Q5_1), 32, 24, 9, FR_FORMAT_F16, q5_1_to, q5_1_from, q5_1_fit },
    { FORMAT(IQ4_NL), 32, 18, 25, FR_FORMAT_F16, iq4_nl_to, iq4_nl_from, iq4_nl_fit },
    { FORMAT(IQ4_XS), 256, 136, 30, FR_FORMAT_IQ4_NL, iq4_xs_to, iq4_xs_from, iq4_xs_fit },
    { FORMAT(Q2_K), 256, 84, 10, FR_FORMAT_IQ4_NL, q2_k_to, q2_k_from, q2_k_fit },
    { FORMAT(Q3_K), 256, 110, 11, FR_FORMAT_IQ4_NL, q3_k_to, q3_k_from, q3_k_fit },
    { FORMAT(Q4_K), 256, 144, 14, FR_FORMAT_Q5_0, q4_k_to, q4_k_from, q4_k_fit },
    { FORMAT(Q5_K), 256, 176, 16, FR_FORMAT_Q5_1, q5_k_to, q5_k_from, q5_k_fit },
    { FORMAT(Q6_K), 256, 210, 18, FR_FORMAT_Q8_0, q6_k_to, q6_k_from, q6_k_fit },
};

const char FR_FORMAT_HINT[] = "Supported are F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, "
                              "IQ4_XS, Q2_K, Q3_K, Q4_K, Q5_K and Q6_K.";

const fr_format_row *fr_format_at(size_t i)
{
    return i < FR_COUNT_OF(ROWS) ? &ROWS[i] : NULL;
}

const fr_format_row *fr_format_find(fr_format format)
{
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++)
        if (ROWS[i].format == format)
            return &ROWS[i];
    return NULL;
}

const fr_format_row *fr_format_by_name(const char *name)
{
    for (size_t i = 0; name != NULL && i < FR_COUNT_OF(ROWS); i++)
        if (strcasecmp(ROWS[i].name, name) == 0)
            return &ROWS[i];
    return NULL;
}

/* ---- every published ggml type: number, name, values and bytes of a block ---------------------
 */

static const struct {
    uint32_t number;
    const char *name;
    uint16_t block_values, block_bytes;
} PUBLISHED[] = {
    { 0, "F32", 1, 4 },         { 1, "F16", 1, 2 },         { 2, "Q4_0", 32, 18 },
    { 3, "Q4_1", 32, 20 },      { 6, "Q5_0", 32, 22 },      { 7, "Q5_1", 32, 24 },
    { 8, "Q8_0", 32, 34 },      { 9, "Q8_1", 32, 36 },      { 10, "Q2_K", 256, 84 },
    { 11, "Q3_K", 256, 110 },   { 12, "Q4_K", 256, 144 },   { 13, "Q5_K", 256, 176 },
    { 14, "Q6_K", 256, 210 },   { 15, "Q8_K", 256, 292 },   { 16, "IQ2_XXS", 256, 66 },
    { 17, "IQ2_XS", 256, 74 },  { 18, "IQ3_XXS", 256, 98 }, { 19, "IQ1_S", 256, 50 },
    { 20, "IQ4_NL", 32, 18 },   { 21, "IQ3_S", 256, 110 },  { 22, "IQ2_S", 256, 82 },
    { 23, "IQ4_XS", 256, 136 }, { 24, "I8", 1, 1 },         { 25, "I16", 1, 2 },
    { 26, "I32", 1, 4 },        { 27, "I64", 1, 8 },        { 28, "F64", 1, 8 },
    { 29, "IQ1_M", 256, 56 },   { 30, "BF16", 1, 2 },       { 34, "TQ1_0", 256, 54 },
    { 35, "TQ2_0", 256, 66 },   { 39, "MXFP4", 32, 17 },
};

fr_format fr_format_fitting(fr_format wanted, uint64_t columns)
{
    const fr_format_row *row = fr_format_find(wanted);
    while (row->fallback != FR_FORMAT_NONE && columns % row->block_values != 0)
        row = fr_format_find(row->fallback);
    return row->format;
}

const char *fr_format_any_name(uint32_t number)
{
    for (size_t i = 0; i < FR_COUNT_OF(PUBLISHED); i++)
        if (PUBLISHED[i].number == number)
            return PUBLISHED[i].name;
    return "unknown";
}

bool fr_format_any_block(uint32_t number, size_t *block_values, size_t *block_bytes)
{
    for (size_t i = 0; i < FR_COUNT_OF(PUBLISHED); i++)
        if (PUBLISHED[i].number == number) {
            *block_values = PUBLISHED[i].block_values;
            *block_bytes = PUBLISHED[i].block_bytes;
            return true;
        }
    return false;
}
