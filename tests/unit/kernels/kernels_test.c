/* kernels_test.c: every row of the kernel table gives the bits of row 0, and row 0 is right. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "base/pool.h"
#include "base/random.h"
#include "kernels/kernels.h"

static const fr_format FORMATS[] = { FR_FORMAT_F32,  FR_FORMAT_F16,  FR_FORMAT_BF16,
                                     FR_FORMAT_Q8_0, FR_FORMAT_Q4_0, FR_FORMAT_Q4_1,
                                     FR_FORMAT_Q5_0, FR_FORMAT_Q5_1, FR_FORMAT_IQ4_NL,
                                     FR_FORMAT_Q2_K, FR_FORMAT_Q3_K, FR_FORMAT_Q4_K,
                                     FR_FORMAT_Q5_K, FR_FORMAT_Q6_K, FR_FORMAT_IQ4_XS };

static const fr_format KV_FORMATS[] = { FR_FORMAT_F32, FR_FORMAT_F16, FR_FORMAT_Q8_0 };

/* Normal numbers; stream tells arrays apart. */
static float *numbers(size_t n, uint64_t stream)
{
    float *x = FR_NEW_N(float, n);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)fr_random_normal(7, FR_RANDOM_TEST, stream, i);
    return x;
}

/* The numbers in a format, in an allocation of exactly their size, so that a read beyond shows. */
static uint8_t *in_format(const float *x, size_t n, fr_format format)
{
    const fr_format_row *row = fr_format_find(format);
    uint8_t *bytes = FR_NEW_N(uint8_t, n / row->block_values * row->block_bytes);
    row->from_f32(x, bytes, n);
    return bytes;
}

static void assert_same_bits(const float *a, const float *b, size_t n, const char *row)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(a + i, b + i, sizeof(float)) != 0)
            fail_msg("%s: number %zu of %zu is %.9g, scalar has %.9g", row, i, n, (double)b[i],
                     (double)a[i]);
}

static const fr_kernels *usable_row(size_t i)
{
    const fr_kernels *k = fr_kernels_at(i);
    return k == NULL || k->usable() ? k : fr_kernels_at(0);
}

static void a_product_has_the_bits_of_the_specification_in_every_format_and_odd_shape(void **state)
{
    (void)state;
    static const size_t SHAPES[][3] = {
        /* rows, outputs, inner */
        { 1, 1, 1 },   { 1, 7, 5 },    { 2, 9, 16 },     { 3, 13, 17 },   { 5, 8, 64 },
        { 6, 24, 96 }, { 7, 11, 172 }, { 13, 33, 160 },  { 17, 19, 544 }, { 1, 40, 1056 },
        { 1, 9, 256 }, { 2, 5, 512 },  { 13, 11, 1280 }, { 3, 2, 16640 }
    };
    for (size_t s = 0; s < FR_COUNT_OF(SHAPES); s++)
        for (size_t f = 0; f < FR_COUNT_OF(FORMATS); f++) {
            size_t rows = SHAPES[s][0], n_out = SHAPES[s][1], n_in = SHAPES[s][2];
            if (n_in % fr_format_find(FORMATS[f])->block_values != 0)
                continue;
            float *x = numbers(rows * n_in, 1), *values = numbers(n_out * n_in, 2);
            uint8_t *bytes = in_format(values, n_out * n_in, FORMATS[f]);
            float *want = FR_NEW_N(float, rows *n_out), *got = FR_NEW_N(float, rows *n_out);
            FR_AUTOPTR(fr_packed) w = NULL;
            assert_int_equal(fr_packed_new(FORMATS[f], bytes, n_out, n_in, &w, NULL), 0);
            fr_kernels_at(0)->linear(want, n_out, x, n_in, rows, w, 0, n_out);
            for (size_t i = 1; fr_kernels_at(i) != NULL; i++) {
                memset(got, 0xff, rows * n_out * sizeof(float));
                usable_row(i)->linear(got, n_out, x, n_in, rows, w, 0, n_out);
                assert_same_bits(want, got, rows * n_out, usable_row(i)->name);
            }
            free(x);
            free(values);
            free(bytes);
            free(want);
            free(got);
        }
}

