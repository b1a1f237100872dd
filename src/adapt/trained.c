/* The rungs that learn weights: lora, full, scratch. What they are asked afterwards is the same
 * prompt that they learnt on: with the retrieved passage when the task has documents. */
#include "adapt/folder.h"
#include "adapt/prompted.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/train.h"

#define RECIPE 2 /* goes up when learning changes, so that older results are not taken for it */
#define BATCH_TOKENS                                                                               \
    512 /* of an optimizer step: a task's rows are few, and many steps beat large ones */
#define SMALL_MODEL_BYTES ((uint64_t)64 << 20)
#define DEV_LOSS_ROWS     100 /* rows of dev that early stopping looks at */

/* One row a method. */
typedef struct {
    const fr_rung_kind *kind;
    fr_train_method method;
    const char *file; /* what it leaves in the rung's folder */
    size_t epochs;    /* of the schedule */
    double epochs_expected;
    double bytes_per_param; /* to learn: weights, gradients, two moments; frozen FP32 for LoRA */
} training;

static const training TRAININGS[] = {
    { &FR_RUNG_LORA, FR_TRAIN_LORA, "adapter", 8, 5, 5 },
    { &FR_RUNG_FULL, FR_TRAIN_FULL, "model.gguf", 6, 4, 16 },
    { &FR_RUNG_SCRATCH, FR_TRAIN_SCRATCH, "model.gguf", 40, 20, 16 },
};

static const training *training_of(const fr_rung *r)
{
    size_t i = 0;
    while (TRAININGS[i].kind != r->kind)
        i++;
    return &TRAININGS[i];
}

static bool reads_documents(const fr_rung *r)
{
    return r->with.kind == FR_TASK_ANSWER && r->with.documents != NULL;
}

static bool fits(fr_rung *r)
{
    const training *t = training_of(r);
    if (!fr_prompted_fits(r))
        return false;
    if (r->model->path == NULL) {
        snprintf(r->reason, sizeof(r->reason),
                 "training needs the weights; over HTTP there is only the answer%s",
                 t->method == FR_TRAIN_SCRATCH ? " (scratch takes its vocabulary from a file)"
                                               : "");
        return false;
    }
    double params = (double)r->model->bytes; /* a byte a weight at most, in the formats we read */
    double needed = t->method == FR_TRAIN_SCRATCH ? 0 : params * t->bytes_per_param;
    double has = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (needed > has) {
        snprintf(r->reason, sizeof(r->reason),
                 "training it would need about %.0f GiB of memory; this machine has %.0f",
                 needed / 1073741824.0, has / 1073741824.0);
        return false;
    }
    return true;
}

/* A shape for a model of the task's own: small, since its rows are few. */
static fr_shape scratch_shape(const fr_shape *base, double longest_tokens)
{
    size_t context = 256;
    while ((double)context < 1.5 * longest_tokens && context < base->context)
        context *= 2;
    return (fr_shape){ .architecture = base->architecture,
                       .n_layers = 3,
                       .dim = 128,
                       .n_heads = 4,
                       .n_kv_heads = 4,
                       .head_dim = 32,
                       .ffn_dim = 352,
                       .n_vocab = base->n_vocab,
                       .context = FR_MIN(context, base->context),
                       .norm_eps = base->norm_eps,
                       .rope_theta = base->rope_theta,
                       .rope_dim = 32,
                       .tied = true };
}

/* ---- rows --------------------------------------------------------------------------------- */

typedef struct {
    fr_example *at;
    size_t n;
} examples;

static void examples_fini(examples *x)
{
    for (size_t i = 0; i < x->n; i++) {
        free((char *)x->at[i].input.at);
        free((char *)x->at[i].output.at);
    }
    free(x->at);
}

static fr_str taken(fr_buf *b)
{
    size_t n = b->n;
    return (fr_str){ fr_buf_take(b), n };
}

/* The same prompts that will be asked, with the wanted completion behind. Rows that do not fit the
 * context are left out. */
static int make_examples(fr_rung *r, const fr_data *rows, size_t most, examples *out,
                         size_t *longest_bytes, fr_err *err)
{
    size_t n = FR_MIN(rows->n, most);
    *out = (examples){ FR_NEW_N(fr_example, n), 0 };
    for (size_t i = 0; i < n; i++) {
        fr_buf prompt = { 0 }, completion = { 0 };
        bool has_room = false;
        int rc = fr_prompted_build_prompt(r, rows->at[i].input, &prompt, &has_room, err);
        if (rc != 0 || !has_room) {
            fr_buf_fini(&prompt);
            FR_TRY(rc);
            continue;
        }
        fr_prompt_completion(rows->at[i].output, &completion);
        *longest_bytes = FR_MAX(*longest_bytes, prompt.n + completion.n);
        fr_str input = taken(&prompt);
        out->at[out->n++] = (fr_example){ input, taken(&completion) };
    }
    return 0;
}

