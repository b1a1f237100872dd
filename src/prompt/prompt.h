/**
 * prompt/prompt.h: the prompts that the ladder's rungs use, built from parts.
 *
 * One form per kind of task (the embedded model was trained on it; larger models follow it too):
 *   label   Labels: a, b⏎Text: …⏎Label:
 *   answer  Passage: …⏎Question: …⏎Answer:
 *   text    Instruction: …⏎Response:
 * A completion begins with one space and ends at the line's end. Examples (shots) are input and
 * output lines with a blank line after each; they stand after the labels and before the passages:
 *   Labels: a, b⏎Text: …⏎Label: a⏎⏎Text: …⏎Label:
 *
 *     FR_AUTO(fr_buf) prompt = { 0 };
 *     fr_prompt_build(&(fr_prompt_parts){ .kind = FR_TASK_ANSWER, .passages = hits, .n_passages =
 * 2, .input = question }, &prompt); …ask with the stop string "\n"… fr_str answer =
 * fr_prompt_clean(fr_str_of(completion));
 */
#ifndef FR_PROMPT_PROMPT_H
#define FR_PROMPT_PROMPT_H

#include <stdbool.h>
#include "base/buf.h"

typedef enum fr_task_kind {
    FR_TASK_NONE,
    FR_TASK_LABEL,
    FR_TASK_ANSWER,
    FR_TASK_TEXT
} fr_task_kind;

/** The words of the form itself: as above, or two ways of saying the same, with which one sees how
 * much a model hangs on the wording: Options/Message/Option and Choose one of/Input/Output for
 * labels; Context/Q/A and Source/Query/Reply; Task/Answer and Request/Reply. */
typedef enum fr_prompt_wording {
    FR_PROMPT_WORDING_OWN,
    FR_PROMPT_WORDING_SECOND,
    FR_PROMPT_WORDING_THIRD,
    FR_PROMPT_WORDINGS
} fr_prompt_wording;

typedef struct {
    fr_str input, output;
} fr_shot;

typedef struct {
    fr_task_kind kind;
    const fr_str *labels; /* label: all of them, in order of first appearance */
    size_t n_labels;
    const fr_str *passages; /* answer: retrieved; may be none */
    size_t n_passages;
    const fr_shot *shots;
    size_t n_shots;
    fr_str input;
    /* what techniques add; empty: not there */
    fr_str instruction;      /* a line of its own before all else */
    const fr_str *knowledge; /* statements, after the passages: Knowledge: … */
    size_t n_knowledge;
    bool think; /* the answer is reasoned first: the prompt asks for it and ends with "Thoughts:" */
    fr_prompt_wording wording; /* zero: the form's own */
} fr_prompt_parts;

/** Runs of white space (line breaks too) inside a part become one space, so that no part can fake
 * another: every line but the shots' blank ones begins with a name of the form. Appended to out. */
void fr_prompt_build(const fr_prompt_parts *parts, fr_buf *out);
/** What stands for the output in training rows: " " + output + "\n". */
void fr_prompt_completion(fr_str output, fr_buf *out);
/** The first line of an answer (after blank ones), trimmed. Borrowed from completion. */
fr_str fr_prompt_clean(fr_str completion);
/** The name that the form gives the output: "Label", "Answer", "Response". Static. */
const char *fr_prompt_output_name(fr_task_kind kind);
/** What asks for reasoning before the answer, up to and with "Thoughts:". Appended to out. */
void fr_prompt_think(fr_task_kind kind, fr_buf *out);
/** What somebody wrote, as a label: the same text, else the label that stands in it first, of
 * several at one place the longest. Borrowed from labels; empty when none stands in it. */
fr_str fr_prompt_match_label(const fr_str *labels, size_t n, fr_str text);

#endif
