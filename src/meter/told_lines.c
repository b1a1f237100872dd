#include "meter/told_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define LINE_MOST     ((size_t)1 << 16)
#define FILE_MOST     ((size_t)1 << 20)
#define GOES_NS       5000000 /* between two looks whether it went */
#define GOES_PATIENCE 40

extern char **environ;

struct fr_stream {
    char *path; /* of a file; NULL: a command */
    double every_s;
    int64_t due_ns; /* of a file */
    pid_t child;
    int fd;
    fr_buf line;
    bool skips; /* to the end of a line that is too long */
};

/* The shell repeats the command, so that one process of ours is to be told from the tree. */
static bool start(fr_stream *s, const char *command)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    char *loop =
        fr_dup_f("while :; do %s\nprintf '\\n\\036\\n'; sleep %g; done", command, s->every_s);
    char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" }, loop, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawn(&s->child, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(loop);
    close(ends[1]);
    s->fd = ends[0];
    return rc == 0;
}

fr_stream *fr_stream_open(const char *spec, double every_s, fr_bench *bench)
{
    fr_stream *s = FR_NEW(fr_stream);
    s->every_s = every_s;
    s->fd = -1;
    s->line.limit_bytes = LINE_MOST;
    if (strncmp(spec, "file:", 5) == 0 && spec[5] != '\0') {
        s->path = fr_dup(spec + 5);
        return s;
    }
    if (strncmp(spec, "cmd:", 4) == 0 && spec[4] != '\0' && start(s, spec + 4)) {
        if (bench->tree != NULL)
            fr_tree_leave_out(bench->tree, s->child);
        return s;
    }
    fr_stream_close(s);
    return NULL;
}

static void take_bytes(fr_stream *s, fr_str bytes, void (*take)(void *, fr_str), void *user)
{
    while (bytes.n > 0) {
        const char *end = memchr(bytes.at, '\n', bytes.n);
        size_t n = end != NULL ? (size_t)(end - bytes.at) : bytes.n;
        if (!s->skips)
            fr_buf_put(&s->line, bytes.at, n);
        s->skips |= s->line.full;
        if (end != NULL) {
            if (!s->skips)
                take(user, fr_str_trim(fr_buf_str(&s->line)));
            s->skips = s->line.full = false;
            fr_buf_clear(&s->line);
            n++;
        }
        bytes = (fr_str){ bytes.at + n, bytes.n - n };
    }
}

/* The end of it, from the beginning of a line on. */
static bool read_file(const char *path, double stale_s, fr_buf *text)
{
    struct stat st;
    struct statfs fs;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fstat(fd, &st) == 0 && fstatfs(fd, &fs) == 0 && S_ISREG(st.st_mode);
    bool is_made = ok && (fs.f_type == SYSFS_MAGIC || fs.f_type == PROC_SUPER_MAGIC);
    double age_s = ok ? (double)(fr_now_unix_ns() / 1000000000 - st.st_mtime) : 0;
    ok = ok && (is_made || age_s <= stale_s);
    off_t from =
        ok && !is_made && st.st_size > (off_t)FILE_MOST ? st.st_size - (off_t)FILE_MOST : 0;
    char block[4096];
    bool skips = from > 0; /* to the end of a line that is cut */
    for (ssize_t n; ok && (n = pread(fd, block, sizeof block, from)) > 0; from += n) {
        const char *at = block;
        if (skips) {
            const char *end = memchr(block, '\n', (size_t)n);
            if (end == NULL)
                continue;
            at = end + 1;
            skips = false;
        }
        fr_buf_put(text, at, (size_t)(block + n - at));
    }
    close(fd);
    return ok;
}

void fr_stream_read(fr_stream *s, double stale_s, void (*take)(void *user, fr_str line), void *user)
{
    char block[4096];
    if (s->path != NULL) {
        int64_t now_ns = fr_now_monotonic_ns();
        FR_AUTO(fr_buf) text = { .limit_bytes = FILE_MOST + LINE_MOST };
        if (now_ns < s->due_ns)
            return;
        s->due_ns = now_ns + (int64_t)(s->every_s * 1e9);
        if (!read_file(s->path, stale_s, &text))
            return;
        fr_buf_put_s(&text, "\n" FR_STREAM_BREAK "\n");
        take_bytes(s, fr_buf_str(&text), take, user);
        return;
    }
    /* Who tells faster than we listen is listened to for a while only. */
    size_t taken = 0;
    for (ssize_t n; taken < FILE_MOST && (n = read(s->fd, block, sizeof block)) > 0;) {
        take_bytes(s, (fr_str){ block, (size_t)n }, take, user);
        taken += (size_t)n;
    }
}

static void end_child(pid_t child)
{
    if (waitpid(child, NULL, WNOHANG) != 0)
        return; /* it ended, and somebody knows */
    kill(-child, SIGTERM);
    for (int i = 0; i < GOES_PATIENCE; i++) {
        if (waitpid(child, NULL, WNOHANG) != 0)
            return;
        fr_sleep_ns(GOES_NS);
    }
    kill(-child, SIGKILL);
    waitpid(child, NULL, 0);
}

void fr_stream_close(fr_stream *s)
{
    if (s == NULL)
        return;
    if (s->child > 0)
        end_child(s->child);
    if (s->fd >= 0)
        close(s->fd);
    fr_buf_fini(&s->line);
    free(s->path);
    free(s);
}
