#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "recorded_tree.h"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))

static void burn(double cpu_s)
{
    double until = fr_cpu_self_s() + cpu_s;
    while (fr_cpu_self_s() < until)
        continue;
}

/* Children stay until the test closes its end, or ends: nobody is left behind. */
static int stay[2];

static void wait_to_be_let_go(void)
{
    char byte;
    close(stay[1]);
    while (read(stay[0], &byte, 1) > 0)
        continue;
    _exit(0);
}

static void let_go(void)
{
    close(stay[1]);
    close(stay[0]);
}

static double seconds_of(struct timeval tv)
{
    return (double)tv.tv_sec + (double)tv.tv_usec * 1e-6;
}

static double used_s(const struct rusage *used)
{
    return seconds_of(used->ru_utime) + seconds_of(used->ru_stime);
}

static fr_meter *meter_over(pid_t pid, bool adopts)
{
    fr_meter *m = NULL;
    fr_meter_options options = { .pid = pid, .adopts = adopts, .no_thread = true, .nvml = "" };
    assert_int_equal(fr_meter_open(&options, &m, NULL), 0);
    return m;
}

/* getrusage is the kernel's own account of the same time. */
static void our_own_time_and_that_of_children_is_what_getrusage_says(void **state)
{
    (void)state;
    struct rusage self_a, self_b, children_a, children_b;
    fr_meter *m = meter_over(0, false);
    fr_reading a = tree_read(m);
    getrusage(RUSAGE_SELF, &self_a);
    getrusage(RUSAGE_CHILDREN, &children_a);
    burn(0.15);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            burn(0.05);
            _exit(0);
        }
        waitpid(child, NULL, 0); /* came and went between two readings */
    }
    getrusage(RUSAGE_SELF, &self_b);
    getrusage(RUSAGE_CHILDREN, &children_b);
    fr_reading b = tree_read(m);
    double wanted_s = used_s(&self_b) - used_s(&self_a) + used_s(&children_b) - used_s(&children_a);
    close_to(b.cpu_s - a.cpu_s, wanted_s, 0.01);
    fr_meter_close(m);
}

/* Reads until the tree took so much, or for ten seconds: scans wait for what the last one cost. */
static fr_reading read_until(fr_meter *m, double cpu_s)
{
    fr_reading r = tree_read(m);
    for (int i = 0; i < 200 && r.cpu_s < cpu_s; i++) {
        fr_sleep_ns(50000000);
        r = tree_read(m);
    }
    return r;
}

/* Starts body once the meter is open, so that all of its time is after. */
static pid_t start(int go[2], void (*body)(void))
{
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(stay), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        if (read(go[0], &byte, 1) != 1)
            _exit(1);
        body();
        _exit(0);
    }
    return child;
}

static void let_begin(int go[2])
{
    assert_int_equal(write(go[1], "x", 1), 1);
    close(go[0]);
    close(go[1]);
}

static void burn_in_two_generations(void)
{
    if (fork() == 0) {
        burn(0.1);
        wait_to_be_let_go();
    }
    burn(0.1);
    wait_to_be_let_go();
}

static void a_living_tree_of_grandchildren_is_seen(void **state)
{
    (void)state;
    int go[2];
    pid_t child = start(go, burn_in_two_generations);
    fr_meter *m = meter_over(child, false);
    let_begin(go);
    fr_reading r = read_until(m, 0.199);
    close_to(r.cpu_s, 0.2, 0.02);
    fr_meter_close(m);
    let_go();
    waitpid(child, NULL, 0);
}

static void burn_as_a_daemon(void)
{
    if (fork() == 0) {
        setsid();
        burn(0.2);
        wait_to_be_let_go();
    }
}

/* The meter is there first and is told whom it waited for: all of his time counts, and that of his
 * children. */
static void who_is_awaited_is_counted_from_his_birth(void **state)
{
    (void)state;
    int go[2];
    fr_meter *m = NULL;
    fr_meter_options options = { .awaits = true, .adopts = true, .no_thread = true, .nvml = "" };
    assert_int_equal(fr_meter_open(&options, &m, NULL), 0);
    assert_true(tree_read(m).cpu_s == 0);
    pid_t child = start(go, burn_in_two_generations);
    let_begin(go);
    fr_sleep_ns(50000000); /* at work before anybody says who it is */
    fr_meter_adopt(m, child);
    fr_reading r = read_until(m, 0.199);
    close_to(r.cpu_s, 0.2, 0.02);
    fr_meter_close(m);
    let_go();
    waitpid(child, NULL, 0);
}

