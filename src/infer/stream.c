/* From the bytes of tokens to text that may be shown. Three things are held back: the bytes of a
 * character until it is complete, the characters that may become a stop string, and all that
 * follows one. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "infer/infer_priv.h"
#include "text/utf8.h"

void fr_stream_init(fr_stream *s, const char *const *stop, size_t n_stop)
{
    *s = (fr_stream){ .stop = FR_NEW_N(char *, n_stop) };
    for (size_t i = 0; i < n_stop; i++) {
        if (stop[i] != NULL && stop[i][0] != '\0')
            s->stop[s->n_stop++] = fr_dup(stop[i]);
    }
}

void fr_stream_fini(fr_stream *s)
{
    for (size_t i = 0; i < s->n_stop; i++)
        free(s->stop[i]);
    free(s->stop);
    fr_buf_fini(&s->text);
    *s = (fr_stream){ 0 };
}

/* Whether text ends in a stop string; *at is where that begins, the earliest of several. */
static bool ends_in_stop(const fr_stream *s, size_t *at)
{
    bool found = false;
    for (size_t i = 0; i < s->n_stop; i++) {
        fr_str stop = fr_str_of(s->stop[i]);
        if (fr_str_ends(fr_buf_str(&s->text), stop) && (!found || s->text.n - stop.n < *at)) {
            *at = s->text.n - stop.n;
            found = true;
        }
    }
    return found;
}

/* Characters come one by one, so which stop string ends the text depends on the text alone, not on
 * how it was cut into tokens. */
static void put_character(fr_stream *s, fr_str c)
{
    fr_buf_put_str(&s->text, c);
    size_t at = 0;
    if (ends_in_stop(s, &at)) {
        s->text.n = at;
        s->text.at[at] = '\0';
        s->stopped = true;
    }
}

bool fr_stream_put(fr_stream *s, fr_str bytes)
{
    for (size_t i = 0; i < bytes.n && !s->stopped; i++) {
        s->tail[s->tail_n++] = bytes.at[i];
        while (s->tail_n > 0 && !s->stopped) {
            fr_str tail = { s->tail, s->tail_n };
            if (fr_utf8_incomplete_tail(tail) == tail.n)
                break;
            uint32_t c = 0;
            size_t n = fr_utf8_next(tail, &c);
            char good[4];
            put_character(s, (fr_str){ good, fr_utf8_put(c == 0 ? 0xFFFD : c, good) });
            s->tail_n -= n;
            memmove(s->tail, s->tail + n, s->tail_n);
        }
    }
    return s->stopped;
}

/* The longest end of text that is the beginning of a stop string. */
static size_t held_back(const fr_stream *s)
{
    size_t longest = 0;
    for (size_t i = 0; i < s->n_stop; i++) {
        fr_str stop = fr_str_of(s->stop[i]);
        for (size_t n = FR_MIN(stop.n - 1, s->text.n); n > longest; n--) {
            if (memcmp(s->text.at + s->text.n - n, stop.at, n) == 0)
                longest = n;
        }
    }
    return longest;
}

fr_str fr_stream_take(fr_stream *s, bool ended)
{
    size_t to = s->text.n - (ended || s->stopped ? 0 : held_back(s));
    if (to <= s->given)
        return (fr_str){ "", 0 };
    fr_str out = { s->text.at + s->given, to - s->given };
    s->given = to;
    return out;
}
