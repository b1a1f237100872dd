/* JSON schemas as grammars: what they take, what they refuse, and that whatever is drawn from them
 * is JSON and valid. With arguments SCHEMA-FILE N it prints N drawn texts, for a validator of
 * others: tests/fixtures/text/check_schemas.py. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "text/schema.h"

static fr_grammar *grammar_of(const char *schema)
{
    fr_grammar *g = NULL;
    fr_err err = { 0 };
    if (fr_schema_parse(fr_str_of(schema), &g, &err) != 0)
        fail_msg("%s: %s", schema, err.what);
    return g;
}

static bool takes(const fr_grammar *g, const char *text)
{
    fr_matcher *m = fr_matcher_new(g);
    bool whole = fr_matcher_take(m, fr_str_of(text)) && fr_matcher_is_complete(m);
    fr_matcher_free(m);
    return whole;
}

typedef struct {
    const char *schema;
    const char *good[6], *bad[8];
} example;

static void check(const example *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        FR_AUTOPTR(fr_grammar) g = grammar_of(all[i].schema);
        for (size_t k = 0; k < 6 && all[i].good[k] != NULL; k++) {
            if (!takes(g, all[i].good[k]))
                fail_msg("%s does not take %s", all[i].schema, all[i].good[k]);
        }
        for (size_t k = 0; k < 8 && all[i].bad[k] != NULL; k++) {
            if (takes(g, all[i].bad[k]))
                fail_msg("%s takes %s", all[i].schema, all[i].bad[k]);
        }
    }
}

static void types_and_values(void **state)
{
    (void)state;
    static const example ALL[] = {
        { "true", { "1", "\"a\"", "[1, {\"b\":null}]" }, { "", "tru", "[1,]" } },
        { "{}", { "-0.5e+10" }, { "01", "1.", "\"\\ud800\"", "\"\\u0000\"" } },
        { "{\"type\":\"boolean\"}", { "true", "false" }, { "null", "\"true\"" } },
        { "{\"type\":[\"integer\",\"null\"]}", { "7", "-12", "null" }, { "1.5", "true", "01" } },
        { "{\"type\":\"string\",\"nullable\":true}", { "\"\"", "null" }, { "1" } },
        { "{\"enum\":[\"a\",\"b\\\"\",3,null,{\"c\":[1]}]}",
          { "\"a\"", "\"b\\\"\"", "3", "null", "{\"c\":[1]}" },
          { "\"c\"", "{}", "33" } },
        { "{\"const\":\"\\u00e9\"}", { "\"\xC3\xA9\"" }, { "\"e\"" } },
        { "{\"type\":\"string\",\"enum\":[1,\"x\"]}", { "\"x\"" }, { "1" } },
        { "{\"enum\":[\"a\",\"bc\"],\"minLength\":2}", { "\"bc\"" }, { "\"a\"" } },
        { "{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
          { "\"ab\"", "\"\xC3\xA9\xE2\x82\xAC\"", "\"\\n\\u00e9z\"" },
          { "\"a\"", "\"abcd\"", "\"\"" } },
    };
    check(ALL, FR_COUNT_OF(ALL));
}

static void objects(void **state)
{
    (void)state;
    static const example ALL[] = {
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":"
          "\"string\"},\"c\":{\"type\":\"null\"}},\"required\":[\"b\"]}",
          { "{\"b\":\"\"}", "{\"a\":1,\"b\":\"x\",\"c\":null}", "{ \"a\": 1, \"b\": \"x\" }",
            "{\n  \"b\": \"\",\n  \"c\": null\n}" },
          { "{}", "{\"a\":1}", "{\"b\":1}", "{\"b\":\"\",}", "{,\"b\":\"\"}",
            "{\"b\":\"\",\"d\":1}", "{\"b\":\"\" \"c\":null}" } },
        { "{\"properties\":{\"a\":{}},\"additionalProperties\":{\"type\":\"integer\"}}",
          { "{}", "{\"a\":\"x\"}", "{\"a\":[],\"b\":1}", "{\"b\":1,\"aa\":2}", "{\"\":1}" },
          { "{\"b\":\"x\"}", "{\"b\":1,\"a\":\"x\"}", "{\"a\":1,\"a\":2}", "{\"\\u0061\":1}" } },
        { "{\"type\":\"object\",\"additionalProperties\":false}",
          { "{}", "{ }" },
          { "{\"a\":1}" } },
        { "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"boolean\"},\"maxProperties\":"
          "2,"
          "\"minProperties\":1}",
          { "{\"x\":true}", "{\"x\":true,\"y\":false}" },
          { "{}", "{\"x\":1}", "{\"x\":true,\"y\":true,\"z\":true}" } },
        { "{\"type\":\"object\",\"required\":[\"x\"]}", { "{\"x\":[1]}" }, { "{}", "{\"y\":1}" } },
        { "{\"properties\":{\"a\":false,\"b\":{\"const\":1}}}",
          { "{}", "{\"b\":1}" },
          { "{\"a\":1}" } },
        { "{\"properties\":{\"\\u00e4\":{\"const\":1}},\"additionalProperties\":{\"const\":2}}",
          { "{\"\xC3\xA4\":1,\"a\":2}", "{\"\xC3\xA4x\":2}", "{\"\xC3\xB6\":2}" },
          { "{\"\xC3\xA4\":2}" } },
    };
    check(ALL, FR_COUNT_OF(ALL));
}

static void arrays(void **state)
{
    (void)state;
    static const example ALL[] = {
        { "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":3}",
          { "[1]", "[1,2]", "[1, 2, 3]" },
          { "[]", "[1,2,3,4]", "[1,]", "[\"a\"]" } },
        { "{\"type\":\"array\",\"items\":{\"const\":0},\"maxItems\":0}",
          { "[]", "[ ]" },
          { "[0]" } },
        { "{\"type\":\"array\",\"items\":{\"const\":0}}", { "[]", "[0,0,0,0]" }, { "[0 0]" } },
        { "{\"prefixItems\":[{\"const\":1},{\"const\":2}],\"items\":{\"const\":3},\"minItems\":1}",
          { "[1]", "[1,2]", "[1,2,3,3]" },
          { "[]", "[2]", "[1,3]" } },
        { "{\"prefixItems\":[{\"const\":1},{\"const\":2}],\"items\":false,\"minItems\":2}",
          { "[1,2]" },
          { "[1]", "[1,2,3]" } },
        { "{\"type\":\"array\",\"items\":[{\"const\":1}],\"additionalItems\":{\"const\":2},"
          "\"minItems\":3,\"maxItems\":4}",
          { "[1,2,2]", "[1,2,2,2]" },
          { "[1,2]", "[1,2,2,2,2]" } },
        { "{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,\"uniqueItems\":false}",
          { "[1,\"a\"]" },
          { "[1]" } },
    };
    check(ALL, FR_COUNT_OF(ALL));
}

/* Every number of a range and none beyond, against the comparison itself. */
static void ranges_of_integers(void **state)
{
    (void)state;
    static const int RANGES[][2] = { { 0, 0 },     { 0, 9 },      { 5, 117 },   { -7, 12 },
                                     { -130, -9 }, { 99, 1001 },  { 1, 65535 }, { 250, 255 },
                                     { -1, 0 },    { 1000, 1000 } };
    for (size_t r = 0; r < FR_COUNT_OF(RANGES); r++) {
        char schema[128];
        int lo = RANGES[r][0], hi = RANGES[r][1];
        snprintf(schema, sizeof(schema),
                 "{\"type\":\"integer\",\"exclusiveMinimum\":%d,\"maximum\":%g}", lo - 1, hi + 0.5);
        FR_AUTOPTR(fr_grammar) g = grammar_of(schema);
        for (int x = lo - 300; x <= hi + 300; x += x > lo + 400 && x < hi - 400 ? 37 : 1) {
            char text[32];
            snprintf(text, sizeof(text), "%d", x);
            if (takes(g, text) != (x >= lo && x <= hi))
                fail_msg("%s and %s", schema, text);
        }
        assert_false(takes(g, "007"));
    }
    static const example ALL[] = {
        { "{\"type\":\"integer\",\"minimum\":18}",
          { "18", "100", "999999999999999999" },
          { "17", "-20" } },
        { "{\"type\":\"integer\",\"maximum\":-3}", { "-3", "-10" }, { "-2", "3", "0" } },
        { "{\"type\":\"number\",\"minimum\":0,\"maximum\":1}",
          { "0", "0.25", "1", "1.00" },
          { "1.01", "-0.1", "2", "1e5" } },
        { "{\"type\":\"number\",\"exclusiveMinimum\":0}",
          { "0.001", "17.5" },
          { "0", "0.0", "-1" } },
        { "{\"type\":\"number\",\"minimum\":-20,\"exclusiveMaximum\":-1}",
          { "-1.5", "-20", "-20.0", "-2" },
          { "-1", "-1.0", "-20.1", "0", "1" } },
        { "{\"type\":\"number\",\"maximum\":10}",
          { "-1234.5", "10", "9.99", "0" },
          { "10.5", "11" } },
    };
    check(ALL, FR_COUNT_OF(ALL));
}

