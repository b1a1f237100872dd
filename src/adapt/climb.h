/**
 * adapt/climb.h: the rule of the climb, on numbers alone: which rung is tried next, when enough is
 * known, and which rung is chosen. No file, no meter, no model: so that it can be held against
 * brute force.
 *
 * Rungs are tried in the order of their predicted horizon energy. The climb stops when a rung meets
 * the target and no untried rung's lower bound is below that rung's own measured horizon energy.
 * As long as the lower bounds are true, the rung that is chosen is the one that trying all would
 * have chosen (tests/unit/adapt/climb_test.c tries all).
 */
#ifndef FR_ADAPT_CLIMB_H
#define FR_ADAPT_CLIMB_H

#include <stdbool.h>
#include <stddef.h>

typedef enum fr_step_state {
    FR_STEP_NONE,   /* untried */
    FR_STEP_UNFIT,  /* cannot be tried here */
    FR_STEP_MET,    /* tried: meets the target */
    FR_STEP_MISSED, /* tried: does not, or undecided, or failed */
} fr_step_state;

typedef struct {
    fr_step_state state;
    double predicted_j; /* horizon; NAN: unknown, tried after the known ones in the given order */
    double low_j;       /* lower bound of the horizon; 0 when nothing is known */
    double horizon_j;   /* measured, once tried; NAN: unknown, never the least */
} fr_step;

#define FR_CLIMB_NONE ((size_t)-1)

/** The rung to try next; FR_CLIMB_NONE: the climb is over. never_stop: all that fit. */
size_t fr_climb_next(const fr_step *steps, size_t n, bool never_stop);

/** The rung of least measured horizon energy among those that met the target (the earlier one on a
 * draw; one with unknown energy only when no other met it). FR_CLIMB_NONE: none did. */
size_t fr_climb_chosen(const fr_step *steps, size_t n);

#endif
