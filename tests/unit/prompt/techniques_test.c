/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "prompt/instructions.h"
#include "prompt/techniques.h"
#include "support/tiny_model.h"
#include "support/tiny_server.h"

/* ---- a server whose answers are scripted: a real socket, and the requests are counted -------- */

typedef struct {
    tiny_server server;
    /** The text to say to a prompt; owned by the script. */
    const char *(*say)(void *user, const char *prompt, const json_t *body);
    void *user;
    fr_buf said;
    fr_endpoint *endpoint;
    int n_prompts;
} scripted;

static void answer(void *user, const tiny_request *r, fr_buf *out)
{
    scripted *s = user;
    json_t *body = json_loadb(fr_buf_text(&r->body), r->body.n, 0, NULL), *choices = json_array();
    json_t *prompt = json_object_get(body, "prompt"), *one;
    json_t *list = json_is_array(prompt) ? json_incref(prompt) : json_pack("[O]", prompt);
    size_t i;
    json_array_foreach(list, i, one)
    {
        s->n_prompts++;
        const char *text = s->say(s->user, json_string_value(one), body);
        json_array_append_new(choices, json_pack("{s:I, s:s, s:s}", "index", (json_int_t)i, "text",
                                                 text, "finish_reason", "stop"));
    }
    json_t *reply = json_pack("{s:o, s:{s:i, s:i}}", "choices", choices, "usage", "prompt_tokens",
                              10 * (int)json_array_size(list), "completion_tokens",
                              5 * (int)json_array_size(list));
    char *text = json_dumps(reply, 0);
    tiny_answer(out, 200, "Content-Type: application/json\r\n", text);
    free(text);
    json_decref(reply);
    json_decref(list);
    json_decref(body);
}

static void script_start(scripted *s, const char *(*say)(void *, const char *, const json_t *),
                         void *user)
{
    memset(s, 0, sizeof(*s));
    s->say = say;
    s->user = user;
    unsetenv("FRUGAL_OFFLINE");
    assert_int_equal(tiny_server_start(&s->server, answer, s), 0);
    char *url = fr_dup_f("%s/v1", s->server.url);
    assert_int_equal(fr_endpoint_http(url, "scripted", &s->endpoint, NULL), 0);
    free(url);
}

static void script_stop(scripted *s)
{
    fr_endpoint_free(s->endpoint);
    tiny_server_stop(&s->server);
    fr_buf_fini(&s->said);
}

static fr_tried ask_one(const fr_prompting *p, const fr_technique *t, const char *input)
{
    fr_tried tried;
    fr_err err = { 0 };
    fr_str text = fr_str_of(input);
    if (fr_technique_ask(p, t, &text, 1, &tried, &err) != 0)
        fail_msg("%s", err.what);
    return tried;
}

/* ---- answers in texts that reason -------------------------------------------------------------
 */

