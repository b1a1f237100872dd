/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "rag/rag_priv.h"
#include "rag_place.h"
#include "text/utf8.h"

/* A stream of its own a test. */
typedef struct {
    uint64_t seed, at;
} dice;
static size_t below(dice *d, size_t n)
{
    return (size_t)fr_random_below(n, d->seed, FR_RANDOM_TEST, 0, d->at++);
}

static const fr_search_options PLAIN = { .second_look = -1 };

static fr_index *index_with(const place *p, const fr_document *documents, size_t n,
                            const fr_index_options *options)
{
    fr_index *index = NULL;
    fr_err err = { 0 };
    if (fr_index_build(p->index, documents, n, options, &err) != 0 ||
        fr_index_open(p->index, &index, &err) != 0)
        fail_msg("%s", err.what);
    return index;
}

/* --- a collection of made words, and BM25 over it by counting ----------------------------------
 */

enum { TEXTS = 300, WORDS = 120 };
typedef struct {
    fr_document documents[TEXTS];
    char ids[TEXTS][16];
    fr_buf texts[TEXTS];
    int counts[TEXTS][WORDS], lengths[TEXTS];
} collection;

static collection *collection_made(uint64_t seed)
{
    collection *c = FR_NEW(collection);
    dice r = { seed, 0 };
    for (int d = 0; d < TEXTS; d++) {
        int n = 1 + (int)below(&r, 60);
        for (int i = 0; i < n; i++) {
            /* small numbers are frequent */
            int w = (int)(pow((double)WORDS, (double)below(&r, 10000) / 10000.0) - 1);
            fr_buf_put_f(&c->texts[d], "%sw%dq", i > 0 ? " " : "", w);
            c->counts[d][w]++;
            c->lengths[d]++;
        }
        snprintf(c->ids[d], sizeof(c->ids[d]), "d%03d", d);
        c->documents[d] =
            (fr_document){ .id = fr_str_of(c->ids[d]), .text = fr_buf_str(&c->texts[d]) };
    }
    return c;
}

static void collection_free(collection *c)
{
    for (int d = 0; d < TEXTS; d++)
        fr_buf_fini(&c->texts[d]);
    free(c);
}

static double oracle(const collection *c, const int *query, size_t n, int document, double k1,
                     double b)
{
    double mean = 0, score = 0;
    for (int d = 0; d < TEXTS; d++)
        mean += (double)c->lengths[d] / TEXTS;
    for (size_t q = 0; q < n; q++) {
        int in = 0;
        for (int d = 0; d < TEXTS; d++)
            in += c->counts[d][query[q]] > 0;
        double tf = c->counts[document][query[q]],
               idf = log(1.0 + ((double)TEXTS - in + 0.5) / (in + 0.5));
        score += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * c->lengths[document] / mean));
    }
    return score;
}

static void scores_are_bm25_as_counted_by_hand(void **state)
{
    collection *c = collection_made(5);
    static const double K1_B[][2] = { { 0.9, 0.4 }, { 1.2, 0.75 }, { 2.0, -1 } };
    for (size_t o = 0; o < FR_COUNT_OF(K1_B); o++) {
        double k1 = K1_B[o][0], b = fmax(K1_B[o][1], 0);
        FR_AUTOPTR(fr_index) index =
            index_with(*state, c->documents, TEXTS,
                       &(fr_index_options){ .analyzer = "plain", .k1 = k1, .b = K1_B[o][1] });
        for (int trial = 0; trial < 20; trial++) {
            int query[3] = { trial, trial * 3 + 1, 119 - trial };
            char text[64];
            snprintf(text, sizeof(text), "w%dq w%dq w%dq", query[0], query[1], query[2]);
            FR_AUTO(fr_ranked) found = { 0 };
            assert_int_equal(fr_index_rank(index, fr_str_of(text), TEXTS, &PLAIN, &found, NULL), 0);
            size_t expected = 0;
            for (int d = 0; d < TEXTS; d++)
                expected += oracle(c, query, 3, d, k1, b) > 0;
            assert_int_equal(found.n, expected);
            for (size_t i = 0; i < found.n; i++) {
                double score = oracle(c, query, 3, (int)found.at[i].chunk, k1, b);
                assert_true(fabs(found.at[i].score - score) < 1e-6);
                assert_true(i == 0 || found.at[i].score <= found.at[i - 1].score);
            }
        }
    }
    collection_free(c);
}

