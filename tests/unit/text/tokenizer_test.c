/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "fixture.h"
#include "model/model.h"
#include "support/plain_vocab.h"

static fr_tokenizer *opened(const char *name)
{
    char *path = fr_dup_f("%s/tests/fixtures/text/%s", FR_SOURCE_DIR, name);
    fr_err err = { 0 };
    fr_tokenizer *t = plain_vocab_open(path, &err);
    if (t == NULL)
        fail_msg("%s", err.what);
    free(path);
    return t;
}

static void comes_back(const fr_tokenizer *t, fr_str text)
{
    FR_AUTO(fr_ids) ids = { 0 };
    FR_AUTO(fr_buf) back = { 0 };
    assert_int_equal(fr_tokenizer_encode(t, text, 0, &ids, NULL), 0);
    fr_tokenizer_decode(t, ids.at, ids.n, false, &back);
    if (!fr_str_equal(fr_buf_str(&back), text))
        fail_msg("'%.*s' came back as '%s'", FR_STR_F(text), fr_buf_text(&back));
}

static void bytes_that_are_not_utf8_come_back_as_they_were(void **state)
{
    (void)state;
    static const char *const VOCABS[] = { "bpe.vocab", "bpe_llama3.vocab", "spm.vocab" };
    for (size_t v = 0; v < FR_COUNT_OF(VOCABS); v++) {
        FR_AUTOPTR(fr_tokenizer) t = opened(VOCABS[v]);
        comes_back(t, FR_STR("a\xFF\xFE b\xC3 \xE2\x82"));
        char all[256];
        for (int i = 0; i < 256; i++)
            all[i] = (char)i;
        comes_back(t, (fr_str){ all, 256 });
    }
}

/* A word of half a million letters, and as many spaces: time grows hardly faster than length. */
static void long_words_do_not_take_quadratic_time(void **state)
{
    (void)state;
    static const char *const VOCABS[] = { "bpe.vocab", "bpe_llama3.vocab", "spm.vocab" };
    for (size_t v = 0; v < FR_COUNT_OF(VOCABS); v++) {
        FR_AUTOPTR(fr_tokenizer) t = opened(VOCABS[v]);
        enum { LONG = 500000 };
        char *text = malloc(LONG);
        for (size_t i = 0; i < LONG; i++)
            text[i] = (char)('a' + i * i % 23);
        double before_s = fr_cpu_self_s();
        comes_back(t, (fr_str){ text, LONG });
        memset(text, ' ', LONG);
        comes_back(t, (fr_str){ text, LONG });
        memset(text, 't', LONG);
        comes_back(t, (fr_str){ text, LONG });
        assert_true(fr_cpu_self_s() - before_s < 60); /* quadratic would be hours */
        free(text);
    }
}

static void control_tokens_in_text_are_taken_only_when_asked_for(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_tokenizer) t = opened("bpe.vocab");
    FR_AUTO(fr_ids) ids = { 0 };
    fr_tokenizer_encode(t, FR_STR("<|end|>"), FR_ENCODE_SPECIAL, &ids, NULL);
    assert_int_equal(ids.n, 1);
    assert_true(fr_tokenizer_is_control(t, ids.at[0]));
    fr_ids_clear(&ids);
    fr_tokenizer_encode(t, FR_STR("<|end|>"), FR_ENCODE_PLAIN, &ids, NULL);
    for (size_t i = 0; i < ids.n; i++)
        assert_false(fr_tokenizer_is_control(t, ids.at[i]));
    FR_AUTOPTR(fr_tokenizer) spm = opened("spm.vocab");
    fr_ids_clear(&ids);
    fr_tokenizer_encode(spm, FR_STR("</s><s><unk><0x41>"), FR_ENCODE_PLAIN, &ids, NULL);
    for (size_t i = 0; i < ids.n; i++)
        assert_false(fr_tokenizer_is_control(spm, ids.at[i]) || ids.at[i] == 0);
}

