/* retriever_http_test.c: OpenSearch and Kendra as servers on a port of this machine, which answer
 * in their documented forms: the good ones, and those of bad days. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "fixture.h"
#include "rag/retriever.h"
#include "support/tiny_server.h"

/* --- OpenSearch --------------------------------------------------------------------------------
 */

/* What the server has and what it is to do wrong. */
typedef struct {
    tiny_server server;
    json_t *documents; /* id → source; NULL: no index */
    json_t *mapping;
    char last_head[8192];
    fr_buf last_body;
    int throttle_items; /* so many items are put off with 429 */
    int refuse_status;  /* every request is answered so, unless 0 */
    const char *refuse_id;
    const char *raw; /* this instead of hits */
} cluster;

static bool begins(const tiny_request *q, const char *line)
{
    return strncmp(q->head, line, strlen(line)) == 0;
}

static void put_answer(fr_buf *out, int status, json_t *answer)
{
    char *text = json_dumps(answer, 0);
    tiny_answer(out, status, "Content-Type: application/json\r\n", text);
    free(text);
    json_decref(answer);
}

static json_t *bulk_item(cluster *c, const json_t *action, fr_str *rest)
{
    const json_t *body = json_object_get(action, "index");
    const char *id = json_string_value(json_object_get(body, "_id"));
    if (body == NULL) {
        id = json_string_value(json_object_get(json_object_get(action, "delete"), "_id"));
        int status = json_object_del(c->documents, id) == 0 ? 200 : 404;
        return json_pack("{s:{s:s, s:i}}", "delete", "_id", id, "status", status);
    }
    json_t *row = next_row(rest);
    int status = 201;
    if (c->throttle_items > 0) {
        c->throttle_items--;
        status = 429;
    } else if (c->refuse_id != NULL && strcmp(c->refuse_id, id) == 0) {
        status = 400;
    }
    json_t *item = json_pack("{s:{s:s, s:i}}", "index", "_id", id, "status", status);
    if (status == 201)
        json_object_set(c->documents, id, row);
    else
        json_object_set_new(
            json_object_get(item, "index"), "error",
            json_pack("{s:s, s:s}", "type",
                      status == 429 ? "es_rejected_execution_exception"
                                    : "mapper_parsing_exception",
                      "reason", status == 429 ? "queue is full" : "failed to parse field [start]"));
    json_decref(row);
    return item;
}

static json_t *search_answer(cluster *c, json_t *query)
{
    json_t *hits = json_array(), *row;
    const char *id, *asked = json_string_value(json_object_get(
                        json_object_get(json_object_get(query, "query"), "multi_match"), "query"));
    size_t size = (size_t)json_integer_value(json_object_get(query, "size"));
    json_object_foreach(c->documents, id, row)
    {
        const char *text = json_string_value(json_object_get(row, "text"));
        if (asked != NULL && strstr(text, asked) == NULL)
            continue;
        if (asked == NULL && json_object_get(row, "embedding") == NULL)
            continue;
        if (json_array_size(hits) < size)
            json_array_append_new(hits, json_pack("{s:s, s:f, s:O}", "_id", id, "_score",
                                                  2.5 - 0.5 * (double)json_array_size(hits),
                                                  "_source", row));
    }
    return json_pack("{s:i, s:{s:i, s:i, s:i}, s:{s:o}}", "took", 1, "_shards", "total", 1,
                     "successful", 1, "failed", 0, "hits", "hits", hits);
}

