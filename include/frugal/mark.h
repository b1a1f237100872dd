/**
 * frugal/mark.h: tell a meter around you where your phases begin and end, what work was done in
 * them and how well.
 *
 *     #include <frugal/mark.h>
 *
 *     int main(void)
 *     {
 *         fr_marker *marker = fr_marker_open(); // NULL where nobody meters: all calls take it
 *         fr_mark_begin(marker, "train");
 *         // … work …
 *         fr_mark_work(marker, "tokens", 512);
 *         fr_mark_quality(marker, "accuracy", 0.8);
 *         fr_mark_end(marker, "train");
 *         fr_marker_close(marker);
 *         return 0;
 *     }
 *
 * Run under `frugal meter -- ./program`, the report and the ledger have the energy of "train" with
 * its work and quality. Run without, nothing happens and nothing is paid.
 *
 * Phases nest; names may come again and again (50 phases a second are kept, a burst of 500 more;
 * beyond that they are counted as dropped, and said). Marks never wait: where the meter cannot keep
 * up, they are dropped and counted. Mark from one process of a job (rank 0): phases of several
 * processes that overlap cannot be told apart.
 *
 * Threads: one call at a time on a marker; any number of markers. After fork() the child may go on
 * with the parent's.
 */
#ifndef FRUGAL_MARK_H
#define FRUGAL_MARK_H

#include <frugal/err.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fr_marker fr_marker;

/** Connects to the meter that FRUGAL_SOCKET names. NULL: nobody meters, or it does not answer. */
FR_API fr_marker *fr_marker_open(void);
/** A phase inside the innermost open one. name: UTF-8; 95 bytes are kept, "/" becomes "|". */
FR_API void fr_mark_begin(fr_marker *marker, const char *name);
/** Ends the innermost open phase, if there is one, and begins another beside it. */
FR_API void fr_mark_next(fr_marker *marker, const char *name);
/** Ends the innermost open phase of that name with all that is open inside; NULL: the innermost. */
FR_API void fr_mark_end(fr_marker *marker, const char *name);
/** So much work was done in the innermost open phase; several calls add up. Finite. */
FR_API void fr_mark_work(fr_marker *marker, const char *name, double count);
/** How well the innermost open phase did; the last value counts. Finite. */
FR_API void fr_mark_quality(fr_marker *marker, const char *name, double value);
/** Waits (2 s at most) until the meter has taken all marks; 0, or -1 where it did not say so. */
FR_API int fr_marker_sync(fr_marker *marker);
/** Marks that could not be sent so far. */
FR_API uint64_t fr_marker_dropped(const fr_marker *marker);
/** NULL is fine. Phases that are open stay open, for who else marks. */
FR_API void fr_marker_close(fr_marker *marker);

#ifdef __cplusplus
}
#endif
#endif
