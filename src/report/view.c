/* A verdict, read once. A key that is missing, null or of another type is unknown, not an error:
 * an old verdict or one that somebody wrote by hand still makes a page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/report_priv.h"

static const json_t *value_at(const json_t *object, const char *path)
{
    while (object != NULL && *path != '\0') {
        char key[64];
        size_t n = strcspn(path, ".");
        if (n >= sizeof(key))
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        object = json_object_get(object, key);
        path += n + (path[n] == '.');
    }
    return object;
}

double fr_json_number_at(const json_t *object, const char *path)
{
    const json_t *value = value_at(object, path);
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    return fabs(number) < 1e60 ? number : NAN;
}

const char *fr_json_text_at(const json_t *object, const char *path)
{
    const char *text = json_string_value(value_at(object, path));
    return text != NULL ? text : "";
}

static bool is_true(const json_t *object, const char *path)
{
    return json_is_true(value_at(object, path));
}

static double first_of(double a, double b)
{
    return isnan(a) ? b : a;
}

static void read_rung(const json_t *o, const fr_view *v, fr_view_rung *r)
{
    r->strategy = fr_json_text_at(o, "strategy");
    r->name = fr_json_text_at(o, "name");
    if (r->name[0] == '\0')
        r->name = r->strategy[0] != '\0' ? r->strategy : "unnamed";
    r->model = fr_json_text_at(o, "model");
    r->method = fr_json_text_at(o, "method");
    r->grade = fr_json_text_at(o, "grade");
    r->status = fr_json_text_at(o, "status");
    r->reason = fr_json_text_at(o, "reason");
    r->artifact = fr_json_text_at(o, "artifact");
    r->reused = is_true(o, "reused");
    r->chosen = v->chosen[0] != '\0' && strcmp(v->chosen, r->name) == 0;
    const json_t *met = value_at(o, "met");
    r->met = json_is_true(met) ? FR_MET_YES : json_is_false(met) ? FR_MET_NO : FR_MET_UNDECIDED;
    r->quality = fr_json_number_at(o, "quality.value");
    r->ci_low = fr_json_number_at(o, "quality.ci_low");
    r->ci_high = fr_json_number_at(o, "quality.ci_high");
    r->n = fr_json_number_at(o, "quality.n");
    r->build_j = fr_json_number_at(o, "energy_j.build");
    r->load_j = first_of(fr_json_number_at(o, "load_j"), fr_json_number_at(o, "energy_j.load"));
    r->evaluate_j = fr_json_number_at(o, "energy_j.evaluate");
    r->request_j = fr_json_number_at(o, "energy_j.per_request");
    r->request_active_j =
        first_of(fr_json_number_at(o, "energy_j.per_request_active"), r->request_j);
    r->horizon_j = fr_json_number_at(o, "energy_j.horizon");
    r->request_low_j = fr_json_number_at(o, "energy_low_j.per_request");
    r->request_high_j = fr_json_number_at(o, "energy_high_j.per_request");
    r->horizon_low_j = fr_json_number_at(o, "energy_low_j.horizon");
    r->horizon_high_j = fr_json_number_at(o, "energy_high_j.horizon");
    r->predicted_j = first_of(fr_json_number_at(o, "predicted.horizon_j"),
                              fr_json_number_at(o, "energy_j.predicted"));
    r->predicted_low_j = first_of(fr_json_number_at(o, "predicted.horizon_low_j"),
                                  fr_json_number_at(o, "energy_j.predicted_low"));
    r->predicted_high_j = first_of(fr_json_number_at(o, "predicted.horizon_high_j"),
                                   fr_json_number_at(o, "energy_j.predicted_high"));
    r->carbon_build_g = fr_json_number_at(o, "carbon_g.build");
    r->carbon_request_g = fr_json_number_at(o, "carbon_g.per_request");
    r->carbon_horizon_g = fr_json_number_at(o, "carbon_g.horizon");
    r->cpu_s = fr_json_number_at(o, "cpu_s");
    r->cpu_s_request = fr_json_number_at(o, "cpu_s_per_request");
    r->cpu_s_horizon = fr_json_number_at(o, "cpu_s_horizon");
    r->request_s = fr_json_number_at(o, "seconds_per_request");
}

void fr_view_init(fr_view *v, const json_t *verdict)
{
    *v = (fr_view){ .json = verdict };
    v->task = fr_json_text_at(verdict, "task");
    if (v->task[0] == '\0')
        v->task = "unnamed task";
    v->run = fr_json_text_at(verdict, "run");
    v->chosen = fr_json_text_at(verdict, "chosen");
    v->target = fr_json_number_at(verdict, "target");
    v->demonstration = is_true(verdict, "demonstration");
    v->requests = fr_json_number_at(verdict, "horizon.requests");
    v->requests_per_day = fr_json_number_at(verdict, "horizon.requests_per_day");
    v->days = fr_json_number_at(verdict, "horizon.days");
    v->idle_power_w = fr_json_number_at(verdict, "horizon.idle_power_w");
    v->hosting = fr_json_text_at(verdict, "horizon.hosting");
    v->break_even_requests = fr_json_number_at(verdict, "break_even_requests");
    if (isnan(v->requests))
        v->requests = v->requests_per_day * v->days;
    const json_t *rungs = json_object_get(verdict, "rungs");
    size_t n = json_array_size(rungs);
    v->rungs = FR_NEW_N(fr_view_rung, n);
    v->metric = fr_json_text_at(verdict, "metric");
    for (size_t i = 0; i < n && v->metric[0] == '\0'; i++)
        v->metric = fr_json_text_at(json_array_get(rungs, i), "quality.metric");
    if (v->metric[0] == '\0')
        v->metric = "quality";
    v->lower_is_better = strcmp(v->metric, "perplexity") == 0 || strcmp(v->metric, "loss") == 0 ||
                         strcmp(fr_json_text_at(verdict, "direction"), "lower") == 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(rungs, i);
        if (!json_is_object(o))
            continue;
        fr_view_rung *r = &v->rungs[v->n++];
        read_rung(o, v, r);
        if (r->chosen)
            v->winner = r;
        r->reaches = v->lower_is_better ? r->quality <= v->target : r->quality >= v->target;
        if (strcmp(r->method, "modelled") == 0 || strcmp(r->method, "mixed") == 0)
            v->modelled = true;
    }
}

void fr_view_fini(fr_view *v)
{
    free(v->rungs);
    *v = (fr_view){ 0 };
}

/* The same sums as the planner's, with what the verdict tells. */
double fr_view_horizon_j(const fr_view *v, const fr_view_rung *r, double requests)
{
    double load_j = isnan(r->load_j) ? 0 : r->load_j;
    double build_j = isnan(r->build_j) ? 0 : r->build_j;
    double idle_w = isnan(v->idle_power_w) ? 0 : v->idle_power_w;
    double idle_j = isnan(v->days) ? 0 : idle_w * v->days * 86400;
    if (isnan(r->request_j))
        return NAN;
    /* awake day and night: of a request only what is beyond idle */
    const double awake_j = build_j + load_j + requests * r->request_active_j + idle_j;
    if (strcmp(v->hosting, "always-on") == 0)
        return awake_j;
    if (strcmp(v->hosting, "batch") == 0)
        return build_j + requests * r->request_j + (isnan(v->days) ? 1 : v->days) * load_j;
    const double asleep_j = build_j + requests * (r->request_j + load_j);
    return idle_j > 0 ? fmin(asleep_j, awake_j) : asleep_j; /* fmin() drops an unknown */
}

bool fr_view_has_score(const fr_view_rung *r)
{
    return isfinite(r->quality);
}

const char *fr_view_standing(const fr_view_rung *r)
{
    if (!fr_view_has_score(r) || strcmp(r->status, "done") != 0) {
        if (r->status[0] != '\0' && strcmp(r->status, "done") != 0)
            return r->status;
        if (!fr_view_has_score(r))
            return "not scored";
    }
    if (r->met == FR_MET_NO)
        return r->reaches ? "not certain" : "below target";
    return r->met == FR_MET_YES ? "met" : "undecided";
}
