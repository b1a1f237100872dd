/*
 * Amazon Bedrock: one request of the Converse API for each prompt, signed (SigV4).
 *
 *     POST https://bedrock-runtime.REGION.amazonaws.com/model/ID/converse
 *     {"messages": [{"role": "user", "content": [{"text"}]}],
 *      "inferenceConfig": {"maxTokens", "temperature", "topP", "stopSequences"},
 *      "additionalModelRequestFields": {"top_k"}}
 *     {"output": {"message": {"content": [{"text"}, …]}}, "stopReason",
 *      "usage": {"inputTokens", "outputTokens", "cacheReadInputTokens"}}
 *
 * Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html. The address is
 * $AWS_ENDPOINT_URL_BEDROCK_RUNTIME where that is set, as AWS's own tools have it. Models refuse
 * stop sequences of white space alone, and keep what came before others: text is cut here as well.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "endpoint/endpoint_priv.h"
#include "net/http.h"
#include "net/sigv4.h"

#define TIMEOUT_S 300.0
#define RETRIES   5 /* ThrottlingException and what a service under load says besides */
#define SERVICE   "bedrock"

typedef struct {
    fr_endpoint base;
    char *region, *url;
    fr_http_client *client;
} bedrock_endpoint;

/* ---- the request -------------------------------------------------------------------------- */

static bool is_blank(const char *text)
{
    for (; *text != '\0'; text++) {
        if (!isspace((unsigned char)*text))
            return false;
    }
    return true;
}

static json_t *config_of(const fr_sampling *s)
{
    json_t *config = json_object(), *stops = json_array();
    if (s->max_tokens > 0)
        json_object_set_new(config, "maxTokens", json_integer((json_int_t)s->max_tokens));
    json_object_set_new(config, "temperature", json_real(s->temperature));
    if (s->top_p > 0.0 && s->top_p < 1.0)
        json_object_set_new(config, "topP", json_real(s->top_p));
    for (size_t i = 0; i < s->n_stop; i++) {
        if (!is_blank(s->stop[i]))
            json_array_append_new(stops, json_string(s->stop[i]));
    }
    if (json_array_size(stops) != 0)
        json_object_set(config, "stopSequences", stops);
    json_decref(stops);
    return config;
}

static char *body_of(const fr_ask *ask)
{
    json_t *text = json_object(), *body;
    json_put_text(text, "text", ask->prompt);
    body = json_pack("{s:[{s:s, s:[o]}], s:o}", "messages", "role", "user", "content", text,
                     "inferenceConfig", config_of(&ask->sampling));
    if (ask->sampling.top_k > 0)
        json_object_set_new(body, "additionalModelRequestFields",
                            json_pack("{s:i}", "top_k", ask->sampling.top_k));
    char *out = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return out;
}

static int post(bedrock_endpoint *e, fr_str body, fr_http_response *got,
                const fr_progress *progress, fr_err *err)
{
    static const char *const SIGNED[] = { "Content-Type: application/json", NULL };
    fr_aws who = { 0 };
    FR_AUTO(fr_sigv4_headers) by = { 0 };
    FR_TRY(fr_aws_in_region(SERVICE, e->region, &who, err)); /* keys may be renewed */
    FR_TRY(fr_sigv4(&who, "POST", e->url, SIGNED, body, fr_now_unix_ns(), &by, err));
    const char *headers[FR_SIGV4_LINES + 2] = { SIGNED[0] };
    for (size_t i = 0; i < by.n; i++)
        headers[i + 1] = by.line[i];
    fr_progress quiet = { .stopped = progress != NULL ? progress->stopped : NULL,
                          .user = progress != NULL ? progress->user : NULL };
    return fr_http(&(fr_http_request){ .url = e->url,
                                       .headers = headers,
                                       .body = body,
                                       .timeout_s = TIMEOUT_S,
                                       .retries = RETRIES,
                                       .progress = &quiet,
                                       .client = e->client },
                   got, err);
}

