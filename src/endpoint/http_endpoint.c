/* A server that speaks OpenAI's API: llama-server, vLLM, frugal serve, a hosted one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "endpoint/http_priv.h"

#define PROMPTS_AT_ONCE 16
#define TIMEOUT_S       300.0
#define RETRIES         4

/* What the server says is wrong, out of the forms that servers use. Borrowed from the document. */
static const char *message_in(const json_t *answer)
{
    const json_t *error = json_object_get(answer, "error");
    const json_t *places[] = { json_object_get(error, "message"), error,
                               json_object_get(answer, "message"),
                               json_object_get(answer, "detail") };
    for (size_t i = 0; i < FR_COUNT_OF(places); i++) {
        if (json_is_string(places[i]))
            return json_string_value(places[i]);
    }
    return NULL;
}

int http_refused(const http_endpoint *e, const fr_http_response *got, fr_err *err)
{
    json_t *answer = json_loadb(fr_buf_text(&got->body), got->body.n, 0, NULL);
    const char *said = message_in(answer);
    if (said == NULL)
        said = fr_buf_text(&got->body);
    const char *hint =
        got->status == 401 || got->status == 403 ? "Set FRUGAL_API_KEY to a key it accepts."
        : got->status == 404 ? "Is the address complete (…/v1) and the model's name right?"
        : got->status == 429 ? "It takes no more for now: try later, or ask for more quota."
                             : NULL;
    FR_AUTO(fr_buf) url = { 0 };
    fr_url_bare(e->base_url, &url);
    int rc = fr_fail(err, FR_E_NETWORK, hint, "%s answered with status %d: %.200s",
                     fr_buf_text(&url), got->status, said);
    json_decref(answer);
    return rc;
}

int http_post(http_endpoint *e, const char *path, json_t *body, fr_http_response *got,
              const fr_progress *progress, fr_err *err)
{
    const char *headers[] = { "Content-Type: application/json", e->authorization, NULL };
    char *url = fr_dup_f("%s%s", e->base_url, path), *text = json_dumps(body, JSON_COMPACT);
    /* only whether to stop: the bytes of an answer are no progress worth showing */
    fr_progress quiet = { .stopped = progress != NULL ? progress->stopped : NULL,
                          .user = progress != NULL ? progress->user : NULL };
    int rc = fr_http(&(fr_http_request){ .url = url,
                                         .headers = headers,
                                         .body = fr_str_of(text),
                                         .timeout_s = TIMEOUT_S,
                                         .retries = RETRIES,
                                         .progress = &quiet,
                                         .client = e->client },
                     got, err);
    free(url);
    free(text);
    return rc;
}

static const char *finish_of(const json_t *choice)
{
    const char *said = json_string_value(json_object_get(choice, "finish_reason"));
    if (said == NULL || strcmp(said, "stop") == 0)
        return "stop";
    return strcmp(said, "length") == 0 ? "length" : "other";
}

static const char *text_of(const json_t *choice, bool chat)
{
    if (!chat)
        return json_string_value(json_object_get(choice, "text"));
    const json_t *content = json_object_get(json_object_get(choice, "message"), "content");
    return json_is_null(content) ? "" : json_string_value(content);
}

/* The answers to n prompts out of one response; tokens are told for all together. */
static int read_choices(const http_endpoint *e, const json_t *answer, fr_answer *answers, size_t n,
                        double duration_s, fr_err *err)
{
    const json_t *usage = json_object_get(answer, "usage"), *choice;
    const json_t *details = json_object_get(usage, "prompt_tokens_details");
    size_t i;
    json_array_foreach(json_object_get(answer, "choices"), i, choice)
    {
        const json_t *index = json_object_get(choice, "index");
        size_t at = json_is_integer(index) ? (size_t)json_integer_value(index) : i;
        const char *text = text_of(choice, e->chat);
        if (at >= n || text == NULL || answers[at].text != NULL)
            continue;
        answers[at] = (fr_answer){ .text = fr_dup(text),
                                   .prompt_tokens = json_tokens(usage, "prompt_tokens") / n,
                                   .completion_tokens = json_tokens(usage, "completion_tokens") / n,
                                   .cached_tokens = json_tokens(details, "cached_tokens") / n,
                                   .finish_reason = finish_of(choice),
                                   .duration_s = duration_s / (double)n };
    }
    for (size_t at = 0; at < n; at++) {
        if (answers[at].text == NULL)
            return fr_fail(err, FR_E_NETWORK, "Does it speak OpenAI's completions API?",
                           "'%s' at %s gave no text for prompt %zu of %zu", e->base.name,
                           e->base_url, at + 1, n);
    }
    return 0;
}

static json_t *body_of(const http_endpoint *e, const fr_ask *asks, size_t n)
{
    json_t *body = json_object(), *list = json_array();
    json_object_set_new(body, "model", json_string(e->base.name));
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_object();
        json_put_text(one, "content", asks[i].prompt);
        if (e->chat) {
            json_object_set_new(one, "role", json_string("user"));
            json_array_append(list, one);
        } else {
            json_array_append(list, json_object_get(one, "content"));
        }
        json_decref(one);
    }
    if (e->chat)
        json_object_set(body, "messages", list);
    else
        json_object_set(body, "prompt", n == 1 ? json_array_get(list, 0) : list);
    json_decref(list);
    json_put_sampling(body, &asks[0].sampling);
    return body;
}

