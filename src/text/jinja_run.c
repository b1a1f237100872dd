/* A render: walks the tree of a template over scopes of variables. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/jinja_priv.h"

enum { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

static void vfail(fr_jr *r, int code, const char *fmt, va_list args)
{
    char text[320];
    if (r->code != 0)
        return;
    vsnprintf(text, sizeof(text), fmt, args);
    size_t at = r->node != NULL ? r->node->at : 0;
    r->code = fr_jinja_fail_at(r->t, at, r->err, code,
                               code == FR_E_LIMIT ? "Templates are kept in bounds because they may "
                                                    "come from strangers."
                                                  : NULL,
                               "%s", text);
}

fr_jv fr_jr_fail(fr_jr *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfail(r, FR_E_FAILED, fmt, args);
    va_end(args);
    return FR_JV_NOTHING;
}

fr_jv fr_jr_limit(fr_jr *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfail(r, FR_E_LIMIT, fmt, args);
    va_end(args);
    return FR_JV_NOTHING;
}

bool fr_jr_step(fr_jr *r, uint64_t n)
{
    if (r->steps_left < n) {
        r->steps_left = 0;
        fr_jr_limit(r, "rendering takes more than %llu steps",
                    (unsigned long long)r->t->options.steps);
    } else {
        r->steps_left -= n;
    }
    return r->code == 0;
}

bool fr_jr_enter(fr_jr *r)
{
    if (++r->depth > r->t->options.depth)
        fr_jr_limit(r, "nested more than %zu deep: does a macro call itself for ever?",
                    r->t->options.depth);
    return r->code == 0;
}

/* ---- scopes
 * ------------------------------------------------------------------------------------------- */

static fr_jscope *scope_new(fr_jr *r, fr_jscope *parent)
{
    fr_jscope *s = fr_jm_alloc(&r->mem, sizeof(*s));
    s->parent = parent;
    return s;
}

static fr_jvar *scope_var(fr_jscope *s, uint32_t symbol)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->vars[i].symbol == symbol)
            return &s->vars[i];
    return NULL;
}

static void assign(fr_jr *r, fr_jscope *s, uint32_t symbol, fr_jv value)
{
    fr_jvar *var = scope_var(s, symbol);
    if (var != NULL) {
        var->value = value;
        return;
    }
    fr_jr_step(r, s->n / 16); /* a template with thousands of variables pays for looking */
    if (s->n == s->cap) {
        size_t cap = s->cap != 0 ? s->cap * 2 : 4;
        fr_jvar *vars = fr_jm_alloc(&r->mem, cap * sizeof(*vars));
        if (vars == NULL) {
            fr_jr_limit(r, "too many variables");
            return;
        }
        if (s->n != 0)
            memcpy(vars, s->vars, s->n * sizeof(*vars));
        s->vars = vars;
        s->cap = cap;
    }
    s->vars[s->n++] = (fr_jvar){ .symbol = symbol, .value = value };
}

static fr_jv lookup(fr_jr *r, const fr_jn *name)
{
    for (fr_jscope *s = r->scope; s != NULL; s = s->parent) {
        fr_jvar *var = scope_var(s, name->symbol);
        fr_jr_step(r, s->n / 16);
        if (var != NULL)
            return var->value;
    }
    const fr_jinja_row *global = fr_jinja_global(name->name);
    if (global != NULL)
        return (fr_jv){ .kind = FR_JV_FUNCTION, .row = global };
    return fr_jv_undefined_of(r, "'%.*s' is undefined", FR_STR_F(name->name));
}

/* ---- calls
 * ---------------------------------------------------------------------------------------------- */

