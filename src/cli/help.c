/* --help, man pages and completions, all made from the rows of the commands. */
#include "cli/cli_priv.h"

#include <string.h>

static void option_left(const fr_option *o, char *out, size_t size)
{
    char letter[8] = "    ";
    if (o->letter != 0)
        snprintf(letter, sizeof(letter), "-%c, ", o->letter);
    snprintf(out, size, "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
             o->value != NULL ? o->value : "");
}

static void put_options(const fr_option *options, FILE *out)
{
    for (; options != NULL && options->name != NULL; options++) {
        char left[64];
        option_left(options, left, sizeof(left));
        if (strlen(left) > 24)
            fprintf(out, "  %s\n  %-24s  %s\n", left, "", options->help);
        else
            fprintf(out, "  %-24s  %s\n", left, options->help);
    }
}

void fr_help_all(FILE *out)
{
    fprintf(out,
            "frugal %s: the same generative-AI work with less energy and carbon, and the "
            "evidence\n\nusage: frugal COMMAND [options] [args]\n\n",
            FR_VERSION);
    for (const fr_command *const *c = fr_commands(); *c != NULL; c++)
        fprintf(out, "  %-12s %s\n", (*c)->name, (*c)->summary);
    fprintf(out, "\nEvery command: --help with examples, --json, --ledger FILE, --quiet.\n"
                 "Also: frugal --version, frugal help COMMAND, frugal --completion bash|zsh|fish.\n"
                 "Exit status: 0 done, 1 failed, 2 usage, 3 done but a target or limit was not "
                 "met.\n");
}

