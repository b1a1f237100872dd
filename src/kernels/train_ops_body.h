/**
 * train_ops_body.h: the text of train_ops_*.c, which differ in the number of lanes (LANES), the
 * table's name (TABLE) and the compiler's flags only. Not a door.
 *
 * Vectors are the compiler's own (GNU vector extension), so the same lines make AVX-512, AVX2,
 * SSE2 or NEON.
 */
#include <math.h>
#include <string.h>
#include "kernels/train_ops_priv.h"

typedef float vec FR_VECTOR(LANES * 4);
typedef int32_t ivec FR_VECTOR(LANES * 4);
typedef double dvec FR_VECTOR(LANES * 8);

static inline vec all(float x)
{
    return x - (vec){ 0 };
}

static inline vec load(const float *x)
{
    vec v;
    memcpy(&v, x, sizeof(v));
    return v;
}

/* n <= LANES numbers; lanes beyond are `rest`. */
static inline vec get_or(const float *x, size_t n, float rest)
{
    if (n == LANES)
        return load(x);
    vec v = all(rest);
    for (size_t i = 0; i < n; i++)
        v[i] = x[i];
    return v;
}

static inline vec get(const float *x, size_t n)
{
    return get_or(x, n, 0);
}

static inline void put(float *x, vec v, size_t n)
{
    if (n == LANES)
        memcpy(x, &v, sizeof(v));
    else
        for (size_t i = 0; i < n; i++)
            x[i] = v[i];
}

static inline float sum(vec v)
{
    float lanes[LANES];
    memcpy(lanes, &v, sizeof(lanes));
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
}

/* a where the mask is set, else b */
static inline vec choose(ivec mask, vec a, vec b)
{
    ivec x, y;
    memcpy(&x, &a, sizeof(x));
    memcpy(&y, &b, sizeof(y));
    x = (mask & x) | (~mask & y);
    memcpy(&a, &x, sizeof(x));
    return a;
}

static inline vec max2(vec a, vec b)
{
    return choose(a > b, a, b);
}

static inline float max_of(vec v)
{
    float best = v[0];
    for (size_t i = 1; i < LANES; i++)
        best = v[i] > best ? v[i] : best;
    return best;
}

