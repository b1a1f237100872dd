/* open_test.c: what a model file must have, and that errors name what it has not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "model/arch.h"
#include "model/model.h"

#define GOLDEN FR_SOURCE_DIR "/tests/fixtures/llama-golden/model.gguf"

/* What a test changes in a copy of the golden model. */
typedef struct {
    const char *drop, *reformat, *reshape;
    const char *key; /* a number instead of the golden one; or */
    uint32_t value;
    const char *text_key, *text; /* a text */
} change;

static int open_changed(const change *c, fr_model **out, fr_err *err)
{
    FR_AUTOPTR(fr_gguf) from = NULL;
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    assert_int_equal(fr_gguf_open(GOLDEN, &from, NULL), 0);
    if (c->key != NULL)
        fr_gguf_put_u32(o, c->key, c->value);
    if (c->text_key != NULL)
        fr_gguf_put_str(o, c->text_key, fr_str_of(c->text));
    fr_gguf_put_all(o, from);
    for (size_t i = 0; i < fr_gguf_n_tensors(from); i++) {
        const fr_tensor *t = fr_gguf_tensor_at(from, i);
        char name[64];
        snprintf(name, sizeof(name), "%.*s", FR_STR_F(t->name));
        if (c->drop != NULL && strcmp(name, c->drop) == 0)
            continue;
        fr_format format = t->format;
        uint64_t dims[2] = { t->dims[0], t->dims[1] };
        if (c->reformat != NULL && strcmp(name, c->reformat) == 0)
            format = (fr_format)9; /* Q8_1 takes less than is there */
        if (c->reshape != NULL && strcmp(name, c->reshape) == 0)
            dims[1] -= 1;
        fr_gguf_put_tensor(o, name, format, dims, t->n_dims, t->data);
    }
    char path[] = "/tmp/frugal-open-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(fr_gguf_write(o, path, NULL), 0);
    int rc = fr_model_open(path, out, err);
    unlink(path);
    return rc;
}

static void assert_refused(change c, int code, const char *said)
{
    fr_model *m = NULL;
    fr_err err = { 0 };
    assert_int_equal(open_changed(&c, &m, &err), code);
    if (strstr(err.what, said) == NULL)
        fail_msg("'%s' does not say '%s'", err.what, said);
    assert_null(m);
}

static void a_model_tells_its_shape_name_and_size(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_model) m = NULL;
    assert_int_equal(fr_model_open(GOLDEN, &m, NULL), 0);
    const fr_shape *s = fr_model_shape(m);
    assert_true(s->n_layers == 2 && s->dim == 32 && s->n_heads == 4 && s->n_kv_heads == 2);
    assert_true(s->head_dim == 8 && s->ffn_dim == 64 && s->n_vocab == 288 && s->context == 64);
    assert_true(s->rope_dim == 8 && !s->tied && s->kv_format == FR_FORMAT_F32);
    assert_string_equal(fr_model_name(m), "golden");
    assert_int_equal(fr_model_n_params(m), 37024);
    assert_int_equal(fr_model_weight_bytes(m), 4 * fr_model_n_params(m));
    assert_int_equal(fr_tokenizer_n_vocab(fr_model_tokenizer(m)), 288);
    assert_int_equal(fr_shape_kv_bytes_per_token(s), 2 * 2 * 16 * 4);
    /* 2 per weight of two layers, 4 per number of a query and position seen, 2 per logit's weight
     */
    assert_true(fr_shape_flops_per_token(s, 9, false) == 2 * 2 * 9216 + 2 * 4 * 10 * 32);
    assert_true(fr_shape_flops_per_token(s, 0, true) - fr_shape_flops_per_token(s, 0, false) ==
                2 * 288 * 32);
    const char *hash, *again;
    assert_int_equal(fr_model_hash(m, &hash, NULL), 0);
    assert_int_equal(fr_model_hash(m, &again, NULL), 0);
    assert_true(strlen(hash) == 64 && hash == again);
}

static void a_missing_tensor_is_named(void **state)
{
    (void)state;
    assert_refused((change){ .drop = "blk.1.ffn_up.weight" }, FR_E_FORMAT,
                   "lacks the tensor 'blk.1.ffn_up.weight'");
    assert_refused((change){ .drop = "token_embd.weight" }, FR_E_FORMAT, "'token_embd.weight'");
}

static void a_tensor_of_another_shape_is_named_with_both_shapes(void **state)
{
    (void)state;
    assert_refused((change){ .reshape = "blk.0.attn_k.weight" }, FR_E_FORMAT,
                   "'blk.0.attn_k.weight' is 15 × 32: expected 16 × 32");
}

static void an_unsupported_format_is_named_with_those_that_are_supported(void **state)
{
    (void)state;
    fr_model *m = NULL;
    fr_err err = { 0 };
    change c = { .reformat = "blk.0.ffn_down.weight" };
    assert_int_equal(open_changed(&c, &m, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "'blk.0.ffn_down.weight' is in format Q8_1"));
    assert_non_null(strstr(err.hint, "F32, F16, BF16, Q8_0, Q4_0"));
}

static void a_vocabulary_that_does_not_fit_the_embedding_is_refused(void **state)
{
    (void)state;
    assert_refused((change){ .reshape = "token_embd.weight", .drop = "output.weight" }, FR_E_FORMAT,
                   "the vocabulary has 288 tokens, but 'token_embd.weight' has 287 rows");
}

