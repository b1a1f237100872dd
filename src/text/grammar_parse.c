/*
 * GBNF to nodes, in two steps: the text becomes a tree of elements; each rule's tree is then laid
 * out from its end, every element knowing what follows it. Repetitions are written out, classes
 * become byte ranges of UTF-8.
 */
#include "text/grammar_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/utf8.h"

#define TEXT_BYTES_MAX 1048576
#define RULES_MAX      4096
#define DEPTH_MAX      256
#define NODES_MAX      400000
#define REPEAT_MAX     100000
#define CALLS_MAX      10000 /* of rules and groups inside each other, before a byte is read */
#define NONE           UINT32_MAX
#define FOREVER        UINT32_MAX
#define LAST_CHARACTER 0x10FFFF

typedef enum { AT_BYTES, AT_CLASS, AT_RULE, AT_SEQUENCE, AT_WAYS, AT_REPEAT } element_kind;

typedef struct {
    uint32_t first, last;
} span; /* of characters */

/* Indices, not pointers: the array moves while it grows. Children are linked by `next`. */
typedef struct {
    element_kind kind;
    uint32_t first, next; /* child, sibling; NONE */
    size_t at, n;         /* AT_BYTES: in bytes; AT_CLASS: in spans */
    uint32_t rule;
    uint32_t least, most;
    size_t where; /* in the text */
} element;

typedef struct {
    fr_str name;
    uint32_t body; /* element; NONE: used, not defined yet */
    size_t where;  /* of its definition or first use */
    uint32_t entry;
    bool nullable;
    bool ends;      /* some text of it is finite */
    bool reachable; /* from the root */
    uint8_t mark;   /* of the search for left recursion */
} rule;

typedef struct {
    fr_str text;
    size_t at;
    fr_err *err;
    element *elements;
    size_t n_elements, elements_cap;
    rule *rules;
    size_t n_rules, rules_cap;
    fr_buf bytes;
    span *spans;
    size_t n_spans, spans_cap;
    fr_grammar *g;
    size_t like_cap; /* of g->like */
} parser;

static int fail_at(parser *p, size_t where, int code, const char *hint, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < where && i < p->text.n; i++) {
        column = p->text.at[i] == '\n' ? 1 : column + 1;
        line += p->text.at[i] == '\n';
    }
    return fr_fail(p->err, code, hint, "grammar, line %zu, column %zu: %s", line, column, what);
}

static int refuse(parser *p, const char *what)
{
    return fail_at(p, p->at, FR_E_FORMAT, NULL, what);
}

/* ---- characters ---- */

static int peek(const parser *p)
{
    return p->at < p->text.n ? (unsigned char)p->text.at[p->at] : -1;
}

static bool is_name(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static bool looking_at(const parser *p, const char *what)
{
    size_t n = strlen(what);
    return p->text.n - p->at >= n && memcmp(p->text.at + p->at, what, n) == 0;
}

static void skip_space(parser *p, bool lines)
{
    for (int c; (c = peek(p)) >= 0; p->at++) {
        if (c == '#') {
            while (peek(p) >= 0 && peek(p) != '\n')
                p->at++;
            p->at--;
        } else if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) {
            break;
        }
    }
}

static fr_str take_name(parser *p)
{
    size_t from = p->at;
    while (is_name(peek(p)))
        p->at++;
    return (fr_str){ p->text.at + from, p->at - from };
}

static int take_hex(parser *p, int digits, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, p->at++) {
        int c = peek(p);
        int value = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (value < 0)
            return refuse(p, "an escape ends before its hexadecimal digits");
        *out = *out * 16 + (uint32_t)value;
    }
    return *out <= LAST_CHARACTER ? 0 : refuse(p, "an escape beyond U+10FFFF");
}

