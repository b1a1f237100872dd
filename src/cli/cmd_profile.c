/* frugal profile import: lays sampled joules over somebody's trace of operations. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/op_table.h"
#include "profile/profile.h"

static const fr_option OPTIONS[] = {
    { "samples", 's', FR_OPTION_TEXT, "RUN", "energy of a metered run (id or last)" },
    { "power", 0, FR_OPTION_TEXT, "FILE", "or of a power log: lines of TIME,WATTS" },
    { "out", 'o', FR_OPTION_TEXT, "FILE", "write the trace with joules there (Chrome, Perfetto)" },
    { "side", 0, FR_OPTION_TEXT, "gpu|cpu", "which operations (default: gpu's if there are any)" },
    { "with-idle", 0, FR_OPTION_FLAG, NULL, "of a run, what it drew at rest too" },
    { "align", 0, FR_OPTION_TEXT, "start", "lay the beginnings of trace and power on each other" },
    { "offset", 0, FR_OPTION_F64, "S", "move the trace by so many seconds" },
    { "top", 'n', FR_OPTION_I64, "N", "show so many operations (default 20; 0: all)" },
    FR_OPTIONS_END,
};

static int read_power(fr_cli *cli, bool is_gpu, fr_power *out, fr_err *err)
{
    const char *run = fr_arg_text(cli, "samples", NULL), *file = fr_arg_text(cli, "power", NULL);
    if ((run == NULL) == (file == NULL))
        return fr_fail(
            err, FR_E_USAGE,
            "As --samples last after `frugal meter -- python train.py`, or --power FILE.",
            run == NULL ? "nothing says where the energy comes from"
                        : "both --samples and --power say where the energy comes from");
    if (file != NULL)
        return fr_power_read_csv(file, out, err);
    fr_ledger *ledger = NULL;
    fr_run_list found = { 0 };
    FR_TRY(fr_ledger_open(fr_cli_ledger(cli), &ledger, err));
    int rc = fr_ledger_find(ledger, run, &found, err);
    if (rc == 0)
        rc = fr_power_of_run(ledger, found.at[0].id, is_gpu ? "gpu" : NULL,
                             fr_arg_flag(cli, "with-idle"), out, err);
    fr_run_list_fini(&found);
    fr_ledger_close(ledger);
    return rc;
}

static int read_side(fr_cli *cli, fr_trace_side *out, fr_err *err)
{
    const char *text = fr_arg_text(cli, "side", NULL);
    *out = text == NULL ? FR_TRACE_ANY : strcmp(text, "gpu") == 0 ? FR_TRACE_GPU : FR_TRACE_CPU;
    if (*out == FR_TRACE_CPU && strcmp(text, "cpu") != 0)
        return fr_fail(err, FR_E_USAGE, NULL, "--side is gpu or cpu, not '%s'", text);
    return 0;
}

/* From the trace's time to the power's. */
static int find_shift(fr_cli *cli, const fr_trace *t, const fr_power *p, int64_t *shift_ns,
                      fr_err *err)
{
    const char *align = fr_arg_text(cli, "align", NULL);
    double offset_s = fr_arg_f64(cli, "offset", 0);
    if (align != NULL && strcmp(align, "start") != 0)
        return fr_fail(err, FR_E_USAGE, NULL, "--align takes start, not '%s'", align);
    if (!(fabs(offset_s) < 1e9))
        return fr_fail(err, FR_E_USAGE, NULL, "--offset %g is no number of seconds", offset_s);
    *shift_ns = (int64_t)(offset_s * 1e9) + t->base_ns;
    if (align == NULL && t->is_unix != p->is_unix && !fr_arg_given(cli, "offset"))
        return fr_fail(
            err, FR_E_USAGE,
            "--align start lays the beginnings on each other; --offset S moves the trace.",
            "times of the trace are %s, those of the power are %s",
            t->is_unix ? "of the clock" : "from its start",
            p->is_unix ? "of the clock" : "from its start");
    if (align == NULL)
        return 0;
    int64_t first_ns = INT64_MAX;
    for (size_t i = 0; i < t->n_events; i++)
        first_ns = FR_MIN(first_ns, t->events[i].start_ns);
    *shift_ns = p->windows[0].start_ns - first_ns + (int64_t)(offset_s * 1e9);
    return 0;
}

