/*
 * similar_body.h: what similar_avx2.c and similar_avx512.c share, once each has its four():
 * four rows side by side, to hide the latency of a chain of fused steps.
 */
#define AHEAD 8 /* picked rows whose bytes are asked for before their turn */

V void ask_for(const void *row, size_t bytes)
{
    for (size_t b = 0; b < bytes; b += 64)
        _mm_prefetch((const char *)row + b, _MM_HINT_T0);
}

V void all(float *out, const float *q, const float *rows, size_t stride, const uint32_t *pick,
           size_t n, size_t dim, bool apart)
{
    for (size_t i = 0; i < n; i += 4) {
        const float *x[4];
        float got[4];
        size_t these = FR_MIN(n - i, (size_t)4);
        for (size_t r = 0; r < 4; r++) {
            size_t at = i + FR_MIN(r, these - 1);
            x[r] = rows + (pick != NULL ? pick[at] : at) * stride;
            if (pick != NULL && at + AHEAD < n)
                ask_for(rows + pick[at + AHEAD] * stride, dim * sizeof(float));
        }
        four(got, q, x, dim, apart);
        for (size_t r = 0; r < these; r++)
            out[i + r] = got[r];
    }
}

static void dot(float *out, const float *q, const float *rows, size_t stride, const uint32_t *pick,
                size_t n, size_t dim)
{
    all(out, q, rows, stride, pick, n, dim, false);
}

static void distance(float *out, const float *q, const float *rows, size_t stride,
                     const uint32_t *pick, size_t n, size_t dim)
{
    all(out, q, rows, stride, pick, n, dim, true);
}