static void an_answer_is_found_behind_its_last_mark(void **state)
{
    (void)state;
    static const struct {
        const char *text, *answer;
    } CASES[] = {
        { "3 and 4 are 7.\nAnswer: 7", "7" },
        { "So the answer is 12.\nNo: the answer is **13**.", "13" },
        { "thus\n#### 42\n", "42" },
        { "we get \\boxed{x^{2} + 1} in the end", "x^{2} + 1" },
        { "ANSWER: \"Paris\".\n\nQuestion: next?", "Paris" },
        { "It is 7.", "" },
        { "Answer:", "" },
        { "Answer: 1\nAnswer:\n", "1" },
        { "", "" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_str got = fr_answer_extract(FR_TASK_ANSWER, NULL, 0, fr_str_of(CASES[i].text));
        if (!fr_str_is(got, CASES[i].answer))
            fail_msg("'%s' gives '%.*s'", CASES[i].text, FR_STR_F(got));
    }
    fr_str labels[2] = { FR_STR("spam"), FR_STR("ham") };
    fr_str got = fr_answer_extract(FR_TASK_LABEL, labels, 2,
                                   FR_STR("It could be spam.\nLabel: Ham, I think"));
    assert_true(fr_str_is(got, "ham"));
}

static const char *reasons(void *user, const char *prompt, const json_t *body)
{
    (void)body;
    int *n = user;
    (*n)++;
    if (strstr(prompt, "clear:") != NULL)
        return " Two and two.\nAnswer: 4";
    size_t end = strlen(prompt);
    if (end > 7 && strcmp(prompt + end - 7, "Answer:") == 0)
        return " four\n";
    return " Two and two make it, so it must be four.";
}

static void reasoning_that_marks_no_answer_is_asked_once_more(void **state)
{
    (void)state;
    scripted s;
    int n = 0;
    script_start(&s, reasons, &n);
    fr_prompting p = { .endpoint = s.endpoint, .kind = FR_TASK_ANSWER };
    fr_technique t = { .kind = FR_TECHNIQUE_CHAIN_OF_THOUGHT };
    fr_tried tried[2];
    fr_str inputs[2] = { FR_STR("clear: 2+2?"), FR_STR("vague: 2+2?") };
    assert_int_equal(fr_technique_ask(&p, &t, inputs, 2, tried, NULL), 0);
    assert_string_equal(tried[0].answer, "4");
    assert_string_equal(tried[0].ended, "answered");
    assert_int_equal(tried[0].n_calls, 1);
    assert_string_equal(tried[1].answer, "four");
    assert_string_equal(tried[1].ended, "second");
    assert_int_equal(tried[1].n_calls, 2);
    assert_int_equal(tried[1].completion_tokens, 10);
    assert_int_equal(n, 3);
    fr_tried_fini(&tried[0]);
    fr_tried_fini(&tried[1]);
    script_stop(&s);
}

/* ---- the vote ---------------------------------------------------------------------------------
 */

/* By Beta(v1 + 1, v2 + 1): 4 : 0 is 1 - 1/32; 3 : 1 is P(at most 1 head of 5) = 6/32 short of 1. */
static void a_vote_is_decided_by_the_beta_distribution_or_by_what_is_left(void **state)
{
    (void)state;
    assert_true(fabs(fr_vote_confidence(4, 0) - (1 - 1.0 / 32)) < 1e-12);
    assert_true(fabs(fr_vote_confidence(3, 1) - (1 - 6.0 / 32)) < 1e-12);
    assert_true(fabs(fr_vote_confidence(5, 5) - 0.5) < 1e-12);
    assert_true(fr_vote_is_decided(4, 0, 6, 0.95));
    assert_false(fr_vote_is_decided(3, 0, 7, 0.95));
    assert_false(fr_vote_is_decided(4, 0, 6, 1)); /* with certainty only what cannot be turned */
    assert_true(fr_vote_is_decided(6, 0, 4, 1) && !fr_vote_is_decided(5, 0, 5, 1));
    assert_true(fr_vote_is_decided(4, 3, 0, 1));
    assert_false(fr_vote_is_decided(3, 3, 0, 0.95));
}

/* Says the right answer with probability 0.95: an easy set. */
static const char *draws(void *user, const char *prompt, const json_t *body)
{
    scripted *s = user;
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(body, "seed"));
    const char *at = strstr(prompt, "Question: ");
    unsigned question = at != NULL ? (unsigned)atoi(at + 10) : 0;
    bool right = fr_random_f64(seed, FR_RANDOM_TEST, question, 0) < 0.95;
    fr_buf_clear(&s->said);
    fr_buf_put_f(&s->said, right ? " The %u\n" : " about %u!\n", right ? question : question + 1);
    assert_true(json_number_value(json_object_get(body, "temperature")) > 0);
    return fr_buf_text(&s->said);
}

static void half_the_samples_are_enough_for_the_same_vote_on_an_easy_set(void **state)
{
    (void)state;
    scripted s;
    script_start(&s, draws, &s);
    fr_prompting p = { .endpoint = s.endpoint, .kind = FR_TASK_ANSWER, .sampling.seed = 3 };
    fr_technique all = { .kind = FR_TECHNIQUE_SELF_CONSISTENCY, .samples = 10, .confidence = 1.5 },
                 adaptive = { .kind = FR_TECHNIQUE_SELF_CONSISTENCY, .samples = 10 };
    size_t n = 0, n_full = 0, same = 0;
    for (int i = 10; i < 50; i++) {
        char input[16];
        snprintf(input, sizeof(input), "%d", i);
        fr_tried few = ask_one(&p, &adaptive, input), many = ask_one(&p, &all, input);
        n += few.n_samples;
        n_full += many.n_samples;
        same += strcmp(few.answer, many.answer) == 0;
        assert_int_equal(json_array_size(few.trace), few.n_samples);
        fr_tried_fini(&few);
        fr_tried_fini(&many);
    }
    print_message("%zu samples instead of %d, the same vote %zu times of 40\n", n, 400, same);
    assert_true(n * 2 <= 400);
    assert_int_equal(same, 40);
    script_stop(&s);
}

