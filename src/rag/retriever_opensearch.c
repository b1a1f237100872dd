/*
 * retriever_opensearch.c: passages in an OpenSearch (or Elasticsearch) index.
 *
 * Documents: {"source", "title", "text", "start", "end", "embedding"?}, _id = the passage's id.
 * Written by _bulk, asked by _search;
 * https://docs.opensearch.org/latest/api-reference/document-apis/bulk/. In a bulk answer each line
 * has a status of its own: those that were throttled are sent again, the rest of the failures are
 * told. What the index holds is pinned in its mapping's _meta.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rag/retriever_priv.h"

#define BULK_BYTES (4 << 20) /* below every server's limit; Amazon's smallest is 10 MB */
#define BULK_LINES 1000
#define VERSION    1

typedef struct {
    fr_retriever base;
    fr_http_client *client;
    char *index_url; /* https://host/index */
    char *authorization;
    fr_aws aws;
    bool is_signed;
    bool exists; /* the index is there, as far as we know */
    size_t dim;
    char *model_hash, *model;
} os_retriever;

static int exchange(os_retriever *r, const char *method, const char *path, fr_str body,
                    fr_http_response *got, fr_err *err)
{
    char *url = fr_dup_f("%s%s", r->index_url, path);
    int rc = store_exchange(&r->base, r->client,
                            &(store_request){ .method = method,
                                              .url = url,
                                              .content_type = strcmp(path, "/_bulk") == 0
                                                                  ? "application/x-ndjson"
                                                                  : "application/json",
                                              .authorization = r->authorization,
                                              .aws = r->is_signed ? &r->aws : NULL,
                                              .body = body },
                            got, err);
    free(url);
    return rc;
}

/* {"error": {"type", "reason", "root_cause": […]}} or {"error": "text"} or {"message"}. */
static const char *reason_in(const json_t *error)
{
    const char *text = json_string_value(json_object_get(error, "reason"));
    if (text == NULL)
        text = json_string_value(error);
    return text;
}

static int refused(const os_retriever *r, const fr_http_response *got, fr_err *err)
{
    json_t *answer = json_loadb(fr_buf_text(&got->body), got->body.n, 0, NULL);
    const char *said = reason_in(json_object_get(answer, "error"));
    if (said == NULL)
        said = json_string_value(json_object_get(answer, "message"));
    if (said == NULL)
        said = json_string_value(json_object_get(answer, "Message"));
    if (said == NULL)
        said = fr_buf_text(&got->body);
    bool keys = got->status == 401 || got->status == 403;
    int code = keys                                      ? FR_E_PERMISSION
               : got->status == 404                      ? FR_E_NOT_FOUND
               : got->status < 500 && got->status != 429 ? FR_E_FAILED
                                                         : FR_E_NETWORK;
    const char *hint = keys ? (r->is_signed ? "Have the AWS keys the right es:ESHttp*?"
                                            : "Set OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD.")
                       : got->status == 404 ? "Add passages to it first, or look at its name."
                       : got->status == 429 ? "It takes no more for now: try later."
                                            : NULL;
    int rc = fr_fail(err, code, hint, "%s answered with status %d: %.160s", r->base.name,
                     got->status, said);
    json_decref(answer);
    return rc;
}

static int json_of_answer(const os_retriever *r, const fr_http_response *got, json_t **out,
                          fr_err *err)
{
    *out = json_loadb(fr_buf_text(&got->body), got->body.n, 0, NULL);
    return json_is_object(*out)
               ? 0
               : (json_decref(*out),
                  fr_fail(err, FR_E_NETWORK, "Is that address OpenSearch's?",
                          "%s answered with something that is not JSON", r->base.name));
}

/* --- the index ---------------------------------------------------------------------------------
 */

static int same_model(const os_retriever *r, const fr_retriever_options *o, fr_err *err)
{
    if (o->model_hash == NULL || r->model_hash == NULL || strcmp(o->model_hash, r->model_hash) == 0)
        return 0;
    return fr_fail(err, FR_E_UNSUPPORTED, "Use the model it was built with, or another index.",
                   "%s was built with the model '%s' (%.12s), not with '%s' (%.12s)", r->base.name,
                   r->model != NULL ? r->model : "", r->model_hash,
                   o->model != NULL ? o->model : "", o->model_hash);
}

