/* packed_blocks.c: where each packed format keeps its scales and codes. The picture is in the
 * header. */
#include <string.h>
#include "base/compiler.h"
#include "kernels/packed_blocks.h"

const int8_t FR_IQ4_LEVELS[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113 };

static float f16_at(const uint8_t *at)
{
    uint16_t h;
    memcpy(&h, at, sizeof(h));
    return fr_f16_to_f32(h);
}

static void put_f16(uint8_t *at, float f)
{
    uint16_t h = fr_f32_to_f16(f);
    memcpy(at, &h, sizeof(h));
}

/* ---- pieces that formats share -------------------------------------------------------------- */

/* A block of 32: its only scale, without and with a least value (which is added, so negated). */
static void one_scale(const uint8_t *block, float *scale, float *least)
{
    (void)least;
    *scale = f16_at(block);
}

static void one_scale_and_least(const uint8_t *block, float *scale, float *least)
{
    *scale = f16_at(block);
    *least = -f16_at(block + 2);
}

/* Codes of 4 bits, n of them: the first half in the low nibbles, the second in the high ones. */
static void nibbles(const uint8_t *at, int8_t *code, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        code[i] = (int8_t)(at[i] & 15);
        code[i + n / 2] = (int8_t)(at[i] >> 4);
    }
}

static void put_nibbles(const int *code, uint8_t *at, size_t n)
{
    for (size_t i = 0; i < n / 2; i++)
        at[i] = (uint8_t)((code[i] & 15) | (code[i + n / 2] & 15) << 4);
}

/* Bit i of 32, as `bit` of code i. */
static void add_bits(const uint8_t *at, int8_t *code, int bit)
{
    for (size_t i = 0; i < 32; i++)
        code[i] = (int8_t)(code[i] | (at[i / 8] >> (i % 8) & 1) << bit);
}

static void put_bits(const int *code, uint8_t *at, int bit)
{
    memset(at, 0, 4);
    for (size_t i = 0; i < 32; i++)
        at[i / 8] = (uint8_t)(at[i / 8] | (code[i] >> bit & 1) << (i % 8));
}

static void shift(int8_t *code, size_t n, int by)
{
    for (size_t i = 0; i < n; i++)
        code[i] = (int8_t)(code[i] - by);
}

/* A writer's codes, counted from zero. */
static void unshifted(const fr_block *from, int by, int *code, size_t n)
{
    for (size_t i = 0; i < n; i++)
        code[i] = from->code[i] + by;
}

static void look_up(int8_t *code, size_t n)
{
    for (size_t i = 0; i < n; i++)
        code[i] = FR_IQ4_LEVELS[code[i]];
}

/* ---- blocks of 32 --------------------------------------------------------------------------- */

static void q4_0_codes(const uint8_t *block, int8_t *code)
{
    nibbles(block + 2, code, 32);
    shift(code, 32, 8);
}

static void q4_0_put(const fr_block *from, uint8_t *block)
{
    int code[32];
    unshifted(from, 8, code, 32);
    put_f16(block, from->d);
    put_nibbles(code, block + 2, 32);
}

static void q4_1_codes(const uint8_t *block, int8_t *code)
{
    nibbles(block + 4, code, 32);
}

static void q4_1_put(const fr_block *from, uint8_t *block)
{
    put_f16(block, from->d);
    put_f16(block + 2, -from->least);
    put_nibbles(from->code, block + 4, 32);
}

static void q5_0_codes(const uint8_t *block, int8_t *code)
{
    nibbles(block + 6, code, 32);
    add_bits(block + 2, code, 4);
    shift(code, 32, 16);
}

static void q5_0_put(const fr_block *from, uint8_t *block)
{
    int code[32];
    unshifted(from, 16, code, 32);
    put_f16(block, from->d);
    put_bits(code, block + 2, 4);
    put_nibbles(code, block + 6, 32);
}

static void q5_1_codes(const uint8_t *block, int8_t *code)
{
    nibbles(block + 8, code, 32);
    add_bits(block + 4, code, 4);
}

static void q5_1_put(const fr_block *from, uint8_t *block)
{
    put_f16(block, from->d);
    put_f16(block + 2, -from->least);
    put_bits(from->code, block + 4, 4);
    put_nibbles(from->code, block + 8, 32);
}

