#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/time.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "recorded_tree.h"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))
#define POWER_PMU                       "sys/bus/event_source/devices/power/"

static const fr_whole_reading *whole(const fr_reading *r, const char *name)
{
    for (size_t i = 0; i < r->n_wholes; i++) {
        if (strcmp(r->wholes[i].name, name) == 0)
            return &r->wholes[i];
    }
    return NULL;
}

static fr_sensor_state survey_of(const recorded_tree *t, const char *sensor)
{
    fr_sensor_state found[24];
    size_t n = 0;
    fr_meter_options options = { .sysfs = t->sysfs, .procfs = t->procfs, .nvml = "", .wall = "" };
    assert_int_equal(fr_meter_survey(&options, found, 24, &n, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(found[i].sensor, sensor) == 0)
            return found[i];
    }
    fail_msg("no sensor %s", sensor);
    return found[0];
}

/* ---- perf_event ---- */

static void perf_event(const recorded_tree *t, const char *event, int cpu, uint64_t counts)
{
    char name[128];
    snprintf(name, sizeof name, POWER_PMU "recorded/%s.%d", event, cpu);
    tree_write(t, name, "%llu\n", (unsigned long long)counts);
}

/* Counts of 2^-32 J, as the kernel states them. */
static void perf_unit(const recorded_tree *t, const char *event, const char *code)
{
    char name[128];
    snprintf(name, sizeof name, POWER_PMU "events/%s", event);
    tree_write(t, name, "%s\n", code);
    snprintf(name, sizeof name, POWER_PMU "events/%s.scale", event);
    tree_write(t, name, "2.3283064365386962890625e-10\n");
    snprintf(name, sizeof name, POWER_PMU "events/%s.unit", event);
    tree_write(t, name, "Joules\n");
}

static recorded_tree two_packages_by_perf(void)
{
    recorded_tree t = tree_new(2, 4);
    tree_write(&t, POWER_PMU "type", "9\n");
    tree_write(&t, POWER_PMU "cpumask", "0,24\n");
    perf_unit(&t, "energy-cores", "event=0x01");
    perf_unit(&t, "energy-pkg", "event=0x02");
    perf_unit(&t, "energy-ram", "event=0x03");
    perf_unit(&t, "energy-psys", "event=0x05");
    for (int package = 0; package < 2; package++) {
        perf_event(&t, "energy-cores", 24 * package, 1);
        perf_event(&t, "energy-pkg", 24 * package, 1000);
        perf_event(&t, "energy-ram", 24 * package, 2000);
    }
    perf_event(&t, "energy-psys", 0, 0);
    return t;
}

static void perf_counts_packages_and_memory_and_keeps_the_platform_apart(void **state)
{
    (void)state;
    recorded_tree t = two_packages_by_perf();
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    perf_event(&t, "energy-cores", 0, (uint64_t)9 << 32);
    perf_event(&t, "energy-pkg", 0, ((uint64_t)10 << 32) + 1000);
    perf_event(&t, "energy-pkg", 24, ((uint64_t)20 << 32) + 1000);
    perf_event(&t, "energy-ram", 24, ((uint64_t)3 << 32) + 2000);
    perf_event(&t, "energy-psys", 0, (uint64_t)70 << 32);
    tree_pass(&t, 1, 1);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 10, 1e-9);
    close_to(device(&r, "package-1")->machine_j, 20, 1e-9);
    close_to(device(&r, "dram-1")->machine_j, 3, 1e-9);
    close_to(fr_reading_machine(&r).value_j, 33, 1e-9);
    assert_int_equal(fr_reading_machine(&r).method, FR_METHOD_MEASURED);
    close_to(whole(&r, "psys-0")->energy_j, 70, 1e-9);
    assert_null(device(&r, "psys-0"));
    fr_meter_close(m);
    tree_free(&t);
}

static void powercap_goes_before_perf(void **state)
{
    (void)state;
    recorded_tree t = two_packages_by_perf();
    tree_zone(&t, "intel-rapl:0", "package-0", 0);
    tree_zone(&t, "intel-rapl:1", "package-1", 0);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_energy(&t, "intel-rapl:0", "5000000");
    perf_event(&t, "energy-pkg", 0, (uint64_t)10 << 32);
    tree_pass(&t, 1, 1);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 5, 1e-9);
    assert_string_equal(device(&r, "package-0")->source, "powercap package-0");
    fr_meter_close(m);
    tree_free(&t);
}

