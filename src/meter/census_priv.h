/**
 * census_priv.h: how a take flows.
 *
 *     census.c         who is there, what each worked since the last take
 *     census_shares.c  what each of them is charged with
 */
#ifndef FR_METER_CENSUS_PRIV_H
#define FR_METER_CENSUS_PRIV_H

#include "meter/census.h"

/** A process as the census keeps it from take to take. */
typedef struct {
    pid_t pid, parent;
    uint64_t start_ticks;
    double own_s, waited_s; /* since it began */
    double debt_s;          /* of its dead children's time that it has not waited for yet */
    double cpu_s, ended_s;  /* in this take's window */
    double gpu_s, gpu_j;
    double ram_bytes;
    size_t group;
    unsigned age;  /* takes in which it worked since its group was read */
    bool is_fresh; /* its stat was read in this take */
    char name[32];
} fr_person;

/** A device's user as it was at the last take. */
typedef fr_device_user fr_known_user;

typedef struct {
    char *path; /* owned */
    fr_group_name name;
    size_t n_processes;
} fr_known_group;

struct fr_census {
    int dir_fd;
    bool is_moved;
    size_t most;
    double tick_s, page_bytes;
    pid_t *pids;
    size_t n_pids, pids_cap, n_over;
    fr_person *now, *before, *gone;
    size_t n_now, now_cap, n_before, before_cap, n_gone, gone_cap;
    fr_known_group *groups;
    size_t n_groups, groups_cap;
    size_t *slots; /* hash of paths: index + 1 */
    size_t n_slots;
    double machine_s, irq_s;             /* the kernel's counts at the last take */
    double busy_s, interrupts_s, debt_s; /* of this window */
    fr_known_user *users;
    size_t n_users;
    fr_census_process *rows;
    fr_census_group *group_rows;
    size_t rows_cap, group_rows_cap;
    char *text;
};

/** The person with a pid in a list that is sorted by pid; NULL. */
fr_person *fr_person_find(fr_person *list, size_t n, pid_t pid);
/** Index of a path's group, made when it is new. */
size_t fr_census_group_of(fr_census *c, const char *path);
/** Fills the rows of a view from who worked how much. */
void fr_census_share(fr_census *c, fr_meter *meter, const fr_reading *window, fr_census_view *out);

#endif
