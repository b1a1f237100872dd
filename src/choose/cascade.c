#include "choose/cascade.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/artifact.h"
#include "base/file.h"
#include "base/mem.h"
#include "choose/asking.h"
#include "choose/cascade_rule.h"

#define PASSES_MAX      2000
#define THRESHOLD_ROWS  400
#define FILE_MOST_BYTES ((size_t)1 << 20)
#define CASCADE_FILE    "cascade.json"

/* ---- asking both -------------------------------------------------------------------------- */

/* Where the large model comes from: it may have to be loaded first. */
typedef int (*large_fn)(void *user, fr_rung **out, fr_err *err);

typedef struct {
    double *confidence;
    fr_str *rest; /* inputs that escalate, [n_rest] */
    char **more;  /* and their answers */
    size_t n_rest;
} asked;

static int ask_large(asked *x, large_fn large_of, void *user, char **answers, const bool *escalated,
                     fr_err *err)
{
    fr_rung *large = NULL;
    if (x->n_rest == 0)
        return 0;
    FR_TRY(large_of(user, &large, err));
    FR_TRY(fr_prompted_answer(large, x->rest, x->n_rest, large->together, x->more, err));
    for (size_t i = 0, at = 0; at < x->n_rest; i++) {
        if (!escalated[i])
            continue;
        free(answers[i]);
        answers[i] = x->more[at];
        x->more[at++] = NULL;
    }
    return 0;
}

/* The small model answers all; the rows that it is not sure of go to the large one. */
static int ask_both(fr_rung *small, large_fn large_of, void *user, double threshold,
                    const fr_str *inputs, size_t n, char **answers, bool *escalated,
                    size_t *n_escalated, fr_err *err)
{
    asked x = { FR_NEW_N(double, n), FR_NEW_N(fr_str, n), FR_NEW_N(char *, n), 0 };
    fr_sureness sure = { .confidence = x.confidence };
    int rc = fr_prompted_answer_sure(small, inputs, n, small->together, answers, &sure, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        escalated[i] = answers[i] == NULL || fr_cascade_escalates(x.confidence[i], threshold);
        if (escalated[i])
            x.rest[x.n_rest++] = inputs[i];
    }
    if (rc == 0)
        rc = ask_large(&x, large_of, user, answers, escalated, err);
    *n_escalated = x.n_rest;
    fr_answers_free(x.more, n);
    free(x.confidence);
    free(x.rest);
    return rc;
}

/* ---- building ----------------------------------------------------------------------------- */

typedef struct {
    fr_task_model model;
    fr_rung *rung;
    fr_outcome outcome;
} stage;

typedef struct {
    const fr_cascade_options *options;
    fr_asking_with with;
    fr_task_strategy strategy;
    stage small, large;
    fr_cascade_rule rule;
    size_t n_dev;
    /* the cascade on eval */
    fr_str *inputs, *outputs;
    size_t n;
    double *scores_large, *scores;
    size_t n_escalated, n_measured;
    fr_interval quality, difference;
    fr_spent request;
} building;

/* Scores, higher is better, of one model on rows of dev. */
static int score_on(fr_rung *r, const fr_str *inputs, const fr_str *outputs, size_t n,
                    double *scores, double *confidence, fr_err *err)
{
    fr_sureness sure = { .confidence = confidence };
    FR_TRY(fr_asking_answers(r, inputs, outputs, n, NULL, scores, confidence != NULL ? &sure : NULL,
                             err));
    for (size_t i = 0; r->with.metric->better == FR_BETTER_LOWER && i < n; i++)
        scores[i] = -scores[i];
    return 0;
}

/* Rows that neither model has learnt: dev, and with a prompt that shows no rows of train those,
 * too: the more rows, the less the threshold hangs on one of them. */