/* ---- the answer --------------------------------------------------------------------------- */

static int refused(const bedrock_endpoint *e, const fr_http_response *got, fr_err *err)
{
    json_t *answer = json_loadb(fr_buf_text(&got->body), got->body.n, 0, NULL);
    const char *said = json_string_value(json_object_get(answer, "message"));
    if (said == NULL)
        said = json_string_value(json_object_get(answer, "Message"));
    if (said == NULL)
        said = fr_buf_text(&got->body);
    const char *hint =
        got->status == 403   ? "May these keys invoke the model (bedrock:InvokeModel), and is it "
                               "enabled in this region?"
        : got->status == 404 ? "Is the model's id right, and is it offered in this region?"
        : got->status == 400 ? "`aws bedrock list-foundation-models` tells ids; some models want "
                               "an inference profile's."
        : got->status == 429 ? "Throttled on every try: later, or with more quota."
                             : NULL;
    int rc = fr_fail(err, FR_E_NETWORK, hint, "Bedrock (%s) answered with status %d: %.200s",
                     e->region, got->status, said);
    json_decref(answer);
    return rc;
}

static const char *finish_of(const json_t *answer)
{
    const char *said = json_string_value(json_object_get(answer, "stopReason"));
    if (said == NULL || strcmp(said, "end_turn") == 0 || strcmp(said, "stop_sequence") == 0)
        return "stop";
    return strcmp(said, "max_tokens") == 0 ? "length" : "other";
}

/* Ends before the first stop string, as the other kinds' texts do; spaces before the first word of
 * an answer stay. */
static void cut_at_stops(fr_buf *text, const fr_sampling *s, const char **finish)
{
    for (size_t i = 0; i < s->n_stop; i++) {
        fr_str all = fr_buf_str(text), stop = fr_str_of(s->stop[i]);
        size_t from = 0, at = 0;
        while (from < all.n && isspace((unsigned char)all.at[from]))
            from++; /* a model that talks begins with a line of its own now and then */
        if (stop.n != 0 && fr_str_find((fr_str){ all.at + from, all.n - from }, stop, &at)) {
            text->n = from + at;
            text->at[text->n] = '\0';
            *finish = "stop";
        }
    }
}

static int read_answer(const bedrock_endpoint *e, const fr_http_response *got, const fr_ask *ask,
                       double duration_s, fr_answer *out, fr_err *err)
{
    static const char HINT[] = "Does the address belong to Bedrock's runtime?";
    json_error_t why;
    json_t *answer = json_loadb(fr_buf_text(&got->body), got->body.n, 0, &why);
    if (answer == NULL)
        return fr_fail(err, FR_E_NETWORK, HINT,
                       "Bedrock (%s) answered with something that is not JSON: %.80s", e->region,
                       why.text);
    const json_t *message = json_object_get(json_object_get(answer, "output"), "message");
    const json_t *content = json_object_get(message, "content"), *part;
    const json_t *usage = json_object_get(answer, "usage");
    FR_AUTO(fr_buf) text = { 0 };
    size_t i;
    json_array_foreach(content, i, part)
    {
        const char *piece = json_string_value(json_object_get(part, "text"));
        fr_buf_put_s(&text, piece != NULL ? piece : ""); /* reasoning stands in parts of its own */
    }
    int rc = 0;
    if (!json_is_array(content)) {
        rc = fr_fail(err, FR_E_NETWORK, HINT, "Bedrock (%s) gave no message of '%s'", e->region,
                     e->base.name);
    } else {
        const char *finish = finish_of(answer);
        cut_at_stops(&text, &ask->sampling, &finish);
        *out = (fr_answer){ .prompt_tokens = json_tokens(usage, "inputTokens") +
                                             json_tokens(usage, "cacheReadInputTokens"),
                            .cached_tokens = json_tokens(usage, "cacheReadInputTokens"),
                            .completion_tokens = json_tokens(usage, "outputTokens"),
                            .finish_reason = finish,
                            .duration_s = duration_s };
        out->text = fr_buf_take(&text);
    }
    json_decref(answer);
    return rc;
}

