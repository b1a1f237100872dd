/* format_test.c: number formats against the gguf package (tests/fixtures/llama-golden/make.py). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/file.h"
#include "base/mem.h"
#include "kernels/format.h"

#define GOLDEN FR_SOURCE_DIR "/tests/fixtures/llama-golden/"

static fr_map mapped(const char *path)
{
    fr_map map = { 0 };
    assert_int_equal(fr_map_open(path, &map, NULL), 0);
    return map;
}

static void every_format_writes_the_bytes_of_the_published_definition(void **state)
{
    (void)state;
    FR_AUTO(fr_map) values = mapped(GOLDEN "values.f32");
    FR_AUTO(fr_map) golden = mapped(GOLDEN "formats.bin");
    static const struct {
        fr_format format;
        size_t n, bytes;
    } PARTS[] = { { FR_FORMAT_F16, 256, 512 },
                  { FR_FORMAT_BF16, 256, 512 },
                  { FR_FORMAT_Q8_0, 224, 238 } };
    const uint8_t *want = golden.at;
    for (size_t i = 0; i < FR_COUNT_OF(PARTS); want += PARTS[i].bytes, i++) {
        uint8_t got[512];
        fr_format_find(PARTS[i].format)->from_f32((const float *)values.at, got, PARTS[i].n);
        for (size_t b = 0; b < PARTS[i].bytes; b++)
            if (want[b] != got[b])
                fail_msg("%s: byte %zu is %d, expected %d", fr_format_find(PARTS[i].format)->name,
                         b, got[b], want[b]);
    }
    assert_int_equal(want - golden.at, golden.size_bytes);
}

static void every_half_becomes_the_f32_of_the_same_value_and_comes_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h <= 0xffff; h++) {
        float f = fr_f16_to_f32((uint16_t)h);
        int exponent = (int)(h >> 10 & 31);
        double fraction = (double)(h & 0x3ff) / 1024;
        if (exponent == 31) {
            assert_true((h & 0x3ff) != 0 ? isnan(f) : isinf(f));
            continue;
        }
        double value = exponent == 0 ? ldexp(fraction, -14) : ldexp(1 + fraction, exponent - 15);
        assert_true((double)f == ((h & 0x8000) != 0 ? -value : value));
        assert_int_equal(fr_f32_to_f16(f), h);
        assert_int_equal(fr_f32_to_bf16(fr_bf16_to_f32((uint16_t)(h & 0xff7f))), h & 0xff7f);
    }
    assert_true(isnan(fr_f16_to_f32(fr_f32_to_f16(NAN))));
    assert_true(isnan(fr_bf16_to_f32(fr_f32_to_bf16(NAN))));
}

static void eight_bit_blocks_lose_at_most_half_a_step(void **state)
{
    (void)state;
    float x[64], back[64];
    uint8_t bytes[68];
    for (size_t i = 0; i < 64; i++)
        x[i] = sinf((float)i) * (i < 32 ? 1 : 100);
    const fr_format_row *row = fr_format_find(FR_FORMAT_Q8_0);
    row->from_f32(x, bytes, 64);
    row->to_f32(bytes, back, 64);
    for (size_t i = 0; i < 64; i++) { /* half a step, and the scale's own rounding */
        float most = i < 32 ? 1 : 100;
        assert_true(fabsf(x[i] - back[i]) <= most / 127 * 0.5f + most / 2048);
    }
}

static void formats_are_found_by_number_and_name_and_others_can_be_named(void **state)
{
    (void)state;
    for (size_t i = 0; fr_format_at(i) != NULL; i++) {
        const fr_format_row *row = fr_format_at(i);
        size_t values, bytes;
        assert_ptr_equal(fr_format_find(row->format), row);
        assert_ptr_equal(fr_format_by_name(row->name), row);
        assert_string_equal(fr_format_any_name(row->format), row->name);
        assert_true(fr_format_any_block(row->format, &values, &bytes));
        assert_true(values == row->block_values && bytes == row->block_bytes);
    }
    assert_non_null(fr_format_by_name("q8_0"));
    assert_null(fr_format_by_name("Q9"));
    assert_string_equal(fr_format_any_name(12), "Q4_K");
    assert_string_equal(fr_format_any_name(4), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_writes_the_bytes_of_the_published_definition),
        cmocka_unit_test(every_half_becomes_the_f32_of_the_same_value_and_comes_back),
        cmocka_unit_test(eight_bit_blocks_lose_at_most_half_a_step),
        cmocka_unit_test(formats_are_found_by_number_and_name_and_others_can_be_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
