#include "adapt/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MOST_REQUESTS 1e12

static double end_of(fr_energy e, int end)
{
    return end < 0 ? e.low_j : end > 0 ? e.high_j : e.value_j;
}

fr_option_cost fr_outcome_cost(const fr_outcome *o, int end)
{
    return (fr_option_cost){ .build_j = end_of(o->build.total, end),
                             .load_j = end_of(o->load.total, end),
                             .request_j = end_of(o->request.total, end),
                             .request_active_j = end_of(o->request.active, end) };
}

fr_forecast fr_horizon_forecast(const fr_horizon *h, const fr_rung_forecast *f, double requests)
{
    double j[3];
    for (int end = 0; end < 3; end++) {
        double build = end == 0 ? f->build.low_j : end == 1 ? f->build.j : f->build.high_j;
        double load = end == 0 ? f->load.low_j : end == 1 ? f->load.j : f->load.high_j;
        double request = end == 0 ? f->request.low_j : end == 1 ? f->request.j : f->request.high_j;
        double idle_w = h->idle_power_w;
        /* of a request's power, what is beyond idle is its own work */
        double active = fmax(request - idle_w * f->request.s, 0.2 * request);
        if (isnan(active))
            active = request;
        j[end] = fr_horizon_j(h,
                              &(fr_option_cost){ .build_j = build,
                                                 .load_j = load,
                                                 .request_j = request,
                                                 .request_active_j = active },
                              requests);
    }
    return (fr_forecast){ f->build.s + requests * f->request.s, j[1], j[0], j[2] };
}

fr_target fr_outcome_target(const fr_task *task, const fr_outcome *o)
{
    if (!o->has_quality || isnan(task->target))
        return FR_TARGET_NONE;
    return fr_target_of(o->quality, task->metric.better, task->target);
}

/* ---- horizon of one rung ------------------------------------------------------------------ */

typedef struct {
    fr_energy energy;
    double carbon_g, cpu_s, seconds;
} horizon_figure;

static horizon_figure horizon_of(const fr_verdict_parts *p, const fr_outcome *o)
{
    fr_energy e = { .method = fr_energy_add(o->build.total, o->request.total).method,
                    .source = o->request.total.source };
    fr_option_cost cost[3];
    for (int end = -1; end <= 1; end++)
        cost[end + 1] = fr_outcome_cost(o, end);
    e.low_j = fr_horizon_j(&p->horizon, &cost[0], p->requests);
    e.value_j = fr_horizon_j(&p->horizon, &cost[1], p->requests);
    e.high_j = fr_horizon_j(&p->horizon, &cost[2], p->requests);
    /* the machine is taken for as long as it works; awake day and night: for the whole time */
    double loads = fr_horizon_loads(&p->horizon, &cost[1], p->requests);
    double seconds =
        o->build.duration_s + p->requests * o->request.duration_s + loads * o->load.duration_s;
    double cpu_s = o->build.cpu_s + p->requests * o->request.cpu_s + loads * o->load.cpu_s;
    double reserved_s = fr_horizon_is_awake(&p->horizon, &cost[1], p->requests)
                            ? o->build.duration_s + p->horizon.days * 86400
                            : seconds;
    fr_carbon carbon = fr_carbon_of(e, p->place, fr_embodied_g(&p->host, reserved_s));
    return (horizon_figure){ e, carbon.total_g, cpu_s, seconds };
}

/* ---- JSON --------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *target_json(fr_target t, bool at_budget)
{
    if (t == FR_TARGET_MET)
        return json_true();
    /* cut off at its budget, a rung has not shown that it cannot */
    return t == FR_TARGET_MISSED && !at_budget ? json_false() : json_null();
}

static json_t *ends_json(const fr_outcome *o, const horizon_figure *h, int end)
{
    json_t *e = json_object();
    json_object_set_new(e, "build", fr_json_number(end_of(o->build.total, end)));
    json_object_set_new(e, "load", fr_json_number(end_of(o->load.total, end)));
    json_object_set_new(e, "per_request", fr_json_number(end_of(o->request.total, end)));
    json_object_set_new(e, "horizon", fr_json_number(end_of(h->energy, end)));
    return e;
}

