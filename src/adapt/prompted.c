#include "adapt/prompted.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define SHOTS_MAX     8
#define BATCH         16
#define KV_MAX_BYTES  ((size_t)1 << 30) /* beyond it sequences are stepped in smaller batches */
#define CONTEXT_LEAST 512
#define ANSWER_LEAST  8
#define PASSAGE_CHARS 600 /* short enough that several fit a small context */

fr_prompted *fr_prompted_of(fr_rung *r)
{
    if (r->state == NULL)
        r->state = FR_NEW(fr_prompted);
    return r->state;
}

/* ---- shots -------------------------------------------------------------------------------- */

int fr_prompted_pool(fr_rung *r, const fr_shot *rows, size_t n, fr_err *err)
{
    fr_prompted *p = fr_prompted_of(r);
    if (p->pool != NULL)
        return 0;
    p->pool_rows = FR_NEW_N(fr_shot, n);
    for (size_t i = 0; i < n; i++)
        p->pool_rows[i] = rows[i];
    return fr_shots_new(p->pool_rows, n, r->seed, &p->pool, err);
}

void fr_prompted_use_shots(fr_prompted *p, fr_shot_choice choice, size_t n)
{
    uint32_t at[SHOTS_MAX];
    p->choice = choice;
    free(p->shots);
    p->shots = FR_NEW_N(fr_shot, SHOTS_MAX);
    p->n_shots_max = fr_shots_pick(p->pool, choice == FR_SHOTS_SIMILAR ? FR_SHOTS_RANDOM : choice,
                                   FR_STR(""), SHOTS_MAX, at);
    for (size_t i = 0; i < p->n_shots_max; i++)
        p->shots[i] = *fr_shots_at(p->pool, at[i]);
    p->n_shots = FR_MIN(n, p->n_shots_max);
}

/* ---- opening and closing ------------------------------------------------------------------ */

static size_t count_tokens(const fr_tokenizer *t, fr_str text)
{
    fr_ids ids = { 0 };
    size_t n = fr_tokenizer_encode(t, text, FR_ENCODE_PLAIN, &ids, NULL) == 0 ? ids.n : text.n;
    fr_ids_fini(&ids);
    return n;
}

size_t fr_prompted_max_tokens(const fr_rung *r, const fr_tokenizer *tokenizer)
{
    size_t longest = 0;
    for (size_t i = 0; i < r->with.train->n; i++) {
        fr_str output = r->with.train->at[i].output;
        size_t n = tokenizer != NULL ? count_tokens(tokenizer, output) : output.n / 2 + 1;
        longest = FR_MAX(longest, n);
    }
    return longest + longest / 2 + ANSWER_LEAST;
}

static size_t longest_shot(const fr_prompted *p)
{
    size_t longest = 0;
    for (size_t i = 0; i < fr_shots_n(p->pool); i++)
        longest = FR_MAX(longest, p->pool_rows[i].input.n + p->pool_rows[i].output.n);
    return longest;
}

/* Room for the prompt of the longest row seen, twice over; never beyond what the model has. */
static size_t context_for(fr_rung *r, const fr_model *model)
{
    size_t has = fr_model_shape(model)->context;
    fr_prompted *p = fr_prompted_of(r);
    size_t longest = 0;
    for (int half = 0; half < 2; half++) {
        const fr_data *rows = half == 0 ? r->with.train : r->with.dev;
        for (size_t i = 0; i < rows->n; i++)
            longest = FR_MAX(longest, rows->at[i].input.n);
    }
    size_t bytes = longest; /* a token is a byte at least */
    for (size_t i = 0; i < r->with.n_labels; i++)
        bytes += r->with.labels[i].n + 2;
    if (p->pool != NULL) /* whichever they will be */
        bytes += SHOTS_MAX * (longest_shot(p) + 24);
    bytes += r->with.documents != NULL ? (size_t)5 * 640 : 0;
    size_t wanted = FR_MAX(2 * bytes + p->max_tokens + 64, (size_t)CONTEXT_LEAST);
    return has == 0 ? wanted : FR_MIN(has, wanted);
}

