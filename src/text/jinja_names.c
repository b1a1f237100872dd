/* Which variables a template takes from outside: its names with their scopes, without running it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/jinja_priv.h"

/* Names that were stored in one frame; the parents are those around it. */
typedef struct frame {
    struct frame *parent;
    bool *stored; /* [n_symbols] */
} frame;

typedef struct {
    const fr_jinja *t;
    json_t *names;
    size_t spent;
} finder;

/* A template of a hostile shape is looked at only so far. */
static bool is_spent(const finder *f)
{
    return f->spent > (size_t)100000000;
}

static void walk_list(finder *f, frame *at, const fr_jn_list *list);

static frame frame_new(finder *f, frame *parent)
{
    f->spent += f->t->n_symbols;
    return (frame){ parent, FR_NEW_N(bool, f->t->n_symbols + 1) };
}

static bool is_stored(const frame *at, uint32_t symbol)
{
    for (; at != NULL; at = at->parent)
        if (at->stored[symbol])
            return true;
    return false;
}

static bool is_function(fr_str name)
{
    static const char *const ALWAYS[] = {
        "range",  "dict",      "lipsum",          "cycler",
        "joiner", "namespace", "raise_exception", "strftime_now"
    };
    for (size_t i = 0; i < FR_COUNT_OF(ALWAYS); i++)
        if (fr_str_is(name, ALWAYS[i]))
            return true;
    return false;
}

static void look_up(finder *f, const frame *at, uint32_t symbol, fr_str name)
{
    char text[256];
    if (is_stored(at, symbol) || is_function(name) || name.n >= sizeof(text))
        return;
    snprintf(text, sizeof(text), "%.*s", FR_STR_F(name));
    json_object_set_new(f->names, text, json_true());
}

static void store(finder *f, frame *at, const fr_jn *target)
{
    if (target->kind == FR_JN_NAME) {
        at->stored[target->symbol] = true;
    } else if (target->kind == FR_JN_MEMBER) {
        if (target->a->kind == FR_JN_NAME)
            look_up(f, at, target->a->symbol, target->a->name);
    } else {
        for (size_t i = 0; i < target->items.n; i++)
            store(f, at, target->items.at[i]);
    }
}

static void walk(finder *f, frame *at, const fr_jn *n);

static void walk_body(finder *f, frame *parent, const fr_jn_list *body)
{
    frame inner = frame_new(f, parent);
    walk_list(f, &inner, body);
    free(inner.stored);
}

static void walk_branch(finder *f, const frame *at, frame *branch, const fr_jn_list *body,
                        bool *all, bool *some)
{
    size_t count = f->t->n_symbols;
    f->spent += count;
    memcpy(branch->stored, at->stored, count);
    walk_list(f, branch, body);
    for (size_t k = 0; k < count; k++) {
        all[k] = all[k] && branch->stored[k];
        some[k] = some[k] || branch->stored[k];
    }
}

/* A name that only some branches store is looked up from outside in the others. An elif is the
 * rest of the one before; long chains of them are no nesting. */
static void walk_if(finder *f, frame *at, const fr_jn *n)
{
    size_t count = f->t->n_symbols;
    frame branch = { at->parent, FR_NEW_N(bool, count + 1) };
    bool *all = FR_NEW_N(bool, count + 1), *some = FR_NEW_N(bool, count + 1);
    memset(all, 1, count);
    while (n != NULL && !is_spent(f)) {
        const fr_jn *more =
            n->rest.n == 1 && n->rest.at[0]->kind == FR_JN_IF ? n->rest.at[0] : NULL;
        walk(f, at, n->a);
        walk_branch(f, at, &branch, &n->body, all, some);
        if (more == NULL)
            walk_branch(f, at, &branch, &n->rest, all, some);
        n = more;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (some[i] && !all[i])
            look_up(f, at, i, f->t->symbols[i]);
        at->stored[i] = at->stored[i] || some[i];
    }
    free(branch.stored);
    free(all);
    free(some);
}

static void walk_for(finder *f, frame *at, const fr_jn *n)
{
    walk(f, at, n->b);
    frame inner = frame_new(f, at);
    store(f, &inner, n->a);
    inner.stored[FR_JS_LOOP] = true;
    if (n->c != NULL)
        walk(f, &inner, n->c);
    walk_list(f, &inner, &n->body);
    free(inner.stored);
    walk_body(f, at, &n->rest);
}

static void walk_macro(finder *f, frame *at, const fr_jn *n)
{
    frame inner = frame_new(f, at);
    for (size_t i = 0; i < n->items.n; i++)
        walk(f, at, n->items.at[i]); /* defaults */
    for (size_t i = 0; i < n->n_params; i++)
        inner.stored[n->params[i]] = true;
    inner.stored[FR_JS_CALLER] = inner.stored[FR_JS_KWARGS] = inner.stored[FR_JS_VARARGS] = true;
    walk_list(f, &inner, &n->body);
    free(inner.stored);
}

static void walk_with(finder *f, frame *at, const fr_jn *n)
{
    frame inner = frame_new(f, at);
    for (size_t i = 0; i + 1 < n->items.n; i += 2) {
        walk(f, at, n->items.at[i + 1]);
        store(f, &inner, n->items.at[i]);
    }
    walk_list(f, &inner, &n->body);
    free(inner.stored);
}

/* An expression: all that is in it. */
static void walk_parts(finder *f, frame *at, const fr_jn *n)
{
    walk(f, at, n->a);
    walk(f, at, n->b);
    walk(f, at, n->c);
    walk_list(f, at, &n->items);
    walk(f, at, n->splat);
    walk(f, at, n->splat_named);
}

static void walk(finder *f, frame *at, const fr_jn *n)
{
    if (n == NULL || is_spent(f))
        return;
    switch ((fr_jn_kind)n->kind) {
    case FR_JN_NAME:
        look_up(f, at, n->symbol, n->name);
        break;
    case FR_JN_IF:
        walk_if(f, at, n);
        break;
    case FR_JN_FOR:
        walk_for(f, at, n);
        break;
    case FR_JN_SET:
        walk(f, at, n->b);
        store(f, at, n->a);
        break;
    case FR_JN_SET_BLOCK:
        walk(f, at, n->b);
        walk_body(f, at, &n->body);
        store(f, at, n->a);
        break;
    case FR_JN_WITH:
        walk_with(f, at, n);
        break;
    case FR_JN_MACRO:
        at->stored[n->symbol] = true;
        walk_macro(f, at, n);
        break;
    case FR_JN_CALL_BLOCK:
        walk(f, at, n->a);
        walk_macro(f, at, n);
        break;
    default:
        walk_parts(f, at, n);
        if (n->body.n != 0)
            walk_body(f, at, &n->body);
        break;
    }
}

static void walk_list(finder *f, frame *at, const fr_jn_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        walk(f, at, list->at[i]);
}

void fr_jinja_names(const fr_jinja *t, json_t *names)
{
    finder f = { .t = t, .names = names };
    frame top = frame_new(&f, NULL);
    walk_list(&f, &top, &t->body);
    free(top.stored);
}
