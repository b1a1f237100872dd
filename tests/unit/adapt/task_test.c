/* Task files: what is understood, and what is said of what is not: line, column, key, way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "adapt/work_folder.h"

#include <math.h>

#include "adapt/task.h"

#define HEAD "task: fruit\nkind: label\n"
#define DATA "data: {train: train.jsonl, eval: eval.jsonl}\n"
#define BASE HEAD DATA "target: 0.8\n"

static int set_up(void **state)
{
    char *dir = work_folder_new();
    put_rows(dir, "train.jsonl", 0, 60, "");
    put_rows(dir, "eval.jsonl", 100, 140, "");
    *state = dir;
    return 0;
}

static int tear_down(void **state)
{
    work_folder_free(*state);
    return 0;
}

static int load(const char *dir, const char *text, fr_task **task, fr_err *err)
{
    put_file(dir, "task.yaml", text);
    char *path = fr_path_join(dir, "task.yaml");
    int rc = fr_task_load(path, task, err);
    free(path);
    return rc;
}

static void defaults_are_those_of_the_design(void **state)
{
    FR_AUTOPTR(fr_task) t = NULL;
    fr_err err = { 0 };
    if (load(*state, BASE, &t, &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(t->metric.name, "accuracy");
    assert_int_equal(t->hosting, FR_HOSTING_SLEEPS);
    assert_float_equal(t->requests_per_day, 1000, 0);
    assert_float_equal(t->horizon_days, 365, 0);
    assert_int_equal(t->n_strategies, 10);
    assert_int_equal(t->n_labels, 3);
    assert_true(fr_str_is(t->labels[0], "yellow"));
    assert_false(t->never_stop);
}

static void all_keys_are_read(void **state)
{
    FR_AUTOPTR(fr_task) t = NULL;
    fr_err err = { 0 };
    int rc =
        load(*state,
             HEAD DATA "model:\n  - {endpoint: \"http://localhost:1/v1\", name: big}\n"
                       "metric: {command: ./score.sh, direction: lower}\ntarget: 3\nstop: never\n"
                       "strategies: [traditional, {name: lora, budget: {time_s: 9}},\n"
                       "  {name: mine, build: \"true\", answer: cat}]\n"
                       "budget: {energy_j: 20000, time_s: 3600, carbon_g: 5}\n"
                       "place: {zone: FR, pue: 1.2}\nhosting: always-on\n"
                       "requests_per_day: 10\nhorizon_days: 30\n",
             &t, &err);
    if (rc != 0)
        fail_msg("%s", err.what);
    assert_string_equal(t->models[0].written, "big");
    assert_int_equal(t->metric.better, FR_BETTER_LOWER);
    assert_true(t->never_stop);
    assert_true(t->strategies[2].own);
    assert_float_equal(t->strategies[1].time_s, 9, 0);
    assert_float_equal(t->budget.carbon_g, 5, 0);
    assert_int_equal(t->hosting, FR_HOSTING_ALWAYS_ON);
}

static void bad_task_files_are_told_where_and_what(void **state)
{
    static const struct {
        const char *text, *what, *hint;
    } CASES[] = {
        { BASE "strategy: x\n", ":5:1: strategy: unknown key", "strategies" },
        { HEAD DATA, "the key 'target' is missing", "" },
        { HEAD DATA "target: high\n", ":4:9: target: expected a number, found 'high'", "" },
        { HEAD DATA "target: 80\n", ":4:9: target: expected a number from 0 to 1", "0.80" },
        { "task: fruit\nkind: labels\n" DATA "target: 1\n", ":2:7: kind: expected one of",
          "label" },
        { "task: a/b\nkind: label\n" DATA "target: 1\n", ":1:7: task:", "" },
        { HEAD "data: {train: none.jsonl, eval: eval.jsonl}\ntarget: 1\n", ":3:15: train: '",
          "relative" },
        { HEAD "data: {train: train.jsonl}\ntarget: 1\n", "the key 'eval' is missing", "" },
        { HEAD "data: {train: train.jsonl, eval: eval.jsonl, documents: docs}\ntarget: 1\n",
          "documents: '", "" },
        { HEAD "data: {train: train.jsonl, eval: eval.jsonl, embed: e.gguf}\ntarget: 1\n",
          ":3:53: embed: there are no documents to embed", "documents" },
        { HEAD "data: {train: train.jsonl, eval: eval.jsonl, documents: eval.jsonl, "
               "embed: e.gguf}\ntarget: 1\n",
          "e.gguf' does not exist", "GGUF" },
        { BASE "model: a.gguf\nmodels: [b.gguf]\n", "both stand here", "models" },
        { BASE "model: none.gguf\n", "none.gguf' does not exist", "GGUF" },
        { BASE "model: {endpoint: localhost, name: x}\n", "expected a URL", "" },
        { BASE "metric: acuracy\n", ":5:9: metric: expected a metric, found 'acuracy'",
          "accuracy" },
        { BASE "metric: perplexity\n", "perplexity is a metric of the kind 'text' only", "" },
        { BASE "strategies: [fewshot]\n", ":5:14: strategies: expected a strategy, found 'fewshot'",
          "few-shot" },
        { BASE "strategies: [lora, lora]\n", "stands here twice", "" },
        { BASE "strategies: [p-tuning]\n", "known, but not built yet", "" },
        { BASE "strategies: [{name: react, steps: 0}]\n", "from 1 to 50", "" },
        { BASE "strategies: [{name: lora, answer: cat}]\n", "one of frugal's own", "" },
        { BASE "strategies: [{name: mine, build: x}]\n", "the key 'answer' is missing", "" },
        { BASE "strategies: [{name: ../mine, answer: x}]\n", "cannot be a rung's name", "" },
        { BASE "budget: {energy: 5}\n", "energy: unknown key", "energy_j" },
        { BASE "budget: {time_s: -5}\n", "expected a number above 0", "" },
        { BASE "place: {zone: Nowhere}\n", ":5:8: place:", "" },
        { BASE "hosting: sleep\n", "hosting: expected one of", "sleeps" },
        { BASE "requests_per_day: 0\n", "expected a number above 0", "" },
        { "task: [\n", "not YAML", "" },
        { "just text\n", "expected keys such as", "" },
        { "", "the file is empty", "" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_task *t = NULL;
        fr_err err = { 0 };
        int rc = load(*state, CASES[i].text, &t, &err);
        if (rc == 0 || strstr(err.what, CASES[i].what) == NULL ||
            strstr(err.hint, CASES[i].hint) == NULL)
            fail_msg("case %zu: %d '%s' ('%s')", i, rc, err.what, err.hint);
        assert_int_equal(rc, FR_E_USAGE);
    }
}

static void assert_data_fails(const char *dir, int code, const char *what)
{
    fr_task *t = NULL;
    fr_err err = { 0 };
    assert_int_equal(load(dir, BASE, &t, &err), code);
    if (strstr(err.what, what) == NULL)
        fail_msg("%s", err.what);
}

static void data_that_nothing_can_be_learnt_from_is_refused(void **state)
{
    const char *dir = *state;
    put_file(dir, "train.jsonl", "\n");
    assert_data_fails(dir, FR_E_FORMAT, "has no rows");
    put_file(dir, "train.jsonl",
             "{\"input\": \"a\", \"output\": \"x\"}\n"
             "{\"input\": \"b\", \"output\": \"x\"}\n");
    assert_data_fails(dir, FR_E_FORMAT, "have one label, 'x'");
    put_rows(dir, "train.jsonl", 0, 60, "");
    put_file(dir, "eval.jsonl",
             "{\"input\": \"a\", \"output\": \"red\"}\n"
             "{\"input\": \"b\", \"output\": \"mauve\"}\n");
    assert_data_fails(dir, FR_E_FORMAT, "'mauve' (line 2)");
}

static void rows_that_stand_in_both_files_are_named_and_set_aside(void **state)
{
    const char *dir = *state;
    put_rows(dir, "eval.jsonl", 50, 90, ""); /* 50…59 stand in train, which has 0…59 */
    FR_AUTOPTR(fr_task) t = NULL;
    fr_err err = { 0 };
    if (load(dir, BASE, &t, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(t->n_warnings, 1);
    assert_non_null(strstr(t->warnings[0], "leak: 10 of the training rows"));
    assert_non_null(strstr(t->warnings[0], "51 (eval 1)"));
    assert_int_equal(t->rows.n, 50);
    for (size_t i = 0; i < t->rows.n; i++) {
        for (size_t k = 0; k < t->eval.n; k++)
            assert_false(fr_str_equal(t->rows.at[i].input, t->eval.at[k].input));
    }
    put_rows(dir, "train.jsonl", 50, 60, "");
    assert_data_fails(dir, FR_E_FORMAT, "every row of");
}

static void the_dev_split_is_the_same_each_time_and_leaves_every_label_to_learn(void **state)
{
    const char *dir = *state;
    FR_AUTO(fr_buf) text = { 0 };
    for (size_t i = 0; i < 40; i++)
        fr_buf_put_f(&text, "{\"input\": \"row %zu\", \"output\": \"%s\"}\n", i,
                     i == 7       ? "green"
                     : i % 2 != 0 ? "red"
                                  : "yellow");
    put_file(dir, "train.jsonl", fr_buf_text(&text));
    FR_AUTOPTR(fr_task) t = NULL;
    assert_int_equal(load(dir, BASE, &t, NULL), 0);
    char first[65], again[65], other[65];
    for (uint64_t seed = 1; seed < 40; seed++) {
        assert_int_equal(fr_task_split(t, seed, NULL), 0);
        assert_int_equal(t->train.n, 32);
        assert_int_equal(t->dev.n, 8);
        bool green = false;
        for (size_t i = 0; i < t->train.n; i++)
            green = green || fr_str_is(t->train.at[i].output, "green");
        assert_true(green);
    }
    assert_int_equal(fr_task_split(t, 1, NULL), 0);
    assert_int_equal(fr_data_hash(&t->dev, first, NULL), 0);
    assert_int_equal(fr_task_split(t, 2, NULL), 0);
    assert_int_equal(fr_data_hash(&t->dev, other, NULL), 0);
    assert_int_equal(fr_task_split(t, 1, NULL), 0);
    assert_int_equal(fr_data_hash(&t->dev, again, NULL), 0);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
}

static void models_are_climbed_smallest_first(void **state)
{
    const char *dir = *state;
    put_file(dir, "big.gguf", "GGUF bigger");
    put_file(dir, "a.gguf", "GGUF");
    FR_AUTOPTR(fr_task) t = NULL;
    fr_err err = { 0 };
    if (load(dir, BASE "model: [{endpoint: \"http://h/v1\", name: x}, big.gguf, a.gguf]\n", &t,
             &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(t->models[0].name, "a");
    assert_string_equal(t->models[1].name, "big");
    assert_string_equal(t->models[2].name, "x");
    FR_AUTOPTR(fr_task) same = NULL;
    if (load(dir, BASE "models: [big.gguf, a.gguf]\n", &same, &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(same->models[0].name, "a");
}

static void a_first_task_file_is_written_and_read_back(void **state)
{
    const char *dir = *state;
    FR_AUTO(fr_buf) csv = { 0 };
    fr_buf_put_s(&csv, "text,label\n");
    for (size_t i = 0; i < 80; i++)
        fr_buf_put_f(&csv, "\"row, %zu\",%s\n", i, i % 2 != 0 ? "odd" : "even");
    put_file(dir, "parity.csv", fr_buf_text(&csv));
    char *data = fr_path_join(dir, "parity.csv"), *path = fr_path_join(dir, "parity/first.yaml");
    FR_AUTO(fr_buf) told = { 0 };
    fr_err err = { 0 };
    if (fr_task_init(data, path, &told, &err) != 0)
        fail_msg("%s", err.what);
    FR_AUTOPTR(fr_task) t = NULL;
    if (fr_task_load(path, &t, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(t->kind, FR_TASK_LABEL);
    assert_int_equal(t->rows.n, 50);
    assert_int_equal(t->eval.n, 30); /* fewer could tell nothing of a target */
    /* and not written over */
    assert_int_equal(fr_task_init(data, path, &told, &err), FR_E_FAILED);
    assert_non_null(strstr(err.what, "first.yaml' exists"));
    free(data);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_FOLDER(defaults_are_those_of_the_design),
        WITH_FOLDER(all_keys_are_read),
        WITH_FOLDER(bad_task_files_are_told_where_and_what),
        WITH_FOLDER(data_that_nothing_can_be_learnt_from_is_refused),
        WITH_FOLDER(rows_that_stand_in_both_files_are_named_and_set_aside),
        WITH_FOLDER(the_dev_split_is_the_same_each_time_and_leaves_every_label_to_learn),
        WITH_FOLDER(models_are_climbed_smallest_first),
        WITH_FOLDER(a_first_task_file_is_written_and_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
