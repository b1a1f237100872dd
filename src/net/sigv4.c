/*
 * Signature Version 4, as AWS describes it:
 *
 *     canonical request   METHOD \n path \n query \n name:value \n… \n \n names \n sha256(body)
 *     string to sign      AWS4-HMAC-SHA256 \n time \n day/region/service/aws4_request \n sha256(it)
 *     key                 HMAC chain: "AWS4" + secret, day, region, service, "aws4_request"
 *
 * The path is normalized and encoded once more (all services but S3), the query sorted by encoded
 * name and value, header names in lower case and sorted, runs of blanks in values made one.
 */
#include "net/sigv4.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/hash.h"
#include "base/mem.h"

#define BLOCK_BYTES  64
#define DIGEST_BYTES 32
#define PIECES_MOST  256 /* of a query, of a path, of headers */

typedef struct {
    unsigned char at[DIGEST_BYTES];
} digest;

static int sha256(const void *bytes, size_t n, digest *out, fr_err *err)
{
    char hex[FR_SHA256_HEX];
    FR_TRY(fr_sha256(bytes, n, hex, err));
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        unsigned byte;
        sscanf(hex + 2 * i, "%2x", &byte);
        out->at[i] = (unsigned char)byte;
    }
    return 0;
}

/* RFC 2104. */
static int hmac(const void *key, size_t n_key, fr_str text, digest *out, fr_err *err)
{
    unsigned char block[BLOCK_BYTES] = { 0 };
    digest inner;
    FR_AUTO(fr_buf) buf = { 0 };
    if (n_key > BLOCK_BYTES) {
        FR_TRY(sha256(key, n_key, &inner, err));
        memcpy(block, inner.at, DIGEST_BYTES);
    } else {
        memcpy(block, key, n_key);
    }
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        fr_buf_put_c(&buf, (char)(block[i] ^ 0x36));
    fr_buf_put_str(&buf, text);
    FR_TRY(sha256(buf.at, buf.n, &inner, err));
    fr_buf_clear(&buf);
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        fr_buf_put_c(&buf, (char)(block[i] ^ 0x5c));
    fr_buf_put(&buf, inner.at, DIGEST_BYTES);
    return sha256(buf.at, buf.n, out, err);
}

static bool is_unreserved(char c)
{
    return isalnum((unsigned char)c) || strchr("-._~", c) != NULL;
}

/* ---- canonical request ---- */

static void put_encoded(fr_buf *out, fr_str text, const char *also)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i];
        if (c != '\0' && (is_unreserved(c) || strchr(also, c) != NULL))
            fr_buf_put_c(out, c);
        else
            fr_buf_put_f(out, "%%%02X", (unsigned char)c);
    }
}

/* Dot segments and doubled slashes go (RFC 3986, 5.2.4); a slash at the end stays. */
static void put_path(fr_buf *out, fr_str path)
{
    fr_str pieces[PIECES_MOST], rest = path, piece;
    size_t n = 0;
    bool ends_open = path.n == 0 || path.at[path.n - 1] == '/';
    while (fr_str_next(&rest, '/', &piece)) {
        ends_open = rest.n == 0 &&
                    (path.at[path.n - 1] == '/' || fr_str_is(piece, ".") || fr_str_is(piece, ".."));
        if (fr_str_is(piece, "..")) {
            n -= n > 0;
        } else if (piece.n > 0 && !fr_str_is(piece, ".") && n < PIECES_MOST) {
            pieces[n++] = piece;
        }
    }
    for (size_t i = 0; i < n; i++) {
        fr_buf_put_c(out, '/');
        put_encoded(out, pieces[i], "");
    }
    if (n == 0 || ends_open)
        fr_buf_put_c(out, '/');
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* By name, then by value: a '=' must not weigh in, so it sorts as the lowest byte meanwhile. */
static void put_query(fr_buf *out, fr_str query)
{
    char *pieces[PIECES_MOST];
    size_t n = 0;
    fr_str piece;
    while (n < PIECES_MOST && fr_str_next(&query, '&', &piece)) {
        FR_AUTO(fr_buf) one = { 0 };
        size_t equals = 0;
        bool has_value = fr_str_find(piece, FR_STR("="), &equals);
        fr_str name = { piece.at, has_value ? equals : piece.n };
        fr_str value =
            has_value ? (fr_str){ piece.at + equals + 1, piece.n - equals - 1 } : (fr_str){ 0 };
        if (piece.n == 0)
            continue;
        put_encoded(&one, name, "%");
        fr_buf_put_c(&one, '\1');
        put_encoded(&one, value, "%");
        pieces[n++] = fr_buf_take(&one);
    }
    fr_sort(pieces, n, sizeof pieces[0], by_text);
    for (size_t i = 0; i < n; i++) {
        *strchr(pieces[i], '\1') = '=';
        fr_buf_put_f(out, "%s%s", i > 0 ? "&" : "", pieces[i]);
        free(pieces[i]);
    }
}

typedef struct {
    fr_str host, path, query;
} url_parts;

static int split_url(const char *url, url_parts *out, fr_err *err)
{
    const char *host = strstr(url, "://");
    if (host == NULL || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0))
        return fr_fail(err, FR_E_USAGE, "As https://monitoring.eu-west-3.amazonaws.com/.",
                       "an address of http or https is needed to sign a request");
    host += 3;
    size_t n = strcspn(host, "/?#");
    out->host = (fr_str){ host, n };
    const char *path = host + n, *query = path + strcspn(path, "?#");
    out->path = (fr_str){ path, (size_t)(query - path) };
    out->query = *query == '?' ? (fr_str){ query + 1, strcspn(query + 1, "#") } : (fr_str){ 0 };
    if (strncmp(url, "https://", 8) == 0 && fr_str_ends(out->host, FR_STR(":443")))
        out->host.n -= 4; /* a client leaves the usual port out of Host */
    else if (strncmp(url, "http://", 7) == 0 && fr_str_ends(out->host, FR_STR(":80")))
        out->host.n -= 3;
    return 0;
}

