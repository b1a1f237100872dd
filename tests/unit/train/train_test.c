#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "train/train.h"

/* A folder with generated rows and a configuration; gone after the test. */
typedef struct {
    char dir[64];
} place;

static char *in(const place *p, const char *name)
{
    return fr_path_join(p->dir, name);
}

static void write_file(const place *p, const char *name, fr_str text)
{
    char *path = in(p, name);
    assert_int_equal(fr_file_write(path, text, NULL), 0);
    free(path);
}

/* "Ada has a red hat." → "red": learnable by copying a word. */
static void write_rows(const place *p, const char *name, size_t n, uint64_t stream)
{
    static const char *const NAMES[] = { "Ada", "Bo", "Cy", "Dee" };
    static const char *const COLOURS[] = { "red", "blue", "green", "white", "black" };
    FR_AUTO(fr_buf) text = { 0 };
    for (size_t i = 0; i < n; i++) {
        const char *who = NAMES[fr_random_below(4, 3, FR_RANDOM_TEST, stream, 2 * i)];
        const char *what = COLOURS[fr_random_below(5, 3, FR_RANDOM_TEST, stream, 2 * i + 1)];
        fr_buf_put_f(&text, "{\"input\": \"%s has a %s hat. Hat:\", \"output\": \" %s\"}\n", who,
                     what, what);
    }
    write_file(p, name, fr_buf_str(&text));
}

static void write_config(const place *p, const char *stage_more, const char *checkpoint)
{
    FR_AUTO(fr_buf) c = { 0 };
    fr_buf_put_s(&c, "model: {context: 64, dim: 32, layers: 2, heads: 4, kv_heads: 2, ffn: 48}\n"
                     "tokenizer: {train: bpe, size: 300, files: [rows.jsonl]}\n"
                     "optimizer: {lr: 0.02, warmup_steps: 4}\n"
                     "seed: 3\nthreads: 2\nformat: f32\nout: model.gguf\n");
    fr_buf_put_f(&c,
                 "stages:\n  - {name: one, mix: {rows.jsonl: 1}, sequence: 64, batch_tokens: 128, "
                 "tokens: 6000%s}\n  - {name: two, mix: {rows.jsonl: 0.5, more.jsonl: 0.5}, "
                 "sequence: 64, batch_tokens: 200, tokens: 3000}\n",
                 stage_more);
    if (checkpoint != NULL)
        fr_buf_put_f(&c, "checkpoint: {dir: %s, every_s: 1000}\n", checkpoint);
    write_file(p, "train.yaml", fr_buf_str(&c));
}

