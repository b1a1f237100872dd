/* Passages for prompts, found by words, by meaning, or by both; and the rung `rag`, which chooses
 * how and how many of them on dev. */
#include "adapt/prompted.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/outcome.h"
#include "base/file.h"
#include "base/mem.h"

/* ---- finding ------------------------------------------------------------------------------ */

struct fr_found {
    fr_str input; /* borrowed from dev */
    fr_mode mode;
    fr_ranked best;
};

static int open_encoder(fr_rung *r, fr_retrieval *t, fr_err *err)
{
    const fr_task_model *m = r->with.embed;
    if (m->path == NULL) {
        FR_TRY(fr_endpoint_connect(m->endpoint, m->written, r->with.task_dir, &t->endpoint, err));
    } else {
        fr_embedder_options o = { .threads = r->threads, .truncate = true, .work = r->work };
        FR_TRY(fr_embedder_open(m->path, &o, &t->embedder, err));
        FR_TRY(fr_endpoint_embedder(t->embedder, &t->endpoint, err));
    }
    if (!fr_endpoint_can_embed(t->endpoint))
        return fr_fail(err, FR_E_UNSUPPORTED, "Name an encoder under data: embed.",
                       "'%s' makes no embeddings", m->written);
    FR_AUTO(fr_buf) mark = { 0 };
    FR_TRY(fr_endpoint_mark(t->endpoint, &mark, err));
    if (t->mark != NULL && !fr_str_is(fr_buf_str(&mark), t->mark))
        return fr_fail(err, FR_E_UNSUPPORTED, "Put that encoder back, or climb again.",
                       "'%s' is not the encoder that the passages were embedded with: it is "
                       "%.16s, that was %.16s",
                       m->written, fr_buf_text(&mark), t->mark);
    if (t->mark == NULL)
        t->mark = fr_dup(fr_buf_text(&mark));
    return 0;
}

static fr_dense_options dense_options(const fr_retrieval *t)
{
    return (fr_dense_options){ .embedder = t->endpoint,
                               .codes = FR_CODES_AUTO,
                               .pooling = t->embedder != NULL
                                              ? fr_pooling_name(fr_embedder_pooling(t->embedder))
                                              : NULL };
}

int fr_retrieval_open(fr_rung *r, fr_retrieval *t, fr_index *index, fr_err *err)
{
    if (t->mode <= FR_MODE_LEXICAL)
        return 0;
    FR_TRY(open_encoder(r, t, err));
    fr_dense_options options = dense_options(t);
    char *path = fr_path_join(r->dir, "index.db");
    int rc = fr_dense_open(path, index, &options, &t->dense, err);
    free(path);
    return rc;
}

void fr_retrieval_close(fr_retrieval *t)
{
    fr_dense_free(t->dense);
    fr_endpoint_free(t->endpoint);
    fr_embedder_free(t->embedder);
    t->dense = NULL;
    t->endpoint = NULL;
    t->embedder = NULL;
}

static void forget_found(fr_retrieval *t)
{
    for (size_t i = 0; i < t->n_found; i++)
        fr_ranked_fini(&t->found[i].best);
    free(t->found);
    t->found = NULL;
    t->n_found = t->cap_found = 0;
    t->remembers = false;
}

void fr_retrieval_fini(fr_retrieval *t)
{
    fr_retrieval_close(t);
    forget_found(t);
    free(t->mark);
}

/* Always as many, of which the first k are taken: so a choice among several k asks once. */
static int rank(fr_retrieval *t, fr_index *index, fr_str input, fr_ranked *out, fr_err *err)
{
    FR_AUTO(fr_hits) hits = { 0 };
    FR_TRY(fr_retrieve(index, t->dense, input,
                       &(fr_retrieve_options){ .mode = t->mode, .k = FR_PASSAGES_MOST }, &hits,
                       NULL, err));
    for (size_t i = 0; i < hits.n; i++) {
        FR_GROW(out->at, out->n, out->cap);
        out->at[out->n++] = (fr_rank){ hits.at[i].chunk, hits.at[i].score };
    }
    return 0;
}

static int read_best(fr_index *index, fr_ranked best, size_t k, fr_hits *out, fr_err *err)
{
    best.n = FR_MIN(best.n, k);
    return best.n != 0 ? fr_index_read(index, &best, out, err) : 0;
}

