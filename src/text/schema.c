/* A JSON schema to rules of a grammar: values, objects, arrays, strings. */
#include "text/schema_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SCHEMA_BYTES = 1 << 20, DEEP = 128, ITEMS_MAX = 10000, LENGTH_MAX = 100000 };

/* What every grammar of a schema begins with. Values are as free as JSON, but every part of them
 * ends: no number or blank without a bound. */
static const char BASE[] =
    "ws ::= (\" \" | \"\\n\" [ \\t]{0,20})?\n"
    "hex ::= [0-9a-fA-F]\n"
    "code ::= \"000\" [1-9a-fA-F] | \"00\" [1-9a-fA-F] hex | \"0\" [1-9a-fA-F] hex{2} | "
    "[1-9abcefABCEF] hex{3} | [dD] [0-7] hex{2}\n"
    "char ::= [^\\\"\\\\\\x00-\\x1F\\x7F] | \"\\\\\" ([\\\"\\\\/bfnrt] | \"u\" code)\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "int ::= \"-\"? (\"0\" | [1-9] [0-9]{0,17})\n"
    "number ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15}) (\".\" [0-9]{1,16})? ([eE] [+-]? "
    "[0-9]{1,2})?\n"
    "boolean ::= \"true\" | \"false\"\n"
    "value ::= object | array | string | number | boolean | \"null\"\n"
    "member ::= string \":\" ws value\n"
    "object ::= \"{\" ws (member (\",\" ws member)* ws)? \"}\"\n"
    "array ::= \"[\" ws (value (\",\" ws value)* ws)? \"]\"\n";

static const struct {
    const char *name, *inside;
} FORMATS[] = {
    { "date", "date" },
    { "time", "time" },
    { "date-time", "date \"T\" time" },
    { "uuid", "hex{8} \"-\" hex{4} \"-\" hex{4} \"-\" hex{4} \"-\" hex{12}" },
    { "ipv4", "octet (\".\" octet){3}" },
    { "email", "[a-zA-Z0-9_+-]{1,32} (\".\" [a-zA-Z0-9_+-]{1,32}){0,3} \"@\" domain" },
};
/* RFC 3339; the 29th of February only where there is one. */
static const char FORMAT_RULES[] =
    "date ::= year \"-\" ((\"01\" | \"03\" | \"05\" | \"07\" | \"08\" | \"10\" | \"12\") \"-\" "
    "(\"0\" [1-9] | [12] [0-9] | \"3\" [01]) | (\"04\" | \"06\" | \"09\" | \"11\") \"-\" (\"0\" "
    "[1-9] | [12] [0-9] | \"30\") | \"02-\" (\"0\" [1-9] | \"1\" [0-9] | \"2\" [0-8])) | leap "
    "\"-02-29\"\n"
    "year ::= [1-9] [0-9]{3}\n"
    "leap ::= [1-9] [0-9] (\"0\" [48] | [2468] [048] | [13579] [26]) | ([2468] [048] | [13579] "
    "[26]) \"00\"\n"
    "time ::= clock \":\" [0-5] [0-9] (\".\" [0-9]{1,9})? (\"Z\" | [+-] clock)\n"
    "clock ::= ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9]\n"
    "octet ::= \"25\" [0-5] | \"2\" [0-4] [0-9] | \"1\" [0-9]{2} | [1-9] [0-9] | [0-9]\n"
    "domain ::= label (\".\" label){0,3} \".\" [a-z]{2,12}\n"
    "label ::= [a-z0-9] ([a-z0-9-]{0,30} [a-z0-9])?\n";

int fr_schema_fail(schema_work *w, int code, const char *hint, const char *fmt, ...)
{
    char what[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return fr_fail(w->err, code, hint, "schema, #%.60s: %s", fr_buf_text(&w->path), what);
}

void fr_schema_put_literal(fr_buf *out, fr_str bytes)
{
    fr_buf_put_c(out, '"');
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.at[i];
        if (c == '"' || c == '\\')
            fr_buf_put_f(out, "\\%c", c);
        else if (c < 0x20)
            fr_buf_put_f(out, "\\x%02X", c);
        else
            fr_buf_put_c(out, (char)c);
    }
    fr_buf_put_c(out, '"');
}