static void the_specification_is_a_product_to_within_rounding(void **state)
{
    (void)state;
    enum { ROWS = 3, OUT = 10, IN = 416 };
    float *x = numbers(ROWS * IN, 3), *values = numbers(OUT * IN, 4), y[ROWS * OUT];
    FR_AUTOPTR(fr_packed) w = NULL;
    assert_int_equal(fr_packed_new(FR_FORMAT_F32, values, OUT, IN, &w, NULL), 0);
    fr_kernels_at(0)->linear(y, OUT, x, IN, ROWS, w, 0, OUT);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t o = 0; o < OUT; o++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < IN; i++) {
                sum += (double)x[r * IN + i] * (double)values[o * IN + i];
                size += fabs((double)x[r * IN + i] * (double)values[o * IN + i]);
            }
            /* IN/16 steps a lane and 4 of the tree, half a unit each */
            assert_true(fabs(sum - (double)y[r * OUT + o]) <= (IN / 16.0 + 4) * 0x1p-24 * size);
        }
    free(x);
    free(values);
}

/* The promise on which text stands: a row's result does not depend on its neighbours. */
static void a_row_gives_the_same_bits_alone_and_in_every_batch_from_1_to_16(void **state)
{
    (void)state;
    enum { ROWS = 16, OUT = 50, IN = 256 };
    float *x = numbers(ROWS * IN, 5), *values = numbers(OUT * IN, 6);
    for (size_t f = 0; f < FR_COUNT_OF(FORMATS); f++)
        for (size_t i = 0; fr_kernels_at(i) != NULL; i++) {
            uint8_t *bytes = in_format(values, OUT * IN, FORMATS[f]);
            float alone[ROWS * OUT], batch[ROWS * OUT];
            FR_AUTOPTR(fr_packed) w = NULL;
            assert_int_equal(fr_packed_new(FORMATS[f], bytes, OUT, IN, &w, NULL), 0);
            for (size_t r = 0; r < ROWS; r++)
                usable_row(i)->linear(alone + r * OUT, OUT, x + r * IN, IN, 1, w, 0, OUT);
            for (size_t rows = 1; rows <= ROWS; rows++) {
                usable_row(i)->linear(batch, OUT, x, IN, rows, w, 0, OUT);
                assert_same_bits(alone, batch, rows * OUT, usable_row(i)->name);
            }
            free(bytes);
        }
    free(x);
    free(values);
}

typedef struct {
    const fr_kernels *k;
    const fr_packed *w;
    const float *x;
    float *y;
    size_t rows;
} product;

static void product_range(void *args, size_t first, size_t end, int thread)
{
    product *p = args;
    (void)thread;
    p->k->linear(p->y, fr_packed_n_out(p->w), p->x, fr_packed_n_in(p->w), p->rows, p->w, first,
                 end);
}

static void any_split_of_the_outputs_over_threads_gives_the_same_bits(void **state)
{
    (void)state;
    enum { ROWS = 16, OUT = 53, IN = 96 };
    float *x = numbers(ROWS * IN, 8), *values = numbers(OUT * IN, 9);
    FR_AUTOPTR(fr_packed) w = NULL;
    assert_int_equal(fr_packed_new(FR_FORMAT_F32, values, OUT, IN, &w, NULL), 0);
    for (int threads = 1; threads <= 2; threads++)
        for (size_t rows = 1; rows <= ROWS; rows++) {
            FR_AUTOPTR(fr_pool) pool = NULL;
            assert_int_equal(fr_pool_new(threads, &pool, NULL), 0);
            float whole[ROWS * OUT], split[ROWS * OUT];
            fr_kernels_best()->linear(whole, OUT, x, IN, rows, w, 0, OUT);
            product p = { fr_kernels_best(), w, x, split, rows };
            fr_pool_run(pool, OUT, product_range, &p);
            assert_same_bits(whole, split, rows * OUT, fr_kernels_best()->name);
        }
    free(x);
    free(values);
}

