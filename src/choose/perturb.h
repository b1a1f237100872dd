/**
 * choose/perturb.h: the same rows, said a little differently: what should not change an answer.
 *
 *     FR_AUTO(fr_buf) text = { 0 };
 *     fr_perturb(FR_PERTURB_TYPOS, FR_STR("where is my parcel?"), seed, row, &text);
 *
 * A function of kind, text, seed and row alone.
 */
#ifndef FR_CHOOSE_PERTURB_H
#define FR_CHOOSE_PERTURB_H

#include <stdint.h>
#include "base/buf.h"

typedef enum fr_perturbation {
    FR_PERTURB_NONE,
    FR_PERTURB_UPPER,   /* ASCII letters as capitals */
    FR_PERTURB_LOWER,   /* and as small letters */
    FR_PERTURB_TYPOS,   /* two neighbouring letters change places in one long word of six, one at
                           least */
    FR_PERTURB_SPACES,  /* a space before punctuation, two after a word now and then */
    FR_PERTURB_WORDING, /* the text stays; the prompt's own words are others */
    FR_PERTURB_COUNT
} fr_perturbation;

const char *fr_perturb_name(fr_perturbation kind); /* "upper-case"…; static */
/** Appended to out. Digits, and words with digits in them, are left as they are. */
void fr_perturb(fr_perturbation kind, fr_str text, uint64_t seed, uint64_t row, fr_buf *out);

#endif
