/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "text/tokenizer.h"

enum { MAX_WORDS = 4000, MAX_LETTERS = 16 };

/* Texts of letters, so that a word is what stands between spaces (the space goes with the word
 * after it). Few letters: many ties, and tokens reached by two ways of merging. */
static char *random_words(uint64_t seed, size_t n_words, unsigned letters)
{
    fr_buf out = { 0 };
    uint64_t at = 0;
    for (size_t w = 0; w < n_words; w++) {
        if (w > 0)
            fr_buf_put_c(&out, ' ');
        size_t n = 1 + fr_random_below(MAX_LETTERS - 4, seed, FR_RANDOM_TEST, 0, at++);
        for (size_t i = 0; i < n; i++)
            fr_buf_put_c(&out,
                         (char)('a' + fr_random_below(letters, seed, FR_RANDOM_TEST, 0, at++)));
    }
    return fr_buf_take(&out);
}

/* The definition, by brute force: count all pairs anew after each merge. */
typedef struct {
    char words[MAX_WORDS][MAX_LETTERS][MAX_LETTERS + 2]; /* each a row of strings */
    size_t n[MAX_WORDS], n_words;
    char tokens[2048][MAX_LETTERS + 2];
    size_t n_tokens;
} brute;

static int id_of(const brute *b, const char *token)
{
    for (size_t i = 0; i < b->n_tokens; i++) {
        if (strcmp(b->tokens[i], token) == 0)
            return (int)i;
    }
    return -1;
}

static void brute_start(brute *b, const char *text)
{
    memset(b, 0, sizeof(*b));
    for (int byte = 0; byte < 256; byte++)
        b->tokens[b->n_tokens++][0] = (char)byte;
    for (const char *at = text; *at != '\0';) {
        size_t w = b->n_words++;
        do {
            b->words[w][b->n[w]++][0] = *at++;
        } while (*at != '\0' && *at != ' ');
    }
}

static bool brute_merge(brute *b, int *left, int *right)
{
    enum { SIDE = 512 };
    static long long counts[SIDE][SIDE];
    memset(counts, 0, sizeof(counts));
    for (size_t w = 0; w < b->n_words; w++) {
        for (size_t i = 0; i + 1 < b->n[w]; i++)
            counts[id_of(b, b->words[w][i])][id_of(b, b->words[w][i + 1])]++;
    }
    long long best = 1;
    for (int l = 0; l < SIDE; l++) {
        for (int r = 0; r < SIDE; r++) {
            if (counts[l][r] > best) {
                best = counts[l][r];
                *left = l;
                *right = r;
            }
        }
    }
    if (best < 2)
        return false;
    char joined[2 * MAX_LETTERS + 4];
    snprintf(joined, sizeof(joined), "%s%s", b->tokens[*left], b->tokens[*right]);
    if (id_of(b, joined) < 0)
        strcpy(b->tokens[b->n_tokens++], joined);
    for (size_t w = 0; w < b->n_words; w++) {
        for (size_t i = 0; i + 1 < b->n[w]; i++) {
            if (strcmp(b->words[w][i], b->tokens[*left]) != 0 ||
                strcmp(b->words[w][i + 1], b->tokens[*right]) != 0)
                continue;
            strcpy(b->words[w][i], joined);
            memmove(b->words[w][i + 1], b->words[w][i + 2],
                    (b->n[w] - i - 2) * sizeof(b->words[w][0]));
            b->n[w]--;
        }
    }
    return true;
}

/* "Ġ" is how a space stands in a byte-level vocabulary. */
static void as_stored(const char *token, char *out)
{
    for (; *token != '\0'; token++) {
        if (*token == ' ')
            *out++ = '\xC4', *out++ = '\xA0';
        else
            *out++ = *token;
    }
    *out = '\0';
}

static void merges_are_those_of_the_definition(void **state)
{
    (void)state;
    brute *b = malloc(sizeof(*b));
    for (uint64_t seed = 1; seed <= 6; seed++) {
        char *text = random_words(seed, 150 * seed, (unsigned)(1 + seed));
        fr_str texts[] = { fr_str_of(text) };
        FR_AUTO(fr_bpe) learnt = { 0 };
        assert_int_equal(fr_bpe_train(texts, 1, NULL, 0, 256 + 120, &learnt, NULL), 0);
        brute_start(b, text);
        for (size_t m = 0; m < learnt.n_merges; m++) {
            int left = -1, right = -1;
            assert_true(brute_merge(b, &left, &right));
            char l[64], r[64], line[160];
            as_stored(b->tokens[left], l);
            as_stored(b->tokens[right], r);
            snprintf(line, sizeof(line), "%s %s", l, r);
            if (!fr_str_is(learnt.merges[m], line))
                fail_msg("seed %d, merge %zu is '%.*s', by the definition '%s'", (int)seed, m,
                         FR_STR_F(learnt.merges[m]), line);
        }
        assert_int_equal(b->n_tokens, learnt.n);
        free(text);
    }
    free(b);
}

