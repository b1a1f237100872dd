/* The rungs that ask more than once: generated-knowledge, self-consistency, react. What they share
 * with the other prompts (the model, its endpoint, passages) is prompted.c's; how they ask is
 * prompt/techniques.h's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/prompted.h"
#include "base/file.h"
#include "base/mem.h"
#include "prompt/techniques.h"

#define BATCH      16
#define PASSAGES   2 /* in a prompt, where there are documents */
#define FOUND      3 /* that a search shows */
#define SAMPLES    10
#define STATEMENTS 3
#define STEPS      4

#define TRACES_MOST 1000 /* inputs of which the trace is kept */

static fr_technique_kind technique_of(const fr_rung *r)
{
    return fr_technique_of(r->kind->strategy);
}

static size_t or_else(size_t stated, size_t otherwise)
{
    return stated != 0 ? stated : otherwise;
}

/* ---- fits --------------------------------------------------------------------------------- */

/* What a small model cannot do is not tried unless it is asked for by name. */
static bool follows_or_was_named(fr_rung *r)
{
    if (r->strategy->stated || fr_prompted_follows(r))
        return true;
    snprintf(r->reason, sizeof(r->reason),
             "needs a model that follows instructions, and this one has fewer than 50 million "
             "parameters; name the strategy in the task file to try it all the same");
    return false;
}

static bool fits_common(fr_rung *r)
{
    if (!fr_prompted_fits(r))
        return false;
    if (!r->with.metric->perplexity)
        return true;
    snprintf(r->reason, sizeof(r->reason),
             "an answer that comes of several calls has no likelihood, so there is no perplexity");
    return false;
}

static bool fits_knowledge(fr_rung *r)
{
    return fits_common(r) && follows_or_was_named(r);
}

static bool fits_vote(fr_rung *r)
{
    if (r->with.kind == FR_TASK_TEXT) {
        snprintf(r->reason, sizeof(r->reason),
                 "a vote needs answers that can be the same: this task's kind is 'text'");
        return false;
    }
    return fits_common(r) && (!r->strategy->thinks || follows_or_was_named(r));
}

static bool fits_react(fr_rung *r)
{
    if (r->with.kind != FR_TASK_ANSWER) {
        snprintf(r->reason, sizeof(r->reason),
                 "tools are for questions: this task's kind is not 'answer'");
        return false;
    }
    return fits_common(r) && follows_or_was_named(r);
}

/* ---- predictions -------------------------------------------------------------------------- */

/* Prefill and decode of a request, by tokens; at least and at most as factors of the middle. */
static fr_forecast forecast(const fr_rung *r, const fr_shape *shape, double prompt_tokens,
                            double generated, double least, double most)
{
    if (shape->dim == 0)
        return fr_forecast_unknown();
    double each = fr_shape_flops_per_token(shape, (size_t)(prompt_tokens / 2), false);
    double with_logits = fr_shape_flops_per_token(shape, (size_t)prompt_tokens, true);
    fr_forecast f =
        fr_forecast_of(prompt_tokens * each, &r->probe.prefill, 0.25 * least, 2.5 * most);
    return fr_forecast_add(
        f, fr_forecast_of(generated * with_logits, &r->probe.decode, 0.25 * least, 2.5 * most));
}

static int predict(fr_rung *r, fr_rung_forecast *out, fr_err *err)
{
    fr_prompt_sizes s;
    FR_TRY(fr_prompted_sizes(r, &s, err));
    const fr_task_strategy *how = r->strategy;
    double prompt = s.input_tokens + (r->with.documents != NULL ? PASSAGES * s.passage_tokens : 0);
    double answer = FR_MAX(s.output_tokens, 1);
    switch (technique_of(r)) {
    case FR_TECHNIQUE_SELF_CONSISTENCY: { /* from one that all agree on to all samples */
        double n = (double)or_else(how->samples, SAMPLES), each = answer + (how->thinks ? 120 : 0);
        out->request = forecast(r, &s.shape, prompt, each * fmin(n, 6), 1 / fmin(n, 6), n / 4);
        break;
    }
    case FR_TECHNIQUE_GENERATED_KNOWLEDGE: {
        double n = (double)or_else(how->statements, STATEMENTS) * 24;
        out->request = forecast(r, &s.shape, s.input_tokens + 60 + prompt + n, n + answer, 0.2, 2);
        break;
    }
    default: { /* react: the conversation is in the cache, each step adds to it */
        double n = (double)or_else(how->steps, STEPS), seen = FOUND * s.passage_tokens + 60;
        out->request =
            forecast(r, &s.shape, s.input_tokens + 160 + n / 2 * seen, n / 2 * 60 + answer, 0.1, 4);
    }
    }
    out->build = fr_forecast_zero();
    out->load = r->model->path != NULL ? (fr_forecast){ r->probe.load_s, r->probe.load_j,
                                                        0.3 * r->probe.load_j, 3 * r->probe.load_j }
                                       : fr_forecast_zero();
    return 0;
}

