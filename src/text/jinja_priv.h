/* Shared between the files jinja_*.c only.
 *
 * A template is a tree of nodes in an arena (jinja_lex.c, jinja_parse.c). A render walks the tree
 * (jinja_run.c) over values that live in an arena of its own, so nothing is freed one by one. The
 * first error is kept in the run and all that follows becomes a no-op: functions return a value
 * always, and loops ask fr_jr_step(). */
#ifndef FR_JINJA_PRIV_H
#define FR_JINJA_PRIV_H

#include "text/jinja.h"

/* ---- memory (jinja_value.c) ------------------------------------------------------------------ */

typedef struct fr_jm_chunk fr_jm_chunk;
typedef struct {
    fr_jm_chunk *chunks;
    char *at; /* next free byte */
    size_t left, used, limit;
} fr_jm;

/* Zeroed. NULL only when n is above 4 KiB and the limit would be passed. */
void *fr_jm_alloc(fr_jm *m, size_t n);
void fr_jm_fini(fr_jm *m);

/* ---- values ---------------------------------------------------------------------------------- */

typedef enum {
    FR_JV_UNDEFINED,
    FR_JV_NONE,
    FR_JV_BOOL,
    FR_JV_INT,
    FR_JV_FLOAT,
    FR_JV_STR,
    FR_JV_LIST,
    FR_JV_TUPLE,
    FR_JV_DICT,
    FR_JV_RANGE,
    FR_JV_VIEW,      /* dict.keys(), .values(), .items() */
    FR_JV_ITER,      /* a generator: can be walked once */
    FR_JV_NAMESPACE, /* a dict behind it */
    FR_JV_LOOP,
    FR_JV_MACRO,
    FR_JV_FUNCTION, /* a row of the global functions */
    FR_JV_METHOD,   /* a row of the methods, with its object */
    FR_JV_CYCLER,
    FR_JV_JOINER,
    FR_JV_MISSING /* no value at all: an argument that was not given */
} fr_jv_kind;

typedef struct fr_jv fr_jv;
typedef struct fr_jv_list fr_jv_list;
typedef struct fr_jv_dict fr_jv_dict;
typedef struct fr_jv_undefined fr_jv_undefined;
typedef struct fr_jv_range fr_jv_range;
typedef struct fr_jv_iter fr_jv_iter;
typedef struct fr_jv_loop fr_jv_loop;
typedef struct fr_jv_macro fr_jv_macro;
typedef struct fr_jv_method fr_jv_method;
typedef struct fr_jv_ring fr_jv_ring;
typedef struct fr_jinja_row fr_jinja_row;
typedef struct fr_jr fr_jr;
typedef struct fr_jn fr_jn;

/* view: which part of a dict is seen */
typedef enum { FR_JV_KEYS, FR_JV_VALUES, FR_JV_ITEMS } fr_jv_part;

struct fr_jv {
    uint8_t kind;
    bool markup;  /* a string that counts as HTML already (Markup) */
    uint8_t part; /* of a view; of a tuple: has .grouper and .list; of undefined: never strict */
    union {
        bool truth;
        int64_t i;
        double f;
        const char *at; /* string: n bytes of UTF-8 */
        fr_jv_list *list;
        fr_jv_dict *dict; /* also view, namespace */
        fr_jv_undefined *undefined;
        fr_jv_range *range;
        fr_jv_iter *iter;
        fr_jv_loop *loop;
        fr_jv_macro *macro;
        const fr_jinja_row *row;
        fr_jv_method *method;
        fr_jv_ring *ring; /* cycler, joiner */
    };
    size_t n;
};

struct fr_jv_list {
    fr_jv *at;
    size_t n, cap;
};

struct fr_jv_dict {
    fr_jv *keys, *values;
    size_t n, cap;
    uint32_t *slots; /* [n_slots] 1 + index; NULL while small */
    size_t n_slots;
};

struct fr_jv_undefined {
    fr_str message; /* what is said when it is used */
};

struct fr_jv_range {
    int64_t start, stop, step;
    size_t n;
};

