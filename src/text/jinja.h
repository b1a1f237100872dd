/**
 * text/jinja.h: Jinja templates, rendered to the byte as Jinja2 does in the way that Hugging Face
 * transformers sets it up for chat templates: sandboxed and immutable, trim_blocks, lstrip_blocks,
 * loop controls, raise_exception(), strftime_now(), tojson without HTML escapes, {% generation %}.
 *
 *     FR_AUTOPTR(fr_jinja) chat = NULL;
 *     FR_TRY(fr_jinja_new(source, &(fr_jinja_options){ .name = "chat.jinja" }, &chat, err));
 *     json_t *vars = json_pack("{s:[{s:s,s:s}],s:b}", "messages", "role", "user", "content",
 *                              "Hello", "add_generation_prompt", 1);
 *     FR_AUTO(fr_buf) text = { 0 };
 *     int rc = fr_jinja_render(chat, vars, &text, err);
 *     json_decref(vars);
 *
 * What there is: every statement of Jinja2 but include, import, extends (a template here stands
 * alone) and autoescape true; all filters but random, lipsum, pprint and urlize; all tests; the
 * methods of str, list, tuple and dict that change nothing. Numbers, lists and dicts print as in
 * Python. Characters are code points. Integers have 64 bits; beyond is an error, never a wrong
 * number.
 *
 * A template may be hostile: steps, nesting, memory and output are bounded, and it sees nothing
 * but its variables and, through strftime_now(), the clock.
 */
#ifndef FR_TEXT_JINJA_H
#define FR_TEXT_JINJA_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

typedef struct fr_jinja fr_jinja;

/** Zero means the default. */
typedef struct fr_jinja_options {
    const char *name;    /* of the template, for errors; borrowed for the call ("template") */
    bool keep_newlines;  /* no trim_blocks, no lstrip_blocks: as plain Jinja2 is set up */
    bool keep_last;      /* keep_trailing_newline */
    bool strict;         /* a variable that is not there is an error as soon as it is printed,
                            tested or looped over (StrictUndefined) */
    uint64_t steps;      /* most steps of a render (20,000,000) */
    size_t depth;        /* most nesting of expressions, blocks and calls while rendering (2,000) */
    size_t memory_bytes; /* most memory of a render (256 MiB) */
    size_t output_bytes; /* most text that comes out, or is captured (64 MiB) */
    int64_t now_s;       /* what strftime_now() takes for the time (the clock's) */
} fr_jinja_options;

/**
 * Reads a template.
 *
 * source  UTF-8; borrowed for the call. At most 4 MiB.
 * out     owned, fr_jinja_free(). Immutable: any number of threads may render it.
 * Errors  FR_E_FORMAT "NAME:LINE:COLUMN: …" where Jinja2 raises TemplateSyntaxError;
 *         FR_E_UNSUPPORTED for what is left out; FR_E_LIMIT for one that is nested too deep.
 */
int fr_jinja_new(fr_str source, const fr_jinja_options *options, fr_jinja **out, fr_err *err);
void fr_jinja_free(fr_jinja *t);
FR_AUTOPTR_DEFINE(fr_jinja);

/**
 * Renders it.
 *
 * vars    an object, borrowed: its members are the template's variables. NULL: none.
 * out     appended to; untouched on failure.
 * Errors  "NAME:LINE:COLUMN: …": FR_E_FAILED where Jinja2 raises (raise_exception too: its text is
 *         the message); FR_E_LIMIT when a limit was reached.
 */
int fr_jinja_render(const fr_jinja *t, const json_t *vars, fr_buf *out, fr_err *err);

/**
 * Fills an f-string template, "Hello {name}, {price:.2f} {{braces}}", as Python's
 * template.format(**vars) does.
 *
 * template  UTF-8; name stands in errors for the file's name; vars as above.
 * out       appended to; untouched on failure.
 * Errors    "NAME:LINE:COLUMN: …", FR_E_FAILED: no such variable, or the form is wrong.
 */
int fr_jinja_format(fr_str template, const char *name, const json_t *vars, fr_buf *out,
                    fr_err *err);

/** Whether a variable of that name stands anywhere in the template: "tools", "enable_thinking". It
 * may be one that the template sets itself. */
bool fr_jinja_mentions(const fr_jinja *t, const char *variable);
/** Adds, as keys with true, the names that a render looks up in its variables: what Jinja2's
 * meta.find_undeclared_variables() tells, less the functions that are always there. */
void fr_jinja_names(const fr_jinja *t, json_t *names);

#endif
