#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die_of_hunger(size_t n, size_t size)
{
    fprintf(stderr, "frugal: not enough memory for %zu x %zu bytes\n", n, size);
    abort();
}

void *fr_array(size_t n, size_t size)
{
    void *at = calloc(n != 0 ? n : 1, size != 0 ? size : 1);
    if (at == NULL)
        die_of_hunger(n, size);
    return at;
}

void *fr_array_resize(void *at, size_t n, size_t size)
{
    if (size != 0 && n > SIZE_MAX / size)
        die_of_hunger(n, size);
    void *grown = realloc(at, n * size != 0 ? n * size : 1);
    if (grown == NULL)
        die_of_hunger(n, size);
    return grown;
}

int fr_try_array(size_t n, size_t size, const char *what_for, void **out, fr_err *err)
{
    size_t bytes = 0;
    if (!__builtin_mul_overflow(n, size, &bytes) && bytes <= SIZE_MAX / 2) {
        bytes = (bytes + 63) / 64 * 64;
        void *at = aligned_alloc(64, bytes != 0 ? bytes : 64);
        if (at != NULL) {
            memset(at, 0, bytes);
            *out = at;
            return 0;
        }
    }
    return fr_fail(err, FR_E_NO_MEMORY, "Close other programs, or ask for less.",
                   "no memory for %s (%zu x %zu bytes)", what_for, n, size);
}

char *fr_dup(const char *text)
{
    return text != NULL ? fr_dup_n(text, strlen(text)) : NULL;
}

char *fr_dup_n(const char *text, size_t n)
{
    char *copy = fr_array(n + 1, 1);
    if (n != 0)
        memcpy(copy, text, n);
    return copy;
}

char *fr_dup_f(const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = fr_array(n > 0 ? (size_t)n + 1 : 1, 1);
    if (n > 0)
        vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

void fr_sort(void *at, size_t n, size_t each, int (*order)(const void *, const void *))
{
    if (n > 1)
        qsort(at, n, each, order);
}