/* A character as it stands or escaped, inside a literal or a class. */
static int take_character(parser *p, uint32_t *out)
{
    if (peek(p) < 0)
        return refuse(p, "the text ends inside a literal or a class");
    if (peek(p) != '\\') {
        size_t n = fr_utf8_next((fr_str){ p->text.at + p->at, p->text.n - p->at }, out);
        p->at += n;
        return 0;
    }
    p->at++;
    int c = peek(p);
    p->at += c >= 0;
    switch (c) {
    case 'x':
        return take_hex(p, 2, out);
    case 'u':
        return take_hex(p, 4, out);
    case 'U':
        return take_hex(p, 8, out);
    case 'n':
        *out = '\n';
        return 0;
    case 'r':
        *out = '\r';
        return 0;
    case 't':
        *out = '\t';
        return 0;
    case '\\':
    case '"':
    case '[':
    case ']':
    case '-':
    case '^':
    case '/':
        *out = (uint32_t)c;
        return 0;
    default:
        p->at -= c >= 0;
        return refuse(p, "an unknown escape");
    }
}

/* ---- elements ---- */

static uint32_t element_new(parser *p, element_kind kind, size_t where)
{
    FR_GROW(p->elements, p->n_elements, p->elements_cap);
    p->elements[p->n_elements] =
        (element){ .kind = kind, .first = NONE, .next = NONE, .where = where };
    return (uint32_t)p->n_elements++;
}

static int rule_of(parser *p, fr_str name, size_t where, uint32_t *out)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        if (fr_str_equal(p->rules[i].name, name)) {
            *out = (uint32_t)i;
            return 0;
        }
    }
    if (p->n_rules == RULES_MAX)
        return fail_at(p, where, FR_E_LIMIT, NULL, "more than 4,096 rules");
    FR_GROW(p->rules, p->n_rules, p->rules_cap);
    p->rules[p->n_rules] = (rule){ .name = name, .body = NONE, .where = where, .entry = NONE };
    *out = (uint32_t)p->n_rules++;
    return 0;
}

static int take_literal(parser *p, uint32_t *out)
{
    *out = element_new(p, AT_BYTES, p->at++);
    p->elements[*out].at = p->bytes.n;
    while (peek(p) != '"') {
        size_t from = p->at;
        uint32_t c;
        FR_TRY(take_character(p, &c));
        if (p->text.at[from] != '\\') {
            fr_buf_put(&p->bytes, p->text.at + from, p->at - from); /* as it stands */
            continue;
        }
        char utf8[4];
        fr_buf_put(&p->bytes, utf8, fr_utf8_put(c, utf8));
    }
    p->at++;
    p->elements[*out].n = p->bytes.n - p->elements[*out].at;
    return 0;
}

static int by_first(const void *a, const void *b)
{
    const span *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static void put_span(parser *p, uint32_t first, uint32_t last)
{
    FR_GROW(p->spans, p->n_spans, p->spans_cap);
    p->spans[p->n_spans++] = (span){ first, last };
}

/* Sorts and joins the spans from `from` on; negates them. Surrogates are no characters. */
static void settle_spans(parser *p, size_t from, bool negated)
{
    size_t n = p->n_spans - from, kept = 0;
    span *all = FR_NEW_N(span, n + 1);
    if (n > 0)
        memcpy(all, p->spans + from, n * sizeof(*all));
    fr_sort(all, n, sizeof(*all), by_first);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && all[i].first <= all[kept - 1].last + 1)
            all[kept - 1].last = FR_MAX(all[kept - 1].last, all[i].last);
        else
            all[kept++] = all[i];
    }
    p->n_spans = from;
    uint32_t next = 0;
    for (size_t i = 0; i < kept; i++) {
        if (!negated)
            put_span(p, all[i].first, all[i].last);
        else if (all[i].first > next)
            put_span(p, next, all[i].first - 1);
        next = all[i].last + 1;
    }
    if (negated && next <= LAST_CHARACTER)
        put_span(p, next, LAST_CHARACTER);
    free(all);
}

static int take_class(parser *p, uint32_t *out)
{
    *out = element_new(p, AT_CLASS, p->at++);
    size_t from = p->n_spans;
    bool negated = peek(p) == '^';
    p->at += negated;
    while (peek(p) != ']') {
        uint32_t first, last;
        FR_TRY(take_character(p, &first));
        last = first;
        if (peek(p) == '-' && p->at + 1 < p->text.n && p->text.at[p->at + 1] != ']') {
            p->at++;
            FR_TRY(take_character(p, &last));
        }
        if (last < first)
            return refuse(p, "a range of a class runs backwards");
        put_span(p, first, last);
    }
    p->at++;
    settle_spans(p, from, negated);
    p->elements[*out].at = from;
    p->elements[*out].n = p->n_spans - from;
    return 0;
}

