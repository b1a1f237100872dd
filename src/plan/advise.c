/* Facts for the rules, and their findings in order. */
#include "plan/advise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

void fr_advice_list_fini(fr_advice_list *list)
{
    free(list->at);
    *list = (fr_advice_list){ 0 };
}

fr_advice *fr_advice_add(fr_advice_list *list, const char *id, fr_grade grade)
{
    FR_GROW(list->at, list->n, list->cap);
    fr_advice *a = &list->at[list->n++];
    *a = (fr_advice){
        .id = id, .grade = grade, .low_j = NAN, .high_j = NAN, .low_g = NAN, .high_g = NAN
    };
    return a;
}

/* ---- facts ---- */

static void add_bucket(fr_advise_run *f, const fr_bucket *b)
{
    double joules = (double)b->energy_uj * 1e-6;
    bool idle = strcmp(b->part, "idle") == 0;
    *(idle ? &f->idle_j : &f->active_j) += joules;
    if (strcmp(b->kind, "cpu") == 0) {
        f->cpu_j += joules;
        f->cpu_idle_j += idle ? joules : 0;
    } else if (strcmp(b->kind, "dram") == 0) {
        f->dram_j += joules;
        f->dram_idle_j += idle ? joules : 0;
    } else if (strcmp(b->kind, "gpu") == 0) {
        f->gpu_j += joules;
        f->gpu_idle_j += idle ? joules : 0;
    }
}

static void add_note(fr_advise_run *f, const fr_note *note, double *hours, double *hour_sum)
{
    const struct {
        const char *kind, *name;
        double *to;
    } NUMBERS[] = { { "used", "cpu_ratio", &f->cpu_ratio },
                    { "used", "gpu_ratio", &f->gpu_ratio },
                    { "used", "memory_peak_bytes", &f->memory_peak_bytes },
                    { "host", "ram_bytes", &f->ram_bytes },
                    { "host", "threads", &f->threads },
                    { "account", "hourly_g", &f->hourly_g } };
    for (size_t i = 0; i < FR_COUNT_OF(NUMBERS); i++)
        if (strcmp(note->kind, NUMBERS[i].kind) == 0 && strcmp(note->name, NUMBERS[i].name) == 0)
            *NUMBERS[i].to = note->value;
    if (strcmp(note->kind, "hour") == 0 && strncmp(note->name, "average ", 8) == 0) {
        f->hour_low_g_per_kwh = fmin(f->hour_low_g_per_kwh, note->value);
        *hours += 1;
        *hour_sum += note->value;
    }
    if (strcmp(note->kind, "factor") != 0 || note->text == NULL)
        return;
    if (strcmp(note->name, "place") == 0 && strcmp(note->text, "assumed") == 0)
        f->place_assumed = true;
    else if (strcmp(note->name, "place") == 0)
        snprintf(f->region, sizeof f->region, "%s", note->text);
    else if (strcmp(note->name, "cloud") == 0)
        snprintf(f->provider, sizeof f->provider, "%s", note->text);
}

static int facts_of(fr_ledger *l, const fr_run_record *r, fr_advise_run *f, fr_err *err)
{
    fr_bucket *b = NULL;
    fr_note *notes = NULL;
    size_t n = 0, n_notes = 0;
    double hours = 0, hour_sum = 0;
    *f = (fr_advise_run){ .run = r,
                          .cpu_ratio = NAN,
                          .gpu_ratio = NAN,
                          .memory_peak_bytes = NAN,
                          .ram_bytes = NAN,
                          .threads = NAN,
                          .hourly_g = NAN,
                          .hour_low_g_per_kwh = NAN };
    FR_TRY(fr_ledger_tree_buckets(l, r->id, &b, &n, err));
    for (size_t i = 0; i < n; i++)
        add_bucket(f, &b[i]);
    fr_buckets_free(b, n);
    FR_TRY(fr_ledger_notes(l, r->id, &notes, &n_notes, err));
    for (size_t i = 0; i < n_notes; i++)
        add_note(f, &notes[i], &hours, &hour_sum);
    fr_notes_free(notes, n_notes);
    f->hour_mean_g_per_kwh = hours > 0 ? hour_sum / hours : NAN;
    return 0;
}

static int gather(fr_ledger *l, const fr_run_list *all, fr_advise_facts *facts, fr_err *err)
{
    facts->at = FR_NEW_N(fr_advise_run, all->n);
    facts->all = all;
    for (size_t i = 0; i < all->n; i++) {
        const fr_run_record *r = &all->at[i];
        if (r->phase || !r->leaf || !isfinite(r->energy.value_j))
            continue;
        FR_TRY(facts_of(l, r, &facts->at[facts->n++], err));
        facts->total_j += r->energy.value_j;
        facts->total_g += isfinite(r->carbon_g) ? r->carbon_g : 0;
    }
    return 0;
}

/* ---- the machine ---- */

static void read_text(const char *root, const char *name, char *out, size_t size)
{
    FR_AUTO(fr_buf) text = { 0 };
    char *path = fr_path_join(root, name);
    out[0] = '\0';
    if (fr_file_exists(path) && fr_file_read(path, 4096, &text, NULL) == 0) {
        fr_str line = fr_str_trim(fr_buf_str(&text));
        snprintf(out, size, "%.*s", FR_STR_F(line));
    }
    free(path);
}

static void look_at_machine(const fr_advise_options *o, fr_advise_facts *facts)
{
    char text[128];
    const char *proc = o->procfs != NULL ? o->procfs : "/proc";
    const char *sys = o->sysfs != NULL ? o->sysfs : "/sys";
    facts->uptime_s = facts->idle_cpu_s = NAN;
    if (o->no_live)
        return;
    fr_host_read(o->procfs, o->sysfs, &facts->host);
    read_text(proc, "uptime", text, sizeof text);
    if (sscanf(text, "%lf %lf", &facts->uptime_s, &facts->idle_cpu_s) != 2)
        facts->uptime_s = facts->idle_cpu_s = NAN;
    read_text(sys, "devices/system/cpu/cpu0/cpufreq/scaling_governor", facts->governor,
              sizeof facts->governor);
}

/* ---- in order ---- */

/* By carbon, in the middle of the range; what has no estimate comes last. */
static int order(const void *left, const void *right)
{
    const fr_advice *a = left, *b = right;
    double ga = a->low_g + a->high_g, gb = b->low_g + b->high_g;
    if (isnan(ga) || isnan(gb))
        return isnan(ga) - isnan(gb);
    return (gb > ga) - (gb < ga);
}

int fr_advise(const fr_advise_options *o, fr_advice_list *out, size_t *n_runs, fr_err *err)
{
    FR_AUTO(fr_run_list) all = { 0 };
    fr_advise_facts facts = { .ledger = o->ledger, .days = o->days > 0 ? o->days : 30 };
    fr_ledger_query query = { .since_unix_ns = fr_now_unix_ns() - (int64_t)(facts.days * 86400e9) };
    int rc = 0;
    fr_advice_list_fini(out);
    if (o->ledger != NULL)
        rc = fr_ledger_list(o->ledger, &query, &all, err);
    if (rc == 0)
        rc = gather(o->ledger, &all, &facts, err);
    look_at_machine(o, &facts);
    for (size_t i = 0; i < fr_advise_rules_n && rc == 0; i++)
        fr_advise_rules[i].look(&facts, out);
    fr_sort(out->at, out->n, sizeof *out->at, order);
    *n_runs = facts.n;
    free(facts.at);
    return rc;
}
