/* One template, of any of the three formats: its names and its filling. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/mem.h"
#include "prompt/prompt_file_priv.h"
#include "text/jinja.h"
#include "text/utf8.h"

fr_str fr_json_str(const json_t *text)
{
    return json_is_string(text) ? (fr_str){ json_string_value(text), json_string_length(text) }
                                : (fr_str){ "", 0 };
}

json_t *fr_vars_over(const json_t *below, const json_t *above)
{
    json_t *all = json_object();
    if (below != NULL)
        json_object_update(all, (json_t *)(uintptr_t)below);
    if (above != NULL)
        json_object_update(all, (json_t *)(uintptr_t)above);
    return all;
}

void fr_hint_nearest(fr_err *err, const json_t *vars)
{
    char word[128];
    if (err == NULL || err->hint[0] != '\0' || json_object_size(vars) == 0)
        return;
    const char *open = strchr(err->what, '\''), *end = open != NULL ? strchr(open + 1, '\'') : NULL;
    if (end == NULL)
        return;
    fr_str inside = { open + 1, (size_t)(end - open - 1) };
    while (inside.n > 0 && inside.at[0] == '{')
        inside = (fr_str){ inside.at + 1, inside.n - 1 };
    while (inside.n > 0 && inside.at[inside.n - 1] == '}')
        inside.n--;
    snprintf(word, sizeof(word), "%.*s", (int)FR_MIN(inside.n, (size_t)100), inside.at);
    const char **names = FR_NEW_N(const char *, json_object_size(vars) + 1), *name;
    size_t n = 0;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)vars, name, value) names[n++] = name;
    const char *near = fr_nearest(word, names);
    if (near != NULL && strcmp(near, word) != 0)
        snprintf(err->hint, sizeof(err->hint), "Did you mean '%.100s'?", near);
    free(names);
}

int fr_template_fail(fr_str text, const char *name, size_t at, fr_err *err, const char *hint,
                     const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < text.n; i++) {
        if (text.at[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text.at[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    return fr_fail(err, FR_E_FORMAT, hint, "%s:%zu:%zu: %s", name, line, column, what);
}

/* ---- f-strings --------------------------------------------------------------------------- */

/* Inside "{…}": the name up to ! or :, braces nest. at: behind the opening brace. Returns where the
 * closing one stands; text.n when there is none. */
static size_t field_end(fr_str text, size_t at, fr_str *field, fr_str *conversion, fr_str *spec)
{
    size_t i = at, depth = 1, colon = 0, bang = 0;
    for (; i < text.n; i++) {
        char c = text.at[i];
        if (c == '{')
            depth++;
        else if (c == '}' && --depth == 0)
            break;
        else if (c == '[' && colon == 0 && bang == 0)
            while (i + 1 < text.n && text.at[i] != ']')
                i++;
        else if (c == ':' && colon == 0)
            colon = i;
        else if (c == '!' && colon == 0 && bang == 0)
            bang = i;
    }
    size_t name_end = bang != 0 ? bang : colon != 0 ? colon : i;
    size_t bang_end = colon != 0 ? colon : i;
    *field = (fr_str){ text.at + at, name_end - at };
    *conversion = bang != 0 ? (fr_str){ text.at + bang + 1, bang_end - bang - 1 } : FR_STR("");
    *spec = colon != 0 ? (fr_str){ text.at + colon + 1, i - colon - 1 } : FR_STR("");
    return i;
}

/* What langchain-core refuses in a name, and the reason. */
static const char *why_no_name(fr_str field, fr_str spec)
{
    if (memchr(field.at, '.', field.n) != NULL || memchr(field.at, '[', field.n) != NULL ||
        memchr(field.at, ']', field.n) != NULL)
        return "a variable's name may not have . or [] in it in a LangChain f-string";
    bool digits = true;
    for (size_t i = 0; i < field.n; i++)
        digits = digits && isdigit((unsigned char)field.at[i]);
    if (digits)
        return field.n == 0 ? "{} has no name in it: all variables are named"
                            : "a variable's name may not be a number";
    if (memchr(spec.at, '{', spec.n) != NULL || memchr(spec.at, '}', spec.n) != NULL)
        return "braces inside a format are not allowed in a LangChain f-string";
    return NULL;
}

