#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
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

/* Bytes of the well-formed UTF-8 character at s, 0 when there is none. (src/text has the whole of
 * it; this floor needs no more than whether a byte may be shown.) */
static size_t character(const unsigned char *s)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (s[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    }
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool none = (s[0] == 0xED && s[1] >= 0xA0) || (s[0] == 0xF4 && s[1] >= 0x90);
    return overlong || none ? 0 : n;
}

/* What others wrote (a file's name, a program's last words, a server's answer) may hold anything. A
 * message goes to terminals and into JSON: what is no text becomes '?', and so do controls, which
 * could move a cursor; white space becomes a blank, or stays where lines are allowed. */
static void make_plain(char *text, bool lines)
{
    unsigned char *to = (unsigned char *)text;
    for (const unsigned char *from = to; *from != '\0';) {
        size_t n = character(from);
        bool control = *from < 0x20 || *from == 0x7F || (*from == 0xC2 && from[1] < 0xA0);
        if (n != 0 && !control) {
            memmove(to, from, n);
            to += n;
            from += n;
            continue;
        }
        bool white = *from == '\n' || *from == '\t' || *from == '\r';
        *to++ = white ? (unsigned char)(lines && *from == '\n' ? '\n' : ' ') : '?';
        from += n != 0 ? n : 1;
    }
    *to = '\0';
}

/* A cut text ends in an ellipsis, so that nobody takes it for the whole, behind a whole character.
 */
static void put_text(char *at, size_t size, const char *fmt, va_list args)
{
    int n = vsnprintf(at, size, fmt, args);
    if (n < (int)size)
        return;
    size_t end = size - 4, first = end;
    while (first > 0 && end - first < 4 && ((unsigned char)at[first] & 0xC0) == 0x80)
        first--;
    if (((unsigned char)at[first] & 0xC0) == 0xC0)
        end = first;
    memcpy(at + end, "...", 4);
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
    make_plain(filled.what, false);
    make_plain(filled.hint, true);
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
