/* A schema is refused or becomes a grammar whose text, walked shortest way first, is JSON as soon
 * as it is complete, and never hangs. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "text/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* what closes comes first */
    static const char ORDER[] = "\"]}0123456789aelnrstuf:,-T.Z+{[ bcdghijkmopqvwxyz@_\\/\xC3\xA9";
    fr_grammar *g = NULL;
    if (size > 4096 || fr_schema_parse((fr_str){ (const char *)data, size }, &g, NULL) != 0)
        return 0;
    fr_matcher *m = fr_matcher_new(g);
    fr_buf text = { 0 };
    for (size_t round = 0; round < 400; round++) {
        bool went = false;
        if (fr_matcher_is_complete(m)) {
            json_t *v = json_loadb(text.at, text.n, JSON_DECODE_ANY, NULL);
            if (v == NULL)
                abort();
            json_decref(v);
            if (round % 2 == 0)
                break;
        }
        for (size_t i = 0; i < sizeof(ORDER) - 1 && !went; i++) {
            went = fr_matcher_take(m, (fr_str){ ORDER + i, 1 });
            if (went)
                fr_buf_put_c(&text, ORDER[i]);
        }
        if (!went)
            break;
    }
    fr_buf_fini(&text);
    fr_matcher_free(m);
    fr_grammar_free(g);
    return 0;
}
