/* download.c: a file by libcurl into PATH.part. What a try leaves there the next one goes on with,
 * if the server says it is still the same file: If-Range with the ETag that came with the first
 * byte. A server that knows no Range sends all of it again. */
#include "net/download.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "net/curl_door.h"
#include "net/http.h"

#define RETRIES        4
#define BACKOFF_S      1.0
#define BACKOFF_MAX_S  30.0
#define STALL_S        30.0
#define CONNECT_S      15.0
#define REDIRECTS_MAX  5
#define LOOK_AROUND_NS 50000000

enum { TAG_BYTES = 160 };

typedef struct {
    const fr_download_request *request;
    fr_downloaded *out;
    const curl_door *door;
    void *curl;
    char *part, *note;
    int fd;
    uint64_t have_bytes, total_bytes; /* total 0: not known */
    char tag[TAG_BYTES];              /* ETag of what is there; "" none */
    char stated[FR_SHA256_HEX];       /* by the request or the server; "" nobody */
    /* of one try */
    char new_tag[TAG_BYTES];
    uint64_t from_bytes, length_bytes;
    bool checked, ranged;
    bool locked; /* the part is ours */
    int status;
    fr_err failed; /* inside a callback */
} job;

static void job_fini(job *j)
{
    if (j->fd >= 0)
        close(j->fd);
    if (j->curl != NULL)
        j->door->easy_cleanup(j->curl);
    free(j->part);
    free(j->note);
}

static const char *bare(const job *j, fr_buf *url)
{
    fr_buf_clear(url);
    fr_url_bare(j->request->url, url);
    return fr_buf_text(url);
}

/* ---- what is there already ------------------------------------------------------------------- */

static bool is_hex64(fr_str text)
{
    size_t n = 0;
    while (n < text.n && strchr("0123456789abcdefABCDEF", text.at[n]) != NULL)
        n++;
    return n == text.n && n == FR_SHA256_HEX - 1;
}

static void keep_hash(job *j, fr_str hex)
{
    if (!is_hex64(hex) || j->stated[0] != '\0')
        return;
    for (size_t i = 0; i < hex.n; i++)
        j->stated[i] = (char)(hex.at[i] | (hex.at[i] >= 'A' && hex.at[i] <= 'F' ? 0x20 : 0));
}

/* Of the same address, or what is there is of no use. */
static void read_note(job *j)
{
    json_t *note = json_load_file(j->note, 0, NULL);
    const char *url = json_string_value(json_object_get(note, "url"));
    const char *tag = json_string_value(json_object_get(note, "etag"));
    if (url != NULL && tag != NULL && strcmp(url, j->request->url) == 0)
        snprintf(j->tag, sizeof(j->tag), "%s", tag);
    json_decref(note);
}

static void write_note(job *j)
{
    json_t *note = json_pack("{s:s, s:s}", "url", j->request->url, "etag", j->tag);
    char *text = json_dumps(note, JSON_INDENT(2));
    fr_file_write(j->note, fr_str_of(text), NULL); /* without it the next run begins anew */
    free(text);
    json_decref(note);
}

