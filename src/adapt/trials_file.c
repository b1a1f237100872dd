/* The experiment file: read, checked, and spread out into variants and sets of parameters. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/trials_priv.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"

#define VARIANTS_MOST ((size_t)256)
#define VALUES_MOST   ((size_t)16)
#define PROMPT_BYTES  ((size_t)1 << 20)
#define ROWS          ((size_t)64)

void fr_trials_free(fr_trials *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n_variants; i++) {
        free(t->variants[i].name);
        free(t->variants[i].prompt_path);
        free(t->variants[i].prompt);
        free(t->variants[i].instruction);
    }
    free(t->variants);
    free(t->parameters);
    fr_task_free(t->task);
    free(t->instruction);
    free(t->path);
    free(t->dir);
    free(t->name);
    free(t);
}

size_t fr_trials_n_arms(const fr_trials *t)
{
    return t->n_variants * t->n_parameters * t->task->n_models;
}

const char *fr_trials_name(const fr_trials *t)
{
    return t->name;
}

/* ---- one value or a list of them ---------------------------------------------------------- */

static const fr_node *item(const fr_node *node, size_t i)
{
    return node->kind == FR_NODE_LIST ? node->at[i] : node;
}

static size_t n_items(const fr_node *node)
{
    return node == NULL ? 0 : node->kind == FR_NODE_LIST ? node->n : 1;
}

static int numbers(const fr_node *map, const char *key, double low, double high, bool whole,
                   double otherwise, double out[VALUES_MOST], size_t *n, fr_err *err)
{
    const fr_node *node = fr_node_get(map, key);
    *n = n_items(node);
    if (node == NULL) {
        out[0] = otherwise;
        *n = 1;
        return 0;
    }
    if (*n == 0 || *n > VALUES_MOST)
        return fr_node_fail(node, err, NULL, "expected one number or a list of up to %zu",
                            VALUES_MOST);
    for (size_t i = 0; i < *n; i++) {
        const fr_node *one = item(node, i);
        double v = 0;
        bool good = one->kind == FR_NODE_SCALAR && !one->quoted &&
                    fr_str_to_f64(fr_str_of(one->text), &v) && v >= low && v <= high &&
                    (!whole || v == (double)(long long)v);
        if (!good)
            return fr_node_fail(one, err, NULL, "%s: expected %s from %g to %g", key,
                                whole ? "a whole number" : "a number", low, high);
        out[i] = v;
    }
    return 0;
}

static int whole_number(const fr_node *map, const char *key, double low, double high,
                        size_t otherwise, size_t *out, fr_err *err)
{
    double v[VALUES_MOST];
    size_t n = 0;
    FR_TRY(numbers(map, key, low, high, true, (double)otherwise, v, &n, err));
    if (n != 1)
        return fr_node_fail(fr_node_get(map, key), err, NULL, "%s: expected one number", key);
    *out = (size_t)v[0];
    return 0;
}

/* ---- parameters --------------------------------------------------------------------------- */

static void put_parameters(fr_trials *t, fr_trial_parameters p)
{
    if (p.temperature == 0) { /* greedy: the cut-offs change nothing */
        p.top_p = 0;
        p.top_k = 0;
    }
    if (p.top_p == 1)
        p.top_p = 0;
    for (size_t i = 0; i < t->n_parameters; i++) {
        const fr_trial_parameters *o = &t->parameters[i];
        if (o->temperature == p.temperature && o->top_p == p.top_p && o->top_k == p.top_k &&
            o->max_tokens == p.max_tokens)
            return;
    }
    FR_GROW(t->parameters, t->n_parameters, t->cap_parameters);
    t->parameters[t->n_parameters++] = p;
}

