/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <unistd.h>

#include "base/hash.h"
#include "support/tiny_model.h"

/* The model that tests of commands use; `tiny_model_test DIR` writes it anew. */
static const tiny_model OF_THE_COMMANDS = { .layers = 1,
                                            .dim = 16,
                                            .heads = 2,
                                            .kv_heads = 1,
                                            .ffn = 32,
                                            .context = 64,
                                            .tied = true,
                                            .format = FR_FORMAT_F16,
                                            .seed = 4 };

static void the_model_of_the_commands_tests_is_what_this_writes(void **state)
{
    (void)state;
    char dir[] = "/tmp/frugal-tiny-XXXXXX", now[FR_SHA256_HEX], then[FR_SHA256_HEX];
    assert_non_null(mkdtemp(dir));
    char *path = tiny_model_write(&OF_THE_COMMANDS, dir);
    assert_int_equal(fr_sha256_file(path, now, NULL), 0);
    assert_int_equal(fr_sha256_file(FR_SOURCE_DIR "/tests/fixtures/models/random.gguf", then, NULL),
                     0);
    assert_string_equal(now, then);
    unlink(path);
    rmdir(dir);
    free(path);
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        char *path = tiny_model_write(&OF_THE_COMMANDS, argv[1]);
        puts(path);
        free(path);
        return 0;
    }
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        the_model_of_the_commands_tests_is_what_this_writes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
