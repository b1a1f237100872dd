#include "ledger/ledger_place.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "store/store.h"

#define S ((int64_t)1000000000)

static fr_bucket bucket(const char *device, const char *part, int64_t from_s, int64_t energy_uj)
{
    return (fr_bucket){ .device = device,
                        .kind = "cpu",
                        .part = part,
                        .start_unix_ns = from_s * S,
                        .end_unix_ns = (from_s + 1) * S,
                        .energy_uj = energy_uj,
                        .low_uj = energy_uj - energy_uj / 10,
                        .high_uj = energy_uj + energy_uj / 10,
                        .method = FR_METHOD_MODELLED,
                        .source = "model cpu-curve 1" };
}

static fr_run_record begun(fr_ledger *l, const char *kind, const char *parent, bool phase)
{
    fr_run_record run = { .kind = kind,
                          .name = "a",
                          .zone = "FR",
                          .intensity_g_per_kwh = 50,
                          .pue = 1.2,
                          .phase = phase,
                          .start_unix_ns = 1000 * S };
    snprintf(run.parent, sizeof(run.parent), "%s", parent != NULL ? parent : "");
    fr_err err = { 0 };
    assert_int_equal(fr_ledger_begin(l, &run, &err), 0);
    return run;
}

static void ended(fr_ledger *l, fr_run_record *run, const char *status)
{
    fr_err err = { 0 };
    run->status = status;
    run->end_unix_ns = 1010 * S;
    run->duration_s = 10;
    assert_int_equal(fr_ledger_end(l, run, &err), 0);
}

static fr_run_record found(fr_ledger *l, const char *id, fr_run_list *list)
{
    fr_err err = { 0 };
    assert_int_equal(fr_ledger_find(l, id, list, &err), 0);
    return list->at[0];
}

static size_t wrong_lines(fr_ledger *l, char **lines)
{
    size_t checked = 0, wrong = 0, size = 0;
    fr_err err = { 0 };
    *lines = NULL;
    FILE *out = open_memstream(lines, &size);
    assert_int_equal(fr_ledger_verify(l, out, &checked, &wrong, &err), 0);
    fclose(out);
    return wrong;
}

static void tamper(const ledger_place *p, const char *sql)
{
    FR_AUTOPTR(fr_store) s = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_store_open(p->file, &s, &err), 0);
    assert_int_equal(fr_store_exec(s, sql, &err), 0);
}

/* A run of 10 J of its own with two phases of 30 and 60 J, as run/ writes them. */
static fr_run_record a_closed_tree(fr_ledger *l)
{
    fr_err err = { 0 };
    fr_run_record top = begun(l, "adapt", NULL, false);
    fr_bucket rest = bucket("package-0", "active", 1000, 10000000);
    assert_int_equal(fr_ledger_add(l, top.id, &rest, 1, &err), 0);
    for (int i = 1; i <= 2; i++) {
        fr_run_record phase = begun(l, "rung", top.id, true);
        fr_bucket b = bucket("package-0", "active", 1000 + i, i * 30000000);
        assert_int_equal(fr_ledger_add(l, phase.id, &b, 1, &err), 0);
        ended(l, &phase, "done");
    }
    ended(l, &top, "done");
    return top;
}

