/* Numbers within bounds, as alternatives of digits. */
#include "text/schema_priv.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { DIGITS = 20 };
#define LARGEST 999999999999999999LL /* 18 digits */
#define REALS   999999999999999LL    /* 15 digits before the point */

static void alternative(fr_buf *out, bool *first)
{
    if (!*first)
        fr_buf_put_s(out, " | ");
    *first = false;
}

static void put_any(fr_buf *out, size_t n)
{
    if (n > 0)
        fr_buf_put_f(out, n == 1 ? " [0-9]" : " [0-9]{%zu}", n);
}

static void put_digits(fr_buf *out, const char *digits, size_t n)
{
    if (n > 0)
        fr_buf_put_f(out, " \"%.*s\"", (int)n, digits);
}

/* Numbers of as many digits as these that begin like them up to `at` and are then larger
 * (step 1) or smaller (-1): a way for each place where they part. */
static void put_parting(fr_buf *out, const char *digits, size_t n, size_t at, int step, bool *first)
{
    for (size_t i = at; i < n; i++) {
        char lo = step > 0 ? (char)(digits[i] + 1) : '0',
             hi = step > 0 ? '9' : (char)(digits[i] - 1);
        if (lo > hi)
            continue;
        alternative(out, first);
        put_digits(out, digits, i);
        fr_buf_put_f(out, " [%c-%c]", lo, hi);
        put_any(out, n - i - 1);
    }
}

/* lo <= x <= hi, both of n digits. */
static void put_same_length(fr_buf *out, const char *lo, const char *hi, size_t n, bool *first)
{
    size_t same = 0;
    while (same < n && lo[same] == hi[same])
        same++;
    alternative(out, first);
    put_digits(out, lo, n);
    if (same == n)
        return;
    put_parting(out, lo, n, same + 1, 1, first);
    if (hi[same] - lo[same] > 1) {
        alternative(out, first);
        put_digits(out, lo, same);
        fr_buf_put_f(out, " [%c-%c]", lo[same] + 1, hi[same] - 1);
        put_any(out, n - same - 1);
    }
    put_parting(out, hi, n, same + 1, -1, first);
    alternative(out, first);
    put_digits(out, hi, n);
}

/* 0 <= lo <= hi */
static void put_range(fr_buf *out, long long lo, long long hi, bool *first)
{
    char a[DIGITS + 4], b[DIGITS + 4];
    for (;;) {
        int n = snprintf(a, sizeof(a), "%lld", lo);
        long long top = 9;
        for (int i = 1; i < n; i++)
            top = top * 10 + 9;
        snprintf(b, sizeof(b), "%lld", FR_MIN(top, hi));
        put_same_length(out, a, b, (size_t)n, first);
        if (hi <= top)
            return;
        lo = top + 1;
    }
}

/* Bounds of a number; absent ones are infinite. */
typedef struct {
    double lo, hi;
    bool lo_strict, hi_strict;
} bounds;

static bounds bounds_of(const json_t *flat)
{
    const json_t *lo = json_object_get(flat, "minimum"), *hi = json_object_get(flat, "maximum"),
                 *above = json_object_get(flat, "exclusiveMinimum"),
                 *below = json_object_get(flat, "exclusiveMaximum");
    bounds b = { lo != NULL ? json_number_value(lo) : -INFINITY,
                 hi != NULL ? json_number_value(hi) : INFINITY, false, false };
    if (above != NULL && json_number_value(above) >= b.lo) {
        b.lo = json_number_value(above);
        b.lo_strict = true;
    }
    if (below != NULL && json_number_value(below) <= b.hi) {
        b.hi = json_number_value(below);
        b.hi_strict = true;
    }
    return b;
}

