#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "train/feed.h"

/* Bytes as tokens: id = byte + 2; 0 begins, 1 ends. */
static fr_tokenizer *bytes_tokenizer(void)
{
    fr_bpe bpe = { 0 };
    static const char *const SPECIAL[] = { "<s>", "</s>" };
    const fr_str text = FR_STR("a");
    assert_int_equal(fr_bpe_train(&text, 1, SPECIAL, 2, 258, &bpe, NULL), 0);
    const fr_vocab vocab = { .kind = FR_VOCAB_BPE,
                             .pre = "gpt-2",
                             .tokens = bpe.tokens,
                             .types = bpe.types,
                             .n = bpe.n,
                             .merges = bpe.merges,
                             .n_merges = bpe.n_merges,
                             .bos = 0,
                             .eos = 1,
                             .unk = -1,
                             .pad = -1,
                             .add_bos = true };
    fr_tokenizer *t = NULL;
    assert_int_equal(fr_tokenizer_new(&vocab, &t, NULL), 0);
    fr_bpe_fini(&bpe);
    return t;
}

static void loss_falls_on_the_answer_and_the_end_only(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_tokenizer) t = bytes_tokenizer();
    FR_AUTO(fr_corpus) c = { 0 };
    FR_AUTO(fr_feed) feed = { 0 };
    FR_AUTO(fr_packer) packer = { 0 };
    fr_packer_init(&packer, 64);
    assert_int_equal(fr_corpus_add(&c, t, (fr_example){ FR_STR("abc"), FR_STR("de") }, NULL), 0);
    const fr_corpus *const list[] = { &c };
    const double one = 1;
    assert_int_equal(fr_feed_init(&feed, list, &one, 1, 64, 1, 0, NULL), 0);
    fr_piece *pieces = NULL;
    size_t cap = 0;
    assert_int_equal(fr_feed_next(&feed, 7, &pieces, &cap), 1);
    assert_int_equal(fr_packer_fill(&packer, pieces, 1), 1);
    const fr_batch *b = &packer.batch;
    assert_int_equal(b->n, 7); /* begin a b c d e end */
    assert_int_equal(b->ids[0], 0);
    assert_int_equal(b->ids[6], 1);
    assert_int_equal(b->n_loss, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(b->loss_row[i], 3 + i); /* c is asked for d, d for e, e for the end */
        assert_int_equal(b->target[i], b->ids[4 + i]);
    }
    free(pieces);
}

static void in_a_document_of_turns_loss_falls_on_each_answer(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_tokenizer) t = bytes_tokenizer();
    FR_AUTO(fr_corpus) c = { 0 };
    FR_AUTO(fr_feed) feed = { 0 };
    FR_AUTO(fr_packer) packer = { 0 };
    fr_packer_init(&packer, 64);
    assert_int_equal(
        fr_corpus_add(&c, t, (fr_example){ FR_STR("ab"), FR_STR("c"), .goes_on = true }, NULL), 0);
    assert_int_equal(fr_corpus_add(&c, t, (fr_example){ FR_STR("de"), FR_STR("f") }, NULL), 0);
    assert_int_equal(c.n_docs, 1);
    const fr_corpus *const list[] = { &c };
    const double one = 1;
    assert_int_equal(fr_feed_init(&feed, list, &one, 1, 64, 1, 0, NULL), 0);
    fr_piece *pieces = NULL;
    size_t cap = 0;
    assert_int_equal(fr_feed_next(&feed, 8, &pieces, &cap), 1);
    assert_int_equal(fr_packer_fill(&packer, pieces, 1), 1);
    const fr_batch *b = &packer.batch;
    assert_int_equal(b->n, 8); /* begin a b c d e f end */
    assert_int_equal(b->n_loss, 3);
    assert_int_equal(fr_piece_n_loss(pieces[0]), 3);
    const uint32_t asked[] = { 2, 5, 6 }; /* b is asked for c, e for f, f for the end */
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(b->loss_row[i], asked[i]);
        assert_int_equal(b->target[i], b->ids[asked[i] + 1]);
    }
    free(pieces);
}

static void text_without_a_question_carries_loss_everywhere_and_is_cut(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_tokenizer) t = bytes_tokenizer();
    FR_AUTO(fr_corpus) c = { 0 };
    FR_AUTO(fr_feed) feed = { 0 };
    FR_AUTO(fr_packer) packer = { 0 };
    fr_packer_init(&packer, 64);
    assert_int_equal(
        fr_corpus_add(&c, t, (fr_example){ .output = FR_STR("abcdefghijklmnop") }, NULL), 0);
    const fr_corpus *const list[] = { &c };
    const double one = 1;
    assert_int_equal(fr_feed_init(&feed, list, &one, 1, 8, 1, 0, NULL), 0); /* 18 = 8 + 8 + 2 */
    fr_piece *pieces = NULL;
    size_t cap = 0;
    assert_int_equal(fr_feed_next(&feed, 18, &pieces, &cap), 3);
    assert_int_equal(fr_packer_fill(&packer, pieces, 3), 3);
    assert_int_equal(packer.batch.n, 18);
    assert_int_equal(packer.batch.n_docs, 3);
    assert_int_equal(packer.batch.n_loss, 18 - 3);
    for (size_t d = 0; d < 3; d++)
        assert_int_equal(packer.batch.position[packer.batch.doc_start[d]], 0);
    free(pieces);
}

