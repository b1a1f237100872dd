/* Findings from ledgers that were made to hold one thing each, and from recorded machines. */
#include "ledger/ledger_place.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "plan/advise.h"
#include "plan/audit.h"

#define S ((int64_t)1000000000)

typedef struct {
    const char *name, *command, *status, *region;
    double active_j, idle_j, gpu_j, gpu_idle_j, dram_idle_j, seconds, cpu_s;
    double cpu_ratio, gpu_ratio, peak_bytes;
} made;

static fr_bucket bucket(const char *kind, const char *part, int64_t start, double seconds, double j)
{
    int64_t uj = (int64_t)(j * 1e6);
    return (fr_bucket){ .device = kind,
                        .kind = kind,
                        .part = part,
                        .start_unix_ns = start,
                        .end_unix_ns = start + (int64_t)(seconds * 1e9),
                        .energy_uj = uj,
                        .low_uj = uj,
                        .high_uj = uj,
                        .method = FR_METHOD_MEASURED,
                        .source = "counter" };
}

static void note(fr_ledger *l, const char *id, const char *kind, const char *name, double value,
                 const char *text)
{
    if (value > 0 || text != NULL)
        assert_int_equal(fr_ledger_note(l, id, kind, name, value, text, NULL), 0);
}

static void record(fr_ledger *l, const made *m)
{
    int64_t start = fr_now_unix_ns() - 86400 * S;
    double seconds = m->seconds > 0 ? m->seconds : 60;
    fr_run_record run = { .kind = "meter",
                          .name = m->name,
                          .command = m->command,
                          .zone = "FR",
                          .intensity_g_per_kwh = 360,
                          .pue = 1,
                          .start_unix_ns = start };
    fr_bucket b[] = { bucket("cpu", "active", start, seconds, m->active_j),
                      bucket("cpu", "idle", start, seconds, m->idle_j),
                      bucket("gpu", "active", start, seconds, m->gpu_j),
                      bucket("gpu", "idle", start, seconds, m->gpu_idle_j),
                      bucket("dram", "idle", start, seconds, m->dram_idle_j) };
    assert_int_equal(fr_ledger_begin(l, &run, NULL), 0);
    assert_int_equal(fr_ledger_add(l, run.id, b, 5, NULL), 0);
    note(l, run.id, "used", "cpu_ratio", m->cpu_ratio, NULL);
    note(l, run.id, "used", "gpu_ratio", m->gpu_ratio, NULL);
    note(l, run.id, "used", "memory_peak_bytes", m->peak_bytes, NULL);
    note(l, run.id, "host", "threads", 32, NULL);
    note(l, run.id, "host", "ram_bytes", 128e9, NULL);
    note(l, run.id, "factor", "place", NAN, m->region != NULL ? m->region : "somewhere");
    if (m->region != NULL)
        note(l, run.id, "factor", "cloud", 1, "aws");
    run.status = m->status != NULL ? m->status : "done";
    run.end_unix_ns = start + (int64_t)(seconds * 1e9);
    run.duration_s = seconds;
    run.cpu_s = m->cpu_s;
    assert_int_equal(fr_ledger_end(l, &run, NULL), 0);
}

/* The ids of the findings in order, parted by spaces. */
static void ids_of(fr_ledger *l, char out[512], fr_advice_list *list)
{
    size_t n = 0;
    fr_err err = { 0 };
    if (fr_advise(&(fr_advise_options){ .ledger = l, .no_live = true }, list, &n, &err) != 0)
        fail_msg("%s", err.what);
    out[0] = '\0';
    for (size_t i = 0; i < list->n; i++) {
        strcat(out, i > 0 ? " " : "");
        strcat(out, list->at[i].id);
    }
}

