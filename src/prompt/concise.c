#include "prompt/concise.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "text/utf8.h"

enum { MOST_SENTENCES = 2000 };
#define ALIKE 0.8

const char *fr_flaw_name(fr_flaw_kind k)
{
    static const char *const NAMES[] = { "none", "duplicate", "near-duplicate", "filler" };
    return NAMES[k];
}

/* ---- what must stay ---------------------------------------------------------------------- */

static void fix(bool *fixed, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        fixed[i] = true;
}

/* Behind the end of what opens at `at`; where it is never closed, the text's end. */
static size_t behind(fr_str text, size_t at, const char *close)
{
    size_t found = 0;
    fr_str rest = { text.at + at, text.n - at };
    return fr_str_find(rest, fr_str_of(close), &found) ? at + found + strlen(close) : text.n;
}

void fr_concise_fix_fields(fr_str text, const char *format, bool *fixed)
{
    bool f_string = strcmp(format, "f-string") == 0;
    bool others = strcmp(format, "jinja2") == 0 || strcmp(format, "mustache") == 0;
    for (size_t i = 0; i + 1 < text.n && (f_string || others);) {
        char c = text.at[i], d = text.at[i + 1];
        size_t end = i;
        if (f_string && (c == '{' || c == '}'))
            end = d == c ? i + 2 : behind(text, i, "}");
        else if (others && c == '{' && (d == '{' || d == '%' || d == '#'))
            end = behind(text, i, d == '{' ? "}}" : d == '%' ? "%}" : "#}");
        fix(fixed, i, end);
        i = FR_MAX(end, i + 1);
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void fr_concise_fix_heads(fr_str text, bool *fixed)
{
    enum { MOST = 32 };
    for (size_t i = 0; i < text.n; i++) {
        if (i != 0 && text.at[i - 1] != '\n')
            continue;
        size_t n = 0;
        while (i + n < text.n && n < MOST &&
               (isalnum((unsigned char)text.at[i + n]) || text.at[i + n] == '_' ||
                text.at[i + n] == '-'))
            n++;
        if (n > 0 && i + n < text.n && text.at[i + n] == ':')
            fix(fixed, i, i + n + 1);
    }
}

static size_t word_end(fr_str text, size_t at)
{
    while (at < text.n && !is_blank(text.at[at]))
        at++;
    return at;
}

void fr_concise_fix_numbers(fr_str text, bool *fixed)
{
    for (size_t i = 0; i < text.n;) {
        size_t end = word_end(text, i);
        for (size_t k = i; k < end; k++)
            if (isdigit((unsigned char)text.at[k])) {
                fix(fixed, i, end);
                break;
            }
        i = end + 1;
    }
}

static bool is_letter(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* what at `at`, case aside, as whole words. */
static bool stands_at(fr_str text, size_t at, fr_str what)
{
    if (what.n == 0 || at + what.n > text.n || (at > 0 && is_letter(text.at[at - 1])) ||
        (at + what.n < text.n && is_letter(what.at[what.n - 1]) && is_letter(text.at[at + what.n])))
        return false;
    for (size_t i = 0; i < what.n; i++)
        if (tolower((unsigned char)text.at[at + i]) != tolower((unsigned char)what.at[i]))
            return false;
    return true;
}

void fr_concise_fix_text(fr_str text, fr_str what, bool *fixed)
{
    for (size_t i = 0; i < text.n; i++)
        if (stands_at(text, i, what))
            fix(fixed, i, i + what.n);
}

/* ---- flaws ------------------------------------------------------------------------------- */

typedef struct {
    size_t from, to;
    uint64_t *words; /* hashes, sorted, each once */
    size_t n_words, n_said;
    uint64_t whole;
    bool fixed, head;
} sentence;

static int by_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Words of a sentence without case, accents and punctuation. */
static void read_words(fr_str text, sentence *s)
{
    FR_AUTO(fr_buf) folded = { 0 };
    size_t cap = 0;
    fr_utf8_fold((fr_str){ text.at + s->from, s->to - s->from }, &folded);
    fr_str f = fr_buf_str(&folded);
    for (size_t i = 0; i < f.n;) {
        size_t n = 0;
        while (i + n < f.n && is_letter(f.at[i + n]))
            n++;
        if (n > 0) {
            uint64_t h = fr_hash64(f.at + i, n, 0);
            FR_GROW(s->words, s->n_said, cap);
            s->words[s->n_said++] = h;
            s->whole = fr_hash64(&h, sizeof(h), s->whole);
        }
        i += n + 1;
    }
    fr_sort(s->words, s->n_said, sizeof(*s->words), by_hash);
    for (size_t i = 0; i < s->n_said; i++)
        if (i == 0 || s->words[i] != s->words[i - 1])
            s->words[s->n_words++] = s->words[i];
}

/* A field of a template stands by itself. */
static bool field_begins(fr_str text, const bool *fixed, size_t i)
{
    return fixed[i] && text.at[i] == '{' && i > 0 && !fixed[i - 1];
}

static bool field_ends(fr_str text, const bool *fixed, size_t i)
{
    return fixed[i] && text.at[i] == '}' && i + 1 < text.n && !fixed[i + 1];
}

/* A sentence ends at a line's end, at . ! ? with a blank behind, and where a field begins or ends.
 */
static sentence *sentences_of(fr_str text, const bool *fixed, size_t *n)
{
    sentence *list = NULL;
    size_t cap = 0, from = 0;
    *n = 0;
    for (size_t i = 0; i < text.n && *n < MOST_SENTENCES; i++) {
        bool last = i + 1 == text.n, line = text.at[i] == '\n';
        bool stop = strchr(".!?", text.at[i]) != NULL && (last || is_blank(text.at[i + 1]));
        bool edge = field_ends(text, fixed, i) || (!last && field_begins(text, fixed, i + 1));
        if (!last && !line && !stop && !edge)
            continue;
        sentence s = { .from = from, .to = line ? i : i + 1 };
        from = i + 1;
        while (s.from < s.to && is_blank(text.at[s.from]))
            s.from++;
        if (s.from == s.to)
            continue;
        read_words(text, &s);
        for (size_t k = s.from; k < s.to; k++)
            s.fixed = s.fixed || fixed[k];
        const char *colon = memchr(text.at + s.from, ':', FR_MIN(s.to - s.from, (size_t)33));
        s.head = (s.from == 0 || text.at[s.from - 1] == '\n') && colon != NULL;
        FR_GROW(list, *n, cap);
        list[(*n)++] = s;
    }
    return list;
}

/* Share of words that two have in common (Jaccard). */
static double likeness(const sentence *a, const sentence *b)
{
    size_t i = 0, k = 0, both = 0;
    while (i < a->n_words && k < b->n_words) {
        if (a->words[i] == b->words[k]) {
            both++;
            i++;
            k++;
        } else if (a->words[i] < b->words[k]) {
            i++;
        } else {
            k++;
        }
    }
    size_t all = a->n_words + b->n_words - both;
    return all != 0 ? (double)both / (double)all : 0;
}

static void find_duplicates(const sentence *list, size_t n, fr_flaws *out)
{
    for (size_t i = 1; i < n; i++) {
        const sentence *s = &list[i], *first = NULL;
        double best = 0;
        if (s->n_said < (s->head ? 6u : 3u))
            continue;
        for (size_t k = 0; k < i && best < 1; k++) {
            bool same = list[k].whole == s->whole && list[k].n_said == s->n_said;
            double alike = same ? 1 : s->n_words >= 5 ? FR_MIN(likeness(&list[k], s), 0.999) : 0;
            if (alike >= ALIKE && alike > best) {
                best = alike;
                first = &list[k];
            }
        }
        if (first == NULL)
            continue;
        FR_GROW(out->at, out->n, out->cap);
        out->at[out->n++] =
            (fr_flaw){ .kind = best == 1 ? FR_FLAW_DUPLICATE : FR_FLAW_NEAR_DUPLICATE,
                       .from = s->from,
                       .to = s->to,
                       .first_from = first->from,
                       .first_to = first->to,
                       .likeness = best,
                       .fixed = s->fixed };
    }
}

/* Longer ones first: "could you please" before "please". */
static const char *const FILLERS[] = {
    "i would be very grateful if you could",
    "i would really appreciate it if you could",
    "i would appreciate it if you could",
    "it is very important to note that",
    "it is important to remember that",
    "it is important to note that",
    "it should be noted that",
    "as a helpful ai assistant",
    "as an ai language model",
    "you are a helpful assistant",
    "thank you very much in advance",
    "thank you so much in advance",
    "thank you very much",
    "thank you in advance",
    "thanks in advance",
    "thank you so much",
    "i would like you to",
    "i would like to ask you to",
    "if it is not too much trouble",
    "if you do not mind",
    "if you don't mind",
    "take a deep breath and",
    "please make sure that you",
    "please make sure to",
    "make sure that you",
    "make sure to",
    "please be sure to",
    "be sure to",
    "please remember to",
    "please note that",
    "keep in mind that",
    "your task is to",
    "your job is to",
    "i want you to",
    "i need you to",
    "would you kindly",
    "could you please",
    "can you please",
    "would you please",
    "feel free to",
    "do your best to",
    "try your best to",
    "to the best of your ability",
    "as carefully as you can",
    "as accurately as you can",
    "as best as you can",
    "as well as you can",
    "very carefully",
    "carefully",
    "kindly",
    "please",
    "thank you",
    "thanks",
    "basically",
    "actually",
    "really",
    "very",
};

static void find_fillers(fr_str text, const bool *fixed, fr_flaws *out)
{
    for (size_t i = 0; i < text.n; i++) {
        for (size_t k = 0; k < FR_COUNT_OF(FILLERS); k++) {
            fr_str what = fr_str_of(FILLERS[k]);
            if (!stands_at(text, i, what))
                continue;
            bool kept = false;
            for (size_t j = i; j < i + what.n; j++)
                kept = kept || fixed[j];
            FR_GROW(out->at, out->n, out->cap);
            out->at[out->n++] =
                (fr_flaw){ .kind = FR_FLAW_FILLER, .from = i, .to = i + what.n, .fixed = kept };
            i += what.n - 1;
            break;
        }
    }
}

static int by_place(const void *a, const void *b)
{
    const fr_flaw *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

void fr_concise_flaws(fr_str text, const bool *fixed, fr_flaws *out)
{
    size_t n = 0;
    sentence *list = sentences_of(text, fixed, &n);
    find_duplicates(list, n, out);
    find_fillers(text, fixed, out);
    fr_sort(out->at, out->n, sizeof(*out->at), by_place);
    for (size_t i = 0; i < n; i++)
        free(list[i].words);
    free(list);
}

void fr_flaws_fini(fr_flaws *f)
{
    free(f->at);
    *f = (fr_flaws){ 0 };
}

/* ---- dropping ---------------------------------------------------------------------------- */

void fr_concise_words(fr_str text, const bool *fixed, fr_concise_words_list *out)
{
    for (size_t i = 0; i < text.n;) {
        if (is_blank(text.at[i])) {
            i++;
            continue;
        }
        fr_concise_word w = { .from = i, .to = i };
        /* a field may hold blanks: what is fixed is not parted */
        while (w.to < text.n && (!is_blank(text.at[w.to]) || fixed[w.to])) {
            w.fixed = w.fixed || fixed[w.to];
            w.to++;
        }
        w.end = w.to;
        while (w.end < text.n && is_blank(text.at[w.end]))
            w.end++;
        FR_GROW(out->at, out->n, out->cap);
        out->at[out->n++] = w;
        i = w.end;
    }
}

void fr_concise_words_list_fini(fr_concise_words_list *w)
{
    free(w->at);
    *w = (fr_concise_words_list){ 0 };
}

/* The words that lie in a flaw, less punctuation behind it, go when none of them must stay. */
static void drop_flaw(fr_concise_words_list *words, const fr_flaw *f)
{
    size_t first = words->n, last = 0;
    for (size_t i = 0; i < words->n; i++) {
        fr_concise_word *w = &words->at[i];
        if (w->to <= f->from || w->from >= f->to)
            continue;
        if (w->fixed || w->from < f->from)
            return;
        first = FR_MIN(first, i);
        last = i;
    }
    for (size_t i = first; i <= last && i < words->n; i++)
        words->at[i].dropped = true;
}

typedef struct {
    const fr_concise_word *word;
    size_t i;
} ranked;

static int by_nats(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    double left = x->word->nats, right = y->word->nats;
    if (left != right)
        return left < right ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

static double tokens_left(const fr_concise_words_list *words)
{
    double sum = 0;
    for (size_t i = 0; i < words->n; i++)
        sum += words->at[i].dropped ? 0 : words->at[i].tokens;
    return sum;
}

static void drop_least(fr_concise_words_list *words, double at_most)
{
    ranked *list = FR_NEW_N(ranked, words->n);
    size_t n = 0;
    double left = tokens_left(words);
    for (size_t i = 0; i < words->n; i++)
        if (!words->at[i].dropped && !words->at[i].fixed && !isnan(words->at[i].nats))
            list[n++] = (ranked){ &words->at[i], i };
    fr_sort(list, n, sizeof(*list), by_nats);
    for (size_t i = 0; i < n && left > at_most; i++) {
        words->at[list[i].i].dropped = true;
        left -= list[i].word->tokens;
    }
    free(list);
}

static size_t lines_in(fr_str text, size_t from, size_t to)
{
    size_t n = 0;
    for (size_t i = from; i < to; i++)
        n += text.at[i] == '\n';
    return n;
}

/* What is left, with the blanks behind each word; a line end that followed a dropped word stays
 * when something else of its line stays. */
static void put_rest(fr_str text, const fr_concise_words_list *words, fr_buf *out)
{
    bool line_begun = false;
    size_t first = words->n > 0 ? words->at[0].from : text.n;
    fr_buf_put(out, text.at, first);
    for (size_t i = 0; i < words->n; i++) {
        const fr_concise_word *w = &words->at[i];
        fr_str gap = { text.at + w->to, w->end - w->to };
        size_t ends = lines_in(text, w->to, w->end);
        if (!w->dropped) {
            fr_buf_put(out, text.at + w->from, w->end - w->from);
            line_begun = ends == 0;
            continue;
        }
        if (ends == 0)
            continue;
        if (line_begun || i + 1 == words->n) {
            while (out->n > 0 && (out->at[out->n - 1] == ' ' || out->at[out->n - 1] == '\t'))
                out->at[--out->n] = '\0';
            if (line_begun)
                fr_buf_put_str(out, gap);
        }
        line_begun = false;
    }
}

double fr_concise_drop(fr_str text, fr_concise_words_list *words, const fr_flaws *flaws,
                       double at_most, fr_buf *out)
{
    for (size_t i = 0; i < words->n; i++)
        words->at[i].dropped = false;
    for (size_t i = 0; i < flaws->n; i++)
        if (!flaws->at[i].fixed)
            drop_flaw(words, &flaws->at[i]);
    if (isfinite(at_most))
        drop_least(words, at_most);
    put_rest(text, words, out);
    return tokens_left(words);
}
