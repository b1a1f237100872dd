#include "train/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/random.h"

/* Tensors begin at multiples of 16 floats, so that each is aligned to a cache line. */
static size_t padded(size_t n)
{
    return (n + 15) / 16 * 16;
}

static int trained_room(fr_weights *w, size_t n, fr_err *err)
{
    w->n_trained = n;
    FR_TRY(fr_try_array(n, sizeof(float), "gradients", (void **)&w->g, err));
    FR_TRY(fr_try_array(n, sizeof(float), "the optimizer", (void **)&w->m, err));
    FR_TRY(fr_try_array(n, sizeof(float), "the optimizer", (void **)&w->v, err));
    return 0;
}

/* The list of tensors, without memory; returns the room that all take. */
static size_t list_params(fr_weights *w, const fr_shape *shape)
{
    w->arch = fr_arch_find(shape->architecture);
    w->of_slot = FR_NEW_N(size_t, FR_SLOT_COUNT * shape->n_layers);
    w->params = FR_NEW_N(fr_param, w->arch->n_slots * shape->n_layers);
    size_t total = 0;
    for (size_t i = 0; i < w->arch->n_slots; i++) {
        const fr_slot_row *slot = &w->arch->slots[i];
        if (!fr_slot_present(slot, shape))
            continue;
        for (size_t layer = 0; layer < (slot->per_layer ? shape->n_layers : 1); layer++) {
            fr_param *p = &w->params[w->n_params];
            *p = (fr_param){ .slot = slot,
                             .layer = layer,
                             .rows = fr_shape_dim(shape, slot->rows) *
                                     (slot->experts ? shape->n_experts : 1),
                             .cols = fr_shape_dim(shape, slot->cols),
                             .decay = slot->rows != FR_DIM_ONE };
            p->n = p->rows * p->cols;
            total += padded(p->n);
            w->of_slot[slot->slot * shape->n_layers + layer] = ++w->n_params;
        }
    }
    return total;
}

int fr_weights_init(fr_weights *w, const fr_shape *shape, bool frozen, fr_err *err)
{
    *w = (fr_weights){ .shape = *shape };
    FR_TRY(fr_shape_check(shape, err));
    const size_t total = list_params(w, shape);
    FR_TRY(fr_try_array(total, sizeof(float), "the model's weights", (void **)&w->w, err));
    if (!frozen) {
        w->tw = w->w;
        FR_TRY(trained_room(w, total, err));
    }
    size_t at = 0;
    for (size_t i = 0; i < w->n_params; at += padded(w->params[i].n), i++) {
        fr_param *p = &w->params[i];
        p->w = w->w + at;
        if (!frozen) {
            p->g = w->g + at;
            p->m = w->m + at;
            p->v = w->v + at;
        }
    }
    return 0;
}

void fr_weights_fini(fr_weights *w)
{
    free(w->w);
    free(w->adapter_w);
    free(w->g);
    free(w->m);
    free(w->v);
    free(w->params);
    free(w->lora);
    free(w->of_slot);
    *w = (fr_weights){ 0 };
}

fr_param *fr_weights_get(const fr_weights *w, fr_slot slot, size_t layer)
{
    const fr_slot_row *row = fr_arch_slot(w->arch, slot);
    if (row == NULL)
        return NULL;
    const size_t i = w->of_slot[slot * w->shape.n_layers + (row->per_layer ? layer : 0)];
    return i != 0 ? &w->params[i - 1] : NULL;
}

fr_lora_param *fr_weights_lora(const fr_weights *w, fr_slot slot, size_t layer)
{
    const fr_param *p = fr_weights_get(w, slot, layer);
    if (w->lora == NULL || p == NULL || w->lora[p - w->params].b.w == NULL)
        return NULL;
    return &w->lora[p - w->params];
}

/*
 * Attention begins near copying: keys are close to queries, so that a token looks for itself, and
 * what a head writes is close to what it read (out = value's transpose, value rows orthogonal).
 * Trockman and Kolter 2023, arXiv:2305.09828, give the idea; here it gave a small model in-context
 * copying in a third of the tokens.
 */
