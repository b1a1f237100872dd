/* What the words of `frugal prompt` that work on a history share. */
#include "cli/prompt_store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/data.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/model.h"

enum { MOST_STORES = 32 };

int fr_prompt_history_open(fr_cli *cli, fr_history **out, fr_err *err)
{
    const char *dirs[MOST_STORES] = { FR_HISTORY_FOLDER };
    size_t n = 0;
    for (const char *dir; (dir = fr_arg_list(cli, "store", n)) != NULL; n++) {
        if (n == MOST_STORES)
            return fr_fail(err, FR_E_USAGE, NULL, "more than %d stores", MOST_STORES);
        dirs[n] = dir;
    }
    return fr_history_open(dirs, FR_MAX(n, (size_t)1), out, err);
}

int fr_prompt_store_open(fr_cli *cli, fr_prompt_store *s, fr_err *err)
{
    FR_TRY(fr_prompt_history_open(cli, &s->history, err));
    FR_TRY(fr_history_all(s->history, FR_HISTORY_VERSION, &s->versions, err));
    return fr_history_all(s->history, FR_HISTORY_TAG, &s->tags, err);
}

void fr_prompt_store_fini(fr_prompt_store *s)
{
    fr_history_list_fini(&s->versions);
    fr_history_list_fini(&s->tags);
    fr_history_free(s->history);
    *s = (fr_prompt_store){ 0 };
}

int fr_prompt_store_damage(fr_cli *cli, const fr_history_list *list, fr_err *err)
{
    (void)cli;
    for (size_t i = 0; i < list->n_damaged; i++)
        fprintf(stderr, "frugal: damaged: %s\n", list->damaged[i]);
    return list->n_damaged == 0
               ? 0
               : fr_fail(err, FR_E_FORMAT,
                         "Get them again from where the store came from, or remove them.",
                         "%zu file%s of the history %s damaged; the others are good",
                         list->n_damaged, list->n_damaged == 1 ? "" : "s",
                         list->n_damaged == 1 ? "is" : "are");
}

int fr_prompt_store_find(fr_cli *cli, const fr_prompt_store *s, size_t i,
                         const fr_history_entry **out, fr_err *err)
{
    const char *word = NULL;
    FR_TRY(fr_arg_need(cli, i, "a version (NAME, NAME@TAG, NAME~1 or digits)", &word, err));
    return fr_history_find(&s->versions, &s->tags, word, out, err);
}

int fr_prompt_model_hash(const char *given, char hash[FR_HISTORY_ID], char **name, fr_err *err)
{
    FR_AUTOPTR(fr_model) model = NULL;
    const char *hex = NULL;
    size_t n = strlen(given);
    if (n == FR_HISTORY_ID - 1 && strspn(given, "0123456789abcdef") == n) {
        memcpy(hash, given, FR_HISTORY_ID);
        return 0;
    }
    if (!fr_str_ends(fr_str_of(given), FR_STR(".gguf")))
        return fr_sha256_file(given, hash, err);
    FR_TRY(fr_model_open(given, &model, err));
    FR_TRY(fr_model_hash(model, &hex, err));
    memcpy(hash, hex, FR_HISTORY_ID);
    if (name != NULL)
        *name = fr_dup(fr_model_name(model));
    return 0;
}

int fr_prompt_data_hash(const char *path, char hash[FR_HISTORY_ID], fr_err *err)
{
    FR_AUTO(fr_data) rows = { 0 };
    FR_TRY(fr_data_load(path, &rows, err));
    return fr_data_hash(&rows, hash, err);
}

/* ---- what an entry tells ----------------------------------------------------------------- */

static void set_text(json_t *o, const char *key, const char *text)
{
    json_object_set_new(o, key, text != NULL ? json_string(text) : json_null());
}

static json_t *tags_of(const fr_history_entry *e, const fr_history_list *tags)
{
    json_t *out = json_array();
    for (size_t i = 0; i < tags->n; i++) {
        const fr_history_entry *t = tags->at[i];
        const char *now = fr_history_tagged(tags, t->name, t->tag);
        if (now == NULL || strcmp(now, e->id) != 0)
            continue;
        bool there = false;
        for (size_t k = 0; k < json_array_size(out); k++)
            there = there || strcmp(json_string_value(json_array_get(out, k)), t->tag) == 0;
        if (!there)
            json_array_append_new(out, json_string(t->tag));
    }
    return out;
}

