/* The forms that rows come in, and what is said of those that come in none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fixture.h"

#include "adapt/data.h"

static void assert_row(const char *name, const char *text, const char *input, const char *output)
{
    FR_AUTO(fr_data) data = { 0 };
    fr_err err = { 0 };
    if (fr_data_parse(fr_str_of(text), name, &data, &err) != 0)
        fail_msg("%s", err.what);
    assert_int_equal(data.n, 1);
    assert_int_equal(data.at[0].input.n, strlen(input));
    assert_memory_equal(data.at[0].input.at, input, strlen(input));
    assert_int_equal(data.at[0].output.n, strlen(output));
    assert_memory_equal(data.at[0].output.at, output, strlen(output));
}

static void every_common_form_is_read(void **state)
{
    (void)state;
    assert_row("a.jsonl", "{\"input\": \"a b\", \"output\": \"c\"}\n", "a b", "c");
    assert_row("a.jsonl", "{\"prompt\": \"a\", \"completion\": \"c\"}", "a", "c");
    assert_row("a.jsonl", "{\"text\": \"a\", \"label\": 3}", "a", "3");
    assert_row("a.jsonl", "{\"question\": \"a\", \"answer\": true}", "a", "true");
    assert_row("a.jsonl", "{\"instruction\": \"do\", \"input\": \"\", \"output\": \"c\"}", "do",
               "c");
    assert_row("a.jsonl", "{\"instruction\": \"do\", \"input\": \"it\", \"output\": \"c\"}",
               "do\nit", "c");
    assert_row("a.jsonl", "{\"question\": \"a\", \"answer\": [\"c\", \"d\"]}", "a", "c");
    assert_row("a.csv", "text,category\na,c\n", "a", "c");
    assert_row("a.json", "[{\"instruction\": \"do\", \"output\": \"c\"}]", "do", "c");
    assert_row("a.jsonl",
               "{\"conversations\": [{\"from\": \"human\", \"value\": \"a\"}, {\"from\": \"gpt\", "
               "\"value\": \"c\"}]}",
               "a", "c");
    assert_row("a.jsonl",
               "{\"messages\": [{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", "
               "\"content\": [{\"type\": \"text\", \"text\": \"a\"}]}, {\"role\": \"assistant\", "
               "\"content\": \"c\"}]}",
               "system: s\nuser: a", "c");
    assert_row("a.csv", "Label,Text\r\nc,\"a, b\"\r\n", "a, b", "c");
    assert_row("a.csv", "instruction,input,output\ndo,it,c\n", "do\nit", "c");
}

static void a_malformed_row_is_named_by_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *what;
    } ROWS[] = {
        { "t.jsonl", "{\"input\": \"a\", \"output\": \"b\"}\n\n{\"input\": \"a\"}\n",
          "t.jsonl:3: the key \"output\" is missing" },
        { "t.jsonl", "{\"output\": \"b\"}\n", "t.jsonl:1: the key \"input\" is missing" },
        { "t.jsonl", "{\"input\": {}, \"output\": \"b\"}\n", "t.jsonl:1: the input is not text" },
        { "t.jsonl", "{\"input\": \"a\", \"output\": \" \"}\n", "t.jsonl:1: the output is empty" },
        { "t.jsonl", "[5]\n", "t.jsonl:1: a row is not a JSON object" },
        { "t.jsonl", "{\"messages\": []}\n", "t.jsonl:1: the conversation is not a list of turns" },
        { "t.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n",
          "t.jsonl:1: no turn of the assistant follows one of the user" },
        { "t.csv", "a,b\n1,2\n", "t.csv:1: the first row names no input column" },
        { "t.csv", "input,output\n1,2,3\n", "t.csv:2: 3 fields where the first row has 2" },
        { "t.csv", "input,output\na,\n", "t.csv:2: the output is empty" },
        { "t.csv", "input,output\n\xff\xfe,b\n", "t.csv:2: the text is not UTF-8" },
        { "t.csv", "input;output\n1;2\n1;2;3\n", "t.csv:3: 3 fields where the first row has 2" },
        { "t.csv", "\xff\xfei", "t.csv: the text is UTF-16, not UTF-8" },
        { "t.json", "{\n  \"data\": [{\"input\": \"a\", \"output\": \"b\"}]\n}\n",
          "t.json: one JSON object, where a list of rows or a row a line was expected" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++) {
        FR_AUTO(fr_data) data = { 0 };
        fr_err err = { 0 };
        assert_int_equal(fr_data_parse(fr_str_of(ROWS[i].text), ROWS[i].name, &data, &err),
                         FR_E_FORMAT);
        assert_string_equal(err.what, ROWS[i].what);
    }
    FR_AUTO(fr_data) data = { 0 };
    fr_err err = { 0 };
    assert_int_equal(fr_data_parse(FR_STR("{\"input\": \"a\n"), "t.jsonl", &data, &err),
                     FR_E_FORMAT);
    assert_memory_equal(err.what, "t.jsonl:1:", 10);
    assert_non_null(strstr(err.what, "not JSON"));
}

/* Spreadsheets write what their country separates by, and pipes have no ending to their name. */
static void what_separates_fields_is_found_by_the_columns_it_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } FILES[] = {
        { "t.csv", "text,label\r\n\"a; b\",c\r\n" },
        { "t.csv", "\xEF\xBB\xBFtext;label\r\n\"a; b\";c\r\n" },
        { "t.TSV", "label\ttext\nc\ta; b\n" },
        { "T.CSV", "id|text|label\n7|a; b|c\n" },
        { "/dev/stdin", "text,label\na; b,c\n" },
        { "rows.txt", "{\"text\": \"a; b\", \"label\": \"c\"}\n" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(FILES); i++) {
        FR_AUTO(fr_data) data = { 0 };
        fr_err err = { 0 };
        if (fr_data_parse(fr_str_of(FILES[i].text), FILES[i].name, &data, &err) != 0)
            fail_msg("%s: %s", FILES[i].text, err.what);
        assert_int_equal(data.n, 1);
        assert_true(fr_str_is(data.at[0].input, "a; b") && fr_str_is(data.at[0].output, "c"));
    }
}

