/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "report/sink.h"
#include "support/tiny_server.h"

static atomic_int fails_left, refuses;
static char last_head[8192];
static fr_buf last_body;
static char logged[4096];

static void answer(void *user, const tiny_request *r, fr_buf *out)
{
    (void)user;
    if (refuses) {
        tiny_answer(out, 403, "", "{\"message\": \"no\"}");
        return;
    }
    if (fails_left > 0) {
        fails_left--;
        tiny_answer(out, 503, "", "later");
        return;
    }
    snprintf(last_head, sizeof last_head, "%s", r->head);
    fr_buf_clear(&last_body);
    fr_buf_put_str(&last_body, fr_buf_str(&r->body));
    tiny_answer(out, 200, "", "{}");
}

static void remember_log(void *user, fr_log_level level, const char *line)
{
    (void)user;
    (void)level;
    snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%s\n", line);
}

static fr_board *board_of(double value)
{
    fr_board *b = fr_board_new();
    fr_board_begin(b, fr_now_unix_ns(), 10);
    fr_board_set(b, "CPUUtilization", value, NULL, 0);
    fr_board_end(b);
    return b;
}

static void wait_for_sent(fr_sink *s, uint64_t n)
{
    fr_sink_stats now;
    for (int i = 0; i < 1000; i++) {
        fr_sink_look(s, &now);
        if (now.sent >= n)
            return;
        fr_sleep_ns(10000000);
    }
    fail_msg("%llu batches sent, not %llu", (unsigned long long)now.sent, (unsigned long long)n);
}

static void a_sink_that_was_away_gets_everything_later(void **state)
{
    (void)state;
    tiny_server server;
    assert_int_equal(tiny_server_start(&server, answer, NULL), 0);
    FR_AUTOPTR(fr_board) b = board_of(1);
    fr_sink_options options = { .board = b, .host = "h", .backoff_s = 0.02 };
    fr_sink *s = NULL;
    fails_left = 3;
    assert_int_equal(fr_sink_open("otlp", server.url, &options, &s, NULL), 0);
    for (int i = 0; i < 5; i++)
        fr_sink_put(s);
    wait_for_sent(s, 5);
    fr_sink_stats end;
    fr_sink_close(s, 1, &end);
    assert_int_equal(end.sent, 5);
    assert_int_equal(end.dropped, 0);
    assert_int_equal(server.n_requests, 8);
    assert_memory_equal(last_head, "POST /v1/metrics HTTP/1.1", 25);
    tiny_server_stop(&server);
}

/* Nobody listens: what waits is bounded, the oldest goes, all of it is counted. */
static void what_waits_is_bounded_and_what_goes_is_counted(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = board_of(1);
    fr_sink_options options = { .board = b, .host = "h", .backoff_s = 60 };
    fr_sink *s = NULL;
    assert_int_equal(fr_sink_open("otlp", "http://127.0.0.1:9", &options, &s, NULL), 0);
    for (int i = 0; i < 300; i++)
        fr_sink_put(s);
    fr_sink_stats end;
    fr_sink_close(s, 0.5, &end);
    assert_int_equal(end.sent, 0);
    assert_int_equal(end.dropped, 300);
}

static void what_is_refused_is_dropped_and_said_once(void **state)
{
    (void)state;
    tiny_server server;
    assert_int_equal(tiny_server_start(&server, answer, NULL), 0);
    FR_AUTOPTR(fr_board) b = board_of(1);
    fr_sink_options options = { .board = b, .host = "h", .endpoint = server.url };
    fr_sink *s = NULL;
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "very-secret", 1);
    setenv("AWS_SESSION_TOKEN", "session-secret", 1);
    setenv("AWS_REGION", "eu-west-3", 1);
    refuses = 1;
    logged[0] = '\0';
    fr_log_to(remember_log, NULL, FR_LOG_DEBUG);
    assert_int_equal(fr_sink_open("cloudwatch", "", &options, &s, NULL), 0);
    for (int i = 0; i < 3; i++)
        fr_sink_put(s);
    fr_sink_stats end;
    fr_sink_close(s, 5, &end);
    fr_log_to(NULL, NULL, FR_LOG_NONE);
    refuses = 0;
    assert_int_equal(end.dropped, 3);
    char *first = strstr(logged, "answered 403");
    assert_non_null(first);
    assert_null(strstr(first + 1, "answered 403"));
    assert_null(strstr(logged, "secret"));
    assert_null(strstr(logged, "AKIDEXAMPLE"));
    tiny_server_stop(&server);
}