/* A counter that was set back, one that says rubbish, and one whose unit nobody knows. */
static void perf_refuses_what_is_no_count(void **state)
{
    (void)state;
    recorded_tree t = two_packages_by_perf();
    tree_write(&t, POWER_PMU "events/energy-ram.unit", "Furlongs\n");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    perf_event(&t, "energy-pkg", 0, 500);
    tree_write(&t, POWER_PMU "recorded/energy-pkg.24", "nan\n");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    assert_int_equal(device(&r, "package-0")->method, FR_METHOD_MIXED);
    assert_int_equal(device(&r, "package-1")->method, FR_METHOD_MIXED);
    close_to(device(&r, "package-0")->machine_j, 0.12 * 125, 1e-6); /* the model stands in */
    assert_null(device(&r, "dram-0"));
    assert_int_equal(device(&r, "dram")->method, FR_METHOD_MODELLED);
    fr_meter_close(m);
    tree_write(&t, POWER_PMU "cpumask", "0-%d\n", 999999999); /* hostile: bounded */
    m = tree_meter(&t, ROOT_PID, "");
    fr_meter_close(m);
    tree_free(&t);
}

/* ---- hwmon ---- */

static void hwmon(const recorded_tree *t, int n, const char *file, const char *text)
{
    char name[128];
    snprintf(name, sizeof name, "sys/class/hwmon/hwmon%d/%s", n, file);
    tree_write(t, name, "%s\n", text);
}

static void amd_energy_counts_sockets_and_not_their_cores(void **state)
{
    (void)state;
    recorded_tree t = tree_new(2, 4);
    hwmon(&t, 2, "name", "amd_energy");
    hwmon(&t, 2, "energy1_label", "Ecore000");
    hwmon(&t, 2, "energy1_input", "7");
    hwmon(&t, 2, "energy2_label", "Esocket0");
    hwmon(&t, 2, "energy2_input", "1000000");
    hwmon(&t, 2, "energy3_label", "Esocket1");
    hwmon(&t, 2, "energy3_input", "2000000");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    hwmon(&t, 2, "energy1_input", "99000000");
    hwmon(&t, 2, "energy2_input", "43000000");
    hwmon(&t, 2, "energy3_input", "2000001");
    tree_pass(&t, 1, 1);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 42, 1e-9);
    close_to(device(&r, "package-1")->machine_j, 0.000001, 1e-9);
    assert_null(device(&r, "cpu"));
    assert_string_equal(device(&r, "package-0")->source, "hwmon amd_energy hwmon2 energy2_input");
    fr_meter_close(m);
    tree_free(&t);
}

/* Trapezoids between samples: 60 W, 60, 100 W make 60 + 80 J. Its limit is 300 W: 30 W at rest. */
static void an_amd_gpu_is_integrated_and_its_work_is_a_range(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    hwmon(&t, 4, "name", "amdgpu");
    hwmon(&t, 4, "power1_average", "60000000");
    hwmon(&t, 4, "power1_cap", "300000000");
    hwmon(&t, 4, "device/gpu_busy_percent", "50");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    assert_true(fr_meter_period_s(m) <= 0.1); /* watts must be looked at often */
    tree_pass(&t, 1, 0);
    tree_read(m);
    hwmon(&t, 4, "power1_average", "100000000");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    const fr_device_reading *d = device(&r, "gpu amd-0");
    assert_int_equal(d->kind, FR_DEVICE_GPU);
    close_to(d->machine_j, 140, 1e-6);
    close_to(d->busy_s, 1, 1e-9);
    close_to(d->idle_j, 60, 1e-6);
    close_to(d->active_low_j, 0, 1e-9);
    close_to(d->active_j, 80, 1e-6);
    hwmon(&t, 4, "power1_average", "4294967295000000"); /* a sentinel is no reading */
    tree_pass(&t, 1, 0);
    r = tree_read(m);
    assert_int_equal(device(&r, "gpu amd-0")->method, FR_METHOD_MIXED);
    assert_true(device(&r, "gpu amd-0")->machine_j < 500);
    fr_meter_close(m);
    tree_free(&t);
}

/* AMD's driver lists who computes there. */
static void work_on_amd_gpus_is_shared_by_who_is_there(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    static const struct {
        const char *pids[2];
        double mid;
    } CASES[] = {
        { { "100", NULL }, 1 },     /* the run alone */
        { { "4000", NULL }, 0 },    /* somebody else, whom we see */
        { { "100", "4000" }, 0.5 }, /* both */
        { { "77", NULL }, 1 },      /* a number that is none here, as in a container */
        { { NULL, NULL }, 1 },      /* nobody computes: pictures, perhaps ours */
    };
    tree_process(&t, 4000, 1, 0, 0);
    hwmon(&t, 4, "name", "amdgpu");
    hwmon(&t, 4, "power1_average", "130000000");
    hwmon(&t, 4, "power1_cap", "300000000");
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        tree_write(&t, "sys/class/kfd/kfd/proc/.keep", "");
        for (size_t k = 0; k < 2 && CASES[i].pids[k] != NULL; k++) {
            char name[64];
            snprintf(name, sizeof name, "sys/class/kfd/kfd/proc/%s/pasid", CASES[i].pids[k]);
            tree_write(&t, name, "1\n");
        }
        fr_meter *m = tree_meter(&t, ROOT_PID, "");
        tree_pass(&t, 1, 0);
        fr_reading r = tree_read(m);
        close_to(device(&r, "gpu amd-0")->idle_j, 30, 1e-6);
        close_to(device(&r, "gpu amd-0")->active_j, 100 * CASES[i].mid, 1e-6);
        close_to(device(&r, "gpu amd-0")->active_low_j, 0, 1e-9);
        fr_meter_close(m);
        tree_remove(&t, "sys/class/kfd");
    }
    tree_free(&t);
}