static int start_engine(fr_rung *r, fr_err *err)
{
    fr_prompted *p = r->state;
    size_t kv = fr_shape_kv_bytes_per_token(fr_model_shape(p->model)) * p->context;
    size_t batch = BATCH;
    while (batch > 1 && kv * batch > KV_MAX_BYTES)
        batch /= 2;
    fr_engine_options options = {
        .threads = r->threads, .context = p->context, .max_batch = batch, .work = r->work
    };
    FR_TRY(fr_engine_new(p->model, &options, &p->engine, err));
    return fr_endpoint_engine(p->engine, p->adapter, &p->endpoint, err);
}

static void stop_engine(fr_prompted *p)
{
    fr_endpoint_free(p->endpoint);
    fr_engine_free(p->engine);
    p->endpoint = NULL;
    p->engine = NULL;
}

int fr_prompted_open_with(fr_rung *r, const char *model_path, const char *adapter_path, fr_err *err)
{
    fr_prompted *p = fr_prompted_of(r);
    if (model_path != NULL) {
        FR_TRY(fr_model_open(model_path, &p->model, err));
        if (p->max_tokens == 0)
            p->max_tokens = fr_prompted_max_tokens(r, fr_model_tokenizer(p->model));
        if (r->with.train->n != 0) /* else it came out of an artefact */
            p->context = context_for(r, p->model);
        if (adapter_path != NULL)
            FR_TRY(fr_adapter_open(p->model, adapter_path, &p->adapter, err));
        FR_TRY(start_engine(r, err));
    } else {
        if (p->max_tokens == 0)
            p->max_tokens = fr_prompted_max_tokens(r, NULL);
        FR_TRY(fr_endpoint_connect(r->model->endpoint, r->model->written, r->with.task_dir,
                                   &p->endpoint, err));
        p->context = fr_endpoint_context(p->endpoint);
    }
    if (p->n_passages != 0 || p->searches) {
        char *path = fr_path_join(r->dir, "index.db");
        int rc = fr_index_open(path, &p->index, err);
        free(path);
        FR_TRY(rc);
        FR_TRY(fr_retrieval_open(r, &p->retrieval, p->index, err));
    }
    return 0;
}

int fr_prompted_open(fr_rung *r, fr_err *err)
{
    return fr_prompted_open_with(r, r->model->path, NULL, err);
}

void fr_prompted_close(fr_rung *r)
{
    fr_prompted *p = r->state;
    if (p == NULL)
        return;
    stop_engine(p);
    fr_adapter_free(p->adapter);
    fr_model_free(p->model);
    fr_retrieval_close(&p->retrieval);
    fr_index_free(p->index);
    p->adapter = NULL;
    p->model = NULL;
    p->index = NULL;
}

void fr_prompted_free(fr_rung *r)
{
    fr_prompted *p = r->state;
    if (p == NULL)
        return;
    free(p->shots);
    fr_shots_free(p->pool);
    free(p->pool_rows);
    free(p->instruction);
    fr_grammar_free(p->grammar);
    fr_hits_fini(&p->hits);
    fr_retrieval_fini(&p->retrieval);
}

int fr_prompted_forget(fr_rung *r, fr_err *err)
{
    fr_prompted *p = r->state;
    if (p->engine == NULL)
        return 0; /* what a server keeps is its own affair */
    stop_engine(p);
    return start_engine(r, err);
}

/* ---- prompts ------------------------------------------------------------------------------ */

static void build_prompt(const fr_rung *r, const fr_prompted *p, fr_str input,
                         const fr_str *passages, size_t n_passages, size_t n_shots, fr_buf *out)
{
    fr_shot chosen[SHOTS_MAX];
    uint32_t at[SHOTS_MAX];
    const fr_shot *shots = p->shots;
    if (p->choice == FR_SHOTS_SIMILAR && n_shots != 0) {
        n_shots = fr_shots_pick(p->pool, p->choice, input, FR_MIN(n_shots, (size_t)SHOTS_MAX), at);
        for (size_t i = 0; i < n_shots; i++)
            chosen[i] = *fr_shots_at(p->pool, at[i]);
        shots = chosen;
    }
    fr_prompt_build(&(fr_prompt_parts){ .kind = r->with.kind,
                                        .labels = r->with.labels,
                                        .n_labels = r->with.n_labels,
                                        .passages = passages,
                                        .n_passages = n_passages,
                                        .shots = shots,
                                        .n_shots = n_shots,
                                        .instruction = fr_str_of(p->instruction),
                                        .input = input,
                                        .wording = p->wording },
                    out);
}

