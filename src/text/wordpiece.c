/* WordPiece as BERT has it (Devlin et al. 2018, arXiv:1810.04805): a text is cleaned (controls
 * dropped, every space a blank), cut at blanks, punctuation and CJK ideographs, accents and case
 * are taken off where the vocabulary has none, and each word is written with the longest pieces,
 * from the left. A word that cannot be, or has more than 100 characters, is one unknown token.
 *
 * A piece that begins a word is another than the same letters inside one: in GGUF files the first
 * is marked with U+2581, in Hugging Face's the second with "##". */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "text/text_priv.h"
#include "text/utf8.h"

enum { WORD_CHARACTERS_MOST = 100 };

static const fr_str GGUF_MARK = { "\xE2\x96\x81", 3 }, HF_MARK = { "##", 2 };

/* ---- preparing ------------------------------------------------------------------------------- */

/* Whether the vocabulary marks what continues a word ("##"), not what begins one. */
static bool marks_insides(const fr_tokenizer *t)
{
    size_t begins = 0, insides = 0;
    for (size_t i = 0; i < t->n; i++) {
        begins += fr_str_starts(t->raw[i], GGUF_MARK) && t->raw[i].n > GGUF_MARK.n ? 1 : 0;
        insides += fr_str_starts(t->raw[i], HF_MARK) && t->raw[i].n > HF_MARK.n ? 1 : 0;
    }
    return insides > begins;
}

void fr_wordpiece_prepare(fr_tokenizer *t)
{
    const bool by_insides = marks_insides(t);
    const fr_str mark = by_insides ? HF_MARK : GGUF_MARK;
    fr_trie_text *texts[2] = { FR_NEW_N(fr_trie_text, t->n), FR_NEW_N(fr_trie_text, t->n) };
    size_t n[2] = { 0, 0 };
    for (size_t i = 0; i < t->n; i++) {
        fr_str text = t->raw[i];
        if (t->types[i] != FR_TOKEN_NORMAL && t->types[i] != FR_TOKEN_NONE)
            continue;
        const bool marked = fr_str_starts(text, mark) && text.n > mark.n;
        const size_t inside = marked == by_insides ? 1 : 0;
        if (marked)
            text = (fr_str){ text.at + mark.n, text.n - mark.n };
        if (text.n > 0)
            texts[inside][n[inside]++] = (fr_trie_text){ text, (int32_t)i };
    }
    for (size_t i = 0; i < 2; i++) {
        t->tries[i] = fr_trie_new(texts[i], n[i]);
        free(texts[i]);
    }
}

/* What a token is in a text: a blank and its letters, or its letters alone. At most a byte longer
 * than what is in the file. */
size_t fr_wordpiece_piece(bool by_insides, fr_str raw, char *out)
{
    const fr_str mark = by_insides ? HF_MARK : GGUF_MARK;
    const bool marked = fr_str_starts(raw, mark) && raw.n > mark.n;
    size_t n = 0;
    if (marked != by_insides)
        out[n++] = ' ';
    if (marked)
        raw = (fr_str){ raw.at + mark.n, raw.n - mark.n };
    memcpy(out + n, raw.at, raw.n);
    return n + raw.n;
}

bool fr_wordpiece_marks_insides(const fr_tokenizer *t)
{
    return t->kind == FR_VOCAB_WORDPIECE && marks_insides(t);
}

/* ---- characters ------------------------------------------------------------------------------ */

