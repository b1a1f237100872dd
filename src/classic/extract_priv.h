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
    WORD_STOP = 8     /* carries structure, not content */
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
bool word_is_date(fr_str fold);

/* What a question asks for. */
typedef enum {
    ASKS_ANY,
    ASKS_WHO,
    ASKS_WHERE,
    ASKS_WHEN,
    ASKS_NUMBER,
    ASKS_NAME, /* a thing with a name of its own: which river, what is it called */
    ASKS_WHY,
    ASKS_KINDS
} asks;

typedef struct {
    passage p;
    asks kind;
    bool year;      /* of ASKS_WHEN: the year alone */
    bool weekday;   /* of ASKS_WHEN: a day of the week */
    size_t focus;   /* word after what, which, how many…; SIZE_MAX: none */
    double *weight; /* [p.n_words]: how much a match of it says */
    double total;
} question;

void question_read(question *q, fr_str text, fr_idf_fn idf, void *user);
void question_fini(question *q);
/** How alike two folded words are: 1 equal, less for one stem, 0 unlike. */
double word_likeness(fr_str a, fr_str b);

/* What each feature of a span adds (see extract_answer.c). */
#define EXTRACT_FEATURES(X)                                                                        \
    X(sentence, 3.0)                                                                               \
    X(sentence_before, 0.4)                                                                        \
    X(passage, 0.8)                                                                                \
    X(rank, 0.3)                                                                                   \
    X(near, 2.0)                                                                                   \
    X(reach, 4.0)                                                                                  \
    X(said, 2.0)                                                                                   \
    X(said_any, 0.5)                                                                               \
    X(length, 0.08)                                                                                \
    X(comma, 0.4)                                                                                  \
    X(who_named, 1.2)                                                                              \
    X(who_number, 0.5)                                                                             \
    X(who_by, 0.3)                                                                                 \
    X(where_named, 1.0)                                                                            \
    X(where_date, 0.6)                                                                             \
    X(where_in, 0.5)                                                                               \
    X(when_date, 1.5)                                                                              \
    X(when_number, 0.5)                                                                            \
    X(when_year_alone, 0.5)                                                                        \
    X(when_weekday, 0.5)                                                                           \
    X(number_number, 1.5)                                                                          \
    X(number_date, 0.8)                                                                            \
    X(number_rest, 0.2)                                                                            \
    X(number_unit, 0.6)                                                                            \
    X(name_named, 0.8)                                                                             \
    X(why_because, 0.8)                                                                            \
    X(any_named, 0.2)                                                                              \
    X(any_date, -0.3)                                                                              \
    X(any_number, -0.2)                                                                            \
    X(cut_phrase, 0.4)                                                                             \
    X(cut_name, 0.8)                                                                               \
    X(stop_first, 0.5)                                                                             \
    X(stop_last, 1.0)                                                                              \
    X(verb_first, 0.2)                                                                             \
    X(quoted, 0.2)                                                                                 \
    X(before_mark, 0.1)                                                                            \
    X(after_copula, 0.2)                                                                           \
    X(focus_beside, 0.3)

typedef struct {
#define EXTRACT_FIELD(name, value) double name;
    EXTRACT_FEATURES(EXTRACT_FIELD)
#undef EXTRACT_FIELD
} extract_weights;
/* Constant but for bench/extraction.c, which is built with -DEXTRACT_WEIGHTS_CONST= to set them. */
#ifndef EXTRACT_WEIGHTS_CONST
#define EXTRACT_WEIGHTS_CONST const
#endif
extern EXTRACT_WEIGHTS_CONST extract_weights EXTRACT_WEIGHTS;

#endif
