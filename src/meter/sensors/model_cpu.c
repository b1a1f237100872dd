/*
 * "cpu-curve 1": watts of a processor from its thermal design power and how busy it is.
 *
 *     P(u) = TDP x f(u), straight lines through f(0), f(0.1), f(0.5), f(1)
 *
 * f is the constants' cpu_curve rows. TDP is the processor's row in the cpus table; a name that is
 * not there (clouds hide it) goes by family and model to watts per thread, and at last to a named
 * default. In a virtual machine one thread of ours is one thread of the host's processor. What a
 * process is charged above rest is (P(u) - P(0)) x its CPU time / everybody's, so machine and
 * process views conserve.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "meter/meter_priv.h"
#include "tables/tables.h"

/* "Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz" and "AMD EPYC 7R13 48-Core Processor", less what
 * makers add for beauty. */
static void plain_name(const char *name, char *out, size_t size)
{
    static const char *const NOISE[] = { "(R)", "(TM)", "(r)", "(tm)", "CPU" };
    size_t n = 0;
    while (*name != '\0' && n + 1 < size) {
        size_t skip = 0;
        for (size_t i = 0; i < FR_COUNT_OF(NOISE); i++) {
            if (strncmp(name, NOISE[i], strlen(NOISE[i])) == 0)
                skip = strlen(NOISE[i]);
        }
        if (skip != 0) {
            name += skip;
            continue;
        }
        if (*name == '@')
            break;
        if (*name != ' ' || (n > 0 && out[n - 1] != ' '))
            out[n++] = *name;
        name++;
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    char *tail = strstr(out, "-Core Processor"); /* "EPYC 7R13 48-Core Processor" */
    while (tail != NULL && tail > out && tail[-1] != ' ')
        tail--;
    if (tail != NULL && tail > out)
        tail[-1] = '\0';
    tail = strstr(out, " Processor");
    if (tail != NULL && tail[10] == '\0')
        *tail = '\0';
    static const char *const TAILS[] = { " with Radeon", " w/ Radeon" };
    for (size_t i = 0; i < FR_COUNT_OF(TAILS); i++) {
        tail = strstr(out, TAILS[i]);
        if (tail != NULL)
            *tail = '\0';
    }
    char *after = strstr(out, " Gen "); /* "13th Gen Intel Core i7-13700K" */
    if (after != NULL && isdigit((unsigned char)out[0]))
        memmove(out, after + 5, strlen(after + 5) + 1);
}

static bool find_row(const fr_host *host, size_t *row)
{
    const fr_table *cpus = fr_table_find("cpus");
    char name[128];
    plain_name(host->model_name, name, sizeof name);
    double tdp;
    return name[0] != '\0' && fr_table_lookup(cpus, "model", name, row) &&
           fr_table_f64(cpus, *row, fr_table_column(cpus, "tdp_w"), &tdp) && tdp > 0;
}

static double threads_of_row(const fr_table *cpus, size_t row, const fr_host *host)
{
    double threads, cores;
    if (fr_table_f64(cpus, row, fr_table_column(cpus, "threads"), &threads) && threads > 0)
        return threads;
    if (fr_table_f64(cpus, row, fr_table_column(cpus, "cores"), &cores) && cores > 0)
        return host->is_virtual ? cores * 2 : (double)host->n_threads / host->n_sockets;
    return (double)host->n_threads / host->n_sockets;
}

static double number(const fr_table *t, size_t row, const char *column)
{
    double value;
    return fr_table_f64(t, row, fr_table_column(t, column), &value) ? value : 0;
}

static size_t find_family(const fr_table *t, const fr_host *host)
{
    size_t n = fr_table_n_rows(t), otherwise = n - 1;
    for (size_t r = 0; r < n; r++) {
        const char *vendor = fr_table_text(t, r, fr_table_column(t, "vendor"));
        const char *kind = fr_table_text(t, r, fr_table_column(t, "kind"));
        if (strcmp(vendor, host->vendor) == 0 && host->vendor[0] != '\0' &&
            number(t, r, "family") == host->family && number(t, r, "model_low") <= host->model &&
            host->model <= number(t, r, "model_high"))
            return r;
        if (strcmp(vendor, "any") == 0 && strcmp(kind, host->is_client ? "client" : "server") == 0)
            otherwise = r;
    }
    return otherwise;
}

static fr_range tdp_of_host(const fr_host *host, const char **source)
{
    size_t row;
    if (find_row(host, &row)) {
        const fr_table *cpus = fr_table_find("cpus");
        const char *model = fr_table_text(cpus, row, fr_table_column(cpus, "model"));
        double tdp_w = number(cpus, row, "tdp_w");
        double sockets =
            host->is_virtual ? host->n_threads / threads_of_row(cpus, row, host) : host->n_sockets;
        *source =
            host->is_virtual
                ? fr_source_f("model cpu-curve 1 (%s, %g W, %d threads of %g)", model, tdp_w,
                              host->n_threads, threads_of_row(cpus, row, host))
                : fr_source_f("model cpu-curve 1 (%d x %s, %g W)", host->n_sockets, model, tdp_w);
        return (fr_range){ tdp_w * sockets, tdp_w * sockets, tdp_w * sockets };
    }
    const fr_table *families = fr_table_find("cpu_families");
    row = find_family(families, host);
    fr_range per_thread = { number(families, row, "w_per_thread_low"),
                            number(families, row, "w_per_thread_mid"),
                            number(families, row, "w_per_thread_high") };
    *source = fr_source_f("model cpu-curve 1 (%s, %g W per thread, %d threads)",
                          fr_table_text(families, row, fr_table_column(families, "name")),
                          per_thread.mid, host->n_threads);
    return fr_range_scale(per_thread, host->n_threads);
}

void fr_model_cpu_curve(const fr_host *host, double ratio, fr_curve *out, const char **source)
{
    static const char *const POINTS[FR_CURVE_POINTS] = { "cpu_curve_0_ratio", "cpu_curve_10_ratio",
                                                         "cpu_curve_50_ratio",
                                                         "cpu_curve_100_ratio" };
    fr_range tdp_w = tdp_of_host(host, source);
    for (size_t i = 0; i < FR_CURVE_POINTS; i++) {
        fr_constant f = fr_constant_of(POINTS[i]);
        out->at_w[i] = (fr_range){ tdp_w.low * f.low * ratio, tdp_w.mid * f.mid * ratio,
                                   tdp_w.high * f.high * ratio };
        if (i == 0 && strncmp(f.source, "calibrated ", 11) == 0)
            *source = fr_source_f("%.150s, %.80s", *source, f.source);
    }
}

/* For the packages that no counter covers. */
static void model_open(fr_bench *bench, void **state)
{
    int seen = bench->packages_seen, counted = bench->packages_counted;
    *state = NULL;
    if (seen > 0 && counted >= seen)
        return;
    if (bench->uncounted[0] != '\0')
        fr_bench_note(bench, "%s", bench->uncounted);
    fr_channel *c =
        fr_bench_add(bench, FR_DEVICE_CPU, counted > 0 ? "cpu (other packages)" : "cpu");
    if (c == NULL)
        return;
    fr_model_cpu_curve(bench->host, seen > 0 ? (double)(seen - counted) / seen : 1, &c->curve,
                       &c->source);
    *state = c;
}

static void model_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    (void)state;
    (void)window;
    deltas[0].ok = true; /* integrate.c goes by the curve */
}

static void model_close(void *state)
{
    (void)state; /* the channel is the meter's */
}

static void model_survey(fr_bench *bench, fr_sensor_state *out)
{
    fr_curve curve;
    const char *source;
    fr_model_cpu_curve(bench->host, 1, &curve, &source);
    out->usable = true;
    snprintf(out->found, sizeof out->found, "%.100s: %.3g to %.3g W", source, curve.at_w[0].mid,
             curve.at_w[FR_CURVE_POINTS - 1].mid);
}

const fr_sensor fr_sensor_model_cpu = { .name = "model cpu",
                                        .open = model_open,
                                        .sample = model_sample,
                                        .close = model_close,
                                        .survey = model_survey,
                                        .has_no_moment = true };
