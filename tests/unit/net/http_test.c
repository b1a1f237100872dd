/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "base/clock.h"
#include "base/mem.h"
#include "net/curl_door.h"
#include "net/http.h"
#include "support/tiny_server.h"

#if __has_include(<curl/curl.h>)
#include <curl/curl.h>
#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), "as libcurl has it")
SAME(OPT_WRITEDATA, CURLOPT_WRITEDATA);
SAME(OPT_URL, CURLOPT_URL);
SAME(OPT_ERRORBUFFER, CURLOPT_ERRORBUFFER);
SAME(OPT_POSTFIELDS, CURLOPT_POSTFIELDS);
SAME(OPT_USERAGENT, CURLOPT_USERAGENT);
SAME(OPT_HTTPHEADER, CURLOPT_HTTPHEADER);
SAME(OPT_HEADERDATA, CURLOPT_HEADERDATA);
SAME(OPT_CUSTOMREQUEST, CURLOPT_CUSTOMREQUEST);
SAME(OPT_XFERINFODATA, CURLOPT_XFERINFODATA);
SAME(OPT_ACCEPT_ENCODING, CURLOPT_ACCEPT_ENCODING);
SAME(OPT_WRITEFUNCTION, CURLOPT_WRITEFUNCTION);
SAME(OPT_HEADERFUNCTION, CURLOPT_HEADERFUNCTION);
SAME(OPT_XFERINFOFUNCTION, CURLOPT_XFERINFOFUNCTION);
SAME(OPT_POSTFIELDSIZE_LARGE, CURLOPT_POSTFIELDSIZE_LARGE);
SAME(OPT_NOPROGRESS, CURLOPT_NOPROGRESS);
SAME(OPT_LOW_SPEED_LIMIT, CURLOPT_LOW_SPEED_LIMIT);
SAME(OPT_LOW_SPEED_TIME, CURLOPT_LOW_SPEED_TIME);
SAME(OPT_FOLLOWLOCATION, CURLOPT_FOLLOWLOCATION);
SAME(OPT_MAXREDIRS, CURLOPT_MAXREDIRS);
SAME(OPT_NOSIGNAL, CURLOPT_NOSIGNAL);
SAME(OPT_TIMEOUT_MS, CURLOPT_TIMEOUT_MS);
SAME(OPT_CONNECTTIMEOUT_MS, CURLOPT_CONNECTTIMEOUT_MS);
SAME(OPT_PROTOCOLS, 181); /* its name is deprecated, its number is not */
SAME(INFO_RESPONSE_CODE, CURLINFO_RESPONSE_CODE);
SAME(PROTOCOLS_HTTP_HTTPS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
SAME(GLOBAL_DEFAULT, CURL_GLOBAL_DEFAULT);
SAME(CURL_NO_CONNECT, CURLE_COULDNT_CONNECT);
SAME(CURL_PARTIAL_FILE, CURLE_PARTIAL_FILE);
SAME(CURL_WRITE_ERROR, CURLE_WRITE_ERROR);
SAME(CURL_TIMED_OUT, CURLE_OPERATION_TIMEDOUT);
SAME(CURL_ABORTED, CURLE_ABORTED_BY_CALLBACK);
SAME(CURL_GOT_NOTHING, CURLE_GOT_NOTHING);
SAME(CURL_SEND_ERROR, CURLE_SEND_ERROR);
SAME(CURL_RECV_ERROR, CURLE_RECV_ERROR);
SAME(ERROR_TEXT_BYTES, CURL_ERROR_SIZE);
#endif

/* Says back what it was asked; misbehaves as the path tells. */
static void answer(void *user, const tiny_request *r, fr_buf *out)
{
    (void)user;
    if (strstr(r->head, "/echo") != NULL)
        tiny_answer(out, 200, "", fr_buf_text(&r->body));
    else if (strstr(r->head, "/head") != NULL)
        tiny_answer(out, 200, "", r->head);
    else if (strstr(r->head, "/third-time") != NULL && r->number < 3)
        tiny_answer(out, r->number == 1 ? 429 : 503, "Retry-After: 0\r\n", "later");
    else if (strstr(r->head, "/second-time") != NULL && r->number < 2)
        return; /* drops the connection */
    else if (strstr(r->head, "/always-500") != NULL)
        tiny_answer(out, 500, "", "{\"error\": \"no memory\"}");
    else if (strstr(r->head, "/moved") != NULL)
        tiny_answer(out, 302, "Location: /echo\r\n", "");
    else if (strstr(r->head, "/hang") != NULL)
        fr_sleep_ns(1500000000);
    else if (strstr(r->head, "/missing") != NULL)
        tiny_answer(out, 404, "", "no such thing");
    else
        tiny_answer(out, 200, "", "fine");
}

static int serve(void **state)
{
    tiny_server *s = FR_NEW(tiny_server);
    unsetenv("FRUGAL_OFFLINE");
    *state = s;
    return tiny_server_start(s, answer, NULL);
}

static int stop(void **state)
{
    tiny_server_stop(*state);
    free(*state);
    return 0;
}

static const char *url_of(const tiny_server *s, const char *path)
{
    static char url[256];
    snprintf(url, sizeof(url), "%s%s", s->url, path);
    return url;
}

static void any_status_is_an_answer(void **state)
{
    FR_AUTO(fr_http_response) got = { 0 };
    fr_err err = { 0 };
    assert_int_equal(fr_http(&(fr_http_request){ .url = url_of(*state, "/x") }, &got, &err), 0);
    assert_int_equal(got.status, 200);
    assert_string_equal(fr_buf_text(&got.body), "fine");
    fr_http_response_fini(&got);
    assert_int_equal(fr_http(&(fr_http_request){ .url = url_of(*state, "/missing") }, &got, &err),
                     0);
    assert_int_equal(got.status, 404);
    assert_string_equal(fr_buf_text(&got.body), "no such thing");
}

static void body_method_and_headers_arrive(void **state)
{
    static const char *const HEADERS[] = { "Authorization: Bearer k",
                                           "Content-Type: application/json", NULL };
    FR_AUTO(fr_http_response) got = { 0 };
    assert_int_equal(
        fr_http(&(fr_http_request){ .url = url_of(*state, "/echo"), .body = FR_STR("{\"a\": 1}") },
                &got, NULL),
        0);
    assert_string_equal(fr_buf_text(&got.body), "{\"a\": 1}");
    fr_http_response_fini(&got);
    assert_int_equal(fr_http(&(fr_http_request){ .url = url_of(*state, "/head"),
                                                 .method = "PUT",
                                                 .headers = HEADERS,
                                                 .body = FR_STR("x") },
                             &got, NULL),
                     0);
    assert_non_null(strstr(fr_buf_text(&got.body), "PUT /head"));
    assert_non_null(strstr(fr_buf_text(&got.body), "Authorization: Bearer k\r\n"));
    assert_non_null(strstr(fr_buf_text(&got.body), "User-Agent: frugal/"));
}

static void passing_failures_are_tried_again_and_lasting_ones_told(void **state)
{
    tiny_server *s = *state;
    FR_AUTO(fr_http_response) got = { 0 };
    fr_http_request r = { .url = url_of(s, "/third-time"), .retries = 3, .backoff_s = 0.01 };
    assert_int_equal(fr_http(&r, &got, NULL), 0);
    assert_int_equal(got.status, 200);
    assert_int_equal(got.tries, 3);
    fr_http_response_fini(&got);
    s->n_requests = 0;
    r.url = url_of(s, "/second-time");
    assert_int_equal(fr_http(&r, &got, NULL), 0);
    assert_int_equal(got.tries, 2);
    fr_http_response_fini(&got);
    r.url = url_of(s, "/always-500");
    assert_int_equal(fr_http(&r, &got, NULL), 0);
    assert_int_equal(got.status, 500);
    assert_int_equal(got.tries, 4);
    assert_non_null(strstr(fr_buf_text(&got.body), "no memory"));
}

static void a_get_follows_redirects_and_a_post_does_not(void **state)
{
    FR_AUTO(fr_http_response) got = { 0 };
    fr_http(&(fr_http_request){ .url = url_of(*state, "/moved") }, &got, NULL);
    assert_int_equal(got.status, 200);
    fr_http_response_fini(&got);
    fr_http(&(fr_http_request){ .url = url_of(*state, "/moved"), .body = FR_STR("x") }, &got, NULL);
    assert_int_equal(got.status, 302);
}

static void a_client_keeps_its_connection(void **state)
{
    tiny_server *s = *state;
    FR_AUTOPTR(fr_http_client) client = NULL;
    assert_int_equal(fr_http_client_new(&client, NULL), 0);
    for (int i = 0; i < 5; i++) {
        FR_AUTO(fr_http_response) got = { 0 };
        assert_int_equal(
            fr_http(&(fr_http_request){ .url = url_of(s, "/x"), .client = client }, &got, NULL), 0);
    }
    assert_int_equal(s->n_requests, 5);
    assert_int_equal(s->n_connections, 1);
}

static void a_server_that_hangs_or_says_too_much_is_cut_off(void **state)
{
    FR_AUTO(fr_http_response) got = { 0 };
    fr_err err = { 0 };
    assert_int_equal(
        fr_http(&(fr_http_request){ .url = url_of(*state, "/x"), .limit_bytes = 3 }, &got, &err),
        FR_E_LIMIT);
    assert_non_null(strstr(err.what, "3 bytes"));
    assert_int_equal(
        fr_http(&(fr_http_request){ .url = url_of(*state, "/hang"), .timeout_s = 0.2 }, &got, &err),
        FR_E_LIMIT);
    assert_non_null(strstr(err.what, "0.2 s"));
    assert_null(got.body.at);
}

static bool always(void *user)
{
    (void)user;
    return true;
}

static void a_user_who_stops_is_obeyed(void **state)
{
    FR_AUTO(fr_http_response) got = { 0 };
    fr_progress progress = { .stopped = always };
    fr_http_request r = { .url = url_of(*state, "/x"), .progress = &progress, .retries = 5 };
    assert_int_equal(fr_http(&r, &got, NULL), FR_E_INTERRUPTED);
}

static void errors_name_the_url_without_its_secrets(void **state)
{
    (void)state;
    FR_AUTO(fr_http_response) got = { 0 };
    fr_err err = { 0 };
    fr_http_request r = { .url = "http://me:secret@127.0.0.1:1/path?key=hidden#part",
                          .timeout_s = 5 };
    assert_int_equal(fr_http(&r, &got, &err), FR_E_NETWORK);
    assert_non_null(strstr(err.what, "http://127.0.0.1:1/path"));
    assert_null(strstr(err.what, "secret"));
    assert_null(strstr(err.what, "hidden"));
    FR_AUTO(fr_buf) bare = { 0 };
    fr_url_bare("a@b?c", &bare);
    assert_string_equal(fr_buf_text(&bare), "b");
    assert_int_equal(fr_http(&(fr_http_request){ .url = "file:///etc/hostname" }, &got, &err),
                     FR_E_NETWORK);
    assert_int_equal(fr_http(&(fr_http_request){ 0 }, &got, &err), FR_E_USAGE);
}

static void offline_refuses_before_anything_is_sent(void **state)
{
    tiny_server *s = *state;
    FR_AUTO(fr_http_response) got = { 0 };
    fr_err err = { 0 };
    setenv("FRUGAL_OFFLINE", "1", 1);
    assert_int_equal(fr_http(&(fr_http_request){ .url = url_of(s, "/x?key=hidden") }, &got, &err),
                     FR_E_NETWORK);
    unsetenv("FRUGAL_OFFLINE");
    assert_non_null(strstr(err.what, "FRUGAL_OFFLINE"));
    assert_null(strstr(err.what, "hidden"));
    assert_int_equal(s->n_connections, 0);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, serve, stop)
int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(any_status_is_an_answer),
        SERVED(body_method_and_headers_arrive),
        SERVED(passing_failures_are_tried_again_and_lasting_ones_told),
        SERVED(a_get_follows_redirects_and_a_post_does_not),
        SERVED(a_client_keeps_its_connection),
        SERVED(a_server_that_hangs_or_says_too_much_is_cut_off),
        SERVED(a_user_who_stops_is_obeyed),
        cmocka_unit_test(errors_name_the_url_without_its_secrets),
        SERVED(offline_refuses_before_anything_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
