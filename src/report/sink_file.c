/*
 * Lines in a file: a board as JSON ("file"), or CloudWatch's embedded metric format ("emf"), which
 * may also go to stdout. A batch is written as a whole or not at all: what a full disk cut off is
 * taken back, so that no half line stays. Retention: a file that has half of what may be kept is
 * renamed to FILE.1, in place of the one before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "report/sink_priv.h"

#define KEEP_BYTES ((size_t)64 << 20)

typedef struct {
    char *path; /* NULL: stdout */
    int fd;
    bool emf;
    size_t keep_bytes;
    char host[256], name_space[256];
} file;

static int open_path(file *f, fr_err *err)
{
    f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (f->fd < 0)
        return fr_fail_errno(err, "Name a file in a folder that exists and may be written.",
                             "cannot write to '%s'", f->path);
    return 0;
}

static int open_as(bool emf, const char *where, const fr_sink_options *options, void **state,
                   char shown[128], fr_err *err)
{
    file *f = FR_NEW(file);
    f->emf = emf;
    f->fd = STDOUT_FILENO;
    f->keep_bytes = options->keep_bytes > 0 ? options->keep_bytes : KEEP_BYTES;
    snprintf(f->host, sizeof f->host, "%s", options->host);
    snprintf(f->name_space, sizeof f->name_space, "%s", options->name_space);
    snprintf(shown, 128, "%s", where);
    if (strcmp(where, "-") != 0) {
        f->path = fr_dup(where);
        int rc = open_path(f, err);
        if (rc != 0) {
            free(f->path);
            free(f);
            return rc;
        }
    }
    *state = f;
    return 0;
}

static int file_open(const char *where, const fr_sink_options *options, void **state,
                     char shown[128], fr_err *err)
{
    return open_as(false, where, options, state, shown, err);
}

static int emf_open(const char *where, const fr_sink_options *options, void **state,
                    char shown[128], fr_err *err)
{
    return open_as(true, where, options, state, shown, err);
}

static void file_encode(void *state, const fr_board *board, fr_outbox *out)
{
    const file *f = state;
    FR_AUTO(fr_buf) body = { 0 };
    if (f->emf)
        fr_emf_put(board, f->host, f->name_space, &body);
    else
        fr_board_put_line(board, f->host, &body);
    fr_outbox_take(out, &body);
}

/* The file of before makes room; somebody else's log rotation may have taken ours away, too. */
static int rotate(file *f, size_t n, fr_err *err)
{
    struct stat st, named;
    if (f->path == NULL || fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    bool moved =
        stat(f->path, &named) != 0 || named.st_ino != st.st_ino || named.st_dev != st.st_dev;
    bool full = st.st_size > 0 && (size_t)st.st_size + n > f->keep_bytes / 2;
    if (!moved && !full)
        return 0;
    if (!moved) {
        char *before = fr_dup_f("%s.1", f->path);
        int rc = rename(f->path, before);
        free(before);
        if (rc != 0)
            return fr_fail_errno(err, NULL, "cannot put '%s' aside", f->path);
    }
    int old = f->fd;
    int rc = open_path(f, err);
    if (rc != 0)
        f->fd = old;
    else
        close(old);
    return rc != 0 ? FR_E_IO : 0;
}

static int file_send(void *state, fr_str body, const fr_progress *stop, fr_err *err)
{
    file *f = state;
    (void)stop;
    FR_TRY(rotate(f, body.n, err));
    struct stat st;
    bool regular = fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode);
    for (size_t at = 0; at < body.n;) {
        ssize_t n = write(f->fd, body.at + at, body.n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int why = errno;
            if (regular && ftruncate(f->fd, st.st_size) != 0)
                why = errno;
            errno = why;
            fr_fail_errno(err, "Make room, or name another file.", "cannot write to '%s'",
                          f->path != NULL ? f->path : "stdout");
            return FR_E_IO;
        }
        at += (size_t)n;
    }
    return 0;
}

static void file_close(void *state)
{
    file *f = state;
    if (f->path != NULL)
        close(f->fd);
    free(f->path);
    free(f);
}

const fr_sink_row fr_sink_file = {
    .name = "file", .open = file_open, .encode = file_encode, .send = file_send, .close = file_close
};
const fr_sink_row fr_sink_emf = {
    .name = "emf", .open = emf_open, .encode = file_encode, .send = file_send, .close = file_close
};
