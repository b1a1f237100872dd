/*
 * curl_door.h: what we use of libcurl, found by name at run time. The numbers are part of libcurl's
 * binary interface (the same since 7.32) and are held against its header in net/http_test.c where
 * that is installed.
 */
#ifndef FR_NET_CURL_DOOR_H
#define FR_NET_CURL_DOOR_H

#include "base/err.h"

enum {
    OPT_WRITEDATA = 10001,
    OPT_URL = 10002,
    OPT_ERRORBUFFER = 10010,
    OPT_POSTFIELDS = 10015,
    OPT_USERAGENT = 10018,
    OPT_HTTPHEADER = 10023,
    OPT_HEADERDATA = 10029,
    OPT_CUSTOMREQUEST = 10036,
    OPT_XFERINFODATA = 10057,
    OPT_ACCEPT_ENCODING = 10102,
    OPT_WRITEFUNCTION = 20011,
    OPT_HEADERFUNCTION = 20079,
    OPT_XFERINFOFUNCTION = 20219,
    OPT_POSTFIELDSIZE_LARGE = 30120,
    OPT_LOW_SPEED_LIMIT = 19,
    OPT_LOW_SPEED_TIME = 20,
    OPT_NOPROGRESS = 43,
    OPT_FOLLOWLOCATION = 52,
    OPT_MAXREDIRS = 68,
    OPT_NOSIGNAL = 99,
    OPT_TIMEOUT_MS = 155,
    OPT_CONNECTTIMEOUT_MS = 156,
    OPT_PROTOCOLS = 181,
    INFO_RESPONSE_CODE = 0x200002,
    PROTOCOLS_HTTP_HTTPS = 3,
    GLOBAL_DEFAULT = 3,
    CURL_OK = 0,
    CURL_NO_CONNECT = 7,
    CURL_PARTIAL_FILE = 18,
    CURL_WRITE_ERROR = 23,
    CURL_TIMED_OUT = 28,
    CURL_ABORTED = 42,
    CURL_GOT_NOTHING = 52,
    CURL_SEND_ERROR = 55,
    CURL_RECV_ERROR = 56,
    ERROR_TEXT_BYTES = 256
};

struct curl_slist;
typedef struct {
    int loaded;
    int (*global_init)(long flags);
    void *(*easy_init)(void);
    void (*easy_cleanup)(void *curl);
    void (*easy_reset)(void *curl);
    int (*easy_setopt)(void *curl, int option, ...);
    int (*easy_getinfo)(void *curl, int info, ...);
    int (*easy_perform)(void *curl);
    const char *(*easy_strerror)(int code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
} curl_door;

/** Loads libcurl once a process. */
int curl_door_open(const curl_door **out, fr_err *err);

#endif
