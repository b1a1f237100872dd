#include "adapt/task.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adapt/rung.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "endpoint/endpoint.h"

#define NAMED_MAX 3 /* so many rows or labels are named one by one in a message */

static const char *const HOSTINGS[] = { "always-on", "sleeps", "batch", NULL };

void fr_task_warn(fr_task *task, const char *fmt, ...)
{
    char line[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    FR_GROW(task->warnings, task->n_warnings, task->cap_warnings);
    task->warnings[task->n_warnings++] = fr_dup(line);
}

static void model_fini(fr_task_model *m)
{
    free(m->path);
    free(m->endpoint);
    free(m->name);
    free(m->written);
    *m = (fr_task_model){ 0 };
}

static void models_fini(fr_task *task)
{
    for (size_t i = 0; i < task->n_models; i++)
        model_fini(&task->models[i]);
    free(task->models);
    task->models = NULL;
    task->n_models = 0;
}

void fr_task_free(fr_task *task)
{
    if (task == NULL)
        return;
    models_fini(task);
    model_fini(&task->embed);
    for (size_t i = 0; i < task->n_strategies; i++) {
        free(task->strategies[i].name);
        free(task->strategies[i].build);
        free(task->strategies[i].answer);
    }
    free(task->strategies);
    for (size_t i = 0; i < task->n_warnings; i++)
        free(task->warnings[i]);
    free(task->warnings);
    fr_data_fini(&task->rows);
    fr_data_fini(&task->train);
    fr_data_fini(&task->dev);
    fr_data_fini(&task->eval);
    free(task->labels);
    free(task->metric.name);
    free(task->metric.command);
    free(task->place_text);
    free((char *)task->place.region);
    free((char *)task->place.zone);
    free(task->train_path);
    free(task->eval_path);
    free(task->documents_path);
    free(task->name);
    free(task->dir);
    free(task->path);
    free(task);
}

const char *fr_task_name(const fr_task *task)
{
    return task->name;
}

/* ---- the file ----------------------------------------------------------------------------- */

bool fr_task_is_plain_name(const char *name)
{
    if (!isalnum((unsigned char)name[0]) || strlen(name) > 80)
        return false;
    for (const char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("._-+", *c) == NULL)
            return false;
    }
    return true;
}

/* A path that the file names: resolved, and it must be there. */
static int take_path(const fr_task *task, const fr_node *map, const char *key, bool required,
                     char **out, fr_err *err)
{
    const char *text = NULL;
    FR_TRY(fr_doc_get_text(map, key, required, &text, err));
    if (text == NULL)
        return 0;
    *out = fr_path_join(task->dir, text);
    if (!fr_file_exists(*out))
        return fr_node_fail(fr_node_get(map, key), err,
                            "Paths are relative to the task file's folder.", "'%s' does not exist",
                            *out);
    return 0;
}

/* A short name for records and folders: the file's name without .gguf, or the endpoint's model. */
static char *model_short_name(const fr_task *task, const char *written)
{
    const char *slash = strrchr(written, '/');
    char *name = fr_dup(slash != NULL && slash[1] != '\0' ? slash + 1 : written);
    size_t n = strlen(name);
    if (n > 5 && strcmp(name + n - 5, ".gguf") == 0)
        name[n - 5] = '\0';
    for (char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("._-+", *c) == NULL)
            *c = '-';
    }
    for (size_t i = 0; i < task->n_models; i++) {
        if (strcmp(task->models[i].name, name) == 0) {
            char *other = fr_dup_f("%s-%zu", name, task->n_models + 1);
            free(name);
            return other;
        }
    }
    return name;
}

