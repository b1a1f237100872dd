#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "run/run.h"
#include "store/store.h"

/* A machine with one counter, which the test turns: a moved /sys. The rest is the real machine. */
typedef struct {
    char dir[64];
    char sysfs[96], zone[160], ledger[96];
    uint64_t counter_uj;
} machine;

static void turn(machine *m, uint64_t more_uj)
{
    m->counter_uj += more_uj;
    char *path = fr_dup_f("%s/energy_uj", m->zone);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%llu\n", (unsigned long long)m->counter_uj);
    fclose(file);
    free(path);
}

static void put_file(const char *dir, const char *name, const char *text)
{
    char *path = fr_path_join(dir, name);
    assert_int_equal(fr_file_write(path, fr_str_of(text), NULL), 0);
    free(path);
}

static int make_machine(void **state)
{
    machine *m = FR_NEW(machine);
    snprintf(m->dir, sizeof(m->dir), "/tmp/frugal-run-XXXXXX");
    assert_non_null(mkdtemp(m->dir));
    snprintf(m->sysfs, sizeof(m->sysfs), "%s/sys", m->dir);
    snprintf(m->ledger, sizeof(m->ledger), "%s/ledger.db", m->dir);
    snprintf(m->zone, sizeof(m->zone), "%s/class/powercap/intel-rapl:0", m->sysfs);
    assert_int_equal(fr_dir_make(m->zone, NULL), 0);
    put_file(m->zone, "name", "package-0\n");
    put_file(m->zone, "max_energy_range_uj", "262143328850\n");
    turn(m, 1000000);
    unsetenv("FRUGAL_RUN");
    *state = m;
    return 0;
}

static int clear_machine(void **state)
{
    machine *m = *state;
    char *command = fr_dup_f("rm -rf '%s'", m->dir);
    int rc = system(command);
    free(command);
    free(m);
    return rc;
}

static fr_run *begun(const machine *m, const char *kind, bool with_thread)
{
    fr_run *run = NULL;
    fr_err err = { 0 };
    static const char *const ARGV[] = { "frugal", "--api-key", "S3CRET", NULL };
    fr_run_options options = { .kind = kind,
                               .name = "test",
                               .argv = ARGV,
                               .place = { .intensity_g_per_kwh = 100, .pue = 1.5 },
                               .ledger = m->ledger,
                               .meter = {
                                   .sysfs = m->sysfs, .nvml = "", .no_thread = !with_thread } };
    if (fr_run_begin(&options, &run, &err) != 0)
        fail_msg("%s", err.what);
    return run;
}

static double package_j(const fr_used *used)
{
    for (size_t i = 0; i < used->reading.n_devices; i++)
        if (strcmp(used->reading.devices[i].name, "package-0") == 0)
            return used->reading.devices[i].machine_j;
    return NAN;
}

static void verified(const machine *m)
{
    fr_ledger *l = NULL;
    fr_err err = { 0 };
    size_t checked = 0, wrong = 0, size = 0;
    char *lines = NULL;
    FILE *out = open_memstream(&lines, &size);
    assert_int_equal(fr_ledger_open(m->ledger, &l, &err), 0);
    assert_int_equal(fr_ledger_verify(l, out, &checked, &wrong, &err), 0);
    fclose(out);
    if (wrong != 0)
        fail_msg("%s", lines);
    assert_true(checked > 0);
    free(lines);
    fr_ledger_close(l);
}

static void each_phase_gets_the_energy_of_its_time_and_the_rest_stays_visible(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = begun(m, "adapt", false);
    fr_phase *rung = NULL, *build = NULL;
    fr_used *used = FR_NEW_N(fr_used, 4);
    turn(m, 2000000); /* before any phase */
    assert_int_equal(fr_phase_begin(run, "rung", "lora", &rung, &err), 0);
    turn(m, 3000000);
    assert_int_equal(fr_phase_begin(run, "phase", "build", &build, &err), 0);
    turn(m, 5000000);
    assert_int_equal(fr_phase_end(build, "done", &used[0], &err), 0);
    turn(m, 7000000);
    assert_int_equal(fr_phase_end(rung, "done", &used[1], &err), 0);
    turn(m, 11000000); /* after */
    assert_int_equal(fr_run_end(run, "done", 0, &used[2], &used[3], &err), 0);
    static const double EXPECTED_J[] = { 5, 15, 28, 13 }; /* build, rung, whole, remainder */
    for (int i = 0; i < 4; i++)
        assert_true(fabs(package_j(&used[i]) - EXPECTED_J[i]) < 1e-6);
    /* and of our own share: what is in no phase is what phases leave of the whole */
    assert_true(fabs(used[1].total.value_j + used[3].total.value_j - used[2].total.value_j) < 1e-6);
    assert_int_equal(used[2].total.method, used[0].total.method);
    assert_true(used[2].carbon.total_g > 0);
    free(used);
    verified(m);
}

