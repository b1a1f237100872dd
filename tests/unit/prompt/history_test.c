/* History: what was tried is found again, whoever wrote it, and nothing that was written is lost.
 */
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
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "prompt/history.h"

static const char MODEL[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

typedef struct {
    char dir[64];
    fr_history *history;
} store;

static fr_history *opened(const char *const *dirs, size_t n)
{
    fr_history *h = NULL;
    fr_err err = { 0 };
    if (fr_history_open(dirs, n, &h, &err) != 0)
        fail_msg("%s", err.what);
    return h;
}

static int set_up(void **state)
{
    store *s = FR_NEW(store);
    snprintf(s->dir, sizeof(s->dir), "/tmp/history.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    const char *dir = s->dir;
    s->history = opened(&dir, 1);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    store *s = *state;
    char *line = fr_dup_f("rm -rf '%s'", s->dir);
    int rc = system(line);
    free(line);
    fr_history_free(s->history);
    free(s);
    return rc;
}

static fr_experiment experiment(const char *prompt, json_t *parameters)
{
    return (fr_experiment){ .prompt = fr_str_of(prompt),
                            .form = "f-string",
                            .model_hash = MODEL,
                            .data_hash = "rows-1",
                            .metric = "accuracy",
                            .parameters = parameters };
}

static void record(fr_history *h, const fr_experiment *e, double value, double half, double joules)
{
    fr_finding f = { .task = "kind", .outcome = fr_history_outcome_none() };
    f.outcome.value = value;
    f.outcome.low = value - half;
    f.outcome.high = value + half;
    f.outcome.n = 100;
    f.outcome.calls = 100;
    f.outcome.energy = (fr_energy){ joules, joules / 2, joules * 2, FR_METHOD_MODELLED, "model x" };
    f.outcome.cpu_s = joules / 10;
    fr_err err = { 0 };
    if (fr_history_record(h, e, &f, NULL, &err) != 0)
        fail_msg("%s", err.what);
}

static fr_history_entry *lookup(fr_history *h, const fr_experiment *e)
{
    fr_history_entry *known = NULL;
    assert_int_equal(fr_history_lookup(h, e, &known, NULL), 0);
    return known;
}

static void an_experiment_that_was_run_is_answered_with_all_that_was_told(void **state)
{
    store *s = *state;
    json_t *p = json_pack("{s:f, s:i, s:i}", "temperature", 0.0, "max_tokens", 16, "seed", 7);
    fr_experiment e = experiment("Say {x}.", p);
    assert_null(lookup(s->history, &e));
    fr_finding f = { .task = "kind", .model_name = "tiny", .outcome = fr_history_outcome_none() };
    f.outcome.value = 0.75;
    f.outcome.low = 0.5;
    f.outcome.n = 40;
    f.outcome.energy = (fr_energy){ 12, 6, 20, FR_METHOD_MODELLED, "model cpu-curve 1" };
    f.outcome.prompt_tokens = 1234;
    f.detail = json_pack("{s:[f,f]}", "scores", 1.0, 0.5);
    assert_int_equal(fr_history_record(s->history, &e, &f, NULL, NULL), 0);
    json_decref((json_t *)(uintptr_t)f.detail);

    FR_AUTOPTR(fr_history_entry) known = lookup(s->history, &e);
    assert_non_null(known);
    assert_true(known->outcome.value == 0.75 && known->outcome.low == 0.5);
    assert_true(isnan(known->outcome.high) && isnan(known->outcome.cpu_s));
    assert_int_equal(known->outcome.n, 40);
    assert_int_equal(known->outcome.prompt_tokens, 1234);
    assert_true(known->outcome.energy.value_j == 12);
    assert_int_equal(known->outcome.energy.method, FR_METHOD_MODELLED);
    assert_string_equal(known->outcome.energy.source, "model cpu-curve 1");
    assert_string_equal(known->task, "kind");
    assert_true(json_real_value(json_array_get(json_object_get(known->detail, "scores"), 1)) ==
                0.5);
    FR_AUTO(fr_buf) text = { 0 };
    assert_int_equal(fr_history_text(known, NULL, &text, NULL), 0);
    assert_string_equal(fr_buf_text(&text), "Say {x}.");
    json_decref(p);
}

static void whole_numbers_are_the_same_with_and_without_a_point_and_in_any_order(void **state)
{
    store *s = *state;
    json_t *a = json_pack("{s:f, s:i, s:{s:f}}", "temperature", 0.0, "k", 3, "more", "x", 2.0);
    json_t *b = json_pack("{s:{s:i}, s:f, s:i}", "more", "x", 2, "k", 3.0, "temperature", 0);
    fr_experiment e = experiment("Say {x}.", a), same = experiment("Say {x}.", b);
    record(s->history, &e, 0.5, 0.1, 10);
    FR_AUTOPTR(fr_history_entry) known = lookup(s->history, &same);
    assert_non_null(known);
    json_decref(a);
    json_decref(b);
}

static void another_prompt_model_data_metric_form_or_parameter_is_another_experiment(void **state)
{
    store *s = *state;
    json_t *p = json_pack("{s:i}", "seed", 1), *q = json_pack("{s:i}", "seed", 2);
    fr_experiment e = experiment("Say {x}.", p), others[6];
    record(s->history, &e, 0.5, 0.1, 10);
    for (size_t i = 0; i < 6; i++)
        others[i] = e;
    others[0].prompt = FR_STR("Say {x}!");
    others[1].model_hash = "other";
    others[2].data_hash = "other";
    others[3].metric = "token-f1";
    others[4].form = "jinja2";
    others[5].parameters = q;
    for (size_t i = 0; i < 6; i++)
        assert_null(lookup(s->history, &others[i]));
    json_decref(p);
    json_decref(q);
}

static void writers_at_once_lose_nothing(void **state)
{
    enum { WRITERS = 6, EACH = 8 };
    store *s = *state;
    json_t *files = json_pack("{s:s}", "a.txt", "first");
    fr_history_version v = { .name = "a", .form = "f-string", .main = "a.txt", .files = files };
    char id[FR_HISTORY_ID];
    bool is_new = false;
    assert_int_equal(fr_history_save(s->history, &v, id, &is_new, NULL), 0);
    for (int w = 0; w < WRITERS; w++) {
        if (fork() != 0)
            continue;
        for (int i = 0; i < EACH; i++) {
            char text[64];
            snprintf(text, sizeof(text), "by %d, number %d", w, i);
            fr_experiment e = experiment(text, NULL);
            record(s->history, &e, 0.5, 0.1, 10);
            json_object_set_new(files, "a.txt", json_string(text));
            if (fr_history_save(s->history, &v, id, &is_new, NULL) != 0 || !is_new)
                _exit(1);
            if (fr_history_tag(s->history, "a", i % 2 == 0 ? "x" : "y", id, NULL, NULL) != 0)
                _exit(1);
        }
        _exit(0);
    }
    for (int w = 0, status = 0; w < WRITERS; w++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    FR_AUTO(fr_history_list) results = { 0 };
    FR_AUTO(fr_history_list) versions = { 0 };
    FR_AUTO(fr_history_list) tags = { 0 };
    assert_int_equal(fr_history_all(s->history, FR_HISTORY_RESULT, &results, NULL), 0);
    assert_int_equal(fr_history_all(s->history, FR_HISTORY_VERSION, &versions, NULL), 0);
    assert_int_equal(fr_history_all(s->history, FR_HISTORY_TAG, &tags, NULL), 0);
    assert_int_equal(results.n, WRITERS * EACH);
    assert_int_equal(versions.n, 1 + WRITERS * EACH);
    assert_int_equal(tags.n, WRITERS * EACH);
    assert_int_equal(results.n_damaged + versions.n_damaged + tags.n_damaged, 0);
    for (size_t i = 1; i < versions.n; i++) { /* parents stand before their children */
        bool found = false;
        for (size_t k = 0; k < i; k++)
            found = found || strcmp(versions.at[k]->id, versions.at[i]->parent) == 0;
        assert_true(found);
    }
    json_decref(files);
}

static void spoil(const char *path)
{
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    fseek(f, 40, SEEK_SET);
    fputc('#', f);
    fclose(f);
}

static void a_damaged_file_is_named_and_passed_over(void **state)
{
    store *s = *state;
    fr_experiment good = experiment("good", NULL), bad = experiment("bad", NULL);
    record(s->history, &good, 0.5, 0.1, 10);
    record(s->history, &bad, 0.5, 0.1, 10);
    fr_history_entry *e = lookup(s->history, &bad);
    spoil(e->path);
    FR_AUTO(fr_history_list) list = { 0 };
    assert_int_equal(fr_history_all(s->history, FR_HISTORY_RESULT, &list, NULL), 0);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.n_damaged, 1);
    assert_non_null(strstr(list.damaged[0], e->id) == NULL ? strstr(list.damaged[0], e->key) : "");
    assert_non_null(strstr(list.damaged[0], "it was changed"));
    fr_history_entry_free(e);
    assert_null(lookup(s->history, &bad));
    record(s->history, &bad, 0.5, 0.1, 10); /* run again, and the store is whole again */
    FR_AUTOPTR(fr_history_entry) again = lookup(s->history, &bad);
    assert_non_null(again);
}

static void the_best_is_what_can_be_stood_behind_at_the_least_energy(void **state)
{
    store *s = *state;
    fr_experiment lucky = experiment("lucky", NULL), sure = experiment("sure", NULL),
                  costly = experiment("costly", NULL), other = experiment("other", NULL);
    other.model_hash = "other";
    record(s->history, &lucky, 0.90, 0.30, 1);
    record(s->history, &costly, 0.80, 0.05, 20);
    record(s->history, &sure, 0.80, 0.05, 10);
    record(s->history, &other, 1.00, 0.00, 1);
    FR_AUTOPTR(fr_history_entry) best = NULL;
    fr_history_query q = { .model_hash = MODEL, .task = "kind" };
    assert_int_equal(fr_history_best(s->history, &q, &best, NULL), 0);
    assert_non_null(best);
    FR_AUTO(fr_buf) text = { 0 };
    assert_int_equal(fr_history_text(best, NULL, &text, NULL), 0);
    assert_string_equal(fr_buf_text(&text), "sure");

    FR_AUTOPTR(fr_history_entry) none = NULL;
    q.model_hash = "never seen";
    assert_int_equal(fr_history_best(s->history, &q, &none, NULL), 0);
    assert_null(none);
    q = (fr_history_query){ .model_hash = MODEL, .task = "never heard of" };
    assert_int_equal(fr_history_best(s->history, &q, &none, NULL), 0);
    assert_null(none);
}

static void several_stores_are_searched_and_the_first_is_written_to(void **state)
{
    store *s = *state;
    char own[80];
    snprintf(own, sizeof(own), "%s/mine", s->dir);
    fr_experiment theirs = experiment("theirs", NULL), mine = experiment("mine", NULL);
    record(s->history, &theirs, 0.5, 0.1, 10);
    const char *dirs[] = { own, s->dir };
    FR_AUTOPTR(fr_history) both = opened(dirs, 2);
    FR_AUTOPTR(fr_history_entry) known = lookup(both, &theirs);
    assert_non_null(known);
    record(both, &mine, 0.5, 0.1, 10);
    assert_null(lookup(s->history, &mine));
    FR_AUTO(fr_history_list) list = { 0 };
    assert_int_equal(fr_history_all(both, FR_HISTORY_RESULT, &list, NULL), 0);
    assert_int_equal(list.n, 2);
}

static void a_version_is_found_by_name_tag_digits_and_steps_back(void **state)
{
    store *s = *state;
    static const char *const TEXTS[] = { "one", "two", "three" };
    char ids[3][FR_HISTORY_ID];
    bool is_new = false;
    for (size_t i = 0; i < 3; i++) {
        json_t *files = json_pack("{s:s}", "a.txt", TEXTS[i]);
        fr_history_version v = { .name = "ask", .form = "text", .main = "a.txt", .files = files };
        assert_int_equal(fr_history_save(s->history, &v, ids[i], &is_new, NULL), 0);
        assert_true(is_new);
        assert_int_equal(fr_history_save(s->history, &v, ids[i], &is_new, NULL), 0);
        assert_false(is_new); /* nothing new was said */
        json_decref(files);
    }
    assert_int_equal(fr_history_tag(s->history, "ask", "live", ids[0], NULL, NULL), 0);
    assert_int_equal(fr_history_tag(s->history, "ask", "live", ids[1], NULL, NULL), 0);
    FR_AUTO(fr_history_list) versions = { 0 };
    FR_AUTO(fr_history_list) tags = { 0 };
    assert_int_equal(fr_history_all(s->history, FR_HISTORY_VERSION, &versions, NULL), 0);
    assert_int_equal(fr_history_all(s->history, FR_HISTORY_TAG, &tags, NULL), 0);
    assert_int_equal(versions.n, 3);
    const struct {
        const char *word;
        size_t which;
    } rows[] = {
        { "ask", 2 }, { "ask~1", 1 }, { "ask~2", 0 }, { "ask@live", 1 }, { "ask@live~1", 0 }
    };
    const fr_history_entry *e = NULL;
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        assert_int_equal(fr_history_find(&versions, &tags, rows[i].word, &e, NULL), 0);
        assert_string_equal(e->id, ids[rows[i].which]);
    }
    char digits[11];
    snprintf(digits, sizeof(digits), "%.10s", ids[1]);
    assert_int_equal(fr_history_find(&versions, &tags, digits, &e, NULL), 0);
    assert_string_equal(e->id, ids[1]);
    assert_true(fr_history_is_head(&versions, versions.at[2]));
    assert_false(fr_history_is_head(&versions, versions.at[1]));
    fr_err err = { 0 };
    assert_int_equal(fr_history_find(&versions, &tags, "aks", &e, &err), FR_E_NOT_FOUND);
    assert_string_equal(err.hint, "Did you mean 'ask'?");
    assert_int_equal(fr_history_find(&versions, &tags, "ask~3", &e, &err), FR_E_NOT_FOUND);
    assert_int_equal(fr_history_find(&versions, &tags, "ask@liv", &e, &err), FR_E_NOT_FOUND);
    assert_int_equal(fr_history_tag(s->history, "ask", "live", NULL, NULL, NULL), 0);
    fr_history_list_fini(&tags);
    assert_int_equal(fr_history_all(s->history, FR_HISTORY_TAG, &tags, NULL), 0);
    assert_null(fr_history_tagged(&tags, "ask", "live"));
}

static void a_path_that_leads_out_of_its_folder_is_no_version(void **state)
{
    store *s = *state;
    static const char *const PATHS[] = { "../a.txt", "/etc/a", "a/../../b", "a//b", "a/", "." };
    for (size_t i = 0; i < FR_COUNT_OF(PATHS); i++) {
        json_t *files = json_pack("{s:s}", PATHS[i], "text");
        fr_history_version v = { .name = "a", .form = "text", .main = PATHS[i], .files = files };
        char id[FR_HISTORY_ID];
        bool is_new = false;
        assert_int_equal(fr_history_save(s->history, &v, id, &is_new, NULL), FR_E_FORMAT);
        json_decref(files);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_experiment_that_was_run_is_answered_with_all_that_was_told),
        TEST(whole_numbers_are_the_same_with_and_without_a_point_and_in_any_order),
        TEST(another_prompt_model_data_metric_form_or_parameter_is_another_experiment),
        TEST(writers_at_once_lose_nothing),
        TEST(a_damaged_file_is_named_and_passed_over),
        TEST(the_best_is_what_can_be_stood_behind_at_the_least_energy),
        TEST(several_stores_are_searched_and_the_first_is_written_to),
        TEST(a_version_is_found_by_name_tag_digits_and_steps_back),
        TEST(a_path_that_leads_out_of_its_folder_is_no_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
