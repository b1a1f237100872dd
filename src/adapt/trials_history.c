/* An experiment and the history of prompts: what was run before is read, what is new is written. */
#include <stdlib.h>
#include <string.h>

#include "adapt/trials_priv.h"
#include "base/hash.h"
#include "base/mem.h"

static const fr_datum *row_at(const fr_bench *b, const uint32_t *order, size_t i)
{
    return &b->rows->at[order != NULL ? order[i] : i];
}

static int rows_hash(const fr_bench *b, const uint32_t *order, size_t n, char out[FR_SHA256_HEX],
                     fr_err *err)
{
    fr_data list = { 0 };
    for (size_t i = 0; i < n; i++) {
        const fr_datum *row = row_at(b, order, i);
        fr_data_put(&list, row->input, row->output, row->line);
    }
    int rc = fr_data_hash(&list, out, err);
    fr_data_fini(&list);
    return rc;
}

static fr_experiment experiment_of(const fr_bench *b, const fr_trial_arm *arm, const char *hash)
{
    return (fr_experiment){ .prompt = fr_str_of(arm->prompt),
                            .form = arm->variant->prompt == NULL ? "text" : NULL,
                            .model_hash = b->model_hash[arm->model],
                            .data_hash = hash,
                            .metric = b->t->task->metric.name,
                            .parameters = arm->settings };
}

static int take_answers(fr_bench *b, const fr_trial_arm *arm, const json_t *detail, fr_err *err)
{
    const json_t *rows = json_object_get(detail, "answers"), *one;
    size_t n = 0, i;
    fr_kept_answer *answers = FR_NEW_N(fr_kept_answer, json_array_size(rows));
    json_array_foreach(rows, i, one)
    {
        if (fr_kept_from_json(one, &answers[n]))
            answers[n++].arm = arm->key;
    }
    int rc = fr_kept_put(&b->kept, answers, n, true, err);
    free(answers);
    return rc;
}

int fr_trial_recall(fr_bench *b, const fr_trial_arm *arm, const uint32_t *order, size_t n,
                    bool *known, fr_err *err)
{
    char hash[FR_SHA256_HEX];
    *known = true;
    for (size_t i = 0; i < n && *known; i++)
        *known = fr_kept_find(&b->kept, arm->key, fr_trial_row(row_at(b, order, i))) != NULL;
    if (*known || b->options->history == NULL)
        return 0;
    FR_TRY(rows_hash(b, order, n, hash, err));
    fr_experiment e = experiment_of(b, arm, hash);
    FR_AUTOPTR(fr_history_entry) entry = NULL;
    FR_TRY(fr_history_lookup(b->options->history, &e, &entry, err));
    *known = entry != NULL;
    return entry != NULL ? take_answers(b, arm, entry->detail, err) : 0;
}

int fr_trial_record(fr_bench *b, const fr_trial_arm *arm, const uint32_t *order, size_t n,
                    fr_interval quality, fr_err *err)
{
    char hash[FR_SHA256_HEX];
    if (b->options->history == NULL || n == 0)
        return 0;
    FR_TRY(rows_hash(b, order, n, hash, err));
    fr_experiment e = experiment_of(b, arm, hash);
    FR_AUTOPTR(fr_history_entry) entry = NULL;
    FR_TRY(fr_history_lookup(b->options->history, &e, &entry, err));
    if (entry != NULL)
        return 0;
    json_t *answers = json_array();
    for (size_t i = 0; i < n; i++) {
        const fr_kept_answer *a =
            fr_kept_find(&b->kept, arm->key, fr_trial_row(row_at(b, order, i)));
        if (a != NULL)
            json_array_append_new(answers, fr_kept_json(a));
    }
    json_t *detail = json_pack("{s:s, s:s, s:o}", "experiment", b->t->name, "arm", arm->name,
                               "answers", answers);
    fr_trial_sums sums = fr_trial_sum(b, arm, b->rows, order, n);
    fr_finding found = { .task = b->t->task->name,
                         .model_name = b->t->task->models[arm->model].name,
                         .author = b->options->author,
                         .detail = detail,
                         .outcome = fr_history_outcome_none() };
    found.outcome.lower_is_better = b->t->task->metric.better == FR_BETTER_LOWER;
    found.outcome.value = quality.value;
    found.outcome.low = quality.low;
    found.outcome.high = quality.high;
    found.outcome.n = n;
    found.outcome.energy = sums.energy;
    found.outcome.cpu_s = sums.cpu_s;
    found.outcome.calls = sums.calls;
    found.outcome.prompt_tokens = sums.prompt_tokens;
    found.outcome.completion_tokens = sums.completion_tokens;
    int rc = fr_history_record(b->options->history, &e, &found, NULL, err);
    json_decref(detail);
    return rc;
}
