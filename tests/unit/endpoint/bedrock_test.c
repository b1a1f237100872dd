/* Bedrock's Converse API against a server of this machine that answers as Bedrock does (answers of
 * our own making after AWS's documentation), holds the signature, throttles, and talks rubbish. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "endpoint/endpoint.h"
#include "net/sigv4.h"
#include "support/tiny_server.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define MODEL  "anthropic.claude-3-haiku-20240307-v1:0"

typedef enum {
    FINE,
    THROTTLED_TWICE,
    ALWAYS_THROTTLED,
    DENIED,
    UNKNOWN,
    RUBBISH,
    NO_MESSAGE
} manners;
typedef struct {
    tiny_server server;
    manners manners;
    int n_wrongly_signed;
    json_t *last; /* body of the last request */
    char path[256];
} rig;

/* Value of a header of the request; owned. */
static char *header(const char *head, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = strstr(head, "\r\n"); at != NULL; at = strstr(at, "\r\n")) {
        at += 2;
        if (strncasecmp(at, name, n) == 0 && at[n] == ':') {
            const char *from = at + n + 1;
            while (*from == ' ')
                from++;
            return fr_dup_n(from, (size_t)(strstr(from, "\r\n") - from));
        }
    }
    return fr_dup("");
}

/* What a receiver does: sign the request as it came, and compare. */
static bool is_signed(const rig *r, const tiny_request *q)
{
    char *date = header(q->head, "X-Amz-Date"), *got = header(q->head, "Authorization");
    char *token = header(q->head, "X-Amz-Security-Token");
    char iso[32] = "", path[256] = "";
    int64_t at_ns = 0;
    sscanf(q->head, "POST %255s", path);
    if (strlen(date) == 16)
        snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", date, date + 4, date + 6,
                 date + 9, date + 11, date + 13);
    fr_aws who = { .access_key = "AKIDEXAMPLE",
                   .secret_key = SECRET,
                   .session_token = "token",
                   .region = "eu-north-1",
                   .service = "bedrock" };
    char *url = fr_dup_f("%s%s", r->server.url, path);
    const char *headers[] = { "Content-Type: application/json", NULL };
    FR_AUTO(fr_sigv4_headers) by = { 0 };
    bool same = fr_time_parse(iso, &at_ns) && strcmp(token, "token") == 0 &&
                fr_sigv4(&who, "POST", url, headers, fr_buf_str(&q->body), at_ns, &by, NULL) == 0;
    bool found = false;
    for (size_t i = 0; same && i < by.n; i++) {
        fr_str line = fr_str_of(by.line[i]), head = FR_STR("Authorization: ");
        found = found || (fr_str_starts(line, head) && strcmp(by.line[i] + head.n, got) == 0);
    }
    free(url);
    free(date);
    free(got);
    free(token);
    return found;
}

static void say(const rig *r, fr_buf *out)
{
    const json_t *message = json_array_get(json_object_get(r->last, "messages"), 0);
    const char *asked = json_string_value(
        json_object_get(json_array_get(json_object_get(message, "content"), 0), "text"));
    char *text = fr_dup_f("<%s>\nand more", asked != NULL ? asked : "?");
    json_t *answer = json_pack(
        "{s:{s:{s:s, s:[{s:{s:{s:s}}}, {s:s}]}}, s:s, s:{s:i, s:i, s:i, s:i}, s:{s:i}}", "output",
        "message", "role", "assistant", "content", "reasoningContent", "reasoningText", "text",
        "hm", "text", text, "stopReason", "end_turn", "usage", "inputTokens", 11, "outputTokens", 4,
        "cacheReadInputTokens", 5, "totalTokens", 20, "metrics", "latencyMs", 120);
    char *body = json_dumps(answer, 0);
    tiny_answer(out, 200, "Content-Type: application/json\r\n", body);
    free(body);
    json_decref(answer);
    free(text);
}

