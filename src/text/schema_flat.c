/* Schemas without combinators: references followed, allOf merged, anyOf multiplied out. */
#include "text/schema_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/utf8.h"

enum { WAYS_MAX = 512, MERGES_MAX = 20000, REFS_DEEP = 64 };

/* ---- keywords -------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    unsigned types; /* that it speaks of; 0: none */
} keyword;

static const keyword FLAT_KEYWORDS[] = {
    { "properties", SCHEMA_OBJECT },
    { "required", SCHEMA_OBJECT },
    { "additionalProperties", SCHEMA_OBJECT },
    { "unevaluatedProperties", SCHEMA_OBJECT },
    { "minProperties", SCHEMA_OBJECT },
    { "maxProperties", SCHEMA_OBJECT },
    { "items", SCHEMA_ARRAY },
    { "prefixItems", SCHEMA_ARRAY },
    { "minItems", SCHEMA_ARRAY },
    { "maxItems", SCHEMA_ARRAY },
    { "minLength", SCHEMA_STRING },
    { "maxLength", SCHEMA_STRING },
    { "pattern", SCHEMA_STRING },
    { "format", SCHEMA_STRING },
    { "minimum", SCHEMA_INTEGER | SCHEMA_REAL },
    { "maximum", SCHEMA_INTEGER | SCHEMA_REAL },
    { "exclusiveMinimum", SCHEMA_INTEGER | SCHEMA_REAL },
    { "exclusiveMaximum", SCHEMA_INTEGER | SCHEMA_REAL },
    { "enum", 0 },
    { "type", 0 },
};

static const char *const PASSED_OVER[] = {
    "title",           "description",      "default",  "examples",
    "example",         "$schema",          "$id",      "id",
    "$comment",        "deprecated",       "readOnly", "writeOnly",
    "contentEncoding", "contentMediaType", "$defs",    "definitions",
    "discriminator",   "externalDocs",     "xml",      "$vocabulary",
};
static const char *const COMBINATORS[] = { "$ref",  "allOf",    "anyOf",          "oneOf",
                                           "const", "nullable", "additionalItems" };

static const keyword *keyword_of(const char *name)
{
    for (size_t i = 0; i < FR_COUNT_OF(FLAT_KEYWORDS); i++) {
        if (strcmp(FLAT_KEYWORDS[i].name, name) == 0)
            return &FLAT_KEYWORDS[i];
    }
    return NULL;
}

static bool is_among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool is_annotation(const char *name)
{
    return is_among(name, PASSED_OVER, FR_COUNT_OF(PASSED_OVER)) || strncmp(name, "x-", 2) == 0;
}

/* Keywords that ask for nothing when they have this value. */
static bool asks_nothing(const char *name, const json_t *value)
{
    return strcmp(name, "uniqueItems") == 0 && json_is_false(value);
}

