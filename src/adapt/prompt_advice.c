#include "adapt/prompt_advice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/outcome.h"
#include "adapt/rung.h"
#include "adapt/task.h"
#include "adapt/trials_priv.h"
#include "base/mem.h"
#include "infer/engine.h"

#define MARGIN       1.1 /* over the longest answer of train */
#define CLEAR_ROWS   20  /* under so many pairs nothing is decided */
#define VALUES_MOST  16
#define CONTEXT_STEP 128

/* ---- what the history has on a task and model --------------------------------------------- */

typedef struct {
    const fr_history_entry *entry;
    char *without[3]; /* its settings but for one parameter: who differs in that one alone */
    double value[3];
    uint64_t *rows;
    double *scores;
    size_t n;
} tried;

typedef struct {
    tried *at;
    size_t n;
} evidence;

static const char *const PARAMETERS[4] = { "temperature", "top_p", "top_k", "max_tokens" };
/* What costs least, and what stands when nothing is better: greedy, no cut-offs. */
static const double PLAIN[3] = { 0, 1, 0 };

static double value_of(const json_t *parameters, size_t which)
{
    const json_t *v = json_object_get(parameters, PARAMETERS[which]);
    double plain = which < 3 ? PLAIN[which] : NAN;
    return json_is_number(v) ? json_number_value(v) : plain;
}

static char *settings_without(const fr_history_entry *e, size_t which)
{
    json_t *rest = e->parameters != NULL ? json_deep_copy(e->parameters) : json_object();
    json_object_del(rest, PARAMETERS[which]);
    if (which == 0) { /* cut-offs and seed mean nothing to greedy, and stand beside a temperature */
        json_object_del(rest, "top_p");
        json_object_del(rest, "top_k");
        json_object_del(rest, "seed");
    }
    char *text = json_dumps(rest, JSON_SORT_KEYS | JSON_COMPACT);
    char *all = fr_dup_f("%s %s", e->prompt_hash, text);
    free(text);
    json_decref(rest);
    return all;
}

static void evidence_fini(evidence *all)
{
    for (size_t i = 0; i < all->n; i++) {
        for (size_t k = 0; k < 3; k++)
            free(all->at[i].without[k]);
        free(all->at[i].rows);
        free(all->at[i].scores);
    }
    free(all->at);
    *all = (evidence){ 0 };
}

static const fr_datum *row_of(const fr_task *task, uint64_t id)
{
    const fr_data *parts[] = { &task->dev, &task->eval, &task->train };
    for (size_t p = 0; p < FR_COUNT_OF(parts); p++) {
        for (size_t i = 0; i < parts[p]->n; i++) {
            if (fr_trial_row(&parts[p]->at[i]) == id)
                return &parts[p]->at[i];
        }
    }
    return NULL;
}

/* An entry's answers, scored again by the task's metric. */
static int score_entry(const fr_task *task, const fr_history_entry *e, tried *out, fr_err *err)
{
    const json_t *answers = json_object_get(e->detail, "answers"), *one;
    size_t n = json_array_size(answers), i;
    fr_kept_answer *kept = FR_NEW_N(fr_kept_answer, n);
    fr_str *inputs = FR_NEW_N(fr_str, n), *outputs = FR_NEW_N(fr_str, n);
    char **said = FR_NEW_N(char *, n);
    out->entry = e;
    out->rows = FR_NEW_N(uint64_t, n);
    out->scores = FR_NEW_N(double, n);
    json_array_foreach(answers, i, one)
    {
        fr_kept_answer *a = &kept[out->n];
        const fr_datum *row = fr_kept_from_json(one, a) ? row_of(task, a->row) : NULL;
        if (row == NULL) {
            free(a->answer);
            *a = (fr_kept_answer){ 0 };
            continue;
        }
        inputs[out->n] = row->input;
        outputs[out->n] = row->output;
        said[out->n] = a->answer;
        out->rows[out->n++] = a->row;
    }
    int rc = out->n != 0 ? fr_score_rows(&task->metric, task->dir, inputs, said, outputs, out->n,
                                         out->scores, NULL, err)
                         : 0;
    for (size_t k = 0; k < out->n; k++)
        free(kept[k].answer);
    free(kept);
    free(inputs);
    free(outputs);
    free(said);
    return rc;
}

