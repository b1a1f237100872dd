/* activate.c: loops over chunks that fit the first cache: arguments, exponentials, results. */
#include "kernels/activate.h"

#include <math.h>
#include "base/compiler.h"

enum { CHUNK = 256 };

/* The exponent whose exponential an activation needs. */
static float exponent_of(fr_activation kind, float x)
{
    switch (kind) {
    case FR_ACT_SILU:
        return -x;
    case FR_ACT_GELU: /* e^(-z²) with z = |x| / √2 */
        return -0.5f * x * x;
    case FR_ACT_GELU_TANH: /* (1 + tanh u) / 2 = 1 / (1 + e^(-2u)), u = √(2/π) (x + 0.044715 x³) */
        return -1.5957691216f * x * (1 + 0.044715f * x * x);
    case FR_ACT_RELU:
    case FR_ACT_NONE:
        break;
    }
    return 0;
}

/* x Φ(x) with erfc(z) = (a1 t + … + a5 t⁵) e^(-z²), t = 1 / (1 + p z): Abramowitz and Stegun,
 * Handbook of Mathematical Functions, 7.1.26, error below 1.5e-7. */
static float gelu(float x, float e)
{
    float z = fabsf(x) * 0.70710678f, t = 1 / (1 + 0.3275911f * z);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    float tail = 0.5f * x * (p * t * e);
    return x > 0 ? x - tail : tail;
}

static float value_of(fr_activation kind, float x, float e)
{
    switch (kind) {
    case FR_ACT_SILU:
    case FR_ACT_GELU_TANH:
        return x / (1 + e);
    case FR_ACT_GELU:
        return gelu(x, e);
    case FR_ACT_RELU:
        return x > 0 ? x : 0;
    case FR_ACT_NONE:
        break;
    }
    return x;
}

void fr_activate(const fr_kernels *k, fr_activation kind, float *y, const float *gate,
                 const float *up, size_t n)
{
    float e[CHUNK];
    for (size_t at = 0; at < n; at += CHUNK) {
        size_t part = FR_MIN((size_t)CHUNK, n - at);
        for (size_t i = 0; i < part; i++)
            e[i] = exponent_of(kind, gate[at + i]);
        k->exp(e, e, part);
        for (size_t i = 0; i < part; i++) {
            float value = value_of(kind, gate[at + i], e[i]);
            y[at + i] = up != NULL ? value * up[at + i] : value;
        }
    }
}

static float sum_of(const float *x, size_t n, float minus, bool squares)
{
    float lane[FR_LANES] = { 0 };
    for (size_t i = 0; i < n; i++) {
        float value = x[i] - minus;
        lane[i % FR_LANES] += squares ? value * value : value;
    }
    for (size_t half = FR_LANES / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

void fr_layernorm(float *y, const float *x, const float *weight, const float *bias, size_t n,
                  float eps)
{
    float mean = sum_of(x, n, 0, false) / (float)n;
    float scale = 1 / sqrtf(sum_of(x, n, mean, true) / (float)n + eps);
    for (size_t i = 0; i < n; i++) {
        float value = (x[i] - mean) * scale * weight[i];
        y[i] = bias != NULL ? value + bias[i] : value;
    }
}

/* tanh x = 1 - 2 / (e^(2x) + 1) for positive x; near zero, where that would cancel, its series. */
static float tanh_of(float x, float e)
{
    float square = x * x, size = fabsf(x);
    if (size < 0.2f)
        return x * (1 + square * (-1.0f / 3 +
                                  square * (2.0f / 15 +
                                            square * (-17.0f / 315 + square * (62.0f / 2835)))));
    return copysignf(1 - 2 / (e + 1), x);
}

void fr_soft_cap(const fr_kernels *k, float *x, size_t n, float cap)
{
    float e[CHUNK];
    for (size_t at = 0; at < n; at += CHUNK) {
        size_t part = FR_MIN((size_t)CHUNK, n - at);
        for (size_t i = 0; i < part; i++)
            e[i] = 2 * fabsf(x[at + i] / cap);
        k->exp(e, e, part);
        for (size_t i = 0; i < part; i++)
            x[at + i] = cap * tanh_of(x[at + i] / cap, e[i]);
    }
}

void fr_cap_scores(const fr_kernels *k, float *x, size_t n, float scale, float cap)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
    fr_soft_cap(k, x, n, cap);
}
