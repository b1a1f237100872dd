/**
 * kernels/kernels.h: the arithmetic of inference, as a table of rows: one row a processor kind.
 *
 *     const fr_kernels *k = fr_kernels_best();
 *     fr_packed *w = NULL;
 *     FR_TRY(fr_packed_new(FR_FORMAT_Q8_0, mapped, n_out, n_in, &w, err));
 *     k->linear(y, n_out, x, n_in, rows, w, 0, n_out);
 *
 * **One arithmetic, whatever the processor.** Row 0, scalar.c, is the specification, and every
 * other row gives its bits: sums run over FR_LANES lanes (lane j takes the inner indices i with
 * i mod FR_LANES = j, in rising order, each step one fused multiply-add; an inner tail is padded
 * with zeros), then lanes are added as a tree (j and j+8, j and j+4, j and j+2, j and j+1). The
 * named bound between rows, FR_KERNELS_BOUND, is therefore zero, and text does not depend on
 * batch, thread or processor. A weight of any format counts as the f32 value that its format's
 * to_f32 gives; a product with packed weights has the bits of the product with expanded ones.
 *
 * Work ranges come from the caller (output first…end, a row, a head); nothing here starts a
 * thread, allocates or waits. The inner dimension is never split.
 *
 * Handles. Weights are opaque (fr_packed) because a row may keep them elsewhere than in the
 * host's memory. Values are still host pointers, since all rows are host processors. A row for a
 * device takes its place here: its functions get a queue handle first and buffer handles (with an
 * offset) instead of pointers, fr_packed_new() becomes a member that uploads, and the executor
 * in model/forward.c, the only caller that holds values, allocates them through the row. Nothing
 * above forward.c sees a pointer to a value other than the logits.
 *
 * Threads: any number, on distinct outputs. Weights are immutable.
 */
#ifndef FR_KERNELS_KERNELS_H
#define FR_KERNELS_KERNELS_H

#include "base/err.h"
#include "kernels/format.h"

enum { FR_LANES = 16 };
#define FR_KERNELS_BOUND 0.0f  /* largest difference of any row from row 0, NaN payloads aside */
#define FR_EXP_BOUND     2e-7f /* largest relative error of the exponential, against libm */

/** A matrix [n_out][n_in], n_in contiguous, in its own format; borrows the bytes it was made of. */
typedef struct fr_packed fr_packed;

/**
 * data    borrowed for the life of the weights (a mapped file, usually): n_out rows of whole
 *         blocks. Every format is used where it lies: nothing is copied, so nothing is loaded
 *         before it is needed, and processes share it. (The panel layout that was tried needs a
 *         private copy: docs/decisions/0002.)
 * Errors  FR_E_UNSUPPORTED format; FR_E_FORMAT n_in is not whole blocks.
 */
int fr_packed_new(fr_format format, const void *data, size_t n_out, size_t n_in, fr_packed **out,
                  fr_err *err);
void fr_packed_free(fr_packed *w);
FR_AUTOPTR_DEFINE(fr_packed);
size_t fr_packed_n_out(const fr_packed *w);
size_t fr_packed_n_in(const fr_packed *w);
size_t fr_packed_bytes(const fr_packed *w);
/** Row i as f32: to [n_in]. (The embedding of a token.) */
void fr_packed_row(const fr_packed *w, size_t i, float *to);

typedef struct fr_kernels {
    const char *name; /* "scalar", "avx2", "avx512" */
    bool (*usable)(void);

    /**
     * y[r][o] = x[r] · w[o], for all rows r and outputs first ≤ o < end.
     *
     * x  [rows][x_stride] f32, n_in of each used.    y  [rows][y_stride] f32; not x.
     * w  any format.
     */
    void (*linear)(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                   const fr_packed *w, size_t first, size_t end);
    /** y[i] = x[i] / sqrt(mean(x²) + eps) * weight[i], over n; y may be x. arXiv:1910.07467. */
    void (*rmsnorm)(float *y, const float *x, const float *weight, size_t n, float eps);
    /** x[i] = exp(x[i]·scale − max(x·scale)) / sum; n ≥ 1. */
    void (*softmax)(float *x, size_t n, float scale);
    /** y[i] = gate[i] / (1 + exp(−gate[i])) * up[i]; y may be either. arXiv:2002.05202. */
    void (*silu_mul)(float *y, const float *gate, const float *up, size_t n);
    /** y[i] += scale · x[i], rounded once. */
    void (*add)(float *y, const float *x, float scale, size_t n);
    /**
     * Attention of one position and one key-value head, arXiv:1706.03762.
     *
     * out, q  [group][head_dim] f32: the query heads that share this key-value head.
     * k, v    [n][head_dim] in `format` (F32, F16, or Q8_0: heads of whole blocks): positions
     *         0…n-1, all of them attended.
     * cap     0: none; else scores are cap · tanh(score · scale / cap).
     * bias    [n] added to score · scale, with cap 0 and of one query head; NULL: none.
     * scores  [group][n] f32, scratch.
     */
    void (*attend)(float *out, const float *q, const void *k, const void *v, fr_format format,
                   size_t group, size_t n, size_t head_dim, float scale, float cap,
                   const float *bias, float *scores);
    /** F32 (copy), F16 (round to nearest even) or Q8_0 (whole blocks) from f32. */
    void (*narrow)(void *to, fr_format format, const float *from, size_t n);
    /**
     * What the processor can do at best, for limits.h: n rounds of fused multiply-adds on registers
     * alone; the number of operations. keep gets a number that depends on all of them.
     */
    double (*burn)(size_t n, float *keep);
    /** Sum of n numbers, read as fast as they come; n is a multiple of 64. */
    float (*read)(const float *at, size_t n);
    /** The exponential that softmax and silu_mul use: FR_EXP_BOUND; 0 below −87.33. */
    void (*exp)(float *y, const float *x, size_t n);
} fr_kernels;

/** The fastest row for this processor, chosen once; FRUGAL_KERNELS=scalar|avx2|avx512 overrules
 * it (a name that is unknown or not usable here does not). Static. */
const fr_kernels *fr_kernels_best(void);
/** Row i, usable here or not; row 0 is the specification; NULL after the last. Static. */
const fr_kernels *fr_kernels_at(size_t i);

/**
 * Rotary positions (Su et al. 2021, arXiv:2104.09864), in place, one arithmetic for all rows.
 *
 * x         [n_heads][head_dim] f32; of each head the first rope_dim numbers turn.
 * cos_sin   [rope_dim/2][2] of this position, from fr_rope_angles().
 * halves    false: pairs (0,1), (2,3)… as `llama` files have them; true: (0, d/2), (1, d/2+1)…
 */
void fr_rope_turn(float *x, const float *cos_sin, size_t n_heads, size_t head_dim, size_t rope_dim,
                  bool halves);
/** frequencies[i] = theta^(-2i/rope_dim) / factors[i], for i < rope_dim/2; factors may be NULL. */
void fr_rope_frequencies(double *frequencies, size_t rope_dim, double theta, const float *factors);
/** cos and sin of position · frequencies[i], in double until the last rounding. */
void fr_rope_angles(float *cos_sin, size_t position, const double *frequencies, size_t rope_dim);

#endif
