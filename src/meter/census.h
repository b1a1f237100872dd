/**
 * meter/census.h: the whole machine's energy by process and by control group, in a window.
 *
 *     FR_TRY(fr_census_open(&(fr_census_options){ 0 }, &census, err));   and read a meter: a
 *     …
 *     FR_TRY(fr_meter_read(meter, &b, err));
 *     fr_reading_between(&a, &b, &window);
 *     FR_TRY(fr_census_take(census, meter, &window, &view, err));
 *     for (size_t i = 0; i < view.n_processes; i++)
 *         printf("%d %s %.1f J\n", view.processes[i].pid, view.processes[i].name,
 *                view.processes[i].active.value_j);
 *
 * What a device drew above its rest is shared by work: processor, memory and the rest of the board
 * by CPU time, a GPU by the time that its driver says each process had. Each share is the process's
 * own time over everybody's as the kernel counts it, and nothing is rescaled. On lines of their own
 * stand
 *     idle         what the machine draws at rest, whoever works. Nobody is charged for it here
 *                  (for a run of one's own see fr_reading_idle() and docs/decisions/0005).
 *     interrupts   by the kernel's own count.
 *     unseen       the work that no visible process did: processes that came and went without being
 *                  waited for, other process namespaces, a GPU whose driver does not tell.
 * Processes that came and went between two takes are in the row of who waited for them (ended_s).
 *
 * Threads: one at a time on a census. Cost: docs/performance.md.
 */
#ifndef FR_METER_CENSUS_H
#define FR_METER_CENSUS_H

#include "meter/group.h"
#include "meter/meter.h"

typedef struct fr_census fr_census;

typedef struct {
    fr_group_roots roots;  /* of recorded trees; zero: this machine */
    size_t processes_most; /* 0: 100,000; what is beyond is in `unseen` and said */
} fr_census_options;

typedef struct {
    pid_t pid, parent;
    char name[32];         /* as the kernel has it (15 bytes), made printable */
    size_t group;          /* index into groups */
    double cpu_s, ended_s; /* its own; of children that came and went and that it waited for */
    double gpu_s;          /* NAN: no driver tells */
    double ram_bytes;      /* resident */
    double cpu_j, gpu_j;   /* the parts of active */
    fr_energy active;
} fr_census_process;

typedef struct {
    fr_group_name name;
    const char *path; /* of the folder that names it; borrowed as the rows are */
    size_t n_processes;
    double cpu_s, ended_s, gpu_s, ram_bytes; /* gpu_s NAN: no driver tells */
    double cpu_j, gpu_j;
    fr_energy active;
} fr_census_group;

/** Rows are owned by the census and borrowed until the next take. */
typedef struct {
    double duration_s;
    double busy_s;                      /* CPU time of everybody */
    const fr_census_process *processes; /* all; most joules first, then CPU time, then memory */
    size_t n_processes;
    const fr_census_group *groups; /* that have processes; most joules first */
    size_t n_groups;
    fr_energy machine, idle, interrupts, unseen;
    size_t n_over; /* processes beyond processes_most */
    double interrupts_s, unseen_s;
    double census_cpu_s; /* what this take cost */
} fr_census_view;

/** Counts everybody for the first time; the first take's window begins here. */
int fr_census_open(const fr_census_options *options, fr_census **out, fr_err *err);
/**
 * meter     for fr_meter_device_users(); NULL: GPU work is unseen.
 * window    what the machine drew since the last take (or open); read just before.
 * Errors    FR_E_SENSOR when the machine's CPU time cannot be read.
 */
int fr_census_take(fr_census *c, fr_meter *meter, const fr_reading *window, fr_census_view *out,
                   fr_err *err);
void fr_census_close(fr_census *c);

#endif
