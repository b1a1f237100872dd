/* frugal monitor: tells a machine's energy and use to whoever collects such series, for months. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "cli/monitor_import.h"
#include "cli/watch.h"
#include "meter/token_energy.h"
#include "report/sink.h"

#define LISTEN_BY_DEFAULT "127.0.0.1:9184"
#define INTERVAL_S        10.0
#define INTERVAL_LEAST_S  0.1
#define ONCE_S            1.0
#define LAST_SEND_S       3.0
#define SINKS_MOST        16
#define ENGINES_MOST      8

static const fr_option OPTIONS[] = {
    { "listen", 'l', FR_OPTION_TEXT, "ADDRESS",
      "page for Prometheus there (default " LISTEN_BY_DEFAULT " when nothing else is asked for)" },
    { "otlp", 0, FR_OPTION_TEXT, "URL", "send to this OpenTelemetry collector (OTLP/HTTP)" },
    { "cloudwatch", 0, FR_OPTION_TEXT, "HOW",
      "emf (embedded metric format, stdout), emf:FILE, put (PutMetricData); import: the "
      "namespace" },
    { "namespace", 0, FR_OPTION_TEXT, "NAME", "of the metrics in CloudWatch (default frugal)" },
    { "file", 'f', FR_OPTION_TEXT, "FILE", "add a line of JSON each interval; -: stdout" },
    { "keep-mb", 0, FR_OPTION_F64, "N", "of FILE and FILE.1 together (default 64)" },
    { "engine", 'e', FR_OPTION_LIST, "URL",
      "metrics page of vLLM, SGLang, TGI or llama-server here: joules per token (repeatable)" },
    { "interval", 'i', FR_OPTION_F64, "SECONDS", "between two tellings (default 10)" },
    { "for", 0, FR_OPTION_F64, "SECONDS", "end by itself after so long" },
    { "once", 0, FR_OPTION_FLAG, NULL, "look for a second (or --interval), print it, end" },
    { "neuron", 0, FR_OPTION_TEXT, "FILE", "neuron-monitor's lines (else it is started)" },
    FR_OPTIONS_IMPORT,
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
    fr_sink_stats
        looked[SINKS_MOST]; /* before the board is begun: a sink locks itself, then the board */
    size_t n_sinks;
    fr_served *engines[ENGINES_MOST];
    fr_served_counts counts[ENGINES_MOST];
    bool answered[ENGINES_MOST], told_silent[ENGINES_MOST];
    size_t n_engines;
    fr_token_energy *tokens; /* of all engines together: they share the machine */
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
    FR_TRY(fr_cli_check_roots(cli, err));
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

/* ---- engines ---- */

static int open_engines(fr_cli *cli, monitor *m, fr_err *err)
{
    const char *url;
    for (size_t i = 0; (url = fr_arg_list(cli, "engine", i)) != NULL; i++) {
        if (i == ENGINES_MOST)
            return fr_fail(err, FR_E_USAGE, NULL, "more than %d engines", ENGINES_MOST);
        FR_TRY(fr_served_open(url, &m->engines[i], err));
        m->n_engines++;
    }
    m->tokens = fr_token_energy_new();
    return 0;
}

/* Just before the meter is read, so that tokens and joules end at one moment. */
static void read_engines(fr_cli *cli, monitor *m)
{
    for (size_t i = 0; i < m->n_engines; i++) {
        fr_err err = { 0 };
        m->answered[i] = fr_served_read(m->engines[i], &m->counts[i], &err) == 0;
        if (!m->answered[i] && !m->told_silent[i])
            fr_cli_tell(cli, "engine: %s%s%s", err.what, err.hint[0] != '\0' ? ". " : "", err.hint);
        if (m->answered[i] && m->told_silent[i])
            fr_cli_tell(cli, "engine: %s is back", fr_served_where(m->engines[i]));
        m->told_silent[i] = !m->answered[i];
    }
}

/* "model", or "host:port model" where there are several engines. */
static void name_model(const monitor *m, size_t engine, const char *model, char out[128])
{
    const char *host = strstr(fr_served_where(m->engines[engine]), "://") + 3;
    if (m->n_engines == 1)
        snprintf(out, 128, "%s", model);
    else
        snprintf(out, 128, "%.*s %.80s", (int)FR_MIN(strcspn(host, "/"), (size_t)44), host, model);
}

/* The counts of all engines as those of one; false: one did not answer. */
static bool merge(const monitor *m, fr_served_counts *out)
{
    *out = (fr_served_counts){ .engine = m->n_engines == 1 ? m->counts[0].engine : "several" };
    for (size_t i = 0; i < m->n_engines; i++) {
        if (!m->answered[i])
            return false;
        for (size_t k = 0; k < m->counts[i].n_models && out->n_models < FR_SERVED_MODELS; k++) {
            fr_served_model *to = &out->models[out->n_models++];
            *to = m->counts[i].models[k];
            name_model(m, i, m->counts[i].models[k].model, to->model);
        }
    }
    return true;
}

