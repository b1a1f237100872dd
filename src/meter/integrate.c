#include <math.h>
#include <string.h>

#include "base/compiler.h"
#include "meter/meter_priv.h"

#define FLOOR_WINDOW_S 1.0

fr_range fr_range_scale(fr_range a, double by)
{
    return (fr_range){ a.low * by, a.mid * by, a.high * by };
}

fr_range fr_range_add(fr_range a, fr_range b)
{
    return (fr_range){ a.low + b.low, a.mid + b.mid, a.high + b.high };
}

fr_range fr_curve_w(const fr_curve *curve, double utilization_ratio)
{
    static const double AT[FR_CURVE_POINTS] = { 0, 0.1, 0.5, 1 };
    double u = fmin(fmax(utilization_ratio, 0), 1);
    size_t i = u < AT[1] ? 0 : u < AT[2] ? 1 : 2;
    double along = (u - AT[i]) / (AT[i + 1] - AT[i]);
    return fr_range_add(fr_range_scale(curve->at_w[i], 1 - along),
                        fr_range_scale(curve->at_w[i + 1], along));
}

static void add(fr_sums *to, const fr_sums *part)
{
    to->machine_j = fr_range_add(to->machine_j, part->machine_j);
    to->active_j = fr_range_add(to->active_j, part->active_j);
    to->idle_j = fr_range_add(to->idle_j, part->idle_j);
    to->rest_j = fr_range_add(to->rest_j, part->rest_j);
    to->total_low_j += part->total_low_j;
    to->total_high_j += part->total_high_j;
    to->busy_s += part->busy_s;
    to->capacity_s += part->capacity_s;
}

static double utilization_of(const fr_window *w)
{
    return w->capacity_s > 0 ? w->busy_s / w->capacity_s : 0;
}

/* The tree's part of the work in a window: its own time over everybody's, never rescaled. */
static fr_range share_of(const fr_window *w, const fr_delta *delta)
{
    if (delta->has_share)
        return delta->share;
    double share = w->is_whole ? 1 : w->busy_s > 0 ? fmin(w->tree_s / w->busy_s, 1) : 0;
    return (fr_range){ share, share, share };
}

/* By the curve alone: low, mid and high are three machines, each consistent in itself. */
static fr_sums by_curve(const fr_channel *c, const fr_window *w, const fr_delta *delta)
{
    fr_range share = share_of(w, delta);
    fr_range rest_j = fr_range_scale(fr_curve_w(&c->curve, 0), w->dt_s);
    double u = utilization_of(w);
    if (delta->has_share)
        u = delta->capacity_s > 0 ? delta->busy_s / delta->capacity_s : 0;
    fr_sums s = { .machine_j = fr_range_scale(fr_curve_w(&c->curve, u), w->dt_s),
                  .rest_j = rest_j };
    s.active_j = (fr_range){ (s.machine_j.low - rest_j.low) * share.low,
                             (s.machine_j.mid - rest_j.mid) * share.mid,
                             (s.machine_j.high - rest_j.high) * share.high };
    s.idle_j = fr_range_scale(rest_j, c->reserved_ratio);
    s.total_low_j = s.active_j.low + s.idle_j.low;
    s.total_high_j = s.active_j.high + s.idle_j.high;
    return s;
}

/* The lowest draw of a whole second bounds what the device draws at rest. */
static void follow_floor(fr_channel *c, double counted_j, double dt_s)
{
    c->floor_j += counted_j;
    c->floor_s += dt_s;
    if (c->floor_s < FLOOR_WINDOW_S)
        return;
    c->floor_w = fmin(c->floor_w, c->floor_j / c->floor_s);
    c->floor_j = c->floor_s = 0;
}

/*
 * By a counter. The machine's joules are counted; what of them is rest is the curve's word, bounded
 * by the lowest draw seen and by the count itself. With s the tree's share and r the reserved part,
 *     active = (M - I) s      idle = I r      total = M s + I (r - s)
 * so where the tree is alone at work the total is the count, whatever the rest is thought to be.
 */