/* One request; *status tells how the server took it when that is not 200. */
static int ask_once(http_endpoint *e, const fr_ask *asks, size_t n, fr_answer *answers, int *status,
                    const fr_progress *progress, fr_err *err)
{
    FR_AUTO(fr_http_response) got = { 0 };
    json_t *body = body_of(e, asks, n);
    double begin_s = (double)fr_now_monotonic_ns() * 1e-9;
    int rc =
        http_post(e, e->chat ? "/chat/completions" : "/completions", body, &got, progress, err);
    double duration_s = (double)fr_now_monotonic_ns() * 1e-9 - begin_s;
    json_decref(body);
    *status = rc == 0 ? got.status : 0;
    FR_TRY(rc);
    if (got.status != 200)
        return http_refused(e, &got, err);
    json_error_t why;
    json_t *answer = json_loadb(fr_buf_text(&got.body), got.body.n, 0, &why);
    if (answer == NULL)
        return fr_fail(err, FR_E_NETWORK, "Does it speak OpenAI's completions API?",
                       "%s answered with something that is not JSON: %.80s", e->base_url, why.text);
    rc = read_choices(e, answer, answers, n, duration_s, err);
    json_decref(answer);
    return rc;
}

static void forget(fr_answer *answers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fr_answer_fini(&answers[i]);
}

/* A group that shares its sampling: together, else one by one; /completions, else the chat form. */
static int ask_group(http_endpoint *e, const fr_ask *asks, size_t n, fr_answer *answers,
                     const fr_progress *progress, fr_err *err)
{
    int status = 0, rc = 0;
    if (n > 1 && !e->one_by_one && !e->chat) {
        rc = ask_once(e, asks, n, answers, &status, progress, err);
        bool refuses =
            status == 400 || status == 404 || status == 405 || status == 422 || status == 501;
        bool confused = status == 200 && rc != 0;
        if (!refuses && !confused)
            return rc;
        forget(answers, n);
        /* too many for it, or one of them at fault: asking alone tells which */
    }
    size_t alone_n = n;
    for (size_t i = 0; i < alone_n; i++) {
        rc = ask_once(e, &asks[i], 1, &answers[i], &status, progress, err);
        if (rc != 0 && !e->chat && (status == 404 || status == 405 || status == 501)) {
            e->chat = true;
            fr_err first = err != NULL ? *err : (fr_err){ 0 };
            rc = ask_once(e, &asks[i], 1, &answers[i], &status, progress, err);
            if (rc != 0 && (status == 404 || status == 405)) {
                e->chat = false; /* neither is there: the first refusal says more */
                if (err != NULL)
                    *err = first;
            }
        }
        FR_TRY(rc);
    }
    if (n > 1)
        e->one_by_one = true;
    return 0;
}

static int http_ask(fr_endpoint *base, const fr_ask *asks, size_t n, fr_answer *answers,
                    const fr_progress *progress, fr_err *err)
{
    http_endpoint *e = (http_endpoint *)base;
    for (size_t first = 0, end; first < n; first = end) {
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu answers", first,
                           n);
        size_t most = e->chat || e->one_by_one ? 1 : PROMPTS_AT_ONCE;
        for (end = first + 1; end < n && end - first < most; end++) {
            if (!same_sampling(&asks[first].sampling, &asks[end].sampling))
                break;
        }
        FR_TRY(ask_group(e, asks + first, end - first, answers + first, progress, err));
        fr_progress_step(progress, "generate", (double)end, (double)n, "answers", NULL);
    }
    return 0;
}

static void http_free(fr_endpoint *base)
{
    http_endpoint *e = (http_endpoint *)base;
    fr_http_client_free(e->client);
    free(e->base_url);
    if (e->authorization != NULL)
        explicit_bzero(e->authorization, strlen(e->authorization));
    free(e->authorization);
}

int fr_endpoint_http(const char *base_url, const char *name, fr_endpoint **out, fr_err *err)
{
    static const endpoint_kind KIND = {
        .ask = http_ask, .embed = http_embed, .rank = http_rank, .free = http_free
    };
    *out = NULL;
    if (strncmp(base_url, "http://", 7) != 0 && strncmp(base_url, "https://", 8) != 0)
        return fr_fail(err, FR_E_USAGE, "An endpoint looks like http://localhost:8000/v1.",
                       "'%s' is not the address of a server", base_url);
    if (strpbrk(base_url, "?#@ \r\n") != NULL)
        return fr_fail(err, FR_E_USAGE, "The key belongs into FRUGAL_API_KEY.",
                       "an endpoint's address holds no key, user or query");
    if (name == NULL || name[0] == '\0')
        return fr_fail(err, FR_E_USAGE, "Write model: {endpoint: URL, name: NAME}.",
                       "the endpoint '%s' needs the name of a model", base_url);
    const char *key = getenv("FRUGAL_API_KEY");
    if (key != NULL && strpbrk(key, "\r\n") != NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "FRUGAL_API_KEY holds a line break");
    fr_http_client *client = NULL;
    FR_TRY(fr_http_client_new(&client, err));
    http_endpoint *e = FR_NEW(http_endpoint);
    e->base = (fr_endpoint){ .kind = &KIND, .name = fr_dup(name) };
    e->base_url = fr_dup(base_url);
    for (size_t n = strlen(e->base_url); n > 0 && e->base_url[n - 1] == '/'; n--)
        e->base_url[n - 1] = '\0';
    if (key != NULL && key[0] != '\0')
        e->authorization = fr_dup_f("Authorization: Bearer %s", key);
    e->client = client;
    *out = &e->base;
    return 0;
}
