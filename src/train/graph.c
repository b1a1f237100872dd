
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "train/graph_priv.h"

#define LOGIT_ROWS  256   /* rows of logits made at once: [256][n_vocab] floats */
#define STORED_ROWS 1024  /* of a stored matrix converted at once; a multiple of FR_GEMM_K_BLOCK */
#define FLAT_CHUNK  16384 /* numbers of a partial sum, whatever the thread count */

static size_t width_of(const fr_graph *g, fr_value v)
{
    return fr_shape_dim(&g->w->shape, fr_value_dim(v));
}

/* ---- planning ------------------------------------------------------------------------------- */

/* Hands out memory; at NULL it only counts. */
typedef struct {
    float *at;
    size_t used;
} room;

static float *take(room *r, size_t n)
{
    float *at = r->at != NULL ? r->at + r->used : NULL;
    r->used += (n + 15) / 16 * 16;
    return at;
}

/* What comes out is added to the version before. */
static bool adds(const fr_op *op)
{
    return op->add || op->kind == FR_OP_EXPERT_SUM;
}

/* Changes a value where it stands: nobody asks for the version before. */
static bool is_in_place(const fr_op *op)
{
    return op->kind == FR_OP_ROPE || op->kind == FR_OP_POSITION;
}

/* Numbers that one weight of a norm stands for: a row, or a head of it. */
static size_t group_of(const fr_graph *g, const fr_op *op)
{
    return fr_shape_dim(&g->w->shape, fr_arch_slot(g->w->arch, op->weight)->cols);
}

static size_t kept_of(const fr_graph *g, const fr_op *op, size_t layer)
{
    const fr_shape *s = &g->w->shape;
    switch (op->kind) {
    case FR_OP_NORM:
        return width_of(g, op->in) / group_of(g, op) * (g->w->arch->norm == FR_NORM_LAYER ? 2 : 1);
    case FR_OP_ATTENTION:
        return s->n_heads;
    case FR_OP_LINEAR:
        return fr_weights_lora(g->w, op->weight, layer) != NULL ? g->w->rank : 0;
    case FR_OP_EXPERT_SUM:
        return s->n_experts_used * s->dim;
    default:
        return 0;
    }
}

static void plan_ops(fr_graph *g, room *r, fr_part part, size_t layer,
                     float *latest[FR_VALUE_COUNT])
{
    for (size_t i = 0; i < g->n_ops[part]; i++) {
        const fr_op *op = &g->ops_of[part][i];
        fr_instance *at = &g->list[g->n_list++];
        *at = (fr_instance){ .op = op, .layer = layer };
        at->in = latest[op->in];
        at->in2 = latest[op->in2];
        at->in3 = latest[op->in3];
        at->before = adds(op) ? latest[op->out] : NULL;
        if (op->kind == FR_OP_LOGITS)
            continue;
        if (!is_in_place(op))
            latest[op->out] = take(r, g->max_tokens * width_of(g, op->out));
        at->out = latest[op->out];
        const size_t kept = kept_of(g, op, layer);
        if (kept > 0)
            at->keep = take(r, g->max_tokens * kept);
    }
}

static void plan(fr_graph *g, room *r)
{
    const fr_shape *s = &g->w->shape;
    float *latest[FR_VALUE_COUNT] = { 0 };
    g->n_list = 0;
    plan_ops(g, r, FR_PART_BEFORE, 0, latest);
    for (size_t layer = 0; layer < s->n_layers; layer++)
        plan_ops(g, r, FR_PART_LAYER, layer, latest);
    plan_ops(g, r, FR_PART_AFTER, 0, latest);
    for (int v = FR_VALUE_NONE + 1; v < FR_VALUE_COUNT; v++)
        g->grad[v] = v == FR_VALUE_LOGITS ? NULL : take(r, g->max_tokens * width_of(g, v));
    g->logits = take(r, LOGIT_ROWS * s->n_vocab);
    if (s->logit_cap > 0)
        g->slopes = take(r, LOGIT_ROWS * s->n_vocab);
    g->picked = take(r, LOGIT_ROWS * s->dim);
    g->picked_grad = take(r, LOGIT_ROWS * s->dim);
    g->low_grad = take(r, g->max_tokens * g->w->rank);
    g->widest_stored = 0;
    for (size_t i = 0; i < g->w->n_params; i++)
        if (g->w->params[i].stored != NULL)
            g->widest_stored = FR_MAX(g->widest_stored, g->w->params[i].cols);
    g->converted = take(r, STORED_ROWS * g->widest_stored);
    g->row_room = take(r, (size_t)fr_pool_threads(g->pool) * g->widest_stored);
    g->rope_table = take(r, g->max_length * s->rope_dim);
    if (s->rope_scaling.local_theta > 0)
        g->rope_local = take(r, g->max_length * s->rope_dim);
}