static size_t take_rows(const building *b, fr_str *inputs, fr_str *outputs)
{
    const fr_task *t = b->with.task;
    const fr_data *parts[] = { &t->dev, &t->train };
    size_t n = 0, n_parts = strcmp(b->strategy.name, "few-shot") != 0 ? 2 : 1;
    for (size_t p = 0; p < n_parts; p++) {
        for (size_t i = 0; i < parts[p]->n && n < THRESHOLD_ROWS; i++, n++) {
            inputs[n] = parts[p]->at[i].input;
            outputs[n] = parts[p]->at[i].output;
        }
    }
    return n;
}

static int choose_threshold(building *b, fr_err *err)
{
    fr_str *inputs = FR_NEW_N(fr_str, THRESHOLD_ROWS), *outputs = FR_NEW_N(fr_str, THRESHOLD_ROWS);
    size_t n = b->n_dev = take_rows(b, inputs, outputs);
    double *sure = FR_NEW_N(double, n), *small = FR_NEW_N(double, n), *large = FR_NEW_N(double, n);
    int rc = score_on(b->small.rung, inputs, outputs, n, small, sure, err);
    if (rc == 0)
        rc = score_on(b->large.rung, inputs, outputs, n, large, NULL, err);
    if (rc == 0)
        b->rule = fr_cascade_rule_of(sure, small, large, n);
    free(inputs);
    free(outputs);
    free(sure);
    free(small);
    free(large);
    return rc;
}

typedef int (*part_fn)(building *b, fr_err *err);

static int in_phase(building *b, const char *name, part_fn part, fr_spent *spent, fr_err *err)
{
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    fr_err dropped = { 0 };
    FR_TRY(fr_phase_begin(b->with.run, "phase", name, &phase, err));
    int rc = part(b, err);
    int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : &dropped);
    if (ended == 0 && spent != NULL)
        *spent = fr_spent_add(*spent, fr_spent_of(&used));
    return rc != 0 ? rc : ended;
}

static int large_of_building(void *user, fr_rung **out, fr_err *err)
{
    (void)err;
    *out = ((building *)user)->large.rung;
    return 0;
}

/* One pass of the cascade over eval; the first is scored. */
static int pass(building *b, fr_err *err)
{
    char **answers = FR_NEW_N(char *, b->n);
    bool *escalated = FR_NEW_N(bool, b->n);
    int rc = ask_both(b->small.rung, large_of_building, b, b->rule.threshold, b->inputs, b->n,
                      answers, escalated, &b->n_escalated, err);
    if (rc == 0 && b->n_measured == 0)
        rc = fr_score_rows(&b->with.task->metric, b->with.task->dir, b->inputs, answers, b->outputs,
                           b->n, b->scores, b->with.progress, err);
    b->n_measured += b->n;
    fr_answers_free(answers, b->n);
    free(escalated);
    return rc;
}

static int forget(fr_rung *r, fr_err *err)
{
    return r->kind->forget != NULL ? r->kind->forget(r, err) : 0;
}

static int measure_cascade(building *b, fr_err *err)
{
    fr_spent all = fr_spent_none();
    bool inside = b->small.rung->energy_inside && b->large.rung->energy_inside;
    for (size_t i = 0;
         i == 0 || (inside && i < PASSES_MAX && all.duration_s < b->small.rung->measure_s); i++) {
        FR_TRY(forget(b->small.rung, err));
        FR_TRY(forget(b->large.rung, err));
        FR_TRY(in_phase(b, "cascade", pass, &all, err));
    }
    b->request = fr_spent_scale(all, 1.0 / (double)b->n_measured);
    if (!inside)
        b->request.total = b->request.active = fr_energy_unknown();
    b->quality = fr_interval_of(b->scores, b->n, b->options->seed);
    return 0;
}

/* What one model alone costs, and its scores on eval. */
static int evaluate_stage(building *b, stage *s, double *scores, fr_err *err)
{
    fr_phase *phase = NULL;
    fr_err dropped = { 0 };
    s->outcome = (fr_outcome){ .load = fr_spent_none(), .evaluate = fr_spent_none() };
    FR_TRY(fr_phase_begin(b->with.run, "candidate", s->model.name, &phase, err));
    int rc =
        fr_evaluate(b->with.run, s->rung, &b->with.task->eval, b->options->seed, &s->outcome, err);
    if (rc == 0 && scores != NULL)
        rc = fr_asking_answers(s->rung, b->inputs, b->outputs, b->n, NULL, scores, NULL, err);
    int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : &dropped);
    return rc != 0 ? rc : ended;
}

