/* Perturbations keep what matters: letters, digits, order of words; and are the same everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fixture.h"

#include <ctype.h>

#include "choose/perturb.h"

static char *perturbed(fr_perturbation kind, const char *text, uint64_t row)
{
    fr_buf out = { 0 };
    fr_perturb(kind, fr_str_of(text), 7, row, &out);
    return fr_buf_take(&out);
}

static void assert_gives(fr_perturbation kind, const char *text, const char *want)
{
    char *got = perturbed(kind, text, 0);
    assert_string_equal(got, want);
    free(got);
}

static void case_changes_ascii_letters_alone(void **state)
{
    (void)state;
    assert_gives(FR_PERTURB_UPPER, "Grüße, box 7b!", "GRüßE, BOX 7B!");
    assert_gives(FR_PERTURB_LOWER, "Order A-7 NOW", "order a-7 now");
    assert_gives(FR_PERTURB_WORDING, "As it is.", "As it is.");
}

static void letters_of(const char *text, int counts[256])
{
    memset(counts, 0, 256 * sizeof(*counts));
    for (; *text != '\0'; text++)
        counts[(unsigned char)*text]++;
}

static void typos_swap_inner_letters_of_long_words(void **state)
{
    (void)state;
    const char *text = "please deliver box 12345678 abc123def before Wednesday morning";
    bool changed = false;
    for (uint64_t row = 0; row < 200; row++) {
        char *got = perturbed(FR_PERTURB_TYPOS, text, row);
        int a[256], b[256];
        letters_of(text, a);
        letters_of(got, b);
        assert_memory_equal(a, b, sizeof(a));
        assert_non_null(strstr(got, " 12345678 abc123def "));
        size_t moved = 0;
        for (size_t i = 0; text[i] != '\0'; i++) {
            bool edge = i == 0 || text[i - 1] == ' ' || text[i + 1] == ' ' || text[i + 1] == '\0';
            moved += text[i] != got[i];
            assert_true(!edge || text[i] == got[i]);
        }
        changed = changed || moved != 0;
        free(got);
    }
    assert_true(changed);
    char *one = perturbed(FR_PERTURB_TYPOS, "parcel", 3);
    assert_string_not_equal(one, "parcel"); /* the only long word always has one */
    free(one);
}

static void spaces_are_all_that_spaces_change(void **state)
{
    (void)state;
    const char *text = "Where is it? I paid 3.50, twice.";
    for (uint64_t row = 0; row < 50; row++) {
        char *got = perturbed(FR_PERTURB_SPACES, text, row);
        const char *a = text, *b = got;
        for (; *b != '\0'; b++) {
            if (*a == *b)
                a++;
            else
                assert_int_equal(*b, ' ');
        }
        assert_int_equal(*a, '\0');
        assert_non_null(strstr(got, "it ?"));
        assert_non_null(strstr(got, "3.50"));
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_changes_ascii_letters_alone),
        cmocka_unit_test(typos_swap_inner_letters_of_long_words),
        cmocka_unit_test(spaces_are_all_that_spaces_change),
    };
    return cmocka_run_group_tests_name("perturb", tests, NULL, NULL);
}
