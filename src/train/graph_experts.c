/* graph_experts.c: feed-forward of experts, forward and backward: each token goes its own way, a
 * row at a time, so that no sum depends on the threads. Shazeer et al. 2017, arXiv:1701.06538;
 * Jiang et al. 2024, arXiv:2401.04088. */
#include <string.h>

#include "train/graph_priv.h"

/* Numbers of the experts that a token's row went to, and their shares behind them. */
typedef struct {
    const float *number, *share;
    size_t n;
} picks;

static picks picks_of(const fr_graph *g, const float *picked, size_t row)
{
    const size_t n = g->w->shape.n_experts_used;
    return (picks){ picked + row * 2 * n, picked + row * 2 * n + n, n };
}

/* Row `row` of the matrix of an expert. */
static const float *expert_row(const fr_graph_job *j, float number, size_t row, int thread)
{
    const size_t each = j->weight->rows / j->g->w->shape.n_experts;
    return fr_graph_row(j, (size_t)number * each + row, thread);
}

/* As in inference: the largest of the softmax, the first of equals first. */
void fr_pick_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const fr_shape *s = &j->g->w->shape;
    const size_t n = s->n_experts, used = s->n_experts_used;
    for (size_t r = first; r < end; r++) {
        float *p = j->at->in + r * n; /* nobody asks for the scores again, the way back for these */
        float *number = j->at->out + r * 2 * used, *share = number + used, sum = 0;
        j->g->ops->softmax(p, n, n, 1.0f);
        for (size_t i = 0; i < used; i++) {
            size_t best = SIZE_MAX;
            for (size_t e = 0; e < n; e++) {
                bool taken = false;
                for (size_t k = 0; k < i; k++)
                    taken |= (size_t)number[k] == e;
                if (!taken && (best == SIZE_MAX || p[e] > p[best]))
                    best = e;
            }
            number[i] = (float)best;
            share[i] = p[best];
            sum += share[i];
        }
        for (size_t i = 0; s->experts_renormed && i < used; i++)
            share[i] /= sum;
    }
}

/* Shares that sum to one are a softmax of the picked scores alone; else of all scores. */
void fr_pick_back_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const fr_shape *s = &j->g->w->shape;
    const size_t n = s->n_experts;
    for (size_t r = first; r < end; r++) {
        const picks at = picks_of(j->g, j->at->out, r), grad = picks_of(j->g, j->dy, r);
        const float *p = j->at->in + r * n;
        float *dx = j->g->grad[j->at->op->in] + r * n, mean = 0;
        for (size_t i = 0; i < at.n; i++)
            mean += at.share[i] * grad.share[i];
        for (size_t e = 0; e < n; e++)
            dx[e] = s->experts_renormed ? 0 : -p[e] * mean;
        for (size_t i = 0; i < at.n; i++)
            dx[(size_t)at.number[i]] +=
                at.share[i] * (grad.share[i] - (s->experts_renormed ? mean : 0));
    }
}

void fr_expert_linear_rows(void *args, size_t first, size_t end, int thread)
{
    const fr_graph_job *j = args;
    const size_t out = j->g->w->shape.expert_ffn_dim, in = j->weight->cols;
    for (size_t r = first; r < end; r++) {
        const picks at = picks_of(j->g, j->at->in2, r);
        for (size_t i = 0; i < at.n; i++) {
            for (size_t k = 0; k < out; k++)
                j->at->out[(r * at.n + i) * out + k] =
                    j->g->ops->dot(expert_row(j, at.number[i], k, thread), j->at->in + r * in, in);
        }
    }
}

void fr_expert_linear_back_rows(void *args, size_t first, size_t end, int thread)
{
    const fr_graph_job *j = args;
    const size_t out = j->g->w->shape.expert_ffn_dim, in = j->weight->cols;
    for (size_t r = first; r < end; r++) {
        const picks at = picks_of(j->g, j->at->in2, r);
        float *dx = j->g->grad[j->at->op->in] + r * in;
        if (!j->add)
            memset(dx, 0, in * sizeof(float));
        for (size_t i = 0; i < at.n; i++) {
            const float *dy = j->dy + (r * at.n + i) * out;
            for (size_t k = 0; k < out; k++)
                j->g->ops->axpy(dx, expert_row(j, at.number[i], k, thread), dy[k], in);
        }
    }
}

/* Each thread owns experts and looks at every token: sums run in token order. */
void fr_expert_linear_back_weights(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t out = j->g->w->shape.expert_ffn_dim, in = j->weight->cols;
    for (size_t r = 0; r < j->g->batch->n; r++) {
        const picks at = picks_of(j->g, j->at->in2, r);
        for (size_t i = 0; i < at.n; i++) {
            const size_t e = (size_t)at.number[i];
            const float *dy = j->dy + (r * at.n + i) * out;
            for (size_t k = 0; e >= first && e < end && k < out; k++)
                j->g->ops->axpy(j->weight->g + (e * out + k) * in, j->at->in + r * in, dy[k], in);
        }
    }
}

/* out = before + sum over picked experts of share · (part of in · weightᵀ); the products are kept.
 */
void fr_expert_sum_rows(void *args, size_t first, size_t end, int thread)
{
    const fr_graph_job *j = args;
    const size_t in = j->weight->cols, dim = j->g->w->shape.dim;
    for (size_t r = first; r < end; r++) {
        const picks at = picks_of(j->g, j->at->in2, r);
        memcpy(j->at->out + r * dim, j->at->before + r * dim, dim * sizeof(float));
        for (size_t i = 0; i < at.n; i++) {
            float *y = j->at->keep + (r * at.n + i) * dim;
            for (size_t k = 0; k < dim; k++)
                y[k] = j->g->ops->dot(expert_row(j, at.number[i], k, thread),
                                      j->at->in + (r * at.n + i) * in, in);
            j->g->ops->axpy(j->at->out + r * dim, y, at.share[i], dim);
        }
    }
}

void fr_expert_sum_back_rows(void *args, size_t first, size_t end, int thread)
{
    const fr_graph_job *j = args;
    const size_t in = j->weight->cols, dim = j->g->w->shape.dim;
    for (size_t r = first; r < end; r++) {
        const picks at = picks_of(j->g, j->at->in2, r);
        const float *dy = j->dy + r * dim;
        float *dpicked = j->g->grad[j->at->op->in2] + r * 2 * at.n;
        for (size_t i = 0; i < at.n; i++) {
            float *dx = j->g->grad[j->at->op->in] + (r * at.n + i) * in;
            dpicked[i] = 0;
            dpicked[at.n + i] = j->g->ops->dot(dy, j->at->keep + (r * at.n + i) * dim, dim);
            memset(dx, 0, in * sizeof(float));
            for (size_t k = 0; k < dim; k++)
                j->g->ops->axpy(dx, expert_row(j, at.number[i], k, thread), at.share[i] * dy[k],
                                in);
        }
    }
}

void fr_expert_sum_back_weights(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t in = j->weight->cols, dim = j->g->w->shape.dim;
    for (size_t r = 0; r < j->g->batch->n; r++) {
        const picks at = picks_of(j->g, j->at->in2, r);
        for (size_t i = 0; i < at.n; i++) {
            const size_t e = (size_t)at.number[i];
            for (size_t k = 0; e >= first && e < end && k < dim; k++)
                j->g->ops->axpy(j->weight->g + (e * dim + k) * in, j->at->in + (r * at.n + i) * in,
                                at.share[i] * j->dy[r * dim + k], in);
        }
    }
}
