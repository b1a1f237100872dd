/* Texts to embeddings. Texts are computed some together, without padding: each is a sequence of its
 * own, and its rows know nothing of the others. A model that looks ahead gets a text in one step;
 * any other in parts, so that a long text needs no more room than a short one. */
#include "infer/embedder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
    DEFAULT_STEP_TOKENS = 512,
    SEQUENCES_MOST = 64,
    POSITIONS_MOST = SEQUENCES_MOST * 8192 /* of all sequences, or one text */
};

/* A text of the step in progress. */
typedef struct {
    size_t index; /* of the caller's */
    size_t n;     /* tokens of it */
} member;

struct fr_embedder {
    fr_model *model;
    const fr_model *states; /* whose hidden states are taken: the model's, or its encoder's */
    fr_model *owned;        /* NULL: somebody else's */
    fr_pool *pool;
    fr_kv *kv;
    fr_pooling pooling;
    bool raw, truncate;
    size_t context, step_tokens, n_sequences;
    fr_work_sink work;
    uint64_t n_tokens, n_cut;

    /* one step's room */
    fr_row *rows;
    size_t n_rows, rows_cap;
    member members[SEQUENCES_MOST];
    size_t n_members;
    float *hidden; /* [rows with output][dim] */
    size_t hidden_cap;
    double *sum;   /* [dim] */
    float *pooled; /* [dim] */
};

const char *fr_pooling_name(fr_pooling p)
{
    static const char *const NAMES[] = { "none", "mean", "cls", "last", "rank" };
    return (size_t)p < FR_COUNT_OF(NAMES) ? NAMES[p] : "none";
}

int fr_embedder_new(fr_model *model, const fr_embedder_options *options, fr_embedder **out,
                    fr_err *err)
{
    static const fr_embedder_options DEFAULTS = { 0 };
    const fr_embedder_options *o = options != NULL ? options : &DEFAULTS;
    const fr_model *states = fr_model_encoder(model) != NULL ? fr_model_encoder(model) : model;
    const fr_shape *s = fr_model_shape(states);
    FR_AUTOPTR(fr_embedder) e = FR_NEW(fr_embedder);
    e->model = model;
    e->states = states;
    e->pooling = o->pooling != FR_POOLING_NONE ? o->pooling : s->pooling;
    if (e->pooling == FR_POOLING_NONE)
        e->pooling = s->looks_ahead ? FR_POOLING_MEAN : FR_POOLING_LAST;
    if (e->pooling == FR_POOLING_RANK && s->n_labels == 0)
        return fr_fail(err, FR_E_USAGE, "Ask for mean, cls or last.",
                       "'%s' is pooled by rank, but has no classification head",
                       fr_model_path(model));
    e->raw = o->raw;
    e->truncate = o->truncate;
    e->work = o->work;
    e->context = s->context;
    e->step_tokens = o->step_tokens > 0 ? o->step_tokens : DEFAULT_STEP_TOKENS;
    FR_TRY(fr_pool_new(o->threads, &e->pool, err));
    e->n_sequences = FR_MIN(FR_MAX(POSITIONS_MOST / e->context, 1), SEQUENCES_MOST);
    FR_TRY(fr_kv_new(states, e->n_sequences, e->context, &e->kv, err));
    fr_kv_listen(e->kv, e->work);
    e->sum = FR_NEW_N(double, s->dim);
    e->pooled = FR_NEW_N(float, s->dim);
    *out = e;
    e = NULL;
    return 0;
}

int fr_embedder_open(const char *path, const fr_embedder_options *options, fr_embedder **out,
                     fr_err *err)
{
    const int64_t start_ns = fr_now_monotonic_ns();
    FR_AUTOPTR(fr_model) model = NULL;
    fr_embedder *e = NULL;
    FR_TRY(fr_model_open(path, &model, err));
    FR_TRY(fr_embedder_new(model, options, &e, err));
    e->owned = model;
    model = NULL;
    const fr_work_event event = { .kind = FR_WORK_LOAD,
                                  .start_ns = start_ns,
                                  .end_ns = fr_now_monotonic_ns(),
                                  .device = "cpu",
                                  .bytes = (double)fr_model_weight_bytes(e->model) };
    if (e->work.fn != NULL)
        e->work.fn(e->work.user, &event);
    *out = e;
    return 0;
}