static void features_that_would_change_every_answer_are_refused(void **state)
{
    (void)state;
    assert_refused((change){ .text_key = "general.architecture", .text = "mamba" },
                   FR_E_UNSUPPORTED, "architecture 'mamba'");
    assert_refused((change){ .text_key = "llama.rope.scaling.type", .text = "spiral" },
                   FR_E_UNSUPPORTED, "rope scaling 'spiral'");
    assert_refused((change){ .key = "llama.expert_shared_count", .value = 1 }, FR_E_UNSUPPORTED,
                   "a shared expert");
    assert_refused((change){ .key = "llama.attention.max_alibi_bias", .value = 8 },
                   FR_E_UNSUPPORTED, "ALiBi");
    assert_refused((change){ .text_key = "tokenizer.ggml.model", .text = "rwkv" }, FR_E_UNSUPPORTED,
                   "tokenizer 'rwkv'");
}

static void hyperparameters_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const KEYS[] = {
        "llama.block_count",          "llama.embedding_length",
        "llama.attention.head_count", "llama.attention.head_count_kv",
        "llama.context_length",       "llama.feed_forward_length"
    };
    static const uint32_t VALUES[] = { 0, 3, 0x7fffffff, 0xffffffff };
    for (size_t k = 0; k < FR_COUNT_OF(KEYS); k++)
        for (size_t v = 0; v < FR_COUNT_OF(VALUES); v++) {
            if (strcmp(KEYS[k], "llama.context_length") == 0 && VALUES[v] == 3)
                continue; /* short, but a context */
            assert_refused((change){ .key = KEYS[k], .value = VALUES[v] }, FR_E_FORMAT,
                           "frugal-open");
        }
    assert_refused((change){ .text_key = "llama.block_count", .text = "two" }, FR_E_FORMAT,
                   "'llama.block_count' is missing or not a whole number");
    assert_refused((change){ .key = "tokenizer.ggml.bos_token_id", .value = 288 }, FR_E_FORMAT,
                   "'tokenizer.ggml.bos_token_id' is 288, of 288 tokens");
}

static void a_model_without_an_output_matrix_is_tied(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_model) m = NULL;
    change c = { .drop = "output.weight" };
    assert_int_equal(open_changed(&c, &m, NULL), 0);
    assert_true(fr_model_shape(m)->tied);
    assert_int_equal(fr_model_n_params(m), 37024 - 288 * 32);
}

static size_t header_bytes(const char *path)
{
    FR_AUTOPTR(fr_gguf) g = NULL;
    assert_int_equal(fr_gguf_open(path, &g, NULL), 0);
    size_t data = 0;
    for (size_t i = 0; i < fr_gguf_n_tensors(g); i++)
        data += (fr_gguf_tensor_at(g, i)->size_bytes + 31) / 32 * 32;
    return (size_t)fr_gguf_size_bytes(g) - data;
}

/* One byte of keys and headers at a time, changed: an error that says something, or a model that
 * can take a step. (ASan and UBSan look on.) */
static void change_each_header_byte(const char *golden)
{
    FR_AUTO(fr_buf) file = { 0 };
    char path[] = "/tmp/frugal-open-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(fr_file_read(golden, 1 << 20, &file, NULL), 0);
    assert_int_equal(write(fd, file.at, file.n), file.n);
    size_t header = header_bytes(golden);
    size_t opened = 0;
    for (size_t at = 0; at < header; at++) {
        char changed = (char)fr_random_u64(3, FR_RANDOM_TEST, 0, at);
        fr_model *m = NULL;
        fr_kv *kv = NULL;
        fr_err err = { 0 };
        static float logits[1 << 16];
        fr_row row = { 1, 0, 0, true };
        assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
        if (fr_model_open(path, &m, &err) != 0)
            assert_true(err.what[0] != '\0');
        else if (fr_model_shape(m)->n_vocab <= FR_COUNT_OF(logits) &&
                 fr_kv_new(m, 1, 4, &kv, NULL) == 0)
            opened += fr_model_forward(m, NULL, kv, NULL, &row, 1, logits, NULL) == 0 ? 1 : 0;
        fr_kv_free(kv);
        fr_model_free(m);
        assert_int_equal(pwrite(fd, file.at + at, 1, (off_t)at), 1);
    }
    assert_true(opened > 0 && opened < header);
    close(fd);
    unlink(path);
}

static void a_model_file_with_any_header_byte_changed_does_no_harm(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "gemma3", "phi3-longrope", "gpt2", "falcon-40b",
                                         "mixtral" };
    change_each_header_byte(GOLDEN);
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        char path[256];
        snprintf(path, sizeof(path), FR_SOURCE_DIR "/tests/fixtures/models/golden/%s.gguf",
                 NAMES[i]);
        change_each_header_byte(path);
    }
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    fr_model *m = NULL;
    fr_err err = { 0 };
    assert_int_equal(fr_model_open("/nowhere/model.gguf", &m, &err), FR_E_NOT_FOUND);
    assert_non_null(strstr(err.what, "/nowhere/model.gguf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_tells_its_shape_name_and_size),
        cmocka_unit_test(a_missing_tensor_is_named),
        cmocka_unit_test(a_tensor_of_another_shape_is_named_with_both_shapes),
        cmocka_unit_test(an_unsupported_format_is_named_with_those_that_are_supported),
        cmocka_unit_test(a_vocabulary_that_does_not_fit_the_embedding_is_refused),
        cmocka_unit_test(features_that_would_change_every_answer_are_refused),
        cmocka_unit_test(hyperparameters_that_cannot_be_are_refused),
        cmocka_unit_test(a_model_without_an_output_matrix_is_tied),
        cmocka_unit_test(a_model_file_with_any_header_byte_changed_does_no_harm),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