/* ---- rules ----------------------------------------------------------------------------------- */

static uint32_t rule_put(schema_work *w, const fr_buf *body)
{
    uint32_t rule = w->n_rules++;
    fr_buf_put_f(&w->rules, "r%u ::= %s\n", rule, fr_buf_text(body));
    return rule;
}

static int put_value(schema_work *w, const json_t *schema, fr_buf *out, bool *possible);

/* The same, one step further down a path. */
static int put_below(schema_work *w, const char *step, const json_t *schema, fr_buf *out,
                     bool *possible)
{
    size_t n = w->path.n;
    fr_buf_put_f(&w->path, "/%s", step);
    w->level++;
    int rc = w->level > DEEP ? fr_schema_fail(w, FR_E_LIMIT, NULL, "more than %d deep", DEEP)
                             : put_value(w, schema, out, possible);
    w->level--;
    if (rc == 0) { /* an error keeps the place */
        w->path.n = n;
        w->path.at[n] = '\0';
    }
    return rc;
}

static void put_json_literal(fr_buf *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));
    fr_schema_put_literal(out, fr_str_of(text != NULL ? text : "null"));
    free(text);
}

/* ---- strings --------------------------------------------------------------------------------- */

static size_t count_of(const json_t *flat, const char *key, size_t otherwise)
{
    const json_t *v = json_object_get(flat, key);
    return v != NULL ? (size_t)json_integer_value(v) : otherwise;
}

static int put_format(schema_work *w, const char *format, fr_buf *out)
{
    for (size_t i = 0; i < FR_COUNT_OF(FORMATS); i++) {
        if (strcmp(FORMATS[i].name, format) == 0) {
            fr_buf_put_f(out, "\"\\\"\" %s \"\\\"\"", FORMATS[i].inside);
            return 0;
        }
    }
    return fr_schema_fail(w, FR_E_FORMAT,
                          "Known are date, time, date-time, uuid, ipv4 and email; or give a "
                          "pattern.",
                          "the format '%s' is not supported", format);
}

