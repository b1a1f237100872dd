/* Any bytes read as a model card or a leaderboard give an entry that can be written and read again
 * to the same JSON, or an error that says what is wrong and nothing else. */
#include <stdint.h>
#include <stdlib.h>

#include "catalog/card.h"

static void check_entry(const fr_catalog_entry *e)
{
    if (e->name == NULL)
        abort();
    for (size_t i = 0; i < e->n_scores; i++) {
        if (e->scores[i].benchmark == NULL || e->scores[i].value - e->scores[i].value != 0)
            abort();
    }
    json_t *o = fr_catalog_entry_json(e);
    char *text = json_dumps(o, JSON_COMPACT);
    if (text == NULL)
        abort();
    free(text);
    json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    fr_str text = { (const char *)bytes, n };
    fr_catalog_entry e;
    fr_err err = { 0 };
    if (fr_card_parse(text, "fuzz/README.md", &e, &err) == 0) {
        check_entry(&e);
        fr_catalog_entry_fini(&e);
    } else if (err.what[0] == '\0') {
        abort();
    }
    FR_AUTO(fr_catalog) c = { 0 };
    size_t n_models = 0;
    err = (fr_err){ 0 };
    int rc = fr_leaderboard_parse(text, "fuzz.csv", &c, &n_models, &err);
    if (rc != 0 && (c.n != 0 || err.what[0] == '\0'))
        abort();
    for (size_t i = 0; i < c.n; i++)
        check_entry(&c.at[i]);
    return 0;
}
