/* Errors, slices and buffers, hashes, time: what everything else is written with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <frugal/figure.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

static void an_error_keeps_code_cause_and_way_out(void **state)
{
    (void)state;
    fr_err err = { 0 };
    assert_int_equal(fr_fail(&err, FR_E_FORMAT, "Do that.", "'%s' is cut", "x"), FR_E_FORMAT);
    assert_string_equal(err.what, "'x' is cut");
    assert_string_equal(err.hint, "Do that.");
    fr_err_within(&err, "while reading %d", 3);
    assert_string_equal(err.what, "while reading 3: 'x' is cut");
    assert_string_equal(err.hint, "Do that.");
    assert_int_equal(err.code, FR_E_FORMAT);
    assert_int_equal(fr_fail(NULL, FR_E_IO, NULL, "nobody listens"), FR_E_IO);
}

/* A program's last words end up in JSON and on terminals. */
static void a_message_is_text_whatever_others_wrote(void **state)
{
    (void)state;
    fr_err err = { 0 };
    fr_fail(&err, FR_E_CHILD, "a\nb\x1b", "said '%s'", "\xFF\xC3\xA9\x1b[31m\nred\xC2\x9b\xE6\x97");
    assert_string_equal(err.what, "said '?\xC3\xA9?[31m red?"
                                  "?"
                                  "?'");
    assert_string_equal(err.hint, "a\nb?");
    char glyphs[700];
    for (size_t shift = 0; shift < 3; shift++) { /* cut wherever in a character of three bytes */
        memset(glyphs, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof(glyphs); i += 3)
            memcpy(glyphs + i, "\xE6\x97\xA5", 4);
        fr_fail(&err, FR_E_CHILD, NULL, "%s", glyphs);
        size_t n = strlen(err.what);
        assert_string_equal(err.what + n - 3, "...");
        assert_true((n - 3 - shift) % 3 == 0 && strchr(err.what, '?') == NULL);
    }
}

static void a_failed_system_call_picks_its_code(void **state)
{
    (void)state;
    fr_err err = { 0 };
    errno = ENOENT;
    assert_int_equal(fr_fail_errno(&err, NULL, "cannot open 'x'"), FR_E_NOT_FOUND);
    errno = EACCES;
    assert_int_equal(fr_fail_errno(&err, NULL, "cannot open 'x'"), FR_E_PERMISSION);
    errno = ENOSPC;
    assert_int_equal(fr_fail_errno(&err, NULL, "cannot write 'x'"), FR_E_IO);
    assert_non_null(strstr(err.hint, "space"));
}

static void exit_statuses_are_0_1_2_3(void **state)
{
    (void)state;
    assert_int_equal(fr_err_exit_status(0), 0);
    assert_int_equal(fr_err_exit_status(FR_E_USAGE), 2);
    assert_int_equal(fr_err_exit_status(FR_E_LIMIT), 3);
    assert_int_equal(fr_err_exit_status(FR_E_IO), 1);
    assert_int_equal(fr_err_exit_status(-9999), 1);
    assert_string_equal(fr_err_name(FR_E_SENSOR), "FR_E_SENSOR");
}

static void a_buffer_stops_at_its_limit_and_says_so(void **state)
{
    (void)state;
    fr_buf b = { .limit_bytes = 8 };
    fr_buf_put_s(&b, "12345");
    fr_buf_put_f(&b, "%d", 6789);
    assert_true(b.full);
    assert_string_equal(fr_buf_text(&b), "12345");
    fr_buf_put_c(&b, 'x'); /* nothing goes in behind a gap */
    assert_int_equal(b.n, 5);
    fr_buf_clear(&b);
    fr_buf_put_s(&b, "12345678");
    assert_false(b.full);
    char *text = fr_buf_take(&b);
    assert_string_equal(text, "12345678");
    assert_string_equal(fr_buf_text(&b), "");
    free(text);
    fr_buf_fini(&b);
}

static void a_slice_is_cut_piece_by_piece(void **state)
{
    (void)state;
    fr_str rest = FR_STR("a,,b"), piece;
    assert_true(fr_str_next(&rest, ',', &piece) && fr_str_is(piece, "a"));
    assert_true(fr_str_next(&rest, ',', &piece) && fr_str_is(piece, ""));
    assert_true(fr_str_next(&rest, ',', &piece) && fr_str_is(piece, "b"));
    assert_false(fr_str_next(&rest, ',', &piece));
    assert_true(fr_str_is(fr_str_trim(FR_STR(" \t x y\n")), "x y"));
}

