/*
 * Words of documents and of queries, by the same rules. SQLite's unicode61 tokenizer then only
 * parts at spaces: it gets letters, marks and numbers alone, so no character of a user reaches it
 * with a meaning, and its own folding (remove_diacritics) finds nothing left to do.
 */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "rag/rag_priv.h"
#include "text/utf8.h"

#define QUERY_TERMS_MAX 256 /* the rest of a very long query is left out */

static bool stands_alone(uint32_t c)
{
    return (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) ||
           (c >= 0x1780 && c <= 0x17FF) || (c >= 0x3040 && c <= 0x30FF) ||
           (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

static bool is_term(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return c != 0xFFFD && category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
}

typedef enum { RUN_NONE, RUN_WORD, RUN_PAIRS } run_kind;

void terms_put(fr_str text, fr_buf *out)
{
    FR_AUTO(fr_buf) folded = { 0 };
    fr_utf8_fold(text, &folded);
    fr_str rest = fr_buf_str(&folded);
    size_t first = out->n;
    run_kind run = RUN_NONE;
    size_t last = 0, last_n = 0; /* the character before, in a run of pairs */
    bool paired = false;
    for (size_t i = 0, step = 0; i < rest.n; i += step) {
        uint32_t c = 0;
        step = fr_utf8_next((fr_str){ rest.at + i, rest.n - i }, &c);
        run_kind now = !is_term(c) ? RUN_NONE : stands_alone(c) ? RUN_PAIRS : RUN_WORD;
        if (run == RUN_PAIRS && now != RUN_PAIRS && !paired)
            fr_buf_put(out, rest.at + last, last_n); /* a run of one character */
        if (run != now && run != RUN_NONE)
            fr_buf_put_c(out, ' ');
        if (now == RUN_WORD) {
            fr_buf_put(out, rest.at + i, step);
        } else if (now == RUN_PAIRS) {
            if (run == RUN_PAIRS) {
                if (paired)
                    fr_buf_put_c(out, ' ');
                fr_buf_put(out, rest.at + last, last_n + step);
            }
            paired = run == RUN_PAIRS;
            last = i;
            last_n = step;
        }
        run = now;
    }
    if (run == RUN_PAIRS && !paired)
        fr_buf_put(out, rest.at + last, last_n);
    if (run == RUN_NONE && out->n > first)
        out->at[--out->n] = '\0'; /* the space after the last word */
}

void terms_query(fr_str text, fr_buf *out)
{
    FR_AUTO(fr_buf) terms = { 0 };
    terms_put(text, &terms);
    fr_str rest = fr_buf_str(&terms), term, seen[QUERY_TERMS_MAX];
    size_t n = 0;
    while (n < QUERY_TERMS_MAX && fr_str_next(&rest, ' ', &term)) {
        bool again = term.n == 0;
        for (size_t i = 0; i < n && !again; i++)
            again = fr_str_equal(seen[i], term);
        if (again)
            continue;
        /* No quote can stand inside: terms are letters, marks and numbers. */
        fr_buf_put_s(out, n > 0 ? " OR \"" : "\"");
        fr_buf_put_str(out, term);
        fr_buf_put_c(out, '"');
        seen[n++] = term;
    }
}
