/**
 * doc.h: a YAML or JSON document as a tree whose nodes know where they stand, for files that
 * people write (task files, configurations): an error can say line, column, key and what was
 * expected. (JSON for machines goes through jansson directly.)
 *
 *     FR_AUTOPTR(fr_doc) doc = NULL;
 *     FR_TRY(fr_doc_load("task.yaml", &doc, err));
 *     static const char *const KEYS[] = { "task", "kind", NULL };
 *     FR_TRY(fr_doc_check_keys(fr_doc_root(doc), KEYS, err));
 *     FR_TRY(fr_doc_get_text(fr_doc_root(doc), "task", true, &name, err));
 *
 * Numbers, booleans and null are told apart only when asked for, by the YAML 1.2 core schema.
 * Limits: 16 MiB, depth 64, 1,000,000 nodes; aliases are refused (they can grow without bound).
 */
#ifndef FR_BASE_DOC_H
#define FR_BASE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

typedef struct fr_doc fr_doc;

typedef enum fr_node_kind { FR_NODE_NONE, FR_NODE_SCALAR, FR_NODE_LIST, FR_NODE_MAP } fr_node_kind;

/** Borrowed from its document; do not change. */
typedef struct fr_node {
    fr_node_kind kind;
    const char *key;          /* inside a map; else NULL */
    const char *text;         /* of a scalar; else NULL */
    bool quoted;              /* a quoted scalar is always text */
    int line, column;         /* from 1 */
    int key_line, key_column; /* of its key, inside a map */
    const char *file;
    struct fr_node **at; /* children, [n] */
    size_t n;
} fr_node;

int fr_doc_load(const char *path, fr_doc **out, fr_err *err);
/** name stands in errors for the file's name. */
int fr_doc_parse(const char *text, size_t n, const char *name, fr_doc **out, fr_err *err);
const fr_node *fr_doc_root(const fr_doc *doc);
void fr_doc_free(fr_doc *doc);
FR_AUTOPTR_DEFINE(fr_doc);

/** An FR_E_USAGE error at a node: "task.yaml:3:9: target: expected a number from 0 to 1". */
int fr_node_fail(const fr_node *node, fr_err *err, const char *hint, const char *fmt, ...)
    FR_PRINTF(4, 5);
/** Refuses a key that is not in the NULL-terminated list, naming the nearest valid one. */
int fr_doc_check_keys(const fr_node *map, const char *const *valid, fr_err *err);
/** Child by key; NULL when absent (or map is NULL or not a map). */
const fr_node *fr_node_get(const fr_node *map, const char *key);

/** A present child must have the type; an absent one leaves *out as it is unless required. */
int fr_doc_get_text(const fr_node *map, const char *key, bool required, const char **out,
                    fr_err *err);
int fr_doc_get_f64(const fr_node *map, const char *key, bool required, double *out, fr_err *err);
int fr_doc_get_i64(const fr_node *map, const char *key, bool required, long long *out, fr_err *err);
int fr_doc_get_bool(const fr_node *map, const char *key, bool required, bool *out, fr_err *err);
/** Which of the NULL-terminated words it is, from 0. */
int fr_doc_get_word(const fr_node *map, const char *key, bool required, const char *const *words,
                    int *out, fr_err *err);

/** The nearest of valid to word by edit distance, or NULL when none is near. Borrowed. */
const char *fr_nearest(const char *word, const char *const *valid);

#endif
