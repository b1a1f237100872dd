/**
 * meter_priv.h: how a sample flows through the room.
 *
 *     sensors/procfs.c    how long the window was, how much of it the machine and the tree worked
 *     sensors/ rows       joules of each channel in the window, from a counter or a curve
 *     integrate.c         channel by channel: machine, idle, active, and their ranges
 *     meter.c             the thread, the lock, the reading
 */
#ifndef FR_METER_METER_PRIV_H
#define FR_METER_METER_PRIV_H

#include <stddef.h>
#include "base/host.h"
#include "meter/meter.h"

/** A span of time and the work in it. */
typedef struct {
    double dt_s;
    double busy_s;     /* CPU time of everybody; at least the tree's */
    double tree_s;     /* CPU time of the tree */
    double capacity_s; /* logical processors x dt_s */
    bool is_border;    /* somebody wants to know by now; else what is slow to read may wait */
    bool is_whole;     /* the tree cannot be seen: all of the machine is charged */
} fr_window;

/** Low, best and high estimate. */
typedef struct {
    double low, mid, high;
} fr_range;
fr_range fr_range_scale(fr_range a, double by);
fr_range fr_range_add(fr_range a, fr_range b);

/** Watts at 0, 10, 50 and 100% utilization; straight lines between. */
#define FR_CURVE_POINTS 4
typedef struct {
    fr_range at_w[FR_CURVE_POINTS];
} fr_curve;
fr_range fr_curve_w(const fr_curve *curve, double utilization_ratio);

/** Joules of one thing, in a window or since the meter opened. */
typedef struct {
    fr_range machine_j, active_j, idle_j, rest_j;
    double total_low_j, total_high_j;
    double busy_s, capacity_s;
} fr_sums;

/** What a sensor tells of one channel in one window. */
typedef struct {
    bool ok;          /* false: no reading; the window is joined to the next that has one */
    bool gap;         /* not ok, and no later reading will cover it: the counter was set back */
    double counted_j; /* by the counter since the last good reading; curves leave it */
    bool has_share;   /* the tree's share of the work is the sensor's own (GPU) */
    fr_range share;   /* 0…1; else by CPU time */
    double busy_s, capacity_s; /* of the device; with has_share only */
} fr_delta;

/** A device as the meter keeps it. */
typedef struct {
    char name[48];
    fr_device_kind kind;
    const char *source;
    bool is_counted;       /* a counter or power sensor; else the curve alone */
    double error_ratio;    /* of the counter */
    double reserved_ratio; /* the part of its idle that is ours to carry */
    fr_curve curve;        /* rest for counted ones, and what stands in while they are silent */
    fr_sums sums, standin; /* standin: modelled for `pending`, gone when the counter answers */
    fr_window pending;
    bool is_apart;  /* of the whole machine: counted beside the others, in no sum */
    bool is_hidden; /* not shown: so far it only repeats another channel's counter */
    bool has_gap;   /* a part of sums is the curve's */
    double floor_w, floor_j, floor_s; /* lowest draw of a second so far; INFINITY: none yet */
} fr_channel;

/** Adds a window to a channel. */
void fr_channel_integrate(fr_channel *c, const fr_delta *delta, const fr_window *window);
/**
 * Joules since the last good reading of a power sensor, by the trapezoid rule. last_w and since_s
 * are the sensor's own (begin with NAN and 0); now_w NAN: no reading.
 */
void fr_delta_by_power(double *last_w, double *since_s, double now_w, double dt_s, fr_delta *out);
/** An apart channel's sums. */
void fr_channel_read_whole(const fr_channel *c, fr_whole_reading *out);
/** Sums and stand-in as a reading's row. */
void fr_channel_read(const fr_channel *c, fr_device_reading *out);

/** A text that lives as long as the process; equal texts are one. */
const char *fr_source_f(const char *fmt, ...) FR_PRINTF(1, 2);

#define FR_NVML_LIBRARY "libnvidia-ml.so.1"

/** What sensors are opened with and what they leave for those after them. */
typedef struct {
    const char *sysfs, *procfs, *nvml, *wall;
    bool is_moved; /* a recorded tree: files are opened anew for each sample */
    const fr_host *host;
    fr_channel *channels; /* [FR_METER_DEVICES] */
    size_t n_channels;
    int packages_seen, packages_counted;
    bool dram_counted;
    double period_s; /* the shortest that a sensor asked for */
    char note[256];
    char uncounted[160]; /* why packages are modelled; "" when no counter was seen */
    bool (*in_tree)(void *tree, pid_t pid);
    void *tree;
} fr_bench;
/** NULL when the meter has no room for more. Zeroed but for name, kind and shares. */
fr_channel *fr_bench_add(fr_bench *bench, fr_device_kind kind, const char *fmt, ...)
    FR_PRINTF(3, 4);
