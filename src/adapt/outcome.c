#include "adapt/outcome.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define RESULT_LIMIT_BYTES ((size_t)16 << 20)

fr_spent fr_spent_none(void)
{
    return (fr_spent){ .active = fr_energy_zero(), .total = fr_energy_zero() };
}

fr_spent fr_spent_of(const fr_used *used)
{
    return (fr_spent){ .active = used->active,
                       .total = used->total,
                       .carbon_g = used->carbon.total_g,
                       .cpu_s = used->cpu_s,
                       .gpu_s = used->gpu_s,
                       .duration_s = used->duration_s };
}

fr_spent fr_spent_add(fr_spent a, fr_spent b)
{
    return (fr_spent){ .active = fr_energy_add(a.active, b.active),
                       .total = fr_energy_add(a.total, b.total),
                       .carbon_g = a.carbon_g + b.carbon_g,
                       .cpu_s = a.cpu_s + b.cpu_s,
                       .gpu_s = a.gpu_s + b.gpu_s,
                       .duration_s = a.duration_s + b.duration_s };
}

fr_spent fr_spent_scale(fr_spent a, double ratio)
{
    return (fr_spent){ .active = fr_energy_scale(a.active, ratio),
                       .total = fr_energy_scale(a.total, ratio),
                       .carbon_g = a.carbon_g * ratio,
                       .cpu_s = a.cpu_s * ratio,
                       .gpu_s = a.gpu_s * ratio,
                       .duration_s = a.duration_s * ratio };
}

void fr_outcome_fini(fr_outcome *o)
{
    json_decref(o->chosen);
    json_decref(o->training);
    json_decref(o->notes);
    json_decref(o->files);
    json_decref(o->origin);
    *o = (fr_outcome){ 0 };
}

bool fr_outcome_is_final(const fr_outcome *o)
{
    /* a rung that ended at its own training budget is whole; one cut off by the climb's is not */
    return strcmp(o->status, "done") == 0 || (strcmp(o->status, "budget") == 0 && o->has_quality);
}

/* ---- JSON --------------------------------------------------------------------------------- */