static int ask_one(bedrock_endpoint *e, const fr_ask *ask, fr_answer *out,
                   const fr_progress *progress, fr_err *err)
{
    FR_AUTO(fr_http_response) got = { 0 };
    char *body = body_of(ask);
    double begin_s = (double)fr_now_monotonic_ns() * 1e-9;
    int rc = post(e, fr_str_of(body), &got, progress, err);
    double duration_s = (double)fr_now_monotonic_ns() * 1e-9 - begin_s;
    free(body);
    FR_TRY(rc);
    return got.status == 200 ? read_answer(e, &got, ask, duration_s, out, err)
                             : refused(e, &got, err);
}

static int bedrock_ask(fr_endpoint *base, const fr_ask *asks, size_t n, fr_answer *answers,
                       const fr_progress *progress, fr_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu answers", i, n);
        FR_TRY(ask_one((bedrock_endpoint *)base, &asks[i], &answers[i], progress, err));
        fr_progress_step(progress, "generate", (double)i + 1, (double)n, "answers", NULL);
    }
    return 0;
}

static void bedrock_free(fr_endpoint *base)
{
    bedrock_endpoint *e = (bedrock_endpoint *)base;
    fr_http_client_free(e->client);
    free(e->region);
    free(e->url);
}

/* ---- opening ------------------------------------------------------------------------------ */

/* An id as one piece of a path: anthropic.x-v1%3A0; an ARN has slashes, too. */
static void put_id(fr_buf *out, const char *id)
{
    for (; *id != '\0'; id++) {
        unsigned char c = (unsigned char)*id;
        if (isalnum(c) || strchr("-._~", c) != NULL)
            fr_buf_put_c(out, (char)c);
        else
            fr_buf_put_f(out, "%%%02X", c);
    }
}

int fr_endpoint_bedrock(const char *region, const char *model_id, fr_endpoint **out, fr_err *err)
{
    static const endpoint_kind KIND = { .ask = bedrock_ask, .free = bedrock_free };
    *out = NULL;
    fr_aws who = { 0 };
    const char *stated = region != NULL && region[0] != '\0' ? region : NULL;
    FR_TRY(fr_aws_in_region(SERVICE, stated, &who, err));
    for (const char *c = who.region; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-') /* it becomes part of a host's name */
            return fr_fail(err, FR_E_USAGE, "A region looks like eu-north-1.",
                           "'%.40s' is no region of AWS", who.region);
    }
    if (model_id == NULL || model_id[0] == '\0')
        return fr_fail(err, FR_E_USAGE, "Write model: {endpoint: \"bedrock:REGION\", name: ID}.",
                       "Bedrock needs the id of a model");
    fr_http_client *client = NULL;
    FR_TRY(fr_http_client_new(&client, err));
    const char *own = getenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME");
    FR_AUTO(fr_buf) url = { 0 };
    if (own != NULL && own[0] != '\0') {
        size_t n = strlen(own);
        while (n > 0 && own[n - 1] == '/')
            n--;
        fr_buf_put(&url, own, n);
    } else {
        fr_buf_put_f(&url, "https://bedrock-runtime.%s.amazonaws.com", who.region);
    }
    fr_buf_put_s(&url, "/model/");
    put_id(&url, model_id);
    fr_buf_put_s(&url, "/converse");
    bedrock_endpoint *e = FR_NEW(bedrock_endpoint);
    e->base = (fr_endpoint){ .kind = &KIND, .name = fr_dup(model_id) };
    e->region = fr_dup(who.region);
    e->url = fr_buf_take(&url);
    e->client = client;
    *out = &e->base;
    return 0;
}
