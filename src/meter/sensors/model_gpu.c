/*
 * Rest and full draw of a GPU from the most that it may draw: for the split of what its sensor
 * counts, and for when that falls silent. Straight lines from gpu_idle_of_tdp_ratio to 0.85 of the
 * limit, 0.6 to 1 as the range: few kernels reach the limit.
 */
#include "meter/meter_priv.h"
#include "tables/tables.h"

#define LIMIT_UNSAID_W 300.0

void fr_model_gpu_curve(double most_w, fr_curve *out)
{
    static const double AT[FR_CURVE_POINTS] = { 0, 0.1, 0.5, 1 };
    fr_constant idle = fr_constant_of("gpu_idle_of_tdp_ratio");
    if (!(most_w > 0))
        most_w = LIMIT_UNSAID_W;
    for (size_t i = 0; i < FR_CURVE_POINTS; i++) {
        double u = AT[i];
        out->at_w[i] = (fr_range){ most_w * (idle.low + (0.6 - idle.low) * u),
                                   most_w * (idle.mid + (0.85 - idle.mid) * u),
                                   most_w * (idle.high + (1.0 - idle.high) * u) };
    }
}
