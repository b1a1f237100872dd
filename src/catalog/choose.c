/* What fits a wish, and in which order: language and domain before size. */
#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "catalog/catalog.h"

/* Names that people and cards use beside the two letters of ISO 639-1. */
static const char *const LANGUAGES[][2] = {
    { "english", "en" },    { "german", "de" },   { "deutsch", "de" },    { "french", "fr" },
    { "spanish", "es" },    { "italian", "it" },  { "portuguese", "pt" }, { "dutch", "nl" },
    { "chinese", "zh" },    { "japanese", "ja" }, { "korean", "ko" },     { "russian", "ru" },
    { "arabic", "ar" },     { "hindi", "hi" },    { "thai", "th" },       { "vietnamese", "vi" },
    { "indonesian", "id" }, { "polish", "pl" },   { "turkish", "tr" },    { "swedish", "sv" },
    { "danish", "da" },     { "finnish", "fi" },  { "norwegian", "no" },  { "czech", "cs" },
    { "greek", "el" },      { "hebrew", "he" },   { "ukrainian", "uk" },  { "eng", "en" },
    { "deu", "de" },        { "fra", "fr" },      { "spa", "es" },        { "zho", "zh" },
};

static const char *language_code(const char *name)
{
    for (size_t i = 0; i < FR_COUNT_OF(LANGUAGES); i++) {
        if (strcasecmp(LANGUAGES[i][0], name) == 0)
            return LANGUAGES[i][1];
    }
    return name;
}

const char *fr_match_name(fr_match m)
{
    static const char *const NAMES[] = { "", "stated", "maybe", "not stated", "general", "no" };
    return NAMES[m];
}

static fr_match match_language(const fr_catalog_entry *e, const char *wanted)
{
    if (wanted == NULL)
        return FR_MATCH_NONE;
    if (e->languages.n == 0)
        return FR_MATCH_UNKNOWN;
    bool more = false;
    for (size_t i = 0; i < e->languages.n; i++) {
        const char *said = e->languages.at[i];
        if (strcasecmp(language_code(said), language_code(wanted)) == 0)
            return FR_MATCH_STATED;
        more = more || said[0] == '+' || strcasecmp(said, "multilingual") == 0;
    }
    return more ? FR_MATCH_MAYBE : FR_MATCH_NO;
}

static fr_match match_domain(const fr_catalog_entry *e, const char *wanted)
{
    if (wanted == NULL)
        return FR_MATCH_NONE;
    if (fr_words_find(&e->domains, wanted) != SIZE_MAX ||
        fr_words_find(&e->tags, wanted) != SIZE_MAX)
        return FR_MATCH_STATED;
    if (fr_words_find(&e->domains, "general") != SIZE_MAX)
        return FR_MATCH_GENERAL;
    return e->domains.n == 0 ? FR_MATCH_UNKNOWN : FR_MATCH_NO;
}

/* What is asked for and not stated fits only when the wish says so. */
static bool text_fits(const char *said, const char *wanted, bool with_unknown)
{
    if (wanted == NULL)
        return true;
    return said == NULL ? with_unknown : strcasecmp(said, wanted) == 0;
}

static bool fits(const fr_catalog_entry *e, const fr_catalog_wish *w)
{
    if (e->language_match == FR_MATCH_NO || e->domain_match == FR_MATCH_NO)
        return false;
    if (!text_fits(e->license, w->license, w->with_unknown) ||
        !text_fits(e->task, w->task, w->with_unknown))
        return false;
    if (w->params_most > 0 && !(isnan(e->params) ? w->with_unknown : e->params <= w->params_most))
        return false;
    if (w->context_least > 0 &&
        !(isnan(e->context) ? w->with_unknown : e->context >= w->context_least))
        return false;
    if (w->on_disk && e->path == NULL)
        return false;
    return w->name == NULL || strcasestr(e->name, w->name) != NULL;
}

static int by_size(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b); /* unknown sizes stand last */
    return (a > b) - (a < b);
}

static int in_order(const void *a, const void *b)
{
    const fr_catalog_entry *x = a, *y = b;
    if (x->language_match != y->language_match)
        return x->language_match < y->language_match ? -1 : 1;
    if (x->domain_match != y->domain_match)
        return x->domain_match < y->domain_match ? -1 : 1;
    int size = by_size(x->params, y->params);
    if (size == 0)
        size = by_size(x->weight_bytes, y->weight_bytes);
    return size != 0 ? size : strcasecmp(x->name, y->name);
}

void fr_catalog_choose(fr_catalog *c, const fr_catalog_wish *wish)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        fr_catalog_entry *e = &c->at[i];
        e->language_match = match_language(e, wish->language);
        e->domain_match = match_domain(e, wish->domain);
        if (fits(e, wish))
            c->at[n++] = *e;
        else
            fr_catalog_entry_fini(e);
    }
    c->n = n;
    fr_sort(c->at, c->n, sizeof(*c->at), in_order);
}
