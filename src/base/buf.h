/**
 * buf.h: borrowed slices of text and bytes (fr_str), and text that grows (fr_buf).
 *
 *     fr_buf out = { .limit_bytes = 1 << 20 };
 *     fr_buf_put_f(&out, "%zu tokens", n);
 *     if (out.full) …                       the limit was reached, the rest was dropped
 *     char *text = fr_buf_take(&out);       owned, free()
 */
#ifndef FR_BASE_BUF_H
#define FR_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

/** Borrowed; not terminated. */
typedef struct {
    const char *at;
    size_t n;
} fr_str;

#define FR_STR(literal) ((fr_str){ (literal), sizeof(literal) - 1 })
#define FR_STR_F(s)     (int)(s).n, (s).at /* for "%.*s" */

fr_str fr_str_of(const char *text); /* NULL gives the empty slice */
bool fr_str_equal(fr_str a, fr_str b);
bool fr_str_is(fr_str a, const char *text);
bool fr_str_starts(fr_str a, fr_str head);
bool fr_str_ends(fr_str a, fr_str tail);
fr_str fr_str_trim(fr_str a); /* ASCII white space at both ends */
/** Cuts the piece before the next `by` off *rest; false when nothing is left. */
bool fr_str_next(fr_str *rest, char by, fr_str *piece);
bool fr_str_find(fr_str in, fr_str what, size_t *at);
/** Whole slice as a number; false when it is not one, or out of range. */
bool fr_str_to_i64(fr_str a, long long *out);
bool fr_str_to_f64(fr_str a, double *out);
char *fr_str_dup(fr_str a); /* owned, free() */

/** Zero-initialized is empty and usable. limit_bytes 0 means 1 GiB. Always terminated by a NUL. */
typedef struct {
    char *at;
    size_t n, cap;
    size_t limit_bytes;
    bool full;
} fr_buf;

void fr_buf_put(fr_buf *b, const void *bytes, size_t n);
void fr_buf_put_s(fr_buf *b, const char *text);
void fr_buf_put_str(fr_buf *b, fr_str text);
void fr_buf_put_c(fr_buf *b, char c);
void fr_buf_put_html(fr_buf *b, char c); /* as HTML and XML text or attribute has it */
void fr_buf_put_f(fr_buf *b, const char *fmt, ...) FR_PRINTF(2, 3);
fr_str fr_buf_str(const fr_buf *b);
const char *fr_buf_text(const fr_buf *b); /* "" when empty; borrowed until the next put */
void fr_buf_clear(fr_buf *b);
char *fr_buf_take(fr_buf *b); /* owned, free(); never NULL */
void fr_buf_fini(fr_buf *b);
FR_AUTO_DEFINE(fr_buf);

#endif
