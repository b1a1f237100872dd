#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/doc.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "train/loop.h"

/*
 * The file of `frugal train`:
 *
 *     model: {architecture: llama, vocab: 4096, context: 1024, dim: 192, layers: 6, heads: 6,
 *             kv_heads: 6, ffn: 512, tied: true}
 *     tokenizer: {train: bpe, size: 4096, files: [text.jsonl]}   or {file: some.gguf}
 *     init: some.gguf                 continue from these weights (optional)
 *     seed, threads, name, license, description, format, out, optimizer, stages, checkpoint
 */

typedef struct {
    const fr_node *root;
    char *dir; /* of the file: paths are relative to it */
    fr_doc *doc;
    fr_shape shape;
    fr_gguf *tokenizer_file, *init_file;
    fr_model *tokenizer_model;
    fr_bpe bpe;
    fr_vocab vocab;
    fr_tokenizer *own_tokenizer;
    const fr_tokenizer *tokenizer;
    fr_corpus **corpora; /* every file once */
    size_t n_corpora, cap_corpora;
    fr_stage *stages;
    size_t n_stages;
    fr_weights weights;
    fr_pool *pool;
    fr_save_options save;
    char *out, *partial, *checkpoint_dir;
    fr_loop loop;
    long long seed, threads;
} plan;

static void close_plan(plan *p)
{
    for (size_t i = 0; i < p->n_corpora; i++) {
        fr_corpus_fini(p->corpora[i]);
        free(p->corpora[i]);
    }
    free(p->corpora);
    free(p->stages);
    fr_weights_fini(&p->weights);
    fr_pool_free(p->pool);
    fr_bpe_fini(&p->bpe);
    fr_tokenizer_free(p->own_tokenizer);
    fr_model_free(p->tokenizer_model);
    fr_gguf_free(p->init_file);
    free(p->dir);
    free(p->out);
    free(p->partial);
    free(p->checkpoint_dir);
    fr_doc_free(p->doc);
}

/* ---- small readers ------------------------------------------------------------------------------
 */

static int need(const fr_node *map, const char *key, fr_err *err)
{
    if (fr_node_get(map, key) == NULL)
        return fr_node_fail(map, err, NULL, "%s: missing", key);
    return 0;
}

/* A whole number in a range; absent leaves *out. */
static int get_size(const fr_node *map, const char *key, bool required, size_t min, size_t max,
                    size_t *out, fr_err *err)
{
    long long v = (long long)*out;
    FR_TRY(fr_doc_get_i64(map, key, required, &v, err));
    if (fr_node_get(map, key) != NULL && (v < (long long)min || v > (long long)max))
        return fr_node_fail(fr_node_get(map, key), err, NULL, "%s: expected %zu to %zu", key, min,
                            max);
    *out = (size_t)v;
    return 0;
}

static int get_f64(const fr_node *map, const char *key, bool required, double min, double max,
                   double *out, fr_err *err)
{
    FR_TRY(fr_doc_get_f64(map, key, required, out, err));
    if (fr_node_get(map, key) != NULL && !(*out >= min && *out <= max))
        return fr_node_fail(fr_node_get(map, key), err, NULL, "%s: expected %g to %g", key, min,
                            max);
    return 0;
}

/* ---- model, tokenizer
 * ----------------------------------------------------------------------------- */

