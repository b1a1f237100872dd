/* Candidates, one after the other: each in a phase of its own, with its own rung and folder. */
#include "choose/candidates.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/probe.h"
#include "base/file.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "choose/asking.h"
#include "choose/perturb.h"
#include "quality/calibration.h"

/* Scores of one perturbation on the first rows of eval. */
typedef struct {
    double value;
    fr_interval drop; /* of the rows as they are, minus these; paired */
} shift;

typedef struct {
    fr_task_model model;
    double params, flops; /* of one request; NAN: unknown */
    double predicted_j;
    char status[16];
    char reason[800];
    fr_outcome outcome;
    fr_calibration calibration;
    double brier_classes;
    shift shifts[FR_PERTURB_COUNT];
    size_t n_robust;
    double robust_value; /* of the same rows as they are */
    double tokens_per_request, tokens_per_s;
    double peak_rss_bytes;
    fr_target target;
} candidate;

typedef struct {
    const fr_candidates_options *options;
    fr_asking_with with;
    fr_task_strategy strategy;
    candidate *at;
    size_t n;
} contest;

static bool is_done(const candidate *c)
{
    return strcmp(c->status, "done") == 0;
}

/* ---- peak memory -------------------------------------------------------------------------- */

/* The kernel forgets the process's largest resident set (proc(5), clear_refs); false: it may not.
 */
static bool forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (f == NULL)
        return false;
    bool ok = fputs("5", f) >= 0;
    return fclose(f) == 0 && ok;
}

static double peak_rss_bytes(void)
{
    FR_AUTO(fr_buf) text = { 0 };
    size_t at = 0;
    long long kib = 0;
    if (fr_file_read("/proc/self/status", 1 << 16, &text, NULL) != 0 ||
        !fr_str_find(fr_buf_str(&text), FR_STR("VmHWM:"), &at) ||
        sscanf(fr_buf_text(&text) + at, "VmHWM: %lld kB", &kib) != 1)
        return NAN;
    return (double)kib * 1024;
}

/* ---- rows --------------------------------------------------------------------------------- */

typedef struct {
    fr_str *inputs, *outputs;
    double *scores, *confidence, *labels;
    size_t *truth, n;
} rows;

static void rows_init(rows *x, const fr_task *t)
{
    size_t n = t->eval.n;
    *x = (rows){ .inputs = FR_NEW_N(fr_str, n),
                 .outputs = FR_NEW_N(fr_str, n),
                 .scores = FR_NEW_N(double, n),
                 .confidence = FR_NEW_N(double, n),
                 .labels = FR_NEW_N(double, n *FR_MAX(t->n_labels, (size_t)1)),
                 .truth = FR_NEW_N(size_t, n),
                 .n = n };
    for (size_t i = 0; i < n; i++) {
        x->inputs[i] = t->eval.at[i].input;
        x->outputs[i] = t->eval.at[i].output;
        x->truth[i] = SIZE_MAX;
        for (size_t l = 0; l < t->n_labels; l++) {
            if (fr_str_equal(t->labels[l], x->outputs[i]))
                x->truth[i] = l;
        }
    }
}

static void rows_fini(rows *x)
{
    free(x->inputs);
    free(x->outputs);
    free(x->scores);
    free(x->confidence);
    free(x->labels);
    free(x->truth);
}

/* ---- calibration, robustness -------------------------------------------------------------- */

static int calibrate(const contest *k, candidate *c, fr_rung *r, rows *x, fr_err *err)
{
    size_t n_labels = k->with.task->n_labels;
    fr_sureness sure = { .confidence = x->confidence,
                         .labels = n_labels != 0 ? x->labels : NULL,
                         .n_labels = n_labels };
    fr_rung_doing(r, "how sure it is");
    FR_TRY(fr_asking_answers(r, x->inputs, x->outputs, x->n, NULL, x->scores, &sure, err));
    c->calibration = fr_calibration_of(x->confidence, x->scores, x->n, FR_CALIBRATION_BINS);
    c->brier_classes =
        n_labels != 0 ? fr_brier_of_classes(x->labels, x->truth, x->n, n_labels) : NAN;
    return 0;
}

