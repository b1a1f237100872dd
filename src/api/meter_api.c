/* The meter's public face: plain C structs in front of meter/ and carbon/. */
#include <frugal/meter.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "carbon/carbon.h"
#include "meter/meter.h"

#define STRUCT_MOST 4096

struct fr_wattmeter {
    fr_meter *meter;
    fr_place place;
    fr_embodied embodied;
    fr_reading opened, lapped, window; /* window: the last that was told */
};

static int bad_size(size_t stated, fr_err *err)
{
    return fr_fail(err, FR_E_USAGE, "Set .size to sizeof of the struct.",
                   "a struct states a size of %zu bytes", stated);
}

int fr_wattmeter_open(const fr_wattmeter_options *options, fr_wattmeter **out, fr_err *err)
{
    fr_wattmeter_options o = { 0 };
    *out = NULL;
    if (options != NULL) {
        if (options->size < offsetof(fr_wattmeter_options, period_s) || options->size > STRUCT_MOST)
            return bad_size(options->size, err);
        memcpy(&o, options, FR_MIN(sizeof o, options->size));
    }
    fr_place place;
    FR_TRY(fr_place_resolve(&(fr_place_options){ .region = o.region,
                                                 .zone = o.zone,
                                                 .intensity_g_per_kwh = o.intensity_g_per_kwh,
                                                 .pue = o.pue },
                            &place, err));
    fr_wattmeter *w = FR_NEW(fr_wattmeter);
    w->place = place;
    w->embodied = fr_embodied_of_this_host();
    fr_meter_options inner = { .pid = (pid_t)o.pid, .period_s = o.period_s };
    int rc = fr_meter_open(&inner, &w->meter, err);
    if (rc == 0)
        rc = fr_meter_read(w->meter, &w->opened, err);
    if (rc != 0) {
        fr_wattmeter_close(w);
        return rc;
    }
    w->lapped = w->window = w->opened;
    *out = w;
    return 0;
}

static void tell(const fr_wattmeter *w, fr_draw *out)
{
    const fr_reading *r = &w->window;
    fr_draw d = { .size = out->size,
                  .duration_s = r->duration_s,
                  .cpu_s = r->cpu_s,
                  .gpu_s = r->gpu_s,
                  .total = fr_reading_total(r),
                  .active = fr_reading_active(r, FR_DEVICE_NONE),
                  .idle = fr_reading_idle(r, FR_DEVICE_NONE),
                  .machine = fr_reading_machine(r),
                  .overhead = fr_reading_overhead(r),
                  .intensity_g_per_kwh = w->place.intensity_g_per_kwh,
                  .zone = w->place.zone,
                  .place_assumed = w->place.assumed };
    fr_carbon c = fr_carbon_of(d.total, &w->place, fr_embodied_g(&w->embodied, r->duration_s));
    d.carbon_g = c.total_g;
    d.carbon_low_g = c.operational_low_g + c.embodied_g;
    d.carbon_high_g = c.operational_high_g + c.embodied_g;
    d.embodied_g = c.embodied_g;
    memcpy(out, &d, FR_MIN(sizeof d, out->size));
}

static int read_since(fr_wattmeter *w, const fr_reading *since, fr_reading *now, fr_draw *out,
                      fr_err *err)
{
    if (out->size < offsetof(fr_draw, total) || out->size > STRUCT_MOST)
        return bad_size(out->size, err);
    FR_TRY(fr_meter_read(w->meter, now, err));
    fr_reading_between(since, now, &w->window);
    tell(w, out);
    return 0;
}

int fr_wattmeter_read(fr_wattmeter *w, fr_draw *out, fr_err *err)
{
    fr_reading *now = FR_NEW(fr_reading);
    int rc = read_since(w, &w->opened, now, out, err);
    free(now);
    return rc;
}

int fr_wattmeter_lap(fr_wattmeter *w, fr_draw *out, fr_err *err)
{
    fr_reading *now = FR_NEW(fr_reading);
    int rc = read_since(w, &w->lapped, now, out, err);
    if (rc == 0)
        w->lapped = *now;
    free(now);
    return rc;
}

int fr_wattmeter_device(const fr_wattmeter *w, size_t i, fr_draw_device *out, fr_err *err)
{
    if (out->size < offsetof(fr_draw_device, active) || out->size > STRUCT_MOST)
        return bad_size(out->size, err);
    if (i >= w->window.n_devices)
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "there are %zu devices", w->window.n_devices);
    const fr_device_reading *d = &w->window.devices[i];
    fr_draw_device told = {
        .size = out->size,
        .name = d->name,
        .kind = fr_device_kind_name(d->kind),
        .active = { d->active_j, d->active_low_j, d->active_high_j, d->method, d->source },
        .idle = { d->idle_j, d->idle_low_j, d->idle_high_j, d->method, d->source },
        .machine = { d->machine_j, d->machine_low_j, d->machine_high_j, d->method, d->source },
        .utilization_ratio = d->capacity_s > 0 ? d->busy_s / d->capacity_s : NAN,
    };
    memcpy(out, &told, FR_MIN(sizeof told, out->size));
    return 0;
}

const char *fr_wattmeter_note(const fr_wattmeter *w)
{
    return w->window.note;
}

void fr_wattmeter_close(fr_wattmeter *w)
{
    if (w == NULL)
        return;
    fr_meter_close(w->meter);
    free(w);
}
