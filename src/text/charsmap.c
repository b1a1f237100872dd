/* What a character, or some characters together, are replaced by before a text is cut into pieces:
 * the table that SentencePiece compiles into a model (precompiled_charsmap).
 *
 *     0      4  n, bytes of the tree
 *     4      n  a double-array tree (Aoe 1989) of 32-bit units, the texts that are replaced
 *     4+n       the replacements, each with a zero behind
 *
 * A unit: bit 31 and the low byte are the label (bit 31: a value, no label), bit 8 tells that a
 * text ends here, bits 10-30 and 9 how far the children are. The value, bits 0-30 of the unit
 * there, is where the replacement begins. Numbers are little endian. Nothing of it is trusted. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/text_priv.h"

struct fr_charsmap {
    uint32_t *units;
    size_t n_units;
    char *texts; /* ends with a zero */
    size_t n_texts;
};

int fr_charsmap_new(const uint8_t *bytes, size_t n, fr_charsmap **out, fr_err *err)
{
    uint32_t tree = 0;
    *out = NULL;
    for (size_t i = 0; i < 4 && n >= 4; i++)
        tree |= (uint32_t)bytes[i] << 8 * i;
    if (n < 4 || tree > n - 4 || tree % 4 != 0 || tree == 0)
        return fr_fail(err, FR_E_FORMAT, "The model file is damaged.",
                       "the table of replaced characters has %zu bytes and a tree of %u", n, tree);
    fr_charsmap *m = FR_NEW(fr_charsmap);
    m->n_units = tree / 4;
    m->units = FR_NEW_N(uint32_t, m->n_units);
    for (size_t i = 0; i < tree; i++)
        m->units[i / 4] |= (uint32_t)bytes[4 + i] << 8 * (i % 4);
    m->n_texts = n - 4 - tree;
    m->texts = FR_NEW_N(char, m->n_texts + 1);
    if (m->n_texts > 0)
        memcpy(m->texts, bytes + 4 + tree, m->n_texts);
    *out = m;
    return 0;
}

void fr_charsmap_free(fr_charsmap *m)
{
    if (m == NULL)
        return;
    free(m->units);
    free(m->texts);
    free(m);
}

static uint32_t children_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

size_t fr_charsmap_longest(const fr_charsmap *m, fr_str text, fr_str *replacement)
{
    size_t longest = 0;
    uint32_t at = children_of(m->units[0]);
    for (size_t i = 0; i < text.n; i++) {
        at ^= (unsigned char)text.at[i];
        if (at >= m->n_units || (m->units[at] & (1u << 31 | 0xFF)) != (unsigned char)text.at[i])
            break;
        const uint32_t unit = m->units[at];
        at ^= children_of(unit);
        if ((unit >> 8 & 1) == 0)
            continue;
        if (at >= m->n_units)
            break;
        const uint32_t value = m->units[at] & ~(1u << 31);
        if (value >= m->n_texts)
            break;
        longest = i + 1;
        *replacement = fr_str_of(m->texts + value);
    }
    return longest;
}