/* Tokens of a prompt, or a bound that is good enough: a token is a byte at least. */
static bool has_room(const fr_prompted *p, fr_str prompt)
{
    size_t most = p->context;
    if (most == 0 || prompt.n + p->max_tokens + 4 <= most)
        return true;
    size_t n = fr_endpoint_count(p->endpoint, prompt);
    return n == 0 || n + p->max_tokens + 4 <= most;
}

int fr_prompted_build_prompt(fr_rung *r, fr_str input, fr_buf *out, bool *fits, fr_err *err)
{
    fr_prompted *p = r->state;
    fr_hits hits = { 0 };
    if (p->n_passages != 0 && p->index != NULL)
        FR_TRY(fr_retrieval_find(&p->retrieval, p->index, input, p->n_passages, &hits, err));
    fr_str *passages = FR_NEW_N(fr_str, hits.n + 1);
    for (size_t i = 0; i < hits.n; i++)
        passages[i] = fr_str_of(hits.at[i].text);
    size_t n_passages = hits.n, n_shots = p->n_shots;
    FR_AUTO(fr_buf) prompt = { 0 };
    for (;;) {
        fr_buf_clear(&prompt);
        build_prompt(r, p, input, passages, n_passages, n_shots, &prompt);
        *fits = has_room(p, fr_buf_str(&prompt));
        if (*fits || (n_passages == 0 && n_shots == 0))
            break;
        /* the least helpful goes first: the last passage, then the last shot */
        if (n_passages > 0 && (n_passages > 1 || n_shots == 0))
            n_passages--;
        else
            n_shots--;
        if (n_passages + 1 == hits.n || n_shots + 1 == p->n_shots)
            p->n_cut++;
    }
    fr_buf_put_str(out, fr_buf_str(&prompt));
    free(passages);
    fr_hits_fini(&hits);
    return 0;
}

typedef struct {
    fr_buf *at;
    bool *fits;
    size_t n;
} prompts;

static int prompts_build(fr_rung *r, const fr_str *inputs, size_t n, prompts *out, fr_err *err)
{
    *out = (prompts){ FR_NEW_N(fr_buf, n), FR_NEW_N(bool, n), n };
    fr_prompted *p = r->state;
    for (size_t i = 0; i < n; i++) {
        FR_TRY(fr_prompted_build_prompt(r, inputs[i], &out->at[i], &out->fits[i], err));
        p->n_asked++;
        p->n_too_long += !out->fits[i];
    }
    return 0;
}

static void prompts_fini(prompts *x)
{
    for (size_t i = 0; i < x->n; i++)
        fr_buf_fini(&x->at[i]);
    free(x->at);
    free(x->fits);
}

/* ---- answers ------------------------------------------------------------------------------ */

/* The endpoint's own progress would flicker between ours: it is only asked whether to stop. */
static fr_progress quiet_of(const fr_rung *r)
{
    fr_progress quiet = r->progress != NULL ? *r->progress : (fr_progress){ 0 };
    quiet.step = NULL;
    return quiet;
}

/* From what the labels of one prompt scored. */
static void put_sureness(fr_prompted *p, size_t i, const fr_scored *items, size_t n_labels)
{
    if (p->sureness == NULL)
        return;
    double *loglik = FR_NEW_N(double, n_labels);
    for (size_t l = 0; l < n_labels; l++)
        loglik[l] = items[l].logprob;
    fr_sureness_put_labels(p->sureness, p->sureness_at + i, loglik, n_labels);
    free(loglik);
}

