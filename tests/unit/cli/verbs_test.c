/* The words of a command are commands themselves: each is named after it, and shows how it is used.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "base/mem.h"
#include "cli/cli_priv.h"

static void every_verb_has_a_summary_and_an_example_of_its_own(void **state)
{
    (void)state;
    size_t n = 0;
    for (const fr_command *const *c = fr_commands(); *c != NULL; c++) {
        for (const fr_command *const *v = (*c)->verbs; v != NULL && *v != NULL; v++, n++) {
            char example[64];
            snprintf(example, sizeof(example), "frugal %s ", (*v)->name);
            assert_memory_equal((*v)->name, (*c)->name, strlen((*c)->name));
            assert_int_equal((*v)->name[strlen((*c)->name)], ' ');
            assert_non_null(strstr((*v)->examples, example));
            assert_true(strlen((*v)->summary) > 10);
            assert_ptr_equal(fr_command_verb(*c, fr_command_word(*v)), *v);
            assert_non_null((*v)->options);
        }
    }
    assert_true(n > 0);
}

static void a_word_that_is_no_verb_is_none(void **state)
{
    (void)state;
    assert_null(fr_command_verb(fr_command_find("prompt"), "rendr"));
    assert_null(fr_command_verb(fr_command_find("meter"), "render"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_has_a_summary_and_an_example_of_its_own),
        cmocka_unit_test(a_word_that_is_no_verb_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
