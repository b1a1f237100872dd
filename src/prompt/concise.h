/**
 * prompt/concise.h: what a prompt could do without: sentences said twice, polite filler, words that
 * a small model could have guessed.
 *
 *     bool *fixed = FR_NEW_N(bool, text.n + 1);
 *     fr_concise_fix_fields(text, "f-string", fixed);      {variables} stay
 *     fr_concise_fix_heads(text, fixed);                   "Question:", "Answer:" stay
 *     fr_concise_words(text, fixed, &words);
 *     … words.at[i].nats, .tokens from a model …
 *     fr_concise_flaws(text, fixed, &flaws);
 *     fr_concise_drop(text, &words, &flaws, at_most_tokens, &out);
 *
 * Source for the dropping: Selective Context (Li et al. 2023, arXiv:2310.06201) and LLMLingua
 * (Jiang et al. 2023, arXiv:2310.05736): what a small language model predicts well tells a large
 * one little. Here words are the unit, and what may not go is said byte by byte.
 *
 * Everything here is a function of its arguments.
 */
#ifndef FR_PROMPT_CONCISE_H
#define FR_PROMPT_CONCISE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"

/** Marks bytes that must stay: placeholders of a format ("f-string", "jinja2", "mustache"; others:
 * none). fixed [text.n]. */
void fr_concise_fix_fields(fr_str text, const char *format, bool *fixed);
/** Names at the beginning of a line that end with a colon: "Text:", "Answer:". */
void fr_concise_fix_heads(fr_str text, bool *fixed);
/** Words with a digit in them. */
void fr_concise_fix_numbers(fr_str text, bool *fixed);
/** Wherever it stands, whole words, case aside. */
void fr_concise_fix_text(fr_str text, fr_str what, bool *fixed);

typedef enum fr_flaw_kind {
    FR_FLAW_NONE,
    FR_FLAW_DUPLICATE,      /* the same sentence (or passage) again */
    FR_FLAW_NEAR_DUPLICATE, /* four words in five are the same */
    FR_FLAW_FILLER          /* "please", "I would like you to" */
} fr_flaw_kind;
const char *fr_flaw_name(fr_flaw_kind k); /* "duplicate", "near-duplicate", "filler" */

/** Bytes from…to of the text; of duplicates, where it was said first. */
typedef struct {
    fr_flaw_kind kind;
    size_t from, to, first_from, first_to;
    double likeness; /* 0…1, of duplicates */
    bool fixed;      /* something in it must stay */
} fr_flaw;
typedef struct {
    fr_flaw *at;
    size_t n, cap;
} fr_flaws;
/** In order of the text. Sentences below three words are never duplicates, nor are lines with a
 * head below six ("Label: refund" is said once an example). */
void fr_concise_flaws(fr_str text, const bool *fixed, fr_flaws *out);
void fr_flaws_fini(fr_flaws *f);
FR_AUTO_DEFINE(fr_flaws);

/** A word and the blanks behind it. nats and tokens are the caller's to fill in. */
typedef struct {
    size_t from, to, end; /* end: behind the blanks */
    bool fixed, dropped;
    double nats, tokens;
} fr_concise_word;
typedef struct {
    fr_concise_word *at;
    size_t n, cap;
} fr_concise_words_list;
void fr_concise_words(fr_str text, const bool *fixed, fr_concise_words_list *out);
void fr_concise_words_list_fini(fr_concise_words_list *w);
FR_AUTO_DEFINE(fr_concise_words_list);

/**
 * Drops flaws first, then words that tell the least, until the tokens left are at most so many or
 * nothing more may go; a line that loses all its words goes too.
 *
 * at_most  INFINITY: the flaws alone.
 * out      appended to: what is left.
 * Returns  tokens left, by the words' own counts.
 */
double fr_concise_drop(fr_str text, fr_concise_words_list *words, const fr_flaws *flaws,
                       double at_most, fr_buf *out);

#endif
