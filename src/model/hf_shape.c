/* hf_shape.c: reads config.json. Names of keys have changed over the years and between model types:
 * a fact is asked for under each of its names. What would change answers and is not computed here
 * is refused by name. */
#include "model/hf_shape.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* How each model type of config.json becomes a row of arch_rows.c; and what its configuration class
 * assumes where a key is absent. */
typedef struct {
    const char *type, *arch;
    double eps, theta;
    size_t context, head_dim;
    bool plus_one;    /* weights of norms are stored less one */
    bool qkv_grouped; /* queries, keys and values in one matrix, group after group */
    bool window_asks; /* use_sliding_window says whether there is one */
    double partial;   /* share of a head that is rotated */
} model_type;

static const model_type TYPES[] = {
    { "llama", "llama", 1e-6, 10000, 2048 },
    { "mistral", "llama", 1e-6, 10000, 131072 },
    { "mixtral", "llama", 1e-5, 1000000, 131072 },
    { "qwen2", "qwen2", 1e-6, 10000, 32768, .window_asks = true },
    { "qwen3", "qwen3", 1e-6, 10000, 32768, .head_dim = 128, .window_asks = true },
    { "qwen3_moe", "qwen3moe", 1e-6, 10000, 32768, .window_asks = true },
    { "gemma", "gemma", 1e-6, 10000, 8192, .head_dim = 256, .plus_one = true },
    { "gemma2", "gemma2", 1e-6, 10000, 8192, .head_dim = 256, .plus_one = true },
    { "gemma3", "gemma3", 1e-6, 1000000, 131072, .head_dim = 256, .plus_one = true },
    { "gemma3_text", "gemma3", 1e-6, 1000000, 131072, .head_dim = 256, .plus_one = true },
    { "phi3", "phi3", 1e-5, 10000, 4096 },
    { "gpt2", "gpt2", 1e-5, 0, 1024 },
    { "gpt_neox", "gptneox", 1e-5, 10000, 2048, .qkv_grouped = true, .partial = 0.25 },
    { "starcoder2", "starcoder2", 1e-5, 10000, 4096 },
    { "falcon", "falcon", 1e-5, 10000, 2048, .qkv_grouped = true },
    { "bert", "bert", 1e-12, 0, 512 },
    { "nomic_bert", "nomic-bert", 1e-12, 1000, 2048 },
    { "t5", "t5", 1e-6, 0, 512 },
    { "mt5", "t5", 1e-6, 0, 512 },
};

typedef struct {
    const char *file; /* of errors: the folder */
    const json_t *config, *rope;
} reading;

/* ---- facts under several names --------------------------------------------------------------- */

/* The first of the names (separated by '|') that is there and not null. */
static const json_t *find(const json_t *object, const char *names)
{
    fr_str rest = fr_str_of(names), one;
    while (fr_str_next(&rest, '|', &one)) {
        char key[64];
        snprintf(key, sizeof(key), "%.*s", FR_STR_F(one));
        const json_t *value = json_object_get(object, key);
        if (value != NULL && !json_is_null(value))
            return value;
    }
    return NULL;
}

static int wrong(const reading *r, const char *names, const char *expected, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, NULL, "'%s/config.json': '%s' is missing or not %s", r->file,
                   names, expected);
}

static int refuse(const reading *r, const char *key, const char *what, const char *hint,
                  fr_err *err)
{
    return fr_fail(err, FR_E_UNSUPPORTED, hint, "'%s/config.json': %s is not supported ('%s')",
                   r->file, what, key);
}

static int get_size(const reading *r, const char *names, size_t otherwise, size_t *out, fr_err *err)
{
    const json_t *value = find(r->config, names);
    *out = otherwise;
    if (value == NULL)
        return otherwise != SIZE_MAX ? 0 : wrong(r, names, "a whole number", err);
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > (json_int_t)1 << 32)
        return wrong(r, names, "a whole number of a sensible size", err);
    *out = (size_t)json_integer_value(value);
    return 0;
}

static int get_real(const reading *r, const json_t *from, const char *names, double otherwise,
                    double *out, fr_err *err)
{
    const json_t *value = find(from, names);
    *out = otherwise;
    if (value == NULL)
        return 0;
    *out = json_number_value(value);
    if (!json_is_number(value) || !(*out >= 0 && *out < 1e12))
        return wrong(r, names, "a number that is not negative", err);
    return 0;
}