static int import(fr_cli *cli, const char *path, fr_err *err)
{
    FR_AUTO(fr_trace) trace = { 0 };
    FR_AUTO(fr_power) power = { 0 };
    fr_trace_side side;
    fr_overlay_sums sums;
    int64_t shift_ns = 0;
    FR_TRY(read_side(cli, &side, err));
    FR_TRY(fr_trace_read(path, side, &trace, err));
    if (trace.n_events == 0)
        return fr_fail(err, FR_E_NOT_FOUND, "Is --side right?",
                       "'%s' (%s) has no operations of that kind, %zu others", path, trace.form,
                       trace.n_skipped);
    bool is_gpu = trace.tracks[trace.events[0].track].is_gpu;
    FR_TRY(read_power(cli, is_gpu, &power, err));
    FR_TRY(find_shift(cli, &trace, &power, &shift_ns, err));
    FR_TRY(fr_overlay(&trace, &power, shift_ns, &sums, err));
    const char *out = fr_arg_text(cli, "out", NULL);
    if (out != NULL)
        FR_TRY(fr_trace_write(&trace, &power, shift_ns, out, err));
    fr_op_table table = { .trace = &trace, .power = &power, .sums = &sums };
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, fr_op_table_json(&table)) == 0 ? 0 : FR_E_IO;
    FR_AUTO(fr_buf) text = { 0 };
    fr_op_table_text(&table, (size_t)fr_arg_i64(cli, "top", 20), &text);
    fputs(fr_buf_text(&text), stdout);
    if (out != NULL)
        fr_cli_tell(cli, "%s: open it in https://ui.perfetto.dev or chrome://tracing", out);
    return 0;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    const char *what, *path;
    int rc = fr_arg_need(cli, 0, "import", &what, &err);
    if (rc == 0 && strcmp(what, "import") != 0)
        rc = fr_fail(&err, FR_E_USAGE, "As frugal profile import trace.json --samples last.",
                     "frugal profile does import, not '%s'", what);
    if (rc == 0)
        rc = fr_arg_need(cli, 1, "the trace", &path, &err);
    if (rc == 0 && fr_arg_i64(cli, "top", 20) < 0)
        rc = fr_fail(&err, FR_E_USAGE, NULL, "--top takes a number from 0");
    if (rc == 0)
        rc = import(cli, path, &err);
    return fr_cli_fail(cli, rc, &err);
}

static const char *const SUBCOMMANDS[] = { "import", NULL };

const fr_command FR_COMMAND_profile = {
    .name = "profile",
    .run = run,
    .options = OPTIONS,
    .arguments = "import TRACE",
    .summary = "lay joules over a trace of operations",
    .examples = "frugal profile import trace.json --samples last  # PyTorch's trace, a metered "
                "run's joules\n"
                "frugal profile import trace.json --power smi.csv --out joules.json  # and a trace "
                "with them\n"
                "frugal profile import report.sqlite --power smi.csv --align start  # nsys export "
                "--type sqlite",
    .more =
        "Known traces: Chrome JSON (PyTorch's profiler and others), Perfetto's own format and the "
        "JSON that Neuron's profiler writes, nsys's SQLite export, and the CSV of nsys stats -r "
        "cuda_gpu_trace. On one thread or stream the innermost operation has the "
        "time; what runs at once shares by duration; time in which nothing runs is a line of its "
        "own. A window of power longer than an operation cannot tell it from its neighbours: then "
        "joules go by time.",
    .subcommands = SUBCOMMANDS,
};
