#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "prompt/prompt.h"
#include "text/utf8.h"

/* One line: every run of white space and control characters becomes one space. */
static void put_flat(fr_buf *out, fr_str text)
{
    bool gap = false, begun = false;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool breaks = c <= 0x20 || c == 0x7F;
        /* U+0085, U+2028 and U+2029 end a line as well */
        if (c == 0xC2 && i + 1 < text.n && (unsigned char)text.at[i + 1] == 0x85) {
            breaks = true;
            i++;
        } else if (c == 0xE2 && i + 2 < text.n && (unsigned char)text.at[i + 1] == 0x80 &&
                   ((unsigned char)text.at[i + 2] & 0xFE) == 0xA8) {
            breaks = true;
            i += 2;
        }
        if (breaks) {
            gap = begun;
            continue;
        }
        if (gap)
            fr_buf_put_c(out, ' ');
        gap = false;
        begun = true;
        fr_buf_put_c(out, (char)c);
    }
}

static void put_field(fr_buf *out, const char *name, fr_str text)
{
    fr_buf_put_s(out, name);
    fr_buf_put_s(out, ": ");
    put_flat(out, text);
    fr_buf_put_c(out, '\n');
}

/* What a form calls its parts. */
typedef struct {
    const char *labels, *passage, *input, *output;
} form;

static const form *form_of(fr_task_kind kind, fr_prompt_wording wording)
{
    static const form FORMS[][FR_PROMPT_WORDINGS] = {
        [FR_TASK_NONE] = { { NULL, NULL, "Instruction", "Response" },
                           { NULL, NULL, "Task", "Answer" },
                           { NULL, NULL, "Request", "Reply" } },
        [FR_TASK_LABEL] = { { "Labels", NULL, "Text", "Label" },
                            { "Options", NULL, "Message", "Option" },
                            { "Choose one of", NULL, "Input", "Output" } },
        [FR_TASK_ANSWER] = { { NULL, "Passage", "Question", "Answer" },
                             { NULL, "Context", "Q", "A" },
                             { NULL, "Source", "Query", "Reply" } },
    };
    return &FORMS[kind == FR_TASK_TEXT ? FR_TASK_NONE : kind][wording];
}

void fr_prompt_build(const fr_prompt_parts *parts, fr_buf *out)
{
    const form *f = form_of(parts->kind, parts->wording);
    if (parts->instruction.n > 0) {
        put_flat(out, parts->instruction);
        fr_buf_put_c(out, '\n');
    }
    if (parts->kind == FR_TASK_LABEL && parts->n_labels > 0) {
        fr_buf_put_f(out, "%s: ", f->labels);
        for (size_t i = 0; i < parts->n_labels; i++) {
            fr_buf_put_s(out, i > 0 ? ", " : "");
            put_flat(out, parts->labels[i]);
        }
        fr_buf_put_c(out, '\n');
    }
    for (size_t i = 0; i < parts->n_shots; i++) {
        put_field(out, f->input, parts->shots[i].input);
        put_field(out, f->output, parts->shots[i].output);
        fr_buf_put_c(out, '\n'); /* a blank line parts the examples */
    }
    for (size_t i = 0; parts->kind == FR_TASK_ANSWER && i < parts->n_passages; i++)
        put_field(out, f->passage, parts->passages[i]);
    for (size_t i = 0; i < parts->n_knowledge; i++)
        put_field(out, "Knowledge", parts->knowledge[i]);
    put_field(out, f->input, parts->input);
    if (parts->think) {
        fr_prompt_think(parts->kind, out);
        return;
    }
    fr_buf_put_s(out, f->output);
    fr_buf_put_c(out, ':');
}

const char *fr_prompt_output_name(fr_task_kind kind)
{
    return form_of(kind, FR_PROMPT_WORDING_OWN)->output;
}

void fr_prompt_think(fr_task_kind kind, fr_buf *out)
{
    fr_buf_put_f(out,
                 "Think step by step. Then write a last line that begins with \"%s:\" and has "
                 "nothing else but it.\nThoughts:",
                 form_of(kind, FR_PROMPT_WORDING_OWN)->output);
}

void fr_prompt_completion(fr_str output, fr_buf *out)
{
    fr_buf_put_c(out, ' ');
    put_flat(out, output);
    fr_buf_put_c(out, '\n');
}

fr_str fr_prompt_clean(fr_str completion)
{
    completion = fr_str_trim(completion);
    for (size_t i = 0; i < completion.n; i++) {
        if (completion.at[i] == '\n' || completion.at[i] == '\r') {
            completion.n = i;
            break;
        }
    }
    return fr_str_trim(completion);
}

static bool stands_in(fr_str text, fr_str word, size_t *at)
{
    for (size_t i = 0; i + word.n <= text.n; i++) {
        if (strncasecmp(text.at + i, word.at, word.n) == 0) {
            *at = i;
            return true;
        }
    }
    return false;
}

fr_str fr_prompt_match_label(const fr_str *labels, size_t n, fr_str text)
{
    fr_str found = { NULL, 0 };
    size_t first = SIZE_MAX;
    for (size_t l = 0; l < n; l++) {
        fr_str label = labels[l];
        size_t at = 0;
        if (text.n == label.n && strncasecmp(text.at, label.at, label.n) == 0)
            return label;
        if (stands_in(text, label, &at) && (at < first || (at == first && label.n > found.n))) {
            first = at;
            found = label;
        }
    }
    return found;
}
