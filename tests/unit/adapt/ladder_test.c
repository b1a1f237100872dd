/* The climb as a whole, on real files and a model of random weights: what one rung finds does not
 * depend on the others, the eval rows reach nobody, what was finished is kept, energy adds up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "adapt/work_folder.h"
#include "support/tiny_model.h"
#include "support/tiny_server.h"

#include <math.h>

#include "adapt/adapt.h"

#define MARK "zebrafinch " /* stands in every eval row and nowhere else */

static int set_up(void **state)
{
    char *dir = work_folder_new();
    put_rows(dir, "train.jsonl", 0, getenv("FRUGAL_TEST_SMALL") != NULL ? 24 : 48, "");
    put_rows(dir, "eval.jsonl", 100, 136, MARK);
    char *made = tiny_model_write(&(tiny_model){ .layers = 1, .context = 512 }, dir);
    char *model = fr_path_join(dir, "model.gguf");
    if (rename(made, model) != 0)
        abort();
    free(made);
    free(model);
    *state = dir;
    return 0;
}

static int tear_down(void **state)
{
    work_folder_free(*state);
    return 0;
}

static void put_task(const char *dir, const char *name, const char *more)
{
    FR_AUTO(fr_buf) text = { 0 };
    fr_buf_put_f(&text,
                 "task: fruit\nkind: label\nmodel: model.gguf\n"
                 "data: {train: train.jsonl, eval: eval.jsonl}\ntarget: 0.9\nstop: never\n%s",
                 more);
    put_file(dir, name, fr_buf_text(&text));
}

typedef struct {
    const char *dir, *task, *out;
    const char *stop_after; /* the user presses Ctrl-C behind this rung */
    bool stop_in_training;  /* … or while weights are being learnt */
    bool stop;
    bool fresh;
    double measure_s; /* 0: short, since these tests are about other things */
} attempt;

static bool asked_to_stop(void *user)
{
    return ((attempt *)user)->stop;
}

static void sees(void *user, const char *what, double done, double total, const char *unit,
                 const char *note)
{
    (void)total;
    (void)note;
    attempt *a = user;
    if (a->stop_in_training && done > 0 && strcmp(unit, "tokens") == 0 &&
        strstr(what, "train") != NULL)
        a->stop = true;
}

static void hears(void *user, const char *event, const json_t *object)
{
    attempt *a = user;
    const char *name = json_string_value(json_object_get(object, "name"));
    if (strcmp(event, "rung-end") == 0 && a->stop_after != NULL && strcmp(name, a->stop_after) == 0)
        a->stop = true;
}

static int climb(attempt *a, json_t **verdict, fr_err *err)
{
    char *path = fr_path_join(a->dir, a->task), *out = fr_path_join(a->dir, a->out);
    fr_progress progress = { sees, asked_to_stop, a };
    FR_AUTOPTR(fr_task) task = NULL;
    int rc = fr_task_load(path, &task, err);
    if (rc == 0)
        rc = fr_adapt(task,
                      &(fr_adapt_options){ .out_dir = out,
                                           .ledger = "",
                                           .place = { .zone = "FR" },
                                           .threads = 1,
                                           .fresh = a->fresh,
                                           .seed = 1,
                                           .measure_s = a->measure_s > 0 ? a->measure_s : 0.02,
                                           .progress = &progress,
                                           .on_event = hears,
                                           .user = a },
                      verdict, err);
    free(path);
    free(out);
    return rc;
}

static json_t *verdict_of(const char *dir, const char *task, const char *out)
{
    fr_err err = { 0 };
    json_t *verdict = NULL;
    attempt a = { .dir = dir, .task = task, .out = out };
    if (climb(&a, &verdict, &err) != 0)
        fail_msg("%s", err.what);
    return verdict;
}

