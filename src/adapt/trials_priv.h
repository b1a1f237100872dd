/* trials_priv.h: shared between the files of the experiments only. */
#ifndef FR_ADAPT_TRIALS_PRIV_H
#define FR_ADAPT_TRIALS_PRIV_H

#include "adapt/task.h"
#include "adapt/trials.h"
#include "prompt/halving.h"
#include "prompt/instructions.h"
#include "prompt/techniques.h"
#include "rag/rag.h"

/** One way of asking, as the file says it, before models and parameters. */
typedef struct {
    char *name; /* unique in the experiment */
    fr_technique technique;
    char *prompt_path, *prompt; /* NULL: the form */
    char *instruction;          /* NULL: the experiment's, if any */
    const char *origin;         /* of the instruction; static; NULL: given */
    size_t n_instructions;      /* to be written in its place; 0: none */
    size_t n_passages;
} fr_trial_variant;

typedef struct {
    double temperature, top_p;
    int top_k;
    size_t max_tokens;
} fr_trial_parameters;

struct fr_trials {
    char *path, *dir, *name, *instruction;
    fr_task *task;
    fr_trial_variant *variants;
    size_t n_variants, cap_variants;
    fr_trial_parameters *parameters;
    size_t n_parameters, cap_parameters;
    size_t rows, finalists;
    uint64_t seed;
};

/** What stands in answers.jsonl for one row of one arm. */
typedef struct {
    uint64_t arm, row;
    char *answer; /* NULL: none was found */
    size_t calls, prompt_tokens, completion_tokens, cached_tokens, samples;
    double duration_s, cpu_s, energy_j, energy_low_j, energy_high_j;
    fr_method method; /* NONE: outside our meter */
} fr_kept_answer;

/** All answers of an experiment: in memory by (arm, row), on disk as they come. */
typedef struct {
    char *path;
    fr_kept_answer *at;
    size_t n, cap;
    size_t *slots; /* hash table of indexes + 1 */
    size_t n_slots;
} fr_kept;
/** A file that is cut short in its last line is read up to there. */
int fr_kept_open(fr_kept *k, const char *path, fr_err *err);
void fr_kept_fini(fr_kept *k);
const fr_kept_answer *fr_kept_find(const fr_kept *k, uint64_t arm, uint64_t row);
/** Takes a's answer. to_disk: appended and synced. */
int fr_kept_put(fr_kept *k, const fr_kept_answer *a, size_t n, bool to_disk, fr_err *err);
json_t *fr_kept_json(const fr_kept_answer *a);
bool fr_kept_from_json(const json_t *row, fr_kept_answer *out);

/* ---- an experiment being run -------------------------------------------------------------- */

/** A variant with a model and a set of parameters. */
typedef struct {
    const fr_trial_variant *variant;
    const char *instruction, *origin; /* NULL: none */
    const fr_trial_parameters *parameters;
    size_t model;
    char *name;
    uint64_t key;
    double tokens; /* of the rows that halving asked for */
    size_t n_tokens;
    json_t *settings; /* all that the answers depend on but model, prompt and rows */
    char *prompt;     /* the template, as the history has it */
} fr_trial_arm;

/** The sums over an arm's rows. */
typedef struct {
    size_t n, calls, samples, prompt_tokens, completion_tokens, cached_tokens;
    double duration_s, cpu_s;
    fr_energy energy;
} fr_trial_sums;

typedef struct {
    fr_trials *t;
    const fr_trials_options *options;
    char *out_dir;
    int lock;
    fr_run *run;
    char (*model_hash)[65];
    char train_hash[65];
    fr_kept kept;
    fr_shots *pool;
    fr_shot *shots;
    fr_instructions *written; /* one list a variant that has its instructions written */
    fr_trial_arm *arms;
    size_t n_arms;
    const fr_data *rows; /* those being asked: dev, then eval */
    size_t n_rows;
    /* what answers at the moment */
    size_t open_model; /* SIZE_MAX: none */
    fr_model *model;
    fr_engine *engine;
    fr_endpoint *endpoint;
    fr_index *index;
    fr_hits hits;
    fr_grammar *grammar; /* of the labels; NULL: none */
    fr_str passages[20];
    const fr_trial_arm *asking;
    /* counted */
    size_t calls, reused;
    fr_used total;
} fr_bench;

uint64_t fr_trial_row(const fr_datum *row);
fr_trial_sums fr_trial_sum(const fr_bench *b, const fr_trial_arm *arm, const fr_data *rows,
                           const uint32_t *order, size_t n);
/** Answers what is not kept yet, and scores all n of b->rows at order (NULL: as they stand). */
int fr_trial_score(fr_bench *b, fr_trial_arm *arm, const uint32_t *order, size_t n, double *scores,
                   fr_err *err);
/** Arms out of variants, instructions, models and parameters. */
int fr_trial_arms(fr_bench *b, fr_err *err);
void fr_trial_close(fr_bench *b);
/** What the history has of these rows of an arm comes into the kept ones. */
int fr_trial_recall(fr_bench *b, const fr_trial_arm *arm, const uint32_t *order, size_t n,
                    bool *known, fr_err *err);
int fr_trial_record(fr_bench *b, const fr_trial_arm *arm, const uint32_t *order, size_t n,
                    fr_interval quality, fr_err *err);
json_t *fr_trial_result(fr_bench *b, const fr_halving_result *r, size_t chosen, bool by_target,
                        const fr_interval *confirmed);

#endif