static void an_intel_gpu_counts(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    hwmon(&t, 1, "name", "i915");
    hwmon(&t, 1, "energy1_input", "5000000");
    hwmon(&t, 3, "name", "xe");
    hwmon(&t, 3, "energy1_label", "card");
    hwmon(&t, 3, "energy1_input", "0");
    hwmon(&t, 3, "energy2_label", "pkg"); /* inside the card's */
    hwmon(&t, 3, "energy2_input", "0");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    hwmon(&t, 1, "energy1_input", "15500000");
    hwmon(&t, 3, "energy1_input", "33000000");
    hwmon(&t, 3, "energy2_input", "31000000");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "gpu intel-0")->machine_j, 10.5, 1e-9);
    close_to(device(&r, "gpu intel-1")->machine_j, 33, 1e-9);
    close_to(fr_reading_machine(&r).value_j - device(&r, "cpu")->machine_j -
                 device(&r, "dram")->machine_j,
             43.5, 1e-6);
    fr_meter_close(m);
    tree_free(&t);
}

/* A rail is volts times amperes; the module's holds the others and stands apart. */
static void a_jetson_tells_its_rails(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    static const char *const RAILS[] = { "VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC" };
    static const char *const MA[] = { "2000", "800", "400" };
    hwmon(&t, 3, "name", "ina3221");
    for (int k = 0; k < 3; k++) {
        char file[32];
        snprintf(file, sizeof file, "in%d_label", k + 1);
        hwmon(&t, 3, file, RAILS[k]);
        snprintf(file, sizeof file, "in%d_input", k + 1);
        hwmon(&t, 3, file, "5000");
        snprintf(file, sizeof file, "curr%d_input", k + 1);
        hwmon(&t, 3, file, MA[k]);
    }
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 2, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "cpu+gpu+cv-0")->machine_j, 8, 1e-9);
    close_to(device(&r, "soc-0")->machine_j, 4, 1e-9);
    assert_null(device(&r, "cpu")); /* it is in the first rail */
    assert_non_null(device(&r, "dram"));
    close_to(whole(&r, "module-0")->energy_j, 20, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

static void rail(const recorded_tree *t, int n, int k, const char *label, const char *mv,
                 const char *ma)
{
    char file[32];
    snprintf(file, sizeof file, "in%d_label", k);
    hwmon(t, n, file, label);
    snprintf(file, sizeof file, "in%d_input", k);
    hwmon(t, n, file, mv);
    snprintf(file, sizeof file, "curr%d_input", k);
    hwmon(t, n, file, ma);
}

/* AGX Orin has no rail of the whole module; the memory's is fed by the 5 V rail. */
static void an_agx_orin_counts_its_memory_once(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    hwmon(&t, 3, "name", "ina3221");
    rail(&t, 3, 1, "VDD_GPU_SOC", "19000", "500");
    rail(&t, 3, 2, "VDD_CPU_CV", "19000", "200");
    rail(&t, 3, 3, "VIN_SYS_5V0", "5000", "1000");
    hwmon(&t, 4, "name", "ina3221");
    rail(&t, 4, 1, "NC", "0", "0");
    rail(&t, 4, 2, "VDDQ_VDD2_1V8AO", "5000", "220");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 2, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "gpu tegra-0")->machine_j, 19, 1e-9);
    close_to(device(&r, "package-0")->machine_j, 7.6, 1e-9);
    close_to(device(&r, "sys 5v-0")->machine_j, 10, 1e-9);
    close_to(fr_reading_machine(&r).value_j, 36.6, 1e-9); /* and no model beside */
    fr_meter_close(m);
    tree_free(&t);
}

