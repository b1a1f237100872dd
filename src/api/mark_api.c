/* The sender's side of run/marks.h: a socket, a line a mark, nothing that waits. */
#include <frugal/mark.h>

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_BYTES 512
#define SYNC_MS    2000

struct fr_marker {
    int fd;
    uint64_t dropped, dropped_told;
};

fr_marker *fr_marker_open(void)
{
    const char *path = getenv("FRUGAL_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (path == NULL || path[0] == '\0' || strlen(path) >= sizeof address.sun_path)
        return NULL;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    fr_marker *marker = calloc(1, sizeof *marker);
    if (marker == NULL || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        free(marker);
        close(fd);
        return NULL;
    }
    marker->fd = fd;
    return marker;
}

static void give(fr_marker *marker, const char *line, int n)
{
    char told[LINE_BYTES + 64];
    if (n < 0 || n >= LINE_BYTES)
        return;
    uint64_t lost = marker->dropped - marker->dropped_told;
    if (lost > 0) { /* what could not be said before */
        n = snprintf(told, sizeof told, "dropped %llu\n%s", (unsigned long long)lost, line);
        line = told;
    }
    if (send(marker->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n)
        marker->dropped_told += lost;
    else
        marker->dropped++;
}

static void say(fr_marker *marker, const char *verb, const char *name)
{
    char line[LINE_BYTES];
    if (marker == NULL)
        return;
    int n = snprintf(line, sizeof line, "%s %.200s", verb, name != NULL ? name : "");
    for (int i = 0; i < n; i++) /* a line is a mark */
        line[i] = line[i] == '\n' ? ' ' : line[i];
    give(marker, line, n);
}

static void say_number(fr_marker *marker, const char *verb, const char *name, double value)
{
    char numbered[48];
    if (marker == NULL || !isfinite(value))
        return;
    snprintf(numbered, sizeof numbered, "%s %.17g", verb, value);
    say(marker, numbered, name);
}

void fr_mark_begin(fr_marker *marker, const char *name)
{
    say(marker, "begin", name);
}

void fr_mark_next(fr_marker *marker, const char *name)
{
    say(marker, "next", name);
}

void fr_mark_end(fr_marker *marker, const char *name)
{
    say(marker, "end", name);
}

void fr_mark_work(fr_marker *marker, const char *name, double count)
{
    say_number(marker, "work", name, count);
}

void fr_mark_quality(fr_marker *marker, const char *name, double value)
{
    say_number(marker, "quality", name, value);
}

int fr_marker_sync(fr_marker *marker)
{
    char answer[64];
    if (marker == NULL || send(marker->fd, "sync", 4, MSG_NOSIGNAL) != 4)
        return -1;
    struct pollfd fd = { .fd = marker->fd, .events = POLLIN };
    int rc;
    do
        rc = poll(&fd, 1, SYNC_MS);
    while (rc < 0 && errno == EINTR);
    ssize_t n = rc > 0 ? recv(marker->fd, answer, sizeof answer, MSG_DONTWAIT) : -1;
    return n >= 2 && memcmp(answer, "ok", 2) == 0 ? 0 : -1;
}

uint64_t fr_marker_dropped(const fr_marker *marker)
{
    return marker != NULL ? marker->dropped : 0;
}

void fr_marker_close(fr_marker *marker)
{
    if (marker == NULL)
        return;
    close(marker->fd);
    free(marker);
}
