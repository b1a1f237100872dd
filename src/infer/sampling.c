/* One token from one row of logits. What is kept is always the head of one order (logit falling,
 * id rising), so it is said by its last member; the draw then runs over the kept tokens in order of
 * their ids, in double. */
#include <math.h>
#include <stdlib.h>

#include "infer/infer_priv.h"
#include "base/mem.h"

static bool before(fr_choice a, fr_choice b)
{
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

static int by_likelihood(const void *a, const void *b)
{
    const fr_choice *x = a, *y = b;
    return before(*x, *y) ? -1 : before(*y, *x) ? 1 : 0;
}

static int by_id(const void *a, const void *b)
{
    const fr_choice *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int32_t most_likely(const float *logits, size_t n_vocab)
{
    int32_t best = -1;
    for (size_t i = 0; i < n_vocab; i++) {
        if (logits[i] > -INFINITY &&
            (best < 0 || logits[i] > logits[best])) /* NaN compares false */
            best = (int32_t)i;
    }
    return best;
}

double fr_logprob(const float *logits, size_t n_vocab, int32_t id)
{
    int32_t best = most_likely(logits, n_vocab);
    if (best < 0 || isinf(logits[best]))
        return NAN;
    double sum = 0;
    for (size_t i = 0; i < n_vocab; i++)
        sum += exp((double)logits[i] - logits[best]);
    return (double)logits[id] - logits[best] - log(fmax(sum, 1)); /* the best one gives 1 itself */
}

/* Keeps the first k of the order at the head of choices, as a heap with the last of them on top. */
static size_t keep_top_k(fr_choice *choices, size_t n, size_t k)
{
    if (k >= n)
        return n;
    for (size_t i = 0; i < n; i++) {
        fr_choice c = choices[i];
        size_t at = i;
        if (i < k) { /* grow: sift up */
            for (; at > 0 && before(choices[(at - 1) / 2], c); at = (at - 1) / 2)
                choices[at] = choices[(at - 1) / 2];
            choices[at] = c;
            continue;
        }
        if (!before(c, choices[0]))
            continue;
        at = 0; /* replace the top: sift down */
        for (size_t child = 1; child < k; child = 2 * at + 1) {
            if (child + 1 < k && before(choices[child], choices[child + 1]))
                child++;
            if (!before(c, choices[child]))
                break;
            choices[at] = choices[child];
            at = child;
        }
        choices[at] = c;
    }
    return k;
}

static double weight(fr_choice c, float best, double temperature)
{
    return exp(((double)c.logit - best) / temperature);
}

/* The fewest most likely that reach top_p of the sum together. Those that could not matter (all
 * below (1 - top_p) / n of the sum are together less than what may be left out) are not sorted. */
static size_t keep_top_p(fr_choice *choices, size_t n, double top_p, float best, double temperature)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += weight(choices[i], best, temperature);
    double floor = sum * (1 - top_p) / (double)n * 0.999;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (weight(choices[i], best, temperature) >= floor)
            choices[kept++] = choices[i];
    }
    fr_sort(choices, kept, sizeof(*choices), by_likelihood);
    double reached = 0;
    for (size_t i = 0; i < kept; i++) {
        reached += weight(choices[i], best, temperature);
        if (reached >= top_p * sum)
            return i + 1;
    }
    return kept;
}

static size_t keep_min_p(fr_choice *choices, size_t n, double min_p, float best, double temperature)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (weight(choices[i], best, temperature) >= min_p)
            choices[kept++] = choices[i];
    }
    return kept;
}

typedef struct {
    float best;
    double temperature, log_sum, entropy;
} surprise;

/* How far a token's information is from what is expected of one. */
static double deviation(const surprise *s, fr_choice c)
{
    double log_p = ((double)c.logit - s->best) / s->temperature - s->log_sum;
    return fabs(-log_p - s->entropy);
}

static int by_deviation(const void *a, const void *b, void *user)
{
    const fr_choice *x = a, *y = b;
    double dx = deviation(user, *x), dy = deviation(user, *y);
    return dx < dy ? -1 : dx > dy ? 1 : by_likelihood(a, b);
}

static size_t keep_typical(fr_choice *choices, size_t n, double typical_p, float best,
                           double temperature)
{
    surprise s = { .best = best, .temperature = temperature };
    double sum = 0, reached = 0;
    for (size_t i = 0; i < n; i++)
        sum += weight(choices[i], best, temperature);
    s.log_sum = log(fmax(sum, 1)); /* the best one gives 1 itself */
    for (size_t i = 0; i < n; i++) {
        double p = weight(choices[i], best, temperature) / sum;
        s.entropy -= p > 0 ? p * log(p) : 0;
    }
    qsort_r(choices, n, sizeof(*choices), by_deviation, &s);
    size_t kept = 0;
    while (kept < n && reached < typical_p * sum)
        reached += weight(choices[kept++], best, temperature);
    while (kept < n && kept > 0 && choices[kept].logit == choices[kept - 1].logit)
        kept++; /* as near as the last */
    return kept;
}

int32_t fr_sample(const fr_sampling *sampling, const float *logits, size_t n_vocab, double u,
                  fr_choice *choices)
{
    int32_t top = most_likely(logits, n_vocab);
    if (top < 0 || !(sampling->temperature > 0) || isinf(logits[top]))
        return top;
    float best = logits[top];
    size_t n = 0;
    for (size_t i = 0; i < n_vocab; i++) {
        if (logits[i] > -INFINITY)
            choices[n++] = (fr_choice){ logits[i], (int32_t)i };
    }
    double temperature = sampling->temperature;
    if (sampling->top_k > 0)
        n = keep_top_k(choices, n, (size_t)sampling->top_k);
    if (sampling->top_p > 0 && sampling->top_p < 1)
        n = keep_top_p(choices, n, sampling->top_p, best, temperature);
    if (sampling->min_p > 0)
        n = keep_min_p(choices, n, FR_MIN(sampling->min_p, 1.0), best, temperature);
    bool typical = sampling->typical_p > 0 && sampling->typical_p < 1;
    if (typical)
        n = keep_typical(choices, n, sampling->typical_p, best, temperature);
    if (sampling->top_k > 0 || sampling->top_p > 0 || typical) /* else they still are in order */
        fr_sort(choices, n, sizeof(*choices), by_id);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += weight(choices[i], best, temperature);
    double left = u * sum;
    for (size_t i = 0; i < n; i++) {
        left -= weight(choices[i], best, temperature);
        if (left < 0)
            return choices[i].id;
    }
    return choices[n - 1].id; /* the sum was rounded up */
}