/* Item i; the products may pass 64 bits where the sum does not. */
static inline int64_t fr_jv_range_at(const fr_jv_range *range, int64_t i)
{
    return (int64_t)((uint64_t)range->start + (uint64_t)i * (uint64_t)range->step);
}

struct fr_jv_method {
    const fr_jinja_row *row;
    fr_jv object;
};

struct fr_jv_ring {
    fr_jv_list items;
    size_t at;
};

typedef struct {
    const fr_jv *at;
    size_t n;
    const fr_str *names; /* [n_named] */
    const fr_jv *named;
    size_t n_named;
} fr_jargs;

/* A filter, test, method or global function. params: names, parted by spaces, "*" when it reads
 * its arguments itself. Those not given are FR_JV_MISSING. */
typedef fr_jv (*fr_jinja_fn)(fr_jr *r, fr_jv self, const fr_jv *arg, const fr_jargs *args);
struct fr_jinja_row {
    const char *name;
    fr_jinja_fn run;
    const char *params;
    size_t n_required;
};

#define FR_JINJA_PARAMS 8

#define FR_JV_NOTHING ((fr_jv){ .kind = FR_JV_NONE })
#define FR_JV_ABSENT  ((fr_jv){ .kind = FR_JV_MISSING })

static inline fr_jv fr_jv_bool(bool truth)
{
    return (fr_jv){ .kind = FR_JV_BOOL, .truth = truth };
}
static inline fr_jv fr_jv_int(int64_t i)
{
    return (fr_jv){ .kind = FR_JV_INT, .i = i };
}
static inline fr_jv fr_jv_f64(double f)
{
    return (fr_jv){ .kind = FR_JV_FLOAT, .f = f };
}
/* Borrows the bytes: they must outlive the run. */
static inline fr_jv fr_jv_str(fr_str s)
{
    return (fr_jv){ .kind = FR_JV_STR, .at = s.at, .n = s.n };
}
static inline fr_str fr_jv_bytes(fr_jv v)
{
    return (fr_str){ v.at, v.n };
}

fr_jv fr_jv_undefined_of(fr_jr *r, const char *fmt, ...) FR_PRINTF(2, 3);
fr_jv fr_jv_list_new(fr_jr *r, fr_jv_kind kind);
void fr_jv_push(fr_jr *r, fr_jv list, fr_jv item);
fr_jv fr_jv_pair(fr_jr *r, fr_jv a, fr_jv b);
fr_jv fr_jv_dict_new(fr_jr *r);
void fr_jv_put(fr_jr *r, fr_jv_dict *dict, fr_jv key, fr_jv value);
/* NULL: not there. */
const fr_jv *fr_jv_find(fr_jr *r, const fr_jv_dict *dict, fr_jv key);
const fr_jv *fr_jv_find_text(const fr_jv_dict *dict, fr_str key);
fr_jv fr_jv_of_json(fr_jr *r, const json_t *json, int depth);
bool fr_jv_hashable(fr_jv v);
/* Python's name of the type. */
const char *fr_jv_type(fr_jv v);

fr_jv fr_jv_join(fr_jr *r, fr_str a, fr_str b);

/* A string that grows, in the run's memory. */
typedef struct {
    char *at;
    size_t n, cap;
} fr_jb;
void fr_jb_put(fr_jr *r, fr_jb *b, fr_str s);
void fr_jb_put_s(fr_jr *r, fr_jb *b, const char *s);
void fr_jb_put_char(fr_jr *r, fr_jb *b, uint32_t c);
static inline fr_jv fr_jb_str(const fr_jb *b)
{
    return (fr_jv){ .kind = FR_JV_STR, .at = b->at != NULL ? b->at : "", .n = b->n };
}
static inline fr_str fr_jb_bytes(const fr_jb *b)
{
    return (fr_str){ b->at != NULL ? b->at : "", b->n };
}

/* ---- text (jinja_text.c): strings as Python has them ------------------------------------------
 */

