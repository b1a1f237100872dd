/* Arguments: flags over FRUGAL_* over frugal.yaml. */
#include "cli/cli_priv.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

const fr_option FR_COMMON_OPTIONS[] = {
    { "json", 0, FR_OPTION_FLAG, NULL, "one JSON document on stdout" },
    { "ledger", 0, FR_OPTION_TEXT, "FILE", "ledger to record in (default: the user's own)" },
    { "quiet", 'q', FR_OPTION_FLAG, NULL, "no progress and no remarks on stderr" },
    { "help", 'h', FR_OPTION_FLAG, NULL, "this text" },
    FR_OPTIONS_END,
};

static const fr_option *find_in(const fr_option *options, const char *name, size_t n, char letter)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (name != NULL ? strlen(options->name) == n && memcmp(options->name, name, n) == 0
                         : options->letter == letter)
            return options;
    }
    return NULL;
}

static const fr_option *find_option(const fr_cli *cli, const char *name, size_t n, char letter)
{
    const fr_option *found = find_in(cli->command->options, name, n, letter);
    return found != NULL ? found : find_in(FR_COMMON_OPTIONS, name, n, letter);
}

static int unknown_option(const fr_cli *cli, const char *word, fr_err *err)
{
    const char *names[FR_ARGS_MAX + 8];
    size_t n = 0;
    for (const fr_option *o = cli->command->options; o != NULL && o->name != NULL; o++)
        names[n++] = o->name;
    for (const fr_option *o = FR_COMMON_OPTIONS; o->name != NULL; o++)
        names[n++] = o->name;
    names[n] = NULL;
    char bare[64];
    snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(word + 2, "="),
             word + (word[1] == '-' ? 2 : 1));
    const char *nearest = word[1] == '-' ? fr_nearest(bare, names) : NULL;
    char hint[128];
    if (nearest != NULL)
        snprintf(hint, sizeof(hint), "Did you mean --%s?", nearest);
    else
        snprintf(hint, sizeof(hint), "`frugal %s --help` lists the options.", cli->command->name);
    return fr_fail(err, FR_E_USAGE, hint, "unknown option %s", word);
}

/* Text to the option's type; where names its origin in errors ("--temp", "FRUGAL_TEMP"). */
static int convert(const fr_option *o, const char *text, const char *where, fr_arg *out,
                   fr_err *err)
{
    *out = (fr_arg){ .option = o, .text = text };
    if (o->kind == FR_OPTION_I64 && !fr_str_to_i64(fr_str_of(text), &out->i64))
        return fr_fail(err, FR_E_USAGE, NULL, "%s takes a whole number, not '%s'", where, text);
    if (o->kind == FR_OPTION_F64 &&
        (!fr_str_to_f64(fr_str_of(text), &out->f64) || out->f64 - out->f64 != 0))
        return fr_fail(err, FR_E_USAGE, NULL, "%s takes a number, not '%s'", where, text);
    return 0;
}

static int give(fr_cli *cli, const fr_option *o, const char *text, fr_err *err)
{
    if (cli->n_given == FR_ARGS_MAX)
        return fr_fail(err, FR_E_USAGE, NULL, "more than %d options", FR_ARGS_MAX);
    char where[64];
    snprintf(where, sizeof(where), "--%s", o->name);
    FR_TRY(convert(o, text, where, &cli->given[cli->n_given], err));
    cli->n_given++;
    return 0;
}

