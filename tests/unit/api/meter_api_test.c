/* The public header alone, as a program of somebody else's would use it. */
#include <frugal/meter.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static void burn(double seconds)
{
    clock_t until = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);
    while (clock() < until)
        continue;
}

static void laps_add_up_to_what_is_read(void **state)
{
    (void)state;
    fr_err err;
    fr_wattmeter *w = NULL;
    fr_wattmeter_options options = { sizeof options };
    fr_draw a = { sizeof a }, b = { sizeof b }, whole = { sizeof whole };
    options.zone = "FR";
    assert_int_equal(fr_wattmeter_open(&options, &w, &err), 0);
    burn(0.05);
    assert_int_equal(fr_wattmeter_lap(w, &a, &err), 0);
    burn(0.05);
    assert_int_equal(fr_wattmeter_lap(w, &b, &err), 0);
    assert_int_equal(fr_wattmeter_read(w, &whole, &err), 0);
    assert_true(a.cpu_s >= 0.049 && b.cpu_s >= 0.049);
    assert_true(a.total.value_j + b.total.value_j <= whole.total.value_j + 1e-9);
    assert_true(a.cpu_s + b.cpu_s <= whole.cpu_s + 1e-9);
    assert_true(whole.total.low_j <= whole.total.value_j);
    assert_true(whole.total.value_j <= whole.total.high_j);
    assert_true(fabs(whole.active.value_j + whole.idle.value_j - whole.total.value_j) < 1e-9);
    assert_string_equal(whole.zone, "FR");
    assert_false(whole.place_assumed);
    assert_true(whole.carbon_g > whole.embodied_g && whole.embodied_g > 0);
    assert_non_null(fr_wattmeter_note(w));
    fr_wattmeter_close(w);
}

static void devices_add_up_to_the_total(void **state)
{
    (void)state;
    fr_err err;
    fr_wattmeter *w = NULL;
    fr_draw draw = { sizeof draw };
    fr_draw_device d = { sizeof d };
    double sum_j = 0;
    assert_int_equal(fr_wattmeter_open(NULL, &w, &err), 0);
    burn(0.02);
    assert_int_equal(fr_wattmeter_read(w, &draw, &err), 0);
    for (size_t i = 0; fr_wattmeter_device(w, i, &d, &err) == 0; i++) {
        sum_j += d.active.value_j + d.idle.value_j;
        assert_non_null(d.active.source);
    }
    assert_int_equal(err.code, FR_E_NOT_FOUND);
    assert_true(fabs(sum_j - draw.total.value_j) < 1e-9);
    assert_true(draw.place_assumed);
    fr_wattmeter_close(w);
    fr_wattmeter_close(NULL);
}

static void an_older_program_gets_the_fields_it_knows(void **state)
{
    (void)state;
    fr_err err;
    fr_wattmeter *w = NULL;
    fr_draw draw;
    memset(&draw, 0x5a, sizeof draw);
    draw.size = offsetof(fr_draw, active); /* knows duration and total alone */
    assert_int_equal(fr_wattmeter_open(NULL, &w, &err), 0);
    assert_int_equal(fr_wattmeter_read(w, &draw, &err), 0);
    assert_true(draw.total.value_j >= 0);
    assert_int_equal(((unsigned char *)&draw)[offsetof(fr_draw, active)], 0x5a);
    draw.size = 0;
    assert_int_equal(fr_wattmeter_read(w, &draw, &err), FR_E_USAGE);
    fr_wattmeter_close(w);
}

static void a_place_that_is_not_known_is_refused_with_the_nearest(void **state)
{
    (void)state;
    fr_err err;
    fr_wattmeter *w = NULL;
    fr_wattmeter_options options = { sizeof options };
    options.region = "aws:eu-nort-1";
    assert_int_equal(fr_wattmeter_open(&options, &w, &err), FR_E_USAGE);
    assert_non_null(strstr(err.hint, "eu-north-1"));
    assert_null(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(laps_add_up_to_what_is_read),
        cmocka_unit_test(devices_add_up_to_the_total),
        cmocka_unit_test(an_older_program_gets_the_fields_it_knows),
        cmocka_unit_test(a_place_that_is_not_known_is_refused_with_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
