/* retriever_postgres_test.c: passages in a real PostgreSQL, which the test starts. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>

#include "fixture.h"
#include "rag/retriever.h"
#include "store/postgres.h"
#include "support/real_postgres.h"

static real_postgres server;
static const char *why_not;

static int start(void **state)
{
    (void)state;
    why_not = real_postgres_start(&server);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    real_postgres_stop(&server);
    return 0;
}

#define NEEDS_SERVER()                                                                             \
    do {                                                                                           \
        if (why_not != NULL) {                                                                     \
            print_message("skipped: %s\n", why_not);                                               \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static fr_retriever *table(const char *name, const fr_retriever_options *o)
{
    char *url = fr_dup_f("%s&table=%s", server.url, name);
    fr_retriever *r = NULL;
    fr_err err = { 0 };
    if (fr_retriever_open(url, o, &r, &err) != 0)
        fail_msg("%s", err.what);
    free(url);
    return r;
}

static void add(fr_retriever *r, const fr_passage *passages, size_t n)
{
    fr_err err = { 0 };
    if (fr_retriever_add(r, passages, n, NULL, &err) != 0)
        fail_msg("%s", err.what);
}

static fr_hits ask(fr_retriever *r, const char *text, size_t k)
{
    fr_hits hits = { 0 };
    fr_err err = { 0 };
    if (fr_retriever_search(r, &(fr_question){ .text = fr_str_of(text), .k = k }, &hits, &err) != 0)
        fail_msg("%s", err.what);
    return hits;
}

static const fr_passage VALLEY[] = {
    { .id = FR_STR("otter#0"),
      .source = FR_STR("otter"),
      .title = FR_STR("Otter Bridge"),
      .text = FR_STR("Built in 1706 of sandstone."),
      .end = 27 },
    { .id = FR_STR("cattle#0"),
      .source = FR_STR("cattle"),
      .title = FR_STR("Cattle Bridge"),
      .text = FR_STR("Built in 1745. It is made of oak."),
      .start = 3,
      .end = 36 },
    { .id = FR_STR("zurich#0"),
      .source = FR_STR("zurich"),
      .text = FR_STR("Das Café in Zürich öffnet um neun.") },
};

static void passages_are_found_by_their_rarest_words(void **state)
{
    (void)state;
    NEEDS_SERVER();
    FR_AUTOPTR(fr_retriever) r = table("valley", NULL);
    fr_hits hits;
    fr_err err = { 0 };
    assert_int_equal(
        fr_retriever_search(r, &(fr_question){ .text = FR_STR("x"), .k = 1 }, &hits, &err),
        FR_E_NOT_FOUND);
    add(r, VALLEY, 3);
    hits = ask(r, "which bridge is of sandstone?", 5);
    assert_int_equal(hits.n, 2);
    assert_string_equal(hits.at[0].id, "otter#0");
    assert_string_equal(hits.at[0].source, "otter");
    assert_string_equal(hits.at[0].text, "Built in 1706 of sandstone.");
    assert_int_equal(hits.at[1].start, 3);
    assert_int_equal(hits.at[1].end, 36);
    assert_true(hits.at[0].score > hits.at[1].score);
    fr_hits_fini(&hits);
    hits = ask(r, "the bridge", 1);
    assert_int_equal(hits.n, 1);
    fr_hits_fini(&hits);
    hits = ask(r, "ZÜRICH", 5);
    assert_int_equal(hits.n, 1);
    fr_hits_fini(&hits);
    fr_question one = { .text = FR_STR("bridge"), .k = 5, .source = FR_STR("cattle") };
    assert_int_equal(fr_retriever_search(r, &one, &hits, NULL), 0);
    assert_int_equal(hits.n, 1);
    assert_string_equal(hits.at[0].id, "cattle#0");
    fr_hits_fini(&hits);
    assert_string_equal(fr_retriever_kind(r), "postgresql");
}

/* Robertson's formula, computed here. */
static void scores_are_bm25(void **state)
{
    (void)state;
    NEEDS_SERVER();
    static const fr_passage P[] = {
        { .id = FR_STR("a"), .text = FR_STR("red red blue") },
        { .id = FR_STR("b"), .text = FR_STR("red green") },
        { .id = FR_STR("c"), .text = FR_STR("green green white black") },
        { .id = FR_STR("d"), .text = FR_STR("white") },
    };
    FR_AUTOPTR(fr_retriever) r = table("colours", NULL);
    add(r, P, 4);
    fr_hits hits = ask(r, "red blue", 4);
    double mean = 10.0 / 4.0, idf_red = log(1 + (4 - 2 + 0.5) / (2 + 0.5)),
           idf_blue = log(1 + (4 - 1 + 0.5) / (1 + 0.5));
    double weight = 1.2 * (0.25 + 0.75 * 3 / mean);
    double a = idf_red * 2 * 2.2 / (2 + weight) + idf_blue * 1 * 2.2 / (1 + weight);
    double b = idf_red * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / mean));
    assert_int_equal(hits.n, 2);
    assert_string_equal(hits.at[0].id, "a");
    assert_true(fabs(hits.at[0].score - a) < 1e-9);
    assert_true(fabs(hits.at[1].score - b) < 1e-9);
    fr_hits_fini(&hits);
}

