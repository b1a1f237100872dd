#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "profile/profile.h"
#include "store/store.h"
#include "../fixture.h"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))
#define MS                              1000000

static fr_trace_event *op(fr_trace *t, const char *name, const char *tid, int64_t start_ms,
                          int64_t end_ms)
{
    fr_trace_event e = { .start_ns = start_ms * MS,
                         .end_ns = end_ms * MS,
                         .name = (uint32_t)fr_trace_name_of(t, fr_str_of(name), "op"),
                         .track = (uint32_t)fr_trace_track_of(t, "1", tid, false) };
    assert_true(fr_trace_add(t, &e));
    return &t->events[t->n_events - 1];
}

static double joules_of(const fr_trace *t, const char *name)
{
    double sum_j = 0;
    for (size_t i = 0; i < t->n_events; i++) {
        if (strcmp(t->names[t->events[i].name].text, name) == 0)
            sum_j += t->events[i].joules;
    }
    return sum_j;
}

/* 10 W for a second, in windows of 100 ms. */
static fr_power ten_watts(void)
{
    fr_power p = { 0 };
    for (int i = 0; i < 10; i++)
        fr_power_add(&p, i * 100 * MS, (i + 1) * 100 * MS, 1);
    return p;
}

static void the_innermost_has_the_time_and_gaps_are_their_own(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) t = { 0 };
    FR_AUTO(fr_power) p = ten_watts();
    fr_overlay_sums s;
    op(&t, "outer", "a", 100, 500);
    op(&t, "inner", "a", 200, 300);
    op(&t, "inner", "a", 350, 400);
    op(&t, "late", "a", 700, 900);
    assert_int_equal(fr_overlay(&t, &p, 0, &s, NULL), 0);
    close_to(joules_of(&t, "inner"), 1.5, 1e-12);
    close_to(joules_of(&t, "outer"), 2.5, 1e-12);
    close_to(joules_of(&t, "late"), 2.0, 1e-12);
    close_to(s.gap_j, 2.0, 1e-12);
    close_to(s.total_j, 8.0, 1e-12);
    close_to(s.outside_j, 2.0, 1e-12);
    close_to(s.events_s, 0.6, 1e-12);
}

static void what_runs_at_once_shares_by_duration(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) t = { 0 };
    FR_AUTO(fr_power) p = ten_watts();
    fr_overlay_sums s;
    op(&t, "long", "a", 0, 100);
    op(&t, "short", "b", 50, 100);
    assert_int_equal(fr_overlay(&t, &p, 0, &s, NULL), 0);
    close_to(joules_of(&t, "long"), 1.0 * 100 / 150, 1e-12);
    close_to(joules_of(&t, "short"), 1.0 * 50 / 150, 1e-12);
    close_to(s.gap_j, 0, 1e-12);
}

/* Random operations, nested, cut, at once; power of other windows than theirs. All joules are
 * somewhere, once; without any one operation they are not. */
static void joules_are_conserved_and_not_without_one(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) t = { 0 };
    FR_AUTO(fr_power) p = { 0 };
    fr_overlay_sums s;
    uint32_t seed = 7;
    char name[16], tid[16];
    for (int i = 0; i < 3000; i++) {
        seed = seed * 1664525u + 1013904223u;
        snprintf(name, sizeof name, "op %u", seed >> 28);
        snprintf(tid, sizeof tid, "%u", seed >> 20 & 3);
        int64_t start = seed >> 8 & 0xFFF;
        op(&t, name, tid, start, start + (seed & 63));
    }
    int64_t at_ns = -50 * MS;
    double all_j = 0;
    for (int i = 0; i < 60; i++) {
        seed = seed * 1664525u + 1013904223u;
        int64_t length_ns = (30 + (seed >> 25)) * (int64_t)MS;
        fr_power_add(&p, at_ns, at_ns + length_ns, seed >> 24);
        all_j += seed >> 24;
        at_ns += length_ns + (i % 7 == 0 ? 11 * MS : 0); /* holes */
    }
    assert_int_equal(fr_overlay(&t, &p, 0, &s, NULL), 0);
    close_to(s.events_j + s.gap_j, s.total_j, s.total_j * 1e-9);
    close_to(s.total_j + s.outside_j, all_j, all_j * 1e-9);
    close_to(s.gap_s + s.uncovered_s, s.span_s - (s.span_s - s.gap_s - s.uncovered_s), 1e-9);
    for (size_t i = 0; i < 16; i++) {
        snprintf(name, sizeof name, "op %zu", i);
        double without_j = s.events_j - joules_of(&t, name);
        assert_true(fabs(without_j + s.gap_j - s.total_j) > s.total_j * 1e-3);
    }
}