static bool says(const reading *r, const char *names, bool otherwise)
{
    const json_t *value = find(r->config, names);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static const char *text_of(const json_t *object, const char *names)
{
    return json_string_value(find(object, names));
}

/* ---- what is refused ------------------------------------------------------------------------- */

static int check_activation(const reading *r, const fr_arch *arch, fr_err *err)
{
    static const struct {
        const char *names; /* space-separated */
        fr_activation activation;
    } NAMES[] = { { "silu swish swiglu", FR_ACT_SILU },
                  { "gelu_new gelu_pytorch_tanh gelu_fast gelu_python_tanh", FR_ACT_GELU_TANH },
                  { "gelu gelu_python", FR_ACT_GELU } };
    const char *name =
        text_of(r->config, "hidden_activation|hidden_act|activation_function|activation");
    if (name == NULL)
        return 0; /* the class's own, which the row has */
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        fr_str rest = fr_str_of(NAMES[i].names), one;
        while (fr_str_next(&rest, ' ', &one)) {
            /* The first Gemma files say gelu and mean its approximation (transformers #29402). */
            bool gemma = fr_str_is(one, "gelu") && strncmp(arch->name, "gemma", 5) == 0;
            if (fr_str_is(one, name) && (NAMES[i].activation == arch->activation || gemma))
                return 0;
        }
    }
    return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                   "'%s/config.json': the activation '%.40s' is not supported in %s models",
                   r->file, name, arch->name);
}

static int refuse_unsupported(const reading *r, const char *arch, fr_err *err)
{
    static const struct {
        const char *arch, *key; /* arch NULL: any */
        bool when;              /* refused with this value */
        const char *what;
    } FLAGS[] = {
        { "falcon", "alibi", true, "a slope of scores (ALiBi)" },
        { "falcon", "parallel_attn", false, "attention before the feed-forward" },
        { "gpt2", "scale_attn_by_inverse_layer_idx", true, "a scale that differs by layer" },
        { "gpt2", "scale_attn_weights", false, "attention without its scale" },
        { "gpt2", "add_cross_attention", true, "attention to an encoder" },
        { "bert", "is_decoder", true, "a decoder" },
        { "nomic-bert", "prenorm", true, "norms before attention" },
        { "nomic-bert", "causal", true, "a decoder" },
        { "nomic-bert", "use_rms_norm", true, "another norm" },
        { "nomic-bert", "rotary_emb_interleaved", true, "positions that rotate pairs" },
        { "gemma3", "use_bidirectional_attention", true, "attention to what follows" },
    };
    const json_t *quantized = find(r->config, "quantization_config");
    if (quantized != NULL) {
        const char *method = text_of(quantized, "quant_method");
        return fr_fail(err, FR_E_UNSUPPORTED,
                       "Convert the original model, then `frugal quantize` it.",
                       "'%s' is quantized already (%.40s), which is not read", r->file,
                       method != NULL ? method : "quantization_config");
    }
    for (size_t i = 0; i < FR_COUNT_OF(FLAGS); i++)
        if (strcmp(FLAGS[i].arch, arch) == 0 &&
            says(r, FLAGS[i].key, !FLAGS[i].when) == FLAGS[i].when)
            return refuse(r, FLAGS[i].key, FLAGS[i].what, NULL, err);
    const char *positions = text_of(r->config, "position_embedding_type");
    if (positions != NULL && strcmp(positions, "absolute") != 0)
        return refuse(r, "position_embedding_type", "positions relative to each other", NULL, err);
    if (json_array_size(find(r->config, "mlp_only_layers")) != 0)
        return refuse(r, "mlp_only_layers", "a mixture in some layers only", NULL, err);
    const json_t *step = find(r->config, "decoder_sparse_step");
    if (json_is_integer(step) && json_integer_value(step) != 1)
        return refuse(r, "decoder_sparse_step", "a mixture in some layers only", NULL, err);
    return 0;
}

/* ---- windows --------------------------------------------------------------------------------- */

