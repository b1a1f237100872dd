/* The tree of a template, by the grammar of jinja2/parser.py, and its door. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/jinja_priv.h"
#include "text/utf8.h"

#define MOST_SOURCE_BYTES ((size_t)4 << 20)
#define MOST_TREE_BYTES   ((size_t)512 << 20)
#define MOST_DEPTH        200

typedef struct {
    fr_jinja *t;
    const fr_jk *at;
    fr_err *err;
    int code; /* the first error; 0: none */
    int depth;
    int loops;        /* for, around what is read, inside the same function */
    bool soft;        /* inside if: an unknown filter fails only when it is reached */
    fr_jn *macro[64]; /* macros and call blocks around what is read */
    size_t n_macros;
    const char *tag; /* innermost tag that must be closed */
    fr_jn none;      /* stands for what could not be read */
} parser;

int fr_jinja_fail_at(const fr_jinja *t, size_t at, fr_err *err, int code, const char *hint,
                     const char *fmt, ...)
{
    char text[320];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    size_t line = 1, from = 0;
    at = FR_MIN(at, t->source.n);
    for (size_t i = 0; i < at; i++)
        if (t->source.at[i] == '\n') {
            line++;
            from = i + 1;
        }
    size_t column = 1 + fr_jt_length((fr_str){ t->source.at + from, at - from });
    return fr_fail(err, code, hint, "%s:%zu:%zu: %s", t->options.name, line, column, text);
}

static void vfail(parser *p, size_t at, int code, const char *fmt, va_list args)
{
    char text[320];
    if (p->code != 0)
        return;
    vsnprintf(text, sizeof(text), fmt, args);
    p->code = fr_jinja_fail_at(p->t, at, p->err, code, NULL, "%s", text);
}

static FR_PRINTF(3, 4) fr_jn *fail(parser *p, size_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfail(p, at, FR_E_FORMAT, fmt, args);
    va_end(args);
    return &p->none;
}

static FR_PRINTF(3, 4) fr_jn *refuse(parser *p, size_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfail(p, at, FR_E_UNSUPPORTED, fmt, args);
    va_end(args);
    return &p->none;
}

static void *take(parser *p, size_t n)
{
    void *at = fr_jm_alloc(&p->t->mem, n);
    if (at == NULL)
        fail(p, p->at->at, "this template needs too much memory");
    return at;
}

/* ---- symbols
 * ---------------------------------------------------------------------------------------- */

static uint64_t hash(fr_str s)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.at[i]) * 1099511628211u;
    return h ^ h >> 29;
}

uint32_t fr_jinja_symbol(fr_jinja *t, fr_str name)
{
    if (2 * (t->n_symbols + 1) > t->n_symbol_slots) {
        free(t->symbol_slots);
        t->n_symbol_slots = t->n_symbol_slots != 0 ? t->n_symbol_slots * 2 : 64;
        t->symbol_slots = FR_NEW_N(uint32_t, t->n_symbol_slots);
        for (size_t i = 0; i < t->n_symbols; i++) {
            size_t s = hash(t->symbols[i]) & (t->n_symbol_slots - 1);
            while (t->symbol_slots[s] != 0)
                s = (s + 1) & (t->n_symbol_slots - 1);
            t->symbol_slots[s] = (uint32_t)i + 1;
        }
    }
    size_t s = hash(name) & (t->n_symbol_slots - 1);
    for (; t->symbol_slots[s] != 0; s = (s + 1) & (t->n_symbol_slots - 1))
        if (fr_str_equal(t->symbols[t->symbol_slots[s] - 1], name))
            return t->symbol_slots[s] - 1;
    FR_GROW(t->symbols, t->n_symbols, t->cap_symbols);
    t->symbols[t->n_symbols++] = name;
    t->symbol_slots[s] = (uint32_t)t->n_symbols;
    return (uint32_t)t->n_symbols - 1;
}

/* ---- nodes
 * -------------------------------------------------------------------------------------------- */

static fr_jn *node(parser *p, fr_jn_kind kind, size_t at)
{
    fr_jn *n = take(p, sizeof(*n));
    if (n == NULL)
        return &p->none;
    n->kind = (uint8_t)kind;
    n->at = (uint32_t)at;
    n->depth = 1;
    return n;
}

/* A child was hung on a node: chains such as a + b + c … nest without brackets. */
static fr_jn *grown(parser *p, fr_jn *n, const fr_jn *child)
{
    if (child != NULL && child->depth >= n->depth)
        n->depth = (uint16_t)(child->depth + 1);
    if (n->depth > MOST_DEPTH && p->code == 0)
        p->code = fr_jinja_fail_at(p->t, n->at, p->err, FR_E_LIMIT, NULL,
                                   "nested more than %d deep", MOST_DEPTH);
    return n;
}

static void push(parser *p, fr_jn_list *list, fr_jn *n)
{
    if (list->n == list->cap) {
        size_t cap = list->cap != 0 ? list->cap * 2 : 4;
        fr_jn **at = take(p, cap * sizeof(fr_jn *));
        if (at == NULL)
            return;
        if (list->n != 0)
            memcpy(at, list->at, list->n * sizeof(fr_jn *));
        list->at = at;
        list->cap = cap;
    }
    list->at[list->n++] = n;
}

static bool enter(parser *p)
{
    if (++p->depth > MOST_DEPTH && p->code == 0)
        p->code = fr_jinja_fail_at(p->t, p->at->at, p->err, FR_E_LIMIT, NULL,
                                   "nested more than %d deep", MOST_DEPTH);
    return p->code == 0;
}

