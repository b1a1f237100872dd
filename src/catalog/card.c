/*
 * A model card:
 *
 *     ---                                  first line
 *     license: apache-2.0                  or a list; other: license_name says which
 *     language: [en, de]                   or one text
 *     tags: [code]                         pipeline_tag: text-generation
 *     base_model: org/name                 or a list: the first counts
 *     datasets: [org/name]
 *     co2_eq_emissions: 12.5               grams; or {emissions: 12.5, …}
 *     model-index:
 *       - name: my-model
 *         results:
 *           - dataset: {name: SQuAD}
 *             metrics: [{type: f1, value: 88.5}]
 *     ---                                  then Markdown, which is not read
 */
#include "catalog/card.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"

#define CARD_MOST_BYTES ((size_t)4 << 20)
#define SCORES_MOST     2000

/* The text between the two lines of ---; false: there is none. */
static bool front_matter(fr_str bytes, fr_str *out)
{
    static const char BOM[] = "\xef\xbb\xbf";
    if (fr_str_starts(bytes, fr_str_of(BOM)))
        bytes = (fr_str){ bytes.at + 3, bytes.n - 3 };
    fr_str rest = bytes, line;
    if (!fr_str_next(&rest, '\n', &line) || !fr_str_is(fr_str_trim(line), "---"))
        return false;
    while (fr_str_next(&rest, '\n', &line)) {
        if (fr_str_is(fr_str_trim(line), "---")) {
            *out = (fr_str){ bytes.at, (size_t)(line.at - bytes.at) }; /* lines keep their number */
            return true;
        }
    }
    return false;
}

static const char *first_text(const fr_node *node)
{
    if (node != NULL && node->kind == FR_NODE_LIST && node->n != 0)
        node = node->at[0];
    return node != NULL && node->kind == FR_NODE_SCALAR && node->text[0] != '\0' ? node->text
                                                                                 : NULL;
}

/* One text, or a list of them. */
static void take_words(const fr_node *node, fr_words *out)
{
    if (node == NULL)
        return;
    if (node->kind == FR_NODE_SCALAR)
        fr_words_put(out, fr_str_of(node->text));
    for (size_t i = 0; node->kind == FR_NODE_LIST && i < node->n && i < 1000; i++) {
        if (node->at[i]->kind == FR_NODE_SCALAR)
            fr_words_put(out, fr_str_of(node->at[i]->text));
    }
}

static bool number_of(const fr_node *node, double *out)
{
    return node != NULL && node->kind == FR_NODE_SCALAR &&
           fr_str_to_f64(fr_str_trim(fr_str_of(node->text)), out) && isfinite(*out);
}

static const char *either(const fr_node *map, const char *first, const char *second)
{
    const char *text = first_text(fr_node_get(map, first));
    return text != NULL ? text : first_text(fr_node_get(map, second));
}

static void take_result(const fr_node *result, const char *source, fr_catalog_entry *e)
{
    const char *benchmark = either(fr_node_get(result, "dataset"), "name", "type");
    if (benchmark == NULL)
        benchmark = either(fr_node_get(result, "task"), "name", "type");
    const fr_node *metrics = fr_node_get(result, "metrics");
    for (size_t i = 0; metrics != NULL && metrics->kind == FR_NODE_LIST && i < metrics->n; i++) {
        double value = NAN;
        const fr_node *m = metrics->at[i];
        if (benchmark != NULL && e->n_scores < SCORES_MOST &&
            number_of(fr_node_get(m, "value"), &value))
            fr_catalog_entry_put_score(e, benchmark, either(m, "type", "name"), value,
                                       first_text(fr_node_get(m, "date")), source);
    }
}

static void take_index(const fr_node *index, const char *source, fr_catalog_entry *e)
{
    for (size_t i = 0; index != NULL && index->kind == FR_NODE_LIST && i < index->n; i++) {
        const fr_node *results = fr_node_get(index->at[i], "results");
        for (size_t k = 0; results != NULL && results->kind == FR_NODE_LIST && k < results->n; k++)
            take_result(results->at[k], source, e);
    }
}

static char *name_of(const fr_node *root, const char *file)
{
    const char *name = first_text(fr_node_get(root, "model_name"));
    const fr_node *index = fr_node_get(root, "model-index");
    if (name == NULL && index != NULL && index->kind == FR_NODE_LIST && index->n != 0)
        name = first_text(fr_node_get(index->at[0], "name"));
    if (name != NULL)
        return fr_dup(name);
    char *dir = fr_path_dir(file), *real = realpath(dir, NULL);
    const char *slash = strrchr(real != NULL ? real : dir, '/');
    char *out = fr_dup(slash != NULL && slash[1] != '\0' ? slash + 1 : file);
    free(dir);
    free(real);
    return out;
}

static void take_license(const fr_node *root, fr_catalog_entry *e)
{
    const char *license = first_text(fr_node_get(root, "license"));
    const char *own = first_text(fr_node_get(root, "license_name"));
    if (own != NULL && (license == NULL || strcmp(license, "other") == 0))
        license = own;
    if (license != NULL)
        e->license = fr_dup(license);
}

int fr_card_parse(fr_str bytes, const char *name, fr_catalog_entry *out, fr_err *err)
{
    FR_AUTOPTR(fr_doc) doc = NULL;
    fr_str front = { 0 };
    if (bytes.n > CARD_MOST_BYTES)
        return fr_fail(err, FR_E_LIMIT, "A card is a few kilobytes of text.",
                       "'%s' is larger than %zu bytes", name, CARD_MOST_BYTES);
    if (!front_matter(bytes, &front))
        return fr_fail(err, FR_E_FORMAT,
                       "A card begins with a line of ---, then `license: …` and the like, then a "
                       "line of --- again.",
                       "'%s' has no front matter", name);
    fr_err bad = { 0 };
    if (fr_doc_parse(front.at, front.n, name, &doc, &bad) != 0)
        return fr_fail(err, FR_E_FORMAT, "Mend the card's front matter there.", "%s", bad.what);
    const fr_node *root = fr_doc_root(doc);
    if (root == NULL || root->kind != FR_NODE_MAP)
        return fr_fail(err, FR_E_FORMAT, NULL, "%s: the front matter is no list of keys", name);
    char *called = name_of(root, name);
    fr_catalog_entry_init(out, called);
    free(called);
    take_license(root, out);
    take_words(fr_node_get(root, "language"), &out->languages);
    take_words(fr_node_get(root, "tags"), &out->tags);
    take_words(fr_node_get(root, "datasets"), &out->datasets);
    const char *task = first_text(fr_node_get(root, "pipeline_tag"));
    const char *base = first_text(fr_node_get(root, "base_model"));
    out->task = fr_dup(task);
    out->base_model = fr_dup(base);
    out->source = fr_dup(name);
    const fr_node *emitted = fr_node_get(root, "co2_eq_emissions");
    if (emitted != NULL && emitted->kind == FR_NODE_MAP)
        emitted = fr_node_get(emitted, "emissions");
    number_of(emitted, &out->training_g);
    take_index(fr_node_get(root, "model-index"), name, out);
    return 0;
}

int fr_card_load(const char *path, fr_catalog_entry *out, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    FR_TRY(fr_file_read(path, CARD_MOST_BYTES, &text, err));
    return fr_card_parse(fr_buf_str(&text), path, out, err);
}
