/*
 * A document as chunks: whole sections and paragraphs while they fit, else whole sentences and list
 * items, else words. A chunk never goes on past a heading, so that the headings it stands below
 * are true of all of it.
 */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/mem.h"
#include "rag/rag_priv.h"
#include "text/utf8.h"

#define LEVELS 6

/* A piece that is not cut if that can be helped: a heading, a sentence, a list item, or a part of
 * one that is too long. */
typedef struct {
    size_t start, end; /* bytes */
    size_t size;       /* in the measure's unit */
    size_t title, title_n;
    bool paragraph; /* the first of its paragraph */
    bool section;   /* a heading */
} unit;
typedef struct {
    unit *at;
    size_t n, cap;
    const chunk_rule *rule;
    size_t title, title_n; /* of what comes */
} units;

void cuts_fini(cuts *c)
{
    free(c->at);
    fr_buf_fini(&c->titles);
    for (size_t i = 0; i < LEVELS; i++)
        free(c->headings[i]);
    *c = (cuts){ 0 };
}

static bool is_space_at(fr_str text, size_t i)
{
    unsigned char c = (unsigned char)text.at[i];
    return c == ' ' || (c >= 0x09 && c <= 0x0D);
}

static size_t size_of(const chunk_rule *rule, fr_str text)
{
    if (rule->measure != NULL)
        return rule->measure(rule->measure_user, text);
    size_t n_chars = 0;
    for (size_t i = 0; i < text.n; i++)
        n_chars += ((unsigned char)text.at[i] & 0xC0) != 0x80;
    return n_chars;
}

static void put_unit(units *u, fr_str text, size_t start, size_t end, bool paragraph)
{
    while (start < end && is_space_at(text, start))
        start++;
    while (end > start && is_space_at(text, end - 1))
        end--;
    if (start == end)
        return;
    FR_GROW(u->at, u->n, u->cap);
    u->at[u->n++] = (unit){ .start = start,
                            .end = end,
                            .size = size_of(u->rule, (fr_str){ text.at + start, end - start }),
                            .title = u->title,
                            .title_n = u->title_n,
                            .paragraph = paragraph };
}

/* Where a piece of at most `limit` characters ends: after a space if there is one in its second
 * half, else after a character. */
static size_t chars_end(fr_str text, size_t start, size_t end, size_t limit)
{
    size_t i = start, space = 0, n_chars = 0;
    while (i < end && n_chars < limit) {
        uint32_t c = 0;
        i += fr_utf8_next((fr_str){ text.at + i, end - i }, &c);
        n_chars++;
        if (i < end && is_space_at(text, i) && n_chars > limit / 2)
            space = i;
    }
    return i < end && space != 0 ? space : i;
}

/* The same in the rule's unit. */
static size_t cut_at(const chunk_rule *rule, fr_str text, size_t start, size_t end)
{
    if (rule->measure == NULL)
        return chars_end(text, start, end, rule->most);
    for (size_t chars = rule->most * 6;; chars = chars * 3 / 4) {
        size_t stop = chars_end(text, start, end, FR_MAX(chars, (size_t)1));
        if (chars <= 1 || size_of(rule, (fr_str){ text.at + start, stop - start }) <= rule->most)
            return stop;
    }
}

static void put_sentence(units *u, fr_str text, size_t start, size_t end, bool paragraph)
{
    size_t before = u->n;
    put_unit(u, text, start, end, paragraph);
    if (u->n == before || u->at[before].size <= u->rule->most)
        return;
    u->n = before;
    for (size_t at = start; at < end;) {
        size_t stop = cut_at(u->rule, text, at, end);
        put_unit(u, text, at, stop, paragraph && at == start);
        at = stop;
    }
}

/* A sentence ends after . ! ? and what closes after it, when white space and no small letter
 * follow; or after the full stops of scripts without spaces. */
