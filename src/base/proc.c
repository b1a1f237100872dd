#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define OUTPUT_LIMIT_BYTES ((size_t)64 << 20)
#define TAIL_BYTES         4096
#define LOOK_AROUND_MS     100

typedef struct {
    pid_t pid;
    int in, out, err; /* our ends; -1 when closed */
    int started;      /* reads errno of a failed exec, else end of file */
} child;

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* In the child, between fork and exec: only async-signal-safe calls. */
static void become(const fr_proc_options *o, char *const *argv, char *const *env, int in, int out,
                   int err, int started, pid_t parent)
{
    setpgid(0, 0);
    /* whoever kills us with a signal that cannot be caught does not leave it working for nobody */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (o->cwd == NULL || chdir(o->cwd) == 0) {
        environ = (char **)env;
        execvp(argv[0], argv);
    }
    int number = errno;
    ssize_t told = write(started, &number, sizeof(number));
    _exit(told == (ssize_t)sizeof(number) ? 127 : 126);
}

static char **environment(const char *const *added)
{
    size_t n = 0, more = 0;
    while (environ[n] != NULL)
        n++;
    while (added != NULL && added[more] != NULL)
        more++;
    char **env = FR_NEW_N(char *, n + more + 1);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t name = strcspn(environ[i], "=") + 1;
        bool replaced = false;
        for (size_t k = 0; k < more && !replaced; k++)
            replaced = strncmp(environ[i], added[k], name) == 0;
        if (!replaced)
            env[kept++] = environ[i];
    }
    for (size_t k = 0; k < more; k++)
        env[kept++] = (char *)added[k];
    return env;
}

static int start(const fr_proc_options *o, child *c, fr_err *err)
{
    const char *const shell[] = { "/bin/sh", "-c", o->shell, NULL };
    char *const *argv = (char *const *)(o->shell != NULL ? shell : o->argv);
    int in[2], out[2], errs[2], started[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(errs, O_CLOEXEC) != 0 ||
        pipe2(started, O_CLOEXEC) != 0)
        return fr_fail_errno(err, NULL, "cannot start '%s'", argv[0]);
    char **env = environment(o->env);
    pid_t parent = getpid();
    c->pid = fork();
    if (c->pid == 0)
        become(o, argv, env, in[0], out[1], errs[1], started[1], parent);
    free(env);
    close(in[0]);
    close(out[1]);
    close(errs[1]);
    close(started[1]);
    c->in = in[1];
    c->out = out[0];
    c->err = errs[0];
    if (c->pid < 0) {
        close(started[0]);
        return fr_fail_errno(err, NULL, "cannot start '%s'", argv[0]);
    }
    setpgid(c->pid, c->pid); /* whoever of the two comes first */
    int number = 0;
    ssize_t n = read(started[0], &number, sizeof(number));
    close(started[0]);
    if (n == (ssize_t)sizeof(number)) {
        waitpid(c->pid, NULL, 0);
        c->pid = -1;
        errno = number;
        return fr_fail_errno(err, "Check the name, and that it may be run.", "cannot start '%s'",
                             argv[0]);
    }
    fcntl(c->in, F_SETFL, O_NONBLOCK);
    return 0;
}

static void keep_tail(fr_buf *tail, const char *bytes, size_t n)
{
    fr_buf_put(tail, bytes, n);
    if (tail->n > TAIL_BYTES) {
        memmove(tail->at, tail->at + (tail->n - TAIL_BYTES), TAIL_BYTES);
        tail->n = TAIL_BYTES;
        tail->at[TAIL_BYTES] = '\0';
    }
}

