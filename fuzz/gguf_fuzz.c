/* Any bytes read as GGUF give a file whose every tensor lies inside them and whose every key can be
 * shown, or an error that says something; nothing else is read, and memory stays near their size.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_gguf *g = NULL;
    fr_err err = { 0 };
    if (fr_gguf_parse(bytes, n, "fuzz.gguf", &g, &err) != 0) {
        if (err.what[0] == '\0')
            abort();
        return 0;
    }
    for (size_t i = 0; i < fr_gguf_n_tensors(g); i++) {
        const fr_tensor *t = fr_gguf_tensor_at(g, i);
        const uint8_t *data = t->data;
        if (data < bytes || t->size_bytes > n || (size_t)(data - bytes) > n - t->size_bytes)
            abort();
    }
    fr_buf value = { 0 };
    for (size_t i = 0; i < fr_gguf_n_keys(g); i++) {
        fr_str key, s;
        const char *type;
        size_t length = 0;
        double f;
        int64_t integer;
        fr_buf_clear(&value);
        fr_gguf_key_at(g, i, &key, &type, &value);
        char *name = fr_str_dup(key);
        if (strlen(name) == key.n && fr_gguf_array(g, name, &length) && length > 0) {
            fr_gguf_array_str(g, name, length - 1, &s);
            fr_gguf_array_f64(g, name, length - 1, &f);
            fr_gguf_array_i64(g, name, length, &integer);
        }
        free(name);
    }
    fr_buf_fini(&value);
    fr_gguf_free(g);
    return 0;
}
