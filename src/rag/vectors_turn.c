/* vectors_turn.c: a rotation that spreads every direction over all of them. */
#include <math.h>

#include "base/random.h"
#include "rag/vectors_priv.h"

/* Walsh and Hadamard's transform of a power of two, in place, of length kept. */
static void hadamard(float *x, size_t n)
{
    for (size_t half = 1; half < n; half *= 2)
        for (size_t i = 0; i < n; i += 2 * half)
            for (size_t j = i; j < i + half; j++) {
                float a = x[j], b = x[j + half];
                x[j] = a + b;
                x[j + half] = a - b;
            }
    float scale = 1.0f / sqrtf((float)n);
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
}

/* Signs by chance, then the transform of the first and of the last power of two that fits, three
 * times over (Ailon and Chazelle 2009, doi:10.1137/060673096, with two blocks that overlap). */
void turn(float *x, size_t turned)
{
    size_t power = 1;
    while (power * 2 <= turned)
        power *= 2;
    for (uint64_t round = 0; round < 3; round++) {
        uint64_t bits = 0;
        for (size_t i = 0; i < turned; i++, bits >>= 1) {
            if (i % 64 == 0)
                bits = fr_random_u64(TURN_SEED, FR_RANDOM_NONE, round, i / 64);
            x[i] = (bits & 1) != 0 ? -x[i] : x[i];
        }
        hadamard(x, power);
        if (power < turned)
            hadamard(x + turned - power, power);
    }
}
