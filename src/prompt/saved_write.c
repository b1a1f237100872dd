/* A prompt in another form, where that says the same. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "prompt/prompt_file_priv.h"

static fr_str text_of(const json_t *tree, const char *key)
{
    return fr_json_str(json_object_get(tree, key));
}

static bool has_partial(const json_t *tree)
{
    return json_object_size(json_object_get(tree, "partial")) != 0;
}

static int cannot(const fr_prompt_file *p, const char *hint, const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_UNSUPPORTED, hint, "%s: %s", p->name, what);
}

static void set_copy(json_t *o, const char *key, const json_t *tree, const char *from)
{
    json_t *v = json_object_get(tree, from);
    json_object_set_new(o, key, v != NULL ? json_deep_copy(v) : json_null());
}

/* Names of a template (a few_shot's prefix and suffix) that are not filled by the file itself. */
static json_t *names_of(const json_t *tree, fr_str text)
{
    fr_prompt_file one = { .kind = FR_PROMPT_KIND_TEXT, .name = (char[]){ "" } };
    json_t *copy = json_copy((json_t *)(uintptr_t)tree);
    json_object_set_new(copy, "template", json_stringn(text.at, text.n));
    one.tree = copy;
    json_t *names = fr_prompt_file_names(&one);
    json_decref(copy);
    return names;
}

/* ---- _type: prompt, few_shot, chat ------------------------------------------------------- */

/* The keys that pydantic puts first in every prompt. */
static json_t *begin_saved(const json_t *tree, json_t *names)
{
    const json_t *kept = json_object_get(tree, "kept");
    json_t *o = json_object();
    set_copy(o, "name", kept, "name");
    json_object_set_new(o, "input_variables", names);
    json_object_set_new(o, "optional_variables", json_array());
    json_object_set_new(o, "output_parser", json_null());
    set_copy(o, "partial_variables", tree, "partial");
    set_copy(o, "metadata", kept, "metadata");
    set_copy(o, "tags", kept, "tags");
    return o;
}

static json_t *saved_text(const json_t *tree, bool typed)
{
    json_t *o = begin_saved(tree, names_of(tree, text_of(tree, "template")));
    set_copy(o, "template", tree, "template");
    set_copy(o, "template_format", tree, "format");
    set_copy(o, "validate_template", tree, "validate");
    if (typed)
        json_object_set_new(o, "_type", json_string("prompt"));
    return o;
}

static json_t *saved_few_shot(const json_t *tree)
{
    FR_AUTO(fr_buf) both = { 0 };
    fr_buf_put_str(&both, text_of(tree, "prefix"));
    fr_buf_put_str(&both, text_of(tree, "suffix"));
    json_t *o = begin_saved(tree, names_of(tree, fr_buf_str(&both)));
    set_copy(o, "examples", tree, "examples");
    json_object_set_new(o, "example_selector", json_null());
    set_copy(o, "validate_template", tree, "validate");
    json_object_set_new(o, "example_prompt",
                        saved_text(json_object_get(tree, "example_prompt"), false));
    set_copy(o, "suffix", tree, "suffix");
    set_copy(o, "example_separator", tree, "separator");
    set_copy(o, "prefix", tree, "prefix");
    set_copy(o, "template_format", tree, "format");
    json_object_set_new(o, "_type", json_string("few_shot"));
    return o;
}

/* LangChain itself writes no _type: chat; this is what its loader reads of one message, and more.
 */
static int saved_chat(const fr_prompt_file *p, json_t **out, fr_err *err)
{
    json_t *list = json_array(), *message, *names = fr_prompt_file_names(p);
    size_t i;
    *out = json_object();
    json_object_set_new(*out, "input_variables", names);
    set_copy(*out, "partial_variables", p->tree, "partial");
    json_object_set_new(*out, "messages", list);
    json_object_set_new(*out, "_type", json_string("chat"));
    json_array_foreach(json_object_get(p->tree, "messages"), i, message)
    {
        json_t *o = json_object(), *n = json_object_get(message, "n");
        json_array_append_new(list, o);
        if (json_object_get(message, "placeholder") != NULL) {
            set_copy(o, "variable_name", message, "placeholder");
            set_copy(o, "optional", message, "optional");
            if (n != NULL)
                json_object_set(o, "n_messages", n);
            continue;
        }
        if (json_object_get(message, "prompt") == NULL ||
            json_is_true(json_object_get(message, "chat")))
            return cannot(p, "Write it as lc: --to lc.",
                          "_type: chat has no fixed messages and no roles of one's own", err);
        set_copy(o, "role", message, "role");
        json_object_set_new(o, "prompt", saved_text(json_object_get(message, "prompt"), false));
    }
    return 0;
}

/* ---- lc: 1 ------------------------------------------------------------------------------- */

