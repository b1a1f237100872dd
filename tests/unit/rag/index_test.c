/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "rag/rag_priv.h"
#include "rag_place.h"
#include "store/store.h"

static size_t n_entries(const char *dir)
{
    char **names = NULL;
    size_t n = 0;
    assert_int_equal(fr_dir_list(dir, &names, &n, NULL), 0);
    fr_names_free(names, n);
    return n;
}

static const fr_document VALLEY[] = {
    { FR_STR("otter"), FR_STR("Otter Bridge was built in 1706. It is made of sandstone."), { 0 } },
    { FR_STR("cattle"), FR_STR("Cattle Bridge was built in 1745. It is made of oak."), { 0 } },
    { FR_STR("zurich"), FR_STR("Das Café in Zürich öffnet um neun."), { 0 } },
    { FR_STR("tokyo"), FR_STR("東京タワーは1958年に完成した。"), { 0 } },
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

static void the_document_that_shares_the_rarest_words_comes_first(void **state)
{
    FR_AUTOPTR(fr_index) index = index_of(*state, VALLEY, FR_COUNT_OF(VALLEY));
    FR_AUTO(fr_hits) hits = { 0 };
    assert_int_equal(
        fr_index_search(index, FR_STR("Which bridge is of sandstone?"), 3, &hits, NULL), 0);
    assert_int_equal(hits.n, 2);
    assert_string_equal(hits.at[0].id, "otter#0");
    assert_string_equal(hits.at[0].source, "otter");
    assert_true(hits.at[0].score > hits.at[1].score);
    assert_int_equal(hits.at[0].start, 0);
    assert_int_equal(hits.at[0].end, VALLEY[0].text.n);
}

static void accents_case_and_scripts_without_spaces_do_not_hide_a_document(void **state)
{
    FR_AUTOPTR(fr_index) index = index_of(*state, VALLEY, FR_COUNT_OF(VALLEY));
    FR_AUTO(fr_hits) hits = { 0 };
    assert_int_equal(fr_index_search(index, FR_STR("ZURICH CAFE"), 3, &hits, NULL), 0);
    assert_int_equal(hits.n, 1);
    assert_string_equal(hits.at[0].source, "zurich");
    fr_hits_fini(&hits);
    assert_int_equal(fr_index_search(index, FR_STR("タワー"), 3, &hits, NULL), 0);
    assert_int_equal(hits.n, 1);
    assert_string_equal(hits.at[0].source, "tokyo");
}

/* What FTS5 would read as a query language is text like any other. */
static void query_syntax_in_a_users_text_is_inert(void **state)
{
    FR_AUTOPTR(fr_index) index = index_of(*state, VALLEY, FR_COUNT_OF(VALLEY));
    static const char *const HOSTILE[] = {
        "\"sandstone",
        "sandstone\" OR \"oak",
        "title:sandstone",
        "body : sandstone",
        "sand*",
        "^otter",
        "NEAR(otter bridge, 2)",
        "NOT otter",
        "otter AND",
        "a OR OR b",
        "{title body} : x",
        "- otter",
        "'; DROP TABLE words; --",
        "\"\"\"",
        "(((",
        ")",
        "+",
        "*",
        "\\",
        "%_",
        "words MATCH 'x'",
        "\x01\x02",
        "\xff\xfe",
        "rank",
        "bm25(words)",
        "",
    };
    for (size_t i = 0; i < FR_COUNT_OF(HOSTILE); i++) {
        FR_AUTO(fr_hits) hits = { 0 };
        fr_err err = { 0 };
        if (fr_index_search(index, fr_str_of(HOSTILE[i]), 3, &hits, &err) != 0)
            fail_msg("'%s': %s", HOSTILE[i], err.what);
    }
    FR_AUTO(fr_hits) hits = { 0 };
    fr_index_search(index, FR_STR("NOT otter"), 5, &hits, NULL);
    assert_int_equal(hits.n, 1); /* the words "not" and "otter", not everything but otters */
    assert_string_equal(hits.at[0].source, "otter");
    fr_hits_fini(&hits);
    fr_index_search(index, FR_STR("sand*"), 5, &hits, NULL);
    assert_int_equal(hits.n, 0);
}

static void equal_scores_are_ordered_by_id(void **state)
{
    fr_document same[3] = { { FR_STR("c"), FR_STR("one word"), { 0 } },
                            { FR_STR("a"), FR_STR("one word"), { 0 } },
                            { FR_STR("b"), FR_STR("one word"), { 0 } } };
    FR_AUTOPTR(fr_index) index = index_of(*state, same, 3);
    FR_AUTO(fr_hits) hits = { 0 };
    fr_index_search(index, FR_STR("word"), 2, &hits, NULL);
    assert_int_equal(hits.n, 2);
    assert_string_equal(hits.at[0].source, "a");
    assert_string_equal(hits.at[1].source, "b");
}

static void a_file_that_is_no_index_is_told_from_one_made_otherwise(void **state)
{
    place *p = *state;
    fr_index *index = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_index_open(p->index, &index, &err), FR_E_NOT_FOUND);
    fr_file_write(p->index,
                  FR_STR("this is no database, and long enough to be read as a header: "
                         "0123456789012345678901234567890123456789012345678901234567890"),
                  NULL);
    assert_int_equal(fr_index_open(p->index, &index, &err), FR_E_FORMAT);
    unlink(p->index);
    fr_store *store = NULL;
    fr_store_open(p->index, &store, NULL);
    fr_store_exec(store, "CREATE TABLE t (x)", NULL);
    fr_store_free(store);
    assert_int_equal(fr_index_open(p->index, &index, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "not an index"));
    unlink(p->index);
    fr_index_free(index_of(p, VALLEY, 2));
    fr_store_open(p->index, &store, NULL);
    fr_store_exec(store, "UPDATE header SET value = 'stems-9' WHERE key = 'analyzer'", NULL);
    fr_store_free(store);
    assert_int_equal(fr_index_open(p->index, &index, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "stems-9"));
    assert_null(index);
}

