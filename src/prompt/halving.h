/**
 * prompt/halving.h: which of many is the best, without asking each of them everything.
 *
 *     fr_halving h = { .n_arms = 32, .n_rows = dev.n, .score = ask_and_score, .user = &x };
 *     fr_halving_result r = { 0 };
 *     FR_TRY(fr_halving_run(&h, &r, err));
 *     … r.best, after r.n_scored of n_arms * n_rows scores …
 *     fr_halving_result_fini(&r);
 *
 * Successive halving (Karnin, Koren and Somekh 2013; Jamieson and Talwalkar 2016,
 * arXiv:1502.07943): each round all that are left answer more of the same rows, and the better half
 * stays; the finalists have answered all. What was answered is not asked again. An arm that is
 * significantly worse than the leader on the rows of both (McNemar's exact test where scores are 0
 * or 1, else the normal approximation of the paired difference) leaves earlier, and when one is
 * left it is done.
 */
#ifndef FR_PROMPT_HALVING_H
#define FR_PROMPT_HALVING_H

#include "quality/quality.h"

typedef struct {
    size_t n_arms, n_rows;
    size_t finalists; /* who answers all rows at least; 0: an eighth of the arms, 2 at least */
    fr_better better; /* NONE: higher */
    uint64_t seed;    /* in which order the rows come */
    /** One arm's scores on rows it has not seen: rows [n], scores [n]. */
    int (*score)(void *user, size_t arm, const uint32_t *rows, size_t n, double *scores,
                 fr_err *err);
    /** What one row of an arm takes, for the choice between equals. NULL: the lower number. */
    double (*cost)(void *user, size_t arm);
    void *user;
} fr_halving;

typedef struct {
    size_t n_rows; /* answered */
    double mean;
    size_t left_in_round; /* from 1; 0: a finalist */
    double p_worse;       /* than the leader of that round; 1: not tested */
    double *scores;       /* [n_rows], in the order of result.rows; owned by the result */
} fr_halving_arm;

typedef struct {
    size_t best, n_scored, n_rounds;
    uint32_t *rows; /* [n_rows] the order in which they were asked */
    size_t n_rows;
    fr_halving_arm *arms; /* [n_arms] */
    size_t n_arms;
    size_t *order; /* [n_arms] the best first, finalists before those that left */
} fr_halving_result;

/** How many rows all that are left have answered after a round (from 0); 0 after the last. */
size_t fr_halving_rows(const fr_halving *h, size_t round);
/** On an error what was found so far is gone; the scorer may keep what it paid for. */
int fr_halving_run(const fr_halving *h, fr_halving_result *out, fr_err *err);
void fr_halving_result_fini(fr_halving_result *r);
FR_AUTO_DEFINE(fr_halving_result);

/**
 * How far a is ahead of b on the rows that both answered (positive: a is better): the mean
 * difference with its 95% interval, and the probability of so much by chance. [n] scores each.
 */
fr_interval fr_lead_of(const double *a, const double *b, size_t n, fr_better better, uint64_t seed,
                       double *p);

#endif