static json_t *predicted_json(const fr_verdict_rung *v)
{
    json_t *o = json_object();
    json_object_set_new(o, "build_j", fr_json_number(v->forecast.build.j));
    json_object_set_new(o, "build_s", fr_json_number(v->forecast.build.s));
    json_object_set_new(o, "load_j", fr_json_number(v->forecast.load.j));
    json_object_set_new(o, "per_request_j", fr_json_number(v->forecast.request.j));
    json_object_set_new(o, "per_request_s", fr_json_number(v->forecast.request.s));
    json_object_set_new(o, "run_j", fr_json_number(v->run_j));
    json_object_set_new(o, "run_s", fr_json_number(v->run_s));
    json_object_set_new(o, "horizon_j", fr_json_number(v->horizon.j));
    json_object_set_new(o, "horizon_low_j", fr_json_number(v->horizon.low_j));
    json_object_set_new(o, "horizon_high_j", fr_json_number(v->horizon.high_j));
    return o;
}

static bool was_tried(const fr_outcome *o)
{
    return o->has_quality || o->request.total.method != FR_METHOD_NONE;
}

/* A part of a rung that failed or was cut off has no request to be divided by, but was spent. */
static json_t *part_json(const fr_outcome *o, fr_spent part)
{
    bool spent = part.total.value_j > 0 || isnan(part.total.value_j);
    return was_tried(o) || spent ? fr_json_number(part.total.value_j) : json_null();
}

static void put_figures(json_t *o, const fr_verdict_rung *v, const horizon_figure *h,
                        fr_grade grade)
{
    const fr_outcome *out = v->outcome;
    bool tried = was_tried(out);
    json_t *energy = json_object(), *carbon = json_object();
    json_object_set_new(energy, "predicted", fr_json_number(v->horizon.j));
    json_object_set_new(energy, "predicted_low", fr_json_number(v->horizon.low_j));
    json_object_set_new(energy, "predicted_high", fr_json_number(v->horizon.high_j));
    json_object_set_new(energy, "build", part_json(out, out->build));
    json_object_set_new(energy, "load", part_json(out, out->load));
    json_object_set_new(energy, "evaluate", part_json(out, out->evaluate));
    json_object_set_new(energy, "per_request",
                        fr_json_number(tried ? out->request.total.value_j : NAN));
    json_object_set_new(energy, "per_request_active", /* without the idle of its seconds */
                        fr_json_number(tried ? out->request.active.value_j : NAN));
    json_object_set_new(energy, "horizon", fr_json_number(tried ? h->energy.value_j : NAN));
    json_object_set_new(o, "energy_j", energy);
    json_object_set_new(o, "energy_low_j", tried ? ends_json(out, h, -1) : json_null());
    json_object_set_new(o, "energy_high_j", tried ? ends_json(out, h, 1) : json_null());
    json_object_set_new(o, "load_j", fr_json_number(tried ? out->load.total.value_j : NAN));
    json_object_set_new(carbon, "build", fr_json_number(tried ? out->build.carbon_g : NAN));
    json_object_set_new(carbon, "per_request", fr_json_number(tried ? out->request.carbon_g : NAN));
    json_object_set_new(carbon, "horizon", fr_json_number(tried ? h->carbon_g : NAN));
    json_object_set_new(o, "carbon_g", carbon);
    json_object_set_new(o, "cpu_s",
                        fr_json_number(tried ? out->build.cpu_s + out->evaluate.cpu_s : NAN));
    json_object_set_new(o, "cpu_s_per_request", fr_json_number(tried ? out->request.cpu_s : NAN));
    json_object_set_new(o, "cpu_s_horizon", fr_json_number(tried ? h->cpu_s : NAN));
    json_object_set_new(o, "duration_s",
                        fr_json_number(tried ? out->build.duration_s + out->load.duration_s +
                                                   out->evaluate.duration_s
                                             : NAN));
    json_object_set_new(o, "seconds_per_request",
                        fr_json_number(tried ? out->request.duration_s : NAN));
    json_object_set_new(o, "measured_requests", json_integer((json_int_t)out->n_measured));
    json_object_set_new(o, "measured_s", fr_json_number(out->measured_s));
    json_object_set_new(o, "grade", json_string(fr_grade_name(grade)));
    json_object_set_new(o, "predicted", predicted_json(v));
}