/* How often a layer sees everything: 0 never, 1 always, n every n-th. false: in no such order. */
static bool pattern_of(const json_t *types, size_t n_layers, size_t *every)
{
    size_t first = n_layers;
    if (json_array_size(types) != n_layers)
        return false;
    for (size_t i = 0; i < n_layers; i++) {
        const char *type = json_string_value(json_array_get(types, i));
        if (type == NULL ||
            (strcmp(type, "full_attention") != 0 && strcmp(type, "sliding_attention") != 0))
            return false;
        if (first == n_layers && type[0] == 'f')
            first = i;
    }
    *every = first == n_layers ? 0 : first + 1;
    for (size_t i = 0; i < n_layers && *every != 0; i++) {
        const char *type = json_string_value(json_array_get(types, i));
        if ((i % *every == *every - 1) != (type[0] == 'f'))
            return false;
    }
    return true;
}

static int read_window(const reading *r, const model_type *type, hf_shape *s, fr_err *err)
{
    fr_shape *shape = &s->shape;
    size_t pattern = 0, from = 0;
    const json_t *types = find(r->config, "layer_types");
    FR_TRY(get_size(r, "sliding_window", 0, &shape->window, err));
    if (type->window_asks && !says(r, "use_sliding_window", false))
        shape->window = 0;
    shape->window_every = s->arch->window_every;
    if (shape->window == 0)
        return 0;
    FR_TRY(get_size(r, "sliding_window_pattern|_sliding_window_pattern", 0, &pattern, err));
    FR_TRY(get_size(r, "max_window_layers", 0, &from, err));
    if (types != NULL) {
        size_t every = shape->window_every;
        bool regular = pattern_of(types, shape->n_layers, &every);
        /* In a model of few layers the first that sees everything may not be there. */
        if (regular && every == 0 && shape->window_every > shape->n_layers)
            every = shape->window_every;
        if (!regular)
            return refuse(r, "layer_types", "this order of layers", NULL, err);
        if (every == 1)
            shape->window = 0;
        pattern = every;
    } else if (type->window_asks && from > 0) {
        if (from < shape->n_layers)
            return refuse(r, "max_window_layers", "a window in the later layers only", NULL, err);
        shape->window = 0;
    }
    if (types != NULL || pattern != 0) {
        s->window_pattern_given = shape->window != 0 && pattern != shape->window_every;
        shape->window_every = pattern;
    }
    return 0;
}

/* ---- positions ------------------------------------------------------------------------------- */

static int read_factors(const reading *r, const char *key, size_t n, double *out, fr_err *err)
{
    const json_t *list = find(r->rope, key);
    if (json_array_size(list) != n)
        return fr_fail(err, FR_E_FORMAT, NULL, "'%s/config.json': '%s' is not a list of %zu",
                       r->file, key, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = json_number_value(json_array_get(list, i));
        if (!(out[i] > 0 && out[i] < 1e9))
            return wrong(r, key, "a list of positive numbers", err);
    }
    return 0;
}

static int read_yarn(const reading *r, fr_rope_scaling *scaling, fr_err *err)
{
    double fast, slow, factor, all, one;
    FR_TRY(get_real(r, r->rope, "beta_fast", 32, &fast, err));
    FR_TRY(get_real(r, r->rope, "beta_slow", 1, &slow, err));
    FR_TRY(get_real(r, r->rope, "attention_factor", 0, &factor, err));
    FR_TRY(get_real(r, r->rope, "mscale", 0, &one, err));
    FR_TRY(get_real(r, r->rope, "mscale_all_dim", 0, &all, err));
    if (json_is_false(find(r->rope, "truncate")))
        return refuse(r, "truncate", "YaRN with bounds that are not whole", NULL, err);
    scaling->kind = FR_ROPE_YARN;
    scaling->beta_fast = (float)fast;
    scaling->beta_slow = (float)slow;
    double grown = 0.1 * log((double)scaling->factor);
    if (factor == 0 && one > 0 && all > 0)
        factor = (1 + one * grown) / (1 + all * grown);
    if (factor > 0) /* readers multiply by what YaRN's paper says */
        scaling->magnitude = (float)(factor / (1 + grown));
    return 0;
}