static int take_number(parser *p, uint32_t *out)
{
    if (peek(p) < '0' || peek(p) > '9')
        return refuse(p, "expected a number of repetitions");
    for (*out = 0; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
        *out = *out * 10 + (uint32_t)(peek(p) - '0');
        if (*out > REPEAT_MAX)
            return fail_at(p, p->at, FR_E_LIMIT, NULL, "more than 100,000 repetitions");
    }
    return 0;
}

/* {m}, {m,} or {m,n} */
static int take_counts(parser *p, uint32_t *least, uint32_t *most)
{
    p->at++;
    FR_TRY(take_number(p, least));
    *most = *least;
    if (peek(p) == ',') {
        p->at++;
        *most = FOREVER;
        if (peek(p) != '}')
            FR_TRY(take_number(p, most));
    }
    if (peek(p) != '}')
        return refuse(p, "expected } behind the repetitions");
    p->at++;
    return *most >= *least ? 0 : refuse(p, "at most is less than at least");
}

static int take_repetitions(parser *p, uint32_t *of)
{
    for (;;) {
        uint32_t least = 0, most = FOREVER;
        size_t where = p->at;
        int c = peek(p);
        if (c == '{') {
            FR_TRY(take_counts(p, &least, &most));
        } else if (c == '*' || c == '+' || c == '?') {
            least = c == '+';
            most = c == '?' ? 1 : FOREVER;
            p->at++;
        } else {
            return 0;
        }
        uint32_t repeat = element_new(p, AT_REPEAT, where);
        p->elements[repeat].first = *of;
        p->elements[repeat].least = least;
        p->elements[repeat].most = most;
        *of = repeat;
    }
}

static int take_ways(parser *p, int depth, uint32_t *out);

static int take_element(parser *p, int depth, uint32_t *out)
{
    int c = peek(p);
    size_t where = p->at;
    if (c == '"') {
        FR_TRY(take_literal(p, out));
    } else if (c == '[') {
        FR_TRY(take_class(p, out));
    } else if (c == '.') {
        *out = element_new(p, AT_CLASS, p->at++);
        p->elements[*out].at = p->n_spans;
        p->elements[*out].n = 1;
        put_span(p, 0, LAST_CHARACTER);
    } else if (c == '(') {
        p->at++;
        FR_TRY(take_ways(p, depth + 1, out));
        skip_space(p, true);
        if (peek(p) != ')')
            return refuse(p, "expected ) at the end of a group");
        p->at++;
    } else {
        uint32_t named;
        FR_TRY(rule_of(p, take_name(p), where, &named));
        *out = element_new(p, AT_RULE, where);
        p->elements[*out].rule = named;
    }
    return take_repetitions(p, out);
}

/* An element begins here, and not the next rule. */
static bool at_element(const parser *p)
{
    int c = peek(p);
    return c == '"' || c == '[' || c == '.' || c == '(' || is_name(c);
}

static int take_sequence(parser *p, int depth, uint32_t *out)
{
    *out = element_new(p, AT_SEQUENCE, p->at);
    uint32_t last = NONE;
    while (skip_space(p, depth > 0), at_element(p)) {
        uint32_t made;
        FR_TRY(take_element(p, depth, &made));
        if (last == NONE)
            p->elements[*out].first = made;
        else
            p->elements[last].next = made;
        last = made;
    }
    return 0;
}

/* A line that begins with | goes on with the rule. */
static bool take_bar(parser *p, int depth)
{
    size_t before = p->at;
    skip_space(p, true);
    if (peek(p) == '|') {
        p->at++;
        skip_space(p, true);
        return true;
    }
    if (depth == 0)
        p->at = before;
    return false;
}