static void the_first_k_do_not_depend_on_how_many_are_asked_for(void **state)
{
    collection *c = collection_made(6);
    FR_AUTOPTR(fr_index) index =
        index_with(*state, c->documents, TEXTS, &(fr_index_options){ .analyzer = "plain" });
    FR_AUTO(fr_ranked) all = { 0 };
    assert_int_equal(fr_index_rank(index, FR_STR("w1q w5q w60q"), TEXTS, NULL, &all, NULL), 0);
    assert_true(all.n > 60);
    for (size_t k = 1; k < 70; k += 13) {
        FR_AUTO(fr_ranked) some = { 0 };
        fr_index_rank(index, FR_STR("w1q w5q w60q"), k, NULL, &some, NULL);
        assert_int_equal(some.n, k);
        for (size_t i = 0; i < k; i++)
            assert_true(some.at[i].chunk == all.at[i].chunk && some.at[i].score == all.at[i].score);
    }
    collection_free(c);
}

/* --- filters -----------------------------------------------------------------------------------
 */

static void a_filter_of_any_selectivity_gives_k_hits_whenever_k_exist(void **state)
{
    collection *c = collection_made(7);
    for (int d = 0; d < TEXTS; d++) {
        /* one in 100 is rare, one in 2 is even; year is a number, tags are several */
        c->documents[d].metadata = d % 100 == 7 ? FR_STR("{\"kind\": \"rare\", \"year\": 1999}")
                                   : d % 2 == 0
                                       ? FR_STR("{\"kind\": \"even\", \"tags\": [\"a\", \"b\"]}")
                                       : FR_STR("{\"kind\": \"odd\", \"tags\": [\"b\"]}");
    }
    FR_AUTOPTR(fr_index) index =
        index_with(*state, c->documents, TEXTS, &(fr_index_options){ .analyzer = "plain" });
    FR_AUTO(fr_ranked) all = { 0 };
    fr_index_rank(index, FR_STR("w0q w1q w2q"), TEXTS, &PLAIN, &all, NULL);
    static const struct {
        fr_filter by[2];
        size_t n;
    } CASES[] = {
        { { { FR_STR("kind"), FR_STR("rare") } }, 1 },
        { { { FR_STR("kind"), FR_STR("even") } }, 1 },
        { { { FR_STR("kind"), FR_STR("rare") }, { FR_STR("kind"), FR_STR("odd") } }, 2 },
        { { { FR_STR("kind"), FR_STR("even") }, { FR_STR("tags"), FR_STR("b") } }, 2 },
        { { { FR_STR("year"), FR_STR("1999") } }, 1 },
        { { { FR_STR("source"), FR_STR("d042") } }, 1 },
        { { { FR_STR("kind"), FR_STR("none such") } }, 1 },
    };
    for (size_t t = 0; t < FR_COUNT_OF(CASES); t++) {
        fr_search_options o = { .second_look = -1,
                                .filters = CASES[t].by,
                                .n_filters = CASES[t].n };
        uint8_t *bits = NULL;
        size_t n = 0, passing = 0;
        assert_int_equal(fr_index_allowed(index, CASES[t].by, CASES[t].n, &bits, &n, NULL), 0);
        FR_AUTO(fr_ranked) found = { 0 };
        fr_index_rank(index, FR_STR("w0q w1q w2q"), 20, &o, &found, NULL);
        for (size_t i = 0; i < all.n && passing < 20; i++) {
            if ((bits[all.at[i].chunk / 8] >> all.at[i].chunk % 8 & 1) == 0)
                continue;
            assert_int_equal(found.at[passing].chunk, all.at[i].chunk);
            assert_true(found.at[passing++].score == all.at[i].score);
        }
        assert_int_equal(found.n, passing);
        free(bits);
    }
    collection_free(c);
}

/* --- what is found -----------------------------------------------------------------------------
 */

