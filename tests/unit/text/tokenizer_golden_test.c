/* Token ids are those of the reference implementations.
 *
 * Without arguments: the small vocabularies in tests/fixtures/text, whose ids HF tokenizers and
 * SentencePiece gave (make_golden.py beside them), and the published test strings of real
 * vocabularies where ../shared has them. With arguments VOCAB LINES [PRE]: any other pair of
 * files of that form; tests/fixtures/text/compare_random.py runs it so on random Unicode strings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/plain_vocab.h"
#include "text/utf8.h"

/* Lines are "HEX<TAB>FLAGS<TAB>id id id<TAB>HEX": text, fr_tokenizer_encode's flags, its ids, and
 * the text that they decode to ("-": not compared). Returns how many lines differ. */
static size_t compare(const fr_tokenizer *t, const char *lines_path, size_t *n_lines)
{
    FR_AUTO(fr_buf) lines = { .limit_bytes = (size_t)1 << 30 };
    fr_err err = { 0 };
    if (fr_file_read(lines_path, (size_t)1 << 30, &lines, &err) != 0)
        fail_msg("%s", err.what);
    FR_AUTO(fr_ids) ids = { 0 };
    FR_AUTO(fr_buf) back = { 0 };
    fr_str rest = fr_buf_str(&lines), line;
    size_t wrong = 0;
    *n_lines = 0;
    while (fr_str_next(&rest, '\n', &line)) {
        if (line.n == 0)
            continue;
        fr_str hex, flags, expected, decoded, one;
        fr_str_next(&line, '\t', &hex);
        fr_str_next(&line, '\t', &flags);
        fr_str_next(&line, '\t', &expected);
        decoded = line;
        size_t n = 0, at = 0;
        char *text = unhex(hex, &n);
        fr_ids_clear(&ids);
        assert_int_equal(fr_tokenizer_encode(t, (fr_str){ text, n }, flags.at[0] - '0', &ids, &err),
                         0);
        bool same = true;
        while (fr_str_next(&expected, ' ', &one)) {
            long long id = -1;
            if (one.n == 0)
                continue;
            fr_str_to_i64(one, &id);
            same = same && at < ids.n && ids.at[at] == id;
            at++;
        }
        same = same && at == ids.n;
        if (!fr_str_is(decoded, "-")) {
            size_t back_n = 0;
            char *wanted = unhex(decoded, &back_n);
            fr_buf_clear(&back);
            fr_tokenizer_decode(t, ids.at, ids.n, false, &back);
            same = same && fr_str_equal(fr_buf_str(&back), (fr_str){ wanted, back_n });
            free(wanted);
        }
        if (!same && wrong++ < 20) {
            print_error("text %.*s gives", FR_STR_F(hex));
            for (size_t i = 0; i < ids.n; i++)
                print_error(" %d", ids.at[i]);
            print_error("\n");
        }
        free(text);
        (*n_lines)++;
    }
    return wrong;
}

static void holds_as(const char *vocab_path, const char *pre, const char *lines_path)
{
    fr_err err = { 0 };
    FR_AUTOPTR(fr_tokenizer) t = plain_vocab_open_as(vocab_path, pre, &err);
    if (t == NULL)
        fail_msg("%s", err.what);
    size_t n = 0;
    assert_int_equal(compare(t, lines_path, &n), 0);
    assert_true(n > 0);
}

static void holds_for(const char *vocab_path, const char *lines_path)
{
    holds_as(vocab_path, NULL, lines_path);
}

#define FIXTURE(name) FR_SOURCE_DIR "/tests/fixtures/text/" name

static void byte_level_bpe_gives_the_ids_of_hf_tokenizers(void **state)
{
    (void)state;
    holds_for(FIXTURE("bpe.vocab"), FIXTURE("bpe.lines"));
}

static void llama_3_splitting_gives_the_ids_of_hf_tokenizers(void **state)
{
    (void)state;
    holds_for(FIXTURE("bpe_llama3.vocab"), FIXTURE("bpe_llama3.lines"));
}

/* One vocabulary, whose merges cross all boundaries, so that every split shows. */
static void each_kind_of_splitting_gives_the_ids_of_hf_tokenizers(void **state)
{
    (void)state;
    static const char *const KINDS[] = { "gpt-4o",         "tekken", "falcon", "deepseek-v3",
                                         "deepseek-coder", "bloom",  "viking" };
    for (size_t i = 0; i < FR_COUNT_OF(KINDS); i++) {
        char path[256];
        snprintf(path, sizeof(path), FIXTURE("bpe_%s.lines"), KINDS[i]);
        holds_as(FIXTURE("bpe_across.vocab"), KINDS[i], path);
    }
}

static void spm_gives_the_ids_of_sentencepiece(void **state)
{
    (void)state;
    holds_for(FIXTURE("spm.vocab"), FIXTURE("spm.lines"));
}

static void spm_without_bytes_gives_the_ids_of_sentencepiece(void **state)
{
    (void)state;
    holds_for(FIXTURE("spm_unknown.vocab"), FIXTURE("spm_unknown.lines"));
}

static void wordpiece_gives_the_ids_of_hf_tokenizers(void **state)
{
    (void)state;
    holds_for(FIXTURE("wordpiece.vocab"), FIXTURE("wordpiece.lines"));
    holds_for(FIXTURE("wordpiece_cased.vocab"), FIXTURE("wordpiece_cased.lines"));
}

static void unigram_gives_the_ids_of_sentencepiece(void **state)
{
    (void)state;
    holds_for(FIXTURE("unigram.vocab"), FIXTURE("unigram.lines"));
    holds_for(FIXTURE("unigram_bytes.vocab"), FIXTURE("unigram_bytes.lines"));
}

int main(int argc, char **argv)
{
    if (argc == 3 || argc == 4) {
        fr_err err = { 0 };
        FR_AUTOPTR(fr_tokenizer) t = plain_vocab_open_as(argv[1], argc == 4 ? argv[3] : NULL, &err);
        if (t == NULL) {
            fprintf(stderr, "%s\n", err.what);
            return 1;
        }
        size_t n = 0, wrong = compare(t, argv[2], &n);
        printf("%zu of %zu lines differ\n", wrong, n);
        return wrong > 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_level_bpe_gives_the_ids_of_hf_tokenizers),
        cmocka_unit_test(llama_3_splitting_gives_the_ids_of_hf_tokenizers),
        cmocka_unit_test(each_kind_of_splitting_gives_the_ids_of_hf_tokenizers),
        cmocka_unit_test(spm_gives_the_ids_of_sentencepiece),
        cmocka_unit_test(spm_without_bytes_gives_the_ids_of_sentencepiece),
        cmocka_unit_test(wordpiece_gives_the_ids_of_hf_tokenizers),
        cmocka_unit_test(unigram_gives_the_ids_of_sentencepiece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
