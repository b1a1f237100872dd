#include "base/random.h"

#include <math.h>

void fr_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4] = { counter[0], counter[1], counter[2], counter[3] };
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0];
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[0] = n0;
        c[1] = (uint32_t)p1;
        c[2] = n2;
        c[3] = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++)
        out[i] = c[i];
}

/* The key is the seed; the counter is index (64 bits), stream (56 bits) and purpose (8 bits). */
static void block(uint64_t seed, fr_random_purpose purpose, uint64_t stream, uint64_t index,
                  uint32_t out[4])
{
    uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    uint32_t counter[4] = { (uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream,
                            (uint32_t)((stream >> 32) << 8) | (uint32_t)purpose };
    fr_philox(counter, key, out);
}

uint64_t fr_random_u64(uint64_t seed, fr_random_purpose purpose, uint64_t stream, uint64_t index)
{
    uint32_t words[4];
    block(seed, purpose, stream, index, words);
    return (uint64_t)words[1] << 32 | words[0];
}

double fr_random_f64(uint64_t seed, fr_random_purpose purpose, uint64_t stream, uint64_t index)
{
    return (double)(fr_random_u64(seed, purpose, stream, index) >> 11) * 0x1p-53;
}

uint64_t fr_random_below(uint64_t n, uint64_t seed, fr_random_purpose purpose, uint64_t stream,
                         uint64_t index)
{
    return (uint64_t)(((unsigned __int128)fr_random_u64(seed, purpose, stream, index) * n) >> 64);
}

double fr_random_normal(uint64_t seed, fr_random_purpose purpose, uint64_t stream, uint64_t index)
{
    uint32_t words[4];
    block(seed, purpose, stream, index, words);
    double u = ((double)((uint64_t)words[1] << 32 | words[0]) + 0.5) * 0x1p-64;
    double v = (double)((uint64_t)words[3] << 32 | words[2]) * 0x1p-64;
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}

void fr_random_permutation(uint32_t *order, size_t n, uint64_t seed, fr_random_purpose purpose,
                           uint64_t stream)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)fr_random_below(i, seed, purpose, stream, i);
        uint32_t swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
}
