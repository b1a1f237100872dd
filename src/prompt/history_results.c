/* Experiments that were run before, and the best prompt among all that is known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "prompt/history_priv.h"

int fr_history_key_of(const char *prompt_hash, const char *model_hash, const char *data_hash,
                      const char *metric, const json_t *parameters, char key[FR_HISTORY_ID],
                      fr_err *err)
{
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:o}", "prompt", prompt_hash, "model", model_hash, "data",
                  data_hash, "metric", metric, "parameters", fr_history_parameters(parameters));
    char *text = o != NULL ? json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    int rc = text != NULL ? fr_sha256(text, strlen(text), key, err)
                          : fr_fail(err, FR_E_FORMAT, NULL,
                                    "model, data and metric of an experiment must be UTF-8");
    free(text);
    json_decref(o);
    return rc;
}

/* The prompt object of an experiment. */
static int prompt_of(const fr_experiment *e, json_t **out, fr_err *err)
{
    json_t *text = json_stringn(e->prompt.n != 0 ? e->prompt.at : "", e->prompt.n);
    if (text == NULL)
        return fr_fail(err, FR_E_FORMAT, NULL, "the prompt of an experiment is not UTF-8");
    json_t *files = json_pack("{s:o}", "prompt", text);
    int rc = fr_history_prompt(e->form, "prompt", files, out, err);
    json_decref(files);
    return rc;
}

static int key_of_prompt(const fr_experiment *e, const json_t *prompt, char key[FR_HISTORY_ID],
                         fr_err *err)
{
    char hash[FR_HISTORY_ID];
    if (e->model_hash == NULL || e->data_hash == NULL || e->metric == NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "an experiment has a model, data and a metric");
    FR_TRY(fr_history_prompt_hash(prompt, hash, err));
    return fr_history_key_of(hash, e->model_hash, e->data_hash, e->metric, e->parameters, key, err);
}

int fr_history_key(const fr_experiment *e, char key[FR_HISTORY_ID], fr_err *err)
{
    json_t *prompt = NULL;
    FR_TRY(prompt_of(e, &prompt, err));
    int rc = key_of_prompt(e, prompt, key, err);
    json_decref(prompt);
    return rc;
}

/* ---- looking up -------------------------------------------------------------------------- */

static bool is_older(const fr_history_entry *a, const fr_history_entry *b)
{
    int order = strcmp(a->time, b->time);
    return order != 0 ? order < 0 : strcmp(a->id, b->id) < 0;
}

/* Among one store's results those of this key; the oldest of all that are sound stays in best. */
static int look_in(const char *dir, const char *key, fr_history_entry **best, fr_err *err)
{
    char **names = NULL;
    size_t n = 0;
    char *folder = fr_path_join(dir, fr_history_folder(FR_HISTORY_RESULT));
    int rc = fr_dir_exists(folder) ? fr_dir_list(folder, &names, &n, err) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (strncmp(names[i], key, FR_HISTORY_ID - 1) != 0 || names[i][FR_HISTORY_ID - 1] != '.')
            continue;
        fr_err why = { 0 };
        fr_history_entry *e = NULL;
        char *name = fr_dup_f("%s/%s", fr_history_folder(FR_HISTORY_RESULT), names[i]);
        if (fr_history_load(dir, name, &e, &why) != 0) {
            fr_log(FR_LOG_WARN, "passed over in %s: %s", dir, why.what);
        } else if (*best == NULL || is_older(e, *best)) {
            fr_history_entry_free(*best);
            *best = e;
            e = NULL;
        }
        fr_history_entry_free(e);
        free(name);
    }
    fr_names_free(names, n);
    free(folder);
    return rc;
}

int fr_history_lookup(fr_history *h, const fr_experiment *e, fr_history_entry **out, fr_err *err)
{
    char key[FR_HISTORY_ID];
    fr_history_entry *best = NULL;
    int rc = fr_history_key(e, key, err);
    for (size_t i = 0; rc == 0 && i < h->n_dirs; i++)
        rc = look_in(h->dirs[i], key, &best, err);
    if (rc != 0)
        fr_history_entry_free(best);
    else
        *out = best;
    return rc;
}

