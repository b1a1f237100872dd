#include <math.h>

#include "quality/quality.h"

/* The smaller count, or fewer, out of n fair coins, twice: exact, in logarithms. */
double fr_mcnemar(const double *a, const double *b, size_t n)
{
    size_t only_a = 0, only_b = 0;
    for (size_t i = 0; i < n; i++) {
        only_a += a[i] > b[i];
        only_b += b[i] > a[i];
    }
    size_t all = only_a + only_b, few = only_a < only_b ? only_a : only_b;
    double tail = 0;
    for (size_t k = 0; k <= few; k++)
        tail += exp(lgamma((double)all + 1) - lgamma((double)k + 1) -
                    lgamma((double)(all - k) + 1) - (double)all * log(2));
    return fmin(1, 2 * tail);
}
