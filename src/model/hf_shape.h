/* hf_shape.h: what a config.json says of a model, in our words. Of the room only. */
#ifndef FR_MODEL_HF_SHAPE_H
#define FR_MODEL_HF_SHAPE_H

#include "model/arch.h"
#include "model/hf_folder.h"

enum { HF_PAIRS_MOST = 512 };

typedef enum hf_stretch {
    HF_STRETCH_NONE,
    HF_STRETCH_LINEAR,
    HF_STRETCH_YARN,
    HF_STRETCH_LLAMA3,
    HF_STRETCH_LONGROPE
} hf_stretch;

/* Beside what fr_shape holds. n_vocab, tied and optional are the weights' to say. */
typedef struct {
    const fr_arch *arch;
    fr_shape shape;
    bool norms_plus_one; /* the weights of norms are stored less one */
    bool qkv_grouped;    /* one matrix: the queries of a group of heads, their key, their value */
    hf_stretch stretch;
    double short_factors[HF_PAIRS_MOST], long_factors[HF_PAIRS_MOST]; /* or llama3's: short */
    size_t n_factors;
    bool local_theta_given, window_pattern_given, renormed_given;
    bool gated;            /* T5: the feed-forward has a gate */
    size_t encoder_layers; /* 0: no encoder–decoder */
    uint32_t decoder_start;
    const char *told; /* what is left out without harm, a sentence, NULL: nothing; static */
} hf_shape;

/* FR_E_UNSUPPORTED: a model type, activation or setting that we do not compute; named. */
int fr_hf_shape_read(const fr_hf_folder *f, hf_shape *out, fr_err *err);
/* The keys of the architecture, as published for GGUF. */
void fr_hf_shape_put(const hf_shape *s, fr_gguf_out *o);

#endif
