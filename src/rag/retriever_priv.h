/* retriever_priv.h: what a kind of store is, and what they share. */
#ifndef FR_RAG_RETRIEVER_PRIV_H
#define FR_RAG_RETRIEVER_PRIV_H

#include <jansson.h>
#include "net/http.h"
#include "net/sigv4.h"
#include "rag/retriever.h"

typedef struct {
    const char *name;
    int (*add)(fr_retriever *r, const fr_passage *passages, size_t n, const fr_progress *progress,
               fr_err *err); /* NULL: it takes none */
    int (*remove)(fr_retriever *r, const fr_str *ids, size_t n, fr_err *err);
    int (*search)(fr_retriever *r, const fr_question *question, fr_hits *out, fr_err *err);
    void (*close)(fr_retriever *r);
} retriever_kind;

struct fr_retriever {
    const retriever_kind *kind;
    char *name;
    fr_retriever_options options; /* with defaults filled in; texts owned */
};

int retriever_open_file(const char *path, fr_retriever **out, fr_err *err);
int retriever_open_postgres(const char *url, const fr_retriever_options *o, fr_retriever **out,
                            fr_err *err);
int retriever_open_opensearch(const char *url, const fr_retriever_options *o, fr_retriever **out,
                              fr_err *err);
int retriever_open_kendra(const char *url, const fr_retriever_options *o, fr_retriever **out,
                          fr_err *err);

/** POST (or method) of a body, signed when `aws` is not NULL. Sleeps and tries again as options
 * say. */
typedef struct {
    const char *method, *url, *content_type;
    const char *target;        /* X-Amz-Target, or NULL */
    const char *authorization; /* a whole header line, or NULL */
    const fr_aws *aws;
    fr_str body;
    bool once; /* no second try */
} store_request;
int store_exchange(const fr_retriever *r, fr_http_client *client, const store_request *request,
                   fr_http_response *out, fr_err *err);
/** Keys out of the environment; region owned: the one that the address states, else AWS_REGION. */
int aws_keys(const char *service, char *region, fr_aws *out, fr_err *err);
/** A text of any bytes as JSON; bytes that are not UTF-8 become U+FFFD. */
json_t *json_text(fr_str text);
/** Hits of two rankings as one, by reciprocal rank; takes what is in both. */
void hits_fuse(fr_hits *a, fr_hits *b, size_t k, fr_hits *out);

#endif