static int gather(const fr_task *task, const fr_history_list *list, const char *model_hash,
                  evidence *out, fr_err *err)
{
    out->at = FR_NEW_N(tried, list->n);
    for (size_t i = 0; i < list->n; i++) {
        const fr_history_entry *e = list->at[i];
        if (e->task == NULL || strcmp(e->task, task->name) != 0 || e->model_hash == NULL ||
            strcmp(e->model_hash, model_hash) != 0 || e->outcome.metric == NULL ||
            strcmp(e->outcome.metric, task->metric.name) != 0)
            continue;
        tried *t = &out->at[out->n++];
        for (size_t k = 0; k < 3; k++) {
            t->without[k] = settings_without(e, k);
            t->value[k] = value_of(e->parameters, k);
        }
        FR_TRY(score_entry(task, e, t, err));
    }
    return 0;
}

/* ---- one parameter ------------------------------------------------------------------------ */

/* Scores of value and of base on the same rows, from all pairs that differ in this alone. */
static size_t pair_up(const evidence *all, size_t which, double value, double base, double **a,
                      double **b)
{
    size_t n = 0, cap = 0, cap_b = 0;
    *a = *b = NULL;
    for (size_t i = 0; i < all->n; i++) {
        for (size_t k = 0; k < all->n; k++) {
            const tried *x = &all->at[i], *y = &all->at[k];
            if (x->value[which] != value || y->value[which] != base ||
                strcmp(x->without[which], y->without[which]) != 0)
                continue;
            for (size_t r = 0; r < x->n; r++) {
                for (size_t s = 0; s < y->n; s++) {
                    if (x->rows[r] != y->rows[s])
                        continue;
                    FR_GROW(*a, n, cap);
                    FR_GROW(*b, n, cap_b);
                    (*a)[n] = x->scores[r];
                    (*b)[n++] = y->scores[s];
                    break;
                }
            }
        }
    }
    return n;
}

static size_t values_of(const evidence *all, size_t which, double out[VALUES_MOST])
{
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) {
        double v = all->at[i].value[which];
        bool known = isnan(v);
        for (size_t k = 0; k < n; k++)
            known = known || out[k] == v;
        if (!known && n < VALUES_MOST)
            out[n++] = v;
    }
    return n;
}

/* Whether a value beats the plain one, by pairs; the best of those that do. */
static double choose_value(const fr_task *task, const evidence *all, size_t which, json_t *told)
{
    double values[VALUES_MOST], base = PLAIN[which], best = base, best_lead = 0;
    size_t n = values_of(all, which, values);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        double *a = NULL, *b = NULL, p = 1;
        if (values[i] == base)
            continue;
        size_t pairs = pair_up(all, which, values[i], base, &a, &b);
        if (pairs != 0) {
            fr_interval lead = fr_lead_of(a, b, pairs, task->metric.better, 1, &p);
            bool clear = pairs >= CLEAR_ROWS && lead.low > 0 && p < 0.05;
            json_t *o = json_object();
            json_object_set_new(o, "value", fr_json_number(values[i]));
            json_object_set_new(o, "against", fr_json_number(base));
            json_object_set_new(o, "rows", json_integer((json_int_t)pairs));
            json_object_set_new(o, "difference", fr_json_number(lead.value));
            json_object_set_new(o, "ci_low", fr_json_number(lead.low));
            json_object_set_new(o, "ci_high", fr_json_number(lead.high));
            json_object_set_new(o, "p", fr_json_number(p));
            json_object_set_new(o, "better", json_boolean(clear));
            json_array_append_new(list, o);
            if (clear && lead.value > best_lead) {
                best = values[i];
                best_lead = lead.value;
            }
        }
        free(a);
        free(b);
    }
    bool tried_any = json_array_size(list) != 0;
    json_object_set_new(told, "by", json_string(tried_any ? "experiments" : "rule"));
    json_object_set_new(
        told, "why",
        json_string(best != base ? "better on the same rows, and not by chance"
                    : tried_any  ? "nothing that was tried is better by more than chance"
                    : which == 0 ? "not tried yet: greedy is one answer, the same each time"
                                 : "not tried yet: a cut-off changes nothing when greedy"));
    json_object_set_new(told, "tried", list);
    return best;
}

