/* The live line on stderr: what, how far, how fast, how long still, joules so far. And signals. */
#include "cli/cli_priv.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

#define REDRAW_NS 200000000

static volatile sig_atomic_t caught;

/* The first Ctrl-C asks; the second one is obeyed by the system. */
static void on_signal(int number)
{
    caught = number;
    signal(number, SIG_DFL);
}

/* What we change, and how we found it: a program that we start must find it so too. */
static const int CHANGED[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
static struct sigaction found[FR_COUNT_OF(CHANGED)];

void fr_signals_catch(void)
{
    struct sigaction action = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FR_COUNT_OF(CHANGED); i++) {
        sigaction(CHANGED[i], NULL, &found[i]);
        bool leave = CHANGED[i] == SIGHUP && found[i].sa_handler == SIG_IGN; /* nohup stays nohup */
        if (!leave)
            sigaction(CHANGED[i], CHANGED[i] == SIGPIPE ? &ignore : &action, NULL);
    }
}

void fr_signals_restore(void)
{
    for (size_t i = 0; i < FR_COUNT_OF(CHANGED); i++)
        sigaction(CHANGED[i], &found[i], NULL);
}

bool fr_signals_caught(void)
{
    return caught != 0;
}

void fr_signals_forget(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    int number = caught;
    caught = 0;
    if (number != 0)
        sigaction(number, &action, NULL);
}

int fr_signals_number(void)
{
    return caught;
}

bool fr_cli_stopped(const fr_cli *cli)
{
    (void)cli;
    return fr_signals_caught();
}

bool fr_cli_is_terminal(FILE *stream)
{
    return isatty(fileno(stream)) != 0;
}

int fr_cli_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        return size.ws_col;
    return 80;
}

void fr_live_clear(fr_cli *cli)
{
    if (cli->live)
        fputs("\r\033[K", stderr);
    cli->live = false;
}

static void number_text(double v, char out[24])
{
    if (v >= 1e9)
        snprintf(out, 24, "%.2fG", v * 1e-9);
    else if (v >= 1e6)
        snprintf(out, 24, "%.2fM", v * 1e-6);
    else if (v >= 1e4)
        snprintf(out, 24, "%.1fk", v * 1e-3);
    else
        snprintf(out, 24, v < 10 && v != floor(v) ? "%.1f" : "%.0f", v);
}

/* Cuts at the terminal's width without splitting a character. */
static void draw(fr_cli *cli, const char *line)
{
    size_t n = 0;
    int columns = 0, room = fr_cli_columns() - 1;
    while (line[n] != '\0' && (columns < room || (line[n] & 0xC0) == 0x80)) {
        columns += (line[n] & 0xC0) != 0x80;
        n++;
    }
    fprintf(stderr, "\r\033[K%.*s", (int)n, line);
    fflush(stderr);
    cli->live = true;
}

static void live_step(void *user, const char *what, double done, double total, const char *unit,
                      const char *note)
{
    fr_cli *cli = user;
    int64_t now_ns = fr_now_monotonic_ns();
    if (strcmp(cli->what, what) != 0) {
        snprintf(cli->what, sizeof(cli->what), "%s", what);
        cli->began_ns = now_ns;
        cli->began_done = done; /* resumed work does not begin at 0 */
    } else if (now_ns - cli->shown_ns < REDRAW_NS) {
        return;
    }
    cli->shown_ns = now_ns;
    double seconds = (double)(now_ns - cli->began_ns) * 1e-9;
    char line[512], text[32];
    int n = snprintf(line, sizeof(line), "%s", what);
    if (total > 0)
        n += snprintf(line + n, sizeof(line) - (size_t)n, "  %3.0f%%", 100 * fmin(done / total, 1));
    number_text(done, text);
    n += snprintf(line + n, sizeof(line) - (size_t)n, "  %s %s", text, unit);
    double fresh = done - cli->began_done;
    if (seconds > 0.5 && fresh > 0) {
        number_text(fresh / seconds, text);
        n += snprintf(line + n, sizeof(line) - (size_t)n, "  %s/s", text);
        if (total > done) {
            fr_duration_text((total - done) * seconds / fresh, text);
            n += snprintf(line + n, sizeof(line) - (size_t)n, "  %s left", text);
        }
    }
    if (cli->run != NULL) {
        char joules[48];
        fr_text_energy(fr_run_so_far(cli->run), joules);
        n += snprintf(line + n, sizeof(line) - (size_t)n, "  %s so far", joules);
    }
    if (note != NULL)
        snprintf(line + n, sizeof(line) - (size_t)n, "  %s", note);
    draw(cli, line);
}

static bool live_stopped(void *user)
{
    (void)user;
    return fr_signals_caught();
}

const fr_progress *fr_cli_progress(fr_cli *cli, fr_run *run)
{
    bool show = fr_cli_is_terminal(stderr) && !fr_arg_flag(cli, "quiet");
    cli->run = run;
    cli->progress = (fr_progress){ show ? live_step : NULL, live_stopped, cli };
    return &cli->progress;
}

void fr_cli_tell(fr_cli *cli, const char *fmt, ...)
{
    if (fr_arg_flag(cli, "quiet"))
        return;
    fr_live_clear(cli);
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}
