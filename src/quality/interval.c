/* Intervals of a mean, paired differences, and the rule of the target. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "quality/quality.h"

#define RESAMPLES 2000
#define Z_95      1.959963984540054 /* the normal distribution's 97.5% point */

static double mean_of(const double *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* Wilson 1927: the score interval; the right one for few rows and for shares near 0 and 1. */
static fr_interval wilson(double share, size_t n)
{
    double rows = (double)n, z2 = Z_95 * Z_95;
    double centre = (share + z2 / (2.0 * rows)) / (1.0 + z2 / rows);
    double half =
        Z_95 / (1.0 + z2 / rows) * sqrt(share * (1.0 - share) / rows + z2 / (4.0 * rows * rows));
    /* The ends are 0 and 1 exactly where no or every row is right; rounding must not say less. */
    return (fr_interval){ .value = share,
                          .low = share == 0.0 ? 0.0 : fmax(0.0, centre - half),
                          .high = share == 1.0 ? 1.0 : fmin(1.0, centre + half),
                          .n = n };
}

static int number_order(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Linear between order statistics (Hyndman and Fan 1996, type 7: numpy's and R's default). */
static double percentile(const double *sorted, size_t n, double share)
{
    double at = share * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* Efron's percentile bootstrap. */
static fr_interval bootstrap(const double *x, size_t n, uint64_t seed)
{
    double *means = FR_NEW_N(double, RESAMPLES);
    for (size_t b = 0; b < RESAMPLES; b++) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i++)
            sum += x[fr_random_below(n, seed, FR_RANDOM_BOOTSTRAP, b, i)];
        means[b] = sum / (double)n;
    }
    qsort(means, RESAMPLES, sizeof(*means), number_order);
    fr_interval ci = { .value = mean_of(x, n),
                       .low = percentile(means, RESAMPLES, 0.025),
                       .high = percentile(means, RESAMPLES, 0.975),
                       .n = n };
    free(means);
    return ci;
}

static const fr_interval UNKNOWN = { .value = NAN, .low = NAN, .high = NAN, .n = 0 };

fr_interval fr_interval_of(const double *scores, size_t n, uint64_t seed)
{
    if (n == 0)
        return UNKNOWN;
    for (size_t i = 0; i < n; i++) {
        if (scores[i] != 0.0 && scores[i] != 1.0)
            return bootstrap(scores, n, seed);
    }
    return wilson(mean_of(scores, n), n);
}

fr_interval fr_interval_paired(const double *a, const double *b, size_t n, uint64_t seed)
{
    if (n == 0)
        return UNKNOWN;
    double *difference = FR_NEW_N(double, n);
    for (size_t i = 0; i < n; i++)
        difference[i] = a[i] - b[i];
    fr_interval ci = bootstrap(difference, n, seed);
    free(difference);
    return ci;
}

bool fr_interval_is_tie(fr_interval difference)
{
    return !(difference.low > 0.0) && !(difference.high < 0.0);
}

fr_target fr_target_of(fr_interval quality, fr_better better, double target)
{
    if (quality.n < FR_TARGET_ROWS || isnan(quality.low) || isnan(quality.high))
        return FR_TARGET_UNDECIDED;
    bool met = better == FR_BETTER_LOWER ? quality.high <= target : quality.low >= target;
    return met ? FR_TARGET_MET : FR_TARGET_MISSED;
}

size_t fr_target_rows(fr_interval quality, fr_better better, double target)
{
    bool lower = better == FR_BETTER_LOWER;
    double gap = lower ? target - quality.value : quality.value - target;
    double half = lower ? quality.high - quality.value : quality.value - quality.low;
    if (quality.n == 0 || !(gap > 0) || !isfinite(half))
        return 0;
    double rows = ceil((double)quality.n * (half / gap) * (half / gap));
    return (size_t)fmin(fmax(rows, FR_TARGET_ROWS), 1e9);
}

const char *fr_target_name(fr_target t)
{
    static const char *const NAMES[] = { "none", "met", "missed", "undecided" };
    return (size_t)t < FR_COUNT_OF(NAMES) ? NAMES[t] : NAMES[0];
}
