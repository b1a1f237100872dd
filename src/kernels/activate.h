/**
 * kernels/activate.h: what stands between products and is cheap beside them: activations, layer
 * norm, soft caps. One arithmetic for all rows of kernels.h: plain C around the row's exponential,
 * which has the same bits in every row.
 *
 *     fr_activate(k, FR_ACT_GELU_TANH, act, gate, up, n);
 *
 * Threads: any number, on distinct outputs.
 */
#ifndef FR_KERNELS_ACTIVATE_H
#define FR_KERNELS_ACTIVATE_H

#include "kernels/kernels.h"

typedef enum fr_activation {
    FR_ACT_NONE,
    FR_ACT_SILU,      /* x / (1 + e^-x) */
    FR_ACT_GELU,      /* x · Φ(x); within 1e-6 of it for |x| ≤ 10. arXiv:1606.08415 */
    FR_ACT_GELU_TANH, /* its approximation by tanh, in the same paper */
    FR_ACT_RELU
} fr_activation;

/** y[i] = activation(gate[i]) * up[i]; up NULL: 1. y may be either. */
void fr_activate(const fr_kernels *k, fr_activation kind, float *y, const float *gate,
                 const float *up, size_t n);
/** y[i] = (x[i] − mean) / sqrt(variance + eps) * weight[i] + bias[i]; bias may be NULL; y may be
 * x. arXiv:1607.06450. */
void fr_layernorm(float *y, const float *x, const float *weight, const float *bias, size_t n,
                  float eps);
/** x[i] = cap · tanh(x[i] / cap). */
void fr_soft_cap(const fr_kernels *k, float *x, size_t n, float cap);
/** x[i] = cap · tanh(x[i] · scale / cap): attention's scores. */
void fr_cap_scores(const fr_kernels *k, float *x, size_t n, float scale, float cap);

#endif
