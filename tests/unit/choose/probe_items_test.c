/* What a model is probed with: each item is passed by its own answer, and not by silence, noise,
 * the question itself or one answer for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fixture.h"

#include "base/random.h"
#include "choose/probe_items.h"
#include "text/grammar.h"

static fr_probe_items all_items(uint64_t seed)
{
    fr_probe_items items = { 0 };
    for (int k = 0; k < FR_PROBE_CONTEXT; k++)
        fr_probe_items_make(&items, (fr_probe_kind)k, 72, seed);
    fr_probe_items_context(&items, 200, 0.5, 12, seed);
    return items;
}

static void each_item_is_passed_by_its_own_answer(void **state)
{
    (void)state;
    fr_probe_items items = all_items(1);
    for (size_t i = 0; i < items.n; i++) {
        if (!fr_probe_passes(&items.at[i], items.at[i].want))
            fail_msg("'%s': not passed by '%s'", items.at[i].question, items.at[i].want);
        char *wordy = fr_dup_f(" %s.\nAnd so on", items.at[i].want);
        bool exact = items.at[i].rule == FR_RULE_JSON;
        if (!exact && !fr_probe_passes(&items.at[i], wordy))
            fail_msg("'%s': not passed by '%s'", items.at[i].question, wordy);
        free(wordy);
    }
    fr_probe_items_fini(&items);
}

static void nothing_else_passes(void **state)
{
    (void)state;
    fr_probe_items items = all_items(2);
    size_t by_noise = 0;
    size_t by_other[FR_PROBE_KINDS] = { 0 }, n[FR_PROBE_KINDS] = { 0 };
    for (size_t i = 0; i < items.n; i++) {
        const fr_probe_item *x = &items.at[i];
        assert_false(fr_probe_passes(x, ""));
        char noise[65] = { 0 };
        for (size_t k = 0; k < 64; k++)
            noise[k] = (char)(' ' + fr_random_below(95, 5, FR_RANDOM_TEST, i, k));
        by_noise += fr_probe_passes(x, noise); /* a sum of one digit is, now and then */
        bool repeats = x->kind == FR_PROBE_LANGUAGES || x->kind == FR_PROBE_INSTRUCTION;
        if (!repeats && x->kind != FR_PROBE_REFUSAL && fr_probe_passes(x, x->question))
            fail_msg("'%s' answers itself", x->question);
        if (x->passage != NULL && x->kind != FR_PROBE_CONTEXT && fr_probe_passes(x, x->passage) &&
            x->kind == FR_PROBE_PASSAGE)
            fail_msg("'%s' is passed by its whole passage", x->question);
        n[x->kind]++;
        by_other[x->kind] += fr_probe_passes(x, items.at[(i + 12) % items.n].want);
    }
    assert_true(by_noise * 100 <= items.n);
    for (int k = 0; k < FR_PROBE_KINDS; k++) { /* half of the refusals are alike */
        if (by_other[k] * 10 > n[k] * (k == FR_PROBE_REFUSAL ? 6 : 3))
            fail_msg("%s: %zu of %zu by another's answer", fr_probe_kind_name((fr_probe_kind)k),
                     by_other[k], n[k]);
    }
    fr_probe_items_fini(&items);
}

static void items_are_a_function_of_the_seed(void **state)
{
    (void)state;
    fr_probe_items a = all_items(3), b = all_items(3), c = all_items(4);
    size_t differ = 0;
    for (size_t i = 0; i < a.n; i++) {
        assert_string_equal(a.at[i].question, b.at[i].question);
        assert_string_equal(a.at[i].want, b.at[i].want);
        differ += strcmp(a.at[i].want, c.at[i].want) != 0;
    }
    assert_true(differ * 2 > a.n);
    fr_probe_items_fini(&a);
    fr_probe_items_fini(&b);
    fr_probe_items_fini(&c);
}

static void rules_are_as_strict_as_they_say(void **state)
{
    (void)state;
    static const struct {
        fr_probe_rule rule;
        const char *want, *other, *answer;
        bool passes;
    } CASES[] = {
        { FR_RULE_NUMBER, "1234", NULL, "It is 1,234.", true },
        { FR_RULE_NUMBER, "12", NULL, "123", false },
        { FR_RULE_NUMBER, "12", NULL, "3 + 9 = 12", false },
        { FR_RULE_NUMBER, "5", NULL, "-5", false },
        { FR_RULE_HAS_WORD, "mill", "station", "At the mill.", true },
        { FR_RULE_HAS_WORD, "mill", "station", "At the mill or the station", false },
        { FR_RULE_HAS_WORD, "mill", NULL, "a million", false },
        { FR_RULE_HAS_WORD, "水", NULL, "答えは水です", true },
        { FR_RULE_LINE, "LAMP", NULL, "\n\"LAMP\".\n", true },
        { FR_RULE_LINE, "LAMP", NULL, "lamp", false },
        { FR_RULE_CASELESS, "a b", NULL, "A B", true },
        { FR_RULE_CASELESS, "a b", NULL, "a b c", false },
        { FR_RULE_JSON, "{\"name\":\"Mira\",\"age\":34}", NULL,
          "```json\n{\"age\": 34, \"name\": \"Mira\"}\n```", true },
        { FR_RULE_JSON, "{\"name\":\"Mira\",\"age\":34}", NULL, "{\"name\": \"Mira\"}", false },
        { FR_RULE_JSON, "{\"name\":\"Mira\",\"age\":34}", NULL,
          "Here: {\"name\": \"Mira\", \"age\": 34}", false },
        { FR_RULE_REFUSES, "must not say", "red", "I must not say.", true },
        { FR_RULE_REFUSES, "must not say", "red", "I must not say, but it is red", false },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_probe_item x = { .rule = CASES[i].rule,
                            .want = (char *)CASES[i].want,
                            .other = (char *)CASES[i].other };
        if (fr_probe_passes(&x, CASES[i].answer) != CASES[i].passes)
            fail_msg("case %zu: '%s'", i, CASES[i].answer);
    }
}

/* What the grammar allows is what the rule takes for JSON. */
static void the_grammar_is_that_of_the_objects(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_grammar) g = NULL;
    fr_err err = { 0 };
    if (fr_grammar_parse(fr_str_of(FR_PROBE_GRAMMAR), &g, &err) != 0)
        fail_msg("%s", err.what);
    fr_probe_items items = { 0 };
    fr_probe_items_make(&items, FR_PROBE_JSON, 24, 1);
    for (size_t i = 0; i < items.n; i++) {
        fr_matcher *m = fr_matcher_new(g);
        assert_true(fr_matcher_take(m, fr_str_of(items.at[i].want)));
        assert_true(fr_matcher_is_complete(m));
        fr_matcher_free(m);
    }
    fr_probe_items_fini(&items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_is_passed_by_its_own_answer),
        cmocka_unit_test(nothing_else_passes),
        cmocka_unit_test(items_are_a_function_of_the_seed),
        cmocka_unit_test(rules_are_as_strict_as_they_say),
        cmocka_unit_test(the_grammar_is_that_of_the_objects),
    };
    return cmocka_run_group_tests_name("probe_items", tests, NULL, NULL);
}
