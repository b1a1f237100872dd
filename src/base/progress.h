/**
 * progress.h: how long work tells how far it is, without knowing who listens.
 *
 *     fr_progress_step(progress, "train", done, total, "tokens", "loss 2.31");
 *
 * The receiver (the command line's: rate, ETA, joules so far, on stderr, quiet when that is not a
 * terminal) decides what to show and how often; calling it is cheap.
 */
#ifndef FR_BASE_PROGRESS_H
#define FR_BASE_PROGRESS_H

#include <stdbool.h>

typedef struct fr_progress {
    /** total 0: not known. note may be NULL. */
    void (*step)(void *user, const char *what, double done, double total, const char *unit,
                 const char *note);
    /** true: the user wants to stop (Ctrl-C, budget); work ends soon, keeping what it has. */
    bool (*stopped)(void *user);
    void *user;
} fr_progress;

/** Both are fine with progress NULL or with functions NULL. */
void fr_progress_step(const fr_progress *progress, const char *what, double done, double total,
                      const char *unit, const char *note);
bool fr_progress_stopped(const fr_progress *progress);

#endif
