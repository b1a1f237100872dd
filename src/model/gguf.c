/* gguf.c: reads and writes GGUF. All numbers little-endian, nothing aligned before the data.
 *
 *   offset  size  what                         limit held here
 *   0       4     "GGUF"
 *   4       4     version                      2 or 3 (the same layout)
 *   8       8     number of tensors            65,536, and 24 bytes each must be left in the file
 *   16      8     number of keys               65,536, and 12 bytes each must be left
 *   24      …     keys: string, type (4), value
 *           …     tensors: string, n_dims (4), n_dims × size (8), format (4), offset (8)
 *           …     zeros up to a multiple of general.alignment (32 if absent; a power of two, 8 to
 * 65,536) …     data; a tensor's offset counts from here, a multiple of the alignment
 *
 *   string  length (8), bytes       keys 1…65,535 bytes, tensor names 1…255, values to the file's
 * end array   type (4), length (8), elements; no arrays in arrays; length × size must be left
 *
 * Every number is checked against what is left of the file before anything is allocated or read,
 * so that memory grows at most with the file's own size. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/gguf.h"

enum {
    HEADER_BYTES = 24,
    KEY_BYTES_LEAST = 12,
    TENSOR_BYTES_LEAST = 24,
    COUNT_MOST = 65536,
    ALIGNMENT = 32,
    ALIGNMENT_LEAST = 8,
    ALIGNMENT_MOST = 65536
};

/* Types of metadata values; numbers are GGUF's. */
typedef enum {
    TYPE_U8,
    TYPE_I8,
    TYPE_U16,
    TYPE_I16,
    TYPE_U32,
    TYPE_I32,
    TYPE_F32,
    TYPE_BOOL,
    TYPE_STRING,
    TYPE_ARRAY,
    TYPE_U64,
    TYPE_I64,
    TYPE_F64
} value_type;

static const struct {
    const char *name;
    size_t bytes; /* 0: varies */
} TYPES[] = { { "u8", 1 },  { "i8", 1 },  { "u16", 2 },  { "i16", 2 },    { "u32", 4 },
              { "i32", 4 }, { "f32", 4 }, { "bool", 1 }, { "string", 0 }, { "array", 0 },
              { "u64", 8 }, { "i64", 8 }, { "f64", 8 } };

typedef struct {
    fr_str key;
    value_type type, element; /* element: of an array */
    size_t n;                 /* elements of an array; 1 otherwise */
    const uint8_t *value;     /* first element; of a string: its length */
    uint64_t *strings;        /* owned; of an array of strings: offset of each from value */
    const uint8_t *end;       /* behind the value */
} entry;

struct fr_gguf {
    char *path;
    fr_map map; /* at NULL when the bytes are borrowed */
    const uint8_t *bytes;
    size_t size_bytes;
    uint32_t version;
    entry *keys;
    size_t n_keys;
    fr_tensor *tensors;
    size_t n_tensors;
    uint32_t *key_order, *tensor_order; /* by name, for finding */
    fr_gguf **parts;                    /* owned: the files behind the first, for their bytes */
    size_t n_parts, parts_cap;
};

/* ---- reading ------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *bytes;
    size_t at, size;
    const char *name;
    fr_err *err;
} cursor;

static const char HINT_CUT[] = "The copy is probably cut short: fetch the file again.";
static const char HINT_BAD[] = "The file is damaged, or not made by a GGUF writer: fetch it again.";

static size_t left(const cursor *c)
{
    return c->size - c->at;
}

static int cut_short(cursor *c, const char *where)
{
    return fr_fail(c->err, FR_E_FORMAT, HINT_CUT, "'%s' ends after %zu bytes, inside %s", c->name,
                   c->size, where);
}

static uint64_t number_at(const uint8_t *at, size_t bytes)
{
    uint64_t n = 0;
    memcpy(&n, at, bytes); /* little-endian, like every host that frugal knows */
    return n;
}

static int take_number(cursor *c, size_t bytes, const char *where, uint64_t *out)
{
    if (left(c) < bytes)
        return cut_short(c, where);
    *out = number_at(c->bytes + c->at, bytes);
    c->at += bytes;
    return 0;
}

static int take_string(cursor *c, const char *where, fr_str *out)
{
    uint64_t n = 0;
    size_t start = c->at;
    FR_TRY(take_number(c, 8, where, &n));
    if (n > left(c))
        return fr_fail(c->err, FR_E_FORMAT, HINT_CUT,
                       "'%s': %s at byte %zu says %llu bytes, but %zu are left", c->name, where,
                       start, (unsigned long long)n, left(c));
    *out = (fr_str){ (const char *)c->bytes + c->at, (size_t)n };
    c->at += (size_t)n;
    return 0;
}

/* At most 60 bytes of a name, for messages. */
static fr_str shown(fr_str s)
{
    return (fr_str){ s.at, FR_MIN(s.n, (size_t)60) };
}

