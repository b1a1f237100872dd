/* From argv to a command and back to an exit status; what all commands share. */
#include "cli/cli_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tables/tables.h"
#include "base/file.h"

#ifndef FR_COMMANDS /* the small program has fewer: cmake/small.cmake */
#define FR_COMMANDS "cli/commands.def"
#endif
#define COMMAND(name) extern const fr_command FR_COMMAND_##name;
#include FR_COMMANDS
#undef COMMAND

const fr_command *const *fr_commands(void)
{
    static const fr_command *const COMMANDS[] = {
#define COMMAND(name) &FR_COMMAND_##name,
#include FR_COMMANDS
#undef COMMAND
        NULL,
    };
    return COMMANDS;
}

const fr_command *fr_command_find(const char *name)
{
    for (const fr_command *const *c = fr_commands(); *c != NULL; c++) {
        if (strcmp((*c)->name, name) == 0)
            return *c;
    }
    return NULL;
}

const char *fr_command_word(const fr_command *verb)
{
    const char *blank = strrchr(verb->name, ' ');
    return blank != NULL ? blank + 1 : verb->name;
}

const fr_command *fr_command_verb(const fr_command *c, const char *word)
{
    for (const fr_command *const *v = c->verbs; v != NULL && *v != NULL; v++) {
        if (strcmp(fr_command_word(*v), word) == 0)
            return *v;
    }
    return NULL;
}

int fr_cli_need_verb(fr_cli *cli)
{
    enum { MOST = 64 };
    const char *words[MOST];
    size_t n = 0;
    for (const fr_command *const *v = cli->command->verbs; *v != NULL && n + 1 < MOST; v++)
        words[n++] = fr_command_word(*v);
    words[n] = NULL;
    fr_err err = { 0 };
    char hint[160];
    const char *near = cli->n_rest > 0 ? fr_nearest(cli->rest[0], words) : NULL;
    if (near != NULL)
        snprintf(hint, sizeof(hint), "Did you mean `frugal %s %s`?", cli->command->name, near);
    else
        snprintf(hint, sizeof(hint), "`frugal %s --help` lists what there is.", cli->command->name);
    int rc = cli->n_rest > 0
                 ? fr_fail(&err, FR_E_USAGE, hint, "unknown word '%s'", cli->rest[0])
                 : fr_fail(&err, FR_E_USAGE, hint, "what is to be done? One word more is needed");
    return fr_cli_fail(cli, rc, &err);
}

static int unknown_command(const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (const fr_command *const *c = fr_commands(); *c != NULL && n < 63; c++)
        names[n++] = (*c)->name;
    names[n] = NULL;
    const char *nearest = fr_nearest(name, names);
    fprintf(stderr, "frugal: unknown command '%s'\n", name);
    if (nearest != NULL)
        fprintf(stderr, "Did you mean `frugal %s`?\n", nearest);
    else
        fprintf(stderr, "`frugal --help` lists the commands.\n");
    return 2;
}

static void log_line(void *user, fr_log_level level, const char *line)
{
    fr_cli *cli = user;
    if (fr_arg_flag(cli, "quiet") && level > FR_LOG_WARN)
        return;
    fr_live_clear(cli);
    fprintf(stderr, "frugal: %s%s\n", level == FR_LOG_WARN ? "warning: " : "", line);
}

int fr_cli_fail(fr_cli *cli, int rc, const fr_err *err)
{
    if (rc == 0)
        return 0;
    fr_live_clear(cli);
    cli->failed = true;
    static const fr_err NOTHING;
    if (err == NULL)
        err = &NOTHING;
    const bool said = err->what[0] != '\0';
    if (!said && ferror(stdout)) { /* fr_cli_put_json() gave its 1 up to here */
        fprintf(stderr, "frugal %s: cannot write the output\n", cli->command->name);
        return 1;
    }
    fprintf(stderr, "frugal %s: %s\n", cli->command->name, said ? err->what : fr_err_name(rc));
    if (err->hint[0] != '\0')
        fprintf(stderr, "%s\n", err->hint);
    if (rc == FR_E_INTERRUPTED && fr_signals_caught())
        return 128 + fr_signals_number();
    return fr_err_exit_status(rc);
}

/* Values from the environment and the configuration are checked before a command begins. */
static int check_inherited(fr_cli *cli, fr_err *err)
{
    for (const fr_option *o = cli->command->options; o != NULL && o->name != NULL; o++) {
        const char *text = fr_env_text(o->name);
        const char *from = text != NULL ? "the environment" : "frugal.yaml";
        if (text == NULL)
            text = fr_config_text(cli, o->name);
        long long whole;
        double real;
        if (text != NULL &&
            ((o->kind == FR_OPTION_I64 && !fr_str_to_i64(fr_str_of(text), &whole)) ||
             (o->kind == FR_OPTION_F64 && !fr_str_to_f64(fr_str_of(text), &real))))
            return fr_fail(err, FR_E_USAGE, NULL, "%s in %s takes a number, not '%s'", o->name,
                           from, text);
    }
    return 0;
}

