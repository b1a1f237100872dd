/*
 * mhd_door.h: what we use of libmicrohttpd, found by name at run time. The numbers are part of its
 * binary interface (the same since 0.9.52) and are held against its header in net/listen_test.c
 * where that is installed.
 */
#ifndef FR_NET_MHD_DOOR_H
#define FR_NET_MHD_DOOR_H

#include <stddef.h>
#include "base/err.h"

enum {
    MHD_INTERNAL_POLLING_THREAD = 8,
    MHD_ITC = 1024,
    MHD_AUTO = 65536,
    MHD_OPT_END = 0,
    MHD_OPT_MEMORY_LIMIT = 1, /* size_t, bytes of a connection */
    MHD_OPT_CONNECTION_LIMIT = 2,
    MHD_OPT_CONNECTION_TIMEOUT = 3, /* s */
    MHD_OPT_LISTEN_SOCKET = 12,
    MHD_OPT_STACK_SIZE = 19, /* size_t, bytes */
    MHD_KIND_HEADER = 1,
    MHD_MEMORY_MUST_FREE = 1
};

typedef int (*mhd_handler)(void *user, void *connection, const char *url, const char *method,
                           const char *version, const char *upload, size_t *upload_size,
                           void **of_request);
typedef struct {
    int loaded;
    void *(*start)(unsigned flags, unsigned short port, void *accept, void *accept_user,
                   mhd_handler handler, void *user, ...);
    void (*stop)(void *daemon);
    void *(*response)(size_t n, void *bytes, int memory);
    int (*add_header)(void *response, const char *name, const char *value);
    int (*queue)(void *connection, unsigned status, void *response);
    void (*response_free)(void *response);
    const char *(*lookup)(void *connection, int kind, const char *name);
} mhd_door;

/** Loads libmicrohttpd once a process. */
int mhd_door_open(const mhd_door **out, fr_err *err);

#endif