static fr_sums by_counter(fr_channel *c, const fr_window *w, const fr_delta *delta)
{
    follow_floor(c, delta->counted_j, w->dt_s);
    double m = delta->counted_j, error = c->error_ratio;
    fr_range share = share_of(w, delta), rest_w = fr_curve_w(&c->curve, 0), rest_j;
    rest_j.mid = fmin(fmin(rest_w.mid, c->floor_w) * w->dt_s, m);
    rest_j.low = fmin(rest_w.low * w->dt_s, rest_j.mid);
    rest_j.high = fmax(fmin(fmin(rest_w.high, c->floor_w) * w->dt_s, m), rest_j.mid);
    fr_sums s = { .machine_j = { m * (1 - error), m, m * (1 + error) }, .rest_j = rest_j };
    s.active_j =
        (fr_range){ fmax(s.machine_j.low - rest_j.high, 0) * share.low,
                    (m - rest_j.mid) * share.mid, (s.machine_j.high - rest_j.low) * share.high };
    s.idle_j = fr_range_scale(rest_j, c->reserved_ratio);
    double r = c->reserved_ratio;
    s.total_low_j =
        s.machine_j.low * share.low + (r >= share.low ? rest_j.low : rest_j.high) * (r - share.low);
    s.total_high_j = s.machine_j.high * share.high +
                     (r >= share.high ? rest_j.high : rest_j.low) * (r - share.high);
    return s;
}

void fr_delta_by_power(double *last_w, double *since_s, double now_w, double dt_s, fr_delta *out)
{
    *since_s += dt_s;
    if (isnan(now_w))
        return;
    out->ok = true;
    out->counted_j = (isnan(*last_w) ? now_w : (*last_w + now_w) / 2) * *since_s;
    *last_w = now_w;
    *since_s = 0;
}

/* A meter of the whole machine that is silent is no zero: its time is not metered. */
static void integrate_whole(fr_channel *c, const fr_delta *delta, const fr_window *window)
{
    c->pending.dt_s += window->dt_s;
    c->has_gap |= delta->gap;
    if (delta->gap)
        c->pending.dt_s = 0;
    if (!delta->ok)
        return;
    double j = delta->counted_j;
    c->sums.machine_j = fr_range_add(
        c->sums.machine_j, (fr_range){ j * (1 - c->error_ratio), j, j * (1 + c->error_ratio) });
    c->sums.capacity_s += c->pending.dt_s;
    c->pending.dt_s = 0;
}

void fr_channel_read_whole(const fr_channel *c, fr_whole_reading *out)
{
    memcpy(out->name, c->name, sizeof out->name);
    out->source = c->source;
    out->energy_j = c->sums.machine_j.mid;
    out->low_j = c->sums.machine_j.low;
    out->high_j = c->sums.machine_j.high;
    out->metered_s = c->sums.capacity_s;
}

void fr_channel_integrate(fr_channel *c, const fr_delta *delta, const fr_window *window)
{
    if (c->is_apart) {
        integrate_whole(c, delta, window);
        return;
    }
    c->pending.dt_s += window->dt_s;
    c->pending.busy_s += window->busy_s;
    c->pending.tree_s += window->tree_s;
    c->pending.capacity_s += window->capacity_s;
    c->pending.is_whole = window->is_whole;
    fr_window w = c->pending;
    fr_sums part = c->is_counted && delta->ok ? by_counter(c, &w, delta) : by_curve(c, &w, delta);
    part.busy_s = delta->has_share ? delta->busy_s : w.busy_s;
    part.capacity_s = delta->has_share ? delta->capacity_s : w.capacity_s;
    memset(&c->standin, 0, sizeof c->standin);
    c->has_gap |= delta->gap;
    if (!delta->ok && !delta->gap) {
        c->standin = part; /* a silent counter is not zero; what it counted meanwhile comes later */
        return;
    }
    memset(&c->pending, 0, sizeof c->pending);
    add(&c->sums, &part);
}

void fr_channel_read(const fr_channel *c, fr_device_reading *out)
{
    fr_sums s = c->sums;
    add(&s, &c->standin);
    bool silent = c->has_gap || c->standin.machine_j.mid > 0;
    *out = (fr_device_reading){
        .kind = c->kind,
        .method = !c->is_counted ? FR_METHOD_MODELLED
                  : silent       ? FR_METHOD_MIXED
                                 : FR_METHOD_MEASURED,
        .source = c->source,
        .machine_j = s.machine_j.mid,
        .machine_low_j = s.machine_j.low,
        .machine_high_j = s.machine_j.high,
        .active_j = s.active_j.mid,
        .active_low_j = s.active_j.low,
        .active_high_j = s.active_j.high,
        .idle_j = s.idle_j.mid,
        .idle_low_j = s.idle_j.low,
        .idle_high_j = s.idle_j.high,
        .rest_j = s.rest_j.mid,
        .rest_low_j = s.rest_j.low,
        .rest_high_j = s.rest_j.high,
        .total_low_j = s.total_low_j,
        .total_high_j = s.total_high_j,
        .busy_s = s.busy_s,
        .capacity_s = s.capacity_s,
    };
    memcpy(out->name, c->name, sizeof out->name);
}