/* What the mapping's _meta pins: {"INDEX": {"mappings": {"_meta": {…}}}}. */
static void read_meta(os_retriever *r, const json_t *answer)
{
    const json_t *first = NULL;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)answer, name, value)
    {
        first = first == NULL ? value : first;
    }
    const json_t *meta =
        json_object_get(json_object_get(json_object_get(first, "mappings"), "_meta"), "frugal");
    const char *hash = json_string_value(json_object_get(meta, "model_hash")),
               *model = json_string_value(json_object_get(meta, "model"));
    json_int_t dim = json_integer_value(json_object_get(meta, "dim"));
    r->dim = dim > 0 ? (size_t)dim : 0;
    free(r->model_hash);
    free(r->model);
    r->model_hash = fr_dup(hash);
    r->model = fr_dup(model);
    r->exists = true;
}

static int look_at_index(os_retriever *r, fr_err *err)
{
    FR_AUTO(fr_http_response) got = { 0 };
    FR_TRY(exchange(r, "GET", "/_mapping", (fr_str){ 0 }, &got, err));
    if (got.status == 404)
        return 0;
    if (got.status != 200)
        return refused(r, &got, err);
    json_t *answer;
    FR_TRY(json_of_answer(r, &got, &answer, err));
    read_meta(r, answer);
    json_decref(answer);
    return 0;
}

static json_t *mapping_of(const os_retriever *r, size_t dim)
{
    json_t *meta = json_pack("{s:i}", "version", VERSION);
    if (dim > 0)
        json_object_set_new(meta, "dim", json_integer((json_int_t)dim));
    if (dim > 0 && r->base.options.model_hash != NULL) {
        json_object_set_new(meta, "model_hash", json_string(r->base.options.model_hash));
        json_object_set_new(
            meta, "model", json_string(r->base.options.model != NULL ? r->base.options.model : ""));
    }
    json_t *fields = json_pack("{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}", "source", "type",
                               "keyword", "title", "type", "text", "text", "type", "text", "start",
                               "type", "long", "end", "type", "long");
    if (dim > 0)
        json_object_set_new(fields, "embedding",
                            json_pack("{s:s, s:I, s:{s:s, s:s, s:s}}", "type", "knn_vector",
                                      "dimension", (json_int_t)dim, "method", "name", "hnsw",
                                      "space_type", "cosinesimil", "engine", "lucene"));
    json_t *body =
        json_pack("{s:{s:{s:o}, s:o}}", "mappings", "_meta", "frugal", meta, "properties", fields);
    if (dim > 0)
        json_object_set_new(body, "settings", json_pack("{s:b}", "index.knn", 1));
    return body;
}

static int make_index(os_retriever *r, size_t dim, fr_err *err)
{
    json_t *body = mapping_of(r, dim);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    FR_AUTO(fr_http_response) got = { 0 };
    int rc = exchange(r, "PUT", "", fr_str_of(text), &got, err);
    free(text);
    FR_TRY(rc);
    if (got.status == 400 && strstr(fr_buf_text(&got.body), "resource_already_exists") != NULL)
        return look_at_index(r, err); /* another program was quicker */
    if (got.status != 200 && got.status != 201)
        return refused(r, &got, err);
    r->exists = true;
    r->dim = dim;
    return 0;
}

/* --- adding ------------------------------------------------------------------------------------
 */

typedef struct {
    fr_buf *lines; /* [n] each one action with its document */
    size_t n;
} actions;

static void put_json(fr_buf *out, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    fr_buf_put_s(out, text);
    fr_buf_put_c(out, '\n');
    free(text);
}

static void put_passage(fr_buf *out, const fr_passage *p)
{
    json_t *head = json_object(), *row = json_object();
    json_object_set_new(head, "_id", json_text(p->id));
    json_object_set_new(row, "source", json_text(p->source));
    json_object_set_new(row, "title", json_text(p->title));
    json_object_set_new(row, "text", json_text(p->text));
    json_object_set_new(row, "start", json_integer((json_int_t)p->start));
    json_object_set_new(row, "end", json_integer((json_int_t)p->end));
    if (p->vector != NULL) {
        json_t *vector = json_array();
        for (size_t d = 0; d < p->dim; d++)
            json_array_append_new(vector, json_real((double)p->vector[d]));
        json_object_set_new(row, "embedding", vector);
    }
    put_json(out, json_pack("{s:o}", "index", head));
    put_json(out, row);
}