static int take_type(cursor *c, fr_str key, value_type *out)
{
    uint64_t type = 0;
    FR_TRY(take_number(c, 4, "the type of a key", &type));
    if (type >= FR_COUNT_OF(TYPES))
        return fr_fail(c->err, FR_E_FORMAT, HINT_BAD,
                       "'%s': key '%.*s' at byte %zu has type %llu, which does not exist", c->name,
                       FR_STR_F(shown(key)), c->at - 4, (unsigned long long)type);
    *out = (value_type)type;
    return 0;
}

static int check_bools(cursor *c, const entry *e)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->value[i] > 1)
            return fr_fail(c->err, FR_E_FORMAT, HINT_BAD,
                           "'%s': key '%.*s' is a truth value of %d: expected 0 or 1", c->name,
                           FR_STR_F(shown(e->key)), e->value[i]);
    return 0;
}

static int take_array(cursor *c, entry *e)
{
    uint64_t n = 0;
    FR_TRY(take_type(c, e->key, &e->element));
    FR_TRY(take_number(c, 8, "the length of an array", &n));
    if (e->element == TYPE_ARRAY)
        return fr_fail(c->err, FR_E_UNSUPPORTED, HINT_BAD, "'%s': key '%.*s' is an array of arrays",
                       c->name, FR_STR_F(shown(e->key)));
    size_t least = e->element == TYPE_STRING ? 8 : TYPES[e->element].bytes;
    if (n > left(c) / least)
        return fr_fail(c->err, FR_E_FORMAT, HINT_CUT,
                       "'%s': key '%.*s' at byte %zu says %llu elements, but %zu bytes are left",
                       c->name, FR_STR_F(shown(e->key)), c->at, (unsigned long long)n, left(c));
    e->n = (size_t)n;
    e->value = c->bytes + c->at;
    if (e->element != TYPE_STRING) {
        c->at += e->n * least;
        return e->element == TYPE_BOOL ? check_bools(c, e) : 0;
    }
    void *offsets;
    FR_TRY(fr_try_array(e->n, sizeof(uint64_t), "the strings of a key", &offsets, c->err));
    e->strings = offsets;
    for (size_t i = 0; i < e->n; i++) {
        fr_str s;
        e->strings[i] = (uint64_t)(c->bytes + c->at - e->value);
        FR_TRY(take_string(c, "a string of an array", &s));
    }
    return 0;
}

static int take_entry(cursor *c, entry *e)
{
    size_t start = c->at;
    FR_TRY(take_string(c, "a key", &e->key));
    if (e->key.n == 0 || e->key.n > 65535)
        return fr_fail(c->err, FR_E_FORMAT, HINT_BAD,
                       "'%s': key at byte %zu has a name of %zu bytes: expected 1 to 65535",
                       c->name, start, e->key.n);
    FR_TRY(take_type(c, e->key, &e->type));
    e->n = 1;
    e->value = c->bytes + c->at;
    if (e->type == TYPE_ARRAY) {
        FR_TRY(take_array(c, e));
    } else if (e->type == TYPE_STRING) {
        fr_str s;
        FR_TRY(take_string(c, "a text value", &s));
    } else {
        uint64_t ignored;
        FR_TRY(take_number(c, TYPES[e->type].bytes, "the value of a key", &ignored));
        if (e->type == TYPE_BOOL)
            FR_TRY(check_bools(c, e));
    }
    e->end = c->bytes + c->at;
    return 0;
}

