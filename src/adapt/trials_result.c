/* What an experiment came to, as JSON with stable keys. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/outcome.h"
#include "adapt/trials_priv.h"
#include "base/mem.h"

fr_trial_sums fr_trial_sum(const fr_bench *b, const fr_trial_arm *arm, const fr_data *rows,
                           const uint32_t *order, size_t n)
{
    fr_trial_sums s = { .energy = fr_energy_zero() };
    for (size_t i = 0; i < n; i++) {
        const fr_kept_answer *a =
            fr_kept_find(&b->kept, arm->key, fr_trial_row(&rows->at[order != NULL ? order[i] : i]));
        if (a == NULL)
            continue;
        s.n++;
        s.calls += a->calls;
        s.samples += a->samples;
        s.prompt_tokens += a->prompt_tokens;
        s.cached_tokens += a->cached_tokens;
        s.completion_tokens += a->completion_tokens;
        s.duration_s += a->duration_s;
        s.cpu_s += a->cpu_s;
        fr_energy e = { a->energy_j, a->energy_low_j, a->energy_high_j, a->method, NULL };
        s.energy = fr_energy_add(s.energy, a->method == FR_METHOD_NONE ? fr_energy_unknown() : e);
    }
    return s;
}

static json_t *per_row(double sum, size_t n)
{
    return fr_json_number(n != 0 ? sum / (double)n : NAN);
}

static void put_sums(json_t *o, const fr_trial_sums *s)
{
    json_object_set_new(o, "calls_per_row", per_row((double)s->calls, s->n));
    if (s->samples != 0)
        json_object_set_new(o, "samples_per_row", per_row((double)s->samples, s->n));
    json_object_set_new(o, "prompt_tokens_per_row", per_row((double)s->prompt_tokens, s->n));
    json_object_set_new(o, "cached_tokens_per_row", per_row((double)s->cached_tokens, s->n));
    json_object_set_new(o, "completion_tokens_per_row",
                        per_row((double)s->completion_tokens, s->n));
    json_object_set_new(o, "duration_s_per_row", per_row(s->duration_s, s->n));
    json_object_set_new(o, "cpu_s_per_row", per_row(s->cpu_s, s->n));
    json_object_set_new(o, "energy_j_per_row", per_row(s->energy.value_j, s->n));
    json_object_set_new(o, "energy_low_j_per_row", per_row(s->energy.low_j, s->n));
    json_object_set_new(o, "energy_high_j_per_row", per_row(s->energy.high_j, s->n));
    json_object_set_new(o, "method", json_string(fr_method_name(s->energy.method)));
}

static json_t *parameters_json(const fr_trial_parameters *p)
{
    json_t *o = json_object();
    json_object_set_new(o, "temperature", json_real(p->temperature));
    json_object_set_new(o, "top_p", json_real(p->top_p != 0 ? p->top_p : 1));
    json_object_set_new(o, "top_k", json_integer(p->top_k));
    json_object_set_new(o, "max_tokens", json_integer((json_int_t)p->max_tokens));
    return o;
}

static json_t *arm_json(fr_bench *b, const fr_halving_result *r, size_t i)
{
    const fr_trial_arm *arm = &b->arms[i];
    const fr_halving_arm *h = &r->arms[i];
    const fr_technique *q = &arm->variant->technique;
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(arm->name));
    json_object_set_new(o, "model", json_string(b->t->task->models[arm->model].name));
    json_object_set_new(o, "technique", json_string(fr_technique_name(q->kind)));
    json_object_set_new(o, "prompt",
                        arm->variant->prompt_path != NULL ? json_string(arm->variant->prompt_path)
                                                          : json_null());
    json_object_set_new(o, "shots", json_integer((json_int_t)q->n_shots));
    json_object_set_new(
        o, "choose", q->n_shots != 0 ? json_string(fr_shot_choice_name(q->choice)) : json_null());
    json_object_set_new(o, "instruction",
                        arm->instruction != NULL ? json_string(arm->instruction) : json_null());
    json_object_set_new(o, "origin", arm->origin != NULL ? json_string(arm->origin) : json_null());
    json_object_set_new(o, "parameters", parameters_json(arm->parameters));
    fr_interval quality = fr_interval_of(h->scores, h->n_rows, b->t->seed);
    json_object_set_new(o, "rows", json_integer((json_int_t)h->n_rows));
    json_object_set_new(o, "score", fr_json_number(quality.value));
    json_object_set_new(o, "ci_low", fr_json_number(quality.low));
    json_object_set_new(o, "ci_high", fr_json_number(quality.high));
    json_object_set_new(o, "left_in_round", json_integer((json_int_t)h->left_in_round));
    fr_trial_sums sums = fr_trial_sum(b, arm, &b->t->task->dev, r->rows, h->n_rows);
    put_sums(o, &sums);
    return o;
}

/* The chosen one beside another, on the rows of both. */
static json_t *lead_json(fr_bench *b, const fr_halving_result *r, size_t chosen, size_t other)
{
    const fr_halving_arm *x = &r->arms[chosen], *y = &r->arms[other];
    double p = 1;
    size_t n = FR_MIN(x->n_rows, y->n_rows);
    fr_interval lead =
        fr_lead_of(x->scores, y->scores, n, b->t->task->metric.better, b->t->seed, &p);
    json_t *o = json_pack("{s:s, s:I}", "over", b->arms[other].name, "rows", (json_int_t)n);
    json_object_set_new(o, "difference", fr_json_number(lead.value));
    json_object_set_new(o, "ci_low", fr_json_number(lead.low));
    json_object_set_new(o, "ci_high", fr_json_number(lead.high));
    json_object_set_new(o, "p", fr_json_number(p));
    json_object_set_new(o, "tie", json_boolean(fr_interval_is_tie(lead) || p >= 0.05));
    return o;
}

