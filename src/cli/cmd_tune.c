/* frugal tune: an adapter, or all weights of a model, learn a task. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "cli/cli.h"
#include "cli/cli_train.h"
#include "train/train.h"

static const char *const METHODS[] = { "lora", "full", NULL };

static const fr_option OPTIONS[] = {
    { "model", 'm', FR_OPTION_TEXT, "FILE", "the model to start from (GGUF)" },
    { "data", 'd', FR_OPTION_TEXT, "FILE", "rows to learn from (JSONL)" },
    { "output", 'o', FR_OPTION_TEXT, "PATH", "lora: a PEFT folder; full: a GGUF file" },
    { "dev", 0, FR_OPTION_TEXT, "FILE",
      "rows that decide when to stop (default: a tenth of the data, from 20 rows on)" },
    { "epochs", 'e', FR_OPTION_I64, "N", "passes over the data at most (default 3)" },
    { "tokens", 0, FR_OPTION_I64, "N", "tokens at most (default: no bound)" },
    { "seconds", 0, FR_OPTION_F64, "S", "wall time at most (default: no bound)" },
    { "lr", 0, FR_OPTION_F64, "X", "learning rate (default: lora 0.002, full 0.0005)" },
    { "rank", 'r', FR_OPTION_I64, "N", "lora: rank (default 8)" },
    { "alpha", 0, FR_OPTION_F64, "X", "lora: scale times rank (default twice the rank)" },
    { "weight-decay", 0, FR_OPTION_F64, "X", "on matrices (default 0)" },
    { "sequence", 0, FR_OPTION_I64, "N", "tokens of the longest row (default 256)" },
    { "batch-tokens", 'b', FR_OPTION_I64, "N", "tokens of a step (default 2048)" },
    { "patience", 0, FR_OPTION_I64, "N", "looks at dev without gain before stopping (default 3)" },
    { "format", 0, FR_OPTION_TEXT, "TYPE", "full: f32, f16, bf16, q8_0, q4_k … (default f16)" },
    { "checkpoint", 0, FR_OPTION_TEXT, "DIR",
      "what an interrupted run resumes from (default PATH.checkpoint, gone when done)" },
    { "seed", 0, FR_OPTION_I64, "N", "of order and adapter (default 1)" },
    { "threads", 't', FR_OPTION_I64, "N", "threads (default: all processors)" },
    FR_OPTION_PROFILE,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

/* A tenth of the rows, at most 500, drawn by the seed, goes to the end and becomes dev. */
static size_t cut_dev(fr_rows *rows, uint64_t seed)
{
    const size_t n_dev = rows->n < 20 ? 0 : FR_MIN(rows->n / 10, (size_t)500);
    uint32_t *order = FR_NEW_N(uint32_t, rows->n);
    fr_example *shuffled = FR_NEW_N(fr_example, rows->n);
    fr_random_permutation(order, rows->n, seed, FR_RANDOM_SPLIT, 0);
    for (size_t i = 0; i < rows->n; i++)
        shuffled[i] = rows->rows[order[i]];
    memcpy(rows->rows, shuffled, rows->n * sizeof(fr_example));
    free(shuffled);
    free(order);
    return n_dev;
}

static int whole(const fr_cli *cli, const char *name, long long otherwise, size_t *out, fr_err *err)
{
    const long long v = fr_arg_i64(cli, name, otherwise);
    if (v < 0 || (fr_arg_given(cli, name) && v == 0))
        return fr_fail(err, FR_E_USAGE, NULL, "--%s: expected a number from 1", name);
    *out = (size_t)v;
    return 0;
}

static int above_zero(const fr_cli *cli, const char *name, double *out, fr_err *err)
{
    *out = fr_arg_f64(cli, name, 0);
    if (*out < 0 || (fr_arg_given(cli, name) && !(*out > 0) && strcmp(name, "weight-decay") != 0))
        return fr_fail(err, FR_E_USAGE, NULL, "--%s: expected a number above 0", name);
    return 0;
}

