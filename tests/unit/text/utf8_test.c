/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "text/utf8.h"

static void every_character_survives_the_way_there_and_back(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        char bytes[4];
        size_t n = fr_utf8_put(c, bytes);
        uint32_t back = 0;
        assert_int_equal(n, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        assert_int_equal(fr_utf8_next((fr_str){ bytes, n }, &back), n);
        assert_int_equal(back, c);
        assert_int_equal(fr_utf8_incomplete_tail((fr_str){ bytes, n }), 0);
        for (size_t cut = 1; cut < n; cut++) {
            assert_false(fr_utf8_valid((fr_str){ bytes, cut }));
            assert_int_equal(fr_utf8_incomplete_tail((fr_str){ bytes, cut }), cut);
        }
    }
    char bytes[4];
    assert_int_equal(fr_utf8_put(0xD800, bytes), 3);
    assert_memory_equal(bytes, "\xEF\xBF\xBD", 3);
}

static void what_the_standard_calls_ill_formed_is_refused(void **state)
{
    (void)state;
    static const char *const ILL[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC2",
        "\xE0\x80\x80",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xE1\x80",
        "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xFF",
        "\xFE",
    };
    for (size_t i = 0; i < FR_COUNT_OF(ILL); i++) {
        fr_str text = { ILL[i], strlen(ILL[i]) };
        uint32_t c = 0;
        assert_false(fr_utf8_valid(text));
        assert_int_equal(fr_utf8_next(text, &c), 1);
        assert_int_equal(c, 0xFFFD);
    }
    assert_int_equal(fr_utf8_incomplete_tail(FR_STR("a\xED\xA0")), 0); /* never to be a character */
    assert_int_equal(fr_utf8_incomplete_tail(FR_STR("a\xED")), 1);
    assert_int_equal(fr_utf8_valid_prefix(FR_STR("a\xC3\xA9\xFF z")), 3);
}

static void folding_makes_words_match(void **state)
{
    (void)state;
    static const char *const PAIRS[][2] = {
        { "Stra\xC3\x9F"
          "E",
          "strasse" },
        { "\xC3\x89T\xC3\x89", "ete" },
        { "e\xCC\x81", "e" },
        { "\xEF\xAC\x81n", "fin" },
        { "\xD0\x9C\xD0\x98\xD0\xA0", "\xD0\xBC\xD0\xB8\xD1\x80" },
        { "\xED\x95\x9C\xEA\xB5\xAD", "\xED\x95\x9C\xEA\xB5\xAD" },
        { "a\xFF", "a\xFF" },
        { "\xE0\xA4\xB9\xE0\xA4\xBF", "\xE0\xA4\xB9\xE0\xA4\xBF" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(PAIRS); i++) {
        FR_AUTO(fr_buf) out = { 0 };
        fr_utf8_fold(fr_str_of(PAIRS[i][0]), &out);
        assert_string_equal(fr_buf_text(&out), PAIRS[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_survives_the_way_there_and_back),
        cmocka_unit_test(what_the_standard_calls_ill_formed_is_refused),
        cmocka_unit_test(folding_makes_words_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