static void bedrock(void *user, const tiny_request *q, fr_buf *out)
{
    static const char THROTTLING[] = "x-amzn-ErrorType: ThrottlingException\r\nRetry-After: 0\r\n";
    rig *r = user;
    json_decref(r->last);
    r->last = json_loadb(fr_buf_text(&q->body), q->body.n, 0, NULL);
    sscanf(q->head, "POST %255s", r->path);
    if (!is_signed(r, q)) {
        r->n_wrongly_signed++;
        tiny_answer(out, 403, "",
                    "{\"message\": \"The request signature we calculated does not match\"}");
        return;
    }
    switch (r->manners) {
    case THROTTLED_TWICE:
    case ALWAYS_THROTTLED:
        if (r->manners == ALWAYS_THROTTLED || q->number <= 2) {
            tiny_answer(out, 429, THROTTLING,
                        "{\"message\": \"Too many requests, please wait before trying again.\"}");
            return;
        }
        break;
    case DENIED:
        tiny_answer(out, 403, "x-amzn-ErrorType: AccessDeniedException\r\n",
                    "{\"Message\": \"You don't have access to the model\"}");
        return;
    case UNKNOWN:
        tiny_answer(out, 404, "", "{\"message\": \"Could not resolve the foundation model\"}");
        return;
    case RUBBISH:
        tiny_answer(out, 200, "", "{\"output\": {\"message\": ");
        return;
    case NO_MESSAGE:
        tiny_answer(out, 200, "", "{\"output\": {}, \"usage\": {\"inputTokens\": -3}}");
        return;
    case FINE:
        break;
    }
    say(r, out);
}

static int set_up(void **state)
{
    rig *r = FR_NEW(rig);
    *state = r;
    unsetenv("FRUGAL_OFFLINE");
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1);
    setenv("AWS_SESSION_TOKEN", "token", 1);
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    if (tiny_server_start(&r->server, bedrock, r) != 0)
        return -1;
    setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", r->server.url, 1);
    return 0;
}

static int tear_down(void **state)
{
    rig *r = *state;
    tiny_server_stop(&r->server);
    json_decref(r->last);
    free(r);
    return 0;
}

static int ask(const char *prompt, fr_answer *answer, fr_err *err)
{
    static const char *const STOP[] = { "\n", "END" };
    FR_AUTOPTR(fr_endpoint) e = NULL;
    FR_TRY(fr_endpoint_connect("bedrock:eu-north-1", MODEL, NULL, &e, err));
    fr_ask one = { .prompt = fr_str_of(prompt),
                   .sampling = { .max_tokens = 8,
                                 .temperature = 0.5,
                                 .top_p = 0.9,
                                 .top_k = 40,
                                 .stop = STOP,
                                 .n_stop = 2 } };
    return fr_endpoint_ask(e, &one, 1, answer, NULL, err);
}

