/* dense_test.c: an index by words and by meaning. The embedder is a command that counts a few
 * letters, so that what is near to what is known. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "rag/dense.h"

/* One number each for water, stone, wood and the rest. */
static const char EMBEDS[] =
    "awk '{ s = $0; w = gsub(/river|water|rain/, \"\", s); t = gsub(/stone|rock|granite/, \"\", "
    "s); "
    "o = gsub(/oak|wood|timber/, \"\", s); printf \"{\\\"embedding\\\": [%d, %d, %d, 0.1], "
    "\\\"tokens\\\": 1}\\n\", w, t, o }'";

typedef struct {
    char dir[64], index[96];
    fr_endpoint *embedder;
} place;

static int make_place(void **state)
{
    place *p = FR_NEW(place);
    snprintf(p->dir, sizeof(p->dir), "/tmp/frugal-dense-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->index, sizeof(p->index), "%s/index.db", p->dir);
    assert_int_equal(fr_endpoint_command(EMBEDS, NULL, 30, &p->embedder, NULL), 0);
    *state = p;
    return 0;
}

static int clear_place(void **state)
{
    place *p = *state;
    char *command = fr_dup_f("rm -rf '%s'", p->dir);
    int rc = system(command);
    fr_endpoint_free(p->embedder);
    free(command);
    free(p);
    return rc;
}

static const fr_document VALLEY[] = {
    { FR_STR("bridge"), FR_STR("The bridge is made of granite.") },
    { FR_STR("ferry"), FR_STR("A ferry crosses the river in any rain.") },
    { FR_STR("hall"), FR_STR("The hall has beams of oak.") },
    { FR_STR("tower"), FR_STR("The tower of rock stands on a rock by the river.") },
};

static fr_index *index_of(const place *p, const fr_document *documents, size_t n)
{
    fr_index *index = NULL;
    fr_err err = { 0 };
    if (fr_index_build(p->index, documents, n, NULL, &err) != 0 ||
        fr_index_open(p->index, &index, &err) != 0)
        fail_msg("%s", err.what);
    return index;
}

static fr_dense_counts update(const place *p, fr_index *index)
{
    fr_dense_counts counts;
    fr_err err = { 0 };
    if (fr_dense_update(p->index, index, &(fr_dense_options){ .embedder = p->embedder }, NULL, NULL,
                        &counts, &err) != 0)
        fail_msg("%s", err.what);
    return counts;
}

static fr_dense *opened(const place *p, fr_index *index)
{
    fr_dense *d = NULL;
    fr_err err = { 0 };
    if (fr_dense_open(p->index, index, &(fr_dense_options){ .embedder = p->embedder }, &d, &err) !=
        0)
        fail_msg("%s", err.what);
    return d;
}

static fr_hits ask(fr_index *index, fr_dense *d, const char *query, fr_retrieve_options o)
{
    fr_hits hits = { 0 };
    fr_err err = { 0 };
    if (fr_retrieve(index, d, fr_str_of(query), &o, &hits, NULL, &err) != 0)
        fail_msg("%s", err.what);
    return hits;
}

static void meaning_finds_what_shares_no_word_and_hybrid_finds_both(void **state)
{
    place *p = *state;
    FR_AUTOPTR(fr_index) index = index_of(p, VALLEY, 4);
    fr_dense_counts counts = update(p, index);
    assert_int_equal(counts.n_embedded, 4);
    assert_int_equal(counts.tokens, 4);
    FR_AUTOPTR(fr_dense) d = opened(p, index);
    fr_hits hits = ask(index, d, "timber", (fr_retrieve_options){ .k = 1, .mode = FR_MODE_DENSE });
    assert_int_equal(hits.n, 1);
    assert_string_equal(hits.at[0].source, "hall");
    assert_true(hits.at[0].score > 0.98);
    fr_hits_fini(&hits);
    hits = ask(index, d, "timber", (fr_retrieve_options){ .k = 3, .mode = FR_MODE_LEXICAL });
    assert_int_equal(hits.n, 0);
    fr_hits_fini(&hits);
    hits = ask(index, d, "a ferry of stone", (fr_retrieve_options){ .k = 4 });
    assert_int_equal(hits.n, 4);
    fr_hits_fini(&hits);
    hits = ask(index, d, "granite", (fr_retrieve_options){ .k = 2 });
    assert_string_equal(hits.at[0].source, "bridge"); /* first by words and by meaning */
    fr_hits_fini(&hits);
}

static void only_what_changed_is_embedded_again(void **state)
{
    place *p = *state;
    FR_AUTOPTR(fr_index) index = index_of(p, VALLEY, 4);
    update(p, index);
    fr_dense_counts again = update(p, index);
    assert_int_equal(again.n_embedded, 0);
    assert_int_equal(again.n_kept, 4);
    fr_index_writer *w = NULL;
    bool found;
    fr_document changed = { FR_STR("hall"), FR_STR("The hall is of brick.") };
    assert_int_equal(fr_index_update(p->index, NULL, &w, NULL), 0);
    assert_int_equal(fr_index_put(w, &changed, FR_PUT_REPLACE, NULL, NULL), 0);
    assert_int_equal(fr_index_remove(w, FR_STR("ferry"), &found, NULL), 0);
    assert_int_equal(fr_index_finish(w, NULL), 0);
    fr_index_writer_free(w);
    FR_AUTOPTR(fr_index) now = NULL;
    assert_int_equal(fr_index_open(p->index, &now, NULL), 0);
    /* before they are brought up to date: what is gone is not found */
    FR_AUTOPTR(fr_dense) before = opened(p, now);
    fr_hits hits =
        ask(now, before, "water", (fr_retrieve_options){ .k = 4, .mode = FR_MODE_DENSE });
    assert_int_equal(hits.n, 2);
    assert_string_equal(hits.at[0].source, "tower");
    fr_hits_fini(&hits);
    again = update(p, now);
    assert_int_equal(again.n_embedded, 1);
    assert_int_equal(again.n_kept, 2);
    assert_int_equal(again.n_removed, 2);
    FR_AUTOPTR(fr_dense) after = opened(p, now);
    assert_int_equal(fr_dense_n_missing(after), 0);
}

static void vectors_of_another_model_or_of_another_state_are_refused(void **state)
{
    place *p = *state;
    FR_AUTOPTR(fr_index) index = index_of(p, VALLEY, 4);
    fr_dense *d = NULL;
    fr_err err = { 0 };
    fr_dense_options o = { .embedder = p->embedder };
    assert_int_equal(fr_dense_open(p->index, index, &o, &d, &err), FR_E_NOT_FOUND);
    assert_non_null(strstr(err.hint, "--embed"));
    update(p, index);
    FR_AUTOPTR(fr_endpoint) other = NULL;
    fr_endpoint_command("true", NULL, 5, &other, NULL);
    fr_dense_options theirs = { .embedder = other };
    fr_dense_counts counts;
    assert_int_equal(fr_dense_open(p->index, index, &theirs, &d, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "true"));
    assert_int_equal(fr_dense_update(p->index, index, &theirs, NULL, NULL, &counts, &err),
                     FR_E_UNSUPPORTED);
    /* the same path, other documents: numbers are given anew */
    fr_document others[4];
    for (size_t i = 0; i < 4; i++)
        others[i] = VALLEY[3 - i];
    others[0].id = FR_STR("a");
    others[3].id = FR_STR("z");
    FR_AUTOPTR(fr_index) rebuilt = index_of(p, others, 4);
    FR_AUTOPTR(fr_dense) stale = opened(p, rebuilt);
    fr_hits hits;
    fr_retrieve_options by_meaning = { .k = 2, .mode = FR_MODE_DENSE };
    assert_int_equal(fr_retrieve(rebuilt, stale, FR_STR("timber"), &by_meaning, &hits, NULL, &err),
                     FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "another state"));
    assert_int_equal(update(p, rebuilt).n_kept, 2); /* two have their old numbers */
    assert_int_equal(fr_retrieve(rebuilt, NULL, FR_STR("x"), &by_meaning, &hits, NULL, &err),
                     FR_E_USAGE);
}

