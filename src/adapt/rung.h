/**
 * adapt/rung.h: what a rung of the ladder is: {fits, predict, build, evaluate, save, resume key}.
 *
 * A strategy is one row (fr_rung_kind) of the table in ladder.c; a rung is a strategy with a model
 * (or the user's commands) and a folder of its own, OUT/rungs/NAME. The climb drives it:
 *
 *     fits      can this be done here at all? else why not (status unfit)
 *     predict   work before it is spent: counted from shapes and tokens
 *     build     learns and chooses, on train and dev; leaves the artefact in the folder
 *     open      loads what answers (the line "load")
 *     answer    inputs in, answers out; again and again, until the energy of one is known
 *     close
 *     save      what stands in artifact.json: how the artefact is used without frugal adapt
 *     key       the settings that, with data, model, seed and version, name a result
 *
 * evaluate is open, answer over the eval inputs, close: the climb does it, the same for all rungs.
 *
 * Independence is a matter of types: a rung sees fr_material, which has no eval rows; to answer()
 * come inputs alone. It writes in its own folder only, opens its own model, and draws its random
 * numbers from (seed, purpose). So what it finds depends on nothing that another rung did, and the
 * eval set cannot be learnt from, retrieved or shown as a shot.
 */
#ifndef FR_ADAPT_RUNG_H
#define FR_ADAPT_RUNG_H

#include <frugal/work.h>
#include <jansson.h>
#include "adapt/task.h"
#include "base/progress.h"
#include "plan/predict.h"
#include "run/run.h"

/** What a rung may learn from. All borrowed from the task. */
typedef struct {
    fr_task_kind kind;
    const fr_data *train, *dev;
    const fr_str *labels;
    size_t n_labels;
    const char *documents; /* path; NULL: none */
    const char *documents_hash;
    size_t documents_bytes;     /* of text */
    const fr_task_model *embed; /* the encoder for the documents; NULL: none */
    const char *embed_hash;
    const fr_task_metric *metric;
    const char *task_dir;
} fr_material;

/** What this machine was measured to do with a model (phase "probe"). 0: not probed. */
typedef struct {
    fr_machine_rate prefill, decode, train;
    double load_s, load_j;
    double power_w; /* while working, with the idle of that time */
    size_t n_train_probe;
} fr_probe;

/** Work of one rung, predicted. */
typedef struct {
    fr_forecast build, request, load;
} fr_rung_forecast;

typedef struct fr_rung fr_rung;

typedef struct {
    const char *strategy;
    bool needs_model;
    bool trains;
    /** false: the reason goes into r->reason. Cheap: opens headers, reads no weights. */
    bool (*fits)(fr_rung *r);
    /** May open the model to count tokens of train and dev rows. */
    int (*predict)(fr_rung *r, fr_rung_forecast *out, fr_err *err);
    /** Choices go to r->chosen (JSON), training's figures to r->training. NULL: nothing to build.*/
    int (*build)(fr_rung *r, fr_err *err);
    int (*open)(fr_rung *r, fr_err *err);
    /** answers [n]: owned by the caller, free(); NULL where the rung had none. One request after
     * the other, or (together) as one batch. */
    int (*answer)(fr_rung *r, const fr_str *inputs, size_t n, bool together, char **answers,
                  fr_err *err);
    /** Negative log-likelihood of the outputs and their tokens, row by row, for perplexity. NULL:
     * this strategy has no likelihood. */
    int (*likelihood)(fr_rung *r, const fr_str *inputs, const fr_str *outputs, size_t n,
                      double *nll, size_t *tokens, fr_err *err);
    /** Forgets what earlier requests left behind (a prefix cache), so that asking the same again
     * costs what it cost the first time. NULL: nothing is left behind. */
    int (*forget)(fr_rung *r, fr_err *err);
    void (*close)(fr_rung *r);
    /** How to use what stands in the folder: keys of artifact.json. */
    int (*save)(fr_rung *r, json_t *artifact, fr_err *err);
    /** The reverse of save, for strategies without a model; NULL: nothing to put back. */
    int (*restore)(fr_rung *r, const json_t *artifact, fr_err *err);
    void (*key)(const fr_rung *r, json_t *settings);
    void (*free_state)(fr_rung *r);
} fr_rung_kind;

struct fr_rung {
    const fr_rung_kind *kind;
    char *name; /* "lora", or "lora@model" when there are several models */
    char *dir;  /* OUT/rungs/NAME */
    const fr_task_strategy *strategy;
    const fr_task_model *model; /* NULL: none */
    fr_material with;
    fr_probe probe;
    uint64_t seed;
    int threads;
    bool together;               /* requests are gathered and answered in batches */
    double measure_s;            /* of work that a request's figure covers at least */
    double train_max_s;          /* budget of a training; 0: none */
    const fr_progress *progress; /* also says when a budget is spent */
    fr_work_sink work;
    fr_run *run; /* for phases inside a build; NULL: not metered here */

    char doing[96];     /* what a progress line says; "": the name */
    char reason[800];   /* why unfit, failed, or ended at its budget */
    bool budget;        /* the build ended at its budget, not by itself */
    bool energy_inside; /* what answers is inside our meter */
    json_t *chosen;     /* what was chosen on dev; NULL: nothing was */
    json_t *training;   /* figures of a training; NULL: none */
    json_t *notes;      /* list of texts for the verdict; NULL: none */
    void *state;        /* the kind's own */
};

/** The row of a strategy; own rungs are "command". NULL: none. */
const fr_rung_kind *fr_rung_kind_of(const char *strategy);
/** NULL-terminated, in the order of the ladder. */
const char *const *fr_strategy_names(void);
/** Named in the design, not in this release. */
bool fr_strategy_is_planned(const char *name);

/** A rung in fresh memory; fr_rung_free() closes it too. */
fr_rung *fr_rung_new(const fr_rung_kind *kind, const fr_task_strategy *strategy,
                     const fr_task_model *model, bool name_model, const char *out_dir);
void fr_rung_free(fr_rung *r);
/** Names what the rung does now in its progress line: "rag: choosing passages 2". */
void fr_rung_doing(fr_rung *r, const char *fmt, ...) FR_PRINTF(2, 3);
void fr_rung_note(fr_rung *r, const char *fmt, ...) FR_PRINTF(2, 3);

/**
 * The files that the user's commands (of the rung, of the metric) name, with their SHA-256: a line
 * stays the same when the script that it names is mended. Owned: json_decref().
 */
json_t *fr_rung_files(const fr_rung *r);

/** Scores predictions by the task's metric; scores [n]. Not for perplexity. */
int fr_score_rows(const fr_task_metric *metric, const char *task_dir, const fr_str *inputs,
                  char *const *predictions, const fr_str *references, size_t n, double *scores,
                  const fr_progress *progress, fr_err *err);
/** The same for choosing among settings on dev rows: mean, higher is better. */
int fr_score_dev(const fr_rung *r, const fr_data *rows, size_t n, char *const *predictions,
                 double *mean, fr_err *err);

/* The rows, one file each. */
extern const fr_rung_kind FR_RUNG_TRADITIONAL, FR_RUNG_ZERO_SHOT, FR_RUNG_FEW_SHOT,
    FR_RUNG_GENERATED_KNOWLEDGE, FR_RUNG_SELF_CONSISTENCY, FR_RUNG_REACT, FR_RUNG_RAG, FR_RUNG_LORA,
    FR_RUNG_FULL, FR_RUNG_SCRATCH, FR_RUNG_COMMAND;

#endif
