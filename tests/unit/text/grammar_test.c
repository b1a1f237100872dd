/* Grammars: what they take, what they refuse, which pieces they allow; against jansson and by brute
 * force. */
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

#include "base/mem.h"
#include "base/random.h"
#include "text/grammar.h"
#include "text/utf8.h"

static const char JSON[] =
    "# RFC 8259\n"
    "root   ::= ws value ws\n"
    "value  ::= object | array | string | number | \"true\" | \"false\" | \"null\"\n"
    "object ::= \"{\" ws (member (ws \",\" ws member)*)? ws \"}\"\n"
    "member ::= string ws \":\" ws value\n"
    "array  ::= \"[\" ws (value (ws \",\" ws value)*)? ws \"]\"\n"
    "string ::= \"\\\"\" ([^\"\\\\\\x00-\\x1F] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" hex{4}))* "
    "\"\\\"\"\n"
    "hex    ::= [0-9a-fA-F]\n"
    "number ::= \"-\"? (\"0\" | [1-9] [0-9]*) (\".\" [0-9]+)? ([eE] [+-]? [0-9]+)?\n"
    "ws     ::= [ \\t\\n\\r]*\n";

static fr_grammar *grammar_of(const char *text)
{
    fr_grammar *g = NULL;
    fr_err err = { 0 };
    if (fr_grammar_parse(fr_str_of(text), &g, &err) != 0)
        fail_msg("%s: %s", text, err.what);
    return g;
}

/* -1: no text of the grammar begins so; 0: one does; 1: it is one. */
static int standing(const fr_grammar *g, fr_str text)
{
    fr_matcher *m = fr_matcher_new(g);
    int s = fr_matcher_take(m, text) ? fr_matcher_is_complete(m) : -1;
    fr_matcher_free(m);
    return s;
}

static void a_grammar_takes_its_texts_and_no_others(void **state)
{
    (void)state;
    static const struct {
        const char *grammar, *text;
        int standing;
    } CASES[] = {
        { "root ::= \"yes\" | \"no\"", "yes", 1 },
        { "root ::= \"yes\" | \"no\"", "ye", 0 },
        { "root ::= \"yes\" | \"no\"", "yea", -1 },
        { "root ::= \"a\"* \"b\"", "aaab", 1 },
        { "root ::= \"a\"* \"b\"", "aaaba", -1 },
        { "root ::= [a-c]+", "", 0 },
        { "root ::= [a-c]+", "cab", 1 },
        { "root ::= [^a-c\\n]", "d", 1 },
        { "root ::= [^a-c\\n]", "\n", -1 },
        { "root ::= \"x\"{3}", "xx", 0 },
        { "root ::= \"x\"{3}", "xxx", 1 },
        { "root ::= \"x\"{3}", "xxxx", -1 },
        { "root ::= \"x\"{2,}", "xxxxx", 1 },
        { "root ::= \"x\"{0,2} \"y\"", "xxy", 1 },
        { "root ::= \"x\"{0,2} \"y\"", "xxxy", -1 },
        { "root ::= \"\"{1000} \"a\"", "a", 1 },
        { "root ::= (\"a\"? \"b\"?)* \"c\"", "abbac", 1 },
        { "root ::= \"(\" root \")\" | \"x\"", "((x))", 1 },
        { "root ::= \"(\" root \")\" | \"x\"", "((x)", 0 },
        { "root ::= item root | item\nitem ::= [0-9] \",\"", "1,2,3,", 1 },
        { "root ::= a b # two\na ::= \"a\"\n\n  b ::=\n  \"b\"\n  | \"c\"\n", "ac", 1 },
        { "root ::= \"\\u00e9\" \"\\U0001F600\"", "\xC3\xA9\xF0\x9F\x98\x80", 1 },
        { "root ::= [\\u00e0-\\u00ff]", "\xC3\xA9", 1 },
        { "root ::= [\\u00e0-\\u00ff]", "\xC3\x9F", -1 },
        { "root ::= .{2}",
          "\xE2\x82\xAC"
          "a",
          1 },
        { "root ::= \"\\x41\\\"\\\\\\t\"", "A\"\\\t", 1 },
        { "root ::= [\\]\\[a-]+", "][-a", 1 },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        FR_AUTOPTR(fr_grammar) g = grammar_of(CASES[i].grammar);
        int is = standing(g, fr_str_of(CASES[i].text));
        if (is != CASES[i].standing)
            fail_msg("%s and '%s': %d", CASES[i].grammar, CASES[i].text, is);
    }
}

