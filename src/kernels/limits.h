/**
 * kernels/limits.h: what this machine can do at best, measured here and now: the yardstick beside
 * which a speed is told.
 *
 *     fr_limits l;
 *     fr_limits_measure(pool, &l);
 *     share = bytes / seconds / l.read_bytes_per_s;
 */
#ifndef FR_KERNELS_LIMITS_H
#define FR_KERNELS_LIMITS_H

#include "base/pool.h"

/** Of all threads of the pool together by the clock, and of one second of processor time. */
typedef struct {
    double flops_per_s, flops_per_cpu_s;           /* fused multiply-adds count two */
    double read_bytes_per_s, read_bytes_per_cpu_s; /* of memory beyond the caches */
} fr_limits;

/** Takes about a second of each thread, and 192 MiB for as long; the best of several tries.
 * FR_E_NO_MEMORY. */
int fr_limits_measure(fr_pool *pool, fr_limits *out, fr_err *err);

#endif
