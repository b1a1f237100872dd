/**
 * train/train.h: training: LoRA, full fine-tuning, and from scratch, on the model's one list of
 * operations, in FP32.
 *
 *     fr_train_options options = { .method = FR_TRAIN_LORA, .base = "model.gguf", .out = "adapter",
 *                                  .train = rows, .n_train = n, .max_tokens = 200000 };
 *     FR_TRY(fr_train(&options, &result, err));
 *
 * Results are the same bits for the same options and thread count, also after an interruption and
 * a resume. Optimizer: AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101).
 */
#ifndef FR_TRAIN_TRAIN_H
#define FR_TRAIN_TRAIN_H

#include "base/progress.h"
#include "model/model.h"

typedef enum { FR_TRAIN_NONE, FR_TRAIN_LORA, FR_TRAIN_FULL, FR_TRAIN_SCRATCH } fr_train_method;

/** One example: loss falls on `output` only; with an empty input, on everything. goes_on: the next
 * example continues this document (another question about the same passage). */
typedef struct {
    fr_str input, output;
    bool goes_on;
} fr_example;

/** Rows of a file. `rows` points into texts that it owns. */
typedef struct {
    fr_example *rows;
    size_t n, cap;
    char **texts;
    size_t n_texts, cap_texts;
} fr_rows;
/**
 * Appends the rows of a JSONL file. A row is {"input", "output"}, {"text"}, {"prompt",
 * "completion"}, {"instruction", "input", "output"} (Alpaca), {"conversations": [{"from",
 * "value"}…]} (ShareGPT) or {"messages": [{"role", "content"}…]} (OpenAI); of a conversation the
 * last answer is the output, and all before it the input, a turn a line.
 * FR_E_FORMAT names file, line and what was expected.
 */
int fr_rows_read(const char *path, fr_rows *out, fr_err *err);
void fr_rows_fini(fr_rows *r);
FR_AUTO_DEFINE(fr_rows);

typedef struct {
    fr_train_method method;
    const char *base;           /* GGUF; NULL for scratch */
    const fr_shape *shape;      /* scratch: with n_vocab of the tokenizer */
    const char *tokenizer_from; /* scratch: a GGUF whose vocabulary is taken */
    const char *out;            /* LoRA: a PEFT folder; full, scratch: a GGUF */
    fr_format out_format;       /* of matrices in a GGUF; default F32 (0) */
    const char *checkpoint_dir; /* NULL: no checkpoints, no resume */
    double checkpoint_every_s;  /* 0: 120 */

    const fr_example *train;
    size_t n_train;
    const fr_example *dev; /* NULL: no early stopping */
    size_t n_dev;

    size_t sequence;           /* tokens of a packed sequence; 0: 256 */
    size_t batch_tokens;       /* of an optimizer step (accumulated); 0: 2048 */
    double lr;                 /* 0: by method: LoRA 2e-3, full 5e-4, scratch 3e-3 */
    double weight_decay, clip; /* clip 0: 1.0 */
    size_t warmup_steps;
    double final_lr_ratio;         /* cosine end; 0: 0.1 */
    size_t max_epochs, max_tokens; /* whichever comes first; 0: no bound (one must be given) */
    double max_s;                  /* wall-clock budget; ends with stopped_by = budget */
    size_t patience;               /* evaluations of dev without improvement; 0: 3 */
    size_t eval_every_tokens;      /* 0: an epoch */
    size_t lora_rank;              /* 0: 8 */
    double lora_alpha;             /* 0: 2 × rank */
    uint64_t seed;
    int threads;
    const fr_progress *progress;
    fr_work_sink work;
} fr_train_options;

typedef enum {
    FR_STOP_NONE,
    FR_STOP_DONE,
    FR_STOP_EARLY,
    FR_STOP_BUDGET,
    FR_STOP_INTERRUPTED
} fr_train_stop;

typedef struct {
    double loss_first, loss_last, dev_loss_first, dev_loss_best;
    size_t steps, tokens;
    uint64_t trainable_params, total_params;
    double duration_s, tokens_per_s;
    double cpu_s; /* user and system time of this process while it trained, since it (re)started */
    uint64_t peak_rss_bytes;
    double flops;
    fr_train_stop stopped_by;
} fr_train_result;

/** FR_E_INTERRUPTED leaves a checkpoint where a folder was named; running again resumes there. */
int fr_train(const fr_train_options *options, fr_train_result *out, fr_err *err);

/**
 * Trains what a configuration file says (docs: `frugal train --help`): model, tokenizer, stages.
 * Paths in it are relative to it. Checkpoints are written as it says; running again resumes.
 * threads: 0 takes the file's. progress, work: may be NULL. out_path: where the GGUF went, owned
 * by the caller (free()); may be NULL.
 */
int fr_train_config(const char *path, int threads, const fr_progress *progress,
                    const fr_work_sink *work, fr_train_result *out, char **out_path, fr_err *err);

/** FLOPs that training would take, to predict before spending (6 per weight and token, and
 * attention; LoRA 4). */
double fr_train_flops(fr_train_method method, const fr_shape *shape, size_t sequence,
                      size_t tokens);

#endif