static int check_shape(schema_work *w, const char *name, const json_t *v)
{
    static const struct {
        const char *name, *kind;
    } SHAPES[] = {
        { "properties", "object" },
        { "required", "list" },
        { "prefixItems", "list" },
        { "enum", "list" },
        { "allOf", "list" },
        { "anyOf", "list" },
        { "oneOf", "list" },
        { "minLength", "count" },
        { "maxLength", "count" },
        { "minItems", "count" },
        { "maxItems", "count" },
        { "minProperties", "count" },
        { "maxProperties", "count" },
        { "pattern", "text" },
        { "format", "text" },
        { "$ref", "text" },
        { "minimum", "number" },
        { "maximum", "number" },
        { "exclusiveMinimum", "number" },
        { "exclusiveMaximum", "number" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(SHAPES); i++) {
        if (strcmp(SHAPES[i].name, name) != 0)
            continue;
        const char *kind = SHAPES[i].kind;
        bool fits = kind[0] == 'o'   ? json_is_object(v)
                    : kind[0] == 'l' ? json_is_array(v)
                    : kind[0] == 't' ? json_is_string(v)
                    : kind[0] == 'n' ? json_is_number(v)
                                     : json_is_integer(v) && json_integer_value(v) >= 0;
        if (!fits)
            return fr_schema_fail(w, FR_E_FORMAT, NULL, "'%s' is no %s", name,
                                  kind[0] == 'c' ? "whole number from 0 up" : kind);
    }
    return 0;
}

static int check_keyword(schema_work *w, const char *name, const json_t *value)
{
    if (is_annotation(name) || asks_nothing(name, value))
        return 0;
    if (keyword_of(name) == NULL && !is_among(name, COMBINATORS, FR_COUNT_OF(COMBINATORS)))
        return fr_schema_fail(
            w, FR_E_FORMAT,
            "Understood are type, enum, const, properties, required, additionalProperties, items, "
            "prefixItems, min/max…, pattern, format, anyOf, oneOf, allOf, $ref.",
            "the keyword '%s' is not supported", name);
    return check_shape(w, name, value);
}

/* ---- types ----------------------------------------------------------------------------------- */

static unsigned type_of_name(const char *name)
{
    static const struct {
        const char *name;
        unsigned types;
    } NAMES[] = { { "null", SCHEMA_NULL },       { "boolean", SCHEMA_BOOLEAN },
                  { "integer", SCHEMA_INTEGER }, { "number", SCHEMA_INTEGER | SCHEMA_REAL },
                  { "string", SCHEMA_STRING },   { "array", SCHEMA_ARRAY },
                  { "object", SCHEMA_OBJECT } };
    for (size_t i = 0; name != NULL && i < FR_COUNT_OF(NAMES); i++) {
        if (strcmp(NAMES[i].name, name) == 0)
            return NAMES[i].types;
    }
    return 0;
}

/* `type` becomes a mask, kept as an integer. */
static int read_type(schema_work *w, const json_t *type, bool nullable, unsigned *out)
{
    size_t i;
    const json_t *one;
    *out = type_of_name(json_string_value(type));
    json_array_foreach(type, i, one)
    {
        unsigned t = type_of_name(json_string_value(one));
        if (t == 0)
            *out = 0;
        if (t == 0)
            break;
        *out |= t;
    }
    if (*out == 0)
        return fr_schema_fail(
            w, FR_E_FORMAT,
            "It is one of null, boolean, integer, number, string, array, object, or a list of "
            "them.",
            "'type' is unknown");
    if (nullable)
        *out |= SCHEMA_NULL;
    return 0;
}

unsigned fr_schema_types(const json_t *flat)
{
    const json_t *type = json_object_get(flat, "type"), *value;
    if (type != NULL)
        return (unsigned)json_integer_value(type);
    if (json_object_get(flat, "enum") != NULL)
        return SCHEMA_ALL;
    unsigned types = 0; /* a schema that speaks of objects alone means an object */
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)flat, name, value) types |=
        keyword_of(name) != NULL ? keyword_of(name)->types : 0;
    return types != 0 ? types : SCHEMA_ALL;
}

static unsigned type_of_value(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_NULL:
        return SCHEMA_NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        return SCHEMA_BOOLEAN;
    case JSON_INTEGER:
        return SCHEMA_INTEGER;
    case JSON_REAL:
        return json_real_value(v) == floor(json_real_value(v)) ? SCHEMA_INTEGER : SCHEMA_REAL;
    case JSON_STRING:
        return SCHEMA_STRING;
    case JSON_ARRAY:
        return SCHEMA_ARRAY;
    default:
        return SCHEMA_OBJECT;
    }
}

static size_t n_characters(const char *text)
{
    fr_str rest = fr_str_of(text);
    size_t n = 0;
    for (uint32_t c; rest.n > 0; n++) {
        size_t step = fr_utf8_next(rest, &c);
        rest = (fr_str){ rest.at + step, rest.n - step };
    }
    return n;
}

static bool beyond(const json_t *flat, const char *least, const char *most, double is)
{
    const json_t *lo = json_object_get(flat, least), *hi = json_object_get(flat, most);
    return (lo != NULL && is < json_number_value(lo)) || (hi != NULL && is > json_number_value(hi));
}

