/* model.c: opens a model: every tensor that its architecture names, checked, and used in place. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"
#include "model/model_priv.h"

static int wrong_shape(const fr_model *m, const fr_tensor *t, const char *name, size_t rows,
                       size_t cols, size_t experts, fr_err *err)
{
    char of_each[2][32] = { "", "" }; /* a matrix for each of so many experts */
    if (t->dims[2] != 1)
        snprintf(of_each[0], sizeof(of_each[0]), "%llu × ", (unsigned long long)t->dims[2]);
    if (experts != 1)
        snprintf(of_each[1], sizeof(of_each[1]), "%zu × ", experts);
    return fr_fail(err, FR_E_FORMAT, "The file's keys and tensors do not belong together.",
                   "'%s': tensor '%s' is %s%llu × %llu: expected %s%zu × %zu", m->path, name,
                   of_each[0], (unsigned long long)t->dims[1], (unsigned long long)t->dims[0],
                   of_each[1], rows, cols);
}

int fr_model_check_tensor(const fr_model *m, const fr_tensor *t, const char *name, size_t rows,
                          size_t cols, size_t experts, fr_err *err)
{
    if (t == NULL)
        return fr_fail(err, FR_E_FORMAT, "The file is damaged, or holds only a part of a model.",
                       "'%s' lacks the tensor '%s'", m->path, name);
    if (t->dims[0] != cols || t->dims[1] != rows || t->dims[2] != experts || t->dims[3] != 1)
        return wrong_shape(m, t, name, rows, cols, experts, err);
    if (fr_format_find(t->format) == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, FR_FORMAT_HINT,
                       "'%s': tensor '%s' is in format %s, which is not supported", m->path, name,
                       fr_format_any_name(t->format));
    return 0;
}

/* Rows of a tensor that several slots share, or all of it. */
static int open_matrix(const fr_model *m, const fr_slot_row *slot, const fr_tensor *t,
                       model_weight *w, fr_err *err)
{
    const fr_shape *s = &m->shape;
    const size_t rows = fr_shape_dim(s, slot->rows), cols = fr_shape_dim(s, slot->cols);
    const fr_format_row *format = fr_format_find(t->format);
    const size_t row_bytes = cols / format->block_values * format->block_bytes;
    const uint8_t *at = (const uint8_t *)t->data + fr_shape_dim(s, slot->first) * row_bytes;
    if (!slot->experts)
        return fr_packed_new(t->format, at, rows, cols, &w->matrix, err);
    w->experts = FR_NEW_N(fr_packed *, s->n_experts);
    for (size_t e = 0; e < s->n_experts; e++)
        FR_TRY(
            fr_packed_new(t->format, at + e * rows * row_bytes, rows, cols, &w->experts[e], err));
    return 0;
}

static int open_slot(fr_model *m, const fr_slot_row *slot, size_t layer, fr_err *err)
{
    const fr_shape *s = &m->shape;
    char name[FR_TENSOR_NAME];
    fr_slot_gguf_name(slot, layer, name);
    const fr_tensor *t = fr_gguf_tensor(m->file, name);
    const bool vector = slot->rows == FR_DIM_ONE, shared = slot->of != FR_DIM_NONE;
    const size_t rows = fr_shape_dim(s, shared && !vector ? slot->of : slot->rows);
    const size_t cols = fr_shape_dim(s, shared && vector ? slot->of : slot->cols);
    FR_TRY(fr_model_check_tensor(m, t, name, rows, cols, slot->experts ? s->n_experts : 1, err));
    model_weight *w =
        &m->weights[(slot->per_layer ? layer : s->n_layers) * FR_SLOT_COUNT + slot->slot];
    if (fr_shape_dim(s, slot->first) == 0)
        m->weight_bytes += t->size_bytes;
    if (!vector)
        return open_matrix(m, slot, t, w, err);
    const size_t n = fr_shape_dim(s, slot->cols), skip = fr_shape_dim(s, slot->first);
    w->vector = FR_NEW_N(float, cols);
    fr_format_find(t->format)->to_f32(t->data, w->vector, cols);
    memmove(w->vector, w->vector + skip, n * sizeof(float));
    return 0;
}

