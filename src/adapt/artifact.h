/**
 * adapt/artifact.h: a rung as it is kept and used again: artifact.json in its folder says how.
 *
 *     FR_AUTOPTR(fr_artifact) a = NULL;
 *     FR_TRY(fr_artifact_open("adapted/routing/chosen", 2, progress, &a, err));
 *     fr_rung *r = fr_artifact_rung(a);                   open: it answers
 *     FR_TRY(r->kind->answer(r, inputs, n, true, answers, err));
 */
#ifndef FR_ADAPT_ARTIFACT_H
#define FR_ADAPT_ARTIFACT_H

#include "adapt/rung.h"

/** Writes artifact.json, and what the rung's kind saves, into the rung's folder. */
int fr_artifact_save(const fr_task *task, fr_rung *r, fr_err *err);

typedef struct fr_artifact fr_artifact;
/** dir: OUT, OUT/chosen or OUT/rungs/NAME of a climb. The rung is open. */
int fr_artifact_open(const char *dir, int threads, const fr_progress *progress, fr_artifact **out,
                     fr_err *err);
fr_rung *fr_artifact_rung(fr_artifact *a); /* borrowed until free */
void fr_artifact_free(fr_artifact *a);
FR_AUTOPTR_DEFINE(fr_artifact);

#endif
