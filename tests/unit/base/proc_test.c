/* Files, child processes and the pool: what touches the system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/proc.h"

static void a_child_gets_input_and_gives_output_and_status(void **state)
{
    (void)state;
    FR_AUTO(fr_proc_result) done = { 0 };
    fr_proc_options o = { .shell = "cat; echo oops >&2; exit 3", .input = FR_STR("hello") };
    assert_int_equal(fr_proc_run(&o, &done, NULL), 0);
    assert_int_equal(done.exit_code, 3);
    assert_string_equal(fr_buf_text(&done.out), "hello");
    assert_string_equal(fr_buf_text(&done.err_tail), "oops\n");
}

static void more_than_a_pipe_holds_goes_through_both_ways(void **state)
{
    (void)state;
    size_t n = 3 << 20;
    char *big = fr_array(n, 1);
    memset(big, 'x', n);
    FR_AUTO(fr_proc_result) done = { 0 };
    fr_proc_options o = { .shell = "cat", .input = { big, n } };
    assert_int_equal(fr_proc_run(&o, &done, NULL), 0);
    assert_int_equal(done.out.n, n);
    free(big);
}

static void a_child_that_does_not_read_is_no_failure(void **state)
{
    (void)state;
    char *big = fr_array(1 << 20, 1);
    FR_AUTO(fr_proc_result) done = { 0 };
    fr_proc_options o = { .shell = "exit 0", .input = { big, 1 << 20 } };
    assert_int_equal(fr_proc_run(&o, &done, NULL), 0);
    assert_int_equal(done.exit_code, 0);
    free(big);
}

static void a_child_that_hangs_is_ended_with_all_it_started(void **state)
{
    (void)state;
    FR_AUTO(fr_proc_result) done = { 0 };
    fr_err err = { 0 };
    fr_proc_options o = { .shell = "sleep 100 & echo $!; sleep 100", .timeout_s = 0.3 };
    assert_int_equal(fr_proc_run(&o, &done, &err), FR_E_LIMIT);
    assert_non_null(strstr(err.what, "no end after"));
    pid_t grandchild = (pid_t)atoi(fr_buf_text(&done.out));
    assert_true(grandchild > 0);
    for (int i = 0; i < 100 && kill(grandchild, 0) == 0; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)grandchild);
        FR_AUTO(fr_buf) stat = { 0 };
        if (fr_file_read(path, 4096, &stat, NULL) != 0 || strstr(fr_buf_text(&stat), ") Z") != NULL)
            return; /* gone, or a zombie that nobody here may reap */
        fr_sleep_ns(10000000);
    }
    assert_int_not_equal(kill(grandchild, 0), 0);
}

static void a_program_that_is_not_there_is_named(void **state)
{
    (void)state;
    FR_AUTO(fr_proc_result) done = { 0 };
    fr_err err = { 0 };
    const char *const argv[] = { "no-such-program-here", NULL };
    assert_int_equal(fr_proc_run(&(fr_proc_options){ .argv = argv }, &done, &err), FR_E_NOT_FOUND);
    assert_non_null(strstr(err.what, "no-such-program-here"));
}

static void variables_are_added_and_replaced(void **state)
{
    (void)state;
    setenv("FRUGAL_TEST_A", "old", 1);
    const char *const env[] = { "FRUGAL_TEST_A=new", "FRUGAL_TEST_B=more", NULL };
    FR_AUTO(fr_proc_result) done = { 0 };
    fr_proc_options o = { .shell = "echo $FRUGAL_TEST_A $FRUGAL_TEST_B", .env = env };
    assert_int_equal(fr_proc_run(&o, &done, NULL), 0);
    assert_string_equal(fr_buf_text(&done.out), "new more\n");
}