static void put_removal(fr_buf *out, fr_str id)
{
    json_t *head = json_object();
    json_object_set_new(head, "_id", json_text(id));
    put_json(out, json_pack("{s:o}", "delete", head));
}

typedef struct {
    size_t n_refused;
    char first[200]; /* "id: reason" of the first that was refused */
} refusals;

/* The status of one action's answer: {"index": {"_id", "status", "error"?}}. */
static int item_status(const json_t *item, const json_t **body)
{
    const char *verb;
    json_t *value;
    *body = NULL;
    json_object_foreach((json_t *)item, verb, value)
    {
        *body = value;
    }
    const json_t *status = json_object_get(*body, "status");
    return json_is_integer(status) ? (int)json_integer_value(status) : 0;
}

/* Which actions are to be sent again; the others are done or refused. */
static int read_items(const os_retriever *r, const json_t *answer, const size_t *sent, size_t n,
                      size_t *again, size_t *n_again, refusals *told, fr_err *err)
{
    const json_t *items = json_object_get(answer, "items");
    if (json_array_size(items) != n)
        return fr_fail(err, FR_E_NETWORK, NULL, "%s told of %zu actions, but %zu were asked for",
                       r->base.name, json_array_size(items), n);
    *n_again = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *body;
        int status = item_status(json_array_get(items, i), &body);
        if (status >= 200 && status < 300)
            continue;
        const json_t *error = json_object_get(body, "error");
        if (status == 404 && error == NULL) /* taken away already */
            continue;
        if (status == 429 || status == 503) {
            again[(*n_again)++] = sent[i];
            continue;
        }
        const char *id = json_string_value(json_object_get(body, "_id")), *why = reason_in(error);
        if (told->n_refused++ == 0)
            snprintf(told->first, sizeof(told->first), "'%.60s': %.120s", id != NULL ? id : "?",
                     why != NULL ? why : "no reason was given");
    }
    return 0;
}

static int send_bulk(os_retriever *r, const actions *all, const size_t *which, size_t n,
                     json_t **answer, fr_err *err)
{
    FR_AUTO(fr_buf) body = { 0 };
    FR_AUTO(fr_http_response) got = { 0 };
    for (size_t i = 0; i < n; i++)
        fr_buf_put_str(&body, fr_buf_str(&all->lines[which[i]]));
    FR_TRY(exchange(r, "POST", "/_bulk", fr_buf_str(&body), &got, err));
    if (got.status != 200)
        return refused(r, &got, err);
    return json_of_answer(r, &got, answer, err);
}

/* Some actions, those that were throttled again and again with longer pauses. */
static int send_some(os_retriever *r, const actions *all, size_t first, size_t n, refusals *told,
                     fr_err *err)
{
    size_t *which = FR_NEW_N(size_t, n), left = n;
    for (size_t i = 0; i < n; i++)
        which[i] = first + i;
    double pause_s = r->base.options.backoff_s;
    int rc = 0;
    for (int tries = 0; rc == 0 && left > 0; tries++, pause_s *= 2.0) {
        if (tries > r->base.options.retries) {
            rc = fr_fail(err, FR_E_NETWORK, "It takes no more for now: run it again later.",
                         "%s throttled %zu passages %d times", r->base.name, left, tries);
            break;
        }
        if (tries > 0)
            fr_sleep_ns((int64_t)(fmin(pause_s, 30.0) * 1e9));
        json_t *answer = NULL;
        rc = send_bulk(r, all, which, left, &answer, err);
        if (rc == 0)
            rc = read_items(r, answer, which, left, which, &left, told, err);
        json_decref(answer);
    }
    free(which);
    return rc;
}

