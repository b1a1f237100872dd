/* vectors_image.c: where the parts of an image lie, and whether bytes are one. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "kernels/similar.h"
#include "rag/vectors_priv.h"

_Static_assert(sizeof(image_head) <= HEAD_BYTES, "the head has its page");

static uint64_t part_bytes(const image_head *h, int part)
{
    uint64_t n = h->n, lists = h->n_lists;
    bool listed = lists > 0, signs = h->has_signs != 0, codes = h->has_codes != 0;
    switch (part) {
    case PART_FLOATS:
        return n * h->dim * sizeof(float);
    case PART_IDS:
        return n * sizeof(int64_t);
    case PART_ORDER:
        return n * sizeof(uint32_t);
    case PART_CENTRES:
        return listed ? (lists + 1) * h->dim * sizeof(float) : 0;
    case PART_FIRST:
        return listed ? (lists + 1) * sizeof(uint32_t) : 0;
    case PART_SPREAD:
    case PART_SQUARE:
        return lists * sizeof(float);
    case PART_SIGNS:
        return signs ? (n + FR_SIMILAR_BLOCK - 1) / FR_SIMILAR_BLOCK * FR_SIMILAR_BLOCK *
                           (h->turned / 8)
                     : 0;
    case PART_FACTOR:
    case PART_OFFSET:
    case PART_DOUBT:
        return signs ? n * sizeof(float) : 0;
    case PART_CODES:
        return codes ? n * h->turned : 0;
    default: /* PART_SCALE, PART_SHIFT */
        return codes ? n * sizeof(float) : 0;
    }
}

bool image_place(image_head *h)
{
    /* no product of these can leave 64 bits */
    if (h->n > UINT32_MAX / 2 || h->n_lists > h->n + 1 || h->dim > FR_VECTORS_DIM_MAX)
        return false;
    uint64_t at = HEAD_BYTES;
    for (int p = 0; p < N_PARTS; p++) {
        uint64_t bytes = part_bytes(h, p);
        h->part[p] = bytes > 0 ? at : 0;
        at += (bytes + 63) / 64 * 64;
    }
    h->bytes = at;
    return true;
}

void image_seal(image_head *h)
{
    memcpy(h->magic, IMAGE_MAGIC, sizeof(h->magic));
    h->version = IMAGE_VERSION;
    h->endian = IMAGE_ENDIAN;
    h->check = fr_hash64(h, offsetof(image_head, check), IMAGE_VERSION);
}

static const void *part_at(const uint8_t *at, const image_head *h, int part)
{
    return h->part[part] != 0 ? at + h->part[part] : NULL;
}

image image_of(const uint8_t *at)
{
    const image_head *h = (const void *)at;
    return (image){ .head = h,
                    .floats = part_at(at, h, PART_FLOATS),
                    .centres = part_at(at, h, PART_CENTRES),
                    .spread = part_at(at, h, PART_SPREAD),
                    .square = part_at(at, h, PART_SQUARE),
                    .factor = part_at(at, h, PART_FACTOR),
                    .offset = part_at(at, h, PART_OFFSET),
                    .doubt = part_at(at, h, PART_DOUBT),
                    .scale = part_at(at, h, PART_SCALE),
                    .shift = part_at(at, h, PART_SHIFT),
                    .ids = part_at(at, h, PART_IDS),
                    .order = part_at(at, h, PART_ORDER),
                    .first = part_at(at, h, PART_FIRST),
                    .signs = part_at(at, h, PART_SIGNS),
                    .codes = part_at(at, h, PART_CODES) };
}

static bool text_ends(const char *text)
{
    return memchr(text, '\0', TEXT_BYTES) != NULL;
}

static bool head_makes_sense(const image_head *h)
{
    return h->dim >= 1 && h->dim <= FR_VECTORS_DIM_MAX && h->turned == turned_dim(h->dim) &&
           h->metric > FR_METRIC_NONE && h->metric <= FR_METRIC_L2 && h->codes > FR_CODES_NONE &&
           h->codes < FR_CODES_COUNT && h->has_signs <= 1 && h->has_codes <= 1 &&
           (h->n_lists > 0) == (h->has_signs + h->has_codes > 0) && isfinite(h->reach) &&
           isfinite(h->slack) && text_ends(h->model) && text_ends(h->model_hash) &&
           text_ends(h->pooling) && text_ends(h->normalization) && text_ends(h->prefix) &&
           text_ends(h->query_prefix);
}

static bool lists_make_sense(const image *i)
{
    size_t n_lists = (size_t)i->head->n_lists;
    if (n_lists == 0)
        return true;
    for (size_t l = 0; l < n_lists; l++) {
        if (i->first[l] > i->first[l + 1])
            return false;
    }
    return i->first[0] == 0 && i->first[n_lists] == i->head->n;
}

int image_read(const uint8_t *at, size_t n, const char *name, image *out, fr_err *err)
{
    static const char again[] = "Build the index again.";
    *out = (image){ 0 };
    if (n < HEAD_BYTES || memcmp(at, IMAGE_MAGIC, 8) != 0)
        return fr_fail(err, FR_E_FORMAT, "Name a file that frugal made.",
                       "'%s' is no file of vectors", name);
    const image_head *h = (const void *)at;
    if (h->endian != IMAGE_ENDIAN)
        return fr_fail(err, FR_E_UNSUPPORTED, again,
                       "'%s' was made on a processor of another byte order", name);
    if (h->version != IMAGE_VERSION)
        return fr_fail(err, FR_E_UNSUPPORTED, again,
                       "'%s' has version %u of our vector files, this frugal reads version %d",
                       name, h->version, IMAGE_VERSION);
    image_head placed = *h;
    if (h->check != fr_hash64(h, offsetof(image_head, check), IMAGE_VERSION) ||
        !head_makes_sense(h) || !image_place(&placed) || placed.bytes != h->bytes ||
        memcmp(placed.part, h->part, sizeof(placed.part)) != 0)
        return fr_fail(err, FR_E_FORMAT, again, "the head of '%s' is damaged", name);
    if (h->bytes > n)
        return fr_fail(err, FR_E_FORMAT, again,
                       "'%s' is cut short: %zu bytes are there, its head tells of %llu", name, n,
                       (unsigned long long)h->bytes);
    image found = image_of(at);
    if (!lists_make_sense(&found))
        return fr_fail(err, FR_E_FORMAT, again, "the lists of '%s' are damaged", name);
    *out = found;
    return 0;
}