static int take_ways(parser *p, int depth, uint32_t *out)
{
    if (depth > DEPTH_MAX)
        return fail_at(p, p->at, FR_E_LIMIT, NULL, "groups are more than 256 deep");
    *out = element_new(p, AT_WAYS, p->at);
    uint32_t last = NONE;
    do {
        uint32_t made;
        FR_TRY(take_sequence(p, depth, &made));
        if (last == NONE)
            p->elements[*out].first = made;
        else
            p->elements[last].next = made;
        last = made;
    } while (take_bar(p, depth));
    return 0;
}

static int take_rule(parser *p)
{
    size_t where = p->at;
    fr_str name = take_name(p);
    uint32_t made, body;
    if (name.n == 0)
        return refuse(p, "expected the name of a rule");
    skip_space(p, false);
    if (!looking_at(p, "::="))
        return refuse(p, "expected ::= behind the name of a rule");
    p->at += 3;
    skip_space(p, true);
    FR_TRY(rule_of(p, name, where, &made));
    if (p->rules[made].body != NONE)
        return fail_at(p, where, FR_E_FORMAT, NULL, "this rule is defined already");
    FR_TRY(take_ways(p, 0, &body));
    p->rules[made].body = body;
    skip_space(p, false);
    if (peek(p) >= 0 && peek(p) != '\n' && peek(p) != '\r')
        return refuse(p, "expected an element, | or the end of the line");
    return 0;
}

/* ---- rules among each other ---- */

static bool is_nullable(const parser *p, uint32_t at)
{
    const element *e = &p->elements[at];
    switch (e->kind) {
    case AT_BYTES:
        return e->n == 0;
    case AT_CLASS:
        return false;
    case AT_RULE:
        return p->rules[e->rule].nullable;
    case AT_REPEAT:
        return e->least == 0 || is_nullable(p, e->first);
    case AT_SEQUENCE:
        for (uint32_t i = e->first; i != NONE; i = p->elements[i].next) {
            if (!is_nullable(p, i))
                return false;
        }
        return true;
    case AT_WAYS:
        for (uint32_t i = e->first; i != NONE; i = p->elements[i].next) {
            if (is_nullable(p, i))
                return true;
        }
        return false;
    }
    return false;
}

static void find_nullable(parser *p)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < p->n_rules; i++) {
            if (!p->rules[i].nullable && is_nullable(p, p->rules[i].body))
                changed = p->rules[i].nullable = true;
        }
    }
}

static int visit_rule(parser *p, uint32_t at, size_t depth);

/* All rules that may be called before a byte was read. */
static int visit_left(parser *p, uint32_t at, size_t depth)
{
    const element *e = &p->elements[at];
    if (depth > CALLS_MAX)
        return fail_at(p, e->where, FR_E_LIMIT, NULL, "rules lie too deep inside each other");
    if (e->kind == AT_RULE)
        return visit_rule(p, e->rule, depth + 1);
    for (uint32_t i = e->first; i != NONE; i = p->elements[i].next) {
        FR_TRY(visit_left(p, i, depth + 1));
        if (e->kind == AT_SEQUENCE && !is_nullable(p, i))
            break;
        if (e->kind == AT_REPEAT)
            break;
    }
    return 0;
}

static int visit_rule(parser *p, uint32_t at, size_t depth)
{
    enum { NEW, OPEN, CLEAR };
    rule *r = &p->rules[at];
    if (r->mark == CLEAR)
        return 0;
    if (r->mark == OPEN) {
        char what[160];
        snprintf(what, sizeof(what), "rule '%.*s' calls itself at its left end",
                 (int)FR_MIN(r->name.n, (size_t)60), r->name.at);
        return fail_at(p, r->where, FR_E_FORMAT,
                       "Write list ::= item (\",\" item)* instead of list ::= list \",\" item.",
                       what);
    }
    r->mark = OPEN;
    FR_TRY(visit_left(p, r->body, depth));
    r->mark = CLEAR;
    return 0;
}

