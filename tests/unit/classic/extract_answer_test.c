/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <unistd.h>

#include "classic/extract_priv.h"
#include "fixture.h"
#include "quality/quality.h"

/* Longer words say more: enough of an idf for these. */
static double by_length(void *user, fr_str term)
{
    (void)user;
    return (double)term.n;
}

static const fr_str VALLEY[] = {
    FR_STR("# Otter Bridge\n\nOtter Bridge was built in 1706. It was designed by Linnet Treadgold, "
           "a mason "
           "from Oxgarth. The bridge is 70 metres long. Every Sunday it is closed."),
    FR_STR("The tower of Quernbeck is 22 metres high. Quernbeck is home to 3,880 people."),
};

static void assert_answers(const char *asked, const char *expected)
{
    FR_AUTO(fr_buf) out = { 0 };
    fr_extract_answer(NULL, fr_str_of(asked), VALLEY, 2, by_length, NULL, &out);
    if (fr_metric_find("exact-match")->score(fr_buf_str(&out), fr_str_of(expected)) != 1.0)
        fail_msg("%s: '%s', not '%s'", asked, fr_buf_text(&out), expected);
}

static void a_question_gets_the_kind_of_thing_it_asks_for(void **state)
{
    (void)state;
    assert_answers("In which year was Otter Bridge built?", "1706");
    assert_answers("Who designed Otter Bridge?", "Linnet Treadgold");
    assert_answers("How many metres high is the tower of Quernbeck?", "22");
    assert_answers("How many people live in Quernbeck?", "3,880");
}

static void assert_asks(const char *text, asks kind)
{
    question q;
    question_read(&q, fr_str_of(text), NULL, NULL);
    if (q.kind != kind)
        fail_msg("'%s' is read as %d, not %d", text, (int)q.kind, (int)kind);
    question_fini(&q);
}

static void what_is_asked_for_is_read_from_the_question(void **state)
{
    (void)state;
    assert_asks("Who drew the plans?", ASKS_WHO);
    assert_asks("Where does it rain?", ASKS_WHERE);
    assert_asks("In which village is the inn?", ASKS_WHERE);
    assert_asks("When did it open?", ASKS_WHEN);
    assert_asks("In what year did it open?", ASKS_YEAR);
    assert_asks("On which day is it closed?", ASKS_DAY);
    assert_asks("How many rooms are there?", ASKS_NUMBER);
    assert_asks("What is the height of the tower?", ASKS_NUMBER);
    assert_asks("Which river does it cross?", ASKS_NAME);
    assert_asks("Why was it closed?", ASKS_WHY);
    assert_asks("What is it made of?", ASKS_ANY);
    assert_asks("¿Cuándo se construyó?", ASKS_WHEN);
    assert_asks("Wie viele Einwohner hat Zürich?", ASKS_NUMBER);
    assert_asks("Tell me more.", ASKS_ANY);
}

static void sentences_end_where_a_reader_would_end_them(void **state)
{
    (void)state;
    passage p = { 0 };
    passage_read(&p,
                 FR_STR("# Head\nMr. J. O'Neill paid 3.5% (\"at once\") in St. Ives. Then he left! "
                        "\"Who?\" asked e.g. the dog\n\nnew paragraph"));
    assert_int_equal(p.n_sentences, 5);
    assert_true(fr_str_is(passage_fold(&p, 1), "mr"));
    assert_true(fr_str_is(passage_fold(&p, 3), "o'neill"));
    assert_true(fr_str_is(passage_fold(&p, 5), "3.5%"));
    assert_true(p.words[5].kinds & WORD_NUMBER);
    assert_true(p.words[3].kinds & WORD_CAPITAL);
    passage_fini(&p);
}

static void nothing_to_say_is_said_with_nothing(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) out = { 0 };
    fr_extract_answer(NULL, FR_STR("Who?"), NULL, 0, NULL, NULL, &out);
    assert_int_equal(out.n, 0);
    fr_str odd[2] = { { "\xff\xfe\x00 \n", 5 }, { 0 } };
    fr_extract_answer(NULL, FR_STR(""), odd, 2, NULL, NULL, &out);
    assert_int_equal(out.n, 0);
}

/* An answer is a piece of a passage as it stands there, and the same every time. */
static void an_answer_is_a_piece_of_a_passage(void **state)
{
    (void)state;
    static const char *const QUESTIONS[] = { "What?", "Which mason?", "bridge", "¿Quién?",
                                             "Is it closed?" };
    for (size_t i = 0; i < FR_COUNT_OF(QUESTIONS); i++) {
        FR_AUTO(fr_buf) out = { 0 };
        FR_AUTO(fr_buf) again = { 0 };
        size_t at;
        fr_extract_answer(NULL, fr_str_of(QUESTIONS[i]), VALLEY, 2, by_length, NULL, &out);
        fr_extract_answer(NULL, fr_str_of(QUESTIONS[i]), VALLEY, 2, by_length, NULL, &again);
        assert_true(out.n > 0 && fr_str_equal(fr_buf_str(&out), fr_buf_str(&again)));
        assert_true(fr_str_find(VALLEY[0], fr_buf_str(&out), &at) ||
                    fr_str_find(VALLEY[1], fr_buf_str(&out), &at));
    }
}

/* ---- what examples teach ---- */

/* Bakeries: whoever asks for the "sort" wants the word after "bakes", whoever asks for the "hue"
 * the word after "looks". The general weights know neither. */
static const char *const BAKERS[] = { "Aldo", "Berta", "Cosmo", "Dora",  "Egon",  "Fanny",
                                      "Gero", "Hilda", "Ivo",   "Julia", "Knut",  "Lotte",
                                      "Milo", "Nelly", "Oskar", "Paula", "Quirin" };