/* Conservation is a finding, not a rule of arithmetic: a part that is lost must show. */
static void a_phase_that_is_dropped_from_the_record_is_found(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = begun(m, "adapt", false);
    fr_phase *phase = NULL;
    assert_int_equal(fr_phase_begin(run, "rung", "lora", &phase, &err), 0);
    turn(m, 30000000);
    assert_int_equal(fr_phase_end(phase, "done", NULL, &err), 0);
    assert_int_equal(fr_run_end(run, "done", 0, NULL, NULL, &err), 0);
    verified(m);
    FR_AUTOPTR(fr_store) s = NULL;
    assert_int_equal(fr_store_open(m->ledger, &s, &err), 0);
    assert_int_equal(fr_store_exec(s, "DELETE FROM run WHERE phase = 1", &err), 0);
    fr_ledger *l = NULL;
    size_t checked, wrong;
    assert_int_equal(fr_ledger_open(m->ledger, &l, &err), 0);
    assert_int_equal(fr_ledger_verify(l, NULL, &checked, &wrong, &err), 0);
    assert_true(wrong > 0);
    fr_ledger_close(l);
}

static void a_run_is_recorded_with_place_command_and_work(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = begun(m, "generate", false);
    fr_work_sink sink = fr_run_work(run);
    fr_phase *phase = NULL;
    assert_int_equal(fr_phase_begin(run, "phase", "decode", &phase, &err), 0);
    for (int i = 0; i < 3; i++)
        sink.fn(sink.user,
                &(fr_work_event){
                    .kind = FR_WORK_DECODE, .device = "cpu", .flops = 1000, .tokens = 2 });
    assert_int_equal(fr_run_note(run, "quality", "accuracy", 0.75, NULL, &err), 0);
    fr_used *used = FR_NEW_N(fr_used, 3);
    assert_int_equal(fr_phase_end(phase, "done", &used[0], &err), 0);
    char id[FR_ULID_TEXT];
    memcpy(id, fr_run_id(run), sizeof(id));
    assert_int_equal(fr_run_end(run, "done", 0, &used[1], &used[2], &err), 0);
    assert_true(used[0].flops == 3000 && used[0].tokens == 6);
    assert_true(used[1].flops == 3000 && used[2].flops == 0);
    free(used);

    fr_ledger *l = NULL;
    assert_int_equal(fr_ledger_open(m->ledger, &l, &err), 0);
    FR_AUTO(fr_run_list) one = { 0 };
    FR_AUTO(fr_run_list) phases = { 0 };
    assert_int_equal(fr_ledger_find(l, id, &one, &err), 0);
    assert_string_equal(one.at[0].status, "done");
    assert_string_equal(one.at[0].command, "frugal --api-key [redacted]");
    assert_true(one.at[0].intensity_g_per_kwh == 100 && one.at[0].pue == 1.5);
    assert_true(one.at[0].duration_s > 0 && one.at[0].cpu_s >= 0);
    assert_int_equal(fr_ledger_list(l, &(fr_ledger_query){ .parent = id }, &phases, &err), 0);
    assert_int_equal(phases.n, 1);
    fr_note *notes = NULL;
    size_t n = 0;
    assert_int_equal(fr_ledger_notes(l, phases.at[0].id, &notes, &n, &err), 0);
    assert_int_equal(n, 3); /* accuracy, flops, tokens */
    fr_notes_free(notes, n);
    fr_ledger_close(l);
}

static void phases_left_open_are_closed_with_the_run(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = begun(m, "adapt", false);
    fr_phase *outer = NULL, *inner = NULL;
    assert_int_equal(fr_phase_begin(run, "rung", "a", &outer, &err), 0);
    assert_int_equal(fr_phase_begin(run, "phase", "b", &inner, &err), 0);
    turn(m, 4000000);
    assert_int_equal(fr_run_end(run, "interrupted", 130, NULL, NULL, &err), 0);
    fr_ledger *l = NULL;
    FR_AUTO(fr_run_list) all = { 0 };
    assert_int_equal(fr_ledger_open(m->ledger, &l, &err), 0);
    assert_int_equal(fr_ledger_list(l, &(fr_ledger_query){ .status = "interrupted" }, &all, &err),
                     0);
    assert_int_equal(all.n, 3);
    fr_ledger_close(l);
    verified(m);
}

