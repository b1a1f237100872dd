/**
 * model/arch.h: architectures as rows of a table: which weights a model has, and the one list of
 * operations that makes it. Opening, initializing, inference, training and saving all read the
 * same row, so that a new architecture is a row (and, at most, an operation), never a copy.
 *
 *     const fr_arch *arch = fr_arch_find("llama");
 *     for (size_t i = 0; i < arch->n_layer_ops; i++)
 *         run(&arch->layer_ops[i], layer);
 *
 * A model is: before_ops once, layer_ops for each layer, after_ops once. An encoder–decoder names
 * the row of its encoder; what that makes of the input goes through memory_ops for each layer, and
 * the layers look at it. Operations read and write values: one row of numbers per token, whose
 * width is a function of the shape. A value that is written again is a new version of it; what a
 * list reads is always the latest version.
 */
#ifndef FR_MODEL_ARCH_H
#define FR_MODEL_ARCH_H

#include "kernels/activate.h"
#include "model/model.h"

/** A size as a function of the shape. */
typedef enum fr_dim {
    FR_DIM_NONE,
    FR_DIM_ONE,        /* 1: a slot of one dimension (norm weights, biases) has one row */
    FR_DIM_TYPES,      /* as many rows as the file has: kinds of token (bert) */
    FR_DIM_MODEL,      /* dim */
    FR_DIM_HEAD,       /* head_dim */
    FR_DIM_Q,          /* n_heads × head_dim */
    FR_DIM_KV,         /* n_kv_heads × head_dim */
    FR_DIM_QK,         /* Q + KV: where values begin in a matrix of all three */
    FR_DIM_QKV,        /* Q + 2 KV */
    FR_DIM_FFN,        /* ffn_dim */
    FR_DIM_FFN_TWICE,  /* gate and up in one matrix */
    FR_DIM_CONTEXT,    /* learned positions */
    FR_DIM_EXPERTS,    /* n_experts */
    FR_DIM_EXPERT_FFN, /* expert_ffn_dim */
    FR_DIM_PICKED,     /* 2 × n_experts_used: the numbers and the shares of a token's experts */
    FR_DIM_PICKED_FFN, /* n_experts_used × expert_ffn_dim */
    FR_DIM_VOCAB,      /* n_vocab */
    FR_DIM_HEADS,      /* n_heads */
    FR_DIM_BUCKETS,    /* n_buckets: kinds of distance between two positions */
    FR_DIM_LABELS      /* n_labels: classes of a classification head */
} fr_dim;
size_t fr_shape_dim(const fr_shape *s, fr_dim dim);

/** What flows between operations. */
typedef enum fr_value {
    FR_VALUE_NONE,
    FR_VALUE_X, /* the residual stream */
    FR_VALUE_Y, /* what is normed before it is added to the residual stream */
    FR_VALUE_H, /* normed, the input of projections */
    FR_VALUE_Q, /* queries, keys, values of all heads, head after head */
    FR_VALUE_K,
    FR_VALUE_V,
    FR_VALUE_ATT, /* what attention gathered */
    FR_VALUE_GATE,
    FR_VALUE_UP,
    FR_VALUE_ACT,         /* after the activation */
    FR_VALUE_ROUTE,       /* how much each expert wants the token */
    FR_VALUE_PICKED,      /* the experts that get it: numbers, then shares */
    FR_VALUE_EXPERT_GATE, /* as gate, up and act, of each picked expert in turn */
    FR_VALUE_EXPERT_UP,
    FR_VALUE_EXPERT_ACT,
    FR_VALUE_LOGITS,
    FR_VALUE_COUNT
} fr_value;
/** Width of a value in an architecture's list, of one token. */
fr_dim fr_value_dim(fr_value v);

