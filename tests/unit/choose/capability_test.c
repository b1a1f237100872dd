/* A model of random weights passes nothing: no kind of question can be passed by noise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "adapt/work_folder.h"
#include "support/tiny_model.h"

#include "choose/capability.h"

static void random_weights_pass_nothing(void **state)
{
    (void)state;
    char *dir = work_folder_new();
    char *path = tiny_model_write(&(tiny_model){ .layers = 1, .context = 1024 }, dir);
    fr_run *run = NULL;
    json_t *record = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_run_begin(&(fr_run_options){ .kind = "models", .ledger = "" }, &run, &err),
                     0);
    fr_capability_options options = {
        .model = path, .run = run, .n_items = 24, .context_most = 400, .threads = 1, .seed = 1
    };
    if (fr_capability(&options, &record, &err) != 0)
        fail_msg("%s", err.what);
    const json_t *kinds = json_object_get(record, "kinds");
    assert_int_equal(json_array_size(kinds), 7);
    for (size_t i = 0; i < json_array_size(kinds); i++) {
        const json_t *k = json_array_get(kinds, i), *pass = json_object_get(k, "pass");
        const char *name = json_string_value(json_object_get(k, "kind"));
        assert_true(json_integer_value(json_object_get(pass, "n")) >= 12);
        if (json_number_value(json_object_get(pass, "value")) > 0.05)
            fail_msg("%s: passed %g", name, json_number_value(json_object_get(pass, "value")));
        assert_int_equal(json_integer_value(json_object_get(k, "too_long")), 0);
    }
    json_decref(record);
    fr_run_end(run, "done", 0, NULL, NULL, NULL);
    free(path);
    work_folder_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_weights_pass_nothing) };
    return cmocka_run_group_tests_name("capability", tests, NULL, NULL);
}