int fr_retrieval_find(fr_retrieval *t, fr_index *index, fr_str input, size_t k, fr_hits *out,
                      fr_err *err)
{
    if (t->mode <= FR_MODE_LEXICAL)
        return fr_index_search(index, input, k, out, err);
    for (size_t i = 0; i < t->n_found; i++) {
        if (t->found[i].mode == t->mode && fr_str_equal(t->found[i].input, input))
            return read_best(index, t->found[i].best, k, out, err);
    }
    FR_AUTO(fr_ranked) best = { 0 };
    FR_TRY(rank(t, index, input, &best, err));
    int rc = read_best(index, best, k, out, err);
    if (t->remembers && rc == 0) {
        FR_GROW(t->found, t->n_found, t->cap_found);
        t->found[t->n_found++] = (struct fr_found){ input, t->mode, best };
        best = (fr_ranked){ 0 };
    }
    return rc;
}

/* ---- the artefact ------------------------------------------------------------------------- */

void fr_retrieval_save(const fr_rung *r, const fr_retrieval *t, json_t *artifact)
{
    if (t->mode == FR_MODE_NONE)
        return;
    json_object_set_new(artifact, "retrieval", json_string(fr_mode_name(t->mode)));
    if (t->mode == FR_MODE_LEXICAL)
        return;
    const fr_task_model *m = r->with.embed;
    json_t *embed = json_object();
    char *real = m->path != NULL ? realpath(m->path, NULL) : NULL;
    if (m->path != NULL)
        json_object_set_new(embed, "model", json_string(real != NULL ? real : m->path));
    else
        json_object_set_new(embed, "endpoint", json_string(m->endpoint));
    json_object_set_new(embed, "name", json_string(m->written));
    json_object_set_new(embed, "hash", json_string(t->mark));
    json_object_set_new(artifact, "embed", embed);
    free(real);
}

bool fr_retrieval_restore(fr_retrieval *t, const json_t *artifact, fr_task_model *embed)
{
    const char *mode = json_string_value(json_object_get(artifact, "retrieval"));
    if (mode == NULL)
        return true;
    t->mode = fr_mode_find(fr_str_of(mode));
    if (t->mode <= FR_MODE_LEXICAL)
        return t->mode == FR_MODE_LEXICAL;
    const json_t *o = json_object_get(artifact, "embed");
    *embed = (fr_task_model){ .path = (char *)json_string_value(json_object_get(o, "model")),
                              .endpoint = (char *)json_string_value(json_object_get(o, "endpoint")),
                              .written = (char *)json_string_value(json_object_get(o, "name")),
                              .name = (char *)"embed" };
    const char *mark = json_string_value(json_object_get(o, "hash"));
    if (mark == NULL || embed->written == NULL || (embed->path == NULL && embed->endpoint == NULL))
        return false;
    t->mark = fr_dup(mark);
    return true;
}

/* ---- choosing on dev ---------------------------------------------------------------------- */

static size_t n_tried_on(const fr_rung *r)
{
    return FR_MIN(r->with.dev->n, (size_t)FR_DEV_ROWS);
}

/* Mean score of the present settings on the first rows of dev; higher is better. */
static int try_on_dev(fr_rung *r, double *mean, fr_err *err)
{
    const fr_data *dev = r->with.dev;
    size_t n = n_tried_on(r);
    fr_str *inputs = FR_NEW_N(fr_str, n), *outputs = FR_NEW_N(fr_str, n);
    for (size_t i = 0; i < n; i++) {
        inputs[i] = dev->at[i].input;
        outputs[i] = dev->at[i].output;
    }
    int rc = 0;
    if (r->with.metric->perplexity) {
        double *nll = FR_NEW_N(double, n), sum = 0;
        size_t *tokens = FR_NEW_N(size_t, n), all = 0;
        rc = fr_prompted_likelihood(r, inputs, outputs, n, nll, tokens, err);
        for (size_t i = 0; i < n && rc == 0; i++) {
            sum += nll[i];
            all += tokens[i];
        }
        *mean = all != 0 ? -exp(sum / (double)all) : -INFINITY;
        free(nll);
        free(tokens);
    } else {
        char **answers = FR_NEW_N(char *, n);
        rc = fr_prompted_answer(r, inputs, n, true, answers, err);
        if (rc == 0)
            rc = fr_score_dev(r, dev, n, answers, mean, err);
        for (size_t i = 0; i < n; i++)
            free(answers[i]);
        free(answers);
    }
    free(inputs);
    free(outputs);
    return rc;
}

