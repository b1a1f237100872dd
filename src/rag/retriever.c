/* retriever.c: which store an address names, and what the kinds share. */
#include "rag/retriever.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "rag/fusion.h"
#include "rag/retriever_priv.h"
#include "store/postgres.h"
#include "text/utf8.h"

#define TIMEOUT_S 30.0
#define RETRIES   4
#define BACKOFF_S 0.5

static bool starts(const char *text, const char *head)
{
    return strncmp(text, head, strlen(head)) == 0;
}

static bool is_opensearch(const char *url)
{
    return starts(url, "opensearch+https://") || starts(url, "opensearch+http://");
}

bool fr_retriever_is_store(const char *url)
{
    return fr_postgres_is_url(url) || is_opensearch(url) || starts(url, "kendra:");
}

int fr_retriever_open(const char *url, const fr_retriever_options *options, fr_retriever **out,
                      fr_err *err)
{
    *out = NULL;
    fr_retriever_options o = options != NULL ? *options : (fr_retriever_options){ 0 };
    o.timeout_s = o.timeout_s > 0.0 ? o.timeout_s : TIMEOUT_S;
    o.retries = o.retries == 0 ? RETRIES : FR_MAX(o.retries, 0);
    o.backoff_s = o.backoff_s > 0.0 ? o.backoff_s : BACKOFF_S;
    fr_retriever *r = NULL;
    if (!fr_retriever_is_store(url) && strstr(url, "://") != NULL)
        return fr_fail(err, FR_E_USAGE,
                       "Known: postgresql://HOST/DB, opensearch+https://HOST/INDEX, "
                       "kendra:REGION/INDEX_ID, or a file.",
                       "'%.*s' is no kind of store that frugal knows",
                       (int)(strstr(url, "://") - url), url);
    int rc = fr_postgres_is_url(url)  ? retriever_open_postgres(url, &o, &r, err)
             : is_opensearch(url)     ? retriever_open_opensearch(url, &o, &r, err)
             : starts(url, "kendra:") ? retriever_open_kendra(url, &o, &r, err)
                                      : retriever_open_file(url, &r, err);
    FR_TRY(rc);
    r->options = o;
    r->options.language = fr_dup(o.language);
    r->options.model_hash = fr_dup(o.model_hash);
    r->options.model = fr_dup(o.model);
    *out = r;
    return 0;
}

void fr_retriever_close(fr_retriever *r)
{
    if (r == NULL)
        return;
    char *owned[] = { r->name, (char *)r->options.language, (char *)r->options.model_hash,
                      (char *)r->options.model };
    r->kind->close(r);
    for (size_t i = 0; i < FR_COUNT_OF(owned); i++)
        free(owned[i]);
}

const char *fr_retriever_kind(const fr_retriever *r)
{
    return r->kind->name;
}

const char *fr_retriever_name(const fr_retriever *r)
{
    return r->name;
}

int fr_retriever_add(fr_retriever *r, const fr_passage *passages, size_t n,
                     const fr_progress *progress, fr_err *err)
{
    if (r->kind->add == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, "Fill it with its own means.", "frugal only reads %s",
                       r->name);
    for (size_t i = 0; i < n; i++) {
        if (passages[i].id.n == 0)
            return fr_fail(err, FR_E_USAGE, NULL, "passage %zu has no id", i + 1);
    }
    return n > 0 ? r->kind->add(r, passages, n, progress, err) : 0;
}

int fr_retriever_remove(fr_retriever *r, const fr_str *ids, size_t n, fr_err *err)
{
    if (r->kind->remove == NULL)
        return fr_fail(err, FR_E_UNSUPPORTED, NULL, "frugal only reads %s", r->name);
    return n > 0 ? r->kind->remove(r, ids, n, err) : 0;
}

int fr_retriever_search(fr_retriever *r, const fr_question *question, fr_hits *out, fr_err *err)
{
    *out = (fr_hits){ 0 };
    if (question->k == 0 || (fr_str_trim(question->text).n == 0 && question->vector == NULL))
        return 0;
    int rc = r->kind->search(r, question, out, err);
    if (rc != 0)
        fr_hits_fini(out);
    return rc;
}

/* --- a file ------------------------------------------------------------------------------------
 */

typedef struct {
    fr_retriever base;
    fr_index *index;
} file_retriever;

static int file_search(fr_retriever *r, const fr_question *q, fr_hits *out, fr_err *err)
{
    if (q->text.n == 0)
        return fr_fail(err, FR_E_UNSUPPORTED, "Ask it by words.",
                       "'%s' has no vectors of its passages", r->name);
    return fr_index_search(((file_retriever *)r)->index, q->text, q->k, out, err);
}

static void file_close(fr_retriever *r)
{
    fr_index_free(((file_retriever *)r)->index);
    free(r);
}

int retriever_open_file(const char *path, fr_retriever **out, fr_err *err)
{
    static const retriever_kind KIND = { .name = "file",
                                         .search = file_search,
                                         .close = file_close };
    fr_index *index = NULL;
    FR_TRY(fr_index_open(path, &index, err));
    file_retriever *r = FR_NEW(file_retriever);
    r->base = (fr_retriever){ .kind = &KIND, .name = fr_dup(path) };
    r->index = index;
    *out = &r->base;
    return 0;
}

