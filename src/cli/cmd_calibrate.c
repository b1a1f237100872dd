/* frugal calibrate: the processor's curve of this very machine, for where no counter is. */
#include "cli/cli.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "meter/calibrate.h"

#define SECONDS     20.0
#define REST_MOST   0.10 /* others' work that a machine at rest may have */
#define MISSES_MOST 0.15 /* of the utilization that a step wants */
#define OVERRIDES   "tables/constants.csv"

static const fr_option OPTIONS[] = {
    { "wall", 'w', FR_OPTION_TEXT, "W,W,W,W",
      "watts that a meter at the wall showed at 0, 10, 50 and 100%; or cmd:LINE, file:PATH" },
    { "seconds", 's', FR_OPTION_F64, "S", "length of a step (default 20)" },
    { "out", 'o', FR_OPTION_TEXT, "FILE", "write there instead of to your own table" },
    { "sysfs", 0, FR_OPTION_TEXT, "DIR", "read sensors there instead of /sys (recorded trees)" },
    { "procfs", 0, FR_OPTION_TEXT, "DIR", "and processes there instead of /proc" },
    FR_OPTIONS_END,
};

static int parse_wall(const char *text, fr_calibration *c, fr_err *err)
{
    fr_str rest = fr_str_of(text), one;
    size_t n = 0;
    c->is_wall = true;
    while (n < FR_CALIBRATION_STEPS && fr_str_next(&rest, ',', &one) &&
           fr_str_to_f64(fr_str_trim(one), &c->at_w[n]))
        n++;
    if (n == FR_CALIBRATION_STEPS && fr_str_trim(rest).n == 0)
        return 0;
    return fr_fail(err, FR_E_USAGE, "As --wall 12.5,18,40,61, at rest, 10%, 50% and 100%.",
                   "--wall takes four numbers of watts, not '%s'", text);
}

/* Somebody reads a meter while the machine works. */
static int ask(int percent, double *watts, fr_err *err)
{
    char line[64], *end;
    fprintf(stderr, "The machine was at %d%%. Watts at the wall, read just now: ", percent);
    fflush(stderr);
    if (fgets(line, sizeof line, stdin) == NULL)
        return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped; nothing was written");
    *watts = strtod(line, &end);
    while (isspace((unsigned char)*end))
        end++;
    if (end == line || *end != '\0')
        return fr_fail(err, FR_E_FORMAT, "Watts are plain numbers, as 12.5.",
                       "'%.40s' is no number", line);
    return 0;
}

static int step(fr_cli *cli, const fr_meter_options *meter, size_t i, double seconds,
                fr_calibration *c, fr_err *err)
{
    double cpu_w, wall_w, utilization, wanted = FR_CALIBRATION_AT[i];
    int percent = (int)(100 * wanted);
    fr_cli_tell(cli, "step %zu of %d: %d%% for %.0f s, %.0f s left in all", i + 1,
                FR_CALIBRATION_STEPS, percent, seconds,
                1.25 * seconds * (double)(FR_CALIBRATION_STEPS - i));
    FR_TRY(fr_calibration_step(meter, wanted, seconds, fr_cli_progress(cli, NULL), &cpu_w, &wall_w,
                               &utilization, err));
    if (fabs(utilization - wanted) > FR_MAX(REST_MOST, MISSES_MOST * wanted))
        return fr_fail(err, FR_E_SENSOR, "Stop what else runs, and calibrate again.",
                       "the machine was at %.0f%% where the step is %d%%", 100 * utilization,
                       percent);
    c->is_wall = isnan(cpu_w);
    c->at_w[i] = isnan(cpu_w) ? wall_w : cpu_w;
    if (!isnan(c->at_w[i]))
        return 0;
    if (fr_cli_is_terminal(stdin) && fr_cli_is_terminal(stderr))
        return ask(percent, &c->at_w[i], err);
    return fr_fail(err, FR_E_SENSOR,
                   "Read a meter at the wall and say --wall W,W,W,W, or name one in FRUGAL_WALL.",
                   "no counter tells watts here, and nobody is there to be asked");
}

