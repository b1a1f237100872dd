/**
 * cli/cli.h: what a command is, and what all commands share.
 *
 * A command is one file, cmd_NAME.c, that defines FR_COMMAND_NAME, and one row in commands.def.
 * Parsing, --help, man page, completion, and the test that every command has an example are made
 * from that row:
 *
 *     static const fr_option OPTIONS[] = {
 *         { "model", 'm', FR_OPTION_TEXT, "FILE", "model file (GGUF)" },
 *         { "tokens", 'n', FR_OPTION_I64, "N", "generate at most N tokens (default 128)" },
 *         FR_OPTIONS_PLACE,
 *         FR_OPTIONS_END,
 *     };
 *     static int run(fr_cli *cli)
 *     {
 *         const char *model = fr_arg_text(cli, "model", NULL);
 *         …
 *         return fr_cli_fail(cli, rc, &err);      prints what and hint, gives the exit status
 *     }
 *     const fr_command FR_COMMAND_generate = { "generate", run, OPTIONS, "…", "…", "…" };
 *
 * Values come from flags, else FRUGAL_NAME of the environment, else ./frugal.yaml, else
 * $XDG_CONFIG_HOME/frugal/config.yaml. --json, --quiet, --help and --ledger exist everywhere.
 */
#ifndef FR_CLI_CLI_H
#define FR_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <frugal/figure.h>
#include "base/progress.h"
#include "carbon/carbon.h"
#include "run/run.h"

typedef struct fr_cli fr_cli;

typedef enum {
    FR_OPTION_NONE,
    FR_OPTION_FLAG,
    FR_OPTION_TEXT,
    FR_OPTION_I64,
    FR_OPTION_F64,
    FR_OPTION_LIST /* may be given several times */
} fr_option_kind;

typedef struct {
    const char *name; /* long, without dashes */
    char letter;      /* or 0 */
    fr_option_kind kind;
    const char *value; /* "FILE" */
    const char *help;
} fr_option;

#define FR_OPTIONS_PLACE                                                                           \
    { "region", 0, FR_OPTION_TEXT, "ID", "cloud region, as aws:eu-north-1" },                      \
        { "zone", 0, FR_OPTION_TEXT, "ZONE", "grid zone or country, as FR" },                      \
        { "intensity", 0, FR_OPTION_F64, "G", "grid intensity [gCO2e/kWh] that you know" },        \
    {                                                                                              \
        "pue", 0, FR_OPTION_F64, "X", "power usage effectiveness of the site"                      \
    }
#define FR_OPTIONS_END                                                                             \
    {                                                                                              \
        NULL, 0, FR_OPTION_NONE, NULL, NULL                                                        \
    }

typedef struct fr_command {
    const char *name;
    int (*run)(fr_cli *cli); /* returns the exit status */
    const fr_option *options;
    const char *arguments; /* "TASK.yaml", "-- CMD [ARG…]" */
    const char *summary;   /* one line, for the list */
    const char *examples;  /* lines of `frugal …`, each with a comment behind two spaces and # */
    const char *more;      /* paragraphs below; NULL: none */
    bool rest_is_theirs;   /* options end at the first argument (another program's command line) */
    const char *const *subcommands; /* NULL-terminated words that the first argument may be */
    /** NULL-terminated commands of its own, each with options and help: named "prompt render" where
     * this one is "prompt". run is called only when the first word names none of them. */
    const struct fr_command *const *verbs;
    int failed_status; /* when it fails before it runs; 0: 1 */
} fr_command;

/** For run of a command that is nothing without a verb: the usage error, with the nearest one. */
int fr_cli_need_verb(fr_cli *cli);

/* ---- arguments --------------------------------------------------------------------------- */

bool fr_arg_flag(const fr_cli *cli, const char *name);
const char *fr_arg_text(const fr_cli *cli, const char *name, const char *otherwise);
long long fr_arg_i64(const fr_cli *cli, const char *name, long long otherwise);
double fr_arg_f64(const fr_cli *cli, const char *name, double otherwise);
bool fr_arg_given(const fr_cli *cli, const char *name);
/** The i-th value of a list option; NULL after the last. */
const char *fr_arg_list(const fr_cli *cli, const char *name, size_t i);
/** Positional arguments, NULL-terminated. */
char **fr_arg_rest(const fr_cli *cli, size_t *n);
/** Exactly the i-th positional, or a usage error that names what is missing. */
int fr_arg_need(const fr_cli *cli, size_t i, const char *what, const char **out, fr_err *err);
/** A text option that must be there: the error names it and shows an example. */
int fr_arg_need_text(const fr_cli *cli, const char *name, const char **out, fr_err *err);
/** The whole command line, for the ledger (which redacts it). NULL-terminated. */
const char *const *fr_cli_argv(const fr_cli *cli);

/* ---- shared behaviour -------------------------------------------------------------------- */

bool fr_cli_json(const fr_cli *cli);
/** Place options filled from --region, --zone, --intensity, --pue. */
fr_place_options fr_cli_place(const fr_cli *cli);
/** FR_E_NOT_FOUND when --sysfs, --procfs, --cgroupfs or --var names no folder. */
int fr_cli_check_roots(const fr_cli *cli, fr_err *err);
/** --ledger, NULL for the default. */
const char *fr_cli_ledger(const fr_cli *cli);
/** A run of this command: kind, argv, place, ledger filled in. A ledger that cannot be opened is a
 * warning, and the run goes on unrecorded. */
int fr_cli_run_begin(fr_cli *cli, const char *kind, const char *name, fr_run **out, fr_err *err);
/** Live line on stderr (rate, ETA, joules so far of the run, which may be NULL); `stopped` tells
 * of Ctrl-C. Quiet when stderr is not a terminal or with --quiet. */
const fr_progress *fr_cli_progress(fr_cli *cli, fr_run *run);
/** A line on stderr that scrolls by above the live line; not with --quiet. */
void fr_cli_tell(fr_cli *cli, const char *fmt, ...) FR_PRINTF(2, 3);
/** True once the user asked to stop. */
bool fr_cli_stopped(const fr_cli *cli);
/** 0 gives 0; else prints "frugal COMMAND: what" and the hint on stderr; the exit status. */
int fr_cli_fail(fr_cli *cli, int rc, const fr_err *err);
/** One JSON document on stdout with "schema": 1 in front; takes object; 0, or 1 when stdout broke.
 */
int fr_cli_put_json(fr_cli *cli, json_t *object);
/** Colours and live lines may be used on stdout. */
bool fr_cli_is_terminal(FILE *stream);
int fr_cli_columns(void); /* of the terminal, else 80 */

/** JSON numbers: NAN becomes null; rounded to 6 significant digits or so for readers. */
json_t *fr_json_f64(double v);
/** value_j (or one of the range) into an object under a key. */
void fr_json_put_energy(json_t *object, const char *key, fr_energy e);
/** "12.3 J", "4.56 kJ", "0.0123 Wh"-style for people: "~" before modelled. */
void fr_text_energy(fr_energy e, char out[48]);
void fr_text_j(double joules, char out[32]);
void fr_text_g(double grams, char out[32]);

#endif
