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
#include "store/store.h"

typedef struct {
    char dir[64];
    char index[96];
} place;

static int make_place(void **state)
{
    place *p = FR_NEW(place);
    snprintf(p->dir, sizeof(p->dir), "/tmp/frugal-rag-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->index, sizeof(p->index), "%s/index.db", p->dir);
    *state = p;
    return 0;
}

static int clear_place(void **state)
{
    place *p = *state;
    char *command = fr_dup_f("rm -rf '%s'", p->dir);
    int rc = system(command);
    free(command);
    free(p);
    return rc;
}

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

/* Robertson's formula over the terms, computed here from the texts. */
static void scores_are_bm25(void **state)
{
    fr_document d[4] = { { FR_STR("a"), FR_STR("red red blue"), { 0 } },
                         { FR_STR("b"), FR_STR("red green"), { 0 } },
                         { FR_STR("c"), FR_STR("green green white black"), { 0 } },
                         { FR_STR("d"), FR_STR("white"), { 0 } } };
    double lengths[4] = { 3, 2, 4, 1 }, mean = 10.0 / 4.0, k1 = 1.2, b = 0.75;
    FR_AUTOPTR(fr_index) index = index_of(*state, d, 4);
    FR_AUTO(fr_hits) hits = { 0 };
    fr_index_search(index, FR_STR("blue"), 4, &hits, NULL);
    double idf = log((4 - 1 + 0.5) / (1 + 0.5));
    double expected = idf * (1.0 * (k1 + 1.0)) / (1.0 + k1 * (1.0 - b + b * lengths[0] / mean));
    assert_int_equal(hits.n, 1);
    assert_true(fabs(hits.at[0].score - expected) < 1e-6);
    assert_true(fabs(fr_index_idf(index, FR_STR("Blue")) - log(1.0 + 3.5 / 1.5)) < 1e-9);
    assert_true(fr_index_idf(index, FR_STR("unknown")) > fr_index_idf(index, FR_STR("blue")));
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

/* Every letter of a document stands in a chunk; none is longer than asked or cut inside a
 * character. */
static void chunks_cover_a_text_and_keep_sentences_and_characters_whole(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) text = { 0 };
    for (int i = 0; i < 40; i++)
        fr_buf_put_f(&text, "Sentence %d says that the 橋 was built by Mr. Ünal in %d.%s", i,
                     1700 + i, i % 7 == 6 ? "\n\n" : " ");
    for (int i = 0; i < 300; i++)
        fr_buf_put_s(&text, "長い文");
    for (size_t limit = 16; limit < 900; limit += 97) {
        chunks cut = { 0 };
        size_t reached = 0;
        chunks_of(fr_buf_str(&text), limit, limit / 4, &cut);
        for (size_t i = 0; i < cut.n; i++) {
            fr_str piece = { text.at + cut.at[i].start, cut.at[i].end - cut.at[i].start };
            size_t n_chars = 0;
            for (size_t b = 0; b < piece.n; b++)
                n_chars += ((unsigned char)piece.at[b] & 0xC0) != 0x80;
            assert_in_range(n_chars, 1, limit);
            assert_true(((unsigned char)piece.at[0] & 0xC0) != 0x80);
            for (size_t b = reached; b < cut.at[i].start; b++)
                assert_true(text.at[b] == ' ' || text.at[b] == '\n');
            assert_true(i == 0 || cut.at[i].start > cut.at[i - 1].start);
            reached = FR_MAX(reached, cut.at[i].end);
        }
        assert_int_equal(reached, text.n);
        free(cut.at);
    }
    chunks cut = { 0 };
    chunks_of(FR_STR("First one. Second one.\n\nThird one is here."), 30, 0, &cut);
    assert_int_equal(cut.n, 2);
    assert_int_equal(cut.at[0].end, 22);
    chunks_of(FR_STR(" \n\n \t"), 30, 0, &cut);
    assert_int_equal(cut.n, 2);
    free(cut.at);
}

static void terms_are_folded_words_and_pairs_of_characters(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) out = { 0 };
    terms_put(FR_STR("L'Été, x-1!"), &out);
    assert_string_equal(fr_buf_text(&out), "l ete x 1");
    fr_buf_clear(&out);
    terms_put(FR_STR("東京タワー in 塔"), &out);
    assert_string_equal(fr_buf_text(&out), "東京 京タ タワ ワー in 塔");
    fr_buf_clear(&out);
    terms_query(FR_STR("a \"b\" a OR"), &out);
    assert_string_equal(fr_buf_text(&out), "\"a\" OR \"b\" OR \"or\"");
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
    assert_recall("en", 0.85, 0.95, *state);
    assert_recall("es", 0.80, 0.92, *state);
    assert_recall("de", 0.78, 0.90, *state);
    assert_recall("zh", 0.75, 0.90, *state);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, clear_place)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(the_document_that_shares_the_rarest_words_comes_first),
        WITH_PLACE(accents_case_and_scripts_without_spaces_do_not_hide_a_document),
        WITH_PLACE(query_syntax_in_a_users_text_is_inert),
        WITH_PLACE(equal_scores_are_ordered_by_id),
        WITH_PLACE(scores_are_bm25),
        WITH_PLACE(a_file_that_is_no_index_is_told_from_one_made_otherwise),
        WITH_PLACE(an_index_is_one_file_that_replaces_the_old_one_whole),
        WITH_PLACE(folders_and_rows_become_documents),
        cmocka_unit_test(chunks_cover_a_text_and_keep_sentences_and_characters_whole),
        cmocka_unit_test(terms_are_folded_words_and_pairs_of_characters),
        WITH_PLACE(xquad_paragraphs_are_found_by_their_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