static int open_stage(building *b, stage *s, const char *named, fr_err *err)
{
    fr_spent build;
    FR_TRY(fr_asking_model(named, &s->model, err));
    if (s == &b->large && strcmp(s->model.name, b->small.model.name) == 0) { /* one folder each */
        char *other = fr_dup_f("%s-large", s->model.name);
        free(s->model.name);
        s->model.name = other;
    }
    s->rung = fr_asking_rung(&b->with, &s->model);
    FR_TRY(fr_asking_build(b->with.run, s->rung, &build, err));
    return 0;
}

static int can_tell(const building *b, fr_err *err)
{
    const fr_prompted *p = b->small.rung->state;
    if (fr_endpoint_can_score(p->endpoint))
        return 0;
    return fr_fail(err, FR_E_UNSUPPORTED, "Let a GGUF file be the small one.",
                   "'%s' tells no likelihoods, so nobody knows when it is not sure",
                   b->small.model.name);
}

static int build_all(building *b, fr_err *err)
{
    const fr_data *eval = &b->with.task->eval;
    FR_TRY(fr_dir_make(b->with.out_dir, err));
    FR_TRY(open_stage(b, &b->small, b->options->small, err));
    FR_TRY(open_stage(b, &b->large, b->options->large, err));
    b->n = eval->n;
    b->inputs = FR_NEW_N(fr_str, b->n);
    b->outputs = FR_NEW_N(fr_str, b->n);
    b->scores = FR_NEW_N(double, b->n);
    b->scores_large = FR_NEW_N(double, b->n);
    for (size_t i = 0; i < b->n; i++) {
        b->inputs[i] = eval->at[i].input;
        b->outputs[i] = eval->at[i].output;
    }
    FR_TRY(evaluate_stage(b, &b->small, NULL, err));
    FR_TRY(can_tell(b, err));
    FR_TRY(evaluate_stage(b, &b->large, b->scores_large, err));
    FR_TRY(in_phase(b, "threshold", choose_threshold, NULL, err));
    FR_TRY(measure_cascade(b, err));
    b->difference = fr_interval_paired(b->scores, b->scores_large, b->n, b->options->seed);
    FR_TRY(fr_artifact_save(b->with.task, b->small.rung, err));
    return fr_artifact_save(b->with.task, b->large.rung, err);
}

/* ---- the record --------------------------------------------------------------------------- */

static json_t *json_interval(const fr_interval *q)
{
    json_t *o = json_object();
    json_object_set_new(o, "value", fr_json_number(q->value));
    json_object_set_new(o, "ci_low", fr_json_number(q->low));
    json_object_set_new(o, "ci_high", fr_json_number(q->high));
    json_object_set_new(o, "n", json_integer((json_int_t)q->n));
    return o;
}

static void put_cost(json_t *o, const fr_interval *quality, const fr_spent *request)
{
    json_object_set_new(o, "quality", json_interval(quality));
    json_object_set_new(o, "energy_j_per_request", fr_json_number(request->total.value_j));
    json_object_set_new(o, "energy_low_j", fr_json_number(request->total.low_j));
    json_object_set_new(o, "energy_high_j", fr_json_number(request->total.high_j));
    json_object_set_new(o, "method", json_string(fr_method_name(request->total.method)));
    json_object_set_new(o, "cpu_s_per_request", fr_json_number(request->cpu_s));
}

static json_t *json_stage(const stage *s)
{
    json_t *o = json_object();
    json_object_set_new(o, "model", json_string(s->model.name));
    char *artifact = fr_dup_f("rungs/%s", s->rung->name);
    json_object_set_new(o, "artifact", json_string(artifact));
    free(artifact);
    put_cost(o, &s->outcome.quality, &s->outcome.request);
    return o;
}

