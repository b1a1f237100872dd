/* Numbers and texts as people read them. What is unknown is a dash, never NaN. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "report/report_priv.h"

#define DASH   "\xe2\x80\x93"
#define NARROW "\xe2\x80\xaf" /* a thin space that does not break */

static void with_prefix(double v, const char *unit, bool tick, char out[FR_WORD])
{
    static const struct {
        double least, factor;
        const char *prefix;
    } STEPS[] = { { 1e12, 1e-12, "T" },  { 1e9, 1e-9, "G" }, { 1e6, 1e-6, "M" },
                  { 1e3, 1e-3, "k" },    { 1, 1, "" },       { 1e-3, 1e3, "m" },
                  { 0, 1e6, "\xc2\xb5" } };
    if (!isfinite(v)) {
        snprintf(out, FR_WORD, DASH);
        return;
    }
    double size = fabs(v);
    if (size < 5e-10) {
        snprintf(out, FR_WORD, "0" NARROW "%s", unit);
        return;
    }
    size_t i = 0;
    while (size * 1.0005 < STEPS[i].least)
        i++;
    double shown = v * STEPS[i].factor;
    int digits = fabs(shown) >= 99.95 ? 0 : fabs(shown) >= 9.995 ? 1 : 2;
    if (tick || fabs(shown) >= 1e6)
        snprintf(out, FR_WORD, "%.3g" NARROW "%s%s", shown, STEPS[i].prefix, unit);
    else
        snprintf(out, FR_WORD, "%.*f" NARROW "%s%s", digits, shown, STEPS[i].prefix, unit);
}

void fr_word_j(double joules, char out[FR_WORD])
{
    with_prefix(joules, "J", false, out);
}

void fr_word_wh(double joules, char out[FR_WORD])
{
    with_prefix(joules / 3600, "Wh", false, out);
}

void fr_tick_j(double joules, char out[FR_WORD])
{
    with_prefix(joules, "J", true, out);
}

void fr_tick_wh(double joules, char out[FR_WORD])
{
    with_prefix(joules / 3600, "Wh", true, out);
}

void fr_word_g(double grams, char out[FR_WORD])
{
    if (fabs(grams) >= 999500)
        with_prefix(grams * 1e-6, "t", false, out);
    else
        with_prefix(grams, "g", false, out);
}

void fr_word_s(double seconds, char out[FR_WORD])
{
    char text[FR_TIME_TEXT];
    if (!isfinite(seconds) || seconds < 0) {
        snprintf(out, FR_WORD, DASH);
        return;
    }
    if (seconds < 0.01) {
        with_prefix(seconds, "s", false, out);
        return;
    }
    fr_duration_text(FR_MIN(seconds, 3e9), text);
    snprintf(out, FR_WORD, "%s", text);
}

static void grouped(double n, char out[FR_WORD])
{
    char digits[32];
    snprintf(digits, sizeof(digits), "%.0f", n);
    size_t length = strlen(digits), at = 0;
    for (size_t i = 0; i < length && at + 5 < FR_WORD; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-') {
            memcpy(out + at, NARROW, 3);
            at += 3;
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void fr_word_count(double n, char out[FR_WORD])
{
    if (!isfinite(n))
        snprintf(out, FR_WORD, DASH);
    else if (fabs(n) >= 1e15)
        snprintf(out, FR_WORD, "%.2g", n);
    else if (fabs(n) >= 1e9)
        snprintf(out, FR_WORD, "%.3g billion", n * 1e-9);
    else if (fabs(n) >= 1e6 && fmod(n, 1000) != 0)
        snprintf(out, FR_WORD, "%.3g million", n * 1e-6);
    else
        grouped(n, out);
}

void fr_word_short(double n, char out[FR_WORD])
{
    static const char *const PREFIXES[] = { "", "k", "M", "G", "T" };
    size_t i = 0;
    if (!isfinite(n)) {
        snprintf(out, FR_WORD, DASH);
        return;
    }
    for (; fabs(n) >= 999.5 && i + 1 < FR_COUNT_OF(PREFIXES); i++)
        n /= 1000;
    snprintf(out, FR_WORD, "%.3g%s", n, PREFIXES[i]);
}

void fr_word_score(double v, char out[FR_WORD])
{
    if (!isfinite(v))
        snprintf(out, FR_WORD, DASH);
    else if (fabs(v) < 10)
        snprintf(out, FR_WORD, "%.3f", v);
    else
        snprintf(out, FR_WORD, "%.4g", v);
}

size_t fr_characters(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

/* Marks that turn the direction of writing would turn what stands beside the text, too. */
static bool is_bidi_mark(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;
    return c[0] == 0xe2 && ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
                            (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

size_t fr_unprintable(const char *at)
{
    if (is_bidi_mark(at))
        return 3;
    return (unsigned char)*at < ' ' || *at == 0x7f ? 1 : 0;
}

void fr_put_escaped_n(fr_buf *out, const char *text, size_t most_characters)
{
    size_t n = 0;
    for (; text != NULL && *text != '\0'; text++) {
        if ((*text & 0xc0) != 0x80 && ++n > most_characters) {
            fr_buf_put_s(out, "\xe2\x80\xa6");
            return;
        }
        size_t unprintable = fr_unprintable(text);
        if (unprintable > 0) {
            fr_buf_put_c(out, ' ');
            text += unprintable - 1;
            continue;
        }
        fr_buf_put_html(out, *text);
    }
}

void fr_put_escaped(fr_buf *out, const char *text)
{
    fr_put_escaped_n(out, text, SIZE_MAX);
}
