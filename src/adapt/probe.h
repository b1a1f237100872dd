/**
 * adapt/probe.h: what this machine does with a model, per second and per joule, found out by a
 * short metered piece of each kind of work (a phase of its own), so that rungs can be predicted.
 */
#ifndef FR_ADAPT_PROBE_H
#define FR_ADAPT_PROBE_H

#include "adapt/rung.h"
#include "run/run.h"

/**
 * text   what to read, as the task's inputs are; any length from a word up.
 * train  probe an optimizer step too (when it is expected to be short).
 * out    filled as far as it got; fields of 0 were not probed.
 * idle_power_w, name   of the machine while it worked; of the model (owned). NULL: not wanted.
 */
int fr_probe_model(fr_run *run, const char *path, fr_str text, bool train, const char *scratch_dir,
                   int threads, const fr_progress *progress, fr_probe *out, double *idle_power_w,
                   char **name, fr_err *err);

/** Power while working and at rest, without a model: a tenth of a second of arithmetic. */
int fr_probe_machine(fr_run *run, double *power_w, double *idle_power_w, fr_err *err);

#endif
