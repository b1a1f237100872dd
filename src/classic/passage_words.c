/* Passages as sentences and words, each knowing where it stands. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/hash.h"
#include "base/hash.h"
#include "base/mem.h"
#include "classic/extract_priv.h"
#include "text/utf8.h"

/* --- kinds of words ------------------------------------------------------------------------- */

/* Function words of English, Spanish, German and French: they carry structure, not content. Sorted
 * by nothing; looked up through a small table. */
static const char STOP_WORDS[] =
    "a an the this that these those and or but nor so yet if then than as at by for from in into "
    "of "
    "off on onto out over per to under up upon via with within without about above across after "
    "against along among around before behind below beneath beside besides between beyond despite "
    "down during except inside like near outside past since through throughout till toward towards "
    "until while is are was were be been being am do does did done has have had having can could "
    "may "
    "might must shall should will would not no it its it's they them their he him his she her hers "
    "we "
    "us our you your i me my who whom whose which what when where why how there here also very too "
    "just only own same such both each few more most other some any all one's s t "
    "el la los las un una unos unas lo de del al y o u en con por para sin sobre entre hasta desde "
    "es "
    "son era eran fue fueron ser estar se su sus que como mas pero si no qué quién cuál cuándo "
    "dónde "
    "der die das den dem des ein eine einen einem einer eines und oder aber ist sind war waren "
    "wurde "
    "wurden wird werden sein hat haben hatte hatten von vom zu zum zur im in am an auf aus bei mit "
    "nach "
    "uber unter vor fur durch gegen ohne um sich auch nicht als wie dass wer wo wann welche "
    "welcher "
    "welches "
    "le les une des du et ou est sont etait dans sur pour par avec sans ce cette ces il elle ils "
    "elles "
    "ne pas qui que quoi quand";

static const char NUMBER_WORDS[] =
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred "
    "thousand million billion trillion dozen half third quarter once twice "
    "uno dos tres cuatro cinco seis siete ocho nueve diez cien mil millon millones "
    "eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf hundert tausend millionen";

static const char DATE_WORDS[] =
    "january february march april may june july august september october november december monday "
    "tuesday wednesday thursday friday saturday sunday spring summer autumn winter century decade "
    "easter christmas midsummer "
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre "
    "siglo "
    "januar februar marz mai juni juli oktober dezember jahrhundert montag dienstag mittwoch "
    "donnerstag freitag samstag sonntag";

static bool in_list(const char *list, fr_str word)
{
    fr_str rest = fr_str_of(list), one;
    while (fr_str_next(&rest, ' ', &one)) {
        if (fr_str_equal(one, word))
            return true;
    }
    return false;
}

static bool has_digit(fr_str word)
{
    for (size_t i = 0; i < word.n; i++) {
        if (word.at[i] >= '0' && word.at[i] <= '9')
            return true;
    }
    return false;
}

/* Four digits from 1000 to 2100, perhaps with an s. */
static bool is_year(fr_str fold)
{
    if (fold.n > 0 && fold.at[fold.n - 1] == 's')
        fold.n--;
    long long year;
    return fold.n == 4 && fr_str_to_i64(fold, &year) && year >= 1000 && year <= 2100;
}

