#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "meter/meter_priv.h"

long fr_sysfile_block(fr_sysfile *f, char *out, size_t size)
{
    int fd = f->fd >= 0 ? f->fd : open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = pread(fd, out, size - 1, 0);
    int error = errno;
    if (f->fd < 0 && !f->is_moved && n >= 0)
        f->fd = fd;
    else if (f->fd < 0)
        close(fd);
    errno = error;
    out[n < 0 ? 0 : n] = '\0';
    return n;
}

int fr_sysfile_read(fr_sysfile *f, int64_t *out)
{
    char text[32];
    long n = fr_sysfile_block(f, text, sizeof text);
    if (n < 0)
        return errno;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (n == 0 || end == text || errno != 0 || (*end != '\n' && *end != '\0'))
        return EPROTO;
    *out = value;
    return 0;
}

int fr_sysfile_open(fr_sysfile *f, bool is_moved, const char *fmt, ...)
{
    int64_t value;
    va_list args;
    va_start(args, fmt);
    vsnprintf(f->path, sizeof f->path, fmt, args);
    va_end(args);
    f->fd = -1;
    f->is_moved = is_moved;
    return fr_sysfile_read(f, &value);
}

void fr_sysfile_close(fr_sysfile *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

bool fr_sysfile_text(char *out, size_t size, const char *fmt, ...)
{
    char path[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(path, sizeof path, fmt, args);
    va_end(args);
    FR_AUTO(fr_buf) text = { .limit_bytes = 4096 };
    out[0] = '\0';
    if (fr_file_read(path, 4095, &text, NULL) != 0)
        return false;
    fr_str rest = fr_buf_str(&text), line = { 0 };
    fr_str_next(&rest, '\n', &line);
    line = fr_str_trim(line);
    snprintf(out, size, "%.*s", FR_STR_F(line));
    return line.n > 0;
}