/* A tensor's header. Its data pointer holds the offset until the data's place is known. */
static int take_tensor(cursor *c, fr_tensor *t)
{
    uint64_t n_dims = 0, number = 0, offset = 0;
    size_t start = c->at;
    FR_TRY(take_string(c, "the name of a tensor", &t->name));
    if (t->name.n == 0 || t->name.n > 255)
        return fr_fail(c->err, FR_E_FORMAT, HINT_BAD,
                       "'%s': tensor at byte %zu has a name of %zu bytes: expected 1 to 255",
                       c->name, start, t->name.n);
    FR_TRY(take_number(c, 4, "the header of a tensor", &n_dims));
    if (n_dims < 1 || n_dims > 4)
        return fr_fail(c->err, FR_E_FORMAT, HINT_BAD,
                       "'%s': tensor '%.*s' has %llu dimensions: expected 1 to 4", c->name,
                       FR_STR_F(shown(t->name)), (unsigned long long)n_dims);
    t->n_dims = (size_t)n_dims;
    uint64_t values = 1;
    for (size_t d = 0; d < 4; d++) {
        t->dims[d] = 1;
        if (d < t->n_dims)
            FR_TRY(take_number(c, 8, "the shape of a tensor", &t->dims[d]));
        /* no file has more values than bits; so the product of bytes cannot overflow below */
        if (t->dims[d] == 0 || t->dims[d] > (uint64_t)c->size * 8 / values)
            return fr_fail(c->err, FR_E_FORMAT, HINT_BAD,
                           "'%s': tensor '%.*s' has %llu in dimension %zu, in a file of %zu bytes",
                           c->name, FR_STR_F(shown(t->name)), (unsigned long long)t->dims[d], d,
                           c->size);
        values *= t->dims[d];
    }
    FR_TRY(take_number(c, 4, "the header of a tensor", &number));
    FR_TRY(take_number(c, 8, "the header of a tensor", &offset));
    size_t block_values, block_bytes;
    if (!fr_format_any_block((uint32_t)number, &block_values, &block_bytes))
        return fr_fail(c->err, FR_E_UNSUPPORTED, "The file may be newer than this frugal.",
                       "'%s': tensor '%.*s' has format number %llu, which frugal does not know",
                       c->name, FR_STR_F(shown(t->name)), (unsigned long long)number);
    t->format = (fr_format)number;
    if (t->dims[0] % block_values != 0)
        return fr_fail(c->err, FR_E_FORMAT, HINT_BAD,
                       "'%s': tensor '%.*s' has rows of %llu values: not whole %s blocks of %zu",
                       c->name, FR_STR_F(shown(t->name)), (unsigned long long)t->dims[0],
                       fr_format_any_name((uint32_t)number), block_values);
    uint64_t blocks = values / block_values;
    if (blocks > (uint64_t)c->size / block_bytes)
        return fr_fail(c->err, FR_E_FORMAT, HINT_CUT,
                       "'%s': tensor '%.*s' takes %llu blocks of %zu bytes, in a file of %zu bytes",
                       c->name, FR_STR_F(shown(t->name)), (unsigned long long)blocks, block_bytes,
                       c->size);
    t->size_bytes = blocks * block_bytes;
    if (offset > c->size)
        return fr_fail(c->err, FR_E_FORMAT, HINT_CUT,
                       "'%s': tensor '%.*s' begins at data byte %llu, in a file of %zu bytes",
                       c->name, FR_STR_F(shown(t->name)), (unsigned long long)offset, c->size);
    t->data = c->bytes + offset;
    return 0;
}

/* Offsets become addresses inside the file. */
static int place_tensors(cursor *c, fr_gguf *g)
{
    uint64_t alignment = ALIGNMENT;
    fr_gguf_get_u64(g, "general.alignment", &alignment);
    if (alignment < ALIGNMENT_LEAST || alignment > ALIGNMENT_MOST ||
        (alignment & (alignment - 1)) != 0)
        return fr_fail(c->err, FR_E_FORMAT, HINT_BAD,
                       "'%s': general.alignment is %llu: expected a power of two from %d to %d",
                       c->name, (unsigned long long)alignment, ALIGNMENT_LEAST, ALIGNMENT_MOST);
    size_t data = (c->at + alignment - 1) & ~(size_t)(alignment - 1);
    for (size_t i = 0; i < g->n_tensors; i++) {
        fr_tensor *t = &g->tensors[i];
        size_t offset = (size_t)((const uint8_t *)t->data - c->bytes);
        if (offset % alignment != 0)
            return fr_fail(c->err, FR_E_FORMAT, HINT_BAD,
                           "'%s': tensor '%.*s' begins at data byte %zu: not a multiple of %llu",
                           c->name, FR_STR_F(shown(t->name)), offset,
                           (unsigned long long)alignment);
        if (data > c->size || offset > c->size - data || t->size_bytes > c->size - data - offset)
            return fr_fail(c->err, FR_E_FORMAT, HINT_CUT,
                           "'%s': tensor '%.*s' takes bytes %zu to %llu, but the file has %zu",
                           c->name, FR_STR_F(shown(t->name)), data + offset,
                           (unsigned long long)(data + offset + t->size_bytes), c->size);
        t->data = c->bytes + data + offset;
    }
    return 0;
}

