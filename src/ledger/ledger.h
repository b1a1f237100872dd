/**
 * ledger/ledger.h: the record of runs: what was done, where, with how much energy, how well.
 *
 *     FR_TRY(fr_ledger_open(NULL, &ledger, err));
 *     FR_TRY(fr_ledger_begin(ledger, &run, err));             before work starts
 *     FR_TRY(fr_ledger_add(ledger, run.id, buckets, n, err));  about once a second
 *     run.status = "done";
 *     FR_TRY(fr_ledger_end(ledger, &run, err));
 *     fr_ledger_close(ledger);
 *
 * A run is opened before work starts and closed after; one whose process is gone without closing
 * is marked interrupted by whoever looks next (host, boot, process namespace, process and its start
 * time make sure that a live run is never marked dead; runs of other hosts are left alone). Energy
 * is kept in time buckets as integer microjoules, so that any split, any hourly intensity, can be
 * recomputed.
 *
 * Nothing is counted twice. A *phase* shares its parent's meter: its buckets are its own, its
 * parent's buckets hold only the time outside phases, and the parent's figure includes both. A run
 * with a meter of its own below a live parent of the same host is seen by the parent's meter too:
 * it is recorded, shown, and left out of totals (leaf false).
 *
 * Threads: any number on one ledger. Programs: any number on one file.
 */
#ifndef FR_LEDGER_LEDGER_H
#define FR_LEDGER_LEDGER_H

#include <frugal/figure.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct fr_ledger fr_ledger;

/** where NULL: $FRUGAL_LEDGER, else $XDG_DATA_HOME/frugal/ledger.db. Made when it is not there. */
int fr_ledger_open(const char *where, fr_ledger **out, fr_err *err);
void fr_ledger_close(fr_ledger *l);
const char *fr_ledger_path(const fr_ledger *l);
/** The file that fr_ledger_open() would take. Owned, free(). */
char *fr_ledger_where(const char *where);

/** Texts may be NULL. Borrowed for the call when writing; owned by the list when reading. */
typedef struct {
    char id[FR_ULID_TEXT], parent[FR_ULID_TEXT];
    const char *kind;    /* "meter", "adapt", "rung", "phase", "train", "generate"… */
    const char *name;    /* "lora", "build" */
    const char *command; /* redacted, see fr_ledger_redact() */
    const char *model_hash, *strategy;
    const char *zone, *basis, *grid_source;
    int grid_year;
    double intensity_g_per_kwh, pue, embodied_g; /* NAN: unknown; carbon is then unknown too */
    int64_t start_unix_ns, end_unix_ns;          /* end 0: not ended */
    const char *status; /* "running", "done", "failed", "interrupted", "budget", "unfit"… */
    int exit_code;
    double cpu_s, gpu_s, duration_s; /* NAN: unknown */
    bool phase;                      /* metered by its parent's meter */
    /**
     * Told at the end: the whole, with phases, as the run's own meter said. Method NONE: summed
     * from the buckets. While reading a run that is open: what its buckets hold so far.
     */
    fr_energy energy;
    /* read only */
    bool leaf;                      /* counts in totals */
    double carbon_g, operational_g; /* operational = energy × PUE × intensity */
    int64_t seen_unix_ns;           /* end of the last bucket, else start */
    const char *host, *boot_id, *seal;
    int64_t pid, pid_start_ticks, seq; /* seq: order in this ledger */
} fr_run_record;

/** One device in one span of time. Integers, as counted. */
typedef struct {
    const char *device, *kind, *part; /* part: "active", "idle" */
    int64_t start_unix_ns, end_unix_ns;
    int64_t energy_uj, low_uj, high_uj;
    fr_method method;
    const char *source;
} fr_bucket;

/**
 * run->id is taken, or made when it is "". Its start is now when 0. Status is "running".
 * A parent that is given without `phase` may be a whole run: its innermost open phase is taken.
 */
int fr_ledger_begin(fr_ledger *l, fr_run_record *run, fr_err *err);
/**
 * All of them or none. A bucket of a device, part and start that is there already takes its place,
 * so the open bucket can be written again and again while it grows.
 */
int fr_ledger_add(fr_ledger *l, const char *run_id, const fr_bucket *buckets, size_t n,
                  fr_err *err);
/** Work counts and quality: ("work", "tokens", 512, NULL); kinds "work", "quality", "tag",
 * "factor", "note". A NAN value is none. */
int fr_ledger_note(fr_ledger *l, const char *run_id, const char *kind, const char *name,
                   double value, const char *text, fr_err *err);
typedef struct {
    const char *kind, *name;
    double value;
    const char *text;
} fr_noted;
/** All of them in one transaction, or none; those without value and text are left out. Borrowed. */
int fr_ledger_note_all(fr_ledger *l, const char *run_id, const fr_noted *notes, size_t n,
                       fr_err *err);
/** Removes notes of a kind whose names begin with head: what is told anew takes their place. */
int fr_ledger_forget(fr_ledger *l, const char *run_id, const char *kind, const char *head,
                     fr_err *err);
/** Writes end, status, exit code, times, energy, embodied share; texts that are not NULL too. */
int fr_ledger_end(fr_ledger *l, const fr_run_record *run, fr_err *err);

