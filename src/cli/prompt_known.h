/* A prompt tried on rows of data, or taken from the history where that was done before. */
#ifndef FR_CLI_PROMPT_KNOWN_H
#define FR_CLI_PROMPT_KNOWN_H

#include "cli/prompt_measure.h"
#include "cli/prompt_store.h"

/** What came of it; strings are borrowed from here. Zero-initialized is empty. */
typedef struct {
    fr_history_outcome outcome;
    fr_history_entry *entry; /* where it was known */
    bool known;              /* no model was asked */
    char data[FR_HISTORY_ID];
    const fr_metric *metric;
} fr_prompt_known;
void fr_prompt_known_fini(fr_prompt_known *k);
FR_AUTO_DEFINE(fr_prompt_known);

/**
 * Of --data with --model, --metric, --rows, --max-tokens and the sampling in parameters (an object
 * with temperature, top_p, top_k). A result that is not known yet is kept in the history. The
 * command has FR_OPTIONS_MODEL, FR_OPTION_PROFILE and those of the data.
 */
int fr_prompt_try_known(fr_cli *cli, const fr_prompt_file *p, const char *model_hash,
                        const char *model_name, json_t *parameters, fr_history *h,
                        fr_prompt_known *out, fr_err *err);

#endif
