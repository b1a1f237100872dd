/*
 * label_math_body.h: the arithmetic over labels, included once for each instruction set. All of it
 * is elementwise over labels, and sums over labels go through the eight lanes in one fixed order,
 * so that every instruction set gives the same bits.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/compiler.h"
#include "classic/classic_priv.h"

typedef float lanes FR_VECTOR(LABEL_LANES * sizeof(float));
typedef int32_t lanes_i FR_VECTOR(LABEL_LANES * sizeof(int32_t));

static inline lanes load(const float *at)
{
    lanes v;
    memcpy(&v, at, sizeof(v));
    return v;
}

static inline void keep(float *at, lanes v)
{
    memcpy(at, &v, sizeof(v));
}

static inline lanes all(float x)
{
    return (lanes){ x, x, x, x, x, x, x, x };
}

static inline lanes pick(lanes_i mask, lanes yes, lanes no)
{
    return (lanes)((mask & (lanes_i)yes) | (~mask & (lanes_i)no));
}

static inline float sum_of(lanes v)
{
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

static void scores(float *z, const float *bias, const float *weights, size_t stride,
                   const feature_row *row)
{
    /* Blocks of labels outside, so that the sums stay in registers. */
    size_t k = 0;
    for (; k + 4 * LABEL_LANES <= stride; k += 4 * LABEL_LANES) {
        lanes a = load(bias + k), b = load(bias + k + 8), c = load(bias + k + 16),
              d = load(bias + k + 24);
        for (size_t i = 0; i < row->n; i++) {
            const float *w = weights + row->at[i].feature * stride + k;
            lanes v = all(row->at[i].value);
            a += v * load(w);
            b += v * load(w + 8);
            c += v * load(w + 16);
            d += v * load(w + 24);
        }
        keep(z + k, a);
        keep(z + k + 8, b);
        keep(z + k + 16, c);
        keep(z + k + 24, d);
    }
    for (; k < stride; k += LABEL_LANES) {
        lanes a = load(bias + k);
        for (size_t i = 0; i < row->n; i++)
            a += all(row->at[i].value) * load(weights + row->at[i].feature * stride + k);
        keep(z + k, a);
    }
}

static void add(float *weights, size_t stride, const feature_row *row, const float *d)
{
    for (size_t i = 0; i < row->n; i++) {
        float *w = weights + row->at[i].feature * stride;
        lanes v = all(row->at[i].value);
        for (size_t k = 0; k < stride; k += LABEL_LANES)
            keep(w + k, load(w + k) + v * load(d + k));
    }
}

/* e^x to about 2e-7 of itself for -87 <= x <= 88; 0 below. 2^n times a polynomial of the rest. */
static inline lanes exp_of(lanes x)
{
    lanes_i tiny = x < all(-87.0f);
    lanes held = pick(x > all(88.0f), all(88.0f), pick(tiny, all(-87.0f), x));
    lanes scaled = held * all(1.44269504f);
    lanes_i n =
        __builtin_convertvector(scaled + pick(scaled < all(0.0f), all(-0.5f), all(0.5f)), lanes_i);
    lanes nf = __builtin_convertvector(n, lanes);
    lanes r = held - nf * all(0.693359375f) + nf * all(2.12194440e-4f);
    lanes y = all(1.9875691500e-4f);
    y = y * r + all(1.3981999507e-3f);
    y = y * r + all(8.3334519073e-3f);
    y = y * r + all(4.1665795894e-2f);
    y = y * r + all(1.6666665459e-1f);
    y = y * r + all(5.0000001201e-1f);
    y = y * r * r + r + all(1.0f);
    lanes power = (lanes)((n + 127) << 23);
    return pick(tiny, all(0.0f), y * power);
}

