/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/trials.h"
#include "base/file.h"
#include "base/mem.h"
#include "support/tiny_server.h"
#include "work_folder.h"

/* A model behind a real socket that knows the colour of a fruit only if the prompt is the planted
 * one. It remembers every prompt, so that a test can say that none came twice. */
typedef struct {
    tiny_server server;
    char *dir;
    char **seen;
    size_t n_seen, cap_seen, n_twice;
    size_t refuse_after; /* SIZE_MAX: never */
    bool planted_asked;
} rig;

static void note(rig *r, const char *prompt)
{
    for (size_t i = 0; i < r->n_seen; i++)
        r->n_twice += strcmp(r->seen[i], prompt) == 0;
    FR_GROW(r->seen, r->n_seen, r->cap_seen);
    r->seen[r->n_seen++] = fr_dup(prompt);
}

static const char *colour_of(const char *prompt)
{
    const char *last = strrchr(prompt, '@'); /* input: "box 3 @ banana" */
    if (last == NULL)
        return " none";
    return strstr(last, "banana") != NULL   ? " yellow\n"
           : strstr(last, "cherry") != NULL ? " red\n"
                                            : " green\n";
}

static void answer(void *user, const tiny_request *q, fr_buf *out)
{
    rig *r = user;
    json_t *body = json_loadb(fr_buf_text(&q->body), q->body.n, 0, NULL), *choices = json_array();
    json_t *prompt = json_object_get(body, "prompt"), *one;
    json_t *list = json_is_array(prompt) ? json_incref(prompt) : json_pack("[O]", prompt);
    size_t i, n = json_array_size(list);
    if (r->n_seen + n > r->refuse_after) {
        tiny_answer(out, 403, "", "{\"error\": {\"message\": \"quota is used up\"}}");
    } else {
        json_array_foreach(list, i, one)
        {
            const char *text = json_string_value(one);
            note(r, text);
            bool planted = strstr(text, "Which colour has it?") != NULL;
            bool easy = strstr(text, "banana") != NULL; /* the others know one in three */
            json_array_append_new(choices,
                                  json_pack("{s:I, s:s}", "index", (json_int_t)i, "text",
                                            planted || easy ? colour_of(text) : " green\n"));
        }
        json_t *reply = json_pack("{s:O, s:{s:i, s:i}}", "choices", choices, "usage",
                                  "prompt_tokens", 20 * (int)n, "completion_tokens", 2 * (int)n);
        char *text = json_dumps(reply, 0);
        tiny_answer(out, 200, "Content-Type: application/json\r\n", text);
        free(text);
        json_decref(reply);
    }
    json_decref(choices);
    json_decref(list);
    json_decref(body);
}

static void write_rows(const char *dir, const char *name, int from, int to)
{
    static const char *const WHAT[][2] = { { "banana", "yellow" },
                                           { "cherry", "red" },
                                           { "spinach", "green" } };
    FR_AUTO(fr_buf) rows = { 0 };
    for (int i = from; i < to; i++)
        fr_buf_put_f(&rows, "{\"input\": \"box %d @ %s\", \"output\": \"%s\"}\n", i, WHAT[i % 3][0],
                     WHAT[i % 3][1]);
    put_file(dir, name, fr_buf_text(&rows));
}

static const char VARIANTS[] =
    "experiment: colours\n"
    "task: task.yaml\n"
    "variants:\n"
    "  - zero-shot\n"
    "  - {technique: few-shot, shots: [1, 2], choose: [random, similar]}\n"
    "  - {name: planted, prompt: planted.jinja}\n"
    "  - {name: plain, prompt: plain.txt}\n"
    "parameters: {max_tokens: 8}\n"
    "rows: 24\n";

