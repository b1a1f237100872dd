/*
 * A classifier as one file. All numbers little-endian; texts are UTF-8 without a final NUL.
 *
 *   offset  size  meaning                                        limit
 *        0     8  "FRCLASS" and the layout's number, '1'
 *        8     4  labels                                         2…65,535
 *       12     4  features                                       0…2^28
 *       16     4  words of a gram, at most                       1…8
 *       20     4  characters of a gram, at least                 1…16
 *       24     4  characters of a gram, at most; 0: none         0…16
 *       28     4  bytes of all labels                            2^24
 *       32     8  bytes of all features                          2^32
 *       40     8  l2 of the training, float64
 *       48    16  0
 *       64        labels' lengths, uint32 each; labels' bytes; features' lengths, uint16 each;
 *                 features' bytes; zeros up to a multiple of 64
 *                 idf, float32 each; bias, float32 each label, padded to a multiple of 8 labels;
 *                 zeros up to a multiple of 64
 *                 weights, float32, [features][labels padded to a multiple of 8]
 *
 * The size of the file must be exactly what its header says. Numbers must be finite.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "classic/classic_priv.h"
#include "text/utf8.h"

#define MAGIC             "FRCLASS1"
#define HEADER_BYTES      64
#define ALIGN_BYTES       64
#define LABEL_BYTES_MAX   ((uint64_t)1 << 24)
#define FEATURE_BYTES_MAX ((uint64_t)UINT32_MAX - 1)
#define WORDS_MAX         8
#define CHARS_MAX         16

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is read as it lies");

typedef struct {
    uint32_t n_labels, n_features, words_max, chars_min, chars_max, label_bytes;
    uint64_t feature_bytes;
    double l2;
} header;

/* Where each part begins, and how long the file is. */
typedef struct {
    size_t stride, label_sizes, labels, feature_sizes, features, idf, bias, weights, end;
} layout;

