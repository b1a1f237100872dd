#include "run/marks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define SENDERS_MOST  256
#define MESSAGE_BYTES 4096
#define DEPTH_MOST    64
#define PATHS_MOST    512
#define BURST         500.0
#define FOLDER_HEAD   "frugal-marks-"
#define FOLDER_TRIES  10

typedef struct {
    char name[FR_MARK_NAME];
    fr_phase *phase; /* NULL: over a limit; its energy is the outer one's */
    size_t sum;      /* index of its path */
    fr_mark_count work[FR_MARK_COUNTS], quality[FR_MARK_COUNTS];
    size_t n_work, n_quality;
} frame;

struct fr_marks {
    fr_run *run;
    char folder[64], path[96];
    int listen_fd, wake_fd;
    struct pollfd fds[2 + SENDERS_MOST];
    size_t n_fds;
    pthread_t thread;
    bool has_thread;
    /* of the thread alone while it runs */
    frame stack[1 + DEPTH_MOST]; /* [0] is the run itself */
    size_t depth;
    double budget;
    int64_t budget_ns;
    uint64_t n_begun;
    fr_mark_summary told;
    size_t paths_cap;
    fr_used *used; /* scratch */
    char text[MESSAGE_BYTES + 1];
};

/* ---- sums by path ---- */

/* The index of a path's row, made when it is new; PATHS_MOST - 1 is for all that are too many. */
static size_t sum_of(fr_marks *m, const char *name)
{
    FR_AUTO(fr_buf) path = { .limit_bytes = 16384 };
    for (size_t i = 1; i <= m->depth; i++)
        fr_buf_put_f(&path, "%s/", m->stack[i].name);
    fr_buf_put_s(&path, name);
    fr_mark_summary *s = &m->told;
    for (size_t i = 0; i < s->n_phases; i++) {
        if (strcmp(s->phases[i].path, fr_buf_text(&path)) == 0)
            return i;
    }
    if (s->n_phases == PATHS_MOST)
        return PATHS_MOST - 1;
    FR_GROW(s->phases, s->n_phases, m->paths_cap);
    bool is_last = s->n_phases == PATHS_MOST - 1;
    s->phases[s->n_phases] = (fr_mark_phase){
        .path = is_last ? fr_dup("(more)") : fr_dup(fr_buf_text(&path)),
        .depth = is_last ? 0 : m->depth,
        .active = fr_energy_zero(),
        .idle = fr_energy_zero(),
        .total = fr_energy_zero(),
    };
    return s->n_phases++;
}

/* The count of a name, made when there is room. */
static fr_mark_count *count_of(fr_mark_count *list, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    }
    if (*n == FR_MARK_COUNTS)
        return NULL;
    fr_mark_count *c = &list[(*n)++];
    snprintf(c->name, sizeof c->name, "%s", name);
    c->value = 0;
    return c;
}

static void add_counts(fr_mark_count *to, size_t *n_to, const fr_mark_count *from, size_t n,
                       bool is_sum)
{
    for (size_t i = 0; i < n; i++) {
        fr_mark_count *c = count_of(to, n_to, from[i].name);
        if (c != NULL)
            c->value = is_sum ? c->value + from[i].value : from[i].value;
    }
}

static void add_used(fr_mark_phase *p, const fr_used *u)
{
    p->n++;
    p->duration_s += u->duration_s;
    p->cpu_s += u->cpu_s;
    p->gpu_s += u->gpu_s;
    p->active = fr_energy_add(p->active, u->active);
    p->idle = fr_energy_add(p->idle, u->idle);
    p->total = fr_energy_add(p->total, u->total);
}

/* ---- phases ---- */

static void write_counts(fr_marks *m, const frame *f)
{
    for (size_t i = 0; i < f->n_work; i++)
        fr_run_note(m->run, "work", f->work[i].name, f->work[i].value, NULL, NULL);
    for (size_t i = 0; i < f->n_quality; i++)
        fr_run_note(m->run, "quality", f->quality[i].name, f->quality[i].value, NULL, NULL);
}

