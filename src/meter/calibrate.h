/**
 * meter/calibrate.h: the processor's curve of this very machine, from a counter or a meter at the
 * wall, in place of the one that the tables give every machine of its kind.
 *
 *     fr_calibration c = { .is_wall = true, .at_w = { 12.5, 18, 40, 61 } };
 *     FR_TRY(fr_calibration_write(&(fr_meter_options){ 0 }, &c, path, err));
 *
 * What is written are rows of the user's own constants.csv (tables/tables.h), which later runs read
 * before the compiled ones; their source says when and where, and a figure made with them repeats
 * it.
 */
#ifndef FR_METER_CALIBRATE_H
#define FR_METER_CALIBRATE_H

#include "base/progress.h"
#include "meter/meter.h"

#define FR_CALIBRATION_STEPS 4
extern const double FR_CALIBRATION_AT[FR_CALIBRATION_STEPS]; /* utilization: 0, 0.1, 0.5, 1 */

typedef struct {
    bool is_wall; /* of the whole machine; else of the processors */
    double at_w[FR_CALIBRATION_STEPS];
} fr_calibration;

/** FR_E_FORMAT: not a number, no watts, or a curve that falls. */
int fr_calibration_check(const fr_calibration *c, fr_err *err);
/**
 * Busies every processor of ours for a share of the time, while the meter counts.
 *
 * cpu_w, wall_w     mean watts that counters say of the processors, a wall meter of the machine;
 *                   NAN where there is none
 * utilization_ratio what the machine really did, others' work included
 * Errors            FR_E_INTERRUPTED when progress says stop
 */
int fr_calibration_step(const fr_meter_options *options, double busy_ratio, double seconds,
                        const fr_progress *progress, double *cpu_w, double *wall_w,
                        double *utilization_ratio, fr_err *err);
/** Puts it into the file at path (made when it is not there), whose other rows stay. */
int fr_calibration_write(const fr_meter_options *options, const fr_calibration *c, const char *path,
                         fr_err *err);

#endif