static int read_parameters(fr_trials *t, const fr_node *root, fr_err *err)
{
    static const char *const KEYS[] = { "temperature", "top_p", "top_k", "max_tokens", NULL };
    const fr_node *node = fr_node_get(root, "parameters");
    double temperature[VALUES_MOST], top_p[VALUES_MOST], top_k[VALUES_MOST], tokens[VALUES_MOST];
    size_t n[4];
    if (node != NULL && node->kind != FR_NODE_MAP)
        return fr_node_fail(node, err, NULL, "expected {temperature: …, top_p: …, max_tokens: …}");
    if (node != NULL)
        FR_TRY(fr_doc_check_keys(node, KEYS, err));
    FR_TRY(numbers(node, "temperature", 0, 5, false, 0, temperature, &n[0], err));
    FR_TRY(numbers(node, "top_p", 0, 1, false, 0, top_p, &n[1], err));
    FR_TRY(numbers(node, "top_k", 0, 1e6, true, 0, top_k, &n[2], err));
    FR_TRY(numbers(node, "max_tokens", 1, 1e5, true, 64, tokens, &n[3], err));
    for (size_t a = 0; a < n[0]; a++)
        for (size_t b = 0; b < n[1]; b++)
            for (size_t c = 0; c < n[2]; c++)
                for (size_t d = 0; d < n[3]; d++)
                    put_parameters(t, (fr_trial_parameters){ temperature[a], top_p[b],
                                                             (int)top_k[c], (size_t)tokens[d] });
    return 0;
}

/* ---- variants ----------------------------------------------------------------------------- */

static char *free_name(const fr_trials *t, const char *wanted)
{
    char *name = fr_dup(wanted);
    for (size_t number = 2, i = 0; i < t->n_variants; i++) {
        if (strcmp(t->variants[i].name, name) == 0) {
            free(name);
            name = fr_dup_f("%s-%zu", wanted, number++);
            i = (size_t)-1; /* from the first again */
        }
    }
    return name;
}

static int put_variant(fr_trials *t, const fr_node *node, const fr_trial_variant *v,
                       const char *name, fr_err *err)
{
    if (t->n_variants >= VARIANTS_MOST)
        return fr_node_fail(node, err, NULL, "more than %zu variants", VARIANTS_MOST);
    FR_GROW(t->variants, t->n_variants, t->cap_variants);
    fr_trial_variant *out = &t->variants[t->n_variants];
    *out = *v;
    out->name = free_name(t, name);
    out->prompt_path = fr_dup(v->prompt_path);
    out->prompt = fr_dup(v->prompt);
    out->instruction = fr_dup(v->instruction);
    t->n_variants++;
    return 0;
}

static int technique_named(const fr_node *node, const char *name, fr_technique_kind *out,
                           fr_err *err)
{
    *out = fr_technique_of(name);
    if (*out != FR_TECHNIQUE_NONE)
        return 0;
    const char *near = fr_nearest(name, FR_TECHNIQUE_NAMES);
    char hint[160];
    snprintf(hint, sizeof(hint),
             near != NULL ? "Did you mean '%s'?"
                          : "There are zero-shot, few-shot, chain-of-thought, self-consistency, "
                            "generated-knowledge and react.",
             near != NULL ? near : "");
    return fr_node_fail(node, err, hint, "expected a technique, found '%.60s'", name);
}

static int read_prompt(const fr_trials *t, const fr_node *node, fr_trial_variant *v, fr_err *err)
{
    const char *file = NULL;
    FR_TRY(fr_doc_get_text(node, "prompt", false, &file, err));
    if (file == NULL)
        return 0;
    v->prompt_path = fr_path_join(t->dir, file);
    FR_AUTO(fr_buf) text = { 0 };
    fr_err why = { 0 };
    if (fr_file_read(v->prompt_path, PROMPT_BYTES, &text, &why) != 0)
        return fr_node_fail(fr_node_get(node, "prompt"), err,
                            "Paths are relative to the experiment file's folder.", "%s", why.what);
    v->prompt = fr_buf_take(&text);
    return 0;
}