/* One word that begins with a dash; *i moves on when it takes the next word as its value. */
static int parse_option(fr_cli *cli, int *i, fr_err *err)
{
    char *word = cli->argv[*i];
    bool is_long = word[1] == '-';
    size_t n = is_long ? strcspn(word + 2, "=") : 1;
    const fr_option *o =
        is_long ? find_option(cli, word + 2, n, 0) : find_option(cli, NULL, 0, word[1]);
    if (o == NULL)
        return unknown_option(cli, word, err);
    const char *value = NULL;
    if (is_long && word[2 + n] == '=')
        value = word + 2 + n + 1;
    else if (!is_long && word[2] != '\0')
        value = word + 2;
    if (o->kind == FR_OPTION_FLAG) {
        if (value != NULL)
            return fr_fail(err, FR_E_USAGE, NULL, "--%s takes no value", o->name);
        return give(cli, o, "true", err);
    }
    if (value == NULL) {
        if (*i + 1 >= cli->argc)
            return fr_fail(err, FR_E_USAGE, NULL, "--%s needs a value: --%s %s", o->name, o->name,
                           o->value);
        value = cli->argv[++*i];
    }
    return give(cli, o, value, err);
}

int fr_args_parse(fr_cli *cli, fr_err *err)
{
    cli->rest = FR_NEW_N(char *, (size_t)cli->argc + 1);
    bool options_end = false;
    for (int i = 2; i < cli->argc; i++) {
        char *word = cli->argv[i];
        if (i == cli->verb_at)
            continue;
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
        } else if (!options_end && word[0] == '-' && word[1] != '\0') {
            FR_TRY(parse_option(cli, &i, err));
        } else {
            cli->rest[cli->n_rest++] = word;
            options_end = options_end || cli->command->rest_is_theirs;
        }
    }
    return 0;
}

/* How many arguments a command's own line shows: "IN OUT TYPE". SIZE_MAX: any number ("FILE…"), or
 * forms of which each knows its own ("[list | show ID]", "-- CMD"). */
static size_t most_arguments(const char *shown)
{
    if (strstr(shown, "…") != NULL || strstr(shown, " | ") != NULL || strstr(shown, "--") != NULL)
        return SIZE_MAX;
    size_t n = shown[0] != '\0';
    for (; *shown != '\0'; shown++)
        n += *shown == ' ';
    return n;
}

int fr_args_check_number(const fr_cli *cli, fr_err *err)
{
    const fr_command *c = cli->command;
    size_t most = most_arguments(c->arguments);
    if (cli->n_rest <= most)
        return 0;
    char hint[256];
    snprintf(hint, sizeof(hint), "It is used so: frugal %s [options]%s%s", c->name,
             most != 0 ? " " : "", c->arguments);
    return fr_fail(err, FR_E_USAGE, hint, "'%.100s' is one argument too many", cli->rest[most]);
}

const char *fr_env_text(const char *option)
{
    char name[64] = "FRUGAL_";
    size_t n = strlen(name);
    for (; *option != '\0' && n + 1 < sizeof(name); option++)
        name[n++] = *option == '-' ? '_' : (char)toupper((unsigned char)*option);
    name[n] = '\0';
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* Where an option stands in frugal.yaml. The other keys are scope's, for other commands. */
static const struct {
    const char *option, *group, *key;
} CONFIG_KEYS[] = {
    { "region", "place", "region" }, { "zone", "place", "zone" },
    { "pue", "place", "pue" },       { "intensity", "place", "intensity_g_per_kwh" },
    { "ledger", NULL, "ledger" },    { "model", NULL, "model" },
    { "threads", NULL, "threads" },
};

int fr_config_load(fr_cli *cli, fr_err *err)
{
    static const char *const KEYS[] = { "goals", "quality_floor", "budget", "law",     "place",
                                        "work",  "ledger",        "model",  "threads", NULL };
    static const char *const PLACE[] = { "region", "zone", "intensity_g_per_kwh", "pue", NULL };
    char *folder = fr_path_config();
    char *paths[2] = { fr_dup("frugal.yaml"), fr_path_join(folder, "config.yaml") };
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        if (!fr_file_exists(paths[i]))
            continue;
        rc = fr_doc_load(paths[i], &cli->config[i], err);
        if (rc == 0)
            rc = fr_doc_check_keys(fr_doc_root(cli->config[i]), KEYS, err);
        if (rc == 0)
            rc = fr_doc_check_keys(fr_node_get(fr_doc_root(cli->config[i]), "place"), PLACE, err);
    }
    free(paths[0]);
    free(paths[1]);
    free(folder);
    return rc;
}

