/* What the words of `frugal prompt` share: variables, forms, text out. */
#ifndef FR_CLI_PROMPT_GIVEN_H
#define FR_CLI_PROMPT_GIVEN_H

#include "cli/cli.h"
#include "prompt/prompt_file.h"

#define FR_OPTIONS_PROMPT_VARS                                                                     \
    { "vars", 0, FR_OPTION_TEXT, "FILE", "JSON object with the variables (-: stdin)" },            \
    {                                                                                              \
        "set", 0, FR_OPTION_LIST, "NAME=TEXT", "one variable more; several times"                  \
    }
#define FR_OPTIONS_PROMPT_FORM                                                                     \
    { "format", 0, FR_OPTION_TEXT, "FORM",                                                         \
      "jinja, f-string or mustache (by name, else content)" },                                     \
    {                                                                                              \
        "keep-newlines", 0, FR_OPTION_FLAG, NULL, "Jinja: line ends and blanks beside {% %} stay"  \
    }

/** --vars and --set into an object. */
int fr_prompt_vars_given(fr_cli *cli, json_t *vars, fr_err *err);
/** --format and --keep-newlines. */
int fr_prompt_options_given(fr_cli *cli, fr_prompt_file_options *out, fr_err *err);
/** Bytes to stdout, all of them or an error. */
int fr_prompt_put_text(const fr_buf *text, fr_err *err);
/** One JSON document to stdout; takes o. */
int fr_prompt_put_json(fr_cli *cli, json_t *o, fr_err *err);

#endif