bool fr_schema_refuses(const json_t *flat, const json_t *v)
{
    unsigned type = type_of_value(v);
    const json_t *values = json_object_get(flat, "enum"), *one, *lo, *hi;
    size_t i;
    if (json_object_get(flat, "type") != NULL && (fr_schema_types(flat) & type) == 0)
        return true;
    if (values != NULL) {
        bool found = false;
        json_array_foreach(values, i, one) found |=
            json_equal((json_t *)(uintptr_t)one, (json_t *)(uintptr_t)v);
        if (!found)
            return true;
    }
    if ((type & SCHEMA_STRING) != 0)
        return beyond(flat, "minLength", "maxLength", (double)n_characters(json_string_value(v)));
    if ((type & SCHEMA_ARRAY) != 0)
        return beyond(flat, "minItems", "maxItems", (double)json_array_size(v));
    if ((type & SCHEMA_OBJECT) != 0) {
        json_array_foreach(json_object_get(flat, "required"), i, one)
        {
            if (json_object_get(v, json_string_value(one)) == NULL)
                return true;
        }
        return beyond(flat, "minProperties", "maxProperties", (double)json_object_size(v));
    }
    if ((type & (SCHEMA_INTEGER | SCHEMA_REAL)) == 0)
        return false;
    double x = json_number_value(v);
    lo = json_object_get(flat, "exclusiveMinimum");
    hi = json_object_get(flat, "exclusiveMaximum");
    return beyond(flat, "minimum", "maximum", x) || (lo != NULL && x <= json_number_value(lo)) ||
           (hi != NULL && x >= json_number_value(hi));
}

/* ---- references ------------------------------------------------------------------------------ */

/* The next part of a pointer, with ~0, ~1 and %XX put back. */
static void take_part(const char **at, char part[256])
{
    size_t n = 0;
    for (; **at != '\0' && **at != '/'; (*at)++) {
        unsigned code = 0;
        char c = **at;
        if (c == '~' && ((*at)[1] == '0' || (*at)[1] == '1')) {
            c = (*at)[1] == '0' ? '~' : '/';
            (*at)++;
        } else if (c == '%' && sscanf(*at + 1, "%2x", &code) == 1 && (*at)[1] != '\0' &&
                   (*at)[2] != '\0') {
            c = (char)code;
            *at += 2;
        }
        if (n < 255)
            part[n++] = c;
    }
    part[n] = '\0';
}

int fr_schema_find(schema_work *w, const char *pointer, const json_t **out)
{
    const json_t *at = w->root;
    const char *rest = pointer;
    if (*rest == '#')
        rest++;
    if (pointer[0] != '#' || (*rest != '/' && *rest != '\0'))
        return fr_schema_fail(w, FR_E_FORMAT, "Put what it names under $defs of this schema.",
                              "$ref '%s' does not point into this schema", pointer);
    while (at != NULL && *rest == '/') {
        char part[256];
        rest++;
        take_part(&rest, part);
        char *end = NULL;
        unsigned long index = strtoul(part, &end, 10);
        at = json_is_array(at) ? (*end == '\0' && end != part ? json_array_get(at, index) : NULL)
                               : json_object_get(at, part);
    }
    if (at == NULL || (!json_is_object(at) && !json_is_boolean(at)))
        return fr_schema_fail(w, FR_E_FORMAT, NULL, "$ref '%s' names no schema", pointer);
    *out = at;
    return 0;
}

/* ---- two flat schemas at once ---------------------------------------------------------------- */

static json_t *both(json_t *a, json_t *b) /* borrowed */
{
    if (json_is_true(a) || (a == b))
        return json_incref(b);
    if (json_is_true(b))
        return json_incref(a);
    if (json_is_false(a) || json_is_false(b))
        return json_false();
    return json_pack("{s:[O, O]}", "allOf", a, b);
}

/* What `flat` says of a property that it does not list. */
static json_t *others_of(const json_t *flat, const char *key)
{
    json_t *other = json_object_get(flat, key);
    return other != NULL ? other : json_true();
}

static void merge_properties(json_t *to, const json_t *a, const json_t *b)
{
    json_t *pa = json_object_get(a, "properties"), *pb = json_object_get(b, "properties"), *v;
    json_t *out = json_object();
    const char *key;
    json_object_foreach(pa, key, v)
    {
        json_t *other = json_object_get(pb, key);
        json_object_set_new(out, key,
                            both(v, other != NULL ? other : others_of(b, "additionalProperties")));
    }
    json_object_foreach(pb, key, v)
    {
        if (json_object_get(pa, key) == NULL)
            json_object_set_new(out, key, both(v, others_of(a, "additionalProperties")));
    }
    json_object_set_new(to, "properties", out);
}