static int send_all(os_retriever *r, const actions *all, const fr_progress *progress, fr_err *err)
{
    refusals told = { 0 };
    for (size_t first = 0, end; first < all->n; first = end) {
        size_t bytes = 0;
        for (end = first; end < all->n && end - first < BULK_LINES; end++) {
            if (end > first && bytes + all->lines[end].n > BULK_BYTES)
                break;
            bytes += all->lines[end].n;
        }
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "%zu of %zu passages were sent", first,
                           all->n);
        FR_TRY(send_some(r, all, first, end - first, &told, err));
        fr_progress_step(progress, "store", (double)end, (double)all->n, "passages", NULL);
    }
    FR_AUTO(fr_http_response) got = { 0 };
    FR_TRY(
        exchange(r, "POST", "/_refresh", (fr_str){ 0 }, &got, err)); /* from here they are found */
    if (told.n_refused > 0)
        return fr_fail(err, FR_E_FAILED, "The others are in; correct these and add them again.",
                       "%s refused %zu of %zu passages, the first %s", r->base.name, told.n_refused,
                       all->n, told.first);
    return 0;
}

static void actions_fini(actions *a)
{
    for (size_t i = 0; i < a->n; i++)
        fr_buf_fini(&a->lines[i]);
    free(a->lines);
}

static int os_add(fr_retriever *base, const fr_passage *passages, size_t n,
                  const fr_progress *progress, fr_err *err)
{
    os_retriever *r = (os_retriever *)base;
    size_t dim = passages[0].vector != NULL ? passages[0].dim : 0;
    if (!r->exists)
        FR_TRY(make_index(r, dim, err));
    for (size_t i = 0; i < n; i++) {
        if (passages[i].vector != NULL && passages[i].dim != r->dim)
            return fr_fail(err, FR_E_UNSUPPORTED, "Use the model it was built with.",
                           "%s has vectors of %zu numbers, not of %zu", base->name, r->dim,
                           passages[i].dim);
    }
    FR_TRY(same_model(r, &base->options, err));
    actions all = { FR_NEW_N(fr_buf, n), n };
    for (size_t i = 0; i < n; i++)
        put_passage(&all.lines[i], &passages[i]);
    int rc = send_all(r, &all, progress, err);
    actions_fini(&all);
    return rc;
}

static int os_remove(fr_retriever *base, const fr_str *ids, size_t n, fr_err *err)
{
    os_retriever *r = (os_retriever *)base;
    if (!r->exists)
        return 0;
    actions all = { FR_NEW_N(fr_buf, n), n };
    for (size_t i = 0; i < n; i++)
        put_removal(&all.lines[i], ids[i]);
    int rc = send_all(r, &all, NULL, err);
    actions_fini(&all);
    return rc;
}

/* --- searching ---------------------------------------------------------------------------------
 */

static json_t *filter_of(const fr_question *q)
{
    json_t *term = json_object();
    json_object_set_new(term, "source", json_text(q->source));
    return json_pack("[{s:o}]", "term", term);
}

static json_t *words_of(const fr_question *q)
{
    json_t *match = json_pack("{s:[s,s], s:s}", "fields", "title", "text", "type", "most_fields");
    json_object_set_new(match, "query", json_text(q->text));
    json_t *query = json_pack("{s:o}", "multi_match", match);
    return q->source.n == 0
               ? query
               : json_pack("{s:{s:[o], s:o}}", "bool", "must", query, "filter", filter_of(q));
}

static json_t *meaning_of(const fr_question *q, size_t k)
{
    json_t *vector = json_array();
    for (size_t d = 0; d < q->dim; d++)
        json_array_append_new(vector, json_real((double)q->vector[d]));
    json_t *near = json_pack("{s:o, s:I}", "vector", vector, "k", (json_int_t)k);
    if (q->source.n > 0)
        json_object_set_new(near, "filter", json_pack("{s:{s:o}}", "bool", "filter", filter_of(q)));
    return json_pack("{s:{s:o}}", "knn", "embedding", near);
}

static size_t size_in(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (size_t)value : 0;
}

