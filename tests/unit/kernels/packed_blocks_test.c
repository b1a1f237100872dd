/* packed_blocks_test.c: packed formats against the gguf package and against ggml's own quantizer
 * (tests/fixtures/formats/make.py). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/csv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "kernels/format.h"

#define FORMATS FR_SOURCE_DIR "/tests/fixtures/formats/"

static fr_map mapped(const char *path)
{
    fr_map map = { 0 };
    assert_int_equal(fr_map_open(path, &map, NULL), 0);
    return map;
}

static void every_packed_format_reads_as_published_also_under_extreme_scales(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL",
                                         "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS" };
    FR_AUTO(fr_map) blocks = mapped(FORMATS "blocks.bin");
    FR_AUTO(fr_map) golden = mapped(FORMATS "blocks.f32");
    const uint8_t *from = blocks.at;
    const float *want = (const float *)golden.at;
    for (size_t f = 0; f < FR_COUNT_OF(NAMES); f++) {
        const fr_format_row *row = fr_format_by_name(NAMES[f]);
        const size_t n = row->block_values == 256 ? 6 : 14, values = n * row->block_values;
        float got[6 * 256];
        row->to_f32(from, got, values);
        for (size_t i = 0; i < values; i++)
            if (isnan(want[i]) ? !isnan(got[i]) : memcmp(want + i, got + i, sizeof(float)) != 0)
                fail_msg("%s: value %zu is %.9g, expected %.9g", NAMES[f], i, (double)got[i],
                         (double)want[i]);
        from += n * row->block_bytes;
        want += values;
    }
    assert_ptr_equal(from, blocks.at + blocks.size_bytes);
    assert_ptr_equal(want, golden.at + golden.size_bytes);
}

static void formats_with_a_published_rule_are_written_to_the_byte(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0" };
    FR_AUTO(fr_map) values = mapped(FORMATS "rule.f32");
    FR_AUTO(fr_map) golden = mapped(FORMATS "rule.bin");
    const size_t n = values.size_bytes / sizeof(float);
    const uint8_t *want = golden.at;
    for (size_t f = 0; f < FR_COUNT_OF(NAMES); f++) {
        const fr_format_row *row = fr_format_by_name(NAMES[f]);
        const size_t bytes = n / row->block_values * row->block_bytes;
        uint8_t *got = FR_NEW_N(uint8_t, bytes);
        row->from_f32((const float *)values.at, got, n);
        for (size_t b = 0; b < bytes; b++)
            if (want[b] != got[b])
                fail_msg("%s: byte %zu of block %zu is %d, expected %d", NAMES[f],
                         b % row->block_bytes, b / row->block_bytes, got[b], want[b]);
        free(got);
        want += bytes;
    }
    assert_ptr_equal(want, golden.at + golden.size_bytes);
}

static double error_of(const fr_format_row *row, const float *x, const float *weights, size_t n)
{
    uint8_t *bytes = FR_NEW_N(uint8_t, n / row->block_values * row->block_bytes);
    float *back = FR_NEW_N(float, n);
    double error = 0;
    row->from_f32_weighted(x, weights, bytes, n);
    row->to_f32(bytes, back, n);
    for (size_t i = 0; i < n; i++) {
        const double e = (double)back[i] - (double)x[i];
        error += e * e * (weights != NULL ? (double)weights[i] : 1);
    }
    free(bytes);
    free(back);
    return error;
}

static double number(fr_str s)
{
    char text[32];
    snprintf(text, sizeof(text), "%.*s", FR_STR_F(s));
    return strtod(text, NULL);
}

static void searched_formats_err_no_more_than_the_reference_quantizer(void **state)
{
    (void)state;
    enum { N = 512 };
    FR_AUTO(fr_map) rows = mapped(FORMATS "rows.f32");
    FR_AUTO(fr_map) importance = mapped(FORMATS "importance.f32");
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTO(fr_csv) csv = { 0 };
    const fr_str *field;
    size_t n, lines = 0;
    assert_int_equal(fr_file_read(FORMATS "reference.csv", 1 << 20, &text, NULL), 0);
    fr_csv_init(&csv, fr_buf_str(&text), "reference.csv");
    assert_int_equal(fr_csv_next(&csv, &field, &n, NULL), 0);
    for (; fr_csv_next(&csv, &field, &n, NULL) == 0 && n == 4; lines++) {
        char *name = fr_str_dup(field[0]);
        const fr_format_row *row = fr_format_by_name(name);
        const size_t r = (size_t)number(field[1]);
        const float *x = (const float *)rows.at + r * N;
        const double plain = error_of(row, x, NULL, N), most = number(field[2]),
                     weighted = error_of(row, x, (const float *)importance.at, N),
                     most_weighted = number(field[3]);
        if (getenv("SHOW_ERRORS") != NULL)
            printf("%-7s %zu  %.4f %.4f\n", name, r, plain / most, weighted / most_weighted);
        else if (plain > most * (1 + 1e-6) || weighted > most_weighted * (1 + 1e-6))
            fail_msg("%s, row %zu: error %.6g of %.6g, weighted %.6g of %.6g", name, r, plain, most,
                     weighted, most_weighted);
        free(name);
    }
    assert_int_equal(lines, 11 * 8);
}

static void any_values_and_weights_can_be_written_and_read(void **state)
{
    (void)state;
    float x[512], w[512], back[512];
    uint8_t bytes[512 / 32 * 36];
    for (size_t i = 0; i < 512; i++) {
        x[i] = (float)fr_random_normal(3, FR_RANDOM_TEST, 0, i) * (i < 256 ? 1e30f : 1e-30f);
        w[i] = i % 3 == 0 ? 0 : -1;
    }
    x[1] = NAN;
    x[40] = INFINITY;
    x[300] = -INFINITY;
    w[2] = NAN;
    w[290] = INFINITY;
    for (size_t f = 0; fr_format_at(f) != NULL; f++) {
        const fr_format_row *row = fr_format_at(f);
        if (row->block_values == 1)
            continue;
        row->from_f32(x, bytes, 512); /* only: nothing undefined, which the sanitizers hold */
        if (row->from_f32_weighted == NULL)
            continue;
        for (int weighted = 0; weighted < 2; weighted++) {
            row->from_f32_weighted(x, weighted != 0 ? w : NULL, bytes, 512);
            row->to_f32(bytes, back, 512);
            for (size_t i = 0; i < 512; i++)
                if (!isfinite(back[i]))
                    fail_msg("%s: value %zu came back as %g", row->name, i, (double)back[i]);
        }
    }
}

static void what_a_format_can_say_exactly_is_kept_exactly(void **state)
{
    (void)state;
    for (size_t f = 0; fr_format_at(f) != NULL; f++) {
        const fr_format_row *row = fr_format_at(f);
        float zeros[256] = { 0 }, back[256];
        uint8_t bytes[1024];
        row->from_f32(zeros, bytes, 256);
        row->to_f32(bytes, back, 256);
        for (size_t i = 0; i < 256; i++)
            assert_true(back[i] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packed_format_reads_as_published_also_under_extreme_scales),
        cmocka_unit_test(formats_with_a_published_rule_are_written_to_the_byte),
        cmocka_unit_test(searched_formats_err_no_more_than_the_reference_quantizer),
        cmocka_unit_test(any_values_and_weights_can_be_written_and_read),
        cmocka_unit_test(what_a_format_can_say_exactly_is_kept_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
