/**
 * meter/past.h: a machine's past, read back from what others recorded, and judged: what it drew,
 * how well it was used, how long it stood idle.
 *
 *     fr_past past = { 0 };
 *     FR_TRY(fr_past_read_smi(bytes, &(fr_past_options){ .name = "gpus.csv" }, &past, err));
 *     fr_past_verdict v;
 *     FR_TRY(fr_past_judge(&past.devices[0], &v, err));
 *     …v.energy, v.utilization_mean, v.idle_s, v.buckets…
 *
 * Energy is measured where draw was recorded, else modelled from utilization and
 * data/accelerators.csv or data/instances.csv, with the row named. Time without samples is a gap:
 * named, never filled.
 */
#ifndef FR_METER_PAST_H
#define FR_METER_PAST_H

#include <jansson.h>
#include <stdint.h>
#include "base/buf.h"
#include "meter/meter.h"
#include "net/sigv4.h"

typedef struct {
    int64_t unix_ns;
    double period_s; /* 0: of that moment; else the mean of so long from then on */
    double utilization_ratio, memory_ratio, power_w; /* NAN: not recorded */
    int pstate;                                      /* -1: not recorded */
} fr_past_sample;

typedef struct {
    char name[64];  /* "gpu-0", "i-0123 CPUUtilization" */
    char model[96]; /* "NVIDIA A100-SXM4-80GB"; an instance type; "" */
    fr_device_kind kind;
    double limit_w;          /* power limit that was recorded; NAN */
    double count;            /* devices that one row tells of together; 1 */
    fr_past_sample *samples; /* owned, by time after fr_past_judge() */
    size_t n, cap;
    char key[96]; /* what told its rows from others': index, uuid… */
} fr_past_device;

#define FR_PAST_WRONG_SHOWN 5
typedef struct {
    fr_past_device *devices; /* owned */
    size_t n, cap;
    size_t n_rows, n_wrong;               /* read; passed over */
    char wrong[FR_PAST_WRONG_SHOWN][192]; /* the first of them: "file:line: column: why" */
} fr_past;
void fr_past_fini(fr_past *past);
FR_AUTO_DEFINE(fr_past);

typedef struct {
    const char *name; /* of the file, for errors */
    const char
        *columns;   /* "timestamp,index,power.draw": of a file without a header; NULL: it has one */
    double every_s; /* of a file without time stamps; 0: it has them */
    int64_t from_unix_ns;
} fr_past_options;

/**
 * What `nvidia-smi --query-gpu=… --format=csv` wrote, also with noheader or nounits, of any number
 * of GPUs. Times without a zone are of the zone in TZ; in the hour that comes twice a year, the
 * order of rows decides. A cell that does not parse costs its row, named; [N/A] is no value.
 * FR_E_FORMAT: no row could be used, or more than one in ten could not.
 */
int fr_past_read_smi(fr_str text, const fr_past_options *options, fr_past *out, fr_err *err);

/** ---- CloudWatch ---- */

typedef struct {
    fr_aws who;
    const char *endpoint; /* NULL: the region's */
    const char *name_space;
    const char *const *metrics, *const *dimensions; /* NULL-terminated; dimensions "Name=Value" */
    int64_t from_unix_ns, to_unix_ns;
    int period_s;
    const char *model; /* of the accelerator, or of the instance */
    double count;      /* of accelerators behind one series */
} fr_past_query;
/** GetMetricData, page by page. FR_E_NETWORK with what AWS said. */
int fr_past_ask_cloudwatch(const fr_past_query *query, fr_past *out, fr_err *err);
/**
 * One answer of GetMetricData (times as seconds or as ISO texts). next: owned, NULL: the last page.
 * metrics[i] is what Id "m<i>" was asked for; without metrics the label says which one it is.
 */
int fr_past_read_metric_data(fr_str json, const fr_past_query *query, const char *name,
                             fr_past *out, char **next, fr_err *err);

/** ---- verdict ---- */

typedef struct {
    int64_t start_unix_ns, end_unix_ns;
    double work_j, work_low_j, work_high_j, idle_j, idle_low_j, idle_high_j;
} fr_past_bucket;

#define FR_PAST_SHARES     10
#define FR_PAST_IDLE_RATIO 0.05 /* below it a device counts as idle */
typedef struct {
    int64_t start_unix_ns, end_unix_ns;
    double covered_s, gap_s;
    fr_energy energy;
    double idle_w; /* drawn at rest: the lowest twentieth of the draw, or the model's */
    double idle_s, idle_time_j; /* time below FR_PAST_IDLE_RATIO, and what was drawn in it; NAN */
    double utilization_mean, utilization_p95; /* ratios; NAN: not recorded */
    double share[FR_PAST_SHARES];             /* of the time, by tenths of utilization */
    double memory_most;                       /* ratio; NAN */
    double idle_at_p0_s;                      /* idle, but in the highest performance state */
    fr_past_bucket *buckets;                  /* owned */
    size_t n_buckets;
} fr_past_verdict;
/** Sorts the samples. FR_E_FORMAT: fewer than two moments. */
int fr_past_judge(fr_past_device *device, fr_past_verdict *out, fr_err *err);
void fr_past_verdict_fini(fr_past_verdict *v);
FR_AUTO_DEFINE(fr_past_verdict);

/** A row of data/accelerators.csv by a name as drivers give it ("NVIDIA A100-SXM4-80GB"); false:
 * none. */
bool fr_past_accelerator(const char *name, size_t *row);

#endif
