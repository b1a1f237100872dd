#include "kernels/limits.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "kernels/kernels.h"

enum { TRIES = 5, THREADS_MOST = 1024, READ_BYTES = 192 << 20, PART_VALUES = 4096 };

typedef struct {
    const fr_kernels *k;
    size_t rounds;
    double *flops; /* [threads] */
    const float *values;
    float *sums; /* [threads] */
} trial;

static void burn_part(void *args, size_t first, size_t end, int thread)
{
    trial *t = args;
    t->sums[thread] = 0.5f;
    for (; first < end; first++)
        t->flops[thread] += t->k->burn(t->rounds, &t->sums[thread]);
}

static void read_part(void *args, size_t first, size_t end, int thread)
{
    trial *t = args;
    t->sums[thread] += t->k->read(t->values + first * PART_VALUES, (end - first) * PART_VALUES);
}

/* Seconds of the clock and of the processor that one pass takes. */
static void time_pass(fr_pool *pool, size_t n, fr_pool_fn fn, trial *t, double *wall_s,
                      double *cpu_s)
{
    struct timespec a, b;
    int64_t from_ns = fr_now_monotonic_ns();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    fr_pool_run(pool, n, fn, t);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    *wall_s = (double)(fr_now_monotonic_ns() - from_ns) * 1e-9;
    *cpu_s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
}

int fr_limits_measure(fr_pool *pool, fr_limits *out, fr_err *err)
{
    double flops[THREADS_MOST], wall_s, cpu_s;
    float sums[THREADS_MOST] = { 0 };
    size_t threads = (size_t)fr_pool_threads(pool);
    float *values =
        mmap(NULL, READ_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (values == MAP_FAILED)
        return fr_fail(err, FR_E_NO_MEMORY, NULL,
                       "no memory to measure how fast it is read: %d bytes", READ_BYTES);
    memset(values, 1, READ_BYTES);
    trial t = { fr_kernels_best(), 1 << 16, flops, values, sums };
    *out = (fr_limits){ 0 };
    for (int i = 0; i < TRIES; i++) {
        memset(flops, 0, sizeof(flops));
        time_pass(pool, 8 * threads, burn_part, &t, &wall_s, &cpu_s);
        double all = 0;
        for (size_t k = 0; k < threads; k++)
            all += flops[k];
        out->flops_per_s = FR_MAX(out->flops_per_s, all / wall_s);
        out->flops_per_cpu_s = FR_MAX(out->flops_per_cpu_s, all / cpu_s);
        time_pass(pool, READ_BYTES / sizeof(float) / PART_VALUES, read_part, &t, &wall_s, &cpu_s);
        out->read_bytes_per_s = FR_MAX(out->read_bytes_per_s, READ_BYTES / wall_s);
        out->read_bytes_per_cpu_s = FR_MAX(out->read_bytes_per_cpu_s, READ_BYTES / cpu_s);
    }
    munmap(values, READ_BYTES);
    return 0;
}