/* ---- tokens
 * --------------------------------------------------------------------------------------------- */

static bool is_op(const fr_jk *k, const char *op)
{
    return k->kind == FR_JK_OPERATOR && fr_str_is(k->text, op);
}

static bool is_name(const fr_jk *k, const char *name)
{
    return k->kind == FR_JK_NAME && fr_str_is(k->text, name);
}

static const fr_jk *next(parser *p)
{
    const fr_jk *k = p->at;
    if (k->kind != FR_JK_EOF)
        p->at++;
    return k;
}

static bool skip_op(parser *p, const char *op)
{
    bool there = is_op(p->at, op);
    if (there)
        next(p);
    return there;
}

static bool skip_name(parser *p, const char *name)
{
    bool there = is_name(p->at, name);
    if (there)
        next(p);
    return there;
}

static fr_str shown(const fr_jk *k)
{
    switch (k->kind) {
    case FR_JK_EOF:
        return FR_STR("end of template");
    case FR_JK_DATA:
        return FR_STR("template data / text");
    case FR_JK_VARIABLE_BEGIN:
        return FR_STR("begin of print statement");
    case FR_JK_VARIABLE_END:
        return FR_STR("end of print statement");
    case FR_JK_BLOCK_BEGIN:
        return FR_STR("begin of statement block");
    case FR_JK_BLOCK_END:
        return FR_STR("end of statement block");
    case FR_JK_STRING:
        return FR_STR("string");
    case FR_JK_INTEGER:
        return FR_STR("integer");
    case FR_JK_FLOAT:
        return FR_STR("float");
    case FR_JK_NAME:
    case FR_JK_OPERATOR:
        break;
    }
    return k->text;
}

static void wrong(parser *p, const char *expected)
{
    if (p->at->kind == FR_JK_EOF)
        fail(p, p->at->at, "unexpected end of template, expected '%s'", expected);
    else
        fail(p, p->at->at, "expected token '%s', got '%.*s'", expected, FR_STR_F(shown(p->at)));
}

static const fr_jk *expect_op(parser *p, const char *op)
{
    if (!is_op(p->at, op))
        wrong(p, op);
    return next(p);
}

static const fr_jk *expect(parser *p, fr_jk_kind kind, const char *expected)
{
    if (p->at->kind != kind)
        wrong(p, expected);
    return next(p);
}

static const fr_jk *expect_name(parser *p)
{
    return expect(p, FR_JK_NAME, "name");
}

/* ---- expressions
 * ------------------------------------------------------------------------------------------ */

static fr_jn *parse_expression(parser *p, bool with_if);
static fr_jn *parse_unary(parser *p, bool with_filter);
static fr_jn *parse_postfix(parser *p, fr_jn *n);

/* What jinja2's parse_tuple() is told about where the tuple stands. */
typedef struct {
    bool simple; /* names and literals only: a target */
    bool no_if;
    bool in_brackets;
    bool members;    /* ns.attr is a target too */
    const char *end; /* a name that ends it */
} tuple_rules;
static fr_jn *parse_tuple(parser *p, tuple_rules rules);

static fr_jn *name_node(parser *p, const fr_jk *k)
{
    fr_jn *n = node(p, FR_JN_NAME, k->at);
    n->name = k->text;
    n->symbol = fr_jinja_symbol(p->t, k->text);
    for (size_t i = 0; i < p->n_macros; i++) {
        fr_jn *m = p->macro[i];
        m->uses_caller |= fr_str_is(k->text, "caller");
        m->uses_kwargs |= fr_str_is(k->text, "kwargs");
        m->uses_varargs |= fr_str_is(k->text, "varargs");
    }
    return n;
}

static fr_jn *const_node(parser *p, size_t at, fr_jv value)
{
    fr_jn *n = node(p, FR_JN_CONST, at);
    n->value = value;
    return n;
}

static fr_jn *parse_string(parser *p)
{
    const fr_jk *first = next(p);
    if (p->at->kind != FR_JK_STRING)
        return const_node(p, first->at, fr_jv_str(first->text));
    size_t n = first->text.n;
    for (const fr_jk *k = p->at; k->kind == FR_JK_STRING; k++)
        n += k->text.n;
    char *text = take(p, n + 1);
    if (text == NULL)
        return &p->none;
    memcpy(text, first->text.at, first->text.n);
    n = first->text.n;
    while (p->at->kind == FR_JK_STRING) {
        fr_str more = next(p)->text;
        memcpy(text + n, more.at, more.n);
        n += more.n;
    }
    return const_node(p, first->at, fr_jv_str((fr_str){ text, n }));
}

static fr_jn *parse_list(parser *p)
{
    fr_jn *n = node(p, FR_JN_LIST, next(p)->at);
    while (p->code == 0 && !is_op(p->at, "]")) {
        if (n->items.n != 0)
            expect_op(p, ",");
        if (is_op(p->at, "]"))
            break;
        fr_jn *item = parse_expression(p, true);
        push(p, &n->items, item);
        grown(p, n, item);
    }
    expect_op(p, "]");
    return n;
}

static fr_jn *parse_dict(parser *p)
{
    fr_jn *n = node(p, FR_JN_DICT, next(p)->at);
    while (p->code == 0 && !is_op(p->at, "}")) {
        if (n->items.n != 0)
            expect_op(p, ",");
        if (is_op(p->at, "}"))
            break;
        fr_jn *key = parse_expression(p, true);
        expect_op(p, ":");
        fr_jn *value = parse_expression(p, true);
        push(p, &n->items, key);
        push(p, &n->items, value);
        grown(p, grown(p, n, key), value);
    }
    expect_op(p, "}");
    return n;
}

