/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>

#include "fixture.h"
#include "quality/quality.h"

/* metrics.jsonl holds what scikit-learn, rouge-score and SQuAD's definition say (make_golden.py).
 */
static void every_metric_agrees_with_its_reference(void **state)
{
    (void)state;
    char *path = fixture_path("quality/metrics.jsonl");
    FR_AUTO(fr_buf) file = { 0 };
    assert_int_equal(fr_file_read(path, 1 << 20, &file, NULL), 0);
    free(path);
    fr_str rest = fr_buf_str(&file);
    size_t rows = 0;
    for (json_t *row; (row = next_row(&rest)) != NULL; json_decref(row), rows++) {
        fr_str prediction = text_in(row, "prediction"), reference = text_in(row, "reference");
        for (size_t i = 0; fr_metric_at(i) != NULL; i++) {
            const fr_metric *m = fr_metric_at(i);
            if (m->score == NULL)
                continue;
            double expected = json_number_value(json_object_get(row, m->name));
            double got = m->score(prediction, reference);
            if (fabs(got - expected) > 1e-12)
                fail_msg("%s('%.*s', '%.*s') is %.9f, the reference says %.9f", m->name,
                         FR_STR_F(prediction), FR_STR_F(reference), got, expected);
        }
    }
    assert_in_range(rows, 40, 1000);
}

static void a_metric_is_found_by_name_and_knows_its_direction(void **state)
{
    (void)state;
    assert_int_equal(fr_metric_find("token-f1")->better, FR_BETTER_HIGHER);
    assert_int_equal(fr_metric_find("perplexity")->better, FR_BETTER_LOWER);
    assert_null(fr_metric_find("f1"));
    assert_null(fr_metric_find(NULL));
}

static void bytes_that_are_no_text_are_scored_without_harm(void **state)
{
    (void)state;
    fr_str odd = { "\xff\xc3\x00\xed\xa0\x80 \xf4", 8 };
    for (size_t i = 0; fr_metric_at(i) != NULL; i++) {
        if (fr_metric_at(i)->score != NULL)
            assert_true(fr_metric_at(i)->score(odd, FR_STR("x")) == 0.0);
    }
    assert_true(fr_metric_find("exact-match")->score(odd, odd) == 1.0);
}

static void a_users_metric_scores_rows_in_order(void **state)
{
    (void)state;
    fr_str predictions[2] = { FR_STR("a"), FR_STR("b\n\"c\"") }, references[2] = { FR_STR("a") };
    double scores[2] = { 0 };
    fr_err err = { 0 };
    const char *shell = "while read -r row; do echo '{\"score\": '$((n+=1))'}'; done";
    assert_int_equal(
        fr_metric_command(shell, NULL, 10, NULL, predictions, references, 2, scores, NULL, &err),
        0);
    assert_true(scores[0] == 1.0 && scores[1] == 2.0);
}

static void a_users_metric_that_fails_is_named_with_its_line(void **state)
{
    (void)state;
    fr_str text[2] = { FR_STR("a"), FR_STR("b") };
    double scores[2] = { 0 };
    fr_err err = { 0 };
    assert_int_equal(fr_metric_command("cat >/dev/null; echo 1; echo rubbish", NULL, 10, text, text,
                                       text, 2, scores, NULL, &err),
                     FR_E_CHILD);
    assert_non_null(strstr(err.what, "line 2"));
    assert_non_null(strstr(err.what, "rubbish"));
    assert_int_equal(fr_metric_command("cat >/dev/null; echo 1", NULL, 10, text, text, text, 2,
                                       scores, NULL, &err),
                     FR_E_CHILD);
    assert_non_null(strstr(err.what, "1 scores for 2 rows"));
    assert_int_equal(fr_metric_command("exit 7", NULL, 10, text, text, text, 2, scores, NULL, &err),
                     FR_E_CHILD);
    assert_non_null(strstr(err.what, "status 7"));
    assert_int_equal(
        fr_metric_command("sleep 60", NULL, 0.2, text, text, text, 2, scores, NULL, &err),
        FR_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_metric_agrees_with_its_reference),
        cmocka_unit_test(a_metric_is_found_by_name_and_knows_its_direction),
        cmocka_unit_test(bytes_that_are_no_text_are_scored_without_harm),
        cmocka_unit_test(a_users_metric_scores_rows_in_order),
        cmocka_unit_test(a_users_metric_that_fails_is_named_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