static void begin_copying(fr_weights *w, size_t layer, uint64_t seed)
{
    const fr_param *q = fr_weights_get(w, FR_SLOT_ATTN_Q, layer),
                   *k = fr_weights_get(w, FR_SLOT_ATTN_K, layer),
                   *v = fr_weights_get(w, FR_SLOT_ATTN_V, layer),
                   *o = fr_weights_get(w, FR_SLOT_ATTN_OUT, layer);
    if (q == NULL || k == NULL || v == NULL || o == NULL)
        return;
    const size_t dim = q->cols, head = w->shape.head_dim,
                 group = w->shape.n_heads / w->shape.n_kv_heads;
    const double std = 0.8 / sqrt((double)dim), scale = 0.7;
    for (size_t i = 0; i < q->n; i++)
        q->w[i] = (float)(std * fr_random_normal(seed, FR_RANDOM_INIT, 1000 + layer, i));
    for (size_t row = 0; row < k->rows; row++)
        for (size_t i = 0; i < dim; i++)
            k->w[row * dim + i] = q->w[(row / head * group * head + row % head) * dim + i] +
                                  0.3f * k->w[row * dim + i];
    for (size_t row = 0; row < v->rows;
         row++) { /* Gram-Schmidt, twice for precision is not needed here */
        float *r = v->w + row * dim;
        for (size_t i = 0; i < dim; i++)
            r[i] = (float)fr_random_normal(seed, FR_RANDOM_INIT, 2000 + layer, row * dim + i);
        for (size_t other = row >= dim ? row : 0; other < row; other++) {
            const float *b = v->w + other * dim;
            double dot = 0;
            for (size_t i = 0; i < dim; i++)
                dot += (double)r[i] * b[i];
            for (size_t i = 0; i < dim; i++)
                r[i] -= (float)(dot / (scale * scale)) * b[i];
        }
        double norm = 1e-20;
        for (size_t i = 0; i < dim; i++)
            norm += (double)r[i] * r[i];
        for (size_t i = 0; i < dim; i++)
            r[i] *= (float)(scale / sqrt(norm));
    }
    for (size_t i = 0; i < dim; i++)
        for (size_t c = 0; c < o->cols; c++)
            o->w[i * o->cols + c] = v->w[(c / head / group * head + c % head) * dim + i];
}

static bool writes_residual(fr_slot slot)
{
    return slot == FR_SLOT_ATTN_OUT || slot == FR_SLOT_FFN_DOWN || slot == FR_SLOT_EXPERTS_DOWN ||
           slot == FR_SLOT_ATTN_OUT_B || slot == FR_SLOT_FFN_DOWN_B;
}

bool fr_slot_is_bias(const fr_slot_row *slot)
{
    const size_t n = strlen(slot->gguf);
    return n >= 5 && strcmp(slot->gguf + n - 5, ".bias") == 0;
}

void fr_weights_randomize(fr_weights *w, uint64_t seed)
{
    const double back = 1.0 / sqrt(2.0 * (double)w->shape.n_layers);
    for (size_t i = 0; i < w->n_params; i++) {
        fr_param *p = &w->params[i];
        const bool residual = writes_residual(p->slot->slot);
        const bool embedding = !p->slot->per_layer;
        const double std =
            (embedding ? 0.02 : 0.8 / sqrt((double)w->shape.dim)) * (residual ? back : 1.0);
        const uint64_t stream = (uint64_t)p->slot->slot << 32 | p->layer;
        for (size_t j = 0; j < p->n; j++)
            p->w[j] = p->slot->rows != FR_DIM_ONE
                          ? (float)(std * fr_random_normal(seed, FR_RANDOM_INIT, stream, j))
                      : fr_slot_is_bias(p->slot) ? 0.0f
                                                 : 1.0f;
    }
    for (size_t layer = 0; layer < w->shape.n_layers; layer++)
        begin_copying(w, layer, seed);
}

int fr_weights_add_lora(fr_weights *w, size_t rank, float alpha, uint64_t seed, fr_err *err)
{
    size_t total = 0;
    for (size_t i = 0; i < w->n_params; i++)
        if (w->params[i].slot->adaptable)
            total += padded(rank * w->params[i].cols) + padded(rank * w->params[i].rows);
    w->rank = rank;
    w->lora_scale = alpha / (float)rank;
    w->lora = FR_NEW_N(fr_lora_param, w->n_params);
    FR_TRY(fr_try_array(total, sizeof(float), "the adapter", (void **)&w->adapter_w, err));
    FR_TRY(trained_room(w, total, err));
    w->tw = w->adapter_w;
    size_t at = 0;
    for (size_t i = 0; i < w->n_params; i++) {
        const fr_param *p = &w->params[i];
        if (!p->slot->adaptable)
            continue;
        fr_lora_param *lora = &w->lora[i];
        lora->a = (fr_param){ .slot = p->slot, .layer = p->layer, .rows = rank, .cols = p->cols };
        lora->b = (fr_param){ .slot = p->slot, .layer = p->layer, .rows = p->rows, .cols = rank };
        for (int which = 0; which < 2; which++) {
            fr_param *half = which == 0 ? &lora->a : &lora->b;
            half->n = half->rows * half->cols;
            half->decay = true;
            half->w = w->adapter_w + at;
            half->g = w->g + at;
            half->m = w->m + at;
            half->v = w->v + at;
            at += padded(half->n);
        }
        const double bound = 1.0 / sqrt((double)p->cols);
        const uint64_t stream = 1ull << 48 | (uint64_t)p->slot->slot << 32 | p->layer;
        for (size_t j = 0; j < lora->a.n; j++)
            lora->a.w[j] =
                (float)(bound * (2 * fr_random_f64(seed, FR_RANDOM_INIT, stream, j) - 1));
    }
    return 0;
}

