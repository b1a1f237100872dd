/**
 * prompt/prompt_file.h: prompts that stand in files, filled with variables: Jinja, f-strings, and
 * the JSON or YAML that LangChain saves a prompt as.
 *
 *     FR_AUTO(fr_buf) text = { 0 };
 *     FR_TRY(fr_prompt_file_render("ask.jinja", NULL, vars, &text, err));
 */
#ifndef FR_PROMPT_PROMPT_FILE_H
#define FR_PROMPT_PROMPT_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include "base/buf.h"

typedef enum {
    FR_PROMPT_FORM_NONE, /* by the file's name, else by what stands in it */
    FR_PROMPT_FORM_JINJA,
    FR_PROMPT_FORM_F_STRING
} fr_prompt_form;

typedef struct {
    fr_prompt_form form;
    bool strict;        /* Jinja: a variable that is not there is an error */
    bool keep_newlines; /* Jinja: no trim_blocks and lstrip_blocks (LangChain's way) */
} fr_prompt_file_options;

/**
 * path     a file, at most 4 MiB. .jinja .jinja2 .j2: Jinja. .json .yaml .yml: a saved prompt,
 *          {"template": …, "template_format": "f-string" or "jinja2", "partial_variables": {…}}.
 *          Any other: Jinja when a {% stands in it, or a {{ and no {name}; else an f-string.
 * options  may be NULL.
 * vars     an object, borrowed; NULL: none.
 * out      appended to; untouched on failure.
 * Errors   with file, line and column.
 */
int fr_prompt_file_render(const char *path, const fr_prompt_file_options *options,
                          const json_t *vars, fr_buf *out, fr_err *err);
/** The same for a prompt that is in memory; name stands in errors. */
int fr_prompt_text_render(fr_str text, const char *name, const fr_prompt_file_options *options,
                          const json_t *vars, fr_buf *out, fr_err *err);

#endif