static int read_model(const fr_task *task, const fr_node *node, const char *dir, fr_task_model *m,
                      fr_err *err)
{
    static const char *const KEYS[] = { "endpoint", "name", NULL };
    if (node->kind == FR_NODE_SCALAR) {
        char *path = fr_path_join(dir, node->text);
        struct stat info;
        if (stat(path, &info) != 0 || S_ISDIR(info.st_mode)) {
            bool folder = fr_dir_exists(path);
            int rc = fr_node_fail(
                node, err,
                "Name a GGUF file, or {endpoint: URL, name: NAME}; paths are "
                "relative to the task file's folder.",
                folder ? "'%s' is a folder, not a model file" : "'%s' does not exist", path);
            free(path);
            return rc;
        }
        *m = (fr_task_model){ .path = path,
                              .name = model_short_name(task, node->text),
                              .written = fr_dup(node->text),
                              .bytes = (uint64_t)info.st_size };
        return 0;
    }
    if (node->kind != FR_NODE_MAP)
        return fr_node_fail(node, err, NULL, "expected a GGUF file or {endpoint: URL, name: NAME}");
    const char *url = NULL, *name = NULL;
    FR_TRY(fr_doc_check_keys(node, KEYS, err));
    FR_TRY(fr_doc_get_text(node, "endpoint", true, &url, err));
    FR_TRY(fr_doc_get_text(node, "name", true, &name, err));
    if (!fr_endpoint_is_address(url))
        return fr_node_fail(fr_node_get(node, "endpoint"), err, NULL,
                            "expected a URL that begins with http:// or https://, "
                            "bedrock:REGION, or command:SHELL LINE, found '%.60s'",
                            url);
    *m = (fr_task_model){ .endpoint = fr_dup(url),
                          .name = model_short_name(task, name),
                          .written = fr_dup(name) };
    return 0;
}

static int read_data(fr_task *task, const fr_node *root, fr_err *err)
{
    static const char *const KEYS[] = { "train", "eval", "documents", "embed", NULL };
    const fr_node *data = fr_node_get(root, "data");
    if (data == NULL)
        return fr_node_fail(root, err, NULL,
                            "the key 'data' is missing: expected {train: FILE, eval: FILE}");
    if (data->kind != FR_NODE_MAP)
        return fr_node_fail(data, err, NULL, "expected {train: FILE, eval: FILE}");
    FR_TRY(fr_doc_check_keys(data, KEYS, err));
    FR_TRY(take_path(task, data, "train", true, &task->train_path, err));
    FR_TRY(take_path(task, data, "eval", true, &task->eval_path, err));
    FR_TRY(take_path(task, data, "documents", false, &task->documents_path, err));
    const fr_node *embed = fr_node_get(data, "embed");
    if (embed == NULL)
        return 0;
    if (task->documents_path == NULL)
        return fr_node_fail(embed, err, "Name them beside it: documents: DIR.",
                            "there are no documents to embed");
    FR_TRY(read_model(task, embed, task->dir, &task->embed, err));
    task->has_embed = true;
    return 0;
}

/* Files by size, smallest first; endpoints, whose size nobody knows, behind them as written. */
static int by_size(const void *a, const void *b)
{
    const fr_task_model *x = a, *y = b;
    if ((x->path == NULL) != (y->path == NULL))
        return x->path == NULL ? 1 : -1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return x->path != NULL ? strcmp(x->path, y->path) : 0;
}

int fr_task_read_models(fr_task *task, const fr_node *node, const char *dir, fr_err *err)
{
    size_t n = node->kind == FR_NODE_LIST ? node->n : 1;
    if (n == 0)
        return fr_node_fail(node, err, "Leave the key out to climb without a model.",
                            "an empty list");
    models_fini(task);
    task->models = FR_NEW_N(fr_task_model, n);
    for (size_t i = 0; i < n; i++) {
        FR_TRY(read_model(task, node->kind == FR_NODE_LIST ? node->at[i] : node, dir,
                          &task->models[i], err));
        task->n_models++;
    }
    /* endpoints compare equal: insertion keeps their order where qsort need not */
    for (size_t i = 1; i < n; i++) {
        for (size_t j = i; j != 0 && by_size(&task->models[j - 1], &task->models[j]) > 0; j--) {
            fr_task_model t = task->models[j];
            task->models[j] = task->models[j - 1];
            task->models[j - 1] = t;
        }
    }
    return 0;
}