/* Some text of it ends, as far as known: rules that were not found to end yet count as endless. */
static bool may_end(const parser *p, uint32_t at)
{
    const element *e = &p->elements[at];
    switch (e->kind) {
    case AT_BYTES:
        return true;
    case AT_CLASS:
        return e->n > 0;
    case AT_RULE:
        return p->rules[e->rule].ends;
    case AT_REPEAT:
        return e->least == 0 || may_end(p, e->first);
    case AT_SEQUENCE:
    case AT_WAYS:
        for (uint32_t i = e->first; i != NONE; i = p->elements[i].next) {
            if (may_end(p, i) != (e->kind == AT_SEQUENCE))
                return e->kind == AT_WAYS;
        }
        return e->kind == AT_SEQUENCE;
    }
    return false;
}

static void reach(parser *p, uint32_t at)
{
    const element *e = &p->elements[at];
    if (e->kind == AT_RULE) {
        p->rules[e->rule].reachable = true; /* its own calls follow in the next round */
        return;
    }
    for (uint32_t i = e->first; i != NONE; i = p->elements[i].next)
        reach(p, i);
}

/* A rule that can never be completed would be a trap: the text goes in and does not come out. */
static int check_ends(parser *p, uint32_t root)
{
    enum { SEEN = 3 }; /* beside the marks of visit_rule() */
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < p->n_rules; i++) {
            if (!p->rules[i].ends && may_end(p, p->rules[i].body))
                changed = p->rules[i].ends = true;
        }
    }
    p->rules[root].reachable = true;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < p->n_rules; i++) {
            if (!p->rules[i].reachable || p->rules[i].mark == SEEN)
                continue;
            p->rules[i].mark = SEEN;
            changed = true;
            reach(p, p->rules[i].body);
        }
    }
    for (size_t i = 0; i < p->n_rules; i++) {
        if (!p->rules[i].reachable || p->rules[i].ends)
            continue;
        char what[160];
        snprintf(what, sizeof(what), "no text of rule '%.*s' ever ends",
                 (int)FR_MIN(p->rules[i].name.n, (size_t)60), p->rules[i].name.at);
        return fail_at(p, p->rules[i].where, FR_E_FORMAT,
                       "It needs a way that does not call itself.", what);
    }
    return 0;
}

static int check_rules(parser *p, uint32_t *root)
{
    *root = NONE;
    for (size_t i = 0; i < p->n_rules; i++) {
        if (p->rules[i].body == NONE) {
            char what[160];
            snprintf(what, sizeof(what), "no rule '%.*s'",
                     (int)FR_MIN(p->rules[i].name.n, (size_t)60), p->rules[i].name.at);
            return fail_at(p, p->rules[i].where, FR_E_FORMAT, "Define it, or mend its name.", what);
        }
        if (fr_str_is(p->rules[i].name, "root"))
            *root = (uint32_t)i;
    }
    if (*root == NONE)
        return fail_at(p, 0, FR_E_FORMAT, "A grammar begins with the rule root ::= ….",
                       "there is no rule 'root'");
    find_nullable(p);
    for (size_t i = 0; i < p->n_rules; i++)
        FR_TRY(visit_rule(p, (uint32_t)i, 0));
    return check_ends(p, *root);
}

/* ---- laying out ---- */

static int node_new(parser *p, grammar_node node, uint32_t *out)
{
    fr_grammar *g = p->g;
    if (g->n == NODES_MAX)
        return fr_fail(p->err, FR_E_LIMIT, "Repeat less, or repeat without a bound.",
                       "the grammar is too large: more than %d nodes once its repetitions are "
                       "written out",
                       NODES_MAX);
    FR_GROW(g->nodes, g->n, g->cap);
    g->nodes[g->n] = node;
    *out = (uint32_t)g->n++;
    return 0;
}

static int put_byte(parser *p, uint8_t lo, uint8_t hi, uint32_t then, uint32_t *out)
{
    return node_new(p, (grammar_node){ GRAMMAR_BYTE, lo, hi, then, 0 }, out);
}

/* One way more: *entry leads to it, too. */
static int put_way(parser *p, uint32_t way, uint32_t *entry)
{
    if (*entry == NONE) {
        *entry = way;
        return 0;
    }
    return node_new(p, (grammar_node){ GRAMMAR_PART, 0, 0, way, *entry }, entry);
}

