#include "net/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/mhd_door.h"

#define BACKLOG            16
#define CONNECTIONS_MOST   32u
#define CONNECTION_BYTES   ((size_t)16 << 10)
#define CONNECTION_LIVES_S 30u
#define STACK_BYTES        ((size_t)256 << 10)
#define STATUS_NOT_ALLOWED 405

struct fr_listener {
    const mhd_door *door;
    void *daemon;
    fr_listen_page page;
    void *user;
    int fd;
    char address[80];
};

static int answer(void *user, void *connection, const char *url, const char *method,
                  const char *version, const char *upload, size_t *upload_size, void **of_request)
{
    static char seen; /* its address marks a request whose head was looked at */
    fr_listener *l = user;
    (void)version;
    (void)upload;
    if (*of_request == NULL) {
        *of_request = &seen;
        return 1;
    }
    if (*upload_size != 0) {
        *upload_size = 0; /* read and forgotten */
        return 1;
    }
    const char *accept = l->door->lookup(connection, MHD_KIND_HEADER, "Accept");
    fr_listen_answer out = { .type = "text/plain; charset=utf-8" };
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        out.status = STATUS_NOT_ALLOWED;
        fr_buf_put_s(&out.body, "this page can only be read\n");
    } else {
        l->page(l->user, &(fr_listen_request){ url, accept != NULL ? accept : "" }, &out);
    }
    size_t n = out.body.n;
    void *response = l->door->response(n, fr_buf_take(&out.body), MHD_MEMORY_MUST_FREE);
    if (response == NULL)
        return 0;
    l->door->add_header(response, "Content-Type", out.type);
    int done = l->door->queue(connection, out.status != 0 ? (unsigned)out.status : 200, response);
    l->door->response_free(response);
    return done;
}

/* "host:port", "[v6]:port", ":port", "port" */
static int split(const char *where, char host[64], char port[16], fr_err *err)
{
    const char *colon = strrchr(where, ':');
    const char *digits = colon != NULL ? colon + 1 : where;
    size_t n = colon != NULL ? (size_t)(colon - where) : 0;
    const char *from = where;
    if (n >= 2 && where[0] == '[' && where[n - 1] == ']') {
        from++;
        n -= 2;
    }
    char *end;
    long number = strtol(digits, &end, 10);
    if (digits[0] == '\0' || *end != '\0' || number < 0 || number > 65535 || n >= 64)
        return fr_fail(err, FR_E_USAGE, "As 127.0.0.1:9184, or 9184 for this machine only.",
                       "'%s' is not an address to listen on", where);
    snprintf(host, 64, "%.*s", n > 0 ? (int)n : 9, n > 0 ? from : "127.0.0.1");
    snprintf(port, 16, "%ld", number);
    return 0;
}

static void tell_address(fr_listener *l)
{
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    char host[64] = "?", port[16] = "?";
    if (getsockname(l->fd, (struct sockaddr *)&at, &size) == 0)
        getnameinfo((struct sockaddr *)&at, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(l->address, sizeof l->address, at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
             port);
}

static int bind_to(fr_listener *l, const char *where, fr_err *err)
{
    char host[64], port[16];
    FR_TRY(split(where, host, port, err));
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0)
        return fr_fail(err, FR_E_USAGE, "As 127.0.0.1:9184, or 9184 for this machine only.",
                       "cannot listen on '%s': %s", where, gai_strerror(rc));
    int yes = 1;
    l->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd >= 0)
        setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool ok = l->fd >= 0 && bind(l->fd, found->ai_addr, found->ai_addrlen) == 0 &&
              listen(l->fd, BACKLOG) == 0;
    int why = errno;
    freeaddrinfo(found);
    if (ok)
        return 0;
    if (why == EADDRINUSE)
        return fr_fail(err, FR_E_BUSY, "Name another port, or end the program that listens there.",
                       "cannot listen on '%s': the port is taken", where);
    errno = why;
    return fr_fail_errno(err, "Ports below 1024 need privileges.", "cannot listen on '%s'", where);
}

int fr_listen_open(const char *where, fr_listen_page page, void *user, fr_listener **out,
                   fr_err *err)
{
    const mhd_door *door;
    *out = NULL;
    FR_TRY(mhd_door_open(&door, err));
    fr_listener *l = FR_NEW(fr_listener);
    *l = (fr_listener){ .door = door, .page = page, .user = user, .fd = -1 };
    int rc = bind_to(l, where, err);
    if (rc == 0) {
        tell_address(l);
        l->daemon =
            door->start(MHD_INTERNAL_POLLING_THREAD | MHD_ITC | MHD_AUTO, 0, NULL, NULL, answer, l,
                        MHD_OPT_LISTEN_SOCKET, l->fd, MHD_OPT_CONNECTION_LIMIT, CONNECTIONS_MOST,
                        MHD_OPT_CONNECTION_TIMEOUT, CONNECTION_LIVES_S, MHD_OPT_MEMORY_LIMIT,
                        CONNECTION_BYTES, MHD_OPT_STACK_SIZE, STACK_BYTES, MHD_OPT_END);
        if (l->daemon == NULL)
            rc = fr_fail(err, FR_E_FAILED, NULL, "libmicrohttpd cannot serve on '%s'", where);
        else
            l->fd = -1; /* the daemon's from here */
    }
    if (rc != 0) {
        fr_listener_close(l);
        return rc;
    }
    *out = l;
    return 0;
}

const char *fr_listener_address(const fr_listener *l)
{
    return l->address;
}

void fr_listener_close(fr_listener *l)
{
    if (l == NULL)
        return;
    if (l->daemon != NULL)
        l->door->stop(l->daemon);
    if (l->fd >= 0)
        close(l->fd);
    free(l);
}
