/* The climb itself: rungs in the order that climb.h says, each in a phase of one metered run. */
#include "adapt/adapt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/artifact.h"
#include "adapt/climb.h"
#include "adapt/evaluate.h"
#include "adapt/folder.h"
#include "adapt/outcome.h"
#include "adapt/probe.h"
#include "adapt/rung.h"
#include "adapt/verdict.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "infer/engine.h"
#include "rag/rag.h"
#include "report/report.h"

#define EMBEDDED_MODEL   "frugal-tiny"
#define NOTE_TRAINING_NS 3000000000
#define BUDGET_CHECK_NS  250000000

/* What the climb knows of one rung. */
typedef struct {
    fr_rung *rung;
    fr_outcome outcome;
    char key[65];
    fr_rung_forecast forecast;
    fr_forecast horizon;
    double run_s, run_j;
    bool is_unfit;
} entry;

typedef struct {
    fr_probe probe;
    char hash[65];
    char *name; /* of the model, by its file; NULL: not looked at */
    bool probed;
    fr_err broken; /* code 0: fine */
} model_state;

typedef struct {
    fr_task *task;
    const fr_adapt_options *options;
    char *out_dir;
    int lock;
    int threads;
    fr_run *run;
    entry *rungs;
    size_t n;
    model_state *models;
    char data_hash[65], documents_hash[65], embed_hash[65];
    size_t documents_bytes;
    double idle_power_w, power_w;
    double requests;
    fr_energy overhead; /* our own phases, and what rungs did outside their named parts */
    fr_energy earlier;
    double earlier_s, earlier_g;
    /* budgets */
    fr_progress progress;
    int64_t begin_ns, checked_ns;
    /* a training in progress, whose joules are noted down as it goes */
    const fr_rung *training;
    fr_spent trained_before; /* by interrupted runs */
    fr_energy training_from; /* of the run, when it began */
    double training_cpu_s;
    int64_t training_ns, noted_ns;
    char spent[128]; /* which budget is spent; "" : none */
} climb;

/* ---- telling ------------------------------------------------------------------------------ */

static void tell(const climb *c, const char *event, const json_t *object)
{
    if (c->options->on_event != NULL)
        c->options->on_event(c->options->user, event, object);
}

static void tell_warnings(const climb *c)
{
    for (size_t i = 0; i < c->task->n_warnings; i++) {
        json_t *o = json_pack("{s:s}", "text", c->task->warnings[i]);
        tell(c, "warning", o);
        json_decref(o);
    }
}

/* ---- budgets ------------------------------------------------------------------------------ */

static double elapsed_s(const climb *c)
{
    return (double)(fr_now_monotonic_ns() - c->begin_ns) * 1e-9 + c->earlier_s;
}

static void check_budget(climb *c)
{
    int64_t now_ns = fr_now_monotonic_ns();
    if (c->spent[0] != '\0' || c->run == NULL || now_ns - c->checked_ns < BUDGET_CHECK_NS)
        return;
    c->checked_ns = now_ns;
    const fr_task *t = c->task;
    if (t->budget.time_s > 0 && elapsed_s(c) > t->budget.time_s)
        snprintf(c->spent, sizeof(c->spent), "the budget of %.0f s is spent", t->budget.time_s);
    if (t->budget.energy_j <= 0 && t->budget.carbon_g <= 0)
        return;
    fr_energy so_far = fr_energy_add(fr_run_so_far(c->run), c->earlier);
    if (t->budget.energy_j > 0 && so_far.value_j > t->budget.energy_j)
        snprintf(c->spent, sizeof(c->spent), "the budget of %.0f J is spent", t->budget.energy_j);
    double grams = fr_carbon_of(so_far, fr_run_place(c->run), 0).operational_g;
    if (t->budget.carbon_g > 0 && grams > t->budget.carbon_g)
        snprintf(c->spent, sizeof(c->spent), "the budget of %g gCO2e is spent", t->budget.carbon_g);
}

/* What the training in progress has taken so far, by the run's own sum; the exact figure follows
 * when its phase ends. Written now and then, so that even a kill loses a few seconds of it only. */
static void note_training(climb *c)
{
    int64_t now_ns = fr_now_monotonic_ns();
    if (c->training == NULL || now_ns - c->noted_ns < NOTE_TRAINING_NS)
        return;
    c->noted_ns = now_ns;
    fr_energy so_far = fr_run_so_far(c->run);
    double seconds = (double)(now_ns - c->training_ns) * 1e-9;
    fr_energy took = { .value_j = so_far.value_j - c->training_from.value_j,
                       .low_j = so_far.low_j - c->training_from.low_j,
                       .high_j = so_far.high_j - c->training_from.high_j,
                       .method = so_far.method };
    fr_energy at_work = took; /* of which idle: what was probed */
    at_work.value_j = fmax(0, took.value_j - c->idle_power_w * seconds);
    at_work.low_j = fmin(at_work.low_j, at_work.value_j);
    fr_spent here = { .active = at_work,
                      .total = took,
                      .carbon_g = fr_carbon_of(took, fr_run_place(c->run), 0).total_g,
                      .cpu_s = fr_cpu_self_s() - c->training_cpu_s,
                      .duration_s = seconds };
    fr_spent all = fr_spent_add(c->trained_before, here);
    fr_partial_write(c->training->dir, &all, NULL);
}

