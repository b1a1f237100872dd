#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "meter/token_energy.h"

/* A made-up machine: so many watts at rest, so many joules a token, and noise of the draw. */
typedef struct {
    double idle_w, token_j[2], noise_w;
    uint64_t seed;
    fr_served_counts counts;
} machine;

static double noise(machine *m) /* uniform in -1 … 1; the generator is splitmix64 */
{
    uint64_t z = m->seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 4503599627370496.0 - 1;
}

static machine machine_of(size_t n_models, double noise_w, uint64_t seed)
{
    machine m = { .idle_w = 60, .token_j = { 0.5, 2 }, .noise_w = noise_w, .seed = seed };
    m.counts.engine = "vllm";
    m.counts.n_models = n_models;
    for (size_t i = 0; i < n_models; i++)
        snprintf(m.counts.models[i].model, sizeof m.counts.models[i].model, "model-%zu", i);
    return m;
}

/* Ten seconds in which the models make so many tokens. */
static void pass(machine *m, fr_token_energy *t, double a, double b)
{
    double joules =
        10 * (m->idle_w + m->noise_w * noise(m)) + a * m->token_j[0] + b * m->token_j[1];
    m->counts.models[0].generated_tokens += a;
    m->counts.models[0].running = 0; /* at the end of the ten seconds */
    if (m->counts.n_models > 1) {
        m->counts.models[1].generated_tokens += b;
        m->counts.models[1].running = 0;
    }
    fr_token_energy_add(t, &m->counts,
                        (fr_energy){ joules, joules, joules, FR_METHOD_MEASURED, "x" }, 10);
}

static void quiet_intervals_tell_idle_and_tokens_apart(void **state)
{
    (void)state;
    fr_token_energy *t = fr_token_energy_new();
    machine m = machine_of(1, 0, 1);
    fr_token_cost cost[FR_SERVED_MODELS];
    pass(&m, t, 0, 0); /* where the counters stood */
    for (int i = 0; i < 20; i++)
        pass(&m, t, i % 2 == 0 ? 0 : 100 + 10 * i, 0);
    assert_int_equal(fr_token_energy_tell(t, cost), 1);
    assert_int_equal(cost[0].way, FR_TOKENS_BY_QUIET);
    assert_float_equal(cost[0].token_j, 0.5, 1e-9);
    assert_float_equal(cost[0].idle_w, 60, 1e-9);
    assert_float_equal(cost[0].low_j, 0.5, 1e-6);
    assert_float_equal(cost[0].high_j, 0.5, 1e-6);
    double tokens = cost[0].generated_tokens;
    assert_float_equal(cost[0].all_j, (0.5 * tokens + 60 * 200) / tokens, 1e-9);
    fr_token_energy_free(t);
}

/* As TGI and llama-server do: all tokens of a request are counted when it ends. */
static void tokens_that_are_counted_late_cost_the_same(void **state)
{
    (void)state;
    fr_token_energy *t = fr_token_energy_new();
    machine m = machine_of(1, 0, 1);
    fr_token_cost cost[FR_SERVED_MODELS];
    for (int request = 0; request < 12; request++) {
        pass(&m, t, 0, 0);
        for (int i = 0; i < 4; i++) {
            double joules = 10 * 60 + 100 * 0.5;
            m.counts.models[0].generated_tokens += i == 3 ? 400 : 0;
            m.counts.models[0].running = i < 3;
            fr_token_energy_add(t, &m.counts,
                                (fr_energy){ joules, joules, joules, FR_METHOD_MEASURED, "x" }, 10);
        }
    }
    fr_token_energy_tell(t, cost);
    assert_int_equal(cost[0].way, FR_TOKENS_BY_QUIET);
    assert_float_equal(cost[0].token_j, 0.5, 1e-9);
    fr_token_energy_free(t);
}

