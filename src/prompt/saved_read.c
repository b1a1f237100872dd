/* What LangChain saved, in any of its ways of saying it, to the one tree of prompt_file_priv.h. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"
#include "prompt/prompt_file_priv.h"

typedef struct {
    fr_prompt_file *p;
    const char *dir;                      /* NULL: no other files may be read */
    const char *file;                     /* being read, for errors */
    const char *stack[FR_PROMPT_DEEPEST]; /* files being read, outermost first */
    size_t n_stack, read_bytes;
    fr_err *err;
} reader;

static int wrong(const reader *r, const char *where, const char *hint, const char *what)
{
    return fr_fail(r->err, FR_E_FORMAT, hint, "%s: %s%s%s", r->file, where,
                   where[0] != '\0' ? ": " : "", what);
}

/* ---- files beside it --------------------------------------------------------------------- */

/* Refuses what would lead out of the folder, before and after links are followed. */
static int confine(const reader *r, const char *path, char **real, fr_err *err)
{
    static const char HINT[] = "Put it into the prompt's own folder, or below it.";
    if (r->dir == NULL)
        return fr_fail(err, FR_E_FORMAT, NULL, "%s names the file '%s', and may name none here",
                       r->file, path);
    if (path[0] == '\0' || path[0] == '/')
        return fr_fail(err, FR_E_FORMAT, HINT, "%s: the path '%s' is %s", r->file, path,
                       path[0] == '\0' ? "empty" : "absolute");
    for (fr_str rest = fr_str_of(path), part; fr_str_next(&rest, '/', &part);)
        if (fr_str_is(part, ".."))
            return fr_fail(err, FR_E_FORMAT, HINT,
                           "%s: the path '%s' leads out of the folder by ..", r->file, path);
    char *joined = fr_path_join(r->dir, path), *root = realpath(r->dir, NULL);
    *real = root != NULL ? realpath(joined, NULL) : NULL;
    int rc = *real != NULL ? 0 : fr_fail_errno(err, NULL, "%s: cannot open '%s'", r->file, path);
    size_t n = root != NULL ? strlen(root) : 0;
    if (rc == 0 && !(strcmp(root, "/") == 0 || (strncmp(*real, root, n) == 0 && (*real)[n] == '/')))
        rc = fr_fail(err, FR_E_FORMAT, HINT, "%s: '%s' is a link that leads out of the folder",
                     r->file, path);
    if (rc != 0) {
        free(*real);
        *real = NULL;
    }
    free(joined);
    free(root);
    return rc;
}

static int read_beside(reader *r, const char *path, fr_buf *out)
{
    char *real = NULL;
    FR_TRY(confine(r, path, &real, r->err));
    int rc = fr_file_read(real, FR_PROMPT_MOST_BYTES, out, r->err);
    free(real);
    r->read_bytes += out->n;
    if (rc == 0 && r->read_bytes > FR_PROMPT_MOST_ALL)
        rc = fr_fail(r->err, FR_E_LIMIT, NULL, "%s: the files that it names are more than 64 MiB",
                     r->file);
    json_t *text = rc == 0 ? json_stringn(fr_buf_text(out), out->n) : NULL;
    if (rc == 0 && text == NULL)
        rc = fr_fail(r->err, FR_E_FORMAT, "Save it as UTF-8.", "'%s' is not UTF-8", path);
    if (rc == 0)
        json_object_set_new(r->p->sources, path, text);
    return rc;
}

static bool ends_with(const char *path, const char *ending)
{
    return fr_str_ends(fr_str_of(path), fr_str_of(ending));
}