static json_t *confirmed_json(fr_bench *b, size_t chosen, const fr_interval *q)
{
    const fr_task *task = b->t->task;
    json_t *o = json_object();
    json_object_set_new(o, "rows", json_integer((json_int_t)q->n));
    json_object_set_new(o, "score", fr_json_number(q->value));
    json_object_set_new(o, "ci_low", fr_json_number(q->low));
    json_object_set_new(o, "ci_high", fr_json_number(q->high));
    fr_target met =
        isnan(task->target) ? FR_TARGET_NONE : fr_target_of(*q, task->metric.better, task->target);
    json_object_set_new(o, "target", json_string(fr_target_name(met)));
    fr_trial_sums sums = fr_trial_sum(b, &b->arms[chosen], &task->eval, NULL, task->eval.n);
    put_sums(o, &sums);
    return o;
}

json_t *fr_trial_result(fr_bench *b, const fr_halving_result *r, size_t chosen, bool by_target,
                        const fr_interval *confirmed)
{
    const fr_trials *t = b->t;
    size_t full = b->n_arms * r->n_rows;
    json_t *o = json_object(), *arms = json_array(), *leads = json_array();
    json_object_set_new(o, "experiment", json_string(t->name));
    json_object_set_new(o, "task", json_string(t->task->name));
    json_object_set_new(o, "metric", json_string(t->task->metric.name));
    json_object_set_new(o, "lower_is_better",
                        json_boolean(t->task->metric.better == FR_BETTER_LOWER));
    json_object_set_new(o, "target", fr_json_number(t->task->target));
    for (size_t i = 0; i < b->n_arms; i++)
        json_array_append_new(arms, arm_json(b, r, r->order[i]));
    json_object_set_new(o, "arms", arms);
    json_object_set_new(o, "chosen", json_string(b->arms[chosen].name));
    json_object_set_new(o, "chosen_by", json_string(by_target ? "target" : "score"));
    size_t next = r->order[0] != chosen || b->n_arms == 1 ? r->order[0] : r->order[1];
    if (next != chosen) /* the one that stands nearest, and the first of the file */
        json_array_append_new(leads, lead_json(b, r, chosen, next));
    if (chosen != 0 && next != 0)
        json_array_append_new(leads, lead_json(b, r, chosen, 0));
    json_object_set_new(o, "leads", leads);
    json_object_set_new(o, "rounds", json_integer((json_int_t)r->n_rounds));
    json_object_set_new(o, "rows", json_integer((json_int_t)r->n_rows));
    json_object_set_new(o, "scored", json_integer((json_int_t)r->n_scored));
    json_object_set_new(o, "scored_ratio",
                        fr_json_number(full != 0 ? (double)r->n_scored / (double)full : NAN));
    json_object_set_new(o, "confirmed", confirmed_json(b, chosen, confirmed));
    json_object_set_new(o, "calls", json_integer((json_int_t)b->calls));
    json_object_set_new(o, "reused_rows", json_integer((json_int_t)b->reused));
    return o;
}