static void add_rows(fr_corpus *c, const fr_tokenizer *t, char letter, size_t n, size_t length)
{
    char text[64];
    memset(text, letter, sizeof(text));
    for (size_t i = 0; i < n; i++)
        assert_int_equal(fr_corpus_add(c, t, (fr_example){ { text, length }, { text, 1 } }, NULL),
                         0);
}

static void a_mix_keeps_its_ratio_of_tokens_whatever_the_rows_lengths(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_tokenizer) t = bytes_tokenizer();
    FR_AUTO(fr_corpus) longer = { 0 }, shorter = { 0 };
    FR_AUTO(fr_feed) feed = { 0 };
    add_rows(&longer, t, 'a', 40, 37);  /* 40 tokens each */
    add_rows(&shorter, t, 'b', 300, 7); /* 10 tokens each */
    const fr_corpus *const list[] = { &longer, &shorter };
    const double ratios[] = { 1, 3 };
    assert_int_equal(fr_feed_init(&feed, list, ratios, 2, 64, 1, 0, NULL), 0);
    fr_piece *pieces = NULL;
    size_t cap = 0, total = 0;
    for (int i = 0; i < 50; i++) {
        const size_t n = fr_feed_next(&feed, 200, &pieces, &cap);
        for (size_t k = 0; k < n; k++)
            total += pieces[k].n;
    }
    assert_int_equal(feed.sources[0].drawn + feed.sources[1].drawn, total);
    assert_true(fabs((double)feed.sources[1].drawn / (double)feed.sources[0].drawn - 3) < 0.1);
    free(pieces);
}

static void every_row_comes_once_an_epoch_and_the_next_epoch_is_shuffled_anew(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_tokenizer) t = bytes_tokenizer();
    FR_AUTO(fr_corpus) c = { 0 };
    FR_AUTO(fr_feed) feed = { 0 };
    for (char letter = 'a'; letter <= 'z'; letter++)
        add_rows(&c, t, letter, 1, 1);
    const fr_corpus *const list[] = { &c };
    const double one = 1;
    assert_int_equal(fr_feed_init(&feed, list, &one, 1, 64, 1, 0, NULL), 0);
    fr_piece *pieces = NULL;
    size_t cap = 0, moved = 0;
    int32_t order[2][26];
    for (int epoch = 0; epoch < 2; epoch++) {
        int seen[300] = { 0 };
        assert_int_equal(fr_feed_next(&feed, 26 * 4, &pieces, &cap), 26);
        for (size_t i = 0; i < 26; i++) {
            order[epoch][i] = pieces[i].ids[1];
            assert_int_equal(seen[pieces[i].ids[1]]++, 0);
        }
    }
    for (size_t i = 0; i < 26; i++)
        moved += order[0][i] != order[1][i];
    assert_true(moved > 10);
    free(pieces);
}

static void a_question_longer_than_the_sequence_is_left_out_and_counted(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_tokenizer) t = bytes_tokenizer();
    FR_AUTO(fr_corpus) c = { 0 };
    add_rows(&c, t, 'a', 2, 40);
    add_rows(&c, t, 'b', 3, 4);
    const fr_corpus *const list[] = { &c };
    const double one = 1;
    {
        FR_AUTO(fr_feed) feed = { 0 };
        assert_int_equal(fr_feed_init(&feed, list, &one, 1, 16, 1, 0, NULL), 0);
        assert_int_equal(feed.sources[0].n_dropped, 2);
        assert_int_equal(feed.sources[0].n_pieces, 3);
    }
    FR_AUTO(fr_feed) none = { 0 };
    fr_err err = { 0 };
    c.name = fr_dup("rows.jsonl");
    assert_int_equal(fr_feed_init(&none, list, &one, 1, 4, 1, 0, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "rows.jsonl"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_falls_on_the_answer_and_the_end_only),
        cmocka_unit_test(in_a_document_of_turns_loss_falls_on_each_answer),
        cmocka_unit_test(text_without_a_question_carries_loss_everywhere_and_is_cut),
        cmocka_unit_test(a_mix_keeps_its_ratio_of_tokens_whatever_the_rows_lengths),
        cmocka_unit_test(every_row_comes_once_an_epoch_and_the_next_epoch_is_shuffled_anew),
        cmocka_unit_test(a_question_longer_than_the_sequence_is_left_out_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