/* Text under KEY, or in the .txt file that KEY_path names. Absent: *out stays NULL. Owned. */
static int take_template(reader *r, const json_t *config, const char *key, const char *where,
                         json_t **out)
{
    char name[32], what[160];
    snprintf(name, sizeof(name), "%s_path", key);
    const json_t *text = json_object_get(config, key), *path = json_object_get(config, name);
    if (text != NULL && path != NULL) {
        snprintf(what, sizeof(what), "both %s and %s are given", key, name);
        return wrong(r, where, NULL, what);
    }
    if (path != NULL) {
        FR_AUTO(fr_buf) bytes = { 0 };
        if (!json_is_string(path) || !ends_with(json_string_value(path), ".txt")) {
            snprintf(what, sizeof(what), "%s must name a .txt file", name);
            return wrong(r, where, NULL, what);
        }
        FR_TRY(read_beside(r, json_string_value(path), &bytes));
        *out = json_stringn(fr_buf_text(&bytes), bytes.n);
        return 0;
    }
    if (text != NULL && !json_is_string(text)) {
        snprintf(what, sizeof(what), "%s must be text", key);
        return wrong(r, where, NULL, what);
    }
    *out = text != NULL ? json_incref((json_t *)(uintptr_t)text) : NULL;
    return 0;
}

/* ---- pieces that all kinds have ---------------------------------------------------------- */

static int take_format(reader *r, const json_t *config, const char *where, bool mustache,
                       const char **out)
{
    static const char *const FORMATS[] = { "f-string", "jinja2", "mustache", NULL };
    const json_t *v = json_object_get(config, "template_format");
    *out = FORMATS[0];
    if (v == NULL || json_is_null(v))
        return 0;
    for (size_t i = 0; i < (mustache ? 3 : 2); i++)
        if (fr_str_is(fr_json_str(v), FORMATS[i])) {
            *out = FORMATS[i];
            return 0;
        }
    char hint[96];
    const char *near = json_is_string(v) ? fr_nearest(json_string_value(v), FORMATS) : NULL;
    snprintf(hint, sizeof(hint), "There are f-string, jinja2 and mustache.");
    if (near != NULL)
        snprintf(hint, sizeof(hint), "Did you mean '%s'?", near);
    return wrong(r, where, hint, "template_format is unknown");
}

/* partial_variables, input_variables, validate_template, and what is only kept. */
static int take_common(reader *r, const json_t *config, const char *where, json_t *tree)
{
    static const char *const KEPT[] = { "name", "metadata", "tags" };
    json_t *partial = json_object_get(config, "partial_variables"),
           *stated = json_object_get(config, "input_variables"),
           *validate = json_object_get(config, "validate_template"),
           *parser = json_object_get(config, "output_parser"), *kept = json_object();
    json_object_set_new(tree, "kept", kept);
    for (size_t i = 0; i < FR_COUNT_OF(KEPT); i++) {
        json_t *v = json_object_get(config, KEPT[i]);
        json_object_set(kept, KEPT[i], v != NULL ? v : json_null());
    }
    if (partial != NULL && !json_is_null(partial) && !json_is_object(partial))
        return wrong(r, where, NULL, "partial_variables must be names with values");
    if (json_is_object(partial))
        json_object_set(tree, "partial", partial);
    else
        json_object_set_new(tree, "partial", json_object());
    if (stated != NULL && !json_is_null(stated)) {
        size_t i;
        json_t *name;
        if (!json_is_array(stated))
            return wrong(r, where, NULL, "input_variables must be a list of names");
        json_array_foreach(stated, i, name)
        {
            if (!json_is_string(name))
                return wrong(r, where, NULL, "input_variables must be a list of names");
        }
        json_object_set(tree, "stated", stated);
    }
    if (validate != NULL && !json_is_boolean(validate) && !json_is_null(validate))
        return wrong(r, where, NULL, "validate_template must be true or false");
    json_object_set_new(tree, "validate", json_boolean(json_is_true(validate)));
    const json_t *parser_type = json_object_get(parser, "_type");
    if (parser != NULL && !json_is_null(parser) && !fr_str_is(fr_json_str(parser_type), "default"))
        return fr_fail(r->err, FR_E_UNSUPPORTED, "Take output_parser out of the file.",
                       "%s: an output_parser is code, and code of a file is not run", r->file);
    return 0;
}

/* All templates are read once, so that a broken one is told before it is filled; the names that
 * validate_template asks for are held against those that are stated. */