static int put_string(schema_work *w, const json_t *flat, fr_buf *out, bool *possible)
{
    const char *pattern = json_string_value(json_object_get(flat, "pattern")),
               *format = json_string_value(json_object_get(flat, "format"));
    size_t least = count_of(flat, "minLength", 0), most = count_of(flat, "maxLength", SIZE_MAX);
    bool bounded = least > 0 || most != SIZE_MAX;
    *possible = least <= most;
    if (!*possible)
        return 0;
    if ((most != SIZE_MAX && most > LENGTH_MAX) || least > LENGTH_MAX)
        return fr_schema_fail(w, FR_E_LIMIT, NULL, "a length beyond %d", LENGTH_MAX);
    if (format != NULL && (pattern != NULL || bounded))
        return fr_schema_fail(w, FR_E_FORMAT, "Keep one of them.",
                              "format beside pattern, minLength or maxLength is not supported");
    if (format != NULL)
        return put_format(w, format, out);
    if (pattern != NULL) {
        fr_buf_put_s(out, "\"\\\"\" ");
        FR_TRY(fr_schema_put_pattern(w, pattern, least, most, out));
        fr_buf_put_s(out, " \"\\\"\"");
    } else if (!bounded) {
        fr_buf_put_s(out, "string");
    } else if (most == SIZE_MAX) {
        fr_buf_put_f(out, "\"\\\"\" char{%zu,} \"\\\"\"", least);
    } else {
        fr_buf_put_f(out, "\"\\\"\" char{%zu,%zu} \"\\\"\"", least, most);
    }
    return 0;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static void put_repeated(fr_buf *out, const char *item, size_t least, size_t most)
{
    if (most == 0)
        return;
    if (most == SIZE_MAX)
        fr_buf_put_f(out, " (\",\" ws %s){%zu,}", item, least);
    else
        fr_buf_put_f(out, " (\",\" ws %s){%zu,%zu}", item, least, most);
}

static int put_array(schema_work *w, const json_t *flat, fr_buf *out, bool *possible)
{
    const json_t *prefix = json_object_get(flat, "prefixItems"),
                 *items = json_object_get(flat, "items");
    size_t k = json_array_size(prefix), least = count_of(flat, "minItems", 0),
           most = count_of(flat, "maxItems", SIZE_MAX);
    bool more = items != NULL || k == 0 || least > k; /* what may follow the prefix */
    FR_AUTO(fr_buf) item = { 0 };
    FR_AUTO(fr_buf) rest = { 0 };
    if (least > ITEMS_MAX || (most != SIZE_MAX && most > ITEMS_MAX))
        return fr_schema_fail(w, FR_E_LIMIT, NULL, "more than %d items", ITEMS_MAX);
    k = FR_MIN(k, most);
    if (more && most > k)
        FR_TRY(put_below(w, "items", items != NULL ? items : json_true(), &item, &more));
    size_t n = 0;
    fr_buf *parts = FR_NEW_N(fr_buf, k + 1);
    int rc = 0;
    for (bool can = true; rc == 0 && n < k && can; n += can) {
        char step[48];
        snprintf(step, sizeof(step), "prefixItems/%zu", n);
        rc = put_below(w, step, json_array_get(prefix, n), &parts[n], &can);
    }
    if (n < k || !more) { /* an impossible element ends the array before it */
        most = FR_MIN(most, n);
        more = false;
    }
    *possible = least <= most;
    if (rc == 0 && *possible) {
        if (more)
            put_repeated(&rest, fr_buf_text(&item), least > FR_MAX(n, 1) ? least - FR_MAX(n, 1) : 0,
                         most == SIZE_MAX ? SIZE_MAX : most - FR_MIN(most, FR_MAX(n, 1)));
        for (size_t i = n; i-- > 1;) { /* from the end: each knows what follows it */
            FR_AUTO(fr_buf) body = { 0 };
            fr_buf_put_f(&body, i >= least ? "(\",\" ws %s%s)?" : "\",\" ws %s%s",
                         fr_buf_text(&parts[i]), fr_buf_text(&rest));
            fr_buf_clear(&rest);
            fr_buf_put_f(&rest, " r%u", rule_put(w, &body));
        }
        const char *first = n > 0 ? fr_buf_text(&parts[0]) : fr_buf_text(&item);
        if (most == 0)
            fr_buf_put_s(out, "\"[\" ws \"]\"");
        else
            fr_buf_put_f(out, least == 0 ? "\"[\" ws (%s%s ws)? \"]\"" : "\"[\" ws %s%s ws \"]\"",
                         first, fr_buf_text(&rest));
    }
    for (size_t i = 0; i < k; i++)
        fr_buf_fini(&parts[i]);
    free(parts);
    return rc;
}

/* ---- objects --------------------------------------------------------------------------------- */

typedef struct {
    fr_buf text; /* owned; "key": value */
    bool required;
} property;

typedef struct {
    property *at; /* owned */
    size_t n, cap;
    bool any_required;
} properties;

static bool is_required(const json_t *flat, const char *key)
{
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(flat, "required"), i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), key) == 0)
            return true;
    }
    return false;
}

static int add_property(schema_work *w, const json_t *flat, const char *key, const json_t *schema,
                        properties *p, bool *possible)
{
    char step[96];
    bool can = true, required = is_required(flat, key);
    FR_AUTO(fr_buf) value = { 0 };
    snprintf(step, sizeof(step), "properties/%.60s", key);
    FR_TRY(put_below(w, step, schema, &value, &can));
    *possible = *possible && (can || !required);
    if (!can)
        return 0;
    json_t *name = json_string(key);
    FR_GROW(p->at, p->n, p->cap);
    property *made = &p->at[p->n++];
    *made = (property){ .required = required };
    put_json_literal(&made->text, name);
    fr_buf_put_f(&made->text, " \":\" ws %s", fr_buf_text(&value));
    p->any_required |= required;
    json_decref(name);
    return 0;
}

