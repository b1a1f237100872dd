/* frugal top: who draws how much, now. */
#include "cli/cli.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "cli/top_screen.h"
#include "cli/watch.h"

#define INTERVAL_S       2.0
#define INTERVAL_LEAST_S 0.2
#define INTERVAL_MOST_S  60.0
#define ONCE_S           1.0
#define ROWS_ONCE        10

static const fr_option OPTIONS[] = {
    { "interval", 'i', FR_OPTION_F64, "SECONDS", "between two looks (default 2; --once: 1)" },
    { "groups", 'g', FR_OPTION_FLAG, NULL,
      "containers, pods, jobs and units instead of processes" },
    { "once", 0, FR_OPTION_FLAG, NULL, "one look, printed (so it is when stdout is no terminal)" },
    { "rows", 'n', FR_OPTION_I64, "N", "at most N processes (--once: default 10; 0: all)" },
    FR_OPTIONS_PLACE,
    { "sysfs", 0, FR_OPTION_TEXT, "DIR", "read sensors there instead of /sys (recorded trees)" },
    { "procfs", 0, FR_OPTION_TEXT, "DIR", "and processes there instead of /proc" },
    { "nvml", 0, FR_OPTION_TEXT, "FILE", "NVIDIA management library to load; none: do not look" },
    FR_OPTIONS_END,
};

typedef struct {
    fr_watch *watch;
    fr_census *census;
    fr_census_view view;
    bool has_view;
    fr_top_look look;
    double interval_s, cpu_s, own_ratio;
    char host[64];
    struct termios found;
    bool is_raw;
} top;

/* ---- the terminal ---- */

static void on_resize(int number)
{
    (void)number; /* it is enough that the wait ends */
}

static bool speaks_utf8(void)
{
    static const char *const NAMES[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++) {
        const char *said = getenv(NAMES[i]);
        if (said != NULL && said[0] != '\0')
            return strcasestr(said, "utf-8") != NULL || strcasestr(said, "utf8") != NULL;
    }
    return false;
}