static void opensearch(void *user, const tiny_request *q, fr_buf *out)
{
    cluster *c = user;
    snprintf(c->last_head, sizeof(c->last_head), "%s", q->head);
    fr_buf_clear(&c->last_body);
    fr_buf_put_str(&c->last_body, fr_buf_str(&q->body));
    if (c->refuse_status != 0) {
        put_answer(out, c->refuse_status,
                   json_pack("{s:{s:s, s:s}, s:i}", "error", "type", "x_exception", "reason",
                             "the node is not in the mood", "status", c->refuse_status));
    } else if (begins(q, "GET /base/handbook/_mapping")) {
        if (c->documents == NULL)
            put_answer(out, 404,
                       json_pack("{s:{s:s}, s:i}", "error", "reason", "no such index [handbook]",
                                 "status", 404));
        else
            put_answer(out, 200, json_pack("{s:{s:O}}", "handbook", "mappings", c->mapping));
    } else if (begins(q, "PUT /base/handbook ")) {
        json_t *body = json_loadb(q->body.at, q->body.n, 0, NULL);
        c->mapping = json_incref(json_object_get(body, "mappings"));
        c->documents = json_object();
        json_decref(body);
        put_answer(out, 200, json_pack("{s:b}", "acknowledged", 1));
    } else if (begins(q, "POST /base/handbook/_bulk")) {
        json_t *items = json_array(), *action;
        fr_str rest = fr_buf_str(&q->body);
        while ((action = next_row(&rest)) != NULL) {
            json_array_append_new(items, bulk_item(c, action, &rest));
            json_decref(action);
        }
        put_answer(out, 200, json_pack("{s:i, s:b, s:o}", "took", 3, "errors", 1, "items", items));
    } else if (begins(q, "POST /base/handbook/_refresh")) {
        put_answer(out, 200, json_object());
    } else if (begins(q, "POST /base/handbook/_search")) {
        json_t *query = json_loadb(q->body.at, q->body.n, 0, NULL);
        if (c->raw != NULL)
            tiny_answer(out, 200, "", c->raw);
        else
            put_answer(out, 200, search_answer(c, query));
        json_decref(query);
    } else {
        tiny_answer(out, 405, "", "{}");
    }
}

static int cluster_up(void **state)
{
    cluster *c = FR_NEW(cluster);
    unsetenv("OPENSEARCH_USERNAME");
    unsetenv("OPENSEARCH_AWS_SERVICE");
    *state = c;
    return tiny_server_start(&c->server, opensearch, c);
}

static int cluster_down(void **state)
{
    cluster *c = *state;
    tiny_server_stop(&c->server);
    json_decref(c->documents);
    json_decref(c->mapping);
    fr_buf_fini(&c->last_body);
    free(c);
    return 0;
}

static fr_retriever_options quick(void)
{
    return (fr_retriever_options){ .timeout_s = 5.0, .retries = 2, .backoff_s = 0.001 };
}

static int open_index(cluster *c, const fr_retriever_options *o, fr_retriever **r, fr_err *err)
{
    char *url = fr_dup_f("opensearch+%s/base/handbook", c->server.url);
    int rc = fr_retriever_open(url, o, r, err);
    free(url);
    return rc;
}

static fr_retriever *opened(cluster *c)
{
    fr_retriever_options o = quick();
    fr_retriever *r = NULL;
    fr_err err = { 0 };
    if (open_index(c, &o, &r, &err) != 0)
        fail_msg("%s", err.what);
    return r;
}

static const fr_passage PAGES[] = {
    { .id = FR_STR("a#0"),
      .source = FR_STR("a"),
      .title = FR_STR("Bridges"),
      .text = FR_STR("a bridge of oak"),
      .start = 3,
      .end = 18 },
    { .id = FR_STR("b#0"), .source = FR_STR("b"), .text = FR_STR("a \"bridge\"\nof stone\xff") },
    { .id = FR_STR("c#0"), .source = FR_STR("c"), .text = FR_STR("a ford") },
};

