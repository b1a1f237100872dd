/**
 * cli/watch.h: what `frugal monitor` and `frugal top` share: a machine that is looked at again and
 * again, and a board that says how it was between two looks.
 *
 *     FR_TRY(fr_watch_open(&options, &watch, err));
 *     for (;;) {
 *         FR_TRY(fr_watch_wait(watch, 10, &stopped, err));     sampling once a second meanwhile
 *         FR_TRY(fr_watch_step(watch, err));                   the board is new
 *         …
 *     }
 *     fr_watch_close(watch, "done", &used, err);
 */
#ifndef FR_CLI_WATCH_H
#define FR_CLI_WATCH_H

#include "report/board.h"
#include "run/run.h"

typedef struct fr_watch fr_watch;

typedef struct {
    fr_run_options run;       /* ledger "": nothing is recorded */
    fr_gauges_options gauges; /* roots are the meter's */
} fr_watch_options;

int fr_watch_open(const fr_watch_options *options, fr_watch **out, fr_err *err);
/**
 * Sleeps, sampling the meter about once a second; ends early, *woken true, when a signal came (see
 * fr_signals_caught()) or `fd` (-1: none) has something to read.
 */
int fr_watch_wait(fr_watch *w, double seconds, int fd, bool *woken, fr_err *err);
/** Ends the interval: the board tells of it. */
int fr_watch_step(fr_watch *w, fr_err *err);

fr_board *fr_watch_board(fr_watch *w);
fr_run *fr_watch_run(fr_watch *w);
const fr_reading *fr_watch_window(const fr_watch *w); /* of the last interval */
const fr_reading *fr_watch_total(const fr_watch *w);  /* since open */
/** Called inside an interval, between begin and end of the board, to add more. */
typedef void (*fr_watch_more)(void *user, fr_board *board, const fr_reading *window);
void fr_watch_also(fr_watch *w, fr_watch_more more, void *user);

/** Frees the watch whatever it returns. used may be NULL. NULL is fine. */
int fr_watch_close(fr_watch *w, const char *status, fr_used *used, fr_err *err);

#endif
