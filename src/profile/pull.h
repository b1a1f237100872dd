/** pull.h: JSON (RFC 8259) a token at a time, in the memory of one token. Inside the room only. */
#ifndef FR_PROFILE_PULL_H
#define FR_PROFILE_PULL_H

#include <stdint.h>
#include <stdio.h>
#include "base/buf.h"

#define FR_PULL_DEPTH 128
#define FR_PULL_TEXT  4096 /* of a string so much is kept; the rest is read and left */

typedef enum {
    FR_PULL_END, /* of the input */
    FR_PULL_OBJECT,
    FR_PULL_OBJECT_END,
    FR_PULL_ARRAY,
    FR_PULL_ARRAY_END,
    FR_PULL_KEY,
    FR_PULL_STRING,
    FR_PULL_NUMBER,
    FR_PULL_WORD /* true, false, null */
} fr_pull_kind;

typedef struct {
    const char *name;
    FILE *in; /* borrowed; or NULL: bytes */
    fr_str bytes;
    unsigned char buffer[65536];
    size_t at, n;
    uint64_t offset, line;
    char stack[FR_PULL_DEPTH]; /* '{' or '[' */
    size_t depth;
    bool has_value, after_key, after_comma; /* of the innermost */
    fr_pull_kind kind;
    char text[FR_PULL_TEXT + 1]; /* of key, string, number, word */
    size_t text_n;
    double number;
} fr_pull;

void fr_pull_init(fr_pull *p, const char *name, FILE *in, fr_str bytes);
/** The next token in p->kind. FR_E_FORMAT names file, line and offset. */
int fr_pull_next(fr_pull *p, fr_err *err);
/** Reads the rest of the value whose first token was just read. */
int fr_pull_skip(fr_pull *p, fr_err *err);
int fr_pull_fail(const fr_pull *p, fr_err *err, const char *what);

#endif