static void q8_0_codes(const uint8_t *block, int8_t *code)
{
    memcpy(code, block + 2, 32);
}

static void q8_0_put(const fr_block *from, uint8_t *block)
{
    put_f16(block, from->d);
    for (size_t i = 0; i < 32; i++)
        block[2 + i] = (uint8_t)from->code[i];
}

static void iq4_nl_codes(const uint8_t *block, int8_t *code)
{
    nibbles(block + 2, code, 32);
    look_up(code, 32);
}

static void iq4_nl_put(const fr_block *from, uint8_t *block)
{
    put_f16(block, from->d);
    put_nibbles(from->code, block + 2, 32);
}

/* ---- blocks of 256 -------------------------------------------------------------------------- */

/* Codes of two bits: of each half of the block, 32 bytes; value i lies in byte i mod 32, in the
 * i / 32-th pair of bits. `bit` says where the two go in the code. */
static void add_pairs(const uint8_t *at, int8_t *code, int bit)
{
    for (size_t run = 0; run < 8; run++) { /* 32 values that share a place in their bytes */
        const uint8_t *from = at + run / 4 * 32;
        for (size_t i = 0; i < 32; i++)
            code[32 * run + i] =
                (int8_t)(code[32 * run + i] | (from[i] >> (run % 4 * 2) & 3) << bit);
    }
}

static void put_pairs(const int *code, uint8_t *at, int bit)
{
    memset(at, 0, 64);
    for (size_t i = 0; i < 256; i++) {
        size_t byte = i / 128 * 32 + i % 32, pair = i % 128 / 32;
        at[byte] = (uint8_t)(at[byte] | (code[i] >> bit & 3) << (2 * pair));
    }
}

/* One bit a value: value i lies in byte i mod 32, bit i / 32. */
static void add_planes(const uint8_t *at, int8_t *code, int bit)
{
    for (size_t run = 0; run < 8; run++)
        for (size_t i = 0; i < 32; i++)
            code[32 * run + i] = (int8_t)(code[32 * run + i] | (at[i] >> run & 1) << bit);
}

static void put_planes(const int *code, uint8_t *at, int bit)
{
    memset(at, 0, 32);
    for (size_t i = 0; i < 256; i++)
        at[i % 32] = (uint8_t)(at[i % 32] | (code[i] >> bit & 1) << (i / 32));
}

static void q2_k_scales(const uint8_t *block, float *scale, float *least)
{
    float d = f16_at(block + 80), dmin = f16_at(block + 82);
    for (size_t g = 0; g < 16; g++) {
        scale[g] = d * (float)(block[g] & 15);
        least[g] = dmin * (float)(block[g] >> 4);
    }
}

static void q2_k_codes(const uint8_t *block, int8_t *code)
{
    memset(code, 0, 256);
    add_pairs(block + 16, code, 0);
}

static void q2_k_put(const fr_block *from, uint8_t *block)
{
    for (size_t g = 0; g < 16; g++)
        block[g] = (uint8_t)(from->scale[g] | from->offset[g] << 4);
    put_pairs(from->code, block + 16, 0);
    put_f16(block + 80, from->d);
    put_f16(block + 82, from->least);
}

/* Of 16 scales of 6 bits, 8 bytes hold the low four (the second eight in the high nibbles), 4 bytes
 * the high two. */
static void q3_k_scales(const uint8_t *block, float *scale, float *least)
{
    const uint8_t *at = block + 96;
    float d = f16_at(block + 108);
    (void)least;
    for (size_t g = 0; g < 16; g++) {
        int low = at[g % 8] >> (g / 8 * 4) & 15, high = at[8 + g % 4] >> (g / 4 * 2) & 3;
        scale[g] = d * (float)((low | high << 4) - 32);
    }
}

static void q3_k_codes(const uint8_t *block, int8_t *code)
{
    memset(code, 0, 256);
    add_pairs(block + 32, code, 0);
    add_planes(block, code, 2);
    shift(code, 256, 4);
}

