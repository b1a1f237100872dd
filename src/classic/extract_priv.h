/* extract_priv.h: shared between the files of answer extraction only. */
#ifndef FR_CLASSIC_EXTRACT_PRIV_H
#define FR_CLASSIC_EXTRACT_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "classic/classic.h"

enum {
    WORD_CAPITAL = 1, /* begins with a capital letter */
    WORD_NUMBER = 2,  /* has digits, or is a number word */
    WORD_DATE = 4,    /* year, month, weekday, season */
    WORD_STOP = 8,    /* carries structure, not content */
    WORD_ARTICLE = 16,
    WORD_MONEY = 32 /* has a currency or per cent sign */
};
enum {
    GAP_COMMA = 1,
    GAP_BRACKET = 2,
    GAP_QUOTE = 4,
    GAP_STOP = 8,     /* . ! ? */
    GAP_SENTENCE = 16 /* and a new sentence begins */
};

typedef struct {
    size_t begin, end; /* bytes of the passage */
    size_t fold_at, fold_n;
    uint64_t hash; /* of the folded word */
    unsigned kinds;
    unsigned gap; /* what stands before it */
} passage_word;
typedef struct {
    size_t first, end; /* words */
} sentence;
typedef struct {
    fr_str text; /* borrowed */
    passage_word *words;
    size_t n_words, words_cap;
    sentence *sentences;
    size_t n_sentences, sentences_cap;
    fr_buf folds;
} passage;

void passage_read(passage *p, fr_str text);
void passage_fini(passage *p);
fr_str passage_fold(const passage *p, size_t i);

/* What a question asks for. */
typedef enum {
    ASKS_ANY,
    ASKS_WHO,
    ASKS_WHERE,
    ASKS_WHEN,
    ASKS_NUMBER,
    ASKS_NAME, /* a thing with a name of its own: which river, what is it called */
    ASKS_WHY,
    ASKS_YEAR,
    ASKS_DAY, /* of the week */
    ASKS_KINDS
} asks;

typedef struct {
    passage p;
    asks kind;
    bool subject;   /* a verb follows the question word: it asks who or what does something */
    bool object;    /* "did", "does", "was he…" follows */
    size_t focus;   /* word after what, which, how many…; SIZE_MAX: none */
    double *weight; /* [p.n_words]: how much a match of it says */
    double total;
} question;

void question_read(question *q, fr_str text, fr_idf_fn idf, void *user);
void question_fini(question *q);
/** How alike two folded words are: 1 equal, less for one stem, 0 unlike. */
double word_likeness(fr_str a, fr_str b);

/* --- features of a span ----------------------------------------------------------------------- */

/* Those that mean the same for every question. */
#define EXTRACT_FEATURES(X)                                                                        \
    X(SENTENCE)      /* share of the question's weight that stands in the sentence */              \
    X(SENTENCE_BEST) /* it is the sentence that shares most, of all passages */                    \
    X(SENTENCE_BEFORE)                                                                             \
    X(SENTENCE_AFTER)                                                                              \
    X(PASSAGE) /* share that stands in the passage */                                              \
    X(RANK)    /* of the passage, from 0 */                                                        \
    X(NEAR)    /* how near the question's words stand, within a few words */                       \
    X(AROUND)  /* the same, within a dozen */                                                      \
    X(SAID)    /* share of the question's weight inside the span */                                \
    X(SAID_ANY)                                                                                    \
    X(LENGTH)   /* words but one */                                                                \
    X(LENGTH_4) /* words over four */                                                              \
    X(COMMA)    /* a comma or quote inside */                                                      \
    X(ARTICLE_FIRST)                                                                               \
    X(STOP_FIRST)                                                                                  \
    X(STOP_LAST)                                                                                   \
    X(STOP_INSIDE)                                                                                 \
    X(CUT_LEFT) /* the phrase goes on to the left */                                               \
    X(CUT_RIGHT)                                                                                   \
    X(CUT_NAME_LEFT) /* a name goes on to the left */                                              \
    X(CUT_NAME_RIGHT)                                                                              \
    X(VERB_FIRST) /* …ed, …ing */                                                              \
    X(VERB_LAST)                                                                                   \
    X(ADVERB) /* …ly first or last */                                                            \
    X(QUOTED)                                                                                      \
    X(BRACKETED)                                                                                   \
    X(BEFORE_MARK) /* a mark or the sentence's end follows */                                      \
    X(AFTER_MARK)                                                                                  \
    X(BEFORE_STOP) /* a function word follows */                                                   \
    X(AFTER_IS)                                                                                    \
    X(AFTER_CALLED)                                                                                \
    X(AFTER_OF)                                                                                    \
    X(AFTER_TO)                                                                                    \
    X(AFTER_ARTICLE)                                                                               \
    X(AFTER_AND)                                                                                   \
    X(FOCUS_LEFT) /* the asked noun stands right before */                                         \
    X(FOCUS_RIGHT)                                                                                 \
    X(FOCUS_INSIDE)                                                                                \
    X(MATCH_LEFT) /* a word of the question stands right before */                                 \
    X(MATCH_RIGHT)                                                                                 \
    X(FIRST)   /* the sentence begins with it */                                                   \
    X(SUBJECT) /* asked as the subject ("who sent") and standing before what is shared */          \
    X(OBJECT)  /* asked as the object ("what did he send") and standing after it */