static int set_up(void **state)
{
    rig *r = FR_NEW(rig);
    *state = r;
    r->refuse_after = SIZE_MAX;
    r->dir = work_folder_new();
    unsetenv("FRUGAL_OFFLINE");
    if (tiny_server_start(&r->server, answer, r) != 0)
        return -1;
    write_rows(r->dir, "train.jsonl", 0, 150);
    write_rows(r->dir, "eval.jsonl", 200, 240);
    FR_AUTO(fr_buf) task = { 0 };
    fr_buf_put_f(&task,
                 "task: colours\nkind: label\ntarget: 0.8\ndata: {train: train.jsonl, eval: "
                 "eval.jsonl}\nmodel: {endpoint: \"%s/v1\", name: scripted}\n",
                 r->server.url);
    put_file(r->dir, "task.yaml", fr_buf_text(&task));
    put_file(r->dir, "e.yaml", VARIANTS);
    put_file(r->dir, "planted.jinja",
             "One of {{ labels | join(', ') }}. Which colour has it?\n{{ input }}\n");
    put_file(r->dir, "plain.txt", "{label_list}: {input}");
    return 0;
}

static int tear_down(void **state)
{
    rig *r = *state;
    tiny_server_stop(&r->server);
    for (size_t i = 0; i < r->n_seen; i++)
        free(r->seen[i]);
    free(r->seen);
    work_folder_free(r->dir);
    free(r);
    return 0;
}

static int try_it(rig *r, const char *out_name, json_t **result, fr_err *err)
{
    FR_AUTOPTR(fr_trials) trials = NULL;
    FR_AUTOPTR(fr_history) history = NULL;
    char *file = fr_path_join(r->dir, "e.yaml"), *out = fr_path_join(r->dir, out_name);
    char *store = fr_path_join(r->dir, "store");
    int rc = fr_trials_load(file, &trials, err);
    if (rc == 0)
        rc = fr_history_open((const char *const *)&store, 1, &history, err);
    if (rc == 0)
        rc = fr_trials_run(trials,
                           &(fr_trials_options){ .out_dir = out, .ledger = "", .history = history },
                           result, err);
    free(file);
    free(out);
    free(store);
    return rc;
}

static json_t *must_try(rig *r, const char *out_name)
{
    json_t *result = NULL;
    fr_err err = { 0 };
    if (try_it(r, out_name, &result, &err) != 0)
        fail_msg("%s", err.what);
    return result;
}

static const char *chosen(const json_t *result)
{
    return json_string_value(json_object_get(result, "chosen"));
}

static void the_planted_prompt_wins_and_eval_confirms_it(void **state)
{
    rig *r = *state;
    json_t *result = must_try(r, "out");
    assert_string_equal(chosen(result), "planted");
    assert_string_equal(json_string_value(json_object_get(result, "chosen_by")), "target");
    json_t *sure = json_object_get(result, "confirmed");
    assert_true(json_number_value(json_object_get(sure, "score")) == 1);
    assert_string_equal(json_string_value(json_object_get(sure, "target")), "met");
    assert_int_equal(json_array_size(json_object_get(result, "arms")), 7);
    assert_int_equal(json_integer_value(json_object_get(result, "calls")), r->n_seen);
    assert_int_equal(r->n_twice, 0);
    json_t *lead = json_array_get(json_object_get(result, "leads"), 0);
    assert_true(json_number_value(json_object_get(lead, "difference")) > 0);
    json_t *arm = json_array_get(json_object_get(result, "arms"), 0);
    assert_true(json_number_value(json_object_get(arm, "prompt_tokens_per_row")) == 20);
    assert_true(json_is_null(json_object_get(arm, "energy_j_per_row"))); /* outside our meter */
    static const char *const FILES[] = { "out/result.json", "out/report.html",
                                         "out/best/prompt.txt", "out/best/settings.json" };
    for (size_t i = 0; i < FR_COUNT_OF(FILES); i++) {
        char *path = fr_path_join(r->dir, FILES[i]);
        assert_true(fr_file_exists(path));
        free(path);
    }
    json_decref(result);
}