/* ---- how many passages -------------------------------------------------------------------- */

static bool has_text(fr_str text, fr_str what)
{
    for (size_t i = 0; what.n != 0 && i + what.n <= text.n; i++) {
        if (strncasecmp(text.at + i, what.at, what.n) == 0)
            return true;
    }
    return false;
}

/* The fewest passages among which the answer stands about as often as among three, on dev: it is
 * cheaper to learn on short rows. No model is asked. */
static int choose_passages(fr_rung *r, fr_err *err)
{
    enum { MOST = 3 };
    fr_prompted *p = fr_prompted_of(r);
    size_t found[MOST + 1] = { 0 };
    size_t n = FR_MIN(r->with.dev->n, (size_t)200);
    char *path = fr_path_join(r->dir, "index.db");
    FR_AUTOPTR(fr_index) index = NULL;
    int rc = fr_index_open(path, &index, err);
    free(path);
    FR_TRY(rc);
    for (size_t i = 0; i < n; i++) {
        fr_hits hits = { 0 };
        FR_TRY(fr_index_search(index, r->with.dev->at[i].input, MOST, &hits, err));
        bool there = false;
        for (size_t k = 1; k <= MOST; k++) {
            there = there || (k <= hits.n &&
                              has_text(fr_str_of(hits.at[k - 1].text), r->with.dev->at[i].output));
            found[k] += there;
        }
        fr_hits_fini(&hits);
    }
    p->n_passages = 1;
    while (p->n_passages < MOST &&
           (double)found[p->n_passages] < (double)found[MOST] - 0.05 * (double)n)
        p->n_passages++;
    if (r->chosen == NULL)
        r->chosen = json_object();
    json_object_set_new(r->chosen, "passages", json_integer((json_int_t)p->n_passages));
    json_object_set_new(r->chosen, "answer_in_passages_ratio",
                        json_real((double)found[p->n_passages] / (double)FR_MAX(n, (size_t)1)));
    return 0;
}

/* ---- building ----------------------------------------------------------------------------- */

static const char *const STOPS[] = { "none", "done", "early", "budget", "interrupted" };

static void put_training(fr_rung *r, const fr_train_result *result, size_t n_train, size_t n_dev)
{
    json_decref(r->training);
    r->training = json_pack(
        "{s:s,s:I,s:I,s:f,s:f,s:I,s:I,s:f,s:f,s:I,s:I,s:I}", "stopped_by",
        STOPS[result->stopped_by], "steps", (json_int_t)result->steps, "tokens",
        (json_int_t)result->tokens, "tokens_per_s", result->tokens_per_s, "duration_s",
        result->duration_s, "trainable_params", (json_int_t)result->trainable_params,
        "total_params", (json_int_t)result->total_params, "loss_first", result->loss_first,
        "loss_last", result->loss_last, "peak_rss_bytes", (json_int_t)result->peak_rss_bytes,
        "rows", (json_int_t)n_train, "dev_rows", (json_int_t)n_dev);
    if (r->training != NULL && !isnan(result->dev_loss_best)) {
        json_object_set_new(r->training, "dev_loss_first", json_real(result->dev_loss_first));
        json_object_set_new(r->training, "dev_loss_best", json_real(result->dev_loss_best));
    }
}

/* The dense work of an epoch, in tokens of packed rows. */
static double epoch_tokens(fr_prompted *p, const examples *rows)
{
    double tokens = 0;
    size_t sample = FR_MIN(rows->n, (size_t)64);
    for (size_t i = 0; i < sample; i++) {
        const fr_example *row = &rows->at[i * rows->n / sample];
        tokens += (double)fr_endpoint_count(p->endpoint, row->input) +
                  (double)fr_endpoint_count(p->endpoint, row->output) + 1;
    }
    return sample != 0 ? tokens * (double)rows->n / (double)sample : 0;
}

/* Small models stand, and need, larger steps than the trainer's defaults, which are for large ones.
 */
static double learning_rate(const training *t, uint64_t model_bytes)
{
    bool small = model_bytes < SMALL_MODEL_BYTES;
    if (t->method == FR_TRAIN_LORA)
        return small ? 5e-3 : 0;
    return t->method == FR_TRAIN_FULL && small ? 1.5e-3 : 0;
}

static double budget_of(const fr_rung *r)
{
    double stated = r->strategy->time_s;
    if (stated > 0 && r->train_max_s > 0)
        return fmin(stated, r->train_max_s);
    return stated > 0 ? stated : r->train_max_s;
}

/* How many tokens the schedule is for, when a budget in time says that not all epochs fit: a
 * learning rate that never falls learns less. Kept in the folder, since a training that goes on
 * after an interruption must have the schedule that it began with, whatever the probe says now. */
