#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>

#include "../../fixtures/meter/fake_nvml.h"
#include "recorded_tree.h"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))
#define GPU_0                           "gpu-0 Fake GPU 300W"

static char library[512];
static fake_nvml *driver;

static int load_driver(void **state)
{
    (void)state;
    ssize_t n = readlink("/proc/self/exe", library, sizeof library - 32);
    if (n < 0)
        return -1;
    library[n] = '\0';
    strcpy(strrchr(library, '/'), "/libfake_nvml.so");
    void *handle = dlopen(library, RTLD_NOW);
    driver = handle != NULL ? dlsym(handle, "fake_nvml_state") : NULL;
    return driver != NULL ? 0 : -1;
}

static int reset(void **state)
{
    (void)state;
    memset(driver, 0, sizeof *driver);
    driver->n_gpus = 1;
    driver->gpus[0] = (fake_gpu){ .has_counter = true,
                                  .energy_mj = 777,
                                  .power_mw = 30000,
                                  .n_processes = 1,
                                  .pids = { ROOT_PID } };
    return 0;
}

static void the_energy_counter_is_taken_where_there_is_one(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    driver->gpus[0].energy_mj += 123456;
    driver->gpus[0].busy_percent = 50;
    tree_pass(&t, 1, 1);
    fr_reading r = tree_read(m);
    const fr_device_reading *d = device(&r, GPU_0);
    assert_int_equal(d->kind, FR_DEVICE_GPU);
    assert_int_equal(d->method, FR_METHOD_MEASURED);
    assert_string_equal(d->source, "nvml energy counter gpu-0");
    close_to(d->machine_j, 123.456, 1e-9);
    close_to(d->active_j + d->idle_j, 123.456, 1e-9); /* its only process is ours */
    close_to(d->busy_s, 0.5, 1e-9);
    close_to(r.gpu_s, 0.5, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

/* Known watts: 100 W for a second, then a ramp to 200 W: 100 + 150 J by trapezoids. */
static void power_is_integrated_where_there_is_no_counter(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    driver->gpus[0].has_counter = false;
    driver->gpus[0].power_mw = 100000;
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    for (int i = 1; i <= 20; i++) {
        driver->gpus[0].power_mw = i <= 10 ? 100000 : 100000 + 10000 * (unsigned)(i - 10);
        tree_pass(&t, 0.1, 0);
        tree_read(m);
    }
    fr_reading r = tree_read(m);
    close_to(device(&r, GPU_0)->machine_j, 250, 1e-6);
    assert_string_equal(device(&r, GPU_0)->source, "nvml power gpu-0");
    fr_meter_close(m);
    tree_free(&t);
}

static void work_is_shared_by_time_on_the_gpu(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fake_gpu *g = &driver->gpus[0];
    g->tells_time = true;
    g->n_processes = 2;
    g->pids[1] = 4000; /* a stranger */
    g->sm_percent[0] = 60;
    g->sm_percent[1] = 20;
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    g->energy_mj += 200000;
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    const fr_device_reading *d = device(&r, GPU_0);
    close_to(d->idle_j, 30, 1e-6); /* a tenth of its limit of 300 W */
    close_to(d->active_j, 170 * 0.75, 1e-6);
    fr_meter_close(m);
    tree_free(&t);
}

static void a_gpu_on_which_nobody_of_ours_runs_charges_idle_alone(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_process(&t, 4000, 1, 0, 0);
    driver->gpus[0].pids[0] = 4000;
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    driver->gpus[0].energy_mj += 200000;
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    assert_true(device(&r, GPU_0)->active_j == 0);
    fr_meter_close(m);
    tree_free(&t);
}

/* In a container the driver's process numbers mean nothing here. */
static void where_nobody_can_say_the_range_says_so(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    driver->gpus[0].pids[0] = 4000; /* not in our /proc */
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    driver->gpus[0].energy_mj += 200000;
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    const fr_device_reading *d = device(&r, GPU_0);
    close_to(d->active_j, 170, 1e-6);
    assert_true(d->active_low_j == 0);
    fr_meter_close(m);
    tree_free(&t);
}

/* A driver in a container may list nobody, or tell times of numbers that mean nothing here. */
static void a_busy_gpu_whose_workers_cannot_be_seen_is_no_zero(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fake_gpu *g = &driver->gpus[0];
    for (int i = 0; i < 2; i++) {
        g->tells_time = i == 1;
        g->n_processes = (unsigned)i;
        g->pids[0] = 4000; /* not in our /proc */
        g->sm_percent[0] = 70;
        g->busy_percent = 70;
        fr_meter *m = tree_meter(&t, ROOT_PID, library);
        g->energy_mj += 200000;
        tree_pass(&t, 1, 0);
        fr_reading r = tree_read(m);
        close_to(device(&r, GPU_0)->active_j, 170, 1e-6);
        assert_true(device(&r, GPU_0)->active_low_j == 0);
        fr_meter_close(m);
    }
    g->n_processes = 0;
    g->busy_percent = 0; /* at rest nobody's work is charged */
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    g->energy_mj += 60000;
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, GPU_0)->active_j, 0, 1e-6);
    fr_meter_close(m);
    tree_free(&t);
}