bool fr_jt_space(uint32_t c);
bool fr_jt_printable(uint32_t c);
size_t fr_jt_length(fr_str s);
/* Where character i begins (s.n when i is behind the end). */
size_t fr_jt_offset(fr_str s, size_t i);
/* chars: what is stripped; at NULL: white space. */
fr_str fr_jt_strip(fr_str s, fr_str chars, bool left, bool right);
typedef enum { FR_JT_UPPER, FR_JT_LOWER, FR_JT_TITLE, FR_JT_CAPITAL, FR_JT_SWAP } fr_jt_case;
fr_jv fr_jt_recase(fr_jr *r, fr_str s, fr_jt_case how);
fr_jv fr_jt_casefold(fr_jr *r, fr_str s);
fr_jv fr_jt_replace(fr_jr *r, fr_str s, fr_str old, fr_str with, int64_t count);
/* One line and its end are cut off *rest; false when nothing is left. */
bool fr_jt_line(fr_str *rest, fr_str *line, fr_str *end);
typedef enum {
    FR_JT_ALPHA,
    FR_JT_ALNUM,
    FR_JT_DECIMAL,
    FR_JT_DIGIT,
    FR_JT_NUMERIC,
    FR_JT_IS_SPACE,
    FR_JT_IS_LOWER,
    FR_JT_IS_UPPER,
    FR_JT_IS_TITLE,
    FR_JT_IDENTIFIER,
    FR_JT_IS_PRINTABLE,
    FR_JT_ASCII
} fr_jt_class;
bool fr_jt_is(fr_str s, fr_jt_class class);
bool fr_jt_word(uint32_t c); /* \w */
fr_jv fr_jt_escape_html(fr_jr *r, fr_str s);

/* ---- printing (jinja_print.c) ------------------------------------------------------------------
 */

void fr_jv_print(fr_jr *r, fr_jb *b, fr_jv v); /* str() */
void fr_jv_repr(fr_jr *r, fr_jb *b, fr_jv v);
fr_str fr_jv_text(fr_jr *r, fr_jv v); /* str(), as it is for a string */
void fr_jv_print_f64(double f, char out[40]);
fr_jv fr_jv_to_json(fr_jr *r, fr_jv v, const fr_jv *arg);

/* ---- formats (jinja_format.c) ------------------------------------------------------------------
 */

fr_jv fr_jv_percent(fr_jr *r, fr_jv format, fr_jv values);         /* "%s" % values */
fr_jv fr_jv_format(fr_jr *r, fr_str format, const fr_jargs *args); /* "{}".format(…) */
fr_jv fr_jv_round(fr_jr *r, fr_jv v, int64_t digits);

/* ---- operations (jinja_ops.c) ------------------------------------------------------------------
 */

typedef enum {
    FR_JO_ADD,
    FR_JO_SUB,
    FR_JO_MUL,
    FR_JO_DIV,
    FR_JO_FLOOR,
    FR_JO_MOD,
    FR_JO_POW
} fr_jop;
typedef enum {
    FR_JC_EQ,
    FR_JC_NE,
    FR_JC_LT,
    FR_JC_LE,
    FR_JC_GT,
    FR_JC_GE,
    FR_JC_IN,
    FR_JC_NOT_IN
} fr_jcmp;

