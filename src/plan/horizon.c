#include "plan/horizon.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

#define DAY_S 86400.0

const char *fr_hosting_name(fr_hosting h)
{
    static const char *const NAMES[] = { "none", "always-on", "sleeps", "batch" };
    return NAMES[h];
}

/* One load, idle day and night, and of each request its own work. */
static double awake_j(const fr_horizon *h, const fr_option_cost *c, double requests)
{
    return c->load_j + requests * c->request_active_j + h->idle_power_w * h->days * DAY_S;
}

/* Whether anybody can say what staying awake draws. */
static bool may_stay_awake(const fr_horizon *h, const fr_option_cost *c)
{
    return h->idle_power_w > 0 && !isnan(c->request_active_j);
}

double fr_horizon_j(const fr_horizon *h, const fr_option_cost *c, double requests)
{
    switch (h->hosting) {
    case FR_HOSTING_ALWAYS_ON:
        return c->build_j + awake_j(h, c, requests);
    case FR_HOSTING_BATCH:
        return c->build_j + requests * c->request_j + h->days * c->load_j;
    case FR_HOSTING_SLEEPS:
    case FR_HOSTING_NONE:
        break;
    }
    /* a load that nobody knows is not free: fmin() would drop the NAN */
    if (isnan(c->load_j))
        return NAN;
    double asleep_j = requests * (c->request_j + c->load_j);
    return c->build_j + (may_stay_awake(h, c) ? fmin(asleep_j, awake_j(h, c, requests)) : asleep_j);
}

bool fr_horizon_is_awake(const fr_horizon *h, const fr_option_cost *c, double requests)
{
    if (h->hosting == FR_HOSTING_ALWAYS_ON || h->hosting == FR_HOSTING_BATCH)
        return h->hosting == FR_HOSTING_ALWAYS_ON;
    return may_stay_awake(h, c) && requests * (c->request_j + c->load_j) > awake_j(h, c, requests);
}

double fr_horizon_loads(const fr_horizon *h, const fr_option_cost *c, double requests)
{
    if (h->hosting == FR_HOSTING_BATCH)
        return h->days;
    return fr_horizon_is_awake(h, c, requests) ? 1 : requests;
}

static size_t least(const fr_horizon *h, const fr_option_cost *options, size_t n, double requests)
{
    size_t best = n;
    double best_j = INFINITY;
    for (size_t i = 0; i < n; i++) {
        double joules = fr_horizon_j(h, &options[i], requests);
        if (joules < best_j) { /* false for NAN; the earlier one wins a draw */
            best = i;
            best_j = joules;
        }
    }
    return best;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct {
    double *at;
    size_t n, cap;
    double most;
} points;

static void put_point(points *p, double requests)
{
    if (!(requests >= 1 && requests <= p->most))
        return;
    FR_GROW(p->at, p->n, p->cap);
    p->at[p->n++] = requests;
}

/* The two straight pieces of an option's cost: fixed + slope × requests, waking at each request or
 * awake all the time. Other hostings have one piece. */
static size_t pieces_of(const fr_horizon *h, const fr_option_cost *c, double fixed[2],
                        double slope[2])
{
    const double at_zero_j = fr_horizon_j(h, c, 0);
    switch (h->hosting) {
    case FR_HOSTING_ALWAYS_ON:
        fixed[0] = at_zero_j;
        slope[0] = c->request_active_j;
        return 1;
    case FR_HOSTING_BATCH:
        fixed[0] = at_zero_j;
        slope[0] = c->request_j;
        return 1;
    case FR_HOSTING_SLEEPS:
    case FR_HOSTING_NONE:
        break;
    }
    fixed[0] = at_zero_j;
    slope[0] = c->request_j + c->load_j;
    fixed[1] = c->build_j + awake_j(h, c, 0);
    slope[1] = c->request_active_j;
    return may_stay_awake(h, c) ? 2 : 1;
}

size_t fr_horizon_crossings(const fr_horizon *h, const fr_option_cost *options, size_t n,
                            double most, fr_crossing *out, size_t cap)
{
    points p = { .most = most };
    put_point(&p, 1);
    put_point(&p, most);
    for (size_t i = 0; i < n; i++) {
        double fixed_i[2], slope_i[2], fixed_j[2], slope_j[2];
        size_t n_i = pieces_of(h, &options[i], fixed_i, slope_i);
        put_point(&p, n_i == 2 ? (fixed_i[1] - fixed_i[0]) / (slope_i[0] - slope_i[1]) : NAN);
        for (size_t j = 0; j < i; j++) {
            size_t n_j = pieces_of(h, &options[j], fixed_j, slope_j);
            for (size_t a = 0; a < n_i; a++) {
                for (size_t b = 0; b < n_j; b++)
                    put_point(&p, (fixed_j[b] - fixed_i[a]) / (slope_i[a] - slope_j[b]));
            }
        }
    }
    fr_sort(p.at, p.n, sizeof(*p.at), by_value);
    size_t found = 0, before = n;
    for (size_t k = 0; k + 1 < p.n; k++) { /* between two points nothing changes */
        if (p.at[k + 1] - p.at[k] <= p.at[k] * 1e-12)
            continue;
        size_t now = least(h, options, n, 0.5 * (p.at[k] + p.at[k + 1]));
        if (now == n)
            break;
        if (before != n && now != before) {
            if (found < cap)
                out[found] = (fr_crossing){ p.at[k], before, now };
            found++;
        }
        before = now;
    }
    free(p.at);
    return found;
}