static void a_repeated_experiment_makes_no_call(void **state)
{
    rig *r = *state;
    json_t *first = must_try(r, "out");
    size_t n = r->n_seen;
    int requests = r->server.n_requests;
    json_t *again = must_try(r, "out"), *elsewhere = must_try(r, "other"); /* by the history */
    assert_int_equal(r->n_seen, n);
    assert_int_equal(r->server.n_requests, requests);
    assert_int_equal(json_integer_value(json_object_get(again, "calls")), 0);
    assert_int_equal(json_integer_value(json_object_get(elsewhere, "calls")), 0);
    json_t *a = json_object_get(first, "arms"), *b = json_object_get(elsewhere, "arms");
    assert_true(json_equal(a, b));
    assert_true(
        json_equal(json_object_get(first, "confirmed"), json_object_get(elsewhere, "confirmed")));
    json_decref(first);
    json_decref(again);
    json_decref(elsewhere);
}

static void an_endpoint_that_fails_halfway_costs_nothing_twice(void **state)
{
    rig *r = *state;
    r->refuse_after = 37;
    json_t *result = NULL;
    fr_err err = { 0 };
    assert_int_equal(try_it(r, "out", &result, &err), FR_E_NETWORK);
    assert_non_null(strstr(err.what, "quota is used up"));
    assert_null(result);
    char *path = fr_path_join(r->dir, "out/answers.jsonl");
    FILE *f = fopen(path, "a"); /* and the process died while it wrote a line */
    fputs("{\"arm\": \"00", f);
    fclose(f);
    free(path);
    size_t before = r->n_seen, twice = r->n_twice;
    r->refuse_after = SIZE_MAX;
    result = must_try(r, "out");
    assert_string_equal(chosen(result), "planted");
    assert_int_equal(r->n_twice, twice);
    assert_true(before > 16);
    assert_true(json_integer_value(json_object_get(result, "reused_rows")) >= 16);
    json_decref(result);
    json_t *whole = must_try(r, "whole");
    assert_int_equal(json_integer_value(json_object_get(whole, "calls")), 0);
    json_decref(whole);
}

static void a_file_that_is_wrong_is_told_with_its_place(void **state)
{
    rig *r = *state;
    static const struct {
        const char *text, *says;
    } CASES[] = {
        { "experiment: x\ntask: task.yaml\nvariants: [zeroshot]\n", "3:12" },
        { "experiment: x\ntask: task.yaml\nvariants: [{technique: few-shot, shots: 99}]\n",
          "from 1 to 32" },
        { "experiment: x\ntask: task.yaml\nvariants: [{prompt: no.jinja}]\n", "no.jinja" },
        { "experiment: x\ntask: task.yaml\nvariant: []\n", "variant" },
        { "experiment: x/y\ntask: task.yaml\nvariants: [zero-shot]\n", "cannot be a name" },
        { "experiment: x\ntask: task.yaml\nvariants: [zero-shot]\nparameters: {top_p: 2}\n",
          "from 0 to 1" },
        { "experiment: x\ntask: task.yaml\nvariants: [{technique: react, passages: 2}]\n",
          "no documents" },
        { "experiment: x\ntask: gone.yaml\nvariants: [zero-shot]\n", "gone.yaml" },
        { "- a\n", "expected keys" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_trials *trials = NULL;
        fr_err err = { 0 };
        put_file(r->dir, "bad.yaml", CASES[i].text);
        char *path = fr_path_join(r->dir, "bad.yaml");
        assert_int_not_equal(fr_trials_load(path, &trials, &err), 0);
        free(path);
        if (strstr(err.what, CASES[i].says) == NULL)
            fail_msg("'%s' does not say '%s'", err.what, CASES[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_planted_prompt_wins_and_eval_confirms_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_repeated_experiment_makes_no_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_endpoint_that_fails_halfway_costs_nothing_twice, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_wrong_is_told_with_its_place, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
