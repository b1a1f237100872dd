/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <string.h>

#include "rag/answer.h"
#include "rag_place.h"

/* A made valley: each bridge has a year and a builder; questions about bridges that are there, and
 * about such that are not, or about things that no document tells of a bridge. */
static void questions_that_the_documents_answer_are_told_from_others(void **state)
{
    const place *p = *state;
    enum { N = 60 };
    static const char *const NAMES[] = { "Otter", "Cattle", "Heron", "Miller", "Abbey", "Larch" },
                             *const KINDS[] = { "Bridge", "Tower", "Mill", "Gate", "Well" },
                             *const MATTERS[] = { "sandstone", "oak" };
    char ids[N][16], texts[N][160];
    fr_document documents[N];
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], sizeof(ids[i]), "d%02d", i);
        snprintf(texts[i], sizeof(texts[i]), "%s %s in district %d was built of %s in %d.",
                 NAMES[i % 6], KINDS[i / 6 % 5], 100 + i, MATTERS[i % 2], 1700 + i);
        documents[i] = (fr_document){ .id = fr_str_of(ids[i]), .text = fr_str_of(texts[i]) };
    }
    fr_err err = { 0 };
    FR_AUTOPTR(fr_index) index = NULL;
    assert_int_equal(
        fr_index_build(p->index, documents, N, &(fr_index_options){ .analyzer = "en" }, &err), 0);
    assert_int_equal(fr_index_open(p->index, &index, &err), 0);
    int right = 0, asked = 0;
    for (int i = 0; i < N; i++) {
        char questions[3][128];
        snprintf(questions[0], 128, "When was the %s %s in district %d built?", NAMES[i % 6],
                 KINDS[i / 6 % 5], 100 + i);
        snprintf(questions[1], 128, "Who paid the toll keeper's pension at %s Castle?",
                 NAMES[i % 6]);
        snprintf(questions[2], 128, "Which orchestra rehearsed Mahler near the %s?", KINDS[i % 5]);
        for (int q = 0; q < 3; q++) {
            FR_AUTO(fr_hits) hits = { 0 };
            fr_index_search(index, fr_str_of(questions[q]), 3, &hits, NULL);
            double support = fr_index_support(index, fr_str_of(questions[q]), &hits);
            assert_true(support >= 0 && support <= 1);
            right += (support >= FR_SUPPORT_ENOUGH) == (q == 0);
            asked++;
        }
    }
    assert_true(right >= asked * 95 / 100);
}

static void citations_are_numbers_of_passages_in_brackets(void **state)
{
    (void)state;
    size_t cited[3], n = 0;
    fr_citations_of(FR_STR("Built in 1706 [2], of stone [1][2]. See [9], [x], [0], [1706] and [3"),
                    3, cited, &n);
    assert_int_equal(n, 2);
    assert_int_equal(cited[0], 2);
    assert_int_equal(cited[1], 1);
    fr_citations_of(FR_STR("none"), 3, cited, &n);
    assert_int_equal(n, 0);
}

/* Solved by hand: 900 J of tuning, 100 J of indexing; 0.5 J a request with passages, 0.3 without:
 * 800 / 0.2 = 4,000 requests. */
static void tuning_pays_from_so_many_requests_on(void **state)
{
    (void)state;
    assert_true(fabs(fr_rag_break_even(100, 0.5, 900, 0.3) - 4000) <= 1); /* 0.5 - 0.3 < 0.2 */
    assert_true(isinf(fr_rag_break_even(100, 0.3, 900, 0.5)));
    assert_true(isinf(fr_rag_break_even(100, 0.3, 900, 0.3)));
    assert_true(fr_rag_break_even(900, 0.5, 100, 0.3) == 0);
    for (double build = 10; build < 1e6; build *= 7) {
        double n = fr_rag_break_even(5, 0.75, build, 0.25);
        assert_true(5 + n * 0.75 >= build + n * 0.25); /* from here on tuning is no dearer */
        assert_true(n < 1 || 5 + (n - 1) * 0.75 < build + (n - 1) * 0.25);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(questions_that_the_documents_answer_are_told_from_others),
        cmocka_unit_test(citations_are_numbers_of_passages_in_brackets),
        cmocka_unit_test(tuning_pays_from_so_many_requests_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
