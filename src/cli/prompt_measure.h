/* Prompts tried on rows of data with our own engine: what lint and compress share. */
#ifndef FR_CLI_PROMPT_MEASURE_H
#define FR_CLI_PROMPT_MEASURE_H

#include "cli/model_work.h"
#include "cli/prompt_given.h"
#include "quality/quality.h"

#define FR_OPTIONS_PROMPT_DATA                                                                     \
    { "data", 0, FR_OPTION_TEXT, "FILE", "dev rows (JSON Lines): variables by name, and output" }, \
        { "metric", 0, FR_OPTION_TEXT, "NAME",                                                     \
          "exact-match (default), accuracy, token-f1, rouge-l" },                                  \
        { "rows", 0, FR_OPTION_I64, "N", "use the first N rows of it (default 100)" },             \
    {                                                                                              \
        "max-tokens", 0, FR_OPTION_I64, "N", "longest answer (default 32; it ends with the line)"  \
    }

/** Rows of --data: [{"vars": {…}, "want": "…"}]. NULL without --data. A prompt's one variable that
 * no row names is the row's input. *out owned. */
int fr_prompt_rows_given(fr_cli *cli, const fr_prompt_file *p, json_t **out, fr_err *err);
/** --metric. */
int fr_prompt_metric_given(fr_cli *cli, const fr_metric **out, fr_err *err);

typedef struct {
    double *scores; /* [n], owned */
    size_t n, prompt_tokens, completion_tokens;
    fr_interval quality;
    fr_used used; /* by the answers alone, without loading */
} fr_prompt_trial;
void fr_prompt_trial_fini(fr_prompt_trial *t);
FR_AUTO_DEFINE(fr_prompt_trial);
/** Asks the open model for each row's answer and scores it. sampling: NULL is greedy; --max-tokens
 * and the line's end end an answer. */
int fr_prompt_try(fr_cli *cli, fr_model_work *w, const fr_prompt_file *p, const json_t *rows,
                  const fr_metric *metric, const fr_sampling *sampling, fr_prompt_trial *out,
                  fr_err *err);
long long fr_prompt_max_tokens(fr_cli *cli); /* --max-tokens, or what it is without */

/** Tokens of a text; without a model a quarter of its bytes. */
double fr_prompt_count(const fr_model_work *w, fr_str text);
/** {"metric", "value", "ci_low", "ci_high", "n"} */
json_t *fr_prompt_interval_json(const fr_metric *metric, fr_interval q);

#endif