static void a_run_comes_back_with_energy_and_carbon_from_its_buckets(void **state)
{
    fr_ledger *l = ledger_at(*state);
    fr_err err = { 0 };
    fr_run_record run = begun(l, "meter", NULL, false);
    fr_bucket b[] = { bucket("package-0", "active", 1000, 3000000),
                      bucket("package-0", "idle", 1000, 600000) };
    assert_int_equal(fr_ledger_add(l, run.id, b, 2, &err), 0);
    assert_int_equal(fr_ledger_note(l, run.id, "work", "tokens", 512, NULL, &err), 0);
    run.embodied_g = 0.5;
    run.cpu_s = NAN;
    ended(l, &run, "done");

    FR_AUTO(fr_run_list) list = { 0 };
    fr_run_record back = found(l, run.id, &list);
    assert_string_equal(back.status, "done");
    assert_true(fabs(back.energy.value_j - 3.6) < 1e-9);
    assert_int_equal(back.energy.method, FR_METHOD_MODELLED);
    assert_true(fabs(back.energy.low_j - 3.24) < 1e-9);
    /* 3.6 J = 1e-6 kWh; x 1.2 x 50 g/kWh */
    assert_true(fabs(back.operational_g - 6e-5) < 1e-12);
    assert_true(fabs(back.carbon_g - 0.50006) < 1e-9);
    assert_true(isnan(back.cpu_s));
    fr_note *notes = NULL;
    size_t n = 0;
    assert_int_equal(fr_ledger_notes(l, run.id, &notes, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_true(notes[0].value == 512);
    assert_null(notes[0].text);
    fr_notes_free(notes, n);
    fr_ledger_close(l);
}

static void writing_the_growing_bucket_again_replaces_it(void **state)
{
    fr_ledger *l = ledger_at(*state);
    fr_err err = { 0 };
    fr_run_record run = begun(l, "meter", NULL, false);
    for (int64_t uj = 1; uj <= 5; uj++) {
        fr_bucket b = bucket("package-0", "active", 1000, uj * 1000000);
        assert_int_equal(fr_ledger_add(l, run.id, &b, 1, &err), 0);
    }
    fr_bucket *back = NULL;
    size_t n = 0;
    assert_int_equal(fr_ledger_buckets(l, run.id, &back, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(back[0].energy_uj, 5000000);
    assert_string_equal(back[0].source, "model cpu-curve 1");
    fr_buckets_free(back, n);
    fr_ledger_close(l);
}

static void a_parent_holds_its_phases_and_nothing_is_counted_twice(void **state)
{
    fr_ledger *l = ledger_at(*state);
    fr_err err = { 0 };
    fr_run_record top = a_closed_tree(l);
    FR_AUTO(fr_run_list) list = { 0 };
    assert_true(fabs(found(l, top.id, &list).energy.value_j - 100) < 1e-9);

    FR_AUTO(fr_run_list) phases = { 0 };
    assert_int_equal(fr_ledger_list(l, &(fr_ledger_query){ .parent = top.id }, &phases, &err), 0);
    assert_int_equal(phases.n, 2);
    assert_true(fabs(phases.at[0].energy.value_j - 60) < 1e-9); /* newest first */

    /* A run with a meter of its own inside an open one is seen by the outer meter too. */
    fr_run_record outer = begun(l, "meter", NULL, false);
    fr_run_record rung = begun(l, "rung", outer.id, true);
    fr_run_record inner = begun(l, "meter", outer.id, false);
    assert_string_equal(inner.parent, rung.id); /* part of the phase that was open */
    FR_AUTO(fr_run_list) inner_list = { 0 };
    assert_false(found(l, inner.id, &inner_list).leaf);
    FR_AUTO(fr_run_list) rung_list = { 0 };
    assert_true(found(l, rung.id, &rung_list).leaf);
    /* One whose parent is of another ledger stands for itself. */
    fr_run_record alone = begun(l, "meter", "01ARZ3NDEKTSV4RRFFQ69G5FAV", false);
    FR_AUTO(fr_run_list) alone_list = { 0 };
    assert_true(found(l, alone.id, &alone_list).leaf);
    fr_ledger_close(l);
}

static void an_untouched_ledger_verifies_and_each_tampering_is_found(void **state)
{
    const ledger_place *p = *state;
    fr_ledger *l = ledger_at(p);
    a_closed_tree(l);
    char *lines;
    assert_int_equal(wrong_lines(l, &lines), 0);
    free(lines);
    fr_ledger_close(l);

    static const struct {
        const char *sql, *undo, *said;
    } CASES[] = {
        { "UPDATE bucket SET energy_uj = energy_uj - 2000000 WHERE energy_uj = 30000000",
          "UPDATE bucket SET energy_uj = energy_uj + 2000000 WHERE energy_uj = 28000000",
          "its buckets and phases hold 28.000000 J" },
        { "UPDATE run SET energy_uj = 90000000 WHERE kind = 'adapt'",
          "UPDATE run SET energy_uj = 100000000 WHERE kind = 'adapt'",
          "energy is recorded as 90.000000 J" },
        { "UPDATE run SET carbon_g = carbon_g / 2 WHERE kind = 'adapt'",
          "UPDATE run SET carbon_g = carbon_g * 2 WHERE kind = 'adapt'", "carbon is recorded as" },
        { "UPDATE run SET intensity_g_per_kwh = 5 WHERE kind = 'adapt'",
          "UPDATE run SET intensity_g_per_kwh = 50 WHERE kind = 'adapt'", "g/kWh gives" },
        { "UPDATE run SET status = 'budget' WHERE kind = 'adapt'",
          "UPDATE run SET status = 'done' WHERE kind = 'adapt'", "checksum" },
        { "UPDATE run SET phase = 0 WHERE energy_uj = 60000000",
          "UPDATE run SET phase = 1 WHERE energy_uj = 60000000", "phases hold 40.000000 J" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        tamper(p, CASES[i].sql);
        l = ledger_at(p);
        assert_true(wrong_lines(l, &lines) > 0);
        if (strstr(lines, CASES[i].said) == NULL)
            fail_msg("'%s' is not in: %s", CASES[i].said, lines);
        free(lines);
        fr_ledger_close(l);
        tamper(p, CASES[i].undo);
        l = ledger_at(p);
        assert_int_equal(wrong_lines(l, &lines), 0);
        free(lines);
        fr_ledger_close(l);
    }
}

static void a_note_that_comes_after_the_end_is_part_of_the_record(void **state)
{
    const ledger_place *p = *state;
    fr_ledger *l = ledger_at(p);
    fr_err err = { 0 };
    fr_run_record top = a_closed_tree(l);
    assert_int_equal(fr_ledger_note(l, top.id, "quality", "accuracy", 0.9, NULL, &err), 0);
    char *lines;
    assert_int_equal(wrong_lines(l, &lines), 0);
    free(lines);
    tamper(p, "UPDATE note SET value = 0.95");
    assert_int_equal(wrong_lines(l, &lines), 1);
    free(lines);
    fr_ledger_close(l);
}

/* The child writes a bucket, says so, and goes on; then it is killed without a chance to close. */
static void a_process_killed_in_the_middle_loses_no_flushed_record(void **state)
{
    const ledger_place *p = *state;
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        fr_ledger *l = NULL;
        fr_run_record run = { .kind = "adapt", .start_unix_ns = 1000 * S };
        if (fr_ledger_open(p->file, &l, NULL) != 0 || fr_ledger_begin(l, &run, NULL) != 0)
            _exit(1);
        fr_run_record phase = { .kind = "rung", .phase = true, .start_unix_ns = 1000 * S };
        memcpy(phase.parent, run.id, sizeof(run.id));
        if (fr_ledger_begin(l, &phase, NULL) != 0)
            _exit(1);
        for (int64_t i = 0;; i++) {
            fr_bucket b = bucket("package-0", "active", 1000 + i, 1000000);
            if (fr_ledger_add(l, phase.id, &b, 1, NULL) != 0 || write(told[1], "x", 1) != 1)
                _exit(1);
        }
    }
    char byte;
    for (int i = 0; i < 20; i++)
        assert_int_equal(read(told[0], &byte, 1), 1);
    fr_ledger *l = ledger_at(p); /* while it lives, it is left alone */
    FR_AUTO(fr_run_list) live = { 0 };
    assert_string_equal(found(l, "last", &live).status, "running");
    assert_true(live.at[0].energy.value_j >= 20 - 1e-9);

    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(told[1]);
    int flushed = 20;
    while (read(told[0], &byte, 1) == 1)
        flushed++;
    close(told[0]);

    FR_AUTO(fr_run_list) dead = { 0 };
    assert_string_equal(found(l, "last", &dead).status, "interrupted");
    assert_true(dead.at[0].energy.value_j >= flushed - 1e-9); /* the one being told may be there */
    assert_true(dead.at[0].energy.value_j <= flushed + 1 + 1e-9);
    assert_true(dead.at[0].end_unix_ns >= (1000 + flushed) * S);
    char *lines;
    assert_int_equal(wrong_lines(l, &lines), 0);
    free(lines);
    fr_ledger_close(l);
}

static void a_process_number_that_was_given_to_another_is_no_life(void **state)
{
    const ledger_place *p = *state;
    fr_ledger *l = ledger_at(p);
    fr_run_record run = begun(l, "meter", NULL, false);
    FR_AUTO(fr_run_list) live = { 0 };
    assert_string_equal(found(l, run.id, &live).status, "running"); /* we are alive */
    tamper(p, "UPDATE run SET pid_start_ticks = pid_start_ticks - 1");
    FR_AUTO(fr_run_list) dead = { 0 };
    assert_string_equal(found(l, run.id, &dead).status, "interrupted");
    fr_ledger_close(l);
}

static void runs_of_other_hosts_and_namespaces_are_left_alone(void **state)
{
    const ledger_place *p = *state;
    static const char *const ELSEWHERE[] = {
        "UPDATE run SET host = 'elsewhere', machine = 'other', boot_id = 'other', pid = 999999999",
        "UPDATE run SET pid_space = 'pid:[1]', pid = 999999999",
        "UPDATE run SET boot_id = '', pid = 999999999",
    };
    for (size_t i = 0; i < FR_COUNT_OF(ELSEWHERE); i++) {
        fr_ledger *l = ledger_at(p);
        fr_run_record run = begun(l, "meter", NULL, false);
        tamper(p, ELSEWHERE[i]);
        FR_AUTO(fr_run_list) list = { 0 };
        assert_string_equal(found(l, run.id, &list).status, "running");
        fr_ledger_close(l);
    }
}

static void two_programs_write_one_ledger_and_nothing_is_lost(void **state)
{
    const ledger_place *p = *state;
    enum { PROGRAMS = 2, RUNS = 20 };
    pid_t children[PROGRAMS];
    for (int c = 0; c < PROGRAMS; c++) {
        children[c] = fork();
        if (children[c] == 0) {
            fr_ledger *l = NULL;
            int rc = fr_ledger_open(p->file, &l, NULL);
            for (int i = 0; i < RUNS && rc == 0; i++) {
                fr_run_record run = { .kind = "meter", .start_unix_ns = 1000 * S };
                fr_bucket b = bucket("package-0", "active", 1000, 1000000);
                rc = fr_ledger_begin(l, &run, NULL);
                rc = rc != 0 ? rc : fr_ledger_add(l, run.id, &b, 1, NULL);
                run.status = "done";
                rc = rc != 0 ? rc : fr_ledger_end(l, &run, NULL);
            }
            _exit(rc != 0);
        }
    }
    for (int c = 0; c < PROGRAMS; c++) {
        int status = -1;
        waitpid(children[c], &status, 0);
        assert_int_equal(status, 0);
    }
    fr_ledger *l = ledger_at(p);
    FR_AUTO(fr_run_list) all = { 0 };
    fr_err err = { 0 };
    assert_int_equal(fr_ledger_list(l, &(fr_ledger_query){ .status = "done" }, &all, &err), 0);
    assert_int_equal(all.n, PROGRAMS * RUNS);
    char *lines;
    assert_int_equal(wrong_lines(l, &lines), 0);
    free(lines);
    fr_ledger_close(l);
}

static void pruning_takes_children_along_and_leaves_what_lives(void **state)
{
    fr_ledger *l = ledger_at(*state);
    fr_err err = { 0 };
    a_closed_tree(l);
    fr_run_record top = begun(l, "adapt", NULL, false);
    fr_run_record phase = begun(l, "rung", top.id, true);
    ended(l, &phase, "done"); /* its run still lives */
    size_t removed = 0;
    assert_int_equal(fr_ledger_prune(l, 1010 * S, &removed, &err), 0);
    assert_int_equal(removed, 0); /* ended at, not before */
    assert_int_equal(fr_ledger_prune(l, 1011 * S, &removed, &err), 0);
    assert_int_equal(removed, 3);
    FR_AUTO(fr_run_list) rest = { 0 };
    assert_int_equal(fr_ledger_list(l, &(fr_ledger_query){ 0 }, &rest, &err), 0);
    assert_int_equal(rest.n, 2);
    fr_ledger_close(l);
}

static void an_id_is_found_by_its_unique_head_in_either_case(void **state)
{
    fr_ledger *l = ledger_at(*state);
    fr_err err = { 0 };
    fr_run_record a = { .id = "01AAAAAAAAAAAAAAAAAAAAAAAA", .kind = "meter" };
    fr_run_record b = { .id = "01AAAABBBBBBBBBBBBBBBBBBBB", .kind = "meter" };
    assert_int_equal(fr_ledger_begin(l, &a, &err), 0);
    assert_int_equal(fr_ledger_begin(l, &b, &err), 0);
    FR_AUTO(fr_run_list) one = { 0 };
    assert_string_equal(found(l, "01aaaab", &one).id, b.id);
    FR_AUTO(fr_run_list) none = { 0 };
    assert_int_equal(fr_ledger_find(l, "01AAAA", &none, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, a.id));
    assert_int_equal(fr_ledger_find(l, "02", &none, &err), FR_E_NOT_FOUND);
    assert_int_equal(fr_ledger_find(l, "%", &none, &err), FR_E_NOT_FOUND);
    fr_ledger_close(l);
}

static void a_ledger_of_a_newer_frugal_is_refused(void **state)
{
    const ledger_place *p = *state;
    fr_ledger_close(ledger_at(p));
    tamper(p, "UPDATE schema_version SET version = 99");
    fr_ledger *l = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_ledger_open(p->file, &l, &err), FR_E_UNSUPPORTED);
    assert_null(l);
    assert_non_null(strstr(err.what, "99"));
}

static void without_a_name_the_ledger_is_where_data_of_the_user_is(void **state)
{
    const ledger_place *p = *state;
    setenv("XDG_DATA_HOME", p->dir, 1);
    unsetenv("FRUGAL_LEDGER");
    fr_ledger *l = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_ledger_open(NULL, &l, &err), 0);
    assert_non_null(strstr(fr_ledger_path(l), "/frugal/ledger.db"));
    assert_memory_equal(fr_ledger_path(l), p->dir, strlen(p->dir));
    struct stat st;
    assert_int_equal(stat(fr_ledger_path(l), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    fr_ledger_close(l);
    setenv("FRUGAL_LEDGER", p->file, 1);
    assert_int_equal(fr_ledger_open(NULL, &l, &err), 0);
    assert_string_equal(fr_ledger_path(l), p->file);
    fr_ledger_close(l);
    unsetenv("FRUGAL_LEDGER");
}

static void an_export_has_a_row_a_run_and_defuses_formulas(void **state)
{
    fr_ledger *l = ledger_at(*state);
    fr_err err = { 0 };
    fr_run_record run = { .kind = "meter", .name = "=1+2,\"x\"", .start_unix_ns = 1000 * S };
    assert_int_equal(fr_ledger_begin(l, &run, &err), 0);
    assert_int_equal(fr_ledger_note(l, run.id, "work", "tokens", 5, NULL, &err), 0);
    const char *formats[] = { "csv", "jsonl" };
    const char *expected[] = { "\"'=1+2,\"\"x\"\"\"", "\"name\":\"=1+2,\\\"x\\\"\"" };
    for (int i = 0; i < 2; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_int_equal(fr_ledger_export(l, formats[i], out, &err), 0);
        fclose(out);
        assert_non_null(strstr(text, expected[i]));
        assert_null(strstr(text, "nan"));
        free(text);
    }
    assert_int_equal(fr_ledger_export(l, "xml", stdout, &err), FR_E_USAGE);
    fr_ledger_close(l);
}

/* What is held is all there or not at all. */
static void what_is_written_together_stays_or_goes_together(void **state)
{
    const ledger_place *p = *state;
    fr_ledger *l = ledger_at(p);
    fr_err err = { 0 };
    fr_bucket first = bucket("package-0", "active", 1000, 5000000);
    for (int fails = 0; fails <= 1; fails++) {
        assert_int_equal(fr_ledger_hold(l, &err), 0);
        fr_run_record run = begun(l, "meter", NULL, false);
        assert_int_equal(fr_ledger_note(l, run.id, "tag", "a", 1, NULL, &err), 0);
        assert_int_equal(fr_ledger_add(l, run.id, &first, 1, &err), 0);
        if (fails) {
            assert_int_equal(fr_ledger_note(l, "nobody", "tag", "b", 1, NULL, &err),
                             FR_E_NOT_FOUND);
            assert_true(fr_ledger_let_go(l, 0, &err) < 0);
        } else {
            assert_int_equal(fr_ledger_let_go(l, 0, &err), 0);
        }
        FR_AUTO(fr_run_list) list = { 0 };
        assert_int_equal(fr_ledger_find(l, run.id, &list, &err), fails ? FR_E_NOT_FOUND : 0);
        first.device = "package-1"; /* the file has not seen it before: it goes with the rest */
    }
    fr_run_record run = begun(l, "meter", NULL, false);
    assert_int_equal(fr_ledger_add(l, run.id, &first, 1, &err), 0);
    fr_bucket *buckets = NULL;
    size_t n = 0;
    assert_int_equal(fr_ledger_buckets(l, run.id, &buckets, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_string_equal(buckets[0].device, "package-1");
    fr_buckets_free(buckets, n);
    fr_ledger_close(l);
}

/* Who cannot wait is told so at once, and the next try does it. */
static void who_does_not_wait_is_told_that_others_write(void **state)
{
    const ledger_place *p = *state;
    fr_ledger *ours = ledger_at(p), *theirs = ledger_at(p);
    fr_err err = { 0 };
    fr_run_record run = begun(ours, "meter", NULL, false);
    fr_bucket b = bucket("package-0", "active", 1000, 5000000);
    assert_int_equal(fr_ledger_hold(theirs, &err), 0);
    fr_ledger_wait_for_others(ours, false);
    assert_int_equal(fr_ledger_add(ours, run.id, &b, 1, &err), FR_E_BUSY);
    assert_int_equal(fr_ledger_let_go(theirs, 0, &err), 0);
    assert_int_equal(fr_ledger_add(ours, run.id, &b, 1, &err), 0);
    fr_ledger_close(ours);
    fr_ledger_close(theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_run_comes_back_with_energy_and_carbon_from_its_buckets),
        WITH_PLACE(writing_the_growing_bucket_again_replaces_it),
        WITH_PLACE(a_parent_holds_its_phases_and_nothing_is_counted_twice),
        WITH_PLACE(an_untouched_ledger_verifies_and_each_tampering_is_found),
        WITH_PLACE(a_note_that_comes_after_the_end_is_part_of_the_record),
        WITH_PLACE(a_process_killed_in_the_middle_loses_no_flushed_record),
        WITH_PLACE(a_process_number_that_was_given_to_another_is_no_life),
        WITH_PLACE(runs_of_other_hosts_and_namespaces_are_left_alone),
        WITH_PLACE(two_programs_write_one_ledger_and_nothing_is_lost),
        WITH_PLACE(pruning_takes_children_along_and_leaves_what_lives),
        WITH_PLACE(an_id_is_found_by_its_unique_head_in_either_case),
        WITH_PLACE(a_ledger_of_a_newer_frugal_is_refused),
        WITH_PLACE(without_a_name_the_ledger_is_where_data_of_the_user_is),
        WITH_PLACE(an_export_has_a_row_a_run_and_defuses_formulas),
        WITH_PLACE(what_is_written_together_stays_or_goes_together),
        WITH_PLACE(who_does_not_wait_is_told_that_others_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
