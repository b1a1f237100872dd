/**
 * model/arch.h: architectures as rows of a table: which weights a model has, and the one list of
 * operations that makes it. Opening, initializing, inference, training and saving all read the
 * same row, so that a new architecture is a row (and, at most, an operation), never a copy.
 *
 *     const fr_arch *arch = fr_arch_find("llama");
 *     for (size_t i = 0; i < arch->n_layer_ops; i++)
 *         run(&arch->layer_ops[i], layer);
 *
 * A model is: before_ops once, layer_ops for each layer, after_ops once. Operations read and write
 * values: one row of numbers per token, whose width is a function of the shape. A value that is
 * written again is a new version of it; what a list reads is always the latest version.
 */
#ifndef FR_MODEL_ARCH_H
#define FR_MODEL_ARCH_H

#include "model/model.h"

/** A size as a function of the shape. */
typedef enum fr_dim {
    FR_DIM_NONE,
    FR_DIM_ONE,   /* 1: a slot of one dimension (norm weights, biases) has one row */
    FR_DIM_MODEL, /* dim */
    FR_DIM_HEAD,  /* head_dim */
    FR_DIM_Q,     /* n_heads × head_dim */
    FR_DIM_KV,    /* n_kv_heads × head_dim */
    FR_DIM_FFN,   /* ffn_dim */
    FR_DIM_VOCAB  /* n_vocab */
} fr_dim;
size_t fr_shape_dim(const fr_shape *s, fr_dim dim);

/** What flows between operations. */
typedef enum fr_value {
    FR_VALUE_NONE,
    FR_VALUE_X, /* the residual stream */
    FR_VALUE_H, /* normed, the input of projections */
    FR_VALUE_Q, /* queries, keys, values of all heads, head after head */
    FR_VALUE_K,
    FR_VALUE_V,
    FR_VALUE_ATT, /* what attention gathered */
    FR_VALUE_GATE,
    FR_VALUE_UP,
    FR_VALUE_ACT, /* after the activation */
    FR_VALUE_LOGITS,
    FR_VALUE_COUNT
} fr_value;
/** Width of a value in an architecture's list, of one token. */
fr_dim fr_value_dim(fr_value v);

/** Weights. Numbers are internal; names in files come from the row's slot table. */
typedef enum fr_slot {
    FR_SLOT_NONE,
    FR_SLOT_TOKEN_EMBD,
    FR_SLOT_ATTN_NORM,
    FR_SLOT_ATTN_Q,
    FR_SLOT_ATTN_K,
    FR_SLOT_ATTN_V,
    FR_SLOT_ATTN_OUT,
    FR_SLOT_FFN_NORM,
    FR_SLOT_FFN_GATE,
    FR_SLOT_FFN_UP,
    FR_SLOT_FFN_DOWN,
    FR_SLOT_OUTPUT_NORM,
    FR_SLOT_OUTPUT, /* absent in a tied model: the embedding is used */
    FR_SLOT_COUNT
} fr_slot;

/**
 * gguf       tensor name, "%zu" where the layer's number goes; without ".weight" or ".bias" left
 * out. hf         name in Hugging Face files, likewise; also what PEFT keys are made from. rows,
 * cols shape [rows][cols], cols contiguous; rows is FR_DIM_ONE for a vector.
 */
typedef struct {
    fr_slot slot;
    const char *gguf, *hf;
    fr_dim rows, cols;
    bool per_layer;
    bool untied_only; /* present only when the shape is not tied */
    bool adaptable;   /* a projection that LoRA may be added to */
} fr_slot_row;

typedef enum fr_op_kind {
    FR_OP_NONE,
    FR_OP_EMBED,     /* out = weight[token] */
    FR_OP_NORM,      /* out = rmsnorm(in) * weight; over each group of the weight's width */
    FR_OP_LINEAR,    /* out (= or +=) in · weightᵀ (+ bias); with `add` a new version of out */
    FR_OP_ROPE,      /* in and out are one value: rotated by its position */
    FR_OP_ATTENTION, /* out = softmax(in · in2ᵀ / sqrt(head_dim), causal) · in3 */
    FR_OP_SILU_MUL,  /* out = silu(in) * in2 */
    FR_OP_LOGITS     /* out = in · weightᵀ, only for rows that ask for it */
} fr_op_kind;

typedef struct {
    fr_op_kind kind;
    fr_slot weight, bias;
    fr_value in, in2, in3, out;
    bool add;
} fr_op;

typedef enum fr_rope_kind {
    FR_ROPE_NONE,
    FR_ROPE_PAIRS, /* (0,1), (2,3)…: llama in GGUF order */
    FR_ROPE_HALVES /* (0, d/2), (1, d/2+1)…: gpt-neox, qwen2, gemma */
} fr_rope_kind;

/** Static, all of it. */
typedef struct {
    const char *name; /* general.architecture */
    fr_rope_kind rope;
    const fr_slot_row *slots;
    size_t n_slots;
    const fr_op *before_ops, *layer_ops, *after_ops;
    size_t n_before_ops, n_layer_ops, n_after_ops;
} fr_arch;

/** NULL: not one that we know. */
const fr_arch *fr_arch_find(const char *name);
/** Row i, NULL after the last. */
const fr_arch *fr_arch_at(size_t i);
/** NULL: the architecture has no such weight. */
const fr_slot_row *fr_arch_slot(const fr_arch *arch, fr_slot slot);

#define FR_TENSOR_NAME 96
/** "blk.3.attn_q.weight"; layer is ignored where the slot is not per layer. */
void fr_slot_gguf_name(const fr_slot_row *row, size_t layer, char out[FR_TENSOR_NAME]);
/** "model.layers.3.self_attn.q_proj.weight". */
void fr_slot_hf_name(const fr_slot_row *row, size_t layer, char out[FR_TENSOR_NAME]);
/**
 * Row of a matrix in Hugging Face's order that stands at `row` in GGUF's: queries and keys of an
 * architecture that rotates pairs are stored with each head's halves interleaved; elsewhere row.
 */
size_t fr_slot_hf_row(const fr_arch *arch, const fr_shape *s, fr_slot slot, size_t row);
/** Whether a model of this shape has the slot at all. */
bool fr_slot_present(const fr_slot_row *row, const fr_shape *s);

/** Parameters of a model of this shape, all slots. */
uint64_t fr_shape_n_params(const fr_shape *s);
/** Refuses what cannot be a model: zero sizes, heads that do not divide, odd rope. FR_E_USAGE. */
int fr_shape_check(const fr_shape *s, fr_err *err);

#endif