static utf8proc_category_t category(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

/* The White_Space property. */
static bool is_blank(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

static bool is_dropped(uint32_t c)
{
    if (c == '\t' || c == '\n' || c == '\r')
        return false;
    switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
        return true;
    default:
        return c == 0 || c == 0xFFFD;
    }
}

static bool is_punctuation(uint32_t c)
{
    if (c < 0x80)
        return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
               (c >= '{' && c <= '~');
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

/* The blocks of ideographs that BERT's own code lists. */
static bool is_ideograph(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

/* ---- from a text to clean characters --------------------------------------------------------- */

typedef struct {
    uint32_t *at;
    size_t n, cap;
} characters;

static void put(characters *cs, uint32_t c)
{
    FR_GROW(cs->at, cs->n, cs->cap);
    cs->at[cs->n++] = c;
}

static int combining_class(uint32_t c)
{
    return utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

/* Marks behind a letter in the canonical order, equals as they stood; a run may be as long as the
 * text, so they are counted, not swapped. */
static void order_marks(uint32_t *at, size_t n)
{
    size_t from[257] = { 0 };
    for (size_t i = 0; i < n; i++)
        from[combining_class(at[i]) + 1]++;
    for (size_t class = 0; class < 256; class ++)
        from[class + 1] += from[class];
    uint32_t *ordered = FR_NEW_N(uint32_t, n);
    for (size_t i = 0; i < n; i++)
        ordered[from[combining_class(at[i])]++] = at[i];
    memcpy(at, ordered, n * sizeof(*at));
    free(ordered);
}

static void order_all_marks(characters *cs)
{
    for (size_t i = 0, end; i < cs->n; i = end) {
        end = i + 1;
        if (combining_class(cs->at[i]) == 0)
            continue;
        while (end < cs->n && combining_class(cs->at[end]) != 0)
            end++;
        if (end - i > 1)
            order_marks(cs->at + i, end - i);
    }
}

static void put_decomposed(characters *cs, uint32_t c)
{
    utf8proc_int32_t parts[32];
    int class = 0;
    utf8proc_ssize_t n = c < 0x80 ? 0
                                  : utf8proc_decompose_char((utf8proc_int32_t)c, parts, 32,
                                                            UTF8PROC_DECOMPOSE, &class);
    if (n <= 0 || n > 32) {
        put(cs, c);
        return;
    }
    for (utf8proc_ssize_t i = 0; i < n; i++)
        put(cs, (uint32_t)parts[i]);
}

static void take_accents_off(characters *cs)
{
    size_t n = 0;
    order_all_marks(cs);
    for (size_t i = 0; i < cs->n; i++)
        if (cs->at[i] < 0x80 || category(cs->at[i]) != UTF8PROC_CATEGORY_MN)
            cs->at[n++] = cs->at[i];
    cs->n = n;
}

/* Lower case as each character has it by itself. */
static void put_lower(characters *cs, uint32_t c)
{
    if (c == 0x130) { /* the one character whose lower case is two */
        put(cs, 'i');
        put(cs, 0x307);
        return;
    }
    put(cs, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
}

static void clean(const fr_tokenizer *t, fr_str text, characters *out)
{
    characters raw = { 0 };
    size_t step = 0;
    for (size_t i = 0; i < text.n; i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
        if (is_dropped(c))
            continue;
        c = is_blank(c) ? ' ' : c;
        const bool alone = is_ideograph(c);
        if (alone)
            put(&raw, ' ');
        if (t->keep_accents)
            put(&raw, c);
        else
            put_decomposed(&raw, c);
        if (alone)
            put(&raw, ' ');
    }
    if (!t->keep_accents)
        take_accents_off(&raw);
    for (size_t i = 0; i < raw.n; i++)
        if (t->keep_case)
            put(out, raw.at[i]);
        else
            put_lower(out, raw.at[i]);
    free(raw.at);
}

/* ---- words to pieces ------------------------------------------------------------------------- */

static void put_unknown(const fr_tokenizer *t, fr_ids *ids)
{
    if (t->unk >= 0)
        fr_ids_put(ids, t->unk);
}

static void encode_word(const fr_tokenizer *t, const uint32_t *word, size_t n, fr_ids *ids)
{
    char text[WORD_CHARACTERS_MOST * 4];
    size_t bytes = 0, from = 0;
    const size_t n_before = ids->n;
    if (n > WORD_CHARACTERS_MOST) {
        put_unknown(t, ids);
        return;
    }
    for (size_t i = 0; i < n; i++)
        bytes += fr_utf8_put(word[i], text + bytes);
    while (from < bytes) {
        const fr_trie *trie = t->tries[from > 0];
        int32_t best = -1, id = -1;
        size_t best_end = from;
        uint32_t at = 0;
        for (size_t i = from; i < bytes && (at = fr_trie_step(trie, at, text[i], &id)) != 0; i++)
            if (id >= 0) {
                best = id;
                best_end = i + 1;
            }
        if (best < 0) {
            ids->n = n_before;
            put_unknown(t, ids);
            return;
        }
        fr_ids_put(ids, best);
        from = best_end;
    }
}

int fr_wordpiece_encode(const fr_tokenizer *t, fr_str text, fr_ids *ids, fr_err *err)
{
    characters cs = { 0 };
    (void)err;
    clean(t, text, &cs);
    for (size_t i = 0, end; i < cs.n; i = end) {
        end = i + 1;
        if (is_blank(cs.at[i]))
            continue;
        while (!is_punctuation(cs.at[i]) && end < cs.n && !is_blank(cs.at[end]) &&
               !is_punctuation(cs.at[end]))
            end++;
        encode_word(t, cs.at + i, end - i, ids);
    }
    free(cs.at);
    return 0;
}
