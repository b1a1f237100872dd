/* shape.c: what a model is, from the keys of its file, and what a token of it costs. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "model/model_priv.h"

enum { KEY_BYTES = 128 };

static void key_of(const fr_shape *s, const char *key, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "%s.%s", s->keys != NULL ? s->keys : s->architecture, key);
}

static int wrong(const fr_gguf *file, const char *key, const char *expected, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "The file is damaged or was converted for another program.",
                   "'%s': key '%s' is missing or not %s", fr_gguf_path(file), key, expected);
}

static int get_size(const fr_gguf *file, const fr_shape *s, const char *name, bool required,
                    size_t *out, fr_err *err)
{
    char key[KEY_BYTES];
    uint64_t n;
    size_t length;
    key_of(s, name, key);
    if (fr_gguf_array(file, key, &length))
        return fr_fail(err, FR_E_UNSUPPORTED, "Models whose layers differ are not supported.",
                       "'%s': key '%s' has one value per layer", fr_gguf_path(file), key);
    if (!fr_gguf_get_u64(file, key, &n)) {
        int64_t any;
        double real;
        fr_str text;
        bool present = fr_gguf_get_i64(file, key, &any) || fr_gguf_get_f64(file, key, &real) ||
                       fr_gguf_get_str(file, key, &text);
        return required || present ? wrong(file, key, "a whole number", err) : 0;
    }
    if (n > (uint64_t)1 << 32)
        return wrong(file, key, "a number of a sensible size", err);
    *out = (size_t)n;
    return 0;
}

static int get_real(const fr_gguf *file, const fr_shape *s, const char *name, float *out,
                    fr_err *err)
{
    char key[KEY_BYTES];
    double real;
    key_of(s, name, key);
    if (!fr_gguf_get_f64(file, key, &real))
        return 0;
    if (!(real > 0 && real < 1e12))
        return wrong(file, key, "a positive number", err);
    *out = (float)real;
    return 0;
}

/* Features that would change every answer if they were left out. */
static int refuse_unsupported(const fr_gguf *file, const fr_shape *s, fr_err *err)
{
    static const struct {
        const char *key, *what;
    } KEYS[] = { { "attention.max_alibi_bias", "scores with a slope (ALiBi)" },
                 { "attention.clamp_kqv", "clamped queries, keys and values" },
                 { "expert_shared_count", "a shared expert" },
                 { "leading_dense_block_count", "dense layers before those with experts" } };
    char key[KEY_BYTES];
    double number;
    for (size_t i = 0; i < FR_COUNT_OF(KEYS); i++) {
        key_of(s, KEYS[i].key, key);
        if (fr_gguf_get_f64(file, key, &number) && number != 0)
            return fr_fail(err, FR_E_UNSUPPORTED, NULL, "'%s': %s is not supported ('%s' is %g)",
                           fr_gguf_path(file), KEYS[i].what, key, number);
    }
    uint64_t gating = 0;
    key_of(s, "expert_gating_func", key);
    if (fr_gguf_get_u64(file, key, &gating) && gating > 1)
        return fr_fail(err, FR_E_UNSUPPORTED, "Supported is 1, the softmax over experts.",
                       "'%s': '%s' is %llu, which is not supported", fr_gguf_path(file), key,
                       (unsigned long long)gating);
    size_t value_length = s->head_dim;
    FR_TRY(get_size(file, s, "attention.value_length", false, &value_length, err));
    if (value_length != s->head_dim)
        return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                       "'%s': values of %zu numbers beside keys of %zu are not supported",
                       fr_gguf_path(file), value_length, s->head_dim);
    return 0;
}

