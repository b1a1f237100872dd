/* packed_fit.c: scales and codes of a block, found so that the weighted squared error is small.
 *
 * Each group is fitted alone first: many scales are tried, the codes that each gives are kept fixed
 * while the best scale for them is solved for, and the least error wins. Then the block's own d
 * (and `least`) are tried around what lets the largest group be written, every group takes the best
 * of the neighbouring integers, d is solved for with all codes fixed, and so on while it helps.
 * Errors are those of the value that a reader gets, d rounded to f16 included. */
#include <math.h>
#include <string.h>
#include "base/compiler.h"
#include "kernels/packed_write.h"

enum { LANES = 8, TRIES = 9, ROUNDS = 3, GROUP_MOST = 32 };
typedef float lanes FR_VECTOR(32);
typedef int32_t mask FR_VECTOR(32);

/* Values are kept where the squares of a group's sum and any d stay finite. */
#define VALUE_MOST 3e5f
#define F16_MOST   65504.0f

typedef struct {
    const fr_packing *p;
    float x[FR_BLOCK_VALUES_MOST] FR_ALIGNED(64), w[FR_BLOCK_VALUES_MOST] FR_ALIGNED(64);
    float q[FR_BLOCK_VALUES_MOST] FR_ALIGNED(64);                   /* codes, levels looked up */
    float scale[FR_BLOCK_GROUPS_MOST], least[FR_BLOCK_GROUPS_MOST]; /* of each group alone */
    size_t each;                                                    /* values of a group */
} work;

/* A choice for a whole block. */
typedef struct {
    float d, least;
    int scale[FR_BLOCK_GROUPS_MOST], offset[FR_BLOCK_GROUPS_MOST];
    float error;
} choice;

static lanes all(float f)
{
    return (lanes){ f, f, f, f, f, f, f, f };
}

static lanes select(mask m, lanes yes, lanes no)
{
    return (lanes)((m & (mask)yes) | (~m & (mask)no));
}

static lanes load(const float *at)
{
    lanes v;
    memcpy(&v, at, sizeof(v));
    return v;
}

