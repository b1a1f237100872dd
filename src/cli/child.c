#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli_priv.h"

#define ENV_BYTES 1024 /* less than a pipe takes at once */

/* Passed on when somebody sends them to us; what the terminal's keys send goes to the whole
 * foreground group, the child included. Stop and continue are left to the system. */
static const int PASSED_ON[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

static void become(char **argv, const int go[2], const int failed[2], const sigset_t *mask)
{
    char text[ENV_BYTES] = "", *rest = NULL;
    close(go[1]); /* the pipe must end when frugal lets go of it, whoever else was started */
    close(failed[0]);
    int failed_fd = failed[1];
    ssize_t n = read(go[0], text, sizeof text - 1);
    if (n <= 0)
        _exit(125); /* abandoned */
    for (char *one = strtok_r(text, "\n", &rest); one != NULL; one = strtok_r(NULL, "\n", &rest)) {
        char *equals = strchr(one, '=');
        if (equals == NULL)
            continue;
        *equals = '\0';
        setenv(one, equals + 1, 1);
    }
    fr_signals_restore();
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    int error = errno;
    if (write(failed_fd, &error, sizeof error) != sizeof error)
        _exit(126);
    _exit(error == ENOENT ? 127 : 126);
}

int fr_child_start(char **argv, fr_child *out, fr_err *err)
{
    int go[2], failed[2];
    if (pipe2(go, O_CLOEXEC) != 0)
        return fr_fail_errno(err, NULL, "cannot start '%s'", argv[0]);
    if (pipe2(failed, O_CLOEXEC) != 0) {
        close(go[0]);
        close(go[1]);
        return fr_fail_errno(err, NULL, "cannot start '%s'", argv[0]);
    }
    sigset_t taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGCHLD);
    for (size_t i = 0; i < FR_COUNT_OF(PASSED_ON); i++)
        sigaddset(&taken, PASSED_ON[i]);
    sigprocmask(SIG_BLOCK, &taken, &out->mask_before);
    /* Daemons of the child come to us instead of init, so that their time is seen. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    out->pid = fork();
    if (out->pid == 0)
        become(argv, go, failed, &out->mask_before);
    close(go[0]);
    close(failed[1]);
    out->name = argv[0];
    out->go_fd = go[1];
    out->failed_fd = failed[0];
    if (out->pid < 0) {
        close(go[1]);
        close(failed[0]);
        sigprocmask(SIG_SETMASK, &out->mask_before, NULL);
        return fr_fail_errno(err, NULL, "cannot start '%s'", argv[0]);
    }
    return 0;
}

int fr_child_go(fr_child *c, const char *const *env, int *exit_code, fr_err *err)
{
    char text[ENV_BYTES] = "go\n";
    for (size_t at = strlen(text); *env != NULL && at < sizeof text; env++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s\n", *env);
    ssize_t n = write(c->go_fd, text, strlen(text));
    close(c->go_fd);
    int error = 0;
    if (n > 0 && read(c->failed_fd, &error, sizeof error) != sizeof error)
        error = 0; /* the pipe closed itself: it is the program now */
    close(c->failed_fd);
    if (error == 0)
        return 0;
    waitpid(c->pid, NULL, 0);
    sigprocmask(SIG_SETMASK, &c->mask_before, NULL);
    *exit_code = error == ENOENT ? 127 : 126;
    errno = error;
    const char *hint = error == ENOENT   ? "Check the name, or give a path."
                       : error == EACCES ? "Is it a program, and may you run it (chmod +x)?"
                                         : NULL;
    return fr_fail(err, FR_E_CHILD, hint, "'%s' cannot be run: %s", c->name, strerror(error));
}

void fr_child_abandon(fr_child *c)
{
    close(c->go_fd);
    close(c->failed_fd);
    waitpid(c->pid, NULL, 0);
    sigprocmask(SIG_SETMASK, &c->mask_before, NULL);
}

static double seconds_of(struct timeval tv)
{
    return (double)tv.tv_sec + (double)tv.tv_usec * 1e-6;
}

/* Reaps whoever ended; true when the child itself did. */
static bool reap(fr_child *c, fr_child_end *out)
{
    int status;
    struct rusage used;
    for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &used)) > 0;) {
        out->cpu_s += seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
        if (pid != c->pid)
            continue; /* adopted: a daemon that ended */
        out->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        out->memory_peak_bytes = (double)used.ru_maxrss * 1024;
        return true;
    }
    return false;
}

void fr_child_wait(fr_child *c, fr_child_end *out)
{
    sigset_t taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGCHLD);
    for (size_t i = 0; i < FR_COUNT_OF(PASSED_ON); i++)
        sigaddset(&taken, PASSED_ON[i]);
    *out = (fr_child_end){ 0 };
    while (!reap(c, out)) {
        siginfo_t info;
        int number = sigwaitinfo(&taken, &info);
        bool sent =
            number > 0 && number != SIGCHLD &&
            (info.si_code == SI_USER || info.si_code == SI_QUEUE || info.si_code == SI_TKILL);
        if (sent && info.si_pid != c->pid)
            kill(c->pid, number);
    }
    /* What came meanwhile was for the child and is spent. */
    static const struct timespec NO_TIME = { 0, 0 };
    while (sigtimedwait(&taken, NULL, &NO_TIME) > 0)
        continue;
    sigprocmask(SIG_SETMASK, &c->mask_before, NULL);
}