static void patterns_and_formats(void **state)
{
    (void)state;
    static const example ALL[] = {
        { "{\"pattern\":\"^[A-Z]{2}-\\\\d{3,4}$\"}",
          { "\"AB-123\"", "\"XY-9999\"" },
          { "\"ab-123\"", "\"AB-12\"", "\"AB-12345\"", "AB-123" } },
        { "{\"pattern\":\"b+\"}", { "\"b\"", "\"xxbbyy\"" }, { "\"\"", "\"xyz\"" } },
        { "{\"pattern\":\"^(?:a|bc)*$|^x\"}",
          { "\"\"", "\"abca\"", "\"xq\"" },
          { "\"b\"", "\"qx\"" } },
        { "{\"pattern\":\"^\\\\w+\\\\.(jpg|png)$\"}",
          { "\"a_1.jpg\"" },
          { "\"a.gif\"", "\"a-b.png\"" } },
        { "{\"pattern\":\"^[^\\\"]\\\\\\\\\\\\n.$\"}",
          { "\"a\\\\\\n\\\"\"" },
          { "\"\\\"\\\\\\na\"" } },
        { "{\"pattern\":\"^[a-z]+$\",\"minLength\":2,\"maxLength\":4}",
          { "\"ab\"", "\"abcd\"" },
          { "\"a\"", "\"abcde\"" } },
        { "{\"pattern\":\"^A[0-9]*Z$\",\"maxLength\":3}", { "\"AZ\"", "\"A1Z\"" }, { "\"A12Z\"" } },
        { "{\"pattern\":\"^[A-Z]{3}$\",\"minLength\":1,\"maxLength\":10}",
          { "\"EUR\"" },
          { "\"EU\"" } },
        { "{\"pattern\":\"^\\\\u00e9\\\\x41$\"}", { "\"\xC3\xA9\x41\"" }, { "\"eA\"" } },
        { "{\"type\":\"string\",\"format\":\"date\"}",
          { "\"2026-11-29\"", "\"2024-02-29\"", "\"2000-02-29\"" },
          { "\"2026-02-29\"", "\"1900-02-29\"", "\"2026-13-01\"", "\"2026-04-31\"",
            "\"26-01-01\"" } },
        { "{\"type\":\"string\",\"format\":\"date-time\"}",
          { "\"2026-11-29T23:59:59Z\"", "\"2026-11-29T00:00:00.123+05:30\"" },
          { "\"2026-11-29\"", "\"2026-11-29T24:00:00Z\"", "\"2026-11-29T00:00:00\"" } },
        { "{\"type\":\"string\",\"format\":\"uuid\"}",
          { "\"123e4567-e89b-12d3-a456-426614174000\"" },
          { "\"123e4567e89b12d3a456426614174000\"" } },
        { "{\"format\":\"ipv4\"}",
          { "\"127.0.0.1\"", "\"255.255.255.255\"" },
          { "\"256.1.1.1\"" } },
        { "{\"format\":\"email\"}", { "\"a.b@example.org\"" }, { "\"a@b\"", "\"@x.org\"" } },
    };
    check(ALL, FR_COUNT_OF(ALL));
}

