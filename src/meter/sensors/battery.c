/*
 * A battery that empties: the whole machine's draw while nothing is plugged in, apart
 * (Documentation/ABI/testing/sysfs-class-power).
 *
 *     class/power_supply/NAME/type         "Battery"; NAME is the driver's own: BAT0,
 * macsmc-battery class/power_supply/NAME/scope        "Device": of a mouse or the like; else the
 * machine's class/power_supply/NAME/status       "Discharging": only then does it tell what is
 * drawn …/power_now                          microwatts; or …/voltage_now, …/current_now microvolts
 * and microamperes (of either sign)
 *
 * energy_now moves in steps of minutes, so watts are integrated.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "meter/meter_priv.h"
#include "tables/tables.h"

#define BATTERIES_MOST 2
#define PERIOD_S       0.5
#define IMPOSSIBLE_W   1000.0

typedef struct {
    char folder[352];
    fr_sysfile power, volts, amperes;
    double last_w, since_s;
} battery;

typedef struct {
    battery at[BATTERIES_MOST];
    size_t n;
} batteries;

static void find(const fr_bench *bench, batteries *all)
{
    char root[320], type[16], scope[16];
    char **names = NULL;
    size_t n = 0;
    snprintf(root, sizeof root, "%.256s/class/power_supply", bench->sysfs);
    if (fr_dir_list(root, &names, &n, NULL) != 0)
        return;
    for (size_t i = 0; i < n && all->n < BATTERIES_MOST; i++) {
        battery *b = &all->at[all->n];
        fr_sysfile_text(type, sizeof type, "%s/%.32s/type", root, names[i]);
        fr_sysfile_text(scope, sizeof scope, "%s/%.32s/scope", root, names[i]);
        if (strcmp(type, "Battery") != 0 || strcmp(scope, "Device") == 0)
            continue; /* a mouse's battery is none of ours */
        *b = (battery){ .power.fd = -1, .volts.fd = -1, .amperes.fd = -1, .last_w = NAN };
        snprintf(b->folder, sizeof b->folder, "%.300s/%.32s", root, names[i]);
        bool ok =
            fr_sysfile_open(&b->power, bench->is_moved, "%.340s/power_now", b->folder) == 0 ||
            (fr_sysfile_open(&b->volts, bench->is_moved, "%.340s/voltage_now", b->folder) == 0 &&
             fr_sysfile_open(&b->amperes, bench->is_moved, "%.340s/current_now", b->folder) == 0);
        all->n += ok;
    }
    fr_names_free(names, n);
}

/* NAN unless it empties. */
static double read_w(battery *b)
{
    char status[24];
    int64_t value, other;
    fr_sysfile_text(status, sizeof status, "%s/status", b->folder);
    if (strcmp(status, "Discharging") != 0)
        return NAN;
    double watts = NAN;
    if (b->amperes.path[0] == '\0') {
        if (fr_sysfile_read(&b->power, &value) == 0)
            watts = fabs((double)value) * 1e-6;
    } else if (fr_sysfile_read(&b->volts, &value) == 0 &&
               fr_sysfile_read(&b->amperes, &other) == 0) {
        watts = fabs((double)value * 1e-6 * (double)other * 1e-6);
    }
    return watts > 0 && watts <= IMPOSSIBLE_W ? watts : NAN;
}

static void close_all(batteries *all)
{
    for (size_t i = 0; i < all->n; i++) {
        fr_sysfile_close(&all->at[i].power);
        fr_sysfile_close(&all->at[i].volts);
        fr_sysfile_close(&all->at[i].amperes);
    }
    free(all);
}

static void battery_open(fr_bench *bench, void **state)
{
    batteries *all = FR_NEW(batteries);
    *state = NULL;
    find(bench, all);
    for (size_t i = 0; i < all->n; i++) {
        fr_channel *c = fr_bench_add(bench, FR_DEVICE_OTHER, "battery-%zu", i);
        if (c == NULL) {
            all->n = i;
            break;
        }
        c->is_counted = c->is_apart = true;
        c->error_ratio = fr_constant_of("battery_error_ratio").high;
        c->source = fr_source_f("battery %s", strrchr(all->at[i].folder, '/') + 1);
        fr_bench_need(bench, PERIOD_S);
    }
    if (all->n == 0) {
        close_all(all);
        return;
    }
    *state = all;
}

static void battery_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    batteries *all = state;
    for (size_t i = 0; i < all->n; i++) {
        battery *b = &all->at[i];
        double now_w = read_w(b);
        if (isnan(now_w)) { /* plugged in: that time is not this meter's */
            b->last_w = NAN;
            b->since_s = 0;
            deltas[i].gap = true;
            continue;
        }
        fr_delta_by_power(&b->last_w, &b->since_s, now_w, window->dt_s, &deltas[i]);
    }
}

static void battery_close(void *state)
{
    close_all(state);
}

static void battery_survey(fr_bench *bench, fr_sensor_state *out)
{
    batteries *all = FR_NEW(batteries);
    find(bench, all);
    bool empties = false;
    for (size_t i = 0; i < all->n; i++)
        empties |= !isnan(read_w(&all->at[i]));
    out->usable = empties;
    snprintf(out->found, sizeof out->found, "%s",
             all->n == 0 ? "none"
             : empties   ? "empties: the whole machine's draw, apart"
                         : "plugged in: it tells the machine's draw only while it empties");
    close_all(all);
}

const fr_sensor fr_sensor_battery = { .name = "battery",
                                      .open = battery_open,
                                      .sample = battery_sample,
                                      .close = battery_close,
                                      .survey = battery_survey };
