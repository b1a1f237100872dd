/* A grammar is refused or gives a matcher that takes back every piece it allowed, and never hangs.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "text/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const fr_str PIECES[] = { { "a", 1 }, { "b", 1 },   { "ab", 2 },   { "\"", 1 },
                                     { " ", 1 }, { "{\"", 2 }, { "\xC3", 1 }, { "\xA9", 1 },
                                     { "1", 1 }, { "12", 2 },  { "\n", 1 },   { "}", 1 } };
    const size_t n = sizeof(PIECES) / sizeof(PIECES[0]);
    fr_grammar *g = NULL;
    if (size > 4096 || fr_grammar_parse((fr_str){ (const char *)data, size }, &g, NULL) != 0)
        return 0;
    fr_pieces *order = fr_pieces_new(PIECES, n);
    fr_matcher *m = fr_matcher_new(g);
    for (size_t round = 0; round < 8; round++) {
        size_t n_allowed, seen = 0;
        const uint64_t *allowed = fr_matcher_allowed(m, order, &n_allowed);
        uint64_t bits = allowed[0];
        for (size_t i = 0; i < n && bits != 0; i++) {
            if (!((bits >> i) & 1))
                continue;
            if (seen++ == round % n_allowed && !fr_matcher_take(m, PIECES[i]))
                abort();
        }
        if (bits == 0)
            break;
    }
    fr_matcher_free(m);
    fr_pieces_free(order);
    fr_grammar_free(g);
    return 0;
}
