/* model.c: opens a model: every tensor that its architecture names, checked, and used in place. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"
#include "model/model_priv.h"

static int check_tensor(const fr_model *m, const fr_tensor *t, const char *name, size_t rows,
                        size_t cols, fr_err *err)
{
    if (t == NULL)
        return fr_fail(err, FR_E_FORMAT, "The file is damaged, or holds only a part of a model.",
                       "'%s' lacks the tensor '%s'", m->path, name);
    if (t->dims[0] != cols || t->dims[1] != rows || t->dims[2] != 1 || t->dims[3] != 1)
        return fr_fail(err, FR_E_FORMAT, "The file's keys and tensors do not belong together.",
                       "'%s': tensor '%s' is %llu × %llu: expected %zu × %zu", m->path, name,
                       (unsigned long long)t->dims[1], (unsigned long long)t->dims[0], rows, cols);
    if (fr_format_find(t->format) == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, FR_FORMAT_HINT,
                       "'%s': tensor '%s' is in format %s, which is not supported", m->path, name,
                       fr_format_any_name(t->format));
    return 0;
}

static int open_slot(fr_model *m, const fr_slot_row *slot, size_t layer, fr_err *err)
{
    char name[FR_TENSOR_NAME];
    fr_slot_gguf_name(slot, layer, name);
    const fr_tensor *t = fr_gguf_tensor(m->file, name);
    size_t rows = fr_shape_dim(&m->shape, slot->rows), cols = fr_shape_dim(&m->shape, slot->cols);
    bool vector = slot->rows == FR_DIM_ONE;
    FR_TRY(check_tensor(m, t, name, rows, cols, err));
    model_weight *w =
        &m->weights[(slot->per_layer ? layer : m->shape.n_layers) * FR_SLOT_COUNT + slot->slot];
    m->weight_bytes += t->size_bytes;
    if (!vector)
        return fr_packed_new(t->format, t->data, rows, cols, &w->matrix, err);
    w->vector = FR_NEW_N(float, cols);
    fr_format_find(t->format)->to_f32(t->data, w->vector, cols);
    return 0;
}

/* Llama 3.1 and later divide the angles of some pairs by factors that the converter wrote down. */
static int open_positions(fr_model *m, fr_err *err)
{
    static const char NAME[] = "rope_freqs.weight";
    const fr_tensor *t = fr_gguf_tensor(m->file, NAME);
    size_t n = m->shape.rope_dim / 2;
    float factors[512]; /* fr_shape_check(): a head has at most 1024 numbers */
    if (t != NULL) {
        FR_TRY(check_tensor(m, t, NAME, 1, n, err));
        fr_format_find(t->format)->to_f32(t->data, factors, n);
    }
    for (size_t i = 0; t != NULL && i < n; i++)
        if (!(factors[i] > 0))
            return fr_fail(err, FR_E_FORMAT, NULL,
                           "'%s': tensor '%s' has a factor that is not positive", m->path, NAME);
    m->frequencies = FR_NEW_N(double, n);
    fr_rope_frequencies(m->frequencies, m->shape.rope_dim, (double)m->shape.rope_theta,
                        t != NULL ? factors : NULL);
    return 0;
}

static int open_all(fr_model *m, const char *path, fr_err *err)
{
    FR_TRY(fr_gguf_open(path, &m->file, err));
    FR_TRY(fr_shape_read(m->file, &m->shape, err));
    m->arch = fr_arch_find(m->shape.architecture);
    m->weights = FR_NEW_N(model_weight, (m->shape.n_layers + 1) * FR_SLOT_COUNT);
    for (size_t i = 0; i < m->arch->n_slots; i++) {
        const fr_slot_row *slot = &m->arch->slots[i];
        for (size_t l = 0; l < (slot->per_layer ? m->shape.n_layers : 1); l++)
            if (fr_slot_present(slot, &m->shape))
                FR_TRY(open_slot(m, slot, l, err));
    }
    FR_TRY(open_positions(m, err));
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
        free(m->weights[i].vector);
    }
    free(m->weights);
    free(m->frequencies);
    fr_tokenizer_free(m->tokenizer);
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
    return fr_shape_n_params(&m->shape);
}

uint64_t fr_model_weight_bytes(const fr_model *m)
{
    return m->weight_bytes;
}