/* e^x: 2^n · e^r, |r| <= ln2/2, Taylor to the 7th power; relative error under 3e-7. */
static inline vec exp_of(vec x)
{
    x = max2(x, all(-87.0f));
    x = choose(x < all(88.0f), x, all(88.0f));
    const vec magic = all(12582912.0f); /* 1.5 · 2^23: adding it rounds to an integer */
    const vec z = x * 1.44269504f + magic;
    const vec n = z - magic;
    ivec bits, magic_bits;
    memcpy(&bits, &z, sizeof(bits));
    memcpy(&magic_bits, &magic, sizeof(bits));
    const vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    vec p = all(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const ivec power = (bits - magic_bits + 127) << 23;
    vec scale;
    memcpy(&scale, &power, sizeof(scale));
    return p * scale;
}

static inline vec sigmoid(vec x)
{
    return 1.0f / (1.0f + exp_of(-x));
}

/* The body runs with i over whole vectors (n = LANES), then once for what is left. */
#define EACH(count, ...)                                                                           \
    do {                                                                                           \
        size_t i = 0;                                                                              \
        for (; i + LANES <= (count); i += LANES) {                                                 \
            const size_t left = LANES;                                                             \
            __VA_ARGS__                                                                            \
        }                                                                                          \
        if (i < (count)) {                                                                         \
            const size_t left = (count)-i;                                                         \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    } while (0)

static float dot(const float *a, const float *b, size_t n)
{
    vec acc = { 0 };
    EACH (n, acc += get(a + i, left) * get(b + i, left);)
        ;
    return sum(acc);
}

static void axpy(float *y, const float *x, float a, size_t n)
{
    EACH (n, put(y + i, get(y + i, left) + a * get(x + i, left), left);)
        ;
}

static void norm(float *y, float *inv, const float *x, const float *w, size_t rows, size_t dim,
                 float eps)
{
    for (size_t r = 0; r < rows; r++, x += dim, y += dim) {
        const float s = 1.0f / sqrtf(dot(x, x, dim) / (float)dim + eps);
        inv[r] = s;
        EACH (dim, put(y + i, get(x + i, left) * s * get(w + i, left), left);)
            ;
    }
}

/* With g = dy · w: dx = inv · (g - x · inv² · mean(g · x)). */
static void norm_back(float *dx, const float *dy, const float *x, const float *inv, const float *w,
                      size_t rows, size_t dim, bool add)
{
    for (size_t r = 0; r < rows; r++, x += dim, dy += dim, dx += dim) {
        const float s = inv[r];
        vec acc = { 0 };
        EACH (dim, acc += get(dy + i, left) * get(w + i, left) * get(x + i, left);)
            ;
        const float c = sum(acc) / (float)dim * s * s;
        EACH (dim, {
            const vec g = get(dy + i, left) * get(w + i, left);
            const vec before = add ? get(dx + i, left) : all(0);
            put(dx + i, before + s * (g - c * get(x + i, left)), left);
        })
            ;
    }
}

static void norm_weight_back(float *dw, const float *dy, const float *x, const float *inv,
                             size_t rows, size_t dim, size_t first, size_t end)
{
    const size_t n = end - first;
    dw += first;
    for (size_t r = 0; r < rows; r++) {
        const float *y = dy + r * dim + first, *z = x + r * dim + first;
        const float s = inv[r];
        EACH (n, put(dw + i, get(dw + i, left) + get(y + i, left) * get(z + i, left) * s, left);)
            ;
    }
}

static void layernorm(float *y, float *kept, const float *x, const float *w, const float *b,
                      size_t rows, size_t dim, float eps)
{
    for (size_t r = 0; r < rows; r++, x += dim, y += dim, kept += 2) {
        vec acc = { 0 }, squares = { 0 };
        EACH (dim, acc += get(x + i, left);)
            ;
        const float mean = sum(acc) / (float)dim;
        EACH (dim, {
            const vec d = get_or(x + i, left, mean) - mean;
            squares += d * d;
        })
            ;
        const float s = 1.0f / sqrtf(sum(squares) / (float)dim + eps);
        kept[0] = mean;
        kept[1] = s;
        EACH (dim, {
            const vec plus = b != NULL ? get(b + i, left) : all(0);
            put(y + i, (get(x + i, left) - mean) * s * get(w + i, left) + plus, left);
        })
            ;
    }
}

/* With g = dy · w and z = (x - mean) · inv: dx = inv · (g - mean(g) - z · mean(g · z)). */
static void layernorm_back(float *dx, const float *dy, const float *x, const float *kept,
                           const float *w, size_t rows, size_t dim, bool add)
{
    for (size_t r = 0; r < rows; r++, x += dim, dy += dim, dx += dim, kept += 2) {
        const float mean = kept[0], s = kept[1];
        vec plain = { 0 }, with = { 0 };
        EACH (dim, {
            const vec g = get(dy + i, left) * get(w + i, left);
            plain += g;
            with += g * (get(x + i, left) - mean) * s;
        })
            ;
        const float m = sum(plain) / (float)dim, c = sum(with) / (float)dim;
        EACH (dim, {
            const vec g = get(dy + i, left) * get(w + i, left);
            const vec z = (get(x + i, left) - mean) * s;
            const vec before = add ? get(dx + i, left) : all(0);
            put(dx + i, before + s * (g - m - z * c), left);
        })
            ;
    }
}

static void layernorm_weight_back(float *dw, float *db, const float *dy, const float *x,
                                  const float *kept, size_t rows, size_t dim, size_t first,
                                  size_t end)
{
    const size_t n = end - first;
    for (size_t r = 0; r < rows; r++) {
        const float *y = dy + r * dim + first, *z = x + r * dim + first;
        const float mean = kept[2 * r], s = kept[2 * r + 1];
        EACH (n, {
            const vec d = get(y + i, left);
            put(dw + first + i, get(dw + first + i, left) + d * (get(z + i, left) - mean) * s,
                left);
            if (db != NULL)
                put(db + first + i, get(db + first + i, left) + d, left);
        })
            ;
    }
}

static inline vec tanh_of(vec u)
{
    return 1.0f - 2.0f / (1.0f + exp_of(2.0f * u));
}

/* Φ(x) by Abramowitz and Stegun 7.1.26, error below 1e-7; e: e^(-x²/2). */
static inline vec normal_below(vec x, vec e)
{
    const vec size = max2(x, -x);
    const vec t = 1.0f / (1.0f + 0.3275911f * 0.70710678f * size);
    vec p = all(1.061405429f);
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    const vec tail = 0.5f * p * t * e;
    return choose(x > 0.0f, 1.0f - tail, tail);
}

/* An activation and its slope. */
static inline vec activation(fr_activation kind, vec x, vec *slope)
{
    switch (kind) {
    case FR_ACT_SILU: {
        const vec s = sigmoid(x);
        *slope = s * (1.0f + x * (1.0f - s));
        return x * s;
    }
    case FR_ACT_GELU: {
        const vec e = exp_of(-0.5f * x * x);
        const vec below = normal_below(x, e);
        *slope = below + x * e * 0.39894228f;
        return x * below;
    }
    case FR_ACT_GELU_TANH: {
        const vec t = tanh_of(0.79788456f * (x + 0.044715f * x * x * x));
        *slope = 0.5f * (1.0f + t) +
                 0.5f * x * (1.0f - t * t) * 0.79788456f * (1.0f + 3.0f * 0.044715f * x * x);
        return 0.5f * x * (1.0f + t);
    }
    case FR_ACT_RELU:
        *slope = choose(x > 0.0f, all(1.0f), all(0));
        return max2(x, all(0));
    case FR_ACT_NONE:
        break;
    }
    *slope = all(1.0f);
    return x;
}

static void activate(fr_activation kind, float *out, const float *gate, const float *up, size_t n)
{
    vec slope;
    EACH (n, {
        const vec a = activation(kind, get(gate + i, left), &slope);
        put(out + i, up != NULL ? a * get(up + i, left) : a, left);
    })
        ;
}

static void activate_back(fr_activation kind, float *dgate, float *dup, const float *dout,
                          const float *gate, const float *up, size_t n)
{
    vec slope;
    EACH (n, {
        const vec a = activation(kind, get(gate + i, left), &slope);
        const vec d = get(dout + i, left);
        if (up != NULL) {
            slope *= get(up + i, left);
            put(dup + i, d * a, left);
        }
        put(dgate + i, d * slope, left);
    })
        ;
}

static void soft_cap(float *x, size_t n, float scale, float cap)
{
    EACH (n, put(x + i, cap * tanh_of(get(x + i, left) * (scale / cap)), left);)
        ;
}

static void silu_mul(float *out, const float *gate, const float *up, size_t n)
{
    EACH (n, {
        const vec g = get(gate + i, left);
        put(out + i, g * sigmoid(g) * get(up + i, left), left);
    })
        ;
}

static void silu_mul_back(float *dgate, float *dup, const float *dout, const float *gate,
                          const float *up, size_t n)
{
    EACH (n, {
        const vec g = get(gate + i, left);
        const vec d = get(dout + i, left);
        const vec s = sigmoid(g);
        const vec u = get(up + i, left);
        put(dup + i, d * g * s, left);
        put(dgate + i, d * u * s * (1.0f + g * (1.0f - s)), left);
    })
        ;
}

static void rope(float *x, const uint32_t *position, const float *table, size_t rows, size_t heads,
                 size_t head_dim, size_t rope_dim, bool halves, float sign)
{
    const size_t half = rope_dim / 2, next = halves ? half : 1, step = halves ? 1 : 2;
    for (size_t r = 0; r < rows; r++) {
        const float *turn = table + (size_t)position[r] * rope_dim;
        for (size_t h = 0; h < heads; h++, x += head_dim)
            for (size_t i = 0; i < half; i++) {
                const float c = turn[2 * i], s = turn[2 * i + 1] * sign;
                float *at = x + i * step;
                const float a = at[0], b = at[next];
                at[0] = a * c - b * s;
                at[next] = a * s + b * c;
            }
    }
}

/* x[0…n) becomes exp(x · scale - top); returns the sum. */
static float exp_row(float *x, size_t n, float scale, float top)
{
    vec acc = { 0 };
    EACH (n, {
        const vec e = exp_of(get(x + i, left) * scale - top);
        put(x + i, e, left);
        acc += get(x + i, left);
    })
        ;
    return sum(acc);
}

static float max_row(const float *x, size_t n)
{
    vec most = all(-INFINITY);
    EACH (n, most = max2(most, get_or(x + i, left, -INFINITY));)
        ;
    return max_of(most);
}

static void scale_row(float *x, size_t n, float by)
{
    EACH (n, put(x + i, get(x + i, left) * by, left);)
        ;
}

static float softmax(float *s, size_t n, size_t padded, float scale)
{
    const float top = max_row(s, n) * scale;
    const float total = exp_row(s, n, scale, top);
    scale_row(s, n, 1.0f / total);
    memset(s + n, 0, (padded - n) * sizeof(float));
    return top + logf(total);
}

static void softmax_again(float *s, size_t n, size_t padded, float scale, float lse)
{
    exp_row(s, n, scale, lse);
    memset(s + n, 0, (padded - n) * sizeof(float));
}

static void softmax_back(float *dp, const float *p, float d, float scale, size_t n)
{
    EACH (n, put(dp + i, get(p + i, left) * (get(dp + i, left) - d) * scale, left);)
        ;
}

static double cross_entropy(float *logits, size_t n, size_t target, float grad_scale)
{
    const float top = max_row(logits, n);
    const float wanted = logits[target] - top;
    const float total = exp_row(logits, n, 1.0f, top);
    if (grad_scale != 0) {
        scale_row(logits, n, grad_scale / total);
        logits[target] -= grad_scale;
    }
    return log((double)total) - (double)wanted;
}

static double sum_squares(const float *x, size_t n)
{
    dvec acc = { 0 };
    EACH (n, {
        const dvec v = __builtin_convertvector(get(x + i, left), dvec);
        acc += v * v;
    })
        ;
    double total = 0;
    for (size_t i = 0; i < LANES; i++)
        total += acc[i];
    return total;
}

static inline vec root(vec x)
{
    float lanes[LANES];
    memcpy(lanes, &x, sizeof(lanes));
    for (size_t i = 0; i < LANES; i++)
        lanes[i] = sqrtf(lanes[i]);
    memcpy(&x, lanes, sizeof(lanes));
    return x;
}

static void adamw(float *w, float *m, float *v, const float *g, size_t n, const fr_adamw *a)
{
    const float keep = 1.0f - a->lr * a->weight_decay;
    EACH (n, {
        const vec d = get(g + i, left) * a->grad_scale;
        const vec m1 = get(m + i, left) * a->beta1 + d * (1.0f - a->beta1);
        const vec v1 = get(v + i, left) * a->beta2 + d * d * (1.0f - a->beta2);
        const vec step = m1 * a->correct1 / (root(v1 * a->correct2) + a->eps);
        put(m + i, m1, left);
        put(v + i, v1, left);
        put(w + i, get(w + i, left) * keep - a->lr * step, left);
    })
        ;
}

const fr_train_ops TABLE = {
    .name = TABLE_NAME,
    .norm = norm,
    .norm_back = norm_back,
    .norm_weight_back = norm_weight_back,
    .layernorm = layernorm,
    .layernorm_back = layernorm_back,
    .layernorm_weight_back = layernorm_weight_back,
    .activate = activate,
    .activate_back = activate_back,
    .soft_cap = soft_cap,
    .silu_mul = silu_mul,
    .silu_mul_back = silu_mul_back,
    .rope = rope,
    .softmax = softmax,
    .softmax_again = softmax_again,
    .softmax_back = softmax_back,
    .dot = dot,
    .cross_entropy = cross_entropy,
    .axpy = axpy,
    .sum_squares = sum_squares,
    .adamw = adamw,
};