/* Arguments as written: evaluated, with * and ** spread. more/more_name: one named one behind. */
static fr_jargs arguments(fr_jr *r, const fr_jn *n, const fr_jv *caller)
{
    fr_jv all = fr_jv_list_new(r, FR_JV_LIST), named = fr_jv_list_new(r, FR_JV_LIST);
    fr_jv names = fr_jv_list_new(r, FR_JV_LIST);
    size_t n_positional = n->items.n - n->n_names;
    for (size_t i = 0; i < n_positional && r->code == 0; i++)
        fr_jv_push(r, all, fr_jr_eval(r, n->items.at[i]));
    for (size_t i = 0; i < n->n_names && r->code == 0; i++) {
        fr_jv_push(r, named, fr_jr_eval(r, n->items.at[n_positional + i]));
        fr_jv_push(r, names, fr_jv_str(n->names[i]));
    }
    if (n->splat != NULL && r->code == 0) {
        fr_jv item;
        fr_jv_iter *it = fr_jv_walk(r, fr_jr_eval(r, n->splat));
        while (it != NULL && fr_ji_next(r, it, &item))
            fr_jv_push(r, all, item);
    }
    if (n->splat_named != NULL && r->code == 0) {
        fr_jv dict = fr_jr_eval(r, n->splat_named);
        if (dict.kind != FR_JV_DICT)
            fr_jr_fail(r, "argument after ** must be a mapping, not %s", fr_jv_type(dict));
        for (size_t i = 0; r->code == 0 && i < dict.dict->n; i++) {
            if (dict.dict->keys[i].kind != FR_JV_STR)
                fr_jr_fail(r, "keywords must be strings");
            fr_jv_push(r, named, dict.dict->values[i]);
            fr_jv_push(r, names, dict.dict->keys[i]);
        }
    }
    if (caller != NULL) {
        fr_jv_push(r, named, *caller);
        fr_jv_push(r, names, fr_jv_str(FR_STR("caller")));
    }
    fr_jargs args = { 0 };
    if (r->code != 0)
        return args;
    fr_str *texts = fr_jm_alloc(&r->mem, (names.list->n + 1) * sizeof(*texts));
    if (texts == NULL) {
        fr_jr_limit(r, "too many arguments");
        return args;
    }
    for (size_t i = 0; i < names.list->n; i++) {
        texts[i] = fr_jv_bytes(names.list->at[i]);
        for (size_t k = 0; k < i && fr_jr_step(r, 1); k++)
            if (fr_str_equal(texts[k], texts[i]))
                fr_jr_fail(r, "got multiple values for keyword argument '%.*s'",
                           FR_STR_F(texts[i]));
    }
    return (fr_jargs){ .at = all.list->at,
                       .n = all.list->n,
                       .names = texts,
                       .named = named.list->at,
                       .n_named = names.list->n };
}

static void exec(fr_jr *r, const fr_jn_list *body);

/* Text that a body writes. */
static fr_jv capture(fr_jr *r, const fr_jn_list *body, fr_jscope *scope)
{
    fr_jb text = { 0 };
    fr_jb *out = r->out;
    fr_jscope *outer = r->scope;
    r->out = &text;
    r->scope = scope;
    exec(r, body);
    r->scope = outer;
    r->out = out;
    return fr_jb_str(&text);
}

static bool take_named(const fr_jargs *args, bool *used, fr_str name, fr_jv *out)
{
    for (size_t i = 0; i < args->n_named; i++) {
        if (used[i] || !fr_str_equal(args->names[i], name))
            continue;
        used[i] = true;
        *out = args->named[i];
        return true;
    }
    return false;
}

static void bind_rest(fr_jr *r, const fr_jv_macro *m, const fr_jargs *args, bool *used,
                      fr_jscope *scope)
{
    const fr_jn *n = m->node;
    if (n->uses_kwargs) {
        fr_jv kwargs = fr_jv_dict_new(r);
        for (size_t i = 0; i < args->n_named; i++)
            if (!used[i])
                fr_jv_put(r, kwargs.dict, fr_jv_str(args->names[i]), args->named[i]);
        assign(r, scope, FR_JS_KWARGS, kwargs);
    }
    for (size_t i = 0; i < args->n_named && !n->uses_kwargs && r->code == 0; i++)
        if (!used[i])
            fr_jr_fail(r, "macro '%.*s' takes no keyword argument '%.*s'", FR_STR_F(m->name),
                       FR_STR_F(args->names[i]));
    if (n->uses_varargs) {
        fr_jv varargs = fr_jv_list_new(r, FR_JV_TUPLE);
        for (size_t i = n->n_params; i < args->n; i++)
            fr_jv_push(r, varargs, args->at[i]);
        assign(r, scope, FR_JS_VARARGS, varargs);
    } else if (args->n > n->n_params) {
        fr_jr_fail(r, "macro '%.*s' takes not more than %zu argument(s)", FR_STR_F(m->name),
                   n->n_params);
    }
}

