/* An experiment from begin to end: halving on dev, the choice, eval once, and what is written. */
#include "adapt/trials.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/folder.h"
#include "adapt/outcome.h"
#include "adapt/trials_priv.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "report/report.h"

static void tell(const fr_bench *b, const char *event, json_t *object)
{
    if (b->options->on_event != NULL)
        b->options->on_event(b->options->user, event, object);
    json_decref(object);
}

/* ---- setting up --------------------------------------------------------------------------- */

static int prepare(fr_bench *b, fr_err *err)
{
    fr_trials *t = b->t;
    fr_task *task = t->task;
    char *path = fr_path_join(b->out_dir, "answers.jsonl");
    int rc = fr_dir_make(b->out_dir, err);
    if (rc == 0)
        rc = fr_folder_lock(b->out_dir, &b->lock, err);
    if (rc == 0)
        rc = fr_kept_open(&b->kept, path, err);
    free(path);
    FR_TRY(rc);
    FR_TRY(fr_task_split(task, t->seed, err));
    FR_TRY(fr_data_hash(&task->train, b->train_hash, err));
    b->model_hash = fr_array(task->n_models, sizeof(*b->model_hash));
    for (size_t m = 0; m < task->n_models; m++)
        FR_TRY(fr_task_model_hash(&task->models[m], b->model_hash[m], err));
    b->shots = FR_NEW_N(fr_shot, task->train.n);
    for (size_t i = 0; i < task->train.n; i++)
        b->shots[i] = (fr_shot){ task->train.at[i].input, task->train.at[i].output };
    if (task->kind == FR_TASK_LABEL)
        FR_TRY(fr_label_grammar(task->labels, task->n_labels, &b->grammar, err));
    return fr_shots_new(b->shots, task->train.n, t->seed, &b->pool, err);
}

static int begin_run(fr_bench *b, fr_err *err)
{
    const fr_trials_options *o = b->options;
    fr_place_options place = b->t->task->place;
    if (o->place.region != NULL || o->place.zone != NULL || o->place.intensity_g_per_kwh > 0)
        place = o->place;
    fr_run_options options = {
        .kind = "prompt", .name = b->t->name, .argv = o->argv, .place = place, .ledger = o->ledger
    };
    FR_TRY(fr_run_begin(&options, &b->run, err));
    if (o->on_run != NULL)
        o->on_run(o->user, b->run);
    return 0;
}

static void bench_fini(fr_bench *b)
{
    fr_trial_close(b);
    fr_index_free(b->index);
    fr_hits_fini(&b->hits);
    fr_grammar_free(b->grammar);
    for (size_t i = 0; i < b->n_arms; i++) {
        free(b->arms[i].name);
        free(b->arms[i].prompt);
        json_decref(b->arms[i].settings);
    }
    free(b->arms);
    for (size_t i = 0; b->written != NULL && i < b->t->n_variants; i++)
        fr_instructions_fini(&b->written[i]);
    free(b->written);
    fr_shots_free(b->pool);
    free(b->shots);
    fr_kept_fini(&b->kept);
    free(b->model_hash);
    free(b->out_dir);
    fr_folder_unlock(b->lock);
}

/* ---- halving ------------------------------------------------------------------------------ */

static int score(void *user, size_t arm, const uint32_t *rows, size_t n, double *scores,
                 fr_err *err)
{
    fr_bench *b = user;
    FR_TRY(fr_trial_score(b, &b->arms[arm], rows, n, scores, err));
    fr_trial_sums sums = fr_trial_sum(b, &b->arms[arm], b->rows, rows, n);
    b->arms[arm].tokens += (double)(sums.prompt_tokens + sums.completion_tokens);
    b->arms[arm].n_tokens += sums.n;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += scores[i];
    tell(b, "arm",
         json_pack("{s:s, s:I, s:f}", "name", b->arms[arm].name, "rows", (json_int_t)n, "score",
                   sum / (double)n));
    return 0;
}