static void merge_prefix(json_t *to, const json_t *a, const json_t *b)
{
    json_t *pa = json_object_get(a, "prefixItems"), *pb = json_object_get(b, "prefixItems");
    json_t *out = json_array();
    for (size_t i = 0; i < FR_MAX(json_array_size(pa), json_array_size(pb)); i++) {
        json_t *va = json_array_get(pa, i), *vb = json_array_get(pb, i);
        json_array_append_new(out, both(va != NULL ? va : others_of(a, "items"),
                                        vb != NULL ? vb : others_of(b, "items")));
    }
    json_object_set_new(to, "prefixItems", out);
}

static json_t *union_of(const json_t *a, const json_t *b)
{
    json_t *out = json_copy((json_t *)(uintptr_t)a), *v, *have;
    size_t i, k;
    json_array_foreach(b, i, v)
    {
        bool found = false;
        json_array_foreach(out, k, have) found |= json_equal(have, v);
        if (!found)
            json_array_append(out, v);
    }
    return out;
}

static json_t *common_of(const json_t *a, const json_t *b)
{
    json_t *out = json_array(), *x, *y;
    size_t i, k;
    json_array_foreach(a, i, x)
    {
        json_array_foreach(b, k, y)
        {
            if (json_equal(x, y)) {
                json_array_append(out, x);
                break;
            }
        }
    }
    return out;
}

/* One keyword that both have. */
static int merge_keyword(schema_work *w, json_t *to, const char *name, json_t *x, json_t *y)
{
    bool least = strncmp(name, "min", 3) == 0 || strcmp(name, "exclusiveMinimum") == 0;
    json_t *v = NULL;
    if (strcmp(name, "type") == 0)
        v = json_integer(json_integer_value(x) & json_integer_value(y));
    else if (strcmp(name, "required") == 0)
        v = union_of(x, y);
    else if (strcmp(name, "enum") == 0)
        v = common_of(x, y);
    else if (strcmp(name, "items") == 0 || strcmp(name, "additionalProperties") == 0 ||
             strcmp(name, "unevaluatedProperties") == 0)
        v = both(x, y);
    else if (json_is_number(x))
        v = json_incref((json_number_value(x) < json_number_value(y)) == least ? y : x);
    else if (json_equal(x, y))
        v = json_incref(x);
    else
        return fr_schema_fail(w, FR_E_FORMAT, NULL, "two different '%s' at once", name);
    json_object_set_new(to, name, v);
    return 0;
}

/* A new flat schema that asks for both; NULL in *out when nothing can satisfy it. */
static int merge(schema_work *w, const json_t *a, const json_t *b, json_t **out)
{
    json_t *to = json_copy((json_t *)(uintptr_t)a), *v;
    const char *name;
    int rc = 0;
    *out = NULL;
    if (++w->merges > MERGES_MAX) {
        json_decref(to);
        return fr_schema_fail(w, FR_E_LIMIT, NULL, "allOf and anyOf multiply beyond %d",
                              MERGES_MAX);
    }
    json_object_foreach((json_t *)(uintptr_t)b, name, v)
    {
        json_t *have = json_object_get(a, name);
        if (strcmp(name, "properties") == 0 || strcmp(name, "prefixItems") == 0)
            continue;
        if (have == NULL)
            json_object_set(to, name, v);
        else if (rc == 0)
            rc = merge_keyword(w, to, name, have, v);
    }
    if (json_object_get(a, "properties") != NULL || json_object_get(b, "properties") != NULL)
        merge_properties(to, a, b);
    if (json_object_get(a, "prefixItems") != NULL || json_object_get(b, "prefixItems") != NULL)
        merge_prefix(to, a, b);
    const json_t *values = json_object_get(to, "enum");
    bool never = (json_object_get(to, "type") != NULL && fr_schema_types(to) == 0) ||
                 (values != NULL && json_array_size(values) == 0);
    if (rc != 0 || never)
        json_decref(to);
    else
        *out = to;
    return rc;
}

