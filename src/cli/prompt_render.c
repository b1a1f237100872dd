/* frugal prompt render: a prompt file filled with variables. */
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "prompt/prompt_file.h"

static const fr_option OPTIONS[] = {
    { "vars", 0, FR_OPTION_TEXT, "FILE", "JSON object with the variables (-: stdin)" },
    { "set", 0, FR_OPTION_LIST, "NAME=TEXT", "one variable more; several times" },
    { "format", 0, FR_OPTION_TEXT, "FORM", "jinja or f-string (by the file's name, else content)" },
    { "strict", 0, FR_OPTION_FLAG, NULL, "Jinja: a variable that is not there is an error" },
    { "keep-newlines", 0, FR_OPTION_FLAG, NULL, "Jinja: line ends and blanks beside {% %} stay" },
    FR_OPTIONS_END,
};

#define MOST_VARS_BYTES ((size_t)64 << 20)

static int read_vars(fr_cli *cli, json_t *vars, fr_err *err)
{
    const char *path = fr_arg_text(cli, "vars", NULL);
    FR_AUTO(fr_buf) text = { 0 };
    json_error_t error;
    if (path != NULL) {
        FR_TRY(fr_file_read(path, MOST_VARS_BYTES, &text, err));
        json_t *given = json_loadb(fr_buf_text(&text), text.n, JSON_ALLOW_NUL, &error);
        if (given == NULL || !json_is_object(given)) {
            int rc = given == NULL ? fr_fail(err, FR_E_FORMAT, NULL, "%s:%d:%d: %s", path,
                                             error.line, error.column, error.text)
                                   : fr_fail(err, FR_E_FORMAT, "Write {\"name\": value, …}.",
                                             "%s: the variables must be one JSON object", path);
            json_decref(given);
            return rc;
        }
        json_object_update(vars, given);
        json_decref(given);
    }
    for (size_t i = 0; fr_arg_list(cli, "set", i) != NULL; i++) {
        const char *pair = fr_arg_list(cli, "set", i), *value = strchr(pair, '=');
        if (value == NULL || value == pair)
            return fr_fail(err, FR_E_USAGE, "Write --set name=text.",
                           "--set '%s' names no variable", pair);
        char *name = fr_dup_n(pair, (size_t)(value - pair));
        json_t *text_value = json_string(value + 1);
        if (text_value != NULL)
            json_object_set_new(vars, name, text_value);
        free(name);
        if (text_value == NULL)
            return fr_fail(err, FR_E_USAGE, NULL, "--set '%s' is not UTF-8", pair);
    }
    return 0;
}

static int form_given(fr_cli *cli, fr_prompt_form *out, fr_err *err)
{
    static const char *const FORMS[] = { "jinja", "f-string", NULL };
    const char *form = fr_arg_text(cli, "format", NULL);
    for (int i = 0; form != NULL && FORMS[i] != NULL; i++)
        if (strcmp(form, FORMS[i]) == 0)
            *out = i == 0 ? FR_PROMPT_FORM_JINJA : FR_PROMPT_FORM_F_STRING;
    if (form != NULL && *out == FR_PROMPT_FORM_NONE)
        return fr_fail(err, FR_E_USAGE, "There are jinja and f-string.", "--format '%s' is unknown",
                       form);
    return 0;
}

static int render(fr_cli *cli, json_t *vars, fr_err *err)
{
    const char *path = NULL;
    FR_AUTO(fr_buf) text = { 0 };
    fr_prompt_file_options options = { .strict = fr_arg_flag(cli, "strict"),
                                       .keep_newlines = fr_arg_flag(cli, "keep-newlines") };
    FR_TRY(fr_arg_need(cli, 0, "a prompt file", &path, err));
    FR_TRY(form_given(cli, &options.form, err));
    FR_TRY(read_vars(cli, vars, err));
    FR_TRY(fr_prompt_file_render(path, &options, vars, &text, err));
    if (fr_cli_json(cli)) {
        json_t *o = json_object();
        json_object_set_new(o, "text", json_stringn(fr_buf_text(&text), text.n));
        return fr_cli_put_json(cli, o) == 0
                   ? 0
                   : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
    }
    fwrite(fr_buf_text(&text), 1, text.n, stdout);
    return fflush(stdout) == 0 ? 0 : fr_fail_errno(err, NULL, "cannot write the output");
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    json_t *vars = json_object();
    int rc = render(cli, vars, &err);
    json_decref(vars);
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_PROMPT_render = {
    .name = "prompt render",
    .run = run,
    .options = OPTIONS,
    .arguments = "FILE",
    .summary = "fill a prompt file (Jinja, f-string, LangChain) with variables",
    .examples = "frugal prompt render ask.jinja --vars vars.json  # the text and nothing else\n"
                "frugal prompt render ask.txt --set name=Ada  # \"Hello {name}\"\n"
                "frugal prompt render chat_template.jinja --vars conversation.json  # as "
                "transformers does\n"
                "frugal prompt render ask.jinja --vars - --strict < vars.json  # no variable may "
                "be missing\n",
    .more = "Jinja is rendered to the byte as Jinja2 does in the way that transformers sets\n"
            "it up for chat templates (trim_blocks, lstrip_blocks, sandbox,\n"
            "raise_exception, strftime_now); with --keep-newlines as plain Jinja2. A .json or\n"
            ".yaml FILE is a prompt as LangChain saves it. Templates are held in bounds of\n"
            "steps, nesting, memory and output: one that never ends is an error (status 3).",
};
