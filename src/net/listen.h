/**
 * net/listen.h: a small HTTP server for pages that others come and read, by libmicrohttpd, loaded
 * at first use. At rest it sleeps in the kernel.
 *
 *     static void page(void *user, const fr_listen_request *r, fr_listen_answer *out)
 *     {
 *         out->type = "text/plain; charset=utf-8";
 *         fr_buf_put_s(&out->body, "hello\n");
 *     }
 *     FR_TRY(fr_listen_open("127.0.0.1:9184", page, user, &listener, err));
 *
 * The page function runs in the server's own thread, one request at a time. GET and HEAD only;
 * anything else is answered with 405.
 */
#ifndef FR_NET_LISTEN_H
#define FR_NET_LISTEN_H

#include "base/buf.h"

typedef struct fr_listener fr_listener;

/** Borrowed for the call. accept: the header of that name, "" when absent. */
typedef struct {
    const char *path, *accept;
} fr_listen_request;
/** status 0: 200. type: static. The body is taken. */
typedef struct {
    int status;
    const char *type;
    fr_buf body;
} fr_listen_answer;
typedef void (*fr_listen_page)(void *user, const fr_listen_request *request, fr_listen_answer *out);

/**
 * where   "127.0.0.1:9184", "[::1]:9184", "0.0.0.0:9184", "9184" or ":9184" (this machine only);
 *         port 0 takes a free one.
 * Errors  FR_E_USAGE no address; FR_E_BUSY the port is taken; FR_E_UNSUPPORTED no libmicrohttpd.
 */
int fr_listen_open(const char *where, fr_listen_page page, void *user, fr_listener **out,
                   fr_err *err);
/** "127.0.0.1:9184": where it listens in fact. */
const char *fr_listener_address(const fr_listener *l);
/** Ends the thread; connections that are open are closed. NULL is fine. */
void fr_listener_close(fr_listener *l);

#endif