static json_t *rung_json(const fr_verdict_parts *p, const fr_verdict_rung *v,
                         const horizon_figure *h, fr_grade grade)
{
    const fr_rung *r = v->rung;
    const fr_outcome *out = v->outcome;
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(r->name));
    json_object_set_new(o, "strategy", json_string(r->strategy->name));
    json_object_set_new(o, "model",
                        r->model != NULL && r->kind->needs_model ? json_string(r->model->written)
                                                                 : json_null());
    json_object_set_new(o, "method",
                        was_tried(out) && out->request.total.method != FR_METHOD_NONE
                            ? json_string(fr_method_name(h->energy.method))
                            : json_null());
    if (out->has_quality) {
        json_t *q = json_object();
        json_object_set_new(q, "metric", json_string(p->task->metric.name));
        json_object_set_new(q, "value", fr_json_number(out->quality.value));
        json_object_set_new(q, "ci_low", fr_json_number(out->quality.low));
        json_object_set_new(q, "ci_high", fr_json_number(out->quality.high));
        json_object_set_new(q, "n", json_integer((json_int_t)out->quality.n));
        json_object_set_new(o, "quality", q);
    } else {
        json_object_set_new(o, "quality", json_null());
    }
    put_figures(o, v, h, grade);
    fr_target t = fr_outcome_target(p->task, out);
    json_object_set_new(o, "met",
                        out->has_quality ? target_json(t, strcmp(out->status, "budget") == 0)
                                         : json_false());
    json_object_set_new(o, "target_state", json_string(fr_target_name(t)));
    json_object_set_new(o, "status", json_string(out->status[0] != '\0' ? out->status : "skipped"));
    json_object_set_new(o, "reason", text_or_null(out->reason));
    json_object_set_new(o, "artifact", out->has_artifact ? json_string(r->dir) : json_null());
    json_object_set_new(o, "reused", json_boolean(out->reused));
    json_object_set(o, "chosen_on_dev", out->chosen != NULL ? out->chosen : json_null());
    if (out->training != NULL)
        json_object_set(o, "training", out->training);
    return o;
}

json_t *fr_verdict_rung_json(const fr_verdict_parts *p, size_t i)
{
    horizon_figure h = horizon_of(p, p->rungs[i].outcome);
    return rung_json(p, &p->rungs[i], &h, fr_energy_grade(h.energy, h.energy));
}

static json_t *grid_json(const fr_place *place)
{
    json_t *g = json_object();
    json_object_set_new(g, "zone", text_or_null(place->zone));
    json_object_set_new(g, "region", text_or_null(place->region));
    json_object_set_new(g, "intensity_g_per_kwh", fr_json_number(place->intensity_g_per_kwh));
    json_object_set_new(g, "basis", text_or_null(place->basis));
    json_object_set_new(g, "year", place->year != 0 ? json_integer(place->year) : json_null());
    json_object_set_new(g, "source", text_or_null(place->source));
    json_object_set_new(g, "assumed", json_boolean(place->assumed));
    return g;
}

static json_t *horizon_json(const fr_verdict_parts *p)
{
    static const char *const WAKE[] = {
        "", "the host never sleeps: its idle power counts day and night",
        "each request wakes the model, or it stays awake until the next one, whichever is cheaper",
        "requests are answered once a day: one load a day, no idle between"
    };
    json_t *h = json_object();
    json_object_set_new(h, "requests", fr_json_number(p->requests));
    json_object_set_new(h, "requests_per_day", fr_json_number(p->task->requests_per_day));
    json_object_set_new(h, "days", fr_json_number(p->horizon.days));
    json_object_set_new(h, "hosting", json_string(fr_hosting_name(p->horizon.hosting)));
    json_object_set_new(h, "idle_power_w", fr_json_number(p->horizon.idle_power_w));
    json_object_set_new(h, "wake", json_string(WAKE[p->horizon.hosting]));
    return h;
}

/* ---- break-even --------------------------------------------------------------------------- */