/* Keys that are none of those: plain characters that part from all of them somewhere. */
static void put_other_key(fr_buf *out, const char **keys, size_t n, size_t at)
{
    /* keys [n] agree in their first `at` bytes; the text so far does, too */
    bool ends = false;
    FR_AUTO(fr_buf) taken = { 0 };
    FR_AUTO(fr_buf) ways = { 0 };
    for (size_t i = 0; i < n; i++) {
        if (keys[i][at] == '\0') {
            ends = true;
            continue;
        }
        unsigned char c = (unsigned char)keys[i][at];
        size_t same = 0, step = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        const char *group[256];
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen |= strncmp(keys[k] + at, keys[i] + at, step) == 0;
        if (seen)
            continue;
        for (size_t k = i; k < n && same < FR_COUNT_OF(group); k++) {
            if (strncmp(keys[k] + at, keys[i] + at, step) == 0)
                group[same++] = keys[k];
        }
        char whole[5] = "";
        memcpy(whole, keys[i] + at, step);
        if (c < 0x80)
            fr_buf_put_f(&taken, "\\x%02X", c);
        else
            fr_buf_put_s(&taken, whole);
        if (c < 0x20 || c == '"' || c == '\\')
            continue; /* it would be escaped, which other keys are not */
        fr_buf_put_s(&ways, " | ");
        fr_schema_put_literal(&ways, fr_str_of(whole));
        fr_buf_put_c(&ways, ' ');
        put_other_key(&ways, group, same, at + step);
    }
    fr_buf_put_f(out, "(%s[^\\\"\\\\\\x00-\\x1F\\x7F%s] plain*%s)", ends ? "" : "\"\" | ",
                 fr_buf_text(&taken), fr_buf_text(&ways));
}

/* The rule of one more property; *can false: there is none. */
static int put_others(schema_work *w, const json_t *flat, properties *p, fr_buf *out, bool *can)
{
    const json_t *others = json_object_get(flat, "additionalProperties"), *v,
                 *named = json_object_get(flat, "properties");
    bool closed = json_object_get(flat, "unevaluatedProperties") != NULL;
    *can = false;
    if (others == NULL && (p->n > 0 || json_object_size(named) > 0 || closed))
        return 0;
    FR_AUTO(fr_buf) value = { 0 };
    FR_AUTO(fr_buf) body = { 0 };
    FR_TRY(
        put_below(w, "additionalProperties", others != NULL ? others : json_true(), &value, can));
    if (!*can)
        return 0;
    const char *keys[257], *key;
    size_t n = 0, longest = 0, i;
    json_object_foreach((json_t *)(uintptr_t)named, key, v)
    {
        if (n < 256)
            keys[n++] = key;
    }
    json_array_foreach(json_object_get(flat, "required"), i, v)
    {
        if (n < 256 && json_is_string(v))
            keys[n++] = json_string_value(v);
    }
    for (i = 0; i < n; i++)
        longest = FR_MAX(longest, strlen(keys[i]));
    if (n == 256 || longest > 255)
        return fr_schema_fail(w, FR_E_LIMIT, "Set additionalProperties to false.",
                              "additionalProperties beside more than 255 names, or longer ones");
    if (n == 0) {
        fr_buf_put_f(&body, "string \":\" ws %s", fr_buf_text(&value));
    } else {
        fr_buf_put_s(&body, "\"\\\"\" ");
        put_other_key(&body, keys, n, 0);
        fr_buf_put_f(&body, " \"\\\"\" \":\" ws %s", fr_buf_text(&value));
    }
    fr_buf_put_f(out, "r%u", rule_put(w, &body));
    return 0;
}

/* How many properties there may be, where it is not said by their names. */
static int read_counts(schema_work *w, const json_t *flat, const properties *p, size_t *least,
                       size_t *most)
{
    size_t required = 0;
    *least = count_of(flat, "minProperties", 0);
    *most = count_of(flat, "maxProperties", SIZE_MAX);
    for (size_t i = 0; i < p->n; i++)
        required += p->at[i].required;
    if (p->n > 0 && *least <= required)
        *least = 0; /* as they are there anyway */
    if (p->n > 0 && (*least > 0 || *most != SIZE_MAX))
        return fr_schema_fail(w, FR_E_FORMAT, "Say by required which must be there.",
                              "minProperties or maxProperties beside properties is not supported");
    if (*least > 1)
        return fr_schema_fail(w, FR_E_FORMAT, "Say by required which must be there.",
                              "minProperties above 1 is not supported: keys could be repeated");
    if (*most != SIZE_MAX && *most > ITEMS_MAX)
        return fr_schema_fail(w, FR_E_LIMIT, NULL, "more than %d properties", ITEMS_MAX);
    return 0;
}

