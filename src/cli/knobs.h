/** cli/knobs.h: what `frugal probe` can turn by itself, and turns back whatever happens. */
#ifndef FR_CLI_KNOBS_H
#define FR_CLI_KNOBS_H

#include <sched.h>
#include "base/err.h"

#define FR_KNOB_ZONES 16

typedef enum { FR_KNOB_NONE, FR_KNOB_THREADS, FR_KNOB_POWER_CAP } fr_knob_kind;

/** Zero-initialized turns nothing. */
typedef struct {
    fr_knob_kind kind;
    double setting[2];              /* threads; watts of a package */
    cpu_set_t cpus;                 /* as they were */
    char zones[FR_KNOB_ZONES][320]; /* files of limits, and what was in them */
    long long limit_uw[FR_KNOB_ZONES];
    int n_zones;
    char env[4][48]; /* NAME=VALUE for the command */
    const char *env_list[5];
} fr_knob;

/** text: "A,B". sysfs NULL: /sys. FR_E_PERMISSION where the limit may not be written. */
int fr_knob_open(fr_knob *k, fr_knob_kind kind, const char *text, const char *sysfs, fr_err *err);
/** which: 0 for A, 1 for B. Threads: processors for what is started from here, and env_list. */
int fr_knob_turn(fr_knob *k, int which, fr_err *err);
/** As it was. Nothing to do is fine. */
int fr_knob_restore(fr_knob *k, fr_err *err);

#endif