void fr_embedder_free(fr_embedder *e)
{
    if (e == NULL)
        return;
    fr_kv_free(e->kv);
    fr_pool_free(e->pool);
    fr_model_free(e->owned);
    free(e->rows);
    free(e->hidden);
    free(e->sum);
    free(e->pooled);
    free(e);
}

fr_model *fr_embedder_model(fr_embedder *e)
{
    return e->model;
}

size_t fr_embedder_dim(const fr_embedder *e)
{
    return fr_model_shape(e->states)->dim;
}

size_t fr_embedder_n_labels(const fr_embedder *e)
{
    return fr_model_shape(e->states)->n_labels;
}

size_t fr_embedder_context(const fr_embedder *e)
{
    return e->context;
}

fr_pooling fr_embedder_pooling(const fr_embedder *e)
{
    return e->pooling;
}

uint64_t fr_embedder_n_tokens(const fr_embedder *e)
{
    return e->n_tokens;
}

uint64_t fr_embedder_n_cut(const fr_embedder *e)
{
    return e->n_cut;
}

void fr_embedder_listen(fr_embedder *e, fr_work_sink work)
{
    e->work = work;
    fr_kv_listen(e->kv, work);
}

/* ---- a text's tokens ------------------------------------------------------------------------- */

/* Ids of a text; of a pair "[CLS] first [SEP] second [SEP]", with SEP twice between where it is the
 * token that ends texts (RoBERTa). *second_at: where the second text begins. */
static int tokens_of(const fr_embedder *e, fr_str first, const fr_str *second, fr_ids *ids,
                     size_t *second_at, fr_err *err)
{
    const fr_tokenizer *t = fr_model_tokenizer(e->model);
    FR_TRY(fr_tokenizer_encode(t, first, FR_ENCODE_BOS, ids, err));
    *second_at = ids->n;
    if (second == NULL)
        return 0;
    const int32_t end = fr_tokenizer_eos(t);
    if (end < 0)
        return fr_fail(err, FR_E_USAGE, "Take a model that was trained on pairs.",
                       "'%s' has no token that stands between two texts", fr_model_path(e->model));
    if (!fr_tokenizer_adds_eos(t))
        fr_ids_put(ids, end);
    if (fr_model_shape(e->states)->n_types < 2)
        fr_ids_put(ids, end);
    *second_at = ids->n;
    FR_TRY(fr_tokenizer_encode(t, *second, FR_ENCODE_PLAIN, ids, err));
    fr_ids_put(ids, end);
    return 0;
}