static void decoding_leaves_control_tokens_out_unless_asked(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_tokenizer) t = opened("spm.vocab");
    FR_AUTO(fr_ids) ids = { 0 };
    fr_ids_put(&ids, fr_tokenizer_bos(t));
    fr_tokenizer_encode(t, FR_STR("the  water"), 0, &ids, NULL);
    fr_ids_put(&ids, fr_tokenizer_eos(t));
    fr_ids_put(&ids, 1 << 30); /* nobody's token: nothing */
    FR_AUTO(fr_buf) out = { 0 };
    fr_tokenizer_decode(t, ids.at, ids.n, false, &out);
    assert_string_equal(fr_buf_text(&out), "the  water");
    fr_buf_clear(&out);
    fr_tokenizer_decode(t, ids.at, ids.n, true, &out);
    assert_string_equal(fr_buf_text(&out), "<s>the  water</s>");
}

static void text_that_goes_on_gets_no_space_before_it(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_tokenizer) t = opened("spm.vocab");
    FR_AUTO(fr_ids) ids = { 0 };
    fr_tokenizer_encode(t, FR_STR(" water"), FR_ENCODE_CONTINUES, &ids, NULL);
    FR_AUTO(fr_ids) start = { 0 };
    fr_tokenizer_encode(t, FR_STR("water"), 0, &start, NULL);
    assert_int_equal(ids.n, start.n);
    assert_memory_equal(ids.at, start.at, ids.n * sizeof(*ids.at));
}

static void note(void *user, fr_log_level level, const char *line)
{
    (void)level;
    fr_buf_put_s(user, line);
    fr_buf_put_c(user, '\n');
}

static void an_unknown_pre_tokenizer_is_named_once_and_works(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) log = { 0 };
    fr_log_to(note, &log, FR_LOG_WARN);
    fr_str tokens[] = { FR_STR("a"), FR_STR("b"), FR_STR("ab") }, merges[] = { FR_STR("a b") };
    fr_vocab v = { .kind = FR_VOCAB_BPE,
                   .pre = "klingon-9",
                   .tokens = tokens,
                   .n = 3,
                   .merges = merges,
                   .n_merges = 1,
                   .bos = -1,
                   .eos = -1,
                   .unk = -1,
                   .pad = -1 };
    for (int i = 0; i < 2; i++) {
        FR_AUTOPTR(fr_tokenizer) t = NULL;
        assert_int_equal(fr_tokenizer_new(&v, &t, NULL), 0);
        FR_AUTO(fr_ids) ids = { 0 };
        fr_tokenizer_encode(t, FR_STR("ab?"), 0, &ids, NULL);
        assert_int_equal(ids.n, 1); /* no token for '?', and none for what is unknown */
        assert_int_equal(ids.at[0], 2);
    }
    fr_log_to(NULL, NULL, FR_LOG_NONE);
    const char *first = strstr(fr_buf_text(&log), "klingon-9");
    assert_non_null(first);
    assert_null(strstr(first + 1, "klingon-9"));
}

static void a_damaged_vocabulary_is_refused(void **state)
{
    (void)state;
    fr_str tokens[] = { FR_STR("a"), FR_STR("b"), FR_STR("ab") };
    fr_str bad[] = { FR_STR("ab"), FR_STR("a c"), FR_STR("b a"), FR_STR(""), FR_STR("   ") };
    fr_tokenizer *t = NULL;
    fr_vocab good = {
        .kind = FR_VOCAB_BPE, .tokens = tokens, .n = 3, .bos = -1, .eos = -1, .unk = -1, .pad = -1
    };
    for (size_t i = 0; i < FR_COUNT_OF(bad); i++) {
        fr_vocab v = good;
        v.merges = &bad[i];
        v.n_merges = 1;
        assert_int_equal(fr_tokenizer_new(&v, &t, NULL), FR_E_FORMAT);
    }
    fr_vocab v = good;
    v.bos = 3;
    assert_int_equal(fr_tokenizer_new(&v, &t, NULL), FR_E_FORMAT);
    v = good;
    v.kind = FR_VOCAB_SPM;
    assert_int_equal(fr_tokenizer_new(&v, &t, NULL), FR_E_FORMAT); /* no scores */
    v = good;
    v.n = 0;
    assert_int_equal(fr_tokenizer_new(&v, &t, NULL), FR_E_FORMAT);
    v = good;
    v.kind = FR_VOCAB_NONE;
    assert_int_equal(fr_tokenizer_new(&v, &t, NULL), FR_E_UNSUPPORTED);
}