static json_t *json_cascade(const building *b)
{
    json_t *o = json_object();
    put_cost(o, &b->quality, &b->request);
    json_object_set_new(
        o, "calls",
        json_pack("{s:I,s:I}", "small", (json_int_t)b->n, "large", (json_int_t)b->n_escalated));
    json_object_set_new(o, "escalated_ratio",
                        fr_json_number((double)b->n_escalated / (double)b->n));
    return o;
}

static json_t *json_saving(const building *b)
{
    const fr_spent *large = &b->large.outcome.request;
    fr_grade grade = fr_energy_grade(b->request.total, large->total);
    json_t *o = json_object();
    json_object_set_new(o, "energy_ratio",
                        fr_json_number(1 - b->request.total.value_j / large->total.value_j));
    json_object_set_new(o, "cpu_ratio", fr_json_number(1 - b->request.cpu_s / large->cpu_s));
    json_object_set_new(o, "grade",
                        json_string(grade == FR_GRADE_A   ? "A"
                                    : grade == FR_GRADE_B ? "B"
                                                          : "none"));
    return o;
}

static json_t *json_record(const building *b)
{
    const fr_task *t = b->with.task;
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(1));
    json_object_set_new(o, "kind", json_string("cascade"));
    json_object_set_new(o, "run", json_string(fr_run_id(b->with.run)));
    json_object_set_new(o, "task", json_string(t->name));
    json_object_set_new(o, "metric", json_string(t->metric.name));
    json_object_set_new(o, "strategy", json_string(b->strategy.name));
    json_object_set_new(o, "sureness", json_string("probability of the answer"));
    /* always: a number that no probability reaches, since JSON has no infinity */
    json_object_set_new(o, "threshold",
                        json_real(isinf(b->rule.threshold) ? 2 : b->rule.threshold));
    json_object_set_new(o, "chosen_on",
                        json_pack("{s:I,s:I,s:o}", "rows", (json_int_t)b->n_dev, "escalated",
                                  (json_int_t)b->rule.n_escalated, "value",
                                  fr_json_number(b->rule.value)));
    json_object_set_new(o, "small", json_stage(&b->small));
    json_object_set_new(o, "large", json_stage(&b->large));
    json_object_set_new(o, "cascade", json_cascade(b));
    json_t *d = json_object();
    json_object_set_new(d, "value", fr_json_number(b->difference.value));
    json_object_set_new(d, "low", fr_json_number(b->difference.low));
    json_object_set_new(d, "high", fr_json_number(b->difference.high));
    json_object_set_new(d, "tie", json_boolean(fr_interval_is_tie(b->difference)));
    json_object_set_new(o, "difference", d);
    json_object_set_new(o, "saving", json_saving(b));
    return o;
}

static void building_fini(building *b)
{
    stage *stages[] = { &b->small, &b->large };
    for (size_t i = 0; i < 2; i++) {
        fr_rung_free(stages[i]->rung);
        fr_asking_model_fini(&stages[i]->model);
        fr_outcome_fini(&stages[i]->outcome);
    }
    free(b->inputs);
    free(b->outputs);
    free(b->scores);
    free(b->scores_large);
}

int fr_cascade_build(const fr_cascade_options *options, json_t **record, fr_err *err)
{
    building b = { .options = options };
    const char *strategy = NULL;
    FR_TRY(fr_asking_strategy(options->task, options->strategy, &strategy, err));
    if (options->task->metric.perplexity)
        return fr_fail(err, FR_E_UNSUPPORTED, "Use a metric of the answer, as rouge-l.",
                       "perplexity is no score of an answer, so there is nothing to escalate for");
    FR_TRY(fr_task_split(options->task, options->seed, err));
    b.strategy = (fr_task_strategy){ .name = (char *)strategy };
    b.with = (fr_asking_with){ .task = options->task,
                               .strategy = &b.strategy,
                               .out_dir = options->out_dir,
                               .run = options->run,
                               .measure_s = options->measure_s,
                               .threads = options->threads,
                               .seed = options->seed,
                               .progress = options->progress };
    int rc = build_all(&b, err);
    if (rc == 0) {
        *record = json_record(&b);
        rc = fr_json_write(options->out_dir, CASCADE_FILE, *record, err);
        if (rc != 0)
            json_decref(*record);
    }
    building_fini(&b);
    return rc;
}