static bool stopped(void *user)
{
    climb *c = user;
    note_training(c);
    if (fr_progress_stopped(c->options->progress))
        return true;
    check_budget(c);
    return c->spent[0] != '\0';
}

static void step(void *user, const char *what, double done, double total, const char *unit,
                 const char *note)
{
    climb *c = user;
    fr_progress_step(c->options->progress, what, done, total, unit, note);
}

/* Seconds that a training may take; 0: no bound. A budget in joules or grams is one in time, at the
 * power that was measured; a part is left for asking what was learnt. */
static double training_time(const climb *c)
{
    const fr_task *t = c->task;
    double most = c->options->train_max_s > 0 ? c->options->train_max_s : INFINITY;
    if (t->budget.time_s > 0)
        most = fmin(most, 0.8 * (t->budget.time_s - elapsed_s(c)));
    if (c->power_w > 0 && (t->budget.energy_j > 0 || t->budget.carbon_g > 0)) {
        fr_energy so_far = fr_energy_add(fr_run_so_far(c->run), c->earlier);
        if (t->budget.energy_j > 0)
            most = fmin(most, 0.8 * (t->budget.energy_j - so_far.value_j) / c->power_w);
        const fr_place *place = fr_run_place(c->run);
        double g_per_j = place->intensity_g_per_kwh * place->pue / 3.6e6;
        if (t->budget.carbon_g > 0 && g_per_j > 0)
            most = fmin(most, 0.8 * (t->budget.carbon_g / g_per_j - so_far.value_j) / c->power_w);
    }
    return isinf(most) ? 0 : fmax(most, 1);
}

/* ---- setting up --------------------------------------------------------------------------- */

static bool is_wanted(const climb *c, const char *strategy, const char *name)
{
    const char *const *only = c->options->only;
    if (only == NULL || only[0] == NULL)
        return true;
    for (size_t i = 0; only[i] != NULL; i++) {
        if (strcmp(only[i], strategy) == 0 || strcmp(only[i], name) == 0)
            return true;
    }
    return false;
}

static double measure_s(const climb *c)
{
    return c->options->measure_s > 0 ? c->options->measure_s : FR_EVALUATE_S;
}

/* A name that --only gives must be one of the task's. */
static int check_only(const climb *c, fr_err *err)
{
    const char *const *only = c->options->only;
    for (size_t i = 0; only != NULL && only[i] != NULL; i++) {
        bool known = false;
        for (size_t k = 0; k < c->n && !known; k++)
            known = strcmp(only[i], c->rungs[k].rung->name) == 0 ||
                    strcmp(only[i], c->rungs[k].rung->strategy->name) == 0;
        if (known)
            continue;
        FR_AUTO(fr_buf) names = { 0 };
        for (size_t k = 0; k < c->task->n_strategies; k++)
            fr_buf_put_f(&names, "%s%s", k != 0 ? ", " : "", c->task->strategies[k].name);
        return fr_fail(err, FR_E_USAGE, NULL, "no rung '%s' in this task: it has %s", only[i],
                       fr_buf_text(&names));
    }
    return 0;
}

static void add_rung(climb *c, const fr_task_strategy *s, const fr_task_model *model,
                     bool name_model)
{
    const fr_rung_kind *kind = s->own ? &FR_RUNG_COMMAND : fr_rung_kind_of(s->name);
    const fr_task *t = c->task;
    fr_rung *r = fr_rung_new(kind, s, model, name_model, c->out_dir);
    if (!is_wanted(c, s->name, r->name)) {
        fr_rung_free(r);
        return;
    }
    r->with = (fr_material){ .kind = t->kind,
                             .train = &t->train,
                             .dev = &t->dev,
                             .labels = t->labels,
                             .n_labels = t->n_labels,
                             .documents = t->documents_path,
                             .documents_hash = c->documents_hash,
                             .documents_bytes = c->documents_bytes,
                             .embed = t->has_embed ? &t->embed : NULL,
                             .embed_hash = c->embed_hash,
                             .metric = &t->metric,
                             .task_dir = t->dir };
    r->seed = c->options->seed;
    r->threads = c->threads;
    r->together = t->hosting == FR_HOSTING_BATCH;
    r->train_max_s = c->options->train_max_s;
    r->measure_s = measure_s(c);
    r->progress = &c->progress;
    c->rungs[c->n++].rung = r;
}