static int read_rope_scaling(const fr_gguf *file, const fr_arch *arch, fr_shape *s, fr_err *err)
{
    fr_rope_scaling *r = &s->rope_scaling;
    char key[KEY_BYTES];
    fr_str type = FR_STR("linear"); /* where only a factor is given */
    *r = (fr_rope_scaling){ .beta_fast = 32, .beta_slow = 1, .local_theta = arch->local_theta };
    r->original_context = s->context;
    FR_TRY(get_real(file, s, "rope.scaling.factor", &r->factor, err));
    FR_TRY(get_real(file, s, "rope.scaling.attn_factor", &r->magnitude, err));
    FR_TRY(get_real(file, s, "rope.scaling.yarn_beta_fast", &r->beta_fast, err));
    FR_TRY(get_real(file, s, "rope.scaling.yarn_beta_slow", &r->beta_slow, err));
    FR_TRY(get_real(file, s, "rope.freq_base_swa", &r->local_theta, err));
    FR_TRY(get_size(file, s, "rope.scaling.original_context_length", false, &r->original_context,
                    err));
    key_of(s, "rope.scaling.type", key);
    bool typed = fr_gguf_get_str(file, key, &type);
    if (fr_gguf_tensor(file, "rope_factors_long.weight") != NULL || fr_str_is(type, "longrope"))
        r->kind = FR_ROPE_LONGROPE;
    else if (fr_str_is(type, "linear"))
        r->kind = r->factor > 0 ? FR_ROPE_LINEAR : FR_ROPE_UNSCALED;
    else if (fr_str_is(type, "yarn"))
        r->kind = FR_ROPE_YARN;
    else if (!fr_str_is(type, "none"))
        return fr_fail(err, FR_E_UNSUPPORTED,
                       "Supported are none, linear, yarn and longrope (and Llama 3's factors).",
                       "'%s': rope scaling '%.*s' is not supported", fr_gguf_path(file),
                       FR_STR_F(type));
    if (typed && r->kind == FR_ROPE_YARN && !(r->factor > 0))
        return wrong(file, "rope.scaling.factor", "a positive number", err);
    return 0;
}

static int read_experts(const fr_gguf *file, const fr_arch *arch, fr_shape *s, fr_err *err)
{
    char key[KEY_BYTES];
    FR_TRY(get_size(file, s, "expert_count", false, &s->n_experts, err));
    if (s->n_experts == 0)
        return 0;
    FR_TRY(get_size(file, s, "expert_used_count", true, &s->n_experts_used, err));
    s->expert_ffn_dim = s->ffn_dim;
    FR_TRY(get_size(file, s, "expert_feed_forward_length", false, &s->expert_ffn_dim, err));
    s->experts_renormed = arch->renormed;
    key_of(s, "expert_weights_norm", key);
    fr_gguf_get_bool(file, key, &s->experts_renormed);
    return 0;
}

static int read_attention(const fr_gguf *file, const fr_arch *arch, fr_shape *s, fr_err *err)
{
    FR_TRY(get_size(file, s, "attention.head_count", true, &s->n_heads, err));
    s->n_kv_heads = s->n_heads;
    FR_TRY(get_size(file, s, "attention.head_count_kv", false, &s->n_kv_heads, err));
    s->head_dim = s->n_heads != 0 ? s->dim / s->n_heads : 0;
    FR_TRY(get_size(file, s, "attention.key_length", false, &s->head_dim, err));
    s->rope_dim = arch->rope != FR_ROPE_NONE ? s->head_dim : 0;
    if (arch->rope != FR_ROPE_NONE)
        FR_TRY(get_size(file, s, "rope.dimension_count", false, &s->rope_dim, err));
    FR_TRY(get_size(file, s, "attention.sliding_window", false, &s->window, err));
    s->window_every = arch->window_every;
    FR_TRY(get_size(file, s, "attention.sliding_window_pattern", false, &s->window_every, err));
    FR_TRY(get_real(file, s, "attention.scale", &s->attn_scale, err));
    if (arch->wide_heads != 0 && s->n_layers == arch->wide_heads && s->n_heads != 0)
        s->attn_scale = 1 / sqrtf((float)s->dim / (float)s->n_heads);
    FR_TRY(get_real(file, s, "attn_logit_softcapping", &s->attn_cap, err));
    return get_real(file, s, "final_logit_softcapping", &s->logit_cap, err);
}

