/* vector16_body.h: the body of every vector row, written once on sixteen lanes.
 *
 * A row's file defines v16 (FR_LANES floats), b16 (as many bytes) and their primitives below, the
 * shape of its register tile, ROW_NAME and ROW_USABLE, and then includes this file:
 *
 *   TILE_ROWS × TILE_OUTS accumulators are held while the inner dimension runs: each weight that
 *   is loaded (and unpacked) serves TILE_ROWS rows. ONE_OUTS outputs run side by side for one row,
 *   to hide the latency of a chain of fused multiply-adds.
 *
 * scalar.c says what each function must give, to the bit. */
#ifndef FR_KERNELS_VECTOR16_H
#define FR_KERNELS_VECTOR16_H

#include <math.h>
#include <string.h>
#include "base/compiler.h"
#include "kernels/activate.h"
#include "kernels/kernels_priv.h"
#include "kernels/packed_blocks.h"

#define INLINE static inline __attribute__((always_inline))

/* A loop with a constant count, written out by the compiler so that arrays become registers. */
#if defined(__clang__)
#define EACH(i, n) _Pragma("unroll") for (size_t i = 0; i < (n); i++)
#else
#define EACH(i, n) _Pragma("GCC unroll 16") for (size_t i = 0; i < (n); i++)
#endif

/* Cache blocking: weights of this many bytes stay in the second cache while all rows pass. */
enum { BLOCK_BYTES = 256 * 1024 };

/* From this many tiles of rows on, packed weights are unpacked first, into blocks that leave room
 * for the rows in the first cache; very long rows may take more, up to the whole buffer. */
enum {
    EXPAND_TILES_Q8_0 = 2,
    EXPAND_TILES_16_BITS = 4,
    EXPAND_AT_ONCE_BYTES = 32 * 1024,
    EXPANDED_BYTES = 64 * 1024
};

enum { Q8_0_VALUES = 32, Q8_0_BYTES = 34 };

INLINE uint16_t u16_at(const void *at)
{
    uint16_t h;
    memcpy(&h, at, sizeof(h));
    return h;
}

/* 16 weights of a row in format F32, F16 or BF16 from inner index i on. */
INLINE v16 load16(const uint8_t *row, size_t i, fr_format format)
{
    return format == FR_FORMAT_F32   ? v16_load((const float *)row + i)
           : format == FR_FORMAT_F16 ? v16_load_f16(row + 2 * i)
                                     : v16_load_bf16(row + 2 * i);
}

INLINE v16 load16_part(const uint8_t *row, size_t i, size_t n, fr_format format)
{
    return format == FR_FORMAT_F32   ? v16_load_part((const float *)row + i, n)
           : format == FR_FORMAT_F16 ? v16_load_f16_part(row + 2 * i, n)
                                     : v16_load_bf16_part(row + 2 * i, n);
}

/* ---- packed codes, unpacked in registers ----------------------------------------------------
 *
 * Where they lie is in packed_blocks.h. Sixteen bytes are shifted as 16-bit numbers and masked. A
 * product of scale and code is exact, so a fused step that subtracts gives the bits of format.h. */

enum { SMALL_VALUES = 32, SUPER_VALUES = 256, SUPER_PART = 64 };

typedef uint16_t w8 FR_VECTOR(16);

INLINE b16 b16_load(const uint8_t *at)
{
    b16 b;
    memcpy(&b, at, sizeof(b));
    return b;
}

/* Bits `from`… of each byte; `mask` says which. */
INLINE b16 b16_bits(b16 b, int from, uint8_t mask)
{
    return (b16)((w8)b >> from) & mask;
}

/* Blocks of 32 codes of four bits, or five; 0: another format. */
INLINE size_t small_bytes(fr_format format)
{
    return format == FR_FORMAT_Q4_0 || format == FR_FORMAT_IQ4_NL ? 18
           : format == FR_FORMAT_Q4_1                             ? 20
           : format == FR_FORMAT_Q5_0                             ? 22
           : format == FR_FORMAT_Q5_1                             ? 24
                                                                  : 0;
}

/* Blocks of 256 codes; 0: another format. */
INLINE size_t super_bytes(fr_format format)
{
    return format == FR_FORMAT_Q2_K     ? 84
           : format == FR_FORMAT_Q3_K   ? 110
           : format == FR_FORMAT_IQ4_XS ? 136
           : format == FR_FORMAT_Q4_K   ? 144
           : format == FR_FORMAT_Q5_K   ? 176
           : format == FR_FORMAT_Q6_K   ? 210
                                        : 0;
}

