/* `frugal adapt --init DATA`: a task file to begin with, and the data split into train and eval. */
#include "adapt/adapt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/data.h"
#include "adapt/task.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"

#define LABELS_FEW   50 /* so many distinct outputs are labels if each stands for three rows */
#define LABELS_MAX   1000
#define LABEL_ROWS   8 /* and more of them, if each stands for so many (banking77: 130) */
#define LABEL_BYTES  60
#define EVAL_RATIO   4 /* one row in four */
#define EVAL_MAX     500
#define ANSWER_BYTES 60 /* longer outputs on the average are free text */

typedef struct {
    fr_task_kind kind;
    size_t n_labels;
    double target;
    const char *metric;
} guess;

typedef struct {
    fr_str output;
    size_t row;
} told;

static int by_output(const void *a, const void *b)
{
    const told *x = a, *y = b;
    int order = memcmp(x->output.at, y->output.at, FR_MIN(x->output.n, y->output.n));
    return order != 0 ? order : (x->output.n > y->output.n) - (x->output.n < y->output.n);
}

/* Which of the distinct outputs a row has, [rows->n], from 0; *n: how many there are. Owned. */
static size_t *outputs_of(const fr_data *rows, size_t *n)
{
    told *sorted = FR_NEW_N(told, rows->n);
    for (size_t i = 0; i < rows->n; i++)
        sorted[i] = (told){ fr_str_trim(rows->at[i].output), i };
    fr_sort(sorted, rows->n, sizeof(*sorted), by_output);
    size_t *which = FR_NEW_N(size_t, rows->n);
    *n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        *n += i == 0 || !fr_str_equal(sorted[i].output, sorted[i - 1].output);
        which[sorted[i].row] = *n - 1;
    }
    free(sorted);
    return which;
}

static bool are_labels(size_t distinct, size_t rows, double mean_bytes)
{
    if (distinct < 2 || distinct > LABELS_MAX)
        return false;
    size_t each = distinct <= LABELS_FEW ? 3 : LABEL_ROWS;
    return distinct * each <= rows && (distinct <= LABELS_FEW || mean_bytes <= LABEL_BYTES);
}

/* Few distinct outputs, each several times: labels. Short ones: answers. Else text. */
static guess guess_of(const fr_data *rows, size_t distinct)
{
    double bytes = 0;
    for (size_t i = 0; i < rows->n; i++)
        bytes += (double)rows->at[i].output.n / (double)rows->n;
    if (are_labels(distinct, rows->n, bytes))
        return (guess){ FR_TASK_LABEL, distinct, 0.80, "accuracy" };
    if (bytes <= ANSWER_BYTES)
        return (guess){ FR_TASK_ANSWER, distinct, 0.60, "exact-match" };
    return (guess){ FR_TASK_TEXT, distinct, 0.40, "rouge-l" };
}

/* ---- the split ---------------------------------------------------------------------------- */

/* Rows of one input, [first, end) of the sorted ones. */
typedef struct {
    size_t first, end;
} group;

/* Whether all of a group can be tested on: every label keeps a row to be learnt from. Then it is
 * taken out of what is left of its labels. */
static bool take_group(const fr_keyed *sorted, group g, const size_t *label, size_t *left)
{
    size_t i = g.first;
    while (i < g.end && left[label[sorted[i].row]] > 1)
        left[label[sorted[i++].row]]--;
    if (i == g.end)
        return true;
    while (i > g.first)
        left[label[sorted[--i].row]]++;
    return false;
}

/* Which rows are tested on: drawn at random, rows of one input together (the climb would set aside
 * what stands in both halves), and of labels never the last one. Returns how many. */
static size_t choose_eval(const fr_data *rows, const guess *g, const size_t *label,
                          const uint32_t *order, bool *is_eval)
{
    size_t n = rows->n, wanted = FR_MIN(FR_MAX(n / EVAL_RATIO, (size_t)1), (size_t)EVAL_MAX);
    if (n >= 2 * FR_TARGET_ROWS) /* with fewer nobody could say whether a target is met */
        wanted = FR_MAX(wanted, (size_t)FR_TARGET_ROWS);
    fr_keyed *sorted = fr_data_by_key(rows);
    group *groups = FR_NEW_N(group, n); /* by row */
    size_t *left = FR_NEW_N(size_t, g->n_labels), taken = 0;
    for (size_t i = 0; i < n; i++) /* free answers need not stand in both halves */
        left[label[i]] = g->kind == FR_TASK_LABEL ? left[label[i]] + 1 : SIZE_MAX;
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first; end < n && sorted[end].key == sorted[first].key; end++)
            ;
        for (size_t i = first; i < end; i++)
            groups[sorted[i].row] = (group){ first, end };
    }
    for (size_t i = 0; i < n && taken < wanted; i++) {
        group one = groups[order[i]];
        size_t size = one.end - one.first;
        if (is_eval[order[i]] || taken + size > FR_MAX(wanted, n / 2) ||
            !take_group(sorted, one, label, left))
            continue;
        for (size_t k = one.first; k < one.end; k++)
            is_eval[sorted[k].row] = true;
        taken += size;
    }
    free(sorted);
    free(groups);
    free(left);
    return taken;
}

/* The data file's name without ending, as a task's name. */
static char *task_name(const char *data_path)
{
    const char *slash = strrchr(data_path, '/');
    char *name = fr_dup(slash != NULL ? slash + 1 : data_path);
    char *dot = strrchr(name, '.');
    if (dot != NULL && dot != name)
        *dot = '\0';
    for (char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("._-+", *c) == NULL)
            *c = '-';
    }
    if (!isalnum((unsigned char)name[0])) {
        free(name);
        name = fr_dup("task");
    }
    return name;
}