static void schemas_put_together(void **state)
{
    (void)state;
    static const example ALL[] = {
        { "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\",\"maxLength\":1}]}",
          { "1", "\"a\"" },
          { "\"ab\"", "null" } },
        { "{\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"string\"}},\"required\":[\"k\"],"
          "\"anyOf\":[{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"a\"]},{\"properties\":{"
          "\"b\":{\"const\":2}}}]}",
          { "{\"k\":\"\",\"a\":1}", "{\"k\":\"\",\"b\":2}", "{\"k\":\"\"}" },
          { "{\"a\":1}", "{\"k\":\"\",\"a\":1,\"b\":2}" } },
        { "{\"oneOf\":[{\"properties\":{\"t\":{\"const\":\"cat\"},\"lives\":{\"type\":\"integer\"}}"
          ","
          "\"required\":[\"t\",\"lives\"]},{\"properties\":{\"t\":{\"const\":\"dog\"}},"
          "\"required\":["
          "\"t\"]}]}",
          { "{\"t\":\"cat\",\"lives\":9}", "{\"t\":\"dog\"}" },
          { "{\"t\":\"cat\"}", "{\"t\":\"dog\",\"lives\":9}" } },
        { "{\"allOf\":[{\"type\":\"integer\",\"minimum\":3},{\"maximum\":5}]}",
          { "3", "5" },
          { "2", "6" } },
        { "{\"allOf\":[{\"properties\":{\"a\":{\"type\":[\"integer\",\"string\"]}},\"required\":["
          "\"a\"]},"
          "{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"const\":0}}}]}",
          { "{\"a\":1}", "{\"a\":1,\"b\":0}" },
          { "{\"a\":\"x\"}", "{\"b\":0}" } },
        { "{\"allOf\":[{\"enum\":[1,2,3]},{\"enum\":[2,3,4]}],\"minimum\":3}",
          { "3" },
          { "2", "4" } },
        { "{\"$ref\":\"#/$defs/"
          "n\",\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":"
          "\"integer\"},\"next\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},{\"type\":\"null\"}]}},"
          "\"required\":[\"v\",\"next\"]}}}",
          { "{\"v\":1,\"next\":null}", "{\"v\":1,\"next\":{\"v\":2,\"next\":null}}" },
          { "{\"v\":1}", "{\"v\":1,\"next\":{}}" } },
        { "{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}", { "[]", "[[],[[]]]" }, { "[1]" } },
        { "{\"$ref\":\"#/definitions/a~1b%20c\",\"maximum\":4,\"definitions\":{\"a/b c\":{\"type\":"
          "\"integer\",\"minimum\":2}}}",
          { "2", "4" },
          { "1", "5" } },
    };
    check(ALL, FR_COUNT_OF(ALL));
}