static bool ends_sentence(fr_str text, size_t i, size_t end, size_t *after)
{
    uint32_t c = 0;
    size_t at = i + fr_utf8_next((fr_str){ text.at + i, end - i }, &c);
    if (c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0x0964) {
        *after = at;
        return true;
    }
    if (c != '.' && c != '!' && c != '?')
        return false;
    while (at < end) {
        size_t step = fr_utf8_next((fr_str){ text.at + at, end - at }, &c);
        if (c != '"' && c != '\'' && c != ')' && c != ']' && c != 0x201D && c != 0x2019 &&
            c != 0xBB && c != '.' && c != '!' && c != '?')
            break;
        at += step;
    }
    *after = at;
    if (at < end && !is_space_at(text, at))
        return false;
    while (at < end && is_space_at(text, at))
        at++;
    if (at == end)
        return true;
    fr_utf8_next((fr_str){ text.at + at, end - at }, &c);
    return utf8proc_category((utf8proc_int32_t)c) != UTF8PROC_CATEGORY_LL;
}

/* A line that begins with a bullet or a number and a full stop. */
static bool is_item(fr_str text, size_t i, size_t end)
{
    while (i < end && (text.at[i] == ' ' || text.at[i] == '\t'))
        i++;
    size_t digits = 0;
    while (i + digits < end && digits < 4 && text.at[i + digits] >= '0' &&
           text.at[i + digits] <= '9')
        digits++;
    if (digits > 0)
        return i + digits + 1 < end && (text.at[i + digits] == '.' || text.at[i + digits] == ')') &&
               text.at[i + digits + 1] == ' ';
    return i + 1 < end && strchr("-*+", text.at[i]) != NULL && text.at[i + 1] == ' ';
}

static void put_paragraph(units *u, fr_str text, size_t start, size_t end)
{
    size_t first = start;
    bool fresh = true;
    for (size_t i = start; i < end;) {
        size_t after = i + 1;
        unsigned char c = (unsigned char)text.at[i];
        bool ends = c == '\n' ? is_item(text, i + 1, end)
                              : (c == '.' || c == '!' || c == '?' || c >= 0x80) &&
                                    ends_sentence(text, i, end, &after);
        if (!ends) {
            i++;
            continue;
        }
        put_sentence(u, text, first, after, fresh);
        fresh = false;
        i = first = after;
    }
    put_sentence(u, text, first, end, fresh);
}

/* The level of a Markdown heading, 1…6, and its words; 0: none. */
static size_t heading_at(fr_str line, fr_str *words)
{
    size_t signs = 0;
    while (signs < line.n && line.at[signs] == '#')
        signs++;
    if (signs == 0 || signs > LEVELS || signs == line.n || line.at[signs] != ' ')
        return 0;
    *words = fr_str_trim((fr_str){ line.at + signs, line.n - signs });
    while (words->n > 0 && words->at[words->n - 1] == '#')
        words->n--;
    *words = fr_str_trim(*words);
    return words->n > 0 ? signs : 0;
}

/* A heading closes those of its level and below. */
static void enter_heading(cuts *c, size_t level, fr_str words)
{
    for (size_t i = level - 1; i < LEVELS; i++) {
        free(c->headings[i]);
        c->headings[i] = NULL;
    }
    c->headings[level - 1] = fr_str_dup((fr_str){ words.at, FR_MIN(words.n, (size_t)200) });
}

/* The path of headings, for what comes. */
static void put_title(cuts *c, units *u)
{
    u->title = c->titles.n;
    for (size_t i = 0; i < LEVELS; i++) {
        if (c->headings[i] == NULL)
            continue;
        if (c->titles.n > u->title)
            fr_buf_put_s(&c->titles, " > ");
        fr_buf_put_s(&c->titles, c->headings[i]);
    }
    u->title_n = c->titles.n - u->title;
}

static fr_str line_at(fr_str text, size_t i)
{
    const char *end = memchr(text.at + i, '\n', text.n - i);
    return (fr_str){ text.at + i, end != NULL ? (size_t)(end - (text.at + i)) : text.n - i };
}