/* Ten samples from one prompt: the engine computes the prompt once, and then a token for each. */
static void the_prefix_of_all_samples_is_computed_once(void **state)
{
    (void)state;
    char dir[] = "/tmp/frugal-vote-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = tiny_model_write(&(tiny_model){ .context = 256 }, dir);
    fr_engine *engine = NULL;
    fr_endpoint *ep = NULL;
    assert_int_equal(fr_engine_open(path, &(fr_engine_options){ .threads = 1 }, &engine, NULL), 0);
    assert_int_equal(fr_endpoint_engine(engine, NULL, &ep, NULL), 0);
    fr_prompting p = { .endpoint = ep,
                       .kind = FR_TASK_ANSWER,
                       .sampling = { .temperature = 1, .max_tokens = 4 } };
    fr_technique t = { .kind = FR_TECHNIQUE_SELF_CONSISTENCY, .samples = 10, .confidence = 1.5 };
    fr_tried a = ask_one(&p, &t, "where is the other one that is in there?");
    size_t one = a.prompt_tokens / a.n_samples, computed = a.prompt_tokens - a.cached_tokens;
    print_message("%zu samples, prompt of %zu tokens: %zu computed of %zu\n", a.n_samples, one,
                  computed, a.prompt_tokens);
    assert_true(a.n_samples >= 6);
    assert_true(computed <= one + 2 * a.n_samples);
    fr_tried b = ask_one(&p, &t, "where is the other one that is in there?"); /* warm now */
    assert_string_equal(a.answer != NULL ? a.answer : "", b.answer != NULL ? b.answer : "");
    fr_tried_fini(&a);
    fr_tried_fini(&b);
    fr_endpoint_free(ep);
    fr_engine_free(engine);
    unlink(path);
    free(path);
    rmdir(dir);
}

/* ---- generated knowledge ----------------------------------------------------------------------
 */

static const char *knows(void *user, const char *prompt, const json_t *body)
{
    (void)user;
    (void)body;
    if (strstr(prompt, "Knowledge: A golf ball is hit towards a hole.\n"
                       "Knowledge: The lowest score wins.\nQuestion:") != NULL)
        return " no\n";
    if (strstr(prompt, "Facts:\n-") != NULL)
        return " A golf ball is hit towards a hole.\n2) The lowest score wins.\n- x\n"
               "- The lowest score wins.\n";
    return " yes\n";
}

static void knowledge_is_asked_for_once_and_kept_by_input(void **state)
{
    (void)state;
    char dir[] = "/tmp/frugal-knowledge-XXXXXX";
    assert_non_null(mkdtemp(dir));
    scripted s;
    script_start(&s, knows, NULL);
    fr_prompting p = { .endpoint = s.endpoint, .kind = FR_TASK_ANSWER };
    fr_technique t = { .kind = FR_TECHNIQUE_GENERATED_KNOWLEDGE, .keep_in = dir };
    fr_tried a = ask_one(&p, &t, "does golf aim for a high score?");
    assert_string_equal(a.answer, "no");
    assert_int_equal(a.n_calls, 2);
    assert_int_equal(s.n_prompts, 2);
    json_t *note = json_array_get(a.trace, 0);
    assert_int_equal(json_array_size(json_object_get(note, "knowledge")), 2);
    assert_false(json_is_true(json_object_get(note, "kept")));
    fr_tried b = ask_one(&p, &t, "does golf aim for a high score?");
    assert_string_equal(b.answer, "no");
    assert_int_equal(b.n_calls, 1); /* the statements were there */
    assert_int_equal(s.n_prompts, 3);
    fr_tried_fini(&a);
    fr_tried_fini(&b);
    char **names = NULL;
    size_t n = 0;
    assert_int_equal(fr_dir_list(dir, &names, &n, NULL), 0);
    assert_int_equal(n, 1);
    char *path = fr_path_join(dir, names[0]);
    assert_int_equal(fr_file_write(path, FR_STR("{\"statem"), NULL), 0); /* cut short */
    fr_tried c = ask_one(&p, &t, "does golf aim for a high score?");
    assert_int_equal(c.n_calls, 2);
    fr_tried_fini(&c);
    unlink(path);
    free(path);
    fr_names_free(names, n);
    rmdir(dir);
    script_stop(&s);
}

/* ---- tools ------------------------------------------------------------------------------------
 */

