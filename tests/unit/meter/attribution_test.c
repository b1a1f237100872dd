#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "recorded_tree.h"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))

/* Moves the machine on: 100 W on the package, of 4 threads 2 busy: 1.2 s for job A, 0.6 s for B,
 * 0.2 s for nobody's process (interrupts). */
static void work_on(recorded_tree *t, unsigned *a_ticks, unsigned *b_ticks, uint64_t *uj)
{
    char text[32];
    *uj += 100000000;
    snprintf(text, sizeof text, "%llu", (unsigned long long)*uj);
    tree_energy(t, "intel-rapl:0", text);
    tree_process(t, 100, 1, *a_ticks += 120, 0);
    tree_process(t, 200, 1, *b_ticks += 60, 0);
    tree_pass(t, 1, 2.0);
}

/*
 * Energy is conserved, and not because a remainder is computed: two meters, each over its own tree,
 * and the part of the interrupts by its own time add up to the machine. Without B they do not.
 */
static void parts_add_up_to_the_machine_and_not_without_one(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    uint64_t uj = 1000;
    unsigned a_ticks = 0, b_ticks = 0;
    tree_zone(&t, "intel-rapl:0", "package-0", uj);
    tree_process(&t, 200, 1, 0, 0);
    fr_meter *a = tree_meter(&t, 100, ""), *b = tree_meter(&t, 200, "");
    fr_reading ra, rb;
    for (int i = 0; i < 20; i++) {
        work_on(&t, &a_ticks, &b_ticks, &uj);
        ra = tree_read(a);
        rb = tree_read(b);
    }
    const fr_device_reading *da = device(&ra, "package-0"), *db = device(&rb, "package-0");
    double interrupts_j = (da->machine_j - da->idle_j) * 0.2 / 2.0;
    close_to(da->machine_j, 2000, 1e-6);
    close_to(da->idle_j, db->idle_j, 1e-9);
    double all_j = da->active_j + db->active_j + interrupts_j + da->idle_j;
    close_to(all_j, 2000, 2000 * 1e-3);
    assert_true(fabs(all_j - db->active_j - 2000) > 2000 * 1e-3);
    close_to(da->active_j, 2 * db->active_j, 1e-6); /* twice the work */
    close_to(da->idle_j, 20 * 0.12 * 125, 1e-6);    /* rest by the model: below every second seen */
    fr_meter_close(a);
    fr_meter_close(b);
    tree_free(&t);
}

static void who_works_alone_has_all_that_is_counted(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "package-0", 0);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    for (unsigned i = 1; i <= 10; i++) {
        char text[32];
        snprintf(text, sizeof text, "%u", i * 60000000);
        tree_energy(&t, "intel-rapl:0", text);
        tree_process(&t, ROOT_PID, 1, i * 400, 0);
        tree_pass(&t, 1, 4);
        tree_read(m);
    }
    fr_reading r = tree_read(m);
    const fr_device_reading *d = device(&r, "package-0");
    close_to(d->active_j + d->idle_j, 600, 1e-6);
    /* The split may be off, the sum may not: its range is the counter's alone. */
    close_to(d->total_low_j, 600 * 0.95, 1e-6);
    close_to(d->total_high_j, 600 * 1.05, 1e-6);
    fr_meter_close(m);
    tree_free(&t);
}

static void an_idle_tree_draws_idle_alone(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 10, 40); /* others work */
    fr_reading r = tree_read(m);
    assert_true(fr_reading_active(&r, FR_DEVICE_NONE).value_j == 0);
    close_to(device(&r, "cpu")->idle_j, 10 * 0.12 * 125, 1e-6);
    close_to(device(&r, "cpu")->machine_j, 10 * 1.02 * 125, 1e-6);
    fr_meter_close(m);
    tree_free(&t);
}

/* Rest is bounded by the least that a whole second drew. */
static void a_machine_that_rests_lower_than_the_model_is_believed(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "package-0", 0);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_energy(&t, "intel-rapl:0", "5000000");
    tree_pass(&t, 1, 0);
    tree_read(m); /* 5 W at rest, where the model says 15 */
    tree_energy(&t, "intel-rapl:0", "105000000");
    tree_process(&t, ROOT_PID, 1, 400, 0);
    tree_pass(&t, 1, 4);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->idle_j, 10, 1e-6);
    close_to(device(&r, "package-0")->active_j, 95, 1e-6);
    fr_meter_close(m);
    tree_free(&t);
}

