#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#include "../../fixtures/meter/fake_nvml.h"
#include "meter/census.h"
#include "recorded_tree.h"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))

typedef struct {
    recorded_tree tree;
    fr_meter *meter;
    fr_census *census;
    fr_reading last;
    unsigned irq_ticks;
    uint64_t uj;
} machine;

static void machine_init(machine *m, const char *nvml)
{
    *m = (machine){ .tree = tree_new(1, 4) };
    tree_zone(&m->tree, "intel-rapl:0", "package-0", 0);
    m->meter = tree_meter(&m->tree, ROOT_PID, nvml);
    m->last = tree_read(m->meter);
}

static void census_begin(machine *m)
{
    fr_census_options options = { .roots = { .procfs = m->tree.procfs } };
    assert_int_equal(fr_census_open(&options, &m->census, NULL), 0);
}

/* A second of 100 W in which everybody worked so much, interrupts among it. */
static fr_census_view second_passes(machine *m, double busy_s, unsigned irq_ticks)
{
    char text[32];
    recorded_tree *t = &m->tree;
    m->uj += 100000000;
    snprintf(text, sizeof text, "%llu", (unsigned long long)m->uj);
    tree_energy(t, "intel-rapl:0", text);
    tree_pass(t, 1, busy_s);
    m->irq_ticks += irq_ticks;
    tree_write(t, "proc/stat", "cpu  %llu 0 0 %llu 0 0 %u 0 0 0\nprocesses %llu\n",
               t->busy_ticks - m->irq_ticks, t->idle_ticks, m->irq_ticks, t->forks);
    fr_reading now = tree_read(m->meter), window;
    fr_reading_between(&m->last, &now, &window);
    m->last = now;
    fr_census_view view;
    assert_int_equal(fr_census_take(m->census, m->meter, &window, &view, NULL), 0);
    return view;
}

static void machine_free(machine *m)
{
    fr_census_close(m->census);
    fr_meter_close(m->meter);
    tree_free(&m->tree);
}

static const fr_census_process *row(const fr_census_view *v, pid_t pid)
{
    for (size_t i = 0; i < v->n_processes; i++) {
        if (v->processes[i].pid == pid)
            return &v->processes[i];
    }
    return NULL;
}

static double rows_j(const fr_census_view *v)
{
    double sum_j = 0;
    for (size_t i = 0; i < v->n_processes; i++)
        sum_j += v->processes[i].active.value_j;
    return sum_j;
}

/* What is unseen is a difference, so it is left out: all other lines have counts of their own. */
static void lines_add_up_to_the_machine_and_not_without_one(void **state)
{
    (void)state;
    machine m;
    machine_init(&m, "");
    tree_process(&m.tree, 100, 1, 0, 0);
    tree_process(&m.tree, 200, 1, 0, 0);
    census_begin(&m);
    tree_process(&m.tree, 100, 1, 120, 0);
    tree_process(&m.tree, 200, 1, 40, 20); /* 0.2 s by a child that came and went */
    fr_census_view v = second_passes(&m, 2.0, 20);
    double all_j = rows_j(&v) + v.interrupts.value_j + v.idle.value_j;
    close_to(all_j, v.machine.value_j, v.machine.value_j * 1e-3);
    close_to(v.unseen.value_j, 0, 1e-9);
    const double PARTS[] = { row(&v, 100)->active.value_j, row(&v, 200)->active.value_j,
                             v.interrupts.value_j, v.idle.value_j };
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs(all_j - PARTS[i] - v.machine.value_j) > v.machine.value_j * 1e-3);
    close_to(row(&v, 100)->active.value_j, 2 * row(&v, 200)->active.value_j, 1e-9);
    close_to(row(&v, 200)->ended_s, 0.2, 1e-9);
    assert_int_equal(v.processes[0].pid, 100); /* most first */
    machine_free(&m);
}

static void work_that_nobody_visible_did_is_unseen_and_not_spread(void **state)
{
    (void)state;
    machine m;
    machine_init(&m, "");
    census_begin(&m);
    tree_process(&m.tree, 100, 1, 100, 0);
    fr_census_view v = second_passes(&m, 4.0, 0);
    close_to(row(&v, 100)->active.value_j, (v.machine.value_j - v.idle.value_j) / 4, 1e-9);
    close_to(v.unseen_s, 3, 1e-9);
    close_to(v.unseen.value_j, 3 * row(&v, 100)->active.value_j, 1e-9);
    machine_free(&m);
}