/* Properties in their order, each after the first with a comma: `rest` once one is written, `first`
 * before. */
static int put_members(schema_work *w, const json_t *flat, properties *p, fr_buf *out,
                       bool *possible)
{
    FR_AUTO(fr_buf) other = { 0 };
    FR_AUTO(fr_buf) rest = { 0 };
    FR_AUTO(fr_buf) first = { 0 };
    bool more = false;
    size_t least, most;
    FR_TRY(read_counts(w, flat, p, &least, &most));
    FR_TRY(put_others(w, flat, p, &other, &more));
    if (more && most > 0) {
        put_repeated(&rest, fr_buf_text(&other), 0, most == SIZE_MAX ? SIZE_MAX : most - 1);
        fr_buf_put_f(&first, "%s%s", fr_buf_text(&other), fr_buf_text(&rest));
        if (p->n > 0) { /* behind named ones, all others are behind a comma */
            fr_buf_clear(&rest);
            put_repeated(&rest, fr_buf_text(&other), 0, SIZE_MAX);
        }
    } else if (least > 0) {
        *possible = false;
    }
    for (size_t i = p->n; i-- > 0;) {
        FR_AUTO(fr_buf) body = { 0 };
        const char *text = fr_buf_text(&p->at[i].text);
        bool needed = p->at[i].required;
        fr_buf_put_f(&body, "%s%s", text, fr_buf_text(&rest));
        if (!needed && first.n > 0)
            fr_buf_put_f(&body, " | %s", fr_buf_text(&first));
        fr_buf_clear(&first);
        fr_buf_put_f(&first, "r%u", rule_put(w, &body));
        fr_buf_clear(&body);
        fr_buf_put_f(&body, needed ? "\",\" ws %s%s" : "(\",\" ws %s)?%s", text,
                     fr_buf_text(&rest));
        fr_buf_clear(&rest);
        if (i > 0)
            fr_buf_put_f(&rest, " r%u", rule_put(w, &body));
    }
    bool empty = !p->any_required && least == 0;
    if (first.n == 0)
        fr_buf_put_s(out, "\"{\" ws \"}\"");
    else
        fr_buf_put_f(out, empty ? "\"{\" ws (%s ws)? \"}\"" : "\"{\" ws %s ws \"}\"",
                     fr_buf_text(&first));
    return 0;
}

static int put_object(schema_work *w, const json_t *flat, fr_buf *out, bool *possible)
{
    properties p = { 0 };
    const json_t *named = json_object_get(flat, "properties"), *v,
                 *others = json_object_get(flat, "additionalProperties");
    const char *key;
    size_t i;
    int rc = 0;
    *possible = true;
    json_object_foreach((json_t *)(uintptr_t)named, key, v)
    {
        if (rc == 0)
            rc = add_property(w, flat, key, v, &p, possible);
    }
    json_array_foreach(json_object_get(flat, "required"), i, v)
    {
        key = json_string_value(v);
        if (rc == 0 && key == NULL)
            rc = fr_schema_fail(w, FR_E_FORMAT, NULL, "'required' is no list of names");
        if (rc == 0 && json_object_get(named, key) == NULL)
            rc = add_property(w, flat, key, others != NULL ? others : json_true(), &p, possible);
    }
    if (rc == 0 && *possible)
        rc = put_members(w, flat, &p, out, possible);
    for (i = 0; i < p.n; i++)
        fr_buf_fini(&p.at[i].text);
    free(p.at);
    return rc;
}

/* ---- values ---------------------------------------------------------------------------------- */