/* Whether the longest row of dev's sample still has room for all that was asked for. */
static int all_fit(fr_rung *r, bool *fit, fr_err *err)
{
    fr_prompted *p = r->state;
    const fr_data *dev = r->with.dev;
    size_t longest = 0, cut = p->n_cut;
    for (size_t i = 1; i < n_tried_on(r); i++) {
        if (dev->at[i].input.n > dev->at[longest].input.n)
            longest = i;
    }
    FR_AUTO(fr_buf) prompt = { 0 };
    FR_TRY(fr_prompted_build_prompt(r, dev->at[longest].input, &prompt, fit, err));
    *fit = *fit && p->n_cut == cut;
    p->n_cut = cut;
    return 0;
}

typedef struct {
    fr_mode mode;
    size_t n_passages;
    double mean;
} choice;

static void tell_try(const fr_rung *r, json_t *tried, const choice *c)
{
    bool lower = r->with.metric->better == FR_BETTER_LOWER;
    json_t *o = json_pack("{s:I,s:f}", "passages", (json_int_t)c->n_passages, "score",
                          lower ? -c->mean : c->mean);
    if (c->mode != FR_MODE_NONE)
        json_object_set_new(o, "retrieval", json_string(fr_mode_name(c->mode)));
    json_array_append_new(tried, o);
}

/* Every number of passages in every mode. On a draw the first wins: fewer tokens for the generator
 * before less work for the search, since a passage costs more than a question's embedding. */
static int choose(fr_rung *r, const fr_mode *modes, size_t n_modes, fr_err *err)
{
    static const size_t OPTIONS[] = { 1, 2, 3, FR_PASSAGES_MOST };
    fr_prompted *p = r->state;
    choice best = { modes[0], OPTIONS[0], -INFINITY };
    bool full[FR_MODE_HYBRID + 1] = { false }; /* more of it would only be cut off again */
    json_t *tried = json_array();
    if (r->chosen == NULL)
        r->chosen = json_object();
    json_object_set_new(r->chosen, "tried", tried);
    for (size_t i = 0; i < FR_COUNT_OF(OPTIONS) * n_modes; i++) {
        choice c = { modes[i % n_modes], OPTIONS[i / n_modes], -INFINITY };
        bool fit = true;
        if (full[c.mode])
            continue;
        p->retrieval.mode = c.mode;
        p->n_passages = c.n_passages;
        fr_rung_doing(r, "trying %zu passages%s%s on dev", c.n_passages,
                      c.mode != FR_MODE_NONE ? ", " : "", fr_mode_name(c.mode));
        FR_TRY(all_fit(r, &fit, err));
        full[c.mode] = !fit;
        if (!fit && c.n_passages != OPTIONS[0])
            continue;
        FR_TRY(try_on_dev(r, &c.mean, err));
        tell_try(r, tried, &c);
        if (c.mean > best.mean)
            best = c;
    }
    p->retrieval.mode = best.mode;
    p->n_passages = best.n_passages;
    json_object_set_new(r->chosen, "passages", json_integer((json_int_t)best.n_passages));
    if (best.mode != FR_MODE_NONE)
        json_object_set_new(r->chosen, "retrieval", json_string(fr_mode_name(best.mode)));
    json_object_set_new(r->chosen, "rows", json_integer((json_int_t)n_tried_on(r)));
    p->n_asked = p->n_too_long = p->n_cut = p->n_unmatched = 0;
    return 0;
}

/* ---- rag ---------------------------------------------------------------------------------- */

