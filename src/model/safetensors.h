/**
 * model/safetensors.h: safetensors files, read. Specification: github.com/huggingface/safetensors;
 * the picture of the format is in safetensors.c.
 *
 *     FR_TRY(fr_safetensors_open("adapter_model.safetensors", &file, err));
 *     const fr_tensor *t = fr_safetensors_find(file, "lm_head.weight");
 *
 * Tensors are fr_tensor as in GGUF: dims[0] is the contiguous one. Immutable once opened.
 */
#ifndef FR_MODEL_SAFETENSORS_H
#define FR_MODEL_SAFETENSORS_H

#include "model/gguf.h"

typedef struct fr_safetensors fr_safetensors;

int fr_safetensors_open(const char *path, fr_safetensors **out, fr_err *err);
/** Bytes already in memory, borrowed until free. For tests and fuzzing. */
int fr_safetensors_parse(const void *bytes, size_t n, const char *name, fr_safetensors **out,
                         fr_err *err);
void fr_safetensors_free(fr_safetensors *s);
FR_AUTOPTR_DEFINE(fr_safetensors);

size_t fr_safetensors_n(const fr_safetensors *s);
/** Format is FR_FORMAT_NONE where the type is none that frugal computes with. Borrowed. */
const fr_tensor *fr_safetensors_at(const fr_safetensors *s, size_t i);
const fr_tensor *fr_safetensors_find(const fr_safetensors *s, const char *name); /* NULL: none */

#endif
