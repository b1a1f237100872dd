/* frugal monitor: tells a machine's energy and use to whoever collects such series, for months. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "cli/watch.h"
#include "report/sink.h"

#define LISTEN_BY_DEFAULT "127.0.0.1:9184"
#define INTERVAL_S        10.0
#define INTERVAL_LEAST_S  0.1
#define ONCE_S            1.0
#define LAST_SEND_S       3.0
#define SINKS_MOST        16

static const fr_option OPTIONS[] = {
    { "listen", 'l', FR_OPTION_TEXT, "ADDRESS",
      "page for Prometheus there (default " LISTEN_BY_DEFAULT " when nothing else is asked for)" },
    { "otlp", 0, FR_OPTION_TEXT, "URL", "send to this OpenTelemetry collector (OTLP/HTTP)" },
    { "cloudwatch", 0, FR_OPTION_TEXT, "HOW",
      "emf: embedded metric format on stdout; emf:FILE; put: PutMetricData, keys of the "
      "environment" },
    { "namespace", 0, FR_OPTION_TEXT, "NAME", "of the metrics in CloudWatch (default frugal)" },
    { "file", 'f', FR_OPTION_TEXT, "FILE", "add a line of JSON each interval; -: stdout" },
    { "keep-mb", 0, FR_OPTION_F64, "N", "of FILE and FILE.1 together (default 64)" },
    { "interval", 'i', FR_OPTION_F64, "SECONDS", "between two tellings (default 10)" },
    { "for", 0, FR_OPTION_F64, "SECONDS", "end by itself after so long" },
    { "once", 0, FR_OPTION_FLAG, NULL, "look for a second (or --interval), print it, end" },
    { "neuron", 0, FR_OPTION_TEXT, "FILE", "neuron-monitor's lines (else it is started)" },
    FR_OPTIONS_PLACE,
    { "sysfs", 0, FR_OPTION_TEXT, "DIR", "read sensors there instead of /sys (recorded trees)" },
    { "procfs", 0, FR_OPTION_TEXT, "DIR", "and the machine there instead of /proc" },
    { "nvml", 0, FR_OPTION_TEXT, "FILE", "NVIDIA management library to load; none: do not look" },
    FR_OPTIONS_END,
};

typedef struct {
    fr_watch_options watch;
    double interval_s, for_s;
    bool once;
    fr_watch *running;
    fr_sink *sinks[SINKS_MOST];
    size_t n_sinks;
} monitor;

/* ---- what is asked for ---- */

static int positive(const fr_cli *cli, const char *name, double otherwise, double least,
                    double *out, fr_err *err)
{
    *out = fr_arg_f64(cli, name, otherwise);
    if (*out >= least && isfinite(*out))
        return 0;
    return fr_fail(err, FR_E_USAGE, NULL, "--%s takes a number of at least %g, not %g", name, least,
                   *out);
}

static int read_plan(fr_cli *cli, monitor *m, fr_err *err)
{
    m->once = fr_arg_flag(cli, "once");
    double every_s = m->once ? ONCE_S : INTERVAL_S;
    FR_TRY(positive(cli, "interval", every_s, INTERVAL_LEAST_S, &m->interval_s, err));
    m->for_s = INFINITY;
    if (fr_arg_given(cli, "for"))
        FR_TRY(positive(cli, "for", 0, INTERVAL_LEAST_S, &m->for_s, err));
    size_t n_rest;
    char **rest = fr_arg_rest(cli, &n_rest);
    if (n_rest > 0)
        return fr_fail(err, FR_E_USAGE, "`frugal monitor --help` shows how.",
                       "'%s' is not something monitor does", rest[0]);
    m->watch.run = (fr_run_options){ .kind = "monitor",
                                     .argv = fr_cli_argv(cli),
                                     .place = fr_cli_place(cli),
                                     .ledger = m->once ? "" : fr_cli_ledger(cli),
                                     .meter = { .sysfs = fr_arg_text(cli, "sysfs", NULL),
                                                .procfs = fr_arg_text(cli, "procfs", NULL),
                                                .nvml = fr_arg_text(cli, "nvml", NULL) } };
    fr_meter_options *meter = &m->watch.run.meter;
    if (meter->nvml != NULL && strcmp(meter->nvml, "none") == 0)
        meter->nvml = "";
    m->watch.gauges.neuron = fr_arg_text(cli, "neuron", meter->sysfs != NULL ? "" : NULL);
    const char *roots[] = { meter->sysfs, meter->procfs };
    for (size_t i = 0; i < FR_COUNT_OF(roots); i++) {
        if (roots[i] != NULL && !fr_dir_exists(roots[i]))
            return fr_fail(err, FR_E_NOT_FOUND, NULL, "no folder '%s'", roots[i]);
    }
    const char *neuron = fr_arg_text(cli, "neuron", NULL);
    if (neuron != NULL && neuron[0] != '\0' && !fr_file_exists(neuron))
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "no file '%s'", neuron);
    return 0;
}

