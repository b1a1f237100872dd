/* arch.c: what the rows of arch_rows.c mean for a shape. */
#include "model/arch_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const fr_arch *fr_arch_at(size_t i)
{
    return i < fr_arch_n_rows ? &fr_arch_rows[i] : NULL;
}

const fr_arch *fr_arch_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < fr_arch_n_rows; i++)
        if (strcmp(fr_arch_rows[i].name, name) == 0)
            return &fr_arch_rows[i];
    return NULL;
}

int fr_arch_unknown(const char *who, const char *name, fr_err *err)
{
    char hint[256] = "Supported are ";
    for (size_t i = 0, n = strlen(hint); i < fr_arch_n_rows && n < sizeof(hint); i++)
        n += (size_t)snprintf(hint + n, sizeof(hint) - n, "%s%s", fr_arch_rows[i].name,
                              i + 1 < fr_arch_n_rows ? ", " : ".");
    return fr_fail(err, FR_E_UNSUPPORTED, hint, "'%s': architecture '%s' is not supported", who,
                   name);
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
    case FR_DIM_QK:
        return (s->n_heads + s->n_kv_heads) * s->head_dim;
    case FR_DIM_QKV:
        return (s->n_heads + 2 * s->n_kv_heads) * s->head_dim;
    case FR_DIM_FFN:
        return s->ffn_dim;
    case FR_DIM_FFN_TWICE:
        return 2 * s->ffn_dim;
    case FR_DIM_TYPES:
        return s->n_types;
    case FR_DIM_CONTEXT:
        return s->context;
    case FR_DIM_EXPERTS:
        return s->n_experts;
    case FR_DIM_EXPERT_FFN:
        return s->expert_ffn_dim;
    case FR_DIM_PICKED:
        return 2 * s->n_experts_used;
    case FR_DIM_PICKED_FFN:
        return s->n_experts_used * s->expert_ffn_dim;
    case FR_DIM_VOCAB:
        return s->n_vocab;
    case FR_DIM_HEADS:
        return s->n_heads;
    case FR_DIM_BUCKETS:
        return s->n_buckets;
    case FR_DIM_LABELS:
        return s->n_labels;
    }
    return 0;
}