/** Weights. Numbers are internal; names in files come from the row's slot table. _B: the bias. */
typedef enum fr_slot {
    FR_SLOT_NONE, /* new ones go to the end: training's random streams are numbered by slot */
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
    FR_SLOT_ATTN_Q_B,
    FR_SLOT_ATTN_K_B,
    FR_SLOT_ATTN_V_B,
    FR_SLOT_ATTN_OUT_B,
    FR_SLOT_FFN_GATE_B,
    FR_SLOT_FFN_UP_B,
    FR_SLOT_FFN_DOWN_B,
    FR_SLOT_OUTPUT_B,
    FR_SLOT_ATTN_Q_NORM, /* of each head of the queries, keys */
    FR_SLOT_ATTN_K_NORM,
    FR_SLOT_ATTN_NORM_2,    /* falcon: attention's own norm, where it has one */
    FR_SLOT_ATTN_POST_NORM, /* behind attention, before it is added (or, bert, after) */
    FR_SLOT_FFN_POST_NORM,
    FR_SLOT_EMBD_NORM,
    FR_SLOT_ATTN_NORM_B,
    FR_SLOT_ATTN_NORM_2_B,
    FR_SLOT_ATTN_POST_NORM_B,
    FR_SLOT_FFN_NORM_B,
    FR_SLOT_FFN_POST_NORM_B,
    FR_SLOT_EMBD_NORM_B,
    FR_SLOT_OUTPUT_NORM_B,
    FR_SLOT_POSITION_EMBD,
    FR_SLOT_TOKEN_TYPES,
    FR_SLOT_ROUTER,
    FR_SLOT_EXPERTS_GATE,
    FR_SLOT_EXPERTS_UP,
    FR_SLOT_EXPERTS_DOWN,
    FR_SLOT_HEAD, /* classification of a pooled text: tanh(head · x), then classes */
    FR_SLOT_HEAD_B,
    FR_SLOT_CLASSES,
    FR_SLOT_CLASSES_B,
    FR_SLOT_ATTN_DISTANCE, /* what each distance adds to the scores of each head */
    FR_SLOT_CROSS_NORM,    /* attention to what the encoder made */
    FR_SLOT_CROSS_Q,
    FR_SLOT_CROSS_K,
    FR_SLOT_CROSS_V,
    FR_SLOT_CROSS_OUT,
    FR_SLOT_COUNT
} fr_slot;

/** In which models of an architecture a weight or an operation is there. */
typedef enum fr_when {
    FR_WHEN_ALWAYS,
    FR_WHEN_UNTIED,   /* output matrix beside the embedding */
    FR_WHEN_OPTIONAL, /* where the file has it: fr_shape.optional. Operations without their norm's
                         weight are left out, biases without theirs are none */
    FR_WHEN_DENSE,    /* no experts */
    FR_WHEN_EXPERTS,
    FR_WHEN_PARALLEL, /* attention and feed-forward both read the same residual stream */
    FR_WHEN_SERIAL,
    FR_WHEN_GATED, /* the feed-forward has a gate (an optional weight), or has none */
    FR_WHEN_UNGATED
} fr_when;

/**
 * gguf       tensor name, "%zu" where the layer's number goes.
 * hf         name in Hugging Face files, likewise; also what PEFT keys are made from; NULL: the
 *            weights stand in another order there.
 * rows, cols shape [rows][cols], cols contiguous; rows is FR_DIM_ONE for a vector.
 * first, of  where several slots share a tensor: the slot's first row, and the tensor's rows (of a
 *            vector: columns). FR_DIM_NONE: a tensor of its own.
 */
typedef struct {
    fr_slot slot;
    const char *gguf, *hf;
    fr_dim rows, cols;
    bool per_layer;
    bool adaptable; /* a projection that LoRA may be added to */
    fr_when when;
    fr_dim first, of;
    bool experts;     /* one such matrix for each expert, one after the other */
    fr_slot fallback; /* which slot stands in where this one is absent */
} fr_slot_row;

typedef enum fr_op_kind {
    FR_OP_NONE,
    FR_OP_EMBED,     /* out = weight[token] · embed_scale */
    FR_OP_POSITION,  /* out += weight[position] */
    FR_OP_KIND,      /* out += weight[kind of the token]: first or second text of a pair */
    FR_OP_NORM,      /* out (= or +=) norm(in) * weight (+ bias); over each group of the
                        weight's width */
    FR_OP_LINEAR,    /* out (= or +=) in · weightᵀ (+ bias); with `add` a new version of out */
    FR_OP_ROPE,      /* in and out are one value: rotated by its position */
    FR_OP_ATTENTION, /* out = softmax(cap(in · in2ᵀ · attn_scale) (+ weight[distance]), causal,
                        window) · in3 */
    FR_OP_REMEMBER,  /* in2 and in3 are the keys and values of the memory */
    FR_OP_CROSS_ATTENTION, /* out = softmax(in · keysᵀ · attn_scale) · values, of the memory */
    FR_OP_ACTIVATE,        /* out = activation(in) (* in2) */
    FR_OP_PICK,            /* out = the largest of softmax(in): numbers and shares */
    FR_OP_EXPERT_LINEAR,   /* out = in · weight[e]ᵀ for each expert e that in2 picked */
    FR_OP_EXPERT_SUM, /* out += sum over picked experts of share · (in's part · weight[e]ᵀ) */
    FR_OP_LOGITS      /* out = cap(in · weightᵀ · logit_scale), for rows that ask for it */
} fr_op_kind;