/* Strategies × models; scratch only once, since it takes no more than a vocabulary. */
static int add_rungs(climb *c, fr_err *err)
{
    const fr_task *t = c->task;
    c->rungs = FR_NEW_N(entry, t->n_strategies * FR_MAX(t->n_models, (size_t)1));
    for (size_t i = 0; i < t->n_strategies; i++) {
        const fr_task_strategy *s = &t->strategies[i];
        const fr_rung_kind *kind = s->own ? &FR_RUNG_COMMAND : fr_rung_kind_of(s->name);
        bool each = kind->needs_model && kind != &FR_RUNG_SCRATCH && t->n_models != 0;
        for (size_t m = 0; m < (each ? t->n_models : 1); m++)
            add_rung(c, s, t->n_models != 0 ? &t->models[m] : NULL, each && t->n_models > 1);
    }
    return check_only(c, err);
}

static int hash_documents(const char *path, char out[65], size_t *n_bytes, fr_err *err)
{
    fr_documents d = { 0 };
    *n_bytes = 0;
    FR_TRY(fr_documents_load(path, &d, err));
    FR_AUTO(fr_buf) all = { 0 };
    for (size_t i = 0; i < d.n; i++) {
        fr_buf_put_f(&all, "%zu:%zu:", d.at[i].id.n, d.at[i].text.n);
        fr_buf_put_str(&all, d.at[i].id);
        fr_buf_put_str(&all, d.at[i].text);
        *n_bytes += d.at[i].text.n;
    }
    size_t n = d.n;
    fr_documents_fini(&d);
    if (n == 0)
        return fr_fail(err, FR_E_FORMAT,
                       "It holds .txt or .md files, or is a .jsonl of "
                       "{\"text\": …}.",
                       "no documents in '%s'", path);
    return fr_sha256(fr_buf_text(&all), all.n, out, err);
}

static size_t model_index(const climb *c, const fr_rung *r)
{
    return (size_t)(r->model - c->task->models);
}

static bool takes_model(const fr_rung *r)
{
    return r->kind->needs_model && r->model != NULL;
}

/* Whether a file that the user's commands name is another one than when the rung ended; then what
 * was kept of it is dropped. */
static bool files_changed(const climb *c, entry *e)
{
    json_t *now = fr_rung_files(e->rung);
    const char *name;
    json_t *hash;
    bool changed = false;
    json_object_foreach(e->outcome.files, name, hash)
    {
        if (changed || json_equal(hash, json_object_get(now, name)))
            continue;
        changed = true;
        char *text = fr_dup_f("%s: '%s' has changed since the rung was tried; it is tried again",
                              e->rung->name, name);
        json_t *o = json_pack("{s:s}", "text", text);
        tell(c, "warning", o);
        json_decref(o);
        free(text);
    }
    json_decref(now);
    if (changed)
        fr_outcome_fini(&e->outcome);
    return changed;
}

/* Keys, earlier results under the same key, and who is fit at all. */
static int look_at_rungs(climb *c, fr_err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        entry *e = &c->rungs[i];
        fr_rung *r = e->rung;
        const char *hash = takes_model(r) ? c->models[model_index(c, r)].hash : "";
        FR_TRY(fr_rung_key(r, hash, c->data_hash, e->key, err));
        if (!r->kind->fits(r)) {
            e->is_unfit = true;
            snprintf(e->outcome.status, sizeof(e->outcome.status), "unfit");
            snprintf(e->outcome.reason, sizeof(e->outcome.reason), "%s", r->reason);
            continue;
        }
        if (!c->options->fresh && fr_outcome_read(r->dir, e->key, &e->outcome) &&
            !files_changed(c, e)) {
            fr_spent all =
                fr_spent_add(e->outcome.build, fr_spent_add(e->outcome.load, e->outcome.evaluate));
            if (!isnan(all.total.value_j))
                c->earlier = fr_energy_add(c->earlier, all.total);
            c->earlier_s += all.duration_s;
        }
    }
    return 0;
}

/* ---- probing and predicting --------------------------------------------------------------- */

static bool is_untried(const entry *e)
{
    return !e->is_unfit && e->outcome.status[0] == '\0';
}

/* What comes of phases of our own; the window is whole, inner phases included. */
static int end_own_phase(climb *c, fr_phase *phase, int rc, fr_err *err)
{
    fr_used used = { 0 };
    fr_err dropped = { 0 };
    int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : &dropped);
    if (ended == 0)
        c->overhead = fr_energy_add(c->overhead, used.total);
    return rc != 0 ? rc : ended;
}

