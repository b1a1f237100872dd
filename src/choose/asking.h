/**
 * choose/asking.h: one model at a task, through the prompted rungs of the ladder: what candidates
 * and the cascade share.
 */
#ifndef FR_CHOOSE_ASKING_H
#define FR_CHOOSE_ASKING_H

#include "adapt/evaluate.h"
#include "adapt/prompted.h"

/** A model as it was named on the command line: a GGUF file, URL#NAME. Owned, free its texts. */
int fr_asking_model(const char *named, fr_task_model *out, fr_err *err);
void fr_asking_model_fini(fr_task_model *m);
/** The strategy to ask with: as named (it must be a prompted one), or what fits the task. Static.
 */
int fr_asking_strategy(const fr_task *task, const char *named, const char **out, fr_err *err);

typedef struct {
    const fr_task *task;
    const fr_task_strategy *strategy;
    const char *out_dir;
    fr_run *run;
    double measure_s;
    int threads;
    uint64_t seed;
    const fr_progress *progress;
} fr_asking_with;
/** A rung for a model, set up as the climb does it; fr_rung_free(). All of with is borrowed. */
fr_rung *fr_asking_rung(const fr_asking_with *with, const fr_task_model *model);
/** fits and build, in a phase of its own. FR_E_UNSUPPORTED: unfit, why in r->reason. */
int fr_asking_build(fr_run *run, fr_rung *r, fr_spent *spent, fr_err *err);

/** Answers, scores and sureness of rows on an open rung. scores, confidence [n]; NULL: not wanted.
 * answers [n]: owned by the caller when given. */
int fr_asking_answers(fr_rung *r, const fr_str *inputs, const fr_str *references, size_t n,
                      char **answers, double *scores, fr_sureness *sureness, fr_err *err);
void fr_answers_free(char **answers, size_t n);

#endif