fr_jv fr_jr_call_macro(fr_jr *r, const fr_jv_macro *m, const fr_jargs *args)
{
    const fr_jn *n = m->node;
    if (!fr_jr_enter(r)) {
        fr_jr_leave(r);
        return FR_JV_NOTHING;
    }
    fr_jscope *scope = scope_new(r, m->scope), *outer = r->scope;
    bool *used = fr_jm_alloc(&r->mem, args->n_named + 1);
    bool explicit_caller = false;
    if (used == NULL)
        return fr_jr_limit(r, "too many arguments");
    for (size_t i = 0; i < n->n_params; i++) {
        fr_jv value = FR_JV_ABSENT;
        fr_str name = r->t->symbols[n->params[i]];
        if (i < args->n)
            value = args->at[i];
        else
            take_named(args, used, name, &value);
        explicit_caller |= fr_str_is(name, "caller");
        assign(r, scope, n->params[i], value);
    }
    if (n->uses_caller && !explicit_caller) {
        fr_jv caller = FR_JV_NOTHING;
        take_named(args, used, FR_STR("caller"), &caller);
        if (caller.kind == FR_JV_NONE)
            caller = fr_jv_undefined_of(r, "No caller defined");
        assign(r, scope, FR_JS_CALLER, caller);
    }
    bind_rest(r, m, args, used, scope);
    r->scope = scope;
    for (size_t i = 0; i < n->n_params && r->code == 0; i++) {
        fr_jvar *var = scope_var(scope, n->params[i]);
        if (var == NULL || var->value.kind != FR_JV_MISSING)
            continue;
        size_t first = n->n_params - n->items.n;
        fr_str name = r->t->symbols[n->params[i]];
        fr_jv value =
            i >= first ? fr_jr_eval(r, n->items.at[i - first])
                       : fr_jv_undefined_of(r, "parameter '%.*s' was not provided", FR_STR_F(name));
        assign(r, scope, n->params[i], value);
    }
    r->scope = outer;
    int flow = r->flow;
    fr_jv text = r->code == 0 ? capture(r, &n->body, scope) : FR_JV_NOTHING;
    r->flow = flow;
    fr_jr_leave(r);
    return text;
}

static fr_jv macro_new(fr_jr *r, const fr_jn *n)
{
    fr_jv_macro *m = fr_jm_alloc(&r->mem, sizeof(*m));
    *m = (fr_jv_macro){ .node = n, .scope = r->scope, .name = n->name };
    return (fr_jv){ .kind = FR_JV_MACRO, .macro = m };
}

/* ---- expressions
 * ------------------------------------------------------------------------------------------ */

static fr_jv eval_compare(fr_jr *r, const fr_jn *n)
{
    fr_jv left = fr_jr_eval(r, n->a);
    for (size_t i = 0; i < n->items.n && r->code == 0; i++) {
        fr_jv right = fr_jr_eval(r, n->items.at[i]);
        r->node = n;
        if (r->code != 0 || !fr_jv_compare(r, (fr_jcmp)n->ops[i], left, right))
            return fr_jv_bool(false);
        left = right;
    }
    return fr_jv_bool(true);
}

static fr_jv eval_row(fr_jr *r, const fr_jn *n, fr_jv self)
{
    const char *what = n->kind == FR_JN_FILTER ? "filter" : "test";
    fr_jargs args = arguments(r, n, NULL);
    r->node = n;
    if (r->code != 0)
        return FR_JV_NOTHING;
    if (n->row == NULL)
        return fr_jr_fail(r, "No %s named '%.*s' found.", what, FR_STR_F(n->name));
    return fr_jinja_run_row(r, n->row, self, &args);
}

static fr_jv eval_collection(fr_jr *r, const fr_jn *n)
{
    if (n->kind == FR_JN_DICT) {
        fr_jv dict = fr_jv_dict_new(r);
        for (size_t i = 0; i + 1 < n->items.n && r->code == 0; i += 2) {
            fr_jv key = fr_jr_eval(r, n->items.at[i]);
            fr_jv value = fr_jr_eval(r, n->items.at[i + 1]);
            if (r->code == 0)
                fr_jv_put(r, dict.dict, key, value);
        }
        return dict;
    }
    fr_jv list = fr_jv_list_new(r, n->kind == FR_JN_LIST ? FR_JV_LIST : FR_JV_TUPLE);
    for (size_t i = 0; i < n->items.n && r->code == 0; i++)
        fr_jv_push(r, list, fr_jr_eval(r, n->items.at[i]));
    return list;
}

