/* What a prompt could do without: what is found, what goes, and what never does. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "prompt/concise.h"

static char *dropped(const char *template, const char *format, const char *keep, double at_most)
{
    fr_str text = fr_str_of(template);
    bool *fixed = FR_NEW_N(bool, text.n + 1);
    FR_AUTO(fr_concise_words_list) words = { 0 };
    FR_AUTO(fr_flaws) flaws = { 0 };
    FR_AUTO(fr_buf) out = { 0 };
    fr_concise_fix_fields(text, format, fixed);
    fr_concise_fix_heads(text, fixed);
    if (keep != NULL)
        fr_concise_fix_text(text, fr_str_of(keep), fixed);
    fr_concise_words(text, fixed, &words);
    for (size_t i = 0; i < words.n; i++) { /* longer words tell more here */
        words.at[i].tokens = 1;
        words.at[i].nats = (double)(words.at[i].to - words.at[i].from);
    }
    fr_concise_flaws(text, fixed, &flaws);
    fr_concise_drop(text, &words, &flaws, at_most, &out);
    free(fixed);
    return fr_buf_take(&out);
}

static void filler_and_what_is_said_twice_goes_first(void **state)
{
    (void)state;
    const struct {
        const char *text, *left;
    } rows[] = {
        { "Please answer the question.", "answer the question." },
        { "Use the facts below.\nUse the facts below!\nQuestion: {q}",
          "Use the facts below.\nQuestion: {q}" },
        { "The house stood at the end of a road. The house stood at the very end of a road. {x}",
          "The house stood at the end of a road. {x}" },
        { "{x} It is a quiet place. It is a quiet place. {y}", "{x} It is a quiet place. {y}" },
        { "Please.\nThank you very much.\nQuestion: {q}", "Question: {q}" },
        { "Label: refund\n\nText: {x}\nLabel: refund\n",
          "Label: refund\n\nText: {x}\nLabel: refund\n" },
        { "Say please {x}", "Say {x}" },
        { "pleased, displease", "pleased, displease" },
        { "No. No. No.", "No. No. No." },
    };
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        char *left = dropped(rows[i].text, "f-string", NULL, INFINITY);
        assert_string_equal(left, rows[i].left);
        free(left);
    }
}

static void words_that_tell_the_least_go_next_and_what_is_kept_stays(void **state)
{
    (void)state;
    char *left =
        dropped("Text: an elephant is in a small room {room}\nAnswer:", "f-string", "is in", 6);
    assert_string_equal(left, "Text: elephant is in small {room}\nAnswer:");
    free(left);
    left = dropped("a b {{ keep | upper }} c {% if x %} d {% endif %}", "jinja2", NULL, 0);
    assert_string_equal(left, "{{ keep | upper }} {% if x %} {% endif %}");
    free(left);
    left = dropped("one 1st two 22 three", "none", NULL, 0);
    assert_string_equal(left, "");
    free(left);
}

/* Whatever is dropped, fields and heads come out as they went in, in order. */
static void no_field_is_ever_lost(void **state)
{
    (void)state;
    static const char *const PIECES[] = {
        "word ",  "please ", "{a} ",  "{b!r:>5}", "\n",
        "Head: ", "x, ",     "very.", "{{}} ",    "the same words again here. "
    };
    for (uint64_t round = 0; round < 300; round++) {
        FR_AUTO(fr_buf) text = { 0 };
        FR_AUTO(fr_buf) fields = { 0 };
        FR_AUTO(fr_buf) found = { 0 };
        for (uint64_t i = 0; i < 12; i++) {
            const char *piece =
                PIECES[fr_random_below(FR_COUNT_OF(PIECES), 7, FR_RANDOM_TEST, round, i)];
            fr_buf_put_s(&text, piece);
            if (strchr(piece, '{') != NULL && piece[1] != '{')
                fr_buf_put(&fields, piece, strcspn(piece, "}") + 1);
        }
        char *left = dropped(fr_buf_text(&text), "f-string", NULL, (double)(round % 6));
        for (const char *at = left; (at = strchr(at, '{')) != NULL;) {
            if (at[1] == '{') {
                at += 2;
                continue;
            }
            size_t n = strcspn(at, "}") + 1;
            fr_buf_put(&found, at, n);
            at += n;
        }
        assert_string_equal(fr_buf_text(&found), fr_buf_text(&fields));
        free(left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filler_and_what_is_said_twice_goes_first),
        cmocka_unit_test(words_that_tell_the_least_go_next_and_what_is_kept_stays),
        cmocka_unit_test(no_field_is_ever_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
