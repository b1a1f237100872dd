/* Prompts that stand in files: opened, looked at, filled. */
#include "prompt/prompt_file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "prompt/prompt_file_priv.h"
#include "text/utf8.h"

static const char *const FORMATS[] = { NULL, "jinja2", "f-string", "mustache" };

static bool ends_with_one_of(const char *path, const char *const *ends)
{
    for (size_t i = 0; ends[i] != NULL; i++)
        if (fr_str_ends(fr_str_of(path), fr_str_of(ends[i])))
            return true;
    return false;
}

/* "{name" with a single brace: a field of an f-string. */
static bool has_field(fr_str s)
{
    for (size_t i = 0; i + 1 < s.n; i++) {
        if (s.at[i] != '{')
            continue;
        if (s.at[i + 1] == '{') {
            i++;
            continue;
        }
        size_t n = i + 1;
        while (n < s.n && (isalnum((unsigned char)s.at[n]) || s.at[n] == '_'))
            n++;
        if (n > i + 1 && n < s.n && strchr("}!:.[", s.at[n]) != NULL && s.at[n] != '\0')
            return true;
    }
    return false;
}

static fr_prompt_form form_of(fr_str text, const char *name)
{
    static const char *const JINJA[] = { ".jinja", ".jinja2", ".j2", NULL };
    size_t at = 0;
    if (fr_str_ends(fr_str_of(name), FR_STR(".mustache")))
        return FR_PROMPT_FORM_MUSTACHE;
    if (ends_with_one_of(name, JINJA) || fr_str_find(text, FR_STR("{%"), &at))
        return FR_PROMPT_FORM_JINJA;
    if (!has_field(text) && fr_str_find(text, FR_STR("{{"), &at))
        return FR_PROMPT_FORM_JINJA;
    return FR_PROMPT_FORM_F_STRING;
}

static const char *bare_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static fr_template_use use_of(const fr_prompt_file *p)
{
    return (fr_template_use){ .name = p->name,
                              .strict = p->options.strict,
                              .keep_newlines = !p->plain || p->options.keep_newlines,
                              .plain = p->plain };
}

static int open_plain(fr_prompt_file *p, fr_str text, fr_err *err)
{
    fr_prompt_form form =
        p->options.form != FR_PROMPT_FORM_NONE ? p->options.form : form_of(text, p->name);
    fr_template_use use = use_of(p);
    json_t *names = json_object();
    int rc = fr_template_names(text, FORMATS[form], &use, names, err);
    json_decref(names);
    FR_TRY(rc);
    p->kind = FR_PROMPT_KIND_TEXT;
    p->tree = json_pack("{s:o, s:s, s:{}, s:b}", "template", json_stringn(text.at, text.n),
                        "format", FORMATS[form], "partial", "validate", 0);
    return 0;
}

int fr_prompt_text_open(fr_str text, const char *name, const char *dir,
                        const fr_prompt_file_options *options, fr_prompt_file **out, fr_err *err)
{
    static const char *const SAVED[] = { ".json", ".yaml", ".yml", NULL };
    FR_AUTOPTR(fr_prompt_file) p = FR_NEW(fr_prompt_file);
    p->name = fr_dup(name);
    p->main = fr_dup(bare_name(name));
    p->sources = json_object();
    p->plain = !ends_with_one_of(name, SAVED);
    if (options != NULL)
        p->options = *options;
    if (text.at == NULL)
        text = FR_STR("");
    if (text.n > FR_PROMPT_MOST_BYTES)
        return fr_fail(err, FR_E_LIMIT, NULL, "%s: larger than the 4 MiB that a prompt may have",
                       name);
    if (!fr_utf8_valid(text))
        return fr_template_fail(text, name, fr_utf8_valid_prefix(text), err,
                                "Save the prompt as UTF-8.", "a byte that is not UTF-8");
    const char *nul = text.n != 0 ? memchr(text.at, '\0', text.n) : NULL;
    if (nul != NULL)
        return fr_template_fail(text, name, (size_t)(nul - text.at), err, "A prompt is text.",
                                "a NUL character");
    json_object_set_new(p->sources, p->main, json_stringn(text.at, text.n));
    if (p->plain) {
        FR_TRY(open_plain(p, text, err));
    } else {
        json_t *config = NULL;
        FR_TRY(fr_saved_parse(text, name, &config, err));
        int rc = fr_saved_read(p, dir, config, err);
        json_decref(config);
        FR_TRY(rc);
        if (p->kind == FR_PROMPT_KIND_TEXT && p->options.form != FR_PROMPT_FORM_NONE)
            json_object_set_new(p->tree, "format", json_string(FORMATS[p->options.form]));
    }
    *out = p;
    p = NULL;
    return 0;
}

