/**
 * model/model.h: a model file, opened: what it is, its tokenizer, and its forward and backward.
 *
 * A file is mapped, every header field is checked before use, and the architecture's row of
 * model/arch.c says which operations make the model. That one list serves inference (packed
 * weights, row by row) and training (FP32, with gradients).
 *
 *     FR_AUTOPTR(fr_model) model = NULL;
 *     FR_TRY(fr_model_open("models/frugal-tiny.gguf", &model, err));
 *     printf("%zu layers\n", fr_model_shape(model)->n_layers);
 *
 * Threads: an opened model is immutable and may be shared; a state (KV) belongs to one thread.
 */
#ifndef FR_MODEL_MODEL_H
#define FR_MODEL_MODEL_H

#include <frugal/work.h>
#include <frugal/work.h>
#include "base/pool.h"
#include "model/gguf.h"
#include "text/tokenizer.h"

typedef struct fr_model fr_model;

typedef enum fr_rope_scaling_kind {
    FR_ROPE_UNSCALED,
    FR_ROPE_LINEAR,  /* positions divided by factor, arXiv:2306.15595 */
    FR_ROPE_YARN,    /* fast pairs kept, slow ones divided, scores sharpened, arXiv:2309.00071 */
    FR_ROPE_LONGROPE /* a factor for each pair, other ones beyond the original context,
                        arXiv:2402.13753 */
} fr_rope_scaling_kind;

/** How positions beyond the original context are told. (Llama 3's factors are a tensor.) */
typedef struct {
    fr_rope_scaling_kind kind;
    float factor, magnitude;    /* magnitude: cos and sin are multiplied by it; 0: 1 */
    float beta_fast, beta_slow; /* YaRN: turns over the original context */
    size_t original_context;
    float local_theta; /* base in layers with a window, unscaled; 0: as all others */
} fr_rope_scaling;

/** How the hidden states of a text's tokens become one embedding; as in GGUF's pooling_type. */
typedef enum fr_pooling {
    FR_POOLING_NONE,
    FR_POOLING_MEAN,
    FR_POOLING_CLS, /* the first token's */
    FR_POOLING_LAST,
    FR_POOLING_RANK /* the first token's, through the classification head */
} fr_pooling;

typedef struct {
    const char *architecture; /* "llama"; static */
    const char *keys; /* how the keys of the file begin; NULL: as the architecture; static */
    size_t n_layers, dim, n_heads, n_kv_heads, head_dim, ffn_dim, n_vocab, context;
    float norm_eps, rope_theta;
    size_t rope_dim;
    bool tied;           /* the output matrix is the embedding */
    fr_format kv_format; /* of keys and values in a state: F32, or F16 (docs/decisions/0002) */

    /* What not every architecture has; zero: it does without. */
    uint64_t optional;         /* bits by fr_slot (model/arch.h): weights that not every file has */
    bool parallel;             /* attention and feed-forward side by side */
    size_t window;             /* positions that a layer with a window sees, its own among them */
    size_t window_every;       /* every n-th layer sees all; 0: none does */
    float attn_scale;          /* of scores; 0: 1 / sqrt(head_dim) */
    float attn_cap, logit_cap; /* cap · tanh(x / cap) */
    float embed_scale, logit_scale; /* 0: 1 */
    size_t n_experts, n_experts_used, expert_ffn_dim;
    bool experts_renormed;
    size_t n_types;     /* rows of the table of token types */
    bool looks_ahead;   /* a token attends to all of its text: no logits, only hidden states */
    fr_pooling pooling; /* as the file says */
    size_t n_labels;    /* of the classification head; 0: none */
    size_t n_buckets;   /* of distances (T5); 0: none */
    fr_rope_scaling rope_scaling;
} fr_shape;

int fr_model_open(const char *path, fr_model **out, fr_err *err);
void fr_model_free(fr_model *m);
FR_AUTOPTR_DEFINE(fr_model);

const fr_shape *fr_model_shape(const fr_model *m);
const fr_tokenizer *fr_model_tokenizer(const fr_model *m);
const fr_gguf *fr_model_file(const fr_model *m);
const char *fr_model_name(const fr_model *m); /* general.name, else the file's name */
const char *fr_model_path(const fr_model *m);
/** SHA-256 of the file; computed once, then kept. */
int fr_model_hash(fr_model *m, const char **hex, fr_err *err);
/** Frequencies of rotary positions, [rope_dim / 2], and what multiplies cos and sin, in contexts of
 * so many tokens. NULL: the model has no rotary positions. Borrowed. */
const double *fr_model_frequencies(const fr_model *m, size_t context, float *magnitude);
uint64_t fr_model_n_params(const fr_model *m);
uint64_t fr_model_weight_bytes(const fr_model *m);
/** FLOPs of one token at a position: 2 per weight touched, plus attention over what is before. */
double fr_shape_flops_per_token(const fr_shape *s, size_t position, bool with_logits);
/** Bytes of KV cache a token takes. */
size_t fr_shape_kv_bytes_per_token(const fr_shape *s);

