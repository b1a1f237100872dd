/* Prompts that stand in files. */
#include <ctype.h>
#include <string.h>

#include "base/doc.h"
#include "base/file.h"
#include "prompt/prompt_file.h"
#include "text/jinja.h"

#define MOST_BYTES ((size_t)4 << 20)

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
    if (ends_with_one_of(name, JINJA) || fr_str_find(text, FR_STR("{%"), &at))
        return FR_PROMPT_FORM_JINJA;
    if (!has_field(text) && fr_str_find(text, FR_STR("{{"), &at))
        return FR_PROMPT_FORM_JINJA;
    return FR_PROMPT_FORM_F_STRING;
}

int fr_prompt_text_render(fr_str text, const char *name, const fr_prompt_file_options *options,
                          const json_t *vars, fr_buf *out, fr_err *err)
{
    fr_prompt_file_options o = options != NULL ? *options : (fr_prompt_file_options){ 0 };
    if (o.form == FR_PROMPT_FORM_NONE)
        o.form = form_of(text, name);
    if (o.form == FR_PROMPT_FORM_F_STRING)
        return fr_jinja_format(text, name, vars, out, err);
    FR_AUTOPTR(fr_jinja) jinja = NULL;
    FR_TRY(fr_jinja_new(
        text,
        &(fr_jinja_options){ .name = name, .strict = o.strict, .keep_newlines = o.keep_newlines },
        &jinja, err));
    return fr_jinja_render(jinja, vars, out, err);
}

/* {"template": …} as LangChain saves it; its partial variables stand below the given ones. */
static int render_saved(const char *path, fr_str saved, const fr_prompt_file_options *options,
                        const json_t *vars, fr_buf *out, fr_err *err)
{
    static const char *const FORMS[] = { "f-string", "jinja2", NULL };
    FR_AUTOPTR(fr_doc) doc = NULL;
    FR_TRY(fr_doc_parse(saved.at, saved.n, path, &doc, err));
    const fr_node *root = fr_doc_root(doc);
    const char *template = NULL;
    int form = 0;
    fr_prompt_file_options o = options != NULL ? *options : (fr_prompt_file_options){ 0 };
    FR_TRY(fr_doc_get_text(root, "template", true, &template, err));
    FR_TRY(fr_doc_get_word(root, "template_format", false, FORMS, &form, err));
    if (o.form == FR_PROMPT_FORM_NONE)
        o.form = form == 1 ? FR_PROMPT_FORM_JINJA : FR_PROMPT_FORM_F_STRING;
    o.keep_newlines = true;
    json_t *all = json_object();
    const fr_node *partial = fr_node_get(root, "partial_variables");
    for (size_t i = 0; partial != NULL && partial->kind == FR_NODE_MAP && i < partial->n; i++)
        if (partial->at[i]->kind == FR_NODE_SCALAR)
            json_object_set_new(all, partial->at[i]->key, json_string(partial->at[i]->text));
    if (vars != NULL)
        json_object_update(all, (json_t *)(uintptr_t)vars);
    int rc = fr_prompt_text_render(fr_str_of(template), path, &o, all, out, err);
    json_decref(all);
    return rc;
}

int fr_prompt_file_render(const char *path, const fr_prompt_file_options *options,
                          const json_t *vars, fr_buf *out, fr_err *err)
{
    static const char *const SAVED[] = { ".json", ".yaml", ".yml", NULL };
    FR_AUTO(fr_buf) text = { 0 };
    FR_TRY(fr_file_read(path, MOST_BYTES, &text, err));
    if (ends_with_one_of(path, SAVED))
        return render_saved(path, fr_buf_str(&text), options, vars, out, err);
    return fr_prompt_text_render(fr_buf_str(&text), path, options, vars, out, err);
}