static const char *text_in(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static int read_hits(const os_retriever *r, const json_t *answer, size_t k, fr_hits *out,
                     fr_err *err)
{
    const json_t *hits = json_object_get(json_object_get(answer, "hits"), "hits"), *hit;
    if (!json_is_array(hits))
        return fr_fail(err, FR_E_NETWORK, "Is that address OpenSearch's?",
                       "%s answered without hits", r->base.name);
    const json_t *shards = json_object_get(answer, "_shards");
    if (size_in(shards, "failed") > 0 && size_in(shards, "successful") == 0)
        return fr_fail(err, FR_E_NETWORK, "Look at the cluster's health.",
                       "no shard of %s could be searched", r->base.name);
    size_t n = json_array_size(hits), i;
    *out = (fr_hits){ .at = FR_NEW_N(fr_hit, n) };
    json_array_foreach(hits, i, hit)
    {
        const json_t *row = json_object_get(hit, "_source");
        if (out->n >= k)
            break;
        out->at[out->n++] = (fr_hit){ .id = fr_dup(text_in(hit, "_id")),
                                      .source = fr_dup(text_in(row, "source")),
                                      .text = fr_dup(text_in(row, "text")),
                                      .title = fr_dup(text_in(row, "title")),
                                      .score = json_number_value(json_object_get(hit, "_score")),
                                      .start = size_in(row, "start"),
                                      .end = size_in(row, "end") };
    }
    return 0;
}

static int ask(os_retriever *r, json_t *query, size_t k, fr_hits *out, fr_err *err)
{
    json_t *body = json_pack("{s:I, s:o, s:{s:[s]}}", "size", (json_int_t)k, "query", query,
                             "_source", "excludes", "embedding");
    char *text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(body);
    FR_AUTO(fr_http_response) got = { 0 };
    int rc = exchange(r, "POST", "/_search", fr_str_of(text), &got, err);
    free(text);
    FR_TRY(rc);
    if (got.status != 200)
        return refused(r, &got, err);
    json_t *answer;
    FR_TRY(json_of_answer(r, &got, &answer, err));
    rc = read_hits(r, answer, k, out, err);
    json_decref(answer);
    return rc;
}

static int os_search(fr_retriever *base, const fr_question *q, fr_hits *out, fr_err *err)
{
    os_retriever *r = (os_retriever *)base;
    bool words = fr_str_trim(q->text).n > 0;
    if (q->vector == NULL)
        return ask(r, words_of(q), q->k, out, err);
    FR_TRY(same_model(r, &base->options, err));
    if (q->dim != r->dim)
        return fr_fail(err, FR_E_UNSUPPORTED, "Use the model it was built with.",
                       "%s has vectors of %zu numbers, not of %zu", base->name, r->dim, q->dim);
    if (!words)
        return ask(r, meaning_of(q, q->k), q->k, out, err);
    fr_hits by_words = { 0 }, by_meaning = { 0 };
    size_t deep = FR_MAX(q->k * 4, (size_t)50);
    int rc = ask(r, words_of(q), deep, &by_words, err);
    if (rc == 0)
        rc = ask(r, meaning_of(q, deep), deep, &by_meaning, err);
    if (rc == 0)
        hits_fuse(&by_words, &by_meaning, q->k, out);
    fr_hits_fini(&by_words);
    fr_hits_fini(&by_meaning);
    return rc;
}

static void forget(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static void os_close(fr_retriever *base)
{
    os_retriever *r = (os_retriever *)base;
    fr_http_client_free(r->client);
    free(r->index_url);
    forget(r->authorization);
    free((char *)r->aws.region);
    free(r->model_hash);
    free(r->model);
    free(r);
}

/* --- opening -----------------------------------------------------------------------------------
 */

static void put_base64(fr_buf *out, fr_str bytes)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n; i += 3) {
        unsigned long three = 0;
        for (size_t b = 0; b < 3; b++)
            three = three << 8 | (i + b < bytes.n ? (unsigned char)bytes.at[i + b] : 0u);
        for (size_t d = 0; d < 4; d++)
            fr_buf_put_c(out, i + d > bytes.n ? '=' : DIGITS[three >> (18 - 6 * d) & 63]);
    }
}

