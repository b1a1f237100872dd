#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/store.h"

static const char *const STEPS[] = {
    "CREATE TABLE thing (name TEXT, weight_g REAL)",
    "ALTER TABLE thing ADD COLUMN colour TEXT; INSERT INTO thing VALUES ('first', 1.5, 'red')",
};

typedef struct {
    char dir[64];
    char file[128];
} place;

static int make_place(void **state)
{
    place *p = FR_NEW(place);
    snprintf(p->dir, sizeof(p->dir), "/tmp/frugal-store-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->file, sizeof(p->file), "%s/a.db", p->dir);
    *state = p;
    return 0;
}

static int clear_place(void **state)
{
    place *p = *state;
    char *command = fr_dup_f("rm -rf '%s'", p->dir);
    int rc = system(command);
    free(command);
    free(p);
    return rc;
}

static int64_t count(fr_store *s, const char *sql)
{
    FR_AUTOPTR(fr_query) q = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_store_prepare(s, sql, &q, &err), 0);
    assert_int_equal(fr_query_step(q, &err), FR_ROW);
    return fr_query_i64(q, 0);
}

static void what_is_bound_comes_back_and_unknown_numbers_stay_unknown(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_store) s = NULL;
    FR_AUTOPTR(fr_query) put = NULL;
    FR_AUTOPTR(fr_query) get = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_store_open(":memory:", &s, &err), 0);
    assert_int_equal(fr_store_migrate(s, "things", STEPS, 1, &err), 0);
    assert_int_equal(fr_store_prepare(s, "INSERT INTO thing VALUES (?, ?)", &put, &err), 0);
    const char *names[] = { "Robert'); DROP TABLE thing;--", NULL };
    double weights_g[] = { NAN, 2.25 };
    for (int i = 0; i < 2; i++) {
        fr_query_reset(put);
        fr_query_bind_text(put, 1, names[i]);
        fr_query_bind_f64(put, 2, weights_g[i]);
        assert_int_equal(fr_query_step(put, &err), 0);
    }
    assert_int_equal(fr_store_prepare(s, "SELECT * FROM thing ORDER BY rowid", &get, &err), 0);
    assert_int_equal(fr_query_step(get, &err), FR_ROW);
    assert_string_equal(fr_query_text(get, 0), names[0]);
    assert_true(isnan(fr_query_f64(get, 1)));
    assert_int_equal(fr_query_step(get, &err), FR_ROW);
    assert_null(fr_query_text(get, 0));
    assert_true(fr_query_f64(get, 1) == 2.25);
    assert_int_equal(fr_query_step(get, &err), 0);
}

static void a_new_file_is_readable_by_its_owner_only(void **state)
{
    place *p = *state;
    FR_AUTOPTR(fr_store) s = NULL;
    fr_err err = { 0 };
    umask(022);
    assert_int_equal(fr_store_open(p->file, &s, &err), 0);
    assert_int_equal(fr_store_migrate(s, "things", STEPS, 2, &err), 0);
    char *wal = fr_dup_f("%s-wal", p->file);
    struct stat st;
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(wal, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    free(wal);
}

static void an_old_store_is_brought_up_step_by_step_once(void **state)
{
    place *p = *state;
    fr_err err = { 0 };
    for (size_t n = 1; n <= 2; n++) {
        FR_AUTOPTR(fr_store) s = NULL;
        assert_int_equal(fr_store_open(p->file, &s, &err), 0);
        assert_int_equal(fr_store_migrate(s, "things", STEPS, n, &err), 0);
        assert_int_equal(fr_store_migrate(s, "things", STEPS, n, &err), 0);
    }
    FR_AUTOPTR(fr_store) s = NULL;
    assert_int_equal(fr_store_open(p->file, &s, &err), 0);
    assert_int_equal(count(s, "SELECT COUNT(*) FROM thing WHERE colour = 'red'"), 1);
}

static void a_store_of_a_newer_version_is_refused_naming_both(void **state)
{
    place *p = *state;
    FR_AUTOPTR(fr_store) s = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_store_open(p->file, &s, &err), 0);
    assert_int_equal(fr_store_migrate(s, "things", STEPS, 2, &err), 0);
    assert_int_equal(fr_store_migrate(s, "things", STEPS, 1, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "version 2"));
    assert_non_null(strstr(err.what, "up to 1"));
    assert_non_null(strstr(err.what, p->file));
    assert_true(err.hint[0] != '\0');
}

