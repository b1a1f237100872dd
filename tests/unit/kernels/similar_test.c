/* similar_test.c: every row of the table of vector search gives the bits of row 0, and row 0 is
 * right. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/random.h"
#include "kernels/similar.h"

enum { N = 77, STRIDE = 419, MOST = 416 };

static float *numbers(size_t n, uint64_t stream)
{
    float *x = FR_NEW_N(float, n);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)fr_random_normal(5, FR_RANDOM_TEST, stream, i);
    return x;
}

static uint64_t draw(uint64_t n, uint64_t stream, uint64_t i)
{
    return fr_random_below(n, 6, FR_RANDOM_TEST, stream, i);
}

static bool row_at(size_t i, const fr_similar **row)
{
    *row = fr_similar_at(i);
    if (*row != NULL && !(*row)->usable())
        *row = fr_similar_at(0);
    return *row != NULL;
}

static void float_sums_have_the_bits_of_the_specification_at_every_size(void **state)
{
    (void)state;
    float *q = numbers(MOST, 1), *x = numbers(N * STRIDE, 2), want[N], got[N];
    uint32_t pick[N];
    for (size_t i = 0; i < N; i++)
        pick[i] = (uint32_t)draw(N, 3, i);
    const fr_similar *k;
    for (size_t r = 1; row_at(r, &k); r++)
        for (size_t dim = 1; dim <= MOST; dim += dim < 40 ? 1 : 47)
            for (size_t n = 1; n <= N; n += n < 6 ? 1 : 24)
                for (int picked = 0; picked < 2; picked++) {
                    const uint32_t *which = picked ? pick : NULL;
                    fr_similar_at(0)->dot(want, q, x, STRIDE, which, n, dim);
                    k->dot(got, q, x, STRIDE, which, n, dim);
                    assert_memory_equal(want, got, n * sizeof(float));
                    fr_similar_at(0)->distance(want, q, x, STRIDE, which, n, dim);
                    k->distance(got, q, x, STRIDE, which, n, dim);
                    assert_memory_equal(want, got, n * sizeof(float));
                }
    free(q);
    free(x);
}

static void the_specification_is_the_product_and_the_distance_to_within_rounding(void **state)
{
    (void)state;
    float *q = numbers(MOST, 1), *x = numbers(N * STRIDE, 2), dot[N], apart[N];
    fr_similar_at(0)->dot(dot, q, x, STRIDE, NULL, N, MOST);
    fr_similar_at(0)->distance(apart, q, x, STRIDE, NULL, N, MOST);
    for (size_t i = 0; i < N; i++) {
        double sum = 0.0, size = 0.0, square = 0.0;
        for (size_t d = 0; d < MOST; d++) {
            double a = (double)q[d], b = (double)x[i * STRIDE + d];
            sum += a * b;
            size += fabs(a * b);
            square += (a - b) * (a - b);
        }
        /* MOST/16 steps a lane and 4 of the tree, half a unit each */
        assert_true(fabs(sum - (double)dot[i]) <= (MOST / 16.0 + 4) * 0x1p-24 * size);
        assert_true(fabs(square - (double)apart[i]) <= (MOST / 16.0 + 8) * 0x1p-24 * square);
    }
    free(q);
    free(x);
}

static void whole_number_products_are_exact_up_to_the_largest_codes(void **state)
{
    (void)state;
    enum { DIM = 1024 };
    int16_t q[DIM];
    int8_t *x = FR_NEW_N(int8_t, N * DIM);
    int32_t got[N];
    uint32_t pick[N];
    for (size_t d = 0; d < DIM; d++)
        q[d] = (int16_t)(d % 3 == 0 ? 127 : (int)draw(255, 7, d) - 127);
    for (size_t i = 0; i < N * DIM; i++)
        x[i] = (int8_t)(i < DIM ? 127 : i < 2 * DIM ? -127 : (int)draw(255, 8, i) - 127);
    for (size_t i = 0; i < N; i++)
        pick[i] = (uint32_t)(N - 1 - i);
    const fr_similar *k;
    for (size_t r = 0; row_at(r, &k); r++)
        for (size_t dim = 32; dim <= DIM; dim += 32) {
            k->dot_i8(got, q, x, DIM, pick, N, dim);
            for (size_t i = 0; i < N; i++) {
                long sum = 0;
                for (size_t d = 0; d < dim; d++)
                    sum += (long)q[d] * x[pick[i] * DIM + d];
                assert_int_equal(got[i], sum);
            }
        }
    free(x);
}