/* A tree that leads out of the table, and one that is longer than what is there. */
static void a_damaged_table_of_replaced_characters_is_refused_or_harmless(void **state)
{
    (void)state;
    fr_str tokens[] = { FR_STR("a"), FR_STR("b") };
    float scores[] = { -1, -2 };
    uint8_t longer[] = { 200, 0, 0, 0, 1, 2, 3, 4 };
    uint8_t astray[] = { 4, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F, 'x' };
    fr_tokenizer *t = NULL;
    fr_vocab v = { .kind = FR_VOCAB_UNIGRAM,
                   .tokens = tokens,
                   .scores = scores,
                   .n = 2,
                   .bos = -1,
                   .eos = -1,
                   .unk = -1,
                   .pad = -1,
                   .charsmap = longer,
                   .n_charsmap = sizeof(longer) };
    assert_int_equal(fr_tokenizer_new(&v, &t, NULL), FR_E_FORMAT);
    v.n_charsmap = 3;
    assert_int_equal(fr_tokenizer_new(&v, &t, NULL), FR_E_FORMAT);
    v.charsmap = astray;
    v.n_charsmap = sizeof(astray);
    assert_int_equal(fr_tokenizer_new(&v, &t, NULL), 0);
    FR_AUTO(fr_ids) ids = { 0 };
    assert_int_equal(fr_tokenizer_encode(t, FR_STR("abcab"), 0, &ids, NULL), 0);
    assert_int_equal(ids.n, 4); /* no unknown token to give for the c */
    fr_tokenizer_free(t);
    scores[1] = NAN;
    v.n_charsmap = 0;
    assert_int_equal(fr_tokenizer_new(&v, &t, NULL), FR_E_FORMAT);
}

/* ---- published strings and ids of real vocabularies ------------------------------------------ */

/* Tables of a GGUF file, read here so that a file with only a vocabulary will do. */
static fr_tokenizer *from_gguf(const char *path)
{
    FR_AUTOPTR(fr_gguf) g = NULL;
    fr_err err = { 0 };
    if (fr_gguf_open(path, &g, &err) != 0)
        fail_msg("%s", err.what);
    fr_vocab v = { .bos = -1, .eos = -1, .unk = -1, .pad = -1 };
    fr_str model, pre = { 0 };
    assert_true(fr_gguf_get_str(g, "tokenizer.ggml.model", &model));
    v.kind = fr_str_is(model, "gpt2")   ? FR_VOCAB_BPE
             : fr_str_is(model, "bert") ? FR_VOCAB_WORDPIECE
                                        : FR_VOCAB_SPM;
    int64_t unknown = -1;
    fr_gguf_get_i64(g, "tokenizer.ggml.unknown_token_id", &unknown);
    v.unk = (int32_t)unknown;
    v.add_space_prefix = v.kind == FR_VOCAB_SPM;
    fr_gguf_get_str(g, "tokenizer.ggml.pre", &pre);
    char *pre_text = fr_str_dup(pre);
    v.pre = pre_text;
    fr_gguf_array(g, "tokenizer.ggml.tokens", &v.n);
    fr_gguf_array(g, "tokenizer.ggml.merges", &v.n_merges);
    fr_str *tokens = FR_NEW_N(fr_str, v.n), *merges = FR_NEW_N(fr_str, v.n_merges);
    float *scores = FR_NEW_N(float, v.n);
    uint8_t *types = FR_NEW_N(uint8_t, v.n);
    for (size_t i = 0; i < v.n; i++) {
        double score = 0;
        int64_t type = FR_TOKEN_NORMAL;
        fr_gguf_array_str(g, "tokenizer.ggml.tokens", i, &tokens[i]);
        fr_gguf_array_f64(g, "tokenizer.ggml.scores", i, &score);
        fr_gguf_array_i64(g, "tokenizer.ggml.token_type", i, &type);
        scores[i] = (float)score;
        types[i] = (uint8_t)type;
    }
    for (size_t i = 0; i < v.n_merges; i++)
        fr_gguf_array_str(g, "tokenizer.ggml.merges", i, &merges[i]);
    v.tokens = tokens;
    v.merges = merges;
    v.scores = scores;
    v.types = types;
    fr_tokenizer *t = NULL;
    if (fr_tokenizer_new(&v, &t, &err) != 0)
        fail_msg("%s", err.what);
    free(tokens);
    free(merges);
    free(scores);
    free(types);
    free(pre_text);
    return t;
}