static int open_part(job *j, fr_err *err)
{
    struct stat s;
    char *folder = fr_path_dir(j->request->path);
    int rc = fr_dir_make(folder, err);
    free(folder);
    FR_TRY(rc);
    j->fd = open(j->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (j->fd < 0)
        return fr_fail_errno(err, NULL, "cannot write '%s'", j->part);
    if (flock(j->fd, LOCK_EX | LOCK_NB) != 0)
        return fr_fail(err, FR_E_BUSY, NULL, "'%s' is being downloaded by another process",
                       j->request->path);
    j->locked = true;
    read_note(j);
    if (fstat(j->fd, &s) == 0)
        j->have_bytes = (uint64_t)s.st_size;
    if (j->tag[0] == '\0' && j->have_bytes != 0) {
        j->have_bytes = 0;
        if (ftruncate(j->fd, 0) != 0)
            return fr_fail_errno(err, NULL, "cannot write '%s'", j->part);
    }
    return 0;
}

/* ---- one try --------------------------------------------------------------------------------- */

static bool header_is(fr_str line, const char *name, fr_str *value)
{
    size_t n = strlen(name);
    if (line.n < n || strncasecmp(line.at, name, n) != 0)
        return false;
    *value = fr_str_trim((fr_str){ line.at + n, line.n - n });
    return true;
}

/* "bytes 100-199/200". */
static void read_range(job *j, fr_str value)
{
    char text[96];
    unsigned long long from, to, total;
    snprintf(text, sizeof(text), "%.*s", FR_STR_F(value));
    if (sscanf(text, "bytes %llu-%llu/%llu", &from, &to, &total) == 3) {
        j->ranged = true;
        j->from_bytes = from;
        j->total_bytes = total;
    }
}

static size_t on_header(char *bytes, size_t size, size_t n, void *user)
{
    job *j = user;
    fr_str line = { bytes, size * n }, value;
    if (fr_str_starts(line, FR_STR("HTTP/"))) { /* of the next answer, behind a redirect */
        j->new_tag[0] = '\0';
        j->length_bytes = 0;
        j->ranged = false;
    } else if (header_is(line, "etag:", &value)) {
        if (value.n < TAG_BYTES && !fr_str_starts(value, FR_STR("W/")))
            snprintf(j->new_tag, TAG_BYTES, "%.*s", FR_STR_F(value));
    } else if (header_is(line, "x-linked-etag:", &value)) { /* of hubs: the file's SHA-256 */
        if (value.n > 2 && value.at[0] == '"')
            value = (fr_str){ value.at + 1, value.n - 2 };
        keep_hash(j, value);
    } else if (header_is(line, "content-range:", &value)) {
        read_range(j, value);
    } else if (header_is(line, "content-length:", &value)) {
        long long length;
        if (fr_str_to_i64(value, &length) && length > 0)
            j->length_bytes = (uint64_t)length;
    }
    return size * n;
}

static int check_room(job *j)
{
    struct statvfs disk;
    uint64_t needed = j->total_bytes > j->have_bytes ? j->total_bytes - j->have_bytes : 0;
    if (fstatvfs(j->fd, &disk) != 0 || (uint64_t)disk.f_bavail * disk.f_frsize >= needed)
        return 0;
    return fr_fail(&j->failed, FR_E_IO, "Make room, or choose another folder.",
                   "'%s' needs %.2f GB more, but there are %.2f GB free", j->request->path,
                   (double)needed / 1e9, (double)disk.f_bavail * (double)disk.f_frsize / 1e9);
}

/* The first bytes of an answer: where they belong. */
static int begin(job *j)
{
    if (j->status == 206 && (!j->ranged || j->from_bytes != j->have_bytes))
        return fr_fail(&j->failed, FR_E_NETWORK, NULL,
                       "the server sent another part of the file than it was asked for");
    if (j->status == 200) {
        j->have_bytes = 0;
        j->total_bytes = j->length_bytes;
        if (ftruncate(j->fd, 0) != 0)
            return fr_fail_errno(&j->failed, NULL, "cannot write '%s'", j->part);
    }
    snprintf(j->tag, TAG_BYTES, "%s", j->new_tag);
    write_note(j);
    return check_room(j);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    job *j = user;
    long status = 0;
    n *= size;
    j->door->easy_getinfo(j->curl, INFO_RESPONSE_CODE, &status);
    j->status = (int)status;
    if (status != 200 && status != 206)
        return n; /* the page of an error */
    if (!j->checked && begin(j) != 0)
        return 0;
    j->checked = true;
    for (size_t done = 0; done < n;) {
        ssize_t wrote = pwrite(j->fd, bytes + done, n - done, (off_t)j->have_bytes);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            fr_fail_errno(&j->failed, "Is the disk full?", "cannot write '%s'", j->part);
            return 0;
        }
        done += (size_t)wrote;
        j->have_bytes += (uint64_t)wrote;
        j->out->received_bytes += (uint64_t)wrote;
    }
    return n;
}

static int on_progress(void *user, int64_t down_total, int64_t down, int64_t up_total, int64_t up)
{
    job *j = user;
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    if (j->have_bytes > 0)
        fr_progress_step(j->request->progress, "download", (double)j->have_bytes,
                         (double)j->total_bytes, "bytes", NULL);
    return fr_progress_stopped(j->request->progress);
}

static struct curl_slist *headers_of(const job *j)
{
    char line[TAG_BYTES + 32];
    struct curl_slist *list = NULL;
    for (size_t i = 0; j->request->headers != NULL && j->request->headers[i] != NULL; i++)
        list = j->door->slist_append(list, j->request->headers[i]);
    if (j->have_bytes > 0) {
        snprintf(line, sizeof(line), "Range: bytes=%llu-", (unsigned long long)j->have_bytes);
        list = j->door->slist_append(list, line);
        snprintf(line, sizeof(line), "If-Range: %s", j->tag);
        list = j->door->slist_append(list, line);
    }
    return list;
}