/* The lists of a variant, each value with each. */
static int spread(fr_trials *t, const fr_node *node, fr_trial_variant *v, const char *name,
                  fr_err *err)
{
    double shots[VALUES_MOST];
    size_t n_shots = 0;
    bool few = v->technique.kind == FR_TECHNIQUE_FEW_SHOT;
    const fr_node *choose = fr_node_get(node, "choose");
    FR_TRY(numbers(node, "shots", few ? 1 : 0, 32, true, few ? 4 : 0, shots, &n_shots, err));
    for (size_t i = 0; i < n_shots; i++) {
        for (size_t c = 0; c < FR_MAX(n_items(choose), (size_t)1); c++) {
            const fr_node *one = choose != NULL ? item(choose, c) : NULL;
            v->technique.n_shots = (size_t)shots[i];
            v->technique.choice = FR_SHOTS_RANDOM;
            if (one != NULL)
                v->technique.choice =
                    one->kind == FR_NODE_SCALAR ? fr_shot_choice_of(one->text) : FR_SHOTS_NONE;
            if (v->technique.choice == FR_SHOTS_NONE)
                return fr_node_fail(one, err, "There are random, similar and diverse.",
                                    "choose: expected a way of choosing examples");
            if (v->technique.n_shots == 0 && c != 0)
                continue;
            char number[24] = "", *whole;
            if (n_shots > 1 || (few && name == NULL))
                snprintf(number, sizeof(number), "-%zu", v->technique.n_shots);
            whole =
                fr_dup_f("%s%s%s%s", name != NULL ? name : fr_technique_name(v->technique.kind),
                         number, n_items(choose) > 1 || (choose != NULL && name == NULL) ? "-" : "",
                         n_items(choose) > 1 || (choose != NULL && name == NULL)
                             ? fr_shot_choice_name(v->technique.choice)
                             : "");
            int rc = put_variant(t, node, v, whole, err);
            free(whole);
            FR_TRY(rc);
        }
    }
    return 0;
}

static int read_settings(const fr_trials *t, const fr_node *node, fr_trial_variant *v, fr_err *err)
{
    const char *instruction = NULL;
    fr_technique *q = &v->technique;
    FR_TRY(read_prompt(t, node, v, err));
    FR_TRY(fr_doc_get_text(node, "instruction", false, &instruction, err));
    v->instruction = fr_dup(instruction);
    FR_TRY(whole_number(node, "instructions", 1, 64, 0, &v->n_instructions, err));
    FR_TRY(whole_number(node, "samples", 1, 100, 0, &q->samples, err));
    FR_TRY(whole_number(node, "statements", 1, 16, 0, &q->statements, err));
    FR_TRY(whole_number(node, "steps", 1, 50, 0, &q->max_steps, err));
    FR_TRY(whole_number(node, "passages", 0, 20, 0, &v->n_passages, err));
    FR_TRY(fr_doc_get_bool(node, "thinks", false, &q->thinks, err));
    FR_TRY(fr_doc_get_f64(node, "confidence", false, &q->confidence, err));
    FR_TRY(fr_doc_get_f64(node, "max_j", false, &q->max_j, err));
    if (q->confidence != 0 && !(q->confidence >= 0.5 && q->confidence <= 1))
        return fr_node_fail(fr_node_get(node, "confidence"), err, NULL,
                            "expected a number from 0.5 to 1");
    if (v->n_passages != 0 && t->task->documents_path == NULL)
        return fr_node_fail(fr_node_get(node, "passages"), err,
                            "Name them in the task file: data: {documents: DIR}.",
                            "the task has no documents to take passages from");
    if (v->n_instructions != 0 && v->prompt != NULL && strstr(v->prompt, "instruction") == NULL)
        return fr_node_fail(fr_node_get(node, "instructions"), err,
                            "Write {instruction} where it is to stand.",
                            "the prompt file has no place for an instruction");
    return 0;
}

static int read_variant(fr_trials *t, const fr_node *node, fr_err *err)
{
    static const char *const KEYS[] = { "name",         "technique", "prompt",     "instruction",
                                        "instructions", "shots",     "choose",     "samples",
                                        "confidence",   "thinks",    "statements", "steps",
                                        "max_j",        "passages",  NULL };
    fr_trial_variant v = { 0 };
    const char *technique = "zero-shot", *name = NULL;
    if (node->kind == FR_NODE_SCALAR) {
        FR_TRY(technique_named(node, node->text, &v.technique.kind, err));
        return spread(t, node, &v, NULL, err);
    }
    if (node->kind != FR_NODE_MAP)
        return fr_node_fail(node, err, NULL, "expected a technique or {technique: …, prompt: …}");
    FR_TRY(fr_doc_check_keys(node, KEYS, err));
    FR_TRY(fr_doc_get_text(node, "technique", false, &technique, err));
    FR_TRY(fr_doc_get_text(node, "name", false, &name, err));
    FR_TRY(technique_named(node, technique, &v.technique.kind, err));
    int rc = read_settings(t, node, &v, err);
    char *stem = NULL;
    if (rc == 0 && name == NULL && v.prompt_path != NULL) { /* curt.jinja: curt */
        const char *slash = strrchr(v.prompt_path, '/');
        stem = fr_dup(slash != NULL ? slash + 1 : v.prompt_path);
        char *dot = strrchr(stem, '.');
        if (dot != NULL && dot != stem)
            *dot = '\0';
        name = stem;
    }
    if (rc == 0)
        rc = spread(t, node, &v, name, err);
    free(stem);
    free(v.prompt_path);
    free(v.prompt);
    free(v.instruction);
    return rc;
}