static void no_overlap_in_time_is_an_error(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) t = { 0 };
    FR_AUTO(fr_power) p = ten_watts();
    fr_overlay_sums s;
    fr_err err = { 0 };
    op(&t, "x", "a", 5000, 6000);
    assert_int_equal(fr_overlay(&t, &p, 0, &s, &err), FR_E_NOT_FOUND);
    assert_non_null(strstr(err.hint, "--align start"));
    assert_int_equal(fr_overlay(&t, &p, -5000 * (int64_t)MS, &s, &err), 0);
}

/* ---- reading ---- */

static char *file_with(const char *text)
{
    char *path = fr_dup("/tmp/frugal-trace-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static int read_text(const char *text, fr_trace *out, fr_err *err)
{
    char *path = file_with(text);
    int rc = fr_trace_read(path, FR_TRACE_ANY, out, err);
    unlink(path);
    free(path);
    return rc;
}

static void a_trace_of_pytorch_is_read(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) t = { 0 };
    fr_err err = { 0 };
    char *path = fixture_path("profile/pytorch.json");
    if (fr_trace_read(path, FR_TRACE_ANY, &t, &err) != 0)
        fail_msg("%s", err.what);
    free(path);
    assert_true(t.is_unix && t.base_ns > 1500000000 * (int64_t)1000000000);
    assert_true(t.n_events >= 10);
    /* Within PyTorch's own frame ("aten::addmm" is a child of "aten::linear"), in 2026 or later. */
    int64_t at_ns = t.base_ns + t.events[0].start_ns;
    assert_true(at_ns > 1760000000 * (int64_t)1000000000);
    bool has_addmm = false;
    for (size_t i = 0; i < t.n_names; i++)
        has_addmm |= strcmp(t.names[i].text, "aten::addmm") == 0;
    assert_true(has_addmm);
    for (size_t i = 0; i < t.n_names; i++)
        assert_string_not_equal(t.names[i].category, "Trace");
}

#define NEURON_BASE_NS 1729888371000000000

static void trace_of_fixture(const char *name, fr_trace_side side, fr_trace *t)
{
    fr_err err = { 0 };
    char *path = fixture_path(name);
    if (fr_trace_read(path, side, t, &err) != 0)
        fail_msg("%s", err.what);
    free(path);
}

/* neuron.pftrace was written by the classes of Perfetto's own package (make_perfetto.py). */
static void a_trace_of_perfettos_own_format_is_read(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) device = { 0 }, host = { 0 };
    trace_of_fixture("profile/neuron.pftrace", FR_TRACE_ANY, &device);
    assert_string_equal(device.form, "Perfetto");
    assert_true(device.is_unix);
    assert_int_equal(device.n_events, 4); /* the NeuronCore's engines, not the host's calls */
    const fr_trace_event *dma = &device.events[0], *mm = &device.events[1];
    assert_string_equal(device.names[dma->name].text, "dma_in");
    assert_string_equal(device.names[mm->name].text, "matmul.1");
    assert_string_equal(device.names[mm->name].category, "instruction");
    assert_int_equal(dma->start_ns, NEURON_BASE_NS + 10 * MS);
    assert_int_equal(dma->end_ns, NEURON_BASE_NS + 15 * MS);
    assert_int_equal(mm->end_ns, NEURON_BASE_NS + 40 * MS);
    assert_true(dma->track != mm->track);
    assert_non_null(strstr(device.tracks[mm->track].label, "pe (tensor engine)"));
    trace_of_fixture("profile/neuron.pftrace", FR_TRACE_CPU, &host);
    assert_int_equal(host.n_events, 2);
    assert_string_equal(host.names[host.events[0].name].text, "nrt_execute");
    assert_int_equal(host.events[1].end_ns - host.events[1].start_ns, 37 * MS);
}

