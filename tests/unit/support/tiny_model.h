/* A model of random weights, made on the spot: architecture llama, F32 or any other format, with a
 * byte-level vocabulary of <|end|> (BOS and EOS), <|user|>, the 256 bytes and a few merges.
 *
 *     char *path = tiny_model_write(&(tiny_model){ .layers = 2 }, dir);    owned, free()
 *
 * What it says is noise, but the same noise everywhere: weights come from the counter-based random
 * numbers of base. Its file is a few hundred kilobytes. */
#ifndef FR_TEST_TINY_MODEL_H
#define FR_TEST_TINY_MODEL_H

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "model/arch.h"
#include "text/tokenizer.h"

/* Zero means the default in brackets. */
typedef struct {
    size_t layers;          /* [2] */
    size_t dim;             /* [32] */
    size_t heads, kv_heads; /* [4, 2] */
    size_t ffn;             /* [64] */
    size_t context;         /* [128] */
    bool tied;              /* the output matrix is the embedding */
    bool no_bos;            /* nothing is put before a text */
    bool spm;               /* a SentencePiece vocabulary: <unk>, <s>, </s>, bytes, a few pieces */
    fr_format format;       /* [F32] of the matrices */
    uint64_t seed;
    const char *chat_template; /* [none] */
    float sharpness;           /* [3] spread of the logits: high is sure of itself */
} tiny_model;

static const char *const TINY_MERGES[] = { "t h",  "th e", "i n",   "a n", "Ġ t", "Ġ a",
                                           "Ġt h", "e r",  "Ġth e", "o n", "r e", "an d",
                                           "Ġa n", "o r",  "Ġ s",   "e n", "Ġ i", "i s" };
static const char *const TINY_PIECES[] = { "▁", "e", "t", "a", "o", "n", "▁t", "▁a", "he", "▁the" };

static inline void tiny_vocab_bpe(fr_gguf_out *o, const tiny_model *t, size_t *n_vocab)
{
    static const char *const SPECIAL[] = { "<|end|>", "<|user|>" };
    enum { MERGES = FR_COUNT_OF(TINY_MERGES) };
    fr_bpe b = { 0 };
    int rc = fr_bpe_train(NULL, 0, SPECIAL, 2, 258, &b, NULL);
    assert(rc == 0);
    (void)rc;
    fr_str tokens[258 + MERGES], merges[MERGES];
    int32_t types[258 + MERGES];
    static char joined[MERGES][16];
    for (size_t i = 0; i < 258 + MERGES; i++) {
        types[i] = i < 2 ? FR_TOKEN_CONTROL : FR_TOKEN_NORMAL;
        if (i < 258) {
            tokens[i] = b.tokens[i];
            continue;
        }
        size_t m = i - 258, n = 0;
        for (const char *c = TINY_MERGES[m]; *c != '\0'; c++) {
            if (*c != ' ')
                joined[m][n++] = *c;
        }
        merges[m] = fr_str_of(TINY_MERGES[m]);
        tokens[i] = (fr_str){ joined[m], n };
    }
    *n_vocab = 258 + MERGES;
    fr_gguf_put_str(o, "tokenizer.ggml.model", FR_STR("gpt2"));
    fr_gguf_put_str(o, "tokenizer.ggml.pre", FR_STR("gpt-2"));
    fr_gguf_put_strs(o, "tokenizer.ggml.tokens", tokens, *n_vocab);
    fr_gguf_put_i32s(o, "tokenizer.ggml.token_type", types, *n_vocab);
    fr_gguf_put_strs(o, "tokenizer.ggml.merges", merges, MERGES);
    if (!t->no_bos)
        fr_gguf_put_u32(o, "tokenizer.ggml.bos_token_id", 0);
    fr_gguf_put_u32(o, "tokenizer.ggml.eos_token_id", 0);
    fr_gguf_put_bool(o, "tokenizer.ggml.add_bos_token", !t->no_bos);
    fr_bpe_fini(&b);
}

static inline void tiny_vocab_spm(fr_gguf_out *o, const tiny_model *t, size_t *n_vocab)
{
    enum { PIECES = FR_COUNT_OF(TINY_PIECES), N = 3 + 256 + PIECES };
    static char bytes[256][8];
    fr_str tokens[N] = { FR_STR("<unk>"), FR_STR("<s>"), FR_STR("</s>") };
    int32_t types[N] = { FR_TOKEN_UNKNOWN, FR_TOKEN_CONTROL, FR_TOKEN_CONTROL };
    float scores[N] = { 0 };
    for (int i = 0; i < 256; i++) {
        snprintf(bytes[i], sizeof(bytes[i]), "<0x%02X>", (unsigned)i);
        tokens[3 + i] = fr_str_of(bytes[i]);
        types[3 + i] = FR_TOKEN_BYTE;
    }
    for (int i = 0; i < PIECES; i++) {
        tokens[259 + i] = fr_str_of(TINY_PIECES[i]);
        types[259 + i] = FR_TOKEN_NORMAL;
        scores[259 + i] = (float)(-PIECES + i);
    }
    *n_vocab = N;
    fr_gguf_put_str(o, "tokenizer.ggml.model", FR_STR("llama"));
    fr_gguf_put_strs(o, "tokenizer.ggml.tokens", tokens, N);
    fr_gguf_put_i32s(o, "tokenizer.ggml.token_type", types, N);
    fr_gguf_put_f32s(o, "tokenizer.ggml.scores", scores, N);
    fr_gguf_put_u32(o, "tokenizer.ggml.unknown_token_id", 0);
    fr_gguf_put_u32(o, "tokenizer.ggml.bos_token_id", 1);
    fr_gguf_put_u32(o, "tokenizer.ggml.eos_token_id", 2);
    fr_gguf_put_bool(o, "tokenizer.ggml.add_bos_token", !t->no_bos);
}

