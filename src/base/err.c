#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *fr_err_name(int code)
{
    switch (code) {
    case 0:
        return "FR_OK";
#define NAME_CASE(name, number, exit_status, meaning)                                              \
    case number:                                                                                   \
        return #name;
        FR_ERRORS(NAME_CASE)
#undef NAME_CASE
    }
    return "FR_E_UNKNOWN";
}

int fr_err_exit_status(int code)
{
    switch (code) {
    case 0:
        return 0;
#define STATUS_CASE(name, number, exit_status, meaning)                                            \
    case number:                                                                                   \
        return exit_status;
        FR_ERRORS(STATUS_CASE)
#undef STATUS_CASE
    }
    return 1;
}

/* A cut text ends in an ellipsis, so that nobody takes it for the whole. */
static void put_text(char *at, size_t size, const char *fmt, va_list args)
{
    int n = vsnprintf(at, size, fmt, args);
    if (n >= (int)size)
        memcpy(at + size - 4, "...", 4);
}

int fr_fail(fr_err *err, int code, const char *hint, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    /* The arguments may point into err itself (wrapping an earlier error), so build apart. */
    fr_err filled = { .code = code };
    va_list args;
    va_start(args, fmt);
    put_text(filled.what, sizeof(filled.what), fmt, args);
    va_end(args);
    if (hint != NULL)
        snprintf(filled.hint, sizeof(filled.hint), "%s", hint);
    *err = filled;
    return code;
}

static int code_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return FR_E_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return FR_E_PERMISSION;
    case ENOMEM:
        return FR_E_NO_MEMORY;
    case EINTR:
        return FR_E_INTERRUPTED;
    default:
        return FR_E_IO;
    }
}

int fr_fail_errno(fr_err *err, const char *hint, const char *fmt, ...)
{
    int number = errno;
    int code = code_of_errno(number);
    if (err == NULL)
        return code;
    char what[sizeof(err->what)];
    va_list args;
    va_start(args, fmt);
    put_text(what, sizeof(what), fmt, args);
    va_end(args);
    if (hint == NULL && (number == ENOSPC || number == EDQUOT))
        hint = "Free some space, or choose another place, and run it again.";
    return fr_fail(err, code, hint, "%s: %s", what, strerror(number));
}

int fr_err_within(fr_err *err, const char *fmt, ...)
{
    if (err == NULL)
        return FR_E_FAILED;
    char context[sizeof(err->what)];
    va_list args;
    va_start(args, fmt);
    put_text(context, sizeof(context), fmt, args);
    va_end(args);
    return fr_fail(err, err->code, err->hint, "%s: %s", context, err->what);
}
