/*
 * The user's catalogue, {"schema": 1, "models": [{"name": …, only what is stated …}]}: sorted by
 * name, keys in order, one line a value, so that a diff shows what changed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "catalog/catalog.h"

#define FILE_MOST_BYTES ((size_t)64 << 20)

/* The texts and numbers of an entry, and their keys in the file. */
static const struct {
    const char *key;
    size_t at;
} TEXTS[] = {
    { "family", offsetof(fr_catalog_entry, family) },
    { "architecture", offsetof(fr_catalog_entry, architecture) },
    { "license", offsetof(fr_catalog_entry, license) },
    { "task", offsetof(fr_catalog_entry, task) },
    { "base_model", offsetof(fr_catalog_entry, base_model) },
    { "path", offsetof(fr_catalog_entry, path) },
    { "format", offsetof(fr_catalog_entry, format) },
    { "source", offsetof(fr_catalog_entry, source) },
    { "check", offsetof(fr_catalog_entry, check) },
}, NUMBERS[] = {
    { "params", offsetof(fr_catalog_entry, params) },
    { "active_params", offsetof(fr_catalog_entry, active_params) },
    { "context_tokens", offsetof(fr_catalog_entry, context) },
    { "year", offsetof(fr_catalog_entry, year) },
    { "kv_token_bytes", offsetof(fr_catalog_entry, kv_token_bytes) },
    { "weight_bytes", offsetof(fr_catalog_entry, weight_bytes) },
    { "training_carbon_g", offsetof(fr_catalog_entry, training_g) },
}, WORDS[] = {
    { "languages", offsetof(fr_catalog_entry, languages) },
    { "domains", offsetof(fr_catalog_entry, domains) },
    { "tags", offsetof(fr_catalog_entry, tags) },
    { "datasets", offsetof(fr_catalog_entry, datasets) },
};

static void *field(const fr_catalog_entry *e, size_t at)
{
    return (char *)e + at;
}

static json_t *number(double v)
{
    return v == floor(v) && fabs(v) < 9e15 ? json_integer((json_int_t)v) : json_real(v);
}

/* Text that is no UTF-8 is left out: json_string() gives NULL, and NULL sets nothing. */
static void put_text(json_t *o, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(o, key, json_string(text));
}

static json_t *json_score(const fr_catalog_score *s)
{
    json_t *o = json_object();
    put_text(o, "benchmark", s->benchmark);
    put_text(o, "metric", s->metric);
    json_object_set_new(o, "value", number(s->value));
    put_text(o, "date", s->date);
    put_text(o, "source", s->source);
    return o;
}

json_t *fr_catalog_entry_json(const fr_catalog_entry *e)
{
    json_t *o = json_object();
    put_text(o, "name", e->name);
    for (size_t i = 0; i < FR_COUNT_OF(TEXTS); i++)
        put_text(o, TEXTS[i].key, *(char **)field(e, TEXTS[i].at));
    for (size_t i = 0; i < FR_COUNT_OF(NUMBERS); i++) {
        double v = *(double *)field(e, NUMBERS[i].at);
        if (!isnan(v))
            json_object_set_new(o, NUMBERS[i].key, number(v));
    }
    for (size_t i = 0; i < FR_COUNT_OF(WORDS); i++) {
        const fr_words *words = field(e, WORDS[i].at);
        json_t *list = json_array();
        for (size_t k = 0; k < words->n; k++)
            json_array_append_new(list, json_string(words->at[k]));
        if (words->n != 0)
            json_object_set(o, WORDS[i].key, list);
        json_decref(list);
    }
    json_t *scores = json_array();
    for (size_t i = 0; i < e->n_scores; i++)
        json_array_append_new(scores, json_score(&e->scores[i]));
    if (e->n_scores != 0)
        json_object_set(o, "scores", scores);
    json_decref(scores);
    return o;
}

static const char *text_at(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static int entry_of(const json_t *o, size_t i, const char *path, fr_catalog *c, fr_err *err)
{
    const char *name = text_at(o, "name");
    if (name == NULL || name[0] == '\0')
        return fr_fail(err, FR_E_FORMAT, NULL, "%s: model %zu has no name", path, i + 1);
    fr_catalog_entry e;
    fr_catalog_entry_init(&e, name);
    for (size_t k = 0; k < FR_COUNT_OF(TEXTS); k++)
        *(char **)field(&e, TEXTS[k].at) = fr_dup(text_at(o, TEXTS[k].key));
    for (size_t k = 0; k < FR_COUNT_OF(NUMBERS); k++) {
        const json_t *v = json_object_get(o, NUMBERS[k].key);
        if (json_is_number(v))
            *(double *)field(&e, NUMBERS[k].at) = json_number_value(v);
    }
    for (size_t k = 0; k < FR_COUNT_OF(WORDS); k++) {
        const json_t *list = json_object_get(o, WORDS[k].key);
        for (size_t w = 0; w < json_array_size(list); w++)
            fr_words_put(field(&e, WORDS[k].at),
                         fr_str_of(json_string_value(json_array_get(list, w))));
    }
    const json_t *scores = json_object_get(o, "scores");
    for (size_t k = 0; k < json_array_size(scores); k++) {
        const json_t *s = json_array_get(scores, k), *v = json_object_get(s, "value");
        if (json_is_number(v) && text_at(s, "benchmark") != NULL)
            fr_catalog_entry_put_score(&e, text_at(s, "benchmark"), text_at(s, "metric"),
                                       json_number_value(v), text_at(s, "date"),
                                       text_at(s, "source"));
    }
    fr_catalog_put(c, &e);
    return 0;
}

int fr_catalog_read(fr_catalog *c, const char *path, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    json_error_t error;
    if (!fr_file_exists(path))
        return 0;
    FR_TRY(fr_file_read(path, FILE_MOST_BYTES, &text, err));
    json_t *root = json_loadb(fr_buf_text(&text), text.n, 0, &error);
    if (root == NULL)
        return fr_fail(err, FR_E_FORMAT, "It is the file that `frugal models import` writes.",
                       "%s:%d:%d: %s", path, error.line, error.column, error.text);
    const json_t *models = json_object_get(root, "models");
    int rc = 0;
    if (!json_is_array(models))
        rc = fr_fail(err, FR_E_FORMAT, "It is the file that `frugal models import` writes.",
                     "%s: no list of models", path);
    for (size_t i = 0; rc == 0 && i < json_array_size(models); i++)
        rc = entry_of(json_array_get(models, i), i, path, c, err);
    json_decref(root);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    const fr_catalog_entry *x = *(fr_catalog_entry *const *)a, *y = *(fr_catalog_entry *const *)b;
    int order = strcasecmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->name, y->name);
}

int fr_catalog_write(const fr_catalog *c, const char *path, fr_err *err)
{
    const fr_catalog_entry **order = FR_NEW_N(const fr_catalog_entry *, c->n);
    for (size_t i = 0; i < c->n; i++)
        order[i] = &c->at[i];
    fr_sort(order, c->n, sizeof(*order), by_name);
    json_t *models = json_array();
    for (size_t i = 0; i < c->n; i++)
        json_array_append_new(models, fr_catalog_entry_json(order[i]));
    free(order);
    json_t *root = json_pack("{s:i,s:o}", "schema", 1, "models", models);
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(root);
    char *line = fr_dup_f("%s\n", text);
    int rc = fr_file_write(path, fr_str_of(line), err);
    free(line);
    free(text);
    return rc;
}
