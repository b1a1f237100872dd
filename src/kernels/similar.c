/* similar.c: the table of rows, and row 0, which says what the others must give. */
#include "kernels/similar.h"

#include <math.h>
#include <string.h>

#include "base/compiler.h"
#include "kernels/kernels.h"
#include "kernels/similar_rows.h"

enum { LANES = 16 };

static float tree(float *lane)
{
    for (size_t apart = LANES / 2; apart > 0; apart /= 2)
        for (size_t j = 0; j < apart; j++)
            lane[j] += lane[j + apart];
    return lane[0];
}

static const float *row_of(const float *rows, size_t stride, const uint32_t *pick, size_t i)
{
    return rows + (pick != NULL ? pick[i] : i) * stride;
}

static void dot(float *out, const float *q, const float *rows, size_t stride, const uint32_t *pick,
                size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i++) {
        const float *x = row_of(rows, stride, pick, i);
        float lane[LANES] = { 0 };
        for (size_t d = 0; d < dim; d++)
            lane[d % LANES] = fmaf(q[d], x[d], lane[d % LANES]);
        out[i] = tree(lane);
    }
}

static void distance(float *out, const float *q, const float *rows, size_t stride,
                     const uint32_t *pick, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i++) {
        const float *x = row_of(rows, stride, pick, i);
        float lane[LANES] = { 0 };
        for (size_t d = 0; d < dim; d++) {
            float apart = q[d] - x[d];
            lane[d % LANES] = fmaf(apart, apart, lane[d % LANES]);
        }
        out[i] = tree(lane);
    }
}

static void dot_i8(int32_t *out, const int16_t *q, const int8_t *rows, size_t stride,
                   const uint32_t *pick, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i++) {
        const int8_t *x = rows + (pick != NULL ? pick[i] : i) * stride;
        int32_t sum = 0;
        for (size_t d = 0; d < dim; d++)
            sum += q[d] * x[d];
        out[i] = sum;
    }
}

static void sum_codes(uint16_t *sums, const uint8_t *blocks, const uint8_t *tables, size_t n_blocks,
                      size_t n_groups)
{
    for (size_t b = 0; b < n_blocks; b++, sums += FR_SIMILAR_BLOCK) {
        memset(sums, 0, FR_SIMILAR_BLOCK * sizeof(*sums));
        for (size_t g = 0; g < n_groups; g += 2, blocks += FR_SIMILAR_BLOCK)
            for (size_t v = 0; v < FR_SIMILAR_BLOCK; v++)
                sums[v] = (uint16_t)(sums[v] + tables[g * 16 + (blocks[v] & 15)] +
                                     tables[(g + 1) * 16 + (blocks[v] >> 4)]);
    }
}

static size_t above(uint32_t *picked, const uint16_t *sums, const float *f, const float *g,
                    const float *e, size_t n, float step, float bias, float slack, float threshold)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        float score = fmaf(f[i], fmaf(step, (float)sums[i], bias), g[i]);
        picked[kept] = (uint32_t)i;
        kept += fmaf(slack, e[i], score) > threshold;
    }
    return kept;
}

static bool usable(void)
{
    return true;
}

const fr_similar fr_similar_scalar = { "scalar", usable, dot, distance, dot_i8, sum_codes, above };

static const fr_similar *const ROWS[] = {
    &fr_similar_scalar,
#if defined(__x86_64__)
    &fr_similar_avx2,
    &fr_similar_avx512,
#endif
};

const fr_similar *fr_similar_at(size_t i)
{
    return i < FR_COUNT_OF(ROWS) ? ROWS[i] : NULL;
}

/* The kind of processor is chosen once, for all tables alike, in kernels.c. */
const fr_similar *fr_similar_best(void)
{
    const char *name = fr_kernels_best()->name;
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        if (strcmp(ROWS[i]->name, name) == 0 && ROWS[i]->usable())
            return ROWS[i];
    }
    return &fr_similar_scalar;
}
