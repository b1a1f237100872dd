/** text/utf8.h: UTF-8 as the Unicode Standard has it (chapter 3.9): no surrogates, no overlongs. */
#ifndef FR_TEXT_UTF8_H
#define FR_TEXT_UTF8_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

/** Decodes one character at text; returns its bytes (1…4), or 1 with *c = U+FFFD when invalid. */
size_t fr_utf8_next(fr_str text, uint32_t *c);
/** Encodes a character; U+FFFD for what is none. Returns its bytes (1…4). */
size_t fr_utf8_put(uint32_t c, char out[4]);
bool fr_utf8_valid(fr_str text);
/** How many bytes from the start are whole, well-formed characters. */
size_t fr_utf8_valid_prefix(fr_str text);
/** How many bytes at the end belong to a character that is not complete yet (0…3). */
size_t fr_utf8_incomplete_tail(fr_str text);
/**
 * For matching, not for showing: case folded, compatibility forms resolved, accents (U+0300…U+036F)
 * dropped; invalid bytes stay as they are. Appended to out.
 */
void fr_utf8_fold(fr_str text, fr_buf *out);

#endif