/* All ones is NVML's "not available"; a counter does not leap by what no GPU draws. */
static void a_sentinel_is_no_reading(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fake_gpu *g = &driver->gpus[0];
    static const unsigned long long WRONG_MJ[] = { ~0ull, 1ull << 60 };
    for (int i = 0; i < 2; i++) {
        g->energy_mj = 777;
        fr_meter *m = tree_meter(&t, ROOT_PID, library);
        g->energy_mj = WRONG_MJ[i];
        tree_pass(&t, 1, 0);
        fr_reading r = tree_read(m);
        assert_true(device(&r, GPU_0)->machine_j < 300);
        assert_int_equal(device(&r, GPU_0)->method, FR_METHOD_MIXED);
        fr_meter_close(m);
    }
    g->has_counter = false;
    g->power_mw = 50000;
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    g->power_mw = ~0u;
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    assert_true(device(&r, GPU_0)->machine_j < 300);
    g->power_mw = 70000;
    tree_pass(&t, 1, 0);
    r = tree_read(m);
    close_to(device(&r, GPU_0)->machine_j, 120, 1e-9); /* (50 + 70) / 2 over both seconds */
    assert_int_equal(device(&r, GPU_0)->method, FR_METHOD_MEASURED);
    fr_meter_close(m);
    tree_free(&t);
}

static void a_partitioned_gpu_is_never_charged_the_board(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    driver->gpus[0].is_partitioned = true;
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    driver->gpus[0].energy_mj += 200000;
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, GPU_0)->machine_j, 200, 1e-6);
    assert_true(device(&r, GPU_0)->active_j == 0 && device(&r, GPU_0)->idle_j == 0);
    assert_non_null(strstr(r.note, "MIG"));
    fr_meter_close(m);
    tree_free(&t);
}

static void a_gpu_that_falls_silent_is_modelled_until_it_answers(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    driver->gpus[0].is_lost = true;
    tree_pass(&t, 1, 0);
    fr_reading silent = tree_read(m);
    assert_true(device(&silent, GPU_0)->machine_j > 0);
    assert_int_equal(device(&silent, GPU_0)->method, FR_METHOD_MIXED);
    driver->gpus[0].is_lost = false;
    driver->gpus[0].energy_mj += 90000;
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, GPU_0)->machine_j, 90, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

static void a_driver_that_is_absent_or_broken_is_no_error(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    static const char *const NAMES[] = { "libno-such-driver.so.1", "", "/dev/null" };
    for (size_t i = 0; i < 3; i++) {
        fr_meter *m = tree_meter(&t, ROOT_PID, NAMES[i]);
        fr_reading r = tree_read(m);
        assert_null(device(&r, GPU_0));
        assert_true(isnan(r.gpu_s));
        fr_meter_close(m);
    }
    driver->fails_to_start = true;
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    fr_reading r = tree_read(m);
    assert_null(device(&r, GPU_0));
    fr_meter_close(m);
    tree_free(&t);
}

/* 100 W told, 200 J a second counted: one of the two is wrong, and it is said once. */
static void a_counter_that_disagrees_with_the_power_is_told_of(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    driver->gpus[0].power_mw = 100000;
    for (unsigned factor = 1; factor <= 2; factor++) {
        fr_meter *m = tree_meter(&t, ROOT_PID, library);
        fr_reading r = tree_read(m);
        for (int i = 0; i < 70; i++) {
            driver->gpus[0].energy_mj += 100000 * factor;
            tree_pass(&t, 1, 0);
            r = tree_read(m);
        }
        close_to(device(&r, GPU_0)->machine_j, 7000 * factor, 1e-6); /* the counter is taken */
        const char *said = strstr(r.note, "counter says 2.00 times");
        assert_true((said != NULL) == (factor == 2));
        assert_true(said == NULL || strstr(said + 1, "counter says") == NULL);
        fr_meter_close(m);
    }
    tree_free(&t);
}

static void eight_gpus_are_eight_devices(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    driver->n_gpus = 8;
    for (unsigned i = 0; i < 8; i++)
        driver->gpus[i] = driver->gpus[0];
    fr_meter *m = tree_meter(&t, ROOT_PID, library);
    for (unsigned i = 0; i < 8; i++)
        driver->gpus[i].energy_mj += 1000 * (i + 1);
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    double sum_j = 0;
    for (size_t i = 0; i < r.n_devices; i++)
        sum_j += r.devices[i].kind == FR_DEVICE_GPU ? r.devices[i].machine_j : 0;
    close_to(sum_j, 36, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_energy_counter_is_taken_where_there_is_one, reset),
        cmocka_unit_test_setup(power_is_integrated_where_there_is_no_counter, reset),
        cmocka_unit_test_setup(work_is_shared_by_time_on_the_gpu, reset),
        cmocka_unit_test_setup(a_gpu_on_which_nobody_of_ours_runs_charges_idle_alone, reset),
        cmocka_unit_test_setup(where_nobody_can_say_the_range_says_so, reset),
        cmocka_unit_test_setup(a_busy_gpu_whose_workers_cannot_be_seen_is_no_zero, reset),
        cmocka_unit_test_setup(a_sentinel_is_no_reading, reset),
        cmocka_unit_test_setup(a_partitioned_gpu_is_never_charged_the_board, reset),
        cmocka_unit_test_setup(a_gpu_that_falls_silent_is_modelled_until_it_answers, reset),
        cmocka_unit_test_setup(a_driver_that_is_absent_or_broken_is_no_error, reset),
        cmocka_unit_test_setup(a_counter_that_disagrees_with_the_power_is_told_of, reset),
        cmocka_unit_test_setup(eight_gpus_are_eight_devices, reset),
    };
    return cmocka_run_group_tests(tests, load_driver, NULL);
}
