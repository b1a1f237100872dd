#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <frugal/mark.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "run/marks.h"

/* A machine with one counter that the test turns, a run on it, and marks. */
typedef struct {
    char dir[64], sysfs[96], zone[160], ledger[96];
    uint64_t counter_uj;
    fr_run *run;
    fr_marks *marks;
    fr_mark_summary told;
} scene;

static void put_file(const char *dir, const char *name, const char *text)
{
    char *path = fr_path_join(dir, name);
    assert_int_equal(fr_file_write(path, fr_str_of(text), NULL), 0);
    free(path);
}

static void turn(scene *s, unsigned joules)
{
    char text[32];
    s->counter_uj += joules * 1000000ull;
    snprintf(text, sizeof text, "%llu\n", (unsigned long long)s->counter_uj);
    put_file(s->zone, "energy_uj", text);
}

static int set_up(void **state)
{
    scene *s = FR_NEW(scene);
    snprintf(s->dir, sizeof s->dir, "/tmp/frugal-test-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->sysfs, sizeof s->sysfs, "%s/sys", s->dir);
    snprintf(s->ledger, sizeof s->ledger, "%s/ledger.db", s->dir);
    snprintf(s->zone, sizeof s->zone, "%s/class/powercap/intel-rapl:0", s->sysfs);
    assert_int_equal(fr_dir_make(s->zone, NULL), 0);
    put_file(s->zone, "name", "package-0\n");
    put_file(s->zone, "max_energy_range_uj", "262143328850\n");
    turn(s, 1);
    unsetenv("FRUGAL_RUN");
    fr_run_options options = { .kind = "meter",
                               .place = { .intensity_g_per_kwh = 100 },
                               .ledger = s->ledger,
                               .meter = { .sysfs = s->sysfs, .nvml = "", .no_thread = true } };
    assert_int_equal(fr_run_begin(&options, &s->run, NULL), 0);
    assert_int_equal(fr_marks_open(s->run, &s->marks, NULL), 0);
    setenv("FRUGAL_SOCKET", fr_marks_path(s->marks), 1);
    *state = s;
    return 0;
}

static void finish(scene *s)
{
    fr_marks_close(s->marks, &s->told);
    s->marks = NULL;
    assert_int_equal(fr_run_end(s->run, "done", 0, NULL, NULL, NULL), 0);
    s->run = NULL;
}

static int tear_down(void **state)
{
    scene *s = *state;
    fr_marks_close(s->marks, NULL);
    fr_run_end(s->run, "done", 0, NULL, NULL, NULL);
    fr_mark_summary_fini(&s->told);
    char *command = fr_dup_f("rm -rf '%s'", s->dir);
    assert_int_equal(system(command), 0);
    free(command);
    free(s);
    return 0;
}

static const fr_mark_phase *phase(const scene *s, const char *path)
{
    for (size_t i = 0; i < s->told.n_phases; i++) {
        if (strcmp(s->told.phases[i].path, path) == 0)
            return &s->told.phases[i];
    }
    fail_msg("no phase %s", path);
    return NULL;
}

/* What the phases of a name got of the one counter; memory and the like are modelled beside it. */
static double counted_j(fr_ledger *l, const char *name)
{
    fr_run_list list = { 0 };
    int64_t sum_uj = 0;
    assert_int_equal(fr_ledger_list(l, &(fr_ledger_query){ .name = name }, &list, NULL), 0);
    for (size_t i = 0; i < list.n; i++) {
        fr_bucket *buckets = NULL;
        size_t n = 0;
        assert_int_equal(fr_ledger_buckets(l, list.at[i].id, &buckets, &n, NULL), 0);
        for (size_t k = 0; k < n; k++)
            sum_uj += strcmp(buckets[k].device, "package-0") == 0 ? buckets[k].energy_uj : 0;
        fr_buckets_free(buckets, n);
    }
    fr_run_list_fini(&list);
    return (double)sum_uj * 1e-6;
}

static void phases_have_the_energy_of_their_time_with_work_and_quality(void **state)
{
    scene *s = *state;
    fr_marker *m = fr_marker_open();
    assert_non_null(m);
    turn(s, 100); /* in no phase */
    fr_mark_begin(m, "train");
    assert_int_equal(fr_marker_sync(m), 0);
    turn(s, 10);
    for (int i = 0; i < 2; i++) {
        fr_mark_begin(m, "step");
        assert_int_equal(fr_marker_sync(m), 0);
        turn(s, 50);
        fr_mark_work(m, "tokens", 100);
        fr_mark_work(m, "tokens", 156);
        fr_mark_quality(m, "loss", 2.0 - i);
        fr_mark_end(m, "step");
        assert_int_equal(fr_marker_sync(m), 0);
    }
    fr_mark_next(m, "evaluate");
    assert_int_equal(fr_marker_sync(m), 0);
    turn(s, 7);
    fr_mark_end(m, NULL);
    assert_int_equal(fr_marker_sync(m), 0);
    fr_marker_close(m);
    finish(s);
    /* Who worked is the real machine's matter; that the counter's joules are in their phase is
     * ours: a phase that the counter did not move in has none. */
    const fr_mark_phase *train = phase(s, "train"), *step = phase(s, "train/step");
    assert_int_equal(step->n, 2);
    assert_int_equal(step->depth, 1);
    assert_true(train->total.value_j >= step->total.value_j);
    assert_true(step->work[0].value == 512 && train->work[0].value == 512);
    assert_string_equal(step->work[0].name, "tokens");
    assert_true(step->quality[0].value == 1.0);
    assert_int_equal(s->told.dropped + s->told.unbalanced + s->told.malformed, 0);
    /* The ledger has them with their counts, and verifies. */
    fr_ledger *l = NULL;
    size_t checked = 0, wrong = 1, n = 0;
    fr_run_list list = { 0 };
    assert_int_equal(fr_ledger_open(s->ledger, &l, NULL), 0);
    assert_int_equal(fr_ledger_verify(l, NULL, &checked, &wrong, NULL), 0);
    assert_int_equal(wrong, 0);
    assert_true(counted_j(l, "evaluate") <= 7 + 1e-6);
    assert_true(counted_j(l, "train") <= 10 + 1e-6);
    assert_true(counted_j(l, "step") <= 100 + 1e-6);
    assert_int_equal(fr_ledger_list(l, &(fr_ledger_query){ .name = "step" }, &list, NULL), 0);
    assert_int_equal(list.n, 2);
    fr_note *notes = NULL;
    assert_int_equal(fr_ledger_notes(l, list.at[0].id, &notes, &n, NULL), 0);
    bool has_tokens = false, has_loss = false;
    for (size_t i = 0; i < n; i++) {
        has_tokens |= strcmp(notes[i].name, "tokens") == 0 && notes[i].value == 256;
        has_loss |= strcmp(notes[i].name, "loss") == 0 && strcmp(notes[i].kind, "quality") == 0;
    }
    assert_true(has_tokens && has_loss);
    fr_notes_free(notes, n);
    fr_run_list_fini(&list);
    fr_ledger_close(l);
}

static void ends_without_begins_and_begins_without_ends_are_counted(void **state)
{
    scene *s = *state;
    fr_marker *m = fr_marker_open();
    fr_mark_end(m, "nobody");
    fr_mark_end(m, NULL);
    fr_mark_begin(m, "a");
    fr_mark_begin(m, "b");
    fr_mark_begin(m, "c");
    fr_mark_end(m, "a"); /* closes b and c */
    fr_mark_begin(m, "left");
    assert_int_equal(fr_marker_sync(m), 0);
    fr_marker_close(m);
    finish(s);
    assert_int_equal(s->told.unbalanced, 2 + 2 + 1);
    assert_int_equal(phase(s, "a/b/c")->n, 1);
    assert_int_equal(phase(s, "left")->n, 1);
}

static int raw_socket(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", getenv("FRUGAL_SOCKET"));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    const struct timeval patience = { .tv_sec = 20 }; /* an answer that never comes fails */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void hostile_messages_are_counted_and_harm_nobody(void **state)
{
    scene *s = *state;
    int fd = raw_socket();
    char big[9000], answer[64];
    memset(big, 'x', sizeof big);
    static const char *const LINES[] = {
        "begin",     "beginx y", "work tokens",      "work nan tokens", "work 1e999 t",
        "quality 1", "dropped",  "dropped -5",       "dropped 1e300",   "\x01\x02\xff",
        "BEGIN x",   "work 0x",  "quality inf loss",
    };
    for (size_t i = 0; i < FR_COUNT_OF(LINES); i++)
        assert_true(send(fd, LINES[i], strlen(LINES[i]), 0) > 0);
    assert_true(send(fd, big, sizeof big, 0) > 0);
    static const char NASTY[] = "begin \x1b[2J\xff/../%s%n\nend\n\n\nbegin ok\nend ok\nsync";
    assert_true(send(fd, NASTY, strlen(NASTY), 0) > 0);
    assert_true(recv(fd, answer, sizeof answer, 0) > 2);
    assert_memory_equal(answer, "ok ", 3);
    close(fd);
    int gone = raw_socket(); /* closes with an answer unread */
    assert_true(send(gone, "sync", 4, 0) > 0);
    close(gone);
    finish(s);
    assert_int_equal(s->told.malformed, FR_COUNT_OF(LINES) + 1);
    assert_int_equal(s->told.n_phases, 2);
    assert_string_equal(s->told.phases[0].path, "?[2J?|..|%s%n");
    assert_int_equal(s->told.unbalanced, 0);
}

/* What is over the limit keeps its place in the nesting and is said. */
static void a_flood_is_bounded_and_said(void **state)
{
    scene *s = *state;
    fr_marker *m = fr_marker_open();
    enum { FLOOD = 5000 };
    int64_t from_ns = fr_now_monotonic_ns();
    for (int i = 0; i < FLOOD; i++) {
        fr_mark_begin(m, "outer");
        fr_mark_begin(m, "step");
        fr_mark_work(m, "n", 1);
        fr_mark_end(m, "step");
        fr_mark_end(m, "outer");
        if (i % 50 == 0) /* so that the socket holds them all, however slow the machine is */
            assert_int_equal(fr_marker_sync(m), 0);
    }
    assert_int_equal(fr_marker_sync(m), 0);
    assert_int_equal(fr_marker_dropped(m), 0);
    fr_marker_close(m);
    finish(s);
    size_t kept = phase(s, "outer")->n;
    for (size_t i = 0; i < s->told.n_phases; i++)
        kept += i > 0 ? s->told.phases[i].n : 0;
    double most = 500 + FR_MARKS_PER_S * (double)(fr_now_monotonic_ns() - from_ns) * 1e-9;
    assert_true(kept >= 500 && (double)kept <= most + 1); /* of a slow machine all, perhaps */
    assert_int_equal(kept + s->told.dropped, 2 * FLOOD);
    assert_int_equal(s->told.unbalanced, 0);
}

static void what_a_sender_could_not_send_is_told(void **state)
{
    scene *s = *state;
    int fd = raw_socket();
    static const char TEXT[] = "dropped 41\nbegin a\nend a";
    assert_true(send(fd, TEXT, strlen(TEXT), 0) > 0);
    close(fd);
    finish(s);
    assert_int_equal(s->told.dropped, 41);
    assert_int_equal(phase(s, "a")->n, 1);
}

static void too_deep_is_dropped(void **state)
{
    scene *s = *state;
    fr_marker *m = fr_marker_open();
    for (int i = 0; i < 100; i++)
        fr_mark_begin(m, "deep");
    assert_int_equal(fr_marker_sync(m), 0);
    fr_marker_close(m);
    finish(s);
    assert_int_equal(s->told.dropped, 36);
    assert_int_equal(s->told.unbalanced, 64);
}

static void the_socket_is_ours_alone_and_goes_with_the_meter(void **state)
{
    scene *s = *state;
    struct stat status;
    char *path = fr_dup(fr_marks_path(s->marks)), *folder = fr_path_dir(path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    finish(s);
    assert_int_not_equal(stat(path, &status), 0);
    assert_true(rmdir(folder) != 0); /* it is gone, or others of our meters are in it */
    free(path);
    free(folder);
}

/* A meter that is killed cannot clean up; the next one does. */
static void what_a_killed_meter_left_behind_is_removed(void **state)
{
    (void)state;
    int tell[2];
    char path[128] = "";
    struct stat status;
    unsetenv("XDG_RUNTIME_DIR");
    assert_int_equal(pipe(tell), 0);
    pid_t child = fork();
    if (child == 0) {
        fr_run *run = NULL;
        fr_marks *marks = NULL;
        fr_run_options options = { .kind = "x", .ledger = "", .meter = { .no_thread = true } };
        if (fr_run_begin(&options, &run, NULL) != 0 || fr_marks_open(run, &marks, NULL) != 0 ||
            write(tell[1], fr_marks_path(marks), strlen(fr_marks_path(marks))) < 0)
            _exit(1);
        _exit(0);
    }
    close(tell[1]);
    assert_true(read(tell[0], path, sizeof path - 1) > 0);
    close(tell[0]);
    waitpid(child, NULL, 0);
    assert_int_equal(stat(path, &status), 0);
    fr_run *run = NULL;
    fr_marks *marks = NULL;
    fr_run_options options = { .kind = "x", .ledger = "", .meter = { .no_thread = true } };
    assert_int_equal(fr_run_begin(&options, &run, NULL), 0);
    assert_int_equal(fr_marks_open(run, &marks, NULL), 0);
    assert_int_not_equal(stat(path, &status), 0);
    fr_marks_close(marks, NULL);
    fr_run_end(run, "done", 0, NULL, NULL, NULL);
}

/* Who connects is heard of by a signal; until then there is no thread, and none is needed to take
 * what was sent when the end comes first. */
static void without_marks_there_is_no_thread_and_none_is_lost(void **state)
{
    (void)state;
    static const struct timespec SOON = { 5, 0 };
    sigset_t urgent, before;
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    sigprocmask(SIG_BLOCK, &urgent, &before);
    for (int is_served = 0; is_served <= 1; is_served++) {
        fr_run *run = NULL;
        fr_marks *marks = NULL;
        fr_mark_summary told = { 0 };
        fr_run_options options = { .kind = "x", .ledger = "", .meter = { .no_thread = true } };
        assert_int_equal(fr_run_begin(&options, &run, NULL), 0);
        assert_int_equal(fr_marks_open_quiet(run, SIGURG, &marks, NULL), 0);
        setenv("FRUGAL_SOCKET", fr_marks_path(marks), 1);
        fr_marker *m = fr_marker_open();
        assert_non_null(m);
        assert_int_equal(sigtimedwait(&urgent, NULL, &SOON), SIGURG);
        fr_mark_begin(m, "step");
        fr_mark_end(m, "step");
        if (is_served) {
            fr_marks_serve(marks);
            assert_int_equal(fr_marker_sync(m), 0);
        }
        fr_marker_close(m);
        fr_marks_close(marks, &told);
        assert_int_equal(told.n_phases, 1);
        assert_int_equal(told.taken, 2);
        fr_mark_summary_fini(&told);
        fr_run_end(run, "done", 0, NULL, NULL, NULL);
    }
    unsetenv("FRUGAL_SOCKET");
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void without_a_meter_marks_do_nothing(void **state)
{
    (void)state;
    unsetenv("FRUGAL_SOCKET");
    assert_null(fr_marker_open());
    setenv("FRUGAL_SOCKET", "/nowhere/s", 1);
    assert_null(fr_marker_open());
    fr_mark_begin(NULL, "x");
    fr_mark_work(NULL, "x", 1);
    fr_mark_end(NULL, "x");
    assert_int_equal(fr_marker_sync(NULL), -1);
    assert_int_equal(fr_marker_dropped(NULL), 0);
    fr_marker_close(NULL);
}

/* The meter went away under a sender: nothing waits, nothing dies of SIGPIPE. */
static void a_meter_that_is_gone_harms_no_sender(void **state)
{
    scene *s = *state;
    fr_marker *m = fr_marker_open();
    fr_mark_begin(m, "x");
    assert_int_equal(fr_marker_sync(m), 0);
    finish(s);
    fr_mark_end(m, "x");
    fr_mark_end(m, "x");
    assert_int_equal(fr_marker_sync(m), -1);
    assert_int_equal(fr_marker_dropped(m), 2);
    fr_marker_close(m);
    assert_int_equal(s->told.unbalanced, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(phases_have_the_energy_of_their_time_with_work_and_quality,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_without_begins_and_begins_without_ends_are_counted,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_messages_are_counted_and_harm_nobody, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_flood_is_bounded_and_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_sender_could_not_send_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_deep_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_socket_is_ours_alone_and_goes_with_the_meter, set_up,
                                        tear_down),
        cmocka_unit_test(without_marks_there_is_no_thread_and_none_is_lost),
        cmocka_unit_test(what_a_killed_meter_left_behind_is_removed),
        cmocka_unit_test(without_a_meter_marks_do_nothing),
        cmocka_unit_test_setup_teardown(a_meter_that_is_gone_harms_no_sender, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
