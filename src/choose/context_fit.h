/**
 * choose/context_fit.h: the smallest context that a task's rows need: what a longer one would hold
 * in memory is never used.
 *
 *     FR_TRY(fr_context_fit_of_task("model.gguf", task, 1, &fit, err));
 *     printf("%zu tokens, %zu bytes\n", fit.all_tokens, fit.all_tokens * fit.kv_token_bytes);
 */
#ifndef FR_CHOOSE_CONTEXT_FIT_H
#define FR_CHOOSE_CONTEXT_FIT_H

#include "adapt/adapt.h"

typedef struct {
    size_t n_rows;
    /* tokens of the prompts, special ones included: median, 95th and 99th of 100, longest */
    size_t p50_tokens, p95_tokens, p99_tokens, max_tokens;
    size_t
        output_tokens; /* budget of an answer: the longest of the rows, half as much again, and 8 */
    size_t all_tokens; /* the least context in which every row has room for prompt and answer */
    size_t most_tokens;  /* and 99 of 100 rows */
    size_t model_tokens; /* the model's own; 0: it states none */
    size_t kv_token_bytes;
} fr_context_fit;

/** Prompts as the zero-shot rung builds them from the task's rows, train and eval. */
int fr_context_fit_of_task(const char *model, fr_task *task, uint64_t seed, fr_context_fit *out,
                           fr_err *err);
/** Inputs as they stand in a file of rows (adapt/data.h). */
int fr_context_fit_of_data(const char *model, const char *data, fr_context_fit *out, fr_err *err);

#endif