static int read_variants(fr_trials *t, const fr_node *root, fr_err *err)
{
    const fr_node *list = fr_node_get(root, "variants");
    if (list == NULL || list->kind != FR_NODE_LIST || list->n == 0)
        return fr_node_fail(list != NULL ? list : root, err,
                            "As variants: [zero-shot, {technique: few-shot, shots: [1, 4]}].",
                            "expected a list of variants");
    for (size_t i = 0; i < list->n; i++)
        FR_TRY(read_variant(t, list->at[i], err));
    return 0;
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int read_task_of(fr_trials *t, const fr_node *root, fr_err *err)
{
    const char *file = NULL;
    FR_TRY(fr_doc_get_text(root, "task", true, &file, err));
    char *path = fr_path_join(t->dir, file);
    int rc = fr_task_load(path, &t->task, err);
    free(path);
    FR_TRY(rc);
    if (fr_node_get(root, "models") != NULL)
        FR_TRY(fr_task_read_models(t->task, fr_node_get(root, "models"), t->dir, err));
    if (t->task->n_models == 0)
        return fr_node_fail(root, err, "As models: [model.gguf, {endpoint: URL, name: NAME}].",
                            "neither the experiment nor its task names a model");
    if (t->task->metric.perplexity)
        return fr_node_fail(root, err, "Use rouge-l, or a command.",
                            "an experiment scores answers, and perplexity has none");
    return 0;
}

static int read_trials(fr_trials *t, const fr_node *root, fr_err *err)
{
    static const char *const KEYS[] = { "experiment",  "task", "models", "variants",
                                        "parameters",  "rows", "seed",   "finalists",
                                        "instruction", NULL };
    const char *name = NULL, *instruction = NULL;
    size_t seed = 1;
    if (root->kind != FR_NODE_MAP)
        return fr_node_fail(root, err, NULL, "expected keys such as 'experiment: NAME'");
    FR_TRY(fr_doc_check_keys(root, KEYS, err));
    FR_TRY(fr_doc_get_text(root, "experiment", true, &name, err));
    if (!fr_task_is_plain_name(name))
        return fr_node_fail(fr_node_get(root, "experiment"), err,
                            "Letters, digits and . _ - + are fine.",
                            "'%.80s' cannot be a name: a folder is named after it", name);
    t->name = fr_dup(name);
    FR_TRY(fr_doc_get_text(root, "instruction", false, &instruction, err));
    t->instruction = fr_dup(instruction);
    FR_TRY(whole_number(root, "rows", 2, 1e6, ROWS, &t->rows, err));
    FR_TRY(whole_number(root, "finalists", 1, 256, 0, &t->finalists, err));
    FR_TRY(whole_number(root, "seed", 0, 1e9, 1, &seed, err));
    t->seed = seed;
    FR_TRY(read_task_of(t, root, err));
    FR_TRY(read_parameters(t, root, err));
    return read_variants(t, root, err);
}

int fr_trials_load(const char *path, fr_trials **out, fr_err *err)
{
    FR_AUTOPTR(fr_doc) doc = NULL;
    FR_TRY(fr_doc_load(path, &doc, err));
    FR_AUTOPTR(fr_trials) t = FR_NEW(fr_trials);
    t->path = fr_dup(path);
    t->dir = fr_path_dir(path);
    FR_TRY(read_trials(t, fr_doc_root(doc), err));
    *out = t;
    t = NULL;
    return 0;
}
