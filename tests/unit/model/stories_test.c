/* stories_test.c: a real model that somebody else trained: Karpathy's stories260K in the layout of
 * llama2.c, converted here to GGUF, must tell the story that it tells elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/mem.h"
#include "model/model.h"

/* A file of the data folder that is shared beside the source tree, or of $FRUGAL_SHARED; NULL where
 * this machine has none. Owned. */
static char *shared_file(const char *name)
{
    const char *const folders[] = { getenv("FRUGAL_SHARED"), FR_SOURCE_DIR "/../shared",
                                    FR_SOURCE_DIR "/../../shared" };
    for (size_t i = 0; i < FR_COUNT_OF(folders); i++) {
        char *path = fr_dup_f("%s/data/models/%s", folders[i] != NULL ? folders[i] : ".", name);
        if (fr_file_exists(path))
            return path;
        free(path);
    }
    return NULL;
}

typedef struct {
    int32_t dim, ffn, layers, heads, kv_heads, vocab, context;
} bin_header;

static const float *put_matrices(fr_gguf_out *o, const char *name, const bin_header *h,
                                 uint64_t cols, uint64_t rows, const float *at)
{
    for (int32_t l = 0; l < h->layers; l++, at += cols * rows) {
        char full[64];
        snprintf(full, sizeof(full), "blk.%d.%s.weight", l, name);
        fr_gguf_put_tensor(o, full, FR_FORMAT_F32, (uint64_t[]){ cols, rows }, rows > 1 ? 2 : 1,
                           at);
    }
    return at;
}

/* llama2.c, legacy export: the header, then F32 tensors, all layers of a kind together. */
static void put_weights(fr_gguf_out *o, const bin_header *h, const float *at)
{
    uint64_t dim = (uint64_t)h->dim, ffn = (uint64_t)h->ffn;
    uint64_t kv = dim / (uint64_t)h->heads * (uint64_t)h->kv_heads;
    fr_gguf_put_tensor(o, "token_embd.weight", FR_FORMAT_F32,
                       (uint64_t[]){ dim, (uint64_t)h->vocab }, 2, at);
    at += dim * (uint64_t)h->vocab;
    at = put_matrices(o, "attn_norm", h, dim, 1, at);
    at = put_matrices(o, "attn_q", h, dim, dim, at);
    at = put_matrices(o, "attn_k", h, dim, kv, at);
    at = put_matrices(o, "attn_v", h, dim, kv, at);
    at = put_matrices(o, "attn_output", h, dim, dim, at);
    at = put_matrices(o, "ffn_norm", h, dim, 1, at);
    at = put_matrices(o, "ffn_gate", h, dim, ffn, at);
    at = put_matrices(o, "ffn_down", h, ffn, dim, at);
    at = put_matrices(o, "ffn_up", h, dim, ffn, at);
    fr_gguf_put_tensor(o, "output_norm.weight", FR_FORMAT_F32, &dim, 1, at);
}

/* tok512.bin: the longest length, then score, length and text of each; '▁' is written as a space.
 */
static void put_tokens(fr_gguf_out *o, size_t n, fr_str file, fr_buf *text)
{
    fr_str *tokens = FR_NEW_N(fr_str, n);
    size_t *start = FR_NEW_N(size_t, n + 1);
    float *scores = FR_NEW_N(float, n);
    int32_t *types = FR_NEW_N(int32_t, n);
    size_t at = 4;
    for (size_t i = 0; i < n; i++) {
        int32_t length;
        memcpy(&scores[i], file.at + at, 4);
        memcpy(&length, file.at + at + 4, 4);
        at += 8;
        start[i] = text->n;
        if (i < 3)
            fr_buf_put_s(text, i == 0 ? "<unk>" : i == 1 ? "<s>" : "</s>");
        for (int32_t j = 0; i >= 3 && j < length; j++) {
            if (file.at[at + (size_t)j] == ' ')
                fr_buf_put_s(text, "\xe2\x96\x81");
            else
                fr_buf_put_c(text, file.at[at + (size_t)j]);
        }
        at += (size_t)length;
        types[i] = i == 0    ? FR_TOKEN_UNKNOWN
                   : i < 3   ? FR_TOKEN_CONTROL
                   : i < 259 ? FR_TOKEN_BYTE
                             : FR_TOKEN_NORMAL;
    }
    start[n] = text->n;
    for (size_t i = 0; i < n; i++)
        tokens[i] = (fr_str){ text->at + start[i], start[i + 1] - start[i] };
    fr_gguf_put_str(o, "tokenizer.ggml.model", FR_STR("llama"));
    fr_gguf_put_strs(o, "tokenizer.ggml.tokens", tokens, n);
    fr_gguf_put_f32s(o, "tokenizer.ggml.scores", scores, n);
    fr_gguf_put_i32s(o, "tokenizer.ggml.token_type", types, n);
    fr_gguf_put_u32(o, "tokenizer.ggml.bos_token_id", 1);
    fr_gguf_put_u32(o, "tokenizer.ggml.eos_token_id", 2);
    fr_gguf_put_u32(o, "tokenizer.ggml.unknown_token_id", 0);
    free(tokens);
    free(start);
    free(scores);
    free(types);
}

