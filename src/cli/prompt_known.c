/* A prompt tried on rows of data, or taken from the history where that was done before. */
#include "cli/prompt_known.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { MOST_TOGETHER = 16 };

void fr_prompt_known_fini(fr_prompt_known *k)
{
    fr_history_entry_free(k->entry);
    *k = (fr_prompt_known){ 0 };
}

static int hash_rows(const json_t *rows, char out[FR_HISTORY_ID], fr_err *err)
{
    char *text = json_dumps(rows, JSON_SORT_KEYS | JSON_COMPACT);
    int rc = fr_sha256(text, strlen(text), out, err);
    free(text);
    return rc;
}

/* The prompt as one text: its own, or, where it reads files, all of them. Owned. */
static char *whole_text(const fr_prompt_file *p)
{
    const json_t *sources = fr_prompt_file_sources(p);
    if (json_object_size(sources) == 1)
        return fr_dup(json_string_value(json_object_get(sources, fr_prompt_file_main(p))));
    return json_dumps(sources, JSON_SORT_KEYS | JSON_INDENT(1));
}

static fr_sampling sampling_of(const json_t *parameters)
{
    return (fr_sampling){
        .temperature = json_number_value(json_object_get(parameters, "temperature")),
        .top_p = json_number_value(json_object_get(parameters, "top_p")),
        .top_k = (int)json_number_value(json_object_get(parameters, "top_k")),
    };
}

static int ask(fr_cli *cli, const fr_prompt_file *p, const json_t *rows,
               const fr_sampling *sampling, fr_prompt_trial *trial, const fr_metric *metric,
               fr_err *err)
{
    FR_AUTO(fr_model_work) work = { 0 };
    FR_TRY(fr_model_work_begin(cli, "prompt", MOST_TOGETHER, NULL, &work, err));
    FR_TRY(fr_prompt_try(cli, &work, p, rows, metric, sampling, trial, err));
    fr_run_note(work.run, "quality", metric->name, trial->quality.value, NULL, NULL);
    return fr_model_work_end(&work, "done", err);
}

static int try_now(fr_cli *cli, const fr_prompt_file *p, const json_t *rows, const fr_experiment *e,
                   const char *model_name, fr_history *h, fr_prompt_known *out, fr_err *err)
{
    FR_AUTO(fr_prompt_trial) trial = { 0 };
    fr_sampling sampling = sampling_of(e->parameters);
    FR_TRY(ask(cli, p, rows, &sampling, &trial, out->metric, err));
    out->outcome = fr_history_outcome_none();
    out->outcome.metric = out->metric->name;
    out->outcome.value = trial.quality.value;
    out->outcome.low = trial.quality.low;
    out->outcome.high = trial.quality.high;
    out->outcome.n = out->outcome.calls = trial.n;
    out->outcome.data_hash = out->data;
    out->outcome.energy = trial.used.total;
    out->outcome.cpu_s = trial.used.cpu_s;
    out->outcome.prompt_tokens = trial.prompt_tokens;
    out->outcome.completion_tokens = trial.completion_tokens;
    json_t *detail = json_object(), *scores = json_array();
    for (size_t i = 0; i < trial.n; i++)
        json_array_append_new(scores, json_real(trial.scores[i]));
    json_object_set_new(detail, "scores", scores);
    fr_finding found = { .task = fr_arg_text(cli, "task", NULL),
                         .model_name = model_name,
                         .author = fr_arg_text(cli, "author", NULL),
                         .outcome = out->outcome,
                         .detail = detail };
    int rc = fr_history_record(h, e, &found, NULL, err);
    json_decref(detail);
    return rc;
}

int fr_prompt_try_known(fr_cli *cli, const fr_prompt_file *p, const char *model_hash,
                        const char *model_name, json_t *parameters, fr_history *h,
                        fr_prompt_known *out, fr_err *err)
{
    json_t *rows = NULL;
    char *text = whole_text(p);
    FR_TRY(fr_prompt_metric_given(cli, &out->metric, err));
    int rc = fr_prompt_rows_given(cli, p, &rows, err);
    if (rc == 0 && rows == NULL)
        rc = fr_fail(err, FR_E_USAGE, "Name them: --data DATA.jsonl.", "--try needs rows to try");
    if (rc == 0)
        rc = hash_rows(rows, out->data, err);
    json_object_set_new(parameters, "max_tokens", json_integer(fr_prompt_max_tokens(cli)));
    fr_experiment e = { .prompt = fr_str_of(text),
                        .form = fr_prompt_file_form(p),
                        .model_hash = model_hash,
                        .data_hash = out->data,
                        .metric = out->metric->name,
                        .parameters = parameters };
    if (rc == 0)
        rc = fr_history_lookup(h, &e, &out->entry, err);
    if (rc == 0 && out->entry != NULL) {
        out->known = true;
        out->outcome = out->entry->outcome;
    } else if (rc == 0) {
        rc = try_now(cli, p, rows, &e, model_name, h, out, err);
    }
    json_decref(rows);
    free(text);
    return rc;
}