static int check_template(reader *r, const json_t *tree, fr_str text, const char *where)
{
    char name[512];
    snprintf(name, sizeof(name), "%s%s%s", r->file, where[0] != '\0' ? " " : "", where);
    json_t *names = json_object();
    const fr_template_use use = { .name = name, .keep_newlines = true };
    const char *format = json_string_value(json_object_get(tree, "format"));
    int rc = fr_template_names(text, format, &use, names, r->err);
    const json_t *partial = json_object_get(tree, "partial");
    json_t *stated = json_object_get(tree, "stated"), *one, *known = json_object();
    const char *need;
    size_t i;
    json_array_foreach(stated, i, one)
        json_object_set_new(known, json_string_value(one), json_true());
    json_object_foreach(names, need, one)
    {
        if (rc != 0 || !json_is_true(json_object_get(tree, "validate")) ||
            json_object_get(known, need) != NULL || json_object_get(partial, need) != NULL)
            continue;
        rc = fr_fail(r->err, FR_E_FORMAT, NULL,
                     "%s: the variable '%s' is not among its input_variables", name, need);
        fr_hint_nearest(r->err, known);
    }
    json_decref(names);
    json_decref(known);
    return rc;
}

/* ---- lc: 1, type: constructor ------------------------------------------------------------ */

static bool is_lc(const json_t *config)
{
    return json_is_object(config) && json_is_integer(json_object_get(config, "lc"));
}

/* The class and its kwargs. */
static int open_lc(reader *r, const json_t *config, const char *where, const char **class,
                   const json_t **kwargs)
{
    const json_t *id = json_object_get(config, "id"), *type = json_object_get(config, "type");
    size_t n = json_array_size(id);
    if (json_integer_value(json_object_get(config, "lc")) != 1)
        return wrong(r, where, NULL, "lc must be 1");
    if (fr_str_is(fr_json_str(type), "secret"))
        return fr_fail(r->err, FR_E_UNSUPPORTED, NULL, "%s: a prompt names a secret", r->file);
    if (!fr_str_is(fr_json_str(type), "constructor"))
        return fr_fail(r->err, FR_E_UNSUPPORTED,
                       "LangChain could not write this object; save it in another way.",
                       "%s: type is '%.40s', not constructor", r->file,
                       json_is_string(type) ? json_string_value(type) : "");
    *kwargs = json_object_get(config, "kwargs");
    *class = n > 0 ? json_string_value(json_array_get(id, n - 1)) : NULL;
    if (*class == NULL || !json_is_object(*kwargs))
        return wrong(r, where, NULL, "id and kwargs are missing");
    return 0;
}

static int unknown_class(reader *r, const char *class)
{
    return fr_fail(r->err, FR_E_UNSUPPORTED,
                   "There are PromptTemplate, ChatPromptTemplate and its text messages.",
                   "%s: a %.60s cannot be read", r->file, class);
}

/* ---- a template -------------------------------------------------------------------------- */

static int read_text(reader *r, const json_t *config, const char *where, const char *format,
                     json_t **out)
{
    const char *class = NULL;
    if (is_lc(config)) {
        FR_TRY(open_lc(r, config, where, &class, &config));
        if (strcmp(class, "PromptTemplate") != 0)
            return unknown_class(r, class);
    }
    if (!json_is_object(config))
        return wrong(r, where, NULL, "a prompt must be keys and values");
    json_t *tree = json_object(), *template = NULL;
    *out = tree; /* owned by the caller at once, whatever happens */
    if (format == NULL || json_object_get(config, "template_format") != NULL)
        FR_TRY(take_format(r, config, where, true, &format));
    json_object_set_new(tree, "format", json_string(format));
    FR_TRY(take_common(r, config, where, tree));
    FR_TRY(take_template(r, config, "template", where, &template));
    if (template == NULL)
        return wrong(r, where, "A prompt has template or template_path.", "no template is given");
    json_object_set_new(tree, "template", template);
    return check_template(r, tree, fr_json_str(template), where);
}

