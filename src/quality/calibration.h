/**
 * quality/calibration.h: whether a model is as often right as it says it is sure.
 *
 *     fr_calibration c = fr_calibration_of(confidence, correct, n, FR_CALIBRATION_BINS);
 *     printf("expected calibration error %.3f, Brier %.3f\n", c.ece, c.brier);
 */
#ifndef FR_QUALITY_CALIBRATION_H
#define FR_QUALITY_CALIBRATION_H

#include <stddef.h>

#define FR_CALIBRATION_BINS      15 /* as Guo et al. 2017 have it */
#define FR_CALIBRATION_BINS_MOST 100

typedef struct {
    double ece;    /* NAN when no row has a confidence */
    double brier;  /* mean squared difference of confidence and being right */
    double sure;   /* mean confidence */
    double right;  /* mean of correct over the same rows */
    size_t n;      /* rows that have a confidence */
    size_t n_bins; /* of equal width; bin b holds confidences in (b / n, (b + 1) / n] */
    struct {
        double sure, right; /* means; NAN in an empty bin */
        size_t n;
    } bins[FR_CALIBRATION_BINS_MOST];
} fr_calibration;

/**
 * confidence  [n] in 0…1: what the model gives the answer that it gave; NAN: none, passed over.
 * correct     [n] in 0…1: the row's score.
 * Source      Guo et al. 2017, arXiv:1706.04599 (ECE); Brier 1950 (top answer against being right).
 */
fr_calibration fr_calibration_of(const double *confidence, const double *correct, size_t n,
                                 size_t n_bins);

/**
 * Brier's own score of several classes: mean over rows of the sum over classes of (p - 1 or 0)^2,
 * from 0 to 2. p [n][n_classes]; truth [n], SIZE_MAX: of no class. Rows of NAN are passed over.
 */
double fr_brier_of_classes(const double *p, const size_t *truth, size_t n, size_t n_classes);

#endif
