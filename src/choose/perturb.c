#include "choose/perturb.h"

#include <ctype.h>

#include "base/random.h"

#define TYPO_EVERY   6 /* long words */
#define LONG_LETTERS 4

const char *fr_perturb_name(fr_perturbation kind)
{
    static const char *const NAMES[] = { "none",  "upper-case", "lower-case",
                                         "typos", "spaces",     "wording" };
    return NAMES[kind];
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The word of letters that begins at i: its length; 0 when it touches a digit or another script. */
static size_t word_at(fr_str text, size_t i)
{
    size_t n = 0;
    while (i + n < text.n && is_letter(text.at[i + n]))
        n++;
    unsigned char before = i > 0 ? (unsigned char)text.at[i - 1] : ' ';
    unsigned char after = i + n < text.n ? (unsigned char)text.at[i + n] : ' ';
    return isdigit(before) || isdigit(after) || before >= 0x80 || after >= 0x80 ? 0 : n;
}

static size_t count_long_words(fr_str text)
{
    size_t n_long = 0;
    for (size_t i = 0; i < text.n;) {
        size_t letters = 0;
        while (i + letters < text.n && is_letter(text.at[i + letters]))
            letters++;
        n_long += word_at(text, i) >= LONG_LETTERS;
        i += letters != 0 ? letters : 1;
    }
    return n_long;
}

/* Inner letters only: readers hardly notice those. */
static void put_swapped(fr_str word, uint64_t seed, uint64_t row, size_t at, fr_buf *out)
{
    size_t k = 1 + (size_t)fr_random_below(word.n - 3, seed, FR_RANDOM_PERTURB, row, 2 * at + 1);
    fr_buf_put(out, word.at, k);
    fr_buf_put_c(out, word.at[k + 1]);
    fr_buf_put_c(out, word.at[k]);
    fr_buf_put(out, word.at + k + 2, word.n - k - 2);
}

static void put_typos(fr_str text, uint64_t seed, uint64_t row, fr_buf *out)
{
    size_t n_long = count_long_words(text), seen = 0, made = 0;
    for (size_t i = 0; i < text.n;) {
        size_t letters = 0;
        while (i + letters < text.n && is_letter(text.at[i + letters]))
            letters++;
        fr_str word = { text.at + i, letters };
        if (word_at(text, i) >= LONG_LETTERS) {
            bool last = seen + 1 == n_long;
            bool chosen =
                fr_random_below(TYPO_EVERY, seed, FR_RANDOM_PERTURB, row, 2 * seen) == 0 ||
                (last && made == 0);
            if (chosen)
                put_swapped(word, seed, row, seen, out);
            else
                fr_buf_put_str(out, word);
            made += chosen;
            seen++;
        } else {
            fr_buf_put(out, text.at + i, letters != 0 ? letters : 1);
        }
        i += letters != 0 ? letters : 1;
    }
}

static bool is_mark(char c)
{
    return c == '.' || c == ',' || c == ';' || c == ':' || c == '?' || c == '!';
}

static void put_spaces(fr_str text, uint64_t seed, uint64_t row, fr_buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i];
        bool ends = i + 1 == text.n || text.at[i + 1] == ' ';
        if (is_mark(c) && ends && i > 0 && is_letter(text.at[i - 1]))
            fr_buf_put_c(out, ' ');
        fr_buf_put_c(out, c);
        if (c == ' ' && fr_random_below(4, seed, FR_RANDOM_PERTURB, row, i) == 0)
            fr_buf_put_c(out, ' ');
    }
}

void fr_perturb(fr_perturbation kind, fr_str text, uint64_t seed, uint64_t row, fr_buf *out)
{
    switch (kind) {
    case FR_PERTURB_UPPER:
        for (size_t i = 0; i < text.n; i++)
            fr_buf_put_c(out, is_letter(text.at[i]) ? (char)toupper(text.at[i]) : text.at[i]);
        return;
    case FR_PERTURB_LOWER:
        for (size_t i = 0; i < text.n; i++)
            fr_buf_put_c(out, is_letter(text.at[i]) ? (char)tolower(text.at[i]) : text.at[i]);
        return;
    case FR_PERTURB_TYPOS:
        put_typos(text, seed, row, out);
        return;
    case FR_PERTURB_SPACES:
        put_spaces(text, seed, row, out);
        return;
    case FR_PERTURB_NONE:
    case FR_PERTURB_WORDING:
    case FR_PERTURB_COUNT:
        break;
    }
    fr_buf_put_str(out, text);
}
