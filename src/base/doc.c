#include "base/doc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define LIMIT_BYTES ((size_t)16 << 20)
#define LIMIT_DEPTH 64
#define LIMIT_NODES 1000000

struct fr_doc {
    char *name;
    fr_node *root;
    size_t n_nodes;
};

typedef struct {
    yaml_parser_t yaml;
    fr_doc *doc;
    fr_err *err;
} reader;

static void node_free(fr_node *node)
{
    if (node == NULL)
        return;
    for (size_t i = 0; i < node->n; i++)
        node_free(node->at[i]);
    free(node->at);
    free((char *)node->key);
    free((char *)node->text);
    free(node);
}

void fr_doc_free(fr_doc *doc)
{
    if (doc == NULL)
        return;
    node_free(doc->root);
    free(doc->name);
    free(doc);
}

const fr_node *fr_doc_root(const fr_doc *doc)
{
    return doc->root;
}

static int fail_at(reader *r, yaml_mark_t mark, const char *what)
{
    return fr_fail(r->err, FR_E_USAGE, "Mend the file at that line and column.", "%s:%zu:%zu: %s",
                   r->doc->name, mark.line + 1, mark.column + 1, what);
}

static int next_event(reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->yaml, event))
        return 0;
    char what[256];
    snprintf(what, sizeof(what), "not YAML: %s%s%s",
             r->yaml.problem != NULL ? r->yaml.problem : "cannot read it",
             r->yaml.context != NULL ? " " : "", r->yaml.context != NULL ? r->yaml.context : "");
    return fail_at(r, r->yaml.problem_mark, what);
}

static fr_node *node_new(reader *r, fr_node_kind kind, yaml_mark_t mark)
{
    fr_node *node = FR_NEW(fr_node);
    *node = (fr_node){ .kind = kind,
                       .line = (int)mark.line + 1,
                       .column = (int)mark.column + 1,
                       .file = r->doc->name };
    r->doc->n_nodes++;
    return node;
}

static int read_node(reader *r, yaml_event_t *first, int depth, fr_node **out);

/* A map's key: a scalar, not there twice. Owned. */
static int take_key(reader *r, const yaml_event_t *event, const fr_node *map, char **key)
{
    if (event->type != YAML_SCALAR_EVENT)
        return fail_at(r, event->start_mark, "a key must be plain text");
    const char *text = (const char *)event->data.scalar.value;
    if (fr_node_get(map, text) != NULL) {
        char what[160];
        snprintf(what, sizeof(what), "%.100s: this key stands here twice", text);
        return fail_at(r, event->start_mark, what);
    }
    *key = fr_dup(text);
    return 0;
}

static int read_children(reader *r, fr_node *parent, int depth)
{
    bool map = parent->kind == FR_NODE_MAP;
    yaml_event_type_t end = map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    size_t cap = 0;
    for (;;) {
        yaml_event_t event;
        FR_TRY(next_event(r, &event));
        if (event.type == end) {
            yaml_event_delete(&event);
            return 0;
        }
        char *key = NULL;
        yaml_mark_t mark = event.start_mark;
        if (map) {
            int rc = take_key(r, &event, parent, &key);
            yaml_event_delete(&event);
            if (rc == 0)
                rc = next_event(r, &event);
            if (rc != 0) {
                free(key);
                return rc;
            }
        }
        fr_node *child = NULL;
        int rc = read_node(r, &event, depth + 1, &child);
        yaml_event_delete(&event);
        if (rc != 0) {
            free(key);
            node_free(child);
            return rc;
        }
        child->key = key;
        child->key_line = map ? (int)mark.line + 1 : 0;
        child->key_column = map ? (int)mark.column + 1 : 0;
        FR_GROW(parent->at, parent->n, cap);
        parent->at[parent->n++] = child;
    }
}

static int read_node(reader *r, yaml_event_t *first, int depth, fr_node **out)
{
    if (depth > LIMIT_DEPTH)
        return fail_at(r, first->start_mark, "nested deeper than 64 levels");
    if (r->doc->n_nodes >= LIMIT_NODES)
        return fail_at(r, first->start_mark, "more than 1,000,000 values");
    switch (first->type) {
    case YAML_SCALAR_EVENT:
        if (memchr(first->data.scalar.value, '\0', first->data.scalar.length) != NULL)
            return fail_at(r, first->start_mark, "a NUL character is not allowed");
        *out = node_new(r, FR_NODE_SCALAR, first->start_mark);
        (*out)->text = fr_dup((const char *)first->data.scalar.value);
        (*out)->quoted = first->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        return 0;
    case YAML_SEQUENCE_START_EVENT:
        *out = node_new(r, FR_NODE_LIST, first->start_mark);
        return read_children(r, *out, depth);
    case YAML_MAPPING_START_EVENT:
        *out = node_new(r, FR_NODE_MAP, first->start_mark);
        return read_children(r, *out, depth);
    case YAML_ALIAS_EVENT:
        return fail_at(r, first->start_mark, "aliases (*name) are not allowed: write it out");
    default:
        return fail_at(r, first->start_mark, "the file is empty");
    }
}

