/*
 * How busy NVIDIA GPUs are, through libnvidia-ml.so.1 (NVML API Reference,
 * docs.nvidia.com/deploy/nvml-api), under SageMaker's names and those of the nvidia_smi input of
 * the CloudWatch agent.
 *
 *     utilization.gpu     share of the last sample period with a kernel running [%]
 *     utilization.memory  share of it in which device memory was read or written [%]
 *     memory              used of total [%]: GPUMemoryUtilization
 *     pstate              0 (most) … 15 (least); 32: not known
 *     throttle reasons    bits of what holds the clocks down (nvmlClocksEventReasons)
 *
 * A partitioned GPU (MIG) tells no utilization: then there is none, rather than zero.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "meter/gauges_priv.h"

#define GPUS_MOST    64u
#define PSTATE_MOST  15
#define PERCENT_MOST 100u
#define CLOCK_SM     1               /* nvmlClockType_t */
#define OF_THE_GPU   0               /* nvmlTemperatureSensors_t */
#define REASONS_MOST 0xffffu         /* bits beyond: a sentinel */
#define BY_POWER     (0x04u | 0x80u) /* software's power cap, the hardware's power brake */
#define BY_HEAT      (0x20u | 0x40u) /* software's and hardware's thermal slowdown */

typedef struct nvml_device *nvml_device;
typedef struct {
    unsigned gpu, memory;
} nvml_rates;
typedef struct {
    unsigned long long total, free, used;
} nvml_memory;

typedef struct {
    void *library;
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *);
    int (*handle)(unsigned, nvml_device *);
    int (*rates)(nvml_device, nvml_rates *);
    int (*memory)(nvml_device, nvml_memory *);
    int (*pstate)(nvml_device, int *);
    int (*clock_mhz)(nvml_device, int, unsigned *);
    int (*limit_mw)(nvml_device, unsigned *);
    int (*celsius)(nvml_device, int, unsigned *);
    int (*reasons)(nvml_device, unsigned long long *);
    nvml_device gpus[GPUS_MOST];
    unsigned n;
} gpus;

static void *find(const gpus *g, const char *name)
{
    return dlsym(g->library, name);
}

static void gpus_close(void *state)
{
    gpus *g = state;
    if (g->n > 0)
        g->shutdown();
    if (g->library != NULL)
        dlclose(g->library);
    free(g);
}

static void *gpus_open(const fr_gauges_options *options)
{
    const char *name = options->nvml != NULL ? options->nvml : "libnvidia-ml.so.1";
    gpus *g = FR_NEW(gpus);
    g->library = name[0] != '\0' ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (g->library != NULL) {
        *(void **)&g->init = find(g, "nvmlInit_v2");
        *(void **)&g->shutdown = find(g, "nvmlShutdown");
        *(void **)&g->count = find(g, "nvmlDeviceGetCount_v2");
        *(void **)&g->handle = find(g, "nvmlDeviceGetHandleByIndex_v2");
        *(void **)&g->rates = find(g, "nvmlDeviceGetUtilizationRates");
        *(void **)&g->memory = find(g, "nvmlDeviceGetMemoryInfo");
        *(void **)&g->pstate = find(g, "nvmlDeviceGetPerformanceState");
        *(void **)&g->clock_mhz = find(g, "nvmlDeviceGetClockInfo");
        *(void **)&g->limit_mw = find(g, "nvmlDeviceGetEnforcedPowerLimit");
        *(void **)&g->celsius = find(g, "nvmlDeviceGetTemperature");
        *(void **)&g->reasons = find(g, "nvmlDeviceGetCurrentClocksEventReasons");
        if (g->reasons == NULL) /* its name before driver 535 */
            *(void **)&g->reasons = find(g, "nvmlDeviceGetCurrentClocksThrottleReasons");
    }
    bool whole = g->init != NULL && g->shutdown != NULL && g->count != NULL && g->handle != NULL;
    if (whole && g->init() == 0) {
        unsigned n = 0;
        if (g->count(&n) != 0)
            n = 0;
        for (unsigned i = 0; i < n && i < GPUS_MOST; i++) {
            if (g->handle(i, &g->gpus[i]) != 0)
                g->gpus[i] = NULL;
        }
        g->n = FR_MIN(n, GPUS_MOST);
        if (g->n == 0)
            g->shutdown();
    }
    if (g->n > 0)
        return g;
    gpus_close(g);
    return NULL;
}

static void read_one(const gpus *g, unsigned i, fr_gauge_list *out)
{
    nvml_device gpu = g->gpus[i];
    nvml_rates rates;
    nvml_memory memory;
    int pstate;
    unsigned value;
    if (g->rates != NULL && g->rates(gpu, &rates) == 0 && rates.gpu <= PERCENT_MOST) {
        fr_gauge_put(out, rates.gpu, "GPUUtilization", "gpu", "%u", i);
        fr_gauge_put(out, rates.gpu, "nvidia_smi.gpu_utilization", "gpu", "%u", i);
        if (rates.memory <= PERCENT_MOST)
            fr_gauge_put(out, rates.memory, "nvidia_smi.gpu_memory_utilization", "gpu", "%u", i);
    }
    if (g->memory != NULL && g->memory(gpu, &memory) == 0 && memory.total > 0)
        fr_gauge_put(out, 100 * (double)memory.used / (double)memory.total, "GPUMemoryUtilization",
                     "gpu", "%u", i);
    if (g->pstate != NULL && g->pstate(gpu, &pstate) == 0 && pstate >= 0 && pstate <= PSTATE_MOST)
        fr_gauge_put(out, pstate, "nvidia_smi.gpu_performance_state", "gpu", "%u", i);
    if (g->clock_mhz != NULL && g->clock_mhz(gpu, CLOCK_SM, &value) == 0)
        fr_gauge_put(out, value * 1e6, "frugal_gpu_clock_hertz", "gpu", "%u", i);
    if (g->limit_mw != NULL && g->limit_mw(gpu, &value) == 0)
        fr_gauge_put(out, value * 1e-3, "frugal_gpu_power_limit_watts", "gpu", "%u", i);
    if (g->celsius != NULL && g->celsius(gpu, OF_THE_GPU, &value) == 0)
        fr_gauge_put(out, value, "frugal_gpu_temperature_celsius", "gpu", "%u", i);
    unsigned long long reasons;
    if (g->reasons == NULL || g->reasons(gpu, &reasons) != 0 || reasons > REASONS_MOST)
        return;
    fr_gauge_put(out, (reasons & BY_POWER) != 0, "frugal_gpu_throttled_by_power", "gpu", "%u", i);
    fr_gauge_put(out, (reasons & BY_HEAT) != 0, "frugal_gpu_throttled_by_heat", "gpu", "%u", i);
    fr_gauge_put(out, (double)reasons, "frugal_gpu_throttle_reasons", "gpu", "%u", i);
}

static void gpus_read(void *state, fr_gauge_list *out)
{
    const gpus *g = state;
    for (unsigned i = 0; i < g->n; i++) {
        if (g->gpus[i] != NULL)
            read_one(g, i, out);
    }
}

const fr_gauge_source fr_gauges_of_gpus = { gpus_open, gpus_read, gpus_close };
