/**
 * choose/cascade_rule.h: when a cascade asks its larger model: the rule on numbers alone, so that
 * it can be held against brute force.
 *
 * A row escalates when the small model's sureness is below the threshold (or unknown). The
 * threshold is the least, so the fewest rows escalate, with which the rows that it was chosen on
 * score as well as with the large model alone.
 */
#ifndef FR_CHOOSE_CASCADE_RULE_H
#define FR_CHOOSE_CASCADE_RULE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    double threshold; /* 0: never escalate (but for unknown sureness); INFINITY: always */
    size_t n_escalated;
    double value; /* mean score of the cascade on these rows */
} fr_cascade_rule;

static inline bool fr_cascade_escalates(double sureness, double threshold)
{
    return !(sureness >= threshold);
}

/** small, large [n]: scores, higher is better; sureness [n] of the small model, NAN: unknown. */
fr_cascade_rule fr_cascade_rule_of(const double *sureness, const double *small, const double *large,
                                   size_t n);

#endif