/* search-NAME-HASH.REGION.es.amazonaws.com, ID.REGION.aoss.amazonaws.com; *region owned. */
static bool is_amazons(fr_str host, char **region, const char **service)
{
    static const char *const TAILS[] = { ".es.amazonaws.com", ".aoss.amazonaws.com",
                                         ".es.amazonaws.com.cn" };
    for (size_t i = 0; i < FR_COUNT_OF(TAILS); i++) {
        if (!fr_str_ends(host, fr_str_of(TAILS[i])))
            continue;
        fr_str rest = { host.at, host.n - strlen(TAILS[i]) }, last = rest, piece;
        while (fr_str_next(&rest, '.', &piece))
            last = piece;
        *region = fr_str_dup(last);
        *service = i == 1 ? "aoss" : "es";
        return true;
    }
    return false;
}

static int find_keys(os_retriever *r, fr_str host, fr_err *err)
{
    const char *user = getenv("OPENSEARCH_USERNAME"), *password = getenv("OPENSEARCH_PASSWORD"),
               *service = getenv("OPENSEARCH_AWS_SERVICE");
    char *region = NULL;
    if (user != NULL && user[0] != '\0') {
        FR_AUTO(fr_buf) plain = { 0 };
        FR_AUTO(fr_buf) line = { 0 };
        fr_buf_put_f(&plain, "%s:%s", user, password != NULL ? password : "");
        fr_buf_put_s(&line, "Authorization: Basic ");
        put_base64(&line, fr_buf_str(&plain));
        r->authorization = fr_buf_take(&line);
        explicit_bzero(plain.at, plain.n);
        return 0;
    }
    bool amazons = is_amazons(host, &region, &service);
    if (!amazons && (service == NULL || service[0] == '\0'))
        return 0;
    int rc = aws_keys(service, region, &r->aws, err);
    r->is_signed = rc == 0;
    return rc;
}

static int check_address(fr_str host, fr_str index, fr_err *err)
{
    bool fine = host.n > 0 && index.n > 0;
    for (size_t i = 0; i < index.n; i++)
        fine &= strchr("/?#%\\*\"<>| ,@", index.at[i]) == NULL;
    for (size_t i = 0; i < host.n; i++)
        fine &= strchr("@?# ", host.at[i]) == NULL;
    return fine ? 0
                : fr_fail(err, FR_E_USAGE,
                          "It looks like opensearch+https://search.example.org/handbook; name and "
                          "password go into OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD.",
                          "that is not the address of an OpenSearch index");
}

int retriever_open_opensearch(const char *url, const fr_retriever_options *o, fr_retriever **out,
                              fr_err *err)
{
    static const retriever_kind KIND = { .name = "opensearch",
                                         .add = os_add,
                                         .remove = os_remove,
                                         .search = os_search,
                                         .close = os_close };
    fr_str rest = fr_str_of(url + strlen("opensearch+")), host;
    while (fr_str_ends(rest, FR_STR("/")))
        rest.n--;
    size_t scheme, slash = 0;
    fr_str_find(rest, FR_STR("://"), &scheme);
    fr_str after = { rest.at + scheme + 3, rest.n - scheme - 3 };
    for (size_t i = 0; i < after.n; i++)
        slash =
            after.at[i] == '/' ? i : slash; /* the last one: a path may stand before the index */
    fr_str index =
        slash > 0 ? (fr_str){ after.at + slash + 1, after.n - slash - 1 } : (fr_str){ 0 };
    host = after;
    fr_str_next(&after, '/', &host);
    FR_TRY(check_address(host, index, err));
    if (memchr(host.at, ':', host.n) != NULL)
        host.n = (size_t)((const char *)memchr(host.at, ':', host.n) - host.at);
    os_retriever *r = FR_NEW(os_retriever);
    r->base = (fr_retriever){ .kind = &KIND, .options = *o };
    r->base.name = fr_dup_f("index '%.*s' at %.*s", FR_STR_F(index), FR_STR_F(host));
    r->index_url = fr_str_dup(rest);
    int rc = find_keys(r, host, err);
    if (rc == 0)
        rc = fr_http_client_new(&r->client, err);
    if (rc == 0)
        rc = look_at_index(r, err);
    if (rc == 0)
        rc = same_model(r, o, err);
    if (rc != 0) {
        free(r->base.name);
        os_close(&r->base);
        return rc;
    }
    *out = &r->base;
    return 0;
}