static void what_is_no_grammar_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *grammar, *what;
        int code;
    } CASES[] = {
        { "", "line 1, column 1: there is no rule 'root'", FR_E_FORMAT },
        { "root ::= item", "line 1, column 10: no rule 'item'", FR_E_FORMAT },
        { "root = \"a\"", "column 6: expected ::=", FR_E_FORMAT },
        { "root ::= \"a", "the text ends inside", FR_E_FORMAT },
        { "root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1: this rule is defined already",
          FR_E_FORMAT },
        { "root ::= (\"a\"", "expected ) at the end", FR_E_FORMAT },
        { "root ::= \"a\" )", "expected an element", FR_E_FORMAT },
        { "root ::= [z-a]", "runs backwards", FR_E_FORMAT },
        { "root ::= \"\\q\"", "column 12: an unknown escape", FR_E_FORMAT },
        { "root ::= \"a\"{3,2}", "at most is less", FR_E_FORMAT },
        { "root ::= root \"a\" | \"b\"", "rule 'root' calls itself at its left end", FR_E_FORMAT },
        { "root ::= a\na ::= \" \"* b\nb ::= root \"x\"", "calls itself at its left end",
          FR_E_FORMAT },
        { "root ::= (\"abc\"{1000}){1000}", "too large", FR_E_LIMIT },
        { "root ::= \"a\" root", "no text of rule 'root' ever ends", FR_E_FORMAT },
        { "root ::= \"a\" x | \"b\"\nx ::= \"(\" y \")\"\ny ::= x | \"[\" x", "rule 'x' ever ends",
          FR_E_FORMAT },
        { "root ::= \"a\"{200000}", "100,000 repetitions", FR_E_LIMIT },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_grammar *g = NULL;
        fr_err err = { 0 };
        int code = fr_grammar_parse(fr_str_of(CASES[i].grammar), &g, &err);
        if (code != CASES[i].code || strstr(err.what, CASES[i].what) == NULL)
            fail_msg("%s: %d, %s", CASES[i].grammar, code, err.what);
    }
    char deep[700] = "root ::= ";
    memset(deep + 9, '(', 600);
    fr_err err = { 0 };
    fr_grammar *g = NULL;
    assert_int_equal(fr_grammar_parse(fr_str_of(deep), &g, &err), FR_E_LIMIT);
}

/* Random JSON, whole and spoilt, is taken where jansson takes it. */
static void json_is_what_jansson_reads(void **state)
{
    (void)state;
    static const char *const PARTS[] = { "{",  "}",     "[",           "]", ",",
                                         ":",  "\"a\"", "\"\\u00e9\"", "1", "-0.5e-3",
                                         "01", "true",  "null",        " ", "\"\\x\"",
                                         "-",  "2.",    "\"\xC3\xA9\"" };
    FR_AUTOPTR(fr_grammar) g = grammar_of(JSON);
    size_t taken = 0, refused = 0;
    for (uint64_t trial = 0; trial < 20000; trial++) {
        FR_AUTO(fr_buf) text = { 0 };
        size_t n = 1 + fr_random_below(trial % 2 == 0 ? 3 : 9, trial, FR_RANDOM_TEST, 0, 0);
        if (trial % 3 == 0)
            fr_buf_put_s(&text, "[");
        for (size_t i = 0; i < n; i++)
            fr_buf_put_s(&text,
                         PARTS[fr_random_below(FR_COUNT_OF(PARTS), trial, FR_RANDOM_TEST, 1, i)]);
        if (trial % 3 == 0)
            fr_buf_put_s(&text, "]");
        json_t *read = json_loadb(text.at, text.n, JSON_DECODE_ANY, NULL);
        int is = standing(g, fr_buf_str(&text));
        if ((is == 1) != (read != NULL))
            fail_msg("'%s': %d, jansson: %s", fr_buf_text(&text), is, read != NULL ? "yes" : "no");
        taken += is == 1;
        refused += is == -1;
        json_decref(read);
    }
    assert_true(taken > 500 && refused > 5000);
}

static void classes_hold_each_character_that_they_say(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_grammar) g = grammar_of("root ::= [\\u0080-\\u0812\\u2000-\\U00010FFF]");
    FR_AUTOPTR(fr_grammar) rest = grammar_of("root ::= [^\\u0080-\\u0812\\u2000-\\U00010FFF]");
    for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 97) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        char utf8[4];
        fr_str text = { utf8, fr_utf8_put(c, utf8) };
        bool inside = (c >= 0x80 && c <= 0x812) || (c >= 0x2000 && c <= 0x10FFF);
        if ((standing(g, text) == 1) != inside || (standing(rest, text) == 1) == inside)
            fail_msg("U+%04X", c);
    }
    assert_int_equal(standing(rest, FR_STR("\xED\xA0\x80")), -1); /* a surrogate */
    assert_int_equal(standing(rest, FR_STR("\xC0\x80")), -1);     /* an overlong form */
}

/* What the walk over the tree of pieces allows is what trying each piece allows: also inside
 * counted repetitions, whose copies share what they allow, and for long pieces, that see their
 * ends. */