/* The factors of Llama 3.1 (Meta's published formula): long waves are divided, short ones kept. */
static int read_llama3(const reading *r, hf_shape *s, fr_err *err)
{
    double low, high;
    const double factor = (double)s->shape.rope_scaling.factor;
    const double original = (double)s->shape.rope_scaling.original_context;
    FR_TRY(get_real(r, r->rope, "low_freq_factor", 1, &low, err));
    FR_TRY(get_real(r, r->rope, "high_freq_factor", 4, &high, err));
    if (!(low > 0 && high > low))
        return wrong(r, "high_freq_factor", "above low_freq_factor", err);
    s->stretch = HF_STRETCH_LLAMA3;
    for (size_t i = 0; i < s->n_factors; i++) {
        double wave =
            2 * M_PI * pow((double)s->shape.rope_theta, 2 * (double)i / (double)s->shape.rope_dim);
        double smooth = (original / wave - low) / (high - low);
        s->short_factors[i] = wave < original / high  ? 1
                              : wave > original / low ? factor
                                                      : 1 / ((1 - smooth) / factor + smooth);
    }
    return 0;
}

static int read_longrope(const reading *r, hf_shape *s, fr_err *err)
{
    fr_rope_scaling *scaling = &s->shape.rope_scaling;
    double magnitude;
    FR_TRY(read_factors(r, "short_factor", s->n_factors, s->short_factors, err));
    FR_TRY(read_factors(r, "long_factor", s->n_factors, s->long_factors, err));
    FR_TRY(get_real(r, r->rope, "attention_factor", 0, &magnitude, err));
    const double scale = (double)s->shape.context / (double)scaling->original_context;
    if (magnitude == 0)
        magnitude = scale > 1 ? sqrt(1 + log(scale) / log((double)scaling->original_context)) : 1;
    s->stretch = HF_STRETCH_LONGROPE;
    scaling->kind = FR_ROPE_LONGROPE;
    scaling->magnitude = (float)magnitude;
    return 0;
}

static const char NOT_STRETCHED[] =
    "positions beyond the context that the model was trained with are not stretched";

static int read_stretch(const reading *r, hf_shape *s, fr_err *err)
{
    fr_shape *shape = &s->shape;
    fr_rope_scaling *scaling = &shape->rope_scaling;
    const char *type = text_of(r->rope, "rope_type|type");
    double factor, original;
    if (json_is_number(find(r->config, "rotary_scaling_factor")))
        s->told = NOT_STRETCHED;
    if (type == NULL || strcmp(type, "default") == 0)
        return 0;
    FR_TRY(get_real(r, r->rope, "factor", 1, &factor, err));
    FR_TRY(get_real(r, r->rope, "original_max_position_embeddings",
                    json_number_value(find(r->config, "original_max_position_embeddings")),
                    &original, err));
    scaling->original_context = original > 0 ? (size_t)original : shape->context;
    scaling->factor = (float)factor;
    if (strcmp(type, "longrope") == 0 || strcmp(type, "su") == 0)
        return read_longrope(r, s, err);
    if (!(factor > 0))
        return wrong(r, "factor", "a positive number", err);
    if (strcmp(type, "linear") == 0) {
        s->stretch = HF_STRETCH_LINEAR;
        scaling->kind = FR_ROPE_LINEAR;
        return 0;
    }
    if (strcmp(type, "llama3") == 0)
        return read_llama3(r, s, err);
    if (strcmp(type, "yarn") == 0) {
        s->stretch = HF_STRETCH_YARN;
        return read_yarn(r, scaling, err);
    }
    if (strcmp(type, "dynamic") != 0)
        return refuse(r, "rope_type", type, "Read are linear, dynamic, yarn, llama3, longrope.",
                      err);
    *scaling = (fr_rope_scaling){ 0 };
    s->told = NOT_STRETCHED;
    return 0;
}

