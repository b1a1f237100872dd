/* endpoint_priv.h: shared between the files of src/endpoint only. */
#ifndef FR_ENDPOINT_PRIV_H
#define FR_ENDPOINT_PRIV_H

#include <jansson.h>
#include "endpoint/endpoint.h"

/** What a kind of endpoint does. score, count and context may be NULL: it cannot. */
typedef struct {
    bool local;
    int (*ask)(fr_endpoint *e, const fr_ask *asks, size_t n, fr_answer *answers,
               const fr_progress *progress, fr_err *err);
    int (*score)(fr_endpoint *e, fr_scored *items, size_t n, const fr_progress *progress,
                 fr_err *err);
    size_t (*count)(fr_endpoint *e, fr_str text);
    size_t (*context)(const fr_endpoint *e);
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
bool same_sampling(const fr_sampling *a, const fr_sampling *b);

#endif