static int shift_by(const contest *k, candidate *c, fr_rung *r, const rows *x, fr_perturbation kind,
                    fr_err *err)
{
    size_t n = c->n_robust;
    FR_AUTO(fr_buf) text = { 0 };
    size_t *ends = FR_NEW_N(size_t, n);
    fr_str *inputs = FR_NEW_N(fr_str, n);
    double *scores = FR_NEW_N(double, n);
    for (size_t i = 0; i < n; i++) {
        fr_perturb(kind, x->inputs[i], k->options->seed, i, &text);
        ends[i] = text.n;
    }
    for (size_t i = 0; i < n; i++) {
        size_t from = i != 0 ? ends[i - 1] : 0;
        inputs[i] = (fr_str){ fr_buf_text(&text) + from, ends[i] - from };
    }
    fr_rung_doing(r, "%s", fr_perturb_name(kind));
    fr_prompted_of(r)->wording =
        kind == FR_PERTURB_WORDING ? FR_PROMPT_WORDING_SECOND : FR_PROMPT_WORDING_OWN;
    int rc = fr_asking_answers(r, inputs, x->outputs, n, NULL, scores, NULL, err);
    fr_prompted_of(r)->wording = FR_PROMPT_WORDING_OWN;
    if (rc == 0) {
        c->shifts[kind].value = fr_interval_of(scores, n, k->options->seed).value;
        c->shifts[kind].drop = fr_interval_paired(x->scores, scores, n, k->options->seed);
    }
    free(ends);
    free(inputs);
    free(scores);
    return rc;
}

static int ask_otherwise(const contest *k, candidate *c, fr_rung *r, const rows *x, fr_err *err)
{
    c->n_robust = FR_MIN(k->options->robust_rows, x->n);
    if (c->n_robust == 0)
        return 0;
    c->robust_value = fr_interval_of(x->scores, c->n_robust, k->options->seed).value;
    for (int kind = FR_PERTURB_UPPER; kind < FR_PERTURB_COUNT; kind++)
        FR_TRY(shift_by(k, c, r, x, (fr_perturbation)kind, err));
    return 0;
}

typedef int (*part_fn)(const contest *k, candidate *c, fr_rung *r, rows *x, fr_err *err);

static int calibrate_and_shift(const contest *k, candidate *c, fr_rung *r, rows *x, fr_err *err)
{
    FR_TRY(calibrate(k, c, r, x, err));
    return ask_otherwise(k, c, r, x, err);
}

static int in_phase(const contest *k, const char *name, candidate *c, fr_rung *r, rows *x,
                    part_fn part, fr_used *used, fr_err *err)
{
    fr_phase *phase = NULL;
    fr_err dropped = { 0 };
    FR_TRY(fr_phase_begin(k->with.run, "phase", name, &phase, err));
    int rc = part(k, c, r, x, err);
    int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", used, rc == 0 ? err : &dropped);
    return rc != 0 ? rc : ended;
}

static int accuracy(const contest *k, candidate *c, fr_rung *r, rows *x, fr_err *err)
{
    (void)x;
    return fr_evaluate(k->with.run, r, &k->with.task->eval, k->options->seed, &c->outcome, err);
}

/* ---- one candidate ------------------------------------------------------------------------ */

static int try_open(const contest *k, candidate *c, fr_rung *r, rows *x, fr_err *err)
{
    fr_used used = { 0 }, other = { 0 };
    fr_spent build;
    bool fresh = forget_peak();
    FR_TRY(fr_asking_build(k->with.run, r, &build, err));
    FR_TRY(in_phase(k, "accuracy", c, r, x, accuracy, &used, err));
    c->outcome.build = build;
    c->peak_rss_bytes = fresh ? peak_rss_bytes() : NAN;
    double asked = (double)FR_MAX(c->outcome.n_measured, (size_t)1);
    c->tokens_per_request = used.tokens != 0 ? (double)used.tokens / asked : NAN;
    c->tokens_per_s = c->tokens_per_request / c->outcome.request.duration_s;
    if (k->with.task->metric.perplexity)
        return 0;
    return in_phase(k, "calibration and robustness", c, r, x, calibrate_and_shift, &other, err);
}

