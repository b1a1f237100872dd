/**
 * model/convert.h: writes a Hugging Face folder as one GGUF file, with the published keys and
 * tensor names.
 *
 *     FR_TRY(fr_convert("Llama-3.2-1B", "llama.gguf", &(fr_convert_options){ 0 }, &result, err));
 *     fr_converted_fini(&result);
 *
 * The rows of arch_rows.c say which tensors there are and what they are called on both sides; a
 * table beside (convert.c) says what else is done: rows of queries and keys put in GGUF's order,
 * Conv1D turned, norms of Gemma plus one, experts stacked. A tensor of the folder that has no place
 * is an error, since leaving it out would change answers. Tensors are made one at a time, so memory
 * is that of the largest.
 */
#ifndef FR_MODEL_CONVERT_H
#define FR_MODEL_CONVERT_H

#include "base/pool.h"
#include "base/progress.h"
#include "model/gguf.h"

typedef struct {
    fr_format format; /* of matrices; NONE: as they are in the folder, nothing is lost */
    fr_format output; /* of the matrix that makes logits; NONE: as the others */
    const char *name; /* general.name; NULL: the folder's */
    fr_pool *pool;    /* borrowed, may be NULL */
    const fr_progress *progress;
} fr_convert_options;

typedef struct {
    char *name;       /* owned */
    fr_format format; /* in the file */
    size_t n_dims;
    uint64_t dims[4], size_bytes;
} fr_converted_tensor;

typedef struct {
    fr_converted_tensor *tensors; /* owned */
    size_t n_tensors;
    uint64_t size_bytes, n_params; /* of all tensors */
    size_t n_files, n_vocab;
    const char *architecture;     /* static */
    char *model_type, *tokenizer; /* owned: of config.json; "llama", "gpt2 (qwen2)" */
    char *told;                   /* owned: what a user should know, a line each; "" nothing */
    fr_format mostly;             /* what most values are in */
} fr_converted;

/** Errors: FR_E_NOT_FOUND no such folder or no weights in it; FR_E_FORMAT damaged or incomplete;
 * FR_E_UNSUPPORTED what we do not compute, named; FR_E_INTERRUPTED as progress says. On failure
 * there is no `out`. */
int fr_convert(const char *folder, const char *out, const fr_convert_options *options,
               fr_converted *result, fr_err *err);
void fr_converted_fini(fr_converted *c);
FR_AUTO_DEFINE(fr_converted);

#endif