static void an_index_is_one_file_that_replaces_the_old_one_whole(void **state)
{
    place *p = *state;
    fr_index_free(index_of(p, VALLEY, 4));
    assert_int_equal(n_entries(p->dir), 1);
    fr_document twice[2] = { VALLEY[0], VALLEY[0] };
    fr_err err = { 0 };
    assert_int_equal(fr_index_build(p->index, twice, 2, NULL, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "otter"));
    assert_int_equal(fr_index_build(p->index, NULL, 0, NULL, &err), FR_E_USAGE);
    assert_int_equal(n_entries(p->dir), 1);
    FR_AUTOPTR(fr_index) index = NULL;
    assert_int_equal(fr_index_open(p->index, &index, NULL), 0);
    assert_int_equal(fr_index_n_chunks(index), 4); /* the failed builds left it as it was */
    assert_int_equal(fr_index_built_with(index).chunk_chars, 1200);
}

static void folders_and_rows_become_documents(void **state)
{
    place *p = *state;
    char *deep = fr_path_join(p->dir, "docs/deep"), *docs = fr_path_join(p->dir, "docs");
    char *md = fr_path_join(deep, "a.md"), *txt = fr_path_join(docs, "b.txt"),
         *other = fr_path_join(docs, "c.png"), *hidden = fr_path_join(docs, ".d.txt"),
         *rows = fr_path_join(p->dir, "rows.jsonl");
    assert_int_equal(fr_dir_make(deep, NULL), 0);
    fr_file_write(md, FR_STR("# Otter Bridge\n\nStone.\n"), NULL);
    fr_file_write(txt, FR_STR("\xef\xbb\xbfone \xff two"), NULL);
    fr_file_write(other, FR_STR("x"), NULL);
    fr_file_write(hidden, FR_STR("x"), NULL);
    fr_file_write(
        rows, FR_STR("{\"id\": \"x\", \"title\": \"T\", \"text\": \"y\"}\n\n{\"text\": \"z\"}\n"),
        NULL);
    fr_err err = { 0 };
    FR_AUTO(fr_documents) d = { 0 };
    assert_int_equal(fr_documents_load(docs, &d, &err), 0);
    assert_int_equal(d.n, 2);
    assert_true(fr_str_is(d.at[0].id, "b.txt"));
    assert_true(fr_str_is(d.at[0].text, "one \xef\xbf\xbd two"));
    assert_true(fr_str_is(d.at[1].id, "deep/a.md"));
    assert_true(fr_str_is(d.at[1].title, "Otter Bridge"));
    fr_documents_fini(&d);
    assert_int_equal(fr_documents_load(rows, &d, &err), 0);
    assert_int_equal(d.n, 2);
    assert_true(fr_str_is(d.at[0].id, "3")); /* no id: its line */
    assert_true(fr_str_is(d.at[1].title, "T"));
    fr_documents_fini(&d);
    fr_file_write(rows, FR_STR("{\"text\": \"z\"}\n{\"body\": 1}\n"), NULL);
    assert_int_equal(fr_documents_load(rows, &d, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "rows.jsonl:2"));
    unlink(md);
    unlink(txt);
    assert_int_equal(fr_documents_load(docs, &d, &err), FR_E_USAGE);
    assert_int_equal(fr_documents_load("/no/such/folder", &d, &err), FR_E_NOT_FOUND);
    char *all[] = { deep, docs, md, txt, other, hidden, rows };
    for (size_t i = 0; i < FR_COUNT_OF(all); i++)
        free(all[i]);
}