static int read_models(fr_task *task, const fr_node *root, fr_err *err)
{
    const fr_node *node = fr_node_get(root, "model"), *list = fr_node_get(root, "models");
    if (node != NULL && list != NULL)
        return fr_node_fail(list, err, "Write all of them under 'models'.",
                            "'model' and 'models' both stand here");
    node = node != NULL ? node : list;
    if (node == NULL || (node->kind == FR_NODE_SCALAR && !node->quoted && node->text[0] == '\0'))
        return 0;
    return fr_task_read_models(task, node, task->dir, err);
}

static int metric_is(fr_task *task, const fr_node *node, const char *name, fr_err *err)
{
    const char *names[16] = { "perplexity" };
    size_t n = 1;
    for (size_t i = 0; fr_metric_at(i) != NULL && n + 1 < FR_COUNT_OF(names); i++)
        names[n++] = fr_metric_at(i)->name;
    fr_task_metric *m = &task->metric;
    m->name = fr_dup(name);
    if (strcmp(name, "perplexity") == 0) {
        m->perplexity = true;
        m->better = FR_BETTER_LOWER;
        if (task->kind != FR_TASK_TEXT)
            return fr_node_fail(node, err, "Use accuracy, exact-match, token-f1 or rouge-l.",
                                "perplexity is a metric of the kind 'text' only");
        return 0;
    }
    m->metric = fr_metric_find(name); /* perplexity stands there too, without a score */
    if (m->metric != NULL) {
        m->better = m->metric->better;
        return 0;
    }
    const char *nearest = fr_nearest(name, names);
    char hint[128];
    snprintf(hint, sizeof(hint), "Did you mean '%s'?", nearest != NULL ? nearest : "");
    return fr_node_fail(node, err,
                        nearest != NULL ? hint
                                        : "Known: accuracy, exact-match, token-f1, rouge-l, "
                                          "perplexity, or {command: …, direction: higher}.",
                        "expected a metric, found '%.60s'", name);
}

static int read_metric(fr_task *task, const fr_node *root, fr_err *err)
{
    static const char *const KEYS[] = { "command", "direction", NULL };
    static const char *const DIRECTIONS[] = { "higher", "lower", NULL };
    static const char *const DEFAULTS[] = { "accuracy", "exact-match", "rouge-l" };
    const fr_node *node = fr_node_get(root, "metric");
    if (node == NULL)
        return metric_is(task, root, DEFAULTS[task->kind - FR_TASK_LABEL], err);
    if (node->kind == FR_NODE_SCALAR)
        return metric_is(task, node, node->text, err);
    if (node->kind != FR_NODE_MAP)
        return fr_node_fail(node, err, NULL,
                            "expected a metric's name or {command: …, direction: higher}");
    const char *command = NULL;
    int direction = 0;
    FR_TRY(fr_doc_check_keys(node, KEYS, err));
    FR_TRY(fr_doc_get_text(node, "command", true, &command, err));
    FR_TRY(fr_doc_get_word(node, "direction", true, DIRECTIONS, &direction, err));
    task->metric =
        (fr_task_metric){ .name = fr_dup(command),
                          .command = fr_dup(command),
                          .better = direction == 0 ? FR_BETTER_HIGHER : FR_BETTER_LOWER };
    return 0;
}