static void codes_are_summed_exactly_up_to_the_largest_table(void **state)
{
    (void)state;
    enum { BLOCKS = 3 };
    static const size_t GROUPS[] = { 4, 32, 96, 1024 };
    const fr_similar *k;
    for (size_t s = 0; s < FR_COUNT_OF(GROUPS); s++) {
        size_t n_bytes = BLOCKS * GROUPS[s] / 2 * FR_SIMILAR_BLOCK;
        uint8_t *blocks = FR_NEW_N(uint8_t, n_bytes), *tables = FR_NEW_N(uint8_t, GROUPS[s] * 16);
        uint16_t want[BLOCKS * FR_SIMILAR_BLOCK], got[BLOCKS * FR_SIMILAR_BLOCK];
        for (size_t i = 0; i < n_bytes; i++)
            blocks[i] = (uint8_t)draw(256, 9, i);
        for (size_t i = 0; i < GROUPS[s] * 16; i++)
            tables[i] = (uint8_t)(i % 16 < 8 ? FR_SIMILAR_HIGHEST : draw(64, 10, i));
        for (size_t v = 0; v < FR_COUNT_OF(want); v++) {
            size_t sum = 0;
            for (size_t g = 0; g < GROUPS[s]; g++) {
                uint8_t two = blocks[(v / 64 * GROUPS[s] / 2 + g / 2) * 64 + v % 64];
                sum += tables[g * 16 + (g % 2 ? two >> 4 : two & 15)];
            }
            want[v] = (uint16_t)sum;
            assert_int_equal(want[v], sum);
        }
        for (size_t r = 0; row_at(r, &k); r++) {
            memset(got, 0xff, sizeof(got));
            k->sum_codes(got, blocks, tables, BLOCKS, GROUPS[s]);
            assert_memory_equal(got, want, sizeof(got));
        }
        free(blocks);
        free(tables);
    }
}

static void the_same_vectors_are_picked_by_every_row(void **state)
{
    (void)state;
    enum { M = 200 };
    uint16_t sums[M];
    uint32_t want[M + 16], got[M + 16];
    float *f = numbers(M, 11), *g = numbers(M, 12), *e = numbers(M, 13);
    for (size_t i = 0; i < M; i++)
        sums[i] = (uint16_t)draw(65536, 14, i);
    const fr_similar *k;
    for (size_t n = 0; n <= M; n += n < 34 ? 1 : 83)
        for (float threshold = -3.0f; threshold < 4.0f; threshold += 1.5f) {
            size_t kept =
                fr_similar_at(0)->above(want, sums, f, g, e, n, 0x1p-15f, -1.0f, 0.5f, threshold);
            for (size_t i = 0; i + 1 < kept; i++)
                assert_true(want[i] < want[i + 1]);
            for (size_t r = 1; row_at(r, &k); r++) {
                assert_int_equal(k->above(got, sums, f, g, e, n, 0x1p-15f, -1.0f, 0.5f, threshold),
                                 kept);
                assert_memory_equal(got, want, kept * sizeof(*got));
            }
        }
    free(f);
    free(g);
    free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_sums_have_the_bits_of_the_specification_at_every_size),
        cmocka_unit_test(the_specification_is_the_product_and_the_distance_to_within_rounding),
        cmocka_unit_test(whole_number_products_are_exact_up_to_the_largest_codes),
        cmocka_unit_test(codes_are_summed_exactly_up_to_the_largest_table),
        cmocka_unit_test(the_same_vectors_are_picked_by_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
