#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "endpoint/endpoint_priv.h"
#include "text/utf8.h"

void fr_answer_fini(fr_answer *a)
{
    free(a->text);
    *a = (fr_answer){ 0 };
}

void fr_endpoint_free(fr_endpoint *e)
{
    if (e == NULL)
        return;
    e->kind->free(e);
    free(e->name);
    free(e);
}

#define COMMAND        "command:"
#define COMMAND_TIME_S 600
#define BEDROCK        "bedrock:"

bool fr_endpoint_is_address(const char *address)
{
    fr_str a = fr_str_of(address);
    return fr_str_starts(a, FR_STR("http://")) || fr_str_starts(a, FR_STR("https://")) ||
           fr_str_starts(a, FR_STR(BEDROCK)) || fr_endpoint_address_is_local(address);
}

bool fr_endpoint_address_is_local(const char *address)
{
    return strncmp(address, COMMAND, strlen(COMMAND)) == 0;
}

int fr_endpoint_connect(const char *address, const char *name, const char *cwd, fr_endpoint **out,
                        fr_err *err)
{
    if (fr_endpoint_address_is_local(address))
        return fr_endpoint_command(address + strlen(COMMAND), cwd, COMMAND_TIME_S, out, err);
    if (strncmp(address, BEDROCK, strlen(BEDROCK)) == 0)
        return fr_endpoint_bedrock(address + strlen(BEDROCK), name, out, err);
    return fr_endpoint_http(address, name, out, err);
}

const char *fr_endpoint_name(const fr_endpoint *e)
{
    return e->name;
}

bool fr_endpoint_can_score(const fr_endpoint *e)
{
    return e->kind->score != NULL;
}

bool fr_endpoint_is_local(const fr_endpoint *e)
{
    return e->kind->local;
}

bool fr_endpoint_can_embed(const fr_endpoint *e)
{
    return e->kind->embed != NULL;
}

bool fr_endpoint_can_rank(const fr_endpoint *e)
{
    return e->kind->rank != NULL;
}

int fr_endpoint_mark(fr_endpoint *e, fr_buf *out, fr_err *err)
{
    if (e->kind->mark != NULL)
        return e->kind->mark(e, out, err);
    fr_buf_put_f(out, "name:%.200s", e->name);
    return 0;
}

void fr_embeddings_fini(fr_embeddings *x)
{
    free(x->at);
    *x = (fr_embeddings){ 0 };
}

int fr_endpoint_embed(fr_endpoint *e, const fr_str *texts, size_t n, fr_embeddings *out,
                      const fr_progress *progress, fr_err *err)
{
    *out = (fr_embeddings){ .n = n };
    if (e->kind->embed == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, "Name a model file, a server, or a command.",
                       "'%s' makes no embeddings", e->name);
    int rc = n > 0 ? e->kind->embed(e, texts, n, out, progress, err) : 0;
    if (rc != 0)
        fr_embeddings_fini(out);
    return rc;
}

int fr_endpoint_rank(fr_endpoint *e, fr_str query, const fr_str *passages, size_t n, double *scores,
                     const fr_progress *progress, fr_err *err)
{
    if (e->kind->rank == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, "Name a model with a classification head.",
                       "'%s' does not tell how well a passage answers", e->name);
    return n > 0 ? e->kind->rank(e, query, passages, n, scores, progress, err) : 0;
}

int fr_endpoint_ask(fr_endpoint *e, const fr_ask *asks, size_t n, fr_answer *answers,
                    const fr_progress *progress, fr_err *err)
{
    memset(answers, 0, n * sizeof(*answers));
    if (n == 0)
        return 0;
    if (e->kind->ask == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, NULL, "'%s' answers no prompts", e->name);
    int rc = e->kind->ask(e, asks, n, answers, progress, err);
    for (size_t i = 0; i < n && rc != 0; i++)
        fr_answer_fini(&answers[i]);
    return rc;
}

int fr_endpoint_score(fr_endpoint *e, fr_scored *items, size_t n, const fr_progress *progress,
                      fr_err *err)
{
    if (e->kind->score == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, "Ask it for text instead.",
                       "'%s' does not tell how likely a text is", e->name);
    return n > 0 ? e->kind->score(e, items, n, progress, err) : 0;
}

