#include "cli/top_screen.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "base/mem.h"

#define BAR_CELLS    10
#define HEAD_ROWS    3 /* title, machine, place */
#define NARROWEST    40
#define DEVICES_MOST 10

#define BOLD    "\033[1m"
#define DIM     "\033[2m"
#define REVERSE "\033[7m"
#define PLAIN   "\033[0m"

typedef struct {
    const fr_top_look *look;
    fr_buf *out;
    int lines;
} page;

/* One line, cut at the terminal's width by characters, with a style around all of it. */
static void put_line(page *p, const char *style, const char *fmt, ...) FR_PRINTF(3, 4);
static void put_line(page *p, const char *style, const char *fmt, ...)
{
    char text[1024];
    if (p->look->rows > 0 && p->lines == p->look->rows)
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t n = 0;
    int shown = 0;
    while (text[n] != '\0' && (shown < p->look->columns || (text[n] & 0xC0) == 0x80)) {
        shown += (text[n] & 0xC0) != 0x80;
        n++;
    }
    while (n > 0 && text[n - 1] == ' ' && (style == NULL || !p->look->colour))
        n--;
    bool styled = style != NULL && p->look->colour;
    fr_buf_put_f(p->out, "%s%.*s%s\n", styled ? style : "", (int)n, text, styled ? PLAIN : "");
    p->lines++;
}

static void watts_text(double w, char out[12])
{
    if (!isfinite(w))
        snprintf(out, 12, "-");
    else if (fabs(w) >= 1e6)
        snprintf(out, 12, "%.1fM", w * 1e-6);
    else if (fabs(w) >= 1e4)
        snprintf(out, 12, "%.1fk", w * 1e-3);
    else
        snprintf(out, 12, fabs(w) < 9.995 ? "%.2f" : fabs(w) < 99.95 ? "%.1f" : "%.0f", w);
}

static void bytes_text(double bytes, char out[12])
{
    static const char UNITS[] = "BKMGTP";
    size_t u = 0;
    for (; bytes >= 999.5 && u + 2 < sizeof UNITS; u++)
        bytes /= 1024;
    snprintf(out, 12, u > 0 && bytes < 9.95 ? "%.1f%c" : "%.0f%c", bytes, UNITS[u]);
}

static void percent_text(double ratio, char out[12])
{
    if (isfinite(ratio))
        snprintf(out, 12, "%.0f%%", 100 * fmax(ratio, 0));
    else
        snprintf(out, 12, "-");
}

static void bar(const fr_top_look *look, double ratio, char out[4 * BAR_CELLS + 1])
{
    int full = isfinite(ratio) ? (int)lround(fmin(fmax(ratio, 0), 1) * BAR_CELLS) : 0;
    out[0] = '\0';
    for (int i = 0; i < BAR_CELLS; i++)
        strcat(out, i < full ? (look->utf8 ? "█" : "#") : (look->utf8 ? "░" : "."));
}

static const char *about(fr_method method)
{
    return method == FR_METHOD_MEASURED ? "" : "~";
}

/* ---- head ---- */

/* "µ" is "u" where only ASCII can be shown. */
static void plain_micro(const fr_top_look *look, char *text)
{
    char *at = look->utf8 ? NULL : strstr(text, "µ");
    if (at == NULL)
        return;
    *at = 'u';
    memmove(at + 1, at + strlen("µ"), strlen(at + strlen("µ")) + 1);
}

