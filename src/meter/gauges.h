/**
 * meter/gauges.h: how busy the machine is: utilization of processors, memory, disk, GPUs and Neuron
 * cores, under the names that AWS's tools use for them. Beside the joules of meter.h, for those who
 * judge whether what is provisioned is used.
 *
 *     fr_gauges *gauges = NULL;
 *     FR_TRY(fr_gauges_open(&(fr_gauges_options){ 0 }, &gauges, err));
 *     …
 *     fr_gauge now[FR_GAUGES_MOST];
 *     size_t n = fr_gauges_read(gauges, now, FR_GAUGES_MOST);   busy shares: since the last read
 *     fr_gauges_close(gauges);
 *
 * What cannot be read is left out, never zero. A source is a row of the table in gauges.c and one
 * file in gauges/. One thread at a time.
 */
#ifndef FR_METER_GAUGES_H
#define FR_METER_GAUGES_H

#include <stddef.h>
#include "base/err.h"

typedef struct fr_gauges fr_gauges;

typedef struct {
    const char *sysfs, *procfs; /* moved roots, for recorded trees; NULL: /sys, /proc */
    const char *nvml;           /* library to load; NULL: libnvidia-ml.so.1; "": none */
    /** neuron-monitor's JSON lines: a file or pipe to read, or "" for none; NULL: the program
     * neuron-monitor is started where there is one. */
    const char *neuron;
} fr_gauges_options;

#define FR_GAUGES_MOST 1024

typedef struct {
    const char *name; /* "GPUUtilization": a row of report/series.def; static */
    const char *key;  /* what `of` is: "gpu", "usage", "path"; static; NULL: there is only one */
    char of[48];
    double value; /* in the unit of the row: percent are 0…100 */
} fr_gauge;

int fr_gauges_open(const fr_gauges_options *options, fr_gauges **out, fr_err *err);
/** How many were filled. The first read tells shares since fr_gauges_open(). */
size_t fr_gauges_read(fr_gauges *g, fr_gauge *out, size_t cap);
void fr_gauges_close(fr_gauges *g); /* NULL is fine */

#endif