static void put_tokens(monitor *m, fr_board *board, size_t engine)
{
    const fr_served_counts *now = &m->counts[engine];
    for (size_t k = 0; k < now->n_models; k++) {
        const fr_served_model *of = &now->models[k];
        const char *name = now->engine;
        fr_board_set(board, "frugal_engine_requests_running", of->running,
                     FR_LABELS({ "engine", name }, { "model", of->model }));
        const struct {
            const char *kind;
            double value;
        } counts[] = { { "generation", of->generated_tokens }, { "prompt", of->prompt_tokens } };
        for (size_t c = 0; c < FR_COUNT_OF(counts); c++)
            fr_board_count(board, "frugal_engine_tokens_total", counts[c].value,
                           FR_LABELS({ "engine", name },
                                     { "where", fr_served_where(m->engines[engine]) },
                                     { "model", of->model }, { "kind", counts[c].kind }));
    }
}

static void put_engines(monitor *m, fr_board *board, const fr_reading *window)
{
    fr_served_counts all;
    bool whole = merge(m, &all);
    if (m->n_engines == 0)
        return;
    fr_token_energy_add(m->tokens, whole ? &all : NULL, fr_reading_machine(window),
                        window->duration_s);
    for (size_t i = 0; i < m->n_engines; i++) {
        fr_board_set(board, "frugal_engine_up", m->answered[i],
                     FR_LABELS({ "where", fr_served_where(m->engines[i]) }));
        if (m->answered[i])
            put_tokens(m, board, i);
    }
    fr_token_cost costs[FR_SERVED_MODELS];
    size_t n = fr_token_energy_tell(m->tokens, costs);
    for (size_t i = 0; i < n; i++) {
        const fr_token_cost *c = &costs[i];
        const char *method = fr_method_name(c->method);
        fr_board_set(board, "frugal_engine_token_joules", c->token_j,
                     FR_LABELS({ "model", c->model }, { "method", method }));
        fr_board_set(board, "frugal_engine_token_low_joules", c->low_j,
                     FR_LABELS({ "model", c->model }, { "method", method }));
        fr_board_set(board, "frugal_engine_token_high_joules", c->high_j,
                     FR_LABELS({ "model", c->model }, { "method", method }));
        fr_board_set(board, "frugal_engine_token_all_joules", c->all_j,
                     FR_LABELS({ "model", c->model }, { "method", method }));
        fr_board_set(board, "frugal_engine_idle_watts", c->idle_w,
                     FR_LABELS({ "model", c->model }, { "method", method }));
    }
}

static void tell_model(fr_cli *cli, const fr_token_cost *c)
{
    char cost[32], low[32], high[32], all[32];
    const char *model = c->model[0] != '\0' ? c->model : "the model";
    fr_text_j(c->token_j, cost);
    fr_text_j(c->low_j, low);
    fr_text_j(c->high_j, high);
    fr_text_j(c->all_j, all);
    const char *about = c->method == FR_METHOD_MEASURED ? "" : "~";
    bool told = c->way == FR_TOKENS_BY_QUIET || c->way == FR_TOKENS_BY_FIT;
    if (told && !(c->low_j > 0))
        fr_cli_tell(
            cli,
            "%s: at most %s%s a generated token; no cost could be told from the rest of the "
            "machine's work (%.1f W without requests); %s%s with all of it; %.0f tokens",
            model, about, high, c->idle_w, about, all, c->generated_tokens);
    else if (told)
        fr_cli_tell(
            cli,
            "%s: %s%s a generated token (%s to %s) above the idle of %s%.1f W (%.1f to %.1f); "
            "%s%s with it; %.0f tokens, by %s",
            model, about, cost, low, high, about, c->idle_w, c->idle_low_w, c->idle_high_w, about,
            all, c->generated_tokens, fr_token_way_text(c->way));
    else if (c->way == FR_TOKENS_WHOLE)
        fr_cli_tell(cli, "%s: %s%s a generated token with all idle; %.0f tokens; %s", model, about,
                    all, c->generated_tokens, fr_token_way_text(c->way));
    else
        fr_cli_tell(cli, "%s: %.0f tokens; no cost of one: %s", model, c->generated_tokens,
                    c->n_intervals < 10 ? "too few intervals yet" : "it made none");
}