static bool fits(fr_rung *r)
{
    if (r->with.kind != FR_TASK_ANSWER) {
        snprintf(r->reason, sizeof(r->reason),
                 "retrieval is for questions: this task's kind is not 'answer'");
        return false;
    }
    if (r->with.documents == NULL) {
        snprintf(r->reason, sizeof(r->reason),
                 "needs documents; the task file names none under data");
        return false;
    }
    FR_AUTOPTR(fr_model) encoder = NULL;
    fr_err why = { 0 };
    if (r->with.embed != NULL && r->with.embed->path != NULL &&
        fr_model_open(r->with.embed->path, &encoder, &why) != 0) {
        snprintf(r->reason, sizeof(r->reason), "the encoder (data: embed): %s", why.what);
        return false;
    }
    return fr_prompted_fits(r);
}

static int embed_chunks(fr_rung *r, fr_dense_counts *counts, size_t *n_chunks, fr_err *err)
{
    fr_retrieval *t = &fr_prompted_of(r)->retrieval;
    FR_AUTOPTR(fr_index) index = NULL;
    FR_AUTOPTR(fr_pool) pool = NULL;
    char *path = fr_path_join(r->dir, "index.db");
    int rc = open_encoder(r, t, err);
    if (rc == 0)
        rc = fr_index_open(path, &index, err);
    if (rc == 0)
        rc = fr_pool_new(r->threads, &pool, err);
    if (rc == 0) {
        fr_dense_options options = dense_options(t);
        *n_chunks = fr_index_n_chunks(index);
        rc = fr_dense_update(path, index, &options, pool, r->progress, counts, err);
    }
    fr_retrieval_close(t);
    free(path);
    return rc;
}

static void tell_embedding(fr_rung *r, const fr_dense_counts *counts, size_t n_chunks,
                           const fr_used *used, bool is_metered)
{
    const fr_task_model *m = r->with.embed;
    json_t *o = json_object();
    json_object_set_new(o, "model", json_string(m->written));
    json_object_set_new(o, "model_hash", json_string(fr_prompted_of(r)->retrieval.mark));
    json_object_set_new(o, "chunks", json_integer((json_int_t)n_chunks));
    json_object_set_new(o, "embedded", json_integer((json_int_t)counts->n_embedded));
    json_object_set_new(o, "tokens", json_integer((json_int_t)counts->tokens));
    bool inside = m->endpoint == NULL || fr_endpoint_address_is_local(m->endpoint);
    if (is_metered && inside) {
        json_object_set_new(o, "energy_j", fr_json_number(used->total.value_j));
        json_object_set_new(o, "energy_low_j", fr_json_number(used->total.low_j));
        json_object_set_new(o, "energy_high_j", fr_json_number(used->total.high_j));
        json_object_set_new(o, "energy_method", json_string(fr_method_name(used->total.method)));
        json_object_set_new(o, "cpu_s", fr_json_number(used->cpu_s));
    }
    if (!inside)
        fr_rung_note(r, "a server embeds the passages: its energy is not in these figures");
    if (r->chosen == NULL)
        r->chosen = json_object();
    json_object_set_new(r->chosen, "embedding", o);
}

/* A phase of its own inside the build's, so that what embedding took is known by itself. */
static int embed(fr_rung *r, fr_err *err)
{
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    fr_dense_counts counts = { 0 };
    size_t n_chunks = 0;
    fr_rung_doing(r, "embedding the documents");
    if (r->run != NULL)
        FR_TRY(fr_phase_begin(r->run, "phase", "embed", &phase, err));
    int rc = embed_chunks(r, &counts, &n_chunks, err), ended = 0;
    fr_err dropped = { 0 };
    if (phase != NULL)
        ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : &dropped);
    FR_TRY(rc != 0 ? rc : ended);
    tell_embedding(r, &counts, n_chunks, &used, phase != NULL);
    return 0;
}

/* What answers from here on: an encoder that was not chosen leaves nothing behind. */
static void settle(fr_rung *r)
{
    fr_retrieval *t = &fr_prompted_of(r)->retrieval;
    const char *endpoint = r->with.embed->endpoint;
    if (t->mode != FR_MODE_LEXICAL) {
        r->energy_inside =
            r->energy_inside && (endpoint == NULL || fr_endpoint_address_is_local(endpoint));
        return;
    }
    char *index = fr_path_join(r->dir, "index.db"), *vectors = fr_dense_path(index);
    unlink(vectors);
    free(vectors);
    free(index);
}