static int perform(job *j, char *why)
{
    const curl_door *d = j->door;
    double stall_s = j->request->stall_s > 0 ? j->request->stall_s : STALL_S;
    struct curl_slist *headers = headers_of(j);
    j->checked = false;
    j->status = 0;
    why[0] = '\0';
    d->easy_reset(j->curl);
    d->easy_setopt(j->curl, OPT_URL, j->request->url);
    d->easy_setopt(j->curl, OPT_PROTOCOLS, (long)PROTOCOLS_HTTP_HTTPS);
    d->easy_setopt(j->curl, OPT_NOSIGNAL, 1L);
    d->easy_setopt(j->curl, OPT_USERAGENT, "frugal/" FR_VERSION);
    d->easy_setopt(j->curl, OPT_ERRORBUFFER, why);
    d->easy_setopt(j->curl, OPT_CONNECTTIMEOUT_MS, (long)(CONNECT_S * 1e3));
    d->easy_setopt(j->curl, OPT_LOW_SPEED_LIMIT, 1L);
    d->easy_setopt(j->curl, OPT_LOW_SPEED_TIME, (long)(stall_s < 1 ? 1 : stall_s));
    d->easy_setopt(j->curl, OPT_FOLLOWLOCATION, 1L);
    d->easy_setopt(j->curl, OPT_MAXREDIRS, (long)REDIRECTS_MAX);
    d->easy_setopt(j->curl, OPT_WRITEFUNCTION, on_body);
    d->easy_setopt(j->curl, OPT_WRITEDATA, j);
    d->easy_setopt(j->curl, OPT_HEADERFUNCTION, on_header);
    d->easy_setopt(j->curl, OPT_HEADERDATA, j);
    d->easy_setopt(j->curl, OPT_XFERINFOFUNCTION, on_progress);
    d->easy_setopt(j->curl, OPT_XFERINFODATA, j);
    d->easy_setopt(j->curl, OPT_NOPROGRESS, 0L);
    d->easy_setopt(j->curl, OPT_HTTPHEADER, headers);
    int code = d->easy_perform(j->curl);
    long status = 0;
    d->easy_getinfo(j->curl, INFO_RESPONSE_CODE, &status);
    j->status = (int)status;
    d->slist_free_all(headers);
    j->out->tries++;
    return code;
}

/* ---- all tries ------------------------------------------------------------------------------- */

static bool is_lost(int code)
{
    return code == CURL_NO_CONNECT || code == CURL_GOT_NOTHING || code == CURL_SEND_ERROR ||
           code == CURL_RECV_ERROR || code == CURL_TIMED_OUT || code == CURL_PARTIAL_FILE;
}

static int status_fail(const job *j, fr_err *err)
{
    FR_AUTO(fr_buf) url = { 0 };
    const char *name = bare(j, &url);
    if (j->status == 404 || j->status == 410)
        return fr_fail(err, FR_E_NOT_FOUND, "Check its name and revision.",
                       "%s: there is no such file (HTTP %d)", name, j->status);
    if (j->status == 401 || j->status == 403)
        return fr_fail(err, FR_E_PERMISSION,
                       "A gated or private model needs its licence accepted and HF_TOKEN set.",
                       "%s: the server refuses access (HTTP %d)", name, j->status);
    return fr_fail(err, FR_E_NETWORK, NULL, "%s: the server answered HTTP %d", name, j->status);
}

/* 0: whole. Positive: to be tried again. */
static int outcome(job *j, int code, const char *why, fr_err *err)
{
    FR_AUTO(fr_buf) url = { 0 };
    if (j->failed.code != 0) {
        *err = j->failed;
        return j->failed.code;
    }
    if (code == CURL_ABORTED)
        return fr_fail(err, FR_E_INTERRUPTED, "The same command goes on with it.",
                       "stopped after %llu bytes of '%s'", (unsigned long long)j->have_bytes,
                       j->request->path);
    if (code == CURL_OK && j->status == 416) { /* nothing behind what is there, or another file */
        j->have_bytes = 0;
        j->tag[0] = '\0';
        fr_fail(err, FR_E_NETWORK, NULL, "%s: what was there is longer than the file",
                bare(j, &url));
        return ftruncate(j->fd, 0) == 0 ? 1
                                        : fr_fail_errno(err, NULL, "cannot write '%s'", j->part);
    }
    if (code == CURL_OK && (j->status == 429 || (j->status >= 500 && j->status != 501))) {
        status_fail(j, err);
        return 1;
    }
    if (code == CURL_OK && j->status != 200 && j->status != 206)
        return status_fail(j, err);
    if (code == CURL_OK && (j->total_bytes == 0 || j->have_bytes == j->total_bytes))
        return 0;
    fr_fail(err, FR_E_NETWORK, "The same command goes on with what is there.",
            "%s: %s (%llu bytes)", bare(j, &url),
            code == CURL_OK || code == CURL_PARTIAL_FILE ? "the connection ended within the file"
            : why[0] != '\0'                             ? why
                                                         : j->door->easy_strerror(code),
            (unsigned long long)j->have_bytes);
    return code == CURL_OK || is_lost(code) ? 1 : FR_E_NETWORK;
}