static fr_jn *parse_primary(parser *p, bool members)
{
    const fr_jk *k = p->at;
    switch (k->kind) {
    case FR_JK_NAME:
        next(p);
        if (fr_str_is(k->text, "true") || fr_str_is(k->text, "True"))
            return const_node(p, k->at, fr_jv_bool(true));
        if (fr_str_is(k->text, "false") || fr_str_is(k->text, "False"))
            return const_node(p, k->at, fr_jv_bool(false));
        if (fr_str_is(k->text, "none") || fr_str_is(k->text, "None"))
            return const_node(p, k->at, FR_JV_NOTHING);
        if (members && is_op(p->at, ".")) {
            next(p);
            fr_jn *n = node(p, FR_JN_MEMBER, k->at);
            n->a = name_node(p, k);
            n->name = expect_name(p)->text;
            return n;
        }
        return name_node(p, k);
    case FR_JK_STRING:
        return parse_string(p);
    case FR_JK_INTEGER:
        next(p);
        return const_node(p, k->at, fr_jv_int(k->i));
    case FR_JK_FLOAT:
        next(p);
        return const_node(p, k->at, fr_jv_f64(k->f));
    case FR_JK_OPERATOR:
        if (is_op(k, "(")) {
            next(p);
            fr_jn *n = parse_tuple(p, (tuple_rules){ .in_brackets = true });
            expect_op(p, ")");
            return n;
        }
        if (is_op(k, "["))
            return parse_list(p);
        if (is_op(k, "{"))
            return parse_dict(p);
        break;
    default:
        break;
    }
    fail(p, k->at, "unexpected '%.*s'", FR_STR_F(shown(k)));
    next(p);
    return &p->none;
}

static bool tuple_ends(const parser *p, const char *end)
{
    const fr_jk *k = p->at;
    return k->kind == FR_JK_VARIABLE_END || k->kind == FR_JK_BLOCK_END || is_op(k, ")") ||
           (end != NULL && is_name(k, end));
}

static fr_jn *parse_tuple(parser *p, tuple_rules rules)
{
    size_t at = p->at->at;
    fr_jn *tuple = NULL, *first = NULL;
    for (size_t n = 0; p->code == 0; n++) {
        if (n != 0)
            expect_op(p, ",");
        if (tuple_ends(p, rules.end))
            break;
        fr_jn *item =
            rules.simple ? parse_primary(p, rules.members) : parse_expression(p, !rules.no_if);
        if (first == NULL)
            first = item;
        if (tuple != NULL)
            push(p, &grown(p, tuple, item)->items, item);
        if (!is_op(p->at, ","))
            break;
        if (tuple == NULL) {
            tuple = node(p, FR_JN_TUPLE, at);
            push(p, &grown(p, tuple, item)->items, item);
        }
    }
    if (tuple != NULL)
        return tuple;
    if (first != NULL)
        return first;
    if (!rules.in_brackets)
        fail(p, p->at->at, "expected an expression, got '%.*s'", FR_STR_F(shown(p->at)));
    return node(p, FR_JN_TUPLE, at);
}

static fr_jn *parse_subscribed(parser *p, fr_jn *of, bool *is_slice)
{
    fr_jn *part[3] = { NULL, NULL, NULL };
    size_t at = p->at->at;
    *is_slice = true;
    if (is_op(p->at, ":")) {
        next(p);
    } else {
        part[0] = parse_expression(p, true);
        if (!is_op(p->at, ":")) {
            *is_slice = false;
            return part[0];
        }
        next(p);
    }
    if (!is_op(p->at, ":") && !is_op(p->at, "]") && !is_op(p->at, ","))
        part[1] = parse_expression(p, true);
    if (skip_op(p, ":") && !is_op(p->at, "]") && !is_op(p->at, ","))
        part[2] = parse_expression(p, true);
    fr_jn *n = node(p, FR_JN_SLICE, at);
    n->a = of;
    grown(p, n, of);
    for (size_t i = 0; i < 3; i++) {
        push(p, &n->items, part[i]);
        grown(p, n, part[i]);
    }
    return n;
}

static fr_jn *parse_subscript(parser *p, fr_jn *of)
{
    const fr_jk *k = next(p);
    if (fr_str_is(k->text, ".")) {
        const fr_jk *attribute = next(p);
        fr_jn *n = node(p, attribute->kind == FR_JK_NAME ? FR_JN_ATTRIBUTE : FR_JN_ITEM, k->at);
        n->a = of;
        n->name = attribute->text;
        if (attribute->kind == FR_JK_INTEGER)
            n->b = const_node(p, attribute->at, fr_jv_int(attribute->i));
        else if (attribute->kind != FR_JK_NAME)
            fail(p, attribute->at, "expected name or number");
        return grown(p, n, of);
    }
    bool is_slice = false;
    fr_jn *key = NULL, *tuple = NULL;
    for (size_t n = 0; p->code == 0 && !is_op(p->at, "]"); n++) {
        if (n != 0)
            expect_op(p, ",");
        fr_jn *item = parse_subscribed(p, of, &is_slice);
        if (is_slice && (n != 0 || !is_op(p->at, "]")))
            return refuse(p, k->at, "a slice inside a tuple of subscripts");
        if (n == 1) {
            tuple = node(p, FR_JN_TUPLE, k->at);
            push(p, &tuple->items, key);
            grown(p, tuple, key);
            key = tuple;
        }
        if (n == 0)
            key = item;
        else
            push(p, &grown(p, tuple, item)->items, item);
    }
    expect_op(p, "]");
    if (is_slice)
        return key;
    fr_jn *n = node(p, FR_JN_ITEM, k->at);
    n->a = of;
    n->b = key != NULL ? key : node(p, FR_JN_TUPLE, k->at);
    return grown(p, grown(p, n, of), n->b);
}

