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
    fr_sort(means, RESAMPLES, sizeof(*means), number_order);
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

/* ---- the ratio of two means ---- */

#define RATIO_BOOTSTRAP_ROWS 10
#define RATIO_BOOTSTRAP_MOST                                                                       \
    1000 /* above, the means are as good as normal, and resampling slow                            \
          */

/* log of the gamma function's ratio is all that Student's density needs; the rest is Simpson's
 * rule. */
static double student_tail(double t, double df)
{
    enum { STEPS = 2000 };
    double norm = exp(lgamma((df + 1) / 2) - lgamma(df / 2)) / sqrt(df * acos(-1.0));
    double sum = 0, h = t / STEPS;
    for (int i = 0; i <= STEPS; i++) {
        double x = h * i, weight = i == 0 || i == STEPS ? 1 : i % 2 != 0 ? 4 : 2;
        sum += weight * pow(1 + x * x / df, -(df + 1) / 2);
    }
    return 0.5 - norm * sum * h / 3;
}

/* The 97.5% point of Student's t, by bisection. */
static double student_975(double df)
{
    double low = 1.9, high = 13; /* of 1 degree of freedom: 12.706 */
    for (int i = 0; i < 60; i++) {
        double mid = (low + high) / 2;
        *(student_tail(mid, df) > 0.025 ? &low : &high) = mid;
    }
    return (low + high) / 2;
}

static double variance_of(const double *x, size_t n, double mean)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)(n - 1);
}

static fr_interval welch(const double *a, size_t n_a, const double *b, size_t n_b)
{
    double mean_a = mean_of(a, n_a), mean_b = mean_of(b, n_b);
    double va = variance_of(a, n_a, mean_a) / ((double)n_a * mean_a * mean_a);
    double vb = variance_of(b, n_b, mean_b) / ((double)n_b * mean_b * mean_b);
    double at = log(mean_b / mean_a), half = 0;
    if (va + vb > 0) {
        double df =
            (va + vb) * (va + vb) / (va * va / (double)(n_a - 1) + vb * vb / (double)(n_b - 1));
        half = student_975(fmax(1, df)) * sqrt(va + vb);
    }
    return (fr_interval){ .low = expm1(at - half), .high = expm1(at + half) };
}

static double mean_resampled(const double *x, size_t n, uint64_t seed, size_t b)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += x[fr_random_below(n, seed, FR_RANDOM_BOOTSTRAP, b, i)];
    return sum / (double)n;
}

fr_interval fr_interval_ratio(const double *a, size_t n_a, const double *b, size_t n_b,
                              uint64_t seed)
{
    size_t least = n_a < n_b ? n_a : n_b;
    fr_interval out = { .value = NAN, .low = NAN, .high = NAN, .n = least };
    if (least == 0 || !(mean_of(a, n_a) > 0) || !(mean_of(b, n_b) > 0))
        return out;
    if (least >= RATIO_BOOTSTRAP_ROWS && n_a + n_b <= RATIO_BOOTSTRAP_MOST) {
        double *ratios = FR_NEW_N(double, RESAMPLES);
        for (size_t i = 0; i < RESAMPLES; i++)
            ratios[i] =
                mean_resampled(b, n_b, seed, 2 * i) / mean_resampled(a, n_a, seed, 2 * i + 1) - 1;
        fr_sort(ratios, RESAMPLES, sizeof(*ratios), number_order);
        out.low = percentile(ratios, RESAMPLES, 0.025);
        out.high = percentile(ratios, RESAMPLES, 0.975);
        free(ratios);
    } else if (least >= 2) {
        fr_interval ci = welch(a, n_a, b, n_b);
        out.low = ci.low;
        out.high = ci.high;
    }
    out.value = mean_of(b, n_b) / mean_of(a, n_a) - 1;
    return out;
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