const char *fr_config_text(const fr_cli *cli, const char *option)
{
    for (size_t k = 0; k < FR_COUNT_OF(CONFIG_KEYS); k++) {
        if (strcmp(CONFIG_KEYS[k].option, option) != 0)
            continue;
        for (int i = 0; i < 2; i++) {
            const fr_node *node = cli->config[i] != NULL ? fr_doc_root(cli->config[i]) : NULL;
            if (CONFIG_KEYS[k].group != NULL)
                node = fr_node_get(node, CONFIG_KEYS[k].group);
            node = fr_node_get(node, CONFIG_KEYS[k].key);
            if (node != NULL && node->kind == FR_NODE_SCALAR)
                return node->text;
        }
    }
    return NULL;
}

/* The value that counts. A value outside the flags that does not convert counts as not there;
 * fr_cli_main() has refused it before the command began. */
static bool find_arg(const fr_cli *cli, const char *name, fr_arg *out)
{
    const fr_option *o = find_option(cli, name, strlen(name), 0);
    assert(o != NULL && "a command asks for an option that its table does not have");
    for (size_t i = cli->n_given; i-- > 0;) {
        if (cli->given[i].option == o) {
            *out = cli->given[i];
            return true;
        }
    }
    const char *text = fr_env_text(name);
    if (text == NULL)
        text = fr_config_text(cli, name);
    return text != NULL && convert(o, text, name, out, NULL) == 0;
}

bool fr_arg_given(const fr_cli *cli, const char *name)
{
    fr_arg arg;
    return find_arg(cli, name, &arg);
}

bool fr_arg_flag(const fr_cli *cli, const char *name)
{
    fr_arg arg;
    return find_arg(cli, name, &arg) && strcmp(arg.text, "0") != 0 &&
           strcmp(arg.text, "false") != 0;
}

const char *fr_arg_text(const fr_cli *cli, const char *name, const char *otherwise)
{
    fr_arg arg;
    return find_arg(cli, name, &arg) ? arg.text : otherwise;
}

long long fr_arg_i64(const fr_cli *cli, const char *name, long long otherwise)
{
    fr_arg arg;
    return find_arg(cli, name, &arg) ? arg.i64 : otherwise;
}

double fr_arg_f64(const fr_cli *cli, const char *name, double otherwise)
{
    fr_arg arg;
    return find_arg(cli, name, &arg) ? arg.f64 : otherwise;
}

const char *fr_arg_list(const fr_cli *cli, const char *name, size_t i)
{
    const fr_option *o = find_option(cli, name, strlen(name), 0);
    assert(o != NULL);
    for (size_t k = 0; k < cli->n_given; k++) {
        if (cli->given[k].option == o && i-- == 0)
            return cli->given[k].text;
    }
    return NULL;
}

char **fr_arg_rest(const fr_cli *cli, size_t *n)
{
    if (n != NULL)
        *n = cli->n_rest;
    return cli->rest;
}

int fr_arg_need(const fr_cli *cli, size_t i, const char *what, const char **out, fr_err *err)
{
    if (i >= cli->n_rest) {
        char hint[128];
        snprintf(hint, sizeof(hint), "`frugal %s --help` shows examples.", cli->command->name);
        return fr_fail(err, FR_E_USAGE, hint, "%s is missing", what);
    }
    *out = cli->rest[i];
    return 0;
}

int fr_arg_need_text(const fr_cli *cli, const char *name, const char **out, fr_err *err)
{
    *out = fr_arg_text(cli, name, NULL);
    if (*out != NULL)
        return 0;
    const fr_option *o = find_option(cli, name, strlen(name), 0);
    char hint[128];
    snprintf(hint, sizeof(hint), "`frugal %s --help` shows examples.", cli->command->name);
    return fr_fail(err, FR_E_USAGE, hint, "--%s %s is missing: %s", name, o->value, o->help);
}

const char *const *fr_cli_argv(const fr_cli *cli)
{
    return (const char *const *)cli->argv;
}
