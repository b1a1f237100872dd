/**
 * cli/child.h: a program of the user's run as if we were not there: its input, output, terminal,
 * process group, signal dispositions and exit status are its own.
 *
 *     FR_TRY(fr_child_start(argv, &child, err));      forked, waiting
 *     FR_TRY(fr_child_go(&child, (const char *[]){ "NAME=value", NULL }, &exit_code, err));
 *     fr_child_wait(&child, &end);
 */
#ifndef FR_CLI_CHILD_H
#define FR_CLI_CHILD_H

#include <signal.h>
#include <sys/types.h>
#include "base/err.h"

typedef struct {
    pid_t pid;
    const char *name;     /* borrowed from argv */
    int go_fd, failed_fd; /* to it: go; from it: why it could not become the program */
    sigset_t mask_before;
} fr_child;

typedef struct {
    int exit_code;            /* 128 + n when signal n ended it */
    double cpu_s;             /* of it and of all that it waited for, to the microsecond */
    double memory_peak_bytes; /* resident, of the largest of those processes */
} fr_child_end;

/**
 * Forks before any thread exists. The child waits for fr_child_go() before it becomes the program.
 * Until fr_child_wait() returns, signals are taken by it and passed on.
 */
int fr_child_start(char **argv, fr_child *out, fr_err *err);
/** env (NULL-terminated NAME=VALUE, a few hundred bytes) is put into its environment. 126 or 127 in
 * *exit_code and FR_E_CHILD when the program cannot be run, as env(1) does. */
int fr_child_go(fr_child *c, const char *const *env, int *exit_code, fr_err *err);
/** Passes on what others send us (not what the terminal sends: it got that too). */
void fr_child_wait(fr_child *c, fr_child_end *out);
/** Gives up a child that was not let go. */
void fr_child_abandon(fr_child *c);

#endif
