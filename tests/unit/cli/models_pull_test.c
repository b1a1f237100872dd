/* models_pull_test.c: `frugal models pull` against a hub of this machine: what it asks for, what it
 * chooses, where files go, and that nothing a hub says leaves the folder. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <fcntl.h>
#include <jansson.h>
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "support/tiny_server.h"

static const char WEIGHTS[] = "as if they were weights";

typedef struct {
    tiny_server server;
    char dir[64];
    char sha256[FR_SHA256_HEX];
    bool lies;
    atomic_int with_token; /* requests that had it */
} fixture;

static void put_files(const fixture *f, const char *const *names, fr_buf *body)
{
    fr_buf_put_s(body, "{\"siblings\":[");
    for (size_t i = 0; names[i] != NULL; i++)
        fr_buf_put_f(body, "%s{\"rfilename\":\"%s\",\"size\":23,\"lfs\":{\"sha256\":\"%s\"}}",
                     i > 0 ? "," : "", names[i], f->sha256);
    fr_buf_put_s(body, "]}");
}

static void answer(void *user, const tiny_request *r, fr_buf *out)
{
    static const char *const ONE[] = { "README.md", "model-q4.gguf", NULL };
    static const char *const TWO[] = { "model-q4.gguf", "model-q8.gguf", NULL };
    static const char *const PARTS[] = { "big-00001-of-00002.gguf", "big-00002-of-00002.gguf",
                                         NULL };
    static const char *const FOLDER[] = { "config.json",    "model.safetensors",
                                          "tokenizer.json", "onnx/model.safetensors",
                                          "README.md",      NULL };
    static const char *const EVIL[] = { "../../escaped.gguf", NULL };
    fixture *f = user;
    FR_AUTO(fr_buf) body = { 0 };
    f->with_token += strstr(r->head, "Authorization: Bearer secret") != NULL;
    const char *const *names = strstr(r->head, "/models/me/one/")      ? ONE
                               : strstr(r->head, "/models/me/two/")    ? TWO
                               : strstr(r->head, "/models/me/parts/")  ? PARTS
                               : strstr(r->head, "/models/me/folder/") ? FOLDER
                               : strstr(r->head, "/models/me/evil/")   ? EVIL
                                                                       : NULL;
    if (strstr(r->head, "GET /api/") == NULL) {
        tiny_answer(out, 200, "ETag: \"1\"\r\n", f->lies ? "something else entirely" : WEIGHTS);
    } else if (names == NULL) {
        tiny_answer(out, 404, "", "");
    } else {
        put_files(f, names, &body);
        tiny_answer(out, 200, "", fr_buf_text(&body));
    }
}

static int begin(void **state)
{
    fixture *f = FR_NEW(fixture);
    snprintf(f->dir, sizeof(f->dir), "/tmp/models_pull_test.XXXXXX");
    *state = f;
    if (mkdtemp(f->dir) == NULL || fr_sha256(WEIGHTS, strlen(WEIGHTS), f->sha256, NULL) != 0)
        return -1;
    setenv("XDG_DATA_HOME", f->dir, 1);
    setenv("HF_TOKEN", "secret", 1);
    unsetenv("FRUGAL_OFFLINE");
    int rc = tiny_server_start(&f->server, answer, f);
    setenv("HF_ENDPOINT", f->server.url, 1);
    return rc;
}

static int end(void **state)
{
    fixture *f = *state;
    char command[128];
    tiny_server_stop(&f->server);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
    int rc = system(command);
    free(f);
    return rc;
}

static int pull(const char *ref, const char *more, const char *value)
{
    char *argv[] = { (char *)"frugal",  (char *)"models", (char *)"pull", (char *)ref,
                     (char *)"--quiet", (char *)more,     (char *)value,  NULL };
    int out = dup(1), null = open("/dev/null", O_WRONLY);
    fflush(stdout);
    dup2(null, 1);
    int rc = fr_cli_main(more == NULL ? 5 : value == NULL ? 6 : 7, argv);
    fflush(stdout);
    dup2(out, 1);
    close(out);
    close(null);
    return rc;
}

static bool has(const fixture *f, const char *name)
{
    char *path = fr_dup_f("%s/frugal/models/%s", f->dir, name);
    bool there = fr_file_exists(path);
    free(path);
    return there;
}

static void the_only_gguf_file_is_fetched(void **state)
{
    fixture *f = *state;
    assert_int_equal(pull("hf:me/one", NULL, NULL), 0);
    assert_true(has(f, "me/one/model-q4.gguf"));
    assert_false(has(f, "me/one/README.md"));
    assert_int_equal(f->with_token, 2); /* the list and the file */
}

static void of_several_one_is_to_be_named(void **state)
{
    fixture *f = *state;
    assert_int_equal(pull("hf:me/two", NULL, NULL), 2);
    assert_false(has(f, "me/two/model-q4.gguf"));
    assert_int_equal(pull("hf:me/two/model-q8.gguf@v1.0", NULL, NULL), 0);
    assert_true(has(f, "me/two/model-q8.gguf"));
}

static void parts_of_a_file_come_together(void **state)
{
    fixture *f = *state;
    assert_int_equal(pull("hf:me/parts", NULL, NULL), 0);
    assert_true(has(f, "me/parts/big-00001-of-00002.gguf"));
    assert_true(has(f, "me/parts/big-00002-of-00002.gguf"));
}

static void without_gguf_what_convert_needs_is_fetched(void **state)
{
    fixture *f = *state;
    assert_int_equal(pull("hf:me/folder", NULL, NULL), 0);
    assert_true(has(f, "me/folder/config.json"));
    assert_true(has(f, "me/folder/model.safetensors"));
    assert_true(has(f, "me/folder/tokenizer.json"));
    assert_false(has(f, "me/folder/README.md"));
    assert_false(has(f, "me/folder/onnx/model.safetensors"));
}

static void a_hash_that_is_not_the_hubs_leaves_nothing(void **state)
{
    fixture *f = *state;
    f->lies = true;
    assert_int_equal(pull("hf:me/one", NULL, NULL), 1);
    assert_false(has(f, "me/one/model-q4.gguf"));
    assert_false(has(f, "me/one/model-q4.gguf.part"));
}

static void an_address_gets_no_token(void **state)
{
    fixture *f = *state;
    char url[128];
    snprintf(url, sizeof(url), "%s/x/small.gguf?key=1", f->server.url);
    assert_int_equal(pull(url, "--sha256", f->sha256), 0);
    assert_true(has(f, "small.gguf"));
    assert_int_equal(f->with_token, 0);
}

static void names_stay_in_the_folder(void **state)
{
    fixture *f = *state;
    char *escaped = fr_dup_f("%s/frugal/models/escaped.gguf", f->dir);
    assert_int_equal(pull("hf:me/evil", NULL, NULL), 1);
    assert_false(fr_file_exists(escaped));
    free(escaped);
    assert_int_equal(pull("hf:me/none", NULL, NULL), 1);
    assert_int_equal(pull("hf:me", NULL, NULL), 2);
    assert_int_equal(pull("hf:../../etc", NULL, NULL), 2);
    assert_int_equal(pull("ftp://example.org/x.gguf", NULL, NULL), 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(the_only_gguf_file_is_fetched),
        T(of_several_one_is_to_be_named),
        T(parts_of_a_file_come_together),
        T(without_gguf_what_convert_needs_is_fetched),
        T(a_hash_that_is_not_the_hubs_leaves_nothing),
        T(an_address_gets_no_token),
        T(names_stay_in_the_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
