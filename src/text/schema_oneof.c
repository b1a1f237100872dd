/* Whether two schemas can hold at once, as far as oneOf needs it. */
#include "text/schema_priv.h"

#include <math.h>
#include <string.h>

enum { DEEP = 8 };

static bool names(const json_t *list, const char *key)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), key) == 0)
            return true;
    }
    return false;
}

/* Each way of x is apart from each way of y. */
static bool schemas_apart(schema_work *w, const json_t *x, const json_t *y, size_t depth)
{
    json_t *left = json_array(), *right = json_array(), *a, *b;
    size_t i, k;
    fr_err *err = w->err;
    w->err = NULL; /* what cannot be read is reported where it is written */
    bool apart = fr_schema_expand(w, x, left, 0) == 0 && fr_schema_expand(w, y, right, 0) == 0;
    w->err = err;
    json_array_foreach(left, i, a)
    {
        json_array_foreach(right, k, b) apart = apart && fr_schema_apart(w, a, b, depth + 1);
    }
    json_decref(left);
    json_decref(right);
    return apart;
}

static bool objects_apart(schema_work *w, const json_t *a, const json_t *b, size_t depth)
{
    const json_t *pa = json_object_get(a, "properties"), *pb = json_object_get(b, "properties"),
                 *ra = json_object_get(a, "required"), *rb = json_object_get(b, "required"),
                 *others = json_object_get(a, "additionalProperties"), *one;
    bool closed = json_is_false(others) || (others == NULL && json_object_size(pa) > 0);
    size_t i;
    json_array_foreach(rb, i, one)
    { /* b wants what a never writes */
        const char *key = json_string_value(one);
        if (closed && key != NULL && json_object_get(pa, key) == NULL && !names(ra, key))
            return true;
    }
    json_array_foreach(ra, i, one)
    { /* a always writes what b forbids or wants otherwise */
        const char *key = json_string_value(one);
        const json_t *x = key != NULL ? json_object_get(pa, key) : NULL,
                     *y = key != NULL ? json_object_get(pb, key) : NULL;
        if (key != NULL && y == NULL && json_is_false(json_object_get(b, "additionalProperties")))
            return true;
        if (x != NULL && y != NULL && depth < DEEP && schemas_apart(w, x, y, depth))
            return true;
    }
    return false;
}

static double bound(const json_t *flat, const char *plain, const char *strict, double otherwise)
{
    const json_t *v = json_object_get(flat, plain), *s = json_object_get(flat, strict);
    double x = v != NULL ? json_number_value(v) : otherwise;
    if (s == NULL)
        return x;
    return otherwise < 0 ? fmax(x, json_number_value(s)) : fmin(x, json_number_value(s));
}

/* Ends that only touch count as together. */
static bool ranges_apart(const json_t *a, const json_t *b, const char *least, const char *most)
{
    const char *strict_least = strcmp(least, "minimum") == 0 ? "exclusiveMinimum" : least,
               *strict_most = strcmp(most, "maximum") == 0 ? "exclusiveMaximum" : most;
    return bound(a, most, strict_most, INFINITY) < bound(b, least, strict_least, -INFINITY) ||
           bound(b, most, strict_most, INFINITY) < bound(a, least, strict_least, -INFINITY);
}

bool fr_schema_apart(schema_work *w, const json_t *a, const json_t *b, size_t depth)
{
    const json_t *values = json_object_get(a, "enum"), *one;
    size_t i;
    if (++w->merges > 200000)
        return false;
    if (values != NULL) {
        json_array_foreach(values, i, one)
        {
            if (!fr_schema_refuses(a, one) && !fr_schema_refuses(b, one))
                return false;
        }
        return true;
    }
    /* what b says nothing of it allows: only its `type` or its values rule types out */
    unsigned types = fr_schema_types(a), theirs = SCHEMA_ALL;
    if (json_object_get(b, "type") != NULL)
        theirs = fr_schema_types(b);
    unsigned common = types & theirs;
    if ((types & SCHEMA_REAL) != 0 && (theirs & SCHEMA_INTEGER) != 0)
        common |= SCHEMA_REAL;
    if (common == 0)
        return true;
    if (common == SCHEMA_OBJECT)
        return objects_apart(w, a, b, depth);
    if (common == SCHEMA_STRING)
        return ranges_apart(a, b, "minLength", "maxLength");
    if (common == SCHEMA_ARRAY)
        return ranges_apart(a, b, "minItems", "maxItems");
    if ((common & ~(unsigned)(SCHEMA_INTEGER | SCHEMA_REAL)) == 0)
        return ranges_apart(a, b, "minimum", "maximum");
    return false;
}