/* ---- taking apart ---------------------------------------------------------------------------- */

static bool is_reference(const json_t *flat)
{
    return json_object_get(flat, "$ref") != NULL;
}

static int push_way(schema_work *w, json_t *ways, json_t *way /* taken */)
{
    json_array_append_new(ways, way);
    return json_array_size(ways) <= WAYS_MAX
               ? 0
               : fr_schema_fail(w, FR_E_LIMIT, "Say the same with fewer anyOf inside allOf.",
                                "more than %d ways once allOf and anyOf are multiplied out",
                                WAYS_MAX);
}

/* A way, or the ways of what it refers to. */
static int follow(schema_work *w, json_t *way, json_t *ways, size_t depth)
{
    const json_t *target = NULL;
    if (!is_reference(way))
        return push_way(w, ways, json_incref(way));
    FR_TRY(fr_schema_find(w, json_string_value(json_object_get(way, "$ref")), &target));
    return fr_schema_expand(w, target, ways, depth + 1);
}

/* Every way of a together with every way of b. Takes a. */
static int cross(schema_work *w, json_t *a, const json_t *b, size_t depth, json_t **out)
{
    json_t *x, *y, *ways = json_array(), *left = json_array(), *right = json_array();
    size_t i, k;
    int rc = 0;
    json_array_foreach(a, i, x)
    {
        json_array_foreach(b, k, y)
        {
            if (rc != 0)
                break;
            if (json_object_size(x) == 0 || json_object_size(y) == 0) {
                rc = push_way(w, ways, json_incref(json_object_size(x) == 0 ? y : x));
                continue;
            }
            json_array_clear(left);
            json_array_clear(right);
            rc = follow(w, x, left, depth + 1);
            if (rc == 0)
                rc = follow(w, y, right, depth + 1);
            for (size_t m = 0; rc == 0 && m < json_array_size(left); m++) {
                for (size_t n = 0; rc == 0 && n < json_array_size(right); n++) {
                    json_t *merged = NULL;
                    rc = merge(w, json_array_get(left, m), json_array_get(right, n), &merged);
                    if (rc == 0 && merged != NULL)
                        rc = push_way(w, ways, merged);
                }
            }
        }
    }
    json_decref(left);
    json_decref(right);
    json_decref(a);
    *out = ways;
    return rc;
}

/* The keywords of this schema itself, in one form. */
static int base_of(schema_work *w, const json_t *schema, json_t **out)
{
    json_t *base = json_object(), *v;
    const char *name;
    bool nullable = json_is_true(json_object_get(schema, "nullable"));
    int rc = 0;
    json_object_foreach((json_t *)(uintptr_t)schema, name, v)
    {
        unsigned types = 0;
        if (rc == 0)
            rc = check_keyword(w, name, v);
        if (rc != 0 || keyword_of(name) == NULL)
            continue;
        if (strcmp(name, "type") == 0) {
            rc = read_type(w, v, nullable, &types);
            json_object_set_new(base, name, json_integer(types));
        } else if (strcmp(name, "items") == 0 && json_is_array(v)) {
            json_t *rest = json_object_get(schema, "additionalItems");
            json_object_set(base, "prefixItems", v);
            if (rest != NULL)
                json_object_set(base, "items", rest);
        } else if (strcmp(name, "unevaluatedProperties") == 0 && !json_is_false(v)) {
            rc = fr_schema_fail(w, FR_E_FORMAT, "Use additionalProperties.",
                                "'unevaluatedProperties' is only supported as false");
        } else if (strcmp(name, "enum") == 0 && nullable) {
            json_t *with = json_copy(v);
            json_array_append_new(with, json_null());
            json_object_set_new(base, name, with);
        } else {
            json_object_set(base, name, v);
        }
    }
    v = json_object_get(schema, "const");
    if (rc == 0 && v != NULL) {
        json_t *values = json_object_get(base, "enum"), *one = json_pack("[O]", v);
        json_t *kept = values != NULL ? common_of(values, one) : json_incref(one);
        json_object_set_new(base, "enum", kept);
        json_decref(one);
    }
    if (rc != 0)
        json_decref(base);
    else
        *out = base;
    return rc;
}

