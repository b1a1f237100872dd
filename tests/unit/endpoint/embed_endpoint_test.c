/* embed_endpoint_test.c: embeddings and scores by a command, a server and our own engine. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <jansson.h>
#include <math.h>

#include "endpoint/endpoint.h"
#include "support/tiny_server.h"

#define GOLDEN(name) FR_SOURCE_DIR "/tests/fixtures/models/golden/" name ".gguf"

static const fr_str TEXTS[] = { FR_STR("a"), FR_STR("b \"quoted\"\nline"), FR_STR("c\xff") };

static void a_command_embeds_and_scores_line_by_line(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_endpoint) e = NULL;
    fr_err err = { 0 };
    fr_endpoint_command("while read -r l; do n=$((n+1)); echo \"{\\\"embedding\\\": [$n, 0.5], "
                        "\\\"tokens\\\": 4}\"; done",
                        NULL, 10, &e, NULL);
    FR_AUTO(fr_embeddings) x = { 0 };
    if (fr_endpoint_embed(e, TEXTS, 3, &x, NULL, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(x.dim, 2);
    assert_int_equal(x.tokens, 12);
    assert_true(x.at[4] == 3.0f && x.at[5] == 0.5f);
    FR_AUTO(fr_buf) mark = { 0 };
    assert_int_equal(fr_endpoint_mark(e, &mark, NULL), 0);
    assert_true(fr_str_starts(fr_buf_str(&mark), FR_STR("name:while")));
    FR_AUTOPTR(fr_endpoint) ranks = NULL;
    fr_endpoint_command("while read -r l; do case $l in *'\"passage\":\"a\"'*) echo '{\"score\": "
                        "2}';; *) echo '{\"score\": -1.5}';; esac; done",
                        NULL, 10, &ranks, NULL);
    double scores[3];
    assert_int_equal(fr_endpoint_rank(ranks, FR_STR("q"), TEXTS, 3, scores, NULL, &err), 0);
    assert_true(scores[0] == 2.0 && scores[2] == -1.5);
    FR_AUTOPTR(fr_endpoint) uneven = NULL;
    fr_endpoint_command("read -r l; echo '{\"embedding\": [1]}'; read -r l; echo "
                        "'{\"embedding\": [1, 2]}'; read -r l; echo '{}'",
                        NULL, 10, &uneven, NULL);
    fr_embeddings none = { 0 };
    assert_int_equal(fr_endpoint_embed(uneven, TEXTS, 3, &none, NULL, &err), FR_E_CHILD);
    assert_non_null(strstr(err.what, "line 2"));
    assert_null(none.at);
}

/* --- a server ----------------------------------------------------------------------------------
 */

typedef struct {
    tiny_server server;
    const char *raw;
    int status;
    char path[64];
} api;

static void answer(void *user, const tiny_request *q, fr_buf *out)
{
    api *a = user;
    snprintf(a->path, sizeof(a->path), "%.*s", (int)strcspn(q->head + 5, " "), q->head + 5);
    if (a->raw != NULL) {
        tiny_answer(out, a->status, "", a->raw);
        return;
    }
    json_t *body = json_loadb(q->body.at, q->body.n, 0, NULL), *list = json_array();
    bool ranks = strstr(a->path, "rerank") != NULL;
    size_t n = json_array_size(json_object_get(body, ranks ? "documents" : "input"));
    for (size_t i = n; i-- > 0;) /* backwards: the index counts */
        json_array_append_new(list, ranks ? json_pack("{s:I, s:f}", "index", (json_int_t)i,
                                                      "relevance_score", (double)i / 2)
                                          : json_pack("{s:I, s:[f,f]}", "index", (json_int_t)i,
                                                      "embedding", (double)i, 1.0));
    json_t *all = json_pack("{s:o, s:{s:I}}", ranks ? "results" : "data", list, "usage",
                            "total_tokens", (json_int_t)n);
    char *text = json_dumps(all, 0);
    tiny_answer(out, 200, "", text);
    free(text);
    json_decref(all);
    json_decref(body);
}