/* Behind "(": arguments into n: items (positional, then named), names, splats. */
static void parse_arguments(parser *p, fr_jn *n)
{
    size_t at = expect_op(p, "(")->at;
    fr_jn_list named = { 0 };
    fr_str *names = NULL;
    size_t cap = 0;
    bool ok = true;
    for (bool comma = false; p->code == 0 && !is_op(p->at, ")"); comma = true) {
        if (comma) {
            expect_op(p, ",");
            if (is_op(p->at, ")"))
                break;
        }
        fr_jn *value = NULL;
        if (skip_op(p, "*")) {
            ok = ok && n->splat == NULL && n->splat_named == NULL;
            value = n->splat = parse_expression(p, true);
        } else if (skip_op(p, "**")) {
            ok = ok && n->splat_named == NULL;
            value = n->splat_named = parse_expression(p, true);
        } else if (p->at->kind == FR_JK_NAME && is_op(p->at + 1, "=")) {
            ok = ok && n->splat_named == NULL;
            if (n->n_names == cap) {
                cap = cap != 0 ? cap * 2 : 4;
                fr_str *grown_names = take(p, cap * sizeof(*names));
                if (grown_names == NULL)
                    return;
                if (n->n_names != 0)
                    memcpy(grown_names, names, n->n_names * sizeof(*names));
                names = grown_names;
            }
            fr_str name = next(p)->text;
            for (size_t i = 0; i < n->n_names; i++)
                if (fr_str_equal(names[i], name))
                    fail(p, at, "keyword argument repeated: %.*s", FR_STR_F(name));
            names[n->n_names++] = name;
            next(p);
            value = parse_expression(p, true);
            push(p, &named, value);
        } else {
            ok = ok && n->splat == NULL && n->splat_named == NULL && n->n_names == 0;
            value = parse_expression(p, true);
            push(p, &n->items, value);
        }
        grown(p, n, value);
        if (!ok)
            fail(p, at, "invalid syntax for function call expression");
    }
    expect_op(p, ")");
    for (size_t i = 0; i < named.n; i++)
        push(p, &n->items, named.at[i]);
    n->names = names;
}

static fr_jn *parse_call(parser *p, fr_jn *of)
{
    fr_jn *n = node(p, FR_JN_CALL, p->at->at);
    n->a = of;
    grown(p, n, of);
    parse_arguments(p, n);
    return n;
}

/* name.name… of a filter or test */
static fr_str dotted(parser *p)
{
    fr_str name = expect_name(p)->text;
    while (is_op(p->at, ".")) {
        next(p);
        fr_str more = expect_name(p)->text;
        if (p->code == 0) /* nothing has such a name: it is only shown */
            name.n = (size_t)(more.at + more.n - name.at);
    }
    return name;
}

static fr_jn *parse_filter(parser *p, fr_jn *of, bool begun)
{
    while (p->code == 0 && (begun || is_op(p->at, "|"))) {
        if (!begun)
            next(p);
        begun = false;
        fr_jn *n = node(p, FR_JN_FILTER, p->at->at);
        n->a = of;
        n->name = dotted(p);
        n->row = fr_jinja_filter(n->name);
        if (n->row == NULL && !p->soft)
            fail(p, n->at, "no filter named '%.*s'", FR_STR_F(n->name));
        grown(p, n, of);
        if (is_op(p->at, "("))
            parse_arguments(p, n);
        of = n;
    }
    return of;
}

static fr_jn *parse_test(parser *p, fr_jn *of)
{
    next(p);
    fr_jn *n = node(p, FR_JN_TEST, p->at->at);
    n->a = of;
    n->op = skip_name(p, "not");
    n->at = p->at->at;
    n->name = dotted(p);
    n->row = fr_jinja_test(n->name);
    if (n->row == NULL && !p->soft)
        fail(p, n->at, "no test named '%.*s'", FR_STR_F(n->name));
    grown(p, n, of);
    const fr_jk *k = p->at;
    if (is_op(k, "(")) {
        parse_arguments(p, n);
    } else if ((k->kind == FR_JK_NAME && !is_name(k, "else") && !is_name(k, "or") &&
                !is_name(k, "and")) ||
               k->kind == FR_JK_STRING || k->kind == FR_JK_INTEGER || k->kind == FR_JK_FLOAT ||
               is_op(k, "[") || is_op(k, "{")) {
        if (is_name(k, "is"))
            return fail(p, k->at, "you cannot chain multiple tests with is");
        fr_jn *argument = parse_postfix(p, parse_primary(p, false));
        push(p, &n->items, argument);
        grown(p, n, argument);
    }
    return n;
}