/* Stream start, document start, the root, and nothing behind it. */
static int read_document(reader *r)
{
    yaml_event_t event;
    for (int i = 0; i < 2; i++) {
        FR_TRY(next_event(r, &event));
        bool over = event.type == YAML_STREAM_END_EVENT;
        yaml_mark_t mark = event.start_mark;
        yaml_event_delete(&event);
        if (over)
            return fail_at(r, mark, "the file is empty");
    }
    FR_TRY(next_event(r, &event));
    int rc = read_node(r, &event, 0, &r->doc->root);
    yaml_event_delete(&event);
    FR_TRY(rc);
    for (yaml_event_type_t type = YAML_NO_EVENT; type != YAML_STREAM_END_EVENT;) {
        FR_TRY(next_event(r, &event));
        type = event.type;
        yaml_mark_t mark = event.start_mark;
        yaml_event_delete(&event);
        if (type == YAML_DOCUMENT_START_EVENT)
            return fail_at(r, mark, "a second document begins here; only one is read");
    }
    return 0;
}

int fr_doc_parse(const char *text, size_t n, const char *name, fr_doc **out, fr_err *err)
{
    reader r = { .doc = FR_NEW(fr_doc), .err = err };
    r.doc->name = fr_dup(name);
    if (!yaml_parser_initialize(&r.yaml)) {
        fr_doc_free(r.doc);
        return fr_fail(err, FR_E_NO_MEMORY, NULL, "no memory to read '%s'", name);
    }
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, n);
    int rc = read_document(&r);
    yaml_parser_delete(&r.yaml);
    if (rc != 0)
        fr_doc_free(r.doc);
    else
        *out = r.doc;
    return rc;
}

int fr_doc_load(const char *path, fr_doc **out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    FR_TRY(fr_file_read(path, LIMIT_BYTES, &text, err));
    return fr_doc_parse(fr_buf_text(&text), text.n, path, out, err);
}