static void q3_k_put(const fr_block *from, uint8_t *block)
{
    int code[256];
    uint8_t *at = block + 96;
    unshifted(from, 4, code, 256);
    put_planes(code, block, 2);
    put_pairs(code, block + 32, 0);
    memset(at, 0, 12);
    for (size_t g = 0; g < 16; g++) {
        int scale = from->scale[g] + 32;
        at[g % 8] = (uint8_t)(at[g % 8] | (scale & 15) << (g / 8 * 4));
        at[8 + g % 4] = (uint8_t)(at[8 + g % 4] | (scale >> 4) << (g / 4 * 2));
    }
    put_f16(block + 108, from->d);
}

/* Eight scales and eight leasts of 6 bits in 12 bytes: the first four of each stand in the low six
 * bits of bytes 0…3 and 4…7; of the others, the low four bits in bytes 8…11 (scale low, least
 * high), the high two above the first four. */
static void q4_k_scales(const uint8_t *block, float *scale, float *least)
{
    const uint8_t *at = block + 4;
    float d = f16_at(block), dmin = f16_at(block + 2);
    for (size_t g = 0; g < 4; g++) {
        scale[g] = d * (float)(at[g] & 63);
        least[g] = dmin * (float)(at[4 + g] & 63);
        scale[4 + g] = d * (float)((at[8 + g] & 15) | at[g] >> 6 << 4);
        least[4 + g] = dmin * (float)(at[8 + g] >> 4 | at[4 + g] >> 6 << 4);
    }
}

static void put_six_bits(const fr_block *from, uint8_t *block)
{
    uint8_t *at = block + 4;
    put_f16(block, from->d);
    put_f16(block + 2, from->least);
    for (size_t g = 0; g < 4; g++) {
        at[g] = (uint8_t)(from->scale[g] | from->scale[4 + g] >> 4 << 6);
        at[4 + g] = (uint8_t)(from->offset[g] | from->offset[4 + g] >> 4 << 6);
        at[8 + g] = (uint8_t)((from->scale[4 + g] & 15) | (from->offset[4 + g] & 15) << 4);
    }
}

static void q4_k_codes(const uint8_t *block, int8_t *code)
{
    for (size_t pair = 0; pair < 4; pair++)
        nibbles(block + 16 + 32 * pair, code + 64 * pair, 64);
}

static void q4_k_put(const fr_block *from, uint8_t *block)
{
    put_six_bits(from, block);
    for (size_t pair = 0; pair < 4; pair++)
        put_nibbles(from->code + 64 * pair, block + 16 + 32 * pair, 64);
}

static void q5_k_codes(const uint8_t *block, int8_t *code)
{
    for (size_t pair = 0; pair < 4; pair++)
        nibbles(block + 48 + 32 * pair, code + 64 * pair, 64);
    add_planes(block + 16, code, 4);
}

static void q5_k_put(const fr_block *from, uint8_t *block)
{
    put_six_bits(from, block);
    put_planes(from->code, block + 16, 4);
    for (size_t pair = 0; pair < 4; pair++)
        put_nibbles(from->code + 64 * pair, block + 48 + 32 * pair, 64);
}

static void q6_k_scales(const uint8_t *block, float *scale, float *least)
{
    float d = f16_at(block + 208);
    (void)least;
    for (size_t g = 0; g < 16; g++)
        scale[g] = d * (float)(int8_t)block[192 + g];
}

static void q6_k_codes(const uint8_t *block, int8_t *code)
{
    nibbles(block, code, 128);
    nibbles(block + 64, code + 128, 128);
    add_pairs(block + 128, code, 4);
    shift(code, 256, 32);
}

static void q6_k_put(const fr_block *from, uint8_t *block)
{
    int code[256];
    unshifted(from, 32, code, 256);
    put_nibbles(code, block, 128);
    put_nibbles(code + 128, block + 64, 128);
    put_pairs(code, block + 128, 4);
    for (size_t g = 0; g < 16; g++)
        block[192 + g] = (uint8_t)from->scale[g];
    put_f16(block + 208, from->d);
}

static void iq4_xs_scales(const uint8_t *block, float *scale, float *least)
{
    float d = f16_at(block);
    unsigned high = (unsigned)block[2] | (unsigned)block[3] << 8;
    (void)least;
    for (size_t g = 0; g < 8; g++) {
        int low = block[4 + g / 2] >> (g % 2 * 4) & 15;
        scale[g] = d * (float)((low | (int)(high >> (2 * g) & 3) << 4) - 32);
    }
}

