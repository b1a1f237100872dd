#include "adapt/artifact.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapt/outcome.h"

/* How the artefact is used: what the closing lines show. `frugal adapt --answer` works for all;
 * where a prompt alone is enough, so does generate. */
static json_t *use_lines(const fr_rung *r, const json_t *artifact)
{
    json_t *use = json_array();
    char line[2048];
    snprintf(line, sizeof(line), "frugal adapt --answer %s < questions.txt", r->dir);
    json_array_append_new(use, json_string(line));
    bool retrieves = json_integer_value(json_object_get(artifact, "passages")) > 0;
    bool alone = json_object_get(artifact, "shots_file") == NULL &&
                 json_object_get(artifact, "technique") == NULL;
    if (!r->kind->needs_model || r->model == NULL || r->model->path == NULL || retrieves || !alone)
        return use;
    const char *adapter = json_string_value(json_object_get(artifact, "adapter"));
    const char *weights = json_string_value(json_object_get(artifact, "weights"));
    FR_AUTO(fr_buf) text = { 0 };
    if (weights != NULL)
        fr_buf_put_f(&text, "frugal generate -m %s/%s", r->dir, weights);
    else
        fr_buf_put_f(&text, "frugal generate -m %s", r->model->path);
    if (adapter != NULL)
        fr_buf_put_f(&text, " --adapter %s/%s", r->dir, adapter);
    fr_buf_put_f(&text, " -n 32 --stop $'\\n' -p \"$(sed 's/{input}/YOUR TEXT/' %s/prompt.txt)\"",
                 r->dir);
    json_array_append_new(use, json_string(fr_buf_text(&text)));
    return use;
}

int fr_artifact_save(const fr_task *task, fr_rung *r, fr_err *err)
{
    static const char *const KINDS[] = { "none", "label", "answer", "text" };
    json_t *a = json_object(), *labels = json_array();
    json_object_set_new(a, "schema", json_integer(1));
    json_object_set_new(a, "frugal", json_string(FR_VERSION));
    json_object_set_new(a, "task", json_string(task->name));
    json_object_set_new(a, "kind", json_string(KINDS[task->kind]));
    json_object_set_new(a, "strategy", json_string(r->kind->strategy));
    json_object_set_new(a, "name", json_string(r->name));
    char *task_dir = realpath(task->dir, NULL);
    json_object_set_new(a, "task_dir", json_string(task_dir != NULL ? task_dir : task->dir));
    free(task_dir);
    json_object_set_new(a, "seed", json_integer((json_int_t)r->seed));
    if (r->kind->needs_model && r->model != NULL) {
        char *real = r->model->path != NULL ? realpath(r->model->path, NULL) : NULL;
        if (real != NULL)
            json_object_set_new(a, "model", json_string(real));
        if (r->model->endpoint != NULL)
            json_object_set_new(a, "endpoint", json_string(r->model->endpoint));
        json_object_set_new(a, "model_name", json_string(r->model->written));
        free(real);
    }
    for (size_t i = 0; i < task->n_labels; i++)
        json_array_append_new(labels, json_stringn(task->labels[i].at, task->labels[i].n));
    json_object_set_new(a, "labels", labels);
    int rc = r->kind->save(r, a, err);
    json_object_set_new(a, "use", use_lines(r, a));
    if (rc == 0)
        rc = fr_json_write(r->dir, "artifact.json", a, err);
    json_decref(a);
    return rc;
}
