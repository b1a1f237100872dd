#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "recorded_tree.h"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))

/* The modulus is the range plus one counter unit, 61 uJ here. */
static void a_counter_that_wraps_loses_no_joules(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "package-0", 262143000000);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_energy(&t, "intel-rapl:0", "671150");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 1.000061, 1e-9);
    assert_int_equal(device(&r, "package-0")->method, FR_METHOD_MEASURED);
    fr_meter_close(m);
    tree_free(&t);
}

/* Half of range / full draw: 100 J at 125 W or somewhat more are wrapped within a second. */
static void a_counter_that_wraps_soon_is_read_often(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "package-0", 0);
    tree_energy(&t, "intel-rapl:0", "5000000");
    fr_meter *m = tree_meter(&t, getpid(), "");
    assert_true(fr_meter_period_s(m) >= 1); /* 262 kJ: no hurry */
    fr_meter_close(m);
    tree_write(&t, "sys/class/powercap/intel-rapl:0/max_energy_range_uj", "100000000\n");
    m = tree_meter(&t, getpid(), "");
    assert_true(fr_meter_period_s(m) <= 0.4);
    fr_meter_close(m);
    tree_free(&t);
}

static void a_recorded_trace_is_exact_to_the_microjoule(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    uint64_t uj = 123456789, sum_uj = 0;
    tree_zone(&t, "intel-rapl:0", "package-0", uj);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    for (int i = 0; i < 200; i++) {
        uint64_t step = 1000003u * (unsigned)(i % 17 + 1);
        char text[32];
        sum_uj += step;
        uj = (uj + step) % (RANGE_UJ + 61);
        snprintf(text, sizeof text, "%llu", (unsigned long long)uj);
        tree_energy(&t, "intel-rapl:0", text);
        tree_pass(&t, 0.1, 0.2);
        tree_read(m);
    }
    fr_reading r = tree_read(m);
    assert_int_equal(llround(device(&r, "package-0")->machine_j * 1e6), sum_uj);
    fr_meter_close(m);
    tree_free(&t);
}

/* dram lies under its package in the tree, but its energy is not in the package's; core and uncore
 * are; psys would count the packages twice; mmio is the same package through another door. */