/* Something is added to each product of scale and code. */
INLINE bool adds(fr_format format)
{
    return format == FR_FORMAT_Q4_1 || format == FR_FORMAT_Q5_1 || format == FR_FORMAT_Q2_K ||
           format == FR_FORMAT_Q4_K || format == FR_FORMAT_Q5_K;
}

INLINE b16 levels_of(b16 index)
{
    return b16_look_up(b16_load((const uint8_t *)FR_IQ4_LEVELS), index);
}

/* Sixteen bits from `at`, bit i as 16 in byte i. */
INLINE b16 fifth_bits(const uint8_t *at)
{
    static const uint8_t BYTE[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 },
                         BIT[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
    b16 two = { at[0], at[1] };
    const b16 bit = b16_load(BIT);
    return (b16)((b16_look_up(two, b16_load(BYTE)) & bit) == bit) & 16;
}

/* The 32 codes of a small block. */
INLINE void unpack32(const uint8_t *block, v16 code[2], fr_format format)
{
    const b16 b = b16_load(block + small_bytes(format) - 16);
    b16 low = b & 15, high = b16_bits(b, 4, 15);
    if (format == FR_FORMAT_Q5_0 || format == FR_FORMAT_Q5_1) {
        const uint8_t *fifth = block + small_bytes(format) - 20;
        low |= fifth_bits(fifth);
        high |= fifth_bits(fifth + 2);
    }
    if (format == FR_FORMAT_IQ4_NL) {
        low = levels_of(low);
        high = levels_of(high);
    } else if (!adds(format)) {
        const uint8_t middle = format == FR_FORMAT_Q5_0 ? 16 : 8;
        low -= middle;
        high -= middle;
    }
    code[0] = v16_of_i8(low);
    code[1] = v16_of_i8(high);
}

/* The 32 weights of a small block. */
INLINE void weights32(const uint8_t *block, v16 weight[2], fr_format format)
{
    const v16 scale = v16_set_f16(u16_at(block));
    unpack32(block, weight, format);
    EACH (k, 2)
        weight[k] = adds(format) ? v16_fma(scale, weight[k], v16_set_f16(u16_at(block + 2)))
                                 : v16_mul(scale, weight[k]);
}

/* Codes 64 · part … of a block of 256. */
INLINE void unpack64(const uint8_t *block, size_t part, v16 code[4], fr_format format)
{
    if (format == FR_FORMAT_Q6_K) {
        const uint8_t *low = block + part / 2 * 64, *high = block + 128 + part / 2 * 32;
        const int nibble = part % 2 * 4;
        EACH (k, 4) {
            const b16 pair = b16_bits(b16_load(high + k % 2 * 16), nibble + (int)(k / 2) * 2, 3);
            code[k] = v16_of_i8((b16_bits(b16_load(low + 16 * k), nibble, 15) | pair << 4) - 32);
        }
        return;
    }
    if (format == FR_FORMAT_Q2_K || format == FR_FORMAT_Q3_K) {
        const uint8_t *pairs = block + (format == FR_FORMAT_Q2_K ? 16 : 32) + part / 2 * 32;
        EACH (k, 4) {
            const int run = (int)(2 * part + k / 2);
            b16 c = b16_bits(b16_load(pairs + k % 2 * 16), run % 4 * 2, 3);
            if (format == FR_FORMAT_Q3_K)
                c = (c | b16_bits(b16_load(block + k % 2 * 16), run, 1) << 2) - 4;
            code[k] = v16_of_i8(c);
        }
        return;
    }
    if (format == FR_FORMAT_IQ4_XS) {
        EACH (k, 4) {
            const b16 b = b16_load(block + 8 + part * 32 + k / 2 * 16);
            code[k] = v16_of_i8(levels_of(k % 2 == 0 ? b & 15 : b16_bits(b, 4, 15)));
        }
        return;
    }
    const uint8_t *at = block + (format == FR_FORMAT_Q4_K ? 16 : 48) + part * 32;
    EACH (k, 4) {
        const b16 b = b16_load(at + k % 2 * 16);
        b16 c = k < 2 ? b & 15 : b16_bits(b, 4, 15);
        if (format == FR_FORMAT_Q5_K)
            c |= b16_bits(b16_load(block + 16 + k % 2 * 16), (int)(2 * part + k / 2), 1) << 4;
        code[k] = v16_of_i8(c);
    }
}

/* Six bits of 16 scales, 32 too high: of Q3_K, then of the 8 of IQ4_XS. */
INLINE void scales_q3_k(const uint8_t *at, uint32_t bytes[4])
{
    uint32_t six[3];
    memcpy(six, at, sizeof(six));
    bytes[0] = (six[0] & 0x0f0f0f0f) | (six[2] & 0x03030303) << 4;
    bytes[1] = (six[1] & 0x0f0f0f0f) | (six[2] >> 2 & 0x03030303) << 4;
    bytes[2] = (six[0] >> 4 & 0x0f0f0f0f) | (six[2] >> 4 & 0x03030303) << 4;
    bytes[3] = (six[1] >> 4 & 0x0f0f0f0f) | (six[2] >> 6 & 0x03030303) << 4;
}

INLINE void scales_iq4_xs(const uint8_t *block, uint8_t bytes[16])
{
    const unsigned high = u16_at(block + 2);
    EACH (g, 8)
        bytes[g] = (uint8_t)((block[4 + g / 2] >> (g % 2 * 4) & 15) | (high >> (2 * g) & 3) << 4);
    memset(bytes + 8, 0, 8);
}

/* Scales of a block of 256, and what is added: of Q2_K, the negated leasts; of Q4_K and Q5_K, from
 * plus[8] on. */
INLINE void scales256(const uint8_t *block, float scale[16], float plus[16], fr_format format)
{
    if (format == FR_FORMAT_Q6_K) {
        v16_store(scale, v16_mul(v16_set_f16(u16_at(block + 208)), v16_load_i8(block + 192)));
        return;
    }
    if (format == FR_FORMAT_Q2_K) {
        const b16 b = b16_load(block);
        const v16 least = v16_negative(v16_set_f16(u16_at(block + 82)));
        v16_store(scale, v16_mul(v16_set_f16(u16_at(block + 80)), v16_of_i8(b & 15)));
        v16_store(plus, v16_mul(least, v16_of_i8(b16_bits(b, 4, 15))));
        return;
    }
    if (format == FR_FORMAT_Q3_K || format == FR_FORMAT_IQ4_XS) {
        uint32_t bytes[4];
        if (format == FR_FORMAT_Q3_K)
            scales_q3_k(block + 96, bytes);
        else
            scales_iq4_xs(block, (uint8_t *)bytes);
        const v16 d = v16_set_f16(u16_at(block + (format == FR_FORMAT_Q3_K ? 108 : 0)));
        v16_store(scale, v16_mul(d, v16_of_i8(b16_load((const uint8_t *)bytes) - 32)));
        return;
    }
    uint32_t six[3], bytes[4];
    memcpy(six, block + 4, sizeof(six));
    bytes[0] = six[0] & 0x3f3f3f3f;
    bytes[1] = (six[2] & 0x0f0f0f0f) | (six[0] >> 2 & 0x30303030);
    bytes[2] = six[1] & 0x3f3f3f3f;
    bytes[3] = (six[2] >> 4 & 0x0f0f0f0f) | (six[1] >> 2 & 0x30303030);
    const v16 factor = v16_load_i8((const uint8_t *)bytes);
    v16_store(scale, v16_mul(v16_set_f16(u16_at(block)), factor));
    v16_store(plus, v16_mul(v16_negative(v16_set_f16(u16_at(block + 2))), factor));
}

/* Weight vector k of part `part`, from its codes. */
INLINE v16 weight64(v16 code, const float *scale, const float *plus, size_t part, size_t k,
                    fr_format format)
{
    /* groups of 16, or of 32 */
    const bool sixteen =
        format == FR_FORMAT_Q6_K || format == FR_FORMAT_Q2_K || format == FR_FORMAT_Q3_K;
    const size_t group = sixteen ? 4 * part + k : 2 * part + k / 2;
    if (!adds(format))
        return v16_mul(v16_set(scale[group]), code);
    return v16_fma(v16_set(scale[group]), code, v16_set(plus[sixteen ? group : 8 + group]));
}

/* Adds one row's products with O rows of packed weights. */
INLINE void sum_packed(v16 *sum, const float *x, const uint8_t *w, size_t row_bytes, size_t n_in,
                       const size_t O, const fr_format format)
{
    if (small_bytes(format) != 0) {
        for (size_t i = 0; i < n_in; i += SMALL_VALUES, w += small_bytes(format)) {
            const v16 first = v16_load(x + i), second = v16_load(x + i + FR_LANES);
            EACH (o, O) {
                v16 weight[2];
                weights32(w + o * row_bytes, weight, format);
                sum[o] = v16_fma(first, weight[0], sum[o]);
                sum[o] = v16_fma(second, weight[1], sum[o]);
            }
        }
        return;
    }
    for (size_t i = 0; i < n_in; i += SUPER_VALUES, w += super_bytes(format)) {
        float scale[ONE_OUTS][16] FR_ALIGNED(64), plus[ONE_OUTS][16] FR_ALIGNED(64);
        EACH (o, O)
            scales256(w + o * row_bytes, scale[o], plus[o], format);
        for (size_t part = 0; part < SUPER_VALUES / SUPER_PART; part++) {
            const float *at = x + i + part * SUPER_PART;
            EACH (o, O) {
                v16 code[4];
                unpack64(w + o * row_bytes, part, code, format);
                EACH (k, 4)
                    sum[o] = v16_fma(v16_load(at + k * FR_LANES),
                                     weight64(code[k], scale[o], plus[o], part, k, format), sum[o]);
            }
        }
    }
}

/* A row of packed weights as f32. */
INLINE void expand_packed(float *to, const uint8_t *w, size_t n_in, const fr_format format)
{
    if (small_bytes(format) != 0) {
        for (size_t i = 0; i < n_in; i += SMALL_VALUES, w += small_bytes(format)) {
            v16 weight[2];
            weights32(w, weight, format);
            v16_store(to + i, weight[0]);
            v16_store(to + i + FR_LANES, weight[1]);
        }
        return;
    }
    for (size_t i = 0; i < n_in; i += SUPER_VALUES, w += super_bytes(format)) {
        float scale[16] FR_ALIGNED(64), plus[16] FR_ALIGNED(64);
        scales256(w, scale, plus, format);
        for (size_t part = 0; part < SUPER_VALUES / SUPER_PART; part++) {
            v16 code[4];
            unpack64(w, part, code, format);
            EACH (k, 4)
                v16_store(to + i + part * SUPER_PART + k * FR_LANES,
                          weight64(code[k], scale, plus, part, k, format));
        }
    }
}

/* y[0…R-1][0…O-1] = x[0…R-1] · w[0…O-1]; R, O and format are constants where it is inlined. */
INLINE void tile(float *y, size_t y_stride, const float *x, size_t x_stride, const uint8_t *w,
                 size_t row_bytes, size_t n_in, const size_t R, const size_t O,
                 const fr_format format)
{
    v16 sum[TILE_ROWS][ONE_OUTS];
    v16 weight[ONE_OUTS];
    size_t i = 0;
    EACH (r, R)
        EACH (o, O)
            sum[r][o] = v16_zero();
    if (small_bytes(format) != 0 || super_bytes(format) != 0) {
        EACH (r, R)
            sum_packed(sum[r], x + r * x_stride, w, row_bytes, n_in, O, format);
    } else if (format == FR_FORMAT_Q8_0) {
        for (const uint8_t *block = w; i < n_in; block += Q8_0_BYTES) {
            v16 scale[ONE_OUTS];
            EACH (o, O)
                scale[o] = v16_set_f16(u16_at(block + o * row_bytes));
            for (size_t half = 0; half < Q8_0_VALUES; half += FR_LANES, i += FR_LANES) {
                EACH (o, O)
                    weight[o] = v16_mul(scale[o], v16_load_i8(block + o * row_bytes + 2 + half));
                EACH (r, R) {
                    v16 value = v16_load(x + r * x_stride + i);
                    EACH (o, O)
                        sum[r][o] = v16_fma(value, weight[o], sum[r][o]);
                }
            }
        }
    } else {
        for (; i + FR_LANES <= n_in; i += FR_LANES) {
            EACH (o, O)
                weight[o] = load16(w + o * row_bytes, i, format);
            EACH (r, R) {
                v16 value = v16_load(x + r * x_stride + i);
                EACH (o, O)
                    sum[r][o] = v16_fma(value, weight[o], sum[r][o]);
            }
        }
        if (i < n_in) {
            EACH (o, O)
                weight[o] = load16_part(w + o * row_bytes, i, n_in - i, format);
            EACH (r, R) {
                v16 value = v16_load_part(x + r * x_stride + i, n_in - i);
                EACH (o, O)
                    sum[r][o] = v16_fma(value, weight[o], sum[r][o]);
            }
        }
    }
    EACH (r, R) {
        if (O % 4 == 0) {
            EACH (o, O / 4)
                v16_sum4(y + r * y_stride + 4 * o, sum[r][4 * o], sum[r][4 * o + 1],
                         sum[r][4 * o + 2], sum[r][4 * o + 3]);
        } else {
            EACH (o, O)
                y[r * y_stride + o] = v16_sum(sum[r][o]);
        }
    }
}

/* R rows over a range of outputs, O at a time and the last ones one by one. */
INLINE void strip(float *y, size_t y_stride, const float *x, size_t x_stride, const fr_packed *w,
                  size_t first, size_t end, const size_t R, const size_t O, const fr_format format)
{
    const uint8_t *at = w->data + first * w->row_bytes;
    size_t o = first;
    for (; o + O <= end; o += O, at += O * w->row_bytes)
        tile(y + o, y_stride, x, x_stride, at, w->row_bytes, w->n_in, R, O, format);
    for (; o < end; o++, at += w->row_bytes)
        tile(y + o, y_stride, x, x_stride, at, w->row_bytes, w->n_in, R, 1, format);
}

/* All rows over a range of outputs, TILE_ROWS at a time. */
INLINE void strips(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                   const fr_packed *w, size_t first, size_t end, const fr_format format)
{
    for (; rows >= TILE_ROWS; rows -= TILE_ROWS) {
        strip(y, y_stride, x, x_stride, w, first, end, TILE_ROWS, TILE_OUTS, format);
        y += TILE_ROWS * y_stride;
        x += TILE_ROWS * x_stride;
    }
    switch (rows) {
    case 1:
        strip(y, y_stride, x, x_stride, w, first, end, 1, ONE_OUTS, format);
        break;
#if TILE_ROWS > 2
    case 2:
        strip(y, y_stride, x, x_stride, w, first, end, 2, TILE_OUTS, format);
        break;
#endif
#if TILE_ROWS > 3
    case 3:
        strip(y, y_stride, x, x_stride, w, first, end, 3, TILE_OUTS, format);
        break;
    case 4:
        strip(y, y_stride, x, x_stride, w, first, end, 4, TILE_OUTS, format);
        break;
    case 5:
        strip(y, y_stride, x, x_stride, w, first, end, 5, TILE_OUTS, format);
        break;
#endif
    default:
        break;
    }
}

/* Rows first…end of the weights as f32: to [end - first][n_in]. */
INLINE void expand(float *to, const fr_packed *w, size_t first, size_t end, const fr_format format)
{
    for (size_t o = first; o < end; o++, to += w->n_in) {
        const uint8_t *row = w->data + o * w->row_bytes;
        size_t i = 0;
        if (small_bytes(format) != 0 || super_bytes(format) != 0) {
            expand_packed(to, row, w->n_in, format);
        } else if (format == FR_FORMAT_Q8_0) {
            for (; i < w->n_in; i += Q8_0_VALUES, row += Q8_0_BYTES) {
                v16 scale = v16_set_f16(u16_at(row));
                v16_store(to + i, v16_mul(scale, v16_load_i8(row + 2)));
                v16_store(to + i + FR_LANES, v16_mul(scale, v16_load_i8(row + 2 + FR_LANES)));
            }
        } else {
            for (; i + FR_LANES <= w->n_in; i += FR_LANES)
                v16_store(to + i, load16(row, i, format));
            if (i < w->n_in)
                v16_store_part(to + i, load16_part(row, i, w->n_in - i, format), w->n_in - i);
        }
    }
}

/* Many rows: a block of weights is unpacked once for all of them. The bits are the same, since a
 * packed weight counts as its f32 value either way. */
INLINE void linear_expanded(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                            const fr_packed *w, size_t first, size_t end, const fr_format format)
{
    float values[EXPANDED_BYTES / sizeof(float)] FR_ALIGNED(64);
    const size_t row_bytes = w->n_in * sizeof(float);
    const size_t fit = FR_MAX(EXPAND_AT_ONCE_BYTES / row_bytes / TILE_OUTS, (size_t)1) * TILE_OUTS;
    const size_t block =
        FR_MIN(fit, EXPANDED_BYTES / row_bytes); /* long rows: fewer, one at least */
    for (size_t from = first; from < end; from += block) {
        size_t to = FR_MIN(from + block, end);
        fr_packed plain = { FR_FORMAT_F32, (const uint8_t *)values, to - from, w->n_in, row_bytes };
        expand(values, w, from, to, format);
        strips(y + from, y_stride, x, x_stride, rows, &plain, 0, to - from, FR_FORMAT_F32);
    }
}

INLINE void linear_in(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                      const fr_packed *w, size_t first, size_t end, const fr_format format)
{
    if (rows == 1) {
        strip(y, y_stride, x, x_stride, w, first, end, 1, ONE_OUTS, format);
        return;
    }
    const size_t tiles = format == FR_FORMAT_Q8_0 ? EXPAND_TILES_Q8_0 : EXPAND_TILES_16_BITS;
    if (format != FR_FORMAT_F32 && rows >= tiles * TILE_ROWS &&
        w->n_in * TILE_OUTS * sizeof(float) <= EXPANDED_BYTES) {
        linear_expanded(y, y_stride, x, x_stride, rows, w, first, end, format);
        return;
    }
    size_t block = FR_MAX(BLOCK_BYTES / w->row_bytes / ONE_OUTS, 1) * ONE_OUTS;
    for (size_t from = first; from < end; from += block)
        strips(y, y_stride, x, x_stride, rows, w, from, FR_MIN(from + block, end), format);
}

/* Packed formats: one row unpacks in registers, more share a block that is unpacked once. */
INLINE void linear_packed(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                          const fr_packed *w, size_t first, size_t end, const fr_format format)
{
    if (rows > 1 && w->n_in * sizeof(float) <= EXPANDED_BYTES) {
        linear_expanded(y, y_stride, x, x_stride, rows, w, first, end, format);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        strip(y + r * y_stride, y_stride, x + r * x_stride, x_stride, w, first, end, 1, ONE_OUTS,
              format);
}

#define PACKED_CASE(name)                                                                          \
    case FR_FORMAT_##name:                                                                         \
        linear_packed(y, y_stride, x, x_stride, rows, w, first, end, FR_FORMAT_##name);            \
        break

static void linear(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                   const fr_packed *w, size_t first, size_t end)
{
    switch (w->format) {
    case FR_FORMAT_F32:
        linear_in(y, y_stride, x, x_stride, rows, w, first, end, FR_FORMAT_F32);
        break;
    case FR_FORMAT_F16:
        linear_in(y, y_stride, x, x_stride, rows, w, first, end, FR_FORMAT_F16);
        break;
    case FR_FORMAT_BF16:
        linear_in(y, y_stride, x, x_stride, rows, w, first, end, FR_FORMAT_BF16);
        break;
    case FR_FORMAT_Q8_0:
        linear_in(y, y_stride, x, x_stride, rows, w, first, end, FR_FORMAT_Q8_0);
        break;
        PACKED_CASE(Q4_0);
        PACKED_CASE(Q4_1);
        PACKED_CASE(Q5_0);
        PACKED_CASE(Q5_1);
        PACKED_CASE(IQ4_NL);
        PACKED_CASE(IQ4_XS);
        PACKED_CASE(Q2_K);
        PACKED_CASE(Q3_K);
        PACKED_CASE(Q4_K);
        PACKED_CASE(Q5_K);
        PACKED_CASE(Q6_K);
    default:
        fr_kernels_scalar.linear(y, y_stride, x, x_stride, rows, w, first, end);
        break;
    }
}

static void rmsnorm(float *y, const float *x, const float *weight, size_t n, float eps)
{
    v16 sum = v16_zero();
    size_t i = 0;
    for (; i + FR_LANES <= n; i += FR_LANES) {
        v16 value = v16_load(x + i);
        sum = v16_fma(value, value, sum);
    }
    if (i < n) {
        v16 value = v16_load_part(x + i, n - i);
        sum = v16_fma(value, value, sum);
    }
    float scale = 1 / sqrtf(v16_sum(sum) / (float)n + eps);
    for (i = 0; i < n; i += FR_LANES) {
        size_t part = FR_MIN((size_t)FR_LANES, n - i);
        v16 value = v16_mul(v16_load_part(x + i, part), v16_set(scale));
        v16_store_part(y + i, v16_mul(value, v16_load_part(weight + i, part)), part);
    }
}

INLINE v16 exp16(v16 x)
{
    v16 clamped = v16_min(v16_set(FR_EXP_HIGHEST), x);
    clamped = v16_max(v16_set(FR_EXP_LOWEST), clamped);
    v16 rounded = v16_fma(clamped, v16_set(FR_EXP_LOG2E), v16_set(FR_EXP_ROUND));
    v16 n = v16_sub(rounded, v16_set(FR_EXP_ROUND));
    v16 r = v16_fma(n, v16_set(-FR_EXP_LN2_HI), clamped);
    r = v16_fma(n, v16_set(-FR_EXP_LN2_LO), r);
    v16 p = v16_set(FR_EXP_SERIES[0]);
    EACH (i, FR_COUNT_OF(FR_EXP_SERIES) - 1)
        p = v16_fma(p, r, v16_set(FR_EXP_SERIES[i + 1]));
    return v16_zero_below(x, FR_EXP_LOWEST, v16_mul(p, v16_power_of_two(rounded)));
}

static void exp_all(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += FR_LANES) {
        size_t part = FR_MIN((size_t)FR_LANES, n - i);
        v16_store_part(y + i, exp16(v16_load_part(x + i, part)), part);
    }
}

static void softmax(float *x, size_t n, float scale)
{
    float largest = -INFINITY, lane[FR_LANES];
    v16 most = v16_set(-INFINITY), sum = v16_zero();
    size_t whole = n - n % FR_LANES, part = n % FR_LANES;
    for (size_t i = 0; i < whole; i += FR_LANES) {
        v16 value = v16_mul(v16_load(x + i), v16_set(scale));
        v16_store(x + i, value);
        most = v16_max(value, most);
    }
    v16_store(lane, most);
    for (size_t j = 0; j < FR_LANES; j++)
        largest = lane[j] > largest ? lane[j] : largest;
    for (size_t i = whole; i < n; i++) {
        x[i] *= scale;
        largest = x[i] > largest ? x[i] : largest;
    }
    for (size_t i = 0; i < whole; i += FR_LANES) {
        v16 value = exp16(v16_sub(v16_load(x + i), v16_set(largest)));
        v16_store(x + i, value);
        sum = v16_add(sum, value);
    }
    if (part != 0) { /* what is behind the end counts as zero */
        v16_store_part(x + whole, exp16(v16_sub(v16_load_part(x + whole, part), v16_set(largest))),
                       part);
        sum = v16_add(sum, v16_load_part(x + whole, part));
    }
    v16 inverse = v16_set(1 / v16_sum(sum));
    for (size_t i = 0; i < n; i += FR_LANES) {
        part = FR_MIN((size_t)FR_LANES, n - i);
        v16_store_part(x + i, v16_mul(v16_load_part(x + i, part), inverse), part);
    }
}

static void silu_mul(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += FR_LANES) {
        size_t part = FR_MIN((size_t)FR_LANES, n - i);
        v16 g = v16_load_part(gate + i, part);
        v16 below = v16_add(v16_set(1), exp16(v16_negative(g)));
        v16 value = v16_mul(v16_div(g, below), v16_load_part(up + i, part));
        v16_store_part(y + i, value, part);
    }
}

static void add(float *y, const float *x, float scale, size_t n)
{
    for (size_t i = 0; i < n; i += FR_LANES) {
        size_t part = FR_MIN((size_t)FR_LANES, n - i);
        v16 value = v16_fma(v16_load_part(x + i, part), v16_set(scale), v16_load_part(y + i, part));
        v16_store_part(y + i, value, part);
    }
}

/* 16 values of a position's head from number d on, or `part` of them. */
INLINE v16 head_values(const uint8_t *row, size_t d, size_t part, const fr_format format)
{
    if (format == FR_FORMAT_Q8_0) {
        const uint8_t *block = row + d / Q8_0_VALUES * Q8_0_BYTES;
        return v16_mul(v16_set_f16(u16_at(block)), v16_load_i8(block + 2 + d % Q8_0_VALUES));
    }
    return part == FR_LANES ? load16(row, d, format) : load16_part(row, d, part, format);
}

/* D vectors of a head from number `from` on: the sum over positions of score times value. The last
 * vector of a head may be a part. */
INLINE void gather(float *out, const uint8_t *v, size_t v_row_bytes, size_t from,
                   const float *scores, size_t n, size_t part, const size_t D,
                   const fr_format format)
{
    enum { CHAINS = 4 };
    v16 chain[CHAINS][GATHER_WIDE];
    EACH (c, CHAINS)
        EACH (d, D)
            chain[c][d] = v16_zero();
    for (size_t t = 0; t < n; t += CHAINS)
        EACH (c, CHAINS) {
            if (t + c >= n)
                break;
            const uint8_t *at = v + (t + c) * v_row_bytes;
            v16 score = v16_set(scores[t + c]);
            EACH (d, D) {
                v16 value = head_values(at, from + d * FR_LANES, part, format);
                chain[c][d] = v16_fma(score, value, chain[c][d]);
            }
        }
    EACH (d, D)
        v16_store_part(
            out + from + d * FR_LANES,
            v16_add(v16_add(chain[0][d], chain[2][d]), v16_add(chain[1][d], chain[3][d])), part);
}

INLINE void attend_in(float *out, const float *q, const void *k, const void *v, size_t group,
                      size_t n, size_t head_dim, float scale, float cap, const float *bias,
                      float *scores, const fr_format format)
{
    const size_t row_bytes = format == FR_FORMAT_F32   ? head_dim * 4
                             : format == FR_FORMAT_F16 ? head_dim * 2
                                                       : head_dim / Q8_0_VALUES * Q8_0_BYTES;
    fr_packed keys = { format, k, n, head_dim, row_bytes };
    linear_in(scores, n, q, head_dim, group, &keys, 0, n, format);
    if (cap > 0) {
        fr_cap_scores(&ROW, scores, group * n, scale, cap);
        scale = 1;
    }
    if (bias != NULL) {
        for (size_t t = 0; t < n; t += FR_LANES) {
            size_t part = FR_MIN((size_t)FR_LANES, n - t);
            v16_store_part(scores + t,
                           v16_fma(v16_load_part(scores + t, part), v16_set(scale),
                                   v16_load_part(bias + t, part)),
                           part);
        }
        scale = 1;
    }
    for (size_t g = 0; g < group; g++, scores += n, out += head_dim) {
        const uint8_t *at = v;
        size_t d = 0;
        softmax(scores, n, scale);
        for (; d + GATHER_WIDE * FR_LANES <= head_dim; d += GATHER_WIDE * FR_LANES)
            gather(out, at, row_bytes, d, scores, n, FR_LANES, GATHER_WIDE, format);
        for (; d < head_dim; d += FR_LANES)
            gather(out, at, row_bytes, d, scores, n, FR_MIN((size_t)FR_LANES, head_dim - d), 1,
                   format);
    }
}

static void attend(float *out, const float *q, const void *k, const void *v, fr_format format,
                   size_t group, size_t n, size_t head_dim, float scale, float cap,
                   const float *bias, float *scores)
{
    if (format == FR_FORMAT_F32)
        attend_in(out, q, k, v, group, n, head_dim, scale, cap, bias, scores, FR_FORMAT_F32);
    else if (format == FR_FORMAT_Q8_0)
        attend_in(out, q, k, v, group, n, head_dim, scale, cap, bias, scores, FR_FORMAT_Q8_0);
    else
        attend_in(out, q, k, v, group, n, head_dim, scale, cap, bias, scores, FR_FORMAT_F16);
}

static void narrow(void *to, fr_format format, const float *from, size_t n)
{
    if (format == FR_FORMAT_F32) {
        memcpy(to, from, n * sizeof(float));
        return;
    }
    if (format == FR_FORMAT_Q8_0) { /* one rule of rounding for all rows */
        fr_format_find(format)->from_f32(from, to, n);
        return;
    }
    size_t i = 0;
    for (; i + FR_LANES <= n; i += FR_LANES)
        v16_store_f16((uint8_t *)to + 2 * i, v16_load(from + i));
    if (i < n)
        fr_format_find(FR_FORMAT_F16)->from_f32(from + i, (uint8_t *)to + 2 * i, n - i);
}

static double burn(size_t n, float *keep)
{
    v16 chain[BURN_CHAINS];
    EACH (c, BURN_CHAINS)
        chain[c] = v16_set((float)c);
    const v16 factor = v16_set(*keep), more = v16_set(1.0f);
    for (size_t i = 0; i < n; i++)
        EACH (c, BURN_CHAINS)
            chain[c] = v16_fma(chain[c], factor, more);
    EACH (c, BURN_CHAINS - 1)
        chain[0] = v16_add(chain[0], chain[c + 1]);
    *keep = v16_sum(chain[0]);
    return 2.0 * FR_LANES * BURN_CHAINS * (double)n;
}

static float read_all(const float *at, size_t n)
{
    v16 sum[4];
    EACH (c, 4)
        sum[c] = v16_zero();
    for (size_t i = 0; i < n; i += 4 * FR_LANES)
        EACH (c, 4)
            sum[c] = v16_add(sum[c], v16_load(at + i + c * FR_LANES));
    return v16_sum(v16_add(v16_add(sum[0], sum[1]), v16_add(sum[2], sum[3])));
}

const fr_kernels ROW = { ROW_NAME, usable, linear, rmsnorm, softmax,  silu_mul,
                         add,      attend, narrow, burn,    read_all, exp_all };

#endif
