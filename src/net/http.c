#include "net/http.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/curl_door.h"

#define TIMEOUT_S         60.0
#define CONNECT_TIMEOUT_S 15.0
#define BACKOFF_S         0.5
#define BACKOFF_MAX_S     30.0
#define LIMIT_BYTES       ((size_t)64 << 20)
#define REDIRECTS_MAX     5
#define LOOK_AROUND_NS    50000000 /* while waiting to try again: whether to stop */

struct fr_http_client {
    void *curl;
};

/* One try. */
typedef struct {
    const fr_http_request *request;
    fr_http_response *out;
    size_t limit_bytes;
    bool too_large;
    double retry_after_s; /* NAN: the server did not say */
} exchange;

bool fr_net_is_offline(void)
{
    const char *said = getenv("FRUGAL_OFFLINE");
    return said != NULL && said[0] != '\0' && strcmp(said, "0") != 0;
}

void fr_url_bare(const char *url, fr_buf *out)
{
    size_t end = strcspn(url, "?#"), host = 0;
    const char *scheme = strstr(url, "://");
    if (scheme != NULL && (size_t)(scheme - url) < end)
        host = (size_t)(scheme - url) + 3;
    size_t path = host + strcspn(url + host, "/?#");
    size_t user_end = host;
    for (size_t i = host; i < path; i++) {
        if (url[i] == '@')
            user_end = i + 1;
    }
    fr_buf_put(out, url, host);
    fr_buf_put(out, url + user_end, end - user_end);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    exchange *x = user;
    n *= size;
    if (x->out->body.n + n > x->limit_bytes) {
        x->too_large = true;
        return 0; /* libcurl ends the transfer */
    }
    fr_buf_put(&x->out->body, bytes, n);
    return n;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *user)
{
    static const char NAME[] = "retry-after:";
    exchange *x = user;
    n *= size;
    if (n > sizeof(NAME) - 1 && strncasecmp(bytes, NAME, sizeof(NAME) - 1) == 0) {
        fr_str value = fr_str_trim((fr_str){ bytes + sizeof(NAME) - 1, n - (sizeof(NAME) - 1) });
        double seconds;
        if (fr_str_to_f64(value, &seconds) && seconds >= 0.0)
            x->retry_after_s = seconds;
    }
    return n;
}

static int on_progress(void *user, int64_t down_total, int64_t down, int64_t up_total, int64_t up)
{
    exchange *x = user;
    (void)up_total;
    (void)up;
    if (down > 0)
        fr_progress_step(x->request->progress, "download", (double)down, (double)down_total,
                         "bytes", NULL);
    return fr_progress_stopped(x->request->progress);
}

int fr_http_client_new(fr_http_client **out, fr_err *err)
{
    const curl_door *door;
    *out = NULL;
    FR_TRY(curl_door_open(&door, err));
    fr_http_client *client = FR_NEW(fr_http_client);
    client->curl = door->easy_init();
    if (client->curl == NULL) {
        free(client);
        return fr_fail(err, FR_E_NO_MEMORY, NULL, "libcurl gave no handle");
    }
    *out = client;
    return 0;
}

void fr_http_client_free(fr_http_client *client)
{
    const curl_door *door;
    if (client == NULL)
        return;
    if (curl_door_open(&door, NULL) == 0)
        door->easy_cleanup(client->curl);
    free(client);
}

void fr_http_response_fini(fr_http_response *r)
{
    fr_buf_fini(&r->body);
    *r = (fr_http_response){ 0 };
}

static void set_options(const curl_door *door, void *curl, exchange *x, char *why,
                        struct curl_slist *headers)
{
    const fr_http_request *r = x->request;
    double timeout_s = r->timeout_s > 0.0 ? r->timeout_s : TIMEOUT_S;
    bool sends = r->body.n > 0 || (r->method != NULL && strcmp(r->method, "GET") != 0);
    door->easy_reset(curl); /* options go, connections stay */
    door->easy_setopt(curl, OPT_URL, r->url);
    door->easy_setopt(curl, OPT_PROTOCOLS, (long)PROTOCOLS_HTTP_HTTPS);
    door->easy_setopt(curl, OPT_NOSIGNAL, 1L);
    door->easy_setopt(curl, OPT_USERAGENT, "frugal/" FR_VERSION);
    door->easy_setopt(curl, OPT_ACCEPT_ENCODING, "");
    door->easy_setopt(curl, OPT_ERRORBUFFER, why);
    door->easy_setopt(curl, OPT_TIMEOUT_MS, (long)ceil(timeout_s * 1e3));
    door->easy_setopt(curl, OPT_CONNECTTIMEOUT_MS,
                      (long)ceil(FR_MIN(timeout_s, CONNECT_TIMEOUT_S) * 1e3));
    door->easy_setopt(curl, OPT_FOLLOWLOCATION, sends ? 0L : 1L);
    door->easy_setopt(curl, OPT_MAXREDIRS, (long)REDIRECTS_MAX);
    door->easy_setopt(curl, OPT_WRITEFUNCTION, on_body);
    door->easy_setopt(curl, OPT_WRITEDATA, x);
    door->easy_setopt(curl, OPT_HEADERFUNCTION, on_header);
    door->easy_setopt(curl, OPT_HEADERDATA, x);
    door->easy_setopt(curl, OPT_XFERINFOFUNCTION, on_progress);
    door->easy_setopt(curl, OPT_XFERINFODATA, x);
    door->easy_setopt(curl, OPT_NOPROGRESS, r->progress != NULL ? 0L : 1L);
    door->easy_setopt(curl, OPT_HTTPHEADER, headers);
    if (r->body.n > 0) {
        door->easy_setopt(curl, OPT_POSTFIELDSIZE_LARGE, (int64_t)r->body.n);
        door->easy_setopt(curl, OPT_POSTFIELDS, r->body.at);
    }
    if (r->method != NULL)
        door->easy_setopt(curl, OPT_CUSTOMREQUEST, r->method);
}