/* What an encoder's tokens see, and what is made of them. */
static int read_encoder(const fr_gguf *file, const fr_arch *arch, fr_shape *s, fr_err *err)
{
    char key[KEY_BYTES];
    bool causal = !arch->looks_ahead;
    size_t pooling = FR_POOLING_NONE;
    key_of(s, "attention.causal", key);
    fr_gguf_get_bool(file, key, &causal);
    s->looks_ahead = !causal;
    if (s->looks_ahead && s->window != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                       "'%s': a window around each token is not supported where attention is not "
                       "causal",
                       fr_gguf_path(file));
    FR_TRY(get_size(file, s, "pooling_type", false, &pooling, err));
    if (pooling > FR_POOLING_RANK)
        return fr_fail(err, FR_E_UNSUPPORTED,
                       "Supported are 0 (none), 1 (mean), 2 (first), 3 (last) and 4 (rank).",
                       "'%s': '%s.pooling_type' is %zu, which is not supported", fr_gguf_path(file),
                       s->architecture, pooling);
    s->pooling = (fr_pooling)pooling;
    const fr_tensor *types = fr_gguf_tensor(file, "token_types.weight");
    s->n_types = types != NULL ? (size_t)FR_MIN(types->dims[1], (uint64_t)1 << 32) : 0;
    const fr_tensor *classes = fr_gguf_tensor(file, "cls.output.weight");
    s->n_labels = classes != NULL && fr_arch_slot(arch, FR_SLOT_CLASSES) != NULL
                      ? (size_t)FR_MIN(classes->dims[1], (uint64_t)1 << 32)
                      : 0;
    return 0;
}

/* Which of the weights that not every file has this one has, as its first layer tells. */
static void find_optional(const fr_gguf *file, const fr_arch *arch, fr_shape *s)
{
    _Static_assert(FR_SLOT_COUNT <= 64, "a bit for each slot");
    for (size_t i = 0; i < arch->n_slots; i++) {
        char name[FR_TENSOR_NAME];
        fr_slot_gguf_name(&arch->slots[i], 0, name);
        if (arch->slots[i].when == FR_WHEN_OPTIONAL && fr_gguf_tensor(file, name) != NULL)
            s->optional |= (uint64_t)1 << arch->slots[i].slot;
    }
}

/* How many kinds of distance T5 tells apart; its own number where the file has none. */
static int read_buckets(const fr_gguf *file, const fr_arch *arch, fr_shape *s, fr_err *err)
{
    if (fr_arch_slot(arch, FR_SLOT_ATTN_DISTANCE) == NULL)
        return 0;
    s->n_buckets = 32;
    return get_size(file, s, "attention.relative_buckets_count", false, &s->n_buckets, err);
}

static int read_as(const fr_gguf *file, const fr_arch *arch, const char *keys, fr_shape *out,
                   fr_err *err)
{
    char key[KEY_BYTES];
    fr_shape s = {
        .architecture = arch->name, .keys = keys, .norm_eps = 1e-5f, .rope_theta = 10000
    };
    FR_TRY(get_size(file, &s, "block_count", true, &s.n_layers, err));
    if (arch->layers_key != NULL)
        FR_TRY(get_size(file, &s, arch->layers_key, false, &s.n_layers, err));
    FR_TRY(get_size(file, &s, "embedding_length", true, &s.dim, err));
    FR_TRY(get_size(file, &s, "feed_forward_length", false, &s.ffn_dim, err));
    FR_TRY(get_size(file, &s, "context_length", true, &s.context, err));
    FR_TRY(read_attention(file, arch, &s, err));
    FR_TRY(read_experts(file, arch, &s, err));
    FR_TRY(get_real(file, &s,
                    arch->norm == FR_NORM_RMS ? "attention.layer_norm_rms_epsilon"
                                              : "attention.layer_norm_epsilon",
                    &s.norm_eps, err));
    FR_TRY(get_real(file, &s, "rope.freq_base", &s.rope_theta, err));
    FR_TRY(read_rope_scaling(file, arch, &s, err));
    s.embed_scale = arch->embed_scaled ? sqrtf((float)s.dim) : 0;
    s.parallel = true;
    key_of(&s, "use_parallel_residual", key);
    fr_gguf_get_bool(file, key, &s.parallel);
    const fr_tensor *embedding = fr_gguf_tensor(file, "token_embd.weight");
    if (embedding == NULL)
        return fr_fail(err, FR_E_FORMAT, "The file is damaged, or holds only a part of a model.",
                       "'%s' lacks the tensor 'token_embd.weight'", fr_gguf_path(file));
    FR_TRY(read_encoder(file, arch, &s, err));
    FR_TRY(read_buckets(file, arch, &s, err));
    s.n_vocab = (size_t)embedding->dims[1];
    s.tied = fr_gguf_tensor(file, "output.weight") == NULL;
    if (arch->unscaled)
        s.attn_scale = 1;
    if (arch->tied_scaled && s.tied)
        s.logit_scale = 1 / sqrtf((float)s.dim);
    const bool exact = embedding->format == FR_FORMAT_F32 || s.looks_ahead || arch->encoder != NULL;
    s.kv_format = exact ? FR_FORMAT_F32 : FR_FORMAT_F16;
    find_optional(file, arch, &s);
    fr_err cause = { 0 };
    if (fr_shape_check(&s, &cause) != 0)
        return fr_fail(err, FR_E_FORMAT, cause.hint, "'%s': %s", fr_gguf_path(file), cause.what);
    FR_TRY(refuse_unsupported(file, &s, err));
    *out = s;
    return 0;
}

