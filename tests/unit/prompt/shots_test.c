/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "prompt/shots.h"

static const fr_shot ROWS[] = {
    { { "my card was declined at the shop", 32 }, { "card", 4 } },
    { { "the card does not work abroad", 29 }, { "card", 4 } },
    { { "a transfer to my sister is late", 31 }, { "transfer", 8 } },
    { { "how long does a bank transfer take", 34 }, { "transfer", 8 } },
    { { "I forgot my password", 20 }, { "login", 5 } },
    { { "cannot log in with my password", 30 }, { "login", 5 } },
};
enum { N = 6 };

static fr_shots *pool_of(uint64_t seed)
{
    fr_shots *pool = NULL;
    assert_int_equal(fr_shots_new(ROWS, N, seed, &pool, NULL), 0);
    return pool;
}

static void similar_ones_are_the_likest_and_the_likest_is_last(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_shots) pool = pool_of(1);
    uint32_t at[2];
    assert_int_equal(
        fr_shots_pick(pool, FR_SHOTS_SIMILAR, FR_STR("Which PASSWORD do I log in with?"), 2, at),
        2);
    assert_int_equal(at[1], 5);
    assert_int_equal(at[0], 4);
}

static void random_ones_are_the_same_for_every_input_and_show_each_label_first(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_shots) pool = pool_of(7);
    uint32_t a[6], b[6];
    assert_int_equal(fr_shots_pick(pool, FR_SHOTS_RANDOM, FR_STR("x"), 6, a), 6);
    assert_int_equal(fr_shots_pick(pool, FR_SHOTS_RANDOM, FR_STR("another"), 3, b), 3);
    bool seen[3] = { false };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(a[i], b[i]);
        seen[a[i] / 2] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    FR_AUTOPTR(fr_shots) again = pool_of(7);
    assert_int_equal(fr_shots_pick(again, FR_SHOTS_RANDOM, FR_STR("x"), 6, b), 6);
    assert_memory_equal(a, b, sizeof(a));
}

static void diverse_ones_cover_what_there_is(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_shots) pool = pool_of(3);
    uint32_t at[3];
    assert_int_equal(fr_shots_pick(pool, FR_SHOTS_DIVERSE, FR_STR("x"), 3, at), 3);
    bool seen[3] = { false };
    for (size_t i = 0; i < 3; i++)
        seen[at[i] / 2] = true;
    assert_true(seen[0] && seen[1] && seen[2]); /* one of each pair of like rows */
}

static void the_asked_row_itself_is_never_shown(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_shots) pool = pool_of(1);
    for (int choice = FR_SHOTS_RANDOM; choice <= FR_SHOTS_DIVERSE; choice++) {
        uint32_t at[N];
        size_t n = fr_shots_pick(pool, (fr_shot_choice)choice, ROWS[2].input, N, at);
        assert_int_equal(n, N - 1);
        for (size_t i = 0; i < n; i++)
            assert_int_not_equal(at[i], 2);
    }
}

static void any_text_and_any_number_of_rows_is_fine(void **state)
{
    (void)state;
    fr_shots *empty = NULL;
    uint32_t at[4];
    assert_int_equal(fr_shots_new(NULL, 0, 1, &empty, NULL), 0);
    for (int choice = FR_SHOTS_RANDOM; choice <= FR_SHOTS_DIVERSE; choice++)
        assert_int_equal(fr_shots_pick(empty, (fr_shot_choice)choice, FR_STR("x"), 4, at), 0);
    fr_shots_free(empty);
    fr_shot odd[3] = { { FR_STR(""), FR_STR("a") },
                       { FR_STR("\xff\xfe\x80"), FR_STR("b") },
                       { FR_STR("\xe6\x9d\xb1\xe4\xba\xac\xe3\x81\xae\xe5\xa4\xa9"),
                         FR_STR("c") } };
    FR_AUTOPTR(fr_shots) pool = NULL;
    assert_int_equal(fr_shots_new(odd, 3, 1, &pool, NULL), 0);
    assert_int_equal(
        fr_shots_pick(pool, FR_SHOTS_SIMILAR, FR_STR("\xe6\x9d\xb1\xe4\xba\xac"), 1, at), 1);
    assert_int_equal(at[0], 2); /* Tokyo, a pair of characters inside a longer run */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(similar_ones_are_the_likest_and_the_likest_is_last),
        cmocka_unit_test(random_ones_are_the_same_for_every_input_and_show_each_label_first),
        cmocka_unit_test(diverse_ones_cover_what_there_is),
        cmocka_unit_test(the_asked_row_itself_is_never_shown),
        cmocka_unit_test(any_text_and_any_number_of_rows_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
