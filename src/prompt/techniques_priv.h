/* techniques_priv.h: shared between the files of the techniques only. */
#ifndef FR_PROMPT_TECHNIQUES_PRIV_H
#define FR_PROMPT_TECHNIQUES_PRIV_H

#include "prompt/techniques.h"

/** Prompts of several inputs, asked together; those beyond the context are not asked. */
typedef struct {
    fr_buf prompt;
    fr_sampling sampling;
    fr_tried *tried; /* whose counts it is added to */
    char *text;      /* out; owned; NULL: too long */
} technique_ask;
int technique_ask_all(const fr_prompting *p, technique_ask *asks, size_t n, fr_err *err);
void technique_ask_fini(technique_ask *a);

/** think: ask for reasoning. Appended to out. */
int technique_compose(const fr_prompting *p, const fr_technique *t, fr_str input,
                      const fr_str *knowledge, size_t n_knowledge, bool think, fr_buf *out,
                      fr_err *err);
/** The sampling of an answer: ends with the line, where the form is ours. */
fr_sampling technique_sampling(const fr_prompting *p, bool think);
/** The answer in what came back for a prompt that did not ask for reasoning; owned; NULL: none. */
char *technique_answer(const fr_prompting *p, const char *text);
/** A place in the trace of an input. Takes step. */
void technique_note(fr_tried *tried, json_t *step);
json_t *json_slice(fr_str text); /* bytes that are no UTF-8 become U+FFFD */

int ask_by_vote(const fr_prompting *p, const fr_technique *t, fr_str input, fr_tried *out,
                fr_err *err);
int ask_with_knowledge(const fr_prompting *p, const fr_technique *t, const fr_str *inputs, size_t n,
                       fr_tried *tried, fr_err *err);
int ask_with_tools(const fr_prompting *p, const fr_technique *t, fr_str input, fr_tried *out,
                   fr_err *err);
int ask_thinking(const fr_prompting *p, const fr_technique *t, const fr_str *inputs, size_t n,
                 const fr_sampling *sampling, fr_tried *tried, fr_err *err);

#endif
