#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include "base/hash.h"
#include "base/mem.h"
#include "train/loop.h"

/* A frozen base beyond this stays in its file's format; below, converting it once is less work. */
#define FP32_LIMIT_BYTES ((uint64_t)512 << 20)

/* What a call holds while it runs. */
typedef struct {
    const fr_train_options *o;
    fr_model *model; /* the base, or whose vocabulary is taken */
    fr_weights weights;
    fr_pool *pool;
    fr_corpus train, dev;
    fr_stage stage;
    fr_loop loop;
} job;

static void close_job(job *j)
{
    fr_corpus_fini(&j->train);
    fr_corpus_fini(&j->dev);
    fr_weights_fini(&j->weights);
    fr_pool_free(j->pool);
    fr_model_free(j->model);
}

static int check(const fr_train_options *o, fr_err *err)
{
    const bool scratch = o->method == FR_TRAIN_SCRATCH;
    if (o->method == FR_TRAIN_NONE || o->out == NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "training needs a method and an output");
    if (scratch ? o->shape == NULL || o->tokenizer_from == NULL : o->base == NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "training needs %s",
                       scratch ? "a shape and a vocabulary" : "a base model");
    if (o->n_train == 0)
        return fr_fail(err, FR_E_USAGE, NULL, "there is no row to train on");
    if (o->max_epochs == 0 && o->max_tokens == 0)
        return fr_fail(err, FR_E_USAGE, "Give a number of epochs or of tokens.",
                       "training has no end");
    if (o->lora_rank > 1024 || o->sequence == 1)
        return fr_fail(err, FR_E_USAGE, NULL, "a LoRA rank is at most 1024, a sequence at least 2");
    return 0;
}

static size_t sequence_of(const fr_train_options *o)
{
    return o->sequence != 0 ? o->sequence : 256;
}

static int open_weights(job *j, fr_err *err)
{
    const fr_train_options *o = j->o;
    const bool scratch = o->method == FR_TRAIN_SCRATCH, lora = o->method == FR_TRAIN_LORA;
    FR_TRY(fr_model_open(scratch ? o->tokenizer_from : o->base, &j->model, err));
    fr_shape shape = scratch ? *o->shape : *fr_model_shape(j->model);
    if (scratch)
        shape.n_vocab = fr_tokenizer_n_vocab(fr_model_tokenizer(j->model));
    FR_TRY(fr_graph_check(&shape, err));
    if (lora)
        FR_TRY(
            fr_weights_borrow(&j->weights, &shape, fr_model_file(j->model), FP32_LIMIT_BYTES, err));
    else
        FR_TRY(fr_weights_init(&j->weights, &shape, false, err));
    if (scratch) {
        fr_weights_randomize(&j->weights, o->seed);
        return 0;
    }
    j->weights.frequencies = fr_model_frequencies(j->model, sequence_of(o), &j->weights.magnitude);
    if (!lora)
        return fr_weights_load(&j->weights, fr_model_file(j->model), err);
    const size_t rank = o->lora_rank != 0 ? o->lora_rank : 8;
    const double alpha = o->lora_alpha != 0 ? o->lora_alpha : 2.0 * (double)rank;
    return fr_weights_add_lora(&j->weights, rank, (float)alpha, o->seed, err);
}

static int tokenize(job *j, fr_corpus *to, const char *name, const fr_example *rows, size_t n,
                    fr_err *err)
{
    to->name = fr_dup(name);
    for (size_t i = 0; i < n; i++)
        FR_TRY(fr_corpus_add(to, fr_model_tokenizer(j->model), rows[i], err));
    return 0;
}