static float sum(lanes v)
{
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

static float to_f16(float f)
{
    return fr_f16_to_f32(fr_f32_to_f16(f > F16_MOST ? F16_MOST : f < -F16_MOST ? -F16_MOST : f));
}

/* The code nearest to each value. Adding 1.5 · 2^23 rounds to an integer. */
static lanes nearest(const fr_packing *p, lanes v)
{
    if (p->levels == NULL) {
        const lanes low = all((float)p->code_low), high = all((float)p->code_high);
        v = select(v > low, v, low);
        v = select(v < high, v, high);
        return (v + all(0x1.8p23f)) - all(0x1.8p23f);
    }
    lanes q = all((float)p->levels[0]);
    for (int c = p->code_low; c < p->code_high; c++) {
        const float below = (float)p->levels[c], above = (float)p->levels[c + 1];
        q += select(v > all((below + above) / 2), all(above - below), all(0));
    }
    return q;
}

/* Weighted squared error of a group under a scale; its codes go to q. */
static float error_of(work *k, size_t group, float scale, float least)
{
    const size_t from = group * k->each;
    const lanes s = all(scale), m = all(least), inverse = all(scale != 0 ? 1 / scale : 0);
    lanes total = all(0);
    for (size_t i = from; i < from + k->each; i += LANES) {
        const lanes x = load(k->x + i), q = nearest(k->p, (x + m) * inverse);
        const lanes e = s * q - m - x;
        total += load(k->w + i) * e * e;
        memcpy(k->q + i, &q, sizeof(q));
    }
    return sum(total);
}

/* The scale, and least if there is one, that fit the codes in q best. */
static void solve_group(const work *k, size_t group, float *scale, float *least)
{
    const size_t from = group * k->each;
    lanes w0 = all(0), q1 = all(0), q2 = all(0), x1 = all(0), qx = all(0);
    for (size_t i = from; i < from + k->each; i += LANES) {
        const lanes w = load(k->w + i), q = load(k->q + i), x = load(k->x + i), wq = w * q;
        w0 += w;
        q1 += wq;
        q2 += wq * q;
        x1 += w * x;
        qx += wq * x;
    }
    const float sw = sum(w0), sq = sum(q1), sqq = sum(q2), sx = sum(x1), sqx = sum(qx);
    const float determinant = sw * sqq - sq * sq;
    if (k->p->offsets && determinant > 0) {
        *scale = (sw * sqx - sq * sx) / determinant;
        *least = (sq * *scale - sx) / sw;
        if (k->p->scale_low == k->p->scale_high || *least >= 0)
            return; /* a least that is a product of two unsigned numbers cannot be negative */
    }
    *least = 0;
    *scale = sqq > 0 ? sqx / sqq : 0;
}

typedef struct {
    float scale, least, error;
} fit;

/* A scale and what solving from its codes gives, twice; the best goes to *best. */
static void try_fit(work *k, size_t group, float scale, float least, fit *best)
{
    for (int step = 0; step < 3; step++) {
        const float error = error_of(k, group, scale, least);
        if (error < best->error)
            *best = (fit){ scale, least, error };
        else if (step > 0)
            return;
        solve_group(k, group, &scale, &least);
        if (k->p->scale_low == 0 && scale < 0)
            return;
    }
}

static void fit_group(work *k, size_t group)
{
    const fr_packing *p = k->p;
    const float *x = k->x + group * k->each;
    float low = x[0], high = x[0];
    for (size_t i = 1; i < k->each; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    fit best = { 0, 0, INFINITY };
    try_fit(k, group, 0, 0, &best);
    if (p->offsets) {
        if (p->scale_low != p->scale_high)
            low = low < 0 ? low : 0;
        try_fit(k, group, 0, -low, &best);
        for (int cut = 0; cut < 3; cut++) { /* of the lowest, so that few far ones cost less */
            const float from = low + 0.04f * (float)cut * (high - low);
            for (int t = -TRIES; t <= TRIES; t++) {
                const float steps = (float)p->code_high + 0.1f * (float)t;
                try_fit(k, group, (high - from) / steps, -from, &best);
            }
        }
    } else {
        const float far = -low > high ? low : high;
        const float ends[2] = { (float)(p->levels != NULL ? p->levels[0] : p->code_low),
                                (float)(p->levels != NULL ? p->levels[15] : p->code_high) };
        const float step = p->levels != NULL ? 2.5f : 0.1f;
        for (int end = 0; end < 2; end++)
            for (int t = -TRIES; t <= TRIES; t++)
                try_fit(k, group, far / (ends[end] + step * (float)t), 0, &best);
    }
    k->scale[group] = best.scale;
    k->least[group] = best.least;
}

static int clamp_round(float f, int low, int high)
{
    return f > (float)low ? f < (float)high ? (int)lrintf(f) : high : low; /* not a number: low */
}

/* Integers of every group under d and least: the best of the neighbours of the nearest ones. */
static void settle(work *k, choice *c)
{
    const fr_packing *p = k->p;
    c->error = 0;
    for (size_t g = 0; g < p->groups; g++) {
        const int low = p->scale_low, high = p->scale_high;
        const int near =
            low == high ? low : clamp_round(c->d != 0 ? k->scale[g] / c->d : 0, low, high);
        const int near_offset =
            !p->offsets   ? 0
            : low == high ? 1
                          : clamp_round(c->least != 0 ? k->least[g] / c->least : 0, 0, high);
        const int reach = low == high ? 0 : 1, reach_offset = p->offsets ? reach : 0;
        float best = INFINITY;
        for (int s = near - reach; s <= near + reach; s++)
            for (int o = near_offset - reach_offset; o <= near_offset + reach_offset; o++) {
                if (s < low || s > high || (reach_offset != 0 && (o < 0 || o > high)))
                    continue;
                const float error = error_of(k, g, c->d * (float)s, c->least * (float)o);
                if (error < best) {
                    best = error;
                    c->scale[g] = s;
                    c->offset[g] = o;
                }
            }
        c->error += best;
        error_of(k, g, c->d * (float)c->scale[g], c->least * (float)c->offset[g]);
    }
}

/* d and least that fit all codes in q and the groups' integers best. */
static void solve_block(const work *k, choice *c)
{
    double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
    for (size_t g = 0; g < k->p->groups; g++) {
        double qq = 0, q1 = 0, w0 = 0, qx = 0, x1 = 0;
        for (size_t i = g * k->each; i < (g + 1) * k->each; i++) {
            const double w = (double)k->w[i], q = (double)k->q[i], x = (double)k->x[i];
            qq += w * q * q;
            q1 += w * q;
            w0 += w;
            qx += w * q * x;
            x1 += w * x;
        }
        const double s = c->scale[g], o = c->offset[g];
        aa += s * s * qq;
        ab += s * o * q1;
        bb += o * o * w0;
        ax += s * qx;
        bx += o * x1;
    }
    const double determinant = aa * bb - ab * ab;
    if (k->p->offsets && determinant > 1e-9 * aa * bb) {
        c->d = to_f16((float)((ax * bb - bx * ab) / determinant));
        c->least = to_f16((float)((ab * ax - aa * bx) / determinant));
    } else if (aa > 0) {
        c->d = to_f16((float)(ax / aa));
    }
}

static void consider(work *k, float d, float least, choice *best)
{
    choice c = { .d = to_f16(d), .least = to_f16(least) };
    for (int round = 0; round < ROUNDS; round++) {
        settle(k, &c);
        if (c.error < best->error)
            *best = c;
        else if (round > 0)
            return;
        const float d_before = c.d, least_before = c.least;
        solve_block(k, &c);
        if (c.d == d_before && c.least == least_before)
            return;
    }
}

static float furthest(const float *f, size_t n)
{
    float far = f[0];
    for (size_t i = 1; i < n; i++)
        far = fabsf(f[i]) > fabsf(far) ? f[i] : far;
    return far;
}

static void fit_block(work *k, fr_block *out)
{
    const fr_packing *p = k->p;
    choice best = { .error = INFINITY };
    for (size_t g = 0; g < p->groups; g++)
        fit_group(k, g);
    const float scale = furthest(k->scale, p->groups), least = furthest(k->least, p->groups);
    const float most = (float)(-p->scale_low > p->scale_high ? p->scale_low : p->scale_high);
    consider(k, scale / most, least / (float)p->scale_high, &best);
    static const float AROUND[] = { 0.91f, 0.94f, 0.97f, 1.02f, 1.04f, 1.07f };
    for (size_t i = 0; i < FR_COUNT_OF(AROUND) && p->scale_low != p->scale_high; i++)
        consider(k, scale / (AROUND[i] * most), least / (float)p->scale_high, &best);
    *out = (fr_block){ .d = best.d, .least = best.least };
    for (size_t g = 0; g < p->groups; g++) {
        out->scale[g] = best.scale[g];
        out->offset[g] = best.offset[g];
        error_of(k, g, best.d * (float)best.scale[g], best.least * (float)best.offset[g]);
    }
    for (size_t i = 0; i < p->values; i++) {
        out->code[i] = (int)k->q[i];
        for (int c = p->code_low; p->levels != NULL && c <= p->code_high; c++)
            if (p->levels[c] == (int)k->q[i])
                out->code[i] = c;
    }
}

/* Finite, and weights that are not all zero: a block nobody used is still written as well as can
 * be. */
static void take(work *k, const float *from, const float *weights)
{
    float heaviest = 0;
    for (size_t i = 0; i < k->p->values; i++) {
        const float w = weights != NULL ? weights[i] : 1, x = from[i];
        k->x[i] = x > VALUE_MOST ? VALUE_MOST : x < -VALUE_MOST ? -VALUE_MOST : isnan(x) ? 0 : x;
        k->w[i] = w > 0 && isfinite(w) ? w : 0;
        heaviest = k->w[i] > heaviest ? k->w[i] : heaviest;
    }
    for (size_t i = 0; i < k->p->values; i++) /* 1 at most, so that sums stay in range */
        k->w[i] = heaviest > 0 ? k->w[i] / heaviest : 1;
}

void fr_packed_fit(const fr_packing *p, const float *from, const float *weights, void *to, size_t n)
{
    uint8_t *block = to;
    work k = { .p = p, .each = p->values / p->groups };
    for (size_t at = 0; at < n; at += p->values, block += p->bytes) {
        fr_block out;
        take(&k, from + at, weights != NULL ? weights + at : NULL);
        fit_block(&k, &out);
        p->put(&out, block);
    }
}