static const json_t *rung(const json_t *verdict, const char *name)
{
    const json_t *rungs = json_object_get(verdict, "rungs");
    for (size_t i = 0; i < json_array_size(rungs); i++) {
        const json_t *r = json_array_get(rungs, i);
        if (strcmp(json_string_value(json_object_get(r, "name")), name) == 0)
            return r;
    }
    fail_msg("no rung '%s'", name);
    return NULL;
}

static const char *status(const json_t *verdict, const char *name)
{
    return json_string_value(json_object_get(rung(verdict, name), "status"));
}

static void assert_same_file(const char *dir, const char *a, const char *b, const char *name)
{
    char *left = fr_dup_f("%s/%s", a, name), *right = fr_dup_f("%s/%s", b, name);
    FR_AUTO(fr_buf) x = { 0 };
    FR_AUTO(fr_buf) y = { 0 };
    char *px = fr_path_join(dir, left), *py = fr_path_join(dir, right);
    assert_int_equal(fr_file_read(px, 1 << 26, &x, NULL), 0);
    assert_int_equal(fr_file_read(py, 1 << 26, &y, NULL), 0);
    if (!fr_str_equal(fr_buf_str(&x), fr_buf_str(&y)))
        fail_msg("%s differs between %s and %s", name, a, b);
    free(left);
    free(right);
    free(px);
    free(py);
}

#define ALL "[traditional, zero-shot, few-shot, lora, full]"

static void what_a_rung_finds_does_not_depend_on_the_others_or_their_order(void **state)
{
    const char *dir = *state;
    put_task(dir, "all.yaml", "strategies: " ALL "\n");
    json_t *all = verdict_of(dir, "all.yaml", "all");
    static const char *const NAMES[] = { "full", "lora", "few-shot", "zero-shot", "traditional" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        char *more = fr_dup_f("strategies: [%s]\n", NAMES[i]),
             *file = fr_dup_f("rungs/%s/%s", NAMES[i], "predictions.jsonl");
        put_task(dir, "one.yaml", more);
        json_t *one = verdict_of(dir, "one.yaml", NAMES[i]);
        assert_same_file(dir, "all", NAMES[i], file);
        assert_true(json_equal(json_object_get(rung(all, NAMES[i]), "quality"),
                               json_object_get(rung(one, NAMES[i]), "quality")));
        json_decref(one);
        free(more);
        free(file);
    }
    json_decref(all);
}

static void assert_unmarked(const char *dir, const char *below)
{
    char *path = fr_path_join(dir, below);
    char **names = NULL;
    size_t n = 0;
    if (fr_dir_list(path, &names, &n, NULL) == 0) {
        for (size_t i = 0; i < n; i++) {
            char *next = fr_dup_f("%s/%s", below, names[i]);
            /* the one file that is about the eval rows, written after all else */
            if (strcmp(names[i], "predictions.jsonl") != 0)
                assert_unmarked(dir, next);
            free(next);
        }
        fr_names_free(names, n);
    } else {
        FR_AUTO(fr_buf) text = { 0 };
        size_t at = 0;
        assert_int_equal(fr_file_read(path, 1 << 26, &text, NULL), 0);
        if (fr_str_find(fr_buf_str(&text), FR_STR("zebrafinch"), &at))
            fail_msg("an eval row stands in %s", below);
    }
    free(path);
}

static void eval_rows_are_never_learnt_from_retrieved_or_shown(void **state)
{
    const char *dir = *state;
    /* a rung of the user's that keeps all that it is given */
    put_task(
        dir, "all.yaml",
        "strategies: [traditional, few-shot, lora, scratch, {name: nosy, build: \"cat "
        "$FRUGAL_TRAIN $FRUGAL_DEV > $FRUGAL_OUT/kept; env > $FRUGAL_OUT/env; ls -R $FRUGAL_OUT "
        ">> $FRUGAL_OUT/kept\", answer: \"sed 's/.*/{\\\"output\\\": \\\"red\\\"}/'\"}]\n");
    json_decref(verdict_of(dir, "all.yaml", "a"));
    assert_unmarked(dir, "a/rungs");
    /* and other eval rows leave every artefact as it was */
    put_rows(dir, "eval.jsonl", 300, 333, "other ");
    json_decref(verdict_of(dir, "all.yaml", "b"));
    static const char *const MADE[] = { "rungs/traditional/classifier.bin",
                                        "rungs/few-shot/prompt.txt",
                                        "rungs/lora/adapter/adapter_model.safetensors",
                                        "rungs/scratch/model.gguf", "rungs/nosy/train.jsonl" };
    for (size_t i = 0; i < FR_COUNT_OF(MADE); i++)
        assert_same_file(dir, "a", "b", MADE[i]);
}