/* Tensors that files carry and that change nothing, or that are read elsewhere. */
static bool is_known_besides(fr_str name)
{
    static const char *const PARTS[] = { "rope_freqs", "rope_factors_", "attn_rot_embd",
                                         "inv_freq",   "masked_bias",   "cross_attn_rel_b" };
    size_t at;
    for (size_t i = 0; i < FR_COUNT_OF(PARTS); i++)
        if (fr_str_find(name, fr_str_of(PARTS[i]), &at))
            return true;
    return false;
}

static bool has_place(const fr_model *m, fr_str name)
{
    for (size_t k = 0; k < m->arch->n_slots; k++)
        for (size_t l = 0; l < m->shape.n_layers; l++) {
            char wanted[FR_TENSOR_NAME];
            fr_slot_gguf_name(&m->arch->slots[k], l, wanted);
            if (fr_str_is(name, wanted) && fr_slot_present(&m->arch->slots[k], &m->shape))
                return true;
        }
    return false;
}

/* Every tensor of the file has its place: what were left out would change all answers. */
static int check_all_used(const fr_model *m, fr_err *err)
{
    size_t used = 0, others = 0, n = fr_gguf_n_tensors(m->file);
    for (size_t i = 0; i < m->arch->n_slots; i++) {
        const fr_slot_row *slot = &m->arch->slots[i];
        if (fr_slot_present(slot, &m->shape) && fr_shape_dim(&m->shape, slot->first) == 0)
            used += slot->per_layer ? m->shape.n_layers : 1;
    }
    for (size_t i = 0; i < n; i++)
        others += is_known_besides(fr_gguf_tensor_at(m->file, i)->name) ? 1 : 0;
    if (used + others >= n && m->encoder == NULL)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const fr_str name = fr_gguf_tensor_at(m->file, i)->name;
        if (!is_known_besides(name) && !has_place(m, name) &&
            (m->encoder == NULL || !has_place(m->encoder, name)))
            return fr_fail(err, FR_E_UNSUPPORTED,
                           "The model has a part that this version does not compute.",
                           "'%s': tensor '%.*s' has no place in architecture '%s'", m->path,
                           FR_STR_F(name), m->arch->name);
    }
    return 0;
}

/* What the row of m's shape names, in m's file. */
static int open_weights(fr_model *m, fr_err *err)
{
    m->arch = fr_arch_find(m->shape.architecture);
    m->positions_most = SIZE_MAX;
    for (int part = 0; part < FR_PART_COUNT; part++) {
        m->n_ops[part] = fr_arch_ops(m->arch, &m->shape, (fr_part)part, m->ops[part]);
        for (size_t i = 0; i < m->n_ops[part]; i++)
            if (m->ops[part][i].kind == FR_OP_POSITION)
                m->positions_most = m->shape.context;
    }
    m->weights = FR_NEW_N(model_weight, (m->shape.n_layers + 1) * FR_SLOT_COUNT);
    for (size_t i = 0; i < m->arch->n_slots; i++) {
        const fr_slot_row *slot = &m->arch->slots[i];
        for (size_t l = 0; l < (slot->per_layer ? m->shape.n_layers : 1); l++)
            if (fr_slot_present(slot, &m->shape))
                FR_TRY(open_slot(m, slot, l, err));
    }
    m->attn_scale =
        m->shape.attn_scale > 0 ? m->shape.attn_scale : 1 / sqrtf((float)m->shape.head_dim);
    return fr_positions_open(m, err);
}

/* The encoder of an encoder–decoder is a model of its own kind in the same file. */
static int open_encoder(fr_model *m, fr_err *err)
{
    int64_t start = 0;
    char key[96];
    fr_model *e = m->encoder = FR_NEW(fr_model);
    e->is_part = true;
    e->file = m->file;
    e->path = fr_dup(m->path);
    e->kernels = m->kernels;
    e->decoder_start = -1;
    FR_TRY(fr_shape_read_encoder(m->file, &e->shape, err));
    FR_TRY(open_weights(e, err));
    m->weight_bytes += e->weight_bytes - fr_gguf_tensor(m->file, "token_embd.weight")->size_bytes;
    snprintf(key, sizeof(key), "%s.decoder_start_token_id", m->arch->name);
    if (!fr_gguf_get_i64(m->file, key, &start) &&
        !fr_gguf_get_i64(m->file, "tokenizer.ggml.padding_token_id", &start))
        start = 0;
    if (start < 0 || (uint64_t)start >= m->shape.n_vocab)
        return fr_fail(err, FR_E_FORMAT, "The file is damaged.",
                       "'%s': '%s' is %lld, of %zu tokens", m->path, key, (long long)start,
                       m->shape.n_vocab);
    m->decoder_start = (int32_t)start;
    return 0;
}