/* frequencies NULL: by theta. */
static void fill_rope(const fr_graph *g, float *table, const double *frequencies, double theta,
                      float magnitude)
{
    const size_t dim = g->w->shape.rope_dim;
    double *own = FR_NEW_N(double, dim / 2 + 1);
    if (frequencies == NULL)
        fr_rope_frequencies(own, dim, theta, NULL);
    for (size_t p = 0; p < g->max_length; p++) {
        float *at = table + p * dim;
        fr_rope_angles(at, p, frequencies != NULL ? frequencies : own, dim);
        for (size_t i = 0; magnitude > 0 && i < dim; i++)
            at[i] *= magnitude;
    }
    free(own);
}

/* What the graph has a backward for. */
static bool is_known(const fr_arch *arch, const fr_shape *s, const fr_op *op)
{
    switch (op->kind) {
    case FR_OP_EMBED:
    case FR_OP_POSITION:
    case FR_OP_LINEAR:
    case FR_OP_ROPE:
    case FR_OP_ACTIVATE:
    case FR_OP_PICK:
    case FR_OP_EXPERT_LINEAR:
    case FR_OP_EXPERT_SUM:
        return true;
    case FR_OP_NORM: /* one that writes where it reads is of heads, behind a product */
        return op->in != op->out || arch->norm == FR_NORM_RMS;
    case FR_OP_ATTENTION:
        return !s->looks_ahead;
    case FR_OP_LOGITS:
        return op->bias == FR_SLOT_NONE;
    default:
        return false;
    }
}

int fr_graph_check(const fr_shape *s, fr_err *err)
{
    FR_TRY(fr_shape_check(s, err));
    const fr_arch *arch = fr_arch_find(s->architecture);
    bool known = !s->looks_ahead;
    for (int part = 0; part < FR_PART_COUNT; part++) {
        fr_op ops[FR_OPS_MOST];
        size_t n = fr_arch_ops(arch, s, (fr_part)part, ops);
        for (size_t i = 0; i < n; i++)
            known = known && is_known(arch, s, &ops[i]);
    }
    if (known)
        return 0;
    return fr_fail(err, FR_E_UNSUPPORTED,
                   "Models that can be trained predict the next token: llama, qwen2, qwen3, gemma, "
                   "phi3, gpt2, starcoder2, gptneox, falcon, mixtral and their like.",
                   "architecture '%s', as this model has it, can be run but not trained",
                   s->architecture);
}

static int build(fr_graph *g, fr_err *err)
{
    FR_TRY(fr_graph_check(&g->w->shape, err));
    for (int part = 0; part < FR_PART_COUNT; part++)
        g->n_ops[part] = fr_arch_ops(g->w->arch, &g->w->shape, (fr_part)part, g->ops_of[part]);
    FR_TRY(fr_gemm_new(g->pool, NULL, &g->gemm, err));
    FR_TRY(
        fr_attention_scratch_new(g->pool, g->max_length, g->w->shape.head_dim, &g->attention, err));
    g->list = FR_NEW_N(fr_instance, g->n_ops[FR_PART_BEFORE] + g->n_ops[FR_PART_AFTER] +
                                        g->n_ops[FR_PART_LAYER] * g->w->shape.n_layers);
    room r = { 0 };
    plan(g, &r);
    FR_TRY(fr_try_array(r.used, sizeof(float), "activations", (void **)&g->memory, err));
    r = (room){ .at = g->memory };
    plan(g, &r);
    const fr_shape *s = &g->w->shape;
    fill_rope(g, g->rope_table, g->w->frequencies, (double)s->rope_theta, g->w->magnitude);
    if (g->rope_local != NULL)
        fill_rope(g, g->rope_local, NULL, (double)s->rope_scaling.local_theta, 0);
    g->row_loss = FR_NEW_N(double, LOGIT_ROWS);
    g->partial = FR_NEW_N(double, g->w->n_trained / FLAT_CHUNK + 1);
    return 0;
}

int fr_graph_new(fr_weights *weights, fr_pool *pool, size_t max_tokens, size_t max_length,
                 fr_graph **out, fr_err *err)
{
    fr_graph *g = FR_NEW(fr_graph);
    g->w = weights;
    g->pool = pool;
    g->ops = fr_train_ops_best();
    g->max_tokens = max_tokens;
    g->max_length = max_length;
    const int rc = build(g, err);
    if (rc != 0) {
        fr_graph_free(g);
        return rc;
    }
    *out = g;
    return 0;
}