/* ---- at work ------------------------------------------------------------------------------ */

struct fr_cascade {
    char *small_dir, *large_dir;
    int threads;
    const fr_progress *progress;
    double threshold;
    fr_artifact *small, *large; /* large NULL until it is needed */
};

void fr_cascade_free(fr_cascade *c)
{
    if (c == NULL)
        return;
    fr_artifact_free(c->small);
    fr_artifact_free(c->large);
    free(c->small_dir);
    free(c->large_dir);
    free(c);
}

bool fr_cascade_is_in(const char *dir)
{
    char *path = fr_path_join(dir, CASCADE_FILE);
    bool there = fr_file_exists(path);
    free(path);
    return there;
}

static int read_cascade(const char *dir, fr_cascade *c, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    char *path = fr_path_join(dir, CASCADE_FILE);
    int rc = fr_file_read(path, FILE_MOST_BYTES, &text, err);
    json_t *root = rc == 0 ? json_loadb(fr_buf_text(&text), text.n, 0, NULL) : NULL;
    const json_t *threshold = json_object_get(root, "threshold");
    const char *small =
        json_string_value(json_object_get(json_object_get(root, "small"), "artifact"));
    const char *large =
        json_string_value(json_object_get(json_object_get(root, "large"), "artifact"));
    if (rc == 0 && (!json_is_number(threshold) || small == NULL || large == NULL))
        rc = fr_fail(err, FR_E_FORMAT, "Make it again: `frugal models cascade`.",
                     "'%s' is no cascade: it lacks a threshold, small or large", path);
    if (rc == 0) {
        c->threshold = json_number_value(threshold);
        c->small_dir = fr_path_join(dir, small);
        c->large_dir = fr_path_join(dir, large);
    }
    json_decref(root);
    free(path);
    return rc;
}

static int open_prompted(const char *dir, fr_cascade *c, fr_artifact **out, fr_err *err)
{
    FR_TRY(fr_artifact_open(dir, c->threads, c->progress, out, err));
    fr_rung *r = fr_artifact_rung(*out);
    r->together = true;
    if (r->kind->answer == fr_prompted_answer)
        return 0;
    return fr_fail(err, FR_E_FORMAT, NULL, "'%s' is no model that is asked by a prompt", dir);
}

int fr_cascade_open(const char *dir, int threads, const fr_progress *progress, fr_cascade **out,
                    fr_err *err)
{
    FR_AUTOPTR(fr_cascade) c = FR_NEW(fr_cascade);
    c->threads = threads;
    c->progress = progress;
    FR_TRY(read_cascade(dir, c, err));
    FR_TRY(open_prompted(c->small_dir, c, &c->small, err));
    *out = c;
    c = NULL;
    return 0;
}

static int large_of_cascade(void *user, fr_rung **out, fr_err *err)
{
    fr_cascade *c = user;
    if (c->large == NULL)
        FR_TRY(open_prompted(c->large_dir, c, &c->large, err));
    *out = fr_artifact_rung(c->large);
    return 0;
}

int fr_cascade_answer(fr_cascade *c, const fr_str *inputs, size_t n, char **answers,
                      bool *escalated, fr_err *err)
{
    bool *own = escalated == NULL ? FR_NEW_N(bool, n) : NULL;
    size_t n_escalated = 0;
    int rc = ask_both(fr_artifact_rung(c->small), large_of_cascade, c, c->threshold, inputs, n,
                      answers, own != NULL ? own : escalated, &n_escalated, err);
    free(own);
    return rc;
}