/* What the model itself gives the texts that it wrote. */
static int score_texts(fr_rung *r, const prompts *x, char *const *answers, fr_err *err)
{
    fr_prompted *p = r->state;
    for (size_t i = 0; i < x->n; i++) {
        if (answers[i] == NULL || !fr_endpoint_can_score(p->endpoint))
            continue;
        FR_AUTO(fr_buf) completion = { 0 };
        fr_prompt_completion(fr_str_of(answers[i]), &completion);
        fr_scored item = { .prompt = fr_buf_str(&x->at[i]),
                           .continuation = fr_buf_str(&completion) };
        FR_TRY(fr_endpoint_score(p->endpoint, &item, 1, NULL, err));
        fr_sureness_put_text(p->sureness, p->sureness_at + i, item.logprob);
    }
    return 0;
}

/* The label whose continuation is the likeliest, for each prompt. */
static int answer_by_score(fr_rung *r, const prompts *x, char **answers, fr_err *err)
{
    fr_prompted *p = r->state;
    size_t n_labels = r->with.n_labels, n = 0;
    fr_buf *completions = FR_NEW_N(fr_buf, n_labels);
    for (size_t l = 0; l < n_labels; l++)
        fr_prompt_completion(r->with.labels[l], &completions[l]);
    fr_scored *items = FR_NEW_N(fr_scored, x->n * n_labels);
    for (size_t i = 0; i < x->n; i++) {
        for (size_t l = 0; l < n_labels && x->fits[i]; l++)
            items[n++] = (fr_scored){ .prompt = fr_buf_str(&x->at[i]),
                                      .continuation = fr_buf_str(&completions[l]) };
    }
    fr_progress quiet = quiet_of(r);
    int rc = n != 0 ? fr_endpoint_score(p->endpoint, items, n, &quiet, err) : 0;
    for (size_t i = 0, at = 0; i < x->n && rc == 0; i++) {
        if (!x->fits[i])
            continue;
        size_t best = 0;
        for (size_t l = 1; l < n_labels; l++) {
            if (items[at + l].logprob > items[at + best].logprob)
                best = l;
        }
        answers[i] = fr_str_dup(r->with.labels[best]);
        put_sureness(p, i, items + at, n_labels);
        at += n_labels;
    }
    for (size_t l = 0; l < n_labels; l++)
        fr_buf_fini(&completions[l]);
    free(completions);
    free(items);
    return rc;
}

static int answer_by_text(fr_rung *r, const prompts *x, char **answers, fr_err *err)
{
    static const char *const STOP[] = { "\n" };
    fr_prompted *p = r->state;
    fr_ask *asks = FR_NEW_N(fr_ask, x->n);
    fr_answer *got = FR_NEW_N(fr_answer, x->n);
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (x->fits[i])
            asks[n++] = (fr_ask){ .prompt = fr_buf_str(&x->at[i]),
                                  .sampling = { .max_tokens = p->max_tokens,
                                                .stop = STOP,
                                                .n_stop = 1,
                                                .seed = r->seed } };
    }
    fr_progress quiet = quiet_of(r);
    int rc = n != 0 ? fr_endpoint_ask(p->endpoint, asks, n, got, &quiet, err) : 0;
    for (size_t i = 0, at = 0; i < x->n && rc == 0; i++) {
        if (!x->fits[i])
            continue;
        fr_str text = fr_prompt_clean(fr_str_of(got[at].text));
        if (r->with.kind == FR_TASK_LABEL) {
            text = fr_prompt_match_label(r->with.labels, r->with.n_labels, text);
            p->n_unmatched += text.n == 0;
        }
        answers[i] = text.n != 0 ? fr_str_dup(text) : NULL;
        at++;
    }
    for (size_t i = 0; i < n; i++)
        fr_answer_fini(&got[i]);
    free(asks);
    free(got);
    return rc;
}

