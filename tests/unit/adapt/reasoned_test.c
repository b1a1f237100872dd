/* The rungs that ask more than once, climbed against a scripted model behind a real socket. */
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

#include "adapt/adapt.h"
#include "base/mem.h"
#include "base/random.h"
#include "support/tiny_server.h"
#include "work_folder.h"

typedef struct {
    tiny_server server;
    char *dir;
    fr_buf said;
    int n_prompts, n_eval; /* n_eval: prompts with a question of eval before anything was chosen */
} rig;

/* Knows a height only after it searched, or when knowledge stands above the question; alone it
 * guesses, right in four of five. */
static const char *say(rig *r, const char *prompt, const json_t *body)
{
    const char *at = strstr(prompt, "Question: how high is hill ");
    int hill = at != NULL ? atoi(at + 27) : 0;
    fr_buf_clear(&r->said);
    if (strstr(prompt, "In one sentence, the instruction was:") != NULL ||
        strstr(prompt, "In other words:") != NULL) {
        fr_buf_put_s(&r->said, " Tell the height.\n");
    } else if (strstr(prompt, "Facts:\n-") != NULL) {
        fr_buf_put_s(&r->said, " Each hill is a hundred times its number.\n");
    } else if (strstr(prompt, "The actions are:") != NULL) {
        if (strstr(prompt, "Observation: [") != NULL && strstr(prompt, "metres") != NULL)
            fr_buf_put_f(&r->said, " I see.\nAction: finish[%d]", hill * 100);
        else
            fr_buf_put_f(&r->said, " I look it up.\nAction: search[hill %d]", hill);
    } else if (strstr(prompt, "Knowledge: Each hill is a hundred") != NULL) {
        fr_buf_put_f(&r->said, " %d\n", hill * 100);
    } else if (json_number_value(json_object_get(body, "temperature")) > 0) {
        uint64_t seed = (uint64_t)json_integer_value(json_object_get(body, "seed"));
        bool right = fr_random_f64(seed, FR_RANDOM_TEST, (uint64_t)hill, 0) < 0.8;
        fr_buf_put_f(&r->said, " %d\n", right ? hill * 100 : 7);
    } else {
        fr_buf_put_s(&r->said, " 7\n");
    }
    return fr_buf_text(&r->said);
}

static void answer(void *user, const tiny_request *q, fr_buf *out)
{
    rig *r = user;
    json_t *body = json_loadb(fr_buf_text(&q->body), q->body.n, 0, NULL), *choices = json_array();
    json_t *prompt = json_object_get(body, "prompt"), *one;
    json_t *list = json_is_array(prompt) ? json_incref(prompt) : json_pack("[O]", prompt);
    size_t i;
    json_array_foreach(list, i, one)
    {
        r->n_prompts++;
        json_array_append_new(choices, json_pack("{s:I, s:s}", "index", (json_int_t)i, "text",
                                                 say(r, json_string_value(one), body)));
    }
    json_t *reply = json_pack("{s:o}", "choices", choices);
    char *text = json_dumps(reply, 0);
    tiny_answer(out, 200, "Content-Type: application/json\r\n", text);
    free(text);
    json_decref(reply);
    json_decref(list);
    json_decref(body);
}

static int set_up(void **state)
{
    rig *r = FR_NEW(rig);
    *state = r;
    r->dir = work_folder_new();
    unsetenv("FRUGAL_OFFLINE");
    if (tiny_server_start(&r->server, answer, r) != 0)
        return -1;
    FR_AUTO(fr_buf) train = { 0 };
    FR_AUTO(fr_buf) eval = { 0 };
    FR_AUTO(fr_buf) docs = { 0 };
    for (int i = 1; i <= 60; i++)
        fr_buf_put_f(i <= 24 ? &train : &eval,
                     "{\"input\": \"how high is hill %d ?\", \"output\": \"%d\"}\n", i, i * 100);
    for (int i = 1; i <= 60; i++)
        fr_buf_put_f(&docs, "{\"id\": \"h%d\", \"text\": \"hill %d is %d metres high\"}\n", i, i,
                     i * 100);
    put_file(r->dir, "train.jsonl", fr_buf_text(&train));
    put_file(r->dir, "eval.jsonl", fr_buf_text(&eval));
    put_file(r->dir, "docs.jsonl", fr_buf_text(&docs));
    FR_AUTO(fr_buf) task = { 0 };
    fr_buf_put_f(&task,
                 "task: hills\nkind: answer\nmetric: exact-match\ntarget: 0.9\nstop: never\n"
                 "model: {endpoint: \"%s/v1\", name: it}\n"
                 "data: {train: train.jsonl, eval: eval.jsonl, documents: docs.jsonl}\n"
                 "strategies: [zero-shot, generated-knowledge, self-consistency, {name: react, "
                 "steps: 3}]\n",
                 r->server.url);
    put_file(r->dir, "task.yaml", fr_buf_text(&task));
    return 0;
}