static fr_jn *parse_postfix(parser *p, fr_jn *n)
{
    while (p->code == 0) {
        if (is_op(p->at, ".") || is_op(p->at, "["))
            n = parse_subscript(p, n);
        else if (is_op(p->at, "("))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

static fr_jn *parse_unary(parser *p, bool with_filter)
{
    fr_jn *n = NULL;
    if (!enter(p))
        return &p->none;
    if (is_op(p->at, "-") || is_op(p->at, "+")) {
        const fr_jk *k = next(p);
        n = node(p, FR_JN_NEGATE, k->at);
        n->op = fr_str_is(k->text, "-");
        n->a = parse_unary(p, false);
        grown(p, n, n->a);
    } else {
        n = parse_primary(p, false);
    }
    n = parse_postfix(p, n);
    while (with_filter && p->code == 0) {
        if (is_op(p->at, "|"))
            n = parse_filter(p, n, false);
        else if (is_name(p->at, "is"))
            n = parse_test(p, n);
        else if (is_op(p->at, "("))
            n = parse_call(p, n);
        else
            break;
    }
    p->depth--;
    return n;
}

static fr_jn *binary(parser *p, fr_jn_kind kind, int op, size_t at, fr_jn *a, fr_jn *b)
{
    fr_jn *n = node(p, kind, at);
    n->op = (uint8_t)op;
    n->a = a;
    n->b = b;
    return grown(p, grown(p, n, a), b);
}

static fr_jn *parse_pow(parser *p)
{
    fr_jn *left = parse_unary(p, true);
    while (p->code == 0 && is_op(p->at, "**")) {
        size_t at = next(p)->at;
        left = binary(p, FR_JN_ARITH, FR_JO_POW, at, left, parse_unary(p, true));
    }
    return left;
}

static fr_jn *parse_product(parser *p)
{
    static const struct {
        const char *text;
        fr_jop op;
    } OPS[] = { { "*", FR_JO_MUL }, { "/", FR_JO_DIV }, { "//", FR_JO_FLOOR }, { "%", FR_JO_MOD } };
    fr_jn *left = parse_pow(p);
    for (size_t i = 0; i < FR_COUNT_OF(OPS) && p->code == 0; i++) {
        if (!is_op(p->at, OPS[i].text))
            continue;
        size_t at = next(p)->at;
        left = binary(p, FR_JN_ARITH, OPS[i].op, at, left, parse_pow(p));
        i = SIZE_MAX; /* from the first again */
    }
    return left;
}

static fr_jn *parse_concat(parser *p)
{
    fr_jn *first = parse_product(p);
    if (!is_op(p->at, "~"))
        return first;
    fr_jn *n = node(p, FR_JN_CONCAT, p->at->at);
    push(p, &n->items, first);
    grown(p, n, first);
    while (p->code == 0 && skip_op(p, "~")) {
        fr_jn *more = parse_product(p);
        push(p, &n->items, more);
        grown(p, n, more);
    }
    return n;
}

static fr_jn *parse_sum(parser *p)
{
    fr_jn *left = parse_concat(p);
    while (p->code == 0 && (is_op(p->at, "+") || is_op(p->at, "-"))) {
        const fr_jk *k = next(p);
        left = binary(p, FR_JN_ARITH, fr_str_is(k->text, "+") ? FR_JO_ADD : FR_JO_SUB, k->at, left,
                      parse_concat(p));
    }
    return left;
}

/* The comparison that stands next, skipped; -1: none. */
static int comparison(parser *p)
{
    static const char *const OPS[] = { "==", "!=", "<", "<=", ">", ">=" };
    for (size_t i = 0; i < FR_COUNT_OF(OPS); i++)
        if (skip_op(p, OPS[i]))
            return FR_JC_EQ + (int)i;
    if (skip_name(p, "in"))
        return FR_JC_IN;
    if (is_name(p->at, "not") && is_name(p->at + 1, "in")) {
        p->at += 2;
        return FR_JC_NOT_IN;
    }
    return -1;
}

static fr_jn *parse_compare(parser *p)
{
    fr_jn *first = parse_sum(p), *n = NULL;
    for (size_t i = 0; p->code == 0; i++) {
        size_t at = p->at->at;
        int op = comparison(p);
        if (op < 0)
            break;
        if (n == NULL) {
            n = node(p, FR_JN_COMPARE, at);
            n->a = first;
            grown(p, n, first);
        }
        fr_jn *more = parse_sum(p);
        push(p, &n->items, more);
        grown(p, n, more);
        uint8_t *ops = take(p, i + 1);
        if (ops == NULL || i >= 64)
            return fail(p, at, "too many comparisons in a row");
        if (i != 0)
            memcpy(ops, n->ops, i);
        ops[i] = (uint8_t)op;
        n->ops = ops;
    }
    return n != NULL ? n : first;
}

static fr_jn *parse_not(parser *p)
{
    if (!is_name(p->at, "not"))
        return parse_compare(p);
    if (!enter(p))
        return &p->none;
    fr_jn *n = node(p, FR_JN_NOT, next(p)->at);
    n->a = parse_not(p);
    p->depth--;
    return grown(p, n, n->a);
}

static fr_jn *parse_and(parser *p)
{
    fr_jn *left = parse_not(p);
    while (p->code == 0 && is_name(p->at, "and")) {
        size_t at = next(p)->at;
        left = binary(p, FR_JN_AND, 0, at, left, parse_not(p));
    }
    return left;
}

static fr_jn *parse_or(parser *p)
{
    fr_jn *left = parse_and(p);
    while (p->code == 0 && is_name(p->at, "or")) {
        size_t at = next(p)->at;
        left = binary(p, FR_JN_OR, 0, at, left, parse_and(p));
    }
    return left;
}

static fr_jn *parse_expression(parser *p, bool with_if)
{
    if (!enter(p))
        return &p->none;
    fr_jn *left = parse_or(p);
    while (with_if && p->code == 0 && is_name(p->at, "if")) {
        fr_jn *n = node(p, FR_JN_IF_ELSE, next(p)->at);
        n->a = left;
        n->b = parse_or(p);
        if (skip_name(p, "else"))
            n->c = parse_expression(p, true);
        left = grown(p, grown(p, grown(p, n, n->a), n->b), n->c);
    }
    p->depth--;
    return left;
}

/* ---- statements
 * ---------------------------------------------------------------------------------------------- */

static void parse_body(parser *p, fr_jn_list *body, const char *const *ends);

/* Behind a tag's words: the body up to one of the tags in `ends`, whose name is read. */
static fr_str parse_until(parser *p, fr_jn_list *body, const char *const *ends)
{
    skip_op(p, ":");
    expect(p, FR_JK_BLOCK_END, "end of statement block");
    parse_body(p, body, ends);
    if (p->code == 0 && p->at->kind == FR_JK_EOF)
        fail(p, p->at->at,
             "unexpected end of template: jinja was looking for '%s'; the innermost block that "
             "needs to be closed is '%s'",
             ends[0], p->tag != NULL ? p->tag : ends[0]);
    return next(p)->text;
}

static void parse_to(parser *p, fr_jn_list *body, const char *end)
{
    const char *const ends[] = { end, NULL };
    parse_until(p, body, ends);
}

static void check_target(parser *p, const fr_jn *target, bool in_loop)
{
    if (target->kind == FR_JN_NAME && in_loop && fr_str_is(target->name, "loop"))
        fail(p, target->at, "can't assign to special loop variable");
    if (target->kind == FR_JN_NAME || target->kind == FR_JN_MEMBER)
        return;
    if (target->kind != FR_JN_TUPLE) {
        fail(p, target->at, "can't assign to what is no name");
        return;
    }
    for (size_t i = 0; i < target->items.n && p->code == 0; i++)
        check_target(p, target->items.at[i], in_loop);
}

static fr_jn *parse_target(parser *p, const char *end, bool members)
{
    fr_jn *target = parse_tuple(p, (tuple_rules){ .simple = true, .end = end, .members = members });
    if (p->code == 0)
        check_target(p, target, end != NULL || p->loops > 0);
    return target;
}

static fr_jn *parse_for(parser *p)
{
    static const char *const ENDS[] = { "endfor", "else", NULL };
    fr_jn *n = node(p, FR_JN_FOR, next(p)->at);
    n->a = parse_target(p, "in", false);
    if (!skip_name(p, "in"))
        wrong(p, "in");
    n->b = parse_tuple(p, (tuple_rules){ .no_if = true, .end = "recursive" });
    if (skip_name(p, "if"))
        n->c = parse_expression(p, true);
    n->flag = skip_name(p, "recursive");
    bool soft = p->soft;
    p->soft = false;
    p->loops++;
    fr_str end = parse_until(p, &n->body, ENDS);
    p->loops--;
    if (fr_str_is(end, "else"))
        parse_to(p, &n->rest, "endfor");
    p->soft = soft;
    return n;
}

static fr_jn *parse_if(parser *p)
{
    static const char *const ENDS[] = { "elif", "else", "endif", NULL };
    fr_jn *first = node(p, FR_JN_IF, next(p)->at), *n = first;
    bool soft = p->soft;
    p->soft = true;
    while (p->code == 0) {
        n->a = parse_tuple(p, (tuple_rules){ .no_if = true });
        fr_str end = parse_until(p, &n->body, ENDS);
        if (fr_str_is(end, "elif")) {
            fr_jn *more = node(p, FR_JN_IF, p->at->at);
            push(p, &n->rest, more); /* n's rest is this one alone: executed in a loop */
            n = more;
            continue;
        }
        if (fr_str_is(end, "else"))
            parse_to(p, &n->rest, "endif");
        break;
    }
    p->soft = soft;
    return first;
}

static fr_jn *parse_set(parser *p)
{
    size_t at = next(p)->at;
    fr_jn *target = parse_target(p, NULL, true);
    if (skip_op(p, "=")) {
        fr_jn *n = node(p, FR_JN_SET, at);
        n->a = target;
        n->b = parse_tuple(p, (tuple_rules){ 0 });
        return n;
    }
    fr_jn *n = node(p, FR_JN_SET_BLOCK, at);
    n->a = target;
    n->b = parse_filter(p, NULL, false);
    parse_to(p, &n->body, "endset");
    return n;
}

static fr_jn *parse_with(parser *p)
{
    fr_jn *n = node(p, FR_JN_WITH, next(p)->at);
    while (p->code == 0 && p->at->kind != FR_JK_BLOCK_END) {
        if (n->items.n != 0)
            expect_op(p, ",");
        push(p, &n->items, parse_target(p, NULL, false));
        expect_op(p, "=");
        push(p, &n->items, parse_expression(p, true));
    }
    parse_to(p, &n->body, "endwith");
    return n;
}

static void parse_signature(parser *p, fr_jn *n)
{
    size_t cap = 0;
    expect_op(p, "(");
    while (p->code == 0 && !is_op(p->at, ")")) {
        if (n->n_params != 0)
            expect_op(p, ",");
        const fr_jk *name = expect_name(p);
        if (n->n_params == cap) {
            cap = cap != 0 ? cap * 2 : 8;
            uint32_t *params = take(p, cap * sizeof(*params));
            if (params == NULL)
                return;
            if (n->n_params != 0)
                memcpy(params, n->params, n->n_params * sizeof(*params));
            n->params = params;
        }
        uint32_t symbol = fr_jinja_symbol(p->t, name->text);
        for (size_t i = 0; i < n->n_params; i++)
            if (n->params[i] == symbol)
                fail(p, name->at, "duplicate argument '%.*s'", FR_STR_F(name->text));
        n->params[n->n_params++] = symbol;
        if (skip_op(p, "="))
            push(p, &n->items, parse_expression(p, true));
        else if (n->items.n != 0)
            fail(p, name->at, "non-default argument follows default argument");
    }
    expect_op(p, ")");
}

/* The body of a macro or call block: a function of its own. */
static void parse_function_body(parser *p, fr_jn *n, const char *end)
{
    if (p->n_macros == FR_COUNT_OF(p->macro)) {
        fail(p, n->at, "macros are nested more than %zu deep", FR_COUNT_OF(p->macro));
        return;
    }
    int loops = p->loops;
    bool soft = p->soft;
    p->loops = 0;
    p->soft = false;
    p->macro[p->n_macros++] = n;
    parse_to(p, &n->body, end);
    p->n_macros--;
    p->soft = soft;
    p->loops = loops;
    /* parameters of these names are ordinary ones */
    for (size_t i = 0; i < n->n_params; i++) {
        fr_str name = p->t->symbols[n->params[i]];
        if (fr_str_is(name, "caller") && n->uses_caller && i + n->items.n < n->n_params)
            fail(p, n->at, "the special \"caller\" argument must be omitted or be given a default");
        n->uses_kwargs &= !fr_str_is(name, "kwargs");
        n->uses_varargs &= !fr_str_is(name, "varargs");
    }
}

static fr_jn *parse_macro(parser *p)
{
    fr_jn *n = node(p, FR_JN_MACRO, next(p)->at);
    n->name = expect_name(p)->text;
    n->symbol = fr_jinja_symbol(p->t, n->name);
    parse_signature(p, n);
    parse_function_body(p, n, "endmacro");
    return n;
}

static fr_jn *parse_call_block(parser *p)
{
    fr_jn *n = node(p, FR_JN_CALL_BLOCK, next(p)->at);
    n->name = FR_STR("caller");
    if (is_op(p->at, "("))
        parse_signature(p, n);
    n->a = parse_expression(p, true);
    if (p->code == 0 && n->a->kind != FR_JN_CALL)
        fail(p, n->at, "expected call");
    parse_function_body(p, n, "endcall");
    return n;
}

static fr_jn *parse_block(parser *p)
{
    fr_jn *n = node(p, FR_JN_BLOCK, next(p)->at);
    n->name = expect_name(p)->text;
    bool scoped = skip_name(p, "scoped");
    if (skip_name(p, "required"))
        refuse(p, n->at,
               "a required block needs a template that extends this one, and a template "
               "here stands alone");
    n->flag = scoped;
    if (is_op(p->at, "-"))
        fail(p, p->at->at, "block names may not contain hyphens, use an underscore instead");
    parse_function_body(p, n, "endblock");
    if (p->at->kind == FR_JK_NAME && fr_str_equal(p->at->text, n->name))
        next(p);
    return n;
}

static fr_jn *parse_simple(parser *p, const fr_jk *tag)
{
    fr_jn *n = NULL;
    if (fr_str_is(tag->text, "print")) {
        n = node(p, FR_JN_PRINT, next(p)->at);
        while (p->code == 0 && p->at->kind != FR_JK_BLOCK_END) {
            if (n->items.n != 0)
                expect_op(p, ",");
            push(p, &n->items, parse_expression(p, true));
        }
        return n;
    }
    bool is_break = fr_str_is(tag->text, "break");
    if (is_break || fr_str_is(tag->text, "continue")) {
        if (p->loops == 0)
            fail(p, tag->at, "'%.*s' outside loop", FR_STR_F(tag->text));
        return node(p, is_break ? FR_JN_BREAK : FR_JN_CONTINUE, next(p)->at);
    }
    static const char *const OTHERS[] = { "include", "import", "from", "extends" };
    for (size_t i = 0; i < FR_COUNT_OF(OTHERS); i++) {
        if (!fr_str_is(tag->text, OTHERS[i]))
            continue;
        n = node(p, FR_JN_REFUSED, next(p)->at);
        n->name = tag->text;
        while (p->at->kind != FR_JK_BLOCK_END && p->at->kind != FR_JK_EOF)
            next(p);
        return n;
    }
    if (fr_str_is(tag->text, "autoescape")) { /* off is how it is anyway */
        n = node(p, FR_JN_WITH, next(p)->at);
        fr_jn *on = parse_expression(p, true);
        if (p->code == 0 &&
            (on->kind != FR_JN_CONST || on->value.kind != FR_JV_BOOL || on->value.truth))
            return refuse(p, tag->at,
                          "'autoescape' that may be on is for web pages and not known here");
        parse_to(p, &n->body, "endautoescape");
        return n;
    }
    return NULL;
}

/* The statement whose name stands next. `ends`: what the block around it may end with. */
static fr_jn *parse_statement(parser *p, const char *const *ends)
{
    const fr_jk *tag = p->at;
    if (tag->kind != FR_JK_NAME)
        return fail(p, tag->at, "tag name expected");
    static const struct {
        const char *name;
        fr_jn *(*parse)(parser *p);
    } TAGS[] = {
        { "for", parse_for },     { "if", parse_if },       { "set", parse_set },
        { "with", parse_with },   { "macro", parse_macro }, { "call", parse_call_block },
        { "block", parse_block },
    };
    const char *outer = p->tag;
    fr_jn *n = NULL;
    if (!enter(p))
        return &p->none;
    for (size_t i = 0; i < FR_COUNT_OF(TAGS) && n == NULL; i++) {
        if (!fr_str_is(tag->text, TAGS[i].name))
            continue;
        p->tag = TAGS[i].name;
        n = TAGS[i].parse(p);
    }
    if (n == NULL && fr_str_is(tag->text, "filter")) {
        p->tag = "filter";
        n = node(p, FR_JN_FILTER_BLOCK, next(p)->at);
        n->a = parse_filter(p, NULL, true);
        parse_to(p, &n->body, "endfilter");
    } else if (n == NULL && fr_str_is(tag->text, "generation")) {
        p->tag = "generation";
        n = node(p, FR_JN_GENERATION, next(p)->at);
        parse_function_body(p, n, "endgeneration");
    }
    if (n == NULL)
        n = parse_simple(p, tag);
    if (n == NULL) {
        p->tag = outer;
        if (ends != NULL)
            fail(p, tag->at, "encountered unknown tag '%.*s': jinja was looking for '%s'",
                 FR_STR_F(tag->text), ends[0]);
        else
            fail(p, tag->at, "encountered unknown tag '%.*s'", FR_STR_F(tag->text));
        n = &p->none;
    }
    p->tag = outer;
    p->depth--;
    return n;
}

static void parse_body(parser *p, fr_jn_list *body, const char *const *ends)
{
    while (p->code == 0 && p->at->kind != FR_JK_EOF) {
        const fr_jk *k = next(p);
        if (k->kind == FR_JK_DATA) {
            fr_jn *n = node(p, FR_JN_DATA, k->at);
            n->value = fr_jv_str(k->text);
            push(p, body, n);
        } else if (k->kind == FR_JK_VARIABLE_BEGIN) {
            fr_jn *n = node(p, FR_JN_PRINT, k->at);
            push(p, &n->items, parse_tuple(p, (tuple_rules){ 0 }));
            push(p, body, n);
            expect(p, FR_JK_VARIABLE_END, "end of print statement");
        } else {
            for (size_t i = 0; ends != NULL && ends[i] != NULL; i++)
                if (is_name(p->at, ends[i]))
                    return;
            push(p, body, parse_statement(p, ends));
            expect(p, FR_JK_BLOCK_END, "end of statement block");
        }
    }
}

int fr_jinja_parse(fr_jinja *t, const fr_jk_list *tokens, fr_err *err)
{
    parser p = { .t = t, .at = tokens->at, .err = err };
    p.none.kind = FR_JN_CONST;
    parse_body(&p, &t->body, NULL);
    return p.code;
}

/* ---- the door
 * --------------------------------------------------------------------------------------------------
 */

/* Line ends become \n; one at the very end goes. */
static void normalize(fr_jinja *t, fr_str source)
{
    char *to = fr_array(source.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < source.n; i++) {
        bool cr = source.at[i] == '\r';
        to[n++] = cr ? '\n' : source.at[i];
        if (cr && i + 1 < source.n && source.at[i + 1] == '\n')
            i++;
    }
    if (n != 0 && to[n - 1] == '\n' && !t->options.keep_last)
        n--;
    t->source = (fr_str){ to, n };
}

static int read_template(fr_jinja *t, fr_str source, fr_err *err)
{
    if (source.n > MOST_SOURCE_BYTES)
        return fr_fail(err, FR_E_LIMIT, NULL, "%s: a template of %zu bytes; at most %zu are read",
                       t->options.name, source.n, MOST_SOURCE_BYTES);
    static const char *const SPECIAL[FR_JS_N] = { "loop", "caller", "kwargs", "varargs" };
    for (size_t i = 0; i < FR_JS_N; i++)
        fr_jinja_symbol(t, fr_str_of(SPECIAL[i]));
    normalize(t, source);
    size_t valid = fr_utf8_valid_prefix(t->source);
    if (valid < t->source.n)
        return fr_jinja_fail_at(t, valid, err, FR_E_FORMAT, "Save the template as UTF-8.",
                                "a byte that is not UTF-8");
    fr_jk_list tokens = { 0 };
    int rc = fr_jinja_lex(t, &tokens, err);
    if (rc == 0)
        rc = fr_jinja_parse(t, &tokens, err);
    free(tokens.at);
    return rc;
}

int fr_jinja_new(fr_str source, const fr_jinja_options *options, fr_jinja **out, fr_err *err)
{
    fr_jinja *t = FR_NEW(fr_jinja);
    if (options != NULL)
        t->options = *options;
    fr_jinja_options *o = &t->options;
    o->name = t->name = fr_dup(o->name != NULL ? o->name : "template");
    o->steps = o->steps != 0 ? o->steps : 20000000;
    o->depth = o->depth != 0 ? o->depth : 2000;
    o->memory_bytes = o->memory_bytes != 0 ? o->memory_bytes : (size_t)256 << 20;
    o->output_bytes = o->output_bytes != 0 ? o->output_bytes : (size_t)64 << 20;
    t->mem.limit = MOST_TREE_BYTES;
    int rc = read_template(t, source, err);
    if (rc != 0) {
        fr_jinja_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void fr_jinja_free(fr_jinja *t)
{
    if (t == NULL)
        return;
    fr_jm_fini(&t->mem);
    free((char *)(uintptr_t)t->source.at);
    free(t->symbols);
    free(t->symbol_slots);
    free(t->name);
    free(t);
}

bool fr_jinja_mentions(const fr_jinja *t, const char *variable)
{
    for (size_t i = FR_JS_N; i < t->n_symbols; i++)
        if (fr_str_is(t->symbols[i], variable))
            return true;
    return false;
}