static int answer_some(fr_rung *r, const fr_str *inputs, size_t n, char **answers, fr_err *err)
{
    fr_prompted *p = r->state;
    prompts x;
    int rc = prompts_build(r, inputs, n, &x, err);
    if (rc == 0)
        rc = r->with.kind == FR_TASK_LABEL && fr_endpoint_can_score(p->endpoint)
                 ? answer_by_score(r, &x, answers, err)
                 : answer_by_text(r, &x, answers, err);
    if (rc == 0 && p->sureness != NULL && r->with.kind != FR_TASK_LABEL)
        rc = score_texts(r, &x, answers, err);
    prompts_fini(&x);
    return rc;
}

int fr_prompted_answer(fr_rung *r, const fr_str *inputs, size_t n, bool together, char **answers,
                       fr_err *err)
{
    size_t step = together ? BATCH : 1;
    for (size_t i = 0; i < n; i += step) {
        if (fr_progress_stopped(r->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu answers", i, n);
        fr_prompted_of(r)->sureness_at = i;
        FR_TRY(answer_some(r, inputs + i, FR_MIN(step, n - i), answers + i, err));
        fr_progress_step(r->progress, r->doing, (double)FR_MIN(i + step, n), (double)n, "answers",
                         NULL);
    }
    return 0;
}

int fr_prompted_answer_sure(fr_rung *r, const fr_str *inputs, size_t n, bool together,
                            char **answers, fr_sureness *sureness, fr_err *err)
{
    for (size_t i = 0; i < n; i++) {
        fr_sureness_put_text(sureness, i, NAN);
        for (size_t l = 0; sureness->labels != NULL && l < sureness->n_labels; l++)
            sureness->labels[i * sureness->n_labels + l] = NAN;
    }
    fr_prompted_of(r)->sureness = sureness;
    int rc = fr_prompted_answer(r, inputs, n, together, answers, err);
    fr_prompted_of(r)->sureness = NULL;
    return rc;
}

int fr_prompted_likelihood(fr_rung *r, const fr_str *inputs, const fr_str *outputs, size_t n,
                           double *nll, size_t *tokens, fr_err *err)
{
    fr_prompted *p = r->state;
    if (!fr_endpoint_can_score(p->endpoint))
        return fr_fail(err, FR_E_UNSUPPORTED, "Use a metric of the text, as rouge-l.",
                       "this endpoint tells no likelihoods, so there is no perplexity");
    fr_progress quiet = quiet_of(r);
    for (size_t i = 0; i < n; i++) {
        if (fr_progress_stopped(r->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu rows", i, n);
        FR_AUTO(fr_buf) prompt = { 0 };
        FR_AUTO(fr_buf) completion = { 0 };
        bool fits = false;
        FR_TRY(fr_prompted_build_prompt(r, inputs[i], &prompt, &fits, err));
        fr_prompt_completion(outputs[i], &completion);
        fr_scored item = { .prompt = fr_buf_str(&prompt), .continuation = fr_buf_str(&completion) };
        FR_TRY(fr_endpoint_score(p->endpoint, &item, 1, &quiet, err));
        nll[i] = -item.logprob;
        tokens[i] = item.n_tokens;
        fr_progress_step(r->progress, r->doing, (double)i + 1, (double)n, "rows", NULL);
    }
    return 0;
}

/* ---- documents ----------------------------------------------------------------------------- */

int fr_prompted_index(fr_rung *r, fr_err *err)
{
    char *path = fr_path_join(r->dir, "index.db");
    fr_documents documents = { 0 };
    int rc = fr_documents_load(r->with.documents, &documents, err);
    if (rc == 0)
        rc = fr_index_build(
            path, documents.at, documents.n,
            &(fr_index_options){ .chunk_chars = PASSAGE_CHARS, .progress = r->progress }, err);
    fr_documents_fini(&documents);
    free(path);
    return rc;
}

/* ---- the rows zero-shot, few-shot --------------------------------------------------------- */

bool fr_prompted_fits(fr_rung *r)
{
    if (r->model == NULL) {
        snprintf(r->reason, sizeof(r->reason), "needs a model; the task file names none");
        return false;
    }
    if (r->with.metric->perplexity && r->model->endpoint != NULL) {
        snprintf(r->reason, sizeof(r->reason),
                 "an HTTP endpoint tells no likelihoods, so there is no perplexity");
        return false;
    }
    fr_prompt_sizes s;
    if (r->model->path == NULL || fr_prompted_sizes(r, &s, NULL) != 0)
        return true; /* a broken file is the probe's to tell */
    if (s.shape.context != 0 && s.input_tokens + s.output_tokens > (double)s.shape.context) {
        snprintf(r->reason, sizeof(r->reason),
                 "a prompt has about %.0f tokens%s, and this model's context holds %zu",
                 s.input_tokens + s.output_tokens,
                 r->with.kind == FR_TASK_LABEL ? " with all its labels" : "", s.shape.context);
        return false;
    }
    return true;
}

/* ---- predictions -------------------------------------------------------------------------- */

int fr_prompted_sizes(fr_rung *r, fr_prompt_sizes *out, fr_err *err)
{
    *out = (fr_prompt_sizes){ 0 };
    const fr_tokenizer *t = NULL;
    FR_AUTOPTR(fr_model) model = NULL;
    if (r->model->path != NULL) {
        FR_TRY(fr_model_open(r->model->path, &model, err));
        t = fr_model_tokenizer(model);
        out->shape = *fr_model_shape(model);
        fr_prompted *p = fr_prompted_of(r);
        if (p->max_tokens == 0) /* here, so that loading need not count what only learning needs */
            p->max_tokens = fr_prompted_max_tokens(r, t);
    }
    const fr_data *train = r->with.train;
    size_t n = FR_MIN(train->n, (size_t)64);
    double inputs = 0, bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const fr_datum *row = &train->at[i * train->n / n];
        FR_AUTO(fr_buf) prompt = { 0 };
        FR_AUTO(fr_buf) completion = { 0 };
        build_prompt(r, &(fr_prompted){ 0 }, row->input, NULL, 0, 0, &prompt);
        fr_prompt_completion(row->output, &completion);
        double in = t != NULL ? (double)count_tokens(t, fr_buf_str(&prompt)) : (double)prompt.n / 4;
        double o =
            t != NULL ? (double)count_tokens(t, fr_buf_str(&completion)) : (double)completion.n / 4;
        inputs += in;
        bytes += (double)prompt.n;
        out->output_tokens += o / (double)n;
        out->longest = fmax(out->longest, in + o);
    }
    out->input_tokens = inputs / (double)n;
    double labels = 0;
    for (size_t l = 0; l < r->with.n_labels; l++) {
        FR_AUTO(fr_buf) completion = { 0 };
        fr_prompt_completion(r->with.labels[l], &completion);
        labels += t != NULL ? (double)count_tokens(t, fr_buf_str(&completion)) : 4;
    }
    out->label_tokens = labels;
    out->row_tokens = fmax(out->input_tokens - labels, 4) + out->output_tokens + 1;
    /* a passage is a chunk of 600 characters at most; tokens per byte as in the inputs */
    out->passage_tokens = r->with.documents != NULL ? 450 * inputs / bytes : 0;
    return 0;
}

void fr_prompted_flops(const fr_rung *r, const fr_prompt_sizes *s, const fr_shape *shape,
                       double prompt_tokens, double *prefill, double *decode)
{
    double each = fr_shape_flops_per_token(shape, (size_t)(prompt_tokens / 2), false);
    double with_logits = fr_shape_flops_per_token(shape, (size_t)prompt_tokens, true);
    *prefill = prompt_tokens * each + (with_logits - each);
    *decode = 0;
    if (r->with.kind == FR_TASK_LABEL)
        *prefill += s->label_tokens * with_logits; /* scored, a row of tokens at a time */
    else
        *decode = s->output_tokens * with_logits;
}

fr_forecast fr_prompted_request(const fr_rung *r, const fr_prompt_sizes *s, const fr_shape *shape,
                                double prompt_tokens)
{
    double prefill = 0, decode = 0;
    if (shape->dim == 0)
        return fr_forecast_unknown(); /* a server: neither its size nor its machine is known */
    fr_prompted_flops(r, s, shape, prompt_tokens, &prefill, &decode);
    /* A lower bound must hold: an answer may be one token long, a quieter machine does more per
     * joule, and the probe's rate is that of the task's model, not of another shape. */
    double low = shape == &s->shape ? 0.25 : 0.1;
    fr_forecast f = fr_forecast_of(prefill, &r->probe.prefill, low, 2.5);
    if (decode > 0)
        f = fr_forecast_add(
            f, fr_forecast_of(decode, &r->probe.decode, low / fmax(s->output_tokens, 1), 2.5));
    return f;
}

int fr_prompted_predict(fr_rung *r, double mid, double least, double most, double each,
                        double n_options, fr_rung_forecast *out, fr_err *err)
{
    fr_prompt_sizes s;
    FR_TRY(fr_prompted_sizes(r, &s, err));
    if (each == 0)
        each =
            r->with.documents != NULL && r->kind == &FR_RUNG_RAG ? s.passage_tokens : s.row_tokens;
    double room = s.shape.context != 0 ? (double)s.shape.context : INFINITY;
    fr_forecast f = fr_prompted_request(r, &s, &s.shape, fmin(s.input_tokens + mid * each, room));
    fr_forecast low =
        fr_prompted_request(r, &s, &s.shape, fmin(s.input_tokens + least * each, room));
    fr_forecast high =
        fr_prompted_request(r, &s, &s.shape, fmin(s.input_tokens + most * each, room));
    f.low_j = low.low_j;
    f.high_j = high.high_j;
    out->request = f;
    double n_dev = (double)FR_MIN(r->with.dev->n, (size_t)FR_DEV_ROWS);
    out->build = n_options > 0 ? fr_forecast_scale(f, n_dev * n_options) : fr_forecast_zero();
    out->load = r->model->path != NULL ? (fr_forecast){ r->probe.load_s, r->probe.load_j,
                                                        0.3 * r->probe.load_j, 3 * r->probe.load_j }
                                       : fr_forecast_zero();
    return 0;
}

static int predict_zero_shot(fr_rung *r, fr_rung_forecast *out, fr_err *err)
{
    return fr_prompted_predict(r, 0, 0, 0, 0, 3, out,
                               err); /* what halving asks, in rounds of dev */
}

static int predict_few_shot(fr_rung *r, fr_rung_forecast *out, fr_err *err)
{
    return fr_prompted_predict(r, 4, 1, 8, 0, 4, out, err);
}

/* ---- saving ------------------------------------------------------------------------------- */

/* All rows that an input's own examples may come from. */
static int save_pool(const fr_rung *r, json_t *artifact, fr_err *err)
{
    const fr_prompted *p = r->state;
    FR_AUTO(fr_buf) rows = { 0 };
    for (size_t i = 0; i < fr_shots_n(p->pool); i++)
        fr_data_put_json(&rows, p->pool_rows[i].input, p->pool_rows[i].output);
    json_object_set_new(artifact, "choose", json_string("similar"));
    json_object_set_new(artifact, "n_shots", json_integer((json_int_t)p->n_shots));
    json_object_set_new(artifact, "shots_file", json_string("shots.jsonl"));
    char *path = fr_path_join(r->dir, "shots.jsonl");
    int rc = fr_file_write(path, fr_buf_str(&rows), err);
    free(path);
    return rc;
}

int fr_prompted_save(fr_rung *r, json_t *artifact, fr_err *err)
{
    fr_prompted *p = fr_prompted_of(r);
    FR_TRY(fr_dir_make(r->dir, err));
    json_t *shots = json_array();
    for (size_t i = 0; i < p->n_shots; i++) {
        json_t *shot = json_object();
        json_object_set_new(shot, "input", json_stringn(p->shots[i].input.at, p->shots[i].input.n));
        json_object_set_new(shot, "output",
                            json_stringn(p->shots[i].output.at, p->shots[i].output.n));
        json_array_append_new(shots, shot);
    }
    json_object_set_new(artifact, "shots", shots);
    if (p->instruction != NULL)
        json_object_set_new(artifact, "instruction", json_string(p->instruction));
    if (p->choice == FR_SHOTS_SIMILAR)
        FR_TRY(save_pool(r, artifact, err));
    json_object_set_new(artifact, "passages", json_integer((json_int_t)p->n_passages));
    json_object_set_new(artifact, "max_tokens", json_integer((json_int_t)p->max_tokens));
    json_object_set_new(artifact, "context", json_integer((json_int_t)p->context));
    json_object_set_new(artifact, "stop", json_string("\n"));
    if (p->n_passages != 0)
        json_object_set_new(artifact, "index", json_string("index.db"));
    fr_retrieval_save(r, &p->retrieval, artifact);
    /* the prompt as a person would write it, with the places to fill in braces */
    static const fr_str PASSAGE = { "{passage}", 9 };
    fr_str passages[8];
    size_t n = FR_MIN(p->n_passages, FR_COUNT_OF(passages));
    for (size_t i = 0; i < n; i++)
        passages[i] = PASSAGE;
    FR_AUTO(fr_buf) prompt = { 0 };
    fr_prompted shown = *p;
    fr_shot examples[SHOTS_MAX];
    if (p->choice == FR_SHOTS_SIMILAR) { /* each input has its own */
        for (size_t i = 0; i < SHOTS_MAX; i++)
            examples[i] = (fr_shot){ FR_STR("{example}"), FR_STR("{its output}") };
        shown.choice = FR_SHOTS_NONE;
        shown.shots = examples;
    }
    build_prompt(r, &shown, FR_STR("{input}"), passages, n, p->n_shots, &prompt);
    json_object_set_new(artifact, "prompt", json_string("prompt.txt"));
    char *path = fr_path_join(r->dir, "prompt.txt");
    int rc = fr_file_write(path, fr_buf_str(&prompt), err);
    free(path);
    if (p->n_too_long != 0)
        fr_rung_note(r,
                     "%zu of %zu prompts did not fit the context of %zu tokens; they count as "
                     "not answered",
                     p->n_too_long, p->n_asked, p->context);
    if (p->n_cut != 0)
        fr_rung_note(r, "%zu of %zu prompts had to drop a passage or a shot to fit the context",
                     p->n_cut, p->n_asked);
    if (p->n_unmatched != 0)
        fr_rung_note(r, "%zu of %zu answers named no label", p->n_unmatched, p->n_asked);
    return rc;
}

static void key_search(const fr_rung *r, json_t *settings)
{
    (void)r;
    json_object_set_new(settings, "search", json_string("halving 1"));
    json_object_set_new(settings, "dev_rows", json_integer(FR_DEV_ROWS));
}

static void key_shots(const fr_rung *r, json_t *settings)
{
    key_search(r, settings);
    json_object_set_new(settings, "shots_max", json_integer(SHOTS_MAX));
    json_object_set_new(settings, "dev_rows", json_integer(FR_DEV_ROWS));
}

const fr_rung_kind FR_RUNG_ZERO_SHOT = {
    .strategy = "zero-shot",
    .needs_model = true,
    .fits = fr_prompted_fits,
    .predict = predict_zero_shot,
    .build = fr_prompted_build_zero_shot,
    .open = fr_prompted_open,
    .answer = fr_prompted_answer,
    .likelihood = fr_prompted_likelihood,
    .forget = fr_prompted_forget,
    .close = fr_prompted_close,
    .save = fr_prompted_save,
    .key = key_search,
    .free_state = fr_prompted_free,
};

const fr_rung_kind FR_RUNG_FEW_SHOT = {
    .strategy = "few-shot",
    .needs_model = true,
    .fits = fr_prompted_fits,
    .predict = predict_few_shot,
    .build = fr_prompted_build_few_shot,
    .open = fr_prompted_open,
    .answer = fr_prompted_answer,
    .likelihood = fr_prompted_likelihood,
    .forget = fr_prompted_forget,
    .close = fr_prompted_close,
    .save = fr_prompted_save,
    .key = key_shots,
    .free_state = fr_prompted_free,
};
