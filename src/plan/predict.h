/**
 * plan/predict.h: joules and seconds of work before it is done: floating-point operations counted
 * from shapes and tokens, over what this machine was measured to do per second and per joule.
 *
 *     fr_machine_rate rate = { .flop_per_s = 9e10, .flop_per_j = 3e9 };   out of a metered probe
 *     fr_forecast f = fr_forecast_of(2.4e12, &rate, 0.6, 1.8);
 *     printf("%.1f s, %.0f J (%.0f to %.0f)\n", f.s, f.j, f.low_j, f.high_j);
 *
 * The range is the honest part: low is what a climb may rely on as a lower bound, high is shown.
 */
#ifndef FR_PLAN_PREDICT_H
#define FR_PLAN_PREDICT_H

#include <stdbool.h>
#include <stddef.h>

/** What one kind of work (prefill, decode, training) did in a probe. 0: not probed. */
typedef struct {
    double flop_per_s, flop_per_j;
} fr_machine_rate;

typedef struct {
    double s;                /* NAN: unknown */
    double j, low_j, high_j; /* NAN: unknown; low_j is then 0 */
} fr_forecast;

/** flops over rate; low and high are factors on the energy. Unknown rate: unknown forecast. */
fr_forecast fr_forecast_of(double flops, const fr_machine_rate *rate, double low, double high);
/** A forecast of time alone, at a power [W] that was measured while working. */
fr_forecast fr_forecast_of_time(double s, double power_w, double low, double high);
/** Nothing to do, exactly. */
fr_forecast fr_forecast_zero(void);
fr_forecast fr_forecast_unknown(void);
fr_forecast fr_forecast_add(fr_forecast a, fr_forecast b);
fr_forecast fr_forecast_scale(fr_forecast f, double times);
bool fr_forecast_known(const fr_forecast *f);

#endif