static void packed_weights_give_the_bits_of_their_values_expanded(void **state)
{
    (void)state;
    enum { ROWS = 4, OUT = 12, IN = 256 };
    float *x = numbers(ROWS * IN, 10), *values = numbers(OUT * IN, 11);
    for (size_t f = 1; f < FR_COUNT_OF(FORMATS); f++) {
        uint8_t *bytes = in_format(values, OUT * IN, FORMATS[f]);
        float expanded[OUT * IN], packed_y[ROWS * OUT], expanded_y[ROWS * OUT];
        fr_format_find(FORMATS[f])->to_f32(bytes, expanded, OUT * IN);
        FR_AUTOPTR(fr_packed) packed = NULL;
        FR_AUTOPTR(fr_packed) plain = NULL;
        assert_int_equal(fr_packed_new(FORMATS[f], bytes, OUT, IN, &packed, NULL), 0);
        assert_int_equal(fr_packed_new(FR_FORMAT_F32, expanded, OUT, IN, &plain, NULL), 0);
        fr_kernels_best()->linear(packed_y, OUT, x, IN, ROWS, packed, 0, OUT);
        fr_kernels_best()->linear(expanded_y, OUT, x, IN, ROWS, plain, 0, OUT);
        assert_same_bits(expanded_y, packed_y, ROWS * OUT, fr_kernels_best()->name);
        free(bytes);
    }
    free(x);
    free(values);
}

static void elementwise_kernels_have_the_bits_of_the_specification_at_every_length(void **state)
{
    (void)state;
    const fr_kernels *spec = fr_kernels_at(0);
    for (size_t i = 1; fr_kernels_at(i) != NULL; i++)
        for (size_t n = 1; n < 70; n += n < 36 ? 1 : 11) {
            const fr_kernels *k = usable_row(i);
            float *a = numbers(n, 20), *b = numbers(n, 21), want[70], got[70];
            for (size_t j = 0; j < n; j++)
                a[j] *= j % 5 == 0 ? 60 : 3; /* some far out */
            spec->rmsnorm(want, a, b, n, 1e-5f);
            k->rmsnorm(got, a, b, n, 1e-5f);
            assert_same_bits(want, got, n, k->name);
            spec->silu_mul(want, a, b, n);
            k->silu_mul(got, a, b, n);
            assert_same_bits(want, got, n, k->name);
            spec->exp(want, a, n);
            k->exp(got, a, n);
            assert_same_bits(want, got, n, k->name);
            memcpy(want, a, n * sizeof(float));
            memcpy(got, a, n * sizeof(float));
            spec->softmax(want, n, 0.125f);
            k->softmax(got, n, 0.125f);
            assert_same_bits(want, got, n, k->name);
            spec->add(want, b, 0.37f, n);
            k->add(got, b, 0.37f, n);
            assert_same_bits(want, got, n, k->name);
            for (size_t of = 0; of < FR_COUNT_OF(KV_FORMATS); of++) {
                fr_format f = KV_FORMATS[of];
                if (n % fr_format_find(f)->block_values != 0)
                    continue;
                uint8_t want_bytes[280] = { 0 }, got_bytes[280] = { 0 };
                spec->narrow(want_bytes, f, a, n);
                k->narrow(got_bytes, f, a, n);
                assert_memory_equal(want_bytes, got_bytes, sizeof(want_bytes));
            }
            free(a);
            free(b);
        }
}

static void
attention_has_the_bits_of_the_specification_for_odd_groups_heads_and_lengths(void **state)
{
    (void)state;
    static const size_t SHAPES[][3] = { /* group, positions, head */
                                        { 1, 1, 8 },    { 1, 5, 16 },  { 2, 3, 8 },
                                        { 3, 19, 48 },  { 4, 33, 64 }, { 5, 20, 80 },
                                        { 8, 40, 128 }, { 3, 7, 32 },  { 2, 21, 96 }
    };
    for (size_t s = 0; s < FR_COUNT_OF(SHAPES); s++)
        for (size_t of = 0; of < FR_COUNT_OF(KV_FORMATS); of++)
            for (size_t i = 1; fr_kernels_at(i) != NULL; i++) {
                const fr_format f = KV_FORMATS[of];
                if (SHAPES[s][2] % fr_format_find(f)->block_values != 0)
                    continue;
                size_t group = SHAPES[s][0], n = SHAPES[s][1], head = SHAPES[s][2];
                float *q = numbers(group * head, 30), *k = numbers(n * head, 31),
                      *bias = numbers(n, 33), *v = numbers(n * head, 32), scores[8 * 40],
                      want[8 * 128], got[8 * 128];
                uint8_t *kb = in_format(k, n * head, f);
                uint8_t *vb = in_format(v, n * head, f);
                for (float cap = 0; cap < 4; cap += 3) {
                    fr_kernels_at(0)->attend(want, q, kb, vb, f, group, n, head, 0.2f, cap, NULL,
                                             scores);
                    usable_row(i)->attend(got, q, kb, vb, f, group, n, head, 0.2f, cap, NULL,
                                          scores);
                    assert_same_bits(want, got, group * head, usable_row(i)->name);
                }
                fr_kernels_at(0)->attend(want, q, kb, vb, (fr_format)f, 1, n, head, 0.2f, 0, bias,
                                         scores);
                usable_row(i)->attend(got, q, kb, vb, (fr_format)f, 1, n, head, 0.2f, 0, bias,
                                      scores);
                assert_same_bits(want, got, head, usable_row(i)->name);
                free(bias);
                free(q);
                free(k);
                free(v);
                free(kb);
                free(vb);
            }
}

