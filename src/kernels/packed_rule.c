/* packed_rule.c: the published rules by which blocks of 32 are written, one way only. */
#include <math.h>
#include "kernels/packed_write.h"

/* value · steps, truncated; outside of 0…most (or not a number): the end. */
static int code_of(float scaled, int most)
{
    return scaled >= 1 ? scaled < (float)most ? (int)scaled : most : 0;
}

/* The value of largest magnitude, the first of equals, stands at the code's low end. */
static void signed_rule(const fr_packing *p, const float *x, fr_block *b)
{
    float far = 0;
    for (size_t i = 0; i < p->values; i++)
        far = fabsf(x[i]) > fabsf(far) ? x[i] : far;
    b->d = far / (float)p->code_low;
    const float inverse = b->d != 0 ? 1 / b->d : 0, middle = (float)-p->code_low + 0.5f;
    for (size_t i = 0; i < p->values; i++)
        b->code[i] = code_of(x[i] * inverse + middle, p->code_high - p->code_low) + p->code_low;
}

/* From the least value to the largest in equal steps. */
static void offset_rule(const fr_packing *p, const float *x, fr_block *b)
{
    float low = x[0], high = x[0];
    for (size_t i = 1; i < p->values; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    b->d = (high - low) / (float)p->code_high;
    b->least = -low;
    const float inverse = b->d != 0 ? 1 / b->d : 0;
    for (size_t i = 0; i < p->values; i++)
        b->code[i] = code_of((x[i] - low) * inverse + 0.5f, p->code_high);
}

void fr_packed_rule(const fr_packing *p, const float *from, void *to, size_t n)
{
    uint8_t *block = to;
    for (size_t at = 0; at < n; at += p->values, block += p->bytes) {
        fr_block b;
        if (p->offsets)
            offset_rule(p, from + at, &b);
        else
            signed_rule(p, from + at, &b);
        p->put(&b, block);
    }
}