static void numbers_are_whole_slices_or_nothing(void **state)
{
    (void)state;
    long long i;
    double f;
    assert_true(fr_str_to_i64(FR_STR("-12"), &i) && i == -12);
    assert_false(fr_str_to_i64(FR_STR("12x"), &i));
    assert_false(fr_str_to_i64(FR_STR(""), &i));
    assert_false(fr_str_to_i64(FR_STR("99999999999999999999"), &i));
    assert_true(fr_str_to_f64(FR_STR("1.5e3"), &f) && f == 1500);
    assert_false(fr_str_to_f64(FR_STR(" 1"), &f));
}

/* FIPS 180-4's examples. */
static void sha256_gives_the_published_digests(void **state)
{
    (void)state;
    char hex[FR_SHA256_HEX];
    assert_int_equal(fr_sha256("abc", 3, hex, NULL), 0);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(fr_sha256("", 0, hex, NULL), 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void time_goes_to_text_and_back(void **state)
{
    (void)state;
    char text[FR_TIME_TEXT];
    fr_time_text(1763837706 * INT64_C(1000000000), text);
    assert_string_equal(text, "2025-11-22T18:55:06Z");
    int64_t ns = 0;
    assert_true(fr_time_parse(text, &ns));
    assert_int_equal(ns / 1000000000, 1763837706);
    assert_true(fr_time_parse("2025-11-22", &ns));
    assert_false(fr_time_parse("yesterday", &ns));
    assert_false(
        fr_time_parse("2025-02-29", &ns)); /* no such day, rather than the first of March */
    assert_true(fr_time_parse("2024-02-29", &ns));
    fr_duration_text(0.85, text);
    assert_string_equal(text, "850 ms");
    fr_duration_text(250, text);
    assert_string_equal(text, "4 min 10 s");
    fr_duration_text(NAN, text);
    assert_string_equal(text, "?");
}

static void ulids_are_sorted_by_time_and_distinct(void **state)
{
    (void)state;
    char a[FR_ULID_TEXT], b[FR_ULID_TEXT];
    fr_ulid(a);
    fr_sleep_ns(2000000);
    fr_ulid(b);
    assert_int_equal(strlen(a), 26);
    assert_true(strcmp(a, b) < 0);
    assert_true(a[0] <= '7');
    assert_int_equal(strspn(a, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
}

static void energies_add_up_with_their_method(void **state)
{
    (void)state;
    fr_energy measured = { 10, 9, 11, FR_METHOD_MEASURED, "a" };
    fr_energy modelled = { 5, 2, 9, FR_METHOD_MODELLED, "b" };
    fr_energy sum = fr_energy_add(fr_energy_add(fr_energy_zero(), measured), modelled);
    assert_true(sum.value_j == 15 && sum.low_j == 11 && sum.high_j == 20);
    assert_int_equal(sum.method, FR_METHOD_MIXED);
    assert_true(isnan(fr_energy_add(measured, fr_energy_unknown()).value_j));
    assert_int_equal(fr_energy_grade(measured, measured), FR_GRADE_A);
    assert_int_equal(fr_energy_grade(measured, modelled), FR_GRADE_B);
    assert_int_equal(fr_energy_grade(measured, fr_energy_unknown()), FR_GRADE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_keeps_code_cause_and_way_out),
        cmocka_unit_test(a_message_is_text_whatever_others_wrote),
        cmocka_unit_test(a_failed_system_call_picks_its_code),
        cmocka_unit_test(exit_statuses_are_0_1_2_3),
        cmocka_unit_test(a_buffer_stops_at_its_limit_and_says_so),
        cmocka_unit_test(a_slice_is_cut_piece_by_piece),
        cmocka_unit_test(numbers_are_whole_slices_or_nothing),
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(time_goes_to_text_and_back),
        cmocka_unit_test(ulids_are_sorted_by_time_and_distinct),
        cmocka_unit_test(energies_add_up_with_their_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