static void passages_go_in_by_bulk_and_come_out_by_search(void **state)
{
    cluster *c = *state;
    FR_AUTOPTR(fr_retriever) r = opened(c);
    fr_err err = { 0 };
    if (fr_retriever_add(r, PAGES, 3, NULL, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(json_object_size(c->documents), 3);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(c->documents, "b#0"), "text")),
        "a \"bridge\"\nof stone\xef\xbf\xbd");
    FR_AUTO(fr_hits) hits = { 0 };
    assert_int_equal(
        fr_retriever_search(r, &(fr_question){ .text = FR_STR("bridge"), .k = 5 }, &hits, &err), 0);
    assert_int_equal(hits.n, 2);
    assert_string_equal(hits.at[0].id, "a#0");
    assert_string_equal(hits.at[0].source, "a");
    assert_string_equal(hits.at[0].text, "a bridge of oak");
    assert_int_equal(hits.at[0].start, 3);
    assert_int_equal(hits.at[0].end, 18);
    assert_true(hits.at[0].score == 2.5);
    assert_string_equal(fr_retriever_kind(r), "opensearch");
    fr_str gone[] = { FR_STR("a#0"), FR_STR("never there") };
    assert_int_equal(fr_retriever_remove(r, gone, 2, &err), 0);
    assert_int_equal(json_object_size(c->documents), 2);
}

static void a_bulk_that_fails_in_part_is_told_by_id_and_the_rest_is_in(void **state)
{
    cluster *c = *state;
    FR_AUTOPTR(fr_retriever) r = opened(c);
    fr_err err = { 0 };
    c->refuse_id = "b#0";
    assert_int_equal(fr_retriever_add(r, PAGES, 3, NULL, &err), FR_E_FAILED);
    assert_non_null(strstr(err.what, "refused 1 of 3"));
    assert_non_null(strstr(err.what, "'b#0': failed to parse field"));
    assert_int_equal(json_object_size(c->documents), 2);
}

static void what_is_throttled_is_sent_again_and_only_that(void **state)
{
    cluster *c = *state;
    FR_AUTOPTR(fr_retriever) r = opened(c);
    fr_err err = { 0 };
    c->throttle_items = 2;
    int before = c->server.n_requests;
    assert_int_equal(fr_retriever_add(r, PAGES, 3, NULL, &err), 0);
    assert_int_equal(json_object_size(c->documents), 3);
    assert_int_equal(c->server.n_requests - before, 4); /* PUT, bulk of 3, bulk of 2, refresh */
    c->throttle_items = 1000;
    assert_int_equal(fr_retriever_add(r, PAGES, 3, NULL, &err), FR_E_NETWORK);
    assert_non_null(strstr(err.what, "throttled 3"));
}

static void large_additions_are_cut_into_several_requests(void **state)
{
    cluster *c = *state;
    FR_AUTOPTR(fr_retriever) r = opened(c);
    enum { N = 2500 };
    fr_passage *many = FR_NEW_N(fr_passage, N);
    char(*ids)[16] = fr_array(N, sizeof(*ids));
    for (size_t i = 0; i < N; i++) {
        snprintf(ids[i], sizeof(ids[i]), "p%zu", i);
        many[i] = (fr_passage){ .id = fr_str_of(ids[i]), .text = FR_STR("text") };
    }
    int before = c->server.n_requests;
    assert_int_equal(fr_retriever_add(r, many, N, NULL, NULL), 0);
    assert_int_equal(json_object_size(c->documents), N);
    assert_int_equal(c->server.n_requests - before, 1 + 3 + 1);
    free(many);
    free(ids);
}