/* Paragraphs end at a line that holds nothing, and at headings; code between fences is one. */
static void put_paragraphs(units *u, fr_str text, cuts *c)
{
    size_t start = 0;
    bool fenced = false, markdown = u->rule->markdown;
    put_title(c, u);
    for (size_t i = 0; i < text.n;) {
        fr_str line = line_at(text, i), words = { 0 };
        size_t next = FR_MIN(i + line.n + 1, text.n);
        if (markdown && (fr_str_starts(line, FR_STR("```")) || fr_str_starts(line, FR_STR("~~~"))))
            fenced = !fenced;
        size_t level = markdown && !fenced ? heading_at(line, &words) : 0;
        bool blank = !fenced && fr_str_trim(line).n == 0;
        if (level > 0 || blank) {
            put_paragraph(u, text, start, i);
            start = next;
        }
        if (level > 0) {
            enter_heading(c, level, words);
            put_title(c, u);
            size_t before = u->n;
            put_sentence(u, text, i, i + line.n, true);
            if (u->n > before)
                u->at[before].section = true;
        }
        i = next;
    }
    put_paragraph(u, text, FR_MIN(start, text.n), text.n);
}

/* Sizes from unit `at` through the end of its paragraph. */
static size_t paragraph_size(const units *u, size_t at, size_t between)
{
    size_t sum = u->at[at].size;
    for (size_t i = at + 1; i < u->n && !u->at[i].paragraph; i++)
        sum += u->at[i].size + between;
    return sum;
}

/* The unit after the chunk that begins at `first`. */
static size_t chunk_end(const units *u, fr_str text, size_t first)
{
    size_t limit = u->rule->most, between = u->rule->measure == NULL;
    size_t used = u->at[first].size, i = first + 1;
    bool heading = u->at[first].section; /* headings alone so far */
    for (; i < u->n && used + between + u->at[i].size <= limit; i++) {
        if (u->at[i].section && !heading)
            break;
        heading = heading && u->at[i].section;
        /* rather a short chunk than a cut paragraph */
        if (u->at[i].paragraph && used > limit / 3 &&
            used + between + paragraph_size(u, i, between) > limit)
            break;
        used += u->at[i].size + between;
    }
    while (u->rule->measure != NULL && i > first + 1 &&
           size_of(u->rule, (fr_str){ text.at + u->at[first].start,
                                      u->at[i - 1].end - u->at[first].start }) > limit)
        i--;
    return i;
}

/* The last heading of those that a chunk begins with: it stands below that. */
static const unit *titled_by(const units *u, size_t first, size_t end)
{
    while (first + 1 < end && u->at[first].section && u->at[first + 1].section)
        first++;
    return &u->at[first];
}

void chunks_of(fr_str text, const chunk_rule *rule, cuts *out)
{
    units u = { .rule = rule };
    size_t between = rule->measure == NULL;
    put_paragraphs(&u, text, out);
    for (size_t first = 0; first < u.n;) {
        size_t end = chunk_end(&u, text, first);
        const unit *below = titled_by(&u, first, end);
        FR_GROW(out->at, out->n, out->cap);
        out->at[out->n++] =
            (cut){ u.at[first].start, u.at[end - 1].end, below->title, below->title_n };
        /* inside a paragraph, whole sentences are said again */
        size_t next = end, used = 0;
        while (end < u.n && !u.at[end].paragraph && next > first + 1 && !u.at[next].paragraph &&
               used + u.at[next - 1].size <= rule->overlap)
            used += u.at[--next].size + between;
        first = next;
    }
    free(u.at);
}

size_t fr_measure_words(void *unused, fr_str text)
{
    word_scan scan = { .text = text };
    fr_str word;
    run_kind kind;
    size_t n = 0, signs = 0;
    (void)unused;
    while (word_next(&scan, &word, &kind))
        n++;
    for (size_t i = 0; i < text.n; i++)
        signs += (unsigned char)text.at[i] < 0x80 &&
                 strchr(".,;:!?()[]{}<>/\\|\"'`~@#$%^&*-_=+", text.at[i]) != NULL;
    return FR_MAX(n + signs, (size_t)1);
}
