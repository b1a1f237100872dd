/* The artefact at work: a rung is put together again from its folder's artifact.json, with nothing
 * of the task at hand, and answers. */
#include "adapt/adapt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/artifact.h"
#include "adapt/prompted.h"
#include "adapt/rung.h"
#include "base/file.h"
#include "base/mem.h"

#define ARTIFACT_LIMIT_BYTES ((size_t)64 << 20)

struct fr_artifact {
    json_t *artifact;
    fr_data nothing; /* no rows: what was learnt is in the folder */
    fr_data pool;    /* but those that examples are chosen from */
    fr_task_metric metric;
    fr_task_strategy strategy;
    fr_task_model model, embed;
    fr_str *labels;
    fr_rung *rung;
    char *where;
};

static const char *text_of(const json_t *a, const char *key)
{
    return json_string_value(json_object_get(a, key));
}

void fr_artifact_free(fr_artifact *u)
{
    if (u == NULL)
        return;
    fr_rung_free(u->rung);
    fr_data_fini(&u->pool);
    free(u->labels);
    json_decref(u->artifact);
    free(u->where);
    free(u);
}

fr_rung *fr_artifact_rung(fr_artifact *a)
{
    return a->rung;
}

static int wrong(const char *path, const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "Climb again: `frugal adapt TASK.yaml`.", "'%s': %s", path,
                   what);
}

static int read_artifact(const char *dir, char **where, json_t **out, fr_err *err)
{
    static const char *const PLACES[] = { "", "chosen" };
    for (size_t i = 0; i < FR_COUNT_OF(PLACES); i++) {
        char *folder = i == 0 ? fr_dup(dir) : fr_path_join(dir, PLACES[i]);
        char *path = fr_path_join(folder, "artifact.json");
        if (!fr_file_exists(path)) {
            free(path);
            free(folder);
            continue;
        }
        FR_AUTO(fr_buf) text = { 0 };
        int rc = fr_file_read(path, ARTIFACT_LIMIT_BYTES, &text, err);
        if (rc == 0) {
            *out = json_loadb(fr_buf_text(&text), text.n, 0, NULL);
            if (!json_is_object(*out))
                rc = wrong(path, "not an artefact of frugal adapt", err);
        }
        free(path);
        *where = folder;
        return rc;
    }
    char *verdict = fr_path_join(dir, "verdict.json");
    bool climbed = fr_file_exists(verdict);
    free(verdict);
    if (climbed)
        return fr_fail(err, FR_E_NOT_FOUND, "Name a rung's own folder, below rungs/ there.",
                       "the climb in '%s' chose no rung", dir);
    return fr_fail(err, FR_E_NOT_FOUND, "Name the folder that a climb wrote (its --out).",
                   "no artefact in '%s'", dir);
}

static fr_task_kind kind_of(const char *name)
{
    static const char *const NAMES[] = { "none", "label", "answer", "text" };
    for (int k = FR_TASK_LABEL; k <= FR_TASK_TEXT; k++) {
        if (name != NULL && strcmp(NAMES[k], name) == 0)
            return (fr_task_kind)k;
    }
    return FR_TASK_NONE;
}

static int take_labels(fr_artifact *u, const char *dir, fr_err *err)
{
    const json_t *labels = json_object_get(u->artifact, "labels");
    size_t n = json_array_size(labels);
    u->labels = FR_NEW_N(fr_str, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *label = json_array_get(labels, i);
        if (!json_is_string(label))
            return wrong(dir, "a label is not text", err);
        u->labels[i] = (fr_str){ json_string_value(label), json_string_length(label) };
    }
    u->rung->with.labels = u->labels;
    u->rung->with.n_labels = n;
    if (n == 0 && u->rung->with.kind == FR_TASK_LABEL)
        return wrong(dir, "no labels", err);
    return 0;
}

static size_t count_of(const json_t *a, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(a, key));
    return v > 0 && v < 1 << 30 ? (size_t)v : 0;
}

/* The rows that each input's own examples are chosen from. */
static int take_pool(fr_artifact *u, const char *dir, fr_err *err)
{
    fr_prompted *p = fr_prompted_of(u->rung);
    char *path = fr_path_join(dir, text_of(u->artifact, "shots_file"));
    int rc = fr_data_load(path, &u->pool, err);
    free(path);
    FR_TRY(rc);
    fr_shot *rows = FR_NEW_N(fr_shot, u->pool.n);
    for (size_t i = 0; i < u->pool.n; i++)
        rows[i] = (fr_shot){ u->pool.at[i].input, u->pool.at[i].output };
    rc = fr_prompted_pool(u->rung, rows, u->pool.n, err);
    free(rows);
    FR_TRY(rc);
    fr_prompted_use_shots(p, FR_SHOTS_SIMILAR, count_of(u->artifact, "n_shots"));
    return 0;
}