/* Half of it was counted while it lived; who waits for it has the rest, once. */
static void a_child_that_ends_is_counted_once(void **state)
{
    (void)state;
    machine m;
    machine_init(&m, "");
    tree_process(&m.tree, 100, 1, 0, 0);
    tree_process(&m.tree, 101, 100, 0, 0);
    census_begin(&m);
    tree_process(&m.tree, 101, 100, 50, 0);
    fr_census_view v = second_passes(&m, 0.5, 0);
    close_to(row(&v, 101)->cpu_s, 0.5, 1e-9);
    tree_remove(&m.tree, "proc/101");
    tree_process(&m.tree, 100, 1, 10, 90);
    v = second_passes(&m, 0.5, 0);
    assert_null(row(&v, 101));
    close_to(row(&v, 100)->ended_s, 0.4, 1e-9);
    close_to(v.unseen_s, 0, 1e-9);
    machine_free(&m);
}

/* Its parent went first, and another waits for it. */
static void an_orphan_is_counted_once(void **state)
{
    (void)state;
    machine m;
    machine_init(&m, "");
    tree_process(&m.tree, 1, 0, 0, 0);
    tree_process(&m.tree, 50, 1, 0, 0);
    tree_process(&m.tree, 60, 50, 300, 0);
    tree_process(&m.tree, 61, 60, 300, 0);
    census_begin(&m);
    tree_remove(&m.tree, "proc/60");
    tree_remove(&m.tree, "proc/61");
    tree_process(&m.tree, 50, 1, 0, 310);
    tree_process(&m.tree, 1, 0, 0, 340);
    fr_census_view v = second_passes(&m, 0.5, 0);
    close_to(row(&v, 50)->ended_s + row(&v, 1)->ended_s, 0.5, 1e-9);
    assert_true(row(&v, 1)->ended_s <= 0.5 + 1e-9);
    close_to(v.unseen_s, 0, 1e-9);
    machine_free(&m);
}

static void a_number_that_is_used_again_is_another_process(void **state)
{
    (void)state;
    machine m;
    machine_init(&m, "");
    tree_process(&m.tree, 100, 1, 500, 0);
    census_begin(&m);
    tree_write(&m.tree, "proc/100/stat",
               "100 (new) S 1 1 1 0 -1 4194304 1 0 0 0 30 0 0 0 20 0 1 0 777 0 3\n");
    fr_census_view v = second_passes(&m, 0.3, 0);
    close_to(row(&v, 100)->cpu_s, 0.3, 1e-9);
    assert_string_equal(row(&v, 100)->name, "new");
    machine_free(&m);
}

static void a_hostile_name_is_made_printable(void **state)
{
    (void)state;
    machine m;
    machine_init(&m, "");
    tree_write(&m.tree, "proc/100/stat",
               "100 (x) S 9 (\x1b[2J) S 1 1 1 0 -1 4194304 1 0 0 0 30 0 0 0 20 0 1 0 7 0 3\n");
    census_begin(&m);
    fr_census_view v = second_passes(&m, 0.3, 0);
    assert_string_equal(row(&v, 100)->name, "x) S 9 (?[2J");
    assert_int_equal(row(&v, 100)->parent, 1);
    tree_write(&m.tree, "proc/100/stat", "100 (cut"); /* cannot be read: it is gone */
    v = second_passes(&m, 0.3, 0);
    assert_null(row(&v, 100));
    machine_free(&m);
}

#define CONTAINER "4f2a4f2a4f2a4f2a4f2a4f2a4f2a4f2a4f2a4f2a4f2a4f2a4f2a4f2a4f2a4f2a"

