/* Examples that stand in a template as text: blocks, parted by blank lines, whose lines begin with
 * the same heads as those of the last one, which holds the fields:
 *
 *     Labels: refund, lost card
 *     Text: my money please          from here …
 *     Label: refund
 *                                    … to here is one
 *     Text: {text}
 *     Label:
 */
#include <ctype.h>
#include <string.h>

#include "prompt/prompt_file_priv.h"

enum { MOST_HEADS = 16 };

typedef struct {
    fr_str name[MOST_HEADS];
    size_t at[MOST_HEADS]; /* where its line begins */
    size_t n;
} heads;

static void heads_of(fr_str text, size_t from, size_t to, heads *out)
{
    out->n = 0;
    for (size_t i = from; i < to && out->n < MOST_HEADS;) {
        const char *end = memchr(text.at + i, '\n', to - i);
        size_t line_end = end != NULL ? (size_t)(end - text.at) : to, n = i;
        while (n < line_end && (isalnum((unsigned char)text.at[n]) || text.at[n] == '_'))
            n++;
        if (n > i && n < line_end && text.at[n] == ':') {
            out->name[out->n] = (fr_str){ text.at + i, n - i };
            out->at[out->n++] = i;
        }
        i = line_end + 1;
    }
}

/* Whether a block ends with all the heads of the last one; then from is where the first stands. */
static bool is_like(const heads *block, const heads *last, size_t *from)
{
    if (block->n < last->n)
        return false;
    size_t before = block->n - last->n;
    for (size_t i = 0; i < last->n; i++)
        if (!fr_str_equal(block->name[before + i], last->name[i]))
            return false;
    *from = block->at[before];
    return true;
}

size_t fr_template_shots(fr_str text, fr_template_shot *out, size_t most)
{
    size_t begin = 0, last = 0, at = 0, n = 0;
    while (fr_str_find((fr_str){ text.at + last, text.n - last }, FR_STR("\n\n"), &at) &&
           last + at + 2 < text.n)
        last += at + 2;
    heads wanted, block;
    heads_of(text, last, text.n, &wanted);
    if (wanted.n < 2 || memchr(text.at + last, '{', text.n - last) == NULL)
        return 0;
    while (begin < last && n < most) {
        size_t from = 0;
        fr_str_find((fr_str){ text.at + begin, text.n - begin }, FR_STR("\n\n"), &at);
        size_t end = begin + at;
        heads_of(text, begin, end, &block);
        if (memchr(text.at + begin, '{', end - begin) == NULL && is_like(&block, &wanted, &from))
            out[n++] = (fr_template_shot){ from, end + 2 };
        begin = end + 2;
    }
    return n;
}
