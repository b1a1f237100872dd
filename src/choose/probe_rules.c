/* Whether an answer passes: rules that a person can check with a finger on the page. */
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "choose/probe_items.h"

/* A letter or digit of ASCII; other scripts are written without spaces, so they end no word. */
static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) && (unsigned char)c < 0x80;
}

static bool has_word(fr_str text, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text.n; i++) {
        if (strncasecmp(text.at + i, word, n) == 0 &&
            (i == 0 || !is_word_byte(text.at[i - 1]) || !is_word_byte(word[0])) &&
            (i + n == text.n || !is_word_byte(text.at[i + n]) || !is_word_byte(word[n - 1])))
            return true;
    }
    return false;
}

/* The first line that says something, without quotes around it and an end mark behind. */
static fr_str first_line(fr_str text)
{
    text = fr_str_trim(text);
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == '\n')
            text.n = i;
    }
    text = fr_str_trim(text);
    while (text.n != 0 && strchr(".!\"'`*", text.at[text.n - 1]) != NULL)
        text.n--;
    while (text.n != 0 && strchr("\"'`*", text.at[0]) != NULL) {
        text.at++;
        text.n--;
    }
    return fr_str_trim(text);
}

/* "1,234" is one number; "-" before a digit belongs to it. */
static bool first_number_is(fr_str text, const char *want)
{
    FR_AUTO(fr_buf) digits = { 0 };
    size_t i = 0;
    while (i < text.n && !isdigit((unsigned char)text.at[i]))
        i++;
    if (i > 0 && i < text.n && text.at[i - 1] == '-')
        fr_buf_put_c(&digits, '-');
    for (; i < text.n; i++) {
        bool comma =
            text.at[i] == ',' && i + 3 < text.n && isdigit((unsigned char)text.at[i + 1]) &&
            isdigit((unsigned char)text.at[i + 2]) && isdigit((unsigned char)text.at[i + 3]);
        if (isdigit((unsigned char)text.at[i]))
            fr_buf_put_c(&digits, text.at[i]);
        else if (!comma)
            break;
    }
    return strcmp(fr_buf_text(&digits), want) == 0;
}

/* The whole answer, a fence of three backticks aside, is one object with those keys and values. */
static bool is_json(fr_str text, const char *want)
{
    text = fr_str_trim(text);
    if (fr_str_starts(text, FR_STR("```"))) {
        size_t end = 0;
        fr_str head, body = text;
        fr_str_next(&body, '\n', &head);
        if (!fr_str_find(body, FR_STR("```"), &end))
            return false;
        text = fr_str_trim((fr_str){ body.at, end });
    }
    json_t *got = json_loadb(text.at, text.n, 0, NULL), *wanted = json_loads(want, 0, NULL);
    bool ok = json_is_object(got) && json_equal(got, wanted);
    json_decref(got);
    json_decref(wanted);
    return ok;
}

bool fr_probe_passes(const fr_probe_item *item, const char *answer)
{
    fr_str text = fr_str_of(answer), line = first_line(text);
    bool clean = item->other == NULL || !has_word(text, item->other);
    switch (item->rule) {
    case FR_RULE_HAS_WORD:
    case FR_RULE_REFUSES:
        return clean && has_word(text, item->want);
    case FR_RULE_NUMBER:
        return first_number_is(text, item->want);
    case FR_RULE_LINE:
        return fr_str_is(line, item->want);
    case FR_RULE_CASELESS:
        return line.n == strlen(item->want) && strncasecmp(line.at, item->want, line.n) == 0;
    case FR_RULE_JSON:
        return is_json(text, item->want);
    }
    return false;
}