static fr_jv eval_concat(fr_jr *r, const fr_jn *n)
{
    fr_jv text = FR_JV_NOTHING;
    for (size_t i = 0; i < n->items.n && r->code == 0; i++) {
        fr_str more = fr_jv_text(r, fr_jr_eval(r, n->items.at[i]));
        text = i == 0 ? fr_jv_str(more) : fr_jv_join(r, fr_jv_bytes(text), more);
    }
    return text;
}

static fr_jv eval_slice(fr_jr *r, const fr_jn *n)
{
    fr_jv of = fr_jr_eval(r, n->a), part[3];
    for (size_t i = 0; i < 3; i++)
        part[i] = n->items.at[i] != NULL ? fr_jr_eval(r, n->items.at[i]) : FR_JV_NOTHING;
    r->node = n;
    return r->code == 0 ? fr_jv_slice(r, of, part[0], part[1], part[2]) : FR_JV_NOTHING;
}

static fr_jv eval_call(fr_jr *r, const fr_jn *n, const fr_jv *caller)
{
    fr_jv callee = fr_jr_eval(r, n->a);
    fr_jargs args = arguments(r, n, caller);
    r->node = n;
    return r->code == 0 ? fr_jv_call(r, callee, &args) : FR_JV_NOTHING;
}

static fr_jv eval_inside(fr_jr *r, const fr_jn *n)
{
    fr_jv a, b;
    switch ((fr_jn_kind)n->kind) {
    case FR_JN_CONST:
        return n->value;
    case FR_JN_NAME:
        a = lookup(r, n);
        return a.kind == FR_JV_MISSING
                   ? fr_jv_undefined_of(r, "'%.*s' is undefined", FR_STR_F(n->name))
                   : a;
    case FR_JN_LIST:
    case FR_JN_TUPLE:
    case FR_JN_DICT:
        return eval_collection(r, n);
    case FR_JN_ATTRIBUTE:
        a = fr_jr_eval(r, n->a);
        r->node = n;
        return r->code == 0 ? fr_jv_attribute(r, a, n->name) : a;
    case FR_JN_ITEM:
        a = fr_jr_eval(r, n->a);
        b = fr_jr_eval(r, n->b);
        r->node = n;
        return r->code == 0 ? fr_jv_item(r, a, b) : a;
    case FR_JN_SLICE:
        return eval_slice(r, n);
    case FR_JN_CALL:
        return eval_call(r, n, NULL);
    case FR_JN_FILTER:
        a = fr_jr_eval(r, n->a);
        return eval_row(r, n, a);
    case FR_JN_TEST:
        a = eval_row(r, n, fr_jr_eval(r, n->a));
        return n->op != 0 ? fr_jv_bool(!fr_jv_truth(r, a)) : a;
    case FR_JN_ARITH:
        a = fr_jr_eval(r, n->a);
        b = fr_jr_eval(r, n->b);
        r->node = n;
        return r->code == 0 ? fr_jv_arith(r, (fr_jop)n->op, a, b) : a;
    case FR_JN_NEGATE:
        a = fr_jr_eval(r, n->a);
        r->node = n;
        return r->code == 0 ? fr_jv_negate(r, a, n->op != 0) : a;
    case FR_JN_NOT:
        return fr_jv_bool(!fr_jv_truth(r, fr_jr_eval(r, n->a)));
    case FR_JN_AND:
        a = fr_jr_eval(r, n->a);
        return fr_jv_truth(r, a) ? fr_jr_eval(r, n->b) : a;
    case FR_JN_OR:
        a = fr_jr_eval(r, n->a);
        return fr_jv_truth(r, a) || r->code != 0 ? a : fr_jr_eval(r, n->b);
    case FR_JN_COMPARE:
        return eval_compare(r, n);
    case FR_JN_CONCAT:
        return eval_concat(r, n);
    case FR_JN_IF_ELSE:
        if (fr_jv_truth(r, fr_jr_eval(r, n->b)))
            return fr_jr_eval(r, n->a);
        if (n->c != NULL)
            return fr_jr_eval(r, n->c);
        a = fr_jv_undefined_of(r, "the inline if-expression evaluated to false and no else section "
                                  "was defined.");
        a.part = 1; /* not strict, whatever the option says */
        return a;
    default:
        return FR_JV_NOTHING;
    }
}