static int read_options(const fr_cli *cli, fr_train_options *o, fr_err *err)
{
    const char *method, *format = fr_arg_text(cli, "format", "f16");
    FR_TRY(fr_arg_need(cli, 0, "METHOD (lora or full)", &method, err));
    o->method = strcmp(method, "lora") == 0   ? FR_TRAIN_LORA
                : strcmp(method, "full") == 0 ? FR_TRAIN_FULL
                                              : FR_TRAIN_NONE;
    if (o->method == FR_TRAIN_NONE)
        return fr_fail(err, FR_E_USAGE, "Known: lora, full.", "'%s' is not a method of tuning",
                       method);
    FR_TRY(fr_arg_need_text(cli, "model", &o->base, err));
    FR_TRY(fr_arg_need_text(cli, "output", &o->out, err));
    const fr_format_row *row = fr_format_by_name(format);
    if (row == NULL)
        return fr_fail(err, FR_E_USAGE, FR_FORMAT_HINT, "--format: '%s' is no number format",
                       format);
    o->out_format = row->format;
    size_t threads = 0, seed = 0;
    FR_TRY(whole(cli, "epochs", 3, &o->max_epochs, err));
    FR_TRY(whole(cli, "tokens", 0, &o->max_tokens, err));
    FR_TRY(whole(cli, "rank", 0, &o->lora_rank, err));
    FR_TRY(whole(cli, "sequence", 0, &o->sequence, err));
    FR_TRY(whole(cli, "batch-tokens", 0, &o->batch_tokens, err));
    FR_TRY(whole(cli, "patience", 0, &o->patience, err));
    FR_TRY(whole(cli, "threads", 0, &threads, err));
    FR_TRY(whole(cli, "seed", 1, &seed, err));
    FR_TRY(above_zero(cli, "seconds", &o->max_s, err));
    FR_TRY(above_zero(cli, "lr", &o->lr, err));
    FR_TRY(above_zero(cli, "alpha", &o->lora_alpha, err));
    FR_TRY(above_zero(cli, "weight-decay", &o->weight_decay, err));
    o->threads = (int)threads;
    o->seed = seed;
    return 0;
}

/* Ctrl-C loses nothing, asked for or not: without a folder of the user's, one beside the output. */
static char *checkpoint_dir_of(const fr_cli *cli, const char *out)
{
    const char *named = fr_arg_text(cli, "checkpoint", NULL);
    FR_AUTO(fr_buf) beside = { 0 };
    size_t n = strlen(out);
    while (n > 1 && out[n - 1] == '/')
        n--;
    fr_buf_put_f(&beside, "%.*s.checkpoint", (int)n, out);
    return fr_dup(named != NULL ? named : fr_buf_text(&beside));
}

static void remove_checkpoint_dir(const char *dir)
{
    char *log = fr_path_join(dir, "log.csv");
    unlink(log);
    rmdir(dir);
    free(log);
}

static int tune(fr_cli *cli, fr_run *meter, fr_op_profile *profile, fr_train_options *o,
                fr_train_result *result, fr_err *err)
{
    FR_AUTO(fr_rows) rows = { 0 };
    FR_AUTO(fr_rows) dev = { 0 };
    const char *data, *dev_path = fr_arg_text(cli, "dev", NULL);
    FR_TRY(fr_arg_need_text(cli, "data", &data, err));
    FR_TRY(fr_rows_read(data, &rows, err));
    size_t n_dev = 0;
    if (dev_path != NULL)
        FR_TRY(fr_rows_read(dev_path, &dev, err));
    else
        n_dev = cut_dev(&rows, o->seed);
    o->train = rows.rows;
    o->n_train = rows.n - n_dev;
    o->dev = dev_path != NULL ? dev.rows : rows.rows + o->n_train;
    o->n_dev = dev_path != NULL ? dev.n : n_dev;
    o->progress = fr_cli_progress(cli, meter);
    o->work = fr_op_profile_sink(profile, fr_run_work(meter));
    fr_op_profile_begin(profile, meter);
    return fr_train(o, result, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    fr_run *meter = NULL;
    fr_train_options options = { 0 };
    fr_train_result result = { 0 };
    int rc = read_options(cli, &options, &err);
    fr_op_profile *profile = NULL;
    if (rc == 0)
        rc = fr_op_profile_open(cli, &profile, &err);
    if (rc == 0)
        rc = fr_cli_run_begin(cli, "tune", METHODS[options.method == FR_TRAIN_FULL], &meter, &err);
    if (rc != 0) {
        fr_op_profile_free(profile);
        return fr_cli_fail(cli, rc, &err);
    }
    char *checkpoint_dir = checkpoint_dir_of(cli, options.out);
    options.checkpoint_dir = checkpoint_dir;
    rc = tune(cli, meter, profile, &options, &result, &err);
    if (rc == 0 && !fr_arg_given(cli, "checkpoint"))
        remove_checkpoint_dir(checkpoint_dir);
    free(checkpoint_dir);
    return fr_train_finish(cli, meter, profile, rc, &result, options.out, &err);
}

const fr_command FR_COMMAND_tune = {
    "tune",
    run,
    OPTIONS,
    "METHOD",
    "teach a model a task: an adapter (lora) or all its weights (full)",
    "frugal tune lora -m models/frugal-tiny.gguf -d train.jsonl -o adapter\n"
    "frugal tune full -m models/frugal-tiny.gguf -d train.jsonl -o tuned.gguf --epochs 2 --json",
    "Rows are {\"input\", \"output\"} (loss falls on the output only), {\"text\"}, "
    "prompt/completion,\n"
    "Alpaca, ShareGPT or OpenAI messages. The best weights by the dev rows are kept. The adapter "
    "is\n"
    "a folder that Hugging Face PEFT reads too.",
    false,
    METHODS,
};
