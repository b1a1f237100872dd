/**
 * prompt/instructions.h: instructions that nobody had to write: candidates, to be searched by
 * halving.h (automatic prompt engineering: Zhou et al. 2022, arXiv:2211.01910).
 *
 *     fr_instructions list = { 0 };
 *     FR_TRY(fr_instructions_propose(&prompting, shots, n_shots, 16, &list, err));
 *     … list.at[0] is the empty one: what the task does without any …
 *
 * A third is what the model says the task is when it sees a few of the examples (another few each
 * time), a third is said again in other words, and what then is missing is made from those by rule
 * (a part left out, two joined, a cue put before or after), at no model energy.
 */
#ifndef FR_PROMPT_INSTRUCTIONS_H
#define FR_PROMPT_INSTRUCTIONS_H

#include "prompt/techniques.h"

typedef struct {
    char *text;         /* owned by the list */
    const char *origin; /* static: "none", "given", "proposed", "paraphrased", "changed" */
} fr_instruction;
typedef struct {
    fr_instruction *at;
    size_t n, cap;
    size_t n_calls, prompt_tokens, completion_tokens; /* what the model was asked for them */
} fr_instructions;

/** Unless it is there already (but for case and white space), empty or over 400 bytes. */
bool fr_instructions_put(fr_instructions *list, fr_str text, const char *origin);
void fr_instructions_fini(fr_instructions *list);
FR_AUTO_DEFINE(fr_instructions);

/**
 * Fills up to n candidates. Those in the list already are kept, and changed too. p's sampling gives
 * the seed and, if not 0, the temperature (else 0.9). shots come from train.
 */
int fr_instructions_propose(const fr_prompting *p, const fr_shot *shots, size_t n_shots, size_t n,
                            fr_instructions *list, fr_err *err);
/** The part that asks no model. */
void fr_instructions_change(fr_instructions *list, fr_task_kind kind, size_t n, uint64_t seed);

#endif