fr_jv fr_jr_eval(fr_jr *r, const fr_jn *n)
{
    fr_jv value = FR_JV_NOTHING;
    if (fr_jr_enter(r) && fr_jr_step(r, 1)) {
        r->node = n;
        value = eval_inside(r, n);
    }
    fr_jr_leave(r);
    return value;
}

/* ---- targets
 * ------------------------------------------------------------------------------------------------
 */

static void assign_target(fr_jr *r, fr_jscope *scope, const fr_jn *target, fr_jv value)
{
    r->node = target;
    if (r->code != 0)
        return;
    if (target->kind == FR_JN_NAME) {
        assign(r, scope, target->symbol, value);
    } else if (target->kind == FR_JN_MEMBER) {
        fr_jv ns = fr_jr_eval(r, target->a);
        if (r->code != 0)
            return;
        if (ns.kind != FR_JV_NAMESPACE)
            fr_jr_fail(r, "cannot assign attribute on non-namespace object");
        else if (fr_str_starts(target->name, FR_STR("_")))
            fr_jr_fail(r,
                       "Chat templates cannot store underscore-prefixed attributes on a "
                       "namespace, but got '%.*s'. Please rename the attribute.",
                       FR_STR_F(target->name));
        else
            fr_jv_put(r, ns.dict, fr_jv_str(target->name), value);
    } else {
        if (!fr_jv_walkable(value)) {
            fr_jr_fail(r, "cannot unpack non-iterable %s object", fr_jv_type(value));
            return;
        }
        fr_jv_iter *it = fr_jv_walk(r, value);
        fr_jv item;
        size_t i = 0;
        while (i < target->items.n && r->code == 0 && fr_ji_next(r, it, &item))
            assign_target(r, scope, target->items.at[i++], item);
        if (r->code == 0 && i < target->items.n)
            fr_jr_fail(r, "not enough values to unpack (expected %zu, got %zu)", target->items.n,
                       i);
        else if (r->code == 0 && fr_ji_next(r, it, &item))
            fr_jr_fail(r, "too many values to unpack (expected %zu)", target->items.n);
    }
}

/* ---- loops
 * ----------------------------------------------------------------------------------------------------
 */

bool fr_jr_loop_if(fr_jr *r, const fr_jn *n, fr_jscope *outer, fr_jv item)
{
    fr_jscope *was = r->scope;
    r->scope = scope_new(r, outer);
    assign_target(r, r->scope, n->a, item);
    bool truth = r->code == 0 && fr_jv_truth(r, fr_jr_eval(r, n->c));
    r->scope = was;
    return truth;
}

static bool loop_ahead(fr_jr *r, fr_jv_loop *l)
{
    if (!l->ahead) {
        if (!fr_ji_next(r, l->it, &l->after))
            l->after = FR_JV_ABSENT;
        l->ahead = true;
    }
    return l->after.kind != FR_JV_MISSING;
}

static int64_t loop_length(fr_jr *r, fr_jv_loop *l)
{
    if (l->length >= 0)
        return l->length;
    int64_t known = l->over.kind == FR_JV_ITER ? -1 : fr_jv_length(l->over);
    if (known < 0) { /* a generator is drawn to its end, and walked on as a list */
        fr_jv list = fr_jv_list_new(r, FR_JV_LIST), item;
        while (fr_ji_next(r, l->it, &item))
            fr_jv_push(r, list, item);
        l->it = fr_jv_walk(r, list);
        known = (int64_t)list.list->n + l->index0 + 1 +
                (l->ahead && l->after.kind != FR_JV_MISSING ? 1 : 0);
    }
    l->length = known;
    return known;
}

fr_jv fr_jr_loop_attribute(fr_jr *r, fr_jv loop, fr_str name)
{
    fr_jv_loop *l = loop.loop;
    if (fr_str_is(name, "index"))
        return fr_jv_int(l->index0 + 1);
    if (fr_str_is(name, "index0"))
        return fr_jv_int(l->index0);
    if (fr_str_is(name, "first"))
        return fr_jv_bool(l->index0 == 0);
    if (fr_str_is(name, "last"))
        return fr_jv_bool(!loop_ahead(r, l));
    if (fr_str_is(name, "length"))
        return fr_jv_int(loop_length(r, l));
    if (fr_str_is(name, "revindex"))
        return fr_jv_int(loop_length(r, l) - l->index0);
    if (fr_str_is(name, "revindex0"))
        return fr_jv_int(loop_length(r, l) - l->index0 - 1);
    if (fr_str_is(name, "depth"))
        return fr_jv_int(l->depth0 + 1);
    if (fr_str_is(name, "depth0"))
        return fr_jv_int(l->depth0);
    if (fr_str_is(name, "previtem"))
        return l->index0 == 0 ? fr_jv_undefined_of(r, "there is no previous item") : l->before;
    if (fr_str_is(name, "nextitem"))
        return loop_ahead(r, l) ? l->after : fr_jv_undefined_of(r, "there is no next item");
    return FR_JV_ABSENT;
}

