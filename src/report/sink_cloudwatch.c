/* CloudWatch's PutMetricData, signed with the keys of the environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/http.h"
#include "net/sigv4.h"
#include "report/sink_priv.h"

typedef struct {
    fr_aws who;
    char *url;
    char host[256], name_space[256];
    double timeout_s;
    fr_http_client *client;
} cloudwatch;

static void cloudwatch_close(void *state)
{
    cloudwatch *c = state;
    fr_http_client_free(c->client);
    free(c->url);
    free(c);
}

static const char *endpoint_of(const fr_sink_options *options)
{
    static const char *const NAMES[] = { "AWS_ENDPOINT_URL_CLOUDWATCH", "AWS_ENDPOINT_URL" };
    const char *stated = options->endpoint;
    for (size_t i = 0; i < FR_COUNT_OF(NAMES) && (stated == NULL || stated[0] == '\0'); i++)
        stated = getenv(NAMES[i]);
    return stated != NULL && stated[0] != '\0' ? stated : NULL;
}

static int cloudwatch_open(const char *where, const fr_sink_options *options, void **state,
                           char shown[128], fr_err *err)
{
    fr_aws who;
    (void)where;
    FR_TRY(fr_aws_from_environment("monitoring", &who, err));
    cloudwatch *c = FR_NEW(cloudwatch);
    const char *stated = endpoint_of(options);
    c->who = who;
    c->url = stated != NULL ? fr_dup(stated)
                            : fr_dup_f("https://monitoring.%s.amazonaws.com/", who.region);
    FR_AUTO(fr_buf) clean = { 0 };
    fr_url_bare(c->url, &clean);
    snprintf(shown, 128, "%s", fr_buf_text(&clean));
    snprintf(c->host, sizeof c->host, "%s", options->host);
    snprintf(c->name_space, sizeof c->name_space, "%s", options->name_space);
    c->timeout_s = options->timeout_s;
    int rc = fr_http_client_new(&c->client, err);
    if (rc != 0) {
        cloudwatch_close(c);
        return rc;
    }
    *state = c;
    return 0;
}

static void cloudwatch_encode(void *state, const fr_board *board, fr_outbox *out)
{
    const cloudwatch *c = state;
    size_t next = 0;
    do {
        FR_AUTO(fr_buf) body = { 0 };
        next = fr_put_metric_data(board, c->host, c->name_space, next, &body);
        fr_outbox_take(out, &body);
    } while (next != 0);
}

static int cloudwatch_send(void *state, fr_str body, const fr_progress *stop, fr_err *err)
{
    static const char *const HEADERS[] = {
        "Content-Type: application/x-amz-json-1.0",
        "X-Amz-Target: GraniteServiceVersion20100801.PutMetricData", NULL
    };
    cloudwatch *c = state;
    FR_AUTO(fr_sigv4_headers) signature = { 0 };
    FR_AUTO(fr_http_response) got = { 0 };
    FR_TRY(fr_sigv4(&c->who, "POST", c->url, HEADERS, body, fr_now_unix_ns(), &signature, err));
    const char *headers[FR_COUNT_OF(HEADERS) + FR_SIGV4_LINES] = { HEADERS[0], HEADERS[1] };
    for (size_t i = 0; i < signature.n; i++)
        headers[2 + i] = signature.line[i];
    fr_http_request ask = { .method = "POST",
                            .url = c->url,
                            .headers = headers,
                            .body = body,
                            .timeout_s = c->timeout_s,
                            .limit_bytes = 1 << 20,
                            .progress = stop,
                            .client = c->client };
    FR_TRY(fr_http(&ask, &got, err));
    FR_AUTO(fr_buf) clean = { 0 };
    fr_url_bare(c->url, &clean);
    fr_str said = fr_buf_str(&got.body);
    size_t at;
    bool throttled = got.status == 400 && fr_str_find(said, FR_STR("Throttling"), &at);
    return fr_sink_judge(fr_buf_text(&clean), throttled ? 429 : got.status, said, err);
}

const fr_sink_row fr_sink_cloudwatch = { .name = "cloudwatch",
                                         .is_remote = true,
                                         .open = cloudwatch_open,
                                         .encode = cloudwatch_encode,
                                         .send = cloudwatch_send,
                                         .close = cloudwatch_close };
