/* What target and horizon make of outcomes: choice, ties, grades, break-even, words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fixture.h"

#include <math.h>

#include "adapt/verdict.h"

#define N 3

typedef struct {
    fr_task task;
    fr_task_strategy strategies[N];
    fr_rung rungs[N];
    fr_outcome outcomes[N];
    fr_verdict_rung parts[N];
    fr_place place;
    fr_verdict_parts all;
} scene;

static fr_energy joules(double value, double spread, fr_method method)
{
    return (fr_energy){ value, value * (1 - spread), value * (1 + spread), method, "scripted" };
}

static fr_spent spent(double value, double spread, fr_method method)
{
    return (fr_spent){ .active = joules(value, spread, method),
                       .total = joules(value, spread, method),
                       .cpu_s = value / 10,
                       .duration_s = value / 20 };
}

/* Three rungs that cost build + n × request; all meet the target of 0.8 unless told otherwise. */
static void scene_init(scene *s, const double build[N], const double request[N], double spread,
                       fr_method method)
{
    static char *const NAMES[N] = { (char *)"alpha", (char *)"beta", (char *)"gamma" };
    *s = (scene){ 0 };
    s->task = (fr_task){ .name = (char *)"scripted",
                         .kind = FR_TASK_LABEL,
                         .metric = { .name = (char *)"accuracy", .better = FR_BETTER_HIGHER },
                         .target = 0.8,
                         .requests_per_day = 100,
                         .horizon_days = 1 };
    s->place = (fr_place){ .zone = "FR", .intensity_g_per_kwh = 36, .pue = 1 };
    for (size_t i = 0; i < N; i++) {
        s->strategies[i].name = NAMES[i];
        s->rungs[i] = (fr_rung){ .kind = &FR_RUNG_COMMAND,
                                 .name = NAMES[i],
                                 .dir = (char *)"out/rungs/x",
                                 .strategy = &s->strategies[i] };
        s->outcomes[i] = (fr_outcome){ .status = "done",
                                       .energy_inside = true,
                                       .has_quality = true,
                                       .quality = { 0.9, 0.85, 0.95, 100 },
                                       .build = spent(build[i], spread, method),
                                       .load = spent(0, 0, method),
                                       .request = spent(request[i], spread, method),
                                       .n_measured = 100,
                                       .measured_s = 2.5 };
        s->parts[i] = (fr_verdict_rung){ .rung = &s->rungs[i], .outcome = &s->outcomes[i] };
    }
    s->all = (fr_verdict_parts){ .task = &s->task,
                                 .place = &s->place,
                                 .run_id = "",
                                 .horizon = { 1, FR_HOSTING_SLEEPS, 1000 },
                                 .requests = 100,
                                 .rungs = s->parts,
                                 .n = N,
                                 .total = joules(1, 0, method),
                                 .overhead = fr_energy_zero(),
                                 .remainder = fr_energy_zero(),
                                 .earlier = fr_energy_zero(),
                                 .host = { .total_kg = 0, .lifetime_s = 1, .share_ratio = 1 },
                                 .out_dir = "out" };
}

static const char *text(const json_t *o, const char *key)
{
    const char *t = json_string_value(json_object_get(o, key));
    return t != NULL ? t : "(null)";
}

static const json_t *rung_at(const json_t *v, size_t i)
{
    return json_array_get(json_object_get(v, "rungs"), i);
}

static bool some_note_has(const json_t *v, const char *words)
{
    const json_t *notes = json_object_get(v, "notes");
    bool found = false;
    for (size_t i = 0; i < json_array_size(notes); i++)
        found = found || strstr(json_string_value(json_array_get(notes, i)), words) != NULL;
    return found;
}

static void the_least_over_the_horizon_is_chosen_and_every_change_is_told(void **state)
{
    (void)state;
    scene s; /* alpha: 0 + 10 n; beta: 300 + 4 n; gamma: 1500 + 1 n */
    scene_init(&s, (double[N]){ 0, 300, 1500 }, (double[N]){ 10, 4, 1 }, 0.01, FR_METHOD_MEASURED);
    json_t *v = fr_verdict_make(&s.all);
    assert_string_equal(text(v, "chosen"), "beta");
    const json_t *list = json_object_get(v, "break_even");
    assert_int_equal(json_array_size(list), 2);
    assert_float_equal(json_number_value(json_object_get(json_array_get(list, 0), "requests")), 50,
                       0);
    assert_string_equal(text(json_array_get(list, 0), "to"), "beta");
    assert_float_equal(json_number_value(json_object_get(json_array_get(list, 1), "requests")), 400,
                       0);
    assert_string_equal(text(json_array_get(list, 1), "to"), "gamma");
    /* the nearer one to today's hundred */
    assert_float_equal(json_number_value(json_object_get(v, "break_even_requests")), 50, 0);
    assert_string_equal(text(rung_at(v, 0), "grade"), "A");
    assert_int_equal(json_array_size(json_object_get(v, "ties")), 0);
    const json_t *e = json_object_get(rung_at(v, 1), "energy_j");
    assert_float_equal(json_number_value(json_object_get(e, "horizon")), 700, 1e-6);
    /* 700 J at 36 g a kWh */
    const json_t *c = json_object_get(rung_at(v, 1), "carbon_g");
    assert_float_equal(json_number_value(json_object_get(c, "horizon")), 0.007, 1e-9);
    json_decref(v);
}

