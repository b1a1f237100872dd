/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rag/fusion.h"

static void the_best_k_of_a_stream_are_kept_whatever_its_order(void **state)
{
    (void)state;
    for (size_t k = 1; k < 60; k += 7) {
        FR_AUTO(fr_ranked) kept = { 0 };
        /* 50 chunks come mixed up; scores fall in pairs with the number */
        for (uint32_t i = 0; i < 50; i++) {
            uint32_t chunk = i * 7 % 50;
            fr_ranked_offer(&kept, k, chunk, -(double)(chunk / 2));
        }
        fr_ranked_offer(&kept, k, 99, NAN);
        fr_ranked_sort(&kept);
        assert_int_equal(kept.n, FR_MIN(k, 50));
        for (uint32_t i = 0; i < kept.n; i++)
            assert_int_equal(kept.at[i].chunk, i); /* equal scores: by number */
    }
    FR_AUTO(fr_ranked) none = { 0 };
    fr_ranked_offer(&none, 0, 1, 1);
    fr_ranked_sort(&none);
    assert_int_equal(none.n, 0);
}

static fr_ranked list_of(const uint32_t *chunks, size_t n)
{
    fr_ranked list = { 0 };
    for (size_t i = 0; i < n; i++) {
        FR_GROW(list.at, list.n, list.cap);
        list.at[list.n++] = (fr_rank){ chunks[i], (double)(n - i) };
    }
    return list;
}

/* Worked out by hand: 7 stands first and second, 3 second and third, 9 third, 5 first. */
static void ranks_are_fused_by_the_papers_formula(void **state)
{
    (void)state;
    fr_ranked lists[2] = { list_of((uint32_t[]){ 7, 3, 9 }, 3),
                           list_of((uint32_t[]){ 5, 7, 3 }, 3) };
    FR_AUTO(fr_ranked) fused = { 0 };
    fr_ranked_fuse(lists, NULL, 2, 0, 10, &fused);
    assert_int_equal(fused.n, 4);
    uint32_t order[4] = { 7, 3, 5, 9 };
    double scores[4] = { 1 / 61.0 + 1 / 62.0, 1 / 62.0 + 1 / 63.0, 1 / 61.0, 1 / 63.0 };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fused.at[i].chunk, order[i]);
        assert_true(fabs(fused.at[i].score - scores[i]) < 1e-15);
    }
    FR_AUTO(fr_ranked) weighed = { 0 };
    fr_ranked_fuse(lists, (double[]){ 0, 2 }, 2, 1, 2, &weighed);
    assert_int_equal(weighed.n, 2);
    assert_int_equal(weighed.at[0].chunk, 5);
    assert_true(fabs(weighed.at[0].score - 1.0) < 1e-15); /* 2 / (1 + 1) */
    fr_ranked_fini(&lists[0]);
    fr_ranked_fini(&lists[1]);
}

static void fusing_does_not_depend_on_the_order_of_the_lists(void **state)
{
    (void)state;
    fr_ranked lists[3] = { 0 }, turned[3];
    for (uint64_t l = 0; l < 3; l++) {
        for (uint64_t i = 0; i < 40; i++)
            fr_ranked_offer(&lists[l], 30, (uint32_t)i, (double)((i * 37 + l * 11) % 41));
        fr_ranked_sort(&lists[l]);
        turned[2 - l] = lists[l];
    }
    FR_AUTO(fr_ranked) a = { 0 };
    FR_AUTO(fr_ranked) b = { 0 };
    fr_ranked_fuse(lists, NULL, 3, 0, 12, &a);
    fr_ranked_fuse(turned, NULL, 3, 0, 12, &b);
    assert_int_equal(a.n, 12);
    for (size_t i = 0; i < a.n; i++) {
        assert_int_equal(a.at[i].chunk, b.at[i].chunk);
        assert_true(a.at[i].score == b.at[i].score); /* to the bit */
    }
    for (size_t l = 0; l < 3; l++)
        fr_ranked_fini(&lists[l]);
}

/* Chunks of one decade are the same text. */
static double same_decade(void *user, uint32_t a, uint32_t b)
{
    (void)user;
    return a / 10 == b / 10 ? 1.0 : 0.0;
}

static void variety_takes_one_of_each_kind_before_a_second(void **state)
{
    (void)state;
    fr_ranked found = list_of((uint32_t[]){ 11, 12, 13, 21, 31 }, 5);
    FR_AUTO(fr_ranked) varied = { 0 };
    fr_ranked_spread(&found, 0.4, 3, same_decade, NULL, &varied);
    assert_int_equal(varied.n, 3);
    assert_int_equal(varied.at[0].chunk, 11);
    assert_int_equal(varied.at[1].chunk, 21);
    assert_int_equal(varied.at[2].chunk, 31);
    assert_true(varied.at[1].score == 2); /* its own */
    FR_AUTO(fr_ranked) same = { 0 };
    fr_ranked_spread(&found, 1.0, 9, same_decade, NULL, &same);
    assert_int_equal(same.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(same.at[i].chunk, found.at[i].chunk);
    FR_AUTO(fr_ranked) none = { 0 };
    fr_ranked_spread(&none, 0.5, 3, same_decade, NULL, &varied);
    assert_int_equal(varied.n, 3);
    fr_ranked_fini(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_k_of_a_stream_are_kept_whatever_its_order),
        cmocka_unit_test(ranks_are_fused_by_the_papers_formula),
        cmocka_unit_test(fusing_does_not_depend_on_the_order_of_the_lists),
        cmocka_unit_test(variety_takes_one_of_each_kind_before_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
