/* Any bytes read as GGUF give a file whose every tensor lies inside them, can be read in any number
 * format, and whose every key can be shown, or an error that says something; bytes with a second
 * file in them are also read as two parts, which join or say why not; nothing else is read, and
 * memory stays near their size. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void read_values(const fr_tensor *t)
{
    float values[256];
    const fr_format_row *row = fr_format_find(t->format);
    if (row == NULL || t->size_bytes == 0)
        return;
    const size_t last = (size_t)t->size_bytes - row->block_bytes;
    row->to_f32(t->data, values, row->block_values);
    row->to_f32((const uint8_t *)t->data + last, values, row->block_values);
}

/* The bytes cut where a second "GGUF" begins: two parts of a model. */
static void read_parts(const uint8_t *bytes, size_t n)
{
    fr_gguf *first = NULL, *second = NULL;
    fr_err err = { 0 };
    const uint8_t *cut = n > 8 ? memmem(bytes + 4, n - 4, "GGUF", 4) : NULL;
    if (cut == NULL || fr_gguf_parse(bytes, (size_t)(cut - bytes), "one.gguf", &first, NULL) != 0)
        return;
    if (fr_gguf_parse(cut, n - (size_t)(cut - bytes), "two.gguf", &second, NULL) == 0) {
        const size_t before = fr_gguf_n_tensors(first), more = fr_gguf_n_tensors(second);
        int rc = fr_gguf_join(first, second, &err);
        if (rc == 0 && fr_gguf_n_tensors(first) != before + more)
            abort();
        if (rc != 0 && err.what[0] == '\0')
            abort();
        for (size_t i = 0; i < fr_gguf_n_tensors(first); i++)
            read_values(fr_gguf_tensor_at(first, i));
    }
    fr_gguf_free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_gguf *g = NULL;
    fr_err err = { 0 };
    read_parts(bytes, n);
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
        read_values(t);
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
