/**
 * prompt/shots.h: which examples a prompt shows.
 *
 *     FR_TRY(fr_shots_new(rows, n, seed, &pool, err));
 *     uint32_t at[4];
 *     size_t got = fr_shots_pick(pool, FR_SHOTS_SIMILAR, input, 4, at);
 *
 * random and diverse give every input the same examples, so a prompt's head is computed once and
 * served from the prefix cache ever after; similar picks for each input, and that costs a prompt.
 * Likeness is the cosine of TF-IDF vectors of folded words (no model is asked). What is picked
 * depends on rows, seed and input alone.
 */
#ifndef FR_PROMPT_SHOTS_H
#define FR_PROMPT_SHOTS_H

#include <stdint.h>
#include "prompt/prompt.h"

typedef enum {
    FR_SHOTS_NONE,
    FR_SHOTS_RANDOM,  /* by seed; of labels one of each first */
    FR_SHOTS_SIMILAR, /* the k most like the input, the likest last, beside the question */
    FR_SHOTS_DIVERSE  /* which together are most like all rows (facility location, greedy:
                         Nemhauser, Wolsey and Fisher 1978) */
} fr_shot_choice;

/** "random", "similar", "diverse"; NONE for any other word. */
fr_shot_choice fr_shot_choice_of(const char *name);
const char *fr_shot_choice_name(fr_shot_choice c); /* static; "none" */

typedef struct fr_shots fr_shots;
/** rows are borrowed until free. */
int fr_shots_new(const fr_shot *rows, size_t n, uint64_t seed, fr_shots **out, fr_err *err);
void fr_shots_free(fr_shots *s);
FR_AUTOPTR_DEFINE(fr_shots);
const fr_shot *fr_shots_at(const fr_shots *s, size_t i);
size_t fr_shots_n(const fr_shots *s);
/** at [k]; returns how many there are, at most k. A row whose input is the very input asked is
 * never shown with it. One thread at a time a pool. */
size_t fr_shots_pick(fr_shots *s, fr_shot_choice choice, fr_str input, size_t k, uint32_t *at);

#endif
