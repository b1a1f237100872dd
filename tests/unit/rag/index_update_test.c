/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "rag/rag_priv.h"
#include "rag_place.h"

static void must(int rc, const fr_err *err)
{
    if (rc != 0)
        fail_msg("%s", err->what);
}

/* Document d in edition e; its own word is "own<d>q", its edition's "edition<e>q". */
static fr_str text_of(int d, int edition, fr_buf *out)
{
    fr_buf_clear(out);
    for (int i = 0; i < 3 + d % 5; i++)
        fr_buf_put_f(out, "common%dq own%dq edition%dq. ", (d + i) % 7, d, edition);
    if (d % 10 == 3) /* some documents are of several chunks */
        for (int i = 0; i < 30; i++)
            fr_buf_put_f(out, "Then there was more to say about own%dq, number %d.\n\n", d, i);
    return fr_buf_str(out);
}

static void put(fr_index_writer *w, int d, int edition, fr_put_kind how)
{
    FR_AUTO(fr_buf) text = { 0 };
    char id[16];
    fr_err err = { 0 };
    snprintf(id, sizeof(id), "d%04d", d);
    fr_document document = { .id = fr_str_of(id), .text = text_of(d, edition, &text) };
    must(fr_index_put(w, &document, how, NULL, &err), &err);
}

static fr_index *opened(const char *path)
{
    fr_index *index = NULL;
    fr_err err = { 0 };
    must(fr_index_open(path, &index, &err), &err);
    return index;
}

static void make_empty_but_one(const char *path)
{
    fr_document d = { .id = FR_STR("first"), .text = FR_STR("something to begin with") };
    fr_err err = { 0 };
    must(fr_index_build(path, &d, 1, &(fr_index_options){ .analyzer = "plain", .chunk_chars = 200 },
                        &err),
         &err);
}

/* Same hits, same scores to the bit, same places. */
static void assert_same_found(fr_index *a, fr_index *b, const char *query)
{
    FR_AUTO(fr_hits) x = { 0 };
    FR_AUTO(fr_hits) y = { 0 };
    assert_int_equal(fr_index_search(a, fr_str_of(query), 25, &x, NULL), 0);
    assert_int_equal(fr_index_search(b, fr_str_of(query), 25, &y, NULL), 0);
    assert_int_equal(x.n, y.n);
    for (size_t i = 0; i < x.n; i++) {
        assert_string_equal(x.at[i].id, y.at[i].id);
        assert_string_equal(x.at[i].text, y.at[i].text);
        assert_true(x.at[i].score == y.at[i].score);
        assert_int_equal(x.at[i].start, y.at[i].start);
    }
}

/* An index that grew, lost and changed documents, in many commits, against one built at once. */
static void an_index_that_grew_finds_what_one_built_at_once_finds(void **state)
{
    place *p = *state;
    enum { N = 150 };
    fr_err err = { 0 };
    char *whole = fr_path_join(p->dir, "whole.db");
    make_empty_but_one(p->index);
    int edition[N];
    bool there[N];
    memset(there, 0, sizeof(there));
    FR_AUTOPTR(fr_index_writer) w = NULL;
    must(fr_index_update(p->index, NULL, &w, &err), &err);
    for (int step = 0; step < 500; step++) {
        int d = (int)fr_random_below(N, 1, FR_RANDOM_TEST, 0, (uint64_t)step);
        if (step % 5 == 4) {
            char id[16];
            bool found = false;
            snprintf(id, sizeof(id), "d%04d", d);
            must(fr_index_remove(w, fr_str_of(id), &found, &err), &err);
            assert_true(found == there[d]);
            there[d] = false;
        } else {
            put(w, d, step, FR_PUT_REPLACE);
            edition[d] = step;
            there[d] = true;
        }
        if (step % 3 == 0)
            must(fr_index_commit(w, &err), &err);
    }
    must(fr_index_finish(w, &err), &err);
    fr_index_writer_free(w);
    w = NULL;
    must(fr_index_create(whole, &(fr_index_options){ .analyzer = "plain", .chunk_chars = 200 }, &w,
                         &err),
         &err);
    fr_document first = { .id = FR_STR("first"), .text = FR_STR("something to begin with") };
    size_t n = 1;
    for (int d = 0; d < N; d++) {
        if (there[d])
            put(w, d, edition[d], FR_PUT_NONE);
        n += there[d];
    }
    must(fr_index_put(w, &first, FR_PUT_NONE, NULL, &err), &err);
    must(fr_index_finish(w, &err), &err);
    FR_AUTOPTR(fr_index) grown = opened(p->index);
    FR_AUTOPTR(fr_index) built = opened(whole);
    assert_int_equal(fr_index_n_documents(grown), n);
    assert_int_equal(fr_index_n_documents(built), n);
    assert_int_equal(fr_index_n_chunks(grown), fr_index_n_chunks(built));
    assert_in_range(grown->shelf.n_segments, 1, 24); /* they were merged on the way */
    static const char *const QUERIES[] = { "common1q",      "common2q common3q",   "own33q own4q",
                                           "more to say",   "something",           "number 7",
                                           "edition400q q", "common6q own13q then" };
    for (size_t q = 0; q < FR_COUNT_OF(QUERIES); q++)
        assert_same_found(grown, built, QUERIES[q]);
    free(whole);
}