/* Those that are weighed by what is asked for. */
#define EXTRACT_KIND_FEATURES(X)                                                                   \
    X(NAMED)        /* every word of content begins with a capital letter */                       \
    X(NAMED_FIRST)  /* one such word that begins the sentence */                                   \
    X(LOWER)        /* no capital, no number */                                                    \
    X(NUMBER)       /* holds one */                                                                \
    X(NUMBER_ALONE) /* is one */                                                                   \
    X(DATE)         /* holds a year, month or weekday */                                           \
    X(DATE_ALONE)                                                                                  \
    X(ONE_WORD)                                                                                    \
    X(AFTER_BY)                                                                                    \
    X(AFTER_IN)                                                                                    \
    X(AFTER_BECAUSE)                                                                               \
    X(UNIT_RIGHT) /* the asked noun follows within three words */                                  \
    X(MONEY)      /* holds a currency or per cent sign */

enum {
#define EXTRACT_NAME(name) EXTRACT_##name,
    EXTRACT_FEATURES(EXTRACT_NAME) EXTRACT_N_COMMON
};
enum { EXTRACT_KIND_FEATURES(EXTRACT_NAME) EXTRACT_N_BY_KIND };
#undef EXTRACT_NAME
#define EXTRACT_N (EXTRACT_N_COMMON + ASKS_KINDS * EXTRACT_N_BY_KIND)

/** [EXTRACT_N]: the common ones, then those of each kind; made by bench/fit_extraction.py. */
extern const float EXTRACT_WEIGHTS[EXTRACT_N];

/** Where a span stands: its sentence, and its words first…end-1 of the passage. */
typedef struct {
    const question *q;
    const passage *p;
    sentence s;
    size_t first, end;
} extract_place;

/** Every span that may be the answer, with its features. */
typedef void (*extract_span_fn)(void *user, fr_str span, const extract_place *at,
                                const float features[EXTRACT_N]);
void extract_spans(fr_str question, const fr_str *passages, size_t n, fr_idf_fn idf, void *user,
                   extract_span_fn fn, void *fn_user);

/* --- what is learned from examples (extract_fit.c) -------------------------------------------- */

/* Words of the question beside the span's shape, its own words and those around it, as buckets of
 * a table: "colour" goes with "crimson", "born" with a year. */
#define EXTRACT_BUCKETS   32768
#define EXTRACT_PAIRS_MAX 128

struct fr_extractor {
    float weights[EXTRACT_N];
    float pairs[EXTRACT_BUCKETS];
};
/** Buckets of a span, at most EXTRACT_PAIRS_MAX. */
size_t extract_pairs(const extract_place *at, uint32_t buckets[EXTRACT_PAIRS_MAX]);
float extract_score(const fr_extractor *e, const extract_place *at,
                    const float features[EXTRACT_N]); /* e NULL: the general weights */

#endif