static void put_head(page *p, const fr_top_state *s)
{
    char time[FR_TIME_TEXT], up[FR_TIME_TEXT], w[12], low[12], high[12], so_far[48], grams[32];
    double seconds = s->window->duration_s;
    fr_energy drawn = fr_reading_machine(s->window), all = fr_reading_machine(s->total);
    const char *dash = p->look->utf8 ? "–" : "-";
    fr_time_text(s->unix_ns, time);
    fr_duration_text(s->total->duration_s, up);
    put_line(p, BOLD, "frugal top  %.24s  %.10s %.8s UTC  every %g s  for %s", s->host, time,
             time + 11, s->interval_s, up);
    watts_text(drawn.value_j / seconds, w);
    watts_text(drawn.low_j / seconds, low);
    watts_text(drawn.high_j / seconds, high);
    fr_text_energy(all, so_far);
    fr_text_g(s->grams, grams);
    plain_micro(p->look, so_far);
    plain_micro(p->look, grams);
    put_line(p, BOLD, "machine %s%s W (%s%s%s, %s)  so far %s, %s", about(drawn.method), w, low,
             dash, high, fr_method_name(drawn.method), so_far, grams);
    const fr_place *place = s->place;
    const char *zone = place->zone != NULL ? place->zone : "stated";
    char year[16] = "";
    if (place->year > 0)
        snprintf(year, sizeof year, " %d", place->year);
    put_line(p, NULL, "%s%s %.0f gCO2e/kWh, %s%s  PUE %.2f  top itself %.2f%% of a processor", zone,
             place->assumed ? " (assumed)" : "", place->intensity_g_per_kwh, place->basis, year,
             place->pue, 100 * s->own_ratio);
}

/* ---- devices ---- */

static void put_device(page *p, const fr_device_reading *d, double seconds)
{
    char w[12], low[12], high[12], use[12], cells[4 * BAR_CELLS + 1], range[32];
    bool has_use = d->capacity_s > 0 && d->kind != FR_DEVICE_DRAM;
    double ratio = has_use ? d->busy_s / d->capacity_s : NAN;
    watts_text(d->machine_j / seconds, w);
    watts_text(d->machine_low_j / seconds, low);
    watts_text(d->machine_high_j / seconds, high);
    percent_text(ratio, use);
    bar(p->look, ratio, cells);
    snprintf(range, sizeof range, "%s%s%s", low, p->look->utf8 ? "–" : "-", high);
    int pad = p->look->utf8 ? 15 : 13; /* the dash has three bytes */
    char watts[16];
    snprintf(watts, sizeof watts, "%s%s", about(d->method), w);
    put_line(p, NULL, "%-20.20s %8s %*s %4s %s  %-8s  %s", d->name, watts, pad, range, use,
             has_use ? cells : "          ", fr_method_name(d->method),
             d->source != NULL ? d->source : "");
}

static int by_watts(const void *a, const void *b)
{
    const fr_device_reading *x = *(const fr_device_reading *const *)a,
                            *y = *(const fr_device_reading *const *)b;
    return (x->machine_j < y->machine_j) - (x->machine_j > y->machine_j);
}

static void put_devices(page *p, const fr_top_state *s)
{
    const fr_device_reading *order[FR_METER_DEVICES];
    size_t n = s->window->n_devices, room = n;
    for (size_t i = 0; i < n; i++)
        order[i] = &s->window->devices[i];
    fr_sort(order, n, sizeof order[0], by_watts);
    if (p->look->rows > 0)
        room = FR_MIN(n, (size_t)FR_MAX(FR_MIN(DEVICES_MOST, p->look->rows / 3), 1));
    put_line(p, REVERSE, "%-20s %8s %13s %4s %-10s  %-8s  %-*s", "DEVICE", "WATTS", "RANGE", "USE",
             "", "METHOD", FR_MAX(p->look->columns - 72, 6), "SOURCE");
    double rest_j = 0;
    for (size_t i = 0; i < n; i++) {
        if (i < room || n == room + 1)
            put_device(p, order[i], s->window->duration_s);
        else
            rest_j += order[i]->machine_j;
    }
    if (room < n && n != room + 1) {
        char w[12];
        watts_text(rest_j / s->window->duration_s, w);
        put_line(p, NULL, "%zu more %20s W", n - room, w);
    }
}

/* ---- who ---- */

static void put_rest(page *p, const fr_census_view *c)
{
    char idle[12], interrupts[12], unseen[12];
    watts_text(c->idle.value_j / c->duration_s, idle);
    watts_text(c->interrupts.value_j / c->duration_s, interrupts);
    watts_text(c->unseen.value_j / c->duration_s, unseen);
    put_line(p, NULL, "idle %s%s W  interrupts %s W  unseen work %s W", about(c->idle.method), idle,
             interrupts, unseen);
}

