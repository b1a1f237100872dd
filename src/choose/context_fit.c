#include "choose/context_fit.h"

#include <stdlib.h>

#include "adapt/task.h"
#include "base/mem.h"
#include "model/model.h"

/* Room that the prompted rungs keep beside prompt and answer (adapt/prompted.c). */
#define SPARE        4
#define ANSWER_LEAST 8

typedef struct {
    const fr_tokenizer *tokenizer;
    size_t *prompts, n, cap;
    size_t longest_output;
} lengths;

static size_t count(const fr_tokenizer *t, fr_str text, int flags)
{
    FR_AUTO(fr_ids) ids = { 0 };
    return fr_tokenizer_encode(t, text, flags, &ids, NULL) == 0 ? ids.n : text.n;
}

static void take_row(lengths *l, fr_str prompt, fr_str output)
{
    FR_GROW(l->prompts, l->n, l->cap);
    l->prompts[l->n++] = count(l->tokenizer, prompt, FR_ENCODE_BOS | FR_ENCODE_SPECIAL);
    size_t n = count(l->tokenizer, output, FR_ENCODE_PLAIN);
    l->longest_output = FR_MAX(l->longest_output, n);
}

static int by_length(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* The least length that so many of the rows do not exceed. */
static size_t quantile(const lengths *l, size_t of_100)
{
    size_t k = (l->n * of_100 + 99) / 100;
    return l->prompts[k > 0 ? k - 1 : 0];
}

static int sum_up(lengths *l, const fr_model *model, const char *what, fr_context_fit *out,
                  fr_err *err)
{
    if (l->n == 0)
        return fr_fail(err, FR_E_FORMAT, "A row is {\"input\": …, \"output\": …}.",
                       "'%s' has no rows", what);
    fr_sort(l->prompts, l->n, sizeof(*l->prompts), by_length);
    const fr_shape *s = fr_model_shape(model);
    size_t budget = l->longest_output + l->longest_output / 2 + ANSWER_LEAST;
    *out = (fr_context_fit){ .n_rows = l->n,
                             .p50_tokens = quantile(l, 50),
                             .p95_tokens = quantile(l, 95),
                             .p99_tokens = quantile(l, 99),
                             .max_tokens = l->prompts[l->n - 1],
                             .output_tokens = budget,
                             .model_tokens = s->context,
                             .kv_token_bytes = fr_shape_kv_bytes_per_token(s) };
    out->all_tokens = out->max_tokens + budget + SPARE;
    out->most_tokens = out->p99_tokens + budget + SPARE;
    return 0;
}

static void take_rows(lengths *l, const fr_task *task, const fr_data *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        FR_AUTO(fr_buf) prompt = { 0 };
        fr_prompt_build(&(fr_prompt_parts){ .kind = task->kind,
                                            .labels = task->labels,
                                            .n_labels = task->n_labels,
                                            .input = rows->at[i].input },
                        &prompt);
        take_row(l, fr_buf_str(&prompt), rows->at[i].output);
    }
}

int fr_context_fit_of_task(const char *model, fr_task *task, uint64_t seed, fr_context_fit *out,
                           fr_err *err)
{
    FR_AUTOPTR(fr_model) m = NULL;
    FR_TRY(fr_model_open(model, &m, err));
    FR_TRY(fr_task_split(task, seed, err));
    lengths l = { .tokenizer = fr_model_tokenizer(m) };
    take_rows(&l, task, &task->train);
    take_rows(&l, task, &task->dev);
    take_rows(&l, task, &task->eval);
    int rc = sum_up(&l, m, task->name, out, err);
    free(l.prompts);
    return rc;
}

int fr_context_fit_of_data(const char *model, const char *data, fr_context_fit *out, fr_err *err)
{
    FR_AUTOPTR(fr_model) m = NULL;
    FR_AUTO(fr_data) rows = { 0 };
    FR_TRY(fr_model_open(model, &m, err));
    FR_TRY(fr_data_load(data, &rows, err));
    lengths l = { .tokenizer = fr_model_tokenizer(m) };
    for (size_t i = 0; i < rows.n; i++)
        take_row(&l, rows.at[i].input, rows.at[i].output);
    int rc = sum_up(&l, m, data, out, err);
    free(l.prompts);
    return rc;
}