static json_t *lc_object(const char *module, const char *class, json_t *kwargs)
{
    return json_pack("{s:i, s:s, s:[s,s,s,s], s:o}", "lc", 1, "type", "constructor", "id",
                     "langchain", strcmp(module, "messages") == 0 ? "schema" : "prompts", module,
                     class, "kwargs", kwargs);
}

/* Of what LangChain keeps, the part that it writes when it was set. */
static void set_kept(json_t *k, const char *key, const json_t *tree)
{
    json_t *v = json_object_get(json_object_get(tree, "kept"), key);
    if (v != NULL && !json_is_null(v))
        json_object_set(k, key, v);
}

/* The object's own name stands behind its class where it has one. */
static json_t *lc_named(const char *module, const char *class, json_t *kwargs)
{
    json_t *o = lc_object(module, class, kwargs), *name = json_object_get(kwargs, "name");
    if (json_is_string(name))
        json_object_set(o, "name", name);
    else
        json_object_set_new(o, "name", json_string(class));
    return o;
}

static json_t *lc_text(const json_t *tree)
{
    json_t *k = json_object();
    set_kept(k, "name", tree);
    json_object_set_new(k, "input_variables", names_of(tree, text_of(tree, "template")));
    if (has_partial(tree))
        set_copy(k, "partial_variables", tree, "partial");
    set_kept(k, "metadata", tree);
    set_kept(k, "tags", tree);
    set_copy(k, "template", tree, "template");
    set_copy(k, "template_format", tree, "format");
    if (json_is_true(json_object_get(tree, "validate")))
        json_object_set_new(k, "validate_template", json_true());
    return lc_named("prompt", "PromptTemplate", k);
}

static json_t *lc_message(const json_t *message)
{
    static const struct {
        const char *role, *class, *prompt;
    } ROLES[] = { { "human", "HumanMessage", "HumanMessagePromptTemplate" },
                  { "ai", "AIMessage", "AIMessagePromptTemplate" },
                  { "system", "SystemMessage", "SystemMessagePromptTemplate" } };
    const char *role = json_string_value(json_object_get(message, "role")), *class = "ChatMessage",
               *prompt = "ChatMessagePromptTemplate";
    json_t *k = json_object();
    if (json_object_get(message, "placeholder") != NULL) {
        set_copy(k, "variable_name", message, "placeholder");
        if (json_is_true(json_object_get(message, "optional")))
            json_object_set_new(k, "optional", json_true());
        if (json_object_get(message, "n") != NULL)
            set_copy(k, "n_messages", message, "n");
        return lc_object("chat", "MessagesPlaceholder", k);
    }
    bool any = json_is_true(json_object_get(message, "chat"));
    for (size_t i = 0; !any && i < FR_COUNT_OF(ROLES); i++)
        if (strcmp(role, ROLES[i].role) == 0) {
            class = ROLES[i].class;
            prompt = ROLES[i].prompt;
        }
    if (json_object_get(message, "prompt") != NULL) {
        json_object_set_new(k, "prompt", lc_text(json_object_get(message, "prompt")));
        if (any)
            json_object_set_new(k, "role", json_string(role));
        return lc_object("chat", prompt, k);
    }
    set_copy(k, "content", message, "content");
    json_object_set_new(k, "type", json_string(any ? "chat" : role));
    if (!any && strcmp(role, "ai") == 0) {
        json_object_set_new(k, "tool_calls", json_array());
        json_object_set_new(k, "invalid_tool_calls", json_array());
    }
    if (any)
        json_object_set_new(k, "role", json_string(role));
    return lc_object("messages", class, k);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The optional placeholders' names, sorted; and the partial variables with [] for each of them. */
static void lc_optional(const json_t *tree, json_t *k)
{
    const char *names[256];
    size_t n = 0, i;
    json_t *message, *partial = json_object(), *list = json_array();
    json_array_foreach(json_object_get(tree, "messages"), i, message)
    {
        const char *name = json_string_value(json_object_get(message, "placeholder"));
        if (name == NULL || !json_is_true(json_object_get(message, "optional")) ||
            n == FR_COUNT_OF(names))
            continue;
        if (json_object_get(partial, name) == NULL)
            names[n++] = name;
        json_object_set_new(partial, name, json_array());
    }
    json_object_update(partial, json_object_get(tree, "partial"));
    fr_sort(names, n, sizeof(*names), by_text);
    for (i = 0; i < n; i++)
        json_array_append_new(list, json_string(names[i]));
    if (n != 0)
        json_object_set(k, "optional_variables", list);
    if (json_object_size(partial) != 0)
        json_object_set(k, "partial_variables", partial);
    json_decref(list);
    json_decref(partial);
}

static json_t *lc_chat(const fr_prompt_file *p)
{
    json_t *k = json_object(), *list = json_array(), *message;
    size_t i;
    set_kept(k, "name", p->tree);
    json_object_set_new(k, "input_variables", fr_prompt_file_names(p));
    lc_optional(p->tree, k);
    set_kept(k, "metadata", p->tree);
    set_kept(k, "tags", p->tree);
    json_array_foreach(json_object_get(p->tree, "messages"), i, message)
        json_array_append_new(list, lc_message(message));
    json_object_set_new(k, "messages", list);
    return lc_named("chat", "ChatPromptTemplate", k);
}

/* ---- template files ---------------------------------------------------------------------- */

typedef struct {
    const fr_prompt_file *p;
    fr_buf *out;
} jinja_writer;

static bool is_identifier(fr_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= 'A' && s.at[i] <= 'Z') ||
              s.at[i] == '_' || (i > 0 && s.at[i] >= '0' && s.at[i] <= '9')))
            return false;
    return s.n != 0;
}