static void packages_and_dram_are_added_and_nothing_twice(void **state)
{
    (void)state;
    recorded_tree t = tree_new(2, 4);
    static const struct {
        const char *zone, *name;
        unsigned j; /* moved by */
    } ZONES[] = {
        { "intel-rapl:0", "package-0", 10 },  { "intel-rapl:0:0", "core", 6 },
        { "intel-rapl:0:1", "uncore", 1 },    { "intel-rapl:0:2", "dram", 2 },
        { "intel-rapl:1", "package-1", 20 },  { "intel-rapl:1:0", "dram", 3 },
        { "intel-rapl:2", "psys", 50 },       { "intel-rapl-mmio:0", "package-0", 10 },
        { "intel-rapl-mmio:0:0", "dram", 2 },
    };
    for (size_t i = 0; i < sizeof ZONES / sizeof ZONES[0]; i++)
        tree_zone(&t, ZONES[i].zone, ZONES[i].name, 1000 * i);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    for (size_t i = 0; i < sizeof ZONES / sizeof ZONES[0]; i++) {
        char text[32];
        snprintf(text, sizeof text, "%zu", 1000 * i + ZONES[i].j * 1000000);
        tree_energy(&t, ZONES[i].zone, text);
    }
    tree_pass(&t, 1, 1);
    fr_reading r = tree_read(m);
    assert_int_equal(r.n_devices, 4);
    close_to(device(&r, "package-0")->machine_j, 10, 1e-9);
    close_to(device(&r, "package-1")->machine_j, 20, 1e-9);
    close_to(device(&r, "dram-0")->machine_j, 2, 1e-9);
    close_to(device(&r, "dram-1")->machine_j, 3, 1e-9);
    close_to(fr_reading_machine(&r).value_j, 35, 1e-9);
    assert_int_equal(fr_reading_total(&r).method, FR_METHOD_MEASURED);
    assert_string_equal(r.wholes[0].name, "psys");
    assert_string_equal(r.wholes[0].source, "powercap psys");
    close_to(r.wholes[0].energy_j, 50, 1e-9);
    close_to(r.wholes[0].metered_s, 1, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

static void a_mirrored_die_is_counted_once_and_a_die_of_its_own_is_counted(void **state)
{
    (void)state;
    recorded_tree t = tree_new(2, 4);
    static const char *const ZONES[] = { "intel-rapl:0", "intel-rapl:1", "intel-rapl:2",
                                         "intel-rapl:3" };
    static const char *const MOVED[] = { "9005000", "9005000", "4005000", "6005000" };
    static const char *const NAMES[] = { "package-0-die-0", "package-0-die-1", "package-1-die-0",
                                         "package-1-die-1" };
    for (size_t i = 0; i < 4; i++)
        tree_zone(&t, ZONES[i], NAMES[i], 5000); /* all alike at first */
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    for (size_t i = 0; i < 4; i++)
        tree_energy(&t, ZONES[i], MOVED[i]);
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0-die-0")->machine_j, 9, 1e-9);
    assert_null(device(&r, "package-0-die-1"));
    close_to(device(&r, "package-1-die-0")->machine_j, 4, 1e-9);
    close_to(device(&r, "package-1-die-1")->machine_j, 6, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

/* The two are not read at the same moment, and one of the reads may fail. */
static void a_mirrored_die_is_none_of_its_own_because_its_counter_went_on(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "package-0-die-0", 700000000);
    tree_zone(&t, "intel-rapl:1", "package-0-die-1", 700213000); /* a millisecond later */
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_energy(&t, "intel-rapl:0", "900000000");
    tree_energy(&t, "intel-rapl:1", "900198000");
    tree_pass(&t, 1, 0);
    tree_read(m);
    tree_energy(&t, "intel-rapl:0", "");
    tree_energy(&t, "intel-rapl:1", "980000000");
    tree_pass(&t, 1, 0);
    tree_read(m);
    tree_energy(&t, "intel-rapl:0", "1000000000");
    tree_energy(&t, "intel-rapl:1", "1000000000");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0-die-0")->machine_j, 300, 1e-9);
    assert_null(device(&r, "package-0-die-1"));
    fr_meter_close(m);
    tree_free(&t);
}

/* Neither zero nor a wrap: the next good reading covers the window, and until then it is modelled.
 */
static void a_failed_read_is_no_wrap_and_loses_no_joules(void **state)
{
    (void)state;
    static const char *const BROKEN[] = { "", "no data", "-5", "18446744073709551615",
                                          "99999999999999" };
    for (size_t i = 0; i < sizeof BROKEN / sizeof BROKEN[0]; i++) {
        recorded_tree t = tree_new(1, 4);
        tree_zone(&t, "intel-rapl:0", "package-0", 5000000);
        fr_meter *m = tree_meter(&t, ROOT_PID, "");
        tree_energy(&t, "intel-rapl:0", BROKEN[i]);
        tree_pass(&t, 1, 1);
        fr_reading silent = tree_read(m);
        assert_true(device(&silent, "package-0")->machine_j > 1); /* modelled, not zero */
        assert_int_equal(device(&silent, "package-0")->method, FR_METHOD_MIXED);
        assert_true(silent.missed > 0);
        tree_energy(&t, "intel-rapl:0", "65000000");
        tree_pass(&t, 1, 1);
        fr_reading r = tree_read(m);
        close_to(device(&r, "package-0")->machine_j, 60, 1e-9);
        assert_int_equal(device(&r, "package-0")->method, FR_METHOD_MEASURED);
        fr_meter_close(m);
        tree_free(&t);
    }
}

/* A counter that no longer moves measures nothing: 0 J would be a claim. */
static void a_counter_that_stands_still_is_no_zero(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "package-0", 5000000);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    for (int i = 0; i < 60; i++) {
        tree_pass(&t, 1, 0);
        tree_read(m);
    }
    fr_reading r = tree_read(m);
    assert_int_equal(device(&r, "package-0")->method, FR_METHOD_MIXED);
    assert_true(device(&r, "package-0")->machine_j > 58 * 5); /* 15 W at rest, by the model */
    tree_energy(&t, "intel-rapl:0", "905000000");             /* it was late, and tells all */
    tree_pass(&t, 1, 0);
    r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 900, 1e-6);
    fr_meter_close(m);
    tree_free(&t);
}

static void one_unreadable_socket_is_modelled_and_the_other_is_counted(void **state)
{
    (void)state;
    recorded_tree t = tree_new(2, 4);
    tree_zone(&t, "intel-rapl:0", "package-0", 1000);
    tree_zone(&t, "intel-rapl:1", "package-1", 1000);
    tree_remove(&t, "sys/class/powercap/intel-rapl:1/energy_uj");
    tree_write(&t, "sys/class/powercap/intel-rapl:1/energy_uj/is-a-folder", "\n");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_energy(&t, "intel-rapl:0", "30001000");
    tree_pass(&t, 1, 4); /* all four threads busy: f(1) = 1.02 of 125 W for the modelled socket */
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 30, 1e-9);
    close_to(device(&r, "cpu (other packages)")->machine_j, 127.5, 1e-6);
    assert_int_equal(fr_reading_machine(&r).method, FR_METHOD_MIXED);
    assert_non_null(strstr(r.note, "package-1 is modelled"));
    fr_meter_close(m);
    tree_free(&t);
}