static void end_innermost(fr_marks *m, const char *status)
{
    frame *f = &m->stack[m->depth--], *outer = &m->stack[m->depth];
    if (f->phase == NULL) {
        add_counts(outer->work, &outer->n_work, f->work, f->n_work, true);
        add_counts(outer->quality, &outer->n_quality, f->quality, f->n_quality, false);
        return;
    }
    write_counts(m, f);
    fr_mark_phase *sum = &m->told.phases[f->sum];
    if (fr_phase_end(f->phase, status, m->used, NULL) == 0)
        add_used(sum, m->used);
    add_counts(sum->work, &sum->n_work, f->work, f->n_work, true);
    for (size_t i = 1; i <= m->depth; i++) { /* as its energy is in theirs */
        fr_mark_phase *around = &m->told.phases[m->stack[i].sum];
        if (m->stack[i].phase != NULL && around != sum)
            add_counts(around->work, &around->n_work, f->work, f->n_work, true);
    }
    add_counts(sum->quality, &sum->n_quality, f->quality, f->n_quality, false);
}

/* So many phases a second, a burst more; what is over stands in the nesting alone. */
static bool may_begin(fr_marks *m)
{
    int64_t now_ns = fr_now_monotonic_ns();
    m->budget = fmin(m->budget + (double)(now_ns - m->budget_ns) * 1e-9 * FR_MARKS_PER_S, BURST);
    m->budget_ns = now_ns;
    if (m->budget < 1 || m->n_begun >= FR_MARKS_MOST)
        return false;
    m->budget -= 1;
    m->n_begun++;
    return true;
}

static void begin(fr_marks *m, const char *name)
{
    if (m->depth == DEPTH_MOST) {
        m->told.dropped++;
        return;
    }
    frame f = { 0 };
    snprintf(f.name, sizeof f.name, "%s", name);
    if (!may_begin(m) || fr_phase_begin(m->run, "phase", name, &f.phase, NULL) != 0) {
        m->told.dropped++;
        f.phase = NULL;
    } else {
        f.sum = sum_of(m, name);
    }
    m->stack[++m->depth] = f;
    m->told.taken++;
}

static void end(fr_marks *m, const char *name)
{
    size_t at = m->depth;
    while (name[0] != '\0' && at > 0 && strcmp(m->stack[at].name, name) != 0)
        at--;
    if (at == 0) {
        m->told.unbalanced++;
        return;
    }
    m->told.taken++;
    m->told.unbalanced += m->depth - at; /* inside it, never ended */
    while (m->depth >= at)
        end_innermost(m, "done");
}

static void count(fr_marks *m, const fr_mark_line *line)
{
    frame *f = &m->stack[m->depth];
    bool is_work = line->verb == FR_MARK_WORK;
    fr_mark_count *c = is_work ? count_of(f->work, &f->n_work, line->name)
                               : count_of(f->quality, &f->n_quality, line->name);
    if (c == NULL) {
        m->told.dropped++;
        return;
    }
    c->value = is_work ? c->value + line->value : line->value;
    m->told.taken++;
}

static void follow(fr_marks *m, const fr_mark_line *line, int fd)
{
    char answer[40];
    switch (line->verb) {
    case FR_MARK_NONE:
        m->told.malformed++;
        break;
    case FR_MARK_NEXT:
        if (m->depth > 0)
            end_innermost(m, "done");
        begin(m, line->name);
        break;
    case FR_MARK_BEGIN:
        begin(m, line->name);
        break;
    case FR_MARK_END:
        end(m, line->name);
        break;
    case FR_MARK_WORK:
    case FR_MARK_QUALITY:
        count(m, line);
        break;
    case FR_MARK_DROPPED:
        m->told.dropped += (uint64_t)line->value;
        break;
    case FR_MARK_SYNC:
        snprintf(answer, sizeof answer, "ok %llu\n", (unsigned long long)m->told.taken);
        send(fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT); /* or it is not waited for */
        break;
    }
}

/* ---- messages ---- */