static void what_is_not_understood_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *what;
    } CASES[] = {
        { "{", "line 1" },
        { "[]", "a schema is an object" },
        { "{\"type\":\"text\"}", "'type' is unknown" },
        { "{\"properties\":{\"a\":{\"not\":{}}}}", "#/properties/a: the keyword 'not'" },
        { "{\"requried\":[\"a\"]}", "'requried'" },
        { "{\"items\":{\"multipleOf\":3}}", "#/items: the keyword 'multipleOf'" },
        { "{\"uniqueItems\":true}", "'uniqueItems'" },
        { "{\"minLength\":-1}", "'minLength' is no whole number" },
        { "{\"$ref\":\"other.json\"}", "does not point into this schema" },
        { "{\"$ref\":\"#/$defs/x\"}", "names no schema" },
        { "{\"$ref\":\"#\"}", "itself without a value" },
        { "{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/"
          "b\"},{\"type\":\"null\"}]},\"b\":{\"$ref\":"
          "\"#/$defs/a\"}},\"$ref\":\"#/$defs/a\"}",
          "itself without a value" },
        { "{\"allOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}", "itself without a value" },
        { "{\"type\":\"object\",\"properties\":{\"x\":{\"$ref\":\"#\"}},\"required\":[\"x\"]}",
          "ever ends" },
        { "{\"allOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "no value can satisfy" },
        { "{\"type\":\"integer\",\"minimum\":3,\"maximum\":2}", "no value can satisfy" },
        { "{\"properties\":{\"a\":false},\"required\":[\"a\"]}", "no value can satisfy" },
        { "{\"enum\":[]}", "no value can satisfy" },
        { "{\"oneOf\":[{\"type\":\"string\"},{\"minLength\":3}]}", "members 1 and 2 may hold" },
        { "{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}",
          "members 1 and 2 may hold" },
        { "{\"pattern\":\"^(?=a)b$\"}", "looking ahead" },
        { "{\"pattern\":\"(a)\\\\1\"}", "references back" },
        { "{\"pattern\":\"a\\\\b\"}", "word borders" },
        { "{\"pattern\":\"a(b\"}", "a group does not end" },
        { "{\"pattern\":\"[a\"}", "inside a class" },
        { "{\"pattern\":\"^(ab)+$\",\"maxLength\":5}", "maxLength that it does not keep" },
        { "{\"format\":\"hostname\"}", "the format 'hostname'" },
        { "{\"type\":\"number\",\"minimum\":0.5}", "no whole numbers" },
        { "{\"allOf\":[{\"pattern\":\"a\"},{\"pattern\":\"b\"}]}", "two different 'pattern'" },
        { "{\"maxItems\":1000000}", "more than 10000 items" },
        { "{\"type\":\"array\",\"minItems\":9000,\"maxItems\":9001,\"items\":{\"pattern\":"
          "\"^(ab{1000}){1000}$\"}}",
          "too large" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_grammar *g = NULL;
        fr_err err = { 0 };
        int rc = fr_schema_parse(fr_str_of(CASES[i].schema), &g, &err);
        if (rc == 0 || strstr(err.what, CASES[i].what) == NULL)
            fail_msg("%s: %d, %s", CASES[i].schema, rc, err.what);
    }
}

/* anyOf in allOf multiplies: refused before it takes time or memory. */
static void an_explosion_is_refused(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) schema = { 0 };
    fr_buf_put_s(&schema, "{\"allOf\":[");
    for (int i = 0; i < 20; i++)
        fr_buf_put_f(
            &schema,
            "%s{\"anyOf\":[{\"properties\":{\"a%d\":{}},\"required\":[\"a%d\"]},{\"properties\""
            ":{\"b%d\":{}}}]}",
            i > 0 ? "," : "", i, i, i);
    fr_buf_put_s(&schema, "]}");
    fr_grammar *g = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_schema_parse(fr_buf_str(&schema), &g, &err), FR_E_LIMIT);
    assert_non_null(strstr(err.what, "multiplied out"));
    fr_buf_clear(&schema);
    for (int i = 0; i < 1000; i++)
        fr_buf_put_s(&schema, "{\"items\":");
    fr_buf_put_s(&schema, "true");
    for (int i = 0; i < 1000; i++)
        fr_buf_put_s(&schema, "}");
    assert_int_equal(fr_schema_parse(fr_buf_str(&schema), &g, &err), FR_E_LIMIT);
}

