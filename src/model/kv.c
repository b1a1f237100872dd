/* kv.c: keys and values of sequences. Address space is reserved for all positions; the system gives
 * memory for a page when a position in it is first written. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/mem.h"
#include "model/model_priv.h"

static const double ALONE_FLOPS = 2e6;

static int reserve(size_t bytes, uint8_t **out, fr_err *err)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return fr_fail(err, FR_E_NO_MEMORY, "Ask for a shorter context or fewer sequences.",
                       "no memory for keys and values: %zu bytes", bytes);
    *out = at;
    return 0;
}

int fr_kv_new_in(const fr_model *m, size_t n_sequences, size_t context, fr_format format,
                 fr_kv **out, fr_err *err)
{
    const fr_shape *s = &m->shape;
    const fr_format_row *f = fr_format_find(format);
    size_t head_bytes, sequence_bytes, bytes;
    if (format != FR_FORMAT_F32 && format != FR_FORMAT_F16 && format != FR_FORMAT_Q8_0)
        return fr_fail(err, FR_E_UNSUPPORTED, "They are kept in f32, f16 or q8_0.",
                       "keys and values in format %s are not supported",
                       fr_format_any_name(format));
    if (s->head_dim % f->block_values != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Keep them in f16.",
                       "heads of %zu values fill no blocks of %s, which have %zu", s->head_dim,
                       f->name, f->block_values);
    size_t row_bytes = s->head_dim / f->block_values * f->block_bytes;
    if (n_sequences == 0 || context == 0)
        return fr_fail(err, FR_E_USAGE, NULL, "a state of %zu sequences and %zu positions",
                       n_sequences, context);
    if (__builtin_mul_overflow(context, row_bytes, &head_bytes) ||
        __builtin_mul_overflow(head_bytes, 2 * s->n_layers * s->n_kv_heads, &sequence_bytes) ||
        __builtin_mul_overflow(sequence_bytes, n_sequences, &bytes))
        return fr_fail(err, FR_E_NO_MEMORY, "Ask for a shorter context or fewer sequences.",
                       "%zu positions of %zu sequences are more than any memory", context,
                       n_sequences);
    uint8_t *at = NULL;
    FR_TRY(reserve(bytes, &at, err));
    FR_AUTOPTR(fr_kv) kv = FR_NEW(fr_kv);
    *kv = (fr_kv){ .model = m,
                   .format = format,
                   .n_sequences = n_sequences,
                   .context = context,
                   .length = FR_NEW_N(size_t, n_sequences),
                   .next = FR_NEW_N(size_t, n_sequences),
                   .at = at,
                   .bytes = bytes,
                   .row_bytes = row_bytes,
                   .head_bytes = head_bytes,
                   .sequence_bytes = sequence_bytes,
                   .alone_flops = ALONE_FLOPS };
    FR_TRY(fr_distances_new(m, context, &kv->distance, err));
    if (m->encoder != NULL) {
        FR_TRY(fr_kv_new(m->encoder, 1, context, &kv->reader, err));
        kv->n_read = FR_NEW_N(size_t, n_sequences);
        FR_TRY(reserve(bytes, &kv->read, err));
    }
    *out = kv;
    kv = NULL;
    return 0;
}

int fr_kv_new(const fr_model *m, size_t n_sequences, size_t context, fr_kv **out, fr_err *err)
{
    return fr_kv_new_in(m, n_sequences, context, m->shape.kv_format, out, err);
}

void fr_kv_listen(fr_kv *kv, fr_work_sink sink)
{
    kv->work = sink;
    if (kv->reader != NULL)
        fr_kv_listen(kv->reader, sink);
}

void fr_kv_free(fr_kv *kv)
{
    if (kv == NULL)
        return;
    munmap(kv->at, kv->bytes);
    if (kv->read != NULL)
        munmap(kv->read, kv->bytes);
    fr_kv_free(kv->reader);
    free(kv->n_read);
    free(kv->distance);
    free(kv->length);
    free(kv->next);
    free(kv->memory.at);
    free(kv);
}

void fr_kv_truncate(fr_kv *kv, size_t sequence, size_t position)
{
    assert(sequence < kv->n_sequences);
    kv->length[sequence] = FR_MIN(kv->length[sequence], position);
}

void fr_kv_copy(fr_kv *kv, size_t from, size_t to, size_t n)
{
    const fr_shape *s = &kv->model->shape;
    assert(from < kv->n_sequences && to < kv->n_sequences && n <= kv->length[from]);
    if (from == to)
        return;
    size_t bytes = n * kv->row_bytes;
    for (size_t l = 0; l < s->n_layers; l++)
        for (size_t which = 0; which < 2; which++)
            for (size_t h = 0; h < s->n_kv_heads; h++)
                memcpy(kv_at(kv, to, l, which, h), kv_at(kv, from, l, which, h), bytes);
    kv->length[to] = n;
    if (kv->read != NULL) {
        memcpy(kv->read + to * kv->sequence_bytes, kv->read + from * kv->sequence_bytes,
               kv->sequence_bytes);
        kv->n_read[to] = kv->n_read[from];
    }
}

size_t fr_kv_length(const fr_kv *kv, size_t sequence)
{
    return kv->length[sequence];
}

size_t fr_kv_bytes_per_token(const fr_kv *kv)
{
    const fr_shape *s = &kv->model->shape;
    return 2 * s->n_layers * s->n_kv_heads * kv->row_bytes;
}

size_t fr_kv_bytes(const fr_kv *kv)
{
    return kv->bytes * (kv->read != NULL ? 2 : 1) +
           (kv->reader != NULL ? fr_kv_bytes(kv->reader) : 0);
}