static int probe_one(climb *c, size_t m, bool trains, fr_err *err)
{
    const fr_task_model *model = &c->task->models[m];
    model_state *s = &c->models[m];
    FR_AUTO(fr_buf) text = { 0 };
    for (size_t i = 0; i < c->task->train.n && text.n < 2000; i++)
        fr_buf_put_f(&text, "%.*s\n", FR_STR_F(c->task->train.at[i].input));
    double idle_w = 0;
    fr_phase *phase = NULL;
    fr_err why = { 0 };
    FR_TRY(fr_phase_begin(c->run, "phase", "probe", &phase, err));
    int rc = fr_probe_model(c->run, model->path, fr_buf_str(&text), trains, c->out_dir, c->threads,
                            &c->progress, &s->probe, &idle_w, &s->name, &why);
    FR_TRY(end_own_phase(c, phase, 0, err));
    s->probed = true;
    if (rc == FR_E_INTERRUPTED || (rc != 0 && fr_progress_stopped(c->options->progress)))
        return fr_fail(err, FR_E_INTERRUPTED, why.hint, "%s", why.what);
    if (rc != 0) {
        s->broken = why;
        return 0;
    }
    if (s->probe.power_w > 0) {
        c->power_w = s->probe.power_w;
        c->idle_power_w = idle_w;
    }
    return 0;
}

static int probe_all(climb *c, fr_err *err)
{
    for (size_t m = 0; m < c->task->n_models; m++) {
        bool asked = false, trains = false;
        for (size_t i = 0; i < c->n; i++) {
            const fr_rung *r = c->rungs[i].rung;
            bool uses = is_untried(&c->rungs[i]) && takes_model(r) && model_index(c, r) == m;
            asked = asked || uses;
            trains = trains || (uses && r->kind->trains);
        }
        if (asked && c->task->models[m].path != NULL)
            FR_TRY(probe_one(c, m, trains, err));
    }
    if (c->power_w > 0)
        return 0;
    fr_phase *phase = NULL;
    FR_TRY(fr_phase_begin(c->run, "phase", "probe", &phase, err));
    int rc = fr_probe_machine(c->run, &c->power_w, &c->idle_power_w, err);
    return end_own_phase(c, phase, rc, err);
}

static void fail_rung(entry *e, const fr_err *why)
{
    snprintf(e->outcome.status, sizeof(e->outcome.status), "failed");
    snprintf(e->outcome.reason, sizeof(e->outcome.reason), "%s%s%s", why->what,
             why->hint[0] != '\0' ? ". " : "", why->hint);
}

static void predict_all(climb *c, const fr_horizon *horizon)
{
    for (size_t i = 0; i < c->n; i++) {
        entry *e = &c->rungs[i];
        fr_rung *r = e->rung;
        fr_forecast unknown = fr_forecast_unknown();
        e->forecast = (fr_rung_forecast){ unknown, unknown, unknown };
        e->horizon = unknown;
        e->run_s = e->run_j = NAN;
        if (e->is_unfit || (takes_model(r) && c->models[model_index(c, r)].broken.code != 0)) {
            if (!e->is_unfit && is_untried(e))
                fail_rung(e, &c->models[model_index(c, r)].broken);
            continue;
        }
        if (takes_model(r))
            r->probe = c->models[model_index(c, r)].probe;
        r->probe.power_w = c->power_w;
        fr_err why = { 0 };
        if (!is_untried(e)) { /* it is known; what was predicted then is shown beside it */
            e->forecast = e->outcome.forecast;
            e->horizon = fr_horizon_forecast(horizon, &e->forecast, c->requests);
            continue;
        }
        int rc = r->kind->predict(r, &e->forecast, &why);
        if (r->kind->close != NULL)
            r->kind->close(r);
        if (rc != 0) {
            e->forecast = (fr_rung_forecast){ unknown, unknown, unknown };
            fail_rung(e, &why);
            continue;
        }
        e->horizon = fr_horizon_forecast(horizon, &e->forecast, c->requests);
        double answers = (double)c->task->eval.n, seconds = answers * e->forecast.request.s;
        if (seconds > 0 && seconds < measure_s(c))
            answers *= measure_s(c) / seconds;
        e->run_s = e->forecast.build.s + e->forecast.load.s + answers * e->forecast.request.s;
        e->run_j = e->forecast.build.j + e->forecast.load.j + answers * e->forecast.request.j;
    }
}

static void tell_plan(climb *c, const fr_horizon *horizon)
{
    json_t *plan = json_object(), *rungs = json_array();
    for (size_t i = 0; i < c->n; i++) {
        entry *e = &c->rungs[i];
        json_t *o = json_object();
        const char *status = e->outcome.status;
        json_object_set_new(o, "name", json_string(e->rung->name));
        json_object_set_new(o, "status", json_string(status[0] == '\0' ? "planned" : status));
        json_object_set_new(o, "reused", json_boolean(e->outcome.reused));
        json_object_set_new(o, "reason", json_string(e->outcome.reason));
        json_object_set_new(o, "run_s", fr_json_number(e->run_s));
        json_object_set_new(o, "run_j", fr_json_number(e->run_j));
        json_object_set_new(o, "horizon_j", fr_json_number(e->horizon.j));
        json_object_set_new(o, "horizon_low_j", fr_json_number(e->horizon.low_j));
        json_object_set_new(o, "horizon_high_j", fr_json_number(e->horizon.high_j));
        json_array_append_new(rungs, o);
    }
    json_object_set_new(plan, "rungs", rungs);
    json_object_set_new(plan, "requests", fr_json_number(c->requests));
    json_object_set_new(plan, "hosting", json_string(fr_hosting_name(horizon->hosting)));
    json_object_set_new(plan, "idle_power_w", fr_json_number(c->idle_power_w));
    tell(c, "plan", plan);
    json_decref(plan);
}