/* ---- few_shot ---------------------------------------------------------------------------- */

static int read_config(reader *r, json_t *config, fr_prompt_kind *kind, json_t **out);

/* Another prompt file, which may name files in turn; one that is being read already is a circle. */
static int read_prompt_file(reader *r, const char *path, fr_prompt_kind *kind, json_t **out)
{
    FR_AUTO(fr_buf) text = { 0 };
    for (size_t i = 0; i < r->n_stack; i++)
        if (strcmp(r->stack[i], path) == 0)
            return fr_fail(r->err, FR_E_FORMAT, NULL, "%s: '%s' names itself in a circle", r->file,
                           path);
    if (r->n_stack == FR_PROMPT_DEEPEST)
        return fr_fail(r->err, FR_E_LIMIT, NULL, "%s: files that name files more than %d deep",
                       r->file, FR_PROMPT_DEEPEST);
    FR_TRY(read_beside(r, path, &text));
    json_t *config = NULL;
    FR_TRY(fr_saved_parse(fr_buf_str(&text), path, &config, r->err));
    const char *outer = r->file;
    r->file = path;
    r->stack[r->n_stack++] = path;
    int rc = read_config(r, config, kind, out);
    r->n_stack--;
    r->file = outer;
    json_decref(config);
    return rc;
}

static int read_example_prompt(reader *r, const json_t *config, json_t **out)
{
    json_t *inside = json_object_get(config, "example_prompt"),
           *path = json_object_get(config, "example_prompt_path");
    fr_prompt_kind kind = FR_PROMPT_KIND_NONE;
    int rc;
    if (inside != NULL && path != NULL)
        return wrong(r, "", NULL, "both example_prompt and example_prompt_path are given");
    if (json_is_string(path))
        rc = read_prompt_file(r, json_string_value(path), &kind, out);
    else if (json_is_object(inside))
        rc = read_config(r, inside, &kind, out);
    else
        return wrong(r, "", NULL, "example_prompt is missing");
    if (rc == 0 && kind != FR_PROMPT_KIND_TEXT)
        rc = wrong(r, "example_prompt", NULL, "it must be a prompt of one template");
    return rc;
}

static int read_examples(reader *r, const json_t *config, json_t **out)
{
    json_t *examples = json_object_get(config, "examples"), *one;
    size_t i;
    if (json_is_string(examples)) {
        FR_AUTO(fr_buf) text = { 0 };
        const char *path = json_string_value(examples);
        if (!ends_with(path, ".json") && !ends_with(path, ".yaml") && !ends_with(path, ".yml"))
            return wrong(r, "examples", NULL, "the file must be .json, .yaml or .yml");
        FR_TRY(read_beside(r, path, &text));
        FR_TRY(fr_saved_parse(fr_buf_str(&text), path, out, r->err));
    } else {
        *out = json_incref(examples);
    }
    if (!json_is_array(*out))
        return wrong(r, "examples", NULL, "examples must be a list, or a file with one");
    json_array_foreach(*out, i, one)
    {
        if (!json_is_object(one))
            return wrong(r, "examples", NULL, "each example must be names with values");
    }
    return 0;
}

/* Which of the example prompt's names each example must have. */
static int check_examples(reader *r, const json_t *tree)
{
    const json_t *prompt = json_object_get(tree, "example_prompt");
    json_t *names = json_object(), *one, *example;
    const char *need;
    size_t i;
    int rc = fr_template_names(fr_json_str(json_object_get(prompt, "template")),
                               json_string_value(json_object_get(prompt, "format")),
                               &(fr_template_use){ .name = r->file, .keep_newlines = true }, names,
                               r->err);
    json_array_foreach(json_object_get(tree, "examples"), i, example)
    {
        json_object_foreach(names, need, one)
        {
            if (rc != 0 || json_object_get(example, need) != NULL ||
                json_object_get(json_object_get(prompt, "partial"), need) != NULL)
                continue;
            rc = fr_fail(r->err, FR_E_FORMAT, NULL, "%s: examples[%zu]: there is no '%s' in it",
                         r->file, i, need);
            fr_hint_nearest(r->err, example);
        }
    }
    json_decref(names);
    return rc;
}

