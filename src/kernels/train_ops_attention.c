#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "kernels/gemm_priv.h"
#include "kernels/train_ops.h"

/* Queries go by in blocks: a block's scores against all keys before it stay in the L2 cache. */
#define QUERY_BLOCK 56 /* a multiple of 14 */

/* Memory of one thread, in floats: everything a (document, head) needs, packed for the tiles. */
typedef struct {
    float *keys_t, *values_t; /* panels of [head_dim][length]: B of q·kᵀ and of dout·vᵀ */
    float *keys, *values;     /* panels of [length][head_dim]: B of ds·k and of p·v */
    float *block_a, *block_b; /* panels of [QUERY_BLOCK][head_dim]: q and dout of a block */
    float *scores, *dscores;  /* [QUERY_BLOCK][stride] */
} buffers;

struct fr_attention_scratch {
    int threads;
    size_t stride; /* of scores; not a multiple of a page, so that rows do not collide in L1 */
    buffers *of;
    float *memory;
};

static size_t up_to(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

int fr_attention_scratch_new(fr_pool *pool, size_t max_length, size_t head_dim,
                             fr_attention_scratch **out, fr_err *err)
{
    const size_t length = up_to(max_length, FR_GEMM_MAX_NR);
    const size_t width = up_to(head_dim, FR_GEMM_MAX_NR);
    const size_t stride = up_to(length, 16) + 16;
    const size_t each = 2 * head_dim * length + 2 * length * width + 2 * QUERY_BLOCK * width +
                        2 * QUERY_BLOCK * stride;
    const int threads = fr_pool_threads(pool);
    void *memory = NULL;
    FR_TRY(fr_try_array((size_t)threads * each, sizeof(float), "attention", &memory, err));
    fr_attention_scratch *s = FR_NEW(fr_attention_scratch);
    s->threads = threads;
    s->stride = stride;
    s->memory = memory;
    s->of = FR_NEW_N(buffers, (size_t)threads);
    for (int t = 0; t < threads; t++) {
        float *at = s->memory + (size_t)t * each;
        buffers *b = &s->of[t];
        b->keys_t = at;
        b->values_t = b->keys_t + head_dim * length;
        b->keys = b->values_t + head_dim * length;
        b->values = b->keys + length * width;
        b->block_a = b->values + length * width;
        b->block_b = b->block_a + QUERY_BLOCK * width;
        b->scores = b->block_b + QUERY_BLOCK * width;
        b->dscores = b->scores + QUERY_BLOCK * stride;
    }
    *out = s;
    return 0;
}

void fr_attention_scratch_free(fr_attention_scratch *s)
{
    if (s == NULL)
        return;
    free(s->memory);
    free(s->of);
    free(s);
}

typedef struct {
    const fr_gemm_row *row;
    const fr_train_ops *ops;
    fr_attention_scratch *scratch;
    const fr_attention *a;
    const float *q, *k, *v, *out, *lse, *dout; /* backward */
    float *to, *to_lse;                        /* forward */
    float *dq, *dk, *dv;
} job;

static float scale_of(const fr_attention *a)
{
    return a->scale != 0 ? a->scale : 1.0f / sqrtf((float)a->head_dim);
}

/* The first row that a row sees. */
static size_t first_seen(const fr_attention *a, size_t row)
{
    return a->window != 0 && row + 1 > a->window ? row + 1 - a->window : 0;
}

/* Scores of a row become probabilities, forward (lse is told) or again (lse is given). */
static void probabilities(const job *j, float *s, size_t row, size_t keys, float *lse, bool again)
{
    const fr_attention *a = j->a;
    const size_t from = first_seen(a, row), n = row + 1 - from;
    float scale = scale_of(a);
    memset(s, 0, from * sizeof(float));
    if (a->cap != 0) {
        j->ops->soft_cap(s + from, n, scale, a->cap);
        scale = 1;
    }
    if (again)
        j->ops->softmax_again(s + from, n, keys - from, scale, *lse);
    else
        *lse = j->ops->softmax(s + from, n, keys - from, scale);
}

/* ds from dp, in dp; with a cap its slope is had back from the probability: score = log p + lse. */
static void scores_back(const job *j, float *dp, const float *p, float d, size_t keys, float lse)
{
    const fr_attention *a = j->a;
    j->ops->softmax_back(dp, p, d, scale_of(a), keys);
    for (size_t i = 0; a->cap != 0 && i < keys; i++)
        if (p[i] > 0) {
            const float t = (logf(p[i]) + lse) / a->cap;
            dp[i] *= 1 - t * t;
        }
}

/* One key-value head of one document, forward. */
static void forward_one(const job *j, const buffers *b, size_t doc, size_t kv_head)
{
    const fr_attention *a = j->a;
    const size_t first = a->start[doc], length = a->start[doc + 1] - first, hd = a->head_dim;
    const size_t kv_stride = a->n_kv_heads * hd, q_stride = a->n_heads * hd;
    const size_t group = a->n_heads / a->n_kv_heads, stride = j->scratch->stride;
    const float *k = j->k + first * kv_stride + kv_head * hd;
    const float *v = j->v + first * kv_stride + kv_head * hd;
    fr_gemm_pack(j->row, b->keys_t, (fr_mat){ k, kv_stride, true }, hd, length);
    fr_gemm_pack(j->row, b->values, (fr_mat){ v, kv_stride, false }, length, hd);
    for (size_t h = kv_head * group; h < (kv_head + 1) * group; h++)
        for (size_t i = 0; i < length; i += QUERY_BLOCK) {
            const size_t m = FR_MIN((size_t)QUERY_BLOCK, length - i), keys = i + m;
            const size_t at = (first + i) * q_stride + h * hd;
            fr_gemm_panels(j->row, j->q + at, q_stride, 1, b->keys_t, hd, b->scores, stride, m,
                           keys, hd, NULL);
            for (size_t r = 0; r < m; r++)
                probabilities(j, b->scores + r * stride, i + r, keys,
                              &j->to_lse[(first + i + r) * a->n_heads + h], false);
            fr_gemm_panels(j->row, b->scores, stride, 1, b->values, length, j->to + at, q_stride, m,
                           hd, keys, NULL);
        }
}

/* The same, backward: with p = softmax(s), o = p·v and d = dout·o:
 * dv = pᵀ·dout, ds = p · (dout·vᵀ - d) · scale, dq = ds·k, dk = dsᵀ·q. */
static void backward_one(const job *j, const buffers *b, size_t doc, size_t kv_head)
{
    const fr_attention *a = j->a;
    const size_t first = a->start[doc], length = a->start[doc + 1] - first, hd = a->head_dim;
    const size_t kv_stride = a->n_kv_heads * hd, q_stride = a->n_heads * hd;
    const size_t group = a->n_heads / a->n_kv_heads, stride = j->scratch->stride;
    const size_t kv_at = first * kv_stride + kv_head * hd;
    fr_gemm_pack(j->row, b->keys_t, (fr_mat){ j->k + kv_at, kv_stride, true }, hd, length);
    fr_gemm_pack(j->row, b->values_t, (fr_mat){ j->v + kv_at, kv_stride, true }, hd, length);
    fr_gemm_pack(j->row, b->keys, (fr_mat){ j->k + kv_at, kv_stride, false }, length, hd);
    for (size_t r = 0; r < length; r++) {
        memset(j->dk + kv_at + r * kv_stride, 0, hd * sizeof(float));
        memset(j->dv + kv_at + r * kv_stride, 0, hd * sizeof(float));
    }
    for (size_t h = kv_head * group; h < (kv_head + 1) * group; h++)
        for (size_t i = 0; i < length; i += QUERY_BLOCK) {
            const size_t m = FR_MIN((size_t)QUERY_BLOCK, length - i), keys = i + m;
            const size_t at = (first + i) * q_stride + h * hd;
            fr_gemm_pack(j->row, b->block_a, (fr_mat){ j->q + at, q_stride, false }, m, hd);
            fr_gemm_pack(j->row, b->block_b, (fr_mat){ j->dout + at, q_stride, false }, m, hd);
            fr_gemm_panels(j->row, j->q + at, q_stride, 1, b->keys_t, hd, b->scores, stride, m,
                           keys, hd, NULL);
            for (size_t r = 0; r < m; r++) {
                float lse = j->lse[(first + i + r) * a->n_heads + h];
                probabilities(j, b->scores + r * stride, i + r, keys, &lse, true);
            }
            fr_gemm_panels(j->row, b->scores, 1, stride, b->block_b, m, j->dv + kv_at, kv_stride,
                           keys, hd, m, j->dv + kv_at);
            fr_gemm_panels(j->row, j->dout + at, q_stride, 1, b->values_t, hd, b->dscores, stride,
                           m, keys, hd, NULL);
            for (size_t r = 0; r < m; r++) {
                const float d =
                    j->ops->dot(j->dout + at + r * q_stride, j->out + at + r * q_stride, hd);
                scores_back(j, b->dscores + r * stride, b->scores + r * stride, d, keys,
                            j->lse[(first + i + r) * a->n_heads + h]);
            }
            fr_gemm_panels(j->row, b->dscores, stride, 1, b->keys, length, j->dq + at, q_stride, m,
                           hd, keys, NULL);
            fr_gemm_panels(j->row, b->dscores, 1, stride, b->block_a, m, j->dk + kv_at, kv_stride,
                           keys, hd, m, j->dk + kv_at);
        }
}

static void forward_items(void *args, size_t first, size_t end, int thread)
{
    const job *j = args;
    for (size_t i = first; i < end; i++)
        forward_one(j, &j->scratch->of[thread], i % j->a->n_docs, i / j->a->n_docs);
}

static void backward_items(void *args, size_t first, size_t end, int thread)
{
    const job *j = args;
    for (size_t i = first; i < end; i++)
        backward_one(j, &j->scratch->of[thread], i % j->a->n_docs, i / j->a->n_docs);
}

void fr_attention_forward(fr_pool *pool, fr_gemm *gemm, const fr_train_ops *ops,
                          fr_attention_scratch *scratch, const fr_attention *a, float *out,
                          float *lse, const float *q, const float *k, const float *v)
{
    job j = { .row = fr_gemm_row_of(gemm),
              .ops = ops,
              .scratch = scratch,
              .a = a,
              .q = q,
              .k = k,
              .v = v,
              .to = out,
              .to_lse = lse };
    fr_pool_run(pool, a->n_docs * a->n_kv_heads, forward_items, &j);
}

void fr_attention_backward(fr_pool *pool, fr_gemm *gemm, const fr_train_ops *ops,
                           fr_attention_scratch *scratch, const fr_attention *a, float *dq,
                           float *dk, float *dv, const float *dout, const float *out,
                           const float *lse, const float *q, const float *k, const float *v)
{
    job j = { .row = fr_gemm_row_of(gemm),
              .ops = ops,
              .scratch = scratch,
              .a = a,
              .q = q,
              .k = k,
              .v = v,
              .out = out,
              .lse = lse,
              .dout = dout,
              .dq = dq,
              .dk = dk,
              .dv = dv };
    fr_pool_run(pool, a->n_docs * a->n_kv_heads, backward_items, &j);
}