static void a_file_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(fr_file_write("whole.txt", FR_STR("old"), NULL), 0);
    {
        FR_AUTO(fr_file_out) out = { 0 };
        assert_int_equal(fr_file_out_open(&out, "whole.txt", NULL), 0);
        assert_int_equal(fr_file_out_put(&out, "half", 4, NULL), 0);
    } /* not committed */
    FR_AUTO(fr_buf) text = { 0 };
    assert_int_equal(fr_file_read("whole.txt", 100, &text, NULL), 0);
    assert_string_equal(fr_buf_text(&text), "old");
    char **names = NULL;
    size_t n = 0;
    assert_int_equal(fr_dir_list(".", &names, &n, NULL), 0);
    for (size_t i = 0; i < n; i++)
        assert_null(strstr(names[i], ".part"));
    fr_names_free(names, n);
}

static void a_full_disk_is_said_and_leaves_the_old_file(void **state)
{
    (void)state;
    struct rlimit before, small = { 4096, 0 };
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    char *big = fr_array(1 << 16, 1);
    fr_err err = { 0 };
    int rc = fr_file_write("whole.txt", (fr_str){ big, 1 << 16 }, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    free(big);
    assert_int_equal(rc, FR_E_IO);
    assert_non_null(strstr(err.what, "whole.txt"));
    FR_AUTO(fr_buf) text = { 0 };
    assert_int_equal(fr_file_read("whole.txt", 100, &text, NULL), 0);
    assert_string_equal(fr_buf_text(&text), "old");
}

static void a_file_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) text = { 0 };
    fr_err err = { 0 };
    assert_int_equal(fr_file_read("whole.txt", 2, &text, &err), FR_E_LIMIT);
    assert_int_equal(fr_file_read("no/such", 2, &text, &err), FR_E_NOT_FOUND);
}

typedef struct {
    atomic_int hits[1000];
    int by[1000];
} marks;

static void mark(void *args, size_t first, size_t end, int thread)
{
    marks *m = args;
    for (size_t i = first; i < end; i++) {
        atomic_fetch_add(&m->hits[i], 1);
        m->by[i] = thread;
    }
}

static void each_item_is_done_once_and_always_by_the_same_thread(void **state)
{
    (void)state;
    fr_pool *pool = NULL;
    assert_int_equal(fr_pool_new(3, &pool, NULL), 0);
    marks *m = FR_NEW(marks);
    int by[1000];
    for (int round = 0; round < 200; round++) {
        fr_pool_run(pool, 1000, mark, m);
        if (round == 0)
            memcpy(by, m->by, sizeof(by));
        assert_memory_equal(by, m->by, sizeof(by));
    }
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(atomic_load(&m->hits[i]), 200);
    free(m);
    fr_pool_free(pool);
}

static void a_pool_at_rest_uses_no_processor_time(void **state)
{
    (void)state;
    fr_pool *pool = NULL;
    assert_int_equal(fr_pool_new(2, &pool, NULL), 0);
    struct rusage a, b;
    getrusage(RUSAGE_SELF, &a);
    fr_sleep_ns(200000000);
    getrusage(RUSAGE_SELF, &b);
    /* this thread sleeps once; a pool that polls would add switches */
    assert_true(b.ru_nvcsw - a.ru_nvcsw <= 4);
    fr_pool_free(pool);
}

static int to_empty_folder(void **state)
{
    (void)state;
    char folder[] = "/tmp/frugal-test-XXXXXX";
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_gets_input_and_gives_output_and_status),
        cmocka_unit_test(more_than_a_pipe_holds_goes_through_both_ways),
        cmocka_unit_test(a_child_that_does_not_read_is_no_failure),
        cmocka_unit_test(a_child_that_hangs_is_ended_with_all_it_started),
        cmocka_unit_test(a_program_that_is_not_there_is_named),
        cmocka_unit_test(variables_are_added_and_replaced),
        cmocka_unit_test(a_file_is_written_whole_or_not_at_all),
        cmocka_unit_test(a_full_disk_is_said_and_leaves_the_old_file),
        cmocka_unit_test(a_file_beyond_the_limit_is_refused),
        cmocka_unit_test(each_item_is_done_once_and_always_by_the_same_thread),
        cmocka_unit_test(a_pool_at_rest_uses_no_processor_time),
    };
    return cmocka_run_group_tests(tests, to_empty_folder, NULL);
}
