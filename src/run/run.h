/**
 * run/run.h: a run from begin to end: meter, carbon and ledger in one hand. "Every run is metered"
 * exists once, here.
 *
 *     FR_TRY(fr_run_begin(&(fr_run_options){ .kind = "adapt", .name = "routing" }, &run, err));
 *     FR_TRY(fr_phase_begin(run, "rung", "lora", &phase, err));
 *     … work …
 *     FR_TRY(fr_phase_end(phase, "done", &used, err));
 *     FR_TRY(fr_run_end(run, "done", 0, &total, &remainder, err));
 *
 * Phases nest; the innermost open phase gets the energy of its time, the rest of the run's own time
 * is the remainder and stays visible. What is flushed (at every border, after a second, then each
 * time its age has doubled, at least each ten seconds) outlives the process: a kill loses half of
 * the run's life at most, and never more than some ten seconds. A run left open when it dies is
 * marked interrupted by whoever looks next. On a signal the command ends its run itself
 * ("interrupted").
 *
 * A program that is started while a run is open finds its id in FRUGAL_RUN and becomes its child;
 * set at begin and put back at the end, so begin a run before other threads read the environment.
 *
 * Threads: any number on one run; phases of one run open and close in order.
 */
#ifndef FR_RUN_RUN_H
#define FR_RUN_RUN_H

#include <frugal/figure.h>
#include <frugal/work.h>
#include "carbon/carbon.h"
#include "carbon/statement.h"
#include "ledger/ledger.h"
#include "meter/meter.h"

typedef struct fr_run fr_run;
typedef struct fr_phase fr_phase;

typedef struct {
    const char *kind, *name;
    const char *const *argv; /* recorded without secrets; NULL: none */
    fr_place_options place;  /* empty: world average, assumed */
    bool market_stated;      /* the user's contract, for the market-based line alone */
    double market_g_per_kwh;
    /** A file; "": record nothing. NULL: the default one, and if that cannot be used, a warning
     * is logged and the run goes on unrecorded. */
    const char *ledger;
    fr_meter_options meter;
    const char *parent; /* id; NULL: $FRUGAL_RUN of the environment, if it is there */
    const char *model_hash, *strategy;
} fr_run_options;

/** What a window took. */
typedef struct {
    double duration_s, cpu_s, gpu_s;
    fr_energy active;     /* by our own work */
    fr_energy idle;       /* drawn at rest in that time */
    fr_energy total;      /* both */
    fr_carbon carbon;     /* of total, with the embodied share of the time */
    fr_statement account; /* the same energy by every other factor: market, water, scopes */
    double flops;         /* told by work events */
    uint64_t tokens;
    fr_reading reading; /* by device */
} fr_used;

int fr_run_begin(const fr_run_options *options, fr_run **out, fr_err *err);
const char *fr_run_id(const fr_run *run);
const fr_place *fr_run_place(const fr_run *run);
const fr_factors *fr_run_factors(const fr_run *run);
const fr_embodied *fr_run_embodied(const fr_run *run);
fr_meter *fr_run_meter(fr_run *run);   /* for fr_meter_tell_cpu() */
fr_ledger *fr_run_ledger(fr_run *run); /* NULL when nothing is recorded */
/** Give this to an engine: its work is counted for the innermost open phase. */
fr_work_sink fr_run_work(fr_run *run);
/** Joules (total) since begin; cheap enough for a progress line. */
fr_energy fr_run_so_far(fr_run *run);

/**
 * A border now: what was drawn since the last one goes to the ledger. For who has no thread for it
 * (meter.no_thread) and comes by itself. out: the sums since begin.
 */
int fr_run_read(fr_run *run, fr_reading *out, fr_err *err);

/**
 * The same for who has a thread that does nothing else (fr_meter_beat()): a sample and a flush as
 * they are due, in one wake-up where they are near each other, and no other threads. Returns when
 * to come again [ns of CLOCK_MONOTONIC]. What fails is told by fr_run_end().
 */
int64_t fr_run_beat(fr_run *run);

int fr_phase_begin(fr_run *run, const char *kind, const char *name, fr_phase **out, fr_err *err);
const char *fr_phase_id(const fr_phase *phase); /* of its row in the ledger */
/** Work counts, quality or tags of the innermost open phase, or of the run. */
int fr_run_note(fr_run *run, const char *kind, const char *name, double value, const char *text,
                fr_err *err);
/** A note of the run itself that is written with its end; texts are borrowed until then. */
int fr_run_note_last(fr_run *run, const char *kind, const char *name, double value,
                     const char *text, fr_err *err);
/** Frees the phase whatever it returns. used may be NULL. Inner phases still open are ended too. */
int fr_phase_end(fr_phase *phase, const char *status, fr_used *used, fr_err *err);
/**
 * Frees the run whatever it returns. used: the whole; remainder: not in any phase. NULL is fine.
 * Both are filled also when the ledger could not be written (which is what it then returns).
 */
int fr_run_end(fr_run *run, const char *status, int exit_code, fr_used *used, fr_used *remainder,
               fr_err *err);

/** The part of one sequence (request), by its own work. */
typedef struct {
    uint64_t sequence, prompt_tokens, generated_tokens;
    double flops;
    fr_energy active; /* NONE when no energy fell to it */
} fr_share;

/**
 * Tells and forgets what a sequence of the work events took. The active energy of each window (a
 * second or less) is shared by FLOPs among the steps told in it; processor energy only as far as
 * the steps' own CPU time goes, the rest belongs to nobody's sequence and is not spread.
 * FR_E_NOT_FOUND when no event named it (or 4,096 others were not taken yet).
 */
int fr_run_share_take(fr_run *run, uint64_t sequence, fr_share *out, fr_err *err);

#endif