/* The tensor that a weight stands in, and where in it: *first numbers from its beginning. */
static int find_tensor(const fr_weights *w, const fr_param *p, size_t layer, const fr_gguf *file,
                       const fr_tensor **out, const fr_format_row **format, size_t *first,
                       fr_err *err)
{
    char name[FR_TENSOR_NAME];
    fr_slot_gguf_name(p->slot, layer, name);
    const fr_tensor *t = fr_gguf_tensor(file, name);
    if (t == NULL)
        return fr_fail(err, FR_E_FORMAT, NULL, "'%s' has no tensor %s", fr_gguf_path(file), name);
    uint64_t n = 1;
    for (size_t d = 0; d < t->n_dims; d++)
        n *= t->dims[d];
    const bool vector = p->slot->rows == FR_DIM_ONE;
    const size_t all = p->slot->of != FR_DIM_NONE ? fr_shape_dim(&w->shape, p->slot->of)
                       : vector                   ? p->cols
                                                  : p->rows;
    const size_t skipped =
        p->slot->first != FR_DIM_NONE ? fr_shape_dim(&w->shape, p->slot->first) : 0;
    if (t->dims[0] != (vector ? all : p->cols) || n != (vector ? all : all * p->cols))
        return fr_fail(err, FR_E_FORMAT, NULL, "tensor %s of '%s' has an unexpected shape", name,
                       fr_gguf_path(file));
    *format = fr_format_find(t->format);
    if (*format == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, FR_FORMAT_HINT, "tensor %s is stored as %s", name,
                       fr_format_any_name(t->format));
    *out = t;
    *first = vector ? skipped : skipped * p->cols;
    return 0;
}

static const void *at_number(const fr_tensor *t, const fr_format_row *format, size_t first)
{
    return (const char *)t->data + first / format->block_values * format->block_bytes;
}

int fr_weights_load(fr_weights *w, const fr_gguf *file, fr_err *err)
{
    return fr_weights_load_deeper(w, file, NULL, err);
}

int fr_weights_load_deeper(fr_weights *w, const fr_gguf *file, const size_t *from, fr_err *err)
{
    for (size_t i = 0; i < w->n_params; i++) {
        const fr_param *p = &w->params[i];
        const fr_tensor *t;
        const fr_format_row *format;
        const bool other = from != NULL && p->slot->per_layer;
        size_t first;
        FR_TRY(
            find_tensor(w, p, other ? from[p->layer] : p->layer, file, &t, &format, &first, err));
        format->to_f32(at_number(t, format, first), p->w, p->n);
        if (other && p->layer > 0 && from[p->layer] == from[p->layer - 1] &&
            writes_residual(p->slot->slot))
            memset(p->w, 0, p->n * sizeof(float));
    }
    return 0;
}

int fr_weights_borrow(fr_weights *w, const fr_shape *shape, const fr_gguf *file,
                      uint64_t fp32_limit_bytes, fr_err *err)
{
    FR_TRY(fr_shape_check(shape, err));
    if (fr_shape_n_params(shape) * sizeof(float) <= fp32_limit_bytes) {
        FR_TRY(fr_weights_init(w, shape, true, err));
        return fr_weights_load(w, file, err);
    }
    *w = (fr_weights){ .shape = *shape };
    list_params(w, shape);
    size_t vectors = 0;
    for (size_t i = 0; i < w->n_params; i++)
        if (w->params[i].rows == 1)
            vectors += padded(w->params[i].n);
    FR_TRY(fr_try_array(vectors, sizeof(float), "the model's weights", (void **)&w->w, err));
    size_t at = 0;
    for (size_t i = 0; i < w->n_params; i++) {
        fr_param *p = &w->params[i];
        const fr_tensor *t;
        size_t first;
        FR_TRY(find_tensor(w, p, p->layer, file, &t, &p->format, &first, err));
        if (p->rows == 1) {
            p->w = w->w + at;
            at += padded(p->n);
            p->format->to_f32(at_number(t, p->format, first), p->w, p->n);
        } else {
            p->stored = at_number(t, p->format, first);
        }
    }
    return 0;
}