static void control_tokens_come_first_then_bytes_then_merges(void **state)
{
    (void)state;
    static const char *const SPECIAL[] = { "<|end|>", "<|user|>" };
    fr_str texts[] = { FR_STR("low lower lowest"), FR_STR(" low") };
    FR_AUTO(fr_bpe) b = { 0 };
    assert_int_equal(fr_bpe_train(texts, 2, SPECIAL, 2, 2 + 256 + 3, &b, NULL), 0);
    assert_true(fr_str_is(b.tokens[0], "<|end|>"));
    assert_int_equal(b.types[1], FR_TOKEN_CONTROL);
    assert_int_equal(b.types[2], FR_TOKEN_NORMAL);
    assert_true(fr_str_is(b.tokens[2 + 'a'], "a"));
    assert_true(fr_str_is(b.tokens[2 + ' '], "\xC4\xA0"));
    assert_true(
        fr_str_is(b.tokens[258], "lo")); /* l o and o w stand four times: smaller ids first */
    assert_true(fr_str_is(b.merges[0], "l o"));
    assert_true(fr_str_is(b.tokens[259], "low"));
}

static void what_was_learnt_encodes_and_decodes(void **state)
{
    (void)state;
    char *text = random_words(7, 500, 5);
    fr_str texts[] = { fr_str_of(text) };
    FR_AUTO(fr_bpe) b = { 0 };
    assert_int_equal(fr_bpe_train(texts, 1, NULL, 0, 400, &b, NULL), 0);
    fr_vocab v = { .kind = FR_VOCAB_BPE,
                   .pre = "gpt-2",
                   .tokens = b.tokens,
                   .types = b.types,
                   .n = b.n,
                   .merges = b.merges,
                   .n_merges = b.n_merges,
                   .bos = -1,
                   .eos = -1,
                   .unk = -1,
                   .pad = -1 };
    FR_AUTOPTR(fr_tokenizer) t = NULL;
    assert_int_equal(fr_tokenizer_new(&v, &t, NULL), 0);
    FR_AUTO(fr_ids) ids = { 0 };
    assert_int_equal(fr_tokenizer_encode(t, texts[0], 0, &ids, NULL), 0);
    assert_true(ids.n < texts[0].n / 2);
    FR_AUTO(fr_buf) back = { 0 };
    fr_tokenizer_decode(t, ids.at, ids.n, false, &back);
    assert_true(fr_str_equal(fr_buf_str(&back), texts[0]));
    free(text);
}

static void a_text_with_nothing_to_merge_gives_the_bytes(void **state)
{
    (void)state;
    fr_str texts[] = { FR_STR("abc") };
    FR_AUTO(fr_bpe) b = { 0 };
    assert_int_equal(fr_bpe_train(texts, 1, NULL, 0, 1000, &b, NULL), 0);
    assert_int_equal(b.n, 256);
    FR_AUTO(fr_bpe) none = { 0 };
    assert_int_equal(fr_bpe_train(NULL, 0, NULL, 0, 256, &none, NULL), 0);
    fr_err err = { 0 };
    assert_int_equal(fr_bpe_train(texts, 1, NULL, 0, 255, &none, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "255"));
}

/* `bpe_train_test FILE N` says how long N tokens take. */
static int measure(const char *path, const char *n)
{
    FR_AUTO(fr_buf) text = { 0 };
    fr_err err = { 0 };
    FR_AUTO(fr_bpe) b = { 0 };
    if (fr_file_read(path, (size_t)1 << 30, &text, &err) != 0)
        return 1;
    int64_t from = fr_now_monotonic_ns();
    fr_str texts[] = { fr_buf_str(&text) };
    if (fr_bpe_train(texts, 1, NULL, 0, (size_t)atol(n), &b, &err) != 0)
        return 1;
    printf("%zu tokens from %zu bytes in %.2f s\n", b.n, text.n,
           (double)(fr_now_monotonic_ns() - from) * 1e-9);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return measure(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_are_those_of_the_definition),
        cmocka_unit_test(control_tokens_come_first_then_bytes_then_merges),
        cmocka_unit_test(what_was_learnt_encodes_and_decodes),
        cmocka_unit_test(a_text_with_nothing_to_merge_gives_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
