#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "meter/meter_priv.h"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))

static fr_host host_of(const char *model_name, int threads, bool is_virtual)
{
    fr_host h = { .n_threads = threads,
                  .n_sockets = 1,
                  .ram_bytes = 64e9,
                  .is_virtual = is_virtual,
                  .quota_threads = threads };
    snprintf(h.model_name, sizeof h.model_name, "%s", model_name);
    return h;
}

/* What the kernel prints, and the row it must find: watts at full use are 1.02 of its TDP. */
static void names_as_the_kernel_prints_them_find_their_row(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double tdp_w;
    } CASES[] = {
        { "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz", 125 },
        { "Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", 145 },
        { "Intel(R) Xeon(R) Platinum 8488C", 385 },
        { "AMD EPYC 9654 96-Core Processor", 360 },
        { "11th Gen Intel(R) Core(TM) i7-11700K @ 3.60GHz", 125 },
        { "Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz", 15 },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        fr_host h = host_of(CASES[i].name, 8, false);
        fr_curve curve;
        const char *source;
        fr_model_cpu_curve(&h, 1, &curve, &source);
        close_to(fr_curve_w(&curve, 1).mid, 1.02 * CASES[i].tdp_w, 1e-9);
        assert_non_null(strstr(source, "cpu-curve 1"));
    }
}

/* Straight lines through 12, 32, 75 and 102% of 125 W. */
static void the_curve_goes_through_its_four_points(void **state)
{
    (void)state;
    fr_host h = host_of("Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz", 40, false);
    fr_curve curve;
    const char *source;
    fr_model_cpu_curve(&h, 1, &curve, &source);
    close_to(fr_curve_w(&curve, 0).mid, 15, 1e-9);
    close_to(fr_curve_w(&curve, 0.05).mid, 27.5, 1e-9);
    close_to(fr_curve_w(&curve, 0.1).mid, 40, 1e-9);
    close_to(fr_curve_w(&curve, 0.3).mid, 66.875, 1e-9);
    close_to(fr_curve_w(&curve, 0.5).mid, 93.75, 1e-9);
    close_to(fr_curve_w(&curve, 1).mid, 127.5, 1e-9);
    close_to(fr_curve_w(&curve, 7).mid, 127.5, 1e-9);
    close_to(fr_curve_w(&curve, -1).mid, 15, 1e-9);
    for (double u = 0; u <= 1; u += 0.01) {
        fr_range w = fr_curve_w(&curve, u), rest = fr_curve_w(&curve, 0);
        assert_true(w.low <= w.mid && w.mid <= w.high);
        assert_true(w.low - rest.low <= w.mid - rest.mid + 1e-9); /* so active is ordered too */
        assert_true(w.mid - rest.mid <= w.high - rest.high + 1e-9);
    }
}

/* Eight threads of the 96 of an 8488C: 385 x 8 / 96 W. */
static void a_virtual_machine_is_its_threads_of_the_host(void **state)
{
    (void)state;
    fr_host h = host_of("Intel(R) Xeon(R) Platinum 8488C", 8, true);
    fr_curve curve;
    const char *source;
    fr_model_cpu_curve(&h, 1, &curve, &source);
    close_to(fr_curve_w(&curve, 1).mid, 1.02 * 385 * 8 / 96, 1e-9);
    assert_non_null(strstr(source, "8 threads of 96"));
}

static void a_hidden_name_goes_by_family_and_then_by_a_named_default(void **state)
{
    (void)state;
    fr_curve curve;
    const char *source;
    fr_host h = host_of("Intel(R) Xeon(R) Processor", 2, true);
    snprintf(h.vendor, sizeof h.vendor, "GenuineIntel");
    h.family = 6;
    h.model = 207;
    fr_model_cpu_curve(&h, 1, &curve, &source);
    assert_non_null(strstr(source, "Emerald Rapids"));
    close_to(fr_curve_w(&curve, 1).mid, 1.02 * 3.3 * 2, 1e-9);
    assert_true(fr_curve_w(&curve, 1).low < fr_curve_w(&curve, 1).mid);
    h = host_of("", 16, false);
    fr_model_cpu_curve(&h, 1, &curve, &source);
    assert_non_null(strstr(source, "unknown server"));
    h.is_client = true;
    fr_model_cpu_curve(&h, 1, &curve, &source);
    assert_non_null(strstr(source, "unknown client"));
}

/* 64 GB at 0.284 W/GB: 18.2 W at full use, of which 70% is drawn at rest. */
static void memory_goes_by_its_size(void **state)
{
    (void)state;
    fr_host h = host_of("", 4, false);
    fr_curve curve;
    const char *source;
    fr_model_dram_curve(&h, 1, &curve, &source);
    close_to(fr_curve_w(&curve, 1).mid, 64 * 0.284, 1e-9);
    close_to(fr_curve_w(&curve, 0).mid, 64 * 0.284 * 0.7, 1e-9);
    assert_non_null(strstr(source, "64 GB"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_as_the_kernel_prints_them_find_their_row),
        cmocka_unit_test(the_curve_goes_through_its_four_points),
        cmocka_unit_test(a_virtual_machine_is_its_threads_of_the_host),
        cmocka_unit_test(a_hidden_name_goes_by_family_and_then_by_a_named_default),
        cmocka_unit_test(memory_goes_by_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