/* "name:value" with the name in lower case, blanks at the ends gone and runs of them made one. */
static char *canonical_header(fr_str name, fr_str value)
{
    FR_AUTO(fr_buf) out = { 0 };
    name = fr_str_trim(name);
    value = fr_str_trim(value);
    for (size_t i = 0; i < name.n; i++)
        fr_buf_put_c(&out, (char)tolower((unsigned char)name.at[i]));
    fr_buf_put_c(&out, '\1');
    for (size_t i = 0; i < value.n; i++) {
        if (value.at[i] != ' ' || value.at[i - 1] != ' ')
            fr_buf_put_c(&out, value.at[i]);
    }
    return fr_buf_take(&out);
}

static int by_name(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    size_t n = strcspn(x, "\1"), m = strcspn(y, "\1");
    int order = memcmp(x, y, FR_MIN(n, m));
    return order != 0 ? order : (n > m) - (n < m);
}

typedef struct {
    char *at[PIECES_MOST];
    size_t n;
} header_list;

static void add_header(header_list *list, fr_str name, fr_str value)
{
    if (list->n < PIECES_MOST)
        list->at[list->n++] = canonical_header(name, value);
}

/* Lines of the canonical request, and the names joined by semicolons. Headers of one name become
 * one line, values in the order they came in. The list is freed. */
static void put_headers(header_list *list, fr_buf *lines, fr_buf *names)
{
    for (size_t i = 1; i < list->n; i++) /* stable, which fr_sort() is not */
        for (size_t k = i; k > 0 && by_name(&list->at[k], &list->at[k - 1]) < 0; k--) {
            char *swap = list->at[k];
            list->at[k] = list->at[k - 1];
            list->at[k - 1] = swap;
        }
    for (size_t i = 0; i < list->n; i++) {
        size_t n = strcspn(list->at[i], "\1");
        bool goes_on = i > 0 && by_name(&list->at[i], &list->at[i - 1]) == 0;
        bool ends = i + 1 == list->n || by_name(&list->at[i], &list->at[i + 1]) != 0;
        if (!goes_on) {
            fr_buf_put_f(lines, "%.*s:", (int)n, list->at[i]);
            fr_buf_put_f(names, "%s%.*s", i > 0 ? ";" : "", (int)n, list->at[i]);
        }
        fr_buf_put_f(lines, "%s%s%s", goes_on ? "," : "", list->at[i] + n + 1, ends ? "\n" : "");
    }
    for (size_t i = 0; i < list->n; i++)
        free(list->at[i]);
}

/* ---- the door ---- */