void fr_graph_listen(fr_graph *g, fr_work_sink sink)
{
    g->work = sink;
}

void fr_graph_free(fr_graph *g)
{
    if (g == NULL)
        return;
    fr_gemm_free(g->gemm);
    fr_attention_scratch_free(g->attention);
    free(g->list);
    free(g->memory);
    free(g->row_loss);
    free(g->partial);
    free(g);
}

/* ---- operations over ranges of rows, one call a thread --------------------------------------- */

static const void *stored_row(const fr_param *p, size_t row)
{
    return (const char *)p->stored +
           row * (p->cols / p->format->block_values) * p->format->block_bytes;
}

const float *fr_graph_row(const fr_graph_job *j, size_t row, int thread)
{
    const fr_param *p = j->weight;
    if (p->stored == NULL)
        return p->w + row * p->cols;
    float *own = j->g->row_room + (size_t)thread * j->g->widest_stored;
    p->format->to_f32(stored_row(p, row), own, p->cols);
    return own;
}

/* The row of a table that a token takes: its own, or its position's. */
static size_t table_row(const fr_graph_job *j, size_t r)
{
    return j->at->op->kind == FR_OP_POSITION ? j->g->batch->position[r]
                                             : (size_t)j->g->batch->ids[r];
}

static void embed_rows(void *args, size_t first, size_t end, int thread)
{
    const fr_graph_job *j = args;
    const size_t dim = j->weight->cols;
    for (size_t r = first; r < end; r++) {
        const size_t id = table_row(j, r);
        float *out = j->at->out + r * dim;
        const float *row = fr_graph_row(j, id, thread);
        if (j->at->op->kind == FR_OP_POSITION)
            j->g->ops->axpy(out, row, 1.0f, dim);
        else
            for (size_t i = 0; i < dim; i++)
                out[i] = row[i] * j->by;
    }
}

/* Each thread owns a range of the table and looks at every token: sums run in token order. */
static void embed_back_range(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t dim = j->weight->cols;
    for (size_t r = 0; r < j->g->batch->n; r++) {
        const size_t id = table_row(j, r);
        if (id >= first && id < end)
            j->g->ops->axpy(j->weight->g + id * dim, j->dy + r * dim, j->by, dim);
    }
}

static void bias_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t n = j->weight->cols;
    for (size_t r = first; r < end; r++)
        j->g->ops->axpy(j->at->out + r * n, j->weight->w, 1.0f, n);
}

static void bias_back_columns(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t n = j->weight->cols, from = first * 16, to = FR_MIN(end * 16, n);
    for (size_t r = 0; r < j->g->batch->n; r++)
        j->g->ops->axpy(j->weight->g + from, j->dy + r * n + from, 1.0f, to - from);
}

/* A norm's groups are as rows: of `dim` numbers, so many to a token. */
static size_t groups_of(const fr_graph_job *j)
{
    return width_of(j->g, j->at->op->in) / j->weight->cols;
}

static void norm_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t dim = j->weight->cols, groups = groups_of(j), n = (end - first) * groups;
    const size_t at = first * groups;
    const float eps = j->g->w->shape.norm_eps;
    if (j->g->w->arch->norm == FR_NORM_LAYER)
        j->g->ops->layernorm(j->at->out + at * dim, j->at->keep + 2 * at, j->at->in + at * dim,
                             j->weight->w, j->bias != NULL ? j->bias->w : NULL, n, dim, eps);
    else
        j->g->ops->norm(j->at->out + at * dim, j->at->keep + at, j->at->in + at * dim, j->weight->w,
                        n, dim, eps);
    for (size_t r = first; j->at->before != NULL && r < end; r++)
        j->g->ops->axpy(j->at->out + r * groups * dim, j->at->before + r * groups * dim, 1.0f,
                        groups * dim);
}

static void norm_back_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t dim = j->weight->cols, groups = groups_of(j), n = (end - first) * groups;
    const size_t at = first * groups;
    if (j->g->w->arch->norm == FR_NORM_LAYER)
        j->g->ops->layernorm_back(j->dx + at * dim, j->dy + at * dim, j->at->in + at * dim,
                                  j->at->keep + 2 * at, j->weight->w, n, dim, j->add);
    else
        j->g->ops->norm_back(j->dx + at * dim, j->dy + at * dim, j->at->in + at * dim,
                             j->at->keep + at, j->weight->w, n, dim, j->add);
}

