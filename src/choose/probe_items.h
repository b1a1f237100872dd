/**
 * choose/probe_items.h: small questions of our own making, drawn by a seed, whose answers can be
 * checked by a rule: what a model is probed with.
 *
 *     fr_probe_items items = { 0 };
 *     fr_probe_items_make(&items, FR_PROBE_ARITHMETIC, 24, seed);
 *     fr_probe_passes(&items.at[0], "The answer is 42.");
 *
 * No item can be passed by silence, by echoing the question, or by the same word every time.
 */
#ifndef FR_CHOOSE_PROBE_ITEMS_H
#define FR_CHOOSE_PROBE_ITEMS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

typedef enum fr_probe_kind {
    FR_PROBE_PASSAGE,     /* an answer that stands in a passage */
    FR_PROBE_LANGUAGES,   /* words into a language, days of its week, a sentence repeated */
    FR_PROBE_JSON,        /* an object of two keys */
    FR_PROBE_ARITHMETIC,  /* sums, differences, products, by digits */
    FR_PROBE_REFUSAL,     /* asked to keep to one subject: answers in it, refuses beside it */
    FR_PROBE_INSTRUCTION, /* forms of an answer: capitals, order, number, separator */
    FR_PROBE_CONTEXT,     /* a fact far back in a long text */
    FR_PROBE_KINDS
} fr_probe_kind;
const char *fr_probe_kind_name(fr_probe_kind k); /* static */

typedef enum fr_probe_rule {
    FR_RULE_HAS_WORD, /* the wanted text stands in the answer as words of its own */
    FR_RULE_NUMBER,   /* the first number of the answer is the wanted one */
    FR_RULE_LINE,     /* the first line is the wanted text, but for an end mark and quotes */
    FR_RULE_CASELESS, /* the same, capitals aside */
    FR_RULE_JSON, /* the answer is JSON, an object with the keys of the wanted one and its values */
    FR_RULE_REFUSES /* the wanted text stands in it, and nothing of the other one */
} fr_probe_rule;

/** Texts owned. */
typedef struct {
    fr_probe_kind kind;
    char group[24]; /* "3 digits", "de words", "25% deep" */
    char *passage;  /* NULL: none */
    char *question;
    char *want, *other; /* other: what must not be there; NULL: nothing */
    fr_probe_rule rule;
    size_t max_tokens;
    bool with_grammar; /* the answer is held to the JSON grammar below */
    size_t n_filler;   /* FR_PROBE_CONTEXT: tokens of text around the fact; and where in it */
    double depth;
} fr_probe_item;

typedef struct {
    fr_probe_item *at;
    size_t n, cap;
} fr_probe_items;
void fr_probe_items_fini(fr_probe_items *items);

/** n items of a kind (of JSON: n with and n without the grammar; not for CONTEXT). */
void fr_probe_items_make(fr_probe_items *items, fr_probe_kind kind, size_t n, uint64_t seed);
/** A fact in so many tokens of other sentences, which fr_probe_filler() makes: see passage. */
void fr_probe_items_context(fr_probe_items *items, size_t tokens, double depth, size_t n,
                            uint64_t seed);
/** Sentence i of the filler of item `which`. Appended to out. */
void fr_probe_filler(uint64_t seed, uint64_t which, uint64_t i, fr_buf *out);
bool fr_probe_passes(const fr_probe_item *item, const char *answer);

/** The grammar (GBNF) of the JSON items' objects. */
extern const char FR_PROBE_GRAMMAR[];

#endif