/* Characters first…last, all of as many bytes, to sequences of byte ranges: cut where a trailing
 * byte would not run over its whole range. */
static int put_characters(parser *p, uint32_t first, uint32_t last, uint32_t then, uint32_t *entry)
{
    static const uint32_t ENDS[] = { 0x7F, 0x7FF, 0xD7FF, 0xDFFF, 0xFFFF };
    for (size_t i = 0; i < FR_COUNT_OF(ENDS); i++) {
        if (first <= ENDS[i] && last > ENDS[i]) {
            FR_TRY(put_characters(p, first, ENDS[i], then, entry));
            return put_characters(p, ENDS[i] + 1, last, then, entry);
        }
    }
    if (first >= 0xD800 && last <= 0xDFFF)
        return 0; /* surrogates */
    for (int bits = 6; bits <= 18 && first > 0x7F; bits += 6) {
        uint32_t low = (1u << bits) - 1;
        if ((first & ~low) == (last & ~low))
            continue;
        if ((first & low) != 0) {
            FR_TRY(put_characters(p, first, first | low, then, entry));
            return put_characters(p, (first | low) + 1, last, then, entry);
        }
        if ((last & low) != low) {
            FR_TRY(put_characters(p, first, (last & ~low) - 1, then, entry));
            return put_characters(p, last & ~low, last, then, entry);
        }
    }
    char lo[4], hi[4];
    size_t n = fr_utf8_put(first, lo);
    fr_utf8_put(last, hi);
    uint32_t way = then;
    while (n-- > 0)
        FR_TRY(put_byte(p, (uint8_t)lo[n], (uint8_t)hi[n], way, &way));
    return put_way(p, way, entry);
}

static int lay(parser *p, uint32_t at, uint32_t then, uint32_t *out);

/* From the end: the last element first, which knows what follows the sequence. */
static int lay_sequence(parser *p, uint32_t first, uint32_t then, uint32_t *out)
{
    uint32_t *all = NULL;
    size_t n = 0, cap = 0;
    for (uint32_t i = first; i != NONE; i = p->elements[i].next) {
        FR_GROW(all, n, cap);
        all[n++] = i;
    }
    int rc = 0;
    *out = then;
    while (rc == 0 && n > 0)
        rc = lay(p, all[--n], *out, out);
    free(all);
    return rc;
}

/* Copy number `copy` of a repetition (from its end) was laid out from node `from` on. As each copy
 * reads a byte at least, those with more than GRAMMAR_NEAR behind them are alike. */
static void note_alike(parser *p, size_t copy, size_t from, size_t *model)
{
    fr_grammar *g = p->g;
    if (copy == GRAMMAR_NEAR + 1)
        *model = from;
    if (copy <= GRAMMAR_NEAR + 1)
        return;
    if (p->like_cap < g->n) {
        size_t cap = FR_MAX(g->n * 2, (size_t)1024);
        g->like = fr_array_resize(g->like, cap, sizeof(*g->like));
        for (size_t i = p->like_cap; i < cap; i++)
            g->like[i] = (uint32_t)i;
        p->like_cap = cap;
    }
    for (size_t i = from; i < g->n; i++)
        g->like[i] = g->like[*model + (i - from)];
}

static int lay_repeat(parser *p, uint32_t at, uint32_t then, uint32_t *out)
{
    uint32_t body = p->elements[at].first, least = p->elements[at].least,
             most = p->elements[at].most, entry = then;
    bool reads = !is_nullable(p, body);
    size_t model = 0;
    if (most == FOREVER) {
        uint32_t loop, again;
        FR_TRY(node_new(p, (grammar_node){ GRAMMAR_PART, 0, 0, NONE, then }, &loop));
        FR_TRY(lay(p, body, loop, &again));
        p->g->nodes[loop].a = again;
        entry = loop;
    } else {
        for (uint32_t i = least; i < most; i++) { /* each may be the last */
            uint32_t once;
            size_t from = p->g->n;
            FR_TRY(lay(p, body, entry, &once));
            FR_TRY(node_new(p, (grammar_node){ GRAMMAR_PART, 0, 0, once, then }, &entry));
            if (reads)
                note_alike(p, i - least, from, &model);
        }
    }
    for (uint32_t i = 0; i < least; i++) {
        uint32_t before = entry;
        size_t from = p->g->n;
        FR_TRY(lay(p, body, entry, &entry));
        if (entry == before)
            break; /* nothing, however often */
        if (reads)
            note_alike(p, i, from, &model);
    }
    *out = entry;
    return 0;
}