static int strategy_name_ok(const fr_task *task, const fr_node *node, const char *name, bool own,
                            fr_err *err)
{
    const char *const *known = fr_strategy_names();
    bool ours = false;
    for (size_t i = 0; known[i] != NULL; i++)
        ours = ours || strcmp(known[i], name) == 0;
    if (own && ours)
        return fr_node_fail(node, err, "Give your rung a name of its own.",
                            "'%s' is the name of one of frugal's own strategies", name);
    if (own && !fr_task_is_plain_name(name))
        return fr_node_fail(node, err, "Letters, digits and . _ - + are fine.",
                            "'%.80s' cannot be a rung's name: a folder is named after it", name);
    for (size_t i = 0; i < task->n_strategies; i++) {
        if (strcmp(task->strategies[i].name, name) == 0)
            return fr_node_fail(node, err, NULL, "'%.80s' stands here twice", name);
    }
    if (own || ours)
        return 0;
    if (fr_strategy_is_planned(name))
        return fr_node_fail(node, err,
                            "This release has traditional, zero-shot, few-shot, "
                            "generated-knowledge, self-consistency, react, rag, lora, full and "
                            "scratch, and your own commands.",
                            "%s'%s' is known, but not built yet",
                            node->key == NULL ? "strategies: " : "", name);
    const char *nearest = fr_nearest(name, known);
    char hint[256];
    if (nearest != NULL)
        snprintf(hint, sizeof(hint), "Did you mean '%s'?", nearest);
    else
        snprintf(hint, sizeof(hint),
                 "Known: traditional, zero-shot, few-shot, generated-knowledge, self-consistency, "
                 "react, rag, lora, full, scratch, or {name: …, build: …, answer: …}.");
    return fr_node_fail(node, err, hint, "%sexpected a strategy, found '%.60s'",
                        node->key == NULL ? "strategies: " : "", name);
}

/* A whole number from 1 on, when it is there. */
static int read_count(const fr_node *map, const char *key, long long most, size_t *out, fr_err *err)
{
    long long n = 0;
    FR_TRY(fr_doc_get_i64(map, key, false, &n, err));
    if (fr_node_get(map, key) != NULL && (n < 1 || n > most))
        return fr_node_fail(fr_node_get(map, key), err, NULL,
                            "expected a whole number from 1 to %lld", most);
    *out = (size_t)n;
    return 0;
}

static int read_strategy(fr_task *task, const fr_node *node, fr_err *err)
{
    static const char *const KEYS[] = { "name",       "build", "answer", "budget", "samples",
                                        "statements", "steps", "thinks", NULL };
    static const char *const BUDGET_KEYS[] = { "time_s", NULL };
    fr_task_strategy s = { 0 };
    const char *name = NULL, *build = NULL, *answer = NULL;
    if (node->kind == FR_NODE_SCALAR) {
        name = node->text;
    } else if (node->kind == FR_NODE_MAP) {
        FR_TRY(fr_doc_check_keys(node, KEYS, err));
        FR_TRY(fr_doc_get_text(node, "name", true, &name, err));
        FR_TRY(fr_doc_get_text(node, "build", false, &build, err));
        FR_TRY(fr_doc_get_text(node, "answer", false, &answer, err));
        FR_TRY(read_count(node, "samples", 100, &s.samples, err));
        FR_TRY(read_count(node, "statements", 16, &s.statements, err));
        FR_TRY(read_count(node, "steps", 50, &s.steps, err));
        FR_TRY(fr_doc_get_bool(node, "thinks", false, &s.thinks, err));
        const fr_node *budget = fr_node_get(node, "budget");
        if (budget != NULL) {
            if (budget->kind != FR_NODE_MAP)
                return fr_node_fail(budget, err, NULL, "expected {time_s: SECONDS}");
            FR_TRY(fr_doc_check_keys(budget, BUDGET_KEYS, err));
            FR_TRY(fr_doc_get_f64(budget, "time_s", false, &s.time_s, err));
            if (s.time_s <= 0)
                return fr_node_fail(budget, err, NULL, "expected time_s above 0");
        }
        if (build != NULL && answer == NULL)
            return fr_node_fail(node, err,
                                "It reads JSON Lines {\"input\": …} and writes "
                                "{\"output\": …}, one for each.",
                                "the key 'answer' is missing: expected a command");
    } else {
        return fr_node_fail(node, err, NULL,
                            "expected a strategy's name or {name: …, build: …, answer: …}");
    }
    s.own = answer != NULL;
    s.stated = true;
    FR_TRY(strategy_name_ok(task, node, name, s.own, err));
    s.name = fr_dup(name);
    s.build = fr_dup(build);
    s.answer = fr_dup(answer);
    task->strategies[task->n_strategies++] = s;
    return 0;
}