typedef struct {
    fr_op_kind kind;
    fr_slot weight, bias;
    fr_value in, in2, in3, out;
    bool add;
    fr_when when;
} fr_op;

typedef enum fr_rope_kind {
    FR_ROPE_NONE,
    FR_ROPE_PAIRS, /* (0,1), (2,3)…: llama in GGUF order */
    FR_ROPE_HALVES /* (0, d/2), (1, d/2+1)…: gpt-neox, qwen2, gemma */
} fr_rope_kind;

typedef enum fr_norm_kind { FR_NORM_RMS, FR_NORM_LAYER } fr_norm_kind;

/** The parts of a list: once before the layers, for each layer, once after; and for each layer over
 * the encoder's hidden states (X), once for an input. */
typedef enum fr_part {
    FR_PART_BEFORE,
    FR_PART_LAYER,
    FR_PART_AFTER,
    FR_PART_MEMORY,
    FR_PART_COUNT
} fr_part;
enum { FR_OPS_MOST = 40 };

/** Static, all of it. */
typedef struct {
    const char *name; /* general.architecture */
    fr_rope_kind rope;
    fr_norm_kind norm;
    fr_activation activation;
    fr_activation ungated;  /* of a feed-forward without gate, where another; NONE: the same */
    const char *encoder;    /* the row of the encoder whose states are looked at; NULL: none */
    const char *layers_key; /* how many layers; NULL: "block_count" */
    bool unscaled;          /* scores are not divided by the root of head_dim */
    bool tied_scaled;       /* logits by an output that is the embedding are: by that of dim */
    bool embed_scaled;      /* by the root of dim */
    bool renormed;          /* shares of the picked experts are made to sum to one */
    bool looks_ahead;       /* attention is not causal; there are no logits, only hidden states */
    size_t wide_heads;      /* with so many layers, scores are scaled by dim / n_heads instead of
                               head_dim: no key says so (gemma's 27B) */
    size_t window_every;    /* every n-th layer attends to all, where there is a window; 0: none */
    float local_theta;      /* rope base of layers with a window; 0: that of all */
    const fr_slot_row *slots;
    size_t n_slots;
    const fr_op *ops[FR_PART_COUNT];
    size_t n_ops[FR_PART_COUNT];
} fr_arch;

/** For profiles: "matmul", "matmul back" of training; and "attn_q", the weight, NULL for none.
 * Static. */
const char *fr_op_name(const fr_op *op, bool is_back);
const char *fr_op_part(const fr_op *op);
/** NULL: not one that we know. */
const fr_arch *fr_arch_find(const char *name);
/** Row i, NULL after the last. */
const fr_arch *fr_arch_at(size_t i);
/** FR_E_UNSUPPORTED for an architecture that is no row; the hint lists the rows. */
int fr_arch_unknown(const char *who, const char *name, fr_err *err);
/** The operations of a part in a model of this shape: those that are there, with the weights that
 * stand in for absent ones. Returns how many. */
size_t fr_arch_ops(const fr_arch *arch, const fr_shape *s, fr_part part, fr_op out[FR_OPS_MOST]);
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
/** Whether a layer sees a window of the positions only. */
bool fr_shape_is_local(const fr_shape *s, size_t layer);

/** The shape that a file's keys and tensors state, checked; no weights are read. FR_E_UNSUPPORTED:
 * an architecture that is no row. */
int fr_shape_read(const fr_gguf *file, fr_shape *out, fr_err *err);
/** Of the encoder in the file of an encoder–decoder. */
int fr_shape_read_encoder(const fr_gguf *file, fr_shape *out, fr_err *err);
/** Parameters of a model of this shape, all slots. */
uint64_t fr_shape_n_params(const fr_shape *s);
/** Refuses what cannot be a model: zero sizes, heads that do not divide, odd rope. FR_E_USAGE;
 * FR_E_UNSUPPORTED an architecture that we do not know. */
int fr_shape_check(const fr_shape *s, fr_err *err);

#endif