/* ---- build, open -------------------------------------------------------------------------- */

static int build(fr_rung *r, fr_err *err)
{
    FR_TRY(fr_dir_make(r->dir, err));
    char *trace = fr_path_join(r->dir, "trace.jsonl");
    unlink(trace); /* of an attempt that was interrupted */
    free(trace);
    return r->with.kind == FR_TASK_ANSWER && r->with.documents != NULL ? fr_prompted_index(r, err)
                                                                       : 0;
}

static int open_all(fr_rung *r, fr_err *err)
{
    fr_prompted *p = fr_prompted_of(r);
    bool documents = r->with.kind == FR_TASK_ANSWER && r->with.documents != NULL;
    if (documents && technique_of(r) == FR_TECHNIQUE_REACT)
        p->searches = true;
    else if (documents)
        p->n_passages = PASSAGES;
    FR_TRY(fr_prompted_open(r, err));
    /* where the endpoint is our engine, what it samples as a label is a label */
    if (r->with.kind == FR_TASK_LABEL && p->grammar == NULL && fr_endpoint_can_score(p->endpoint))
        FR_TRY(fr_label_grammar(r->with.labels, r->with.n_labels, &p->grammar, err));
    return 0;
}

/* ---- answers ------------------------------------------------------------------------------ */

static int give_passages(void *user, fr_str input, const fr_str **at, size_t *n, fr_err *err)
{
    fr_rung *r = user;
    fr_prompted *p = r->state;
    fr_hits_fini(&p->hits);
    FR_TRY(fr_index_search(p->index, input, p->n_passages, &p->hits, err));
    for (size_t i = 0; i < FR_MIN(p->hits.n, FR_COUNT_OF(p->passages)); i++)
        p->passages[i] = fr_str_of(p->hits.at[i].text);
    *at = p->passages;
    *n = FR_MIN(p->hits.n, FR_COUNT_OF(p->passages));
    return 0;
}

static int search_documents(void *user, fr_str words, fr_buf *out, fr_err *err)
{
    fr_prompted *p = ((fr_rung *)user)->state;
    FR_AUTO(fr_hits) hits = { 0 };
    FR_TRY(fr_index_search(p->index, words, FOUND, &hits, err));
    for (size_t i = 0; i < hits.n; i++)
        fr_buf_put_f(out, "%s[%s] %s", i != 0 ? " " : "", hits.at[i].id, hits.at[i].text);
    return 0;
}

static int put_trace(const fr_rung *r, const fr_str *inputs, const fr_tried *tried, size_t n,
                     fr_err *err)
{
    FR_AUTO(fr_buf) lines = { 0 };
    for (size_t i = 0; i < n; i++) {
        json_t *line = json_object(), *input = json_stringn(inputs[i].at, inputs[i].n);
        json_object_set_new(line, "input", input != NULL ? input : json_null());
        json_object_set_new(line, "ended",
                            json_string(tried[i].ended != NULL ? tried[i].ended : ""));
        if (tried[i].trace != NULL)
            json_object_set(line, "steps", tried[i].trace);
        char *text = json_dumps(line, JSON_COMPACT);
        fr_buf_put_f(&lines, "%s\n", text);
        free(text);
        json_decref(line);
    }
    char *path = fr_path_join(r->dir, "trace.jsonl");
    FILE *f = fopen(path, "a");
    bool fine = f != NULL && fwrite(lines.at, 1, lines.n, f) == lines.n;
    fine = f != NULL && fclose(f) == 0 && fine;
    int rc = fine ? 0 : fr_fail_errno(err, NULL, "cannot write '%s'", path);
    free(path);
    return rc;
}

static int answer_some(fr_rung *r, const fr_str *inputs, size_t n, char **answers, fr_err *err)
{
    fr_prompted *p = r->state;
    const fr_task_strategy *how = r->strategy;
    fr_progress quiet = r->progress != NULL ? *r->progress : (fr_progress){ 0 };
    quiet.step = NULL;
    fr_tool tools[2] = { FR_TOOL_CALCULATE,
                         { "search", "search[words]: passages of the documents with these words",
                           search_documents, r } };
    fr_prompting prompting = {
        .endpoint = p->endpoint,
        .kind = r->with.kind,
        .labels = r->with.labels,
        .n_labels = r->with.n_labels,
        .sampling = { .max_tokens = p->max_tokens, .seed = r->seed, .grammar = p->grammar },
        .progress = &quiet
    };
    fr_technique technique = { .kind = technique_of(r),
                               .samples = or_else(how->samples, SAMPLES),
                               .thinks = how->thinks,
                               .statements = or_else(how->statements, STATEMENTS),
                               .tools = tools,
                               .n_tools = p->index != NULL ? 2 : 1,
                               .max_steps = or_else(how->steps, STEPS) };
    if (p->n_passages != 0 && p->index != NULL) {
        technique.passages = give_passages;
        technique.passages_user = r;
    }
    fr_tried tried[BATCH];
    FR_TRY(fr_technique_ask(&prompting, &technique, inputs, n, tried, err));
    /* a bounded file; what an artefact answers later leaves none */
    int rc = r->with.train->n != 0 && p->n_traced < TRACES_MOST
                 ? put_trace(r, inputs, tried, n, err)
                 : 0;
    p->n_traced += n;
    for (size_t i = 0; i < n; i++) {
        p->n_asked++;
        p->n_too_long += tried[i].ended != NULL && strcmp(tried[i].ended, "too-long") == 0;
        p->n_unmatched += r->with.kind == FR_TASK_LABEL && tried[i].answer == NULL;
        p->n_calls += tried[i].n_calls;
        p->n_samples += tried[i].n_samples;
        if (rc == 0) {
            answers[i] = tried[i].answer;
            tried[i].answer = NULL;
        }
        fr_tried_fini(&tried[i]);
    }
    return rc;
}

