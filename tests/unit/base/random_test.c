#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/random.h"

/* Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds). */
static void philox_gives_the_published_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } KNOWN[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { ~0u, ~0u, ~0u, ~0u },
          { ~0u, ~0u },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < 3; i++) {
        uint32_t out[4];
        fr_philox(KNOWN[i].counter, KNOWN[i].key, out);
        assert_memory_equal(out, KNOWN[i].out, sizeof(out));
    }
}

static void one_stream_a_purpose(void **state)
{
    (void)state;
    uint64_t a = fr_random_u64(1, FR_RANDOM_INIT, 0, 0);
    assert_int_not_equal(a, fr_random_u64(1, FR_RANDOM_SHUFFLE, 0, 0));
    assert_int_not_equal(a, fr_random_u64(2, FR_RANDOM_INIT, 0, 0));
    assert_int_not_equal(a, fr_random_u64(1, FR_RANDOM_INIT, 1, 0));
    assert_int_not_equal(a, fr_random_u64(1, FR_RANDOM_INIT, 0, 1));
    assert_int_equal(a, fr_random_u64(1, FR_RANDOM_INIT, 0, 0));
}

static void the_normal_has_mean_0_and_variance_1(void **state)
{
    (void)state;
    double sum = 0, square = 0;
    const size_t n = 100000;
    for (size_t i = 0; i < n; i++) {
        double x = fr_random_normal(7, FR_RANDOM_TEST, 0, i);
        sum += x;
        square += x * x;
    }
    assert_true(fabs(sum / (double)n) < 0.015); /* 4.7 standard errors */
    assert_true(fabs(square / (double)n - 1) < 0.02);
}

static void a_permutation_holds_each_index_once(void **state)
{
    (void)state;
    uint32_t order[1000];
    unsigned char seen[1000] = { 0 };
    fr_random_permutation(order, 1000, 3, FR_RANDOM_TEST, 0);
    size_t at_home = 0;
    for (size_t i = 0; i < 1000; i++) {
        assert_true(order[i] < 1000 && !seen[order[i]]);
        seen[order[i]] = 1;
        at_home += order[i] == i;
    }
    assert_true(at_home < 10);
}

static void below_is_even_over_its_range(void **state)
{
    (void)state;
    size_t count[7] = { 0 };
    for (size_t i = 0; i < 70000; i++)
        count[fr_random_below(7, 5, FR_RANDOM_TEST, 0, i)]++;
    double chi = 0;
    for (size_t i = 0; i < 7; i++)
        chi += ((double)count[i] - 1e4) * ((double)count[i] - 1e4) / 1e4;
    assert_true(chi < 22.46); /* 6 degrees of freedom, 0.1% */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(one_stream_a_purpose),
        cmocka_unit_test(the_normal_has_mean_0_and_variance_1),
        cmocka_unit_test(a_permutation_holds_each_index_once),
        cmocka_unit_test(below_is_even_over_its_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