static void a_difference_inside_the_ranges_is_a_tie_and_a_model_claims_nothing(void **state)
{
    (void)state;
    scene s;
    scene_init(&s, (double[N]){ 0, 0, 0 }, (double[N]){ 10, 11, 100 }, 0.2, FR_METHOD_MODELLED);
    json_t *v = fr_verdict_make(&s.all);
    assert_string_equal(text(v, "chosen"), "alpha");
    const json_t *ties = json_object_get(v, "ties");
    assert_int_equal(json_array_size(ties), 1);
    assert_string_equal(json_string_value(json_array_get(ties, 0)), "beta");
    assert_true(some_note_has(v, "a tie"));
    assert_true(some_note_has(v, "modelled here, not counted (grade B)"));
    assert_string_equal(text(rung_at(v, 0), "grade"), "B");
    assert_string_equal(text(rung_at(v, 0), "method"), "modelled");
    assert_true(json_number_value(json_object_get(rung_at(v, 0), "cpu_s_per_request")) > 0);
    json_decref(v);
}

static void a_rung_cut_off_at_its_budget_is_undecided_not_inferior(void **state)
{
    (void)state;
    scene s;
    scene_init(&s, (double[N]){ 0, 0, 0 }, (double[N]){ 1, 2, 3 }, 0, FR_METHOD_MEASURED);
    s.outcomes[0].quality = (fr_interval){ 0.5, 0.4, 0.6, 100 };
    strcpy(s.outcomes[0].status, "budget");
    s.outcomes[1].quality = (fr_interval){ 0.5, 0.4, 0.6, 100 };
    s.outcomes[2].quality = (fr_interval){ 0.9, 0.85, 0.95, 20 }; /* too few rows to say */
    json_t *v = fr_verdict_make(&s.all);
    assert_true(json_is_null(json_object_get(rung_at(v, 0), "met")));
    assert_true(json_is_false(json_object_get(rung_at(v, 1), "met")));
    assert_true(json_is_null(json_object_get(rung_at(v, 2), "met")) ||
                json_is_false(json_object_get(rung_at(v, 2), "met")));
    assert_string_equal(text(rung_at(v, 2), "target_state"), "undecided");
    assert_true(json_is_null(json_object_get(v, "chosen")));
    assert_true(json_is_null(json_object_get(v, "break_even_requests")));
    assert_true(some_note_has(v, "no rung met the target"));
    json_decref(v);
}

static void what_nobody_measured_is_null_and_never_the_least(void **state)
{
    (void)state;
    scene s;
    scene_init(&s, (double[N]){ 0, 5, 0 }, (double[N]){ 0, 5, 3 }, 0, FR_METHOD_MEASURED);
    s.outcomes[0].request.total = s.outcomes[0].request.active = fr_energy_unknown();
    s.outcomes[0].energy_inside = false;
    s.outcomes[2] = (fr_outcome){ .status = "unfit", .reason = "not here" };
    json_t *v = fr_verdict_make(&s.all);
    assert_string_equal(text(v, "chosen"), "beta");
    const json_t *e = json_object_get(rung_at(v, 0), "energy_j");
    assert_true(json_is_null(json_object_get(e, "per_request")));
    assert_true(json_is_null(json_object_get(e, "horizon")));
    assert_true(some_note_has(v, "outside this meter"));
    assert_true(json_is_null(json_object_get(rung_at(v, 2), "quality")));
    assert_string_equal(text(rung_at(v, 2), "reason"), "not here");
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_over_the_horizon_is_chosen_and_every_change_is_told),
        cmocka_unit_test(a_difference_inside_the_ranges_is_a_tie_and_a_model_claims_nothing),
        cmocka_unit_test(a_rung_cut_off_at_its_budget_is_undecided_not_inferior),
        cmocka_unit_test(what_nobody_measured_is_null_and_never_the_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