/* Zero means the default, everywhere. */
static void fill_loop(job *j)
{
    const fr_train_options *o = j->o;
    static const double LR[] = { 0, 2e-3, 5e-4, 3e-3 };
    const uint64_t epoch = j->train.ids.n;
    uint64_t tokens = o->max_tokens != 0 ? o->max_tokens : UINT64_MAX;
    if (o->max_epochs != 0)
        tokens = FR_MIN(tokens, epoch * o->max_epochs);
    const size_t sequence = sequence_of(o);
    j->stage = (fr_stage){
        .name = "train",
        .corpora = { &j->train },
        .ratios = { 1 },
        .n_sources = 1,
        .sequence = sequence,
        .batch_tokens = FR_MAX(o->batch_tokens != 0 ? o->batch_tokens : 2048, sequence),
        .tokens = tokens,
        .lr = o->lr != 0 ? o->lr : LR[o->method],
        .dev = o->n_dev > 0 ? &j->dev : NULL,
        .dev_rows = o->n_dev,
        .eval_every = o->eval_every_tokens != 0 ? o->eval_every_tokens : epoch,
    };
    const double steps = ceil((double)tokens / (double)j->stage.batch_tokens);
    j->loop = (fr_loop){
        .method = o->method,
        .weights = &j->weights,
        .pool = j->pool,
        .stages = &j->stage,
        .n_stages = 1,
        .update = { .beta1 = 0.9,
                    .beta2 = 0.95,
                    .eps = 1e-8,
                    .weight_decay = o->weight_decay,
                    .clip = o->clip != 0 ? o->clip : 1.0 },
        .warmup_steps = o->warmup_steps != 0 ? o->warmup_steps : (size_t)ceil(steps / 20),
        .final_ratio = o->final_lr_ratio != 0 ? o->final_lr_ratio : 0.1,
        .seed = o->seed,
        .patience = o->n_dev == 0      ? 0
                    : o->patience != 0 ? o->patience
                                       : 3,
        .max_s = o->max_s,
        .checkpoint_dir = o->checkpoint_dir,
        .checkpoint_every_s = o->checkpoint_every_s != 0 ? o->checkpoint_every_s : 120,
        .progress = o->progress,
        .work = o->work,
    };
}

/* What a checkpoint must agree with: everything that the outcome depends on. */
static uint64_t identity(const job *j)
{
    const fr_shape *s = &j->weights.shape;
    const uint64_t numbers[] = { j->o->method,      s->n_layers,          s->dim,
                                 s->n_heads,        s->n_kv_heads,        s->head_dim,
                                 s->ffn_dim,        s->n_vocab,           s->tied,
                                 j->weights.rank,   j->o->seed,           j->stage.tokens,
                                 j->stage.sequence, j->stage.batch_tokens };
    const double rates[] = { j->stage.lr, j->loop.update.weight_decay, j->loop.update.clip,
                             (double)j->weights.lora_scale };
    uint64_t h = fr_hash64(numbers, sizeof(numbers), 0);
    h = fr_hash64(rates, sizeof(rates), h);
    h = fr_hash64(j->train.ids.at, j->train.ids.n * sizeof(int32_t), h);
    const fr_tensor *first = fr_gguf_tensor_at(fr_model_file(j->model), 0);
    return first != NULL ? fr_hash64(first->data, FR_MIN(first->size_bytes, (uint64_t)65536), h)
                         : h;
}

static int save(const job *j, fr_err *err)
{
    const fr_train_options *o = j->o;
    if (o->method == FR_TRAIN_LORA)
        return fr_save_peft(&j->weights, o->base, o->out, err);
    return fr_save_gguf(
        &j->weights,
        &(fr_save_options){ .base = fr_model_file(j->model),
                            .name = o->method == FR_TRAIN_SCRATCH ? "frugal-scratch" : NULL,
                            .format = o->out_format },
        o->out, err);
}

int fr_train(const fr_train_options *options, fr_train_result *out, fr_err *err)
{
    job j = { .o = options };
    int rc = check(options, err);
    if (rc == 0)
        rc = open_weights(&j, err);
    if (rc == 0)
        rc = fr_pool_new(options->threads, &j.pool, err);
    if (rc == 0)
        rc = tokenize(&j, &j.train, "training rows", options->train, options->n_train, err);
    if (rc == 0)
        rc = tokenize(&j, &j.dev, "dev rows", options->dev, options->n_dev, err);
    if (rc == 0) {
        fill_loop(&j);
        j.loop.identity = identity(&j);
        rc = fr_loop_run(&j.loop, out, err);
    }
    if (rc == 0)
        rc = save(&j, err);
    if (rc == 0 && options->checkpoint_dir != NULL)
        fr_checkpoint_remove(options->checkpoint_dir);
    close_job(&j);
    return rc;
}

double fr_train_flops(fr_train_method method, const fr_shape *s, size_t sequence, size_t tokens)
{
    const double head = (double)s->n_vocab * (double)s->dim;
    const double embeddings = s->tied ? head : 2 * head;
    const double weights = (double)fr_shape_n_params(s) - embeddings + head;
    const double attention =
        7 * (double)sequence * (double)(s->n_heads * s->head_dim * s->n_layers);
    return (double)tokens * ((method == FR_TRAIN_LORA ? 4 : 6) * weights + attention);
}