int fr_node_fail(const fr_node *node, fr_err *err, const char *hint, const char *fmt, ...)
{
    char what[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    if (node == NULL)
        return fr_fail(err, FR_E_USAGE, hint, "%s", what);
    return fr_fail(err, FR_E_USAGE, hint, "%s:%d:%d: %s%s%s", node->file, node->line, node->column,
                   node->key != NULL ? node->key : "", node->key != NULL ? ": " : "", what);
}

const fr_node *fr_node_get(const fr_node *map, const char *key)
{
    if (map == NULL || map->kind != FR_NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++) {
        if (strcmp(map->at[i]->key, key) == 0)
            return map->at[i];
    }
    return NULL;
}

/* Edit distance with swaps of neighbours (optimal string alignment), up to 63 characters. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t n = FR_MIN(strlen(a), (size_t)63), m = FR_MIN(strlen(b), (size_t)63);
    unsigned char d[64][64];
    for (size_t i = 0; i <= n; i++)
        d[i][0] = (unsigned char)i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = (unsigned char)j;
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            int differ = strncasecmp(a + i - 1, b + j - 1, 1) != 0;
            int best = d[i - 1][j - 1] + differ;
            best = FR_MIN(best, FR_MIN(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = FR_MIN(best, d[i - 2][j - 2] + 1);
            d[i][j] = (unsigned char)best;
        }
    }
    return d[n][m];
}

const char *fr_nearest(const char *word, const char *const *valid)
{
    const char *nearest = NULL;
    size_t best = FR_MAX(strlen(word) / 2, (size_t)2) + 1;
    for (; *valid != NULL; valid++) {
        size_t distance = edit_distance(word, *valid);
        if (distance < best && distance < strlen(*valid)) {
            best = distance;
            nearest = *valid;
        }
    }
    return nearest;
}

static void list_words(const char *const *words, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; words[i] != NULL && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i != 0 ? ", " : "", words[i]);
}

int fr_doc_check_keys(const fr_node *map, const char *const *valid, fr_err *err)
{
    if (map == NULL)
        return 0;
    char names[320];
    list_words(valid, names, sizeof(names));
    if (map->kind != FR_NODE_MAP)
        return fr_node_fail(map, err, NULL, "expected keys and values: %s", names);
    for (size_t i = 0; i < map->n; i++) {
        const fr_node *child = map->at[i];
        bool known = false;
        for (size_t k = 0; valid[k] != NULL && !known; k++)
            known = strcmp(child->key, valid[k]) == 0;
        if (known)
            continue;
        const char *nearest = fr_nearest(child->key, valid);
        char hint[384];
        if (nearest != NULL)
            snprintf(hint, sizeof(hint), "Did you mean '%s'?", nearest);
        else
            snprintf(hint, sizeof(hint), "Known here: %s.", names);
        fr_node at_key = *child;
        at_key.line = child->key_line;
        at_key.column = child->key_column;
        return fr_node_fail(&at_key, err, hint, "unknown key");
    }
    return 0;
}

/* The scalar child of a key, or NULL when it is absent (and not required) or null. */
static int scalar_of(const fr_node *map, const char *key, bool required, const char *expected,
                     const fr_node **out, fr_err *err)
{
    const fr_node *node = fr_node_get(map, key);
    *out = NULL;
    if (node == NULL) {
        if (!required)
            return 0;
        return fr_node_fail(map, err, NULL, "the key '%s' is missing: expected %s", key, expected);
    }
    if (node->kind != FR_NODE_SCALAR)
        return fr_node_fail(node, err, NULL, "expected %s, not a %s", expected,
                            node->kind == FR_NODE_LIST ? "list" : "group of keys");
    bool null = !node->quoted && (strcmp(node->text, "") == 0 || strcmp(node->text, "~") == 0 ||
                                  strcmp(node->text, "null") == 0);
    if (null && required)
        return fr_node_fail(node, err, NULL, "expected %s, but nothing stands there", expected);
    if (!null)
        *out = node;
    return 0;
}

int fr_doc_get_text(const fr_node *map, const char *key, bool required, const char **out,
                    fr_err *err)
{
    const fr_node *node = NULL;
    FR_TRY(scalar_of(map, key, required, "text", &node, err));
    if (node != NULL)
        *out = node->text;
    return 0;
}

int fr_doc_get_f64(const fr_node *map, const char *key, bool required, double *out, fr_err *err)
{
    const fr_node *node = NULL;
    FR_TRY(scalar_of(map, key, required, "a number", &node, err));
    if (node == NULL)
        return 0;
    double value = 0;
    if (node->quoted || !fr_str_to_f64(fr_str_of(node->text), &value) || !(value - value == 0))
        return fr_node_fail(node, err, NULL, "expected a number, found '%.60s'", node->text);
    *out = value;
    return 0;
}

int fr_doc_get_i64(const fr_node *map, const char *key, bool required, long long *out, fr_err *err)
{
    const fr_node *node = NULL;
    FR_TRY(scalar_of(map, key, required, "a whole number", &node, err));
    if (node != NULL && (node->quoted || !fr_str_to_i64(fr_str_of(node->text), out)))
        return fr_node_fail(node, err, NULL, "expected a whole number, found '%.60s'", node->text);
    return 0;
}

int fr_doc_get_bool(const fr_node *map, const char *key, bool required, bool *out, fr_err *err)
{
    const fr_node *node = NULL;
    FR_TRY(scalar_of(map, key, required, "true or false", &node, err));
    if (node == NULL)
        return 0;
    if (node->quoted || (strcmp(node->text, "true") != 0 && strcmp(node->text, "false") != 0))
        return fr_node_fail(node, err, NULL, "expected true or false, found '%.60s'", node->text);
    *out = node->text[0] == 't';
    return 0;
}

int fr_doc_get_word(const fr_node *map, const char *key, bool required, const char *const *words,
                    int *out, fr_err *err)
{
    char names[256];
    list_words(words, names, sizeof(names));
    const fr_node *node = NULL;
    FR_TRY(scalar_of(map, key, required, names, &node, err));
    if (node == NULL)
        return 0;
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(node->text, words[i]) == 0) {
            *out = i;
            return 0;
        }
    }
    const char *nearest = fr_nearest(node->text, words);
    char hint[384];
    snprintf(hint, sizeof(hint), "Did you mean '%s'?", nearest != NULL ? nearest : "");
    return fr_node_fail(node, err, nearest != NULL ? hint : NULL,
                        "expected one of %s, found '%.60s'", names, node->text);
}