static int compare(fr_str a, fr_str b)
{
    int order = memcmp(a.at, b.at, FR_MIN(a.n, b.n));
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_key(const void *a, const void *b, void *g)
{
    const entry *keys = ((fr_gguf *)g)->keys;
    return compare(keys[*(const uint32_t *)a].key, keys[*(const uint32_t *)b].key);
}

static int by_name(const void *a, const void *b, void *g)
{
    const fr_tensor *tensors = ((fr_gguf *)g)->tensors;
    return compare(tensors[*(const uint32_t *)a].name, tensors[*(const uint32_t *)b].name);
}

static uint32_t *sorted(size_t n, int (*order)(const void *, const void *, void *), fr_gguf *g)
{
    uint32_t *index = FR_NEW_N(uint32_t, n);
    for (size_t i = 0; i < n; i++)
        index[i] = (uint32_t)i;
    qsort_r(index, n, sizeof(*index), order, g);
    return index;
}

static int check_unique(cursor *c, fr_gguf *g)
{
    g->key_order = sorted(g->n_keys, by_key, g);
    g->tensor_order = sorted(g->n_tensors, by_name, g);
    for (size_t i = 1; i < g->n_keys; i++)
        if (by_key(&g->key_order[i - 1], &g->key_order[i], g) == 0)
            return fr_fail(c->err, FR_E_FORMAT, HINT_BAD, "'%s': key '%.*s' stands twice", c->name,
                           FR_STR_F(shown(g->keys[g->key_order[i]].key)));
    for (size_t i = 1; i < g->n_tensors; i++)
        if (by_name(&g->tensor_order[i - 1], &g->tensor_order[i], g) == 0)
            return fr_fail(c->err, FR_E_FORMAT, HINT_BAD, "'%s': tensor '%.*s' stands twice",
                           c->name, FR_STR_F(shown(g->tensors[g->tensor_order[i]].name)));
    return 0;
}

static int check_count(cursor *c, const char *what, uint64_t n, size_t least)
{
    if (n > COUNT_MOST || n > left(c) / least)
        return fr_fail(c->err, FR_E_FORMAT, HINT_CUT,
                       "'%s' says it has %llu %s, in %zu bytes (and at most %d are read)", c->name,
                       (unsigned long long)n, what, c->size, COUNT_MOST);
    return 0;
}

static int parse(cursor *c, fr_gguf *g)
{
    uint64_t version = 0, n_tensors = 0, n_keys = 0;
    if (c->size < 4 || memcmp(c->bytes, "GGUF", 4) != 0)
        return fr_fail(c->err, FR_E_FORMAT, "Name a GGUF file.",
                       "'%s' is not a GGUF file: it does not begin with 'GGUF'", c->name);
    if (c->size < HEADER_BYTES)
        return cut_short(c, "the header");
    c->at = 4;
    FR_TRY(take_number(c, 4, "the header", &version));
    if (version == 0x02000000 || version == 0x03000000)
        return fr_fail(c->err, FR_E_UNSUPPORTED, "Convert it on the machine that wrote it.",
                       "'%s' is a big-endian GGUF file", c->name);
    if (version < 2 || version > 3)
        return fr_fail(c->err, FR_E_UNSUPPORTED, "Versions 2 and 3 are read.",
                       "'%s' has GGUF version %llu", c->name, (unsigned long long)version);
    g->version = (uint32_t)version;
    FR_TRY(take_number(c, 8, "the header", &n_tensors));
    FR_TRY(take_number(c, 8, "the header", &n_keys));
    FR_TRY(check_count(c, "tensors", n_tensors, TENSOR_BYTES_LEAST));
    FR_TRY(check_count(c, "keys", n_keys, KEY_BYTES_LEAST));
    g->keys = FR_NEW_N(entry, (size_t)n_keys);
    g->tensors = FR_NEW_N(fr_tensor, (size_t)n_tensors);
    for (; g->n_keys < n_keys;) /* counted first: a half-read entry is freed, too */
        FR_TRY(take_entry(c, &g->keys[g->n_keys++]));
    for (; g->n_tensors < n_tensors; g->n_tensors++)
        FR_TRY(take_tensor(c, &g->tensors[g->n_tensors]));
    FR_TRY(check_unique(c, g));
    return place_tensors(c, g);
}

static int read_all(fr_gguf *g, const void *bytes, size_t n, const char *name, fr_gguf **out,
                    fr_err *err)
{
    cursor c = { bytes, 0, n, name, err };
    g->path = fr_dup(name);
    g->bytes = bytes;
    g->size_bytes = n;
    int rc = parse(&c, g);
    if (rc != 0)
        fr_gguf_free(g);
    else
        *out = g;
    return rc;
}

int fr_gguf_parse(const void *bytes, size_t n, const char *name, fr_gguf **out, fr_err *err)
{
    return read_all(FR_NEW(fr_gguf), bytes, n, name, out, err);
}

static int open_one(const char *path, fr_gguf **out, fr_err *err)
{
    fr_map map = { 0 };
    FR_TRY(fr_map_open(path, &map, err));
    fr_gguf *g = FR_NEW(fr_gguf);
    g->map = map;
    return read_all(g, map.at, map.size_bytes, path, out, err);
}

/* ---- models in parts ------------------------------------------------------------------------- */

/* "NAME-00001-of-00003.gguf": each part says in split.no (from 0) and split.count where it stands;
 * all metadata is in the first. */
enum { PARTS_MOST = 9999, PART_SUFFIX = sizeof("-00001-of-00003.gguf") - 1 };

int fr_gguf_join(fr_gguf *g, fr_gguf *part, fr_err *err)
{
    FR_GROW(g->parts, g->n_parts, g->parts_cap);
    g->parts[g->n_parts++] = part;
    uint64_t number = 0;
    if (!fr_gguf_get_u64(part, "split.no", &number) || number != g->n_parts)
        return fr_fail(err, FR_E_FORMAT, "The parts of the model were mixed up: fetch them again.",
                       "'%s' is not part %zu of '%s'", part->path, g->n_parts + 1, g->path);
    if (part->n_tensors > COUNT_MOST - FR_MIN(g->n_tensors, (size_t)COUNT_MOST))
        return fr_fail(err, FR_E_LIMIT, NULL, "'%s' has more than %d tensors in its parts", g->path,
                       COUNT_MOST);
    const size_t n = g->n_tensors + part->n_tensors;
    g->tensors = fr_array_resize(g->tensors, n, sizeof(*g->tensors));
    if (part->n_tensors > 0)
        memcpy(g->tensors + g->n_tensors, part->tensors, part->n_tensors * sizeof(*g->tensors));
    g->n_tensors = n;
    free(g->tensor_order);
    g->tensor_order = sorted(n, by_name, g);
    for (size_t i = 1; i < n; i++)
        if (by_name(&g->tensor_order[i - 1], &g->tensor_order[i], g) == 0)
            return fr_fail(err, FR_E_FORMAT, HINT_BAD,
                           "'%s' has the tensor '%.*s' of an earlier part", part->path,
                           FR_STR_F(shown(g->tensors[g->tensor_order[i]].name)));
    return 0;
}

/* What only a file in parts says of itself is not said of the whole. */
static void drop_split_keys(fr_gguf *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->n_keys; i++)
        if (!fr_str_starts(g->keys[i].key, FR_STR("split.")))
            g->keys[kept++] = g->keys[i];
        else
            free(g->keys[i].strings);
    g->n_keys = kept;
    free(g->key_order);
    g->key_order = sorted(kept, by_key, g);
}

