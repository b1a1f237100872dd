/**
 * mem.h: memory whose sizes were checked before they were multiplied.
 *
 * A program that cannot get a few bytes cannot go on: these end it with a line on stderr. Sizes
 * that come from a file or a user are asked for with fr_try_array(), which fails politely.
 */
#ifndef FR_BASE_MEM_H
#define FR_BASE_MEM_H

#include <stddef.h>
#include "base/err.h"

/** Zeroed; owned, free(). n * size is checked. Never NULL (n = 0 gives one byte). */
void *fr_array(size_t n, size_t size);
/** Grows or shrinks; new bytes are not zeroed. Never NULL. */
void *fr_array_resize(void *at, size_t n, size_t size);
/** Zeroed and aligned to 64 bytes; owned, free(). FR_E_NO_MEMORY names what it was for. */
int fr_try_array(size_t n, size_t size, const char *what_for, void **out, fr_err *err);
/** Copies; owned, free(). fr_dup(NULL) is NULL. */
char *fr_dup(const char *text);
char *fr_dup_n(const char *text, size_t n);
/** printf into a fresh string; owned, free(). */
char *fr_dup_f(const char *fmt, ...) FR_PRINTF(1, 2);

#define FR_NEW(type)      ((type *)fr_array(1, sizeof(type)))
#define FR_NEW_N(type, n) ((type *)fr_array((n), sizeof(type)))

/** Makes room for one more row of a plain growing array (at, n, cap). */
#define FR_GROW(at, n, cap)                                                                        \
    do {                                                                                           \
        if ((n) >= (cap)) {                                                                        \
            (cap) = (cap) != 0 ? (cap)*2 : 8;                                                      \
            (at) = fr_array_resize((at), (cap), sizeof(*(at)));                                    \
        }                                                                                          \
    } while (0)

/** qsort() that may be given nothing at all: an array of no elements need not be there. */
void fr_sort(void *at, size_t n, size_t each, int (*order)(const void *, const void *));

#endif