static void put_task(const guess *g, const char *name, const char *train, const char *eval,
                     fr_buf *out)
{
    static const char *const KINDS[] = { "none", "label", "answer", "text" };
    fr_buf_put_f(
        out,
        "# Written by `frugal adapt --init`. Paths are relative to this file.\n"
        "task: %s\n"
        "kind: %s                    # label | answer | text (guessed: %zu different "
        "outputs)\n"
        "# model: model.gguf           # a GGUF file, a list of them, or {endpoint: URL, "
        "name: NAME};\n"
        "#                             # without one only rungs without a model are tried\n"
        "data: {train: %s, eval: %s}%s\n"
        "metric: %s\n"
        "target: %.2f                  # what is good enough? met when the lower end of "
        "the 95%% interval reaches it\n"
        "stop: target                  # or never: run every rung, for comparison\n"
        "# strategies: [traditional, zero-shot, few-shot, rag, lora, full, scratch]\n"
        "# budget: {energy_j: 20000, time_s: 3600}\n"
        "# place: {zone: FR}           # or {region: \"aws:eu-west-3\"}, or "
        "{intensity_g_per_kwh: 56}\n"
        "hosting: sleeps               # always-on | sleeps | batch\n"
        "requests_per_day: 1000\n"
        "horizon_days: 365\n",
        name, KINDS[g->kind], g->n_labels, train, eval,
        g->kind == FR_TASK_ANSWER ? "   # documents: docs/ if the answers stand in some,\n"
                                    "#                             # and embed: encoder.gguf to "
                                    "search them by meaning too"
                                  : "",
        g->metric, g->target);
}

static int write_half(const char *path, const fr_data *rows, const uint32_t *order,
                      const bool *is_eval, bool eval, fr_err *err)
{
    FR_AUTO(fr_buf) out = { 0 };
    for (size_t i = 0; i < rows->n; i++) {
        const fr_datum *row = &rows->at[order[i]];
        if (is_eval[order[i]] == eval)
            fr_data_put_json(&out, row->input, row->output);
    }
    return fr_file_write(path, fr_buf_str(&out), err);
}

static const char *file_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The three files, into task_path's folder; none of them may be there. */
static int write_task(const char *data_path, const char *task_path, const fr_data *rows,
                      const guess *g, const uint32_t *order, const bool *is_eval, fr_err *err)
{
    char *dir = fr_path_dir(task_path), *name = task_name(data_path);
    char *train = fr_path_join(dir, "train.jsonl"), *eval = fr_path_join(dir, "eval.jsonl");
    const char *const written[] = { task_path, train, eval };
    int rc = 0;
    for (size_t i = 0; i < FR_COUNT_OF(written) && rc == 0; i++) {
        if (fr_file_exists(written[i]))
            rc = fr_fail(err, FR_E_FAILED, "Move it away, or name another task file with --out.",
                         "'%s' exists and is not written over", written[i]);
    }
    FR_AUTO(fr_buf) task = { 0 };
    put_task(g, name, file_of(train), file_of(eval), &task);
    if (rc == 0)
        rc = fr_dir_make(dir, err);
    if (rc == 0)
        rc = write_half(eval, rows, order, is_eval, true, err);
    if (rc == 0)
        rc = write_half(train, rows, order, is_eval, false, err);
    if (rc == 0)
        rc = fr_file_write(task_path, fr_buf_str(&task), err);
    free(dir);
    free(name);
    free(train);
    free(eval);
    return rc;
}

int fr_task_init(const char *data_path, const char *task_path, fr_buf *told_user, fr_err *err)
{
    FR_AUTO(fr_data) rows = { 0 };
    FR_TRY(fr_data_load(data_path, &rows, err));
    if (rows.n < 4)
        return fr_fail(err, FR_E_FORMAT, "A row is {\"input\": …, \"output\": …}.",
                       "'%s' has %zu rows; a task needs four at least, and thirty to test on",
                       data_path, rows.n);
    size_t distinct = 0;
    size_t *label = outputs_of(&rows, &distinct);
    guess g = guess_of(&rows, distinct);
    uint32_t *order = FR_NEW_N(uint32_t, rows.n);
    bool *is_eval = FR_NEW_N(bool, rows.n);
    fr_random_permutation(order, rows.n, 1, FR_RANDOM_SPLIT, 1);
    size_t n_eval = choose_eval(&rows, &g, label, order, is_eval);
    fr_str output = fr_str_trim(rows.at[0].output);
    int rc = 0;
    if (distinct == 1)
        rc = fr_fail(err, FR_E_FORMAT, "Add rows with other outputs.",
                     "all rows of '%s' have the output '%.*s': there is nothing to learn",
                     data_path, (int)FR_MIN(output.n, (size_t)60), output.at);
    else if (n_eval == 0)
        rc = fr_fail(err, FR_E_FORMAT, "Add rows with other inputs.",
                     "'%s' has no row to test on: each stands there again, or is the last one of "
                     "its label",
                     data_path);
    if (rc == 0)
        rc = write_task(data_path, task_path, &rows, &g, order, is_eval, err);
    if (rc == 0)
        fr_buf_put_f(told_user, "%s: %zu rows to learn from, %zu to test on\n", task_path,
                     rows.n - n_eval, n_eval);
    free(label);
    free(order);
    free(is_eval);
    return rc;
}