/* What goes wrong with one model ends that model, not the contest. */
static int try_candidate(const contest *k, candidate *c, fr_err *err)
{
    fr_err why = { 0 };
    rows x;
    fr_rung *r = fr_asking_rung(&k->with, &c->model);
    fr_phase *phase = NULL;
    int rc = fr_phase_begin(k->with.run, "candidate", c->model.name, &phase, err);
    if (rc != 0) {
        fr_rung_free(r);
        return rc;
    }
    c->outcome = (fr_outcome){ .load = fr_spent_none(), .evaluate = fr_spent_none() };
    rows_init(&x, k->with.task);
    rc = try_open(k, c, r, &x, &why);
    rows_fini(&x);
    bool stopped = rc == FR_E_INTERRUPTED || fr_progress_stopped(k->with.progress);
    snprintf(c->status, sizeof(c->status), "%s",
             rc == 0                  ? "done"
             : stopped                ? "interrupted"
             : rc == FR_E_UNSUPPORTED ? "unfit"
                                      : "failed");
    if (rc != 0)
        snprintf(c->reason, sizeof(c->reason), "%s%s%s", why.what, why.hint[0] != '\0' ? ". " : "",
                 why.hint);
    const fr_task *t = k->with.task;
    if (rc == 0) {
        c->target = isnan(t->target)
                        ? FR_TARGET_NONE
                        : fr_target_of(c->outcome.quality, t->metric.better, t->target);
        fr_run_note(k->with.run, "quality", t->metric.name, c->outcome.quality.value, "", NULL);
        fr_run_note(k->with.run, "quality", "ece", c->calibration.ece, "", NULL);
    }
    fr_rung_free(r);
    FR_TRY(fr_phase_end(phase, c->status, NULL, err));
    return stopped ? fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped at %s", c->model.name) : 0;
}

/* ---- the order ---------------------------------------------------------------------------- */

static void predict_flops(const contest *k, candidate *c)
{
    fr_prompt_sizes s;
    double prefill = NAN, decode = NAN;
    c->params = c->flops = c->predicted_j = NAN;
    if (c->model.path == NULL)
        return;
    FR_AUTO(fr_catalog) file = { 0 };
    if (fr_catalog_put_file(&file, c->model.path, NULL) == 0)
        c->params = file.at[0].params;
    fr_rung *r = fr_asking_rung(&k->with, &c->model);
    if (fr_prompted_sizes(r, &s, NULL) == 0) {
        double tokens =
            s.input_tokens + (strcmp(k->strategy.name, "rag") == 0        ? 2 * s.passage_tokens
                              : strcmp(k->strategy.name, "few-shot") == 0 ? 4 * s.row_tokens
                                                                          : 0);
        fr_prompted_flops(r, &s, &s.shape, tokens, &prefill, &decode);
        c->flops = prefill + decode;
    }
    fr_rung_free(r);
}

static int by_work(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (isnan(x->flops) || isnan(y->flops))
        return isnan(x->flops) - isnan(y->flops);
    if (x->flops != y->flops)
        return x->flops < y->flops ? -1 : 1;
    if (x->model.bytes != y->model.bytes)
        return x->model.bytes < y->model.bytes ? -1 : 1;
    return strcmp(x->model.written, y->model.written);
}

/* Joules of a request of each, at the rate of the smallest, which is probed. */
static int predict_joules(contest *k, fr_err *err)
{
    const candidate *first = &k->at[0];
    fr_probe probe = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    if (isnan(first->flops))
        return 0;
    for (size_t i = 0; i < k->with.task->train.n && text.n < 2000; i++)
        fr_buf_put_f(&text, "%.*s\n", FR_STR_F(k->with.task->train.at[i].input));
    fr_phase *phase = NULL;
    fr_err why = { 0 };
    FR_TRY(fr_phase_begin(k->with.run, "phase", "probe", &phase, err));
    int rc =
        fr_probe_model(k->with.run, first->model.path, fr_buf_str(&text), false, k->with.out_dir,
                       k->with.threads, k->with.progress, &probe, NULL, NULL, &why);
    FR_TRY(fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, err));
    if (fr_progress_stopped(k->with.progress))
        return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped before the first candidate");
    for (size_t i = 0; rc == 0 && i < k->n && probe.prefill.flop_per_j > 0; i++)
        k->at[i].predicted_j = k->at[i].flops / probe.prefill.flop_per_j;
    return 0;
}

/* ---- the record --------------------------------------------------------------------------- */

