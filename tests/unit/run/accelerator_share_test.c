/* Making an accelerator is a part of making the machine: each that the meter sees adds its own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "../../fixtures/meter/fake_nvml.h"
#include "run/run.h"

static double made_kg(const char *library)
{
    fr_run *run = NULL;
    fr_err err = { 0 };
    fr_run_options options = { .ledger = "", .meter = { .nvml = library } };
    if (fr_run_begin(&options, &run, &err) != 0)
        fail_msg("%s", err.what);
    const fr_embodied *e = fr_run_embodied(run);
    double kg = e->total_kg * e->share_ratio;
    assert_true(e->total_low_kg < e->total_kg && e->total_kg < e->total_high_kg);
    assert_int_equal(fr_run_end(run, "done", 0, NULL, NULL, NULL), 0);
    return kg;
}

static void each_accelerator_adds_its_own(void **state)
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
    double without_kg = made_kg("");
    *driver = (fake_nvml){ .n_gpus = 3 };
    for (int i = 0; i < 3; i++)
        driver->gpus[i] = (fake_gpu){ .has_counter = true };
    assert_true(fabs(made_kg(library) - without_kg - 3 * 150) < 1e-6); /* data/constants.csv */
    driver->gpus[1].is_lost = true;                                    /* not seen, not charged */
    assert_true(fabs(made_kg(library) - without_kg - 2 * 150) < 1e-6);
    dlclose(handle);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_accelerator_adds_its_own) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