static int put_values(schema_work *w, const json_t *flat, fr_buf *out, bool *possible)
{
    static const char *const UNTOLD[] = { "pattern", "format",      "properties",
                                          "items",   "prefixItems", "additionalProperties" };
    const json_t *v;
    size_t i;
    *possible = false;
    for (i = 0; i < FR_COUNT_OF(UNTOLD); i++) {
        if (json_object_get(flat, UNTOLD[i]) != NULL)
            return fr_schema_fail(w, FR_E_FORMAT, "List the values alone.",
                                  "enum or const beside '%s' is not supported", UNTOLD[i]);
    }
    json_array_foreach(json_object_get(flat, "enum"), i, v)
    {
        if (fr_schema_refuses(flat, v))
            continue;
        fr_buf_put_s(out, *possible ? " | " : "");
        put_json_literal(out, v);
        *possible = true;
    }
    return 0;
}

typedef int (*put_type)(schema_work *w, const json_t *flat, fr_buf *out, bool *possible);

/* One flat schema: a way for each of its types. */
static int put_flat(schema_work *w, const json_t *flat, fr_buf *out, bool *possible)
{
    static const struct {
        unsigned type;
        put_type put;
    } TYPES[] = { { SCHEMA_OBJECT, put_object },
                  { SCHEMA_ARRAY, put_array },
                  { SCHEMA_STRING, put_string },
                  { SCHEMA_REAL, fr_schema_put_number },
                  { SCHEMA_INTEGER, fr_schema_put_integer } };
    unsigned types = fr_schema_types(flat);
    *possible = false;
    if (json_object_get(flat, "enum") != NULL)
        return put_values(w, flat, out, possible);
    if (json_object_size(flat) == 0) {
        fr_buf_put_s(out, "value");
        *possible = true;
        return 0;
    }
    if ((types & SCHEMA_REAL) != 0)
        types &= ~(unsigned)SCHEMA_INTEGER; /* in it */
    for (size_t i = 0; i < FR_COUNT_OF(TYPES); i++) {
        if ((types & TYPES[i].type) == 0)
            continue;
        FR_AUTO(fr_buf) way = { 0 };
        bool can = false;
        FR_TRY(TYPES[i].put(w, flat, &way, &can));
        if (can)
            fr_buf_put_f(out, "%s%s", *possible ? " | " : "", fr_buf_text(&way));
        *possible |= can;
    }
    for (unsigned t = SCHEMA_NULL; t <= SCHEMA_BOOLEAN; t *= 2) {
        if ((types & t) == 0)
            continue;
        fr_buf_put_f(out, "%s%s", *possible ? " | " : "",
                     t == SCHEMA_NULL ? "\"null\"" : "boolean");
        *possible = true;
    }
    return 0;
}

/* A named schema is one rule, whoever refers to it: so it may refer to itself. */
static int put_reference(schema_work *w, const char *pointer, fr_buf *out, bool *possible)
{
    const json_t *target = NULL;
    for (size_t i = 0; i < w->n_refs; i++) {
        schema_ref *r = &w->refs[i];
        if (strcmp(r->pointer, pointer) != 0)
            continue;
        if (r->open && r->level == w->level)
            return fr_schema_fail(w, FR_E_FORMAT, "Put a property or an item in between.",
                                  "$ref '%s' leads back to itself without a value in between",
                                  pointer);
        fr_buf_put_f(out, "r%u", r->rule);
        *possible = r->open || r->possible;
        return 0;
    }
    FR_TRY(fr_schema_find(w, pointer, &target));
    size_t mine = w->n_refs;
    FR_GROW(w->refs, w->n_refs, w->refs_cap);
    w->refs[w->n_refs++] =
        (schema_ref){ .pointer = pointer, .rule = w->n_rules++, .level = w->level, .open = true };
    FR_AUTO(fr_buf) body = { 0 };
    FR_TRY(put_value(w, target, &body, possible));
    schema_ref *r = &w->refs[mine];
    r->open = false;
    r->possible = *possible;
    /* a rule that was called from inside must be there, even if it is never taken */
    fr_buf_put_f(&w->rules, "r%u ::= %s\n", r->rule, *possible ? fr_buf_text(&body) : "[]");
    fr_buf_put_f(out, "r%u", r->rule);
    return 0;
}

