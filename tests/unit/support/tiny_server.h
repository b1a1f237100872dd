/* tiny_server.h: an HTTP server on a port of this machine, in a thread of the test: it gives each
 * request to a function and sends back what that wrote. One connection at a time. */
#ifndef TINY_SERVER_H
#define TINY_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

typedef struct {
    char head[8192]; /* request line and headers */
    fr_buf body;
    int number; /* of the request, from 1 */
} tiny_request;

/* Writes a whole response (status line on) into out; nothing: the connection is dropped, as it is
 * behind an answer that says "Connection: close". */
typedef void (*tiny_handler)(void *user, const tiny_request *request, fr_buf *out);

typedef struct {
    int listener;
    pthread_t thread;
    tiny_handler handler;
    void *user;
    atomic_int n_requests, n_connections;
    char url[64];
} tiny_server;

static inline void tiny_answer(fr_buf *out, int status, const char *headers, const char *body)
{
    fr_buf_put_f(out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
                 headers, body);
}

static inline size_t tiny_length(const char *head)
{
    for (const char *at = head; at != NULL; at = strstr(at, "\r\n")) {
        at += at == head ? 0 : 2;
        if (strncasecmp(at, "content-length:", 15) == 0)
            return (size_t)strtoull(at + 15, NULL, 10);
        if (at == head)
            continue;
    }
    return 0;
}

/* false: the client is gone */
static inline int tiny_read(int fd, tiny_request *r)
{
    size_t n = 0;
    fr_buf_clear(&r->body);
    char *end = NULL;
    while (end == NULL) {
        ssize_t got =
            n + 1 < sizeof(r->head) ? recv(fd, r->head + n, sizeof(r->head) - 1 - n, 0) : 0;
        if (got <= 0)
            return 0;
        n += (size_t)got;
        r->head[n] = '\0';
        end = strstr(r->head, "\r\n\r\n");
    }
    fr_buf_put(&r->body, end + 4, n - (size_t)(end + 4 - r->head));
    end[2] = '\0';
    size_t length = tiny_length(r->head);
    while (r->body.n < length) {
        char block[4096];
        ssize_t got = recv(fd, block, sizeof(block), 0);
        if (got <= 0)
            return 0;
        fr_buf_put(&r->body, block, (size_t)got);
    }
    return 1;
}

static inline void *tiny_serve(void *at)
{
    tiny_server *s = at;
    for (;;) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        s->n_connections++;
        tiny_request r = { 0 };
        while (tiny_read(fd, &r)) {
            FR_AUTO(fr_buf) out = { 0 };
            r.number = ++s->n_requests;
            s->handler(s->user, &r, &out);
            if (out.n == 0)
                break;
            for (size_t sent = 0; sent < out.n;) {
                ssize_t n = send(fd, out.at + sent, out.n - sent, MSG_NOSIGNAL);
                if (n <= 0)
                    break;
                sent += (size_t)n;
            }
            if (memmem(out.at, out.n < 512 ? out.n : 512, "Connection: close", 17) != NULL)
                break;
        }
        fr_buf_fini(&r.body);
        close(fd);
    }
}

static inline int tiny_server_start(tiny_server *s, tiny_handler handler, void *user)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    memset(s, 0, sizeof(*s));
    s->handler = handler;
    s->user = user;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(s->listener, 8) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&address, &size) != 0)
        return -1;
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", ntohs(address.sin_port));
    return pthread_create(&s->thread, NULL, tiny_serve, s);
}

static inline void tiny_server_stop(tiny_server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
}

#endif