static void an_interrupted_climb_goes_on_behind_what_was_finished(void **state)
{
    const char *dir = *state;
    put_file(dir, "task.yaml",
             "task: fruit\nkind: label\nmodel: model.gguf\ntarget: 0.9\nstop: never\n"
             "data: {train: train.jsonl, eval: eval.jsonl}\n"
             "strategies: [{name: first, build: \"echo x >> $FRUGAL_TASK_DIR/builds\", answer: "
             "\"sed 's/.*/{\\\"output\\\": \\\"red\\\"}/'\"}, zero-shot]\n");
    fr_err err = { 0 };
    json_t *verdict = NULL;
    attempt a = { .dir = dir, .task = "task.yaml", .out = "out", .stop_after = "zero-shot" };
    assert_int_equal(climb(&a, &verdict, &err), FR_E_INTERRUPTED);
    assert_null(verdict);
    assert_null(file_text(dir, "out/verdict.json"));
    verdict = verdict_of(dir, "task.yaml", "out");
    assert_true(json_is_true(json_object_get(rung(verdict, "zero-shot"), "reused")));
    assert_false(json_is_true(json_object_get(rung(verdict, "first"), "reused")));
    json_decref(verdict);
    verdict = verdict_of(dir, "task.yaml", "out"); /* all is there: nothing is built again */
    assert_true(json_is_true(json_object_get(rung(verdict, "first"), "reused")));
    char *builds = file_text(dir, "builds");
    assert_string_equal(builds, "x\n");
    free(builds);
    json_decref(verdict);
    /* other rows are another task: what was kept does not count */
    put_rows(dir, "train.jsonl", 0, 54, "");
    verdict = verdict_of(dir, "task.yaml", "out");
    assert_false(json_is_true(json_object_get(rung(verdict, "first"), "reused")));
    json_decref(verdict);
}

static void a_command_that_fails_hangs_or_talks_rubbish_fails_alone(void **state)
{
    const char *dir = *state;
    put_task(dir, "task.yaml",
             "strategies: [traditional, {name: fails, build: \"echo no luck >&2; exit 3\", answer: "
             "cat},\n  {name: hangs, answer: sleep 60, budget: {time_s: 0.3}},\n  {name: rubbish, "
             "answer: \"echo '{\\\"output\\\": \\\"red\\\"}'; echo 42%\"},\n  {name: few, answer: "
             "\"true\"}, {name: many, answer: \"sed 's/.*/{\\\"output\\\": "
             "\\\"x\\\"}\\\\n\\\"y\\\"/'\"}]\n");
    json_t *v = verdict_of(dir, "task.yaml", "out");
    static const struct {
        const char *name, *reason;
    } FAILED[] = { { "fails", "the build command failed with exit status 3: no luck" },
                   { "hangs", "did not end within 0.3 s" },
                   { "rubbish", "line 2 of what the answer command wrote is no answer: '42%'" },
                   { "few", "the answer command wrote 0 answers for 36 questions" },
                   { "many", "wrote more than the 36 answers" } };
    for (size_t i = 0; i < FR_COUNT_OF(FAILED); i++) {
        assert_string_equal(status(v, FAILED[i].name), "failed");
        const char *reason = json_string_value(json_object_get(rung(v, FAILED[i].name), "reason"));
        if (strstr(reason, FAILED[i].reason) == NULL)
            fail_msg("%s: %s", FAILED[i].name, reason);
    }
    assert_string_equal(status(v, "traditional"), "done");
    assert_string_equal(json_string_value(json_object_get(v, "chosen")), "traditional");
    json_decref(v);
}

