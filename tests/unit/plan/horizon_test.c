/* Costs over a horizon, and where the cheapest option changes, against walking all numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fixture.h"

#include <math.h>

#include "base/random.h"
#include "plan/horizon.h"

static void each_hosting_carries_its_own_idle(void **state)
{
    (void)state;
    fr_option_cost c = { .build_j = 1000, .load_j = 10, .request_j = 2, .request_active_j = 1.5 };
    fr_horizon h = { .days = 1, .hosting = FR_HOSTING_ALWAYS_ON, .idle_power_w = 0.5 };
    assert_float_equal(fr_horizon_j(&h, &c, 100), 1000 + 10 + 150 + 0.5 * 86400, 1e-6);
    h.hosting = FR_HOSTING_BATCH; /* one load a day */
    assert_float_equal(fr_horizon_j(&h, &c, 100), 1000 + 10 + 200, 1e-6);
    h.hosting =
        FR_HOSTING_SLEEPS; /* a hundred wake-ups at 10 J are cheaper than 43 kJ of waiting */
    assert_float_equal(fr_horizon_j(&h, &c, 100), 1000 + 200 + 1000, 1e-6);
    /* a million requests a day: staying awake is, and idle is counted once */
    assert_float_equal(fr_horizon_j(&h, &c, 1e6), 1000 + 10 + 1.5e6 + 43200, 1e-3);
    h.hosting = FR_HOSTING_ALWAYS_ON;
    const double always_j = fr_horizon_j(&h, &c, 1e6);
    h.hosting = FR_HOSTING_SLEEPS;
    assert_float_equal(fr_horizon_j(&h, &c, 1e6), always_j, 1e-3);
    h.idle_power_w = 0; /* nobody knows the idle power: then no waiting is assumed */
    assert_float_equal(fr_horizon_j(&h, &c, 1e6), 1000 + 2e6 + 1e7, 1e-3);
}

/* The loads that are counted in seconds are those that the joules hold. */
static void loads_are_those_that_the_energy_holds(void **state)
{
    (void)state;
    fr_option_cost c = { .build_j = 0, .load_j = 10 };
    for (int hosting = FR_HOSTING_BATCH; hosting >= FR_HOSTING_SLEEPS; hosting--) {
        fr_horizon h = { .days = 3, .hosting = (fr_hosting)hosting, .idle_power_w = 0.5 };
        assert_float_equal(fr_horizon_j(&h, &c, 100), 10 * fr_horizon_loads(&h, &c, 100), 1e-9);
    }
    fr_horizon h = { .days = 1, .hosting = FR_HOSTING_SLEEPS, .idle_power_w = 0.5 };
    assert_float_equal(fr_horizon_loads(&h, &c, 1e6), 1, 0); /* waiting is cheaper than waking */
}

static void an_unknown_part_makes_the_sum_unknown(void **state)
{
    (void)state;
    for (int hosting = FR_HOSTING_ALWAYS_ON; hosting <= FR_HOSTING_BATCH; hosting++) {
        fr_horizon h = { .days = 1, .hosting = (fr_hosting)hosting, .idle_power_w = 1 };
        fr_option_cost all[3] = { { NAN, 0, 1, 1 }, { 0, NAN, 1, 1 }, { 0, 0, NAN, NAN } };
        for (size_t i = 0; i < 3; i++)
            assert_true(isnan(fr_horizon_j(&h, &all[i], 10)));
    }
}

static size_t least(const fr_horizon *h, const fr_option_cost *o, size_t n, double requests)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++) {
        double j = fr_horizon_j(h, &o[i], requests);
        if (!isnan(j) && (best == n || j < fr_horizon_j(h, &o[best], requests)))
            best = i;
    }
    return best;
}

static void crossings_are_those_that_walking_all_numbers_finds(void **state)
{
    (void)state;
    enum { MOST = 3000 };
    size_t seen = 0;
    for (uint64_t trial = 0; trial < 300; trial++) {
        fr_horizon h = { .days = 1,
                         .hosting = (fr_hosting)(1 + trial % 3),
                         .idle_power_w = 0.02 * fr_random_f64(3, FR_RANDOM_TEST, trial, 90) };
        fr_option_cost o[5];
        for (size_t i = 0; i < 5; i++) {
            double u[3];
            for (size_t k = 0; k < 3; k++)
                u[k] = fr_random_f64(3, FR_RANDOM_TEST, trial, 3 * i + k);
            o[i] = (fr_option_cost){ 2000 * u[0], 3 * u[1], 2 * u[2], 1.5 * u[2] };
        }
        if (trial % 7 == 0)
            o[2].request_j = o[2].request_active_j = NAN;
        fr_crossing found[64];
        size_t n = fr_horizon_crossings(&h, o, 5, MOST, found, 64); /* when */
        size_t at = 0, before = least(&h, o, 5, 1);                 /* then */
        for (int requests = 2; requests < MOST; requests++) {
            size_t now = least(&h, o, 5, requests);
            if (now == before)
                continue;
            while (at < n && found[at].to != now) /* one that lasts less than a request */
                at++;
            assert_true(at < n);
            assert_true(found[at].requests <= requests && found[at].requests >= requests - 1);
            at++;
            seen++;
            before = now;
        }
        for (size_t k = 0; k < n; k++) {
            assert_true(found[k].from != found[k].to);
            assert_true(k == 0 || (found[k - 1].requests <= found[k].requests &&
                                   found[k - 1].to == found[k].from));
        }
    }
    assert_true(seen > 100);
}

static void one_option_or_none_never_crosses(void **state)
{
    (void)state;
    fr_horizon h = { .days = 1, .hosting = FR_HOSTING_SLEEPS, .idle_power_w = 1 };
    fr_option_cost one = { 10, 1, 1, 1 };
    fr_crossing found[4];
    assert_int_equal(fr_horizon_crossings(&h, &one, 1, 1e12, found, 4), 0);
    assert_int_equal(fr_horizon_crossings(&h, NULL, 0, 1e12, found, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hosting_carries_its_own_idle),
        cmocka_unit_test(loads_are_those_that_the_energy_holds),
        cmocka_unit_test(an_unknown_part_makes_the_sum_unknown),
        cmocka_unit_test(crossings_are_those_that_walking_all_numbers_finds),
        cmocka_unit_test(one_option_or_none_never_crosses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