static void a_perfetto_trace_that_is_cut_is_told_with_its_place(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) whole = { 0 };
    char *path = fixture_path("profile/neuron.pftrace");
    assert_int_equal(fr_file_read(path, 1 << 20, &whole, NULL), 0);
    free(path);
    size_t n_refused = 0;
    for (size_t n = 40; n < fr_buf_str(&whole).n; n += 7) {
        FR_AUTO(fr_trace) t = { 0 };
        fr_err err = { 0 };
        char cut[] = "cut.pftrace.XXXXXX";
        int fd = mkstemp(cut);
        assert_int_equal(write(fd, fr_buf_str(&whole).at, n), (ssize_t)n);
        close(fd);
        const int rc = fr_trace_read(cut, FR_TRACE_ANY, &t, &err);
        unlink(cut);
        if (rc != 0) {
            assert_int_equal(rc, FR_E_FORMAT);
            assert_non_null(strstr(err.what, "is broken at byte"));
            n_refused++;
        }
    }
    assert_true(n_refused > 40); /* all but cuts between two packets */
}

static void neurons_json_is_read(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) device = { 0 }, host = { 0 };
    trace_of_fixture("profile/neuron.json", FR_TRACE_ANY, &device);
    assert_string_equal(device.form, "Neuron JSON");
    assert_int_equal(device.n_events, 2);
    assert_string_equal(device.names[device.events[1].name].text, "nrt_execute");
    assert_int_equal(device.events[1].start_ns, NEURON_BASE_NS + 45 * MS);
    trace_of_fixture("profile/neuron.json", FR_TRACE_CPU, &host);
    assert_int_equal(host.n_events, 2);
    assert_string_equal(host.names[host.events[0].name].category, "Neuron_Runtime_API_Even");
    assert_int_equal(host.events[0].end_ns - host.events[0].start_ns, 2 * MS);
}

static void kernels_come_before_what_launched_them(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) t = { 0 };
    assert_int_equal(
        read_text("{\"traceEvents\":[{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":0,\"tid\":7,"
                  "\"args\":{\"name\":\"stream 7\"}},"
                  "{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"mm\",\"pid\":9,\"tid\":9,\"ts\":1,"
                  "\"dur\":5},{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"gemm\",\"pid\":0,\"tid\":"
                  "7,\"ts\":3.5,\"dur\":0.25,\"args\":{\"stream\":7,\"deep\":[[{}]]}},"
                  "{\"ph\":\"i\",\"ts\":1}]}",
                  &t, NULL),
        0);
    assert_int_equal(t.n_events, 1);
    assert_string_equal(t.names[t.events[0].name].text, "gemm");
    assert_int_equal(t.events[0].start_ns, 3500);
    assert_int_equal(t.events[0].end_ns, 3750);
    assert_string_equal(t.tracks[t.events[0].track].label, "stream 7");
    assert_int_equal(t.n_skipped, 2);
}

static void begins_and_ends_make_operations(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) t = { 0 };
    assert_int_equal(
        read_text("[{\"ph\":\"B\",\"name\":\"a\",\"ts\":1,\"tid\":1},{\"ph\":\"B\",\"name\":\"b\","
                  "\"ts\":2,\"tid\":1},{\"ph\":\"E\",\"ts\":3,\"tid\":1},{\"ph\":\"E\",\"ts\":9,"
                  "\"tid\":1},{\"ph\":\"E\",\"ts\":9,\"tid\":1},{\"ph\":\"B\",\"name\":\"open\","
                  "\"ts\":4,\"tid\":2}]",
                  &t, NULL),
        0);
    assert_int_equal(t.n_events, 3);
    assert_int_equal(t.events[0].end_ns, 9000);
    assert_int_equal(t.events[1].end_ns, 3000);
    assert_int_equal(t.events[2].end_ns, 9000); /* the profiler stopped first */
    assert_int_equal(t.n_skipped, 1);
}