/* One message; false when the sender is gone. */
static bool receive(fr_marks *m, int fd)
{
    ssize_t n = recv(fd, m->text, MESSAGE_BYTES, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    if (n > MESSAGE_BYTES) {
        m->told.malformed++;
        return true;
    }
    fr_str rest = { m->text, (size_t)n }, line;
    while (fr_str_next(&rest, '\n', &line)) {
        fr_mark_line mark;
        if (fr_str_trim(line).n == 0)
            continue;
        fr_mark_parse(line, &mark);
        follow(m, &mark, fd);
    }
    return true;
}

static void welcome(fr_marks *m)
{
    int fd = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (m->n_fds == 2 + SENDERS_MOST) {
        m->told.dropped++;
        close(fd);
        return;
    }
    m->fds[m->n_fds++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static void look_at_senders(fr_marks *m)
{
    for (size_t i = 2; i < m->n_fds; i++) {
        if (m->fds[i].revents == 0)
            continue;
        if (!receive(m, m->fds[i].fd)) {
            close(m->fds[i].fd);
            m->fds[i--] = m->fds[--m->n_fds];
        }
    }
}

static void *listener(void *user)
{
    fr_marks *m = user;
    for (;;) {
        if (poll(m->fds, m->n_fds, -1) < 0 && errno != EINTR)
            break;
        if (m->fds[1].revents != 0)
            break;
        look_at_senders(m);
        if (m->fds[0].revents != 0)
            welcome(m);
    }
    return NULL;
}

/* What was sent before the end is taken; a sender that never stops is not waited for. */
static void take_the_rest(fr_marks *m)
{
    int64_t until_ns = fr_now_monotonic_ns() + 200000000;
    while (fr_now_monotonic_ns() < until_ns && poll(m->fds, m->n_fds, 0) > 0) {
        bool is_any = m->fds[0].revents != 0;
        for (size_t i = 2; i < m->n_fds; i++)
            is_any = is_any || m->fds[i].revents != 0;
        if (!is_any)
            break; /* only our own waking */
        look_at_senders(m);
        if (m->fds[0].revents != 0)
            welcome(m);
    }
}

/* ---- the socket ---- */

static const char *place_of_sockets(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool fits =
        runtime != NULL && runtime[0] == '/' && strlen(runtime) < 40 && access(runtime, W_OK) == 0;
    return fits ? runtime : "/tmp";
}

/* What meters that were killed left in our folder: sockets of processes that are gone. */
static void sweep(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        int pid;
        if (sscanf(e->d_name, "%d-", &pid) == 1 && pid > 0 && kill(pid, 0) != 0 && errno == ESRCH)
            unlinkat(dirfd(dir), e->d_name, 0);
    }
    closedir(dir);
}

/*
 * A folder of this user's alone, which all meters of his share and the last one removes. Where
 * somebody else has taken its name, one by another name, for this meter alone.
 */
static int open_folder(fr_marks *m, const char *place, fr_err *err)
{
    struct stat status;
    snprintf(m->folder, sizeof m->folder, "%s/" FOLDER_HEAD "%u", place, (unsigned)geteuid());
    if (mkdir(m->folder, 0700) == 0)
        return 0;
    if (errno == EEXIST && lstat(m->folder, &status) == 0 && S_ISDIR(status.st_mode) &&
        status.st_uid == geteuid() && (status.st_mode & 0777) == 0700) {
        sweep(m->folder);
        return 0;
    }
    snprintf(m->folder, sizeof m->folder, "%s/" FOLDER_HEAD "XXXXXX", place);
    if (mkdtemp(m->folder) != NULL) /* mode 0700 */
        return 0;
    m->folder[0] = '\0';
    return fr_fail_errno(err, NULL, "no folder for a socket in '%s'", place);
}

static bool bind_socket(fr_marks *m)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char id[FR_ULID_TEXT];
    fr_ulid(id); /* processes of another namespace may have our number */
    snprintf(m->path, sizeof m->path, "%s/%d-%s", m->folder, (int)getpid(), id + FR_ULID_TEXT - 9);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", m->path);
    return bind(m->listen_fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static int open_socket(fr_marks *m, fr_err *err)
{
    m->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    m->wake_fd = eventfd(0, EFD_CLOEXEC);
    bool is_bound = false;
    for (int i = 0; i < FOLDER_TRIES && !is_bound && m->listen_fd >= 0; i++) {
        FR_TRY(open_folder(m, place_of_sockets(), err));
        is_bound = bind_socket(m);
        if (!is_bound && errno != ENOENT) /* the last of the others has just removed it */
            break;
    }
    if (!is_bound || m->wake_fd < 0 || chmod(m->path, 0600) != 0 ||
        listen(m->listen_fd, SENDERS_MOST) != 0)
        return fr_fail_errno(err, NULL, "the socket '%s' cannot be opened", m->path);
    m->fds[0] = (struct pollfd){ .fd = m->listen_fd, .events = POLLIN };
    m->fds[1] = (struct pollfd){ .fd = m->wake_fd, .events = POLLIN };
    m->n_fds = 2;
    return 0;
}

static int start_thread(fr_marks *m, fr_err *err)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    int rc = pthread_create(&m->thread, &attributes, listener, m);
    pthread_attr_destroy(&attributes);
    m->has_thread = rc == 0;
    errno = rc;
    return rc == 0 ? 0 : fr_fail_errno(err, NULL, "the thread that takes marks cannot start");
}

/* Whoever connects sends us that signal. */
static bool call_by(fr_marks *m, int signal)
{
    return fcntl(m->listen_fd, F_SETOWN, getpid()) == 0 &&
           fcntl(m->listen_fd, F_SETSIG, signal) == 0 &&
           fcntl(m->listen_fd, F_SETFL, O_NONBLOCK | O_ASYNC) == 0;
}

static int open_marks(fr_run *run, int signal, fr_marks **out, fr_err *err)
{
    fr_marks *m = FR_NEW(fr_marks);
    *out = NULL;
    m->run = run;
    m->listen_fd = m->wake_fd = -1;
    m->used = FR_NEW(fr_used);
    m->budget = BURST;
    m->budget_ns = fr_now_monotonic_ns();
    int rc = open_socket(m, err);
    if (rc == 0 && (signal == 0 || !call_by(m, signal)))
        rc = start_thread(m, err);
    if (rc != 0) {
        fr_marks_close(m, NULL);
        return rc;
    }
    *out = m;
    return 0;
}

int fr_marks_open(fr_run *run, fr_marks **out, fr_err *err)
{
    return open_marks(run, 0, out, err);
}

int fr_marks_open_quiet(fr_run *run, int signal, fr_marks **out, fr_err *err)
{
    return open_marks(run, signal, out, err);
}

void fr_marks_serve(fr_marks *m)
{
    if (m->has_thread)
        return;
    fcntl(m->listen_fd, F_SETFL, O_NONBLOCK); /* no more signals: the thread hears of it first */
    fr_err err = { 0 };
    if (start_thread(m, &err) != 0)
        fr_log(FR_LOG_WARN, "marks are taken at the end only: %s", err.what);
}

const char *fr_marks_path(const fr_marks *m)
{
    return m->path;
}

static void end_all(fr_marks *m)
{
    uint64_t one = 1;
    if (m->has_thread && write(m->wake_fd, &one, sizeof one) == (ssize_t)sizeof one)
        pthread_join(m->thread, NULL);
    if (m->n_fds > 0)
        take_the_rest(m);
    m->told.unbalanced += m->depth;
    while (m->depth > 0)
        end_innermost(m, "open");
    write_counts(m, &m->stack[0]);
}

void fr_mark_summary_fini(fr_mark_summary *s)
{
    for (size_t i = 0; i < s->n_phases; i++)
        free(s->phases[i].path);
    free(s->phases);
    *s = (fr_mark_summary){ 0 };
}

void fr_marks_close(fr_marks *m, fr_mark_summary *out)
{
    if (m == NULL)
        return;
    end_all(m);
    for (size_t i = 2; i < m->n_fds; i++)
        close(m->fds[i].fd);
    if (m->listen_fd >= 0)
        close(m->listen_fd);
    if (m->wake_fd >= 0)
        close(m->wake_fd);
    if (m->path[0] != '\0')
        unlink(m->path);
    if (m->folder[0] != '\0')
        rmdir(m->folder);
    if (out != NULL) {
        *out = m->told;
        m->told = (fr_mark_summary){ 0 };
    }
    fr_mark_summary_fini(&m->told);
    free(m->used);
    free(m);
}