static void without_quiet_the_line_of_draw_on_rate_tells(void **state)
{
    (void)state;
    fr_token_energy *t = fr_token_energy_new();
    machine m = machine_of(1, 0, 1);
    fr_token_cost cost[FR_SERVED_MODELS];
    for (int i = 0; i < 30; i++)
        pass(&m, t, 50 + 13 * (i % 7), 0);
    fr_token_energy_tell(t, cost);
    assert_int_equal(cost[0].way, FR_TOKENS_BY_FIT);
    assert_float_equal(cost[0].token_j, 0.5, 1e-6);
    assert_float_equal(cost[0].idle_w, 60, 1e-6);
    fr_token_energy_free(t);
}

static void a_load_that_never_changes_tells_the_whole_alone(void **state)
{
    (void)state;
    fr_token_energy *t = fr_token_energy_new();
    machine m = machine_of(1, 0, 1);
    fr_token_cost cost[FR_SERVED_MODELS];
    for (int i = 0; i < 30; i++)
        pass(&m, t, 100, 0);
    fr_token_energy_tell(t, cost);
    assert_int_equal(cost[0].way, FR_TOKENS_WHOLE);
    assert_true(isnan(cost[0].token_j) && isnan(cost[0].idle_w));
    assert_float_equal(cost[0].all_j, (600 + 50) / 100.0, 1e-9);
    fr_token_energy_free(t);
}

static void two_models_get_their_own_cost_and_share_the_idle(void **state)
{
    (void)state;
    fr_token_energy *t = fr_token_energy_new();
    machine m = machine_of(2, 0, 1);
    fr_token_cost cost[FR_SERVED_MODELS];
    for (int i = 0; i < 60; i++)
        pass(&m, t, i % 3 == 0 ? 0 : 10 * (i % 7), i % 3 == 0 ? 0 : 5 * (i % 5));
    assert_int_equal(fr_token_energy_tell(t, cost), 2);
    assert_float_equal(cost[0].token_j, 0.5, 1e-6);
    assert_float_equal(cost[1].token_j, 2, 1e-6);
    assert_float_equal(cost[0].idle_w + cost[1].idle_w, 60, 1e-6);
    double all =
        cost[0].all_j * cost[0].generated_tokens + cost[1].all_j * cost[1].generated_tokens;
    double drawn =
        60 * cost[0].seconds + 0.5 * cost[0].generated_tokens + 2 * cost[1].generated_tokens;
    assert_float_equal(all, drawn, 1e-6); /* nothing is lost and nothing counted twice */
    fr_token_energy_free(t);
}

/* A 95% interval holds the truth about that often: 200 noisy machines, quiet and fitted. */
static void the_error_bar_holds_what_it_says(void **state)
{
    (void)state;
    for (int fitted = 0; fitted <= 1; fitted++) {
        int held = 0;
        for (uint64_t seed = 1; seed <= 200; seed++) {
            fr_token_energy *t = fr_token_energy_new();
            machine m = machine_of(1, 5, seed * 7919);
            fr_token_cost cost[FR_SERVED_MODELS];
            for (int i = 0; i < 120; i++)
                pass(&m, t, !fitted && i % 3 == 0 ? 0 : floor(60 + 40 * noise(&m)), 0);
            fr_token_energy_tell(t, cost);
            assert_int_equal(cost[0].way, fitted ? FR_TOKENS_BY_FIT : FR_TOKENS_BY_QUIET);
            held += cost[0].low_j <= 0.5 && 0.5 <= cost[0].high_j;
            assert_true(cost[0].high_j - cost[0].low_j < 1);
            fr_token_energy_free(t);
        }
        assert_in_range(held, 180, 200);
    }
}