static int add_sink(fr_cli *cli, monitor *m, const char *kind, const char *where, fr_err *err)
{
    fr_sink_options options = { .board = fr_watch_board(m->running),
                                .name_space = fr_arg_text(cli, "namespace", NULL) };
    double keep_mb = 64;
    FR_TRY(positive(cli, "keep-mb", 64, 0.001, &keep_mb, err));
    options.keep_bytes = (size_t)(keep_mb * 1e6);
    FR_TRY(fr_sink_open(kind, where, &options, &m->sinks[m->n_sinks], err));
    m->n_sinks++;
    return 0;
}

static int add_cloudwatch(fr_cli *cli, monitor *m, const char *how, fr_err *err)
{
    if (strcmp(how, "put") == 0)
        return add_sink(cli, m, "cloudwatch", "", err);
    if (strcmp(how, "emf") == 0)
        return add_sink(cli, m, "emf", "-", err);
    if (strncmp(how, "emf:", 4) == 0 && how[4] != '\0')
        return add_sink(cli, m, "emf", how + 4, err);
    return fr_fail(err, FR_E_USAGE, "As --cloudwatch put, --cloudwatch emf or emf:FILE.",
                   "--cloudwatch does not know '%s'", how);
}

static int open_sinks(fr_cli *cli, monitor *m, fr_err *err)
{
    const char *listen = fr_arg_text(cli, "listen", NULL), *otlp = fr_arg_text(cli, "otlp", NULL);
    const char *how = fr_arg_text(cli, "cloudwatch", NULL), *file = fr_arg_text(cli, "file", NULL);
    if (listen == NULL && otlp == NULL && how == NULL && file == NULL)
        listen = LISTEN_BY_DEFAULT;
    if (listen != NULL)
        FR_TRY(add_sink(cli, m, "prometheus", listen, err));
    if (otlp != NULL)
        FR_TRY(add_sink(cli, m, "otlp", otlp, err));
    if (how != NULL)
        FR_TRY(add_cloudwatch(cli, m, how, err));
    if (file != NULL)
        FR_TRY(add_sink(cli, m, "file", file, err));
    for (size_t i = 0; i < m->n_sinks; i++)
        fr_cli_tell(cli, "%s: %s every %g s", fr_sink_kind(m->sinks[i]), fr_sink_where(m->sinks[i]),
                    m->interval_s);
    return 0;
}

/* ---- once ---- */

static void print_board(const fr_board *board)
{
    size_t n;
    const fr_point *points = fr_board_points(board, &n);
    for (size_t i = 0; i < n; i++) {
        const fr_point *p = &points[i];
        const char *unit = fr_series_ucum(p->series);
        printf("%-38s %14.6g %-4s", p->series->name, p->value, strcmp(unit, "1") == 0 ? "" : unit);
        for (size_t k = 0; k < p->n_labels; k++)
            printf(" %s=%s", p->labels[k].key, p->labels[k].value);
        putchar('\n');
    }
}

static int put_once(fr_cli *cli, monitor *m, fr_err *err)
{
    const fr_board *board = fr_watch_board(m->running);
    if (!fr_cli_json(cli)) {
        print_board(board);
        return 0;
    }
    FR_AUTO(fr_buf) line = { 0 };
    fr_board_put_line(board, "localhost", &line);
    json_t *whole = json_loads(fr_buf_text(&line), 0, NULL);
    json_object_del(whole, "host");
    return fr_cli_put_json(cli, whole) == 0 ? 0 : fr_fail(err, FR_E_IO, NULL, "stdout is closed");
}

/* ---- again and again ---- */

static void put_sinks(void *user, fr_board *board, const fr_reading *window)
{
    monitor *m = user;
    (void)window;
    for (size_t i = 0; i < m->n_sinks; i++) {
        fr_sink_stats now;
        fr_sink_look(m->sinks[i], &now);
        const char *kind = fr_sink_kind(m->sinks[i]);
        if (strcmp(kind, "prometheus") == 0)
            continue; /* nothing is sent there: others come */
        fr_board_set(board, "frugal_sink_waiting", (double)now.waiting,
                     FR_LABELS({ "sink", kind }));
        const struct {
            const char *name;
            double value;
        } counts[] = { { "frugal_sink_sent_total", (double)now.sent },
                       { "frugal_sink_dropped_total", (double)now.dropped } };
        for (size_t k = 0; k < FR_COUNT_OF(counts); k++) {
            double before = fr_board_value(board, counts[k].name, "sink", kind);
            fr_board_add(board, counts[k].name, counts[k].value - (isnan(before) ? 0 : before),
                         FR_LABELS({ "sink", kind }));
        }
    }
}