static double number(const json_t *o, const char *group, const char *key)
{
    return json_number_value(json_object_get(json_object_get(o, group), key));
}

/* Of all rungs' named parts, our own phases and what is in no part; null counts as nothing. */
static double sum_of_parts(const json_t *v)
{
    double sum = number(v, "energy_j", "overhead") + number(v, "energy_j", "remainder");
    const json_t *rungs = json_object_get(v, "rungs");
    for (size_t i = 0; i < json_array_size(rungs); i++) {
        const json_t *r = json_array_get(rungs, i);
        sum += number(r, "energy_j", "build") + number(r, "energy_j", "load") +
               number(r, "energy_j", "evaluate");
    }
    return sum;
}

static void assert_nothing_is_lost(const json_t *v)
{
    double total = number(v, "energy_j", "total");
    assert_true(total > 0);
    assert_true(fabs(sum_of_parts(v) - total) < 1e-3 * total);
}

static void the_parts_add_up_to_the_total_and_none_is_scaled(void **state)
{
    const char *dir = *state;
    put_task(dir, "task.yaml", "strategies: [traditional, zero-shot, few-shot]\n");
    attempt a = { .dir = dir, .task = "task.yaml", .out = "out", .measure_s = 2 };
    fr_err err = { 0 };
    json_t *v = NULL;
    if (climb(&a, &v, &err) != 0)
        fail_msg("%s", err.what);
    const json_t *rungs = json_object_get(v, "rungs");
    for (size_t i = 0; i < json_array_size(rungs); i++) {
        const json_t *r = json_array_get(rungs, i);
        assert_true(json_number_value(json_object_get(r, "measured_s")) >= 2.0);
        assert_true(number(r, "energy_j", "per_request") > 0);
    }
    assert_nothing_is_lost(v);
    assert_true(number(v, "energy_j", "overhead") > 0);
    assert_true(number(v, "energy_j", "remainder") >= 0);
    json_decref(v);
}

/* A build that took its time before the answers failed was drawn all the same. */
static void what_a_failed_rung_took_is_shown_and_counted(void **state)
{
    const char *dir = *state;
    put_task(dir, "task.yaml",
             "strategies: [{name: late, build: sleep 0.3, answer: sleep 0.3; exit 3}, "
             "{name: early, build: sleep 0.3; exit 3, answer: cat}]\n");
    json_t *v = verdict_of(dir, "task.yaml", "out");
    assert_string_equal(status(v, "late"), "failed");
    assert_string_equal(status(v, "early"), "failed");
    assert_true(number(rung(v, "late"), "energy_j", "build") > 0);
    assert_true(number(rung(v, "late"), "energy_j", "evaluate") > 0);
    assert_true(number(rung(v, "early"), "energy_j", "build") > 0);
    assert_true(
        json_is_null(json_object_get(json_object_get(rung(v, "late"), "energy_j"), "per_request")));
    assert_nothing_is_lost(v);
    json_decref(v);
}

static void a_spent_budget_ends_the_climb_and_says_so(void **state)
{
    const char *dir = *state;
    put_task(dir, "task.yaml",
             "budget: {time_s: 1}\nstrategies: [{name: slow, build: sleep 20, answer: cat}, "
             "{name: next, answer: cat}]\n");
    json_t *v = verdict_of(dir, "task.yaml", "out");
    assert_string_equal(status(v, "slow"), "budget");
    assert_string_equal(status(v, "next"), "skipped");
    assert_true(json_is_null(json_object_get(v, "chosen")));
    json_decref(v);
}

