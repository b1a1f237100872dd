/* Shared between the files of the graph: its operations and what a thread is handed. */
#ifndef FR_TRAIN_GRAPH_PRIV_H
#define FR_TRAIN_GRAPH_PRIV_H

#include "kernels/kernels.h"
#include "kernels/train_ops.h"
#include "train/graph.h"

/* One operation in one layer, with the versions that it reads and writes. */
typedef struct {
    const fr_op *op;
    size_t layer;
    float *in, *in2, *in3, *out;
    float *before; /* of an adding operation: the version that it adds to */
    float *keep;   /* norm: of each group what its way back needs; attention: log-sum-exps; lora:
                      in·aᵀ; expert sums: each expert's output */
} fr_instance;

struct fr_graph {
    fr_weights *w; /* borrowed */
    fr_pool *pool; /* borrowed */
    fr_gemm *gemm;
    const fr_train_ops *ops;
    fr_attention_scratch *attention;
    size_t max_tokens, max_length;
    fr_work_sink work;

    fr_op ops_of[FR_PART_COUNT][FR_OPS_MOST];
    size_t n_ops[FR_PART_COUNT];
    fr_instance *list;
    size_t n_list;
    float *memory; /* all versions and gradients */
    float *grad[FR_VALUE_COUNT];
    bool has_grad[FR_VALUE_COUNT];
    float *rope_table, *rope_local; /* rope_local: layers with a window, where they differ */

    float *logits, *picked, *picked_grad; /* [LOGIT_ROWS][…] */
    float *slopes;                        /* [LOGIT_ROWS][n_vocab] of capped logits; else NULL */
    float *low_grad;                      /* [max_tokens][rank] */
    float *row_room;                      /* [threads][widest_stored] */
    size_t widest_stored;                 /* columns of the widest stored matrix */
    float *converted;                     /* [STORED_ROWS][widest stored matrix] */
    double *row_loss, *partial;
    const fr_batch *batch; /* of the run in progress */
    float grad_scale;
};

/* What the threads of an operation are handed. */
typedef struct {
    fr_graph *g;
    const fr_instance *at;
    const fr_param *weight, *bias;
    float *dx;
    const float *dy;
    float by;
    bool add;
    size_t first; /* of a chunk of loss rows */
    const fr_adamw *adamw;
} fr_graph_job;

/** Row of a matrix in FP32: its own, or, of one that stays as its file has it, converted into the
 * thread's room. */
const float *fr_graph_row(const fr_graph_job *j, size_t row, int thread);

/* ---- graph_experts.c: ranges of tokens, or (weights) of experts ------------------------------ */

void fr_pick_rows(void *job, size_t first, size_t end, int thread);
void fr_pick_back_rows(void *job, size_t first, size_t end, int thread);
void fr_expert_linear_rows(void *job, size_t first, size_t end, int thread);
void fr_expert_linear_back_rows(void *job, size_t first, size_t end, int thread);
void fr_expert_linear_back_weights(void *job, size_t first, size_t end, int thread);
void fr_expert_sum_rows(void *job, size_t first, size_t end, int thread);
void fr_expert_sum_back_rows(void *job, size_t first, size_t end, int thread);
void fr_expert_sum_back_weights(void *job, size_t first, size_t end, int thread);

#endif