static int read_strategies(fr_task *task, const fr_node *root, fr_err *err)
{
    const fr_node *list = fr_node_get(root, "strategies");
    if (list == NULL) {
        const char *const *known = fr_strategy_names();
        size_t n = 0;
        while (known[n] != NULL)
            n++;
        task->strategies = FR_NEW_N(fr_task_strategy, n);
        for (size_t i = 0; i < n; i++)
            task->strategies[task->n_strategies++].name = fr_dup(known[i]);
        return 0;
    }
    if (list->kind != FR_NODE_LIST || list->n == 0)
        return fr_node_fail(list, err, "Leave the key out for all that fit.",
                            "expected a list of strategies");
    task->strategies_stated = true;
    task->strategies = FR_NEW_N(fr_task_strategy, list->n);
    for (size_t i = 0; i < list->n; i++)
        FR_TRY(read_strategy(task, list->at[i], err));
    return 0;
}

/* A number above 0 when it is there. */
static int read_positive(const fr_node *map, const char *key, double *out, fr_err *err)
{
    FR_TRY(fr_doc_get_f64(map, key, false, out, err));
    if (fr_node_get(map, key) != NULL && !(*out > 0))
        return fr_node_fail(fr_node_get(map, key), err, NULL, "expected a number above 0");
    return 0;
}

static int read_budget(fr_task *task, const fr_node *root, fr_err *err)
{
    static const char *const KEYS[] = { "energy_j", "time_s", "carbon_g", NULL };
    const fr_node *node = fr_node_get(root, "budget");
    if (node == NULL)
        return 0;
    if (node->kind != FR_NODE_MAP)
        return fr_node_fail(node, err, NULL, "expected {energy_j: …, time_s: …} or {carbon_g: …}");
    FR_TRY(fr_doc_check_keys(node, KEYS, err));
    FR_TRY(read_positive(node, "energy_j", &task->budget.energy_j, err));
    FR_TRY(read_positive(node, "time_s", &task->budget.time_s, err));
    return read_positive(node, "carbon_g", &task->budget.carbon_g, err);
}

static int read_place(fr_task *task, const fr_node *root, fr_err *err)
{
    static const char *const KEYS[] = { "region", "zone", "intensity_g_per_kwh", "pue", NULL };
    const fr_node *node = fr_node_get(root, "place");
    if (node == NULL)
        return 0;
    if (node->kind != FR_NODE_MAP)
        return fr_node_fail(node, err, NULL,
                            "expected {region: …}, {zone: …} or {intensity_g_per_kwh: …}");
    const char *region = NULL, *zone = NULL;
    FR_TRY(fr_doc_check_keys(node, KEYS, err));
    FR_TRY(fr_doc_get_text(node, "region", false, &region, err));
    FR_TRY(fr_doc_get_text(node, "zone", false, &zone, err));
    FR_TRY(read_positive(node, "intensity_g_per_kwh", &task->place.intensity_g_per_kwh, err));
    FR_TRY(read_positive(node, "pue", &task->place.pue, err));
    if (task->place.pue != 0 && task->place.pue < 1)
        return fr_node_fail(fr_node_get(node, "pue"), err, NULL, "expected a number from 1 up");
    task->place.region = fr_dup(region);
    task->place.zone = fr_dup(zone);
    fr_place place = { 0 };
    fr_err why = { 0 };
    if (fr_place_resolve(&task->place, &place, &why) != 0)
        return fr_node_fail(node, err, why.hint, "%s", why.what);
    return 0;
}