static void the_chosen_artefact_answers_as_the_rung_did(void **state)
{
    const char *dir = *state;
    put_task(dir, "task.yaml", "strategies: [traditional, few-shot, lora]\n");
    json_t *v = verdict_of(dir, "task.yaml", "out");
    static const char *const FOLDERS[] = { "out", "out/rungs/few-shot", "out/rungs/lora" };
    static const char *const NAMES[] = { "traditional", "few-shot", "lora" };
    for (size_t f = 0; f < 3; f++) {
        char *where = fr_path_join(dir, FOLDERS[f]);
        char *name = fr_dup_f("out/rungs/%s/predictions.jsonl", NAMES[f]);
        char *text = file_text(dir, name);
        fr_str rest = fr_str_of(text);
        fr_str inputs[36];
        json_t *rows[36], *row;
        char *answers[36] = { NULL };
        size_t n = 0;
        while (n < 36 && (row = next_row(&rest)) != NULL) {
            rows[n] = row;
            inputs[n++] = text_in(row, "input");
        }
        fr_err err = { 0 };
        if (fr_adapt_answer(where, 1, inputs, n, answers, NULL, &err) != 0)
            fail_msg("%s", err.what);
        for (size_t i = 0; i < n; i++) {
            assert_true(fr_str_is(text_in(rows[i], "prediction"), answers[i]));
            json_decref(rows[i]);
            free(answers[i]);
        }
        assert_int_equal(n, 36);
        free(text);
        free(name);
        free(where);
    }
    json_decref(v);
}

static void two_climbs_do_not_share_a_folder(void **state)
{
    const char *dir = *state;
    put_task(dir, "task.yaml", "strategies: [traditional]\n");
    char *out = fr_path_join(dir, "out");
    int lock = -1;
    assert_int_equal(fr_dir_make(out, NULL), 0);
    assert_int_equal(fr_folder_lock(out, &lock, NULL), 0);
    attempt a = { .dir = dir, .task = "task.yaml", .out = "out" };
    fr_err err = { 0 };
    json_t *v = NULL;
    assert_int_equal(climb(&a, &v, &err), FR_E_BUSY);
    fr_folder_unlock(lock);
    assert_int_equal(climb(&a, &v, &err), 0);
    json_decref(v);
    free(out);
}

static void a_broken_model_fails_its_rungs_and_no_others(void **state)
{
    const char *dir = *state;
    put_file(dir, "model.gguf", "GGUF but not really");
    put_task(dir, "task.yaml", "strategies: [traditional, zero-shot]\n");
    json_t *v = verdict_of(dir, "task.yaml", "out");
    assert_string_equal(status(v, "zero-shot"), "failed");
    assert_string_equal(status(v, "traditional"), "done");
    json_decref(v);
}

/* A server that calls everything red. */
static void says_red(void *user, const tiny_request *request, fr_buf *out)
{
    (void)user;
    (void)request;
    tiny_answer(out, 200, "Content-Type: application/json\r\n",
                "{\"choices\": [{\"text\": \" It is Red.\\n\", \"finish_reason\": \"stop\"}], "
                "\"usage\": {\"prompt_tokens\": 9, \"completion_tokens\": 3}}");
}

static void a_training_that_goes_on_ends_in_the_same_weights_and_costs_all_its_parts(void **state)
{
    const char *dir = *state;
    put_task(dir, "task.yaml", "strategies: [lora]\n");
    json_t *v = NULL;
    fr_err err = { 0 };
    attempt a = { .dir = dir, .task = "task.yaml", .out = "cut", .stop_in_training = true };
    assert_int_equal(climb(&a, &v, &err), FR_E_INTERRUPTED);
    char *partial = file_text(dir, "cut/rungs/lora/partial.json");
    assert_non_null(partial);
    free(partial);
    json_t *cut = verdict_of(dir, "task.yaml", "cut");
    json_t *whole = verdict_of(dir, "task.yaml", "whole");
    assert_same_file(dir, "cut", "whole", "rungs/lora/adapter/adapter_model.safetensors");
    assert_true(number(cut, "energy_j", "earlier") > 0);
    assert_true(number(rung(cut, "lora"), "energy_j", "build") >
                number(cut, "energy_j", "earlier"));
    assert_float_equal(number(whole, "energy_j", "earlier"), 0, 0);
    json_decref(cut);
    json_decref(whole);
}

