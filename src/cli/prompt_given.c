/* What the words of `frugal prompt` share. */
#include "cli/prompt_given.h"

#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"

#define MOST_VARS_BYTES ((size_t)64 << 20)

static int read_vars_file(const char *path, json_t *vars, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    json_error_t error;
    FR_TRY(fr_file_read(path, MOST_VARS_BYTES, &text, err));
    json_t *given = json_loadb(fr_buf_text(&text), text.n, JSON_ALLOW_NUL, &error);
    int rc = 0;
    if (given == NULL)
        rc = fr_fail(err, FR_E_FORMAT, NULL, "%s:%d:%d: %s", path, error.line, error.column,
                     error.text);
    else if (!json_is_object(given))
        rc = fr_fail(err, FR_E_FORMAT, "Write {\"name\": value, …}.",
                     "%s: the variables must be one JSON object", path);
    else
        json_object_update(vars, given);
    json_decref(given);
    return rc;
}

int fr_prompt_vars_given(fr_cli *cli, json_t *vars, fr_err *err)
{
    const char *path = fr_arg_text(cli, "vars", NULL);
    if (path != NULL)
        FR_TRY(read_vars_file(path, vars, err));
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

int fr_prompt_options_given(fr_cli *cli, fr_prompt_file_options *out, fr_err *err)
{
    static const char *const FORMS[] = { "jinja", "f-string", "mustache", NULL };
    static const fr_prompt_form IDS[] = { FR_PROMPT_FORM_JINJA, FR_PROMPT_FORM_F_STRING,
                                          FR_PROMPT_FORM_MUSTACHE };
    const char *form = fr_arg_text(cli, "format", NULL);
    out->keep_newlines = fr_arg_flag(cli, "keep-newlines");
    for (size_t i = 0; form != NULL && FORMS[i] != NULL; i++)
        if (strcmp(form, FORMS[i]) == 0)
            out->form = IDS[i];
    if (form == NULL || out->form != FR_PROMPT_FORM_NONE)
        return 0;
    return fr_fail(err, FR_E_USAGE, "There are jinja, f-string and mustache.",
                   "--format '%s' is unknown", form);
}

int fr_prompt_put_text(const fr_buf *text, fr_err *err)
{
    fwrite(fr_buf_text(text), 1, text->n, stdout);
    return fflush(stdout) == 0 ? 0 : fr_fail_errno(err, NULL, "cannot write the output");
}

int fr_prompt_put_json(fr_cli *cli, json_t *o, fr_err *err)
{
    return fr_cli_put_json(cli, o) == 0 ? 0
                                        : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
}
