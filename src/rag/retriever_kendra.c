/*
 * retriever_kendra.c: passages out of an Amazon Kendra index, by Retrieve
 * (docs.aws.amazon.com/kendra/latest/APIReference/API_Retrieve.html).
 *
 * Kendra keeps documents and finds passages by its own model; it tells no score but a confidence in
 * words, which becomes a number that falls with the rank. A page has at most 100 passages.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rag/retriever_priv.h"

#define PAGE_MOST 100
#define TARGET    "AWSKendraFrontendService.Retrieve"
#define BODY_TYPE "application/x-amz-json-1.1"

typedef struct {
    fr_retriever base;
    fr_http_client *client;
    fr_aws aws;
    char *url, *index_id;
} kendra_retriever;

/* "com.amazon…#ThrottlingException" or "ThrottlingException:http://…": the name alone. */
static fr_str error_name(const json_t *answer)
{
    fr_str name = fr_str_of(json_string_value(json_object_get(answer, "__type"))), piece;
    size_t at;
    if (fr_str_find(name, FR_STR("#"), &at))
        name = (fr_str){ name.at + at + 1, name.n - at - 1 };
    return fr_str_next(&name, ':', &piece) ? piece : name;
}

static bool is_throttled(fr_str name)
{
    return fr_str_is(name, "ThrottlingException") || fr_str_is(name, "TooManyRequestsException");
}

static int refused(const kendra_retriever *r, int status, const json_t *answer, fr_err *err)
{
    fr_str name = error_name(answer);
    const char *said = json_string_value(json_object_get(answer, "message"));
    if (said == NULL)
        said = json_string_value(json_object_get(answer, "Message"));
    int code = FR_E_NETWORK;
    const char *hint = NULL;
    if (fr_str_is(name, "AccessDeniedException") || status == 403 || status == 401) {
        code = FR_E_PERMISSION;
        hint = "The AWS keys need kendra:Retrieve on this index.";
    } else if (fr_str_is(name, "ResourceNotFoundException")) {
        code = FR_E_NOT_FOUND;
        hint = "Look at the region and the index's id: kendra:REGION/INDEX_ID.";
    } else if (fr_str_is(name, "ValidationException")) {
        code = FR_E_USAGE;
    } else if (is_throttled(name)) {
        hint = "It takes no more for now: try later, or ask for more capacity units.";
    }
    return fr_fail(err, code, hint, "%s answered with status %d, %.*s: %.140s", r->base.name,
                   status, FR_STR_F(name), said != NULL ? said : "no reason was given");
}

/* One page; throttling, which Kendra tells with status 400, is waited out. */
static int ask_page(kendra_retriever *r, fr_str body, json_t **answer, fr_err *err)
{
    double pause_s = r->base.options.backoff_s;
    for (int tries = 0;; tries++, pause_s *= 2.0) {
        FR_AUTO(fr_http_response) got = { 0 };
        FR_TRY(store_exchange(&r->base, r->client,
                              &(store_request){ .url = r->url,
                                                .content_type = BODY_TYPE,
                                                .target = TARGET,
                                                .aws = &r->aws,
                                                .body = body },
                              &got, err));
        *answer = json_loadb(fr_buf_text(&got.body), got.body.n, 0, NULL);
        if (got.status == 200 && json_is_object(*answer))
            return 0;
        bool again = is_throttled(error_name(*answer)) && tries < r->base.options.retries &&
                     got.status < 429;
        int rc = 0;
        if (!again)
            rc = got.status == 200
                     ? fr_fail(err, FR_E_NETWORK, NULL,
                               "%s answered with something that is not JSON", r->base.name)
                     : refused(r, got.status, *answer, err);
        json_decref(*answer);
        *answer = NULL;
        FR_TRY(rc);
        fr_sleep_ns((int64_t)(fmin(pause_s, 30.0) * 1e9));
    }
}

/* VERY_HIGH … LOW as 0.9 … 0.3, and a little less for each rank. */
static double score_of(const json_t *item, size_t rank)
{
    static const struct {
        const char *word;
        double score;
    } WORDS[] = { { "VERY_HIGH", 0.9 }, { "HIGH", 0.7 }, { "MEDIUM", 0.5 }, { "LOW", 0.3 } };
    const char *said = json_string_value(
        json_object_get(json_object_get(item, "ScoreAttributes"), "ScoreConfidence"));
    double score = 0.1;
    for (size_t i = 0; i < FR_COUNT_OF(WORDS); i++) {
        if (said != NULL && strcmp(said, WORDS[i].word) == 0)
            score = WORDS[i].score;
    }
    return score / (1.0 + 1e-4 * (double)rank);
}

