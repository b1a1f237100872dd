/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "base/clock.h"
#include "fixture.h"
#include "net/sigv4.h"

#define HEADERS_MOST 16

static int64_t of_the_suite(void)
{
    int64_t at_ns;
    assert_true(fr_time_parse("2015-08-30T12:36:00Z", &at_ns));
    return at_ns;
}

static const char *text_or_null(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

/* Each row of sigv4.jsonl is a request with the signature that AWS's suite or botocore gives it. */
static void signatures_are_those_of_aws_and_botocore(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) text = { 0 };
    char *path = fixture_path("net/sigv4.jsonl");
    assert_int_equal(fr_file_read(path, 1 << 20, &text, NULL), 0);
    free(path);
    fr_str rest = fr_buf_str(&text);
    int n = 0;
    for (json_t *row; (row = next_row(&rest)) != NULL; n++) {
        const char *headers[HEADERS_MOST + 1] = { 0 };
        json_t *list = json_object_get(row, "headers");
        for (size_t i = 0; i < json_array_size(list) && i < HEADERS_MOST; i++)
            headers[i] = json_string_value(json_array_get(list, i));
        fr_aws who = { .access_key = "AKIDEXAMPLE",
                       .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                       .session_token = text_or_null(row, "token"),
                       .region = text_or_null(row, "region"),
                       .service = text_or_null(row, "service") };
        FR_AUTO(fr_sigv4_headers) signed_by = { 0 };
        fr_err err = { 0 };
        int rc = fr_sigv4(&who, text_or_null(row, "method"), text_or_null(row, "url"), headers,
                          text_in(row, "body"), of_the_suite(), &signed_by, &err);
        assert_int_equal(rc, 0);
        const char *got = strstr(signed_by.line[signed_by.n - 1], "Signature=") + 10;
        if (strcmp(got, text_or_null(row, "signature")) != 0)
            fail_msg("%s: %s", text_or_null(row, "name"), signed_by.line[signed_by.n - 1]);
        json_decref(row);
    }
    assert_in_range(n, 30, 100);
}

static void a_missing_key_is_named_and_no_other_is_told(void **state)
{
    (void)state;
    fr_aws who;
    fr_err err = { 0 };
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    unsetenv("AWS_SECRET_ACCESS_KEY");
    setenv("AWS_REGION", "eu-west-3", 1);
    assert_int_equal(fr_aws_from_environment("monitoring", &who, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "AWS_SECRET_ACCESS_KEY is not set"));
    assert_null(strstr(err.what, "AKIDEXAMPLE"));
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    unsetenv("AWS_REGION");
    setenv("AWS_DEFAULT_REGION", "eu-north-1", 1);
    assert_int_equal(fr_aws_from_environment("monitoring", &who, &err), 0);
    assert_string_equal(who.region, "eu-north-1");
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    fr_aws who = { "a", "b", NULL, "r", "s" };
    fr_sigv4_headers signed_by;
    fr_err err = { 0 };
    static const char *const BAD[] = { "", "monitoring", "file:///etc/passwd", "ftp://x/" };
    for (size_t i = 0; i < FR_COUNT_OF(BAD); i++)
        assert_int_equal(fr_sigv4(&who, "GET", BAD[i], NULL, (fr_str){ 0 }, 0, &signed_by, &err),
                         FR_E_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_aws_and_botocore),
        cmocka_unit_test(a_missing_key_is_named_and_no_other_is_told),
        cmocka_unit_test(what_is_no_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