static struct curl_slist *headers_of(const curl_door *door, const fr_http_request *r)
{
    /* no waiting for "100 Continue" */
    struct curl_slist *list = door->slist_append(NULL, "Expect:");
    for (size_t i = 0; r->headers != NULL && r->headers[i] != NULL; i++)
        list = door->slist_append(list, r->headers[i]);
    return list;
}

static int transfer_fail(const exchange *x, int code, const char *why, const char *otherwise,
                         fr_err *err)
{
    FR_AUTO(fr_buf) url = { 0 };
    fr_url_bare(x->request->url, &url);
    if (x->too_large)
        return fr_fail(err, FR_E_LIMIT, NULL, "%s answered with more than %zu bytes",
                       fr_buf_text(&url), x->limit_bytes);
    if (code == CURL_ABORTED)
        return fr_fail(err, FR_E_INTERRUPTED, NULL, "the request to %s was stopped",
                       fr_buf_text(&url));
    if (code == CURL_TIMED_OUT)
        return fr_fail(err, FR_E_LIMIT, "Is the server busy or gone? A longer time limit may help.",
                       "%s did not answer in %g s", fr_buf_text(&url),
                       x->request->timeout_s > 0.0 ? x->request->timeout_s : TIMEOUT_S);
    return fr_fail(err, FR_E_NETWORK, "Check the address, the server and the network.", "%s: %s",
                   fr_buf_text(&url), why[0] != '\0' ? why : otherwise);
}

static bool is_lost(int code)
{
    return code == CURL_NO_CONNECT || code == CURL_GOT_NOTHING || code == CURL_SEND_ERROR ||
           code == CURL_RECV_ERROR;
}

static bool is_passing(int status)
{
    return status == 429 || (status >= 500 && status <= 599 && status != 501);
}

/* Sleeps before the next try; FR_E_INTERRUPTED when told to stop meanwhile. */
static int wait_for(double seconds, const fr_progress *progress, fr_err *err)
{
    int64_t until_ns = fr_now_monotonic_ns() + (int64_t)(seconds * 1e9);
    for (;;) {
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "the request was stopped");
        int64_t left_ns = until_ns - fr_now_monotonic_ns();
        if (left_ns <= 0)
            return 0;
        fr_sleep_ns(progress != NULL ? FR_MIN(left_ns, (int64_t)LOOK_AROUND_NS) : left_ns);
    }
}

static int exchange_all(const curl_door *door, void *curl, exchange *x, struct curl_slist *headers,
                        fr_err *err)
{
    const fr_http_request *r = x->request;
    double backoff_s = r->backoff_s > 0.0 ? r->backoff_s : BACKOFF_S;
    char why[ERROR_TEXT_BYTES];
    for (;; backoff_s *= 2.0) {
        why[0] = '\0';
        x->retry_after_s = NAN;
        fr_buf_clear(&x->out->body);
        set_options(door, curl, x, why, headers);
        int code = door->easy_perform(curl);
        x->out->tries++;
        long status = 0;
        door->easy_getinfo(curl, INFO_RESPONSE_CODE, &status);
        x->out->status = (int)status;
        bool passing =
            code == CURL_OK ? is_passing(x->out->status) : is_lost(code) && !x->too_large;
        if (!passing || x->out->tries > r->retries)
            return code == CURL_OK ? 0
                                   : transfer_fail(x, code, why, door->easy_strerror(code), err);
        double pause_s = isnan(x->retry_after_s) ? backoff_s : x->retry_after_s;
        FR_TRY(wait_for(FR_MIN(pause_s, BACKOFF_MAX_S), r->progress, err));
    }
}

int fr_http(const fr_http_request *r, fr_http_response *out, fr_err *err)
{
    *out = (fr_http_response){ 0 };
    if (r->url == NULL || r->url[0] == '\0')
        return fr_fail(err, FR_E_USAGE, NULL, "a request needs a URL");
    if (fr_net_is_offline()) {
        FR_AUTO(fr_buf) url = { 0 };
        fr_url_bare(r->url, &url);
        return fr_fail(err, FR_E_NETWORK, "Unset FRUGAL_OFFLINE to let frugal use the network.",
                       "%s was not asked: FRUGAL_OFFLINE is set", fr_buf_text(&url));
    }
    const curl_door *door;
    FR_TRY(curl_door_open(&door, err));
    FR_AUTOPTR(fr_http_client) own = NULL;
    if (r->client == NULL)
        FR_TRY(fr_http_client_new(&own, err));
    exchange x = { .request = r,
                   .out = out,
                   .limit_bytes = r->limit_bytes != 0 ? r->limit_bytes : LIMIT_BYTES };
    struct curl_slist *headers = headers_of(door, r);
    int rc = exchange_all(door, own != NULL ? own->curl : r->client->curl, &x, headers, err);
    door->slist_free_all(headers);
    if (rc != 0)
        fr_http_response_fini(out);
    return rc;
}
