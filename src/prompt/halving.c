#include "prompt/halving.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"

#define SURE_P     0.05
#define LEAST_ROWS 4  /* of the first round */
#define TEST_ROWS  12 /* below, nobody is sent away for being significantly worse */

typedef struct {
    const fr_halving *h;
    fr_halving_result *r;
    size_t *alive;
    size_t n_alive;
} race;

static bool zero_or_one(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (x[i] != 0 && x[i] != 1)
            return false;
    }
    return true;
}

/* How likely a mean difference this far from 0 is by chance: normal approximation. */
static double p_of_difference(const double *a, const double *b, size_t n)
{
    double mean = 0, spread = 0;
    for (size_t i = 0; i < n; i++)
        mean += (a[i] - b[i]) / (double)n;
    for (size_t i = 0; i < n; i++)
        spread += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
    if (n < 2 || mean == 0)
        return 1;
    return spread > 0 ? erfc(fabs(mean) / sqrt(2 * spread / (double)(n - 1) / (double)n)) : 0;
}

static double p_paired(const double *a, const double *b, size_t n)
{
    return zero_or_one(a, n) && zero_or_one(b, n) ? fr_mcnemar(a, b, n) : p_of_difference(a, b, n);
}

fr_interval fr_lead_of(const double *a, const double *b, size_t n, fr_better better, uint64_t seed,
                       double *p)
{
    *p = p_paired(a, b, n);
    return better == FR_BETTER_LOWER ? fr_interval_paired(b, a, n, seed)
                                     : fr_interval_paired(a, b, n, seed);
}

/* The leader is better than this one, and not by chance. */
static double p_of_worse(const race *x, size_t leader, size_t arm)
{
    const fr_halving_arm *a = &x->r->arms[leader], *b = &x->r->arms[arm];
    size_t n = FR_MIN(a->n_rows, b->n_rows);
    return n < TEST_ROWS ? 1 : p_paired(a->scores, b->scores, n);
}

static int ask(race *x, size_t arm, size_t n, fr_err *err)
{
    fr_halving_arm *a = &x->r->arms[arm];
    if (a->n_rows >= n)
        return 0;
    size_t more = n - a->n_rows;
    FR_TRY(x->h->score(x->h->user, arm, x->r->rows + a->n_rows, more, a->scores + a->n_rows, err));
    a->n_rows = n;
    x->r->n_scored += more;
    a->mean = 0;
    for (size_t i = 0; i < n; i++)
        a->mean += a->scores[i];
    a->mean /= (double)n;
    return 0;
}

/* a stands before b */
static bool is_better(const race *x, size_t a, size_t b)
{
    double ma = x->r->arms[a].mean, mb = x->r->arms[b].mean;
    if (ma != mb)
        return x->h->better == FR_BETTER_LOWER ? ma < mb : ma > mb;
    if (x->h->cost != NULL) {
        double ca = x->h->cost(x->h->user, a), cb = x->h->cost(x->h->user, b);
        if (ca != cb)
            return ca < cb;
    }
    return a < b;
}

static void sort_alive(race *x)
{
    for (size_t i = 1; i < x->n_alive; i++) {
        size_t arm = x->alive[i], k = i;
        for (; k > 0 && is_better(x, arm, x->alive[k - 1]); k--)
            x->alive[k] = x->alive[k - 1];
        x->alive[k] = arm;
    }
}

/* Those behind `keep`, and those that are surely worse, leave; they stand in order from the end. */
static void send_away(race *x, size_t keep, size_t round)
{
    size_t n = 0, end = x->n_alive, *left = FR_NEW_N(size_t, x->n_alive), n_left = 0;
    for (size_t i = 0; i < end; i++) {
        fr_halving_arm *a = &x->r->arms[x->alive[i]];
        a->p_worse = i == 0 ? 1 : p_of_worse(x, x->alive[0], x->alive[i]);
        if (i < keep && (i == 0 || a->p_worse >= SURE_P)) {
            x->alive[n++] = x->alive[i];
        } else {
            a->left_in_round = round;
            left[n_left++] = x->alive[i];
        }
    }
    for (size_t i = 0; i < n_left; i++)
        x->r->order[n + i] = left[i];
    x->n_alive = n;
    free(left);
}

static size_t finalists_of(const fr_halving *h)
{
    size_t finalists = h->finalists != 0 ? h->finalists : FR_MAX(h->n_arms / 8, (size_t)2);
    return FR_MIN(finalists, h->n_arms);
}

static size_t halvings_of(const fr_halving *h)
{
    size_t finalists = finalists_of(h), halvings = 0;
    for (size_t n = h->n_arms; n > finalists; n = FR_MAX((n + 1) / 2, finalists))
        halvings++;
    return halvings;
}

size_t fr_halving_rows(const fr_halving *h, size_t round)
{
    size_t halvings = halvings_of(h);
    if (round > halvings)
        return 0;
    size_t parts = (size_t)1 << (halvings - round);
    size_t rows = (h->n_rows + parts - 1) / parts;
    return FR_MIN(FR_MAX(rows, (size_t)LEAST_ROWS), h->n_rows);
}

static int rounds(race *x, fr_err *err)
{
    const fr_halving *h = x->h;
    size_t halvings = halvings_of(h);
    for (size_t round = 0; round <= halvings; round++) {
        for (size_t i = 0; i < x->n_alive; i++)
            FR_TRY(ask(x, x->alive[i], fr_halving_rows(h, round), err));
        x->r->n_rounds++;
        sort_alive(x);
        if (round == halvings)
            break;
        send_away(x, FR_MAX((x->n_alive + 1) / 2, finalists_of(h)), round + 1);
        if (x->n_alive == 1)
            break; /* nothing is left to find out */
    }
    for (size_t i = 0; i < x->n_alive; i++)
        x->r->order[i] = x->alive[i];
    x->r->best = x->alive[0];
    return 0;
}

int fr_halving_run(const fr_halving *h, fr_halving_result *out, fr_err *err)
{
    *out = (fr_halving_result){ 0 };
    if (h->n_arms == 0 || h->n_rows == 0)
        return fr_fail(err, FR_E_USAGE, NULL, "nothing to choose from, or no rows to choose by");
    *out = (fr_halving_result){ .rows = FR_NEW_N(uint32_t, h->n_rows),
                                .n_rows = h->n_rows,
                                .arms = FR_NEW_N(fr_halving_arm, h->n_arms),
                                .n_arms = h->n_arms,
                                .order = FR_NEW_N(size_t, h->n_arms) };
    fr_random_permutation(out->rows, h->n_rows, h->seed, FR_RANDOM_TRIAL, 0);
    race x = { h, out, FR_NEW_N(size_t, h->n_arms), h->n_arms };
    for (size_t i = 0; i < h->n_arms; i++) {
        x.alive[i] = i;
        out->arms[i].p_worse = 1;
        out->arms[i].scores = FR_NEW_N(double, h->n_rows);
    }
    int rc = rounds(&x, err);
    free(x.alive);
    if (rc != 0)
        fr_halving_result_fini(out);
    return rc;
}

void fr_halving_result_fini(fr_halving_result *r)
{
    for (size_t i = 0; i < r->n_arms; i++)
        free(r->arms[i].scores);
    free(r->arms);
    free(r->rows);
    free(r->order);
    *r = (fr_halving_result){ 0 };
}
