/**
 * model/quantize.h: writes a model file anew with its matrices in another number format.
 *
 *     fr_quantize_options options = { .format = FR_FORMAT_Q4_K, .output = FR_FORMAT_Q6_K };
 *     FR_TRY(fr_quantize("model.gguf", "small.gguf", &options, &result, err));
 *     fr_quantized_fini(&result);
 *
 * Matrices change; vectors, tables of positions and distances, and tensors of other formats are
 * kept, and so is all metadata, but for general.file_type and general.quantization_version. A
 * matrix whose rows are no whole blocks of the format takes the format's fallback, which is told.
 * Tensors are made one at a time, so memory is that of the largest.
 */
#ifndef FR_MODEL_QUANTIZE_H
#define FR_MODEL_QUANTIZE_H

#include "base/pool.h"
#include "base/progress.h"
#include "model/gguf.h"

typedef struct {
    fr_format format;    /* of matrices */
    fr_format output;    /* of the matrix that makes logits: output.weight, or the embedding that
                            stands in for it; NONE: as the others */
    const char *imatrix; /* importances of columns, from llama.cpp's imatrix (GGUF or .dat) */
    bool requantize;     /* also what is packed already; else that is refused */
    fr_pool *pool;       /* borrowed, may be NULL */
    const fr_progress *progress;
} fr_quantize_options;

typedef struct {
    char *name;         /* owned */
    fr_format from, to; /* the same: kept byte for byte */
    fr_format wanted;   /* not `to`: its blocks are not filled by the rows */
    bool weighted;      /* importances were there for it */
    size_t n_dims;
    uint64_t dims[4], bytes_before, bytes_after;
    double error_ratio; /* root of the squared error over the squared values; 0: kept */
} fr_quantized_tensor;

typedef struct {
    fr_quantized_tensor *tensors; /* owned */
    size_t n_tensors;
    uint64_t bytes_before, bytes_after; /* of all tensors */
    double error_ratio;                 /* of all that changed */
    size_t unused;                      /* importances that fitted no tensor */
} fr_quantized;

/** Errors: FR_E_USAGE in and out are one file, or packed already; FR_E_FORMAT an imatrix of another
 * model; FR_E_INTERRUPTED as progress says. On failure there is no `out`. */
int fr_quantize(const char *in, const char *out, const fr_quantize_options *options,
                fr_quantized *result, fr_err *err);
void fr_quantized_fini(fr_quantized *q);
FR_AUTO_DEFINE(fr_quantized);

#endif
