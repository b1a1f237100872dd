/*
 * The findings, a row each. A rule says nothing where nothing was recorded that it could look at.
 * The parts that a change may save are frugal's allowances, wide on purpose; what was saved is told
 * by `frugal ledger change` and `frugal ledger compare`, not here.
 */
#include "plan/advise.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "carbon/carbon.h"

#define LONG_S      10.0 /* of a run whose utilization tells something */
#define WORTH_RATIO 0.01 /* a finding on less than a hundredth of the carbon is left out */
#define HOUR_S      3600.0
#define BUSY_RATIO  0.7 /* a machine is sized to be this busy at its peak */

static double carbon_of(const fr_advise_run *f)
{
    return isfinite(f->run->carbon_g) ? f->run->carbon_g : 0;
}

static bool is_measured(const fr_advise_run *f)
{
    return f->run->energy.method == FR_METHOD_MEASURED;
}

/* Sums over the runs that a rule speaks of. */
typedef struct {
    size_t n, n_measured;
    double j, g, part_j, duration_s;
    const fr_advise_run *most; /* of the largest part */
    double most_j;
} stake;

static void stake_add(stake *s, const fr_advise_run *f, double part_j)
{
    s->n++;
    s->n_measured += is_measured(f);
    s->j += f->run->energy.value_j;
    s->g += carbon_of(f);
    s->part_j += part_j;
    s->duration_s += isfinite(f->run->duration_s) ? f->run->duration_s : 0;
    if (s->most == NULL || part_j > s->most_j) {
        s->most = f;
        s->most_j = part_j;
    }
}

static fr_grade stake_grade(const stake *s)
{
    return s->n > 0 && s->n_measured == s->n ? FR_GRADE_A : FR_GRADE_B;
}

/* A part of part_j, in joules and at those runs' own carbon per joule. */
static void saves(fr_advice *a, const stake *s, double low_ratio, double high_ratio)
{
    double g_per_j = s->j > 0 ? s->g / s->j : 0;
    a->low_j = low_ratio * s->part_j;
    a->high_j = high_ratio * s->part_j;
    a->low_g = a->low_j * g_per_j;
    a->high_g = a->high_j * g_per_j;
}

static bool is_worth(const fr_advise_facts *facts, const stake *s, double ratio)
{
    double g_per_j = s->j > 0 ? s->g / s->j : 0;
    return s->n > 0 && s->part_j * ratio * g_per_j >= WORTH_RATIO * facts->total_g && s->part_j > 0;
}

/* ---- rules ---- */

static void idle_draw(const fr_advise_facts *facts, fr_advice_list *out)
{
    stake s = { 0 };
    for (size_t i = 0; i < facts->n; i++) {
        const fr_advise_run *f = &facts->at[i];
        if (f->idle_j > 0.4 * (f->idle_j + f->active_j))
            stake_add(&s, f, f->idle_j);
    }
    if (!is_worth(facts, &s, 0.8))
        return;
    fr_advice *a = fr_advice_add(out, "idle-draw", stake_grade(&s));
    snprintf(a->what, sizeof a->what,
             "most energy is drawn at rest, while runs wait or a few work");
    snprintf(a->evidence, sizeof a->evidence,
             "%.3g J of the %.3g J of %zu runs are idle draw; most of it in run %.14s (%s)",
             s.part_j, s.j, s.n, s.most->run->id,
             s.most->run->name != NULL ? s.most->run->name : s.most->run->kind);
    snprintf(a->try_it, sizeof a->try_it,
             "put runs together or let more work at once, then `frugal ledger compare %.14s last`",
             s.most->run->id);
    saves(a, &s, 0.2, 0.8);
}