static void an_empty_file_has_no_rows(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "t.jsonl", "t.csv", "t.json" };
    for (size_t i = 0; i < 3; i++) {
        FR_AUTO(fr_data) data = { 0 };
        assert_int_equal(fr_data_parse(FR_STR("\xEF\xBB\xBF\n \n"), NAMES[i], &data, NULL), 0);
        assert_int_equal(data.n, 0);
    }
}

static void the_hash_tells_lists_apart_and_nothing_else(void **state)
{
    (void)state;
    FR_AUTO(fr_data) a = { 0 };
    FR_AUTO(fr_data) b = { 0 };
    fr_data_put(&a, FR_STR("ab"), FR_STR("c"), 1);
    fr_data_put(&b, FR_STR("a"), FR_STR("bc"), 1);
    char ha[65], hb[65];
    assert_int_equal(fr_data_hash(&a, ha, NULL), 0);
    assert_int_equal(fr_data_hash(&b, hb, NULL), 0);
    assert_string_not_equal(ha, hb);
    FR_AUTO(fr_data) same = { 0 };
    fr_data_put(&same, FR_STR("ab"), FR_STR("c"), 7); /* on another line */
    assert_int_equal(fr_data_hash(&same, hb, NULL), 0);
    assert_string_equal(ha, hb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_common_form_is_read),
        cmocka_unit_test(a_malformed_row_is_named_by_its_line),
        cmocka_unit_test(what_separates_fields_is_found_by_the_columns_it_names),
        cmocka_unit_test(an_empty_file_has_no_rows),
        cmocka_unit_test(the_hash_tells_lists_apart_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
