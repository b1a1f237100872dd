/* Files are written whole or not at all, and into what is no file as any program does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static int set_up(void **state)
{
    char dir[] = "/tmp/frugal-file-XXXXXX";
    if (mkdtemp(dir) == NULL)
        return -1;
    *state = fr_dup(dir);
    return 0;
}

static int tear_down(void **state)
{
    char **names = NULL;
    size_t n = 0;
    if (fr_dir_list(*state, &names, &n, NULL) == 0) {
        for (size_t i = 0; i < n; i++) {
            char *path = fr_path_join(*state, names[i]);
            unlink(path);
            free(path);
        }
        fr_names_free(names, n);
    }
    rmdir(*state);
    free(*state);
    return 0;
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode;
}

static void assert_holds(const char *path, const char *text)
{
    FR_AUTO(fr_buf) bytes = { 0 };
    assert_int_equal(fr_file_read(path, 1000, &bytes, NULL), 0);
    assert_string_equal(fr_buf_text(&bytes), text);
}

static void what_is_not_committed_leaves_nothing(void **state)
{
    char *path = fr_path_join(*state, "a");
    FR_AUTO(fr_file_out) out = { 0 };
    assert_int_equal(fr_file_out_open(&out, path, NULL), 0);
    assert_int_equal(fr_file_out_put(&out, "half", 4, NULL), 0);
    fr_file_out_fini(&out);
    char **names = NULL;
    size_t n = 1;
    assert_int_equal(fr_dir_list(*state, &names, &n, NULL), 0);
    assert_int_equal(n, 0);
    fr_names_free(names, n);
    free(path);
}

static void a_link_stays_a_link_and_permissions_stay(void **state)
{
    char *file = fr_path_join(*state, "file"), *link = fr_path_join(*state, "link");
    assert_int_equal(fr_file_write(file, FR_STR("old"), NULL), 0);
    assert_int_equal(chmod(file, 0600), 0);
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(fr_file_write(link, FR_STR("new"), NULL), 0);
    assert_true(S_ISLNK(mode_of(link)));
    assert_int_equal(mode_of(file), S_IFREG | 0600);
    assert_holds(file, "new");
    free(file);
    free(link);
}

/* As root, a rename would have put a file in the place of /dev/full. */
static void a_device_is_written_into_and_says_when_it_is_full(void **state)
{
    (void)state;
    fr_err err = { 0 };
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(fr_file_write("/dev/full", FR_STR("x"), &err), FR_E_IO);
    assert_non_null(strstr(err.what, "No space left"));
    assert_true(S_ISCHR(mode_of("/dev/full")));
    assert_int_equal(fr_file_write("/dev/null", FR_STR("x"), &err), 0);
    assert_true(S_ISCHR(mode_of("/dev/null")));
}

static void an_open_descriptor_is_written_into(void **state)
{
    char *file = fr_path_join(*state, "file");
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs("before ", f);
    fflush(f);
    char *fd = fr_dup_f("/proc/self/fd/%d", fileno(f));
    assert_int_equal(fr_file_write(fd, FR_STR("after"), NULL), 0);
    fclose(f);
    assert_holds(file, "before after");
    free(fd);
    free(file);
}

static void a_folder_is_no_file_to_write(void **state)
{
    fr_err err = { 0 };
    assert_int_equal(fr_file_write(*state, FR_STR("x"), &err), FR_E_IO);
    assert_non_null(strstr(err.what, "Is a directory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_FOLDER(what_is_not_committed_leaves_nothing),
        WITH_FOLDER(a_link_stays_a_link_and_permissions_stay),
        WITH_FOLDER(a_device_is_written_into_and_says_when_it_is_full),
        WITH_FOLDER(an_open_descriptor_is_written_into),
        WITH_FOLDER(a_folder_is_no_file_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
