/*
 * Analyzers: what an index takes for one word. "plain" folds case, forms and accents; a language
 * also knows its words that say nothing and, through Snowball, brings words to their stems. A name
 * in camelCase stands for itself and for its parts.
 *
 * The order matters: stems are taken of words with their accents (Snowball's rules ask for them),
 * accents go afterwards.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "rag/rag_priv.h"
#include "rag/snowball_door.h"

#define ANALYZER_VERSION "3"
#define PLAIN            "plain"
#define AUTO             "auto"

typedef struct {
    const char *code, *snowball, *quiet;
} language;

static const language LANGUAGES[] = {
#define LANGUAGE(code, snowball, quiet) { code, snowball, quiet },
#include "rag/languages.def"
#undef LANGUAGE
};

/* Words in a table of open addressing, which is never more than half full. */
typedef struct {
    fr_str *at;
    size_t size; /* a power of two; 0: empty */
    fr_buf text;
} word_set;

static fr_str *set_place(const word_set *set, fr_str word)
{
    size_t i = (size_t)fr_hash64(word.at, word.n, 0) & (set->size - 1);
    while (set->at[i].at != NULL && !fr_str_equal(set->at[i], word))
        i = (i + 1) & (set->size - 1);
    return &set->at[i];
}

static bool set_has(const word_set *set, fr_str word)
{
    return set->size != 0 && set_place(set, word)->at != NULL;
}

static void set_fill(word_set *set, const char *words)
{
    size_t n = 1;
    for (const char *at = words; *at != '\0'; at++)
        n += *at == ' ';
    set->size = 8;
    while (set->size < 2 * n + 2)
        set->size *= 2;
    set->at = FR_NEW_N(fr_str, set->size);
    word_strip(fr_str_of(words), &set->text);
    fr_str rest = fr_buf_str(&set->text), word;
    while (fr_str_next(&rest, ' ', &word)) {
        if (word.n > 0)
            *set_place(set, word) = word;
    }
}

static void set_fini(word_set *set)
{
    free(set->at);
    fr_buf_fini(&set->text);
}

struct analyzer {
    char name[8];
    char mark[40]; /* name, version, fingerprint */
    const snowball_door *door;
    struct sb_stemmer *stemmer; /* NULL: words as they are */
    word_set quiet;
    fr_buf lower, stripped;
};

static const language *language_of(const char *name)
{
    for (size_t i = 0; i < FR_COUNT_OF(LANGUAGES); i++) {
        if (strcmp(LANGUAGES[i].code, name) == 0 || strcmp(LANGUAGES[i].snowball, name) == 0)
            return &LANGUAGES[i];
    }
    return NULL;
}

static fr_str stem_of(analyzer *a, fr_str word)
{
    if (a->stemmer == NULL || word.n > WORD_BYTES * 4)
        return word;
    const unsigned char *stem =
        a->door->stem(a->stemmer, (const unsigned char *)word.at, (int)word.n);
    return stem != NULL ? (fr_str){ (const char *)stem, (size_t)a->door->length(a->stemmer) }
                        : word;
}

/* What the stems of a few words are: another release of Snowball that stems otherwise is noticed.
 */
static void put_mark(analyzer *a, const language *l)
{
    static const char PROBES[] =
        "running nationalization generously happiness skies dying arguments university "
        "Häuser Möglichkeiten aufgeben schönsten größten canciones rápidamente naciones fuéramos "
        "continuellement majestueux amitié nazionale andando avevano ligações fizeram lichamelijk "
        "opheffen jaktkarlens undersøgelse взаимопонимание красивые";
    uint64_t print = 0;
    fr_str rest = FR_STR(PROBES), word;
    for (size_t round = 0; round < 2 && l != NULL; round++, rest = fr_str_of(l->quiet)) {
        while (fr_str_next(&rest, ' ', &word)) {
            fr_str stem = stem_of(a, word);
            print = fr_hash64(stem.at, stem.n, print + 1);
        }
    }
    snprintf(a->mark, sizeof(a->mark), "%s-" ANALYZER_VERSION "-%08x", a->name,
             (unsigned)(print ^ print >> 32));
}

int analyzer_new(const char *name, analyzer **out, fr_err *err)
{
    *out = NULL;
    const language *l = language_of(name);
    if (l == NULL && strcmp(name, PLAIN) != 0) {
        FR_AUTO(fr_buf) codes = { 0 };
        for (size_t i = 0; i < FR_COUNT_OF(LANGUAGES); i++)
            fr_buf_put_f(&codes, ", %s", LANGUAGES[i].code);
        return fr_fail(err, FR_E_USAGE, "", "there is no analyzer '%s' (auto, plain%s)", name,
                       fr_buf_text(&codes));
    }
    FR_AUTOPTR(analyzer) a = FR_NEW(analyzer);
    snprintf(a->name, sizeof(a->name), "%s", l != NULL ? l->code : PLAIN);
    if (l != NULL) {
        FR_TRY(snowball_door_open(&a->door, err));
        a->stemmer = a->door->make(l->snowball, NULL);
        if (a->stemmer == NULL)
            return fr_fail(err, FR_E_UNSUPPORTED, "Use --analyzer plain.",
                           "libstemmer on this machine does not know %s", l->snowball);
        set_fill(&a->quiet, l->quiet);
    }
    put_mark(a, l);
    *out = a;
    a = NULL;
    return 0;
}