/**
 * What is written from here to fr_ledger_let_go() is one transaction, all of it or none: many times
 * less work than one for each. Another program's writing waits as long, so be quick. rc: what came
 * of it; not 0: nothing stays written. One thread at this ledger meanwhile, and no nesting.
 */
int fr_ledger_hold(fr_ledger *l, fr_err *err);
int fr_ledger_let_go(fr_ledger *l, int rc, fr_err *err);
/** false: writes fail with FR_E_BUSY while another program writes; true (as opened): they wait. */
void fr_ledger_wait_for_others(fr_ledger *l, bool waits);

typedef struct {
    const char *id, *parent, *kind, *status; /* NULL: any; id may be a prefix */
    const char *name;
    int64_t since_unix_ns;
    bool top_only; /* without a parent in this ledger */
    size_t limit;  /* 0: all */
} fr_ledger_query;
typedef struct {
    fr_run_record *at;
    size_t n;
} fr_run_list;
/** Newest first. Runs whose process is gone are marked interrupted on the way. */
int fr_ledger_list(fr_ledger *l, const fr_ledger_query *query, fr_run_list *out, fr_err *err);
/** The one run with that id, unique prefix, or "last" (newest without parent). out->n is 1. */
int fr_ledger_find(fr_ledger *l, const char *id, fr_run_list *out, fr_err *err);
void fr_run_list_fini(fr_run_list *list);
FR_AUTO_DEFINE(fr_run_list);
/** A run's own buckets (not its phases'), by start. */
int fr_ledger_buckets(fr_ledger *l, const char *run_id, fr_bucket **out, size_t *n, fr_err *err);
/** The same with those of its phases, theirs, and so on. */
int fr_ledger_tree_buckets(fr_ledger *l, const char *run_id, fr_bucket **out, size_t *n,
                           fr_err *err);
void fr_buckets_free(fr_bucket *buckets, size_t n);
typedef struct {
    char *kind, *name, *text;
    double value;
} fr_note;
int fr_ledger_notes(fr_ledger *l, const char *run_id, fr_note **out, size_t *n, fr_err *err);
void fr_notes_free(fr_note *notes, size_t n);

/** Units of business work: orders, answers, documents, with the time or the run they belong to. */
typedef struct {
    const char *name;
    double value;                       /* above 0 */
    int64_t start_unix_ns, end_unix_ns; /* of the time; of the run when there is one */
    const char *run;                    /* id; NULL: of all runs that began in that time */
    const char *source;                 /* who said so: a file's name; NULL */
} fr_unit;
int fr_unit_check(const fr_unit *unit, fr_err *err); /* FR_E_USAGE: not above 0, no name */
/** All or none. A unit of the same name and time (and run) takes the place of the one before. */
int fr_ledger_units_add(fr_ledger *l, const fr_unit *units, size_t n, fr_err *err);
/** By name and time; name NULL: all. Texts are owned, fr_units_free(). */
int fr_ledger_units(fr_ledger *l, const char *name, fr_unit **out, size_t *n, fr_err *err);
void fr_units_free(fr_unit *units, size_t n);
/** A CSV: a heading `date,orders,…`, a row a day. FR_E_FORMAT names the line. Empty and 0: none. */
int fr_units_load(const char *path, fr_unit **out, size_t *n, fr_err *err);
int fr_units_parse(const char *name, fr_str bytes, fr_unit **out, size_t *n, fr_err *err);

/** An intervention, dated, so that before and after can be told apart. */
typedef struct {
    int64_t at_unix_ns;
    char *text;
} fr_change;
int fr_ledger_change(fr_ledger *l, int64_t at_unix_ns, const char *text, fr_err *err);
int fr_ledger_changes(fr_ledger *l, fr_change **out, size_t *n, fr_err *err); /* by time */
void fr_changes_free(fr_change *changes, size_t n);

/** Removes whole trees of runs that ended before a time. A tree with a live run stays. */
int fr_ledger_prune(fr_ledger *l, int64_t before_unix_ns, size_t *removed, fr_err *err);
/**
 * Recomputes every figure from buckets and factors: energy = own buckets + phases, carbon = energy
 * × PUE × intensity + embodied, embodied from its factors, times, ranges, and each run's checksum;
 * each difference becomes a line to out (NULL: none).
 */
int fr_ledger_verify(fr_ledger *l, FILE *out, size_t *n_checked, size_t *n_wrong, fr_err *err);
/** CSV or JSON Lines ("csv", "jsonl") of all runs with notes. */
int fr_ledger_export(fr_ledger *l, const char *format, FILE *out, fr_err *err);

/** The same as JSON objects and lists; null for what is unknown. Owned, json_decref(). */
json_t *fr_run_record_json(const fr_run_record *run);
json_t *fr_notes_json(const fr_note *notes, size_t n);
/** Buckets summed by device and part. */
json_t *fr_devices_json(const fr_bucket *buckets, size_t n);

/**
 * A command line as it may be recorded: one line, values of options, variables and headers that
 * are named like secrets, tokens of known forms, credentials in URLs, and prompts replaced by
 * [redacted] or their length. argv is NULL-terminated.
 */
void fr_ledger_redact(const char *const *argv, fr_buf *out);

#endif