static int answer(fr_rung *r, const fr_str *inputs, size_t n, bool together, char **answers,
                  fr_err *err)
{
    size_t step = together ? BATCH : 1;
    for (size_t i = 0; i < n; i += step) {
        if (fr_progress_stopped(r->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu of %zu answers", i, n);
        FR_TRY(answer_some(r, inputs + i, FR_MIN(step, n - i), answers + i, err));
        fr_progress_step(r->progress, r->doing, (double)FR_MIN(i + step, n), (double)n, "answers",
                         NULL);
    }
    return 0;
}

/* ---- saving ------------------------------------------------------------------------------- */

static int save(fr_rung *r, json_t *artifact, fr_err *err)
{
    fr_prompted *p = r->state;
    const fr_task_strategy *how = r->strategy;
    json_object_set_new(artifact, "technique", json_string(r->kind->strategy));
    json_object_set_new(artifact, "samples",
                        json_integer((json_int_t)or_else(how->samples, SAMPLES)));
    json_object_set_new(artifact, "statements",
                        json_integer((json_int_t)or_else(how->statements, STATEMENTS)));
    json_object_set_new(artifact, "steps", json_integer((json_int_t)or_else(how->steps, STEPS)));
    json_object_set_new(artifact, "thinks", json_boolean(how->thinks));
    json_object_set_new(artifact, "searches", json_boolean(p->searches));
    if (p->n_asked != 0)
        fr_rung_note(r, "%.1f calls of the model for each answer in the mean",
                     (double)p->n_calls / (double)p->n_asked);
    if (p->searches)
        json_object_set_new(artifact, "index", json_string("index.db"));
    return fr_prompted_save(r, artifact, err);
}

static int restore(fr_rung *r, const json_t *artifact, fr_err *err)
{
    (void)err;
    fr_prompted *p = fr_prompted_of(r);
    /* the settings are the strategy's, which the artefact stands in for */
    fr_task_strategy *how = (fr_task_strategy *)r->strategy;
    how->samples = (size_t)json_integer_value(json_object_get(artifact, "samples"));
    how->statements = (size_t)json_integer_value(json_object_get(artifact, "statements"));
    how->steps = (size_t)json_integer_value(json_object_get(artifact, "steps"));
    how->thinks = json_is_true(json_object_get(artifact, "thinks"));
    p->searches = json_is_true(json_object_get(artifact, "searches"));
    return 0;
}

static void key(const fr_rung *r, json_t *settings)
{
    const fr_task_strategy *how = r->strategy;
    json_object_set_new(settings, "samples",
                        json_integer((json_int_t)or_else(how->samples, SAMPLES)));
    json_object_set_new(settings, "statements",
                        json_integer((json_int_t)or_else(how->statements, STATEMENTS)));
    json_object_set_new(settings, "steps", json_integer((json_int_t)or_else(how->steps, STEPS)));
    json_object_set_new(settings, "thinks", json_boolean(how->thinks));
    json_object_set_new(settings, "documents",
                        r->with.documents_hash != NULL ? json_string(r->with.documents_hash)
                                                       : json_null());
}

#define ROW(name_, fits_)                                                                          \
    {                                                                                              \
        .strategy = name_, .needs_model = true, .fits = fits_, .predict = predict, .build = build, \
        .open = open_all, .answer = answer, .forget = fr_prompted_forget,                          \
        .close = fr_prompted_close, .save = save, .restore = restore, .key = key,                  \
        .free_state = fr_prompted_free                                                             \
    }

const fr_rung_kind FR_RUNG_GENERATED_KNOWLEDGE = ROW("generated-knowledge", fits_knowledge);
const fr_rung_kind FR_RUNG_SELF_CONSISTENCY = ROW("self-consistency", fits_vote);
const fr_rung_kind FR_RUNG_REACT = ROW("react", fits_react);