static const char *const SORTS[] = { "rye", "oat", "spelt", "maize", "barley" };
static const char *const HUES[] = { "teal", "ochre", "mauve", "ivory", "coral", "amber", "olive" };

enum { N_BAKERS = FR_COUNT_OF(BAKERS), N_TAUGHT = 2 * (N_BAKERS - 3) };

typedef struct {
    fr_buf text[N_BAKERS], asked[2 * N_BAKERS];
    fr_str passage[N_BAKERS];
    fr_extract_example example[2 * N_BAKERS];
} bakery;

static void open_bakery(bakery *b)
{
    *b = (bakery){ 0 };
    for (size_t i = 0; i < N_BAKERS; i++) {
        const char *sort = SORTS[i % FR_COUNT_OF(SORTS)], *hue = HUES[i % FR_COUNT_OF(HUES)];
        fr_buf_put_f(&b->text[i],
                     "Since Monday %s bakes %s beside Port Windle. The shop of %s looks %s from "
                     "Market Street.",
                     BAKERS[i], sort, BAKERS[i], hue);
        b->passage[i] = fr_buf_str(&b->text[i]);
        fr_buf_put_f(&b->asked[2 * i], "Which sort is it with %s?", BAKERS[i]);
        fr_buf_put_f(&b->asked[2 * i + 1], "Which hue has %s?", BAKERS[i]);
        for (size_t k = 0; k < 2; k++)
            b->example[2 * i + k] =
                (fr_extract_example){ fr_buf_str(&b->asked[2 * i + k]),
                                      fr_str_of(k == 0 ? sort : hue), &b->passage[i], 1 };
    }
}

static void close_bakery(bakery *b)
{
    for (size_t i = 0; i < N_BAKERS; i++)
        fr_buf_fini(&b->text[i]);
    for (size_t i = 0; i < 2 * N_BAKERS; i++)
        fr_buf_fini(&b->asked[i]);
}

static size_t n_right(const fr_extractor *e, const bakery *b, size_t from)
{
    size_t right = 0;
    for (size_t i = from; i < 2 * N_BAKERS; i++) {
        const fr_extract_example *x = &b->example[i];
        FR_AUTO(fr_buf) out = { 0 };
        fr_extract_answer(e, x->question, x->passages, x->n_passages, by_length, NULL, &out);
        right += fr_str_equal(fr_buf_str(&out), x->answer);
    }
    return right;
}

static void examples_teach_what_a_task_asks_for(void **state)
{
    (void)state;
    bakery b;
    open_bakery(&b);
    FR_AUTOPTR(fr_extractor) e = NULL;
    FR_AUTOPTR(fr_extractor) again = NULL;
    assert_int_equal(fr_extractor_fit(b.example, N_TAUGHT, by_length, NULL, 1, NULL, &e, NULL), 0);
    assert_true(n_right(NULL, &b, N_TAUGHT) < 3);
    assert_int_equal(n_right(e, &b, N_TAUGHT), 6); /* of bakers that no example names */
    assert_int_equal(fr_extractor_fit(b.example, N_TAUGHT, by_length, NULL, 1, NULL, &again, NULL),
                     0);
    assert_memory_equal(e, again, sizeof(*e));
    close_bakery(&b);
}

static void without_a_usable_example_nothing_changes(void **state)
{
    (void)state;
    const fr_extract_example none = { FR_STR("Who?"), FR_STR("nobody here"), VALLEY, 2 };
    FR_AUTOPTR(fr_extractor) e = NULL;
    assert_int_equal(fr_extractor_fit(&none, 1, by_length, NULL, 1, NULL, &e, NULL), 0);
    assert_memory_equal(e->weights, EXTRACT_WEIGHTS, sizeof(e->weights));
    for (size_t i = 0; i < EXTRACT_BUCKETS; i++)
        assert_true(e->pairs[i] == 0.0f);
}

static void what_was_learned_survives_its_file(void **state)
{
    (void)state;
    char path[] = "/tmp/extractor-XXXXXX";
    bakery b;
    open_bakery(&b);
    FR_AUTOPTR(fr_extractor) e = NULL;
    FR_AUTOPTR(fr_extractor) read = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(fr_extractor_fit(b.example, N_TAUGHT, by_length, NULL, 1, NULL, &e, NULL), 0);
    assert_int_equal(fr_extractor_save(e, path, NULL), 0);
    assert_int_equal(fr_extractor_load(path, &read, NULL), 0);
    assert_memory_equal(e, read, sizeof(*e));
    FR_AUTO(fr_buf) bytes = { 0 };
    fr_err err = { 0 };
    fr_extractor *cut = NULL;
    assert_int_equal(fr_file_read(path, 1 << 20, &bytes, NULL), 0);
    assert_int_equal(fr_file_write(path, (fr_str){ fr_buf_text(&bytes), bytes.n - 3 }, NULL), 0);
    assert_int_equal(fr_extractor_load(path, &cut, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, path));
    assert_null(cut);
    unlink(path);
    close_bakery(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_gets_the_kind_of_thing_it_asks_for),
        cmocka_unit_test(what_is_asked_for_is_read_from_the_question),
        cmocka_unit_test(sentences_end_where_a_reader_would_end_them),
        cmocka_unit_test(nothing_to_say_is_said_with_nothing),
        cmocka_unit_test(an_answer_is_a_piece_of_a_passage),
        cmocka_unit_test(examples_teach_what_a_task_asks_for),
        cmocka_unit_test(without_a_usable_example_nothing_changes),
        cmocka_unit_test(what_was_learned_survives_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
