/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>

#include "fixture.h"
#include "rag/judge.h"
#include "rag_place.h"

static void assert_near(const json_t *expected, const char *key, double value)
{
    double want = json_number_value(json_object_get(expected, key));
    if (fabs(want - value) > 1e-9)
        fail_msg("%s: %.12g, trec_eval says %.12g", key, value, want);
}

/* tests/fixtures/rag/make_judged.py asked trec_eval itself (through pytrec_eval). */
static void scores_are_those_of_trec_eval(void **state)
{
    (void)state;
    char *qrels_path = fixture_path("rag/judged.qrels"), *run_path = fixture_path("rag/judged.run"),
         *json_path = fixture_path("rag/judged.json");
    FR_AUTO(fr_qrels) qrels = { 0 };
    FR_AUTO(fr_ranking) run = { 0 };
    fr_err err = { 0 };
    fr_scores s;
    assert_int_equal(fr_qrels_load(qrels_path, &qrels, &err), 0);
    assert_int_equal(fr_ranking_load(run_path, &run, &err), 0);
    fr_judge(&qrels, &run, (size_t[]){ 1, 5, 10, 100 }, 4, &s);
    json_t *expected = json_load_file(json_path, 0, NULL);
    assert_int_equal(s.n_queries, 30);
    assert_int_equal(s.n_found, 29);
    assert_near(expected, "ndcg_cut_10", s.ndcg_at_10);
    assert_near(expected, "map", s.map);
    assert_near(expected, "recip_rank", s.recip_rank);
    assert_near(expected, "mrr_at_10", s.mrr_at_10);
    assert_near(expected, "recall_1", s.recall[0]);
    assert_near(expected, "recall_5", s.recall[1]);
    assert_near(expected, "recall_10", s.recall[2]);
    assert_near(expected, "recall_100", s.recall[3]);
    assert_near(expected, "P_5", s.precision[1]);
    assert_near(expected, "P_10", s.precision[2]);
    json_decref(expected);
    free(qrels_path);
    free(run_path);
    free(json_path);
}

static void judgements_of_beir_and_of_trec_are_read(void **state)
{
    const place *p = *state;
    FR_AUTO(fr_qrels) q = { 0 };
    fr_err err = { 0 };
    fr_file_write(p->index, FR_STR("query-id\tcorpus-id\tscore\r\nq1\td1\t2\r\nq1\td2\t0\r\n"),
                  NULL);
    assert_int_equal(fr_qrels_load(p->index, &q, &err), 0);
    assert_int_equal(q.n, 2);
    assert_int_equal(q.at[0].grade, 2);
    fr_qrels_fini(&q);
    fr_file_write(p->index, FR_STR("q1 0 d1 1\nq1 0 d1 0\n"), NULL);
    assert_int_equal(fr_qrels_load(p->index, &q, &err), FR_E_USAGE);
    fr_file_write(p->index, FR_STR("q1 0 d1 1\nq1 0 d2 good\n"), NULL);
    assert_int_equal(fr_qrels_load(p->index, &q, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, ":2"));
}

static void questions_come_with_or_without_answers(void **state)
{
    const place *p = *state;
    FR_AUTO(fr_questions) q = { 0 };
    fr_err err = { 0 };
    fr_file_write(p->index,
                  FR_STR("{\"_id\": \"a\", \"text\": \"where?\"}\n"
                         "{\"question\": \"who?\", \"answers\": [\"she\", \"her\"]}\n"
                         "{\"id\": 3, \"question\": \"what?\", \"answers\": []}\nq9\thow?\n"),
                  NULL);
    assert_int_equal(fr_questions_load(p->index, &q, &err), 0);
    assert_int_equal(q.n, 4);
    assert_true(fr_str_is(q.at[0].id, "a"));
    assert_false(q.at[0].has_answers);
    assert_true(fr_str_is(q.at[1].id, "2"));
    assert_int_equal(q.at[1].n_answers, 2);
    assert_true(fr_str_is(q.at[1].answers[1], "her"));
    assert_true(q.at[2].has_answers && q.at[2].n_answers == 0); /* cannot be answered */
    assert_true(fr_str_is(q.at[3].text, "how?"));
}

static void a_run_is_printed_as_trec_eval_orders_it(void **state)
{
    (void)state;
    FR_AUTO(fr_ranking) r = { 0 };
    FR_AUTO(fr_buf) out = { 0 };
    fr_ranking_put(&r, FR_STR("q2"), FR_STR("a"), 1.5);
    fr_ranking_put(&r, FR_STR("q1"), FR_STR("a"), 1.0);
    fr_ranking_put(&r, FR_STR("q1"), FR_STR("b"), 1.0);
    fr_ranking_put(&r, FR_STR("q1"), FR_STR("c"), 2.0);
    fr_ranking_print(&r, "me", &out);
    assert_string_equal(fr_buf_text(&out),
                        "q1 Q0 c 1 2 me\nq1 Q0 b 2 1 me\nq1 Q0 a 3 1 me\nq2 Q0 a 1 1.5 me\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_trec_eval),
        WITH_PLACE(judgements_of_beir_and_of_trec_are_read),
        WITH_PLACE(questions_come_with_or_without_answers),
        cmocka_unit_test(a_run_is_printed_as_trec_eval_orders_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
