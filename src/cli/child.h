/**
 * cli/child.h: a program of the user's run as if we were not there: its input, output, terminal,
 * process group, signal dispositions and exit status are its own.
 *
 *     fr_child_prepare(&child, argv);                  from here on signals are for it
 *     FR_TRY(fr_child_start(&child, (const char *[]){ "NAME=value", NULL }, &exit_code, err));
 *     fr_child_wait(&child, NULL, &end);               signals are ours again
 */
#ifndef FR_CLI_CHILD_H
#define FR_CLI_CHILD_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

typedef struct {
    pid_t pid;
    char **argv; /* borrowed */
    sigset_t mask_before;
} fr_child;

typedef struct {
    int exit_code;            /* 128 + n when signal n ended it */
    double cpu_s;             /* of it and of all that it waited for, to the microsecond */
    double memory_peak_bytes; /* resident, of the largest of those processes */
} fr_child_end;

/** What is done meanwhile by the thread that waits. */
typedef struct {
    /** Comes at once and then when it said [ns of CLOCK_MONOTONIC; INT64_MAX: never]. */
    int64_t (*beat)(void *user);
    /** SIGURG came, which is what a descriptor with O_ASYNC and F_SETSIG may send; or NULL. */
    void (*called)(void *user);
    void *user;
} fr_child_meanwhile;

/** Blocks the signals that are passed on; whom the program leaves behind becomes our child. */
void fr_child_prepare(fr_child *c, char **argv);
/** env (NULL-terminated NAME=VALUE) is put into its environment. 126 or 127 in *exit_code and
 * FR_E_CHILD when the program cannot be run, as env(1) does; then it is given up, too. */
int fr_child_start(fr_child *c, const char *const *env, int *exit_code, fr_err *err);
/** Passes on what others send us (not what the terminal sends: it got that too). */
void fr_child_wait(fr_child *c, const fr_child_meanwhile *meanwhile, fr_child_end *out);
/** Gives up a child that was prepared and not started. */
void fr_child_abandon(fr_child *c);

#endif