static void what_a_user_writes_is_text_and_never_a_statement(void **state)
{
    (void)state;
    NEEDS_SERVER();
    FR_AUTOPTR(fr_retriever) r = table("odd \"name\"; DROP TABLE valley", NULL);
    static const char *const HOSTILE[] = {
        "'; DROP TABLE valley; --",
        "a & b | !c",
        "\\",
        "'\\'' : *",
        "\"",
        "sand:*",
        "(((",
        "\xff\xfe",
        "$1",
        "%T %s",
        "<->",
        "it's o'clock",
        "http://a.b/c?d=e&f='g'",
        "a\\'b",
        "\xe6\xa9\x8b",
        " ",
    };
    fr_passage odd[FR_COUNT_OF(HOSTILE)];
    for (size_t i = 0; i < FR_COUNT_OF(HOSTILE); i++)
        odd[i] = (fr_passage){ .id = fr_str_of(HOSTILE[i]),
                               .source = fr_str_of(HOSTILE[i]),
                               .title = fr_str_of(HOSTILE[i]),
                               .text = fr_str_of(HOSTILE[i]) };
    odd[0].text = (fr_str){ "a\0b", 3 };
    add(r, odd, FR_COUNT_OF(odd));
    for (size_t i = 0; i < FR_COUNT_OF(HOSTILE); i++) {
        fr_hits hits = ask(r, HOSTILE[i], 3);
        fr_hits_fini(&hits);
    }
    fr_hits hits = ask(r, "it's o'clock", 1);
    assert_int_equal(hits.n, 1);
    assert_string_equal(hits.at[0].id, "it's o'clock");
    fr_hits_fini(&hits);
    FR_AUTOPTR(fr_retriever) valley = table("valley", NULL);
    hits = ask(valley, "sandstone", 1);
    assert_int_equal(hits.n, 1);
    fr_hits_fini(&hits);
}

static void a_passage_is_replaced_by_its_id_and_taken_away_by_it(void **state)
{
    (void)state;
    NEEDS_SERVER();
    FR_AUTOPTR(fr_retriever) r = table("changing", NULL);
    static const fr_passage P[] = { { .id = FR_STR("a"), .text = FR_STR("old words") },
                                    { .id = FR_STR("b"), .text = FR_STR("other words") },
                                    { .id = FR_STR("a"), .text = FR_STR("new words") } };
    add(r, P, 3); /* of two with one id the later counts */
    fr_hits hits = ask(r, "old", 3);
    assert_int_equal(hits.n, 0);
    fr_hits_fini(&hits);
    add(r, P, 1);
    hits = ask(r, "words", 3);
    assert_int_equal(hits.n, 2);
    fr_hits_fini(&hits);
    fr_str ids[] = { FR_STR("a"), FR_STR("never there") };
    assert_int_equal(fr_retriever_remove(r, ids, 2, NULL), 0);
    hits = ask(r, "words", 3);
    assert_int_equal(hits.n, 1);
    fr_hits_fini(&hits);
}