/* Documentation/hwmon/amd_energy.rst: energy1 to energy64 are cores, then come the sockets. */
static void amd_energy_is_found_behind_sixty_four_cores_and_once(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    char file[32], text[32];
    hwmon(&t, 2, "name", "amd_energy");
    for (int k = 1; k <= 65; k++) {
        snprintf(file, sizeof file, "energy%d_label", k);
        snprintf(text, sizeof text, k <= 64 ? "Ecore%03d" : "Esocket0", k - 1);
        hwmon(&t, 2, file, text);
        snprintf(file, sizeof file, "energy%d_input", k);
        hwmon(&t, 2, file, "1000000");
    }
    hwmon(&t, 5, "name", "zenpower"); /* the same processor by another driver */
    hwmon(&t, 5, "power1_label", "SVI2_P_Core");
    hwmon(&t, 5, "power1_input", "90000000");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    hwmon(&t, 2, "energy65_input", "121000000");
    tree_pass(&t, 1, 1);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 120, 1e-9);
    assert_null(device(&r, "package cores-0"));
    assert_null(device(&r, "cpu"));
    fr_meter_close(m);
    tree_free(&t);
}

/* The power that amdgpu tells of a processor with graphics is the package's, which RAPL has. */
static void the_graphics_of_a_processor_are_not_counted_beside_it(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    char path[160];
    tree_zone(&t, "intel-rapl:0", "package-0", 1000000);
    hwmon(&t, 4, "name", "amdgpu");
    hwmon(&t, 4, "power1_label", "PPT");
    hwmon(&t, 4, "power1_input", "25000000");
    hwmon(&t, 4, "device/.keep", "");
    snprintf(path, sizeof path, "%s/class/hwmon/hwmon4/device/gpu_metrics", t.sysfs);
    FILE *out = fopen(path, "w");
    fwrite("\x80\0\2\2 and so on", 1, 14, out);
    fclose(out);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_energy(&t, "intel-rapl:0", "26000000");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 25, 1e-9);
    close_to(whole(&r, "apu-0")->energy_j, 25, 1e-9);
    for (size_t i = 0; i < r.n_devices; i++)
        assert_int_not_equal(r.devices[i].kind, FR_DEVICE_GPU);
    fr_meter_close(m);
    tree_free(&t);
}

/* A GPU that cannot be read when the meter opens may be worked on afterwards: it is no zero. */
static void a_gpu_that_does_not_answer_at_first_is_modelled_until_it_does(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    hwmon(&t, 4, "name", "amdgpu");
    hwmon(&t, 4, "power1_average", "busy");
    hwmon(&t, 4, "power1_cap", "300000000");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    assert_true(device(&r, "gpu amd-0")->machine_j > 10);
    assert_int_equal(device(&r, "gpu amd-0")->method, FR_METHOD_MIXED);
    assert_non_null(strstr(r.note, "gpu amd is modelled until it answers"));
    hwmon(&t, 4, "power1_average", "60000000");
    tree_pass(&t, 1, 0);
    r = tree_read(m);
    close_to(device(&r, "gpu amd-0")->machine_j, 120, 1e-9); /* the first figure, for all of it */
    fr_meter_close(m);
    hwmon(&t, 4, "power1_average", "asleep");
    hwmon(&t, 4, "device/power/runtime_status", "suspended");
    m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 1, 0);
    r = tree_read(m);
    close_to(device(&r, "gpu amd-0")->machine_j, 0, 1e-9); /* as the kernel says */
    assert_int_equal(device(&r, "gpu amd-0")->method, FR_METHOD_MEASURED);
    fr_meter_close(m);
    tree_free(&t);
}

