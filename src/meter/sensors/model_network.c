/*
 * "network 1": bytes over the machine's adapters (/proc/net/dev), at so many joules a byte: the
 * switches and links between machines, which this machine's other lines do not hold. Bridges, bonds
 * and pairs (docker0, veth…) tell the same bytes again, or bytes that never leave: only what has a
 * device below class/net of sysfs counts, and all but lo where nothing has one, as in a container.
 * The adapter's own draw is in the board's. Nothing at rest. Whose bytes they are nobody tells: by
 * CPU time, and from none to all as the range.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "meter/meter_priv.h"
#include "tables/tables.h"

#define TEXT_BYTES   16384 /* of some hundred interfaces */
#define LOOK_EVERY_S 10.0  /* these counts lose nothing by waiting */
#define ADAPTERS     64
#define REFERENCE_GB 100.0 /* a second: what the curve calls full */
#define J_PER_KWH    3.6e6

typedef struct {
    fr_sysfile dev; /* net/dev */
    char text[TEXT_BYTES];
    char adapters[ADAPTERS][16]; /* as the kernel limits names */
    size_t n_adapters;           /* 0: all but lo */
    double bytes;
    double since_s, tree_s, busy_s; /* since the last look */
} network;

static void find_adapters(network *net, const char *sysfs)
{
    char root[320], device[400];
    char **names = NULL;
    size_t n = 0;
    snprintf(root, sizeof root, "%.256s/class/net", sysfs);
    if (fr_dir_list(root, &names, &n, NULL) != 0)
        return;
    for (size_t i = 0; i < n && net->n_adapters < ADAPTERS; i++) {
        snprintf(device, sizeof device, "%s/%.15s/device", root, names[i]);
        if (fr_dir_exists(device))
            snprintf(net->adapters[net->n_adapters++], sizeof net->adapters[0], "%.15s", names[i]);
    }
    fr_names_free(names, n);
}

static bool is_counted(const network *net, fr_str name)
{
    for (size_t i = 0; i < net->n_adapters; i++) {
        if (fr_str_is(name, net->adapters[i]))
            return true;
    }
    return net->n_adapters == 0 && !fr_str_is(name, "lo");
}

/* Received and sent so far; false: cannot be read. */
static bool read_bytes(network *net, double *bytes)
{
    bool any = false;
    *bytes = 0;
    long n = fr_sysfile_block(&net->dev, net->text, sizeof net->text);
    if (n <= 0)
        return false;
    fr_str rest = { net->text, (size_t)n }, line, name;
    while (fr_str_next(&rest, '\n', &line)) {
        char numbers[256];
        unsigned long long received, sent;
        if (!fr_str_next(&line, ':', &name))
            continue;
        snprintf(numbers, sizeof numbers, "%.*s", (int)FR_MIN(line.n, sizeof numbers - 1), line.at);
        if (sscanf(numbers, "%llu %*u %*u %*u %*u %*u %*u %*u %llu", &received, &sent) != 2)
            continue;
        any = true;
        if (is_counted(net, fr_str_trim(name)))
            *bytes += (double)received + (double)sent;
    }
    return any;
}

static void begin(network *n, const fr_bench *bench)
{
    n->dev = (fr_sysfile){ .fd = -1, .is_moved = bench->is_moved };
    snprintf(n->dev.path, sizeof n->dev.path, "%.256s/net/dev", bench->procfs);
    find_adapters(n, bench->sysfs);
}

static void network_close(void *state)
{
    network *n = state;
    fr_sysfile_close(&n->dev);
    free(n);
}

static void network_open(fr_bench *bench, void **state)
{
    static const double AT[FR_CURVE_POINTS] = { 0, 0.1, 0.5, 1 };
    network *n = FR_NEW(network);
    *state = NULL;
    begin(n, bench);
    fr_channel *c =
        read_bytes(n, &n->bytes) ? fr_bench_add(bench, FR_DEVICE_NETWORK, "network") : NULL;
    if (c == NULL) {
        network_close(n);
        return;
    }
    fr_constant kwh_per_gb = fr_constant_of("network_kwh_per_gb");
    for (size_t i = 0; i < FR_CURVE_POINTS; i++)
        c->curve.at_w[i] =
            fr_range_scale((fr_range){ kwh_per_gb.low, kwh_per_gb.mid, kwh_per_gb.high },
                           J_PER_KWH * REFERENCE_GB * AT[i]);
    c->source = fr_source_f("model network 1 (%g kWh/GB)", kwh_per_gb.mid);
    *state = n;
}

static void network_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    network *n = state;
    double now, before = n->bytes;
    n->since_s += window->dt_s;
    n->tree_s += window->tree_s;
    n->busy_s += window->busy_s;
    deltas[0] = (fr_delta){ .has_share = true, .capacity_s = n->since_s };
    if (!window->is_border && n->since_s < LOOK_EVERY_S)
        return;
    double mid = window->is_whole ? 1 : n->busy_s > 0 ? FR_MIN(n->tree_s / n->busy_s, 1) : 0;
    if (read_bytes(n, &now))
        n->bytes = now;
    deltas[0].ok = true;
    deltas[0].share = (fr_range){ window->is_whole ? 1 : 0, mid, 1 };
    double gb = FR_MAX(n->bytes - before, 0) * 1e-9; /* an interface that went takes its count */
    deltas[0].busy_s = FR_MIN(gb / REFERENCE_GB, n->since_s);
    n->since_s = n->tree_s = n->busy_s = 0;
}

static void network_survey(fr_bench *bench, fr_sensor_state *out)
{
    double bytes;
    network *n = FR_NEW(network);
    begin(n, bench);
    out->usable = read_bytes(n, &bytes);
    network_close(n);
    snprintf(out->found, sizeof out->found, "%g kWh/GB between machines",
             fr_constant_of("network_kwh_per_gb").mid);
}

const fr_sensor fr_sensor_model_network = { .name = "model network",
                                            .open = network_open,
                                            .sample = network_sample,
                                            .close = network_close,
                                            .survey = network_survey,
                                            .has_no_moment = true };