/* ---- length ------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t count_tokens(const fr_tokenizer *t, fr_str text)
{
    fr_ids ids = { 0 };
    size_t n = t != NULL && fr_tokenizer_encode(t, text, FR_ENCODE_PLAIN, &ids, NULL) == 0
                   ? ids.n
                   : (text.n + 3) / 4;
    fr_ids_fini(&ids);
    return n;
}

/* Tokens of the wanted outputs, with what begins and ends them. */
static size_t choose_length(const fr_task *task, const fr_tokenizer *t, json_t *told,
                            size_t *longest_input)
{
    size_t n = task->train.n;
    double *lengths = FR_NEW_N(double, n);
    *longest_input = 0;
    for (size_t i = 0; i < n; i++) {
        FR_AUTO(fr_buf) whole = { 0 };
        fr_prompt_completion(task->train.at[i].output, &whole);
        lengths[i] = (double)count_tokens(t, fr_buf_str(&whole));
        *longest_input = FR_MAX(*longest_input, count_tokens(t, task->train.at[i].input));
    }
    fr_sort(lengths, n, sizeof(*lengths), by_number);
    size_t most = (size_t)ceil(lengths[n - 1] * MARGIN) + 1;
    json_object_set_new(told, "by", json_string("train rows"));
    json_object_set_new(told, "why",
                        json_string(t != NULL ? "the longest answer wanted, and a tenth more"
                                              : "the longest answer wanted, by its bytes (four a "
                                                "token), and a tenth more"));
    json_object_set_new(told, "rows", json_integer((json_int_t)n));
    json_object_set_new(told, "median_tokens", fr_json_number(lengths[n / 2]));
    json_object_set_new(told, "p95_tokens",
                        fr_json_number(lengths[(size_t)(0.95 * (double)(n - 1))]));
    json_object_set_new(told, "p99_tokens",
                        fr_json_number(lengths[(size_t)(0.99 * (double)(n - 1))]));
    json_object_set_new(told, "longest_tokens", fr_json_number(lengths[n - 1]));
    free(lengths);
    return most;
}

/* ---- rounds and joules -------------------------------------------------------------------- */

typedef struct {
    size_t rounds, calls, tokens;
    double cpu_s;
    fr_energy energy; /* unknown as soon as one of them was outside any meter */
} effort;

static void add_effort(effort *e, const fr_history_outcome *o)
{
    e->rounds++;
    e->calls += o->calls;
    e->tokens += o->prompt_tokens + o->completion_tokens;
    e->cpu_s += isnan(o->cpu_s) ? 0 : o->cpu_s;
    e->energy = fr_energy_add(e->rounds == 1 ? fr_energy_zero() : e->energy, o->energy);
}

static json_t *effort_json(const effort *e)
{
    json_t *o = json_pack("{s:I, s:I, s:I}", "rounds", (json_int_t)e->rounds, "calls",
                          (json_int_t)e->calls, "tokens", (json_int_t)e->tokens);
    json_object_set_new(o, "cpu_s", fr_json_number(e->cpu_s));
    json_object_set_new(o, "energy_j", fr_json_number(e->rounds != 0 ? e->energy.value_j : 0));
    json_object_set_new(o, "method", json_string(fr_method_name(e->energy.method)));
    return o;
}

