/*
 * How busy Trainium's and Inferentia's NeuronCores are, from neuron-monitor's stream: one JSON
 * object a line ("Neuron Monitor User Guide", awsdocs-neuron.readthedocs-hosted.com), of which this
 * is read:
 *
 *     neuron_runtime_data[]  one for each Neuron application
 *       report.neuroncore_counters.neuroncores_in_use."N".neuroncore_utilization   percent
 *
 * A core that no application holds is absent there and stays absent here. A line may be a MiB; a
 * longer one, or one that is no such JSON, is passed over. After a minute without a line the last
 * one is no news any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "meter/gauges_priv.h"

#define LINE_MOST  ((size_t)1 << 20)
#define TAKEN_MOST ((size_t)8 << 20) /* by one read */
#define STALE_S    60.0
#define CORES_MOST 256

extern char **environ;

typedef struct {
    int fd;
    pid_t child; /* 0: somebody else writes */
    fr_buf line; /* what is not a whole line yet */
    bool skips;  /* until the end of a line that is too long */
    int64_t heard_ns;
    double percent[CORES_MOST];
    bool has[CORES_MOST];
} neuron;

static pid_t start(int *fd)
{
    static const char *const ARGV[] = { "neuron-monitor", NULL };
    int ends[2];
    pid_t child = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return 0;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawnp(&child, ARGV[0], &actions, NULL, (char *const *)(uintptr_t)ARGV, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *fd = ends[0];
    if (rc == 0)
        return child;
    close(ends[0]);
    return 0;
}

static bool has_devices(const fr_gauges_options *options)
{
    struct stat st;
    return options->sysfs == NULL && stat("/dev/neuron0", &st) == 0;
}

static void *neuron_open(const fr_gauges_options *options)
{
    neuron n = { .fd = -1 };
    if (options->neuron != NULL && options->neuron[0] != '\0')
        n.fd = open(options->neuron, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    else if (options->neuron == NULL && has_devices(options))
        n.child = start(&n.fd);
    if (n.fd < 0 || (n.child == 0 && options->neuron == NULL))
        return NULL;
    fcntl(n.fd, F_SETFL, fcntl(n.fd, F_GETFL) | O_NONBLOCK);
    n.line.limit_bytes = LINE_MOST;
    neuron *state = FR_NEW(neuron);
    *state = n;
    return state;
}

static void take_cores(neuron *n, const json_t *cores)
{
    const char *name;
    json_t *core;
    json_object_foreach((json_t *)(uintptr_t)cores, name, core)
    {
        char *end;
        long at = strtol(name, &end, 10);
        const json_t *percent = json_object_get(core, "neuroncore_utilization");
        double value = json_number_value(percent);
        bool ok = *name != '\0' && *end == '\0' && at >= 0 && at < CORES_MOST &&
                  json_is_number(percent) && value >= 0 && value <= 100.5;
        if (!ok)
            continue;
        n->percent[at] = FR_MIN((n->has[at] ? n->percent[at] : 0) + value, 100);
        n->has[at] = true;
    }
}

static void take_line(neuron *n, fr_str line)
{
    json_t *report = json_loadb(line.at, line.n, 0, NULL);
    const json_t *runtimes = json_object_get(report, "neuron_runtime_data");
    if (json_is_array(runtimes) || json_is_null(runtimes)) { /* null: no application */
        memset(n->has, 0, sizeof n->has);
        n->heard_ns = fr_now_monotonic_ns();
        for (size_t i = 0; i < json_array_size(runtimes); i++) {
            const json_t *r = json_object_get(json_array_get(runtimes, i), "report");
            take_cores(n, json_object_get(json_object_get(r, "neuroncore_counters"),
                                          "neuroncores_in_use"));
        }
    }
    json_decref(report);
}

static void take_bytes(neuron *n, fr_str bytes)
{
    while (bytes.n > 0) {
        const char *end = memchr(bytes.at, '\n', bytes.n);
        size_t length = end != NULL ? (size_t)(end - bytes.at) : bytes.n;
        if (!n->skips)
            fr_buf_put(&n->line, bytes.at, length);
        n->skips |= n->line.full;
        if (end != NULL) {
            if (!n->skips)
                take_line(n, fr_buf_str(&n->line));
            n->skips = false;
            n->line.full = false;
            fr_buf_clear(&n->line);
            length++;
        }
        bytes = (fr_str){ bytes.at + length, bytes.n - length };
    }
}

static void neuron_read(void *state, fr_gauge_list *out)
{
    neuron *n = state;
    char block[16384];
    ssize_t got;
    size_t taken = 0; /* who writes faster than we read is read for a while only */
    while (taken < TAKEN_MOST &&
           ((got = read(n->fd, block, sizeof block)) > 0 || (got < 0 && errno == EINTR))) {
        if (got > 0)
            take_bytes(n, (fr_str){ block, (size_t)got });
        taken += got > 0 ? (size_t)got : 0;
    }
    double age_s = (double)(fr_now_monotonic_ns() - n->heard_ns) * 1e-9;
    for (int i = 0; i < CORES_MOST && n->heard_ns != 0 && age_s < STALE_S; i++) {
        if (n->has[i])
            fr_gauge_put(out, n->percent[i], "neuroncore_utilization", "neuroncore", "%d", i);
    }
}

static void neuron_close(void *state)
{
    neuron *n = state;
    close(n->fd);
    if (n->child > 0) {
        kill(n->child, SIGTERM);
        waitpid(n->child, NULL, 0);
    }
    fr_buf_fini(&n->line);
    free(n);
}

const fr_gauge_source fr_gauges_of_neuron = { neuron_open, neuron_read, neuron_close };
