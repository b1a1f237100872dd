#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>

#include "../../fixtures/meter/fake_nvml.h"
#include "meter/gauges.h"
#include "recorded_tree.h"

static fr_gauge now[FR_GAUGES_MOST];
static size_t n_now;

/* The value of a gauge; NAN when it is not told. */
static double value_of(const char *name, const char *of)
{
    for (size_t i = 0; i < n_now; i++) {
        if (strcmp(now[i].name, name) == 0 && strcmp(now[i].of, of) == 0)
            return now[i].value;
    }
    return NAN;
}

static void read_all(fr_gauges *g)
{
    n_now = fr_gauges_read(g, now, FR_GAUGES_MOST);
}

static void host_gauges_are_shares_since_the_last_read(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    tree_write(&t, "proc/meminfo",
               "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 250 kB\n"
               "SwapTotal: 400 kB\nSwapFree: 300 kB\n");
    tree_write(&t, "proc/stat", "cpu  100 0 0 900 0 0 0 0 0 0\n");
    fr_gauges *g = NULL;
    fr_gauges_options options = { .sysfs = t.sysfs, .procfs = t.procfs, .nvml = "", .neuron = "" };
    assert_int_equal(fr_gauges_open(&options, &g, NULL), 0);
    tree_write(&t, "proc/stat", "cpu  130 10 20 920 15 0 5 0 0 0\n");
    read_all(g);
    assert_float_equal(value_of("CPUUtilization", ""), 65, 1e-9);
    assert_float_equal(value_of("vcpu_usage", "user"), 30, 1e-9);
    assert_float_equal(value_of("vcpu_usage", "io_wait"), 15, 1e-9);
    assert_float_equal(value_of("MemoryUtilization", ""), 75, 1e-9);
    assert_float_equal(value_of("memory_info", "used"), 750 * 1024, 1e-9);
    assert_float_equal(value_of("memory_info", "swap_used"), 100 * 1024, 1e-9);
    assert_true(isnan(value_of("DiskUtilization", "/"))); /* not this machine's */
    read_all(g); /* no tick has passed: unknown, not zero */
    assert_true(isnan(value_of("CPUUtilization", "")));
    tree_remove(&t, "proc/stat");
    tree_write(&t, "proc/meminfo", "nothing\n");
    read_all(g);
    assert_int_equal(n_now, 0);
    fr_gauges_close(g);
    tree_free(&t);
}

static void this_machine_tells_its_disk(void **state)
{
    (void)state;
    fr_gauges *g = NULL;
    assert_int_equal(fr_gauges_open(&(fr_gauges_options){ .nvml = "" }, &g, NULL), 0);
    read_all(g);
    double used = value_of("DiskUtilization", "/");
    assert_true(used > 0 && used <= 100);
    fr_gauges_close(g);
}

