/* Whatever bytes a file of vectors has, it is opened or refused, and a search of it ends. The
 * head's check is put right first, else nothing would get past it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "rag/vectors_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *at;
    if (size < HEAD_BYTES || fr_try_array(size, 1, "fuzzing", &at, NULL) != 0)
        return 0;
    memcpy(at, data, size);
    image_seal(at);
    fr_vectors *v = FR_NEW(fr_vectors);
    v->lock = -1;
    v->built = at;
    if (image_read(at, size, "fuzz", &v->base, NULL) == 0) {
        v->head = *v->base.head;
        v->spec = (fr_vectors_spec){ .dim = v->head.dim,
                                     .metric = (fr_metric_kind)v->head.metric,
                                     .codes = (fr_codes)v->head.codes };
        journal_read(v, v->built + v->head.bytes, size - (size_t)v->head.bytes);
        float *q = FR_NEW_N(float, v->spec.dim);
        for (size_t d = 0; d < v->spec.dim; d++)
            q[d] = (float)d - 1.5f;
        fr_vector_hit hits[5];
        size_t found, n;
        fr_vectors_search(v, q, 1, 5, NULL, NULL, hits, &found, NULL);
        int64_t *ids = fr_vectors_ids(v, &n);
        for (size_t i = 0; i < n; i++)
            fr_vectors_get(v, ids[i], q);
        if (n > 0)
            fr_vectors_remove(v, ids, 1);
        free(ids);
        free(q);
    }
    fr_vectors_free(v);
    return 0;
}