static void a_child_program_finds_its_parent_and_is_not_added_to_it(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    setenv("FRUGAL_RUN", "not an id", 1);
    fr_run *outer = begun(m, "meter", false);
    assert_string_equal(getenv("FRUGAL_RUN"), fr_run_id(outer));
    fr_phase *phase = NULL;
    assert_int_equal(fr_phase_begin(outer, "phase", "work", &phase, &err), 0);
    fr_run *inner = begun(m, "generate", false);
    turn(m, 1000000);
    assert_int_equal(fr_run_end(inner, "done", 0, NULL, NULL, &err), 0);
    assert_string_equal(getenv("FRUGAL_RUN"), fr_run_id(outer));
    fr_ledger *l = fr_run_ledger(outer);
    FR_AUTO(fr_run_list) inside = { 0 };
    fr_ledger_query query = { .parent = fr_phase_id(phase) };
    assert_int_equal(fr_ledger_list(l, &query, &inside, &err), 0);
    assert_int_equal(inside.n, 1);
    assert_false(inside.at[0].leaf);
    assert_false(inside.at[0].phase);
    assert_int_equal(fr_run_end(outer, "done", 0, NULL, NULL, &err), 0);
    assert_string_equal(getenv("FRUGAL_RUN"), "not an id");
    unsetenv("FRUGAL_RUN");
    verified(m);
}