fr_dim fr_value_dim(fr_value v)
{
    switch (v) {
    case FR_VALUE_X:
    case FR_VALUE_Y:
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
    case FR_VALUE_ROUTE:
        return FR_DIM_EXPERTS;
    case FR_VALUE_PICKED:
        return FR_DIM_PICKED;
    case FR_VALUE_EXPERT_GATE:
    case FR_VALUE_EXPERT_UP:
    case FR_VALUE_EXPERT_ACT:
        return FR_DIM_PICKED_FFN;
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

static bool is_there(fr_when when, const fr_shape *s, fr_slot slot)
{
    switch (when) {
    case FR_WHEN_ALWAYS:
        return true;
    case FR_WHEN_UNTIED:
        return !s->tied;
    case FR_WHEN_OPTIONAL:
        return (s->optional >> slot & 1) != 0;
    case FR_WHEN_DENSE:
        return s->n_experts == 0;
    case FR_WHEN_EXPERTS:
        return s->n_experts != 0;
    case FR_WHEN_PARALLEL:
        return s->parallel;
    case FR_WHEN_SERIAL:
        return !s->parallel;
    case FR_WHEN_GATED:
        return (s->optional >> FR_SLOT_FFN_GATE & 1) != 0;
    case FR_WHEN_UNGATED:
        return (s->optional >> FR_SLOT_FFN_GATE & 1) == 0;
    }
    return false;
}

bool fr_slot_present(const fr_slot_row *row, const fr_shape *s)
{
    return is_there(row->when, s, row->slot);
}

bool fr_shape_is_local(const fr_shape *s, size_t layer)
{
    return s->window != 0 &&
           (s->window_every == 0 || layer % s->window_every != s->window_every - 1);
}

/* The slot itself, what stands in for it, or none. */
static fr_slot resolve(const fr_arch *arch, const fr_shape *s, fr_slot slot)
{
    const fr_slot_row *row = fr_arch_slot(arch, slot);
    return row == NULL ? FR_SLOT_NONE : fr_slot_present(row, s) ? slot : row->fallback;
}

size_t fr_arch_ops(const fr_arch *arch, const fr_shape *s, fr_part part, fr_op out[FR_OPS_MOST])
{
    size_t n = 0;
    for (size_t i = 0; i < arch->n_ops[part]; i++) {
        fr_op op = arch->ops[part][i];
        if (!is_there(op.when, s, FR_SLOT_NONE))
            continue;
        bool weighted = op.weight != FR_SLOT_NONE;
        op.weight = resolve(arch, s, op.weight);
        op.bias = resolve(arch, s, op.bias);
        if (weighted && op.weight == FR_SLOT_NONE)
            continue;
        out[n++] = op;
    }
    return n;
}

uint64_t fr_shape_n_params(const fr_shape *s)
{
    const fr_arch *arch = fr_arch_find(s->architecture);
    uint64_t n = 0;
    for (size_t i = 0; arch != NULL && i < arch->n_slots; i++) {
        const fr_slot_row *row = &arch->slots[i];
        if (fr_slot_present(row, s))
            n += (uint64_t)fr_shape_dim(s, row->rows) * fr_shape_dim(s, row->cols) *
                 (row->per_layer ? s->n_layers : 1) * (row->experts ? s->n_experts : 1);
    }
    return n;
}

static int check_sizes(const fr_shape *s, fr_err *err)
{
    const size_t experts = s->n_experts;
    const struct {
        const char *name;
        size_t value, min, max;
    } sizes[] = {
        { "layers", s->n_layers, 1, 1024 },
        { "dim", s->dim, 1, 1 << 16 },
        { "heads", s->n_heads, 1, 1024 },
        { "kv_heads", s->n_kv_heads, 1, 1024 },
        { "head_dim", s->head_dim, 1, 1024 },
        { "ffn", s->ffn_dim, experts != 0 ? 0 : 1, 1 << 20 },
        { "vocab", s->n_vocab, 1, 1 << 21 },
        { "context", s->context, 1, 1 << 24 },
        { "token types", s->n_types, 0, 1 << 16 },
        { "labels", s->n_labels, 0, 1 << 20 },
        { "buckets of distances", s->n_buckets, 0, 1 << 16 },
        { "experts", experts, 0, 1024 },
        { "experts used", s->n_experts_used, experts != 0 ? 1 : 0, experts },
        { "expert ffn", s->expert_ffn_dim, experts != 0 ? 1 : 0, 1 << 20 },
        { "window", s->window, 0, (size_t)1 << 32 },
        { "window pattern", s->window_every, 0, 1024 },
    };
    for (size_t i = 0; i < FR_COUNT_OF(sizes); i++)
        if (sizes[i].value < sizes[i].min || sizes[i].value > sizes[i].max)
            return fr_fail(err, FR_E_USAGE, NULL, "%s of %zu: expected %zu to %zu", sizes[i].name,
                           sizes[i].value, sizes[i].min, sizes[i].max);
    return 0;
}

/* A state lays out what each distance adds to scores. */
enum { LONGEST_BY_DISTANCE = 1 << 16 };

int fr_shape_check(const fr_shape *s, fr_err *err)
{
    const fr_arch *arch = fr_arch_find(s->architecture);
    if (arch == NULL)
        return fr_arch_unknown("the shape", s->architecture != NULL ? s->architecture : "", err);
    FR_TRY(check_sizes(s, err));
    if (s->n_heads % s->n_kv_heads != 0)
        return fr_fail(err, FR_E_USAGE, "Choose kv_heads so that it divides heads.",
                       "%zu heads cannot share %zu key-value heads evenly", s->n_heads,
                       s->n_kv_heads);
    if (s->n_buckets != 0 && s->context > LONGEST_BY_DISTANCE)
        return fr_fail(err, FR_E_USAGE, NULL,
                       "context of %zu: expected at most %d where distances are learned",
                       s->context, LONGEST_BY_DISTANCE);
    if (s->n_buckets != 0 && (s->n_heads != s->n_kv_heads || s->n_buckets % 4 != 0))
        return fr_fail(err, FR_E_USAGE, NULL,
                       "%zu buckets of distances and %zu key-value heads of %zu: expected a "
                       "multiple of 4, and as many",
                       s->n_buckets, s->n_kv_heads, s->n_heads);
    if (arch->rope != FR_ROPE_NONE &&
        (s->rope_dim == 0 || s->rope_dim % 2 != 0 || s->rope_dim > s->head_dim))
        return fr_fail(err, FR_E_USAGE, NULL,
                       "rope over %zu numbers of a head of %zu: expected an even number, at most "
                       "the head",
                       s->rope_dim, s->head_dim);
    const float numbers[] = { s->norm_eps,    s->rope_theta,          s->attn_scale,
                              s->attn_cap,    s->logit_cap,           s->embed_scale,
                              s->logit_scale, s->rope_scaling.factor, s->rope_scaling.magnitude };
    for (size_t i = 0; i < FR_COUNT_OF(numbers); i++)
        if (!isfinite(numbers[i]) || numbers[i] < 0)
            return fr_fail(err, FR_E_USAGE, NULL,
                           "a scale, cap or base is %g: expected a positive number",
                           (double)numbers[i]);
    return 0;
}

const char *fr_op_name(const fr_op *op, bool is_back)
{
    static const char *const NAMES[2][FR_OP_LOGITS + 1] = {
        {
            [FR_OP_EMBED] = "embed",
            [FR_OP_POSITION] = "position",
            [FR_OP_KIND] = "kind",
            [FR_OP_NORM] = "norm",
            [FR_OP_LINEAR] = "matmul",
            [FR_OP_ROPE] = "rope",
            [FR_OP_ATTENTION] = "attention",
            [FR_OP_REMEMBER] = "remember",
            [FR_OP_CROSS_ATTENTION] = "cross attention",
            [FR_OP_ACTIVATE] = "activation",
            [FR_OP_PICK] = "pick",
            [FR_OP_EXPERT_LINEAR] = "expert matmul",
            [FR_OP_EXPERT_SUM] = "expert sum",
            [FR_OP_LOGITS] = "logits",
        },
        {
            [FR_OP_EMBED] = "embed back",
            [FR_OP_POSITION] = "position back",
            [FR_OP_KIND] = "kind back",
            [FR_OP_NORM] = "norm back",
            [FR_OP_LINEAR] = "matmul back",
            [FR_OP_ROPE] = "rope back",
            [FR_OP_ATTENTION] = "attention back",
            [FR_OP_REMEMBER] = "remember back",
            [FR_OP_CROSS_ATTENTION] = "cross attention back",
            [FR_OP_ACTIVATE] = "activation back",
            [FR_OP_PICK] = "pick back",
            [FR_OP_EXPERT_LINEAR] = "expert matmul back",
            [FR_OP_EXPERT_SUM] = "expert sum back",
            [FR_OP_LOGITS] = "logits back",
        },
    };
    const char *name = (unsigned)op->kind <= FR_OP_LOGITS ? NAMES[is_back][op->kind] : NULL;
    return name != NULL ? name : "none";
}

const char *fr_op_part(const fr_op *op)
{
    static const char *const PARTS[FR_SLOT_COUNT] = {
        [FR_SLOT_TOKEN_EMBD] = "token_embd",
        [FR_SLOT_ATTN_NORM] = "attn_norm",
        [FR_SLOT_ATTN_Q] = "attn_q",
        [FR_SLOT_ATTN_K] = "attn_k",
        [FR_SLOT_ATTN_V] = "attn_v",
        [FR_SLOT_ATTN_OUT] = "attn_output",
        [FR_SLOT_FFN_NORM] = "ffn_norm",
        [FR_SLOT_FFN_GATE] = "ffn_gate",
        [FR_SLOT_FFN_UP] = "ffn_up",
        [FR_SLOT_FFN_DOWN] = "ffn_down",
        [FR_SLOT_OUTPUT_NORM] = "output_norm",
        [FR_SLOT_OUTPUT] = "output",
        [FR_SLOT_ATTN_Q_NORM] = "attn_q_norm",
        [FR_SLOT_ATTN_K_NORM] = "attn_k_norm",
        [FR_SLOT_ATTN_NORM_2] = "attn_norm_2",
        [FR_SLOT_ATTN_POST_NORM] = "post_attention_norm",
        [FR_SLOT_FFN_POST_NORM] = "post_ffw_norm",
        [FR_SLOT_EMBD_NORM] = "token_embd_norm",
        [FR_SLOT_POSITION_EMBD] = "position_embd",
        [FR_SLOT_TOKEN_TYPES] = "token_types",
        [FR_SLOT_ROUTER] = "ffn_gate_inp",
        [FR_SLOT_EXPERTS_GATE] = "ffn_gate_exps",
        [FR_SLOT_EXPERTS_UP] = "ffn_up_exps",
        [FR_SLOT_EXPERTS_DOWN] = "ffn_down_exps",
        [FR_SLOT_HEAD] = "cls",
        [FR_SLOT_CLASSES] = "cls_output",
        [FR_SLOT_CROSS_NORM] = "cross_attn_norm",
        [FR_SLOT_CROSS_Q] = "cross_attn_q",
        [FR_SLOT_CROSS_K] = "cross_attn_k",
        [FR_SLOT_CROSS_V] = "cross_attn_v",
        [FR_SLOT_CROSS_OUT] = "cross_attn_o",
        [FR_SLOT_ATTN_DISTANCE] = "attn_rel_b",
    };
    if (op->kind == FR_OP_ROPE)
        return op->in == FR_VALUE_Q ? "q" : "k";
    return PARTS[op->weight];
}