static void put_shape(fr_gguf_out *o, const bin_header *h)
{
    fr_gguf_put_str(o, "general.architecture", FR_STR("llama"));
    fr_gguf_put_str(o, "general.name", FR_STR("stories260K"));
    fr_gguf_put_u32(o, "llama.block_count", (uint32_t)h->layers);
    fr_gguf_put_u32(o, "llama.context_length", (uint32_t)h->context);
    fr_gguf_put_u32(o, "llama.embedding_length", (uint32_t)h->dim);
    fr_gguf_put_u32(o, "llama.feed_forward_length", (uint32_t)h->ffn);
    fr_gguf_put_u32(o, "llama.attention.head_count", (uint32_t)h->heads);
    fr_gguf_put_u32(o, "llama.attention.head_count_kv", (uint32_t)h->kv_heads);
    fr_gguf_put_f32(o, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
}

/* The converted model, opened; NULL where the files are not on this machine. */
static fr_model *stories(void)
{
    char *model_path = shared_file("stories260K.bin"), *tokens_path = shared_file("tok512.bin");
    if (model_path == NULL || tokens_path == NULL) {
        free(model_path);
        free(tokens_path);
        return NULL;
    }
    FR_AUTO(fr_map) weights = { 0 };
    FR_AUTO(fr_map) tokens = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    assert_int_equal(fr_map_open(model_path, &weights, NULL), 0);
    assert_int_equal(fr_map_open(tokens_path, &tokens, NULL), 0);
    free(model_path);
    free(tokens_path);
    bin_header h;
    memcpy(&h, weights.at, sizeof(h));
    put_shape(o, &h);
    put_tokens(o, (size_t)h.vocab, (fr_str){ (const char *)tokens.at, tokens.size_bytes }, &text);
    put_weights(o, &h, (const float *)(weights.at + sizeof(h)));
    char path[] = "/tmp/frugal-stories-XXXXXX";
    close(mkstemp(path));
    fr_err err = { 0 };
    assert_int_equal(fr_gguf_write(o, path, &err), 0);
    fr_model *m = NULL;
    if (fr_model_open(path, &m, &err) != 0)
        fail_msg("%s", err.what);
    unlink(path); /* the mapping stays */
    return m;
}

static int32_t largest(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

static void stories260K_tells_its_story_from_once_upon_a_time(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_model) m = stories();
    if (m == NULL) {
        print_message("skip: stories260K.bin is not on this machine\n");
        skip();
    }
    FR_AUTO(fr_ids) ids = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTOPTR(fr_kv) kv = NULL;
    size_t n_vocab = fr_model_shape(m)->n_vocab;
    float *logits = FR_NEW_N(float, n_vocab);
    const fr_tokenizer *tok = fr_model_tokenizer(m);
    assert_int_equal(
        fr_tokenizer_encode(tok, FR_STR("Once upon a time"), FR_ENCODE_BOS, &ids, NULL), 0);
    assert_int_equal(fr_kv_new(m, 1, 128, &kv, NULL), 0);
    for (size_t i = 0; i < 100; i++) {
        fr_row row = { ids.at[i], 0, (uint32_t)i, true };
        assert_int_equal(fr_model_forward(m, NULL, kv, NULL, &row, 1, logits, NULL), 0);
        if (i + 1 == ids.n)
            fr_ids_put(&ids, largest(logits, n_vocab));
    }
    fr_tokenizer_decode(tok, ids.at, ids.n, false, &text);
    print_message("%s\n", fr_buf_text(&text));
    assert_true(fr_str_starts(fr_buf_str(&text),
                              FR_STR("Once upon a time, there was a little girl named Lily. She "
                                     "loved to play outside")));
    free(logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stories260K_tells_its_story_from_once_upon_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
