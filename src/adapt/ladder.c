/* The table of strategies, and what all rungs share. */
#include "adapt/rung.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "endpoint/endpoint.h"

static const fr_rung_kind *const LADDER[] = {
    &FR_RUNG_TRADITIONAL,
    &FR_RUNG_ZERO_SHOT,
    &FR_RUNG_FEW_SHOT,
    &FR_RUNG_GENERATED_KNOWLEDGE,
    &FR_RUNG_SELF_CONSISTENCY,
    &FR_RUNG_REACT,
    &FR_RUNG_RAG,
    &FR_RUNG_LORA,
    &FR_RUNG_FULL,
    &FR_RUNG_SCRATCH,
};

const char *const *fr_strategy_names(void)
{
    static const char *const NAMES[] = { "traditional",
                                         "zero-shot",
                                         "few-shot",
                                         "generated-knowledge",
                                         "self-consistency",
                                         "react",
                                         "rag",
                                         "lora",
                                         "full",
                                         "scratch",
                                         NULL };
    return NAMES;
}

bool fr_strategy_is_planned(const char *name)
{
    static const char *const PLANNED[] = { "prompt-tuning", "p-tuning", "prefix-tuning" };
    for (size_t i = 0; i < FR_COUNT_OF(PLANNED); i++) {
        if (strcmp(PLANNED[i], name) == 0)
            return true;
    }
    return false;
}

const fr_rung_kind *fr_rung_kind_of(const char *strategy)
{
    for (size_t i = 0; i < FR_COUNT_OF(LADDER); i++) {
        if (strcmp(LADDER[i]->strategy, strategy) == 0)
            return LADDER[i];
    }
    return strcmp(strategy, FR_RUNG_COMMAND.strategy) == 0 ? &FR_RUNG_COMMAND : NULL;
}

fr_rung *fr_rung_new(const fr_rung_kind *kind, const fr_task_strategy *strategy,
                     const fr_task_model *model, bool name_model, const char *out_dir)
{
    fr_rung *r = FR_NEW(fr_rung);
    r->kind = kind;
    r->strategy = strategy;
    r->model = model;
    r->name = name_model ? fr_dup_f("%s@%s", strategy->name, model->name) : fr_dup(strategy->name);
    r->dir = fr_dup_f("%s/rungs/%s", out_dir, r->name);
    r->energy_inside =
        model == NULL || model->endpoint == NULL || fr_endpoint_address_is_local(model->endpoint);
    return r;
}

void fr_rung_free(fr_rung *r)
{
    if (r == NULL)
        return;
    if (r->kind->close != NULL)
        r->kind->close(r);
    if (r->kind->free_state != NULL)
        r->kind->free_state(r);
    json_decref(r->chosen);
    json_decref(r->training);
    json_decref(r->notes);
    free(r->state);
    free(r->name);
    free(r->dir);
    free(r);
}

void fr_rung_doing(fr_rung *r, const char *fmt, ...)
{
    int n = snprintf(r->doing, sizeof(r->doing), "%.60s: ", r->name);
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->doing + n, sizeof(r->doing) - (size_t)n, fmt, args);
    va_end(args);
}

void fr_rung_note(fr_rung *r, const char *fmt, ...)
{
    char line[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (r->notes == NULL)
        r->notes = json_array();
    json_array_append_new(r->notes, json_string(line));
}

#define METRIC_TIME_S 600

int fr_score_rows(const fr_task_metric *metric, const char *task_dir, const fr_str *inputs,
                  char *const *predictions, const fr_str *references, size_t n, double *scores,
                  const fr_progress *progress, fr_err *err)
{
    fr_str *answers = FR_NEW_N(fr_str, n);
    for (size_t i = 0; i < n; i++)
        answers[i] = predictions[i] != NULL ? fr_str_of(predictions[i]) : FR_STR("");
    int rc = 0;
    if (metric->command != NULL) {
        rc = fr_metric_command(metric->command, task_dir, METRIC_TIME_S, inputs, answers,
                               references, n, scores, progress, err);
    } else {
        for (size_t i = 0; i < n; i++)
            scores[i] = metric->metric->score(answers[i], references[i]);
    }
    free(answers);
    return rc;
}

int fr_score_dev(const fr_rung *r, const fr_data *rows, size_t n, char *const *predictions,
                 double *mean, fr_err *err)
{
    fr_str *inputs = FR_NEW_N(fr_str, n), *references = FR_NEW_N(fr_str, n);
    double *scores = FR_NEW_N(double, n);
    for (size_t i = 0; i < n; i++) {
        inputs[i] = rows->at[i].input;
        references[i] = rows->at[i].output;
    }
    int rc = fr_score_rows(r->with.metric, r->with.task_dir, inputs, predictions, references, n,
                           scores, r->progress, err);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += scores[i];
    *mean = (r->with.metric->better == FR_BETTER_LOWER ? -sum : sum) / (double)FR_MAX(n, (size_t)1);
    free(inputs);
    free(references);
    free(scores);
    return rc;
}
