#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli_priv.h"

extern char **environ;

/* Passed on when somebody sends them to us; what the terminal's keys send goes to the whole
 * foreground group, the child included. Stop and continue are left to the system. */
static const int PASSED_ON[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

static sigset_t taken_signals(void)
{
    sigset_t taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGCHLD);
    sigaddset(&taken, SIGURG);
    for (size_t i = 0; i < FR_COUNT_OF(PASSED_ON); i++)
        sigaddset(&taken, PASSED_ON[i]);
    return taken;
}

void fr_child_prepare(fr_child *c, char **argv)
{
    sigset_t taken = taken_signals();
    *c = (fr_child){ .argv = argv };
    sigprocmask(SIG_BLOCK, &taken, &c->mask_before);
    /* Daemons of the child come to us instead of init, so that their time is seen. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void fr_child_abandon(fr_child *c)
{
    sigprocmask(SIG_SETMASK, &c->mask_before, NULL);
}

/* ---- starting ---- */

/*
 * The file that execvp() would run, without trying each folder of PATH by an exec that fails, which
 * costs ten times a look. 0, or the errno.
 */
static int find_program(const char *name, char **out)
{
    const char *path = getenv("PATH");
    int error = ENOENT;
    *out = NULL;
    if (strchr(name, '/') != NULL) {
        *out = fr_dup(name);
        return 0;
    }
    fr_str rest = fr_str_of(path != NULL ? path : "/bin:/usr/bin"), folder;
    for (bool more = name[0] != '\0'; more;) {
        size_t n = 0;
        while (n < rest.n && rest.at[n] != ':')
            n++;
        folder = (fr_str){ rest.at, n };
        more = n < rest.n;
        rest = (fr_str){ rest.at + n + more, rest.n - n - more };
        char *file =
            folder.n > 0 ? fr_dup_f("%.*s/%s", FR_STR_F(folder), name) : fr_dup_f("./%s", name);
        struct stat status;
        if (access(file, X_OK) == 0 && stat(file, &status) == 0 && S_ISREG(status.st_mode)) {
            *out = file;
            return 0;
        }
        if (errno == EACCES)
            error = EACCES;
        free(file);
    }
    return error;
}

/* Our environment with env's names in it or in place of what was there. Free the array alone. */
static char **environment_with(const char *const *env)
{
    size_t n = 0, n_more = 0, at = 0;
    while (environ[n] != NULL)
        n++;
    while (env[n_more] != NULL)
        n_more++;
    char **all = fr_array(n + n_more + 1, sizeof *all);
    for (size_t i = 0; i < n_more; i++)
        all[at++] = (char *)env[i];
    for (size_t i = 0; i < n; i++) {
        bool is_replaced = false;
        for (size_t k = 0; k < n_more && !is_replaced; k++) {
            size_t name = strcspn(env[k], "=") + 1;
            is_replaced = strncmp(environ[i], env[k], name) == 0;
        }
        if (!is_replaced)
            all[at++] = environ[i];
    }
    all[at] = NULL;
    return all;
}

/* Without copying our memory: it is borrowed until the program takes its place. */
static int spawn(fr_child *c, const char *file, char **env)
{
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &c->mask_before);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    fr_signals_restore(); /* blocked until fr_child_wait() is done */
    int error = posix_spawn(&c->pid, file, NULL, &attributes, c->argv, env);
    if (error == ENOEXEC) { /* a script without its first line, as execvp() runs it */
        size_t n = 0;
        while (c->argv[n] != NULL)
            n++;
        char **argv = fr_array(n + 2, sizeof *argv);
        argv[0] = "sh";
        argv[1] = (char *)file;
        memcpy(argv + 2, c->argv + 1, n * sizeof *argv);
        error = posix_spawn(&c->pid, "/bin/sh", NULL, &attributes, argv, env);
        free(argv);
    }
    fr_signals_catch();
    posix_spawnattr_destroy(&attributes);
    return error;
}

int fr_child_start(fr_child *c, const char *const *env, int *exit_code, fr_err *err)
{
    char *file = NULL, **all = environment_with(env);
    int error = find_program(c->argv[0], &file);
    if (error == 0)
        error = spawn(c, file, all);
    free(file);
    free(all);
    if (error == 0)
        return 0;
    fr_child_abandon(c);
    *exit_code = error == ENOENT ? 127 : 126;
    errno = error;
    const char *hint = error == ENOENT   ? "Check the name, or give a path."
                       : error == EACCES ? "Is it a program, and may you run it (chmod +x)?"
                                         : NULL;
    return fr_fail(err, FR_E_CHILD, hint, "'%s' cannot be run: %s", c->argv[0], strerror(error));
}

/* ---- waiting ---- */

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

/* The next signal, or 0 when it is time for the beat. */
static int next_signal(const sigset_t *taken, int64_t due_ns, siginfo_t *info)
{
    if (due_ns == INT64_MAX)
        return sigwaitinfo(taken, info);
    int64_t left_ns = FR_MAX(due_ns - fr_now_monotonic_ns(), 0);
    struct timespec left = { left_ns / 1000000000, left_ns % 1000000000 };
    int number = sigtimedwait(taken, info, &left);
    return number < 0 && errno == EAGAIN ? 0 : number;
}

void fr_child_wait(fr_child *c, const fr_child_meanwhile *meanwhile, fr_child_end *out)
{
    sigset_t taken = taken_signals();
    int64_t due_ns = INT64_MAX;
    *out = (fr_child_end){ 0 };
    if (meanwhile != NULL)
        due_ns = meanwhile->beat(meanwhile->user);
    for (bool has_ended = reap(c, out); !has_ended;) {
        siginfo_t info;
        int number = next_signal(&taken, due_ns, &info);
        bool sent =
            number > 0 && number != SIGCHLD && number != SIGURG &&
            (info.si_code == SI_USER || info.si_code == SI_QUEUE || info.si_code == SI_TKILL);
        if (sent && info.si_pid != c->pid)
            kill(c->pid, number);
        if (number == SIGCHLD)
            has_ended = reap(c, out);
        if (number == SIGURG && meanwhile != NULL && meanwhile->called != NULL)
            meanwhile->called(meanwhile->user);
        if (!has_ended && due_ns != INT64_MAX && fr_now_monotonic_ns() >= due_ns)
            due_ns = meanwhile->beat(meanwhile->user);
    }
    /* What came meanwhile was for the child and is spent. */
    static const struct timespec NO_TIME = { 0, 0 };
    while (sigtimedwait(&taken, NULL, &NO_TIME) > 0)
        continue;
    sigprocmask(SIG_SETMASK, &c->mask_before, NULL);
}
