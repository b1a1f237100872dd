/* cli_priv.h: shared between main, arguments, help and the live line only. */
#ifndef FR_CLI_CLI_PRIV_H
#define FR_CLI_CLI_PRIV_H

#include "base/doc.h"
#include "cli/cli.h"

#define FR_ARGS_MAX 64

typedef struct {
    const fr_option *option;
    const char *text; /* borrowed from argv or the environment, or a node of config */
    double f64;
    long long i64;
} fr_arg;

struct fr_cli {
    const fr_command *command;
    int argc;
    char **argv;
    int verb_at; /* where in argv the verb stands; 0: there is none */
    fr_arg given[FR_ARGS_MAX];
    size_t n_given;
    char **rest;
    size_t n_rest;
    fr_doc *config[2]; /* ./frugal.yaml, then the user's config.yaml */
    fr_progress progress;
    fr_run *run; /* whose joules the live line tells */
    bool live;   /* a live line stands on the terminal */
    bool failed; /* fr_cli_fail() has told why */
    int64_t shown_ns, began_ns;
    double began_done;
    char what[64];
};

extern const fr_option FR_COMMON_OPTIONS[];
const fr_command *const *fr_commands(void); /* NULL-terminated, in order */
const fr_command *fr_command_find(const char *name);
const fr_command *fr_command_verb(const fr_command *c, const char *word); /* NULL: none */
const char *fr_command_word(const fr_command *verb); /* "render" of "prompt render" */

int fr_args_parse(fr_cli *cli, fr_err *err);
/** Refuses what is beyond the arguments that the command shows. */
int fr_args_check_number(const fr_cli *cli, fr_err *err);
int fr_config_load(fr_cli *cli, fr_err *err);
/** Text of a configuration key for an option; NULL. */
const char *fr_config_text(const fr_cli *cli, const char *option);
/** Text from the environment for an option; NULL. */
const char *fr_env_text(const char *option);

/** The whole program but for main(): finds the command, parses, runs; the exit status. */
int fr_cli_main(int argc, char **argv);

void fr_help_all(FILE *out);
void fr_help_command(const fr_command *c, FILE *out);
void fr_help_man(const fr_command *c, FILE *out); /* NULL: frugal(1) itself */
int fr_help_completion(const char *shell, FILE *out, fr_err *err);

void fr_live_clear(fr_cli *cli);
void fr_signals_catch(void);
void fr_signals_restore(void); /* as they were before; around the start of another program */
bool fr_signals_caught(void);
void fr_signals_forget(void); /* what was caught is dealt with: the next one is asked about again */
int fr_signals_number(void);

#endif
