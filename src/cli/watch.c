#include "cli/watch.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli_priv.h"

#define SAMPLE_S     1.0
#define CLOCK_STEP_S 1.0

struct fr_watch {
    fr_run *run;
    fr_gauges *gauges;
    fr_board *board;
    fr_embodied embodied;
    fr_reading last, now, window, sample;
    fr_gauge found[FR_GAUGES_MOST];
    double cpu_s;          /* of this process, at the last step */
    int64_t clock_base_ns; /* wall clock less monotonic clock */
    fr_watch_more more;
    void *user;
    sigset_t outside; /* the signal mask while waiting */
};

/* Signals come while we wait and at no other time, so none is missed between a look and a sleep;
 * threads that are started from here on get none. */
static void hold_signals(fr_watch *w)
{
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &held, &w->outside);
}

static int64_t clock_base_ns(void)
{
    return fr_now_unix_ns() - fr_now_monotonic_ns();
}

int fr_watch_open(const fr_watch_options *options, fr_watch **out, fr_err *err)
{
    fr_watch *w = FR_NEW(fr_watch);
    *out = NULL;
    hold_signals(w);
    fr_run_options run = options->run;
    run.meter.no_thread = true;
    int rc = fr_run_begin(&run, &w->run, err);
    if (rc == 0) {
        fr_gauges_options gauges = options->gauges;
        gauges.sysfs = run.meter.sysfs;
        gauges.procfs = run.meter.procfs;
        gauges.nvml = run.meter.nvml;
        rc = fr_gauges_open(&gauges, &w->gauges, err);
    }
    if (rc == 0)
        rc = fr_run_read(w->run, &w->last, err);
    w->board = fr_board_new();
    w->embodied = fr_embodied_of_this_host();
    w->clock_base_ns = clock_base_ns();
    if (rc != 0) {
        fr_watch_close(w, "failed", NULL, NULL);
        return rc;
    }
    *out = w;
    return 0;
}

int fr_watch_wait(fr_watch *w, double seconds, int fd, bool *woken, fr_err *err)
{
    int64_t until_ns = fr_now_monotonic_ns() + (int64_t)(seconds * 1e9);
    int64_t sample_ns = fr_now_monotonic_ns() + (int64_t)(SAMPLE_S * 1e9);
    *woken = false;
    for (;;) {
        int64_t now_ns = fr_now_monotonic_ns();
        *woken = *woken || fr_signals_caught();
        if (*woken || now_ns >= until_ns)
            return 0;
        if (now_ns >= sample_ns) {
            FR_TRY(fr_meter_read(fr_run_meter(w->run), &w->sample, err));
            sample_ns = now_ns + (int64_t)(SAMPLE_S * 1e9);
        }
        int64_t left_ns = FR_MIN(until_ns, sample_ns) - now_ns;
        struct timespec left = { left_ns / 1000000000, left_ns % 1000000000 };
        struct pollfd input = { .fd = fd, .events = POLLIN };
        int n = ppoll(&input, fd >= 0 ? 1 : 0, &left, &w->outside);
        *woken = n > 0 || (n < 0 && errno == EINTR);
    }
}

static double resident_bytes(void)
{
    double pages = NAN;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL || fscanf(statm, "%*s %lf", &pages) != 1)
        pages = NAN;
    if (statm != NULL)
        fclose(statm);
    return pages * (double)sysconf(_SC_PAGESIZE);
}

static void put_ourselves(fr_watch *w)
{
    double cpu_s = fr_cpu_self_s();
    fr_board_add(w->board, "frugal_monitor_cpu_seconds_total", cpu_s - w->cpu_s, NULL, 0);
    w->cpu_s = cpu_s;
    fr_board_set(w->board, "frugal_monitor_resident_bytes", resident_bytes(), NULL, 0);
}

/* Somebody set the wall clock: a figure of its own, since rates over that moment mislead. */
static void put_clock(fr_watch *w)
{
    int64_t base_ns = clock_base_ns();
    double step_s = (double)(base_ns - w->clock_base_ns) * 1e-9;
    fr_board_add(w->board, "frugal_clock_steps_total", fabs(step_s) > CLOCK_STEP_S ? 1 : 0, NULL,
                 0);
    if (fabs(step_s) > CLOCK_STEP_S)
        fr_log(FR_LOG_WARN, "the clock was set by %+.1f s", step_s);
    w->clock_base_ns = base_ns; /* a slow drift is no step */
}

int fr_watch_step(fr_watch *w, fr_err *err)
{
    FR_TRY(fr_run_read(w->run, &w->now, err));
    fr_reading_between(&w->last, &w->now, &w->window);
    w->last = w->now;
    fr_board_begin(w->board, fr_now_unix_ns(), w->window.duration_s);
    fr_board_put_reading(w->board, &w->window, fr_run_place(w->run),
                         fr_embodied_g(&w->embodied, w->window.duration_s));
    fr_board_put_gauges(w->board, w->found, fr_gauges_read(w->gauges, w->found, FR_GAUGES_MOST));
    if (w->more != NULL)
        w->more(w->user, w->board, &w->window);
    put_ourselves(w);
    put_clock(w);
    fr_board_end(w->board);
    return 0;
}

fr_board *fr_watch_board(fr_watch *w)
{
    return w->board;
}

fr_run *fr_watch_run(fr_watch *w)
{
    return w->run;
}

const fr_reading *fr_watch_window(const fr_watch *w)
{
    return &w->window;
}

const fr_reading *fr_watch_total(const fr_watch *w)
{
    return &w->last;
}

void fr_watch_also(fr_watch *w, fr_watch_more more, void *user)
{
    w->more = more;
    w->user = user;
}

int fr_watch_close(fr_watch *w, const char *status, fr_used *used, fr_err *err)
{
    if (w == NULL)
        return 0;
    int rc = fr_run_end(w->run, status, 0, used, NULL, err);
    fr_gauges_close(w->gauges);
    fr_board_free(w->board);
    pthread_sigmask(SIG_SETMASK, &w->outside, NULL);
    free(w);
    return rc;
}