/* Threads that the busiest of the long runs would need, at a utilization of 70%. */
static void low_utilization(const fr_advise_facts *facts, fr_advice_list *out)
{
    stake s = { 0 };
    double needed = 0, threads = 0;
    for (size_t i = 0; i < facts->n; i++) {
        const fr_advise_run *f = &facts->at[i];
        if (!(f->run->duration_s >= LONG_S) || isnan(f->cpu_ratio) || !(f->threads > 1) ||
            f->gpu_j > 0)
            continue;
        stake_add(&s, f, f->idle_j);
        threads = fmax(threads, f->threads);
        needed = fmax(needed, ceil(f->cpu_ratio * f->threads / BUSY_RATIO));
    }
    if (s.n < 3 || !(needed <= threads / 2) || !is_worth(facts, &s, 0.5))
        return;
    fr_advice *a = fr_advice_add(out, "low-utilization", stake_grade(&s));
    snprintf(a->what, sizeof a->what, "the machine is larger than any run needs");
    snprintf(a->evidence, sizeof a->evidence,
             "%.0f threads there, %.0f would carry the busiest of %zu runs of 10 s and more",
             threads, fmax(1, needed), s.n);
    snprintf(
        a->try_it, sizeof a->try_it,
        "a machine of %.0f threads, or several runs side by side; `frugal ledger change` dates it",
        fmax(1, needed));
    double gone = 1 - fmax(1, needed) / threads;
    saves(a, &s, 0.3 * gone, gone);
}

static void memory(const fr_advise_facts *facts, fr_advice_list *out)
{
    stake s = { 0 };
    double peak = 0, ram = 0;
    for (size_t i = 0; i < facts->n; i++) {
        const fr_advise_run *f = &facts->at[i];
        if (!(f->run->duration_s >= LONG_S) || isnan(f->memory_peak_bytes) || !(f->ram_bytes > 0))
            continue;
        stake_add(&s, f, f->dram_idle_j);
        peak = fmax(peak, f->memory_peak_bytes);
        ram = fmax(ram, f->ram_bytes);
    }
    if (s.n < 3 || !(peak < ram / 4) || !is_worth(facts, &s, 0.5))
        return;
    fr_advice *a = fr_advice_add(out, "memory", stake_grade(&s));
    snprintf(a->what, sizeof a->what, "memory is provisioned that nothing uses");
    snprintf(
        a->evidence, sizeof a->evidence,
        "the largest process of %zu runs took %.3g GB of %.3g GB; memory's idle draw was %.3g J",
        s.n, peak / 1e9, ram / 1e9, s.part_j);
    snprintf(a->try_it, sizeof a->try_it, "a machine with %.3g GB would leave half of it free",
             2 * peak / 1e9);
    saves(a, &s, 0.3 * (1 - 2 * peak / ram), 1 - 2 * peak / ram);
}

/* The accelerator waits while one thread is busy: the feed is what holds it up. */
static void starvation(const fr_advise_facts *facts, fr_advice_list *out)
{
    stake s = { 0 };
    double gpu_ratio = 1;
    for (size_t i = 0; i < facts->n; i++) {
        const fr_advise_run *f = &facts->at[i];
        double busy_threads = f->run->duration_s > 0 ? f->run->cpu_s / f->run->duration_s : NAN;
        if (!(f->run->duration_s >= LONG_S) || !(f->gpu_j > 0) || !(f->gpu_ratio > 0.05) ||
            !(f->gpu_ratio < 0.6) || !(busy_threads > 0.8))
            continue;
        stake_add(&s, f, f->idle_j);
        gpu_ratio = fmin(gpu_ratio, f->gpu_ratio);
    }
    if (!is_worth(facts, &s, 0.5))
        return;
    fr_advice *a = fr_advice_add(out, "data-loader", stake_grade(&s));
    snprintf(a->what, sizeof a->what, "the accelerator waits for data");
    snprintf(a->evidence, sizeof a->evidence,
             "%zu runs keep a processor thread busy and the accelerator down to %.0f%% of the time",
             s.n, 100 * gpu_ratio);
    snprintf(a->try_it, sizeof a->try_it,
             "more loader workers, data prepared once, a larger batch; then `frugal ledger compare "
             "%.14s last`",
             s.most->run->id);
    saves(a, &s, 0.2, 0.7);
}