static int wait_for(double seconds, const fr_progress *progress, fr_err *err)
{
    int64_t until_ns = fr_now_monotonic_ns() + (int64_t)(seconds * 1e9);
    for (int64_t left_ns; (left_ns = until_ns - fr_now_monotonic_ns()) > 0;) {
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, "The same command goes on with it.",
                           "the download was stopped");
        fr_sleep_ns(progress != NULL ? FR_MIN(left_ns, (int64_t)LOOK_AROUND_NS) : left_ns);
    }
    return 0;
}

static int fetch(job *j, fr_err *err)
{
    const fr_download_request *r = j->request;
    const int retries = r->retries == 0 ? RETRIES : FR_MAX(r->retries, 0);
    const double first_s = r->backoff_s > 0 ? r->backoff_s : BACKOFF_S;
    double backoff_s = first_s;
    char why[ERROR_TEXT_BYTES];
    fr_err last = { 0 };
    for (int idle = 0;;) {
        const uint64_t before = j->have_bytes;
        int rc = outcome(j, perform(j, why), why, &last);
        if (rc == 0)
            return 0;
        if (j->tag[0] == '\0') /* without a tag nobody knows whether it is the same file */
            j->have_bytes = 0;
        const bool moved = j->have_bytes > before;
        idle = moved ? 1 : idle + 1;
        backoff_s = moved ? first_s : backoff_s;
        if (rc < 0 || idle > retries) {
            if (err != NULL)
                *err = last;
            return last.code;
        }
        FR_TRY(wait_for(FR_MIN(backoff_s, BACKOFF_MAX_S), r->progress, err));
        backoff_s *= 2;
    }
}

static int check_hash(job *j, const char *path, bool remove, fr_err *err)
{
    FR_TRY(fr_sha256_file(path, j->out->sha256, err));
    j->out->verified = j->stated[0] != '\0' && strcmp(j->stated, j->out->sha256) == 0;
    if (j->stated[0] == '\0' || j->out->verified)
        return 0;
    if (remove) {
        unlink(j->part);
        unlink(j->note);
    }
    return fr_fail(err, FR_E_FORMAT,
                   remove ? "It was damaged on the way or exchanged at its source; nothing is kept."
                          : "Say --again to fetch it anew.",
                   "'%s' has the SHA-256 %.16s…, not %.16s… as stated", j->request->path,
                   j->out->sha256, j->stated);
}

static int finish(job *j, fr_err *err)
{
    FR_TRY(check_hash(j, j->part, true, err));
    if (fsync(j->fd) != 0 || rename(j->part, j->request->path) != 0)
        return fr_fail_errno(err, NULL, "cannot write '%s'", j->request->path);
    unlink(j->note);
    j->out->size_bytes = j->have_bytes;
    return 0;
}

static int found(job *j, fr_err *err)
{
    struct stat s;
    if (stat(j->request->path, &s) != 0)
        return fr_fail_errno(err, NULL, "cannot read '%s'", j->request->path);
    j->out->size_bytes = (uint64_t)s.st_size;
    j->out->was_there = true;
    return check_hash(j, j->request->path, false, err);
}

static int download(job *j, fr_err *err)
{
    if (j->request->sha256 != NULL && !is_hex64(fr_str_of(j->request->sha256)))
        return fr_fail(err, FR_E_USAGE, "It takes 64 hexadecimal digits.", "'%.70s' is no SHA-256",
                       j->request->sha256);
    keep_hash(j, fr_str_of(j->request->sha256));
    if (!j->request->again && fr_file_exists(j->request->path))
        return found(j, err);
    if (fr_net_is_offline()) {
        FR_AUTO(fr_buf) url = { 0 };
        return fr_fail(err, FR_E_NETWORK, "Unset FRUGAL_OFFLINE to let frugal use the network.",
                       "%s was not asked: FRUGAL_OFFLINE is set", bare(j, &url));
    }
    FR_TRY(curl_door_open(&j->door, err));
    j->curl = j->door->easy_init();
    if (j->curl == NULL)
        return fr_fail(err, FR_E_NO_MEMORY, NULL, "libcurl gave no handle");
    FR_TRY(open_part(j, err));
    FR_TRY(fetch(j, err));
    return finish(j, err);
}

int fr_download(const fr_download_request *request, fr_downloaded *out, fr_err *err)
{
    job j = { .request = request, .out = out, .fd = -1 };
    *out = (fr_downloaded){ 0 };
    j.part = fr_dup_f("%s.part", request->path);
    j.note = fr_dup_f("%s.part.json", request->path);
    int rc = download(&j, err);
    if (rc != 0 && j.locked && j.have_bytes == 0) { /* nothing to go on with */
        unlink(j.part);
        unlink(j.note);
    }
    job_fini(&j);
    return rc;
}