static const char *first_source(fr_index *index, const char *query, char out[32])
{
    FR_AUTO(fr_hits) hits = { 0 };
    fr_err err = { 0 };
    if (fr_index_search(index, fr_str_of(query), 3, &hits, &err) != 0)
        fail_msg("%s", err.what);
    snprintf(out, 32, "%s", hits.n > 0 ? hits.at[0].source : "nothing");
    return out;
}

static void small_words_are_asked_for_only_when_there_is_nothing_else(void **state)
{
    static const fr_document D[] = {
        { .id = FR_STR("a"), .text = FR_STR("To be or not to be, that is the question.") },
        { .id = FR_STR("b"), .text = FR_STR("Oats, barley and the question of rye.") },
        { .id = FR_STR("c"), .text = FR_STR("To the sea and to the hills it is a day.") },
    };
    char out[32];
    FR_AUTOPTR(fr_index) index = index_with(*state, D, 3, NULL);
    assert_string_equal(first_source(index, "to be or not to be", out), "a");
    assert_string_equal(first_source(index, "what is the rye?", out), "b");
    FR_AUTO(fr_hits) hits = { 0 };
    fr_index_search(index, FR_STR("is the zebra a zebra?"), 3, &hits, NULL);
    assert_int_equal(hits.n, 0); /* not every text that has "the" in it */
}

/* German compounds share no word with their parts; groups of letters bring them together. */
static void a_second_look_bridges_compounds_and_inflection(void **state)
{
    static const fr_document D[] = {
        { .id = FR_STR("a"), .text = FR_STR("Der Verein sucht Leute. Das Spiel war gut.") },
        { .id = FR_STR("b"),
          .text = FR_STR("Der Verein sucht Leute. Die Fußballmannschaft war gut.") },
        { .id = FR_STR("c"), .text = FR_STR("Der Verein sucht Leute. Die Feuerwehr war gut.") },
    };
    char out[32];
    FR_AUTOPTR(fr_index) index = index_with(*state, D, 3, &(fr_index_options){ .analyzer = "de" });
    assert_string_equal(first_source(index, "Verein mit Mannschaft", out), "b");
    assert_string_equal(first_source(index, "Verein der Feuerwehrleute", out), "c");
}

static void variety_leaves_out_what_says_the_same(void **state)
{
    static const fr_document D[] = {
        { .id = FR_STR("a"),
          .text = FR_STR("The old stone bridge crosses the river at the mill.") },
        { .id = FR_STR("b"),
          .text = FR_STR("The old stone bridge crosses the river at the mill!") },
        { .id = FR_STR("c"),
          .text = FR_STR("A bridge of oak stands in the north, built for cattle.") },
        { .id = FR_STR("d"), .text = FR_STR("Nothing of that kind.") },
    };
    FR_AUTOPTR(fr_index) index = index_with(*state, D, 4, NULL);
    FR_AUTO(fr_ranked) plain = { 0 };
    FR_AUTO(fr_ranked) varied = { 0 };
    fr_search_options o = { .variety = 0.5 };
    fr_index_rank(index, FR_STR("old bridge"), 2, NULL, &plain, NULL);
    fr_index_rank(index, FR_STR("old bridge"), 2, &o, &varied, NULL);
    assert_int_equal(plain.at[0].chunk, 0);
    assert_int_equal(plain.at[1].chunk, 1);
    assert_int_equal(varied.at[0].chunk, 0);
    assert_int_equal(varied.at[1].chunk, 2);
}

static void headings_are_searched_and_shown_with_what_stands_below_them(void **state)
{
    static const fr_document D[] = {
        { .id = FR_STR("guide.md"),
          .title = FR_STR("Guide"),
          .markdown = true,
          .text = FR_STR(
              "# Guide\n## Otter Bridge\nBuilt in 1706.\n## Cattle Bridge\nBuilt in 1745.") },
    };
    FR_AUTOPTR(fr_index) index = index_with(*state, D, 1, NULL);
    FR_AUTO(fr_hits) hits = { 0 };
    fr_index_search(index, FR_STR("when was the cattle bridge built"), 1, &hits, NULL);
    assert_int_equal(hits.n, 1);
    assert_string_equal(hits.at[0].title, "Guide > Cattle Bridge");
    assert_string_equal(hits.at[0].text, "## Cattle Bridge\nBuilt in 1745.");
    assert_memory_equal(D[0].text.at + hits.at[0].start, hits.at[0].text,
                        hits.at[0].end - hits.at[0].start);
}

