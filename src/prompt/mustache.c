/* Mustache as langchain-core renders it: variables, sections, inverted sections, comments, other
 * delimiters; no lambdas, no partials. What a name means is looked for from the innermost section
 * out, and empty values print nothing.
 *
 * Written against the specification (github.com/mustache/spec) and, where that leaves room, against
 * what langchain-core prints (tests/fixtures/prompt/make.py). */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "prompt/prompt_file_priv.h"
#include "text/jinja.h"

enum { DEEPEST = 128 };
#define MOST_STEPS ((size_t)10000000)

typedef enum { TAG_TEXT, TAG_VARIABLE, TAG_RAW, TAG_SECTION, TAG_INVERTED, TAG_END } tag_kind;

typedef struct {
    tag_kind kind;
    fr_str text; /* a literal, or the key */
    size_t at;
    size_t end; /* of a section: which tag closes it */
} tag;

typedef struct {
    fr_str source;
    const char *name;
    tag *at;
    size_t n, cap;
} tags;

static void put_tag(tags *t, tag one)
{
    FR_GROW(t->at, t->n, t->cap);
    t->at[t->n++] = one;
}

static bool find_from(fr_str in, size_t from, fr_str what, size_t *at)
{
    bool found = fr_str_find((fr_str){ in.at + from, in.n - from }, what, at);
    *at += from;
    return found;
}

static bool only_blanks(fr_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isspace((unsigned char)s.at[i]))
            return false;
    return true;
}

/* What stands left of a tag lets it have the line for itself. */
static bool alone_left(fr_str literal, bool was_alone)
{
    const char *line = memrchr(literal.at, '\n', literal.n);
    if (line == NULL && !was_alone)
        return false;
    size_t from = line != NULL ? (size_t)(line - literal.at) + 1 : 0;
    return only_blanks((fr_str){ literal.at + from, literal.n - from });
}

static bool alone_right(fr_str source, size_t at, size_t *next_line)
{
    const char *line = memchr(source.at + at, '\n', source.n - at);
    size_t end = line != NULL ? (size_t)(line - source.at) : source.n;
    *next_line = line != NULL ? end + 1 : at; /* blanks at the very end stay */
    return only_blanks((fr_str){ source.at + at, end - at });
}

static int close_section(tags *t, size_t *open, size_t *n_open, fr_str key, size_t at, fr_err *err)
{
    char what[192];
    if (*n_open == 0) {
        snprintf(what, sizeof(what), "{{/%.*s}} closes a section that was not opened",
                 (int)FR_MIN(key.n, (size_t)80), key.at);
        return fr_template_fail(t->source, t->name, at, err, NULL, what);
    }
    tag *section = &t->at[open[--*n_open]];
    if (!fr_str_equal(section->text, key)) {
        snprintf(what, sizeof(what), "{{/%.*s}} stands where {{/%.*s}} should",
                 (int)FR_MIN(key.n, (size_t)60), key.at, (int)FR_MIN(section->text.n, (size_t)60),
                 section->text.at);
        return fr_template_fail(t->source, t->name, at, err, NULL, what);
    }
    section->end = t->n;
    return 0;
}

typedef struct {
    fr_str left, right; /* delimiters */
    bool alone;
    size_t open[DEEPEST], n_open;
} lexer;

/* One tag whose body stands in `inside`; *end is behind it. */
static int read_tag(tags *t, lexer *x, fr_str inside, size_t at, size_t *end, fr_str literal,
                    fr_err *err)
{
    static const char SIGNS[] = "!#^/>={&";
    char sign = strchr(SIGNS, inside.at[0]) != NULL ? inside.at[0] : '\0';
    fr_str key = fr_str_trim((fr_str){ inside.at + (sign != 0), inside.n - (sign != 0) });
    bool raw = sign == '&';
    if (sign == '{' && fr_str_is(x->left, "{{") && fr_str_is(x->right, "}}") &&
        *end < t->source.n && t->source.at[*end] == '}') {
        raw = true;
        ++*end;
    }
    size_t next_line = 0;
    bool variable = sign == '\0' || raw;
    x->alone = x->alone && !variable && alone_right(t->source, *end, &next_line);
    if (x->alone) {
        *end = next_line;
        while (sign != '>' && literal.n > 0 && literal.at[literal.n - 1] == ' ')
            literal.n--;
    }
    if (literal.n > 0)
        put_tag(t, (tag){ .kind = TAG_TEXT, .text = literal, .at = at });
    if (sign == '=') {
        if (key.n < 2 || key.at[key.n - 1] != '=')
            return fr_template_fail(t->source, t->name, at, err, NULL,
                                    "{{= is to be closed by =}}");
        key = fr_str_trim((fr_str){ key.at, key.n - 1 });
        fr_str rest = key;
        fr_str_next(&rest, ' ', &x->left);
        const char *blank = memrchr(key.at, ' ', key.n);
        x->right =
            blank != NULL ? (fr_str){ blank + 1, (size_t)(key.at + key.n - blank - 1) } : key;
        return x->left.n != 0 && x->right.n != 0
                   ? 0
                   : fr_template_fail(t->source, t->name, at, err, NULL, "delimiters are missing");
    }
    if (sign == '#' || sign == '^') {
        if (x->n_open == DEEPEST)
            return fr_template_fail(t->source, t->name, at, err, NULL,
                                    "sections nested more than 128 deep");
        x->open[x->n_open++] = t->n;
    }
    if (sign == '/')
        FR_TRY(close_section(t, x->open, &x->n_open, key, at, err));
    /* there are no partials: they are empty; and {{{x}} is nothing at all */
    if (sign == '!' || sign == '>' || (sign == '{' && !raw))
        return 0;
    put_tag(t, (tag){ .kind = sign == '#'   ? TAG_SECTION
                              : sign == '^' ? TAG_INVERTED
                              : sign == '/' ? TAG_END
                              : raw         ? TAG_RAW
                                            : TAG_VARIABLE,
                      .text = key,
                      .at = at });
    return 0;
}