static int read_target(fr_task *task, const fr_node *root, fr_err *err)
{
    static const char *const STOPS[] = { "target", "never", NULL };
    int stop = 0;
    FR_TRY(fr_doc_get_word(root, "stop", false, STOPS, &stop, err));
    task->never_stop = stop == 1;
    task->target = NAN;
    FR_TRY(fr_doc_get_f64(root, "target", !task->never_stop, &task->target, err));
    bool ratio = task->metric.metric != NULL;
    if (ratio && (task->target < 0 || task->target > 1))
        return fr_node_fail(fr_node_get(root, "target"), err, "80% is written 0.80.",
                            "expected a number from 0 to 1");
    if (task->metric.perplexity && task->target < 1)
        return fr_node_fail(fr_node_get(root, "target"), err, NULL,
                            "expected a perplexity of 1 or more");
    return 0;
}

static int read_horizon(fr_task *task, const fr_node *root, fr_err *err)
{
    int hosting = FR_HOSTING_SLEEPS - 1;
    FR_TRY(fr_doc_get_word(root, "hosting", false, HOSTINGS, &hosting, err));
    task->hosting = (fr_hosting)(hosting + 1);
    task->requests_per_day = 1000;
    task->horizon_days = 365;
    FR_TRY(read_positive(root, "requests_per_day", &task->requests_per_day, err));
    return read_positive(root, "horizon_days", &task->horizon_days, err);
}

static int read_task(fr_task *task, const fr_node *root, fr_err *err)
{
    static const char *const KEYS[] = { "task",         "kind",   "model",   "data",
                                        "metric",       "target", "stop",    "strategies",
                                        "budget",       "place",  "hosting", "requests_per_day",
                                        "horizon_days", "models", NULL };
    static const char *const KINDS[] = { "label", "answer", "text", NULL };
    if (root->kind != FR_NODE_MAP)
        return fr_node_fail(root, err, "`frugal adapt --init DATA` writes one to begin with.",
                            "expected keys such as 'task: NAME'");
    FR_TRY(fr_doc_check_keys(root, KEYS, err));
    const char *name = NULL;
    int kind = 0;
    FR_TRY(fr_doc_get_text(root, "task", true, &name, err));
    if (!fr_task_is_plain_name(name))
        return fr_node_fail(fr_node_get(root, "task"), err, "Letters, digits and . _ - + are fine.",
                            "'%.80s' cannot be a task's name: a folder is named after it", name);
    task->name = fr_dup(name);
    FR_TRY(fr_doc_get_word(root, "kind", true, KINDS, &kind, err));
    task->kind = (fr_task_kind)(FR_TASK_LABEL + kind);
    FR_TRY(read_models(task, root, err));
    FR_TRY(read_data(task, root, err));
    FR_TRY(read_metric(task, root, err));
    FR_TRY(read_target(task, root, err));
    FR_TRY(read_strategies(task, root, err));
    FR_TRY(read_budget(task, root, err));
    FR_TRY(read_place(task, root, err));
    return read_horizon(task, root, err);
}

/* ---- a model's identity ------------------------------------------------------------------- */

#define HASH_WHOLE_BYTES ((uint64_t)2 << 30) /* larger model files are told by size and ends */

int fr_task_model_hash(const fr_task_model *m, char out[65], fr_err *err)
{
    if (m->path != NULL && m->bytes <= HASH_WHOLE_BYTES)
        return fr_sha256_file(m->path, out, err);
    FR_AUTO(fr_buf) text = { 0 };
    if (m->path == NULL) {
        fr_buf_put_f(&text, "%s %s", m->endpoint, m->written);
        return fr_sha256(fr_buf_text(&text), text.n, out, err);
    }
    FR_AUTO(fr_map) map = { 0 };
    FR_TRY(fr_map_open(m->path, &map, err));
    size_t end = (size_t)16 << 20;
    fr_buf_put_f(&text, "%zu:", map.size_bytes);
    fr_buf_put(&text, map.at, FR_MIN(end, map.size_bytes));
    fr_buf_put(&text, map.at + (map.size_bytes - FR_MIN(end, map.size_bytes)),
               FR_MIN(end, map.size_bytes));
    return fr_sha256(fr_buf_text(&text), text.n, out, err);
}