static json_t *model_json(const fr_token_cost *c)
{
    json_t *o = json_object();
    json_object_set_new(o, "model", json_string(c->model));
    json_object_set_new(o, "method", json_string(fr_method_name(c->method)));
    json_object_set_new(o, "by", json_string(fr_token_way_text(c->way)));
    json_object_set_new(o, "token_j", fr_json_f64(c->token_j));
    json_object_set_new(o, "token_low_j", fr_json_f64(c->low_j));
    json_object_set_new(o, "token_high_j", fr_json_f64(c->high_j));
    json_object_set_new(o, "token_with_idle_j", fr_json_f64(c->all_j));
    json_object_set_new(o, "idle_w", fr_json_f64(c->idle_w));
    json_object_set_new(o, "idle_low_w", fr_json_f64(c->idle_low_w));
    json_object_set_new(o, "idle_high_w", fr_json_f64(c->idle_high_w));
    json_object_set_new(o, "generated_tokens", fr_json_f64(c->generated_tokens));
    json_object_set_new(o, "prompt_tokens", fr_json_f64(c->prompt_tokens));
    json_object_set_new(o, "intervals", json_integer((json_int_t)c->n_intervals));
    json_object_set_new(o, "quiet_intervals", json_integer((json_int_t)c->n_quiet));
    return o;
}

/* What the engines' tokens cost: into the run's record, to the user, into models. */
static int tell_engines(fr_cli *cli, monitor *m, json_t *models, fr_err *err)
{
    fr_token_cost costs[FR_SERVED_MODELS];
    size_t n = m->n_engines > 0 ? fr_token_energy_tell(m->tokens, costs) : 0;
    for (size_t i = 0; i < n; i++) {
        fr_run *run = fr_watch_run(m->running);
        tell_model(cli, &costs[i]);
        json_array_append_new(models, model_json(&costs[i]));
        FR_TRY(fr_run_note(run, "work", "generated_tokens", costs[i].generated_tokens,
                           costs[i].model, err));
        if (isfinite(costs[i].token_j))
            FR_TRY(fr_run_note(run, "engine", "token_j", costs[i].token_j, costs[i].model, err));
        if (isfinite(costs[i].idle_w))
            FR_TRY(fr_run_note(run, "engine", "idle_w", costs[i].idle_w, costs[i].model, err));
    }
    return 0;
}

/* ---- again and again ---- */

static void put_ours(void *user, fr_board *board, const fr_reading *window)
{
    monitor *m = user;
    put_engines(m, board, window);
    for (size_t i = 0; i < m->n_sinks; i++) {
        const fr_sink_stats now = m->looked[i];
        const char *kind = fr_sink_kind(m->sinks[i]);
        if (strcmp(kind, "prometheus") == 0)
            continue; /* nothing is sent there: others come */
        fr_board_set(board, "frugal_sink_waiting", (double)now.waiting,
                     FR_LABELS({ "sink", kind }));
        fr_board_count(board, "frugal_sink_sent_total", (double)now.sent,
                       FR_LABELS({ "sink", kind }));
        fr_board_count(board, "frugal_sink_dropped_total", (double)now.dropped,
                       FR_LABELS({ "sink", kind }));
    }
}

