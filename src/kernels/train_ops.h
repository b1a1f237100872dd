/**
 * kernels/train_ops.h: the operations of training besides the matrix product: forward and
 * backward, row by row, in FP32.
 *
 * One source, train_ops_body.h, is compiled for each instruction set and makes one row of a
 * table; the caller splits the rows of a batch among threads. Sums inside a row run over a fixed
 * number of lanes, so a result depends on the table row chosen, not on the caller's ranges.
 *
 *     const fr_train_ops *ops = fr_train_ops_best();
 *     ops->norm(y, inv, x, w, rows, dim, eps);
 *
 * Matrices are row-major; "+=" is said where a function adds, all else is overwritten.
 */
#ifndef FR_KERNELS_TRAIN_OPS_H
#define FR_KERNELS_TRAIN_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernels/activate.h"
#include "kernels/gemm.h"

/** AdamW (arXiv:1711.05101) for one step; the bias corrections are folded in by the caller. */
typedef struct {
    float lr, beta1, beta2, eps, weight_decay;
    float correct1, correct2; /* 1 / (1 - beta^step) */
    float grad_scale;         /* clipping */
} fr_adamw;

typedef struct {
    const char *name; /* "avx512", "avx2", "portable" */

    /** y = x · inv · w with inv[r] = 1 / sqrt(mean(x[r]²) + eps), kept for the backward pass. */
    void (*norm)(float *y, float *inv, const float *x, const float *w, size_t rows, size_t dim,
                 float eps);
    /** dx (= or +=) of norm; dx may be dy where it does not add. */
    void (*norm_back)(float *dx, const float *dy, const float *x, const float *inv, const float *w,
                      size_t rows, size_t dim, bool add);
    /** dw += over all rows, for columns first…end-1. */
    void (*norm_weight_back)(float *dw, const float *dy, const float *x, const float *inv,
                             size_t rows, size_t dim, size_t first, size_t end);

    /** y = (x - mean) · inv · w + b; kept [rows][2]: mean and inv. b may be NULL. Layer norm. */
    void (*layernorm)(float *y, float *kept, const float *x, const float *w, const float *b,
                      size_t rows, size_t dim, float eps);
    void (*layernorm_back)(float *dx, const float *dy, const float *x, const float *kept,
                           const float *w, size_t rows, size_t dim, bool add);
    /** dw += and, unless NULL, db += over all rows, for columns first…end-1. */
    void (*layernorm_weight_back)(float *dw, float *db, const float *dy, const float *x,
                                  const float *kept, size_t rows, size_t dim, size_t first,
                                  size_t end);

    /** out = activation(gate) · up; up NULL: 1, and then dup too. */
    void (*activate)(fr_activation kind, float *out, const float *gate, const float *up, size_t n);
    void (*activate_back)(fr_activation kind, float *dgate, float *dup, const float *dout,
                          const float *gate, const float *up, size_t n);
    /** out = silu(gate) · up. */
    void (*silu_mul)(float *out, const float *gate, const float *up, size_t n);
    void (*silu_mul_back)(float *dgate, float *dup, const float *dout, const float *gate,
                          const float *up, size_t n);

    /**
     * Rotates the first rope_dim numbers of each head of x [rows][heads][head_dim] in place.
     * table: [position][rope_dim / 2] pairs of cos, sin. sign -1 turns back (the backward pass).
     */
    void (*rope)(float *x, const uint32_t *position, const float *table, size_t rows, size_t heads,
                 size_t head_dim, size_t rope_dim, bool halves, float sign);

    /**
     * s[0…n) becomes softmax(s · scale), s[n…padded) zero; returns the log of the sum of exponents
     * (of s · scale).
     */
    float (*softmax)(float *s, size_t n, size_t padded, float scale);
    /** s[0…n) = exp(s · scale - lse), s[n…padded) zero. */
    void (*softmax_again)(float *s, size_t n, size_t padded, float scale, float lse);
    /** ds = p · (dp - d) · scale, into dp. */
    void (*softmax_back)(float *dp, const float *p, float d, float scale, size_t n);

    /** x = cap · tanh(x · scale / cap). */
    void (*soft_cap)(float *x, size_t n, float scale, float cap);
    /** Sum of a · b. */
    float (*dot)(const float *a, const float *b, size_t n);
    /**
     * Cross-entropy of one row of logits: returns lse - logits[target]; with grad_scale != 0 the
     * logits become (softmax - onehot(target)) · grad_scale.
     */
    double (*cross_entropy)(float *logits, size_t n, size_t target, float grad_scale);

    /** y += a · x. */
    void (*axpy)(float *y, const float *x, float a, size_t n);
    /** Sum of squares. */
    double (*sum_squares)(const float *x, size_t n);
    void (*adamw)(float *w, float *m, float *v, const float *g, size_t n, const fr_adamw *a);
} fr_train_ops;

/** Row i of the table, best first, NULL after the last; only rows that run on this processor. */
const fr_train_ops *fr_train_ops_at(size_t i);
const fr_train_ops *fr_train_ops_best(void);

/* ---- attention: tiles of the matrix product, one (document, key-value head) at a time -------- */

/** Documents lie one after another: document d is rows start[d] … start[d+1]-1. */
typedef struct {
    size_t n_docs;
    const uint32_t *start; /* [n_docs + 1] */
    size_t n_heads, n_kv_heads, head_dim;
    float scale;   /* of scores; 0: 1 / sqrt(head_dim) */
    float cap;     /* scores become cap · tanh(score · scale / cap); 0: they do not */
    size_t window; /* a row sees itself and window - 1 rows before; 0: all before */
} fr_attention;

typedef struct fr_attention_scratch fr_attention_scratch;
/** Memory of each thread for documents of up to max_length rows. */
int fr_attention_scratch_new(fr_pool *pool, size_t max_length, size_t head_dim,
                             fr_attention_scratch **out, fr_err *err);
void fr_attention_scratch_free(fr_attention_scratch *s);
FR_AUTOPTR_DEFINE(fr_attention_scratch);

/**
 * Causal attention within each document. out[row][head] = Σ softmax(cap(q·k · scale)) v.
 *
 * q, out  [rows][n_heads][head_dim]; k, v [rows][n_kv_heads][head_dim].
 * lse     [rows][n_heads]: log of the sum of exponents, kept for the backward pass.
 * Threads split (head, document) pairs: bits do not depend on their number.
 * Source  Dao et al. 2022, arXiv:2205.14135: scores are made again in the backward pass, tile by
 *         tile, and never stored.
 */
void fr_attention_forward(fr_pool *pool, fr_gemm *gemm, const fr_train_ops *ops,
                          fr_attention_scratch *scratch, const fr_attention *a, float *out,
                          float *lse, const float *q, const float *k, const float *v);
/** dq, dk, dv from dout; all overwritten. */
void fr_attention_backward(fr_pool *pool, fr_gemm *gemm, const fr_train_ops *ops,
                           fr_attention_scratch *scratch, const fr_attention *a, float *dq,
                           float *dk, float *dv, const float *dout, const float *out,
                           const float *lse, const float *q, const float *k, const float *v);

#endif