static int build(fr_rung *r, fr_err *err)
{
    static const fr_mode WORDS[] = { FR_MODE_NONE },
                         ALL[] = { FR_MODE_LEXICAL, FR_MODE_DENSE, FR_MODE_HYBRID };
    fr_prompted *p = fr_prompted_of(r);
    bool embeds = r->with.embed != NULL;
    FR_TRY(fr_dir_make(r->dir, err));
    FR_TRY(fr_prompted_index(r, err));
    if (embeds)
        FR_TRY(embed(r, err));
    p->n_passages = 1;
    p->retrieval.mode = embeds ? FR_MODE_HYBRID : FR_MODE_NONE; /* all that is needed is opened */
    FR_TRY(fr_prompted_open(r, err));
    p->retrieval.remembers = embeds;
    int rc = embeds ? choose(r, ALL, FR_COUNT_OF(ALL), err) : choose(r, WORDS, 1, err);
    forget_found(&p->retrieval);
    fr_prompted_close(r);
    if (rc == 0 && embeds)
        settle(r);
    return rc;
}

/* Beside what the prompts take: every chunk once, a question's embedding a request. Words alone
 * may be chosen, so that a request's part of it is sure of nothing. */
static int add_embedding(fr_rung *r, fr_rung_forecast *out, fr_err *err)
{
    FR_AUTOPTR(fr_model) encoder = NULL;
    fr_prompt_sizes s;
    const fr_task_model *m = r->with.embed;
    if (m->path == NULL) { /* as everywhere: what a server takes nobody here knows */
        fr_forecast unknown = fr_forecast_unknown();
        *out = (fr_rung_forecast){ unknown, unknown, unknown };
        return 0;
    }
    FR_TRY(fr_prompted_sizes(r, &s, err));
    FR_TRY(fr_model_open(m->path, &encoder, err));
    const fr_shape *shape = fr_model_shape(encoder);
    double tokens_per_byte = s.passage_tokens / 450, chunk = fmax(s.passage_tokens, 1);
    double chunks = 1.1 * (double)r->with.documents_bytes * tokens_per_byte / chunk; /* overlap */
    double flops = chunk * fr_shape_flops_per_token(shape, (size_t)chunk, false);
    fr_forecast one = fr_forecast_of(flops, &r->probe.prefill, 0.1, 2.5);
    fr_forecast question = fr_forecast_of(
        s.input_tokens * fr_shape_flops_per_token(shape, (size_t)s.input_tokens, false),
        &r->probe.prefill, 0, 2.5);
    out->build = fr_forecast_add(out->build, fr_forecast_scale(one, chunks));
    out->build =
        fr_forecast_add(out->build, fr_forecast_scale(question, 2 * (double)n_tried_on(r)));
    out->request = fr_forecast_add(out->request, question);
    if (r->model->path != NULL && r->model->bytes != 0) {
        fr_forecast load = fr_forecast_scale(out->load, (double)m->bytes / (double)r->model->bytes);
        load.low_j = 0;
        out->load = fr_forecast_add(out->load, load);
    }
    return 0;
}

static int predict(fr_rung *r, fr_rung_forecast *out, fr_err *err)
{
    FR_TRY(fr_prompted_predict(r, 2, 1, FR_PASSAGES_MOST, 0, r->with.embed != NULL ? 12 : 4, out,
                               err));
    return r->with.embed != NULL ? add_embedding(r, out, err) : 0;
}

static void key(const fr_rung *r, json_t *settings)
{
    json_object_set_new(settings, "documents",
                        r->with.documents_hash != NULL ? json_string(r->with.documents_hash)
                                                       : json_null());
    json_object_set_new(settings, "dev_rows", json_integer(FR_DEV_ROWS));
    if (r->with.embed == NULL)
        return;
    json_object_set_new(settings, "embed", json_string(r->with.embed_hash));
    json_object_set_new(settings, "retrieval", json_string("lexical dense hybrid 1"));
}

const fr_rung_kind FR_RUNG_RAG = {
    .strategy = "rag",
    .needs_model = true,
    .fits = fits,
    .predict = predict,
    .build = build,
    .open = fr_prompted_open,
    .answer = fr_prompted_answer,
    .likelihood = fr_prompted_likelihood,
    .forget = fr_prompted_forget,
    .close = fr_prompted_close,
    .save = fr_prompted_save,
    .key = key,
    .free_state = fr_prompted_free,
};
