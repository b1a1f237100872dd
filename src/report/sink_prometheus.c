/* A page at /metrics, in OpenMetrics for who accepts it, else in Prometheus text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/listen.h"
#include "report/sink_priv.h"

typedef struct {
    const fr_board *board;
    fr_listener *listener;
} page;

static void serve(void *user, const fr_listen_request *r, fr_listen_answer *out)
{
    const page *p = user;
    if (strcmp(r->path, "/metrics") == 0) {
        bool open = strstr(r->accept, "application/openmetrics-text") != NULL;
        out->type = open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                         : "text/plain; version=0.0.4; charset=utf-8";
        fr_exposition_put(p->board, open ? FR_OPENMETRICS : FR_PROMETHEUS_TEXT, &out->body);
    } else if (strcmp(r->path, "/") == 0) {
        out->type = "text/html; charset=utf-8";
        fr_buf_put_s(&out->body, "<!doctype html><title>frugal monitor</title>"
                                 "<p><a href=\"/metrics\">metrics</a></p>\n");
    } else {
        out->status = 404;
        fr_buf_put_s(&out->body, "nothing here: /metrics is\n");
    }
}

static int page_open(const char *where, const fr_sink_options *options, void **state,
                     char shown[128], fr_err *err)
{
    page *p = FR_NEW(page);
    p->board = options->board;
    int rc = fr_listen_open(where, serve, p, &p->listener, err);
    if (rc != 0) {
        free(p);
        return rc;
    }
    snprintf(shown, 128, "http://%s/metrics", fr_listener_address(p->listener));
    *state = p;
    return 0;
}

static void page_close(void *state)
{
    page *p = state;
    fr_listener_close(p->listener);
    free(p);
}

const fr_sink_row fr_sink_prometheus = { .name = "prometheus",
                                         .open = page_open,
                                         .close = page_close };