bool fr_jv_truth(fr_jr *r, fr_jv v);
bool fr_jv_equal(fr_jr *r, fr_jv a, fr_jv b);
/* Below, 0 or above; an error when the two have no order. op is for the error's text. */
int fr_jv_order(fr_jr *r, fr_jv a, fr_jv b, const char *op);
bool fr_jv_compare(fr_jr *r, fr_jcmp op, fr_jv a, fr_jv b);
bool fr_jv_contains(fr_jr *r, fr_jv in, fr_jv what);
fr_jv fr_jv_arith(fr_jr *r, fr_jop op, fr_jv a, fr_jv b);
fr_jv fr_jv_negate(fr_jr *r, fr_jv a, bool minus);
fr_jv fr_jv_attribute(fr_jr *r, fr_jv of, fr_str name); /* a.b */
fr_jv fr_jv_item(fr_jr *r, fr_jv of, fr_jv key);        /* a[b] */
fr_jv fr_jv_slice(fr_jr *r, fr_jv of, fr_jv start, fr_jv stop, fr_jv step);
/* -1: it has no length. */
int64_t fr_jv_length(fr_jv v);
bool fr_jv_to_i64(fr_jr *r, fr_jv v, int64_t *out); /* of int and bool; else an error */
double fr_jv_number(fr_jv v);
static inline bool fr_jv_is_number(fr_jv v)
{
    return v.kind == FR_JV_BOOL || v.kind == FR_JV_INT || v.kind == FR_JV_FLOAT;
}
/* Stable; `keys` are what is compared. */
void fr_jv_sort(fr_jr *r, fr_jv *items, fr_jv *keys, size_t n, bool reverse);

/* ---- walking (jinja_walk.c) ---------------------------------------------------------------------
 */

typedef enum {
    FR_JI_INDEXED, /* list, tuple, str, range, dict, view; forwards or backwards */
    FR_JI_MAP,     /* a filter or attribute of each */
    FR_JI_SELECT,  /* those that pass a test */
    FR_JI_UNIQUE,
    FR_JI_BATCH,
    FR_JI_SLICE,
    FR_JI_LOOP_IF /* for … if: a node is evaluated for each */
} fr_ji_kind;

struct fr_jv_iter {
    fr_ji_kind kind;
    fr_jv of;  /* indexed */
    size_t at; /* how many were given, of indexed; bytes, of a string */
    bool backwards;
    fr_jv_iter *from; /* what it draws on; NULL: nothing */
    const char *type; /* as Python calls it */
    /* map, select */
    const fr_jinja_row *row;
    fr_jargs args;
    fr_jv attribute, otherwise;
    bool by_attribute, reject, plain, negate, fold;
    fr_jv_dict *seen;
    int64_t count, extra, offset;
    const fr_jn *node;
    void *scope;
};

/* NULL and an error when it cannot be walked. */
fr_jv_iter *fr_jv_walk(fr_jr *r, fr_jv v);
fr_jv_iter *fr_ji_new(fr_jr *r, fr_ji_kind kind, fr_jv over);
bool fr_ji_next(fr_jr *r, fr_jv_iter *it, fr_jv *out);
fr_jv fr_ji_value(fr_jv_iter *it);
bool fr_jv_walkable(fr_jv v);
/* All of it as a fresh list. */
fr_jv fr_jv_listed(fr_jr *r, fr_jv v);
/* "a.b.0" as make_attrgetter() reads it. */
fr_jv fr_jv_path(fr_jr *r, fr_jv of, fr_jv path, fr_jv otherwise);
fr_jv fr_jv_ignore_case(fr_jr *r, fr_jv v);

/* ---- tables -------------------------------------------------------------------------------------
 */

const fr_jinja_row *fr_jinja_filter(fr_str name);           /* jinja_filters.c, jinja_lists.c */
const fr_jinja_row *fr_jinja_test(fr_str name);             /* jinja_tests.c */
const fr_jinja_row *fr_jinja_global(fr_str name);           /* jinja_globals.c */
const fr_jinja_row *fr_jinja_method(fr_jv of, fr_str name); /* jinja_methods.c */
/* Exists in Python, but would change the object, or is internal. */
bool fr_jinja_unsafe(fr_jv of, fr_str name);
const fr_jinja_row *fr_jinja_row_find(const fr_jinja_row *rows, size_t n, fr_str name);
extern const fr_jinja_row FR_JINJA_LIST_FILTERS[];
extern const size_t FR_JINJA_N_LIST_FILTERS;
extern const fr_jinja_row FR_JINJA_HTML_FILTERS[];
extern const size_t FR_JINJA_N_HTML_FILTERS;