static void loading_phases(const fr_advise_facts *facts, fr_advice_list *out)
{
    double load_j = 0, load_g = 0, whole_j = 0;
    size_t n = 0, n_measured = 0;
    static const char *const NAMES[] = { "load", "data", "download", "preprocess", "tokenize" };
    for (size_t i = 0; i < facts->all->n; i++) {
        const fr_run_record *r = &facts->all->at[i];
        for (size_t k = 0; r->phase && r->name != NULL && k < FR_COUNT_OF(NAMES); k++) {
            if (strncmp(r->name, NAMES[k], strlen(NAMES[k])) != 0 || !isfinite(r->energy.value_j))
                continue;
            load_j += r->energy.value_j;
            load_g += isfinite(r->carbon_g) ? r->carbon_g : 0;
            n++;
            n_measured += r->energy.method == FR_METHOD_MEASURED;
            break;
        }
    }
    for (size_t i = 0; i < facts->n; i++)
        whole_j += facts->at[i].run->energy.value_j;
    if (n == 0 || load_j < 0.1 * whole_j)
        return;
    fr_advice *a = fr_advice_add(out, "loading-phases", n_measured == n ? FR_GRADE_A : FR_GRADE_B);
    snprintf(a->what, sizeof a->what, "loading and preparing data is a large part of the work");
    snprintf(a->evidence, sizeof a->evidence, "%.3g J of %.3g J in %zu phases that load or prepare",
             load_j, whole_j, n);
    snprintf(a->try_it, sizeof a->try_it,
             "keep what is prepared; `frugal ledger show last` has the "
             "phases");
    a->low_j = 0.2 * load_j;
    a->high_j = 0.9 * load_j;
    a->low_g = 0.2 * load_g;
    a->high_g = 0.9 * load_g;
}

static void gpu_unused(const fr_advise_facts *facts, fr_advice_list *out)
{
    stake s = { 0 };
    for (size_t i = 0; i < facts->n; i++) {
        const fr_advise_run *f = &facts->at[i];
        if (f->run->duration_s >= LONG_S && f->gpu_idle_j > 0 && !(f->gpu_ratio > 0.05))
            stake_add(&s, f, f->gpu_idle_j);
    }
    if (!is_worth(facts, &s, 0.8))
        return;
    fr_advice *a = fr_advice_add(out, "gpu-unused", stake_grade(&s));
    snprintf(a->what, sizeof a->what, "an accelerator is there and does nothing");
    snprintf(a->evidence, sizeof a->evidence,
             "%zu runs left it below 5%% and it drew %.3g J at rest", s.n, s.part_j);
    snprintf(a->try_it, sizeof a->try_it, "a machine without one for these; %.14s is the largest",
             s.most->run->id);
    saves(a, &s, 0.8, 1);
}

/* Power grows faster than speed near the limit: published sweeps save 10 to 25% for a few percent
 * of time (Zeus, NSDI 2023; NVIDIA's own notes). */
static void power_limit(const fr_advise_facts *facts, fr_advice_list *out)
{
    stake s = { 0 };
    for (size_t i = 0; i < facts->n; i++) {
        const fr_advise_run *f = &facts->at[i];
        if (f->run->duration_s >= LONG_S && f->gpu_j > 0 && f->gpu_ratio > 0.6)
            stake_add(&s, f, f->gpu_j - f->gpu_idle_j);
    }
    if (!is_worth(facts, &s, 0.15))
        return;
    fr_advice *a = fr_advice_add(out, "power-limit", FR_GRADE_C);
    snprintf(a->what, sizeof a->what, "accelerators work at full power");
    snprintf(a->evidence, sizeof a->evidence,
             "%.3g J in %zu runs that keep it busy; a limit of 70 to 80%% was not tried here",
             s.part_j, s.n);
    snprintf(
        a->try_it, sizeof a->try_it,
        "nvidia-smi -pl WATTS (as root) on repeats, then `frugal ledger compare BEFORE AFTER`");
    saves(a, &s, 0.05, 0.25);
}