static int take_prompted(fr_artifact *u, const char *dir, fr_err *err)
{
    fr_prompted *p = fr_prompted_of(u->rung);
    const json_t *shots = json_object_get(u->artifact, "shots");
    p->n_shots = p->n_shots_max = json_array_size(shots);
    p->shots = FR_NEW_N(fr_shot, p->n_shots);
    for (size_t i = 0; i < p->n_shots; i++) {
        const json_t *in = json_object_get(json_array_get(shots, i), "input");
        const json_t *out = json_object_get(json_array_get(shots, i), "output");
        if (!json_is_string(in) || !json_is_string(out))
            return wrong(dir, "a shot is not {input, output}", err);
        p->shots[i] = (fr_shot){ { json_string_value(in), json_string_length(in) },
                                 { json_string_value(out), json_string_length(out) } };
    }
    p->instruction = fr_dup(text_of(u->artifact, "instruction"));
    if (text_of(u->artifact, "shots_file") != NULL)
        FR_TRY(take_pool(u, dir, err));
    p->n_passages = count_of(u->artifact, "passages");
    if (!fr_retrieval_restore(&p->retrieval, u->artifact, &u->embed))
        return wrong(dir, "how its passages are found is not said", err);
    u->rung->with.embed = u->embed.written != NULL ? &u->embed : NULL;
    p->max_tokens = count_of(u->artifact, "max_tokens");
    p->context = count_of(u->artifact, "context");
    if (p->max_tokens == 0)
        return wrong(dir, "no max_tokens", err);
    return 0;
}

static int put_together(fr_artifact *u, const char *dir, int threads, const fr_progress *progress,
                        fr_err *err)
{
    const json_t *a = u->artifact;
    const char *strategy = text_of(a, "strategy");
    const fr_rung_kind *kind = strategy != NULL ? fr_rung_kind_of(strategy) : NULL;
    if (kind == NULL)
        return wrong(dir, "of a strategy that this frugal does not know", err);
    u->strategy.name = (char *)strategy;
    u->strategy.answer = (char *)text_of(a, "answer");
    u->model = (fr_task_model){ .path = (char *)text_of(a, "model"),
                                .endpoint = (char *)text_of(a, "endpoint"),
                                .written = (char *)text_of(a, "model_name"),
                                .name = (char *)"model" };
    if (kind->needs_model && u->model.path == NULL && u->model.endpoint == NULL)
        return wrong(dir, "no model", err);
    fr_rung *r = u->rung = fr_rung_new(kind, &u->strategy, &u->model, false, dir);
    free(r->dir);
    r->dir = fr_dup(dir);
    const char *task_dir = text_of(a, "task_dir");
    r->with = (fr_material){ .kind = kind_of(text_of(a, "kind")),
                             .train = &u->nothing,
                             .dev = &u->nothing,
                             .metric = &u->metric,
                             .task_dir = task_dir != NULL ? task_dir : "." };
    r->threads = threads;
    r->progress = progress;
    r->seed = (uint64_t)json_integer_value(json_object_get(a, "seed"));
    if (r->with.kind == FR_TASK_NONE)
        return wrong(dir, "of no known kind", err);
    if (kind == &FR_RUNG_COMMAND && u->strategy.answer == NULL)
        return wrong(dir, "no answer command", err);
    FR_TRY(take_labels(u, dir, err));
    if (kind->needs_model)
        FR_TRY(take_prompted(u, dir, err));
    return kind->restore != NULL ? kind->restore(r, a, err) : 0;
}

int fr_artifact_open(const char *dir, int threads, const fr_progress *progress, fr_artifact **out,
                     fr_err *err)
{
    FR_AUTOPTR(fr_artifact) u = FR_NEW(fr_artifact);
    FR_TRY(read_artifact(dir, &u->where, &u->artifact, err));
    FR_TRY(put_together(u, u->where, threads, progress, err));
    FR_TRY(u->rung->kind->open(u->rung, err));
    *out = u;
    u = NULL;
    return 0;
}

int fr_adapt_answer(const char *dir, int threads, const fr_str *inputs, size_t n, char **answers,
                    const fr_progress *progress, fr_err *err)
{
    FR_AUTOPTR(fr_artifact) a = NULL;
    FR_TRY(fr_artifact_open(dir, threads, progress, &a, err));
    return a->rung->kind->answer(a->rung, inputs, n, true, answers, err);
}