/* Binds the arguments to the row's parameters and runs it. */
fr_jv fr_jinja_run_row(fr_jr *r, const fr_jinja_row *row, fr_jv self, const fr_jargs *args);
fr_jv fr_jv_call(fr_jr *r, fr_jv callee, const fr_jargs *args);
/* Int of an argument, or otherwise when it was not given (or is None). */
int64_t fr_jarg_i64(fr_jr *r, fr_jv arg, int64_t otherwise);
bool fr_jarg_bool(fr_jr *r, fr_jv arg, bool otherwise);
static inline bool fr_jarg_given(fr_jv arg)
{
    return arg.kind != FR_JV_MISSING;
}
static inline bool fr_jarg_some(fr_jv arg)
{
    return arg.kind != FR_JV_MISSING && arg.kind != FR_JV_NONE;
}
/* A string argument; anything else is an error. */
fr_str fr_jarg_text(fr_jr *r, fr_jv arg, const char *whose);

/* ---- tokens (jinja_lex.c)
 * ------------------------------------------------------------------------ */

typedef enum {
    FR_JK_EOF,
    FR_JK_DATA,
    FR_JK_VARIABLE_BEGIN,
    FR_JK_VARIABLE_END,
    FR_JK_BLOCK_BEGIN,
    FR_JK_BLOCK_END,
    FR_JK_NAME,
    FR_JK_STRING,
    FR_JK_INTEGER,
    FR_JK_FLOAT,
    FR_JK_OPERATOR
} fr_jk_kind;

typedef struct {
    fr_jk_kind kind;
    uint32_t at; /* byte in the source */
    fr_str text; /* of data, names, strings (unescaped), operators */
    int64_t i;
    double f;
} fr_jk;

typedef struct {
    fr_jk *at; /* [n], ends with FR_JK_EOF; owned, free() */
    size_t n, cap;
} fr_jk_list;

int fr_jinja_lex(fr_jinja *t, fr_jk_list *out, fr_err *err);

/* ---- the tree (jinja_parse.c)
 * --------------------------------------------------------------------- */

typedef enum {
    /* expressions */
    FR_JN_CONST,
    FR_JN_NAME,
    FR_JN_LIST,
    FR_JN_TUPLE,
    FR_JN_DICT, /* items: key, value, key, value… */
    FR_JN_ATTRIBUTE,
    FR_JN_ITEM,
    FR_JN_SLICE, /* a: of; items: start, stop, step (NULL: none) */
    FR_JN_CALL,
    FR_JN_FILTER,
    FR_JN_TEST,
    FR_JN_ARITH,
    FR_JN_NEGATE,
    FR_JN_NOT,
    FR_JN_AND,
    FR_JN_OR,
    FR_JN_COMPARE, /* a, then items with ops */
    FR_JN_CONCAT,
    FR_JN_IF_ELSE, /* a if b else c */
    FR_JN_MEMBER,  /* ns.attr as a target */
    /* statements */
    FR_JN_DATA,
    FR_JN_PRINT,
    FR_JN_IF,  /* a: test, body, rest */
    FR_JN_FOR, /* a: target, b: over, c: test, body, rest: else */
    FR_JN_SET,
    FR_JN_SET_BLOCK, /* a: target, b: filter, body */
    FR_JN_WITH,
    FR_JN_MACRO,
    FR_JN_CALL_BLOCK, /* a: the call, body */
    FR_JN_FILTER_BLOCK,
    FR_JN_GENERATION,
    FR_JN_BLOCK,
    FR_JN_BREAK,
    FR_JN_CONTINUE,
    FR_JN_REFUSED
} fr_jn_kind;

typedef struct {
    fr_jn **at;
    size_t n, cap;
} fr_jn_list;

struct fr_jn {
    uint8_t kind;
    uint8_t op; /* fr_jop; 1: minus; negated test; splat */
    bool flag;  /* recursive loop */
    uint16_t depth;
    uint32_t at;     /* byte in the source */
    uint32_t symbol; /* of names */
    fr_str name;
    const fr_jinja_row *row; /* of filters and tests; NULL: none of that name */
    fr_jv value;
    fr_jn *a, *b, *c;
    fr_jn_list items, body, rest;
    uint8_t *ops;  /* of compare: fr_jcmp each */
    fr_str *names; /* [n_names] of keyword arguments: they follow the positional ones in items */
    size_t n_names;
    fr_jn *splat, *splat_named;
    /* macro */
    bool uses_caller, uses_kwargs, uses_varargs;
    uint32_t *params; /* [n_params]; items: defaults of the last ones */
    size_t n_params;
};