int fr_shape_read(const fr_gguf *file, fr_shape *out, fr_err *err)
{
    fr_str name;
    char architecture[64];
    if (!fr_gguf_get_str(file, "general.architecture", &name))
        return wrong(file, "general.architecture", "text", err);
    snprintf(architecture, sizeof(architecture), "%.*s", FR_STR_F(name));
    const fr_arch *arch = fr_arch_find(architecture);
    if (arch == NULL)
        return fr_arch_unknown(fr_gguf_path(file), architecture, err);
    return read_as(file, arch, NULL, out, err);
}

int fr_shape_read_encoder(const fr_gguf *file, fr_shape *out, fr_err *err)
{
    fr_shape whole;
    FR_TRY(fr_shape_read(file, &whole, err));
    const fr_arch *arch = fr_arch_find(whole.architecture);
    return read_as(file, fr_arch_find(arch->encoder), whole.architecture, out, err);
}

size_t fr_shape_kv_bytes_per_token(const fr_shape *s)
{
    return 2 * s->n_layers * fr_shape_dim(s, FR_DIM_KV) * fr_format_find(s->kv_format)->block_bytes;
}

/* Positions that attention of a layer looks at. */
static double seen(const fr_shape *s, size_t layer, size_t position)
{
    return (double)(fr_shape_is_local(s, layer) ? FR_MIN(position + 1, s->window) : position + 1);
}

/* Of the products of one layer; attention is added beside. */
static double layer_flops(const fr_shape *s, const fr_arch *arch, const fr_op *ops, size_t n)
{
    double flops = 0;
    for (size_t i = 0; i < n; i++) {
        const fr_slot_row *slot = fr_arch_slot(arch, ops[i].weight);
        const bool picked = ops[i].kind == FR_OP_EXPERT_LINEAR || ops[i].kind == FR_OP_EXPERT_SUM;
        if (ops[i].kind == FR_OP_LINEAR || picked)
            flops += 2.0 * (double)fr_shape_dim(s, slot->rows) *
                     (double)fr_shape_dim(s, slot->cols) * (picked ? (double)s->n_experts_used : 1);
    }
    return flops;
}

double fr_shape_flops_per_token(const fr_shape *s, size_t position, bool with_logits)
{
    const fr_arch *arch = fr_arch_find(s->architecture);
    fr_op ops[FR_OPS_MOST];
    if (arch == NULL)
        return NAN;
    size_t n = fr_arch_ops(arch, s, FR_PART_LAYER, ops);
    double flops = layer_flops(s, arch, ops, n) * (double)s->n_layers;
    for (size_t l = 0; l < s->n_layers; l++)
        flops += 4.0 * seen(s, l, position) * (double)fr_shape_dim(s, FR_DIM_Q);
    return flops + (with_logits ? 2.0 * (double)s->n_vocab * (double)s->dim : 0);
}
