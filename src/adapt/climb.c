#include "adapt/climb.h"

#include <math.h>

size_t fr_climb_chosen(const fr_step *steps, size_t n)
{
    size_t best = FR_CLIMB_NONE;
    for (size_t i = 0; i < n; i++) {
        if (steps[i].state != FR_STEP_MET)
            continue;
        bool better = best == FR_CLIMB_NONE || steps[i].horizon_j < steps[best].horizon_j ||
                      (isnan(steps[best].horizon_j) && !isnan(steps[i].horizon_j));
        if (better)
            best = i;
    }
    return best;
}

size_t fr_climb_next(const fr_step *steps, size_t n, bool never_stop)
{
    size_t chosen = fr_climb_chosen(steps, n);
    double reached_j = chosen != FR_CLIMB_NONE ? steps[chosen].horizon_j : INFINITY;
    size_t next = FR_CLIMB_NONE;
    for (size_t i = 0; i < n; i++) {
        const fr_step *s = &steps[i];
        if (s->state != FR_STEP_NONE)
            continue;
        if (!never_stop && s->low_j >= reached_j)
            continue; /* it cannot be cheaper, so trying it teaches nothing about the choice */
        if (next == FR_CLIMB_NONE || s->predicted_j < steps[next].predicted_j ||
            (isnan(steps[next].predicted_j) && !isnan(s->predicted_j)))
            next = i;
    }
    return next;
}
