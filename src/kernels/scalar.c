/* scalar.c: the specification of every kernel: short, obvious, and the bits that all rows give. */
#include <math.h>
#include <string.h>
#include "base/compiler.h"
#include "kernels/activate.h"
#include "kernels/kernels_priv.h"

/* Lanes as a tree: j with j+8, then j+4, j+2, j+1. */
static float sum_lanes(float lane[FR_LANES])
{
    for (size_t half = FR_LANES / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

/* a·b over n, which need not be whole lanes: the tail is padded with zeros. */
static void dot_lanes(float lane[FR_LANES], const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        lane[i % FR_LANES] = fmaf(a[i], b[i], lane[i % FR_LANES]);
    for (size_t i = n; i % FR_LANES != 0; i++)
        lane[i % FR_LANES] = fmaf(0, 0, lane[i % FR_LANES]);
}

static void linear(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                   const fr_packed *w, size_t first, size_t end)
{
    enum { CHUNK = 512 }; /* whole blocks and whole lanes */
    const fr_format_row *format = fr_format_find(w->format);
    for (size_t o = first; o < end; o++)
        for (size_t r = 0; r < rows; r++) {
            float lane[FR_LANES] = { 0 }, expanded[CHUNK];
            const uint8_t *from = w->data + o * w->row_bytes;
            for (size_t i = 0; i < w->n_in; i += CHUNK) {
                size_t n = FR_MIN(CHUNK, w->n_in - i);
                format->to_f32(from + i / format->block_values * format->block_bytes, expanded, n);
                dot_lanes(lane, x + r * x_stride + i, expanded, n);
            }
            y[r * y_stride + o] = sum_lanes(lane);
        }
}

static void rmsnorm(float *y, const float *x, const float *weight, size_t n, float eps)
{
    float lane[FR_LANES] = { 0 };
    dot_lanes(lane, x, x, n);
    float scale = 1 / sqrtf(sum_lanes(lane) / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * scale * weight[i];
}

static float exp_of(float x)
{
    float clamped = FR_EXP_HIGHEST < x ? FR_EXP_HIGHEST : x;
    clamped = FR_EXP_LOWEST > clamped ? FR_EXP_LOWEST : clamped;
    float rounded = fmaf(clamped, FR_EXP_LOG2E, FR_EXP_ROUND), n = rounded - FR_EXP_ROUND;
    float r = fmaf(n, -FR_EXP_LN2_HI, clamped);
    r = fmaf(n, -FR_EXP_LN2_LO, r);
    float p = FR_EXP_SERIES[0];
    for (size_t i = 1; i < FR_COUNT_OF(FR_EXP_SERIES); i++)
        p = fmaf(p, r, FR_EXP_SERIES[i]);
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof(bits));
    bits = (bits << 23) + 0x3f800000; /* 2^n: the low bits of `rounded` are n */
    float power;
    memcpy(&power, &bits, sizeof(power));
    return x < FR_EXP_LOWEST ? 0 : p * power;
}

static void exp_all(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = exp_of(x[i]);
}

static void softmax(float *x, size_t n, float scale)
{
    float largest = -INFINITY, lane[FR_LANES] = { 0 };
    for (size_t i = 0; i < n; i++) {
        x[i] *= scale;
        largest = x[i] > largest ? x[i] : largest;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = exp_of(x[i] - largest);
        lane[i % FR_LANES] += x[i];
    }
    float inverse = 1 / sum_lanes(lane);
    for (size_t i = 0; i < n; i++)
        x[i] *= inverse;
}

static void silu_mul(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = gate[i] / (1 + exp_of(-gate[i])) * up[i];
}

static void add(float *y, const float *x, float scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fmaf(x[i], scale, y[i]);
}

/* Scores as a product with the keys as weights; then, for each number of the head, four chains of
 * fused multiply-adds (position t goes to chain t mod 4, in rising order), added as a tree. */
static void attend(float *out, const float *q, const void *k, const void *v, fr_format format,
                   size_t group, size_t n, size_t head_dim, float scale, float cap,
                   const float *bias, float *scores)
{
    const fr_format_row *row = fr_format_find(format);
    const size_t row_bytes = head_dim / row->block_values * row->block_bytes;
    fr_packed keys = { format, k, n, head_dim, row_bytes };
    linear(scores, n, q, head_dim, group, &keys, 0, n);
    if (cap > 0) {
        fr_cap_scores(&fr_kernels_scalar, scores, group * n, scale, cap);
        scale = 1;
    }
    if (bias != NULL) {
        for (size_t t = 0; t < n; t++)
            scores[t] = fmaf(scores[t], scale, bias[t]);
        scale = 1;
    }
    for (size_t g = 0; g < group; g++) {
        softmax(scores + g * n, n, scale);
        for (size_t d = 0; d < head_dim; d++) {
            float chain[4] = { 0 }, block[32];
            for (size_t t = 0; t < n; t++) {
                row->to_f32((const uint8_t *)v + t * row_bytes +
                                d / row->block_values * row->block_bytes,
                            block, row->block_values);
                chain[t % 4] = fmaf(scores[g * n + t], block[d % row->block_values], chain[t % 4]);
            }
            out[g * head_dim + d] = (chain[0] + chain[2]) + (chain[1] + chain[3]);
        }
    }
}

static void narrow(void *to, fr_format format, const float *from, size_t n)
{
    fr_format_find(format)->from_f32(from, to, n);
}

static double burn(size_t n, float *keep)
{
    float chain[4] = { 0, 1, 2, 3 };
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 4; c++)
            chain[c] = fmaf(chain[c], *keep, 1);
    *keep = chain[0] + chain[1] + chain[2] + chain[3];
    return 8.0 * (double)n;
}

static float read_all(const float *at, size_t n)
{
    float lane[FR_LANES] = { 0 };
    for (size_t i = 0; i < n; i++)
        lane[i % FR_LANES] += at[i];
    return sum_lanes(lane);
}

static bool usable(void)
{
    return true;
}

const fr_kernels fr_kernels_scalar = { "scalar", usable, linear, rmsnorm, softmax,  silu_mul,
                                       add,      attend, narrow, burn,    read_all, exp_all };
