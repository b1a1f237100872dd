/**
 * frugal/err.h: how every frugal function says that something failed.
 *
 * What can fail returns 0 or a negative FR_E_* and takes `fr_err *err` last; NULL is welcome.
 * The struct lives on the caller's stack and needs no freeing. The library never prints.
 *
 *     fr_err err = { 0 };
 *     fr_meter *meter = NULL;
 *     if (fr_meter_open(NULL, &meter, &err) != 0)
 *         fprintf(stderr, "%s\n%s\n", err.what, err.hint);
 */
#ifndef FRUGAL_ERR_H
#define FRUGAL_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

/** What libfrugal exports; everything else in it is hidden. */
#ifndef FR_API
#define FR_API __attribute__((visibility("default")))
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libfrugal exports */
#endif

/**
 * One row an error: name, number (pinned for ever), exit status of the program, meaning.
 * Exit status 1 = failed, 2 = usage, 3 = done, but a stated target, limit or scope was not met.
 */
#define FR_ERRORS(X)                                                                               \
    X(FR_E_FAILED, -1, 1, "failed, for the reason that is given")                                  \
    X(FR_E_USAGE, -2, 2, "an option, argument or configuration key is wrong")                      \
    X(FR_E_NOT_FOUND, -3, 1, "a file, model, run or row does not exist")                           \
    X(FR_E_FORMAT, -4, 1, "a file does not have the form it should have")                          \
    X(FR_E_UNSUPPORTED, -5, 1, "known, but not something frugal can do here")                      \
    X(FR_E_LIMIT, -6, 3, "a stated limit, budget or target was not met")                           \
    X(FR_E_NO_MEMORY, -7, 1, "not enough memory")                                                  \
    X(FR_E_IO, -8, 1, "reading or writing failed")                                                 \
    X(FR_E_PERMISSION, -9, 1, "the operating system refuses access")                               \
    X(FR_E_SENSOR, -10, 1, "no sensor gave a usable reading")                                      \
    X(FR_E_NETWORK, -11, 1, "a server did not answer, or not as agreed")                           \
    X(FR_E_INTERRUPTED, -12, 1, "stopped by a signal; what was done is kept")                      \
    X(FR_E_BUSY, -13, 1, "somebody else holds it")                                                 \
    X(FR_E_CHILD, -14, 1, "a program that frugal started failed")

enum {
#define FR_ERRORS_ENUM(name, number, exit_status, meaning) name = number,
    FR_ERRORS(FR_ERRORS_ENUM)
#undef FR_ERRORS_ENUM
};

/**
 * code   0 or FR_E_*.
 * what   one lower-case line without full stop: the thing and the reason.
 * hint   one sentence: the way out. May be empty.
 */
typedef struct fr_err {
    int code;
    char what[384];
    char hint[384];
} fr_err;

/** The name of a code, "FR_E_FORMAT"; "FR_E_UNKNOWN" for a number that is none. Static. */
FR_API const char *fr_err_name(int code);

/** The exit status that the program ends with for a code: 0, 1, 2 or 3. */
FR_API int fr_err_exit_status(int code);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
