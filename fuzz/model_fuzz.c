/* Any bytes opened as a model file give a model that reads a text and makes states or logits of it,
 * or an error that says something; and nothing else is read. Seeds are an encoder, an
 * encoder–decoder and a decoder of a few numbers each. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/model.h"

enum { CONTEXT = 16, TOKENS = 6, WIDEST = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must_say(int rc, const fr_err *err)
{
    if (rc != 0 && err->what[0] == '\0')
        abort();
}

static void run(const fr_model *m, const fr_ids *ids)
{
    const fr_shape *s = fr_model_shape(m);
    const size_t context = FR_MIN((size_t)CONTEXT, s->context), n = FR_MIN(ids->n, context);
    FR_AUTOPTR(fr_kv) kv = NULL;
    fr_err err = { 0 };
    fr_row rows[TOKENS];
    for (size_t i = 0; i < n && i < TOKENS; i++)
        rows[i] = (fr_row){ .token = ids->at[i], .position = (uint32_t)i, .want_logits = true };
    if (n == 0 || s->dim > WIDEST || s->n_vocab > WIDEST || s->n_labels > WIDEST)
        return;
    int rc = fr_kv_new(m, 1, context, &kv, &err);
    must_say(rc, &err);
    if (rc != 0)
        return;
    float *out = FR_NEW_N(float, TOKENS *FR_MAX(s->dim, s->n_vocab));
    const size_t rows_n = FR_MIN(n, (size_t)TOKENS);
    if (fr_model_encoder(m) != NULL)
        must_say(fr_model_encode(m, kv, NULL, 0, ids->at, rows_n, &err), &err);
    rc = fr_model_hidden(m, NULL, kv, NULL, rows, rows_n, out, &err);
    must_say(rc, &err);
    if (rc == 0 && s->n_labels > 0) {
        float *logits = FR_NEW_N(float, s->n_labels);
        must_say(fr_model_classify(m, out, 1, logits, &err), &err);
        free(logits);
    }
    if (!s->looks_ahead)
        must_say(fr_model_forward(m, NULL, kv, NULL, rows, rows_n, out, &err), &err);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    FR_AUTOPTR(fr_model) m = NULL;
    FR_AUTO(fr_ids) ids = { 0 };
    fr_err err = { 0 };
    char path[64];
    const int file = memfd_create("model", 0);
    if (file < 0 || write(file, bytes, n) != (ssize_t)n)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    const int rc = fr_model_open(path, &m, &err);
    must_say(rc, &err);
    if (rc == 0 && fr_tokenizer_encode(fr_model_tokenizer(m), FR_STR("a b ab"), FR_ENCODE_BOS, &ids,
                                       &err) == 0)
        run(m, &ids);
    close(file);
    return 0;
}
