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
    FR_FORMAT_Q8_0 = 8, /* blocks of 32: f16 scale, 32 × i8 */
    FR_FORMAT_BF16 = 30,
    FR_FORMAT_NONE = 0x7fffffff
} fr_format;

typedef struct {
    fr_format format;
    const char *name;    /* "Q8_0" */
    size_t block_values; /* values in a block */
    size_t block_bytes;
    /** n values, a multiple of block_values. Bit-exact with the published definition. */
    void (*to_f32)(const void *from, float *to, size_t n);
    void (*from_f32)(const float *from, void *to, size_t n);
} fr_format_row;

/** NULL: a format that we do not know. Static. */
const fr_format_row *fr_format_find(fr_format format);
const fr_format_row *fr_format_by_name(const char *name); /* case-insensitive */
/** Row i of the table, NULL after the last. */
const fr_format_row *fr_format_at(size_t i);
/** Name of any ggml type number, known or not ("Q4_K"), for error messages. Static. */
const char *fr_format_any_name(uint32_t number);
/** Values and bytes of a block of any published ggml type; false: no such type. */
bool fr_format_any_block(uint32_t number, size_t *block_values, size_t *block_bytes);

float fr_f16_to_f32(uint16_t h);
uint16_t fr_f32_to_f16(float f); /* round to nearest even */
float fr_bf16_to_f32(uint16_t h);
uint16_t fr_f32_to_bf16(float f);

#endif