static int watch(monitor *m, fr_err *err)
{
    double passed_s = 0;
    bool woken = false;
    fr_watch_also(m->running, put_sinks, m);
    for (;;) {
        double span_s = fmin(m->interval_s, m->for_s - passed_s);
        FR_TRY(fr_watch_wait(m->running, span_s, -1, &woken, err));
        FR_TRY(fr_watch_step(m->running, err));
        for (size_t i = 0; i < m->n_sinks; i++)
            fr_sink_put(m->sinks[i]);
        passed_s += fr_watch_window(m->running)->duration_s;
        bool over = passed_s >= m->for_s - 1e-3;
        if (over || fr_signals_caught())
            return 0;
    }
}

/* A sink that took nothing at all in all that time was no sink. */
static int close_sinks(fr_cli *cli, monitor *m, fr_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < m->n_sinks; i++) {
        fr_sink_stats end;
        char kind[16], where[128];
        snprintf(kind, sizeof kind, "%s", fr_sink_kind(m->sinks[i]));
        snprintf(where, sizeof where, "%s", fr_sink_where(m->sinks[i]));
        fr_sink_close(m->sinks[i], LAST_SEND_S, &end);
        if (end.sent + end.dropped > 0)
            fr_cli_tell(cli, "%s: %llu batches sent, %llu dropped", kind,
                        (unsigned long long)end.sent, (unsigned long long)end.dropped);
        if (end.sent == 0 && end.dropped > 0 && rc == 0)
            rc = fr_fail(err, FR_E_IO, "Is it there, and do address and keys fit?",
                         "%s %s took none of %llu batches", kind, where,
                         (unsigned long long)end.dropped);
    }
    m->n_sinks = 0;
    return rc;
}

static void tell_end(fr_cli *cli, const fr_reading *total)
{
    char machine[48], own[48], duration[FR_TIME_TEXT];
    fr_text_energy(fr_reading_machine(total), machine);
    fr_text_energy(fr_reading_active(total, FR_DEVICE_NONE), own);
    fr_duration_text(total->duration_s, duration);
    fr_cli_tell(cli, "%s: the machine drew %s; monitor itself %s (%.3f s of processor time)",
                duration, machine, own, fr_cpu_self_s());
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    monitor m = { 0 };
    int rc = read_plan(cli, &m, &err);
    if (rc == 0)
        rc = fr_watch_open(&m.watch, &m.running, &err);
    if (rc == 0 && m.once) {
        bool woken;
        rc = fr_watch_wait(m.running, m.interval_s, -1, &woken, &err);
        if (rc == 0)
            rc = fr_watch_step(m.running, &err);
        if (rc == 0)
            rc = put_once(cli, &m, &err);
    } else if (rc == 0) {
        rc = open_sinks(cli, &m, &err);
        if (rc == 0)
            rc = watch(&m, &err);
        int end_rc = close_sinks(cli, &m, rc == 0 ? &err : NULL);
        rc = rc != 0 ? rc : end_rc;
        if (rc == 0)
            tell_end(cli, fr_watch_total(m.running));
    }
    int end_rc =
        fr_watch_close(m.running, rc == 0 ? "done" : "failed", NULL, rc == 0 ? &err : NULL);
    return fr_cli_fail(cli, rc != 0 ? rc : end_rc, &err);
}

const fr_command FR_COMMAND_monitor = {
    .name = "monitor",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary =
        "tell a machine's energy and use, on and on, to Prometheus, OTLP, CloudWatch, a file",
    .examples =
        "frugal monitor --listen 127.0.0.1:9184 --zone FR  # a page for Prometheus\n"
        "frugal monitor --otlp http://collector:4318 --file day.jsonl --interval 30  # two at "
        "once\n"
        "frugal monitor --cloudwatch put --region aws:eu-north-1  # keys: AWS_ACCESS_KEY_ID …\n"
        "frugal monitor --once --json  # one look, for a program",
    .more =
        "Ctrl-C or SIGTERM ends it cleanly; it then says what the machine drew and what monitor "
        "took "
        "itself. A sink that is away is tried again after 1 s, 2 s … 60 s; up to 240 batches wait, "
        "the oldest go first, and frugal_sink_dropped_total counts them. Keys come from the "
        "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION; "
        "OTEL_EXPORTER_OTLP_HEADERS) and are never logged. Series and units: docs/series.md.",
};