static int read_model(plan *p, fr_err *err)
{
    static const char *const KEYS[] = { "architecture", "vocab",      "context",  "dim", "layers",
                                        "heads",        "kv_heads",   "head_dim", "ffn", "tied",
                                        "norm_eps",     "rope_theta", NULL };
    FR_TRY(need(p->root, "model", err));
    const fr_node *m = fr_node_get(p->root, "model");
    FR_TRY(fr_doc_check_keys(m, KEYS, err));
    const char *name = "llama";
    FR_TRY(fr_doc_get_text(m, "architecture", false, &name, err));
    /* Those of which the keys above tell all: others have windows, caps, experts besides. */
    static const char *const FROM_NOTHING[] = { "llama", "qwen2", "qwen3", "gpt2" };
    const fr_arch *arch = NULL;
    for (size_t i = 0; i < FR_COUNT_OF(FROM_NOTHING); i++)
        if (strcmp(name, FROM_NOTHING[i]) == 0)
            arch = fr_arch_find(name);
    if (arch == NULL)
        return fr_node_fail(fr_node_get(m, "architecture"), err,
                            "Known: llama, qwen2, qwen3, gpt2. Others can be tuned: `frugal tune`.",
                            "architecture: '%s' is not one that can begin from nothing", name);
    fr_shape *s = &p->shape;
    double eps = 1e-5, theta = 10000;
    *s = (fr_shape){ .architecture = arch->name, .context = 1024, .tied = true };
    FR_TRY(get_size(m, "vocab", false, 258, 1 << 20, &s->n_vocab, err));
    FR_TRY(get_size(m, "context", false, 16, 1 << 20, &s->context, err));
    FR_TRY(get_size(m, "dim", true, 8, 1 << 14, &s->dim, err));
    FR_TRY(get_size(m, "layers", true, 1, 256, &s->n_layers, err));
    FR_TRY(get_size(m, "heads", true, 1, 256, &s->n_heads, err));
    s->n_kv_heads = s->n_heads;
    FR_TRY(get_size(m, "kv_heads", false, 1, s->n_heads, &s->n_kv_heads, err));
    if (s->dim % s->n_heads != 0 && fr_node_get(m, "head_dim") == NULL)
        return fr_node_fail(fr_node_get(m, "heads"), err, NULL,
                            "heads: %zu does not divide dim %zu", s->n_heads, s->dim);
    s->head_dim = s->dim / s->n_heads;
    FR_TRY(get_size(m, "head_dim", false, 2, 1024, &s->head_dim, err));
    FR_TRY(get_size(m, "ffn", true, 8, 1 << 16, &s->ffn_dim, err));
    FR_TRY(fr_doc_get_bool(m, "tied", false, &s->tied, err));
    FR_TRY(get_f64(m, "norm_eps", false, 0, 1, &eps, err));
    FR_TRY(get_f64(m, "rope_theta", false, 1, 1e9, &theta, err));
    s->norm_eps = (float)eps;
    s->rope_theta = (float)theta;
    s->rope_dim = s->head_dim;
    return 0;
}

static int train_bpe(plan *p, const fr_node *t, fr_err *err)
{
    static const char *const SPECIAL[] = { "<s>", "</s>" };
    size_t size = p->shape.n_vocab;
    FR_TRY(get_size(t, "size", false, 258, 1 << 20, &size, err));
    FR_TRY(need(t, "files", err));
    const fr_node *files = fr_node_get(t, "files");
    fr_rows rows = { 0 };
    int rc = 0;
    for (size_t i = 0; i < files->n && rc == 0; i++) {
        char *path = fr_path_join(p->dir, files->at[i]->text != NULL ? files->at[i]->text : "");
        rc = fr_rows_read(path, &rows, err);
        free(path);
    }
    if (rc == 0) {
        fr_str *texts = FR_NEW_N(fr_str, 2 * rows.n);
        size_t n = 0;
        for (size_t i = 0; i < rows.n; i++) {
            if (rows.rows[i].input.n > 0)
                texts[n++] = rows.rows[i].input;
            texts[n++] = rows.rows[i].output;
        }
        rc = fr_bpe_train(texts, n, SPECIAL, 2, size, &p->bpe, err);
        free(texts);
    }
    fr_rows_fini(&rows);
    if (rc != 0)
        return rc;
    p->vocab = (fr_vocab){ .kind = FR_VOCAB_BPE,
                           .pre = "gpt-2",
                           .tokens = p->bpe.tokens,
                           .types = p->bpe.types,
                           .n = p->bpe.n,
                           .merges = p->bpe.merges,
                           .n_merges = p->bpe.n_merges,
                           .bos = 0,
                           .eos = 1,
                           .unk = -1,
                           .pad = -1,
                           .add_bos = true };
    p->save.vocab = &p->vocab;
    FR_TRY(fr_tokenizer_new(&p->vocab, &p->own_tokenizer, err));
    p->tokenizer = p->own_tokenizer;
    return 0;
}