static void vectors_find_what_words_do_not_and_both_are_fused(void **state)
{
    (void)state;
    NEEDS_SERVER();
    fr_retriever_options mini = { .model = "mini", .model_hash = "aaaa1111" };
    FR_AUTOPTR(fr_retriever) r = table("meaning", &mini);
    static const float x[] = { 1, 0, 0 }, y[] = { 0, 2, 0 }, z[] = { 0.6f, 0.8f, 0 };
    const fr_passage P[] = {
        { .id = FR_STR("x"), .source = FR_STR("s"), .text = FR_STR("red"), .vector = x, .dim = 3 },
        { .id = FR_STR("y"), .source = FR_STR("t"), .text = FR_STR("blue"), .vector = y, .dim = 3 },
        { .id = FR_STR("z"), .source = FR_STR("t"), .text = FR_STR("gray"), .vector = z, .dim = 3 },
        { .id = FR_STR("none"), .text = FR_STR("red") },
    };
    add(r, P, 4);
    fr_hits hits;
    fr_err err = { 0 };
    fr_question q = { .vector = y, .dim = 3, .k = 5 };
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), 0);
    assert_int_equal(hits.n, 3);
    assert_string_equal(hits.at[0].id, "y");
    assert_string_equal(hits.at[1].id, "z");
    assert_true(fabs(hits.at[1].score - 0.8) < 1e-6);
    fr_hits_fini(&hits);
    q.source = FR_STR("s");
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), 0);
    assert_int_equal(hits.n, 1);
    fr_hits_fini(&hits);
    q = (fr_question){ .text = FR_STR("red"), .vector = x, .dim = 3, .k = 3 };
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), 0);
    assert_int_equal(hits.n, 3);
    assert_string_equal(hits.at[0].id, "x"); /* first by meaning, and among those with the word */
    fr_hits_fini(&hits);
    q.dim = 2;
    assert_int_equal(fr_retriever_search(r, &q, &hits, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "3 numbers"));
    fr_retriever_options maxi = { .model = "maxi", .model_hash = "bbbb2222" };
    char *url = fr_dup_f("%s&table=meaning", server.url);
    fr_retriever *other = NULL;
    assert_int_equal(fr_retriever_open(url, &maxi, &other, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "mini"));
    assert_non_null(strstr(err.what, "maxi"));
    free(url);
}

static void what_goes_wrong_is_told_and_leaves_nothing_half_done(void **state)
{
    (void)state;
    NEEDS_SERVER();
    fr_err err = { 0 };
    fr_retriever *r = NULL;
    assert_int_equal(fr_retriever_open("postgresql://a@/b?host=/nowhere", NULL, &r, &err),
                     FR_E_NETWORK);
    assert_int_equal(fr_retriever_open("postgresql://a:secret@127.0.0.1:1/b", NULL, &r, &err),
                     FR_E_NETWORK);
    assert_null(strstr(err.what, "secret"));
    assert_int_equal(fr_retriever_open("postgresql://a@/b?nonsense=1", NULL, &r, &err), FR_E_USAGE);
    setenv("FRUGAL_OFFLINE", "1", 1);
    assert_int_equal(fr_retriever_open("postgresql://a@127.0.0.1/b", NULL, &r, &err), FR_E_NETWORK);
    assert_non_null(strstr(err.what, "FRUGAL_OFFLINE"));
    fr_retriever_close(table("valley", NULL)); /* a socket file is no network */
    unsetenv("FRUGAL_OFFLINE");
    fr_retriever_options klingon = { .language = "klingon" };
    FR_AUTOPTR(fr_retriever) k = table("klingon", &klingon);
    assert_int_equal(fr_retriever_add(k, VALLEY, 1, NULL, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "klingon"));
    fr_hits hits;
    assert_int_equal(
        fr_retriever_search(k, &(fr_question){ .text = FR_STR("x"), .k = 1 }, &hits, &err),
        FR_E_NOT_FOUND);
    FR_AUTOPTR(fr_postgres) pg = NULL;
    assert_int_equal(fr_postgres_open(server.url, 1.0, &pg, &err), 0);
    assert_int_equal(fr_postgres_exec(pg, "SELECT pg_sleep(30)", &err), FR_E_LIMIT);
    assert_int_equal(fr_postgres_exec(pg, "SELEC", &err), FR_E_FAILED);
    assert_int_equal(
        fr_postgres_exec(pg, "CREATE TABLE klingon_header (key text, value text)", &err), 0);
    assert_int_equal(
        fr_postgres_exec(pg, "CREATE TABLE theirs_header (key text, value text)", &err), 0);
    char *url = fr_dup_f("%s&table=theirs", server.url);
    assert_int_equal(fr_retriever_open(url, NULL, &r, &err), FR_E_FORMAT);
    free(url);
    assert_int_equal(
        fr_postgres_exec(pg, "UPDATE valley_header SET value = '9' WHERE key = 'version'", &err),
        0);
    url = fr_dup_f("%s&table=valley", server.url);
    assert_int_equal(fr_retriever_open(url, NULL, &r, &err), FR_E_UNSUPPORTED);
    free(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passages_are_found_by_their_rarest_words),
        cmocka_unit_test(scores_are_bm25),
        cmocka_unit_test(what_a_user_writes_is_text_and_never_a_statement),
        cmocka_unit_test(a_passage_is_replaced_by_its_id_and_taken_away_by_it),
        cmocka_unit_test(vectors_find_what_words_do_not_and_both_are_fused),
        cmocka_unit_test(what_goes_wrong_is_told_and_leaves_nothing_half_done),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
