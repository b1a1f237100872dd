/**
 * adapt/adapt.h: the ladder of customization strategies, climbed by predicted horizon energy; its
 * verdict is a JSON document with the stable keys, written beside the chosen rung's artefact.
 *
 * A rung is one row: fits, predict, build, evaluate, save, resume key (adapt/rung.h). Each rung is
 * really run and metered as a phase of one run. Nothing that a rung learns reaches another.
 */
#ifndef FR_ADAPT_ADAPT_H
#define FR_ADAPT_ADAPT_H

#include <jansson.h>
#include "base/buf.h"
#include "base/progress.h"
#include "run/run.h"

typedef struct fr_task fr_task;
/** Reads and checks a task file and its data; errors name line, column and key. */
int fr_task_load(const char *path, fr_task **out, fr_err *err);
void fr_task_free(fr_task *task);
const char *fr_task_name(const fr_task *task);
FR_AUTOPTR_DEFINE(fr_task);
/** Writes a task file (and splits) for a CSV or JSONL file; never over an existing one. */
int fr_task_init(const char *data_path, const char *task_path, fr_buf *told, fr_err *err);

typedef struct {
    const char *out_dir;    /* NULL: adapted/TASK */
    const char *ledger;     /* as fr_run_options */
    fr_place_options place; /* over the task's */
    int threads;
    bool never_stop;         /* over the task's stop */
    const char *const *only; /* NULL-terminated names of strategies or rungs; NULL: all */
    double train_max_s;      /* budget of each training; 0: none but the task's */
    bool fresh;              /* do not resume an interrupted climb */
    double measure_s;        /* a figure of one request covers so much work at least; 0: 2 s */
    uint64_t seed;
    const char *const *argv;
    const fr_progress *progress;
    /** Told as each thing happens: "warning" {text}, "run" (once it has begun: on_run), "plan"
     * {rungs[{name, status, reason, run_s, run_j, run_low_j…}]}, "rung-begin" {name, run_s, run_j},
     * "rung-end" with the rung's object, "verdict". NULL: nobody. */
    void (*on_event)(void *user, const char *event, const json_t *object);
    /** The run as it begins, for a live line that tells joules; NULL as it ends. */
    void (*on_run)(void *user, fr_run *run);
    void *user;
} fr_adapt_options;

/** Answers inputs with a rung that a climb left: dir is OUT, OUT/chosen or OUT/rungs/NAME.
 * answers [n]: owned, free() each; NULL where there was none. */
int fr_adapt_answer(const char *dir, int threads, const fr_str *inputs, size_t n, char **answers,
                    const fr_progress *progress, fr_err *err);

/** 0 and *verdict (owned, json_decref) also when no rung met the target: see met in the rungs.
 * FR_E_INTERRUPTED: what was done is kept and the next call goes on there. */
int fr_adapt(fr_task *task, const fr_adapt_options *options, json_t **verdict, fr_err *err);

#endif