/* Numbers are never given twice: what is kept about a chunk elsewhere stays true. */
static void a_chunks_number_stays_and_is_not_given_again(void **state)
{
    place *p = *state;
    fr_err err = { 0 };
    make_empty_but_one(p->index);
    FR_AUTOPTR(fr_index_writer) w = NULL;
    must(fr_index_update(p->index, NULL, &w, &err), &err);
    for (int d = 0; d < 3; d++)
        put(w, d, 0, FR_PUT_NONE);
    must(fr_index_commit(w, &err), &err);
    put(w, 1, 1, FR_PUT_REPLACE);
    must(fr_index_commit(w, &err), &err);
    FR_AUTOPTR(fr_index) index = opened(p->index);
    static const char *const OWN[] = { "own0q", "own2q", "own1q" };
    static const uint32_t NUMBERS[] = { 1, 3, 4 };
    for (size_t i = 0; i < 3; i++) {
        FR_AUTO(fr_ranked) found = { 0 };
        fr_index_rank(index, fr_str_of(OWN[i]), 5, NULL, &found, NULL);
        assert_int_equal(found.n, 1);
        assert_int_equal(found.at[0].chunk, NUMBERS[i]);
    }
}

static void a_second_document_of_an_id_is_refused_with_both_named(void **state)
{
    place *p = *state;
    fr_err err = { 0 };
    make_empty_but_one(p->index);
    FR_AUTOPTR(fr_index_writer) w = NULL;
    must(fr_index_update(p->index, NULL, &w, &err), &err);
    fr_document a = { .id = FR_STR("x"), .text = FR_STR("one"), .origin = "a.jsonl:3" },
                b = { .id = FR_STR("x"), .text = FR_STR("two"), .origin = "b.jsonl:9" };
    must(fr_index_put(w, &a, FR_PUT_NONE, NULL, &err), &err);
    assert_int_equal(fr_index_put(w, &b, FR_PUT_NONE, NULL, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "'x'"));
    assert_non_null(strstr(err.what, "a.jsonl:3"));
    assert_non_null(strstr(err.what, "b.jsonl:9"));
    bool replaced = false;
    must(fr_index_put(w, &b, FR_PUT_REPLACE, &replaced, &err), &err);
    assert_true(replaced);
}

static void an_index_built_otherwise_is_refused_with_both_named(void **state)
{
    place *p = *state;
    fr_err err = { 0 };
    fr_index_writer *w = NULL;
    make_empty_but_one(p->index);
    assert_int_equal(fr_index_update(p->index, &(fr_index_options){ .analyzer = "de" }, &w, &err),
                     FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "plain"));
    assert_non_null(strstr(err.what, "de"));
    assert_int_equal(fr_index_update(p->index, &(fr_index_options){ .chunk_chars = 300 }, &w, &err),
                     FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "200 characters"));
    assert_non_null(strstr(err.what, "300 characters"));
    assert_int_equal(fr_index_update(p->index, &(fr_index_options){ .chunk_tokens = 64 }, &w, &err),
                     FR_E_UNSUPPORTED);
    fr_store *store = NULL;
    fr_store_open(p->index, &store, NULL);
    fr_store_exec(store, "UPDATE header SET value = 'structure-9' WHERE key = 'chunker'", NULL);
    fr_store_free(store);
    assert_int_equal(fr_index_update(p->index, NULL, &w, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "structure-9"));
    assert_int_equal(fr_index_update("/no/such/index", NULL, &w, &err), FR_E_NOT_FOUND);
    assert_null(w);
}

static void what_was_not_committed_is_gone(void **state)
{
    place *p = *state;
    fr_err err = { 0 };
    make_empty_but_one(p->index);
    fr_index_writer *w = NULL;
    must(fr_index_update(p->index, NULL, &w, &err), &err);
    put(w, 1, 0, FR_PUT_NONE);
    must(fr_index_commit(w, &err), &err);
    put(w, 2, 0, FR_PUT_NONE);
    fr_index_writer_free(w);
    FR_AUTOPTR(fr_index) index = opened(p->index);
    assert_int_equal(fr_index_n_documents(index), 2);
}