static void a_step_that_fails_leaves_the_version_before_it(void **state)
{
    (void)state;
    static const char *const BROKEN[] = { "CREATE TABLE a (x)", "CREATE TABLE b (x); NONSENSE" };
    FR_AUTOPTR(fr_store) s = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_store_open(":memory:", &s, &err), 0);
    assert_true(fr_store_migrate(s, "broken", BROKEN, 2, &err) < 0);
    assert_int_equal(count(s, "SELECT version FROM schema_version"), 1);
    assert_int_equal(count(s, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'b'"), 0);
}

static void a_file_that_is_no_database_is_named_and_left_alone(void **state)
{
    place *p = *state;
    fr_err err = { 0 };
    char text[4096];
    memset(text, 'x', sizeof(text));
    assert_int_equal(fr_file_write(p->file, (fr_str){ text, sizeof(text) }, &err), 0);
    FR_AUTOPTR(fr_store) s = NULL;
    assert_int_equal(fr_store_open(p->file, &s, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, p->file));
    assert_true(err.hint[0] != '\0');
    FR_AUTO(fr_buf) now = { 0 };
    assert_int_equal(fr_file_read(p->file, 1 << 20, &now, &err), 0);
    assert_int_equal(now.n, sizeof(text));
}

static void a_folder_that_does_not_exist_is_an_error_with_a_way_out(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_store) s = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_store_open("/nowhere/at/all.db", &s, &err), FR_E_NOT_FOUND);
    assert_non_null(strstr(err.what, "/nowhere/at/all.db"));
    assert_true(err.hint[0] != '\0');
}

/* A page limit is SQLite's own way of a disk without space. */
static void a_full_disk_is_said_and_what_was_there_stays(void **state)
{
    place *p = *state;
    FR_AUTOPTR(fr_store) s = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_store_open(p->file, &s, &err), 0);
    assert_int_equal(fr_store_migrate(s, "things", STEPS, 2, &err), 0);
    assert_int_equal(fr_store_exec(s, "PRAGMA max_page_count = 8", &err), 0);
    int rc = fr_store_exec(s,
                           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
                           "i < 10000) INSERT INTO thing SELECT 'filler', i, 'grey' FROM n",
                           &err);
    assert_int_equal(rc, FR_E_IO);
    assert_non_null(strstr(err.what, "full"));
    assert_non_null(strstr(err.hint, "space"));
    assert_int_equal(count(s, "SELECT COUNT(*) FROM thing"), 1);
}

static void several_programs_open_and_write_a_fresh_store_at_once(void **state)
{
    place *p = *state;
    enum { PROGRAMS = 4, ROWS = 25 };
    pid_t children[PROGRAMS];
    for (int i = 0; i < PROGRAMS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            fr_store *s = NULL;
            int rc = fr_store_open(p->file, &s, NULL);
            rc = rc != 0 ? rc : fr_store_migrate(s, "things", STEPS, 2, NULL);
            for (int row = 0; row < ROWS && rc == 0; row++)
                rc = fr_store_exec(s, "INSERT INTO thing VALUES ('mine', 1, 'blue')", NULL);
            fr_store_free(s);
            _exit(rc != 0);
        }
    }
    for (int i = 0; i < PROGRAMS; i++) {
        int status = -1;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
    FR_AUTOPTR(fr_store) s = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_store_open(p->file, &s, &err), 0);
    assert_int_equal(count(s, "SELECT COUNT(*) FROM thing WHERE name = 'mine'"), PROGRAMS * ROWS);
    assert_int_equal(count(s, "SELECT COUNT(*) FROM thing WHERE name = 'first'"), 1);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, clear_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_bound_comes_back_and_unknown_numbers_stay_unknown),
        WITH_PLACE(a_new_file_is_readable_by_its_owner_only),
        WITH_PLACE(an_old_store_is_brought_up_step_by_step_once),
        WITH_PLACE(a_store_of_a_newer_version_is_refused_naming_both),
        cmocka_unit_test(a_step_that_fails_leaves_the_version_before_it),
        WITH_PLACE(a_file_that_is_no_database_is_named_and_left_alone),
        cmocka_unit_test(a_folder_that_does_not_exist_is_an_error_with_a_way_out),
        WITH_PLACE(a_full_disk_is_said_and_what_was_there_stays),
        WITH_PLACE(several_programs_open_and_write_a_fresh_store_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