static void norm_weight_back_columns(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t dim = j->weight->cols, n = j->g->batch->n * groups_of(j);
    if (j->g->w->arch->norm == FR_NORM_LAYER)
        j->g->ops->layernorm_weight_back(j->weight->g, j->bias != NULL ? j->bias->g : NULL, j->dy,
                                         j->at->in, j->at->keep, n, dim, first * 16,
                                         FR_MIN(end * 16, dim));
    else
        j->g->ops->norm_weight_back(j->weight->g, j->dy, j->at->in, j->at->keep, n, dim, first * 16,
                                    FR_MIN(end * 16, dim));
}

static void rope_range(const fr_graph_job *j, float *x, size_t first, size_t end, float sign)
{
    const fr_shape *s = &j->g->w->shape;
    const size_t width = width_of(j->g, j->at->op->out);
    const bool local = j->g->rope_local != NULL && fr_shape_is_local(s, j->at->layer);
    const float *table = local ? j->g->rope_local : j->g->rope_table;
    j->g->ops->rope(x + first * width, j->g->batch->position + first, table, end - first,
                    width / s->head_dim, s->head_dim, s->rope_dim,
                    j->g->w->arch->rope == FR_ROPE_HALVES, sign);
}

static void rope_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    rope_range(j, j->at->out, first, end, 1.0f);
}

static void rope_back_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    rope_range(j, j->dx, first, end, -1.0f);
}

static void activate_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t width = width_of(j->g, j->at->op->out), at = first * width;
    const fr_activation kind = j->g->w->arch->activation;
    const float *up = j->at->in2 != NULL ? j->at->in2 + at : NULL;
    if (kind == FR_ACT_SILU && up != NULL)
        j->g->ops->silu_mul(j->at->out + at, j->at->in + at, up, (end - first) * width);
    else
        j->g->ops->activate(kind, j->at->out + at, j->at->in + at, up, (end - first) * width);
}

static void activate_back_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    fr_graph *g = j->g;
    const fr_op *op = j->at->op;
    const size_t width = width_of(g, op->out), at = first * width, n = (end - first) * width;
    const fr_activation kind = g->w->arch->activation;
    const float *up = j->at->in2 != NULL ? j->at->in2 + at : NULL;
    float *dup = up != NULL ? g->grad[op->in2] + at : NULL;
    if (kind == FR_ACT_SILU && up != NULL)
        g->ops->silu_mul_back(g->grad[op->in] + at, dup, g->grad[op->out] + at, j->at->in + at, up,
                              n);
    else
        g->ops->activate_back(kind, g->grad[op->in] + at, dup, g->grad[op->out] + at,
                              j->at->in + at, up, n);
}

static void scale_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t rank = j->g->w->rank;
    for (size_t i = first * rank; i < end * rank; i++)
        j->dx[i] *= j->by;
}

static void gather_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t dim = j->weight->cols;
    for (size_t i = first; i < end; i++)
        memcpy(j->g->picked + i * dim,
               j->at->in + (size_t)j->g->batch->loss_row[j->first + i] * dim, dim * sizeof(float));
}

static void scatter_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const size_t dim = j->weight->cols;
    for (size_t i = first; i < end; i++)
        memcpy(j->dx + (size_t)j->g->batch->loss_row[j->first + i] * dim,
               j->g->picked_grad + i * dim, dim * sizeof(float));
}

static void cross_entropy_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    fr_graph *g = j->g;
    const fr_shape *s = &g->w->shape;
    const size_t n = j->weight->rows;
    const float scale = s->logit_scale > 0 ? s->logit_scale : 1, cap = s->logit_cap;
    for (size_t i = first; i < end; i++) {
        float *logits = g->logits + i * n, *slopes = g->slopes + (g->slopes != NULL ? i * n : 0);
        if (cap > 0)
            g->ops->soft_cap(logits, n, scale, cap);
        for (size_t k = 0; k < n && cap > 0; k++)
            slopes[k] = (1 - logits[k] / cap * (logits[k] / cap)) * scale;
        for (size_t k = 0; k < n && cap <= 0 && scale != 1; k++)
            logits[k] *= scale;
        g->row_loss[i] =
            g->ops->cross_entropy(logits, n, (size_t)g->batch->target[j->first + i], g->grad_scale);
        for (size_t k = 0; k < n && (cap > 0 || scale != 1) && g->grad_scale != 0; k++)
            logits[k] *= cap > 0 ? slopes[k] : scale;
    }
}

/* ---- one operation, forward and backward ----------------------------------------------------- */