static bool may_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return (no == NULL || no[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

static void take_size(top *t)
{
    struct winsize size;
    t->look.columns = 80;
    t->look.rows = 24;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        t->look.columns = size.ws_col;
        t->look.rows = size.ws_row;
    }
}

static void put_all(const char *text, size_t n)
{
    while (n > 0) {
        ssize_t written = write(STDOUT_FILENO, text, n);
        if (written <= 0)
            return;
        text += written;
        n -= (size_t)written;
    }
}

/* Keys come one by one and unseen; Ctrl-C still is a signal; Ctrl-Z is off, for it would leave the
 * shell with this terminal. The screen from before comes back at the end. */
static void take_terminal(top *t)
{
    static const char ENTER[] = "\033[?1049h\033[?25l\033[2J";
    struct sigaction action = { .sa_handler = on_resize };
    sigaction(SIGWINCH, &action, NULL);
    if (tcgetattr(STDIN_FILENO, &t->found) == 0) {
        struct termios raw = t->found;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        raw.c_cc[VSUSP] = _POSIX_VDISABLE;
        t->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    put_all(ENTER, sizeof ENTER - 1);
}

static void give_terminal_back(top *t)
{
    static const char LEAVE[] = "\033[?25h\033[?1049l";
    put_all(LEAVE, sizeof LEAVE - 1);
    if (t->is_raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &t->found);
    signal(SIGWINCH, SIG_DFL);
}

/* ---- a look ---- */

static int step(top *t, fr_err *err)
{
    FR_TRY(fr_watch_step(t->watch, err));
    const fr_reading *window = fr_watch_window(t->watch);
    double cpu_s = fr_cpu_self_s();
    t->has_view =
        t->census != NULL && fr_census_take(t->census, fr_run_meter(fr_watch_run(t->watch)), window,
                                            &t->view, NULL) == 0;
    t->own_ratio = window->duration_s > 0 ? (cpu_s - t->cpu_s) / window->duration_s : 0;
    t->cpu_s = cpu_s;
    return 0;
}

static fr_top_state state_of(top *t)
{
    const fr_place *place = fr_run_place(fr_watch_run(t->watch));
    const fr_reading *total = fr_watch_total(t->watch);
    return (fr_top_state){ .window = fr_watch_window(t->watch),
                           .total = total,
                           .census = t->has_view ? &t->view : NULL,
                           .place = place,
                           .grams = fr_carbon_of(fr_reading_machine(total), place, 0).operational_g,
                           .interval_s = t->interval_s,
                           .own_ratio = t->own_ratio,
                           .host = t->host,
                           .unix_ns = fr_now_unix_ns() };
}

/* Lines are overwritten in place and cleared behind, so nothing flickers. */
static void draw(top *t)
{
    FR_AUTO(fr_buf) lines = { 0 };
    FR_AUTO(fr_buf) screen = { 0 };
    fr_top_state state = state_of(t);
    fr_top_draw(&state, &t->look, &lines);
    fr_buf_put_s(&screen, "\033[H");
    fr_str rest = fr_buf_str(&lines), line;
    bool first = true;
    while (rest.n > 0 && fr_str_next(&rest, '\n', &line)) {
        fr_buf_put_s(&screen, first ? "" : "\r\n");
        fr_buf_put_str(&screen, line);
        fr_buf_put_s(&screen, "\033[K");
        first = false;
    }
    fr_buf_put_s(&screen, "\033[J");
    put_all(screen.at, screen.n);
}

/* ---- on a terminal ---- */

/* false: the user is done. */
static bool obey_keys(top *t)
{
    char keys[32];
    struct pollfd terminal = { .fd = STDIN_FILENO, .events = POLLIN };
    if (t->is_raw && poll(&terminal, 1, 0) > 0 && (terminal.revents & (POLLHUP | POLLERR)) != 0)
        return false; /* the terminal is gone */
    ssize_t n = t->is_raw ? read(STDIN_FILENO, keys, sizeof keys) : 0;
    for (ssize_t i = 0; i < n; i++) {
        switch (keys[i]) {
        case 'q':
        case 'Q':
        case 4: /* Ctrl-D */
            return false;
        case 'g':
            t->look.groups = !t->look.groups;
            break;
        case '+':
            t->interval_s = fmin(t->interval_s * 2, INTERVAL_MOST_S);
            break;
        case '-':
            t->interval_s = fmax(t->interval_s / 2, INTERVAL_LEAST_S);
            break;
        default:
            break;
        }
    }
    return true;
}

static int watch_on_terminal(top *t, fr_err *err)
{
    int64_t due_ns = fr_now_monotonic_ns() + (int64_t)(fmin(t->interval_s, ONCE_S) * 1e9);
    bool seen = false;
    int rc = 0;
    take_size(t);
    take_terminal(t);
    while (rc == 0) {
        bool woken = false;
        double left_s = fmax((double)(due_ns - fr_now_monotonic_ns()) * 1e-9, 0);
        rc = fr_watch_wait(t->watch, left_s, t->is_raw ? STDIN_FILENO : -1, &woken, err);
        if (rc != 0 || fr_signals_caught() || (woken && !obey_keys(t)))
            break;
        if (fr_now_monotonic_ns() >= due_ns) {
            rc = step(t, err);
            seen = true;
            due_ns = fr_now_monotonic_ns() + (int64_t)(t->interval_s * 1e9);
        }
        take_size(t);
        if (rc == 0 && seen)
            draw(t);
    }
    give_terminal_back(t);
    return rc;
}

/* ---- once ---- */

static json_t *watts_json(fr_energy e, double seconds)
{
    return json_pack("{s:o, s:o, s:o, s:s}", "value_w", fr_json_f64(e.value_j / seconds), "low_w",
                     fr_json_f64(e.low_j / seconds), "high_w", fr_json_f64(e.high_j / seconds),
                     "method", fr_method_name(e.method));
}

static json_t *devices_json(const fr_reading *window)
{
    json_t *list = json_array();
    double seconds = window->duration_s;
    for (size_t i = 0; i < window->n_devices; i++) {
        const fr_device_reading *d = &window->devices[i];
        json_t *o = json_object();
        json_object_set_new(o, "name", json_string(d->name));
        json_object_set_new(o, "kind", json_string(fr_device_kind_name(d->kind)));
        json_object_set_new(o, "power_w", fr_json_f64(d->machine_j / seconds));
        json_object_set_new(o, "low_w", fr_json_f64(d->machine_low_j / seconds));
        json_object_set_new(o, "high_w", fr_json_f64(d->machine_high_j / seconds));
        json_object_set_new(o, "utilization_ratio",
                            fr_json_f64(d->capacity_s > 0 ? d->busy_s / d->capacity_s : NAN));
        json_object_set_new(o, "method", json_string(fr_method_name(d->method)));
        json_object_set_new(o, "source", json_string(d->source != NULL ? d->source : ""));
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *work_json(double power_w, double cpu_s, double gpu_s, double ram_bytes,
                         double seconds)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "power_w", fr_json_f64(power_w), "cpu_ratio",
                     fr_json_f64(cpu_s / seconds), "gpu_ratio", fr_json_f64(gpu_s / seconds),
                     "ram_bytes", fr_json_f64(ram_bytes));
}

static void put_census_json(const fr_census_view *c, size_t most, json_t *out)
{
    json_t *processes = json_array(), *groups = json_array();
    for (size_t i = 0; i < c->n_processes && i < most; i++) {
        const fr_census_process *p = &c->processes[i];
        json_t *o = work_json(p->active.value_j / c->duration_s, p->cpu_s + p->ended_s, p->gpu_s,
                              p->ram_bytes, c->duration_s);
        json_object_set_new(o, "pid", json_integer(p->pid));
        json_object_set_new(o, "name", json_string(p->name));
        json_object_set_new(o, "cgroup",
                            p->group < c->n_groups ? json_string(c->groups[p->group].path)
                                                   : json_null());
        json_array_append_new(processes, o);
    }
    for (size_t i = 0; i < c->n_groups && i < most; i++) {
        const fr_census_group *g = &c->groups[i];
        json_t *o = work_json(g->active.value_j / c->duration_s, g->cpu_s + g->ended_s, g->gpu_s,
                              g->ram_bytes, c->duration_s);
        json_object_set_new(o, "kind", json_string(fr_group_kind_name(g->name.kind)));
        json_object_set_new(o, "id", json_string(g->name.id));
        json_object_set_new(o, "cgroup", json_string(g->path));
        json_object_set_new(o, "n_processes", json_integer((json_int_t)g->n_processes));
        json_array_append_new(groups, o);
    }
    json_object_set_new(out, "idle", watts_json(c->idle, c->duration_s));
    json_object_set_new(out, "interrupts", watts_json(c->interrupts, c->duration_s));
    json_object_set_new(out, "unseen", watts_json(c->unseen, c->duration_s));
    json_object_set_new(out, "processes", processes);
    json_object_set_new(out, "groups", groups);
}

static int put_json(fr_cli *cli, top *t, fr_err *err)
{
    fr_top_state s = state_of(t);
    json_t *out = json_object();
    size_t most = t->look.rows_most > 0 ? t->look.rows_most : SIZE_MAX;
    json_object_set_new(out, "duration_s", fr_json_f64(s.window->duration_s));
    json_object_set_new(out, "machine",
                        watts_json(fr_reading_machine(s.window), s.window->duration_s));
    json_object_set_new(out, "devices", devices_json(s.window));
    if (t->has_view)
        put_census_json(&t->view, most, out);
    json_object_set_new(out, "carbon_g", fr_json_f64(s.grams));
    json_object_set_new(out, "grid",
                        json_pack("{s:s, s:f, s:s, s:i, s:s, s:b}", "zone",
                                  s.place->zone != NULL ? s.place->zone : "stated",
                                  "intensity_g_per_kwh", s.place->intensity_g_per_kwh, "basis",
                                  s.place->basis, "year", s.place->year, "source", s.place->source,
                                  "assumed", s.place->assumed));
    json_object_set_new(out, "note", json_string(s.window->note));
    return fr_cli_put_json(cli, out) == 0 ? 0 : fr_fail(err, FR_E_IO, NULL, "stdout is closed");
}

static int look_once(fr_cli *cli, top *t, fr_err *err)
{
    bool woken;
    FR_TRY(fr_watch_wait(t->watch, t->interval_s, -1, &woken, err));
    if (fr_signals_caught())
        return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped before the first look");
    FR_TRY(step(t, err));
    if (fr_cli_json(cli))
        return put_json(cli, t, err);
    FR_AUTO(fr_buf) lines = { 0 };
    fr_top_state state = state_of(t);
    fr_top_look plain = t->look;
    plain.rows = 0;
    plain.colour = plain.keys = false;
    plain.columns = 120;
    fr_top_draw(&state, &plain, &lines);
    fputs(fr_buf_text(&lines), stdout);
    return 0;
}

/* ---- the command ---- */

static int read_plan(fr_cli *cli, top *t, bool *once, fr_watch_options *watch, fr_err *err)
{
    *once = fr_arg_flag(cli, "once") || fr_cli_json(cli) || !fr_cli_is_terminal(stdout);
    t->interval_s = fr_arg_f64(cli, "interval", *once ? ONCE_S : INTERVAL_S);
    if (!(t->interval_s >= INTERVAL_LEAST_S && t->interval_s <= 3600))
        return fr_fail(err, FR_E_USAGE, NULL, "--interval takes %g to 3600 seconds, not %g",
                       INTERVAL_LEAST_S, t->interval_s);
    size_t n_rest;
    char **rest = fr_arg_rest(cli, &n_rest);
    if (n_rest > 0)
        return fr_fail(err, FR_E_USAGE, "`frugal top --help` shows how.",
                       "'%s' is not something top does", rest[0]);
    long long rows = fr_arg_i64(cli, "rows", *once ? ROWS_ONCE : 0);
    if (rows < 0)
        return fr_fail(err, FR_E_USAGE, NULL, "--rows takes 0 or more, not %lld", rows);
    t->look = (fr_top_look){ .utf8 = speaks_utf8(),
                             .colour = may_colour(),
                             .groups = fr_arg_flag(cli, "groups"),
                             .keys = true,
                             .rows_most = (size_t)rows };
    watch->run = (fr_run_options){ .kind = "top",
                                   .place = fr_cli_place(cli),
                                   .ledger = "",
                                   .meter = { .sysfs = fr_arg_text(cli, "sysfs", NULL),
                                              .procfs = fr_arg_text(cli, "procfs", NULL),
                                              .nvml = fr_arg_text(cli, "nvml", NULL) } };
    fr_meter_options *meter = &watch->run.meter;
    if (meter->nvml != NULL && strcmp(meter->nvml, "none") == 0)
        meter->nvml = "";
    watch->gauges.neuron = "";
    FR_TRY(fr_cli_check_roots(cli, err));
    if (gethostname(t->host, sizeof t->host - 1) != 0)
        snprintf(t->host, sizeof t->host, "this machine");
    return 0;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    top *t = FR_NEW(top);
    fr_watch_options options = { 0 };
    bool once = false;
    int rc = read_plan(cli, t, &once, &options, &err);
    if (rc == 0)
        rc = fr_watch_open(&options, &t->watch, &err);
    if (rc == 0) {
        fr_census_options census = { .roots = { .procfs = options.run.meter.procfs } };
        if (fr_census_open(&census, &t->census, NULL) != 0)
            t->census = NULL; /* the machine alone, then */
        rc = once ? look_once(cli, t, &err) : watch_on_terminal(t, &err);
    }
    fr_census_close(t->census);
    fr_watch_close(t->watch, "done", NULL, NULL);
    free(t);
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_COMMAND_top = {
    .name = "top",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "show who draws how much, now: devices, processes, containers",
    .examples = "frugal top --zone FR  # q ends, g: containers, pods, jobs and units\n"
                "frugal top --once --json --rows 0  # everybody, for a program\n"
                "frugal top --groups --interval 10  # what each container draws",
    .more =
        "A ~ stands before modelled watts; the range is what the method stands behind. Work is "
        "shared by processor and GPU time and nothing is rescaled: idle, interrupts and work that "
        "no visible process did are on a line of their own. Nothing is recorded; `frugal meter` "
        "and `frugal monitor` do that. NO_COLOR and a locale without UTF-8 are heeded.",
};
