/* frugal mark: tells the meter around us that a phase begins or ends. */
#include "cli/cli.h"

#include <frugal/mark.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const fr_option OPTIONS[] = {
    { "end", 'e', FR_OPTION_FLAG, NULL, "the phase ends (without NAME: the innermost)" },
    { "next", 'n', FR_OPTION_FLAG, NULL, "the innermost phase ends and NAME begins" },
    { "work", 'w', FR_OPTION_LIST, "NAME=N", "work done in the innermost phase, as tokens=512" },
    { "quality", 'q', FR_OPTION_LIST, "NAME=X", "how well it was done, as accuracy=0.8" },
    FR_OPTIONS_END,
};

typedef void (*count_fn)(fr_marker *marker, const char *name, double value);

/* marker NULL: only looks whether it is right. */
static int give_counts(fr_cli *cli, const char *option, fr_marker *marker, count_fn fn, fr_err *err)
{
    const char *text;
    for (size_t i = 0; (text = fr_arg_list(cli, option, i)) != NULL; i++) {
        fr_str rest = fr_str_of(text), name;
        double value;
        if (!fr_str_next(&rest, '=', &name) || fr_str_trim(name).n == 0 ||
            !fr_str_to_f64(fr_str_trim(rest), &value) || !isfinite(value))
            return fr_fail(err, FR_E_USAGE, "As --work tokens=512, --quality accuracy=0.8.",
                           "--%s takes NAME=NUMBER, not '%s'", option, text);
        char *copy = fr_str_dup(fr_str_trim(name));
        if (marker != NULL)
            fn(marker, copy, value);
        free(copy);
    }
    return 0;
}

static int check(fr_cli *cli, const char **name, fr_err *err)
{
    size_t n;
    char **rest = fr_arg_rest(cli, &n);
    bool counts = fr_arg_given(cli, "work") || fr_arg_given(cli, "quality");
    *name = n > 0 ? rest[0] : NULL;
    if (n > 1)
        return fr_fail(err, FR_E_USAGE, "Quote a name with blanks.", "one NAME at a time: '%s'",
                       rest[1]);
    if (fr_arg_flag(cli, "end") && fr_arg_flag(cli, "next"))
        return fr_fail(err, FR_E_USAGE, NULL, "--end and --next exclude each other");
    if (n == 0 && (fr_arg_flag(cli, "next") || (!fr_arg_flag(cli, "end") && !counts)))
        return fr_fail(err, FR_E_USAGE, "As frugal mark train, or frugal mark --end.",
                       "no phase is named");
    FR_TRY(give_counts(cli, "work", NULL, fr_mark_work, err));
    return give_counts(cli, "quality", NULL, fr_mark_quality, err);
}

/* Counts belong to a phase that ends before it does, and to one that begins after it did. */
static int mark(fr_cli *cli, const char *name, fr_marker *marker, fr_err *err)
{
    bool ends = fr_arg_flag(cli, "end");
    if (!ends && name != NULL && fr_arg_flag(cli, "next"))
        fr_mark_next(marker, name);
    else if (!ends && name != NULL)
        fr_mark_begin(marker, name);
    FR_TRY(give_counts(cli, "work", marker, fr_mark_work, err));
    FR_TRY(give_counts(cli, "quality", marker, fr_mark_quality, err));
    if (ends)
        fr_mark_end(marker, name);
    return 0;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    const char *name;
    int rc = check(cli, &name, &err);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    fr_marker *marker = fr_marker_open();
    bool is_taken = false;
    if (marker != NULL) {
        rc = mark(cli, name, marker, &err);
        is_taken = rc == 0 && fr_marker_sync(marker) == 0;
        fr_marker_close(marker);
        if (rc == 0 && !is_taken)
            fr_cli_tell(cli, "frugal mark: the meter did not answer in time");
    }
    if (rc == 0 && fr_cli_json(cli))
        return fr_cli_put_json(
            cli, json_pack("{s:b, s:b}", "metered", marker != NULL, "taken", (int)is_taken));
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_COMMAND_mark = {
    .name = "mark",
    .run = run,
    .options = OPTIONS,
    .arguments = "[NAME]",
    .summary = "tell the meter around where a phase begins or ends",
    .examples = "frugal mark train  # a phase begins, inside the innermost open one\n"
                "frugal mark train --end --work tokens=512 --quality accuracy=0.8  # it ends, with "
                "what it did\n"
                "frugal mark evaluate --next  # the innermost ends and this one begins",
    .more = "For scripts that run under `frugal meter -- ./script`: the report and the ledger then "
            "have the energy of each phase, its work and its quality. Without a meter around "
            "nothing happens, and the exit status is 0. C programs use frugal/mark.h, Python "
            "programs python/frugal.py.",
};