/* ---- one rung ----------------------------------------------------------------------------- */

/* A folder left by other settings is emptied; one left by the same is gone on with. */
static int claim_folder(climb *c, const entry *e, fr_err *err)
{
    const char *dir = e->rung->dir;
    char *path = fr_path_join(dir, "state.json");
    FR_AUTO(fr_buf) text = { 0 };
    json_t *state = NULL;
    if (fr_file_read(path, 1 << 16, &text, NULL) == 0)
        state = json_loadb(fr_buf_text(&text), text.n, 0, NULL);
    const char *key = json_string_value(json_object_get(state, "key"));
    if (fr_file_exists(path) && (c->options->fresh || key == NULL || strcmp(key, e->key) != 0))
        fr_folder_remove(dir);
    json_decref(state);
    free(path);
    FR_TRY(fr_dir_make(dir, err));
    state = json_pack("{s:i,s:s,s:s}", "schema", 1, "key", e->key, "run", fr_run_id(c->run));
    int rc = fr_json_write(dir, "state.json", state, err);
    json_decref(state);
    return rc;
}

static void end_outcome(climb *c, entry *e, int rc, const fr_err *why)
{
    fr_outcome *o = &e->outcome;
    fr_rung *r = e->rung;
    o->energy_inside = r->energy_inside;
    o->chosen = json_incref(r->chosen);
    o->training = json_incref(r->training);
    o->notes = json_incref(r->notes);
    if (rc == 0) {
        o->has_artifact = true;
        snprintf(o->status, sizeof(o->status), r->budget ? "budget" : "done");
        snprintf(o->reason, sizeof(o->reason), "%s", r->reason);
    } else if (c->spent[0] != '\0' && rc == FR_E_INTERRUPTED) {
        snprintf(o->status, sizeof(o->status), "budget");
        snprintf(o->reason, sizeof(o->reason), "%s", c->spent);
    } else if (rc == FR_E_INTERRUPTED || fr_progress_stopped(c->options->progress)) {
        snprintf(o->status, sizeof(o->status), "interrupted");
        snprintf(o->reason, sizeof(o->reason), "stopped by the user");
    } else {
        fail_rung(e, why);
    }
}

static int build_phase(climb *c, fr_rung *r, fr_spent *spent, fr_err *err)
{
    *spent = fr_spent_none();
    if (r->kind->build == NULL)
        return 0;
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    FR_TRY(fr_phase_begin(c->run, "phase", "build", &phase, err));
    if (r->kind->trains) {
        c->training = r;
        c->trained_before = fr_partial_read(r->dir);
        c->training_from = fr_run_so_far(c->run);
        c->training_cpu_s = fr_cpu_self_s();
        c->training_ns = c->noted_ns = fr_now_monotonic_ns();
    }
    int rc = r->kind->build(r, err);
    c->training = NULL;
    if (r->kind->close != NULL)
        r->kind->close(r);
    fr_err dropped = { 0 };
    int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : &dropped);
    if (ended == 0)
        *spent = fr_spent_of(&used);
    if (ended == 0 && rc == FR_E_INTERRUPTED && r->kind->trains) {
        fr_spent all = fr_spent_add(c->trained_before, *spent);
        fr_partial_write(r->dir, &all, NULL);
    }
    return rc != 0 ? rc : ended;
}

/* What a rung's window has beyond its named parts is ours: preparing, scoring, saving. */
static void add_rung_overhead(climb *c, const fr_used *whole, const fr_outcome *o)
{
    const fr_spent *const parts[] = { &o->build, &o->load, &o->evaluate };
    fr_energy named = fr_energy_zero();
    for (size_t i = 0; i < FR_COUNT_OF(parts); i++) {
        /* what is drawn elsewhere is unknown; what was drawn here meanwhile is still ours */
        if (!isnan(parts[i]->total.value_j))
            named = fr_energy_add(named, parts[i]->total);
    }
    if (isnan(whole->total.value_j))
        return;
    fr_energy rest = { .value_j = whole->total.value_j - named.value_j,
                       .low_j = whole->total.low_j - named.low_j,
                       .high_j = whole->total.high_j - named.high_j,
                       .method = whole->total.method,
                       .source = whole->total.source };
    c->overhead = fr_energy_add(c->overhead, rest);
}