/* The same work in the cleanest region of the same provider; law, distance and price are not looked
 * at. One basis and one year: regions' own ranking. */
static void dirty_region(const fr_advise_facts *facts, fr_advice_list *out)
{
    for (size_t i = 0; i < facts->n; i++) {
        const fr_advise_run *f = &facts->at[i];
        bool seen = f->region[0] == '\0' || f->provider[0] == '\0';
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(facts->at[k].region, f->region) == 0;
        if (seen)
            continue;
        stake s = { 0 };
        double operational_g = 0, here = NAN;
        for (size_t k = i; k < facts->n; k++) {
            if (strcmp(facts->at[k].region, f->region) != 0)
                continue;
            stake_add(&s, &facts->at[k], 0);
            operational_g += facts->at[k].run->operational_g;
        }
        fr_region *regions = NULL;
        size_t n = 0;
        if (fr_regions_rank(&(fr_region_query){ .provider = f->provider }, &regions, &n, NULL) != 0)
            continue;
        for (size_t r = 0; r < n; r++)
            if (strcmp(regions[r].code, f->region) == 0)
                here = regions[r].intensity_g_per_kwh;
        double best = n > 0 ? regions[0].intensity_g_per_kwh : NAN, gone = 1 - best / here;
        if (gone > 0.2 && gone * operational_g >= WORTH_RATIO * facts->total_g) {
            fr_advice *a = fr_advice_add(out, "dirty-region", FR_GRADE_C);
            snprintf(a->what, sizeof a->what, "the grid of %s:%s is not the cleanest there is",
                     f->provider, f->region);
            snprintf(a->evidence, sizeof a->evidence,
                     "%.4g g/kWh there, %.4g in %s (%s, %d); %zu runs, %.3g g by electricity", here,
                     best, regions[0].code, regions[0].basis, regions[0].year, s.n, operational_g);
            snprintf(
                a->try_it, sizeof a->try_it,
                "frugal regions --provider %s --why, with --within for your law and --near for "
                "distance",
                f->provider);
            a->low_g = 0.5 * gone * operational_g;
            a->high_g = gone * operational_g;
        }
        free(regions);
    }
}

static void dirty_hour(const fr_advise_facts *facts, fr_advice_list *out)
{
    stake s = { 0 };
    double saved_g = 0;
    for (size_t i = 0; i < facts->n; i++) {
        const fr_advise_run *f = &facts->at[i];
        if (isnan(f->hourly_g) || !(f->hour_mean_g_per_kwh > 1.1 * f->run->intensity_g_per_kwh))
            continue;
        stake_add(&s, f, 0);
        saved_g += f->hourly_g * (1 - f->run->intensity_g_per_kwh / f->hour_mean_g_per_kwh);
    }
    if (s.n == 0 || saved_g < WORTH_RATIO * facts->total_g)
        return;
    fr_advice *a = fr_advice_add(out, "dirty-hour", FR_GRADE_C);
    snprintf(a->what, sizeof a->what,
             "runs fall into hours when the grid is dirtier than its year");
    snprintf(a->evidence, sizeof a->evidence,
             "%zu runs in hours more than a tenth above the yearly figure", s.n);
    snprintf(a->try_it, sizeof a->try_it,
             "start what can wait at another hour; `frugal ledger signal "
             "ID NAME` tells each");
    a->low_g = 0.3 * saved_g;
    a->high_g = saved_g;
}

/* The same command, the same model, done before. Whether it had to be done again only people know:
 * the low end is 0. The newest of each is the one that was needed. */
