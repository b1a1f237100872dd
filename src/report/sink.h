/**
 * report/sink.h: where a board's series go: a page for Prometheus, an OpenTelemetry collector,
 * CloudWatch, a file. A kind of sink is a row of the table in sink.c and one file, sink_NAME.c.
 *
 *     fr_sink *sink = NULL;
 *     FR_TRY(fr_sink_open("otlp", "http://collector:4318", &options, &sink, err));
 *     every interval:  fr_sink_put(sink);           never waits for anybody
 *     fr_sink_close(sink, 3.0, &stats);             waits so long for what is still to be sent
 *
 * A sink that is away costs nothing but memory, and of that a bounded amount: 240 batches or 8 MiB;
 * the oldest go first and are counted. It is tried again after 1 s, 2 s, 4 s … 60 s. What a sink
 * refuses for good (a wrong key, a form it does not know) is dropped, counted and said once.
 * Keys come from the environment and are never logged.
 */
#ifndef FR_REPORT_SINK_H
#define FR_REPORT_SINK_H

#include "report/board.h"

typedef struct fr_sink fr_sink;

typedef struct {
    const fr_board *board;  /* borrowed until the sink is closed */
    const char *host;       /* "": this host's name */
    const char *name_space; /* of CloudWatch; NULL: "frugal" */
    const char *endpoint;   /* of CloudWatch, instead of the region's; NULL: as AWS says */
    size_t keep_bytes;      /* of a file and the one before it, together; 0: 64 MiB */
    double timeout_s;       /* of one try; 0: 10 */
    double backoff_s;       /* after the first failure; 0: 1 */
} fr_sink_options;

typedef struct {
    uint64_t sent, dropped; /* batches */
    size_t waiting;
} fr_sink_stats;

/**
 * kind   "prometheus" (where: address to listen on), "otlp" (URL, /v1/metrics is added to one
 * without a path), "emf" (file, or "-" for stdout), "cloudwatch" (where is not looked at), "file".
 * Errors FR_E_USAGE for what can be known at once: an unknown kind, no URL, no key, no folder.
 */
int fr_sink_open(const char *kind, const char *where, const fr_sink_options *options, fr_sink **out,
                 fr_err *err);
/** Takes the board as it is now. */
void fr_sink_put(fr_sink *sink);
/** "otlp"; and what to show of where: never a key. */
const char *fr_sink_kind(const fr_sink *sink);
const char *fr_sink_where(const fr_sink *sink);
void fr_sink_look(fr_sink *sink, fr_sink_stats *out);
/** stats may be NULL. What could not be sent counts as dropped. NULL is fine. */
void fr_sink_close(fr_sink *sink, double wait_s, fr_sink_stats *stats);

#endif