static void over_http_labels_are_matched_and_what_cannot_be_done_is_said(void **state)
{
    const char *dir = *state;
    tiny_server server;
    assert_int_equal(tiny_server_start(&server, says_red, NULL), 0);
    FR_AUTO(fr_buf) text = { 0 };
    fr_buf_put_f(&text,
                 "task: fruit\nkind: label\nmodel: {endpoint: \"%s/v1\", name: it}\ntarget: 0.9\n"
                 "stop: never\ndata: {train: train.jsonl, eval: eval.jsonl}\n"
                 "strategies: [zero-shot, lora, scratch]\n",
                 server.url);
    put_file(dir, "task.yaml", fr_buf_text(&text));
    json_t *v = verdict_of(dir, "task.yaml", "out");
    assert_string_equal(status(v, "zero-shot"), "done");
    assert_string_equal(status(v, "lora"), "unfit");
    assert_string_equal(status(v, "scratch"), "unfit");
    assert_float_equal(number(rung(v, "zero-shot"), "quality", "value"), 1.0 / 3, 1e-9);
    /* each question of eval was asked once: what a server draws is not ours to tell; the rest is
     * the search on dev, which a server of single prompts refuses as a list once */
    const json_t *found = json_object_get(rung(v, "zero-shot"), "chosen_on_dev");
    json_int_t search = json_integer_value(json_object_get(found, "scored")) +
                        json_integer_value(json_object_get(found, "instruction_calls"));
    assert_true(search > 0);
    assert_in_range(server.n_requests, 37, 36 + search + 1);
    assert_true(json_is_null(
        json_object_get(json_object_get(rung(v, "zero-shot"), "energy_j"), "per_request")));
    assert_nothing_is_lost(v); /* of what was drawn on this machine */
    json_decref(v);
    tiny_server_stop(&server);
}

static void free_text_is_scored_by_perplexity(void **state)
{
    const char *dir = *state;
    put_file(dir, "task.yaml",
             "task: fruit\nkind: text\nmodel: model.gguf\nmetric: perplexity\ntarget: 2\n"
             "data: {train: train.jsonl, eval: eval.jsonl}\nstop: never\n"
             "strategies: [traditional, zero-shot, few-shot]\n");
    json_t *v = verdict_of(dir, "task.yaml", "out");
    assert_string_equal(status(v, "traditional"), "unfit");
    double value = number(rung(v, "zero-shot"), "quality", "value");
    assert_true(value > 1);
    assert_true(number(rung(v, "zero-shot"), "quality", "ci_low") <= value);
    assert_true(number(rung(v, "zero-shot"), "quality", "ci_high") >= value);
    assert_string_equal(status(v, "few-shot"), "done");
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_FOLDER(what_a_rung_finds_does_not_depend_on_the_others_or_their_order),
        WITH_FOLDER(eval_rows_are_never_learnt_from_retrieved_or_shown),
        WITH_FOLDER(an_interrupted_climb_goes_on_behind_what_was_finished),
        WITH_FOLDER(a_command_that_fails_hangs_or_talks_rubbish_fails_alone),
        WITH_FOLDER(the_parts_add_up_to_the_total_and_none_is_scaled),
        WITH_FOLDER(what_a_failed_rung_took_is_shown_and_counted),
        WITH_FOLDER(a_spent_budget_ends_the_climb_and_says_so),
        WITH_FOLDER(the_chosen_artefact_answers_as_the_rung_did),
        WITH_FOLDER(two_climbs_do_not_share_a_folder),
        WITH_FOLDER(a_training_that_goes_on_ends_in_the_same_weights_and_costs_all_its_parts),
        WITH_FOLDER(over_http_labels_are_matched_and_what_cannot_be_done_is_said),
        WITH_FOLDER(free_text_is_scored_by_perplexity),
        WITH_FOLDER(a_broken_model_fails_its_rungs_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