static void a_prompt_is_signed_sent_and_answered_with_its_tokens(void **state)
{
    rig *r = *state;
    fr_answer a = { 0 };
    fr_err err = { 0 };
    if (ask("Wie gro\xc3\x9f?", &a, &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(a.text, "<Wie gro\xc3\x9f?>"); /* cut at the stop that Bedrock never saw */
    assert_int_equal(a.prompt_tokens, 16);
    assert_int_equal(a.cached_tokens, 5);
    assert_int_equal(a.completion_tokens, 4);
    assert_string_equal(a.finish_reason, "stop");
    assert_int_equal(r->n_wrongly_signed, 0);
    assert_string_equal(r->path, "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse");
    json_t *config = json_object_get(r->last, "inferenceConfig");
    assert_int_equal(json_integer_value(json_object_get(config, "maxTokens")), 8);
    assert_true(json_number_value(json_object_get(config, "topP")) == 0.9);
    json_t *stops = json_object_get(config, "stopSequences");
    assert_int_equal(json_array_size(stops), 1); /* white space alone is refused by models */
    assert_string_equal(json_string_value(json_array_get(stops, 0)), "END");
    json_t *more = json_object_get(r->last, "additionalModelRequestFields");
    assert_int_equal(json_integer_value(json_object_get(more, "top_k")), 40);
    fr_answer_fini(&a);
}

static void throttling_is_waited_for(void **state)
{
    rig *r = *state;
    r->manners = THROTTLED_TWICE;
    fr_answer a = { 0 };
    fr_err err = { 0 };
    if (ask("x", &a, &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(a.text, "<x>");
    assert_int_equal(r->server.n_requests, 3);
    fr_answer_fini(&a);
}

static void assert_refused(rig *r, manners m, const char *says, const char *hint)
{
    fr_answer a = { 0 };
    fr_err err = { 0 };
    r->manners = m;
    assert_int_equal(ask("x", &a, &err), FR_E_NETWORK);
    if (strstr(err.what, says) == NULL || strstr(err.hint, hint) == NULL)
        fail_msg("'%s' (%s) does not say '%s', '%s'", err.what, err.hint, says, hint);
    assert_null(strstr(err.what, SECRET));
    assert_null(a.text);
}

static void a_refusal_is_told_in_bedrocks_words_with_a_way_out(void **state)
{
    rig *r = *state;
    assert_refused(r, DENIED, "You don't have access", "bedrock:InvokeModel");
    assert_refused(r, UNKNOWN, "Could not resolve", "region");
    assert_refused(r, RUBBISH, "not JSON", "runtime");
    assert_refused(r, NO_MESSAGE, "no message", "runtime");
    assert_refused(r, ALWAYS_THROTTLED, "Too many requests", "quota");
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    fr_endpoint *e = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_endpoint_connect("bedrock:", MODEL, NULL, &e, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "AWS_REGION"));
    assert_int_equal(fr_endpoint_connect("bedrock:eu/../x", MODEL, NULL, &e, &err), FR_E_USAGE);
    assert_int_equal(fr_endpoint_connect("bedrock:eu-north-1", "", NULL, &e, &err), FR_E_USAGE);
    unsetenv("AWS_SECRET_ACCESS_KEY");
    assert_int_equal(fr_endpoint_connect("bedrock:eu-north-1", MODEL, NULL, &e, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "AWS_SECRET_ACCESS_KEY"));
    assert_true(fr_endpoint_is_address("bedrock:eu-north-1"));
    assert_false(fr_endpoint_address_is_local("bedrock:eu-north-1"));
}

/* By botocore 1.44.8, SigV4Auth(credentials, "bedrock", "eu-north-1"), at that time. */
static void the_signature_of_an_encoded_path_is_botocores(void **state)
{
    (void)state;
    fr_aws who = { .access_key = "AKIDEXAMPLE",
                   .secret_key = SECRET,
                   .region = "eu-north-1",
                   .service = "bedrock" };
    const char *headers[] = { "Content-Type: application/json", NULL };
    int64_t at_ns = 0;
    FR_AUTO(fr_sigv4_headers) by = { 0 };
    assert_true(fr_time_parse("2026-11-29T12:00:00Z", &at_ns));
    assert_int_equal(fr_sigv4(&who, "POST",
                              "https://bedrock-runtime.eu-north-1.amazonaws.com/model/"
                              "anthropic.claude-3-haiku-20240307-v1%3A0/converse",
                              headers, FR_STR("{\"messages\":[]}"), at_ns, &by, NULL),
                     0);
    bool found = false;
    for (size_t i = 0; i < by.n; i++)
        found = found || strstr(by.line[i], "4363316f42d0a9489bae65eb42504358b1a546f2204ca05dc2c9"
                                            "837232b11d40") != NULL;
    assert_true(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_prompt_is_signed_sent_and_answered_with_its_tokens,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(throttling_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_is_told_in_bedrocks_words_with_a_way_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_missing_is_named, set_up, tear_down),
        cmocka_unit_test(the_signature_of_an_encoded_path_is_botocores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
