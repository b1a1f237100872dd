/* download_test.c: a file comes whole or not at all: from a server of this machine that cuts
 * connections, knows no Range, redirects, changes the file in between, or lies about its hash. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <fcntl.h>
#include <sys/file.h>
#include "base/file.h"
#include "base/mem.h"
#include "net/download.h"
#include "support/tiny_server.h"

enum { SIZE = 100000, PIECE = 30000 };

typedef struct {
    tiny_server server;
    char dir[64], *path, *part;
    char bytes[SIZE], sha256[FR_SHA256_HEX];
    int pieces; /* answers that end early before one is whole */
    int ranged; /* requests that asked for a part */
    bool changes;
} fixture;

/* The rest of the file from where it is asked for; cut after PIECE bytes while pieces are left. */
static void send_file(fixture *f, const char *head, const char *extra, bool knows_range,
                      fr_buf *out)
{
    size_t from = 0;
    const char *range = strstr(head, "Range: bytes=");
    f->ranged += range != NULL;
    if (range != NULL && knows_range && strstr(head, "If-Range: \"one\"") != NULL && !f->changes)
        from = strtoull(range + 13, NULL, 10);
    if (from > 0)
        fr_buf_put_f(out, "HTTP/1.1 206 X\r\nContent-Range: bytes %zu-%d/%d\r\n", from, SIZE - 1,
                     SIZE);
    else
        fr_buf_put_s(out, "HTTP/1.1 200 X\r\n");
    const bool cut = f->pieces > 0;
    f->pieces -= cut;
    fr_buf_put_f(out, "ETag: %s\r\nContent-Length: %zu\r\n%s%s\r\n",
                 f->changes ? "\"two\"" : "\"one\"", SIZE - from, extra,
                 cut ? "Connection: close\r\n" : "");
    fr_buf_put(out, f->bytes + from, cut ? FR_MIN((size_t)PIECE, SIZE - from) : SIZE - from);
}

static void answer(void *user, const tiny_request *r, fr_buf *out)
{
    fixture *f = user;
    if (strstr(r->head, "GET /file") == r->head)
        send_file(f, r->head, "", true, out);
    else if (strstr(r->head, "GET /plain") == r->head)
        send_file(f, r->head, "", false, out);
    else if (strstr(r->head, "GET /lies") == r->head)
        send_file(f, r->head,
                  "X-Linked-ETag: \"00000000000000000000000000000000000000000000000000000000000000"
                  "00\"\r\n",
                  true, out);
    else if (strstr(r->head, "GET /moved") == r->head) {
        char headers[256];
        snprintf(headers, sizeof(headers), "Location: /file\r\nX-Linked-ETag: \"%s\"\r\n",
                 f->sha256);
        tiny_answer(out, 302, headers, "elsewhere");
    } else if (strstr(r->head, "GET /busy") == r->head && r->number < 3)
        tiny_answer(out, 503, "", "later");
    else if (strstr(r->head, "GET /busy") == r->head)
        send_file(f, r->head, "", true, out);
    else if (strstr(r->head, "GET /gated") == r->head)
        tiny_answer(out, 401, "", "no");
    else
        tiny_answer(out, 404, "", "no such thing, a page in words");
}

static int begin(void **state)
{
    fixture *f = FR_NEW(fixture);
    unsetenv("FRUGAL_OFFLINE");
    for (size_t i = 0; i < SIZE; i++)
        f->bytes[i] = (char)(i * 2654435761u >> 13);
    snprintf(f->dir, sizeof(f->dir), "/tmp/download_test.XXXXXX");
    *state = f;
    if (mkdtemp(f->dir) == NULL || fr_sha256(f->bytes, SIZE, f->sha256, NULL) != 0)
        return -1;
    f->path = fr_dup_f("%s/models/file.bin", f->dir);
    f->part = fr_dup_f("%s.part", f->path);
    return tiny_server_start(&f->server, answer, f);
}

static int end(void **state)
{
    fixture *f = *state;
    char command[128];
    tiny_server_stop(&f->server);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
    int rc = system(command);
    free(f->path);
    free(f->part);
    free(f);
    return rc;
}

static int get(fixture *f, const char *name, const char *sha256, fr_downloaded *got, fr_err *err)
{
    char url[128];
    snprintf(url, sizeof(url), "%s%s", f->server.url, name);
    return fr_download(
        &(fr_download_request){
            .url = url, .path = f->path, .sha256 = sha256, .backoff_s = 0.01, .retries = 2 },
        got, err);
}

static void file_is_whole(const fixture *f)
{
    FR_AUTO(fr_buf) text = { 0 };
    assert_int_equal(fr_file_read(f->path, SIZE + 1, &text, NULL), 0);
    assert_int_equal(text.n, SIZE);
    assert_memory_equal(text.at, f->bytes, SIZE);
    assert_false(fr_file_exists(f->part));
}

static void nothing_is_left(const fixture *f)
{
    char *note = fr_dup_f("%s.json", f->part);
    assert_false(fr_file_exists(f->path));
    assert_false(fr_file_exists(f->part));
    assert_false(fr_file_exists(note));
    free(note);
}

static void a_file_comes_with_its_hash(void **state)
{
    fixture *f = *state;
    fr_downloaded got;
    assert_int_equal(get(f, "/file", f->sha256, &got, NULL), 0);
    file_is_whole(f);
    assert_true(got.verified);
    assert_string_equal(got.sha256, f->sha256);
    assert_int_equal(got.tries, 1);
    assert_int_equal(get(f, "/file", f->sha256, &got, NULL), 0); /* and is not fetched again */
    assert_true(got.was_there && got.verified);
    assert_int_equal(f->server.n_requests, 1);
}