static unsigned kinds_of(fr_str raw, fr_str fold)
{
    uint32_t first = 0;
    unsigned kinds = 0;
    fr_utf8_next(raw, &first);
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)first);
    if (category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT)
        kinds |= WORD_CAPITAL;
    /* "six" of "six-time", too */
    const char *hyphen = memchr(fold.at, '-', fold.n);
    fr_str head = { fold.at, hyphen != NULL ? (size_t)(hyphen - fold.at) : fold.n };
    if (has_digit(raw) || in_list(NUMBER_WORDS, head))
        kinds |= WORD_NUMBER;
    if (in_list("a an the el la los las un una der die das den dem des ein eine einen einem einer "
                "le les",
                fold))
        kinds |= WORD_ARTICLE;
    if (memchr(raw.at, '%', raw.n) != NULL || raw.at[0] == '$' ||
        fr_str_starts(raw, FR_STR("\xc2\xa3")) || fr_str_starts(raw, FR_STR("\xe2\x82\xac")) ||
        in_list("percent dollars pounds euros million billion", fold))
        kinds |= WORD_MONEY;
    if (in_list(DATE_WORDS, fold) || is_year(fold))
        kinds |= WORD_DATE;
    if (in_list(STOP_WORDS, fold) && !(kinds & WORD_NUMBER))
        kinds |= WORD_STOP;
    /* "March" is a month, "march" and "may" are not */
    if ((kinds & WORD_DATE) && !(kinds & (WORD_CAPITAL | WORD_NUMBER)) && raw.n < 6)
        kinds &= ~(unsigned)WORD_DATE;
    return kinds;
}

/* --- words ----------------------------------------------------------------------------------- */

static bool is_letter(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO && c != 0xFFFD;
}

/* Scripts that are written without spaces: each character is a word. */
static bool stands_alone(uint32_t c)
{
    return (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) ||
           (c >= 0x1780 && c <= 0x17FF) || (c >= 0x3040 && c <= 0x30FF) ||
           (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

static bool is_currency(uint32_t c)
{
    return c == '$' || c == 0xA3 || c == 0xA5 || c == 0x20AC;
}

static bool is_digit_at(fr_str text, size_t i)
{
    return i < text.n && text.at[i] >= '0' && text.at[i] <= '9';
}

/* Bytes of a mark that belongs inside a word: "O'Neill", "well-known", "1,706", "3.5", "5%". */
static size_t joint_at(fr_str text, size_t i)
{
    uint32_t c = 0, next = 0;
    size_t step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
    if (c == '%')
        return i > 0 && is_digit_at(text, i - 1) ? step : 0;
    if (i + step >= text.n)
        return 0;
    fr_utf8_next((fr_str){ text.at + i + step, text.n - i - step }, &next);
    if (c == '\'' || c == 0x2019 || c == '-' || c == 0x2010 || c == '&')
        return is_letter(next) ? step : 0;
    if (c == ',' || c == '.' || c == ':' || c == 0x2013 || c == '/')
        return i > 0 && is_digit_at(text, i - 1) && is_digit_at(text, i + step) ? step : 0;
    return 0;
}

/* The end of the word that begins at i. */
static size_t word_end(fr_str text, size_t i)
{
    uint32_t first = 0;
    size_t first_n = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &first);
    if (stands_alone(first))
        return i + first_n;
    while (i < text.n) {
        uint32_t c = 0;
        size_t step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
        if (stands_alone(c))
            break;
        if (!is_letter(c) && !(is_currency(c) && is_digit_at(text, i + step)))
            step = joint_at(text, i);
        if (step == 0)
            break;
        i += step;
    }
    return i;
}

static const char *const SHORT_FORMS[] = { "mr",     "mrs", "ms",  "dr",   "st",  "prof", "rev",
                                           "gen",    "col", "sgt", "capt", "lt",  "jr",   "sr",
                                           "vs",     "no",  "vol", "fig",  "inc", "ltd",  "co",
                                           "approx", "ca",  "bzw", "etc",  NULL };

/* A full stop after this does not end a sentence: "Mr", "J", "U.S". */
static bool is_short_form(fr_str fold)
{
    for (size_t i = 0; SHORT_FORMS[i] != NULL; i++) {
        if (fr_str_is(fold, SHORT_FORMS[i]))
            return true;
    }
    return fold.n == 1 && !has_digit(fold);
}

static void put_word(passage *p, fr_str text, size_t begin, size_t end, unsigned gap)
{
    FR_GROW(p->words, p->n_words, p->words_cap);
    size_t fold = p->folds.n;
    fr_str raw = { text.at + begin, end - begin };
    fr_utf8_fold(raw, &p->folds);
    /* "Gotobed's" is "gotobed" for matching */
    if (p->folds.n - fold > 2 && memcmp(p->folds.at + p->folds.n - 2, "'s", 2) == 0)
        p->folds.n -= 2;
    else if (p->folds.n - fold > 4 && memcmp(p->folds.at + p->folds.n - 4, "\xe2\x80\x99s", 4) == 0)
        p->folds.n -= 4;
    p->words[p->n_words++] = (passage_word){
        .begin = begin, .end = end, .fold_at = fold, .fold_n = p->folds.n - fold, .gap = gap
    };
    const fr_str folded = passage_fold(p, p->n_words - 1);
    p->words[p->n_words - 1].hash = fr_hash64(folded.at, folded.n, 0);
}

fr_str passage_fold(const passage *p, size_t i)
{
    /* a word without a letter may fold to nothing, before anything else did */
    return (fr_str){ fr_buf_text(&p->folds) + p->words[i].fold_at, p->words[i].fold_n };
}

static void end_sentence(passage *p)
{
    size_t first = p->n_sentences > 0 ? p->sentences[p->n_sentences - 1].end : 0;
    if (first == p->n_words)
        return;
    FR_GROW(p->sentences, p->n_sentences, p->sentences_cap);
    p->sentences[p->n_sentences++] = (sentence){ first, p->n_words };
}

/* What stands between two words. Returns GAP_ bits; GAP_SENTENCE where a sentence ends. */
static unsigned gap_of(const passage *p, fr_str gap, fr_str after)
{
    unsigned bits = 0;
    size_t breaks = 0, step = 0;
    for (size_t i = 0; i < gap.n; i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ gap.at + i, gap.n - i }, &c);
        if (c == '\n')
            breaks++;
        else if (c == '.' || c == '!' || c == '?' || c == 0x3002)
            bits |= GAP_STOP;
        else if (c > 0x20 && c != 0xA0)
            bits |= c == '(' || c == ')' || c == '[' || c == ']'                       ? GAP_BRACKET
                    : c == '"' || c == 0x201C || c == 0x201D || c == 0xAB || c == 0xBB ? GAP_QUOTE
                                                                                       : GAP_COMMA;
    }
    uint32_t next = 0;
    fr_utf8_next(after, &next);
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)next);
    bool fresh = category != UTF8PROC_CATEGORY_LL;
    bool shortened = p->n_words > 0 && is_short_form(passage_fold(p, p->n_words - 1));
    if (breaks > 1 || ((bits & GAP_STOP) && fresh && !shortened))
        bits |= GAP_SENTENCE;
    return bits;
}

