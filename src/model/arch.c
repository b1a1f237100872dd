#include "model/arch.h"

#include <stdio.h>
#include <string.h>

static const fr_slot_row LLAMA_SLOTS[] = {
    { FR_SLOT_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", FR_DIM_VOCAB,
      FR_DIM_MODEL },
    { FR_SLOT_ATTN_NORM, "blk.%zu.attn_norm.weight", "model.layers.%zu.input_layernorm.weight",
      FR_DIM_ONE, FR_DIM_MODEL, .per_layer = true },
    { FR_SLOT_ATTN_Q, "blk.%zu.attn_q.weight", "model.layers.%zu.self_attn.q_proj.weight", FR_DIM_Q,
      FR_DIM_MODEL, .per_layer = true, .adaptable = true },
    { FR_SLOT_ATTN_K, "blk.%zu.attn_k.weight", "model.layers.%zu.self_attn.k_proj.weight",
      FR_DIM_KV, FR_DIM_MODEL, .per_layer = true, .adaptable = true },
    { FR_SLOT_ATTN_V, "blk.%zu.attn_v.weight", "model.layers.%zu.self_attn.v_proj.weight",
      FR_DIM_KV, FR_DIM_MODEL, .per_layer = true, .adaptable = true },
    { FR_SLOT_ATTN_OUT, "blk.%zu.attn_output.weight", "model.layers.%zu.self_attn.o_proj.weight",
      FR_DIM_MODEL, FR_DIM_Q, .per_layer = true, .adaptable = true },
    { FR_SLOT_FFN_NORM, "blk.%zu.ffn_norm.weight",
      "model.layers.%zu.post_attention_layernorm.weight", FR_DIM_ONE, FR_DIM_MODEL,
      .per_layer = true },
    { FR_SLOT_FFN_GATE, "blk.%zu.ffn_gate.weight", "model.layers.%zu.mlp.gate_proj.weight",
      FR_DIM_FFN, FR_DIM_MODEL, .per_layer = true, .adaptable = true },
    { FR_SLOT_FFN_UP, "blk.%zu.ffn_up.weight", "model.layers.%zu.mlp.up_proj.weight", FR_DIM_FFN,
      FR_DIM_MODEL, .per_layer = true, .adaptable = true },
    { FR_SLOT_FFN_DOWN, "blk.%zu.ffn_down.weight", "model.layers.%zu.mlp.down_proj.weight",
      FR_DIM_MODEL, FR_DIM_FFN, .per_layer = true, .adaptable = true },
    { FR_SLOT_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", FR_DIM_ONE, FR_DIM_MODEL },
    { FR_SLOT_OUTPUT, "output.weight", "lm_head.weight", FR_DIM_VOCAB, FR_DIM_MODEL,
      .untied_only = true },
};

/* Touvron et al. 2023, arXiv:2302.13971: pre-norm, rotary positions, gated SiLU. */
static const fr_op LLAMA_BEFORE[] = {
    { FR_OP_EMBED, FR_SLOT_TOKEN_EMBD, .out = FR_VALUE_X },
};
static const fr_op LLAMA_LAYER[] = {
    { FR_OP_NORM, FR_SLOT_ATTN_NORM, .in = FR_VALUE_X, .out = FR_VALUE_H },
    { FR_OP_LINEAR, FR_SLOT_ATTN_Q, .in = FR_VALUE_H, .out = FR_VALUE_Q },
    { FR_OP_LINEAR, FR_SLOT_ATTN_K, .in = FR_VALUE_H, .out = FR_VALUE_K },
    { FR_OP_LINEAR, FR_SLOT_ATTN_V, .in = FR_VALUE_H, .out = FR_VALUE_V },
    { FR_OP_ROPE, .in = FR_VALUE_Q, .out = FR_VALUE_Q },
    { FR_OP_ROPE, .in = FR_VALUE_K, .out = FR_VALUE_K },
    { FR_OP_ATTENTION, .in = FR_VALUE_Q, .in2 = FR_VALUE_K, .in3 = FR_VALUE_V,
      .out = FR_VALUE_ATT },
    { FR_OP_LINEAR, FR_SLOT_ATTN_OUT, .in = FR_VALUE_ATT, .out = FR_VALUE_X, .add = true },
    { FR_OP_NORM, FR_SLOT_FFN_NORM, .in = FR_VALUE_X, .out = FR_VALUE_H },
    { FR_OP_LINEAR, FR_SLOT_FFN_GATE, .in = FR_VALUE_H, .out = FR_VALUE_GATE },
    { FR_OP_LINEAR, FR_SLOT_FFN_UP, .in = FR_VALUE_H, .out = FR_VALUE_UP },
    { FR_OP_SILU_MUL, .in = FR_VALUE_GATE, .in2 = FR_VALUE_UP, .out = FR_VALUE_ACT },
    { FR_OP_LINEAR, FR_SLOT_FFN_DOWN, .in = FR_VALUE_ACT, .out = FR_VALUE_X, .add = true },
};
static const fr_op LLAMA_AFTER[] = {
    { FR_OP_NORM, FR_SLOT_OUTPUT_NORM, .in = FR_VALUE_X, .out = FR_VALUE_H },
    { FR_OP_LOGITS, FR_SLOT_OUTPUT, .in = FR_VALUE_H, .out = FR_VALUE_LOGITS },
};

static const fr_arch ARCHS[] = {
    { "llama", FR_ROPE_PAIRS, LLAMA_SLOTS, FR_COUNT_OF(LLAMA_SLOTS), LLAMA_BEFORE, LLAMA_LAYER,
      LLAMA_AFTER, FR_COUNT_OF(LLAMA_BEFORE), FR_COUNT_OF(LLAMA_LAYER), FR_COUNT_OF(LLAMA_AFTER) },
};

const fr_arch *fr_arch_at(size_t i)
{
    return i < FR_COUNT_OF(ARCHS) ? &ARCHS[i] : NULL;
}

const fr_arch *fr_arch_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < FR_COUNT_OF(ARCHS); i++)
        if (strcmp(ARCHS[i].name, name) == 0)
            return &ARCHS[i];
    return NULL;
}

