/**
 * plan/advise.h: what to change, from what was recorded and from a look at the machine: findings
 * with their evidence and an estimated saving, best first.
 *
 *     FR_AUTO(fr_advice_list) list = { 0 };
 *     FR_TRY(fr_advise(&(fr_advise_options){ .ledger = ledger, .days = 30 }, &list, err));
 *     for (size_t i = 0; i < list.n; i++)
 *         printf("%s: %s\n", list.at[i].what, list.at[i].try_it);
 *
 * A finding is a row of the table in advise_rules.c: what it is called, what it looks at, a
 * function. Savings are estimates of a part of what those runs took, with a low and a high end;
 * they overlap (an idle machine is also a large one), so they are ranked and never added. The grade
 * is that of the evidence: A counted, B modelled, C a place or time that was not tried.
 */
#ifndef FR_PLAN_ADVISE_H
#define FR_PLAN_ADVISE_H

#include <frugal/figure.h>
#include "base/host.h"
#include "ledger/ledger.h"

/** What the rules know of a run. NAN: nobody recorded it. */
typedef struct {
    const fr_run_record *run; /* borrowed */
    double idle_j, active_j;
    double cpu_j, cpu_idle_j, dram_j, dram_idle_j, gpu_j, gpu_idle_j; /* kinds: both parts; idle */
    double cpu_ratio, gpu_ratio;                                      /* of the whole machine's */
    double memory_peak_bytes, ram_bytes, threads;
    double hourly_g, hour_low_g_per_kwh, hour_mean_g_per_kwh;
    bool place_assumed;
    char region[64], provider[16]; /* "" unknown */
} fr_advise_run;

typedef struct {
    fr_ledger *ledger;
    fr_advise_run *at; /* top runs that count in totals, newest first */
    size_t n;
    const fr_run_list *all; /* with phases */
    double days;
    double total_j, total_g;
    fr_host host;
    double uptime_s, idle_cpu_s; /* of this machine since it started; NAN unknown */
    char governor[32];           /* of its processor; "" unknown */
} fr_advise_facts;

typedef struct {
    const char *id; /* of the rule, static */
    char what[160], evidence[320], try_it[200];
    fr_grade grade;
    double low_j, high_j; /* estimated saving in the time looked at; NAN: none in joules */
    double low_g, high_g; /* in carbon; NAN: none is estimated (better evidence, say) */
} fr_advice;
typedef struct {
    fr_advice *at;
    size_t n, cap;
} fr_advice_list;
void fr_advice_list_fini(fr_advice_list *list);
FR_AUTO_DEFINE(fr_advice_list);

typedef struct {
    const char *id, *looks_at;
    void (*look)(const fr_advise_facts *facts, fr_advice_list *out);
} fr_advise_rule;
extern const fr_advise_rule fr_advise_rules[];
extern const size_t fr_advise_rules_n;
/** Adds a finding and gives it to be filled; its savings are NAN. For rules. */
fr_advice *fr_advice_add(fr_advice_list *list, const char *id, fr_grade grade);

typedef struct {
    fr_ledger *ledger;          /* NULL: nothing was recorded; the machine alone */
    double days;                /* 0: 30 */
    const char *procfs, *sysfs; /* moved roots; NULL: /proc, /sys */
    bool no_live;               /* leave the machine alone */
} fr_advise_options;
int fr_advise(const fr_advise_options *options, fr_advice_list *out, size_t *n_runs, fr_err *err);

#endif