static int read_positions(reading *r, const model_type *type, hf_shape *s, fr_err *err)
{
    fr_shape *shape = &s->shape;
    double theta, partial, local = 0;
    r->rope = find(r->config, "rope_parameters|rope_scaling");
    const json_t *sliding = json_object_get(r->rope, "sliding_attention");
    FR_TRY(get_real(r, sliding != NULL ? sliding : r->config,
                    sliding != NULL ? "rope_theta" : "rope_local_base_freq", 0, &local, err));
    if (json_object_get(r->rope, "full_attention") != NULL)
        r->rope = json_object_get(r->rope, "full_attention");
    FR_TRY(get_real(r, r->config, "rope_theta|rotary_emb_base", type->theta, &theta, err));
    FR_TRY(get_real(r, r->rope, "rope_theta", theta, &theta, err));
    FR_TRY(get_real(r, r->config, "partial_rotary_factor|rotary_pct|rotary_emb_fraction",
                    type->partial > 0 ? type->partial : 1, &partial, err));
    FR_TRY(get_real(r, r->rope, "partial_rotary_factor", partial, &partial, err));
    shape->rope_theta = (float)theta;
    shape->rope_dim = (size_t)((double)shape->head_dim * partial);
    if (s->arch->rope == FR_ROPE_PAIRS && shape->rope_dim != shape->head_dim)
        return refuse(r, "partial_rotary_factor", "rotating a part of each head", NULL, err);
    s->n_factors = shape->rope_dim / 2;
    if (s->n_factors > HF_PAIRS_MOST)
        return wrong(r, "head_dim", "at most 1024", err);
    if (s->arch->local_theta > 0 && local > 0 && (float)local != s->arch->local_theta) {
        s->local_theta_given = true;
        shape->rope_scaling.local_theta = (float)local;
    }
    return read_stretch(r, s, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int read_sizes(const reading *r, const model_type *type, hf_shape *s, fr_err *err)
{
    fr_shape *shape = &s->shape;
    FR_TRY(get_size(r, "num_hidden_layers|n_layer|n_layers|num_decoder_layers|num_layers", SIZE_MAX,
                    &shape->n_layers, err));
    FR_TRY(get_size(r, "hidden_size|n_embd|n_embed|d_model", SIZE_MAX, &shape->dim, err));
    FR_TRY(get_size(r, "num_attention_heads|n_head|num_heads", SIZE_MAX, &shape->n_heads, err));
    FR_TRY(get_size(r, "intermediate_size|n_inner|ffn_hidden_size|d_ff", 4 * shape->dim,
                    &shape->ffn_dim, err));
    FR_TRY(get_size(r, "max_position_embeddings|n_positions|n_ctx", type->context, &shape->context,
                    err));
    FR_TRY(get_size(r, "num_key_value_heads|num_kv_heads|n_head_kv", shape->n_heads,
                    &shape->n_kv_heads, err));
    if (strcmp(type->type, "falcon") == 0 && !says(r, "new_decoder_architecture", false))
        shape->n_kv_heads = says(r, "multi_query", true) ? 1 : shape->n_heads;
    if (shape->n_heads == 0)
        return wrong(r, "num_attention_heads", "a positive number", err);
    return get_size(r, "head_dim|d_kv",
                    type->head_dim != 0 ? type->head_dim : shape->dim / shape->n_heads,
                    &shape->head_dim, err);
}

/* What T5 alone has. Whether logits are scaled is what tie_word_embeddings says there; version 5 of
 * transformers says it in a key of its own, and mT5's never are. */
static int read_encoder_decoder(const reading *r, const model_type *type, hf_shape *s, fr_err *err)
{
    size_t furthest, start;
    const char *name = text_of(r->config, "feed_forward_proj");
    if (s->arch->encoder == NULL)
        return 0;
    const bool mt5 = strcmp(type->type, "mt5") == 0;
    s->gated = name != NULL ? strcmp(name, "gated-gelu") == 0 : mt5;
    if (name != NULL && !s->gated && strcmp(name, "relu") != 0)
        return refuse(r, "feed_forward_proj", name, "Read are relu and gated-gelu.", err);
    FR_TRY(get_size(r, "num_layers", SIZE_MAX, &s->encoder_layers, err));
    FR_TRY(get_size(r, "relative_attention_num_buckets", 32, &s->shape.n_buckets, err));
    FR_TRY(get_size(r, "relative_attention_max_distance", 128, &furthest, err));
    FR_TRY(get_size(r, "decoder_start_token_id|pad_token_id", 0, &start, err));
    if (furthest != 128)
        return refuse(r, "relative_attention_max_distance", "a furthest distance that is not 128",
                      NULL, err);
    s->decoder_start = (uint32_t)start;
    s->shape.tied = !mt5 && says(r, "scale_decoder_outputs", says(r, "tie_word_embeddings", true));
    return 0;
}

static int read_experts(const reading *r, hf_shape *s, fr_err *err)
{
    fr_shape *shape = &s->shape;
    FR_TRY(get_size(r, "num_local_experts|num_experts", 0, &shape->n_experts, err));
    if (shape->n_experts == 0)
        return 0;
    FR_TRY(get_size(r, "num_experts_per_tok", SIZE_MAX, &shape->n_experts_used, err));
    FR_TRY(get_size(r, "moe_intermediate_size", shape->ffn_dim, &shape->expert_ffn_dim, err));
    shape->experts_renormed = says(r, "norm_topk_prob", s->arch->renormed);
    s->renormed_given = shape->experts_renormed != s->arch->renormed;
    return 0;
}

static int read_scores(const reading *r, hf_shape *s, fr_err *err)
{
    fr_shape *shape = &s->shape;
    double cap, logit, scalar;
    FR_TRY(get_real(r, r->config, "attn_logit_softcapping", 0, &cap, err));
    FR_TRY(get_real(r, r->config, "final_logit_softcapping", 0, &logit, err));
    FR_TRY(get_real(r, r->config, "query_pre_attn_scalar", 0, &scalar, err));
    shape->attn_cap = (float)cap;
    shape->logit_cap = (float)logit;
    /* Readers know the widest models by their number of layers; no key says it there. */
    bool wide = s->arch->wide_heads != 0 && shape->n_layers == s->arch->wide_heads;
    if (scalar > 0 && scalar != (double)shape->head_dim && !wide)
        shape->attn_scale = (float)(1 / sqrt(scalar));
    return 0;
}

static int unknown_type(const reading *r, const char *type, fr_err *err)
{
    char list[200] = "";
    for (size_t i = 0; i < FR_COUNT_OF(TYPES); i++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof(list) - n, "%s%s", i > 0 ? ", " : "Read are ", TYPES[i].type);
    }
    size_t n = strlen(list);
    snprintf(list + n, sizeof(list) - n, ".");
    return fr_fail(err, FR_E_UNSUPPORTED, list,
                   "'%s' is a model of type '%.60s', which is not read", r->file, type);
}

int fr_hf_shape_read(const fr_hf_folder *f, hf_shape *out, fr_err *err)
{
    reading r = { .file = fr_hf_path(f), .config = fr_hf_config(f) };
    const char *name = text_of(r.config, "model_type");
    const model_type *type = NULL;
    double eps;
    if (name == NULL)
        name = text_of(fr_hf_config_whole(f), "model_type");
    if (name == NULL)
        return wrong(&r, "model_type", "text", err);
    for (size_t i = 0; i < FR_COUNT_OF(TYPES) && type == NULL; i++)
        if (strcmp(TYPES[i].type, name) == 0)
            type = &TYPES[i];
    if (type == NULL)
        return unknown_type(&r, name, err);
    *out = (hf_shape){ .arch = fr_arch_find(type->arch),
                       .norms_plus_one = type->plus_one,
                       .qkv_grouped = type->qkv_grouped };
    fr_shape *s = &out->shape;
    s->architecture = out->arch->name;
    s->looks_ahead = out->arch->looks_ahead;
    s->pooling = s->looks_ahead ? FR_POOLING_MEAN : FR_POOLING_NONE;
    FR_TRY(check_activation(&r, out->arch, err));
    FR_TRY(refuse_unsupported(&r, type->arch, err));
    FR_TRY(read_sizes(&r, type, out, err));
    FR_TRY(read_encoder_decoder(&r, type, out, err));
    FR_TRY(read_experts(&r, out, err));
    FR_TRY(read_window(&r, type, out, err));
    FR_TRY(read_scores(&r, out, err));
    FR_TRY(get_real(&r, r.config, "rms_norm_eps|layer_norm_epsilon|layer_norm_eps|norm_epsilon",
                    type->eps, &eps, err));
    s->norm_eps = (float)eps;
    s->parallel = says(&r, "use_parallel_residual", true);
    if (out->arch->rope != FR_ROPE_NONE)
        FR_TRY(read_positions(&r, type, out, err));
    return 0;
}

/* ---- the keys -------------------------------------------------------------------------------- */

typedef struct {
    const char *arch;
    fr_gguf_out *o;
    char key[128];
} putting;

static const char *key_of(putting *p, const char *name)
{
    snprintf(p->key, sizeof(p->key), "%s.%s", p->arch, name);
    return p->key;
}

static void put_size(putting *p, const char *name, size_t value)
{
    fr_gguf_put_u32(p->o, key_of(p, name), (uint32_t)value);
}

static void put_real(putting *p, const char *name, float value)
{
    fr_gguf_put_f32(p->o, key_of(p, name), value);
}

static void put_stretch(putting *p, const hf_shape *s)
{
    static const char *const NAMES[] = { [HF_STRETCH_LINEAR] = "linear",
                                         [HF_STRETCH_YARN] = "yarn",
                                         [HF_STRETCH_LONGROPE] = "longrope" };
    const fr_rope_scaling *r = &s->shape.rope_scaling;
    if (s->stretch == HF_STRETCH_NONE || s->stretch == HF_STRETCH_LLAMA3)
        return; /* llama3's factors are a tensor */
    if (s->stretch != HF_STRETCH_LONGROPE) {
        fr_gguf_put_str(p->o, key_of(p, "rope.scaling.type"), fr_str_of(NAMES[s->stretch]));
        put_real(p, "rope.scaling.factor", r->factor);
    }
    if (s->stretch != HF_STRETCH_LINEAR)
        put_size(p, "rope.scaling.original_context_length", r->original_context);
    if (r->magnitude > 0)
        put_real(p, "rope.scaling.attn_factor", r->magnitude);
    if (s->stretch == HF_STRETCH_YARN && (r->beta_fast != 32 || r->beta_slow != 1)) {
        put_real(p, "rope.scaling.yarn_beta_fast", r->beta_fast);
        put_real(p, "rope.scaling.yarn_beta_slow", r->beta_slow);
    }
}

void fr_hf_shape_put(const hf_shape *s, fr_gguf_out *o)
{
    const fr_shape *shape = &s->shape;
    const bool rms = s->arch->norm == FR_NORM_RMS;
    putting p = { .arch = s->arch->name, .o = o };
    put_size(&p, "block_count", s->encoder_layers != 0 ? s->encoder_layers : shape->n_layers);
    if (s->encoder_layers != 0) {
        put_size(&p, "decoder_block_count", shape->n_layers);
        put_size(&p, "decoder_start_token_id", s->decoder_start);
        put_size(&p, "attention.relative_buckets_count", shape->n_buckets);
    }
    put_size(&p, "context_length", shape->context);
    put_size(&p, "embedding_length", shape->dim);
    put_size(&p, "feed_forward_length", shape->ffn_dim);
    put_size(&p, "attention.head_count", shape->n_heads);
    put_size(&p, "attention.head_count_kv", shape->n_kv_heads);
    put_real(&p, rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
             shape->norm_eps);
    if (shape->head_dim != shape->dim / shape->n_heads || s->arch->rope != FR_ROPE_NONE) {
        put_size(&p, "attention.key_length", shape->head_dim);
        put_size(&p, "attention.value_length", shape->head_dim);
    }
    if (s->arch->rope != FR_ROPE_NONE) {
        put_size(&p, "rope.dimension_count", shape->rope_dim);
        put_real(&p, "rope.freq_base", shape->rope_theta);
        put_stretch(&p, s);
    }
    if (s->local_theta_given)
        put_real(&p, "rope.freq_base_swa", shape->rope_scaling.local_theta);
    if (shape->window != 0)
        put_size(&p, "attention.sliding_window", shape->window);
    if (s->window_pattern_given)
        put_size(&p, "attention.sliding_window_pattern", shape->window_every);
    if (shape->attn_scale > 0)
        put_real(&p, "attention.scale", shape->attn_scale);
    if (shape->attn_cap > 0)
        put_real(&p, "attn_logit_softcapping", shape->attn_cap);
    if (shape->logit_cap > 0)
        put_real(&p, "final_logit_softcapping", shape->logit_cap);
    if (shape->n_experts != 0) {
        put_size(&p, "expert_count", shape->n_experts);
        put_size(&p, "expert_used_count", shape->n_experts_used);
        put_size(&p, "expert_feed_forward_length", shape->expert_ffn_dim);
    }
    if (s->renormed_given)
        fr_gguf_put_bool(o, key_of(&p, "expert_weights_norm"), shape->experts_renormed);
    if (shape->looks_ahead)
        fr_gguf_put_bool(o, key_of(&p, "attention.causal"), false);
    if (shape->pooling != FR_POOLING_NONE)
        put_size(&p, "pooling_type", (size_t)shape->pooling);
    if (strcmp(s->arch->name, "gptneox") == 0)
        fr_gguf_put_bool(o, key_of(&p, "use_parallel_residual"), shape->parallel);
}