static void an_intel_gpu_that_tells_its_package_alone_counts(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    hwmon(&t, 3, "name", "xe");
    hwmon(&t, 3, "energy2_label", "pkg"); /* Linux 6.10 and later, no card figure */
    hwmon(&t, 3, "energy2_input", "100");
    hwmon(&t, 5, "name", "xe");
    hwmon(&t, 5, "energy1_input", "100"); /* before: no labels */
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    hwmon(&t, 3, "energy2_input", "9000100");
    hwmon(&t, 5, "energy1_input", "11000100");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "gpu intel-0")->machine_j, 9, 1e-9);
    close_to(device(&r, "gpu intel-1")->machine_j, 11, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

static void grace_tells_its_processor_and_holds_it_in_the_socket(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    hwmon(&t, 1, "device/name", "power_meter"); /* up to Linux 6.15: all below the device */
    hwmon(&t, 1, "device/power1_oem_info", "Grace Power Socket 0");
    hwmon(&t, 1, "device/power1_average", "200000000");
    hwmon(&t, 2, "name", "power_meter"); /* since */
    hwmon(&t, 2, "power1_oem_info", "CPU Power Socket 0");
    hwmon(&t, 2, "power1_average", "120000000");
    hwmon(&t, 3, "device/name", "power_meter");
    hwmon(&t, 3, "device/power1_oem_info", "SysIO Power Socket 0");
    hwmon(&t, 3, "device/power1_average", "31000000");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 120, 1e-9);
    close_to(device(&r, "io-0")->machine_j, 31, 1e-9);
    assert_null(device(&r, "cpu"));
    close_to(whole(&r, "grace-0")->energy_j, 200, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

/* ---- of the whole machine ---- */

static void a_battery_tells_only_while_it_empties(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_write(&t, "sys/class/power_supply/BAT0/type", "Battery\n");
    tree_write(&t, "sys/class/power_supply/BAT0/status", "Charging\n");
    tree_write(&t, "sys/class/power_supply/BAT0/voltage_now", "12000000\n");
    tree_write(&t, "sys/class/power_supply/BAT0/current_now", "-1500000\n");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 5, 0);
    fr_reading r = tree_read(m);
    close_to(whole(&r, "battery-0")->metered_s, 0, 1e-9);
    tree_write(&t, "sys/class/power_supply/BAT0/status", "Discharging\n");
    for (int i = 0; i < 4; i++) {
        tree_pass(&t, 0.5, 0);
        r = tree_read(m);
    }
    close_to(whole(&r, "battery-0")->energy_j, 18 * 2, 1e-9);
    close_to(whole(&r, "battery-0")->metered_s, 2, 1e-9);
    assert_null(device(&r, "battery-0"));
    assert_string_equal(survey_of(&t, "battery").found, "empties: the whole machine's draw, apart");
    fr_meter_close(m);
    tree_free(&t);
}

/* Not every laptop calls it BAT0; what a mouse has says that it is a device's. */
static void a_battery_of_any_name_counts_unless_it_is_a_peripherals(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    static const char *const NAMES[] = { "hidpp_battery_0", "macsmc-battery" };
    for (int i = 0; i < 2; i++) {
        char file[96];
        snprintf(file, sizeof file, "sys/class/power_supply/%s/type", NAMES[i]);
        tree_write(&t, file, "Battery\n");
        snprintf(file, sizeof file, "sys/class/power_supply/%s/status", NAMES[i]);
        tree_write(&t, file, "Discharging\n");
        snprintf(file, sizeof file, "sys/class/power_supply/%s/power_now", NAMES[i]);
        tree_write(&t, file, i == 0 ? "1000000\n" : "-9500000\n");
    }
    tree_write(&t, "sys/class/power_supply/hidpp_battery_0/scope", "Device\n");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 2, 0);
    fr_reading r = tree_read(m);
    close_to(whole(&r, "battery-0")->energy_j, 19, 1e-9);
    assert_null(whole(&r, "battery-1"));
    fr_meter_close(m);
    tree_free(&t);
}

static fr_meter *meter_with_wall(recorded_tree *t, const char *wall)
{
    fr_meter *m = NULL;
    fr_meter_options options = { .sysfs = t->sysfs,
                                 .procfs = t->procfs,
                                 .nvml = "",
                                 .wall = wall,
                                 .pid = ROOT_PID,
                                 .no_thread = true,
                                 .now_ns = tree_clock,
                                 .user = t };
    assert_int_equal(fr_meter_open(&options, &m, NULL), 0);
    return m;
}

static void a_wall_meter_stands_apart_and_rubbish_is_not_metered(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    char spec[128];
    snprintf(spec, sizeof spec, "file:%s/wall", t.root);
    static const struct {
        const char *text;
        double watts; /* NAN: none */
    } CASES[] = {
        { "power: 40.5 W\n", 40.5 },
        { "10\n20\n30\n", 30 },
        { "nan\n", NAN },
        { "-5\n", NAN },
        { "1e99\n", NAN },
        { "", NAN },
        { "0x", NAN }, /* a machine that runs draws something */
        { "12.5,18,40,61\n", 12.5 },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        tree_write(&t, "wall", "%s", CASES[i].text);
        fr_meter *m = meter_with_wall(&t, spec);
        tree_pass(&t, 2, 0);
        fr_reading r = tree_read(m);
        const fr_whole_reading *w = whole(&r, "wall");
        close_to(w->metered_s, isnan(CASES[i].watts) ? 0 : 2, 1e-9);
        close_to(w->energy_j, isnan(CASES[i].watts) ? 0 : 2 * CASES[i].watts, 1e-9);
        fr_meter_close(m);
    }
    fr_meter *m = meter_with_wall(&t, "rubbish");
    fr_reading r = tree_read(m);
    assert_null(whole(&r, "wall"));
    assert_non_null(strstr(r.note, "neither cmd:LINE nor file:PATH"));
    fr_meter_close(m);
    tree_free(&t);
}

/* The last line of a long log; a log that nobody writes any more; a pipe, which would let us wait.
 */