/* out gets the name of a rule (or of a base rule). */
static int put_value(schema_work *w, const json_t *schema, fr_buf *out, bool *possible)
{
    json_t *ways = json_array(), *way;
    FR_AUTO(fr_buf) body = { 0 };
    size_t i, n = 0;
    int rc = fr_schema_flatten(w, schema, ways);
    *possible = false;
    json_array_foreach(ways, i, way)
    {
        FR_AUTO(fr_buf) one = { 0 };
        bool can = false;
        const char *ref = json_string_value(json_object_get(way, "$ref"));
        if (rc != 0)
            break;
        rc = ref != NULL ? put_reference(w, ref, &one, &can) : put_flat(w, way, &one, &can);
        if (rc != 0 || !can)
            continue;
        fr_buf_put_f(&body, "%s%s", n++ > 0 ? " | " : "", fr_buf_text(&one));
    }
    json_decref(ways);
    *possible = n > 0;
    if (rc == 0 && n > 0) {
        if (strpbrk(fr_buf_text(&body), " \"[(|{") == NULL)
            fr_buf_put_str(out, fr_buf_str(&body)); /* a name already */
        else
            fr_buf_put_f(out, "r%u", rule_put(w, &body));
    }
    return rc;
}

/* ---- the door -------------------------------------------------------------------------------- */

/* jansson reads JSON 2,048 deep; the walks below go on the stack. */
static bool too_deep(const json_t *v, size_t depth)
{
    const char *key;
    json_t *one;
    size_t i;
    if (depth > 2 * DEEP)
        return true;
    json_object_foreach((json_t *)(uintptr_t)v, key, one)
    {
        if (too_deep(one, depth + 1))
            return true;
    }
    json_array_foreach(v, i, one)
    {
        if (too_deep(one, depth + 1))
            return true;
    }
    return false;
}

static int write_grammar(schema_work *w, fr_buf *gbnf)
{
    FR_AUTO(fr_buf) root = { 0 };
    bool possible = false;
    FR_TRY(put_value(w, w->root, &root, &possible));
    if (!possible)
        return fr_schema_fail(w, FR_E_FORMAT, "Look for types or bounds that exclude each other.",
                              "no value can satisfy it");
    fr_buf_put_f(gbnf, "root ::= %s\n%splain ::= [^\\\"\\\\\\x00-\\x1F\\x7F]\n%s%s",
                 fr_buf_text(&root), BASE, FORMAT_RULES, fr_buf_text(&w->rules));
    return gbnf->full || w->rules.full
               ? fr_fail(w->err, FR_E_LIMIT, NULL, "the schema's grammar is longer than 1 MiB")
               : 0;
}

int fr_schema_grammar(fr_str schema, fr_buf *gbnf, fr_err *err)
{
    json_error_t where;
    if (schema.n > SCHEMA_BYTES)
        return fr_fail(err, FR_E_LIMIT, NULL, "the schema is longer than 1 MiB");
    json_t *root =
        json_loadb(schema.at, schema.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        return fr_fail(err, FR_E_FORMAT, NULL, "the schema is no JSON: line %d, column %d: %s",
                       where.line, where.column, where.text);
    schema_work w = { .root = root, .rules.limit_bytes = SCHEMA_BYTES, .err = err };
    int rc = too_deep(root, 0) ? fr_fail(err, FR_E_LIMIT, NULL, "the schema lies too deep")
                               : write_grammar(&w, gbnf);
    json_decref(root);
    free(w.refs);
    fr_buf_fini(&w.rules);
    fr_buf_fini(&w.path);
    return rc;
}

int fr_schema_parse(fr_str schema, fr_grammar **out, fr_err *err)
{
    FR_AUTO(fr_buf) gbnf = { 0 };
    fr_err why = { 0 };
    FR_TRY(fr_schema_grammar(schema, &gbnf, err));
    int rc = fr_grammar_parse(fr_buf_str(&gbnf), out, &why);
    if (rc == FR_E_FORMAT) /* the rules are ours: only what they say together can be wrong */
        return fr_fail(err, rc, "Make the property that refers back optional, or let it be null.",
                       "no text that satisfies the schema ever ends");
    return rc == 0
               ? 0
               : fr_fail(err, rc, "Lower the largest minItems, maxItems, minLength or maxLength.",
                         "the schema is too large: %.180s", why.what);
}
