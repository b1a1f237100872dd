/* hf_vocab_test.c: a tokenizer.json gives the ids of HF tokenizers, read as it is and through the
 * keys of a GGUF file; a SentencePiece model is read; what cannot be done is refused by name.
 * Fixtures and their script: tests/fixtures/text/make_hf_tokenizers.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/mem.h"
#include "model/hf_vocab.h"
#include "model/model.h"

#define FIXTURES FR_SOURCE_DIR "/tests/fixtures/text/hf/"

static const char *const NAMES[] = { "gpt2",       "prefixed", "qwen2",       "own_patterns",
                                     "llama",      "gemma",    "mistral",     "bert",
                                     "bert_cased", "t5",       "t5_charsmap", "unigram_blanks" };

static void read_vocab(const char *name, fr_hf_vocab *v)
{
    char path[256];
    FR_AUTO(fr_buf) text = { 0 };
    fr_err err = { 0 };
    snprintf(path, sizeof(path), FIXTURES "%s.json", name);
    assert_int_equal(fr_file_read(path, 1 << 20, &text, NULL), 0);
    if (fr_hf_vocab_parse(text.at, text.n, v, &err) != 0)
        fail_msg("%s: %s", name, err.what);
}

static void ids_are_those_expected(const char *name, const fr_tokenizer *t)
{
    char path[256];
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTO(fr_ids) ids = { 0 };
    fr_str rest, line;
    snprintf(path, sizeof(path), FIXTURES "%s.lines", name);
    assert_int_equal(fr_file_read(path, 1 << 20, &text, NULL), 0);
    rest = fr_str_trim(fr_buf_str(&text));
    for (size_t n = 1; fr_str_next(&rest, '\n', &line); n++) {
        json_t *row = json_loadb(line.at, line.n, JSON_ALLOW_NUL, NULL);
        const json_t *in = json_array_get(row, 0), *out = json_array_get(row, 1);
        fr_ids_clear(&ids);
        assert_int_equal(
            fr_tokenizer_encode(t, (fr_str){ json_string_value(in), json_string_length(in) },
                                FR_ENCODE_BOS | FR_ENCODE_SPECIAL, &ids, NULL),
            0);
        bool same = ids.n == json_array_size(out);
        for (size_t i = 0; i < ids.n && same; i++)
            same = ids.at[i] == json_integer_value(json_array_get(out, i));
        if (!same)
            fail_msg("%s.lines:%zu: the ids of '%s' differ", name, n, json_string_value(in));
        json_decref(row);
    }
}

static void ids_are_those_of_hf_tokenizers(void **state)
{
    (void)state;
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        FR_AUTO(fr_hf_vocab) v = { 0 };
        FR_AUTOPTR(fr_tokenizer) t = NULL;
        read_vocab(NAMES[i], &v);
        assert_int_equal(fr_hf_vocab_tokenizer(&v, &t, NULL), 0);
        ids_are_those_expected(NAMES[i], t);
    }
}

static void they_are_the_same_through_the_keys_of_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/hf_vocab_test.XXXXXX";
    close(mkstemp(path));
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        FR_AUTO(fr_hf_vocab) v = { 0 };
        FR_AUTOPTR(fr_tokenizer) t = NULL;
        FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
        fr_err err = { 0 };
        read_vocab(NAMES[i], &v);
        fr_hf_vocab_put(&v, o);
        assert_int_equal(fr_gguf_write(o, path, NULL), 0);
        if (fr_model_vocab_open(path, &t, &err) != 0)
            fail_msg("%s: %s", NAMES[i], err.what);
        ids_are_those_expected(NAMES[i], t);
    }
    unlink(path);
}

static void patterns_that_have_a_published_name_get_it(void **state)
{
    (void)state;
    const struct {
        const char *file, *name; /* NULL: none */
    } CASES[] = { { "gpt2", "gpt-2" }, { "qwen2", "qwen2" }, { "own_patterns", NULL } };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        FR_AUTO(fr_hf_vocab) v = { 0 };
        read_vocab(CASES[i].file, &v);
        if (CASES[i].name == NULL)
            assert_null(v.pre);
        else
            assert_string_equal(v.pre, CASES[i].name);
    }
}

