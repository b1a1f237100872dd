/* Shared between the files schema_*.c only. */
#ifndef FR_TEXT_SCHEMA_PRIV_H
#define FR_TEXT_SCHEMA_PRIV_H

#include <jansson.h>
#include <stdint.h>

#include "text/schema.h"

enum {
    SCHEMA_NULL = 1,
    SCHEMA_BOOLEAN = 2,
    SCHEMA_INTEGER = 4,
    SCHEMA_REAL = 8, /* numbers that are no integers; "number" is both */
    SCHEMA_STRING = 16,
    SCHEMA_ARRAY = 32,
    SCHEMA_OBJECT = 64,
    SCHEMA_ALL = 127
};

typedef struct {
    const char *pointer; /* borrowed from the document */
    uint32_t rule;
    size_t level; /* of values inside each other, while it is open */
    bool open, possible;
} schema_ref;

typedef struct {
    const json_t *root;
    fr_buf rules, path;
    uint32_t n_rules;
    size_t level, merges;
    schema_ref *refs;
    size_t n_refs, refs_cap;
    fr_err *err;
} schema_work;

/* Fills err with the place in front. */
int fr_schema_fail(schema_work *w, int code, const char *hint, const char *fmt, ...)
    FR_PRINTF(4, 5);

/* ---- schema_flat.c: $ref, allOf, anyOf, oneOf and lists of types taken apart ----------------- */

/* Appends to `ways` (a JSON array) schemas that are either {"$ref": …} alone or free of
 * combinators; together they are what `schema` allows. */
int fr_schema_flatten(schema_work *w, const json_t *schema, json_t *ways);
/* The same, with references followed as well. depth: of references. */
int fr_schema_expand(schema_work *w, const json_t *schema, json_t *ways, size_t depth);
/* What a "#/…" names. */
int fr_schema_find(schema_work *w, const char *pointer, const json_t **out);
/* Types that a flat schema allows. */
unsigned fr_schema_types(const json_t *flat);
/* The flat schema certainly does not allow the value. */
bool fr_schema_refuses(const json_t *flat, const json_t *value);
/* schema_oneof.c: no text that is generated for flat a is valid under flat b. */
bool fr_schema_apart(schema_work *w, const json_t *a, const json_t *b, size_t depth);

/* ---- pieces of grammar, appended to out ------------------------------------------------------ */

/* schema_number.c: *possible is false when there is no such number. */
int fr_schema_put_integer(schema_work *w, const json_t *flat, fr_buf *out, bool *possible);
int fr_schema_put_number(schema_work *w, const json_t *flat, fr_buf *out, bool *possible);
/* schema_pattern.c: the inside of a string; least, most: its characters (SIZE_MAX: any number). */
int fr_schema_put_pattern(schema_work *w, const char *regex, size_t least, size_t most,
                          fr_buf *out);
/* A literal of these bytes, quoted for GBNF. */
void fr_schema_put_literal(fr_buf *out, fr_str bytes);

#endif
