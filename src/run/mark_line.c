/* A line of a mark: "begin NAME", "end [NAME]", "work N NAME"… (see marks.h). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run/marks.h"

#define NUMBER_MOST 40

/* Length of the valid UTF-8 character at the head, without controls; 0: none. */
static size_t character(fr_str s)
{
    const unsigned char *c = (const unsigned char *)s.at;
    if (s.n == 0 || c[0] < ' ' || c[0] == 127)
        return 0;
    size_t n = c[0] < 0x80 ? 1 : c[0] >= 0xC2 && c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
    if (c[0] < 0x80)
        return 1;
    if (c[0] < 0xC2 || c[0] > 0xF4 || n > s.n)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xC0) != 0x80)
            return 0;
    }
    bool is_long = (c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xF0 && c[1] < 0x90);
    bool is_none = (c[0] == 0xED && c[1] > 0x9F) || (c[0] == 0xF4 && c[1] > 0x8F);
    bool is_control = c[0] == 0xC2 && c[1] < 0xA0;
    return is_long || is_none || is_control ? 0 : n;
}

/* A name that can be printed anywhere: what is none becomes '?', '/' (between phases) '|'. */
static void take_name(fr_str from, char out[FR_MARK_NAME])
{
    size_t n = 0;
    from = fr_str_trim(from);
    while (from.n > 0) {
        size_t step = character(from), room = step > 0 ? step : 1;
        if (n + room >= FR_MARK_NAME)
            break;
        if (step == 0)
            out[n] = '?';
        else
            memcpy(out + n, from.at, step);
        if (out[n] == '/')
            out[n] = '|';
        n += room;
        from.at += room;
        from.n -= room;
    }
    while (n > 0 && out[n - 1] == ' ') /* where it was cut */
        n--;
    out[n] = '\0';
}

static bool take_number(fr_str *rest, double *out)
{
    fr_str number;
    *rest = fr_str_trim(*rest);
    return rest->n > 0 && fr_str_next(rest, ' ', &number) && number.n < NUMBER_MOST &&
           fr_str_to_f64(number, out) && isfinite(*out);
}

void fr_mark_parse(fr_str line, fr_mark_line *out)
{
    static const struct {
        const char *word;
        fr_mark_verb verb;
        bool has_value, needs_name;
    } VERBS[] = {
        { "begin", FR_MARK_BEGIN, false, true },    { "next", FR_MARK_NEXT, false, true },
        { "end", FR_MARK_END, false, false },       { "work", FR_MARK_WORK, true, true },
        { "quality", FR_MARK_QUALITY, true, true }, { "dropped", FR_MARK_DROPPED, true, false },
        { "sync", FR_MARK_SYNC, false, false },
    };
    fr_str rest = fr_str_trim(line), word;
    *out = (fr_mark_line){ 0 };
    if (rest.n == 0 || !fr_str_next(&rest, ' ', &word))
        return;
    for (size_t i = 0; i < FR_COUNT_OF(VERBS); i++) {
        if (!fr_str_is(word, VERBS[i].word))
            continue;
        if (VERBS[i].has_value && (rest.at == NULL || !take_number(&rest, &out->value)))
            return;
        if (rest.at != NULL)
            take_name(rest, out->name);
        if (VERBS[i].needs_name && out->name[0] == '\0')
            return;
        if (VERBS[i].verb == FR_MARK_DROPPED && !(out->value >= 0 && out->value < 1e15))
            return;
        out->verb = VERBS[i].verb;
        return;
    }
}
