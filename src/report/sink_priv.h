/* sink_priv.h: what a kind of sink gives; the queue, the waiting and the counting are sink.c's. */
#ifndef FR_REPORT_SINK_PRIV_H
#define FR_REPORT_SINK_PRIV_H

#include "base/progress.h"
#include "report/sink.h"

/** Bodies that a board becomes: each is sent, or dropped, as a whole. */
typedef struct fr_outbox fr_outbox;
/** Takes the bytes and leaves b empty. */
void fr_outbox_take(fr_outbox *outbox, fr_buf *b);

typedef struct {
    const char *name;
    bool is_remote; /* sends in a thread of its own */
    int (*open)(const char *where, const fr_sink_options *options, void **state, char shown[128],
                fr_err *err);
    /** NULL: nothing is pushed (a page that others come for). */
    void (*encode)(void *state, const fr_board *board, fr_outbox *out);
    /**
     * 0: taken. FR_E_NETWORK, FR_E_LIMIT, FR_E_BUSY, FR_E_IO: try again later. Anything else: it
     * will never be taken.
     */
    int (*send)(void *state, fr_str body, const fr_progress *stop, fr_err *err);
    void (*close)(void *state);
} fr_sink_row;
extern const fr_sink_row fr_sink_prometheus, fr_sink_otlp, fr_sink_emf, fr_sink_cloudwatch,
    fr_sink_file;

/** 0 for 2xx; else FR_E_NETWORK when a later try may do, FR_E_FAILED when none will. */
int fr_sink_judge(const char *where, int status, fr_str body, fr_err *err);

#endif
