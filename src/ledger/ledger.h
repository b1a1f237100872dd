/**
 * ledger/ledger.h: the record of runs: what was done, where, with how much energy, how well.
 *
 * A run is opened before work starts and closed after; one whose process is gone without closing
 * is marked interrupted by whoever looks next (host, boot and process identity make sure that a
 * live run is never marked dead). Energy is kept in time buckets as integer microjoules, so that
 * any split, any hourly intensity, can be recomputed. Totals are over leaf runs only.
 */
#ifndef FR_LEDGER_LEDGER_H
#define FR_LEDGER_LEDGER_H

#include <frugal/figure.h>
#include "base/clock.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct fr_ledger fr_ledger;

/** where NULL: $XDG_DATA_HOME/frugal/ledger.db. */
int fr_ledger_open(const char *where, fr_ledger **out, fr_err *err);
void fr_ledger_close(fr_ledger *l);
const char *fr_ledger_path(const fr_ledger *l);

/** Texts may be NULL. Borrowed for the call when writing; owned by the list when reading. */
typedef struct {
    char id[FR_ULID_TEXT], parent[FR_ULID_TEXT];
    const char *kind;    /* "meter", "adapt", "rung", "phase", "train", "generate"… */
    const char *name;    /* "lora", "build" */
    const char *command; /* redacted */
    const char *model_hash, *strategy;
    const char *zone, *basis, *grid_source;
    int grid_year;
    double intensity_g_per_kwh, pue, embodied_g;
    int64_t start_unix_ns, end_unix_ns; /* end 0: not ended */
    const char *status; /* "running", "done", "failed", "interrupted", "budget", "unfit"… */
    int exit_code;
    double cpu_s, gpu_s, duration_s;
    bool leaf; /* its buckets count in totals */
    /* read only: summed from buckets */
    fr_energy energy;
    double carbon_g;
} fr_run_record;

/** One device in one span of time. Integers, as counted. */
typedef struct {
    const char *device, *kind, *part; /* part: "active", "idle" */
    int64_t start_unix_ns, end_unix_ns;
    int64_t energy_uj, low_uj, high_uj;
    fr_method method;
    const char *source;
} fr_bucket;

int fr_ledger_begin(fr_ledger *l, const fr_run_record *run, fr_err *err);
int fr_ledger_add(fr_ledger *l, const char *run_id, const fr_bucket *buckets, size_t n,
                  fr_err *err);
/** Work counts and quality: name, value, unit ("tokens", 512, ""); kind "work", "quality", "tag".
 */
int fr_ledger_note(fr_ledger *l, const char *run_id, const char *kind, const char *name,
                   double value, const char *text, fr_err *err);
int fr_ledger_end(fr_ledger *l, const fr_run_record *run, fr_err *err);

typedef struct {
    const char *id, *parent, *kind, *status; /* NULL: any; id may be a unique prefix */
    int64_t since_unix_ns;
    bool top_only; /* without a parent */
    size_t limit;  /* 0: all */
} fr_ledger_query;
typedef struct {
    fr_run_record *at;
    size_t n;
} fr_run_list;
/** Newest first. */
int fr_ledger_list(fr_ledger *l, const fr_ledger_query *query, fr_run_list *out, fr_err *err);
void fr_run_list_fini(fr_run_list *list);
int fr_ledger_buckets(fr_ledger *l, const char *run_id, fr_bucket **out, size_t *n, fr_err *err);
void fr_buckets_free(fr_bucket *buckets, size_t n);
typedef struct {
    char *kind, *name, *text;
    double value;
} fr_note;
int fr_ledger_notes(fr_ledger *l, const char *run_id, fr_note **out, size_t *n, fr_err *err);
void fr_notes_free(fr_note *notes, size_t n);

/** Removes runs that ended before a time (their children too). Live ones stay. */
int fr_ledger_prune(fr_ledger *l, int64_t before_unix_ns, size_t *removed, fr_err *err);
/** Recomputes every figure from buckets and factors; each difference becomes a line to out. */
int fr_ledger_verify(fr_ledger *l, FILE *out, size_t *n_checked, size_t *n_wrong, fr_err *err);
/** CSV or JSON Lines ("csv", "jsonl") of all runs with notes. */
int fr_ledger_export(fr_ledger *l, const char *format, FILE *out, fr_err *err);

#endif
