/* endpoint_priv.h: shared between the files of src/endpoint only. */
#ifndef FR_ENDPOINT_PRIV_H
#define FR_ENDPOINT_PRIV_H

#include <jansson.h>
#include "endpoint/endpoint.h"

/** What a kind of endpoint does. What is NULL it cannot. */
typedef struct {
    bool local;
    int (*ask)(fr_endpoint *e, const fr_ask *asks, size_t n, fr_answer *answers,
               const fr_progress *progress, fr_err *err);
    int (*score)(fr_endpoint *e, fr_scored *items, size_t n, const fr_progress *progress,
                 fr_err *err);
    size_t (*count)(fr_endpoint *e, fr_str text);
    size_t (*context)(const fr_endpoint *e);
    /** out->dim is 0 until the first call knows it; room for n rows is made by the kind. */
    int (*embed)(fr_endpoint *e, const fr_str *texts, size_t n, fr_embeddings *out,
                 const fr_progress *progress, fr_err *err);
    int (*rank)(fr_endpoint *e, fr_str query, const fr_str *passages, size_t n, double *scores,
                const fr_progress *progress, fr_err *err);
    int (*mark)(fr_endpoint *e, fr_buf *out, fr_err *err); /* NULL: its name */
    void (*free)(fr_endpoint *e); /* of what the kind holds; not e itself */
} endpoint_kind;

/** The first member of each kind's own struct. */
struct fr_endpoint {
    const endpoint_kind *kind;
    char *name;
};

/** Adds a text; bytes that are no UTF-8 become U+FFFD. */
void json_put_text(json_t *object, const char *key, fr_str text);
/** Adds the keys of OpenAI's requests: max_tokens, temperature, top_p, seed, stop. */
void json_put_sampling(json_t *object, const fr_sampling *s);
/** A number of tokens, or 0. */
size_t json_tokens(const json_t *object, const char *key);
/** Row `at` out of a JSON list of numbers; makes room when it is the first. False: it is no such
 * list, or of another length than the others. */
bool json_read_row(const json_t *list, fr_embeddings *out, size_t at);
bool same_sampling(const fr_sampling *a, const fr_sampling *b);

#endif