static void keys_are_sent_as_the_server_wants_them_and_told_to_nobody(void **state)
{
    cluster *c = *state;
    fr_retriever_options o = quick();
    fr_retriever *r = NULL;
    fr_err err = { 0 };
    setenv("OPENSEARCH_USERNAME", "ada", 1);
    setenv("OPENSEARCH_PASSWORD", "byron", 1);
    assert_int_equal(open_index(c, &o, &r, &err), 0);
    assert_non_null(strstr(c->last_head, "Authorization: Basic YWRhOmJ5cm9u\r\n"));
    fr_retriever_close(r);
    c->refuse_status = 403;
    assert_int_equal(open_index(c, &o, &r, &err), FR_E_PERMISSION);
    assert_null(strstr(err.what, "byron"));
    assert_non_null(strstr(err.what, "not in the mood"));
    c->refuse_status = 0;
    unsetenv("OPENSEARCH_USERNAME");
    setenv("OPENSEARCH_AWS_SERVICE", "aoss", 1);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI", 1);
    setenv("AWS_REGION", "eu-north-1", 1);
    assert_int_equal(open_index(c, &o, &r, &err), 0);
    assert_non_null(strstr(c->last_head, "/eu-north-1/aoss/aws4_request"));
    assert_non_null(strstr(c->last_head, "X-Amz-Content-Sha256: "));
    assert_null(strstr(c->last_head, "wJalrXUtnFEMI"));
    fr_retriever_close(r);
}

static void bad_days_of_a_server_are_errors_with_its_name(void **state)
{
    cluster *c = *state;
    FR_AUTOPTR(fr_retriever) r = opened(c);
    fr_question q = { .text = FR_STR("bridge"), .k = 3 };
    fr_hits hits;
    fr_err err = { 0 };
    assert_int_equal(fr_retriever_add(r, PAGES, 3, NULL, &err), 0);
    c->refuse_status = 503;
    int before = c->server.n_requests;
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), FR_E_NETWORK);
    assert_int_equal(c->server.n_requests - before, 3); /* and two more tries */
    assert_non_null(strstr(err.what, "handbook"));
    c->refuse_status = 404;
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), FR_E_NOT_FOUND);
    c->refuse_status = 0;
    static const char *const RUBBISH[] = { "",   "not json",      "[]",
                                           "{}", "{\"hits\": 3}", "{\"hits\": {\"hits\": {}}}" };
    for (size_t i = 0; i < FR_COUNT_OF(RUBBISH); i++) {
        c->raw = RUBBISH[i];
        assert_int_equal(fr_retriever_search(r, &q, &hits, &err), FR_E_NETWORK);
    }
    c->raw = "{\"hits\": {\"hits\": [3, {}, {\"_source\": 1, \"_score\": null}]}}";
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), 0);
    assert_int_equal(hits.n, 3);
    fr_hits_fini(&hits);
    setenv("FRUGAL_OFFLINE", "1", 1);
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), FR_E_NETWORK);
    assert_non_null(strstr(err.what, "FRUGAL_OFFLINE"));
    unsetenv("FRUGAL_OFFLINE");
}

static void vectors_are_pinned_to_their_model_and_fused_with_words(void **state)
{
    cluster *c = *state;
    fr_retriever_options mini = quick(), maxi = quick();
    mini.model = "mini";
    mini.model_hash = "aaaa1111";
    maxi.model = "maxi";
    maxi.model_hash = "bbbb2222";
    fr_retriever *r = NULL;
    fr_err err = { 0 };
    static const float x[] = { 1.0f, 0.0f };
    fr_passage p[2] = { PAGES[0], PAGES[2] };
    p[1].vector = x;
    p[1].dim = 2;
    p[0].vector = x;
    p[0].dim = 2;
    assert_int_equal(open_index(c, &mini, &r, &err), 0);
    assert_int_equal(fr_retriever_add(r, p, 2, NULL, &err), 0);
    fr_question q = { .text = FR_STR("ford"), .vector = x, .dim = 2, .k = 2 };
    fr_hits hits;
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), 0);
    assert_int_equal(hits.n, 2);
    assert_string_equal(hits.at[0].id, "c#0"); /* in both lists */
    fr_hits_fini(&hits);
    assert_non_null(strstr(fr_buf_text(&c->last_body), "\"knn\""));
    q.dim = 1;
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), FR_E_UNSUPPORTED);
    fr_retriever_close(r);
    assert_int_equal(open_index(c, &maxi, &r, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "mini"));
    assert_non_null(strstr(err.what, "maxi"));
}