static void each_rule_finds_what_it_is_for_and_nothing_else(void **state)
{
    static const struct {
        made run;
        int times;
        const char *ids;
    } CASES[] = {
        /* busy, of the right size, measured, at a place: nothing to say */
        { { .name = "a", .active_j = 900, .idle_j = 100, .cpu_ratio = 0.9, .cpu_s = 60 }, 1, "" },
        { { .name = "a", .active_j = 100, .idle_j = 900, .cpu_ratio = 0.9 }, 1, "idle-draw" },
        { { .name = "a", .active_j = 700, .idle_j = 300, .cpu_ratio = 0.2 }, 3, "low-utilization" },
        { { .name = "a", .active_j = 900, .dram_idle_j = 100, .cpu_ratio = 0.9, .peak_bytes = 4e9 },
          3,
          "memory" },
        { { .name = "a",
            .active_j = 300,
            .idle_j = 100,
            .gpu_j = 500,
            .gpu_idle_j = 100,
            .gpu_ratio = 0.3,
            .cpu_ratio = 0.9,
            .cpu_s = 61 },
          1,
          "data-loader" },
        { { .name = "a", .active_j = 800, .gpu_idle_j = 200, .cpu_ratio = 0.9 }, 1, "gpu-unused" },
        { { .name = "a",
            .active_j = 100,
            .gpu_j = 900,
            .gpu_idle_j = 10,
            .gpu_ratio = 0.95,
            .cpu_ratio = 0.9 },
          1,
          "power-limit" },
        { { .name = "a", .active_j = 900, .cpu_ratio = 0.9, .status = "interrupted" },
          1,
          "failed" },
        { { .name = "a", .active_j = 900, .cpu_ratio = 0.9, .command = "same" }, 3, "repeated" },
        { { .name = "a", .active_j = 10, .idle_j = 900, .cpu_ratio = 0.9, .seconds = 7200 },
          1,
          "nothing-asleep idle-draw" },
        { { .name = "a", .active_j = 900, .cpu_ratio = 0.9, .region = "ap-south-1" },
          1,
          "dirty-region" },
        { { .name = "a", .active_j = 900, .cpu_ratio = 0.9, .region = "eu-north-1" }, 1, "" },
    };
    const ledger_place *p = *state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char file[160], ids[512];
        snprintf(file, sizeof file, "%s/%zu.db", p->dir, i);
        fr_ledger *l = NULL;
        assert_int_equal(fr_ledger_open(file, &l, NULL), 0);
        for (int k = 0; k < CASES[i].times; k++)
            record(l, &CASES[i].run);
        FR_AUTO(fr_advice_list) list = { 0 };
        ids_of(l, ids, &list);
        if (strcmp(ids, CASES[i].ids) != 0)
            fail_msg("case %zu: '%s', not '%s'", i, ids, CASES[i].ids);
        for (size_t k = 0; k < list.n; k++) {
            const fr_advice *a = &list.at[k];
            assert_true(a->what[0] != '\0' && a->evidence[0] != '\0' && a->try_it[0] != '\0');
            assert_true(a->low_g <= a->high_g && a->high_g > 0);
            /* nobody saves more than was taken */
            assert_true(!(a->high_j > 1000.0 * CASES[i].times + 1e-6));
        }
        fr_ledger_close(l);
    }
}

static void findings_are_ranked_by_what_they_may_save(void **state)
{
    fr_ledger *l = ledger_at(*state);
    char ids[512];
    record(l, &(made){ .name = "a", .active_j = 500, .cpu_ratio = 0.9, .status = "failed" });
    record(l, &(made){ .name = "b", .active_j = 1000, .idle_j = 9000, .cpu_ratio = 0.9 });
    FR_AUTO(fr_advice_list) list = { 0 };
    ids_of(l, ids, &list);
    assert_string_equal(ids, "idle-draw failed");
    /* 360 g/kWh: 1 kJ is 0.1 g */
    assert_true(fabs(list.at[0].high_g - 0.8 * 9000 * 1e-4) < 1e-9);
    assert_int_equal(list.at[0].grade, FR_GRADE_A);
    fr_ledger_close(l);
}

static void put_file(const char *dir, const char *name, const char *text)
{
    char *path = fr_path_join(dir, name), *folder = fr_path_dir(path);
    assert_int_equal(fr_dir_make(folder, NULL), 0);
    assert_int_equal(fr_file_write(path, fr_str_of(text), NULL), 0);
    free(folder);
    free(path);
}