static void a_file_of_watts_is_read_to_its_end_and_grows_old(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    char spec[128], path[96];
    snprintf(path, sizeof path, "%s/wall", t.root);
    snprintf(spec, sizeof spec, "file:%s", path);
    FILE *out = fopen(path, "w");
    for (int i = 0; i < 200000; i++)
        fprintf(out, "12.5 W at %d\n", i);
    fprintf(out, "77.5 W");
    fclose(out);
    fr_meter *m = meter_with_wall(&t, spec);
    tree_pass(&t, 2, 0);
    fr_reading r = tree_read(m);
    close_to(whole(&r, "wall")->energy_j, 155, 1e-9);
    fr_meter_close(m);
    struct timeval hour_ago[2] = { { .tv_sec = time(NULL) - 3600 },
                                   { .tv_sec = time(NULL) - 3600 } };
    assert_int_equal(utimes(path, hour_ago), 0);
    m = meter_with_wall(&t, spec);
    tree_pass(&t, 2, 0);
    r = tree_read(m);
    close_to(whole(&r, "wall")->metered_s, 0, 1e-9);
    fr_meter_close(m);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    m = meter_with_wall(&t, spec);
    tree_pass(&t, 2, 0);
    r = tree_read(m);
    close_to(whole(&r, "wall")->metered_s, 0, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

static void a_controller_of_the_board_tells_by_ipmi_or_redfish(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    char spec[128];
    snprintf(spec, sizeof spec, "file:%s/bmc", t.root);
    setenv("FRUGAL_BMC", spec, 1);
    tree_write(&t, "bmc",
               "{\n \"PowerControl\": [\n  {\"Name\": \"System\",\n   "
               "\"PowerConsumedWatts\": 300},\n  {\"Name\": \"Memory\",\n   "
               "\"PowerConsumedWatts\": 40}\n ]\n}\n");
    fr_meter *m = meter_with_wall(&t, "");
    tree_pass(&t, 2, 0);
    fr_reading r = tree_read(m);
    close_to(whole(&r, "bmc")->energy_j, 600, 1e-9);
    fr_meter_close(m);
    unsetenv("FRUGAL_BMC");
    tree_free(&t);
}

/* A command that never stops to talk is no reason to listen for ever. */
static void a_wall_command_that_floods_does_not_hold_the_meter(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = meter_with_wall(&t, "cmd:yes '12.5 W'");
    for (int i = 0; i < 20; i++) {
        tree_pass(&t, 1, 0);
        tree_read(m);
        fr_sleep_ns(10000000);
    }
    fr_reading r = tree_read(m);
    assert_true(whole(&r, "wall")->metered_s > 0);
    fr_meter_close(m);
    tree_free(&t);
}

/* Its process is none of the metered tree and is gone with the meter. */
static void a_wall_command_is_run_beside_and_ended(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    char spec[160], path[96];
    snprintf(path, sizeof path, "%s/pid", t.root);
    snprintf(spec, sizeof spec, "cmd:echo $$ > %s; echo 33", path);
    fr_meter *m = meter_with_wall(&t, spec);
    fr_reading r = { 0 };
    for (int i = 0; i < 400; i++) {
        fr_sleep_ns(10000000);
        tree_pass(&t, 1, 0);
        r = tree_read(m);
        if (whole(&r, "wall")->energy_j > 0)
            break;
    }
    assert_true(whole(&r, "wall")->energy_j >= 33);
    FR_AUTO(fr_buf) pid = { 0 };
    assert_int_equal(fr_file_read(path, 64, &pid, NULL), 0);
    snprintf(path, sizeof path, "/proc/%d", atoi(fr_buf_text(&pid)));
    assert_true(access(path, F_OK) == 0);
    fr_meter_close(m);
    assert_false(access(path, F_OK) == 0);
    tree_free(&t);
}

/* 64 GB at rest 12.7 W and the processor's 15 W, 40 W of board, 0.9 of it arrives. */
static void what_the_wall_would_say_is_modelled_apart(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 10, 0);
    fr_reading r = tree_read(m);
    const fr_whole_reading *w = whole(&r, "at the wall");
    double devices_j = fr_reading_machine(&r).value_j;
    close_to(w->energy_j, (devices_j + 400) / 0.9, 1e-6);
    assert_true(w->low_j < w->energy_j && w->energy_j < w->high_j);
    assert_string_equal(w->source, "model at-the-wall 1");
    fr_meter_close(m);
    tree_free(&t);
}

/* ---- models ---- */

static void neuron_power(const recorded_tree *t, const char *text)
{
    tree_write(t, "sys/devices/virtual/neuron_device/neuron0/stats/power/utilization", "%s\n",
               text);
}

/* 5% of 350 W at rest, 45% at work; rest is no work, and nothing of it is ever called measured. */
static void a_neuron_device_is_modelled_by_its_share_of_the_maximum(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    neuron_power(&t, "POWER_STATUS_VALID,1742490440,4.9,5.2,5.0");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    neuron_power(&t, "POWER_STATUS_VALID,1742490500,40,50,45.0");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    const fr_device_reading *d = device(&r, "neuron-0");
    assert_int_equal(d->kind, FR_DEVICE_ACCELERATOR);
    assert_int_equal(d->method, FR_METHOD_MODELLED);
    close_to(d->machine_j, 0.45 * 350, 1e-6);
    close_to(d->idle_j, 0.05 * 350, 1e-6);
    close_to(d->active_j, 0.40 * 350, 1e-6);
    assert_true(d->machine_low_j < d->machine_j && d->machine_j < d->machine_high_j);
    static const char *const RUBBISH[] = { "POWER_STATUS_INVALID,1,0,0,0", "",
                                           "POWER_STATUS_VALID,1,nan,nan,nan",
                                           "POWER_STATUS_VALID,1,1,1,4000" };
    for (size_t i = 0; i < 4; i++) {
        neuron_power(&t, RUBBISH[i]); /* the last good one stands */
        tree_pass(&t, 1, 0);
        r = tree_read(m);
        close_to(device(&r, "neuron-0")->machine_j, 0.45 * 350 * (double)(i + 2), 1e-6);
    }
    fr_meter_close(m);
    tree_free(&t);
}

/* An older driver has no such file; a new one may have no data yet. Neither is zero watts. */
static void a_neuron_device_that_tells_no_power_is_modelled_until_it_does(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    neuron_power(&t, "POWER_STATUS_NO_DATA,0,0.00,0.00,0.00");
    tree_write(&t, "sys/devices/virtual/neuron_device/neuron1/core_count", "2\n");
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_pass(&t, 1, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "neuron-0")->machine_j, 0.1 * 350, 1e-6);
    close_to(device(&r, "neuron-1")->machine_high_j, 600, 1e-6);
    assert_non_null(strstr(r.note, "neuron-1 tells no power"));
    neuron_power(&t, "POWER_STATUS_VALID,1742490440,4.9,5.2,5.0");
    tree_pass(&t, 1, 0);
    tree_read(m);
    neuron_power(&t, "POWER_STATUS_VALID,1742490500,40,50,45.0");
    tree_pass(&t, 1, 0);
    r = tree_read(m);
    close_to(device(&r, "neuron-0")->machine_j, (0.1 + 0.05 + 0.45) * 350, 1e-6);
    fr_meter_close(m);
    tree_free(&t);
}