static void allowed_pieces_are_those_that_can_be_taken(void **state)
{
    (void)state;
    enum { N = 600, LONGEST = 48 };
    static char room[N][LONGEST];
    static fr_str pieces[N];
    static const char LETTERS[] = "{}[]\",:\\ nultrefas0123-.e\xC3\xA9";
    static const char *const GRAMMARS[] = {
        JSON,
        "root ::= \"\\\"\" char{3,60} \"\\\"\"\nchar ::= [^\"\\\\\\x00-\\x1F] | \"\\\\\" [\"nu]\n",
        "root ::= ([ae]{25} | [a-f0-9]{2} \",\"){1,40} \".\"\n",
        "root ::= \"a\"? (\"e\"{20,30} [0-9]){2,50} (\"[\" root \"]\"){0,25}\n",
        "root ::= (\"\" | \"a\" | \"ae\"){30} \"0\"\n",
    };
    for (uint64_t i = 0; i < N; i++) {
        size_t n = fr_random_below(7, i, FR_RANDOM_TEST, 2, 99); /* some are empty */
        bool wide = i % 20 == 0;
        if (wide)
            n = 10 + fr_random_below(LONGEST - 10, i, FR_RANDOM_TEST, 2, 98);
        for (size_t k = 0; k < n; k++)
            room[i][k] =
                wide ? (i % 40 == 0 ? "ae"[k % 2] : "eeea"[k * i % 4])
                     : LETTERS[fr_random_below(sizeof(LETTERS) - 1, i, FR_RANDOM_TEST, 2, k)];
        pieces[i] = (fr_str){ room[i], n };
    }
    fr_pieces *order = fr_pieces_new(pieces, N);
    size_t taken = 0;
    for (uint64_t trial = 0; trial < 2 * FR_COUNT_OF(GRAMMARS); trial++) {
        FR_AUTOPTR(fr_grammar) g = grammar_of(GRAMMARS[trial % FR_COUNT_OF(GRAMMARS)]);
        fr_matcher *m = fr_matcher_new(g);
        FR_AUTO(fr_buf) text = { 0 };
        for (uint64_t round = 0; round < 30; round++) {
            size_t n_allowed, counted = 0;
            const uint64_t *allowed = fr_matcher_allowed(m, order, &n_allowed);
            size_t at[N];
            for (size_t i = 0; i < N; i++) {
                FR_AUTO(fr_buf) longer = { 0 };
                fr_buf_put_str(&longer, fr_buf_str(&text));
                fr_buf_put_str(&longer, pieces[i]);
                bool can = (allowed[i / 64] >> (i % 64)) & 1;
                if (can || i % 7 == round % 7) { /* those that cannot, by turns */
                    bool wanted = pieces[i].n > 0 && standing(g, fr_buf_str(&longer)) >= 0;
                    if (wanted != can)
                        fail_msg("after '%s': piece '%.*s'", fr_buf_text(&text), (int)pieces[i].n,
                                 pieces[i].at);
                }
                if (can)
                    at[counted++] = i;
            }
            assert_int_equal(counted, n_allowed);
            if (counted == 0)
                break;
            size_t pick = at[fr_random_below(counted, round, FR_RANDOM_TEST, 3, trial)];
            assert_true(fr_matcher_take(m, pieces[pick]));
            fr_buf_put_str(&text, pieces[pick]);
            taken++;
        }
        fr_matcher_free(m);
    }
    assert_true(taken > 80);
    fr_pieces_free(order);
}

/* A text of many different states: memory is given back on the way, and nothing is forgotten. */
static void long_texts_stay_small_and_right(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_grammar) g = grammar_of("root ::= \"(\" root \")\" | \"x\"");
    fr_matcher *m = fr_matcher_new(g);
    enum { DEEP = 9000 };
    for (int i = 0; i < DEEP; i++)
        assert_true(fr_matcher_take(m, FR_STR("(")));
    assert_true(fr_matcher_take(m, FR_STR("x")));
    for (int i = 0; i < DEEP; i++) {
        assert_false(fr_matcher_is_complete(m));
        assert_true(fr_matcher_take(m, FR_STR(")")));
    }
    assert_true(fr_matcher_is_complete(m));
    assert_false(fr_matcher_take(m, FR_STR(")")));
    assert_true(fr_matcher_is_complete(m)); /* refusing changes nothing */
    fr_matcher_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grammar_takes_its_texts_and_no_others),
        cmocka_unit_test(what_is_no_grammar_is_named_with_its_place),
        cmocka_unit_test(json_is_what_jansson_reads),
        cmocka_unit_test(classes_hold_each_character_that_they_say),
        cmocka_unit_test(allowed_pieces_are_those_that_can_be_taken),
        cmocka_unit_test(long_texts_stay_small_and_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
