/**
 * err.h: filling an fr_err, inside the library. The type and the codes are in frugal/err.h.
 *
 *     if (size < HEADER_BYTES)
 *         return fr_fail(err, FR_E_FORMAT, "Download it again.", "'%s' is cut short", path);
 *     FR_TRY(fr_file_read(path, limit, &text, err));
 */
#ifndef FR_BASE_ERR_H
#define FR_BASE_ERR_H

#include <frugal/err.h>
#include "base/compiler.h"

/**
 * Fills err (which may be NULL), returns code. hint may be NULL: no way out is known. What others
 * wrote may stand in a message as it is: bytes that are no text, and controls, become '?'.
 */
int fr_fail(fr_err *err, int code, const char *hint, const char *fmt, ...) FR_PRINTF(4, 5);

/** The same for a failed system call: ": strerror(errno)" is added, ENOENT, EACCES… pick the code.
 */
int fr_fail_errno(fr_err *err, const char *hint, const char *fmt, ...) FR_PRINTF(3, 4);

/** Puts "context: " before what an error says; keeps code and hint. Returns err's code. */
int fr_err_within(fr_err *err, const char *fmt, ...) FR_PRINTF(2, 3);

#define FR_TRY(call)                                                                               \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ != 0)                                                                              \
            return rc_;                                                                            \
    } while (0)

#endif