static const fr_param *weight_of(const fr_graph *g, const fr_instance *at)
{
    fr_slot slot = at->op->weight;
    if (at->op->kind == FR_OP_LOGITS && g->w->shape.tied)
        slot = FR_SLOT_TOKEN_EMBD;
    return slot != FR_SLOT_NONE ? fr_weights_get(g->w, slot, at->layer) : NULL;
}

static const fr_param *bias_of(const fr_graph *g, const fr_instance *at)
{
    return at->op->bias != FR_SLOT_NONE ? fr_weights_get(g->w, at->op->bias, at->layer) : NULL;
}

static fr_mat mat(const float *at, size_t stride)
{
    return (fr_mat){ at, stride, false };
}

static fr_mat transposed(const float *at, size_t stride)
{
    return (fr_mat){ at, stride, true };
}

static void convert_rows(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    for (size_t r = first; r < end; r++)
        j->weight->format->to_f32(stored_row(j->weight, j->first + r),
                                  j->g->converted + r * j->weight->cols, j->weight->cols);
}

/* Rows of a matrix in FP32, from `first` on: all that are left, or, of a stored one, the next few.
 */
static const float *rows_of(fr_graph *g, const fr_param *w, size_t first, size_t *n)
{
    *n = w->rows - first;
    if (w->stored == NULL)
        return w->w + first * w->cols;
    *n = FR_MIN(*n, (size_t)STORED_ROWS);
    fr_pool_run(g->pool, *n, convert_rows, &(fr_graph_job){ .g = g, .weight = w, .first = first });
    return g->converted;
}

/* out[n][rows] = plus + in · wᵀ. */
static void times_weight(fr_graph *g, const fr_param *w, const float *in, float *out, size_t n,
                         const float *plus)
{
    for (size_t first = 0, rows; first < w->rows; first += rows) {
        const float *part = rows_of(g, w, first, &rows);
        fr_gemm_run(g->gemm, mat(in, w->cols), transposed(part, w->cols), out + first, w->rows, n,
                    rows, w->cols, plus != NULL ? plus + first : NULL);
    }
}

/* din[n][cols] = plus + dout · w. */
static void times_weight_back(fr_graph *g, const fr_param *w, const float *dout, float *din,
                              size_t n, const float *plus)
{
    for (size_t first = 0, rows; first < w->rows; first += rows) {
        const float *part = rows_of(g, w, first, &rows);
        fr_gemm_run(g->gemm, mat(dout + first, w->rows), mat(part, w->cols), din, w->cols, n,
                    w->cols, rows, first > 0 ? din : plus);
    }
}

static void linear(fr_graph *g, const fr_instance *at, const fr_param *w)
{
    const size_t n = g->batch->n;
    times_weight(g, w, at->in, at->out, n, at->before);
    const fr_param *bias = bias_of(g, at);
    if (bias != NULL)
        fr_pool_run(g->pool, n, bias_rows, &(fr_graph_job){ .g = g, .at = at, .weight = bias });
    const fr_lora_param *lora = fr_weights_lora(g->w, at->op->weight, at->layer);
    if (lora == NULL)
        return;
    const size_t rank = g->w->rank;
    fr_gemm_run(g->gemm, mat(at->in, w->cols), transposed(lora->a.w, w->cols), at->keep, rank, n,
                rank, w->cols, NULL);
    fr_pool_run(g->pool, n, scale_rows,
                &(fr_graph_job){ .g = g, .dx = at->keep, .by = g->w->lora_scale });
    fr_gemm_run(g->gemm, mat(at->keep, rank), transposed(lora->b.w, rank), at->out, w->rows, n,
                w->rows, rank, at->out);
}

/* The gradient that an input gets: overwritten the first time, added to after. */
static bool add_to(fr_graph *g, fr_value v)
{
    const bool had = g->has_grad[v];
    g->has_grad[v] = true;
    return had;
}