static void a_server_is_asked_as_openai_and_the_rerankers_have_it(void **state)
{
    (void)state;
    api a = { .status = 200 };
    assert_int_equal(tiny_server_start(&a.server, answer, &a), 0);
    char url[96];
    snprintf(url, sizeof(url), "%s/v1/", a.server.url);
    fr_endpoint *e = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_endpoint_http(url, "m", &e, &err), 0);
    enum { N = 150 };
    fr_str many[N];
    for (size_t i = 0; i < N; i++)
        many[i] = TEXTS[i % 3];
    FR_AUTO(fr_embeddings) x = { 0 };
    if (fr_endpoint_embed(e, many, N, &x, NULL, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(a.server.n_requests, 3);
    assert_string_equal(a.path, "/v1/embeddings");
    assert_int_equal(x.tokens, N);
    assert_true(x.at[2 * 63] == 63.0f && x.at[2 * 64] == 0.0f && x.at[2 * 149 + 1] == 1.0f);
    double scores[N];
    assert_int_equal(fr_endpoint_rank(e, FR_STR("q"), many, N, scores, NULL, &err), 0);
    assert_true(scores[0] == 0.0 && scores[149] == 74.5);
    static const char *const RUBBISH[] = {
        "x",
        "{}",
        "{\"data\": [{\"index\": 5, \"embedding\": [1]}]}",
        "{\"data\": [{\"embedding\": []}]}",
        "{\"data\": [{\"embedding\": [\"1\"]}]}",
        "{\"data\": [{\"embedding\": [1]}, {\"embedding\": [1]}]}",
    };
    for (size_t i = 0; i < FR_COUNT_OF(RUBBISH); i++) {
        fr_embeddings none = { 0 };
        a.raw = RUBBISH[i];
        assert_int_equal(fr_endpoint_embed(e, many, 1, &none, NULL, &err), FR_E_NETWORK);
        assert_null(none.at);
        assert_int_equal(fr_endpoint_rank(e, FR_STR("q"), many, 1, scores, NULL, &err),
                         FR_E_NETWORK);
    }
    a.raw = "{\"error\": {\"message\": \"no such model\"}}";
    a.status = 404;
    fr_embeddings none = { 0 };
    assert_int_equal(fr_endpoint_embed(e, many, 1, &none, NULL, &err), FR_E_NETWORK);
    assert_non_null(strstr(err.what, "no such model"));
    fr_endpoint_free(e); /* lets go of its connection, which the server waits for */
    tiny_server_stop(&a.server);
}

/* --- our engine --------------------------------------------------------------------------------
 */

static void our_engine_embeds_and_ranks_and_says_which_model_it_is(void **state)
{
    (void)state;
    fr_err err = { 0 };
    FR_AUTOPTR(fr_embedder) bert = NULL;
    FR_AUTOPTR(fr_embedder) classes = NULL;
    FR_AUTOPTR(fr_endpoint) e = NULL;
    FR_AUTOPTR(fr_endpoint) r = NULL;
    fr_embedder_options one = { .threads = 1 };
    if (fr_embedder_open(GOLDEN("bert"), &one, &bert, &err) != 0 ||
        fr_embedder_open(GOLDEN("bert-classes"), &one, &classes, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(fr_endpoint_embedder(bert, &e, &err), 0);
    assert_int_equal(fr_endpoint_embedder(classes, &r, &err), 0);
    enum { N = 70 };
    fr_str texts[N];
    for (size_t i = 0; i < N; i++)
        texts[i] = i % 2 == 0 ? FR_STR("abc de") : FR_STR("x");
    FR_AUTO(fr_embeddings) x = { 0 };
    if (fr_endpoint_embed(e, texts, N, &x, NULL, &err) != 0)
        fail_msg("%s", err.what);
    float alone[64];
    assert_true(x.dim <= 64 && x.tokens > N);
    assert_int_equal(fr_embedder_embed(bert, &texts[1], 1, alone, NULL), 0);
    assert_memory_equal(alone, x.at + 69 * x.dim, x.dim * sizeof(float));
    FR_AUTO(fr_buf) mark = { 0 };
    assert_int_equal(fr_endpoint_mark(e, &mark, NULL), 0);
    assert_int_equal(mark.n, 64);
    double scores[N];
    if (fr_endpoint_rank(r, FR_STR("abc"), texts, N, scores, NULL, &err) != 0)
        fail_msg("%s", err.what);
    assert_true(isfinite(scores[0]) && scores[0] == scores[68] && scores[1] == scores[69]);
    assert_false(fr_endpoint_can_rank(e));
    assert_true(fr_endpoint_can_embed(e));
    assert_int_equal(fr_endpoint_rank(e, FR_STR("q"), texts, 1, scores, NULL, &err),
                     FR_E_UNSUPPORTED);
    fr_ask ask = { .prompt = FR_STR("x") };
    fr_answer none;
    assert_int_equal(fr_endpoint_ask(e, &ask, 1, &none, NULL, &err), FR_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_embeds_and_scores_line_by_line),
        cmocka_unit_test(a_server_is_asked_as_openai_and_the_rerankers_have_it),
        cmocka_unit_test(our_engine_embeds_and_ranks_and_says_which_model_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