static void iq4_xs_codes(const uint8_t *block, int8_t *code)
{
    for (size_t g = 0; g < 8; g++)
        nibbles(block + 8 + 16 * g, code + 32 * g, 32);
    look_up(code, 256);
}

static void iq4_xs_put(const fr_block *from, uint8_t *block)
{
    put_f16(block, from->d);
    memset(block + 2, 0, 6);
    for (size_t g = 0; g < 8; g++) {
        int scale = from->scale[g] + 32;
        block[2 + g / 4] = (uint8_t)(block[2 + g / 4] | (scale >> 4) << (g % 4 * 2));
        block[4 + g / 2] = (uint8_t)(block[4 + g / 2] | (scale & 15) << (g % 2 * 4));
        put_nibbles(from->code + 32 * g, block + 8 + 16 * g, 32);
    }
}

/* ---- the table ------------------------------------------------------------------------------ */

#define FORMAT(name) FR_FORMAT_##name
static const fr_packing PACKINGS[] = {
    { FORMAT(Q4_0), 32, 18, 1, false, -8, 7, NULL, 1, 1, one_scale, q4_0_codes, q4_0_put },
    { FORMAT(Q4_1), 32, 20, 1, true, 0, 15, NULL, 1, 1, one_scale_and_least, q4_1_codes, q4_1_put },
    { FORMAT(Q5_0), 32, 22, 1, false, -16, 15, NULL, 1, 1, one_scale, q5_0_codes, q5_0_put },
    { FORMAT(Q5_1), 32, 24, 1, true, 0, 31, NULL, 1, 1, one_scale_and_least, q5_1_codes, q5_1_put },
    { FORMAT(Q8_0), 32, 34, 1, false, -128, 127, NULL, 1, 1, one_scale, q8_0_codes, q8_0_put },
    { FORMAT(IQ4_NL), 32, 18, 1, false, 0, 15, FR_IQ4_LEVELS, 1, 1, one_scale, iq4_nl_codes,
      iq4_nl_put },
    { FORMAT(Q2_K), 256, 84, 16, true, 0, 3, NULL, 0, 15, q2_k_scales, q2_k_codes, q2_k_put },
    { FORMAT(Q3_K), 256, 110, 16, false, -4, 3, NULL, -32, 31, q3_k_scales, q3_k_codes, q3_k_put },
    { FORMAT(Q4_K), 256, 144, 8, true, 0, 15, NULL, 0, 63, q4_k_scales, q4_k_codes, q4_k_put },
    { FORMAT(Q5_K), 256, 176, 8, true, 0, 31, NULL, 0, 63, q4_k_scales, q5_k_codes, q5_k_put },
    { FORMAT(Q6_K), 256, 210, 16, false, -32, 31, NULL, -128, 127, q6_k_scales, q6_k_codes,
      q6_k_put },
    { FORMAT(IQ4_XS), 256, 136, 8, false, 0, 15, FR_IQ4_LEVELS, -32, 31, iq4_xs_scales,
      iq4_xs_codes, iq4_xs_put },
};
#undef FORMAT

const fr_packing *fr_packing_of(fr_format format)
{
    for (size_t i = 0; i < FR_COUNT_OF(PACKINGS); i++)
        if (PACKINGS[i].format == format)
            return &PACKINGS[i];
    return NULL;
}

static void spread(const int8_t *code, float scale, float least, bool offsets, float *to, size_t n)
{
    if (offsets)
        for (size_t i = 0; i < n; i++)
            to[i] = scale * (float)code[i] - least;
    else
        for (size_t i = 0; i < n; i++)
            to[i] = scale * (float)code[i];
}

void fr_packed_to_f32(const fr_packing *p, const void *from, float *to, size_t n)
{
    const uint8_t *block = from;
    const size_t each = p->values / p->groups;
    for (size_t b = 0; b < n / p->values; b++, block += p->bytes) {
        float scale[FR_BLOCK_GROUPS_MOST], least[FR_BLOCK_GROUPS_MOST] = { 0 };
        int8_t code[FR_BLOCK_VALUES_MOST];
        p->scales(block, scale, least);
        p->codes(block, code);
        for (size_t g = 0; g < p->groups; g++, to += each)
            spread(code + g * each, scale[g], least[g], p->offsets, to, each);
    }
}