static void linear_back(fr_graph *g, const fr_instance *at, const fr_param *w)
{
    const size_t n = g->batch->n;
    const fr_op *op = at->op;
    const float *dout = g->grad[op->out];
    float *din = g->grad[op->in];
    const bool add = add_to(g, op->in);
    times_weight_back(g, w, dout, din, n, add ? din : NULL);
    if (w->g != NULL)
        fr_gemm_run(g->gemm, transposed(dout, w->rows), mat(at->in, w->cols), w->g, w->cols,
                    w->rows, w->cols, n, w->g);
    const fr_param *bias = bias_of(g, at);
    if (bias != NULL && bias->g != NULL)
        fr_pool_run(g->pool, (bias->cols + 15) / 16, bias_back_columns,
                    &(fr_graph_job){ .g = g, .at = at, .weight = bias, .dy = dout });
    const fr_lora_param *lora = fr_weights_lora(g->w, op->weight, at->layer);
    if (lora == NULL)
        return;
    const size_t rank = g->w->rank;
    fr_gemm_run(g->gemm, transposed(dout, w->rows), mat(at->keep, rank), lora->b.g, rank, w->rows,
                rank, n, lora->b.g);
    fr_gemm_run(g->gemm, mat(dout, w->rows), mat(lora->b.w, rank), g->low_grad, rank, n, rank,
                w->rows, NULL);
    fr_pool_run(g->pool, n, scale_rows,
                &(fr_graph_job){ .g = g, .dx = g->low_grad, .by = g->w->lora_scale });
    fr_gemm_run(g->gemm, transposed(g->low_grad, rank), mat(at->in, w->cols), lora->a.g, w->cols,
                rank, w->cols, n, lora->a.g);
    fr_gemm_run(g->gemm, mat(g->low_grad, rank), mat(lora->a.w, w->cols), g->grad[op->in], w->cols,
                n, w->cols, rank, g->grad[op->in]);
}

/* Logits exist for rows with loss only, LOGIT_ROWS at a time; their gradient replaces them at
 * once, so forward and backward are one. */
static double loss(fr_graph *g, const fr_instance *at, const fr_param *w)
{
    const fr_batch *b = g->batch;
    const size_t dim = w->cols;
    fr_graph_job j = { .g = g, .at = at, .weight = w, .dx = g->grad[at->op->in] };
    if (g->grad_scale != 0) {
        memset(j.dx, 0, b->n * dim * sizeof(float));
        g->has_grad[at->op->in] = true;
    }
    double total = 0;
    for (j.first = 0; j.first < b->n_loss; j.first += LOGIT_ROWS) {
        const size_t n = FR_MIN((size_t)LOGIT_ROWS, b->n_loss - j.first);
        fr_pool_run(g->pool, n, gather_rows, &j);
        times_weight(g, w, g->picked, g->logits, n, NULL);
        fr_pool_run(g->pool, n, cross_entropy_rows, &j);
        for (size_t i = 0; i < n; i++)
            total += g->row_loss[i];
        if (g->grad_scale == 0)
            continue;
        times_weight_back(g, w, g->logits, g->picked_grad, n, NULL);
        fr_pool_run(g->pool, n, scatter_rows, &j);
        if (w->g != NULL)
            fr_gemm_run(g->gemm, transposed(g->logits, w->rows), mat(g->picked, dim), w->g, dim,
                        w->rows, dim, n, w->g);
    }
    return total;
}

static fr_attention attention_of(const fr_graph *g, const fr_instance *at)
{
    const fr_shape *s = &g->w->shape;
    return (fr_attention){ .n_docs = g->batch->n_docs,
                           .start = g->batch->doc_start,
                           .n_heads = s->n_heads,
                           .n_kv_heads = s->n_kv_heads,
                           .head_dim = s->head_dim,
                           .scale = s->attn_scale,
                           .cap = s->attn_cap,
                           .window = fr_shape_is_local(s, at->layer) ? s->window : 0 };
}

/* Of embeddings. */
static float scale_of(const fr_graph *g, const fr_instance *at)
{
    const float scale = g->w->shape.embed_scale;
    return at->op->kind == FR_OP_EMBED && scale > 0 ? scale : 1;
}

static double forward(fr_graph *g, const fr_instance *at)
{
    const fr_param *w = weight_of(g, at);
    const size_t n = g->batch->n;
    fr_graph_job j = {
        .g = g, .at = at, .weight = w, .bias = bias_of(g, at), .by = scale_of(g, at)
    };
    const fr_attention a = attention_of(g, at);
    switch (at->op->kind) {
    case FR_OP_EMBED:
    case FR_OP_POSITION:
        fr_pool_run(g->pool, n, embed_rows, &j);
        break;
    case FR_OP_NORM:
        fr_pool_run(g->pool, n, norm_rows, &j);
        break;
    case FR_OP_LINEAR:
        linear(g, at, w);
        break;
    case FR_OP_ROPE:
        fr_pool_run(g->pool, n, rope_rows, &j);
        break;
    case FR_OP_ATTENTION:
        fr_attention_forward(g->pool, g->gemm, g->ops, g->attention, &a, at->out, at->keep, at->in,
                             at->in2, at->in3);
        break;
    case FR_OP_ACTIVATE:
        fr_pool_run(g->pool, n, activate_rows, &j);
        break;
    case FR_OP_PICK:
        fr_pool_run(g->pool, n, fr_pick_rows, &j);
        break;
    case FR_OP_EXPERT_LINEAR:
        fr_pool_run(g->pool, n, fr_expert_linear_rows, &j);
        break;
    case FR_OP_EXPERT_SUM:
        fr_pool_run(g->pool, n, fr_expert_sum_rows, &j);
        break;
    case FR_OP_LOGITS:
        return loss(g, at, w);
    default: /* fr_graph_check() let none pass */
        break;
    }
    return 0;
}