static bool reaches(const fr_task *task, const fr_history_outcome *o)
{
    return !isnan(task->target) &&
           (task->metric.better == FR_BETTER_LOWER ? o->value <= task->target
                                                   : o->value >= task->target);
}

static bool is_better(const fr_task *task, const fr_history_outcome *a, const fr_history_outcome *b)
{
    bool lower = task->metric.better == FR_BETTER_LOWER;
    double x = lower ? -a->high : a->low, y = lower ? -b->high : b->low;
    return x > y;
}

/* All that was tried; until the target was first reached; and what the best alone took. */
static json_t *rounds_json(const fr_task *task, const evidence *all)
{
    effort whole = { 0 }, until = { 0 }, best = { 0 };
    const fr_history_entry *top = NULL;
    bool reached = false;
    json_t *o = json_object();
    for (size_t i = 0; i < all->n; i++) {
        const fr_history_outcome *x = &all->at[i].entry->outcome;
        add_effort(&whole, x);
        if (!reached)
            add_effort(&until, x);
        reached = reached || reaches(task, x);
        if (top == NULL || is_better(task, x, &top->outcome))
            top = all->at[i].entry;
    }
    if (top != NULL)
        add_effort(&best, &top->outcome);
    json_object_set_new(o, "tried", effort_json(&whole));
    json_object_set_new(o, "until_target", reached ? effort_json(&until) : json_null());
    json_object_set_new(o, "best_alone", top != NULL ? effort_json(&best) : json_null());
    return o;
}

/* ---- a task ------------------------------------------------------------------------------- */

static int advise_model(const fr_task *task, size_t m, const fr_history_list *list, json_t **out,
                        fr_err *err)
{
    const fr_task_model *model = &task->models[m];
    char hash[65];
    FR_TRY(fr_task_model_hash(model, hash, err));
    FR_AUTOPTR(fr_model) opened = NULL;
    if (model->path != NULL)
        FR_TRY(fr_model_open(model->path, &opened, err));
    evidence all = { 0 };
    int rc = gather(task, list, hash, &all, err);
    if (rc == 0) {
        json_t *o = json_object(), *recommended = json_object(), *why = json_object();
        size_t longest_input = 0;
        for (size_t k = 0; k < 3; k++) {
            json_t *told = json_object();
            double v = choose_value(task, &all, k, told);
            if (k != 0 && json_real_value(json_object_get(recommended, "temperature")) == 0)
                v = PLAIN[k]; /* greedy: it changes nothing */
            json_object_set_new(recommended, PARAMETERS[k],
                                k == 2 ? json_integer((json_int_t)v) : json_real(v));
            json_object_set_new(why, PARAMETERS[k], told);
        }
        json_t *told = json_object();
        size_t most = choose_length(task, opened != NULL ? fr_model_tokenizer(opened) : NULL, told,
                                    &longest_input);
        json_object_set_new(recommended, "max_tokens", json_integer((json_int_t)most));
        json_object_set_new(why, "max_tokens", told);
        if (opened != NULL) { /* memory: a context that holds the longest row with its labels */
            const fr_shape *shape = fr_model_shape(opened);
            size_t context =
                (2 * longest_input + most + 64 + CONTEXT_STEP - 1) / CONTEXT_STEP * CONTEXT_STEP;
            size_t has = shape->context != 0 ? shape->context : context;
            double each = (double)fr_shape_kv_bytes_per_token(shape);
            context = FR_MIN(context, has);
            json_object_set_new(recommended, "context_tokens", json_integer((json_int_t)context));
            json_t *memory = json_object();
            json_object_set_new(memory, "cache_bytes", fr_json_number(each * (double)context));
            json_object_set_new(memory, "cache_bytes_whole", fr_json_number(each * (double)has));
            json_object_set_new(memory, "whole_context_tokens", json_integer((json_int_t)has));
            json_object_set_new(why, "context_tokens", memory);
        }
        json_object_set_new(o, "model", json_string(model->name));
        json_object_set_new(o, "results", json_integer((json_int_t)all.n));
        json_object_set_new(o, "recommended", recommended);
        json_object_set_new(o, "evidence", why);
        json_object_set_new(o, "effort", rounds_json(task, &all));
        *out = o;
    }
    evidence_fini(&all);
    return rc;
}