/* Tokens a row, over the rows that it was asked by now. */
static double tokens_of(void *user, size_t arm)
{
    const fr_trial_arm *a = &((const fr_bench *)user)->arms[arm];
    return a->n_tokens != 0 ? a->tokens / (double)a->n_tokens : 0;
}

/* What the history knows of each arm, at the most rows that it can have come to. */
static int recall_all(fr_bench *b, const fr_halving *h, fr_err *err)
{
    uint32_t *order = FR_NEW_N(uint32_t, h->n_rows);
    fr_random_permutation(order, h->n_rows, h->seed, FR_RANDOM_TRIAL, 0);
    size_t n_rounds = 0;
    int rc = 0;
    while (fr_halving_rows(h, n_rounds) != 0)
        n_rounds++;
    for (size_t i = 0; i < b->n_arms && rc == 0; i++) {
        bool known = false;
        for (size_t round = n_rounds; round > 0 && !known && rc == 0; round--)
            rc = fr_trial_recall(b, &b->arms[i], order, fr_halving_rows(h, round - 1), &known, err);
    }
    free(order);
    return rc;
}

/* The cheapest of the finalists that reached the target on dev; else the best. */
static size_t choose(fr_bench *b, const fr_halving_result *r, bool *by_target)
{
    const fr_task *task = b->t->task;
    size_t chosen = r->best;
    *by_target = false;
    for (size_t i = 0; i < b->n_arms && !isnan(task->target); i++) {
        const fr_halving_arm *a = &r->arms[r->order[i]];
        bool reaches = task->metric.better == FR_BETTER_LOWER ? a->mean <= task->target
                                                              : a->mean >= task->target;
        if (a->left_in_round != 0 || !reaches)
            continue;
        if (!*by_target || tokens_of(b, r->order[i]) < tokens_of(b, chosen))
            chosen = r->order[i];
        *by_target = true;
    }
    return chosen;
}

static int confirm(fr_bench *b, fr_trial_arm *arm, fr_interval *out, fr_err *err)
{
    const fr_data *eval = &b->t->task->eval;
    double *scores = FR_NEW_N(double, eval->n);
    bool known = false;
    b->rows = eval;
    b->n_rows = eval->n;
    int rc = fr_trial_recall(b, arm, NULL, eval->n, &known, err);
    if (rc == 0)
        rc = fr_trial_score(b, arm, NULL, eval->n, scores, err);
    if (rc == 0) {
        *out = fr_interval_of(scores, eval->n, b->t->seed);
        rc = fr_trial_record(b, arm, NULL, eval->n, *out, err);
    }
    free(scores);
    return rc;
}

static int record_all(fr_bench *b, const fr_halving_result *r, fr_err *err)
{
    for (size_t i = 0; i < b->n_arms; i++) {
        const fr_halving_arm *a = &r->arms[i];
        FR_TRY(fr_trial_record(b, &b->arms[i], r->rows, a->n_rows,
                               fr_interval_of(a->scores, a->n_rows, b->t->seed), err));
    }
    return 0;
}

/* ---- what is written ---------------------------------------------------------------------- */

static int write_best(const fr_bench *b, const fr_trial_arm *arm, fr_err *err)
{
    char *dir = fr_path_join(b->out_dir, "best"), *path = fr_path_join(dir, "prompt.txt");
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(1));
    json_object_set_new(o, "name", json_string(arm->name));
    json_object_set_new(o, "model", json_string(b->t->task->models[arm->model].written));
    json_object_set(o, "settings", arm->settings);
    int rc = fr_dir_make(dir, err);
    if (rc == 0)
        rc = fr_file_write(path, fr_str_of(arm->prompt), err);
    if (rc == 0)
        rc = fr_json_write(dir, "settings.json", o, err);
    json_decref(o);
    free(path);
    free(dir);
    return rc;
}

static int write_result(const fr_bench *b, json_t *result, fr_err *err)
{
    FR_AUTO(fr_buf) html = { 0 };
    char *path = fr_path_join(b->out_dir, "report.html");
    json_object_set_new(result, "out", json_string(b->out_dir));
    json_object_set_new(result, "report", json_string(path));
    fr_report_trials_html(result, &html);
    int rc = fr_file_write(path, fr_buf_str(&html), err);
    free(path);
    return rc != 0 ? rc : fr_json_write(b->out_dir, "result.json", result, err);
}