int fr_prompt_file_open(const char *path, const fr_prompt_file_options *options,
                        fr_prompt_file **out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    FR_TRY(fr_file_read(path, FR_PROMPT_MOST_BYTES, &text, err));
    char *dir = fr_path_dir(path);
    int rc = fr_prompt_text_open(fr_buf_str(&text), path, dir, options, out, err);
    free(dir);
    return rc;
}

void fr_prompt_file_free(fr_prompt_file *p)
{
    if (p == NULL)
        return;
    json_decref(p->tree);
    json_decref(p->sources);
    free(p->name);
    free(p->main);
    free(p);
}

/* ---- looking at it ----------------------------------------------------------------------- */

fr_prompt_kind fr_prompt_file_kind(const fr_prompt_file *p)
{
    return p->kind;
}

const char *fr_prompt_file_form(const fr_prompt_file *p)
{
    if (p->kind == FR_PROMPT_KIND_FEW_SHOT)
        return "few_shot";
    if (p->kind == FR_PROMPT_KIND_CHAT)
        return "chat";
    const char *format = json_string_value(json_object_get(p->tree, "format"));
    for (size_t i = 1; i < FR_COUNT_OF(FORMATS); i++)
        if (strcmp(format, FORMATS[i]) == 0)
            return FORMATS[i];
    return "f-string";
}

const json_t *fr_prompt_file_sources(const fr_prompt_file *p)
{
    return p->sources;
}

const char *fr_prompt_file_main(const fr_prompt_file *p)
{
    return p->main;
}

const json_t *fr_prompt_file_partial(const fr_prompt_file *p)
{
    return json_object_get(p->tree, "partial");
}

const json_t *fr_prompt_file_stated(const fr_prompt_file *p)
{
    return json_object_get(p->tree, "stated");
}

/* Adds the names of one template that its own partial variables do not fill. */
static void add_names(const fr_prompt_file *p, const json_t *tree, fr_str text, json_t *names)
{
    fr_template_use use = use_of(p);
    json_t *own = json_object(), *one;
    const char *name;
    /* was read when the file was opened: it cannot fail now */
    fr_template_names(text, json_string_value(json_object_get(tree, "format")), &use, own, NULL);
    json_object_foreach(own, name, one)
    {
        if (json_object_get(json_object_get(tree, "partial"), name) == NULL)
            json_object_set_new(names, name, json_true());
    }
    json_decref(own);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *sorted_names(const json_t *names)
{
    size_t n = 0;
    const char **list = FR_NEW_N(const char *, json_object_size(names) + 1), *name;
    json_t *out = json_array(), *one;
    json_object_foreach((json_t *)(uintptr_t)names, name, one) list[n++] = name;
    fr_sort(list, n, sizeof(*list), by_text);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(out, json_string(list[i]));
    free(list);
    return out;
}

/* All that is in a few_shot's template: what stands around the examples, and what they leave. */
static void few_shot_names(const fr_prompt_file *p, json_t *names)
{
    FR_AUTO(fr_buf) both = { 0 };
    fr_buf_put_str(&both, fr_json_str(json_object_get(p->tree, "prefix")));
    fr_buf_put_str(&both, fr_json_str(json_object_get(p->tree, "suffix")));
    add_names(p, p->tree, fr_buf_str(&both), names);
}

json_t *fr_prompt_file_names(const fr_prompt_file *p)
{
    json_t *names = json_object(), *message;
    const json_t *partial = json_object_get(p->tree, "partial");
    size_t i;
    if (p->kind == FR_PROMPT_KIND_TEXT)
        add_names(p, p->tree, fr_json_str(json_object_get(p->tree, "template")), names);
    if (p->kind == FR_PROMPT_KIND_FEW_SHOT)
        few_shot_names(p, names);
    json_array_foreach(json_object_get(p->tree, "messages"), i, message)
    {
        const json_t *prompt = json_object_get(message, "prompt"),
                     *placeholder = json_object_get(message, "placeholder");
        if (prompt != NULL)
            add_names(p, prompt, fr_json_str(json_object_get(prompt, "template")), names);
        if (placeholder != NULL && !json_is_true(json_object_get(message, "optional")))
            json_object_set_new(names, json_string_value(placeholder), json_true());
    }
    if (p->kind == FR_PROMPT_KIND_CHAT) {
        const char *name;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)partial, name, value) json_object_del(names, name);
    }
    json_t *out = sorted_names(names);
    json_decref(names);
    return out;
}

