/**
 * meter/meter.h: what a process tree draws: sensors where there are some, named models elsewhere.
 *
 * A meter accumulates from the moment it is opened; two readings and a subtraction give any window,
 * so phases, nested windows and buckets are all the same thing.
 *
 *     FR_TRY(fr_meter_open(&(fr_meter_options){ .pid = child }, &meter, err));
 *     fr_reading a, b, used;
 *     FR_TRY(fr_meter_read(meter, &a, err));
 *     …
 *     FR_TRY(fr_meter_read(meter, &b, err));
 *     fr_reading_between(&a, &b, &used);
 *     printf("%.1f J\n", fr_reading_total(&used).value_j);
 *
 * Energy is conserved and not by construction: each device has what the machine drew, the part the
 * tree worked for (active), and idle; what is neither is the remainder (others' work), a line of
 * its own. Nothing is rescaled.
 */
#ifndef FR_METER_METER_H
#define FR_METER_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <frugal/figure.h>
#include "base/err.h"
#include "base/host.h"

typedef struct fr_meter fr_meter;

typedef enum fr_device_kind {
    FR_DEVICE_NONE,
    FR_DEVICE_CPU,
    FR_DEVICE_DRAM,
    FR_DEVICE_GPU,
    FR_DEVICE_ACCELERATOR,
    FR_DEVICE_STORAGE,
    FR_DEVICE_NETWORK,
    FR_DEVICE_OTHER
} fr_device_kind;
const char *fr_device_kind_name(fr_device_kind kind); /* "cpu", "dram"… the keys of energy_j */

typedef struct {
    const char *sysfs, *procfs; /* moved roots, for recorded trees; NULL: /sys, /proc */
    const char *wall;           /* see sensors/wall.c; NULL: $FRUGAL_WALL; "": none */
    const char *nvml;           /* library to load; NULL: libnvidia-ml.so.1; "" : none */
    const fr_host *host;        /* fr_meter_host() of these options, where it is known; borrowed */
    pid_t pid;                  /* root of the tree; 0: this process */
    const char *group; /* folder of a control group (fr_group_find) to meter instead of a tree */
    bool adopts;     /* pid was just started and has no children; whatever this process adopts from
                        now on (PR_SET_CHILD_SUBREAPER) is the tree's, what was there is not */
    bool awaits;     /* the root is told by fr_meter_adopt(), once it was started; not for groups */
    double period_s; /* of sampling; 0: what the sensors need, see fr_meter_period_s() */
    bool no_thread;  /* the caller samples: by fr_meter_beat(), or by fr_meter_read() alone */
    int64_t (*now_ns)(void *user); /* replay clock; NULL: CLOCK_MONOTONIC */
    void *user;
} fr_meter_options;

#define FR_METER_DEVICES 64

/** What one device drew since the meter opened (or in a window). */
typedef struct {
    char name[48]; /* "package-0", "dram-0", "gpu-0 NVIDIA H100" */
    fr_device_kind kind;
    fr_method method;
    const char *source; /* interned: "powercap package-0", "model cpu-curve 1" */
    double machine_j, machine_low_j, machine_high_j; /* the whole device */
    double active_j, active_low_j, active_high_j;    /* by the tree's own work */
    double idle_j, idle_low_j,
        idle_high_j; /* our reserved share of the draw at rest, whoever works */
    double total_low_j,
        total_high_j; /* of active + idle together: what one loses the other gains */
    double rest_j, rest_low_j, rest_high_j; /* the whole device's draw at rest, ours and others' */
    double busy_s, capacity_s; /* device-seconds worked by anybody, and there to be worked */
} fr_device_reading;

/**
 * What a meter of the whole machine counted (wall, BMC, battery, platform): it holds the devices
 * above and more, so it stands apart and is in no sum.
 */
typedef struct {
    char name[48];
    const char *source; /* interned */
    double energy_j, low_j, high_j;
    double metered_s; /* of the window; less than its length where the meter was silent */
} fr_whole_reading;
#define FR_METER_WHOLES 16