static int flatten(schema_work *w, const json_t *schema, json_t *out, size_t depth);

/* anyOf, oneOf: the ways of all of its members. */
static int ways_of_list(schema_work *w, const json_t *list, bool one, size_t depth, json_t *out)
{
    const json_t *member;
    size_t i, n = json_array_size(list);
    size_t *from = FR_NEW_N(size_t, n + 1);
    int rc = 0;
    json_array_foreach(list, i, member)
    {
        from[i] = json_array_size(out);
        if (rc == 0)
            rc = one ? fr_schema_expand(w, member, out, depth + 1)
                     : flatten(w, member, out, depth + 1);
    }
    from[n] = json_array_size(out);
    for (size_t a = 0; rc == 0 && one && a < n; a++) {
        for (size_t b = 0; rc == 0 && b < n; b++) {
            for (size_t x = from[a]; rc == 0 && a != b && x < from[a + 1]; x++) {
                for (size_t y = from[b]; rc == 0 && y < from[b + 1]; y++) {
                    if (!fr_schema_apart(w, json_array_get(out, x), json_array_get(out, y), 0))
                        rc = fr_schema_fail(
                            w, FR_E_FORMAT,
                            "Use anyOf, or tell them apart by type or a required const property.",
                            "oneOf: members %zu and %zu may hold at once", a + 1, b + 1);
                }
            }
        }
    }
    free(from);
    return rc;
}

static int flatten(schema_work *w, const json_t *schema, json_t *out, size_t depth)
{
    if (depth > REFS_DEEP)
        return fr_schema_fail(w, FR_E_FORMAT, NULL,
                              "the schema refers to itself without a value in between, or lies "
                              "too deep");
    if (json_is_true(schema))
        return push_way(w, out, json_object());
    if (json_is_false(schema))
        return 0;
    if (!json_is_object(schema))
        return fr_schema_fail(w, FR_E_FORMAT, NULL, "a schema is an object, true or false");
    json_t *base = NULL, *one = NULL, *ways = json_array(), *member;
    const json_t *ref = json_object_get(schema, "$ref");
    size_t i;
    int rc = base_of(w, schema, &base);
    if (rc == 0)
        rc = push_way(w, ways, base);
    const json_t *values = rc == 0 ? json_object_get(base, "enum") : NULL;
    if (rc == 0 && values != NULL && json_array_size(values) == 0)
        json_array_clear(ways);
    if (rc == 0 && ref != NULL) {
        one = json_pack("[{s:O}]", "$ref", ref);
        rc = cross(w, ways, one, depth, &ways);
        json_decref(one);
    }
    json_array_foreach(json_object_get(schema, "allOf"), i, member)
    {
        if (rc != 0)
            break;
        one = json_array();
        rc = flatten(w, member, one, depth + 1);
        if (rc == 0)
            rc = cross(w, ways, one, depth, &ways);
        json_decref(one);
    }
    for (i = 0; rc == 0 && i < 2; i++) {
        const json_t *list = json_object_get(schema, i == 0 ? "anyOf" : "oneOf");
        if (list == NULL)
            continue;
        one = json_array();
        rc = ways_of_list(w, list, i == 1, depth, one);
        if (rc == 0)
            rc = cross(w, ways, one, depth, &ways);
        json_decref(one);
    }
    json_array_foreach(ways, i, member)
    {
        if (rc == 0)
            rc = push_way(w, out, json_incref(member));
    }
    json_decref(ways);
    return rc;
}

int fr_schema_flatten(schema_work *w, const json_t *schema, json_t *ways)
{
    return flatten(w, schema, ways, 0);
}

int fr_schema_expand(schema_work *w, const json_t *schema, json_t *ways, size_t depth)
{
    json_t *some = json_array(), *way;
    size_t i;
    int rc = flatten(w, schema, some, depth);
    json_array_foreach(some, i, way)
    {
        if (rc == 0)
            rc = follow(w, way, ways, depth);
    }
    json_decref(some);
    return rc;
}