int fr_prompt_advise(fr_task *task, fr_history *history, json_t **out, fr_err *err)
{
    FR_AUTO(fr_history_list) list = { 0 };
    FR_TRY(fr_task_split(task, 1, err));
    if (task->n_models == 0)
        return fr_fail(err, FR_E_USAGE, "Write model: FILE.gguf, or {endpoint: URL, name: NAME}.",
                       "'%s' names no model to advise on", task->path);
    FR_TRY(fr_history_all(history, FR_HISTORY_RESULT, &list, err));
    json_t *models = json_array();
    int rc = 0;
    for (size_t m = 0; m < task->n_models && rc == 0; m++) {
        json_t *one = NULL;
        rc = advise_model(task, m, &list, &one, err);
        if (rc == 0)
            json_array_append_new(models, one);
    }
    if (rc != 0) {
        json_decref(models);
        return rc;
    }
    *out = json_pack("{s:s, s:s, s:o}", "task", task->name, "metric", task->metric.name, "models",
                     models);
    return 0;
}

/* ---- a history alone ---------------------------------------------------------------------- */

static bool seen_before(const fr_history_list *list, size_t i)
{
    const fr_history_entry *e = list->at[i];
    for (size_t k = 0; k < i; k++) {
        const fr_history_entry *o = list->at[k];
        if (o->task != NULL && strcmp(o->task, e->task) == 0 &&
            strcmp(o->model_hash, e->model_hash) == 0)
            return true;
    }
    return false;
}

int fr_prompt_advise_history(fr_history *history, json_t **out, fr_err *err)
{
    FR_AUTO(fr_history_list) list = { 0 };
    FR_TRY(fr_history_all(history, FR_HISTORY_RESULT, &list, err));
    json_t *tasks = json_array();
    int rc = 0;
    for (size_t i = 0; i < list.n && rc == 0; i++) {
        const fr_history_entry *e = list.at[i];
        if (e->task == NULL || e->model_hash == NULL || seen_before(&list, i))
            continue;
        FR_AUTOPTR(fr_history_entry) best = NULL;
        fr_history_query q = { .model_hash = e->model_hash, .task = e->task };
        effort whole = { 0 };
        rc = fr_history_best(history, &q, &best, err);
        for (size_t k = i; k < list.n; k++) {
            if (list.at[k]->task != NULL && strcmp(list.at[k]->task, e->task) == 0 &&
                strcmp(list.at[k]->model_hash, e->model_hash) == 0)
                add_effort(&whole, &list.at[k]->outcome);
        }
        if (rc != 0 || best == NULL)
            continue;
        json_t *o = json_object(), *recommended = json_object();
        for (size_t k = 0; k < 4; k++)
            json_object_set_new(recommended, PARAMETERS[k],
                                fr_json_number(value_of(best->parameters, k)));
        json_object_set_new(o, "task", json_string(e->task));
        json_object_set_new(o, "model",
                            json_string(e->model_name != NULL ? e->model_name : e->model_hash));
        json_object_set_new(o, "recommended", recommended);
        json_object_set_new(o, "by", json_string("best result"));
        json_object_set_new(o, "metric", json_string(best->outcome.metric));
        json_object_set_new(o, "score", fr_json_number(best->outcome.value));
        json_object_set_new(o, "ci_low", fr_json_number(best->outcome.low));
        json_object_set_new(o, "ci_high", fr_json_number(best->outcome.high));
        json_object_set_new(o, "rows", json_integer((json_int_t)best->outcome.n));
        json_object_set_new(o, "tried", effort_json(&whole));
        json_array_append_new(tasks, o);
    }
    if (rc != 0)
        json_decref(tasks);
    else
        *out = json_pack("{s:o}", "tasks", tasks);
    return rc;
}