static int read_few_shot(reader *r, const json_t *config, json_t **out)
{
    json_t *tree = json_object(), *piece = NULL,
           *selector = json_object_get(config, "example_selector");
    const char *format = NULL;
    *out = tree;
    if (selector != NULL && !json_is_null(selector))
        return fr_fail(r->err, FR_E_UNSUPPORTED, "Write the examples out, as examples: […].",
                       "%s: an example_selector is code, and code of a file is not run", r->file);
    FR_TRY(take_format(r, config, "", false, &format));
    json_object_set_new(tree, "format", json_string(format));
    FR_TRY(take_common(r, config, "", tree));
    FR_TRY(take_template(r, config, "prefix", "", &piece));
    json_object_set_new(tree, "prefix", piece != NULL ? piece : json_string(""));
    piece = NULL;
    FR_TRY(take_template(r, config, "suffix", "", &piece));
    if (piece == NULL)
        return wrong(r, "", "A few_shot prompt has suffix or suffix_path.", "no suffix is given");
    json_object_set_new(tree, "suffix", piece);
    const json_t *separator = json_object_get(config, "example_separator");
    if (separator != NULL && !json_is_string(separator))
        return wrong(r, "", NULL, "example_separator must be text");
    json_object_set_new(tree, "separator",
                        separator != NULL ? json_incref((json_t *)(uintptr_t)separator)
                                          : json_string("\n\n"));
    piece = NULL;
    int rc = read_example_prompt(r, config, &piece);
    json_object_set_new(tree, "example_prompt", piece != NULL ? piece : json_null());
    FR_TRY(rc);
    piece = NULL;
    rc = read_examples(r, config, &piece);
    json_object_set_new(tree, "examples", piece != NULL ? piece : json_null());
    FR_TRY(rc);
    FR_TRY(check_examples(r, tree));
    FR_AUTO(fr_buf) both = { 0 };
    fr_buf_put_str(&both, fr_json_str(json_object_get(tree, "prefix")));
    fr_buf_put_str(&both, fr_json_str(json_object_get(tree, "suffix")));
    return check_template(r, tree, fr_buf_str(&both), "prefix and suffix");
}

/* ---- chat -------------------------------------------------------------------------------- */

/* human, ai, system or, of others, what it is. */
static const char *role_of(const char *word)
{
    static const struct {
        const char *word, *role;
    } ROLES[] = { { "human", "human" },
                  { "user", "human" },
                  { "HumanMessagePromptTemplate", "human" },
                  { "ai", "ai" },
                  { "assistant", "ai" },
                  { "AIMessagePromptTemplate", "ai" },
                  { "system", "system" },
                  { "developer", "system" },
                  { "SystemMessagePromptTemplate", "system" },
                  { "HumanMessage", "human" },
                  { "AIMessage", "ai" },
                  { "SystemMessage", "system" } };
    for (size_t i = 0; i < FR_COUNT_OF(ROLES); i++)
        if (strcmp(word, ROLES[i].word) == 0)
            return ROLES[i].role;
    return NULL;
}

static int set_role(reader *r, const char *word, const char *where, json_t *message)
{
    const char *role = word != NULL ? role_of(word) : "human";
    if (role == NULL)
        return wrong(r, where, "There are system, human (user), ai (assistant) and placeholder.",
                     "the role is unknown");
    json_object_set_new(message, "role", json_string(role));
    json_object_set_new(message, "chat", json_false());
    return 0;
}