json_t *fr_json_number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *energy_json(fr_energy e)
{
    json_t *o = json_object();
    json_object_set_new(o, "value", fr_json_number(e.value_j));
    json_object_set_new(o, "low", fr_json_number(e.low_j));
    json_object_set_new(o, "high", fr_json_number(e.high_j));
    json_object_set_new(o, "method", json_string(fr_method_name(e.method)));
    if (e.source != NULL)
        json_object_set_new(o, "source", json_string(e.source));
    return o;
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static fr_energy energy_of(const json_t *object, const char *key)
{
    const json_t *o = json_object_get(object, key);
    const char *method = json_string_value(json_object_get(o, "method"));
    return (fr_energy){ .value_j = number_of(o, "value"),
                        .low_j = number_of(o, "low"),
                        .high_j = number_of(o, "high"),
                        .method = fr_method_parse(method != NULL ? method : ""),
                        .source = json_string_value(json_object_get(o, "source")) };
}

static json_t *spent_json(fr_spent s)
{
    json_t *o = json_object();
    json_object_set_new(o, "active_j", energy_json(s.active));
    json_object_set_new(o, "total_j", energy_json(s.total));
    json_object_set_new(o, "carbon_g", fr_json_number(s.carbon_g));
    json_object_set_new(o, "cpu_s", fr_json_number(s.cpu_s));
    json_object_set_new(o, "gpu_s", fr_json_number(s.gpu_s));
    json_object_set_new(o, "duration_s", fr_json_number(s.duration_s));
    return o;
}

static fr_spent spent_of(const json_t *object, const char *key)
{
    const json_t *o = json_object_get(object, key);
    return (fr_spent){ .active = energy_of(o, "active_j"),
                       .total = energy_of(o, "total_j"),
                       .carbon_g = number_of(o, "carbon_g"),
                       .cpu_s = number_of(o, "cpu_s"),
                       .gpu_s = number_of(o, "gpu_s"),
                       .duration_s = number_of(o, "duration_s") };
}

static json_t *forecast_json(fr_forecast f)
{
    json_t *o = json_object();
    json_object_set_new(o, "s", fr_json_number(f.s));
    json_object_set_new(o, "j", fr_json_number(f.j));
    json_object_set_new(o, "low_j", fr_json_number(f.low_j));
    json_object_set_new(o, "high_j", fr_json_number(f.high_j));
    return o;
}

static fr_forecast forecast_of(const json_t *object, const char *key)
{
    const json_t *o = json_object_get(object, key);
    double low = number_of(o, "low_j");
    return (fr_forecast){ number_of(o, "s"), number_of(o, "j"), isnan(low) ? 0 : low,
                          number_of(o, "high_j") };
}

json_t *fr_outcome_json(const fr_outcome *o, const char *key)
{
    json_t *all = json_object();
    json_object_set_new(all, "schema", json_integer(1));
    json_object_set_new(all, "key", json_string(key));
    json_object_set_new(all, "status", json_string(o->status));
    json_object_set_new(all, "reason", json_string(o->reason));
    json_object_set_new(all, "energy_inside", json_boolean(o->energy_inside));
    if (o->has_quality) {
        json_t *q = json_object();
        json_object_set_new(q, "value", fr_json_number(o->quality.value));
        json_object_set_new(q, "low", fr_json_number(o->quality.low));
        json_object_set_new(q, "high", fr_json_number(o->quality.high));
        json_object_set_new(q, "n", json_integer((json_int_t)o->quality.n));
        json_object_set_new(all, "quality", q);
    }
    json_object_set_new(all, "build", spent_json(o->build));
    json_object_set_new(all, "load", spent_json(o->load));
    json_object_set_new(all, "evaluate", spent_json(o->evaluate));
    json_object_set_new(all, "request", spent_json(o->request));
    json_t *forecast = json_object();
    json_object_set_new(forecast, "build", forecast_json(o->forecast.build));
    json_object_set_new(forecast, "load", forecast_json(o->forecast.load));
    json_object_set_new(forecast, "request", forecast_json(o->forecast.request));
    json_object_set_new(all, "forecast", forecast);
    json_object_set_new(all, "n_measured", json_integer((json_int_t)o->n_measured));
    json_object_set_new(all, "measured_s", fr_json_number(o->measured_s));
    json_object_set_new(all, "artifact", json_boolean(o->has_artifact));
    if (o->chosen != NULL)
        json_object_set(all, "chosen_on_dev", o->chosen);
    if (o->training != NULL)
        json_object_set(all, "training", o->training);
    if (o->notes != NULL)
        json_object_set(all, "notes", o->notes);
    if (json_object_size(o->files) != 0)
        json_object_set(all, "files", o->files);
    return all;
}

bool fr_outcome_read(const char *dir, const char *key, fr_outcome *out)
{
    char *path = fr_path_join(dir, "result.json");
    FR_AUTO(fr_buf) text = { 0 };
    int rc = fr_file_read(path, RESULT_LIMIT_BYTES, &text, NULL);
    free(path);
    json_t *all = rc == 0 ? json_loadb(fr_buf_text(&text), text.n, 0, NULL) : NULL;
    const char *its_key = json_string_value(json_object_get(all, "key"));
    const char *status = json_string_value(json_object_get(all, "status"));
    if (its_key == NULL || status == NULL || strcmp(its_key, key) != 0) {
        json_decref(all);
        return false;
    }
    const char *reason = json_string_value(json_object_get(all, "reason"));
    const json_t *q = json_object_get(all, "quality");
    const json_t *forecast = json_object_get(all, "forecast");
    *out = (fr_outcome){
        .reused = true,
        .energy_inside = json_is_true(json_object_get(all, "energy_inside")),
        .has_quality = q != NULL,
        .quality = { number_of(q, "value"), number_of(q, "low"), number_of(q, "high"),
                     (size_t)json_integer_value(json_object_get(q, "n")) },
        .build = spent_of(all, "build"),
        .load = spent_of(all, "load"),
        .evaluate = spent_of(all, "evaluate"),
        .request = spent_of(all, "request"),
        .forecast = { forecast_of(forecast, "build"), forecast_of(forecast, "request"),
                      forecast_of(forecast, "load") },
        .n_measured = (size_t)json_integer_value(json_object_get(all, "n_measured")),
        .measured_s = number_of(all, "measured_s"),
        .has_artifact = json_is_true(json_object_get(all, "artifact")),
        .chosen = json_incref(json_object_get(all, "chosen_on_dev")),
        .training = json_incref(json_object_get(all, "training")),
        .notes = json_incref(json_object_get(all, "notes")),
        .files = json_incref(json_object_get(all, "files")),
        .origin = all,
    };
    snprintf(out->status, sizeof(out->status), "%s", status);
    snprintf(out->reason, sizeof(out->reason), "%s", reason != NULL ? reason : "");
    if (fr_outcome_is_final(out))
        return true;
    fr_outcome_fini(out);
    return false;
}

int fr_json_write(const char *dir, const char *name, const json_t *object, fr_err *err)
{
    char *text = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    if (text == NULL)
        return fr_fail(err, FR_E_FAILED, NULL, "'%s' cannot be put as JSON", name);
    char *path = fr_path_join(dir, name);
    FR_AUTO(fr_buf) out = { 0 };
    fr_buf_put_f(&out, "%s\n", text);
    int rc = fr_file_write(path, fr_buf_str(&out), err);
    free(path);
    free(text);
    return rc;
}

int fr_outcome_write(const char *dir, const fr_outcome *o, const char *key, fr_err *err)
{
    FR_TRY(fr_dir_make(dir, err));
    json_t *all = fr_outcome_json(o, key);
    int rc = fr_json_write(dir, "result.json", all, err);
    json_decref(all);
    return rc;
}

fr_spent fr_partial_read(const char *dir)
{
    char *path = fr_path_join(dir, "partial.json");
    FR_AUTO(fr_buf) text = { 0 };
    json_t *all = NULL;
    if (fr_file_read(path, RESULT_LIMIT_BYTES, &text, NULL) == 0)
        all = json_loadb(fr_buf_text(&text), text.n, 0, NULL);
    free(path);
    fr_spent spent = all != NULL ? spent_of(all, "build") : fr_spent_none();
    spent.active.source = spent.total.source = NULL; /* its text goes with the document */
    json_decref(all);
    return isnan(spent.total.value_j) ? fr_spent_none() : spent;
}

int fr_partial_write(const char *dir, const fr_spent *spent, fr_err *err)
{
    json_t *all = json_object();
    json_object_set_new(all, "schema", json_integer(1));
    json_object_set_new(all, "build", spent_json(*spent));
    int rc = fr_json_write(dir, "partial.json", all, err);
    json_decref(all);
    return rc;
}

/* ---- keys --------------------------------------------------------------------------------- */

int fr_task_data_hash(const fr_task *task, char out[65], fr_err *err)
{
    char hash[3][FR_SHA256_HEX];
    FR_TRY(fr_data_hash(&task->train, hash[0], err));
    FR_TRY(fr_data_hash(&task->dev, hash[1], err));
    FR_TRY(fr_data_hash(&task->eval, hash[2], err));
    FR_AUTO(fr_buf) all = { 0 };
    fr_buf_put_f(&all, "%s %s %s %d", hash[0], hash[1], hash[2], (int)task->kind);
    return fr_sha256(fr_buf_text(&all), all.n, out, err);
}

int fr_rung_key(const fr_rung *r, const char *model_hash, const char *data_hash, char out[65],
                fr_err *err)
{
    json_t *all = json_object(), *settings = json_object();
    if (r->kind->key != NULL)
        r->kind->key(r, settings);
    json_object_set_new(all, "version", json_string(FR_VERSION));
    json_object_set_new(all, "name", json_string(r->name));
    json_object_set_new(all, "strategy", json_string(r->kind->strategy));
    json_object_set_new(all, "settings", settings);
    json_object_set_new(all, "model", json_string(model_hash));
    json_object_set_new(all, "data", json_string(data_hash));
    json_object_set_new(all, "metric", json_string(r->with.metric->name));
    json_object_set_new(all, "seed", json_integer((json_int_t)r->seed));
    json_object_set_new(all, "measure_s", json_real(r->measure_s));
    json_object_set_new(all, "together", json_boolean(r->together));
    char *text = json_dumps(all, JSON_SORT_KEYS | JSON_COMPACT);
    int rc = fr_sha256(text, strlen(text), out, err);
    free(text);
    json_decref(all);
    return rc;
}
