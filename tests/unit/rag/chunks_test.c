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

static cuts cut_up(const char *text, size_t most, size_t overlap, bool markdown)
{
    cuts c = { 0 };
    chunks_of(fr_str_of(text),
              &(chunk_rule){ .most = most, .overlap = overlap, .markdown = markdown }, &c);
    return c;
}

static void assert_chunk(const cuts *c, const char *text, size_t i, const char *title,
                         const char *expected)
{
    assert_true(i < c->n);
    assert_int_equal(c->at[i].title_n, strlen(title));
    if (title[0] != '\0')
        assert_memory_equal(c->titles.at + c->at[i].title, title, strlen(title));
    assert_int_equal(c->at[i].end - c->at[i].start, strlen(expected));
    assert_memory_equal(text + c->at[i].start, expected, strlen(expected));
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
        cuts pieces = cut_up(fr_buf_text(&text), limit, limit / 4, false);
        size_t reached = 0;
        for (size_t i = 0; i < pieces.n; i++) {
            fr_str piece = { text.at + pieces.at[i].start, pieces.at[i].end - pieces.at[i].start };
            size_t n_chars = 0;
            for (size_t b = 0; b < piece.n; b++)
                n_chars += ((unsigned char)piece.at[b] & 0xC0) != 0x80;
            assert_in_range(n_chars, 1, limit);
            assert_true(((unsigned char)piece.at[0] & 0xC0) != 0x80);
            for (size_t b = reached; b < pieces.at[i].start; b++)
                assert_true(text.at[b] == ' ' || text.at[b] == '\n');
            assert_true(i == 0 || pieces.at[i].start > pieces.at[i - 1].start);
            reached = FR_MAX(reached, pieces.at[i].end);
        }
        assert_int_equal(reached, text.n);
        cuts_fini(&pieces);
    }
    const char *two = "First one. Second one.\n\nThird one is here.";
    cuts pieces = cut_up(two, 30, 0, false);
    assert_int_equal(pieces.n, 2);
    assert_int_equal(pieces.at[0].end, 22);
    cuts_fini(&pieces);
    pieces = cut_up(" \n\n \t", 30, 0, false);
    assert_int_equal(pieces.n, 0);
    cuts_fini(&pieces);
}

static void headings_part_chunks_and_become_their_path(void **state)
{
    (void)state;
    const char *text = "Before.\n# Bridges\n## Otter Bridge\n\nOf stone.\n### Arches ###\nThree."
                       "\n## Cattle Bridge\nOf oak.\n# Roads\nNone.\n";
    cuts c = cut_up(text, 200, 0, true);
    assert_int_equal(c.n, 5);
    assert_chunk(&c, text, 0, "", "Before.");
    assert_chunk(&c, text, 1, "Bridges > Otter Bridge", "# Bridges\n## Otter Bridge\n\nOf stone.");
    assert_chunk(&c, text, 2, "Bridges > Otter Bridge > Arches", "### Arches ###\nThree.");
    assert_chunk(&c, text, 3, "Bridges > Cattle Bridge", "## Cattle Bridge\nOf oak.");
    assert_chunk(&c, text, 4, "Roads", "# Roads\nNone.");
    cuts_fini(&c);
    c = cut_up(text, 200, 0, false); /* in plain text a # is a sign like others */
    assert_int_equal(c.n, 1);
    cuts_fini(&c);
    const char *code = "# A\n```\n# not a heading\n\nx\n```\n#hash\n";
    c = cut_up(code, 200, 0, true);
    assert_int_equal(c.n, 1);
    cuts_fini(&c);
}

static void list_items_stay_whole(void **state)
{
    (void)state;
    const char *text = "Take:\n- two eggs and a little salt\n- flour that was sieved\n- butter";
    cuts c = cut_up(text, 40, 0, false);
    assert_int_equal(c.n, 2);
    assert_chunk(&c, text, 0, "", "Take:\n- two eggs and a little salt");
    assert_chunk(&c, text, 1, "", "- flour that was sieved\n- butter"); /* 32 */
    cuts_fini(&c);
}

/* One token a letter of "x", none else: what a measure says is what counts. */
static size_t count_x(void *user, fr_str text)
{
    size_t n = 0;
    (void)user;
    for (size_t i = 0; i < text.n; i++)
        n += text.at[i] == 'x';
    return FR_MAX(n, (size_t)1);
}

static void sizes_can_be_counted_in_tokens(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) text = { 0 };
    for (int i = 0; i < 30; i++)
        fr_buf_put_s(&text, "x and much that does not count. ");
    for (int i = 0; i < 100; i++)
        fr_buf_put_s(&text, "x");
    cuts c = { 0 };
    chunk_rule rule = { .most = 10, .overlap = 2, .measure = count_x };
    chunks_of(fr_buf_str(&text), &rule, &c);
    for (size_t i = 0; i < c.n; i++)
        assert_in_range(
            count_x(NULL, (fr_str){ text.at + c.at[i].start, c.at[i].end - c.at[i].start }), 1, 10);
    assert_int_equal(c.at[c.n - 1].end, text.n);
    assert_true(c.at[1].start < c.at[0].end); /* two sentences said again */
    cuts_fini(&c);
}

/* A text in pieces goes on below the headings of the piece before. */
static void headings_stay_open_from_piece_to_piece(void **state)
{
    (void)state;
    cuts c = { 0 };
    chunk_rule rule = { .most = 100, .markdown = true };
    chunks_of(FR_STR("# A\n## B\none\n"), &rule, &c);
    chunks_of(FR_STR("two\n## C\nthree\n"), &rule, &c);
    assert_int_equal(c.n, 3);
    assert_memory_equal(c.titles.at + c.at[1].title, "A > B", 5);
    assert_memory_equal(c.titles.at + c.at[2].title, "A > C", 5);
    cuts_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_cover_a_text_and_keep_sentences_and_characters_whole),
        cmocka_unit_test(headings_part_chunks_and_become_their_path),
        cmocka_unit_test(list_items_stay_whole),
        cmocka_unit_test(sizes_can_be_counted_in_tokens),
        cmocka_unit_test(headings_stay_open_from_piece_to_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