static int schedule_tokens(const fr_rung *r, const training *t, double epoch_tokens_,
                           double epoch_flops, size_t *max_tokens, bool *shortened, fr_err *err)
{
    double max_s = budget_of(r);
    char *path = fr_path_join(r->dir, "schedule.json");
    FR_AUTO(fr_buf) text = { 0 };
    int rc = 0;
    if (fr_file_read(path, 4096, &text, NULL) == 0) {
        json_t *kept = json_loadb(fr_buf_text(&text), text.n, 0, NULL);
        json_int_t n = json_integer_value(json_object_get(kept, "max_tokens"));
        *max_tokens = n > 0 ? (size_t)n : 0;
        json_decref(kept);
    } else {
        if (max_s > 0 && r->probe.train.flop_per_s > 0 && epoch_flops > 0) {
            double epochs = 0.8 * max_s * r->probe.train.flop_per_s / epoch_flops;
            if (epochs < (double)t->epochs)
                *max_tokens = (size_t)FR_MAX(epochs * epoch_tokens_, 2048.0);
        }
        fr_buf_put_f(&text, "{\"max_tokens\": %zu}\n", *max_tokens);
        rc = fr_file_write(path, fr_buf_str(&text), err);
    }
    free(path);
    *shortened = *max_tokens != 0;
    return rc;
}

static int train(fr_rung *r, fr_err *err)
{
    const training *t = training_of(r);
    fr_prompted *p = r->state;
    examples rows = { 0 }, dev = { 0 };
    size_t longest_bytes = 0;
    int rc = make_examples(r, r->with.train, SIZE_MAX, &rows, &longest_bytes, err);
    if (rc == 0)
        rc = make_examples(r, r->with.dev, DEV_LOSS_ROWS, &dev, &longest_bytes, err);
    if (rc == 0 && rows.n == 0)
        rc = fr_fail(err, FR_E_LIMIT, "Shorten the rows, or name a model with a longer context.",
                     "no training row fits the context of %zu tokens", p->context);
    size_t longest = 0;
    for (size_t i = 0; i < rows.n && rc == 0; i++) {
        if (4 * (rows.at[i].input.n + rows.at[i].output.n) < longest_bytes)
            continue;
        size_t n = fr_endpoint_count(p->endpoint, rows.at[i].input) +
                   fr_endpoint_count(p->endpoint, rows.at[i].output) + 2;
        longest = FR_MAX(longest, n);
    }
    double tokens = rc == 0 ? epoch_tokens(p, &rows) : 0;
    fr_shape base = { 0 }, shape = { 0 };
    if (p->model != NULL)
        base = *fr_model_shape(p->model);
    shape = scratch_shape(&base, (double)longest + (double)p->max_tokens);
    /* the engine that counted is not needed while training */
    fr_prompted_close(r);
    char *out = fr_path_join(r->dir, t->file), *checkpoint = fr_path_join(r->dir, "checkpoint");
    size_t sequence = 128;
    while (sequence < longest)
        sequence *= 2;
    double max_s = budget_of(r);
    fr_train_options options = {
        .method = t->method,
        .base = t->method == FR_TRAIN_SCRATCH ? NULL : r->model->path,
        .shape = t->method == FR_TRAIN_SCRATCH ? &shape : NULL,
        .tokenizer_from = t->method == FR_TRAIN_SCRATCH ? r->model->path : NULL,
        .out = out,
        .checkpoint_dir = checkpoint,
        .checkpoint_every_s = 20,
        .train = rows.at,
        .n_train = rows.n,
        .dev = dev.n != 0 ? dev.at : NULL,
        .n_dev = dev.n,
        .sequence = FR_MIN(sequence, t->method == FR_TRAIN_SCRATCH ? shape.context : base.context),
        .batch_tokens = BATCH_TOKENS,
        .lr = learning_rate(t, r->model->bytes),
        .max_epochs = t->epochs,
        .max_s = max_s,
        .patience = 3,
        .seed = r->seed,
        .threads = r->threads,
        .progress = r->progress,
        .work = r->work,
    };
    const fr_shape *trained = t->method == FR_TRAIN_SCRATCH ? &shape : &base;
    double flops =
        tokens > 0 ? fr_train_flops(t->method, trained, options.sequence, (size_t)tokens) : 0;
    bool shortened = false;
    if (rc == 0)
        rc = schedule_tokens(r, t, tokens, flops, &options.max_tokens, &shortened, err);
    fr_train_result result = { .dev_loss_best = NAN };
    if (rc == 0)
        rc = fr_train(&options, &result, err);
    if ((rc == FR_E_USAGE || rc == FR_E_FORMAT) && fr_dir_exists(checkpoint)) {
        fr_folder_remove(checkpoint); /* of no use: begin again */
        rc = fr_train(&options, &result, err);
    }
    if (rc == 0) {
        put_training(r, &result, rows.n, dev.n);
        r->budget =
            result.stopped_by == FR_STOP_BUDGET || (shortened && result.stopped_by == FR_STOP_DONE);
        if (r->budget)
            snprintf(r->reason, sizeof(r->reason),
                     "training ended at its budget of %.0f s, before it had stopped improving: "
                     "with more it could do better",
                     max_s);
    }
    examples_fini(&rows);
    examples_fini(&dev);
    free(out);
    free(checkpoint);
    return rc;
}

