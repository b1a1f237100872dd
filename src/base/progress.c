#include "base/progress.h"

#include <stddef.h>

void fr_progress_step(const fr_progress *progress, const char *what, double done, double total,
                      const char *unit, const char *note)
{
    if (progress != NULL && progress->step != NULL)
        progress->step(progress->user, what, done, total, unit, note);
}

bool fr_progress_stopped(const fr_progress *progress)
{
    return progress != NULL && progress->stopped != NULL && progress->stopped(progress->user);
}