/* ---- texts drawn ----------------------------------------------------------------------------- */

/* A random text of the grammar; what ends things is drawn more often the longer it gets. false: it
 * became too long. */
static bool draw(const fr_grammar *g, uint64_t seed, fr_buf *out)
{
    static char bytes[256];
    static fr_str pieces[256];
    for (int i = 0; i < 256; i++) {
        bytes[i] = (char)i;
        pieces[i] = (fr_str){ &bytes[i], 1 };
    }
    fr_pieces *order = fr_pieces_new(pieces, 256);
    fr_matcher *m = fr_matcher_new(g);
    bool ended = false;
    for (uint64_t at = 0; at < 4000 && !ended; at++) {
        size_t n_allowed, total = 0, pick;
        const uint64_t *allowed = fr_matcher_allowed(m, order, &n_allowed);
        size_t weights[257];
        for (int i = 0; i < 256; i++) {
            bool can = (allowed[i / 64] >> (i % 64)) & 1;
            size_t closing = i == '"' || i == ']' || i == '}' ? (at > 300   ? 20000
                                                                 : i == '"' ? 20
                                                                            : 2)
                                                              : 0;
            size_t plain = i < 0x80 ? 4 : 1;
            if (at > 300 && (i == ',' || i == '{' || i == '[' || i == '\n'))
                plain = 0;
            weights[i] = can ? FR_MAX(plain + closing, (size_t)(n_allowed == 1)) : 0;
            total += weights[i];
        }
        weights[256] =
            fr_matcher_is_complete(m) ? (total == 0 || at > 300 ? 1000000 : total / 4 + 1) : 0;
        total += weights[256];
        for (int i = 0; total == 0 && i < 256; i++) { /* only what was to be avoided */
            weights[i] = (allowed[i / 64] >> (i % 64)) & 1;
            if (i == 255)
                for (int k = 0; k < 256; k++)
                    total += weights[k];
        }
        size_t roll = (size_t)fr_random_below(total, seed, FR_RANDOM_TEST, 7, at);
        for (pick = 0; roll >= weights[pick]; pick++)
            roll -= weights[pick];
        ended = pick == 256;
        if (!ended) {
            assert_true(fr_matcher_take(m, pieces[pick]));
            fr_buf_put_c(out, (char)pick);
        }
    }
    fr_matcher_free(m);
    fr_pieces_free(order);
    return ended;
}