static void backward(fr_graph *g, const fr_instance *at)
{
    const fr_op *op = at->op;
    const fr_param *w = weight_of(g, at);
    const size_t n = g->batch->n;
    fr_graph_job j = {
        .g = g, .at = at, .weight = w, .bias = bias_of(g, at), .dy = g->grad[op->out]
    };
    const fr_attention a = attention_of(g, at);
    j.by = scale_of(g, at);
    switch (op->kind) {
    case FR_OP_EMBED:
    case FR_OP_POSITION:
        if (w->g != NULL)
            fr_pool_run(g->pool, w->rows, embed_back_range, &j);
        if (op->kind == FR_OP_POSITION)
            return;
        break;
    case FR_OP_NORM:
        j.dx = g->grad[op->in];
        j.add = op->in != op->out && add_to(g, op->in);
        if (w->g != NULL)
            fr_pool_run(g->pool, (w->cols + 15) / 16, norm_weight_back_columns, &j);
        fr_pool_run(g->pool, n, norm_back_rows, &j);
        if (op->in == op->out)
            return;
        break;
    case FR_OP_LINEAR:
        linear_back(g, at, w);
        break;
    case FR_OP_ROPE:
        j.dx = g->grad[op->out];
        fr_pool_run(g->pool, n, rope_back_rows, &j);
        return;
    case FR_OP_ATTENTION:
        assert(!g->has_grad[op->in] && !g->has_grad[op->in2] && !g->has_grad[op->in3]);
        fr_attention_backward(g->pool, g->gemm, g->ops, g->attention, &a, g->grad[op->in],
                              g->grad[op->in2], g->grad[op->in3], g->grad[op->out], at->out,
                              at->keep, at->in, at->in2, at->in3);
        g->has_grad[op->in] = g->has_grad[op->in2] = g->has_grad[op->in3] = true;
        break;
    case FR_OP_ACTIVATE:
        assert(!g->has_grad[op->in] && !g->has_grad[op->in2]);
        fr_pool_run(g->pool, n, activate_back_rows, &j);
        g->has_grad[op->in] = true;
        g->has_grad[op->in2] = op->in2 != FR_VALUE_NONE;
        break;
    case FR_OP_PICK:
        fr_pool_run(g->pool, n, fr_pick_back_rows, &j);
        g->has_grad[op->in] = true;
        break;
    case FR_OP_EXPERT_LINEAR:
        j.add = add_to(g, op->in);
        fr_pool_run(g->pool, n, fr_expert_linear_back_rows, &j);
        if (w->g != NULL)
            fr_pool_run(g->pool, g->w->shape.n_experts, fr_expert_linear_back_weights, &j);
        break;
    case FR_OP_EXPERT_SUM:
        fr_pool_run(g->pool, n, fr_expert_sum_back_rows, &j);
        if (w->g != NULL)
            fr_pool_run(g->pool, g->w->shape.n_experts, fr_expert_sum_back_weights, &j);
        g->has_grad[op->in] = g->has_grad[op->in2] = true;
        break;
    case FR_OP_LOGITS: /* done with the loss */
    default:
        return;
    }
    if (!adds(op))
        g->has_grad[op->out] = false; /* an older version of the value comes to life */
}

/* FLOPs of a product's two or three products (its own, for its input, for its weight). */
static double flops_of(const fr_graph *g, const fr_instance *at, bool is_back)
{
    const fr_param *w = weight_of(g, at);
    const fr_shape *s = &g->w->shape;
    if (at->op->kind == FR_OP_LINEAR)
        return 2.0 * (double)w->n * (double)g->batch->n * (!is_back ? 1 : w->g != NULL ? 2 : 1);
    if (at->op->kind == FR_OP_LOGITS) /* the loss does its way back at once */
        return 2.0 * (double)w->n * (double)g->batch->n_loss * (g->grad_scale != 0 ? 3 : 1);
    if (at->op->kind != FR_OP_ATTENTION)
        return 0;
    double pairs = 0;
    for (size_t d = 0; d < g->batch->n_docs; d++) {
        double n = (double)(g->batch->doc_start[d + 1] - g->batch->doc_start[d]);
        pairs += n * (n + 1) / 2;
    }
    return 4.0 * pairs * (double)(s->n_heads * s->head_dim) * (is_back ? 2.5 : 1);
}

