/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rag/rag_priv.h"

/* A text's terms, parted by spaces; those that say nothing in brackets. Owned. */
static char *terms(const char *name, const char *text)
{
    FR_AUTOPTR(analyzer) a = NULL;
    fr_err err = { 0 };
    if (analyzer_new(name, &a, &err) != 0)
        fail_msg("%s", err.what);
    FR_AUTO(word_terms) found = { 0 };
    fr_buf out = { 0 };
    word_scan scan = { .text = fr_str_of(text) };
    fr_str word;
    run_kind kind;
    while (word_next(&scan, &word, &kind)) {
        analyzer_word(a, word, kind, &found);
        for (size_t i = 0; i < found.n; i++)
            fr_buf_put_f(&out, found.at[i].quiet ? "%s(%.*s)" : "%s%.*s", out.n > 0 ? " " : "",
                         (int)found.at[i].n, found.text.at + found.at[i].at);
    }
    return fr_buf_take(&out);
}

static void assert_terms(const char *name, const char *text, const char *expected)
{
    char *got = terms(name, text);
    assert_string_equal(got, expected);
    free(got);
}

static void plain_terms_are_folded_words_and_pairs_of_characters(void **state)
{
    (void)state;
    assert_terms("plain", "L'Été, x-1!", "l ete x 1");
    assert_terms("plain", "東京タワー in 塔", "東京 京タ タワ ワー in 塔");
    assert_terms("plain", "Straße Łódź Ærø ﬁn Ⅻ", "strasse lodz aero fin xii");
    assert_terms("plain", "서울에서", "서울 울에 에서");
    assert_terms("plain", " \xff\xfe,", "");
}

/* Letters and the marks above and below them are one character: half of it is never a term. */
static void marks_stay_with_their_letters_where_they_carry_sound(void **state)
{
    (void)state;
    assert_terms("plain", "हिन्दी", "हिन्दी");     /* Devanagari: a word */
    assert_terms("plain", "ที่นี่", "ที่นี่");           /* Thai: two characters with two marks each */
    assert_terms("plain", "كَتَبَ كتب", "كتب كتب"); /* Arabic: vowels may be left out */
    assert_terms("plain", "शहर हज़ार हजार", "शहर हजार हजार"); /* the dot below too */
    char *half = terms("plain", "ｶﾞｲﾄﾞ"), *full = terms("plain", "ガイド");
    assert_string_equal(half, full); /* half-width katakana */
    free(half);
    free(full);
}

static void stems_are_snowballs_and_small_words_are_set_apart(void **state)
{
    (void)state;
    assert_terms("en", "The bridges were connected", "(the) bridg (were) connect");
    assert_terms("de", "Die Häuser der Städte", "(die) haus (der) stadt");
    assert_terms("es", "¿Cuáles son las canciones?", "(cuales) (son) (las) cancion");
    assert_terms("fr", "l'amitié des chevaux", "(l) amiti (des) cheval");
    assert_terms("ru", "красивые дома", "красив дом");
    assert_terms("english", "running", "run"); /* Snowball's own names are known too */
}

static void a_name_in_camel_case_stands_for_its_parts_too(void **state)
{
    (void)state;
    assert_terms("plain", "getUserName", "getusername get user name");
    assert_terms("plain", "snake_case_name", "snake case name");
    assert_terms("plain", "NASA iOS x1", "nasa ios os x1");
}

static void a_language_is_guessed_by_its_small_words(void **state)
{
    (void)state;
    static const char *const TEXTS[][2] = {
        { "en", "The bridge that was built in the valley is one of the oldest of its kind." },
        { "de", "Die Brücke, die im Tal gebaut wurde, ist eine der ältesten ihrer Art." },
        { "es", "El puente que se construyó en el valle es uno de los más antiguos de su clase." },
        { "fr",
          "Le pont qui a été construit dans la vallée est un des plus anciens de son genre." },
        { "it",
          "Il ponte che è stato costruito nella valle è uno dei più antichi del suo genere." },
        { "pt", "A ponte que foi construída no vale é uma das mais antigas do seu gênero." },
        { "nl", "De brug die in het dal werd gebouwd is een van de oudste van zijn soort." },
        { "ru", "Мост, который был построен в долине, это один из самых старых." },
        { "plain", "東京タワーは1958年に完成した。" },
        { "plain", "0 1 2 3 x = y + z" },
        { "plain", "" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(TEXTS); i++)
        assert_string_equal(analyzer_guess(fr_str_of(TEXTS[i][1])), TEXTS[i][0]);
}

static void an_analyzer_that_does_not_exist_is_named_with_those_that_do(void **state)
{
    (void)state;
    analyzer *a = NULL;
    fr_err err = { 0 };
    assert_int_equal(analyzer_new("klingon", &a, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "klingon"));
    assert_non_null(strstr(err.what, "de"));
    assert_null(a);
}

/* What an index pins tells languages and releases of Snowball apart. */
static void marks_of_analyzers_differ(void **state)
{
    (void)state;
    FR_AUTOPTR(analyzer) en = NULL;
    FR_AUTOPTR(analyzer) again = NULL;
    FR_AUTOPTR(analyzer) de = NULL;
    assert_int_equal(analyzer_new("en", &en, NULL), 0);
    assert_int_equal(analyzer_new("en", &again, NULL), 0);
    assert_int_equal(analyzer_new("de", &de, NULL), 0);
    assert_string_equal(analyzer_mark(en), analyzer_mark(again));
    assert_string_not_equal(analyzer_mark(en), analyzer_mark(de));
}

/* A word of megabytes is cut for the index, wherever its characters end. */
static void endless_words_are_cut_between_characters(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) text = { 0 };
    for (int i = 0; i < 100000; i++)
        fr_buf_put_s(&text, "é");
    word_scan scan = { .text = { text.at, text.n } };
    fr_str word;
    run_kind kind;
    assert_true(word_next(&scan, &word, &kind));
    assert_int_equal(word.n, WORD_BYTES);
    assert_false(word_next(&scan, &word, &kind));
    FR_AUTO(word_terms) found = { 0 };
    FR_AUTOPTR(analyzer) a = NULL;
    assert_int_equal(analyzer_new("en", &a, NULL), 0);
    analyzer_word(a, word, kind, &found);
    assert_int_equal(found.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_terms_are_folded_words_and_pairs_of_characters),
        cmocka_unit_test(marks_stay_with_their_letters_where_they_carry_sound),
        cmocka_unit_test(stems_are_snowballs_and_small_words_are_set_apart),
        cmocka_unit_test(a_name_in_camel_case_stands_for_its_parts_too),
        cmocka_unit_test(a_language_is_guessed_by_its_small_words),
        cmocka_unit_test(an_analyzer_that_does_not_exist_is_named_with_those_that_do),
        cmocka_unit_test(marks_of_analyzers_differ),
        cmocka_unit_test(endless_words_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
