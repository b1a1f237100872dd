/* Any bytes read as safetensors give tensors that lie inside them and are found by their names, or
 * an error that says something. */
#include <stdint.h>
#include <stdlib.h>

#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_safetensors *s = NULL;
    fr_err err = { 0 };
    if (fr_safetensors_parse(bytes, n, "fuzz.safetensors", &s, &err) != 0) {
        if (err.what[0] == '\0')
            abort();
        return 0;
    }
    for (size_t i = 0; i < fr_safetensors_n(s); i++) {
        const fr_tensor *t = fr_safetensors_at(s, i);
        const uint8_t *data = t->data;
        if (data < bytes || t->size_bytes > n || (size_t)(data - bytes) > n - t->size_bytes)
            abort();
        if (fr_safetensors_find(s, t->name.at) == NULL)
            abort();
    }
    fr_safetensors_free(s);
    return 0;
}
