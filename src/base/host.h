/**
 * host.h: which machine this is: processor, threads, memory, virtual or not, what part of it is
 * ours. Read from /proc and /sys, or from recorded trees of the same form.
 */
#ifndef FR_BASE_HOST_H
#define FR_BASE_HOST_H

#include <stdbool.h>

typedef struct {
    char vendor[16];      /* "GenuineIntel", "AuthenticAMD", "ARM"; "" unknown */
    char model_name[128]; /* as the kernel says it; "" unknown */
    int family, model;    /* ARM: implementer and part */
    int n_threads;        /* logical processors that are on; at least 1 */
    int n_sockets;        /* at least 1 */
    double ram_bytes;     /* 0: unknown */
    bool is_virtual;      /* under a hypervisor */
    bool is_client;       /* a laptop or desktop, by its battery or processor name */
    double quota_threads; /* what the control group allows; n_threads when it sets no limit */
    double quota_ram_bytes;
} fr_host;

/**
 * Lowers both to what a control group and those above it allow: quota of processor time, set of
 * processors, memory; version 2, or version 1, whose controllers have folders of their own: any of
 * the group's will do. Nothing changes where there is no limit, or no such folder.
 */
void fr_host_limits(const char *folder, double *threads, double *ram_bytes);

/** Roots NULL: /proc and /sys. What cannot be read keeps its unknown value; never fails. */
void fr_host_read(const char *procfs, const char *sysfs, fr_host *out);

#endif