size_t fr_prompt_file_n_examples(const fr_prompt_file *p)
{
    fr_template_shot shots[FR_TEMPLATE_MOST_SHOTS];
    if (p->kind == FR_PROMPT_KIND_TEXT)
        return fr_template_shots(fr_prompt_file_template(p), shots, FR_COUNT_OF(shots));
    return json_array_size(json_object_get(p->tree, "examples"));
}

/* Owned. */
static fr_prompt_file *copy_of(const fr_prompt_file *p)
{
    fr_prompt_file *copy = FR_NEW(fr_prompt_file);
    *copy = *p;
    copy->name = fr_dup(p->name);
    copy->main = fr_dup(p->main);
    copy->sources = json_deep_copy(p->sources);
    copy->tree = json_deep_copy(p->tree);
    return copy;
}

static int less_text(const fr_prompt_file *p, size_t which, fr_prompt_file **out, fr_err *err)
{
    fr_template_shot shots[FR_TEMPLATE_MOST_SHOTS];
    FR_AUTO(fr_buf) rest = { 0 };
    fr_str text = fr_prompt_file_template(p);
    size_t n = fr_template_shots(text, shots, FR_COUNT_OF(shots)), at = 0;
    for (size_t i = 0; i < n; i++) {
        if (which != SIZE_MAX && which != i)
            continue;
        fr_buf_put(&rest, text.at + at, shots[i].from - at);
        at = shots[i].to;
    }
    fr_buf_put(&rest, text.at + at, text.n - at);
    return fr_prompt_file_with_template(p, fr_buf_str(&rest), out, err);
}

int fr_prompt_file_less(const fr_prompt_file *p, size_t i, fr_prompt_file **out, fr_err *err)
{
    if (i != SIZE_MAX && i >= fr_prompt_file_n_examples(p))
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "%s: there is no example %zu", p->name, i);
    if (p->kind == FR_PROMPT_KIND_TEXT)
        return less_text(p, i, out, err);
    *out = copy_of(p);
    json_t *examples = json_object_get((*out)->tree, "examples");
    if (i == SIZE_MAX)
        json_array_clear(examples);
    else
        json_array_remove(examples, i);
    return 0;
}

static const char *template_key(const fr_prompt_file *p)
{
    return p->kind == FR_PROMPT_KIND_FEW_SHOT ? "prefix" : "template";
}

fr_str fr_prompt_file_template(const fr_prompt_file *p)
{
    return fr_json_str(json_object_get(p->tree, template_key(p)));
}

int fr_prompt_file_with_template(const fr_prompt_file *p, fr_str text, fr_prompt_file **out,
                                 fr_err *err)
{
    fr_template_use use = use_of(p);
    json_t *names = json_object(), *value = json_stringn(text.at, text.n);
    const char *format = json_string_value(json_object_get(p->tree, "format"));
    int rc =
        p->kind == FR_PROMPT_KIND_CHAT || value == NULL
            ? fr_fail(err, FR_E_UNSUPPORTED, NULL, "%s: it has no template to exchange", p->name)
            : fr_template_names(text, format, &use, names, err);
    json_decref(names);
    if (rc != 0) {
        json_decref(value);
        return rc;
    }
    *out = copy_of(p);
    json_object_set_new((*out)->tree, template_key(p), value);
    if (p->plain)
        json_object_set((*out)->sources, p->main, value);
    return 0;
}

