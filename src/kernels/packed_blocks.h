/* packed_blocks.h: number formats that keep several values in a block under shared scales.
 *
 * All of them are one idea: a block is groups of values; value = scale[group] · code −
 * least[group], where a code is a small integer, or the entry of a small table, and scales are
 * themselves packed. A format says where its scales and codes lie; the rest is written once.
 * Multiplications by codes are exact in f32 (at most 24 bits of both), so only the subtraction
 * rounds.
 *
 *   format  values  groups   bytes of a block, in order
 *   Q4_0    32      1 × 32   d f16, 16 × two codes of 4 bits (value i low, i + 16 high), minus 8
 *   Q4_1    32      1 × 32   d f16, m f16, codes as above; value = d · code + m
 *   Q5_0    32      1 × 32   d f16, 4 bytes of fifth bits (bit i), 16 × low four; minus 16
 *   Q5_1    32      1 × 32   d f16, m f16, fifth bits, low four
 *   Q8_0    32      1 × 32   d f16, 32 × i8
 *   IQ4_NL  32      1 × 32   d f16, codes as Q4_0, each an index of FR_IQ4_LEVELS
 *   Q2_K    256     16 × 16  16 × (scale 4 bits low, least 4 bits high), 64 × four codes of 2 bits,
 *                            d f16, dmin f16
 *   Q3_K    256     16 × 16  32 bytes of third bits (absent: minus 4), 64 × four low pairs,
 *                            16 scales of 6 bits in 12 bytes, minus 32, d f16
 *   Q4_K    256     8 × 32   d f16, dmin f16, 8 scales and 8 leasts of 6 bits in 12 bytes,
 *                            128 × two codes of 4 bits (byte i of 32: groups 2j low, 2j + 1 high)
 *   Q5_K    256     8 × 32   d f16, dmin f16, as Q4_K, 32 bytes of fifth bits, 128 × low four
 *   Q6_K    256     16 × 16  128 × low four, 64 × two high bits, 16 scales i8, d f16; minus 32
 *   IQ4_XS  256     8 × 32   d f16, u16 and 4 bytes of 6-bit scales, minus 32, codes as IQ4_NL
 *
 * Layouts are those of ggml-common.h at ggml-org/ggml; held byte by byte against the gguf package.
 */
#ifndef FR_KERNELS_PACKED_BLOCKS_H
#define FR_KERNELS_PACKED_BLOCKS_H

#include "kernels/format.h"

enum { FR_BLOCK_VALUES_MOST = 256, FR_BLOCK_GROUPS_MOST = 16 };

/** The levels of IQ4_NL and IQ4_XS: finer near zero, where most weights are. */
extern const int8_t FR_IQ4_LEVELS[16];

/** Integers and two scales that make a block: what a writer hands over, before it is packed. */
typedef struct {
    float d, least;                   /* rounded to f16 where they are packed */
    int scale[FR_BLOCK_GROUPS_MOST];  /* of each group: a factor of d; 1 where groups have none */
    int offset[FR_BLOCK_GROUPS_MOST]; /* a factor of `least`; 1 where groups have none */
    int code[FR_BLOCK_VALUES_MOST];   /* an index where the format has levels, else the integer */
} fr_block;

typedef struct {
    fr_format format;
    size_t values, bytes, groups;
    bool offsets;              /* value = scale · code − least, not scale · code */
    int code_low, code_high;   /* integers that a code stands for */
    const int8_t *levels;      /* of each code; NULL: the integer itself */
    int scale_low, scale_high; /* of a group, as factors of d; 1 and 1: d itself */
    /* scale and least of each group, in f32; the codes of all values, levels looked up */
    void (*scales)(const uint8_t *block, float *scale, float *least);
    void (*codes)(const uint8_t *block, int8_t *code);
    void (*put)(const fr_block *from, uint8_t *block);
} fr_packing;

/** NULL: a format whose values stand alone. Static. */
const fr_packing *fr_packing_of(fr_format format);
/** n values, whole blocks. */
void fr_packed_to_f32(const fr_packing *p, const void *from, float *to, size_t n);

#endif
