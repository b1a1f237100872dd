/**
 * proc.h: runs another program: input on its stdin, output collected, a time limit, no shell
 * unless asked for. The child leads a process group of its own, which is ended as a whole; should
 * we be killed ourselves, the kernel ends the child (what it started itself may outlive it).
 *
 *     fr_proc_result done = { 0 };
 *     FR_TRY(fr_proc_run(&(fr_proc_options){ .shell = "python tune.py", .timeout_s = 600 },
 *                        &done, err));
 */
#ifndef FR_BASE_PROC_H
#define FR_BASE_PROC_H

#include "base/buf.h"
#include "base/progress.h"

typedef struct {
    const char *const *argv;     /* NULL-terminated; or */
    const char *shell;           /* a line for /bin/sh -c */
    const char *cwd;             /* NULL: ours */
    const char *const *env;      /* NULL-terminated NAME=VALUE added to ours; NULL: none */
    fr_str input;                /* on stdin, then end of file */
    double timeout_s;            /* 0: none */
    size_t output_limit_bytes;   /* 0: 64 MiB */
    const fr_progress *progress; /* asked for `stopped` about ten times a second while it runs */
} fr_proc_options;

typedef struct {
    int exit_code; /* -1 when ended by a signal */
    int signal;
    fr_buf out;      /* stdout */
    fr_buf err_tail; /* the last 4 KiB of stderr */
    double cpu_s;    /* user and system time of the child and what it waited for */
} fr_proc_result;

/**
 * 0 when it ran and ended by itself, whatever its exit code. FR_E_NOT_FOUND no such program;
 * FR_E_LIMIT time or output limit; FR_E_INTERRUPTED progress said stop.
 */
int fr_proc_run(const fr_proc_options *options, fr_proc_result *out, fr_err *err);
void fr_proc_result_fini(fr_proc_result *r);
FR_AUTO_DEFINE(fr_proc_result);

#endif
