/**
 * report/effect.h: what a dated change did: runs of one name before it and after it, compared.
 *
 *     FR_TRY(fr_effects_of(ledger, &effects, err));
 *     for (size_t i = 0; i < effects.n; i++)
 *         …effects.at[i].text, .name, .c.by.value, .c.tie…
 *
 * Before reaches back to the change before it, after goes on to the next one, so that each is told
 * by its own time alone. That a difference follows a change does not show that it came of it.
 */
#ifndef FR_REPORT_EFFECT_H
#define FR_REPORT_EFFECT_H

#include "report/compare.h"

typedef struct {
    size_t change; /* which, from 0, by time */
    int64_t at_unix_ns;
    char text[128]; /* of the change, cut */
    char name[64];  /* kind and name of the runs */
    size_t n_before, n_after;
    fr_comparison c;
} fr_effect;
typedef struct {
    fr_effect *at;
    size_t n, cap;
} fr_effects;
/** By time of the change; names with a run on each side only, at most eight a change. */
int fr_effects_of(fr_ledger *l, fr_effects *out, fr_err *err);
void fr_effects_fini(fr_effects *e);
FR_AUTO_DEFINE(fr_effects);

#endif
