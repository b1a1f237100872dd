/* shape.c: what a model is, from the keys of its file, and what a token of it costs. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "model/model_priv.h"

enum { KEY_BYTES = 128 };

static void key_of(const fr_shape *s, const char *key, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "%s.%s", s->architecture, key);
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
    char key[KEY_BYTES];
    fr_str text;
    size_t experts = 0, value_length = s->head_dim;
    key_of(s, "rope.scaling.type", key);
    if (fr_gguf_get_str(file, key, &text) && !fr_str_is(text, "none"))
        return fr_fail(err, FR_E_UNSUPPORTED, "Use a model whose positions are not scaled.",
                       "'%s': rope scaling '%.*s' is not supported", fr_gguf_path(file),
                       FR_STR_F(text));
    FR_TRY(get_size(file, s, "expert_count", false, &experts, err));
    if (experts != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Use a dense model.",
                       "'%s': a mixture of %zu experts is not supported", fr_gguf_path(file),
                       experts);
    FR_TRY(get_size(file, s, "attention.value_length", false, &value_length, err));
    if (value_length != s->head_dim)
        return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                       "'%s': values of %zu numbers beside keys of %zu are not supported",
                       fr_gguf_path(file), value_length, s->head_dim);
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
        return fr_fail(err, FR_E_UNSUPPORTED, "Supported is llama.",
                       "'%s': architecture '%s' is not supported", fr_gguf_path(file),
                       architecture);
    fr_shape s = { .architecture = arch->name, .norm_eps = 1e-5f, .rope_theta = 10000 };
    FR_TRY(get_size(file, &s, "block_count", true, &s.n_layers, err));
    FR_TRY(get_size(file, &s, "embedding_length", true, &s.dim, err));
    FR_TRY(get_size(file, &s, "feed_forward_length", true, &s.ffn_dim, err));
    FR_TRY(get_size(file, &s, "context_length", true, &s.context, err));
    FR_TRY(get_size(file, &s, "attention.head_count", true, &s.n_heads, err));
    s.n_kv_heads = s.n_heads;
    FR_TRY(get_size(file, &s, "attention.head_count_kv", false, &s.n_kv_heads, err));
    s.head_dim = s.n_heads != 0 ? s.dim / s.n_heads : 0;
    FR_TRY(get_size(file, &s, "attention.key_length", false, &s.head_dim, err));
    s.rope_dim = s.head_dim;
    FR_TRY(get_size(file, &s, "rope.dimension_count", false, &s.rope_dim, err));
    FR_TRY(get_real(file, &s, "attention.layer_norm_rms_epsilon", &s.norm_eps, err));
    FR_TRY(get_real(file, &s, "rope.freq_base", &s.rope_theta, err));
    const fr_tensor *embedding = fr_gguf_tensor(file, "token_embd.weight");
    if (embedding == NULL)
        return fr_fail(err, FR_E_FORMAT, "The file is damaged, or holds only a part of a model.",
                       "'%s' lacks the tensor 'token_embd.weight'", fr_gguf_path(file));
    s.n_vocab = (size_t)embedding->dims[1];
    s.tied = fr_gguf_tensor(file, "output.weight") == NULL;
    s.kv_format = embedding->format == FR_FORMAT_F32 ? FR_FORMAT_F32 : FR_FORMAT_F16;
    fr_err cause = { 0 };
    if (fr_shape_check(&s, &cause) != 0)
        return fr_fail(err, FR_E_FORMAT, cause.hint, "'%s': %s", fr_gguf_path(file), cause.what);
    FR_TRY(refuse_unsupported(file, &s, err));
    *out = s;
    return 0;
}

size_t fr_shape_kv_bytes_per_token(const fr_shape *s)
{
    return 2 * s->n_layers * fr_shape_dim(s, FR_DIM_KV) * fr_format_find(s->kv_format)->block_bytes;
}

static double list_flops(const fr_shape *s, const fr_op *ops, size_t n, size_t position)
{
    const fr_arch *arch = fr_arch_find(s->architecture);
    double flops = 0;
    for (size_t i = 0; i < n; i++) {
        const fr_slot_row *slot = fr_arch_slot(arch, ops[i].weight);
        if (ops[i].kind == FR_OP_LINEAR)
            flops +=
                2.0 * (double)fr_shape_dim(s, slot->rows) * (double)fr_shape_dim(s, slot->cols);
        else if (ops[i].kind == FR_OP_ATTENTION)
            flops += 4.0 * (double)(position + 1) * (double)fr_shape_dim(s, FR_DIM_Q);
    }
    return flops;
}

double fr_shape_flops_per_token(const fr_shape *s, size_t position, bool with_logits)
{
    const fr_arch *arch = fr_arch_find(s->architecture);
    if (arch == NULL)
        return NAN;
    double flops =
        list_flops(s, arch->layer_ops, arch->n_layer_ops, position) * (double)s->n_layers;
    return flops + (with_logits ? 2.0 * (double)s->n_vocab * (double)s->dim : 0);
}
