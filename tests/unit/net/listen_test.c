/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "net/listen.h"
#include "net/mhd_door.h"

#if __has_include(<microhttpd.h>)
#include <microhttpd.h>
#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), "as libmicrohttpd has it")
SAME(MHD_INTERNAL_POLLING_THREAD, MHD_USE_INTERNAL_POLLING_THREAD);
SAME(MHD_ITC, MHD_USE_ITC);
SAME(MHD_AUTO, MHD_USE_AUTO);
SAME(MHD_OPT_END, MHD_OPTION_END);
SAME(MHD_OPT_MEMORY_LIMIT, MHD_OPTION_CONNECTION_MEMORY_LIMIT);
SAME(MHD_OPT_CONNECTION_LIMIT, MHD_OPTION_CONNECTION_LIMIT);
SAME(MHD_OPT_CONNECTION_TIMEOUT, MHD_OPTION_CONNECTION_TIMEOUT);
SAME(MHD_OPT_LISTEN_SOCKET, MHD_OPTION_LISTEN_SOCKET);
SAME(MHD_OPT_STACK_SIZE, MHD_OPTION_THREAD_STACK_SIZE);
SAME(MHD_KIND_HEADER, MHD_HEADER_KIND);
SAME(MHD_MEMORY_MUST_FREE, MHD_RESPMEM_MUST_FREE);
#endif

static void page(void *user, const fr_listen_request *r, fr_listen_answer *out)
{
    (void)user;
    if (strcmp(r->path, "/metrics") != 0)
        out->status = 404;
    fr_buf_put_f(&out->body, "%s %s\n", r->path, r->accept);
}

static int is_there(void)
{
    const mhd_door *door;
    return mhd_door_open(&door, NULL) == 0;
}

static void a_page_is_read_by_any_number_of_clients(void **state)
{
    (void)state;
    if (!is_there())
        skip();
    fr_listener *l = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_listen_open("127.0.0.1:0", page, NULL, &l, &err), 0);
    char url[128];
    static const char *const HEADERS[] = { "Accept: application/openmetrics-text", NULL };
    for (int i = 0; i < 3; i++) {
        FR_AUTO(fr_http_response) got = { 0 };
        snprintf(url, sizeof url, "http://%s/metrics", fr_listener_address(l));
        fr_http_request ask = { .url = url, .headers = HEADERS };
        assert_int_equal(fr_http(&ask, &got, &err), 0);
        assert_int_equal(got.status, 200);
        assert_string_equal(fr_buf_text(&got.body), "/metrics application/openmetrics-text\n");
    }
    FR_AUTO(fr_http_response) other = { 0 };
    snprintf(url, sizeof url, "http://%s/other", fr_listener_address(l));
    assert_int_equal(fr_http(&(fr_http_request){ .url = url }, &other, &err), 0);
    assert_int_equal(other.status, 404);
    fr_listener_close(l);
}

static void what_would_change_something_is_refused(void **state)
{
    (void)state;
    if (!is_there())
        skip();
    fr_listener *l = NULL;
    assert_int_equal(fr_listen_open("0", page, NULL, &l, NULL), 0);
    char url[128];
    snprintf(url, sizeof url, "http://%s/metrics", fr_listener_address(l));
    FR_AUTO(fr_http_response) got = { 0 };
    fr_http_request post = { .method = "POST", .url = url, .body = FR_STR("x=1") };
    assert_int_equal(fr_http(&post, &got, NULL), 0);
    assert_int_equal(got.status, 405);
    fr_listener_close(l);
}

static void a_taken_port_and_a_wrong_address_are_named(void **state)
{
    (void)state;
    if (!is_there())
        skip();
    fr_listener *l = NULL, *second = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_listen_open("127.0.0.1:0", page, NULL, &l, &err), 0);
    assert_int_equal(fr_listen_open(fr_listener_address(l), page, NULL, &second, &err), FR_E_BUSY);
    assert_non_null(strstr(err.what, fr_listener_address(l)));
    fr_listener_close(l);
    static const char *const BAD[] = {
        "", "localhost", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:x", "not a host:80"
    };
    for (size_t i = 0; i < FR_COUNT_OF(BAD); i++)
        assert_int_equal(fr_listen_open(BAD[i], page, NULL, &l, &err), FR_E_USAGE);
}

int main(void)
{
    setenv("NO_PROXY", "127.0.0.1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_read_by_any_number_of_clients),
        cmocka_unit_test(what_would_change_something_is_refused),
        cmocka_unit_test(a_taken_port_and_a_wrong_address_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