static void a_look_at_the_machine_is_a_finding_too(void **state)
{
    const ledger_place *p = *state;
    char proc[128], sys[128];
    snprintf(proc, sizeof proc, "%s/proc", p->dir);
    snprintf(sys, sizeof sys, "%s/sys", p->dir);
    put_file(proc, "uptime", "864000.00 3300000.00\n");
    put_file(proc, "cpuinfo", "processor\t: 0\nprocessor\t: 1\nprocessor\t: 2\nprocessor\t: 3\n");
    put_file(sys, "devices/system/cpu/online", "0-3\n");
    put_file(sys, "devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
    FR_AUTO(fr_advice_list) list = { 0 };
    size_t n = 0;
    fr_advise_options o = { .procfs = proc, .sysfs = sys };
    assert_int_equal(fr_advise(&o, &list, &n, NULL), 0);
    bool governor = false, idle = false;
    for (size_t i = 0; i < list.n; i++) {
        governor |= strcmp(list.at[i].id, "governor") == 0;
        idle |= strcmp(list.at[i].id, "machine-idle") == 0 &&
                strstr(list.at[i].evidence, "95.5% of 10.0 days") != NULL;
    }
    assert_true(governor && idle);
}

/* ---- audit ---- */

static const fr_audit_row *row(const fr_audit_result *a, int id)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->at[i].id == id)
            return &a->at[i];
    return NULL;
}

static void an_empty_project_has_everything_open(void **state)
{
    const ledger_place *p = *state;
    FR_AUTO(fr_audit_result) a = { 0 };
    assert_int_equal(fr_audit(&(fr_audit_options){ .folder = p->dir }, &a, NULL), 0);
    assert_int_equal(a.n, 114);
    assert_int_equal(a.n_open, 114); /* nothing follows from nothing, not even that it is n/a */
    assert_string_equal(row(&a, 107)->command, "frugal ledger unit orders=1200");
}

static void what_was_recorded_and_written_is_evidence(void **state)
{
    const ledger_place *p = *state;
    fr_ledger *l = ledger_at(p);
    FR_AUTO(fr_audit_result) a = { 0 };
    record(l, &(made){ .name = "a", .active_j = 900, .cpu_ratio = 0.9 });
    fr_unit orders = { "orders", 5, 0, S, NULL, NULL };
    assert_int_equal(fr_ledger_units_add(l, &orders, 1, NULL), 0);
    assert_int_equal(fr_ledger_change(l, S, "smaller batch", NULL), 0);
    put_file(p->dir, "routing.yaml",
             "task: routing\nkind: label\ntarget: 0.8\nhosting: sleeps\n"
             "data: {train: a.jsonl}\nmodel: [a.gguf, b.gguf]\n");
    put_file(p->dir, "other.yaml", "{ not: [a task");
    assert_int_equal(fr_audit(&(fr_audit_options){ .ledger = l, .folder = p->dir }, &a, NULL), 0);
    static const int DONE[] = { 1, 4, 5, 29, 95, 96, 98, 99, 104, 105, 107 };
    for (size_t i = 0; i < sizeof DONE / sizeof DONE[0]; i++)
        if (row(&a, DONE[i])->status != FR_AUDIT_DONE || row(&a, DONE[i])->evidence[0] == '\0')
            fail_msg("%d is %s", DONE[i], fr_audit_status_name(row(&a, DONE[i])->status));
    assert_int_equal(row(&a, 70)->status, FR_AUDIT_NOT_APPLICABLE); /* nothing is trained here */
    assert_int_equal(row(&a, 97)->status, FR_AUDIT_OPEN);
    assert_int_equal(a.n_done + a.n_open + a.n_not_applicable, 114);
    assert_int_equal(a.n_tasks, 1);
    put_file(p->dir, "frugal.yaml", "zone: [FR\n");
    fr_err err = { 0 };
    assert_true(fr_audit(&(fr_audit_options){ .folder = p->dir }, &a, &err) != 0);
    assert_non_null(strstr(err.what, "frugal.yaml"));
    fr_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(each_rule_finds_what_it_is_for_and_nothing_else),
        WITH_PLACE(findings_are_ranked_by_what_they_may_save),
        WITH_PLACE(a_look_at_the_machine_is_a_finding_too),
        WITH_PLACE(an_empty_project_has_everything_open),
        WITH_PLACE(what_was_recorded_and_written_is_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