static int32_t layer_of(const fr_graph *g, const fr_instance *at)
{
    const fr_op *ops = g->ops_of[FR_PART_LAYER];
    bool is_in_layer = at->op >= ops && at->op < ops + g->n_ops[FR_PART_LAYER];
    return is_in_layer ? (int32_t)at->layer : -1;
}

/* Tells of an operation that ended now; from where it began to where the next one does. */
static int64_t tell_op(const fr_graph *g, const fr_instance *at, bool is_back, int64_t start_ns)
{
    if (g->work.op == NULL)
        return 0;
    const fr_op_event e = { .op = fr_op_name(at->op, is_back),
                            .part = fr_op_part(at->op),
                            .layer = layer_of(g, at),
                            .start_ns = start_ns,
                            .end_ns = fr_now_monotonic_ns(),
                            .flops = flops_of(g, at, is_back) };
    g->work.op(g->work.user, &e);
    return e.end_ns;
}

double fr_graph_run(fr_graph *g, const fr_batch *batch, float grad_scale)
{
    assert(batch->n <= g->max_tokens);
    g->batch = batch;
    g->grad_scale = grad_scale;
    memset(g->has_grad, 0, sizeof(g->has_grad));
    double total = 0;
    int64_t at_ns = g->work.op != NULL ? fr_now_monotonic_ns() : 0;
    for (size_t i = 0; i < g->n_list; i++) {
        total += forward(g, &g->list[i]);
        at_ns = tell_op(g, &g->list[i], false, at_ns);
    }
    for (size_t i = g->n_list; grad_scale != 0 && i-- > 0;) {
        backward(g, &g->list[i]);
        at_ns = tell_op(g, &g->list[i], true, at_ns);
    }
    g->batch = NULL;
    return total;
}

/* ---- the optimizer ----------------------------------------------------------------------------
 */

static void square_chunks(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    fr_graph *g = ((fr_graph_job *)args)->g;
    for (size_t c = first; c < end; c++)
        g->partial[c] = g->ops->sum_squares(
            g->w->g + c * FLAT_CHUNK, FR_MIN((size_t)FLAT_CHUNK, g->w->n_trained - c * FLAT_CHUNK));
}

static void adamw_param(const fr_graph *g, const fr_param *p, const fr_adamw *a)
{
    fr_adamw own = *a;
    if (!p->decay)
        own.weight_decay = 0;
    g->ops->adamw(p->w, p->m, p->v, p->g, p->n, &own);
    memset(p->g, 0, p->n * sizeof(float));
}

static void adamw_params(void *args, size_t first, size_t end, int thread)
{
    (void)thread;
    const fr_graph_job *j = args;
    const fr_weights *w = j->g->w;
    for (size_t i = first; i < end; i++) {
        if (w->lora == NULL) {
            adamw_param(j->g, &w->params[i], j->adamw);
        } else if (w->lora[i].b.w != NULL) {
            adamw_param(j->g, &w->lora[i].a, j->adamw);
            adamw_param(j->g, &w->lora[i].b, j->adamw);
        }
    }
}

double fr_graph_update(fr_graph *g, const fr_update *u, uint64_t step)
{
    const size_t chunks = (g->w->n_trained + FLAT_CHUNK - 1) / FLAT_CHUNK;
    const int64_t start_ns = g->work.op != NULL ? fr_now_monotonic_ns() : 0;
    fr_graph_job j = { .g = g };
    fr_pool_run(g->pool, chunks, square_chunks, &j);
    double squares = 0;
    for (size_t c = 0; c < chunks; c++)
        squares += g->partial[c];
    const double norm = sqrt(squares);
    const fr_adamw a = {
        .lr = (float)u->lr,
        .beta1 = (float)u->beta1,
        .beta2 = (float)u->beta2,
        .eps = (float)u->eps,
        .weight_decay = (float)u->weight_decay,
        .correct1 = (float)(1.0 / (1.0 - pow(u->beta1, (double)step))),
        .correct2 = (float)(1.0 / (1.0 - pow(u->beta2, (double)step))),
        .grad_scale = u->clip > 0 && norm > u->clip ? (float)(u->clip / norm) : 1.0f,
    };
    j.adamw = &a;
    fr_pool_run(g->pool, g->w->n_params, adamw_params, &j);
    if (g->work.op != NULL) {
        const fr_op_event e = {
            .op = "adamw", .layer = -1, .start_ns = start_ns, .end_ns = fr_now_monotonic_ns()
        };
        g->work.op(g->work.user, &e);
    }
    return norm;
}
