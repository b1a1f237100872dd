#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "kernels/gemm.h"

static const char *const KERNELS[] = { "avx512", "avx2", "scalar" };

static float *random_floats(size_t n, uint64_t stream)
{
    float *x = FR_NEW_N(float, n);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(2 * fr_random_f64(7, FR_RANDOM_TEST, stream, i) - 1);
    return x;
}

static double at(fr_mat x, size_t row, size_t col)
{
    return (double)(x.transposed ? x.at[col * x.stride + row] : x.at[row * x.stride + col]);
}

/* Every element within FR_GEMM_BOUND of the product in double; nothing written beyond it. */
static void check(fr_gemm *g, size_t m, size_t n, size_t k, bool ta, bool tb, bool add)
{
    const size_t gap = 3, ldc = n + gap;
    fr_mat a = { random_floats((m + gap) * (k + gap), 1), (ta ? m : k) + gap, ta };
    fr_mat b = { random_floats((n + gap) * (k + gap), 2), (tb ? k : n) + gap, tb };
    float *c = random_floats(m * ldc, 3), *before = random_floats(m * ldc, 3);
    fr_gemm_run(g, a, b, c, ldc, m, n, k, add ? c : NULL);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < ldc; j++) {
            if (j >= n) {
                assert_true(c[i * ldc + j] == before[i * ldc + j]);
                continue;
            }
            double exact = add ? (double)before[i * ldc + j] : 0, size = fabs(exact);
            for (size_t p = 0; p < k; p++) {
                exact += at(a, i, p) * at(b, p, j);
                size += fabs(at(a, i, p) * at(b, p, j));
            }
            assert_true(fabs((double)c[i * ldc + j] - exact) <= FR_GEMM_BOUND(k) * size);
        }
    free((float *)a.at);
    free((float *)b.at);
    free(c);
    free(before);
}

static void every_kernel_stays_within_its_bound_on_odd_shapes(void **state)
{
    (void)state;
    static const size_t SHAPES[][3] = { { 1, 1, 1 },     { 14, 32, 8 },   { 15, 33, 17 },
                                        { 13, 31, 255 }, { 29, 65, 257 }, { 6, 16, 300 },
                                        { 7, 90, 24 },   { 340, 35, 20 }, { 3, 1030, 9 } };
    for (size_t which = 0; which < FR_COUNT_OF(KERNELS); which++)
        for (int threads = 1; threads <= 3; threads++) {
            FR_AUTOPTR(fr_pool) pool = NULL;
            FR_AUTOPTR(fr_gemm) g = NULL;
            assert_int_equal(fr_pool_new(threads, &pool, NULL), 0);
            if (fr_gemm_new(pool, KERNELS[which], &g, NULL) != 0)
                continue; /* not on this processor */
            for (size_t i = 0; i < FR_COUNT_OF(SHAPES); i++)
                for (int form = 0; form < 8; form++)
                    check(g, SHAPES[i][0], SHAPES[i][1], SHAPES[i][2], (form & 1) != 0,
                          (form & 2) != 0, (form & 4) != 0);
        }
}

/* A whole product against the same product in pieces of rows and columns, and other pools. */
static void an_elements_bits_depend_on_neither_threads_nor_its_place(void **state)
{
    (void)state;
    const size_t m = 61, n = 70, k = 520;
    float *a = random_floats(m * k, 1), *b = random_floats(n * k, 2);
    float *whole = FR_NEW_N(float, m *n), *other = FR_NEW_N(float, m *n);
    for (size_t which = 0; which < FR_COUNT_OF(KERNELS); which++) {
        FR_AUTOPTR(fr_gemm) one = NULL;
        if (fr_gemm_new(NULL, KERNELS[which], &one, NULL) != 0)
            continue;
        fr_gemm_run(one, (fr_mat){ a, k, false }, (fr_mat){ b, k, true }, whole, n, m, n, k, NULL);
        FR_AUTOPTR(fr_pool) pool = NULL;
        FR_AUTOPTR(fr_gemm) three = NULL;
        assert_int_equal(fr_pool_new(3, &pool, NULL), 0);
        assert_int_equal(fr_gemm_new(pool, KERNELS[which], &three, NULL), 0);
        fr_gemm_run(three, (fr_mat){ a, k, false }, (fr_mat){ b, k, true }, other, n, m, n, k,
                    NULL);
        assert_memory_equal(whole, other, m * n * sizeof(float));
        for (size_t i = 0; i < m; i++) { /* row by row, from column 5 on */
            fr_gemm_run(one, (fr_mat){ a + i * k, k, false }, (fr_mat){ b + 5 * k, k, true }, other,
                        n, 1, n - 5, k, NULL);
            assert_memory_equal(whole + i * n + 5, other, (n - 5) * sizeof(float));
        }
    }
    free(a);
    free(b);
    free(whole);
    free(other);
}

static void rows_a_page_apart_are_packed_and_still_right(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_gemm) g = NULL;
    assert_int_equal(fr_gemm_new(NULL, NULL, &g, NULL), 0);
    const size_t m = 30, n = 10, k = 1024;
    float *a = random_floats(m * k, 1), *b = random_floats(n * k, 2), c[300];
    fr_gemm_run(g, (fr_mat){ a, k, false }, (fr_mat){ b, n, false }, c, n, m, n, k, NULL);
    double exact = 0, size = 0;
    for (size_t p = 0; p < k; p++) {
        exact += (double)a[29 * k + p] * (double)b[p * n + 9];
        size += fabs((double)a[29 * k + p] * (double)b[p * n + 9]);
    }
    assert_true(fabs((double)c[299] - exact) <= FR_GEMM_BOUND(k) * size);
    free(a);
    free(b);
}

static void a_kernel_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    fr_gemm *g = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_gemm_new(NULL, "abacus", &g, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "abacus"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_stays_within_its_bound_on_odd_shapes),
        cmocka_unit_test(an_elements_bits_depend_on_neither_threads_nor_its_place),
        cmocka_unit_test(rows_a_page_apart_are_packed_and_still_right),
        cmocka_unit_test(a_kernel_that_does_not_exist_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