/* Owned values of one tensor, in its format. */
static inline void *tiny_tensor(fr_format format, size_t n, float spread, uint64_t seed,
                                uint64_t stream)
{
    float *values = FR_NEW_N(float, n);
    for (size_t i = 0; i < n; i++)
        values[i] =
            spread == 0 ? 1 : spread * (float)fr_random_normal(seed, FR_RANDOM_TEST, stream, i);
    if (format == FR_FORMAT_F32)
        return values;
    const fr_format_row *row = fr_format_find(format);
    void *out = fr_array(n / row->block_values, row->block_bytes);
    row->from_f32(values, out, n);
    free(values);
    return out;
}

static inline fr_shape tiny_shape(const tiny_model *t)
{
    fr_shape s = { .architecture = "llama",
                   .n_layers = t->layers ? t->layers : 2,
                   .dim = t->dim ? t->dim : 32,
                   .n_heads = t->heads ? t->heads : 4,
                   .n_kv_heads = t->kv_heads ? t->kv_heads
                                 : t->heads  ? t->heads
                                             : 2,
                   .ffn_dim = t->ffn ? t->ffn : 64,
                   .context = t->context ? t->context : 128,
                   .norm_eps = 1e-5f,
                   .rope_theta = 10000,
                   .tied = t->tied };
    s.head_dim = s.rope_dim = s.dim / s.n_heads;
    return s;
}

/* Writes dir/tiny-N.gguf; owned, free(). */
static inline char *tiny_model_write(const tiny_model *t, const char *dir)
{
    static int number;
    fr_shape s = tiny_shape(t);
    fr_gguf_out *o = fr_gguf_out_new();
    fr_gguf_put_str(o, "general.architecture", FR_STR("llama"));
    fr_gguf_put_str(o, "general.name", FR_STR("tiny random"));
    fr_gguf_put_u32(o, "llama.block_count", (uint32_t)s.n_layers);
    fr_gguf_put_u32(o, "llama.embedding_length", (uint32_t)s.dim);
    fr_gguf_put_u32(o, "llama.feed_forward_length", (uint32_t)s.ffn_dim);
    fr_gguf_put_u32(o, "llama.context_length", (uint32_t)s.context);
    fr_gguf_put_u32(o, "llama.attention.head_count", (uint32_t)s.n_heads);
    fr_gguf_put_u32(o, "llama.attention.head_count_kv", (uint32_t)s.n_kv_heads);
    fr_gguf_put_u32(o, "llama.rope.dimension_count", (uint32_t)s.rope_dim);
    fr_gguf_put_f32(o, "llama.attention.layer_norm_rms_epsilon", s.norm_eps);
    if (t->chat_template != NULL)
        fr_gguf_put_str(o, "tokenizer.chat_template", fr_str_of(t->chat_template));
    if (t->spm)
        tiny_vocab_spm(o, t, &s.n_vocab);
    else
        tiny_vocab_bpe(o, t, &s.n_vocab);
    const fr_arch *arch = fr_arch_find("llama");
    void **data = FR_NEW_N(void *, arch->n_slots *s.n_layers);
    size_t n = 0;
    for (size_t i = 0; i < arch->n_slots; i++) {
        const fr_slot_row *slot = &arch->slots[i];
        for (size_t l = 0; l < (slot->per_layer ? s.n_layers : 1) && fr_slot_present(slot, &s);
             l++) {
            char name[FR_TENSOR_NAME];
            fr_slot_gguf_name(slot, l, name);
            bool vector = slot->rows == FR_DIM_ONE;
            size_t cols = fr_shape_dim(&s, slot->cols), rows = fr_shape_dim(&s, slot->rows);
            bool out = slot->slot == FR_SLOT_OUTPUT || (s.tied && slot->slot == FR_SLOT_TOKEN_EMBD);
            float spread = vector ? 0 : 1 / sqrtf((float)cols);
            if (out)
                spread *= t->sharpness > 0 ? t->sharpness : 3;
            fr_format format = vector ? FR_FORMAT_F32 : t->format;
            data[n] = tiny_tensor(format, rows * cols, spread, t->seed + 1, n);
            uint64_t dims[2] = { cols, rows };
            fr_gguf_put_tensor(o, name, format, dims, vector ? 1 : 2, data[n]);
            n++;
        }
    }
    char *path = fr_dup_f("%s/tiny-%d.gguf", dir, number++);
    fr_err err = { 0 };
    if (fr_gguf_write(o, path, &err) != 0) {
        fprintf(stderr, "tiny model: %s\n", err.what);
        abort();
    }
    while (n > 0)
        free(data[--n]);
    free(data);
    fr_gguf_out_free(o);
    return path;
}

#endif