static int read_tokenizer(plan *p, fr_err *err)
{
    static const char *const KEYS[] = { "train", "size", "files", "file", NULL };
    FR_TRY(need(p->root, "tokenizer", err));
    const fr_node *t = fr_node_get(p->root, "tokenizer");
    FR_TRY(fr_doc_check_keys(t, KEYS, err));
    const char *file = NULL, *train = NULL;
    FR_TRY(fr_doc_get_text(t, "file", false, &file, err));
    FR_TRY(fr_doc_get_text(t, "train", false, &train, err));
    if ((file == NULL) == (train == NULL))
        return fr_node_fail(t, err, "Write {train: bpe, files: […]} or {file: some.gguf}.",
                            "tokenizer: expected either train or file");
    if (train != NULL && strcmp(train, "bpe") != 0)
        return fr_node_fail(fr_node_get(t, "train"), err, NULL, "train: expected bpe");
    if (train != NULL) {
        FR_TRY(train_bpe(p, t, err));
    } else {
        char *path = fr_path_join(p->dir, file);
        const int rc = fr_model_open(path, &p->tokenizer_model, err);
        free(path);
        if (rc != 0)
            return rc;
        p->tokenizer = fr_model_tokenizer(p->tokenizer_model);
        p->save.base = fr_model_file(p->tokenizer_model);
    }
    const size_t n = fr_tokenizer_n_vocab(p->tokenizer);
    if (p->shape.n_vocab != 0 && p->shape.n_vocab != n)
        fr_log(FR_LOG_WARN, "the vocabulary has %zu tokens, not %zu", n, p->shape.n_vocab);
    p->shape.n_vocab = n;
    return 0;
}

/* ---- data
 * ------------------------------------------------------------------------------------------ */

