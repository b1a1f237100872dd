/* Cards and leaderboards: what is stated is taken, what is not is not stated, what is hostile is
 * refused with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fixture.h"

#include <math.h>

#include "catalog/card.h"

static fr_catalog_entry card(const char *text)
{
    fr_catalog_entry e;
    fr_err err = { 0 };
    if (fr_card_parse(fr_str_of(text), "kit/README.md", &e, &err) != 0)
        fail_msg("%s", err.what);
    return e;
}

static void every_field_of_a_card_is_taken(void **state)
{
    (void)state;
    FR_AUTO(fr_catalog_entry) e = card(
        "\xef\xbb\xbf---\r\nlicense: other\nlicense_name: kit-1\nlanguage:\n- de\n- en\n- de\n"
        "tags: [code, small]\npipeline_tag: text-generation\nbase_model: [acme/base, acme/two]\n"
        "datasets: acme/bells\nco2_eq_emissions:\n  emissions: 12.5\n  source: codecarbon\n"
        "model-index:\n- name: acme/kit\n  results:\n  - task: {type: qa}\n    dataset: {name: "
        "SQuAD, type: squad}\n    metrics:\n    - {type: f1, value: 88.5}\n    - {type: em, value: "
        "'80'}\n    - {type: text, value: good}\n---\n# Kit\nlicense: mit\n");
    assert_string_equal(e.name, "acme/kit");
    assert_string_equal(e.license, "kit-1");
    assert_int_equal(e.languages.n, 2);
    assert_string_equal(e.languages.at[0], "de");
    assert_int_equal(e.tags.n, 2);
    assert_string_equal(e.task, "text-generation");
    assert_string_equal(e.base_model, "acme/base");
    assert_string_equal(e.datasets.at[0], "acme/bells");
    assert_true(e.training_g == 12.5);
    assert_int_equal(e.n_scores, 2);
    assert_string_equal(e.scores[0].benchmark, "SQuAD");
    assert_string_equal(e.scores[0].metric, "f1");
    assert_true(e.scores[0].value == 88.5 && e.scores[1].value == 80);
}

static void what_a_card_does_not_state_is_not_stated(void **state)
{
    (void)state;
    FR_AUTO(fr_catalog_entry) e = card("---\ntags: []\n---\n");
    assert_string_equal(e.name, "kit/README.md");
    assert_null(e.license);
    assert_null(e.task);
    assert_int_equal(e.languages.n, 0);
    assert_true(isnan(e.training_g) && isnan(e.params) && isnan(e.context));
}

static void a_broken_card_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } BAD[] = {
        { "", "no front matter" },
        { "# a title\n---\nlicense: mit\n---\n", "no front matter" },
        { "---\nlicense: mit\n", "no front matter" },
        { "---\nlicense: mit\nlanguage: [a,\n---\n", "kit/README.md:4:" },
        { "---\na: &x [1]\nb: *x\n---\n", "kit/README.md:" },
        { "---\n- just\n- a list\n---\n", "no list of keys" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(BAD); i++) {
        fr_catalog_entry e;
        fr_err err = { 0 };
        assert_int_not_equal(fr_card_parse(fr_str_of(BAD[i].text), "kit/README.md", &e, &err), 0);
        if (strstr(err.what, BAD[i].says) == NULL)
            fail_msg("case %zu says '%s'", i, err.what);
    }
}

/* Columns in any order and case, numbers in the units that their names say, links without theirs.
 */
static void a_leaderboard_is_read_by_the_names_of_its_columns(void **state)
{
    (void)state;
    FR_AUTO(fr_catalog) c = { 0 };
    fr_err err = { 0 };
    size_t n = 0;
    fr_str csv = FR_STR("MMLU,Model,#Params (B),Rank,Submission Date,Licence,Flagged\n"
                        "61.5,[acme/kit](https://x),1.5,1,2026-03-01,mit,no\n"
                        ",acme/kat,,2,,,no\n"
                        "50,,9,3,,,no\n");
    assert_int_equal(fr_leaderboard_parse(csv, "b.csv", &c, &n, &err), 0);
    assert_int_equal(n, 2); /* the third row names nobody */
    const fr_catalog_entry *kit = fr_catalog_find(&c, "KIT");
    assert_non_null(kit);
    assert_true(kit->params == 1.5e9);
    assert_string_equal(kit->license, "mit");
    assert_int_equal(kit->n_scores, 1);
    assert_string_equal(kit->scores[0].benchmark, "MMLU");
    assert_string_equal(kit->scores[0].date, "2026-03-01");
    const fr_catalog_entry *kat = fr_catalog_find(&c, "acme/kat");
    assert_true(isnan(kat->params) && kat->n_scores == 0 && kat->license == NULL);
}

static void json_forms_of_a_leaderboard_are_one(void **state)
{
    (void)state;
    static const char *const FORMS[] = {
        "[{\"model\": \"kit\", \"size\": \"135M\", \"elo\": 1200}]",
        "{\"rows\": [{\"row\": {\"elo\": 1200, \"params\": 135000000, \"name\": \"kit\"}}]}",
        "{\"data\": [{\"fullname\": \"kit\", \"params_m\": 135, \"elo\": \"1200\", \"x\": [1]}]}",
    };
    for (size_t i = 0; i < FR_COUNT_OF(FORMS); i++) {
        FR_AUTO(fr_catalog) c = { 0 };
        fr_err err = { 0 };
        size_t n = 0;
        if (fr_leaderboard_parse(fr_str_of(FORMS[i]), "b.json", &c, &n, &err) != 0)
            fail_msg("form %zu: %s", i, err.what);
        const fr_catalog_entry *kit = fr_catalog_find(&c, "kit");
        assert_non_null(kit);
        assert_true(fabs(kit->params - 135e6) < 1);
        assert_true(kit->n_scores == 1 && kit->scores[0].value == 1200);
    }
}

/* "7" alone may be millions or billions: then the size is not stated. */
static void a_size_without_a_unit_is_not_guessed(void **state)
{
    (void)state;
    FR_AUTO(fr_catalog) c = { 0 };
    size_t n = 0;
    assert_int_equal(
        fr_leaderboard_parse(FR_STR("model,parameters\nkit,7\n"), "b.csv", &c, &n, NULL), 0);
    assert_true(isnan(fr_catalog_find(&c, "kit")->params));
}

static void a_broken_leaderboard_adds_nothing(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "model,a\nkit,1\nkat,1,2\n", "a,b\n1,2\n", "[{\"a\": 1}]", "{\"a\": 1}", "[{", ""
    };
    for (size_t i = 0; i < FR_COUNT_OF(BAD); i++) {
        FR_AUTO(fr_catalog) c = { 0 };
        fr_err err = { 0 };
        size_t n = 0;
        assert_int_not_equal(fr_leaderboard_parse(fr_str_of(BAD[i]), "b", &c, &n, &err), 0);
        assert_int_equal(c.n, 0);
        assert_true(err.what[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_a_card_is_taken),
        cmocka_unit_test(what_a_card_does_not_state_is_not_stated),
        cmocka_unit_test(a_broken_card_is_refused_with_its_place),
        cmocka_unit_test(a_leaderboard_is_read_by_the_names_of_its_columns),
        cmocka_unit_test(json_forms_of_a_leaderboard_are_one),
        cmocka_unit_test(a_size_without_a_unit_is_not_guessed),
        cmocka_unit_test(a_broken_leaderboard_adds_nothing),
    };
    return cmocka_run_group_tests_name("card", tests, NULL, NULL);
}
