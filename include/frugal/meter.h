/**
 * frugal/meter.h: what your program, or another, draws: joules with range, method and source.
 *
 *     #include <frugal/meter.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         fr_err err;
 *         fr_wattmeter *meter = NULL;
 *         fr_draw draw = { sizeof draw };
 *         if (fr_wattmeter_open(NULL, &meter, &err) != 0) {
 *             fprintf(stderr, "%s\n%s\n", err.what, err.hint);
 *             return 1;
 *         }
 *         // … work …
 *         if (fr_wattmeter_read(meter, &draw, &err) == 0)
 *             printf("%.1f J (%.1f to %.1f), %s; %.3g g\n", draw.total.value_j, draw.total.low_j,
 *                    draw.total.high_j, fr_method_name(draw.total.method), draw.carbon_g);
 *         fr_wattmeter_close(meter);
 *         return 0;
 *     }
 *
 * Build with `cc program.c $(pkg-config --cflags --libs frugal)`.
 *
 * Where the machine has counters (RAPL, NVML) they are read; elsewhere a named model stands in and
 * says so. `active` is what the process and all its children worked for; `idle` is what the machine
 * (or the part of it that is reserved) draws at rest meanwhile; `total` is both; what others worked
 * for is `machine` less these. Nothing is recorded and nothing is printed.
 *
 * Stability and structs with a size: as in frugal/engine.h. Threads: one call at a time on a meter;
 * it has one thread of its own, which sleeps between samples and is gone after close.
 */
#ifndef FRUGAL_METER_H
#define FRUGAL_METER_H

#include <stddef.h>
#include <stdint.h>
#include <frugal/err.h>
#include <frugal/figure.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fr_wattmeter fr_wattmeter;

/**
 * NULL means all defaults; zero in a field means its default, too. Texts are borrowed for the call.
 *
 * size                 sizeof(fr_wattmeter_options).
 * pid                  root of the process tree; 0: this process.
 * period_s             of sampling; 0: 0.1.
 * region, zone         "aws:eu-north-1"; "FR". Neither, and no intensity: the world's average.
 * intensity_g_per_kwh  of the grid, where you know better.
 * pue                  of the site, where you know it.
 */
typedef struct fr_wattmeter_options {
    size_t size;
    int64_t pid;
    double period_s;
    const char *region, *zone;
    double intensity_g_per_kwh;
    double pue;
} fr_wattmeter_options;

/**
 * What was drawn in a window. You set size to sizeof(fr_draw).
 *
 * total, active, idle, machine   [J] with range, method and source; source is static.
 * overhead                       what metering itself drew.
 * duration_s, cpu_s, gpu_s       of the window; CPU and GPU time of the tree, gpu_s NAN: unknown.
 * carbon_g                       operation and making of the machine, for total at the place.
 * carbon_low_g, carbon_high_g    its range, from energy and grid together (the making as it is).
 * embodied_g                     the part of carbon_g that is making.
 * intensity_g_per_kwh, zone      what carbon was computed with; zone is static.
 * place_assumed                  nobody said where: the world's average.
 */
typedef struct fr_draw {
    size_t size;
    double duration_s, cpu_s, gpu_s;
    fr_energy total, active, idle, machine, overhead;
    double carbon_g, carbon_low_g, carbon_high_g, embodied_g;
    double intensity_g_per_kwh;
    const char *zone;
    int place_assumed;
} fr_draw;

/** One device in a window. name is borrowed until the next read, lap or close; you set size. */
typedef struct fr_draw_device {
    size_t size;
    const char *name, *kind; /* "package-0"; "cpu", "dram", "gpu"… */
    fr_energy active, idle, machine;
    double utilization_ratio; /* worked by anybody; NAN: unknown */
} fr_draw_device;

/**
 * Begins to meter.
 *
 * out      owned: fr_wattmeter_close().
 * Errors   FR_E_USAGE (a place that is not known, the nearest in the hint). Sensors that are
 * missing or refused are no error: see fr_wattmeter_note().
 */
FR_API int fr_wattmeter_open(const fr_wattmeter_options *options, fr_wattmeter **out, fr_err *err);
/** Everything since open. */
FR_API int fr_wattmeter_read(fr_wattmeter *w, fr_draw *out, fr_err *err);
/** Everything since the last lap (the first: since open). Laps add up to what was read. */
FR_API int fr_wattmeter_lap(fr_wattmeter *w, fr_draw *out, fr_err *err);
/** Device i of the last window that was read or lapped; FR_E_NOT_FOUND after the last. */
FR_API int fr_wattmeter_device(const fr_wattmeter *w, size_t i, fr_draw_device *out, fr_err *err);
/** Why something is modelled and what would mend it; "" when nothing is to be said. Borrowed until
 * the next call. */
FR_API const char *fr_wattmeter_note(const fr_wattmeter *w);
/** NULL is fine. */
FR_API void fr_wattmeter_close(fr_wattmeter *w);

#ifdef __cplusplus
}
#endif
#endif