/* ---- filling ----------------------------------------------------------------------------- */

/* One of the templates inside, with its own partial variables below the given ones. */
static int fill_tree(const fr_prompt_file *p, const json_t *tree, fr_str text, const char *where,
                     const json_t *vars, fr_buf *out, fr_err *err)
{
    char name[512];
    snprintf(name, sizeof(name), "%s%s%s", p->name, where[0] != '\0' ? " " : "", where);
    fr_template_use use = use_of(p);
    use.name = name;
    json_t *all = fr_vars_over(json_object_get(tree, "partial"), vars);
    int rc = fr_template_fill(text, json_string_value(json_object_get(tree, "format")), &use, all,
                              out, err);
    json_decref(all);
    return rc;
}

/* As langchain-core: the filled examples become part of the template, which is then filled. */
static int fill_few_shot(const fr_prompt_file *p, const json_t *vars, fr_buf *out, fr_err *err)
{
    FR_AUTO(fr_buf) whole = { .limit_bytes = FR_PROMPT_MOST_ALL };
    const json_t *prompt = json_object_get(p->tree, "example_prompt");
    fr_str separator = fr_json_str(json_object_get(p->tree, "separator")),
           prefix = fr_json_str(json_object_get(p->tree, "prefix")),
           suffix = fr_json_str(json_object_get(p->tree, "suffix"));
    bool begun = prefix.n > 0;
    json_t *example;
    size_t i;
    fr_buf_put_str(&whole, prefix);
    json_array_foreach(json_object_get(p->tree, "examples"), i, example)
    {
        FR_AUTO(fr_buf) text = { 0 };
        char where[48];
        snprintf(where, sizeof(where), "examples[%zu]", i);
        FR_TRY(fill_tree(p, prompt, fr_json_str(json_object_get(prompt, "template")), where,
                         example, &text, err));
        if (text.n == 0)
            continue;
        if (begun)
            fr_buf_put_str(&whole, separator);
        fr_buf_put_str(&whole, fr_buf_str(&text));
        begun = true;
    }
    if (suffix.n > 0 && begun)
        fr_buf_put_str(&whole, separator);
    fr_buf_put_str(&whole, suffix);
    if (whole.full)
        return fr_fail(err, FR_E_LIMIT, NULL, "%s: its examples fill more than 64 MiB", p->name);
    int rc = fill_tree(p, p->tree, fr_buf_str(&whole), "with its examples", vars, out, err);
    if (rc != 0 && err != NULL && err->hint[0] == '\0' && i > 0)
        snprintf(err->hint, sizeof(err->hint),
                 "Examples are part of the template: braces in them are to be doubled, {{ and }}.");
    return rc;
}

static const char *shown_role(const char *role)
{
    static const struct {
        const char *role, *shown;
    } ROLES[] = { { "human", "Human" },
                  { "ai", "AI" },
                  { "system", "System" },
                  { "tool", "Tool" },
                  { "function", "Function" } };
    for (size_t i = 0; i < FR_COUNT_OF(ROLES); i++)
        if (strcmp(role, ROLES[i].role) == 0)
            return ROLES[i].shown;
    return role;
}

static void put_message(json_t *out, const char *role, bool any, fr_str content)
{
    json_array_append_new(out, json_pack("{s:s, s:b, s:o}", "role", role, "chat", any, "content",
                                         json_stringn(content.at, content.n)));
}

/* Text of a content: a string, or a list of text parts. */
static bool put_content(const json_t *content, fr_buf *out)
{
    const json_t *part;
    size_t i;
    if (json_is_string(content))
        fr_buf_put_str(out, fr_json_str(content));
    else if (json_is_array(content)) {
        json_array_foreach((json_t *)(uintptr_t)content, i, part)
        {
            const json_t *text = json_is_object(part) ? json_object_get(part, "text") : part;
            if (!json_is_string(text))
                return false;
            fr_buf_put_str(out, fr_json_str(text));
        }
    } else {
        return content == NULL || json_is_null(content);
    }
    return true;
}

