/**
 * train/graph.h: runs an architecture's list of operations forward and backward over a batch of
 * documents, in FP32. Inside the room only.
 *
 * Every version of a value is kept for the backward pass; the gradient of a value has one buffer,
 * since going backwards only its latest version is alive.
 */
#ifndef FR_TRAIN_GRAPH_H
#define FR_TRAIN_GRAPH_H

#include <frugal/work.h>
#include "train/weights.h"

/** Documents one after another, positions from 0 in each. All borrowed. */
typedef struct {
    size_t n; /* tokens */
    const int32_t *ids;
    const uint32_t *position; /* [n] */
    size_t n_docs;
    const uint32_t *doc_start; /* [n_docs + 1] */
    size_t n_loss;
    const uint32_t *loss_row; /* [n_loss] rising */
    const int32_t *target;    /* [n_loss]: the token that should follow that row */
} fr_batch;

typedef struct fr_graph fr_graph;

/** Whether there is a backward for every operation of such a model: else FR_E_UNSUPPORTED. */
int fr_graph_check(const fr_shape *s, fr_err *err);
/** weights, pool: borrowed. max_tokens of a batch, max_length of a document. */
int fr_graph_new(fr_weights *weights, fr_pool *pool, size_t max_tokens, size_t max_length,
                 fr_graph **out, fr_err *err);
/** sink.op is told of each operation, forward ("matmul") and backward ("matmul back"). */
void fr_graph_listen(fr_graph *g, fr_work_sink sink);
void fr_graph_free(fr_graph *g);
FR_AUTOPTR_DEFINE(fr_graph);

/**
 * Sum of the losses [nats] of the batch's loss rows; with grad_scale != 0 the gradients of
 * grad_scale × that sum are added to the trained parameters' g.
 */
double fr_graph_run(fr_graph *g, const fr_batch *batch, float grad_scale);

/** One AdamW step over all that is trained, gradients clipped to a global norm (0: not). Gradients
 * are zeroed after it. Returns the norm before clipping. step counts from 1. */
typedef struct {
    double lr, beta1, beta2, eps, weight_decay, clip;
} fr_update;
double fr_graph_update(fr_graph *g, const fr_update *update, uint64_t step);

#endif