static int fit(fr_embedder *e, size_t index, fr_ids *ids, fr_err *err)
{
    const fr_tokenizer *t = fr_model_tokenizer(e->model);
    if (ids->n == 0)
        return fr_fail(err, FR_E_USAGE, "Leave empty texts out.",
                       "text %zu is empty, and '%s' has no token for that", index + 1,
                       fr_model_path(e->model));
    if (ids->n <= e->context)
        return 0;
    if (!e->truncate)
        return fr_fail(err, FR_E_LIMIT, "Cut it into chunks, or ask for it to be truncated.",
                       "text %zu has %zu tokens, the model's context %zu", index + 1, ids->n,
                       e->context);
    const int32_t last = ids->at[ids->n - 1];
    ids->n = e->context;
    if (last == fr_tokenizer_eos(t))
        ids->at[ids->n - 1] = last;
    e->n_cut++;
    return 0;
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* What becomes of each text's pooled state. */
typedef struct {
    float *out;
    size_t width;
    bool classified;
} target;

static int hidden_room(fr_embedder *e, size_t rows, fr_err *err)
{
    if (rows <= e->hidden_cap)
        return 0;
    void *room;
    FR_TRY(fr_try_array(rows, fr_embedder_dim(e) * sizeof(float), "hidden states", &room, err));
    free(e->hidden);
    e->hidden = room;
    e->hidden_cap = rows;
    return 0;
}

static double flops_of(const fr_embedder *e, size_t n)
{
    const fr_shape *s = fr_model_shape(e->states);
    double flops = 0;
    for (size_t i = 0; i < n; i++)
        flops += fr_shape_flops_per_token(s, s->looks_ahead ? n - 1 : i, false);
    return flops;
}

static void tell(const fr_embedder *e, int64_t start_ns)
{
    fr_work_part parts[SEQUENCES_MOST];
    fr_work_event event = { .kind = FR_WORK_SCORE,
                            .start_ns = start_ns,
                            .end_ns = fr_now_monotonic_ns(),
                            .device = "cpu",
                            .tokens = e->n_rows,
                            .bytes = (double)fr_model_weight_bytes(e->model),
                            .parts = parts,
                            .n_parts = e->n_members };
    if (e->work.fn == NULL)
        return;
    for (size_t i = 0; i < e->n_members; i++) {
        parts[i] = (fr_work_part){ .sequence = e->members[i].index,
                                   .prompt_tokens = (uint32_t)e->members[i].n,
                                   .flops = flops_of(e, e->members[i].n) };
        event.flops += parts[i].flops;
    }
    e->work.fn(e->work.user, &event);
}

static void normalize(float *x, size_t n)
{
    double square = 0;
    for (size_t i = 0; i < n; i++)
        square += (double)x[i] * (double)x[i];
    for (size_t i = 0; square > 0 && i < n; i++)
        x[i] = (float)((double)x[i] / sqrt(square));
}

static int give(fr_embedder *e, const member *of, const target *to, fr_err *err)
{
    const size_t dim = fr_embedder_dim(e);
    for (size_t i = 0; i < dim; i++) {
        e->pooled[i] = (float)e->sum[i];
        if (!isfinite(e->pooled[i]))
            return fr_fail(err, FR_E_FORMAT, "The model file is damaged.",
                           "'%s' gives no numbers for text %zu", fr_model_path(e->model),
                           of->index + 1);
    }
    float *at = to->out + of->index * to->width;
    if (to->classified)
        return fr_model_classify(e->model, e->pooled, 1, at, err);
    memcpy(at, e->pooled, dim * sizeof(float));
    if (!e->raw)
        normalize(at, dim);
    return 0;
}

/* Adds hidden states of n rows to the sum of a text. */
static void gather(fr_embedder *e, const float *hidden, size_t n)
{
    const size_t dim = fr_embedder_dim(e);
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < dim; i++)
            e->sum[i] += (double)hidden[r * dim + i];
}

static bool wanted(fr_pooling pooling, size_t position, size_t n)
{
    switch (pooling) {
    case FR_POOLING_CLS:
    case FR_POOLING_RANK:
        return position == 0;
    case FR_POOLING_LAST:
        return position + 1 == n;
    case FR_POOLING_MEAN:
    case FR_POOLING_NONE:
        break;
    }
    return true;
}

/* The texts of a step, whole. */
static int run_together(fr_embedder *e, const target *to, fr_err *err)
{
    const size_t dim = fr_embedder_dim(e);
    const bool all = e->pooling == FR_POOLING_MEAN;
    const int64_t start_ns = fr_now_monotonic_ns();
    FR_TRY(hidden_room(e, all ? e->n_rows : e->n_members, err));
    FR_TRY(fr_model_hidden(e->states, NULL, e->kv, e->pool, e->rows, e->n_rows, e->hidden, err));
    size_t at = 0;
    for (size_t i = 0; i < e->n_members; i++) {
        const size_t n = all ? e->members[i].n : 1;
        memset(e->sum, 0, dim * sizeof(*e->sum));
        gather(e, e->hidden + at * dim, n);
        for (size_t k = 0; k < dim; k++)
            e->sum[k] /= (double)n;
        FR_TRY(give(e, &e->members[i], to, err));
        at += n;
    }
    tell(e, start_ns);
    return 0;
}

