#include "plan/predict.h"

#include <math.h>

fr_forecast fr_forecast_zero(void)
{
    return (fr_forecast){ 0, 0, 0, 0 };
}

fr_forecast fr_forecast_unknown(void)
{
    return (fr_forecast){ NAN, NAN, 0, NAN };
}

bool fr_forecast_known(const fr_forecast *f)
{
    return !isnan(f->j);
}

fr_forecast fr_forecast_of(double flops, const fr_machine_rate *rate, double low, double high)
{
    if (!(rate->flop_per_s > 0) || !(rate->flop_per_j > 0))
        return fr_forecast_unknown();
    double j = flops / rate->flop_per_j;
    return (fr_forecast){ flops / rate->flop_per_s, j, j * low, j * high };
}

fr_forecast fr_forecast_of_time(double s, double power_w, double low, double high)
{
    if (!(power_w > 0))
        return (fr_forecast){ s, NAN, 0, NAN };
    return (fr_forecast){ s, s * power_w, s * power_w * low, s * power_w * high };
}

fr_forecast fr_forecast_add(fr_forecast a, fr_forecast b)
{
    return (fr_forecast){ a.s + b.s, a.j + b.j, a.low_j + b.low_j, a.high_j + b.high_j };
}

fr_forecast fr_forecast_scale(fr_forecast f, double times)
{
    return (fr_forecast){ f.s * times, f.j * times, f.low_j * times, f.high_j * times };
}