static size_t aligned(size_t at)
{
    return (at + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

/* Cannot overflow within the limits: 2^28 features of 2^16 labels of 4 bytes are 2^46. */
static layout layout_of(const header *h)
{
    layout l = { .stride = (h->n_labels + LABEL_LANES - 1) / LABEL_LANES * LABEL_LANES };
    l.label_sizes = HEADER_BYTES;
    l.labels = l.label_sizes + (size_t)h->n_labels * sizeof(uint32_t);
    l.feature_sizes = l.labels + h->label_bytes;
    l.features = l.feature_sizes + (size_t)h->n_features * sizeof(uint16_t);
    l.idf = aligned(l.features + (size_t)h->feature_bytes);
    l.bias = l.idf + (size_t)h->n_features * sizeof(float);
    l.weights = aligned(l.bias + l.stride * sizeof(float));
    l.end = l.weights + (size_t)h->n_features * l.stride * sizeof(float);
    return l;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int put_zeros_to(fr_file_out *out, size_t at, size_t to, fr_err *err)
{
    static const char ZEROS[ALIGN_BYTES];
    return fr_file_out_put(out, ZEROS, to - at, err);
}

static int put_header(fr_file_out *out, const header *h, fr_err *err)
{
    unsigned char bytes[HEADER_BYTES] = MAGIC;
    memcpy(bytes + 8, &h->n_labels, 6 * sizeof(uint32_t));
    memcpy(bytes + 32, &h->feature_bytes, sizeof(h->feature_bytes));
    memcpy(bytes + 40, &h->l2, sizeof(h->l2));
    return fr_file_out_put(out, bytes, sizeof(bytes), err);
}

static int put_texts(fr_file_out *out, const fr_classifier *c, fr_err *err)
{
    for (size_t k = 0; k < c->n_labels; k++) {
        uint32_t size = (uint32_t)strlen(c->labels[k]);
        FR_TRY(fr_file_out_put(out, &size, sizeof(size), err));
    }
    for (size_t k = 0; k < c->n_labels; k++)
        FR_TRY(fr_file_out_put(out, c->labels[k], strlen(c->labels[k]), err));
    for (uint32_t f = 0; f < c->features.n; f++) {
        uint16_t size = (uint16_t)vocabulary_at(&c->features, f).n;
        FR_TRY(fr_file_out_put(out, &size, sizeof(size), err));
    }
    return fr_file_out_put(out, c->features.text.at, c->features.text.n, err);
}

int fr_classifier_save(const fr_classifier *c, const char *path, fr_err *err)
{
    header h = { .n_labels = (uint32_t)c->n_labels,
                 .n_features = (uint32_t)c->features.n,
                 .words_max = (uint32_t)c->shape.words_max,
                 .chars_min = (uint32_t)c->shape.chars_min,
                 .chars_max = (uint32_t)c->shape.chars_max,
                 .feature_bytes = c->features.text.n,
                 .l2 = c->l2 };
    for (size_t k = 0; k < c->n_labels; k++)
        h.label_bytes += (uint32_t)strlen(c->labels[k]);
    layout l = layout_of(&h);
    FR_AUTO(fr_file_out) out = { 0 };
    FR_TRY(fr_file_out_open(&out, path, err));
    FR_TRY(put_header(&out, &h, err));
    FR_TRY(put_texts(&out, c, err));
    FR_TRY(put_zeros_to(&out, l.features + (size_t)h.feature_bytes, l.idf, err));
    FR_TRY(fr_file_out_put(&out, c->idf, c->features.n * sizeof(float), err));
    FR_TRY(fr_file_out_put(&out, c->bias, l.stride * sizeof(float), err));
    FR_TRY(put_zeros_to(&out, l.bias + l.stride * sizeof(float), l.weights, err));
    FR_TRY(fr_file_out_put(&out, c->weights, c->features.n * l.stride * sizeof(float), err));
    return fr_file_out_commit(&out, err);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int broken(const char *path, const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "Train it again, or copy it again from where it was made.",
                   "'%s' is not a frugal classifier: %s", path, what);
}

static int read_header(const fr_map *map, const char *path, header *h, fr_err *err)
{
    if (map->size_bytes < HEADER_BYTES || memcmp(map->at, MAGIC, 7) != 0)
        return broken(path, "it begins with something else", err);
    if (map->at[7] != MAGIC[7])
        return broken(path, "its layout is of another version of frugal", err);
    memcpy(&h->n_labels, map->at + 8, 6 * sizeof(uint32_t));
    memcpy(&h->feature_bytes, map->at + 32, sizeof(h->feature_bytes));
    memcpy(&h->l2, map->at + 40, sizeof(h->l2));
    bool fits = h->n_labels >= 2 && h->n_labels <= LABELS_MAX && h->n_features <= FEATURES_MAX &&
                h->words_max >= 1 && h->words_max <= WORDS_MAX && h->chars_min >= 1 &&
                h->chars_min <= CHARS_MAX && h->chars_max <= CHARS_MAX &&
                h->label_bytes <= LABEL_BYTES_MAX && h->feature_bytes <= FEATURE_BYTES_MAX &&
                isfinite(h->l2) && h->l2 > 0.0;
    if (!fits)
        return broken(path, "a number of its header is out of range", err);
    if (layout_of(h).end != map->size_bytes)
        return broken(path, "its size is not what its header says", err);
    return 0;
}

static int read_labels(fr_classifier *c, const header *h, const layout *l, const char *path,
                       fr_err *err)
{
    size_t used = 0;
    c->labels = FR_NEW_N(char *, c->n_labels);
    for (size_t k = 0; k < c->n_labels; k++) {
        uint32_t size;
        memcpy(&size, c->map.at + l->label_sizes + k * sizeof(size), sizeof(size));
        if (size > h->label_bytes - used)
            return broken(path, "a label ends outside the labels", err);
        fr_str label = { (const char *)c->map.at + l->labels + used, size };
        if (memchr(label.at, '\0', label.n) != NULL || !fr_utf8_valid(label))
            return broken(path, "a label is not text", err);
        c->labels[k] = fr_str_dup(label);
        used += size;
    }
    return used == h->label_bytes ? 0 : broken(path, "the labels do not fill their part", err);
}

static int read_features(fr_classifier *c, const header *h, const layout *l, const char *path,
                         fr_err *err)
{
    size_t used = 0;
    c->is_char = FR_NEW_N(uint8_t, h->n_features);
    for (uint32_t f = 0; f < h->n_features; f++) {
        uint16_t size;
        memcpy(&size, c->map.at + l->feature_sizes + f * sizeof(size), sizeof(size));
        if (size > h->feature_bytes - used)
            return broken(path, "a feature ends outside the features", err);
        fr_str gram = { (const char *)c->map.at + l->features + used, size };
        if (gram.n < 2 || (gram.at[0] != 'w' && gram.at[0] != 'c'))
            return broken(path, "a feature is of no known kind", err);
        c->is_char[f] = gram.at[0] == 'c';
        if (vocabulary_add(&c->features, gram) != f)
            return broken(path, "a feature stands in it twice", err);
        used += size;
    }
    return used == h->feature_bytes ? 0 : broken(path, "the features do not fill their part", err);
}

static bool all_finite(const float *x, size_t n)
{
    /* An exponent of all ones is infinite or no number; this form needs no branch. */
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof(bits));
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return bad == 0;
}

static int read_numbers(fr_classifier *c, const header *h, const layout *l, const char *path,
                        fr_err *err)
{
    c->idf = FR_NEW_N(float, h->n_features);
    c->bias = FR_NEW_N(float, l->stride);
    memcpy(c->idf, c->map.at + l->idf, h->n_features * sizeof(float));
    memcpy(c->bias, c->map.at + l->bias, l->stride * sizeof(float));
    c->weights = (const float *)(const void *)(c->map.at + l->weights);
    for (size_t f = 0; f < h->n_features; f++) {
        if (!(c->idf[f] > 0.0f))
            return broken(path, "a feature's weight is not positive", err);
    }
    if (!all_finite(c->idf, h->n_features) || !all_finite(c->bias, l->stride) ||
        !all_finite(c->weights, h->n_features * l->stride))
        return broken(path, "a number is not finite", err);
    return 0;
}

int fr_classifier_load(const char *path, fr_classifier **out, fr_err *err)
{
    *out = NULL;
    FR_AUTOPTR(fr_classifier) c = FR_NEW(fr_classifier);
    header h;
    FR_TRY(fr_map_open(path, &c->map, err));
    FR_TRY(read_header(&c->map, path, &h, err));
    layout l = layout_of(&h);
    c->n_labels = h.n_labels;
    c->stride = l.stride;
    c->l2 = h.l2;
    c->shape = (gram_shape){ (int)h.words_max, (int)h.chars_min, (int)h.chars_max };
    FR_TRY(read_labels(c, &h, &l, path, err));
    FR_TRY(read_features(c, &h, &l, path, err));
    FR_TRY(read_numbers(c, &h, &l, path, err));
    *out = c;
    c = NULL;
    return 0;
}
