/* grammar_priv.h: what the parser leaves for the matcher. */
#ifndef FR_TEXT_GRAMMAR_PRIV_H
#define FR_TEXT_GRAMMAR_PRIV_H

#include "text/grammar.h"

typedef enum {
    GRAMMAR_BYTE,  /* a byte from lo to hi, then a */
    GRAMMAR_PART,  /* a or b */
    GRAMMAR_CALL,  /* the rule that begins at a, then b */
    GRAMMAR_RETURN /* the rule is over */
} grammar_kind;

typedef struct {
    uint8_t kind, lo, hi;
    uint32_t a, b;
} grammar_node;

/* Within a repetition that goes on for long all copies behave alike for a while: nodes that no
 * GRAMMAR_NEAR bytes can tell apart share one of them. */
#define GRAMMAR_NEAR 16

struct fr_grammar {
    grammar_node *nodes;
    uint32_t *like; /* [n]; owned; NULL: each is only like itself */
    size_t n, cap;
    uint32_t root;
};

#endif
