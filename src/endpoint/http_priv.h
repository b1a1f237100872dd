/* http_priv.h: a server that speaks OpenAI's API, for the files that ask it. */
#ifndef FR_ENDPOINT_HTTP_PRIV_H
#define FR_ENDPOINT_HTTP_PRIV_H

#include "endpoint/endpoint_priv.h"
#include "net/http.h"

typedef struct {
    fr_endpoint base;
    char *base_url;      /* without a slash at the end */
    char *authorization; /* NULL: no key */
    fr_http_client *client;
    bool chat;       /* /completions is not there */
    bool one_by_one; /* it takes no list of prompts */
} http_endpoint;

int http_post(http_endpoint *e, const char *path, json_t *body, fr_http_response *got,
              const fr_progress *progress, fr_err *err);
/** An error that says what the server says. */
int http_refused(const http_endpoint *e, const fr_http_response *got, fr_err *err);

int http_embed(fr_endpoint *e, const fr_str *texts, size_t n, fr_embeddings *out,
               const fr_progress *progress, fr_err *err);
int http_rank(fr_endpoint *e, fr_str query, const fr_str *passages, size_t n, double *scores,
              const fr_progress *progress, fr_err *err);

#endif