static int read_placeholder(reader *r, const json_t *o, const char *where, json_t *message)
{
    const json_t *name = json_object_get(o, "variable_name"), *n = json_object_get(o, "n_messages");
    if (!json_is_string(name) || json_string_length(name) == 0)
        return wrong(r, where, NULL, "variable_name must be a name");
    json_object_set(message, "placeholder", (json_t *)(uintptr_t)name);
    json_object_set_new(message, "optional",
                        json_boolean(json_is_true(json_object_get(o, "optional"))));
    if (json_is_integer(n) && json_integer_value(n) > 0)
        json_object_set(message, "n", (json_t *)(uintptr_t)n);
    else if (n != NULL && !json_is_null(n))
        return wrong(r, where, NULL, "n_messages must be a number above 0");
    return 0;
}

static int read_lc_message(reader *r, const json_t *o, const char *where, json_t *message)
{
    const char *class = NULL;
    const json_t *kwargs = NULL;
    FR_TRY(open_lc(r, o, where, &class, &kwargs));
    if (strcmp(class, "MessagesPlaceholder") == 0)
        return read_placeholder(r, kwargs, where, message);
    bool any = strncmp(class, "ChatMessage", 11) == 0; /* its role is its own */
    const json_t *prompt = json_object_get(kwargs, "prompt"),
                 *content = json_object_get(kwargs, "content"),
                 *role = json_object_get(kwargs, "role");
    if ((!any && role_of(class) == NULL) || (prompt == NULL) == (content == NULL))
        return unknown_class(r, class);
    if (any && !json_is_string(role))
        return wrong(r, where, NULL, "a role is missing");
    json_object_set_new(message, "role",
                        json_string(any ? json_string_value(role) : role_of(class)));
    json_object_set_new(message, "chat", json_boolean(any));
    if (content != NULL) {
        if (!json_is_string(content))
            return fr_fail(r->err, FR_E_UNSUPPORTED, NULL, "%s: %s: only text can be read", r->file,
                           where);
        json_object_set(message, "content", (json_t *)(uintptr_t)content);
        return 0;
    }
    json_t *tree = NULL;
    int rc = json_is_array(prompt)
                 ? fr_fail(r->err, FR_E_UNSUPPORTED, NULL,
                           "%s: %s: a message of several parts cannot be read", r->file, where)
                 : read_text(r, prompt, where, NULL, &tree);
    if (tree != NULL)
        json_object_set_new(message, "prompt", tree);
    return rc;
}

/* A template that stands as bare text. */
static int set_text(reader *r, const json_t *text, const char *format, const char *where,
                    json_t *message)
{
    json_t *tree = NULL;
    if (!json_is_string(text))
        return wrong(r, where, NULL, "a message must be text");
    json_t *config = json_object();
    json_object_set(config, "template", (json_t *)(uintptr_t)text);
    int rc = read_text(r, config, where, format, &tree);
    json_decref(config);
    json_object_set_new(message, "prompt", tree);
    return rc;
}

static int read_pair(reader *r, const json_t *pair, const char *format, const char *where,
                     json_t *message)
{
    const json_t *role = json_array_get(pair, 0), *text = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_string(role))
        return wrong(r, where, NULL, "a message must be [role, text]");
    if (!fr_str_is(fr_json_str(role), "placeholder")) {
        FR_TRY(set_role(r, json_string_value(role), where, message));
        return set_text(r, text, format, where, message);
    }
    bool optional = true;
    if (json_is_array(text) && json_array_size(text) == 2) {
        optional = json_is_true(json_array_get(text, 1));
        text = json_array_get(text, 0);
    }
    fr_str s = fr_json_str(text);
    if (s.n < 3 || s.at[0] != '{' || s.at[s.n - 1] != '}')
        return wrong(r, where, NULL, "a placeholder is a name in braces");
    json_object_set_new(message, "placeholder", json_stringn(s.at + 1, s.n - 2));
    json_object_set_new(message, "optional", json_boolean(optional));
    return 0;
}