static int set_up(void **state)
{
    place *p = FR_NEW(place);
    snprintf(p->dir, sizeof(p->dir), "/tmp/frugal-train-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    write_rows(p, "rows.jsonl", 300, 1);
    write_rows(p, "more.jsonl", 50, 2);
    write_rows(p, "dev.jsonl", 40, 3);
    *state = p;
    return 0;
}

static void remove_tree(const char *dir)
{
    char **names = NULL;
    size_t n = 0;
    if (fr_dir_list(dir, &names, &n, NULL) != 0)
        return;
    for (size_t i = 0; i < n; i++) {
        char *path = fr_path_join(dir, names[i]);
        if (fr_dir_exists(path))
            remove_tree(path);
        else
            unlink(path);
        free(path);
    }
    fr_names_free(names, n);
    rmdir(dir);
}

static int tear_down(void **state)
{
    remove_tree(((place *)*state)->dir);
    free(*state);
    return 0;
}

static int train(const place *p, int threads, const fr_progress *progress, fr_train_result *r,
                 fr_err *err)
{
    char *config = in(p, "train.yaml");
    const int rc = fr_train_config(config, threads, progress, NULL, r, NULL, err);
    free(config);
    return rc;
}

static void bytes_of(const place *p, const char *name, fr_buf *out)
{
    char *path = in(p, name);
    assert_int_equal(fr_file_read(path, 1 << 26, out, NULL), 0);
    free(path);
}

/* A deeper model that begins as a file predicts what the file's model predicts; then it learns. */
static void a_deeper_model_begins_with_the_answers_of_the_shallower(void **state)
{
    const place *p = *state;
    fr_train_result shallow = { 0 }, deep = { 0 };
    fr_err err = { 0 };
    write_config(p, "", NULL);
    assert_int_equal(train(p, 1, NULL, &shallow, NULL), 0);
    double before[2];
    for (size_t i = 0; i < 2; i++) {
        FR_AUTO(fr_buf) c = { 0 };
        fr_buf_put_f(&c,
                     "model: {context: 64, dim: 32, layers: %d, heads: 4, kv_heads: 2, ffn: 48}\n"
                     "tokenizer: {file: model.gguf}\ninit: model.gguf\n%s"
                     "optimizer: {lr: 0.01}\nseed: 3\nformat: f32\nout: more.gguf\nstages:\n"
                     "  - {mix: {more.jsonl: 1}, sequence: 64, batch_tokens: 128, tokens: 2000, "
                     "until: {dev: dev.jsonl}}\n",
                     i == 0 ? 2 : 4, i == 0 ? "" : "init_layers: [0, 0, 1, 1]\n");
        write_file(p, "train.yaml", fr_buf_str(&c));
        if (train(p, 1, NULL, &deep, &err) != 0)
            fail_msg("%s", err.what);
        before[i] = deep.dev_loss_first;
    }
    assert_true(before[0] > 0 && fabs(before[1] - before[0]) < 1e-6);
    assert_true(deep.dev_loss_best < deep.dev_loss_first);
    assert_true(deep.total_params > shallow.total_params);
    static const char *const BAD[] = { "[0, 1, 1]", "[0, 2, 2, 3]", "[1, 0, 0, 1]", "[0, x, 1, 1]",
                                       "5",         "[0, 1, 2, 3]" };
    for (size_t i = 0; i < FR_COUNT_OF(BAD); i++) {
        FR_AUTO(fr_buf) c = { 0 };
        fr_buf_put_f(&c,
                     "model: {context: 64, dim: 32, layers: 4, heads: 4, kv_heads: 2, ffn: 48}\n"
                     "tokenizer: {file: model.gguf}\ninit: model.gguf\ninit_layers: %s\n"
                     "out: more.gguf\nstages:\n  - {mix: {more.jsonl: 1}, tokens: 2000, sequence: "
                     "64}\n",
                     BAD[i]);
        write_file(p, "train.yaml", fr_buf_str(&c));
        assert_int_equal(train(p, 1, NULL, &deep, &err), i < 5 ? FR_E_USAGE : FR_E_FORMAT);
        assert_non_null(strstr(err.what, i < 5 ? "init_layers" : "has no tensor"));
    }
}

/* Says stop at the n-th time it is asked. */
static bool stop_at(void *user)
{
    int *left = user;
    return --*left < 0;
}

static void interrupted_and_resumed_is_uninterrupted_to_the_bit(void **state)
{
    const place *p = *state;
    fr_train_result whole = { 0 }, part = { 0 };
    FR_AUTO(fr_buf) expected = { 0 };
    write_config(p, ", until: {dev: dev.jsonl, loss: 0.0001, every_tokens: 900}", NULL);
    assert_int_equal(train(p, 0, NULL, &whole, NULL), 0);
    bytes_of(p, "model.gguf", &expected);
    write_config(p, ", until: {dev: dev.jsonl, loss: 0.0001, every_tokens: 900}", "ckpt");
    for (int stops = 0; stops < 3; stops++) { /* in stage one twice, in stage two once */
        int left = stops == 2 ? 40 : 7;
        fr_err err = { 0 };
        const fr_progress progress = { NULL, stop_at, &left };
        assert_int_equal(train(p, 0, &progress, &part, &err), FR_E_INTERRUPTED);
        assert_non_null(strstr(err.hint, "again"));
    }
    assert_int_equal(train(p, 0, NULL, &part, NULL), 0);
    FR_AUTO(fr_buf) resumed = { 0 };
    bytes_of(p, "model.gguf", &resumed);
    assert_int_equal(resumed.n, expected.n);
    assert_memory_equal(resumed.at, expected.at, expected.n);
    assert_int_equal(part.steps, whole.steps);
    assert_true(part.loss_first == whole.loss_first && part.loss_last == whole.loss_last);
}

/* Long steps and long looks at dev are left in their middle, and lose nothing. */
static void a_stop_does_not_wait_for_a_step(void **state)
{
    const place *p = *state;
    static const char *const CHECKPOINT[] = { "", "checkpoint: {dir: ckpt}\n" };
    FR_AUTO(fr_buf) whole = { 0 };
    FR_AUTO(fr_buf) resumed = { 0 };
    fr_train_result r = { 0 };
    write_rows(p, "long.jsonl", 400, 7);
    for (int k = 0; k < 2; k++) {
        FR_AUTO(fr_buf) c = { 0 };
        fr_buf_put_f(&c,
                     "model: {context: 64, dim: 32, layers: 2, heads: 4, kv_heads: 2, ffn: 48}\n"
                     "tokenizer: {train: bpe, size: 300, files: [rows.jsonl]}\n"
                     "seed: 3\nthreads: 2\nformat: f32\nout: model.gguf\n%s"
                     "stages:\n  - {name: one, mix: {long.jsonl: 1}, sequence: 64, batch_tokens: "
                     "7000, tokens: 20000, until: {dev: long.jsonl, every_tokens: 7000, rows: 400}}"
                     "\n",
                     CHECKPOINT[k]);
        write_file(p, "train.yaml", fr_buf_str(&c));
        int at_zero = 0; /* stops before the first step was whole */
        for (int asked = 0; k == 1 && asked < 6; asked++) {
            int left = asked;
            fr_err err = { 0 };
            const fr_progress progress = { NULL, stop_at, &left };
            assert_int_equal(train(p, 0, &progress, &r, &err), FR_E_INTERRUPTED);
            at_zero += strstr(err.what, "after step 0") != NULL;
        }
        assert_true(k == 0 || at_zero > 2);
        assert_int_equal(train(p, 0, NULL, &r, NULL), 0);
        bytes_of(p, "model.gguf", k == 0 ? &whole : &resumed);
    }
    assert_int_equal(whole.n, resumed.n);
    assert_memory_equal(whole.at, resumed.at, whole.n);
}

static void threads_do_not_change_the_bits(void **state)
{
    const place *p = *state;
    fr_train_result r = { 0 };
    FR_AUTO(fr_buf) one = { 0 }, three = { 0 };
    write_config(p, "", NULL);
    assert_int_equal(train(p, 1, NULL, &r, NULL), 0);
    bytes_of(p, "model.gguf", &one);
    assert_int_equal(train(p, 3, NULL, &r, NULL), 0);
    bytes_of(p, "model.gguf", &three);
    assert_int_equal(one.n, three.n);
    assert_memory_equal(one.at, three.at, one.n);
}

/* Mean loss of the answers of dev.jsonl by the inference engine's own forward pass. */
static double inference_loss(const place *p, const char *model_name, const char *adapter_name)
{
    char *model_path = in(p, model_name), *rows_path = in(p, "dev.jsonl");
    FR_AUTOPTR(fr_model) model = NULL;
    FR_AUTOPTR(fr_adapter) adapter = NULL;
    FR_AUTOPTR(fr_kv) kv = NULL;
    FR_AUTO(fr_rows) rows = { 0 };
    fr_err err = { 0 };
    if (fr_model_open(model_path, &model, &err) != 0)
        fail_msg("%s", err.what);
    if (adapter_name != NULL) {
        char *path = in(p, adapter_name);
        if (fr_adapter_open(model, path, &adapter, &err) != 0)
            fail_msg("%s", err.what);
        free(path);
    }
    assert_int_equal(fr_kv_new(model, 1, 64, &kv, NULL), 0);
    assert_int_equal(fr_rows_read(rows_path, &rows, NULL), 0);
    const size_t n_vocab = fr_model_shape(model)->n_vocab;
    float *logits = FR_NEW_N(float, 64 * n_vocab);
    const fr_tokenizer *t = fr_model_tokenizer(model);
    double total = 0;
    size_t count = 0;
    for (size_t i = 0; i < rows.n; i++) {
        FR_AUTO(fr_ids) ids = { 0 };
        fr_row batch[64];
        assert_int_equal(fr_tokenizer_encode(t, rows.rows[i].input, FR_ENCODE_BOS, &ids, NULL), 0);
        const size_t from = ids.n;
        assert_int_equal(fr_tokenizer_encode(t, rows.rows[i].output, 0, &ids, NULL), 0);
        fr_ids_put(&ids, fr_tokenizer_eos(t));
        for (size_t k = 0; k < ids.n; k++)
            batch[k] = (fr_row){ ids.at[k], 0, (uint32_t)k, true };
        fr_kv_truncate(kv, 0, 0);
        assert_int_equal(fr_model_forward(model, adapter, kv, NULL, batch, ids.n, logits, NULL), 0);
        for (size_t k = from; k < ids.n; k++, count++) {
            const float *row = logits + (k - 1) * n_vocab;
            double sum = 0;
            for (size_t v = 0; v < n_vocab; v++)
                sum += exp((double)row[v]);
            total += log(sum) - (double)row[ids.at[k]];
        }
    }
    free(logits);
    free(model_path);
    free(rows_path);
    return total / (double)count;
}

static void what_was_trained_is_what_inference_runs(void **state)
{
    const place *p = *state;
    fr_train_result r = { 0 };
    write_config(p, ", until: {dev: dev.jsonl, loss: 1.0, every_tokens: 500}", NULL);
    char *config = in(p, "train.yaml");
    FR_AUTO(fr_buf) text = { 0 };
    assert_int_equal(fr_file_read(config, 1 << 16, &text, NULL), 0);
    char *cut = strstr(text.at, "  - {name: two"); /* stage one alone */
    write_file(p, "train.yaml", (fr_str){ text.at, (size_t)(cut - text.at) });
    free(config);
    assert_int_equal(train(p, 0, NULL, &r, NULL), 0);
    if (!(r.dev_loss_best <= 1.0))
        fail_msg("dev loss from %g to %g", r.dev_loss_first, r.dev_loss_best);
    assert_true(r.tokens < 6000); /* the stage ended at its loss, not at its tokens */
    assert_true(fabs(inference_loss(p, "model.gguf", NULL) - r.dev_loss_best) < 1e-4);
}

static void other_architectures_begin_from_nothing_too(void **state)
{
    const place *p = *state;
    static const char *const NAMES[] = { "gpt2", "qwen2", "qwen3" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        fr_train_result r = { 0 };
        fr_err err = { 0 };
        FR_AUTO(fr_buf) c = { 0 };
        fr_buf_put_f(&c,
                     "model: {architecture: %s, context: 64, dim: 32, layers: 2, heads: 4, "
                     "ffn: 48}\ntokenizer: {train: bpe, size: 300, files: [rows.jsonl]}\n"
                     "optimizer: {lr: 0.02, warmup_steps: 4}\nseed: 3\nformat: f32\n"
                     "out: model.gguf\nstages:\n  - {mix: {rows.jsonl: 1}, sequence: 64, "
                     "batch_tokens: 128, tokens: 6000, until: {dev: dev.jsonl, loss: 0.01}}\n",
                     NAMES[i]);
        write_file(p, "train.yaml", fr_buf_str(&c));
        if (train(p, 2, NULL, &r, &err) != 0)
            fail_msg("%s: %s", NAMES[i], err.what);
        assert_true(r.loss_last < 0.8 * r.loss_first);
        const double again = inference_loss(p, "model.gguf", NULL);
        if (!(fabs(again - r.dev_loss_best) < 1e-4))
            fail_msg("%s: %g while training, %g after", NAMES[i], r.dev_loss_best, again);
    }
}

static void a_wrong_key_is_refused_with_the_nearest_valid_one(void **state)
{
    const place *p = *state;
    fr_train_result r = { 0 };
    fr_err err = { 0 };
    write_config(p, ", batch_token: 3", NULL);
    assert_int_equal(train(p, 0, NULL, &r, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "batch_token"));
    assert_non_null(strstr(err.what, "train.yaml:9:"));
    assert_non_null(strstr(err.hint, "batch_tokens"));
    write_config(p, ", lr: -1", NULL);
    assert_int_equal(train(p, 0, NULL, &r, &err), FR_E_USAGE);
    write_config(p, ", until: {dev: nowhere.jsonl}", NULL);
    assert_int_equal(train(p, 0, NULL, &r, &err), FR_E_NOT_FOUND);
    write_file(p, "rows.jsonl", FR_STR("{\"input\": 3}\n"));
    write_config(p, "", NULL);
    assert_int_equal(train(p, 0, NULL, &r, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "rows.jsonl:1"));
}

static void a_checkpoint_of_something_else_or_cut_short_is_refused(void **state)
{
    const place *p = *state;
    fr_train_result r = { 0 };
    fr_err err = { 0 };
    int left = 3;
    const fr_progress progress = { NULL, stop_at, &left };
    write_config(p, "", "ckpt");
    assert_int_equal(train(p, 0, &progress, &r, NULL), FR_E_INTERRUPTED);
    FR_AUTO(fr_buf) kept = { 0 };
    bytes_of(p, "ckpt/checkpoint.frt", &kept);
    write_file(p, "ckpt/checkpoint.frt", (fr_str){ kept.at, kept.n - 100 });
    assert_int_equal(train(p, 0, NULL, &r, &err), FR_E_FORMAT);
    kept.at[20] ^= 1;
    write_file(p, "ckpt/checkpoint.frt", fr_buf_str(&kept));
    assert_int_equal(train(p, 0, NULL, &r, NULL), FR_E_USAGE);
    write_file(p, "ckpt/checkpoint.frt", FR_STR("hello"));
    assert_int_equal(train(p, 0, NULL, &r, NULL), FR_E_FORMAT);
}

/* ---- fr_train(): adapters, full fine-tuning, scratch --------------------------------------------
 */

typedef struct {
    fr_rows train, dev;
    char *base, *out;
    fr_train_options options;
} tuning;

static void begin_tuning(const place *p, tuning *t, fr_train_method method, const char *out)
{
    fr_train_result r = { 0 };
    char *rows = in(p, "rows.jsonl"), *dev = in(p, "dev.jsonl");
    write_config(p, "", NULL);
    *t = (tuning){ .base = in(p, "model.gguf"), .out = in(p, out) };
    if (!fr_file_exists(t->base))
        assert_int_equal(train(p, 0, NULL, &r, NULL), 0);
    assert_int_equal(fr_rows_read(rows, &t->train, NULL), 0);
    assert_int_equal(fr_rows_read(dev, &t->dev, NULL), 0);
    for (size_t i = 0; i < t->train.n; i++) /* another task: always the same answer */
        t->train.rows[i].output = FR_STR(" blue red");
    t->options = (fr_train_options){ .method = method,
                                     .base = t->base,
                                     .out = t->out,
                                     .train = t->train.rows,
                                     .n_train = t->train.n,
                                     .batch_tokens = 256,
                                     .max_epochs = 1,
                                     .threads = 2,
                                     .seed = 1 };
    free(rows);
    free(dev);
}

static void end_tuning(tuning *t)
{
    fr_rows_fini(&t->train);
    fr_rows_fini(&t->dev);
    free(t->base);
    free(t->out);
}

static void an_adapter_learns_and_inference_runs_it_alike(void **state)
{
    const place *p = *state;
    tuning t;
    fr_train_result r = { 0 };
    fr_err err = { 0 };
    FR_AUTO(fr_buf) before = { 0 }, after = { 0 };
    begin_tuning(p, &t, FR_TRAIN_LORA, "adapter");
    bytes_of(p, "model.gguf", &before);
    t.options.dev = t.dev.rows;
    t.options.n_dev = t.dev.n;
    t.options.max_epochs = 3;
    t.options.lr = 2e-2;
    for (size_t i = 0; i < t.dev.n; i++)
        t.dev.rows[i].output = FR_STR(" blue red");
    if (fr_train(&t.options, &r, &err) != 0)
        fail_msg("%s", err.what);
    if (!(r.dev_loss_best < r.dev_loss_first / 2))
        fail_msg("dev loss from %g to %g", r.dev_loss_first, r.dev_loss_best);
    assert_true(r.trainable_params < r.total_params / 2);
    bytes_of(p, "model.gguf", &after);
    assert_memory_equal(before.at, after.at, before.n); /* the base is as it was */
    FR_AUTO(fr_buf) dev = { 0 };
    for (size_t i = 0; i < t.dev.n; i++)
        fr_buf_put_f(&dev, "{\"input\": \"%.*s\", \"output\": \" blue red\"}\n",
                     FR_STR_F(t.dev.rows[i].input));
    write_file(p, "dev.jsonl", fr_buf_str(&dev));
    assert_true(fabs(inference_loss(p, "model.gguf", "adapter") - r.dev_loss_best) < 1e-3);
    end_tuning(&t);
}

static void full_tuning_stops_early_and_keeps_the_best(void **state)
{
    const place *p = *state;
    tuning t;
    fr_train_result r = { 0 };
    begin_tuning(p, &t, FR_TRAIN_FULL, "tuned.gguf");
    t.options.dev = t.dev.rows; /* the old task: it can only get worse */
    t.options.n_dev = t.dev.n;
    t.options.eval_every_tokens = 500;
    t.options.patience = 2;
    t.options.max_epochs = 20;
    assert_int_equal(fr_train(&t.options, &r, NULL), 0);
    assert_int_equal(r.stopped_by, FR_STOP_EARLY);
    assert_true(r.tokens < 4000);
    assert_true(fabs(inference_loss(p, "tuned.gguf", NULL) - r.dev_loss_best) < 1e-3);
    end_tuning(&t);
}

typedef struct {
    double flops;
    uint64_t tokens;
    int64_t last_end_ns;
} work;

static void count(void *user, const fr_work_event *event)
{
    work *w = user;
    assert_true(event->start_ns >= w->last_end_ns && event->end_ns >= event->start_ns);
    w->last_end_ns = event->end_ns;
    if (event->kind == FR_WORK_TRAIN) {
        w->flops += event->flops;
        w->tokens += event->tokens;
    }
}

static void budgets_end_it_and_work_is_told(void **state)
{
    const place *p = *state;
    tuning t;
    fr_train_result r = { 0 };
    work w = { 0 };
    begin_tuning(p, &t, FR_TRAIN_LORA, "adapter");
    t.options.work = (fr_work_sink){ count, &w };
    t.options.max_tokens = 1000;
    assert_int_equal(fr_train(&t.options, &r, NULL), 0);
    assert_int_equal(r.stopped_by, FR_STOP_DONE);
    assert_true(r.tokens >= 1000 && r.tokens < 1000 + 256);
    assert_int_equal(w.tokens, r.tokens);
    assert_true(w.flops == r.flops && r.flops > 0);
    t.options.max_tokens = 0;
    t.options.max_epochs = 1000;
    t.options.max_s = 1e-6;
    assert_int_equal(fr_train(&t.options, &r, NULL), 0);
    assert_int_equal(r.stopped_by, FR_STOP_BUDGET);
    assert_int_equal(r.steps, 1);
    end_tuning(&t);
}

static void tuning_resumes_to_the_same_bits(void **state)
{
    const place *p = *state;
    tuning t;
    fr_train_result r = { 0 };
    FR_AUTO(fr_buf) expected = { 0 }, resumed = { 0 };
    begin_tuning(p, &t, FR_TRAIN_LORA, "adapter");
    t.options.dev = t.dev.rows;
    t.options.n_dev = t.dev.n;
    t.options.eval_every_tokens = 700;
    t.options.patience = 100;
    assert_int_equal(fr_train(&t.options, &r, NULL), 0);
    bytes_of(p, "adapter/adapter_model.safetensors", &expected);
    int left = 6;
    const fr_progress progress = { NULL, stop_at, &left };
    char *ckpt = in(p, "tune-ckpt");
    t.options.checkpoint_dir = ckpt;
    t.options.progress = &progress;
    assert_int_equal(fr_train(&t.options, &r, NULL), FR_E_INTERRUPTED);
    t.options.progress = NULL;
    assert_int_equal(fr_train(&t.options, &r, NULL), 0);
    bytes_of(p, "adapter/adapter_model.safetensors", &resumed);
    assert_int_equal(resumed.n, expected.n);
    assert_memory_equal(resumed.at, expected.at, expected.n);
    free(ckpt);
    end_tuning(&t);
}

static void scratch_takes_a_vocabulary_and_learns(void **state)
{
    const place *p = *state;
    tuning t;
    fr_train_result r = { 0 };
    begin_tuning(p, &t, FR_TRAIN_SCRATCH, "new.gguf");
    const fr_shape shape = { .architecture = "llama",
                             .n_layers = 1,
                             .dim = 16,
                             .n_heads = 2,
                             .n_kv_heads = 2,
                             .head_dim = 8,
                             .ffn_dim = 32,
                             .context = 64,
                             .norm_eps = 1e-5f,
                             .rope_theta = 10000,
                             .rope_dim = 8,
                             .tied = true };
    t.options.shape = &shape;
    t.options.tokenizer_from = t.base;
    t.options.base = NULL;
    t.options.out_format = FR_FORMAT_F16;
    t.options.lr = 0.01;
    t.options.max_epochs = 2;
    assert_int_equal(fr_train(&t.options, &r, NULL), 0);
    assert_true(r.loss_last < r.loss_first / 2);
    assert_int_equal(r.trainable_params, r.total_params);
    FR_AUTOPTR(fr_model) model = NULL;
    assert_int_equal(fr_model_open(t.out, &model, NULL), 0);
    assert_int_equal(fr_model_shape(model)->dim, 16);
    end_tuning(&t);
}

/* ---- rows
 * ----------------------------------------------------------------------------------------- */

static void rows_come_in_five_shapes(void **state)
{
    const place *p = *state;
    write_file(
        p, "five.jsonl",
        FR_STR("{\"input\": \"q\", \"output\": \"a\"}\n{\"text\": \"a\"}\n\n"
               "{\"prompt\": \"q\", \"completion\": \"a\"}\n"
               "{\"instruction\": \"i\", \"input\": \"q\", \"output\": \"a\"}\n"
               "{\"instruction\": \"q\", \"input\": \"\", \"output\": \"a\"}\n"
               "{\"messages\": [{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", "
               "\"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n"
               "{\"conversations\": [{\"from\": \"human\", \"value\": \"q\"}, {\"from\": \"gpt\", "
               "\"value\": \"a\"}]}\n"));
    static const char *const INPUTS[] = { "q", "", "q", "i\nq", "q", "s\nq\n", "q\n" };
    FR_AUTO(fr_rows) rows = { 0 };
    char *path = in(p, "five.jsonl");
    assert_int_equal(fr_rows_read(path, &rows, NULL), 0);
    assert_int_equal(rows.n, 7);
    for (size_t i = 0; i < rows.n; i++) {
        assert_true(fr_str_is(rows.rows[i].input, INPUTS[i]));
        assert_true(fr_str_is(rows.rows[i].output, "a"));
    }
    free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(interrupted_and_resumed_is_uninterrupted_to_the_bit),
        TEST(a_deeper_model_begins_with_the_answers_of_the_shallower),
        TEST(a_stop_does_not_wait_for_a_step),
        TEST(threads_do_not_change_the_bits),
        TEST(what_was_trained_is_what_inference_runs),
        TEST(other_architectures_begin_from_nothing_too),
        TEST(a_wrong_key_is_refused_with_the_nearest_valid_one),
        TEST(a_checkpoint_of_something_else_or_cut_short_is_refused),
        TEST(an_adapter_learns_and_inference_runs_it_alike),
        TEST(full_tuning_stops_early_and_keeps_the_best),
        TEST(budgets_end_it_and_work_is_told),
        TEST(tuning_resumes_to_the_same_bits),
        TEST(scratch_takes_a_vocabulary_and_learns),
        TEST(rows_come_in_five_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
