/* safetensors.c: reads safetensors. All numbers little-endian.
 *
 *   offset  size  what                     limit held here
 *   0       8     length of the header     at most what is left, and 64 MiB
 *   8       …     JSON: { name: { "dtype": "F32", "shape": [rows, cols], "data_offsets": [from, to]
 * } }
 *                 "__metadata__" is skipped   65,536 tensors, 1 to 4 dimensions
 *           …     data; offsets count from here, to - from is the size that type and shape say
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/safetensors.h"

enum { LENGTH_BYTES = 8, HEADER_MOST = 64 << 20, TENSORS_MOST = 65536 };

struct fr_safetensors {
    char *path;
    fr_map map;     /* at NULL when the bytes are borrowed */
    json_t *header; /* owns the names */
    fr_tensor *tensors;
    size_t n;
};

static const struct {
    const char *name;
    fr_format format;
    size_t bytes;
} TYPES[] = {
    { "F32", FR_FORMAT_F32, 4 },      { "F16", FR_FORMAT_F16, 2 },
    { "BF16", FR_FORMAT_BF16, 2 },    { "F64", FR_FORMAT_NONE, 8 },
    { "I64", FR_FORMAT_NONE, 8 },     { "I32", FR_FORMAT_NONE, 4 },
    { "I16", FR_FORMAT_NONE, 2 },     { "I8", FR_FORMAT_NONE, 1 },
    { "U8", FR_FORMAT_NONE, 1 },      { "BOOL", FR_FORMAT_NONE, 1 },
    { "U16", FR_FORMAT_NONE, 2 },     { "U32", FR_FORMAT_NONE, 4 },
    { "U64", FR_FORMAT_NONE, 8 },     { "F8_E4M3", FR_FORMAT_NONE, 1 },
    { "F8_E5M2", FR_FORMAT_NONE, 1 },
};

static const char HINT[] = "The file is damaged or cut short: fetch it again.";

static int wrong(const fr_safetensors *s, const char *name, const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, HINT, "'%s': tensor '%.60s' %s", s->path, name, what);
}

static bool whole_number(const json_t *value, uint64_t most, uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return *out <= most;
}

/* Dimensions are turned round: ours begin with the contiguous one. */
static int read_dims(const fr_safetensors *s, const char *name, const json_t *shape,
                     size_t data_bytes, fr_tensor *t, uint64_t *values, fr_err *err)
{
    size_t n = json_array_size(shape);
    if (!json_is_array(shape) || n > 4)
        return wrong(s, name, "has no shape of at most four dimensions", err);
    t->n_dims = FR_MAX(n, (size_t)1);
    *values = 1;
    for (size_t d = 0; d < 4; d++)
        t->dims[d] = 1;
    for (size_t d = 0; d < n; d++) {
        uint64_t *dim = &t->dims[n - 1 - d];
        if (!whole_number(json_array_get(shape, d), data_bytes / *values, dim) || *dim == 0)
            return wrong(s, name, "has a shape that does not fit into the file", err);
        *values *= *dim;
    }
    return 0;
}

static int read_tensor(const fr_safetensors *s, const char *name, const json_t *row,
                       const uint8_t *data, size_t data_bytes, fr_tensor *t, fr_err *err)
{
    const char *type = json_string_value(json_object_get(row, "dtype"));
    const json_t *offsets = json_object_get(row, "data_offsets");
    uint64_t values = 0, from = 0, to = 0;
    size_t i = 0;
    for (; type != NULL && i < FR_COUNT_OF(TYPES) && strcmp(TYPES[i].name, type) != 0; i++)
        ;
    if (type == NULL || i == FR_COUNT_OF(TYPES))
        return wrong(s, name, "has a type that does not exist", err);
    t->name = fr_str_of(name);
    t->format = TYPES[i].format;
    FR_TRY(read_dims(s, name, json_object_get(row, "shape"), data_bytes, t, &values, err));
    if (json_array_size(offsets) != 2 ||
        !whole_number(json_array_get(offsets, 0), data_bytes, &from) ||
        !whole_number(json_array_get(offsets, 1), data_bytes, &to) || from > to)
        return wrong(s, name, "has data offsets that lie outside the file", err);
    if (to - from != values * TYPES[i].bytes)
        return wrong(s, name, "has data of another size than its type and shape say", err);
    t->data = data + from;
    t->size_bytes = to - from;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    fr_str x = ((const fr_tensor *)a)->name, y = ((const fr_tensor *)b)->name;
    return strcmp(x.at, y.at); /* names are jansson's, terminated */
}