static int read_message(reader *r, const json_t *o, const char *format, const char *where,
                        json_t *message)
{
    if (is_lc(o))
        return read_lc_message(r, o, where, message);
    if (json_is_array(o))
        return read_pair(r, o, format, where, message);
    if (json_is_string(o)) {
        FR_TRY(set_role(r, NULL, where, message));
        return set_text(r, o, format, where, message);
    }
    if (!json_is_object(o))
        return wrong(r, where, NULL, "a message must be text, [role, text] or keys with values");
    if (json_object_get(o, "variable_name") != NULL)
        return read_placeholder(r, o, where, message);
    const json_t *role = json_object_get(o, "role"), *prompt = json_object_get(o, "prompt");
    if (role == NULL)
        role = json_object_get(o, "type");
    FR_TRY(set_role(r, json_string_value(role), where, message));
    if (prompt != NULL) {
        json_t *tree = NULL;
        int rc = read_text(r, prompt, where, NULL, &tree);
        if (tree != NULL)
            json_object_set_new(message, "prompt", tree);
        return rc;
    }
    const json_t *text = json_object_get(o, "template");
    return set_text(r, text != NULL ? text : json_object_get(o, "content"), format, where, message);
}

static int read_chat(reader *r, const json_t *config, json_t **out)
{
    json_t *messages = json_object_get(config, "messages"), *one, *list = json_array();
    const char *format = NULL;
    size_t i;
    *out = json_object();
    json_object_set_new(*out, "messages", list);
    FR_TRY(take_common(r, config, "", *out));
    FR_TRY(take_format(r, config, "", true, &format));
    if (!json_is_array(messages) || json_array_size(messages) == 0)
        return wrong(r, "", NULL, "messages must be a list with something in it");
    json_array_foreach(messages, i, one)
    {
        char where[48];
        snprintf(where, sizeof(where), "messages[%zu]", i);
        json_t *message = json_object();
        json_array_append_new(list, message);
        FR_TRY(read_message(r, one, format, where, message));
    }
    return 0;
}

/* ---- any of them ------------------------------------------------------------------------- */

static int read_config(reader *r, json_t *config, fr_prompt_kind *kind, json_t **out)
{
    static const char *const KINDS[] = { "prompt", "few_shot", "chat", NULL };
    const char *class = NULL;
    if (!json_is_object(config))
        return wrong(r, "", "It should begin with _type: prompt, few_shot or chat.",
                     "not a saved prompt");
    if (is_lc(config)) {
        const json_t *kwargs = NULL;
        FR_TRY(open_lc(r, config, "", &class, &kwargs));
        *kind =
            strcmp(class, "ChatPromptTemplate") == 0 ? FR_PROMPT_KIND_CHAT : FR_PROMPT_KIND_TEXT;
        return *kind == FR_PROMPT_KIND_CHAT ? read_chat(r, kwargs, out)
                                            : read_text(r, config, "", NULL, out);
    }
    json_t *type = json_object_get(config, "_type");
    const char *word = type != NULL ? json_string_value(type) : "prompt";
    if (word == NULL)
        return wrong(r, "", NULL, "_type must be text");
    if (strcmp(word, "prompt") == 0) {
        *kind = FR_PROMPT_KIND_TEXT;
        return read_text(r, config, "", NULL, out);
    }
    *kind = strcmp(word, "chat") == 0 ? FR_PROMPT_KIND_CHAT : FR_PROMPT_KIND_FEW_SHOT;
    if (*kind == FR_PROMPT_KIND_CHAT)
        return read_chat(r, config, out);
    if (strcmp(word, "few_shot") == 0)
        return read_few_shot(r, config, out);
    const char *near = fr_nearest(word, KINDS);
    char hint[96], what[128];
    snprintf(hint, sizeof(hint), "There are prompt, few_shot and chat.");
    if (near != NULL)
        snprintf(hint, sizeof(hint), "Did you mean '%s'?", near);
    snprintf(what, sizeof(what), "the _type '%.60s' is unknown", word);
    return wrong(r, "", hint, what);
}

int fr_saved_read(fr_prompt_file *p, const char *dir, json_t *config, fr_err *err)
{
    reader r = {
        .p = p, .dir = dir, .file = p->name, .stack = { p->main }, .n_stack = 1, .err = err
    };
    return read_config(&r, config, &p->kind, &p->tree);
}