int fr_history_record(fr_history *h, const fr_experiment *e, const fr_finding *found,
                      char id[FR_HISTORY_ID], fr_err *err)
{
    char key[FR_HISTORY_ID];
    json_t *prompt = NULL;
    if (!isfinite(found->outcome.value))
        return fr_fail(err, FR_E_USAGE, NULL, "a result without a value cannot be kept");
    FR_TRY(prompt_of(e, &prompt, err));
    int rc = key_of_prompt(e, prompt, key, err);
    if (rc != 0) {
        json_decref(prompt);
        return rc;
    }
    fr_history_outcome outcome = found->outcome;
    outcome.metric = e->metric;
    outcome.data_hash = e->data_hash;
    json_t *o = fr_history_head(FR_HISTORY_RESULT, found->author);
    json_object_set_new(o, "prompt", prompt);
    json_object_set_new(o, "parameters", fr_history_parameters(e->parameters));
    json_object_set_new(o, "model", fr_history_model(e->model_hash, found->model_name));
    fr_history_set(o, "task", found->task);
    fr_history_set(o, "message", found->message);
    fr_history_put_outcome(o, &outcome);
    if (found->detail != NULL)
        json_object_set(o, "detail", (json_t *)(uintptr_t)found->detail);
    rc = fr_history_write(h, FR_HISTORY_RESULT, key, o, id, err);
    json_decref(o);
    return rc;
}

/* ---- the best ---------------------------------------------------------------------------- */

static bool agrees(const char *want, const char *has)
{
    return want == NULL || (has != NULL && strcmp(want, has) == 0);
}

static bool answers(const fr_history_query *q, const fr_history_entry *e)
{
    return e->outcome.metric != NULL && isfinite(e->outcome.value) &&
           agrees(q->model_hash, e->model_hash) && agrees(q->task, e->task) &&
           agrees(q->metric, e->outcome.metric) && agrees(q->data_hash, e->outcome.data_hash);
}

static bool same_or_none(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool comparable(const fr_history_outcome *a, const fr_history_outcome *b)
{
    return strcmp(a->metric, b->metric) == 0 && a->lower_is_better == b->lower_is_better &&
           same_or_none(a->data_hash, b->data_hash);
}

/* What is stood behind, the larger the better. */
static double worth(const fr_history_outcome *o)
{
    double end = o->lower_is_better ? o->high : o->low;
    if (!isfinite(end))
        end = o->value;
    return o->lower_is_better ? -end : end;
}

static double per_call(double sum, const fr_history_outcome *o)
{
    double calls = o->calls != 0 ? (double)o->calls : o->n != 0 ? (double)o->n : 1;
    return isfinite(sum) && sum > 0 ? sum / calls : INFINITY;
}

/* Whether a is to be taken before b, of two that are comparable. */
static bool is_better(const fr_history_entry *a, const fr_history_entry *b)
{
    const fr_history_outcome *x = &a->outcome, *y = &b->outcome;
    if (worth(x) != worth(y))
        return worth(x) > worth(y);
    double ours[3] = { per_call(x->energy.value_j, x), per_call(x->cpu_s, x),
                       per_call((double)x->prompt_tokens, x) };
    double theirs[3] = { per_call(y->energy.value_j, y), per_call(y->cpu_s, y),
                         per_call((double)y->prompt_tokens, y) };
    for (size_t i = 0; i < FR_COUNT_OF(ours); i++)
        if (ours[i] != theirs[i])
            return ours[i] < theirs[i];
    return is_older(a, b);
}

/* The metric and data that answers are compared on: those with the most rows, then the newest. */
static bool leads(const fr_history_entry *a, const fr_history_entry *b)
{
    return a->outcome.n != b->outcome.n ? a->outcome.n > b->outcome.n : is_older(b, a);
}

int fr_history_best(fr_history *h, const fr_history_query *q, fr_history_entry **out, fr_err *err)
{
    FR_AUTO(fr_history_list) list = { 0 };
    const fr_history_entry *leader = NULL;
    fr_history_entry **best = NULL;
    *out = NULL;
    if (q->model_hash == NULL)
        return fr_fail(err, FR_E_USAGE, NULL, "the best prompt is one of a model's: name it");
    FR_TRY(fr_history_all(h, FR_HISTORY_VERSION, &list, err));
    FR_TRY(fr_history_all(h, FR_HISTORY_RESULT, &list, err));
    for (size_t i = 0; i < list.n_damaged; i++)
        fr_log(FR_LOG_WARN, "passed over: %s", list.damaged[i]);
    for (size_t i = 0; i < list.n; i++)
        if (answers(q, list.at[i]) && (leader == NULL || leads(list.at[i], leader)))
            leader = list.at[i];
    for (size_t i = 0; leader != NULL && i < list.n; i++)
        if (answers(q, list.at[i]) && comparable(&list.at[i]->outcome, &leader->outcome) &&
            (best == NULL || is_better(list.at[i], *best)))
            best = &list.at[i];
    if (best != NULL) {
        *out = *best;
        *best = NULL;
    }
    return 0;
}
