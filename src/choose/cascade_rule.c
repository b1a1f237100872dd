#include "choose/cascade_rule.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define SAME 1e-9 /* sums of scores that differ by less are the same */

typedef struct {
    double sureness, gain; /* what escalating this row changes */
} row;

static int by_sureness(const void *a, const void *b)
{
    double x = ((const row *)a)->sureness, y = ((const row *)b)->sureness;
    return (x > y) - (x < y);
}

fr_cascade_rule fr_cascade_rule_of(const double *sureness, const double *small, const double *large,
                                   size_t n)
{
    row *rows = FR_NEW_N(row, n);
    double sum = 0, want = 0;
    size_t n_unknown = 0, k = 0;
    for (size_t i = 0; i < n; i++) {
        bool unknown = isnan(sureness[i]);
        rows[i] = (row){ unknown ? -INFINITY : sureness[i], large[i] - small[i] };
        n_unknown += unknown;
        sum += small[i];
        want += large[i];
    }
    fr_sort(rows, n, sizeof(*rows), by_sureness);
    for (; k < n_unknown; k++)
        sum += rows[k].gain;
    /* rows of one sureness go together */
    while (k < n && sum < want - SAME) {
        double level = rows[k].sureness;
        for (; k < n && rows[k].sureness == level; k++)
            sum += rows[k].gain;
    }
    fr_cascade_rule rule = { .threshold = k == n_unknown ? 0
                                          : k < n        ? rows[k].sureness
                                                         : INFINITY,
                             .n_escalated = k,
                             .value = n != 0 ? sum / (double)n : NAN };
    free(rows);
    return rule;
}