static void refused(const char *text, const char *says)
{
    FR_AUTO(fr_hf_vocab) v = { 0 };
    fr_err err = { 0 };
    assert_int_not_equal(fr_hf_vocab_parse(text, strlen(text), &v, &err), 0);
    if (strstr(err.what, says) == NULL)
        fail_msg("'%s' does not say '%s'", err.what, says);
}

#define BYTES(more)                                                                                \
    "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,"  \
    "\"b\":1},\"merges\":[]" more

#define UNIGRAM(vocab)                                                                             \
    "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\"},"                 \
    "\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":" vocab "}}"

static void what_cannot_be_done_is_refused_by_name(void **state)
{
    (void)state;
    refused("", "tokenizer.json:");
    refused("[]", "no object");
    refused("{}", "kind '?'");
    refused("{\"model\":{\"type\":\"WordLevel\"}}", "'WordLevel'");
    refused(BYTES(",\"dropout\":0.1}}"), "dropout");
    refused(BYTES(",\"end_of_word_suffix\":\"</w>\"}}"), "end_of_word_suffix");
    refused(BYTES("},\"normalizer\":{\"type\":\"Lowercase\"}}"), "Lowercase");
    refused(BYTES("},\"added_tokens\":[{\"id\":900000,\"content\":\"x\"}]}"), "id");
    refused(BYTES("},\"added_tokens\":[{\"id\":1,\"content\":\"x\"}]}"),
            "two tokens have the id 1");
    refused("{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
            "\"pattern\":{\"Regex\":\"\\\\h\"},\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\"}"
            "]},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
            "'\\h'");
    refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}", "spaces stay");
    refused("{\"normalizer\":{\"type\":\"Lowercase\"}," UNIGRAM("[]"), "'Lowercase'");
    refused(
        "{\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"A!\"}," UNIGRAM("[]"),
        "base64");
    refused("{" UNIGRAM("[[\"a\"]]"), "a text and its score");
    refused("{" UNIGRAM("[[\"a\",0]]"), "without a piece U+2581");
}

static void a_sentencepiece_model_is_read(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) bytes = { 0 };
    FR_AUTO(fr_hf_vocab) v = { 0 };
    FR_AUTOPTR(fr_tokenizer) t = NULL;
    FR_AUTO(fr_ids) ids = { 0 };
    fr_err err = { 0 };
    assert_int_equal(
        fr_file_read(FR_SOURCE_DIR "/fuzz/corpus/sentencepiece/small", 1 << 16, &bytes, NULL), 0);
    assert_int_equal(fr_sentencepiece_parse(bytes.at, bytes.n, &v, NULL), 0);
    assert_int_equal(v.types[0], FR_TOKEN_UNKNOWN);
    assert_int_equal(v.types[1], FR_TOKEN_CONTROL);
    assert_int_equal(v.types[3], FR_TOKEN_BYTE);
    assert_int_equal(fr_hf_vocab_tokenizer(&v, &t, NULL), 0);
    assert_int_equal(fr_tokenizer_encode(t, FR_STR("the"), FR_ENCODE_BOS, &ids, NULL), 0);
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.at[0], 1);
    assert_true(fr_str_is(fr_tokenizer_piece(t, ids.at[1]), " the"));
    for (size_t n = 0; n < bytes.n; n++) { /* cut anywhere: an error, or fewer pieces */
        FR_AUTO(fr_hf_vocab) cut = { 0 };
        if (fr_sentencepiece_parse(bytes.at, n, &cut, &err) != 0)
            assert_true(err.what[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_those_of_hf_tokenizers),
        cmocka_unit_test(they_are_the_same_through_the_keys_of_a_file),
        cmocka_unit_test(patterns_that_have_a_published_name_get_it),
        cmocka_unit_test(what_cannot_be_done_is_refused_by_name),
        cmocka_unit_test(a_sentencepiece_model_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