/* ---- the data ----------------------------------------------------------------------------- */

/* Rows of train that stand in eval too are set aside, named and counted: what is to be tested on
 * must not be learnt, retrieved or shown. */
static int set_leaks_aside(fr_task *task, fr_err *err)
{
    size_t n = task->eval.n;
    fr_keyed *keys = fr_data_by_key(&task->eval);
    fr_data kept = { 0 };
    size_t leaks = 0;
    char named[96] = "";
    for (size_t i = 0; i < task->rows.n; i++) {
        const fr_datum *row = &task->rows.at[i];
        const uint64_t wanted = fr_data_key(row->input);
        size_t low = 0, high = n;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (keys[middle].key < wanted)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == n || keys[low].key != wanted) {
            fr_data_put(&kept, row->input, row->output, row->line);
            continue;
        }
        if (leaks++ < NAMED_MAX) {
            size_t used = strlen(named);
            snprintf(named + used, sizeof(named) - used, "%s%zu (eval %zu)", used != 0 ? ", " : "",
                     row->line, task->eval.at[keys[low].row].line);
        }
    }
    free(keys);
    fr_data_fini(&task->rows);
    task->rows = kept;
    if (leaks != 0)
        fr_task_warn(task,
                     "leak: %zu of the training rows stand in %s too; they are set aside, so that "
                     "nothing learns what it is tested on (line %s%s)",
                     leaks, task->eval_path, named, leaks > NAMED_MAX ? ", …" : "");
    if (kept.n == 0)
        return fr_fail(err, FR_E_FORMAT, "Split the data so that no row stands in both files.",
                       "every row of '%s' stands in '%s' too", task->train_path, task->eval_path);
    return 0;
}

static void trim_outputs(fr_data *data)
{
    for (size_t i = 0; i < data->n; i++) {
        fr_str kept = fr_str_trim(data->at[i].output);
        char *copy = fr_str_dup(kept);
        free((char *)data->at[i].output.at);
        data->at[i].output = (fr_str){ copy, kept.n };
    }
}

static bool has_label(const fr_task *task, fr_str label)
{
    for (size_t i = 0; i < task->n_labels; i++) {
        if (fr_str_equal(task->labels[i], label))
            return true;
    }
    return false;
}

static int check_labels(fr_task *task, fr_err *err)
{
    size_t cap = 0;
    for (size_t i = 0; i < task->rows.n; i++) {
        fr_str label = task->rows.at[i].output;
        if (has_label(task, label))
            continue;
        FR_GROW(task->labels, task->n_labels, cap);
        task->labels[task->n_labels++] = label;
    }
    if (task->n_labels < 2)
        return fr_fail(err, FR_E_FORMAT,
                       "A label task needs rows of two labels at least; for free answers say "
                       "'kind: answer' or 'kind: text'.",
                       "all rows of '%s' have one label, '%.*s'", task->train_path,
                       (int)FR_MIN(task->labels[0].n, (size_t)60), task->labels[0].at);
    size_t unseen = 0;
    char named[200] = "";
    for (size_t i = 0; i < task->eval.n; i++) {
        fr_str label = task->eval.at[i].output;
        if (has_label(task, label) || unseen++ >= NAMED_MAX)
            continue;
        size_t used = strlen(named);
        snprintf(named + used, sizeof(named) - used, "%s'%.*s' (line %zu)", used != 0 ? ", " : "",
                 (int)FR_MIN(label.n, (size_t)40), label.at, task->eval.at[i].line);
    }
    if (unseen != 0)
        return fr_fail(err, FR_E_FORMAT,
                       "Add training rows with that label, or take the rows out of eval.",
                       "%zu rows of '%s' have a label that no row of '%s' has: %s%s", unseen,
                       task->eval_path, task->train_path, named, unseen > NAMED_MAX ? ", …" : "");
    return 0;
}

