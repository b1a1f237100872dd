/**
 * rag/vectors.h: the vectors of texts in one file, and the nearest of them to a question's.
 *
 *     fr_vectors_spec spec = { .dim = 384, .metric = FR_METRIC_COSINE, .model = "minilm",
 *                              .model_hash = hash, .pooling = "mean" };
 *     FR_TRY(fr_vectors_open("docs.vectors", &spec, FR_VECTORS_WRITE, &v, err));
 *     FR_TRY(fr_vectors_add(v, ids, rows, n, err));
 *     FR_TRY(fr_vectors_commit(v, pool, err));                 on the disk from here
 *     FR_TRY(fr_vectors_search(v, question, 1, 10, NULL, NULL, hits, &found, err));
 *
 * Small sets are searched exactly. From FR_VECTORS_LISTS_FROM on (codes AUTO) they are cut into
 * lists around centres; a list is read where its best may be among the best, signs of rotated
 * residuals bound each member's score (Gao and Long 2024, arXiv:2405.12497), whole-number codes
 * narrow the bound, and what is left is scored in floats. How far to look is measured on the set
 * itself when it is built. Scores are always those of the floats, ties go to the smaller id, and
 * nothing depends on threads or processor.
 *
 * Threads: searches of one object may run at once; nothing else may meanwhile. A file has one
 * writer at a time (FR_E_BUSY) and any number of readers, who see it as it was when they opened it.
 */
#ifndef FR_RAG_VECTORS_H
#define FR_RAG_VECTORS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/pool.h"

typedef struct fr_vectors fr_vectors;

typedef enum {
    FR_METRIC_NONE,
    FR_METRIC_COSINE, /* vectors are brought to length 1; score = cosine */
    FR_METRIC_DOT,    /* score = product */
    FR_METRIC_L2      /* score = −|a − b|² */
} fr_metric_kind;
typedef enum {
    FR_CODES_NONE,   /* nobody said: AUTO */
    FR_CODES_AUTO,   /* floats while few, then lists with sign and whole-number codes */
    FR_CODES_F32,    /* floats, every one of them, always */
    FR_CODES_INT8,   /* all whole-number codes (8 bits a number), the best again in floats */
    FR_CODES_BINARY, /* all sign codes (1 bit a number), the best again in floats */
    FR_CODES_COUNT
} fr_codes;
/** "auto", "f32", "int8", "binary"; NONE when it is none of them. */
fr_codes fr_codes_find(fr_str name);
const char *fr_codes_name(fr_codes codes);
const char *fr_metric_kind_name(fr_metric_kind metric);

enum {
    FR_VECTORS_DIM_MAX = 4096,
    FR_VECTORS_LISTS_FROM = 20000, /* vectors from which lists pay: docs/decisions/0072 */
    FR_VECTORS_SAMPLE = 200        /* questions by which a set is tried when it is built */
};

/** Texts are borrowed for the call that takes them; each may have up to 255 bytes. */
typedef struct {
    size_t dim; /* 1…FR_VECTORS_DIM_MAX */
    fr_metric_kind metric;
    fr_codes codes;
    const char *model, *model_hash;    /* what the vectors are of; an index of another is refused */
    const char *pooling;               /* "mean", "cls", "last" */
    const char *normalization;         /* "l2", "none" */
    const char *prefix, *query_prefix; /* before each text, each question, as some models want */
} fr_vectors_spec;

#define FR_VECTORS_READ  0
#define FR_VECTORS_WRITE 1

/** In memory only. Errors: FR_E_USAGE for a dimension or metric that cannot be. */
int fr_vectors_new(const fr_vectors_spec *spec, fr_vectors **out, fr_err *err);
/**
 * A file, mapped. WRITE makes an empty one when there is none (spec is needed then) and keeps other
 * writers out until free.
 *
 * spec    NULL: whatever it was built with. Else what is stated there must be what the file was
 *         built with: FR_E_UNSUPPORTED names both.
 * Errors  FR_E_NOT_FOUND; FR_E_FORMAT; FR_E_UNSUPPORTED: another version too; FR_E_BUSY.
 */
int fr_vectors_open(const char *path, const fr_vectors_spec *spec, int how, fr_vectors **out,
                    fr_err *err);
void fr_vectors_free(fr_vectors *v); /* what was not committed is gone */
FR_AUTOPTR_DEFINE(fr_vectors);

/** What it was built with; texts are borrowed until free. */
fr_vectors_spec fr_vectors_built_with(const fr_vectors *v);
size_t fr_vectors_n(const fr_vectors *v);
/** Lists that it is cut into; 0: searched one after the other. */
size_t fr_vectors_n_lists(const fr_vectors *v);
bool fr_vectors_has(const fr_vectors *v, int64_t id);
/** The vector as it is kept: to [dim]. False when there is none. */
bool fr_vectors_get(const fr_vectors *v, int64_t id, float *to);
/** Every id, rising: owned, free(). */
int64_t *fr_vectors_ids(const fr_vectors *v, size_t *n);

/**
 * Adds rows; an id that is there already gets the new one.
 *
 * rows    [n][dim] f32.
 * Errors  FR_E_USAGE names the first id whose row has a NaN, an infinity or (cosine) only zeros:
 *         then none is added.
 */
int fr_vectors_add(fr_vectors *v, const int64_t *ids, const float *rows, size_t n, fr_err *err);
/** Returns how many of them were there. */
size_t fr_vectors_remove(fr_vectors *v, const int64_t *ids, size_t n);
/**
 * Brings lists and codes up to date. Called by commit when enough has changed; by hand before the
 * searches of a set in memory.
 *
 * Errors  FR_E_UNSUPPORTED: with whole-number codes a sample loses more than half a point of
 *         recall@10 (outlier dimensions do that): choose other codes.
 */
int fr_vectors_build(fr_vectors *v, fr_pool *pool, fr_err *err);
/** Appends what has changed and waits for the disk, or, when that is much, writes the file anew
 * under a temporary name. Whole or not at all, whenever the program is killed. */
int fr_vectors_commit(fr_vectors *v, fr_pool *pool, fr_err *err);
/** Another file with all of it. */
int fr_vectors_save(fr_vectors *v, const char *path, fr_pool *pool, fr_err *err);

typedef struct {
    int64_t id;
    float score; /* higher is better */
} fr_vector_hit;
typedef struct {
    bool (*keep)(void *user, int64_t id); /* NULL: all; a pure function of the id */
    void *user;
    bool exact; /* all of them, in floats */
} fr_vectors_options;
/**
 * The k nearest of each question; as many as there are, whatever the filter.
 *
 * questions  [n][dim] f32.
 * hits       [n][k], best first.   found  [n].
 * Errors     FR_E_USAGE: a question with a NaN, an infinity or (cosine) only zeros.
 */
int fr_vectors_search(const fr_vectors *v, const float *questions, size_t n, size_t k,
                      const fr_vectors_options *options, fr_pool *pool, fr_vector_hit *hits,
                      size_t *found, fr_err *err);

#endif