/* A training that went on where it was interrupted costs what all its parts cost. */
static void add_interrupted(climb *c, const fr_rung *r, fr_outcome *o)
{
    if (!(c->trained_before.duration_s > 0))
        return;
    o->build = fr_spent_add(o->build, c->trained_before);
    c->earlier = fr_energy_add(c->earlier, c->trained_before.total);
    char *path = fr_path_join(r->dir, "partial.json");
    unlink(path);
    free(path);
}

static int try_rung(climb *c, entry *e, fr_err *err)
{
    fr_rung *r = e->rung;
    fr_outcome *o = &e->outcome;
    *o = (fr_outcome){ .load = fr_spent_none(),
                       .evaluate = fr_spent_none(),
                       .forecast = e->forecast };
    json_t *begin = json_pack("{s:s}", "name", r->name);
    json_object_set_new(begin, "run_s", fr_json_number(e->run_s));
    json_object_set_new(begin, "run_j", fr_json_number(e->run_j));
    tell(c, "rung-begin", begin);
    json_decref(begin);
    r->work = fr_run_work(c->run);
    r->run = c->run;
    if (r->kind->trains)
        r->train_max_s = training_time(c);
    FR_TRY(claim_folder(c, e, err));
    fr_phase *phase = NULL;
    fr_used whole = { 0 };
    fr_err why = { 0 };
    FR_TRY(fr_phase_begin(c->run, "rung", r->name, &phase, err));
    int rc = build_phase(c, r, &o->build, &why);
    if (rc == 0)
        rc = fr_evaluate(c->run, r, &c->task->eval, c->options->seed, o, &why);
    if (r->kind->close != NULL)
        r->kind->close(r);
    int saved = rc == 0 ? fr_artifact_save(c->task, r, &why) : 0;
    if (rc == 0 && saved != 0)
        rc = saved;
    end_outcome(c, e, rc, &why);
    if (o->has_quality)
        fr_run_note(c->run, "quality", c->task->metric.name, o->quality.value, "", NULL);
    fr_run_note(c->run, "tag", "strategy", 0, r->strategy->name, NULL);
    int ended = fr_phase_end(phase, o->status, &whole, err);
    if (ended == 0)
        add_rung_overhead(c, &whole, o);
    if (rc == 0 && r->kind->trains)
        add_interrupted(c, r, o);
    FR_TRY(ended);
    if (saved != 0) /* what cannot be kept is not claimed: a full disk ends the climb */
        return fr_fail(err, why.code, why.hint, "%s: %s", r->name, why.what);
    if (!fr_outcome_is_final(o))
        return 0;
    o->files = fr_rung_files(r);
    return fr_outcome_write(r->dir, o, e->key, err);
}

/* ---- the climb ---------------------------------------------------------------------------- */

static void parts_of(const climb *c, const fr_horizon *horizon, fr_verdict_rung *rungs,
                     fr_verdict_parts *out)
{
    for (size_t i = 0; i < c->n; i++) {
        const entry *e = &c->rungs[i];
        rungs[i] =
            (fr_verdict_rung){ e->rung, &e->outcome, e->forecast, e->horizon, e->run_s, e->run_j };
    }
    *out = (fr_verdict_parts){ .task = c->task,
                               .horizon = *horizon,
                               .requests = c->requests,
                               .rungs = rungs,
                               .n = c->n,
                               .never_stop = c->task->never_stop || c->options->never_stop,
                               .host = fr_embodied_of_this_host(),
                               .overhead = c->overhead,
                               .earlier = c->earlier,
                               .out_dir = c->out_dir };
    for (size_t m = 0; m < c->task->n_models; m++)
        out->demonstration = out->demonstration || (c->models[m].name != NULL &&
                                                    strcmp(c->models[m].name, EMBEDDED_MODEL) == 0);
}

static void tell_rung(const climb *c, const fr_horizon *horizon, size_t i)
{
    fr_verdict_rung *rungs = FR_NEW_N(fr_verdict_rung, c->n);
    fr_verdict_parts parts;
    parts_of(c, horizon, rungs, &parts);
    parts.place = fr_run_place(c->run);
    json_t *o = fr_verdict_rung_json(&parts, i);
    tell(c, "rung-end", o);
    json_decref(o);
    free(rungs);
}

static fr_step step_of(const climb *c, const fr_horizon *horizon, const entry *e)
{
    fr_step s = { .predicted_j = e->horizon.j, .low_j = e->horizon.low_j, .horizon_j = NAN };
    if (e->is_unfit)
        s.state = FR_STEP_UNFIT;
    else if (e->outcome.status[0] != '\0')
        s.state =
            fr_outcome_target(c->task, &e->outcome) == FR_TARGET_MET ? FR_STEP_MET : FR_STEP_MISSED;
    if (s.state == FR_STEP_MET || s.state == FR_STEP_MISSED) {
        fr_option_cost cost = fr_outcome_cost(&e->outcome, 0);
        s.horizon_j = fr_horizon_j(horizon, &cost, c->requests);
    }
    return s;
}

