/* Words of a text as the metrics see them: SQuAD's normalization, made Unicode aware. */
#include <string.h>
#include <utf8proc.h>

#include "quality/quality_priv.h"
#include "text/utf8.h"

/* ASCII symbols that SQuAD's script counts as punctuation (Python's string.punctuation) but that
 * Unicode files under S*. */
static bool is_ascii_symbol(uint32_t c)
{
    return c < 0x80 && c != 0 && strchr("$+<=>^`|~", (int)c) != NULL;
}

static bool is_punctuation(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO) ||
           is_ascii_symbol(c);
}

static bool is_space(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F) || c == 0x85 ||
           (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP);
}

bool quality_is_space(uint32_t c)
{
    return is_space(c);
}

bool quality_stands_alone(uint32_t c)
{
    return (c >= 0x0E00 && c <= 0x0E7F) || /* Thai */
           (c >= 0x0E80 && c <= 0x0EFF) || /* Lao */
           (c >= 0x1000 && c <= 0x109F) || /* Myanmar */
           (c >= 0x1780 && c <= 0x17FF) || /* Khmer */
           (c >= 0x3040 && c <= 0x30FF) || /* Hiragana, Katakana */
           (c >= 0x3400 && c <= 0x4DBF) || /* Han, extension A */
           (c >= 0x4E00 && c <= 0x9FFF) || /* Han */
           (c >= 0xF900 && c <= 0xFAFF) || /* Han, compatibility */
           (c >= 0x20000 && c <= 0x3FFFF); /* Han, further extensions */
}

static bool is_article(fr_str word)
{
    return fr_str_is(word, "a") || fr_str_is(word, "an") || fr_str_is(word, "the");
}

/* Ends the word that began at `begin`: an article is taken back, anything else gets a space. */
static void end_word(fr_buf *out, size_t *begin)
{
    fr_str word = { out->at + *begin, out->n - *begin };
    if (word.n > 0 && is_article(word))
        out->n = *begin;
    else if (word.n > 0)
        fr_buf_put_c(out, ' ');
    *begin = out->n;
}

void fr_answer_normalize(fr_str text, fr_buf *out)
{
    size_t first = out->n, begin = out->n, step = 0;
    for (size_t i = 0; i < text.n; i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
        char bytes[4];
        if (is_space(c)) {
            end_word(out, &begin);
        } else if (quality_stands_alone(c) && !is_punctuation(c)) {
            end_word(out, &begin);
            fr_buf_put(out, bytes, fr_utf8_put(c, bytes));
            end_word(out, &begin);
        } else if (!is_punctuation(c)) {
            fr_buf_put(out, bytes,
                       fr_utf8_put((uint32_t)utf8proc_tolower((utf8proc_int32_t)c), bytes));
        }
    }
    end_word(out, &begin);
    if (out->n > first)
        out->n--; /* the space after the last word */
    if (out->at != NULL)
        out->at[out->n] = '\0';
}

void quality_words(fr_str text, fr_buf *out)
{
    size_t first = out->n, step = 0;
    bool inside = false;
    for (size_t i = 0; i < text.n; i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
        utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
        bool letter =
            c != 0xFFFD && ((category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO));
        bool alone = letter && quality_stands_alone(c);
        if ((!letter || alone) && inside) {
            fr_buf_put_c(out, ' ');
            inside = false;
        }
        if (!letter)
            continue;
        char bytes[4];
        fr_buf_put(out, bytes, fr_utf8_put((uint32_t)utf8proc_tolower((utf8proc_int32_t)c), bytes));
        inside = !alone;
        if (alone)
            fr_buf_put_c(out, ' ');
    }
    if (out->n > first && out->at[out->n - 1] == ' ')
        out->at[--out->n] = '\0';
}