static void addresses_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "opensearch+http://host",     "opensearch+http:///index",
        "opensearch+http://host/a?b", "opensearch+https://user:secret@host/index",
        "kendra:eu-west-1",           "kendra:/x",
        "kendra:eu west/x",           "kendra:evil.example.org#/x",
        "mongodb://host/x",
    };
    for (size_t i = 0; i < FR_COUNT_OF(BAD); i++) {
        fr_retriever *r = NULL;
        fr_err err = { 0 };
        if (fr_retriever_open(BAD[i], NULL, &r, &err) != FR_E_USAGE)
            fail_msg("%s: %s", BAD[i], err.what);
        assert_null(strstr(err.what, "secret"));
    }
    assert_true(fr_retriever_is_store("kendra:a/b"));
    assert_false(fr_retriever_is_store("docs/index.db"));
}

/* --- Kendra ------------------------------------------------------------------------------------
 */

typedef struct {
    tiny_server server;
    char last_head[8192];
    fr_buf last_body;
    int throttle;
    size_t n_passages;
    const char *error; /* JSON of an error with status 400 */
} kendra;

static void retrieve(void *user, const tiny_request *q, fr_buf *out)
{
    kendra *k = user;
    snprintf(k->last_head, sizeof(k->last_head), "%s", q->head);
    fr_buf_clear(&k->last_body);
    fr_buf_put_str(&k->last_body, fr_buf_str(&q->body));
    if (k->throttle > 0 || k->error != NULL) {
        tiny_answer(out, 400, "Content-Type: application/x-amz-json-1.1\r\n",
                    k->throttle-- > 0
                        ? "{\"__type\":\"com.amazonaws.kendra#ThrottlingException\",\"message\":"
                          "\"Rate exceeded\"}"
                        : k->error);
        return;
    }
    json_t *body = json_loadb(q->body.at, q->body.n, 0, NULL), *items = json_array();
    size_t size = (size_t)json_integer_value(json_object_get(body, "PageSize")),
           page = (size_t)json_integer_value(json_object_get(body, "PageNumber"));
    for (size_t i = (page - 1) * size; i < page * size && i < k->n_passages; i++) {
        char id[32];
        snprintf(id, sizeof(id), "passage-%zu", i);
        json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s}}", "Id", id,
                                               "DocumentId", "doc", "DocumentTitle", "Title",
                                               "Content", "some text", "DocumentURI",
                                               "https://example.org/doc", "ScoreAttributes",
                                               "ScoreConfidence", i == 0 ? "VERY_HIGH" : "MEDIUM"));
    }
    json_decref(body);
    put_answer(out, 200, json_pack("{s:s, s:o}", "QueryId", "q", "ResultItems", items));
}

static int kendra_up(void **state)
{
    kendra *k = FR_NEW(kendra);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI", 1);
    unsetenv("AWS_REGION");
    *state = k;
    int rc = tiny_server_start(&k->server, retrieve, k);
    setenv("AWS_ENDPOINT_URL_KENDRA", k->server.url, 1);
    return rc;
}

static int kendra_down(void **state)
{
    kendra *k = *state;
    tiny_server_stop(&k->server);
    fr_buf_fini(&k->last_body);
    free(k);
    unsetenv("AWS_ENDPOINT_URL_KENDRA");
    return 0;
}

static fr_retriever *kendra_opened(void)
{
    fr_retriever_options o = quick();
    fr_retriever *r = NULL;
    fr_err err = { 0 };
    if (fr_retriever_open("kendra:eu-west-1/1234-abcd", &o, &r, &err) != 0)
        fail_msg("%s", err.what);
    return r;
}

