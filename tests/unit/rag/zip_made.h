/* zip_made.h: zip archives made by hand, so that tests can lie in every field. */
#ifndef ZIP_MADE_H
#define ZIP_MADE_H

#include <stdint.h>
#include <string.h>

#include "base/buf.h"

typedef struct {
    const char *name;
    fr_str bytes;
    int packed;             /* as deflate (in stored blocks) */
    uint32_t says_unpacked; /* 0: the truth */
    uint16_t flags, method; /* method 0: by packed */
} zip_file;

static inline void put_le(fr_buf *out, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        fr_buf_put_c(out, (char)(v >> 8 * i));
}

/* A deflate stream of stored blocks (RFC 1951, 3.2.4). */
static inline void put_deflated(fr_buf *out, fr_str bytes)
{
    do {
        uint32_t n = bytes.n > 65535 ? 65535 : (uint32_t)bytes.n;
        fr_buf_put_c(out, n == bytes.n);
        put_le(out, n, 2);
        put_le(out, ~n, 2);
        fr_buf_put(out, bytes.at, n);
        bytes.at += n;
        bytes.n -= n;
    } while (bytes.n > 0);
}

static inline void zip_made(const zip_file *files, size_t n, fr_buf *out)
{
    fr_buf directory = { 0 };
    for (size_t i = 0; i < n; i++) {
        const zip_file *f = &files[i];
        fr_buf data = { 0 };
        uint32_t at = (uint32_t)out->n, name_n = (uint32_t)strlen(f->name);
        if (f->packed)
            put_deflated(&data, f->bytes);
        else
            fr_buf_put_str(&data, f->bytes);
        uint32_t unpacked = f->says_unpacked != 0 ? f->says_unpacked : (uint32_t)f->bytes.n;
        uint32_t method = f->method != 0 ? f->method : f->packed ? 8 : 0;
        fr_buf_put(out, "PK\3\4\24\0", 6);
        put_le(out, f->flags, 2);
        put_le(out, method, 2);
        put_le(out, 0, 8);
        put_le(out, (uint32_t)data.n, 4);
        put_le(out, unpacked, 4);
        put_le(out, name_n, 2);
        put_le(out, 0, 2);
        fr_buf_put_s(out, f->name);
        fr_buf_put_str(out, fr_buf_str(&data));
        fr_buf_put(&directory, "PK\1\2\24\0\24\0", 8);
        put_le(&directory, f->flags, 2);
        put_le(&directory, method, 2);
        put_le(&directory, 0, 8);
        put_le(&directory, (uint32_t)data.n, 4);
        put_le(&directory, unpacked, 4);
        put_le(&directory, name_n, 2);
        for (int z = 0; z < 12; z++)
            fr_buf_put_c(&directory, 0);
        put_le(&directory, at, 4);
        fr_buf_put_s(&directory, f->name);
        fr_buf_fini(&data);
    }
    uint32_t where = (uint32_t)out->n;
    fr_buf_put_str(out, fr_buf_str(&directory));
    fr_buf_put(out, "PK\5\6\0\0\0\0", 8);
    put_le(out, (uint32_t)n, 2);
    put_le(out, (uint32_t)n, 2);
    put_le(out, (uint32_t)directory.n, 4);
    put_le(out, where, 4);
    put_le(out, 0, 2);
    fr_buf_fini(&directory);
}

#endif
