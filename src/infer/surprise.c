/* How much each token of a text tells, given those before it. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "infer/infer_priv.h"

enum { ROWS_AT_ONCE = 64 };

static double nats_of(const float *logits, size_t n_vocab, int32_t id)
{
    assert(n_vocab > 0);
    double most = logits[0], sum = 0;
    for (size_t i = 1; i < n_vocab; i++)
        most = FR_MAX(most, (double)logits[i]);
    size_t i = 0;
    do /* one of them is the most: the sum is 1 at least */
        sum += exp((double)logits[i] - most);
    while (++i < n_vocab);
    return log(sum) + most - (double)logits[id];
}

typedef struct {
    fr_kv *kv;
    float *logits;
} room;

/* One window: ids[0] is what it begins with, the others are predicted. nats [n - 1]. */
static int read_window(fr_engine *e, room *r, const int32_t *ids, size_t n, double *nats,
                       fr_err *err)
{
    const fr_shape *shape = fr_model_shape(e->model);
    size_t n_vocab = fr_tokenizer_n_vocab(fr_model_tokenizer(e->model));
    fr_row rows[ROWS_AT_ONCE];
    fr_kv_truncate(r->kv, 0, 0);
    for (size_t from = 0; from + 1 < n; from += ROWS_AT_ONCE) {
        size_t count = FR_MIN(n - 1 - from, (size_t)ROWS_AT_ONCE);
        fr_work_event event = { .kind = FR_WORK_SCORE,
                                .start_ns = fr_now_monotonic_ns(),
                                .device = "cpu",
                                .bytes = (double)fr_model_weight_bytes(e->model),
                                .tokens = count };
        for (size_t i = 0; i < count; i++) {
            rows[i] = (fr_row){ .token = ids[from + i],
                                .position = (uint32_t)(from + i),
                                .want_logits = true };
            event.flops += fr_shape_flops_per_token(shape, from + i, true);
        }
        FR_TRY(fr_model_forward(e->model, NULL, r->kv, e->pool, rows, count, r->logits, err));
        for (size_t i = 0; i < count; i++)
            nats[from + i] = nats_of(r->logits + i * n_vocab, n_vocab, ids[from + i + 1]);
        event.end_ns = fr_now_monotonic_ns();
        event.bytes += (double)fr_shape_kv_bytes_per_token(shape) * (double)(from + count);
        if (e->work.fn != NULL)
            e->work.fn(e->work.user, &event);
    }
    return 0;
}

/* Windows overlap by half, so that a token has at least half a context before it. */
static int read_all(fr_engine *e, room *r, const fr_ids *all, size_t window, double *nats,
                    fr_err *err)
{
    double *own = FR_NEW_N(double, window);
    int rc = 0;
    for (size_t done = 0, begin = 0; rc == 0 && done + 1 < all->n; begin = done + 1 - window / 2) {
        size_t end = FR_MIN(begin + window, all->n);
        rc = read_window(e, r, all->at + begin, end - begin, own, err);
        for (size_t i = done; rc == 0 && i + 1 < end; i++)
            nats[i] = own[i - begin];
        done = end - 1;
        if (end == all->n)
            break;
    }
    free(own);
    return rc;
}

int fr_engine_surprise(fr_engine *e, const int32_t *ids, size_t n, double *nats, fr_err *err)
{
    const fr_tokenizer *t = fr_model_tokenizer(e->model);
    FR_AUTO(fr_ids) all = { 0 };
    bool bos = fr_tokenizer_adds_bos(t) && n > 0;
    if (bos)
        fr_ids_put(&all, fr_tokenizer_bos(t));
    for (size_t i = 0; i < n; i++)
        fr_ids_put(&all, ids[i]);
    if (!bos && n > 0)
        nats[0] = NAN;
    if (all.n < 2)
        return 0;
    size_t window = FR_MIN(FR_MAX(e->context, (size_t)4), all.n);
    room r = { 0 };
    int rc = fr_kv_new(e->model, 1, window, &r.kv, err);
    void *logits = NULL;
    if (rc == 0)
        rc = fr_try_array(ROWS_AT_ONCE * fr_tokenizer_n_vocab(t), sizeof(float), "logits", &logits,
                          err);
    r.logits = logits;
    if (rc == 0)
        rc = read_all(e, &r, &all, window, nats + !bos, err);
    free(logits);
    fr_kv_free(r.kv);
    return rc;
}
