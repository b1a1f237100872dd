/* Any bytes read as YAML or JSON give a tree or an error with its place; getters never crash. */
#include <stdint.h>
#include <stdlib.h>

#include "base/doc.h"

static void visit(const fr_node *node)
{
    static const char *const WORDS[] = { "a", "target", NULL };
    const char *text = NULL;
    double f64;
    long long i64;
    bool flag;
    int word;
    if (node->kind == FR_NODE_NONE || node->line < 1 || node->column < 1)
        abort();
    fr_doc_check_keys(node, WORDS, NULL);
    for (size_t i = 0; i < node->n; i++) {
        if (node->kind == FR_NODE_MAP) {
            fr_err err = { 0 };
            const char *key = node->at[i]->key;
            if (fr_node_get(node, key) == NULL)
                abort();
            fr_doc_get_text(node, key, true, &text, &err);
            fr_doc_get_f64(node, key, true, &f64, &err);
            fr_doc_get_i64(node, key, false, &i64, &err);
            fr_doc_get_bool(node, key, true, &flag, &err);
            fr_doc_get_word(node, key, true, WORDS, &word, &err);
        }
        visit(node->at[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_doc *doc = NULL;
    fr_err err = { 0 };
    if (fr_doc_parse((const char *)bytes, n, "fuzz.yaml", &doc, &err) == 0)
        visit(fr_doc_root(doc));
    else if (err.what[0] == '\0')
        abort();
    fr_doc_free(doc);
    return 0;
}
