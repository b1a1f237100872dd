/* What a server makes of texts: POST base_url/embeddings as OpenAI has it, POST base_url/rerank as
 * vLLM, llama-server, Jina and Cohere have it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "endpoint/http_priv.h"

#define TEXTS_AT_ONCE 64

static int not_as_agreed(const http_endpoint *e, const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_NETWORK, "Does it speak OpenAI's API, and is this an embedding model?",
                   "'%s' at %s gave %s", e->base.name, e->base_url, what);
}

static json_t *list_of(const fr_str *texts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_object();
        json_put_text(one, "text", texts[i]);
        json_array_append(list, json_object_get(one, "text"));
        json_decref(one);
    }
    return list;
}

/* *answer is owned. Takes body. */
static int exchange(http_endpoint *e, const char *path, json_t *body, json_t **answer,
                    const fr_progress *progress, fr_err *err)
{
    FR_AUTO(fr_http_response) got = { 0 };
    *answer = NULL;
    int rc = http_post(e, path, body, &got, progress, err);
    json_decref(body);
    FR_TRY(rc);
    if (got.status != 200)
        return http_refused(e, &got, err);
    *answer = json_loadb(fr_buf_text(&got.body), got.body.n, 0, NULL);
    return *answer != NULL ? 0 : not_as_agreed(e, "something that is not JSON", err);
}

/* The place that an item says it has among n, each once. */
static bool place_of(const json_t *item, size_t i, size_t n, bool *seen, size_t *at)
{
    const json_t *index = json_object_get(item, "index");
    json_int_t said = json_is_integer(index) ? json_integer_value(index) : (json_int_t)i;
    if (said < 0 || (size_t)said >= n || seen[said])
        return false;
    seen[said] = true;
    *at = (size_t)said;
    return true;
}

static int read_embeddings(const http_endpoint *e, const json_t *answer, size_t first, size_t n,
                           fr_embeddings *out, fr_err *err)
{
    const json_t *data = json_object_get(answer, "data"), *item;
    bool *seen = FR_NEW_N(bool, n), fine = json_array_size(data) == n;
    size_t i, at;
    json_array_foreach(data, i, item)
    {
        fine = fine && place_of(item, i, n, seen, &at) &&
               json_read_row(json_object_get(item, "embedding"), out, first + at);
    }
    free(seen);
    const json_t *usage = json_object_get(answer, "usage");
    size_t tokens = json_tokens(usage, "total_tokens");
    out->tokens += tokens > 0 ? tokens : json_tokens(usage, "prompt_tokens");
    return fine ? 0 : not_as_agreed(e, "no embedding for each text", err);
}

int http_embed(fr_endpoint *base, const fr_str *texts, size_t n, fr_embeddings *out,
               const fr_progress *progress, fr_err *err)
{
    http_endpoint *e = (http_endpoint *)base;
    for (size_t first = 0; first < n; first += TEXTS_AT_ONCE) {
        size_t these = FR_MIN(n - first, (size_t)TEXTS_AT_ONCE);
        json_t *body = json_pack("{s:s, s:s}", "model", e->base.name, "encoding_format", "float");
        json_object_set_new(body, "input", list_of(texts + first, these));
        json_t *answer;
        FR_TRY(exchange(e, "/embeddings", body, &answer, progress, err));
        int rc = read_embeddings(e, answer, first, these, out, err);
        json_decref(answer);
        FR_TRY(rc);
    }
    return 0;
}

int http_rank(fr_endpoint *base, fr_str query, const fr_str *passages, size_t n, double *scores,
              const fr_progress *progress, fr_err *err)
{
    http_endpoint *e = (http_endpoint *)base;
    json_t *body = json_pack("{s:s}", "model", e->base.name), *answer, *item;
    json_put_text(body, "query", query);
    json_object_set_new(body, "documents", list_of(passages, n));
    FR_TRY(exchange(e, "/rerank", body, &answer, progress, err));
    const json_t *results = json_object_get(answer, "results");
    bool *seen = FR_NEW_N(bool, n), fine = json_array_size(results) == n;
    size_t i, at;
    json_array_foreach(results, i, item)
    {
        const json_t *score = json_object_get(item, "relevance_score");
        fine = fine && json_is_number(score) && place_of(item, i, n, seen, &at);
        if (fine)
            scores[at] = json_number_value(score);
    }
    free(seen);
    json_decref(answer);
    return fine ? 0 : not_as_agreed(e, "no score for each passage", err);
}
