/**
 * run/run.h: a run from begin to end: meter, carbon and ledger in one hand. "Every run is metered"
 * exists once, here.
 *
 *     FR_TRY(fr_run_begin(&(fr_run_options){ .kind = "adapt", .name = "question-kind" }, &run,
 * err)); FR_TRY(fr_phase_begin(run, "rung", "lora", &phase, err)); … work …
 *     FR_TRY(fr_phase_end(phase, "done", &used, err));
 *     FR_TRY(fr_run_end(run, "done", 0, &total, err));
 *
 * Phases nest; the innermost open phase gets the energy of its time (leaf), the rest of the run's
 * own time is the remainder and stays visible. A run left open when the process dies is marked
 * interrupted; its buckets up to the last flush (every second) are kept.
 */
#ifndef FR_RUN_RUN_H
#define FR_RUN_RUN_H

#include <frugal/figure.h>
#include <frugal/work.h>
#include "carbon/carbon.h"
#include "ledger/ledger.h"
#include "meter/meter.h"

typedef struct fr_run fr_run;
typedef struct fr_phase fr_phase;

typedef struct {
    const char *kind, *name;
    const char *const *argv; /* recorded without secrets; NULL: none */
    fr_place_options place;  /* empty: world average, assumed */
    const char *ledger;      /* NULL: default; "": record nothing */
    fr_meter_options meter;
    const char *parent; /* id; NULL: $FRUGAL_RUN of the environment, if it is there */
} fr_run_options;

/** What a window took. */
typedef struct {
    double duration_s, cpu_s, gpu_s;
    fr_energy active; /* by our own work */
    fr_energy idle;   /* drawn at rest in that time */
    fr_energy total;  /* both */
    fr_carbon carbon; /* of total, with the embodied share of the time */
    double flops;     /* told by work events */
    uint64_t tokens;
    fr_reading reading; /* by device */
} fr_used;

int fr_run_begin(const fr_run_options *options, fr_run **out, fr_err *err);
const char *fr_run_id(const fr_run *run);
const fr_place *fr_run_place(const fr_run *run);
fr_ledger *fr_run_ledger(fr_run *run); /* NULL when nothing is recorded */
/** Give this to an engine: its work is counted for the innermost open phase. */
fr_work_sink fr_run_work(fr_run *run);
/** Joules (total) since begin; cheap enough for a progress line. */
fr_energy fr_run_so_far(fr_run *run);

int fr_phase_begin(fr_run *run, const char *kind, const char *name, fr_phase **out, fr_err *err);
/** Work counts, quality or tags of the innermost open phase, or of the run. */
int fr_run_note(fr_run *run, const char *kind, const char *name, double value, const char *text,
                fr_err *err);
/** Frees the phase whatever it returns. used may be NULL. Inner phases still open are ended too. */
int fr_phase_end(fr_phase *phase, const char *status, fr_used *used, fr_err *err);
/** Frees the run whatever it returns. used: the whole; remainder: not in any phase. NULL is fine.
 */
int fr_run_end(fr_run *run, const char *status, int exit_code, fr_used *used, fr_used *remainder,
               fr_err *err);

/** used as JSON keys (energy_j, method, carbon_g…) is report's and the commands' business. */

#endif