static int watch(fr_cli *cli, monitor *m, fr_err *err)
{
    double passed_s = 0;
    bool woken = false;
    fr_watch_also(m->running, put_ours, m);
    read_engines(cli, m);
    for (;;) {
        double span_s = fmin(m->interval_s, m->for_s - passed_s);
        FR_TRY(fr_watch_wait(m->running, span_s, -1, &woken, err));
        read_engines(cli, m);
        for (size_t i = 0; i < m->n_sinks; i++)
            fr_sink_look(m->sinks[i], &m->looked[i]);
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
static int close_sinks(fr_cli *cli, monitor *m, json_t *sinks, fr_err *err)
{
    int rc = 0;
    for (size_t i = 0; i < m->n_sinks; i++) {
        fr_sink_stats end;
        char kind[16], where[128];
        snprintf(kind, sizeof kind, "%s", fr_sink_kind(m->sinks[i]));
        snprintf(where, sizeof where, "%s", fr_sink_where(m->sinks[i]));
        fr_sink_close(m->sinks[i], LAST_SEND_S, &end);
        json_array_append_new(sinks, json_pack("{s:s, s:s, s:I, s:I}", "sink", kind, "where", where,
                                               "sent", (json_int_t)end.sent, "dropped",
                                               (json_int_t)end.dropped));
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

static void tell_end(fr_cli *cli, const fr_reading *total, json_t *out)
{
    char machine[48], own[48], duration[FR_TIME_TEXT];
    fr_energy drawn = fr_reading_machine(total), ours = fr_reading_active(total, FR_DEVICE_NONE);
    fr_text_energy(drawn, machine);
    fr_text_energy(ours, own);
    fr_duration_text(total->duration_s, duration);
    fr_cli_tell(cli, "%s: the machine drew %s; monitor itself %s (%.3f s of processor time)",
                duration, machine, own, fr_cpu_self_s());
    json_object_set_new(out, "duration_s", fr_json_f64(total->duration_s));
    json_object_set_new(out, "method", json_string(fr_method_name(drawn.method)));
    fr_json_put_energy(out, "machine_j", drawn);
    json_object_set_new(out, "machine_low_j", fr_json_f64(drawn.low_j));
    json_object_set_new(out, "machine_high_j", fr_json_f64(drawn.high_j));
    fr_json_put_energy(out, "monitor_j", ours);
    json_object_set_new(out, "monitor_cpu_s", fr_json_f64(fr_cpu_self_s()));
}

static int watch_and_tell(fr_cli *cli, monitor *m, fr_err *err)
{
    json_t *out = json_object(), *sinks = json_array(), *models = json_array();
    int rc = open_sinks(cli, m, err);
    if (rc == 0)
        rc = watch(cli, m, err);
    bool watched = rc == 0;
    int end_rc = close_sinks(cli, m, sinks, rc == 0 ? err : NULL);
    rc = rc != 0 ? rc : end_rc;
    if (watched) {
        tell_end(cli, fr_watch_total(m->running), out);
        end_rc = tell_engines(cli, m, models, rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : end_rc;
    }
    json_object_set_new(out, "models", models);
    json_object_set_new(out, "sinks", sinks);
    if (watched && fr_cli_json(cli))
        return fr_cli_put_json(cli, out) == 0 ? rc : FR_E_IO;
    json_decref(out);
    return rc;
}

static int look_once(fr_cli *cli, monitor *m, fr_err *err)
{
    bool woken;
    fr_watch_also(m->running, put_ours, m);
    FR_TRY(fr_watch_wait(m->running, m->interval_s, -1, &woken, err));
    read_engines(cli, m);
    FR_TRY(fr_watch_step(m->running, err));
    return put_once(cli, m, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    monitor m = { 0 };
    size_t n;
    char **words = fr_arg_rest(cli, &n);
    if (n > 0 && strcmp(words[0], "import") == 0)
        return fr_cli_fail(cli, fr_monitor_import(cli, &err), &err);
    int rc = read_plan(cli, &m, &err);
    if (rc == 0)
        rc = open_engines(cli, &m, &err);
    if (rc == 0)
        rc = fr_watch_open(&m.watch, &m.running, &err);
    if (rc == 0)
        rc = m.once ? look_once(cli, &m, &err) : watch_and_tell(cli, &m, &err);
    int end_rc =
        fr_watch_close(m.running, rc == 0 ? "done" : "failed", NULL, rc == 0 ? &err : NULL);
    for (size_t i = 0; i < m.n_engines; i++)
        fr_served_close(m.engines[i]);
    fr_token_energy_free(m.tokens);
    return fr_cli_fail(cli, rc != 0 ? rc : end_rc, &err);
}

static const char *const SUBCOMMANDS[] = { "import", NULL };

const fr_command FR_COMMAND_monitor = {
    .name = "monitor",
    .run = run,
    .options = OPTIONS,
    .arguments = "[import FILE…]",
    .subcommands = SUBCOMMANDS,
    .summary =
        "tell a machine's energy and use, on and on, to Prometheus, OTLP, CloudWatch, a file",
    .examples =
        "frugal monitor --listen 127.0.0.1:9184 --zone FR  # a page for Prometheus\n"
        "frugal monitor --otlp http://collector:4318 --file day.jsonl --interval 30  # two at "
        "once\n"
        "frugal monitor --engine http://localhost:8000 --for 3600  # joules per token, beside "
        "vLLM\n"
        "frugal monitor --cloudwatch put --region aws:eu-north-1  # keys: AWS_ACCESS_KEY_ID …\n"
        "frugal monitor --once --json  # one look, for a program\n"
        "frugal monitor import gpus.csv --tz Europe/Paris  # what nvidia-smi --format=csv "
        "recorded\n"
        "frugal monitor import --cloudwatch AWS/EC2 --dimension InstanceId=i-0123 --instance "
        "c5.4xlarge "
        "--from 2026-11-01  # a fleet, after the fact",
    .more =
        "Ctrl-C or SIGTERM ends it cleanly; it then says what the machine drew and what monitor "
        "took "
        "itself. A sink that is away is tried again after 1 s, 2 s … 60 s; up to 240 batches wait, "
        "the oldest go first, and frugal_sink_dropped_total counts them. Keys come from the "
        "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION; "
        "OTEL_EXPORTER_OTLP_HEADERS) and are never logged.\n\n"
        "--engine reads the token counters of an engine on this machine and touches no request. "
        "What "
        "the machine draws while no request runs is the idle; what it draws above that is the "
        "tokens'. "
        "The range is 95% with the meter's own on top; ten intervals are needed, and quiet ones "
        "help.\n\n"
        "Series and units: docs/series.md.",
};
