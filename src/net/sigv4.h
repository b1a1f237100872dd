/**
 * net/sigv4.h: signs a request to AWS (Signature Version 4: "Create a signed AWS API request",
 * docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 *
 *     fr_aws who = { 0 };
 *     fr_sigv4_headers signed_by;
 *     FR_TRY(fr_aws_from_environment("monitoring", &who, err));
 *     FR_TRY(fr_sigv4(&who, "POST", url, headers, body, fr_now_unix_ns(), &signed_by, err));
 *     … headers and signed_by.line[0 … n - 1] are sent with the request
 *
 * Secrets stay in the caller's structure; no error text holds one.
 */
#ifndef FR_NET_SIGV4_H
#define FR_NET_SIGV4_H

#include <stdint.h>
#include "base/buf.h"

/** Borrowed texts. session_token NULL: keys that do not expire. */
typedef struct {
    const char *access_key, *secret_key, *session_token;
    const char *region, *service;
} fr_aws;

/**
 * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION or AWS_DEFAULT_REGION;
 * borrowed from the environment. FR_E_USAGE names the variable that is missing.
 */
int fr_aws_from_environment(const char *service, fr_aws *out, fr_err *err);
/** The same with a region of one's own, borrowed; NULL: the environment's. */
int fr_aws_in_region(const char *service, const char *region, fr_aws *out, fr_err *err);

#define FR_SIGV4_LINES 3
typedef struct {
    char *line[FR_SIGV4_LINES + 1]; /* owned, "Name: value", NULL-terminated */
    size_t n;
} fr_sigv4_headers;
void fr_sigv4_headers_fini(fr_sigv4_headers *h);
FR_AUTO_DEFINE(fr_sigv4_headers);

/**
 * X-Amz-Date, Authorization, and X-Amz-Security-Token where there is one.
 *
 * url      as it will be sent, already percent-encoded; its host is signed
 * headers  NULL-terminated "Name: value"; all of them are signed. NULL: none
 * Errors   FR_E_USAGE: no URL of http or https; FR_E_UNSUPPORTED: no libcrypto.
 */
int fr_sigv4(const fr_aws *who, const char *method, const char *url, const char *const *headers,
             fr_str body, int64_t unix_ns, fr_sigv4_headers *out, fr_err *err);

#endif