static void put_totals(const fr_bench *b, json_t *result)
{
    const fr_used *u = &b->total;
    json_object_set_new(result, "energy_j", fr_json_number(u->total.value_j));
    json_object_set_new(result, "energy_low_j", fr_json_number(u->total.low_j));
    json_object_set_new(result, "energy_high_j", fr_json_number(u->total.high_j));
    json_object_set_new(result, "method", json_string(fr_method_name(u->total.method)));
    json_object_set_new(result, "cpu_s", fr_json_number(u->cpu_s));
    json_object_set_new(result, "carbon_g", fr_json_number(u->carbon.total_g));
}

static int try_all(fr_bench *b, json_t **result, fr_err *err)
{
    fr_trials *t = b->t;
    FR_TRY(fr_trial_arms(b, err));
    b->rows = &t->task->dev;
    b->n_rows = FR_MIN(t->task->dev.n, t->rows);
    fr_halving h = { .n_arms = b->n_arms,
                     .n_rows = b->n_rows,
                     .finalists = t->finalists,
                     .better = t->task->metric.better,
                     .seed = t->seed,
                     .score = score,
                     .cost = tokens_of,
                     .user = b };
    tell(b, "arms",
         json_pack("{s:I, s:I}", "arms", (json_int_t)b->n_arms, "rows", (json_int_t)b->n_rows));
    FR_TRY(recall_all(b, &h, err));
    FR_AUTO(fr_halving_result) r = { 0 };
    FR_TRY(fr_halving_run(&h, &r, err));
    FR_TRY(record_all(b, &r, err));
    bool by_target = false;
    fr_interval confirmed;
    size_t chosen = choose(b, &r, &by_target);
    FR_TRY(confirm(b, &b->arms[chosen], &confirmed, err));
    FR_TRY(write_best(b, &b->arms[chosen], err));
    if (b->run != NULL)
        fr_run_note(b->run, "quality", t->task->metric.name, confirmed.value, "", NULL);
    *result = fr_trial_result(b, &r, chosen, by_target, &confirmed);
    return 0;
}

static int end_run(fr_bench *b, int rc, fr_err *err)
{
    if (b->run == NULL)
        return rc;
    if (b->options->on_run != NULL)
        b->options->on_run(b->options->user, NULL);
    fr_trial_close(b); /* the engine tells its work to the run */
    const char *status = rc == 0 ? "done" : rc == FR_E_INTERRUPTED ? "interrupted" : "failed";
    int ended = fr_run_end(b->run, status, rc == 0 ? 0 : 1, &b->total, NULL, rc == 0 ? err : NULL);
    b->run = NULL;
    return rc != 0 ? rc : ended;
}

int fr_trials_run(fr_trials *t, const fr_trials_options *options, json_t **result, fr_err *err)
{
    fr_bench b = { .t = t, .options = options, .lock = -1, .open_model = SIZE_MAX };
    *result = NULL;
    b.out_dir =
        options->out_dir != NULL ? fr_dup(options->out_dir) : fr_dup_f("experiments/%s", t->name);
    for (size_t i = 0; i < t->task->n_warnings; i++)
        tell(&b, "warning", json_pack("{s:s}", "text", t->task->warnings[i]));
    int rc = prepare(&b, err);
    if (rc == 0)
        rc = begin_run(&b, err);
    if (rc == 0)
        rc = try_all(&b, result, err);
    rc = end_run(&b, rc, err);
    if (rc == 0) {
        put_totals(&b, *result);
        rc = write_result(&b, *result, err);
    }
    if (rc != 0) {
        json_decref(*result);
        *result = NULL;
        if (err != NULL && b.kept.n != 0 && err->hint[0] == '\0')
            snprintf(err->hint, sizeof(err->hint),
                     "What was answered is kept: the same command goes on from there.");
    }
    bench_fini(&b);
    return rc;
}