/* human, ai, system, tool, function; of others NULL. */
static const char *given_role(const char *word)
{
    static const struct {
        const char *word, *role;
    } ROLES[] = { { "human", "human" },  { "user", "human" },          { "ai", "ai" },
                  { "assistant", "ai" }, { "system", "system" },       { "developer", "system" },
                  { "tool", "tool" },    { "function", "function" },   { "HumanMessage", "human" },
                  { "AIMessage", "ai" }, { "SystemMessage", "system" } };
    for (size_t i = 0; i < FR_COUNT_OF(ROLES); i++)
        if (strcmp(word, ROLES[i].word) == 0)
            return ROLES[i].role;
    return NULL;
}

/* A message that a variable gives: text, [role, text], {"role" or "type", "content"}, lc. */
static int put_given(const json_t *one, const char *where, json_t *out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    const json_t *role = NULL, *content = NULL, *calls = NULL;
    if (json_is_string(one)) {
        content = one;
    } else if (json_is_array(one) && json_array_size(one) == 2) {
        role = json_array_get(one, 0);
        content = json_array_get(one, 1);
    } else if (json_is_object(one)) {
        const json_t *id = json_object_get(one, "id"), *kwargs = json_object_get(one, "kwargs");
        bool lc = json_is_object(kwargs) && json_array_size(id) > 0;
        role = lc ? json_array_get(id, json_array_size(id) - 1) : json_object_get(one, "role");
        if (role == NULL)
            role = json_object_get(one, "type");
        content = json_object_get(lc ? kwargs : one, "content");
        calls = json_object_get(lc ? kwargs : one, "tool_calls");
    }
    const char *known = role == NULL           ? "human"
                        : json_is_string(role) ? given_role(json_string_value(role))
                                               : NULL;
    if (known == NULL || content == NULL || (role == NULL && !json_is_string(one)))
        return fr_fail(err, FR_E_FAILED, "A message is {\"role\": \"user\", \"content\": \"…\"}.",
                       "%s: this is no message", where);
    if (!put_content(content, &text) || json_array_size(calls) != 0)
        return fr_fail(err, FR_E_UNSUPPORTED, NULL, "%s: a message that is not text alone", where);
    put_message(out, known, false, fr_buf_str(&text));
    return 0;
}

static int put_placeholder(const fr_prompt_file *p, const json_t *message, const json_t *vars,
                           json_t *out, fr_err *err)
{
    const char *name = json_string_value(json_object_get(message, "placeholder"));
    const json_t *value = json_object_get(vars, name);
    json_int_t most = json_integer_value(json_object_get(message, "n"));
    if (value == NULL) {
        if (json_is_true(json_object_get(message, "optional")))
            return 0;
        int rc = fr_fail(err, FR_E_FAILED, NULL,
                         "%s: there is no value for '%s', a list of messages", p->name, name);
        fr_hint_nearest(err, vars);
        return rc;
    }
    if (!json_is_array(value))
        return fr_fail(err, FR_E_FAILED, NULL, "%s: '%s' must be a list of messages", p->name,
                       name);
    size_t n = json_array_size(value);
    for (size_t i = most > 0 && (size_t)most < n ? n - (size_t)most : 0; i < n; i++) {
        char where[160];
        snprintf(where, sizeof(where), "%.100s[%zu]", name, i);
        FR_TRY(put_given(json_array_get(value, i), where, out, err));
    }
    return 0;
}

