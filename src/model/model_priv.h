/* model_priv.h: what the files of the room share: an opened model, its state, its adapters. */
#ifndef FR_MODEL_PRIV_H
#define FR_MODEL_PRIV_H

#include <frugal/work.h>
#include "kernels/kernels.h"
#include "model/arch.h"

/* A weight as inference uses it: a matrix in the file's own bits, or a vector in f32. */
typedef struct {
    fr_packed *matrix;   /* owned; rows × cols, borrowing the file's mapping */
    fr_packed **experts; /* [n_experts] owned, of a slot that each expert has */
    float *vector;       /* owned */
} model_weight;

/* Rotary positions of one kind of layer: frequencies[rope_dim / 2], owned; magnitude multiplies cos
 * and sin. */
typedef struct {
    double *frequencies;
    float magnitude;
} model_rope;

typedef enum {
    ROPE_ALL,   /* every layer, or those that see everything */
    ROPE_LONG,  /* the same in a state whose context is longer than the original one; may be absent
                 */
    ROPE_LOCAL, /* layers with a window, where they have another base */
    ROPE_SETS
} rope_set;

struct fr_model {
    fr_gguf *file;     /* owned, unless by the model that this is the encoder of */
    fr_model *encoder; /* owned; NULL: none */
    bool is_part;      /* the encoder of another */
    int32_t decoder_start;
    char *path, *name;
    const fr_arch *arch;
    fr_shape shape;
    const fr_kernels *kernels;
    fr_tokenizer *tokenizer;
    model_weight *weights; /* [n_layers + 1][FR_SLOT_COUNT]; the last row: not per layer */
    fr_op ops[FR_PART_COUNT][FR_OPS_MOST]; /* those of the row that this model has */
    size_t n_ops[FR_PART_COUNT];
    model_rope rope[ROPE_SETS];
    float attn_scale;
    size_t positions_most; /* learned positions; SIZE_MAX without */
    uint64_t weight_bytes;
    char hash[65]; /* empty until asked for */
};

/* The weight that a slot names in a layer. */
static inline const model_weight *model_weight_of(const fr_model *m, fr_slot slot, size_t layer)
{
    const fr_slot_row *row = fr_arch_slot(m->arch, slot);
    return &m->weights[(row->per_layer ? layer : m->shape.n_layers) * FR_SLOT_COUNT + slot];
}

/* One projection's addition: scale · b · a. Matrices owned. */
typedef struct {
    float *a_values, *b_values; /* [rank][cols], [rows][rank] */
    fr_packed *a, *b;
    size_t rank;
    float scale;
} adapter_part;

struct fr_adapter {
    const fr_model *model;
    adapter_part *parts; /* [n_layers][FR_SLOT_COUNT]; rank 0: nothing is added */
    size_t rank_most;
};

/* Memory that a step works in; grown when a step is larger than all before. */
typedef struct {
    float *at;
    size_t n;
} step_memory;

struct fr_kv {
    const fr_model *model;
    fr_format format; /* of keys and values */
    size_t n_sequences, context;
    size_t *length; /* [n_sequences] positions that are there */
    size_t *next;   /* [n_sequences] scratch of the check of a step */
    uint8_t *at;    /* mapped: [sequence][layer][key, value][kv head][position][head_dim] */
    size_t bytes, row_bytes, head_bytes, sequence_bytes; /* row: a head of a position */
    float *distance; /* [n_heads][2 · context − 1]: added to scores of positions from context − 1
                        before to as many after; NULL: nothing is */
    fr_kv *reader;   /* of an encoder–decoder: the encoder's own state; NULL: there is none */
    uint8_t *read;   /* mapped: as `at`, of what the encoder made of each sequence's input */
    size_t *n_read;     /* [n_sequences] its positions */
    step_memory memory; /* of the forward steps on this state */
    fr_work_sink work;  /* told of operations */
    double alone_flops; /* steps of fewer run on the caller alone: waking another takes longer */
    int alone_steps;    /* so many short steps more run alone, since sharing did not pay */
    int alone_next;     /* and so many the next time */
};

/* kv.c */
/* First position of a head's keys (which 0) or values (1). */
static inline uint8_t *kv_at(const fr_kv *kv, size_t sequence, size_t layer, size_t which,
                             size_t head)
{
    const fr_shape *s = &kv->model->shape;
    return kv->at + sequence * kv->sequence_bytes +
           ((layer * 2 + which) * s->n_kv_heads + head) * kv->head_bytes;
}

/* The same of what the encoder made. */
static inline uint8_t *kv_read_at(const fr_kv *kv, size_t sequence, size_t layer, size_t which,
                                  size_t head)
{
    return kv->read + (kv_at(kv, sequence, layer, which, head) - kv->at);
}

/* positions.c */
int fr_positions_open(fr_model *m, fr_err *err);
/* Which kind of distance it is from a query to a key that is so many positions further. */
size_t fr_distance_bucket(const fr_shape *s, ptrdiff_t further);
/* What distances add to scores, as fr_kv.distance; NULL: nothing. Owned by the caller. */
int fr_distances_new(const fr_model *m, size_t context, float **out, fr_err *err);

/* model.c */
int fr_model_check_tensor(const fr_model *m, const fr_tensor *t, const char *name, size_t rows,
                          size_t cols, size_t experts, fr_err *err);

/* vocab.c */
int fr_vocab_read(const fr_gguf *file, size_t n_vocab, fr_tokenizer **out, fr_err *err);

#endif