static size_t found_by(fr_index *index, const char *word)
{
    FR_AUTO(fr_ranked) found = { 0 };
    fr_err err = { 0 };
    must(fr_index_rank(index, fr_str_of(word), 100, NULL, &found, &err), &err);
    return found.n;
}

/* A reader that stays open sees each commit, whole, without being opened again. */
static void a_reader_beside_a_writer_sees_what_is_committed_and_nothing_else(void **state)
{
    place *p = *state;
    fr_err err = { 0 };
    make_empty_but_one(p->index);
    FR_AUTOPTR(fr_index) reader = opened(p->index);
    FR_AUTOPTR(fr_index_writer) w = NULL;
    must(fr_index_update(p->index, NULL, &w, &err), &err);
    for (int d = 0; d < 30; d++) {
        char word[16];
        snprintf(word, sizeof(word), "own%dq", d);
        put(w, d, 0, FR_PUT_NONE);
        assert_int_equal(found_by(reader, word), 0);
        must(fr_index_commit(w, &err), &err);
        assert_true(found_by(reader, word) > 0);
        assert_int_equal(fr_index_n_documents(reader), (size_t)d + 2);
    }
}

/* Adds documents for ever, one a commit; each is acknowledged by a byte. */
static void add_for_ever(const char *path, int from, int acknowledge)
{
    fr_index_writer *w = NULL;
    if (fr_index_update(path, NULL, &w, NULL) != 0)
        _exit(1);
    for (int d = from;; d++) {
        put(w, d, 0, FR_PUT_NONE);
        if (fr_index_commit(w, NULL) != 0 || write(acknowledge, "a", 1) != 1)
            _exit(1);
    }
}

/* FRUGAL_KILLS kills (20; the long run is 1,000), each at a random moment. */
static void a_killed_writer_loses_no_acknowledged_document(void **state)
{
    place *p = *state;
    int kills = getenv("FRUGAL_KILLS") != NULL ? atoi(getenv("FRUGAL_KILLS")) : 20, n = 0;
    make_empty_but_one(p->index);
    for (int k = 0; k < kills; k++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            add_for_ever(p->index, n, ends[1]);
        }
        close(ends[1]);
        fr_sleep_ns(2000000 +
                    (int64_t)fr_random_below(30000000, 3, FR_RANDOM_TEST, 0, (uint64_t)k));
        kill(child, SIGKILL);
        int status = 0, acknowledged = 0;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        char bytes[4096];
        for (ssize_t got; (got = read(ends[0], bytes, sizeof(bytes))) > 0;)
            acknowledged += (int)got;
        close(ends[0]);
        FR_AUTOPTR(fr_index) index = opened(p->index);
        int there = (int)fr_index_n_documents(index) - 1;
        assert_in_range(there, n + acknowledged, n + acknowledged + 1); /* one unheard */
        for (int d = n > 5 ? n - 5 : 0; d < there; d++) {
            char word[16];
            snprintf(word, sizeof(word), "own%dq", d);
            assert_true(found_by(index, word) > 0);
        }
        n = there;
    }
    assert_true(n > 0);
    /* in the end, every document, and the counts of BM25, as if nothing had happened */
    FR_AUTOPTR(fr_index) index = opened(p->index);
    size_t words = 0, n_chunks = 0;
    for (size_t i = 0; i < index->shelf.n_slots; i++) {
        n_chunks += index->shelf.lengths[i] != LENGTH_GONE;
        words += index->shelf.lengths[i] != LENGTH_GONE ? index->shelf.lengths[i] : 0;
    }
    assert_int_equal(n_chunks, fr_index_n_chunks(index));
    assert_int_equal(words, index->shelf.n_words);
    for (int d = 0; d < n; d += 1 + n / 500) {
        char word[16];
        snprintf(word, sizeof(word), "own%dq", d);
        assert_true(found_by(index, word) > 0);
    }
    print_message("%d kills, %d documents, none lost\n", kills, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(an_index_that_grew_finds_what_one_built_at_once_finds),
        WITH_PLACE(a_chunks_number_stays_and_is_not_given_again),
        WITH_PLACE(a_second_document_of_an_id_is_refused_with_both_named),
        WITH_PLACE(an_index_built_otherwise_is_refused_with_both_named),
        WITH_PLACE(what_was_not_committed_is_gone),
        WITH_PLACE(a_reader_beside_a_writer_sees_what_is_committed_and_nothing_else),
        WITH_PLACE(a_killed_writer_loses_no_acknowledged_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