static void a_step_is_read_out_of_whatever_was_written(void **state)
{
    (void)state;
    static const struct {
        const char *text, *thought, *tool, *argument;
    } CASES[] = {
        { " I need the height.\nAction: search[height of Tor]", "I need the height.", "search",
          "height of Tor" },
        { "x\nAction 2: calculate[max(1, [2])]\nObservation: 7", "x", "calculate", "max(1, [2])" },
        { "Thought: so\n**Action:** `search(\"a b\")`", "so", "search", "a b" },
        { "so\nAction: search\nAction Input: 'words here'\n", "so", "search", "words here" },
        { "so\naction: finish: 42\n", "so", "finish", "42" },
        { "so\nFinal Answer: 42", "so", "finish", "42" },
        { "I believe\nit is so", "I believe\nit is so", "", "" },
        { "a\nObservation: made up\nAction: finish[x]", "a", "", "" },
        { "a\nThought: b\nThought: c\nAction: finish[x]", "b", "", "" },
        { "Action: []", "", "", "" },
        { "Action: search[unclosed words\nand more", "", "search", "unclosed words" },
        { "Action:", "", "", "" },
        { "", "", "", "" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_react_step step;
        fr_react_read(fr_str_of(CASES[i].text), &step);
        if (!fr_str_is(step.tool, CASES[i].tool) || !fr_str_is(step.argument, CASES[i].argument) ||
            (i != 8 && !fr_str_is(step.thought, CASES[i].thought)))
            fail_msg("'%s' gives '%.*s' '%.*s' '%.*s'", CASES[i].text, FR_STR_F(step.thought),
                     FR_STR_F(step.tool), FR_STR_F(step.argument));
    }
}

static int search(void *user, fr_str words, fr_buf *out, fr_err *err)
{
    int *n = user;
    (*n)++;
    if (fr_str_is(words, "broken"))
        return fr_fail(err, FR_E_IO, NULL, "the index is gone");
    fr_buf_put_s(out, "The Tor is 1,204 m\nhigh.");
    return 0;
}

static const char *acts(void *user, const char *prompt, const json_t *body)
{
    (void)user;
    assert_non_null(json_object_get(body, "stop"));
    if (strstr(prompt, "never ends") != NULL)
        return strstr(prompt, "I must answer now") != NULL ? "perhaps 3]"
                                                           : " again\nAction: search[x]";
    if (strstr(prompt, "gibberish") != NULL)
        return " \xc3\xa4\xc3\xb6 ???";
    if (strstr(prompt, "Observation: 2408") != NULL)
        return " Now I know.\nAction: finish[2408 m]";
    if (strstr(prompt, "Observation: The Tor is 1,204 m high.") != NULL)
        return " Twice that.\nAction: calculate[1,204 * 2]";
    if (strstr(prompt,
               "Observation: there is no tool 'google'; there is search, calculate, finish") !=
        NULL)
        return " So I search.\nAction: search[Tor]";
    if (strstr(prompt, "Observation: error: the index is gone") != NULL)
        return " Another way.\nAction: google[Tor]";
    return " I look.\nAction: search[broken]\nObservation: 99\nAction: finish[99]";
}

static void tools_are_used_errors_are_seen_and_the_trace_is_kept(void **state)
{
    (void)state;
    scripted s;
    int n_searches = 0;
    script_start(&s, acts, NULL);
    fr_tool tools[2] = { { "search", "search[words]: passages", search, &n_searches },
                         FR_TOOL_CALCULATE };
    fr_prompting p = { .endpoint = s.endpoint, .kind = FR_TASK_ANSWER };
    fr_technique t = { .kind = FR_TECHNIQUE_REACT, .tools = tools, .n_tools = 2 };
    fr_tried got = ask_one(&p, &t, "what is twice the height of the Tor?");
    assert_string_equal(got.answer, "2408 m");
    assert_string_equal(got.ended, "answered");
    assert_int_equal(got.n_calls, 5);
    assert_int_equal(n_searches, 2);
    assert_int_equal(json_array_size(got.trace), 5);
    json_t *third = json_array_get(got.trace, 3);
    assert_string_equal(json_string_value(json_object_get(third, "tool")), "calculate");
    assert_string_equal(json_string_value(json_object_get(third, "observation")), "2408");
    fr_tried_fini(&got);
    script_stop(&s);
}

static double joules(void *user)
{
    double *j = user;
    return *j += 10;
}

static void steps_rubbish_and_joules_have_their_bounds(void **state)
{
    (void)state;
    scripted s;
    int n_searches = 0;
    double spent_j = 0;
    script_start(&s, acts, NULL);
    fr_tool tools[1] = { { "search", "search[words]: passages", search, &n_searches } };
    fr_prompting p = {
        .endpoint = s.endpoint, .kind = FR_TASK_ANSWER, .joules = joules, .meter = &spent_j
    };
    fr_technique t = { .kind = FR_TECHNIQUE_REACT, .tools = tools, .n_tools = 1, .max_steps = 3 };
    fr_tried got = ask_one(&p, &t, "a question that never ends");
    assert_string_equal(got.ended, "steps");
    assert_string_equal(got.answer, "perhaps 3");
    assert_int_equal(got.n_calls, 4);
    assert_int_equal(n_searches, 3);
    fr_tried_fini(&got);
    got = ask_one(&p, &t, "gibberish");
    assert_string_equal(got.ended, "rubbish");
    assert_null(got.answer);
    assert_int_equal(got.n_calls, 2);
    fr_tried_fini(&got);
    t.max_steps = 100;
    t.max_j = 25;
    got = ask_one(&p, &t, "a question that never ends");
    assert_string_equal(got.ended, "joules");
    assert_int_equal(got.n_calls, 3);
    fr_tried_fini(&got);
    script_stop(&s);
}

/* ---- instructions -----------------------------------------------------------------------------
 */

static const char *proposes(void *user, const char *prompt, const json_t *body)
{
    scripted *s = user;
    long long seed = (long long)json_integer_value(json_object_get(body, "seed"));
    fr_buf_clear(&s->said);
    if (strstr(prompt, "In other words:") != NULL)
        fr_buf_put_f(&s->said, " State the antonym, please %lld.\n", seed % 2);
    else if (strstr(prompt, "Input: hot\nOutput: cold\n") != NULL)
        fr_buf_put_s(&s->said, " Write the opposite of the word.\nAnd more");
    return fr_buf_text(&s->said);
}

static void instructions_are_proposed_said_again_and_changed(void **state)
{
    (void)state;
    scripted s;
    script_start(&s, proposes, &s);
    fr_shot shots[1] = { { FR_STR("hot"), FR_STR("cold") } };
    fr_prompting p = { .endpoint = s.endpoint, .kind = FR_TASK_TEXT };
    FR_AUTO(fr_instructions) list = { 0 };
    assert_int_equal(fr_instructions_propose(&p, shots, 1, 12, &list, NULL), 0);
    assert_int_equal(list.n, 12);
    assert_string_equal(list.at[0].text, "");
    assert_string_equal(list.at[1].text, "Write the opposite of the word.");
    assert_string_equal(list.at[2].origin, "paraphrased");
    assert_string_equal(list.at[11].origin, "changed");
    assert_int_equal(list.n_calls, s.n_prompts);
    for (size_t i = 0; i < list.n; i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(list.at[i].text, list.at[k].text);
    }
    assert_false(fr_instructions_put(&list, FR_STR(" write  the OPPOSITE of the word. "), "given"));
    script_stop(&s);
}

static void a_failing_endpoint_leaves_nothing_behind(void **state)
{
    (void)state;
    fr_endpoint *e = NULL;
    assert_int_equal(fr_endpoint_command("cat > /dev/null; exit 3", NULL, 10, &e, NULL), 0);
    fr_prompting p = { .endpoint = e, .kind = FR_TASK_ANSWER };
    for (int kind = FR_TECHNIQUE_ZERO_SHOT; kind <= FR_TECHNIQUE_REACT; kind++) {
        fr_technique t = { .kind = (fr_technique_kind)kind };
        fr_tried tried[2];
        fr_str inputs[2] = { FR_STR("a"), FR_STR("b") };
        fr_err err = { 0 };
        assert_int_equal(fr_technique_ask(&p, &t, inputs, 2, tried, &err), FR_E_CHILD);
        assert_null(tried[0].answer);
        assert_null(tried[1].trace);
    }
    fr_endpoint_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_found_behind_its_last_mark),
        cmocka_unit_test(reasoning_that_marks_no_answer_is_asked_once_more),
        cmocka_unit_test(a_vote_is_decided_by_the_beta_distribution_or_by_what_is_left),
        cmocka_unit_test(half_the_samples_are_enough_for_the_same_vote_on_an_easy_set),
        cmocka_unit_test(the_prefix_of_all_samples_is_computed_once),
        cmocka_unit_test(knowledge_is_asked_for_once_and_kept_by_input),
        cmocka_unit_test(a_step_is_read_out_of_whatever_was_written),
        cmocka_unit_test(tools_are_used_errors_are_seen_and_the_trace_is_kept),
        cmocka_unit_test(steps_rubbish_and_joules_have_their_bounds),
        cmocka_unit_test(instructions_are_proposed_said_again_and_changed),
        cmocka_unit_test(a_failing_endpoint_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