/* A container with one of four threads carries a quarter of the rest. */
static void a_quota_carries_its_part_of_the_idle(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_write(&t, "sys/fs/cgroup/cpu.max", "100000 100000\n");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 10, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "cpu")->machine_j, 150, 1e-6);
    close_to(device(&r, "cpu")->idle_j, 150.0 / 4, 1e-6);
    fr_meter_close(m);
    tree_free(&t);
}

/* A job of Slurm: memory at the job, processors at the step, the task below has neither. */
static void limits_above_a_group_are_its_limits(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 8);
    char folder[160];
    fr_host host;
    tree_write(&t, "cg/cgroup.procs", "1\n");
    tree_write(&t, "cg/system.slice/cgroup.procs", "\n");
    tree_write(&t, "cg/system.slice/job_7/cgroup.procs", "\n");
    tree_write(&t, "cg/system.slice/job_7/memory.max", "8000000000\n");
    tree_write(&t, "cg/system.slice/job_7/step_0/cgroup.procs", "\n");
    tree_write(&t, "cg/system.slice/job_7/step_0/cpu.max", "300000 100000\n");
    tree_write(&t, "cg/system.slice/job_7/step_0/task_0/cpu.max", "max 100000\n");
    tree_write(&t, "cg/system.slice/job_7/step_0/task_0/memory.max", "max\n");
    snprintf(folder, sizeof folder, "%s/cg/system.slice/job_7/step_0/task_0", t.root);
    fr_meter_options options = { .sysfs = t.sysfs, .procfs = t.procfs, .group = folder };
    fr_meter_host(&options, &host);
    close_to(host.quota_threads, 3, 1e-12);
    close_to(host.quota_ram_bytes, 8e9, 1);
    tree_write(&t, "cg/system.slice/job_7/step_0/task_0/cpuset.cpus.effective", "0,4-5\n");
    fr_meter_host(&options, &host);
    close_to(host.quota_threads, 3, 1e-12);
    tree_write(&t, "cg/system.slice/job_7/step_0/task_0/cpuset.cpus.effective", "4-5\n");
    fr_meter_host(&options, &host);
    close_to(host.quota_threads, 2, 1e-12);
    tree_free(&t);
}

/* Version 1 keeps each controller's limits in a folder of its own; and what we ourselves may take
 * says nothing of a group that somebody meters. */