typedef struct {
    int64_t monotonic_ns, unix_ns; /* a window: of its end */
    double duration_s;             /* since open, or of the window */
    double cpu_s, machine_cpu_s;   /* CPU time of the tree; of the whole machine (busy) */
    double gpu_s;                  /* GPU time of the tree; NAN where nobody can say */
    double meter_cpu_s;            /* what metering itself took */
    uint64_t samples, missed; /* missed: reads that failed, whose interval was joined or named */
    char note[256];           /* why something is modelled and what would mend it; may be "" */
    size_t n_wholes, n_devices;
    fr_whole_reading wholes[FR_METER_WHOLES];
    fr_device_reading devices[FR_METER_DEVICES]; /* those beyond n_devices are undefined */
} fr_reading;
/** Copies what is there, which is far less than what there is room for. */
void fr_reading_copy(fr_reading *to, const fr_reading *from);

/** Time that a process worked a device that tells of its processes (GPU), since the meter opened.
 */
typedef struct {
    pid_t pid;
    char device[48]; /* as in the reading */
    double busy_s;
    double device_busy_s; /* of everybody, at the same moment */
} fr_device_user;

/** The machine as a meter with these options sees it; its quotas are the group's, where one is
 * metered. */
void fr_meter_host(const fr_meter_options *options, fr_host *out);
int fr_meter_open(const fr_meter_options *options, fr_meter **out, fr_err *err);
/** With awaits: our child that began after the meter opened, and all of whose time is the tree's.
 */
void fr_meter_adopt(fr_meter *m, pid_t pid);
/** Takes a sample now and tells the sums. One thread at a time; the sampler has its own. */
int fr_meter_read(fr_meter *m, fr_reading *out, fr_err *err);
/** The same for less, for who looks often: children that came and went lately may be late. */
int fr_meter_peek(fr_meter *m, fr_reading *out, fr_err *err);
/**
 * For who has no thread for it (no_thread) and one of his own that does nothing else: a sample, if
 * it is time for one. Returns when the next one is due [ns of CLOCK_MONOTONIC]; a reading by
 * anybody puts it off. The CPU time of the thread that calls this is the meter's own from then on.
 */
int64_t fr_meter_beat(fr_meter *m);
/**
 * The CPU time that the tree took since the meter opened, by one who knows it better: who waited
 * for the root has it to the microsecond from wait4(). It never lowers what was seen. Before the
 * last reading.
 */
void fr_meter_tell_cpu(fr_meter *m, double tree_cpu_s);
/** Who worked such devices, up to cap of them; the number. As of the latest sample. */
size_t fr_meter_device_users(fr_meter *m, fr_device_user *out, size_t cap);
/**
 * Time between two samples [s]. Counters and curves are read once a second: whole joules lie
 * between two reads however far they are apart, and a reading takes one at its very moment. What
 * tells watts alone is read ten times a second, and a counter that could wrap twice as often as
 * half its range at full draw asks.
 */
double fr_meter_period_s(const fr_meter *m);
void fr_meter_close(fr_meter *m); /* NULL is fine; after it nothing wakes up */

/** later - earlier, device by device, of one meter. */
void fr_reading_between(const fr_reading *earlier, const fr_reading *later, fr_reading *out);
/** Sum over devices of a kind (NONE: all) of active energy; of idle; active + idle; the machine. */
fr_energy fr_reading_active(const fr_reading *r, fr_device_kind kind);
fr_energy fr_reading_idle(const fr_reading *r, fr_device_kind kind);
fr_energy fr_reading_total(const fr_reading *r);
fr_energy fr_reading_machine(const fr_reading *r);
/** What the meter itself drew, by its CPU time. */
fr_energy fr_reading_overhead(const fr_reading *r);

/** What sensors there are and what each lacks, for `frugal doctor`. */
typedef struct {
    const char *sensor; /* "powercap", "nvml", "model" … static */
    bool usable;
    char found[160]; /* "2 packages, 2 dram zones" or why not */
    char grant[256]; /* the command that would grant access; "" when none is needed */
} fr_sensor_state;
int fr_meter_survey(const fr_meter_options *options, fr_sensor_state *out, size_t cap, size_t *n,
                    fr_err *err);

#endif