static int read_tags(fr_str source, const char *name, tags *t, fr_err *err)
{
    lexer x = { .left = FR_STR("{{"), .right = FR_STR("}}"), .alone = true };
    *t = (tags){ .source = source, .name = name };
    for (size_t from = 0; from < source.n;) {
        size_t at = 0, close = 0;
        bool found = find_from(source, from, x.left, &at);
        fr_str literal = { source.at + from, (found ? at : source.n) - from };
        if (!found || at + x.left.n >= source.n) {
            put_tag(t, (tag){ .kind = TAG_TEXT, .text = literal, .at = from });
            break;
        }
        x.alone = alone_left(literal, x.alone);
        size_t begin = at + x.left.n;
        if (!find_from(source, begin, x.right, &close))
            return fr_template_fail(source, name, at, err, NULL, "this tag is never closed");
        fr_str inside = { source.at + begin, close - begin };
        if (only_blanks(inside))
            return fr_template_fail(source, name, at, err, NULL, "a tag with nothing in it");
        size_t end = close + x.right.n;
        FR_TRY(read_tag(t, &x, inside, at, &end, literal, err));
        from = end;
    }
    if (x.n_open != 0)
        return fr_template_fail(source, name, t->at[x.open[x.n_open - 1]].at, err, NULL,
                                "this section is never closed");
    return 0;
}

/* ---- rendering --------------------------------------------------------------------------- */

typedef struct scope {
    const struct scope *parent;
    const json_t *value; /* NULL: a section over something false */
} scope;

typedef struct {
    const tags *t;
    fr_jinja *print; /* "{{ x }}": values as Python prints them */
    fr_buf *out;
    fr_err *err;
    size_t steps;
} renderer;

static bool is_zero(const json_t *v)
{
    return v == NULL || json_is_false(v) || (json_is_number(v) && json_number_value(v) == 0);
}

/* A name along its dots in one scope. False: not there. *zero: it ends at 0 or false on the way. */
static bool follow(const json_t *v, fr_str key, const json_t **out)
{
    fr_str part;
    char name[256];
    while (fr_str_next(&key, '.', &part)) {
        long long i = 0;
        if (is_zero(v))
            break;
        if (part.n >= sizeof(name))
            return false;
        snprintf(name, sizeof(name), "%.*s", FR_STR_F(part));
        if (json_is_object(v)) {
            v = json_object_get(v, name);
        } else if (json_is_array(v) && fr_str_to_i64(part, &i)) {
            if (i < 0)
                i += (long long)json_array_size(v);
            v = i >= 0 ? json_array_get(v, (size_t)i) : NULL;
        } else {
            return false;
        }
        if (v == NULL)
            return false;
    }
    *out = v;
    return true;
}

/* NULL: nothing there, or nothing in it. */
static const json_t *look_up(const scope *at, fr_str key, bool *zero)
{
    *zero = false;
    if (fr_str_is(key, "."))
        return at->value;
    for (; at != NULL; at = at->parent) {
        const json_t *v = NULL;
        if (is_zero(at->value)) {
            *zero = true;
            return at->value;
        }
        if (!follow(at->value, key, &v))
            continue;
        if (is_zero(v))
            *zero = true;
        bool empty = json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0) ||
                     (json_is_array(v) && json_array_size(v) == 0) ||
                     (json_is_object(v) && json_object_size(v) == 0);
        return empty ? NULL : v;
    }
    return NULL;
}

/* As LangChain's mustache does: a single quote stays. */
static void put_escaped(fr_buf *out, fr_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.at[i] == '\'')
            fr_buf_put_c(out, '\'');
        else
            fr_buf_put_html(out, s.at[i]);
}

