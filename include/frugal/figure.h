/**
 * frugal/figure.h: a figure of energy that says how it was got.
 *
 * No number of joules travels without its range, its method and its source.
 */
#ifndef FRUGAL_FIGURE_H
#define FRUGAL_FIGURE_H

#include <frugal/err.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libfrugal exports */
#endif

typedef enum fr_method {
    FR_METHOD_NONE,     /* nobody said: no figure */
    FR_METHOD_MEASURED, /* a counter or a power sensor */
    FR_METHOD_MODELLED, /* a named model with named inputs */
    FR_METHOD_MIXED     /* a sum with parts of both */
} fr_method;

/** The grade of a comparison between two figures. */
typedef enum fr_grade {
    FR_GRADE_NONE,
    FR_GRADE_A, /* counters on both sides */
    FR_GRADE_B, /* modelled on a side: CPU- and GPU-seconds are printed beside it */
    FR_GRADE_C  /* counterfactual: a baseline that the user named */
} fr_grade;

/**
 * value_j         best estimate [J]; NAN when unknown, never 0 for unknown.
 * low_j, high_j   the range we stand behind.
 * source          static or interned: "powercap package-0", "model cpu-linear 1". NULL: none.
 */
typedef struct fr_energy {
    double value_j;
    double low_j, high_j;
    fr_method method;
    const char *source;
} fr_energy;

/** An unknown energy: NAN all through, no method. */
FR_API fr_energy fr_energy_unknown(void);
/** No energy at all, exactly: the neutral element of fr_energy_add(). */
FR_API fr_energy fr_energy_zero(void);
/** Sum of two; unlike methods make MIXED; NAN stays NAN; zero leaves the other as it is. */
FR_API fr_energy fr_energy_add(fr_energy a, fr_energy b);
/** A share (0…1) of an energy; the range scales along. */
FR_API fr_energy fr_energy_scale(fr_energy a, double ratio);
/** A: both measured; B: otherwise (C is the caller's to say). NONE when one side is unknown. */
FR_API fr_grade fr_energy_grade(fr_energy a, fr_energy b);

/** "measured", "modelled", "mixed", "none". Static. */
FR_API const char *fr_method_name(fr_method method);
/** The reverse of fr_method_name(); FR_METHOD_NONE for anything else. */
FR_API fr_method fr_method_parse(const char *name);
/** "A", "B", "C", "-". Static. */
FR_API const char *fr_grade_name(fr_grade grade);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