size_t fr_endpoint_count(fr_endpoint *e, fr_str text)
{
    return e->kind->count != NULL ? e->kind->count(e, text) : 0;
}

size_t fr_endpoint_context(const fr_endpoint *e)
{
    return e->kind->context != NULL ? e->kind->context(e) : 0;
}

/* --- what the kinds share -----------------------------------------------------------------------
 */

void json_put_text(json_t *object, const char *key, fr_str text)
{
    json_t *value = text.n > 0 ? json_stringn(text.at, text.n) : json_string("");
    FR_AUTO(fr_buf) whole = { 0 };
    while (value == NULL && text.n > 0) {
        size_t fine = fr_utf8_valid_prefix(text);
        fr_buf_put(&whole, text.at, fine);
        if (fine < text.n)
            fr_buf_put_s(&whole, "\xef\xbf\xbd");
        fine = FR_MIN(fine + 1, text.n);
        text = (fr_str){ text.at + fine, text.n - fine };
    }
    if (value == NULL)
        value = json_stringn(fr_buf_text(&whole), whole.n);
    json_object_set_new(object, key, value);
}

void json_put_sampling(json_t *object, const fr_sampling *s)
{
    if (s->max_tokens > 0)
        json_object_set_new(object, "max_tokens", json_integer((json_int_t)s->max_tokens));
    json_object_set_new(object, "temperature", json_real(s->temperature));
    if (s->top_p > 0.0 && s->top_p < 1.0)
        json_object_set_new(object, "top_p", json_real(s->top_p));
    if (s->top_k > 0) /* no key of OpenAI's own, but of the servers that one runs oneself */
        json_object_set_new(object, "top_k", json_integer(s->top_k));
    if (s->frequency_penalty != 0.0)
        json_object_set_new(object, "frequency_penalty", json_real(s->frequency_penalty));
    if (s->presence_penalty != 0.0)
        json_object_set_new(object, "presence_penalty", json_real(s->presence_penalty));
    if (s->temperature > 0.0)
        json_object_set_new(object, "seed", json_integer((json_int_t)(s->seed & INT64_MAX)));
    if (s->n_stop == 0)
        return;
    json_t *stop = json_array();
    for (size_t i = 0; i < s->n_stop; i++)
        json_array_append_new(stop, json_string(s->stop[i]));
    json_object_set_new(object, "stop", stop);
}

size_t json_tokens(const json_t *object, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(object, key));
    return n > 0 ? (size_t)n : 0;
}

bool same_sampling(const fr_sampling *a, const fr_sampling *b)
{
    bool same = a->temperature == b->temperature && a->top_k == b->top_k && a->top_p == b->top_p &&
                a->min_p == b->min_p && a->seed == b->seed && a->max_tokens == b->max_tokens &&
                a->typical_p == b->typical_p && a->n_bias == b->n_bias && a->bias == b->bias &&
                a->grammar == b->grammar && a->repetition_penalty == b->repetition_penalty &&
                a->repetition_last == b->repetition_last &&
                a->frequency_penalty == b->frequency_penalty &&
                a->presence_penalty == b->presence_penalty && a->n_stop == b->n_stop;
    for (size_t i = 0; same && i < a->n_stop; i++)
        same = strcmp(a->stop[i], b->stop[i]) == 0;
    return same;
}

bool json_read_row(const json_t *list, fr_embeddings *out, size_t at)
{
    size_t dim = json_array_size(list);
    if (dim == 0 || dim > 1 << 20 || (out->dim != 0 && dim != out->dim))
        return false;
    if (out->at == NULL) {
        void *room;
        if (fr_try_array(out->n, dim * sizeof(float), "embeddings", &room, NULL) != 0)
            return false;
        out->at = room;
        out->dim = dim;
    }
    for (size_t d = 0; d < dim; d++) {
        const json_t *value = json_array_get(list, d);
        if (!json_is_number(value))
            return false;
        out->at[at * dim + d] = (float)json_number_value(value);
    }
    return true;
}