static int run_command(fr_cli *cli)
{
    fr_err err = { 0 };
    int rc = fr_args_parse(cli, &err);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    if (fr_arg_flag(cli, "help")) {
        fr_help_command(cli->command, stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    rc = fr_args_check_number(cli, &err);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    fr_log_to(log_line, cli, getenv("FRUGAL_DEBUG") != NULL ? FR_LOG_DEBUG : FR_LOG_WARN);
    rc = fr_config_load(cli, &err);
    if (rc == 0)
        rc = check_inherited(cli, &err);
    if (rc == 0) {
        char *folder = fr_path_config();
        char *tables = fr_path_join(folder, "tables");
        rc = fr_tables_load_overrides(tables, &err);
        free(tables);
        free(folder);
    }
    if (rc != 0) {
        int status = fr_cli_fail(cli, rc, &err);
        return status == 1 && cli->command->failed_status != 0 ? cli->command->failed_status
                                                               : status;
    }
    fr_signals_catch();
    int status = cli->command->run(cli);
    fr_live_clear(cli);
    if ((fflush(stdout) != 0 || ferror(stdout)) && !cli->failed) {
        fprintf(stderr, "frugal %s: cannot write the output\n", cli->command->name);
        status = status == 0 ? 1 : status;
    }
    return status;
}

static int other_word(int argc, char **argv)
{
    fr_err err = { 0 };
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("frugal %s\n", FR_VERSION);
    } else if (strcmp(argv[1], "--completion") == 0) {
        if (fr_help_completion(argc > 2 ? argv[2] : "", stdout, &err) != 0) {
            fprintf(stderr, "frugal: %s\n%s\n", err.what, err.hint);
            return 2;
        }
    } else if (strcmp(argv[1], "--man") == 0) {
        const fr_command *c = argc > 2 ? fr_command_find(argv[2]) : NULL;
        const fr_command *verb = c != NULL && argc > 3 ? fr_command_verb(c, argv[3]) : NULL;
        fr_help_man(verb != NULL ? verb : c, stdout);
    } else if (strcmp(argv[1], "--commands") == 0) {
        for (const fr_command *const *c = fr_commands(); *c != NULL; c++)
            puts((*c)->name);
    } else if (argc > 2 && strcmp(argv[1], "help") == 0) {
        const fr_command *c = fr_command_find(argv[2]);
        if (c == NULL)
            return unknown_command(argv[2]);
        const fr_command *verb = argc > 3 ? fr_command_verb(c, argv[3]) : NULL;
        fr_help_command(verb != NULL ? verb : c, stdout);
    } else {
        fr_help_all(stdout);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* The first word behind the command may be one of its verbs; flags may stand before it. */
static void find_verb(fr_cli *cli)
{
    int at = 2;
    while (at < cli->argc && cli->argv[at][0] == '-')
        at++;
    const fr_command *verb = at < cli->argc ? fr_command_verb(cli->command, cli->argv[at]) : NULL;
    if (verb == NULL)
        return;
    cli->command = verb;
    cli->verb_at = at;
}

int fr_cli_main(int argc, char **argv)
{
    if (argc < 2) {
        fr_help_all(stderr);
        return 2;
    }
    if (argv[1][0] == '-' || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "version") == 0) {
        static const char *const WORDS[] = { "--help",       "-h",    "help",       "--version",
                                             "--completion", "--man", "--commands", "version" };
        for (size_t i = 0; i < FR_COUNT_OF(WORDS); i++) {
            if (strcmp(argv[1], WORDS[i]) == 0)
                return other_word(argc, argv);
        }
        return unknown_command(argv[1]);
    }
    const fr_command *command = fr_command_find(argv[1]);
    if (command == NULL)
        return unknown_command(argv[1]);
    fr_cli cli = { .command = command, .argc = argc, .argv = argv };
    find_verb(&cli);
    int status = run_command(&cli);
    fr_log_to(NULL, NULL, FR_LOG_NONE);
    fr_doc_free(cli.config[0]);
    fr_doc_free(cli.config[1]);
    free(cli.rest);
    return status;
}

int fr_cli_check_roots(const fr_cli *cli, fr_err *err)
{
    static const char *const ROOTS[] = { "sysfs", "procfs", "cgroupfs", "var" };
    for (const fr_option *o = cli->command->options; o->name != NULL; o++) {
        for (size_t i = 0; i < FR_COUNT_OF(ROOTS); i++) {
            const char *root =
                strcmp(o->name, ROOTS[i]) == 0 ? fr_arg_text(cli, o->name, NULL) : NULL;
            if (root != NULL && !fr_dir_exists(root))
                return fr_fail(err, FR_E_NOT_FOUND, NULL, "no folder '%s'", root);
        }
    }
    return 0;
}

bool fr_cli_json(const fr_cli *cli)
{
    return fr_arg_flag(cli, "json");
}

fr_place_options fr_cli_place(const fr_cli *cli)
{
    /* A flag of one kind is not mixed with a configuration file of another. */
    for (size_t i = 0; i < cli->n_given; i++) {
        const char *name = cli->given[i].option->name;
        bool place = strcmp(name, "region") == 0 || strcmp(name, "zone") == 0 ||
                     strcmp(name, "intensity") == 0;
        if (!place)
            continue;
        fr_place_options options = { .pue = fr_arg_f64(cli, "pue", 0) };
        for (size_t k = 0; k < cli->n_given; k++) {
            const fr_arg *arg = &cli->given[k];
            if (strcmp(arg->option->name, "region") == 0)
                options.region = arg->text;
            else if (strcmp(arg->option->name, "zone") == 0)
                options.zone = arg->text;
            else if (strcmp(arg->option->name, "intensity") == 0)
                options.intensity_g_per_kwh = arg->f64;
        }
        return options;
    }
    return (fr_place_options){ .region = fr_arg_text(cli, "region", NULL),
                               .zone = fr_arg_text(cli, "zone", NULL),
                               .intensity_g_per_kwh = fr_arg_f64(cli, "intensity", 0),
                               .pue = fr_arg_f64(cli, "pue", 0) };
}

const char *fr_cli_ledger(const fr_cli *cli)
{
    return fr_arg_text(cli, "ledger", NULL);
}

int fr_cli_run_begin(fr_cli *cli, const char *kind, const char *name, fr_run **out, fr_err *err)
{
    fr_run_options options = {
        .kind = kind, .name = name, .argv = fr_cli_argv(cli), .ledger = fr_cli_ledger(cli)
    };
    bool has_place = false;
    for (const fr_option *o = cli->command->options; o != NULL && o->name != NULL && !has_place;
         o++)
        has_place = strcmp(o->name, "region") == 0;
    if (has_place)
        options.place = fr_cli_place(cli);
    return fr_run_begin(&options, out, err);
}

int fr_cli_put_json(fr_cli *cli, json_t *object)
{
    (void)cli;
    json_t *whole = json_object();
    json_object_set_new(whole, "schema", json_integer(1));
    json_object_update(whole, object);
    json_decref(object);
    char *text = json_dumps(whole, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(whole);
    bool written = text != NULL && puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    return written ? 0 : 1;
}

json_t *fr_json_f64(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

void fr_json_put_energy(json_t *object, const char *key, fr_energy e)
{
    json_object_set_new(object, key, fr_json_f64(e.value_j));
}

static void scaled(double v, const char *unit, char out[32])
{
    static const struct {
        double at_least, factor;
        const char *prefix;
    } STEPS[] = { { 1e9, 1e-9, "G" }, { 1e6, 1e-6, "M" }, { 1e3, 1e-3, "k" }, { 1, 1, "" },
                  { 1e-3, 1e3, "m" }, { 1e-6, 1e6, "µ" }, { 0, 1e9, "n" } };
    if (!isfinite(v)) {
        snprintf(out, 32, "unknown");
        return;
    }
    if (v == 0) {
        snprintf(out, 32, "0 %s", unit);
        return;
    }
    double size = fabs(v);
    for (size_t i = 0; i < FR_COUNT_OF(STEPS); i++) {
        if (size * 1.0005 < STEPS[i].at_least)
            continue;
        double shown = v * STEPS[i].factor;
        int digits = fabs(shown) >= 99.95 ? 0 : fabs(shown) >= 9.995 ? 1 : 2;
        snprintf(out, 32, "%.*f %s%s", digits, shown, STEPS[i].prefix, unit);
        return;
    }
}

void fr_text_j(double joules, char out[32])
{
    scaled(joules, "J", out);
}

void fr_text_g(double grams, char out[32])
{
    scaled(grams, "gCO2e", out);
}

void fr_text_energy(fr_energy e, char out[48])
{
    char text[32];
    fr_text_j(e.value_j, text);
    snprintf(out, 48, "%s%s", e.method == FR_METHOD_MEASURED ? "" : "~", text);
}
