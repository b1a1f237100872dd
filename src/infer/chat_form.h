/**
 * infer/chat_form.h: a conversation as the tokens that a model was taught to see.
 *
 *     FR_TRY(fr_chat_form_new(model, &form, err));
 *     FR_TRY(fr_chat_form_ids(form, messages, &so_far, &ids, err));
 *     request.ids = ids.at; … request.sampling.stop = fr_chat_form_stops(form, &n);
 *
 * A model with a chat template (tokenizer.chat_template, Jinja) is asked through it, exactly as
 * transformers' apply_chat_template does: bos_token and eos_token are its variables, control
 * tokens written in it are control tokens, and nothing is put before. A model without one gets a
 * plain form, with BOS where the vocabulary wants it:
 *
 *     SYSTEM                      if there is one, and an empty line
 *     <empty line>
 *     User: QUESTION
 *     Assistant: ANSWER           … and so on; an answer ends before a line that begins with
 * "User:"
 */
#ifndef FR_INFER_CHAT_FORM_H
#define FR_INFER_CHAT_FORM_H

#include <jansson.h>
#include "model/model.h"

typedef struct fr_chat_form fr_chat_form;
/** model is shared and must outlive it. FR_E_FORMAT, FR_E_UNSUPPORTED: of its template. */
int fr_chat_form_new(const fr_model *model, fr_chat_form **out, fr_err *err);
void fr_chat_form_free(fr_chat_form *f);
FR_AUTOPTR_DEFINE(fr_chat_form);

bool fr_chat_form_is_template(const fr_chat_form *f); /* false: the plain form */
/** Strings that end an answer, beside the model's own end tokens. Static. */
const char *const *fr_chat_form_stops(const fr_chat_form *f, size_t *n);

/** messages: [{"role": "system" | "user" | "assistant", "content": "…"}, …]. The text up to where
 * the assistant's next words go; appended to out. FR_E_FAILED when the template refuses them. */
int fr_chat_form_text(const fr_chat_form *f, const json_t *messages, fr_buf *out, fr_err *err);

/** What was given to the model last, and what it answered: text and ids of the same. */
typedef struct {
    fr_buf text;
    fr_ids ids;
} fr_chat_past;
void fr_chat_past_fini(fr_chat_past *p);
FR_AUTO_DEFINE(fr_chat_past);

/**
 * The same as ids, and *past becomes it. Where the text goes on from the past one, so do the ids:
 * an answer keeps the tokens it was generated with, so that a prefix cache holds all of it
 * (tokenized anew, some might differ). Zero-initialized past: none.
 */
int fr_chat_form_ids(const fr_chat_form *f, const json_t *messages, fr_chat_past *past,
                     fr_err *err);
/** The answer that came behind it. */
void fr_chat_past_add(const fr_chat_form *f, fr_chat_past *past, const char *text,
                      const int32_t *ids, size_t n);

#endif
