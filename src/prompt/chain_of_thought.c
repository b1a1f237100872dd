/* Reasoning before the answer, and the answer found in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "prompt/techniques_priv.h"

/* ---- the answer in a text ----------------------------------------------------------------- */

static fr_str rest_of(fr_str text, size_t at)
{
    return (fr_str){ text.at + at, text.n - at };
}

static bool blank_or_mark(char c)
{
    return c == ' ' || c == '\t' || c == '*' || c == '_' || c == '"' || c == '\'' || c == '`';
}

/* The line's content without what people set around an answer: quotes, stars, a full stop. */
static fr_str bare(fr_str line)
{
    while (line.n > 0 && (blank_or_mark(line.at[0]) || line.at[0] == ':'))
        line = rest_of(line, 1);
    while (line.n > 0 && (blank_or_mark(line.at[line.n - 1]) || line.at[line.n - 1] == '\r' ||
                          line.at[line.n - 1] == '.'))
        line.n--;
    return line;
}

static fr_str first_line(fr_str text)
{
    fr_str line = { text.at, 0 };
    text = fr_str_trim(text);
    fr_str_next(&text, '\n', &line);
    return line;
}

static bool at_word(fr_str text, size_t at, const char *word)
{
    size_t n = strlen(word);
    return at + n <= text.n && strncasecmp(text.at + at, word, n) == 0;
}

/* What stands in \boxed{…}, braces inside it matched. */
static fr_str in_braces(fr_str text)
{
    size_t depth = 1;
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == '{')
            depth++;
        else if (text.at[i] == '}' && --depth == 0)
            return (fr_str){ text.at, i };
    }
    return (fr_str){ text.at, 0 };
}

/* Behind the last mark of an answer; empty: there is none. */
static fr_str behind_mark(fr_task_kind kind, fr_str text)
{
    fr_str found = { text.at, 0 };
    char own[16];
    snprintf(own, sizeof(own), "%s:", fr_prompt_output_name(kind));
    const char *const marks[] = { own, "answer:", "answer is", "####", "label is" };
    for (size_t i = 0; i < text.n; i++) {
        fr_str here = { NULL, 0 };
        for (size_t m = 0; m < FR_COUNT_OF(marks) && here.at == NULL; m++) {
            bool line = marks[m][0] == '#';
            if (at_word(text, i, marks[m]) &&
                (!line || i == 0 || text.at[i - 1] == '\n' || text.at[i - 1] == ' '))
                here = bare(first_line(rest_of(text, i + strlen(marks[m]))));
        }
        if (at_word(text, i, "\\boxed{"))
            here = bare(in_braces(rest_of(text, i + 7)));
        if (here.n > 0)
            found = here;
    }
    return found;
}

fr_str fr_answer_extract(fr_task_kind kind, const fr_str *labels, size_t n_labels, fr_str text)
{
    fr_str found = behind_mark(kind, text);
    if (kind != FR_TASK_LABEL)
        return found;
    fr_str label = fr_prompt_match_label(labels, n_labels, found);
    return label;
}

/* ---- asking ------------------------------------------------------------------------------- */

/* Below the reasoning, once more and for the answer alone; what stands above is in the cache. */
static int ask_again(const fr_prompting *p, technique_ask *asks, size_t n, fr_tried *tried,
                     fr_err *err)
{
    static const char *const LINE_END[] = { "\n" };
    technique_ask *more = FR_NEW_N(technique_ask, n);
    size_t *whose = FR_NEW_N(size_t, n), n_more = 0;
    for (size_t i = 0; i < n; i++) {
        if (asks[i].text == NULL || tried[i].answer != NULL)
            continue;
        technique_ask *a = &more[n_more];
        whose[n_more++] = i;
        a->tried = &tried[i];
        a->sampling = p->sampling;
        a->sampling.temperature = 0;
        a->sampling.max_tokens = p->sampling.max_tokens != 0 ? p->sampling.max_tokens : 64;
        a->sampling.grammar = p->write == NULL ? p->sampling.grammar : NULL;
        a->sampling.stop = LINE_END;
        a->sampling.n_stop = 1;
        fr_buf_put_str(&a->prompt, fr_buf_str(&asks[i].prompt));
        fr_buf_put_f(&a->prompt, "%s\n%s:", asks[i].text, fr_prompt_output_name(p->kind));
    }
    int rc = n_more != 0 ? technique_ask_all(p, more, n_more, err) : 0;
    for (size_t i = 0; i < n_more; i++) {
        if (rc == 0 && more[i].text != NULL) {
            fr_str said = bare(fr_prompt_clean(fr_str_of(more[i].text)));
            if (p->kind == FR_TASK_LABEL)
                said = fr_prompt_match_label(p->labels, p->n_labels, said);
            tried[whose[i]].answer = said.n != 0 ? fr_str_dup(said) : NULL;
            tried[whose[i]].ended = "second";
        }
        technique_ask_fini(&more[i]);
    }
    free(more);
    free(whose);
    return rc;
}

int ask_thinking(const fr_prompting *p, const fr_technique *t, const fr_str *inputs, size_t n,
                 const fr_sampling *sampling, fr_tried *tried, fr_err *err)
{
    technique_ask *asks = FR_NEW_N(technique_ask, n);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        asks[i].tried = &tried[i];
        asks[i].sampling = *sampling;
        rc = technique_compose(p, t, inputs[i], NULL, 0, true, &asks[i].prompt, err);
    }
    if (rc == 0)
        rc = technique_ask_all(p, asks, n, err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (asks[i].text == NULL)
            continue;
        fr_str said = fr_answer_extract(p->kind, p->labels, p->n_labels, fr_str_of(asks[i].text));
        tried[i].answer = said.n != 0 ? fr_str_dup(said) : NULL;
        tried[i].ended = "answered";
        json_t *step = json_object();
        json_object_set_new(step, "thoughts", json_slice(fr_str_of(asks[i].text)));
        technique_note(&tried[i], step);
    }
    if (rc == 0)
        rc = ask_again(p, asks, n, tried, err);
    for (size_t i = 0; i < n; i++)
        technique_ask_fini(&asks[i]);
    free(asks);
    return rc;
}