/* One text that is longer than a step, of a model that does not look ahead. */
static int run_in_parts(fr_embedder *e, const target *to, fr_err *err)
{
    const size_t dim = fr_embedder_dim(e), n = e->n_rows;
    const int64_t start_ns = fr_now_monotonic_ns();
    size_t summed = 0;
    memset(e->sum, 0, dim * sizeof(*e->sum));
    FR_TRY(hidden_room(e, e->step_tokens, err));
    for (size_t at = 0; at < n; at += e->step_tokens) {
        const size_t part = FR_MIN(e->step_tokens, n - at);
        size_t out = 0;
        for (size_t i = at; i < at + part; i++)
            out += e->rows[i].want_logits ? 1 : 0;
        FR_TRY(
            fr_model_hidden(e->states, NULL, e->kv, e->pool, e->rows + at, part, e->hidden, err));
        gather(e, e->hidden, out);
        summed += out;
    }
    for (size_t k = 0; k < dim; k++)
        e->sum[k] /= (double)summed;
    FR_TRY(give(e, &e->members[0], to, err));
    tell(e, start_ns);
    return 0;
}

static int run_step(fr_embedder *e, const target *to, fr_err *err)
{
    if (e->n_members == 0)
        return 0;
    for (size_t i = 0; i < e->n_members; i++)
        fr_kv_truncate(e->kv, i, 0);
    const bool ahead = fr_model_shape(e->states)->looks_ahead;
    const int rc =
        !ahead && e->n_rows > e->step_tokens ? run_in_parts(e, to, err) : run_together(e, to, err);
    e->n_tokens += e->n_rows;
    e->n_rows = e->n_members = 0;
    return rc;
}

static int put_text(fr_embedder *e, size_t index, const fr_ids *ids, size_t second_at,
                    const target *to, fr_err *err)
{
    const bool kinds = fr_model_shape(e->states)->n_types > 1;
    if (e->n_members == e->n_sequences || e->n_rows + ids->n > e->step_tokens)
        FR_TRY(run_step(e, to, err));
    for (size_t i = 0; i < ids->n; i++) {
        FR_GROW(e->rows, e->n_rows, e->rows_cap);
        e->rows[e->n_rows++] = (fr_row){ .token = ids->at[i],
                                         .sequence = (uint32_t)e->n_members,
                                         .position = (uint32_t)i,
                                         .want_logits = wanted(e->pooling, i, ids->n),
                                         .kind = kinds && i >= second_at };
    }
    e->members[e->n_members++] = (member){ index, ids->n };
    return 0;
}

static int run_all(fr_embedder *e, const fr_str *first, const fr_str *second, size_t n,
                   const target *to, fr_err *err)
{
    FR_AUTO(fr_ids) ids = { 0 };
    int rc = 0;
    e->n_rows = e->n_members = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t second_at = 0;
        fr_ids_clear(&ids);
        rc = tokens_of(e, first[i], second != NULL ? &second[i] : NULL, &ids, &second_at, err);
        rc = rc != 0 ? rc : fit(e, i, &ids, err);
        rc = rc != 0 ? rc : put_text(e, i, &ids, second_at, to, err);
    }
    return rc != 0 ? rc : run_step(e, to, err);
}

int fr_embedder_embed(fr_embedder *e, const fr_str *texts, size_t n, float *out, fr_err *err)
{
    const target to = { out, fr_embedder_dim(e), false };
    if (e->pooling == FR_POOLING_RANK)
        return fr_fail(err, FR_E_USAGE, "Ask for classes, or for mean, cls or last pooling.",
                       "'%s' is pooled by rank: it gives scores, no embeddings",
                       fr_model_path(e->model));
    return run_all(e, texts, NULL, n, &to, err);
}

int fr_embedder_classify(fr_embedder *e, const fr_str *first, const fr_str *second, size_t n,
                         float *logits, fr_err *err)
{
    const target to = { logits, fr_embedder_n_labels(e), true };
    const fr_pooling pooling = e->pooling;
    if (to.width == 0)
        return fr_fail(err, FR_E_USAGE, "Take a model that was trained to classify or to rank.",
                       "'%s' has no classification head", fr_model_path(e->model));
    e->pooling = FR_POOLING_RANK;
    const int rc = run_all(e, first, second, n, &to, err);
    e->pooling = pooling;
    return rc;
}
