#include "meter/calibrate.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "meter/meter_priv.h"
#include "tables/tables.h"

#define SLOT_NS      20000000 /* a thread works a part of each slot and sleeps the rest */
#define MOST_W       50000.0
#define LEAST_W      0.1
#define FILE_MOST    ((size_t)1 << 20)
#define THREADS_MOST 1024
#define HEADER       "name,low,mid,high,unit,year,source"

const double FR_CALIBRATION_AT[FR_CALIBRATION_STEPS] = { 0, 0.1, 0.5, 1 };

static const char *const NAMES[FR_CALIBRATION_STEPS] = { "cpu_curve_0_ratio", "cpu_curve_10_ratio",
                                                         "cpu_curve_50_ratio",
                                                         "cpu_curve_100_ratio" };

int fr_calibration_check(const fr_calibration *c, fr_err *err)
{
    for (size_t i = 0; i < FR_CALIBRATION_STEPS; i++) {
        int percent = (int)(FR_CALIBRATION_AT[i] * 100);
        if (!(c->at_w[i] >= LEAST_W && c->at_w[i] <= MOST_W))
            return fr_fail(err, FR_E_FORMAT, "Watts are plain numbers, as 12.5.",
                           "%g W at %d%% is no draw of a machine", c->at_w[i], percent);
        if (i > 0 && c->at_w[i] < c->at_w[i - 1])
            return fr_fail(
                err, FR_E_FORMAT, "Measure again with nothing else running, a minute a step.",
                "the curve falls: %g W at %d%% after %g W", c->at_w[i], percent, c->at_w[i - 1]);
    }
    return 0;
}

/* ---- a step ---- */

typedef struct {
    atomic_bool stop;
    double busy_ratio;
} work;

static void *spin(void *user)
{
    work *w = user;
    double x = 1;
    while (!atomic_load(&w->stop)) {
        int64_t from_ns = fr_now_monotonic_ns(),
                until_ns = from_ns + (int64_t)(SLOT_NS * w->busy_ratio);
        while (fr_now_monotonic_ns() < until_ns) {
            for (int i = 0; i < 1000; i++)
                x = x * 1.0000001 + 1e-9;
            if (x > 1e6)
                x = 1;
        }
        if (w->busy_ratio < 1)
            fr_sleep_ns(from_ns + SLOT_NS - fr_now_monotonic_ns());
    }
    return NULL;
}

static double watts_of(const fr_reading *window)
{
    double joules = 0;
    bool any = false;
    for (size_t i = 0; i < window->n_devices; i++) {
        const fr_device_reading *d = &window->devices[i];
        if (d->kind != FR_DEVICE_CPU)
            continue;
        if (d->method != FR_METHOD_MEASURED)
            return NAN;
        joules += d->machine_j;
        any = true;
    }
    return any && window->duration_s > 0 ? joules / window->duration_s : NAN;
}

static double wall_of(const fr_reading *window)
{
    for (size_t i = 0; i < window->n_wholes; i++) {
        const fr_whole_reading *w = &window->wholes[i];
        if (strcmp(w->name, "wall") == 0 && w->metered_s > window->duration_s / 2)
            return w->energy_j / w->metered_s;
    }
    return NAN;
}

static int wait_for(double seconds, const fr_progress *progress, fr_err *err)
{
    int64_t until_ns = fr_now_monotonic_ns() + (int64_t)(seconds * 1e9);
    while (fr_now_monotonic_ns() < until_ns) {
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped; nothing was written");
        fr_sleep_ns(FR_MIN(until_ns - fr_now_monotonic_ns() + 1, (int64_t)50000000));
    }
    return 0;
}

int fr_calibration_step(const fr_meter_options *options, double busy_ratio, double seconds,
                        const fr_progress *progress, double *cpu_w, double *wall_w,
                        double *utilization_ratio, fr_err *err)
{
    fr_host host;
    fr_meter *m = NULL;
    pthread_t threads[THREADS_MOST];
    work w = { .busy_ratio = busy_ratio };
    fr_reading *at = FR_NEW_N(fr_reading, 3);
    fr_host_read(options->procfs, options->sysfs, &host);
    int n = 0, most = FR_MIN(host.n_threads, THREADS_MOST);
    int rc = fr_meter_open(options, &m, err);
    while (rc == 0 && busy_ratio > 0 && n < most &&
           pthread_create(&threads[n], NULL, spin, &w) == 0)
        n++;
    if (rc == 0)
        rc = wait_for(FR_MIN(seconds / 4, 5.0), progress, err); /* clocks and fans settle */
    if (rc == 0)
        rc = fr_meter_read(m, &at[0], err);
    if (rc == 0)
        rc = wait_for(seconds, progress, err);
    if (rc == 0)
        rc = fr_meter_read(m, &at[1], err);
    atomic_store(&w.stop, true);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    if (rc == 0) {
        fr_reading_between(&at[0], &at[1], &at[2]);
        *cpu_w = watts_of(&at[2]);
        *wall_w = wall_of(&at[2]);
        *utilization_ratio = at[2].machine_cpu_s / (at[2].duration_s * host.n_threads);
    }
    fr_meter_close(m);
    free(at);
    return rc;
}