static int signing_key(const fr_aws *who, fr_str day, digest *out, fr_err *err)
{
    FR_AUTO(fr_buf) secret = { 0 };
    fr_buf_put_f(&secret, "AWS4%s", who->secret_key);
    FR_TRY(hmac(secret.at, secret.n, day, out, err));
    memset(secret.at, 0, secret.n);
    digest key = *out;
    FR_TRY(hmac(key.at, DIGEST_BYTES, fr_str_of(who->region), out, err));
    key = *out;
    FR_TRY(hmac(key.at, DIGEST_BYTES, fr_str_of(who->service), out, err));
    key = *out;
    return hmac(key.at, DIGEST_BYTES, FR_STR("aws4_request"), out, err);
}

int fr_sigv4(const fr_aws *who, const char *method, const char *url, const char *const *headers,
             fr_str body, int64_t unix_ns, fr_sigv4_headers *out, fr_err *err)
{
    *out = (fr_sigv4_headers){ 0 };
    url_parts parts = { 0 };
    FR_TRY(split_url(url, &parts, err));
    char stamp[20], hex[FR_SHA256_HEX];
    time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    fr_str day = { stamp, 8 };

    header_list list = { .n = 0 };
    add_header(&list, FR_STR("host"), parts.host);
    add_header(&list, FR_STR("x-amz-date"), fr_str_of(stamp));
    if (who->session_token != NULL)
        add_header(&list, FR_STR("x-amz-security-token"), fr_str_of(who->session_token));
    for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
        fr_str value = fr_str_of(headers[i]), name;
        if (fr_str_next(&value, ':', &name))
            add_header(&list, name, value);
    }
    FR_AUTO(fr_buf) lines = { 0 };
    FR_AUTO(fr_buf) names = { 0 };
    put_headers(&list, &lines, &names);

    FR_AUTO(fr_buf) request = { 0 };
    FR_TRY(fr_sha256(body.at, body.n, hex, err));
    fr_buf_put_f(&request, "%s\n", method);
    put_path(&request, parts.path);
    fr_buf_put_c(&request, '\n');
    put_query(&request, parts.query);
    fr_buf_put_f(&request, "\n%s\n%s\n%s", fr_buf_text(&lines), fr_buf_text(&names), hex);
    FR_TRY(fr_sha256(request.at, request.n, hex, err));

    FR_AUTO(fr_buf) scope = { 0 };
    FR_AUTO(fr_buf) to_sign = { 0 };
    fr_buf_put_f(&scope, "%.*s/%s/%s/aws4_request", FR_STR_F(day), who->region, who->service);
    fr_buf_put_f(&to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, fr_buf_text(&scope), hex);
    digest key, signature;
    FR_TRY(signing_key(who, day, &key, err));
    FR_TRY(hmac(key.at, DIGEST_BYTES, fr_buf_str(&to_sign), &signature, err));
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", signature.at[i]);
    out->line[out->n++] = fr_dup_f("X-Amz-Date: %s", stamp);
    if (who->session_token != NULL)
        out->line[out->n++] = fr_dup_f("X-Amz-Security-Token: %s", who->session_token);
    out->line[out->n++] =
        fr_dup_f("Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                 who->access_key, fr_buf_text(&scope), fr_buf_text(&names), hex);
    return 0;
}

void fr_sigv4_headers_fini(fr_sigv4_headers *h)
{
    for (size_t i = 0; i < h->n; i++) {
        memset(h->line[i], 0, strlen(h->line[i]));
        free(h->line[i]);
    }
    *h = (fr_sigv4_headers){ 0 };
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

int fr_aws_from_environment(const char *service, fr_aws *out, fr_err *err)
{
    return fr_aws_in_region(service, NULL, out, err);
}

int fr_aws_in_region(const char *service, const char *region, fr_aws *out, fr_err *err)
{
    *out = (fr_aws){ .access_key = variable("AWS_ACCESS_KEY_ID"),
                     .secret_key = variable("AWS_SECRET_ACCESS_KEY"),
                     .session_token = variable("AWS_SESSION_TOKEN"),
                     .region = region != NULL ? region : variable("AWS_REGION"),
                     .service = service };
    if (out->region == NULL)
        out->region = variable("AWS_DEFAULT_REGION");
    const char *missing = out->access_key == NULL   ? "AWS_ACCESS_KEY_ID"
                          : out->secret_key == NULL ? "AWS_SECRET_ACCESS_KEY"
                          : out->region == NULL     ? "AWS_REGION"
                                                    : NULL;
    if (missing == NULL)
        return 0;
    return fr_fail(err, FR_E_USAGE,
                   "`aws configure export-credentials --format env` prints the keys as variables.",
                   "%s is not set, which a call to AWS needs", missing);
}