static void what_is_no_trace_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        int code;
    } CASES[] = {
        { "", "the file is empty", FR_E_FORMAT },
        { "{\"traceEvents\":[{\"ph\":\"X\",\"ts\":1,\n\"na", ":2: the file ends inside a string",
          FR_E_FORMAT },
        { "{\"traceEvents\":[{\"ph\":\"X\"", "the file ends too early", FR_E_FORMAT },
        { "{\"a\":1}", "no \"traceEvents\"", FR_E_FORMAT },
        { "{\"traceEvents\":[]} x", "behind the end", FR_E_FORMAT },
        { "{\"traceEvents\":[1,,2]}", "expected a value", FR_E_FORMAT },
        { "{\"traceEvents\":[{\"a\" 1}]}", "expected ':'", FR_E_FORMAT },
        { "{\"traceEvents\":[{\"ts\":1e999}]}", "not a number", FR_E_FORMAT },
        { "[}", "out of place", FR_E_FORMAT },
        { "[\"\\ud800\\u12\"]", "hexadecimal", FR_E_FORMAT },
        { "\x1f\x8b\x08", "is compressed", FR_E_UNSUPPORTED },
        { "hello,world\n1,2\n", "no trace that is known", FR_E_FORMAT },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_trace t = { 0 };
        fr_err err = { 0 };
        assert_int_equal(read_text(CASES[i].text, &t, &err), CASES[i].code);
        if (strstr(err.what, CASES[i].says) == NULL)
            fail_msg("%s: %s", CASES[i].text, err.what);
        assert_null(t.events);
    }
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    char text[4096];
    memset(text, '[', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fr_trace t = { 0 };
    fr_err err = { 0 };
    assert_int_equal(read_text(text, &t, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "nested too deeply"));
}

