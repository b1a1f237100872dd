/* A conversation with one model, or with two that answer the same: what was said, what each answer
 * took. */
#ifndef FR_CLI_CHAT_SESSION_H
#define FR_CLI_CHAT_SESSION_H

#include "cli/model_work.h"
#include "infer/chat_form.h"

/* A model that answers. Zero-initialized is none. */
typedef struct {
    const char *name; /* of its file; borrowed from path */
    char *path;       /* owned */
    fr_engine *engine;
    bool owns_engine;
    fr_chat_form *form; /* owned */
    fr_chat_past past;
} fr_speaker;

/* What an answer took. Zero-initialized is empty. */
typedef struct {
    char *text; /* owned */
    size_t prompt_tokens, cached_tokens, completion_tokens, dropped_turns;
    fr_finish finish;
    double prefill_s, decode_s;
    fr_used used;
} fr_spoken;
void fr_spoken_fini(fr_spoken *a);
FR_AUTO_DEFINE(fr_spoken);

typedef struct {
    fr_cli *cli;
    fr_model_work work;
    fr_speaker first, second; /* second: of /compare */
    json_t *messages;         /* owned: what a model sees */
    json_t *told;             /* owned: the transcript, with figures */
    fr_sampling sampling;     /* borrows from the options */
    bool window;              /* drop the oldest turns when the context is full */
    fr_energy energy;         /* of all answers of the first */
    double carbon_g, cpu_s;
    size_t n_answers;
} fr_chat;

/* Opens the model that the options name, in a run of its own. c must not move. */
int fr_chat_open(fr_chat *c, fr_cli *cli, const fr_sampling *sampling, fr_err *err);
void fr_chat_fini(fr_chat *c);
FR_AUTO_DEFINE(fr_chat);

/* Another model beside it; NULL: no more. */
int fr_chat_compare(fr_chat *c, const char *path, fr_err *err);

void fr_chat_set_system(fr_chat *c, const char *text); /* "": none */
void fr_chat_reset(fr_chat *c);                        /* all but the system text goes */
bool fr_chat_put_user(fr_chat *c, fr_str text);        /* false: no UTF-8, nothing put */
/* Takes the last answer back, so that it can be asked for again; false: there is none. */
bool fr_chat_take_back(fr_chat *c);
size_t fr_chat_n_messages(const fr_chat *c);

/* The answer to the conversation so far. It is shown as it comes unless --json, and kept (the first
 * speaker's; also one that Ctrl-C cut). FR_E_LIMIT: the context is full; then the question is taken
 * back. */
int fr_chat_answer(fr_chat *c, fr_speaker *who, fr_spoken *out, fr_err *err);

/* "41 tokens, 12.3 tokens/s, …" */
void fr_spoken_text(const fr_spoken *a, fr_buf *out);
/* Both figures of one question side by side, on stdout. */
void fr_chat_side_by_side(const fr_chat *c, const fr_spoken *first, const fr_spoken *second);

int fr_chat_save(const fr_chat *c, const char *path, fr_err *err);
/* Replaces the conversation: what /save wrote, a list of messages, or an object with "messages". */
int fr_chat_load(fr_chat *c, const char *path, fr_err *err);
/* Messages with figures, and sums. Ends the run first. */
int fr_chat_end(fr_chat *c, json_t **transcript, fr_err *err);

#endif
