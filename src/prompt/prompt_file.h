/**
 * prompt/prompt_file.h: prompts that stand in files, filled with variables: Jinja, f-strings,
 * mustache, and the JSON or YAML that LangChain saves a prompt as.
 *
 *     FR_AUTO(fr_buf) text = { 0 };
 *     FR_TRY(fr_prompt_file_render("ask.jinja", NULL, vars, &text, err));
 *
 * or, to look at it first:
 *
 *     FR_AUTOPTR(fr_prompt_file) prompt = NULL;
 *     FR_TRY(fr_prompt_file_open("ask.yaml", NULL, &prompt, err));
 *     FR_TRY(fr_prompt_file_fill(prompt, vars, &text, err));
 *
 * What LangChain's files may say (held against langchain-core, tests/fixtures/prompt):
 *   _type: prompt     template or template_path (.txt), template_format, partial_variables
 *   _type: few_shot   examples (a list, or a .json or .yaml file), example_prompt(_path),
 *                     prefix(_path), suffix(_path), example_separator
 *   _type: chat       messages: [role, text] pairs, {role, prompt | template | content},
 *                     {variable_name, optional, n_messages}
 *   lc: 1, type: constructor, id, kwargs   what langchain_core.load.dumps writes of PromptTemplate
 *                     and ChatPromptTemplate
 * A file is data: nothing of it is ever run. Paths in it are taken from the folder of the file that
 * is opened, and may not lead out of that folder: not by .., not absolute, not by a link.
 */
#ifndef FR_PROMPT_PROMPT_FILE_H
#define FR_PROMPT_PROMPT_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

typedef enum {
    FR_PROMPT_FORM_NONE, /* by the file's name, else by what stands in it */
    FR_PROMPT_FORM_JINJA,
    FR_PROMPT_FORM_F_STRING,
    FR_PROMPT_FORM_MUSTACHE
} fr_prompt_form;

typedef struct {
    fr_prompt_form form;
    bool strict;        /* Jinja: a variable that is not there is an error */
    bool keep_newlines; /* Jinja: no trim_blocks and lstrip_blocks (LangChain's way) */
} fr_prompt_file_options;

typedef enum fr_prompt_kind {
    FR_PROMPT_KIND_NONE,
    FR_PROMPT_KIND_TEXT, /* one template */
    FR_PROMPT_KIND_FEW_SHOT,
    FR_PROMPT_KIND_CHAT
} fr_prompt_kind;

/** Immutable; any number of threads may fill it. */
typedef struct fr_prompt_file fr_prompt_file;

/**
 * path     a file, at most 4 MiB. .jinja .jinja2 .j2: Jinja. .mustache: that. .json .yaml .yml: as
 *          LangChain saves it. Any other: Jinja when a {% stands in it, or a {{ and no {name};
 *          else an f-string.
 * options  may be NULL.
 * out      owned, fr_prompt_file_free(). Every template in it was read: what is broken is told now.
 * Errors   FR_E_FORMAT with file, line and column, or the key of a saved prompt.
 */
int fr_prompt_file_open(const char *path, const fr_prompt_file_options *options,
                        fr_prompt_file **out, fr_err *err);
/** The same for one that is in memory. name stands in errors, and its ending tells the form; dir is
 * where the files that it names are looked for (NULL: it may name none). */
int fr_prompt_text_open(fr_str text, const char *name, const char *dir,
                        const fr_prompt_file_options *options, fr_prompt_file **out, fr_err *err);
void fr_prompt_file_free(fr_prompt_file *p);
FR_AUTOPTR_DEFINE(fr_prompt_file);

fr_prompt_kind fr_prompt_file_kind(const fr_prompt_file *p);
/** "f-string", "jinja2", "mustache", "few_shot", "chat". Static. */
const char *fr_prompt_file_form(const fr_prompt_file *p);
/** {path: text} of the file and of all that it read, paths from its folder; the file itself by its
 * bare name. Borrowed. */
const json_t *fr_prompt_file_sources(const fr_prompt_file *p);
const char *fr_prompt_file_main(const fr_prompt_file *p); /* the bare name */
/** Names that a rendering needs, sorted; with optional those that it may do without as well (of
 * Jinja, mustache and placeholders an unset variable is no error). Owned array of strings. */
json_t *fr_prompt_file_names(const fr_prompt_file *p);
/** Values that the file itself gives to variables. Borrowed object. */
const json_t *fr_prompt_file_partial(const fr_prompt_file *p);
/** What the file says that its variables are; NULL: it does not say. Borrowed array. */
const json_t *fr_prompt_file_stated(const fr_prompt_file *p);

/**
 * Fills it. Of a chat, as langchain-core's format(): "Human: …" a message, parted by line ends.
 *
 * vars    an object, borrowed; NULL: none. They go before the file's own partial variables.
 * out     appended to; untouched on failure.
 * Errors  FR_E_FAILED names the variable that has no value, and the nearest that has one.
 */
int fr_prompt_file_fill(const fr_prompt_file *p, const json_t *vars, fr_buf *out, fr_err *err);
/** Of a chat its messages, [{"role": "system" | "user" | "assistant" | …, "content"}]; of others
 * one of the user. *out owned. */
int fr_prompt_file_messages(const fr_prompt_file *p, const json_t *vars, json_t **out, fr_err *err);

/** The examples of a few_shot prompt; of a template the blocks before the last one that look like
 * it
 * ("Text: …", "Label: …", a blank line), 256 at most; 0 of a chat. */
size_t fr_prompt_file_n_examples(const fr_prompt_file *p);
/** The same prompt without its i-th example; SIZE_MAX: without any. *out owned. */
int fr_prompt_file_less(const fr_prompt_file *p, size_t i, fr_prompt_file **out, fr_err *err);

/** Its own template: of a few_shot what stands before the examples; of a chat none. Borrowed. */
fr_str fr_prompt_file_template(const fr_prompt_file *p);
/** The same prompt with that template exchanged, which is read at once. *out owned. */
int fr_prompt_file_with_template(const fr_prompt_file *p, fr_str text, fr_prompt_file **out,
                                 fr_err *err);

typedef enum fr_prompt_save_form {
    FR_PROMPT_SAVE_NONE, /* by the name: .json .yaml .yml .jinja .j2 .mustache, else f-string */
    FR_PROMPT_SAVE_LANGCHAIN, /* _type: prompt, few_shot, chat; JSON or YAML by the name */
    FR_PROMPT_SAVE_LC,        /* lc: 1, type: constructor; JSON */
    FR_PROMPT_SAVE_JINJA,
    FR_PROMPT_SAVE_F_STRING,
    FR_PROMPT_SAVE_MUSTACHE
} fr_prompt_save_form;
/**
 * The prompt in another form, where that says the same. JSON is byte for byte what langchain-core's
 * save() and dumps(pretty=True) write; YAML is folded at other places where a long text has to
 * stand in double quotes. Files that it read are written out in it.
 *
 * name    ends as the file that is to be written: .yaml gives YAML.
 * Errors  FR_E_UNSUPPORTED tells what the other form cannot say.
 */
int fr_prompt_file_save(const fr_prompt_file *p, fr_prompt_save_form form, const char *name,
                        fr_buf *out, fr_err *err);

/** Opens and fills. */
int fr_prompt_file_render(const char *path, const fr_prompt_file_options *options,
                          const json_t *vars, fr_buf *out, fr_err *err);
int fr_prompt_text_render(fr_str text, const char *name, const fr_prompt_file_options *options,
                          const json_t *vars, fr_buf *out, fr_err *err);

#endif
