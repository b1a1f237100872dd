/**
 * plan/horizon.h: what a way of doing a task costs over the whole time it is used: building it
 * once, answering n requests, and the idle of the hosting.
 *
 *     fr_horizon h = { .days = 365, .hosting = FR_HOSTING_SLEEPS, .idle_power_w = 18 };
 *     fr_option_cost c = { .build_j = 900, .load_j = 0.2, .request_j = 0.4, .request_active_j = 0.3
 * }; double joules = fr_horizon_j(&h, &c, 365000);
 *
 * Hosting says whose idle the horizon carries:
 *   always-on  the host draws its idle power day and night; requests add their own work
 *   sleeps     nothing is drawn between requests, but each one then has to wake the model (load_j),
 *              unless staying awake is cheaper, which is always-on's sum. (With requests at random
 *              times the best waiting time is either none or for ever, so no time-out has to be
 *              assumed.)
 *   batch      requests are gathered and answered once a day: one load a day, no idle between
 */
#ifndef FR_PLAN_HORIZON_H
#define FR_PLAN_HORIZON_H

#include <stdbool.h>
#include <stddef.h>

typedef enum fr_hosting {
    FR_HOSTING_NONE,
    FR_HOSTING_ALWAYS_ON,
    FR_HOSTING_SLEEPS,
    FR_HOSTING_BATCH
} fr_hosting;
const char *fr_hosting_name(fr_hosting h); /* "always-on", "sleeps", "batch"; "none" */

typedef struct {
    double days;
    fr_hosting hosting;
    double idle_power_w; /* of the host's share that waits for requests; 0 when unknown */
} fr_horizon;

/** All in J. NAN in a field makes the sum NAN: an unknown is never a zero. */
typedef struct {
    double build_j;
    double load_j;           /* waking up: mapping and packing weights, opening an index */
    double request_j;        /* with the idle of its own seconds */
    double request_active_j; /* by its own work alone */
} fr_option_cost;

/** Energy of `requests` requests over the horizon [J]. */
double fr_horizon_j(const fr_horizon *h, const fr_option_cost *c, double requests);

/** Whether the host draws its idle power day and night: always on, or asleep never worth it. */
bool fr_horizon_is_awake(const fr_horizon *h, const fr_option_cost *c, double requests);

/**
 * How often the model is woken over the horizon: once (always on, or asleep never worth it), once a
 * day (batch), for each request. Whoever counts seconds beside the joules counts these loads, too.
 */
double fr_horizon_loads(const fr_horizon *h, const fr_option_cost *c, double requests);

/** From `requests` requests on, option `to` costs least (before: `from`). */
typedef struct {
    double requests;
    size_t from, to; /* indices of options */
} fr_crossing;

/**
 * All numbers of requests from 1 to `most` at which the option of least energy changes, rising.
 *
 * options   [n]; those with an unknown cost are never the least.
 * out       [cap]; the first cap crossings. Returns how many there are.
 * Exact: costs are piecewise linear in the number of requests, so lines are intersected.
 */
size_t fr_horizon_crossings(const fr_horizon *h, const fr_option_cost *options, size_t n,
                            double most, fr_crossing *out, size_t cap);

#endif