static json_t *quality_json(const fr_history_outcome *o)
{
    if (o->metric == NULL)
        return json_null();
    json_t *q = json_object();
    set_text(q, "metric", o->metric);
    set_text(q, "better", o->lower_is_better ? "lower" : "higher");
    json_object_set_new(q, "value", fr_json_f64(o->value));
    json_object_set_new(q, "ci_low", fr_json_f64(o->low));
    json_object_set_new(q, "ci_high", fr_json_f64(o->high));
    json_object_set_new(q, "n", json_integer((json_int_t)o->n));
    set_text(q, "data", o->data_hash);
    return q;
}

json_t *fr_prompt_entry_json(const fr_history_entry *e, const fr_history_list *tags)
{
    json_t *o = json_object(), *model = json_object(), *files = json_array(), *value;
    const fr_history_outcome *out = &e->outcome;
    const char *path;
    set_text(o, "id", e->id);
    set_text(o, "kind", e->kind == FR_HISTORY_RESULT ? "result" : "version");
    set_text(o, "name", e->name);
    set_text(o, "parent", e->parent);
    set_text(o, "author", e->author);
    set_text(o, "time", e->time);
    set_text(o, "message", e->message);
    set_text(o, "task", e->task);
    set_text(model, "hash", e->model_hash);
    set_text(model, "name", e->model_name);
    json_object_set_new(o, "model", model);
    json_object_set_new(o, "parameters",
                        e->parameters != NULL ? json_deep_copy(e->parameters) : json_object());
    set_text(o, "prompt_hash", e->prompt_hash);
    set_text(o, "form", e->form);
    set_text(o, "main", e->main);
    json_object_foreach((json_t *)(uintptr_t)e->files, path, value)
        json_array_append_new(files, json_string(path));
    json_object_set_new(o, "files", files);
    if (tags != NULL)
        json_object_set_new(o, "tags", tags_of(e, tags));
    json_object_set_new(o, "quality", quality_json(out));
    fr_json_put_energy(o, "energy_j", out->energy);
    json_object_set_new(o, "energy_low_j", fr_json_f64(out->energy.low_j));
    json_object_set_new(o, "energy_high_j", fr_json_f64(out->energy.high_j));
    set_text(o, "method", fr_method_name(out->energy.method));
    json_object_set_new(o, "cpu_s", fr_json_f64(out->cpu_s));
    json_object_set_new(o, "calls", json_integer((json_int_t)out->calls));
    json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)out->prompt_tokens));
    json_object_set_new(o, "completion_tokens", json_integer((json_int_t)out->completion_tokens));
    json_object_set_new(o, "energy_per_accepted_j",
                        fr_json_f64(fr_prompt_per_accepted(out->energy.value_j, out)));
    json_object_set_new(o, "cpu_per_accepted_s",
                        fr_json_f64(fr_prompt_per_accepted(out->cpu_s, out)));
    return o;
}

double fr_prompt_per_accepted(double sum, const fr_history_outcome *o)
{
    double accepted = o->value * (double)o->n;
    bool counts = o->metric != NULL && !o->lower_is_better && o->value <= 1 && accepted > 0;
    return counts ? sum / accepted : NAN;
}

void fr_prompt_quality_text(const fr_history_outcome *o, char out[160])
{
    out[0] = '\0';
    if (o->metric == NULL)
        return;
    size_t n = (size_t)snprintf(out, 160, "%.60s %.3f", o->metric, o->value);
    if (isfinite(o->low) && isfinite(o->high))
        snprintf(out + n, 160 - n, " (%.3f to %.3f, n %zu)", o->low, o->high, o->n);
    else if (o->n != 0)
        snprintf(out + n, 160 - n, " (n %zu)", o->n);
}

void fr_prompt_cost_text(const fr_history_outcome *o, char out[96])
{
    char energy[48];
    out[0] = '\0';
    if (isfinite(o->energy.value_j)) {
        fr_text_energy(o->energy, energy);
        snprintf(out, 96, "%s%s", energy, isfinite(o->cpu_s) ? ", " : "");
    }
    size_t n = strlen(out);
    if (isfinite(o->cpu_s))
        snprintf(out + n, 96 - n, "%.3g CPU-s", o->cpu_s);
}

void fr_prompt_put_tags(const fr_history_entry *e, const fr_history_list *tags, fr_buf *out)
{
    json_t *names = tags_of(e, tags);
    for (size_t i = 0; i < json_array_size(names); i++)
        fr_buf_put_f(out, "%s%s", i == 0 ? " [" : ", ",
                     json_string_value(json_array_get(names, i)));
    if (json_array_size(names) != 0)
        fr_buf_put_c(out, ']');
    json_decref(names);
}