void analyzer_free(analyzer *a)
{
    if (a == NULL)
        return;
    if (a->stemmer != NULL)
        a->door->remove(a->stemmer);
    set_fini(&a->quiet);
    fr_buf_fini(&a->lower);
    fr_buf_fini(&a->stripped);
    free(a);
}

const char *analyzer_name(const analyzer *a)
{
    return a->name;
}

const char *analyzer_mark(const analyzer *a)
{
    return a->mark;
}

bool analyzer_is_quiet(const analyzer *a, fr_str stripped)
{
    return set_has(&a->quiet, stripped);
}

static void put_term(analyzer *a, fr_str word, run_kind kind, word_terms *out)
{
    if (out->n == WORD_TERMS)
        return;
    fr_buf_clear(&a->lower);
    fr_buf_clear(&a->stripped);
    word_lower(word, &a->lower);
    word_strip(fr_buf_str(&a->lower), &a->stripped);
    bool quiet = set_has(&a->quiet, fr_buf_str(&a->stripped));
    if (kind == RUN_WORD && !quiet && a->stemmer != NULL) {
        fr_str stem = stem_of(a, fr_buf_str(&a->lower));
        fr_buf_clear(&a->stripped);
        word_strip(stem, &a->stripped);
    }
    if (a->stripped.n == 0)
        return;
    out->at[out->n++] = (word_term){ out->text.n, a->stripped.n, quiet };
    fr_buf_put_str(&out->text, fr_buf_str(&a->stripped));
}

/* Where a capital follows a small letter, or a digit a letter: getUserName, sha256Sum. */
static void put_parts(analyzer *a, fr_str word, word_terms *out)
{
    size_t first = 0;
    for (size_t i = 1; i <= word.n; i++) {
        bool ends =
            i == word.n ||
            (isupper((unsigned char)word.at[i]) &&
             (islower((unsigned char)word.at[i - 1]) || isdigit((unsigned char)word.at[i - 1])));
        if (ends && (first > 0 || i < word.n) && i - first > 1)
            put_term(a, (fr_str){ word.at + first, i - first }, RUN_WORD, out);
        if (ends)
            first = i;
    }
}

bool word_has_parts(fr_str word)
{
    for (size_t i = 1; i < word.n; i++) {
        if (word.at[i] >= 'A' && word.at[i] <= 'Z' &&
            (islower((unsigned char)word.at[i - 1]) || isdigit((unsigned char)word.at[i - 1])))
            return true;
    }
    return false;
}

void analyzer_word(analyzer *a, fr_str word, run_kind kind, word_terms *out)
{
    fr_buf_clear(&out->text);
    out->n = 0;
    put_term(a, word, kind, out);
    if (kind == RUN_WORD && word_has_parts(word))
        put_parts(a, word, out);
}

void word_terms_fini(word_terms *t)
{
    fr_buf_fini(&t->text);
}

const char *analyzer_guess(fr_str text)
{
    word_set sets[FR_COUNT_OF(LANGUAGES)] = { 0 };
    double hits[FR_COUNT_OF(LANGUAGES)] = { 0 };
    for (size_t l = 0; l < FR_COUNT_OF(LANGUAGES); l++)
        set_fill(&sets[l], LANGUAGES[l].quiet);
    word_scan scan = { .text = text };
    fr_str word;
    run_kind kind;
    FR_AUTO(fr_buf) stripped = { 0 };
    size_t n = 0;
    while (word_next(&scan, &word, &kind)) {
        fr_buf_clear(&stripped);
        word_strip(word, &stripped);
        bool in[FR_COUNT_OF(LANGUAGES)];
        double shared = 0;
        for (size_t l = 0; l < FR_COUNT_OF(LANGUAGES); l++) {
            in[l] = kind == RUN_WORD && set_has(&sets[l], fr_buf_str(&stripped));
            shared += in[l];
        }
        for (size_t l = 0; l < FR_COUNT_OF(LANGUAGES) && shared > 0; l++)
            hits[l] += in[l] ? 1.0 / shared : 0.0;
        n++;
    }
    size_t best = 0;
    for (size_t l = 0; l < FR_COUNT_OF(LANGUAGES); l++) {
        best = hits[l] > hits[best] ? l : best;
        set_fini(&sets[l]);
    }
    return hits[best] >= 3 && hits[best] >= 0.04 * (double)n ? LANGUAGES[best].code : PLAIN;
}