static void skip_rest(climb *c, const fr_horizon *horizon)
{
    for (size_t i = 0; i < c->n; i++) {
        entry *e = &c->rungs[i];
        if (!is_untried(e))
            continue;
        snprintf(e->outcome.status, sizeof(e->outcome.status), "skipped");
        if (c->spent[0] != '\0')
            snprintf(e->outcome.reason, sizeof(e->outcome.reason), "%s", c->spent);
        else
            snprintf(e->outcome.reason, sizeof(e->outcome.reason),
                     "cannot cost less: at least %.3g J over the horizon by prediction",
                     e->horizon.low_j);
    }
    (void)horizon;
}

static int climb_rungs(climb *c, const fr_horizon *horizon, fr_err *err)
{
    bool never_stop = c->task->never_stop || c->options->never_stop;
    fr_step *steps = FR_NEW_N(fr_step, c->n);
    int rc = 0;
    while (rc == 0) {
        for (size_t i = 0; i < c->n; i++)
            steps[i] = step_of(c, horizon, &c->rungs[i]);
        size_t next = fr_climb_next(steps, c->n, never_stop);
        if (next == FR_CLIMB_NONE)
            break;
        if (stopped(c)) {
            if (c->spent[0] == '\0')
                rc = fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped by the user");
            break;
        }
        rc = try_rung(c, &c->rungs[next], err);
        if (rc != 0)
            break;
        tell_rung(c, horizon, next);
        if (strcmp(c->rungs[next].outcome.status, "interrupted") == 0)
            rc = fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped by the user in the rung '%s'",
                         c->rungs[next].rung->name);
    }
    free(steps);
    if (rc == 0)
        skip_rest(c, horizon);
    return rc;
}

/* ---- the end ------------------------------------------------------------------------------ */

static int write_report(const climb *c, const json_t *verdict, fr_err *err)
{
    fr_ledger *ledger = NULL;
    if (c->options->ledger == NULL || c->options->ledger[0] != '\0')
        fr_ledger_open(c->options->ledger, &ledger, NULL);
    FR_AUTO(fr_buf) html = { 0 };
    const json_t *verdicts[] = { verdict };
    int rc = fr_report_html(verdicts, 1, ledger, &html, err);
    fr_ledger_close(ledger);
    char *path = fr_path_join(c->out_dir, "report.html");
    if (rc == 0)
        rc = fr_file_write(path, fr_buf_str(&html), err);
    free(path);
    return rc;
}

/* The chosen artefact's own words on how it is used. */
static void put_use(const fr_rung *r, json_t *verdict)
{
    char *path = fr_path_join(r->dir, "artifact.json");
    FR_AUTO(fr_buf) text = { 0 };
    if (fr_file_read(path, (size_t)64 << 20, &text, NULL) == 0) {
        json_t *artifact = json_loadb(fr_buf_text(&text), text.n, 0, NULL);
        json_t *use = json_object_get(artifact, "use");
        if (use != NULL)
            json_object_set(verdict, "use", use);
        json_decref(artifact);
    }
    free(path);
}

static int publish(climb *c, json_t *verdict, fr_err *err)
{
    const char *chosen = json_string_value(json_object_get(verdict, "chosen"));
    char *report = fr_path_join(c->out_dir, "report.html");
    json_object_set_new(verdict, "report", json_string(report));
    free(report);
    for (size_t i = 0; chosen != NULL && i < c->n; i++) {
        if (strcmp(c->rungs[i].rung->name, chosen) == 0)
            put_use(c->rungs[i].rung, verdict);
    }
    FR_TRY(write_report(c, verdict, err));
    char *link = fr_path_join(c->out_dir, "chosen");
    char *target = fr_dup_f("rungs/%s", chosen != NULL ? chosen : "");
    int rc = 0;
    if (chosen != NULL)
        rc = fr_folder_link(target, link, err);
    else
        unlink(link); /* a link of an earlier climb would promise too much; a folder stays */
    free(target);
    free(link);
    /* last, so that a verdict means that all else is there */
    return rc != 0 ? rc : fr_json_write(c->out_dir, "verdict.json", verdict, err);
}

static int conclude(climb *c, const fr_horizon *horizon, json_t **verdict, fr_err *err)
{
    fr_used total = { 0 }, remainder = { 0 };
    fr_place place = *fr_run_place(c->run);
    char run_id[64];
    snprintf(run_id, sizeof(run_id), "%s", fr_run_id(c->run));
    fr_verdict_rung *rungs = FR_NEW_N(fr_verdict_rung, c->n);
    fr_verdict_parts parts;
    parts_of(c, horizon, rungs, &parts);
    if (c->options->on_run != NULL)
        c->options->on_run(c->options->user, NULL);
    int rc = fr_run_end(c->run, "done", 0, &total, &remainder, err);
    c->run = NULL;
    if (rc == 0) {
        parts.place = &place;
        parts.run_id = run_id;
        parts.total = total.total;
        parts.remainder = remainder.total;
        parts.meter_note = total.reading.note;
        double machine_s = total.duration_s * (double)sysconf(_SC_NPROCESSORS_ONLN);
        if (machine_s > 0)
            parts.others_ratio = (total.reading.machine_cpu_s - total.cpu_s) / machine_s;
        *verdict = fr_verdict_make(&parts);
        rc = publish(c, *verdict, err);
        if (rc != 0) {
            json_decref(*verdict);
            *verdict = NULL;
        }
    }
    free(rungs);
    if (rc == 0)
        tell(c, "verdict", *verdict);
    return rc;
}

