/**
 * report/compare.h: two sets of runs, told apart or called a tie.
 *
 *     FR_TRY(fr_sample_of(ledger, "nightly", NULL, &a, err));       all done runs of that name
 *     FR_TRY(fr_sample_of(ledger, "01M82N,01M83K", NULL, &b, err)); or ids
 *     fr_comparison c = fr_compare(&a, &b);
 *     if (c.tie) …no difference was shown…
 *
 * What is judged: energy where both sides were measured by counters (grade A); where a side is
 * modelled (grade B) the CPU- and GPU-seconds, which are counted, and never energy. With two or
 * more runs a side the difference has an interval over the repeats (quality.h); with one there is
 * none, and differences that the ranges of the figures, or 5%, could explain are ties. So are those
 * of modelled runs of less than 0.05 processor-seconds.
 */
#ifndef FR_REPORT_COMPARE_H
#define FR_REPORT_COMPARE_H

#include "ledger/ledger.h"
#include "quality/quality.h"

/** Figures of each run, per unit when a unit was asked for. Owned; fr_sample_fini(). */
typedef struct {
    char label[64];
    size_t n, cap, n_left_out; /* left out: not ended well, without energy, or without the unit */
    double *energy_j, *work_s, *carbon_g, *duration_s; /* work_s: CPU- and GPU-seconds */
    double *low_j, *high_j;
    fr_method method; /* of all; MIXED when they differ */
    char source[96];  /* of the first */
    char host[64];    /* "" when they ran on more than one */
    bool one_host;
} fr_sample;
/**
 * what: an id or head of one, `last`, a name that runs have, or several of these with commas.
 * unit: per unit of this work note ("answers"); NULL: per run. FR_E_NOT_FOUND: none is left.
 */
int fr_sample_of(fr_ledger *l, const char *what, const char *unit, fr_sample *out, fr_err *err);
int fr_sample_add(fr_sample *s, fr_ledger *l, const fr_run_record *r, const char *unit,
                  fr_err *err);
void fr_sample_fini(fr_sample *s);
FR_AUTO_DEFINE(fr_sample);

/** b against a, each as b / a - 1; -0.2 is a fifth less. */
typedef struct {
    fr_interval energy, work, carbon, duration;
    fr_grade grade;
    const char *judged; /* "energy" or "processor time", static */
    fr_interval by;     /* the one of those that is judged */
    bool tie;
    const char *why; /* it is a tie; static; NULL: it is none */
} fr_comparison;
fr_comparison fr_compare(const fr_sample *a, const fr_sample *b);

#endif