static void the_exponential_is_within_its_bound_and_saturates(void **state)
{
    (void)state;
    float worst = 0;
    for (float x = -87; x < 88; x += 0.00173f) {
        float y;
        fr_kernels_at(0)->exp(&y, &x, 1);
        double want = exp((double)x), error = fabs((double)y - want) / want;
        worst = fmaxf(worst, (float)error);
    }
    assert_true(worst <= FR_EXP_BOUND);
    float far[4] = { -1000, 1000, NAN, 0 }, y[4];
    fr_kernels_best()->exp(y, far, 4);
    assert_true(y[0] == 0 && y[1] > 1e38f && isfinite(y[1]) && isnan(y[2]) && y[3] == 1);
}

static void rotation_by_position_keeps_lengths_and_turns_only_its_part(void **state)
{
    (void)state;
    for (int halves = 0; halves < 2; halves++) {
        float *x = numbers(3 * 10, 40), *before = numbers(3 * 10, 40), angles[8];
        double frequencies[4];
        fr_rope_frequencies(frequencies, 8, 10000, NULL);
        fr_rope_angles(angles, 5, frequencies, 8);
        assert_true(fabs((double)angles[2] - cos(5 * pow(10000, -0.25))) < 1e-7);
        fr_rope_turn(x, angles, 3, 10, 8, halves != 0);
        for (size_t h = 0; h < 3; h++) {
            double was = 0, is = 0;
            for (size_t i = 0; i < 10; i++) {
                was += (double)before[h * 10 + i] * (double)before[h * 10 + i];
                is += (double)x[h * 10 + i] * (double)x[h * 10 + i];
            }
            assert_true(fabs(was - is) < 1e-5 * was);
            assert_memory_equal(x + h * 10 + 8, before + h * 10 + 8, 2 * sizeof(float));
        }
        free(x);
        free(before);
    }
}

static void weights_in_a_format_we_cannot_compute_with_are_refused_by_name(void **state)
{
    (void)state;
    fr_packed *w = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_packed_new((fr_format)16, "", 1, 256, &w, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "IQ2_XXS"));
    for (size_t i = 0; fr_format_at(i) != NULL; i++)
        assert_non_null(strstr(err.hint, fr_format_at(i)->name));
    assert_int_equal(fr_packed_new(FR_FORMAT_Q8_0, "", 1, 48, &w, &err), FR_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_has_the_bits_of_the_specification_in_every_format_and_odd_shape),
        cmocka_unit_test(the_specification_is_a_product_to_within_rounding),
        cmocka_unit_test(a_row_gives_the_same_bits_alone_and_in_every_batch_from_1_to_16),
        cmocka_unit_test(any_split_of_the_outputs_over_threads_gives_the_same_bits),
        cmocka_unit_test(packed_weights_give_the_bits_of_their_values_expanded),
        cmocka_unit_test(elementwise_kernels_have_the_bits_of_the_specification_at_every_length),
        cmocka_unit_test(
            attention_has_the_bits_of_the_specification_for_odd_groups_heads_and_lengths),
        cmocka_unit_test(the_exponential_is_within_its_bound_and_saturates),
        cmocka_unit_test(rotation_by_position_keeps_lengths_and_turns_only_its_part),
        cmocka_unit_test(weights_in_a_format_we_cannot_compute_with_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