static int begin_run(climb *c, fr_err *err)
{
    const fr_adapt_options *o = c->options;
    fr_place_options place = c->task->place;
    if (o->place.region != NULL || o->place.zone != NULL || o->place.intensity_g_per_kwh > 0)
        place = o->place;
    if (o->place.pue > 0)
        place.pue = o->place.pue;
    fr_run_options options = {
        .kind = "adapt", .name = c->task->name, .argv = o->argv, .place = place, .ledger = o->ledger
    };
    FR_TRY(fr_run_begin(&options, &c->run, err));
    if (o->on_run != NULL)
        o->on_run(o->user, c->run);
    return 0;
}

static int prepare(climb *c, fr_err *err)
{
    fr_task *t = c->task;
    FR_TRY(fr_task_split(t, c->options->seed, err));
    FR_TRY(fr_task_data_hash(t, c->data_hash, err));
    if (t->documents_path != NULL)
        FR_TRY(hash_documents(t->documents_path, c->documents_hash, &c->documents_bytes, err));
    if (t->has_embed)
        FR_TRY(fr_task_model_hash(&t->embed, c->embed_hash, err));
    c->models = FR_NEW_N(model_state, t->n_models);
    for (size_t m = 0; m < t->n_models; m++)
        FR_TRY(fr_task_model_hash(&t->models[m], c->models[m].hash, err));
    FR_TRY(add_rungs(c, err));
    FR_TRY(fr_dir_make(c->out_dir, err));
    return fr_folder_lock(c->out_dir, &c->lock, err);
}

/* The embedded model is known by the name in its file, also when nothing had to be probed. */
static void name_models(climb *c)
{
    for (size_t m = 0; m < c->task->n_models; m++) {
        FR_AUTOPTR(fr_model) model = NULL;
        if (c->models[m].name == NULL && c->task->models[m].path != NULL &&
            fr_model_open(c->task->models[m].path, &model, NULL) == 0)
            c->models[m].name = fr_dup(fr_model_name(model));
    }
}

static int climb_all(climb *c, json_t **verdict, fr_err *err)
{
    tell_warnings(c);
    FR_TRY(look_at_rungs(c, err));
    FR_TRY(begin_run(c, err));
    c->begin_ns = fr_now_monotonic_ns();
    FR_TRY(probe_all(c, err));
    name_models(c);
    fr_horizon horizon = { .days = c->task->horizon_days,
                           .hosting = c->task->hosting,
                           .idle_power_w = c->idle_power_w };
    c->requests = c->task->requests_per_day * c->task->horizon_days;
    predict_all(c, &horizon);
    tell_plan(c, &horizon);
    FR_TRY(climb_rungs(c, &horizon, err));
    return conclude(c, &horizon, verdict, err);
}

static void climb_free(climb *c)
{
    for (size_t i = 0; i < c->n; i++) {
        fr_rung_free(c->rungs[i].rung);
        fr_outcome_fini(&c->rungs[i].outcome);
    }
    for (size_t m = 0; c->models != NULL && m < c->task->n_models; m++)
        free(c->models[m].name);
    free(c->models);
    free(c->rungs);
    free(c->out_dir);
    fr_folder_unlock(c->lock);
}

int fr_adapt(fr_task *task, const fr_adapt_options *options, json_t **verdict, fr_err *err)
{
    climb c = { .task = task,
                .options = options,
                .lock = -1,
                .overhead = fr_energy_zero(),
                .earlier = fr_energy_zero() };
    c.threads = options->threads > 0 ? options->threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
    c.progress = (fr_progress){ step, stopped, &c };
    c.out_dir =
        options->out_dir != NULL ? fr_dup(options->out_dir) : fr_dup_f("adapted/%s", task->name);
    int rc = prepare(&c, err);
    if (rc == 0)
        rc = climb_all(&c, verdict, err);
    if (c.run != NULL) {
        if (options->on_run != NULL)
            options->on_run(options->user, NULL);
        fr_run_end(c.run, rc == FR_E_INTERRUPTED ? "interrupted" : "failed", 1, NULL, NULL, NULL);
    }
    climb_free(&c);
    if (rc == FR_E_INTERRUPTED && err != NULL)
        snprintf(err->hint, sizeof(err->hint),
                 "Finished rungs are kept: the same command goes on from there.");
    return rc;
}
