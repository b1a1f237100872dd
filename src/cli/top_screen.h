/**
 * cli/top_screen.h: the picture that `frugal top` draws, as text: a function of what was measured,
 * of the size of the terminal and of what it can show. Nothing here touches a terminal.
 */
#ifndef FR_CLI_TOP_SCREEN_H
#define FR_CLI_TOP_SCREEN_H

#include "base/buf.h"
#include "carbon/carbon.h"
#include "meter/census.h"
#include "meter/meter.h"

typedef struct {
    int columns, rows; /* rows 0: as many as there are (a plain listing) */
    bool utf8, colour;
    bool groups;      /* control groups instead of processes */
    bool keys;        /* a last line that says which keys there are */
    size_t rows_most; /* of processes; 0: as the terminal has room */
} fr_top_look;

/** Borrowed for the call. */
typedef struct {
    const fr_reading *window, *total; /* the last interval; since the start */
    const fr_census_view *census;     /* NULL: it could not be taken */
    const fr_place *place;
    double grams; /* since the start, of the whole machine */
    double interval_s;
    double own_ratio; /* of one processor, that top itself took */
    const char *host;
    int64_t unix_ns;
} fr_top_state;

/** Lines, each ended by a line feed and none wider than look->columns. */
void fr_top_draw(const fr_top_state *state, const fr_top_look *look, fr_buf *out);

#endif