/* All crossings among the rungs that met the target; returns the one nearest to today's number. */
static double put_crossings(const fr_verdict_parts *p, json_t *list)
{
    fr_option_cost *costs = FR_NEW_N(fr_option_cost, p->n);
    size_t *who = FR_NEW_N(size_t, p->n), n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (fr_outcome_target(p->task, p->rungs[i].outcome) != FR_TARGET_MET)
            continue;
        who[n] = i;
        costs[n++] = fr_outcome_cost(p->rungs[i].outcome, 0);
    }
    fr_crossing found[64];
    size_t n_found =
        fr_horizon_crossings(&p->horizon, costs, n, MOST_REQUESTS, found, FR_COUNT_OF(found));
    double nearest = NAN;
    for (size_t i = 0; i < FR_MIN(n_found, FR_COUNT_OF(found)); i++) {
        double requests = ceil(found[i].requests);
        json_array_append_new(list, json_pack("{s:f,s:s,s:s}", "requests", requests, "from",
                                              p->rungs[who[found[i].from]].rung->name, "to",
                                              p->rungs[who[found[i].to]].rung->name));
        if (isnan(nearest) || fabs(log(requests / p->requests)) < fabs(log(nearest / p->requests)))
            nearest = requests;
    }
    free(costs);
    free(who);
    return nearest;
}

/* ---- notes -------------------------------------------------------------------------------- */

static void FR_PRINTF(2, 3) note(json_t *notes, const char *fmt, ...)
{
    char line[700];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    json_array_append_new(notes, json_string(line));
}

/* Where the value reaches the target and its interval does not, more rows may tell. */
static void note_nearest(const fr_verdict_parts *p, const fr_verdict_rung *r, json_t *notes)
{
    fr_interval q = r->outcome->quality;
    size_t rows = fr_target_rows(q, p->task->metric.better, p->task->target);
    char more[160] = "";
    size_t digits = rows > 1000 ? 100 : 10;
    if (rows > q.n)
        snprintf(more, sizeof more,
                 "; the whole interval must reach it, which about %zu evaluation rows could tell "
                 "(now %zu)",
                 (rows + digits - 1) / digits * digits, q.n);
    note(notes, "no rung met the target of %g; the nearest is %s with %s %.3f (%.3f to %.3f)%s",
         p->task->target, r->rung->name, p->task->metric.name, q.value, q.low, q.high, more);
}

static size_t count_unfit(const fr_verdict_parts *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += strcmp(p->rungs[i].outcome->status, "unfit") == 0;
    return n;
}

static void put_notes(const fr_verdict_parts *p, size_t chosen, bool modelled, const json_t *ties,
                      json_t *notes)
{
    if (p->demonstration)
        note(notes, "demonstration model: the order of rungs holds for this model only");
    for (size_t i = 0; i < p->task->n_warnings; i++)
        note(notes, "%s", p->task->warnings[i]);
    if (modelled)
        note(notes, "energy is modelled here, not counted (grade B): read the CPU seconds beside "
                    "it; no rung is said to take less energy than another");
    if (p->meter_note != NULL && p->meter_note[0] != '\0')
        note(notes, "meter: %s", p->meter_note);
    if (p->others_ratio > 0.1)
        note(notes,
             "others kept %.0f%% of this machine busy meanwhile: seconds, and the idle energy in "
             "them, are longer than on a quiet one; CPU seconds are not",
             100 * p->others_ratio);
    if (json_array_size(ties) != 0)
        note(notes,
             "a tie: the ranges of the chosen rung and of %zu other%s that met the target "
             "overlap",
             json_array_size(ties), json_array_size(ties) == 1 ? "" : "s");
    if (isnan(p->task->target))
        note(notes, "the task states no target, so no rung is chosen");
    if (p->place->assumed)
        note(notes, "no place was given: the world's average grid is assumed");
    for (size_t i = 0; i < p->n; i++) {
        const fr_outcome *o = p->rungs[i].outcome;
        const fr_rung *r = p->rungs[i].rung;
        if (o->has_quality && !o->energy_inside)
            note(notes,
                 "%s: what the endpoint draws is outside this meter, so its energy is "
                 "unknown and it cannot be ranked by it",
                 r->name);
        for (size_t k = 0; k < json_array_size(o->notes); k++)
            note(notes, "%s: %s", r->name, json_string_value(json_array_get(o->notes, k)));
    }
    if (p->n != 0 && count_unfit(p) == p->n)
        note(notes, "no rung could be tried: name a model, or documents for answers to stand in; "
                    "if the outputs are a set of labels, say kind: label");
    if (chosen == FR_CLIMB_NONE && !isnan(p->task->target)) {
        size_t best = FR_CLIMB_NONE;
        bool lower = p->task->metric.better == FR_BETTER_LOWER;
        for (size_t i = 0; i < p->n; i++) {
            const fr_outcome *o = p->rungs[i].outcome;
            if (!o->has_quality)
                continue;
            double a = o->quality.value;
            double b = best != FR_CLIMB_NONE ? p->rungs[best].outcome->quality.value : NAN;
            if (best == FR_CLIMB_NONE || (lower ? a < b : a > b))
                best = i;
        }
        if (best != FR_CLIMB_NONE)
            note_nearest(p, &p->rungs[best], notes);
    }
}