static int open_all(fr_model *m, const char *path, fr_err *err)
{
    FR_TRY(fr_gguf_open(path, &m->file, err));
    FR_TRY(fr_shape_read(m->file, &m->shape, err));
    FR_TRY(open_weights(m, err));
    m->decoder_start = -1;
    if (m->arch->encoder != NULL)
        FR_TRY(open_encoder(m, err));
    FR_TRY(check_all_used(m, err));
    return fr_vocab_read(m->file, m->shape.n_vocab, &m->tokenizer, err);
}

int fr_model_open(const char *path, fr_model **out, fr_err *err)
{
    fr_str name;
    fr_model *m = FR_NEW(fr_model);
    m->path = fr_dup(path);
    m->kernels = fr_kernels_best();
    int rc = open_all(m, path, err);
    if (rc != 0) {
        fr_model_free(m);
        return rc;
    }
    const char *slash = strrchr(path, '/');
    m->name = fr_gguf_get_str(m->file, "general.name", &name) && name.n > 0
                  ? fr_str_dup(name)
                  : fr_dup(slash != NULL ? slash + 1 : path);
    *out = m;
    return 0;
}

void fr_model_free(fr_model *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; m->weights != NULL && i < (m->shape.n_layers + 1) * FR_SLOT_COUNT; i++) {
        fr_packed_free(m->weights[i].matrix);
        for (size_t e = 0; m->weights[i].experts != NULL && e < m->shape.n_experts; e++)
            fr_packed_free(m->weights[i].experts[e]);
        free(m->weights[i].experts);
        free(m->weights[i].vector);
    }
    free(m->weights);
    for (size_t i = 0; i < ROPE_SETS; i++)
        free(m->rope[i].frequencies);
    fr_tokenizer_free(m->tokenizer);
    fr_model_free(m->encoder);
    if (!m->is_part)
        fr_gguf_free(m->file);
    free(m->path);
    free(m->name);
    free(m);
}

const fr_shape *fr_model_shape(const fr_model *m)
{
    return &m->shape;
}

const fr_tokenizer *fr_model_tokenizer(const fr_model *m)
{
    return m->tokenizer;
}

const fr_gguf *fr_model_file(const fr_model *m)
{
    return m->file;
}

const char *fr_model_name(const fr_model *m)
{
    return m->name;
}

const char *fr_model_path(const fr_model *m)
{
    return m->path;
}

int fr_model_hash(fr_model *m, const char **hex, fr_err *err)
{
    const size_t parts = fr_gguf_n_parts(m->file);
    if (m->hash[0] == '\0' && parts == 1)
        FR_TRY(fr_sha256_file(m->path, m->hash, err));
    if (m->hash[0] == '\0') { /* of a model in parts: of the digests of all, one after the other */
        FR_AUTO(fr_buf) digests = { 0 };
        for (size_t i = 0; i < parts; i++) {
            char one[FR_SHA256_HEX];
            FR_TRY(fr_sha256_file(fr_gguf_part_path(m->file, i), one, err));
            fr_buf_put_s(&digests, one);
        }
        FR_TRY(fr_sha256(digests.at, digests.n, m->hash, err));
    }
    *hex = m->hash;
    return 0;
}

uint64_t fr_model_n_params(const fr_model *m)
{
    uint64_t n = fr_shape_n_params(&m->shape);
    if (m->encoder != NULL) /* the embedding is one for both */
        n += fr_shape_n_params(&m->encoder->shape) - (uint64_t)m->shape.n_vocab * m->shape.dim;
    return n;
}

const fr_model *fr_model_encoder(const fr_model *m)
{
    return m->encoder;
}

int32_t fr_model_decoder_start(const fr_model *m)
{
    return m->decoder_start;
}

uint64_t fr_model_weight_bytes(const fr_model *m)
{
    return m->weight_bytes;
}
