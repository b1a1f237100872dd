/* A text as words and runs of characters inside words, in lower case. */
#include <stdlib.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "classic/classic_priv.h"
#include "text/utf8.h"

typedef enum { CHAR_SPACE, CHAR_MARK, CHAR_WORD, CHAR_ALONE } char_kind;

/* Scripts that are written without spaces: each character is a word, so that two make a bigram. */
static bool stands_alone(uint32_t c)
{
    return (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) ||
           (c >= 0x1780 && c <= 0x17FF) || (c >= 0x3040 && c <= 0x30FF) ||
           (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

static char_kind kind_of(uint32_t c)
{
    if (c < 0x80) {
        bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        return letter ? CHAR_WORD : c <= 0x20 || c == 0x7F ? CHAR_SPACE : CHAR_MARK;
    }
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    if (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_CC)
        return CHAR_SPACE;
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO)
        return stands_alone(c) ? CHAR_ALONE : CHAR_WORD;
    return CHAR_MARK;
}

/* The text in lower case: bytes, and for each character where it begins and what it is. */
typedef struct {
    fr_buf bytes;
    uint32_t *begin; /* [n + 1] */
    uint8_t *kind;   /* [n] */
    size_t n;
} lowered;

static void lower(fr_str text, lowered *l)
{
    l->begin = FR_NEW_N(uint32_t, text.n + 1);
    l->kind = FR_NEW_N(uint8_t, text.n + 1);
    size_t step = 0;
    for (size_t i = 0; i < text.n; i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
        char bytes[4];
        l->begin[l->n] = (uint32_t)l->bytes.n;
        l->kind[l->n++] = (uint8_t)kind_of(c);
        fr_buf_put(&l->bytes, bytes,
                   fr_utf8_put((uint32_t)utf8proc_tolower((utf8proc_int32_t)c), bytes));
    }
    l->begin[l->n] = (uint32_t)l->bytes.n;
}

static fr_str chars(const lowered *l, size_t first, size_t end)
{
    return (fr_str){ l->bytes.at + l->begin[first], l->begin[end] - l->begin[first] };
}

typedef struct {
    fr_buf gram;
    gram_fn fn;
    void *user;
} teller;

static void tell_words(const lowered *l, int words_max, teller *t)
{
    /* where the last words began and ended */
    size_t *at = FR_NEW_N(size_t, 2 * (l->n + 1));
    size_t n = 0;
    for (size_t i = 0; i < l->n;) {
        size_t first = i++;
        if (l->kind[first] < CHAR_WORD)
            continue;
        while (l->kind[first] == CHAR_WORD && i < l->n && l->kind[i] == CHAR_WORD)
            i++;
        at[2 * n] = first;
        at[2 * n + 1] = i;
        n++;
        for (size_t words = 1; words <= (size_t)words_max && words <= n; words++) {
            fr_buf_clear(&t->gram);
            fr_buf_put_c(&t->gram, 'w');
            for (size_t w = n - words; w < n; w++) {
                if (w > n - words)
                    fr_buf_put_c(&t->gram, ' ');
                fr_buf_put_str(&t->gram, chars(l, at[2 * w], at[2 * w + 1]));
            }
            t->fn(t->user, fr_buf_str(&t->gram));
        }
    }
    free(at);
}

/* Grams of `size` characters of " word "; a word shorter than that is told once, whole. */
static bool tell_chars_of(const lowered *l, size_t first, size_t end, size_t size, teller *t)
{
    size_t padded = end - first + 2;
    for (size_t i = 0; i == 0 || i + size <= padded; i++) {
        size_t stop = FR_MIN(i + size, padded);
        fr_buf_clear(&t->gram);
        fr_buf_put_c(&t->gram, 'c');
        if (i == 0)
            fr_buf_put_c(&t->gram, ' ');
        fr_buf_put_str(&t->gram,
                       chars(l, first + (i > 0 ? i - 1 : 0), FR_MIN(first + stop - 1, end)));
        if (stop == padded)
            fr_buf_put_c(&t->gram, ' ');
        t->fn(t->user, fr_buf_str(&t->gram));
    }
    return size < padded;
}

static void tell_chars(const lowered *l, gram_shape shape, teller *t)
{
    for (size_t i = 0; i < l->n;) {
        size_t first = i++;
        if (l->kind[first] == CHAR_SPACE)
            continue;
        while (i < l->n && l->kind[i] != CHAR_SPACE)
            i++;
        for (int size = shape.chars_min; size <= shape.chars_max; size++) {
            if (!tell_chars_of(l, first, i, (size_t)size, t))
                break;
        }
    }
}

void grams_each(gram_shape shape, fr_str text, gram_fn fn, void *user)
{
    lowered l = { 0 };
    teller t = { .fn = fn, .user = user };
    lower(text, &l);
    tell_words(&l, shape.words_max, &t);
    if (shape.chars_max > 0)
        tell_chars(&l, shape, &t);
    fr_buf_fini(&t.gram);
    fr_buf_fini(&l.bytes);
    free(l.begin);
    free(l.kind);
}