static void what_was_flushed_outlives_the_process(void **state)
{
    machine *m = *state;
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        fr_run *run = begun(m, "adapt", true);
        fr_phase *phase = NULL;
        turn(m, 5000000);
        if (fr_phase_begin(run, "rung", "lora", &phase, NULL) != 0)
            _exit(1);
        turn(m, 3000000);
        fr_used *used = FR_NEW(fr_used);
        if (fr_phase_end(phase, "done", used, NULL) != 0 || write(told[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char byte;
    assert_int_equal(read(told[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    fr_ledger *l = NULL;
    fr_err err = { 0 };
    FR_AUTO(fr_run_list) top = { 0 };
    FR_AUTO(fr_run_list) phases = { 0 };
    assert_int_equal(fr_ledger_open(m->ledger, &l, &err), 0);
    assert_int_equal(fr_ledger_find(l, "last", &top, &err), 0);
    assert_string_equal(top.at[0].status, "interrupted");
    assert_int_equal(fr_ledger_list(l, &(fr_ledger_query){ .parent = top.at[0].id }, &phases, &err),
                     0);
    assert_int_equal(phases.n, 1);
    assert_string_equal(phases.at[0].status, "done");
    assert_true(top.at[0].energy.value_j >= phases.at[0].energy.value_j);
    fr_ledger_close(l);
    verified(m);
    close(told[0]);
    close(told[1]);
}

/* Without a border: the flusher alone. */
static void the_open_bucket_is_written_while_the_run_goes_on(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = begun(m, "meter", true);
    turn(m, 5000000);
    fr_ledger *l = fr_run_ledger(run);
    fr_bucket *buckets = NULL;
    size_t n = 0;
    for (int i = 0; i < 100 && n == 0; i++) { /* as soon as it comes; at most 10 s */
        fr_sleep_ns(100000000);
        fr_buckets_free(buckets, n);
        assert_int_equal(fr_ledger_buckets(l, fr_run_id(run), &buckets, &n, &err), 0);
    }
    assert_true(n > 0);
    fr_buckets_free(buckets, n);
    assert_int_equal(fr_run_end(run, "done", 0, NULL, NULL, &err), 0);
    verified(m);
}

static void *step_always(void *user)
{
    fr_work_sink *sink = user;
    for (int i = 0; i < 20000; i++) {
        fr_work_part part = { .sequence = 1 + (uint64_t)i % 3, .generated_tokens = 1, .flops = 10 };
        sink->fn(sink->user, &(fr_work_event){ .kind = FR_WORK_DECODE,
                                               .device = "cpu",
                                               .flops = 10,
                                               .tokens = 1,
                                               .parts = &part,
                                               .n_parts = 1 });
    }
    return NULL;
}

static void an_engine_may_tell_its_work_while_phases_come_and_go(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = begun(m, "serve", true);
    fr_work_sink sink = fr_run_work(run);
    pthread_t engine;
    assert_int_equal(pthread_create(&engine, NULL, step_always, &sink), 0);
    for (int i = 0; i < 20; i++) {
        fr_phase *phase = NULL;
        assert_int_equal(fr_phase_begin(run, "phase", "p", &phase, &err), 0);
        fr_run_so_far(run);
        assert_int_equal(fr_phase_end(phase, "done", NULL, &err), 0);
    }
    pthread_join(engine, NULL);
    fr_used *used = FR_NEW(fr_used);
    fr_share share;
    assert_int_equal(fr_run_share_take(run, 2, &share, &err), 0);
    assert_int_equal(share.generated_tokens, 6667);
    assert_int_equal(fr_run_share_take(run, 2, &share, &err), FR_E_NOT_FOUND);
    assert_int_equal(fr_run_end(run, "done", 0, used, NULL, &err), 0);
    assert_true(used->flops == 200000 && used->tokens == 20000);
    free(used);
    verified(m);
}

static double burn(double cpu_s)
{
    volatile double x = 1;
    double until_s = fr_cpu_self_s() + cpu_s;
    while (fr_cpu_self_s() < until_s)
        for (int i = 0; i < 1000; i++)
            x = x * 1.0000001;
    return x;
}

/* Two sequences with 3:1 of the work get 3:1 of the steps' energy; work outside steps is theirs
 * not at all. */
static void sequences_share_by_their_own_work_and_not_what_others_did(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = begun(m, "serve", false);
    fr_work_sink sink = fr_run_work(run);
    int64_t start_ns = fr_now_monotonic_ns();
    burn(0.1);
    fr_work_part parts[] = { { .sequence = 7, .prompt_tokens = 3, .flops = 300 },
                             { .sequence = 8, .generated_tokens = 1, .flops = 100 } };
    sink.fn(sink.user, &(fr_work_event){ .kind = FR_WORK_MIXED,
                                         .start_ns = start_ns,
                                         .end_ns = fr_now_monotonic_ns(),
                                         .device = "cpu",
                                         .flops = 400,
                                         .tokens = 4,
                                         .parts = parts,
                                         .n_parts = 2 });
    burn(0.3); /* parsing, say */
    turn(m, 40000000);
    fr_share a, b;
    assert_int_equal(fr_run_share_take(run, 7, &a, &err), 0);
    assert_int_equal(fr_run_share_take(run, 8, &b, &err), 0);
    fr_used *used = FR_NEW(fr_used);
    assert_int_equal(fr_run_end(run, "done", 0, used, NULL, &err), 0);
    assert_true(a.active.value_j > 0);
    assert_true(fabs(a.active.value_j / b.active.value_j - 3) < 1e-9);
    double shared_j = a.active.value_j + b.active.value_j;
    assert_true(shared_j > 0.15 * used->active.value_j && shared_j < 0.5 * used->active.value_j);
    free(used);
}

static void a_named_ledger_must_work_and_the_default_one_only_warns(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = NULL;
    fr_run_options options = { .kind = "meter",
                               .ledger = "/nowhere/at/all.db",
                               .meter = { .sysfs = m->sysfs, .nvml = "", .no_thread = true } };
    assert_true(fr_run_begin(&options, &run, &err) < 0);
    assert_null(run);
    assert_non_null(strstr(err.what, "/nowhere/at/all.db"));
    put_file(m->dir, "file", "no folder");
    char *home = fr_path_join(m->dir, "file");
    setenv("XDG_DATA_HOME", home, 1);
    unsetenv("FRUGAL_LEDGER");
    options.ledger = NULL;
    assert_int_equal(fr_run_begin(&options, &run, &err), 0);
    assert_null(fr_run_ledger(run));
    assert_int_equal(fr_run_end(run, "done", 0, NULL, NULL, &err), 0);
    unsetenv("XDG_DATA_HOME");
    free(home);
}

/* Files may not grow any more: what a full disk does to a write. */
static void a_full_disk_is_told_at_the_end_with_the_figures_all_the_same(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = begun(m, "meter", false);
    fr_used *used = FR_NEW(fr_used);
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 1;
    turn(m, 9000000);
    setrlimit(RLIMIT_FSIZE, &small);
    int rc = fr_run_end(run, "done", 0, used, NULL, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(rc, FR_E_IO);
    assert_non_null(strstr(err.what, m->ledger));
    assert_true(err.hint[0] != '\0');
    assert_true(fabs(package_j(used) - 9) < 1e-6);
    free(used);
}

/* One thread that waits for something else anyway does all that a run needs. */
static void a_run_with_a_beat_is_sampled_and_flushed_without_threads(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = begun(m, "meter", false);
    fr_ledger *looking = NULL;
    fr_bucket *buckets = NULL;
    size_t n = 0;
    assert_int_equal(fr_ledger_open(m->ledger, &looking, &err), 0);
    turn(m, 9000000);
    for (int i = 0; i < 100 && n == 0; i++) {
        int64_t due_ns = fr_run_beat(run), left_ns = due_ns - fr_now_monotonic_ns();
        assert_true(left_ns < 10000000000);
        fr_sleep_ns(FR_MAX(left_ns, 0));
        assert_int_equal(fr_ledger_buckets(looking, fr_run_id(run), &buckets, &n, &err), 0);
        if (n == 0)
            fr_buckets_free(buckets, n);
    }
    assert_true(n > 0); /* before the end, so a kill would not have lost it */
    fr_buckets_free(buckets, n);
    /* and never more than half of its life, give or take a sample */
    int64_t start_ns = fr_now_unix_ns(), from_ns = 0, seen_ns = 0;
    double turned_j = 9;
    while (fr_now_unix_ns() - start_ns < 2000000000) {
        turn(m, 1000000);
        turned_j++;
        int64_t left_ns = fr_run_beat(run) - fr_now_monotonic_ns();
        fr_sleep_ns(FR_MAX(left_ns, 0));
    }
    fr_run_beat(run);
    int64_t now_ns = fr_now_unix_ns();
    assert_int_equal(fr_ledger_buckets(looking, fr_run_id(run), &buckets, &n, &err), 0);
    from_ns = buckets[0].start_unix_ns;
    for (size_t i = 0; i < n; i++)
        seen_ns = FR_MAX(seen_ns, buckets[i].end_unix_ns);
    assert_true((double)(now_ns - seen_ns) < 1.3 * (double)(seen_ns - from_ns));
    fr_buckets_free(buckets, n);
    fr_ledger_close(looking);
    fr_used *used = FR_NEW(fr_used);
    assert_int_equal(fr_run_note_last(run, "used", "memory_peak_bytes", 4096, "it", &err), 0);
    assert_int_equal(fr_run_end(run, "done", 0, used, NULL, &err), 0);
    assert_true(fabs(package_j(used) - turned_j) < 1e-6);
    assert_true(used->reading.samples >= 2);
    free(used);
    verified(m);
}

static void an_unknown_place_ends_before_anything_is_recorded(void **state)
{
    machine *m = *state;
    fr_err err = { 0 };
    fr_run *run = NULL;
    fr_run_options options = { .kind = "meter",
                               .ledger = m->ledger,
                               .place = { .zone = "NOWHERE-AT-ALL" } };
    assert_int_equal(fr_run_begin(&options, &run, &err), FR_E_USAGE);
    assert_false(fr_file_exists(m->ledger));
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, make_machine, clear_machine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_MACHINE(each_phase_gets_the_energy_of_its_time_and_the_rest_stays_visible),
        ON_MACHINE(a_phase_that_is_dropped_from_the_record_is_found),
        ON_MACHINE(a_run_is_recorded_with_place_command_and_work),
        ON_MACHINE(phases_left_open_are_closed_with_the_run),
        ON_MACHINE(a_child_program_finds_its_parent_and_is_not_added_to_it),
        ON_MACHINE(what_was_flushed_outlives_the_process),
        ON_MACHINE(a_run_with_a_beat_is_sampled_and_flushed_without_threads),
        ON_MACHINE(the_open_bucket_is_written_while_the_run_goes_on),
        ON_MACHINE(an_engine_may_tell_its_work_while_phases_come_and_go),
        ON_MACHINE(sequences_share_by_their_own_work_and_not_what_others_did),
        ON_MACHINE(a_named_ledger_must_work_and_the_default_one_only_warns),
        ON_MACHINE(a_full_disk_is_told_at_the_end_with_the_figures_all_the_same),
        ON_MACHINE(an_unknown_place_ends_before_anything_is_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