static void repeated(const fr_advise_facts *facts, fr_advice_list *out)
{
    json_t *groups = json_object(); /* command and model: index of the sum */
    stake *sums = FR_NEW_N(stake, facts->n);
    size_t *newest = FR_NEW_N(size_t, facts->n), n = 0, worst = SIZE_MAX;
    for (size_t i = 0; i < facts->n; i++) {
        const fr_run_record *r = facts->at[i].run;
        if (r->command == NULL || strcmp(r->status, "done") != 0)
            continue;
        char *key = fr_dup_f("%s\n%s", r->model_hash != NULL ? r->model_hash : "", r->command);
        json_t *at = json_object_get(groups, key);
        if (at == NULL) {
            newest[n] = i;
            json_object_set_new_nocheck(groups, key, json_integer((json_int_t)n++));
        } else {
            size_t group = (size_t)json_integer_value(at);
            stake_add(&sums[group], &facts->at[i], r->energy.value_j);
            if (sums[group].n >= 2 &&
                (worst == SIZE_MAX || sums[group].part_j > sums[worst].part_j))
                worst = group;
        }
        free(key);
    }
    json_decref(groups);
    if (worst != SIZE_MAX && is_worth(facts, &sums[worst], 1)) {
        const stake *s = &sums[worst];
        fr_advice *a = fr_advice_add(out, "repeated", stake_grade(s));
        snprintf(a->what, sizeof a->what, "the same command ran %zu times to the same end",
                 s->n + 1);
        snprintf(a->evidence, sizeof a->evidence, "%.3g J in the repeats of: %.200s", s->part_j,
                 facts->at[newest[worst]].run->command);
        snprintf(a->try_it, sizeof a->try_it,
                 "keep its result, unless the repeats were to measure");
        saves(a, s, 0, 1);
    }
    free(newest);
    free(sums);
}

static void failed(const fr_advise_facts *facts, fr_advice_list *out)
{
    stake s = { 0 };
    for (size_t i = 0; i < facts->n; i++) {
        const char *status = facts->at[i].run->status;
        if (strcmp(status, "failed") == 0 || strcmp(status, "interrupted") == 0)
            stake_add(&s, &facts->at[i], facts->at[i].run->energy.value_j);
    }
    if (!is_worth(facts, &s, 1))
        return;
    fr_advice *a = fr_advice_add(out, "failed", stake_grade(&s));
    snprintf(a->what, sizeof a->what, "energy went into runs that came to nothing");
    snprintf(a->evidence, sizeof a->evidence,
             "%zu runs failed or were interrupted, with %.3g J; the largest is %.14s", s.n,
             s.part_j, s.most->run->id);
    snprintf(a->try_it, sizeof a->try_it,
             "frugal ledger list --status failed; check inputs first, and resume what can be");
    saves(a, &s, 0.3, 1);
}

/* Open for hours and hardly at work: a server or a notebook that nobody talks to. */
static void nothing_asleep(const fr_advise_facts *facts, fr_advice_list *out)
{
    stake s = { 0 };
    for (size_t i = 0; i < facts->n; i++) {
        const fr_advise_run *f = &facts->at[i];
        const fr_run_record *r = f->run;
        bool open = strcmp(r->status, "running") == 0;
        double duration_s =
            open ? (double)(r->seen_unix_ns - r->start_unix_ns) * 1e-9 : r->duration_s;
        double all_j = f->idle_j + f->active_j;
        if (duration_s >= HOUR_S && f->idle_j > 0.9 * all_j)
            stake_add(&s, f, f->idle_j);
    }
    if (!is_worth(facts, &s, 0.9))
        return;
    fr_advice *a = fr_advice_add(out, "nothing-asleep", stake_grade(&s));
    snprintf(a->what, sizeof a->what, "something stays awake for hours with next to nothing to do");
    snprintf(
        a->evidence, sizeof a->evidence,
        "%zu runs of an hour and more, over 90%% of their %.3g J drawn at rest; the largest is "
        "%.14s",
        s.n, s.j, s.most->run->id);
    snprintf(a->try_it, sizeof a->try_it,
             "start it when it is asked for, or gather its work; task "
             "files: `hosting: sleeps` or `batch`");
    saves(a, &s, 0.5, 0.95);
}