int fr_schema_put_integer(schema_work *w, const json_t *flat, fr_buf *out, bool *possible)
{
    (void)w;
    bounds b = bounds_of(flat);
    bool first = true;
    *possible = true;
    if (isinf(b.lo) && isinf(b.hi)) {
        fr_buf_put_s(out, "int");
        return 0;
    }
    double low = b.lo_strict ? floor(b.lo) + 1 : ceil(b.lo),
           high = b.hi_strict ? ceil(b.hi) - 1 : floor(b.hi);
    long long lo = low < -(double)LARGEST  ? -LARGEST
                   : low > (double)LARGEST ? LARGEST + 1
                                           : (long long)low;
    long long hi = high > (double)LARGEST    ? LARGEST
                   : high < -(double)LARGEST ? -LARGEST - 1
                                             : (long long)high;
    *possible = lo <= hi;
    if (!*possible)
        return 0;
    fr_buf_put_c(out, '(');
    if (lo < 0) {
        fr_buf_put_s(out, "\"-\" (");
        put_range(out, hi < 0 ? -hi : 1, -lo, &first);
        fr_buf_put_c(out, ')');
    }
    if (hi >= 0) {
        fr_buf_put_s(out, lo < 0 ? " | " : "");
        first = true;
        put_range(out, FR_MAX(lo, 0), hi, &first);
    }
    fr_buf_put_c(out, ')');
    return 0;
}

/* lo (<) <= x (<) <= hi for whole lo >= 0; hi < 0: none. false: nothing. */
static bool put_real_range(fr_buf *out, long long lo, bool lo_strict, long long hi, bool hi_strict)
{
    bool first = true, any = false;
    long long last = hi < 0 ? REALS : hi - 1; /* whole parts that take any fraction */
    long long from = lo_strict ? lo + 1 : lo;
    if (from <= last) {
        fr_buf_put_c(out, '(');
        put_range(out, from, last, &first);
        fr_buf_put_s(out, ") (\".\" [0-9]{1,16})?");
        any = true;
    }
    if (lo_strict && lo <= last) {
        fr_buf_put_f(out, "%s\"%lld.\" [0-9]{0,15} [1-9]", any ? " | " : "", lo);
        any = true;
    }
    if (hi >= 0 && !hi_strict && (hi > lo || (hi == lo && !lo_strict))) {
        fr_buf_put_f(out, "%s\"%lld\" (\".\" \"0\"{1,16})?", any ? " | " : "", hi);
        any = true;
    }
    return any;
}

int fr_schema_put_number(schema_work *w, const json_t *flat, fr_buf *out, bool *possible)
{
    bounds b = bounds_of(flat);
    *possible = true;
    if (isinf(b.lo) && isinf(b.hi)) {
        fr_buf_put_s(out, "number");
        return 0;
    }
    if ((isfinite(b.lo) && b.lo != floor(b.lo)) || (isfinite(b.hi) && b.hi != floor(b.hi)) ||
        (isfinite(b.lo) && fabs(b.lo) > (double)REALS) ||
        (isfinite(b.hi) && fabs(b.hi) > (double)REALS))
        return fr_schema_fail(w, FR_E_FORMAT, "Give whole bounds, or make it an integer.",
                              "a number with bounds that are no whole numbers of at most 15 "
                              "digits is not supported");
    long long lo = isinf(b.lo) ? -REALS : (long long)b.lo, hi = isinf(b.hi) ? -1 : (long long)b.hi;
    bool any = false;
    fr_buf_put_c(out, '(');
    if (b.lo < 0) {
        FR_AUTO(fr_buf) part = { 0 };
        bool some =
            b.hi > 0 || isinf(b.hi)
                ? put_real_range(&part, 0, false, isinf(b.lo) ? -1 : -lo, b.lo_strict)
                : put_real_range(&part, -hi, b.hi_strict, isinf(b.lo) ? -1 : -lo, b.lo_strict);
        if (some)
            fr_buf_put_f(out, "\"-\" (%s)", fr_buf_text(&part));
        any = some;
    }
    if (b.hi >= 0) {
        FR_AUTO(fr_buf) part = { 0 };
        bool some = put_real_range(&part, b.lo > 0 ? lo : 0, b.lo >= 0 && b.lo_strict,
                                   isinf(b.hi) ? -1 : hi, b.hi_strict);
        if (some)
            fr_buf_put_f(out, "%s%s", any ? " | " : "", fr_buf_text(&part));
        any |= some;
    }
    fr_buf_put_c(out, ')');
    *possible = any;
    return 0;
}
