/**
 * net/download.h: a large file from a server, whole or not at all: what is there stays when the
 * connection is lost and is gone on with (Range, If-Range), the SHA-256 is checked, and the file
 * gets its name only then.
 *
 *     FR_TRY(fr_download(&(fr_download_request){ .url = url, .path = "model.gguf",
 *                                                .sha256 = hex }, &got, err));
 *
 * Beside PATH stand PATH.part, what is there so far, and PATH.part.json, of which file it is.
 * FRUGAL_OFFLINE=1 refuses. One download of a path at a time (FR_E_BUSY); any number of paths.
 */
#ifndef FR_NET_DOWNLOAD_H
#define FR_NET_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/progress.h"

typedef struct {
    const char *url, *path;
    const char *sha256;         /* 64 hex digits; NULL: the server's word, if it gives one */
    const char *const *headers; /* NULL-terminated "Name: value" */
    int retries;      /* in a row without a new byte, on lost connections, 429 and 5xx; 0: 4,
                         negative: none */
    double backoff_s; /* before the first retry, doubled each time; 0: 1 */
    double stall_s;   /* so long without bytes the connection is lost; 0: 30 */
    bool again;       /* also where the file is there already */
    const fr_progress *progress;
} fr_download_request;

typedef struct {
    uint64_t size_bytes, received_bytes; /* received now; less where it went on or was there */
    int tries;
    bool was_there;
    bool verified;              /* the hash was stated, here or by the server, and is this */
    char sha256[FR_SHA256_HEX]; /* of what is there now */
} fr_downloaded;

/**
 * Errors  FR_E_NETWORK the address does not answer, or not as agreed; FR_E_NOT_FOUND, 404;
 *         FR_E_PERMISSION 401 and 403; FR_E_FORMAT another hash than stated: nothing is kept;
 *         FR_E_IO no room; FR_E_BUSY; FR_E_INTERRUPTED: what is there is kept.
 */
int fr_download(const fr_download_request *request, fr_downloaded *out, fr_err *err);

#endif