json_t *fr_verdict_make(const fr_verdict_parts *p)
{
    fr_step *steps = FR_NEW_N(fr_step, p->n);
    horizon_figure *h = FR_NEW_N(horizon_figure, p->n);
    for (size_t i = 0; i < p->n; i++) {
        const fr_outcome *o = p->rungs[i].outcome;
        h[i] = horizon_of(p, o);
        steps[i] =
            (fr_step){ .state = fr_outcome_target(p->task, o) == FR_TARGET_MET ? FR_STEP_MET
                                                                               : FR_STEP_MISSED,
                       .horizon_j = h[i].energy.value_j };
    }
    size_t chosen = fr_climb_chosen(steps, p->n);
    json_t *v = json_object(), *rungs = json_array(), *ties = json_array(), *notes = json_array();
    json_t *crossings = json_array(), *energy = json_object();
    bool modelled = false;
    for (size_t i = 0; i < p->n; i++) {
        bool tried = was_tried(p->rungs[i].outcome) && !isnan(h[i].energy.value_j);
        size_t beside = chosen != FR_CLIMB_NONE ? chosen : i;
        fr_grade grade = tried ? fr_energy_grade(h[i].energy, h[beside].energy) : FR_GRADE_NONE;
        modelled = modelled || grade == FR_GRADE_B;
        json_array_append_new(rungs, rung_json(p, &p->rungs[i], &h[i], grade));
        if (chosen != FR_CLIMB_NONE && i != chosen && steps[i].state == FR_STEP_MET &&
            h[i].energy.low_j <= h[chosen].energy.high_j &&
            h[chosen].energy.low_j <= h[i].energy.high_j)
            json_array_append_new(ties, json_string(p->rungs[i].rung->name));
    }
    double break_even = put_crossings(p, crossings);
    put_notes(p, chosen, modelled, ties, notes);
    json_object_set_new(v, "schema", json_integer(1));
    json_object_set_new(v, "run", text_or_null(p->run_id));
    json_object_set_new(v, "task", json_string(p->task->name));
    static const char *const KINDS[] = { "none", "label", "answer", "text" };
    json_object_set_new(v, "kind", json_string(KINDS[p->task->kind]));
    json_object_set_new(v, "metric", json_string(p->task->metric.name));
    json_object_set_new(v, "target", fr_json_number(p->task->target));
    json_object_set_new(v, "stop", json_string(p->never_stop ? "never" : "target"));
    json_object_set_new(v, "met", json_boolean(chosen != FR_CLIMB_NONE));
    json_object_set_new(v, "chosen",
                        chosen != FR_CLIMB_NONE ? json_string(p->rungs[chosen].rung->name)
                                                : json_null());
    json_object_set_new(v, "break_even_requests", fr_json_number(break_even));
    json_object_set_new(v, "break_even", crossings);
    json_object_set_new(v, "ties", ties);
    json_object_set_new(v, "grid", grid_json(p->place));
    json_object_set_new(v, "pue", fr_json_number(p->place->pue));
    json_object_set_new(v, "horizon", horizon_json(p));
    json_object_set_new(v, "rungs", rungs);
    json_object_set_new(energy, "total", fr_json_number(p->total.value_j));
    json_object_set_new(energy, "overhead", fr_json_number(p->overhead.value_j));
    json_object_set_new(energy, "remainder", fr_json_number(p->remainder.value_j));
    json_object_set_new(energy, "earlier", fr_json_number(p->earlier.value_j));
    json_object_set_new(v, "energy_j", energy);
    json_object_set_new(v, "method", json_string(fr_method_name(p->total.method)));
    json_object_set_new(v, "demonstration", json_boolean(p->demonstration));
    json_object_set_new(v, "notes", notes);
    json_object_set_new(v, "out", json_string(p->out_dir));
    free(steps);
    free(h);
    return v;
}
