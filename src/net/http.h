/**
 * net/http.h: outgoing HTTP by libcurl, loaded at first use: timeouts, retries, offline switch.
 *
 *     fr_http_response got = { 0 };
 *     FR_TRY(fr_http(&(fr_http_request){ .url = "https://example.org/v1/zones" }, &got, err));
 *     if (got.status == 200) …got.body…
 *     fr_http_response_fini(&got);
 *
 * FRUGAL_OFFLINE=1 refuses every call. Errors name the URL without user, query and fragment, so
 * that no key reaches a log. Only http and https; HTTP_PROXY and the like are libcurl's. Any number
 * of threads.
 */
#ifndef FR_NET_HTTP_H
#define FR_NET_HTTP_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/progress.h"

/** Keeps connections between calls (one thread at a time). */
typedef struct fr_http_client fr_http_client;
int fr_http_client_new(fr_http_client **out, fr_err *err);
void fr_http_client_free(fr_http_client *client);
FR_AUTOPTR_DEFINE(fr_http_client);

typedef struct {
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;
    const char *const *headers; /* NULL-terminated "Name: value" */
    fr_str body;
    double timeout_s;   /* of one try; 0: 60 */
    int retries;        /* on 429, 5xx but 501, and lost connections, with back-off from 0.5 s on
                           (or as Retry-After says, up to 30 s); 0: none */
    double backoff_s;   /* 0: 0.5; doubled each time */
    size_t limit_bytes; /* 0: 64 MiB */
    const fr_progress *progress; /* of the bytes received; may stop it */
    fr_http_client *client;      /* NULL: a connection of its own */
} fr_http_request;
typedef struct {
    int status;
    fr_buf body;
    int tries;
} fr_http_response;
/**
 * Any HTTP status is a success here; a GET follows up to five redirects, anything else none.
 *
 * Errors  FR_E_NETWORK names the URL and the reason; FR_E_LIMIT time or size; FR_E_INTERRUPTED;
 *         FR_E_USAGE no URL; FR_E_UNSUPPORTED no libcurl.
 */
int fr_http(const fr_http_request *request, fr_http_response *out, fr_err *err);
void fr_http_response_fini(fr_http_response *r);
FR_AUTO_DEFINE(fr_http_response);

/** FRUGAL_OFFLINE is set, and not to 0. */
bool fr_net_is_offline(void);
/** The URL without user, password, query and fragment. Appended to out. */
void fr_url_bare(const char *url, fr_buf *out);

#endif