static void kendra_is_asked_by_a_signed_request_page_by_page(void **state)
{
    kendra *k = *state;
    FR_AUTOPTR(fr_retriever) r = kendra_opened();
    fr_hits hits;
    fr_err err = { 0 };
    k->n_passages = 130;
    fr_question q = { .text = FR_STR("who built it?"), .k = 120 };
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), 0);
    assert_int_equal(hits.n, 120);
    assert_int_equal(k->server.n_requests, 2);
    assert_string_equal(hits.at[0].id, "passage-0");
    assert_string_equal(hits.at[0].source, "doc");
    assert_string_equal(hits.at[119].id, "passage-119");
    for (size_t i = 1; i < hits.n; i++)
        assert_true(hits.at[i].score < hits.at[i - 1].score);
    fr_hits_fini(&hits);
    assert_non_null(strstr(k->last_head, "X-Amz-Target: AWSKendraFrontendService.Retrieve"));
    assert_non_null(strstr(k->last_head, "/eu-west-1/kendra/aws4_request"));
    assert_non_null(strstr(k->last_head, "x-amz-target"));
    assert_non_null(strstr(fr_buf_text(&k->last_body), "\"IndexId\":\"1234-abcd\""));
    q.k = 5;
    q.source = FR_STR("doc");
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), 0);
    assert_non_null(strstr(fr_buf_text(&k->last_body), "_document_id"));
    fr_hits_fini(&hits);
    assert_int_equal(fr_retriever_add(r, PAGES, 1, NULL, &err), FR_E_UNSUPPORTED);
}

static void kendras_throttling_is_waited_out_and_its_refusals_are_told(void **state)
{
    kendra *k = *state;
    FR_AUTOPTR(fr_retriever) r = kendra_opened();
    fr_question q = { .text = FR_STR("x"), .k = 3 };
    fr_hits hits;
    fr_err err = { 0 };
    k->n_passages = 1;
    k->throttle = 2;
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), 0);
    assert_int_equal(hits.n, 1);
    assert_int_equal(k->server.n_requests, 3);
    fr_hits_fini(&hits);
    k->throttle = 100;
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), FR_E_NETWORK);
    assert_non_null(strstr(err.what, "ThrottlingException: Rate exceeded"));
    k->throttle = 0;
    k->error = "{\"__type\":\"AccessDeniedException\",\"Message\":\"not you\"}";
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), FR_E_PERMISSION);
    assert_non_null(strstr(err.what, "not you"));
    k->error = "{\"__type\":\"ResourceNotFoundException\",\"message\":\"no index\"}";
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), FR_E_NOT_FOUND);
    k->error = "<html>";
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), FR_E_NETWORK);
    unsetenv("AWS_SECRET_ACCESS_KEY");
    fr_retriever *none = NULL;
    assert_int_equal(fr_retriever_open("kendra:eu-west-1/x", NULL, &none, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "AWS_SECRET_ACCESS_KEY"));
}

int main(void)
{
#define CLUSTER(test) cmocka_unit_test_setup_teardown(test, cluster_up, cluster_down)
#define KENDRA(test)  cmocka_unit_test_setup_teardown(test, kendra_up, kendra_down)
    const struct CMUnitTest tests[] = {
        CLUSTER(passages_go_in_by_bulk_and_come_out_by_search),
        CLUSTER(a_bulk_that_fails_in_part_is_told_by_id_and_the_rest_is_in),
        CLUSTER(what_is_throttled_is_sent_again_and_only_that),
        CLUSTER(large_additions_are_cut_into_several_requests),
        CLUSTER(keys_are_sent_as_the_server_wants_them_and_told_to_nobody),
        CLUSTER(bad_days_of_a_server_are_errors_with_its_name),
        CLUSTER(vectors_are_pinned_to_their_model_and_fused_with_words),
        cmocka_unit_test(addresses_that_are_none_are_refused),
        KENDRA(kendra_is_asked_by_a_signed_request_page_by_page),
        KENDRA(kendras_throttling_is_waited_out_and_its_refusals_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