static void disk_busy(const recorded_tree *t, unsigned ms)
{
    tree_write(t, "proc/diskstats",
               " 259 0 nvme0n1 1 0 8 1 1 0 8 1 0 %u 2\n 259 1 nvme0n1p1 1 0 8 1 1 0 8 1 0 %u 2\n"
               "   7 0 loop0 1 0 8 1 1 0 8 1 0 9999 2\n",
               ms, ms);
}

/* A disk of 2 TB draws 2.4 W, and 3 W more for the quarter of the time that it works. */
static void disks_draw_by_size_and_by_work(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_write(&t, "sys/block/nvme0n1/size", "3906250000\n");
    tree_write(&t, "sys/block/nvme0n1/queue/rotational", "0\n");
    tree_write(&t, "sys/block/nvme0n1/device/model", "a disk\n");
    tree_write(&t, "sys/block/loop0/size", "3906250000\n");
    tree_write(&t, "sys/block/nvme0c0n1/size", "3906250000\n"); /* a path to the same disk */
    tree_write(&t, "sys/block/nvme0c0n1/hidden", "1\n");
    tree_write(&t, "sys/block/nvme0c0n1/device/model", "a disk\n");
    tree_write(&t, "sys/block/sr0/size", "2097151\n");
    tree_write(&t, "sys/block/sr0/device/model", "for CDs\n");
    disk_busy(&t, 100);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    disk_busy(&t, 2600);
    tree_process(&t, ROOT_PID, 1, 100, 0);
    tree_pass(&t, 10, 2);
    fr_reading r = tree_read(m);
    const fr_device_reading *d = device(&r, "storage");
    assert_int_equal(d->kind, FR_DEVICE_STORAGE);
    close_to(d->machine_j, 24 + 7.5, 1e-6);
    close_to(d->idle_j, 24, 1e-6);
    close_to(d->active_j, 7.5 / 2, 1e-6); /* half of the processors' time was its */
    close_to(d->active_low_j, 0, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

/* 0.001 kWh/GB is 3,600 J for one GB; the loopback's bytes go nowhere. */
static void bytes_between_machines_are_counted(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    static const char *const FORM =
        "Inter-|   Receive |  Transmit\n face |bytes packets|bytes packets\n"
        "    lo: 999999999999 1 0 0 0 0 0 0 999999999999 1 0 0 0 0 0 0\n"
        "  eth0:%llu 1 0 0 0 0 0 0 %llu 1 0 0 0 0 0 0\n";
    char text[512];
    snprintf(text, sizeof text, FORM, 1000ULL, 1000ULL);
    tree_write(&t, "proc/net/dev", "%s", text);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    snprintf(text, sizeof text, FORM, 750001000ULL, 250001000ULL);
    tree_write(&t, "proc/net/dev", "%s", text);
    tree_process(&t, ROOT_PID, 1, 100, 0);
    tree_pass(&t, 10, 1);
    fr_reading r = tree_read(m);
    close_to(device(&r, "network")->machine_j, 3600, 1e-3);
    close_to(device(&r, "network")->active_j, 3600, 1e-3);
    close_to(device(&r, "network")->idle_j, 0, 1e-9);
    tree_write(&t, "proc/net/dev", "  eth0: rubbish\n");
    tree_pass(&t, 10, 1);
    r = tree_read(m);
    close_to(device(&r, "network")->machine_j, 3600, 1e-3);
    fr_meter_close(m);
    tree_free(&t);
}

/* A container's bytes pass its pair, the bridge and the adapter: they leave the machine once. */
static void bytes_of_a_container_are_counted_once(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    static const char *const NAMES[] = { "eth0", "docker0", "veth12", "bond0", "eth0.7" };
    FR_AUTO(fr_buf) text = { 0 };
    tree_write(&t, "sys/class/net/eth0/device/vendor", "0x8086\n");
    for (size_t i = 0; i < 5; i++) {
        char folder[64];
        snprintf(folder, sizeof folder, "sys/class/net/%s/mtu", NAMES[i]);
        tree_write(&t, folder, "1500\n");
    }
    for (int round = 0; round < 2; round++) {
        fr_buf_clear(&text);
        for (size_t i = 0; i < 5; i++)
            fr_buf_put_f(&text, "%6s: %llu 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0\n", NAMES[i],
                         1000000000ULL * (unsigned)round);
        if (round == 0)
            tree_write(&t, "proc/net/dev", "%s", fr_buf_text(&text));
    }
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_write(&t, "proc/net/dev", "%s", fr_buf_text(&text));
    tree_pass(&t, 10, 1);
    fr_reading r = tree_read(m);
    close_to(device(&r, "network")->machine_j, 3600, 1e-3); /* 1 GB at 0.001 kWh */
    fr_meter_close(m);
    tree_free(&t);
}

/* The clock is set by nobody: a window in which the machine slept is one long window. */
static void a_suspended_hour_is_counted_by_the_counter(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_zone(&t, "intel-rapl:0", "package-0", 0);
    fr_meter *m = tree_meter(&t, ROOT_PID, "");
    tree_energy(&t, "intel-rapl:0", "7000000");
    tree_pass(&t, 3600, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "package-0")->machine_j, 7, 1e-9);
    fr_meter_close(m);
    tree_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perf_counts_packages_and_memory_and_keeps_the_platform_apart),
        cmocka_unit_test(powercap_goes_before_perf),
        cmocka_unit_test(perf_refuses_what_is_no_count),
        cmocka_unit_test(amd_energy_counts_sockets_and_not_their_cores),
        cmocka_unit_test(an_amd_gpu_is_integrated_and_its_work_is_a_range),
        cmocka_unit_test(work_on_amd_gpus_is_shared_by_who_is_there),
        cmocka_unit_test(an_intel_gpu_counts),
        cmocka_unit_test(a_jetson_tells_its_rails),
        cmocka_unit_test(an_agx_orin_counts_its_memory_once),
        cmocka_unit_test(amd_energy_is_found_behind_sixty_four_cores_and_once),
        cmocka_unit_test(the_graphics_of_a_processor_are_not_counted_beside_it),
        cmocka_unit_test(a_gpu_that_does_not_answer_at_first_is_modelled_until_it_does),
        cmocka_unit_test(an_intel_gpu_that_tells_its_package_alone_counts),
        cmocka_unit_test(grace_tells_its_processor_and_holds_it_in_the_socket),
        cmocka_unit_test(a_battery_tells_only_while_it_empties),
        cmocka_unit_test(a_battery_of_any_name_counts_unless_it_is_a_peripherals),
        cmocka_unit_test(a_wall_meter_stands_apart_and_rubbish_is_not_metered),
        cmocka_unit_test(a_file_of_watts_is_read_to_its_end_and_grows_old),
        cmocka_unit_test(a_controller_of_the_board_tells_by_ipmi_or_redfish),
        cmocka_unit_test(a_wall_command_that_floods_does_not_hold_the_meter),
        cmocka_unit_test(a_wall_command_is_run_beside_and_ended),
        cmocka_unit_test(what_the_wall_would_say_is_modelled_apart),
        cmocka_unit_test(a_neuron_device_is_modelled_by_its_share_of_the_maximum),
        cmocka_unit_test(a_neuron_device_that_tells_no_power_is_modelled_until_it_does),
        cmocka_unit_test(disks_draw_by_size_and_by_work),
        cmocka_unit_test(bytes_between_machines_are_counted),
        cmocka_unit_test(bytes_of_a_container_are_counted_once),
        cmocka_unit_test(a_suspended_hour_is_counted_by_the_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