static int open_parts(fr_gguf *g, uint64_t count, fr_err *err)
{
    static const char HINT_NAME[] = "Parts are named NAME-00001-of-0000N.gguf: keep their names.";
    uint64_t number = 0, tensors = 0;
    char suffix[32];
    const size_t length = strlen(g->path);
    if (count > PARTS_MOST || !fr_gguf_get_u64(g, "split.no", &number))
        return fr_fail(err, FR_E_FORMAT, HINT_BAD, "'%s' says it is one of %llu parts", g->path,
                       (unsigned long long)count);
    if (number != 0)
        return fr_fail(err, FR_E_USAGE, "Name the first part, …-00001-of-…: the others are found.",
                       "'%s' is part %llu of %llu of a model", g->path,
                       (unsigned long long)number + 1, (unsigned long long)count);
    snprintf(suffix, sizeof(suffix), "-%05d-of-%05d.gguf", 1, (int)count);
    if (length < PART_SUFFIX || strcmp(g->path + length - PART_SUFFIX, suffix) != 0)
        return fr_fail(err, FR_E_USAGE, HINT_NAME, "'%s' is one of %llu parts, by another name",
                       g->path, (unsigned long long)count);
    for (int i = 2; i <= (int)count; i++) {
        fr_gguf *part = NULL;
        snprintf(suffix, sizeof(suffix), "-%05d-of-%05d.gguf", i, (int)count);
        char *path = fr_dup_f("%.*s%s", (int)(length - PART_SUFFIX), g->path, suffix);
        int rc = open_one(path, &part, err);
        free(path);
        FR_TRY(rc);
        FR_TRY(fr_gguf_join(g, part, err));
    }
    if (fr_gguf_get_u64(g, "split.tensors.count", &tensors) && tensors != g->n_tensors)
        return fr_fail(err, FR_E_FORMAT, HINT_BAD,
                       "'%s' says it has %llu tensors; its parts have %zu", g->path,
                       (unsigned long long)tensors, g->n_tensors);
    drop_split_keys(g);
    return 0;
}

int fr_gguf_open(const char *path, fr_gguf **out, fr_err *err)
{
    fr_gguf *g = NULL;
    uint64_t count = 0;
    FR_TRY(open_one(path, &g, err));
    int rc = fr_gguf_get_u64(g, "split.count", &count) && count > 1 ? open_parts(g, count, err) : 0;
    if (rc != 0)
        fr_gguf_free(g);
    else
        *out = g;
    return rc;
}

size_t fr_gguf_n_parts(const fr_gguf *g)
{
    return 1 + g->n_parts;
}

const char *fr_gguf_part_path(const fr_gguf *g, size_t i)
{
    return i == 0 ? g->path : g->parts[i - 1]->path;
}

void fr_gguf_free(fr_gguf *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->n_keys; i++)
        free(g->keys[i].strings);
    for (size_t i = 0; i < g->n_parts; i++)
        fr_gguf_free(g->parts[i]);
    free(g->parts);
    free(g->keys);
    free(g->tensors);
    free(g->key_order);
    free(g->tensor_order);
    free(g->path);
    fr_map_fini(&g->map);
    free(g);
}

const char *fr_gguf_path(const fr_gguf *g)
{
    return g->path;
}

uint32_t fr_gguf_version(const fr_gguf *g)
{
    return g->version;
}

uint64_t fr_gguf_size_bytes(const fr_gguf *g)
{
    uint64_t bytes = g->size_bytes;
    for (size_t i = 0; i < g->n_parts; i++)
        bytes += g->parts[i]->size_bytes;
    return bytes;
}

/* ---- finding ------------------------------------------------------------------------------- */

size_t fr_gguf_n_tensors(const fr_gguf *g)
{
    return g->n_tensors;
}

const fr_tensor *fr_gguf_tensor_at(const fr_gguf *g, size_t i)
{
    return i < g->n_tensors ? &g->tensors[i] : NULL;
}