/* FRUGAL_SHARED or ../shared: XQuAD's paragraphs, found by their questions. */
static void assert_recall(const char *language, double at_1, double at_5, const place *p)
{
    char *name = fr_dup_f("data/corpora/rag/xquad.%s.json", language);
    char *path = shared_path(name);
    free(name);
    if (path == NULL) {
        print_message("skipped: XQuAD is not beside the source (FRUGAL_SHARED)\n");
        skip();
    }
    json_t *file = json_load_file(path, 0, NULL), *article, *paragraph, *qa;
    free(path);
    static fr_document documents[1000];
    size_t n = 0, a, i, j, asked = 0, first = 0, fifth = 0;
    json_array_foreach(json_object_get(file, "data"), a, article)
    {
        json_array_foreach(json_object_get(article, "paragraphs"), i, paragraph)
        {
            documents[n] = (fr_document){ .id = fr_str_of(fr_dup_f("%04zu", n)),
                                          .text = text_in(paragraph, "context") };
            n++;
        }
    }
    FR_AUTOPTR(fr_index) index = index_of(p, documents, n);
    n = 0;
    json_array_foreach(json_object_get(file, "data"), a, article)
    {
        json_array_foreach(json_object_get(article, "paragraphs"), i, paragraph)
        {
            json_array_foreach(json_object_get(paragraph, "qas"), j, qa)
            {
                FR_AUTO(fr_hits) hits = { 0 };
                assert_int_equal(fr_index_search(index, text_in(qa, "question"), 5, &hits, NULL),
                                 0);
                asked++;
                bool found = false;
                for (size_t h = 0; h < hits.n; h++) {
                    found |= fr_str_is(documents[n].id, hits.at[h].source);
                    first += h == 0 && found;
                }
                fifth += found;
            }
            n++;
        }
    }
    for (size_t d = 0; d < n; d++)
        free((char *)documents[d].id.at);
    json_decref(file);
    assert_true((double)first >= at_1 * (double)asked);
    assert_true((double)fifth >= at_5 * (double)asked);
}

static void xquad_paragraphs_are_found_by_their_questions(void **state)
{
    assert_recall("en", 0.94, 0.98, *state);
    assert_recall("es", 0.93, 0.98, *state);
    assert_recall("de", 0.92, 0.97, *state);
    assert_recall("zh", 0.80, 0.90, *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(the_document_that_shares_the_rarest_words_comes_first),
        WITH_PLACE(accents_case_and_scripts_without_spaces_do_not_hide_a_document),
        WITH_PLACE(query_syntax_in_a_users_text_is_inert),
        WITH_PLACE(equal_scores_are_ordered_by_id),
        WITH_PLACE(a_file_that_is_no_index_is_told_from_one_made_otherwise),
        WITH_PLACE(an_index_is_one_file_that_replaces_the_old_one_whole),
        WITH_PLACE(folders_and_rows_become_documents),
        WITH_PLACE(xquad_paragraphs_are_found_by_their_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
