/**
 * text/grammar.h: grammars that a generated text must follow, matched byte by byte.
 *
 * The notation is GBNF, as llama.cpp's users know it: rules `name ::= …` that begin with `root`;
 * "literals" and [classes] with the escapes \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH; `.` for
 * any character; names of rules; ( groups ), | between ways; * + ? {m} {m,} {m,n} behind an
 * element; # comments. A rule goes on in the next line inside a group, after ::= and beside a |.
 *
 *     FR_TRY(fr_grammar_parse(FR_STR("root ::= \"yes\" | \"no\""), &grammar, err));
 *     fr_matcher *m = fr_matcher_new(grammar);
 *     fr_matcher_take(m, FR_STR("ye"));          true
 *     fr_matcher_is_complete(m);                 false: an "s" is missing
 *     fr_matcher_allowed(m, pieces, allowed);    which pieces may come next
 *
 * How: rules become nodes that read a byte, part, call or return; a state is the set of (node,
 * stack) that the text so far may have led to, with stacks that share their lower ends. States are
 * found once and kept with their transitions and allowed pieces, so that a text whose states recur
 * (as those of JSON do) is matched by looking up. No rule may call itself at its left end: it would
 * have no finite set.
 */
#ifndef FR_TEXT_GRAMMAR_H
#define FR_TEXT_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

/** Immutable once made; any number of matchers and threads. */
typedef struct fr_grammar fr_grammar;
/**
 * Limits: 1 MiB of text, 4,096 rules, groups 256 deep, 400,000 nodes once repetitions are written
 * out. Errors name line and column: FR_E_FORMAT for what is no GBNF, an unknown rule, left
 * recursion; FR_E_LIMIT for too much of it.
 */
int fr_grammar_parse(fr_str gbnf, fr_grammar **out, fr_err *err);
void fr_grammar_free(fr_grammar *g);
FR_AUTOPTR_DEFINE(fr_grammar);

/** The pieces of a vocabulary, in the order that shares their beginnings. Any number of readers. */
typedef struct fr_pieces fr_pieces;
/** pieces [n] are borrowed for as long as it lives. An empty one is never allowed. */
fr_pieces *fr_pieces_new(const fr_str *pieces, size_t n);
void fr_pieces_free(fr_pieces *p);

/** Where a text stands in a grammar. One thread at a time; the grammar must outlive it. */
typedef struct fr_matcher fr_matcher;
fr_matcher *fr_matcher_new(const fr_grammar *g);
void fr_matcher_free(fr_matcher *m);
/** Goes on by these bytes; false, and nothing changed, when no text of the grammar does so. */
bool fr_matcher_take(fr_matcher *m, fr_str bytes);
/** The text so far is one of the grammar's (it may still be able to go on). */
bool fr_matcher_is_complete(const fr_matcher *m);
/**
 * Bit i of the result is set when piece i may come next, whole. [(n + 63) / 64], borrowed until the
 * next call with this matcher. *n_allowed: how many. One set of pieces for the life of a matcher.
 */
const uint64_t *fr_matcher_allowed(fr_matcher *m, const fr_pieces *p, size_t *n_allowed);

#endif
