/*
 * Trainium and Inferentia. AWS publishes no watts; its driver tells a percentage of a maximum that
 * is not published either ("Neuron Sysfs User Guide", awsdocs-neuron.readthedocs-hosted.com):
 *
 *     devices/virtual/neuron_device/neuronN/stats/power/utilization
 *         "POWER_STATUS_VALID,1742490440,5.24,5.31,5.27"   status, time, least, most, mean percent
 *
 * "neuron-power 1": watts = percent x neuron_max_w, whose range is wide. What is drawn at rest is
 * the lowest percentage seen, and is no work. Always modelled, whoever's percentage it is. A device
 * that is there and tells none (an older driver, POWER_STATUS_NO_DATA) draws as a GPU does at rest,
 * and anything up to the maximum as the range.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "meter/meter_priv.h"
#include "tables/tables.h"

#define FOLDER       "devices/virtual/neuron_device"
#define DEVICES_MOST 16

typedef struct {
    char sysfs[256];
    int number[DEVICES_MOST];
    double rest_ratio[DEVICES_MOST], now_ratio[DEVICES_MOST];
    fr_channel *channel[DEVICES_MOST];
    size_t n;
} neurons;

/* The mean share of the maximum; NAN: not told, or not valid. */
static double read_ratio(const char *sysfs, int number)
{
    char text[160];
    double least, most, mean;
    if (!fr_sysfile_text(text, sizeof text, "%.256s/" FOLDER "/neuron%d/stats/power/utilization",
                         sysfs, number) ||
        sscanf(text, "POWER_STATUS_VALID,%*[0-9],%lf,%lf,%lf", &least, &most, &mean) != 3)
        return NAN;
    return mean >= 0 && mean <= 100 ? mean / 100 : NAN;
}

static void find(const char *sysfs, neurons *all)
{
    char folder[320];
    snprintf(all->sysfs, sizeof all->sysfs, "%s", sysfs);
    snprintf(folder, sizeof folder, "%.256s/" FOLDER, sysfs);
    if (!fr_dir_exists(folder))
        return;
    for (int i = 0; i < DEVICES_MOST; i++) {
        double ratio = read_ratio(sysfs, i);
        snprintf(folder, sizeof folder, "%.256s/" FOLDER "/neuron%d", sysfs, i);
        if (isnan(ratio) && !fr_dir_exists(folder))
            continue;
        all->number[all->n] = i;
        all->rest_ratio[all->n] = all->now_ratio[all->n] = ratio;
        all->n++;
    }
}

/* From rest to the maximum in a straight line. */
static void set_curve(fr_channel *c, double rest_ratio)
{
    static const double AT[FR_CURVE_POINTS] = { 0, 0.1, 0.5, 1 };
    fr_constant most = fr_constant_of("neuron_max_w");
    fr_range most_w = { most.low, most.mid, most.high };
    for (size_t i = 0; i < FR_CURVE_POINTS; i++)
        c->curve.at_w[i] = fr_range_scale(most_w, rest_ratio + (1 - rest_ratio) * AT[i]);
}

static void set_silent_curve(fr_channel *c)
{
    fr_constant most = fr_constant_of("neuron_max_w"),
                idle = fr_constant_of("gpu_idle_of_tdp_ratio");
    for (size_t i = 0; i < FR_CURVE_POINTS; i++)
        c->curve.at_w[i] = (fr_range){ most.low * idle.low, most.mid * idle.mid, most.high };
}

static void neuron_open(fr_bench *bench, void **state)
{
    neurons *all = FR_NEW(neurons);
    *state = NULL;
    find(bench->sysfs, all);
    for (size_t i = 0; i < all->n; i++) {
        fr_channel *c = fr_bench_add(bench, FR_DEVICE_ACCELERATOR, "neuron-%d", all->number[i]);
        if (c == NULL) {
            all->n = i;
            break;
        }
        c->source = fr_source_f("model neuron-power 1 (%g W at most, unpublished)",
                                fr_constant_of("neuron_max_w").mid);
        all->channel[i] = c;
        if (!isnan(all->rest_ratio[i])) {
            set_curve(c, all->rest_ratio[i]);
            continue;
        }
        set_silent_curve(c);
        fr_bench_note(bench, "%s tells no power: modelled as at rest, and up to its maximum",
                      c->name);
    }
    if (all->n == 0) {
        free(all);
        return;
    }
    *state = all;
}

static void neuron_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    static const fr_range NOBODY_KNOWS = { 0, 1, 1 };
    neurons *all = state;
    for (size_t i = 0; i < all->n; i++) {
        double ratio = read_ratio(all->sysfs, all->number[i]);
        if (!isnan(ratio))
            all->now_ratio[i] = ratio;
        if (isnan(all->rest_ratio[i]) || all->now_ratio[i] < all->rest_ratio[i]) {
            all->rest_ratio[i] = all->now_ratio[i];
            if (!isnan(all->rest_ratio[i]))
                set_curve(all->channel[i], all->rest_ratio[i]);
        }
        double above = all->now_ratio[i] - all->rest_ratio[i];
        deltas[i] = (fr_delta){
            .ok = true, .has_share = true, .share = NOBODY_KNOWS, .capacity_s = window->dt_s
        };
        if (all->rest_ratio[i] < 1)
            deltas[i].busy_s = window->dt_s * above / (1 - all->rest_ratio[i]);
    }
}

static void neuron_close(void *state)
{
    free(state);
}

static void neuron_survey(fr_bench *bench, fr_sensor_state *out)
{
    neurons *all = FR_NEW(neurons);
    find(bench->sysfs, all);
    size_t n_silent = 0;
    for (size_t i = 0; i < all->n; i++)
        n_silent += isnan(all->rest_ratio[i]);
    out->usable = all->n > 0;
    if (n_silent > 0)
        snprintf(out->found, sizeof out->found,
                 "%zu device%s, %zu of which tell no power: those are modelled as at rest", all->n,
                 all->n == 1 ? "" : "s", n_silent);
    else if (all->n > 0)
        snprintf(out->found, sizeof out->found,
                 "%zu device%s: a share of an unpublished maximum, so modelled", all->n,
                 all->n == 1 ? "" : "s");
    else
        snprintf(out->found, sizeof out->found, "no Neuron device");
    free(all);
}

const fr_sensor fr_sensor_neuron = { .name = "neuron",
                                     .open = neuron_open,
                                     .sample = neuron_sample,
                                     .close = neuron_close,
                                     .survey = neuron_survey };