static const char ORDER[] =
    "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":"
    "99999},"
    "\"kind\":{\"enum\":[\"a\",\"b\"]},\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":"
    "12},"
    "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"pattern\":\"^[a-z\\\"]{1,4}$\"},"
    "\"minItems\":1,\"maxItems\":3},\"note\":{\"type\":[\"string\",\"null\"]},\"rate\":{\"type\":"
    "\"number\",\"minimum\":0,\"maximum\":1}},\"required\":[\"id\",\"kind\",\"tags\",\"rate\"],"
    "\"additionalProperties\":{\"type\":\"boolean\"}}";

static size_t length(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void what_is_drawn_is_json_and_valid(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_grammar) g = grammar_of(ORDER);
    size_t whole = 0, others = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        FR_AUTO(fr_buf) text = { 0 };
        if (!draw(g, seed, &text))
            continue;
        whole++;
        json_error_t where;
        json_t *o = json_loadb(text.at, text.n, 0, &where), *v;
        if (o == NULL)
            fail_msg("%s: %s", fr_buf_text(&text), where.text);
        const char *key, *kind = json_string_value(json_object_get(o, "kind")), *name;
        json_int_t id = json_integer_value(json_object_get(o, "id"));
        double rate = json_number_value(json_object_get(o, "rate"));
        size_t n_tags = json_array_size(json_object_get(o, "tags")), i;
        assert_true(id >= 1 && id <= 99999 && rate >= 0 && rate <= 1 && n_tags >= 1 && n_tags <= 3);
        assert_true(strcmp(kind, "a") == 0 || strcmp(kind, "b") == 0);
        name = json_string_value(json_object_get(o, "name"));
        assert_true(name == NULL || (length(name) >= 1 && length(name) <= 12));
        json_array_foreach(json_object_get(o, "tags"), i, v)
        {
            size_t n = strspn(json_string_value(v), "abcdefghijklmnopqrstuvwxyz\"");
            assert_true(n >= 1 && n <= 4 && json_string_value(v)[n] == '\0');
        }
        json_object_foreach(o, key, v)
        {
            bool known = strstr("id kind name tags note rate", key) != NULL && key[0] != '\0';
            others += !known;
            assert_true(known || json_is_boolean(v));
        }
        json_decref(o);
    }
    assert_true(whole > 250 && others > 30);
}

static int print_drawn(const char *file, uint64_t n)
{
    FR_AUTO(fr_buf) schema = { 0 };
    FR_AUTOPTR(fr_grammar) g = NULL;
    fr_err err = { 0 };
    if (fr_file_read(file, 1 << 20, &schema, &err) != 0 ||
        fr_schema_parse(fr_buf_str(&schema), &g, &err) != 0) {
        fprintf(stderr, "%s\n", err.what);
        return 1;
    }
    for (uint64_t seed = 0; seed < n; seed++) {
        FR_AUTO(fr_buf) text = { 0 };
        if (!draw(g, seed, &text))
            continue;
        fwrite(text.at, 1, text.n, stdout);
        putchar('\0');
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return print_drawn(argv[1], strtoull(argv[2], NULL, 10));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_values),
        cmocka_unit_test(objects),
        cmocka_unit_test(arrays),
        cmocka_unit_test(ranges_of_integers),
        cmocka_unit_test(patterns_and_formats),
        cmocka_unit_test(schemas_put_together),
        cmocka_unit_test(what_is_not_understood_is_named),
        cmocka_unit_test(an_explosion_is_refused),
        cmocka_unit_test(what_is_drawn_is_json_and_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