static void filters_hold_for_meaning_as_for_words(void **state)
{
    place *p = *state;
    FR_AUTOPTR(fr_index) index = index_of(p, VALLEY, 4);
    update(p, index);
    FR_AUTOPTR(fr_dense) d = opened(p, index);
    fr_filter only[] = { { FR_STR("source"), FR_STR("hall") } };
    for (int mode = FR_MODE_DENSE; mode <= FR_MODE_HYBRID; mode++) {
        fr_hits hits = ask(index, d, "granite bridge",
                           (fr_retrieve_options){
                               .k = 3, .mode = (fr_mode)mode, .filters = only, .n_filters = 1 });
        assert_int_equal(hits.n, 1);
        assert_string_equal(hits.at[0].source, "hall");
        fr_hits_fini(&hits);
    }
}

static void a_reranker_has_the_last_word_and_variety_parts_what_is_alike(void **state)
{
    place *p = *state;
    static const fr_document D[] = {
        { FR_STR("a"), FR_STR("granite and rock") },
        { FR_STR("b"), FR_STR("granite or rock") },
        { FR_STR("c"), FR_STR("granite by the river and the river") },
    };
    FR_AUTOPTR(fr_index) index = index_of(p, D, 3);
    update(p, index);
    FR_AUTOPTR(fr_dense) d = opened(p, index);
    FR_AUTOPTR(fr_endpoint) ranks = NULL;
    fr_endpoint_command("awk '{ print \"{\\\"score\\\": \" (index($0, \"river\") ? 5 : 1) \"}\" }'",
                        NULL, 10, &ranks, NULL);
    fr_retrieve_options o = { .k = 2, .reranker = ranks };
    fr_hits hits = ask(index, d, "granite", o);
    assert_int_equal(hits.n, 2);
    assert_string_equal(hits.at[0].source, "c");
    assert_true(hits.at[0].score == 5.0);
    fr_hits_fini(&hits);
    o = (fr_retrieve_options){ .k = 2, .mode = FR_MODE_DENSE };
    hits = ask(index, d, "granite", o);
    assert_string_equal(hits.at[1].source, "b");
    fr_hits_fini(&hits);
    o.variety = 0.9;
    hits = ask(index, d, "granite", o);
    assert_string_equal(hits.at[0].source, "a");
    assert_string_equal(hits.at[1].source, "c");
    fr_hits_fini(&hits);
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, make_place, clear_place)
    const struct CMUnitTest tests[] = {
        HERE(meaning_finds_what_shares_no_word_and_hybrid_finds_both),
        HERE(only_what_changed_is_embedded_again),
        HERE(vectors_of_another_model_or_of_another_state_are_refused),
        HERE(filters_hold_for_meaning_as_for_words),
        HERE(a_reranker_has_the_last_word_and_variety_parts_what_is_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