struct fr_jinja {
    fr_jinja_options options; /* defaults filled in; name is owned */
    char *name;
    fr_str source; /* lines end with \n; owned */
    fr_jm mem;
    fr_str *symbols;
    size_t n_symbols, cap_symbols;
    uint32_t *symbol_slots;
    size_t n_symbol_slots;
    fr_jn_list body;
};

/* Names that mean something by themselves: the first symbols of every template. */
enum { FR_JS_LOOP, FR_JS_CALLER, FR_JS_KWARGS, FR_JS_VARARGS, FR_JS_N };

int fr_jinja_parse(fr_jinja *t, const fr_jk_list *tokens, fr_err *err);
uint32_t fr_jinja_symbol(fr_jinja *t, fr_str name);
/* "NAME:LINE:COLUMN: …" */
int fr_jinja_fail_at(const fr_jinja *t, size_t at, fr_err *err, int code, const char *hint,
                     const char *fmt, ...) FR_PRINTF(6, 7);

/* ---- a render (jinja_run.c)
 * ------------------------------------------------------------------------ */

typedef struct {
    uint32_t symbol;
    fr_jv value;
} fr_jvar;

typedef struct fr_jscope {
    struct fr_jscope *parent;
    fr_jvar *vars;
    size_t n, cap;
} fr_jscope;

struct fr_jv_macro {
    const fr_jn *node;
    fr_jscope *scope; /* where it was written */
    fr_str name;
};

struct fr_jv_loop {
    fr_jv over;
    fr_jv_iter *it;
    bool started, ahead; /* `after` was drawn already */
    fr_jv before, current, after;
    int64_t index0, length; /* length -1: not known yet */
    int depth0;
    const fr_jn *node;
    fr_jscope *scope;
    fr_jv changed;
};

struct fr_jr {
    const fr_jinja *t;
    fr_jm mem;
    int code; /* the first error; 0: none */
    fr_err *err;
    const fr_jn *node; /* being evaluated */
    uint64_t steps_left;
    size_t depth;
    fr_jscope *root, *scope;
    fr_jb *out;
    int flow; /* break or continue under way */
    const json_t *vars;
    char *tip; /* where the string that grew last ends */
    size_t tip_left;
};

/* Keeps the first error; returns Undefined for `return fr_jr_fail(…)`. */
fr_jv fr_jr_fail(fr_jr *r, const char *fmt, ...) FR_PRINTF(2, 3);
fr_jv fr_jr_limit(fr_jr *r, const char *fmt, ...) FR_PRINTF(2, 3);
/* Pays for n steps. False once something failed. */
bool fr_jr_step(fr_jr *r, uint64_t n);
fr_jv fr_jr_eval(fr_jr *r, const fr_jn *node);
/* An undefined value that may not even be printed. */
static inline bool fr_jr_strict(const fr_jr *r, fr_jv v)
{
    return v.kind == FR_JV_UNDEFINED && v.part == 0 && r->t->options.strict;
}
/* Evaluates a test of `for … if` for one item. */
bool fr_jr_loop_if(fr_jr *r, const fr_jn *node, fr_jscope *scope, fr_jv item);
fr_jv fr_jr_call_macro(fr_jr *r, const fr_jv_macro *m, const fr_jargs *args);
fr_jv fr_jr_recurse(fr_jr *r, const fr_jv_loop *loop, fr_jv over);
fr_jv fr_jr_loop_attribute(fr_jr *r, fr_jv loop, fr_str name);
bool fr_jr_enter(fr_jr *r); /* one level deeper; false: too deep */
static inline void fr_jr_leave(fr_jr *r)
{
    r->depth--;
}

#endif
