/**
 * train/weights.h: the weights of a model in FP32 as training sees them: named tensors with room
 * for gradients and moments, laid out one after another so that the optimizer and a checkpoint see
 * flat arrays. Inside the room only.
 */
#ifndef FR_TRAIN_WEIGHTS_H
#define FR_TRAIN_WEIGHTS_H

#include "model/arch.h"

/** One tensor [rows][cols]; everything borrowed from its fr_weights. */
typedef struct {
    const fr_slot_row *slot;
    size_t layer;
    size_t rows, cols, n;        /* rows: of all experts together, where there are some */
    float *w;                    /* NULL where `stored` is used */
    const void *stored;          /* frozen, as its file has it; else NULL */
    const fr_format_row *format; /* of stored */
    float *g, *m, *v;            /* NULL when frozen */
    bool decay;                  /* weight decay: matrices only */
} fr_param;

/** Low-rank addition to a matrix [rows][cols]: scale · b · a. b.w is NULL where there is none. */
typedef struct {
    fr_param a; /* [rank][cols] */
    fr_param b; /* [rows][rank] */
} fr_lora_param;

typedef struct {
    fr_shape shape;
    const fr_arch *arch;
    fr_param *params; /* [n_params] owned */
    size_t n_params;
    size_t *of_slot; /* [FR_SLOT_COUNT][n_layers], index + 1 into params; 0: none */
    float *w;        /* owned: all weights of params */

    const double *frequencies; /* borrowed, of rotary positions; NULL: by the shape's base */
    float magnitude;           /* of rotary positions; 0: 1 */

    size_t rank; /* 0: no adapter */
    float lora_scale;
    fr_lora_param *lora; /* [n_params] or NULL */

    /* What is trained, flat: [n_trained] each; with an adapter only its numbers. */
    size_t n_trained;
    float *tw, *g, *m, *v;
    float *adapter_w; /* owned, when there is an adapter */
} fr_weights;

/** Begins at zero, where a norm's weight begins at one. */
bool fr_slot_is_bias(const fr_slot_row *slot);

/** Zeroed weights of a shape. frozen: no gradients for the model's own weights. */
int fr_weights_init(fr_weights *w, const fr_shape *shape, bool frozen, fr_err *err);
void fr_weights_fini(fr_weights *w);
FR_AUTO_DEFINE(fr_weights);

/**
 * Frozen weights of a file, which must outlive them. Up to fp32_limit_bytes in FP32 they are
 * copied, so that no step has to convert them; beyond, matrices stay as the file has them and are
 * converted a few rows at a time when they are used.
 */
int fr_weights_borrow(fr_weights *w, const fr_shape *shape, const fr_gguf *file,
                      uint64_t fp32_limit_bytes, fr_err *err);
/** Fresh weights: normal of 0.02, projections back into the residual stream scaled by
 * 1 / sqrt(2 × layers) (GPT-2), norms one. */
void fr_weights_randomize(fr_weights *w, uint64_t seed);
/** Adds a LoRA to each projection: a uniform in ±1/sqrt(cols) (Kaiming, a = sqrt 5), b zero. */
int fr_weights_add_lora(fr_weights *w, size_t rank, float alpha, uint64_t seed, fr_err *err);
/** Copies every tensor out of an opened model, whatever its format. */
int fr_weights_load(fr_weights *w, const fr_gguf *file, fr_err *err);
/**
 * The same for a deeper model: layer i begins as layer from[i] of the file. One that repeats the
 * layer before it adds nothing at first (its projections back into the residual stream are zero),
 * so that the deeper model begins with the answers of the file's. from [n_layers].
 * Chen et al. 2016, arXiv:1511.05641 (function-preserving); Gong et al. 2019 (stacking).
 */
int fr_weights_load_deeper(fr_weights *w, const fr_gguf *file, const size_t *from, fr_err *err);

/** NULL: the model has none (tied output). */
fr_param *fr_weights_get(const fr_weights *w, fr_slot slot, size_t layer);
fr_lora_param *fr_weights_lora(const fr_weights *w, fr_slot slot, size_t layer);

#endif