static int corpus_of(plan *p, const char *name, const fr_corpus **out, fr_err *err)
{
    for (size_t i = 0; i < p->n_corpora; i++)
        if (strcmp(p->corpora[i]->name, name) == 0) {
            *out = p->corpora[i];
            return 0;
        }
    FR_AUTO(fr_rows) rows = { 0 };
    char *path = fr_path_join(p->dir, name);
    const int rc = fr_rows_read(path, &rows, err);
    free(path);
    if (rc != 0)
        return rc;
    fr_corpus *c = FR_NEW(fr_corpus);
    FR_GROW(p->corpora, p->n_corpora, p->cap_corpora);
    p->corpora[p->n_corpora++] = c;
    c->name = fr_dup(name);
    for (size_t i = 0; i < rows.n; i++) {
        FR_TRY(fr_corpus_add(c, p->tokenizer, rows.rows[i], err));
        if (i % 1024 != 0)
            continue;
        fr_progress_step(p->loop.progress, "tokenize", (double)i, (double)rows.n, "rows", name);
        if (fr_progress_stopped(p->loop.progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped before training began");
    }
    fr_log(FR_LOG_INFO, "'%s': %zu rows, %zu tokens", name, c->n_docs, c->ids.n);
    *out = c;
    return 0;
}

static int read_stage(plan *p, const fr_node *node, fr_stage *s, double lr, fr_err *err)
{
    static const char *const KEYS[] = { "name",   "mix", "sequence", "batch_tokens",
                                        "tokens", "lr",  "until",    NULL };
    static const char *const UNTIL[] = { "dev", "loss", "every_tokens", "rows", NULL };
    FR_TRY(fr_doc_check_keys(node, KEYS, err));
    size_t tokens = 0, every = 200000;
    *s = (fr_stage){
        .name = "train", .sequence = 256, .batch_tokens = 8192, .lr = lr, .dev_rows = 256
    };
    FR_TRY(fr_doc_get_text(node, "name", false, &s->name, err));
    FR_TRY(get_size(node, "sequence", false, 8, p->shape.context, &s->sequence, err));
    FR_TRY(get_size(node, "batch_tokens", false, s->sequence, 1 << 24, &s->batch_tokens, err));
    FR_TRY(get_size(node, "tokens", true, 1, (size_t)1 << 40, &tokens, err));
    FR_TRY(get_f64(node, "lr", false, 0, 10, &s->lr, err));
    s->tokens = tokens;
    FR_TRY(need(node, "mix", err));
    const fr_node *mix = fr_node_get(node, "mix");
    if (mix->kind != FR_NODE_MAP || mix->n == 0 || mix->n > FR_MAX_SOURCES)
        return fr_node_fail(mix, err, "Write {file.jsonl: 0.7, other.jsonl: 0.3}.",
                            "mix: expected 1 to %d files with their ratios", FR_MAX_SOURCES);
    for (size_t i = 0; i < mix->n; i++) {
        const char *name = mix->at[i]->key;
        FR_TRY(get_f64(mix, name, true, 1e-6, 1e6, &s->ratios[i], err));
        FR_TRY(corpus_of(p, name, &s->corpora[i], err));
        s->n_sources++;
    }
    const fr_node *until = fr_node_get(node, "until");
    if (until != NULL) {
        const char *dev = NULL;
        FR_TRY(fr_doc_check_keys(until, UNTIL, err));
        FR_TRY(fr_doc_get_text(until, "dev", true, &dev, err));
        FR_TRY(get_f64(until, "loss", false, 0, 100, &s->until_loss, err));
        FR_TRY(get_size(until, "every_tokens", false, 1, (size_t)1 << 40, &every, err));
        FR_TRY(get_size(until, "rows", false, 1, (size_t)1 << 40, &s->dev_rows, err));
        FR_TRY(corpus_of(p, dev, &s->dev, err));
    }
    s->eval_every = every;
    return 0;
}

static int read_stages(plan *p, double lr, fr_err *err)
{
    FR_TRY(need(p->root, "stages", err));
    const fr_node *stages = fr_node_get(p->root, "stages");
    if (stages->kind != FR_NODE_LIST || stages->n == 0)
        return fr_node_fail(stages, err, NULL, "stages: expected a list of at least one stage");
    p->stages = FR_NEW_N(fr_stage, stages->n);
    for (size_t i = 0; i < stages->n; i++, p->n_stages++)
        FR_TRY(read_stage(p, stages->at[i], &p->stages[i], lr, err));
    p->loop.stages = p->stages;
    p->loop.n_stages = p->n_stages;
    return 0;
}

/* ---- optimizer, output
 * ------------------------------------------------------------------------------ */

static int read_optimizer(plan *p, double *lr, fr_err *err)
{
    static const char *const KEYS[] = {
        "lr",           "beta1",    "beta2",       "weight_decay", "clip",
        "warmup_steps", "schedule", "final_ratio", "eps",          NULL
    };
    static const char *const SCHEDULES[] = { "cosine", "constant", NULL };
    const fr_node *o = fr_node_get(p->root, "optimizer");
    fr_update *u = &p->loop.update;
    int schedule = 0;
    *lr = 3e-3;
    *u = (fr_update){ .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.05, .clip = 1.0 };
    p->loop.warmup_steps = 100;
    p->loop.final_ratio = 0.1;
    if (o == NULL)
        return 0;
    FR_TRY(fr_doc_check_keys(o, KEYS, err));
    FR_TRY(get_f64(o, "lr", false, 0, 10, lr, err));
    FR_TRY(get_f64(o, "beta1", false, 0, 0.99999, &u->beta1, err));
    FR_TRY(get_f64(o, "beta2", false, 0, 0.99999, &u->beta2, err));
    FR_TRY(get_f64(o, "eps", false, 0, 1, &u->eps, err));
    FR_TRY(get_f64(o, "weight_decay", false, 0, 10, &u->weight_decay, err));
    FR_TRY(get_f64(o, "clip", false, 0, 1e9, &u->clip, err));
    FR_TRY(get_f64(o, "final_ratio", false, 0, 1, &p->loop.final_ratio, err));
    FR_TRY(get_size(o, "warmup_steps", false, 0, 1 << 30, &p->loop.warmup_steps, err));
    FR_TRY(fr_doc_get_word(o, "schedule", false, SCHEDULES, &schedule, err));
    p->loop.constant = schedule == 1;
    return 0;
}

static int read_output(plan *p, fr_err *err)
{
    static const char *const KEYS[] = { "dir", "every_s", NULL };
    const char *out = NULL, *format = "f16", *dir = NULL;
    FR_TRY(fr_doc_get_text(p->root, "out", true, &out, err));
    FR_TRY(fr_doc_get_text(p->root, "format", false, &format, err));
    FR_TRY(fr_doc_get_text(p->root, "name", false, &p->save.name, err));
    FR_TRY(fr_doc_get_text(p->root, "license", false, &p->save.license, err));
    FR_TRY(fr_doc_get_text(p->root, "description", false, &p->save.description, err));
    if (p->save.name == NULL)
        p->save.name = "frugal-scratch";
    const fr_format_row *row = fr_format_by_name(format);
    if (row == NULL)
        return fr_node_fail(fr_node_get(p->root, "format"), err, FR_FORMAT_HINT,
                            "format: '%s' is no number format", format);
    p->save.format = row->format;
    p->out = fr_path_join(p->dir, out);
    const fr_node *c = fr_node_get(p->root, "checkpoint");
    p->loop.checkpoint_every_s = 120;
    if (c != NULL) {
        FR_TRY(fr_doc_check_keys(c, KEYS, err));
        FR_TRY(fr_doc_get_text(c, "dir", true, &dir, err));
        FR_TRY(get_f64(c, "every_s", false, 1, 1e9, &p->loop.checkpoint_every_s, err));
        p->checkpoint_dir = fr_path_join(p->dir, dir);
        p->partial = fr_path_join(p->checkpoint_dir, "model.gguf");
        p->loop.checkpoint_dir = p->checkpoint_dir;
    }
    return 0;
}

/* The model so far, beside each checkpoint, so that it can be tried while it learns. */
static int export_partial(void *user, fr_err *err)
{
    const plan *p = user;
    return fr_save_gguf(&p->weights, &p->save, p->partial, err);
}

/* init_layers: which layer of the file each layer begins as; a repeated one begins as nothing
 * added. NULL: the file has the layers of the model. */
static int read_init_layers(const plan *p, size_t **out, fr_err *err)
{
    const fr_node *list = fr_node_get(p->root, "init_layers");
    if (list == NULL)
        return 0;
    if (list->kind != FR_NODE_LIST || list->n != p->shape.n_layers)
        return fr_node_fail(list, err, "Write one number a layer, as [0, 1, 1, 2].",
                            "init_layers: expected a list of %zu layers", p->shape.n_layers);
    size_t *from = FR_NEW_N(size_t, list->n);
    for (size_t i = 0; i < list->n; i++) {
        const fr_node *node = list->at[i];
        char *end = NULL;
        const unsigned long n =
            node->text != NULL && node->text[0] != '-' ? strtoul(node->text, &end, 10) : 0;
        if (end == NULL || end == node->text || *end != 0 || n >= 256 ||
            (i > 0 && n != from[i - 1] && n != from[i - 1] + 1)) {
            free(from);
            return fr_node_fail(node, err, NULL,
                                "init_layers: expected the layer before it or the one after that");
        }
        from[i] = n;
    }
    *out = from;
    return 0;
}

static int make_weights(plan *p, fr_err *err)
{
    const char *init = NULL;
    FR_TRY(fr_doc_get_text(p->root, "init", false, &init, err));
    FR_TRY(fr_weights_init(&p->weights, &p->shape, false, err));
    if (init == NULL) {
        fr_weights_randomize(&p->weights, (uint64_t)p->seed);
        return 0;
    }
    size_t *from = NULL;
    FR_TRY(read_init_layers(p, &from, err));
    char *path = fr_path_join(p->dir, init);
    int rc = fr_gguf_open(path, &p->init_file, err);
    if (rc == 0)
        rc = fr_weights_load_deeper(&p->weights, p->init_file, from, err);
    free(path);
    free(from);
    return rc;
}

/* What a checkpoint must agree with: shape, vocabulary, seed. (Stages may change between runs.) */
static uint64_t identity(const plan *p)
{
    const fr_shape *s = &p->shape;
    const uint64_t numbers[] = { s->n_layers, s->dim,     s->n_heads, s->n_kv_heads,    s->head_dim,
                                 s->ffn_dim,  s->n_vocab, s->tied,    (uint64_t)p->seed };
    uint64_t h = fr_hash64(numbers, sizeof(numbers), 0);
    for (size_t i = 0; i < fr_tokenizer_n_vocab(p->tokenizer); i++) {
        const fr_str piece = fr_tokenizer_piece(p->tokenizer, (int32_t)i);
        h = fr_hash64(piece.at, piece.n, h + i);
    }
    return h;
}

static int read_plan(plan *p, const char *path, int threads, fr_err *err)
{
    static const char *const KEYS[] = { "model",       "tokenizer",   "seed",    "threads",
                                        "optimizer",   "stages",      "out",     "checkpoint",
                                        "format",      "name",        "license", "init",
                                        "description", "init_layers", NULL };
    double lr;
    p->seed = 1;
    p->dir = fr_path_dir(path);
    FR_TRY(fr_doc_load(path, &p->doc, err));
    p->root = fr_doc_root(p->doc);
    FR_TRY(fr_doc_check_keys(p->root, KEYS, err));
    FR_TRY(fr_doc_get_i64(p->root, "seed", false, &p->seed, err));
    FR_TRY(fr_doc_get_i64(p->root, "threads", false, &p->threads, err));
    if (threads > 0)
        p->threads = threads;
    FR_TRY(read_model(p, err));
    FR_TRY(read_optimizer(p, &lr, err));
    FR_TRY(read_output(p, err));
    FR_TRY(read_tokenizer(p, err));
    FR_TRY(fr_shape_check(&p->shape, err));
    FR_TRY(read_stages(p, lr, err));
    FR_TRY(fr_pool_new((int)p->threads, &p->pool, err));
    return make_weights(p, err);
}

int fr_train_config(const char *path, int threads, const fr_progress *progress,
                    const fr_work_sink *work, fr_train_result *out, char **out_path, fr_err *err)
{
    plan p = { .loop = { .progress = progress } };
    int rc = read_plan(&p, path, threads, err);
    if (rc == 0) {
        p.loop.method = FR_TRAIN_SCRATCH;
        p.loop.weights = &p.weights;
        p.loop.pool = p.pool;
        p.loop.seed = (uint64_t)p.seed;
        p.loop.identity = identity(&p);
        p.loop.export = p.partial != NULL ? export_partial : NULL;
        p.loop.user = &p;
        if (work != NULL)
            p.loop.work = *work;
        rc = fr_loop_run(&p.loop, out, err);
    }
    if (rc == 0)
        rc = fr_save_gguf(&p.weights, &p.save, p.out, err);
    if (rc == 0 && out_path != NULL)
        *out_path = fr_dup(p.out);
    close_plan(&p);
    return rc;
}