/** The tokenizer of a file, also of one that holds nothing else; of a tokenizer.json, or the folder
 * that it or tokenizer.model is in. */
int fr_model_vocab_open(const char *path, fr_tokenizer **out, fr_err *err);

/* ---- adapters ---------------------------------------------------------------------------- */

/** Low-rank additions to weights (LoRA, Hu et al. 2021, arXiv:2106.09685), read from a PEFT
 * folder or a GGUF LoRA file; applied by states that name it. Immutable. */
typedef struct fr_adapter fr_adapter;
int fr_adapter_open(const fr_model *m, const char *path, fr_adapter **out, fr_err *err);
void fr_adapter_free(fr_adapter *a);
FR_AUTOPTR_DEFINE(fr_adapter);

/* ---- inference --------------------------------------------------------------------------- */

/**
 * The keys and values of a number of sequences, addressed by (sequence, position) behind an
 * opaque handle: how they lie in memory is the room's business.
 */
typedef struct fr_kv fr_kv;
int fr_kv_new(const fr_model *m, size_t n_sequences, size_t context, fr_kv **out, fr_err *err);
/** The same in a format that is asked for: F32, F16 or Q8_0 (heads of whole blocks of 32). */
int fr_kv_new_in(const fr_model *m, size_t n_sequences, size_t context, fr_format format,
                 fr_kv **out, fr_err *err);
/** Steps on this state tell each operation to sink.op, from their threads. */
void fr_kv_listen(fr_kv *kv, fr_work_sink sink);
void fr_kv_free(fr_kv *kv);
FR_AUTOPTR_DEFINE(fr_kv);
/** Forgets what a sequence has from a position on. */
void fr_kv_truncate(fr_kv *kv, size_t sequence, size_t position);
/** Copies positions 0…n-1 of one sequence into another (shared prefix). */
void fr_kv_copy(fr_kv *kv, size_t from, size_t to, size_t n);
size_t fr_kv_length(const fr_kv *kv, size_t sequence);
/** Bytes reserved; memory is taken only as positions are first written. */
size_t fr_kv_bytes(const fr_kv *kv);
size_t fr_kv_bytes_per_token(const fr_kv *kv);

/** One row of a forward step: a token at a position of a sequence. */
typedef struct {
    int32_t token;
    uint32_t sequence, position;
    bool want_logits;
    uint8_t kind; /* which text of a pair the token is of, where the model tells them apart */
} fr_row;

/**
 * One step over n rows (prompt and generated tokens alike; rows of one sequence in rising
 * position). Each output is a function of its own row's tokens and the weights: bits do not depend
 * on what else is in the batch, nor on the pool.
 *
 * logits   [number of rows with want_logits][n_vocab] f32, in row order.
 * adapter  NULL or of this model.
 * Errors   FR_E_LIMIT position beyond the KV's context; FR_E_USAGE token id out of range.
 */
int fr_model_forward(const fr_model *m, const fr_adapter *adapter, fr_kv *kv, fr_pool *pool,
                     const fr_row *rows, size_t n, float *logits, fr_err *err);

/* ---- encoder–decoders ---- */

/** The encoder of an encoder–decoder (T5), a model of its own that borrows from m; NULL: m has
 * none.
 */
const fr_model *fr_model_encoder(const fr_model *m);
/** The token that the decoder begins with; -1: m has no encoder. */
int32_t fr_model_decoder_start(const fr_model *m);
/**
 * Reads an input: from here on the sequence's rows attend to it. Forgets what the sequence has.
 *
 * Errors   FR_E_LIMIT longer than the KV's context; FR_E_USAGE m has no encoder, or nothing to
 * read.
 */
int fr_model_encode(const fr_model *m, fr_kv *kv, fr_pool *pool, size_t sequence,
                    const int32_t *ids, size_t n, fr_err *err);
/** FLOPs of reading n tokens. */
double fr_model_encode_flops(const fr_model *m, size_t n);

/**
 * The same as fr_model_forward(), but what comes out are the last layer's hidden states, normed:
 * hidden [number of rows with want_logits][dim]. Of a model that looks ahead all of a sequence must
 * be in one step.
 */
int fr_model_hidden(const fr_model *m, const fr_adapter *adapter, fr_kv *kv, fr_pool *pool,
                    const fr_row *rows, size_t n, float *hidden, fr_err *err);

/** Logits [n][n_labels] of the classification head for pooled hidden states [n][dim]. FR_E_USAGE:
 * the model has none. */
int fr_model_classify(const fr_model *m, const float *pooled, size_t n, float *logits, fr_err *err);
/** Name of a class; "LABEL_3" where the file has none. buf holds it. */
fr_str fr_model_label(const fr_model *m, size_t i, char buf[32]);

#endif