static json_t *json_robustness(const candidate *c)
{
    json_t *o = json_object(), *list = json_array();
    double worst = -INFINITY;
    for (int kind = FR_PERTURB_UPPER; kind < FR_PERTURB_COUNT; kind++) {
        const shift *s = &c->shifts[kind];
        worst = fmax(worst, s->drop.value);
        json_t *p = json_object();
        json_object_set_new(p, "name", json_string(fr_perturb_name((fr_perturbation)kind)));
        json_object_set_new(p, "value", fr_json_number(s->value));
        json_object_set_new(p, "drop", fr_json_number(s->drop.value));
        json_object_set_new(p, "drop_low", fr_json_number(s->drop.low));
        json_object_set_new(p, "drop_high", fr_json_number(s->drop.high));
        json_object_set_new(p, "tie", json_boolean(fr_interval_is_tie(s->drop)));
        json_array_append_new(list, p);
    }
    json_object_set_new(o, "rows", json_integer((json_int_t)c->n_robust));
    json_object_set_new(o, "value", fr_json_number(c->robust_value));
    json_object_set_new(o, "worst_drop", fr_json_number(worst));
    json_object_set_new(o, "perturbations", list);
    return o;
}

static json_t *json_calibration(const candidate *c)
{
    json_t *o = json_object();
    json_object_set_new(o, "ece", fr_json_number(c->calibration.ece));
    json_object_set_new(o, "brier", fr_json_number(c->calibration.brier));
    json_object_set_new(o, "brier_classes", fr_json_number(c->brier_classes));
    json_object_set_new(o, "mean_confidence", fr_json_number(c->calibration.sure));
    json_object_set_new(o, "bins", json_integer((json_int_t)c->calibration.n_bins));
    json_object_set_new(o, "n", json_integer((json_int_t)c->calibration.n));
    return o;
}

static json_t *json_efficiency(const candidate *c)
{
    json_t *o = json_object();
    const fr_spent *q = &c->outcome.request;
    json_object_set_new(o, "energy_j_per_request", fr_json_number(q->total.value_j));
    json_object_set_new(o, "energy_low_j", fr_json_number(q->total.low_j));
    json_object_set_new(o, "energy_high_j", fr_json_number(q->total.high_j));
    json_object_set_new(o, "method", json_string(fr_method_name(q->total.method)));
    json_object_set_new(o, "cpu_s_per_request", fr_json_number(q->cpu_s));
    json_object_set_new(o, "carbon_g_per_request", fr_json_number(q->carbon_g));
    json_object_set_new(o, "tokens_per_request", fr_json_number(c->tokens_per_request));
    json_object_set_new(o, "tokens_per_s", fr_json_number(c->tokens_per_s));
    json_object_set_new(o, "load_j", fr_json_number(c->outcome.load.total.value_j));
    json_object_set_new(o, "peak_rss_bytes", fr_json_number(c->peak_rss_bytes));
    return o;
}

static json_t *json_quality(const fr_interval *q)
{
    json_t *o = json_object();
    json_object_set_new(o, "value", fr_json_number(q->value));
    json_object_set_new(o, "ci_low", fr_json_number(q->low));
    json_object_set_new(o, "ci_high", fr_json_number(q->high));
    json_object_set_new(o, "n", json_integer((json_int_t)q->n));
    return o;
}

static json_t *json_candidate(const candidate *c)
{
    json_t *o = json_object();
    json_object_set_new(o, "model", json_string(c->model.name));
    json_object_set_new(o, "path",
                        c->model.path != NULL ? json_string(c->model.path)
                                              : json_string(c->model.endpoint));
    json_object_set_new(o, "params", fr_json_number(c->params));
    json_object_set_new(o, "status", json_string(c->status));
    json_object_set_new(o, "reason", json_string(c->reason));
    json_object_set_new(o, "flops_per_request", fr_json_number(c->flops));
    json_object_set_new(o, "predicted_j_per_request", fr_json_number(c->predicted_j));
    if (!is_done(c))
        return o;
    json_object_set_new(o, "quality", json_quality(&c->outcome.quality));
    json_object_set_new(o, "target", json_string(fr_target_name(c->target)));
    json_object_set_new(o, "met", json_boolean(c->target == FR_TARGET_MET));
    json_object_set_new(o, "calibration",
                        c->calibration.n != 0 ? json_calibration(c) : json_null());
    json_object_set_new(o, "robustness", c->n_robust != 0 ? json_robustness(c) : json_null());
    json_object_set_new(o, "efficiency", json_efficiency(c));
    return o;
}