static void machine_idle(const fr_advise_facts *facts, fr_advice_list *out)
{
    double there_s = facts->uptime_s * facts->host.n_threads;
    double idle = facts->idle_cpu_s / there_s;
    if (!(facts->uptime_s > 86400) || !(idle > 0.9) || idle > 1.001)
        return;
    fr_advice *a = fr_advice_add(out, "machine-idle", FR_GRADE_A);
    snprintf(a->what, sizeof a->what, "this machine is on and hardly used");
    snprintf(a->evidence, sizeof a->evidence,
             "its %d threads were idle %.1f%% of %.1f days since it started (/proc/uptime)",
             facts->host.n_threads, 100 * idle, facts->uptime_s / 86400);
    snprintf(a->try_it, sizeof a->try_it, "%s",
             facts->host.is_virtual ? "stop it between uses, or take a smaller one"
                                    : "let it suspend, or give its work to one that is on anyway");
}

static void governor(const fr_advise_facts *facts, fr_advice_list *out)
{
    if (strcmp(facts->governor, "performance") != 0)
        return;
    fr_advice *a = fr_advice_add(out, "governor", FR_GRADE_C);
    snprintf(a->what, sizeof a->what, "the processor never slows down");
    snprintf(a->evidence, sizeof a->evidence, "its frequency governor is 'performance'");
    snprintf(a->try_it, sizeof a->try_it,
             "cpupower frequency-set -g schedutil (as root), then `frugal ledger compare`");
}

static void place_assumed(const fr_advise_facts *facts, fr_advice_list *out)
{
    size_t n = 0;
    for (size_t i = 0; i < facts->n; i++)
        n += facts->at[i].place_assumed;
    if (n == 0)
        return;
    fr_advice *a = fr_advice_add(out, "place-assumed", FR_GRADE_NONE);
    snprintf(a->what, sizeof a->what, "nobody said where the machine stands");
    snprintf(a->evidence, sizeof a->evidence,
             "%zu of %zu runs carry the world's average, which may be off by a factor of ten", n,
             facts->n);
    snprintf(a->try_it, sizeof a->try_it,
             "--zone FR or --region aws:eu-north-1, once and for all in frugal.yaml: `zone: FR`");
}

static void not_measured(const fr_advise_facts *facts, fr_advice_list *out)
{
    size_t n = 0;
    for (size_t i = 0; i < facts->n; i++)
        n += !is_measured(&facts->at[i]);
    if (n == 0)
        return;
    fr_advice *a = fr_advice_add(out, "not-measured", FR_GRADE_NONE);
    snprintf(a->what, sizeof a->what, "energy is modelled, so that only processor time compares");
    snprintf(a->evidence, sizeof a->evidence, "%zu of %zu runs have no counter behind them", n,
             facts->n);
    snprintf(a->try_it, sizeof a->try_it,
             "frugal doctor tells which counter could be read, and how");
}

const fr_advise_rule fr_advise_rules[] = {
    { "idle-draw", "idle and active energy of runs", idle_draw },
    { "low-utilization", "busy threads of those there", low_utilization },
    { "memory", "the largest process and the memory there", memory },
    { "data-loader", "accelerator's and processor's busy time", starvation },
    { "loading-phases", "energy of phases that load or prepare", loading_phases },
    { "gpu-unused", "an accelerator's draw at rest", gpu_unused },
    { "power-limit", "energy of busy accelerators", power_limit },
    { "dirty-region", "the provider's other regions", dirty_region },
    { "dirty-hour", "hours of the grid that were recorded", dirty_hour },
    { "repeated", "commands that ran before", repeated },
    { "failed", "runs that failed or were interrupted", failed },
    { "nothing-asleep", "long runs at rest", nothing_asleep },
    { "machine-idle", "idle time since the machine started", machine_idle },
    { "governor", "the processor's frequency governor", governor },
    { "place-assumed", "runs without a place", place_assumed },
    { "not-measured", "runs without a counter", not_measured },
};
const size_t fr_advise_rules_n = FR_COUNT_OF(fr_advise_rules);