static void a_restart_or_an_absence_counts_for_nothing(void **state)
{
    (void)state;
    fr_token_energy *t = fr_token_energy_new();
    machine m = machine_of(1, 0, 1);
    fr_token_cost cost[FR_SERVED_MODELS];
    fr_energy much = { 1e6, 1e6, 1e6, FR_METHOD_MEASURED, "x" };
    for (int i = 0; i < 12; i++)
        pass(&m, t, i % 2 == 0 ? 0 : 100, 0);
    m.counts.models[0].generated_tokens = 3; /* it was started anew, at great cost */
    fr_token_energy_add(t, &m.counts, much, 10);
    fr_token_energy_add(t, NULL, much, 10); /* gone, back, and nobody knows what it did meanwhile */
    m.counts.models[0].generated_tokens = 5000;
    fr_token_energy_add(t, &m.counts, much, 10);
    for (int i = 0; i < 12; i++)
        pass(&m, t, i % 2 == 0 ? 0 : 100, 0);
    fr_token_energy_tell(t, cost);
    assert_int_equal(cost[0].n_intervals, 23);
    assert_float_equal(cost[0].token_j, 0.5, 1e-9);
    assert_float_equal(cost[0].generated_tokens, 1200, 0);
    fr_token_energy_free(t);
}

static void the_meters_range_and_method_go_along(void **state)
{
    (void)state;
    fr_token_energy *t = fr_token_energy_new();
    machine m = machine_of(1, 0, 1);
    fr_token_cost cost[FR_SERVED_MODELS];
    for (int i = 0; i < 30; i++) {
        double tokens = i % 2 == 0 ? 0 : 100, joules = 600 + tokens * 0.5;
        m.counts.models[0].generated_tokens += tokens;
        fr_token_energy_add(t, &m.counts,
                            (fr_energy){ joules, joules / 2, joules * 2, FR_METHOD_MODELLED, "x" },
                            10);
    }
    fr_token_energy_tell(t, cost);
    assert_int_equal(cost[0].method, FR_METHOD_MODELLED);
    assert_float_equal(cost[0].low_j, 0.25, 1e-3);
    assert_float_equal(cost[0].high_j, 1, 1e-2);
    fr_token_energy_free(t);
}

/* Others kept the machine as busy when no request ran: then nothing is told, and nothing below
 * zero. */
static void beside_heavy_work_of_others_the_range_begins_at_zero(void **state)
{
    (void)state;
    fr_token_energy *t = fr_token_energy_new();
    machine m = machine_of(1, 2, 3);
    fr_token_cost cost[FR_SERVED_MODELS];
    m.token_j[0] = -0.001;
    for (int i = 0; i < 40; i++)
        pass(&m, t, i % 2 == 0 ? 0 : 100, 0);
    fr_token_energy_tell(t, cost);
    assert_true(cost[0].token_j >= 0 && cost[0].low_j == 0 && cost[0].high_j >= 0);
    fr_token_energy_free(t);
}

static void too_little_tells_nothing(void **state)
{
    (void)state;
    fr_token_energy *t = fr_token_energy_new();
    machine m = machine_of(1, 0, 1);
    fr_token_cost cost[FR_SERVED_MODELS];
    assert_int_equal(fr_token_energy_tell(t, cost), 0);
    for (int i = 0; i < 5; i++)
        pass(&m, t, 10, 0);
    fr_token_energy_tell(t, cost);
    assert_int_equal(cost[0].way, FR_TOKENS_UNTOLD);
    assert_true(isnan(cost[0].token_j) && isnan(cost[0].all_j));
    fr_token_energy_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_intervals_tell_idle_and_tokens_apart),
        cmocka_unit_test(tokens_that_are_counted_late_cost_the_same),
        cmocka_unit_test(without_quiet_the_line_of_draw_on_rate_tells),
        cmocka_unit_test(a_load_that_never_changes_tells_the_whole_alone),
        cmocka_unit_test(two_models_get_their_own_cost_and_share_the_idle),
        cmocka_unit_test(the_error_bar_holds_what_it_says),
        cmocka_unit_test(a_restart_or_an_absence_counts_for_nothing),
        cmocka_unit_test(the_meters_range_and_method_go_along),
        cmocka_unit_test(beside_heavy_work_of_others_the_range_begins_at_zero),
        cmocka_unit_test(too_little_tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