static int parse(fr_safetensors *s, const uint8_t *bytes, size_t n, fr_err *err)
{
    uint64_t length = 0;
    if (n < LENGTH_BYTES)
        return fr_fail(err, FR_E_FORMAT, HINT, "'%s' ends after %zu bytes, inside its header",
                       s->path, n);
    memcpy(&length, bytes, LENGTH_BYTES);
    if (length > n - LENGTH_BYTES || length > HEADER_MOST)
        return fr_fail(err, FR_E_FORMAT, HINT,
                       "'%s' says its header has %llu bytes, in a file of %zu", s->path,
                       (unsigned long long)length, n);
    json_error_t where;
    s->header = json_loadb((const char *)bytes + LENGTH_BYTES, (size_t)length,
                           JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(s->header))
        return fr_fail(err, FR_E_FORMAT, HINT, "'%s' has a header that is not a JSON object: %s",
                       s->path, where.text);
    if (json_object_size(s->header) > TENSORS_MOST)
        return fr_fail(err, FR_E_FORMAT, HINT, "'%s' says it has %zu tensors: at most %d are read",
                       s->path, json_object_size(s->header), TENSORS_MOST);
    s->tensors = FR_NEW_N(fr_tensor, json_object_size(s->header));
    size_t data_bytes = n - LENGTH_BYTES - (size_t)length;
    const char *name;
    json_t *row;
    json_object_foreach(s->header, name, row) if (strcmp(name, "__metadata__") != 0)
    {
        FR_TRY(
            read_tensor(s, name, row, bytes + n - data_bytes, data_bytes, &s->tensors[s->n], err));
        s->n++;
    }
    fr_sort(s->tensors, s->n, sizeof(*s->tensors), by_name);
    return 0;
}

static int read_all(fr_safetensors *s, const void *bytes, size_t n, const char *name,
                    fr_safetensors **out, fr_err *err)
{
    s->path = fr_dup(name);
    int rc = parse(s, bytes, n, err);
    if (rc != 0)
        fr_safetensors_free(s);
    else
        *out = s;
    return rc;
}

int fr_safetensors_parse(const void *bytes, size_t n, const char *name, fr_safetensors **out,
                         fr_err *err)
{
    return read_all(FR_NEW(fr_safetensors), bytes, n, name, out, err);
}

int fr_safetensors_open(const char *path, fr_safetensors **out, fr_err *err)
{
    fr_map map = { 0 };
    FR_TRY(fr_map_open(path, &map, err));
    fr_safetensors *s = FR_NEW(fr_safetensors);
    s->map = map;
    return read_all(s, map.at, map.size_bytes, path, out, err);
}

void fr_safetensors_free(fr_safetensors *s)
{
    if (s == NULL)
        return;
    json_decref(s->header);
    free(s->tensors);
    free(s->path);
    fr_map_fini(&s->map);
    free(s);
}

size_t fr_safetensors_n(const fr_safetensors *s)
{
    return s->n;
}

const fr_tensor *fr_safetensors_at(const fr_safetensors *s, size_t i)
{
    return i < s->n ? &s->tensors[i] : NULL;
}

const fr_tensor *fr_safetensors_find(const fr_safetensors *s, const char *name)
{
    fr_tensor wanted = { .name = fr_str_of(name) };
    return s->n != 0 ? bsearch(&wanted, s->tensors, s->n, sizeof(wanted), by_name) : NULL;
}