static int open_trained(fr_rung *r, fr_err *err)
{
    const training *t = training_of(r);
    char *file = fr_path_join(r->dir, t->file);
    int rc = t->method == FR_TRAIN_LORA ? fr_prompted_open_with(r, r->model->path, file, err)
                                        : fr_prompted_open_with(r, file, NULL, err);
    free(file);
    return rc;
}

static int build(fr_rung *r, fr_err *err)
{
    FR_TRY(fr_dir_make(r->dir, err));
    if (reads_documents(r)) {
        FR_TRY(fr_prompted_index(r, err));
        FR_TRY(choose_passages(r, err));
    }
    FR_TRY(fr_prompted_open(r, err)); /* to count tokens and cut what does not fit */
    return train(r, err);
}

/* ---- prediction --------------------------------------------------------------------------- */

static int predict(fr_rung *r, fr_rung_forecast *out, fr_err *err)
{
    const training *t = training_of(r);
    fr_prompt_sizes s;
    FR_TRY(fr_prompted_sizes(r, &s, err));
    double prompt = s.input_tokens + (reads_documents(r) ? s.passage_tokens : 0);
    double row = prompt + s.output_tokens;
    fr_shape own = scratch_shape(&s.shape, s.longest + (reads_documents(r) ? s.passage_tokens : 0));
    const fr_shape *shape = t->method == FR_TRAIN_SCRATCH ? &own : &s.shape;
    out->request = fr_prompted_request(r, &s, shape, fmin(prompt, (double)shape->context));
    /* one epoch for the lower bound: nothing stops earlier; training and looking at dev */
    double epoch = fr_train_flops(t->method, shape, 256, (size_t)(row * (double)r->with.train->n));
    double looks = 1 + 0.35 * (double)FR_MIN(r->with.dev->n, (size_t)DEV_LOSS_ROWS) /
                           (double)FR_MAX(r->with.train->n, (size_t)1);
    fr_forecast build =
        fr_forecast_of(epoch * looks * t->epochs_expected, &r->probe.train,
                       0.25 / t->epochs_expected, 2.0 * (double)t->epochs / t->epochs_expected);
    double max_s = budget_of(r);
    if (max_s > 0 && fr_forecast_known(&build) && build.s > max_s) {
        double cut = max_s / build.s;
        build = (fr_forecast){ max_s, build.j * cut, fmin(build.low_j, build.j * cut * 0.25),
                               build.j * cut * 2.5 };
    }
    out->build = build;
    out->load = (fr_forecast){ r->probe.load_s, r->probe.load_j, 0.1 * r->probe.load_j,
                               3 * r->probe.load_j };
    return 0;
}

static int save(fr_rung *r, json_t *artifact, fr_err *err)
{
    const training *t = training_of(r);
    json_object_set_new(artifact, t->method == FR_TRAIN_LORA ? "adapter" : "weights",
                        json_string(t->file));
    return fr_prompted_save(r, artifact, err);
}

static void key(const fr_rung *r, json_t *settings)
{
    const training *t = training_of(r);
    json_object_set_new(settings, "recipe", json_integer(RECIPE));
    json_object_set_new(settings, "epochs", json_integer((json_int_t)t->epochs));
    json_object_set_new(settings, "max_s", json_real(budget_of(r)));
    json_object_set_new(settings, "threads", json_integer(r->threads));
    if (reads_documents(r))
        json_object_set_new(settings, "documents", json_string(r->with.documents_hash));
}

/* They differ in what t->method makes of the strategy's name. */
#define TRAINED(name)                                                                              \
    {                                                                                              \
        .strategy = name, .needs_model = true, .trains = true, .fits = fits, .predict = predict,   \
        .build = build, .open = open_trained, .answer = fr_prompted_answer,                        \
        .likelihood = fr_prompted_likelihood, .forget = fr_prompted_forget,                        \
        .close = fr_prompted_close, .save = save, .key = key, .free_state = fr_prompted_free,      \
    }

const fr_rung_kind FR_RUNG_LORA = TRAINED("lora");
const fr_rung_kind FR_RUNG_FULL = TRAINED("full");
const fr_rung_kind FR_RUNG_SCRATCH = TRAINED("scratch");