/* Before a minute is spent: is there a counter, a meter, or somebody to ask? */
static int measure(fr_cli *cli, const fr_meter_options *meter, fr_calibration *c, fr_err *err)
{
    double seconds = fr_arg_f64(cli, "seconds", SECONDS);
    if (!(seconds >= 0.2 && seconds <= 3600))
        return fr_fail(err, FR_E_USAGE, NULL, "--seconds takes 0.2 to 3600, not %g", seconds);
    for (size_t i = 0; i < FR_CALIBRATION_STEPS; i++)
        FR_TRY(step(cli, meter, i, seconds, c, err));
    return 0;
}

static int tell(fr_cli *cli, const fr_calibration *c, const char *path)
{
    if (fr_cli_json(cli)) {
        json_t *o = json_object(), *steps = json_array();
        json_object_set_new(o, "file", json_string(path));
        json_object_set_new(o, "of", json_string(c->is_wall ? "wall" : "processors"));
        for (size_t i = 0; i < FR_CALIBRATION_STEPS; i++)
            json_array_append_new(steps, json_pack("{s:f, s:f}", "utilization_ratio",
                                                   FR_CALIBRATION_AT[i], "power_w", c->at_w[i]));
        json_object_set_new(o, "steps", steps);
        return fr_cli_put_json(cli, o);
    }
    for (size_t i = 0; i < FR_CALIBRATION_STEPS; i++)
        printf("%4.0f%%  %8.2f W %s\n", 100 * FR_CALIBRATION_AT[i], c->at_w[i],
               c->is_wall ? "at the wall" : "by the counters");
    printf("written to %s; later runs use it and say so\n", path);
    return 0;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    fr_calibration c = { 0 };
    const char *wall = fr_arg_text(cli, "wall", NULL), *out = fr_arg_text(cli, "out", NULL);
    fr_meter_options meter = { .sysfs = fr_arg_text(cli, "sysfs", NULL),
                               .procfs = fr_arg_text(cli, "procfs", NULL) };
    char *config = fr_path_config();
    char *path = out != NULL ? fr_dup(out) : fr_path_join(config, OVERRIDES);
    free(config);
    /* FRUGAL_WALL arrives as --wall, too */
    bool is_meter =
        wall != NULL && (strncmp(wall, "cmd:", 4) == 0 || strncmp(wall, "file:", 5) == 0);
    if (is_meter)
        meter.wall = wall;
    int rc = fr_cli_check_roots(cli, &err);
    if (rc == 0)
        rc =
            wall != NULL && !is_meter ? parse_wall(wall, &c, &err) : measure(cli, &meter, &c, &err);
    if (rc == 0)
        rc = fr_calibration_write(&meter, &c, path, &err);
    int status = rc == 0 ? tell(cli, &c, path) : fr_cli_fail(cli, rc, &err);
    free(path);
    return status;
}

const fr_command FR_COMMAND_calibrate = {
    .name = "calibrate",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary =
        "fit the processor's power curve to this machine, by a counter or a meter at the wall",
    .examples = "frugal calibrate  # a minute and a half; asks for watts where no counter is\n"
                "frugal calibrate --wall 12.5,18,40,61  # read at rest, 10%, 50% and 100%\n"
                "FRUGAL_WALL='cmd:read-plug' frugal calibrate  # a plug that a command reads",
    .more =
        "All processors are kept busy for 0, 10, 50 and 100% of the time, and watts are read "
        "from the counters, from FRUGAL_WALL or from you. What a meter at the wall says is less "
        "the supply's loss, the board and the memory by their models. The curve goes into your "
        "own tables/constants.csv; delete its cpu_curve rows to go back. A curve that falls, "
        "or a machine that is busy with other work, is refused and nothing is written.",
};