static void gives_the_published_ids(const char *name)
{
    char *path = shared_path(name);
    if (path == NULL) {
        print_message("%s is not there\n", name);
        skip();
    }
    FR_AUTOPTR(fr_tokenizer) t = from_gguf(path);
    FR_AUTO(fr_buf) texts = { 0 };
    FR_AUTO(fr_buf) expected = { 0 };
    char *inp = fr_dup_f("%s.inp", path), *out = fr_dup_f("%s.out", path);
    assert_int_equal(fr_file_read(inp, 1 << 20, &texts, NULL), 0);
    assert_int_equal(fr_file_read(out, 1 << 20, &expected, NULL), 0);
    static const char SEPARATOR[] = "\n__ggml_vocab_test__\n";
    fr_str rest = fr_buf_str(&texts), lines = fr_buf_str(&expected), line;
    FR_AUTO(fr_ids) ids = { 0 };
    FR_AUTO(fr_buf) got = { 0 };
    size_t n = 0;
    for (size_t at; fr_str_find(rest, fr_str_of(SEPARATOR), &at); n++) {
        fr_str text = { rest.at, at };
        rest =
            (fr_str){ rest.at + at + sizeof(SEPARATOR) - 1, rest.n - at - sizeof(SEPARATOR) + 1 };
        fr_ids_clear(&ids);
        assert_int_equal(fr_tokenizer_encode(t, text, 0, &ids, NULL), 0);
        fr_buf_clear(&got);
        for (size_t i = 0; i < ids.n; i++)
            fr_buf_put_f(&got, " %d", ids.at[i]);
        assert_true(fr_str_next(&lines, '\n', &line));
        if (!fr_str_equal(fr_str_trim(line), fr_str_trim(fr_buf_str(&got))))
            fail_msg("'%.*s' gives%s, published is %.*s", FR_STR_F(text), fr_buf_text(&got),
                     FR_STR_F(line));
    }
    assert_in_range(n, 40, 60);
    free(inp);
    free(out);
    free(path);
}

static void gpt_2_gives_its_published_ids(void **state)
{
    (void)state;
    gives_the_published_ids("data/tokenizers/ggml-vocab-gpt-2.gguf");
}

static void llama_spm_gives_its_published_ids(void **state)
{
    (void)state;
    gives_the_published_ids("data/tokenizers/ggml-vocab-llama-spm.gguf");
}

static void bert_gives_its_published_ids(void **state)
{
    (void)state;
    gives_the_published_ids("data/tokenizers/ggml-vocab-bert-bge.gguf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_not_utf8_come_back_as_they_were),
        cmocka_unit_test(long_words_do_not_take_quadratic_time),
        cmocka_unit_test(control_tokens_in_text_are_taken_only_when_asked_for),
        cmocka_unit_test(decoding_leaves_control_tokens_out_unless_asked),
        cmocka_unit_test(text_that_goes_on_gets_no_space_before_it),
        cmocka_unit_test(an_unknown_pre_tokenizer_is_named_once_and_works),
        cmocka_unit_test(a_damaged_vocabulary_is_refused),
        cmocka_unit_test(a_damaged_table_of_replaced_characters_is_refused_or_harmless),
        cmocka_unit_test(gpt_2_gives_its_published_ids),
        cmocka_unit_test(llama_spm_gives_its_published_ids),
        cmocka_unit_test(bert_gives_its_published_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