/** Samples must not be further apart than this. */
void fr_bench_need(fr_bench *bench, double period_s);
void fr_bench_note(fr_bench *bench, const char *fmt, ...) FR_PRINTF(2, 3);

/** What the machine would draw at the wall, by the devices' lines; whole_model.c. */
void fr_whole_model(const fr_host *host, const fr_device_reading *devices, size_t n,
                    double duration_s, fr_whole_reading *out);
/** A number in a small file of sysfs, kept open (a recorded tree's is opened anew). */
typedef struct {
    char path[384];
    int fd; /* -1: not open */
    bool is_moved;
} fr_sysfile;
/** 0, or the errno of the failure; EPROTO: no plain whole number. */
int fr_sysfile_open(fr_sysfile *f, bool is_moved, const char *fmt, ...) FR_PRINTF(3, 4);
int fr_sysfile_read(fr_sysfile *f, int64_t *out);
void fr_sysfile_close(fr_sysfile *f);
/** All of it, up to size - 1 bytes, and a 0 behind; how many, or -1. */
long fr_sysfile_block(fr_sysfile *f, char *out, size_t size);
/** First line of a file, trimmed; "" when it cannot be read. */
bool fr_sysfile_text(char *out, size_t size, const char *fmt, ...) FR_PRINTF(3, 4);
/** Curve of a GPU between rest and most_w (0: unknown), by gpu_idle_of_tdp_ratio. */
void fr_model_gpu_curve(double most_w, fr_curve *out);

/** A row of the table of sensors. */
typedef struct {
    const char *name;
    /** Adds its channels; *state NULL when it has none. Failing is a note, never an error. */
    void (*open)(fr_bench *bench, void **state);
    /** deltas: its own channels, in the order they were added. */
    void (*sample)(void *state, const fr_window *window, fr_delta *deltas);
    void (*close)(void *state);
    void (*survey)(fr_bench *bench, fr_sensor_state *out);
    /**
     * It tells by the windows alone, or reads counts that lose nothing by waiting: its windows come
     * some at a time, in order, a second late at most. Else sample() is called at the window's end.
     */
    bool has_no_moment;
    /** Processes by device, since open; optional. device is left to the meter: *channel says it. */
    size_t (*users)(void *state, fr_device_user *out, size_t *channel, size_t cap);
} fr_sensor;
extern const fr_sensor fr_sensor_powercap, fr_sensor_perf_event, fr_sensor_hwmon, fr_sensor_nvml,
    fr_sensor_battery, fr_sensor_wall, fr_sensor_bmc, fr_sensor_neuron, fr_sensor_model_cpu,
    fr_sensor_model_dram, fr_sensor_model_storage, fr_sensor_model_network;

/** Curves by the tables: of this host's processors, and of its memory. ratio: the part wanted. */
void fr_model_cpu_curve(const fr_host *host, double ratio, fr_curve *out, const char **source);
void fr_model_dram_curve(const fr_host *host, double ratio, fr_curve *out, const char **source);

/** sensors/procfs.c: CPU time of the machine and of a process tree. */
typedef struct fr_tree fr_tree;
/** root 0: nobody yet, see fr_tree_adopt(). */
fr_tree *fr_tree_open(const char *procfs, bool is_moved, pid_t root, bool adopts);
/** The root of a tree that has none: it began after the tree was opened. */
void fr_tree_adopt(fr_tree *t, pid_t root);
/** All processes of a control group instead of a tree's. */
fr_tree *fr_tree_open_group(const char *procfs, bool is_moved, const char *folder);
/**
 * thoroughly: what children were waited for is read whether or not that was paid for.
 * busy_s, tree_s: since the machine started and since open. busy_s NAN: cannot be read.
 * Returns the number of files that could not be read.
 */
int fr_tree_sample(fr_tree *t, bool thoroughly, double *busy_s, double *tree_s);
/** A process that the meter itself started is nobody's of the tree. */
void fr_tree_leave_out(fr_tree *t, pid_t pid);
/** The tree took at least so much since open, as somebody knows who waited for its root. */
void fr_tree_tell(fr_tree *t, double tree_s);
bool fr_tree_has(void *tree, pid_t pid);
size_t fr_tree_n_members(const fr_tree *t);
/** The root was never seen there (a recorded tree, or /proc hides it). */
bool fr_tree_is_unseen(const fr_tree *t);
void fr_tree_close(fr_tree *t);

/** sensors/cgroup.c: CPU time of a control group, and who is in it. */
typedef struct fr_group_clock fr_group_clock;
fr_group_clock *fr_group_clock_open(const char *folder, bool is_moved);
/** Since the group was made; false (and *cpu_s as it was) when it is gone or cannot be read. */
bool fr_group_clock_read(fr_group_clock *g, double *cpu_s);
bool fr_group_clock_has(fr_group_clock *g, pid_t pid);
void fr_group_clock_close(fr_group_clock *g);

#endif