/* --- what the kinds share ----------------------------------------------------------------------
 */

json_t *json_text(fr_str text)
{
    FR_AUTO(fr_buf) whole = { 0 };
    while (text.n > 0) {
        size_t fine = fr_utf8_valid_prefix(text);
        const char *nul = memchr(text.at, '\0', fine); /* which no store keeps */
        fine = nul != NULL ? (size_t)(nul - text.at) : fine;
        fr_buf_put(&whole, text.at, fine);
        if (fine < text.n)
            fr_buf_put_s(&whole, "\xef\xbf\xbd");
        fine = FR_MIN(fine + 1, text.n);
        text = (fr_str){ text.at + fine, text.n - fine };
    }
    return json_stringn(fr_buf_text(&whole), whole.n);
}

int aws_keys(const char *service, char *region, fr_aws *out, fr_err *err)
{
    int rc = fr_aws_from_environment(service, out, err);
    if (rc != 0 && region != NULL && out->access_key != NULL && out->secret_key != NULL)
        rc = 0; /* only AWS_REGION is missing, and the address has one */
    out->region = region != NULL ? region : fr_dup(out->region);
    return rc;
}

int store_exchange(const fr_retriever *r, fr_http_client *client, const store_request *q,
                   fr_http_response *out, fr_err *err)
{
    FR_AUTO(fr_buf) type = { 0 };
    FR_AUTO(fr_buf) target = { 0 };
    FR_AUTO(fr_sigv4_headers) signed_by = { 0 };
    FR_AUTO(fr_buf) digest = { 0 };
    const char *headers[5 + FR_SIGV4_LINES] = { NULL };
    size_t n = 0;
    if (q->content_type != NULL) {
        fr_buf_put_f(&type, "Content-Type: %s", q->content_type);
        headers[n++] = fr_buf_text(&type);
    }
    if (q->target != NULL) {
        fr_buf_put_f(&target, "X-Amz-Target: %s", q->target);
        headers[n++] = fr_buf_text(&target);
    }
    const char *method = q->method != NULL ? q->method : "POST";
    if (q->aws != NULL && strcmp(q->aws->service, "aoss") == 0) {
        char hex[FR_SHA256_HEX]; /* the serverless kind wants to be told */
        FR_TRY(fr_sha256(q->body.at, q->body.n, hex, err));
        fr_buf_put_f(&digest, "X-Amz-Content-Sha256: %s", hex);
        headers[n++] = fr_buf_text(&digest);
    }
    if (q->aws != NULL) {
        FR_TRY(
            fr_sigv4(q->aws, method, q->url, headers, q->body, fr_now_unix_ns(), &signed_by, err));
        for (size_t i = 0; i < signed_by.n; i++)
            headers[n++] = signed_by.line[i];
    } else if (q->authorization != NULL) {
        headers[n++] = q->authorization;
    }
    return fr_http(&(fr_http_request){ .method = method,
                                       .url = q->url,
                                       .headers = headers,
                                       .body = q->body,
                                       .timeout_s = r->options.timeout_s,
                                       .retries = q->once ? 0 : r->options.retries,
                                       .backoff_s = r->options.backoff_s,
                                       .client = client },
                   out, err);
}

static size_t number_of(fr_hits *all, fr_hit *hit)
{
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->at[i].id, hit->id) == 0)
            return i;
    }
    all->at[all->n] = *hit;
    *hit = (fr_hit){ 0 };
    return all->n++;
}

/* Every hit gets a number, the numbers are fused, and the hits follow them. */
void hits_fuse(fr_hits *a, fr_hits *b, size_t k, fr_hits *out)
{
    fr_hits all = { .at = FR_NEW_N(fr_hit, a->n + b->n) }, *both[2] = { a, b };
    fr_ranked lists[2] = { { 0 } }, fused = { 0 };
    for (size_t l = 0; l < 2; l++) {
        size_t n = both[l]->n;
        for (size_t i = 0; i < n; i++)
            fr_ranked_offer(&lists[l], n, (uint32_t)number_of(&all, &both[l]->at[i]),
                            (double)(n - i));
        fr_ranked_sort(&lists[l]);
    }
    fr_ranked_fuse(lists, NULL, 2, 0.0, k, &fused);
    *out = (fr_hits){ .at = FR_NEW_N(fr_hit, fused.n) };
    for (size_t i = 0; i < fused.n; i++) {
        out->at[out->n] = all.at[fused.at[i].chunk];
        out->at[out->n++].score = fused.at[i].score;
        all.at[fused.at[i].chunk] = (fr_hit){ 0 };
    }
    fr_ranked_fini(&lists[0]);
    fr_ranked_fini(&lists[1]);
    fr_ranked_fini(&fused);
    fr_hits_fini(&all);
    fr_hits_fini(a);
    fr_hits_fini(b);
}
