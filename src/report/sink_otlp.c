/*
 * A collector by OTLP/HTTP. OTEL_EXPORTER_OTLP_HEADERS (name=value,name=value, values
 * percent-encoded) carries keys, as in every OpenTelemetry exporter.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/http.h"
#include "report/sink_priv.h"

#define HEADERS_MOST 16

typedef struct {
    char *url, *shown;
    char host[256];
    double timeout_s;
    char *headers[HEADERS_MOST + 2]; /* NULL-terminated */
    fr_http_client *client;
} collector;

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* "name=value" to "name: value". Owned; NULL: it is none. */
static char *header_of(fr_str pair)
{
    fr_str name;
    FR_AUTO(fr_buf) out = { 0 };
    if (!fr_str_next(&pair, '=', &name) || fr_str_trim(name).n == 0)
        return NULL;
    fr_str value = fr_str_trim(pair);
    fr_buf_put_str(&out, fr_str_trim(name));
    fr_buf_put_s(&out, ": ");
    for (size_t i = 0; i < value.n; i++) {
        bool coded = value.at[i] == '%' && i + 2 < value.n && hex_digit(value.at[i + 1]) >= 0 &&
                     hex_digit(value.at[i + 2]) >= 0;
        char c = coded ? (char)(hex_digit(value.at[i + 1]) * 16 + hex_digit(value.at[i + 2]))
                       : value.at[i];
        i += coded ? 2 : 0;
        if ((unsigned char)c >= ' ')
            fr_buf_put_c(&out, c);
    }
    return fr_buf_take(&out);
}

static void collector_close(void *state)
{
    collector *c = state;
    fr_http_client_free(c->client);
    for (size_t i = 0; c->headers[i] != NULL; i++)
        free(c->headers[i]);
    free(c->url);
    free(c->shown);
    free(c);
}

static int collector_open(const char *where, const fr_sink_options *options, void **state,
                          char shown[128], fr_err *err)
{
    const char *host = strstr(where, "://");
    if (host == NULL || (strncmp(where, "http://", 7) != 0 && strncmp(where, "https://", 8) != 0))
        return fr_fail(err, FR_E_USAGE, "As http://localhost:4318.",
                       "'%s' is not the address of an OTLP/HTTP collector", where);
    collector *c = FR_NEW(collector);
    size_t n = 0;
    const char *path = strchr(host + 3, '/');
    bool bare = path == NULL || path[1] == '\0';
    c->url = bare ? fr_dup_f("%.*s/v1/metrics",
                             (int)(path != NULL ? path - where : (int)strlen(where)), where)
                  : fr_dup(where);
    FR_AUTO(fr_buf) clean = { 0 };
    fr_url_bare(c->url, &clean);
    c->shown = fr_dup(fr_buf_text(&clean));
    snprintf(shown, 128, "%s", c->shown);
    snprintf(c->host, sizeof c->host, "%s", options->host);
    c->timeout_s = options->timeout_s;
    c->headers[n++] = fr_dup("Content-Type: application/json");
    fr_str more = fr_str_of(getenv("OTEL_EXPORTER_OTLP_HEADERS")), pair;
    while (n <= HEADERS_MOST && fr_str_next(&more, ',', &pair)) {
        char *header = header_of(pair);
        if (header != NULL)
            c->headers[n++] = header;
    }
    int rc = fr_http_client_new(&c->client, err);
    if (rc != 0) {
        collector_close(c);
        return rc;
    }
    *state = c;
    return 0;
}

static void collector_encode(void *state, const fr_board *board, fr_outbox *out)
{
    const collector *c = state;
    FR_AUTO(fr_buf) body = { 0 };
    fr_otlp_put(board, c->host, &body);
    fr_outbox_take(out, &body);
}

/* {"partialSuccess": {"rejectedDataPoints": "3", "errorMessage": "…"}}: taken, but not all of it.
 */
static void tell_rejected(const collector *c, fr_str body)
{
    json_t *said = json_loadb(body.at, body.n, 0, NULL);
    const json_t *partial = json_object_get(said, "partialSuccess");
    const json_t *n = json_object_get(partial, "rejectedDataPoints");
    long long rejected = json_integer_value(n);
    if (json_is_string(n))
        fr_str_to_i64(fr_str_of(json_string_value(n)), &rejected);
    if (rejected > 0)
        fr_log_once(FR_LOG_WARN, "otlp: %s took the batches but %lld points", c->shown, rejected);
    json_decref(said);
}

static int collector_send(void *state, fr_str body, const fr_progress *stop, fr_err *err)
{
    collector *c = state;
    FR_AUTO(fr_http_response) got = { 0 };
    fr_http_request ask = { .method = "POST",
                            .url = c->url,
                            .headers = (const char *const *)c->headers,
                            .body = body,
                            .timeout_s = c->timeout_s,
                            .limit_bytes = 1 << 20,
                            .progress = stop,
                            .client = c->client };
    FR_TRY(fr_http(&ask, &got, err));
    FR_TRY(fr_sink_judge(c->shown, got.status, fr_buf_str(&got.body), err));
    tell_rejected(c, fr_buf_str(&got.body));
    return 0;
}

const fr_sink_row fr_sink_otlp = { .name = "otlp",
                                   .is_remote = true,
                                   .open = collector_open,
                                   .encode = collector_encode,
                                   .send = collector_send,
                                   .close = collector_close };
