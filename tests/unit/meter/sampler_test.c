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

static void wait_until(int64_t due_ns)
{
    int64_t left_ns = due_ns - fr_now_monotonic_ns();
    if (left_ns > 0)
        fr_sleep_ns(left_ns);
}

static void a_beat_samples_when_it_is_due_and_needs_no_thread(void **state)
{
    (void)state;
    fr_meter *m = NULL;
    size_t threads = n_entries("/proc/self/task");
    fr_meter_options options = { .no_thread = true, .period_s = 0.05, .nvml = "" };
    assert_int_equal(fr_meter_open(&options, &m, NULL), 0);
    assert_int_equal(n_entries("/proc/self/task"), threads);
    uint64_t before = tree_read(m).samples; /* puts the next one off */
    int64_t due_ns = fr_meter_beat(m);
    assert_true(due_ns > fr_now_monotonic_ns() || tree_read(m).samples > before + 1);
    before = tree_read(m).samples;
    for (int i = 0; i < 3; i++) {
        wait_until(due_ns);
        due_ns = fr_meter_beat(m);
    }
    fr_reading r = tree_read(m);
    assert_in_range(r.samples, before + 3, before + 5); /* three, and readings */
    assert_true(r.meter_cpu_s > 0);
    fr_meter_close(m);
}

/* Samples are worked out a second at a time: the sums are those of one that does each at once. */
static void samples_that_wait_lose_nothing(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "psys", 1000000); /* beside the models, something to read */
    fr_meter *at_once = NULL, *later = NULL;
    fr_meter_options options = { .sysfs = t.sysfs,
                                 .procfs = t.procfs,
                                 .nvml = "",
                                 .pid = ROOT_PID,
                                 .no_thread = true,
                                 .period_s = 0.01,
                                 .now_ns = tree_clock,
                                 .user = &t };
    assert_int_equal(fr_meter_open(&options, &at_once, NULL), 0);
    assert_int_equal(fr_meter_open(&options, &later, NULL), 0);
    int64_t due_ns = fr_now_monotonic_ns() + 10000000;
    unsigned ticks = 0;
    for (int i = 0; i < 40; i++) { /* loads that a curve with corners tells apart */
        double busy_s = 0.1 * (i % 5);
        ticks += (unsigned)(busy_s * 50 + 0.5);
        tree_pass(&t, 0.1, busy_s);
        tree_process(&t, ROOT_PID, 1, ticks, 0);
        wait_until(due_ns);
        due_ns = fr_meter_beat(later);
        tree_read(at_once);
    }
    fr_reading a = tree_read(at_once), b = tree_read(later);
    assert_int_equal(a.samples, b.samples);
    assert_true(fabs(a.cpu_s - b.cpu_s) < 1e-9);
    assert_int_equal(a.n_devices, b.n_devices);
    assert_true(device(&a, "cpu")->active_j > 0);
    for (size_t i = 0; i < a.n_devices; i++) {
        assert_true(fabs(a.devices[i].machine_j - b.devices[i].machine_j) < 1e-9);
        assert_true(fabs(a.devices[i].active_j - b.devices[i].active_j) < 1e-9);
        assert_true(fabs(a.devices[i].idle_j - b.devices[i].idle_j) < 1e-9);
    }
    fr_meter_close(at_once);
    fr_meter_close(later);
    tree_free(&t);
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
        cmocka_unit_test(a_beat_samples_when_it_is_due_and_needs_no_thread),
        cmocka_unit_test(samples_that_wait_lose_nothing),
        cmocka_unit_test(what_the_caller_knows_better_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
