/*
 * Watts of the whole machine, from outside of it; always apart, for they hold every other figure.
 *
 *     wall    FRUGAL_WALL=cmd:LINE or file:PATH    a power meter at the wall, a PDU: the last
 * line's first number is watts. Each second, or as often as a command that goes on tells a line.
 *     bmc     FRUGAL_BMC=cmd:LINE or file:PATH     the board's own controller, each minute:
 *                                                  "Instantaneous power reading: 220 Watts"
 * (ipmitool dcmi power reading), ipmi-dcmi's "Current Power" or a resource of Redfish;
 * told_watts.h. Not said: ipmitool, where /dev/ipmi0 may be opened.
 *
 * A figure older than three times its period is none, nor one in a file that nobody has written
 * for a minute (wall) or three (bmc).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "meter/told_lines.h"
#include "meter/told_watts.h"
#include "tables/tables.h"

#define WALL_EVERY_S 1.0
#define BMC_EVERY_S  60.0
#define STALE_TIMES  3
#define FILE_STALE_S 60.0 /* at least: who writes it may be slower than we look */
#define IPMITOOL     "cmd:ipmitool dcmi power reading"

typedef struct {
    fr_stream *stream;
    bool is_bmc;
    fr_bmc_text text; /* of a bmc */
    double every_s, told_w, last_w, since_s;
    int64_t told_ns;
} outside;

static void take(void *user, fr_str line)
{
    outside *o = user;
    if (fr_str_is(line, FR_STREAM_BREAK)) {
        fr_bmc_text_break(&o->text);
        return;
    }
    double w = o->is_bmc ? fr_bmc_take_line(&o->text, line) : fr_told_watts(line);
    if (isnan(w))
        return;
    o->told_w = w;
    o->told_ns = fr_now_monotonic_ns();
}

static const char *wall_spec(const fr_bench *bench)
{
    const char *spec = bench->wall != NULL ? bench->wall : getenv("FRUGAL_WALL");
    return spec != NULL ? spec : "";
}

static const char *bmc_spec(const fr_bench *bench)
{
    const char *spec = getenv("FRUGAL_BMC");
    if (spec != NULL)
        return spec;
    return !bench->is_moved && access("/dev/ipmi0", R_OK | W_OK) == 0 ? IPMITOOL : "";
}

static void open_outside(fr_bench *bench, const char *name, const char *spec, double every_s,
                         bool is_bmc, const char *error_name, void **state)
{
    *state = NULL;
    if (spec[0] == '\0')
        return;
    outside *o = FR_NEW(outside);
    *o = (outside){ .is_bmc = is_bmc, .every_s = every_s, .told_w = NAN, .last_w = NAN };
    o->stream = fr_stream_open(spec, every_s, bench);
    fr_channel *c = o->stream != NULL ? fr_bench_add(bench, FR_DEVICE_OTHER, "%s", name) : NULL;
    if (c == NULL) {
        fr_bench_note(bench, "%s: '%.60s' is neither cmd:LINE nor file:PATH", name, spec);
        fr_stream_close(o->stream);
        free(o);
        return;
    }
    c->is_counted = c->is_apart = true;
    c->error_ratio = fr_constant_of(error_name).high;
    c->source = fr_source_f("%s %.120s", name, spec);
    fr_bench_need(bench, every_s);
    *state = o;
}

static void wall_open(fr_bench *bench, void **state)
{
    open_outside(bench, "wall", wall_spec(bench), WALL_EVERY_S, false, "wall_error_ratio", state);
}

static void bmc_open(fr_bench *bench, void **state)
{
    open_outside(bench, "bmc", bmc_spec(bench), BMC_EVERY_S, true, "bmc_error_ratio", state);
}

static void outside_sample(void *state, const fr_window *window, fr_delta *deltas)
{
    outside *o = state;
    fr_stream_read(o->stream, fmax(STALE_TIMES * o->every_s, FILE_STALE_S), take, o);
    double age_s = (double)(fr_now_monotonic_ns() - o->told_ns) * 1e-9;
    double now_w = o->told_ns != 0 && age_s <= STALE_TIMES * o->every_s ? o->told_w : NAN;
    if (isnan(now_w)) { /* silent: that time is not metered, and not guessed */
        o->last_w = NAN;
        o->since_s = 0;
        deltas[0].gap = true;
        return;
    }
    fr_delta_by_power(&o->last_w, &o->since_s, now_w, window->dt_s, &deltas[0]);
}

static void outside_close(void *state)
{
    outside *o = state;
    fr_stream_close(o->stream);
    fr_bmc_text_fini(&o->text);
    free(o);
}

static void wall_survey(fr_bench *bench, fr_sensor_state *out)
{
    const char *spec = wall_spec(bench);
    out->usable = spec[0] != '\0';
    snprintf(out->found, sizeof out->found, "%.120s",
             out->usable ? spec : "none named: FRUGAL_WALL=cmd:LINE or file:PATH tells watts");
}

static void bmc_survey(fr_bench *bench, fr_sensor_state *out)
{
    const char *spec = bmc_spec(bench);
    out->usable = spec[0] != '\0';
    snprintf(out->found, sizeof out->found, "%.120s",
             out->usable ? spec : "none: no /dev/ipmi0 that may be opened, no FRUGAL_BMC");
    if (!out->usable && access("/dev/ipmi0", F_OK) == 0)
        snprintf(out->grant, sizeof out->grant,
                 "sudo setfacl -m u:$USER:rw /dev/ipmi0 (and install ipmitool)");
}

const fr_sensor fr_sensor_wall = { .name = "wall",
                                   .open = wall_open,
                                   .sample = outside_sample,
                                   .close = outside_close,
                                   .survey = wall_survey };
const fr_sensor fr_sensor_bmc = { .name = "bmc",
                                  .open = bmc_open,
                                  .sample = outside_sample,
                                  .close = outside_close,
                                  .survey = bmc_survey };
