/**
 * train/loop.h: the training loop: stages, schedule, accumulation, early stopping, checkpoints.
 * Inside the room only; fr_train() and fr_train_config() fill it in.
 */
#ifndef FR_TRAIN_LOOP_H
#define FR_TRAIN_LOOP_H

#include "train/feed.h"

#define FR_MAX_SOURCES 32

typedef struct {
    const char *name;
    const fr_corpus *corpora[FR_MAX_SOURCES]; /* borrowed */
    double ratios[FR_MAX_SOURCES];
    size_t n_sources;
    size_t sequence, batch_tokens;
    uint64_t tokens; /* the stage ends here at the latest */
    double lr;       /* the peak, before warm-up and schedule */

    const fr_corpus *dev; /* NULL: not watched */
    double until_loss;    /* the stage ends when the dev loss reaches it; 0: it does not */
    uint64_t eval_every;  /* tokens */
    size_t dev_rows;      /* of dev at most */
} fr_stage;

typedef struct {
    fr_train_method method;
    fr_weights *weights; /* borrowed */
    fr_pool *pool;       /* borrowed */
    const fr_stage *stages;
    size_t n_stages;
    fr_update update; /* lr: unused */
    size_t warmup_steps;
    bool constant; /* no cosine */
    double final_ratio;
    uint64_t seed;
    size_t patience; /* evaluations without improvement; the best weights are kept. 0: off */
    double max_s;    /* 0: none */

    const char *checkpoint_dir; /* NULL: none */
    double checkpoint_every_s;
    uint64_t identity; /* a checkpoint of another model or data is refused */
    /** Called after a checkpoint was written, so that the model so far can be tried. NULL: none. */
    int (*export)(void *user, fr_err *err);
    void *user;
    const fr_progress *progress;
    fr_work_sink work;
} fr_loop;

int fr_loop_run(const fr_loop *loop, fr_train_result *out, fr_err *err);

/* ---- checkpoint.c -----------------------------------------------------------------------------
 */

/** All that a resumed run needs besides the arrays; written as it is. */
typedef struct {
    char magic[8];
    uint64_t identity, n_trained, has_best;
    uint64_t step, tokens, stage, stage_tokens, finished_tokens, next_eval, bad_evals;
    uint64_t n_recent;
    double recent[16]; /* losses of the last steps, a ring */
    double loss_first, dev_first, dev_best, dev_last, elapsed_s, flops;
    uint64_t source[FR_MAX_SOURCES][3]; /* epoch, cursor, drawn */
} fr_train_state;

/** best: [n_trained] or NULL. Atomic. */
int fr_checkpoint_save(const char *dir, const fr_train_state *state, const fr_weights *w,
                       const float *best, fr_err *err);
/** *found false: there is none, and nothing was touched. */
int fr_checkpoint_load(const char *dir, fr_train_state *state, fr_weights *w, float *best,
                       bool *found, fr_err *err);
void fr_checkpoint_remove(const char *dir);

/* ---- save.c -----------------------------------------------------------------------------------
 */

/** Where the vocabulary and other metadata of a written model come from. */
typedef struct {
    const fr_gguf *base; /* its metadata is carried over; or */
    const fr_vocab *vocab;
    const char *name, *license, *description; /* NULL: base's, else none */
    fr_format format;                         /* of matrices */
} fr_save_options;
int fr_save_gguf(const fr_weights *w, const fr_save_options *options, const char *path,
                 fr_err *err);
/** adapter_config.json and adapter_model.safetensors, with PEFT's names. base: path for people. */
int fr_save_peft(const fr_weights *w, const char *base, const char *dir, fr_err *err);

/** Highest resident set of this process so far. */
uint64_t fr_peak_rss_bytes(void);

#endif