/* Braces that Jinja would take for its own are printed by it. */
static int put_jinja(void *user, fr_str literal, fr_str field, fr_str conversion, fr_str spec,
                     fr_err *err)
{
    jinja_writer *w = user;
    for (size_t i = 0; i < literal.n; i++) {
        char c = literal.at[i];
        if (c == '\r')
            return cannot(w->p, NULL, "Jinja makes every line end a \\n, and this file has others",
                          err);
        if (c == '{' || c == '}')
            fr_buf_put_f(w->out, "{{ \"%c\" }}", c);
        else
            fr_buf_put_c(w->out, c);
    }
    if (field.n == 0)
        return 0;
    if (conversion.n != 0 || spec.n != 0 || !is_identifier(field))
        return cannot(w->p, NULL, "only bare {name} can be written in another form", err);
    fr_buf_put_f(w->out, "{{ %.*s }}", FR_STR_F(field));
    return 0;
}

static int f_string_to_jinja(const fr_prompt_file *p, fr_str text, fr_buf *out, fr_err *err)
{
    FR_TRY(fr_f_string_walk(text, p->name, p->plain, put_jinja, &(jinja_writer){ p, out }, err));
    if (text.n > 0 && text.at[text.n - 1] == '\n')
        fr_buf_put_c(out, '\n'); /* Jinja takes the last one off */
    return 0;
}

/* Text and bare {{ name }} alone. */
static int jinja_to_f_string(const fr_prompt_file *p, fr_str text, fr_buf *out, fr_err *err)
{
    if (text.n > 0 && text.at[text.n - 1] == '\n')
        text.n--;
    for (size_t i = 0; i < text.n; i++) {
        fr_str rest = { text.at + i, text.n - i };
        size_t close = 0;
        if (fr_str_starts(rest, FR_STR("{%")) || fr_str_starts(rest, FR_STR("{#")))
            return fr_template_fail(text, p->name, i, err, NULL,
                                    "{% and {# cannot be written as an f-string");
        if (text.at[i] == '\r')
            return cannot(p, NULL, "Jinja makes every line end a \\n, and this file has others",
                          err);
        if (fr_str_starts(rest, FR_STR("{{"))) {
            rest = (fr_str){ rest.at + 2, rest.n - 2 };
            fr_str_find(rest, FR_STR("}}"), &close);
            fr_str name = fr_str_trim((fr_str){ rest.at, close });
            if (!is_identifier(name))
                return fr_template_fail(text, p->name, i, err, NULL,
                                        "only bare {{ name }} can be written as an f-string");
            fr_buf_put_f(out, "{%.*s}", FR_STR_F(name));
            i += close + 3;
            continue;
        }
        if (text.at[i] == '{' || text.at[i] == '}')
            fr_buf_put_c(out, text.at[i]);
        fr_buf_put_c(out, text.at[i]);
    }
    return 0;
}

static int put_template(const fr_prompt_file *p, const char *format, fr_buf *out, fr_err *err)
{
    if (p->kind != FR_PROMPT_KIND_TEXT)
        return cannot(p, "Write it as .json or .yaml.",
                      "examples and messages cannot be written as one template", err);
    const char *own = json_string_value(json_object_get(p->tree, "format"));
    fr_str text = text_of(p->tree, "template");
    if (has_partial(p->tree))
        return cannot(p, "Write it as .json or .yaml, or give them when it is filled.",
                      "a template file has no partial variables", err);
    bool blocks =
        memmem(text.at, text.n, "{%", 2) != NULL || memmem(text.at, text.n, "{#", 2) != NULL;
    if (strcmp(own, format) == 0) {
        /* a .jinja file is rendered with trim_blocks, a saved prompt without */
        if (strcmp(own, "jinja2") == 0 && blocks && (!p->plain || p->options.keep_newlines))
            return cannot(p, "Write it as .json or .yaml.",
                          "line ends beside {% %} mean something else in a .jinja file", err);
        fr_buf_put_str(out, text);
        return 0;
    }
    if (strcmp(own, "f-string") == 0 && strcmp(format, "jinja2") == 0)
        return f_string_to_jinja(p, text, out, err);
    if (strcmp(own, "jinja2") == 0 && strcmp(format, "f-string") == 0)
        return jinja_to_f_string(p, text, out, err);
    return cannot(p, NULL,
                  "mustache prints values in its own way, so it cannot be written otherwise", err);
}