static int put_value(renderer *r, const json_t *v, bool zero, bool raw)
{
    FR_AUTO(fr_buf) text = { 0 };
    if (v == NULL && !zero)
        return 0;
    if (json_is_string(v)) {
        fr_buf_put_str(&text, fr_json_str(v));
    } else if (v == NULL) {
        fr_buf_put_s(&text, "False");
    } else {
        json_t *vars = json_object();
        json_object_set(vars, "x", (json_t *)(uintptr_t)v);
        int rc = fr_jinja_render(r->print, vars, &text, r->err);
        json_decref(vars);
        FR_TRY(rc);
    }
    if (raw)
        fr_buf_put_str(r->out, fr_buf_str(&text));
    else
        put_escaped(r->out, fr_buf_str(&text));
    return 0;
}

static int render(renderer *r, const scope *at, size_t from, size_t to);

static int render_section(renderer *r, const scope *at, size_t i)
{
    const tag *t = &r->t->at[i];
    bool zero = false;
    const json_t *v = look_up(at, t->text, &zero);
    bool truth = v != NULL && !zero && !json_is_null(v) &&
                 !(json_is_string(v) && json_string_length(v) == 0) &&
                 !(json_is_array(v) && json_array_size(v) == 0) &&
                 !(json_is_object(v) && json_object_size(v) == 0);
    if (t->kind == TAG_INVERTED) {
        if (truth)
            return 0;
        json_t *yes = json_true();
        return render(r, &(scope){ at, yes }, i + 1, t->end);
    }
    if (!truth)
        return 0;
    if (!json_is_array(v))
        return render(r, &(scope){ at, v }, i + 1, t->end);
    for (size_t k = 0; k < json_array_size(v); k++)
        FR_TRY(render(r, &(scope){ at, json_array_get(v, k) }, i + 1, t->end));
    return 0;
}

static int render(renderer *r, const scope *at, size_t from, size_t to)
{
    /* the item of a list may itself be false, and then prints its text alone */
    bool empty =
        at->parent != NULL && (is_zero(at->value) || json_is_null(at->value) ||
                               (json_is_string(at->value) && json_string_length(at->value) == 0) ||
                               (json_is_array(at->value) && json_array_size(at->value) == 0) ||
                               (json_is_object(at->value) && json_object_size(at->value) == 0));
    for (size_t i = from; i < to; i++) {
        const tag *t = &r->t->at[i];
        bool zero = false;
        if (++r->steps > MOST_STEPS || r->out->n > FR_PROMPT_MOST_ALL)
            return fr_fail(r->err, FR_E_LIMIT, NULL,
                           "%s: rendering takes more than 64 MiB of text "
                           "or 10 million steps",
                           r->t->name);
        if (t->kind == TAG_SECTION || t->kind == TAG_INVERTED) {
            if (!empty)
                FR_TRY(render_section(r, at, i));
            i = t->end;
            continue;
        }
        if (empty)
            continue;
        if (t->kind == TAG_TEXT) {
            fr_buf_put_str(r->out, t->text);
        } else if (t->kind == TAG_VARIABLE || t->kind == TAG_RAW) {
            const scope *from_scope = at;
            if (t->kind == TAG_VARIABLE && fr_str_is(t->text, ".") && json_is_true(at->value) &&
                at->parent != NULL)
                from_scope = at->parent;
            const json_t *v = look_up(from_scope, t->text, &zero);
            FR_TRY(put_value(r, v, zero, t->kind == TAG_RAW));
        }
    }
    return 0;
}

int fr_mustache_fill(fr_str text, const char *name, const json_t *vars, fr_buf *out, fr_err *err)
{
    tags t = { 0 };
    FR_AUTOPTR(fr_jinja) print = NULL;
    FR_AUTO(fr_buf) filled = { 0 };
    json_t *none = json_object();
    int rc = read_tags(text, name, &t, err);
    if (rc == 0)
        rc = fr_jinja_new(FR_STR("{{ x }}"), NULL, &print, err);
    renderer r = { .t = &t, .print = print, .out = &filled, .err = err };
    if (rc == 0)
        rc = render(&r, &(scope){ NULL, vars != NULL ? vars : none }, 0, t.n);
    if (rc == 0)
        fr_buf_put_str(out, fr_buf_str(&filled));
    json_decref(none);
    free(t.at);
    return rc;
}

int fr_mustache_names(fr_str text, const char *name, json_t *names, fr_err *err)
{
    tags t = { 0 };
    int rc = read_tags(text, name, &t, err);
    for (size_t i = 0, depth = 0; rc == 0 && i < t.n; i++) {
        const tag *one = &t.at[i];
        if (one->kind == TAG_END)
            depth--;
        char top[256];
        size_t n = one->text.n;
        const char *dot = memchr(one->text.at, '.', one->text.n);
        if (dot != NULL)
            n = (size_t)(dot - one->text.at);
        if (one->kind != TAG_TEXT && one->kind != TAG_END && depth == 0 && n > 0 &&
            n < sizeof(top)) {
            snprintf(top, sizeof(top), "%.*s", (int)n, one->text.at);
            json_object_set_new(names, top, json_true());
        }
        if (one->kind == TAG_SECTION || one->kind == TAG_INVERTED)
            depth++;
    }
    free(t.at);
    return rc;
}
