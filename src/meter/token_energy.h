/**
 * meter/token_energy.h: what a token costs, from the draw of the machine and the counters of an
 * engine alone.
 *
 *     fr_token_energy *book = fr_token_energy_new();
 *     every interval:  fr_token_energy_add(book, &counts, machine_energy, seconds);
 *     fr_token_cost cost[FR_SERVED_MODELS];
 *     size_t n = fr_token_energy_tell(book, cost);
 *
 * The machine at rest and the tokens are told apart by intervals with and without requests: the
 * draw without is the idle; what is above it while requests run is the tokens'. Where there was no
 * quiet interval, the draw is fitted on the rate of tokens and the idle is where that line meets
 * zero; under a load that never changes there is no telling, and then only the whole is told.
 *
 * Whatever else works on the machine is noise here: beside others' heavy work the range is wide,
 * and where it begins at 0 no cost could be told from theirs.
 *
 * The error bar is 95% from leaving out each of ten spans of time in turn (jackknife), widened by
 * the range of the meter. Tokens of prompts are not counted apart: their cost lies in the generated
 * ones. The last 720 intervals count. Source: Efron and Stein 1981 (jackknife of variance).
 */
#ifndef FR_METER_TOKEN_ENERGY_H
#define FR_METER_TOKEN_ENERGY_H

#include <frugal/figure.h>
#include <stdint.h>
#include "meter/served.h"

typedef struct fr_token_energy fr_token_energy;
fr_token_energy *fr_token_energy_new(void);
void fr_token_energy_free(fr_token_energy *t);

/**
 * machine  drawn by the whole machine in the interval that ends with these counts
 * counts   NULL: the engine did not answer. That interval, and the one in which it came back or its
 *          counters were set back, count for nothing.
 */
void fr_token_energy_add(fr_token_energy *t, const fr_served_counts *counts, fr_energy machine,
                         double seconds);

typedef enum {
    FR_TOKENS_UNTOLD,   /* too few intervals or no tokens yet */
    FR_TOKENS_WHOLE,    /* the load never changed: only all_j is known */
    FR_TOKENS_BY_QUIET, /* idle from intervals without requests */
    FR_TOKENS_BY_FIT    /* idle from the line of draw on rate */
} fr_token_way;

/** NAN where unknown. */
typedef struct {
    char model[128];
    fr_token_way way;
    fr_method method;              /* of the meter */
    double token_j, low_j, high_j; /* joules per generated token, above the idle */
    double all_j;                  /* with the idle of the time, shared evenly by the models */
    double idle_w, idle_low_w, idle_high_w; /* of the machine, by model: its even share */
    double generated_tokens, prompt_tokens; /* in the intervals that count */
    double seconds;
    size_t n_intervals, n_quiet;
} fr_token_cost;
size_t fr_token_energy_tell(const fr_token_energy *t, fr_token_cost out[FR_SERVED_MODELS]);
/** "intervals without requests"… Static. */
const char *fr_token_way_text(fr_token_way way);

#endif
