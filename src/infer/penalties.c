/* Logits changed before one is taken: penalties for what stands there already, and stated biases.
 */
#include <math.h>

#include "infer/infer_priv.h"

static bool repeats_cost(const fr_sampling *s)
{
    return s->repetition_penalty > 0 && s->repetition_penalty != 1;
}

bool fr_sampling_adjusts(const fr_sampling *s)
{
    return repeats_cost(s) || s->frequency_penalty != 0 || s->presence_penalty != 0 ||
           s->n_bias > 0;
}

/* Once for each token that is there, however often. */
static void charge_repeats(const fr_sampling *s, const int32_t *ids, size_t n, float *logits,
                           uint32_t *counts)
{
    float by = (float)s->repetition_penalty;
    size_t first = s->repetition_last > 0 && n > s->repetition_last ? n - s->repetition_last : 0;
    for (size_t i = first; i < n; i++) {
        if (counts[ids[i]]++ == 0)
            logits[ids[i]] = logits[ids[i]] > 0 ? logits[ids[i]] / by : logits[ids[i]] * by;
    }
    for (size_t i = first; i < n; i++)
        counts[ids[i]] = 0;
}

static void charge_counts(const fr_sampling *s, const int32_t *ids, size_t n, float *logits,
                          uint32_t *counts)
{
    for (size_t i = 0; i < n; i++)
        counts[ids[i]]++;
    for (size_t i = 0; i < n; i++) {
        if (counts[ids[i]] == 0)
            continue; /* charged already */
        logits[ids[i]] -= (float)(s->frequency_penalty * counts[ids[i]] + s->presence_penalty);
        counts[ids[i]] = 0;
    }
}

void fr_logits_adjust(const fr_sampling *s, const int32_t *ids, size_t n_prompt, size_t n_ids,
                      float *logits, size_t n_vocab, uint32_t *counts)
{
    if (repeats_cost(s))
        charge_repeats(s, ids, n_ids, logits, counts);
    if (s->frequency_penalty != 0 || s->presence_penalty != 0)
        charge_counts(s, ids + n_prompt, n_ids - n_prompt, logits, counts);
    for (size_t i = 0; i < s->n_bias; i++) {
        if (s->bias[i].id >= 0 && (size_t)s->bias[i].id < n_vocab)
            logits[s->bias[i].id] += (float)s->bias[i].bias;
    }
}