static int lay(parser *p, uint32_t at, uint32_t then, uint32_t *out)
{
    element e = p->elements[at];
    uint32_t entry = NONE;
    switch (e.kind) {
    case AT_BYTES:
        entry = then;
        for (size_t i = e.n; i-- > 0;) {
            uint8_t byte = (uint8_t)p->bytes.at[e.at + i];
            FR_TRY(put_byte(p, byte, byte, entry, &entry));
        }
        break;
    case AT_CLASS:
        for (size_t i = 0; i < e.n; i++)
            FR_TRY(
                put_characters(p, p->spans[e.at + i].first, p->spans[e.at + i].last, then, &entry));
        if (entry == NONE) /* no character at all: a byte that never comes */
            FR_TRY(put_byte(p, 1, 0, then, &entry));
        break;
    case AT_RULE:
        FR_TRY(node_new(p, (grammar_node){ GRAMMAR_CALL, 0, 0, e.rule, then }, &entry));
        break;
    case AT_SEQUENCE:
        FR_TRY(lay_sequence(p, e.first, then, &entry));
        break;
    case AT_WAYS:
        for (uint32_t i = e.first; i != NONE; i = p->elements[i].next) {
            uint32_t way;
            FR_TRY(lay(p, i, then, &way));
            FR_TRY(put_way(p, way, &entry));
        }
        break;
    case AT_REPEAT:
        FR_TRY(lay_repeat(p, at, then, &entry));
        break;
    }
    *out = entry;
    return 0;
}

static int lay_all(parser *p, uint32_t root)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        uint32_t end, entry;
        FR_TRY(node_new(p, (grammar_node){ .kind = GRAMMAR_RETURN }, &end));
        FR_TRY(lay(p, p->rules[i].body, end, &entry));
        p->rules[i].entry = entry;
    }
    for (size_t i = 0; i < p->g->n; i++) { /* calls go to rules so far */
        if (p->g->nodes[i].kind == GRAMMAR_CALL)
            p->g->nodes[i].a = p->rules[p->g->nodes[i].a].entry;
    }
    p->g->root = p->rules[root].entry;
    if (p->g->like != NULL && p->like_cap < p->g->n) { /* nodes behind the last repetition */
        p->g->like = fr_array_resize(p->g->like, p->g->n, sizeof(*p->g->like));
        for (size_t i = p->like_cap; i < p->g->n; i++)
            p->g->like[i] = (uint32_t)i;
    }
    return 0;
}

/* ---- the door ---- */

static int parse(parser *p)
{
    uint32_t root;
    if (p->text.n > TEXT_BYTES_MAX)
        return fr_fail(p->err, FR_E_LIMIT, NULL, "the grammar is longer than 1 MiB");
    for (skip_space(p, true); peek(p) >= 0; skip_space(p, true))
        FR_TRY(take_rule(p));
    FR_TRY(check_rules(p, &root));
    return lay_all(p, root);
}

int fr_grammar_parse(fr_str gbnf, fr_grammar **out, fr_err *err)
{
    parser p = { .text = gbnf, .err = err, .g = FR_NEW(fr_grammar) };
    int rc = parse(&p);
    if (rc == 0)
        *out = p.g;
    else
        fr_grammar_free(p.g);
    free(p.elements);
    free(p.rules);
    free(p.spans);
    fr_buf_fini(&p.bytes);
    return rc;
}

void fr_grammar_free(fr_grammar *g)
{
    if (g == NULL)
        return;
    free(g->nodes);
    free(g->like);
    free(g);
}
