/* vectors_priv.h: shared between the files of vectors.h only. */
#ifndef FR_RAG_VECTORS_PRIV_H
#define FR_RAG_VECTORS_PRIV_H

#include "base/file.h"
#include "rag/vectors.h"

/*
 * An image: what the file begins with and what is built in memory, byte for byte. Little-endian;
 * every part begins at a multiple of 64 bytes; rows are ordered by list.
 *
 *   head      image_head, 4096 bytes
 *   FLOATS    f32 [n][dim]          as searched: of length 1 with the cosine
 *   IDS       i64 [n]
 *   ORDER     u32 [n]               rows by rising id
 *   CENTRES   f32 [n_lists + 1][dim]  \  the last one is the mean m of all
 *   FIRST     u32 [n_lists + 1]       |  first row of each list, with lists or codes
 *   SPREAD    f32 [n_lists]           |  root mean square of |row − centre|
 *   SQUARE    f32 [n_lists]           /  |centre|²
 *   SIGNS     blocks of 64 rows as kernels/similar.h has them  \
 *   FACTOR    f32 [n] f                                        |  with sign codes
 *   OFFSET    f32 [n] g                                        |
 *   DOUBT     f32 [n] e                                        /
 *   CODES     i8 [n][turned]  \  with whole-number codes;
 *   SCALE     f32 [n]         |  turned = dim rounded up to 32
 *   SHIFT     f32 [n] h       /
 *
 * Let y = question − centre, z = question − m, r = row − centre, all of them turned (a rotation),
 * s the signs of r and t its codes. A row's score is about base + f·(s·z) + g, with standard error
 * |y|·e; or, closer, base + SCALE·(t·z) + h:
 *   cosine, dot  base = q·c    f = |r|²/Σ|r_i|   g = c·r − f·s·(c−m)    h = m·r
 *   l2           base = −|y|²  f = 2|r|²/Σ|r_i|  g = −|r|² − f·s·(c−m)  h = −2(c−m)·r − |r|²
 */
enum {
    PART_FLOATS,
    PART_IDS,
    PART_ORDER,
    PART_CENTRES,
    PART_FIRST,
    PART_SPREAD,
    PART_SQUARE,
    PART_SIGNS,
    PART_FACTOR,
    PART_OFFSET,
    PART_DOUBT,
    PART_CODES,
    PART_SCALE,
    PART_SHIFT,
    N_PARTS
};

#define IMAGE_MAGIC   "frugalV\n"
#define IMAGE_VERSION 1
#define IMAGE_ENDIAN  0x01020304u
enum { HEAD_BYTES = 4096, TEXT_BYTES = 256, TURN_SEED = 72 };

typedef struct {
    char magic[8];
    uint32_t version, endian;
    uint32_t dim, turned, metric, codes;
    uint64_t n, n_lists;
    uint32_t has_signs, has_codes;
    float reach;            /* spreads above its centre that a list's best may lie */
    float slack;            /* standard errors above its estimate that a row's score may lie */
    uint64_t bytes;         /* of the image: where the journal begins */
    uint64_t part[N_PARTS]; /* where it begins; 0: not there */
    char model[TEXT_BYTES], model_hash[TEXT_BYTES], pooling[TEXT_BYTES], normalization[TEXT_BYTES],
        prefix[TEXT_BYTES], query_prefix[TEXT_BYTES];
    uint64_t check; /* fr_hash64 of all above */
} image_head;

/** An image as it is read; pointers into it, NULL where a part is not there. */
typedef struct {
    const image_head *head;
    const float *floats, *centres, *spread, *square, *factor, *offset, *doubt, *scale, *shift;
    const int64_t *ids;
    const uint32_t *order, *first;
    const uint8_t *signs;
    const int8_t *codes;
} image;

/** Where the parts of such an image lie: fills head->part and head->bytes. False: too large. */
bool image_place(image_head *head);
void image_seal(image_head *head);
/** Checks a head and everything that a search would follow; name is for errors. */
int image_read(const uint8_t *at, size_t n, const char *name, image *out, fr_err *err);
image image_of(const uint8_t *at); /* of one that is known to be right */

/** Rows that are in no image yet, and what was taken away: linear and small. */
typedef struct {
    int64_t *ids;
    float *rows; /* [n][dim] */
    size_t n, cap;
} tail;

struct fr_vectors {
    fr_vectors_spec spec; /* texts point into head */
    image_head head;      /* of a set without image: what one will have */
    image base;           /* head NULL: none */
    uint8_t *built;       /* owns the image, or */
    fr_map map;           /* the file does */
    uint64_t *dead;       /* a bit a row of base; NULL: none */
    size_t n_dead;
    tail tail;
    fr_buf journal;       /* not on the disk yet */
    size_t journal_bytes; /* on the disk */
    char *path;           /* NULL: in memory */
    int lock;             /* the file, locked; −1 */
};

static inline bool row_is_dead(const fr_vectors *v, size_t row)
{
    return v->dead != NULL && (v->dead[row / 64] >> (row % 64) & 1) != 0;
}
static inline size_t base_n(const fr_vectors *v)
{
    return v->base.head != NULL ? (size_t)v->base.head->n : 0;
}

/** In place: a rotation that is the same for every set of a dimension. x [turned], zero beyond dim.
 */
void turn(float *x, size_t turned);
static inline size_t turned_dim(size_t dim)
{
    return (dim + 31) / 32 * 32;
}

/** row of base with an id, or SIZE_MAX. */
size_t base_row(const fr_vectors *v, int64_t id);
/** Adds or takes away in memory; rows are right already (of length 1). */
void put_row(fr_vectors *v, int64_t id, const float *row);
bool drop_row(fr_vectors *v, int64_t id);
/** What a row becomes before it is kept or asked; a reason why it cannot be, or NULL. */
const char *make_fit(float *row, size_t dim, fr_metric_kind metric);

/* --- journal ---------------------------------------------------------------------------------- */

void journal_put_add(fr_buf *out, int64_t id, const float *row, size_t dim);
void journal_put_drop(fr_buf *out, int64_t id);
/** Applies whole records and tells where they end; what follows was never acknowledged. */
size_t journal_read(fr_vectors *v, const uint8_t *at, size_t n);

/** A search of one question that is fit already; tells how many rows were scored in floats. */
void search_counting(const fr_vectors *v, const float *question, size_t k,
                     const fr_vectors_options *options, fr_vector_hit *hits, size_t *found,
                     size_t *n_floats);
/** What a search knows of a row before it sees its floats: the bound of its list is list_base +
 * reach · list_width, its own row_estimate + slack · row_width. */
typedef struct {
    float list_base, list_width, row_estimate, row_width;
} estimate;
void estimate_rows(const fr_vectors *v, const float *question, const size_t *rows, size_t n,
                   estimate *out);
size_t list_of(const image *base, size_t row);

/** Anew from all that is alive, sorted into lists, with codes; owned. */
int image_build(const fr_vectors *v, fr_pool *pool, uint8_t **out, fr_err *err);

#endif
