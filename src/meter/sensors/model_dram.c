/*
 * "dram-per-gb 1": watts of memory from its size. Refresh and standby go on whoever works; the
 * rest follows processor time: P(u) = W/GB x GB x ((1 - a) + a u), a = dram_active_ratio.
 */
#include <stdio.h>

#include "meter/meter_priv.h"
#include "tables/tables.h"

#define BYTES_PER_GB 1e9

void fr_model_dram_curve(const fr_host *host, double ratio, fr_curve *out, const char **source)
{
    static const double AT[FR_CURVE_POINTS] = { 0, 0.1, 0.5, 1 };
    fr_constant w_per_gb = fr_constant_of("dram_w_per_gb");
    fr_constant active = fr_constant_of("dram_active_ratio");
    double gb = host->ram_bytes / BYTES_PER_GB * ratio;
    for (size_t i = 0; i < FR_CURVE_POINTS; i++) {
        double worked = 1 - active.mid + active.mid * AT[i];
        out->at_w[i] = (fr_range){ w_per_gb.low * gb * worked, w_per_gb.mid * gb * worked,
                                   w_per_gb.high * gb * worked };
    }
    *source = fr_source_f("model dram-per-gb 1 (%.0f GB, %g W/GB)", gb, w_per_gb.mid);
}

static void model_open(fr_bench *bench, void **state)
{
    *state = NULL;
    if (bench->dram_counted || bench->host->ram_bytes <= 0)
        return;
    fr_channel *c = fr_bench_add(bench, FR_DEVICE_DRAM, "dram");
    if (c == NULL)
        return;
    c->reserved_ratio = bench->host->quota_ram_bytes / bench->host->ram_bytes;
    fr_model_dram_curve(bench->host, 1, &c->curve, &c->source);
    *state = c;
}

static void model_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    (void)state;
    (void)window;
    deltas[0].ok = true;
}

static void model_close(void *state)
{
    (void)state;
}

static void model_survey(fr_bench *bench, fr_sensor_state *out)
{
    fr_curve curve;
    const char *source;
    fr_model_dram_curve(bench->host, 1, &curve, &source);
    out->usable = bench->host->ram_bytes > 0;
    snprintf(out->found, sizeof out->found, "%.100s: %.3g to %.3g W", source, curve.at_w[0].mid,
             curve.at_w[FR_CURVE_POINTS - 1].mid);
}

const fr_sensor fr_sensor_model_dram = { .name = "model dram",
                                         .open = model_open,
                                         .sample = model_sample,
                                         .close = model_close,
                                         .survey = model_survey,
                                         .has_no_moment = true };