static void groups_have_the_work_of_their_processes(void **state)
{
    (void)state;
    machine m;
    machine_init(&m, "");
    for (int pid = 100; pid < 106; pid++) {
        char name[32];
        tree_process(&m.tree, pid, 1, 0, 0);
        snprintf(name, sizeof name, "proc/%d/cgroup", pid);
        tree_write(&m.tree, name, "0::%s\n",
                   pid < 103   ? "/system.slice/docker-" CONTAINER ".scope"
                   : pid < 105 ? "/system.slice/docker-" CONTAINER ".scope/init"
                               : "/system.slice/nginx.service");
    }
    census_begin(&m);
    for (int pid = 100; pid < 106; pid++)
        tree_process(&m.tree, pid, 1, 10, 0);
    fr_census_view v = second_passes(&m, 0.6, 0);
    assert_int_equal(v.n_groups, 2);
    assert_int_equal(v.groups[0].name.kind, FR_GROUP_CONTAINER);
    assert_string_equal(v.groups[0].name.id, CONTAINER);
    assert_int_equal(v.groups[0].n_processes, 5);
    assert_string_equal(v.groups[1].name.id, "nginx.service");
    close_to(v.groups[0].active.value_j, 5 * v.groups[1].active.value_j, 1e-9);
    assert_int_equal(row(&v, 104)->group, 0);
    assert_int_equal(row(&v, 105)->group, 1);
    machine_free(&m);
}

/* Containers that came and went leave nothing behind. */
static void groups_that_are_gone_are_forgotten(void **state)
{
    (void)state;
    machine m;
    machine_init(&m, "");
    census_begin(&m);
    fr_census_view v = { 0 };
    for (int i = 0; i < 300; i++) {
        tree_process(&m.tree, 1000 + i, 1, 1, 0);
        char name[32];
        snprintf(name, sizeof name, "proc/%d/cgroup", 1000 + i);
        tree_write(&m.tree, name, "0::/system.slice/job-%d.service\n", i);
        if (i % 10 == 9) {
            v = second_passes(&m, 0.1, 0);
            assert_int_equal(v.n_groups, 11);
            for (int k = i - 9; k <= i; k++) {
                snprintf(name, sizeof name, "proc/%d", 1000 + k);
                tree_remove(&m.tree, name);
            }
        }
    }
    machine_free(&m);
}

static void gpu_time_makes_gpu_joules(void **state)
{
    (void)state;
    char library[4096];
    ssize_t n = readlink("/proc/self/exe", library, sizeof library - 32);
    assert_true(n > 0);
    library[n] = '\0';
    strcpy(strrchr(library, '/'), "/libfake_nvml.so");
    void *handle = dlopen(library, RTLD_NOW);
    assert_non_null(handle);
    fake_nvml *driver = dlsym(handle, "fake_nvml_state");
    *driver = (fake_nvml){ .n_gpus = 1 };
    driver->gpus[0] = (fake_gpu){ .has_counter = true,
                                  .tells_time = true,
                                  .busy_percent = 80,
                                  .n_processes = 3,
                                  .pids = { 100, 200, 999999 },
                                  .sm_percent = { 40, 20, 20 } };
    machine m;
    machine_init(&m, library);
    tree_process(&m.tree, 100, 1, 0, 0);
    tree_process(&m.tree, 200, 1, 0, 0);
    census_begin(&m);
    fr_census_view v = { 0 };
    for (int i = 0; i < 3; i++) {
        driver->gpus[0].energy_mj += 250000;
        v = second_passes(&m, 0, 0);
    }
    const fr_device_reading *d = device(&m.last, "gpu-0 Fake GPU 300W");
    assert_non_null(d);
    double work_j = v.machine.value_j - v.idle.value_j;
    close_to(row(&v, 100)->gpu_s, 0.4, 1e-9);
    close_to(row(&v, 100)->gpu_j, 2 * row(&v, 200)->gpu_j, 1e-9);
    assert_true(row(&v, 200)->gpu_j > 1);
    /* The third is in another namespace: a quarter of the GPU's work is nobody's here. */
    close_to(v.unseen.value_j - row(&v, 200)->gpu_j, work_j - rows_j(&v) - row(&v, 200)->gpu_j,
             1e-6);
    close_to(rows_j(&v) + v.interrupts.value_j + v.unseen.value_j + v.idle.value_j,
             v.machine.value_j, 1e-6);
    machine_free(&m);
    dlclose(handle);
}

static void ten_thousand_processes_are_no_trouble(void **state)
{
    (void)state;
    machine m;
    machine_init(&m, "");
    for (int pid = 1000; pid < 11000; pid++)
        tree_process(&m.tree, pid, 1, 0, 0);
    census_begin(&m);
    for (int pid = 1000; pid < 11000; pid += 100)
        tree_process(&m.tree, pid, 1, 2, 0);
    fr_census_view v = second_passes(&m, 2, 0);
    assert_int_equal(v.n_processes, 10001);
    close_to(rows_j(&v) + v.idle.value_j, v.machine.value_j, v.machine.value_j * 1e-3);
    close_to(row(&v, 1000)->active.value_j, rows_j(&v) / 100, 1e-9);
    machine_free(&m);
}