/* "docker 4f2a…", "pod 12…", "nginx.service"; of a folder that no pattern knows, its own name. */
static void group_text(const fr_census_group *g, char out[40])
{
    const fr_group_name *name = &g->name;
    const char *kind = name->kind == FR_GROUP_NONE || name->kind == FR_GROUP_UNIT ? ""
                       : name->runtime[0] != '\0'                                 ? name->runtime
                                                  : fr_group_kind_name(name->kind);
    const char *slash = strrchr(g->path, '/'), *id = name->id;
    if (id[0] == '\0')
        id = slash != NULL && slash[1] != '\0' ? slash + 1 : g->path;
    bool is_hash = strlen(id) >= 32 && strspn(id, "0123456789abcdef") == strlen(id);
    snprintf(out, 40, "%.12s%s%.*s", kind, kind[0] != '\0' ? " " : "", is_hash ? 12 : 26, id);
}

static void put_process(page *p, const fr_census_view *c, const fr_census_process *r)
{
    char w[12], cpu[12], gpu[12], ram[12], group[40] = "-";
    watts_text(r->active.value_j / c->duration_s, w);
    percent_text((r->cpu_s + r->ended_s) / c->duration_s, cpu);
    percent_text(r->gpu_s / c->duration_s, gpu);
    bytes_text(r->ram_bytes, ram);
    if (r->group < c->n_groups)
        group_text(&c->groups[r->group], group);
    put_line(p, NULL, "%8d %8s %6s %6s %6s  %-16.16s  %s", (int)r->pid, w, cpu, gpu, ram, r->name,
             group);
}

static void put_group(page *p, const fr_census_view *c, const fr_census_group *g)
{
    char w[12], cpu[12], gpu[12], ram[12], group[40];
    watts_text(g->active.value_j / c->duration_s, w);
    percent_text((g->cpu_s + g->ended_s) / c->duration_s, cpu);
    percent_text(g->gpu_s / c->duration_s, gpu);
    bytes_text(g->ram_bytes, ram);
    group_text(g, group);
    put_line(p, NULL, "%8zu %8s %6s %6s %6s  %-32s  %s", g->n_processes, w, cpu, gpu, ram, group,
             g->path);
}

static void put_who(page *p, const fr_top_state *s)
{
    const fr_census_view *c = s->census;
    bool groups = p->look->groups;
    size_t n = groups ? c->n_groups : c->n_processes, room = n;
    put_rest(p, c);
    put_line(p, REVERSE, "%8s %8s %6s %6s %6s  %-*s", groups ? "MEMBERS" : "PID", "WATTS", "CPU",
             "GPU", "MEMORY", FR_MAX(p->look->columns - 40, 8),
             groups ? "GROUP" : "NAME              GROUP");
    if (p->look->rows > 0)
        room = (size_t)FR_MAX(p->look->rows - p->lines - p->look->keys, 0);
    if (p->look->rows_most > 0)
        room = FR_MIN(room, p->look->rows_most);
    for (size_t i = 0; i < n && i < room; i++) {
        if (groups)
            put_group(p, c, &c->groups[i]);
        else
            put_process(p, c, &c->processes[i]);
    }
}

void fr_top_draw(const fr_top_state *state, const fr_top_look *look, fr_buf *out)
{
    page p = { .look = look, .out = out };
    if (look->columns < NARROWEST || (look->rows > 0 && look->rows < HEAD_ROWS + 2)) {
        put_line(&p, NULL, "a larger window, please");
        return;
    }
    put_head(&p, state);
    put_devices(&p, state);
    if (state->census != NULL)
        put_who(&p, state);
    else
        put_line(&p, NULL, "no processes can be seen here");
    while (look->keys && p.lines < look->rows - 1)
        put_line(&p, NULL, "%s", "");
    if (look->keys)
        put_line(&p, DIM, "q quit   g %s   + - interval",
                 look->groups ? "processes" : "groups (containers, pods, jobs, units)");
}
