/**
 * kernels/format.h: number formats of weights: one row each in a table.
 * Numbers are GGUF's (ggml_type), pinned. Layouts are the published ones.
 */
#ifndef FR_KERNELS_FORMAT_H
#define FR_KERNELS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fr_format {
    FR_FORMAT_F32 = 0,
    FR_FORMAT_F16 = 1,
    FR_FORMAT_Q4_0 = 2, /* blocks of 32 values from here; the pictures are in packed_blocks.h */
    FR_FORMAT_Q4_1 = 3,
    FR_FORMAT_Q5_0 = 6,
    FR_FORMAT_Q5_1 = 7,
    FR_FORMAT_Q8_0 = 8,
    FR_FORMAT_Q2_K = 10, /* blocks of 256 */
    FR_FORMAT_Q3_K = 11,
    FR_FORMAT_Q4_K = 12,
    FR_FORMAT_Q5_K = 13,
    FR_FORMAT_Q6_K = 14,
    FR_FORMAT_IQ4_NL = 20, /* of 32 */
    FR_FORMAT_IQ4_XS = 23, /* of 256 */
    FR_FORMAT_BF16 = 30,
    FR_FORMAT_NONE = 0x7fffffff
} fr_format;

typedef struct {
    fr_format format;
    const char *name;    /* "Q8_0" */
    size_t block_values; /* values in a block */
    size_t block_bytes;
    uint32_t file_type; /* general.file_type of a file that is mostly in it (llama.cpp's numbers) */
    fr_format fallback; /* for rows that are no whole blocks; NONE: every row is */
    /** n values, a multiple of block_values. Bit-exact with the published definition. */
    void (*to_f32)(const void *from, float *to, size_t n);
    /** Q8_0, Q4_0, Q4_1, Q5_0, Q5_1: bit-exact with the published rule. The others that have a
     * choice: by search for the least squared error. */
    void (*from_f32)(const float *from, void *to, size_t n);
    /** By search for the least squared error, each value's times its weight (an importance; NULL:
     * all alike). NULL: a value is written in one way only. */
    void (*from_f32_weighted)(const float *from, const float *weights, void *to, size_t n);
} fr_format_row;

/** A sentence with the names of all rows: the hint of an error about a format that is none. */
extern const char FR_FORMAT_HINT[];
/** NULL: a format that we do not know. Static. */
const fr_format_row *fr_format_find(fr_format format);
const fr_format_row *fr_format_by_name(const char *name); /* case-insensitive */
/** Row i of the table, NULL after the last. */
const fr_format_row *fr_format_at(size_t i);
/** The format that fits the length of a row: the wanted one, or the first of its fallbacks whose
 * blocks fill it. */
fr_format fr_format_fitting(fr_format wanted, uint64_t columns);
/** Name of any ggml type number, known or not ("Q4_K"), for error messages. Static. */
const char *fr_format_any_name(uint32_t number);
/** Values and bytes of a block of any published ggml type; false: no such type. */
bool fr_format_any_block(uint32_t number, size_t *block_values, size_t *block_bytes);

float fr_f16_to_f32(uint16_t h);
uint16_t fr_f32_to_f16(float f); /* round to nearest even */
float fr_bf16_to_f32(uint16_t h);
uint16_t fr_f32_to_bf16(float f);

#endif