/* Without its range a step back says nothing about the joules: the gap is modelled and named. */
static void an_unreadable_range_makes_a_wrap_a_named_gap(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "package-0", 5000000);
    tree_remove(&t, "sys/class/powercap/intel-rapl:0/max_energy_range_uj");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_energy(&t, "intel-rapl:0", "1000");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 0.12 * 125, 1e-6);
    assert_int_equal(device(&r, "package-0")->method, FR_METHOD_MIXED);
    assert_non_null(strstr(r.note, "no readable range"));
    assert_true(r.missed > 0);
    fr_meter_close(m);
    tree_free(&t);
}

/* What a container sees of the host's zones: links to a folder that is hidden from it. */
static void zones_that_a_container_masks_are_told_of(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    char link[160];
    tree_write(&t, "sys/class/powercap/intel-rapl/enabled", "1\n");
    for (int i = 0; i < 2; i++) {
        snprintf(link, sizeof link, "%s/class/powercap/intel-rapl:%d", t.sysfs, i);
        assert_int_equal(symlink("../../devices/virtual/powercap/nowhere", link), 0);
    }
    fr_sensor_state found[8];
    size_t n;
    fr_meter_options options = { .sysfs = t.sysfs, .procfs = t.procfs, .nvml = "" };
    assert_int_equal(fr_meter_survey(&options, found, 8, &n, NULL), 0);
    assert_string_equal(found[0].found, "2 packages, masked: container runtimes do that");
    assert_non_null(strstr(found[0].grant, "systempaths=unconfined"));
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    fr_reading r = tree_read(m);
    assert_non_null(strstr(r.note, "masked in this container"));
    assert_int_equal(device(&r, "cpu")->method, FR_METHOD_MODELLED);
    fr_meter_close(m);
    tree_free(&t);
}

static void the_survey_names_the_command_that_grants_access(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "package-0", 5000000);
    fr_sensor_state found[8];
    size_t n;
    char path[160];
    snprintf(path, sizeof path, "%s/class/powercap/intel-rapl:0/energy_uj", t.sysfs);
    chmod(path, 0);
    fr_meter_options options = { .sysfs = t.sysfs, .procfs = t.procfs, .nvml = "" };
    assert_int_equal(fr_meter_survey(&options, found, 8, &n, NULL), 0);
    assert_string_equal(found[0].sensor, "powercap");
    if (access(path, R_OK) == 0) { /* root reads everything */
        assert_true(found[0].usable);
    } else {
        assert_false(found[0].usable);
        assert_string_equal(found[0].grant,
                            "sudo chmod a+r /sys/class/powercap/intel-rapl*/energy_uj");
    }
    tree_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_that_wraps_loses_no_joules),
        cmocka_unit_test(a_counter_that_wraps_soon_is_read_often),
        cmocka_unit_test(a_recorded_trace_is_exact_to_the_microjoule),
        cmocka_unit_test(packages_and_dram_are_added_and_nothing_twice),
        cmocka_unit_test(a_mirrored_die_is_counted_once_and_a_die_of_its_own_is_counted),
        cmocka_unit_test(a_mirrored_die_is_none_of_its_own_because_its_counter_went_on),
        cmocka_unit_test(a_failed_read_is_no_wrap_and_loses_no_joules),
        cmocka_unit_test(a_counter_that_stands_still_is_no_zero),
        cmocka_unit_test(one_unreadable_socket_is_modelled_and_the_other_is_counted),
        cmocka_unit_test(an_unreadable_range_makes_a_wrap_a_named_gap),
        cmocka_unit_test(zones_that_a_container_masks_are_told_of),
        cmocka_unit_test(the_survey_names_the_command_that_grants_access),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
