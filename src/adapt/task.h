/**
 * adapt/task.h: a task as it was read and checked: what is asked, of which models, with which data,
 * until which target. Shared by the room's own files; others see the opaque fr_task of adapt.h.
 */
#ifndef FR_ADAPT_TASK_H
#define FR_ADAPT_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adapt/adapt.h"
#include "adapt/data.h"
#include "plan/horizon.h"
#include "prompt/prompt.h"
#include "quality/quality.h"

/** One model of the task's list. */
typedef struct {
    char *path;     /* of a GGUF file, resolved; NULL for an endpoint */
    char *endpoint; /* base URL; NULL for a file */
    char *name;     /* short, fit for a folder's name; unique in the task */
    char *written;  /* as the task file says it */
    uint64_t bytes; /* of the file; 0 for an endpoint */
} fr_task_model;

/** One strategy that the task asks for. */
typedef struct {
    char *name;  /* "lora", or the user's own name */
    bool own;    /* the user's own rung: build and answer are commands */
    char *build; /* NULL: nothing to build */
    char *answer;
    double time_s; /* stated budget of building, or the own rung's time limit; 0: none */
    bool stated;   /* the task file names it */
    bool thinks;   /* self-consistency: each sample reasons first */
    size_t samples, statements, steps; /* of the techniques; 0: theirs to say */
} fr_task_strategy;

/** How an answer is scored. */
typedef struct {
    char *name;              /* "accuracy", "perplexity", or the command */
    const fr_metric *metric; /* NULL for perplexity and commands */
    char *command;           /* the user's; NULL: none */
    bool perplexity;
    fr_better better;
} fr_task_metric;

struct fr_task {
    char *path, *dir; /* of the task file; dir: what its paths are relative to */
    char *name;
    fr_task_kind kind;
    fr_task_model *models;
    size_t n_models;
    fr_data train, dev, eval; /* dev is cut from train; rows of eval are in neither */
    char *train_path, *eval_path, *documents_path; /* documents NULL: none */
    bool has_embed;
    fr_task_model embed; /* the encoder of data: embed, when has_embed */
    fr_str *labels;      /* of train, in order of first appearance; borrowed from all */
    size_t n_labels;
    fr_task_metric metric;
    double target; /* NAN: none stated */
    bool never_stop;
    fr_task_strategy *strategies;
    size_t n_strategies;
    bool strategies_stated;
    struct {
        double energy_j, time_s, carbon_g; /* 0: none */
    } budget;
    fr_place_options place;
    char *place_text; /* owns place's words */
    fr_hosting hosting;
    double requests_per_day, horizon_days;
    char **warnings;
    size_t n_warnings, cap_warnings;
    /* the halves of train as read, before the split: the split's seed comes later */
    fr_data rows;
};

/** Cuts the dev split from the training rows. Deterministic by seed; done once by the climb. */
int fr_task_split(fr_task *task, uint64_t seed, fr_err *err);

/** Fit for a folder's name: letters, digits and . _ - + with none of them first. */
bool fr_task_is_plain_name(const char *name);
/** Models in the form of the key 'model' (one, or a list), instead of the task's own; paths are
 * relative to dir. */
struct fr_node;
int fr_task_read_models(fr_task *task, const struct fr_node *node, const char *dir, fr_err *err);
/** What stands for a model in keys: its file's hash (of a large one size and ends), or an
 * endpoint's address and name. */
int fr_task_model_hash(const fr_task_model *m, char out[65], fr_err *err);

/** Adds a warning that the verdict's notes repeat. */
void fr_task_warn(fr_task *task, const char *fmt, ...) FR_PRINTF(2, 3);

#endif