static void gpus_tell_under_both_names_and_a_lost_one_is_silent(void **state)
{
    (void)state;
    char library[512];
    ssize_t n = readlink("/proc/self/exe", library, sizeof library - 32);
    assert_true(n > 0);
    library[n] = '\0';
    strcpy(strrchr(library, '/'), "/libfake_nvml.so");
    void *handle = dlopen(library, RTLD_NOW);
    assert_non_null(handle);
    fake_nvml *driver = dlsym(handle, "fake_nvml_state");
    *driver = (fake_nvml){ .n_gpus = 2 };
    driver->gpus[0] = (fake_gpu){ .busy_percent = 37,
                                  .memory_busy_percent = 12,
                                  .pstate = 2,
                                  .memory_used = 20,
                                  .memory_total = 80 };
    driver->gpus[1] = (fake_gpu){ .is_lost = true, .pstate = 0, .memory_total = 80 };
    fr_gauges *g = NULL;
    fr_gauges_options options = { .nvml = library, .neuron = "" };
    assert_int_equal(fr_gauges_open(&options, &g, NULL), 0);
    read_all(g);
    assert_float_equal(value_of("GPUUtilization", "0"), 37, 0);
    assert_float_equal(value_of("nvidia_smi.gpu_utilization", "0"), 37, 0);
    assert_float_equal(value_of("nvidia_smi.gpu_memory_utilization", "0"), 12, 0);
    assert_float_equal(value_of("GPUMemoryUtilization", "0"), 25, 0);
    assert_float_equal(value_of("nvidia_smi.gpu_performance_state", "0"), 2, 0);
    assert_float_equal(value_of("frugal_gpu_power_limit_watts", "0"), 300, 1e-9);
    assert_float_equal(value_of("frugal_gpu_throttled_by_power", "0"), 0, 0);
    assert_true(isnan(value_of("GPUUtilization", "1")));
    assert_true(isnan(value_of("frugal_gpu_throttled_by_power", "1")));
    assert_true(isnan(value_of("nvidia_smi.gpu_performance_state", "1")));
    driver->gpus[0].pstate = 32; /* unknown, by NVML's table */
    driver->gpus[0].busy_percent = 4000;
    driver->gpus[0].reasons = 0x4 | 0x40; /* the power cap, and heat */
    read_all(g);
    assert_float_equal(value_of("frugal_gpu_throttled_by_power", "0"), 1, 0);
    assert_float_equal(value_of("frugal_gpu_throttled_by_heat", "0"), 1, 0);
    assert_float_equal(value_of("frugal_gpu_throttle_reasons", "0"), 0x44, 0);
    assert_true(isnan(value_of("nvidia_smi.gpu_performance_state", "0")));
    assert_true(isnan(value_of("GPUUtilization", "0")));
    fr_gauges_close(g);
    dlclose(handle);
}

static void append(const char *path, const char *text)
{
    FILE *out = fopen(path, "a");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static void neuron_cores_come_from_the_last_whole_line(void **state)
{
    (void)state;
    recorded_tree t = tree_new(1, 4);
    char *path = fr_path_join(t.root, "neuron.jsonl");
    append(path, "not JSON\n[]\n{\"neuron_runtime_data\": null}\n");
    fr_gauges *g = NULL;
    fr_gauges_options options = { t.sysfs, t.procfs, "", path };
    assert_int_equal(fr_gauges_open(&options, &g, NULL), 0);
    read_all(g);
    assert_true(isnan(value_of("neuroncore_utilization", "0")));
    append(path, "{\"neuron_runtime_data\": [{\"pid\": 7, \"report\": {\"neuroncore_counters\": "
                 "{\"neuroncores_in_use\": {\"0\": {\"neuroncore_utilization\": 42.5}, "
                 "\"1\": {\"neuroncore_utilization\": null}, \"x\": {}, "
                 "\"9999\": {\"neuroncore_utilization\": 1}}}}}, {\"pid\": 8, \"report\": "
                 "{\"neuroncore_counters\": {\"neuroncores_in_use\": {\"3\": "
                 "{\"neuroncore_utilization\": 100}}}}}]}\n{\"neuron_runtime_data\": [");
    read_all(g);
    assert_float_equal(value_of("neuroncore_utilization", "0"), 42.5, 1e-9);
    assert_true(isnan(value_of("neuroncore_utilization", "1")));
    assert_float_equal(value_of("neuroncore_utilization", "3"), 100, 1e-9);
    append(path, "]}\n{\"neuron_runtime_data\": [{\"report\": {\"neuroncore_counters\": "
                 "{\"neuroncores_in_use\": {\"5\": {\"neuroncore_utilization\": 9}}}}}]}\n");
    read_all(g);
    assert_float_equal(value_of("neuroncore_utilization", "5"), 9, 1e-9);
    append(path, "{\"neuron_runtime_data\": null}\n{\"neuron_runtime_data\": ["); /* nobody */
    read_all(g);
    assert_true(isnan(value_of("neuroncore_utilization", "5")));
    append(path, "]}\n"); /* the rest of the cut line: nobody holds a core now */
    read_all(g);
    assert_true(isnan(value_of("neuroncore_utilization", "0")));
    fr_gauges_close(g);
    free(path);
    tree_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_gauges_are_shares_since_the_last_read),
        cmocka_unit_test(this_machine_tells_its_disk),
        cmocka_unit_test(gpus_tell_under_both_names_and_a_lost_one_is_silent),
        cmocka_unit_test(neuron_cores_come_from_the_last_whole_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