static json_t *json_record(const contest *k, const candidate *chosen)
{
    const fr_task *t = k->with.task;
    json_t *o = json_object(), *list = json_array();
    json_object_set_new(o, "schema", json_integer(1));
    json_object_set_new(o, "run", json_string(fr_run_id(k->with.run)));
    json_object_set_new(o, "task", json_string(t->name));
    json_object_set_new(o, "metric", json_string(t->metric.name));
    json_object_set_new(o, "target", fr_json_number(t->target));
    json_object_set_new(o, "strategy", json_string(k->strategy.name));
    json_object_set_new(o, "rows", json_integer((json_int_t)t->eval.n));
    json_object_set_new(o, "seed", json_integer((json_int_t)k->options->seed));
    json_object_set_new(o, "chosen",
                        chosen != NULL ? json_string(chosen->model.name) : json_null());
    json_object_set_new(o, "met", json_boolean(chosen != NULL));
    for (size_t i = 0; i < k->n; i++)
        json_array_append_new(list, json_candidate(&k->at[i]));
    json_object_set_new(o, "candidates", list);
    return o;
}

/* ---- the contest -------------------------------------------------------------------------- */

static int take_models(contest *k, fr_err *err)
{
    const fr_candidates_options *o = k->options;
    const fr_task *t = k->with.task;
    size_t n = o->n_models != 0 ? o->n_models : t->n_models;
    if (n == 0)
        return fr_fail(err, FR_E_USAGE, "Name GGUF files, or write `models:` in the task file.",
                       "no candidates");
    k->at = FR_NEW_N(candidate, n);
    for (size_t i = 0; i < n; i++) {
        fr_task_model *m = &k->at[k->n].model;
        if (o->n_models != 0) {
            FR_TRY(fr_asking_model(o->models[i], m, err));
        } else {
            *m = (fr_task_model){ .path = fr_dup(t->models[i].path),
                                  .endpoint = fr_dup(t->models[i].endpoint),
                                  .name = fr_dup(t->models[i].name),
                                  .written = fr_dup(t->models[i].written),
                                  .bytes = t->models[i].bytes };
        }
        for (size_t j = 0; j < k->n; j++) {
            if (strcmp(k->at[j].model.name, m->name) == 0) { /* one folder each */
                char *other = fr_dup_f("%s-%zu", m->name, i + 1);
                free(m->name);
                m->name = other;
            }
        }
        predict_flops(k, &k->at[k->n++]);
    }
    fr_sort(k->at, k->n, sizeof(*k->at), by_work);
    return 0;
}

static int hold(contest *k, const candidate **chosen, fr_err *err)
{
    FR_TRY(take_models(k, err));
    FR_TRY(fr_dir_make(k->with.out_dir, err));
    FR_TRY(predict_joules(k, err));
    for (size_t i = 0; i < k->n; i++) {
        candidate *c = &k->at[i];
        if (*chosen != NULL && !k->options->all) {
            snprintf(c->status, sizeof(c->status), "skipped");
            snprintf(c->reason, sizeof(c->reason), "%s is smaller and enough",
                     (*chosen)->model.name);
        } else {
            FR_TRY(try_candidate(k, c, err));
            if (*chosen == NULL && is_done(c) && c->target == FR_TARGET_MET)
                *chosen = c;
        }
        if (k->options->on_candidate != NULL) {
            json_t *o = json_candidate(c);
            k->options->on_candidate(k->options->user, o);
            json_decref(o);
        }
    }
    return 0;
}

static void contest_fini(contest *k)
{
    for (size_t i = 0; i < k->n; i++) {
        fr_asking_model_fini(&k->at[i].model);
        fr_outcome_fini(&k->at[i].outcome);
    }
    free(k->at);
}

int fr_candidates(const fr_candidates_options *options, json_t **record, fr_err *err)
{
    contest k = { .options = options };
    const char *strategy = NULL;
    const candidate *chosen = NULL;
    FR_TRY(fr_asking_strategy(options->task, options->strategy, &strategy, err));
    FR_TRY(fr_task_split(options->task, options->seed, err));
    k.strategy = (fr_task_strategy){ .name = (char *)strategy };
    k.with = (fr_asking_with){ .task = options->task,
                               .strategy = &k.strategy,
                               .out_dir = options->out_dir,
                               .run = options->run,
                               .measure_s = options->measure_s,
                               .threads = options->threads,
                               .seed = options->seed,
                               .progress = options->progress };
    int rc = hold(&k, &chosen, err);
    if (rc == 0) {
        *record = json_record(&k, chosen);
        rc = fr_json_write(options->out_dir, "evaluation.json", *record, err);
        if (rc != 0)
            json_decref(*record);
    }
    contest_fini(&k);
    return rc;
}