static void a_cut_connection_is_gone_on_with(void **state)
{
    fixture *f = *state;
    fr_downloaded got;
    f->pieces = 3;
    assert_int_equal(get(f, "/file", f->sha256, &got, NULL), 0);
    file_is_whole(f);
    assert_int_equal(got.tries, 4);
    assert_int_equal(f->ranged, 3);
    assert_int_equal(got.received_bytes, SIZE); /* no byte twice */
}

static void a_later_command_goes_on_with_what_is_there(void **state)
{
    fixture *f = *state;
    fr_downloaded got;
    fr_err err = { 0 };
    char url[128];
    snprintf(url, sizeof(url), "%s/file", f->server.url);
    fr_download_request once = { .url = url, .path = f->path, .retries = -1 };
    f->pieces = 1;
    assert_int_equal(fr_download(&once, &got, &err), FR_E_NETWORK);
    assert_true(fr_file_exists(f->part) && !fr_file_exists(f->path));
    assert_int_equal(fr_download(&once, &got, &err), 0);
    assert_int_equal(got.received_bytes, SIZE - PIECE);
    file_is_whole(f);
}

static void a_file_that_changed_meanwhile_is_fetched_from_the_start(void **state)
{
    fixture *f = *state;
    fr_downloaded got;
    char url[128];
    snprintf(url, sizeof(url), "%s/file", f->server.url);
    fr_download_request once = { .url = url, .path = f->path, .retries = -1 };
    f->pieces = 1;
    assert_int_equal(fr_download(&once, &got, NULL), FR_E_NETWORK);
    f->changes = true;
    assert_int_equal(fr_download(&once, &got, NULL), 0);
    assert_int_equal(got.received_bytes, SIZE);
    file_is_whole(f);
}

static void a_server_without_range_sends_all_again(void **state)
{
    fixture *f = *state;
    fr_downloaded got;
    f->pieces = 2;
    assert_int_equal(get(f, "/plain", NULL, &got, NULL), 0);
    file_is_whole(f);
    assert_int_equal(got.received_bytes, SIZE + 2 * PIECE);
    assert_false(got.verified); /* nobody stated a hash */
}

static void a_hub_states_the_hash_on_its_redirect(void **state)
{
    fixture *f = *state;
    fr_downloaded got;
    assert_int_equal(get(f, "/moved", NULL, &got, NULL), 0);
    file_is_whole(f);
    assert_true(got.verified);
}

static void another_hash_than_stated_leaves_nothing(void **state)
{
    fixture *f = *state;
    fr_downloaded got;
    fr_err err = { 0 };
    char wrong[FR_SHA256_HEX];
    memset(wrong, 'a', sizeof(wrong) - 1);
    wrong[sizeof(wrong) - 1] = '\0';
    assert_int_equal(get(f, "/file", wrong, &got, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "SHA-256"));
    nothing_is_left(f);
    assert_int_equal(get(f, "/lies", NULL, &got, &err), FR_E_FORMAT);
    nothing_is_left(f);
    assert_int_equal(get(f, "/file", "abc", &got, &err), FR_E_USAGE);
}

static void busy_servers_are_asked_again_others_are_not(void **state)
{
    fixture *f = *state;
    fr_downloaded got;
    fr_err err = { 0 };
    assert_int_equal(get(f, "/busy", f->sha256, &got, &err), 0);
    assert_int_equal(got.tries, 3);
    file_is_whole(f);
    unlink(f->path);
    assert_int_equal(get(f, "/none", NULL, &got, &err), FR_E_NOT_FOUND);
    assert_int_equal(got.tries, 1);
    nothing_is_left(f);
    assert_int_equal(get(f, "/gated", NULL, &got, &err), FR_E_PERMISSION);
    assert_non_null(strstr(err.hint, "HF_TOKEN"));
    nothing_is_left(f);
}

static void offline_asks_nobody(void **state)
{
    fixture *f = *state;
    fr_downloaded got;
    fr_err err = { 0 };
    setenv("FRUGAL_OFFLINE", "1", 1);
    assert_int_equal(get(f, "/file", NULL, &got, &err), FR_E_NETWORK);
    unsetenv("FRUGAL_OFFLINE");
    assert_int_equal(f->server.n_requests, 0);
    nothing_is_left(f);
}

static void one_at_a_time(void **state)
{
    fixture *f = *state;
    fr_downloaded got;
    char *folder = fr_path_dir(f->path);
    assert_int_equal(fr_dir_make(folder, NULL), 0);
    free(folder);
    int fd = open(f->part, O_RDWR | O_CREAT, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(get(f, "/file", NULL, &got, NULL), FR_E_BUSY);
    close(fd);
    assert_int_equal(get(f, "/file", NULL, &got, NULL), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_file_comes_with_its_hash),
        T(a_cut_connection_is_gone_on_with),
        T(a_later_command_goes_on_with_what_is_there),
        T(a_file_that_changed_meanwhile_is_fetched_from_the_start),
        T(a_server_without_range_sends_all_again),
        T(a_hub_states_the_hash_on_its_redirect),
        T(another_hash_than_stated_leaves_nothing),
        T(busy_servers_are_asked_again_others_are_not),
        T(offline_asks_nobody),
        T(one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
