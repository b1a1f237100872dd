/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <jansson.h>
#include <unistd.h>

#include "base/clock.h"
#include "endpoint/endpoint.h"
#include "support/tiny_model.h"
#include "support/tiny_server.h"

static fr_ask ask_for(const char *prompt)
{
    static const char *const STOP[] = { "\n" };
    return (fr_ask){ .prompt = fr_str_of(prompt),
                     .sampling = { .max_tokens = 8, .stop = STOP, .n_stop = 1 } };
}

static void answers_fini(fr_answer *answers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fr_answer_fini(&answers[i]);
}

/* --- a command ----------------------------------------------------------------------------------
 */

static fr_endpoint *command(const char *shell, double timeout_s)
{
    fr_endpoint *e = NULL;
    assert_int_equal(fr_endpoint_command(shell, NULL, timeout_s, &e, NULL), 0);
    return e;
}

static void a_command_answers_line_by_line_in_order(void **state)
{
    (void)state;
    static const char SHELL[] = "while read -r l; do n=$((n+1)); case $l in\n"
                                "*'\"prompt\":\"a\\nb\"'*'\"max_tokens\":8'*) echo '{\"text\": "
                                "\"first\", \"prompt_tokens\": 3}';;\n"
                                "*) echo; echo '{\"text\": \"n'$n'\"}';; esac; done";
    FR_AUTOPTR(fr_endpoint) e = command(SHELL, 10);
    fr_ask asks[2] = { ask_for("a\nb"), ask_for("c \xff") };
    fr_answer answers[2];
    fr_err err = { 0 };
    if (fr_endpoint_ask(e, asks, 2, answers, NULL, &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(answers[0].text, "first");
    assert_int_equal(answers[0].prompt_tokens, 3);
    assert_string_equal(answers[1].text, "n2");
    assert_int_equal(answers[1].completion_tokens, 0);
    answers_fini(answers, 2);
    assert_true(fr_endpoint_is_local(e));
    assert_false(fr_endpoint_can_score(e));
    assert_int_equal(fr_endpoint_count(e, FR_STR("x")), 0);
    assert_int_equal(fr_endpoint_score(e, NULL, 0, NULL, &err), FR_E_UNSUPPORTED);
}

static void assert_command_fails(const char *shell, double timeout_s, int code, const char *says)
{
    FR_AUTOPTR(fr_endpoint) e = command(shell, timeout_s);
    fr_ask asks[2] = { ask_for("a"), ask_for("b") };
    fr_answer answers[2];
    fr_err err = { 0 };
    assert_int_equal(fr_endpoint_ask(e, asks, 2, answers, NULL, &err), code);
    if (strstr(err.what, says) == NULL)
        fail_msg("'%s' does not say '%s'", err.what, says);
    assert_null(answers[0].text);
    assert_null(answers[1].text);
}

static void a_command_that_misbehaves_is_told_apart(void **state)
{
    (void)state;
    assert_command_fails("cat >/dev/null; echo '{\"text\": \"x\"}'; echo Loading...", 10,
                         FR_E_CHILD, "line 2");
    assert_command_fails("cat >/dev/null; echo '{\"txt\": \"x\"}'", 10, FR_E_CHILD, "line 1");
    assert_command_fails("cat >/dev/null; echo '{\"text\": \"x\"}'", 10, FR_E_CHILD,
                         "1 answers to 2");
    assert_command_fails("cat >/dev/null; for i in 1 2 3; do echo '{\"text\": \"x\"}'; done", 10,
                         FR_E_CHILD, "more than 2");
    assert_command_fails("echo out of luck >&2; exit 3", 10, FR_E_CHILD, "status 3: out of luck");
    assert_command_fails("no-such-program-anywhere", 10, FR_E_CHILD, "127");
    assert_command_fails("sleep 60", 0.2, FR_E_LIMIT, "");
    fr_endpoint *e = NULL;
    assert_int_equal(fr_endpoint_command("  ", NULL, 0, &e, NULL), FR_E_USAGE);
}

/* --- a server -----------------------------------------------------------------------------------
 */

typedef enum { FULL, CHAT_ONLY, ONE_PROMPT, NO_KEY, SILENT, RUBBISH } manners;
typedef struct {
    tiny_server server;
    manners manners;
    int lists, singles, chats;
} server;

static void put_choice(json_t *choices, size_t index, const char *prompt, bool chat)
{
    char *text = fr_dup_f("<%s>", prompt);
    json_t *choice =
        json_pack("{s:i, s:s}", "index", (int)index, "finish_reason", chat ? "length" : "stop");
    if (chat)
        json_object_set_new(choice, "message",
                            json_pack("{s:s, s:s}", "role", "assistant", "content", text));
    else
        json_object_set_new(choice, "text", json_string(text));
    json_array_insert_new(choices, 0, choice); /* backwards: the index counts, not the order */
    free(text);
}

/* The answer to a request that is in order. */
static void say(const json_t *body, bool chat, fr_buf *out)
{
    json_t *prompt = json_object_get(body, "prompt"), *choices = json_array(), *one;
    json_t *first = json_array_get(json_object_get(body, "messages"), 0);
    size_t i;
    if (chat)
        put_choice(choices, 0, json_string_value(json_object_get(first, "content")), true);
    else if (json_is_string(prompt))
        put_choice(choices, 0, json_string_value(prompt), false);
    json_array_foreach(prompt, i, one) put_choice(choices, i, json_string_value(one), false);
    int n = (int)json_array_size(choices);
    json_t *answer = json_pack("{s:o, s:{s:i, s:i}}", "choices", choices, "usage", "prompt_tokens",
                               10 * n, "completion_tokens", 2 * n);
    char *text = json_dumps(answer, 0);
    tiny_answer(out, 200, "Content-Type: application/json\r\n", text);
    free(text);
    json_decref(answer);
}

static bool sampling_arrived(const json_t *body)
{
    const char *stop = json_string_value(json_array_get(json_object_get(body, "stop"), 0));
    return json_integer_value(json_object_get(body, "max_tokens")) == 8 && stop != NULL &&
           strcmp(stop, "\n") == 0;
}

static void openai(void *user, const tiny_request *r, fr_buf *out)
{
    server *s = user;
    json_t *body = json_loadb(fr_buf_text(&r->body), r->body.n, 0, NULL);
    json_t *prompt = json_object_get(body, "prompt");
    bool chat = strstr(r->head, "/v1/chat/completions") != NULL;
    s->lists += json_is_array(prompt);
    s->singles += json_is_string(prompt);
    s->chats += chat;
    if (s->manners == NO_KEY && strstr(r->head, "Authorization: Bearer sesame\r\n") == NULL)
        tiny_answer(out, 401, "", "{\"error\": {\"message\": \"Incorrect API key provided\"}}");
    else if (s->manners == RUBBISH)
        tiny_answer(out, 200, "", "<html>");
    else if (s->manners == SILENT)
        tiny_answer(out, 404, "", "{\"detail\": \"no model of that name\"}");
    else if (s->manners == CHAT_ONLY && !chat)
        tiny_answer(out, 404, "", "not found");
    else if (s->manners == ONE_PROMPT && json_is_array(prompt))
        tiny_answer(out, 400, "", "{\"error\": \"prompt must be a string\"}");
    else if (!sampling_arrived(body))
        tiny_answer(out, 400, "", "{\"error\": \"sampling did not arrive\"}");
    else
        say(body, chat, out);
    json_decref(body);
}

static int serve(void **state)
{
    server *s = FR_NEW(server);
    unsetenv("FRUGAL_OFFLINE");
    unsetenv("FRUGAL_API_KEY");
    *state = s;
    return tiny_server_start(&s->server, openai, s);
}

static int stop(void **state)
{
    server *s = *state;
    tiny_server_stop(&s->server);
    free(s);
    return 0;
}

static fr_endpoint *endpoint_at(const server *s)
{
    fr_endpoint *e = NULL;
    fr_err err = { 0 };
    char *url = fr_dup_f("%s/v1/", s->server.url);
    if (fr_endpoint_http(url, "small", &e, &err) != 0)
        fail_msg("%s", err.what);
    free(url);
    return e;
}

#define N_ASKED 20
static void assert_answers_all(fr_endpoint *e, const char *finish)
{
    fr_ask asks[N_ASKED];
    fr_answer answers[N_ASKED];
    char prompts[N_ASKED][16];
    fr_err err = { 0 };
    for (size_t i = 0; i < N_ASKED; i++) {
        snprintf(prompts[i], sizeof(prompts[i]), "p%zu", i);
        asks[i] = ask_for(prompts[i]);
    }
    if (fr_endpoint_ask(e, asks, N_ASKED, answers, NULL, &err) != 0)
        fail_msg("%s", err.what);
    for (size_t i = 0; i < N_ASKED; i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "<p%zu>", i);
        assert_string_equal(answers[i].text, expected);
        assert_int_equal(answers[i].prompt_tokens, 10);
        assert_int_equal(answers[i].completion_tokens, 2);
        assert_string_equal(answers[i].finish_reason, finish);
    }
    answers_fini(answers, N_ASKED);
}

static void a_server_is_asked_several_prompts_at_once(void **state)
{
    server *s = *state;
    FR_AUTOPTR(fr_endpoint) e = endpoint_at(s);
    assert_answers_all(e, "stop");
    assert_int_equal(s->lists, 2); /* 16 and 4 */
    assert_int_equal(s->server.n_connections, 1);
    assert_false(fr_endpoint_is_local(e));
    assert_string_equal(fr_endpoint_name(e), "small");
}

static void a_server_that_takes_one_prompt_is_asked_one_by_one(void **state)
{
    server *s = *state;
    s->manners = ONE_PROMPT;
    FR_AUTOPTR(fr_endpoint) e = endpoint_at(s);
    assert_answers_all(e, "stop");
    assert_int_equal(s->lists, 1); /* learned from the first refusal */
    assert_int_equal(s->singles, N_ASKED);
}

static void a_server_that_only_chats_is_chatted_with(void **state)
{
    server *s = *state;
    s->manners = CHAT_ONLY;
    FR_AUTOPTR(fr_endpoint) e = endpoint_at(s);
    assert_answers_all(e, "length");
    assert_int_equal(s->chats, N_ASKED);
    assert_in_range(s->lists + s->singles, 1, 2);
}

static void assert_refusal(server *s, const char *says)
{
    FR_AUTOPTR(fr_endpoint) e = endpoint_at(s);
    fr_ask asks[2] = { ask_for("a"), ask_for("b") };
    fr_answer answers[2];
    fr_err err = { 0 };
    assert_int_equal(fr_endpoint_ask(e, asks, 2, answers, NULL, &err), FR_E_NETWORK);
    if (strstr(err.what, says) == NULL)
        fail_msg("'%s' does not say '%s'", err.what, says);
    assert_null(answers[0].text);
}

static void a_servers_refusal_is_told_in_its_own_words(void **state)
{
    server *s = *state;
    s->manners = NO_KEY;
    assert_refusal(s, "status 401: Incorrect API key provided");
    setenv("FRUGAL_API_KEY", "sesame", 1);
    fr_endpoint *e = endpoint_at(s);
    assert_answers_all(e, "stop");
    fr_endpoint_free(e); /* the test's server holds one connection at a time */
    unsetenv("FRUGAL_API_KEY");
    s->manners = SILENT;
    assert_refusal(s, "no model of that name");
    s->manners = RUBBISH;
    assert_refusal(s, "not JSON");
}

static void an_address_is_checked_before_anything_is_sent(void **state)
{
    (void)state;
    fr_endpoint *e = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_endpoint_http("localhost:8000", "m", &e, &err), FR_E_USAGE);
    assert_int_equal(fr_endpoint_http("http://h/v1?key=secret", "m", &e, &err), FR_E_USAGE);
    assert_null(strstr(err.what, "secret"));
    assert_int_equal(fr_endpoint_http("http://h/v1", "", &e, &err), FR_E_USAGE);
    assert_null(e);
}