static int tear_down(void **state)
{
    rig *r = *state;
    tiny_server_stop(&r->server);
    fr_buf_fini(&r->said);
    work_folder_free(r->dir);
    free(r);
    return 0;
}

static json_t *climb(rig *r, const char *only, const char *out_name)
{
    const char *names[2] = { only, NULL };
    char *path = fr_path_join(r->dir, "task.yaml"), *out = fr_path_join(r->dir, out_name);
    FR_AUTOPTR(fr_task) task = NULL;
    json_t *v = NULL;
    fr_err err = { 0 };
    int rc = fr_task_load(path, &task, &err);
    if (rc == 0)
        rc = fr_adapt(task,
                      &(fr_adapt_options){ .out_dir = out,
                                           .ledger = "",
                                           .only = only != NULL ? names : NULL,
                                           .measure_s = 0.01,
                                           .seed = 1 },
                      &v, &err);
    if (rc != 0)
        fail_msg("%s", err.what);
    free(path);
    free(out);
    return v;
}

static const json_t *rung(const json_t *v, const char *name)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(v, "rungs"), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
            return one;
    }
    fail_msg("no rung '%s'", name);
    return NULL;
}

static double quality(const json_t *v, const char *name)
{
    const json_t *r = rung(v, name);
    if (strcmp(json_string_value(json_object_get(r, "status")), "done") != 0)
        fail_msg("%s: %s", name, json_string_value(json_object_get(r, "reason")));
    return json_number_value(json_object_get(json_object_get(r, "quality"), "value"));
}

static const char *const RUNGS[] = { "generated-knowledge", "self-consistency", "react" };

static void what_one_call_cannot_several_can(void **state)
{
    rig *r = *state;
    json_t *v = climb(r, NULL, "out");
    assert_true(quality(v, "zero-shot") == 0);
    assert_true(quality(v, "generated-knowledge") == 1);
    assert_true(quality(v, "react") == 1);
    assert_true(quality(v, "self-consistency") > 0.9); /* each sample alone: 0.8 */
    for (size_t i = 0; i < FR_COUNT_OF(RUNGS); i++) {
        char *name = fr_dup_f("out/rungs/%s/trace.jsonl", RUNGS[i]);
        char *text = file_text(r->dir, name);
        assert_non_null(text);
        assert_non_null(strstr(text, "\"steps\""));
        free(text);
        free(name);
    }
    json_decref(v);
}

/* What a rung finds depends on nothing that another did; and its artefact answers alone. */
static void each_alone_says_the_same_and_its_artefact_too(void **state)
{
    rig *r = *state;
    json_t *all = climb(r, NULL, "all");
    for (size_t i = 0; i < FR_COUNT_OF(RUNGS); i++) {
        json_t *alone = climb(r, RUNGS[i], "alone");
        char *a_name = fr_dup_f("all/rungs/%s/predictions.jsonl", RUNGS[i]);
        char *b_name = fr_dup_f("alone/rungs/%s/predictions.jsonl", RUNGS[i]);
        char *a = file_text(r->dir, a_name), *b = file_text(r->dir, b_name);
        assert_string_equal(a, b);
        free(a);
        free(b);
        char *dir = fr_dup_f("%s/alone/rungs/%s", r->dir, RUNGS[i]), *got[2] = { NULL };
        fr_str inputs[2] = { FR_STR("how high is hill 31 ?"), FR_STR("how high is hill 45 ?") };
        fr_err err = { 0 };
        if (fr_adapt_answer(dir, 1, inputs, 2, got, NULL, &err) != 0)
            fail_msg("%s", err.what);
        assert_string_equal(got[0], "3100");
        assert_string_equal(got[1], "4500");
        free(got[0]);
        free(got[1]);
        free(dir);
        free(a_name);
        free(b_name);
        json_decref(alone);
    }
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_one_call_cannot_several_can, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_alone_says_the_same_and_its_artefact_too, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