/* A daemon's parent is gone before anybody looked: who adopts orphans finds it all the same. */
static void an_adopted_daemon_belongs_to_the_tree(void **state)
{
    (void)state;
    int go[2];
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t child = start(go, burn_as_a_daemon);
    fr_meter *m = meter_over(child, true);
    let_begin(go);
    waitpid(child, NULL, 0);
    fr_reading r = read_until(m, 0.199);
    close_to(r.cpu_s, 0.2, 0.02);
    fr_meter_close(m);
    let_go();
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* ---- recorded processes: every case by hand ------------------------------------------------ */

static void a_child_that_was_waited_for_counts_once(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_process(&t, 101, ROOT_PID, 50, 0);
    t.forks++;
    tree_pass(&t, 1, 0.5);
    close_to(tree_read(m).cpu_s, 0.5, 1e-9);
    tree_remove(&t, "proc/101"); /* ended with 0.8 s, and its parent waited */
    tree_process(&t, ROOT_PID, 1, 0, 80);
    tree_pass(&t, 1, 0.3);
    close_to(tree_read(m).cpu_s, 0.8, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

static void a_child_that_nobody_waited_for_keeps_what_it_had(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_process(&t, 101, ROOT_PID, 50, 0);
    t.forks++;
    tree_pass(&t, 1, 0.5);
    tree_read(m);
    tree_remove(&t, "proc/101");
    tree_pass(&t, 1, 0);
    close_to(tree_read(m).cpu_s, 0.5, 1e-9);
    tree_process(&t, ROOT_PID, 1, 25, 0);
    tree_pass(&t, 1, 0.25);
    close_to(tree_read(m).cpu_s, 0.75, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

static void a_whole_branch_that_ends_at_once_counts_once(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_process(&t, 101, ROOT_PID, 10, 0);
    tree_process(&t, 99, 101, 40, 0); /* a smaller number than its parent's: numbers wrap */
    t.forks += 2;
    tree_pass(&t, 1, 0.5);
    close_to(tree_read(m).cpu_s, 0.5, 1e-9);
    tree_remove(&t, "proc/99");
    tree_remove(&t, "proc/101");
    tree_process(&t, ROOT_PID, 1, 0, 50);
    tree_pass(&t, 1, 0);
    close_to(tree_read(m).cpu_s, 0.5, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

static void what_was_before_the_meter_is_not_counted(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_process(&t, ROOT_PID, 1, 5000, 7000);
    tree_process(&t, 101, ROOT_PID, 300, 0);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    close_to(tree_read(m).cpu_s, 0, 1e-9);
    tree_process(&t, 101, ROOT_PID, 310, 0);
    tree_pass(&t, 1, 0.1);
    close_to(tree_read(m).cpu_s, 0.1, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

static void a_stranger_is_not_of_the_tree_and_neither_are_its_children(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_process(&t, 300, 1, 0, 0);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_process(&t, 300, 1, 90, 0);
    tree_process(&t, 301, 300, 90, 0);
    t.forks++;
    tree_pass(&t, 1, 1.8);
    close_to(tree_read(m).cpu_s, 0, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

/* Half of them are the tree's, in a chain of families; numbers run against the order of birth. */
static void ten_thousand_processes_are_told_apart(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    for (int i = 0; i < 5000; i++) {
        int pid = 20000 - 2 * i, parent = i < 10 ? ROOT_PID : 20000 - 2 * (i / 10);
        tree_process(&t, pid, parent, 0, 0);
        tree_process(&t, pid + 1, 1, 0, 0);
    }
    t.forks += 10000;
    tree_pass(&t, 1, 0);
    close_to(tree_read(m).cpu_s, 0, 1e-9);
    for (int i = 0; i < 5000; i += 50) {
        tree_process(&t, 20000 - 2 * i, i < 10 ? ROOT_PID : 20000 - 2 * (i / 10), 3, 0);
        tree_process(&t, 20000 - 2 * i + 1, 1, 5, 0);
    }
    tree_pass(&t, 8, 8);
    close_to(tree_read(m).cpu_s, 3, 1e-9); /* 100 of ours took 30 ms each */
    fr_meter_close(m);
    tree_free(&t);
}

static void rubbish_in_the_process_files_ends_nothing(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_write(&t, "proc/102/stat", "102 (unclosed");
    tree_write(&t, "proc/103/stat", "%s", "");
    tree_write(&t, "proc/99999999999/stat", "1 (x) S 100");
    tree_write(&t, "proc/stat", "cpu lots of rubbish");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_process(&t, ROOT_PID, 1, 50, 0);
    t.now_ns += 1000000000;
    fr_reading r = tree_read(m);
    close_to(r.cpu_s, 0.5, 1e-9);
    close_to(r.machine_cpu_s, 0.5, 1e-9); /* others unknown: no more than ours is claimed */
    assert_true(r.missed > 0);
    fr_meter_close(m);
    tree_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_time_and_that_of_children_is_what_getrusage_says),
        cmocka_unit_test(a_living_tree_of_grandchildren_is_seen),
        cmocka_unit_test(who_is_awaited_is_counted_from_his_birth),
        cmocka_unit_test(an_adopted_daemon_belongs_to_the_tree),
        cmocka_unit_test(a_child_that_was_waited_for_counts_once),
        cmocka_unit_test(a_child_that_nobody_waited_for_keeps_what_it_had),
        cmocka_unit_test(a_whole_branch_that_ends_at_once_counts_once),
        cmocka_unit_test(what_was_before_the_meter_is_not_counted),
        cmocka_unit_test(a_stranger_is_not_of_the_tree_and_neither_are_its_children),
        cmocka_unit_test(ten_thousand_processes_are_told_apart),
        cmocka_unit_test(rubbish_in_the_process_files_ends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
