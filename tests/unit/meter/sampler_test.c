#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>

#include "base/clock.h"
#include "recorded_tree.h"

static size_t n_entries(const char *folder)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    while (dir != NULL && readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void the_thread_samples_and_is_gone_after_close(void **state)
{
    (void)state;
    fr_meter *first = NULL; /* a sanitizer's own thread comes with the first one */
    assert_int_equal(fr_meter_open(&(fr_meter_options){ .nvml = "" }, &first, NULL), 0);
    fr_meter_close(first);
    size_t threads = n_entries("/proc/self/task"), files = n_entries("/proc/self/fd");
    fr_meter *m = NULL;
    fr_meter_options options = { .period_s = 0.01, .nvml = "" };
    assert_int_equal(fr_meter_open(&options, &m, NULL), 0);
    assert_int_equal(n_entries("/proc/self/task"), threads + 1);
    fr_reading r = tree_read(m);
    for (int i = 0; i < 500 && r.samples < 10; i++) {
        fr_sleep_ns(10000000);
        fr_meter_read(m, &r, NULL);
    }
    assert_true(r.samples >= 10);
    assert_true(r.meter_cpu_s > 0);
    fr_meter_close(m);
    assert_int_equal(n_entries("/proc/self/task"), threads);
    assert_int_equal(n_entries("/proc/self/fd"), files);
}

static void *read_often(void *user)
{
    for (int i = 0; i < 100; i++)
        tree_read(user);
    return NULL;
}

static void readers_and_sampler_do_not_disturb_each_other(void **state)
{
    (void)state;
    fr_meter *m = NULL;
    fr_meter_options options = { .period_s = 0.001, .nvml = "" };
    assert_int_equal(fr_meter_open(&options, &m, NULL), 0);
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, m), 0);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    fr_reading r = tree_read(m);
    assert_true(r.samples >= 300);
    assert_true(fr_reading_total(&r).value_j > 0);
    fr_meter_close(m);
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    fr_meter_close(NULL);
}

/* Figures must not run back between readings, whatever the order of events. */
static void sums_never_shrink(void **state)
{
    (void)state;
    fr_meter *m = NULL;
    fr_meter_options options = { .no_thread = true, .nvml = "" };
    assert_int_equal(fr_meter_open(&options, &m, NULL), 0);
    fr_reading last = tree_read(m);
    for (int i = 0; i < 50; i++) {
        fr_reading now = tree_read(m);
        assert_true(now.cpu_s >= last.cpu_s);
        for (size_t d = 0; d < now.n_devices; d++) {
            assert_true(now.devices[d].machine_j >= last.devices[d].machine_j);
            assert_true(now.devices[d].active_j >= last.devices[d].active_j);
            assert_true(now.devices[d].idle_j >= last.devices[d].idle_j);
        }
        last = now;
    }
    fr_meter_close(m);
}

static void what_the_caller_knows_better_is_taken(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    fr_meter_tell_cpu(m, 1.5);
    tree_pass(&t, 1, 1.5);
    assert_true(fabs(tree_read(m).cpu_s - 1.5) < 1e-9);
    fr_meter_tell_cpu(m, 0.5); /* never less than was seen */
    assert_true(fabs(tree_read(m).cpu_s - 1.5) < 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_thread_samples_and_is_gone_after_close),
        cmocka_unit_test(readers_and_sampler_do_not_disturb_each_other),
        cmocka_unit_test(closing_nothing_is_fine),
        cmocka_unit_test(sums_never_shrink),
        cmocka_unit_test(what_the_caller_knows_better_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