const fr_slot_row *fr_arch_slot(const fr_arch *arch, fr_slot slot)
{
    for (size_t i = 0; i < arch->n_slots; i++)
        if (arch->slots[i].slot == slot)
            return &arch->slots[i];
    return NULL;
}

size_t fr_shape_dim(const fr_shape *s, fr_dim dim)
{
    switch (dim) {
    case FR_DIM_NONE:
        return 0;
    case FR_DIM_ONE:
        return 1;
    case FR_DIM_MODEL:
        return s->dim;
    case FR_DIM_HEAD:
        return s->head_dim;
    case FR_DIM_Q:
        return s->n_heads * s->head_dim;
    case FR_DIM_KV:
        return s->n_kv_heads * s->head_dim;
    case FR_DIM_FFN:
        return s->ffn_dim;
    case FR_DIM_VOCAB:
        return s->n_vocab;
    }
    return 0;
}

fr_dim fr_value_dim(fr_value v)
{
    switch (v) {
    case FR_VALUE_X:
    case FR_VALUE_H:
        return FR_DIM_MODEL;
    case FR_VALUE_Q:
    case FR_VALUE_ATT:
        return FR_DIM_Q;
    case FR_VALUE_K:
    case FR_VALUE_V:
        return FR_DIM_KV;
    case FR_VALUE_GATE:
    case FR_VALUE_UP:
    case FR_VALUE_ACT:
        return FR_DIM_FFN;
    case FR_VALUE_LOGITS:
        return FR_DIM_VOCAB;
    case FR_VALUE_NONE:
    case FR_VALUE_COUNT:
        break;
    }
    return FR_DIM_NONE;
}

/* Names come from our own tables: "%zu" at most once. */
static void put_name(const char *pattern, size_t layer, char out[FR_TENSOR_NAME])
{
    const char *hole = strstr(pattern, "%zu");
    if (hole == NULL)
        snprintf(out, FR_TENSOR_NAME, "%s", pattern);
    else
        snprintf(out, FR_TENSOR_NAME, "%.*s%zu%s", (int)(hole - pattern), pattern, layer, hole + 3);
}

void fr_slot_gguf_name(const fr_slot_row *row, size_t layer, char out[FR_TENSOR_NAME])
{
    put_name(row->gguf, layer, out);
}

void fr_slot_hf_name(const fr_slot_row *row, size_t layer, char out[FR_TENSOR_NAME])
{
    put_name(row->hf, layer, out);
}

size_t fr_slot_hf_row(const fr_arch *arch, const fr_shape *s, fr_slot slot, size_t row)
{
    if (arch->rope != FR_ROPE_PAIRS || (slot != FR_SLOT_ATTN_Q && slot != FR_SLOT_ATTN_K))
        return row;
    const size_t in_head = row % s->head_dim, half = s->head_dim / 2;
    return row - in_head + in_head % 2 * half + in_head / 2;
}

bool fr_slot_present(const fr_slot_row *row, const fr_shape *s)
{
    return !(row->untied_only && s->tied);
}

uint64_t fr_shape_n_params(const fr_shape *s)
{
    const fr_arch *arch = fr_arch_find(s->architecture);
    uint64_t n = 0;
    for (size_t i = 0; arch != NULL && i < arch->n_slots; i++) {
        const fr_slot_row *row = &arch->slots[i];
        if (fr_slot_present(row, s))
            n += (uint64_t)fr_shape_dim(s, row->rows) * fr_shape_dim(s, row->cols) *
                 (row->per_layer ? s->n_layers : 1);
    }
    return n;
}

int fr_shape_check(const fr_shape *s, fr_err *err)
{
    if (fr_arch_find(s->architecture) == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, "Architectures are rows of src/model/arch.c.",
                       "architecture '%s' is not one that frugal knows",
                       s->architecture != NULL ? s->architecture : "");
    const struct {
        const char *name;
        size_t value, max;
    } sizes[] = {
        { "layers", s->n_layers, 1024 },   { "dim", s->dim, 1 << 16 },
        { "heads", s->n_heads, 1024 },     { "kv_heads", s->n_kv_heads, 1024 },
        { "head_dim", s->head_dim, 1024 }, { "ffn", s->ffn_dim, 1 << 20 },
        { "vocab", s->n_vocab, 1 << 21 },  { "context", s->context, 1 << 24 },
    };
    for (size_t i = 0; i < FR_COUNT_OF(sizes); i++)
        if (sizes[i].value == 0 || sizes[i].value > sizes[i].max)
            return fr_fail(err, FR_E_USAGE, NULL, "%s of %zu: expected 1 to %zu", sizes[i].name,
                           sizes[i].value, sizes[i].max);
    if (s->n_heads % s->n_kv_heads != 0)
        return fr_fail(err, FR_E_USAGE, "Choose kv_heads so that it divides heads.",
                       "%zu heads cannot share %zu key-value heads evenly", s->n_heads,
                       s->n_kv_heads);
    if (s->rope_dim % 2 != 0 || s->rope_dim > s->head_dim)
        return fr_fail(err, FR_E_USAGE, NULL,
                       "rope over %zu numbers of a head of %zu: expected an even number, at most "
                       "the head",
                       s->rope_dim, s->head_dim);
    return 0;
}