/* ln x to about 1e-6 for x >= FLT_MIN: the exponent, and a series in (m - 1) / (m + 1). */
static inline lanes log_of(lanes x)
{
    lanes_i bits = (lanes_i)x;
    lanes_i n = (bits >> 23) - 127;
    lanes m = (lanes)((bits & 0x007fffff) | 0x3f800000);
    lanes_i high = m > all(1.41421356f);
    m = pick(high, m * all(0.5f), m);
    n = n - high; /* a true lane is -1 */
    lanes s = (m - all(1.0f)) / (m + all(1.0f)), s2 = s * s;
    lanes y = all(2.0f / 9.0f);
    y = y * s2 + all(2.0f / 7.0f);
    y = y * s2 + all(2.0f / 5.0f);
    y = y * s2 + all(2.0f / 3.0f);
    y = y * s2 + all(2.0f);
    return y * s + __builtin_convertvector(n, lanes) * all(0.69314718f);
}

static float max_of(const float *x, size_t n)
{
    float most = x[0];
    for (size_t i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

/* A first guess at y + ln y = t (Wright's omega function), good to about 15%. */
static inline lanes omega_guess(lanes t)
{
    lanes e = exp_of(pick(t > all(0.0f), all(0.0f), t));
    lanes below = e / (e + all(1.0f));
    lanes middle = (t * all(0.035f) + all(0.45f)) * t + all(0.567f);
    lanes far = pick(t > all(1.0f), t, all(1.0f));
    far = far - log_of(far) + log_of(far) / far;
    return pick(t > all(5.0f), far, pick(t > all(0.0f), middle, below));
}

#define NEWTON_STEPS 4
/*
 * Finds p with ln p[k] + c p[k] = z[k] + c p_old[k] - nu and sum p = 1. With y = c p that is
 * y + ln y = t - nu, t = z + c p_old + ln c: Newton's method in all y and nu at once. nu begins at
 * ln sum e^z, where it ends when p_old is already right.
 */
static void best(float *p, const float *z, float c, size_t n, size_t stride, float *work)
{
    float *t = work, *y = work + stride, most = max_of(z, n);
    lanes total = all(0.0f);
    for (size_t k = 0; k < stride; k += LABEL_LANES) {
        lanes e = load(z + k) - all(most);
        for (size_t j = 0; k + LABEL_LANES > n && j < LABEL_LANES; j++)
            e[j] = k + j < n ? e[j] : -1000.0f; /* padding has no share */
        keep(t + k, e);
        total += exp_of(e);
    }
    lanes shift = log_of(all(c)) - log_of(all(sum_of(total)));
    for (size_t k = 0; k < stride; k += LABEL_LANES) {
        lanes here = load(t + k) + all(c) * load(p + k) + shift;
        keep(t + k, here);
        lanes guess = omega_guess(here);
        keep(y + k, pick(guess < all(1e-30f), all(1e-30f), guess));
    }
    float nu = 0.0f;
    for (int step = 0; step < NEWTON_STEPS; step++) {
        lanes slope_sum = all(0.0f), miss_sum = all(0.0f), y_sum = all(0.0f);
        for (size_t k = 0; k < stride; k += LABEL_LANES) {
            lanes at = load(y + k), slope = at / (at + all(1.0f));
            lanes miss = load(t + k) - all(nu) - log_of(at) - at;
            miss = pick(at > all(1e-29f), miss, all(0.0f));
            slope_sum += slope;
            miss_sum += slope * miss;
            y_sum += at;
        }
        float nu_step = (sum_of(miss_sum) - (c - sum_of(y_sum))) / sum_of(slope_sum);
        for (size_t k = 0; k < stride; k += LABEL_LANES) {
            lanes at = load(y + k), slope = at / (at + all(1.0f));
            lanes miss = load(t + k) - all(nu) - log_of(at) - at;
            lanes next = at + slope * (miss - all(nu_step));
            /* never past a tenth: the equation lives where y > 0 */
            next = pick(next > at * all(0.1f), next, at * all(0.1f));
            keep(y + k, pick(next > all(1e-30f), next, all(1e-30f)));
        }
        nu += nu_step;
    }
    lanes y_sum = all(0.0f);
    for (size_t k = 0; k < stride; k += LABEL_LANES) {
        lanes at = load(y + k);
        at = pick(at > all(2e-30f), at, all(0.0f));
        keep(y + k, at);
        y_sum += at;
    }
    float scale = 1.0f / sum_of(y_sum);
    for (size_t k = 0; k < stride; k += LABEL_LANES)
        keep(p + k, load(y + k) * all(scale));
}