static int load_data(fr_task *task, fr_err *err)
{
    FR_TRY(fr_data_load(task->train_path, &task->rows, err));
    FR_TRY(fr_data_load(task->eval_path, &task->eval, err));
    if (task->rows.n == 0 || task->eval.n == 0)
        return fr_fail(err, FR_E_FORMAT, "A row is {\"input\": …, \"output\": …}.",
                       "'%s' has no rows", task->rows.n == 0 ? task->train_path : task->eval_path);
    if (task->kind == FR_TASK_LABEL) {
        trim_outputs(&task->rows);
        trim_outputs(&task->eval);
    }
    FR_TRY(set_leaks_aside(task, err));
    if (task->kind == FR_TASK_LABEL)
        FR_TRY(check_labels(task, err));
    if (task->eval.n < FR_TARGET_ROWS)
        fr_task_warn(task,
                     "%zu rows in %s: under %d nobody can say whether a target is met, so the "
                     "verdict stays undecided",
                     task->eval.n, task->eval_path, FR_TARGET_ROWS);
    return 0;
}

/* ---- the split ---------------------------------------------------------------------------- */

#define DEV_RATIO 5 /* one row in five */
#define DEV_MAX   200

int fr_task_split(fr_task *task, uint64_t seed, fr_err *err)
{
    fr_data_fini(&task->train);
    fr_data_fini(&task->dev);
    size_t n = task->rows.n;
    if (n < 2)
        return fr_fail(err, FR_E_FORMAT, "Add rows: some are for learning, some for choosing.",
                       "'%s' has %zu row left to learn from; two are the least", task->train_path,
                       n);
    size_t n_dev = FR_MIN(FR_MAX(n / DEV_RATIO, (size_t)1), (size_t)DEV_MAX);
    uint32_t *order = FR_NEW_N(uint32_t, n);
    bool *is_dev = FR_NEW_N(bool, n);
    size_t *left = FR_NEW_N(size_t, task->n_labels + 1);
    fr_random_permutation(order, n, seed, FR_RANDOM_SPLIT, 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t l = 0; l < task->n_labels; l++)
            left[l] += fr_str_equal(task->labels[l], task->rows.at[i].output);
    }
    for (size_t i = 0, taken = 0; i < n && taken < n_dev; i++) {
        size_t l = 0;
        while (l < task->n_labels && !fr_str_equal(task->labels[l], task->rows.at[order[i]].output))
            l++;
        if (l < task->n_labels && left[l] < 2)
            continue; /* the last row of its label stays where it can be learnt */
        if (l < task->n_labels)
            left[l]--;
        is_dev[order[i]] = true;
        taken++;
    }
    for (size_t i = 0; i < n; i++) {
        const fr_datum *row = &task->rows.at[i];
        fr_data_put(is_dev[i] ? &task->dev : &task->train, row->input, row->output, row->line);
    }
    free(order);
    free(is_dev);
    free(left);
    return 0;
}

int fr_task_load(const char *path, fr_task **out, fr_err *err)
{
    FR_AUTOPTR(fr_doc) doc = NULL;
    FR_TRY(fr_doc_load(path, &doc, err));
    FR_AUTOPTR(fr_task) task = FR_NEW(fr_task);
    task->path = fr_dup(path);
    task->dir = fr_path_dir(path);
    FR_TRY(read_task(task, fr_doc_root(doc), err));
    FR_TRY(load_data(task, err));
    *out = task;
    task = NULL;
    return 0;
}
