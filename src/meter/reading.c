#include <math.h>
#include <stdio.h>
#include <string.h>

#include "meter/meter.h"

static const char *const KINDS[] = { "none",        "cpu",     "dram",    "gpu",
                                     "accelerator", "storage", "network", "other" };

const char *fr_device_kind_name(fr_device_kind kind)
{
    return (unsigned)kind <= FR_DEVICE_OTHER ? KINDS[kind] : KINDS[0];
}

static const fr_device_reading *find(const fr_reading *r, const fr_device_reading *like)
{
    for (size_t i = 0; i < r->n_devices; i++) {
        if (r->devices[i].kind == like->kind && strcmp(r->devices[i].name, like->name) == 0)
            return &r->devices[i];
    }
    return NULL;
}

static void subtract(fr_device_reading *a, const fr_device_reading *b)
{
    a->machine_j -= b->machine_j;
    a->machine_low_j -= b->machine_low_j;
    a->machine_high_j -= b->machine_high_j;
    a->active_j -= b->active_j;
    a->active_low_j -= b->active_low_j;
    a->active_high_j -= b->active_high_j;
    a->idle_j -= b->idle_j;
    a->idle_low_j -= b->idle_low_j;
    a->idle_high_j -= b->idle_high_j;
    a->rest_j -= b->rest_j;
    a->rest_low_j -= b->rest_low_j;
    a->rest_high_j -= b->rest_high_j;
    a->total_low_j -= b->total_low_j;
    a->total_high_j -= b->total_high_j;
    a->busy_s -= b->busy_s;
    a->capacity_s -= b->capacity_s;
}

void fr_reading_copy(fr_reading *to, const fr_reading *from)
{
    memmove(to, from, offsetof(fr_reading, devices) + from->n_devices * sizeof from->devices[0]);
}

void fr_reading_between(const fr_reading *earlier, const fr_reading *later, fr_reading *out)
{
    fr_reading window;
    fr_reading_copy(&window, later);
    window.duration_s = (double)(later->monotonic_ns - earlier->monotonic_ns) * 1e-9;
    window.cpu_s -= earlier->cpu_s;
    window.machine_cpu_s -= earlier->machine_cpu_s;
    window.gpu_s -= earlier->gpu_s;
    window.meter_cpu_s -= earlier->meter_cpu_s;
    window.samples -= earlier->samples;
    window.missed -= earlier->missed;
    for (size_t i = 0; i < window.n_wholes; i++) {
        for (size_t k = 0; k < earlier->n_wholes; k++) {
            if (strcmp(earlier->wholes[k].name, window.wholes[i].name) != 0)
                continue;
            window.wholes[i].energy_j -= earlier->wholes[k].energy_j;
            window.wholes[i].low_j -= earlier->wholes[k].low_j;
            window.wholes[i].high_j -= earlier->wholes[k].high_j;
            window.wholes[i].metered_s -= earlier->wholes[k].metered_s;
        }
    }
    for (size_t i = 0; i < window.n_devices; i++) {
        const fr_device_reading *before = find(earlier, &window.devices[i]);
        if (before != NULL)
            subtract(&window.devices[i], before);
    }
    fr_reading_copy(out, &window);
}

typedef enum { ACTIVE, IDLE, TOTAL, MACHINE } part;

static fr_energy part_of(const fr_device_reading *d, part which)
{
    fr_energy e = { .method = d->method, .source = d->source };
    switch (which) {
    case ACTIVE:
        e.value_j = d->active_j, e.low_j = d->active_low_j, e.high_j = d->active_high_j;
        break;
    case IDLE:
        e.value_j = d->idle_j, e.low_j = d->idle_low_j, e.high_j = d->idle_high_j;
        break;
    case TOTAL:
        e.value_j = d->active_j + d->idle_j, e.low_j = d->total_low_j, e.high_j = d->total_high_j;
        break;
    case MACHINE:
        e.value_j = d->machine_j, e.low_j = d->machine_low_j, e.high_j = d->machine_high_j;
        break;
    }
    return e;
}

static fr_energy sum(const fr_reading *r, fr_device_kind kind, part which)
{
    fr_energy e = fr_energy_unknown();
    for (size_t i = 0; i < r->n_devices; i++) {
        if (kind != FR_DEVICE_NONE && r->devices[i].kind != kind)
            continue;
        fr_energy device = part_of(&r->devices[i], which);
        e = isnan(e.value_j) && e.method == FR_METHOD_NONE ? device : fr_energy_add(e, device);
    }
    return e;
}

fr_energy fr_reading_active(const fr_reading *r, fr_device_kind kind)
{
    return sum(r, kind, ACTIVE);
}

fr_energy fr_reading_idle(const fr_reading *r, fr_device_kind kind)
{
    return sum(r, kind, IDLE);
}

fr_energy fr_reading_total(const fr_reading *r)
{
    return sum(r, FR_DEVICE_NONE, TOTAL);
}

fr_energy fr_reading_machine(const fr_reading *r)
{
    return sum(r, FR_DEVICE_NONE, MACHINE);
}

fr_energy fr_reading_overhead(const fr_reading *r)
{
    fr_energy e = fr_energy_unknown();
    if (!(r->machine_cpu_s > 0))
        return r->meter_cpu_s > 0 ? e : fr_energy_zero();
    double share = fmin(r->meter_cpu_s / r->machine_cpu_s, 1);
    for (size_t i = 0; i < r->n_devices; i++) {
        const fr_device_reading *d = &r->devices[i];
        if (d->kind != FR_DEVICE_CPU && d->kind != FR_DEVICE_DRAM)
            continue;
        fr_energy work = { d->machine_j - d->idle_j, d->machine_low_j - d->idle_low_j,
                           d->machine_high_j - d->idle_high_j, d->method, d->source };
        work = fr_energy_scale(work, share);
        e = isnan(e.value_j) && e.method == FR_METHOD_NONE ? work : fr_energy_add(e, work);
    }
    return e;
}