static bool loop_next(fr_jr *r, fr_jv_loop *l)
{
    fr_jv item;
    if (l->ahead) {
        item = l->after;
        l->ahead = false;
        if (item.kind == FR_JV_MISSING)
            return false;
    } else if (!fr_ji_next(r, l->it, &item)) {
        return false;
    }
    l->index0++;
    l->before = l->current;
    l->current = item;
    return r->code == 0;
}

static void run_loop(fr_jr *r, const fr_jn *n, fr_jscope *outer, fr_jv over, int depth0)
{
    fr_jv_loop *l = fr_jm_alloc(&r->mem, sizeof(*l));
    fr_jscope *was = r->scope;
    *l = (fr_jv_loop){ .over = over,
                       .index0 = -1,
                       .length = -1,
                       .depth0 = depth0,
                       .node = n,
                       .scope = outer,
                       .changed = FR_JV_ABSENT };
    l->it = fr_jv_walk(r, over);
    if (n->c != NULL && r->code == 0) {
        fr_jv_iter *chosen = fr_ji_new(r, FR_JI_LOOP_IF, over);
        chosen->node = n;
        chosen->scope = outer;
        l->it = chosen;
        l->over = fr_ji_value(chosen);
    }
    bool any = false;
    while (r->code == 0 && loop_next(r, l)) {
        r->scope = scope_new(r, outer);
        assign(r, r->scope, FR_JS_LOOP, (fr_jv){ .kind = FR_JV_LOOP, .loop = l });
        assign_target(r, r->scope, n->a, l->current);
        exec(r, &n->body);
        int flow = r->flow;
        r->flow = FLOW_ON;
        any =
            any || flow == FLOW_ON; /* else comes unless a body was run to its end, as in Jinja2 */
        if (flow == FLOW_BREAK)
            break;
    }
    if (!any && r->code == 0) {
        r->scope = scope_new(r, outer);
        exec(r, &n->rest);
    }
    r->scope = was;
}

fr_jv fr_jr_recurse(fr_jr *r, const fr_jv_loop *l, fr_jv over)
{
    if (!l->node->flag)
        return fr_jr_fail(r, "The loop must have the 'recursive' marker to be called recursively.");
    fr_jb text = { 0 };
    fr_jb *out = r->out;
    if (fr_jr_enter(r)) {
        r->out = &text;
        run_loop(r, l->node, l->scope, over, l->depth0 + 1);
        r->out = out;
    }
    fr_jr_leave(r);
    return fr_jb_str(&text);
}

/* ---- statements
 * --------------------------------------------------------------------------------------------------
 */

static void write_out(fr_jr *r, fr_jv v)
{
    fr_jv_print(r, r->out, v);
    if (r->out->n > r->t->options.output_bytes)
        fr_jr_limit(r, "more than %zu bytes of text come out", r->t->options.output_bytes);
}

/* A filter whose input is text: of set blocks and filter blocks. Chains hang on `a`. */
static fr_jv filter_text(fr_jr *r, const fr_jn *filter, fr_jv text)
{
    if (filter == NULL || !fr_jr_enter(r))
        return text;
    fr_jv self = filter->a != NULL ? filter_text(r, filter->a, text) : text;
    fr_jr_leave(r);
    return eval_row(r, filter, self);
}

static void exec_if(fr_jr *r, const fr_jn *n)
{
    for (;;) {
        bool truth = fr_jv_truth(r, fr_jr_eval(r, n->a));
        if (r->code != 0)
            return;
        if (truth) {
            exec(r, &n->body);
            return;
        }
        if (n->rest.n != 1 || n->rest.at[0]->kind != FR_JN_IF)
            break;
        n = n->rest.at[0]; /* elif */
    }
    exec(r, &n->rest);
}

