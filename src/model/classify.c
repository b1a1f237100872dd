/* classify.c: the head of a classification model, on pooled hidden states: tanh(head · x + b),
 * where there is one, then a logit for each class. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "model/model_priv.h"

static const model_weight *weight_of(const fr_model *m, fr_slot slot)
{
    const fr_slot_row *row = fr_arch_slot(m->arch, slot);
    return row != NULL && fr_slot_present(row, &m->shape) ? model_weight_of(m, slot, 0) : NULL;
}

static void project(const fr_model *m, fr_slot matrix, fr_slot bias, const float *in, size_t n_in,
                    float *out, size_t n_out, size_t n)
{
    const model_weight *b = weight_of(m, bias);
    m->kernels->linear(out, n_out, in, n_in, n, weight_of(m, matrix)->matrix, 0, n_out);
    for (size_t r = 0; b != NULL && r < n; r++)
        m->kernels->add(out + r * n_out, b->vector, 1, n_out);
}

int fr_model_classify(const fr_model *m, const float *pooled, size_t n, float *logits, fr_err *err)
{
    const size_t dim = m->shape.dim;
    if (m->shape.n_labels == 0)
        return fr_fail(err, FR_E_USAGE, "Take a model that was trained to classify or to rank.",
                       "'%s' has no classification head", m->path);
    void *room;
    FR_TRY(fr_try_array(n, dim * sizeof(float), "a classification", &room, err));
    float *x = room;
    if (weight_of(m, FR_SLOT_HEAD) != NULL) {
        project(m, FR_SLOT_HEAD, FR_SLOT_HEAD_B, pooled, dim, x, dim, n);
        for (size_t i = 0; i < n * dim; i++)
            x[i] = tanhf(x[i]);
        pooled = x;
    }
    project(m, FR_SLOT_CLASSES, FR_SLOT_CLASSES_B, pooled, dim, logits, m->shape.n_labels, n);
    free(room);
    return 0;
}

fr_str fr_model_label(const fr_model *m, size_t i, char buf[32])
{
    char key[96];
    fr_str name;
    snprintf(key, sizeof(key), "%s.classifier.output_labels", m->shape.architecture);
    if (fr_gguf_array_str(m->file, key, i, &name))
        return name;
    snprintf(buf, 32, "LABEL_%zu", i);
    return fr_str_of(buf);
}