/* --- our engine ---------------------------------------------------------------------------------
 */

static void the_engine_answers_a_batch_as_it_answers_one_by_one(void **state)
{
    (void)state;
    char dir[] = "/tmp/frugal-endpoint-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = tiny_model_write(&(tiny_model){ 0 }, dir);
    fr_engine *engine = NULL;
    assert_int_equal(fr_engine_open(path, &(fr_engine_options){ .threads = 1 }, &engine, NULL), 0);
    fr_endpoint *e = NULL;
    assert_int_equal(fr_endpoint_engine(engine, NULL, &e, NULL), 0);
    fr_ask asks[20];
    fr_answer answers[20], alone;
    for (size_t i = 0; i < 20; i++)
        asks[i] = ask_for(i % 2 == 0 ? "the rain in" : "an other");
    asks[3].sampling.stop = NULL;
    asks[3].sampling.n_stop = 0;
    assert_int_equal(fr_endpoint_ask(e, asks, 20, answers, NULL, NULL), 0);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(fr_endpoint_ask(e, &asks[i], 1, &alone, NULL, NULL), 0);
        assert_string_equal(answers[i].text, alone.text);
        assert_true(answers[i].prompt_tokens > 0);
        fr_answer_fini(&alone);
    }
    answers_fini(answers, 20);
    assert_true(fr_endpoint_can_score(e) && fr_endpoint_is_local(e));
    assert_int_equal(fr_endpoint_context(e), 128);
    assert_in_range(fr_endpoint_count(e, FR_STR("the rain")), 2, 8);
    fr_scored items[2] = { { .prompt = FR_STR("the"), .continuation = FR_STR(" rain") },
                           { .prompt = FR_STR("the"), .continuation = FR_STR(" sun") } };
    assert_int_equal(fr_endpoint_score(e, items, 2, NULL, NULL), 0);
    assert_true(items[0].logprob < 0.0 && items[0].n_tokens > 0);

    /* a prompt that does not fit is named, and the engine is left idle */
    char *big = FR_NEW_N(char, 4001);
    memset(big, 'x', 4000);
    asks[1] = ask_for(big);
    fr_err err = { 0 };
    assert_int_equal(fr_endpoint_ask(e, asks, 3, answers, NULL, &err), FR_E_LIMIT);
    assert_non_null(strstr(err.what, "prompt 2 of 3"));
    assert_false(fr_engine_busy(engine));
    free(big);
    fr_endpoint_free(e);
    fr_engine_free(engine);
    unlink(path);
    rmdir(dir);
    free(path);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, serve, stop)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_answers_line_by_line_in_order),
        cmocka_unit_test(a_command_that_misbehaves_is_told_apart),
        SERVED(a_server_is_asked_several_prompts_at_once),
        SERVED(a_server_that_takes_one_prompt_is_asked_one_by_one),
        SERVED(a_server_that_only_chats_is_chatted_with),
        SERVED(a_servers_refusal_is_told_in_its_own_words),
        cmocka_unit_test(an_address_is_checked_before_anything_is_sent),
        cmocka_unit_test(the_engine_answers_a_batch_as_it_answers_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