static const char *text_in(const json_t *item, const char *key)
{
    const char *text = json_string_value(json_object_get(item, key));
    return text != NULL ? text : "";
}

static int read_items(const kendra_retriever *r, const json_t *answer, size_t k, fr_hits *out,
                      size_t *n_items, fr_err *err)
{
    const json_t *items = json_object_get(answer, "ResultItems"), *item;
    if (!json_is_array(items))
        return fr_fail(err, FR_E_NETWORK, NULL, "%s answered without ResultItems", r->base.name);
    size_t i;
    *n_items = json_array_size(items);
    json_array_foreach(items, i, item)
    {
        if (out->n >= k)
            break;
        const char *source = text_in(item, "DocumentId");
        out->at[out->n] =
            (fr_hit){ .id = fr_dup(text_in(item, "Id")),
                      .source = fr_dup(source[0] != '\0' ? source : text_in(item, "DocumentURI")),
                      .text = fr_dup(text_in(item, "Content")),
                      .title = fr_dup(text_in(item, "DocumentTitle")),
                      .score = score_of(item, out->n) };
        out->n++;
    }
    return 0;
}

static int kendra_search(fr_retriever *base, const fr_question *q, fr_hits *out, fr_err *err)
{
    kendra_retriever *r = (kendra_retriever *)base;
    if (fr_str_trim(q->text).n == 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Ask it by words.",
                       "%s takes no vectors: it has a model of its own", base->name);
    out->at = FR_NEW_N(fr_hit, q->k);
    size_t page_size = FR_MIN(q->k, (size_t)PAGE_MOST), n_items = page_size;
    for (size_t page = 1; out->n < q->k && n_items == page_size; page++) {
        json_t *body = json_pack("{s:s, s:I, s:I}", "IndexId", r->index_id, "PageSize",
                                 (json_int_t)page_size, "PageNumber", (json_int_t)page);
        json_object_set_new(body, "QueryText", json_text(q->text));
        if (q->source.n > 0) {
            json_t *value = json_object();
            json_object_set_new(value, "StringValue", json_text(q->source));
            json_object_set_new(
                body, "AttributeFilter",
                json_pack("{s:{s:s, s:o}}", "EqualsTo", "Key", "_document_id", "Value", value));
        }
        char *text = json_dumps(body, JSON_COMPACT);
        json_decref(body);
        json_t *answer = NULL;
        int rc = ask_page(r, fr_str_of(text), &answer, err);
        if (rc == 0)
            rc = read_items(r, answer, q->k, out, &n_items, err);
        json_decref(answer);
        free(text);
        FR_TRY(rc);
    }
    return 0;
}

static void kendra_close(fr_retriever *base)
{
    kendra_retriever *r = (kendra_retriever *)base;
    fr_http_client_free(r->client);
    free((char *)r->aws.region);
    free(r->url);
    free(r->index_id);
    free(r);
}

static bool is_word(fr_str text, size_t least, size_t most)
{
    bool fine = text.n >= least && text.n <= most;
    for (size_t i = 0; i < text.n && fine; i++) {
        char c = text.at[i];
        fine =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    }
    return fine;
}

int retriever_open_kendra(const char *url, const fr_retriever_options *o, fr_retriever **out,
                          fr_err *err)
{
    static const retriever_kind KIND = { .name = "kendra",
                                         .search = kendra_search,
                                         .close = kendra_close };
    fr_str rest = fr_str_of(url + strlen("kendra:")), region;
    if (!fr_str_next(&rest, '/', &region) || !is_word(region, 1, 40) || !is_word(rest, 1, 60))
        return fr_fail(err, FR_E_USAGE, "It looks like kendra:eu-west-1/INDEX_ID.",
                       "that is not the address of a Kendra index");
    /* the variables that AWS's own tools read: a private endpoint, or a local one */
    const char *other = getenv("AWS_ENDPOINT_URL_KENDRA");
    other = other != NULL ? other : getenv("AWS_ENDPOINT_URL");
    kendra_retriever *r = FR_NEW(kendra_retriever);
    r->base = (fr_retriever){ .kind = &KIND, .options = *o };
    int rc = aws_keys("kendra", fr_str_dup(region), &r->aws, err);
    if (rc == 0)
        rc = fr_http_client_new(&r->client, err);
    if (rc != 0) {
        kendra_close(&r->base);
        return rc;
    }
    r->base.name = fr_dup_f("Kendra index %.*s in %.*s", FR_STR_F(rest), FR_STR_F(region));
    r->index_id = fr_str_dup(rest);
    r->url = other != NULL && other[0] != '\0'
                 ? fr_dup(other)
                 : fr_dup_f("https://kendra.%.*s.amazonaws.com/", FR_STR_F(region));
    *out = &r->base;
    return 0;
}