static void more_processes_than_asked_for_are_said(void **state)
{
    (void)state;
    machine m;
    machine_init(&m, "");
    for (int pid = 1000; pid < 1010; pid++)
        tree_process(&m.tree, pid, 1, 0, 0);
    fr_census_options options = { .roots = { .procfs = m.tree.procfs }, .processes_most = 4 };
    assert_int_equal(fr_census_open(&options, &m.census, NULL), 0);
    fr_census_view v = second_passes(&m, 0.1, 0);
    assert_int_equal(v.n_processes, 4);
    assert_int_equal(v.n_over, 7);
    machine_free(&m);
}

static void no_stat_is_an_error_that_says_so(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 1);
    tree_remove(&t, "proc/stat");
    fr_census *c = NULL;
    fr_err err = { 0 };
    fr_census_options options = { .roots = { .procfs = t.procfs } };
    assert_int_equal(fr_census_open(&options, &c, &err), FR_E_SENSOR);
    assert_non_null(strstr(err.what, "CPU time"));
    tree_free(&t);
}

/* The real /proc: a child burns half a second; it is in its row, and after it was waited for in
 * ours. Our own work is in our row as the kernel's clock has it. */
static void on_this_machine_work_is_found_where_it_was_done(void **state)
{
    (void)state;
    fr_meter *meter = NULL;
    fr_census *census = NULL;
    fr_reading a, b, window;
    fr_census_view v;
    fr_meter_options options = { .no_thread = true, .nvml = "" };
    assert_int_equal(fr_meter_open(&options, &meter, NULL), 0);
    assert_int_equal(fr_meter_read(meter, &a, NULL), 0);
    assert_int_equal(fr_census_open(NULL, &census, NULL), 0);
    pid_t child = fork();
    if (child == 0) {
        while (clock() < CLOCKS_PER_SEC / 4)
            continue;
        pause();
    }
    for (clock_t began = clock(); clock() - began < CLOCKS_PER_SEC / 4;)
        continue;
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    assert_int_equal(fr_meter_read(meter, &b, NULL), 0);
    fr_reading_between(&a, &b, &window);
    assert_int_equal(fr_census_take(census, meter, &window, &v, NULL), 0);
    assert_non_null(row(&v, getpid()));
    assert_in_range((long)(row(&v, getpid())->cpu_s * 1000), 249, 10000);
    double parts_j = rows_j(&v) + v.interrupts.value_j + v.unseen.value_j + v.idle.value_j;
    close_to(parts_j, v.machine.value_j, v.machine.value_j * 1e-3);
    bool child_was_there = row(&v, child) != NULL;
    assert_true(child_was_there);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    a = b;
    assert_int_equal(fr_meter_read(meter, &b, NULL), 0);
    fr_reading_between(&a, &b, &window);
    assert_int_equal(fr_census_take(census, meter, &window, &v, NULL), 0);
    assert_null(row(&v, child));
    fr_census_close(census);
    fr_meter_close(meter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_add_up_to_the_machine_and_not_without_one),
        cmocka_unit_test(work_that_nobody_visible_did_is_unseen_and_not_spread),
        cmocka_unit_test(a_child_that_ends_is_counted_once),
        cmocka_unit_test(an_orphan_is_counted_once),
        cmocka_unit_test(a_number_that_is_used_again_is_another_process),
        cmocka_unit_test(a_hostile_name_is_made_printable),
        cmocka_unit_test(groups_have_the_work_of_their_processes),
        cmocka_unit_test(groups_that_are_gone_are_forgotten),
        cmocka_unit_test(gpu_time_makes_gpu_joules),
        cmocka_unit_test(ten_thousand_processes_are_no_trouble),
        cmocka_unit_test(more_processes_than_asked_for_are_said),
        cmocka_unit_test(no_stat_is_an_error_that_says_so),
        cmocka_unit_test(on_this_machine_work_is_found_where_it_was_done),
    };
    return cmocka_run_group_tests_name("census", tests, NULL, NULL);
}
