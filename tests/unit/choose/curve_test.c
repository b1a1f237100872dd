/* Points of a curve: kept, fitted, and measured on a real model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "adapt/work_folder.h"
#include "support/tiny_model.h"

#include <math.h>

#include "choose/curve.h"

static void put_point(fr_curve *c, double weights, double length, double cpu_s)
{
    FR_GROW(c->at, c->n, c->cap);
    c->at[c->n++] = (fr_curve_point){ .model = fr_dup_f("m%.0f", weights),
                                      .params = weights / 2,
                                      .weight_bytes = weights,
                                      .length = length,
                                      .kv_bytes = length * sqrt(weights),
                                      .read_cpu_s = cpu_s / 2,
                                      .write_cpu_s = cpu_s,
                                      .read_j = cpu_s,
                                      .write_j = 5 * cpu_s };
}

static void the_fit_finds_what_the_points_were_made_of(void **state)
{
    (void)state;
    FR_AUTO(fr_curve) c = { 0 };
    for (double weights = 1e6; weights < 1e10; weights *= 8) {
        for (double length = 64; length < 5000; length *= 4)
            put_point(&c, weights, length, 2e-4 + 3e-10 * weights + 4e-9 * length * sqrt(weights));
    }
    fr_curve_fit f = fr_curve_fit_of(&c);
    assert_true(fabs(f.fixed_s / 2e-4 - 1) < 1e-6);
    assert_true(fabs(f.weight_s_per_byte / 3e-10 - 1) < 1e-6);
    assert_true(fabs(f.kv_s_per_byte / 4e-9 - 1) < 1e-6);
    assert_true(f.worst_ratio < 1e-6 && fabs(f.j_per_cpu_s - 5) < 1e-9);
    assert_true(fabs(fr_curve_cpu_s(&f, 1e9, 1e6) / (2e-4 + 0.3 + 4e-3) - 1) < 1e-6);
}

/* A larger model never looks cheaper because of noise: a term that came out below zero is none. */
static void no_term_is_below_zero(void **state)
{
    (void)state;
    FR_AUTO(fr_curve) c = { 0 };
    put_point(&c, 1e6, 64, 3e-4);
    put_point(&c, 1e6, 1024, 2.9e-4);
    put_point(&c, 1e8, 64, 3e-2);
    put_point(&c, 1e8, 1024, 2.8e-2);
    fr_curve_fit f = fr_curve_fit_of(&c);
    assert_true(f.fixed_s >= 0 && f.weight_s_per_byte > 0 && f.kv_s_per_byte >= 0);
    c.n = 2;
    assert_true(isnan(fr_curve_fit_of(&c).fixed_s)); /* two points say nothing */
    c.n = 4;
}

static void a_measured_curve_is_kept_and_drawn(void **state)
{
    (void)state;
    static const size_t LENGTHS[] = { 8, 32, 4096 };
    char *dir = work_folder_new();
    char *model =
             tiny_model_write(&(tiny_model){ .layers = 2, .context = 96, .no_bos = true }, dir),
         *path = fr_path_join(dir, "sub/curve.json");
    fr_run *run = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_run_begin(&(fr_run_options){ .kind = "models", .ledger = "" }, &run, &err),
                     0);
    fr_curve_options options = {
        .run = run, .lengths = LENGTHS, .n_lengths = 3, .measure_s = 0.02, .threads = 1
    };
    FR_AUTO(fr_curve) c = { 0 };
    FR_AUTO(fr_curve) again = { 0 };
    for (int i = 0; i < 2; i++) { /* a second time replaces */
        if (fr_curve_measure(&options, model, &c, &err) != 0)
            fail_msg("%s", err.what);
    }
    fr_run_end(run, "done", 0, NULL, NULL, NULL);
    assert_int_equal(c.n, 2); /* 4,096 is beyond the model's context */
    assert_true(c.at[1].length == 32 && c.at[1].kv_bytes == 32.0 * 2 * 2 * 16 * 4);
    assert_true(c.at[0].read_cpu_s >= 0 && c.at[0].write_cpu_s >= 0);
    assert_int_equal(fr_curve_write(&c, path, &err), 0);
    assert_int_equal(fr_curve_read(path, &again, &err), 0);
    assert_int_equal(again.n, 2);
    assert_string_equal(again.at[0].model, c.at[0].model);
    FR_AUTO(fr_buf) svg = { 0 };
    c.at[0].write_cpu_s = c.at[1].write_cpu_s = 1e-4;
    fr_curve_svg(&c, &svg);
    assert_non_null(strstr(fr_buf_text(&svg), "<polyline"));
    assert_non_null(strstr(fr_buf_text(&svg), "</svg>"));
    assert_null(strstr(fr_buf_text(&svg), "nan"));
    put_file(dir, "broken.json", "{\"points\": 3}");
    char *broken = fr_path_join(dir, "broken.json");
    assert_int_equal(fr_curve_read(broken, &again, &err), FR_E_FORMAT);
    free(broken);
    free(path);
    free(model);
    work_folder_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fit_finds_what_the_points_were_made_of),
        cmocka_unit_test(no_term_is_below_zero),
        cmocka_unit_test(a_measured_curve_is_kept_and_drawn),
    };
    return cmocka_run_group_tests_name("curve", tests, NULL, NULL);
}
