#include "quality/calibration.h"

#include <math.h>

fr_calibration fr_calibration_of(const double *confidence, const double *correct, size_t n,
                                 size_t n_bins)
{
    fr_calibration c = { .ece = NAN, .brier = NAN, .sure = NAN, .right = NAN };
    c.n_bins = n_bins < 1                          ? 1
               : n_bins > FR_CALIBRATION_BINS_MOST ? FR_CALIBRATION_BINS_MOST
                                                   : n_bins;
    double sure = 0, right = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(confidence[i]))
            continue;
        double d = confidence[i] - correct[i];
        size_t b = 0;
        while (b + 1 < c.n_bins && confidence[i] > (double)(b + 1) / (double)c.n_bins)
            b++;
        c.bins[b].sure += confidence[i];
        c.bins[b].right += correct[i];
        c.bins[b].n++;
        sure += confidence[i];
        right += correct[i];
        squares += d * d;
        c.n++;
    }
    if (c.n != 0)
        c.ece = 0;
    for (size_t b = 0; b < c.n_bins; b++) {
        double count = (double)c.bins[b].n;
        c.ece += c.n != 0 ? fabs(c.bins[b].sure - c.bins[b].right) / (double)c.n : 0;
        c.bins[b].sure = count > 0 ? c.bins[b].sure / count : NAN;
        c.bins[b].right = count > 0 ? c.bins[b].right / count : NAN;
    }
    if (c.n != 0) {
        c.brier = squares / (double)c.n;
        c.sure = sure / (double)c.n;
        c.right = right / (double)c.n;
    }
    return c;
}

double fr_brier_of_classes(const double *p, const size_t *truth, size_t n, size_t n_classes)
{
    double sum = 0;
    size_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        if (n_classes == 0 || isnan(p[i * n_classes]))
            continue;
        for (size_t k = 0; k < n_classes; k++) {
            double d = p[i * n_classes + k] - (truth[i] == k ? 1.0 : 0.0);
            sum += d * d;
        }
        rows++;
    }
    return rows != 0 ? sum / (double)rows : NAN;
}