int fr_f_string_walk(fr_str text, const char *name, bool plain, fr_field_fn fn, void *user,
                     fr_err *err)
{
    static const char BRACES[] = "Write {{ and }} for braces that are meant as such.";
    size_t from = 0, i = 0;
    while (i < text.n) {
        char c = text.at[i];
        if (c != '{' && c != '}') {
            i++;
            continue;
        }
        if (i + 1 < text.n && text.at[i + 1] == c) { /* doubled: one of them is text */
            FR_TRY(fn(user, (fr_str){ text.at + from, i + 1 - from }, FR_STR(""), FR_STR(""),
                      FR_STR(""), err));
            i += 2;
            from = i;
            continue;
        }
        if (c == '}')
            return fr_template_fail(text, name, i, err, BRACES, "a } that closes nothing");
        fr_str field, conversion, spec;
        size_t end = field_end(text, i + 1, &field, &conversion, &spec);
        if (end >= text.n)
            return fr_template_fail(text, name, i, err, BRACES, "this { is never closed");
        const char *why = plain ? NULL : why_no_name(field, spec);
        if (why != NULL)
            return fr_template_fail(text, name, i, err, BRACES, why);
        FR_TRY(fn(user, (fr_str){ text.at + from, i - from }, FR_STR(""), FR_STR(""), FR_STR(""),
                  err));
        FR_TRY(fn(user, FR_STR(""), field, conversion, spec, err));
        i = end + 1;
        from = i;
    }
    return fn(user, (fr_str){ text.at + from, text.n - from }, FR_STR(""), FR_STR(""), FR_STR(""),
              err);
}

/* "user.name" and "user[0]" need user. */
static int put_field_name(void *user, fr_str literal, fr_str field, fr_str conversion, fr_str spec,
                          fr_err *err)
{
    (void)literal;
    (void)conversion;
    (void)spec;
    (void)err;
    char name[256];
    size_t n = 0;
    while (n < field.n && field.at[n] != '.' && field.at[n] != '[')
        n++;
    if (n > 0 && n < sizeof(name)) {
        snprintf(name, sizeof(name), "%.*s", (int)n, field.at);
        json_object_set_new(user, name, json_true());
    }
    return 0;
}

static int ignore_field(void *user, fr_str literal, fr_str field, fr_str conversion, fr_str spec,
                        fr_err *err)
{
    (void)user;
    (void)literal;
    (void)field;
    (void)conversion;
    (void)spec;
    (void)err;
    return 0;
}

/* ---- any of them ------------------------------------------------------------------------- */

static int jinja_of(fr_str text, const fr_template_use *use, fr_jinja **out, fr_err *err)
{
    return fr_jinja_new(text,
                        &(fr_jinja_options){ .name = use->name,
                                             .strict = use->strict,
                                             .keep_newlines = use->keep_newlines },
                        out, err);
}

int fr_template_fill(fr_str text, const char *format, const fr_template_use *use,
                     const json_t *vars, fr_buf *out, fr_err *err)
{
    int rc;
    if (strcmp(format, "jinja2") == 0) {
        FR_AUTOPTR(fr_jinja) jinja = NULL;
        FR_TRY(jinja_of(text, use, &jinja, err));
        rc = fr_jinja_render(jinja, vars, out, err);
    } else if (strcmp(format, "mustache") == 0) {
        rc = fr_mustache_fill(text, use->name, vars, out, err);
    } else {
        if (!use->plain)
            FR_TRY(fr_f_string_walk(text, use->name, false, ignore_field, NULL, err));
        rc = fr_jinja_format(text, use->name, vars, out, err);
    }
    if (rc == FR_E_FAILED)
        fr_hint_nearest(err, vars);
    return rc;
}

int fr_template_names(fr_str text, const char *format, const fr_template_use *use, json_t *names,
                      fr_err *err)
{
    if (!fr_utf8_valid(text))
        return fr_template_fail(text, use->name, fr_utf8_valid_prefix(text), err,
                                "Save the prompt as UTF-8.", "a byte that is not UTF-8");
    if (strcmp(format, "mustache") == 0)
        return fr_mustache_names(text, use->name, names, err);
    if (strcmp(format, "f-string") == 0)
        return fr_f_string_walk(text, use->name, use->plain, put_field_name, names, err);
    FR_AUTOPTR(fr_jinja) jinja = NULL;
    FR_TRY(jinja_of(text, use, &jinja, err));
    fr_jinja_names(jinja, names);
    return 0;
}
