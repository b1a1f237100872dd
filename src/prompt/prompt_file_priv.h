/* Shared between the files that read, fill and write prompt files. */
#ifndef FR_PROMPT_PROMPT_FILE_PRIV_H
#define FR_PROMPT_PROMPT_FILE_PRIV_H

#include "prompt/prompt_file.h"

#define FR_PROMPT_MOST_BYTES ((size_t)4 << 20)  /* of one file */
#define FR_PROMPT_MOST_ALL   ((size_t)64 << 20) /* of all that a prompt reads, and of a filling */
enum { FR_PROMPT_DEEPEST = 16 };                /* files that name files */

/*
 * A prompt, whatever it was written in, is one of these trees:
 *
 *   template  {"template", "format", "partial": {}, "validate": bool, "stated": []?, "kept": {}}
 *   few_shot  {"prefix", "suffix", "separator", "format", "partial", "validate", "stated"?, "kept",
 *              "examples": [{}], "example_prompt": template}
 *   chat      {"messages": [message], "partial", "stated"?, "kept"}
 *   message   {"role", "chat": bool, "prompt": template}   role: human, ai, system; chat: any
 *             {"role", "content"}                          fixed text
 *             {"placeholder": name, "optional": bool, "n": number?}
 *
 * kept: name, metadata and tags, which mean nothing here but are saved again.
 */
struct fr_prompt_file {
    fr_prompt_kind kind;
    fr_prompt_file_options options;
    bool plain;   /* a template file of its own, not a saved prompt */
    char *name;   /* as it was opened, for errors */
    char *main;   /* bare */
    json_t *tree; /* as above */
    json_t *sources;
};

/* JSON or YAML (by the name's ending) as a tree. */
int fr_saved_parse(fr_str text, const char *name, json_t **out, fr_err *err);
/* The same for YAML alone: plain scalars are what PyYAML's safe_load takes them for. */
int fr_saved_parse_yaml(fr_str text, const char *name, json_t **out, fr_err *err);
/* As Python's json.dumps(indent=…) and PyYAML's dump(default_flow_style=False) write it. */
void fr_saved_put_json(const json_t *o, int indent, fr_buf *out);
int fr_saved_put_yaml(const json_t *o, fr_buf *out, fr_err *err);

/* Reads a saved prompt's parsed file into p->kind and p->tree. dir NULL: no other files. */
int fr_saved_read(fr_prompt_file *p, const char *dir, json_t *config, fr_err *err);

typedef struct {
    const char *name; /* stands in errors */
    bool strict, keep_newlines, plain;
} fr_template_use;
/* Fills one template of a format with variables. */
int fr_template_fill(fr_str text, const char *format, const fr_template_use *use,
                     const json_t *vars, fr_buf *out, fr_err *err);
/* Reads it, and adds the names of its variables to an object (as keys). */
int fr_template_names(fr_str text, const char *format, const fr_template_use *use, json_t *names,
                      fr_err *err);
/* Fields of an f-string one by one; a literal piece comes with field.n = 0 and braces undone. */
typedef int (*fr_field_fn)(void *user, fr_str literal, fr_str field, fr_str conversion, fr_str spec,
                           fr_err *err);
int fr_f_string_walk(fr_str text, const char *name, bool plain, fr_field_fn fn, void *user,
                     fr_err *err);
/* "NAME:LINE:COLUMN: …" */
int fr_template_fail(fr_str text, const char *name, size_t at, fr_err *err, const char *hint,
                     const char *what);

/* Mustache (mustache.github.io/mustache.5.html) as langchain-core renders it: no lambdas, no
 * partials. */
int fr_mustache_fill(fr_str text, const char *name, const json_t *vars, fr_buf *out, fr_err *err);
int fr_mustache_names(fr_str text, const char *name, json_t *names, fr_err *err);

/* Examples in a template's text, in order; a shot ends behind its blank line. */
typedef struct {
    size_t from, to;
} fr_template_shot;
enum { FR_TEMPLATE_MOST_SHOTS = 256 };
size_t fr_template_shots(fr_str text, fr_template_shot *out, size_t most);

/* Variables below, then above: a new object. */
json_t *fr_vars_over(const json_t *below, const json_t *above);
/* The nearest of an object's keys, as a hint, when err names a variable in '…'. */
void fr_hint_nearest(fr_err *err, const json_t *vars);

fr_str fr_json_str(const json_t *text);

#endif