static void limits_of_version_1_count_and_our_own_are_none_of_theirs(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 8);
    char folder[160];
    fr_host host;
    tree_write(&t, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"); /* ours: half a thread */
    tree_write(&t, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    tree_write(&t, "cg/cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "150000\n");
    tree_write(&t, "cg/cpu,cpuacct/docker/ab/cpu.cfs_period_us", "100000\n");
    tree_write(&t, "cg/memory/docker/ab/memory.limit_in_bytes", "1073741824\n");
    tree_write(&t, "cg/cpuset/docker/ab/cpuset.cpus", "0-3\n");
    snprintf(folder, sizeof folder, "%s/cg/cpu,cpuacct/docker/ab", t.root);
    fr_meter_options options = { .sysfs = t.sysfs, .procfs = t.procfs };
    fr_meter_host(&options, &host);
    close_to(host.quota_threads, 0.5, 1e-12);
    options.group = folder;
    fr_meter_host(&options, &host);
    close_to(host.quota_threads, 1.5, 1e-12);
    close_to(host.quota_ram_bytes, 1073741824, 1);
    tree_write(&t, "cg/cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "-1\n");
    tree_write(&t, "cg/memory/docker/ab/memory.limit_in_bytes", "9223372036854771712\n");
    fr_meter_host(&options, &host);
    close_to(host.quota_threads, 4, 1e-12);
    close_to(host.quota_ram_bytes, host.ram_bytes, 1);
    tree_free(&t);
}

/* Where our own group lies in a recorded tree: PID/cgroup says. */
static void our_own_group_is_found_in_both_versions(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 8);
    fr_host host;
    tree_write(&t, "proc/self/cgroup", "4:cpu,cpuacct:/jobs/9\n3:memory:/jobs/9\n0::/a/b\n");
    tree_write(&t, "sys/fs/cgroup/cpu,cpuacct/jobs/9/cpu.cfs_quota_us", "400000\n");
    tree_write(&t, "sys/fs/cgroup/cpu,cpuacct/jobs/9/cpu.cfs_period_us", "100000\n");
    tree_write(&t, "sys/fs/cgroup/memory/jobs/9/memory.limit_in_bytes", "2000000000\n");
    fr_host_read(t.procfs, t.sysfs, &host);
    close_to(host.quota_threads, 4, 1e-12);
    close_to(host.quota_ram_bytes, 2e9, 1);
    tree_write(&t, "sys/fs/cgroup/a/cgroup.procs", "\n");
    tree_write(&t, "sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    tree_write(&t, "sys/fs/cgroup/a/b/cgroup.procs", "\n");
    fr_host_read(t.procfs, t.sysfs, &host);
    close_to(host.quota_threads, 2.5, 1e-12);
    tree_free(&t);
}

/* A server with a wireless mouse is none; a laptop's battery has many names. */
static void a_battery_of_its_own_makes_a_client(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_host host;
    tree_write(&t, "sys/class/power_supply/hidpp_battery_0/type", "Battery\n");
    tree_write(&t, "sys/class/power_supply/hidpp_battery_0/scope", "Device\n");
    tree_write(&t, "sys/class/power_supply/AC/type", "Mains\n");
    fr_host_read(t.procfs, t.sysfs, &host);
    assert_false(host.is_client);
    tree_write(&t, "sys/class/power_supply/CMB1/type", "Battery\n");
    fr_host_read(t.procfs, t.sysfs, &host);
    assert_true(host.is_client);
    tree_free(&t);
}

/* The tree's clock is finer than the machine's: a window in which it ran ahead is settled later. */
static void nobody_is_charged_above_the_host(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_process(&t, ROOT_PID, 1, 20, 0);
    tree_pass(&t, 0.1, 0.1); /* 0.2 s for the tree, 0.1 s for everybody */
    fr_reading first = tree_read(m);
    tree_pass(&t, 0.1, 0.3);
    fr_reading r = tree_read(m);
    const fr_device_reading *d = device(&first, "cpu");
    assert_true(d->active_j + d->idle_j <= d->machine_j + 1e-9);
    close_to(r.cpu_s, 0.2, 1e-9);
    close_to(r.machine_cpu_s, 0.4, 1e-9); /* nothing lent is kept */
    fr_meter_close(m);
    tree_free(&t);
}

static void a_tree_that_cannot_be_seen_is_charged_with_the_machine_and_says_so(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "package-0", 0);
    fr_meter *m = tree_meter(&t, 4321, "");
    tree_energy(&t, "intel-rapl:0", "42000000");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->active_j + device(&r, "package-0")->idle_j, 42, 1e-9);
    assert_non_null(strstr(r.note, "all of the machine is charged"));
    fr_meter_close(m);
    tree_free(&t);
}

static void windows_add_up_to_the_whole(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    fr_reading start = tree_read(m), last = start, now, part, whole;
    double sum_j = 0, sum_s = 0;
    for (unsigned i = 1; i <= 7; i++) {
        tree_process(&t, ROOT_PID, 1, i * 30, 0);
        tree_pass(&t, 0.25 * i, 0.4);
        now = tree_read(m);
        fr_reading_between(&last, &now, &part);
        sum_j += fr_reading_total(&part).value_j;
        sum_s += part.cpu_s;
        last = now;
    }
    fr_reading_between(&start, &last, &whole);
    close_to(sum_j, fr_reading_total(&whole).value_j, 1e-9);
    close_to(sum_s, 2.1, 1e-9);
    close_to(whole.duration_s, 7, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_add_up_to_the_machine_and_not_without_one),
        cmocka_unit_test(who_works_alone_has_all_that_is_counted),
        cmocka_unit_test(an_idle_tree_draws_idle_alone),
        cmocka_unit_test(a_machine_that_rests_lower_than_the_model_is_believed),
        cmocka_unit_test(a_quota_carries_its_part_of_the_idle),
        cmocka_unit_test(limits_above_a_group_are_its_limits),
        cmocka_unit_test(limits_of_version_1_count_and_our_own_are_none_of_theirs),
        cmocka_unit_test(our_own_group_is_found_in_both_versions),
        cmocka_unit_test(a_battery_of_its_own_makes_a_client),
        cmocka_unit_test(nobody_is_charged_above_the_host),
        cmocka_unit_test(a_tree_that_cannot_be_seen_is_charged_with_the_machine_and_says_so),
        cmocka_unit_test(windows_add_up_to_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