static void nsights_tables_are_read(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) t = { 0 };
    assert_int_equal(read_text("Processing [x.sqlite] with [cuda_gpu_trace.py]...\n\nStart (ns),"
                               "Duration (ns),CorrId,GrdX,Strm,Name\n100,50,1,2,7,\"gemm<a, b>\"\n"
                               "200,25,2,,13,[CUDA memcpy HtoD]\n",
                               &t, NULL),
                     0);
    assert_int_equal(t.n_events, 2);
    assert_string_equal(t.names[t.events[0].name].text, "gemm<a, b>");
    assert_int_equal(t.events[1].end_ns, 225);
    assert_int_equal(t.n_tracks, 2);

    char *path = fr_dup("/tmp/frugal-trace-XXXXXX");
    close(mkstemp(path));
    fr_store *s = NULL;
    assert_int_equal(fr_store_open(path, &s, NULL), 0);
    assert_int_equal(
        fr_store_exec(s,
                      "CREATE TABLE StringIds (id INTEGER, value TEXT);"
                      "INSERT INTO StringIds VALUES (1, 'gemm'), (2, 'softmax');"
                      "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INT, \"end\" INT, deviceId "
                      "INT, streamId INT, demangledName INT, shortName INT);"
                      "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (5, 9, 0, 7, 1, 1), (10, 30, "
                      "0, 7, 2, 2);",
                      NULL),
        0);
    fr_store_free(s);
    FR_AUTO(fr_trace) u = { 0 };
    fr_err err = { 0 };
    if (fr_trace_read(path, FR_TRACE_ANY, &u, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(u.n_events, 2);
    assert_string_equal(u.names[u.events[1].name].text, "softmax");
    assert_int_equal(u.events[1].end_ns, 30);
    unlink(path);
    free(path);
}

static int read_log(const char *text, fr_power *out, fr_err *err)
{
    char *path = file_with(text);
    int rc = fr_power_read_csv(path, out, err);
    unlink(path);
    free(path);
    return rc;
}

static void a_log_of_watts_is_integrated(void **state)
{
    (void)state;
    FR_AUTO(fr_power) p = { 0 };
    FR_AUTO(fr_power) q = { 0 };
    assert_int_equal(read_log("t,w\n0,100\n1,200\n1.5,200\n", &p, NULL), 0);
    assert_int_equal(p.n, 2);
    close_to(p.windows[0].joules, 150, 1e-9);
    close_to(p.windows[1].joules, 100, 1e-9);
    assert_false(p.is_unix);
    assert_int_equal(read_log("timestamp, power.draw [W]\n2026/11/22 22:10:11.250, 70.00 W\n"
                              "2026/11/22 22:10:12.250, 90.00 W\n",
                              &q, NULL),
                     0);
    assert_true(q.is_unix);
    close_to(q.windows[0].joules, 80, 1e-9);
    assert_int_equal(q.windows[0].start_ns, 1795385411250000000);
    static const char *const WRONG[] = { "",
                                         "a,b\n",
                                         "1,2\n",
                                         "2,5\n1,5\n",
                                         "1,5\n2,x\n",
                                         "1,5\n2,-3\n",
                                         "1,5\n1764000000,3\n",
                                         "1,nan\n2,3\n" };
    for (size_t i = 0; i < FR_COUNT_OF(WRONG); i++) {
        FR_AUTO(fr_power) wrong = { 0 };
        assert_int_equal(read_log(WRONG[i], &wrong, NULL), FR_E_FORMAT);
    }
}

/* What is written is read again, by us and by jansson, with the joules of each event. */
static void a_written_trace_is_a_trace(void **state)
{
    (void)state;
    FR_AUTO(fr_trace) t = { 0 };
    FR_AUTO(fr_trace) back = { 0 };
    FR_AUTO(fr_power) p = ten_watts();
    fr_overlay_sums s;
    op(&t, "a \"quoted\"\n\\ name", "x", 100, 300);
    op(&t, "b", "y", 250, 400);
    assert_int_equal(fr_overlay(&t, &p, 0, &s, NULL), 0);
    char *path = file_with("");
    assert_int_equal(fr_trace_write(&t, &p, 0, path, NULL), 0);
    assert_int_equal(fr_trace_read(path, FR_TRACE_ANY, &back, NULL), 0);
    assert_int_equal(back.n_events, 2);
    assert_string_equal(back.names[back.events[0].name].text, "a \"quoted\"\n\\ name");
    assert_int_equal(back.events[1].start_ns, 250 * MS);
    json_t *root = json_load_file(path, 0, NULL), *event;
    size_t i;
    double sum_j = 0;
    json_array_foreach(json_object_get(root, "traceEvents"), i, event) sum_j +=
        json_number_value(json_object_get(json_object_get(event, "args"), "joules"));
    close_to(sum_j, s.events_j, 1e-5);
    json_decref(root);
    unlink(path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_innermost_has_the_time_and_gaps_are_their_own),
        cmocka_unit_test(what_runs_at_once_shares_by_duration),
        cmocka_unit_test(joules_are_conserved_and_not_without_one),
        cmocka_unit_test(no_overlap_in_time_is_an_error),
        cmocka_unit_test(a_trace_of_pytorch_is_read),
        cmocka_unit_test(a_trace_of_perfettos_own_format_is_read),
        cmocka_unit_test(a_perfetto_trace_that_is_cut_is_told_with_its_place),
        cmocka_unit_test(neurons_json_is_read),
        cmocka_unit_test(kernels_come_before_what_launched_them),
        cmocka_unit_test(begins_and_ends_make_operations),
        cmocka_unit_test(what_is_no_trace_is_told_with_its_place),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(nsights_tables_are_read),
        cmocka_unit_test(a_log_of_watts_is_integrated),
        cmocka_unit_test(a_written_trace_is_a_trace),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