static void cloudwatch_gets_signed_json(void **state)
{
    (void)state;
    tiny_server server;
    assert_int_equal(tiny_server_start(&server, answer, NULL), 0);
    FR_AUTOPTR(fr_board) b = board_of(12.5);
    fr_sink_options options = { .board = b, .host = "h", .endpoint = server.url };
    fr_sink *s = NULL;
    assert_int_equal(fr_sink_open("cloudwatch", "", &options, &s, NULL), 0);
    fr_sink_put(s);
    wait_for_sent(s, 1);
    fr_sink_close(s, 1, NULL);
    assert_non_null(strstr(last_head, "X-Amz-Target: GraniteServiceVersion20100801.PutMetricData"));
    assert_non_null(strstr(last_head, "Content-Type: application/x-amz-json-1.0"));
    assert_non_null(strstr(last_head, "/eu-west-3/monitoring/aws4_request"));
    assert_non_null(strstr(last_head, "X-Amz-Security-Token: session-secret"));
    assert_non_null(strstr(fr_buf_text(&last_body), "\"MetricName\":\"CPUUtilization\""));
    tiny_server_stop(&server);
}

static size_t n_lines(const char *path)
{
    FR_AUTO(fr_buf) text = { 0 };
    size_t n = 0;
    if (fr_file_read(path, 1 << 20, &text, NULL) != 0)
        return 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.at[i] == '\n';
    assert_true(text.n == 0 || text.at[text.n - 1] == '\n'); /* no half line */
    return n;
}

/* A limit on the size of files stands for the full disk: a write is cut in the middle of a line. */
static void a_full_disk_leaves_no_half_line(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = board_of(1);
    fr_sink_options options = { .board = b, .host = "h", .backoff_s = 0.001 };
    fr_sink *s = NULL;
    unlink("full.jsonl");
    assert_int_equal(fr_sink_open("file", "full.jsonl", &options, &s, NULL), 0);
    fr_sink_put(s);
    struct rlimit was, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, SIG_IGN);
    small = (struct rlimit){ 300, was.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fr_sink_put(s);
    assert_int_equal(n_lines("full.jsonl"), 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    fr_sleep_ns(5000000);
    fr_sink_put(s); /* there is room again: both go */
    assert_int_equal(n_lines("full.jsonl"), 3);
    fr_sink_stats end;
    fr_sink_close(s, 0, &end);
    assert_int_equal(end.sent, 3);
    assert_int_equal(end.dropped, 0);
}

static void a_file_is_kept_within_its_bytes(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = board_of(1);
    fr_sink_options options = { .board = b, .host = "h", .keep_bytes = 2000 };
    fr_sink *s = NULL;
    unlink("day.jsonl");
    unlink("day.jsonl.1");
    assert_int_equal(fr_sink_open("file", "day.jsonl", &options, &s, NULL), 0);
    for (int i = 0; i < 50; i++)
        fr_sink_put(s);
    fr_sink_stats end;
    fr_sink_close(s, 0, &end);
    assert_int_equal(end.sent, 50);
    FR_AUTO(fr_buf) now = { 0 };
    FR_AUTO(fr_buf) before = { 0 };
    assert_int_equal(fr_file_read("day.jsonl", 1 << 20, &now, NULL), 0);
    assert_int_equal(fr_file_read("day.jsonl.1", 1 << 20, &before, NULL), 0);
    assert_in_range(now.n + before.n, 1000, 2000);
    n_lines("day.jsonl");
    n_lines("day.jsonl.1");
}

static void what_can_be_known_at_once_is(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_board) b = board_of(1);
    fr_sink_options options = { .board = b };
    fr_sink *s = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_sink_open("carrier-pigeon", "", &options, &s, &err), FR_E_USAGE);
    assert_int_equal(fr_sink_open("otlp", "collector:4318", &options, &s, &err), FR_E_USAGE);
    assert_int_not_equal(fr_sink_open("file", "no/such/folder/x", &options, &s, &err), 0);
    unsetenv("AWS_ACCESS_KEY_ID");
    assert_int_equal(fr_sink_open("cloudwatch", "", &options, &s, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "AWS_ACCESS_KEY_ID"));
}

int main(void)
{
    setenv("NO_PROXY", "127.0.0.1", 1);
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sink_that_was_away_gets_everything_later),
        cmocka_unit_test(what_waits_is_bounded_and_what_goes_is_counted),
        cmocka_unit_test(what_is_refused_is_dropped_and_said_once),
        cmocka_unit_test(cloudwatch_gets_signed_json),
        cmocka_unit_test(a_full_disk_leaves_no_half_line),
        cmocka_unit_test(a_file_is_kept_within_its_bytes),
        cmocka_unit_test(what_can_be_known_at_once_is),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fr_buf_fini(&last_body);
    return failed;
}
