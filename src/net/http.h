/**
 * net/http.h: outgoing HTTP by libcurl, loaded at first use: timeouts, retries, offline switch.
 * FRUGAL_OFFLINE=1 refuses every call.
 */
#ifndef FR_NET_HTTP_H
#define FR_NET_HTTP_H

#include "base/buf.h"
#include "base/progress.h"

typedef struct {
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;
    const char *const *headers; /* NULL-terminated "Name: value" */
    fr_str body;
    double timeout_s;   /* 0: 60 */
    int retries;        /* on 429, 502, 503, 504 and lost connections, with back-off */
    size_t limit_bytes; /* 0: 64 MiB */
    const fr_progress *progress;
} fr_http_request;
typedef struct {
    int status;
    fr_buf body;
} fr_http_response;
/** FR_E_NETWORK names the URL (without query) and the reason; any HTTP status is a success here. */
int fr_http(const fr_http_request *request, fr_http_response *out, fr_err *err);
void fr_http_response_fini(fr_http_response *r);
FR_AUTO_DEFINE(fr_http_response);

#endif