/* ---- what is written ---- */

/* The processors' part of what the wall says: less the supply's loss, board and memory. */
static void without_the_rest(const fr_host *host, double at_w[FR_CALIBRATION_STEPS])
{
    const char *source;
    fr_curve dram;
    double board_w = fr_constant_of(host->is_client ? "board_client_w" : "board_server_w").mid;
    double efficiency = fr_constant_of("psu_efficiency_ratio").mid;
    fr_model_dram_curve(host, 1, &dram, &source);
    for (size_t i = 0; i < FR_CALIBRATION_STEPS; i++)
        at_w[i] = at_w[i] * efficiency - board_w - dram.at_w[i].mid;
    /* A machine whose board draws less than the model's: what is known is how the draw grows. */
    double low_w = fmin(at_w[0], 0.1 * (at_w[FR_CALIBRATION_STEPS - 1] - at_w[0]));
    double up_w = at_w[0] < LEAST_W ? fmax(low_w, LEAST_W) - at_w[0] : 0;
    for (size_t i = 0; i < FR_CALIBRATION_STEPS; i++)
        at_w[i] += up_w;
}

static int keep_others(const char *path, fr_buf *out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = FILE_MOST };
    fr_buf_put_s(out, HEADER "\n");
    if (!fr_file_exists(path))
        return 0;
    FR_TRY(fr_file_read(path, FILE_MOST - 1, &text, err));
    fr_str rest = fr_buf_str(&text), line;
    bool is_first = true;
    while (fr_str_next(&rest, '\n', &line)) {
        line = fr_str_trim(line);
        if (is_first && !fr_str_is(line, HEADER))
            return fr_fail(err, FR_E_FORMAT, "Let its first line be " HEADER ", or move it away.",
                           "'%s' has its columns in an order of its own", path);
        bool ours = is_first || line.n == 0;
        is_first = false;
        for (size_t i = 0; i < FR_CALIBRATION_STEPS; i++)
            ours |= fr_str_starts(line, fr_str_of(NAMES[i])) && line.at[strlen(NAMES[i])] == ',';
        if (!ours)
            fr_buf_put_f(out, "%.*s\n", FR_STR_F(line));
    }
    return 0;
}

int fr_calibration_write(const fr_meter_options *options, const fr_calibration *c, const char *path,
                         fr_err *err)
{
    fr_host host;
    fr_curve now;
    fr_calibration fitted = *c;
    const char *source;
    char machine[64] = "this machine", day[FR_TIME_TEXT];
    FR_TRY(fr_calibration_check(c, err));
    fr_host_read(options->procfs, options->sysfs, &host);
    if (c->is_wall)
        without_the_rest(&host, fitted.at_w);
    gethostname(machine, sizeof machine - 1);
    for (char *at = machine; *at != '\0'; at++) {
        if (*at == ',' || *at == '"' || (unsigned char)*at < ' ')
            *at = '_';
    }
    fr_time_text(fr_now_unix_ns(), day);
    fr_model_cpu_curve(&host, 1, &now, &source);
    double error = fr_constant_of("calibration_error_ratio").high;
    FR_AUTO(fr_buf) text = { 0 };
    FR_TRY(keep_others(path, &text, err));
    /* The table's figures are shares of the design power, whose range they must undo. */
    for (size_t i = 0; i < FR_CALIBRATION_STEPS; i++) {
        fr_constant f = fr_constant_of(NAMES[i]);
        double w = fitted.at_w[i];
        fr_buf_put_f(&text, "%s,%.9g,%.9g,%.9g,of TDP,%.4s,calibrated %.10s on %s%s\n", NAMES[i],
                     f.low * w * (1 - error) / now.at_w[i].low, f.mid * w / now.at_w[i].mid,
                     f.high * w * (1 + error) / now.at_w[i].high, day, day, machine,
                     c->is_wall ? " by the wall" : "");
    }
    char *folder = fr_path_dir(path);
    int rc = fr_dir_make(folder, err);
    free(folder);
    return rc != 0 ? rc : fr_file_write(path, fr_buf_str(&text), err);
}
