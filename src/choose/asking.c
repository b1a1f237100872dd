#include "choose/asking.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

int fr_asking_model(const char *named, fr_task_model *out, fr_err *err)
{
    *out = (fr_task_model){ 0 };
    bool url = strncmp(named, "http://", 7) == 0 || strncmp(named, "https://", 8) == 0;
    const char *hash = strrchr(named, '#'), *slash = strrchr(named, '/');
    struct stat info;
    if (url && (hash == NULL || hash[1] == '\0'))
        return fr_fail(err, FR_E_USAGE, "As http://localhost:8000/v1#NAME.",
                       "'%s' does not say which model of that server", named);
    if (!url && (stat(named, &info) != 0 || S_ISDIR(info.st_mode)))
        return fr_fail(err, FR_E_NOT_FOUND,
                       "A candidate is a GGUF file, or URL#NAME for a model of a server; "
                       "`frugal models list --local` shows files.",
                       "no model file '%s'", named);
    char *name = fr_dup(url ? hash + 1 : slash != NULL ? slash + 1 : named);
    size_t n = strlen(name);
    if (!url && n > 5 && strcmp(name + n - 5, ".gguf") == 0)
        name[n - 5] = '\0';
    out->written = fr_dup(url ? hash + 1 : named);
    for (char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("._-+", *c) == NULL)
            *c = '-';
    }
    out->name = name;
    if (url)
        out->endpoint = fr_dup_n(named, (size_t)(hash - named));
    else
        out->path = fr_dup(named);
    out->bytes = url ? 0 : (uint64_t)info.st_size;
    return 0;
}

void fr_asking_model_fini(fr_task_model *m)
{
    free(m->path);
    free(m->endpoint);
    free(m->name);
    free(m->written);
}

int fr_asking_strategy(const fr_task *task, const char *named, const char **out, fr_err *err)
{
    static const char *const PROMPTED[] = { "zero-shot", "few-shot", "rag" };
    *out = task->kind == FR_TASK_ANSWER && task->documents_path != NULL ? "rag" : "zero-shot";
    if (named == NULL)
        return 0;
    for (size_t i = 0; i < FR_COUNT_OF(PROMPTED); i++) {
        if (strcmp(PROMPTED[i], named) == 0) {
            *out = PROMPTED[i];
            return 0;
        }
    }
    return fr_fail(err, FR_E_USAGE, "Models are compared by zero-shot, few-shot or rag.",
                   "'%s' is no way to ask a model as it is", named);
}

fr_rung *fr_asking_rung(const fr_asking_with *with, const fr_task_model *model)
{
    const fr_task *t = with->task;
    fr_rung *r = fr_rung_new(fr_rung_kind_of(with->strategy->name), with->strategy, model, true,
                             with->out_dir);
    r->with = (fr_material){ .kind = t->kind,
                             .train = &t->train,
                             .dev = &t->dev,
                             .labels = t->labels,
                             .n_labels = t->n_labels,
                             .documents = t->documents_path,
                             .metric = &t->metric,
                             .task_dir = t->dir };
    r->seed = with->seed;
    r->threads = with->threads;
    r->measure_s = with->measure_s > 0 ? with->measure_s : FR_EVALUATE_S;
    r->progress = with->progress;
    r->work = fr_run_work(with->run);
    r->together = t->hosting == FR_HOSTING_BATCH;
    return r;
}

int fr_asking_build(fr_run *run, fr_rung *r, fr_spent *spent, fr_err *err)
{
    *spent = fr_spent_none();
    if (!r->kind->fits(r))
        return fr_fail(err, FR_E_UNSUPPORTED, NULL, "%s", r->reason);
    FR_TRY(fr_dir_make(r->dir, err));
    if (r->kind->build == NULL)
        return 0;
    fr_phase *phase = NULL;
    fr_used used = { 0 };
    fr_err dropped = { 0 };
    FR_TRY(fr_phase_begin(run, "phase", "build", &phase, err));
    int rc = r->kind->build(r, err);
    int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", &used, rc == 0 ? err : &dropped);
    if (ended == 0)
        *spent = fr_spent_of(&used);
    return rc != 0 ? rc : ended;
}

void fr_answers_free(char **answers, size_t n)
{
    for (size_t i = 0; answers != NULL && i < n; i++)
        free(answers[i]);
    free(answers);
}

int fr_asking_answers(fr_rung *r, const fr_str *inputs, const fr_str *references, size_t n,
                      char **answers, double *scores, fr_sureness *sureness, fr_err *err)
{
    char **own = answers == NULL ? FR_NEW_N(char *, n) : NULL, **to = own != NULL ? own : answers;
    int rc = sureness != NULL ? fr_prompted_answer_sure(r, inputs, n, true, to, sureness, err)
                              : fr_prompted_answer(r, inputs, n, true, to, err);
    if (rc == 0 && scores != NULL)
        rc = fr_score_rows(r->with.metric, r->with.task_dir, inputs, to, references, n, scores,
                           r->progress, err);
    fr_answers_free(own, n);
    return rc;
}