/* [{"role", "chat", "content"}] with LangChain's roles. */
static int chat_messages(const fr_prompt_file *p, const json_t *vars, json_t *out, fr_err *err)
{
    json_t *message;
    size_t i;
    json_array_foreach(json_object_get(p->tree, "messages"), i, message)
    {
        FR_AUTO(fr_buf) text = { 0 };
        char where[48];
        snprintf(where, sizeof(where), "messages[%zu]", i);
        const json_t *prompt = json_object_get(message, "prompt");
        if (json_object_get(message, "placeholder") != NULL) {
            FR_TRY(put_placeholder(p, message, vars, out, err));
            continue;
        }
        if (prompt != NULL)
            FR_TRY(fill_tree(p, prompt, fr_json_str(json_object_get(prompt, "template")), where,
                             vars, &text, err));
        else
            fr_buf_put_str(&text, fr_json_str(json_object_get(message, "content")));
        put_message(out, json_string_value(json_object_get(message, "role")),
                    json_is_true(json_object_get(message, "chat")), fr_buf_str(&text));
    }
    return 0;
}

static int all_messages(const fr_prompt_file *p, const json_t *vars, json_t **out, fr_err *err)
{
    json_t *all = fr_vars_over(json_object_get(p->tree, "partial"), vars);
    *out = json_array();
    int rc = chat_messages(p, all, *out, err);
    json_decref(all);
    if (rc != 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

static int fill_chat(const fr_prompt_file *p, const json_t *vars, fr_buf *out, fr_err *err)
{
    json_t *messages = NULL, *one;
    size_t i;
    FR_TRY(all_messages(p, vars, &messages, err));
    json_array_foreach(messages, i, one)
    {
        const char *role = json_string_value(json_object_get(one, "role"));
        fr_buf_put_s(out, i != 0 ? "\n" : "");
        fr_buf_put_s(out, json_is_true(json_object_get(one, "chat")) ? role : shown_role(role));
        fr_buf_put_s(out, ": ");
        fr_buf_put_str(out, fr_json_str(json_object_get(one, "content")));
    }
    json_decref(messages);
    return 0;
}

int fr_prompt_file_fill(const fr_prompt_file *p, const json_t *vars, fr_buf *out, fr_err *err)
{
    if (p->kind == FR_PROMPT_KIND_CHAT)
        return fill_chat(p, vars, out, err);
    if (p->kind == FR_PROMPT_KIND_FEW_SHOT)
        return fill_few_shot(p, vars, out, err);
    return fill_tree(p, p->tree, fr_json_str(json_object_get(p->tree, "template")), "", vars, out,
                     err);
}

int fr_prompt_file_messages(const fr_prompt_file *p, const json_t *vars, json_t **out, fr_err *err)
{
    json_t *messages = NULL, *one;
    size_t i;
    if (p->kind != FR_PROMPT_KIND_CHAT) {
        FR_AUTO(fr_buf) text = { 0 };
        FR_TRY(fr_prompt_file_fill(p, vars, &text, err));
        *out = json_array();
        json_array_append_new(*out, json_pack("{s:s, s:o}", "role", "user", "content",
                                              json_stringn(fr_buf_text(&text), text.n)));
        return 0;
    }
    FR_TRY(all_messages(p, vars, &messages, err));
    json_array_foreach(messages, i, one)
    {
        const char *role = json_string_value(json_object_get(one, "role"));
        bool any = json_is_true(json_object_get(one, "chat"));
        if (!any && strcmp(role, "human") == 0)
            json_object_set_new(one, "role", json_string("user"));
        else if (!any && strcmp(role, "ai") == 0) /* role is gone once it was set */
            json_object_set_new(one, "role", json_string("assistant"));
        json_object_del(one, "chat");
    }
    *out = messages;
    return 0;
}

int fr_prompt_text_render(fr_str text, const char *name, const fr_prompt_file_options *options,
                          const json_t *vars, fr_buf *out, fr_err *err)
{
    FR_AUTOPTR(fr_prompt_file) p = NULL;
    FR_TRY(fr_prompt_text_open(text, name, NULL, options, &p, err));
    return fr_prompt_file_fill(p, vars, out, err);
}

int fr_prompt_file_render(const char *path, const fr_prompt_file_options *options,
                          const json_t *vars, fr_buf *out, fr_err *err)
{
    FR_AUTOPTR(fr_prompt_file) p = NULL;
    FR_TRY(fr_prompt_file_open(path, options, &p, err));
    return fr_prompt_file_fill(p, vars, out, err);
}