void passage_read(passage *p, fr_str text)
{
    size_t i = 0, gap_begin = 0;
    p->text = text;
    bool heading = false;
    while (i < text.n) {
        uint32_t c = 0;
        size_t step = fr_utf8_next((fr_str){ text.at + i, text.n - i }, &c);
        bool line_begins = i == 0 || text.at[i - 1] == '\n';
        if (line_begins && c == '#')
            heading = true;
        if (c == '\n' && heading) {
            end_sentence(p);
            heading = false;
        }
        size_t end =
            is_letter(c) || (is_currency(c) && is_digit_at(text, i + step)) ? word_end(text, i) : i;
        if (end == i) {
            i += step;
            continue;
        }
        unsigned gap = gap_of(p, (fr_str){ text.at + gap_begin, i - gap_begin },
                              (fr_str){ text.at + i, text.n - i });
        if (gap & GAP_SENTENCE)
            end_sentence(p);
        put_word(p, text, i, end, gap);
        gap_begin = i = end;
    }
    end_sentence(p);
    for (size_t w = 0; w < p->n_words; w++)
        p->words[w].kinds =
            kinds_of((fr_str){ text.at + p->words[w].begin, p->words[w].end - p->words[w].begin },
                     passage_fold(p, w));
}

void passage_fini(passage *p)
{
    free(p->words);
    free(p->sentences);
    fr_buf_fini(&p->folds);
}