static void exec_with(fr_jr *r, const fr_jn *n)
{
    fr_jscope *outer = r->scope, *scope = scope_new(r, outer);
    for (size_t i = 0; i + 1 < n->items.n && r->code == 0; i += 2)
        assign_target(r, scope, n->items.at[i], fr_jr_eval(r, n->items.at[i + 1]));
    r->scope = scope;
    exec(r, &n->body);
    r->scope = outer;
}

static void exec_call_block(fr_jr *r, const fr_jn *n)
{
    fr_jv caller = macro_new(r, n);
    write_out(r, eval_call(r, n->a, &caller));
}

static void exec_node(fr_jr *r, const fr_jn *n)
{
    switch ((fr_jn_kind)n->kind) {
    case FR_JN_DATA:
        write_out(r, n->value);
        break;
    case FR_JN_PRINT:
        for (size_t i = 0; i < n->items.n && r->code == 0; i++) {
            fr_jv v = fr_jr_eval(r, n->items.at[i]);
            r->node = n->items.at[i];
            write_out(r, v);
        }
        break;
    case FR_JN_IF:
        exec_if(r, n);
        break;
    case FR_JN_FOR: {
        fr_jv over = fr_jr_eval(r, n->b);
        r->node = n->b;
        if (r->code == 0)
            run_loop(r, n, r->scope, over, 0);
        break;
    }
    case FR_JN_SET:
        assign_target(r, r->scope, n->a, fr_jr_eval(r, n->b));
        break;
    case FR_JN_SET_BLOCK: {
        fr_jv text = capture(r, &n->body, scope_new(r, r->scope));
        assign_target(r, r->scope, n->a, filter_text(r, n->b, text));
        break;
    }
    case FR_JN_WITH:
        exec_with(r, n);
        break;
    case FR_JN_MACRO:
        assign(r, r->scope, n->symbol, macro_new(r, n));
        break;
    case FR_JN_CALL_BLOCK:
        exec_call_block(r, n);
        break;
    case FR_JN_FILTER_BLOCK:
        write_out(r, filter_text(r, n->a, capture(r, &n->body, scope_new(r, r->scope))));
        break;
    case FR_JN_GENERATION:
        write_out(r, capture(r, &n->body, scope_new(r, r->scope)));
        break;
    case FR_JN_BLOCK: {
        /* a block sees the variables of the top, not those of a loop around it */
        fr_jscope *outer = r->scope;
        r->scope = scope_new(r, n->flag ? outer : r->root);
        exec(r, &n->body);
        r->scope = outer;
        break;
    }
    case FR_JN_BREAK:
        r->flow = FLOW_BREAK;
        break;
    case FR_JN_CONTINUE:
        r->flow = FLOW_CONTINUE;
        break;
    case FR_JN_REFUSED:
        fr_jr_fail(r, "'%.*s' needs another template, and a template here stands alone",
                   FR_STR_F(n->name));
        break;
    default:
        break;
    }
}

static void exec(fr_jr *r, const fr_jn_list *body)
{
    if (fr_jr_enter(r))
        for (size_t i = 0; i < body->n && r->flow == FLOW_ON && fr_jr_step(r, 1); i++) {
            r->node = body->at[i];
            exec_node(r, body->at[i]);
        }
    fr_jr_leave(r);
}

int fr_jinja_render(const fr_jinja *t, const json_t *vars, fr_buf *out, fr_err *err)
{
    fr_jb text = { 0 };
    fr_jr r = { .t = t,
                .err = err,
                .steps_left = t->options.steps,
                .vars = vars,
                .out = &text,
                .mem = { .limit = t->options.memory_bytes } };
    r.root = r.scope = scope_new(&r, NULL);
    for (size_t i = 0; i < t->n_symbols && vars != NULL; i++) {
        char name[256];
        if (t->symbols[i].n >= sizeof(name))
            continue;
        snprintf(name, sizeof(name), "%.*s", FR_STR_F(t->symbols[i]));
        const json_t *value = json_object_get(vars, name);
        if (value != NULL)
            assign(&r, r.root, (uint32_t)i, fr_jv_of_json(&r, value, 0));
    }
    r.scope = r.root =
        scope_new(&r, r.root); /* what the template sets lies above what it is given */
    exec(&r, &t->body);
    if (r.code == 0)
        fr_buf_put_str(out, fr_jb_bytes(&text));
    fr_jm_fini(&r.mem);
    return r.code;
}
