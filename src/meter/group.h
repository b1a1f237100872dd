/**
 * meter/group.h: control groups by what people call them: containers, pods, Slurm jobs, units.
 *
 *     fr_group_name name;
 *     fr_group_describe("/system.slice/docker-4f2a….scope", &name);    container 4f2a…
 *
 *     FR_TRY(fr_group_find(&(fr_group_roots){ 0 }, FR_GROUP_POD, "web-7d4b", &found, err));
 *
 * Names are those that docker, podman, containerd, CRI-O, Kubernetes (systemd and cgroupfs
 * drivers), Slurm (v1 and v2 plugins), LXC and systemd give to their folders; nobody is asked.
 */
#ifndef FR_METER_GROUP_H
#define FR_METER_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

typedef enum fr_group_kind {
    FR_GROUP_NONE,      /* the root, or a folder nobody's pattern knows */
    FR_GROUP_CONTAINER, /* docker, podman, containerd, CRI-O, LXC, nspawn */
    FR_GROUP_POD,       /* Kubernetes */
    FR_GROUP_SLURM_JOB,
    FR_GROUP_UNIT, /* systemd service or scope */
    FR_GROUP_USER, /* a user's session */
} fr_group_kind;
const char *fr_group_kind_name(fr_group_kind kind); /* "cgroup", "container", "pod", "slurm-job"… */

/**
 * What a control group's path says. The most telling part wins: a container in a pod is a container
 * whose pod is named too.
 */
typedef struct {
    fr_group_kind kind;
    char id[80];        /* container id, job number, unit's or user's name; "" for none */
    char pod[48];       /* uid of the pod it is in; "" for none */
    char runtime[16];   /* "docker", "podman", "cri-containerd", "slurm"…; "" unknown */
    size_t depth_bytes; /* so much of the path names the group; what follows is below it */
} fr_group_name;
void fr_group_describe(const char *path, fr_group_name *out);

/** Roots of recorded trees; NULL: /proc, /sys/fs/cgroup, /var. */
typedef struct {
    const char *procfs, *cgroupfs, *var;
} fr_group_roots;

/** A folder of the control group file system in which CPU time is counted. */
typedef struct {
    char path[1024];   /* below the root, "/system.slice/docker-….scope" */
    char folder[1280]; /* the root and it */
    fr_group_name name;
} fr_group;

/**
 * The one group that a user means.
 *
 * kind     NONE: what is a path, below the root or absolute. CONTAINER: an id, a prefix of one, or
 * a name (as docker's files under var, or Kubernetes' under var/log/containers, tell it). POD: uid
 * or name (var/log/pods). SLURM_JOB: the number. UNIT: "nginx.service". Errors   FR_E_NOT_FOUND
 * (the hint has near names), FR_E_USAGE when several fit.
 */
int fr_group_find(const fr_group_roots *roots, fr_group_kind kind, const char *what, fr_group *out,
                  fr_err *err);
/** What a group has taken since it was made. NAN: the kernel does not tell. */
typedef struct {
    double cpu_s, throttled_s; /* throttled: it would have worked, and its limit forbade it */
    double memory_bytes, memory_peak_bytes;
    double io_read_bytes, io_written_bytes;
    double quota_threads, quota_ram_bytes; /* its limits; NAN: none */
    size_t n_processes;                    /* with those below it */
} fr_group_usage;
/** FR_E_NOT_FOUND when the group is gone. */
int fr_group_read(const char *folder, fr_group_usage *out, fr_err *err);
/** The control group of a process: its path in the unified hierarchy, else where CPU is counted. */
int fr_group_of_pid(const fr_group_roots *roots, int pid, char path[1024], fr_err *err);
/** The same from the text of PID/cgroup. */
void fr_group_of_text(const char *text, char path[1024]);

#endif