void fr_help_command(const fr_command *c, FILE *out)
{
    fprintf(out, "frugal %s: %s\n\nusage: frugal %s [options]%s%s\n\n", c->name, c->summary,
            c->name, c->arguments[0] != '\0' ? " " : "", c->arguments);
    for (const fr_command *const *v = c->verbs; v != NULL && *v != NULL; v++)
        fprintf(out, "  %-10s %s\n", fr_command_word(*v), (*v)->summary);
    if (c->verbs != NULL)
        fprintf(out, "\n`frugal %s WORD --help` tells the options and examples of each.\n\n",
                c->name);
    put_options(c->options, out);
    put_options(FR_COMMON_OPTIONS, out);
    fprintf(out, "\nexamples:\n");
    for (const char *line = c->examples; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        fprintf(out, "  %.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
    if (c->more != NULL)
        fprintf(out, "\n%s\n", c->more);
}

/* roff: a line may not begin with a dot or a quote, a dash is escaped. */
static void put_roff(const char *text, FILE *out)
{
    for (bool fresh = true; *text != '\0'; text++) {
        if (fresh && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '-' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
        fresh = *text == '\n';
    }
}

static void man_options(const fr_option *options, FILE *out)
{
    for (; options != NULL && options->name != NULL; options++) {
        char left[64];
        option_left(options, left, sizeof(left));
        fputs(".TP\n.B ", out);
        put_roff(left + strspn(left, " "), out);
        fputc('\n', out);
        put_roff(options->help, out);
        fputc('\n', out);
    }
}

void fr_help_man(const fr_command *c, FILE *out)
{
    if (c == NULL) {
        fprintf(out,
                ".TH FRUGAL 1 \"\" \"frugal %s\"\n.SH NAME\nfrugal \\- the same generative\\-AI "
                "work with less energy and carbon, and the evidence\n.SH SYNOPSIS\n.B frugal\n"
                "COMMAND [options] [args]\n.SH COMMANDS\n",
                FR_VERSION);
        for (const fr_command *const *each = fr_commands(); *each != NULL; each++) {
            fprintf(out, ".TP\n.BR frugal\\-%s (1)\n", (*each)->name);
            put_roff((*each)->summary, out);
            fputc('\n', out);
        }
        fputs(".SH EXIT STATUS\n0 done, 1 failed, 2 usage, 3 done but the stated target, limit or "
              "scope was not met.\n.SH FILES\n.I frugal.yaml\n(place, ledger, model, threads) in "
              "the working folder, then\n.I $XDG_CONFIG_HOME/frugal/config.yaml\n",
              out);
        return;
    }
    fprintf(out, ".TH FRUGAL\\-%s 1 \"\" \"frugal %s\"\n.SH NAME\nfrugal\\-%s \\- ", c->name,
            FR_VERSION, c->name);
    put_roff(c->summary, out);
    fprintf(out, "\n.SH SYNOPSIS\n.B frugal %s\n[options] ", c->name);
    put_roff(c->arguments, out);
    for (const fr_command *const *v = c->verbs; v != NULL && *v != NULL; v++) {
        fputs(v == c->verbs ? "\n.SH WORDS\n.TP\n.B " : "\n.TP\n.B ", out);
        put_roff(fr_command_word(*v), out);
        fputs(" [options] ", out);
        put_roff((*v)->arguments, out);
        fputc('\n', out);
        put_roff((*v)->summary, out);
        man_options((*v)->options, out);
    }
    fputs("\n.SH OPTIONS\n", out);
    man_options(c->options, out);
    man_options(FR_COMMON_OPTIONS, out);
    fputs(".SH EXAMPLES\n.nf\n", out);
    put_roff(c->examples, out);
    fputs("\n.fi\n", out);
    if (c->more != NULL) {
        fputs(".SH NOTES\n", out);
        put_roff(c->more, out);
        fputc('\n', out);
    }
}

static void bash_words(const fr_option *options, FILE *out)
{
    for (; options != NULL && options->name != NULL; options++)
        fprintf(out, " --%s", options->name);
}

static void complete_bash(FILE *out)
{
    fputs("_frugal() {\n  local cur=${COMP_WORDS[COMP_CWORD]} words\n"
          "  if [ \"$COMP_CWORD\" -eq 1 ]; then words='--help --version",
          out);
    for (const fr_command *const *c = fr_commands(); *c != NULL; c++)
        fprintf(out, " %s", (*c)->name);
    fputs("'\n  else case ${COMP_WORDS[1]} in\n", out);
    for (const fr_command *const *c = fr_commands(); *c != NULL; c++) {
        fprintf(out, "    %s) words='", (*c)->name);
        for (const char *const *s = (*c)->subcommands; s != NULL && *s != NULL; s++)
            fprintf(out, " %s", *s);
        for (const fr_command *const *v = (*c)->verbs; v != NULL && *v != NULL; v++)
            fprintf(out, " %s", fr_command_word(*v));
        bash_words((*c)->options, out);
        bash_words(FR_COMMON_OPTIONS, out);
        fputs("' ;;\n", out);
    }
    fputs("  esac; fi\n  if [ \"$COMP_CWORD\" -gt 2 ]; then case "
          "\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n",
          out);
    for (const fr_command *const *c = fr_commands(); *c != NULL; c++) {
        for (const fr_command *const *v = (*c)->verbs; v != NULL && *v != NULL; v++) {
            fprintf(out, "    \"%s\") words='", (*v)->name);
            bash_words((*v)->options, out);
            bash_words(FR_COMMON_OPTIONS, out);
            fputs("' ;;\n", out);
        }
    }
    fputs("  esac; fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
          "complete -o default -F _frugal frugal\n",
          out);
}

static void fish_options(const char *command, const fr_option *options, FILE *out)
{
    for (; options != NULL && options->name != NULL; options++) {
        fprintf(out, "complete -c frugal -n '__fish_seen_subcommand_from %s' -l %s", command,
                options->name);
        if (options->letter != 0)
            fprintf(out, " -s %c", options->letter);
        fprintf(out, "%s -d \"%s\"\n", options->kind == FR_OPTION_FLAG ? "" : " -r", options->help);
    }
}

static void complete_fish(FILE *out)
{
    for (const fr_command *const *c = fr_commands(); *c != NULL; c++) {
        fprintf(out, "complete -c frugal -n __fish_use_subcommand -a %s -d \"%s\"\n", (*c)->name,
                (*c)->summary);
        fish_options((*c)->name, (*c)->options, out);
        for (const fr_command *const *v = (*c)->verbs; v != NULL && *v != NULL; v++) {
            fprintf(out, "complete -c frugal -n '__fish_seen_subcommand_from %s' -a %s -d \"%s\"\n",
                    (*c)->name, fr_command_word(*v), (*v)->summary);
            fish_options(fr_command_word(*v), (*v)->options, out);
        }
        fish_options((*c)->name, FR_COMMON_OPTIONS, out);
    }
}

int fr_help_completion(const char *shell, FILE *out, fr_err *err)
{
    if (strcmp(shell, "bash") == 0) {
        complete_bash(out);
    } else if (strcmp(shell, "zsh") == 0) {
        fputs("#compdef frugal\nautoload -U +X bashcompinit && bashcompinit\n", out);
        complete_bash(out);
    } else if (strcmp(shell, "fish") == 0) {
        complete_fish(out);
    } else {
        return fr_fail(err, FR_E_USAGE, "Known: bash, zsh, fish.", "no completion for '%s'", shell);
    }
    return 0;
}