/*
 * Made texts in scripts that are written without spaces (Thai, Chinese) or with marks (Devanagari):
 * each document has words of its own among common ones, a question has two of them in another
 * order, inside other words. At least nine in ten are among the first five.
 */
static void recall_in(void **state, uint32_t from, uint32_t n_letters, const uint32_t *marks,
                      size_t n_marks, const char *between)
{
    enum { N = 200 };
    dice r = { from, 0 };
    fr_buf words[400] = { 0 };
    for (size_t w = 0; w < 400; w++) {
        size_t n = 2 + below(&r, 3);
        for (size_t i = 0; i < n; i++) {
            char bytes[4];
            fr_buf_put(&words[w], bytes, fr_utf8_put(from + (uint32_t)below(&r, n_letters), bytes));
            if (n_marks > 0 && below(&r, 2) == 0)
                fr_buf_put(&words[w], bytes, fr_utf8_put(marks[below(&r, n_marks)], bytes));
        }
    }
    fr_document documents[N] = { 0 };
    fr_buf texts[N] = { 0 }, questions[N] = { 0 };
    char ids[N][8];
    for (size_t d = 0; d < N; d++) {
        for (size_t i = 0; i < 60; i++) {
            size_t w = i % 20 == 7 ? 200 + (d * 7 + i) % 200 : below(&r, 200);
            fr_buf_put_str(&texts[d], fr_buf_str(&words[w]));
            fr_buf_put_s(&texts[d], between);
        }
        static const size_t ASKED[] = { 47, 27, 7 };
        for (size_t i = 0; i < 3; i++) {
            fr_buf_put_str(&questions[d], fr_buf_str(&words[below(&r, 200)]));
            fr_buf_put_s(&questions[d], between);
            fr_buf_put_str(&questions[d], fr_buf_str(&words[200 + (d * 7 + ASKED[i]) % 200]));
            fr_buf_put_s(&questions[d], between);
        }
        snprintf(ids[d], sizeof(ids[d]), "%03zu", d);
        documents[d] = (fr_document){ .id = fr_str_of(ids[d]), .text = fr_buf_str(&texts[d]) };
    }
    FR_AUTOPTR(fr_index) index = index_with(*state, documents, N, NULL);
    size_t found = 0;
    for (size_t d = 0; d < N; d++) {
        FR_AUTO(fr_hits) hits = { 0 };
        fr_index_search(index, fr_buf_str(&questions[d]), 5, &hits, NULL);
        for (size_t i = 0; i < hits.n; i++)
            found += strcmp(hits.at[i].source, ids[d]) == 0;
    }
    assert_true((double)found >= 0.90 * N);
    for (size_t i = 0; i < 400; i++)
        fr_buf_fini(&words[i]);
    for (size_t d = 0; d < N; d++) {
        fr_buf_fini(&texts[d]);
        fr_buf_fini(&questions[d]);
    }
}

static void scripts_without_spaces_or_with_marks_are_found(void **state)
{
    static const uint32_t THAI[] = { 0x0E31, 0x0E34, 0x0E35, 0x0E38, 0x0E48, 0x0E49 },
                          HINDI[] = { 0x093E, 0x093F, 0x0940, 0x0941, 0x0947, 0x094B, 0x0902 };
    recall_in(state, 0x0E01, 40, THAI, FR_COUNT_OF(THAI), "");
    recall_in(state, 0x4E00, 400, NULL, 0, "");
    recall_in(state, 0x0915, 35, HINDI, FR_COUNT_OF(HINDI), " ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(scores_are_bm25_as_counted_by_hand),
        WITH_PLACE(the_first_k_do_not_depend_on_how_many_are_asked_for),
        WITH_PLACE(a_filter_of_any_selectivity_gives_k_hits_whenever_k_exist),
        WITH_PLACE(small_words_are_asked_for_only_when_there_is_nothing_else),
        WITH_PLACE(a_second_look_bridges_compounds_and_inflection),
        WITH_PLACE(variety_leaves_out_what_says_the_same),
        WITH_PLACE(headings_are_searched_and_shown_with_what_stands_below_them),
        WITH_PLACE(scripts_without_spaces_or_with_marks_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
