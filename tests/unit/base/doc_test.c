#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/doc.h"

static fr_doc *parsed(const char *text)
{
    fr_doc *doc = NULL;
    fr_err err = { 0 };
    if (fr_doc_parse(text, strlen(text), "t.yaml", &doc, &err) != 0)
        fail_msg("%s", err.what);
    return doc;
}

static void assert_refused(const char *text, const char *what)
{
    fr_doc *doc = NULL;
    fr_err err = { 0 };
    assert_int_not_equal(fr_doc_parse(text, strlen(text), "t.yaml", &doc, &err), 0);
    assert_null(doc);
    if (strstr(err.what, what) == NULL)
        fail_msg("'%s' does not say '%s'", err.what, what);
}

static void values_are_typed_when_asked_for(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_doc) doc = parsed("a: 1.5\nb: text\nc: [x, {d: true}]\ne: \"7\"\nf:\n");
    const fr_node *root = fr_doc_root(doc);
    double f = 0;
    const char *text = NULL;
    bool flag = false;
    assert_int_equal(fr_doc_get_f64(root, "a", true, &f, NULL), 0);
    assert_true(f == 1.5);
    assert_int_equal(fr_doc_get_text(root, "b", true, &text, NULL), 0);
    assert_string_equal(text, "text");
    assert_int_equal(fr_doc_get_bool(fr_node_get(root, "c")->at[1], "d", true, &flag, NULL), 0);
    assert_true(flag);
    fr_err err = { 0 };
    assert_int_equal(fr_doc_get_f64(root, "e", true, &f, &err), FR_E_USAGE);     /* quoted: text */
    assert_int_equal(fr_doc_get_text(root, "f", true, &text, &err), FR_E_USAGE); /* null */
    assert_int_equal(fr_doc_get_text(root, "missing", false, &text, &err), 0);
    assert_string_equal(text, "text");
}

static void an_error_names_line_column_key_and_what_was_expected(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_doc) doc = parsed("task: x\ntarget: high\nmetrc: f1\n");
    const fr_node *root = fr_doc_root(doc);
    fr_err err = { 0 };
    double f;
    assert_int_equal(fr_doc_get_f64(root, "target", true, &f, &err), FR_E_USAGE);
    assert_string_equal(err.what, "t.yaml:2:9: target: expected a number, found 'high'");
    static const char *const KEYS[] = { "task", "target", "metric", NULL };
    assert_int_equal(fr_doc_check_keys(root, KEYS, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "t.yaml:3:"));
    assert_non_null(strstr(err.hint, "'metric'"));
    static const char *const WORDS[] = { "label", "answer", NULL };
    int word = 0;
    assert_int_equal(fr_doc_get_word(root, "task", true, WORDS, &word, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "label, answer"));
}

static void bad_yaml_is_refused_with_its_place(void **state)
{
    (void)state;
    assert_refused("a: [1, 2\nb: 3\n", "t.yaml:2:");
    assert_refused("a: 1\na: 2\n", "twice");
    assert_refused("", "empty");
    assert_refused("a: &x 1\nb: *x\n", "aliases");
    assert_refused("a: 1\n---\nb: 2\n", "second document");
    assert_refused("\t- x", "t.yaml:1:");
    char deep[300];
    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_refused(deep, "64 levels");
}

static void the_nearest_word_is_named_and_a_far_one_is_not(void **state)
{
    (void)state;
    static const char *const WORDS[] = { "traditional", "zero-shot", "few-shot", "lora", NULL };
    assert_string_equal(fr_nearest("zeroshot", WORDS), "zero-shot");
    assert_string_equal(fr_nearest("lroa", WORDS), "lora");
    assert_null(fr_nearest("quantum", WORDS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_typed_when_asked_for),
        cmocka_unit_test(an_error_names_line_column_key_and_what_was_expected),
        cmocka_unit_test(bad_yaml_is_refused_with_its_place),
        cmocka_unit_test(the_nearest_word_is_named_and_a_far_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
