/**
 * adapt/prompt_advice.h: which inference parameters a task wants, on what evidence: the length of
 * answers from the training rows, temperature and cut-offs from experiments in the history, rounds
 * and joules that the search took and that its result takes. (A door, for `frugal prompt advise`.)
 *
 * No model is run. Where there is no experiment the rule is told, and that it is a rule.
 */
#ifndef FR_ADAPT_PROMPT_ADVICE_H
#define FR_ADAPT_PROMPT_ADVICE_H

#include <jansson.h>
#include "adapt/adapt.h"
#include "prompt/history.h"

/** *out (owned) has the stable keys of `frugal prompt advise --json`. */
int fr_prompt_advise(fr_task *task, fr_history *history, json_t **out, fr_err *err);
/** The same from a history alone, for each task and model in it: nothing can be scored again, so
 * the parameters are those of the best result. */
int fr_prompt_advise_history(fr_history *history, json_t **out, fr_err *err);

#endif
