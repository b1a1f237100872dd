/**
 * archive.h: plain tar files (ustar, POSIX.1-1988) of a few named members, in memory.
 *
 * Read strictly: regular files alone, no folders, links or extensions, each name once, sums and
 * sizes checked; everything else is FR_E_FORMAT. What it writes, tar(1) reads.
 */
#ifndef FR_LEDGER_ARCHIVE_H
#define FR_LEDGER_ARCHIVE_H

#include "base/buf.h"

#define FR_ARCHIVE_MEMBERS 32

typedef struct {
    char name[101];
    fr_str bytes; /* borrowed from what was read */
} fr_archive_member;
typedef struct {
    fr_archive_member at[FR_ARCHIVE_MEMBERS];
    size_t n;
} fr_archive;

int fr_archive_read(fr_str bytes, fr_archive *out, fr_err *err);
/** NULL: no such member. */
const fr_archive_member *fr_archive_find(const fr_archive *a, const char *name);
/** Appends a member; unix_s is its time. fr_archive_end() closes the file. */
void fr_archive_put(fr_buf *out, const char *name, fr_str bytes, long long unix_s);
void fr_archive_end(fr_buf *out);

#endif