const fr_tensor *fr_gguf_tensor(const fr_gguf *g, const char *name)
{
    fr_str wanted = fr_str_of(name);
    for (size_t low = 0, high = g->n_tensors; low < high;) {
        size_t middle = low + (high - low) / 2;
        const fr_tensor *t = &g->tensors[g->tensor_order[middle]];
        int order = compare(t->name, wanted);
        if (order == 0)
            return t;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static const entry *find(const fr_gguf *g, const char *key)
{
    fr_str wanted = fr_str_of(key);
    if (g->key_order == NULL)
        return NULL;
    for (size_t low = 0, high = g->n_keys; low < high;) {
        size_t middle = low + (high - low) / 2;
        const entry *e = &g->keys[g->key_order[middle]];
        int order = compare(e->key, wanted);
        if (order == 0)
            return e;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool as_i64(value_type type, const uint8_t *at, int64_t *out)
{
    uint64_t n;
    switch (type) {
    case TYPE_I8:
        *out = (int8_t)*at;
        return true;
    case TYPE_I16:
        *out = (int16_t)number_at(at, 2);
        return true;
    case TYPE_I32:
        *out = (int32_t)number_at(at, 4);
        return true;
    case TYPE_I64:
        *out = (int64_t)number_at(at, 8);
        return true;
    case TYPE_U8:
    case TYPE_U16:
    case TYPE_U32:
    case TYPE_U64:
        n = number_at(at, TYPES[type].bytes);
        *out = (int64_t)n;
        return n <= INT64_MAX;
    default:
        return false;
    }
}

static bool as_f64(value_type type, const uint8_t *at, double *out)
{
    int64_t n;
    float f;
    if (type == TYPE_F32) {
        memcpy(&f, at, sizeof(f));
        *out = (double)f;
    } else if (type == TYPE_F64) {
        memcpy(out, at, sizeof(*out));
    } else if (as_i64(type, at, &n)) {
        *out = (double)n;
    } else {
        return false;
    }
    return true;
}

static fr_str string_at(const uint8_t *at)
{
    return (fr_str){ (const char *)at + 8, (size_t)number_at(at, 8) };
}

bool fr_gguf_get_i64(const fr_gguf *g, const char *key, int64_t *out)
{
    const entry *e = find(g, key);
    return e != NULL && as_i64(e->type, e->value, out);
}

bool fr_gguf_get_u64(const fr_gguf *g, const char *key, uint64_t *out)
{
    int64_t n;
    if (!fr_gguf_get_i64(g, key, &n) || n < 0)
        return false;
    *out = (uint64_t)n;
    return true;
}

bool fr_gguf_get_f64(const fr_gguf *g, const char *key, double *out)
{
    const entry *e = find(g, key);
    return e != NULL && as_f64(e->type, e->value, out);
}

bool fr_gguf_get_bool(const fr_gguf *g, const char *key, bool *out)
{
    const entry *e = find(g, key);
    if (e == NULL || e->type != TYPE_BOOL)
        return false;
    *out = *e->value != 0;
    return true;
}

bool fr_gguf_get_str(const fr_gguf *g, const char *key, fr_str *out)
{
    const entry *e = find(g, key);
    if (e == NULL || e->type != TYPE_STRING)
        return false;
    *out = string_at(e->value);
    return true;
}

bool fr_gguf_array(const fr_gguf *g, const char *key, size_t *n)
{
    const entry *e = find(g, key);
    if (e == NULL || e->type != TYPE_ARRAY)
        return false;
    *n = e->n;
    return true;
}

static const entry *element(const fr_gguf *g, const char *key, size_t i)
{
    const entry *e = find(g, key);
    return e != NULL && e->type == TYPE_ARRAY && i < e->n ? e : NULL;
}

bool fr_gguf_array_str(const fr_gguf *g, const char *key, size_t i, fr_str *out)
{
    const entry *e = element(g, key, i);
    if (e == NULL || e->element != TYPE_STRING)
        return false;
    *out = string_at(e->value + e->strings[i]);
    return true;
}

bool fr_gguf_array_f64(const fr_gguf *g, const char *key, size_t i, double *out)
{
    const entry *e = element(g, key, i);
    return e != NULL && as_f64(e->element, e->value + i * TYPES[e->element].bytes, out);
}

bool fr_gguf_array_i64(const fr_gguf *g, const char *key, size_t i, int64_t *out)
{
    const entry *e = element(g, key, i);
    return e != NULL && as_i64(e->element, e->value + i * TYPES[e->element].bytes, out);
}

/* ---- showing ------------------------------------------------------------------------------- */

enum { SHOWN_BYTES = 64, SHOWN_ELEMENTS = 4 };

static void show_text(fr_str s, fr_buf *out)
{
    for (size_t i = 0; i < FR_MIN(s.n, (size_t)SHOWN_BYTES); i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c == '\n')
            fr_buf_put_s(out, "\\n");
        else
            fr_buf_put_c(out, c < 32 || c == 127 ? '?' : (char)c);
    }
    if (s.n > SHOWN_BYTES) {
        while (out->n > 0 && ((unsigned char)out->at[out->n - 1] & 0xc0) == 0x80)
            out->at[--out->n] = '\0'; /* not in the middle of a character */
        fr_buf_put_f(out, "… (%zu bytes)", s.n);
    }
}

static void show_value(value_type type, const uint8_t *at, fr_buf *out)
{
    int64_t n;
    double f;
    if (type == TYPE_STRING)
        show_text(string_at(at), out);
    else if (type == TYPE_BOOL)
        fr_buf_put_s(out, *at != 0 ? "true" : "false");
    else if (as_i64(type, at, &n))
        fr_buf_put_f(out, "%lld", (long long)n);
    else if (type == TYPE_U64)
        fr_buf_put_f(out, "%llu", (unsigned long long)number_at(at, 8));
    else if (as_f64(type, at, &f))
        fr_buf_put_f(out, "%.9g", f);
}

size_t fr_gguf_n_keys(const fr_gguf *g)
{
    return g->n_keys;
}

void fr_gguf_key_at(const fr_gguf *g, size_t i, fr_str *key, const char **type, fr_buf *value)
{
    const entry *e = &g->keys[i];
    *key = e->key;
    *type = TYPES[e->type].name;
    if (e->type != TYPE_ARRAY) {
        show_value(e->type, e->value, value);
        return;
    }
    fr_buf_put_f(value, "%zu × %s:", e->n, TYPES[e->element].name);
    for (size_t j = 0; j < FR_MIN(e->n, (size_t)SHOWN_ELEMENTS); j++) {
        fr_buf_put_c(value, ' ');
        show_value(e->element,
                   e->value +
                       (e->element == TYPE_STRING ? e->strings[j] : j * TYPES[e->element].bytes),
                   value);
    }
    if (e->n > SHOWN_ELEMENTS)
        fr_buf_put_s(value, " …");
}

/* ---- writing ------------------------------------------------------------------------------- */

typedef struct {
    char *name; /* owned */
    fr_format format;
    size_t n_dims;
    uint64_t dims[4], offset, size_bytes;
    const void *data; /* borrowed until written; NULL: made then */
    fr_gguf_make make;
    void *user; /* borrowed, of make */
} out_tensor;

struct fr_gguf_out {
    fr_buf keys;
    char **names; /* of the keys put so far */
    size_t n_keys, names_cap;
    out_tensor *tensors;
    size_t n_tensors, tensors_cap;
    uint64_t data_bytes;
};

fr_gguf_out *fr_gguf_out_new(void)
{
    return FR_NEW(fr_gguf_out);
}

void fr_gguf_out_free(fr_gguf_out *o)
{
    if (o == NULL)
        return;
    for (size_t i = 0; i < o->n_keys; i++)
        free(o->names[i]);
    for (size_t i = 0; i < o->n_tensors; i++)
        free(o->tensors[i].name);
    free(o->names);
    free(o->tensors);
    fr_buf_fini(&o->keys);
    free(o);
}

static void put_u32(fr_buf *b, uint32_t v)
{
    fr_buf_put(b, &v, sizeof(v));
}

static void put_u64(fr_buf *b, uint64_t v)
{
    fr_buf_put(b, &v, sizeof(v));
}

static void put_string(fr_buf *b, fr_str s)
{
    put_u64(b, s.n);
    fr_buf_put_str(b, s);
}

static bool has_key(const fr_gguf_out *o, fr_str key)
{
    for (size_t i = 0; i < o->n_keys; i++)
        if (fr_str_is(key, o->names[i]))
            return true;
    return false;
}

static void put_key(fr_gguf_out *o, fr_str key, value_type type)
{
    assert(!has_key(o, key));
    FR_GROW(o->names, o->n_keys, o->names_cap);
    o->names[o->n_keys++] = fr_str_dup(key);
    put_string(&o->keys, key);
    put_u32(&o->keys, type);
}

static void put_array(fr_gguf_out *o, const char *key, value_type type, size_t n)
{
    put_key(o, fr_str_of(key), TYPE_ARRAY);
    put_u32(&o->keys, type);
    put_u64(&o->keys, n);
}

void fr_gguf_put_u32(fr_gguf_out *o, const char *key, uint32_t v)
{
    put_key(o, fr_str_of(key), TYPE_U32);
    put_u32(&o->keys, v);
}

void fr_gguf_put_f32(fr_gguf_out *o, const char *key, float v)
{
    put_key(o, fr_str_of(key), TYPE_F32);
    fr_buf_put(&o->keys, &v, sizeof(v));
}

void fr_gguf_put_bool(fr_gguf_out *o, const char *key, bool v)
{
    put_key(o, fr_str_of(key), TYPE_BOOL);
    fr_buf_put_c(&o->keys, v ? 1 : 0);
}

void fr_gguf_put_str(fr_gguf_out *o, const char *key, fr_str v)
{
    put_key(o, fr_str_of(key), TYPE_STRING);
    put_string(&o->keys, v);
}

void fr_gguf_put_strs(fr_gguf_out *o, const char *key, const fr_str *v, size_t n)
{
    put_array(o, key, TYPE_STRING, n);
    for (size_t i = 0; i < n; i++)
        put_string(&o->keys, v[i]);
}

void fr_gguf_put_f32s(fr_gguf_out *o, const char *key, const float *v, size_t n)
{
    put_array(o, key, TYPE_F32, n);
    fr_buf_put(&o->keys, v, n * sizeof(*v));
}

void fr_gguf_put_i32s(fr_gguf_out *o, const char *key, const int32_t *v, size_t n)
{
    put_array(o, key, TYPE_I32, n);
    fr_buf_put(&o->keys, v, n * sizeof(*v));
}

void fr_gguf_put_u8s(fr_gguf_out *o, const char *key, const uint8_t *v, size_t n)
{
    put_array(o, key, TYPE_U8, n);
    fr_buf_put(&o->keys, v, n);
}

void fr_gguf_put_all(fr_gguf_out *o, const fr_gguf *from)
{
    for (size_t i = 0; i < from->n_keys; i++) {
        const entry *e = &from->keys[i];
        if (has_key(o, e->key) || fr_str_is(e->key, "general.alignment"))
            continue; /* the alignment is this writer's own */
        put_key(o, e->key, e->type);
        const char *start = e->key.at + e->key.n + 4;
        fr_buf_put(&o->keys, start, (size_t)((const char *)e->end - start));
    }
}

static uint64_t aligned(uint64_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void fr_gguf_put_tensor(fr_gguf_out *o, const char *name, fr_format format, const uint64_t *dims,
                        size_t n_dims, const void *data)
{
    size_t block_values = 1, block_bytes = 1;
    bool known = fr_format_any_block(format, &block_values, &block_bytes);
    assert(known && n_dims >= 1 && n_dims <= 4 && dims[0] % block_values == 0);
    (void)known;
    FR_GROW(o->tensors, o->n_tensors, o->tensors_cap);
    out_tensor *t = &o->tensors[o->n_tensors++];
    *t = (out_tensor){ .name = fr_dup(name), .format = format, .n_dims = n_dims, .data = data };
    uint64_t values = 1;
    for (size_t d = 0; d < n_dims; d++) {
        t->dims[d] = dims[d];
        values *= dims[d];
    }
    t->size_bytes = values / block_values * block_bytes;
    t->offset = o->data_bytes;
    o->data_bytes = aligned(t->offset + t->size_bytes);
}

void fr_gguf_put_made(fr_gguf_out *o, const char *name, fr_format format, const uint64_t *dims,
                      size_t n_dims, fr_gguf_make make, void *user)
{
    fr_gguf_put_tensor(o, name, format, dims, n_dims, NULL);
    o->tensors[o->n_tensors - 1].make = make;
    o->tensors[o->n_tensors - 1].user = user;
}

static int write_made(fr_file_out *file, const out_tensor *t, size_t index, fr_err *err)
{
    void *bytes = NULL;
    FR_TRY(fr_try_array((size_t)t->size_bytes, 1, "a tensor", &bytes, err));
    int rc = t->make(t->user, index, bytes, err);
    if (rc == 0)
        rc = fr_file_out_put(file, bytes, (size_t)t->size_bytes, err);
    free(bytes);
    return rc;
}

static int write_padding(fr_file_out *file, uint64_t written, fr_err *err)
{
    static const char ZEROS[ALIGNMENT];
    return fr_file_out_put(file, ZEROS, (size_t)(aligned(written) - written), err);
}

int fr_gguf_write(fr_gguf_out *o, const char *path, fr_err *err)
{
    FR_AUTO(fr_file_out) file = { 0 };
    FR_AUTO(fr_buf) head = { 0 };
    fr_buf_put_s(&head, "GGUF");
    put_u32(&head, 3);
    put_u64(&head, o->n_tensors);
    put_u64(&head, o->n_keys);
    fr_buf_put_str(&head, fr_buf_str(&o->keys));
    for (size_t i = 0; i < o->n_tensors; i++) {
        const out_tensor *t = &o->tensors[i];
        put_string(&head, fr_str_of(t->name));
        put_u32(&head, (uint32_t)t->n_dims);
        for (size_t d = 0; d < t->n_dims; d++)
            put_u64(&head, t->dims[d]);
        put_u32(&head, t->format);
        put_u64(&head, t->offset);
    }
    if (head.full || o->keys.full)
        return fr_fail(err, FR_E_LIMIT, NULL, "'%s': more metadata than 1 GiB", path);
    FR_TRY(fr_file_out_open(&file, path, err));
    FR_TRY(fr_file_out_put(&file, head.at, head.n, err));
    FR_TRY(write_padding(&file, head.n, err));
    for (size_t i = 0; i < o->n_tensors; i++) {
        const out_tensor *t = &o->tensors[i];
        if (t->make != NULL)
            FR_TRY(write_made(&file, t, i, err));
        else
            FR_TRY(fr_file_out_put(&file, t->data, (size_t)t->size_bytes, err));
        FR_TRY(write_padding(&file, t->size_bytes, err));
    }
    return fr_file_out_commit(&file, err);
}