/* Moves bytes until both outputs are closed. */
static int converse(const fr_proc_options *o, child *c, fr_proc_result *r, int64_t end_ns,
                    fr_err *err)
{
    size_t sent = 0;
    size_t limit = o->output_limit_bytes != 0 ? o->output_limit_bytes : OUTPUT_LIMIT_BYTES;
    char block[1 << 14];
    while (c->out >= 0 || c->err >= 0) {
        if (sent == o->input.n)
            close_fd(&c->in);
        struct pollfd fds[3] = { { c->in, POLLOUT, 0 },
                                 { c->out, POLLIN, 0 },
                                 { c->err, POLLIN, 0 } };
        poll(fds, 3, LOOK_AROUND_MS);
        if (fr_progress_stopped(o->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped while a command was running");
        if (end_ns != 0 && fr_now_monotonic_ns() > end_ns)
            return fr_fail(err, FR_E_LIMIT, "Give it more time, or make it quicker.",
                           "no end after %.0f s", o->timeout_s);
        if (c->in >= 0 && fds[0].revents != 0) {
            ssize_t n = write(c->in, o->input.at + sent, o->input.n - sent);
            if (n > 0)
                sent += (size_t)n;
            else if (n < 0 && errno != EAGAIN && errno != EINTR)
                sent = o->input.n; /* it does not want the rest; that is its right */
        }
        if (fds[1].revents != 0) {
            ssize_t n = read(c->out, block, sizeof(block));
            if (n > 0)
                fr_buf_put(&r->out, block, (size_t)n);
            else if (n == 0 || (errno != EINTR && errno != EAGAIN))
                close_fd(&c->out);
            if (r->out.n > limit)
                return fr_fail(err, FR_E_LIMIT, NULL, "more than %zu bytes of output", limit);
        }
        if (fds[2].revents != 0) {
            ssize_t n = read(c->err, block, sizeof(block));
            if (n > 0)
                keep_tail(&r->err_tail, block, (size_t)n);
            else if (n == 0 || (errno != EINTR && errno != EAGAIN))
                close_fd(&c->err);
        }
    }
    return 0;
}

/* It closed its outputs; it may still run. */
static int await(const fr_proc_options *o, child *c, int64_t end_ns, int *status,
                 struct rusage *usage, fr_err *err)
{
    for (int64_t pause_ns = 200000;; pause_ns = FR_MIN(pause_ns * 2, (int64_t)50000000)) {
        pid_t done = wait4(c->pid, status, WNOHANG, usage);
        if (done == c->pid || (done < 0 && errno != EINTR))
            return 0;
        if (fr_progress_stopped(o->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped while a command was running");
        if (end_ns != 0 && fr_now_monotonic_ns() > end_ns)
            return fr_fail(err, FR_E_LIMIT, "Give it more time, or make it quicker.",
                           "no end after %.0f s", o->timeout_s);
        fr_sleep_ns(pause_ns);
    }
}

int fr_proc_run(const fr_proc_options *options, fr_proc_result *out, fr_err *err)
{
    child c = { -1, -1, -1, -1, -1 };
    struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
    sigaction(SIGPIPE, &ignore, &before);
    int rc = start(options, &c, err);
    int64_t end_ns =
        options->timeout_s > 0 ? fr_now_monotonic_ns() + (int64_t)(options->timeout_s * 1e9) : 0;
    int status = 0;
    struct rusage usage = { 0 };
    if (rc == 0)
        rc = converse(options, &c, out, end_ns, err);
    if (rc == 0)
        rc = await(options, &c, end_ns, &status, &usage, err);
    if (rc != 0 && c.pid > 0) {
        kill(-c.pid, SIGKILL);
        wait4(c.pid, &status, 0, &usage);
    } else if (c.pid > 0) {
        kill(-c.pid, SIGKILL); /* what it left in its group does not outlive it */
    }
    close_fd(&c.in);
    close_fd(&c.out);
    close_fd(&c.err);
    sigaction(SIGPIPE, &before, NULL);
    out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    out->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    return rc;
}

void fr_proc_result_fini(fr_proc_result *r)
{
    fr_buf_fini(&r->out);
    fr_buf_fini(&r->err_tail);
}
