/**
 * choose/capability.h: what a model can do, by small questions of our own making: passages,
 * languages, JSON, arithmetic, keeping to a subject, instructions, and how far back it finds a
 * fact.
 *
 * A model with a chat template is asked through it, another by the ladder's own prompt forms.
 */
#ifndef FR_CHOOSE_CAPABILITY_H
#define FR_CHOOSE_CAPABILITY_H

#include <jansson.h>
#include "base/progress.h"
#include "run/run.h"

typedef struct {
    const char *model; /* a GGUF file */
    fr_run *run;
    const char *const *kinds; /* NULL-terminated names; NULL: all */
    size_t n_items;           /* of a kind; 0: 24 */
    size_t context_most;      /* longest text that a fact is looked for in; 0: 2,048 tokens */
    int threads;
    uint64_t seed;
    const fr_progress *progress;
    /** Each kind's object as it is done. NULL: nobody listens. */
    void (*on_kind)(void *user, const json_t *kind);
    void *user;
} fr_capability_options;

/**
 * record, owned: {model, architecture, asked_by ("chat template" or "plain form"), seed,
 * kinds[{kind, pass{value, ci_low, ci_high, n}, energy_j_per_item, method, cpu_s_per_item,
 * tokens_per_item, groups[{group, passed, n}], too_long (not asked: beyond
 * the context; not passed), usable_context_tokens (of context)}]}.
 * usable_context_tokens: the longest text up to which at least half of the facts were found at
 * every length tried; 0: at none.
 */
int fr_capability(const fr_capability_options *options, json_t **record, fr_err *err);

#endif