/* ---- choosing ---------------------------------------------------------------------------- */

static bool ends(const char *name, const char *ending)
{
    return fr_str_ends(fr_str_of(name), fr_str_of(ending));
}

static bool is_yaml(const char *name)
{
    return ends(name, ".yaml") || ends(name, ".yml");
}

static fr_prompt_save_form form_by_name(const fr_prompt_file *p, const char *name)
{
    if (ends(name, ".json"))
        return p->kind == FR_PROMPT_KIND_CHAT ? FR_PROMPT_SAVE_LC : FR_PROMPT_SAVE_LANGCHAIN;
    if (is_yaml(name))
        return FR_PROMPT_SAVE_LANGCHAIN;
    if (ends(name, ".jinja") || ends(name, ".jinja2") || ends(name, ".j2"))
        return FR_PROMPT_SAVE_JINJA;
    return ends(name, ".mustache") ? FR_PROMPT_SAVE_MUSTACHE : FR_PROMPT_SAVE_F_STRING;
}

/* What LangChain makes of a plain template file must be what we make of it. */
static int check_plain(const fr_prompt_file *p, fr_err *err)
{
    fr_str text = text_of(p->tree, "template");
    const char *format = json_string_value(json_object_get(p->tree, "format"));
    if (!p->plain)
        return 0;
    if (strcmp(format, "jinja2") == 0 && !p->options.keep_newlines &&
        (memmem(text.at, text.n, "{%", 2) != NULL || memmem(text.at, text.n, "{#", 2) != NULL))
        return cannot(p, "With --keep-newlines it is taken as LangChain takes it.",
                      "LangChain keeps line ends beside {% %}, so it would not say the same", err);
    json_t *names = json_object();
    int rc = fr_template_names(
        text, format, &(fr_template_use){ .name = p->name, .keep_newlines = true }, names, err);
    json_decref(names);
    return rc;
}

static int put_lc(const fr_prompt_file *p, const char *name, fr_buf *out, fr_err *err)
{
    if (p->kind == FR_PROMPT_KIND_FEW_SHOT)
        return cannot(p, "Write it with --to langchain.", "LangChain has no lc form of few_shot",
                      err);
    if (is_yaml(name))
        return cannot(p, NULL, "the lc form is JSON", err);
    json_t *o = p->kind == FR_PROMPT_KIND_CHAT ? lc_chat(p) : lc_text(p->tree);
    fr_saved_put_json(o, 2, out);
    json_decref(o);
    return 0;
}

static int put_langchain(const fr_prompt_file *p, const char *name, fr_buf *out, fr_err *err)
{
    json_t *o = NULL;
    int rc = 0;
    if (p->kind == FR_PROMPT_KIND_CHAT)
        rc = saved_chat(p, &o, err);
    else
        o = p->kind == FR_PROMPT_KIND_FEW_SHOT ? saved_few_shot(p->tree)
                                               : saved_text(p->tree, true);
    if (rc == 0 && is_yaml(name))
        rc = fr_saved_put_yaml(o, out, err);
    else if (rc == 0)
        fr_saved_put_json(o, 4, out);
    json_decref(o);
    return rc;
}

int fr_prompt_file_save(const fr_prompt_file *p, fr_prompt_save_form form, const char *name,
                        fr_buf *out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    if (form == FR_PROMPT_SAVE_NONE)
        form = form_by_name(p, name);
    if (form == FR_PROMPT_SAVE_LC || form == FR_PROMPT_SAVE_LANGCHAIN)
        FR_TRY(check_plain(p, err));
    if (form == FR_PROMPT_SAVE_LC)
        FR_TRY(put_lc(p, name, &text, err));
    else if (form == FR_PROMPT_SAVE_LANGCHAIN)
        FR_TRY(put_langchain(p, name, &text, err));
    else
        FR_TRY(put_template(p,
                            form == FR_PROMPT_SAVE_JINJA      ? "jinja2"
                            : form == FR_PROMPT_SAVE_MUSTACHE ? "mustache"
                                                              : "f-string",
                            &text, err));
    fr_buf_put_str(out, fr_buf_str(&text));
    return 0;
}
